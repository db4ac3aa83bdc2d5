"""How a kernel object reaches the runtimes, which are layers above it: they put their functions here when imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from enigma import context
from enigma.errors import InternalError


@dataclass(slots=True)
class Hooks:
    """The two ways to run a kernel; importing `enigma.compile` fills them."""

    _launcher: Callable[..., Any] | None = None
    _launch: Callable[..., Any] | None = None

    def register(self, launcher: Callable[..., Any], launch: Callable[..., Any]) -> None:
        """Set the functions behind `kernel[grid, threads]` and `kernel.launch`."""
        self._launcher, self._launch = launcher, launch

    def launcher(self, *args: Any) -> Any:
        """Call what is behind `kernel[grid, threads]`."""
        if self._launcher is None:
            context.load_compiler()
        if self._launcher is None:
            raise InternalError("no runtime is registered")
        return self._launcher(*args)

    def launch(self, *args: Any) -> Any:
        """Call what is behind `kernel.launch`."""
        if self._launch is None:
            context.load_compiler()
        if self._launch is None:
            raise InternalError("no runtime is registered")
        return self._launch(*args)


hooks = Hooks()
