"""Every operation on every dtype is spelled as legal Metal: one kernel per table of rows."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from enigma.dialect.build import build
from enigma.dtypes import DTYPES, BufferType, Numeric, Space, u32
from enigma.emit.msl import emit_msl
from enigma.errors import EnigmaError
from enigma.source import SourceLoc
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.spelling import Unsupported
from enigma.spec.tables import TABLES
from enigma.spec.terms import MEMORY, Algebra, Buffer, Choice, DTypeArg, Effect, Static, Text, Var, Variadic
from enigma.trace.node import Param, Traced
from enigma.trace.tensor import Tensor
from enigma.trace.tracer import Tracer
from tests.msl.check import assert_legal

LOC = SourceLoc("rows.py", 1, 1)
MADE_BY_THE_LANGUAGE = {Algebra.CONST, Algebra.TO_INDEX, Algebra.FROM_INDEX, *MEMORY}


class Kernel:
    """A kernel with a buffer to read and one to write per dtype."""

    def __init__(self, name: str) -> None:
        self.tracer = Tracer(name)
        self.buffers: dict[str, Tensor] = {}
        self.tiles: dict[Numeric, Tensor] = {}

    def buffer(self, prefix: str, dtype: Numeric) -> Tensor:
        name = f"{prefix}_{dtype.name}"
        return self.buffers.setdefault(name, Tensor(BufferType(dtype), name))

    def tile(self, dtype: Numeric) -> Tensor:
        if dtype not in self.tiles:
            self.tiles[dtype] = self.tracer.allocate(dtype, (4,), Space.THREADGROUP, LOC)
        return self.tiles[dtype]

    def add(self, row: Intrinsic, dtype: Numeric) -> None:
        bound = {var: var.dtypes[0] for var in row.variables}
        if row.variables:
            bound[row.variables[0]] = dtype
        if row.check is not None and row.effect is Effect.PURE:  # a conversion of the bits: to a dtype of the same size
            for var in row.variables[1:]:
                bound[var] = next(d for d in var.dtypes if d.width == dtype.width)
        arguments: dict[str, object] = {}
        for k, (key, term) in enumerate(row.params.items()):
            match term:
                case Var():
                    arguments[key] = self.buffer("in", bound[term])[k]
                case Buffer(element=Var() as var, spaces=(Space.THREADGROUP,)):
                    arguments[key] = self.tile(bound[var])
                case Buffer(element=Var() as var):
                    arguments[key] = self.buffer("shared" if row.effect is Effect.SYNC else "out", bound[var])
                case DTypeArg(var=var):
                    arguments[key] = bound[var]
                case Choice(enum=enum):
                    arguments[key] = next(iter(enum)) if term.default is None else term.default
                case Text():
                    arguments[key] = " ".join("{}" for _ in DTYPES)
                case Variadic(dtypes=dtypes):
                    arguments[key] = tuple(self.buffer("in", each)[k] for each in dtypes)
                case Static(low=low):
                    arguments[key] = max(low, 1)
                case _:
                    arguments[key] = self.buffer("in", term)[k]
        result = self.tracer.apply(row, arguments, LOC)
        if result is not None:
            self.buffer("out", result.type)[0] = result

    def traced(self) -> Traced:
        params = [Param(name, k, t.dtype, False, t, LOC) for k, (name, t) in enumerate(self.buffers.items())]
        return Traced(self.tracer.name, tuple(params), self.tracer.body, LOC)


def dtypes_of(row: Intrinsic) -> tuple[Numeric, ...]:
    return row.variables[0].dtypes if row.variables else (u32,)


@pytest.mark.parametrize("table", TABLES)
def test_every_spelling_is_legal(table: str) -> None:
    kernel = Kernel(f"all_{table}")
    with kernel.tracer.active():
        for row in TABLES[table]:
            if row.algebra in MADE_BY_THE_LANGUAGE or row.at_launch:
                continue
            for dtype in dtypes_of(row):
                if not isinstance(row.spelling("msl", dtype if row.variables else None, Space.DEVICE), Unsupported):
                    kernel.add(row, dtype)
    text = emit_msl(build(kernel.traced()))
    assert_legal(text.text, msl_version=max(text.msl_version, (3, 1)))
    assert not any(row.reports for row in TABLES[table]) or text.msl_version == (3, 2)


def test_an_operation_metal_lacks_is_refused_with_the_reason() -> None:
    row = next(row for row in TABLES["math"] if row.spelling("msl", DTYPES[0]) is not None)
    odd = replace(row, name="odd_one", msl=Unsupported("its GPUs have no such unit"))
    kernel = Kernel("odd")
    with kernel.tracer.active():
        kernel.add(odd, DTYPES[0])
    with pytest.raises(
        EnigmaError, match=re.escape("cannot be written in Metal: its GPUs have no such unit")
    ) as caught:
        emit_msl(build(kernel.traced()))
    assert caught.value.loc is not None
