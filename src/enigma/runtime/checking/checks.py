"""All checkers of a run together: which of them were asked for, what each is told, what they have found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from enigma.errors import EnigmaValueError
from enigma.runtime.checking.contents import Uninitialised, Unwritten
from enigma.runtime.checking.races import Races
from enigma.runtime.checking.recorder import Recorder
from enigma.runtime.checking.uses import Components
from enigma.runtime.checking.values import BornNaN, Hazards
from enigma.runtime.simulator.grid import Batch, Size
from enigma.runtime.simulator.memory import Access
from enigma.runtime.simulator.observer import Observer
from enigma.runtime.simulator.problem import Array, Problem
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import Fault
from enigma.trace.node import Op, Traced

OPTIONAL = frozenset({Fault.NAN_BORN})
"""What is checked only where it is asked for: NaN may be meant."""

UNAVOIDABLE = frozenset({Fault.OUT_OF_BOUNDS, Fault.STEP_BUDGET})
"""What is reported in any case, for the run cannot do what the kernel says."""


def faults(check: Any) -> frozenset[Fault]:
    """Return the kinds that `check` asks for: all but the optional ones for True, every one for "everything", or those it lists.

    Raises `EnigmaValueError` for a kind that there is not.
    """
    if check is True:
        return frozenset(Fault) - OPTIONAL
    if check is False or check is None:
        return frozenset()
    if check == "everything":
        return frozenset(Fault)
    named: list[Any] = (
        [check] if isinstance(check, str) or not isinstance(check, Iterable) else list(cast("Iterable[Any]", check))
    )
    known = {str(fault): fault for fault in Fault}
    for name in named:
        if name not in known:
            raise EnigmaValueError(
                f"there is no check {name!r}",
                help=f'check is True, False, "everything", or some of: {", ".join(known)}',
            )
    return frozenset(known[name] for name in named) | UNAVOIDABLE


class Checks(Observer):
    """The observer of a checked run: hands on what it is told, and keeps what is found."""

    def __init__(
        self, traced: Traced, arrays: Mapping[str, Array], wanted: frozenset[Fault], recorder: Recorder, grid: Size
    ) -> None:
        self.wanted, self.recorder, self.grid = wanted, recorder, grid
        hazards, components = Hazards(traced, wanted, recorder.problem), Components(traced)
        self._races = Races(traced, components, recorder.problem) if Fault.DATA_RACE in wanted else None
        self._uninitialised = (
            Uninitialised(traced, components, hazards.guards, recorder.problem)
            if Fault.UNINITIALISED_READ in wanted else None
        )  # fmt: skip
        self._unwritten = (
            Unwritten(traced, components, arrays, recorder.finding) if Fault.UNWRITTEN_OUTPUT in wanted else None
        )
        self._values: list[Hazards | BornNaN] = [hazards]
        if Fault.NAN_BORN in wanted:
            self._values.append(BornNaN(traced, recorder.problem))
        self._computes: dict[int, list[Hazards | BornNaN]] = {}

    def batch(self, batch: Batch) -> None:
        """Some threadgroups start."""
        if self._races is not None:
            self._races.batch(batch)
        if self._uninitialised is not None:
            self._uninitialised.batch(batch)

    def access(self, access: Access) -> None:
        """Lanes are about to read or write memory."""
        if not access.active.any():
            return
        if self._uninitialised is not None:
            self._uninitialised.access(access)
        if self._unwritten is not None:
            self._unwritten.access(access)
        if self._races is not None:
            self._races.access(access)

    def value(self, access: Access, value: Array) -> None:
        """The values of an access are known."""
        if self._races is not None:
            self._races.value(access, value)

    def synchronize(self, node: Op, active: Array, batch: Batch) -> None:
        """Lanes have reached a barrier or the like."""
        if self._races is not None:
            self._races.synchronize(node, active, batch)

    def computes(self, row: Intrinsic) -> bool:
        """Return whether some checker asks for the row's results."""
        return bool(self._checkers(row))

    def computed(self, node: Op, operands: Sequence[Any], result: Any, active: Array, batch: Batch) -> None:
        """An operation without effects has a result."""
        for checker in self._checkers(node.row):
            checker.computed(node, operands, result, active, batch)

    def problem(self, problem: Problem) -> None:
        """Keep what lanes do wrong, and go on."""
        self.doubt(problem)

    def doubt(self, problem: Problem) -> None:
        """Keep what Metal leaves undefined."""
        if problem.fault in self.wanted:
            self.recorder.problem(problem)

    def finish(self) -> None:
        """The run has ended."""
        if self._unwritten is not None:
            self._unwritten.finish(self.grid, is_clean=not self.recorder.keys())
        self.recorder.close()

    def _checkers(self, row: Intrinsic) -> list[Hazards | BornNaN]:
        known = self._computes.get(id(row))
        if known is None:
            known = self._computes[id(row)] = [checker for checker in self._values if checker.computes(row)]
        return known
