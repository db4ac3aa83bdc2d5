"""`enigma.lib.attention`: FlashAttention forward, which never holds a whole row of scores."""

# pyright: basic, reportInvalidTypeForm=false
# a kernel's annotations say how it is called, which no type checker knows

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import enigma as en
from enigma.dtypes import FLOATS, f32
from enigma.errors import LaunchError
from enigma.lib.launch import Plan, array, dtype_of, elements, one_of, output, size_of, with_kernel
from enigma.lib.rows import best_width

QUERIES, KEYS = 32, 32
"""A threadgroup has so many queries, and looks at so many keys at a time: one for each lane of a simdgroup."""

DEPTH, WIDE = 32, 64
"""Scores are added up over DEPTH elements of a head at a time, and WIDE elements of the values are added at a time."""

THREADS, SIMDGROUPS = 256, 8
LARGEST = 256
"""Elements of a head at most: what a thread's registers hold of the result."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a kernel is compiled for: the dtype, elements of a head, query heads to a key head, and whether it is causal.

    `width` elements are copied at once.
    """

    dtype: Any
    head: int
    group: int
    causal: bool
    width: int


@lru_cache(maxsize=64)
def _kernel(form: Form) -> Any:
    tiled = en.make_tiled_mma(en.MmaUniversalOp(f32), en.make_layout((8, 32, 1), (32, 1, 0)))
    shared = en.make_copy_atom(en.CopyCooperativeOp(), form.dtype, form.width * form.dtype.width)
    own = en.make_copy_atom(en.CopyUniversalOp(), f32)
    rows = QUERIES // SIMDGROUPS  # of a simdgroup
    pad = max(1, 4 // form.dtype.size)  # an odd number of words from row to row: a column lies in different banks
    below = -float("inf")

    @en.kernel
    def attention(
        q: form.dtype, k: form.dtype, v: form.dtype, out: form.dtype, queries: en.Scalar[en.u32], keys: en.Scalar[en.u32],
        scale: en.Scalar[en.f32],
    ) -> None:  # fmt: skip
        """Softmax of the scores times the values, for some queries of one head: the maximum and the sum go along."""
        block, head = en.threadgroup_position_in_grid("x"), en.threadgroup_position_in_grid("y")
        lane, simdgroup = en.thread_index_in_simdgroup(), en.simdgroup_index_in_threadgroup()
        thread = en.thread_index_in_threadgroup()

        def matrix(memory: Any, length: Any, number: Any) -> Any:
            """The rows of a head, and their coordinates."""
            whole = en.make_tensor(memory, en.make_layout((1, length, form.head), (length * form.head, form.head, 1)))
            return whole[number, None, None], en.make_identity_tensor((length, form.head))

        def fetch(source: Any, tile: Any, length: Any, place: Any) -> None:
            """Copy a tile to threadgroup memory, zeros where there is nothing."""
            part, where = (en.local_tile(x, tile.shape, place) for x in source)
            en.copy(shared, part, tile, pred=en.elem_less(where, (length, form.head)), fill=0)

        own_q, own_out = matrix(q, queries, head), matrix(out, queries, head)
        own_k, own_v = matrix(k, keys, head // form.group), matrix(v, keys, head // form.group)
        q_tile = en.threadgroup_alloc(form.dtype, layout=en.make_layout((QUERIES, DEPTH), (DEPTH + pad, 1)))
        k_tile = en.threadgroup_alloc(form.dtype, layout=en.make_layout((KEYS, DEPTH), (DEPTH + pad, 1)))
        v_tile = en.threadgroup_alloc(form.dtype, layout=en.make_layout((KEYS, WIDE), (WIDE, 1)))
        scores = en.threadgroup_alloc(f32, layout=en.make_layout((QUERIES, KEYS), (KEYS + 1, 1)))
        factors = en.threadgroup_alloc(f32, QUERIES)
        mine = tiled.get_slice(thread)
        scores_part = mine.partition_C(scores)
        turned_v = en.make_tensor(v_tile, en.make_layout((WIDE, KEYS), (1, WIDE)))
        sums = [
            mine.make_fragment_C(mine.partition_C(en.make_identity_tensor((QUERIES, WIDE))))
            for _ in range(-(-form.head // WIDE))
        ]
        highest, total = [en.f32(below) for _ in range(rows)], [en.f32(0.0) for _ in range(rows)]
        first = block * QUERIES
        behind = keys.to(en.i32) - queries.to(en.i32)  # the last query sees the last key
        steps = (keys + KEYS - 1) // KEYS
        if form.causal:
            seen = en.imax(first.to(en.i32) + QUERIES + behind, 0)
            steps = en.imin(steps, (seen.to(en.u32) + KEYS - 1) // KEYS)

        for step in en.range(steps):
            score = mine.make_fragment_C(scores_part)
            for d in range(-(-form.head // DEPTH)):
                fetch(own_q, q_tile, queries, (block, d))
                fetch(own_k, k_tile, keys, (step, d))
                en.barrier()
                en.gemm(tiled, mine.partition_A(q_tile), mine.partition_B(k_tile), score)
                en.barrier()
            scores_part.store(score.load() * scale)
            en.barrier()
            for r in range(rows):
                row, key = simdgroup * rows + r, (step * KEYS + lane).to(en.i32)
                there = key < keys.to(en.i32)
                if form.causal:
                    there = there & (key <= (first + row).to(en.i32) + behind)
                x = en.where(there, scores[row, lane], below)
                most = en.fmax(highest[r], en.simd_max(x))
                shift = en.where(most == below, 0.0, most)  # a row that sees nothing yet
                x = en.exp(x - shift)
                factor = en.exp(highest[r] - shift)
                total[r] = total[r] * factor + en.simd_sum(x)
                highest[r] = most
                scores[row, lane] = x
                if lane == 0:
                    factors[row] = factor
            en.barrier()
            for part in sums:
                for r in range(QUERIES // 8):
                    factor = factors[simdgroup + 8 * r]
                    for n in range(WIDE // 32):
                        part[0, r, n] = part[0, r, n] * factor
            for d, part in enumerate(sums):
                fetch(own_v, v_tile, keys, (step, d))
                en.barrier()
                en.gemm(tiled, mine.partition_A(scores), mine.partition_B(turned_v), part)
                en.barrier()

        for r in range(rows):
            if lane == 0:
                factors[simdgroup * rows + r] = en.where(total[r] == 0.0, 0.0, 1.0 / total[r])
        en.barrier()
        for d, part in enumerate(sums):
            for r in range(QUERIES // 8):
                for n in range(WIDE // 32):
                    part[0, r, n] = part[0, r, n] * factors[simdgroup + 8 * r]
            result, where = (mine.partition_C(en.local_tile(x, (QUERIES, WIDE), (block, d))) for x in own_out)
            en.copy(own, part, result, pred=en.elem_less(where, (queries, form.head)))

    return attention


def _plan(
    queries: int, keys: int, head: int, dtype: Any = f32, *, heads: int = 1, kv_heads: int | None = None, batch: int = 1,
    causal: bool = False, scale: float | None = None, width: int | None = None,
) -> Plan:  # fmt: skip
    """Return the kernel for `heads` query heads of `head` elements; its slots are q, k, v, out, queries, keys and scale.

    `kv_heads` (by default as many) key heads are shared by `heads // kv_heads` query heads each. `width`
    elements are copied at once: 4 by default, 1 is best on a processor.
    """
    chosen = one_of(dtype, FLOATS)
    shared = heads if kv_heads is None else kv_heads
    given = (
        ("queries", queries),
        ("keys", keys),
        ("head", head),
        ("heads", heads),
        ("kv_heads", shared),
        ("batch", batch),
    )
    for name, size in given:
        size_of(size, name)
    if width not in (None, 1, 2, 4):
        raise LaunchError(f"width is {width!r}, but it must be 1, 2 or 4", help="leave it out")
    if head > LARGEST:
        raise LaunchError(f"a head has {head} elements, but {LARGEST} is the most", help="split it into several heads")
    if heads % shared:
        raise LaunchError(
            f"{heads} query heads cannot share {shared} key heads evenly", help="heads must be a multiple of kv_heads"
        )
    elements((batch, heads, queries, head))
    elements((batch, shared, keys, head))
    kernel = _kernel(Form(chosen, head, heads // shared, bool(causal), 4 if width is None else width))
    grid = (-(-queries // QUERIES) * THREADS, batch * heads, 1)
    factor = 1 / math.sqrt(head) if scale is None else float(scale)
    return Plan(kernel, grid, (THREADS, 1, 1), scalars=(queries, keys, factor))


@with_kernel(_plan)
def attention(q: Any, k: Any, v: Any, out: Any = None, *, causal: bool = False, scale: float | None = None) -> Any:
    """Return `softmax(q @ k.T * scale) @ v` for each head, computed in f32 (FlashAttention, Dao et al. 2022).

    `q` has the shape (batch, heads, queries, head) and f32, f16 or bf16; `k` and `v` have (batch, kv_heads, keys, head), where
    `heads` is a multiple of `kv_heads` (grouped heads). Leading axes may be left out. A head has up to 256 elements. `scale` is
    by default `1 / sqrt(head)`. With `causal` a query sees the keys up to its own place, the last query all of them; one that
    sees none gives zeros. `out` is where to put the result, which is like `q`.

    Raises `LaunchError` for other dtypes, empty arrays, and shapes that do not fit.

    >>> import enigma, numpy as np
    >>> x = np.ones((1, 2, 4, 8), np.float32)
    >>> bool((abs(enigma.lib.attention(x, x, x) - 1) < 1e-6).all())
    True
    """
    query, key, value = array(q, "q"), array(k, "k"), array(v, "v")
    shapes = [(*(1,) * (4 - x.ndim), *x.shape) for x in (query, key, value)]
    (batch, heads, queries, head), (key_batch, kv_heads, keys, key_head), value_shape = (
        shape if len(shape) == 4 else (0, 0, 0, 0) for shape in shapes
    )
    fits = (batch, head) == (key_batch, key_head) and shapes[1] == shapes[2] == value_shape and batch > 0
    if not fits or query.dtype != key.dtype or query.dtype != value.dtype:
        raise LaunchError(
            f"q is {query.dtype} of {query.shape}, k {key.dtype} of {key.shape} and v {value.dtype} of {value.shape}",
            help="q is (batch, heads, queries, head), k and v are (batch, kv_heads, keys, head), all of one dtype",
        )
    plan = _plan(
        queries, keys, head, dtype_of(query), heads=heads, kv_heads=kv_heads, batch=batch, causal=causal, scale=scale,
        width=best_width(),
    )  # fmt: skip
    result = output(out, query.shape, dtype_of(query))
    plan.run(query, key, value, result)
    return result
