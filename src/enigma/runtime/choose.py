"""`enigma.runtime()`: the runtime to use here."""

from __future__ import annotations

import importlib
from functools import cache

from enigma import config
from enigma.errors import DeviceError
from enigma.runtime.base import Runtime

_RUNTIMES = {"cpu": ("cpu", "CpuRuntime"), "sim": ("sim", "SimRuntime"), "metal": ("metal.runtime", "MetalRuntime")}


def runtime(device: str | None = None) -> Runtime:
    """Return the runtime for `device` ("cpu", "sim" or "metal"); by default ENIGMA_DEVICE, else the CPU.

    Raises `DeviceError` for an unknown name, and for "metal" where there is none.

    >>> import enigma
    >>> enigma.runtime("sim")
    <enigma runtime sim>
    """
    name = device or config.device() or "cpu"
    if name not in _RUNTIMES:
        source = "" if device else ", which ENIGMA_DEVICE names"
        raise DeviceError(f"there is no device {name!r}{source}", help=f"devices are {', '.join(_RUNTIMES)}")
    return _make(name)


@cache
def _make(name: str) -> Runtime:
    module, cls = _RUNTIMES[name]
    return getattr(importlib.import_module(f"enigma.runtime.{module}"), cls)()
