"""A report as a call in printf's form: the format literal, and arguments of the types that C passes."""

from __future__ import annotations

from collections.abc import Mapping

from enigma.dialect.names import place
from enigma.dialect.operation import IntrinsicOp
from enigma.dtypes import Numeric, f32, i32, u32
from enigma.emit.expr import Expr, cast_argument
from enigma.errors import InternalError
from enigma.spec.formats import Field, parse
from enigma.spec.spelling import Printf

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def printf_call(op: IntrinsicOp, spelling: Printf, operands: Mapping[str, Expr]) -> str:
    """Return the call that reports `operands`, its text starting with the Python line."""
    values, loc = list(operands.values()), place(op)
    following = iter(values)
    shown = [
        _conversion(piece, next(following).dtype) if isinstance(piece, Field) else _escaped(piece)
        for piece in parse(op.attr("text"))
    ]
    if next(following, None) is not None:
        raise InternalError(f"{op.ROW.name} has a value that its text does not show", loc=loc)
    where = "" if loc is None else f"{_escaped(loc.short_file)}:{loc.line}"
    parts = [part for part in (where, spelling.prefix, "".join(shown)) if part]
    return f"{spelling.function}({', '.join([_literal(': '.join(parts)), *map(_argument, values)])})"


def _literal(text: str) -> str:
    return f'"{text}"'


def _escaped(text: str) -> str:
    """Return a text as it stands between quotes; `%` is doubled, and other control characters are octal numbers."""
    found = "".join(
        _ESCAPES.get(c) or (c if c.isprintable() else "".join(f"\\{byte:03o}" for byte in c.encode())) for c in text
    )
    return found.replace("%", "%%").replace("??", "?\\?")  # two of them may begin a trigraph


def _conversion(field: Field, dtype: Numeric) -> str:
    """Return printf's specification for a value: %f, %d, %u, %ld and so on."""
    length = "l" if dtype.width == 64 else ""
    default = "f" if dtype.is_float else "u" if dtype.kind == "u" else "d"
    return (
        f"%{field.flags}{length}{field.kind if field.kind != 'd' else default}"
        if field.kind
        else f"%{field.flags}{length}{default}"
    )


def _argument(value: Expr) -> str:
    """Return a value as it is passed: what is narrower than an int or float is widened, as the format says."""
    dtype = value.dtype
    if dtype.width >= 32:
        return value.text
    wide = f32 if dtype.is_float else u32 if dtype.kind == "u" else i32
    return f"{wide.metal_name}({cast_argument(value).text})"
