"""Matrices that a simdgroup holds together: loading, storing and filling them, their products, and the elements of a lane.

The 32 lanes of a simdgroup hold an 8 x 8 matrix together, two elements each; all of them must come to an operation on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from enigma.dtypes import FLOATS, Numeric, SimdgroupMatrix, names, simdgroup_matrix
from enigma.errors import EnigmaIndexError, EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.spec.registry import by_algebra, by_role
from enigma.spec.terms import Algebra, Role
from enigma.trace.given import describe, literal, located_dtype
from enigma.trace.public import public
from enigma.trace.tensor import Tensor
from enigma.trace.value import TracedValue, active

SIZE = 8
ELEMENTS = 2
"""Elements of a matrix that each lane holds."""


def kind_of(x: Any) -> SimdgroupMatrix | None:
    """Return the dtype of a simdgroup's matrix, None for anything else."""
    return x.type if isinstance(x, TracedValue) and isinstance(x.type, SimdgroupMatrix) else None


# ---- memory


@public
def simdgroup_matrix_load(
    buf: Any,
    elements_per_row: Any,
    elem: Any = None,
    rows: int = 8,
    cols: int = 8,
    *,
    offset: Any = 0,
    transpose: bool = False,
) -> TracedValue:
    """Return the 8 x 8 matrix that begins at element `offset` of a buffer, whose rows are `elements_per_row` elements apart.

    The buffer is device or threadgroup memory of f32, f16 or bf16; `elem`, if given, must be what it holds. With `transpose`,
    what is stored as rows becomes columns. All 32 lanes of a simdgroup load it together, from one offset.

        a = enigma.simdgroup_matrix_load(A, K, offset=row * K + k)

    Raises located errors for other shapes, dtypes and memory, and where a tile of known size is left.
    """
    loc = caller()
    _check_shape(rows, cols, Role.TILE_LOAD, loc)
    return load(buf, elements_per_row, offset, transpose, loc, elem)


def load(buf: Any, elements_per_row: Any, offset: Any, transpose: Any, loc: SourceLoc, elem: Any = None) -> TracedValue:
    """Return the matrix at an offset of a buffer."""
    row = by_role()[Role.TILE_LOAD]
    memory, index, step = _place(buf, elements_per_row, offset, Role.TILE_LOAD, loc)
    if elem is not None and (wanted := located_dtype(elem, loc)) is not memory.dtype:
        raise EnigmaTypeError(
            f"{row.name}: elem is {wanted.name}, but {memory.name or 'the buffer'} holds {memory.dtype.name}", loc=loc,
            help=f"leave elem out, and convert the matrix: m.to(enigma.{wanted.name})",
        )  # fmt: skip
    given = {"buf": memory, "i": index, "elements_per_row": step, "transpose": _flag(transpose, loc)}
    return active().apply(row, given, loc)


@public
def simdgroup_matrix_store(
    matrix: Any, buf: Any, elements_per_row: Any, *, offset: Any = 0, transpose: bool = False
) -> None:
    """Write an 8 x 8 matrix to a buffer, from element `offset` on, its rows `elements_per_row` elements apart.

    The buffer is device or threadgroup memory of the matrix's own dtype; with `transpose` the columns are written as rows. All
    32 lanes of a simdgroup store it together.

        enigma.simdgroup_matrix_store(acc, C, N, offset=row * N + column)

    Raises located errors for other dtypes and memory, and where a tile of known size is left.
    """
    store(matrix, buf, elements_per_row, offset, transpose, caller())


def store(matrix: Any, buf: Any, elements_per_row: Any, offset: Any, transpose: Any, loc: SourceLoc) -> None:
    """Write a matrix to a buffer, from an offset on."""
    row = by_role()[Role.TILE_STORE]
    kind = _simdgroup(matrix, row.name, loc)
    memory, index, step = _place(buf, elements_per_row, offset, Role.TILE_STORE, loc)
    if memory.dtype is not kind.element:
        raise EnigmaTypeError(
            f"{row.name}: {memory.name or 'the buffer'} holds {memory.dtype.name}, but "
            f"{matrix.name or 'the matrix'} holds {kind.element.name}",
            loc=loc, help=f"convert it first: {matrix.name or 'm'}.to(enigma.{memory.dtype.name})",
        )  # fmt: skip
    given = {"buf": memory, "i": index, "elements_per_row": step, "matrix": matrix, "transpose": _flag(transpose, loc)}
    active().apply(row, given, loc)


def flat_offset(buf: Any, offset: Any, loc: SourceLoc) -> Any:
    """Return an offset that may be a coordinate as a number of elements."""
    if not isinstance(buf, Tensor) or not isinstance(offset, tuple):
        return offset
    whole = Tensor.of(buf.buffer_type, buf.name, None if buf.is_laid_out else buf.shape)
    return whole.offset(cast("tuple[Any, ...]", offset), loc)


def multiply_add(a: TracedValue, b: TracedValue, c: TracedValue, loc: SourceLoc) -> TracedValue:
    """Return a b + c."""
    return active().apply(by_role()[Role.TILE_MULTIPLY_ADD], {"a": a, "b": b, "c": c}, loc)


@public
def make_filled_simdgroup_matrix(value: Any, elem: Any = "float", rows: int = 8, cols: int = 8) -> TracedValue:
    """Return the 8 x 8 matrix of `elem` (f32, f16 or bf16) whose elements are all `value`.

        acc = enigma.make_filled_simdgroup_matrix(0.0)

    Raises located errors for other shapes and dtypes.
    """
    loc = caller()
    _check_shape(rows, cols, Role.TILE_FILL, loc)
    element = located_dtype(elem, loc)
    if element not in FLOATS:
        raise EnigmaTypeError(
            f"make_filled_simdgroup_matrix: elem is {element.name}, but a matrix holds {names(FLOATS)}", loc=loc,
            help='write elem="float", "half" or "bfloat"',
        )  # fmt: skip
    return filled(value, simdgroup_matrix(element), loc)


def filled(value: Any, dtype: SimdgroupMatrix, loc: SourceLoc) -> TracedValue:
    """Return the matrix whose elements are all `value`."""
    tracer = active()
    return tracer.apply(by_role()[Role.TILE_FILL], {"x": tracer.assigned(value, dtype.element, "the value", loc)}, loc)


def _place(buf: Any, elements_per_row: Any, offset: Any, role: Role, loc: SourceLoc) -> tuple[Tensor, Any, Any]:
    """Return the memory, the number of the first element in it and the distance of rows."""
    function = by_role()[role].name
    if not isinstance(buf, Tensor):
        raise EnigmaTypeError(
            f"{function}: buf must be a buffer, but it is {describe(buf)}", loc=loc,
            help="pass a buffer parameter or threadgroup memory itself, and where to begin: offset=i",
        )  # fmt: skip
    buf = buf.flat(function, loc)
    step = literal(elements_per_row)
    integer = isinstance(elements_per_row, TracedValue) and not isinstance(elements_per_row, Tensor)
    if isinstance(step, bool | float) or (step is None and not (integer and elements_per_row.dtype.is_integer)):
        raise EnigmaTypeError(
            f"{function}: elements_per_row must be an integer, but it is {describe(elements_per_row)}", loc=loc,
            help="it is the distance of two rows in elements: the number of columns of the whole array",
        )  # fmt: skip
    if step is not None and step < 1:
        raise EnigmaValueError(
            f"{function}: elements_per_row is {step}, but it must be at least 1", loc=loc,
            help="it is the distance of two rows in elements: the number of columns of the whole array",
        )  # fmt: skip
    start, size = literal(offset), buf.size()
    index = buf.offset(offset, loc)
    if isinstance(start, int) and step is not None and size is not None:
        last = start + int(step) * (SIZE - 1) + SIZE - 1
        if last >= size:
            raise EnigmaIndexError(
                f"{function}: the matrix ends at element {last} of {buf.name or 'the memory'}, which has {size} elements", loc=loc,
                help="make the memory larger, or begin earlier",
            )  # fmt: skip
    return buf.memory, index, elements_per_row if step is None else int(step)


def _check_shape(rows: Any, cols: Any, role: Role, loc: SourceLoc) -> None:
    if (literal(rows), literal(cols)) != (SIZE, SIZE):
        shown = " x ".join(str(x) if literal(x) is not None else describe(x) for x in (rows, cols))
        raise EnigmaValueError(
            f"{by_role()[role].name}: a matrix of {shown}, but Metal's have 8 rows and 8 columns", loc=loc,
            help="compute larger tiles with several of them: enigma.simdgroup_tile(rows, cols)",
        )  # fmt: skip


def _flag(transpose: Any, loc: SourceLoc) -> int:
    if not isinstance(transpose, bool):
        raise EnigmaTypeError(
            f"transpose must be True or False, but it is {describe(transpose)}", loc=loc,
            help="it is fixed when the kernel is compiled: use a Python bool or an enigma.constexpr parameter",
        )  # fmt: skip
    return int(transpose)


def _simdgroup(x: Any, function: str, loc: SourceLoc) -> SimdgroupMatrix:
    kind = kind_of(x)
    if not isinstance(kind, SimdgroupMatrix):
        raise EnigmaTypeError(
            f"{function} takes a matrix of a simdgroup, but it got {describe(x)}", loc=loc,
            help="load one: enigma.simdgroup_matrix_load(A, elements_per_row)",
        )  # fmt: skip
    return kind


# ---- elements


class Elements(tuple[TracedValue, ...]):
    """The elements of a simdgroup's matrix that a lane holds. It may be called, as Metal's is."""

    __slots__ = ()

    def __call__(self) -> Elements:
        """Return the elements."""
        return self


def elements(m: TracedValue, loc: SourceLoc) -> Elements:
    """Return both elements that a lane holds."""
    tracer = active()
    tracer.check_scope(m, loc)
    row = by_algebra()[Algebra.TILE_ELEMENT]
    return Elements(tracer.apply(row, {"matrix": m, "lane": lane}, loc) for lane in range(ELEMENTS))


def element(m: TracedValue, index: Any, loc: SourceLoc) -> TracedValue:
    """Return one of the elements that a lane holds."""
    return active().apply(by_algebra()[Algebra.TILE_ELEMENT], {"matrix": m, "lane": _number(m, index, loc)}, loc)


def _number(m: TracedValue, index: Any, loc: SourceLoc) -> int:
    number = literal(index)
    if not isinstance(number, int) or isinstance(number, bool):
        raise EnigmaTypeError(
            f"the elements of {m.name or 'a matrix'} are numbered by Python ints, but the index is {describe(index)}", loc=loc,
            help="each lane holds two of them: m[0] and m[1]",
        )  # fmt: skip
    if not 0 <= number < ELEMENTS:
        raise EnigmaIndexError(
            f"element {number} of {m.name or 'a matrix'}: each lane holds two elements of a simdgroup's matrix", loc=loc,
            help="write m[0] or m[1]; store the matrix to memory to reach the others",
        )  # fmt: skip
    return number


def with_element(m: TracedValue, index: Any, value: Any, loc: SourceLoc) -> TracedValue:
    """Return the matrix with one of the elements that a lane holds set to `value`."""
    kind = _simdgroup(m, "thread_elements", loc)
    number, parts = _number(m, index, loc), list(elements(m, loc))
    parts[number] = active().assigned(value, kind.element, f"element {number} of {m.name or 'the matrix'}", loc)
    return made(parts, loc)


def made(parts: Sequence[Any], loc: SourceLoc) -> TracedValue:
    """Return the matrix of which each lane holds these two elements."""
    return active().apply(by_algebra()[Algebra.MAKE_TILE], dict(zip("xy", parts, strict=True)), loc)


def converted(m: TracedValue, dtype: Numeric, loc: SourceLoc) -> TracedValue:
    """Return the matrix with its elements converted to a float dtype."""
    if dtype.element not in FLOATS:
        raise EnigmaTypeError(
            f"a matrix of a simdgroup holds {names(FLOATS)}, not {dtype.name}",
            loc=loc,
            help="convert its elements: m[0].to(...)",
        )
    return made([active().convert(part, dtype.element, loc) for part in elements(m, loc)], loc)


# ---- operators

_EACH = ("+", "-", "*", "/")


def operator(symbol: str, operands: Sequence[Any], loc: SourceLoc) -> TracedValue:
    """Return the result of an operator on at least one simdgroup's matrix.

    `*` and `@` of two are the matrix product. All else is done element by element: `+` and `-` of two, the four operations with
    a number, and the sign.
    """
    shown = symbol.removeprefix("u")
    kinds = [kind_of(x) for x in operands]
    if len(operands) == 2 and all(kinds) and symbol in ("*", "@"):
        return active().apply(by_role()[Role.TILE_MULTIPLY], dict(zip("ab", operands, strict=True)), loc)
    fits = symbol == "u-" or (symbol in _EACH and (not all(kinds) or symbol in "+-"))
    if not fits or (symbol == "/" and kinds[0] is None):
        raise EnigmaTypeError(
            f"`{shown}` of {' and '.join(describe(x) for x in operands)}", loc=loc,
            help="such matrices have +, - and * among each other, and +, -, * and / with a number; for all else take m[0] and m[1]",
        )  # fmt: skip
    kind = next(kind for kind in kinds if kind is not None)
    if any(other not in (None, kind) for other in kinds):
        raise EnigmaTypeError(
            f"`{shown}` of {describe(operands[0])} and {describe(operands[1])}", loc=loc,
            help="both must hold the same dtype: m.to(enigma.f32)",
        )  # fmt: skip
    given = [
        elements(x, loc) if own else (_number_of(x, kind, shown, loc),) * ELEMENTS
        for x, own in zip(operands, kinds, strict=True)
    ]
    return made([active().operator(symbol, pair, loc) for pair in zip(*given, strict=True)], loc)


def _number_of(x: Any, kind: Numeric, symbol: str, loc: SourceLoc) -> Any:
    """Return the number beside a matrix in the dtype of its elements."""
    return active().assigned(x, kind.element, f"the number beside `{symbol}` of a matrix", loc)
