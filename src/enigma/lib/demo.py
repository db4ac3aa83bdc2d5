"""The kernels of `enigma demo`, written as a user would write them; lines fit beside their Metal in 120 columns."""

# pyright: basic, reportInvalidTypeForm=false, reportArgumentType=false
# a kernel's annotations say how it is called, which no type checker knows

from __future__ import annotations

import enigma as en


@en.kernel
def vector_add(
    a: en.f32,
    b: en.f32,
    out: en.f32,
    n: en.Scalar[en.u32],
) -> None:
    """The sum of two vectors."""
    i = en.thread_position_in_grid
    if i < n:
        out[i] = a[i] + b[i]


@en.kernel
def sobel(
    src: en.f32,
    dst: en.f32,
    width: en.Scalar[en.u32],
    height: en.Scalar[en.u32],
) -> None:
    """The length of the gradient at every pixel."""
    x = en.thread_position_in_grid_xyz("x")
    y = en.thread_position_in_grid_xyz("y")
    if x >= width or y >= height:
        return
    i = y * width + x
    n, s = i - width, i + width  # the rows north and south
    if 0 < x < width - 1 and 0 < y < height - 1:
        gx = src[n + 1] + 2 * src[i + 1] + src[s + 1]
        gx -= src[n - 1] + 2 * src[i - 1] + src[s - 1]
        gy = src[s - 1] + 2 * src[s] + src[s + 1]
        gy -= src[n - 1] + 2 * src[n] + src[n + 1]
        dst[i] = en.sqrt(gx * gx + gy * gy)
    else:
        dst[i] = 0.0


@en.kernel
def rmsnorm(
    x: en.f32,
    weight: en.f32,
    out: en.f32,
    n: en.Scalar[en.u32],
) -> None:
    """Each row over its root mean square."""
    tid = en.thread_position_in_threadgroup()
    lane = en.thread_index_in_simdgroup()
    simdgroup = en.simdgroup_index_in_threadgroup()
    partial = en.threadgroup_alloc(en.f32, 8)
    start = en.threadgroup_position_in_grid() * n

    squares = 0.0
    for j in range(tid, n, 256):
        value = x[start + j]
        squares += value * value
    squares = en.simd_sum(squares)
    if lane == 0:
        partial[simdgroup] = squares
    en.barrier()

    share = partial[lane] if lane < 8 else 0.0
    mean = en.simd_sum(share) / n
    scale = en.rsqrt(mean + 1e-5)
    for j in range(tid, n, 256):
        i = start + j
        out[i] = x[i] * scale * weight[j]
