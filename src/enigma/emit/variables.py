"""Which values share one variable of the printed kernel.

SSA gives a new name to every version of a Python variable. A loop's carried value, its start and its next version, or a
branch's result and what it merges, are put back into one variable wherever no two of them are needed at once. What is
left over is printed as an assignment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import scf
from xdsl.ir import Attribute, Block, Operation, OpResult, SSAValue

from enigma.dialect.names import user_name
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import Loop, early_exit
from enigma.emit.liveness import Liveness, Point, crosses_loop
from enigma.errors import InternalError
from enigma.spec.terms import MEMORY, Algebra, Effect

_PLACELESS = (Algebra.CONST, *MEMORY, Algebra.TO_INDEX, Algebra.FROM_INDEX)


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """Values that are one variable by their nature: a carried value inside of its loop and after it.

    `flag_of` is the loop whose stop flag it is.
    """

    values: tuple[SSAValue, ...]
    flag_of: Operation | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """At the end of a block or on entry to a loop, `source` becomes the value of `slot`."""

    source: SSAValue
    slot: Slot
    op: Operation


@dataclass(slots=True, eq=False)
class Variable:
    """Slots and computed values that share one variable of the text."""

    slots: list[Slot] = field(default_factory=list[Slot])
    computed: list[SSAValue] = field(default_factory=list[SSAValue])

    @property
    def values(self) -> Iterable[SSAValue]:
        """Everything that is held in the variable at some time."""
        for slot in self.slots:
            yield from slot.values
        yield from self.computed

    @property
    def is_used(self) -> bool:
        """Whether anything reads it."""
        return any(True for value in self.values for _ in value.uses)

    @property
    def flag_of(self) -> Operation | None:
        """The loop whose stop flag it is, or None."""
        return next((slot.flag_of for slot in self.slots if slot.flag_of is not None), None)


def last(block: Block) -> Operation:
    """Return the terminator of a block."""
    if block.last_op is None:
        raise InternalError("a block has no terminator")
    return block.last_op


def stop_flag(loop: Loop) -> int | None:
    """Return which carried value is the loop's stop flag; None where the test hands on other values than it gets."""
    if isinstance(loop, scf.WhileOp) and len(last(loop.before_region.block).operands) - 1 != len(loop.operands):
        return None
    return early_exit(loop)


class Variables:
    """The variables of one kernel. `expressions` are the `scf.if` that are printed as part of an expression."""

    def __init__(self, body: Block, liveness: Liveness, expressions: set[Operation]) -> None:
        self._liveness = liveness
        self._of: dict[SSAValue, Variable] = {}
        self._copies: dict[Operation, list[Copy]] = {}
        for op in body.walk():
            if op not in expressions:
                self._collect(op)
        self._incoming: dict[Slot, list[Copy]] = {}
        for copies in self._copies.values():
            for copy in copies:
                self._incoming.setdefault(copy.slot, []).append(copy)
        self._coalesce(structural=True)
        self._coalesce(structural=False)
        self._reuse(body)
        self._continue(body)

    def of(self, value: SSAValue) -> Variable | None:
        """Return the variable that holds `value`, or None."""
        return self._of.get(value)

    def held(self) -> Iterable[SSAValue]:
        """Return every value that is held in a variable."""
        return self._of.keys()

    def copies(self, op: Operation) -> list[Copy]:
        """Return the copies at a terminator or on entry to a loop that change a variable."""
        found: list[Copy] = []
        for copy in self._copies.get(op, ()):
            target = self._of[copy.slot.values[0]]
            if self._of.get(copy.source) is not target and target.is_used:
                found.append(copy)
        return found

    def incoming(self, variable: Variable) -> list[Copy]:
        """Return every copy into the variable that changes it."""
        copies = (copy for slot in variable.slots for copy in self._incoming.get(slot, ()))
        return [copy for copy in copies if self._of.get(copy.source) is not variable]

    def is_idle_after(self, variable: Variable, op: Operation) -> bool:
        """Return whether, from `op` to the end of its block, nothing reads the variable and only the end assigns it."""
        if any(self._liveness.live_after(value, self._liveness.at(op)) for value in variable.values):
            return False
        following = op.next_op
        while following is not None and not isinstance(following, scf.YieldOp):
            if any(self._assigns(inner, variable) for inner in following.walk()):
                return False
            following = following.next_op
        return following is not None

    def _assigns(self, op: Operation, variable: Variable) -> bool:
        copied = any(self._of[copy.slot.values[0]] is variable for copy in self._copies.get(op, ()))
        return copied or any(result in variable.computed for result in op.results)

    # ---- slots and copies

    def _slot(self, *values: SSAValue, flag_of: Operation | None = None) -> Slot:
        slot = Slot(values, flag_of)
        variable = Variable([slot])
        for value in values:
            self._of[value] = variable
        return slot

    def _copy(self, op: Operation, sources: Sequence[SSAValue], slots: Sequence[Slot]) -> None:
        copies = [Copy(source, slot, op) for source, slot in zip(sources, slots, strict=True)]
        self._copies.setdefault(op, []).extend(copies)

    def _collect(self, op: Operation) -> None:
        match op:
            case scf.ForOp():
                flag = stop_flag(op)
                carried = zip(op.body.block.args[1:], op.results, strict=True)
                slots = [
                    self._slot(arg, result, flag_of=op if k == flag else None)
                    for k, (arg, result) in enumerate(carried)
                ]
                self._copy(op, op.iter_args, slots)
                self._copy(last(op.body.block), last(op.body.block).operands, slots)
            case scf.WhileOp():
                self._while(op)
            case scf.IfOp() if op.results:
                slots = [self._slot(result) for result in op.results]
                for region in op.regions:
                    self._copy(last(region.block), last(region.block).operands, slots)
            case _:
                pass

    def _while(self, op: scf.WhileOp) -> None:
        before, after = op.before_region.block, op.after_region.block
        forwarded = last(before).operands[1:]
        flag = stop_flag(op)
        if len(forwarded) == len(before.args) and all(a is b for a, b in zip(forwarded, before.args, strict=True)):
            triples = zip(before.args, after.args, op.results, strict=True)
            heads = [self._slot(*triple, flag_of=op if k == flag else None) for k, triple in enumerate(triples)]
        else:
            heads = [self._slot(arg, flag_of=op if k == flag else None) for k, arg in enumerate(before.args)]
            pairs = zip(after.args, op.results, strict=True)
            tails = [self._slot(*pair, flag_of=op if k == flag else None) for k, pair in enumerate(pairs)]
            self._copy(last(before), forwarded, tails)
        self._copy(op, op.operands, heads)
        self._copy(last(after), last(after).operands, heads)

    # ---- coalescing

    def _coalesce(self, *, structural: bool) -> None:
        for copies in self._copies.values():
            for copy in copies:
                target = self._of[copy.slot.values[0]]
                source = self._of.get(copy.source)
                if structural and source is not None and source is not target:
                    self._try(target, source)
                elif not structural and source is None and target.flag_of is None and _is_computed(copy.source):
                    self._try(target, Variable([], [copy.source]))

    def _reuse(self, block: Block) -> None:
        """Let `x = x * x` assign to the same variable again, as the Python does, where the earlier x is not needed later."""
        latest: dict[tuple[str, Attribute], SSAValue] = {}
        for op in block.ops:
            for value in op.results:
                wish = user_name(value)
                if wish is None or not (value in self._of or (_is_computed(value) and _is_local(value, block))):
                    continue
                earlier = latest.get((wish, value.type))
                if earlier is not None:
                    first = self._of.get(earlier) or Variable([], [earlier])
                    second = self._of.get(value) or Variable([], [value])
                    if first is not second:
                        self._try(first, second)
                latest[wish, value.type] = value
            for region in op.regions:
                for inner in region.blocks:
                    self._reuse(inner)

    def _continue(self, block: Block) -> None:
        """Let `acc += x; acc += y` be two statements where acc is a variable, instead of one long expression."""
        for op in reversed(list(block.ops)):
            for region in op.regions:
                for inner in region.blocks:
                    self._continue(inner)
            for value in op.results:
                uses = list(value.uses)
                if len(uses) != 1 or value in self._of or not _is_computed(value) or user_name(value) is None:
                    continue
                following = uses[0].operation
                result = following.results[0] if following.results and following.parent is block else None
                if result is None or user_name(value) != user_name(result):
                    continue
                variable = self._of.get(result)
                if variable is not None and result in variable.computed:
                    self._try(variable, Variable([], [value]))

    def _try(self, target: Variable, other: Variable) -> None:
        if target.flag_of is not None and other.flag_of is not None and target.flag_of is not other.flag_of:
            return
        if next(iter(target.values)).type != next(iter(other.values)).type:
            return
        if not self._interfere(target, other):
            both = Variable(target.slots + other.slots, target.computed + other.computed)
            for value in both.values:
                self._of[value] = both

    def _interfere(self, one: Variable, other: Variable) -> bool:
        """Return whether a value of one variable is needed where the other is written; within each, none is."""
        written: dict[Operation, Slot] = {}
        for slot in (*one.slots, *other.slots):
            for copy in self._incoming.get(slot, ()):
                if written.setdefault(copy.op, slot) is not slot:
                    return True
        held = {*one.values, *other.values}
        return any(
            self._liveness.live_after(value, point)
            for writer, reader in ((one, other), (other, one))
            for point in self._writes(writer, held)
            for value in reader.values
        )

    def _writes(self, variable: Variable, held: set[SSAValue]) -> Iterator[Point]:
        """Yield the points at which a variable gets a value that it does not hold already."""
        for slot in variable.slots:
            for copy in self._incoming.get(slot, ()):
                if copy.source not in held:
                    yield self._liveness.at(copy.op)
        for value in variable.computed:
            if isinstance(value, OpResult):
                yield self._liveness.at(value.op)


def _is_computed(value: SSAValue) -> bool:
    """Return whether `value` is worked out by an expression that may as well be assigned where it stands."""
    if not isinstance(value, OpResult) or not isinstance(value.op, IntrinsicOp):
        return False
    return bool(value.op.operands) and value.op.ROW.algebra not in _PLACELESS


def _is_local(value: SSAValue, home: Block) -> bool:
    """Return whether a computed value gets a name: it is used more than once, or where it cannot be moved to."""
    uses = list(value.uses)
    if isinstance(value.owner, IntrinsicOp) and value.owner.ROW.effect is Effect.SYNC:
        return any(use.operation.parent is not home for use in uses) or len(uses) > 1  # never moves into a branch
    return len(uses) > 1 or any(crosses_loop(use.operation, home) for use in uses)
