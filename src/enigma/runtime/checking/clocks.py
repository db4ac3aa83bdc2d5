"""What threads know of each other through atomic operations and fences: the happens-before that no barrier makes.

A release hands on what its thread knows, together with all that the thread has done; an acquire of the same element takes it
over. A barrier shares it in the threadgroup. Knowledge is sparse: up to which step the accesses of a thread, a simdgroup or a
threadgroup are known. It is kept only from the first release on, so kernels without one cost nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from enigma.runtime.checking.shadow import SIMDGROUP, THREADGROUP
from enigma.spec.terms import ThreadScope

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
    """The knowledge of all threads, and what has been released at each element."""

    def __init__(self) -> None:
        self.active = False
        self._known: dict[Unit, Knowledge] = {}
        self._released: dict[Hashable, Knowledge] = {}
        self._seen: dict[int, list[Hashable]] = {}  # elements that a thread has read without acquiring
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
        if reads:
            if Order.ACQUIRE in orders:
                self._acquire(thread, [place], ThreadScope.DEVICE)
            elif self.active:
                self._seen.setdefault(thread, []).append(place)
        if not writes:
            return
        if Order.RELEASE in orders:
            self._release(thread, place, self._all(thread, now), ThreadScope.DEVICE)
        elif (fenced := self._fenced.get(thread)) is not None:
            self._release(thread, place, *fenced)

    def fence(self, thread: int, orders: frozenset[Order], scope: ThreadScope, now: Now) -> None:
        """A thread orders what it did before with what it does after."""
        if scope is ThreadScope.THREAD:
            return
        if Order.ACQUIRE in orders:
            self._acquire(thread, self._seen.get(thread, ()), scope)
        if Order.RELEASE in orders:
            self.active = True
            self._fenced[thread] = (self._all(thread, now), scope)

    def barrier(self, bits: int, units: Iterable[int], threads: Iterable[int]) -> None:
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
        for key in _reached(thread, place, scope):
            self._released.setdefault(key, Knowledge()).join(knowledge)

    def _acquire(self, thread: int, places: Iterable[Hashable], scope: ThreadScope) -> None:
        for place in places:
            # what has been released to a unit is there for every scope that the unit lies in
            for key in _reached(thread, place, scope)[: None if scope is ThreadScope.DEVICE else 2]:
                if (released := self._released.get(key)) is not None:
                    self._known.setdefault((0, thread), Knowledge()).join(released)


@dataclass(frozen=True, slots=True)
class Now:
    """A thread's present step, and those of the last barriers of its simdgroup and threadgroup."""

    step: int
    simdgroup: int
    threadgroup: int


def _reached(thread: int, place: Hashable, scope: ThreadScope) -> list[Hashable]:
    """Return under which names a release in this scope can be found: for the simdgroup, the threadgroup, all."""
    names: list[Hashable] = [
        (place, SIMDGROUP, thread >> SIMDGROUP),
        (place, THREADGROUP, thread >> THREADGROUP),
        (place, 0, 0),
    ]
    return names[: {ThreadScope.SIMDGROUP: 1, ThreadScope.THREADGROUP: 2}.get(scope, 3)]
