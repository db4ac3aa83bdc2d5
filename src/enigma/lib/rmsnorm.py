"""`enigma.lib.rmsnorm`: each row over its root mean square."""

# pyright: basic, reportInvalidTypeForm=false
# a kernel's annotations say how it is called, which no type checker knows

from __future__ import annotations

from functools import lru_cache
from typing import Any

import enigma as en
from enigma.dtypes import FLOATS, f32
from enigma.errors import LaunchError
from enigma.lib.launch import Plan, array, dtype_of, one_of, output, size_of, with_kernel
from enigma.lib.rows import THREADS, Rows, best_width


@lru_cache(maxsize=256)
def _kernel(dtype: Any, weight_dtype: Any, shared: Rows) -> Any:
    @en.kernel
    def rmsnorm(
        x: dtype, weight: weight_dtype, out: dtype, runs: en.Scalar[en.u32], eps: en.Scalar[en.f32],
    ) -> None:  # fmt: skip
        """Each row over its root mean square, times the weights."""
        row, thread = shared.place()
        values, results = (shared.tensor(t, runs)[row, None, None] for t in (x, out))
        weights = shared.tensor(weight, runs)[0, None, None]
        squares = 0.0
        for j in range(thread, runs, shared.threads):
            v = values[j, None].load().to(en.f32)
            squares += (v * v).sum()
        scale = en.rsqrt(shared.sum(squares) / (runs * shared.width) + eps)
        for j in range(thread, runs, shared.threads):
            v = values[j, None].load().to(en.f32) * scale
            v = v * weights[j, None].load().to(en.f32)  # read only now: a processor has few registers
            results[j, None].store(v.to(dtype))

    return rmsnorm


def _plan(
    rows: int, columns: int, dtype: Any = f32, weight_dtype: Any = None, *, eps: float = 1e-6, width: int | None = None
) -> Plan:
    """Return the kernel for `rows` rows of `columns` elements of `dtype`; its slots are x, weight, out, runs and eps.

    A run is `width` elements side by side, which a thread reads at once: by default 4, 2 or 1, whichever divides a row.
    """
    chosen = one_of(dtype, FLOATS)
    weights = chosen if weight_dtype is None else one_of(weight_dtype, FLOATS, "weight_dtype")
    shared = Rows.of(size_of(columns, "columns"), width)
    kernel = _kernel(chosen, weights, shared)
    return Plan(kernel, shared.grid(size_of(rows, "rows")), (THREADS, 1, 1), scalars=(columns // shared.width, eps))


@with_kernel(_plan)
def rmsnorm(x: Any, weight: Any, eps: float = 1e-6, out: Any = None) -> Any:
    """Return the rows of `x`, each over its root mean square: `x / sqrt(mean(x ** 2) + eps) * weight`.

    `x` is an array of f32, f16 or bf16 with any number of axes, and so is the result, which is computed in f32; `out` is where
    to put it. `weight` has one number for each element of a row, of the same or another of these dtypes.

    Raises `LaunchError` for other dtypes, an empty array, and a `weight` or `out` that does not fit.

    >>> import enigma, numpy as np
    >>> enigma.lib.rmsnorm(np.full((1, 4), 3, np.float32), np.ones(4, np.float32), eps=0.0).tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """
    found = array(x, "x")
    weights = array(weight, "weight", axes=1)
    columns = found.shape[-1] if found.ndim else 1
    if weights.shape != (columns,):
        raise LaunchError(
            f"weight has {weights.size} elements, but a row of x has {columns}", help="pass one weight for each column"
        )
    result = output(out, found.shape, dtype_of(found))
    plan = _plan(found.size // columns, columns, dtype_of(found), dtype_of(weights), eps=eps, width=best_width())
    plan.run(found, weights, result)
    return result
