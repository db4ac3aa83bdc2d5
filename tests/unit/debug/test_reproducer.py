"""The program that `enigma reduce` writes runs alone, wherever it is: with the modules that stood beside the kernel."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import enigma as en
from enigma.cli import main
from enigma.debug.reproducer import Wanted, program
from enigma.debug.sources import needed
from enigma.errors import EnigmaTypeError

KERNELS = '''
"""Kernels that are wrong in ways of their own."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import enigma as en
from beside import *
from parts import scaling
from parts.deep import quote

n = 3


@dataclass
class View:
    width: en.Scalar[en.u32]
    zoom: en.Scalar[en.f32]


def helper(v):
    return twice(v) * scaling.factor + n


@en.kernel
def shade(x: en.f32, out: en.f32, view: View, n: en.Scalar[en.u32]):
    i = en.thread_position_in_grid
    if i < n:
        out[i] = helper(x[i]) * view.zoom


def shade_inputs():
    x = np.arange(300, dtype=np.float32)
    return {"x": x, "out": np.zeros(300, np.float32), "view": View(3, 0.5), "n": 300, "grid": 300}


def shade_wanted(x, out, view, n):
    quote()
    return np.where(x < 250, (2 * x * 7 + 3) * 0.5, -1)


@en.kernel
def mean(x: en.f32, out: en.f32, n: en.Scalar[en.u32]):
    i = en.thread_position_in_grid
    total = 0.0
    for k in range(n):
        total += x[i * n + k]
    out[i] = total / (n - 1)


def mean_inputs():
    return {"x": np.ones((64, 33), np.float32), "out": np.zeros(64, np.float32), "n": 33, "grid": 64}


def mean_wanted(x, out, n):
    return x.reshape(-1, n).mean(1)


@en.kernel
def race(x: en.f32, out: en.f32):
    t = en.thread_position_in_threadgroup()
    tile = en.threadgroup_alloc(en.f32, 64)
    tile[t] = x[en.thread_position_in_grid]
    out[en.thread_position_in_grid] = tile[63 - t]


@en.kernel
def divided(x: en.i32, y: en.i32, out: en.i32):
    i = en.thread_position_in_grid
    out[i] = x[i] // y[i]


def divided_inputs():
    x = np.arange(100, dtype=np.int32)
    return {"x": x, "y": x - 57, "out": np.zeros(100, np.int32), "grid": 100}


@en.kernel
def endless(x: en.f32):
    while x[0] < 1:
        x[1] = 2


@en.kernel
def tail(x: en.f32, out: en.f32, n: en.Scalar[en.u32], scale: en.constexpr = 1):
    i = en.thread_position_in_grid
    if i <= n:
        out[i] = x[i] * scale


def scaler(factor):
    @en.kernel
    def scaled(x: en.f32, out: en.f32):
        i = en.thread_position_in_grid
        out[i] = factor * x[i]

    return scaled


tripled = scaler(3)


def tripled_wanted(x, out):
    return 4 * x
'''

BESIDE = {
    "beside.py": "def twice(v):\n    return v + v\n",
    "parts/__init__.py": "from . import scaling\n",
    "parts/scaling.py": "from .deep import seven\nfactor = seven\n",
    "parts/deep.py": "import math\nseven = int(math.sqrt(49))\n\n\ndef quote():\n    return '''a \\'quote\\' '''\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("ENIGMA_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("beside", "parts", "parts.scaling", "parts.deep"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name, text in {"kernels.py": KERNELS, **BESIDE}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def reduced(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["reduce", *arguments, "-o", "alone.py"], prog_name="enigma")
    assert result.exit_code == 0, result.output
    return result.stdout


def alone(elsewhere: Path) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder where nothing else is."""
    elsewhere.mkdir(exist_ok=True)
    shutil.copy("alone.py", elsewhere)
    return subprocess.run([sys.executable, "alone.py"], cwd=elsewhere, capture_output=True, text=True, check=False)


CASES = {
    # a wrong element far behind is soon alone, and structs, modules and names that shadow one another are kept
    "shade": (["--inputs", "shade_inputs", "--oracle", "shade_wanted"], "out differs on sim", "x: 1, out: 1,", "by the oracle"),
    # of one column the divisor is zero: that would be another failure
    "mean": (["--inputs", "mean_inputs", "--oracle", "mean_wanted"], "out differs on sim", "x: 1x2, out: 1, n: 2", "by the oracle"),
    "race": (["--size", "640", "--threads", "64", "--check"], "data-race in kernels.py:", "x: 33, out: 33", "data race"),
    "divided": (["--inputs", "divided_inputs", "--check"], "division-by-zero in", "x: 1, y: 1, out: 1", "is divided by 0"),
    # what the file calls the kernel counts, not the name of the function
    "tripled": (["--size", "64", "--oracle", "tripled_wanted"], "out differs on sim", "x: 1, out: 1", "by the oracle"),
    "endless": (["--arg", "x=zeros(4)", "--check", "--max-rounds", "50"], "step-budget", "x: 1; grid (1,)", "not ended after 50"),
}  # fmt: skip


@pytest.mark.parametrize("kernel", CASES)
def test_each_kind_of_failure_is_small_and_fails_alone(folder: Path, kernel: str) -> None:
    options, failure, sizes, said = CASES[kernel]
    text = reduced(f"kernels.py:{kernel}", *options)
    assert f"fails: {failure}" in text
    assert sizes in text
    done = alone(folder / "elsewhere")
    assert (done.returncode, done.stderr) == (1, "")
    assert said in done.stdout


def test_what_leaves_its_memory_is_reduced_without_being_run_natively(folder: Path) -> None:
    (folder / "kernels.py").write_text(KERNELS + "\ndef tail_wanted(x, out, n):\n    return 3 * x\n")
    options = ["--size", "500", "--arg", "n=500", "--grid", "512", "--oracle", "tail_wanted", "-D", "scale=3"]
    text = reduced("kernels.py:tail", *options)
    assert "fails: read outside of buffer x on sim" in text
    assert "x: 1, out: 1, n: 1; grid (2,)" in text
    done = alone(folder / "elsewhere")
    assert (done.returncode, done.stderr) == (1, "")
    assert "cpu failed: not run" in done.stdout


def test_the_kernel_that_was_mended_passes(folder: Path) -> None:
    reduced("kernels.py:mean", *CASES["mean"][0])
    Path("alone.py").write_text(Path("alone.py").read_text().replace("(n - 1)", "n"))
    done = alone(folder / "elsewhere")
    assert (done.returncode, done.stdout) == (0, "mean: sim and cpu agree with the oracle\n")


SMALL = """
import numpy as np
import enigma as en
@en.kernel
def out(x: en.f32, out: en.f32):
    out[0] = x[0]
"""


def test_a_parameter_may_be_called_as_the_kernel_and_numbers_may_be_nan() -> None:
    x = np.array([np.nan, -np.inf, 1], np.float32)
    text = program(
        SMALL,
        Wanted("out", None, ["sim", "cpu"], False),
        {"x": x, "out": np.zeros(3, np.float32)},
        (1,),
        (1,),
        {},
        'a "b"',
    )
    space: dict[str, Any] = {"__name__": "program"}
    with pytest.raises(SystemExit) as stopped:
        exec(compile(text, "<program>", "exec"), space)
    assert stopped.value.code == 0


def test_values_are_written_as_python_and_what_cannot_be_is_refused() -> None:
    wanted = Wanted("out", None, ["cpu"], True)
    values = {
        "a": float("nan"),
        "b": np.float32(2.5),
        "c": np.arange(3, dtype=np.uint8),
        "d": np.ones(2, en.bf16.numpy),
        "e": np.float32("-inf"),
    }
    text = program(SMALL, wanted, values, (1,), (1,), {}, "f")
    for line in (
        "a = float('nan')",
        "b = 2.5",
        "e = float('-inf')",
        "c = np.array([0, 1, 2], np.uint8)",
        ".view(enigma.bf16.numpy)",
    ):
        assert line in text
    with pytest.raises(EnigmaTypeError, match="a program cannot hold a object"):
        program(SMALL, wanted, {"a": object()}, (1,), (1,), {}, "f")


def test_imports_of_everything_and_annotations_as_text_are_kept() -> None:
    source = "from a import *\nimport b\nclass P: pass\nclass Q: pass\ndef k(p: 'P', q: 'no type'): return 1\n"
    kept = needed(source, {"k"})[1]
    assert "from a import *" in kept
    assert "class P" in kept
    assert "class Q" not in kept
    assert "import b" not in kept
