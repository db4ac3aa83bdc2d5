"""Simulated memory: the launch's arrays, and one copy of each threadgroup array per threadgroup of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enigma.dtypes import Numeric, Space, TextureKind
from enigma.errors import OutOfBoundsError
from enigma.runtime.simulator.grid import Batch
from enigma.runtime.simulator.problem import Problem
from enigma.runtime.textures import TextureView
from enigma.spec.terms import Algebra, Fault
from enigma.trace.node import Op

Array = NDArray[Any]

POISON = 0xA5
"""The byte that uninitialised integers are made of; floats are NaN, for it spreads into the result."""


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What a buffer operand stands for while the simulator runs.

    `data` is flat, or has an axis for the components of vectors behind. `size` elements of it, from `base` on, are the buffer:
    0 for a launch's array or a table, for threadgroup memory each row's own start, of shape (simdgroups, 1), and for a thread's
    own array that of each lane. `written` marks the elements that have been set; it is None for what is set from the start.
    The texels of a `texture` are memory too.
    """

    name: str
    space: Space
    data: Array
    size: int
    base: Array | None = None
    written: Array | None = None
    texture: bool = False

    def __str__(self) -> str:
        return f"{_WORDS[self.space]} {self.name}".rstrip()


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """What a texture operand stands for: its texels as memory, a row of components each, and what a texel's place means.

    `sizes` is width, height, and depth or layers. A `normalized` texture stores 0 to 255 for 0 to 1.
    """

    memory: Memory
    kind: TextureKind
    element: Numeric
    sizes: tuple[int, int, int]
    normalized: bool

    @property
    def layers(self) -> int:
        """The layers of a texture array."""
        return self.sizes[2]

    def read(self, stored: Array) -> Array:
        """Return stored components, which stand in front, as the kernel sees them."""
        if not self.normalized:
            return stored
        return (stored.astype(np.float32) / np.float32(255)).astype(self.element.numpy)

    def stored(self, value: Array) -> Array:
        """Return components of the kernel as they are stored: rounded to the nearest, NaN as 0 (Metal specification, 8.7)."""
        if not self.normalized:
            return value
        wide = value.astype(np.float32)
        held = np.clip(np.where(np.isnan(wide), np.float32(0), wide), np.float32(0), np.float32(1))
        return np.rint(held * np.float32(255)).astype(np.uint8)


_WORDS = {
    Space.DEVICE: "buffer",
    Space.CONSTANT: "constant memory",
    Space.THREADGROUP: "threadgroup memory",
    Space.THREAD: "the thread's array",
}


class Kind(Enum):
    """What an access does."""

    READ = "read"
    WRITE = "write"
    ATOMIC = "atomic access"


@dataclass(frozen=True, slots=True, eq=False)
class Access:
    """One access by some lanes of a batch: `index` counts elements and broadcasts to `active`, of shape (simdgroups, 32).

    `flat` is the place in `memory.data`, and broadcasts likewise; in lanes that are not active it is any valid place.
    """

    kind: Kind
    memory: Memory
    index: Array
    flat: Array
    active: Array
    node: Op
    batch: Batch


def launch_array(name: str, array: Array, space: Space) -> Memory:
    """Return the memory of a buffer parameter: the array itself, which is written in place."""
    return Memory(name, space, array, len(array))


def image(name: str, texture: TextureView) -> Image:
    """Return what a texture parameter stands for: the array itself, which is written in place."""
    memory = Memory(name, Space.DEVICE, texture.texels, len(texture.texels), texture=True)
    element = texture.type.element
    return Image(memory, texture.type.kind, element, texture.sizes, texture.format.is_normalized(element))


def per_lane(x: Array, shape: tuple[int, ...]) -> Array:
    """Return a value with its last two axes as long as `shape`, for what talks to other lanes needs them all."""
    return np.broadcast_to(x, (*x.shape[:-2], *shape))


def threadgroup_array(name: str, dtype: Numeric, size: int, batch: Batch) -> Memory:
    """Return uninitialised threadgroup memory for every threadgroup of a batch."""
    count = size * batch.threadgroups
    return Memory(
        name,
        Space.THREADGROUP,
        uninitialised(dtype, count),
        size,
        (batch.member * size)[:, None],
        np.zeros(count, np.bool_),
    )


def thread_array(name: str, dtype: Numeric, size: int, batch: Batch) -> Memory:
    """Return an uninitialised array for every lane of a batch."""
    lanes = np.arange(batch.live.size).reshape(batch.live.shape)
    count = size * lanes.size
    return Memory(name, Space.THREAD, uninitialised(dtype, count), size, lanes * size, np.zeros(count, np.bool_))


def uninitialised(dtype: Numeric, count: int) -> Array:
    """Return what nobody has written: NaN, true, or an integer made of the byte 0xA5."""
    if dtype.parts > 1:
        return uninitialised(dtype.element, count * dtype.parts).reshape(count, dtype.parts)
    if dtype.is_float:
        return np.full(count, np.nan, dtype.numpy)
    if dtype.kind == "b":
        return np.ones(count, np.bool_)
    return np.full(count * dtype.size, POISON, np.uint8).view(dtype.numpy)


def locate(
    kind: Kind, memory: Memory, index: Array, active: Array, node: Op, batch: Batch, outside: Callable[[Array], None]
) -> Access:
    """Return the access with its places in memory, of the lanes that stay inside of it.

    `outside` is told which active lanes leave the buffer, if any does.
    """
    beyond = (index < 0) | (index >= memory.size)
    if beyond.any() and (wrong := active & beyond).any():
        outside(wrong)
        active = active & ~wrong
    # an inactive lane may hold any index: it must not reach memory. An index that lanes share stays shared
    shared = tuple(axis for axis in (0, 1) if index.shape[axis] == 1)
    reached = active.any(axis=shared, keepdims=True) if shared else active
    inside = np.where(reached, index, index.dtype.type(0)).astype(np.int64)
    flat = inside if memory.base is None else inside + memory.base
    return Access(kind, memory, index, flat, active, node, batch)


def out_of_bounds(
    kind: Kind, memory: Memory, index: Array, wrong: Array, node: Op, batch: Batch, kernel: str
) -> Problem:  # fmt: skip
    """Return what is wrong with lanes whose index is outside of a memory."""
    row, lane = (int(place[0]) for place in np.nonzero(wrong))
    value = int(np.broadcast_to(index, wrong.shape)[row, lane])
    elements = f"{memory.size} element{'s' if memory.size != 1 else ''}"
    guard = f"if i < {memory.size}:" if value >= 0 else "if i >= 0:"
    limit = (
        ", or say what there is: limit=n of a vector, pred= of a tile"
        if node.row.algebra in (Algebra.LOAD_VECTOR, Algebra.STORE_VECTOR)
        else ""
    )
    return Problem(
        Fault.OUT_OF_BOUNDS, f"{kind.value} outside of {memory}: index {value}, but it has {elements}", node.loc, wrong, batch,
        kernel, buffer=memory.name, index=value, error=OutOfBoundsError,
        help=f"guard the access: `{guard}` with i the index, or check the grid and the size of {memory.name or 'the array'}{limit}",
    )  # fmt: skip
