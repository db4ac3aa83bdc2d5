"""`enigma.runtime()`: the runtime to use here."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from typing import TYPE_CHECKING, cast

from enigma import config
from enigma.errors import DeviceError
from enigma.runtime.base import Runtime

if TYPE_CHECKING:
    from enigma.runtime.metal.capabilities import DeviceCapabilities
    from enigma.runtime.metal.runtime import MetalRuntime

_RUNTIMES = {"cpu": ("cpu", "CpuRuntime"), "sim": ("sim", "SimRuntime"), "metal": ("metal.runtime", "MetalRuntime")}


def runtime(device: str | None = None) -> Runtime:
    """Return the runtime for `device` ("cpu", "sim" or "metal"); by default ENIGMA_DEVICE, else Metal where it is, else the CPU.

    Raises `DeviceError` for an unknown name, and for "metal" where there is none.

    >>> import enigma
    >>> enigma.runtime("sim")
    <enigma runtime sim>
    """
    name = device or config.device() or ("metal" if has_metal() else "cpu")
    if name not in _RUNTIMES:
        source = "" if device else ", which ENIGMA_DEVICE names"
        raise DeviceError(f"there is no device {name!r}{source}", help=f"devices are {', '.join(_RUNTIMES)}")
    found = _make(name)
    if not found.usable:  # it was closed, or its device is gone
        _make.cache_clear()
        found = _make(name)
    return found


def beside_others() -> Runtime:
    """Return the runtime for what another library runs on its CPU: the CPU's, or the simulator where ENIGMA_DEVICE asks for it."""
    return runtime("cpu" if config.device() in (None, "cpu", "metal") else None)


def has_metal() -> bool:
    """Return whether there is a Metal device that enigma can use, and may: ENIGMA_FORCE_NO_METAL forbids it.

    >>> has_metal() == (runtime().name == "metal")
    True
    """
    if sys.platform != "darwin" or config.force_no_metal():
        return False
    try:
        _make("metal")
    except DeviceError:
        return False
    return True


def device_capabilities() -> DeviceCapabilities:
    """Return what the Metal device can do. Raises `DeviceError` where there is none.

        enigma.device_capabilities().gpu_family  # "apple9" on an M4

    `enigma.MetalRuntime().device_capabilities()` is the same.
    """
    return cast("MetalRuntime", runtime("metal")).device_capabilities()


@cache
def _make(name: str) -> Runtime:
    module, cls = _RUNTIMES[name]
    return getattr(importlib.import_module(f"enigma.runtime.{module}"), cls)()
