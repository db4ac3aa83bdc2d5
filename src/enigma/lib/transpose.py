"""`enigma.lib.transpose`: rows become columns, through tiles of threadgroup memory."""

# pyright: basic, reportInvalidTypeForm=false
# a kernel's annotations say how it is called, which no type checker knows

from __future__ import annotations

from functools import lru_cache
from typing import Any

import enigma as en
from enigma.dtypes import DTYPES, Numeric, f32
from enigma.lib.launch import Plan, array, dtype_of, elements, one_of, output, size_of, with_kernel

TILE, HEIGHT = 32, 8
"""A tile is of 32 x 32 elements, of which 32 x 8 threads move eight rows at a time."""


@lru_cache(maxsize=64)
def _kernel(dtype: Numeric) -> Any:
    padded = TILE + max(
        1, 4 // dtype.size
    )  # an odd number of words, so that the elements of a column lie in different banks

    @en.kernel
    def transpose(x: dtype, out: dtype, rows: en.Scalar[en.u32], columns: en.Scalar[en.u32]) -> None:
        """Rows become columns: neighbouring threads read neighbours in x and write neighbours in out."""
        tile = en.threadgroup_alloc(dtype, layout=en.make_layout((TILE, TILE), (padded, 1)))
        across, down = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
        left, top = en.threadgroup_position_in_grid("x") * TILE, en.threadgroup_position_in_grid("y") * TILE
        for k in en.range_constexpr(0, TILE, HEIGHT):
            if top + down + k < rows and left + across < columns:
                tile[down + k, across] = x[(top + down + k) * columns + left + across]
        en.barrier()
        for k in en.range_constexpr(0, TILE, HEIGHT):
            if left + down + k < columns and top + across < rows:
                out[(left + down + k) * rows + top + across] = tile[across, down + k]

    return transpose


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
