"""The device: what it tells of itself, and what it makes."""

from __future__ import annotations

import ctypes
from typing import Any

from tests.device.fake_metal.commands import CommandQueue, CounterSamples, CounterSet
from tests.device.fake_metal.libraries import Function, Library, Pipeline, language_of
from tests.device.fake_metal.machine import CHIPS, PAGE, Machine
from tests.device.fake_metal.memory import BYTES, Buffer, Texture
from tests.device.fake_metal.objects import NSError, NSObject

LIBRARY_DOMAIN = "MTLLibraryErrorDomain"


class Size(tuple):
    """An MTLSize."""

    width = property(lambda self: self[0])
    height = property(lambda self: self[1])
    depth = property(lambda self: self[2])


class LogState(NSObject):
    """Where the kernels of a command buffer write lines to."""

    OWNER = "MTLLogState"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.handlers: list[Any] = []

    def _addLogHandler_(self, handler: Any) -> None:
        self.handlers.append(handler)


class Device(NSObject):
    """An Apple GPU."""

    OWNER = "MTLDevice"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.chip = CHIPS[machine.chip]

    def _name(self) -> str:
        return self.chip.name

    def _supportsFamily_(self, family: int) -> bool:
        return 1001 <= family <= self.chip.family

    def _maxThreadsPerThreadgroup(self) -> Size:
        return Size((1024, 1024, 1024))

    def _maxThreadgroupMemoryLength(self) -> int:
        return 32768

    def _maxBufferLength(self) -> int:
        return self.machine.largest

    def _recommendedMaxWorkingSetSize(self) -> int:
        return self.machine.memory * 3 // 4

    def _currentAllocatedSize(self) -> int:
        return self.machine.allocated

    def _hasUnifiedMemory(self) -> bool:
        return True

    def _readWriteTextureSupport(self) -> int:
        return self.chip.read_write_tier

    def _supports32BitFloatFiltering(self) -> bool:
        return self.chip.family >= 1007

    def _supportsCounterSampling_(self, point: int) -> bool:
        return point == 0 and self.machine.samples_stages

    def _counterSets(self) -> list[CounterSet]:
        return [CounterSet(self.machine, name) for name in self.machine.counter_sets]

    def _sampleTimestamps_gpuTimestamp_(self, _processor: None, _gpu: None) -> tuple[int, int]:
        self.machine.gpu_clock += 1e-6
        now = self.machine.gpu_clock * 1e9
        return int(now), int(now * self.machine.gpu_ticks)

    def _newCounterSampleBufferWithDescriptor_error_(
        self, descriptor: NSObject, _error: None
    ) -> tuple[CounterSamples, None]:
        held = descriptor.values
        if set(held) != {"counterset", "storagemode", "samplecount"} or held["counterset"].title != "timestamp":
            raise self.machine.violate(f"no samples can be made of {held}")
        return CounterSamples(self.machine, held["samplecount"]), None

    # ---- what it makes

    def _newCommandQueue(self) -> CommandQueue:
        return CommandQueue(self.machine)

    def _has_room(self, size: int) -> bool:
        return self.machine.allocated + size <= self.machine.memory

    def _newBufferWithLength_options_(self, length: int, options: int) -> Buffer | None:
        if length == 0:
            raise self.machine.violate("a buffer cannot have 0 bytes")
        if options != 0:
            raise self.machine.violate(f"resource options are {options}: the CPU looks at shared memory, 0")
        if length > self.machine.largest or not self._has_room(length):
            return None
        return Buffer(self.machine, length)

    def _newBufferWithBytesNoCopy_length_options_deallocator_(
        self, memory: Any, length: int, options: int, deallocator: Any
    ) -> Buffer | None:
        seen = memoryview(memory)
        if seen.readonly:
            raise self.machine.violate("a buffer over read-only memory")
        if seen.nbytes < length:
            raise self.machine.violate(f"{length} bytes are asked for of memory of {seen.nbytes}")
        address = ctypes.addressof(ctypes.c_char.from_buffer(seen))
        if address % PAGE or length % PAGE or options != 0 or deallocator is not None:
            raise self.machine.violate("memory that is wrapped must be whole pages, without options and deallocator")
        return Buffer(self.machine, length, address)

    def _newTextureWithDescriptor_(self, descriptor: NSObject) -> Texture | None:
        facts = descriptor.values
        kind, widest = facts["texturetype"], 2048 if facts["texturetype"] == 7 else 16384
        if facts.get("pixelformat") not in BYTES:
            raise self.machine.violate(f"pixel format {facts.get('pixelformat')} is none that the stand-in knows")
        if not all(0 < facts[axis] <= widest for axis in ("width", "height")) or not 0 < facts["depth"] <= 2048:
            raise self.machine.violate(f"a texture of sizes {facts}")
        if (
            (kind == 0 and facts["height"] > 1)
            or (kind != 7 and facts["depth"] > 1)
            or (kind != 3 and facts["arraylength"] > 1)
        ):
            raise self.machine.violate(f"a texture of type {kind} with sizes {facts}")
        if facts["storagemode"] != 2:
            raise self.machine.violate("a texture that is not private")
        size = facts["width"] * facts["height"] * facts["depth"] * facts["arraylength"] * BYTES[facts["pixelformat"]]
        return Texture(self.machine, facts) if self._has_room(size) else None

    def _newLogStateWithDescriptor_error_(self, descriptor: NSObject, _error: None) -> tuple[LogState, None]:
        if set(descriptor.values) != {"level", "buffersize"}:
            raise self.machine.violate("a log state needs a level and a size")
        return LogState(self.machine), None

    def _newLibraryWithSource_options_error_(
        self, source: str, options: NSObject, _error: None
    ) -> tuple[Library | None, NSError | None]:
        self.machine.sources.append(source)
        self.machine.options.append(options.values)
        wrong = language_of(self.machine, source, options.values)
        if wrong is not None:
            return None, NSError(self.machine, LIBRARY_DOMAIN, 3, wrong)
        return Library(self.machine, source, options.values), None

    def _newLibraryWithURL_error_(self, url: Any, _error: None) -> tuple[Library | None, NSError | None]:
        with open(url.path, "rb") as file:
            data = file.read()
        if not data.startswith(b"MTLBAIR:"):
            return None, NSError(self.machine, LIBRARY_DOMAIN, 1, "Invalid library file")
        return Library(self.machine, data.removeprefix(b"MTLBAIR:").decode(), {"enablelogging": True}), None

    def _newComputePipelineStateWithDescriptor_options_reflection_error_(
        self, descriptor: NSObject, options: int, _reflection: None, _error: None
    ) -> tuple[Pipeline | None, NSError | None]:
        function = descriptor.values["computefunction"]
        asked = descriptor.values.get("maxtotalthreadsperthreadgroup", 0)
        if not isinstance(function, Function) or options != 0 or not 0 <= asked <= 1024:
            raise self.machine.violate(f"no pipeline can be made of {descriptor.values}")
        missing = function.missing_constants()
        if missing:
            return None, NSError(self.machine, LIBRARY_DOMAIN, 3, f"Function constants without a value: {missing}")
        memory = function.threadgroup_memory()
        if memory > 32768:
            text = f"Threadgroup memory size ({memory}) exceeds the maximum threadgroup memory allowed (32768)"
            return None, NSError(self.machine, LIBRARY_DOMAIN, 3, text)
        return Pipeline(self.machine, function, min(self.machine.limit, asked or 1024), memory), None
