"""Which runtime one gets."""

from __future__ import annotations

import doctest
import sys
from collections.abc import Iterator

import pytest

import enigma
from enigma.errors import DeviceError
from enigma.runtime import choose
from enigma.runtime.metal import objc
from tests.device.fake_metal import Machine
from tests.unit.runtime.launched import message


@pytest.fixture(autouse=True)
def no_device_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENIGMA_DEVICE", raising=False)


def test_the_default_is_metal_where_it_is_and_the_processor_elsewhere() -> None:
    assert enigma.runtime().name == ("metal" if choose.has_metal() else "cpu")
    if sys.platform != "darwin":
        assert isinstance(enigma.runtime(), enigma.CpuRuntime)


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A Mac with a device, as far as the choice of a runtime goes."""
    machine = Machine()
    monkeypatch.setattr(objc, "load", machine.bridge)
    monkeypatch.setattr(choose.sys, "platform", "darwin")
    choose._make.cache_clear()
    yield machine
    choose._make.cache_clear()


def test_on_a_mac_the_default_is_metal_unless_that_is_forbidden(mac: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    rt = enigma.runtime()
    assert rt.name == "metal" and enigma.runtime("metal") is rt
    assert enigma.device_capabilities().gpu_family == "apple7"
    monkeypatch.setenv("ENIGMA_FORCE_NO_METAL", "1")
    assert enigma.runtime().name == "cpu"


def test_a_mac_without_a_device_runs_on_the_processor(mac: Machine) -> None:
    mac.has_device = False
    assert not choose.has_metal()
    assert enigma.runtime().name == "cpu"
    with pytest.raises(DeviceError, match="Metal has no device here"):
        enigma.device_capabilities()


def test_a_runtime_that_was_closed_or_lost_its_device_is_replaced(mac: Machine) -> None:
    first = enigma.runtime("metal")
    first.close()
    second = enigma.runtime("metal")
    assert second is not first and second.usable


@pytest.mark.parametrize(("name", "kind"), [("cpu", "CpuRuntime"), ("sim", "SimRuntime")])
def test_a_name_gives_its_runtime_the_same_each_time(name: str, kind: str) -> None:
    rt = enigma.runtime(name)
    assert type(rt).__name__ == kind
    assert rt.name == name
    assert repr(rt) == f"<enigma runtime {name}>"
    assert enigma.runtime(name) is rt


def test_the_environment_names_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENIGMA_DEVICE", "sim")
    assert enigma.runtime().name == "sim"
    assert enigma.runtime("cpu").name == "cpu"
    monkeypatch.setenv("ENIGMA_DEVICE", "")
    assert enigma.runtime().name == ("metal" if choose.has_metal() else "cpu")


def test_an_unknown_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert message(lambda: enigma.runtime("gpu"), DeviceError) == (
        "there is no device 'gpu'\n  help: devices are cpu, sim, metal"
    )
    monkeypatch.setenv("ENIGMA_DEVICE", "cuda")
    assert message(enigma.runtime, DeviceError) == (
        "there is no device 'cuda', which ENIGMA_DEVICE names\n  help: devices are cpu, sim, metal"
    )


HELP = "  help: use enigma.runtime(), which runs the same kernel on the CPU, or enigma.SimRuntime(), which checks it"


def test_without_metal_the_error_says_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objc.sys, "platform", "linux")
    text = f"enigma GPU error: no Metal device\n  reason: this is not macOS\n  platform: linux\n{HELP}"
    assert message(enigma.MetalRuntime, DeviceError) == text
    assert message(lambda: enigma.runtime("metal"), RuntimeError) == text


def test_metal_that_is_forbidden_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENIGMA_FORCE_NO_METAL", "1")
    text = (
        f"enigma GPU error: no Metal device\n  reason: ENIGMA_FORCE_NO_METAL is set\n  platform: {sys.platform}\n{HELP}"
    )
    assert message(enigma.MetalRuntime, DeviceError) == text


@pytest.mark.skipif(sys.platform == "darwin", reason="shows what a Mac without PyObjC says")
def test_on_a_mac_without_pyobjc_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objc.sys, "platform", "darwin")
    assert message(lambda: enigma.MetalRuntime(None), DeviceError) == (
        "enigma GPU error: no Metal device\n  reason: PyObjC cannot be imported: No module named 'Metal'\n  platform: darwin\n"
        "  help: pip install 'pyobjc-core>=13' pyobjc-framework-Metal"
    )


def test_the_examples_in_the_docstrings_hold() -> None:
    result = doctest.testmod(choose)
    assert result.attempted
    assert not result.failed
