"""Every operation on every dtype is spelled as legal Metal: one kernel per table of rows."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from enigma.dialect.build import build
from enigma.dtypes import DTYPES, BufferType, Matrix, Numeric, SimdgroupMatrix, Space, TextureType, b1, u8, u32, widened
from enigma.emit.msl import emit_msl
from enigma.errors import EnigmaError
from enigma.source import SourceLoc
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.spelling import Unsupported
from enigma.spec.tables import TABLES
from enigma.spec.terms import (
    MEMORY,
    Algebra,
    Buffer,
    Choice,
    DTypeArg,
    Effect,
    Numbers,
    Static,
    Text,
    Texture,
    Var,
    Variadic,
    concrete,
)
from enigma.trace.node import Param, Traced
from enigma.trace.tensor import Tensor
from enigma.trace.texture import Texture as Image
from enigma.trace.tracer import Tracer
from tests.msl.check import assert_legal
from tests.spec.forms import is_matrix

LOC = SourceLoc("rows.py", 1, 1)
MADE_BY_THE_LANGUAGE = {Algebra.CONST, Algebra.TO_INDEX, Algebra.FROM_INDEX, *MEMORY}


class Kernel:
    """A kernel with a buffer to read and one to write per dtype."""

    def __init__(self, name: str) -> None:
        self.tracer = Tracer(name)
        self.buffers: dict[str, Tensor] = {}
        self.tiles: dict[Numeric, Tensor] = {}
        self.textures: dict[TextureType, Image] = {}

    def buffer(self, prefix: str, dtype: Numeric) -> Tensor:
        name = f"{prefix}_{dtype.name}"
        return self.buffers.setdefault(name, Tensor.of(BufferType(dtype), name))

    def tile(self, dtype: Numeric) -> Tensor:
        if dtype not in self.tiles:
            self.tiles[dtype] = self.tracer.allocate(dtype, (4,), Space.THREADGROUP, LOC)
        return self.tiles[dtype]

    def add(self, row: Intrinsic, dtype: Numeric) -> None:
        bound = {var: var.members()[0] for var in row.variables}
        if row.variables:
            bound[row.variables[0]] = dtype
        if row.whole:  # a conversion of the bits: to a dtype of the same size
            self.add_bits(row, dtype)
            return
        if is_matrix(row) or row.algebra is Algebra.STORE_VECTOR:  # what is stored has the elements of the buffer
            for var in row.variables:
                bound[var] = next((d for d in var.members() if d.element is dtype.element), bound[var])
            bound[row.variables[0]] = dtype
        if row.lifts:
            bound = {var: widened(each.element, dtype.lanes) for var, each in bound.items()}
        attrs = {key: max(term.low, 1) for key, term in row.attributes.items() if isinstance(term, Static)}
        arguments: dict[str, object] = {}
        for k, (key, term) in enumerate(row.params.items()):
            match term:
                case Buffer(element=Var() as var, spaces=(Space.THREADGROUP,)):
                    arguments[key] = self.tile(bound[var])
                case Buffer(element=Var() as var):
                    arguments[key] = self.buffer("shared" if row.effect is Effect.SYNC else "out", bound[var])
                case Texture(element=var):
                    kind = TextureType(bound[var], term.kinds[0], term.accesses[-1])
                    arguments[key] = self.textures.setdefault(kind, Image(kind, f"image{len(self.textures)}"))
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
                case Numbers():
                    arguments[key] = (1, 0, 1)
                case _:
                    arguments[key] = self.value(concrete(term, bound, attrs, dtype.lanes if row.lifts else 1), k)
        result = self.tracer.apply(row, arguments, LOC)
        if result is not None and isinstance(result.type, Numeric):
            if isinstance(result.dtype, SimdgroupMatrix | Matrix):  # no buffer holds them
                return
            truths = result.dtype.parts > 1 and result.dtype.element is b1  # no buffer holds them
            kept = self.tracer.convert(result, u8, LOC) if truths else result
            self.buffer("out", kept.type)[0] = kept

    def add_bits(self, row: Intrinsic, dtype: Numeric) -> None:
        source, target = row.variables
        for other in target.members():
            if row.check is None or row.check({source: dtype, target: other}, {}) is None:
                result = self.tracer.apply(row, {"x": self.value(dtype, 0), "dtype": other}, LOC)
                assert result is not None
                self.buffer("out", other)[0] = result

    def value(self, dtype: Numeric, k: int) -> object:
        if isinstance(dtype, SimdgroupMatrix | Matrix):
            return self.tracer.constant(1.5, dtype, LOC)
        if dtype.parts > 1 and dtype.element is b1:
            return self.tracer.convert(self.buffer("in", widened(u8, dtype.lanes))[k], b1, LOC)
        return self.buffer("in", dtype)[k]

    def traced(self) -> Traced:
        memory = [*self.buffers.items(), *((str(each.name), each) for each in self.textures.values())]
        params = [Param(name, k, each.dtype, False, each, LOC) for k, (name, each) in enumerate(memory)]
        return Traced(self.tracer.name, tuple(params), self.tracer.body, LOC)


def dtypes_of(row: Intrinsic, lanes: int) -> tuple[Numeric, ...]:
    if not row.variables:
        return (u32,) if lanes == 1 else ()
    of_buffers = any(isinstance(term, Buffer) for term in row.operands.values())
    every = [dtype for dtype in row.variables[0].members() if dtype.lanes == lanes]
    return tuple(dtype for dtype in every if not (of_buffers and dtype.parts > 1 and dtype.element is b1))


@pytest.mark.parametrize("lanes", [1, 2, 3, 4])
@pytest.mark.parametrize("table", TABLES)
def test_every_spelling_is_legal(table: str, lanes: int) -> None:
    kernels = [Kernel(f"all_{table}")]
    for row in TABLES[table]:
        if table == "small_matrices":  # whose shapes must fit: tests/spec/test_small_matrices.py has all of them
            continue
        if row.algebra in MADE_BY_THE_LANGUAGE or row.at_launch:
            continue
        for dtype in dtypes_of(row, lanes):
            if not isinstance(row.spelling("msl", dtype if row.variables else None, Space.DEVICE), Unsupported):
                if len(kernels[-1].buffers) > 16:
                    kernels.append(Kernel(f"all_{table}{len(kernels)}"))
                with kernels[-1].tracer.active():
                    kernels[-1].add(row, dtype)
    for kernel in kernels:
        text = emit_msl(build(kernel.traced()))
        assert_legal(text.text, msl_version=max(text.msl_version, (3, 1)))


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
