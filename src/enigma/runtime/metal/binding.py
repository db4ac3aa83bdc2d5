"""A kernel with its arguments where Metal wants them: buffers, bytes and textures by index, and what must be copied for that."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

import numpy as np

from enigma.dtypes import BufferType, Space, TextureType
from enigma.runtime import structs
from enigma.runtime.arrays import Array
from enigma.runtime.copies import Why, note
from enigma.runtime.launch import Geometry
from enigma.runtime.metal.library import Pipeline
from enigma.runtime.metal.memory import ALIGNMENT, SMALLEST, Block, Memory
from enigma.runtime.metal.textures import Image
from enigma.runtime.program import Argument, Program
from enigma.runtime.textures import TextureView, view
from enigma.trace.node import Param

MOST_BYTES = 4096
"""What `setBytes` takes at most."""

_FEW_MESSAGES = 2
"""Messages to the encoder that bind all arguments of a launch: more by-value arguments than these allow go into a buffer."""


@dataclass(frozen=True, slots=True)
class Use:
    """The user's memory that an argument is: a range of addresses, whether the kernel writes it, whether it works on a copy."""

    start: int
    end: int
    is_written: bool
    is_copied: bool

    def disturbs(self, other: Use) -> bool:
        """Return whether two launches must not overlap: one of them copies what the other one changes."""
        return (
            self.start < other.end
            and other.start < self.end
            and (self.is_written or other.is_written)
            and (self.is_copied or other.is_copied)
        )


@dataclass(frozen=True, slots=True)
class Copy:
    """An array that the GPU cannot use where it is, and the shared memory that it is copied to for a launch."""

    array: Array
    block: Block
    length: int
    is_written: bool
    name: str
    kernel: str
    why: Why
    reason: str

    @property
    def _shared(self) -> Array:
        return self.block.memory[: self.array.nbytes]

    def fill(self) -> None:
        """Copy the array to where the GPU sees it."""
        note(self.kernel, self.name, "metal", self.array.nbytes, "in and out" if self.is_written else "in", self.why)
        self._shared[...] = self.array.reshape(-1).view(np.uint8)
        self.block.memory[self.array.nbytes : self.length] = 0  # an array that ends within a vector is filled up

    def fetch(self) -> None:
        """Copy what the kernel wrote back into the array."""
        if self.is_written:
            self.array.reshape(-1).view(np.uint8)[...] = self._shared


@dataclass(slots=True, weakref_slot=True, eq=False)
class Binding:
    """A program bound to its arguments for one launch size. Calling it runs it once and waits.

    `lock` is held while copies are in use: from before they are filled until they are fetched.
    """

    program: Program
    geometry: Geometry
    pipeline: Pipeline
    submit: Callable[[Binding], Any]
    arguments: Sequence[Any]
    buffers: list[tuple[int, Any, int]] = field(default_factory=list[tuple[int, Any, int]])
    values: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    images: list[tuple[Image, Any, int]] = field(default_factory=list[tuple[Image, Any, int]])
    copies: list[Copy] = field(default_factory=list[Copy])
    uses: list[Use] = field(default_factory=list[Use])
    blocks: list[Block] = field(default_factory=list[Block])
    ranges: list[tuple[list[Any], list[int], tuple[int, int]]] = field(
        default_factory=list[tuple[list[Any], list[int], tuple[int, int]]]
    )
    textures: list[Any] = field(default_factory=list[Any])
    lock: Any = field(default_factory=RLock)

    def __call__(self) -> None:
        self.submit(self)

    def disturbs(self, other: Binding) -> bool:
        """Return whether one of two launches must be over, copies and all, before the other begins."""
        if self is other:
            return bool(self.copies)
        return any(mine.disturbs(theirs) for mine in self.uses for theirs in other.uses)

    def label(self) -> None:
        """Give each buffer the name of its parameter, by which shader validation then speaks of it."""
        names = {one.index: one.name for one in self.program.arguments if one.texture is None}
        for index, buffer, offset in self.buffers:
            buffer.setLabel_(f"{names[index]} from byte {offset}" if offset else names[index])

    def encode(self, encoder: Any) -> None:
        """Encode the dispatch: pipeline, arguments, size."""
        encoder.setComputePipelineState_(self.pipeline.state)
        for found, offsets, span in self.ranges:
            encoder.setBuffers_offsets_withRange_(found, offsets, span)
        for index, data in self.values:
            encoder.setBytes_length_atIndex_(data, len(data), index)
        if self.textures:
            encoder.setTextures_withRange_(self.textures, (0, len(self.textures)))
        encoder.dispatchThreads_threadsPerThreadgroup_(self.geometry.grid, self.geometry.threads)


class Binder:
    """Finds each argument's place in shared memory."""

    def __init__(self, memory: Memory, images: Callable[[TextureView, Param, Program], Image]) -> None:
        self._memory, self._images = memory, images

    def bind(self, binding: Binding) -> Binding:
        """Fill in a binding from its program and arguments. What it takes from the pool goes back when it goes."""
        weakref.finalize(binding, _give_back, self._memory, binding.blocks)
        rest = iter(binding.arguments)
        for argument in binding.program.arguments:
            found = [next(rest) for _ in argument.params]
            if argument.is_scalar:
                binding.values.append((argument.index, structs.packed(argument, found)))
            elif argument.texture is not None:
                self._texture(binding, argument, argument.texture, found[0])
            else:
                buffer, offset = self._place(binding, argument.params[0], found[0])
                binding.buffers.append((argument.index, buffer, offset))
        self._arrange(binding)
        return binding

    def _take(self, binding: Binding, nbytes: int) -> Block:
        block = self._memory.take(nbytes)
        binding.blocks.append(block)
        return block

    # ---- arrays

    def _place(self, binding: Binding, param: Param, array: Array) -> tuple[Any, int]:
        """Return the Metal buffer and the byte in it where an array is, or where it is copied to."""
        written = param.slot in binding.program.written
        multiple = _alignment(param)
        length = -(-array.nbytes // param.dtype.size) * param.dtype.size if param.padded else array.nbytes
        found = self._memory.find(array)
        if length != array.nbytes:
            why, reason = Why.PARTIAL, Why.PARTIAL.value
        elif found is not None and found[1] % multiple:
            why, reason = Why.OFFSET, f"it starts {found[1]} bytes into its buffer, which is no multiple of {multiple}"
        elif found is not None:
            lease, offset = found
            binding.uses.append(_use(array, is_written=written, is_copied=False))
            return lease.block.buffer, offset
        elif (buffer := self._memory.wrap(array)) is not None:
            binding.uses.append(_use(array, is_written=written, is_copied=False))
            return buffer, 0
        else:
            why = Why.PAGES if array.flags.writeable else Why.READ_ONLY
            reason = why.value
        block = self._take(binding, length)
        binding.copies.append(Copy(array, block, length, written, param.name, binding.program.name, why, reason))
        binding.uses.append(_use(array, is_written=written, is_copied=True))
        return block.buffer, 0

    def _texture(self, binding: Binding, argument: Argument, texture: TextureType, array: Array) -> None:
        param = argument.params[0]
        seen = view(array, texture)
        image = self._images(seen, param, binding.program)
        buffer, offset = self._place(binding, param, array)
        binding.images.append((image, buffer, offset))
        binding.textures.append(image.texture)

    # ---- messages

    def _arrange(self, binding: Binding) -> None:
        """Decide by which messages the arguments are bound: as few as can be."""
        runs = len(list(_runs(binding.buffers)))
        messages = runs + len(binding.values) + bool(binding.textures)
        too_long = any(len(data) > MOST_BYTES for _, data in binding.values)
        if binding.values and (messages > _FEW_MESSAGES or too_long):
            self._values_in_buffer(binding)
        binding.ranges = [
            ([buffer for _, buffer, _ in run], [offset for *_, offset in run], (run[0][0], len(run)))
            for run in _runs(binding.buffers)
        ]

    def _values_in_buffer(self, binding: Binding) -> None:
        places: list[int] = []
        end = 0
        for _, data in binding.values:
            places.append(end)
            end += (
                -(-len(data) // SMALLEST) * SMALLEST
            )  # the offset of constant memory is a multiple of this everywhere
        block = self._take(binding, end)
        for (index, data), place in zip(binding.values, places, strict=True):
            block.memory[place : place + len(data)] = np.frombuffer(data, np.uint8)
            binding.buffers.append((index, block.buffer, place))
        binding.values = []
        binding.buffers.sort(key=lambda entry: entry[0])


def _use(array: Array, *, is_written: bool, is_copied: bool) -> Use:
    start: int = array.__array_interface__["data"][0]
    return Use(start, start + array.nbytes, is_written, is_copied)


def _give_back(memory: Memory, blocks: list[Block]) -> None:
    while blocks:
        memory.give_later(blocks.pop())


def _runs(buffers: Sequence[tuple[int, Any, int]]) -> Iterator[list[tuple[int, Any, int]]]:
    """Yield the buffers in runs of consecutive indices."""
    run: list[tuple[int, Any, int]] = []
    for entry in buffers:
        if run and entry[0] != run[-1][0] + 1:
            yield run
            run = []
        run.append(entry)
    if run:
        yield run


def _alignment(param: Param) -> int:
    """Return what the offset of a parameter's memory must be a multiple of."""
    if isinstance(param.value.type, BufferType) and param.value.type.space is Space.CONSTANT:
        return SMALLEST
    return max(ALIGNMENT, param.dtype.size)
