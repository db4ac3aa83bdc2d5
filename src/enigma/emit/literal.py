"""Numbers as C-like source: the shortest text that reads back as exactly the same value of the dtype."""

from __future__ import annotations

import math
import re
import struct

from enigma.dtypes import Numeric, bf16, f16, f32
from enigma.errors import InternalError

_SUFFIX = {"i32": "", "u32": "u", "i64": "l", "u64": "ul"}
_INT_MAX = 2**31 - 1
_LEADING = re.compile(r"e(-?)0+")


def typed(value: bool | int | float, dtype: Numeric) -> str:
    """Return `value` as an expression whose type is `dtype`, fit to be the argument of an overloaded function.

    >>> from enigma.dtypes import f16, f32, i32, u8, u32
    >>> typed(0.125, f32), typed(1e-5, f32), typed(0.5, f16), typed(5, u32), typed(5, u8), typed(-2**31, i32)
    ('0.125f', '1e-5f', '0.5h', '5u', 'uchar(5)', '(-2147483647 - 1)')
    """
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.is_float:
        return _float(float(value), dtype)
    number = int(value)
    if dtype.width < 32:
        return f"{dtype.metal_name}({number})"
    suffix = _SUFFIX[dtype.name]
    if dtype.is_signed and number == dtype.min:
        return f"(-{dtype.max}{suffix} - 1{suffix})"
    return f"{number}{suffix}"


def untyped(value: bool | int | float, dtype: Numeric) -> str:
    """Return `value` where its surroundings convert it: an integer that fits an int loses its suffix and cast.

    >>> from enigma.dtypes import f32, u8, u32
    >>> untyped(5, u32), untyped(5, u8), untyped(2**32 - 1, u32), untyped(5, f32)
    ('5', '5', '4294967295u', '5.0f')
    """
    if dtype.is_integer and -_INT_MAX <= int(value) <= _INT_MAX:
        return str(int(value))
    return typed(value, dtype)


def _float(value: float, dtype: Numeric) -> str:
    if dtype is bf16:
        return f"bfloat({_float(value, f32)})"
    if math.isnan(value) or math.isinf(value):
        word = "NAN" if math.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
        return word if dtype is f32 else f"{dtype.metal_name}({word})"
    text = _shortest(value, "<e" if dtype is f16 else "<f")
    return text + ("h" if dtype is f16 else "f")


def _shortest(value: float, code: str) -> str:
    """Return the fewest digits that round to the same number, written `1e-5`, `0.125`, `3.0`."""
    bits = _bits(value, code)
    for digits in range(1, 18):
        candidate = float(f"{value:.{digits}g}")
        if bits is not None and _bits(candidate, code) == bits:
            return _LEADING.sub(r"e\1", repr(candidate).replace("e+", "e"))
    raise InternalError(f"the constant {value!r} does not fit its dtype")


def _bits(value: float, code: str) -> bytes | None:
    """Return the value's bytes in a narrower format, or None beyond its range."""
    try:
        return struct.pack(code, value)
    except OverflowError:
        return None
