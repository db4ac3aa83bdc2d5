"""The transfer curve of sRGB (IEC 61966-2-1) for eight bits, in f64, so that no rounding to a code is ever off by one."""

from __future__ import annotations

from enigma.emit.simt.vmath.exponential import clamp, whole
from enigma.emit.simt.vmath.power import wide_exp2, wide_log2
from enigma.emit.simt.vmath.writer import Body, Kind, Value

LINEAR_END, CURVE_END = 0.0031308, 0.04045
"""Where the straight part ends, as light and as code / 255."""


def _power(body: Body, x: Value, up: int, down: int) -> Value:
    """Return x to the power up / down, of an f64 near 1: one step of Newton's on y^down = x^up leaves only rounding."""
    y = wide_exp2(wide_log2(body, x) * (up / down))
    return y.fma((_whole_power(x, up) / _whole_power(y, down) - 1.0) * (1.0 / down), y)


def _whole_power(x: Value, n: int) -> Value:
    if n == 1:
        return x
    half = _whole_power(x, n // 2)
    return half * half * x if n % 2 else half * half


def srgb_code(body: Body, x: Value) -> Value:
    """Return the code, a whole number from 0 to 255, that is nearest to linear light x in [0, 1]."""
    wide = x.convert("fpext", Kind.F64)
    above = clamp(body, wide, LINEAR_END, 1.0)
    curve = _power(body, above, 5, 12).fma(1.055, -0.055)
    value = body.select(wide > LINEAR_END, curve, wide * 12.92)
    return whole(value * 255.0, 1.0)[0].convert("fptrunc", Kind.F32)


def srgb_linear(body: Body, code: Value) -> Value:
    """Return the linear light of a code from 0 to 255, correctly rounded."""
    value = code.convert("fpext", Kind.F64) / 255.0
    base = clamp(body, value, CURVE_END, 1.0).fma(1.0 / 1.055, 0.055 / 1.055)
    curve = _power(body, base, 12, 5)
    return body.select(value > CURVE_END, curve, value / 12.92).convert("fptrunc", Kind.F32)
