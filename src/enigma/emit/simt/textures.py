"""Texels: where a texture's components lie, which lanes are inside of it, and how they are stored.

A texture comes as a descriptor: the address of its first number, then width, height, and depth or layers. How a texel is stored
is known when the code is made, so that its components are as many loads, or one run of memory for lanes side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from enigma.dtypes import b1, f32, i32, i64, u8
from enigma.emit.simt.control import Control
from enigma.emit.simt.lanes import Image, Lanes, Memory


class TextureOps(Control):
    """Writes reads and writes of texels; a texel is a tuple of four components."""

    def texture_size(self, image: Image, axis: int) -> Lanes:
        """Return the width (0), the height (1), or the depth or layers (2) of a texture."""
        return image.sizes[axis]

    def texels(
        self, image: Image, places: Sequence[Lanes], *, border: bool = False, inside: bool = False
    ) -> tuple[Lanes, ...]:
        """Return texels at whole coordinates of dtype i32: 0 outside of the texture; `inside` says that none is.

        A component that is not stored is 0, the last one 1; with a `border` outside too, as where a sampler clamps to zero.
        """
        element, count = image.type.element, image.format.channels
        holds = self.constant(True, b1) if inside else self._inside(image, places)
        memory = self._memory(image)
        found: list[Lanes] = []
        for part in self._where(holds, lambda: self._load_texel(memory, self._number(image, places), count)):
            value = self._read(image, part)
            found.append(self.select(holds, value, self.constant(0, element)))
        zero, one = self.constant(0, element), self.constant(1, element)
        found += [zero] * (3 - count)
        if count < 4:
            found.append(one if border else self.select(holds, one, zero))
        return tuple(found)

    def set_texels(self, image: Image, places: Sequence[Lanes], value: Sequence[Lanes]) -> None:
        """Set the components that a texture stores of the texels at whole coordinates, those outside left out."""
        stored = tuple(self._written(image, part) for part in value[: image.format.channels])
        memory = self._memory(image)

        def write() -> tuple[Lanes, ...]:
            start = self._number(image, places)
            if len(stored) == 1:
                self.store(memory, start, stored[0])
            else:
                self.store_vector(memory, start, stored)
            return ()

        self._where(self._inside(image, places), write)

    # ---- where

    def _where(self, inside: Lanes, write: Callable[[], tuple[Lanes, ...]]) -> tuple[Lanes, ...]:
        """Return what `write` returns, run for the lanes inside of a texture."""
        context = self.context
        return self.within(replace(context, mask=self.mask_and(context.mask, inside), some=False), write)

    def _inside(self, image: Image, places: Sequence[Lanes]) -> Lanes:
        found = self.constant(True, b1)
        for place, size in zip(places, image.sizes, strict=False):
            after = self.cmp("lt", place, self.convert(size, i32))
            found = self.and_(found, self.and_(self.cmp("ge", place, self.constant(0, i32)), after))
        return found

    def _number(self, image: Image, places: Sequence[Lanes]) -> Lanes:
        """Return where a texel's first component is, exact where the texel is inside."""
        *rest, last = places
        number = self.convert(last, i64)
        for place, size in zip(reversed(rest), reversed(image.sizes[: len(rest)]), strict=True):
            number = self.add(self.mul(number, self.convert(size, i64)), self.convert(place, i64))
        return self.mul(number, self.constant(image.format.channels, i64))

    # ---- how

    def _memory(self, image: Image) -> Memory:
        return Memory(image.pointer, image.format.stored, image.name, is_shared=True)

    def _load_texel(self, memory: Memory, start: Lanes, count: int) -> tuple[Lanes, ...]:
        return (self.load(memory, start),) if count == 1 else self.load_vector(memory, start, count)

    def _read(self, image: Image, part: Lanes) -> Lanes:
        element = image.type.element
        if not image.format.is_normalized(element):
            return part
        return self.convert(self.div(self.convert(part, f32), self.constant(255.0, f32)), element)

    def _written(self, image: Image, part: Lanes) -> Lanes:
        """Return a component as it is stored: rounded to the nearest, NaN as 0 (Metal specification, 8.7)."""
        if not image.format.is_normalized(image.type.element):
            return part
        zero, one = self.constant(0.0, f32), self.constant(1.0, f32)
        wide = self.convert(part, f32)
        held = self.select(self.cmp("gt", wide, zero), self.select(self.cmp("lt", wide, one), wide, one), zero)
        return self.convert(self.call("llvm.rint", self.mul(held, self.constant(255.0, f32))), u8)
