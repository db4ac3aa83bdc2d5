"""What the simulator says of a wrong kernel: the line, the thread, the buffer and the index."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from enigma.errors import EnigmaError, EnigmaValueError, InternalError, OutOfBoundsError
from tests.unit.runtime import simulated
from tests.unit.runtime.simulated import run


def line_of(kernel: Any, text: str) -> int:
    lines, first = inspect.getsourcelines(kernel.fn)
    (number,) = [first + k for k, line in enumerate(lines) if text in line]
    return number


def test_a_read_outside_of_a_buffer_names_line_buffer_index_and_thread() -> None:
    a, out = np.zeros(1024, np.float32), np.zeros(1024, np.float32)
    with pytest.raises(OutOfBoundsError) as caught:
        run(simulated.shifted, a, out, 32, grid=1024, threads=256)
    line = line_of(simulated.shifted, "A[i + by]")
    text = str(caught.value)
    assert text.startswith(
        f"simulated.py:{line}:14: error: read outside of buffer A: index 1024, but it has 1024 elements\n"
    )
    assert "    Out[i] = A[i + by]\n             ^" in text
    assert "note: thread (992, 0, 0) of threadgroup (3, 0, 0), and 31 more, in kernel shifted" in text
    assert "help: guard the access: `if i < 1024:`" in text


def test_a_negative_index_is_outside() -> None:
    a, out = np.zeros(8, np.float32), np.zeros(8, np.float32)
    with pytest.raises(IndexError, match=r"read outside of buffer A: index -1, but it has 8 elements") as caught:
        run(simulated.shifted, a, out, -1, grid=8, threads=8)
    assert "thread (0, 0, 0) of threadgroup (0, 0, 0), in kernel shifted" in str(caught.value)
    assert "`if i >= 0:`" in str(caught.value)


def test_a_write_outside_of_a_buffer_counts_the_active_lanes_only() -> None:
    out = np.zeros(10, np.int32)
    with pytest.raises(
        OutOfBoundsError, match="write outside of buffer Out: index 11, but it has 10 elements"
    ) as caught:
        run(simulated.write_outside, out, grid=16, threads=16)
    assert "thread (11, 0, 0) of threadgroup (0, 0, 0), and 2 more" in str(caught.value)
    assert not out.any()


def test_threadgroup_memory_has_bounds_too() -> None:
    with pytest.raises(
        OutOfBoundsError, match="write outside of threadgroup memory tile: index 64, but it has 64 elements"
    ):
        run(simulated.tile_outside, np.zeros(100, np.float32), grid=100, threads=100)


def test_an_atomic_access_has_bounds_too() -> None:
    with pytest.raises(OutOfBoundsError, match="atomic access outside of buffer Counts: index 1, but it has 1 element"):
        run(simulated.count_outside, np.zeros(1, np.uint32), grid=2, threads=2)


def test_a_barrier_that_some_threads_miss_is_an_error_at_its_line() -> None:
    with pytest.raises(EnigmaError, match="barrier not reached by every thread of the threadgroup") as caught:
        run(simulated.divergent_barrier, np.zeros(64, np.float32), grid=128, threads=64)
    text = str(caught.value)
    assert text.startswith(f"simulated.py:{line_of(simulated.divergent_barrier, 'en.barrier')}:")
    assert "40 of 64 threads reached it; thread (40, 0, 0) of threadgroup (0, 0, 0) did not" in text


def test_a_simdgroup_barrier_that_some_lanes_miss_is_an_error_at_its_line() -> None:
    run(simulated.divergent_simd_barrier, np.zeros(64, np.float32), 32, grid=64, threads=64)
    with pytest.raises(EnigmaError, match="barrier not reached by every thread of the simdgroup") as caught:
        run(simulated.divergent_simd_barrier, np.zeros(64, np.float32), 40, grid=64, threads=64)
    assert "8 of 32 threads reached it; thread (40, 0, 0) of threadgroup (0, 0, 0) did not" in str(caught.value)


def test_an_endless_loop_is_an_error_at_its_line() -> None:
    with pytest.raises(EnigmaError, match="this loop has not ended after 1000 rounds") as caught:
        run(simulated.endless, np.ones(4, np.int32), grid=4, threads=4)
    text = str(caught.value)
    assert text.startswith(f"simulated.py:{line_of(simulated.endless, 'while')}:")
    assert "thread (0, 0, 0) of threadgroup (0, 0, 0), in kernel endless is one of the threads" in text


@pytest.mark.parametrize("step", [0, -1])
def test_a_range_that_does_not_count_upwards_is_an_error(step: int) -> None:
    with pytest.raises(EnigmaValueError, match=f"the step of a range must be positive, but it is {step}"):
        run(simulated.stepping, np.zeros(10, np.int32), step, grid=1, threads=1)


def test_a_wrong_array_is_our_own_mistake() -> None:
    with pytest.raises(InternalError, match="the simulator needs a flat array of i32 for Out"):
        run(simulated.write_outside, np.zeros((2, 2), np.int32), grid=1, threads=1)
