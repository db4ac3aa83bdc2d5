"""How a kernel with barriers is cut: segments between barriers, and the values that must outlive their segment.

Each segment runs for all threads of a threadgroup, unit after unit, before the next begins. Statements that contain a barrier
stay around segments, so what they ask must be the same for the whole threadgroup. A varying value that is used in another
segment than its own is recomputed there if that is cheap integer arithmetic, else it goes through a slot in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.dialects import func, scf
from xdsl.ir import Block, BlockArgument, Operation, OpResult, SSAValue

from enigma.dialect.names import place
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.types import dtype_of, is_memory
from enigma.emit.simt.analysis import Analysis, Sync, sync_kind
from enigma.errors import EnigmaError
from enigma.spec.terms import Effect, Level

DEEP = 24
"""Operations that may be done again to recompute a value."""


@dataclass(slots=True, eq=False)
class Segment:
    """Operations that run for all threads before anything after them does. `shared` ones are done once for the threadgroup.

    `copies` are done at the end: (value, where it goes on: an argument or result of a statement around).
    """

    shared: list[Operation] = field(default_factory=list[Operation])
    ops: list[Operation] = field(default_factory=list[Operation])
    copies: list[tuple[SSAValue, SSAValue]] = field(default_factory=list[tuple[SSAValue, SSAValue]])
    spills: list[SSAValue] = field(default_factory=list[SSAValue])


@dataclass(slots=True, eq=False)
class Split:
    """A statement that contains barriers; `parts` are its regions' plans in order."""

    op: Operation
    parts: list[list[Segment | Split]]


Plan = list["Segment | Split"]


class Planner:
    """Makes the plan of a kernel. `lane_values` are those that exist per thread, `slots` those that need memory."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.lane_values: set[SSAValue] = set(analysis.varying)
        self.slots: dict[SSAValue, SSAValue] = {}
        self.homes: dict[Operation, Segment] = {}
        self._cheap: dict[SSAValue, int | None] = {}

    def plan(self, block: Block) -> Plan:
        """Return the plan of a kernel's body."""
        while True:
            before = len(self.lane_values)
            self.homes.clear()
            found = self._block(block)
            self._spread(block)
            if len(self.lane_values) == before:
                break
        for part in segments(found):
            self._spill(part)
        return found

    def _spread(self, block: Block) -> None:
        """Make the results of operations on lane values lane values too."""
        for op in block.walk():
            if any(value in self.lane_values for value in op.operands) and isinstance(op, IntrinsicOp):
                self.lane_values.update(op.results)

    # ---- cutting

    def _block(self, block: Block) -> Plan:
        plan: Plan = []
        current, dirty = Segment(), False
        for op in block.ops:
            if isinstance(op, func.ReturnOp):
                continue
            if isinstance(op, IntrinsicOp) and sync_kind(op.ROW) is Sync.BARRIER:
                current, dirty = self._flush(plan, current), False
            elif isinstance(op, scf.YieldOp | scf.ConditionOp):
                self._hand_on(plan, current, block, op)
            elif self.analysis.facts[op].barrier if op in self.analysis.facts else False:
                self._enter(current, op)
                current, dirty = self._flush(plan, current), False
                plan.append(self._split(op))
            elif op in self.analysis.facts:
                facts = self.analysis.facts[op]
                if self._is_shared(op, dirty=dirty):
                    current.shared.append(op)
                else:
                    current.ops.append(op)
                    self._keep_apart(op)
                dirty |= facts.writes or facts.across
                self.homes[op] = current
        self._flush(plan, current)
        return plan

    def _flush(self, plan: Plan, current: Segment) -> Segment:
        if current.shared or current.ops or current.copies:
            plan.append(current)
        return Segment()

    def _is_shared(self, op: Operation, *, dirty: bool) -> bool:
        facts = self.analysis.facts[op]
        if facts.writes or facts.across or (facts.reads and dirty):
            return bool(op.results) and is_memory(op.results[0].type)
        if any(result in self.lane_values for result in op.results):
            return False
        return all(value not in self.lane_values for inner in op.walk() for value in (*inner.operands, *inner.results))

    def _keep_apart(self, op: Operation) -> None:
        """A uniform value that is computed per unit is handled as if it varied."""
        self.lane_values.update(result for result in op.results if not is_memory(result.type))

    def _split(self, op: Operation) -> Split:
        if isinstance(op, scf.IfOp):
            self._require_uniform(op, op.cond)
        if isinstance(op, scf.ForOp):
            for bound in (op.lb, op.ub, op.step):
                self._require_uniform(op, bound)
        if isinstance(op, scf.WhileOp):
            condition = op.before_region.block.last_op
            if condition is not None:
                self._require_uniform(op, condition.operands[0])
        return Split(op, [self._block(region.block) if region.blocks else [] for region in op.regions])

    def _require_uniform(self, op: Operation, value: SSAValue) -> None:
        if value in self.analysis.varying:
            barrier = next(
                inner for inner in op.walk() if isinstance(inner, IntrinsicOp) and sync_kind(inner.ROW) is Sync.BARRIER
            )
            raise EnigmaError(
                "this barrier is not in uniform control flow: some threads of a threadgroup may not reach it",
                loc=place(barrier),
                help="move it out of the branch or loop whose condition differs between threads",
                notes=[("the condition or bound is here", place(op))],
            )

    # ---- what statements with barriers carry

    def _carry(self, source: SSAValue, target: SSAValue) -> bool:
        """Return whether a carried value lives in lanes, and make both ends lane values if one of them is."""
        if target in self.lane_values:
            return True
        if source in self.lane_values:
            self.lane_values.add(target)
            return True
        return False

    def _enter(self, current: Segment, op: Operation) -> None:
        """Copy what a loop with barriers starts with into the slots of what it carries."""
        match op:
            case scf.ForOp():
                args, inits = op.body.block.args[1:], op.iter_args
            case scf.WhileOp():
                args, inits = op.before_region.block.args, op.operands
            case _:
                return
        for init, arg in zip(inits, args, strict=True):
            if self._carry(init, arg):
                current.copies.append((init, self._slot(arg)))

    def _slot(self, value: SSAValue) -> SSAValue:
        """Return the value in whose slot a value lives."""
        return self.slots.setdefault(value, value)

    def _hand_on(self, plan: Plan, current: Segment, block: Block, last: Operation) -> None:
        """Copy what a block yields into the slots of what goes on with it."""
        op = block.parent_op()
        pairs: list[tuple[SSAValue, SSAValue]] = []
        match op, last:
            case scf.ForOp(), _:
                pairs = [(v, op.body.block.args[i + 1]) for i, v in enumerate(last.operands)]
                self._alias(op.results, [arg for _, arg in pairs])
            case scf.IfOp(), _:
                pairs = list(zip(last.operands, op.results, strict=True))
            case scf.WhileOp(), scf.ConditionOp():
                pairs = list(zip(last.operands[1:], op.after_region.block.args, strict=True))
                self._alias(op.results, [arg for _, arg in pairs])
                for value, arg in pairs:  # what the test hands on unchanged keeps its slot
                    if isinstance(value, BlockArgument) and value.owner is block and self._carry(value, arg):
                        self.slots[arg] = self._slot(value)
                self._alias(op.results, [arg for _, arg in pairs])
            case scf.WhileOp(), _:
                pairs = list(zip(last.operands, op.before_region.block.args, strict=True))
            case _:
                return
        for value, target in pairs:
            if self._carry(value, target) and self.slots.get(value) is not self._slot(target):
                self._copy(plan, current, value, target)

    def _alias(self, results: Sequence[SSAValue], args: Sequence[SSAValue]) -> None:
        for result, arg in zip(results, args, strict=True):
            if self._carry(arg, result) or self._carry(result, arg):
                self.slots[result] = self._slot(arg)

    def _copy(self, plan: Plan, current: Segment, value: SSAValue, target: SSAValue) -> None:
        """Copy at the end of the segment that computes the value, if nothing after it reads what is overwritten."""
        slot, home = self._slot(target), self.homes.get(value.owner) if isinstance(value.owner, Operation) else None
        if home is not None and home in plan and home is not current:
            later = plan[plan.index(home) + 1 :]
            touched = {self.slots.get(use, use) for part in (*later, current) for use in _uses(part)}
            if slot not in touched and value not in touched:
                home.copies.append((value, slot))
                return
        current.copies.append((value, slot))

    # ---- slots

    def _spill(self, part: Segment) -> None:
        """Find the values of a segment that another one needs and cannot recompute."""
        for op in part.ops:
            for result in op.results:
                if result in self.lane_values and self.cost(result) is None and self._leaves(result, part):
                    part.spills.append(result)
                    self._slot(result)

    def _leaves(self, value: SSAValue, home: Segment) -> bool:
        for use in value.uses:
            op: Operation | None = use.operation
            if isinstance(op, scf.YieldOp | scf.ConditionOp) and self.home(op.parent_op()) is None:
                if any(source is value for source, _ in home.copies):
                    continue
                return True
            if self.home(op) is not home and not self._copied(op, value, home):
                return True
        return False

    def _copied(self, op: Operation | None, value: SSAValue, home: Segment) -> bool:
        """Return whether the only thing that `op` does with a value is to start with a copy made in its segment."""
        starts = isinstance(op, scf.ForOp | scf.WhileOp) and self.analysis.facts[op].barrier
        return starts and any(source is value for source, _ in home.copies)

    def home(self, op: Operation | None) -> Segment | None:
        """Return the segment that an operation, or a statement around it, belongs to."""
        while op is not None:
            if op in self.homes:
                return self.homes[op]
            op = op.parent_op()
        return None

    # ---- recomputing

    def cost(self, value: SSAValue) -> int | None:
        """Return how many operations recompute a value from what is known everywhere, or None where that is too much."""
        if value not in self.lane_values:
            return 0
        if value not in self._cheap:
            self._cheap[value] = None
            self._cheap[value] = self._cost(value)
        return self._cheap[value]

    def _cost(self, value: SSAValue) -> int | None:
        if isinstance(value, BlockArgument) or not isinstance(value, OpResult):
            return None
        op = value.op
        if not isinstance(op, IntrinsicOp) or op.ROW.effect is not Effect.PURE or dtype_of(value.type).is_float:
            return None
        if op.ROW.level in (Level.THREAD, Level.SIMDGROUP):
            return 1
        total = 1
        for operand in op.operands:
            part = self.cost(operand)
            if part is None:
                return None
            total += part
        return total if total <= DEEP else None


def segments(plan: Plan) -> Iterator[Segment]:
    """Yield all segments of a plan, in order."""
    for part in plan:
        if isinstance(part, Segment):
            yield part
        else:
            for inner in part.parts:
                yield from segments(inner)


def _uses(part: Segment | Split) -> Iterator[SSAValue]:
    """Yield the values that a part of a plan reads."""
    if isinstance(part, Split):
        yield from part.op.operands
        for inner in part.parts:
            for piece in inner:
                yield from _uses(piece)
        return
    for op in (*part.shared, *part.ops):
        for inner in op.walk():
            yield from inner.operands
    for source, _ in part.copies:
        yield source
