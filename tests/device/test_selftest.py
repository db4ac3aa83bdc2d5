"""The self-test passes where all is well, and finds what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.lib import selftest
from enigma.runtime.metal.runtime import MetalRuntime
from tests.arch.tree import ROOT
from tests.device.fake_metal import Machine
from tests.unit.runtime.stand_in import put_on_path


@pytest.mark.parametrize("system", [(14, 0), (15, 3), (26, 1)])
def test_all_checks_pass_on_a_machine_that_works(machine: Machine, system: tuple[int, int]) -> None:
    machine.system = system
    outcomes = list(selftest.run_checks(MetalRuntime()))
    assert len(outcomes) == len(selftest.CHECKS) > 18
    failed = [str(one) for one in outcomes if not one.passed]
    expected = ["printing", "assertions"] if system < (15, 0) else []  # no log before macOS 15
    assert [text.split(":")[0].removeprefix("FAIL ") for text in failed] == expected, failed
    unchecked = {one.check.name for one in outcomes if one.detail.startswith("not checked")}
    assert unchecked == {"captures", "libraries built ahead"}  # both need something of the process or the machine


def test_captures_and_libraries_are_checked_where_they_can_be(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(tmp_path / "bin", monkeypatch)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delenv("ENIGMA_EMIT_ONLY", raising=False)
    monkeypatch.setenv("MTL_CAPTURE_ENABLED", "1")
    seen = {one.check.name: (one.passed, one.detail) for one in selftest.run_checks(MetalRuntime())}
    assert seen["captures"] == (True, "a launch was recorded")
    assert seen["libraries built ahead"] == (True, "a library from xcrun was loaded")


def test_counters_that_do_not_work_are_found(machine: Machine) -> None:
    machine.takes_samples = False
    assert failures(MetalRuntime()) == {"profiled times": "no time of the encoder: the GPU took no sample"}


@pytest.mark.parametrize("runtime", [en.CpuRuntime, en.SimRuntime])
def test_checks_of_kernels_pass_on_every_runtime(runtime: Callable[[], Any]) -> None:
    outcomes = list(selftest.run_checks(runtime()))
    assert len(outcomes) == sum(not one.needs_device for one in selftest.CHECKS)
    assert not [str(one) for one in outcomes if not one.passed]


def failures(rt: Any) -> dict[str, str]:
    return {one.check.name: one.detail for one in selftest.run_checks(rt) if not one.passed}


def test_objects_that_are_retained_too_often_are_found(machine: Machine) -> None:
    machine.leaks_new = True
    assert failures(MetalRuntime()) == {
        "ownership": "a new buffer is retained 2 times: install pyobjc-core 13 or later"
    }


def test_wrong_results_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(en.CpuRuntime):
        def bind(self, program: Any, arguments: Any, geometry: Any) -> Any:
            run = super().bind(program, arguments, geometry)

            def spoil() -> None:
                run()
                for slot, argument in zip(program.slots, arguments, strict=True):
                    if slot.written and isinstance(argument, np.ndarray):
                        argument.reshape(-1)[0] += 1

            return spoil

    wrong = failures(Wrong())
    assert set(wrong) == {one.name for one in selftest.CHECKS if not one.needs_device} - {"printing", "assertions"}
    assert wrong["tails"].startswith("1 elements differ in 1 of 1 places: at (0,) ")


def test_logs_that_stay_empty_are_found(machine: Machine) -> None:
    rt = MetalRuntime()
    from tests.device.fake_metal import device

    known = device.LogState._addLogHandler_
    try:
        device.LogState._addLogHandler_ = lambda self, handler: None
        assert set(failures(rt)) == {"printing", "assertions"}
    finally:
        device.LogState._addLogHandler_ = known


def test_the_page_lists_every_check() -> None:
    page = (ROOT / "docs/design/metal-runtime.md").read_text(encoding="utf-8")
    rows = [f"| {one.name} | {one.proves} |" for one in selftest.CHECKS]
    assert "\n".join(rows) in page
