"""What a check finds in a Metal text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One defect: who found it (`lint`, `A` or `B`), its line and column counted from 1, and what is wrong."""

    source: str
    line: int
    col: int
    message: str

    @property
    def order(self) -> tuple[int, int, str, str]:
        """What diagnostics are sorted by: the place first."""
        return self.line, self.col, self.source, self.message

    def __str__(self) -> str:
        return f"{self.line}:{self.col}: [{self.source}] {self.message}"
