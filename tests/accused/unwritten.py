"""Outputs that keep what they held before: grids that count threadgroups, wrong strides, early returns."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, ones, zeros

KIND = "unwritten-output"


@accused(
    KIND,
    "Out: en.f32",
    count(1024),
    zeros(1024),
    grid=4,
    threads=4,
    buffer="Out",
    index=4,
    count=1020,
    severity="warning",
)
@en.kernel
def grid_that_counts_threadgroups(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i] * 2.0


@accused(KIND, "Out: en.f32", count(100), zeros(100), grid=96, threads=32, buffer="Out", index=96, count=4)
@en.kernel
def grid_rounded_down(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i] * 2.0


@accused(KIND, "Out: en.f32", count(64), zeros(128), grid=64, threads=32, buffer="Out", index=1, count=64)
@en.kernel
def every_other_element(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i * 2] = A[i]


@accused(KIND, "Out: en.f32", count(64), zeros(64), grid=16, threads=16, buffer="Out", index=16, count=48)
@en.kernel
def four_elements_for_each_thread_but_one_written(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    v = A.load(i * 4, 4)
    Out[i] = v.x + v.y + v.z + v.w


@accused(KIND, "Out: en.f32", count(64), zeros(64), 60, grid=64, threads=32, buffer="Out", index=59, count=5)
@en.kernel
def last_element_skipped(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i + 1 < n:
        Out[i] = A[i]


@accused(KIND, "Out: en.f32", zeros(8, 16), grid=(8, 8), threads=(8, 8), buffer="Out", index=8, count=64)
@en.kernel
def half_of_the_width(Out: en.f32):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    Out[y * 16 + x] = 1.0


@accused(KIND, "Sums: en.f32", ones(128), zeros(128), zeros(4), grid=128, threads=64, buffer="Sums", index=2, count=2)
@en.kernel
def second_output_short(A: en.f32, Out: en.f32, Sums: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i]
    total = en.simd_sum(A[i])
    if en.thread_position_in_threadgroup("x") == 0:
        Sums[en.threadgroup_position_in_grid("x")] = total


@accused(
    KIND,
    "Out: en.f32",
    ones(16, 16),
    np.full((16, 16), np.nan, np.float32),
    grid=128,
    threads=32,
    buffer="Out",
    index=8,
)
@en.kernel
def tiles_on_the_diagonal_only(A: en.f32, Out: en.f32):
    tile = en.threadgroup_position_in_grid("x") % 2
    a = en.simdgroup_matrix_load(A, 16, offset=tile * 8 * 16 + tile * 8)
    if en.threadgroup_position_in_grid("x") < 2:
        en.simdgroup_matrix_store(a, Out, 16, offset=tile * 8 * 16 + tile * 8)


@accused(KIND, "Out: en.f32", count(64), zeros(64), 0, grid=64, threads=32, buffer="Out", index=0, count=64)
@en.kernel
def a_guard_that_lets_nobody_through(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i < n:
        Out[i] = A[i]
