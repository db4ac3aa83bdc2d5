"""The pytest plugin, as a project that uses it sees it: each test runs pytest on a file of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import enigma as en
from enigma.debug.pytest_plugin import Comparer, absent
from tests.arch.tree import ROOT

TESTS = """
import numpy as np
import pytest
import enigma as en

@en.kernel
def halved(x: en.f32, out: en.f32, n: en.Scalar[en.u32]):
    i = en.thread_position_in_grid
    if i < n:
        out[i] = x[i] / 2

@en.kernel
def only_full(x: en.f32, out: en.f32, n: en.Scalar[en.u32]):
    i = en.thread_position_in_grid
    if i < n - n % 32 or n < 32:
        out[i] = x[i] / 2

def inputs(n, rng):
    return {"n": n, "x": rng.random(n, dtype=np.float32), "out": np.full(n, -1, np.float32)}

def half(x, out, n):
    return x / 2

def test_right(enigma_compare):
    enigma_compare(halved, inputs, oracle=half)

def test_right_in_order(enigma_compare):
    enigma_compare(halved, lambda n, rng: list(inputs(n, rng).values())[1:] + [n], oracle=half, sizes=[5], threads=32)

def test_tail_forgotten(enigma_compare):
    enigma_compare(only_full, inputs, oracle=half)

def test_by_hand(enigma_device):
    x, out = np.ones(4, np.float32), np.zeros(4, np.float32)
    halved.launch(x, out, 4, grid=4, device=enigma_device)
    assert (out == 0.5).all()

@pytest.mark.enigma_device("metal", reason="its own precision")
def test_on_metal(enigma_device):
    pass

@pytest.mark.enigma_device("cpu")
def test_on_cpu(enigma_device):
    assert enigma_device == "cpu"

@pytest.mark.enigma_device("metal", reason="its own memory")
def test_marked_without_a_fixture():
    raise RuntimeError("this must not run")

@pytest.mark.enigma_device("metal", "sim")
def test_marked_with_one_that_is_there():
    pass

@pytest.mark.enigma_device(reason="all")
def test_marked_with_none(enigma_device):
    pass

def test_names(enigma_compare):
    enigma_compare(halved, lambda n, rng: {"y": 1}, oracle=half)
"""


def run(folder: Path, *options: str, text: str = TESTS) -> subprocess.CompletedProcess[str]:
    (folder / "test_kernels.py").write_text(text)
    # an installed enigma brings its plugin by itself, and no plugin can be there twice
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "ENIGMA_CACHE_DIR": str(folder / "cache"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "enigma.debug.pytest_plugin",
        "-p",
        "no:cacheprovider",
        "-rsf",
    ]
    return subprocess.run([*command, *options], cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_tests_run_on_each_device_and_the_forgotten_tail_is_found(tmp_path: Path) -> None:
    done = run(tmp_path, "--strict-markers", "-v")
    text = done.stdout
    for device in ("sim", "cpu"):
        assert f"test_right[{device}] PASSED" in text, text
        assert f"test_right_in_order[{device}] PASSED" in text
        assert f"test_by_hand[{device}] PASSED" in text
        assert f"test_tail_forgotten[{device}] FAILED" in text
        assert f"out[32] is -1 on {device}, but" in text
        assert f"ComparisonError: at size 33: only_full on {device}, compared with the oracle" in text
    assert "no thread writes out[32]" in text
    assert "test_on_cpu[cpu] PASSED" in text
    assert "test_on_metal[metal] SKIPPED" in text
    assert "its own precision (not asked for: --enigma-device=sim,cpu)" in text
    assert "its own memory (not asked for: --enigma-device=sim,cpu)" in text
    assert "test_marked_with_one_that_is_there PASSED" in text
    for device in ("sim", "cpu"):
        assert f"test_marked_with_none[{device}] PASSED" in text
    # of a failure the test's own line is shown, and not those of the plugin
    assert "pytest_plugin.py" not in text.partition("short test summary")[0]
    assert "inputs returned y, but the kernel has the parameters x, out, n" in text
    assert done.returncode == 1


@pytest.mark.skipif(absent("metal") is None, reason="Metal is here")
def test_an_absent_device_is_skipped_with_its_reason(tmp_path: Path) -> None:
    done = run(tmp_path, "--enigma-device=metal,cpu", "-k", "right or metal", "-v")
    assert done.returncode == 0, done.stdout
    assert "test_right[cpu] PASSED" in done.stdout
    assert "test_right[metal] SKIPPED" in done.stdout
    reason = absent("metal")
    assert f"no device metal: {reason}\n" in done.stdout
    assert f"its own precision (no device metal: {reason})" in done.stdout


@pytest.mark.parametrize(
    ("names", "message"),
    [("gpu", "--enigma-device: there is no device 'gpu': they are sim, cpu, metal"), (",", "name at least one device")],
)
def test_a_wrong_device_is_a_usage_error(tmp_path: Path, names: str, message: str) -> None:
    done = run(tmp_path, f"--enigma-device={names}")
    assert done.returncode == 4
    assert message in done.stderr + done.stdout


def test_a_wrong_device_in_a_marker_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, text=TESTS.replace('enigma_device("cpu")', 'enigma_device("gpu")'))
    assert "there is no device 'gpu': they are sim, cpu, metal" in done.stdout
    assert "Traceback" not in done.stdout


@en.kernel
def doubled(x: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    out[i] = x[i] * 2


def test_a_compiled_kernel_is_compared_too_and_what_is_none_is_told() -> None:
    def by_name(n: int, rng: np.random.Generator) -> dict[str, object]:
        return {"out": np.zeros(n, np.float32), "x": rng.random(n, np.float32)}

    for kernel in (doubled, en.compile(doubled, emit_only=True)):
        Comparer("cpu")(kernel, by_name, oracle=lambda x, out: x * 2, sizes=(33,))
        with pytest.raises(en.ComparisonError, match="at size 33"):
            Comparer("cpu")(kernel, by_name, oracle=lambda x, out: x * 3, sizes=(33,))
    with pytest.raises(en.EnigmaTypeError, match="compare takes a kernel, but it got 3"):
        Comparer("cpu")(3, by_name, oracle=lambda x, out: x)
