"""Loops and early exits on every runtime, against Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from tests.unit.test_targets import SIZES


@en.kernel
def collatz(A: en.u32, Out: en.u32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    if i >= n:
        return
    x, steps = A[i], en.u32(0)
    while x != 1:
        if x % 2 == 0:
            x = x // 2
        else:
            x = 3 * x + 1
        steps += 1
        if steps > 200:
            break
    Out[i] = steps


def _collatz(x: int) -> int:
    steps = 0
    while x != 1 and steps <= 200:
        x, steps = x // 2 if x % 2 == 0 else 3 * x + 1, steps + 1
    return steps


@pytest.mark.parametrize("n", SIZES)
def test_while_loops_run_as_long_as_each_thread_needs(launch: Any, n: int) -> None:
    a, out = np.arange(1, n + 1).astype(np.uint32), np.zeros(n, np.uint32)
    launch(collatz, a, out, n, grid=n + 5, threads=64)
    np.testing.assert_array_equal(out, [_collatz(int(x)) for x in a])


@en.kernel
def nested_exit(A: en.i32, Out: en.i32, n: en.Scalar(en.i32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    found, seen = en.i32(-1), en.i32(0)
    for row in range(n):
        for column in range(8):
            seen += 1
            if A[row * 8 + column] == en.i32(i):
                found = row * 8 + column
                break
            if A[row * 8 + column] < 0:
                continue
            seen += 1
        if found >= 0:
            break
        if seen > 60:
            Out[i] = -seen
            return
    Out[i] = found * 100 + seen


def test_nested_loops_with_break_continue_and_return(launch: Any) -> None:
    a = (np.random.default_rng(5).integers(-4, 40, 80)).astype(np.int32)
    out = np.zeros(70, np.int32)
    launch(nested_exit, a, out, 10, grid=70, threads=33)
    wanted: list[int] = []
    for i in range(70):
        found, seen, value = -1, 0, None
        for row in range(10):
            for column in range(8):
                seen += 1
                if a[row * 8 + column] == i:
                    found = row * 8 + column
                    break
                if a[row * 8 + column] < 0:
                    continue
                seen += 1
            if found >= 0:
                break
            if seen > 60:
                value = -seen
                break
        wanted.append(found * 100 + seen if value is None else value)
    np.testing.assert_array_equal(out, wanted)


@en.kernel
def countdown(Out: en.i32, n: en.Scalar(en.i32)):  # type: ignore[valid-type]
    i = en.i32(en.thread_position_in_grid)
    total, last = en.i32(0), en.i32(-1)
    for k in range(n + i, -3, -2):
        total += k
        last = k
    Out[2 * i] = total
    Out[2 * i + 1] = last


def test_ranges_that_count_down(launch: Any) -> None:
    out = np.zeros(140, np.int32)
    launch(countdown, out, -20, grid=70, threads=32)
    wanted = [list(range(-20 + i, -3, -2)) for i in range(70)]
    np.testing.assert_array_equal(out.reshape(70, 2), [[sum(r), r[-1] if r else -1] for r in wanted])


@en.kernel
def strided(Out: en.u32, rounds: en.Scalar(en.u32), END: en.constexpr, STEP: en.constexpr):  # type: ignore[valid-type]
    """Add 1 to the elements that a thread passes by, and as often as the outer loop runs."""
    tid = en.thread_position_in_threadgroup()
    for _ in range(rounds):
        for j in range(tid, END, STEP):
            Out[j] += 1
        en.barrier("mem_device")


@pytest.mark.parametrize("threads", [1, 20, 32, 48, 256])
@pytest.mark.parametrize("end", [0, 5, 31, 32, 33, 64, 100, 256, 300])
def test_loops_from_the_thread_to_a_constant_end_where_it_says(launch: Any, threads: int, end: int) -> None:
    out = np.zeros(400, np.uint32)
    launch(strided, out, 3, grid=threads, threads=threads, END=end, STEP=threads)
    np.testing.assert_array_equal(out, np.where(np.arange(400) < end, 3, 0))
