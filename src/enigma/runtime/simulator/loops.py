"""What the machine knows of a counted loop before it runs: how often each lane goes round, and the flag that stops it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from enigma.spec.terms import Algebra, Effect
from enigma.trace.node import For, If, Op, Value

Array = NDArray[Any]


def trip_counts(low: Array, high: Array, step: Array) -> Array:
    """Return how many of `low, low + step, ...` are below `high`; bounds are signed 64-bit, and `step` is positive.

    >>> trip_counts(np.array([[0, 5, 7]]), np.array([[10, 5, 0]]), np.array([[3]]))
    array([[4, 0, 0]], dtype=uint64)
    """
    # the distance of two 64-bit numbers may need all 64 bits
    span = high.astype(np.uint64) - low.astype(np.uint64)
    rounds = (span - np.uint64(1)) // step.astype(np.uint64) + np.uint64(1)
    return np.where(high > low, rounds, np.uint64(0))


def last_counter(low: Array, step: Array, trips: Array) -> Array:
    """Return the counter of each lane's last round; `low` where there is none.

    >>> last_counter(np.array([[0, 5]]), np.array([[3]]), np.array([[4, 0]], dtype=np.uint64))
    array([[9, 5]])
    """
    return np.where(trips > 0, low + (trips.astype(np.int64) - 1) * step, low)


def stop_flag(loop: For) -> int | None:
    """Return which carried value, once true, leaves all of them as they are in every further round; None without one.

    Such a loop can be left by `break`: its body is one `if not flag:` whose other branch hands on the carried values.
    """
    *before, last = loop.body.nodes or [None]
    if not isinstance(last, If) or last.orelse.nodes:
        return None
    ops = [node for node in before if isinstance(node, Op) and node.row.effect is Effect.PURE]
    if len(ops) != len(before):
        return None
    flag = _negated(ops, last.condition)
    carried = loop.body.args[1:]
    unchanged = {id(result): value for result, value in zip(last.results, last.orelse.yields, strict=True)}
    if any(unchanged.get(id(y), y) is not arg for y, arg in zip(loop.body.yields, carried, strict=True)):
        return None
    return next((number for number, arg in enumerate(carried) if arg is flag), None)


def _negated(ops: list[Op], condition: Value) -> Value | None:
    for op in ops:
        if op.result is condition and op.row.algebra is Algebra.NOT:
            return op.operands[0]
    return None
