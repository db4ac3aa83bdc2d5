"""PyObjC's module `Metal`: constants, functions and classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.device.fake_metal.commands import ComputePassDescriptor
from tests.device.fake_metal.device import Device
from tests.device.fake_metal.machine import Machine
from tests.device.fake_metal.objects import NSError, NSObject
from tests.device.fake_metal.selectors import constants


class CompileOptions(NSObject):
    OWNER = "MTLCompileOptions"


class ComputePipelineDescriptor(NSObject):
    OWNER = "MTLComputePipelineDescriptor"


class CommandBufferDescriptor(NSObject):
    OWNER = "MTLCommandBufferDescriptor"


class LogStateDescriptor(NSObject):
    OWNER = "MTLLogStateDescriptor"


class CounterSampleBufferDescriptor(NSObject):
    OWNER = "MTLCounterSampleBufferDescriptor"


class CaptureDescriptor(NSObject):
    OWNER = "MTLCaptureDescriptor"


class TextureDescriptor(NSObject):
    """A texture to be: a 2-D one of one texel until it is told otherwise."""

    OWNER = "MTLTextureDescriptor"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.values = {
            "texturetype": 2, "width": 1, "height": 1, "depth": 1, "arraylength": 1, "usage": 1, "storagemode": 0,
            "mipmaplevelcount": 1,
        }  # fmt: skip


class FunctionConstantValues(NSObject):
    """Values of function constants: copied when they are set."""

    OWNER = "MTLFunctionConstantValues"
    SIZES = {3: 4, 16: 2, 121: 2, 29: 4, 33: 4, 37: 2, 41: 2, 45: 1, 49: 1, 53: 1, 81: 8, 85: 8}

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.given: dict[int, tuple[int, bytes]] = {}

    def _setConstantValue_type_atIndex_(self, address: int, kind: int, index: int) -> None:
        import ctypes

        if kind not in self.SIZES:
            raise self.machine.violate(f"{kind} is no type of a scalar function constant")
        if not 0 <= index <= 65535:
            raise self.machine.violate(f"{index} is no index of a function constant")
        self.given[index] = (kind, ctypes.string_at(address, self.SIZES[kind]))


class CaptureManager(NSObject):
    """Captures what is launched; it writes an empty file."""

    OWNER = "MTLCaptureManager"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.path: str | None = None

    def _startCaptureWithDescriptor_error_(self, descriptor: NSObject, _error: None) -> tuple[bool, NSError | None]:
        if self.path is not None:
            raise self.machine.violate("a capture was started while another one went on")
        if not self.machine.capture_enabled:
            return False, NSError(self.machine, "MTLCaptureError", 1, "Capturing is not supported.")
        if set(descriptor.values) != {"captureobject", "destination", "outputurl"}:
            raise self.machine.violate(
                f"a capture needs object, destination and URL, and has {sorted(descriptor.values)}"
            )
        self.path = descriptor.values["outputurl"].path
        return True, None

    def _stopCapture(self) -> None:
        if self.path is None:
            raise self.machine.violate("no capture was started")
        with open(self.path, "xb"):
            self.path = None


_CLASSES: dict[str, type[NSObject]] = {
    cls.OWNER: cls
    for cls in (
        CompileOptions, ComputePipelineDescriptor, CommandBufferDescriptor, LogStateDescriptor, CaptureDescriptor,
        TextureDescriptor, FunctionConstantValues, CounterSampleBufferDescriptor,
    )
}  # fmt: skip


class _Class:
    """A class that makes objects: `alloc().init()`."""

    def __init__(self, machine: Machine, cls: type[NSObject]) -> None:
        self._machine, self._cls = machine, cls

    def alloc(self) -> NSObject:
        return self._cls(self._machine)


class _Captures:
    def __init__(self, manager: CaptureManager) -> None:
        self._manager = manager

    def sharedCaptureManager(self) -> CaptureManager:
        return self._manager


class _Passes:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def computePassDescriptor(self) -> ComputePassDescriptor:
        return self._machine.autoreleased(ComputePassDescriptor(self._machine))


class Framework:
    """The module. What it lacks, it does not have."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._captures = CaptureManager(machine)

    def __getattr__(self, name: str) -> Any:
        if name in _CLASSES:
            return _Class(self._machine, _CLASSES[name])
        if name == "MTLCaptureManager":
            return _Captures(self._captures)
        if name == "MTLComputePassDescriptor":
            return _Passes(self._machine)
        if name in constants():
            return constants()[name]
        raise AttributeError(f"module 'Metal' has no attribute {name!r}")

    @property
    def MTLCreateSystemDefaultDevice(self) -> Callable[[], Device | None]:
        machine = self._machine
        return lambda: Device(machine) if machine.has_device else None
