"""Kernels as traced IR, written by hand: what the dialect and the passes are tested on, without the tracer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from enigma.dtypes import (
    DTYPES,
    BufferType,
    Matrix,
    Numeric,
    SimdgroupMatrix,
    Space,
    TextureType,
    Type,
    b1,
    bf16,
    f16,
    f32,
    i32,
    u32,
)
from enigma.source import SourceLoc
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import all_rows, rows
from enigma.spec.terms import (
    Axis,
    Buffer,
    Choice,
    DTypeArg,
    MemFlags,
    MemoryOrder,
    Numbers,
    Static,
    Term,
    Text,
    Texture,
    Var,
    Variadic,
    concrete,
)
from enigma.trace.node import Block, For, If, Op, Param, Traced, Value, While


class Sketch:
    """Writes a kernel node by node; each node gets the next line of `sample.py`."""

    def __init__(self, name: str) -> None:
        self.name, self.line = name, 0
        self.params: list[Param] = []
        self.body = Block()
        self.blocks = [self.body]

    def loc(self) -> SourceLoc:
        self.line += 1
        return SourceLoc("sample.py", self.line, 5)

    def buffer(self, name: str, dtype: Numeric) -> Value:
        return self._param(name, BufferType(dtype), dtype, is_scalar=False)

    def texture(self, name: str, type: TextureType) -> Value:
        return self._param(name, type, type.element, is_scalar=False)

    def scalar(self, name: str, dtype: Numeric) -> Value:
        return self._param(name, dtype, dtype, is_scalar=True)

    def _param(self, name: str, type: Type, dtype: Numeric, *, is_scalar: bool) -> Value:
        value = Value(type, name)
        self.params.append(Param(name, len(self.params), dtype, is_scalar, value, SourceLoc("sample.py", 1, 1)))
        return value

    def op(
        self, name: str, *operands: Value, result: Type | None = None, named: str | None = None, **attrs: Any
    ) -> Any:
        row = rows()[name]
        value = None if result is None else Value(result, named)
        self.blocks[-1].nodes.append(Op(row, operands, attrs, value, self.loc()))
        return value

    def const(self, value: bool | int | float, dtype: Numeric, named: str | None = None) -> Value:
        return self.op("const", result=dtype, named=named, dtype=dtype, value=value)

    def matrix(self, dtype: SimdgroupMatrix | Matrix) -> Value:
        """Some matrix."""
        if isinstance(dtype, SimdgroupMatrix):
            return self.op("make_filled_simdgroup_matrix", self.const(1.5, dtype.element), result=dtype)
        number = self.const(1.5, dtype.element)
        column = self.op("vec_splat", number, result=dtype.column, lanes=dtype.rows)
        return self.op(f"matrix_make{dtype.columns}", *[column] * dtype.columns, result=dtype)

    def same(self, name: str, *operands: Value, named: str | None = None) -> Value:
        """An operation whose result has its last operand's dtype."""
        return self.op(name, *operands, result=operands[-1].type, named=named)

    def compare(self, name: str, x: Value, y: Value) -> Value:
        return self.op(name, x, y, result=b1)

    def gid(self, named: str = "i") -> Value:
        return self.op("thread_position_in_grid", result=u32, named=named, dim=Axis.X)

    def load(self, buffer: Value, i: Value, named: str | None = None) -> Value:
        assert isinstance(buffer.type, BufferType)
        return self.op("load", buffer, i, result=buffer.type.element, named=named)

    def store(self, buffer: Value, i: Value, x: Value) -> None:
        self.op("store", buffer, i, x)

    @contextmanager
    def block(self, *args: Value) -> Iterator[Block]:
        self.blocks.append(Block(list(args)))
        yield self.blocks[-1]
        self.blocks.pop()

    def if_(self, condition: Value, then: Block, orelse: Block | None = None) -> list[Value]:
        results = [Value(value.type, value.name) for value in then.yields]
        self.blocks[-1].nodes.append(If(condition, then, orelse or Block(), results, self.loc()))
        return results

    def for_(self, low: Value, high: Value, step: Value, inits: Sequence[Value], body: Block) -> list[Value]:
        results = [Value(value.type, arg.name) for value, arg in zip(inits, body.args[1:], strict=True)]
        self.blocks[-1].nodes.append(For(low, high, step, list(inits), body, results, self.loc()))
        return results

    def while_(self, inits: Sequence[Value], test: Block, body: Block) -> list[Value]:
        results = [Value(value.type, arg.name) for value, arg in zip(inits, test.args, strict=True)]
        self.blocks[-1].nodes.append(While(list(inits), test, body, results, self.loc()))
        return results

    def done(self) -> Traced:
        return Traced(self.name, tuple(self.params), self.body, SourceLoc("sample.py", 1, 1))


def vadd() -> Traced:
    """C[i] = A[i] + B[i] for i < n."""
    s = Sketch("vadd")
    a, b, c, n = s.buffer("A", f32), s.buffer("B", f32), s.buffer("C", f32), s.scalar("n", u32)
    i = s.gid()
    inside = s.compare("cmp_lt", i, n)
    with s.block() as then:
        s.store(c, i, s.same("add", s.load(a, i, "x"), s.load(b, i)))
    s.if_(inside, then)
    return s.done()


def dot() -> Traced:
    """Out[i] = sum of A[i * n + k] * B[k]: a loop that carries a sum."""
    s = Sketch("dot")
    a, b, out, n = s.buffer("A", f32), s.buffer("B", f32), s.buffer("Out", f32), s.scalar("n", i32)
    i = s.op("convert", s.gid("gid"), result=i32, named="i", dtype=i32)
    start, zero, one = s.const(0.0, f32), s.const(0, i32), s.const(1, i32)
    k, acc = Value(i32, "k"), Value(f32, "acc_0")
    with s.block(k, acc) as body:
        x = s.load(a, s.same("add", s.same("mul", i, n), k))
        body.yields = [s.same("add", acc, s.same("mul", x, s.load(b, k)))]
    (total,) = s.for_(zero, n, one, [start], body)
    s.store(out, i, total)
    return s.done()


def collatz() -> Traced:
    """Steps until 1: a while loop with two carried values."""
    s = Sketch("collatz")
    start, out = s.buffer("Start", u32), s.buffer("Out", u32)
    i = s.gid()
    one, two, three, zero = (s.const(v, u32) for v in (1, 2, 3, 0))
    inits = [s.load(start, i), zero]
    x, steps = Value(u32, "x"), Value(u32, "steps")
    with s.block(x, steps) as test:
        test.yields = [s.compare("cmp_gt", x, one)]
    x2, steps2 = Value(u32, "x"), Value(u32, "steps")
    with s.block(x2, steps2) as body:
        odd = s.compare("cmp_eq", s.same("mod", x2, two), one)
        with s.block() as then:
            then.yields = [s.same("add", s.same("mul", x2, three), one)]
        with s.block() as orelse:
            orelse.yields = [s.same("floordiv", x2, two)]
        (following,) = s.if_(odd, then, orelse)
        body.yields = [following, s.same("add", steps2, one)]
    _, count = s.while_(inits, test, body)
    s.store(out, i, count)
    return s.done()


def find() -> Traced:
    """The first index of a value, with break: a loop that carries a stop flag."""
    s = Sketch("find")
    a, out, n, wanted = s.buffer("A", i32), s.buffer("Out", i32), s.scalar("n", i32), s.scalar("wanted", i32)
    zero, one, none, go = s.const(0, i32), s.const(1, i32), s.const(-1, i32), s.const(False, b1)
    k, found, stop = Value(i32, "k"), Value(i32, "found"), Value(b1, "stop")
    with s.block(k, found, stop) as body:
        running = s.same("logical_not", stop)
        with s.block() as then:
            hit = s.compare("cmp_eq", s.load(a, k), wanted)
            with s.block() as yes:
                yes.yields = [k, s.const(True, b1)]
            with s.block() as no:
                no.yields = [found, stop]
            then.yields = s.if_(hit, yes, no)
        with s.block() as orelse:
            orelse.yields = [found, stop]
        body.yields = s.if_(running, then, orelse)
    result, _ = s.for_(zero, n, one, [none, go], body)
    s.store(out, zero, result)
    return s.done()


def reduce() -> Traced:
    """A sum over a threadgroup: threadgroup memory, barriers, a simdgroup operation."""
    s = Sketch("reduce")
    a, out = s.buffer("A", f32), s.buffer("Out", f32)
    tile = s.op("threadgroup_alloc", result=BufferType(f32, Space.THREADGROUP), named="tile", dtype=f32, size=256)
    t = s.op("thread_index_in_threadgroup", result=u32, named="t")
    s.store(tile, t, s.load(a, s.gid()))
    s.op("threadgroup_barrier", mem_flags=MemFlags.THREADGROUP)
    zero = s.const(0, u32)
    first = s.compare("cmp_lt", t, s.const(32, u32))
    with s.block() as then:
        total = s.op("simd_sum", s.load(tile, t), result=f32)
        with s.block() as leader:
            s.store(out, s.op("threadgroup_position_in_grid", result=u32, dim=Axis.X), total)
        s.if_(s.compare("cmp_eq", t, zero), leader)
    s.if_(first, then)
    return s.done()


def histogram() -> Traced:
    """Atomics on a device buffer."""
    s = Sketch("histogram")
    a, bins = s.buffer("A", u32), s.buffer("Bins", u32)
    bucket = s.same("bitand", s.load(a, s.gid()), s.const(255, u32))
    s.op("atomic_fetch_add", bins, bucket, s.const(1, u32), result=u32, order=MemoryOrder.RELAXED)
    return s.done()


def narrow() -> Traced:
    """Half, bfloat and bool values, special constants."""
    s = Sketch("narrow")
    h, b, flags = s.buffer("H", f16), s.buffer("B", bf16), s.buffer("Flags", b1)
    i = s.gid()
    x = s.same("mul", s.load(h, i), s.const(0.5, f16))
    s.store(h, i, s.same("fmin", x, s.const(float("inf"), f16)))
    y = s.same("add", s.op("convert", x, result=bf16, dtype=bf16), s.const(float("nan"), bf16))
    s.store(b, i, s.same("fmax", y, s.const(-0.0, bf16)))
    s.store(flags, i, s.op("select", s.op("isnan", y, result=b1), s.const(True, b1), s.load(flags, i), result=b1))
    return s.done()


SAMPLES: dict[str, Callable[[], Traced]] = {
    sample.__name__: sample for sample in (vadd, dot, collatz, find, reduce, histogram, narrow)
}


def _numbers(row: Intrinsic, bound: dict[Var, Numeric]) -> dict[str, int]:
    """Return compile-time numbers that the row's own check takes."""
    for more in (2, 1, 0):
        statics = [(name, each) for name, each in row.attributes.items() if isinstance(each, Static)]
        found = {name: min(each.low + more, each.high) for name, each in statics}
        if not found or row.check is None or row.check(bound, found) is None:
            return found
    raise ValueError(row)


def row_sample(row: Intrinsic) -> Traced:
    """A kernel that applies one row once, its operands being loaded elements or buffers of the first dtype allowed."""
    s = Sketch(f"uses_{row.name}")
    i = s.gid()
    bound: dict[Var, Numeric] = {var: var.members()[0] for var in row.variables}

    numbers = _numbers(row, bound)

    def resolve(term: Term) -> Type:
        match term:
            case Buffer():
                element = term.element if isinstance(term.element, Numeric) else bound[term.element]
                return BufferType(element, term.spaces[0])
            case Texture():
                return TextureType(bound[term.element], term.kinds[0], term.accesses[-1])
            case _:
                return concrete(term, bound, numbers)

    operands: list[Value] = []
    for name, term in row.operands.items():
        if isinstance(term, Variadic):
            operands += [s.load(s.buffer(f"p_{dtype.name}", dtype), i, dtype.name) for dtype in term.dtypes]
            continue
        wanted = resolve(term)
        if isinstance(wanted, BufferType) and term.spaces == (Space.THREADGROUP,):
            operands.append(s.op("threadgroup_alloc", result=wanted, dtype=wanted.element, size=4))
        elif isinstance(wanted, BufferType):
            operands.append(s.buffer(f"p_{name}", wanted.element))
        elif isinstance(wanted, TextureType):
            operands.append(s.texture(f"p_{name}", wanted))
        elif wanted.name == "index":
            operands.append(s.op("to_index", i, result=wanted))
        elif isinstance(wanted, SimdgroupMatrix | Matrix):
            operands.append(s.matrix(wanted))
        else:
            operands.append(s.load(s.buffer(f"p_{name}", wanted), i, name))
    attrs: dict[str, Any] = {}
    for name, term in row.attributes.items():
        match term:
            case Choice():
                attrs[name] = next(iter(term.enum))
            case Static():
                attrs[name] = numbers[name]
            case DTypeArg():
                attrs[name] = bound[term.var]
            case Text():
                attrs[name] = "".join("{}" for _ in DTYPES) + ' "quoted" \\ 100 %\n\u00e9'
            case Numbers():
                attrs[name] = (1, 0, 1)
    if row.name == "const":
        attrs["value"] = 1.5
    result = None if row.result is None else resolve(row.result)
    value = s.op(row.name, *operands, result=result, **attrs)
    if isinstance(result, Numeric) and result.name != "index" and not isinstance(result, SimdgroupMatrix | Matrix):
        s.store(s.buffer("Out", result), i, value)
    return s.done()


def every_row() -> list[Intrinsic]:
    """All rows of the tables."""
    return list(all_rows())
