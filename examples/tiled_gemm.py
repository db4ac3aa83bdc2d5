"""Matrix product in tiles: 64 x 64 of C per threadgroup, 4 x 4 of it in each thread's registers."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en

SIDE, EACH = 16, 4  # 16 x 16 threads, with 4 x 4 elements each that lie 16 rows and 16 columns apart
TILE = SIDE * EACH  # a threadgroup's square of C; it takes 16 columns of A and rows of B at a time


@en.kernel
def tiled_gemm(
    A: en.f32, B: en.f32, C: en.f32, M: en.Scalar(en.u32), N: en.Scalar(en.u32), K: en.Scalar(en.u32)
):  # fmt: skip
    """C = A B for A of M x K, B of K x N; any sizes: what lies outside counts as zero and is not written."""
    tx = en.thread_position_in_threadgroup("x")
    ty = en.thread_position_in_threadgroup("y")
    top = en.threadgroup_position_in_grid("y") * TILE
    left = en.threadgroup_position_in_grid("x") * TILE
    rows = [top + ty + i * SIDE for i in range(EACH)]
    columns = [left + tx + j * SIDE for j in range(EACH)]
    tile_a = en.threadgroup_alloc(en.f32, (TILE, SIDE))
    tile_b = en.threadgroup_alloc(en.f32, (SIDE, TILE))
    acc = [[0.0] * EACH for _ in range(EACH)]

    for k0 in range(0, K, SIDE):
        for i, row in enumerate(rows):
            tile_a[ty + i * SIDE, tx] = A[row * K + k0 + tx] if row < M and k0 + tx < K else 0.0
        for j, column in enumerate(columns):
            tile_b[ty, tx + j * SIDE] = B[(k0 + ty) * N + column] if k0 + ty < K and column < N else 0.0
        en.barrier()
        for k in en.range(SIDE):
            a = [tile_a[ty + i * SIDE, k] for i in range(EACH)]
            b = [tile_b[k, tx + j * SIDE] for j in range(EACH)]
            for i in range(EACH):
                for j in range(EACH):
                    acc[i][j] += a[i] * b[j]
        en.barrier()

    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if row < M and column < N:
                C[row * N + column] = acc[i][j]


def main() -> None:
    options = parse(__doc__, size=512)
    show(tiled_gemm)

    rng = np.random.default_rng(0)
    s, results = options.size, []
    for m, n, k in ((1, 1, 1), (65, 17, 33), (s, s, s)):
        a = rng.standard_normal((m, k), dtype=np.float32)
        b = rng.standard_normal((k, n), dtype=np.float32)
        c = np.full((m, n), np.nan, np.float32)
        grid = (-(-n // TILE) * SIDE, -(-m // TILE) * SIDE)
        launch = tiled_gemm[grid, (SIDE, SIDE)]
        time = milliseconds(launch, a, b, c, m, n, k)
        want = a.astype(np.float64) @ b.astype(np.float64)
        # k roundings that do not all go one way; the margin is a dropped product of average size at most
        allowed = 2.0**-24 * (np.sqrt(k) + 4) * (np.abs(a) @ np.abs(b))
        error = check("tiled_gemm", c, want, allowed=allowed)
        results.append((f"{m} x {n} x {k}", error, time, 2 * m * n * k / time / 1e6))
    table(("M x N x K", "max error", "ms", "GFLOP/s"), results)


if __name__ == "__main__":
    main()
