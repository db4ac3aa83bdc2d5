"""The `launch` fixture: a kernel on every runtime."""

from __future__ import annotations

from typing import Any

import pytest

from enigma.compile import compile as compile_kernel
from tests.device.runtimes import RUNTIMES, metal_device

__all__ = ["metal_device"]


@pytest.fixture(params=RUNTIMES)
def launch(request: pytest.FixtureRequest) -> Any:
    """Return `launch(kernel, *arguments, grid=, threads=, **constants)` on each runtime."""
    runtime = RUNTIMES[request.param]()

    def run(kernel: Any, *arguments: Any, grid: Any, threads: Any, **constants: Any) -> None:
        runtime.run(compile_kernel(kernel, emit_only=True, **constants).program, list(arguments), grid, threads)

    return run
