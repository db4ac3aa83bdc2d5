"""Counts what some threadgroups of a launch do, each for itself, without reading any memory.

Every operation counts with the lanes that do it, and with the simdgroups that issue it, however few of their lanes are active.
Rounds of a loop beyond `ROUNDS` are counted by samples, each standing for those after it.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enigma.debug.cost.instructions import FLOATS, float_kind
from enigma.debug.cost.memory import LINE, WORD, Memory, alike, lines_of, turns_of
from enigma.debug.cost.uses import Plan
from enigma.debug.sampling import Depends, Held, Sample, is_by_lane, is_matrix, merged
from enigma.dtypes import BufferType, Numeric, SimdgroupMatrix, Space, TextureType
from enigma.runtime.simulator.grid import LANES, Batch
from enigma.spec.terms import MEMORY, Algebra, Effect, Role
from enigma.trace.node import For, If, Op, Traced, Value, While

Array = NDArray[Any]

Key = tuple[Hashable, ...]
"""What is counted: a word, and of what."""

ROUNDS = (64, 32, 8)
"""Rounds of a loop that are counted one by one, of one inside of it, and of those inside of that; of more, so many samples."""

FEW = (12, 6, 4)
"""The same where threadgroups are samples too."""

KNOWN_ROUNDS = 2048
"""Rounds of a while loop that are counted one by one where the launch alone decides how many there are."""

ACTIVITY: Key = ("activity",)
"""Everything that lanes do: how far apart two counts are is measured by it."""


@dataclass(slots=True)
class Ledger:
    """What is counted over a launch: for each key a number per threadgroup, in the order in which they were counted."""

    groups: int
    table: dict[Key, Array] = field(default_factory=dict[Key, Array])

    def add(self, key: Key, per_group: Array) -> None:
        """Add to a key."""
        held = self.table.get(key)
        self.table[key] = per_group.astype(float) if held is None else held + per_group

    def of(self, key: Key) -> Array:
        """Return the numbers of a key."""
        held = self.table.get(key)
        return np.zeros(self.groups) if held is None else held


@dataclass(slots=True)
class Seen:
    """What all counted threadgroups have in common: the memory that they touch, notes, of how many `rounds` of a loop
    how many were counted, and how many `steps` it takes to run all operations one by one.
    """

    memory: dict[tuple[int, Effect], Memory] = field(default_factory=dict[tuple[int, Effect], Memory])
    notes: dict[str, None] = field(default_factory=dict[str, None])
    rounds: dict[int, int] = field(default_factory=dict[int, int])
    steps: float = 0.0
    sampled: bool = False

    def note(self, text: str) -> None:
        """Add a note, once."""
        self.notes[text] = None


class Counter(Sample):
    """A run that counts. `weight` is how often each lane does what is being run; `sure` whether no data decides that."""

    def __init__(self, traced: Traced, plan: Plan, batch: Batch, scalars: dict[str, Any], seen: Seen) -> None:
        super().__init__(traced, batch, 0, {})
        self.plan, self.scalars, self.seen = plan, scalars, seen
        self.ledger = Ledger(batch.threadgroups)
        self.weight: Array = np.ones(batch.shape)
        self.sure, self.sampled = True, seen.sampled
        self.limits, self.stands_for = FEW if seen.sampled else ROUNDS, 1.0
        self.parameters = {id(param.value): param.name for param in traced.params}
        self._last: tuple[Array, Array, Array, Array, Array] | None = None

    def run(self) -> None:
        """Count everything."""
        for param in self.traced.params:
            if param.is_scalar:
                value = np.full((1, 1), self.scalars[param.name]).astype(param.dtype.numpy)
                self.values[id(param.value)] = Held(value)
        self.block(self.traced.body, self.batch.live, 0)

    def result(self, node: Op, dtype: Numeric) -> Held:
        """Return an operation's result, or nothing in its place where no count needs it."""
        if id(node.result) in self.plan.needed:
            return super().result(node, dtype)
        return Held(np.zeros((dtype.parts, 1, 1) if dtype.parts > 1 else (1, 1), dtype.element.numpy), Depends.DATA)

    def grouped(self, rows: Array) -> Array:
        """Return a number for each threadgroup of one for each of its simdgroups."""
        return np.bincount(self.batch.member, weights=rows, minlength=self.batch.threadgroups)

    def busy(self, active: Array) -> tuple[Array, Array, Array]:
        """Return of active lanes: how many in each threadgroup, the simdgroups that issue, and these of each simdgroup."""
        last = self._last
        if last is None or last[0] is not active or last[1] is not self.weight:
            weighed = np.where(active, self.weight, 0.0)
            issues = weighed.max(axis=1)
            last = (active, self.weight, self.grouped(weighed.sum(axis=1)), self.grouped(issues), issues)
            self._last = last
        return last[2], last[3], last[4]

    def op(self, node: Op, active: Array) -> None:
        """Count one operation."""
        self.seen.steps += self.stands_for
        if node.row.algebra not in MEMORY:
            self.add(node, active)
        super().op(node, active)

    def add(self, node: Op, active: Array) -> None:
        """Add what one operation does."""
        row = node.row
        lanes, issues, _ = self.busy(active)
        self.ledger.add(ACTIVITY, lanes)
        if node.operands and isinstance(node.operands[0].type, TextureType):
            if row.effect is not Effect.PURE:
                self.ledger.add(("unpriced", "texels"), lanes)
                self.seen.note(f"texels are not counted: {row.shown_name}")
        elif any(isinstance(operand.type, BufferType) for operand in node.operands):
            self.move(node, lanes)
        elif row.effect is Effect.SYNC and row.together is not None and not row.operands:
            self.ledger.add(("barriers",), lanes)
            self.ledger.add(("unpriced", "barriers"), issues)
        elif id(node) in self.plan.work:
            self.compute(node, lanes, issues)
        elif row.reports is not None or row.role is Role.RAW_WAIT:
            self.ledger.add(("unpriced", row.shown_name), issues)

    def compute(self, node: Op, lanes: Array, issues: Array) -> None:
        """Add arithmetic."""
        found, ledger = self.plan.work[id(node)], self.ledger
        if node.row.flops:
            for kind in found.work or ():
                ledger.add(("flops", kind), node.row.flops * issues)
        elif found.flops:
            kinds = [kind for kind in FLOATS if found.work and kind in found.work]
            ledger.add(("flops", kinds[0] if kinds else float_kind(node)), found.flops * lanes)
        if found.functions:
            ledger.add(("functions",), found.functions * lanes)
        if found.integer:
            ledger.add(("integer",), found.integer * lanes)
        if node.row.effect is Effect.SYNC and not node.row.flops:
            ledger.add(("collectives",), lanes)
        if found.work is None:
            ledger.add(("unpriced", node.row.shown_name), issues)
            return
        if id(node) in self.plan.repeated:
            return
        at_best = self.sure and id(node) not in self.plan.left_out
        for kind, many in found.work.items():
            ledger.add(("most", kind), many * issues)
            if at_best:
                ledger.add(("least", kind), many * issues)

    def memory_of(self, node: Op) -> Memory | None:
        """Return what is known of the memory that an operation accesses; None for a thread's own."""
        buffer = node.operands[0]
        if not isinstance(buffer.type, BufferType) or buffer.type.space is Space.THREAD:
            return None
        name = self.parameters.get(id(buffer), buffer.name or "memory")
        made = Memory(name, buffer.type.space, buffer.type.element.size)
        return self.seen.memory.setdefault((id(buffer), node.row.effect), made)

    def move(self, node: Op, lanes: Array) -> None:
        """Add the bytes that the lanes read or write."""
        memory, buffer = self.memory_of(node), node.operands[0]
        if memory is None or not isinstance(buffer.type, BufferType):
            return
        if not is_by_lane(node) and not is_matrix(node):
            self.ledger.add(("unpriced", "copies by Apple's own instruction"), lanes / LANES)
            self.seen.note("what Apple's own instruction copies is not counted")
            return
        what = "atomic"
        if node.row.effect is Effect.READ or node.row.role is Role.TILE_LOAD:
            what = "read"
        elif node.row.effect is Effect.WRITE or node.row.role is Role.TILE_STORE:
            what = "written"
        else:
            self.ledger.add(("unpriced", "atomic operations"), lanes)
        self.ledger.add((what, id(buffer), node.row.effect), lanes * width_of(node, buffer.type))
        memory.is_sure &= self.sure

    def access(self, node: Op, active: Array) -> None:
        """Note which places the lanes touch."""
        buffer = node.operands[0]
        if isinstance(buffer.type, BufferType):
            index = self.values[id(node.operands[1])]
            self.places(node, index.array, index.depends, active, width_of(node, buffer.type))

    def matrix(self, node: Op, active: Array) -> None:
        """Note which places of a matrix's rows the lanes touch: two neighbours each."""
        buffer = node.operands[0]
        if isinstance(buffer.type, BufferType):
            index, step = (self.values[id(operand)] for operand in node.operands[1:3])
            lanes = np.arange(LANES, dtype=np.int64)
            places = index.array.astype(np.int64) + lanes // 4 * step.array.astype(np.int64) + lanes % 4 * 2
            self.places(node, places, index.depends | step.depends, active, width_of(node, buffer.type))

    def places(self, node: Op, index: Array, depends: Depends, active: Array, width: int) -> None:
        """Note where an access is, and add its lines of memory or its turns of the banks."""
        memory = self.memory_of(node)
        if memory is None:
            return
        key, issues = (id(node.operands[0]), node.row.effect), self.busy(active)[2]
        starts = np.broadcast_to(index, self.batch.shape).astype(np.int64) * memory.element
        active = active & (self.weight > 0)
        if memory.space is Space.THREADGROUP:
            starts, active, times = alike(starts, active, self.batch.threadgroups)
            words, turns = (np.tile(each, times) for each in turns_of(starts, width, active))
            self.ledger.add(("words", *key), self.grouped(words * issues) * WORD)
            self.ledger.add(("turns", *key), self.grouped(turns * issues) * LINE)
            return
        if depends & Depends.DATA:
            memory.is_sure = False
            self.seen.note(
                f"an index of {memory.name} comes from memory: its footprint is taken to be all that is moved"
            )
            lines = active.sum(axis=1)
        else:
            lines = lines_of(starts, width, active)
            memory.known &= not self.sampled
            memory.touch(starts[active], width)
        self.ledger.add(("lines", *key), self.grouped(lines * issues) * LINE)

    def branch(self, node: If, active: Array, depth: int) -> None:
        """Count the branches: where memory decides, both of them in full."""
        (condition,) = self.get([node.condition])
        truth = np.broadcast_to(condition.array, active.shape).astype(bool)
        both, sure = bool(condition.depends), self.sure
        if both:
            self.sure = False
            self.seen.note("a branch depends on data: both sides are counted for every lane")
        then = self.block(node.then, active if both else active & truth, depth)
        orelse = self.block(node.orelse, active if both else active & ~truth, depth)
        self.sure = sure
        joined = [
            x if x is y else Held(np.where(truth, x.array, y.array), x.depends | y.depends | condition.depends)
            for x, y in zip(then, orelse, strict=True)
        ]
        self.bind(node.results, joined)

    def counted(self, node: For, active: Array, depth: int) -> None:
        """Count a loop: each lane its own rounds."""
        low, high, step = self.get([node.low, node.high, node.step])
        starts, ends, steps = (x.array.astype(np.int64) for x in (low, high, step))
        trips = np.broadcast_to(-((starts - ends) // np.maximum(steps, 1)), self.batch.shape)
        bounds, sure = low.depends | high.depends | step.depends, self.sure
        if bounds:
            self.sure = False
            self.seen.note("the rounds of a loop depend on data: they were counted with invented numbers")
            self.ledger.add(("unpriced", "rounds that data decides"), self.busy(active)[1])
        dtype, carried, weight = node.body.args[0].type, self.get(node.inits), self.weight
        stands_for = self.stands_for
        edges, sampled = self.edges(max(int(trips[active].max()) if active.any() else 1, 1), depth), self.sampled
        self.sampled |= edges[-1] >= len(edges)
        rate: Array | None = None
        for number, end in pairwise(edges):
            running = active & (trips > number)
            self.weight = weight * np.clip(trips - number, 0, end - number)
            index = (starts + np.int64(number) * steps).astype(dtype.numpy if isinstance(dtype, Numeric) else np.int64)
            self.bind(node.body.args, [Held(index, low.depends | step.depends), *carried])
            self.stands_for = stands_for * (end - number) * min(self.rounds(depth, ROUNDS) / edges[-1], 1)
            before = self.ledger.of(ACTIVITY)
            new = merged(running, self.block(node.body, running, depth + 1), carried)
            carried = [_onwards(x, y, end - number) for x, y in zip(carried, new, strict=True)]
            now = (self.ledger.of(ACTIVITY) - before) / (end - number)
            if rate is not None and end - number > 1:
                self.ledger.add(("error",), np.abs(now - rate) * (end - number - 1))
            rate = now
        self.weight, self.sure, self.sampled, self.stands_for = weight, sure, sampled, stands_for
        self.bind(node.results, [Held(x.array, x.depends | bounds) for x in carried])

    def rounds(self, depth: int, limits: tuple[int, ...]) -> int:
        """Return how many rounds of a loop are counted."""
        return limits[min(depth, len(limits) - 1)]

    def edges(self, most: int, depth: int) -> list[int]:
        """Return which of so many rounds are counted, each standing for those up to the next; the last one for itself."""
        limit = self.rounds(depth, self.limits)
        if most <= limit:
            return list(range(most + 1))
        self.seen.rounds[limit] = max(self.seen.rounds.get(limit, 0), most)
        return [*sorted({(most - 1) * k // (limit - 1) for k in range(limit)}), most]

    def loop(self, node: While, active: Array, depth: int) -> None:
        """Count a loop whose end nothing tells ahead: while its condition holds, up to a limit of rounds.

        An outer one, that no data has a say in, has a limit that is hardly ever reached.
        """
        carried: list[Held] = self.get(node.inits)
        running, whole, sure = active, False, self.sure
        unknown, counted = Depends.NOTHING, 0
        while counted < (KNOWN_ROUNDS if not unknown and depth == 0 else self.rounds(depth, ROUNDS)):
            counted += 1
            self.bind(node.test.args, carried)
            (going,) = self.block(node.test, running, depth + 1)
            unknown |= going.depends
            self.sure &= not unknown
            inside = running & np.broadcast_to(going.array, active.shape).astype(bool)
            self.bind(node.body.args, carried)
            carried = merged(inside, self.block(node.body, inside, depth + 1), carried)
            running = inside
            if not running.any():
                whole = True
                break
        self.sure = sure
        if unknown:
            self.ledger.add(("unpriced", "rounds that data decides"), self.busy(active)[1])
            self.seen.note(
                "a while loop's rounds are not known: they were counted with invented numbers, up to a limit"
            )
        elif not whole:
            self.ledger.add(("unpriced", f"rounds of a while loop after {counted}"), self.busy(running)[1])
            self.seen.note(f"a while loop has {counted} rounds or more: what comes after them was not counted")
        self.bind(node.results, [Held(x.array, x.depends | unknown) for x in carried])


def _onwards(old: Held, new: Held, rounds: int) -> Held:
    """Return a carried value after so many rounds of which one was run: a whole number goes on evenly."""
    if rounds == 1 or new is old or new.array.dtype.kind not in "iu":
        return new
    with np.errstate(all="ignore"):
        step = new.array - old.array
        return Held((old.array + step * new.array.dtype.type(rounds)).astype(new.array.dtype), new.depends)


def width_of(node: Op, buffer: BufferType) -> int:
    """Return the bytes that one lane moves; a matrix's are shared out over the lanes."""
    matrices: list[Value] = [
        x for x in (*node.operands, node.result) if x is not None and isinstance(x.type, SimdgroupMatrix)
    ]
    if matrices:
        return 2 * buffer.element.size
    match node.row.algebra:
        case Algebra.LOAD_VECTOR:
            return int(node.attrs["lanes"]) * buffer.element.size
        case Algebra.STORE_VECTOR:
            value = node.operands[2].type
            return value.size if isinstance(value, Numeric) else buffer.element.size
        case _:
            return buffer.element.size
