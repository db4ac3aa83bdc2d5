"""Small matrices of each thread's own, two to four columns of two to four rows (Metal specification, 2.3 and 6.8).

`ref` and `llvm` see a matrix as its components, column by column; where those do not tell its shape, an argument does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isqrt
from typing import Any

from enigma.dtypes import MATRICES, WIDTHS, Matrix, Numeric, f16, f32, matrix, widened
from enigma.errors import InternalError
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER, quiet, ulps
from enigma.spec.spelling import Call, Infix, Precedence, Template
from enigma.spec.terms import Derived, Effect, Element, Role, Static, Term, Var

Bound = Mapping[Var, Numeric]
Parts = tuple[Any, ...]

HELD = (f32, f16)
M = Var("M", HELD, exact=MATRICES)
N = Var("N", HELD, exact=MATRICES)
V = Var("V", HELD, lanes=WIDTHS)
X = Var("X", HELD)
VECTORS = tuple(widened(dtype, lanes) for dtype in HELD for lanes in WIDTHS)

TIMES = Infix("*", Precedence.MULTIPLICATIVE)
MAKES = {2: Role.MATRIX_OF_2, 3: Role.MATRIX_OF_3, 4: Role.MATRIX_OF_4}


def _held(bound: Bound, var: Var) -> Matrix:
    dtype = bound[var]
    if not isinstance(dtype, Matrix):
        raise InternalError(f"{dtype} is no matrix")
    return dtype


def _derived(rule: Callable[[Bound, Mapping[str, Any]], Numeric], among: tuple[Numeric, ...] = MATRICES) -> Derived:
    return Derived(rule, among)


def _make(columns: int) -> Intrinsic:
    params: dict[str, Term] = dict.fromkeys("xyzw"[:columns], V)
    return Intrinsic(
        name=f"matrix_make{columns}", params=params, public="", role=MAKES[columns], effect=Effect.PURE, cuda=LATER,
        result=_derived(lambda bound, attrs: matrix(bound[V].element, columns, bound[V].lanes)),
        doc=f"The matrix of {columns} columns.", msl=Template(f"{{R}}({', '.join(f'{{{name}}}' for name in params)})"),
        llvm=lambda b, *parts: tuple(number for part in parts for number in part),
        ref=lambda np, *parts: np.concatenate(np.broadcast_arrays(*parts)),
    )  # fmt: skip


def _diagonal(np: Any, x: Any, columns: int, rows: int) -> Any:
    zero = np.zeros_like(x)
    return np.stack([x if c == r else zero for c in range(columns) for r in range(rows)])


def _fits(bound: Bound, attrs: Mapping[str, Any]) -> str | None:
    a, b = _held(bound, M), _held(bound, N)
    if a.element is not b.element:
        return f"a is {a.name} and b is {b.name}, which hold two dtypes (convert one: m.to(enigma.{a.element.name}))"
    if a.columns != b.rows:
        return f"a is {a.name}, which has {a.columns} columns, and b is {b.name}, which has {b.rows} rows"
    return None if attrs["inner"] == a.columns else f"inner is {attrs['inner']}, but a has {a.columns} columns"


def _product(b: Any, a: Parts, other: Parts, inner: int) -> Parts:
    rows, columns = len(a) // inner, len(other) // inner
    return tuple(
        _sum(b, [(a[k * rows + r], other[c * inner + k]) for k in range(inner)])
        for c in range(columns)
        for r in range(rows)
    )


def _sum(b: Any, pairs: list[tuple[Any, Any]]) -> Any:
    total = b.mul(*pairs[0])
    for x, y in pairs[1:]:
        total = b.add(total, b.mul(x, y))
    return total


def _product_ref(np: Any, a: Any, b: Any, inner: int) -> Any:
    left, right = a.reshape(inner, -1, *a.shape[1:]), b.reshape(-1, inner, *b.shape[1:])
    made = np.einsum("kr...,ck...->cr...", left, right)
    return made.reshape(-1, *made.shape[2:])


def _by_vector(bound: Bound, attrs: Mapping[str, Any]) -> str | None:
    a, v = _held(bound, M), bound[V]
    if a.element is v.element and a.columns == v.lanes:
        return None
    return f"a is {a.name}, which has {a.columns} columns, and the vector is {v.name}"


def _by_row(bound: Bound, attrs: Mapping[str, Any]) -> str | None:
    a, v = _held(bound, M), bound[V]
    if a.element is v.element and a.rows == v.lanes:
        return None
    return f"the vector is {v.name}, and a is {a.name}, which has {a.rows} rows"


def _turned(parts: Any, columns: int) -> list[Any]:
    rows = len(parts) // columns
    return [parts[c * rows + r] for r in range(rows) for c in range(columns)]


def _determinant(b: Any, m: Parts) -> Any:
    """Return the determinant by the first column's cofactors."""
    size = isqrt(len(m))
    if size == 1:
        return m[0]
    total = None
    for r in range(size):
        minor = tuple(m[c * size + row] for c in range(1, size) for row in range(size) if row != r)
        term = b.mul(m[r], _determinant(b, minor))
        total = term if total is None else b.sub(total, term) if r % 2 else b.add(total, term)
    return total


def _determinant_ref(np: Any, m: Any) -> Any:
    size = isqrt(len(m))
    square = np.moveaxis(m.reshape(size, size, *m.shape[1:]).astype(np.float64), (0, 1), (-2, -1))
    with np.errstate(all="ignore"):
        return np.linalg.det(square).astype(m.dtype)


def _each(name: str, role: Role, symbol: str, doc: str, llvm: Callable[..., Any], ref: Callable[..., Any]) -> Intrinsic:
    return Intrinsic(
        name=name, params={"a": M, "b": M}, result=M, public="", role=role, effect=Effect.PURE, doc=doc, cuda=LATER,
        msl=Infix(symbol, Precedence.ADDITIVE), llvm=llvm, ref=quiet(ref),
    )  # fmt: skip


ROWS: tuple[Intrinsic, ...] = (
    *(_make(columns) for columns in WIDTHS),
    Intrinsic(
        name="matrix_diagonal", params={"x": X, "columns": Static(2, 4), "rows": Static(2, 4)}, public="",
        role=Role.MATRIX_DIAGONAL, effect=Effect.PURE, doc="The matrix with x along its diagonal, and 0 elsewhere.",
        result=_derived(lambda bound, attrs: matrix(bound[X], attrs["columns"], attrs["rows"])), msl=Template("{R}({x})"), cuda=LATER,
        llvm=lambda b, x, columns, rows: tuple(
            x if c == r else b.const(0.0, x) for c in range(columns) for r in range(rows)),
        ref=_diagonal),
    Intrinsic(
        name="matrix_column", params={"m": M, "lane": Static(0, 3), "rows": Static(2, 4)}, public="", role=Role.MATRIX_COLUMN,
        result=_derived(lambda bound, attrs: _held(bound, M).column, VECTORS), effect=Effect.PURE, cuda=LATER,
        doc="A column of a matrix.", msl=Template("{m}[{lane}]", tight=("m",)),
        check=lambda bound, attrs: None if attrs["lane"] < _held(bound, M).columns and attrs["rows"] == _held(bound, M).rows else
        f"column {attrs['lane']} of {attrs['rows']} rows of {bound[M].name}",
        llvm=lambda b, m, lane, rows: m[lane * rows : (lane + 1) * rows],
        ref=lambda np, m, lane, rows: m[lane * rows : (lane + 1) * rows]),
    Intrinsic(
        name="matrix_times_matrix", params={"a": M, "b": N, "inner": Static(2, 4)}, public="", role=Role.MATRIX_TIMES_MATRIX,
        result=_derived(lambda bound, attrs: matrix(bound[M].element, _held(bound, N).columns, _held(bound, M).rows)),
        effect=Effect.PURE, check=_fits, doc="The matrix product a b.", msl=TIMES, cuda=LATER, llvm=_product, ref=quiet(_product_ref),
        ulp=ulps(4, 4), example="matmul(a, b)"),
    Intrinsic(
        name="matrix_times_vector", params={"a": M, "v": V}, public="", role=Role.MATRIX_TIMES_VECTOR, effect=Effect.PURE,
        result=_derived(lambda bound, attrs: _held(bound, M).column, VECTORS), check=_by_vector, doc="The vector a v.", msl=TIMES,
        cuda=LATER, llvm=lambda b, a, v: _product(b, a, v, len(v)),
        ref=quiet(lambda np, a, v: _product_ref(np, a, v, len(v))), ulp=ulps(4, 4), example="matmul(a, v)"),
    Intrinsic(
        name="vector_times_matrix", params={"v": V, "a": M}, public="", role=Role.VECTOR_TIMES_MATRIX, effect=Effect.PURE,
        result=_derived(lambda bound, attrs: _held(bound, M).row, VECTORS), check=_by_row, doc="The row vector v times a.", msl=TIMES,
        cuda=LATER, llvm=lambda b, v, a: _product(b, v, a, len(v)),
        ref=quiet(lambda np, v, a: _product_ref(np, v, a, len(v))), ulp=ulps(4, 4), example="matmul(v, a)"),
    Intrinsic(
        name="matrix_times_number", params={"a": M, "x": X}, result=M, public="", role=Role.MATRIX_TIMES_NUMBER, effect=Effect.PURE,
        check=lambda bound, attrs: None if bound[X] is bound[M].element else f"a is {bound[M].name} and x is {bound[X].name}",
        doc="The matrix with every component times x.", msl=TIMES, cuda=LATER,
        llvm=lambda b, a, x: tuple(b.mul(part, x) for part in a), ref=quiet(lambda np, a, x: a * x)),
    _each("matrix_add", Role.MATRIX_PLUS, "+", "The sum of two matrices.",
          lambda b, a, c: tuple(b.add(x, y) for x, y in zip(a, c, strict=True)), lambda np, a, c: a + c),
    _each("matrix_sub", Role.MATRIX_MINUS, "-", "The difference of two matrices.",
          lambda b, a, c: tuple(b.sub(x, y) for x, y in zip(a, c, strict=True)), lambda np, a, c: a - c),
    Intrinsic(
        name="matrix_transpose", params={"m": M, "columns": Static(2, 4)}, public="", role=Role.TRANSPOSE, effect=Effect.PURE,
        result=_derived(lambda bound, attrs: matrix(bound[M].element, _held(bound, M).rows, _held(bound, M).columns)),
        check=lambda bound, attrs: None if attrs["columns"] == _held(bound, M).columns else f"{bound[M].name} has other columns",
        doc="The matrix whose rows are the columns of m.", msl=Template("transpose({m})"), cuda=LATER,
        llvm=lambda b, m, columns: tuple(_turned(m, columns)), ref=lambda np, m, columns: np.stack(_turned(m, columns))),
    Intrinsic(
        name="matrix_determinant", params={"m": M}, result=Element(M), public="", role=Role.DETERMINANT, effect=Effect.PURE,
        check=lambda bound, attrs: None if _held(bound, M).columns == _held(bound, M).rows else
        f"m is {bound[M].name}, and only a square matrix has a determinant",
        doc="The determinant of a square matrix.", msl=Call("determinant"), cuda=LATER, llvm=_determinant, ref=_determinant_ref,
        ulp=ulps(64, 64), example="determinant(m)"),
)  # fmt: skip
