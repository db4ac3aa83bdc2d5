"""asin, acos, atan and atan2.

All but atan work in f64: the constants pi/2 and pi then need no low parts, square roots and quotients no corrections,
and no quotient of two f32 overflows or underflows.
"""

from __future__ import annotations

import math

from enigma.emit.simt.vmath.writer import Body, Kind, Value

# minimax on 0 <= z <= 1/4 with t^2 = z: (asin t - t) / t^3, relative error of the arcsine 2^-31.8
ASIN = (
    0.16666659972823733,
    0.0750050537390185,
    0.0445167101383626,
    0.03180989584382569,
    0.014429903909765679,
    0.0375292850262066,
)
# the same for the arctangent, 2^-31.9
ATAN = (
    -0.3333332691200431,
    0.19999488972067767,
    -0.14272060421681537,
    0.10940819705138868,
    -0.07983409333811085,
    0.038713563204758376,
)

# pi/4 and pi/2 rounded to f32, and what is missing then
QUARTER_PI, QUARTER_PI_LOW = 0.7853981852531433, -2.1855695000931213e-08
HALF_PI, HALF_PI_LOW = 1.5707963705062866, -4.3711390001862426e-08


def _arcsine(body: Body, x: Value) -> tuple[Value, Value]:
    """Return the mask |x| > 1/2 and, in f64, asin(t), with t = |x| or, in the mask, sqrt((1 - |x|) / 2)."""
    wide = x.abs().convert("fpext", Kind.F64)
    is_large = wide > 0.5
    halved = (1.0 - wide) * 0.5
    z = body.select(is_large, halved, wide * wide)
    t = body.select(is_large, halved.sqrt(), wide)
    return is_large, (t * z).fma(z.polynomial(ASIN), t)


def asin(body: Body, x: Value) -> Value:
    """Return the angle in [-pi/2, pi/2] whose sine is x; NaN outside of [-1, 1]."""
    is_large, angle = _arcsine(body, x)
    angle = body.select(is_large, angle.fma(-2.0, math.pi / 2), angle)
    return angle.convert("fptrunc", Kind.F32).copy_sign(x)


def acos(body: Body, x: Value) -> Value:
    """Return the angle in [0, pi] whose cosine is x; NaN outside of [-1, 1]."""
    is_large, angle = _arcsine(body, x)
    is_negative = x < 0.0
    doubled = angle * 2.0
    near_end = body.select(is_negative, math.pi - doubled, doubled)
    near_middle = body.select(is_negative, angle, -angle) + math.pi / 2
    return body.select(is_large, near_end, near_middle).convert("fptrunc", Kind.F32)


def _arctangent(body: Body, y: Value, x: Value) -> Value:
    """Return the angle in [0, pi/2] of the point (x, y), neither of them negative, in their kind.

    The point is turned by 0, pi/4 or pi/2 to bring its slope to [-1/2, 1/2].
    """
    is_flat, is_steep = y <= x * 0.5, y * 0.5 >= x
    rise = body.select(is_flat, y, body.select(is_steep, -x, y - x))
    run = body.select(is_flat, x, body.select(is_steep, y, y + x))
    parts = (QUARTER_PI, QUARTER_PI_LOW), (HALF_PI, HALF_PI_LOW)
    high, low = (
        body.select(is_flat, body.lift(y.kind, 0.0), body.select(is_steep, body.lift(y.kind, half), quarter))
        for quarter, half in zip(*parts, strict=True)
    )
    t = rise / run
    z = t * t
    return high + (t + (t * z).fma(z.polynomial(ATAN), low))


def atan(body: Body, x: Value) -> Value:
    """Return the angle in [-pi/2, pi/2] whose tangent is x."""
    return _arctangent(body, x.abs(), body.f32(1.0)).copy_sign(x)


def atan2(body: Body, y: Value, x: Value) -> Value:
    """Return the angle in [-pi, pi] of the point (x, y), by C's rules for zeros and infinities."""
    wide_y, wide_x = (value.abs().convert("fpext", Kind.F64) for value in (y, x))
    # beyond this size an infinity behaves like a finite number, and two of them are at pi/4
    wide_y, wide_x = (body.select(value.equals(math.inf), 2.0**400, value) for value in (wide_y, wide_x))
    # 0 / 0 is out of f32's sight: the angle of (tiny, 0)
    wide_x = body.select(wide_x.equals(0.0), 2.0**-400, wide_x)
    angle = _arctangent(body, wide_y, wide_x)
    angle = body.select(x.sign_bit().differs(0), math.pi - angle, angle)
    return angle.convert("fptrunc", Kind.F32).copy_sign(y)
