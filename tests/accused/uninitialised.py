"""Reads of threadgroup memory, and of a thread's own arrays, that nobody has written."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, ones, zeros

KIND = "uninitialised-read"


@accused(KIND, "tile[local]", zeros(64), grid=64, threads=64, buffer="tile", index=0, count=64)
@en.kernel
def tile_never_written(Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    local = en.thread_position_in_threadgroup("x")
    Out[en.thread_position_in_grid] = tile[local]


@accused(KIND, "total[0] += A", ones(32), zeros(1), grid=32, threads=32, also=("data-race",), buffer="total")
@en.kernel
def sum_that_starts_from_nothing(A: en.f32, Out: en.f32):
    total = en.threadgroup_alloc(en.f32, 1)
    if en.thread_position_in_threadgroup("x") == 0:
        for k in en.range(32):
            total[0] += A[k]
        Out[0] = total[0]


@accused(
    KIND, "atomic_fetch_add(bins", count(64, np.uint32), zeros(8, dtype=np.uint32), grid=64, threads=64, buffer="bins"
)
@en.kernel
def histogram_without_clearing(A: en.u32, Counts: en.u32):
    bins = en.threadgroup_alloc(en.u32, 8)
    local = en.thread_position_in_threadgroup("x")
    en.atomic_fetch_add(bins, A[local] % 8, 1)
    en.barrier()
    if local < 8:
        en.atomic_fetch_add(Counts, local, bins[local])


@accused(
    KIND, "bins[local]", count(64, np.uint32), zeros(32, dtype=np.uint32), grid=64, threads=64, buffer="bins", index=16
)
@en.kernel
def only_half_of_the_bins_cleared(A: en.u32, Counts: en.u32):
    bins = en.threadgroup_alloc(en.u32, 32)
    local = en.thread_position_in_threadgroup("x")
    if local < 16:
        bins[local] = 0
    en.barrier()
    en.atomic_fetch_add(bins, A[local] % 16, 1)
    en.barrier()
    if local < 32:
        en.atomic_fetch_add(Counts, local, bins[local])


@accused(KIND, "tile[local + half]", ones(100), zeros(1), grid=100, threads=128, buffer="tile", index=100)
@en.kernel
def tree_over_a_partial_threadgroup(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 128)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[en.thread_position_in_grid]
    en.barrier()
    half = en.u32(64)
    while half > 0:
        if local < half:
            tile[local] = tile[local] + tile[local + half]
        en.barrier()
        half = half / 2
    if local == 0:
        Out[0] = tile[0]


@accused(KIND, "sums[lane]", ones(128), zeros(1), grid=128, threads=128, buffer="sums", index=4)
@en.kernel
def second_stage_over_all_32_lanes(A: en.f32, Out: en.f32):
    sums = en.threadgroup_alloc(en.f32, 32)
    lane, simdgroup = en.thread_index_in_simdgroup(), en.simdgroup_index_in_threadgroup()
    total = en.simd_sum(A[en.thread_position_in_grid])
    if lane == 0:
        sums[simdgroup] = total
    en.barrier()
    if simdgroup == 0:
        total = en.simd_sum(sums[lane])
        if lane == 0:
            Out[0] = total


@accused(KIND, "tile[local + 2]", count(64), zeros(64), grid=64, threads=64, buffer="tile", index=65)
@en.kernel
def stencil_without_right_halo(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 66)
    local = en.thread_position_in_threadgroup("x")
    tile[local + 1] = A[local]
    if local == 0:
        tile[0] = 0.0
    en.barrier()
    Out[local] = tile[local] + tile[local + 1] + tile[local + 2]


@accused(
    KIND,
    "As[ly, j]",
    ones(20, 20),
    ones(20, 20),
    zeros(20, 20),
    20,
    grid=(32, 32),
    threads=(16, 16),
    also=("data-race",),
)
@en.kernel
def gemm_tile_left_out_at_the_edge(A: en.f32, B: en.f32, C: en.f32, n: en.Scalar(en.u32)):
    As, Bs = en.threadgroup_alloc(en.f32, (16, 16)), en.threadgroup_alloc(en.f32, (16, 16))
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    lx, ly = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    total = 0.0
    for k in en.range(0, n, 16):
        if y < n and k + lx < n:
            As[ly, lx] = A[y * n + k + lx]
        if x < n and k + ly < n:
            Bs[ly, lx] = B[(k + ly) * n + x]
        en.barrier()
        for j in en.range(16):
            total += As[ly, j] * Bs[j, lx]
        en.barrier()
    if x < n and y < n:
        C[y * n + x] = total


@accused(KIND, "own[k]", count(8), zeros(8), grid=8, threads=8, buffer="own", index=3)
@en.kernel
def own_array_filled_short(A: en.f32, Out: en.f32):
    own = en.thread_alloc(en.f32, 4)
    i, total = en.thread_position_in_grid, 0.0
    for k in en.range(3):
        own[k] = A[i]
    for k in en.range(4):
        total += own[k]
    Out[i] = total


@accused(KIND, "tile[local]", count(64), zeros(64), grid=64, threads=64, buffer="tile", index=0)
@en.kernel
def read_before_the_write(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    local = en.thread_position_in_threadgroup("x")
    Out[local] = tile[local]
    tile[local] = A[local]


@accused(KIND, "simdgroup_matrix_load(tile", zeros(8, 8), grid=32, threads=32, buffer="tile", index=32)
@en.kernel
def matrix_from_half_a_tile(Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    lane = en.thread_index_in_simdgroup()
    tile[lane] = 1.0
    en.barrier()
    en.simdgroup_matrix_store(en.simdgroup_matrix_load(tile, 8), Out, 8)
