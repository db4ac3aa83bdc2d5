"""Checks of what memory holds: reads of what nobody has written, and outputs that a kernel leaves as they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from enigma.dtypes import Space
from enigma.runtime.checking.data_dependence import written_by_data
from enigma.runtime.checking.finding import Finding
from enigma.runtime.simulator.memory import Access, Kind
from enigma.runtime.simulator.observer import Observer
from enigma.runtime.simulator.problem import Array, Problem
from enigma.spec.terms import Fault
from enigma.trace.node import Param, Traced

Report = Callable[[Problem], None]


class Uninitialised(Observer):
    """Finds reads of threadgroup memory, or of a thread's own array, that no thread has written."""

    def __init__(self, kernel: str, report: Report) -> None:
        self.kernel, self.report = kernel, report

    def access(self, access: Access) -> None:
        """Compare what is read with what has been written."""
        written = access.memory.written
        if written is None or access.kind is Kind.WRITE or access.node.result is None:
            return
        unknown = ~written[access.flat]
        if not unknown.any() or not (lanes := access.active & unknown).any():
            return
        memory = access.memory
        index = first_of(access.index, lanes)
        first = "write it" if memory.space is Space.THREAD else "write it, wait with enigma.barrier(),"
        self.report(Problem(
            Fault.UNINITIALISED_READ, f"{access.kind.value} of element {index} of {memory}, which nobody has written",
            access.node.loc, lanes, access.batch, self.kernel, f"{first} and then read it; memory of a kernel is not zero at first",
            buffer=memory.name, index=index,
        ))  # fmt: skip


class Unwritten:
    """Finds outputs of which a kernel leaves elements as they were: a grid that is too small, or a wrong index.

    An output is a buffer that the kernel writes and never reads. Elements that hold something other than 0 or NaN before the run
    are no output, and a kernel whose data decides which elements it writes means it.
    """

    def __init__(self, traced: Traced, arrays: Mapping[str, Array], report: Callable[[Finding], None]) -> None:
        self.traced, self.report = traced, report
        by_data = written_by_data(traced)
        self.params: dict[str, Param] = {
            param.name: param for param in traced.params if not param.is_scalar and param.name not in by_data
        }
        self.fresh = {name: _blank(array) for name, array in arrays.items() if name in self.params}
        self.seen: dict[str, Array] = {}

    def access(self, access: Access) -> None:
        """Note what is written; a buffer that is read is no output."""
        memory = access.memory
        if memory.space is not Space.DEVICE or memory.name not in self.params:
            return
        if access.kind is not Kind.WRITE:
            self.params.pop(memory.name)
            return
        if memory.name not in self.seen:
            self.seen[memory.name] = np.zeros(len(memory.data), np.bool_)
        self.seen[memory.name][np.broadcast_to(access.flat, access.active.shape)[access.active]] = True

    def finish(self, grid: tuple[int, int, int]) -> None:
        """Report what is left."""
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
    """Return which elements hold zeros or NaN."""
    same = array == np.zeros((), array.dtype)
    if array.dtype.kind in "fV":
        same = same | np.isnan(array.astype(np.float32))
    return same.all(axis=-1) if same.ndim > 1 else same


def _left(traced: Traced, param: Param, left: Array, grid: tuple[int, int, int]) -> Finding:
    index, count, size = int(np.argmax(left)), int(left.sum()), len(left)
    threads = int(np.prod(grid, dtype=np.int64))
    covers = (
        f"the grid has {threads} threads for {size} elements: grid counts threads, not threadgroups" if threads < size
        else "check the index, and what keeps threads from their store"
    )  # fmt: skip
    what: Any = "element" if param.texture is None else "texel"
    return Finding(
        Fault.UNWRITTEN_OUTPUT, "warning", f"{count} of {size} {what}s of {param.name} are never written, the first is {index}",
        covers, traced.name, param.loc, count, param.name, index, note=f"in kernel {traced.name}",
    )  # fmt: skip
