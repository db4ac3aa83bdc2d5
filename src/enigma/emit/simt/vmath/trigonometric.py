"""sin, cos and tan of f32 angles of any size, after reduction to [-pi/4, pi/4] (see `reduction`)."""

from __future__ import annotations

from collections.abc import Callable

from enigma.emit.simt.vmath.reduction import SMALL_ANGLE, reduce_large, reduce_small
from enigma.emit.simt.vmath.writer import Body, Kind, Value

# all minimax on |r| <= pi/4 + 0.02, with z = r^2
# (sin r - r) / r^3, relative error of the sine 2^-27.7, and 2^-37.1 for f64
SIN = (-0.16666652634421306, 0.00833203638841202, -0.0001949849748295637)
SIN_WIDE = (-0.16666666634996474, 0.00833332864624115, -0.00019839104795570645, 2.7161845939947892e-06)
# (cos r - 1 + z/2) / z^2 after the exact 1 - z/2, relative error of the cosine 2^-32.6, and 2^-42.5 for f64
COS = (-0.5, 0.04166664219744929, -0.0013887147349846266, 2.4413968758076923e-05)
COS_WIDE = (-0.5, 0.041666666608764835, -0.0013888882608024864, 2.4799232161895547e-05, -2.7187461105884175e-07)

F32_BITS = -1 << 29
"""Mask of the bits of an f64 that an f32 keeps, in the range of exponents of both."""

Reduced = tuple[Value, Value]


def _wave(body: Body, reduced: Reduced, shift: int, sign: Value | None) -> Value:
    """Return sin(r + (k + shift) pi/2), its sign flipped by `sign`.

    r rounded to f32 alone would cost half an ulp, or a whole one where the sine is in the next lower binade.
    """
    wide, k = reduced
    if shift:
        k = k + shift
    high = (wide.as_bits() & F32_BITS).as_float()
    r, low = high.convert("fptrunc", Kind.F32), (wide - high).convert("fptrunc", Kind.F32)
    z = r * r
    sine = r + (r * z).fma(z.polynomial(SIN), low)
    cosine = z.fma(z.polynomial(COS), -(r * low)) + 1.0
    result = body.select((k & 1).differs(0), cosine, sine)
    flip = (k & 2) << 30
    return result.flip_sign(flip if sign is None else flip ^ sign)


def _tangent(body: Body, reduced: Reduced, sign: Value) -> Value:
    """Return tan(r + k pi/2), its sign flipped by `sign`.

    Sine and cosine are computed in f64, so that only three roundings count.
    """
    r, k = reduced
    z = r * r
    sine = (r * z).fma(z.polynomial(SIN_WIDE), r).convert("fptrunc", Kind.F32)
    cosine = z.fma(z.polynomial(COS_WIDE), 1.0).convert("fptrunc", Kind.F32)
    is_odd = (k & 1).differs(0)
    quotient = body.select(is_odd, cosine, sine) / body.select(is_odd, sine, cosine)
    return quotient.flip_sign(((k & 1) << 31) ^ sign)


def _of_any_angle(body: Body, x: Value, function: Callable[[Body, Value, Reduced], Value]) -> Value:
    """Return function(body, x, reduced |x|), with the long reduction only where a lane needs it."""

    def large(rare: Body, x: Value) -> Value:
        return function(rare, x, reduce_large(rare, x.abs()))

    angle = x.abs()
    return body.repair(~(angle <= SMALL_ANGLE), function(body, x, reduce_small(angle)), [x], large)


def sin(body: Body, x: Value) -> Value:
    """Return the sine of x radians."""
    return _of_any_angle(body, x, lambda body, x, reduced: _wave(body, reduced, 0, x.sign_bit()))


def cos(body: Body, x: Value) -> Value:
    """Return the cosine of x radians."""
    return _of_any_angle(body, x, lambda body, _, reduced: _wave(body, reduced, 1, None))


def tan(body: Body, x: Value) -> Value:
    """Return the tangent of x radians."""
    return _of_any_angle(body, x, lambda body, x, reduced: _tangent(body, reduced, x.sign_bit()))
