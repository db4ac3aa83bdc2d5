"""Products: one layout repeated as another one says."""

from __future__ import annotations

from typing import Any

from enigma.errors import EnigmaValueError
from enigma.layout.algebra import coalesce, complement, composition
from enigma.layout.int_tuple import leaves, modes_of, need_static, product_each, shape_of
from enigma.layout.layout import Layout, as_layout, make_ordered_layout


def logical_product(block: Layout, tiler: Layout) -> Layout:
    """Return the layout (block, repetitions): `block`, repeated at the places that `tiler` numbers.

    >>> logical_product(Layout((2, 2), (4, 1)), Layout(6))
    ((2,2),(2,3)):((4,1),(2,8))
    """
    as_layout(block, "logical_product")
    free = complement(block, block.size() * as_layout(tiler, "logical_product").cosize())
    return Layout.of_modes([block, composition(free, tiler)])


def zipped_product(block: Layout, tiler: Layout) -> Layout:
    """Return the layout (block, repetitions), which for a layout as the tiler is the logical product."""
    return logical_product(block, tiler)


def tiled_product(block: Layout, tiler: Layout) -> Layout:
    """Return the layout (block, the modes of the repetitions side by side).

    >>> tiled_product(Layout((2, 2), (4, 1)), Layout((2, 3)))
    ((2,2),2,3):((4,1),2,8)
    """
    inside, which = logical_product(block, tiler).modes()
    return Layout.of_modes([inside, *which.modes()])


def flat_product(block: Layout, tiler: Layout) -> Layout:
    """Return the modes of the block and those of the repetitions side by side.

    >>> flat_product(Layout((2, 2), (4, 1)), Layout((2, 3)))
    (2,2,2,3):(4,1,2,8)
    """
    inside, which = logical_product(block, tiler).modes()
    return Layout.of_modes([*inside.modes(), *which.modes()])


def blocked_product(block: Layout, tiler: Layout) -> Layout:
    """Return `block` repeated mode by mode, each whole in its place: mode i is (block's mode i, tiler's mode i).

    >>> blocked_product(Layout((2, 5), (5, 1)), Layout((3, 4), (1, 3)))
    ((2,3),(5,4)):((5,10),(1,30))
    """
    inner, outer = _parts(block, tiler, "blocked_product")
    return Layout.of_modes([Layout.of_modes([a, b]) for a, b in zip(inner.modes(), outer.modes(), strict=True)])


def raked_product(block: Layout, tiler: Layout) -> Layout:
    """Return `block` repeated mode by mode with the repetitions inside: mode i is (tiler's mode i, block's mode i).

    >>> raked_product(Layout((2, 5), (5, 1)), Layout((3, 4)))
    ((3,2),(4,5)):((10,5),(30,1))
    """
    inner, outer = _parts(block, tiler, "raked_product")
    zipped = [Layout.of_modes([b, a]) for a, b in zip(inner.modes(), outer.modes(), strict=True)]
    return coalesce(Layout.of_modes(zipped), profile=(1,) * len(zipped))


def tile_to_shape(block: Layout, shape: Any, order: Any) -> Layout:
    """Return `block` repeated until it fills `shape`, repetitions in the order of their priorities: 0 is the fastest mode.

    Raises `EnigmaValueError` for another rank, and where the block does not divide the shape.

    >>> tile_to_shape(Layout((8, 4), (4, 1)), (16, 8), (1, 0))
    ((8,2),(4,2)):((4,64),(1,32))
    """
    sizes = modes_of(product_each(as_layout(block, "tile_to_shape").shape))
    whole = modes_of(product_each(shape_of(shape)))
    need_static("tile_to_shape", sizes, whole)
    if len(whole) != len(sizes) or any(all_ % one for all_, one in zip(leaves(whole), leaves(sizes), strict=True)):
        raise EnigmaValueError(
            f"tile_to_shape: {block} does not divide the shape {shape}",
            help="each mode of the shape is a multiple of the same mode of the block",
        )
    times = tuple(all_ // one for all_, one in zip(leaves(whole), leaves(sizes), strict=True))
    return blocked_product(block, make_ordered_layout(times, order))


def _parts(block: Layout, tiler: Layout, what: str) -> tuple[Layout, Layout]:
    """Return the block and its repetitions, both of the larger rank."""
    rank = max(as_layout(block, what).rank(), as_layout(tiler, what).rank())
    parts = logical_product(_padded(block, rank), _padded(tiler, rank))
    return parts[0], parts[1]


def _padded(layout: Layout, rank: int) -> Layout:
    """Return `layout` with modes of one element added until it has `rank` modes."""
    modes = list(layout.modes())
    return Layout.of_modes(modes + [Layout(1)] * (rank - len(modes)))
