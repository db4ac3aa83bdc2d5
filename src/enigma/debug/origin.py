"""Where a value in a buffer comes from: the store that wrote it, by which thread, and the operations that led to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from enigma.dtypes import BufferType, Numeric, Space
from enigma.errors import EnigmaError, InternalError
from enigma.runtime.simulator.grid import Batch, Size
from enigma.runtime.simulator.machine import simulate
from enigma.runtime.simulator.memory import Access, Kind
from enigma.runtime.simulator.observer import Observer
from enigma.source import SourceLoc
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import Algebra, Axis, Effect
from enigma.trace.node import For, If, Node, Op, Traced, Value, While

Array = NDArray[Any]
STEPS = 24
"""Operations shown at most."""

SHARED = 2
"""Elements of threadgroup memory that are followed to who wrote them."""


@dataclass(frozen=True, slots=True)
class Step:
    """An operation on the way to a value, with what it gave in this thread (None where that is not known)."""

    loc: SourceLoc
    text: str
    value: Any

    def __str__(self) -> str:
        return self.text if self.value is None else f"{self.text} = {_number(self.value)}"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who wrote an element last, and how its value came about: `steps`, the store first, then what it needed.

    `shared` are the origins of what the steps read of threadgroup memory, the first few.
    """

    buffer: str
    index: int
    thread: Size
    threadgroup: Size
    writes: int
    steps: list[Step]
    shared: list[Origin] = field(default_factory=list["Origin"])

    def __str__(self) -> str:
        times = f", the last of {self.writes} writes" if self.writes > 1 else ""
        parts = [f"written by thread {self.thread} of threadgroup {self.threadgroup}{times}:", *self._lines()]
        for each in self.shared:
            what = f"{each.buffer}[{each.index}] in threadgroup memory"
            parts += [f"{what} was written by thread {each.thread} of the same threadgroup:", *each._lines()]
        return "\n".join(parts)

    def _lines(self) -> list[str]:
        lines: list[str] = []
        last: tuple[str, int] | None = None
        for step in self.steps:
            if (step.loc.file, step.loc.line) != last:
                last = (step.loc.file, step.loc.line)
                lines.append(f"  {step.loc.short_file}:{step.loc.line}: {step.loc.text().strip()}")
            lines.append(f"      {step}")
        return lines


def _number(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_number, cast('tuple[Any, ...]', value)))})"
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def origin(
    traced: Traced, fresh: Callable[[], Sequence[Any]], grid: Size, threads: Size, buffer: str, index: int
) -> Origin | str:  # fmt: skip
    """Return where element `index` of a buffer comes from, or in words why nobody knows.

    `fresh` returns the arguments as they were before the launch, each time, which the simulator then changes.
    """

    def watched(target: _Target) -> tuple[_Watcher, EnigmaError | None]:
        arguments = fresh()
        watcher = _Watcher(traced, arguments, target)
        try:
            simulate(traced, arguments, grid, threads, observer=watcher, quiet=True)
        except InternalError:
            raise
        except EnigmaError as error:  # what was written before stands
            return watcher, error
        return watcher, None

    watcher, stopped = watched(_Target(buffer, index))
    found = watcher.found
    if found is None and stopped is not None:
        return f"the simulator stops before anything is written there: {stopped.message}"
    if found is None:
        return f"no thread writes {buffer}[{index}]"
    for target in watcher.read[:SHARED]:
        inner = watched(replace(target, group=found.threadgroup))[0].found
        if inner is not None:
            found.shared.append(inner)
    return found


@dataclass(frozen=True, slots=True)
class _Target:
    """An element to look for: of a launch's buffer, or of threadgroup memory, `made` by an operation, in one threadgroup."""

    buffer: str
    index: int
    made: Value | None = None
    group: Size | None = None

    def hits(self, access: Access) -> Array | None:
        """Return the lanes that access it; None where the access is to other memory."""
        memory, batch = access.memory, access.batch
        if self.made is None:
            if memory.name != self.buffer or memory.space is not Space.DEVICE or memory.texture:
                return None
            return access.active & (np.broadcast_to(access.flat, access.active.shape) == self.index)
        if access.node.operands[0] is not self.made:
            return None
        found = access.active & (np.broadcast_to(access.index, access.active.shape) == self.index)
        for axis, place in zip(Axis, self.group or (), strict=False):
            found = found & (batch.group(axis) == place)
        return found


class _Watcher(Observer):
    """Keeps what every operation gave last in each lane, and looks at it when the element is written."""

    def __init__(self, traced: Traced, arguments: Sequence[Any], target: _Target) -> None:
        self.traced, self.target = traced, target
        self.read: list[_Target] = []  # elements of threadgroup memory that the steps read
        self.made: dict[int, Node] = {}
        self.order: dict[int, int] = {}
        for number, node in enumerate(traced.nodes()):
            self.order[id(node)] = number
            for result in _results(node):
                self.made[id(result)] = node
        self.values: dict[int, Array] = {}
        self.ran: dict[int, Array] = {}  # the lanes that an operation was run by
        self.scalars: dict[int, Any] = {
            id(param.value): cast(Any, given).item() if isinstance(given, np.generic) else given
            for param, given in zip(traced.params, arguments, strict=True)
            if param.is_scalar and param.dtype.parts == 1
        }
        self.found: Origin | None = None
        self.writes = 0

    def batch(self, batch: Batch) -> None:
        self.values.clear()
        self.ran.clear()

    def computes(self, row: Intrinsic) -> bool:
        return row.result is not None

    def computed(self, node: Op, operands: Sequence[Any], result: Any, active: Array, batch: Batch) -> None:
        self._keep(node, np.asarray(result), active)

    def value(self, access: Access, value: Array) -> None:
        if access.kind is Kind.READ:
            self._keep(access.node, np.asarray(value), access.active)
        elif access.kind is Kind.WRITE:
            self._look(access, value)

    def access(self, access: Access) -> None:
        if access.kind is Kind.ATOMIC:
            self._look(access, None)

    def _keep(self, node: Op, result: Array, active: Array) -> None:
        dtype = node.result.type if node.result is not None else None
        if not isinstance(dtype, Numeric):
            return
        shape = (dtype.parts, *active.shape) if dtype.parts > 1 else active.shape
        if dtype.parts > 1 and result.ndim == 1:
            result = result.reshape(dtype.parts, 1, 1)
        new = np.broadcast_to(result, shape)
        old = self.values.get(id(node))
        ran = self.ran.get(id(node))
        self.ran[id(node)] = active if ran is None else ran | active
        self.values[id(node)] = new if old is None or active.all() else np.where(active, new, old)

    def _look(self, access: Access, value: Array | None) -> None:
        hit = self.target.hits(access)
        if hit is None or not hit.any():
            return
        self.writes += int(hit.sum())
        row, lane = (int(place[-1]) for place in np.nonzero(hit))
        at = _At(self, row, lane)
        batch = access.batch
        thread = tuple(_lane(batch.local(axis), row, lane) for axis in Axis)
        group = tuple(_lane(batch.group(axis), row, lane) for axis in Axis)
        stored = None if value is None else _plain(np.broadcast_to(value, _shape(value, access.active)), row, lane)
        name, index = self.target.buffer, self.target.index
        steps = [Step(access.node.loc, f"{name}[{index}]", stored), *at.steps(access.node)]
        self.found = Origin(name, index, _three(thread), _three(group), self.writes, steps[:STEPS])
        self.read = at.read()


def _shape(value: Array, active: Array) -> tuple[int, ...]:
    return (*value.shape[:-2], *active.shape)


def _three(sizes: tuple[int, ...]) -> Size:
    return (sizes[0], sizes[1], sizes[2])


def _lane(array: Array, row: int, lane: int) -> int:
    return int(np.broadcast_to(array, (max(array.shape[0], row + 1), 32))[row, lane])


def _plain(array: Array, row: int, lane: int) -> Any:
    if array.ndim > 2:
        return tuple(_plain(part, row, lane) for part in array)
    item = array[row, lane]
    return float(item) if item.dtype.kind not in "biu" else item.item()


@dataclass(slots=True)
class _At:
    """The values of one lane, and the operations behind them."""

    watcher: _Watcher
    row: int
    lane: int
    loads: list[Op] = field(default_factory=list[Op])

    def read(self) -> list[_Target]:
        """Return the elements of threadgroup memory behind the store, each once."""
        found: dict[tuple[int, int], _Target] = {}
        for node in self.loads:
            memory, index = node.operands[0], self._of(node.operands[1])
            if isinstance(index, int):
                found.setdefault((id(memory), index), _Target(memory.name or "memory", index, memory))
        return list(found.values())

    def steps(self, store: Op) -> list[Step]:
        """Return the operations behind a store, the last one first."""
        seen: dict[int, Node] = {}
        waiting: list[Value] = list(store.operands[1:])
        while waiting and len(seen) < 4 * STEPS:
            node = self.watcher.made.get(id(waiting.pop(0)))
            if node is None or id(node) in seen:
                continue
            seen[id(node)] = node
            waiting += _inputs(node)
        order = sorted(seen.values(), key=lambda node: -self.watcher.order[id(node)])
        self.loads = [node for node in order if isinstance(node, Op) and _is_shared(node) and self._did(node)]
        return [step for node in order if (step := self._step(node)) is not None]

    def _step(self, node: Node) -> Step | None:
        match node:
            case Op() if node.row.algebra is Algebra.CONST or not self._did(node):
                return None
            case Op():
                name = node.result.name if node.result is not None else None
                return Step(node.loc, f"{name} = {self._call(node)}" if name else self._call(node), self._value(node))
            case For():
                return Step(
                    node.loc,
                    f"the loop over {node.body.args[0].name or 'its range'} carries {self._names(node.results)}",
                    None,
                )
            case While():
                return Step(node.loc, f"the while loop carries {self._names(node.results)}", None)
            case If():
                taken = self._of(node.condition)
                how = "" if taken is None else f", and its condition is {taken}"
                return Step(node.loc, f"the branch decides {self._names(node.results)}{how}", None)

    def _call(self, node: Op) -> str:
        parts = [self._named(value) for value in node.operands]
        return f"{node.row.name}({', '.join(parts)})"

    def _named(self, value: Value) -> str:
        node = self.watcher.made.get(id(value))
        if isinstance(node, Op) and node.row.algebra is Algebra.CONST:
            return _number(node.attrs["value"])
        known = self._of(value)
        name = value.name or ""
        if known is None:
            return name or "..."
        return f"{name}={_number(known)}" if name else _number(known)

    def _of(self, value: Value) -> Any:
        """Return what a value was in this thread: of a branch, what the side that it took gave."""
        node = self.watcher.made.get(id(value))
        match node:
            case Op() if node.row.algebra is Algebra.CONST:
                return node.attrs["value"]
            case Op():
                return self._value(node)
            case If():
                taken = self._of(node.condition)
                if taken is None:
                    return None
                place = next(k for k, result in enumerate(node.results) if result is value)
                return self._of((node.then if taken else node.orelse).yields[place])
            case _:
                given = self.watcher.scalars.get(id(value))
                return given if isinstance(given, bool | int | float) else None

    def _value(self, node: Op) -> Any:
        held = self.watcher.values.get(id(node))
        return None if held is None or not self._did(node) else _plain(held, self.row, self.lane)

    def _did(self, node: Op) -> bool:
        """Return whether this thread ran an operation; of what talks to other lanes nobody keeps it."""
        if node.row.effect is Effect.SYNC:
            return True
        ran = self.watcher.ran.get(id(node))
        return ran is not None and bool(ran[self.row, self.lane])

    def _names(self, values: Sequence[Value]) -> str:
        return ", ".join(dict.fromkeys(value.name or "a value" for value in values))


def _is_shared(node: Op) -> bool:
    """Return whether an operation reads an element of threadgroup memory."""
    held = node.operands[0].type if node.operands else None
    return node.row.algebra is Algebra.LOAD and isinstance(held, BufferType) and held.space is Space.THREADGROUP


def _results(node: Node) -> Sequence[Value]:
    if isinstance(node, Op):
        return () if node.result is None else (node.result,)
    return node.results


def _inputs(node: Node) -> list[Value]:
    """Return what a node needs: operands, and of a statement what its blocks yield and its condition."""
    match node:
        case Op():
            return list(node.operands)
        case If():
            return [node.condition, *node.then.yields, *node.orelse.yields]
        case For():
            return [*node.body.yields, *node.inits, node.high]
        case While():
            return [*node.body.yields, *node.test.yields, *node.inits]
