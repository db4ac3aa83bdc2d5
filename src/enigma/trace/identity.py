"""Identity tensors: every element is its own coordinate. Divided like the data, they tell which elements a tile really has."""

from __future__ import annotations

from typing import Any

from enigma.dtypes import Numeric, u32
from enigma.layout import Layout
from enigma.layout.coordinates import has_none
from enigma.layout.int_tuple import IntTuple, shape_of
from enigma.layout.leaf import Basis, E, added
from enigma.source import caller
from enigma.trace import coordinates


class IdentityTensor:
    """A tensor without memory whose elements are coordinates, as `make_identity_tensor` makes it.

    It is divided, tiled and sliced as tensors are. `C[i, j]` is the coordinate of an element in the whole tensor, a tuple of
    ints and traced integers.
    """

    __slots__ = ("_layout", "start", "whole")

    def __init__(self, whole: IntTuple, layout: Layout, start: Any) -> None:
        self.whole = whole
        """The shape that the coordinates are of."""
        self.start = start
        """The coordinate of the first element, as a sum of basis elements."""
        self._layout = layout

    @property
    def name(self) -> str:
        """What messages call it."""
        return "__identity__"

    @property
    def dtype(self) -> Numeric:
        """The dtype of coordinates."""
        return u32

    @property
    def layout(self) -> Layout:
        """Where the elements are: its strides are basis elements, which print as `1@0`."""
        return self._layout

    @property
    def is_laid_out(self) -> bool:
        """Whether it has an explicit layout: always."""
        return True

    @property
    def shape(self) -> IntTuple:
        """The extent of each mode."""
        return self._layout.shape

    @property
    def stride(self) -> IntTuple:
        """The strides, multiples of basis elements."""
        return self._layout.stride

    def size(self, mode: Any = None) -> int:
        """Return the number of elements, in all or of one mode."""
        return self._layout.size(mode)

    def rank(self) -> int:
        """Return the number of modes."""
        return self._layout.rank()

    def depth(self) -> int:
        """Return how deep the shape is nested."""
        return self._layout.depth()

    def __repr__(self) -> str:
        return f"<{self.name}: {self._layout}>"

    def with_layout(self, layout: Any, moved: Any = 0) -> IdentityTensor:
        """Return a part of it with another layout, which starts `moved` behind this one's start."""
        return IdentityTensor(self.whole, layout, added(self.start, moved))

    def __getitem__(self, index: Any) -> Any:
        loc = caller()
        if has_none(index):
            return self.with_layout(*coordinates.sliced(self, index, loc))
        return self.coordinate(added(self.start, coordinates.offset(self, index, loc)))

    def coordinate(self, offset: Any) -> Any:
        """Return a sum of basis elements as a coordinate in the whole shape."""
        return offset.at(self.whole) if isinstance(offset, Basis) else _zeros(self.whole, offset)


def _zeros(shape: IntTuple, offset: Any) -> Any:
    """Return what no basis element is in: 0 everywhere, or of an integer shape the number itself."""
    return tuple(_zeros(mode, 0) for mode in shape) if isinstance(shape, tuple) else offset


def make_identity_tensor(shape: Any) -> IdentityTensor:
    """Return a tensor of this shape whose elements are their own coordinates; extents may be traced integers.

    Divided like the data it tells, element by element, what a tile really has: see `elem_less`.

        where = enigma.local_tile(enigma.make_identity_tensor((M, N)), (16, 32), (row, column))
        value = tile[tid, None].load(pred=enigma.elem_less(where[tid, None], (M, N)))

    Raises `EnigmaTypeError` for what is no shape.

    Source: CuTe's `make_identity_tensor`; its offsets are multiples of basis elements.
    """
    whole = shape_of(shape)
    return IdentityTensor(whole, Layout(whole, _units(whole, ())), 0)


def _units(shape: IntTuple, path: tuple[int, ...]) -> Any:
    if isinstance(shape, tuple):
        return tuple(_units(mode, (*path, number)) for number, mode in enumerate(shape))
    return E(*path)
