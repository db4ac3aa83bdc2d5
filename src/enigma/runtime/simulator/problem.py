"""What the simulator finds wrong with a run, before anyone has decided whether that is an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from enigma.errors import EnigmaError
from enigma.runtime.simulator.grid import Batch
from enigma.source import SourceLoc
from enigma.spec.terms import Fault

Array = NDArray[Any]


class Stopped(Exception):
    """The run cannot go on: an observer was told why, and kept it."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """One thing that some lanes did wrong at one place: `lanes` of a batch, of shape (simdgroups, 32), at `loc`.

    `index` counts elements of `buffer`, and `value` is what the first lane had there; None where there is none. `other` is the
    second place of a race, `note` is printed after the message; the thread is added to it, unless it says `{thread}` itself.
    `minor` is what a kernel may mean as it is written. With `if_it_counts` it is a problem only where results depend on it.
    `error` is the class to raise, if anyone does.
    """

    fault: Fault
    message: str
    loc: SourceLoc
    lanes: Array
    batch: Batch
    kernel: str
    help: str
    buffer: str = ""
    index: int | None = None
    value: Any = None
    other: SourceLoc | None = None
    other_note: str = ""
    note: str = "{thread}"
    minor: bool = False
    if_it_counts: bool = False
    error: type[EnigmaError] = EnigmaError

    @property
    def first(self) -> tuple[int, int]:
        """The first lane's row and number."""
        rows, lanes = self.lanes.nonzero()
        return int(rows[0]), int(lanes[0])

    @property
    def count(self) -> int:
        """How many lanes there are."""
        return int(self.lanes.sum())

    def where(self, count: int) -> str:
        """Return the note for `count` lanes in all: which thread, and how many more."""
        more = f", and {count - 1} more" if count > 1 else ""
        row, lane = self.first
        place = f"thread {self.batch.thread(row, lane)} of threadgroup {self.batch.threadgroup(row)}"
        return self.note.format(thread=f"{place}{more}, in kernel {self.kernel}")

    def raised(self) -> EnigmaError:
        """Return the error that says it."""
        return self.error(self.message, loc=self.loc, notes=[(self.where(self.count), None)], help=self.help)
