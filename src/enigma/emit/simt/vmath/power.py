"""pow with C's special cases: |x|^y = 2^(y log2 |x|) in f64.

log2 has 37 good bits, for y log2 |x| is below 160 where the result is in range.
"""

from __future__ import annotations

import math

from enigma.emit.simt.vmath.exponential import EXP2, clamp, power_of_two, whole
from enigma.emit.simt.vmath.writer import Body, Kind, Value

SQRT_HALF_BITS = 0x3FE6A09E667F3BCD

# log2(m) = s (2/ln 2 + s^2 p(s^2)) with s = (m - 1) / (m + 1), m in [sqrt(1/2), sqrt(2)]: minimax,
# relative error 2^-37.6
LOG2 = (2.0 / math.log(2.0), 0.9617966792332641, 0.5770828441053532, 0.41170679087930273, 0.3402107283677878)


def wide_log2(body: Body, x: Value) -> Value:
    """Return log2 of an f64 that is positive and normal, or zero, infinity or NaN."""
    shifted = x.as_bits() - SQRT_HALF_BITS
    exponent = shifted.shift_arithmetic(52).convert("trunc", Kind.I32).convert("sitofp", Kind.F64)
    m = ((shifted & 0xFFFFFFFFFFFFF) + SQRT_HALF_BITS).as_float()
    s = (m - 1.0) / (m + 1.0)
    result = s.fma((s * s).polynomial(LOG2), exponent)
    result = body.select(x < math.inf, result, x)
    return body.select(x.equals(0.0), -math.inf, result)


def wide_exp2(exponent: Value) -> Value:
    """Return 2^exponent of an f64 whose power is normal, with a relative error of 2^-32."""
    k, bits = whole(exponent, 1.0)
    r = exponent - k
    return r.fma(r.polynomial(EXP2), 1.0) * power_of_two(bits)


def pow(body: Body, x: Value, y: Value) -> Value:  # the name is C's
    """Return x to the power y. pow(x, 0) and pow(1, y) are 1 even for NaN; a negative x takes whole numbers y only."""
    wide = y.convert("fpext", Kind.F64)
    exponent = clamp(body, wide * wide_log2(body, x.abs().convert("fpext", Kind.F64)), -160.0, 160.0)
    result = wide_exp2(exponent).convert("fptrunc", Kind.F32)

    # from 2^24 on every f32 is an even number
    has_fraction_bits = y.abs() < 2.0**24
    limited = body.select(has_fraction_bits, y, 0.0)
    nearest = limited.convert("fptosi", Kind.I32)
    is_whole = nearest.convert("sitofp", Kind.F32).equals(limited)
    is_negative = x.as_bits() < 0
    result = result.flip_sign(body.select(is_negative & is_whole, nearest << 31, 0))
    result = body.select((x < 0.0) & ~is_whole & (x > -math.inf), math.nan, result)
    is_one = y.equals(0.0) | x.equals(1.0) | (x.equals(-1.0) & y.abs().equals(math.inf))
    return body.select(is_one, 1.0, result)
