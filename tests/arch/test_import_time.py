"""What an import brings along. Counted in modules, not in seconds, so that the answer is the same on every machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.arch.tree import SRC

HEAVY = ("numpy", "ml_dtypes", "xdsl", "llvmlite", "rich", "click", "platformdirs", "objc", "torch", "mlx")


def heavy_after(code: str) -> list[str]:
    """Return which of the heavy packages are loaded once a fresh interpreter has run `code`."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(set({HEAVY!r}) & set(sys.modules))))"
    # -S would hide an editable install: the tree itself goes first on the path instead
    env = {**os.environ, "PYTHONPATH": str(SRC.parent)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def needs(module: str) -> None:
    path = SRC.joinpath(*module.split(".")[1:])
    if not (path.is_dir() or path.with_suffix(".py").is_file()):
        pytest.skip(f"{module} is not there yet")


def test_importing_enigma_loads_nothing_heavy() -> None:
    assert heavy_after("import enigma") == []


def test_asking_for_the_version_loads_nothing_heavy() -> None:
    if not (SRC / "__init__.py").is_file():
        pytest.skip("enigma/__init__.py is not there yet")
    assert heavy_after("import enigma; enigma.__version__") == []


def test_the_tables_are_read_without_any_library() -> None:
    needs("enigma.spec.registry")
    assert heavy_after("from enigma.spec.registry import all_rows; all_rows()") == []


@pytest.mark.parametrize("module", ["enigma.trace", "enigma.runtime.sim", "enigma.runtime.cache", "enigma.compile"])
def test_tracing_and_simulating_load_no_compiler(module: str) -> None:
    needs(module)
    assert not set(heavy_after(f"import {module}")) & {"xdsl", "llvmlite"}


def test_the_layout_algebra_stands_alone() -> None:
    needs("enigma.layout")
    assert heavy_after("import enigma.layout") == []
