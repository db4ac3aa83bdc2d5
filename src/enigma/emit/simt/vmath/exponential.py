"""exp and exp2 in f32: 2^k times a polynomial in the remainder, which lies within half a step of zero."""

from __future__ import annotations

from enigma.emit.simt.vmath.writer import Body, Kind, Operand, Value

LOG2_E = 1.4426950408889634
LN_2_HIGH = 0.693359375
"""ln 2 in ten bits, so that its product with a whole number below 2^14 is exact without a fused multiply-add."""
LN_2_LOW = -2.1219444005469057e-4

ROUND_F32 = 1.5 * 2.0**23
ROUND_F32_BITS = 0x4B400000
ROUND_F64 = 1.5 * 2.0**52
"""Added to a small number, it leaves the nearest whole number in the lowest bits: rounding without SSE4.1."""

# minimax on |r| <= ln(2)/2: (e^r - 1 - r) / r^2, relative error of e^r 2^-28.3
EXP = (0.4999999333366704, 0.1666651894258492, 0.04166840796310288, 0.008368921407383028, 0.0013814173441661212)
# minimax on |r| <= 1/2: (2^r - 1) / r, relative error of 2^r 2^-32
EXP2 = (
    0.6931471838557083,
    0.24022650923467911,
    0.055504002918880205,
    0.009618056342696111,
    0.001334198411003942,
    0.00015461598775840738,
    1.336003347946421e-05,
)


def whole(x: Value, factor: Operand) -> tuple[Value, Value]:
    """Return round(x * factor) as a float and, in the low bits of an integer, as two's complement.

    The product must be below 2^22 in magnitude (f32) or 2^51 (f64); otherwise, and for NaN, the results are some
    number.
    """
    magic = ROUND_F32 if x.kind is Kind.F32 else ROUND_F64
    shifted = x.fma(factor, magic)
    return shifted - magic, shifted.as_bits()


def power_of_two(k: Value) -> Value:
    """Return 2^k as a float for an integer k (only its low bits count) in the range of normal exponents."""
    bias, mantissa = (127, 23) if k.kind is Kind.I32 else (1023, 52)
    return ((k + bias) << mantissa).as_float()


def clamp(body: Body, x: Value, low: float, high: float) -> Value:
    """Return x within [low, high]; a NaN stays."""
    x = body.select(x < low, low, x)
    return body.select(x > high, high, x)


def _scale(mantissa: Value, bits: Value) -> Value:
    """Return mantissa * 2^k for k beyond both ends of f32, in two steps.

    The last step overflows or underflows as it should. `bits` come from `whole`.
    """
    k = bits - ROUND_F32_BITS
    half = k.shift_arithmetic(1)
    return mantissa * power_of_two(half) * power_of_two(k - half)


def exp_reduced(r: Value) -> Value:
    """Return e^r for |r| <= ln(2)/2, in f32."""
    return (r * r).fma(r.polynomial(EXP), r) + 1.0


def reduce_exp(x: Value) -> tuple[Value, Value]:
    """Return r in [-ln(2)/2, ln(2)/2] and the bits of k, with x = k ln 2 + r."""
    k, bits = whole(x, LOG2_E)
    return k.fma(-LN_2_LOW, k.fma(-LN_2_HIGH, x)), bits


def exp(body: Body, x: Value) -> Value:
    """Return e^x."""
    r, bits = reduce_exp(clamp(body, x, -104.0, 89.0))
    return _scale(exp_reduced(r), bits)


def exp2(body: Body, x: Value) -> Value:
    """Return 2^x."""
    x = clamp(body, x, -151.0, 129.0)
    k, bits = whole(x, 1.0)
    r = x - k
    return _scale(r.fma(r.polynomial(EXP2), 1.0), bits)
