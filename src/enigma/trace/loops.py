"""Loops: what the rewritten `for` and `while` call. Python's own values unroll, traced bounds and conditions make real loops.

A loop starts as Python's. When its condition (or the flag that `break` sets) turns out to be traced, what was recorded is
dropped and the body is recorded once more, with a block argument for each variable that it changes (`carried.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from enigma.dtypes import Composite
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.trace.carried import Loop, Retry
from enigma.trace.control import either, is_plain, is_traced, truth
from enigma.trace.given import describe
from enigma.trace.node import Block, For, While
from enigma.trace.ranges import Range, counted
from enigma.trace.state import Snapshot, undefined_in
from enigma.trace.tracer import warn
from enigma.trace.undefined import Undefined
from enigma.trace.value import TracedValue

MANY_ITERATIONS = 300  # above this, unrolling is probably not meant
TOO_MANY_ITERATIONS = 100_000


class WhileLoop(Loop):
    """One `while` statement."""

    def __iter__(self) -> Iterator[None]:
        self.running = True
        steps = 0
        while self.running and not self.dynamic:
            steps += 1
            if steps > TOO_MANY_ITERATIONS:
                raise EnigmaValueError(
                    f"this loop over Python values has run {TOO_MANY_ITERATIONS} times while tracing", loc=self.loc,
                    help="its condition never becomes a traced value: make a variable traced, for example i = enigma.i32(0)",
                )  # fmt: skip
            yield
        while self.dynamic and self.running:
            self.rewind()
            yield from self._record()

    def enter(self) -> tuple[Any, ...]:
        """Return the variables at the head of the loop."""
        return self.values

    def test(self, condition: Any) -> bool:
        """Take the condition; return whether the body is to run now."""
        if self.dynamic:
            self.condition = condition
            return True
        if is_traced(condition):
            self.dynamic = True
            return False
        self.running = bool(condition)
        return self.running

    def body(self) -> tuple[Any, ...]:
        """Return the variables at the start of the body."""
        if self.dynamic:
            self._open_body()
        return self.values

    def leave(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Take the variables at the end of the body; return those that follow."""
        if self.dynamic:
            self.ended = values
            return values
        stop = self.stopped(values)
        if is_traced(stop):
            self.dynamic = True
            return values
        self.values = values
        self.running = not stop
        return values

    def _record(self) -> Iterator[None]:
        self.plan()
        test, body = Block(), Block()
        blocks = self.tracer.blocks
        depth = len(blocks)
        blocks.append(test)
        self.inside = body
        flags = self.arguments(test)
        try:
            yield
            self._close_test(test, flags)
            self.close(self.ended, body)
        except Retry:
            return
        finally:
            del blocks[depth:]
        self.finish(While([item.init for item in self.carried], test, body, [], self.loc))
        self.running = False

    def _open_body(self) -> None:
        self.tested = truth(self.condition, self.loc)
        self.tracer.blocks[-1] = self.inside
        self.arguments(self.inside)

    def _close_test(self, test: Block, flags: list[TracedValue]) -> None:
        """Make the condition `not stop and test`, the test computed only where the loop was not left."""
        if self.stop is None:
            test.yields = [self.tested]
            return
        blocks = self.tracer.blocks
        blocks[-1] = test
        computed = Block([], test.nodes, [])
        test.nodes = []
        flag = next(value for item, value in zip(self.carried, flags, strict=True) if item.variable == self.stop)
        go = self.tracer.operator("not", (flag,), self.loc)
        if is_plain(computed):
            test.nodes.extend(computed.nodes)
            test.yields = [self.tracer.operator("and", (go, self.tested), self.loc)]
        else:
            test.yields = [either(self.tracer, go, (computed, self.tested), (Block(), False), self.loc)]
        blocks[-1] = self.inside


class ForLoop(Loop):
    """One `for` statement: over a `Range` a loop of the kernel, over anything else Python's."""

    def __init__(
        self,
        items: Any,
        names: Sequence[str],
        values: Sequence[Any],
        extra: Mapping[str, Any],
        stop: int | None,
        targets: Sequence[str],
    ) -> None:
        super().__init__(names, values, extra, stop)
        self.items, self.targets = items, set(targets)
        self.current: Any = None
        if isinstance(items, TracedValue) and isinstance(items.type, Composite):
            self.items = list(items)
        elif isinstance(items, TracedValue):
            raise EnigmaTypeError(
                f"cannot iterate over {describe(items)}",
                loc=self.loc,
                help="loop over indices: for i in range(n): A[i]",
            )
        if isinstance(items, Undefined):
            items.refuse()

    def __iter__(self) -> Iterator[None]:
        if isinstance(self.items, Range):
            self.dynamic = True
            self.done = False
            while not self.done:
                self.rewind()
                yield from self._record(self.items)
            return
        yield from self._python()

    def _python(self) -> Iterator[None]:
        """Run the loop as Python's: each round records its own copy of the body."""
        items: Any = self.items
        if not hasattr(items, "__iter__"):
            raise EnigmaTypeError(f"cannot iterate over {describe(items)}", loc=self.loc, help="loop over range(n)")
        ints = len(self.items) if isinstance(self.items, range) else 0
        for count, item in enumerate(items):
            if count == MANY_ITERATIONS and ints:
                warn(
                    f"this loop over Python ints unrolls into {ints} copies of its body", self.loc,
                    "write `for i in enigma.range(...)` for a loop in the kernel, or enigma.range_constexpr to say that "
                    "this is meant",
                )  # fmt: skip
            if self.stopped(self.values) is True:
                break
            self.current = item
            yield

    def enter(self) -> tuple[Any, ...]:
        """Return the variables at the start of the body."""
        return self.values

    def item(self) -> Any:
        """Return the loop variable's value."""
        return self.current

    def leave(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Take the variables at the end of the body; return those that follow."""
        if self.dynamic:
            self.ended = values
        self.values = values
        return values

    def _record(self, bounds: Range) -> Iterator[None]:
        low, high, step, reverse = counted(self.tracer, bounds, self.loc)
        self.start = tuple(
            Undefined(name, "a loop variable has no value after its loop", self.loc) if name in self.targets else value
            for name, value in zip(self.names, self.start, strict=True)
        )
        self.taken = Snapshot((*self.start, *self.extra))
        self.plan()
        body = Block()
        counter = TracedValue(low.dtype, None)
        counter.scope = body
        body.args.append(counter)
        depth = len(self.tracer.blocks)
        self.tracer.blocks.append(body)
        self.arguments(body)
        self.current = counter if reverse is None else reverse(counter)
        try:
            yield
            self.close(self.ended, body)
        except Retry:
            return
        finally:
            del self.tracer.blocks[depth:]
        self.finish(For(low, high, step, [item.init for item in self.carried], body, [], self.loc))
        self.done = True

    def _after(self, variable: int, value: Any) -> Any:
        if self.names[variable] in self.targets and undefined_in(value):
            return value
        return super()._after(variable, value)
