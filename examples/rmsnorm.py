"""RMSNorm: a threadgroup per row. Lanes sum in registers, simdgroups through threadgroup memory."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en

THREADS = 256
SIMDGROUPS = THREADS // 32


@en.kernel
def rmsnorm(x: en.f32, weight: en.f32, out: en.f32, n: en.Scalar(en.u32), eps: en.Scalar(en.f32)):
    tid = en.thread_position_in_threadgroup()
    lane = en.thread_index_in_simdgroup()
    simdgroup = en.simdgroup_index_in_threadgroup()
    partial = en.threadgroup_alloc(en.f32, SIMDGROUPS)
    start = en.threadgroup_position_in_grid() * n

    squares = 0.0
    for j in range(tid, n, THREADS):
        value = x[start + j]
        squares += value * value
    squares = en.simd_sum(squares)
    if lane == 0:
        partial[simdgroup] = squares
    en.barrier()

    total = en.simd_sum(partial[lane] if lane < SIMDGROUPS else 0.0)
    scale = en.rsqrt(total / n + eps)
    for j in range(tid, n, THREADS):
        out[start + j] = x[start + j] * scale * weight[j]


def main() -> None:
    options = parse(__doc__, size=4096)
    show(rmsnorm)

    rng = np.random.default_rng(0)
    rows, results = 64, []
    for n in sorted({7, 256, 1000, options.size}):
        x = rng.standard_normal((rows, n), dtype=np.float32)
        weight = rng.standard_normal(n, dtype=np.float32)
        out = np.full_like(x, np.nan)
        launch = rmsnorm[rows * THREADS, THREADS]
        time = milliseconds(launch, x, weight, out, n, 1e-5)
        exact = x.astype(np.float64)
        want = exact / np.sqrt((exact**2).mean(axis=1, keepdims=True) + 1e-5) * weight
        error = check("rmsnorm", out, want, allowed=2e-6 * np.abs(want))
        results.append((f"{rows} x {n}", error, time))
    table(("shape", "max error", "ms"), results)


if __name__ == "__main__":
    main()
