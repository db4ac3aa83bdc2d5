"""A kernel whose loop carries so much that the CPU runs fewer lanes than a simdgroup at a time: places must not show it."""

from __future__ import annotations

import numpy as np
import pytest

import enigma
from enigma.compile import compile as compile_kernel
from tests.spec.forms import load

CARRIED = 40
NAMES = [f"a{k}" for k in range(CARRIED)]
SOURCE = f"""@en.kernel
def heavy(A: en.f32, Out: en.f32, Lane: en.u32, Quad: en.u32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    {"; ".join(f"{name} = A[i] + {k}" for k, name in enumerate(NAMES))}
    for _ in range(n):
        {", ".join(NAMES)} = {", ".join(NAMES[1:])}, a0 * 2
    Out[i] = {" + ".join(NAMES)}
    Lane[i] = en.thread_index_in_simdgroup()
    Quad[i] = en.thread_index_in_quadgroup()
"""


@pytest.mark.parametrize("threads", [32, 96, 100])
@pytest.mark.parametrize("target", [enigma.SimRuntime, enigma.CpuRuntime])
def test_lanes_count_to_31_whatever_runs_together(target: type[enigma.Runtime], threads: int) -> None:
    a = np.linspace(0, 1, 200, dtype=np.float32)
    out, lane, quad = np.zeros(200, np.float32), np.zeros(200, np.uint32), np.zeros(200, np.uint32)
    target().run(compile_kernel(load(SOURCE).heavy).program, [a, out, lane, quad, 3], (200, 1, 1), (threads, 1, 1))
    wanted = np.arange(200) % threads % 32
    np.testing.assert_array_equal(lane, wanted)
    np.testing.assert_array_equal(quad, wanted % 4)
