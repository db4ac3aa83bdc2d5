"""Exact arithmetic on the dtypes in Python's integers and fractions: what the rows' NumPy meanings are held against."""

from __future__ import annotations

import math
import random
import struct
from fractions import Fraction
from typing import Any

import numpy as np

from enigma.dtypes import Numeric, bf16, f16, f32

# bits of the significand with the hidden one, smallest and largest exponent of a normal number
FORMATS = {f32: (24, -126, 127), f16: (11, -14, 15), bf16: (8, -126, 127)}


def wrap(value: int, dtype: Numeric) -> int:
    """Return an integer modulo the width of `dtype`."""
    value &= (1 << dtype.width) - 1
    return value - (1 << dtype.width) if value > dtype.max else value


def hold(value: int, dtype: Numeric) -> int:
    """Return an integer held at the ends of `dtype`."""
    return max(dtype.min, min(dtype.max, value))


def nearest(value: Fraction | float | int, dtype: Numeric) -> float:
    """Return the number of `dtype` nearest to `value`, ties to even; too large ones become infinite."""
    if isinstance(value, float) and not math.isfinite(value):
        return value
    exact = Fraction(value)
    if exact == 0:
        return value if isinstance(value, float) else 0.0
    digits, low, high = FORMATS[dtype]
    size = abs(exact)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    while Fraction(2) ** exponent > size:
        exponent -= 1
    while Fraction(2) ** (exponent + 1) <= size:
        exponent += 1
    unit = Fraction(2) ** (max(exponent, low) - digits + 1)
    steps, rest = divmod(size, unit)
    up = rest > unit / 2 or (rest == unit / 2 and steps % 2 == 1)
    rounded = (steps + up) * unit
    rounded = Fraction(rounded)
    limit = Fraction(2) ** (high + 1)
    result = math.inf if rounded >= limit else float(rounded)
    return -result if exact < 0 else result


def through_f32(value: Fraction | float | int, dtype: Numeric) -> float:
    """Return `value` rounded to f32 and then to `dtype`: 16-bit floats are computed in f32."""
    return nearest(nearest(value, f32), dtype)


def bits(value: Any, dtype: Numeric) -> int:
    """Return the bit pattern of a number, as an unsigned integer."""
    if not dtype.is_float:
        return int(value) & ((1 << dtype.width) - 1)
    if dtype is f16:
        return int.from_bytes(struct.pack("<e", value), "little")
    pattern = int.from_bytes(struct.pack("<f", value), "little")
    return pattern >> 16 if dtype is bf16 else pattern


def from_bits(pattern: int, dtype: Numeric) -> Any:
    """Return the number that a bit pattern stands for."""
    if not dtype.is_float:
        return wrap(pattern, dtype)
    if dtype is f16:
        return struct.unpack("<e", pattern.to_bytes(2, "little"))[0]
    return struct.unpack("<f", (pattern << 16 if dtype is bf16 else pattern).to_bytes(4, "little"))[0]


def ulps_between(x: float, y: float, dtype: Numeric) -> float:
    """Return how many numbers of `dtype` lie from x to y; 0 for two NaNs and for two zeros, infinite for one NaN."""
    if math.isnan(x) or math.isnan(y):
        return 0 if math.isnan(x) and math.isnan(y) else math.inf

    def place(value: float) -> int:
        pattern = bits(abs(value), dtype)
        return -pattern if value < 0 else pattern

    return abs(place(x) - place(y))


def extremes(dtype: Numeric) -> list[Any]:
    """Return the numbers of `dtype` where mistakes hide."""
    if dtype.kind == "b":
        return [False, True]
    if dtype.is_integer:
        around = {
            0,
            1,
            2,
            3,
            5,
            7,
            31,
            dtype.min,
            dtype.min + 1,
            dtype.max,
            dtype.max - 1,
            dtype.max // 2,
            dtype.max // 3,
        }
        return sorted(around | ({-1, -2, -3, -7, dtype.min // 2} if dtype.is_signed else set()))
    digits, low, high = FORMATS[dtype]
    tiny, small, large = 2.0 ** (low - digits + 1), 2.0**low, 2.0**high * (2 - 2.0 ** (1 - digits))
    sizes = [0.0, tiny, small, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 7.0, 1 - 2.0**-digits, large, math.inf]
    return [*sizes, *(-size for size in sizes), math.nan]


def samples(dtype: Numeric, count: int, seed: int) -> list[Any]:
    """Return random numbers of `dtype` of all magnitudes; no NaN."""
    chance = random.Random(f"{dtype.name} {seed}")
    if dtype.kind == "b":
        return [chance.random() < 0.5 for _ in range(count)]
    if dtype.is_integer:
        widths = [chance.randint(1, dtype.width) for _ in range(count)]
        return [wrap(chance.getrandbits(width) * chance.choice((1, -1)), dtype) for width in widths]
    found = [from_bits(chance.getrandbits(dtype.width), dtype) for _ in range(count)]
    return [x if math.isfinite(x) else 1.25 for x in found]


def array(values: list[Any], dtype: Numeric) -> Any:
    """Return the values as an array of shape (1, n)."""
    return np.array(values, dtype.numpy)[None, :]


def values(result: Any, dtype: Numeric) -> list[Any]:
    """Return an array's elements as Python numbers."""
    flat = np.asarray(result).reshape(-1)
    with np.errstate(invalid="ignore"):  # a signalling NaN
        return flat.astype(np.float64).tolist() if dtype.is_float else flat.tolist()
