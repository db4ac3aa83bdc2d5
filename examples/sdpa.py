"""Attention of many tokens to a cache: a threadgroup per token and head, whose simdgroups share out the keys."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en

Q_HEADS, KV_HEADS = 64, 8  # eight query heads look at the same keys and values
D, LANES, SIMDGROUPS = 64, 32, 4
EACH = D // LANES  # elements of a head in each lane's registers


@en.kernel
def sdpa(q: en.f32, k: en.f32, v: en.f32, out: en.f32, keys: en.Scalar(en.u32), scale: en.Scalar(en.f32)):
    """softmax(scale q k^T) v, one key at a time: what was summed shrinks whenever a larger score turns up."""
    tid = en.thread_position_in_threadgroup()
    lane = en.thread_index_in_simdgroup()
    simdgroup = en.simdgroup_index_in_threadgroup()
    head = en.threadgroup_position_in_grid("x")
    token = en.threadgroup_position_in_grid("y")
    tops = en.threadgroup_alloc(en.f32, SIMDGROUPS)
    totals = en.threadgroup_alloc(en.f32, SIMDGROUPS)
    sums = en.threadgroup_alloc(en.f32, (SIMDGROUPS, D))

    row = (token * Q_HEADS + head) * D
    query = [scale * q[row + lane + j * LANES] for j in range(EACH)]
    acc = [0.0] * EACH
    top, total = -float("inf"), 0.0
    for key in range(simdgroup, keys, SIMDGROUPS):
        start = (key * KV_HEADS + head / (Q_HEADS // KV_HEADS)) * D + lane
        score = 0.0
        for j in range(EACH):
            score += query[j] * k[start + j * LANES]
        score = en.simd_sum(score)
        higher = max(top, score)
        shrink, weight = en.exp(top - higher), en.exp(score - higher)
        top, total = higher, total * shrink + weight
        for j in range(EACH):
            acc[j] = acc[j] * shrink + weight * v[start + j * LANES]

    if lane == 0:
        tops[simdgroup] = top
        totals[simdgroup] = total
    for j in range(EACH):
        sums[simdgroup, lane + j * LANES] = acc[j]
    en.barrier()

    if tid < D:
        highest = tops[0]
        for s in range(1, SIMDGROUPS):
            highest = max(highest, tops[s])
        element, total = 0.0, 0.0
        for s in range(SIMDGROUPS):
            weight = en.exp(tops[s] - highest)
            element += weight * sums[s, tid]
            total += weight * totals[s]
        out[row + tid] = element / total


def attend(q: np.ndarray, k: np.ndarray, v: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact result, and how far roundings may move it."""
    q, k, v = (x.astype(np.float64) for x in (q, k, v))
    k, v = (np.repeat(x, Q_HEADS // KV_HEADS, axis=1).transpose(1, 2, 0) for x in (k, v))  # heads x D x keys
    q = q.transpose(1, 0, 2)  # heads x tokens x D
    scores = scale * q @ k
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    # a score is off by roundings of its D products, a weight by as much relative to itself; the sums add a few of theirs
    off = scale * (np.abs(q) @ np.abs(k)) * (np.sqrt(D) + 4) / 2 + np.abs(scores) + 16
    allowed = 2.0**-24 * (weights * off) @ np.abs(v).swapaxes(1, 2)
    return tuple(x.transpose(1, 0, 2) for x in (weights @ v.swapaxes(1, 2), allowed))


def main() -> None:
    options = parse(__doc__, size=128)
    show(sdpa)

    rng = np.random.default_rng(0)
    results = []
    for tokens, keys in ((1, 1), (3, 33), (options.size, 512)):
        q = rng.standard_normal((tokens, Q_HEADS, D), dtype=np.float32)
        k, v = rng.standard_normal((2, keys, KV_HEADS, D), dtype=np.float32)
        out = np.full_like(q, np.nan)
        scale = 0.125  # 1 / sqrt(D), exact
        launch = sdpa[(Q_HEADS * SIMDGROUPS * LANES, tokens), SIMDGROUPS * LANES]
        time = milliseconds(launch, q, k, v, out, keys, scale)
        want, allowed = attend(q, k, v, scale)
        error = check("sdpa", out, want, allowed=allowed)
        # how far off the answer would be that ignores the query: far more than is allowed
        blind = np.abs(np.repeat(v.mean(axis=0), Q_HEADS // KV_HEADS, axis=0) - want).max()
        results.append((f"{tokens} x {keys}", error, float(allowed.max()), float(blind), time))
    table(("tokens x keys", "max error", "allowed", "without q", "ms"), results)


if __name__ == "__main__":
    main()
