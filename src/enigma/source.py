"""Positions in Python source: found from the running frame, printed with the line and a caret."""

from __future__ import annotations

import contextlib
import functools
import linecache
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, TracebackType

_PACKAGE = str(Path(__file__).parent) + "/"
_LIBRARY = _PACKAGE + "lib/"  # ready-made kernels are user code to the tracer
_BETWEEN = frozenset(
    {contextlib.__file__, functools.__file__}
)  # stand between enigma and who called it, in a `with` say


@dataclass(frozen=True, slots=True)
class SourceLoc:
    """A line and column of a Python file, both counted from 1; `end_col` is exclusive, or 0 when unknown.

    Columns count bytes of UTF-8, as Python's do; messages show characters.
    """

    file: str
    line: int
    col: int
    end_col: int = 0
    function: str = ""

    def __str__(self) -> str:
        return f"{self.short_file}:{self.line}:{len(self._before()) + 1}"

    def _before(self) -> str:
        """The characters before the column, which Python counts in bytes of UTF-8; blanks where the line cannot be had."""
        text = linecache.getline(self.file, self.line)
        if text.isascii():
            return text[: self.col - 1].ljust(self.col - 1)
        return text.encode()[: self.col - 1].decode(errors="ignore")

    @property
    def short_file(self) -> str:
        """The file's name without its folders, as it stands in messages and comments."""
        return self.file if self.file.startswith("<") else Path(self.file).name

    def text(self) -> str:
        """Return the source line without its line end, or the empty string when it cannot be had."""
        return linecache.getline(self.file, self.line).rstrip("\n")

    def snippet(self) -> str | None:
        """Return the source line and a caret under the column, both indented by four, or None without source."""
        text = self.text()
        if not text.strip():
            return None
        shown = text.lstrip()
        before = self._before()[len(text) - len(shown) :]
        return f"    {shown.rstrip()}\n    {''.join(map(_blank, before))}^"


def _blank(character: str) -> str:
    """What is as wide as a character on a screen: a tab stays one, and a wide letter takes two places."""
    if character == "\t":
        return character
    return (
        "" if unicodedata.combining(character) else " " * (2 if unicodedata.east_asian_width(character) in "WF" else 1)
    )


_positions: dict[int, tuple[CodeType, list[tuple[int | None, int | None, int | None, int | None]]]] = {}
_internal: dict[str, bool] = {}
_resolved: dict[tuple[int, int], SourceLoc] = {}


def resolve(code: CodeType, lasti: int) -> SourceLoc:
    """Return the place of one instruction of `code`; cached, for `co_positions` walks the whole code object."""
    key = (id(code), lasti)
    if (loc := _resolved.get(key)) is not None:
        return loc
    if id(code) not in _positions:
        _positions[id(code)] = (code, list(code.co_positions()))  # holding `code` keeps its id its own
    line, end_line, col, end_col = _positions[id(code)][1][lasti // 2]
    line = line or code.co_firstlineno
    loc = SourceLoc(code.co_filename, line, (col or 0) + 1, (end_col or 0) + 1 if end_line == line else 0, code.co_name)
    _resolved[key] = loc
    return loc


def is_internal(code: CodeType) -> bool:
    """Return whether `code` belongs to enigma itself rather than to a kernel or a program that uses it."""
    file = code.co_filename
    known = _internal.get(file)
    if known is None:
        known = _internal[file] = file.startswith(_PACKAGE) and not file.startswith(_LIBRARY)
    return known


def raised_at(traceback: TracebackType | None) -> SourceLoc | None:
    """Return the innermost place of a traceback that is not enigma's own: the user's line, or None where there is none."""
    found = None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        found = found if is_internal(code) else (code, traceback.tb_lasti)
        traceback = traceback.tb_next
    return resolve(*found) if found is not None else None


def _is_between(frame: FrameType) -> bool:
    """Return whether a frame stands between enigma and who called it: Python's own, or PyTorch's where it runs an operation."""
    return frame.f_code.co_filename in _BETWEEN or str(frame.f_globals.get("__name__")).startswith("torch.")


def calling_frame() -> FrameType:
    """Return the innermost frame that is not enigma's own."""
    frame: FrameType = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] - documented, and the only way
    while frame.f_back is not None and (is_internal(frame.f_code) or _is_between(frame)):
        frame = frame.f_back
    return frame


def caller() -> SourceLoc:
    """Return the place in the innermost frame that is not enigma's own: the user's line."""
    frame = calling_frame()
    return resolve(frame.f_code, frame.f_lasti)


def launcher() -> SourceLoc:
    """Return the user's line that launches: unlike for `caller`, what `enigma.lib` is written in is enigma's own as well."""
    frame = calling_frame()
    while frame.f_back is not None and (frame.f_code.co_filename.startswith(_PACKAGE) or _is_between(frame)):
        frame = frame.f_back
    return resolve(frame.f_code, frame.f_lasti)
