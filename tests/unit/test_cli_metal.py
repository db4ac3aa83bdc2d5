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

from enigma.cli import main
from enigma.lib import selftest
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


def test_validation_runs_in_a_process_of_its_own_and_then_on_metal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metal_device: None
) -> None:
    (tmp_path / "kernels.py").write_text(KERNEL, encoding="utf-8")
    arguments = ["run", f"{tmp_path / 'kernels.py'}:twice", "--validate", "--json"]
    calls: list[Any] = []

    def run(command: list[str], env: dict[str, str], check: bool) -> Any:
        calls.append((command, env["MTL_DEBUG_LAYER"], env["MTL_SHADER_VALIDATION"]))
        return SimpleNamespace(returncode=3)

    monkeypatch.delenv("MTL_SHADER_VALIDATION", raising=False)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["enigma", *arguments])
    assert CliRunner().invoke(main, arguments).exit_code == 3
    assert calls == [([sys.executable, "-m", "enigma", *arguments], "1", "1")]
    monkeypatch.setenv("MTL_SHADER_VALIDATION", "1")
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["device"] == "metal"
