"""What can be done with fragments: parts, reductions, choices, shapes with modes of one element; against NumPy."""

# pyright: reportInvalidTypeForm=false

from __future__ import annotations

import operator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from enigma.trace import arrangement
from tests.msl.check import assert_legal

DEVICES = ("sim", "cpu")
DTYPES: dict[str, Any] = {
    "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16, "i32": np.int32, "u8": np.uint8, "i16": np.int16,
    "u64": np.uint64,
}  # fmt: skip
COUNTS = (1, 2, 3, 5, 7, 8, 33)


def _numbers(dtype: str, *shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(1, 5, shape).astype(DTYPES[dtype])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", COUNTS)
def test_arithmetic_and_reductions_of_any_length(count: int, dtype: str, device: str) -> None:
    kind = getattr(en, dtype)

    def kernel(A: kind[4, count], B: kind[4, count], Out: kind[4, count], R: kind[4, 6], Flags: en.b1[4, 4]):
        i = en.thread_position_in_grid
        a, b = A[i, None].load(), B[i, None].load()
        Out[i, None].store(a * b + 1 - a)
        R[i, 0], R[i, 1], R[i, 2] = a.sum(), a.min(), a.max()
        R[i, 3] = en.where(a < b, a, b).sum()
        R[i, 4] = a.reduce(operator.add, init=2)
        R[i, 5] = max(a, b).min()
        Flags[i, 0], Flags[i, 1] = (a == b).any(), (a == b).all()
        Flags[i, 2], Flags[i, 3] = (a - 1).any(), (a - 1).all()

    a, b = _numbers(dtype, 4, count), _numbers(dtype, 4, count, seed=1)
    out, r, flags = np.zeros_like(a), np.zeros((4, 6), DTYPES[dtype]), np.zeros((4, 4), bool)
    en.kernel(kernel).launch(a, b, out, r, flags, grid=4, threads=4, device=device)
    x, y = a.astype(np.int64), b.astype(np.int64)
    exact = (out.astype(np.int64) == x * y + 1 - x).all()
    assert exact
    want = [x.sum(1), x.min(1), x.max(1), np.minimum(x, y).sum(1), x.sum(1) + 2, np.maximum(x, y).min(1)]
    assert (r.astype(np.int64) == np.stack(want, 1)).all()
    assert (flags == np.stack([(x == y).any(1), (x == y).all(1), (x > 1).any(1), (x > 1).all(1)], 1)).all()


@en.kernel
def parts(A: en.f32[8, 24], Out: en.f32[8, 24], Rows: en.f32[8, 4], Columns: en.f32[8, 6]):
    """Elements by coordinate, a column and a row of a tile, and reductions that keep a mode."""
    i = en.thread_position_in_grid
    tile = en.make_tensor(A, en.make_layout(((4, 6), 8), ((1, 4), 24)))
    f = tile[None, i].load().reshape((4, 6))
    out = en.make_tensor(Out, en.make_layout(((4, 6), 8), ((1, 4), 24)))[None, i]
    whole = en.make_fragment((4, 6), en.f32)
    for j in en.range_constexpr(6):
        whole[None, j].store(f[None, 5 - j])
    for k in en.range_constexpr(4):
        whole[k, 0] = f[k, 0] + f[k + 4]
    out.store(whole.load())
    Rows[i, None].store(f.sum((None, 0)))
    Columns[i, None].store(f.reduce(en.fmax, profile=(0, None)))


@pytest.mark.parametrize("device", DEVICES)
def test_parts_of_a_tile(device: str) -> None:
    a = np.random.default_rng(0).random((8, 24), np.float32)
    out, rows, columns = np.zeros_like(a), np.zeros((8, 4), np.float32), np.zeros((8, 6), np.float32)
    parts.launch(a, out, rows, columns, grid=8, threads=8, device=device)
    f = a.reshape(8, 6, 4)
    want = f[:, ::-1].copy()
    want[:, 0] = f[:, 0] + f[:, 1]
    assert (out == want.reshape(8, 24)).all()
    assert np.allclose(rows, f.sum(1), rtol=1e-6)
    assert (columns == f.max(2)).all()


def test_columns_are_moved_and_added_as_vectors() -> None:
    text = en.compile(parts).metal_source
    assert "packed_float4*)(A" in text or "float4*)(A" in text
    assert "float4*)(Rows)" in text or "*(device float4*)(Rows" in text or "((device float4*)Rows)" in text


PROFILES: list[tuple[Any, Any, tuple[int, ...]]] = [
    ((4, 6), (None, 0), (1,)),
    ((4, 6), (0, None), (0,)),
    ((4, 6), (0, 0), (0, 1)),
    ((4, 6), 1, (0, 1)),
    ((2, (3, 4)), (None, 1), (1, 2)),
    ((2, (3, 4)), (None, (None, 1)), (2,)),
    ((2, (3, 4)), (0, (1, None)), (0, 1)),
    ((2, (3, 4)), (None, (None, None)), ()),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape, profile, axes", PROFILES, ids=[f"{s} {p}" for s, p, _ in PROFILES])
def test_a_profile_says_which_modes_are_reduced(shape: Any, profile: Any, axes: tuple[int, ...], device: str) -> None:
    size = en.size(en.make_layout(shape))

    def kernel(A: en.f32, Sums: en.f32, Largest: en.f32, Free: en.f32):
        f = en.make_tensor(A, en.make_layout(shape)).load()
        results = f.sum(profile), f.reduce(en.fmax, -1.0, profile), f.reduce(lambda x, y: x * 0.5 + y, None, profile)
        for result, target in zip(results, (Sums, Largest, Free), strict=True):
            if isinstance(result, en.Fragment):
                for k, x in enumerate(result):
                    target[k] = x
            else:
                target[0] = result

    a = np.random.default_rng(3).random(size, np.float32)
    outs = [np.zeros(size, np.float32) for _ in range(3)]
    en.kernel(kernel).launch(a, *outs, grid=1, threads=1, device=device)
    flat = tuple(int(n) for n in str(shape).replace("(", "").replace(")", "").split(","))
    tile = a.reshape(flat, order="F")
    kept = [axis for axis in range(len(flat)) if axis not in axes]
    moved = np.moveaxis(tile, kept, range(len(kept)))
    rows = moved.reshape((*moved.shape[: len(kept)], -1), order="F")
    chain = rows[..., 0]
    for k in range(1, rows.shape[-1]):
        chain = chain * np.float32(0.5) + rows[..., k]
    for out, want in zip(outs, (rows.sum(-1), rows.max(-1), chain), strict=True):
        expected = np.ravel(want, order="F")
        assert np.allclose(out[: expected.size], expected, rtol=1e-5)
        assert (out[expected.size :] == 0).all()


@en.kernel
def repeated(A: en.f32[4, 8], Out: en.f32[8, 32]):
    """A column plus a row is a tile; a single element goes to all."""
    i = en.thread_position_in_grid
    column = en.make_tensor(A, en.make_layout((4, 1), (8, 1))).load()
    row = en.make_tensor(A, en.make_layout((1, 8), (0, 1))).load()
    one = en.make_tensor(A, en.make_layout((1, 1))).load()
    tile = column * row + one.broadcast_to((4, 8))
    out = en.make_tensor(Out, en.make_layout((8, (4, 8)), (32, (8, 1))))
    out[i, (None, None)].store(tile + one)


@pytest.mark.parametrize("device", DEVICES)
def test_modes_of_one_element_are_repeated(device: str) -> None:
    a = np.random.default_rng(4).random((4, 8), np.float32)
    out = np.zeros((8, 32), np.float32)
    repeated.launch(a, out, grid=8, threads=8, device=device)
    want = a[:, :1] * a[:1] + a[0, 0] + a[0, 0]
    assert np.allclose(out, np.broadcast_to(want.reshape(1, 32), (8, 32)), rtol=1e-6)


LANES = ("sum", "product", "min", "max", "and", "or", "xor")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("group, width", [("simd", 32), ("quad", 4)])
def test_reductions_across_lanes_fold_the_elements_first(group: str, width: int, device: str) -> None:
    functions = [getattr(en, f"{group}_{name}") for name in LANES]

    def kernel(A: en.u32[64, 5], Out: en.u32[64, 7], Votes: en.b1[64, 2]):
        i = en.thread_position_in_grid
        f = A[i, None].load()
        for k, function in enumerate(functions):
            Out[i, k] = function(f)
        Votes[i, 0], Votes[i, 1] = getattr(en, f"{group}_any")(f == 7), getattr(en, f"{group}_all")(f != 9)

    a = np.random.default_rng(5).integers(1, 60, (64, 5)).astype(np.uint32)
    out, votes = np.zeros((64, 7), np.uint32), np.zeros((64, 2), bool)
    en.kernel(kernel).launch(a, out, votes, grid=64, threads=64, device=device)
    groups = a.reshape(64 // width, -1)
    ufuncs = [np.add, np.multiply, np.minimum, np.maximum, np.bitwise_and, np.bitwise_or, np.bitwise_xor]
    want = np.stack([ufunc.reduce(groups, axis=1, dtype=np.uint32) for ufunc in ufuncs], 1)
    assert (out == np.repeat(want, width, 0)).all()
    assert (votes == np.repeat(np.stack([(groups == 7).any(1), (groups != 9).all(1)], 1), width, 0)).all()


@en.kernel
def normalised(A: en.f32[64, 8], Out: en.f32[64, 8]):
    """A softmax over 256 numbers of a simdgroup, and what each lane's neighbour has."""
    i = en.thread_position_in_grid
    f = A[i, None].load()
    e = en.exp(f - en.simd_max(f))
    Out[i, None].store(en.simd_shuffle_xor(e / en.simd_sum(e), 1))


@pytest.mark.parametrize("device", DEVICES)
def test_a_softmax_across_lanes(device: str) -> None:
    a = np.random.default_rng(6).normal(size=(64, 8)).astype(np.float32)
    out = np.zeros_like(a)
    normalised.launch(a, out, grid=64, threads=64, device=device)
    x = np.exp(a.astype(np.float64)).reshape(2, 32, 8)
    want = (x / x.sum((1, 2), keepdims=True))[:, np.arange(32) ^ 1].reshape(64, 8)
    assert np.allclose(out, want, rtol=1e-5)


@en.kernel
def mixed(A: en.f32[4, 8], N: en.i16[4, 8], Out: en.f32[6, 32], B: en.b1[4, 8]):
    """Functions of several operands, dtypes that are promoted as those of numbers, and logic."""
    i = en.thread_position_in_grid
    a, n = A[i, None].load(), N[i, None].load()
    out = en.make_tensor(Out, en.make_layout((6, (8, 4)), (32, (1, 8))))
    out[0, (None, i)].store(en.where(a > 0.5, 1.0, 0.0))
    out[1, (None, i)].store(en.fma(a, 2.0, en.clamp(a, 0.25, 0.75)))
    out[2, (None, i)].store(n * a + i)
    out[3, (None, i)].store((n + 100000).to(en.f32))
    out[4, (None, i)].store(en.where(i < 2, a, 0.0) + abs(-a) + round(a))
    out[5, (None, i)].store(a.reduce(lambda x, y: x if x > y else y) * n)
    B[i, None].store((a > 0.5) & (n > 2) | ~(a < 0.9))


@pytest.mark.parametrize("device", DEVICES)
def test_functions_promotion_and_logic(device: str) -> None:
    a = np.random.default_rng(7).random((4, 8), np.float32)
    n = np.arange(32).reshape(4, 8).astype(np.int16)
    out, flags = np.zeros((6, 32), np.float32), np.zeros((4, 8), bool)
    mixed.launch(a, n, out, flags, grid=4, threads=4, device=device)
    i = np.arange(4)[:, None]
    wants = [
        np.where(a > 0.5, 1, 0), a * 2 + np.clip(a, 0.25, 0.75), n * a + i, n.astype(np.int64) + 100000,
        np.where(i < 2, a, 0) + a + np.rint(a), a.max(1, keepdims=True) * n,
    ]  # fmt: skip
    for found, want in zip(out, wants, strict=True):
        assert np.allclose(found.reshape(4, 8), want, rtol=1e-6)
    assert (flags == ((a > 0.5) & (n > 2) | ~(a < 0.9))).all()


def test_what_a_fragment_says_of_itself() -> None:
    said: list[Any] = []

    def kernel(A: en.f16[8], Out: en.f16[8]):
        f = A.load()
        said.extend([repr(f), len(f), f.dtype, f.shape, f.size(), f[None] is f or f[None].places == f.places])
        Out.store(f)

    text = en.compile(en.kernel(kernel)).metal_source
    assert said == ["<fragment of shape (8,): 8 elements of f16 in 2 f16x4>", 8, en.f16, (8,), 8, True]
    assert text.count("half4") >= 4


def test_the_elements_of_parts_and_reductions() -> None:
    assert arrangement.numbers_of((1, None), (2, 3)) == ([1, 3, 5], (3,))
    assert arrangement.reduction((None, 0), (2, 3)) == ([[0, 1], [2, 3], [4, 5]], (2,))
    assert arrangement.broadcast(((2, 2), 1), ((2, 2), 3)) == ((2, 2), 3)
    assert arrangement.broadcast((4, 2), (2, 4)) is None
    assert arrangement.repeated((1, 2), (3, 2)) == [0, 0, 0, 1, 1, 1]
    assert arrangement.part_of(((0, 0), (0, 1), (1, 0)), [0, 1]) == ([(0, None)], ((0, 0), (0, 1)))
    assert arrangement.part_of(((0, 0), (0, 1), (1, 0)), [1, 2]) == ([(0, 1), (1, None)], ((0, 0), (1, 0)))


@pytest.mark.parametrize("kernel", [parts, repeated, normalised, mixed], ids=lambda kernel: kernel.name)
def test_metal_takes_the_text(kernel: en.KernelDef) -> None:
    assert_legal(en.compile(kernel).metal_source)
