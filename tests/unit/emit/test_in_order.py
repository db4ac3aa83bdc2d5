"""Vectors that stay in the order of memory from load to store: the same results as one component at a time, and no shuffles."""

# pyright: reportInvalidTypeForm=false

from __future__ import annotations

import re
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en

SIZES = (1, 3, 31, 32, 33, 100, 256, 300)


@en.kernel
def chained(A: en.f32, B: en.f32, Out: en.f32, n: en.Scalar[en.u32], s: en.Scalar[en.f32]):
    """Numbers that are the same for all, that differ between lanes, that are used twice, and constants of their own."""
    i = en.thread_position_in_grid
    if i < n:
        a, b = A.load(i * 4, 4), B.load(i * 4, 4)
        both = a * s + b
        lane = en.f32(i % 7)
        Out.store(i * 4, both * lane + en.sqrt(both) * en.f32x4(1.0, 2.0, 3.0, 4.0) - s)


def wanted(a: Any, b: Any, s: float) -> Any:
    both = a.astype(np.float64) * s + b
    lane = np.repeat(np.arange(len(a) // 4) % 7, 4)
    return both * lane + np.sqrt(both) * np.tile([1.0, 2.0, 3.0, 4.0], len(a) // 4) - s


@pytest.mark.parametrize("threads", [32, 48, 256])
@pytest.mark.parametrize("n", SIZES)
def test_a_chain_with_all_kinds_of_operands(n: int, threads: int) -> None:
    a, b = (np.random.default_rng(k).random(4 * n + 8, np.float32) for k in (1, 2))
    out = np.full(4 * n + 8, 7, np.float32)
    chained.launch(a, b, out, n, 0.5, grid=n + 40, threads=threads, device="cpu")
    np.testing.assert_allclose(out[: 4 * n], wanted(a[: 4 * n], b[: 4 * n], 0.5), rtol=1e-5, atol=1e-6)
    assert (out[4 * n :] == 7).all()


@en.kernel
def divergent(A: en.i32, Out: en.i32, Odd: en.i32):
    """The store stands in another block than some of what it is made of, and some of that goes elsewhere too."""
    i = en.thread_position_in_grid
    a = A.load(i * 2, 2)
    doubled = a + a
    if i % 3 == 1:
        Out.store(i * 2, doubled - 1)
    else:
        plus = a + 10
        Odd.store(i * 2, plus * 2)
        Out.store(i * 2, plus ^ doubled)


def test_divergent_stores_and_shared_parts() -> None:
    n = 100
    a = np.arange(2 * n, dtype=np.int32)
    out, odd = np.zeros_like(a), np.zeros_like(a)
    divergent.launch(a, out, odd, grid=n, threads=64, device="cpu")
    one = np.repeat(np.arange(n) % 3 == 1, 2)
    assert np.array_equal(out, np.where(one, 2 * a - 1, (a + 10) ^ (2 * a)))
    assert np.array_equal(odd, np.where(one, 0, 2 * a + 20))


@en.kernel
def across_a_barrier(A: en.f32, Out: en.f32):
    """What is stored was computed before a barrier; other lanes' numbers come in after it."""
    i, lid = en.thread_position_in_grid, en.thread_index_in_threadgroup()
    tile = en.threadgroup_alloc(en.f32, 64)
    scaled = A.load(i * 4, 4) * 3.0
    tile[lid] = scaled.x
    en.barrier()
    Out.store(i * 4, scaled + tile[63 - lid])


def test_values_that_cross_a_barrier() -> None:
    a = np.random.default_rng(0).random(4 * 128, np.float32)
    out = np.zeros_like(a)
    across_a_barrier.launch(a, out, grid=128, threads=64, device="cpu")
    other = (a * 3)[::4].reshape(2, 64)[:, ::-1].reshape(-1)
    np.testing.assert_allclose(out, a * 3 + np.repeat(other, 4), rtol=1e-6)


@pytest.mark.parametrize("width", [2, 3, 4])
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.int8, np.uint32, np.int64])
def test_buffers_of_vectors_of_any_dtype(dtype: Any, width: int) -> None:
    element = en.lib.launch.dtype_of(np.zeros(1, dtype))
    vector = getattr(en, f"{element.name}x{width}")

    @en.kernel
    def summed(A: vector, B: vector, Out: vector, n: en.Scalar[en.u32]):
        i = en.thread_position_in_grid
        if i < n:
            Out[i] = A[i] * 2 + B[i]

    for n in (5, 64, 77):
        a, b = (np.random.default_rng(k).integers(0, 20, (n, width)).astype(dtype) for k in (1, 2))
        out = np.zeros_like(a)
        summed.launch(a, b, out, n, grid=n + 3, threads=64, device="cpu")
        assert np.array_equal(out.astype(np.int64), a.astype(np.int64) * 2 + b.astype(np.int64))


@en.kernel
def reversed_runs(A: en.f32, Out: en.f32, n: en.Scalar[en.u32]):
    """Loads that are no runs go to stores that are, and the other way around."""
    i = en.thread_position_in_grid
    Out.store(i * 4, A.load((n - 1 - i) * 4, 4) + A.load(i * 4, 4))
    Out.store((n + n - 1 - i) * 4, A.load(i * 4, 4) * 2)


@en.kernel
def chosen(A: en.f32, B: en.f32, Out: en.f32, Counts: en.u32, n: en.Scalar[en.u32]):
    """Truth values that are used in two places, and a swizzled operand."""
    i = en.thread_position_in_grid
    if i < n:
        a, b = A.load(i * 4, 4), B.load(i * 4, 4)
        above = a > b
        Out.store(i * 4, en.where(above, a - b, a.wzyx))
        Counts[i] = en.u32(above.x) + en.u32(above.w)


def test_truth_values_and_swizzles() -> None:
    for n in (1, 33, 64):
        a, b = (np.random.default_rng(k).random((n, 4), np.float32) for k in (1, 2))
        out, counts = np.zeros_like(a), np.zeros(n, np.uint32)
        chosen.launch(a, b, out, counts, n, grid=n + 5, threads=64, device="cpu")
        assert np.array_equal(out, np.where(a > b, a - b, a[:, ::-1]))
        assert np.array_equal(counts, (a > b)[:, [0, 3]].sum(1))


def test_only_runs_are_taken_as_they_lie() -> None:
    n = 96
    a = np.random.default_rng(0).random((n, 4), np.float32)
    out = np.zeros((2 * n, 4), np.float32)
    reversed_runs.launch(a, out, n, grid=n, threads=32, device="cpu")
    assert np.array_equal(out, np.concatenate([a[::-1] + a, (a * 2)[::-1]]))


def test_nothing_is_shuffled_between_load_and_store() -> None:
    text = en.compile(added).asm["asm"]
    assert not re.search(r"\bv?(perm|shuf|unpck|blend)", text), re.findall(r"\bv?(?:perm|shuf|unpck|blend)\w*", text)


@en.kernel
def added(A: en.f32, B: en.f32, Out: en.f32, s: en.Scalar[en.f32]):
    i = en.thread_position_in_grid
    Out.store(i * 4, en.exp(A.load(i * 4, 4)) * s + B.load(i * 4, 4))


@en.kernel
def guarded(A: en.f32, Out: en.f32, n: en.Scalar[en.u32]):
    first = en.thread_position_in_grid * 4
    if first + 3 < n:
        Out.store(first, A.load(first, 4) * 2)


def test_a_test_of_the_last_element_is_made_once_for_a_threadgroup() -> None:
    """Multiples of 4 that wrap around at 2**32 are multiples still, so that 3 more do not wrap again."""
    text = en.compile(guarded).asm["llvm"]
    assert re.search(r"store <\d+ x float> [^!\n]*, align 4\n", text), "there is no version without masks"
    for n in (3, 4, 127, 128, 1023, 1024, 4095, 4097):
        a = np.random.default_rng(0).random(n, np.float32)
        out = np.zeros_like(a)
        guarded.launch(a, out, n, grid=2048, threads=256, device="cpu")
        assert np.array_equal(out[: n // 4 * 4], a[: n // 4 * 4] * 2) and not out[n // 4 * 4 :].any()
