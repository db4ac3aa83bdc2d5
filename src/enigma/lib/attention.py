"""`enigma.lib.attention`: softmax(q k^T) v in one pass over the keys, for queries and keys of any number."""

# pyright: basic, reportInvalidTypeForm=false
# a kernel's annotations say how it is called, which no type checker knows

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import enigma as en
from enigma.dtypes import FLOATS, f32
from enigma.errors import LaunchError
from enigma.lib.launch import Plan, array, dtype_of, elements, one_of, output, size_of, with_kernel
from enigma.lib.tiles import Mover, tiles

MOST = 256
"""Elements of a head at most: what a threadgroup's registers and memory hold."""


@dataclass(frozen=True)
class Blocks:
    """How attention is shared out: a threadgroup has `queries` of them, and takes `keys` at a time, `slice` elements of each.

    Scores are keys x queries, and the sums are elements x queries: so whatever belongs to a query is in one column, which on a
    processor is one element of a vector.
    """

    head: int
    queries: int
    keys: int
    slice: int
    dtype: Any
    simdgroups: bool

    @classmethod
    def of(cls, head: int, dtype: Any, *, simdgroups: bool) -> Blocks:
        """Return blocks whose tiles fit into threadgroup memory: that of the queries is the largest."""
        if simdgroups:
            queries = 16 if dtype is f32 and head > 64 else 32
            return cls(head, queries, 32, 32 if dtype is f32 or head <= 32 else 64, dtype, True)
        queries = 64 if head <= 64 else 32 if head <= 128 else 16
        return cls(head, queries, 32, 64 if head > 128 else 32, dtype, False)

    @cached_property
    def mma(self) -> Any:
        """What multiplies."""
        if self.simdgroups:
            return en.make_tiled_mma(en.SimdgroupMmaOp(self.dtype), (2, 2, 1))
        return en.make_tiled_mma(en.MmaUniversalOp(), en.make_layout((8, 16, 1), (16, 1, 0)))

    @cached_property
    def mover(self) -> Mover:
        """What copies."""
        return Mover(self.dtype, self.mma.size, self.simdgroups)

    @property
    def slices(self) -> int:
        """How many slices a head has; the last one may be filled up with zeros."""
        return -(-self.head // self.slice)

    @property
    def parts(self) -> int:
        """How many threads share the scores of a query."""
        return self.mma.size // self.queries

    def query_tile(self) -> Any:
        """Return the layout of the tile of queries x elements."""
        shape = self.queries, self.slices * self.slice
        return en.make_layout(shape, (shape[1] + self.mover.pad, 1) if self.simdgroups else (1, self.queries))


class Held:
    """What a threadgroup holds: tiles in its memory; and what each thread knows of the query that it looks after.

    Several threads look after a query, each for a part of the keys of a block.
    """

    def __init__(self, blocks: Blocks) -> None:
        self.blocks, mover = blocks, blocks.mover
        tid = en.thread_index_in_threadgroup()
        self.query, self.part = tid % blocks.queries, tid // blocks.queries
        parts = blocks.mma.size // blocks.queries
        self.mine = blocks.mma.get_slice(tid)
        queries, keys, width = blocks.queries, blocks.keys, blocks.slice
        across, pitch = queries + mover.pad, width + mover.pad
        elements = blocks.slices * width
        layout = en.make_layout((queries, elements), (elements + mover.pad, 1) if blocks.simdgroups else (1, queries))
        tile_q = en.threadgroup_alloc(mover.tile_dtype, layout=layout)
        tile = en.threadgroup_alloc(mover.tile_dtype, keys * pitch)  # of keys, of values, and of the result
        scores: Any = en.threadgroup_alloc(en.f32, layout=en.make_layout((keys, queries), (across, 1)))
        weights = scores
        if mover.tile_dtype is not f32:
            weights = en.threadgroup_alloc(mover.tile_dtype, layout=scores.layout)
        # of each query a factor: a row of them, or as many as a simdgroup's matrix has
        rows = 8 if blocks.simdgroups else 1
        factors: Any = en.threadgroup_alloc(en.f32, layout=en.make_layout((rows, queries), (across, 1)))
        partial: Any = en.threadgroup_alloc(en.f32, layout=en.make_layout((parts, queries), (queries, 1)))
        self.tile_k = en.make_tensor(tile, en.make_layout((keys, width), (pitch, 1)))
        self.tile_v = en.make_tensor(tile, en.make_layout((width, keys), (1, pitch)))
        self.turned = en.make_tensor(weights.memory, en.make_layout((queries, keys), (1, across)))
        self.tile_q, self.memory, self.scores, self.weights = tile_q, tile, scores, weights
        self.factors, self.partial = factors, partial

    def of_all(self, value: Any, combine: Any) -> Any:
        """Return what `combine` makes of the values of all threads of a query."""
        self.partial[self.part, self.query] = value
        en.barrier()
        found = self.partial[0, self.query]
        for k in en.range_constexpr(1, self.partial.size(0)):
            found = combine(found, self.partial[k, self.query])
        return found

    def tile_out(self) -> Any:
        """Return the memory of keys and values as a tile of sums."""
        shape = self.blocks.slice, self.blocks.queries
        return en.make_tensor(self.memory, en.make_layout(shape, (1, shape[0] + self.blocks.mover.pad)))

    def put_scores(self, acc: Any) -> None:
        """Write the scores of a block to threadgroup memory."""
        target = self.mine.partition_C(self.scores)
        if self.blocks.simdgroups:
            acc.store(target)
        else:
            en.copy(self.blocks.mover.each, acc, target)

    def put_factor(self, factor: Any) -> None:
        """Set the factor of the thread's query, which is the same in all its threads: each of them writes some of the rows."""
        rows, parts = self.factors.size(0), self.partial.size(0)
        if rows >= parts:
            for k in en.range_constexpr(0, rows, parts):
                self.factors[self.part + k, self.query] = factor
        elif self.part < rows:
            self.factors[self.part, self.query] = factor

    def scale(self, acc: Any) -> None:
        """Multiply sums, elements x queries, by the factors of the queries."""
        rows, queries = self.factors.size(0), self.blocks.queries
        pitch = self.factors.layout.stride[0]
        layout = en.make_layout(((rows, self.blocks.slice // rows), queries), ((pitch, 0), 1))
        factors = self.mine.partition_C(en.make_tensor(self.factors.memory, layout))
        if not self.blocks.simdgroups:
            acc.store(acc.load() * factors.load())
            return
        # which element of a matrix a thread holds is not documented, but it is the same of all matrices
        down, across = acc.shape
        for j in en.range_constexpr(across):
            scales = en.simdgroup_matrix_load(self.factors.memory, pitch, offset=factors[None, 0, j].start)
            for i in en.range_constexpr(down):
                matrix = acc[i, j]
                matrix.thread_elements[0] = matrix[0] * scales[0]
                matrix.thread_elements[1] = matrix[1] * scales[1]
                acc[i, j] = matrix


@lru_cache(maxsize=256)
def _kernel(blocks: Blocks, causal: bool) -> Any:
    """Return the kernel for heads of so many elements."""
    dtype, mma, mover, head = blocks.dtype, blocks.mma, blocks.mover, blocks.head
    queries, keys, width = blocks.queries, blocks.keys, blocks.slice
    move_keys, move_values = mover.tiled(keys, width, down=False), mover.tiled(width, keys, down=True)

    @en.kernel
    def attention(
        q: dtype, k: dtype, v: dtype, out: dtype, m: en.Scalar[en.u32], n: en.Scalar[en.u32], group: en.Scalar[en.u32],
        scale: en.Scalar[en.f32],
    ) -> None:  # fmt: skip
        """softmax(scale q k^T) v of m queries and n keys; what was summed shrinks when a larger score turns up."""
        i, at = en.threadgroup_position_in_grid("x"), en.threadgroup_position_in_grid("y")
        held = Held(blocks)
        tiles_q, where_q = tiles(_rows(q, m, head, at), (queries, blocks.slices * width), (i, 0))
        tiles_k, where_k = tiles(_rows(k, n, head, at // group), (keys, width), (None, None))
        tiles_v, where_v = tiles(_columns(v, n, head, at // group), (width, keys), (None, None))
        tiles_out, where_out = tiles(_columns(out, m, head, at), (width, queries), (None, i))
        mover.move_some(tiles_q, where_q, (m, head), held.tile_q)

        sums = [
            held.mine.make_fragment_C(held.mine.partition_C(tiles_out[None, None, 0])) for _ in range(blocks.slices)
        ]
        most, total = -math.inf, 0.0
        seen = _seen((i + 1) * queries, m, n) if causal else n
        for block in en.range((seen + (keys - 1)) // keys):
            inside = (block + 1) * keys <= n if head % width == 0 else False
            acc = held.mine.make_fragment_C(held.mine.partition_C(held.scores))
            for part in en.range(blocks.slices):
                source, where = tiles_k[None, None, block, part], where_k[None, None, block, part]
                _move(mover, move_keys, source, where, (n, head), held.tile_k, inside)
                en.barrier()
                _multiply(mma, held.tile_k, en.local_tile(held.tile_q, (queries, width), (0, part)), acc)
                en.barrier()
            held.put_scores(acc)
            en.barrier()
            limit = _seen(i * queries + held.query + 1, m, n) if causal else n
            most, total = _weigh(held, block * keys, limit, scale * math.log2(math.e), most, total)
            for part in en.range_constexpr(blocks.slices):
                source, where = tiles_v[None, None, part, block], where_v[None, None, part, block]
                _move(mover, move_values, source, where, (head, n), held.tile_v, inside)
                en.barrier()
                held.scale(sums[part])
                _multiply(mma, held.tile_v, held.turned, sums[part])
                en.barrier()

        whole = held.of_all(total, lambda x, y: x + y)
        held.put_factor(en.where(whole == 0.0, 0.0, 1.0 / whole))
        en.barrier()
        inside = (i + 1) * queries <= m if head % width == 0 else False
        for part in en.range_constexpr(blocks.slices):
            held.scale(sums[part])
            block, where = tiles_out[None, None, part], where_out[None, None, part]
            mover.finish(held.mine, sums[part], block, where, (head, m), inside, held.tile_out)
            if part + 1 < blocks.slices:
                en.barrier()

    return attention


# ---- in a kernel


def _rows(x: Any, count: Any, head: int, at: Any) -> Any:
    """Return one head of an array as rows."""
    heads = en.threads_per_grid("y")
    return en.make_tensor(x, en.make_layout((count, head, heads), (head, 1, count * head)))[None, None, at]


def _columns(x: Any, count: Any, head: int, at: Any) -> Any:
    """Return one head of an array as columns."""
    heads = en.threads_per_grid("y")
    return en.make_tensor(x, en.make_layout((head, count, heads), (1, head, count * head)))[None, None, at]


def _seen(query: Any, m: Any, n: Any) -> Any:
    """Return how many keys the first `query` of m queries see: the last one sees all n of them."""
    return en.where(query + n > m, en.imin(query + n - m, n), 0)


def _move(mover: Mover, tiled: Any, source: Any, where: Any, shape: Any, target: Any, inside: Any) -> None:
    """Copy a tile, and zeros for what is not there of it."""
    if inside:
        mover.move(tiled, source, target)
    else:
        mover.move_some(source, where, shape, target)


def _multiply(mma: Any, a: Any, b: Any, acc: Any) -> None:
    """Add the product of two tiles, one step along what is summed after the other."""
    mine = mma.get_slice(en.thread_index_in_threadgroup())
    left, right = mine.partition_A(a), mine.partition_B(b)
    for step in en.range(left.size(2)):
        en.gemm(mma, left[None, None, step], right[None, None, step], acc)


def _weigh(held: Held, first: Any, limit: Any, scale: Any, most: Any, total: Any) -> tuple[Any, Any]:
    """Turn the scores of a block into weights, relative to the largest score so far; return that and the sum of weights.

    Weights are powers of two, so that `scale` is log2(e) times that of exponentials. Keys from `limit` on do not count.
    """
    parts = held.partial.size(0)
    key = [held.part + k * parts for k in range(held.blocks.keys // parts)]
    own = [en.where(first + j < limit, held.scores[j, held.query] * scale, -math.inf) for j in key]
    most_here = own[0]
    for score in own[1:]:
        most_here = en.fmax(most_here, score)
    above = en.fmax(most, held.of_all(most_here, en.fmax))
    shift = en.where(above == -math.inf, 0.0, above)  # all that is taken from -inf is 0, and not NaN
    shrink = en.exp2(most - shift)
    total = total * shrink
    for j, score in zip(key, own, strict=True):
        weight = en.exp2(score - shift)
        total = total + weight
        held.weights[j, held.query] = weight.to(held.weights.dtype)
    held.put_factor(shrink)
    return above, total


def _plan(
    queries: int, keys: int, head: int, dtype: Any = f32, *, heads: int = 1, kv_heads: int | None = None, batch: int = 1,
    causal: bool = False, scale: float | None = None, simdgroups: bool = True,
) -> Plan:  # fmt: skip
    """Return the kernel for heads of `head` elements; its slots are q, k, v, out, and four scalars.

    The scalars are the numbers of queries and of keys, how many heads of `q` share one of `k` and `v`, and `scale`. With
    `simdgroups` the products are of simdgroup matrices, which suits GPUs; without, of numbers that each thread has for itself.
    """
    chosen = one_of(dtype, FLOATS)
    if size_of(head, "head") > MOST:
        raise LaunchError(f"a head has {head} elements, but {MOST} is the most", help="split the heads")
    shared = heads if kv_heads is None else kv_heads
    if size_of(heads, "heads") % size_of(shared, "kv_heads"):
        raise LaunchError(
            f"{heads} heads of q cannot share {shared} of k and v",
            help="give q a multiple of as many heads as k and v have",
        )
    elements((size_of(batch, "batch"), heads, size_of(queries, "queries"), head))
    elements((batch, shared, size_of(keys, "keys"), head))
    blocks = Blocks.of(head, chosen, simdgroups=simdgroups)
    grid = -(-queries // blocks.queries) * blocks.mma.size, batch * heads, 1
    scalars = queries, keys, heads // shared, 1 / math.sqrt(head) if scale is None else float(scale)
    return Plan(_kernel(blocks, bool(causal)), grid, (blocks.mma.size, 1, 1), scalars=scalars)


@with_kernel(_plan)
def attention(q: Any, k: Any, v: Any, out: Any = None, *, causal: bool = False, scale: float | None = None) -> Any:
    """Return `softmax(scale q k^T) v` for each head, without the scores ever being in memory as a whole.

    The last two axes of `q`, `k` and `v` are queries or keys, and the elements of a head, 256 at most; `scale` is one over the
    root of those by default. The axis before counts heads, of which `q` may have a multiple: neighbouring ones then share keys
    and values. Axes before that count batches. Arrays hold f32, f16 or bf16, and so does the result; sums are of f32.

    With `causal` a query sees keys up to its own, where the last query and the last key belong together: so a few queries follow
    many keys that are there already. A query that sees none gives zeros.

    Raises `LaunchError` for other dtypes, for shapes that do not fit each other, and for an `out` that does not fit.

    >>> import enigma, numpy as np
    >>> q, k, v = (np.ones((2, 5, 64), np.float32) for _ in range(3))
    >>> enigma.lib.attention(q, k, v, causal=True).shape
    (2, 5, 64)
    """
    query, key, value = (array(x, name) for x, name in ((q, "q"), (k, "k"), (v, "v")))
    _check(query, key, value)
    dtype = dtype_of(query)
    result = output(out, query.shape, dtype)
    whole = (1, 1, 1, *query.shape)
    plan = _plan(
        whole[-2], key.shape[-2], whole[-1], dtype, heads=whole[-3], kv_heads=(1, *key.shape)[-3],
        batch=math.prod(whole[:-3]), causal=causal, scale=scale, simdgroups=en.runtime().name == "metal",
    )  # fmt: skip
    plan.run(query, key, value, result)
    return result


def _check(q: Any, k: Any, v: Any) -> None:
    """Raise where arrays do not fit each other."""
    if q.ndim < 2 or k.ndim != q.ndim or k.shape[:-3] != q.shape[:-3] or k.shape[-1] != q.shape[-1]:
        raise LaunchError(
            f"q has the shape {q.shape} and k {k.shape}, which do not fit",
            help="shapes are (batch, heads, queries, elements) and (batch, heads of k, keys, elements), or the last two or three",
        )
    if v.shape != k.shape:
        raise LaunchError(f"k has the shape {k.shape}, but v {v.shape}", help="give a value for each key")
    for x, name in ((k, "k"), (v, "v")):
        if x.dtype != q.dtype:
            raise LaunchError(
                f"q holds {q.dtype}, but {name} holds {x.dtype}", help=f"convert it: {name}.astype(q.dtype)"
            )
