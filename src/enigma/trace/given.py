"""What a user gave: how a message names it, what number a literal is, and whether it may be assigned without losing its kind."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, cast

from enigma.dtypes import (
    BufferType,
    Numeric,
    TextureType,
    as_dtype,
    b1,
    bf16,
    f16,
    f32,
    literal_dtype,
)
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc
from enigma.trace.undefined import Undefined
from enigma.trace.value import TracedValue

Literal = bool | int | float


def literal(value: Any) -> Literal | None:
    """Return a Python number for anything that is one (NumPy scalars among them), else None."""
    if isinstance(value, bool | int | float):
        return value
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        item = value.item()
        return item if isinstance(item, bool | int | float) else None
    return None


def describe(value: Any) -> str:
    """Return how a message names an argument: its dtype if it is traced, else what it is."""
    if isinstance(value, Undefined):
        value.refuse()
    if isinstance(value, TracedValue):
        match value.type:
            case Numeric():
                return value.type.name
            case BufferType():
                return f"a buffer of {value.type.element.name}"
            case TextureType():
                return f"a {value.type.kind.title} of {value.type.element.name}"
    if literal(value) is not None:
        return f"the literal {value!r}"
    if isinstance(value, str):
        return f"the text {value!r}"
    if value is None:
        return "None"
    if (described := getattr(cast("type[Any]", type(value)), "described", None)) is not None:
        return described(value)
    named = getattr(value, "__name__", None)
    if not callable(value) or not isinstance(named, str):
        return f"a Python {type(value).__name__}"
    if value.__module__ == "enigma" and _needs_nothing(value):
        return f"the function enigma.{named}, which is not called: write {named}()"
    return f"the Python function {named}"


def _needs_nothing(function: Callable[..., Any]) -> bool:
    """Return whether a function can be called without arguments."""
    empty = inspect.Parameter.empty
    return all(parameter.default is not empty for parameter in inspect.signature(function).parameters.values())


def part_of(value: TracedValue, name: str) -> str:
    """Return what to write instead of a buffer or a texture where one number is meant."""
    if isinstance(value.type, TextureType):
        return f"read a component of a texel: {value.name or name}.read(...).x"
    return f"read an element: {name}[i]"


def plural(count: int, word: str) -> str:
    """Return `1 value`, `2 values`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def located_dtype(dtype: Any, loc: SourceLoc) -> Numeric:
    """Return the dtype that `dtype` names; the error of an unknown one says where."""
    try:
        return as_dtype(dtype)
    except EnigmaTypeError as error:
        raise EnigmaTypeError(error.message, loc=loc, help=error.help) from None


def number_dtype(number: Literal, loc: SourceLoc) -> Numeric:
    """Return the dtype of a literal that nothing else decides; the error of one that fits none says where."""
    try:
        return literal_dtype(number)
    except EnigmaTypeError as error:
        raise EnigmaValueError(error.message, loc=loc, help=error.help) from None


_INFINITE: dict[Numeric, int] = {f16: 65520, bf16: (1 << 128) - (1 << 119), f32: (1 << 128) - (1 << 103)}
"""The numbers from which on rounding to a dtype gives infinity."""


def _float(value: Literal, dtype: Numeric, loc: SourceLoc) -> float:
    """Return `value` as a float; raises `EnigmaValueError` for a number that would become infinity."""
    if _INFINITE[dtype.element] <= abs(value) != math.inf:
        wider = "" if dtype.element is f32 else ", or compute in a wider dtype: x.to(enigma.f32)"
        raise EnigmaValueError(
            f"a literal is beyond the largest {dtype.name}: it would become infinity", loc=loc,
            help=f"write float('inf') for infinity{wider}",
        )  # fmt: skip
    return float(value)


def check_literal(value: Literal, dtype: Numeric, loc: SourceLoc) -> Literal:
    """Return `value` as a number of `dtype`; raises `EnigmaValueError` for one that does not fit."""
    if dtype is b1:
        if isinstance(value, bool) or value in (0, 1):
            return bool(value)
        raise EnigmaValueError(f"{value!r} is no bool", loc=loc, help="write True or False, or a comparison")
    if dtype.is_float:
        return _float(value, dtype, loc)
    if isinstance(value, float):
        if not value.is_integer():
            raise EnigmaValueError(
                f"the literal {value!r} is not a whole number, but {dtype.name} holds only those", loc=loc,
                help=f"write a whole number, or convert with the rounding you want: enigma.{dtype.name}(...)",
            )  # fmt: skip
        value = int(value)
    if not dtype.min <= value <= dtype.max:
        raise EnigmaValueError(
            f"the literal {value} does not fit into {dtype.name}, which holds {dtype.min} to {dtype.max}", loc=loc,
            help="write a number of that range, or use a wider or signed dtype: x.to(enigma.i64)",
        )  # fmt: skip
    return int(value)


def check_assignable(value: Any, wanted: Numeric, what: str, loc: SourceLoc) -> None:
    """Refuse to store what would silently lose its kind: a float into integers, a number into bools, half into bfloat."""
    dtype = wanted.element
    if (number := literal(value)) is not None:
        if dtype.is_integer and isinstance(number, float) and math.isfinite(number) and number.is_integer():
            number = int(number)
        check_literal(number, dtype, loc)
        return
    if not isinstance(value, TracedValue) or not isinstance(value.type, Numeric):
        help = part_of(value, "B") if isinstance(value, TracedValue) else "store a traced value or a Python number"
        raise EnigmaTypeError(f"{what} must be {dtype.name}, but it is given {describe(value)}", loc=loc, help=help)
    if value.type is wanted:
        return
    if value.type.parts not in (1, wanted.parts) or value.type.parts != value.type.lanes:
        if value.type.parts != value.type.lanes:
            raise EnigmaTypeError(
                f"{what} must be {wanted.name}, but {value.name or 'the value'} is {value.type.name}", loc=loc,
                help=f"take an element of the matrix: {value.name or 'm'}[0]",
            )  # fmt: skip
        hint = f"store a component: {value.name or 'v'}.x" if wanted.parts == 1 else "make a vector of that length"
        raise EnigmaTypeError(
            f"{what} must be {wanted.name}, but {value.name or 'the value'} is {value.type.name}", loc=loc, help=hint
        )
    own, shown, it = value.type.element, value.name or "the value", value.name or "x"
    if own.is_float and dtype.is_integer:
        raise EnigmaTypeError(
            f"{what} must be {dtype.name}, but {shown} is {own.name}: its fraction would be lost", loc=loc,
            help=f"say so: {it}.to(enigma.{dtype.name})",
        )  # fmt: skip
    if dtype is b1 and own is not b1:
        raise EnigmaTypeError(f"{what} must be b1, but {shown} is {own.name}", loc=loc, help=f"compare it: {it} != 0")
    if {own, dtype} == {f16, bf16}:
        raise EnigmaTypeError(
            f"{what} must be {dtype.name}, but {shown} is {own.name}, and Metal does not convert one to the other by itself",
            loc=loc, help=f"say so: {it}.to(enigma.{dtype.name})",
        )  # fmt: skip
