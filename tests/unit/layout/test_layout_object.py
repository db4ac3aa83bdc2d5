"""`Layout` as an object, and the text of every refusal."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

import enigma
from enigma import layout as lib
from enigma.errors import EnigmaError, EnigmaIndexError, EnigmaTypeError, EnigmaValueError
from enigma.layout import Layout


def test_layouts_compare_by_shape_and_stride_and_can_be_keys() -> None:
    assert Layout((4, 8)) == Layout((4, 8), (1, 4))
    assert Layout((4, 8)) != Layout((4, 8), (8, 1))
    assert Layout(4) != Layout((4,))
    assert len({Layout((4, 8)), Layout((4, 8), (1, 4)), Layout(32)}) == 2


def test_layouts_cannot_be_changed_and_survive_copies() -> None:
    a = Layout((4, (2, 4)), (8, (1, 2)))
    with pytest.raises(FrozenInstanceError):
        a.shape = 3  # pyright: ignore[reportAttributeAccessIssue]
    assert not hasattr(a, "__dict__")
    assert copy.deepcopy(a) == a
    assert pickle.loads(pickle.dumps(a)) == a


def test_a_layout_prints_as_in_cute() -> None:
    assert repr(Layout((4, 8))) == "(4,8):(1,4)"
    assert str(Layout(((2,), 8), ((1,), 2))) == "((2),8):((1),2)"


def test_integers_of_numpy_become_pythons() -> None:
    a = Layout((np.int64(4), np.uint8(8)), (np.int32(8), 1))
    assert type(a.shape[0]) is int  # pyright: ignore[reportIndexIssue]
    assert a == Layout((4, 8), (8, 1))
    assert type(a(np.int64(9))) is int


def test_arrays_of_coordinates_give_arrays_of_offsets() -> None:
    a = Layout((4, 8), (8, 1))
    rows, columns = np.indices((4, 8))
    assert (a((rows, columns)) == np.arange(32).reshape(4, 8)).all()


def test_traced_coordinates_give_traced_offsets() -> None:
    tile = enigma.make_layout((4, 8), (8, 1))

    @enigma.kernel
    def transpose(src: enigma.f32, dst: enigma.f32):
        i = enigma.thread_position_in_grid
        dst[i] = src[tile((i % 4, i // 4))] + src[tile(i)]

    src, dst = np.arange(32, dtype=np.float32), np.zeros(32, dtype=np.float32)
    transpose.launch(src, dst, grid=32, threads=32, device="sim")
    assert (dst == 2 * src.reshape(4, 8).T.ravel()).all()


def test_modes_are_layouts() -> None:
    a = Layout(((2, 3), 4))
    assert list(a) == list(a.modes()) == [Layout((2, 3)), Layout(4, 6)]
    assert a[0][1] == Layout(3, 2)
    assert Layout(8)[0] == Layout(8)


def test_the_public_names_are_these_functions() -> None:
    for name in ("Layout", "make_layout", "make_ordered_layout", "make_identity_layout", "make_layout_tv", "size"):
        assert getattr(enigma, name) is getattr(lib, name)
    assert lib.make_layout((2, 4), stride=(4, 1)) == Layout((2, 4), (4, 1))
    assert lib.make_ordered_layout((2, 4), order=(1, 0)) == Layout((2, 4), (4, 1))
    assert lib.size(np.zeros((3, 5))) == 15
    assert (Layout((4, 8)).rank(), Layout((4, 8)).depth(), Layout((4, 8)).cosize()) == (2, 1, 32)


A = Layout((4, 3), (8, 1))

REFUSED: list[tuple[Callable[[], Any], type[EnigmaError], str]] = [
    (lambda: Layout((4, 8.0)), EnigmaTypeError, "shape: expected an integer or a nested tuple of integers, but here is 8.0"),
    (lambda: Layout([4, 8]), EnigmaTypeError, "shape: expected an integer or a nested tuple of integers, but here is [4, 8]"),
    (lambda: Layout((True, 8)), EnigmaTypeError, "shape: expected an integer or a nested tuple of integers, but here is True"),
    (lambda: Layout((4, 8), (None, 1)), EnigmaTypeError,
     "stride: expected an integer or a nested tuple of integers, but here is None"),
    (lambda: Layout((0, 4)), EnigmaValueError, "a shape is made of positive integers, but here is (0, 4)"),
    (lambda: Layout((2, 4), (1,)), EnigmaValueError, "stride (1,) is not nested like shape (2, 4)"),
    (lambda: Layout((2, 4), 1), EnigmaValueError, "stride 1 is not nested like shape (2, 4)"),
    (lambda: A((1, 2, 3)), EnigmaValueError, "coordinate (1, 2, 3) does not fit the shape (4, 3)"),
    (lambda: A(((1,), 2)), EnigmaValueError, "coordinate (1,) does not fit the shape 4"),
    (lambda: A((1, 2.0)), EnigmaTypeError, "a coordinate is an integer or a nested tuple of integers, but here is 2.0"),
    (lambda: A((1, [1])), EnigmaTypeError, "a coordinate is an integer or a nested tuple of integers, but here is [1]"),
    (lambda: A[2], EnigmaIndexError, "(4, 3) has no mode 2"),
    (lambda: lib.size(A, mode=[0, 1]), EnigmaIndexError, "(4, 3) has no mode [0, 1]"),
    (lambda: lib.size(A, mode=-1), EnigmaIndexError, "(4, 3) has no mode -1"),
    (lambda: lib.size("ab"), EnigmaTypeError, "shape: expected an integer or a nested tuple of integers, but here is 'ab'"),
    (lambda: lib.crd2idx(1, (2, 4), (1,)), EnigmaValueError, "crd2idx: (2, 4) and (1,) are not nested alike"),
    (lambda: lib.idx2crd((1, 2), 8), EnigmaValueError, "coordinate (1, 2) does not fit the shape 8"),
    (lambda: lib.make_ordered_layout((2, 3), (0, 1, 2)), EnigmaValueError, "order (0, 1, 2) does not fit the shape (2, 3)"),
    (lambda: lib.make_ordered_layout((2, 3), ((0, 1), 2)), EnigmaValueError, "order ((0, 1), 2) does not fit the shape (2, 3)"),
    (lambda: lib.coalesce((4, 3)), EnigmaTypeError, "coalesce takes a layout, but it got (4, 3)"),
    (lambda: lib.coalesce(A, (1, 1, 1)), EnigmaValueError, "profile (1, 1, 1) has more modes than (4,3):(8,1)"),
    (lambda: lib.composition((4, 3), A), EnigmaTypeError, "composition takes a layout, but it got (4, 3)"),
    (lambda: lib.composition(A, "x"), EnigmaTypeError, "composition takes a layout or a tiler, but it got 'x'"),
    (lambda: lib.composition(A, (2, 2, 2)), EnigmaValueError, "composition: the tiler (2, 2, 2) has more modes than (4,3):(8,1)"),
    (lambda: lib.composition(A, Layout(5)), EnigmaValueError,
     "the composition (4,3):(8,1) o 5:1 is no layout: 5 elements do not fill a mode of 4 at stride 1"),
    (lambda: lib.composition(A, Layout(2, 9)), EnigmaValueError,
     "the composition (4,3):(8,1) o 2:9 is no layout: stride 9 steps neither over nor inside of a mode of 4"),
    (lambda: lib.complement(A, 0), EnigmaValueError, "cosize_val is 0"),
    (lambda: lib.complement(Layout(4, -2), 24), EnigmaValueError, "4:-2 has no complement"),
    (lambda: lib.logical_divide(Layout((10, 6), (1, 20)), Layout(5, 4)), EnigmaValueError,
     "the composition (10,6):(1,20) o (5,(4,3)):(4,(1,20)) is no layout: 5 elements do not fill a mode of 10 at stride 4"),
    (lambda: lib.logical_divide(Layout(16), Layout((4, 2), (1, 2))), EnigmaValueError,
     "logical_divide of 16:1: the tile (4,2):(1,2) picks an element twice"),
    (lambda: lib.logical_divide(A, (2, 3, 1)), EnigmaValueError,
     "logical_divide: the tiler (2, 3, 1) has more modes than (4,3):(8,1)"),
    (lambda: lib.zipped_divide(A, (2, 0)), EnigmaValueError, "a shape is made of positive integers, but here is 0"),
    (lambda: lib.zipped_divide(A, (2, None)), EnigmaValueError,
     "zipped_divide: None in the tiler stands for a mode of two modes, but here is 3:1"),
    (lambda: lib.flat_divide(A, (2, 2, 2)), EnigmaValueError,
     "flat_divide: the tiler (2, 2, 2) has more modes than (4,3):(8,1)"),
    (lambda: lib.tiled_divide(3, 3), EnigmaTypeError, "tiled_divide takes a layout, but it got 3"),
    (lambda: lib.make_layout_tv(Layout((4, 8), (16, 1)), Layout((2, 2))), EnigmaValueError,
     "make_layout_tv: (4,8):(16,1) does not number 32 threads from 0 without gaps"),
    (lambda: lib.make_layout_tv(Layout((3, 3), (1, 2)), Layout((2, 2))), EnigmaValueError,
     "make_layout_tv: (3,3):(1,2) does not number 9 threads from 0 without gaps"),
    (lambda: lib.make_layout_tv(Layout((4, 8)), Layout((2, 2), (8, 1))), EnigmaValueError,
     "make_layout_tv: (2,2):(8,1) does not number 4 values from 0 without gaps"),
    (lambda: lib.make_layout_tv((4, 8), Layout((2, 2))), EnigmaTypeError, "make_layout_tv takes a layout, but it got (4, 8)"),
    (lambda: lib.shape_div(6, 4), EnigmaValueError, "shape_div: neither of 6 and 4 divides the other"),
    (lambda: lib.shape_div((6, 4), (2,)), EnigmaValueError, "shape_div: (6, 4) and (2,) differ in rank"),
    (lambda: lib.ceil_div(10, (4, 2)), EnigmaValueError, "ceil_div: 10 has fewer modes than the divisor (4, 2)"),
    (lambda: lib.ceil_div(10, 0), EnigmaValueError, "ceil_div by 0"),
    (lambda: lib.inner_product((1, 2), (1, (2,))), EnigmaValueError, "inner_product: (1, 2) and (1, (2,)) are not nested alike"),
    (lambda: lib.prefix_product(4, (1, 2)), EnigmaValueError, "prefix_product of the integer 4 cannot start from (1, 2)"),
    (lambda: lib.elem_scale((2, 3), 4), EnigmaValueError, "elem_scale: (2, 3) and 4 differ in rank"),
    (lambda: lib.product((2, 1.5)), EnigmaTypeError, "value: expected an integer or a nested tuple of integers, but here is 1.5"),
    (lambda: lib.select((10, 20), [2]), EnigmaIndexError, "(10, 20) has no mode 2"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), REFUSED, ids=range(len(REFUSED)))
def test_a_refusal_says_what_is_wrong_and_what_would_be_right(
    call: Callable[[], Any], kind: type[EnigmaError], message: str
) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.message == message
    assert caught.value.help


def test_a_complement_of_overlapping_modes_is_empty_as_in_cute() -> None:
    empty = lib.complement(Layout((4, 2), (1, 2)), 16)
    assert str(empty) == "(0,4):(4,4)"
    with pytest.raises(EnigmaValueError, match="coordinate 1 of an empty shape"):
        empty(1)
    with pytest.raises(EnigmaValueError):
        lib.complement(empty)
    with pytest.raises(EnigmaValueError):
        lib.composition(empty, Layout(4))
