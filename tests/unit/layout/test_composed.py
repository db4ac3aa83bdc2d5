"""Composed layouts are taken apart, divided and repeated like plain ones: every offset against the swizzle of a plain one's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import enigma as en
from enigma import layout as lib

INNER = en.Layout((8, (4, 4)), (16, (1, 4)))
SWIZZLE = en.Swizzle(2, 1, 3)
TILE = en.make_composed_layout(SWIZZLE, 0, INNER)

SAME: dict[str, Callable[[Any], Any]] = {
    "coalesce": en.coalesce,
    "coalesce with a profile": lambda x: en.coalesce(x, (1, 1)),
    "filter": en.filter,
    "flatten": en.flatten,
    "logical_divide": lambda x: en.logical_divide(x, (4, None)),
    "zipped_divide": lambda x: en.zipped_divide(x, (4, 8)),
    "tiled_divide": lambda x: en.tiled_divide(x, (2, en.Layout(4, 2))),
    "flat_divide": lambda x: en.flat_divide(x, (4, 8)),
    "divided by a layout": lambda x: en.zipped_divide(x, en.Layout(8, 4)),
    "logical_product": lambda x: en.logical_product(x, en.Layout((2, 3), (3, 1))),
    "zipped_product": lambda x: en.zipped_product(x, en.Layout(2)),
    "tiled_product": lambda x: en.tiled_product(x, en.Layout((2, 2))),
    "flat_product": lambda x: en.flat_product(x, en.Layout((2, 2))),
    "blocked_product": lambda x: en.blocked_product(x, en.Layout((2, 2))),
    "raked_product": lambda x: en.raked_product(x, en.Layout((2, 2))),
    "tile_to_shape": lambda x: en.tile_to_shape(x, (16, 32), (1, 0)),
    "group_modes": lambda x: en.group_modes(x, 0, 2),
    "append": lambda x: en.append(x, en.Layout(2, 128)),
    "prepend": lambda x: en.prepend(x, en.Layout(2, 128)),
    "select": lambda x: en.select(x, [1, 0]),
    "composition": lambda x: en.composition(x, en.Layout((4, 4), (1, 8))),
    "a mode": lambda x: x[1],
    "a nested mode": lambda x: x[[1, 0]],
    "a slice": lambda x: x[None, 3],
    "a slice by its parts": lambda x: x((None, (2, None))),
    "a slice of several arguments": lambda x: x(5, None),
    "slice_": lambda x: en.slice_((5, (None, 1)), x),
    "slice_ in the other order": lambda x: en.slice_(x, (5, (None, 1))),
    "dice": lambda x: en.dice((1, None), x),
    "local_tile": lambda x: en.local_tile(x, (4, 8), (1, 1)),
    "local_tile with all tiles": lambda x: en.local_tile(x, (4, 8), (1, None)),
    "local_tile with a projection": lambda x: en.local_tile(x, (4, 99, 8), (1, 0, 1), proj=(1, None, 1)),
    "local_partition": lambda x: en.local_partition(x, en.Layout((2, 4), (4, 1)), 6),
    "local_partition with a projection": lambda x: en.local_partition(x, en.Layout((2, 4, 4)), 13, (1, None, 1)),
}


@pytest.mark.parametrize("what", SAME)
@pytest.mark.parametrize("offset", [0, 4])
def test_a_composed_layout_is_the_swizzled_plain_one(what: str, offset: int) -> None:
    found = SAME[what](en.make_composed_layout(SWIZZLE, offset, INNER))
    # the plain layout of memory whose places are the offsets before the swizzle: a slice shows where it starts
    plain = SAME[what](INNER)
    assert found.outer == SWIZZLE
    assert found.inner == plain
    assert (found.shape, found.stride, found.rank(), found.depth()) == (
        plain.shape, plain.stride, plain.rank(), plain.depth(),
    )  # fmt: skip
    start = found.offset - offset
    assert [found(k) for k in range(found.size())] == [SWIZZLE(plain(k) + start + offset) for k in range(found.size())]


STARTS: dict[str, int] = {
    "a mode": 0,
    "a slice": INNER((0, 3)),
    "a slice by its parts": INNER((0, (2, 0))),
    "a slice of several arguments": INNER((5, 0)),
    "slice_": INNER((5, (0, 1))),
    "slice_ in the other order": INNER((5, (0, 1))),
    "local_tile": INNER((4, 8)),
    "local_tile with all tiles": INNER((4, 0)),
    "local_tile with a projection": INNER((4, 8)),
    "local_partition": INNER((1, 2)),
    "local_partition with a projection": INNER((1, 1)),
}


@pytest.mark.parametrize("what", STARTS)
def test_a_part_starts_where_its_coordinate_is(what: str) -> None:
    assert SAME[what](TILE).offset == STARTS[what]
    assert SAME[what](TILE)(0) == TILE(INNER_TO_PLACE[STARTS[what]])


INNER_TO_PLACE = {INNER(k): k for k in range(INNER.size())}


def test_modes_and_text() -> None:
    assert [str(mode) for mode in TILE.modes()] == ["S<2,1,3> o 0 o 8:16", "S<2,1,3> o 0 o (4,4):(1,4)"]
    assert str(TILE[None, 3]) == "S<2,1,3> o 3 o (8):(16)"
    assert TILE(2, 1) == TILE((2, 1)) == SWIZZLE(33)
    assert INNER(2, 1) == INNER((2, 1)) == 33
    assert str(INNER(None, 2)) == "(8):(16)"
    assert "<svg" in TILE.to_svg()
    html = TILE._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert html is not None
    assert "<svg" in html


@pytest.mark.parametrize("new, old", [(32, 8), (8, 32), (16, 8), (8, 8), (64, 32)])
def test_a_recast_swizzled_layout_reaches_the_same_bits(new: int, old: int) -> None:
    layout = en.make_composed_layout(en.Swizzle(2, 3, 3), 16, en.Layout((16, 8), (1, 16)))
    recast = en.recast_layout(new, old, layout)

    def bits(layout: Any, width: int) -> list[int]:
        # element by element: the order of the bits is kept as well
        return [layout(k) * width + bit for k in range(layout.size()) for bit in range(width)]

    assert bits(recast, new) == bits(layout, old)


def test_memory_for_a_composed_layout_has_room_for_all_offsets() -> None:
    layout = en.make_composed_layout(en.Swizzle(3, 0, 3), 0, en.Layout((3, 8), (8, 1)))
    assert (layout.cosize(), layout.span()) == (24, 24)
    layout = en.make_composed_layout(en.Swizzle(3, 0, -3), 0, en.Layout(4))
    assert (layout.cosize(), layout.span(), max(layout(k) for k in range(4))) == (4, 64, 27)

    @en.kernel
    def kernel(Out: en.f32):
        tile = en.threadgroup_alloc(en.f32, layout=layout)
        tile[en.thread_index_in_threadgroup()] = 1.0
        en.barrier()
        Out[en.thread_position_in_grid] = tile[3]

    assert "float tile[64]" in en.compile(kernel).metal_source


def test_names_stand_at_the_top_and_in_core() -> None:
    for name in (
        "filter",
        "slice",
        "slice_",
        "flatten",
        "group",
        "group_modes",
        "append",
        "prepend",
        "dice",
        "tile_to_shape",
    ):
        assert callable(getattr(en, name))
        assert callable(getattr(en.core, name)), name
    assert lib.group is lib.group_modes
