"""Views loaded into registers, computed with and stored: vectors where elements lie side by side, on every target."""

# pyright: reportInvalidTypeForm=false

from __future__ import annotations

import itertools
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from enigma.trace.vectorise import chunks_of
from tests.msl.check import assert_legal

DEVICES = ("sim", "cpu")
M, N = 32, 512
TILER, TV = en.make_layout_tv(
    en.make_ordered_layout((4, 64), order=(1, 0)), en.make_ordered_layout((4, 4), order=(1, 0))
)


def part(tensor: Any, block: Any, tid: Any) -> Any:
    return en.tensor_composition(en.tensor_zipped_divide(tensor, TILER)[(None, None), block], TV, TILER)[tid, None]


@en.kernel
def added(A: en.f32[M, N], B: en.f32[M, N], Out: en.f32[M, N]):
    """The founding page's layouts; the sum is carried by a loop."""
    tid, block = en.thread_index_in_threadgroup(), en.threadgroup_position_in_grid()
    total = part(A, block, tid).load()
    for _ in en.range(2):
        total = total + part(B, block, tid).load() * 0.5
    part(Out, block, tid).store(en.sqrt(total) - 1)


@pytest.mark.parametrize("device", DEVICES)
def test_a_tile_of_the_founding_page(device: str) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((M, N), np.float32), rng.random((M, N), np.float32)
    out = np.zeros_like(a)
    added.launch(a, b, out, grid=256 * 4, threads=256, device=device)
    assert np.allclose(out, np.sqrt(a + b) - 1, rtol=1e-6, atol=1e-6)


def test_neighbours_are_accessed_sixteen_bytes_at_a_time() -> None:
    text = en.compile(added).metal_source
    assert text.count("*(device const float4*)(A + ") == 4
    assert text.count("*(device float4*)(Out + ") == 4
    assert "total0 += *(device const float4*)(B + " in text


DTYPES = {"f16": np.float16, "i32": np.int32, "u8": np.uint8, "i64": np.int64}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape, stride", [(8, 1), ((3, 5), (5, 1)), (((2, 3), 2), ((1, 7), 3)), ((2, 4), (1, 3)), (3, 0)]
)
def test_any_view_is_what_its_layout_says(shape: Any, stride: Any, dtype: str, device: str) -> None:
    layout = en.make_layout(shape, stride)
    element = getattr(en, dtype)
    out_layout = en.make_layout(shape)

    def kernel(A: element, Out: element):
        i = en.thread_position_in_grid
        view = en.make_tensor(A, en.make_layout((layout.size(), 4), (1, 32)))  # a start for each thread
        mine = view[None, i].with_layout(layout).load()
        doubled = mine + mine
        en.make_tensor(Out, en.make_layout((32, 4)))[None, i].with_layout(out_layout).store(doubled)

    a = np.arange(160).astype(DTYPES[dtype]) % 50
    out = np.zeros(128, DTYPES[dtype])
    en.kernel(kernel).launch(a, out, grid=4, threads=4, device=device)
    for i in range(4):
        want = [2 * a[32 * i + layout(k)] for k in range(layout.size())]
        assert out[32 * i : 32 * i + layout.size()].tolist() == want


@en.kernel
def reduced(A: en.f32[8, 12], Out: en.f32[8, 4]):
    """Sums and other reductions of a row, a comparison, elements, conversion, and a fragment that a branch chooses."""
    i = en.thread_position_in_grid
    row = A[i, None].load()
    Out[i, 0] = row.sum()
    Out[i, 1] = row.reduce(en.fmax)
    Out[i, 2] = (row > 0.5).to(en.f32).sum() + row[3]
    chosen = row
    if i % 2 == 0:
        chosen = 2 * row
    Out[i, 3] = chosen[5] + (-chosen)[6] + chosen.prod() * 0


@pytest.mark.parametrize("device", DEVICES)
def test_reductions_elements_and_branches(device: str) -> None:
    a = np.random.default_rng(1).random((8, 12), np.float32)
    out = np.zeros((8, 4), np.float32)
    reduced.launch(a, out, grid=8, threads=8, device=device)
    factor = np.where(np.arange(8) % 2 == 0, 2, 1)
    assert np.allclose(out[:, 0], a.sum(1), rtol=1e-6)
    assert (out[:, 1] == a.max(1)).all()
    assert np.allclose(out[:, 2], (a > 0.5).sum(1) + a[:, 3], rtol=1e-6)
    assert np.allclose(out[:, 3], factor * (a[:, 5] - a[:, 6]), atol=1e-6)


@en.kernel
def filled(Out: en.f32[8, 12]):
    """One value for all elements of a view."""
    Out[en.thread_position_in_grid, None].store(2.5)


@pytest.mark.parametrize("device", DEVICES)
def test_a_view_is_filled(device: str) -> None:
    out = np.zeros((8, 12), np.float32)
    filled.launch(out, grid=8, threads=8, device=device)
    assert (out == 2.5).all()


def test_accesses_reach_every_offset_once() -> None:
    for count in range(1, 6):
        for offsets in itertools.product(range(6), repeat=count):
            accesses, places = chunks_of(list(offsets), 4)
            reached = [start + k for start, width in accesses for k in range(width)]
            assert sorted(set(offsets)) == sorted(reached)
            assert [accesses[chunk][0] + lane for chunk, lane in places] == list(offsets)


@en.kernel
def chosen(A: en.bf16[5, 7], B: en.f32x4[3, 5], C: en.b1[5, 7], Out: en.f32[5, 7], V: en.f32x4[5, 3]):
    """Rows of 7 elements, which begin anywhere; bools, bf16, a choice, and elements that are vectors themselves."""
    i = en.thread_position_in_grid
    if i < 5:
        row = A[i, None].load().to(en.f32)
        for _ in en.range(3):
            row = row * 2
        Out[i, None].store(en.where(C[i, None].load(), row, -1.0))
        column = B[None, i].load()
        V[i, None].store(column)
        V[i, 0] = column[2]


@pytest.mark.parametrize("device", DEVICES)
def test_odd_rows_choices_and_elements_that_are_vectors(device: str) -> None:
    rng = np.random.default_rng(2)
    a = (np.arange(35).reshape(5, 7) / 8).astype(ml_dtypes.bfloat16)
    b, c = rng.random((3, 5, 4), np.float32), rng.random((5, 7)) > 0.5
    out, v = np.zeros((5, 7), np.float32), np.zeros((5, 3, 4), np.float32)
    chosen.launch(a, b, c, out, v, grid=8, threads=8, device=device)
    want = b.transpose(1, 0, 2).copy()
    want[:, 0] = b[2]
    assert (out == np.where(c, a.astype(np.float32) * 8, -1)).all()
    assert (v == want).all()


ROWS, COLUMNS = en.make_layout((4, 4), (4, 1)), en.make_layout((4, 4), (1, 4))


@en.kernel
def turned(A: en.f32[4, 16], Out: en.f32[2, 64]):
    """A tile or its transpose, as a branch and as a loop decide; the two are arranged otherwise in vectors."""
    i = en.thread_position_in_grid
    tile = en.make_tensor(A, en.make_layout((16, 4), (1, 16)))[None, i]
    f = tile.with_layout(COLUMNS).load()
    if i < 2:
        f = tile.with_layout(ROWS).load()
    g = tile.with_layout(COLUMNS).load()
    for _ in en.range(i):
        g = tile.with_layout(ROWS).load()
    for k, (x, y) in enumerate(zip(f, g, strict=True)):
        Out[0, 16 * i + k] = x
        Out[1, 16 * i + k] = y


@pytest.mark.parametrize("device", DEVICES)
def test_what_branches_and_loops_merge_keeps_its_arrangement(device: str) -> None:
    a = np.arange(64, dtype=np.float32).reshape(4, 16)
    out = np.zeros((2, 64), np.float32)
    turned.launch(a, out, grid=4, threads=4, device=device)
    other = a.reshape(4, 4, 4).transpose(0, 2, 1).reshape(4, 16)
    assert (out[0].reshape(4, 16) == np.concatenate([other[:2], a[2:]])).all()
    assert (out[1].reshape(4, 16) == np.concatenate([a[:1], other[1:]])).all()


@en.kernel
def operators(A: en.i32[4, 8], Out: en.i32[4, 8], Sums: en.i32[4]):
    """Every integer operator on vectors, and what iterates over elements."""
    i = en.thread_position_in_grid
    f = A[i, None].load()
    Out[i, None].store(((f & 12) | (f ^ 5)) + (~f << 1) - (f >> 2) + f**2 + abs(-f) + (3 - f) // 2 % 5)
    Sums[i] = sum(f) + len(list(f)) * 1000


@pytest.mark.parametrize("device", DEVICES)
def test_operators_and_iteration(device: str) -> None:
    a = np.random.default_rng(4).integers(-50, 50, (4, 8)).astype(np.int32)
    out, sums = np.zeros_like(a), np.zeros(4, np.int32)
    operators.launch(a, out, sums, grid=4, threads=4, device=device)
    assert (out == ((a & 12) | (a ^ 5)) + (~a << 1) - (a >> 2) + a**2 + abs(a) + (3 - a) // 2 % 5).all()
    assert (sums == a.sum(1) + 8000).all()


@pytest.mark.parametrize("kernel", [added, reduced, filled, chosen, turned, operators], ids=lambda kernel: kernel.name)
def test_metal_takes_the_text(kernel: en.KernelDef) -> None:
    assert_legal(en.compile(kernel).metal_source)


@en.kernel
def values_before_fragments(A: en.f32, Out: en.f32, s: en.Scalar[en.f32]):
    values = en.make_layout(4)
    Out.with_layout(values, 0).store(s - (s * A.with_layout(values, 0).load()) / s)


@pytest.mark.parametrize("device", DEVICES)
def test_a_value_stands_on_the_left_of_a_fragment(device: str) -> None:
    a, out = np.arange(4, dtype=np.float32), np.zeros(4, np.float32)
    values_before_fragments.launch(a, out, 2.0, grid=1, device=device)
    assert out.tolist() == [2, 1, 0, -1]
