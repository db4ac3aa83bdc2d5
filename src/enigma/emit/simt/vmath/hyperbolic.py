"""sinh and cosh in f64, tanh in f32."""

from __future__ import annotations

import math

from enigma.emit.simt.vmath.exponential import LOG2_E, clamp, exp_reduced, power_of_two, reduce_exp, whole
from enigma.emit.simt.vmath.writer import Body, Kind, Value

# minimax on |r| <= ln(2)/2, with z = r^2: (sinh r - r) / r^3, relative error of the sinh 2^-37.5
SINH = (0.16666666755606932, 0.008333288566461388, 0.0001990525433092778)
# 1/2 and (cosh r - 1 - z/2) / z^2, relative error of the cosh 2^-45.1
COSH = (0.5, 0.041666666815933916, 0.0013888830178303618, 2.487314665316987e-05)
# minimax on 0 <= z <= 1, with x^2 = z: (tanh x - x) / x^3, relative error of the tanh 2^-27.7
TANH = (
    -0.33333295432360055,
    0.13332344577223154,
    -0.05387980298196757,
    0.021486658501757204,
    -0.00794610799523027,
    0.0023013658391230125,
    -0.0003584523799671673,
)


def _halves(body: Body, x: Value) -> tuple[Value, Value, Value, Value]:
    """Return, for |x| = k ln 2 + r and in f64: sinh(r), cosh(r), sinh(k ln 2), cosh(k ln 2).

    The sum formulas made of these need no quotient and, other than e^x - e^-x, lose nothing near zero.
    """
    wide = clamp(body, x.abs(), 0.0, 90.0).convert("fpext", Kind.F64)
    k, bits = whole(wide, LOG2_E)
    r = k.fma(-math.log(2.0), wide)
    z = r * r
    up, down = power_of_two(bits - 1), power_of_two(-1 - bits)
    return (r * z).fma(z.polynomial(SINH), r), z.fma(z.polynomial(COSH), 1.0), up - down, up + down


def sinh(body: Body, x: Value) -> Value:
    """Return the hyperbolic sine of x."""
    s, c, turns_s, turns_c = _halves(body, x)
    return s.fma(turns_c, c * turns_s).convert("fptrunc", Kind.F32).copy_sign(x)


def cosh(body: Body, x: Value) -> Value:
    """Return the hyperbolic cosine of x."""
    s, c, turns_s, turns_c = _halves(body, x)
    return s.fma(turns_s, c * turns_c).convert("fptrunc", Kind.F32)


def tanh(body: Body, x: Value) -> Value:
    """Return the hyperbolic tangent of x: a polynomial up to 1, then 1 - 2 / (e^2x + 1)."""
    magnitude = x.abs()
    z = magnitude * magnitude
    small = (magnitude * z).fma(z.polynomial(TANH), magnitude)
    r, bits = reduce_exp(clamp(body, magnitude, 0.0, 10.0) * 2.0)
    large = 1.0 - body.f32(2.0) / (exp_reduced(r) * power_of_two(bits) + 1.0)
    return body.select(magnitude < 1.0, small, large).copy_sign(x)
