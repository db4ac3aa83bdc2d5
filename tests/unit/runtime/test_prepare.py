"""`prepare`: checked and bound once, dispatched many times."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import enigma
from enigma.errors import DeviceError
from enigma.runtime.base import PreparedKernel, Runtime
from tests.device.runtimes import RUNTIMES
from tests.unit.runtime.launched import add, message, saxpy

N = 64
A = np.arange(N, dtype=np.float32)
B = np.full(N, 0.5, np.float32)


@pytest.fixture(params=RUNTIMES)
def rt(request: pytest.FixtureRequest) -> Runtime:
    """Each runtime; Metal's is on a stand-in where this is no Mac."""
    return RUNTIMES[request.param]()


def prepared_add(rt: Runtime) -> PreparedKernel:
    return rt.prepare(enigma.compile(add), [A.copy(), B.copy()], N * 4)


def output(prepared: PreparedKernel) -> list[float]:
    return np.frombuffer(prepared.read_output(), np.float32).tolist()


def test_dispatch_then_read(rt: Runtime) -> None:
    prepared = prepared_add(rt)
    assert isinstance(prepared, enigma.PreparedKernel)
    assert prepared.dispatch((N, 1, 1), (32, 1, 1)) is None
    assert output(prepared) == (A + B).tolist()


def test_before_the_first_dispatch_the_output_is_zero(rt: Runtime) -> None:
    assert output(prepared_add(rt)) == [0.0] * N


def test_each_dispatch_reads_the_inputs_anew(rt: Runtime) -> None:
    a = A.copy()
    prepared = rt.prepare(enigma.compile(add), [a, B], N * 4)
    prepared.dispatch(N, 32)
    a += 1
    prepared.dispatch(N, 32)
    assert output(prepared) == (A + 1 + B).tolist()


def test_a_dispatch_of_another_size_is_one_of_that_size(rt: Runtime) -> None:
    prepared = prepared_add(rt)
    prepared.dispatch(8, 8)
    assert output(prepared)[8:] == [0.0] * (N - 8)
    prepared.dispatch(N, 8)
    assert output(prepared) == (A + B).tolist()


def test_a_list_of_sizes_may_change_between_dispatches(rt: Runtime) -> None:
    prepared, grid = prepared_add(rt), [8, 1, 1]
    prepared.dispatch(grid, 8)
    grid[0] = N
    prepared.dispatch(grid, 8)
    assert output(prepared) == (A + B).tolist()


def test_a_timed_dispatch_returns_microseconds(rt: Runtime) -> None:
    prepared = prepared_add(rt)
    taken = prepared.dispatch_timed((N, 1, 1), (32, 1, 1))
    assert isinstance(taken, float)
    assert taken > 0
    assert output(prepared) == (A + B).tolist()


def test_an_input_is_replaced(rt: Runtime) -> None:
    prepared = prepared_add(rt)
    prepared.dispatch(N, 32)
    prepared.set_input(1, A.copy())
    prepared.dispatch(N, 32)
    assert output(prepared) == (A + A).tolist()


def test_in_place_arrays_are_updated_at_every_dispatch(rt: Runtime) -> None:
    y = np.zeros(N, np.float32)
    prepared = rt.prepare(enigma.compile(saxpy), [A, y], scalars={"n": N, "a": 2.0}, inout=["Y"])
    for _ in range(3):
        prepared.dispatch(N, 32)
    assert np.array_equal(y, 6 * A)


def test_a_with_block_releases(rt: Runtime) -> None:
    with prepared_add(rt) as prepared:
        prepared.dispatch(N, 32)
        assert repr(prepared) == f"<prepared kernel add on {rt.name}>"
    assert repr(prepared) == f"<prepared kernel add on {rt.name}, released>"
    assert prepared.outputs == []


RELEASED = "kernel add was released and cannot be used any more\n  help: prepare it again"


@pytest.mark.parametrize(
    "use",
    [
        lambda p: p.dispatch(N, 32),
        lambda p: p.dispatch_timed(N, 32),
        lambda p: p.read_output(),
        lambda p: p.set_input(0, A),
    ],
)
def test_nothing_works_after_release(use: object) -> None:
    prepared = prepared_add(enigma.SimRuntime())
    prepared.dispatch(N, 32)
    prepared.release()
    prepared.release()
    assert message(lambda: use(prepared), DeviceError) == RELEASED  # type: ignore[operator]


@pytest.mark.parametrize("index", [-1, 2])
def test_an_input_that_is_none_is_refused(index: int) -> None:
    prepared = prepared_add(enigma.SimRuntime())
    assert message(lambda: prepared.set_input(index, A)) == (
        f"kernel add has 2 inputs, so {index} is none of them\n  help: inputs are counted from 0, Scalars left out"
    )


def test_a_replaced_input_is_checked_and_the_old_one_stays() -> None:
    prepared = prepared_add(enigma.SimRuntime())
    assert message(lambda: prepared.set_input(0, np.zeros(N))) == (
        "A holds float64, but the kernel's parameter is f32 (float32)\n  help: convert it: A.astype(np.float32)"
    )
    assert message(lambda: prepared.set_input(0, prepared.outputs[0])).startswith("A and C share memory")
    prepared.dispatch(N, 32)
    assert output(prepared) == (A + B).tolist()


def test_without_an_output_there_is_nothing_to_read() -> None:
    prepared = enigma.SimRuntime().prepare(
        enigma.compile(saxpy), [A, B.copy()], scalars=[N, 1.0], inout=["Y"]
    )  # fmt: skip
    assert message(prepared.read_output) == (
        "kernel saxpy was prepared without an output\n  help: read the inout arrays themselves"
    )


def test_a_bad_size_is_refused_at_every_dispatch() -> None:
    prepared = prepared_add(enigma.SimRuntime())
    for _ in range(2):
        assert message(lambda: prepared.dispatch(N, 1025)).startswith("threads is (1025, 1, 1), 1025 per threadgroup")
    prepared.dispatch(N, 32)
    assert message(lambda: prepared.dispatch_timed(0, 32)).startswith("grid is 0 along x")


def test_threads_that_dispatch_different_sizes_do_not_mix_them_up(rt: Runtime) -> None:
    compiled = enigma.compile(saxpy)
    y = np.zeros(N, np.float32)
    prepared = rt.prepare(compiled, [np.ones(N, np.float32), y], scalars=[N, 1.0], inout=["Y"])

    def work(part: int) -> None:
        mine = rt.prepare(
            compiled, [np.ones(N, np.float32), (out := np.zeros(N, np.float32))], scalars=[N, 1.0], inout=[1]
        )
        for k in range(20):
            mine.dispatch(part + 1 if k % 2 else N, 8)
        assert out.tolist() == [20.0] * (part + 1) + [10.0] * (N - part - 1)
        for _ in range(5):
            prepared.dispatch(part + 1, 8)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert not y[4:].any()  # no dispatch was larger than what its thread asked for
