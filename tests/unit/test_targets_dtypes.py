"""Every dtype on every runtime, against NumPy: casts, arithmetic, wrapping, rounding, large indices."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from tests.unit.test_targets import numbers

DTYPES = (en.f32, en.f16, en.bf16, en.i8, en.i16, en.i32, en.i64, en.u8, en.u16, en.u32, en.u64, en.b1)


def _cast_kernel(source: Any, target: Any) -> Any:
    def cast(A, Out):  # type: ignore[no-untyped-def]
        i = en.thread_position_in_grid
        Out[i] = A[i].to(target)

    cast.__annotations__ = {"A": source, "Out": target}
    return en.kernel(cast)


@pytest.mark.parametrize("source", DTYPES, ids=lambda d: d.name)
def test_casts_between_all_dtypes_on_values_both_hold(launch: Any, source: Any) -> None:
    a = (np.arange(1003) % 100).astype(source.numpy)
    for target in DTYPES:
        out = np.zeros(1003, target.numpy)
        launch(_cast_kernel(source, target), a, out, grid=1003, threads=128)
        np.testing.assert_array_equal(out, a != 0 if target is en.b1 else a.astype(target.numpy), err_msg=target.name)


def _arithmetic_kernel(dtype: Any) -> Any:
    def compute(A, B, Out):  # type: ignore[no-untyped-def]
        i = en.thread_position_in_grid
        Out[i] = ((A[i] + B[i]) * A[i] - B[i]).to(dtype)

    compute.__annotations__ = {"A": dtype, "B": dtype, "Out": dtype}
    return en.kernel(compute)


@pytest.mark.parametrize("dtype", DTYPES[:-1], ids=lambda d: d.name)
@pytest.mark.parametrize("n", [33, 1000])
def test_arithmetic_of_every_dtype_on_small_numbers(launch: Any, dtype: Any, n: int) -> None:
    a, b = numbers(n, np.int32, 4) % 6, numbers(n, np.int32, 5) % 6
    out = np.zeros(n, dtype.numpy)
    launch(_arithmetic_kernel(dtype), a.astype(dtype.numpy), b.astype(dtype.numpy), out, grid=n, threads=96)
    np.testing.assert_array_equal(out.astype(np.float64), ((a + b) * a - b).astype(dtype.numpy).astype(np.float64))


@en.kernel
def wrap_narrow(A: en.i8, B: en.u8, C: en.i64, Out: en.i8, Wide: en.i32, Far: en.i64):
    i = en.thread_position_in_grid
    Wide[i] = A[i] * B[i]
    Out[i] = (A[i] + 100).to(en.i8)
    Far[i] = C[i] * C[i] + (C[i] >> 3)


def test_narrow_integers_widen_and_wrap_where_stored(launch: Any) -> None:
    a = np.arange(-128, 128).astype(np.int8)
    b = np.arange(256).astype(np.uint8)
    c = np.arange(256).astype(np.int64) * 11_000_000 - 10**9  # beyond 32 bits; squares fit
    out, wide, far = np.zeros(256, np.int8), np.zeros(256, np.int32), np.zeros(256, np.int64)
    launch(wrap_narrow, a, b, c, out, wide, far, grid=256, threads=80)
    np.testing.assert_array_equal(wide, a.astype(np.int32) * b)
    np.testing.assert_array_equal(out, (a.astype(np.int32) + 100).astype(np.int8))
    np.testing.assert_array_equal(far, c * c + (c >> 3))


@en.kernel
def half_steps(A: en.f16, B: en.bf16, Out: en.f16, Brain: en.bf16):
    i = en.thread_position_in_grid
    h, b = en.f16(0), en.bf16(0)
    for _ in range(4):
        h = h * 0.5 + A[i]
        b = b + B[i] * 0.25
    Out[i], Brain[i] = h, b


def test_half_and_bfloat_round_at_every_step(launch: Any) -> None:
    a, b = (numbers(500) * 1.125).astype(np.float16), (numbers(500, seed=9) * 1.25).astype(ml_dtypes.bfloat16)
    out, brain = np.zeros(500, np.float16), np.zeros(500, ml_dtypes.bfloat16)
    launch(half_steps, a, b, out, brain, grid=500, threads=64)
    h, w = np.zeros(500, np.float16), np.zeros(500, ml_dtypes.bfloat16)
    for _ in range(4):
        h = h * np.float16(0.5) + a
        w = w + b * ml_dtypes.bfloat16(0.25)
    np.testing.assert_allclose(out.astype(np.float64), h.astype(np.float64), rtol=2e-3)
    np.testing.assert_allclose(brain.astype(np.float64), w.astype(np.float64), rtol=1.6e-2)


@en.kernel
def permute(A: en.i32, Where: en.u64, Out: en.i32, stride: en.Scalar(en.i64)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    Out[Where[i]] = A[(i * stride) % 1000003]


def test_indices_that_only_64_bits_hold_and_scattered_stores(launch: Any) -> None:
    a = np.arange(1000003).astype(np.int32)
    where = np.random.default_rng(8).permutation(777).astype(np.uint64)
    out = np.zeros(777, np.int32)
    launch(permute, a, where, out, 123456789123, grid=777, threads=64)
    wanted = np.zeros(777, np.int32)
    wanted[where] = [i * 123456789123 % 1000003 for i in range(777)]
    np.testing.assert_array_equal(out, wanted)


@en.kernel
def flags(A: en.b1, B: en.b1, Out: en.b1, Count: en.u32):
    i = en.thread_position_in_grid
    both = A[i] and B[i]
    Out[i] = both or (not A[i] and not B[i])
    Count[i] = en.simd_sum(en.u32(A[i] ^ B[i]))


@pytest.mark.parametrize("n", [1, 33, 255])
def test_bools_in_buffers_are_bytes_of_zero_and_one(launch: Any, n: int) -> None:
    random = np.random.default_rng(9)
    a, b = random.integers(0, 2, n).astype(bool), random.integers(0, 2, n).astype(bool)
    out, count = np.zeros(n, bool), np.zeros(n, np.uint32)
    launch(flags, a, b, out, count, grid=n, threads=256)
    np.testing.assert_array_equal(out.view(np.uint8), (a == b).astype(np.uint8))
    np.testing.assert_array_equal(count, [np.sum((a ^ b)[i // 32 * 32 : i // 32 * 32 + 32]) for i in range(n)])
