"""Where each line of Metal source comes from, and what compilers say about it, told with the Python line.

Clang, `xcrun metal` and `newLibraryWithSource` write one form, `file:line:column: kind: text`, then the line and a caret;
they differ in what they call the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from enigma.errors import EnigmaIndexError, Place
from enigma.source import SourceLoc

PROGRAM = "program_source"
"""What Metal calls text that it was given and not a file (newLibraryWithSource)."""

Note = tuple[str, Place | None]

_HEAD = re.compile(
    r"^(?P<file><?[^:\n<>]+>?|[A-Za-z]:[^:\n]+):(?P<line>\d+):(?:(?P<column>\d+):)? "
    r"(?P<severity>fatal error|error|warning|note|remark): (?P<text>.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message of a compiler: its place in the text that it read, `severity` ("error", "warning", "note"), the message, and
    the Python line that the text comes from, where that is known.
    """

    file: str
    line: int
    column: int
    severity: str
    text: str
    place: SourceLoc | None = None
    source: str = ""

    def __str__(self) -> str:
        head = self.place if self.place is not None else f"{self.file}:{self.line}:{self.column}"
        lines = [f"{head}: {self.severity}: {self.text}"]
        if self.place is not None and (snippet := self.place.snippet()) is not None:
            lines.append(snippet)
        if self.source.strip():
            start = len(self.source) - len(self.source.lstrip())
            lines += [f"  in line {self.line} of the Metal source:", f"    {self.source.strip()}"]
            if self.column > start:
                lines.append(f"    {' ' * (self.column - 1 - start)}^")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class SourceMap(Sequence["SourceLoc | None"]):
    """Where each line of a Metal source comes from. `map[n]` is the Python place of line n, counted from 1 as compilers do.

        compiled.source_map[12]                  # SourceLoc, or None for a line that no Python line made
        compiled.source_map.metal_lines(14)      # the lines of Metal that Python line 14 became
        print(compiled.source_map.explain(said)) # a compiler's messages, with Python lines and carets

    Raises `EnigmaIndexError` for a line that the source does not have.
    """

    text: str
    places: tuple[SourceLoc | None, ...]

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> SourceLoc | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[SourceLoc | None]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return (None, *self.places)[index]
        if not 1 <= index <= len(self.places):
            raise EnigmaIndexError(
                f"the Metal source has {len(self.places)} lines, so {index} is none of them",
                help="lines are counted from 1, as compilers count them",
            )
        return self.places[index - 1]

    def __iter__(self) -> Iterator[SourceLoc | None]:
        return iter(self.places)

    def metal_lines(self, line: int, file: str | None = None) -> list[int]:
        """Return the lines of Metal that come from a Python line; `file` is needed where the kernel is in several files."""
        return [
            number
            for number, place in enumerate(self.places, 1)
            if place is not None and place.line == line and file in (None, place.file, place.short_file)
        ]

    def to_json(self) -> str:
        """Return the map as JSON: a list of `{"metal": line, "file": ..., "line": ..., "column": ...}`."""
        rows = [
            {"metal": number, "file": place.file, "line": place.line, "column": place.col}
            for number, place in enumerate(self.places, 1)
            if place is not None
        ]
        return json.dumps(rows)

    def diagnostics(self, said: str, file: str = PROGRAM) -> list[Diagnostic]:
        """Return the messages of a compiler that read this source; it called it `file`, or `program_source`."""
        texts = self.text.split("\n")
        return [self._placed(found, texts, file) for found in parse(said)]

    def explain(self, said: str, file: str = PROGRAM) -> str:
        """Return a compiler's messages, each with its Python line, then the line of Metal; what is none is left as it is."""
        found = self.diagnostics(said, file)
        return "\n".join(map(str, found)) if found else said

    def _placed(self, found: Diagnostic, texts: Sequence[str], file: str) -> Diagnostic:
        if found.file in (PROGRAM, file) or Path(found.file) == Path(file):
            if not 1 <= found.line <= len(self.places):
                return found
            return _with(found, self.places[found.line - 1], texts[found.line - 1])
        for place in self.places:  # the text has #line directives, and the compiler names the Python file itself
            if place is not None and place.file == found.file and place.line == found.line:
                return _with(found, place, "")
        return found


def _with(found: Diagnostic, place: SourceLoc | None, source: str) -> Diagnostic:
    return Diagnostic(found.file, found.line, found.column, found.severity, found.text, place, source)


def parse(said: str) -> list[Diagnostic]:
    """Return the messages in what a compiler wrote."""
    return [
        Diagnostic(
            match["file"], int(match["line"]), int(match["column"] or 1),
            match["severity"].removeprefix("fatal "), match["text"].strip(),
        )
        for match in _HEAD.finditer(said)
    ]  # fmt: skip


def notes(said: str, file: str, places: Sequence[Place | None]) -> list[Note]:
    """Return each error in what a compiler wrote about `file`, with its Python line; those without one are left out."""
    known = tuple(place if isinstance(place, SourceLoc) else None for place in places)
    found = SourceMap("\n" * len(known), known).diagnostics(said, file)
    return [(each.text, each.place) for each in found if each.severity == "error" and each.place is not None]


def has_errors(said: str) -> bool:
    """Return whether a compiler found a mistake in a source, and not only failed."""
    return any(each.severity == "error" for each in parse(said))
