"""`enigma.lib.softmax`: the exponentials of each row over their sum."""

# pyright: basic, reportInvalidTypeForm=false
# a kernel's annotations say how it is called, which no type checker knows

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import enigma as en
from enigma.dtypes import FLOATS, Numeric, f32
from enigma.lib.launch import Plan, array, dtype_of, one_of, output, size_of, with_kernel
from enigma.lib.rows import THREADS, Rows, best_width


@lru_cache(maxsize=256)
def _held(dtype: Numeric, shared: Rows) -> Any:
    """Return the kernel for rows that fit into the registers of their threads: each is read once."""

    @en.kernel
    def softmax(x: dtype, out: dtype, columns: en.Scalar[en.u32]) -> None:
        """The exponentials of each row over their sum."""
        start, first = shared.row() * columns, shared.first()
        runs = shared.runs(x, start, first, columns, -math.inf)
        most = _finite(shared.max(_maximum(runs)))
        runs = [en.exp(run - most) for run in runs]
        scale = _over(shared.sum(_total(runs)))
        for k in en.range_constexpr(shared.steps):
            j = first + k * shared.step
            if j < columns:
                shared.run(out, start + j).store((runs[k] * scale).to(dtype))

    return softmax


@lru_cache(maxsize=256)
def _looped(dtype: Numeric, shared: Rows) -> Any:
    """Return the kernel for longer rows, which are read twice: for a sum that is scaled anew as the maximum grows, and again."""

    @en.kernel
    def softmax(x: dtype, out: dtype, columns: en.Scalar[en.u32]) -> None:
        """The exponentials of each row over their sum."""
        start, first = shared.row() * columns, shared.first()
        own, total = -math.inf, 0.0
        for j in range(first, columns, shared.step * shared.steps):
            runs = shared.runs(x, start, j, columns, -math.inf)
            above = en.fmax(own, _maximum(runs))
            shift = _finite(above)
            total = total * en.exp(own - shift) + _total([en.exp(run - shift) for run in runs])
            own = above
        most = _finite(shared.max(own))
        scale = _over(shared.sum(total * en.exp(own - most)))
        for j in range(first, columns, shared.step):
            run = shared.run(x, start + j).load().to(en.f32)
            shared.run(out, start + j).store((en.exp(run - most) * scale).to(dtype))

    return softmax


def _maximum(runs: list[Any]) -> Any:
    first, *others = [run.reduce(en.fmax) for run in runs]
    for other in others:
        first = en.fmax(first, other)
    return first


def _total(runs: list[Any]) -> Any:
    first, *others = [run.sum() for run in runs]
    for other in others:
        first = first + other
    return first


def _finite(most: Any) -> Any:
    """Return a maximum that can be taken off: 0 for that of nothing but -inf, all of whose exponentials are 0."""
    return en.where(most == -math.inf, 0.0, most)


def _over(total: Any) -> Any:
    """Return 1 / total, and 0 where it is 0."""
    return en.where(total == 0.0, 0.0, 1.0 / total)


def _plan(rows: int, columns: int, dtype: Any = f32, *, width: int | None = None) -> Plan:
    """Return the kernel for `rows` rows of `columns` elements of `dtype`; its slots are x, out and columns.

    `width` is how many elements side by side a thread reads at once: by default 4, 2 or 1, whichever divides a row.
    """
    chosen = one_of(dtype, FLOATS)
    shared = Rows.of(size_of(columns, "columns"), width)
    kernel = (_held if shared.whole else _looped)(chosen, shared)
    return Plan(kernel, shared.grid(size_of(rows, "rows")), (THREADS, 1, 1), scalars=(columns,))


@with_kernel(_plan)
def softmax(x: Any, out: Any = None) -> Any:
    """Return the softmax of each row of `x` along its last axis: `exp(x - max(x)) / sum(exp(x - max(x)))`.

    `x` is an array of f32, f16 or bf16 with any number of axes, and so is the result, which is computed in f32; `out` is where
    to put it. Elements of -inf give 0; so do all of a row that has no others, as attention needs it for rows that are masked
    out. A NaN or +inf makes the whole row NaN.

    Raises `LaunchError` for another dtype, an empty array, and an `out` that does not fit.

    >>> import enigma, numpy as np
    >>> enigma.lib.softmax(np.zeros((1, 4), np.float32)).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    found = array(x, "x")
    columns = found.shape[-1] if found.ndim else 1
    result = output(out, found.shape, dtype_of(found))
    _plan(found.size // columns, columns, dtype_of(found), width=best_width()).run(found, result)
    return result
