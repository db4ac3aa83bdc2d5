"""Small matrices of each thread's own: putting together, taking apart, and their products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from enigma.dtypes import Matrix, Numeric, Vector, f16, f32, matrix
from enigma.errors import EnigmaIndexError, EnigmaTypeError, InternalError
from enigma.source import SourceLoc, caller
from enigma.spec.registry import by_role
from enigma.spec.terms import Role
from enigma.trace.infer import describe, literal, located_dtype
from enigma.trace.public import public
from enigma.trace.value import TracedValue, active

_OF = {2: Role.MATRIX_OF_2, 3: Role.MATRIX_OF_3, 4: Role.MATRIX_OF_4}


def kind_of(x: Any) -> Matrix | None:
    """Return the dtype of a small matrix, None for anything else."""
    return x.type if isinstance(x, TracedValue) and isinstance(x.type, Matrix) else None


def _apply(role: Role, loc: SourceLoc, **arguments: Any) -> Any:
    return active().apply(by_role()[role], arguments, loc)


def made(dtype: Matrix, values: Sequence[Any], loc: SourceLoc) -> TracedValue:
    """Return the matrix of these columns or numbers; of a single number, the one with it along the diagonal."""
    tracer = active()
    if len(values) == 1:
        only = values[0]
        if (kind := kind_of(only)) is not None:
            if (kind.columns, kind.rows) == (dtype.columns, dtype.rows):
                return converted(only, dtype, loc)
        elif not (isinstance(only, TracedValue) and isinstance(only.type, Vector)):
            number = tracer.convert(only, dtype.element, loc)
            return _apply(Role.MATRIX_DIAGONAL, loc, x=number, columns=dtype.columns, rows=dtype.rows)
    parts: list[Any] = []
    for value in values:
        is_vector = isinstance(value, TracedValue) and isinstance(value.type, Vector)
        parts += tracer.components(value, loc) if is_vector else [value]
    if len(parts) != dtype.parts or any(kind_of(part) is not None for part in parts):
        shown = describe(values[0]) if len(values) == 1 else f"{len(parts)} numbers"
        raise EnigmaTypeError(
            f"{dtype.name} has {dtype.columns} columns of {dtype.rows} rows, but it got {shown}", loc=loc,
            help=f"give {dtype.columns} vectors of {dtype.rows}, {dtype.parts} numbers column by column, or one for the diagonal",
        )  # fmt: skip
    rows = dtype.rows
    columns = [tracer.vector(dtype.column, parts[c * rows : (c + 1) * rows], loc) for c in range(dtype.columns)]
    return of_columns(columns, loc)


def of_columns(columns: Sequence[TracedValue], loc: SourceLoc) -> TracedValue:
    """Return the matrix of these columns, which are vectors of one dtype."""
    return _apply(_OF[len(columns)], loc, **dict(zip("xyzw", columns, strict=False)))


def columns_of(m: TracedValue, loc: SourceLoc) -> list[TracedValue]:
    """Return the columns of a matrix."""
    return [column(m, number, loc) for number in range(_kind(m).columns)]


def _kind(m: TracedValue) -> Matrix:
    kind = kind_of(m)
    if kind is None:
        raise InternalError(f"{m!r} is no small matrix")
    return kind


def column(m: TracedValue, index: Any, loc: SourceLoc) -> TracedValue:
    """Return the column of a matrix with this number, a Python int."""
    kind, number = _kind(m), literal(index)
    if not isinstance(number, int) or isinstance(number, bool):
        raise EnigmaTypeError(
            f"the columns of {m.name or 'a matrix'} are numbered by Python ints, but the index is {describe(index)}", loc=loc,
            help="write m[0], and m[0][1] for a component; matrices that are indexed at run time go into enigma.thread_alloc",
        )  # fmt: skip
    if not 0 <= number < kind.columns:
        raise EnigmaIndexError(
            f"column {number} of {m.name or 'a matrix'}, which is {kind.name}", loc=loc,
            help=f"columns are numbered from 0 to {kind.columns - 1}",
        )  # fmt: skip
    return _apply(Role.MATRIX_COLUMN, loc, m=m, lane=number, rows=kind.rows)


def converted(m: TracedValue, dtype: Numeric, loc: SourceLoc) -> TracedValue:
    """Return the matrix with its components converted to f32 or f16."""
    kind, element = _kind(m), dtype.element
    wanted = matrix(element, kind.columns, kind.rows) if element in (f32, f16) else None
    if wanted is None or (isinstance(dtype, Matrix) and dtype is not wanted) or isinstance(dtype, Vector):
        raise EnigmaTypeError(
            f"{kind.name} cannot become {dtype.name}", loc=loc, help="matrices hold f32 or f16: m.to(enigma.f16)"
        )
    if wanted is kind:
        return m
    return of_columns([active().convert(part, wanted.column, loc) for part in columns_of(m, loc)], loc)


def operator(symbol: str, operands: Sequence[Any], loc: SourceLoc) -> TracedValue:
    """Return the result of an operator on at least one small matrix, as Metal has them."""
    if symbol == "u-":
        return _apply(
            Role.MATRIX_TIMES_NUMBER, loc, a=operands[0], x=active().constant(-1.0, _kind(operands[0]).element, loc)
        )
    a, b = operands
    first, second = kind_of(a), kind_of(b)
    if symbol in ("*", "@") and (made := _multiplied(a, b, first, second, symbol, loc)) is not None:
        return made
    if symbol in ("+", "-") and first is not None and second is not None:
        return _apply(Role.MATRIX_PLUS if symbol == "+" else Role.MATRIX_MINUS, loc, a=a, b=b)
    raise EnigmaTypeError(
        f"`{symbol}` of {describe(a)} and {describe(b)}", loc=loc,
        help="matrices have * with matrices, vectors and numbers, and + and - with one another; for all else take columns: m[0]",
    )  # fmt: skip


def _multiplied(
    a: Any, b: Any, first: Matrix | None, second: Matrix | None, symbol: str, loc: SourceLoc
) -> TracedValue | None:
    """Return a product with a matrix; None where Metal has no such one."""
    if first is not None and second is not None:
        return _apply(Role.MATRIX_TIMES_MATRIX, loc, a=a, b=b, inner=first.columns)
    kind, other = (first, b) if first is not None else (second, a)
    if isinstance(other, TracedValue) and isinstance(other.type, Vector):
        role = Role.MATRIX_TIMES_VECTOR if first is not None else Role.VECTOR_TIMES_MATRIX
        return _apply(role, loc, **({"a": a, "v": b} if first is not None else {"v": a, "a": b}))
    if symbol == "@" or kind is None:
        return None
    number = active().assigned(other, kind.element, "the number beside `*` of a matrix", loc)
    return _apply(Role.MATRIX_TIMES_NUMBER, loc, a=a if first is not None else b, x=number)


def _result(value: TracedValue, dtype: Any, loc: SourceLoc) -> TracedValue:
    return value if dtype is None else active().convert(value, located_dtype(dtype, loc), loc)


@public
def matmul(a: Any, b: Any, result_dtype: Any = None) -> TracedValue:
    """Return the product of two small matrices, of a matrix and a vector, or of a vector and a matrix: `a @ b`.

    `a` has as many columns as `b` has rows. With `result_dtype`, the result is converted to it.

        y = enigma.matmul(m, v)

    Raises located errors for shapes and dtypes that do not fit.
    """
    loc = caller()
    return _result(active().operator("@", (a, b), loc), result_dtype, loc)


@public
def transpose(m: Any, result_dtype: Any = None) -> TracedValue:
    """Return the transpose of a small matrix: its columns become rows. With `result_dtype`, it is converted to that.

        t = enigma.transpose(m)

    Raises `EnigmaTypeError` for anything but a small matrix.
    """
    loc = caller()
    kind = _checked(m, "transpose", loc)
    return _result(_apply(Role.TRANSPOSE, loc, m=m, columns=kind.columns), result_dtype, loc)


@public
def determinant(m: Any, scalar_dtype: Any = None) -> TracedValue:
    """Return the determinant of a small square matrix, of its dtype, or converted to `scalar_dtype`.

        d = enigma.determinant(m)

    Raises `EnigmaTypeError` for anything but a small square matrix.
    """
    loc = caller()
    _checked(m, "determinant", loc)
    return _result(_apply(Role.DETERMINANT, loc, m=m), scalar_dtype, loc)


def _checked(m: Any, function: str, loc: SourceLoc) -> Matrix:
    kind = kind_of(m)
    if kind is None:
        raise EnigmaTypeError(
            f"{function} takes a small matrix, but it got {describe(m)}",
            loc=loc,
            help="make one: enigma.f32x2x2(a, b, c, d)",
        )
    return kind
