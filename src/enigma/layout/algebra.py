"""The algebra's elementary functions: coalesce, composition, complement, right inverse.

The definitions are those of CuTe's documentation ("CuTe Layout Algebra"); results are equal to CuTe's down to the nesting.
"""

from __future__ import annotations

from typing import Any

from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout.compact import compact_col_major
from enigma.layout.int_tuple import IntTuple, int_tuple, is_tuple, leaves, modes_of, need_static
from enigma.layout.layout import Layout, as_layout
from enigma.layout.leaf import ceil, is_number, is_static, same, scaled

Pairs = list[tuple[int, int]]
"""Modes of a flat layout, (size, stride) each."""


def coalesce(layout: Layout, profile: Any = None) -> Layout:
    """Return the layout with the fewest modes that is the same function of integers.

    Modes of size 1 go, neighbours that continue each other join; the order of modes stays. With a `profile`, a nested tuple,
    that is done to each mode that it has an integer (or None) for, and the result is nested like it.

    >>> coalesce(Layout((2, (1, 6)), (1, (6, 2)))), coalesce(Layout((4, 8), (8, 1)))
    (12:1, (4,8):(8,1))
    """
    as_layout(layout, "coalesce")
    if is_tuple(profile):
        if len(profile) > layout.rank():
            raise EnigmaValueError(
                f"profile {profile} has more modes than {layout}", help="give at most one entry for each mode"
            )
        modes = list(layout.modes())
        return Layout.of_modes([coalesce(m, p) for m, p in zip(modes, profile, strict=False)] + modes[len(profile) :])
    if is_tuple(layout.shape) and not layout.shape:
        return layout
    return from_pairs(_joined(pairs(layout)))


def pairs(layout: Layout) -> Pairs:
    """Return the modes of a layout, flat."""
    return list(zip(leaves(layout.shape), leaves(layout.stride), strict=True))


def from_pairs(modes: Pairs) -> Layout:
    """Return the flat layout of the given modes: of one mode without a tuple, of none `1:0`."""
    if len(modes) == 1:
        return Layout.unchecked(*modes[0])
    if not modes:
        return Layout.unchecked(1, 0)
    return Layout.unchecked(tuple(size for size, _ in modes), tuple(stride for _, stride in modes))


def _joined(modes: Pairs) -> Pairs:
    """Return flat modes without those of size 1, joined from the last one on where one continues its neighbour."""
    found: Pairs = []
    for size, stride in reversed(modes):
        if type(size) is int and size == 1:
            continue
        if not found:
            found.append((size, stride))
        elif type(size) is int and type(stride) is int and type(found[-1][1]) is int:  # the usual case, fast
            if size * stride == found[-1][1]:
                found[-1] = scaled(size, found[-1][0]), stride
            else:
                found.append((size, stride))
        elif is_static(size) and is_static(stride) and same(scaled(size, stride), found[-1][1]):
            found[-1] = scaled(size, found[-1][0]), stride
        else:
            found.append((size, stride))
    return found[::-1]


def composition(a: Layout, b: Any) -> Layout:
    """Return the layout R with `R(c) == a(b(c))` for every coordinate c of `b`; R is nested like `b`, or deeper.

    The modes of `b` are composed one by one and their offsets add up, which is `a` of the sum as long as no sum carries from
    one mode of `a` into the next: tiles do not.

    `b` may also be a tiler: an integer n stands for the layout `n:1`; a tuple is applied mode by mode, None keeps a mode, and
    modes of `a` without an entry go. Raises `EnigmaValueError` where no layout is that function.

    As in CuTe, a mode of `a` that a stride of `b` steps through without dividing it counts as rounded up, so that a last
    tile may be partial: from there on, R numbers the coordinates as if that mode of `a` were padded.

    >>> composition(Layout((6, 2), (8, 2)), Layout((4, 3), (3, 1)))
    ((2,2),3):((24,2),8)
    """
    as_layout(a, "composition")
    if b is None:
        return a
    if isinstance(b, Layout):
        modes = _joined_open(pairs(a))
        return _composed(modes, b.shape, b.stride, (a, b))
    if is_tuple(b):
        need_rank("composition", a, b)
        return Layout.of_modes([composition(mode, part) for mode, part in zip(a.modes(), b, strict=False)])
    return composition(a, as_tile(b, "composition"))


def as_tile(x: Any, what: str) -> Layout:
    """Return an integer n as the layout `n:1`, and a layout itself; `what` names who asks in the `EnigmaTypeError` otherwise."""
    if isinstance(x, Layout):
        return x
    if isinstance(x, bool) or not hasattr(x, "__index__"):
        raise EnigmaTypeError(
            f"{what} takes a layout or a tiler, but it got {x!r}",
            help="a tiler is an integer, a layout or a tuple of them",
        )
    return Layout(x)


def need_rank(what: str, a: Layout, tiler: tuple[Any, ...]) -> None:
    """Raise `EnigmaValueError` if a tiler has more entries than the layout has modes."""
    if len(tiler) > a.rank():
        raise EnigmaValueError(
            f"{what}: the tiler {tiler} has more modes than {a}", help="give at most one entry for each mode"
        )


def _joined_open(modes: Pairs) -> Pairs:
    """Return joined modes whose last one goes on past the end with the stride that was written, even where its size is 1."""
    if not modes or not is_number(modes[-1][0], 1):
        return _joined(modes) or [(1, 0)]
    return _joined([*modes[:-1], (2, modes[-1][1])])


def _composed(modes: Pairs, shape: IntTuple, stride: IntTuple, what: tuple[Layout, Layout]) -> Layout:
    if isinstance(shape, tuple) or isinstance(stride, tuple):
        parts = zip(modes_of(shape), modes_of(stride), strict=True)
        return Layout.of_modes([_composed(modes, s, d, what) for s, d in parts])
    if type(stride) is int and stride == 0:
        return Layout.unchecked(shape, 0)
    if len(modes) > 1:
        need_static("the composition", *(size for size, _ in modes[:-1]), shape, stride)
    found: Pairs = []
    for size, pace in modes[:-1]:
        # over whole modes, or inside of one: anything else is no layout
        if size == 0 or (stride % size and abs(stride) >= size):
            raise _no_layout(what, f"stride {stride} steps neither over nor inside of a mode of {size}")
        room = -(-size // abs(stride))
        if room > 1 and shape != 1:
            taken = min(room, shape)
            if taken == 0 or shape % taken:
                raise _no_layout(what, f"{shape} elements do not fill a mode of {size} at stride {stride}")
            found.append((taken, scaled(stride, pace)))
            shape //= taken
        stride = -(-abs(stride) // size) * (1 if stride > 0 else -1)
    if found and is_number(shape, 1):
        return from_pairs(found)  # not joined: where a mode counted as rounded up, two of them may look continuous
    found.append((shape, scaled(stride, modes[-1][1])))
    return from_pairs(_joined(found) if len(found) > 1 else found)


def _no_layout(what: tuple[Layout, Layout], why: str) -> EnigmaValueError:
    return EnigmaValueError(
        f"the composition {what[0]} o {what[1]} is no layout: {why}",
        help="choose a tile that divides the layout's modes",
    )


def filtered(layout: Layout) -> Layout:
    """Return the coalesced layout without modes of stride 0: the same offsets, each of them once for an injective rest.

    >>> filtered(Layout((4, 3, 2), (1, 0, 4)))
    8:1
    """
    as_layout(layout, "filter")
    return from_pairs(_joined([(size, stride) for size, stride in pairs(layout) if not is_number(stride, 0)]))


def complement(layout: Layout, cosize_val: Any = None) -> Layout:
    """Return the layout of the offsets below `cosize_val` that `layout` does not reach from 0: how often, and where, to repeat it.

    Together the two reach all of them, rounded up to whole repetitions. `cosize_val` is an integer, or a shape; the default
    is the cosize of the layout. A layout that reaches one offset twice has no complement: the result then has modes of size 0,
    as in CuTe.

    >>> complement(Layout(4, 2), 24), complement(Layout((2, 2), (1, 6)), 24)
    ((2,3):(1,8), (3,2):(2,12))
    """
    need_static("complement", as_layout(layout, "complement"))
    modes = pairs(filtered(layout))
    target = filtered(layout).cosize() if cosize_val is None else int_tuple(cosize_val, "cosize_val")
    if min(filter(is_static, leaves(target)), default=1) < 1:
        raise EnigmaValueError(f"cosize_val is {target}", help="it counts elements: at least 1")
    if any(size == 0 or stride < 0 for size, stride in modes):
        raise EnigmaValueError(
            f"{layout} has no complement", help="a complement needs positive strides and no empty modes"
        )
    if modes == [(1, 0)]:
        modes = []
    found: Pairs = []
    reached = 1
    for size, stride in sorted(modes, key=lambda mode: mode[1]):
        found.append((stride // reached, reached))
        reached = stride * size
    rest = _tiles(leaves(target), reached)
    tail = zip(rest, leaves(compact_col_major(rest, reached)), strict=True)
    return from_pairs(_joined([*found, *tail]))


def _tiles(shape: tuple[int, ...], tile: int) -> tuple[int, ...]:
    """Return how often a tile of so many elements fits into a shape, rounded up, the first mode filled first."""
    found: list[int] = []
    for size in shape:
        found.append(ceil(size, tile))
        if len(shape) > 1 and tile > 1:
            need_static("dividing a mode of several parts by a tile", size)
            tile = ceil(tile, size)
    return tuple(found)


def right_inverse(layout: Layout) -> Layout:
    """Return the longest layout R with `layout(R(i)) == i` for every integer i below its size.

    >>> right_inverse(Layout((4, 8), (8, 1)))
    (8,4):(4,1)
    """
    need_static("right_inverse", as_layout(layout, "right_inverse"))
    modes = pairs(coalesce(layout))
    places = leaves(compact_col_major(tuple(size for size, _ in modes)))
    found: Pairs = []
    reached = 1
    for (size, stride), place in sorted(zip(modes, places, strict=True), key=lambda item: item[0][1]):
        if stride == reached:
            found.append((size, place))
            reached *= size
    return from_pairs(_joined(found))
