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


def raked_product(block: Layout, tiler: Layout) -> Layout:
    """Return `block` repeated mode by mode with the repetitions inside: mode i is (tiler's mode i, block's mode i).

    >>> raked_product(Layout((2, 5), (5, 1)), Layout((3, 4)))
    ((3,2),(4,5)):((10,5),(30,1))
    """
    rank = max(as_layout(block, "raked_product").rank(), as_layout(tiler, "raked_product").rank())
    parts = logical_product(_padded(block, rank), _padded(tiler, rank))
    zipped = [Layout.of_modes([outer, inner]) for inner, outer in zip(parts[0].modes(), parts[1].modes(), strict=True)]
    return coalesce(Layout.of_modes(zipped), profile=(1,) * rank)


def _padded(layout: Layout, rank: int) -> Layout:
    """Return `layout` with modes of one element added until it has `rank` modes."""
    modes = list(layout.modes())
    return Layout.of_modes(modes + [Layout(1)] * (rank - len(modes)))
