"""Buffers and textures: memory that is poisoned when its owner goes."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np

from tests.device.fake_metal.machine import PAGE, Machine
from tests.device.fake_metal.objects import NSObject

POISON = 0xDD

BYTES = {
    **dict.fromkeys((10,), 1), **dict.fromkeys((23, 24, 25, 30), 2), **dict.fromkeys((53, 54, 55, 63, 64, 65, 70), 4),
    **dict.fromkeys((103, 104, 105, 113, 114, 115), 8), **dict.fromkeys((123, 124, 125), 16),
}  # fmt: skip
"""Bytes of a texel, by pixel format."""


class VarList:
    """What `contents()` is in PyObjC: memory of a length that only the caller knows. It does not keep the buffer alive."""

    def __init__(self, address: int, size: int, machine: Machine) -> None:
        self._address, self._size, self._machine = address, size, machine

    def as_buffer(self, size: int) -> memoryview:
        if size > self._size:
            raise self._machine.violate(f"{size} bytes of a buffer of {self._size} are looked at")
        return memoryview((ctypes.c_ubyte * size).from_address(self._address))


class Resource(NSObject):
    """Something that takes memory of the device."""

    def __init__(self, machine: Machine, size: int) -> None:
        super().__init__(machine)
        self.size = size
        machine.allocated += size

    def __del__(self) -> None:
        self.machine.allocated -= self.size


class Buffer(Resource):
    """A buffer of shared memory, its own or somebody else's."""

    OWNER = "MTLBuffer"

    def __init__(self, machine: Machine, size: int, address: int | None = None) -> None:
        super().__init__(machine, 0 if address is not None else size)
        self.nbytes = size
        self._own: Any = None
        if address is None:
            self._own = mmap.mmap(-1, -(-size // PAGE) * PAGE)
            address = ctypes.addressof(ctypes.c_char.from_buffer(self._own))
            machine.memory_lies_idle.append(self._own)  # never given back: who still looks at it sees the poison
        self.address = address

    def array(self, offset: int = 0) -> Any:
        """Return the bytes from an offset on."""
        return np.frombuffer((ctypes.c_ubyte * (self.nbytes - offset)).from_address(self.address + offset), np.uint8)

    def _length(self) -> int:
        return self.nbytes

    def _contents(self) -> VarList:
        return VarList(self.address, self.nbytes, self.machine)

    def __del__(self) -> None:
        super().__del__()
        if self._own is not None:
            ctypes.memset(self.address, POISON, self.nbytes)


class Texture(Resource):
    """A texture: `texels` is an array of bytes, layers or depth first."""

    OWNER = "MTLTexture"

    def __init__(self, machine: Machine, facts: dict[str, Any]) -> None:
        self.facts = dict(facts)
        depth = facts["arraylength"] if facts["texturetype"] == 3 else facts["depth"]
        self.shape = (depth, facts["height"], facts["width"])
        texel = BYTES[facts["pixelformat"]]
        super().__init__(machine, int(np.prod(self.shape)) * texel)
        self.texels = np.full((*self.shape, texel), POISON, np.uint8)
