"""Pitfalls 36, 52, 54 and 69 to 79: layouts and views of tensors."""

# pyright: reportInvalidTypeForm=false

from __future__ import annotations

import numpy as np
import pytest

import enigma as en
from enigma import core
from enigma import tuple as tuples
from enigma.errors import EnigmaError

DEVICES = ("sim", "cpu")


@pytest.mark.parametrize("device", DEVICES)
def test_pitfall_36_fragments_of_two_dtypes_in_chunks_of_two_sizes_promote_as_values_do(device: str) -> None:
    @en.kernel
    def mixed(A: en.f32[8, 4], B: en.i32[4, 8], Out: en.f32[8, 4]):
        i = en.thread_position_in_grid
        Out[i, None].store(A[i, None].load() + B[None, i].load())  # one vector of 4, and 4 single values

    a, b = np.arange(32, dtype=np.float32).reshape(8, 4), np.arange(32, dtype=np.int32).reshape(4, 8)
    out = np.zeros((8, 4), np.float32)
    mixed.launch(a, b, out, grid=8, threads=8, device=device)
    assert (out == a + b.T).all()


@pytest.mark.parametrize("device", DEVICES)
def test_pitfall_52_an_index_of_a_view_counts_from_its_start_in_its_strides(device: str) -> None:
    @en.kernel
    def thirds(A: en.f32[4, 16], Out: en.f32[2]):
        Out[0] = A[1, None][3]
        Out[1] = A[None, 3][2]

    a, out = np.arange(64, dtype=np.float32).reshape(4, 16), np.zeros(2, np.float32)
    thirds.launch(a, out, grid=1, threads=1, device=device)
    assert out.tolist() == [16 + 3, 2 * 16 + 3]


def test_pitfall_54_divided_and_composed_tensors_keep_their_address_space_and_swizzles_apply() -> None:
    shared = en.Tensor("T", -1, "half", layout=en.make_layout((8, 8), (8, 1)), address_space="threadgroup")
    tile = en.tensor_zipped_divide(shared, (4, 4))[(None, None), (1, 1)]
    assert tile.address_space == en.tensor_composition(tile, en.make_layout((4, 4))).address_space == "threadgroup"
    swizzled = en.make_tensor(shared, en.swizzle(en.make_layout((8, 8), (8, 1)), 3, 0, 3))
    assert [swizzled.offset((1, k), None) for k in range(3)] == [9, 8, 11]  # type: ignore[arg-type]


def test_pitfall_69_coalesce_keeps_the_function() -> None:
    assert str(core.coalesce(core.Layout((4, 8), (8, 1)))) == "(4,8):(8,1)"


def test_pitfall_70_compositions_of_cutes_own_examples() -> None:
    assert str(core.composition(core.Layout((6, 2), (8, 2)), core.Layout((4, 3), (3, 1)))) == "((2,2),3):((24,2),8)"
    assert str(core.composition(core.Layout(20, 2), core.Layout((5, 4), (4, 1)))) == "(5,4):(8,2)"


def test_pitfall_71_inverses_of_a_row_major_layout() -> None:
    rows = core.Layout((4, 8), (8, 1))
    assert str(core.right_inverse(rows)) == str(core.left_inverse(rows)) == "(8,4):(4,1)"
    assert str(core.left_inverse(core.Layout(4, 2))) == "(2,4):(0,1)"  # unlike the right inverse


def test_pitfall_72_a_division_keeps_the_tail_and_the_strides_of_a_tile() -> None:
    assert core.zipped_divide(core.Layout(10), 4).size() == 12
    assert str(core.zipped_divide(core.Layout(16), core.Layout(4, 2))) == "(4,(2,2)):(2,(1,8))"


def test_pitfall_73_blocks_are_interleaved_mode_by_mode() -> None:
    product = core.blocked_product(core.Layout((2, 5), (5, 1)), core.Layout((3, 4), (1, 3)))
    assert str(product) == "((2,3),(5,4)):((5,10),(1,30))"


def test_pitfall_74_layouts_are_recast_to_fewer_and_to_more_bits() -> None:
    assert str(core.recast_layout(8, 32, core.Layout((4, 4)))) == "(16,4):(1,16)"
    with pytest.raises(EnigmaError, match="4 does not divide 6"):
        core.recast_layout(32, 8, core.Layout(6))


def test_pitfall_75_swizzles_are_their_own_inverse() -> None:
    with pytest.raises(EnigmaError, match="its own inverse"):
        en.Swizzle(3, 0, 1)
    assert en.Swizzle(3, 0, -3)(en.Swizzle(3, 0, -3)(41)) == 41
    assert en.Swizzle(3, 3, 3)(128) == 144  # bit 7 flips bit 4


def test_pitfall_76_layouts_are_keys_and_their_strides_may_be_negative() -> None:
    assert {core.Layout(4): 1}[core.Layout(4)] == 1
    assert core.Layout(4, -2).cosize() == 7


def test_pitfall_77_coordinates_of_integers_go_on_in_the_last_mode_both_ways() -> None:
    assert tuples.idx2crd(25, (5, 4)) == (0, 5)
    assert tuples.crd2idx((0, 5), (5, 4)) == tuples.crd2idx(25, (5, 4)) == 25


def test_pitfall_78_a_thread_value_layout_refuses_gaps() -> None:
    with pytest.raises(EnigmaError, match="without gaps"):
        core.make_layout_tv(core.Layout(4, 2), core.Layout(4))


def test_pitfall_79_congruence_is_of_the_nesting() -> None:
    assert tuples.is_congruent((4, 8), (8, 4))
    assert not tuples.is_congruent((4, 8), 32)
