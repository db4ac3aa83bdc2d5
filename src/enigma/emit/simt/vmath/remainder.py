"""fmod, exact as C's is."""

from __future__ import annotations

import math

from enigma.emit.simt.vmath.exponential import ROUND_F64
from enigma.emit.simt.vmath.writer import Body, Kind, Value

LARGEST_QUOTIENT = 2.0**29
"""A whole number up to this, times an f32, is exact in f64."""


def _by_libm(_: Body, x: Value, y: Value) -> Value:
    return x % y


def fmod(body: Body, x: Value, y: Value) -> Value:
    """Return x - trunc(x / y) * y with the sign of x; NaN for infinite x or zero y.

    The remainder by the nearest quotient is exact in f64, and so is adding |y| where it came out negative. Quotients
    of 2^29 and more, and special cases, go to `frem`, a libm call a lane.
    """
    wide_x, wide_y = (value.abs().convert("fpext", Kind.F64) for value in (x, y))
    quotient = wide_x / wide_y
    nearest = (quotient + ROUND_F64) - ROUND_F64
    rest = wide_x - nearest * wide_y
    rest = body.select(rest < 0.0, rest + wide_y, rest)
    fast = rest.convert("fptrunc", Kind.F32).copy_sign(x)
    is_hard = ~((quotient < LARGEST_QUOTIENT) & (wide_y < math.inf))
    return body.repair(is_hard, fast, [x, y], _by_libm)
