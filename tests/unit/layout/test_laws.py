"""What each function must keep, checked on every coordinate of all small layouts."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from enigma import layout as lib
from enigma.errors import EnigmaValueError
from enigma.layout import Layout

SHAPES = [1, 6, (1,), (4,), (2, 3), (4, 1), (1, 5), (2, 2, 3), ((2, 2), 3), (3, (2, 2)), ((2, (1, 2)), 2)]
STEPS = (0, 1, 2, 3, 4, 6, 12)


def nested(shape: lib.IntTuple, numbers: list[int]) -> lib.IntTuple:
    """Return the numbers, taken from the list, nested like `shape`."""
    return tuple(nested(s, numbers) for s in shape) if isinstance(shape, tuple) else numbers.pop(0)


def small() -> list[Layout]:
    """Return layouts of every small shape: all orders without gaps, and all strides for up to two modes."""
    found: dict[Layout, None] = {}
    for shape in SHAPES:
        count = len(lib.flatten((shape,)))
        for order in permutations(range(count)):
            found[lib.make_ordered_layout(shape, nested(shape, list(order)))] = None
        if count <= 2:
            for strides in product(STEPS, repeat=count):
                found[Layout(shape, nested(shape, list(strides)))] = None
    return list(found)


LAYOUTS = small()
INJECTIVE = [a for a in LAYOUTS if len({a(i) for i in range(a.size())}) == a.size()]


def offsets(layout: Layout) -> list[int]:
    """Return the offsets of all coordinates in order, by NumPy: strides of an array over consecutive numbers."""
    shape, stride = lib.flatten((layout.shape,)), lib.flatten((layout.stride,))
    assert isinstance(shape, tuple)
    assert isinstance(stride, tuple)
    memory = np.arange(layout.cosize())
    view = np.lib.stride_tricks.as_strided(memory, shape, tuple(s * memory.itemsize for s in stride))
    return view.ravel(order="F").tolist()


def test_a_layout_is_a_strided_view() -> None:
    assert len(LAYOUTS) > 150
    for a in LAYOUTS:
        values = [a(i) for i in range(a.size())]
        assert values == offsets(a), a
        assert max(values) + 1 == a.cosize(), a
        assert values == [a(lib.idx2crd(i, a.shape)) for i in range(a.size())], a
        assert a(np.arange(a.size())).tolist() == values if a.shape != () else True


def test_coordinates_and_their_numbers_are_inverse() -> None:
    for shape in SHAPES:
        crds = [lib.idx2crd(i, shape) for i in range(lib.size(shape))]
        assert [lib.crd2idx(c, shape) for c in crds] == list(range(lib.size(shape)))
        assert all(lib.is_congruent(c, shape) for c in crds)


def test_default_strides_number_the_coordinates_in_order() -> None:
    for shape in SHAPES:
        assert [Layout(shape)(i) for i in range(lib.size(shape))] == list(range(lib.size(shape)))


def test_ordered_layouts_have_no_gaps_and_the_lowest_priority_runs_fastest() -> None:
    for order in permutations(range(3)):
        a = lib.make_ordered_layout((2, 3, 4), order)
        assert sorted(offsets(a)) == list(range(24))
        assert a.stride[order.index(0)] == 1  # pyright: ignore[reportIndexIssue]
        # NumPy's order of axes is slowest first
        array = np.arange(24).reshape([(2, 3, 4)[order.index(k)] for k in (2, 1, 0)])
        view = array.transpose(np.argsort([order.index(k) for k in (2, 1, 0)]))
        assert all(view[c] == a(c) for c in np.ndindex(2, 3, 4))


def test_coalesce_keeps_the_function_and_leaves_no_mode_to_join() -> None:
    for a in LAYOUTS:
        c = lib.coalesce(a)
        assert offsets(c) == offsets(a), a
        assert c.depth() <= 1, a
        assert lib.coalesce(c) == c, a
        if a.rank() > 1:
            by_mode = lib.coalesce(a, (1,) * a.rank())
            assert [m.size() for m in by_mode.modes()] == [m.size() for m in a.modes()]
            assert offsets(by_mode) == offsets(a)


def test_composition_is_the_function_of_a_function() -> None:
    count = 0
    for a in LAYOUTS:
        modes = lib.flatten((lib.coalesce(a).shape,))
        assert isinstance(modes, tuple)
        for b in LAYOUTS:
            if b.cosize() > a.size():
                continue
            try:
                r = lib.composition(a, b)
            except EnigmaValueError:
                continue
            assert lib.is_weakly_congruent(b.shape, r.shape), (a, b)
            assert r.size() == b.size(), (a, b)
            # where a stride steps through a mode without dividing it, the result counts on a padded mode
            if not all(_fits(modes, size, stride) for size, stride in _leaves(b)):
                continue
            crds = [lib.flatten((lib.idx2crd(i, b.shape),)) for i in range(b.size())]
            by_mode = [sum(a(c * d) for c, (_, d) in zip(crd, _leaves(b), strict=True)) for crd in crds]
            assert [r(i) for i in range(b.size())] == by_mode, (a, b)
            # the sum over the modes of b is a of the sum, unless that carries from one mode of a into the next
            count += by_mode == [a(b(i)) for i in range(b.size())]
    assert count > 3000


def _leaves(b: Layout) -> list[tuple[int, int]]:
    shape, stride = lib.flatten((b.shape,)), lib.flatten((b.stride,))
    assert isinstance(shape, tuple)
    assert isinstance(stride, tuple)
    return list(zip(shape, stride, strict=True))  # pyright: ignore[reportReturnType]


def _fits(modes: tuple[int, ...], size: int, stride: int) -> bool:
    for mode in modes[:-1]:
        if stride == 0 or size == 1:
            return True
        if stride < mode:
            if mode % stride and size > -(-mode // stride):
                return False
            size = max(1, size // (-(-mode // stride)))
            stride = 1
        else:
            stride //= mode
    return True


def test_composition_with_a_layout_of_consecutive_numbers_changes_nothing() -> None:
    for a in LAYOUTS:
        assert offsets(lib.composition(a, Layout(a.size()))) == offsets(a)
        assert offsets(lib.composition(Layout(a.cosize()), a)) == offsets(a)


@pytest.mark.parametrize("extra", [1, 3])
def test_complement_fills_up_without_touching_an_offset_twice(extra: int) -> None:
    for a in INJECTIVE:
        total = a.cosize() * extra
        try:
            c = lib.complement(a, total)
        except EnigmaValueError:
            pytest.fail(f"{a} is injective")
        if c.size() == 0:  # interleaved so that no layout fills the gaps
            continue
        reached = [x + y for x in offsets(a) for y in offsets(c)]
        assert a.size() * c.size() >= total or c.cosize() > 0
        strides = lib.flatten((c.stride,))
        assert isinstance(strides, tuple)
        assert list(strides) == sorted(strides)  # pyright: ignore[reportArgumentType]
        if _tiles(a):
            assert len(set(reached)) == len(reached), (a, c)
            assert set(range(total)) <= set(reached), (a, c)


def _tiles(a: Layout) -> bool:
    """Return whether each stride is a multiple of what the smaller ones reach, so that copies can fill all gaps."""
    reached = 1
    for size, stride in sorted(((s, d) for s, d in _leaves(a) if s > 1), key=lambda mode: mode[1]):
        if stride % reached:
            return False
        reached = size * stride
    return True


def test_division_is_the_layout_in_another_order() -> None:
    for a in LAYOUTS:
        for tile in (n for n in range(1, a.size() + 1) if a.size() % n == 0):
            try:
                divided = lib.logical_divide(a, tile)
            except EnigmaValueError:
                continue
            inside, outside = divided.modes()
            assert inside.size() == tile
            if divided.size() == a.size():
                assert [divided((i, j)) for j in range(outside.size()) for i in range(tile)] == offsets(a), (a, tile)


@pytest.mark.parametrize(
    ("shape", "tiler"), [((8, 6), (4, 3)), ((8, 6), (2, 6)), ((4, 9), (1, 3)), ((12,), (4,)), ((8, 6, 4), (4, 2))]
)
def test_zipped_division_gives_the_element_of_each_tile(shape: tuple[int, ...], tiler: tuple[int, ...]) -> None:
    for order in permutations(range(len(shape))):
        a = lib.make_ordered_layout(shape, order)
        inside, outside = lib.zipped_divide(a, tiler).modes()
        full = (*tiler, *(1,) * (len(shape) - len(tiler)))
        for tile in np.ndindex(*(s // t for s, t in zip(shape, full, strict=True))):
            for place in np.ndindex(*tiler):
                at = tuple(q * t + p for q, t, p in zip(tile, full, (*place, 0, 0), strict=False))
                assert inside(place) + outside(tile) == a(at)


def test_division_with_a_tail_rounds_up() -> None:
    for length in range(1, 40):
        for tile in range(1, 12):
            divided = lib.logical_divide(Layout(length), tile)
            assert divided.shape == (tile, -(-length // tile))
            assert [divided(i) for i in range(length)] == list(range(length))


def test_right_inverse_undoes_the_layout() -> None:
    for a in LAYOUTS:
        r = lib.right_inverse(a)
        assert [a(r(i)) for i in range(r.size())] == list(range(r.size())), a
        if sorted(offsets(a)) == list(range(a.size())):
            assert r.size() == a.size(), a


def test_each_element_of_a_tile_belongs_to_one_thread_and_one_value() -> None:
    for threads, values in product([(1, 1), (4, 2), (2, 3), (1, 8)], [(1, 1), (2, 2), (3, 1), (1, 4)]):
        for order, inner in product(((0, 1), (1, 0)), repeat=2):
            thr, val = lib.make_ordered_layout(threads, order), lib.make_ordered_layout(values, inner)
            tiler, tv = lib.make_layout_tv(thr, val)
            assert tiler == (threads[0] * values[0], threads[1] * values[1])
            for t in np.ndindex(*threads):
                for v in np.ndindex(*values):
                    row, column = t[0] * values[0] + v[0], t[1] * values[1] + v[1]
                    assert tv((thr(t), val(v))) == row + column * tiler[0]


def test_products_repeat_the_block() -> None:
    for block, tiler in product(
        [Layout((2, 3)), Layout((2, 2), (4, 1)), Layout(4, 2)], [Layout(2), Layout((2, 2), (2, 1))]
    ):
        both = lib.logical_product(block, tiler)
        assert both[0] == block
        assert len(set(offsets(both))) == both.size() == block.size() * tiler.size()
        assert sorted(offsets(lib.raked_product(block, tiler))) == sorted(offsets(both))


def test_tuple_arithmetic_against_numpy() -> None:
    a, b = ((2, 3), (4, 5)), ((7, 1), (2, 6))
    assert lib.product(a) == np.prod(a)
    assert lib.inner_product(a, b) == int(np.sum(np.multiply(a, b)))
    assert lib.prefix_product((2, 3, 4, 5)) == (1, *np.cumprod((2, 3, 4)).tolist())
    assert lib.prefix_product((2, (3, 4)), (5, 7)) == (5, (7, 21))
    assert lib.gcd(12, (18, (24,))) == np.gcd.reduce([12, 18, 24])
    assert lib.elem_scale((2, (3, 4)), (10, ((2, 5), 1))) == (20, (30, 4))
    assert lib.compact_col_major((4, (2, 8)), 10) == (10, (40, 80))
