"""Softmax of each row: a threadgroup per row, with one helper for the maximum and for the sum."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en

THREADS = 256
SIMDGROUPS = THREADS // 32


def across(combine, value, identity):
    """Combine one value of each thread of the threadgroup; every thread gets the result."""
    lane = en.thread_index_in_simdgroup()
    partial = en.threadgroup_alloc(en.f32, SIMDGROUPS)
    value = combine(value)
    if lane == 0:
        partial[en.simdgroup_index_in_threadgroup()] = value
    en.barrier()
    return combine(partial[lane] if lane < SIMDGROUPS else identity)


@en.kernel
def softmax(x: en.f32, out: en.f32, n: en.Scalar(en.u32)):
    tid = en.thread_position_in_threadgroup()
    start = en.threadgroup_position_in_grid() * n

    top = -float("inf")
    for j in range(tid, n, THREADS):
        top = en.fmax(top, x[start + j])
    top = across(en.simd_max, top, -float("inf"))

    total = 0.0
    for j in range(tid, n, THREADS):
        total += en.exp(x[start + j] - top)
    total = across(en.simd_sum, total, 0.0)

    for j in range(tid, n, THREADS):
        out[start + j] = en.exp(x[start + j] - top) / total


def main() -> None:
    options = parse(__doc__, size=2048)
    show(softmax)

    rng = np.random.default_rng(0)
    rows, results = 64, []
    for n in sorted({1, 33, 1000, options.size}):
        x = 10 * rng.standard_normal((rows, n), dtype=np.float32)
        x[0] += 1e4  # exp of this would overflow without the maximum
        out = np.full_like(x, np.nan)
        launch = softmax[rows * THREADS, THREADS]
        time = milliseconds(launch, x, out, n)
        powers = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
        want = powers / powers.sum(axis=1, keepdims=True)
        # rounding x - top alone costs |x - top| half-units; results below 1e-37 may be flushed to zero
        relative = 2e-6 + 2.0**-23 * (x.max(axis=1, keepdims=True) - x)
        error = check("softmax", out, want, allowed=relative * want + 1e-37)
        results.append((f"{rows} x {n}", error, float(np.abs(out.sum(axis=1) - 1).max()), time))
    table(("shape", "max error", "row sums off by", "ms"), results)


if __name__ == "__main__":
    main()
