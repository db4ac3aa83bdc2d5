"""`enigma.lib.gemm`: products of matrices of any size, through tiles of threadgroup memory."""

# pyright: basic, reportInvalidTypeForm=false
# a kernel's annotations say how it is called, which no type checker knows

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import enigma as en
from enigma.dtypes import FLOATS, f32
from enigma.errors import LaunchError
from enigma.lib.launch import Plan, array, dtype_of, elements, one_of, output, size_of, with_kernel
from enigma.lib.tiles import Mover, tiles


@dataclass(frozen=True)
class Blocks:
    """How a product is shared out: a threadgroup has `rows` x `columns` of C, and takes `depth` elements of K at a time.

    Its threads are four simdgroups with matrices of 8 x 8 that each holds together, or 16 x 16 threads with numbers of their
    own: a vector of a processor is 16 neighbours of a row, and four of those times four numbers fill its registers.
    """

    rows: int
    columns: int
    depth: int
    dtype: Any
    simdgroups: bool

    @classmethod
    def of(cls, m: int, n: int, dtype: Any, *, simdgroups: bool) -> Blocks:
        """Return blocks that waste little of a product of `m` x `n`."""
        least = 32 if simdgroups else 16
        rows, columns = (next((size for size in (least, 32) if extent <= size), 64) for extent in (m, n))
        return cls(rows, columns, 16 if simdgroups and dtype is f32 else 32, dtype, simdgroups)

    @cached_property
    def mma(self) -> Any:
        """What multiplies."""
        if self.simdgroups:
            return en.make_tiled_mma(en.SimdgroupMmaOp(self.dtype), (2, 2, 1))
        return en.make_tiled_mma(en.MmaUniversalOp(), en.make_layout((16, 16, 1), (16, 1, 0)))

    @cached_property
    def mover(self) -> Mover:
        """What copies."""
        return Mover(self.dtype, self.mma.size, self.simdgroups)

    def tile(self, rows: int, *, down: bool) -> Any:
        """Return the layout of a tile of A or B, whose columns lie side by side where `down`."""
        pad, shape = self.mover.pad, (rows, self.depth)
        return en.make_layout(shape, (1, rows + pad) if down else (self.depth + pad, 1))

    def staged(self) -> Any:
        """Return, in a kernel, a tile of threadgroup memory for a block of C."""
        layout = en.make_layout((self.rows, self.columns), (self.columns + self.mover.pad, 1))
        return en.threadgroup_alloc(self.dtype, layout=layout)


@lru_cache(maxsize=256)
def _kernel(blocks: Blocks, trans_a: bool, trans_b: bool, multiples: tuple[int, int, int]) -> Any:
    """Return the kernel; m, n and k are multiples of `multiples`, so that rows start where vectors may be read."""
    dtype, mma, mover = blocks.dtype, blocks.mma, blocks.mover
    rows, columns, depth = blocks.rows, blocks.columns, blocks.depth
    move_a = mover.tiled(rows, depth, down=trans_a)
    move_b = mover.tiled(columns, depth, down=not trans_b)
    lay_a, lay_b = blocks.tile(rows, down=trans_a), blocks.tile(columns, down=not (trans_b and blocks.simdgroups))

    @en.kernel
    def gemm(a: dtype, b: dtype, out: dtype, m: en.Scalar[en.u32], n: en.Scalar[en.u32], k: en.Scalar[en.u32]) -> None:
        """The product of an m x k by a k x n matrix; B is seen as n x k."""
        i, j = en.threadgroup_position_in_grid("y"), en.threadgroup_position_in_grid("x")
        row_m, row_n, row_k = _rounded(m, multiples[0]), _rounded(n, multiples[1]), _rounded(k, multiples[2])
        A = en.make_tensor(a, en.make_layout((m, k), (1, row_m) if trans_a else (row_k, 1)))
        B = en.make_tensor(b, en.make_layout((n, k), (row_k, 1) if trans_b else (1, row_n)))
        C = en.make_tensor(out, en.make_layout((m, n), (row_n, 1)))
        tiles_a, where_a = tiles(A, (rows, depth), (i, None))
        tiles_b, where_b = tiles(B, (columns, depth), (j, None))
        tile_c, where_c = tiles(C, (rows, columns), (i, j))
        tile_a = en.threadgroup_alloc(mover.tile_dtype, layout=lay_a)
        tile_b = en.threadgroup_alloc(mover.tile_dtype, layout=lay_b)

        mine = mma.get_slice(en.thread_index_in_threadgroup())
        acc = mine.make_fragment_C(mine.partition_C(tile_c))
        left, right = mine.partition_A(tile_a), mine.partition_B(tile_b)
        inside = ((i + 1) * rows <= m) & ((j + 1) * columns <= n)
        for step in en.range((k + (depth - 1)) // depth):
            if inside & ((step + 1) * depth <= k):
                mover.move(move_a, tiles_a[None, None, step], tile_a)
                mover.move(move_b, tiles_b[None, None, step], tile_b)
            else:
                mover.move_some(tiles_a[None, None, step], where_a[None, None, step], (m, k), tile_a)
                mover.move_some(tiles_b[None, None, step], where_b[None, None, step], (n, k), tile_b)
            en.barrier()
            for part in en.range(left.size(2)):
                en.gemm(mma, left[None, None, part], right[None, None, part], acc)
            en.barrier()
        mover.finish(mine, acc, tile_c, where_c, (m, n), inside, blocks.staged)

    return gemm


def _rounded(x: Any, multiple: int) -> Any:
    """Return, in a kernel, a number that is a multiple, so that everybody sees that it is one."""
    return x if multiple == 1 else x // multiple * multiple


def _plan(
    m: int, n: int, k: int, dtype: Any = f32, *, trans_a: bool = False, trans_b: bool = False, simdgroups: bool = True
) -> Plan:
    """Return the kernel for the product of an m x k by a k x n matrix; its slots are a, b, out, m, n and k.

    `trans_a` says that `a` holds its transpose, k x m, and `trans_b` that `b` holds n x k. With `simdgroups` the product is one
    of simdgroup matrices, which suits GPUs; without, of numbers that each thread has for itself, which suits processors.
    """
    chosen = one_of(dtype, FLOATS)
    sizes = size_of(m, "m"), size_of(n, "n"), size_of(k, "k")
    for shape in ((m, k), (k, n), (m, n)):
        elements(shape)
    blocks = Blocks.of(m, n, chosen, simdgroups=simdgroups)
    multiples = tuple(4 if simdgroups and size % 4 == 0 else 1 for size in sizes)
    grid = -(-n // blocks.columns) * blocks.mma.size, -(-m // blocks.rows), 1
    return Plan(_kernel(blocks, bool(trans_a), bool(trans_b), multiples), grid, (blocks.mma.size, 1, 1), scalars=sizes)


@with_kernel(_plan)
def gemm(a: Any, b: Any, out: Any = None, *, trans_a: bool = False, trans_b: bool = False) -> Any:
    """Return the product of two matrices, `a @ b`, added up in f32.

    `a` is m x k and `b` is k x n, of f32, f16 or bf16, and so is the result; with `trans_a` the array holds the transpose, k x m,
    and with `trans_b` n x k. Arrays may be transposed views too: nothing is copied. `out` is where to put the result.

    Raises `LaunchError` for other dtypes, for shapes that do not fit each other, and for an `out` that does not fit.

    >>> import enigma, numpy as np
    >>> enigma.lib.gemm(np.ones((2, 3), np.float32), np.ones((3, 2), np.float32)).tolist()
    [[3.0, 3.0], [3.0, 3.0]]
    """
    left, trans_a = _rows(array(a, "a", axes=2), trans=trans_a)
    right, trans_b = _rows(array(b, "b", axes=2), trans=trans_b)
    m, k = left.shape[::-1] if trans_a else left.shape
    k_too, n = right.shape[::-1] if trans_b else right.shape
    if k != k_too:
        raise LaunchError(
            f"a has {k} columns, but b has {k_too} rows", help="say trans_a=True or trans_b=True where an array holds a transpose"
        )  # fmt: skip
    if left.dtype != right.dtype:
        raise LaunchError(f"a holds {left.dtype}, but b holds {right.dtype}", help="convert one: b.astype(a.dtype)")
    dtype = dtype_of(left)
    result = output(out, (m, n), dtype)
    on_gpu = en.runtime().name == "metal"
    _plan(m, n, k, dtype, trans_a=trans_a, trans_b=trans_b, simdgroups=on_gpu).run(left, right, result)
    return result


def _rows(x: Any, *, trans: bool) -> tuple[Any, bool]:
    """Return a matrix with rows that lie side by side, and whether that is the transpose of the one that is meant."""
    return (x.T, not trans) if x.flags.f_contiguous and not x.flags.c_contiguous else (x, bool(trans))
