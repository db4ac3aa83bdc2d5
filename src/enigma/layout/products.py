"""Products: one layout repeated as another one says."""

from __future__ import annotations

from enigma.layout.algebra import coalesce, complement, composition
from enigma.layout.layout import Layout, as_layout


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


def _parts(block: Layout, tiler: Layout, what: str) -> tuple[Layout, Layout]:
    """Return the block and its repetitions, both of the larger rank."""
    rank = max(as_layout(block, what).rank(), as_layout(tiler, what).rank())
    parts = logical_product(_padded(block, rank), _padded(tiler, rank))
    return parts[0], parts[1]


def _padded(layout: Layout, rank: int) -> Layout:
    """Return `layout` with modes of one element added until it has `rank` modes."""
    modes = list(layout.modes())
    return Layout.of_modes(modes + [Layout(1)] * (rank - len(modes)))
