"""Races between threads of a threadgroup."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, ones, zeros

KIND = "data-race"


@accused(
    KIND,
    "tile[63 - local]",
    count(64),
    zeros(64),
    grid=64,
    threads=64,
    other="tile[local] = A",
    buffer="tile",
    index=63,
)
@en.kernel
def reversal_without_barrier(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[en.thread_position_in_grid]
    Out[en.thread_position_in_grid] = tile[63 - local]


@accused(
    KIND,
    "As[ly, lx] = A",
    ones(32, 32),
    ones(32, 32),
    zeros(32, 32),
    32,
    grid=(32, 32),
    threads=(16, 16),
    other="As[ly, j]",
)
@en.kernel
def tiled_gemm_without_second_barrier(A: en.f32, B: en.f32, C: en.f32, n: en.Scalar(en.u32)):
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
    C[y * n + x] = total


@accused(KIND, "As[ly, j]", ones(32, 32), ones(32, 32), zeros(32, 32), 32, grid=(32, 32), threads=(16, 16), other="As[ly, lx] = A",
         also=("uninitialised-read",))  # fmt: skip
@en.kernel
def tiled_gemm_without_first_barrier(A: en.f32, B: en.f32, C: en.f32, n: en.Scalar(en.u32)):
    As, Bs = en.threadgroup_alloc(en.f32, (16, 16)), en.threadgroup_alloc(en.f32, (16, 16))
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    lx, ly = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    total = 0.0
    for k in en.range(0, n, 16):
        As[ly, lx] = A[y * n + k + lx]
        Bs[ly, lx] = B[(k + ly) * n + x]
        for j in en.range(16):
            total += As[ly, j] * Bs[j, lx]
        en.barrier()
    C[y * n + x] = total


@accused(KIND, "tile[local] = tile[local]", ones(128), zeros(1), grid=128, threads=128, other="tile[local]")
@en.kernel
def tree_sum_with_a_barrier_only_before(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 128)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[local]
    en.barrier()
    half = en.u32(64)
    while half > 0:
        if local < half:
            tile[local] = tile[local] + tile[local + half]
        half = half / 2
    if local == 0:
        Out[0] = tile[0]


@accused(KIND, "tile[local] = tile[local]", ones(32), zeros(1), grid=32, threads=32)
@en.kernel
def warp_synchronous_tree(A: en.f32, Out: en.f32):
    """The last steps of the classic reduction: right only where 32 threads run in lock step."""
    tile = en.threadgroup_alloc(en.f32, 64)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[local]
    tile[local + 32] = 0.0
    en.barrier()
    for half in (16, 8, 4, 2, 1):
        tile[local] = tile[local] + tile[local + half]
    if local == 0:
        Out[0] = tile[0]


@accused(
    KIND, "bins[A[local] % 4] += 1", count(64, np.uint32), zeros(4, dtype=np.uint32), grid=64, threads=64, buffer="bins"
)
@en.kernel
def histogram_in_the_tile_without_atomics(A: en.u32, Counts: en.u32):
    bins = en.threadgroup_alloc(en.u32, 4)
    local = en.thread_position_in_threadgroup("x")
    if local < 4:
        bins[local] = 0
    en.barrier()
    bins[A[local] % 4] += 1
    en.barrier()
    if local < 4:
        Counts[local] = bins[local]


@accused(KIND, "flag[0] = 1", zeros(64), grid=64, threads=64, severity="warning", buffer="flag")
@en.kernel
def all_threads_set_one_flag(Out: en.f32):
    flag = en.threadgroup_alloc(en.u32, 1)
    flag[0] = 1
    en.barrier()
    Out[en.thread_position_in_grid] = en.f32(flag[0])


@accused(KIND, "last[0] = local", zeros(1, dtype=np.uint32), grid=64, threads=64, severity="error", buffer="last")
@en.kernel
def last_thread_wins(Out: en.u32):
    last = en.threadgroup_alloc(en.u32, 1)
    local = en.thread_position_in_threadgroup("x")
    last[0] = local
    en.barrier()
    if local == 0:
        Out[0] = last[0]


@accused(
    KIND,
    "mean[0] + ",
    ones(64),
    zeros(64),
    grid=64,
    threads=64,
    other="mean[0] = ",
    buffer="mean",
    also=("uninitialised-read",),
)
@en.kernel
def broadcast_without_barrier(A: en.f32, Out: en.f32):
    mean = en.threadgroup_alloc(en.f32, 1)
    local = en.thread_position_in_threadgroup("x")
    if local == 0:
        mean[0] = A[0]
    Out[local] = mean[0] + A[local]


@accused(KIND, "part[0] = total", ones(2, 64), zeros(2), grid=64, threads=64, other="part[0]", buffer="part")
@en.kernel
def scratch_reused_for_the_next_row(A: en.f32, Out: en.f32):
    part = en.threadgroup_alloc(en.f32, 1)
    local = en.thread_position_in_threadgroup("x")
    for row in en.range(2):
        total = A[row * 64]
        if local == 0:
            part[0] = total
        en.barrier()
        if local == 63:
            Out[row] = part[0]


@accused(KIND, "tile[local + offset]", ones(64), zeros(64), grid=64, threads=64, also=("out-of-bounds",), buffer="tile")
@en.kernel
def scan_in_place(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[local]
    en.barrier()
    for offset in (1, 2, 4, 8, 16, 32):
        if local + offset < 64:
            tile[local + offset] += tile[local]
        en.barrier()
    Out[local] = tile[local]


@accused(
    KIND,
    "tile[x * 16 + y]",
    ones(16, 16),
    zeros(16, 16),
    grid=(16, 16),
    threads=(16, 16),
    other="tile[y * 16 + x] = A",
    buffer="tile",
)
@en.kernel
def transpose_after_a_simdgroup_barrier(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 256)
    x, y = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    tile[y * 16 + x] = A[y * 16 + x]
    en.simd_barrier("mem_threadgroup")
    Out[y * 16 + x] = tile[x * 16 + y]


@accused(KIND, "tile[63 - local]", count(64), zeros(64), grid=64, threads=64, other="tile[local] = A")
@en.kernel
def barrier_of_the_wrong_memory(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[local]
    en.barrier("mem_device")
    Out[local] = tile[63 - local]


@accused(KIND, "tile[63 - local]", count(64), zeros(64), grid=64, threads=64, other="tile[local] = A")
@en.kernel
def barrier_that_orders_nothing(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[local]
    en.barrier("mem_none")
    Out[local] = tile[63 - local]


@accused(KIND, "tile[local ^ 1]", count(32), zeros(32), grid=32, threads=32, other="tile[local] = A")
@en.kernel
def neighbours_of_one_simdgroup(A: en.f32, Out: en.f32):
    """A simdgroup promises no lock step."""
    tile = en.threadgroup_alloc(en.f32, 32)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[local]
    Out[local] = tile[local ^ 1]


@accused(
    KIND,
    "total[0])",
    ones(64, dtype=np.uint32),
    zeros(64, dtype=np.uint32),
    grid=64,
    threads=64,
    other="atomic_fetch_add",
)
@en.kernel
def plain_read_of_an_atomic_sum(A: en.u32, Out: en.u32):
    total = en.threadgroup_alloc(en.u32, 1)
    local = en.thread_position_in_threadgroup("x")
    if local == 0:
        total[0] = 0
    en.barrier()
    en.atomic_fetch_add(total, 0, A[local])
    Out[local] = en.u32(total[0])


@accused(KIND, "atomic_fetch_add(total", ones(64, dtype=np.uint32), zeros(1, dtype=np.uint32), grid=64, threads=64,
         other="total[0] = 0", also=("uninitialised-read",))  # fmt: skip
@en.kernel
def atomic_sum_before_it_is_cleared(A: en.u32, Out: en.u32):
    total = en.threadgroup_alloc(en.u32, 1)
    local = en.thread_position_in_threadgroup("x")
    if local == 0:
        total[0] = 0
    en.atomic_fetch_add(total, 0, A[local])
    en.barrier()
    if local == 0:
        Out[0] = total[0]


@accused(KIND, "Out[63 - local]", count(64), zeros(64), grid=64, threads=64, buffer="Out", other="Out[local] = A")
@en.kernel
def device_memory_after_a_threadgroup_barrier(A: en.f32, Out: en.f32):
    """The barrier names threadgroup memory only."""
    local = en.thread_position_in_threadgroup("x")
    Out[local] = A[local]
    en.barrier("mem_threadgroup")
    x = Out[63 - local]
    en.barrier("mem_device")
    Out[local] = x


@accused(KIND, "A[i] = A[i + 1]", count(65), grid=64, threads=64, buffer="A")
@en.kernel
def shift_in_place(A: en.f32):
    i = en.thread_position_in_grid
    A[i] = A[i + 1]


@accused(KIND, "tile[local + 1] = 0.0", ones(64), zeros(64), grid=64, threads=64, buffer="tile")
@en.kernel
def neighbour_cleared_too(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 65)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[local]
    tile[local + 1] = 0.0
    en.barrier()
    Out[local] = tile[local]


@accused(
    KIND,
    "simdgroup_matrix_load(tile",
    ones(8, 8),
    zeros(8, 8),
    grid=32,
    threads=32,
    other="tile[lane] = A",
    buffer="tile",
)
@en.kernel
def matrix_loaded_before_the_barrier(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    lane = en.thread_index_in_simdgroup()
    tile[lane] = A[lane]
    tile[lane + 32] = A[lane + 32]
    en.simdgroup_matrix_store(en.simdgroup_matrix_load(tile, 8), Out, 8)


@accused(KIND, "tile[(stage + 1) % 2, local] = ", ones(4, 64), zeros(64), grid=64, threads=64, buffer="tile")
@en.kernel
def double_buffer_without_barrier(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, (2, 64))
    local = en.thread_position_in_threadgroup("x")
    tile[0, local] = A[local]
    total = 0.0
    en.barrier()
    for stage in en.range(3):
        tile[(stage + 1) % 2, local] = A[(stage + 1) * 64 + local]
        total += tile[stage % 2, 63 - local]
    Out[local] = total
