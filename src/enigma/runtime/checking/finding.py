"""One thing that is wrong with a run of a kernel: where, which thread, which element, and what would be right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from enigma.markup import AMBER, RED, pre
from enigma.source import SourceLoc
from enigma.spec.terms import Fault

Position = tuple[int, int, int]
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a run, at one place of a kernel; printed, it shows the line with a caret.

    - `kind`: "out-of-bounds", "data-race", ...; it compares equal to its text. `severity`: "error" for what Metal leaves undefined,
      "warning" for what has a meaning that is hardly ever meant.
    - `loc`, and from it `file`, `line`, `column`, `source`: the Python line. `other`, and from it `other_line`: the other access of
      a race; None for other kinds.
    - `buffer`, `index`, `value`: which element, and what it or the operation had there; "" or None where there is none.
    - `thread`, `threadgroup`, `thread_in_threadgroup`: the first thread that did it, as positions (x, y, z); None where it was
      none.
    - `count`: how often it happened, counted by thread. `kernel`, `message`, `note`, `help`: texts.
    """

    kind: Fault
    severity: Severity
    message: str
    help: str
    kernel: str
    loc: SourceLoc
    count: int = 1
    buffer: str = ""
    index: int | None = None
    value: Any = None
    thread: Position | None = None
    threadgroup: Position | None = None
    thread_in_threadgroup: Position | None = None
    note: str = ""
    other: SourceLoc | None = None
    other_note: str = ""

    @property
    def file(self) -> str:
        """The Python file."""
        return self.loc.file

    @property
    def line(self) -> int:
        """The line, counted from 1."""
        return self.loc.line

    @property
    def column(self) -> int:
        """The column, counted from 1."""
        return self.loc.col

    @property
    def source(self) -> str:
        """The text of the line, "" where it cannot be had."""
        return self.loc.text()

    @property
    def other_line(self) -> int | None:
        """The line of the other access of a race, None for other kinds."""
        return self.other.line if self.other is not None else None

    @property
    def notes(self) -> list[tuple[str, SourceLoc | None]]:
        """What is printed between the message and the help: texts, each with its place or None."""
        notes: list[tuple[str, SourceLoc | None]] = [(self.note, None)] if self.note else []
        if self.other is not None:
            notes.append((self.other_note, self.other))
        return notes

    def __str__(self) -> str:
        lines = [f"{self.loc}: {self.severity}: {self.message} [{self.kind}]", *_shown(self.loc)]
        for text, place in self.notes:
            lines.append(f"{place}: note: {text}" if place is not None else f"  note: {text}")
            lines += _shown(place)
        return "\n".join([*lines, f"  help: {self.help}"])

    def html(self) -> str:
        """Return the same text for a notebook, with a bar in the colour of its severity."""
        return pre(str(self), RED if self.severity == "error" else AMBER)

    def _repr_html_(self) -> str:
        return self.html()

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as what JSON can hold: a dictionary of texts, numbers, lists and None."""
        positions = {
            name: list(place) if (place := getattr(self, name)) is not None else None
            for name in ("thread", "threadgroup", "thread_in_threadgroup")
        }
        return {
            "kind": str(self.kind), "severity": self.severity, "file": self.file, "line": self.line, "column": self.column,
            "source": self.source, "other_file": self.other.file if self.other is not None else None, "other_line": self.other_line,
            "kernel": self.kernel, "buffer": self.buffer, "index": self.index,
            "value": None if self.value is None else str(self.value), **positions, "count": self.count, "message": self.message,
            "note": self.note, "help": self.help,
        }  # fmt: skip


def _shown(place: SourceLoc | None) -> list[str]:
    snippet = place.snippet() if place is not None else None
    return [snippet] if snippet is not None else []
