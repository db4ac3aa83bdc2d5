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

    A layout may come first too. Raises `EnigmaValueError` for a coordinate that does not fit.

    >>> slice_((None, 2), Layout((4, 8))), slice_(((None, 0), None), Layout(((2, 3), 4)))
    ((4):(1), (2,4):(1,6))
    """
    coordinate, layout = _in_order(coordinate, layout)
    if hasattr(layout, "sliced"):
        return layout.sliced(coordinate)
    return layout if coordinate is None else kept(coordinate, layout)


def dice(coordinate: Any, layout: Any) -> Any:
    """Return the modes for which `coordinate` has no None, of a layout or a tuple: those that `slice_` leaves out.

    A layout may come first too. Raises `EnigmaValueError` for a coordinate that does not fit.

    >>> dice((1, None, 1), (16, 8, 4)), dice((None, 2), Layout((4, 8)))
    ((16, 4), (8):(4))
    """
    coordinate, layout = _in_order(coordinate, layout)
    if not hasattr(layout, "sliced"):
        return layout if not is_tuple(coordinate) and coordinate is not None else kept(_opened(coordinate), layout)
    if not is_tuple(coordinate) and coordinate is not None:
        return layout
    return layout.sliced(_opened(coordinate))


def _in_order(coordinate: Any, layout: Any) -> tuple[Any, Any]:
    """Return the coordinate first: CuTe's C++ has it so, and its Python the other way round."""
    return (layout, coordinate) if hasattr(coordinate, "sliced") else (coordinate, layout)


def _opened(coordinate: Any) -> Any:
    """Return a coordinate with None where it has a number, and 0 where it has None."""
    return tuple(map(_opened, coordinate)) if is_tuple(coordinate) else 0 if coordinate is None else None


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


def local_tile(layout: Any, tiler: Any, coord: Any, proj: Any = None) -> Any:
    """Return one tile of a layout: all are alike, where `coord` only has integers; for None in it, which tile is a mode.

    With `proj`, entries of `tiler` and `coord` for which it has None are left out: one tiler of (M, N, K) divides a matrix of
    (M, K) by `proj=(1, None, 1)`.

    >>> local_tile(Layout((8, 16), (16, 1)), (4, 8), (1, None))
    (4,8,2):(16,1,8)
    >>> local_tile(Layout((8, 16), (16, 1)), (4, 32, 8), (1, 0, None), proj=(1, None, 1))
    (4,8,2):(16,1,8)
    """
    tiler, coord = projected(proj, tiler), projected(proj, coord)
    inside = (None,) * len(tiler) if is_tuple(tiler) else None
    swizzled = getattr(layout, "inner", None)
    if swizzled is None:
        return slice_((inside, coord), zipped_divide(layout, tiler))
    return layout.with_inner(zipped_divide(swizzled, tiler)).sliced((inside, coord))


def projected(proj: Any, x: Any) -> Any:
    """Return what a projection leaves of a tiler, a coordinate or a layout of threads; None leaves all."""
    if proj is None or not is_tuple(proj):
        return x
    if hasattr(x, "sliced"):
        return dice(proj, x)
    if not is_tuple(x) or len(x) != len(proj):
        raise EnigmaValueError(
            f"the projection {proj} does not fit {x}",
            help="give one entry for each: 1 to keep it, None to leave it out",
        )
    return tuple(part for keep, part in zip(proj, x, strict=True) if keep is not None)


def local_partition(layout: Any, threads: Layout, index: Any, proj: Any = 1) -> Any:
    """Return what thread `index` has of a layout that the threads' tile is laid over again and again.

    With `proj`, modes of `threads` for which it has None are left out: threads that differ only there have the same elements.

    >>> local_partition(Layout((8, 16), (16, 1)), Layout((2, 4), (4, 1)), 5)
    (4,4):(32,4)
    """
    tiler, coordinate = thread_part(as_layout(threads, "local_partition"), index, proj)
    swizzled = getattr(layout, "inner", None)
    if swizzled is None:
        return slice_(coordinate, zipped_divide(layout, tiler))
    return layout.with_inner(zipped_divide(swizzled, tiler)).sliced(coordinate)


def thread_part(threads: Layout, index: Any, proj: Any = 1) -> tuple[Any, Any]:
    """Return the tiler that threads make, and the coordinate of a thread's share in what it divides."""
    own = projected(proj, threads)
    coordinate = thread_coordinate(own, index)
    return modes_of(product_each(own.shape)), (coordinate, (None,) * len(coordinate))


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
