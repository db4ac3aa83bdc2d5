"""Runs a kernel's arithmetic for some threadgroups with sample values for what is unknown, and notes where it accesses memory.

No memory is read: an element is a number that depends on the buffer and the index alone, so lanes that read one element agree.
Scalar parameters and the grid are samples too; loops run for a few rounds. What every result depends on is kept beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enigma.dtypes import BufferType, Numeric, Space, TextureType
from enigma.errors import EnigmaError
from enigma.runtime.reports import Log
from enigma.runtime.simulator.environment import Environment
from enigma.runtime.simulator.grid import LANES, Batch, Size
from enigma.runtime.simulator.observer import Observer
from enigma.spec.terms import MEMORY, Effect, Role
from enigma.trace.node import Block, For, If, Op, Traced, Value, While

Array = NDArray[Any]

ROUNDS = (12, 5, 3)
"""Rounds of a loop, of one inside of it, and of those inside of that."""

SCALARS = (64, 45, 24)
"""What a scalar parameter is in each sample, times one more than its place among the parameters."""

GRIDS = ((3, 2, 1), (5, 1, 2), (2, 3, 2))
"""Threadgroups per axis in each sample."""


class Depends(IntFlag):
    """What a value depends on besides where the thread is."""

    NOTHING = 0
    SAMPLE = 1
    DATA = 2


@dataclass(frozen=True, slots=True)
class Held:
    """The value of every lane, an array that broadcasts to (simdgroups, 32) with the components in front, and its origin."""

    array: Array
    depends: Depends = Depends.NOTHING


@dataclass(slots=True)
class Seen:
    """Where one operation accessed memory: for each time the index and the lanes that were active."""

    node: Op
    block: Block
    times: list[tuple[Array, Array]] = field(default_factory=list[tuple[Array, Array]])
    depends: Depends = Depends.NOTHING


def observe(traced: Traced, threads: Size) -> list[Seen]:
    """Return all accesses to memory, in order, as they are in every sample."""
    found: dict[int, Seen] = {}
    with np.errstate(all="ignore"):
        for number, groups in enumerate(GRIDS):
            x, y, z = (count * size for count, size in zip(groups, threads, strict=True))
            batch = Batch((x, y, z), threads, 0, groups[0] * groups[1] * groups[2])
            Sample(traced, batch, number, found).run()
    return list(found.values())


class Sample:
    """One run through the kernel."""

    def __init__(self, traced: Traced, batch: Batch, number: int, found: dict[int, Seen]) -> None:
        self.traced, self.batch, self.number, self.found = traced, batch, number, found
        self.values: dict[int, Held] = {}
        self.memory: dict[int, int] = {}
        self.env = Environment(traced.name, batch, Observer(), Log(traced.name, {}, batch.threads))
        self.inside: list[Block] = []

    def run(self) -> None:
        """Run the kernel."""
        for place, param in enumerate(self.traced.params):
            if param.is_scalar:
                value = SCALARS[self.number] * (place + 1)
                self.values[id(param.value)] = Held(
                    np.full((1, 1), value, np.int64).astype(param.dtype.numpy), Depends.SAMPLE
                )
        self.block(self.traced.body, self.batch.live, 0)

    def get(self, values: Sequence[Value]) -> list[Held]:
        """Return what is held of some values."""
        return [self.values[id(value)] for value in values]

    def bind(self, values: Sequence[Value], held: Sequence[Held]) -> None:
        """Hold these for some values."""
        for value, now in zip(values, held, strict=True):
            self.values[id(value)] = now

    def block(self, block: Block, active: Array, depth: int) -> list[Held]:
        """Run the nodes of a block; return what it yields."""
        self.inside.append(block)
        for node in block.nodes:
            match node:
                case Op():
                    self.op(node, active)
                case If():
                    self.branch(node, active, depth)
                case For():
                    self.counted(node, active, depth)
                case While():
                    self.loop(node, active, depth)
        self.inside.pop()
        return self.get(block.yields)

    def op(self, node: Op, active: Array) -> None:
        """Run one operation."""
        row = node.row
        if row.algebra in MEMORY:
            return
        if is_by_lane(node):
            self.access(node, active)
        elif is_matrix(node):
            self.matrix(node, active)
        if node.result is None or not isinstance(node.result.type, Numeric):
            return
        self.values[id(node.result)] = self.result(node, node.result.type)

    def result(self, node: Op, dtype: Numeric) -> Held:
        """Return an operation's result, invented where it comes from memory or other lanes."""
        row = node.row
        if any(isinstance(x.type, BufferType | TextureType) for x in node.operands) or row.effect in (
            Effect.READ, Effect.WRITE,
        ):  # fmt: skip
            return self.invented(node, dtype)
        held = self.get(node.operands)
        depends = Depends.NOTHING
        for each in held:
            depends |= each.depends
        arrays = [each.array for each in held]
        if row.effect is Effect.PURE:
            if row.level is not None and not row.operands:
                arrays = [self.batch, *arrays]
            return Held(_with_axes(row.ref(np, *arrays, **node.attrs), dtype), depends)
        try:
            self.env.enter(node, self.batch.live)
            spread = [np.broadcast_to(x, (*x.shape[:-2], *self.batch.shape)) for x in arrays]
            return Held(_with_axes(row.ref(np, self.env, *spread, **node.attrs), dtype), depends)
        except EnigmaError:  # an operation that needs all 32 lanes, in a simdgroup that has fewer
            return self.invented(node, dtype)

    def invented(self, node: Op, dtype: Numeric) -> Held:
        """Return numbers that differ from place to place, and are the same where the operands are."""
        mixed = np.full(self.batch.shape, 1 + self.number, np.uint64)
        for operand in node.operands:
            if isinstance(operand.type, Numeric):
                parts = self.values[id(operand)].array.reshape(-1, *self.values[id(operand)].array.shape[-2:])
                for part in parts:
                    mixed = _mix(mixed, np.broadcast_to(part, self.batch.shape).astype(np.int64).view(np.uint64))
            elif isinstance(operand.type, BufferType):
                mixed = _mix(mixed, np.uint64(self.memory.setdefault(id(operand), len(self.memory))))
                if operand.type.space is Space.THREAD:
                    mixed = self.by_lane(mixed)
        if not node.operands or node.row.effect is Effect.SYNC:
            mixed = self.by_lane(mixed)
        numbers = [(_mix(mixed, np.uint64(k)) >> np.uint64(40)) % np.uint64(997) for k in range(dtype.parts)]
        made = [x % 2 == 1 if dtype.element.kind == "b" else x.astype(dtype.element.numpy) for x in numbers]
        return Held(np.stack(made) if dtype.parts > 1 else made[0], Depends.DATA)

    def by_lane(self, mixed: Array) -> Array:
        """Return numbers that differ from lane to lane."""
        return _mix(mixed, np.arange(LANES, dtype=np.uint64)[None, :])

    def access(self, node: Op, active: Array) -> None:
        """Note where an operation accesses memory."""
        seen = self.found.setdefault(id(node), Seen(node, self.inside[-1]))
        index = self.values[id(node.operands[1])]
        places = index.array.view(np.int32) if index.array.dtype == np.uint32 else index.array  # 2^32 - 1 is before 0
        seen.times.append((np.broadcast_to(places, self.batch.shape).astype(np.int64), active))
        seen.depends |= index.depends

    def matrix(self, node: Op, active: Array) -> None:
        """Note where a simdgroup accesses a matrix: as if each lane had two neighbours of a row, which Metal does not say."""
        seen = self.found.setdefault(id(node), Seen(node, self.inside[-1]))
        index, step = (self.values[id(operand)] for operand in node.operands[1:3])
        lanes = np.arange(LANES, dtype=np.int64)
        places = index.array.astype(np.int64) + lanes // 4 * step.array.astype(np.int64) + lanes % 4 * 2
        seen.times.append((np.broadcast_to(places, self.batch.shape), active))
        seen.depends |= index.depends | step.depends

    def branch(self, node: If, active: Array, depth: int) -> None:
        """Run both branches and merge their results."""
        (condition,) = self.get([node.condition])
        truth = np.broadcast_to(condition.array, active.shape).astype(bool)
        then = self.block(node.then, narrowed(active, truth, condition.depends), depth)
        orelse = self.block(node.orelse, narrowed(active, ~truth, condition.depends), depth)
        merged = [
            x if x is y else Held(np.where(truth, x.array, y.array), x.depends | y.depends | condition.depends)
            for x, y in zip(then, orelse, strict=True)
        ]
        self.bind(node.results, merged)

    def counted(self, node: For, active: Array, depth: int) -> None:
        """Run some rounds of a counted loop."""
        low, high, step = self.get([node.low, node.high, node.step])
        starts, ends, steps = (x.array.astype(np.int64) for x in (low, high, step))
        trips = -((starts - ends) // np.maximum(steps, 1))
        bounds = low.depends | high.depends | step.depends
        counter, carried = node.body.args[0], self.get(node.inits)
        dtype = counter.type
        most = ROUNDS[min(depth, len(ROUNDS) - 1)]
        if (active & (trips > most)).any():
            bounds |= Depends.SAMPLE
        for number in range(most):
            running = active & (trips > number)
            if number and not running.any():
                break
            index = (starts + np.int64(number) * steps).astype(dtype.numpy if isinstance(dtype, Numeric) else np.int64)
            inside = narrowed(active, np.broadcast_to(trips > number, active.shape), bounds)
            self.bind(node.body.args, [Held(index, low.depends | step.depends), *carried])
            carried = merged(running, self.block(node.body, inside, depth + 1), carried)
        self.bind(node.results, [Held(x.array, x.depends | bounds) for x in carried])

    def loop(self, node: While, active: Array, depth: int) -> None:
        """Run some rounds of a loop with a condition."""
        carried, running = self.get(node.inits), active
        for number in range(ROUNDS[min(depth, len(ROUNDS) - 1)]):
            self.bind(node.test.args, carried)
            (going,) = self.block(node.test, running, depth + 1)
            truth = np.broadcast_to(going.array, active.shape).astype(bool)
            if number and not (running & truth).any():
                break
            inside = narrowed(running, truth, going.depends)
            self.bind(node.body.args, carried)
            carried = merged(running & truth, self.block(node.body, inside, depth + 1), carried)
            running = inside
        self.bind(node.results, [Held(x.array, x.depends | Depends.SAMPLE) for x in carried])


def is_by_lane(node: Op) -> bool:
    """Return whether each lane accesses memory at an index of its own; a matrix is accessed by the simdgroup together."""
    return node.row.indexed is not None and node.row.together is None and isinstance(node.operands[0].type, BufferType)


def is_matrix(node: Op) -> bool:
    """Return whether a simdgroup reads or writes an 8 x 8 matrix together."""
    return node.row.role in (Role.TILE_LOAD, Role.TILE_STORE)


def narrowed(active: Array, truth: Array, depends: Depends) -> Array:
    """Return the lanes that go on: all, where the condition is a sample's, and where no lane of the samples would."""
    if depends:
        return active
    taken = active & truth
    return taken if taken.any() else active


def merged(running: Array, new: list[Held], old: list[Held]) -> list[Held]:
    """Return what a loop carries on: the new values in the lanes that ran, the old ones in the others."""
    return [
        x if x is y else Held(np.where(running, x.array, y.array), x.depends | y.depends)
        for x, y in zip(new, old, strict=True)
    ]


def _with_axes(out: Any, dtype: Numeric) -> Array:
    array = np.asarray(out)
    if dtype.parts > 1:
        return array.reshape(dtype.parts, 1, 1) if array.ndim == 1 else array
    return array.reshape(1, 1) if array.ndim == 0 else array


def _mix(x: Array, y: Any) -> Array:
    """Return 64 well mixed bits of two numbers (the finaliser of splitmix64)."""
    z = x * np.uint64(0x9E3779B97F4A7C15) + y + np.uint64(0x632BE59BD9B4E019)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
