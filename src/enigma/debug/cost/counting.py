"""Counts what a launch does: every operation with the lanes and rounds that do it, without reading any memory.

Threadgroups beyond `GROUPS` and rounds of a loop beyond `ROUNDS` are counted by samples, each standing for those after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enigma.debug.sampling import Depends, Held, Sample, is_by_lane, merged
from enigma.dtypes import BufferType, Numeric, SimdgroupMatrix, Space, TextureType
from enigma.runtime.simulator.grid import Batch, Size
from enigma.spec.terms import MEMORY, Algebra, Effect, Level
from enigma.trace.node import For, If, Op, Traced, Value, While

Array = NDArray[Any]

GROUPS = 64
"""Threadgroups that are counted one by one; of more, so many samples."""

ROUNDS = (64, 32, 8)
"""Rounds of a loop that are counted one by one, of one inside of it, and of those inside of that; of more, so many samples."""

_ARITHMETIC = {Algebra.ADD, Algebra.SUB, Algebra.MUL, Algebra.DIV, Algebra.REM, Algebra.FLOOR_DIV, Algebra.FLOOR_MOD,
               Algebra.NEG, Algebra.MIN, Algebra.MAX}  # fmt: skip
"""One operation for each component; a fused multiply-add is two."""


@dataclass(slots=True)
class Traffic:
    """What one buffer is asked for in one direction: bytes of all lanes, and where the first and last touched byte are."""

    name: str
    space: Space
    element: int
    read: float = 0.0
    written: float = 0.0
    atomic: float = 0.0
    low: int | None = None
    high: int = 0
    places: set[int] | None = field(default_factory=set[int])

    @property
    def issued(self) -> float:
        """Bytes that the lanes read and write, each time counted."""
        return self.read + self.written + self.atomic

    @property
    def footprint(self) -> float:
        """Bytes that are touched, each counted once: exact while `places` are known, else the extent."""
        if self.space is Space.THREADGROUP:
            return 0.0
        if self.places is not None:
            return float(len(self.places) * self.element)
        return min(self.issued, float(self.high - (self.low or 0)))


@dataclass(slots=True)
class Counts:
    """What all threads of a launch do."""

    flops: float = 0.0
    matrix_flops: float = 0.0
    functions: float = 0.0
    integer: float = 0.0
    collectives: float = 0.0
    barriers: float = 0.0
    traffic: dict[tuple[int, Effect], Traffic] = field(default_factory=dict[tuple[int, Effect], Traffic])
    notes: dict[str, None] = field(default_factory=dict[str, None])


def count(traced: Traced, grid: Size, threads: Size, scalars: dict[str, Any]) -> Counts:
    """Return what a launch does; `scalars` gives every parameter that is passed by value."""
    counts = Counts()
    total = 1
    for size, group in zip(grid, threads, strict=True):
        total *= -(-size // group)
    if total > GROUPS:
        counts.notes[f"{GROUPS} of {total} threadgroups were counted; each stands for those after it"] = None
    with np.errstate(all="ignore"):
        for first, last, weight in _parts(total):
            Counter(traced, Batch(grid, threads, first, last), scalars, counts, weight, whole=total <= GROUPS).run()
    return counts


def _parts(total: int) -> list[tuple[int, int, float]]:
    """Return which threadgroups to count, and how often each counts; the first and the last always stand for themselves."""
    if total <= GROUPS:
        return [(0, total, 1.0)]
    edges = [1 + (total - 2) * k // (GROUPS - 2) for k in range(GROUPS - 1)]
    middle = [(a, a + 1, float(b - a)) for a, b in pairwise(edges)]
    return [(0, 1, 1.0), *middle, (total - 1, total, 1.0)]


class Counter(Sample):
    """A run that counts. `weight` is how often each lane does what is being run."""

    def __init__(
        self, traced: Traced, batch: Batch, scalars: dict[str, Any], counts: Counts, weight: float, *, whole: bool
    ) -> None:
        super().__init__(traced, batch, 0, {})
        self.scalars, self.counts, self.whole = scalars, counts, whole
        self.weight: Array = np.full(batch.shape, weight)
        self.parameters = {id(param.value): param.name for param in traced.params}

    def run(self) -> None:
        """Count everything."""
        for param in self.traced.params:
            if param.is_scalar:
                value = np.full((1, 1), self.scalars[param.name]).astype(param.dtype.numpy)
                self.values[id(param.value)] = Held(value)
        self.block(self.traced.body, self.batch.live, 0)

    def op(self, node: Op, active: Array) -> None:
        """Count one operation."""
        if node.row.algebra not in MEMORY:
            self.add(node, active, float(self.weight[active].sum()))
        super().op(node, active)

    def add(self, node: Op, active: Array, lanes: float) -> None:
        """Add what one operation does, in so many lanes."""
        row, counts = node.row, self.counts
        dtype = node.result.type if node.result is not None else None
        if row.flops:
            counts.matrix_flops += row.flops * lanes / 32
        elif node.operands and isinstance(node.operands[0].type, TextureType):
            counts.notes[f"texels are not counted: {row.shown_name}"] = None
        elif row.indexed is not None and isinstance(node.operands[0].type, BufferType):
            self.move(node, lanes)
        elif row.together is not None and row.effect is Effect.SYNC and not row.operands:
            counts.barriers += lanes
        elif row.effect is Effect.SYNC:
            counts.collectives += lanes
        elif isinstance(dtype, Numeric) and _computes(node, dtype):
            self.compute(row.algebra, dtype, lanes)

    def compute(self, algebra: Algebra | None, dtype: Numeric, lanes: float) -> None:
        """Add arithmetic."""
        components = lanes * dtype.parts
        each = 2 if algebra is Algebra.FMA else int(algebra in _ARITHMETIC or algebra is None)
        if not dtype.element.is_float:
            self.counts.integer += components if dtype.element.is_integer else 0
        else:
            self.counts.flops += each * components
            self.counts.functions += components if algebra is None else 0

    def move(self, node: Op, lanes: float) -> None:
        """Add bytes that are read or written."""
        buffer = node.operands[0]
        if not isinstance(buffer.type, BufferType) or buffer.type.space is Space.THREAD:
            return
        element = buffer.type.element.size
        name = self.parameters.get(id(buffer), buffer.name or "memory")
        traffic = self.counts.traffic.setdefault(
            (id(buffer), node.row.effect), Traffic(name, buffer.type.space, element)
        )
        moved = lanes * _width(node, buffer.type)
        match node.row.effect:
            case Effect.READ:
                traffic.read += moved
            case Effect.WRITE:
                traffic.written += moved
            case _ if node.row.together is Level.SIMDGROUP and node.result is not None:
                traffic.read += moved
            case _ if node.row.together is Level.SIMDGROUP:
                traffic.written += moved
            case _:
                traffic.atomic += moved
        if not is_by_lane(node):
            traffic.places = None
            traffic.low, traffic.high = 0, max(traffic.high, int(traffic.issued))
            self.counts.notes[f"{name} is moved by whole matrices: its footprint is taken to be all that is moved"] = (
                None
            )

    def matrix(self, node: Op, active: Array) -> None:
        """Note nothing: the footprint of what is moved by whole matrices is taken to be all of it."""

    def access(self, node: Op, active: Array) -> None:
        """Note which places are touched."""
        buffer = node.operands[0]
        traffic = self.counts.traffic.get((id(buffer), node.row.effect))
        if traffic is None or not isinstance(buffer.type, BufferType) or buffer.type.space is Space.THREADGROUP:
            return
        index = self.values[id(node.operands[1])]
        if index.depends & Depends.DATA:
            traffic.places = None
            traffic.low, traffic.high = 0, max(traffic.high, int(traffic.issued))
            self.counts.notes[
                f"an index of {traffic.name} comes from memory: its footprint is taken to be all that is moved"
            ] = None
            return
        places = np.unique(np.broadcast_to(index.array, self.batch.shape).astype(np.int64)[active & (self.weight > 0)])
        if not len(places):
            return
        span = -(-_width(node, buffer.type) // traffic.element)
        traffic.low = min(int(places[0]) * traffic.element, traffic.low if traffic.low is not None else 1 << 62)
        traffic.high = max(traffic.high, (int(places[-1]) + span) * traffic.element)
        if not self.whole:
            traffic.places = None
        elif traffic.places is not None:
            for more in range(span):
                traffic.places.update((places + more).tolist())

    def branch(self, node: If, active: Array, depth: int) -> None:
        """Count the branches: where memory decides, both of them in full."""
        (condition,) = self.get([node.condition])
        truth = np.broadcast_to(condition.array, active.shape).astype(bool)
        both = bool(condition.depends)
        if both:
            self.counts.notes["a branch depends on data: both sides are counted for every lane"] = None
        then = self.block(node.then, active if both else active & truth, depth)
        orelse = self.block(node.orelse, active if both else active & ~truth, depth)
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
        bounds = low.depends | high.depends | step.depends
        if bounds:
            self.counts.notes["the rounds of a loop depend on data: they were counted with invented numbers"] = None
        dtype, carried, weight = node.body.args[0].type, self.get(node.inits), self.weight
        most = max(int(trips[active].max()) if active.any() else 1, 1)
        limit = ROUNDS[min(depth, len(ROUNDS) - 1)]
        edges = sorted({most * k // min(most, limit) for k in range(min(most, limit) + 1)})
        if most > limit:
            self.whole = False
            self.counts.notes[f"{limit} of {most} rounds of a loop were counted; each stands for those after it"] = None
        for number, end in pairwise(edges):
            running = active & (trips > number)
            self.weight = weight * np.clip(trips - number, 0, end - number)
            index = (starts + np.int64(number) * steps).astype(dtype.numpy if isinstance(dtype, Numeric) else np.int64)
            self.bind(node.body.args, [Held(index, low.depends | step.depends), *carried])
            carried = merged(running, self.block(node.body, running, depth + 1), carried)
        self.weight = weight
        self.bind(node.results, [Held(x.array, x.depends | bounds) for x in carried])

    def loop(self, node: While, active: Array, depth: int) -> None:
        """Count a loop whose end nothing tells ahead: while its condition holds, up to a limit of rounds."""
        carried: list[Held] = self.get(node.inits)
        running, whole = active, False
        unknown = Depends.NOTHING
        for _ in range(ROUNDS[min(depth, len(ROUNDS) - 1)]):
            self.bind(node.test.args, carried)
            (going,) = self.block(node.test, running, depth + 1)
            unknown |= going.depends
            inside = running & np.broadcast_to(going.array, active.shape).astype(bool)
            self.bind(node.body.args, carried)
            carried = merged(inside, self.block(node.body, inside, depth + 1), carried)
            running = inside
            if not running.any():
                whole = True
                break
        if unknown or not whole:
            self.counts.notes[
                "a while loop's rounds are not known: they were counted with invented numbers, up to a limit"
            ] = None
        self.bind(node.results, [Held(x.array, x.depends | unknown) for x in carried])


def _computes(node: Op, result: Numeric) -> bool:
    """Return whether an operation computes numbers from numbers, and does not only move their bits or fill a matrix."""
    row, types = node.row, [operand.type for operand in node.operands if isinstance(operand.type, Numeric)]
    if row.effect is not Effect.PURE or not types or row.whole or isinstance(result, SimdgroupMatrix):
        return False
    return any(dtype.element.is_float for dtype in types) or not result.element.is_float


def _width(node: Op, buffer: BufferType) -> int:
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
