"""`SimRuntime`: runs the traced IR in lock step with NumPy, and says at which Python line a kernel leaves its buffers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from enigma.runtime.arrays import Array
from enigma.runtime.base import Runtime
from enigma.runtime.launch import Geometry
from enigma.runtime.program import Program
from enigma.runtime.simulator.machine import simulate
from enigma.runtime.textures import as_textures


class SimRuntime(Runtime):
    """The checking simulator: slow, works everywhere, and reports out-of-bounds accesses with the Python line.

    rt = enigma.SimRuntime()
    rt.execute(compiled, [a, b], n * 4, grid=(n, 1, 1), threads=(256, 1, 1))
    """

    name = "sim"

    def bind(self, program: Program, arguments: Sequence[Any], geometry: Geometry) -> Callable[[], None]:
        """Return a function that simulates the program once."""
        flat = [
            cast("Array", x).reshape(-1) if isinstance(x, np.ndarray) else x
            for x in as_textures(program.params, arguments)
        ]
        return lambda: simulate(program.traced, flat, geometry.grid, geometry.threads)
