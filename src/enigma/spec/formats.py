"""The texts that kernels print: pieces of text and fields for values, in a form that Python and C's printf both have.

`{}` shows a value as Python would. `{:08.3f}` has zeros, width, digits and a letter as in both languages: d for integers, x and X
for unsigned ones, e, f and g for floats. `{{` is a brace.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import Any

from enigma.dtypes import Numeric

_SPEC = re.compile(r"(0?)([1-9]\d*)?(?:\.(\d+))?([dxXeEfgG]?)")


class FormatError(ValueError):
    """What is wrong with a text; `help` is what to write instead."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


@dataclass(frozen=True, slots=True)
class Field:
    """The place of a value, with its format: C's and Python's alike. `flags` are zeros, width and digits; `kind` the letter."""

    flags: str = ""
    kind: str = ""

    def __str__(self) -> str:
        return f"{{:{self.flags}{self.kind}}}" if self.flags or self.kind else "{}"


Piece = str | Field


def parse(text: str) -> tuple[Piece, ...]:
    """Return the pieces of a text. Raises `FormatError` for what is no format.

    >>> parse("x = {}, {{{:.2f}}}")
    ('x = ', Field(flags='', kind=''), ', {', Field(flags='.2', kind='f'), '}')
    """
    pieces: list[Piece] = []
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise FormatError(f"the text {text!r} is no format: {error}", "write {{ or }} for a brace itself") from None
    for before, name, spec, conversion in parts:
        _add(pieces, before)
        if name is None:
            continue
        if name or conversion:
            raise FormatError(
                f"the field {{{name}}} of {text!r} is numbered, named or converted", "write {} for each value, in order"
            )
        pieces.append(_field(spec or ""))
    return tuple(pieces)


def _field(spec: str) -> Field:
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise FormatError(
            f"{{:{spec}}} is no format of a kernel", "zeros, a width, digits and a letter: {:08.3f}, {:5d}, {:x}"
        )
    zero, width, digits, kind = match.groups()
    if (digits is not None and kind.lower() not in ("e", "f", "g", "")) or (digits is not None and not kind):
        raise FormatError(f"{{:{spec}}} has digits after a point, but no e, f or g", f"write {{:.{digits}f}}")
    if zero and not width:
        raise FormatError(f"{{:{spec}}} has zeros, but no width", "write {:08d}")
    return Field(zero + (width or "") + (f".{digits}" if digits is not None else ""), kind)


def _add(pieces: list[Piece], text: str) -> None:
    if text and pieces and isinstance(last := pieces[-1], str):
        pieces[-1] = last + text
    elif text:
        pieces.append(text)


def joined(pieces: list[Piece]) -> str:
    """Return the text that `parse` reads as these pieces."""
    return "".join(
        str(piece) if isinstance(piece, Field) else piece.replace("{", "{{").replace("}", "}}") for piece in pieces
    )


def refused(field: Field, dtype: Numeric) -> str | None:
    """Return what is wrong with showing a value of `dtype` in a field, or None."""
    kind, wanted = field.kind.lower(), None
    if kind and kind in "efg" and not dtype.is_float:
        wanted = "a float"
    elif kind == "d" and not dtype.is_integer:
        wanted = "an integer"
    elif kind == "x" and not (dtype.is_integer and not dtype.is_signed):
        wanted = "an unsigned integer"
    elif field.flags and dtype.kind == "b":
        wanted = "a number"
    return None if wanted is None else f"{field} shows {wanted}, but the value is {dtype.name}"


def rendered(pieces: tuple[Piece, ...], values: tuple[Any, ...]) -> str:
    """Return the text with values in it: NumPy scalars, or Python's own numbers.

    >>> rendered(parse("{} of {:04x}"), (1.5, 255))
    '1.5 of 00ff'
    """
    following = iter(values)
    return "".join(_shown(next(following), piece) if isinstance(piece, Field) else piece for piece in pieces)


def _shown(value: Any, field: Field) -> str:
    if not field.kind:
        return (
            f"{value!s:>{field.flags.lstrip('0')}}"
            if field.flags and field.flags[0] != "0"
            else str(value).zfill(int(field.flags or 0))
        )
    number = float(value) if field.kind in "eEfgG" else int(value)
    return format(number, field.flags + field.kind)
