"""log, log2 and log10 in f32: the exponent plus a polynomial in the mantissa, which is brought to [sqrt(1/2), sqrt(2)).

Denormal inputs count as zero whatever the mode of the processor, as they do on the GPU.
"""

from __future__ import annotations

import math

from enigma.emit.simt.vmath.writer import Body, Kind, Value

SMALLEST_NORMAL = 2.0**-126
SQRT_HALF_BITS = 0x3F3504F3

# minimax on [sqrt(1/2) - 1, sqrt(2) - 1]: (log1p(f) - f) / f^2, relative error of log1p 2^-27.9
LOG1P = (
    -0.4999998816528368,
    0.3333332422405058,
    -0.2500159858156307,
    0.2000208844268573,
    -0.16608794146470027,
    0.14179241862991826,
    -0.13242717960624756,
    0.12922034476239516,
    -0.07645108003385262,
)


def _logarithm(body: Body, x: Value, per_unit: tuple[float, float], per_octave: tuple[float, float]) -> Value:
    """Return the logarithm in the base in which e has the logarithm sum(per_unit), and 2 has sum(per_octave).

    The first parts are such that their products, with a mantissa and with an exponent, are exact.
    """
    shifted = x.as_bits() - SQRT_HALF_BITS
    exponent = shifted.shift_arithmetic(23).convert("sitofp", Kind.F32)
    f = ((shifted & 0x7FFFFF) + SQRT_HALF_BITS).as_float() - 1.0
    high, low = per_unit
    scale = high + low
    tail = f * f * f.polynomial([coefficient * scale for coefficient in LOG1P])
    if low:
        tail = f.fma(low, tail)
    if per_octave[1]:
        tail = exponent.fma(per_octave[1], tail)
    result = exponent.fma(per_octave[0], f * high + tail)
    result = body.select(x < math.inf, result, x)  # infinity and NaN
    result = body.select(x.abs() < SMALLEST_NORMAL, -math.inf, result)
    return body.select(x <= -SMALLEST_NORMAL, math.nan, result)


def log(body: Body, x: Value) -> Value:
    """Return the natural logarithm of x."""
    return _logarithm(body, x, (1.0, 0.0), (0.693359375, -2.1219444005469057e-4))


def log2(body: Body, x: Value) -> Value:
    """Return the logarithm of x in base 2; exact at powers of two."""
    return _logarithm(body, x, (1.0, 0.4426950408889634), (1.0, 0.0))


def log10(body: Body, x: Value) -> Value:
    """Return the logarithm of x in base 10."""
    return _logarithm(body, x, (0.5, -0.06570551809674817), (0.30078125, 2.487456639811952e-4))
