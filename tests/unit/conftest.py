"""The `launch` fixture: a kernel on every runtime that needs no device."""

from __future__ import annotations

from typing import Any

import pytest

import enigma
from enigma.compile import compile as compile_kernel

RUNTIMES = {"sim": enigma.SimRuntime, "cpu": enigma.CpuRuntime}


@pytest.fixture(params=RUNTIMES)
def launch(request: pytest.FixtureRequest) -> Any:
    """Return `launch(kernel, *arguments, grid=, threads=, **constants)` on each runtime."""
    runtime = RUNTIMES[request.param]()

    def run(kernel: Any, *arguments: Any, grid: Any, threads: Any, **constants: Any) -> None:
        runtime.run(compile_kernel(kernel, emit_only=True, **constants).program, list(arguments), grid, threads)

    return run
