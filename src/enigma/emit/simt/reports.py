"""Reports: each lane that runs takes a record of the launch's log, if there is one left, and writes what it says.

The log is described in `runtime/native/log.py`, which reads it.
"""

from __future__ import annotations

from collections.abc import Sequence

from enigma.dtypes import Numeric, f32
from enigma.emit.simt.atomics import Atomics
from enigma.emit.simt.lanes import Lanes, Scalar
from enigma.emit.simt.place import AXES, Place
from enigma.emit.simt.writer import element
from enigma.errors import InternalError
from enigma.spec.terms import Report

HEAD = 4


class Reports(Atomics):
    """Writes reports; `log` is the text of the log's pointer in a kernel that has any."""

    place: Place | None = None
    log: str | None = None

    def report(self, kind: Report, site: int, values: Sequence[Lanes]) -> None:
        """Write the record of each lane that runs, lane after lane; a lane that finds no room is counted only."""
        place, log = self.place, self.log
        if place is None or log is None:
            raise InternalError("a report was asked for outside of threads")
        position = [place.add(place.mul(place.group(axis), place.full_size(axis)), place.local(axis)) for axis in AXES]
        head = list(Report).index(kind) * HEAD

        def turn(parts: Sequence[Scalar]) -> None:
            w = self.w
            full, write, done = self._log_word(log, head), w.label(), w.label()
            number = w.emit(f"atomicrmw add ptr {full}, i64 1 monotonic, align 8")
            room = w.emit(f"load i64, ptr {self._log_word(log, head + 1)}, align 8")
            w.branch(w.emit(f"icmp ult i64 {number}, {room}"), write, done)
            w.start(write)
            with w.scope():
                size = w.emit(f"load i64, ptr {self._log_word(log, head + 2)}, align 8")
                records = w.emit(f"load ptr, ptr {self._log_word(log, head + 3)}, align 8")
                first = w.emit(f"mul i64 {number}, {size}")
                record = w.emit(f"getelementptr i64, ptr {records}, i64 {first}")
                words = [str(site), *(self._as_word(part) for part in parts)]
                for n, word in enumerate(words):
                    w.do(f"store i64 {word}, ptr {self._log_word(record, n)}, align 8")
            w.jump(done)
            w.start(done)

        self.in_turn(None, turn, *position, *values)

    def _log_word(self, pointer: str, word: int) -> str:
        return self.w.emit(f"getelementptr i64, ptr {pointer}, i64 {word}")

    def _as_word(self, value: Scalar) -> str:
        """Return the bits of a value as the low bits of an i64."""
        dtype: Numeric = value.dtype
        text, type = self.text(value), element(dtype)
        if dtype is f32:
            text, type = self.w.emit(f"bitcast float {text} to i32"), "i32"
        return text if type == "i64" else self.w.emit(f"zext {type} {text} to i64")
