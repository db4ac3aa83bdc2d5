"""Slices, tiles, swizzles and recasts: against brute force, and what they refuse."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import enigma as en
from enigma import layout as lib
from enigma.errors import EnigmaError

sizes = st.integers(1, 6)
leaf = st.tuples(sizes, st.integers(0, 40))


@st.composite
def layouts(draw: st.DrawFn, rank: int) -> en.Layout:
    modes = [draw(st.lists(leaf, min_size=1, max_size=2)) for _ in range(rank)]
    return en.Layout(tuple(tuple(s for s, _ in m) for m in modes), tuple(tuple(d for _, d in m) for m in modes))


@settings(deadline=None)
@given(layouts(3), st.data())
def test_a_slice_and_its_offset_are_the_layout_with_a_part_fixed(layout: en.Layout, data: st.DataObject) -> None:
    fixed = [data.draw(st.none() | st.integers(0, layout.size(mode) - 1)) for mode in range(3)]
    part, offset = lib.slicing.slice_and_offset(tuple(fixed), layout)  # type: ignore[attr-defined]
    open_modes = [mode for mode in range(3) if fixed[mode] is None]
    for coordinate in itertools.product(*(range(layout.size(mode)) for mode in open_modes)):
        whole = list(fixed)
        for mode, k in zip(open_modes, coordinate, strict=True):
            whole[mode] = k
        assert part(coordinate) + offset == layout(tuple(whole))


@settings(deadline=None)
@given(st.integers(0, 4), st.integers(0, 4), st.sampled_from([-5, -4, 4, 5]), st.integers(0, 1 << 14))
def test_a_swizzle_is_its_own_inverse(bits: int, base: int, shift: int, offset: int) -> None:
    swizzle = en.Swizzle(bits, base, shift)
    assert swizzle(swizzle(offset)) == offset
    assert (swizzle(np.array([offset])) == [swizzle(offset)]).all()
    assert offset >> base == swizzle(offset) >> base or bits


@settings(deadline=None)
@given(layouts(2), st.integers(0, 3), st.integers(0, 3), st.sampled_from([-3, 3]))
def test_a_composed_layout_stays_within_its_span(layout: en.Layout, bits: int, base: int, shift: int) -> None:
    composed = en.composition(en.Swizzle(bits, base, shift), layout)
    assert (composed.shape, composed.size(), composed.rank(), composed.depth()) == (layout.shape, layout.size(), 2, 2)
    assert composed.cosize() == en.cosize(composed) == layout.cosize()
    assert all(0 <= composed(k) < composed.span() for k in range(composed.size()))
    row, moved = composed.slice_and_offset((1 if layout.size(0) > 1 else 0, None))
    assert moved == 0
    assert [row((k,)) for k in range(layout.size(1))] == [
        composed((1 if layout.size(0) > 1 else 0, k)) for k in range(layout.size(1))
    ]


@settings(deadline=None)
@given(layouts(2), layouts(2))
def test_max_common_vector_counts_what_runs_along_in_both(a: en.Layout, b: en.Layout) -> None:
    try:
        count = en.max_common_vector(a, b)
    except EnigmaError:  # CuTe does not compose the two either
        return
    common = en.max_common_layout(a, b)
    assert common.size() == count
    assert all(a(common(k)) == b(common(k)) == k for k in range(count))


@settings(deadline=None)
@given(st.permutations(range(4)), st.lists(st.integers(2, 4), min_size=4, max_size=4))
def test_inverses_of_compact_layouts(order: list[int], shape: list[int]) -> None:
    layout = en.make_ordered_layout(tuple(shape), order=tuple(order))
    right, left = en.right_inverse(layout), en.left_inverse(layout)
    assert all(layout(right(k)) == k and left(layout(k)) == k for k in range(layout.size()))


@settings(deadline=None)
@given(st.sampled_from([8, 16, 32, 64]), st.sampled_from([8, 16, 32, 64]))
def test_a_recast_layout_reaches_the_same_bits(new: int, old: int) -> None:
    layout = en.make_layout((16, 8), (1, 24))
    recast = en.recast_layout(new, old, layout)

    def bits(layout: en.Layout, width: int) -> set[int]:
        return {layout(k) * width + bit for k in range(layout.size()) for bit in range(width)}

    assert bits(recast, new) == bits(layout, old)


@settings(deadline=None)
@given(layouts(2), st.sampled_from([lib.tiled_divide, lib.flat_divide]))
def test_divided_layouts_differ_in_nesting_only(layout: en.Layout, divide: Callable[..., en.Layout]) -> None:
    tile = (en.Layout(layout.size(0)), en.Layout(layout.size(1)))
    try:
        zipped = lib.zipped_divide(layout, tile)
    except EnigmaError:
        return
    assert lib.flatten(divide(layout, tile)) == lib.flatten(zipped)


def test_layouts_are_sliced_and_put_together() -> None:
    layout = en.make_layout(((2, 3), 4), ((1, 8), 2))
    assert str(layout[None, 2]) == str(layout((None, 2))) == str(lib.slice((None, 2), layout)) == "((2,3)):((1,8))"
    assert str(layout[(None, 1), None]) == "(2,4):(1,2)"
    assert layout[None] is layout
    assert layout[1] == en.Layout(4, 2)
    assert en.make_layout(layout[0], layout[1]) == layout
    assert str(en.make_layout(en.Layout(4))) == "(4):(1)"


def test_a_swizzled_layout_of_existing_kernels() -> None:
    made = en.SwizzledLayout(en.make_layout((8, 8), (8, 1)), en.Swizzle(3, 0, 3))
    assert made == en.swizzle(en.make_layout((8, 8), (8, 1)), 3, 0, 3)
    same = en.make_composed_layout(en.Swizzle(3, 0, 3), 0, en.make_layout((8, 8), (8, 1)))
    assert made == same
    assert same == made
    assert len({made, same}) == 1
    assert made != en.make_composed_layout(en.Swizzle(3, 0, 3), 8, en.make_layout((8, 8), (8, 1)))
    assert made != made.inner
    assert (made.shape, made.stride, made.size(), made.rank(), made.cosize()) == ((8, 8), (8, 1), 64, 2, 64)
    assert [made((1, k)) for k in range(8)] == [9, 8, 11, 10, 13, 12, 15, 14]
    assert repr(en.Swizzle(3, 3, 6)) == "Swizzle(bits=3, base=3, shift=6)"


REFUSED: dict[str, Callable[[], Any]] = {
    "a swizzle of 3 bits with the shift 1 would not be its own inverse": lambda: en.Swizzle(3, 0, 1),
    "a swizzle of -1 bits from bit 0 on": lambda: en.Swizzle(-1, 0, 3),
    "a swizzle's base is 1.5": lambda: en.Swizzle(1, 1.5, 3),  # type: ignore[arg-type]
    "make_composed_layout: the outer function is 3": lambda: en.make_composed_layout(3, 0, en.Layout(4)),  # type: ignore[arg-type]
    "make_composed_layout takes a layout, but it got 4": lambda: en.make_composed_layout(en.Swizzle(1, 0, 1), 0, 4),  # type: ignore[arg-type]
    "composition of S<1,0,1> with S<1,0,1> o 0 o 4:1, whose offsets are swizzled already": lambda: en.composition(
        en.Swizzle(1, 0, 1), en.make_composed_layout(en.Swizzle(1, 0, 1), 0, en.Layout(4))
    ),
    "recast_layout to 0 from 8 bits": lambda: en.recast_layout(0, 8, en.Layout(4)),
    "recast_layout: 2 elements become one, and in the mode 4:3 neither of 2 and the stride divides the other": lambda: (
        en.recast_layout(16, 8, en.Layout(4, 3))
    ),
    "recast_layout: 4 elements of the mode 6:1 become one, and 4 does not divide 6": lambda: en.recast_layout(
        32, 8, en.Layout(6)
    ),
    "recast_layout: S<2,1,3> keeps 2 elements side by side, and 4 of them are to be 1": lambda: en.recast_layout(
        32, 8, en.make_composed_layout(en.Swizzle(2, 1, 3), 0, en.Layout(16))
    ),
    "recast_layout: 4 elements are to be 1, and the offset 6 lies inside of one": lambda: en.recast_layout(
        32, 8, en.make_composed_layout(en.Swizzle(2, 4, 3), 6, en.Layout(16))
    ),
    "append: 4 cannot be a mode of (4,8):(1,4)": lambda: en.append(en.Layout((4, 8)), 4),
    "prepend: (4, 8) has more than 1 modes": lambda: en.prepend((4, 8), 1, 1),
    "tile_to_shape: (4,8):(1,4) does not divide the shape (8, 12)": lambda: en.tile_to_shape(
        en.Layout((4, 8)), (8, 12), (0, 1)
    ),
    "the projection (1, None, 1) does not fit (4, 8)": lambda: lib.local_tile(
        en.Layout((4, 8)), (4, 8), (0, 0), proj=(1, None, 1)
    ),
    "(2,2):(2,3) has no left inverse: the stride 2 does not divide the stride 3": lambda: en.left_inverse(
        en.Layout((2, 2), (2, 3))
    ),
    "4:-1 has a negative stride and no left inverse": lambda: en.left_inverse(en.Layout(4, -1)),
    "coordinate (None, 1, 2) does not fit (4, 8)": lambda: lib.slice((None, 1, 2), en.Layout((4, 8))),
    "make_layout takes a layout, but it got 3": lambda: en.make_layout(en.Layout(4), 3),
    "make_layout takes a shape and a stride, or layouts, but it got 4, 1 and more": lambda: en.make_layout(
        4, 1, en.Layout(2)
    ),
    "group_modes of the modes 1 to 4 of (4,8):(1,4)": lambda: lib.group(en.Layout((4, 8)), 1, 4),
    "group_modes of the modes 1 to 1 of (4, 8)": lambda: en.group_modes((4, 8), 1, 1),
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_refusal_says_what_is_wrong_and_what_would_be_right(text: str) -> None:
    with pytest.raises(EnigmaError) as error:
        REFUSED[text]()
    assert error.value.message == text
    assert error.value.help


def numbers(layout: Any) -> list[int]:
    return [layout(k) for k in range(layout.size())]


compact = st.permutations(range(3)).flatmap(
    lambda order: st.lists(st.sampled_from([1, 2, 3, 4, 6, 8]), min_size=3, max_size=3).map(
        lambda shape: en.make_ordered_layout((shape[0], (shape[1], shape[2])), (order[0], (order[1], order[2])))
    )
)


def divided(count: int, data: st.DataObject) -> en.Layout:
    """Return a layout of one or two modes whose sizes and strides divide `count`."""
    sizes, reached = [], 1
    for _ in range(data.draw(st.integers(1, 2))):
        step = data.draw(st.sampled_from([d for d in range(1, count // reached + 1) if count // reached % d == 0]))
        left = count // reached // step
        extent = data.draw(st.sampled_from([d for d in range(1, left + 1) if left % d == 0]))
        sizes.append((extent, reached * step))
        reached *= step * extent
    return en.Layout(tuple(s for s, _ in sizes), tuple(d for _, d in sizes))


@settings(deadline=None)
@given(compact, st.data())
def test_composition_is_associative_where_all_of_it_is_defined(a: en.Layout, data: st.DataObject) -> None:
    b = divided(a.size(), data)
    c = divided(b.size(), data)
    try:
        left, right = en.composition(en.composition(a, b), c), en.composition(a, en.composition(b, c))
    except EnigmaError:
        return
    # both number the same function wherever neither of them counts beyond the end of a mode
    if all(a(b(k)) == en.composition(a, b)(k) for k in range(b.size())):
        assert numbers(left) == numbers(right) == [a(b(c(k))) for k in range(c.size())]


@settings(deadline=None)
@given(st.data(), st.sampled_from([24, 36, 64, 96, 120]))
def test_a_complement_and_its_layout_reach_every_offset_once(data: st.DataObject, count: int) -> None:
    layout = divided(count, data)
    rest = en.complement(layout, count)
    reached = sorted(x + y for x in numbers(layout) for y in numbers(rest))
    assert reached == list(range(count))
    # a complement reaches what its layout leaves out, in order
    assert numbers(rest) == sorted(numbers(rest))


@settings(deadline=None)
@given(compact, st.data())
def test_a_division_is_put_together_again_by_the_inverse_of_its_order(layout: en.Layout, data: st.DataObject) -> None:
    tile = divided(layout.size(), data)
    try:
        split = en.logical_divide(layout, tile)
    except EnigmaError:
        return
    inside, which = split.modes()
    assert numbers(inside) == [layout(tile(k)) for k in range(tile.size())] or not _exact(layout, tile)
    if _exact(layout, tile) and split.size() == layout.size():
        assert sorted(numbers(split)) == sorted(numbers(layout))
        assert len(set(numbers(which))) == which.size()


def _exact(layout: en.Layout, tile: en.Layout) -> bool:
    """Return whether the tile and its complement number the layout without a partial mode."""
    order = en.make_layout(tile, en.complement(tile, layout.size()))
    try:
        made = en.composition(layout, order)
    except EnigmaError:
        return False
    return numbers(made) == [layout(order(k)) for k in range(order.size())]


@settings(deadline=None)
@given(compact, compact)
def test_a_product_repeats_its_block_at_the_places_that_the_tiler_numbers(block: en.Layout, tiler: en.Layout) -> None:
    both = en.logical_product(block, tiler)
    first, second = both.modes()
    assert first == block
    assert second.shape == tiler.shape or second.size() == tiler.size()
    whole = block.size()
    assert numbers(second) == [whole * tiler(k) for k in range(tiler.size())]
    for made in (en.blocked_product, en.raked_product):
        assert sorted(numbers(made(block, tiler))) == sorted(numbers(both)) == list(range(whole * tiler.size()))


@settings(deadline=None)
@given(layouts(2))
def test_inverses_undo_what_they_can(layout: en.Layout) -> None:
    right = en.right_inverse(layout)
    assert [layout(right(k)) for k in range(right.size())] == list(range(right.size()))
    if len(set(numbers(layout))) < layout.size():
        return
    try:
        left = en.left_inverse(layout)
    except EnigmaError:
        return
    if all(big % small == 0 for small, big in itertools.pairwise(_reaches(layout))):
        assert [left(layout(k)) for k in range(layout.size())] == list(range(layout.size()))


def _reaches(layout: en.Layout) -> list[int]:
    """Return the strides and the ends of the modes, from the smallest stride on."""
    pairs = zip(lib.flatten((layout.shape,)), lib.flatten((layout.stride,)), strict=True)  # type: ignore[arg-type]
    modes = sorted((d, d * s) for s, d in pairs if s > 1)
    return [1, *(number for mode in modes for number in mode)]


@settings(deadline=None)
@given(st.sampled_from([1, 2, 4]), st.sampled_from([8, 16, 32]), compact)
def test_recasting_down_and_up_again_changes_nothing(times: int, bits: int, layout: en.Layout) -> None:
    fine = en.recast_layout(bits // times, bits, layout)
    assert fine.size() == layout.size() * times or not any(d == 1 for d in lib.flatten((layout.stride,)))  # type: ignore[union-attr]
    back = en.recast_layout(bits, bits // times, fine)
    assert numbers(back) == numbers(layout)
    assert back.shape == layout.shape


@settings(deadline=None)
@given(compact, st.integers(0, 3), st.integers(0, 3), st.data())
def test_tiles_of_a_composed_layout_are_its_elements(
    layout: en.Layout, bits: int, base: int, data: st.DataObject
) -> None:
    composed = en.make_composed_layout(en.Swizzle(bits, base, 3), data.draw(st.sampled_from([0, 8, 64])), layout)
    rows = data.draw(st.sampled_from([d for d in range(1, layout.size(0) + 1) if layout.size(0) % d == 0]))
    row = data.draw(st.integers(0, layout.size(0) // rows - 1))
    tile = en.local_tile(composed, (rows, en.Layout(layout.size(1))), (row, None))
    assert [tile((i, j, 0)) for j in range(layout.size(1)) for i in range(rows)] == [
        composed((row * rows + i, j)) for j in range(layout.size(1)) for i in range(rows)
    ]
