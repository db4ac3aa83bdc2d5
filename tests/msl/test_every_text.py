"""Every Metal text that a person meets is legal: the golden files, and the kernels of the examples, the demo and the self-test.

With ENIGMA_TEST_XCRUN=1 Apple's compiler reads them too. (The kernels of `enigma.lib` are in tests/unit/lib/test_texts.py.)
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

import enigma as en
from enigma.trace.kernel import KernelDef
from tests.arch.tree import ROOT
from tests.msl.check import assert_legal
from tests.msl.lints import run_lints
from tests.msl.xcrun import run_xcrun, xcrun_wanted
from tests.test_golden import EXAMPLES, KERNELS, example

GOLDEN = sorted((ROOT / "tests" / "golden").rglob("*.metal"))
LIBRARIES = ("enigma.lib.demo", "enigma.lib.selftest_kernels")


def kernels() -> dict[str, Any]:
    """Return the kernels that stand in examples and library modules, but for those whose golden text is compiled anyway."""
    modules = [example(path.stem) for path in sorted(EXAMPLES.glob("*.py"))] + [
        importlib.import_module(name) for name in LIBRARIES
    ]
    golden = {_place(kernel) for kernel in KERNELS.values()}
    return {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, KernelDef) and _place(value) not in golden
    }


def _place(kernel: KernelDef) -> tuple[str, int]:
    code = kernel.fn.__code__
    return code.co_filename, code.co_firstlineno


FOUND = kernels()


def test_what_there_is_to_read_is_found() -> None:
    assert len(GOLDEN) >= 28
    assert {"example_qwen_layer.qwen_layer", "example_resize.blur", "enigma.lib.selftest_kernels.triad"} <= set(FOUND)
    assert len(FOUND) >= 20


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_golden_text_is_legal(path: Path) -> None:
    """The test that made it has shown it to clang."""
    text = path.read_text(encoding="utf-8")
    assert run_lints(text, msl_version=(3, 2)) == []
    if xcrun_wanted():
        assert run_xcrun(text, (3, 2)) == []


@pytest.mark.parametrize("name", FOUND)
def test_the_text_of_a_kernel_is_legal(name: str) -> None:
    metal = en.compile(FOUND[name], emit_only=True).program.metal
    assert_legal(metal.text, msl_version=max(metal.msl_version, (3, 0)))
