"""`SimRuntime`: runs the traced IR in lock step with NumPy, and says at which Python line a kernel goes wrong."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from enigma.runtime.arrays import Array
from enigma.runtime.base import Runtime
from enigma.runtime.checking.checks import faults
from enigma.runtime.checking.run import Settings, run_checked
from enigma.runtime.launch import Geometry
from enigma.runtime.program import Program
from enigma.runtime.simulator.machine import MAX_ROUNDS, simulate
from enigma.runtime.textures import as_textures
from enigma.trace.tracer import EnigmaWarning


class SimRuntime(Runtime):
    """The checking simulator: slow, works everywhere, and says where a kernel does what Metal leaves undefined.

    `check` says for what: True for everything but NaN that may be meant, "everything", False for nothing but what cannot be run,
    or a list of kinds (`enigma.check` explains them). What is wrong raises `CheckError` at the end of the run, which is an
    `OutOfBoundsError` too if the kernel left a buffer; what is hardly ever meant is an `EnigmaWarning`. A loop may go round
    `max_rounds` times.

    Raises `EnigmaValueError` for a kind that there is not.

    rt = enigma.SimRuntime()
    rt.execute(compiled, [a, b], n * 4, grid=(n, 1, 1), threads=(256, 1, 1))
    """

    name = "sim"

    def __init__(self, *, check: Any = True, schedules: int = 2, seed: int = 0, max_rounds: int = MAX_ROUNDS) -> None:
        self.settings = Settings(faults(check), schedules, seed, max_rounds)
        self._warned: dict[Any, Any] = {}

    def bind(self, program: Program, arguments: Sequence[Any], geometry: Geometry) -> Callable[[], None]:
        """Return a function that simulates the program once."""
        if not self.settings.wanted:
            flat = [
                cast("Array", x).reshape(-1) if isinstance(x, np.ndarray) else x
                for x in as_textures(program.params, arguments)
            ]
            return lambda: simulate(
                program.traced, flat, geometry.grid, geometry.threads, max_rounds=self.settings.max_rounds
            )
        return lambda: self._checked(program, arguments, geometry)

    def _checked(self, program: Program, arguments: Sequence[Any], geometry: Geometry) -> None:
        report = run_checked(program, arguments, geometry, self.settings)
        for finding in report.warnings:
            # at the kernel's line: Python prints that one, and once
            warnings.warn_explicit(str(finding), EnigmaWarning, finding.file, finding.line, registry=self._warned)
        report.raise_if_any("error")
