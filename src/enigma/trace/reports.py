"""The functions by which a kernel speaks: lines of text, and conditions that must hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from enigma.dtypes import DTYPES, VECTORS, Numeric, Vector
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.spec.formats import Field, FormatError, Piece, joined, parse, refused, rendered
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import Report
from enigma.trace.control import captured, truth
from enigma.trace.given import describe, literal, plural
from enigma.trace.node import If
from enigma.trace.value import TracedValue, active

_FROZEN = re.compile(rf"<[^<>]*: ({'|'.join(repr(dtype) for dtype in (*DTYPES, *VECTORS))})>")
"""How a traced value shows itself: a text that has it was formatted when the kernel was compiled."""

_MESSAGE = """
The first argument, if it is a text, is a format: `{}` shows a value as Python does, `{:.3f}`, `{:5d}`, `{:08x}` as C and Python
both do, and `{{` is a brace. A vector is `(x, y, z)`, each component in the field's format. Where the text has no field, the
values follow it, a space between them. Values are traced ones, Python numbers and texts; an f-string would be filled in when the
kernel is compiled."""


def make_report(row: Intrinsic, kind: Report) -> Callable[..., Any]:
    """Return the function of a row that reports."""
    return _line(row) if kind is Report.LINE else _assertion(row)


def _line(row: Intrinsic) -> Callable[..., Any]:
    def call(*message: Any) -> None:
        loc = caller()
        _record(row, *_composed(row, message, loc), loc)

    call.__doc__ = f"""{row.doc}

The simulator and the CPU print when the launch is over, threads in order and each thread's lines as they came:
`kernel.py:12: thread (3, 0, 0) of threadgroup (0, 0, 0): x = 1.5`. They keep ENIGMA_PRINT_LINES lines (4096) and say how many
more there were. Metal writes to its log, from version 3.2.
{_MESSAGE}

Raises `EnigmaTypeError` for what cannot be shown or does not fit its field, `EnigmaValueError` for a text that is no format.

    enigma.{row.example}"""
    return call


def _assertion(row: Intrinsic) -> Callable[..., Any]:
    def call(condition: Any, *message: Any) -> None:
        loc, tracer = caller(), active()
        text, values = _composed(row, message, loc)
        if not isinstance(condition, TracedValue):
            describe(condition)  # a variable without a value says so
            if not condition:
                what = rendered(parse(text), tuple("a value" for _ in values))
                raise EnigmaValueError(
                    f"assertion failed when the kernel was compiled{': ' if what else ''}{what}", loc=loc,
                    help="its condition is a Python value, known now: change it, or what the kernel is compiled for",
                )  # fmt: skip
            return
        holds = truth(condition, loc)
        then, _ = captured(tracer, lambda: None)
        orelse, _ = captured(tracer, lambda: _record(row, text, values, loc))
        tracer.add(If(holds, then, orelse, [], loc))

    call.__doc__ = f"""{row.doc}

The kernel runs on; when the launch is over, `KernelAssertionError` says which thread failed first and what the values were. In
Metal, from version 3.2, it is an error in the log. A condition that is a Python value is tested when the kernel is compiled.
{_MESSAGE}

Raises `EnigmaTypeError` for what cannot be shown or does not fit its field, `EnigmaValueError` for a text that is no format, and
for a Python condition that does not hold.

    enigma.{row.example}"""
    return call


def _record(row: Intrinsic, text: str, values: Sequence[TracedValue], loc: SourceLoc) -> None:
    tracer = active()
    tracer.reports += 1
    tracer.apply(row, {"text": text, "site": tracer.reports - 1, row.variadic: tuple(values)}, loc)


def _composed(row: Intrinsic, message: Sequence[Any], loc: SourceLoc) -> tuple[str, list[Any]]:
    """Return the text of a message with a field for each traced value, and these values; Python's own are in the text."""
    pieces = _pieces(message, loc)
    fields = sum(isinstance(piece, Field) for piece in pieces)
    given = list(message[1:] if message and isinstance(message[0], str) else message)
    if fields and fields != len(given):
        raise EnigmaValueError(
            f"{row.public_name}: the text has {plural(fields, 'field')}, but it got {plural(len(given), 'value')}", loc=loc,
            help="write a {} for each value, and {{ for a brace",
        )  # fmt: skip
    if not fields:
        for _ in given:
            pieces += [" ", Field()] if pieces else [Field()]
    filled: list[Piece] = []
    values: list[Any] = []
    following = iter(given)
    for piece in pieces:
        if isinstance(piece, str):
            filled.append(_honest(row, piece, loc))
            continue
        value = next(following)
        if isinstance(value, str):
            filled.append(_honest(row, value, loc))
        elif literal(value) is not None:
            filled.append(_formatted(value, piece, loc))
        else:
            _check_field(row, piece, value, loc)
            shown = _numbers(value, loc)
            filled += [piece] if len(shown) == 1 else _bracketed(piece, len(shown))
            values += shown
    return joined(filled), values


def _numbers(value: Any, loc: SourceLoc) -> list[Any]:
    """Return the components of a vector; any other value as it is."""
    is_vector = isinstance(value, TracedValue) and isinstance(value.type, Vector)
    return list(active().components(value, loc)) if is_vector else [value]


def _bracketed(field: Field, count: int) -> list[Piece]:
    """Return the field of each component, as Python shows a tuple."""
    fields: list[Piece] = ["("]
    for k in range(count):
        fields += [", ", field] if k else [field]
    return [*fields, ")"]


def _pieces(message: Sequence[Any], loc: SourceLoc) -> list[Piece]:
    try:
        return list(parse(message[0])) if message and isinstance(message[0], str) else []
    except FormatError as error:
        raise EnigmaValueError(str(error), loc=loc, help=error.help) from None


def _honest(row: Intrinsic, text: str, loc: SourceLoc) -> str:
    """Return a text; refuses one that shows a traced value instead of its number."""
    if (found := _FROZEN.search(text)) is not None:
        raise EnigmaTypeError(
            f"{row.public_name}: the text holds {found[0]}, a value that has no number when the kernel is compiled", loc=loc,
            help='pass the value beside the text, without f"..." and str(): ("x = {}", x)',
        )  # fmt: skip
    return text


def _formatted(value: Any, field: Field, loc: SourceLoc) -> str:
    if not field.flags and not field.kind:
        return str(value)  # NumPy's numbers have a format that shows them as doubles
    try:
        return format(value, field.flags + field.kind)
    except ValueError:
        raise EnigmaTypeError(f"{field} cannot show {describe(value)}", loc=loc, help="write {}") from None


def _check_field(row: Intrinsic, field: Field, value: Any, loc: SourceLoc) -> None:
    if isinstance(value, TracedValue) and isinstance(value.type, Numeric) and (wrong := refused(field, value.type)):
        raise EnigmaTypeError(
            f"{row.public_name}: {wrong}", loc=loc, help="write {}, or convert the value: x.to(enigma.u32)"
        )
