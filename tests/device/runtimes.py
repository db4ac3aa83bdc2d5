"""The runtimes that the tests of all of them run on: Metal is the real one on a Mac, and a stand-in elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

import enigma
from enigma.runtime import choose
from enigma.runtime.base import Runtime
from enigma.runtime.metal import objc
from tests.device.fake_metal import Machine

IS_MAC = sys.platform == "darwin"


@cache
def machine() -> Machine:
    """Return the stand-in that all of these tests share."""
    return Machine(chip="M4", system=(26, 1))


@cache
def _on_machine() -> Runtime:
    with replaced(machine()):
        return enigma.MetalRuntime()


def metal_runtime() -> Runtime:
    """Return the Metal runtime: of this Mac, or of the stand-in."""
    if IS_MAC:
        return enigma.MetalRuntime()
    machine().check()
    return _on_machine()


RUNTIMES: dict[str, Callable[[], Runtime]] = {
    "sim": enigma.SimRuntime,
    "cpu": enigma.CpuRuntime,
    "metal": metal_runtime,
}
DEVICES = tuple(RUNTIMES)

LANGUAGE = ("sim", "cpu")
"""Where the tests of the language run: how a kernel is launched does not depend on what is in it, so that the tests of the runtimes
are enough for Metal's stand-in, which runs it on the CPU. `.ci/on-metal` runs all of these with Metal in the CPU's place."""


@contextmanager
def replaced(machine: Machine) -> Iterator[None]:
    """Put a machine in place of PyObjC."""
    known, objc.load = objc.load, machine.bridge
    try:
        yield
    finally:
        objc.load = known


def put_metal_in_place_of_the_cpu() -> None:
    """Let every test that runs kernels on the CPU run them on Metal, for the rest of the process."""
    make: Any = choose._make
    enigma.CpuRuntime = metal_runtime
    RUNTIMES["cpu"] = metal_runtime
    choose._make = lambda name: metal_runtime() if name in ("cpu", "metal") else make(name)


@pytest.fixture
def metal_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `device="metal"` be the stand-in where there is no Mac."""
    if IS_MAC:
        yield
        return
    make: Any = choose._make
    monkeypatch.setattr(choose, "_make", lambda name: metal_runtime() if name == "metal" else make(name))
    yield
    machine().check()
