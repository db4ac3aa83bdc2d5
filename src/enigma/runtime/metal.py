"""`MetalRuntime`: Metal on a Mac. Where there is no Metal it says what to use instead."""

from __future__ import annotations

import sys
from typing import Any

from enigma.errors import DeviceError
from enigma.runtime.base import Runtime


class MetalRuntime(Runtime):
    """Runs kernels on an Apple GPU. Raises `DeviceError`, a `RuntimeError`, where there is none."""

    name = "metal"

    def __init__(self, dylib_path: Any = None) -> None:
        where = "this is not macOS" if sys.platform != "darwin" else "the Metal runtime is not built yet"
        raise DeviceError(
            f"enigma GPU error: no Metal device\n  reason: {where}\n  platform: {sys.platform}",
            help="use enigma.runtime(), which runs the same kernel on the CPU, or enigma.SimRuntime(), which checks it",
        )
