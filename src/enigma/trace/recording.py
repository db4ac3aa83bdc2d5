"""Who records the launches of a host function: set while an `@enigma.jit` function runs."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Protocol

from enigma.source import SourceLoc


class Recorder(Protocol):
    """What is told of each `kernel(...).launch(...)`."""

    def launch(
        self, kernel: Any, args: tuple[Any, ...], named: dict[str, Any], grid: Any, block: Any, loc: SourceLoc
    ) -> None:
        """Run the launch, or write it down."""
        ...

    def made(self, tensor: Any) -> None:
        """Take note of new memory."""
        ...


recorder: ContextVar[Recorder | None] = ContextVar("recorder", default=None)
