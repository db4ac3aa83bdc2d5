"""Random kernels: nested branches and loops over integer, float and bool arithmetic, full of constants that simplify."""

from __future__ import annotations

import random

from enigma.dtypes import Numeric, b1, bf16, f16, f32, i8, i16, i32, i64, u8, u32
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import all_rows
from enigma.spec.terms import Choice, DTypeArg, Effect, Static, Var
from enigma.trace.node import Block, Traced, Value
from tests.spec.forms import is_composite, is_matrix
from tests.unit.dialect.samples import Sketch

STORED = (i32, u32, f32, i64, f16, b1)
DTYPES = (i32, u32, f32, b1, i64, f16, i8, i16, u8, bf16)
SIZE = 16
NUMBERS: dict[str, tuple[float, ...]] = {
    "f": (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0),
    "i": (0, 1, 2, 3, 4, 5, 16, -1, -7, 127, 31),
    "u": (0, 1, 2, 3, 4, 5, 16, 255, 31, 7),
    "b": (False, True),
}
ROWS = tuple(
    row
    for row in all_rows()
    if row.effect is Effect.PURE
    and row.operands
    and not is_composite(row)
    and all(isinstance(term, Var | Numeric) for term in row.operands.values())
    and not is_matrix(row)
    and not row.at_launch
    and row.name not in ("const", "to_index", "from_index")
)
COMMON = tuple(row for row in ROWS if row.algebra is not None)


class Author:
    """Writes one random kernel; `pool` holds the values that are visible, per dtype."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.s = Sketch(f"random_{seed}")
        self.buffers = {dtype: self.s.buffer(f"B_{dtype.name}", dtype) for dtype in STORED}
        self.pool: dict[Numeric, list[Value]] = {dtype: [] for dtype in DTYPES}
        self.names = 0
        self.pool[i32].append(self.s.scalar("n", i32))
        self.pool[u32].append(self.s.scalar("m", u32))
        self.pool[u32].append(self.s.gid("gid"))

    def write(self) -> Traced:
        self.body(2, 10)
        for dtype in STORED:
            self.s.store(self.buffers[dtype], self.index(), self.value(dtype))
        return self.s.done()

    def body(self, depth: int, length: int) -> None:
        for _ in range(self.random.randint(2, length)):
            kind = self.random.random()
            if kind < 0.70 or depth == 0:
                self.operation()
            elif kind < 0.76:
                self.s.store(*self.stored())
            elif kind < 0.88:
                self.branch(depth)
            elif kind < 0.93:
                self.loop(depth)
            elif kind < 0.97:
                self.stopping_loop(depth)
            else:
                self.while_loop(depth)

    def stored(self) -> tuple[Value, Value, Value]:
        dtype = self.random.choice(STORED)
        return self.buffers[dtype], self.index(), self.value(dtype)

    def name(self) -> str | None:
        self.names += 1
        return f"v{self.names}" if self.random.random() < 0.4 else None

    def keep(self, value: Value) -> Value:
        assert isinstance(value.type, Numeric)
        self.pool[value.type].append(value)
        return value

    def value(self, dtype: Numeric) -> Value:
        known = self.pool[dtype]
        if known and self.random.random() < 0.7:
            return self.random.choice(known[-8:])
        if dtype in STORED and self.random.random() < 0.4:
            return self.keep(self.s.load(self.buffers[dtype], self.index(), self.name()))
        return self.s.const(self.random.choice(NUMBERS[dtype.kind]), dtype)

    def index(self) -> Value:
        known = self.random.choice(self.pool[u32][-8:])
        return self.s.same("bitand", known, self.s.const(SIZE - 1, u32))

    def operation(self) -> None:
        row = self.random.choice(COMMON if self.random.random() < 0.75 else ROWS)
        bound: dict[Var, Numeric] = {}
        for var in row.variables:
            allowed = [dtype for dtype in DTYPES if dtype in var.dtypes]
            bound[var] = self.random.choice(allowed[: 2 if self.random.random() < 0.6 else None])
        attrs: dict[str, object] = {}
        for name, term in row.attributes.items():
            match term:
                case DTypeArg():
                    attrs[name] = bound[term.var]
                case Static():
                    attrs[name] = self.random.randint(term.low, min(term.high, 4))
                case Choice():
                    attrs[name] = self.random.choice(list(term.enum))
        if row.check is not None and row.check(bound, attrs) is not None:
            return
        operands = [self.value(bound[t] if isinstance(t, Var) else t) for t in row.operands.values()]  # type: ignore[index]
        result = bound[row.result] if isinstance(row.result, Var) else row.result
        assert isinstance(result, Numeric)
        if isinstance(row, Intrinsic):
            self.keep(self.s.op(row.name, *operands, result=result, named=self.name(), **attrs))

    def scoped(self, depth: int, block: Block, yields: list[Numeric]) -> None:
        seen = {dtype: len(values) for dtype, values in self.pool.items()}
        for arg in block.args:
            self.keep(arg)
        self.body(depth - 1, 5)
        block.yields = [self.value(dtype) for dtype in yields]
        for dtype, count in seen.items():
            del self.pool[dtype][count:]

    def branch(self, depth: int) -> None:
        condition = self.value(b1)
        yields = [self.random.choice(DTYPES) for _ in range(self.random.randint(0, 3))]
        with self.s.block() as then:
            self.scoped(depth, then, yields)
        with self.s.block() as orelse:
            if yields or self.random.random() < 0.5:
                self.scoped(depth, orelse, yields)
        for result in self.s.if_(condition, then, orelse):
            self.keep(result)

    def loop(self, depth: int) -> None:
        carried = [self.random.choice(DTYPES) for _ in range(self.random.randint(0, 3))]
        inits = [self.value(dtype) for dtype in carried]
        low, high, step = (self.s.const(self.random.choice(c), i32) for c in ((0, 1, -2), (0, 1, 3), (1, 2)))
        counter, args = Value(i32, "k"), [Value(dtype, f"c{k}") for k, dtype in enumerate(carried)]
        with self.s.block(counter, *args) as body:
            self.scoped(depth, body, carried)
            for k, arg in enumerate(args):
                if self.random.random() < 0.3:
                    body.yields[k] = self.random.choice([arg, inits[k]])
        for result in self.s.for_(low, high, step, inits, body):
            self.keep(result)

    def stopping_loop(self, depth: int) -> None:
        """A loop with `break`, as the tracer writes it: a stop flag guards the body."""
        carried = [self.random.choice(DTYPES) for _ in range(self.random.randint(0, 2))]
        inits = [self.s.const(False, b1), *(self.value(dtype) for dtype in carried)]
        low, high, one = (self.s.const(value, i32) for value in (0, 4, 1))
        counter, args = Value(i32, "k"), [Value(b1, "stop"), *(Value(dtype, "d") for dtype in carried)]
        with self.s.block(counter, *args) as body:
            running = self.s.same("logical_not", args[0])
            with self.s.block(counter) as then:
                self.scoped(depth, then, carried)
                leave = self.s.compare("cmp_ge", counter, self.s.const(self.random.choice((0, 1, 2)), i32))
                with self.s.block() as yes:
                    yes.yields = [self.s.const(True, b1), *then.yields]
                with self.s.block() as no:
                    no.yields = list(args)
                then.args, then.yields = [], self.s.if_(leave, yes, no)
            with self.s.block() as orelse:
                orelse.yields = list(args)
            body.yields = self.s.if_(running, then, orelse)
        for result in self.s.for_(low, high, one, inits, body):
            self.keep(result)

    def while_loop(self, depth: int) -> None:
        carried = [i32, *(self.random.choice(DTYPES) for _ in range(self.random.randint(0, 2)))]
        inits = [self.s.const(0, i32), *(self.value(dtype) for dtype in carried[1:])]
        limit, one = self.s.const(self.random.choice((0, 2, 3)), i32), self.s.const(1, i32)
        tested, looped = ([Value(dtype, f"w{k}") for k, dtype in enumerate(carried)] for _ in range(2))
        with self.s.block(*tested) as test:
            test.yields = [self.s.compare("cmp_lt", tested[0], limit)]
        with self.s.block(*looped) as body:
            self.scoped(depth, body, carried)
            body.yields[0] = self.s.same("add", looped[0], one)
        for result in self.s.while_(inits, test, body):
            self.keep(result)


def random_kernel(seed: int) -> Traced:
    """Return the random kernel of a seed: buffers of `STORED`, then the scalars n and m."""
    return Author(seed).write()
