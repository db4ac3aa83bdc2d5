"""A warning for what needs all threads of a unit but stands where only some of them come: Metal leaves that undefined.

A row says by `together` which threads must be there, and a grid query by `level` over what it is the same. One walk over the
traced kernel follows the queries through arithmetic into conditions. It is kept to what is as good as certain: a condition
on loaded data, on two positions at once, or after a division says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from enigma.dtypes import b1
from enigma.source import SourceLoc
from enigma.spec.registry import by_operator
from enigma.spec.terms import Algebra, Axis, Effect, Level
from enigma.trace.node import Block, For, If, Node, Op, Traced, Value, While
from enigma.trace.tracer import warn

FINER = {level: number for number, level in enumerate((Level.GRID, Level.THREADGROUP, Level.SIMDGROUP, Level.THREAD))}
KEPT = frozenset({
    Algebra.ADD, Algebra.SUB, Algebra.MUL, Algebra.NEG, Algebra.REM, Algebra.FLOOR_MOD, Algebra.XOR, Algebra.NOT, Algebra.CONVERT,
    Algebra.LT, Algebra.LE, Algebra.GT, Algebra.GE, Algebra.EQ, Algebra.NE,
})  # fmt: skip
"""Arithmetic after which what differs between threads still does."""

LOW_BITS = 31
"""Bits of a position that differ within a simdgroup."""


@dataclass(frozen=True, slots=True)
class _Spread:
    """Over what a value is the same, and certainly no further; `query` is the grid query that it comes from."""

    level: Level
    query: Op | None = None

    @property
    def is_uniform(self) -> bool:
        """Whether all threads of a threadgroup hold the same."""
        return FINER[self.level] <= FINER[Level.THREADGROUP]


@dataclass(frozen=True, slots=True)
class _Around:
    """A branch or loop that some threads leave out, and why."""

    node: Node
    spread: _Spread


_SAME = _Spread(Level.GRID)


def warn_where_threads_are_missing(traced: Traced) -> None:
    """Warn at each call that all threads of a unit must reach, in a branch or loop that depends on the thread."""
    walk = _Walk()
    walk.know([param.value for param in traced.params], _SAME)
    walk.block(traced.body, None)


class _Walk:
    """Goes through a kernel once, an outer statement before those in it."""

    def __init__(self) -> None:
        self._spreads: dict[int, _Spread] = {}  # by identity: a traced value's own == records an operation
        rows = by_operator()
        self._masking, self._joining = rows["&"], [rows[symbol] for symbol in ("and", "or", "&", "|")]
        self._warned: set[SourceLoc] = set()  # an unrolled loop repeats its lines

    def know(self, values: Sequence[Value], spread: _Spread) -> None:
        """Note what is known of these values."""
        self._spreads.update((id(value), spread) for value in values)

    def get(self, value: Value) -> _Spread | None:
        """Return what is known of a value."""
        return self._spreads.get(id(value))

    def block(self, block: Block, around: _Around | None) -> None:
        """Go through a block inside of `around`."""
        for node in block.nodes:
            match node:
                case Op():
                    self._op(node, around)
                case If():
                    self._if(node, around)
                case For():
                    if node.shared is not None:
                        self._check(node, node.shared, Level.THREADGROUP, around)
                    self._for(node, around)
                case While():
                    self.block(node.test, around)
                    self.block(node.body, self._inside(node, node.test.yields[:1], around))

    # ---- statements

    def _if(self, node: If, around: _Around | None) -> None:
        inside = self._inside(node, [node.condition], around)
        self.block(node.then, inside)
        self.block(node.orelse, inside)
        spread = self.get(node.condition)
        for result, x, y in zip(node.results, node.then.yields, node.orelse.yields, strict=True):
            # a flag such as that of an early return is the condition itself
            if spread is not None and (a := _constant(x)) is not None and (b := _constant(y)) is not None and a != b:
                self.know([result], spread)

    def _for(self, node: For, around: _Around | None) -> None:
        low, step = self.get(node.low), self.get(node.step)
        if low is None or step is None or not low.is_uniform or not step.is_uniform:
            # of `for k in range(lane, n, 32)` all threads may make the same number of rounds
            self.block(node.body, around)
            return
        high = self.get(node.high)
        if high is not None and high.is_uniform:
            self.know(node.body.args[:1], max(low, high, step, key=lambda spread: FINER[spread.level]))
        self.block(node.body, self._inside(node, [node.high], around))

    def _inside(self, node: Node, conditions: Sequence[Value], around: _Around | None) -> _Around | None:
        """Return what surrounds the blocks of a statement: the one that tells the threads apart most finely."""
        spreads = [spread for value in conditions if (spread := self.get(value)) is not None and not spread.is_uniform]
        if not spreads or (around is not None and FINER[spreads[0].level] < FINER[around.spread.level]):
            return around
        return _Around(node, spreads[0])

    # ---- operations

    def _op(self, node: Op, around: _Around | None) -> None:
        if node.result is not None:
            spread = self._spread(node)
            if spread is not None:
                self.know([node.result], spread)
        if node.row.together is not None:
            self._check(node, node.row.shown_name, node.row.together, around)

    def _check(self, node: Op | For, function: str, together: Level, around: _Around | None) -> None:
        if around is not None and FINER[around.spread.level] > FINER[together] and node.loc not in self._warned:
            self._warned.add(node.loc)
            _warn(node, function, together, around)

    def _spread(self, node: Op) -> _Spread | None:
        row = node.row
        if row.level is not None and not row.operands:
            axes = [value for value in node.attrs.values() if isinstance(value, Axis)]
            # along y and z a threadgroup is often one thread wide
            certain = FINER[row.level] <= FINER[Level.THREADGROUP] or axes in ([], [Axis.X])
            return _Spread(row.level, node) if certain else None
        if row.algebra is Algebra.ALLOC:
            return _Spread(Level.THREADGROUP)
        if row.effect not in (Effect.PURE, Effect.READ):
            return None
        spreads = [self.get(operand) for operand in node.operands]
        known = [spread for spread in spreads if spread is not None]
        if len(known) < len(spreads):
            return None
        differing = [spread for spread in known if not spread.is_uniform]
        if not differing:
            return max(known, key=lambda spread: FINER[spread.level], default=_SAME)
        if any(row is other for other in self._joining) and node.result is not None and node.result.type is b1:
            return max(differing, key=lambda spread: FINER[spread.level])
        if len(differing) == 1 and (row.algebra in KEPT or self._keeps_low_bits(node)):
            return differing[0]
        return None

    def _keeps_low_bits(self, node: Op) -> bool:
        masks = [number for operand in node.operands if (number := _constant(operand)) is not None]
        return node.row is self._masking and any(int(number) & LOW_BITS for number in masks)


def _constant(value: Value) -> bool | int | float | None:
    """Return the number of a constant."""
    owner = value.owner
    return owner.attrs["value"] if isinstance(owner, Op) and owner.row.algebra is Algebra.CONST else None


def _warn(node: Op | For, function: str, together: Level, around: _Around) -> None:
    query, place = around.spread.query, around.node.loc
    keyword = "if" if isinstance(around.node, If) else "for" if isinstance(around.node, For) else "while"
    cause = f"depends on {query.row.name if query is not None else 'the thread'}"
    warn(
        f"{function} may be reached by only some threads of the {together.value}: the `{keyword}` at "
        f"{place.short_file}:{place.line} {cause}",
        node.loc,
        f"move it out of the `{keyword}`, so that all threads of the {together.value} come to it, and guard only the accesses",
    )
