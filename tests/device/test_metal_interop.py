"""Metal's memory and that of others: what is shared, what is copied, and when."""

from __future__ import annotations

import gc
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from enigma.errors import DeviceError
from enigma.interop import as_array
from enigma.runtime.metal.runtime import MetalRuntime
from tests.device.fake_metal import Machine
from tests.unit.runtime.launched import add, message

N = 70


@pytest.fixture(autouse=True)
def nothing_noted() -> None:
    en.explain_copies(forget=True)


def noted() -> dict[str, tuple[str, int, str]]:
    return {one.argument: (one.direction, times, one.reason) for one, times in en.explain_copies().copies}


def run(rt: Any, *arrays: Any) -> None:
    rt.run(en.compile(add).program, arrays, N, 32)


def test_shared_memory_is_not_copied_and_other_memory_is_each_time(machine: Machine) -> None:
    rt = MetalRuntime()
    a, out = rt.array(np.arange(N, dtype=np.float32)), rt.zeros(N)
    run(rt, a, a, out)
    assert noted() == {} and np.array_equal(out, a * 2)
    mine, result = np.arange(N, dtype=np.float32), np.zeros(N, np.float32)
    for _ in range(3):
        run(rt, mine, a, result)
    pages = "its memory is not whole pages that the GPU could share"
    assert noted() == {"A": ("in", 3, pages), "C": ("in and out", 3, pages)} and np.array_equal(result, a * 2)


def test_what_has_steps_is_copied_once_more(machine: Machine) -> None:
    rt = MetalRuntime()
    wide = rt.array(np.arange(2 * N, dtype=np.float32).reshape(N, 2))
    out = rt.zeros(N)
    assert rt.explain_copies(en.compile(add), [wide[:, 0], wide[:, 1], out])[0] == (
        f"A: {4 * N} bytes are copied, for its elements do not follow one another in memory"
    )
    assert noted() == {}  # nothing was launched
    run(rt, wide[:, 0], wide[:, 1], out)
    assert np.array_equal(out, wide.sum(axis=1))


def test_within_a_batch_an_array_with_steps_has_what_the_launch_before_wrote(machine: Machine) -> None:
    rt = MetalRuntime()
    a, both, out = rt.array(np.arange(N, dtype=np.float32)), rt.zeros(2 * N), rt.zeros(N)
    with rt.batch():
        rt.run(
            en.compile(add).program,
            [rt.array(np.arange(2 * N)).astype(np.float32), np.ones(2 * N, np.float32), both],
            2 * N,
            32,
        )
        run(rt, both[::2], a, out)
    assert np.array_equal(out, np.arange(0, 2 * N, 2) + 1 + np.arange(N))


def test_a_launch_under_way_is_over_before_its_output_is_copied(machine: Machine) -> None:
    rt = MetalRuntime()
    a, both, out = rt.array(np.arange(2 * N, dtype=np.float32)), rt.zeros(2 * N), rt.zeros(N)
    prepared = rt.prepare(en.compile(add), [a, a], inout=(), output_shapes=[(2 * N,)], output_dtypes=[np.float32])
    handle = prepared.dispatch_async(2 * N, 32)
    both = prepared.outputs[0]
    run(rt, both[::2], both[1::2], out)
    handle.wait()
    assert np.array_equal(out, 2 * (np.arange(0, 2 * N, 2) + np.arange(1, 2 * N, 2)))


def test_a_buffer_is_shared_with_every_library(machine: Machine) -> None:
    rt = MetalRuntime()
    buffer = rt.buffer((4, 2))
    for seen in (np.from_dlpack(buffer), np.asarray(buffer), as_array(buffer)):
        seen[1, 1] += 1
    assert buffer.numpy()[1, 1] == 3 and buffer.__dlpack_device__() == (1, 0)
    small = rt.buffer(8, ml_dtypes.bfloat16)
    seen = as_array(small)
    seen[:] = 2
    assert seen.dtype == ml_dtypes.bfloat16 and small.numpy().astype(np.float32).tolist() == [2.0] * 8


def test_a_released_buffer_is_refused_and_what_was_shared_stays(machine: Machine) -> None:
    rt = MetalRuntime()
    buffer = rt.buffer(N)
    shared = np.from_dlpack(buffer)
    buffer.release()
    gc.collect()
    shared[:] = 1
    other = rt.zeros(N)  # does not get the memory that is still in use
    assert not np.shares_memory(shared, other) and (shared == 1).all() and not other.any()
    for use in (lambda: np.from_dlpack(buffer), lambda: as_array(buffer), lambda: run(rt, buffer, other, other)):
        assert "this buffer was released and cannot be used any more" in message(use, DeviceError)
    del shared
    gc.collect()
    assert rt.memory.free_bytes
