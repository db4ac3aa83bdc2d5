"""Tails: identity tensors, elem_less, loads and stores that leave out what is not there; simulator and CPU against NumPy."""

# pyright: reportInvalidTypeForm=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from tests.msl.check import assert_legal

DEVICES = ("sim", "cpu")
SIZES = ((1, 1), (1, 33), (7, 32), (8, 31), (9, 65), (64, 64), (33, 100))
TILER, TV = en.make_layout_tv(en.make_layout((4, 8), (8, 1)), en.make_layout((2, 4), (4, 1)))  # 8 x 32, 32 threads
ROWS, COLUMNS = 8, 32


def _launch(kernel: Any, m: int, n: int, *arguments: Any, device: str) -> None:
    grid = (-(-n // COLUMNS) * 32, -(-m // ROWS))
    kernel.launch(*arguments, m, n, grid=grid, threads=(32, 1), device=device)


def _mine(tensor: Any) -> Any:
    block = en.threadgroup_position_in_grid("y"), en.threadgroup_position_in_grid("x")
    mine = en.tensor_composition(en.local_tile(tensor, TILER, block), TV, TILER)
    return mine[en.thread_index_in_threadgroup(), None]


@en.kernel
def add(A: en.f32, B: en.f32, C: en.f32, m: en.Scalar[en.u32], n: en.Scalar[en.u32]):
    """Sizes known at launch only."""
    rows = en.make_layout((m, n), (n, 1))
    pred = en.elem_less(_mine(en.make_identity_tensor((m, n))), (m, n))
    a, b, c = (_mine(en.make_tensor(X, rows)) for X in (A, B, C))
    c.store(a.load(pred=pred) + b.load(pred=pred), pred=pred)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("m", "n"), SIZES)
def test_tiles_that_do_not_divide_the_size(m: int, n: int, device: str) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.random(m * n, np.float32) for _ in range(2))
    c = np.zeros(m * n, np.float32)
    _launch(add, m, n, a, b, c, device=device)
    assert (c == a + b).all()


def test_the_text_compares_once_for_a_whole_tile() -> None:
    """The start of a tile is a multiple of its width, so that no sum wraps around, and one comparison an axis is enough."""
    text = en.compile(add, emit_only=True).metal_source
    assert_legal(text)
    assert text.count(" + 3 < n") == 1
    assert "*(device packed_float4*)(C + " in text


@en.kernel
def neighbours(A: en.i32, Out: en.i32, m: en.Scalar[en.u32], n: en.Scalar[en.u32]):
    """Coordinates one by one, some of which wrap around to a huge number."""
    i = en.thread_position_in_grid
    row, column = i // n, i % n
    table = en.make_tensor(A, en.make_layout((m, n), (n, 1)))
    total = en.i32(0)
    for step in range(3):
        if en.elem_less((row, column + step - 1), (m, n)):
            total += table[row, column + step - 1]
        else:
            total += 100
    if i < m * n:
        Out[i] = total


@pytest.mark.parametrize("device", DEVICES)
def test_single_coordinates(device: str) -> None:
    m, n = 5, 7
    a = np.arange(m * n, dtype=np.int32).reshape(m, n)
    out = np.zeros_like(a)
    neighbours.launch(a.ravel(), out.ravel(), m, n, grid=64, threads=32, device=device)
    padded = np.pad(a, ((0, 0), (1, 1)), constant_values=100)
    assert (out == padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]).all()


@en.kernel
def windows(A: en.f32, Out: en.f32, n: en.Scalar[en.u32]):
    """Four neighbours from one before the thread's own on: unsigned, the first thread's begin near 2 ** 32."""
    i = en.thread_position_in_grid
    where = en.make_identity_tensor(n).with_layout(en.make_layout(4), i - 1)
    view = en.make_tensor(A, en.make_layout(n)).with_layout(en.make_layout(4), i - 1)
    pred = en.elem_less(where, n)
    if i < n:
        Out[i] = view.load(pred=pred, default=0.5).sum()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("n", [1, 2, 5, 33])
def test_a_wrapping_start_is_no_element(n: int, device: str) -> None:
    a = np.arange(1, n + 1, dtype=np.float32)
    out = np.zeros_like(a)
    windows.launch(a, out, n, grid=64, threads=32, device=device)
    padded = np.pad(a, (1, 2), constant_values=0.5)
    assert (out == sum(padded[k : k + n] for k in range(4))).all()


@en.kernel
def chosen(A: en.f32, Out: en.f32, n: en.Scalar[en.u32]):
    """Fragments of bools, and single bools, as predicates."""
    i = en.thread_position_in_grid
    rows = en.make_layout((32, 4), (4, 1))
    a, out = en.make_tensor(A, rows)[i, None], en.make_tensor(Out, rows)[i, None]
    values = a.load(pred=i < n)
    out.store(values, pred=values > 0)
    out.store(-1, pred=(values < 0) & (values > -2))
    en.make_tensor(Out, en.make_layout((32, 4), (4, 1)))[i, None].store(7, pred=False)


@pytest.mark.parametrize("device", DEVICES)
def test_any_bools_are_predicates(device: str) -> None:
    a = np.random.default_rng(3).normal(size=(32, 4)).astype(np.float32) * 2
    out, n = np.full((32, 4), 9, np.float32), 20
    chosen.launch(a, out, n, grid=32, threads=32, device=device)
    read = np.where(np.arange(32)[:, None] < n, a, 0)
    assert (out == np.where((read < 0) & (read > -2), -1, np.where(read > 0, read, 9))).all()


@en.kernel
def halves(A: en.f16, Out: en.f16, n: en.Scalar[en.u32]):
    """Eight neighbours, in two vectors; and each twice, with a stride of 0."""
    i = en.thread_position_in_grid
    whole = en.make_layout((8, 8), (1, 8))
    pred = en.elem_less(en.composition(en.make_identity_tensor(n), whole)[None, i], n)
    values = en.make_tensor(A, whole)[None, i].load(pred=pred)
    en.make_tensor(Out, whole)[None, i].store(values, pred=pred)
    twice = en.elem_less(en.make_identity_tensor(n).with_layout(en.make_layout((2, 2), (0, 1)), 8 * i), n)
    pairs = en.make_tensor(A, whole).with_layout(en.make_layout((2, 2), (0, 1)), 8 * i).load(pred=twice)
    if 8 * i < n:
        Out[8 * i] = pairs.sum()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 63, 64])
def test_halves_and_repetitions(n: int, device: str) -> None:
    a = np.arange(1, n + 1).astype(np.float16)
    out = np.zeros_like(a)
    halves.launch(a, out, n, grid=8, threads=8, device=device)
    wanted = a.copy()
    padded = np.pad(a, (0, 1))
    wanted[::8] = 2 * (a[::8] + padded[1::8][: len(a[::8])])
    assert (out == wanted).all()


@en.kernel
def parts(Out: en.u32, n: en.Scalar[en.u32]):
    """What a coordinate is, of nested and of single shapes."""
    i = en.thread_position_in_grid
    where = en.make_identity_tensor(((2, 3), n))
    (a, b), c = where[i % 6, i // 6]
    Out[i] = a + 10 * b + 100 * c + 1000 * en.make_identity_tensor(n)[i]
    if en.elem_less((1, 2), (2, 2)):
        Out[i] = 5  # never: known when it is compiled


@pytest.mark.parametrize("device", DEVICES)
def test_coordinates_are_tuples_of_integers(device: str) -> None:
    out = np.zeros(36, np.uint32)
    parts.launch(out, 6, grid=36, threads=36, device=device)
    i = np.arange(36)
    assert (out == i % 2 + 10 * (i % 6 // 2) + 100 * (i // 6) + 1000 * i).all()
    assert "5" not in en.compile(parts, emit_only=True).metal_source.split("{", 1)[1]


def test_what_an_identity_tensor_is() -> None:
    where = en.make_identity_tensor((8, 16))
    assert (where.name, where.dtype, where.shape, where.size(), where.rank(), where.depth()) == (
        "__identity__", en.u32, (8, 16), 128, 2, 1,
    )  # fmt: skip
    assert repr(where) == "<__identity__: (8,16):(1@0,1@1)>"
    assert str(en.local_tile(where, (4, 4), (1, 2)).stride) == "(1@0, 1@1)"
    assert where[3, 5] == (3, 5)
    assert en.zipped_divide(where, (4, 4))[(1, 2), (1, 3)] == (5, 14)
    assert en.elem_less((3, 5), (4, 6)) is True
    assert en.elem_less((3, 6), where.shape) is True
    assert en.elem_less((8, 6), where) is False
