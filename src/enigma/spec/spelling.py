"""How an operation is spelled in a C-like target: an operator, a call, a template, a kernel parameter, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from enigma.dtypes import Numeric, Space


class Precedence(IntEnum):
    """C's operator precedence, loosest first; an operand looser than its place is put in parentheses."""

    ANY = 0
    TERNARY = 3
    LOGICAL_OR = 4
    LOGICAL_AND = 5
    BIT_OR = 6
    BIT_XOR = 7
    BIT_AND = 8
    EQUALITY = 9
    RELATIONAL = 10
    SHIFT = 11
    ADDITIVE = 12
    MULTIPLICATIVE = 13
    UNARY = 14
    POSTFIX = 15


@dataclass(frozen=True, slots=True)
class Infix:
    """A binary operator between its two operands."""

    symbol: str
    level: Precedence


@dataclass(frozen=True, slots=True)
class Prefix:
    """A unary operator before its operand."""

    symbol: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function call with the value operands in order; `cast` casts the float result of a narrower dtype back."""

    function: str


@dataclass(frozen=True, slots=True)
class Template:
    """Free text with `{parameter}` placeholders; `{T}` is the spelling of the bound dtype, `{R}` of the result's.

    `{S}` is the name of the sampler that the compile-time arguments describe.

    `{W}` is how many components the bound dtype has, as a type's name says it: nothing for one.
    `{parameter:text {}}` is written only where a number fixed at compile time is not its default.

    `level` is the precedence of the whole; parameters in `tight` are parenthesised unless they bind as a postfix does.
    The elements of buffers in `atomic` must be declared with their atomic type.
    """

    text: str
    level: Precedence = Precedence.POSTFIX
    tight: tuple[str, ...] = ()
    atomic: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Into:
    """Statements, each a `Template`'s text, that put the result into a variable which `{out}` names.

    `{operand:text {}}` is written only where an operand is not the number 0.
    """

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Printf:
    """A call with the row's text as a literal in printf's form, the Python line and `prefix` before it, and then the values."""

    function: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Builtin:
    """A kernel parameter with an attribute, added only where used; `vector` ones are indexed by axis."""

    attribute: str
    vector: bool


@dataclass(frozen=True, slots=True)
class Structural:
    """Spelled by the emitter itself, since it is part of the language's syntax (a constant, a declaration)."""


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The target cannot express the operation, and `why`."""

    why: str


Spelling = Infix | Prefix | Call | Template | Into | Printf | Builtin | Structural | Unsupported
Spellings = Spelling | Mapping[Numeric, Spelling] | Mapping[tuple[Numeric, Space], Spelling]
"""One spelling for all dtypes, or one per dtype of the first type variable, or per dtype and the buffer's address space."""


def unsupported(why: str) -> Unsupported:
    """Return the mark of an operation that a target does not have; `why` goes into the user's error message."""
    return Unsupported(why)
