"""Accesses outside of device, threadgroup, constant and thread memory."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, ones, values, zeros

KIND = "out-of-bounds"


@accused(KIND, "A[i + 1]", count(64), zeros(64), grid=64, threads=32, buffer="A", index=64, thread=(63, 0, 0), count=1)
@en.kernel
def right_neighbour_without_guard(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i + 1]


@accused(KIND, "A[i - 1]", count(64), zeros(64), grid=64, threads=32, buffer="A", index=4294967295, thread=(0, 0, 0))
@en.kernel
def left_neighbour_wraps_around(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i - 1]


@accused(KIND, "A[i - 1]", count(64), zeros(64), grid=64, threads=32, index=-1)
@en.kernel
def left_neighbour_of_a_signed_index(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid.to(en.i32)
    Out[i] = A[i - 1]


@accused(KIND, "Out[i] = 1.0", zeros(100), grid=128, threads=32, buffer="Out", index=100, count=28)
@en.kernel
def rounded_up_grid_without_guard(Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = 1.0


@accused(KIND, "Out[i] = A[i]", ones(64), zeros(64), 64, grid=96, threads=32, index=64)
@en.kernel
def guard_off_by_one(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i <= n:
        Out[i] = A[i]


@accused(KIND, "Out[x * width + y]", zeros(8, 12), 12, 8, grid=(16, 8), threads=(8, 8), also=("unwritten-output",))
@en.kernel
def rows_of_the_wrong_length(Out: en.f32, width: en.Scalar(en.u32), height: en.Scalar(en.u32)):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    if x < width and y < height:
        Out[x * width + y] = 1.0


@accused(KIND, "A[x * 32 + y]", ones(8, 32), zeros(8, 32), grid=(32, 8), threads=(32, 8), buffer="A")
@en.kernel
def transposed_index(A: en.f32, Out: en.f32):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    Out[y * 32 + x] = A[x * 32 + y]


@accused(KIND, "tile[local + 1]", ones(64), zeros(64), grid=64, threads=64, buffer="tile", index=64)
@en.kernel
def tile_without_halo(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[en.thread_position_in_grid]
    en.barrier()
    Out[en.thread_position_in_grid] = tile[local + 1]


@accused(
    KIND, "tile[local] = 1.0", zeros(128), grid=128, threads=128, buffer="tile", index=64, also=("uninitialised-read",)
)
@en.kernel
def tile_smaller_than_the_threadgroup(Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = 1.0
    en.barrier()
    Out[en.thread_position_in_grid] = tile[local % 64]


@accused(KIND, "sums[en.simdgroup_index", ones(320), zeros(1), grid=320, threads=320, buffer="sums", index=8)
@en.kernel
def one_slot_for_each_of_eight_simdgroups(A: en.f32, Out: en.f32):
    sums = en.threadgroup_alloc(en.f32, 8)
    total = en.simd_sum(A[en.thread_position_in_grid])
    if en.thread_index_in_simdgroup() == 0:
        sums[en.simdgroup_index_in_threadgroup()] = total
    en.barrier()
    if en.thread_position_in_threadgroup("x") == 0:
        Out[0] = sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7]


@accused(KIND, "own[k + 1]", count(8), zeros(8), grid=8, threads=8, buffer="own", index=4)
@en.kernel
def window_of_a_threads_own_array(A: en.f32, Out: en.f32):
    own = en.thread_alloc(en.f32, 4, fill=0.0)
    i = en.thread_position_in_grid
    for k in en.range(4):
        own[k] = A[i] + own[k + 1]
    Out[i] = own[0]


@accused(KIND, "(0.25, 0.5, 0.25)[k]", count(8), zeros(8), grid=8, threads=8, index=3)
@en.kernel
def more_weights_than_the_table_has(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    total = 0.0
    for k in en.range(4):
        total += (0.25, 0.5, 0.25)[k] * A[i]
    Out[i] = total


@accused(
    KIND,
    "Counts, A[i], 1",
    values(0, 3, 9, 2, dtype=np.uint32),
    zeros(8, dtype=np.uint32),
    grid=4,
    threads=4,
    buffer="Counts",
    index=9,
)
@en.kernel
def histogram_of_unchecked_values(A: en.u32, Counts: en.u32):
    i = en.thread_position_in_grid
    en.atomic_fetch_add(Counts, A[i], 1)


@accused(
    KIND,
    "A[Index[i]]",
    count(8),
    values(0, 1, -1, 3, dtype=np.int32),
    zeros(4),
    grid=4,
    threads=4,
    buffer="A",
    index=-1,
)
@en.kernel
def gather_by_minus_one(A: en.f32, Index: en.i32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[Index[i]]


@accused(KIND, "A.load(i * 4", count(62), zeros(16), grid=16, threads=16, buffer="A", index=62)
@en.kernel
def vector_over_the_end(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    v = A.load(i * 4, 4)
    Out[i] = v.x + v.y + v.z + v.w


@accused(KIND, "A[i * 4]", ones(16, 4), zeros(16), grid=16, threads=16, buffer="A", index=16)
@en.kernel
def vectors_counted_as_numbers(A: en.f32x4, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i * 4].x


@accused(KIND, "v[k]", ones(4, 4), zeros(4), grid=4, threads=4)
@en.kernel
def fifth_component(A: en.f32x4, Out: en.f32):
    i = en.thread_position_in_grid
    v, total = A[i], 0.0
    for k in en.range(5):
        total += v[k]
    Out[i] = total


@accused(KIND, "simdgroup_matrix_load(A, n", ones(12, 12), zeros(16, 16), 12, grid=128, threads=32, buffer="A")
@en.kernel
def matrix_tile_over_the_edge(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    tile = en.threadgroup_position_in_grid("x")
    row, column = tile / 2, tile % 2
    a = en.simdgroup_matrix_load(A, n, offset=row * 8 * n + column * 8)
    en.simdgroup_matrix_store(a, Out, 16, offset=row * 8 * 16 + column * 8)


@accused(KIND, "A[i + k]", ones(64), zeros(64), grid=64, threads=32, buffer="A", index=64)
@en.kernel
def convolution_without_padding(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    total = 0.0
    for k in en.range(3):
        total += A[i + k]
    Out[i] = total


@accused(KIND, "Out[group]", ones(256), zeros(1), grid=256, threads=64, buffer="Out", index=1, count=3)
@en.kernel
def one_partial_sum_too_few(A: en.f32, Out: en.f32):
    total = en.simd_sum(A[en.thread_position_in_grid])
    group = en.threadgroup_position_in_grid("x")
    if en.thread_position_in_threadgroup("x") == 0:
        Out[group] = total
