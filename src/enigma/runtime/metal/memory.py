"""Buffers that the CPU and the GPU share, as NumPy arrays: a pool of them, and where in them an array lies.

An array from here is used by the GPU where it is. `Block` is a Metal buffer; a `Lease` is one on loan from the pool, the owner
of every array made from it: when the last of these is gone, the block is back in the pool.
"""

from __future__ import annotations

import bisect
import gc
import math
import weakref
from collections import OrderedDict, deque
from threading import RLock
from typing import Any, cast

import numpy as np

from enigma.errors import DeviceError
from enigma.runtime.arrays import Array
from enigma.runtime.dlpack import CPU, exported
from enigma.runtime.metal.failures import gpu_error
from enigma.runtime.metal.objc import Bridge

SMALLEST = 256
"""Bytes of the smallest block: also what an offset into constant memory must be a multiple of."""

ALIGNMENT = 16
"""What an offset into device memory must be a multiple of: kernels read four numbers in a row as one vector."""

_KEPT_FRACTION = 4
"""The pool keeps a quarter of the memory that the device should use at most."""

SHARED = 0
"""MTLResourceStorageModeShared, with the default cache mode and tracking of hazards."""


class Block:
    """A Metal buffer in memory that both processors see: `address` and `size` in bytes."""

    __slots__ = ("address", "buffer", "memory", "size")

    def __init__(self, buffer: Any, size: int) -> None:
        self.buffer, self.size = buffer, size
        self.memory: Array = np.frombuffer(buffer.contents().as_buffer(size), np.uint8)
        self.address: int = self.memory.__array_interface__["data"][0]


class Lease:
    """A block on loan: arrays made of it keep it, for the bytes alone do not keep a Metal buffer alive."""

    __slots__ = ("__weakref__", "block", "nbytes")

    def __init__(self, block: Block, nbytes: int) -> None:
        self.block, self.nbytes = block, nbytes

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return {"data": (self.block.address, False), "shape": (self.nbytes,), "typestr": "|u1", "version": 3}


class Memory:
    """The blocks of one device. Safe to use from several threads."""

    def __init__(self, bridge: Bridge, device: Any) -> None:
        self._bridge, self._device = bridge, device
        self._lock = RLock()
        self._free: OrderedDict[int, list[Block]] = OrderedDict()
        self._free_bytes = 0
        self._starts: list[int] = []
        self._leases: list[weakref.ref[Lease]] = []
        self._ended_blocks: deque[Block] = deque()
        self._given_later: deque[Block] = deque()
        self._closed = False
        self.largest = int(device.maxBufferLength())
        self._kept = int(device.recommendedMaxWorkingSetSize()) // _KEPT_FRACTION

    # ---- the pool

    def take(self, nbytes: int) -> Block:
        """Return a block of at least so many bytes, its content left as it was. Raises `DeviceError` when there is none."""
        size = block_size(nbytes)
        with self._lock:
            self._collect()
            blocks = self._free.get(size)
            if blocks:
                self._free_bytes -= size
                return blocks.pop()
        return self._new(nbytes, size)

    def give(self, block: Block) -> None:
        """Take a block back; nothing may use it any more."""
        with self._lock:
            if self._closed:
                return
            self._free.setdefault(block.size, []).append(block)
            self._free.move_to_end(block.size)
            self._free_bytes += block.size
            while self._free_bytes > self._kept:
                self._drop_one()

    def give_later(self, block: Block) -> None:
        """Take a block back from a finalizer, which may run in the middle of any method here: it is only noted."""
        if not self._closed:
            self._given_later.append(block)

    def close(self) -> None:
        """Let go of every block that no array uses; those in use go with their arrays."""
        with self._lock:
            self._closed = True
            self._free.clear()
            self._ended_blocks.clear()
            self._given_later.clear()
            self._free_bytes = 0

    @property
    def free_bytes(self) -> int:
        """Bytes of the blocks that wait in the pool."""
        with self._lock:
            self._collect()
            return self._free_bytes

    def _drop_one(self) -> None:
        size, blocks = next(iter(self._free.items()))
        if blocks:
            blocks.pop()
            self._free_bytes -= size
        if not blocks:
            del self._free[size]

    def _collect(self) -> None:
        """Put the blocks of leases that died into the pool."""
        while self._given_later:
            self.give(self._given_later.popleft())
        while self._ended_blocks:
            block = self._ended_blocks.popleft()
            at = bisect.bisect_left(self._starts, block.address)
            del self._starts[at], self._leases[at]
            self.give(block)

    def _new(self, nbytes: int, size: int) -> Block:
        if size > self.largest:
            raise gpu_error(
                f"a buffer of {nbytes} bytes is too large", help="work on it in several pieces",
                largest=f"{self.largest} bytes",
            )  # fmt: skip
        buffer = self._device.newBufferWithLength_options_(size, SHARED)
        if buffer is None:  # whatever is not in use goes, and then it must do
            gc.collect()
            with self._lock:
                self._collect()
                self._free.clear()
                self._free_bytes = 0
            buffer = self._device.newBufferWithLength_options_(size, SHARED)
        if buffer is None:
            raise self._out_of_memory(nbytes)
        return Block(buffer, size)

    def _out_of_memory(self, nbytes: int) -> DeviceError:
        return gpu_error(
            f"there is no memory for a buffer of {nbytes} bytes",
            help="use smaller arrays, or let go of some: del array, prepared.release()",
            allocated=f"{int(self._device.currentAllocatedSize())} bytes",
            recommended=f"{int(self._device.recommendedMaxWorkingSetSize())} bytes at most",
        )

    # ---- arrays

    def lease(self, nbytes: int) -> Lease:
        """Return a block on loan until the last array of it is gone."""
        block = self.take(nbytes)
        lease = Lease(block, nbytes)
        with self._lock:
            self._collect()
            at = bisect.bisect(self._starts, block.address)
            self._starts.insert(at, block.address)
            self._leases.insert(at, weakref.ref(lease))
        weakref.finalize(lease, self._ended, block)
        return lease

    def _ended(self, block: Block) -> None:
        # runs whenever an array goes, also in the middle of any method above: it only notes what is to be done
        if not self._closed:
            self._ended_blocks.append(block)

    def empty(self, shape: Any, dtype: Any) -> Array:
        """Return an array, not initialised, that the GPU uses where it is."""
        kind = np.dtype(dtype)
        sizes: tuple[int, ...] = np.broadcast_to(np.empty((), np.dtype([])), shape).shape
        count = math.prod(sizes)
        if count == 0:
            return np.empty(sizes, kind)
        return np.asarray(self.lease(count * kind.itemsize)).view(kind).reshape(sizes)

    def find(self, array: Array) -> tuple[Lease, int] | None:
        """Return the lease that an array lies in, and the byte where it starts; None for memory of someone else."""
        address: int = array.__array_interface__["data"][0]
        with self._lock:
            at = bisect.bisect(self._starts, address) - 1
            lease = self._leases[at]() if at >= 0 else None
        if lease is None or address + array.nbytes > lease.block.address + lease.nbytes:
            return None
        return lease, address - lease.block.address

    def wrap(self, array: Array) -> Any:
        """Return a Metal buffer over whole pages of someone else's memory, or None where that cannot be.

        The array must stay alive as long as the buffer.
        """
        address: int = array.__array_interface__["data"][0]
        page = self._bridge.page
        if address % page or array.nbytes % page or array.nbytes > self.largest or not array.flags.writeable:
            return None
        bytes_of: Any = array.reshape(-1).view(np.uint8)
        buffer = self._device.newBufferWithBytesNoCopy_length_options_deallocator_(bytes_of, array.nbytes, SHARED, None)
        if buffer is None:
            return None
        seen = np.frombuffer(buffer.contents().as_buffer(array.nbytes), np.uint8)
        return buffer if seen.__array_interface__["data"][0] == address else None  # another address: it is a copy


def block_size(nbytes: int) -> int:
    """Return the size of the blocks that so many bytes come from: four sizes from each power of two to the next.

    >>> [block_size(n) for n in (1, 256, 257, 1000, 1025)]
    [256, 256, 320, 1024, 1280]
    """
    if nbytes <= SMALLEST:
        return SMALLEST
    step = 1 << max((nbytes - 1).bit_length() - 3, 6)
    return -(-nbytes // step) * step


class DeviceBuffer:
    """Memory that the GPU uses where it is, with an end: `rt.buffer(shape, dtype)`.

    It is passed to a kernel like an array, and `numpy()` is one over it. After `release` every use raises `DeviceError`; arrays
    made before keep the memory until they are gone.

        with rt.buffer((1024,), np.float32) as out:
            rt.run(program, [a, out], 1024, 256)
            print(out.numpy())
    """

    __slots__ = ("_array",)

    def __init__(self, array: Array) -> None:
        self._array: Array | None = array

    def __repr__(self) -> str:
        if self._array is None:
            return "<device buffer, released>"
        return f"<device buffer of shape {self._array.shape} and dtype {self._array.dtype}>"

    def numpy(self) -> Array:
        """Return an array over the memory. Raises `DeviceError` after `release`."""
        if self._array is None:
            raise gpu_error(
                "this buffer was released and cannot be used any more", help="make another one: rt.buffer(...)"
            )
        return self._array

    @property
    def __array_interface__(self) -> dict[str, Any]:
        # "data" is an array and no address: who takes it keeps the memory, and not this object, which may be released
        array = self.numpy()
        return {**array.__array_interface__, "data": array.reshape(-1).view(np.uint8)}

    def __dlpack__(self, **options: Any) -> Any:
        """Return a capsule of DLPack: `torch.from_dlpack(buffer)`. It is memory of the CPU too; bfloat16 is no exception."""
        return exported(self.numpy(), options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU

    def __buffer__(self, flags: int) -> memoryview:  # from Python 3.12 on: memoryview(buffer)
        return memoryview(cast("Any", self.numpy()))

    def release(self) -> None:
        """Let go of the memory. Raises `DeviceError` when that was done before."""
        if self._array is None:
            raise gpu_error("this buffer was released already", help="release a buffer once, or use it in a `with`")
        self._array = None

    def __enter__(self) -> DeviceBuffer:
        return self

    def __exit__(self, *error: object) -> None:
        if self._array is not None:
            self.release()
