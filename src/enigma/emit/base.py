"""Text being written: lines with their indentation and the Python line that each comes from, and names by scope."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field

from enigma.emit.reserved import legal
from enigma.source import SourceLoc


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its indentation, which is `depth` steps; `loc` is the Python line it comes from, if any.

    A line that is no `statement`, such as a parameter, names its Python line neither in a comment nor in a directive.
    """

    text: str
    depth: int = 0
    loc: SourceLoc | None = None
    statement: bool = True


@dataclass(slots=True)
class Sink:
    """Collects lines at the current depth."""

    lines: list[Line] = field(default_factory=list[Line])
    depth: int = 0

    def put(self, text: str, loc: SourceLoc | None = None) -> None:
        """Append a line."""
        self.lines.append(Line(text, self.depth, loc))

    @contextmanager
    def indented(self) -> Generator[None, None, None]:
        """Write one step deeper."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    @contextmanager
    def captured(self) -> Generator[list[Line], None, None]:
        """Collect the lines written inside into a list of their own."""
        outer, self.lines = self.lines, []
        try:
            yield self.lines
        finally:
            self.lines = outer

    def extend(self, lines: Iterable[Line]) -> None:
        """Append captured lines as they are."""
        self.lines.extend(lines)

    def dedented(self, lines: Iterable[Line]) -> None:
        """Append captured lines one step further out."""
        self.lines.extend(Line(line.text, line.depth - 1, line.loc) for line in lines)


class Names:
    """The identifiers visible at a place. One that would hide another gets a number, one that would hide a function a `_`."""

    def __init__(self, functions: Iterable[str]) -> None:
        self._functions = frozenset(functions)
        self._scopes: list[set[str]] = [set(self._functions)]

    @contextmanager
    def scope(self) -> Generator[set[str], None, None]:
        """Forget the names given inside when it ends; yields the set that collects them."""
        self._scopes.append(set())
        try:
            yield self._scopes[-1]
        finally:
            self._scopes.pop()

    def keep(self, names: Iterable[str]) -> None:
        """Take names that were given in a scope whose lines moved out into this one."""
        self._scopes[-1].update(names)

    def is_free(self, name: str) -> bool:
        """Return whether a variable may be called `name` here."""
        return not any(name in scope for scope in self._scopes)

    def fresh(self, wish: str, *, file_scope: bool = False) -> str:
        """Return a legal name that is free here, as near to `wish` as can be, and take it."""
        wish = legal(wish, file_scope=file_scope)
        if wish in self._functions:
            wish += "_"
        name, number = wish, 0
        while not self.is_free(name):
            number += 1
            name = f"{wish}{'' if wish.endswith('_') else '_'}{number}"
        self._scopes[-1].add(name)
        return name

    def numbered(self, stem: str) -> str:
        """Return and take the first free of `t0`, `t1`, ..."""
        number = 0
        while not self.is_free(f"{stem}{number}"):
            number += 1
        self._scopes[-1].add(f"{stem}{number}")
        return f"{stem}{number}"
