"""What a checker can watch while a kernel is simulated, and add findings of its own: races, uninitialised reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from enigma.runtime.simulator.grid import Batch
from enigma.runtime.simulator.memory import Access
from enigma.runtime.simulator.problem import Problem
from enigma.spec.intrinsic import Intrinsic
from enigma.trace.node import Op

Array = NDArray[Any]


class Observer:
    """Told of everything that touches memory or other lanes, before it happens. Override what is of interest.

    A method may raise: the error leaves `simulate`.
    """

    def batch(self, batch: Batch) -> None:
        """Some threadgroups start; they have run to their end when the next ones start."""

    def access(self, access: Access) -> None:
        """Lanes are about to read or write memory; `access.memory.written` does not count this access yet."""

    def value(self, access: Access, value: Array) -> None:
        """The values that the access read, or is about to write; only the active lanes count."""

    def synchronize(self, node: Op, active: Array, batch: Batch) -> None:
        """Lanes have reached a barrier, a simdgroup function or an atomic operation, said by `node.row`."""

    def computes(self, row: Intrinsic) -> bool:
        """Return whether `computed` is to be called for the operations of a row."""
        return False

    def computed(self, node: Op, operands: Sequence[Any], result: Any, active: Array, batch: Batch) -> None:
        """An operation gave `result`; of all arrays only the active lanes count."""

    def problem(self, problem: Problem) -> None:
        """Lanes do what a kernel must not. Where this returns, the access is left out and the run goes on as well as it can."""
        raise problem.raised()

    def doubt(self, problem: Problem) -> None:
        """Lanes do what Metal leaves undefined and the simulator gives a harmless meaning."""

    def finish(self) -> None:
        """The last batch has ended."""
