"""Single facts of CuTe that the large table has no case of; every expected text is what CuTe DSL 4.8.1 prints."""

from __future__ import annotations

from typing import Any

import pytest

import enigma
from enigma import layout as lib
from enigma.layout import Layout as L
from enigma.layout import make_ordered_layout as ordered

FACTS: list[tuple[Any, str]] = [
    # default strides: a mode of one element has stride 0
    (L(1), "1:0"),
    (L((1, 4)), "(1,4):(0,1)"),
    (L((4, 1, (1, 2))), "(4,1,(1,2)):(1,0,(0,4))"),
    (L(()), "():()"),
    (L((4,)), "(4):(1)"),
    # orders: nested, of whole modes, with ties, negative
    (ordered(((2, 3), 4), ((1, 2), 0)), "((2,3),4):((4,8),1)"),
    (ordered(((2, 3), 4), ((2, 0), 1)), "((2,3),4):((12,1),3)"),
    (ordered(((2, 3), 4), (1, 0)), "((2,3),4):((4,8),1)"),
    (ordered((2, 3, 4), (0, 0, 1)), "(2,3,4):(1,1,6)"),
    (ordered((2, 3, 4), (1, 0, 0)), "(2,3,4):(12,1,1)"),
    (ordered((2, 3), 0), "(2,3):(1,2)"),
    (ordered(8, 0), "8:1"),
    (ordered((2, 4), (-1, -3)), "(2,4):(4,1)"),
    # coalesce: by mode, of one element, of nothing, of strides 0 and below
    (lib.coalesce(L(((2, 2), (2, 2))), (1, 1)), "(4,4):(1,4)"),
    (lib.coalesce(L(((2, 2), (2, 2))), (None, 1)), "(4,4):(1,4)"),
    (lib.coalesce(L(((2, 2), (2, 2))), (1,)), "(4,(2,2)):(1,(4,8))"),
    (lib.coalesce(L(((2, 2), (2, 2))), 1), "16:1"),
    (lib.coalesce(L((((2, 2), 3), (2, 2))), ((1, 1), 1)), "((4,3),4):((1,4),12)"),
    (lib.coalesce(L((1, 1), (3, 5))), "1:0"),
    (lib.coalesce(L(())), "():()"),
    (lib.coalesce(L((1, 4, 1), (3, 2, 9))), "4:2"),
    (lib.coalesce(L((4, 8), (0, 0))), "32:0"),
    (lib.coalesce(L((4, 8), (-1, -4))), "32:-1"),
    (lib.coalesce(L((4, 8), (-8, -1))), "(4,8):(-8,-1)"),
    # complement: of tuples, of nothing, rounded up
    (lib.complement(L(4, 2), (4, 6)), "(2,3):(1,8)"),
    (lib.complement(L(4, 2), (4, 6, 5)), "(2,15):(1,8)"),
    (lib.complement(L(4), (10, 7)), "21:4"),
    (lib.complement(L(20), (10, 7)), "4:20"),
    (lib.complement(L(4, 0), 24), "24:1"),
    (lib.complement(L(1, 5), 24), "24:1"),
    (lib.complement(L((4, 2), (1, 4)), 4), "1:0"),
    (lib.complement(L(((2, 2), (4,)), ((8, 1), (16,))), 256), "(4,4):(2,64)"),
    (lib.complement(L((2, 2), (2, 7)), 28), "(2,2):(1,14)"),
    # composition: tilers, past the end, strides below 0
    (lib.composition(L((8, 16), (16, 1)), (4, 8)), "(4,8):(16,1)"),
    (lib.composition(L((8, 16), (16, 1)), (L(4, 2), L(8, 2))), "(4,8):(32,2)"),
    (lib.composition(L((8, 16, 3), (16, 1, 128)), (4, 8)), "(4,8):(16,1)"),
    (lib.composition(L((8, 16), (16, 1)), (4, None)), "(4,16):(16,1)"),
    (lib.composition(L((8, 16), (16, 1)), 8), "8:16"),
    (lib.composition(L((4, 1), (8, 5)), L(8)), "(4,2):(8,5)"),
    (lib.composition(L((1, 1), (8, 5)), L(8, 1)), "8:5"),
    (lib.composition(L((4, 3), (8, 1)), L(24, 1)), "(4,6):(8,1)"),
    (lib.composition(L((4, 3), (8, 1)), L(1, 3)), "1:1"),
    (lib.composition(L((7, 4), (8, 1)), L(6, 3)), "(3,2):(24,1)"),
    (lib.composition(L((4, 8), (8, 1)), L(4, -1)), "4:-8"),
    (lib.composition(L((4, 8), (8, 1)), L(4, -4)), "4:-1"),
    (lib.composition(L((4, 8), (-8, -1)), L((4, 8), (8, 1))), "(4,(4,2)):(-2,(-8,-1))"),
    (lib.composition(L((4, 8), (8, -1)), L((2, 16), (16, 1))), "(2,(4,4)):(-4,(8,-1))"),
    # division: tails, nested tilers, layouts as tilers, modes left alone
    (lib.logical_divide(L(10), 4), "(4,3):(1,4)"),
    (lib.logical_divide(L((10, 7)), (4, 3)), "((4,3),(3,3)):((1,4),(10,30))"),
    (lib.zipped_divide(L((10, 7)), (4, 3)), "((4,3),(3,3)):((1,10),(4,30))"),
    (lib.logical_divide(L((10, 7), (7, 1)), 4), "(4,(3,7)):(7,(28,1))"),
    (lib.logical_divide(L((10, 7), (1, 20)), 20), "((10,2),4):((1,20),40)"),
    (lib.logical_divide(L((8, 16), (16, 1)), (4, None)), "((4,2),16):((16,64),1)"),
    (lib.logical_divide(L((8, 16), (16, 1)), (4,)), "((4,2),16):((16,64),1)"),
    (lib.logical_divide(L((8, 16), (16, 1)), 4), "(4,(2,16)):(16,(64,1))"),
    (lib.logical_divide(L(((8, 2), 16), ((16, 128), 1)), ((4, 2), 4)), "(((4,2),(2,1)),(4,4)):(((16,64),(128,0)),(1,4))"),
    (lib.zipped_divide(L(((8, 2), 16), ((16, 128), 1)), ((4, 2), 4)), "(((4,2),4),((2,1),4)):(((16,128),1),((64,0),4))"),
    (lib.zipped_divide(L((8, 16)), (4,)), "((4),(2,16)):((1),(4,8))"),
    (lib.zipped_divide(L((8, 16)), L(4, 2)), "(4,(2,16)):(2,(1,8))"),
    (lib.zipped_divide(L((8, 16)), L((4, 2))), "((4,2),16):((1,4),8)"),
    (lib.zipped_divide(L((8, 16)), (L(4, 2), L((2, 4), (8, 1)))), "((4,(2,4)),(2,2)):((2,(64,8)),(1,32))"),
    (lib.zipped_divide(L((16, 8)), (L((2, 2), (1, 4)), 4)), "(((2,2),4),((2,2),2)):(((1,4),16),((2,8),64))"),
    (lib.zipped_divide(L((16, 8, 4)), (4, 2)), "((4,2),(4,4,4)):((1,16),(4,32,128))"),
    (lib.raked_product(L(4), L((2, 3))), "((2,4),3):((4,1),8)"),
    # right inverses: what continues from offset 0
    (lib.right_inverse(L((4, 2), (-1, 4))), "1:0"),
    (lib.right_inverse(L((4, 2), (0, 1))), "2:4"),
    (lib.right_inverse(L((4, 2), (2, 8))), "1:0"),
    # threads and values: ranks 1 and 3, ranks that differ, nested
    (lib.make_layout_tv(L(8), L(4)), "((32,), (8,4):(4,1))"),
    (lib.make_layout_tv(ordered((2, 4, 2), (2, 1, 0)), ordered((1, 2, 4), (2, 1, 0))),
     "((2, 8, 8), ((2,4,2),(4,2)):((64,4,1),(16,2)))"),
    (lib.make_layout_tv(ordered((2, 4, 2), (2, 1, 0)), ordered((2, 4), (1, 0))), "((4, 16, 2), ((2,4,2),(4,2)):((64,16,2),(4,1)))"),
    (lib.make_layout_tv(L(((2, 2), 8), ((8, 16), 1)), ordered((4, 4), (1, 0))), "((16, 32), ((8,4),(4,4)):((64,4),(16,1)))"),
    (lib.make_layout_tv(L(((2, 2), 4), ((1, 2), 4)), L(((2,), 2), ((1,), 2))), "((8, 8), ((4,4),(2,2)):((2,16),(1,8)))"),
    (lib.make_layout_tv(L((1, 1)), L((1, 1))), "((1, 1), (1,1):(0,0))"),
    # coordinates: nothing wraps, the last mode goes on, and below 0 division is C's
    ([lib.crd2idx(c, L((4, 8))) for c in ((1, 2), 13, 40, (5, 9), (-1, 2))], "[9, 13, 40, 41, 7]"),
    (lib.crd2idx((1, (3, 2)), L((4, (2, 8)))), "29"),
    ([lib.crd2idx((1, c), L((4, (2, 8)), (16, (1, 2)))) for c in (5, 50)], "[21, 66]"),
    (lib.crd2idx(-5, L((4, 8), (8, 1))), "-9"),
    (lib.crd2idx(30, L((2, 3, 1), (1, 2, 100))), "500"),
    (lib.crd2idx(30, L((2, 3, 1))), "0"),
    ([lib.crd2idx(3, L((4,))), lib.crd2idx((3,), L((4,))), lib.crd2idx(0, L(()))], "[3, 3, 0]"),
    ([lib.idx2crd(11, (5, 4)), lib.idx2crd(25, (5, 4)), lib.idx2crd(11, (5, (2, 2)))], "[(1, 2), (0, 5), (1, (0, 1))]"),
    ([lib.idx2crd(7, 5), lib.idx2crd((3, 7), (5, (2, 8))), lib.idx2crd(0, ())], "[7, (3, (1, 3)), ()]"),
    ([lib.idx2crd(45, (4, (2, 8))), lib.idx2crd(-3, (4, 8))], "[(1, (1, 5)), (-3, 0)]"),
    # tuples
    ([lib.depth(5), lib.depth((5,)), lib.depth(((1, 2), 3)), lib.depth(()), lib.depth(L(5))], "[0, 1, 2, 1, 0]"),
    ([lib.rank(5), lib.rank(()), lib.rank(L(4)), lib.rank(L((4,))), lib.rank(L(()))], "[1, 0, 1, 1, 0]"),
    ([lib.shape_div(12, 4), lib.shape_div((3, 4), 6), lib.shape_div((3, 4), (3, 2))], "[3, (1, 2), (1, 2)]"),
    ([lib.shape_div(6, (3, 4)), lib.shape_div(2, 4), lib.shape_div(12, (2, 3))], "[1, 1, 2]"),
    ([lib.ceil_div(10, 4), lib.ceil_div(-7, 4), lib.ceil_div((10, 7), (4, 3))], "[3, -1, (3, 3)]"),
    ([lib.ceil_div((10, 7), (4,)), lib.ceil_div((10, 7), 4), lib.ceil_div((10, (7, 3)), (4, 2))], "[(3, 7), 18, (3, 11)]"),
    ([lib.is_congruent((4, 8), (8, 4)), lib.is_congruent((4, (2, 4)), (8, 4)), lib.is_congruent(4, 9)], "[True, False, True]"),
    ([lib.is_congruent((4, (8,)), (8, 4)), lib.is_congruent(L((4, 8)), (8, 4)), lib.is_congruent((4,), 9)], "[False, True, False]"),
    ([lib.is_weakly_congruent((4, 8), (8, (1, 4))), lib.is_weakly_congruent((4, (1, 2)), (8, 4))], "[True, False]"),
    ([lib.product_each((2, (3, 4))), lib.product_each(5)], "[(2, 12), 5]"),
    ([lib.flatten((2, (3, (4,)))), lib.flatten(5), lib.flatten(())], "[(2, 3, 4), 5, ()]"),
    ([lib.flatten(L((2, (3, 4)))), lib.flatten(L(4)), lib.flatten(L(((4,),)))], "[(2,3,4):(1,2,6), 4:1, (4):(1)]"),
    ([lib.select((10, 20, 30), [2, 0]), lib.select((10, 20, 30), 1)], "[(30, 10), (20,)]"),
    ([lib.select(L((10, 20, 30)), [2, 0]), lib.select(L((10, 20, 30)), [1])], "[(30,10):(200,1), (20):(10)]"),
    (lib.repeat_like(3, (1, (2, 3))), "(3, (3, 3))"),
    ([lib.size(L((4, 8)), mode=[]), lib.size(L((4, 8)), mode=[0, 0])], "[32, 4]"),
    # strides below 0 span memory like those above
    ([L((4, 8), (-1, 4)).cosize(), L((4, 8), (0, 0)).cosize()], "[32, 1]"),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "cute"), FACTS, ids=range(len(FACTS)))
def test_single_facts_of_cute(ours: Any, cute: str) -> None:
    assert str(ours) == cute


def test_a_layout_as_shown_in_cutes_documentation() -> None:
    assert str(lib.composition(L((6, 2), (8, 2)), L((4, 3), (3, 1)))) == "((2,2),3):((24,2),8)"
    assert str(lib.composition(L(20, 2), L((5, 4), (4, 1)))) == "(5,4):(8,2)"
    tiled = lib.logical_divide(L((9, (4, 8)), (59, (13, 1))), (L(3, 3), L((2, 4), (1, 8))))
    assert str(tiled) == "((3,3),((2,4),(2,2))):((177,59),((13,2),(26,1)))"


def test_results_that_existing_kernels_rely_on() -> None:
    assert L((4, 8))((2, 1)) == 6
    assert lib.coalesce(L((2, 6), (1, 2))).shape == 12
    assert lib.coalesce(L((2, (1, 6)), (1, (6, 2)))) == L(12)
    assert lib.complement(L(4)).shape == 1
    assert lib.complement(L(4, 2)) == L(2)
    assert lib.complement(L(4, 2), 24) == L((2, 3), (1, 8))
    assert lib.complement(L((2, 2), (1, 6)), 24) == L((3, 2), (2, 12))
    assert lib.logical_divide(L(16), 4) == L((4, 4))
    assert lib.zipped_divide(L((256, 512), (512, 1)), (16, 256)) == L(((16, 256), (16, 2)), ((512, 1), (8192, 256)))
    assert lib.zipped_divide(L(16), 4) == L((4, 4))
    tiler, tv = lib.make_layout_tv(ordered((4, 64), (1, 0)), ordered((4, 4), (1, 0)))
    assert (tiler, str(tv)) == ((16, 256), "((64,4),(4,4)):((64,4),(16,1))")
    assert (lib.size(tv, mode=[0]), lib.size(tv, mode=[1]), tv.size(0), tv.size([0, 1])) == (256, 16, 256, 4)
    assert lib.compact_order((4, 64), (1, 0)) == (64, 1)
    assert lib.elem_scale((2, 3), (10, 100)) == (20, 300)
    assert lib.make_identity_layout((4, 8)) == L((4, 8), (1, 4))


def test_threads_in_rows_hold_four_values_each() -> None:
    tiler, tv = lib.make_layout_tv(ordered((4, 32), (1, 0)), ordered((1, 4), (1, 0)))
    assert (tiler, str(tv)) == ((4, 128), "((32,4),4):((16,1),4)")
    # the same function of (thread, value), where the values are split in two modes
    other = L(((32, 4), (4, 1)), ((16, 1), (4, 1)))
    assert [[tv((t, v)) for v in range(4)] for t in range(128)] == [
        [other((t, v)) for v in range(4)] for t in range(128)
    ]


def test_tuples() -> None:
    from enigma import core, tensor
    from enigma import tuple as tuples

    assert tuples.compact_order((4, 64), (1, 0)) == (64, 1)
    assert tuples.select((10, 20, 30), [2, 0]) == (30, 10)
    assert tuples.elem_scale((2, 3), (10, 100)) == (20, 300)
    assert tuples.is_congruent((4, 8), (8, 4))  # nested alike, whatever the integers are
    assert tuples.is_compatible((4, 8), 32)
    assert not tuples.is_compatible((4, 8), (4, 4))
    assert enigma.product((2, (3, 4))) == 24
    assert enigma.repeat_like(3, (1, (2, 3))) == (3, (3, 3))
    assert all(tuples.crd2idx(tuples.idx2crd(k, (4, (2, 8))), (4, (2, 8))) == k for k in range(64))
    assert core.cosize(core.Layout((4, 8), (8, 1))) == 32
    assert tensor.Tensor is enigma.Tensor
