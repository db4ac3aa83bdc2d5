"""What threads know of each other through atomic operations and fences: the happens-before that no barrier makes.

A release hands on what its thread knows, together with all that the thread has done; an acquire of the same element takes it
over. A barrier shares it in the threadgroup. Knowledge is sparse: up to which step the accesses of a thread, a simdgroup or a
threadgroup are known. It is kept only from the first release on, so kernels without one cost nothing.

Barriers and fences name the memory that they order, so each kind of memory has clocks of its own. As in C++, an acquire has
what was released at the element before the read, by the write that it sees or by one since which it has only been read and changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from enigma.runtime.checking.shadow import SIMDGROUP, THREADGROUP
from enigma.spec.terms import ThreadScope

_ALL = 63
Unit = tuple[int, int]
"""A thread, simdgroup or threadgroup: by how many bits its threads' numbers are shifted, and its number."""


@dataclass(slots=True)
class Knowledge:
    """Up to which step, and not with it, the accesses of each unit are known."""

    upto: dict[Unit, int] = field(default_factory=dict[Unit, int])

    def join(self, other: Knowledge) -> None:
        """Learn what the other knows."""
        for unit, step in other.upto.items():
            if self.upto.get(unit, -1) < step:
                self.upto[unit] = step

    def covers(self, thread: int, step: int) -> bool:
        """Return whether an access is known."""
        upto = self.upto
        return any(upto.get((bits, thread >> bits), -1) > step for bits in (0, SIMDGROUP, THREADGROUP))


class Order(Enum):
    """Which way an operation orders memory."""

    RELEASE = "release"
    ACQUIRE = "acquire"


class Clocks:
    """The knowledge of all threads of one kind of memory, and what has been released at each element."""

    def __init__(self) -> None:
        self.active = False
        self._known: dict[Unit, Knowledge] = {}
        self._released: dict[Hashable, dict[Unit, Knowledge]] = {}  # at an element, to whom
        self._seen: dict[int, dict[Unit, Knowledge]] = {}  # what a thread has read without acquiring it
        self._fenced: dict[int, tuple[Knowledge, ThreadScope]] = {}

    def knows(self, thread: int, other: int, step: int) -> bool:
        """Return whether an access of another thread is known to a thread."""
        return any(
            known.covers(other, step)
            for bits in (0, SIMDGROUP, THREADGROUP) if (known := self._known.get((bits, thread >> bits))) is not None
        )  # fmt: skip

    def atomic(
        self, thread: int, place: Hashable, orders: frozenset[Order], *, reads: bool, writes: bool, now: Now
    ) -> None:
        """A thread uses an element in one step."""
        if reads and (released := self._released.get(place)) is not None:
            if Order.ACQUIRE in orders:
                self._acquire(thread, released, ThreadScope.DEVICE)
            else:
                seen = self._seen.setdefault(thread, {})
                for unit, knowledge in released.items():
                    seen.setdefault(unit, Knowledge()).join(knowledge)
        if not writes:
            return
        if not reads:  # who reads the element from here on has nothing of what was released before
            self._released.pop(place, None)
        if Order.RELEASE in orders:
            self._release(thread, place, self._all(thread, now), ThreadScope.DEVICE)
        elif (fenced := self._fenced.get(thread)) is not None:
            self._release(thread, place, *fenced)

    def fence(self, thread: int, orders: frozenset[Order], scope: ThreadScope, now: Now) -> None:
        """A thread orders what it did before with what it does after."""
        if scope is ThreadScope.THREAD:
            return
        if Order.ACQUIRE in orders:
            self._acquire(thread, self._seen.get(thread, {}), scope)
        if Order.RELEASE in orders:
            self.active = True
            self._fenced[thread] = (self._all(thread, now), scope)

    def barrier(self, bits: int, units: Iterable[int]) -> None:
        """The threads of these units have waited for each other."""
        if not self._known:
            return
        there = set(units)
        for unit in [known for known in self._known if known[0] < bits]:
            number = unit[1] >> (bits - unit[0])
            if number in there:
                self._known.setdefault((bits, number), Knowledge()).join(self._known[unit])

    def _all(self, thread: int, now: Now) -> Knowledge:
        made = Knowledge({(0, thread): now.step + 1})
        for bits in (0, SIMDGROUP, THREADGROUP):
            if (known := self._known.get((bits, thread >> bits))) is not None:
                made.join(known)
        made.join(
            Knowledge(
                {(SIMDGROUP, thread >> SIMDGROUP): now.simdgroup, (THREADGROUP, thread >> THREADGROUP): now.threadgroup}
            )
        )
        return made

    def _release(self, thread: int, place: Hashable, knowledge: Knowledge, scope: ThreadScope) -> None:
        self.active = True
        released = self._released.setdefault(place, {})
        for unit in _within(thread, scope):
            released.setdefault(unit, Knowledge()).join(knowledge)

    def _acquire(self, thread: int, released: Mapping[Unit, Knowledge], scope: ThreadScope) -> None:
        # what has been released to a unit is there for every scope that the unit lies in
        for unit in _within(thread, scope):
            if (knowledge := released.get(unit)) is not None:
                self._known.setdefault((0, thread), Knowledge()).join(knowledge)


@dataclass(frozen=True, slots=True)
class Now:
    """A thread's present step, and those of the last barriers of its simdgroup and threadgroup."""

    step: int
    simdgroup: int
    threadgroup: int


def _within(thread: int, scope: ThreadScope) -> list[Unit]:
    """Return the units of a thread in which a scope reaches it: its simdgroup, its threadgroup, all threads."""
    units = [(SIMDGROUP, thread >> SIMDGROUP), (THREADGROUP, thread >> THREADGROUP), (_ALL, 0)]
    return units[: {ThreadScope.SIMDGROUP: 1, ThreadScope.THREADGROUP: 2}.get(scope, 3)]
