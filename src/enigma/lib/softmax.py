"""`enigma.lib.softmax`: the exponentials of each row over their sum."""

# pyright: basic, reportInvalidTypeForm=false
# a kernel's annotations say how it is called, which no type checker knows

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import enigma as en
from enigma.dtypes import FLOATS, f32
from enigma.lib.launch import Plan, array, dtype_of, one_of, output, size_of, with_kernel
from enigma.lib.rows import THREADS, Rows, best_width


@lru_cache(maxsize=256)
def _held(dtype: Any, shared: Rows) -> Any:
    """Return the kernel for rows that fit into the registers of their threads: each is read once."""

    @en.kernel
    def softmax(x: dtype, out: dtype, runs: en.Scalar[en.u32]) -> None:
        """The exponentials of each row over their sum."""
        row, thread = shared.place()
        values, results = (shared.tensor(t, runs)[row, None, None] for t in (x, out))
        held = shared.hold(values, thread, runs, -math.inf)
        most = _finite(shared.max(_maximum(held)))
        held = [en.exp(v - most) for v in held]
        scale = _over(shared.sum(_total(held)))
        for k, v in enumerate(held):
            j = thread + k * shared.threads
            results[j, None].store((v * scale).to(dtype), pred=j < runs)

    return softmax


@lru_cache(maxsize=256)
def _looped(dtype: Any, shared: Rows) -> Any:
    """Return the kernel for longer rows, which are read twice: for a sum that is scaled anew as the maximum grows, and again."""

    @en.kernel
    def softmax(x: dtype, out: dtype, runs: en.Scalar[en.u32]) -> None:
        """The exponentials of each row over their sum."""
        row, thread = shared.place()
        values, results = (shared.tensor(t, runs)[row, None, None] for t in (x, out))
        own, total = -math.inf, 0.0
        for first in range(thread, runs, shared.held * shared.threads):
            held = shared.hold(values, first, runs, -math.inf)
            above = en.fmax(own, _maximum(held))
            shift = _finite(above)
            total = total * en.exp(own - shift) + _total([en.exp(v - shift) for v in held])
            own = above
        most = _finite(shared.max(own))
        scale = _over(shared.sum(total * en.exp(own - most)))
        for j in range(thread, runs, shared.threads):
            v = values[j, None].load().to(en.f32)
            results[j, None].store((en.exp(v - most) * scale).to(dtype))

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
    """Return the kernel for `rows` rows of `columns` elements of `dtype`; its slots are x, out and runs.

    A run is `width` elements side by side, which a thread reads at once: by default 4, 2 or 1, whichever divides a row.
    """
    chosen = one_of(dtype, FLOATS)
    shared = Rows.of(size_of(columns, "columns"), width)
    kernel = (_held if shared.are_held(columns) else _looped)(chosen, shared)
    return Plan(kernel, shared.grid(size_of(rows, "rows")), (THREADS, 1, 1), scalars=(columns // shared.width,))


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
