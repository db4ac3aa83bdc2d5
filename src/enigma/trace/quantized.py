"""Small integers packed into words, and the floats they stand for: what kernels on quantised weights are made of.

Packing keeps the low bits of each number, the first number in the lowest. The formats are those of common weight files: bytes,
and nibbles that are two's complement or unsigned.
"""

from __future__ import annotations

from typing import Any

from enigma.dtypes import Numeric, f32, i32, u32, widened
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.trace.given import describe, literal
from enigma.trace.public import public
from enigma.trace.tensor import Tensor
from enigma.trace.value import TracedValue, active

_ALL = (1 << 32) - 1
_NIBBLES = 8  # of a word


@public
def pack_uint8x4(b0: Any, b1: Any, b2: Any, b3: Any) -> Any:
    """Return the u32 with the low eight bits of four integers: b0 in bits 0 to 7, b3 in bits 24 to 31.

    Raises `EnigmaTypeError` for what is no integer.

        Out[i] = enigma.pack_uint8x4(r, g, b, 255)
    """
    loc = caller()
    given = {"b0": b0, "b1": b1, "b2": b2, "b3": b3}
    parts = [_word(x, f"pack_uint8x4: {name}", loc) & 0xFF for name, x in given.items()]
    return parts[0] | parts[1] << 8 | parts[2] << 16 | parts[3] << 24


@public
def unpack_uint8x4(p: Any) -> tuple[Any, Any, Any, Any]:
    """Return the four bytes of a word as u32 from 0 to 255, the lowest first.

    A signed p counts as its two's complement. Raises `EnigmaTypeError` for what is no integer.

        r, g, b, a = enigma.unpack_uint8x4(A[i])
    """
    word = _word(p, "unpack_uint8x4: p", caller())
    return word & 0xFF, word >> 8 & 0xFF, word >> 16 & 0xFF, word >> 24


@public
def pack_int4x2(lo: Any, hi: Any) -> Any:
    """Return the u32 with the low four bits of two integers: lo in bits 0 to 3, hi in bits 4 to 7; the others are 0.

    Numbers from -8 to 7 come back from `unpack_int4x2`. Raises `EnigmaTypeError` for what is no integer.

        Out[i] = enigma.pack_int4x2(lo, hi).to(enigma.u8)
    """
    loc = caller()
    low, high = (_word(x, f"pack_int4x2: {name}", loc) & 0xF for name, x in (("lo", lo), ("hi", hi)))
    return low | high << 4


@public
def unpack_int4x2(p: Any) -> tuple[Any, Any]:
    """Return the two lowest nibbles of p as i32 from -8 to 7: bits 0 to 3, and bits 4 to 7.

    Raises `EnigmaTypeError` for what is no integer.

        lo, hi = enigma.unpack_int4x2(A[i])
    """
    loc = caller()
    word, tracer = _word(p, "unpack_int4x2: p", loc), active()
    low, high = (tracer.convert(word << 28 - offset, i32, loc) >> 28 for offset in (0, 4))
    return low, high


@public
def dequantize_int8(x: Any, scale: Any, zero_point: Any = 0) -> Any:
    """Return `(x - zero_point) * scale` in f32, the difference in i32: the float that an 8-bit integer stands for.

    x is i8 or u8, or any integer; vectors of them give vectors. Raises `EnigmaTypeError` for floats in place of integers.

        w = enigma.dequantize_int8(W[i], S[row], 128)
    """
    loc, tracer = caller(), active()
    whole = tracer.convert(_integer(x, "dequantize_int8: x", loc), i32, loc)
    offset = _integer(zero_point, "dequantize_int8: zero_point", loc)
    if literal(offset) != 0:
        whole = whole - (offset if literal(offset) is not None else tracer.convert(offset, i32, loc))
    return tracer.convert(whole, f32, loc) * _scale(scale, "dequantize_int8", loc)


@public
def dequantize_int4(p: Any, scale: Any, zero_point: Any = 0, *, signed: bool = True) -> tuple[Any, Any]:
    """Return the floats that the eight nibbles of a word stand for: two f32x4, the lowest nibbles first.

    Each is `(nibble - zero_point) * scale`, of nibbles from -8 to 7, or from 0 to 15 where they are not `signed`. The zero
    point is an integer or a float. Raises `EnigmaTypeError` where p is no integer.

        low, high = enigma.dequantize_int4(W[k], S[k // 4], 8, signed=False)
    """
    loc = caller()
    return _eight(p, scale, zero_point, "dequantize_int4", loc, signed=signed)


@public
def load_int4(
    weights: Any, word: Any, scales: Any, group: Any, zero_points: Any = None, *, signed: bool = True
) -> tuple[Any, Any]:
    """Return the weights 8 * word to 8 * word + 7 of a buffer quantised in groups: two f32x4.

    `weights` holds u32 of eight nibbles, `scales` a number for every `group` weights (a Python int, a multiple of 8: often
    32, 64 or 128), `zero_points` as many or None for 0. Rows of a matrix follow each other without gaps, whole groups
    each. Raises `EnigmaTypeError` for other buffers, `EnigmaValueError` for another group.

        low, high = enigma.load_int4(W, row * (K // 8) + k, S, 32)
        total += enigma.dot(low, x.load(8 * k, 4)) + enigma.dot(high, x.load(8 * k + 4, 4))
    """
    loc = caller()
    size = literal(group)
    if not isinstance(size, int) or isinstance(size, bool):
        raise EnigmaTypeError(
            f"load_int4: group must be a Python int, but it is {describe(group)}", loc=loc,
            help="it is fixed when the kernel is compiled: use a number or an enigma.constexpr parameter",
        )  # fmt: skip
    if size <= 0 or size % _NIBBLES:
        raise EnigmaValueError(
            f"load_int4: group must be a multiple of {_NIBBLES}, the weights of a word, but it is {size}", loc=loc,
            help="groups of 32, 64 or 128 weights are usual",
        )  # fmt: skip
    packed = _buffer(weights, "weights", loc)
    if packed.dtype is not u32:
        raise EnigmaTypeError(
            f"load_int4: weights must be a buffer of u32, but {packed.name or 'it'} holds {packed.dtype.name}", loc=loc,
            help="eight nibbles make a u32: array.view(numpy.uint32) on the host",
        )  # fmt: skip
    number = _integer(word, "load_int4: word", loc)
    at = number // (size // _NIBBLES)
    zero = 0 if zero_points is None else _buffer(zero_points, "zero_points", loc)[at]
    return _eight(packed[number], _buffer(scales, "scales", loc)[at], zero, "load_int4", loc, signed=signed)


def _eight(p: Any, scale: Any, zero_point: Any, title: str, loc: SourceLoc, *, signed: bool) -> tuple[Any, Any]:
    word, tracer = _word(p, f"{title}: p", loc), active()
    factor, found = _scale(scale, title, loc), list[Any]()
    four = tracer.convert(word, widened(u32, 4), loc)
    for first in (0, 16):
        places = range(first, first + 16, 4)
        if signed:
            raised = four << tracer.vector(widened(u32, 4), [28 - place for place in places], loc)
            nibbles = tracer.convert(raised, i32, loc) >> 28
        else:
            nibbles = four >> tracer.vector(widened(u32, 4), [*places], loc) & 0xF
        numbers = tracer.convert(nibbles, f32, loc)
        if literal(zero_point) != 0:
            numbers = numbers - _scale(zero_point, title, loc, what="zero_point")
        found.append(numbers * factor)
    low, high = found
    return low, high


def _is_integer(x: Any) -> bool:
    number = literal(x)
    if number is not None:
        return isinstance(number, int) and not isinstance(number, bool)
    return isinstance(x, TracedValue) and isinstance(x.type, Numeric) and x.type.is_integer


def _integer(x: Any, what: str, loc: SourceLoc) -> Any:
    if not _is_integer(x):
        raise EnigmaTypeError(
            f"{what} must be an integer, but it is {describe(x)}", loc=loc,
            help="read an element, A[i], or convert it: x.to(enigma.i32)",
        )  # fmt: skip
    return x


def _word(x: Any, what: str, loc: SourceLoc) -> Any:
    """Return a number's low 32 bits as u32."""
    number, tracer = literal(_integer(x, what, loc)), active()
    if isinstance(number, int):
        return tracer.constant(number & _ALL, u32, loc)
    if x.type.parts != 1:
        raise EnigmaTypeError(
            f"{what} must be a single integer, but it is {describe(x)}", loc=loc, help="take a component: v.x"
        )
    return tracer.convert(x, u32, loc)


def _scale(x: Any, title: str, loc: SourceLoc, *, what: str = "scale") -> Any:
    number = literal(x)
    if number is not None and not isinstance(number, bool):
        return float(number)
    if not isinstance(x, TracedValue) or not isinstance(x.type, Numeric) or not (x.type.is_float or x.type.is_integer):
        raise EnigmaTypeError(
            f"{title}: {what} must be a number, but it is {describe(x)}", loc=loc, help="read an element: S[i]"
        )
    return active().convert(x, f32, loc)


def _buffer(x: Any, what: str, loc: SourceLoc) -> Tensor:
    if not isinstance(x, Tensor):
        raise EnigmaTypeError(
            f"load_int4: {what} must be a buffer, but it is {describe(x)}", loc=loc,
            help="pass the buffer itself: W, not W[i]",
        )  # fmt: skip
    return x
