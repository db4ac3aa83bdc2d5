"""Compile-time arguments and constants as MLIR attributes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, FloatAttr, IntegerAttr, IntegerType, StringAttr
from xdsl.ir import Attribute

from enigma.dialect.types import to_mlir
from enigma.dtypes import Numeric
from enigma.errors import InternalError
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import Choice, Term, Text, Variadic

VALUE = "value"
"""The attribute that holds a constant's number."""

I64 = IntegerType(64)
"""The type of a compile-time int."""

SEGMENTS = "operand_segment_sizes"
"""The attribute by which MLIR tells optional operands apart; IRDL gives it this name."""

_BIT = IntegerType(1)


def encode(term: Term, value: Any) -> Attribute:
    """Return the attribute of a compile-time argument: `"x"` for an enum's member or a text, `256 : i64` for an int."""
    if isinstance(term, Choice):
        return StringAttr(term.enum(value).value)
    if isinstance(term, Text):
        return StringAttr(value)
    return IntegerAttr(int(value), I64)


def numbers(values: Iterable[Any], dtype: Numeric) -> ArrayAttr[Attribute]:
    """Return numbers of one dtype as an attribute: `[1 : ui8, 2 : ui8]`."""
    return ArrayAttr(number(value, dtype) for value in values)


def decode(term: Term | None, attr: Attribute | None) -> Any:
    """Return what `encode`, `number` or `numbers` wrote: an enum's member, a text, an int, a bool, a float, or a tuple."""
    match attr:
        case StringAttr() if isinstance(term, Choice):
            return term.enum(attr.data)
        case StringAttr() if isinstance(term, Text):
            return attr.data
        case IntegerAttr():
            return bool(attr.value.data) if attr.type == _BIT else attr.value.data
        case FloatAttr():
            return attr.value.data
        case ArrayAttr():
            return tuple(decode(None, item) for item in attr)
        case _:
            raise InternalError(f"the attribute {attr} is no compile-time argument")


def segments(row: Intrinsic, count: int) -> DenseArrayBase[Any]:
    """Return how many of `count` operands belong to each of those that IRDL knows: one, and of the variadic ones one or none.

    IRDL would hold variadic operands to a single type, so its definition has as many optional ones as there may be.
    """
    term = row.operands.get(row.variadic or "")
    if not isinstance(term, Variadic):
        raise InternalError(f"{row.name} has no variadic operands")
    most = len(row.operands) - 1 + term.most
    return DenseArrayBase.from_list(IntegerType(32), [1] * count + [0] * (most - count))


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
