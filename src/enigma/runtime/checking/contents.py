"""Checks of what memory holds: reads of what nobody has written, and outputs that a kernel leaves as they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from enigma.dtypes import Space
from enigma.runtime.checking.data_dependence import written_by_data
from enigma.runtime.checking.finding import Finding
from enigma.runtime.checking.guards import Guards
from enigma.runtime.checking.uses import Components
from enigma.runtime.program import Program
from enigma.runtime.simulator.grid import Batch
from enigma.runtime.simulator.memory import Access, Kind, Memory
from enigma.runtime.simulator.observer import Observer
from enigma.runtime.simulator.problem import Array, Problem
from enigma.spec.terms import Fault
from enigma.trace.node import Param, Traced

Report = Callable[[Problem], None]

NAMES = "xyzw"


class Uninitialised(Observer):
    """Finds reads of threadgroup memory, or of a thread's own array, that no thread has written."""

    def __init__(self, traced: Traced, components: Components, guards: Guards, report: Report) -> None:
        self.kernel, self.report, self.components, self.guards = traced.name, report, components, guards
        self._parts: dict[int, tuple[Memory, Array]] = {}  # of vectors: which components have been written

    def batch(self, batch: Batch) -> None:
        """Other threadgroups have other memory."""
        self._parts.clear()

    def access(self, access: Access) -> None:
        """Compare what is read with what has been written."""
        written = access.memory.written
        if written is None:
            return
        parts = self._written_parts(access.memory) if access.memory.data.ndim > 1 else None
        if access.kind is Kind.WRITE:
            if parts is not None:
                flat = np.broadcast_to(access.flat, access.active.shape)[access.active]
                which = self.components.of(access.node)
                parts[flat[:, None], np.arange(parts.shape[1]) if which is None else list(which)] = True
            return
        if access.node.result is None:
            return
        which = self.components.of(access.node) if parts is not None else None
        if parts is None:
            unknown = ~written[access.flat]
        elif which is None:
            unknown = ~parts[access.flat].all(axis=-1)
        else:
            unknown = ~parts[access.flat][..., list(which)].all(axis=-1)
        if unknown.any() and (lanes := access.active & unknown).any():
            missing = parts[access.flat].copy() if parts is not None else None
            self.guards.tell(access.node, lanes, partial(self._told, access, missing, which))

    def _written_parts(self, memory: Memory) -> Array:
        known = self._parts.get(id(memory))
        if known is None:
            known = self._parts[id(memory)] = (memory, np.zeros(memory.data.shape, np.bool_))
        return known[1]

    def _told(self, access: Access, parts: Array | None, which: tuple[int, ...] | None, lanes: Array) -> None:
        memory = access.memory
        index = first_of(access.index, lanes)
        of = ""
        if parts is not None:
            row, lane = (int(place[0]) for place in np.nonzero(lanes))
            there = np.broadcast_to(parts, (*lanes.shape, parts.shape[-1]))[row, lane]
            missing = [n for n in (which if which is not None else range(len(there))) if not there[n]]
            if len(missing) < len(there) and len(there) <= len(NAMES):
                of = f"component {NAMES[missing[0]]} of "
        first = "write it" if memory.space is Space.THREAD else "write it, wait with enigma.barrier(),"
        self.report(Problem(
            Fault.UNINITIALISED_READ, f"{access.kind.value} of {of}element {index} of {memory}, which nobody has written",
            access.node.loc, lanes, access.batch, self.kernel, f"{first} and then read it; memory of a kernel is not zero at first",
            buffer=memory.name, index=index,
        ))  # fmt: skip


class Unwritten:
    """Finds outputs of which a kernel leaves elements as they were: a grid that is too small, or a wrong index.

    An output is a buffer that the kernel writes and never reads. Elements that hold something other than 0 or NaN before the run
    are no output, and a kernel whose data decides which elements it writes means it. A buffer of which nothing is written may
    belong to another way to call the kernel, unless the run writes nothing else either.
    """

    def __init__(
        self, traced: Traced, components: Components, arrays: Mapping[str, Array], report: Callable[[Finding], None]
    ) -> None:
        self.traced, self.components, self.report = traced, components, report
        by_data = written_by_data(traced)
        self.params: dict[str, Param] = {
            param.name: param for param in traced.params if not param.is_scalar and param.name not in by_data
        }
        self.fresh = {name: _blank(array) for name, array in arrays.items() if name in self.params}
        self.seen: dict[str, Array] = {}
        self._is_idle = True

    def access(self, access: Access) -> None:
        """Note what is written; a buffer that is read is no output."""
        memory = access.memory
        if memory.space is Space.DEVICE and access.kind is not Kind.READ:
            self._is_idle = False
        if memory.space is not Space.DEVICE or memory.name not in self.params:
            return
        if access.kind is not Kind.WRITE:
            if self.components.of(access.node) == ():  # what is read only to be put back, as by Out[i].x = 1
                return
            self.params.pop(memory.name)
            return
        if memory.name not in self.seen:
            self.seen[memory.name] = np.zeros(memory.data.shape, np.bool_)
        flat = np.broadcast_to(access.flat, access.active.shape)[access.active]
        which = self.components.of(access.node) if memory.data.ndim > 1 and not memory.texture else None
        if which is None:
            self.seen[memory.name][flat] = True
        else:
            self.seen[memory.name][flat[:, None], list(which)] = True

    def finish(self, grid: tuple[int, int, int], *, is_clean: bool) -> None:
        """Report what is left; of a run that writes nothing only if it `is_clean`, for another finding is the reason then."""
        if self._is_idle and is_clean:
            written = Program(self.traced).written
            names = [param.name for param in self.params.values() if param.slot in written and param.name in self.fresh]
            self.seen = {name: np.zeros_like(self.fresh[name]) for name in names}
        for name, seen in self.seen.items():
            param, fresh = self.params.get(name), self.fresh.get(name)
            if param is None or fresh is None:
                continue
            left = ~seen & fresh
            if not left.any():
                continue
            self.report(_left(self.traced, param, left, grid))


def first_of(x: Array, lanes: Array) -> int:
    """Return an integer of the first of the lanes."""
    row, lane = (int(place[0]) for place in np.nonzero(lanes))
    return int(np.broadcast_to(x, lanes.shape)[row, lane])


def _blank(array: Array) -> Array:
    """Return which elements hold zeros or NaN; of vectors the whole, with an axis for their components."""
    with np.errstate(invalid="ignore"):  # bfloat says so of NaN
        same = array == np.zeros((), array.dtype)
    if array.dtype.kind in "fV":
        same = same | np.isnan(array.astype(np.float32))
    return same.all(axis=-1, keepdims=True) if same.ndim > 1 else same


def _left(traced: Traced, param: Param, left: Array, grid: tuple[int, int, int]) -> Finding:
    parts = left if left.ndim > 1 else left[:, None]
    some: Array = np.asarray(parts.any(axis=-1))
    index, count, size = int(np.argmax(some)), int(some.sum()), len(some)
    missing = np.flatnonzero(parts.any(axis=0))
    # a texel is written whole, with what its texture stores of it
    of = (
        f"component {NAMES[missing[0]]} of "
        if 0 < len(missing) < parts.shape[1] <= len(NAMES) and param.texture is None
        else ""
    )
    threads = int(np.prod(grid, dtype=np.int64))
    if of:
        help = "set it too, or store whole vectors"
    elif threads >= size:
        help = "check the index, and what keeps threads from their store"
    elif size - count <= threads:
        help = f"the grid has {threads} threads for {size} elements: grid counts threads, not threadgroups"
    else:  # a thread writes several
        help = f"check the index, and the grid: it has {threads} threads for {size} elements"
    verb = "is" if of else "are"
    what: Any = "element" if param.texture is None else "texel"
    return Finding(
        Fault.UNWRITTEN_OUTPUT, "warning",
        f"{of}{count} of {size} {what}s of {param.name} {verb} never written, the first is {index}",
        help, traced.name, param.loc, count, param.name, index, note=f"in kernel {traced.name}",
    )  # fmt: skip
