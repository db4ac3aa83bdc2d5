"""Finds data races: two threads use an element, at least one changes it, not both in one step, and nothing orders the two.

What orders two accesses: the same thread; a barrier that both threads have waited at and that names the memory; release and
acquire, by operations or by fences that name the memory. That a simdgroup runs in lock step is nothing that Metal promises, so it
does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

import numpy as np

from enigma.dtypes import Space
from enigma.runtime.checking.clocks import Clocks, Now, Order
from enigma.runtime.checking.shadow import NOBODY, SIMDGROUP, THREADGROUP, Crowd, Shadow, Since, Trace
from enigma.runtime.checking.uses import Components
from enigma.runtime.simulator.grid import Batch
from enigma.runtime.simulator.memory import Access, Kind, Memory
from enigma.runtime.simulator.observer import Observer
from enigma.runtime.simulator.problem import Array, Problem
from enigma.spec.terms import Buffer, Effect, Fault, FenceOrder, Level, MemFlags, MemoryOrder, Texture, ThreadScope
from enigma.trace.node import Op, Traced

Report = Callable[[Problem], None]


class _Part(Enum):
    """The memories that barriers name apart."""

    DEVICE = "device memory"
    THREADGROUP = "threadgroup memory"
    TEXTURE = "textures"


_NAMED = {
    MemFlags.NONE: (), MemFlags.DEVICE: (_Part.DEVICE,), MemFlags.THREADGROUP: (_Part.THREADGROUP,),
    MemFlags.DEVICE_AND_THREADGROUP: (_Part.DEVICE, _Part.THREADGROUP), MemFlags.TEXTURE: (_Part.TEXTURE,),
}  # fmt: skip
_ORDERS: dict[Enum, frozenset[Order]] = {
    MemoryOrder.ACQUIRE: frozenset({Order.ACQUIRE}), MemoryOrder.RELEASE: frozenset({Order.RELEASE}),
    MemoryOrder.ACQ_REL: frozenset(Order), FenceOrder.ACQUIRE: frozenset({Order.ACQUIRE}),
    FenceOrder.RELEASE: frozenset({Order.RELEASE}), FenceOrder.ACQ_REL: frozenset(Order), FenceOrder.SEQ_CST: frozenset(Order),
}  # fmt: skip


class Races(Observer):
    """Watches every access of memory that threads share and that the kernel changes."""

    def __init__(self, traced: Traced, components: Components, report: Report) -> None:
        self.kernel, self.report, self.components = traced.name, report, components
        self.clocks = {part: Clocks() for part in _Part}
        self.changed, self.synchronizes = _changed(traced), _synchronizes(traced)
        self.names = {id(param.value): param.name for param in traced.params}
        self._device: dict[int, tuple[Memory, Shadow]] = {}
        self._shared: dict[int, tuple[Memory, Shadow]] = {}
        self._steps: list[Op] = []

    # ---- what the simulator tells

    def batch(self, batch: Batch) -> None:
        """Number the threads of the batch, and forget the threadgroup memory of the one before."""
        self._shared.clear()
        rows = batch.shape[0]
        group = np.arange(batch.threadgroups)[batch.member] + batch.first
        self._threads = (group.astype(np.int64) << THREADGROUP)[:, None] | batch.linear().astype(np.int64)
        self._waited = {part: np.full((rows, 1), NOBODY, np.int64) for part in _Part}
        self._joined = {part: np.full((rows, 1), NOBODY, np.int64) for part in _Part}

    def synchronize(self, node: Op, active: Array, batch: Batch) -> None:
        """Note barriers and fences; atomic operations come as accesses."""
        flags = next((value for value in node.attrs.values() if isinstance(value, MemFlags)), None)
        if flags is None:
            return
        scope = next((value for value in node.attrs.values() if isinstance(value, ThreadScope)), None)
        if scope is not None:
            self._fence(node, flags, scope, active)
        elif node.row.together is Level.THREADGROUP:
            self._barrier(flags, active, batch)
        else:
            self._simdgroup_barrier(flags, active)

    def access(self, access: Access) -> None:
        """Judge a read or an atomic operation; a write is judged when its value is known."""
        shadow = self._shadow(access.memory)
        if shadow is None or not access.active.any():
            return
        self._steps.append(access.node)
        match access.kind:
            case Kind.READ:
                self._read(access, shadow)
            case Kind.ATOMIC:
                self._atomic(access, shadow)
            case Kind.WRITE:
                pass

    def value(self, access: Access, value: Array) -> None:
        """Judge a write."""
        if access.kind is Kind.WRITE and access.active.any() and (shadow := self._shadow(access.memory)) is not None:
            self._write(access, shadow, value)

    # ---- order

    def _barrier(self, flags: MemFlags, active: Array, batch: Batch) -> None:
        here = np.add.reduceat(active.sum(axis=1), batch.starts) > 0
        rows = here[batch.member]
        for part in _NAMED[flags]:
            self._waited[part][rows] = self._joined[part][rows] = len(self._steps)
            if self.clocks[part].active:
                self.clocks[part].barrier(THREADGROUP, (np.flatnonzero(here) + batch.first).tolist())

    def _simdgroup_barrier(self, flags: MemFlags, active: Array) -> None:
        rows = active.any(axis=1)
        for part in _NAMED[flags]:
            self._joined[part][rows] = len(self._steps)
            if self.clocks[part].active:
                self.clocks[part].barrier(SIMDGROUP, (self._threads[rows, 0] >> SIMDGROUP).tolist())

    def _fence(self, node: Op, flags: MemFlags, scope: ThreadScope, active: Array) -> None:
        if not self.synchronizes:
            return
        order = next(value for value in node.attrs.values() if isinstance(value, FenceOrder))
        for row, lane in zip(*(place.tolist() for place in np.nonzero(active)), strict=True):
            thread = int(self._threads[row, lane])
            for part in _NAMED[flags]:
                self.clocks[part].fence(thread, _ORDERS[order], scope, self._now(part, row, len(self._steps)))

    def _now(self, part: _Part, row: int, step: int) -> Now:
        return Now(step, int(self._joined[part][row, 0]), int(self._waited[part][row, 0]))

    # ---- accesses

    def _read(self, access: Access, shadow: Shadow) -> None:
        lanes = _Lanes(self, access)
        self._against(access, shadow.writes, lanes, "has written")
        self._against_crowd(access, shadow.changes, lanes, "has changed")
        shadow.reads.note(lanes.flat, lanes.thread, lanes.step, lanes.since)

    def _atomic(self, access: Access, shadow: Shadow) -> None:
        lanes = _Lanes(self, access)
        changes = _writes(access.node)
        self._against(access, shadow.writes, lanes, "has written")
        if changes:
            self._against_crowd(access, shadow.reads, lanes, "has read")
        if shadow.changes is None or shadow.looks is None:
            shadow.changes, shadow.looks = Crowd(shadow.size), Crowd(shadow.size)
        (shadow.changes if changes else shadow.looks).note(lanes.flat, lanes.thread, lanes.step, lanes.since)
        if self.synchronizes:
            self._order(access, lanes, changes=changes)

    def _order(self, access: Access, lanes: _Lanes, *, changes: bool) -> None:
        orders = frozenset[Order]().union(
            *(_ORDERS.get(value, frozenset()) for value in access.node.attrs.values() if isinstance(value, MemoryOrder))
        )
        reads = access.node.result is not None
        turns = access.batch.turns(access.active)
        for n in range(len(lanes.flat)) if turns is None else turns.tolist():
            row, thread, place = int(lanes.rows[n]), int(lanes.thread[n]), (id(access.memory), int(lanes.flat[n]))
            for part, clocks in self.clocks.items():
                # an operation's own order is one of all buffers; for textures there are fences
                wanted = orders if part is not _Part.TEXTURE else frozenset[Order]()
                clocks.atomic(
                    thread, place, wanted, reads=reads, writes=changes, now=self._now(part, row, lanes.step)
                )  # fmt: skip

    def _write(self, access: Access, shadow: Shadow, value: Array) -> None:
        lanes = _Lanes(self, access)
        new = lanes.of_value(value)
        now = access.memory.data[lanes.flat]
        kept = _equal(new, now)
        self._against(access, shadow.writes, lanes, "has written", kept=kept)
        self._against_crowd(access, shadow.reads, lanes, "has read")
        self._against_crowd(access, shadow.changes, lanes, "has changed")
        self._against_crowd(access, shadow.looks, lanes, "has read")
        shadow.forget(lanes.flat)
        shadow.writes.set(lanes.flat, lanes.thread, lanes.step)
        won = shadow.writes.thread[lanes.flat]
        if (several := won != lanes.thread).any():
            last = np.zeros(shadow.size, np.int64)
            last[lanes.flat] = np.arange(len(lanes.flat))
            same = _equal(new, new[last[lanes.flat]])
            self._race(access, lanes, several, won, None, "writes in the same operation", same)

    def _against_crowd(self, access: Access, crowd: Crowd | None, lanes: _Lanes, what: str) -> None:
        if crowd is not None:
            for trace in crowd.traces:
                self._against(access, trace, lanes, what)

    def _against(self, access: Access, trace: Trace, lanes: _Lanes, what: str, kept: Array | None = None) -> None:
        """Judge the access against the earlier ones of a trace; `kept` marks the lanes that write what is there already."""
        step = trace.step[lanes.flat]
        other = trace.thread[lanes.flat]
        inside = other >> THREADGROUP == lanes.thread >> THREADGROUP
        near = other >> SIMDGROUP == lanes.thread >> SIMDGROUP
        ordered = (inside & (step < lanes.since.threadgroup)) | (near & (step < lanes.since.simdgroup))
        racing = (other != NOBODY) & (other != lanes.thread) & ~ordered
        if not racing.any():
            return
        if (clocks := self.clocks[_part(access.memory)]).active:
            for n in np.flatnonzero(racing).tolist():
                racing[n] = not clocks.knows(int(lanes.thread[n]), int(other[n]), int(step[n]))
            if not racing.any():
                return
        self._race(access, lanes, racing, other, step, what, kept)

    # ---- what is told

    def _race(
        self,
        access: Access,
        lanes: _Lanes,
        racing: Array,
        other: Array,
        step: Array | None,
        what: str,
        same: Array | None,
    ) -> None:
        for minor in (False, True):
            chosen = racing & (same if minor else ~same) if same is not None else racing & (not minor)
            if chosen.any():
                self._told(access, lanes, int(np.argmax(chosen)), lanes.mask(chosen), other, step, what, minor=minor)

    def _told(
        self,
        access: Access,
        lanes: _Lanes,
        n: int,
        mask: Array,
        other: Array,
        step: Array | None,
        what: str,
        *,
        minor: bool,
    ) -> None:
        memory, batch = access.memory, access.batch
        index = int(np.broadcast_to(access.index, mask.shape)[lanes.rows[n], lanes.lanes[n]])
        node = access.node if step is None else self._steps[int(step[n])]
        mine, theirs = int(lanes.thread[n]), int(other[n])
        apart = mine >> THREADGROUP != theirs >> THREADGROUP
        same = "; both write the same value" if minor else ""
        if any(self._sets_components(each, memory) for each in (access.node, node)):
            help = "setting a component of a vector reads and stores all of it: give each thread whole vectors, or use numbers"
        else:
            help = _help(memory, apart=apart, at_once=step is None, minor=minor)
        self.report(Problem(
            Fault.DATA_RACE,
            f"data race: {access.kind.value} of {memory}[{index}], which {_called(theirs, batch, apart)} {what}{same}",
            access.node.loc, mask, batch, self.kernel, help, buffer=memory.name, index=index,
            value=_scalar(memory.data[lanes.flat[n]]), other=node.loc,
            other_note=f"the other access, by {_called(theirs, batch, apart)}: nothing orders the two", minor=minor,
        ))  # fmt: skip

    def _sets_components(self, node: Op, memory: Memory) -> bool:
        """Return whether an operation is part of `A[i].x = ...`."""
        if memory.texture or memory.data.ndim == 1:
            return False
        which = self.components.of(node)
        return which == () or (which is not None and _writes(node) and len(which) < memory.data.shape[1])

    def _shadow(self, memory: Memory) -> Shadow | None:
        if memory.space is Space.THREADGROUP:
            kept = self._shared
        elif memory.space is Space.DEVICE and memory.name in self.changed:
            kept = self._device
        else:
            return None
        found = kept.get(id(memory))
        if found is None:
            found = kept[id(memory)] = (memory, Shadow(len(memory.data)))
        return found[1]


class _Lanes:
    """The active lanes of an access, one after another: their rows and numbers, elements, threads, and last barriers."""

    def __init__(self, races: Races, access: Access) -> None:
        active = self.active = access.active
        self.rows, self.lanes = np.nonzero(active)
        self.flat: Array = np.broadcast_to(access.flat, active.shape)[active]
        self.thread: Array = races._threads[active]  # pyright: ignore[reportPrivateUsage] - one class in two
        part = _part(access.memory)
        self.since = Since(races._waited[part][self.rows, 0], races._joined[part][self.rows, 0])  # pyright: ignore[reportPrivateUsage]
        self.step = len(races._steps) - 1  # pyright: ignore[reportPrivateUsage]

    def of_value(self, value: Array) -> Array:
        """Return each lane's value; a vector as a row."""
        if value.ndim > 2:
            parts = np.broadcast_to(value, (value.shape[0], *self.active.shape))
            return np.moveaxis(parts, 0, -1)[self.active]
        return np.broadcast_to(value, self.active.shape)[self.active]

    def mask(self, chosen: Array) -> Array:
        """Return the chosen lanes as a mask of the batch."""
        made = np.zeros(self.active.shape, np.bool_)
        made[self.rows[chosen], self.lanes[chosen]] = True
        return made


def _help(memory: Memory, *, apart: bool, at_once: bool, minor: bool) -> str:
    what = "texel" if memory.texture else "element"
    if minor:
        return f"let one thread write it (if enigma.thread_index_in_threadgroup() == 0:), or give each its own {what}"
    atomics = [] if memory.texture else ["use atomic operations (enigma.atomic_fetch_add)"]
    if apart:
        rest = f"give each threadgroup its own {what}s, or launch a second kernel"
        return f"nothing waits for other threadgroups: {', '.join([*atomics, rest])}"
    if at_once:
        return ", or ".join([f"give each thread its own {what}, let one thread write it", *atomics])
    flag = "mem_texture" if memory.texture else f"mem_{memory.space.value}"
    waits = f'wait between the two for all threads of the threadgroup: enigma.barrier("{flag}")'
    return waits if memory.texture else f"{waits}; or use atomic operations"


def _part(memory: Memory) -> _Part:
    if memory.texture:
        return _Part.TEXTURE
    return _Part.THREADGROUP if memory.space is Space.THREADGROUP else _Part.DEVICE


def _equal(x: Array, y: Array) -> Array:
    same = (x == y) | ((x != x) & (y != y))
    return same.all(axis=-1) if same.ndim > 1 else same


def _scalar(x: Any) -> Any:
    return x.item() if np.ndim(x) == 0 and x.dtype.kind in "iubf" else str(x)


def _writes(node: Op) -> bool:
    return any(isinstance(term, Buffer) and term.written for term in node.row.operands.values())


def _changed(traced: Traced) -> set[str]:
    """Return the parameters that some operation of the kernel changes."""
    found: set[int] = set()
    for node in traced.nodes():
        if isinstance(node, Op):
            for term, value in zip(node.row.terms(len(node.operands)).values(), node.operands, strict=True):
                if isinstance(term, Buffer | Texture) and term.written:
                    found.add(id(value))
    return {param.name for param in traced.params if id(param.value) in found}


def _synchronizes(traced: Traced) -> bool:
    """Return whether some operation orders memory by more than a barrier."""
    attributes: Iterable[Any] = (
        value
        for node in traced.nodes()
        if isinstance(node, Op) and node.row.effect is Effect.SYNC
        for value in node.attrs.values()
    )
    return any(_ORDERS.get(value) for value in attributes if isinstance(value, MemoryOrder | FenceOrder))


def _called(thread: int, batch: Batch, apart: bool) -> str:
    group, number = thread >> THREADGROUP, thread & ((1 << THREADGROUP) - 1)
    if not apart:
        return f"thread {number} of the same threadgroup"
    x, y, _ = batch.counts
    return f"thread {number} of threadgroup {(group % x, group // x % y, group // (x * y))}"
