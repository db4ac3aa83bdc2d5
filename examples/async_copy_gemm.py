"""Matrix product whose next tiles are on their way while it multiplies the present ones."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en

TILE = 16  # 16 x 16 threads, an element of C each


@en.kernel
def async_copy_gemm(
    A: en.f32, B: en.f32, C: en.f32, M: en.Scalar(en.u32), N: en.Scalar(en.u32), K: en.Scalar(en.u32)
):  # fmt: skip
    """C = A B for A of M x K, B of K x N, of any sizes."""
    tx = en.thread_position_in_threadgroup("x")
    ty = en.thread_position_in_threadgroup("y")
    top = en.threadgroup_position_in_grid("y") * TILE
    left = en.threadgroup_position_in_grid("x") * TILE
    rows, columns = min(TILE, M - top), min(TILE, N - left)  # what is left of C at its edges
    tiles_a, tiles_b = en.pipeline(en.f32, TILE * TILE), en.pipeline(en.f32, TILE * TILE)

    def fetch(k0):
        depth = min(TILE, K - k0)
        return [
            en.async_copy_2d_d2t(tiles_a.back(), 0, TILE, A, top * K + k0, K, depth, rows),
            en.async_copy_2d_d2t(tiles_b.back(), 0, TILE, B, k0 * N + left, N, columns, depth),
        ]

    acc = 0.0
    events = fetch(0)
    for k0 in range(0, K, TILE):
        en.async_copy_wait(events)
        tiles_a.advance()
        tiles_b.advance()
        if k0 + TILE < K:
            events = fetch(k0 + TILE)
        if tx < columns and ty < rows:
            for k in range(min(TILE, K - k0)):
                acc += tiles_a.front()[ty * TILE + k] * tiles_b.front()[k * TILE + tx]
        en.barrier()

    if tx < columns and ty < rows:
        C[(top + ty) * N + left + tx] = acc


def main() -> None:
    options = parse(__doc__, size=256)
    show(async_copy_gemm)

    rng = np.random.default_rng(0)
    s, results = options.size, []
    for m, n, k in ((1, 1, 1), (65, 17, 33), (64, 64, 64), (s, s, s)):
        a = rng.standard_normal((m, k), dtype=np.float32)
        b = rng.standard_normal((k, n), dtype=np.float32)
        c = np.full((m, n), np.nan, np.float32)
        grid = (-(-n // TILE) * TILE, -(-m // TILE) * TILE)
        time = milliseconds(async_copy_gemm[grid, (TILE, TILE)], a, b, c, m, n, k)
        want = a.astype(np.float64) @ b.astype(np.float64)
        # k roundings that do not all go one way; the margin is a dropped product of average size at most
        allowed = 2.0**-24 * (np.sqrt(k) + 4) * (np.abs(a) @ np.abs(b))
        error = check("async_copy_gemm", c, want, allowed=allowed)
        results.append((f"{m} x {n} x {k}", error, time, 2 * m * n * k / time / 1e6))
    table(("M x N x K", "max error", "ms", "GFLOP/s"), results)


if __name__ == "__main__":
    main()
