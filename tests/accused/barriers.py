"""Barriers that only some threads reach."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, ones, values, zeros

KIND = "barrier-divergence"


@accused(KIND, "en.barrier()", ones(64), zeros(64), 50, grid=64, threads=64, also=("unwritten-output",))
@en.kernel
def barrier_under_the_guard(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    tile = en.threadgroup_alloc(en.f32, 64)
    i = en.thread_position_in_grid
    if i < n:
        tile[i] = A[i]
        en.barrier()
        Out[i] = tile[n - 1 - i]


@accused(KIND, "en.barrier()", ones(64), zeros(64), 50, grid=64, threads=64, also=("unwritten-output",))
@en.kernel
def early_return_before_the_barrier(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    tile = en.threadgroup_alloc(en.f32, 64)
    i = en.thread_position_in_grid
    if i >= n:
        return
    tile[i] = A[i]
    en.barrier()
    Out[i] = tile[n - 1 - i]


@accused(KIND, "en.barrier()", values(1, 2, 3, 3, dtype=np.uint32), zeros(4, dtype=np.uint32), grid=4, threads=4)
@en.kernel
def barrier_in_a_loop_of_different_length(N: en.u32, Out: en.u32):
    i, total = en.thread_position_in_grid, en.u32(0)
    for k in en.range(0, N[i], 1):
        total += k
        en.barrier()
    Out[i] = total


@accused(KIND, "en.barrier()", ones(64), zeros(64), grid=64, threads=64)
@en.kernel
def a_barrier_in_each_branch(A: en.f32, Out: en.f32):
    """Two barriers are not one, though all threads wait."""
    i = en.thread_position_in_grid
    if i < 32:
        Out[i] = A[i]
        en.barrier()
    else:
        Out[i] = 2.0 * A[i]
        en.barrier()


@accused(KIND, "en.barrier()", ones(64), zeros(2), grid=64, threads=64)
@en.kernel
def one_simdgroup_waits(A: en.f32, Out: en.f32):
    total = en.simd_sum(A[en.thread_position_in_grid])
    simdgroup = en.simdgroup_index_in_threadgroup()
    if simdgroup == 0:
        en.barrier()
    if en.thread_index_in_simdgroup() == 0:
        Out[simdgroup] = total


@accused(KIND, "en.simd_barrier(", ones(32), zeros(32), grid=32, threads=32)
@en.kernel
def simdgroup_barrier_for_half(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    if i < 16:
        en.simd_barrier("mem_threadgroup")
    Out[i] = A[i]


@accused(KIND, "en.barrier()", values(0, 5, 2, 9), zeros(4), grid=4, threads=4)
@en.kernel
def break_before_the_barrier(A: en.f32, Out: en.f32):
    i, found = en.thread_position_in_grid, 0.0
    for k in en.range(4):
        if A[i] < en.f32(k):
            break
        found += 1.0
        en.barrier()
    Out[i] = found


@accused(KIND, "en.barrier()", count(8), zeros(8), grid=8, threads=8)
@en.kernel
def while_loop_that_threads_leave_one_by_one(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    x = A[i]
    while x > 0.0:
        x -= 1.0
        en.barrier()
    Out[i] = x


@accused(KIND, "en.barrier()", ones(100), zeros(100), 100, grid=128, threads=64)
@en.kernel
def barrier_in_the_tail_threadgroup(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    tile = en.threadgroup_alloc(en.f32, 64)
    i, local = en.thread_position_in_grid, en.thread_position_in_threadgroup("x")
    if i < n:
        tile[local] = A[i]
        en.barrier()
        Out[i] = tile[local]
