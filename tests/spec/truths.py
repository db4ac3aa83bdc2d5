"""What each row means, in plain Python on one element: `TRUTHS[name](dtype, *numbers, **attributes)`.

Floats come and go as Python floats of the dtype's precision; a fraction or float that is returned is still to be rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from enigma.dtypes import Numeric, b1, f32, index
from tests.spec.exact import FORMATS, bits, from_bits, hold, nearest, wrap


def exact(*numbers: Any) -> tuple[Any, ...]:
    """Return fractions, or the floats as they are when one is not finite: then Python follows IEEE 754."""
    if all(math.isfinite(x) for x in numbers):
        return tuple(Fraction(x) for x in numbers)
    return numbers


def arithmetic(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return the truth of an operation that is exact before it is rounded or wrapped."""

    def truth(dtype: Numeric, *numbers: Any) -> Any:
        return wrap(compute(*numbers), dtype) if dtype.is_integer else compute(*exact(*numbers))

    return truth


def quotient(x: Any, y: Any) -> Any:
    """Return x / y as IEEE 754 has it, of fractions or floats."""
    if y != 0 or math.isnan(y):
        return x / y
    return math.nan if x == 0 or math.isnan(x) else math.inf if x > 0 else -math.inf


def div(dtype: Numeric, x: Any, y: Any) -> Any:
    """Truncating division of integers, the dividend over 0."""
    if dtype.is_float:
        sign = math.copysign(1, y) if y == 0 else 1  # a fraction has no negative zero
        return sign * quotient(*exact(x, y))
    if y == 0:
        return x
    size = abs(x) // abs(y)
    return wrap(size if (x < 0) == (y < 0) else -size, dtype)


def rem(dtype: Numeric, x: Any, y: Any) -> Any:
    """What truncating division leaves, 0 over 0."""
    if dtype.is_float:
        return math.nan if y == 0 or math.isinf(x) or math.isnan(x) or math.isnan(y) else math.fmod(x, y)
    return 0 if y == 0 else x - y * (abs(x) // abs(y)) * (1 if (x < 0) == (y < 0) else -1)


def floor_div(dtype: Numeric, x: Any, y: Any) -> Any:
    """Python's `//`; over an integer 0 the dividend."""
    if dtype.is_float:
        if y == 0 or not math.isfinite(x) or math.isnan(y):
            return math.nan
        return x // y if math.isinf(y) else Fraction(x) // Fraction(y)
    return x if y == 0 else wrap(x // y, dtype)


def floor_mod(dtype: Numeric, x: Any, y: Any) -> Any:
    """Python's `%`; 0 over an integer 0."""
    if dtype.is_float:
        if y == 0 or not math.isfinite(x) or math.isnan(y):
            return math.nan
        return x % y if math.isinf(y) else Fraction(x) % Fraction(y)
    return 0 if y == 0 else wrap(x % y, dtype)


def plain(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return the truth of a function that needs no dtype."""
    return lambda dtype, *numbers: compute(*numbers)


def wrapping(compute: Callable[..., int]) -> Callable[..., int]:
    """Return the truth of an integer function that wraps around."""
    return lambda dtype, *numbers: wrap(compute(*numbers), dtype)


def holding(compute: Callable[..., int]) -> Callable[..., int]:
    """Return the truth of an integer function that saturates."""
    return lambda dtype, *numbers: hold(compute(*numbers), dtype)


def on_bits(compute: Callable[[str], int | str]) -> Callable[..., int]:
    """Return the truth of a function of the bits, given as a string of 0 and 1, highest first."""

    def truth(dtype: Numeric, x: int) -> int:
        out = compute(format(bits(x, dtype), f"0{dtype.width}b"))
        return wrap(int(out, 2) if isinstance(out, str) else out, dtype)

    return truth


def rotate(dtype: Numeric, x: int, n: int) -> int:
    """Rotate the string of bits."""
    text, by = format(bits(x, dtype), f"0{dtype.width}b"), n % dtype.width
    return wrap(int(text[by:] + text[:by], 2), dtype)


def extract(dtype: Numeric, x: int, *, offset: int, bits: int) -> int:
    """Cut the field out, and read its highest bit as a sign in a signed dtype."""
    field = (x >> offset) & ((1 << bits) - 1)
    return field - (1 << bits) if dtype.is_signed and bits and field >> (bits - 1) else field


def insert(dtype: Numeric, base: int, new: int, *, offset: int, bits: int) -> int:
    """Replace the field."""
    mask = ((1 << bits) - 1) << offset
    return wrap((base & ~mask) | ((new << offset) & mask), dtype)


def convert(source: Numeric, x: Any, *, dtype: Numeric) -> Any:
    """Convert one number."""
    if dtype.kind == "b":
        return x != 0
    if dtype.is_float:
        return float(x) if source.is_float else int(x)
    if not source.is_float:
        return wrap(int(x), dtype)
    if math.isnan(x):
        return 0
    return hold(int(x), dtype) if math.isfinite(x) else dtype.max if x > 0 else dtype.min


def smaller(x: float, y: float) -> float:
    """Return the smaller number; the other one where one is NaN."""
    return y if math.isnan(x) or y < x else x


def larger(x: float, y: float) -> float:
    """Return the larger number; the other one where one is NaN."""
    return y if math.isnan(x) or y > x else x


def sign(x: float) -> float:
    """Return -1, 0 or 1; 0 for NaN."""
    return (x > 0) - (x < 0) + 0.0


def fract(dtype: Numeric, x: float) -> Any:
    """Return x minus its floor, below 1 in the dtype itself."""
    if not math.isfinite(x):
        return math.nan if math.isnan(x) else None
    return min(Fraction(x) - math.floor(x), 1 - Fraction(2) ** -FORMATS[dtype][0])


def whole(function: Callable[[float], int]) -> Callable[..., Any]:
    """Return the truth of a rounding to whole numbers, which leaves what is not finite."""
    return lambda dtype, x: float(function(Fraction(x))) if math.isfinite(x) else x


def is_normal(dtype: Numeric, x: float) -> bool:
    """Return whether the exponent field is neither empty nor full."""
    return math.isfinite(x) and abs(x) >= 2.0 ** FORMATS[dtype][1]


def mix(dtype: Numeric, a: float, b: float, t: float) -> Any:
    """Return the exact interpolation."""
    return Fraction(a) + (Fraction(b) - Fraction(a)) * Fraction(t)


def smoothstep(dtype: Numeric, low: float, high: float, x: float) -> Any:
    """Return the exact polynomial."""
    t = max(Fraction(0), min(Fraction(1), (Fraction(x) - Fraction(low)) / (Fraction(high) - Fraction(low))))
    return t * t * (3 - 2 * t)


def as_type(source: Numeric, x: Any, *, dtype: Numeric) -> Any:
    """Return the bits in the other dtype."""
    return from_bits(bits(x, source), dtype)


def philox(dtype: Numeric, *numbers: int, word: int) -> int:
    """Return a word of Philox 4x32-10, as the paper's figure 4 and section 4.3 have it."""
    *counter, key0, key1 = numbers
    left0, right0, left1, right1 = counter[1], counter[0], counter[3], counter[2]
    for round in range(10):
        product0, product1 = right0 * 0xD2511F53, right1 * 0xCD9E8D57
        keys = [(key + round * weyl) % 2**32 for key, weyl in ((key0, 0x9E3779B9), (key1, 0xBB67AE85))]
        right0, right1 = product1 // 2**32 ^ left0 ^ keys[0], product0 // 2**32 ^ left1 ^ keys[1]
        left0, left1 = product1 % 2**32, product0 % 2**32
    return (right0, left0, right1, left1)[word]


TRUTHS: dict[str, Callable[..., Any]] = {
    "add": arithmetic(lambda x, y: x + y), "sub": arithmetic(lambda x, y: x - y), "mul": arithmetic(lambda x, y: x * y),
    "div": div, "rem": rem, "fmod": rem, "floordiv": floor_div, "mod": floor_mod, "neg": arithmetic(lambda x: -x),
    "cmp_eq": plain(lambda x, y: x == y), "cmp_ne": plain(lambda x, y: x != y), "cmp_lt": plain(lambda x, y: x < y),
    "cmp_le": plain(lambda x, y: x <= y), "cmp_gt": plain(lambda x, y: x > y), "cmp_ge": plain(lambda x, y: x >= y),
    "logical_and": plain(lambda x, y: x and y), "logical_or": plain(lambda x, y: x or y), "logical_not": plain(lambda x: not x),
    "select": lambda dtype, c, x, y: x if c else y, "convert": convert, "as_type": as_type,
    "floor": whole(math.floor), "ceil": whole(math.ceil), "round": whole(round), "trunc": whole(math.trunc),
    "sign": plain(sign), "saturate": plain(lambda x: 0.0 if math.isnan(x) else max(0.0, min(1.0, x))), "fract": fract,
    "fmin": plain(smaller), "fmax": plain(larger), "step": plain(lambda edge, x: 0.0 if x < edge else 1.0),
    "copysign": plain(math.copysign), "isnan": plain(math.isnan), "isinf": plain(math.isinf), "isfinite": plain(math.isfinite),
    "signbit": plain(lambda x: math.copysign(1, x) < 0), "isnormal": is_normal,
    "abs": lambda dtype, x: wrap(abs(x), dtype) if dtype.is_integer else abs(x), "abs_diff_unary": wrapping(abs),
    "imin": wrapping(min), "imax": wrapping(max), "iclamp": plain(lambda x, low, high: min(max(x, low), high)),
    "abs_diff": wrapping(lambda x, y: abs(x - y)), "add_sat": holding(lambda x, y: x + y), "sub_sat": holding(lambda x, y: x - y),
    "mul_hi": lambda dtype, x, y: wrap((x * y) >> dtype.width, dtype), "mad_sat": holding(lambda a, b, c: a * b + c),
    "rotate": rotate, "bitand": plain(lambda x, y: x & y), "bitor": plain(lambda x, y: x | y), "bitxor": plain(lambda x, y: x ^ y),
    "bitnot": lambda dtype, x: not x if dtype is b1 else wrap(~x, dtype),
    "shl": lambda dtype, x, n: wrap(x << (n % dtype.width), dtype),
    "shr": lambda dtype, x, n: x >> (n % dtype.width), "popcount": on_bits(lambda text: text.count("1")),
    "clz": on_bits(lambda text: len(text) - len(text.lstrip("0"))), "ctz": on_bits(lambda text: len(text) - len(text.rstrip("0"))),
    "reverse_bits": on_bits(lambda text: text[::-1]), "extract_bits": extract, "insert_bits": insert,
    "philox4x32": philox,
    "to_index": lambda dtype, x: wrap(x, index), "from_index": convert,
}  # fmt: skip

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": math.sqrt, "rsqrt": lambda x: 1 / math.sqrt(x), "exp": math.exp, "exp2": lambda x: 2.0**x, "log": math.log,
    "log2": math.log2, "log10": math.log10, "sin": math.sin, "cos": math.cos, "tan": math.tan, "asin": math.asin, "acos": math.acos,
    "atan": math.atan, "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "pow": math.pow, "atan2": math.atan2,
    "clamp": lambda x, low, high: min(max(x, low), high), "fma": lambda a, b, c: Fraction(a) * Fraction(b) + Fraction(c),
    "mix": lambda *x: mix(f32, *x), "smoothstep": lambda *x: smoothstep(f32, *x),
}  # fmt: skip
"""Functions on floats, on the domain that their row states."""


def rounded(value: Any, dtype: Numeric) -> Any:
    """Return a truth as the dtype holds it: floats through f32."""
    return nearest(nearest(value, f32), dtype) if dtype.is_float else value
