"""A checked run of a program on bound arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from enigma.errors import KernelAssertionError
from enigma.runtime.checking.alignment import misaligned
from enigma.runtime.checking.checks import Checks
from enigma.runtime.checking.finding import Finding
from enigma.runtime.checking.orders import differences
from enigma.runtime.checking.recorder import Recorder
from enigma.runtime.checking.report import CheckReport
from enigma.runtime.launch import Geometry
from enigma.runtime.program import Program
from enigma.runtime.simulator.grid import Undefined
from enigma.runtime.simulator.machine import MAX_ROUNDS, simulate
from enigma.runtime.simulator.problem import Array
from enigma.runtime.textures import TextureView, as_textures
from enigma.spec.terms import Buffer, Effect, Fault
from enigma.trace.node import Op, Traced


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run is checked: for what, in how many orders of the simdgroups (the later ones from `seed`), how far a loop may go."""

    wanted: frozenset[Fault]
    schedules: int = 2
    seed: int = 0
    max_rounds: int = MAX_ROUNDS


def run_checked(
    program: Program, arguments: Sequence[Any], geometry: Geometry, settings: Settings, found: Sequence[Finding] = ()
) -> CheckReport:
    """Simulate the program once, writing its arrays in place, and on copies where another run may tell more.

    `found` is what is known before the run. A failed assertion of the kernel is told by the report.
    """
    recorder = Recorder()
    for finding in found:
        recorder.finding(finding)
    flat = [_flat(x) for x in as_textures(program.params, arguments)]
    if Fault.MISALIGNED_ACCESS in settings.wanted:
        for finding in misaligned(program, arguments):
            recorder.finding(finding)
    given = [_copied(x) for x in flat]
    run = _Run(program, geometry, settings)
    failure = run.simulate(flat, recorder)
    if recorder.doubts:
        recorder.settle(count=run.depends_on_undefined(given, flat, recorder))
    orders: list[list[Any]] = []
    if settings.schedules > 1 and _competes(program.traced):
        for number in range(settings.schedules - 1):
            orders.append([_copied(x) for x in given])
            run.simulate(orders[-1], recorder, seed=settings.seed + number)
            recorder.settle(count=False)
    dependent = {found.buffer: found for each in reversed(orders) for found in differences(program, flat, each)}
    return CheckReport(
        program.name,
        recorder.findings(),
        1 + len(orders),
        tuple(dependent[name] for name in sorted(dependent)),
        failure,
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """One launch, that can be simulated on several copies of its arguments."""

    program: Program
    geometry: Geometry
    settings: Settings

    def simulate(
        self, flat: list[Any], recorder: Recorder, *, seed: int | None = None, undefined: Undefined = Undefined.HARMLESS
    ) -> KernelAssertionError | None:
        """Run once and return the assertion of the kernel that failed; only a run in plain order prints."""
        traced = self.program.traced
        arrays = {
            param.name: _elements(x, param.dtype.parts)
            for param, x in zip(self.program.params, flat, strict=True) if not param.is_scalar
        }  # fmt: skip
        checks = Checks(traced, arrays, self.settings.wanted, recorder, self.geometry.grid)
        try:
            simulate(
                traced, flat, self.geometry.grid, self.geometry.threads, observer=checks, max_rounds=self.settings.max_rounds,
                seed=seed, undefined=undefined, quiet=seed is not None or undefined is not Undefined.HARMLESS,
            )  # fmt: skip
        except KernelAssertionError as error:
            checks.finish()
            return error
        return None

    def depends_on_undefined(self, given: list[Any], wanted: list[Any], recorder: Recorder) -> bool:
        """Return whether other values in the place of undefined ones lead to other results."""
        for undefined in (Undefined.HIGH, Undefined.LOW):
            copy, probe = [_copied(x) for x in given], Recorder()
            self.simulate(copy, probe, undefined=undefined)
            if any(differences(self.program, wanted, copy)) or probe.keys() - recorder.keys():
                return True
        return False


def _competes(traced: Traced) -> bool:
    """Return whether the order of simdgroups can show at all in a run without races: by atomic operations."""
    return any(
        isinstance(node, Op) and node.row.effect is Effect.SYNC and node.row.together is None
        and any(isinstance(term, Buffer) for term in node.row.operands.values())
        for node in traced.nodes()
    )  # fmt: skip


def _flat(x: Any) -> Any:
    return cast("Array", x).reshape(-1) if isinstance(x, np.ndarray) else x


def _copied(x: Any) -> Any:
    if isinstance(x, TextureView):
        return replace(x, texels=x.texels.copy())
    return cast("Array", x).copy() if isinstance(x, np.ndarray) else x


def _elements(x: Any, parts: int) -> Array:
    if isinstance(x, TextureView):
        return x.texels.copy()
    return x.reshape(-1, parts).copy() if parts > 1 else x.copy()
