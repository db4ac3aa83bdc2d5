"""Right kernels that come near to what the wrong ones do: none of them may be accused."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import clean, count, ones, values, zeros


@clean(ones(64, 64), ones(64, 64), zeros(64, 64), 64, grid=(64, 64), threads=(16, 16))
@en.kernel
def tiled_gemm(A: en.f32, B: en.f32, C: en.f32, n: en.Scalar(en.u32)):
    As, Bs = en.threadgroup_alloc(en.f32, (16, 16)), en.threadgroup_alloc(en.f32, (16, 16))
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    lx, ly = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    total = 0.0
    for k in en.range(0, n, 16):
        As[ly, lx] = A[y * n + k + lx]
        Bs[ly, lx] = B[(k + ly) * n + x]
        en.barrier()
        for j in en.range(16):
            total += As[ly, j] * Bs[j, lx]
        en.barrier()
    C[y * n + x] = total


@clean(ones(100), zeros(4), grid=100, threads=32)
@en.kernel
def tree_sum_with_barriers(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 32)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[en.thread_position_in_grid]
    en.barrier()
    half = en.u32(16)
    while half > 0:
        if local < half and local + half < en.threads_per_threadgroup("x"):
            tile[local] = tile[local] + tile[local + half]
        en.barrier()
        half = half / 2
    if local == 0:
        Out[en.threadgroup_position_in_grid("x")] = tile[0]


@clean(count(256, np.uint32), zeros(8, dtype=np.uint32), grid=256, threads=64)
@en.kernel
def histogram_with_atomics_in_both_memories(A: en.u32, Counts: en.u32):
    bins = en.threadgroup_alloc(en.u32, 8)
    local = en.thread_position_in_threadgroup("x")
    if local < 8:
        bins[local] = 0
    en.barrier()
    en.atomic_fetch_add(bins, A[en.thread_position_in_grid] % 8, 1)
    en.barrier()
    if local < 8:
        en.atomic_fetch_add(Counts, local, bins[local])


@clean(ones(256), zeros(8), zeros(1), zeros(1, dtype=np.uint32), grid=256, threads=32)
@en.kernel
def last_threadgroup_sums_up(A: en.f32, Partial: en.f32, Out: en.f32, Count: en.u32):
    total = en.simd_sum(A[en.thread_position_in_grid])
    if en.thread_index_in_simdgroup() == 0:
        Partial[en.threadgroup_position_in_grid("x")] = total
        if en.atomic_fetch_add(Count, 0, 1, order="acq_rel") == 7:
            whole = 0.0
            for group in en.range(8):
                whole += Partial[group]
            Out[0] = whole


@clean(ones(256), zeros(256), zeros(1), zeros(1, dtype=np.uint32), grid=256, threads=64)
@en.kernel
def last_threadgroup_sums_up_what_all_threads_wrote(A: en.f32, Partial: en.f32, Out: en.f32, Count: en.u32):
    i = en.thread_position_in_grid
    Partial[i] = A[i]
    en.barrier("mem_device")
    if en.thread_position_in_threadgroup("x") == 0 and en.atomic_fetch_add(Count, 0, 1, order="acq_rel") == 3:
        whole = 0.0
        for k in en.range(256):
            whole += Partial[k]
        Out[0] = whole


@clean(zeros(1), zeros(1, dtype=np.uint32), zeros(1), grid=64, threads=32)
@en.kernel
def message_passing_with_fences(Data: en.f32, Flag: en.u32, Out: en.f32):
    group = en.threadgroup_position_in_grid("x")
    if en.thread_position_in_threadgroup("x") == 0:
        if group == 0:
            Data[0] = 7.0
            en.atomic_thread_fence("mem_device", "release", "device")
            en.atomic_store(Flag, 0, 1)
        elif en.atomic_load(Flag, 0) == 1:
            en.atomic_thread_fence("mem_device", "acquire", "device")
            Out[0] = Data[0]


@clean(count(32), zeros(32), grid=32, threads=32)
@en.kernel
def neighbours_after_a_simdgroup_barrier(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 32)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[local]
    en.simd_barrier("mem_threadgroup")
    Out[local] = tile[local ^ 1]


@clean(ones(50), zeros(2), grid=50, threads=50)
@en.kernel
def shuffles_of_a_partial_simdgroup_whose_undefined_values_are_dropped(A: en.f32, Out: en.f32):
    i, lane = en.thread_position_in_grid, en.thread_index_in_simdgroup()
    there = en.popcount(en.simd_active_threads_mask())
    total = A[i]
    for delta in (16, 8, 4, 2, 1):
        other = en.simd_shuffle_down(total, delta)
        total += en.where(lane + delta < there, other, 0.0)
    if lane == 0:
        Out[en.simdgroup_index_in_threadgroup()] = total


@clean(ones(33), zeros(33), grid=33, threads=33)
@en.kernel
def reductions_of_the_active_lanes(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    x = A[i]
    if i % 3 == 0:
        x = en.simd_sum(x)
    Out[i] = x


@clean(count(64), zeros(64), 50, grid=64, threads=32)
@en.kernel
def guard_that_data_decides(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if A[i] < 10.0:
        Out[i] = 1.0


@clean(values(5, 7, dtype=np.uint32), zeros(2, dtype=np.uint32), grid=2, threads=2)
@en.kernel
def hash_that_wraps_around(A: en.u32, Out: en.u32):
    i = en.thread_position_in_grid
    x = A[i] * 747796405 + 2891336453
    Out[i] = ((x >> 16) ^ x) * 277803737


@clean(count(64), zeros(64), grid=64, threads=64)
@en.kernel
def neighbours_with_guards(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    left = A[i - 1] if i > 0 else 0.0
    right = A[i + 1] if i < 63 else 0.0
    Out[i] = left + right


@clean(values(1.0, float("nan"), float("inf")), zeros(3), grid=3, threads=3, check="everything")
@en.kernel
def nan_handed_on(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i] * 2.0 + 1.0


@clean(zeros(64, dtype=np.uint32), zeros(1, dtype=np.uint32), grid=64, threads=32)
@en.kernel
def slots_handed_out(Out: en.u32, Next: en.u32):
    slot = en.atomic_fetch_add(Next, 0, 1)
    Out[slot] = en.thread_position_in_grid


@clean(ones(8, 8), ones(8, 8), zeros(8, 8), grid=32, threads=32)
@en.kernel
def matrices_through_the_tile(A: en.f32, B: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    lane = en.thread_index_in_simdgroup()
    tile[lane] = A[lane]
    tile[lane + 32] = A[lane + 32]
    en.simd_barrier("mem_threadgroup")
    a, b = en.simdgroup_matrix_load(tile, 8), en.simdgroup_matrix_load(B, 8)
    en.simdgroup_matrix_store(en.simdgroup_multiply(a, b), Out, 8)


@clean(ones(32), zeros(32), zeros(32), 0, grid=32, threads=32)
@en.kernel
def an_output_of_another_mode(A: en.f32, Out: en.f32, Squares: en.f32, squares: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if squares != 0:
        Squares[i] = A[i] * A[i]
    else:
        Out[i] = A[i]
