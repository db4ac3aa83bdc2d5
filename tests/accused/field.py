"""Kernels as people have shipped them: the heat equation and others, with the finding that would have told them."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, ones, zeros


@accused("out-of-bounds", "U[(y - 1) * width + x]", ones(16, 16), zeros(16, 16), 16, 16, grid=(16, 16), threads=(8, 8),
         also=("unwritten-output",), buffer="U")  # fmt: skip
@en.kernel
def heat_equation_as_shipped(U: en.f32, Out: en.f32, width: en.Scalar(en.u32), height: en.Scalar(en.u32)):
    """Positions are unsigned, so `y - 1 >= 0` is always true, and the row above the first one is read."""
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    if en.cmp_uge(y - 1, 0) and y + 1 < height and x + 1 < width:
        up, down = U[(y - 1) * width + x], U[(y + 1) * width + x]
        left, right = U[y * width + x - 1], U[y * width + x + 1]
        centre = U[y * width + x]
        Out[y * width + x] = centre + 0.1 * (up + down + left + right - 4.0 * centre)


@accused("unwritten-output", "Out: en.f32", ones(4096), zeros(4096), grid=16, threads=16, index=16, count=4080)
@en.kernel
def benchmark_of_one_256th_of_the_work(A: en.f32, Out: en.f32):
    """The grid was given in threadgroups (mlx#4534)."""
    i = en.thread_position_in_grid
    Out[i] = en.exp(A[i])


@accused("out-of-bounds", "A[i + k * n]", count(100), zeros(40), 40, grid=40, threads=32, buffer="A")
@en.kernel
def silent_read_past_the_end(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    """triton#10336, warp#667: nothing says that the third row is not whole."""
    i, total = en.thread_position_in_grid, 0.0
    for k in en.range(3):
        total += A[i + k * n]
    Out[i] = total


@accused(
    "nan-born",
    "en.exp(A[row * 8 + k] - top)",
    np.full((2, 8), -np.inf, np.float32),
    zeros(2, 8),
    grid=2,
    threads=2,
    check=["nan-born"],
)
@en.kernel
def softmax_with_everything_masked(A: en.f32, Out: en.f32):
    """mlx#3592."""
    row = en.thread_position_in_grid
    top = A[row * 8]
    for k in en.range(1, 8):
        top = en.fmax(top, A[row * 8 + k])
    for k in en.range(8):
        Out[row * 8 + k] = en.exp(A[row * 8 + k] - top)


@accused("data-race", "atomic_fetch_add(Ticket", ones(64), zeros(64), zeros(1, dtype=np.uint32), grid=64, threads=32,
         buffer="Ticket", other="Ticket[0] = 0")  # fmt: skip
@en.kernel
def counter_reset_by_the_kernel_itself(A: en.f32, Out: en.f32, Ticket: en.u32):
    i = en.thread_position_in_grid
    if i == 0:
        Ticket[0] = 0
    Out[en.atomic_fetch_add(Ticket, 0, 1) % 64] = A[i]


@accused("data-race", "rows[local] = A", ones(8, 32), zeros(8), grid=32, threads=32, other="rows[k]", buffer="rows")
@en.kernel
def reduction_with_a_stale_row(A: en.f32, Out: en.f32):
    """tilelang#2967: the barrier after the reduction was missing."""
    rows = en.threadgroup_alloc(en.f32, 32)
    local = en.thread_position_in_threadgroup("x")
    for row in en.range(8):
        rows[local] = A[row * 32 + local]
        en.barrier()
        if local == 0:
            total = 0.0
            for k in en.range(32):
                total += rows[k]
            Out[row] = total


@accused("undefined-collective", "simd_shuffle_down(best", count(10), zeros(1), 10, grid=32, threads=32)
@en.kernel
def argmax_among_the_guarded_lanes(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i < n:
        best = A[i]
        for delta in (16, 8, 4, 2, 1):
            best = en.fmax(best, en.simd_shuffle_down(best, delta))
        if i == 0:
            Out[0] = best


@accused("division-by-zero", "/ stride", ones(8), zeros(8), 0, grid=8, threads=8)
@en.kernel
def stride_of_zero(A: en.f32, Out: en.f32, stride: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    Out[i] = A[i / stride % 8]


@accused("value-changing-conversion", "Out[i] = q", ones(4), zeros(4, dtype=np.int8), grid=4, threads=4)
@en.kernel
def quantized_to_minus_128_to_128(A: en.f32, Out: en.i8):
    """The scale makes 128 of the largest number, and 127 is the largest byte."""
    i = en.thread_position_in_grid
    q = en.i32(A[i] * 128.0)
    Out[i] = q
