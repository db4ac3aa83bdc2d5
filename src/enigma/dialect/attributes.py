"""Compile-time arguments and constants as MLIR attributes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xdsl.dialects.builtin import ArrayAttr, FloatAttr, IntegerAttr, IntegerType, StringAttr
from xdsl.ir import Attribute

from enigma.dialect.types import to_mlir
from enigma.dtypes import Numeric
from enigma.errors import InternalError
from enigma.spec.terms import Choice, Term

VALUE = "value"
"""The attribute that holds a constant's number."""

I64 = IntegerType(64)
"""The type of a compile-time int."""

_BIT = IntegerType(1)


def encode(term: Term, value: Any) -> Attribute:
    """Return the attribute of a compile-time argument: `"x"` for an enum's member, `256 : i64` for an int."""
    if isinstance(term, Choice):
        return StringAttr(term.enum(value).value)
    return IntegerAttr(int(value), I64)


def numbers(values: Iterable[Any], dtype: Numeric) -> ArrayAttr[Attribute]:
    """Return numbers of one dtype as an attribute: `[1 : ui8, 2 : ui8]`."""
    return ArrayAttr(number(value, dtype) for value in values)


def decode(term: Term | None, attr: Attribute | None) -> Any:
    """Return what `encode`, `number` or `numbers` wrote: an enum's member, an int, a bool, a float, or a tuple."""
    match attr:
        case StringAttr() if isinstance(term, Choice):
            return term.enum(attr.data)
        case IntegerAttr():
            return bool(attr.value.data) if attr.type == _BIT else attr.value.data
        case FloatAttr():
            return attr.value.data
        case ArrayAttr():
            return tuple(decode(None, item) for item in attr)
        case _:
            raise InternalError(f"the attribute {attr} is no compile-time argument")


def number(value: Any, dtype: Numeric) -> FloatAttr[Any] | IntegerAttr[Any]:
    """Return a number as the attribute of a constant of `dtype`: floats round to nearest, integers wrap around.

    >>> from enigma.dtypes import b1, f16, u8
    >>> str(number(0.1, f16)), str(number(-1, u8)), str(number(True, b1))
    ('9.997560e-02 : f16', '255 : ui8', 'true')
    """
    mlir: Any = to_mlir(dtype)
    if dtype.is_float:
        try:
            return FloatAttr(float(value), mlir)
        except OverflowError:  # beyond the largest finite number: IEEE rounds to infinity
            return FloatAttr(float("inf") if value > 0 else float("-inf"), mlir)
    if dtype.kind == "b":
        return IntegerAttr(1 if value else 0, mlir)
    whole = int(value) & ((1 << dtype.width) - 1)
    return IntegerAttr(whole - (1 << dtype.width) if whole > dtype.max else whole, mlir)
