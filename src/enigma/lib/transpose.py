"""`enigma.lib.transpose`: rows become columns, through tiles of threadgroup memory."""

# pyright: basic, reportInvalidTypeForm=false
# a kernel's annotations say how it is called, which no type checker knows

from __future__ import annotations

from functools import lru_cache
from typing import Any

import enigma as en
from enigma.dtypes import DTYPES, f32
from enigma.lib.launch import Plan, array, dtype_of, elements, one_of, output, size_of, with_kernel

TILE, HEIGHT = 32, 8
"""A tile is of 32 x 32 elements, of which 8 x 32 threads move eight rows at a time."""


@lru_cache(maxsize=64)
def _kernel(dtype: Any) -> Any:
    # an odd number of words, so that the elements of a column lie in different banks
    padded = TILE + max(1, 4 // dtype.size)

    @en.kernel
    def transpose(x: dtype, out: dtype, rows: en.Scalar[en.u32], columns: en.Scalar[en.u32]) -> None:
        """Rows become columns: neighbouring threads read neighbours in x and write neighbours in out."""
        thread = en.thread_position_in_threadgroup("y"), en.thread_position_in_threadgroup("x")
        left, top = en.threadgroup_position_in_grid("x"), en.threadgroup_position_in_grid("y")

        def share(tensor: Any, place: Any) -> Any:
            """What a thread has of a tile: element k is HEIGHT rows below element k - 1."""
            return en.zipped_divide(en.local_tile(tensor, (TILE, TILE), place), (HEIGHT, TILE))[thread, (None, 0)]

        def matrix(memory: Any, shape: Any, place: Any) -> tuple[Any, Any]:
            """A thread's share of a matrix, and whether each element of that is there."""
            whole, where = en.make_tensor(memory, en.make_layout(shape, (shape[1], 1))), en.make_identity_tensor(shape)
            return share(whole, place), en.elem_less(share(where, place), shape)

        tile = en.threadgroup_alloc(dtype, layout=en.make_layout((TILE, TILE), (padded, 1)))
        turned = en.make_tensor(tile, en.make_layout((TILE, TILE), (1, padded)))
        source, is_there = matrix(x, (rows, columns), (top, left))
        _copy(source, share(tile, (0, 0)), is_there)
        en.barrier()
        target, is_there = matrix(out, (columns, rows), (left, top))
        _copy(share(turned, (0, 0)), target, is_there)

    return transpose


def _copy(source: Any, target: Any, is_there: Any) -> None:
    """Copy, in a kernel, the elements that are there."""
    for k in en.range_constexpr(source.size()):
        if is_there[k]:
            target[k] = source[k]


def _plan(rows: int, columns: int, dtype: Any = f32) -> Plan:
    """Return the kernel for `rows` rows of `columns` elements of any dtype; its slots are x, out, rows and columns."""
    chosen = one_of(dtype, DTYPES)
    tiles = [-(-size_of(size, name) // TILE) for size, name in ((columns, "columns"), (rows, "rows"))]
    elements((rows, columns))
    return Plan(_kernel(chosen), (tiles[0] * TILE, tiles[1] * HEIGHT, 1), (TILE, HEIGHT, 1), scalars=(rows, columns))


@with_kernel(_plan)
def transpose(x: Any, out: Any = None) -> Any:
    """Return the transpose of a matrix as a new array: `out[j, i]` is `x[i, j]`.

    `x` has two axes and any dtype; `out` is where to put the result, another array of the shape (columns, rows).

    Raises `LaunchError` for another number of axes, an empty array, and an `out` that does not fit.

    >>> import enigma, numpy as np
    >>> enigma.lib.transpose(np.arange(6, dtype=np.int32).reshape(2, 3)).tolist()
    [[0, 3], [1, 4], [2, 5]]
    """
    found = array(x, "x", axes=2, dtypes=DTYPES)
    rows, columns = found.shape
    result = output(out, (columns, rows), dtype_of(found))
    _plan(rows, columns, dtype_of(found)).run(found, result)
    return result
