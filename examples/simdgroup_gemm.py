"""Matrix product through simdgroup matrices: 32 x 32 of C per threadgroup, a tile of four matrices in each simdgroup."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en

TILE, DEPTH, THREADS = 32, 16, 128


@en.kernel
def simdgroup_gemm(
    A: en.f32, B: en.f32, C: en.f32, M: en.Scalar[en.u32], N: en.Scalar[en.u32], K: en.Scalar[en.u32]
):  # fmt: skip
    """C = A B for A of M x K, B of K x N; any sizes: what lies outside counts as zero and is not written."""
    thread = en.thread_index_in_threadgroup()
    simdgroup = en.simdgroup_index_in_threadgroup()
    top, left = en.threadgroup_position_in_grid("y") * TILE, en.threadgroup_position_in_grid("x") * TILE
    row, column = simdgroup // 2 * 16, simdgroup % 2 * 16  # of this simdgroup in the threadgroup's tile

    tile_a = en.threadgroup_alloc(en.f32, (TILE, DEPTH))
    tile_b = en.threadgroup_alloc(en.f32, (DEPTH, TILE))
    tile_c = en.threadgroup_alloc(en.f32, (TILE, TILE))
    a, b, acc = en.simdgroup_tile(16, 8), en.simdgroup_tile(8, 16), en.simdgroup_tile(16, 16)

    for start in range(0, K, DEPTH):
        for i in en.range(thread, TILE * DEPTH, THREADS):
            y, x = top + i // DEPTH, start + i % DEPTH
            tile_a[i] = en.load_if(A, y * K + x, (y < M) & (x < K))
        for i in en.range(thread, DEPTH * TILE, THREADS):
            y, x = start + i // TILE, left + i % TILE
            tile_b[i] = en.load_if(B, y * N + x, (y < K) & (x < N))
        en.barrier()
        for k in en.range_constexpr(0, DEPTH, 8):
            a.load(tile_a, DEPTH, offset=row * DEPTH + k)
            b.load(tile_b, TILE, offset=column + k * TILE)
            en.mma(a, b, acc)
        en.barrier()

    acc.store(tile_c, TILE, offset=row * TILE + column)
    en.barrier()
    for i in en.range(thread, TILE * TILE, THREADS):
        y, x = top + i // TILE, left + i % TILE
        en.store_if(C, y * N + x, tile_c[i], (y < M) & (x < N))


def main() -> None:
    options = parse(__doc__, size=512)
    show(simdgroup_gemm)

    rng = np.random.default_rng(0)
    s, results = options.size, []
    for m, n, k in ((1, 1, 1), (65, 17, 33), (s, s, s)):
        a = rng.standard_normal((m, k), dtype=np.float32)
        b = rng.standard_normal((k, n), dtype=np.float32)
        c = np.full((m, n), np.nan, np.float32)
        launch = simdgroup_gemm[(-(-n // TILE) * THREADS, -(-m // TILE)), (THREADS, 1)]
        time = milliseconds(launch, a, b, c, m, n, k)
        want = a.astype(np.float64) @ b.astype(np.float64)
        # k roundings that do not all go one way; the margin is a dropped product of average size at most
        allowed = 2.0**-24 * (np.sqrt(k) + 4) * (np.abs(a) @ np.abs(b))
        error = check("simdgroup_gemm", c, want, allowed=allowed)
        results.append((f"{m} x {n} x {k}", error, time, 2 * m * n * k / time / 1e6))
    table(("M x N x K", "max error", "ms", "GFLOP/s"), results)


if __name__ == "__main__":
    main()
