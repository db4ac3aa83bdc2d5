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
BELOW = -float("inf")
"""What a key that is not seen counts."""

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

    def rows(self, memory: Any, length: Any, number: Any) -> tuple[Any, Any]:
        """Return, in a kernel, the rows of one head, and the coordinates of their elements."""
        whole = en.make_tensor(memory, en.make_layout((1, length, self.head), (length * self.head, self.head, 1)))
        return whole[number, None, None], en.make_identity_tensor((length, self.head))

    def tiles(self) -> tuple[Any, ...]:
        """Return threadgroup memory for queries, keys, values, scores, and the factors of rows."""
        pad = max(1, 4 // self.dtype.size)  # an odd number of words from row to row: a column lies in different banks
        return (
            en.threadgroup_alloc(self.dtype, layout=en.make_layout((QUERIES, DEPTH), (DEPTH + pad, 1))),
            en.threadgroup_alloc(self.dtype, layout=en.make_layout((KEYS, DEPTH), (DEPTH + pad, 1))),
            en.threadgroup_alloc(self.dtype, layout=en.make_layout((KEYS, WIDE), (WIDE, 1))),
            en.threadgroup_alloc(en.f32, layout=en.make_layout((QUERIES, KEYS), (KEYS + 1, 1))),
            en.threadgroup_alloc(en.f32, QUERIES),
        )

    def fetch(self, source: tuple[Any, Any], tile: Any, length: Any, place: Any) -> None:
        """Copy, in a kernel, a tile to threadgroup memory, zeros where there is nothing."""
        shared = en.make_copy_atom(en.CopyCooperativeOp(), self.dtype, self.width * self.dtype.width)
        part, where = (en.local_tile(x, tile.shape, place) for x in source)
        en.copy(shared, part, tile, pred=en.elem_less(where, (length, self.head)), fill=0)


OWN = en.make_copy_atom(en.CopyUniversalOp(), f32)


def _tiled() -> Any:
    """Return how threads share out a tile: a simdgroup has a row, 32 lanes side by side."""
    return en.make_tiled_mma(en.MmaUniversalOp(f32), en.make_layout((SIMDGROUPS, 32, 1), (32, 1, 0)))


@lru_cache(maxsize=64)
def _kernel(form: Form) -> Any:
    tiled = _tiled()

    @en.kernel
    def attention(
        q: form.dtype, k: form.dtype, v: form.dtype, out: form.dtype, queries: en.Scalar[en.u32], keys: en.Scalar[en.u32],
        scale: en.Scalar[en.f32],
    ) -> None:  # fmt: skip
        """Softmax of the scores times the values, for some queries of one head: the maximum and the sum go along."""
        block, head = en.threadgroup_position_in_grid("x"), en.threadgroup_position_in_grid("y")
        queries_of, keys_of = form.rows(q, queries, head), form.rows(k, keys, head // form.group)
        values_of = form.rows(v, keys, head // form.group)
        q_tile, k_tile, v_tile, scores, factors = form.tiles()
        mine = tiled.get_slice(en.thread_index_in_threadgroup())
        turned_v = en.make_tensor(v_tile, en.make_layout((WIDE, KEYS), (1, WIDE)))
        sums = [_sum(mine) for _ in range(-(-form.head // WIDE))]
        highest = [en.f32(BELOW) for _ in range(QUERIES // SIMDGROUPS)]
        total = [en.f32(0.0) for _ in highest]
        first = block * QUERIES
        # the last query sees the last key
        last = first.to(en.i32) + keys.to(en.i32) - queries.to(en.i32) if form.causal else None
        steps = _steps(keys, last)

        for step in en.range(steps):
            score = mine.make_fragment_C(mine.partition_C(scores))
            for d in range(-(-form.head // DEPTH)):
                form.fetch(queries_of, q_tile, queries, (block, d))
                form.fetch(keys_of, k_tile, keys, (step, d))
                en.barrier()
                en.gemm(tiled, mine.partition_A(q_tile), mine.partition_B(k_tile), score)
                en.barrier()
            mine.partition_C(scores).store(score.load() * scale)
            en.barrier()
            key = (step * KEYS + en.thread_index_in_simdgroup()).to(en.i32)
            _softmax(scores, factors, highest, total, key, keys.to(en.i32), last)
            en.barrier()
            _shrink(sums, factors)
            for d, part in enumerate(sums):
                form.fetch(values_of, v_tile, keys, (step, d))
                en.barrier()
                en.gemm(tiled, mine.partition_A(scores), mine.partition_B(turned_v), part)
                en.barrier()

        _finish(factors, total)
        _shrink(sums, factors)
        for d, part in enumerate(sums):
            tiles = (en.local_tile(x, (QUERIES, WIDE), (block, d)) for x in form.rows(out, queries, head))
            result, where = (mine.partition_C(tile) for tile in tiles)
            en.copy(OWN, part, result, pred=en.elem_less(where, (queries, form.head)))

    return attention


def _sum(mine: Any) -> Any:
    """Return a thread's part of WIDE elements of the results."""
    return mine.make_fragment_C(mine.partition_C(en.make_identity_tensor((QUERIES, WIDE))))


def _steps(keys: Any, last: Any) -> Any:
    """Return how many blocks of keys there are, or that the queries of causal attention see."""
    steps = (keys + KEYS - 1) // KEYS
    return steps if last is None else en.imin(steps, (en.imax(last + QUERIES, 0).to(en.u32) + KEYS - 1) // KEYS)


def _finish(factors: Any, total: Any) -> None:
    """Say by what each row is divided in the end."""
    first_row = en.simdgroup_index_in_threadgroup() * len(total)
    for r in range(len(total)):
        if en.thread_index_in_simdgroup() == 0:
            factors[first_row + r] = en.where(total[r] == 0.0, 0.0, 1.0 / total[r])
    en.barrier()


def _softmax(scores: Any, factors: Any, highest: Any, total: Any, key: Any, keys: Any, last: Any) -> None:
    """Turn the scores of a simdgroup's rows into what they add to the sum, a lane for each key, and say how much to shrink.

    `last` is the last key that the first query sees, of causal attention.
    """
    lane, first_row = en.thread_index_in_simdgroup(), en.simdgroup_index_in_threadgroup() * len(total)
    for r in range(len(total)):
        row = first_row + r
        there = key < keys
        if last is not None:
            there = there & (key <= last + row.to(en.i32))
        x = en.where(there, scores[row, lane], BELOW)
        most = en.fmax(highest[r], en.simd_max(x))
        shift = en.where(most == BELOW, 0.0, most)  # a row that sees nothing yet
        x = en.exp(x - shift)
        factor = en.exp(highest[r] - shift)
        total[r] = total[r] * factor + en.simd_sum(x)
        highest[r] = most
        scores[row, lane] = x
        if lane == 0:
            factors[row] = factor


def _shrink(sums: Any, factors: Any) -> None:
    """Multiply each row of the sums by its factor."""
    first_row = en.simdgroup_index_in_threadgroup()
    for part in sums:
        for r in range(QUERIES // SIMDGROUPS):
            factor = factors[first_row + SIMDGROUPS * r]
            for n in range(WIDE // 32):
                part[0, r, n] = part[0, r, n] * factor


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
