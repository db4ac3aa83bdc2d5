"""One operation as an expression, from the spelling in its row."""

from __future__ import annotations

import re
import string
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from functools import cache

from enigma.dialect.attributes import VALUE
from enigma.dialect.names import place
from enigma.dialect.operation import IntrinsicOp, width_of
from enigma.dialect.structure import negation_of
from enigma.dialect.types import dtype_of
from enigma.dtypes import DTYPES, Numeric, b1
from enigma.emit.expr import (
    Expr,
    assembled,
    assigned,
    cast_argument,
    chosen,
    component,
    conversion,
    infix,
    literal,
    merged,
    name,
    prefix,
    splat,
    subscript,
    ternary,
)
from enigma.emit.printf import printf_call
from enigma.errors import EnigmaError, InternalError
from enigma.spec.spelling import (
    Builtin,
    Call,
    Infix,
    Into,
    Precedence,
    Prefix,
    Printf,
    Structural,
    Template,
    Unsupported,
)
from enigma.spec.terms import Algebra, Choice, DTypeArg, Effect, Static

SHORT_CIRCUIT = (Precedence.LOGICAL_AND, Precedence.LOGICAL_OR, Precedence.TERNARY)


class Speller(ABC):
    """Writes operations for one target; `target` is the field of the row, `title` what messages call it."""

    target: str
    title: str

    @abstractmethod
    def attribute(self, op: IntrinsicOp, member: Enum) -> str:
        """Return how the target writes a compile-time choice; raises `EnigmaError` where it has no such thing."""

    def type_name(self, dtype: Numeric) -> str:
        """Return the target's name of a dtype."""
        return dtype.metal_name

    def function(self, op: IntrinsicOp, function: str) -> str:
        """Return the name under which a function is called, in the precision that is asked for."""
        return function

    def sampler(self, op: IntrinsicOp) -> str:
        """Return the name of the sampler that an operation uses."""
        raise InternalError(f"{self.title} has no samplers", loc=place(op))

    def is_short_circuit(self, op: IntrinsicOp) -> bool:
        """Return whether the written form computes an operand only sometimes."""
        spelling = op.spelling(self.target)
        return isinstance(spelling, Infix | Template) and spelling.level in SHORT_CIRCUIT

    def expression(self, op: IntrinsicOp, operands: Mapping[str, Expr]) -> Expr:
        """Return `op` applied to `operands`."""
        row = op.ROW
        dtype = dtype_of(op.results[0].type) if op.results else b1
        if row.algebra is Algebra.CONST:
            return literal(op.attr(VALUE), dtype)
        expr = self._vector(op, operands, dtype) or self._spelled(op, operands, dtype)
        if row.algebra is Algebra.CONVERT:
            (inner,) = operands.values()
            expr = conversion(expr, inner) if inner.dtype is not dtype else inner
        if row.effect is Effect.READ:
            return replace(expr, reads=True)
        return replace(expr, sync=True) if row.effect is Effect.SYNC else expr

    def _vector(self, op: IntrinsicOp, operands: Mapping[str, Expr], dtype: Numeric) -> Expr | None:
        """Return an operation that is syntax of vectors; None for all others."""
        values = tuple(operands.values())
        match op.ROW.algebra:
            case Algebra.MAKE_2 | Algebra.MAKE_3 | Algebra.MAKE_4:
                return assembled(self.type_name(dtype), values, dtype)
            case Algebra.EXTRACT:
                return component(values[0], op.attr("lane"), dtype)
            case Algebra.SPLAT:
                return splat(f"{self.type_name(dtype)}({cast_argument(values[0]).text})", values[0], dtype)
            case Algebra.SELECT if dtype.lanes > 1:
                return chosen(values[0], values[1], values[2], dtype)
            case _:
                return None

    def _spelled(self, op: IntrinsicOp, operands: Mapping[str, Expr], dtype: Numeric) -> Expr:
        row, values = op.ROW, tuple(operands.values())
        spelling = op.spelling(self.target)
        match spelling:
            case Infix():
                left, right = values
                expr = infix(spelling, left, right, dtype, commutes=row.commutes)
                opposite = negation_of(op.results[0])
                other = opposite.spelling(self.target, op.dtype) if opposite is not None else None
                return replace(expr, opposite=infix(other, left, right, dtype)) if isinstance(other, Infix) else expr
            case Prefix():
                return prefix(spelling.symbol, values[0], dtype)
            case Call():
                function = self.function(op, spelling.function)
                return merged(f"{function}({self._arguments(op, operands)})", dtype, Precedence.POSTFIX, values)
            case Template() if row.algebra is Algebra.SELECT:
                condition, if_true, if_false = values
                return ternary(condition, if_true, if_false, dtype)
            case Template() if row.algebra is Algebra.STORE and (text := _updated(values)) is not None:
                return merged(text, dtype, spelling.level, values)
            case Template():
                return merged(self._template(op, spelling, operands), dtype, spelling.level, values)
            case Into():
                return merged(
                    "; ".join(self.statements(op, spelling, operands, "it")), dtype, Precedence.POSTFIX, values
                )
            case Printf():
                return merged(printf_call(op, spelling, operands), dtype, Precedence.POSTFIX, values)
            case Unsupported():
                raise self.unsupported(op, spelling.why)
            case Builtin() | Structural():
                raise InternalError(f"{row.name} is no expression", loc=place(op))

    def statements(self, op: IntrinsicOp, spelling: Into, operands: Mapping[str, Expr], out: str) -> list[str]:
        """Return the statements that put the result of `op` into the variable `out`."""
        parts = {**operands, "out": name(out, dtype_of(op.results[0].type))}
        return [self._template(op, Template(line), parts) for line in spelling.lines]

    def unsupported(self, op: IntrinsicOp, why: str) -> EnigmaError:
        """Return the error for an operation that the target cannot express."""
        name = op.ROW.public_name or op.ROW.name
        return EnigmaError(f"{name} cannot be written in {self.title}: {why}", loc=place(op))

    def _arguments(self, op: IntrinsicOp, operands: Mapping[str, Expr]) -> str:
        return ", ".join(
            operands[param].text if param in operands else self._attribute_text(op, param)
            for param in op.ROW.params
            if not isinstance(op.ROW.params[param], DTypeArg) and param != op.ROW.precision
        )

    def _attribute_text(self, op: IntrinsicOp, key: str) -> str:
        value = op.attr(key)
        if isinstance(op.ROW.params[key], Choice):
            return self.attribute(op, value)
        return self.type_name(value) if isinstance(value, Numeric) else str(value)

    def _template(self, op: IntrinsicOp, spelling: Template, operands: Mapping[str, Expr]) -> str:
        parts: list[str] = []
        lanes = width_of(op)
        for before, key, role, optional in _fields(spelling):
            number = key in operands and operands[key].dtype.lanes == 1  # as is what it is converted to
            parts.append(before if lanes == 1 or number else _TYPE.sub(rf"\g<0>{lanes}", before))
            if optional:
                zero = _unless_zero(operands[key], optional) if key in operands else None
                parts.append(self._unless_default(op, key, optional) if zero is None else zero)
                continue
            if key == "T":
                parts.append(self.type_name(self._bound(op)))
            elif key == "R":
                parts.append(self.type_name(dtype_of(op.results[0].type)))
            elif key == "S":
                parts.append(self.sampler(op))
            elif key == "W":
                parts.append(str(self._bound(op).lanes).removeprefix("1"))
            elif key in operands:
                parts.append(_in_role(operands[key], role, spelling))
            elif key:
                parts.append(self._attribute_text(op, key))
        return "".join(parts)

    def _unless_default(self, op: IntrinsicOp, key: str, text: str) -> str:
        """Return a compile-time argument within `text`, and nothing where it is what the call means without it."""
        term = op.ROW.params[key]
        if not isinstance(term, Static):
            raise InternalError(f"{op.ROW.name}: {key} is no number fixed at compile time", loc=place(op))
        return "" if op.attr(key) == term.default else text.format(self._attribute_text(op, key))

    def _bound(self, op: IntrinsicOp) -> Numeric:
        if op.dtype is None:
            raise InternalError(f"{op.ROW.name} has no dtype to write")
        return op.dtype


def _unless_zero(expr: Expr, text: str) -> str:
    """Return an operand within `text`, and nothing where it is the number 0."""
    shown = subscript(expr)
    if shown.text == "0":
        return ""
    return text.format(shown.inside(Precedence.ADDITIVE, right=True) if "+" in text else shown.text)


def _updated(values: tuple[Expr, ...]) -> str | None:
    """Return a store of `A[i] + x` to `A[i]` as `A[i] += x`; None where C would convert or compute something else.

    Narrow elements are promoted and converted back by both forms, but not under every flag with the same warnings.
    """
    buf, index, value = values
    element = f"{buf.inside(Precedence.POSTFIX)}[{subscript(index).text}]"
    update = value.update
    if update is None or update.left != element or value.dtype.width < 32 or index.sync:
        return None
    return f"{element} {update.symbol}= {update.right.text}"


_TYPE = re.compile(r"\b(?:float|half|bfloat|bool|u?(?:char|short|int|long))(?=[(>])")
"""A type in a template, which is written for numbers: at a width it is the vector of them."""


class _Role(Enum):
    ARGUMENT = "argument"
    CAST = "cast"
    SUBSCRIPT = "subscript"
    ASSIGNED = "assigned"
    TIGHT = "tight"


def _in_role(expr: Expr, role: _Role, spelling: Template) -> str:
    match role:
        case _Role.CAST:
            return cast_argument(expr).text
        case _Role.SUBSCRIPT:
            return subscript(expr).text
        case _Role.ASSIGNED:
            return assigned(expr).text
        case _Role.TIGHT:
            return expr.inside(Precedence.POSTFIX)
        case _Role.ARGUMENT:
            return expr.text if spelling.level == Precedence.POSTFIX else expr.inside(spelling.level, right=True)


@cache
def _fields(spelling: Template) -> tuple[tuple[str, str, _Role, str], ...]:
    """Return each piece of a template: the text before a field, the field, what surrounds it, and its own text if optional."""
    types = tuple(f"{dtype.metal_name}(" for dtype in DTYPES)
    found: list[tuple[str, str, _Role, str]] = []
    previous = ""
    for before, key, optional, _ in string.Formatter().parse(spelling.text):
        role = _Role.ARGUMENT
        if key in spelling.tight:
            role = _Role.TIGHT
        elif before.endswith("["):
            role = _Role.SUBSCRIPT
        elif before.endswith(" = "):
            role = _Role.ASSIGNED
        elif before.endswith(types) or (before == "(" and previous in ("T", "R", "W")):
            role = _Role.CAST
        found.append((before, key or "", role, optional or ""))
        previous = key or ""
    return tuple(found)
