"""Kernels that people write, at the sizes where they go wrong, on the simulator and the CPU against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import enigma as en

Array = NDArray[Any]
SIZES = (1, 31, 32, 33, 255, 256, 1000, 1023)


def numbers(count: int, kind: Any = np.float32, seed: int = 0) -> Array:
    """Return whole numbers from -8 to 8, or 0 to 8, whose sums are exact in any dtype of 16 bits and up."""
    random = np.random.default_rng(seed)
    low = 0 if np.dtype(kind).kind in "ub" else -8
    return random.integers(low, 9, count).astype(kind)


@en.kernel
def saxpy(X: en.f32, Y: en.f32, n: en.Scalar(en.u32), a: en.Scalar(en.f32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    if i < n:
        Y[i] = a * X[i] + Y[i]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("threads", [1, 32, 48, 256])
def test_saxpy_touches_n_elements_and_no_more(launch: Any, n: int, threads: int) -> None:
    x, y = numbers(n, seed=1), numbers(n + 40, seed=2)
    wanted = y.copy()
    wanted[:n] += 2 * x
    launch(saxpy, x, y, n, 2.0, grid=n + 40, threads=threads)
    np.testing.assert_array_equal(y, wanted)


@en.kernel
def block_sum(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i, lid = en.thread_position_in_grid, en.thread_index_in_threadgroup()
    tile = en.threadgroup_alloc(en.f32, 256)
    x = en.f32(0)
    if i < n:
        x = A[i]
    tile[lid] = x
    en.barrier()
    step = en.u32(128)
    while step > 0:
        if lid < step:
            tile[lid] = tile[lid] + tile[lid + step]
        en.barrier()
        step = step >> 1
    if lid == 0:
        Out[en.threadgroup_position_in_grid("x")] = tile[0]


@pytest.mark.parametrize("n", SIZES)
def test_a_tree_reduction_sums_each_threadgroup(launch: Any, n: int) -> None:
    groups = -(-n // 256)
    a, out = numbers(n), np.zeros(groups, np.float32)
    launch(block_sum, a, out, n, grid=groups * 256, threads=256)
    padded = np.zeros(groups * 256, np.float32)
    padded[:n] = a
    np.testing.assert_array_equal(out, padded.reshape(groups, 256).sum(axis=1))


@en.kernel
def strided_sum(A: en.i32, Out: en.i32, n: en.Scalar(en.i32)):  # type: ignore[valid-type]
    tid = en.thread_index_in_threadgroup()
    partial = en.threadgroup_alloc(en.i32, 32)
    total = en.i32(0)
    for j in range(en.i32(tid), n, 96):
        total += A[j]
    total = en.simd_sum(total)
    if en.thread_index_in_simdgroup() == 0:
        partial[en.simdgroup_index_in_threadgroup()] = total
    en.barrier()
    if tid == 0:
        whole = en.i32(0)
        for s in range(en.simdgroups_per_threadgroup()):
            whole += partial[s]
        Out[0] = whole


@pytest.mark.parametrize("n", SIZES)
def test_a_strided_loop_with_simd_sums_reduces_any_length(launch: Any, n: int) -> None:
    a, out = numbers(n, np.int32), np.zeros(1, np.int32)
    launch(strided_sum, a, out, n, grid=96, threads=96)
    assert out[0] == a.sum()


@en.kernel
def block_scan(A: en.u32, Out: en.u32):
    i, lid, lane = en.thread_position_in_grid, en.thread_index_in_threadgroup(), en.thread_index_in_simdgroup()
    sums = en.threadgroup_alloc(en.u32, 32)
    own = en.simd_prefix_inclusive_sum(A[i])
    last = en.threads_per_threadgroup("x") - 1
    if lane == 31 or lid == last:
        sums[en.simdgroup_index_in_threadgroup()] = own
    en.barrier()
    before = en.u32(0)
    for s in range(en.simdgroup_index_in_threadgroup()):
        before += sums[s]
    Out[i] = own + before


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("threads", [40, 256])
def test_a_scan_of_each_threadgroup(launch: Any, n: int, threads: int) -> None:
    a, out = numbers(n, np.uint32), np.zeros(n, np.uint32)
    launch(block_scan, a, out, grid=n, threads=threads)
    wanted = np.concatenate([np.cumsum(a[k : k + threads], dtype=np.uint32) for k in range(0, n, threads)])
    np.testing.assert_array_equal(out, wanted)


@en.kernel
def transpose(A: en.f32, Out: en.f32, rows: en.Scalar(en.u32), columns: en.Scalar(en.u32)):  # type: ignore[valid-type]
    x, y = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    gx, gy = en.threadgroup_position_in_grid("x") * 8, en.threadgroup_position_in_grid("y") * 8
    tile = en.threadgroup_alloc(en.f32, (8, 9))
    if gx + x < columns and gy + y < rows:
        tile[y, x] = A[(gy + y) * columns + gx + x]
    en.barrier()
    if gx + y < columns and gy + x < rows:
        Out[(gx + y) * rows + gy + x] = tile[x, y]


@pytest.mark.parametrize("shape", [(8, 8), (1, 17), (33, 7), (64, 40), (9, 100)])
def test_a_transpose_through_threadgroup_memory(launch: Any, shape: tuple[int, int]) -> None:
    rows, columns = shape
    a = numbers(rows * columns).reshape(shape)
    out = np.zeros((columns, rows), np.float32)
    grid = (-(-columns // 8) * 8, -(-rows // 8) * 8, 1)
    launch(transpose, a, out, rows, columns, grid=grid, threads=(8, 8, 1))
    np.testing.assert_array_equal(out, a.T)


@en.kernel
def histogram(A: en.u8, Bins: en.u32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i, lid = en.thread_position_in_grid, en.thread_index_in_threadgroup()
    local = en.threadgroup_alloc(en.u32, 16)
    if lid < 16:
        en.atomic_store(local, lid, en.u32(0))
    en.barrier()
    if i < n:
        en.atomic_fetch_add(local, en.u32(A[i] & 15), en.u32(1))
    en.barrier()
    if lid < 16:
        en.atomic_fetch_add(Bins, lid, en.atomic_load(local, lid))


@pytest.mark.parametrize("n", SIZES)
def test_a_histogram_with_atomics_in_both_memories(launch: Any, n: int) -> None:
    a, bins = np.random.default_rng(3).integers(0, 256, n).astype(np.uint8), np.zeros(16, np.uint32)
    launch(histogram, a, bins, n, grid=-(-n // 64) * 64, threads=64)
    np.testing.assert_array_equal(bins, np.bincount(a & 15, minlength=16))


@en.kernel
def stencil(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    left = A[i - 1] if i > 0 else en.f32(0)
    right = A[i + 1] if i + 1 < n else en.f32(0)
    if i < n:
        Out[i] = left - 2.0 * A[i] + right


@pytest.mark.parametrize("n", SIZES)
def test_a_stencil_guards_both_ends_of_an_unsigned_index(launch: Any, n: int) -> None:
    a, out = numbers(n), np.zeros(n, np.float32)
    launch(stencil, a, out, n, grid=n, threads=96)
    padded = np.concatenate([[0], a, [0]]).astype(np.float32)
    np.testing.assert_array_equal(out, padded[:-2] - 2 * a + padded[2:])


@en.kernel
def lock_free_max(A: en.i32, Out: en.i32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    if i < n:
        done = en.b1(False)
        while not done:
            old = en.atomic_load(Out, 0)
            if old >= A[i]:
                done = en.b1(True)
            else:
                done = en.atomic_compare_exchange_weak(Out, 0, old, A[i])


@pytest.mark.parametrize("n", [1, 33, 1000])
def test_a_loop_around_compare_exchange(launch: Any, n: int) -> None:
    a, out = np.random.default_rng(6).integers(-1000, 1000, n).astype(np.int32), np.full(1, -5000, np.int32)
    launch(lock_free_max, a, out, n, grid=n, threads=96)
    assert out[0] == a.max()


@en.kernel
def atomics(A: en.i32, Out: en.i32, F: en.f32, Old: en.i32):
    i = en.thread_position_in_grid
    x = A[i]
    Old[i] = en.atomic_fetch_add(Out, 0, 1)
    en.atomic_fetch_sub(Out, 1, x)
    en.atomic_fetch_min(Out, 2, x)
    en.atomic_fetch_max(Out, 3, x)
    en.atomic_fetch_and(Out, 4, x)
    en.atomic_fetch_or(Out, 5, x)
    en.atomic_fetch_xor(Out, 6, x)
    en.atomic_fetch_add(F, 0, en.f32(x))
    en.atomic_exchange(Out, 7, x)


@pytest.mark.parametrize("n", [1, 33, 256, 1000])
def test_atomics_of_all_threads_add_up(launch: Any, n: int) -> None:
    a = np.random.default_rng(7).integers(-100, 100, n).astype(np.int32)
    out, total, old = np.array([0, 0, 99, -99, -1, 0, 0, 555], np.int32), np.zeros(1, np.float32), np.zeros(n, np.int32)
    launch(atomics, a, out, total, old, grid=n, threads=64)
    reduced = [np.bitwise_and.reduce(a), np.bitwise_or.reduce(a), np.bitwise_xor.reduce(a)]
    np.testing.assert_array_equal(out[:7], [n, -a.sum(), min(a.min(), 99), max(a.max(), -99), *reduced])
    assert out[7] in a
    assert total[0] == a.sum()
    np.testing.assert_array_equal(np.sort(old), np.arange(n))
