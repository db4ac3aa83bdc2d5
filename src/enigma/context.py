"""The kernel being traced now: the one piece of global state, a `ContextVar`."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol


class Literals(Protocol):
    """What a dtype object asks of the kernel being traced."""

    def literal(self, value: Any, dtype: Any) -> Any:
        """Return `value` as a constant of `dtype` in the kernel."""
        ...


current: ContextVar[Any] = ContextVar("enigma_kernel", default=None)

load_compiler: Callable[[], Any] = lambda: None  # noqa: E731 - replaced by the package, whose top layer it imports

load_exporter: Callable[[], Any] = lambda: None  # noqa: E731 - replaced likewise: writes what is shipped

load_host: Callable[[], Any] = lambda: None  # noqa: E731 - replaced likewise: arrays that tensors stand for, which NumPy is needed for

load_explorer: Callable[[], Any] = lambda: None  # noqa: E731 - replaced likewise: the stage explorer, and what notebooks show
