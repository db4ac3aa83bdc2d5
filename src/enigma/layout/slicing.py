"""Parts of layouts: the modes that a coordinate leaves open, one tile of many, one thread's share."""

from __future__ import annotations

from typing import Any

from enigma.errors import EnigmaValueError
from enigma.layout.coordinates import kept
from enigma.layout.divide import zipped_divide
from enigma.layout.int_tuple import is_tuple, leaves, modes_of, product_each
from enigma.layout.layout import Layout, as_layout


def slice_(coordinate: Any, layout: Any) -> Any:
    """Return the modes for which `coordinate` has None, of a layout or a tuple; they stand side by side, as in CuTe.

    Raises `EnigmaValueError` for a coordinate that does not fit.

    >>> slice_((None, 2), Layout((4, 8))), slice_(((None, 0), None), Layout(((2, 3), 4)))
    ((4):(1), (2,4):(1,6))
    """
    if isinstance(layout, Layout):
        return layout.sliced(coordinate)
    return layout if coordinate is None else kept(coordinate, layout)


def closed(coordinate: Any) -> Any:
    """Return a coordinate with 0 where it has None."""
    return tuple(map(closed, coordinate)) if is_tuple(coordinate) else 0 if coordinate is None else coordinate


def slice_and_offset(coordinate: Any, layout: Any) -> tuple[Any, Any]:
    """Return the open modes of a layout, and the offset of the coordinate's other parts."""
    if coordinate is None:
        return layout, 0
    if hasattr(layout, "slice_and_offset"):
        return layout.slice_and_offset(coordinate)
    return slice_(coordinate, layout), layout(closed(coordinate))


def local_tile(layout: Layout, tiler: Any, coord: Any) -> Layout:
    """Return one tile of a layout: all are alike, where `coord` only has integers; for None in it, which tile is a mode.

    >>> local_tile(Layout((8, 16), (16, 1)), (4, 8), (1, None))
    (4,8,2):(16,1,8)
    """
    inside = (None,) * len(tiler) if is_tuple(tiler) else None
    return slice_((inside, coord), zipped_divide(layout, tiler))


def local_partition(layout: Layout, threads: Layout, index: Any) -> Layout:
    """Return what thread `index` has of a layout that the threads' tile is laid over again and again.

    >>> local_partition(Layout((8, 16), (16, 1)), Layout((2, 4), (4, 1)), 5)
    (4,4):(32,4)
    """
    coordinate = thread_coordinate(as_layout(threads, "local_partition"), index)
    return slice_((coordinate, (None,) * len(coordinate)), zipped_divide(layout, modes_of(product_each(threads.shape))))


def thread_coordinate(threads: Layout, index: Any) -> tuple[Any, ...]:
    """Return where the thread with this number is in a layout of threads: an integer for each mode."""
    found: list[Any] = []
    for mode in threads.modes():
        place: Any = 0
        reached = 1
        for size, stride in zip(leaves(mode.shape), leaves(mode.stride), strict=True):
            if size > 1 and stride > 0:
                part = index // stride % size if stride > 1 else index % size
                place = part * reached if isinstance(place, int) and place == 0 else place + part * reached
            reached *= size
        found.append(place)
    return tuple(found)


def group(layout: Layout, begin: int, end: int) -> Layout:
    """Return a layout with the modes from `begin` to `end - 1` made one nested mode.

    >>> group(Layout((2, 3, 4)), 0, 2)
    ((2,3),4):((1,2),6)
    """
    modes = list(as_layout(layout, "group").modes())
    if not 0 <= begin <= end <= len(modes):
        raise EnigmaValueError(
            f"group of the modes {begin} to {end} of {layout}", help=f"it has {len(modes)} modes, counted from 0"
        )
    return Layout.of_modes([*modes[:begin], Layout.of_modes(modes[begin:end]), *modes[end:]])
