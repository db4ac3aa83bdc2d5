"""The functions of the language on the oracle's numbers: of integers exactly, of floats with their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tests.laws.numbers import EPSILON, WIDTH, Num, bounds, convert, inexact, pair, promoted, typed, wrap


def integers(exact: Callable[..., int]) -> Callable[..., Num]:
    """Return a function of integers that computes without bounds and wraps once; narrow ones keep their dtype."""

    def compute(*args: Any) -> Num:
        dtype = _common(args)
        numbers = [convert(typed(x, dtype), dtype).value for x in args]
        return Num(wrap(exact(WIDTH[dtype], bounds(dtype), *numbers), dtype), dtype)

    return compute


def _common(args: Sequence[Any]) -> str:
    dtypes = [x.dtype for x in args if isinstance(x, Num)]
    common = dtypes[0]
    for other in dtypes[1:]:
        common = common if other == common else promoted(common, other)
    return common


def _clip(ends: tuple[int, int], x: int) -> int:
    return min(max(x, ends[0]), ends[1])


def _rotate(width: int, x: int, n: int) -> int:
    n %= width
    x &= (1 << width) - 1
    return (x << n) | (x >> (width - n))


INTEGER: dict[str, Callable[..., int]] = {
    "imin": lambda w, ends, x, y: min(x, y),
    "imax": lambda w, ends, x, y: max(x, y),
    "iclamp": lambda w, ends, x, low, high: min(max(x, low), high),
    "abs_diff": lambda w, ends, x, y: abs(x - y),
    "add_sat": lambda w, ends, x, y: _clip(ends, x + y),
    "sub_sat": lambda w, ends, x, y: _clip(ends, x - y),
    "mul_hi": lambda w, ends, x, y: (x * y) >> w,
    "mad_sat": lambda w, ends, x, y, z: _clip(ends, x * y + z),
    "rotate": lambda w, ends, x, n: _rotate(w, x, n),
    "popcount": lambda w, ends, x: (x & ((1 << w) - 1)).bit_count(),
    "clz": lambda w, ends, x: w - (x & ((1 << w) - 1)).bit_length(),
    "ctz": lambda w, ends, x: w if x == 0 else (x & -x).bit_length() - 1,
    "reverse_bits": lambda w, ends, x: int(f"{x & ((1 << w) - 1):0{w}b}"[::-1], 2),
}


def extreme(*, larger: bool) -> Callable[[Any, Any], Num]:
    """Return the smaller or larger of two numbers; the other one where one is NaN."""

    def choose(x: Any, y: Any) -> Num:
        a, b, dtype = pair(x, y)
        error = max(a.error, b.error)
        if math.isnan(a.value) or math.isnan(b.value):
            return Num(b.value if math.isnan(a.value) else a.value, dtype, math.inf if error else 0.0)
        return Num((max if larger else min)(a.value, b.value), dtype, error)

    return choose


def whole(function: Callable[[float], float]) -> Callable[[Num], Num]:
    """Return a rounding of floats to whole numbers."""

    def compute(x: Num) -> Num:
        if not math.isfinite(x.value) or not math.isfinite(x.error):
            return Num(float(function(x.value)) if math.isfinite(x.value) else x.value, x.dtype, math.inf)
        value = math.copysign(float(function(x.value)), x.value)
        return Num(value, x.dtype, max(abs(function(x.value + e) - value) for e in (x.error, -x.error)))

    return compute


def sqrt(x: Num) -> Num:
    """Return the square root; NaN below zero."""
    if not x.value >= 0:
        return Num(math.nan, x.dtype, math.inf if x.error or math.isnan(x.value) else 0.0)
    if not math.isfinite(x.value):
        return Num(x.value, x.dtype, math.inf)
    root = math.sqrt(x.value)
    low = max(x.value - x.error, 0.0) if math.isfinite(x.error) else 0.0
    return inexact(root, max(root - math.sqrt(low), math.sqrt(x.value + x.error) - root), x.dtype)


def fma(a: Any, b: Any, c: Any) -> Num:
    """Return a * b + c, rounded once."""
    dtype = _common((a, b, c))
    x, y, z = (convert(typed(v, dtype), dtype) for v in (a, b, c))
    exact = x.value * y.value + z.value
    error = abs(x.value) * y.error + abs(y.value) * x.error + x.error * y.error + z.error
    return inexact(exact, error + abs(exact) * EPSILON[dtype] + abs(x.value * y.value) * EPSILON[dtype], dtype)
