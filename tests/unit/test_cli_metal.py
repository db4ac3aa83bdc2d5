"""The commands that are about Metal: the self-test, and a run with shader validation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

import enigma
from enigma.cli import main
from enigma.cli.load import load_kernel
from enigma.lib import selftest
from enigma.runtime.metal import reported
from tests.device.runtimes import IS_MAC, metal_device

__all__ = ["metal_device"]
needs_no_mac = pytest.mark.skipif(IS_MAC, reason="shows what a machine without Metal says")

KERNEL = """
import enigma as en

@en.kernel
def twice(x: en.f32, y: en.f32):
    i = en.thread_position_in_grid
    y[i] = 2 * x[i]
"""


def test_the_self_test_on_the_cpu_in_lines_and_as_json() -> None:
    result = CliRunner().invoke(main, ["doctor", "--self-test", "--device", "cpu"])
    assert result.exit_code == 0
    assert "ok  tails                sizes 1 to 1023 agree with NumPy\n" in result.output
    assert result.output.endswith("\nall checks passed on cpu\n")
    result = CliRunner().invoke(main, ["doctor", "--self-test", "--device", "cpu", "--json"])
    found = json.loads(result.output)
    assert found["device"] == "cpu"
    assert [one["name"] for one in found["checks"]] == [one.name for one in selftest.CHECKS if not one.needs_device]
    assert all(one["passed"] for one in found["checks"])


def test_the_self_test_on_metal(metal_device: None) -> None:
    result = CliRunner().invoke(main, ["doctor", "--self-test", "--device", "metal"])
    assert result.exit_code == 0, result.output
    assert "ok  ownership            a new buffer is retained once\n" in result.output


def test_a_check_that_fails_is_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(rt: Any) -> str:
        raise selftest.Failed("two is not three")

    monkeypatch.setattr(selftest, "CHECKS", [selftest.Check("numbers", "that they count", wrong)])
    result = CliRunner().invoke(main, ["doctor", "--self-test", "--device", "sim"])
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "no  numbers              two is not three", "", "1 failed on sim: report it, with this output"
    ]  # fmt: skip


@needs_no_mac
def test_validation_needs_metal(tmp_path: Path) -> None:
    (tmp_path / "kernels.py").write_text(KERNEL, encoding="utf-8")
    result = CliRunner().invoke(main, ["run", f"{tmp_path / 'kernels.py'}:twice", "--validate"])
    assert result.exit_code == 1
    assert (
        "enigma GPU error: no Metal device" in result.output and "enigma.SimRuntime(), which checks it" in result.output
    )


REPORTS = """\
2026-08-14 10:00:00.1 python[71:9] Metal API Validation Enabled
2026-08-14 10:00:00.2 python[71:9] Metal GPU Validation Enabled
a line of the kernel's owner
[GPUDebug] Invalid device store at offset 4096, executing kernel function: "twice"
buffer: y, length:4096, resident:Read Write
  * frame #0: twice() - /program_source:{line}:12
[GPUDebug] Invalid device store at offset 4100, executing kernel function: "twice"
buffer: y, length:4096, resident:Read Write
  * frame #0: twice() - /program_source:{line}:12
Invalid device load at offset 4352, executing kernel function:
  "twice"
buffer: x from byte 256, length:4352   encoder: "0", dispatch: 7
Invalid device load at offset 8, executing kernel function: "another"
and another line
"""


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch, metal_device: None) -> Any:
    """The process with shader validation, played: `says` is what it writes, `calls` how it was called."""
    played = SimpleNamespace(calls=[], says="Metal GPU Validation Enabled", writes='{"device": "metal"}\n', status=0)

    def run(command: list[str], env: dict[str, str], capture_output: bool, text: bool, check: bool) -> Any:
        assert capture_output and text and not check
        played.calls.append((command, {name: env[name] for name in env if name.startswith("MTL_")}))
        return SimpleNamespace(returncode=played.status, stdout=played.writes, stderr=played.says)

    monkeypatch.delenv("MTL_SHADER_VALIDATION", raising=False)
    monkeypatch.setattr(subprocess, "run", run)
    return played


def line_of_the_store(folder: Path) -> int:
    kernel = load_kernel(f"{folder / 'kernels.py'}:twice")
    return next(
        k
        for k, text in enumerate(enigma.compile(kernel, emit_only=True).metal_source.splitlines(), 1)
        if "y[i]" in text
    )


def run_validated(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> Any:
    arguments = ["run", f"{folder / 'kernels.py'}:twice", "--validate", *more]
    monkeypatch.setattr(sys, "argv", ["enigma", *arguments])
    return CliRunner().invoke(main, arguments)


def test_validation_runs_in_a_process_of_its_own_and_then_on_metal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, child: Any
) -> None:
    (tmp_path / "kernels.py").write_text(KERNEL, encoding="utf-8")
    result = run_validated(tmp_path, monkeypatch)
    assert result.exit_code == 0 and result.output.endswith("shader validation: nothing found\n")
    child.status = 3
    assert run_validated(tmp_path, monkeypatch).exit_code == 3
    command = [sys.executable, "-m", "enigma", "run", f"{tmp_path / 'kernels.py'}:twice", "--validate"]
    wanted = {"MTL_DEBUG_LAYER": "1", "MTL_SHADER_VALIDATION": "1", "MTL_SHADER_VALIDATION_REPORT_TO_STDERR": "1"}
    assert child.calls == [(command, wanted)] * 2
    monkeypatch.setenv("MTL_SHADER_VALIDATION", "1")  # in the process itself
    result = run_validated(tmp_path, monkeypatch, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["device"] == "metal"
    assert len(child.calls) == 2


def test_what_shader_validation_reports_is_told_as_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, child: Any
) -> None:
    (tmp_path / "kernels.py").write_text(KERNEL, encoding="utf-8")
    child.says = REPORTS.format(line=line_of_the_store(tmp_path))
    result = run_validated(tmp_path, monkeypatch)
    assert result.exit_code == 1
    assert result.output == (
        "a line of the kernel's owner\nand another line\n"
        '{"device": "metal"}\n'
        "kernels.py:7:5: error: Metal's shader validation saw an invalid device store at byte 4096 of y of 4096 bytes "
        "[out-of-bounds]\n"
        "    y[i] = 2 * x[i]\n    ^\n  help: run `enigma check`, which names the thread too\n"
        "kernels.py:5:1: error: Metal's shader validation saw an invalid device load at byte 4352 of x of 4352 bytes "
        "[out-of-bounds]\n"
        "    def twice(x: en.f32, y: en.f32):\n    ^\n  note: Metal did not say in which line of the kernel\n"
        "  help: run `enigma check`, which names the thread too\nshader validation: 2 found\n"
    )
    result = run_validated(tmp_path, monkeypatch, "--json")
    found = json.loads(result.stdout)
    assert found["device"] == "metal" and result.exit_code == 1
    assert [(one["kind"], one["buffer"], one["index"], one["line"], one["count"]) for one in found["findings"]] == [
        ("out-of-bounds", "y", 1024, 7, 2), ("out-of-bounds", "x", 1024, 5, 1),
    ]  # fmt: skip


def test_a_process_that_does_not_say_that_it_validates_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, child: Any
) -> None:
    (tmp_path / "kernels.py").write_text(KERNEL, encoding="utf-8")
    child.says = ""
    assert "warning: Metal did not say that its shader validation was on" in run_validated(tmp_path, monkeypatch).output


def test_the_self_test_with_validation_fails_for_a_report(monkeypatch: pytest.MonkeyPatch, child: Any) -> None:
    arguments = ["doctor", "--self-test", "--validate"]
    monkeypatch.setattr(sys, "argv", ["enigma", *arguments])
    child.writes = "all checks passed on metal\n"
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.output) == (
        1, "all checks passed on metal\nno  shader validation does not report a kernel that leaves its buffer: "
        "nothing was checked\n",
    )  # fmt: skip
    child.says = 'Invalid device store at offset 256, executing kernel function: "strays"\n'
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.output.splitlines()[1:]) == (
        0, ["shader validation reports a kernel that leaves its buffer, and none of the checks"]
    )  # fmt: skip
    child.says += REPORTS.format(line=8)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert "no  twice: invalid device store at byte 4096, line 8 of its Metal source\n" in result.output
    assert "--validate is about the self-test" in CliRunner().invoke(main, ["doctor", "--validate"]).output


def test_the_process_of_the_self_test_strays_on_purpose(monkeypatch: pytest.MonkeyPatch, metal_device: None) -> None:
    monkeypatch.setenv("MTL_SHADER_VALIDATION", "1")
    ran: list[str] = []
    monkeypatch.setattr(selftest, "CHECKS", [])
    monkeypatch.setattr("enigma.cli.doctor.stray", lambda rt: (ran.append(rt.name), selftest.stray(rt)))
    assert CliRunner().invoke(main, ["doctor", "--self-test", "--validate"]).exit_code == 0
    assert ran == ["metal"]


def test_older_forms_of_a_report_are_read() -> None:
    said = (
        'Invalid device load executing kernel function "k" encoder: "0", dispatch: 0, at offset 120\n'
        ' buffer: "<unnamed>", length:80, resident:Read Write\n'
    )
    assert reported.parse(said) == [reported.Reported("device load", "k", 120, "<unnamed>", 80, None)]
    assert reported.without_reports(f"before\n{said}after") == "before\nafter"
    said = 'Invalid threadgroup store at offset 33000, executing kernel function: "k"\n'
    assert reported.parse(said) == [reported.Reported("threadgroup store", "k", 33000)]
