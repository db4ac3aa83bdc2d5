"""Functions across lanes that read what is not there, and matrices of parts of simdgroups."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, ones, zeros

KIND = "undefined-collective"


@accused(KIND, "simd_shuffle_down(total", ones(50), zeros(2), grid=50, threads=50, also=("unwritten-output",))
@en.kernel
def reduction_that_assumes_32_full_lanes(A: en.f32, Out: en.f32):
    total = A[en.thread_position_in_grid]
    for delta in (16, 8, 4, 2, 1):
        total += en.simd_shuffle_down(total, delta)
    if en.thread_index_in_simdgroup() == 0:
        Out[en.simdgroup_index_in_threadgroup()] = total


@accused(KIND, "simd_shuffle_xor(best", count(20), zeros(20), grid=20, threads=20)
@en.kernel
def butterfly_over_a_partial_simdgroup(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    best = A[i]
    for mask in (16, 8, 4, 2, 1):
        best = en.fmax(best, en.simd_shuffle_xor(best, mask))
    Out[i] = best


@accused(KIND, "simd_shuffle_up(A[i], 1)", count(32), zeros(32), grid=32, threads=32)
@en.kernel
def neighbour_that_went_the_other_way(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    x = 0.0
    if i % 2 == 1:
        x = en.simd_shuffle_up(A[i], 1)
    Out[i] = x


@accused(KIND, "simd_broadcast(A[i], 0)", count(32), zeros(32), grid=32, threads=32)
@en.kernel
def broadcast_from_a_lane_outside_of_the_branch(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    x = 0.0
    if i > 3:
        x = en.simd_broadcast(A[i], 0)
    Out[i] = x


@accused(KIND, "simd_broadcast(A[i], 31)", count(40), zeros(40), grid=40, threads=40)
@en.kernel
def last_lane_of_a_short_simdgroup(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = en.simd_broadcast(A[i], 31)


@accused(KIND, "simd_shuffle(A[i], lane + 1)", count(32), zeros(32), grid=32, threads=32)
@en.kernel
def lane_number_32(A: en.f32, Out: en.f32):
    i, lane = en.thread_position_in_grid, en.thread_index_in_simdgroup()
    Out[i] = en.simd_shuffle(A[i], lane + 1)


@accused(KIND, "simd_broadcast(A[i], i % 4)", count(32), zeros(32), grid=32, threads=32)
@en.kernel
def broadcast_lane_that_differs(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = en.simd_broadcast(A[i], i % 4)


@accused(KIND, "simd_shuffle_xor(A[i], i % 2 + 1)", count(32), zeros(32), grid=32, threads=32)
@en.kernel
def mask_that_differs(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = en.simd_shuffle_xor(A[i], i % 2 + 1)


@accused(KIND, "simd_shuffle_rotate_down(A[i], 1)", count(32), zeros(32), grid=32, threads=32)
@en.kernel
def rotation_in_a_branch(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    x = 0.0
    if i < 20:
        x = en.simd_shuffle_rotate_down(A[i], 1)
    Out[i] = x


@accused(KIND, "quad_shuffle_xor(x, 2)", count(6), zeros(6), grid=6, threads=6)
@en.kernel
def quad_that_is_not_whole(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    x = A[i]
    Out[i] = x + en.quad_shuffle_xor(x, 2)


@accused(KIND, "quad_broadcast(A[i], 3)", count(8), zeros(8), grid=8, threads=8)
@en.kernel
def quad_broadcast_from_an_idle_lane(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    x = 0.0
    if i % 4 < 3:
        x = en.quad_broadcast(A[i], 3)
    Out[i] = x


@accused(KIND, "simdgroup_matrix_load(A", ones(8, 8), zeros(8, 8), grid=24, threads=24, also=("unwritten-output",))
@en.kernel
def matrix_of_24_threads(A: en.f32, Out: en.f32):
    en.simdgroup_matrix_store(en.simdgroup_matrix_load(A, 8), Out, 8)


@accused(KIND, "simdgroup_multiply(a, b)", ones(8, 8), ones(8, 8), zeros(8, 8), grid=32, threads=32)
@en.kernel
def matrices_multiplied_by_half_a_simdgroup(A: en.f32, B: en.f32, Out: en.f32):
    a, b = en.simdgroup_matrix_load(A, 8), en.simdgroup_matrix_load(B, 8)
    c = a
    if en.thread_index_in_simdgroup() < 16:
        c = en.simdgroup_multiply(a, b)
    en.simdgroup_matrix_store(c, Out, 8)


@accused(KIND, "simdgroup_matrix_load(A, 8, offset=lane", ones(16, 8), zeros(8, 8), grid=32, threads=32)
@en.kernel
def matrix_at_each_lanes_own_place(A: en.f32, Out: en.f32):
    lane = en.thread_index_in_simdgroup()
    a = en.simdgroup_matrix_load(A, 8, offset=lane)
    en.simdgroup_matrix_store(a, Out, 8)


@accused(KIND, "simd_shuffle_down(x, 1)", count(64), zeros(64), 40, grid=64, threads=64, also=("unwritten-output",))
@en.kernel
def shuffle_after_an_early_return(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i >= n:
        return
    x = A[i]
    Out[i] = x - en.simd_shuffle_down(x, 1)


@accused(KIND, "simd_shuffle(Index", count(32, np.uint32), ones(32), ones(32), grid=32, threads=32)
@en.kernel
def index_from_an_idle_lane(Index: en.u32, A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    if i >= 16:
        place = en.simd_shuffle(Index[i], i - 16)
        Out[i] = A[place % 32] + en.f32(place)
