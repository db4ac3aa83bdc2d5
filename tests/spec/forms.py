"""A small kernel for any row and dtype, written as Python source: what all generated tests of the rows start from.

A `Form` calls one row on elements of its inputs, once per `Use`: a use binds the type variables and the compile-time
arguments, and has an output buffer of its own.
"""

from __future__ import annotations

import importlib.util
import linecache
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, product
from pathlib import Path
from types import ModuleType
from typing import Any

from enigma.compile import compile as compile_kernel
from enigma.context import current
from enigma.dtypes import Numeric, b1, i32, promote
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import all_rows, rows
from enigma.spec.terms import (
    Algebra,
    Buffer,
    Choice,
    Derived,
    DTypeArg,
    Effect,
    Element,
    MemoryOrder,
    Static,
    Term,
    Texture,
    Var,
    Vec,
)

FIELDS = ((0, 1), (4, 8), (0, 0), (3, 0), (5, 2), (0, None), (7, 1))
"""Offset and number of bits of the bit field rows; None means up to the width."""

BY_CALL = {"rem"}
"""Rows that no source form reaches: the tracer is asked for them."""


@dataclass(frozen=True)
class Use:
    """One call of the row: the expression, its operands' buffers, its result's dtype, and what was bound."""

    output: str
    expression: str
    operands: tuple[str, ...]
    dtype: Numeric
    bound: Mapping[Var, Numeric]
    attrs: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Form:
    """The kernel of a row and a dtype: `source` defines it under `name`; `inputs` are its other buffers."""

    row: Intrinsic
    name: str
    inputs: Mapping[str, Numeric]
    uses: tuple[Use, ...]

    @property
    def source(self) -> str:
        """The kernel as a person would write it, but for the row being called several times."""
        params = [f"{name}: en.{dtype.name}" for name, dtype in self.inputs.items()]
        params += [f"{use.output}: en.{use.dtype.name}" for use in self.uses]
        body = [f"    {name.removesuffix('_in')} = {name}[i]" for name in self.inputs]
        body += [f"    {use.output}[i] = {use.expression}" for use in self.uses]
        lines = ["@en.kernel", f"def {self.name}({', '.join(params)}):", "    i = en.thread_position_in_grid", *body]
        return "\n".join(lines) + "\n"


@cache
def _generated() -> tempfile.TemporaryDirectory[str]:
    """One folder for all texts of a process, gone when it ends."""
    return tempfile.TemporaryDirectory(prefix="enigma-generated-")


def load(source: str, name: str = "generated") -> ModuleType:
    """Import a text as a module; the file stays readable, as the tracer rewrites what it reads there."""
    folder = Path(tempfile.mkdtemp(dir=_generated().name))
    path = folder / f"{name}.py"
    path.write_text(f"import enigma as en\nfrom tests.spec.forms import call_row\n\n\n{source}", encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    linecache.getlines(str(path))
    return module


class _CallRow:
    """`call_row(name, *operands)` records a call of a row that the language has no words for."""

    def __call__(self, name: str, *operands: Any) -> Any:
        row, tracer = rows()[name], current.get()
        assert tracer is not None
        return tracer.apply(row, dict(zip(row.operands, operands, strict=True)))


call_row = _CallRow()


def accepts(row: Intrinsic, var: Var, dtype: Numeric) -> bool:
    """Whether an operand of `dtype` alone may stand for a variable: as it is, or widened as C does."""
    if dtype in var.dtypes:
        return True
    if dtype is b1 and row.operator is not None and not row.operator.endswith("()"):
        return i32 in var.dtypes  # in arithmetic a bool counts as an int
    wide = promote(dtype, dtype)
    return var.widens and not dtype.is_float and wide in var.dtypes


def expression(row: Intrinsic, operands: Sequence[str], attrs: Mapping[str, Any]) -> str:
    """Return the call of a row in the words of the language: operator, public function, or syntax."""
    symbol = row.operator
    if row.algebra is Algebra.SELECT:
        return f"en.where({', '.join(operands)})"
    if symbol is not None and symbol.endswith("()") and not row.public_name:
        return f"{symbol[:-2]}({operands[0]})"
    if (symbol is not None and not row.public_name) or (symbol in ("==", "!=", "<", "<=", ">", ">=")):
        assert symbol is not None
        if len(operands) == 1:
            return f"{symbol.removeprefix('u')} {operands[0]}"
        return f"{operands[0]} {symbol} {operands[1]}"
    if row.public_name:
        values = iter(operands)
        words = [
            next(values) if name in row.operands else f"{name}={spell(attrs[name])}"
            for name in row.params
            if name in row.operands or name in attrs
        ]
        return f"en.{row.public_name}({', '.join(words)})"
    assert row.name in BY_CALL, f"no source form for {row.name}"
    return f"call_row({row.name!r}, {', '.join(operands)})"


def spell(value: Any) -> str:
    """Return a compile-time argument as source."""
    if isinstance(value, Numeric):
        return f"en.{value.name}"
    return repr(getattr(value, "value", value))


def is_composite(row: Intrinsic) -> bool:
    """Whether a row takes or gives vectors as such, rather than lifting an operation on numbers to them."""
    terms = (*row.operands.values(), row.result)
    return any(isinstance(t, Vec | Element) or (isinstance(t, Var) and 1 not in t.lanes) for t in terms)


def texture_rows() -> tuple[Intrinsic, ...]:
    """The rows that are methods of textures."""
    return tuple(r for r in all_rows() if any(isinstance(t, Texture) for t in r.params.values()))


def is_matrix(row: Intrinsic) -> bool:
    """Whether a row takes or gives matrices: `test_matrices.py` has their kernels."""
    terms = (*row.params.values(), row.result)
    return any(isinstance(t, Derived) or (isinstance(t, Var) and bool(t.exact)) for t in terms)


def pure_rows() -> tuple[Intrinsic, ...]:
    """The rows that compute from scalars alone: the operators and functions."""
    special = {Algebra.CONST, Algebra.TO_INDEX, Algebra.FROM_INDEX}
    rows = (r for r in all_rows() if r.effect is Effect.PURE and r.operands and r.algebra not in special)
    return tuple(r for r in rows if not is_composite(r) and not is_matrix(r) and not r.at_launch and not r.method)


def composite_rows() -> tuple[Intrinsic, ...]:
    """The rows that compute from or to vectors."""
    return tuple(
        r for r in all_rows() if r.effect is Effect.PURE and r.operands and is_composite(r) and not is_matrix(r)
    )


def lane_rows() -> tuple[Intrinsic, ...]:
    """The rows that compute across the lanes of a simdgroup: they talk, but take scalars only."""
    return tuple(
        r
        for r in all_rows()
        if r.effect is Effect.SYNC
        and r.result is not None
        and not any(isinstance(t, Buffer) for t in r.params.values())
        and not is_matrix(r)
    )


def grid_rows() -> tuple[Intrinsic, ...]:
    """The rows that say where a thread is."""
    return tuple(r for r in all_rows() if r.level is not None and not r.at_launch)


def atomic_rows() -> tuple[Intrinsic, ...]:
    """The rows that read or change an element in one step: they have a memory order."""
    return tuple(
        r for r in all_rows() if any(isinstance(t, Choice) and t.enum is MemoryOrder for t in r.attributes.values())
    )


def _attribute_sets(row: Intrinsic, bound: Mapping[Var, Numeric]) -> Iterator[dict[str, Any]]:
    """Yield the compile-time arguments to try; dtype arguments are bound already."""
    fields = [name for name, term in row.attributes.items() if isinstance(term, Static)]
    dtypes = {name: bound[term.var] for name, term in row.attributes.items() if isinstance(term, DTypeArg)}
    if not fields:
        yield dtypes
        return
    if len(fields) == 1:
        (name,) = fields
        term = row.attributes[name]
        assert isinstance(term, Static)
        allowed = (
            k for k in range(term.low, term.high + 1) if row.check is None or row.check(bound, {name: k}) is None
        )
        yield from ({name: number} | dtypes for number in islice(allowed, 5))
        return
    width = bound[row.variables[0]].width
    seen: set[tuple[int, int]] = set()
    for offset, bits in FIELDS:
        offset %= width
        size = width - offset if bits is None else min(bits, width - offset)
        if (offset, size) not in seen:
            seen.add((offset, size))
            yield dict(zip(fields, (offset, size), strict=True)) | dtypes


def _bindings(row: Intrinsic, first: Numeric) -> Iterator[dict[Var, Numeric]]:
    """Yield the bindings of all type variables with the first one bound to `first`."""
    variables = row.variables
    for rest in product(*(var.dtypes for var in variables[1:])):
        bound = dict(zip(variables, (first, *rest), strict=True))
        if (
            row.check is None
            or any(isinstance(t, Static) for t in row.attributes.values())
            or row.check(bound, {}) is None
        ):
            yield bound


def _dtype(term: Term | None, bound: Mapping[Var, Numeric]) -> Numeric:
    if isinstance(term, Var):
        return bound[term]
    assert isinstance(term, Numeric)
    return term


def form(row: Intrinsic, first: Numeric | None) -> Form:
    """Return the kernel of a pure or lane row with its first type variable bound to `first`."""
    inputs: dict[str, Numeric] = {}
    uses: list[Use] = []
    bindings = [{}] if first is None else list(_bindings(row, first))
    for bound in bindings:
        names: list[str] = []
        for name, term in row.operands.items():
            dtype = _dtype(term, bound)
            shared = all(_dtype(term, other) is dtype for other in bindings)
            buffer = f"{name}_in" if shared else f"{name}_{dtype.name}_in"
            inputs[buffer] = dtype
            names.append(buffer)
        for attrs in _attribute_sets(row, bound):
            text = expression(row, [name.removesuffix("_in") for name in names], attrs)
            output = f"out{len(uses)}"
            uses.append(Use(output, text, tuple(names), _dtype(row.result, bound), bound, attrs))
    label = f"{row.name}_{first.name}" if first is not None else row.name
    return Form(row, f"k_{label}", inputs, tuple(uses))


def _first_dtypes(row: Intrinsic) -> tuple[Numeric | None, ...]:
    return row.variables[0].dtypes if row.variables else (None,)


@cache
def forms(kind: str) -> tuple[Form, ...]:
    """Return the kernels of the "pure" or the "lane" rows, one per row and dtype of its first type variable."""
    chosen = {"pure": pure_rows, "lane": lane_rows}[kind]()
    return tuple(form(row, dtype) for row in chosen for dtype in _first_dtypes(row))


@cache
def kernels(kind: str) -> Mapping[str, Any]:
    """Return the kernels of `forms(kind)` by name, defined in one module."""
    module = load("\n\n".join(each.source for each in forms(kind)), f"rows_{kind}")
    return {each.name: getattr(module, each.name) for each in forms(kind)}


@cache
def compiled(kind: str, name: str) -> Any:
    """Return a kernel of `kernels(kind)` compiled."""
    return compile_kernel(kernels(kind)[name])
