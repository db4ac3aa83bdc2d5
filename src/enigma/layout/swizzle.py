"""Swizzles: offsets with some bits flipped by others, so that neighbours in a column lie in different banks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout.coordinates import has_none
from enigma.layout.int_tuple import IntTuple, Path, is_int
from enigma.layout.layout import Layout, as_layout
from enigma.layout.leaf import added, text
from enigma.layout.slicing import slice_and_offset


@dataclass(frozen=True, slots=True, init=False)
class Swizzle:
    """A function of offsets: the `bits` bits from bit `base` on are flipped where those `shift` places further up are set.

    With a negative shift the upper bits are flipped by the lower ones. It is its own inverse. Raises `EnigmaTypeError` for
    what is no integer, and `EnigmaValueError` for negative `bits` or `base`, and where the two groups of bits overlap.

    >>> Swizzle(3, 3, 3)(64), Swizzle(3, 3, 6)(512), Swizzle(3, 3, -3)(8)
    (72, 520, 72)
    """

    bits: int
    base: int
    shift: int

    def __init__(self, bits: int, base: int, shift: int) -> None:
        for name, value in (("bits", bits), ("base", base), ("shift", shift)):
            if not is_int(value):
                raise EnigmaTypeError(f"a swizzle's {name} is {value!r}", help="write integers: Swizzle(3, 3, 3)")
        if bits < 0 or base < 0:
            raise EnigmaValueError(
                f"a swizzle of {bits} bits from bit {base} on", help="bits and base count from 0 upwards"
            )
        if bits and abs(shift) < bits:
            raise EnigmaValueError(
                f"a swizzle of {bits} bits with the shift {shift} would not be its own inverse",
                help="the shift is the distance of the two groups of bits: at least as large as bits",
            )
        object.__setattr__(self, "bits", bits)
        object.__setattr__(self, "base", base)
        object.__setattr__(self, "shift", shift)

    def __call__(self, offset: Any) -> Any:
        """Return the swizzled offset, of an integer, a NumPy array of them or a traced value."""
        if not self.bits:
            return offset
        mask = ((1 << self.bits) - 1) << self.base
        if self.shift >= 0:
            return offset ^ ((offset >> self.shift if self.shift else offset) & mask)
        return offset ^ ((offset & mask) << -self.shift)

    @property
    def group(self) -> int:
        """How many offsets, from a multiple of it on, stay side by side: a power of two, by the lowest bits that never change."""
        return 1 << (self.base + max(-self.shift, 0)) if self.bits else 1 << 62

    def __str__(self) -> str:
        return f"S<{self.bits},{self.base},{self.shift}>"


@dataclass(frozen=True, slots=True, eq=False)
class ComposedLayout:
    """A layout whose offsets are swizzled: the coordinate c stands for `outer(offset + inner(c))`.

    Functions of layouts that rearrange coordinates (`coalesce`, `zipped_divide`, `local_tile`, ...) do so with the inner layout.

    >>> tile = make_composed_layout(Swizzle(3, 0, 3), 0, Layout((8, 8), (8, 1)))
    >>> tile, tile((1, 0)), tile(1, 1), tile.size(), tile[1]
    (S<3,0,3> o 0 o (8,8):(8,1), 9, 8, 64, S<3,0,3> o 0 o 8:1)
    """

    outer: Swizzle
    offset: Any
    inner: Layout

    def __repr__(self) -> str:
        return f"{self.outer!s} o {text(self.offset)} o {self.inner}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ComposedLayout):
            return NotImplemented
        return (self.outer, self.offset, self.inner) == (other.outer, other.offset, other.inner)

    def __hash__(self) -> int:
        return hash((self.outer, self.offset, self.inner))

    def __call__(self, *coord: Any) -> Any:
        """Return the offset of a coordinate, in one tuple or part by part; with None in it the layout of those modes."""
        place = coord[0] if len(coord) == 1 else coord
        if has_none(place):
            return self.sliced(place)
        inside = self.inner(place)
        return self.outer(inside if is_int(self.offset) and self.offset == 0 else inside + self.offset)

    def __getitem__(self, mode: Any) -> ComposedLayout:
        """Return one mode, swizzled alike, or of a coordinate with None the modes that it leaves open: `layout[None, 2]`."""
        return self.sliced(mode) if has_none(mode) else self.with_inner(self.inner[mode])

    def with_inner(self, inner: Layout) -> ComposedLayout:
        """Return the layout with another inner one."""
        return ComposedLayout(self.outer, self.offset, inner)

    def sliced(self, coordinate: Any) -> ComposedLayout:
        """Return the modes for which a coordinate has None; its other parts move the offset before the swizzle."""
        return self.slice_and_offset(coordinate)[0]

    def slice_and_offset(self, coordinate: Any) -> tuple[ComposedLayout, int]:
        """Return the open modes of a coordinate with None, and 0: its other parts move the offset before the swizzle."""
        inner, moved = slice_and_offset(coordinate, self.inner)
        return ComposedLayout(self.outer, added(self.offset, moved), inner), 0

    def modes(self) -> Iterator[ComposedLayout]:
        """Yield the modes, each of them swizzled."""
        return map(self.with_inner, self.inner.modes())

    @property
    def shape(self) -> IntTuple:
        """The shape of the inner layout."""
        return self.inner.shape

    @property
    def stride(self) -> IntTuple:
        """The strides of the inner layout: what the offsets are before the swizzle."""
        return self.inner.stride

    def size(self, mode: Path | None = None) -> int:
        """Return how many coordinates there are, in all or in one mode."""
        return self.inner.size(mode)

    def rank(self) -> int:
        """Return the number of modes."""
        return self.inner.rank()

    def depth(self) -> int:
        """Return how deep the shape is nested."""
        return self.inner.depth()

    def cosize(self) -> int:
        """Return the cosize of the inner layout, as CuTe does; memory for the swizzled elements needs `span()`."""
        return self.inner.cosize()

    def span(self) -> int:
        """Return how many elements of memory the offsets lie in: whole groups of all the bits that may be flipped."""
        swizzle = self.outer
        plain = self.inner.cosize() + (self.offset if is_int(self.offset) else 0)
        if not swizzle.bits:
            return plain
        block = 1 << (swizzle.base + swizzle.bits + max(-swizzle.shift, 0))
        return -(-plain // block) * block

    def to_svg(self) -> str:
        """Return a picture of the offsets as SVG text; `enigma.draw` does more."""
        from enigma.layout.drawing import draw  # only when somebody looks

        return draw(self).svg

    def _repr_html_(self) -> str | None:
        from enigma.layout.drawing import notebook  # only in a notebook

        return notebook(self)


def make_composed_layout(outer: Swizzle, offset: Any, inner: Layout) -> ComposedLayout:
    """Return the layout of the coordinates of `inner` whose offsets are `outer(offset + inner(c))`.

    Raises `EnigmaTypeError` for an outer that is no swizzle or an inner that is no layout.
    """
    given: Any = outer
    if not isinstance(given, Swizzle):
        raise EnigmaTypeError(
            f"make_composed_layout: the outer function is {outer!r}", help="make one: enigma.Swizzle(3, 3, 3)"
        )
    return ComposedLayout(outer, offset, as_layout(inner, "make_composed_layout"))


class SwizzledLayout(ComposedLayout):
    """A swizzled layout: `SwizzledLayout(layout, swizzle)` is, and equals, `make_composed_layout(swizzle, 0, layout)`."""

    __slots__ = ()

    def __init__(self, layout: Layout, swizzle: Swizzle) -> None:
        made = make_composed_layout(swizzle, 0, layout)
        super().__init__(made.outer, 0, made.inner)


def swizzle(layout: Layout, bits: int, base: int, shift: int) -> SwizzledLayout:
    """Return `layout` with its offsets swizzled by `Swizzle(bits, base, shift)`.

    >>> swizzle(Layout((8, 8), (8, 1)), 3, 0, 3)((1, 0))
    9
    """
    return SwizzledLayout(layout, Swizzle(bits, base, shift))
