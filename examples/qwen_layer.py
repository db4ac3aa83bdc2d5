"""One decoder layer of a small Qwen as a single kernel: a token, its cache, and one threadgroup that does it all."""

import numpy as np
from report import check, milliseconds, parse, show, table

import enigma as en

THREADS, LANES, D = 256, 32, 64
SIMDGROUPS = THREADS // LANES
CACHE, THETA, EPSILON = 33, 1e6, 1e-6  # 32 tokens before, and this one


def rms_scale(read, n):
    """Return 1 / rms of the n values that `read` gives; every thread gets it."""
    tid, lane = en.thread_position_in_threadgroup(), en.thread_index_in_simdgroup()
    partial = en.threadgroup_alloc(en.f32, SIMDGROUPS)
    squares = 0.0
    for j in range(tid, n, THREADS):
        squares += read(j) * read(j)
    squares = en.simd_sum(squares)
    if lane == 0:
        partial[en.simdgroup_index_in_threadgroup()] = squares
    en.barrier()
    total = en.simd_sum(partial[lane] if lane < SIMDGROUPS else 0.0)
    return en.rsqrt(total / n + EPSILON)


def dot(weights, row, read, n):
    """Return the dot product of a row of weights with n values; all lanes of the simdgroup get it."""
    acc = 0.0
    for j in range(en.thread_index_in_simdgroup(), n, LANES):
        acc += weights[row * n + j] * read(j)
    return en.simd_sum(acc)


@en.kernel
def qwen_layer(
    x: en.f32, norm1: en.f32, wq: en.f32, wk: en.f32, wv: en.f32, wo: en.f32, norm2: en.f32, gate: en.f32, up: en.f32,
    down: en.f32, k_cache: en.f32, v_cache: en.f32, out: en.f32, position: en.Scalar(en.u32), H: en.constexpr = 1024,
):  # fmt: skip
    """Compute x + attention(norm(x)), then that + SwiGLU(norm(that)); the token's key and value go into the caches."""
    INTER, Q_HEADS, KV_HEADS = 3 * H, H // D, H // D // 2
    tid, lane = en.thread_position_in_threadgroup(), en.thread_index_in_simdgroup()
    simdgroup = en.simdgroup_index_in_threadgroup()
    hidden = en.threadgroup_alloc(en.f32, H)
    query = en.threadgroup_alloc(en.f32, H)
    scores = en.threadgroup_alloc(en.f32, (Q_HEADS, CACHE))
    inner = en.threadgroup_alloc(en.f32, INTER)

    scale = rms_scale(lambda j: x[j], H)
    for j in range(tid, H, THREADS):
        hidden[j] = x[j] * scale * norm1[j]
    en.barrier()

    new = position * (KV_HEADS * D)
    for row in range(simdgroup, H, SIMDGROUPS):
        q = dot(wq, row, lambda j: hidden[j], H)
        if lane == 0:
            query[row] = q
    for row in range(simdgroup, KV_HEADS * D, SIMDGROUPS):
        k, v = dot(wk, row, lambda j: hidden[j], H), dot(wv, row, lambda j: hidden[j], H)
        if lane == 0:
            k_cache[new + row], v_cache[new + row] = k, v
    en.barrier("mem_device_and_threadgroup")

    for pair in range(tid, (Q_HEADS + KV_HEADS) * D // 2, THREADS):  # RoPE turns element i of a head with i + D / 2
        head, i = pair / (D // 2), pair % (D // 2)
        angle = position * en.exp2(i * (-2 / D * float(np.log2(THETA))))
        c, s = en.cos(angle), en.sin(angle)
        if head < Q_HEADS:
            at = head * D + i
            query[at], query[at + D // 2] = (
                query[at] * c - query[at + D // 2] * s,
                query[at + D // 2] * c + query[at] * s,
            )
        else:
            at = new + (head - Q_HEADS) * D + i
            a, b = k_cache[at], k_cache[at + D // 2]
            k_cache[at], k_cache[at + D // 2] = a * c - b * s, b * c + a * s
    en.barrier("mem_device_and_threadgroup")

    for row in range(tid, Q_HEADS * (position + 1), THREADS):
        head, token = row / (position + 1), row % (position + 1)
        score = 0.0
        for i in en.range(D):
            score += query[head * D + i] * k_cache[(token * KV_HEADS + head / 2) * D + i]
        scores[head, token] = score / D**0.5
    en.barrier()
    for head in range(simdgroup, Q_HEADS, SIMDGROUPS):
        top = -float("inf")
        for token in range(lane, position + 1, LANES):
            top = max(top, scores[head, token])
        top, total = en.simd_max(top), 0.0
        for token in range(lane, position + 1, LANES):
            weight = en.exp(scores[head, token] - top)
            total += weight
            scores[head, token] = weight
        total = en.simd_sum(total)
        for token in range(lane, position + 1, LANES):
            scores[head, token] = scores[head, token] / total
    en.barrier()
    for j in range(tid, H, THREADS):
        value = 0.0
        for token in range(position + 1):
            value += scores[j / D, token] * v_cache[(token * KV_HEADS + j / D / 2) * D + j % D]
        hidden[j] = value
    en.barrier()

    for row in range(simdgroup, H, SIMDGROUPS):
        o = dot(wo, row, lambda j: hidden[j], H)
        if lane == 0:
            query[row] = x[row] + o
    en.barrier()
    scale = rms_scale(lambda j: query[j], H)
    for j in range(tid, H, THREADS):
        hidden[j] = query[j] * scale * norm2[j]
    en.barrier()
    for row in range(simdgroup, INTER, SIMDGROUPS):
        g, u = dot(gate, row, lambda j: hidden[j], H), dot(up, row, lambda j: hidden[j], H)
        if lane == 0:
            inner[row] = g / (1 + en.exp(-g)) * u
    en.barrier()
    for row in range(simdgroup, H, SIMDGROUPS):
        o = dot(down, row, lambda j: inner[j], INTER)
        if lane == 0:
            out[row] = query[row] + o


def layer(x, norm1, wq, wk, wv, wo, norm2, gate, up, down, k_cache, v_cache):
    """Return what the layer gives for the token at the caches' last place, in x's precision; the caches are updated."""

    def norm(x, weight):
        return x / np.sqrt((x * x).mean() + x.dtype.type(EPSILON)) * weight

    def turn(x):
        angle = (len(k_cache) - 1) * THETA ** (-np.arange(0, D, 2) / D)
        c, s = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
        a, b = x[:, : D // 2], x[:, D // 2 :]
        return np.concatenate([a * c - b * s, b * c + a * s], axis=1)

    h = norm(x, norm1)
    q = turn((wq @ h).reshape(-1, D))
    k_cache[-1], v_cache[-1] = turn((wk @ h).reshape(-1, D)), (wv @ h).reshape(-1, D)
    k, v = (np.repeat(cache, 2, axis=1) for cache in (k_cache, v_cache))
    scores = np.einsum("hd,thd->ht", q, k) / x.dtype.type(D**0.5)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    x = x + wo @ np.einsum("ht,thd->hd", weights, v).reshape(-1)
    h = norm(x, norm2)
    g = gate @ h
    return x + down @ (g / (1 + np.exp(-g)) * (up @ h))


def main() -> None:
    options = parse(__doc__, size=1024)
    show(qwen_layer)

    hidden = max(2 * D, options.size // (2 * D) * (2 * D))  # two query heads for each head of the cache
    inter, kv = 3 * hidden, hidden // 2
    rng = np.random.default_rng(0)
    results = []
    for position in (0, CACHE - 1):
        x, norm1, norm2 = rng.normal([[0], [2], [2]], 1, (3, hidden)).astype(np.float32)
        shapes = (
            (hidden, hidden),
            (kv, hidden),
            (kv, hidden),
            (hidden, hidden),
            (inter, hidden),
            (inter, hidden),
            (hidden, inter),
        )
        wq, wk, wv, wo, gate, up, down = (
            (rng.standard_normal(shape) / np.sqrt(shape[1])).astype(np.float32) for shape in shapes
        )
        caches = rng.standard_normal((2, position + 1, kv // D, D)).astype(np.float32)
        caches[:, -1] = np.nan  # the token's own place, which the layer fills in
        inputs = (x, norm1, wq, wk, wv, wo, norm2, gate, up, down)
        exact, single = caches.astype(np.float64), caches.copy()
        want = layer(*(a.astype(np.float64) for a in inputs), *exact)
        # as many roundings as NumPy's own in single precision, of the same sizes and in another order
        allowed = 4 * np.abs(layer(*inputs, *single) - want).max()
        out = np.full_like(x, np.nan)
        time = milliseconds(qwen_layer[THREADS, THREADS], *inputs, *caches, out, position, hidden)
        error = check("qwen_layer", out, want, allowed=allowed)
        check("qwen_layer", caches, exact, allowed=4 * np.abs(single - exact).max())
        results.append((f"{hidden}, token {position}", error, float(allowed), time))
    table(("hidden size", "max error", "allowed", "ms"), results)


if __name__ == "__main__":
    main()
