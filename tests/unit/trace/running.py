"""How the front end's tests run a kernel: traced, then simulated, and compared with the same Python run thread by thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import enigma as en
from enigma.runtime.simulator.machine import simulate

Array = NDArray[Any]


def run(kernel: Any, *arguments: Any, threads: int = 1) -> None:
    """Run a kernel on arrays and numbers, all threads in one threadgroup."""
    simulate(kernel.trace(), arguments, (threads, 1, 1), (threads, 1, 1))


def agree(body: Callable[..., None], *, threads: int = 16, n: int = 4) -> None:
    """Check that `body(i, A, Out, n)` does the same traced as in Python, for every thread number i.

    `A` holds 64 ints from -6 to 9, `Out` one int for each thread.
    """

    @en.kernel
    def kernel(A: en.i32, Out: en.i32, n: en.Scalar(en.i32)):
        body(en.thread_position_in_grid.to(en.i32), A, Out, n)

    given = np.random.default_rng(7).integers(-6, 10, 64).astype(np.int32)
    found, wanted = np.zeros(threads, np.int32), np.zeros(threads, np.int32)
    run(kernel, given, found, n, threads=threads)
    for i in range(threads):
        body(i, given.tolist(), wanted, n)
    assert found.tolist() == wanted.tolist()
