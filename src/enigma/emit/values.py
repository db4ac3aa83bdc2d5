"""Values on their way into the text: held back until they are used, or given a name.

A value that is used once waits as an expression and is written where it is used. What it reads must not change in the
meantime: before a store, a barrier or an assignment that could change it, it becomes a local.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

from xdsl.ir import Block, Operation, SSAValue

from enigma.dialect.names import place, user_name
from enigma.dtypes import Numeric
from enigma.emit.base import Names, Sink
from enigma.emit.expr import Expr, assigned, name
from enigma.emit.liveness import block_of, crosses_loop, is_within
from enigma.errors import InternalError
from enigma.source import SourceLoc


class Values:
    """What each value of the kernel is written as, at the point of the text that has been reached."""

    def __init__(self, sink: Sink, names: Names, type_name: Callable[[Numeric], str]) -> None:
        self.sink, self.names, self.type_name = sink, names, type_name
        self.mutable: set[str] = set()
        self._known: dict[SSAValue, Expr] = {}
        self._pending: dict[SSAValue, Expr] = {}

    def __contains__(self, value: SSAValue) -> bool:
        return value in self._known or value in self._pending

    def know(self, value: SSAValue, expr: Expr) -> None:
        """Say what `value` is written as wherever it is used."""
        self._known[value] = expr

    def take(self, value: SSAValue) -> Expr:
        """Return the expression of `value`; one that was held back for its single use is given away."""
        held = self._pending.pop(value, None)
        if held is not None:
            return held
        known = self._known.get(value)
        if known is None:
            raise InternalError(f"the value {value.name_hint or value} is used before it is written")
        return known

    def is_held(self, value: SSAValue) -> bool:
        """Return whether `value` waits for its single use."""
        return value in self._pending

    def peek(self, value: SSAValue) -> Expr:
        """Return the expression of `value` and leave it where it is."""
        held = self._pending.get(value)
        return held if held is not None else self._known[value]

    def define(self, value: SSAValue, expr: Expr) -> None:
        """Hold `expr` back, write it as a local, or repeat it at each use, whichever reads best and is right."""
        uses = list(value.uses)
        home = block_of(value)
        if (expr.trivial and not expr.names & self.mutable) or self._is_cheap(value, expr):
            self._known[value] = expr
        elif len(uses) == 1 and (not crosses_loop(uses[0].operation, home) or self._may_enter_loop(value, expr)):
            self._pending[value] = expr
        else:
            self.hold_and_write(value, expr)

    def _may_enter_loop(self, value: SSAValue, expr: Expr) -> bool:
        """A little index arithmetic reads better in its place, and every compiler moves it out again."""
        plain = expr.dtype.is_integer and not expr.reads and not expr.sync and not expr.names & self.mutable
        return plain and user_name(value) is None and len(expr.text) <= 24 and "(" not in expr.text

    def hold_and_write(self, value: SSAValue, expr: Expr) -> None:
        """Write `value` as a local here and now."""
        self._pending[value] = expr
        self.write(value)

    def _is_cheap(self, value: SSAValue, expr: Expr) -> bool:
        """A cast, a sign, or one comparison or step of index arithmetic is repeated, not named: a person would type it again."""
        plain = not expr.reads and not expr.sync and not expr.names & self.mutable
        if not plain or user_name(value) is not None or len(expr.text) > 16:
            return False
        one_operator = (
            not expr.dtype.is_float and expr.text.count(" ") == 2 and "(" not in expr.text and "/" not in expr.text
        )
        return " " not in expr.text or one_operator

    def write(self, value: SSAValue) -> None:
        """Write a value that is held back as a local of its own."""
        expr = self._pending.pop(value)
        wish = user_name(value)
        local = self.names.fresh(wish) if wish is not None else self.names.numbered("t")
        self.sink.put(f"{self.type_name(expr.dtype)} {local} = {assigned(expr).text};", location(value))
        self._known[value] = name(local, expr.dtype)

    def declare(self, value: SSAValue, dtype: Numeric) -> str:
        """Declare a local that a statement is about to set to `value`; returns its name."""
        wish = user_name(value)
        local = self.names.fresh(wish) if wish is not None else self.names.numbered("t")
        self.sink.put(f"{self.type_name(dtype)} {local};", location(value))
        self._known[value] = name(local, dtype)
        return local

    def is_mentioned(self, local: str, *, besides: SSAValue) -> bool:
        """Return whether a value that is held back, other than `besides`, names `local`."""
        return any(local in expr.names for value, expr in self._pending.items() if value is not besides)

    def flush(self, condition: Callable[[SSAValue, Expr], bool]) -> None:
        """Write as locals all values held back that meet the condition, oldest first."""
        for value in [value for value, expr in self._pending.items() if condition(value, expr)]:
            self.write(value)

    def before_effect(self) -> None:
        """Write what an effect could change: call it after the statement's own operands are taken."""
        self.flush(lambda _, expr: expr.reads or expr.sync)

    def before_assignment(self, local: str) -> None:
        """Write what mentions `local`, which is about to change."""
        self.flush(lambda _, expr: local in expr.names)

    def before_statement(self, op: Operation, *, effects: bool, written: Iterable[str], loop: bool) -> None:
        """Write what cannot wait until after a structured statement, or cannot move into it."""
        changed = frozenset(written)

        def must(value: SSAValue, expr: Expr) -> bool:
            if all(use.operation is op for use in value.uses):
                return False  # a first value of the loop: taken next
            if expr.sync:
                return True
            if not loop and self._used_inside(value, op):
                return False
            return (effects and expr.reads) or bool(expr.names & changed)

        self.flush(must)

    def _used_inside(self, value: SSAValue, scope: Operation | Block) -> bool:
        return all(use.operation.parent is not None and is_within(use.operation.parent, scope) for use in value.uses)

    @contextmanager
    def inside(self, block: Block) -> Generator[set[str], None, None]:
        """Set aside what is not used in `block`: it must not be written there. Yields the names given inside."""
        kept = {value: expr for value, expr in self._pending.items() if not self._used_inside(value, block)}
        for value in kept:
            del self._pending[value]
        with self.names.scope() as given:
            yield given
        self._pending = kept  # what was left inside had its use there: nothing needs it


def location(value: SSAValue) -> SourceLoc | None:
    """Return the Python line that computes `value`."""
    owner = value.owner
    op = owner if isinstance(owner, Operation) else owner.parent_op()
    return place(op) if op is not None else None
