"""What the race checker remembers of each element of a memory: its last write and enough of its reads to judge any later access.

A thread's number is `threadgroup << 10 | number in the threadgroup`, so that shifts by 5 and 10 give its simdgroup and threadgroup.
A step is the number of an access; of two accesses the later one has the larger step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from enigma.runtime.simulator.problem import Array

NOBODY = -1
SIMDGROUP, THREADGROUP = 5, 10


class Trace:
    """One access for each element: the thread that made it, and its step."""

    def __init__(self, size: int) -> None:
        self.thread = np.full(size, NOBODY, np.int64)
        self.step = np.full(size, NOBODY, np.int64)

    def set(self, flat: Array, thread: Array, step: int) -> None:
        """Remember an access of each of these threads."""
        self.thread[flat] = thread
        self.step[flat] = step

    def clear(self, flat: Array) -> None:
        """Forget the accesses of these elements."""
        self.thread[flat] = NOBODY
        self.step[flat] = NOBODY


class Crowd:
    """Accesses by any number of threads, of which four suffice for each element.

    They are the last one, one by another thread of its simdgroup, one by another simdgroup of its threadgroup, and one by another
    threadgroup: whichever thread comes next, one of the four is unordered with it if any access is.
    """

    def __init__(self, size: int) -> None:
        self.last, self.lane, self.simdgroup, self.threadgroup = (Trace(size) for _ in range(4))

    @property
    def traces(self) -> tuple[Trace, Trace, Trace, Trace]:
        """The four."""
        return self.last, self.lane, self.simdgroup, self.threadgroup

    def note(self, flat: Array, thread: Array, step: int, since: Since) -> None:
        """Remember an access of each of these threads."""
        known, when = self.last.thread[flat], self.last.step[flat]
        same_group = known >> THREADGROUP == thread >> THREADGROUP
        stale = (known == NOBODY) | (same_group & (when < since.threadgroup))
        older = ~stale & (known >> SIMDGROUP == thread >> SIMDGROUP) & (when < since.simdgroup)
        take = stale | older | (known == thread)
        if take.all():
            at, mine = flat, thread
        else:
            at, mine = flat[take], thread[take]
        if len(at):
            self.last.set(at, mine, step)
            if (fresh := at[(stale | older)[take]]).size:
                self.lane.clear(fresh)
            if (fresh := at[stale[take]]).size:
                self.simdgroup.clear(fresh)
            known = self.last.thread[flat]
        rest = known != thread
        if rest.any():
            self._beside(flat[rest], thread[rest], known[rest], step)

    def _beside(self, flat: Array, thread: Array, last: Array, step: int) -> None:
        near = last >> SIMDGROUP == thread >> SIMDGROUP
        inside = last >> THREADGROUP == thread >> THREADGROUP
        for trace, lanes in ((self.lane, near), (self.simdgroup, inside & ~near), (self.threadgroup, ~inside)):
            if lanes.any():
                trace.set(flat[lanes], thread[lanes], step)

    def clear(self, flat: Array) -> None:
        """Forget the accesses of these elements."""
        for trace in self.traces:
            trace.clear(flat)


@dataclass(frozen=True, slots=True)
class Since:
    """For each active thread the step of the last barrier of its threadgroup and of its simdgroup that ordered the memory."""

    threadgroup: Array
    simdgroup: Array


class Shadow:
    """All that is remembered of a memory: plain writes and reads, and atomic operations that change it and that only read."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.writes = Trace(size)
        self.reads = Crowd(size)
        self.changes: Crowd | None = None
        self.looks: Crowd | None = None

    def forget(self, flat: Array) -> None:
        """Forget what came before a plain write: whatever is unordered with it later is so with the write."""
        for crowd in (self.reads, self.changes, self.looks):
            if crowd is not None:
                crowd.clear(flat)
