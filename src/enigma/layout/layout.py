"""`Layout`: a function from coordinates to offsets, given by a shape and a stride that are nested alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout import int_tuple as tuples
from enigma.layout.compact import compact_col_major, compact_order
from enigma.layout.coordinates import has_none, kept, offset
from enigma.layout.int_tuple import IntTuple, Path, alike, int_tuple, leaves, need_static
from enigma.layout.leaf import text


@dataclass(frozen=True, slots=True, repr=False, init=False)
class Layout:
    """A function from coordinates to offsets: each part of a coordinate times its stride, summed.

    `shape` and `stride` are integers or nested tuples of them, nested alike; mode 0 runs fastest when an integer is taken
    for a coordinate. The default strides are column-major. Layouts cannot be changed, compare by shape and stride, and can be
    keys of a dict. Strides may be 0 or negative, or basis elements, for coordinates as offsets (`make_identity_tensor`). In a
    kernel extents and strides may be traced integers, which print as `?`.

    Raises `EnigmaTypeError` and `EnigmaValueError` for what is no shape, and for strides that are not nested like the shape.

    >>> tile = Layout((4, 8), (8, 1))
    >>> tile, tile((1, 2)), tile(9), tile.size()
    ((4,8):(8,1), 10, 10, 32)
    """

    shape: IntTuple
    stride: IntTuple

    def __init__(self, shape: Any, stride: Any = None) -> None:
        shape = int_tuple(shape, "shape")
        if any(extent < 1 for extent in leaves(shape) if type(extent) is int):
            raise EnigmaValueError(
                f"a shape is made of positive integers, but here is {shape}", help="a mode has at least one element"
            )
        if stride is None:
            stride = compact_col_major(shape)
        else:
            stride = int_tuple(stride, "stride")
            if not alike(shape, stride):
                raise EnigmaValueError(
                    f"stride {stride} is not nested like shape {shape}",
                    help="give one stride for each integer of the shape",
                )
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "stride", stride)

    @classmethod
    def unchecked(cls, shape: IntTuple, stride: IntTuple) -> Self:
        """Return a layout of parts that are known to fit; for results of the algebra, which may have empty modes."""
        layout = object.__new__(cls)
        object.__setattr__(layout, "shape", shape)
        object.__setattr__(layout, "stride", stride)
        return layout

    @classmethod
    def of_modes(cls, modes: list[Layout]) -> Self:
        """Return the layout that has the given layouts as its modes."""
        return cls.unchecked(tuple(mode.shape for mode in modes), tuple(mode.stride for mode in modes))

    def __call__(self, *coord: Any) -> Any:
        """Return the offset of a coordinate: an integer, or a part for each mode, in a tuple or one by one.

        Nothing wraps and nothing is checked against the shape: past the end the last mode goes on, as in CuTe. NumPy arrays
        of coordinates give arrays of offsets. With None in the coordinate the result is the layout of those modes.
        """
        place = coord[0] if len(coord) == 1 else coord
        if has_none(place):
            return self.sliced(place)
        return offset(place, self.shape, self.stride)

    def __getitem__(self, mode: Any) -> Layout:
        """Return one mode as a layout, or of a coordinate with None the modes that it leaves open: `layout[None, 2]`.

        Raises `EnigmaIndexError` for a mode that is not there.
        """
        if has_none(mode):
            return self.sliced(mode)
        return Layout.unchecked(tuples.get(self.shape, mode), tuples.get(self.stride, mode))

    def sliced(self, coordinate: Any) -> Layout:
        """Return the modes for which a coordinate has None, side by side. Raises `EnigmaValueError` for one that does not fit."""
        if coordinate is None:
            return self
        return Layout.unchecked(kept(coordinate, self.shape), kept(coordinate, self.stride))

    def __repr__(self) -> str:
        return f"{text(self.shape)}:{text(self.stride)}"

    def to_svg(self) -> str:
        """Return a picture of the offsets as SVG text; `enigma.draw` does more."""
        from enigma.layout.drawing import draw  # only when somebody looks

        return draw(self).svg

    def _repr_html_(self) -> str | None:
        from enigma.layout.drawing import notebook  # only in a notebook

        return notebook(self)

    def size(self, mode: Path | None = None) -> int:
        """Return how many coordinates there are, in all or in one mode (a number, or the path to a nested mode)."""
        return tuples.size(self.shape, mode)

    def rank(self) -> int:
        """Return the number of modes."""
        return tuples.rank(self.shape)

    def depth(self) -> int:
        """Return how deep the shape is nested; 0 for an integer."""
        return tuples.depth(self.shape)

    def cosize(self) -> int:
        """Return how many elements of memory the offsets span: for strides that are not negative, the largest one plus 1."""
        need_static("cosize", self)
        return 1 + sum((s - 1) * abs(d) for s, d in zip(leaves(self.shape), leaves(self.stride), strict=True))

    def span(self) -> int:
        """Return how many elements of memory a tensor of this layout needs: the cosize. A swizzled layout may need more."""
        return self.cosize()

    def modes(self) -> Iterator[Layout]:
        """Yield the modes as layouts; a layout whose shape is an integer is its own only mode."""
        return map(Layout.unchecked, tuples.modes_of(self.shape), tuples.modes_of(self.stride))


def make_layout(shape: Any, stride: Any = None, *layouts: Layout) -> Layout:
    """Return a layout; without strides column-major: `make_layout((4, 8))` is `(4,8):(1,4)`. Of layouts it makes the modes of one.

    >>> make_layout((4, 8)), make_layout(Layout(4, 2), Layout((2, 3)))
    ((4,8):(1,4), (4,(2,3)):(2,(1,2)))
    """
    if isinstance(shape, Layout):
        return Layout.of_modes([as_layout(one, "make_layout") for one in (shape, stride, *layouts) if one is not None])
    if layouts:
        raise EnigmaTypeError(
            f"make_layout takes a shape and a stride, or layouts, but it got {shape!r}, {stride!r} and more",
            help="write make_layout(shape, stride), or make_layout(first, second, ...)",
        )
    return Layout(shape, stride)


def make_ordered_layout(shape: Any, order: Any) -> Layout:
    """Return the layout without gaps in which the mode of the lowest priority runs fastest: `order[i]` is that of mode i.

    >>> make_ordered_layout((4, 64), order=(1, 0))
    (4,64):(64,1)
    """
    shape = Layout(shape).shape
    return Layout.unchecked(shape, compact_order(shape, int_tuple(order, "order")))


def make_identity_layout(shape: Any) -> Layout:
    """Return the layout that numbers the coordinates of `shape`: column-major, so that an integer is its own offset.

    >>> make_identity_layout((4, 8))
    (4,8):(1,4)
    """
    return Layout(shape)


def cosize(layout: Layout) -> int:
    """Return how many elements of memory the offsets of `layout` span; see `Layout.cosize`."""
    return as_layout(layout, "cosize").cosize()


def as_layout(x: Any, what: str) -> Layout:
    """Return `x` if it is a layout; `what` names who asks in the `EnigmaTypeError` otherwise."""
    if not isinstance(x, Layout):
        raise EnigmaTypeError(
            f"{what} takes a layout, but it got {x!r}", help="make one: enigma.make_layout(shape, stride)"
        )
    return x
