"""Tiling: a layout divided into tiles, with the coordinates inside of a tile apart from those of the tiles."""

from __future__ import annotations

from typing import Any

from enigma.errors import EnigmaTypeError, EnigmaValueError
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
    as_layout(layout, "logical_divide")
    if tiler is None:
        return layout
    if is_tuple(tiler):
        need_rank("logical_divide", layout, tiler)
        modes = list(layout.modes())
        divided = [logical_divide(mode, part) for mode, part in zip(modes, tiler, strict=False)]
        return Layout.of_modes(divided + modes[len(tiler) :])
    tile = as_tile(tiler, "logical_divide")
    rest = complement(tile, coalesce(layout).shape)
    if is_number(rest.size(), 0):
        raise EnigmaValueError(
            f"logical_divide of {layout}: the tile {tile} picks an element twice", help="use a tile without overlap"
        )
    return composition(layout, Layout.of_modes([tile, rest]))


def zipped_divide(layout: Layout, tiler: Any) -> Layout:
    """Return `layout` divided into tiles as two modes: ((inside of the tile), (which tile)).

    Tilers are those of `logical_divide`; for an integer or a layout the two results are one. Modes without an entry count to
    the second.

    >>> zipped_divide(Layout((256, 512), (512, 1)), (16, 256))
    ((16,256),(16,2)):((512,1),(8192,256))
    """
    return Layout.of_modes(_zipped(as_layout(layout, "zipped_divide"), tiler))


def _zipped(layout: Layout, tiler: Any) -> list[Layout]:
    """Return the two modes: inside of the tile, which tile; both nested like the tiler."""
    if tiler is None:
        raise EnigmaTypeError(
            "zipped_divide got None in its tiler", help="give the mode's whole size to keep it in one tile"
        )
    if not is_tuple(tiler):
        return list(logical_divide(layout, tiler).modes())
    need_rank("zipped_divide", layout, tiler)
    modes = list(layout.modes())
    split = [_zipped(mode, part) for mode, part in zip(modes, tiler, strict=False)]
    outside = [which for _, which in split] + modes[len(tiler) :]
    return [Layout.of_modes([inside for inside, _ in split]), Layout.of_modes(outside)]


def tiled_divide(layout: Layout, tiler: Any) -> Layout:
    """Return `layout` divided into tiles: one mode for the inside of a tile, and the modes of which tile side by side.

    >>> tiled_divide(Layout((256, 512), (512, 1)), (16, 256))
    ((16,256),16,2):((512,1),8192,256)
    """
    inside, which = zipped_divide(layout, tiler).modes()
    return Layout.of_modes([inside, *which.modes()])


def flat_divide(layout: Layout, tiler: Any) -> Layout:
    """Return `layout` divided into tiles, with the modes of the inside and those of which tile side by side.

    >>> flat_divide(Layout((256, 512), (512, 1)), (16, 256))
    (16,256,16,2):(512,1,8192,256)
    """
    inside, which = zipped_divide(layout, tiler).modes()
    return Layout.of_modes([*inside.modes(), *which.modes()])
