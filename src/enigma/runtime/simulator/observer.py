"""What a checker can watch while a kernel is simulated, and add findings of its own: races, uninitialised reads."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from enigma.runtime.simulator.grid import Batch
from enigma.runtime.simulator.memory import Access
from enigma.trace.node import Op


class Observer:
    """Told of everything that touches memory or other lanes, before it happens. Override what is of interest.

    A method may raise: the error leaves `simulate`.
    """

    def batch(self, batch: Batch) -> None:
        """Some threadgroups start; they have run to their end when the next ones start."""

    def access(self, access: Access) -> None:
        """Lanes are about to read or write memory; `access.memory.written` does not count this access yet."""

    def value(self, access: Access, value: NDArray[Any]) -> None:
        """The values that the access read, or is about to write; only the active lanes count."""

    def synchronize(self, node: Op, active: NDArray[Any], batch: Batch) -> None:
        """Lanes have reached a barrier, a simdgroup function or an atomic operation, said by `node.row`."""

    def finish(self) -> None:
        """The last batch has ended."""
