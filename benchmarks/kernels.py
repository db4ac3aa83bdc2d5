"""The five problems as enigma kernels, written as a user would write them."""

import enigma as en

TILE, DEPTH, PER_THREAD = 64, 16, 4


@en.kernel
def vadd(a: en.f32, b: en.f32, c: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i < n:
        c[i] = a[i] + b[i]


@en.kernel
def rmsnorm(x: en.f32, g: en.f32, y: en.f32, columns: en.Scalar(en.u32), eps: en.Scalar(en.f32)):
    """One threadgroup of 256 threads per row."""
    row = en.threadgroup_position_in_grid("x")
    tid = en.thread_position_in_threadgroup("x")
    partial = en.threadgroup_alloc(en.f32, 8)
    start = row * columns
    total = 0.0
    for j in range(tid, columns, 256):
        value = x[start + j]
        total += value * value
    total = en.simd_sum(total)
    if en.thread_index_in_simdgroup() == 0:
        partial[en.simdgroup_index_in_threadgroup()] = total
    en.barrier()
    squares = 0.0
    for k in en.range_constexpr(8):
        squares += partial[k]
    scale = en.rsqrt(squares / columns + eps)
    for j in range(tid, columns, 256):
        y[start + j] = x[start + j] * scale * g[j]


def _gemm(per_thread: int):
    tile = 16 * per_thread

    @en.kernel
    def gemm(A: en.f32, B: en.f32, C: en.f32, N: en.Scalar(en.u32), K: en.Scalar(en.u32)):
        """16 x 16 threads, each with a register tile; M, N and K are multiples of the tile."""
        tx = en.thread_position_in_threadgroup("x")
        ty = en.thread_position_in_threadgroup("y")
        tid = ty * 16 + tx
        row = en.threadgroup_position_in_grid("y") * tile
        column = en.threadgroup_position_in_grid("x") * tile
        As = en.threadgroup_alloc(en.f32, (tile, DEPTH))
        Bs = en.threadgroup_alloc(en.f32, (DEPTH, tile))
        acc = [[0.0] * per_thread for _ in range(per_thread)]
        for k0 in range(0, K, DEPTH):
            for step in en.range_constexpr(per_thread):
                at = tid + 256 * step
                As[at // DEPTH, at % DEPTH] = A[(row + at // DEPTH) * K + k0 + at % DEPTH]
                Bs[at // tile, at % tile] = B[(k0 + at // tile) * N + column + at % tile]
            en.barrier()
            for k in en.range(DEPTH):
                a = [As[ty + 16 * i, k] for i in range(per_thread)]
                b = [Bs[k, tx + 16 * j] for j in range(per_thread)]
                for i in en.range_constexpr(per_thread):
                    for j in en.range_constexpr(per_thread):
                        acc[i][j] += a[i] * b[j]
            en.barrier()
        for i in en.range_constexpr(per_thread):
            for j in en.range_constexpr(per_thread):
                C[(row + ty + 16 * i) * N + column + tx + 16 * j] = acc[i][j]

    return gemm


gemm2, gemm4 = _gemm(2), _gemm(4)


@en.kernel
def heat(u: en.f32, v: en.f32, n: en.Scalar(en.u32), k: en.Scalar(en.f32)):
    """One thread per interior cell, straight from device memory."""
    x = en.thread_position_in_grid_xyz("x") + 1
    y = en.thread_position_in_grid_xyz("y") + 1
    if x < n - 1 and y < n - 1:
        i = y * n + x
        v[i] = u[i] + k * (u[i - n] + u[i + n] + u[i - 1] + u[i + 1] - 4 * u[i])


@en.kernel
def heat_halo(u: en.f32, v: en.f32, n: en.Scalar(en.u32), k: en.Scalar(en.f32)):
    """The same through an 18 x 18 tile of threadgroup memory, as one would for a GPU without caches."""
    tx = en.thread_position_in_threadgroup("x")
    ty = en.thread_position_in_threadgroup("y")
    x = en.threadgroup_position_in_grid("x") * 16 + tx + 1
    y = en.threadgroup_position_in_grid("y") * 16 + ty + 1
    tile = en.threadgroup_alloc(en.f32, (18, 18))
    if x < n and y < n:
        tile[ty + 1, tx + 1] = u[y * n + x]
        if ty == 0:
            tile[0, tx + 1] = u[(y - 1) * n + x]
        if ty == 15 and y + 1 < n:
            tile[17, tx + 1] = u[(y + 1) * n + x]
        if tx == 0:
            tile[ty + 1, 0] = u[y * n + x - 1]
        if tx == 15 and x + 1 < n:
            tile[ty + 1, 17] = u[y * n + x + 1]
    en.barrier()
    if x < n - 1 and y < n - 1:
        centre = tile[ty + 1, tx + 1]
        ring = tile[ty, tx + 1] + tile[ty + 2, tx + 1] + tile[ty + 1, tx] + tile[ty + 1, tx + 2]
        v[y * n + x] = centre + k * (ring - 4 * centre)


@en.kernel
def mandelbrot(out: en.f32, n: en.Scalar(en.u32), scale: en.Scalar(en.f32)):
    p = en.thread_position_in_grid
    cx = en.f32(p % n) * scale - 2.0
    cy = en.f32(p // n) * scale - 1.5
    zr, zi, count = 0.0, 0.0, 0.0
    for _ in en.range(256):
        rr, ii = zr * zr, zi * zi
        if not rr + ii <= 4.0:
            break
        zi = (zr + zr) * zi + cy
        zr = rr - ii + cx
        count += 1.0
    out[p] = count
