"""Tiling: a layout divided into tiles, with the coordinates inside of a tile apart from those of the tiles."""

from __future__ import annotations

from typing import Any

from enigma.errors import EnigmaValueError
from enigma.layout.algebra import as_tile, coalesce, complement, composition, need_rank
from enigma.layout.int_tuple import is_tuple
from enigma.layout.layout import Layout, as_layout
from enigma.layout.leaf import is_number


def logical_divide(layout: Layout, tiler: Any) -> Layout:
    """Return `layout` with each tiled mode split in two: (inside of the tile, which tile).

    A tiler is an integer n, for `n:1`; a layout, for the elements it picks; or a tuple, applied mode by mode, in which None
    leaves a mode as it is, like modes without an entry. A last tile that is not full counts as one: the result then has more
    elements than `layout`. Raises `EnigmaValueError` where no layout is that division.

    >>> logical_divide(Layout(16), 4), logical_divide(Layout((8, 16), (16, 1)), (4, 8))
    ((4,4):(1,4), ((4,2),(8,2)):((16,64),(1,8)))
    """
    return _logical(layout, tiler, "logical_divide")


def _logical(layout: Layout, tiler: Any, what: str) -> Layout:
    as_layout(layout, what)
    if tiler is None:
        return layout
    if is_tuple(tiler):
        need_rank(what, layout, tiler)
        modes = list(layout.modes())
        divided = [_logical(mode, part, what) for mode, part in zip(modes, tiler, strict=False)]
        return Layout.of_modes(divided + modes[len(tiler) :])
    tile = as_tile(tiler, what)
    rest = complement(tile, coalesce(layout).shape)
    if is_number(rest.size(), 0):
        raise EnigmaValueError(
            f"{what} of {layout}: the tile {tile} picks an element twice", help="use a tile without overlap"
        )
    return composition(layout, Layout.of_modes([tile, rest]))


def zipped_divide(layout: Layout, tiler: Any) -> Layout:
    """Return `layout` divided into tiles as two modes: ((inside of the tile), (which tile)).

    Tilers are those of `logical_divide`; for an integer or a layout the two results are one. Modes without an entry count to
    the second. None stands for a mode that has two modes already, (inside of the tile, which tile).

    >>> zipped_divide(Layout((256, 512), (512, 1)), (16, 256))
    ((16,256),(16,2)):((512,1),(8192,256))
    """
    return Layout.of_modes(_zipped(layout, tiler, "zipped_divide"))


def _zipped(layout: Layout, tiler: Any, what: str) -> list[Layout]:
    """Return the two modes: inside of the tile, which tile; both nested like the tiler."""
    if tiler is None:
        if as_layout(layout, what).rank() != 2:
            raise EnigmaValueError(
                f"{what}: None in the tiler stands for a mode of two modes, but here is {layout}",
                help="give the mode's whole size to keep it in one tile",
            )
        return list(layout.modes())
    if not is_tuple(tiler):
        return list(_logical(layout, tiler, what).modes())
    need_rank(what, as_layout(layout, what), tiler)
    modes = list(layout.modes())
    split = [_zipped(mode, part, what) for mode, part in zip(modes, tiler, strict=False)]
    outside = [which for _, which in split] + modes[len(tiler) :]
    return [Layout.of_modes([inside for inside, _ in split]), Layout.of_modes(outside)]


def tiled_divide(layout: Layout, tiler: Any) -> Layout:
    """Return `layout` divided into tiles: one mode for the inside of a tile, and the modes of which tile side by side.

    >>> tiled_divide(Layout((256, 512), (512, 1)), (16, 256))
    ((16,256),16,2):((512,1),8192,256)
    """
    inside, which = _zipped(layout, tiler, "tiled_divide")
    return Layout.of_modes([inside, *which.modes()])


def flat_divide(layout: Layout, tiler: Any) -> Layout:
    """Return `layout` divided into tiles, with the modes of the inside and those of which tile side by side.

    >>> flat_divide(Layout((256, 512), (512, 1)), (16, 256))
    (16,256,16,2):(512,1,8192,256)
    """
    inside, which = _zipped(layout, tiler, "flat_divide")
    return Layout.of_modes([*inside.modes(), *which.modes()])
