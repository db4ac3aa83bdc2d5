"""The `launch` fixture: a kernel on the simulator and on the CPU, in whose place Metal may be put."""

from __future__ import annotations

from typing import Any

import pytest

import enigma
from enigma.compile import compile as compile_kernel
from tests.device.runtimes import LANGUAGE, RUNTIMES, metal_device

__all__ = ["metal_device"]


@pytest.fixture(params=LANGUAGE)
def launch(request: pytest.FixtureRequest) -> Any:
    """Return `launch(kernel, *arguments, grid=, threads=, **constants)` on each of them."""
    return launcher(RUNTIMES[request.param]())


@pytest.fixture(params=LANGUAGE)
def launch_unchecked(request: pytest.FixtureRequest) -> Any:
    """Return the same for kernels that do what Metal leaves undefined: the simulator says nothing about it."""
    return launcher(enigma.SimRuntime(check=False) if request.param == "sim" else RUNTIMES[request.param]())


def launcher(runtime: Any) -> Any:
    """Return `launch` on a runtime."""

    def run(kernel: Any, *arguments: Any, grid: Any, threads: Any, **constants: Any) -> None:
        runtime.run(compile_kernel(kernel, emit_only=True, **constants).program, list(arguments), grid, threads)

    return run
