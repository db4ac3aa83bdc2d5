"""Attention in tiles: 32 rows per threadgroup that read keys and values in blocks of 16, beside the naive three passes."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en

D, ROWS, BLOCK = 4, 32, 16  # a thread per row; a block's keys and values wait in threadgroup memory


@en.kernel
def attention_naive(q: en.f32, k: en.f32, v: en.f32, out: en.f32, m: en.Scalar(en.u32), n: en.Scalar(en.u32)):
    """A thread per row: find the highest score, add up the weights, then the weighted values."""
    row = en.thread_position_in_grid
    if row >= m:
        return
    query = [q[row * D + d] / D**0.5 for d in range(D)]

    top = -float("inf")
    for j in range(n):
        top = max(top, sum(query[d] * k[j * D + d] for d in range(D)))
    total, acc = 0.0, [0.0] * D
    for j in range(n):
        weight = en.exp(sum(query[d] * k[j * D + d] for d in range(D)) - top)
        total += weight
        for d in range(D):
            acc[d] += weight * v[j * D + d]
    for d in range(D):
        out[row * D + d] = acc[d] / total


@en.kernel
def attention_tiled(q: en.f32, k: en.f32, v: en.f32, out: en.f32, m: en.Scalar(en.u32), n: en.Scalar(en.u32)):
    """One pass: a block's scores stay in registers, and what was summed before shrinks to the new highest score."""
    tid = en.thread_position_in_threadgroup()
    row = en.thread_position_in_grid
    keys = en.threadgroup_alloc(en.f32, (BLOCK, D))
    values = en.threadgroup_alloc(en.f32, (BLOCK, D))
    query = [q[row * D + d] / D**0.5 if row < m else 0.0 for d in range(D)]

    top, total, acc = -float("inf"), 0.0, [0.0] * D
    for start in range(0, n, BLOCK):
        for j in range(tid, BLOCK * D, ROWS):
            inside = start + j / D < n
            keys[j / D, j % D] = k[start * D + j] if inside else 0.0
            values[j / D, j % D] = v[start * D + j] if inside else 0.0
        en.barrier()

        scores = [
            sum(query[d] * keys[j, d] for d in range(D)) if start + j < n else -float("inf") for j in range(BLOCK)
        ]
        higher = top
        for score in scores:
            higher = max(higher, score)
        shrink = en.exp(top - higher)
        top, total, acc = higher, total * shrink, [x * shrink for x in acc]
        for j, score in enumerate(scores):
            weight = en.exp(score - top)
            total += weight
            for d in range(D):
                acc[d] += weight * values[j, d]
        en.barrier()

    if row < m:
        for d in range(D):
            out[row * D + d] = acc[d] / total


def main() -> None:
    options = parse(__doc__, size=1024)
    show(attention_naive)
    show(attention_tiled)

    rng = np.random.default_rng(0)
    results = []
    for m, n in ((1, 1), (33, 17), (options.size, options.size)):
        q = rng.standard_normal((m, D), dtype=np.float32)
        k, v = rng.standard_normal((2, n, D), dtype=np.float32)
        scores = q.astype(np.float64) @ k.T.astype(np.float64) / D**0.5
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        want = weights @ v
        # a score is off by a rounding for each of D products, a weight by as much relative to itself, and by the exponent's;
        # n sums do not all round one way
        off = (np.abs(q) @ np.abs(k).T / D**0.5) * D + np.abs(scores) + 8 + np.sqrt(n)
        allowed = 2.0**-24 * (weights * off) @ np.abs(v)
        line: list[object] = [f"{m} x {n}"]
        for kernel in (attention_naive, attention_tiled):
            out = np.full_like(q, np.nan)
            time = milliseconds(kernel[-(-m // ROWS) * ROWS, ROWS], q, k, v, out, m, n)
            line += [check("attention", out, want, allowed=allowed), time]
        results.append(line)
    table(("rows x keys", "naive: max error", "ms", "tiled: max error", "ms"), results)


if __name__ == "__main__":
    main()
