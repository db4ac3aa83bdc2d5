"""Bringing an angle to [-pi/4, pi/4]: x = k pi/2 + r, computed in f64.

Up to 2^17 two subtractions do: pi/2 in 86 bits, whose first part has so few that its products with k are exact.
Beyond, x mod 2 pi needs the bits of 2/pi from where they begin to matter (Payne and Hanek, "Radian reduction for
trigonometric functions", SIGNUM 1983). The large f32 closest to a multiple of pi/2, 16367173 * 2^72, is 1.6e-9 away, so
that 64 bits of fraction leave at least 34 in r.
"""

from __future__ import annotations

import math
from itertools import pairwise

from enigma.emit.simt.vmath.exponential import whole
from enigma.emit.simt.vmath.writer import Body, Kind, Value

SMALL_ANGLE = 2.0**17
TWO_OVER_PI = 0.6366197723675814
HALF_PI_HIGH = float.fromhex("0x1.921fb544p+0")
HALF_PI_LOW = 6.077100506506192e-11

TWO_OVER_PI_BITS = (0, 0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB)
"""Words of 2/pi, highest first, the first word being its whole part: 224 bits of fraction."""


def reduce_small(angle: Value) -> tuple[Value, Value]:
    """Return r (f64) and k (i32, low bits only) for an f32 in [0, SMALL_ANGLE].

    k is found in f32, so |r| may exceed pi/4 by 0.013.
    """
    k, bits = whole(angle, TWO_OVER_PI)
    k, wide = k.convert("fpext", Kind.F64), angle.convert("fpext", Kind.F64)
    return k.fma(-HALF_PI_LOW, k.fma(-HALF_PI_HIGH, wide)), bits


def _word(body: Body, index: Value, offset: int) -> Value:
    """Return the word `offset` after the word `index` (0 to 4) of 2/pi. Selects, for a gather would need memory."""
    word = body.lift(Kind.I32, TWO_OVER_PI_BITS[offset])
    for start in range(1, 5):
        if start + offset < len(TWO_OVER_PI_BITS):
            word = body.select(index.equals(start), TWO_OVER_PI_BITS[start + offset], word)
    return word


def reduce_large(body: Body, angle: Value) -> tuple[Value, Value]:
    """Return r (f64) and k (i32, low bits only) for an f32 of at least 2^-7; r is NaN for infinity and NaN.

    With angle = M 2^e, M a whole number of 24 bits, the bits of 2/pi above 2^(1 - e) only add multiples of 4 to k.
    The next 96 bits times M, modulo 2^96, are k mod 4 in their top two bits and the fraction in the rest; we keep the
    top 64.
    """
    bits = angle.as_bits()
    mantissa = ((bits & 0x7FFFFF) | 0x800000).convert("zext", Kind.I64)
    offset = (bits >> 23) - 150 + 30  # of the first bit that matters, in TWO_OVER_PI_BITS
    index = offset >> 5
    words = [_word(body, index, i) for i in range(4)]
    first, second, third = (
        body.intrinsic("llvm.fshl", left, right, offset & 31).convert("zext", Kind.I64)
        for left, right in pairwise(words)
    )
    product = ((mantissa * first) << 32) + mantissa * second + (mantissa * third >> 32)
    k = (product + (1 << 61)) >> 62
    fraction = (product - (k << 62)).convert("sitofp", Kind.F64)
    r = fraction * (math.pi / 2 * 2.0**-62)
    r = body.select((angle < math.inf), r, math.nan)
    return r, k.convert("trunc", Kind.I32)
