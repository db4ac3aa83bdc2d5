"""Loops that do not end."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, ones, zeros

KIND = "step-budget"
SHORT = {"max_rounds": 2000}


@accused(KIND, "while x > 0", ones(4), zeros(4), grid=4, threads=4, options=SHORT)
@en.kernel
def condition_that_never_changes(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    x, total = A[i], 0.0
    while x > 0:
        total += x
    Out[i] = total


@accused(KIND, "while n != 0", zeros(1, dtype=np.uint32), grid=1, threads=1, options=SHORT)
@en.kernel
def step_over_the_end(Out: en.u32):
    n = en.u32(7)
    while n != 0:
        n -= 2
    Out[0] = n


@accused(KIND, "while en.atomic_load(Lock", zeros(1, dtype=np.uint32), zeros(64), grid=64, threads=32, options=SHORT)
@en.kernel
def waiting_for_a_later_threadgroup(Lock: en.u32, Out: en.f32):
    i = en.thread_position_in_grid
    if i < 32:
        while en.atomic_load(Lock, 0) == 0:
            Out[i] = 1.0
    else:
        en.atomic_store(Lock, 0, 1)


@accused(
    KIND, "while not done", zeros(1, dtype=np.uint32), zeros(32, dtype=np.uint32), grid=32, threads=32, options=SHORT
)
@en.kernel
def lock_that_is_never_released(Lock: en.u32, Out: en.u32):
    i = en.thread_position_in_grid
    done = False
    while not done:
        won, _ = en.atomic_compare_exchange(Lock, 0, 0, i + 1)
        if won:
            Out[i] = i
            done = True


@accused(KIND, "while k >= 0", count(8), zeros(8), grid=8, threads=8, options=SHORT)
@en.kernel
def unsigned_countdown(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    total, k = 0.0, i
    while k >= 0:
        total += A[k % 8]
        k -= 1
    Out[i] = total


@accused(KIND, "while error > 1e-9", ones(4), zeros(4), grid=4, threads=4, options=SHORT)
@en.kernel
def tolerance_below_rounding(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    x, error = A[i] * 2.0, 1.0
    while error > 1e-9:
        better = 0.5 * (x + 3.0 / x)
        error = abs(better * better - 3.0)
        x = better
    Out[i] = x
