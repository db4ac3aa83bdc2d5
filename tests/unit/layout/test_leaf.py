"""Basis elements as strides: coordinates for offsets, through slices, tiles and compositions."""

from __future__ import annotations

from itertools import product as coordinates

import pytest

from enigma.layout import (
    Layout,
    coalesce,
    composition,
    local_partition,
    make_layout_tv,
    right_inverse,
    zipped_divide,
)
from enigma.layout.leaf import Basis, E, ceil, is_static, same, scaled

IDENTITY = Layout((100, 70), (E(0), E(1)))


def test_what_an_identity_layout_prints() -> None:
    """As CuTe prints ScaledBasis: the number, then the path from the innermost mode outwards."""
    nested = Layout(((2, 3), 4), ((E(0, 0), E(0, 1)), E(1)))
    assert str(IDENTITY) == "(100,70):(1@0,1@1)"
    assert str(nested) == "((2,3),4):((1@0@0,1@1@0),1@1)"
    assert str(zipped_divide(IDENTITY, (16, 32))) == "((16,32),(7,3)):((1@0,1@1),(16@0,32@1))"


def test_every_offset_is_its_coordinate() -> None:
    for i, j in coordinates(range(1, 100, 7), range(0, 70, 3)):
        assert IDENTITY((i, j)).at((100, 70)) == (i, j)
    assert IDENTITY(205).at((100, 70)) == (5, 2)
    assert IDENTITY(0) == 0


def test_tiles_and_threads_keep_their_coordinates() -> None:
    """Each is what the same division of a column-major layout says, taken apart."""
    plain = Layout((100, 70))
    _, tv = make_layout_tv(Layout((4, 8), (8, 1)), Layout((4, 4), (4, 1)))
    for divide in (
        lambda layout: zipped_divide(layout, (16, 32)),
        lambda layout: composition(zipped_divide(layout, (20, 35))[0], Layout((5, 7), (4, 20))),
        lambda layout: composition(zipped_divide(layout, (16, 32))[0], tv),
        lambda layout: local_partition(layout, Layout((4, 7), (7, 1)), 13),
    ):
        found, wanted = divide(IDENTITY), divide(plain)
        assert found.shape == wanted.shape
        inside = [k for k in range(found.size()) if wanted(k) < 100 * 70]
        moved = [(found(k).at((100, 70)) if isinstance(found(k), Basis) else (0, 0)) for k in inside]
        rows_fit = [(at, wanted(k)) for at, k in zip(moved, inside, strict=True) if at[0] < 100]
        assert all(at[0] + 100 * at[1] == offset for at, offset in rows_fit)


def test_sums_and_multiples() -> None:
    assert E(0) + E(1) + 2 * E(0) == Basis((((0,), 3), ((1,), 1)))
    assert 0 + E(1) == E(1)
    assert E() == 1
    assert scaled(E(0), 0) == 0
    assert coalesce(Layout((4, 5), (E(0), 4 * E(0)))) == Layout(20, E(0))
    assert same(2 * E(0), E(0) * 2)
    assert not same(E(0), E(1))
    assert (ceil(7, 2), ceil(7, 1), is_static(IDENTITY)) == (4, 7, True)
    with pytest.raises(TypeError):
        E(0) + 1


def test_equal_layouts_are_one_key() -> None:
    assert len({IDENTITY, Layout((100, 70), (E(0), E(1))), right_inverse(Layout(4))}) == 2
