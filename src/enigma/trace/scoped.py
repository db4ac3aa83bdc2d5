"""Control flow as context managers, for kernels without source and for code that wants to be explicit."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from enigma.dtypes import Numeric
from enigma.errors import EnigmaError, EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.trace.control import truth
from enigma.trace.given import describe, literal, located_dtype, number_dtype, plural
from enigma.trace.node import Block, For, If, While
from enigma.trace.ranges import Range, counted
from enigma.trace.registers import Held
from enigma.trace.tracer import Tracer
from enigma.trace.value import TracedValue, active


class Carry:
    """The values a loop carries: `carry[k]` reads the current one, `carry[k] = x` sets the next.

    After the loop, reads give its results and assignment raises `EnigmaError`.

        with enigma.for_range(0, n, init=[0.0]) as (i, carry):
            carry[0] = carry[0] + A[i]
        Out[0] = carry[0]
    """

    def __init__(self, tracer: Tracer, init: Sequence[Any], loc: SourceLoc) -> None:
        self._tracer, self._loc = tracer, loc
        self.inits = [self._first(x) for x in init]
        self.current: list[TracedValue] = list(self.inits)
        self.closed = False

    def _first(self, x: Any) -> TracedValue:
        number = literal(x)
        if number is None:
            return self._tracer.value(x, self._loc)
        return self._tracer.constant(number, number_dtype(number, self._loc), self._loc)

    def __len__(self) -> int:
        return len(self.current)

    def __iter__(self) -> Iterator[TracedValue]:
        return iter(list(self.current))

    def __getitem__(self, k: int) -> TracedValue:
        return self.current[self._index(k)]

    def __setitem__(self, k: int, x: Any) -> None:
        loc = caller()
        k = self._index(k)
        if self.closed:
            raise EnigmaError(
                f"carry[{k}] is assigned after its loop", loc=loc, help="assign it inside of the `with` block"
            )
        wanted = self.inits[k].dtype
        value = self._tracer.convert(x, wanted, loc) if literal(x) is not None else self._tracer.value(x, loc)
        if value.dtype is not wanted:
            raise EnigmaTypeError(
                f"carry[{k}] started as {wanted.name} and is assigned {value.dtype.name}", loc=loc,
                help=f"convert it: x.to(enigma.{wanted.name}), or start with enigma.{value.dtype.name}(...)",
            )  # fmt: skip
        self.current[k] = value

    def _index(self, k: int) -> int:
        number: Any = k
        if not isinstance(number, int) or not 0 <= k < len(self.inits):
            raise EnigmaValueError(
                f"the carry has {plural(len(self.inits), 'value')}, and [{k!r}] is none of them", loc=caller(),
                help="give each value that the loop carries a start: init=[...]",
            )  # fmt: skip
        return k

    def open(self, block: Block, names: str = "carry") -> None:
        """Make the values arguments of a block."""
        self.current = []
        for k, init in enumerate(self.inits):
            value = TracedValue(init.dtype, init.name or f"{names}{k}")
            value.scope = block
            block.args.append(value)
            self.current.append(value)

    def close(self, node: For | While) -> None:
        """Make the values the loop's results."""
        scope = self._tracer.blocks[-1]
        self.current = []
        for k, init in enumerate(self.inits):
            value = TracedValue(init.dtype, init.name or f"carry{k}", node)
            value.scope = scope
            node.results.append(value)
            self.current.append(value)
        self.closed = True


def for_range(
    low: Any, high: Any, step: Any = 1, dtype: Any = None, init: Sequence[Any] | None = None
) -> AbstractContextManager[Any]:
    """A loop of the kernel over [low, high): `with for_range(0, n) as i:`, or `as (i, carry)` with `init=[...]`.

    Bounds are ints or traced integers; `dtype` is that of `i` (default: the bounds', else i32).

        with enigma.for_range(0, n, init=[0.0]) as (i, acc):
            acc[0] = acc[0] + A[i]
    """
    loc, tracer = caller(), active()
    wanted = located_dtype(dtype, loc) if dtype is not None else None
    if wanted is not None:
        low, high, step = (x if (literal(x) or 0) < 0 else tracer.convert(x, wanted, loc) for x in (low, high, step))
    return _for_range(Range(low, high, step), init, wanted, tracer, loc)


@contextmanager
def _for_range(
    bounds: Range, init: Sequence[Any] | None, wanted: Numeric | None, tracer: Tracer, loc: SourceLoc
) -> Generator[Any]:
    start, end, by, reverse = counted(tracer, bounds, loc)
    carry = Carry(tracer, init or (), loc)
    held = Held(tracer)
    with tracer.block() as body:
        counter = TracedValue(start.dtype, None)
        counter.scope = body
        body.args.append(counter)
        carry.open(body)
        registers = held.enter(body)
        i = counter if reverse is None else reverse(counter)
        if wanted is not None and wanted.width < counter.dtype.width:  # narrow bounds count as i32, as everywhere
            i = tracer.convert(i, wanted, loc)
        yield i if init is None else (i, carry)
        held.settle()
        body.yields = list(carry.current)
    node = For(start, end, by, [*carry.inits], body, [], loc)
    carry.close(node)
    held.close_loop(node, [registers])
    tracer.add(node)


class IfContext:
    """What `with if_(c):` gives: nothing, or `as (then, orelse)` two blocks to fill."""

    def __init__(self, condition: Any) -> None:
        self.loc, self.tracer = caller(), active()
        if not isinstance(condition, TracedValue) and not isinstance(condition, bool):
            raise EnigmaTypeError(
                f"if_ takes a condition, but it got {describe(condition)}", loc=self.loc, help="compare: x != 0"
            )
        self.condition = truth(condition, self.loc)
        self.then, self.orelse = Block(), Block()
        self.split = False
        self.held = Held(self.tracer)
        self.ends = [self.held.before, self.held.before]
        self.behind: int | None = None  # how long the block around is after the first of the two blocks

    def __enter__(self) -> IfContext:
        self.tracer.blocks.append(self.then)
        return self

    def __iter__(self) -> Iterator[Any]:
        self.split = True
        self.tracer.blocks.pop()  # what stands between the head and the two blocks is done before the branch
        yield self._branch(self.then, 0)
        yield self._branch(self.orelse, 1)

    @contextmanager
    def _branch(self, block: Block, number: int) -> Generator[None]:
        if self.behind is None:
            self.held.settle()
            self.held.before = self.held.now()
            self.ends = [self.held.before, self.held.before]
        self._check_nothing_between()
        self.tracer.blocks.append(block)
        self.held.put(self.ends[number])
        try:
            yield
            self.held.settle()
        finally:
            self.ends[number] = self.held.now()
            self.tracer.blocks.pop()
        self.behind = len(self.tracer.blocks[-1].nodes)

    def _check_nothing_between(self) -> None:
        nodes = self.tracer.blocks[-1].nodes
        if self.behind is not None and len(nodes) > self.behind:
            raise EnigmaError(
                "this stands in `with if_(...) as (then, orelse):` behind one of its two blocks, and belongs to neither",
                loc=nodes[self.behind].loc,
                help="write it before the first block, in one of them, or after the branch",
            )

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None and not self.split:
            self.held.settle()
        if not self.split:
            self.tracer.blocks.pop()
        if kind is None:
            self._check_nothing_between()
            if not self.split:
                self.ends[0] = self.held.now()
            elif self.behind is None:
                self.held.settle()
                self.ends = [self.held.now(), self.held.now()]
            node = If(self.condition, self.then, self.orelse, [], self.loc)
            self.held.close_if(node, *self.ends)
            self.tracer.add(node)


def if_(condition: Any) -> IfContext:
    """A branch: `with if_(c):` or `with if_(c) as (then, orelse):` with a `with` block for each.

    with enigma.if_(i < n):
        Out[i] = A[i]
    """
    return IfContext(condition)


def while_(condition: Callable[..., Any], init: Sequence[Any] | None = None) -> AbstractContextManager[Carry | None]:
    """A loop while `condition()` holds; with `init=[...]` it is `condition(carry)` and the block gets the carry.

    with enigma.while_(lambda c: c[0] < n, init=[enigma.u32(1)]) as c:
        c[0] = c[0] * 2
    """
    return _while(condition, init, active(), caller())


@contextmanager
def _while(
    condition: Callable[..., Any], init: Sequence[Any] | None, tracer: Tracer, loc: SourceLoc
) -> Generator[Carry | None]:
    carry = Carry(tracer, init or (), loc)
    held = Held(tracer)
    with tracer.block() as test:
        carry.open(test)
        asked = held.enter(test)
        tested = condition(carry) if init is not None else condition()
        if not isinstance(tested, TracedValue | bool):
            raise EnigmaTypeError(
                f"the condition of while_ must be a bool, but it is {describe(tested)}",
                loc=loc,
                help="compare: lambda: x < n",
            )
        test.yields = [truth(tested, loc)]
    with tracer.block() as body:
        carry.open(body)
        registers = held.enter(body)
        yield carry if init is not None else None
        held.settle()
        body.yields = list(carry.current)
    node = While([*carry.inits], test, body, [], loc)
    carry.close(node)
    held.close_loop(node, [asked, registers])
    tracer.add(node)
