"""`enigma export`: what it writes and prints, and its statuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from enigma.cli import main
from enigma.export.table import TARGETS

KERNELS = """
import numpy as np
import enigma as en

@en.kernel
def saxpy(x: en.f32, y: en.f32, a: en.Scalar[en.f32], n: en.Scalar[en.u32], step: en.constexpr = 1):
    i = en.thread_position_in_grid * step
    gain = en.function_constant(en.f32, 0, default=1.0, name="gain")
    if i < n:
        y[i] = a * x[i] * gain + y[i]

def some():
    return {"x": np.arange(100, dtype=np.float32), "y": np.ones(100, np.float32), "a": 2.0, "n": 100, "grid": 128, "threads": 64}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "kernels.py").write_text(KERNELS, encoding="utf-8")
    return tmp_path


def enigma(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["export", *arguments])


def test_inputs_are_made_by_seed(folder: Path) -> None:
    done = enigma(
        "kernels.py:saxpy", "--to", "msl", "--size", "1000", "--arg", "a=2.5", "--arg", "n=990", "--seed", "7"
    )
    assert (done.exit_code, done.output) == (0, (
        "written to saxpy-msl:\n  README.md\n  saxpy.json\n  saxpy.metal\n  vectors/0-x.input.bin\n"
        "  vectors/1-y.expected.bin\n  vectors/1-y.input.bin\n"
    ))  # fmt: skip
    x = np.fromfile(folder / "saxpy-msl/vectors/0-x.input.bin", np.float32)
    y = np.fromfile(folder / "saxpy-msl/vectors/1-y.expected.bin", np.float32)
    assert np.array_equal(x, np.random.default_rng(7).standard_normal(1000).astype(np.float32))
    assert np.array_equal(y, np.where(np.arange(1000) < 990, np.float32(2.5) * x, 0))


def test_inputs_of_a_function_constants_and_json(folder: Path) -> None:
    done = enigma(
        "kernels.py", "--to", "json", "--inputs", "some", "-D", "gain=3", "-D", "step=1", "--device", "cpu", "--out", "made/here",
        "--json",
    )  # fmt: skip
    said = json.loads(done.output)
    assert said["kernel"] == "saxpy"
    assert (said["to"], said["path"]) == ("json", "made/here")
    assert all((folder / "made" / "here" / name).is_file() for name in said["files"])
    about = json.loads((folder / "made/here/saxpy.json").read_text())["reference"]
    assert (about["grid"], about["threads"], about["computed_by"]) == ([128, 1, 1], [64, 1, 1], "cpu")
    assert about["function_constants"] == [{"index": 0, "value": 3.0, "given": True}]
    y = np.fromfile(folder / "made/here/vectors/1-y.expected.bin", np.float32)
    assert np.array_equal(y, np.arange(100, dtype=np.float32) * 6 + 1)


def test_the_help_has_examples_and_every_target() -> None:
    text = enigma("--help").output
    assert "Examples:" in text
    assert all(name in text for name in TARGETS)


def test_mistakes_are_a_line_and_a_status() -> None:
    run = ("kernels.py:saxpy", "--size", "8", "--arg", "a=1", "--arg", "n=8")
    unknown = enigma(*run, "--to", "cobol")
    assert unknown.exit_code == 2
    assert "Invalid value for '--to': 'cobol' is not one of 'msl'" in unknown.output
    tools = enigma(*run, "--to", "metallib")
    assert (tools.exit_code, tools.output.splitlines()[0]) == (
        1, "Error: a .metallib is made by Apple's tools, but xcrun was not found",
    )  # fmt: skip
    assert enigma(*run, "--to", "msl").exit_code == 0
    again = enigma(*run, "--to", "msl")
    assert (again.exit_code, again.output.splitlines()[0]) == (1, "Error: saxpy-msl is not empty")
    assert enigma(*run, "--to", "msl", "--overwrite").exit_code == 0
    inside = enigma(*run, "--to", "msl", "--out", "kernels.py/out")
    assert (inside.exit_code, inside.output.splitlines()[0]) == (
        1, "Error: the export cannot be written to kernels.py/out: not a directory",
    )  # fmt: skip
    missing = enigma("kernels.py:saxpy", "--to", "msl")
    assert (missing.exit_code, missing.output.splitlines()[0]) == (1, "Error: the number a needs a value: --arg a=...")
