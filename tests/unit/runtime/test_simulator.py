"""What the simulator computes: geometry, masks, loops, memory and atomics, against plain Python and NumPy."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

from enigma.runtime.simulator.atomics import take_turns
from enigma.runtime.simulator.loops import trip_counts
from enigma.runtime.simulator.memory import Access, Kind
from enigma.runtime.simulator.observer import Observer
from tests.unit.runtime import simulated
from tests.unit.runtime.simulated import Size, run

SIZES = [1, 31, 32, 33, 255, 1023]


@pytest.fixture(autouse=True)
def no_warnings() -> Any:
    """Whatever lanes that are not active compute must not show."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("threads", [1, 32, 50, 256])
def test_a_guarded_kernel_computes_each_element_once(n: int, threads: int) -> None:
    x, y = np.arange(n, dtype=np.float32), np.full(n, 0.5, np.float32)
    run(simulated.saxpy, x, y, n, 3.0, grid=-(-n // threads) * threads, threads=threads)
    np.testing.assert_array_equal(y, 3 * x + np.float32(0.5))


@pytest.mark.parametrize(
    ("grid", "threads"),
    [((7, 5, 3), (4, 2, 2)), ((100, 1, 1), (48, 1, 1)), ((9, 9, 1), (3, 3, 1)), ((5, 1, 7), (64, 4, 1))],
)
@pytest.mark.parametrize("chunk", [None, 1, 2])
def test_every_thread_knows_where_it_is(grid: Size, threads: Size, chunk: int | None) -> None:
    out = np.zeros(int(np.prod(grid)) * 32, np.uint32)
    run(simulated.positions, out, grid=grid, threads=threads, chunk=chunk)
    groups = [-(-g // t) for g, t in zip(grid, threads, strict=True)]
    for z, y, x in itertools.product(*(range(size) for size in reversed(grid))):
        position = (x, y, z)
        group = [p // t for p, t in zip(position, threads, strict=True)]
        local = [p % t for p, t in zip(position, threads, strict=True)]
        size = [min(t, g - k * t) for t, g, k in zip(threads, grid, group, strict=True)]
        linear = (local[2] * size[1] + local[1]) * size[0] + local[0]
        total = size[0] * size[1] * size[2]
        want = [
            *position,
            *local,
            *group,
            *size,
            *grid,
            *groups,
            linear,
            linear % 32,
            linear // 32,
            32,
            -(-total // 32),
        ]
        at = ((z * grid[1] + y) * grid[0] + x) * 32
        assert out[at : at + 23].tolist() == want


def test_each_lane_leaves_a_while_loop_on_its_own() -> None:
    start = np.arange(1, 200, dtype=np.int32)
    steps = np.zeros_like(start)
    run(simulated.collatz, start, steps, grid=len(start), threads=64)

    def count(n: int) -> int:
        done = 0
        while n != 1:
            n, done = 3 * n + 1 if n % 2 else n // 2, done + 1
        return done

    assert steps.tolist() == [count(int(n)) for n in start]


def test_each_lane_has_its_own_loop_bounds() -> None:
    out = np.zeros(100, np.int32)
    run(simulated.triangle, out, grid=100, threads=40)
    assert out.tolist() == [sum(range(1, i, 2)) for i in range(100)]


@pytest.mark.parametrize("seed", range(3))
def test_break_continue_and_return_leave_for_one_lane_only(seed: int) -> None:
    table = np.random.default_rng(seed).integers(-50, 60, (70, 20)).astype(np.int32)
    out = np.full(70, -7, np.int32)
    run(simulated.first_above, table.reshape(-1), 50, out, 20, grid=70, threads=33)
    want = [next((k for k, x in enumerate(row) if x > 50), -7) for row in table]
    assert out.tolist() == want


@pytest.mark.parametrize("chunk", [None, 1, 3])
@pytest.mark.parametrize("n", [256, 700])
def test_threadgroup_memory_is_each_threadgroups_own(n: int, chunk: int | None) -> None:
    a, out = np.arange(n, dtype=np.float32), np.zeros(n, np.float32)
    run(simulated.reversed_tiles, a, out, grid=n, threads=100, chunk=chunk)
    want = np.concatenate([a[k : k + 100][::-1] for k in range(0, n, 100)])
    np.testing.assert_array_equal(out, want)


def test_a_tree_in_threadgroup_memory_sums() -> None:
    a, out = np.random.default_rng(0).integers(0, 9, 1024).astype(np.float32), np.zeros(8, np.float32)
    run(simulated.tree_sum, a, out, grid=1024, threads=128)
    np.testing.assert_array_equal(out, a.reshape(8, 128).sum(axis=1))


@pytest.mark.parametrize("bins", [1, 5, 300])
@pytest.mark.parametrize("chunk", [None, 2])
def test_atomic_additions_hand_out_each_number_once(bins: int, chunk: int | None) -> None:
    a = np.random.default_rng(2).integers(0, bins, 1000).astype(np.uint32)
    counts, before = np.zeros(bins, np.uint32), np.zeros(1000, np.uint32)
    run(simulated.histogram, a, counts, before, grid=1000, threads=96, chunk=chunk)
    np.testing.assert_array_equal(counts, np.bincount(a, minlength=bins))
    seen: dict[int, int] = {}
    for key, number in zip(a.tolist(), before.tolist(), strict=True):
        assert number == seen.get(key, 0)  # lanes take their turn in order
        seen[key] = number + 1


def test_compare_exchange_succeeds_for_one_lane_each() -> None:
    a = np.random.default_rng(3).integers(0, 40, 500).astype(np.uint32)
    locks, won = np.zeros(40, np.uint32), np.zeros(500, np.uint32)
    run(simulated.take_locks, a, locks, won, grid=500, threads=64)
    first = {int(key): i for i, key in reversed(list(enumerate(a)))}
    assert np.flatnonzero(won).tolist() == sorted(first.values())
    assert locks.tolist() == [first[k] + 1 if k in first else 0 for k in range(40)]


@pytest.mark.parametrize("elements", [1, 3, 40, 5000])
def test_turns_are_those_of_a_plain_loop(elements: int) -> None:
    random = np.random.default_rng(elements)
    where, x = random.integers(0, elements, 2000), random.integers(-9, 9, 2000).astype(np.int32)
    data, want, found = np.arange(elements, dtype=np.int32), list(range(elements)), []
    with np.errstate(over="ignore"):
        before = take_turns(data, where, [x], lambda old, new: old * 3 - new)
    for place, value in zip(where.tolist(), x.tolist(), strict=True):
        found.append(want[place])
        want[place] = (want[place] * 3 - value + 2**31) % 2**32 - 2**31
    assert before.tolist() == found
    assert data.tolist() == want


def test_of_lanes_that_write_one_element_the_last_wins() -> None:
    out = np.zeros(1, np.uint32)
    run(simulated.last_wins, out, grid=300, threads=64)
    assert out[0] == 299


def test_lanes_that_are_not_active_neither_fail_nor_warn() -> None:
    a, out = np.arange(10, dtype=np.float32), np.zeros(10, np.float32)
    run(simulated.guarded, a, out, 10, grid=64, threads=64)
    np.testing.assert_allclose(out[1:], np.sqrt(a[:-1]) + 1, rtol=1e-7)


def test_a_barrier_in_a_branch_of_the_whole_threadgroup_is_right() -> None:
    out = np.zeros(128, np.float32)
    run(simulated.grouped_barrier, out, grid=128, threads=64)
    assert (out == 1).all()


def test_uninitialised_threadgroup_memory_is_easy_to_recognise() -> None:
    f, u = np.zeros(1, np.float32), np.zeros(1, np.uint32)
    run(simulated.uninitialised, f, u, grid=1, threads=1)
    assert np.isnan(f[0])
    assert u[0] == 0xA5A5A5A5


def test_trip_counts_are_those_of_pythons_range_even_at_the_ends_of_64_bits() -> None:
    ends = [-(2**63), -(2**63) + 1, -7, 0, 5, 2**63 - 2, 2**63 - 1]
    for low, high, step in itertools.product(ends, ends, [1, 2, 7, 2**62]):
        span = max(high - low, 0)
        got = trip_counts(*(np.array([[x]], np.int64) for x in (low, high, step)))
        assert int(got[0, 0]) == -(-span // step)


class Log(Observer):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.accesses: list[tuple[str, str, int]] = []
        self.unwritten = 0
        self.batches, self.syncs, self.finished = 0, 0, False

    def batch(self, batch: Any) -> None:
        self.batches += 1

    def access(self, access: Access) -> None:
        self.accesses.append((access.kind.value, access.memory.name, int(access.active.sum())))
        if access.kind is Kind.READ and access.memory.written is not None:
            flat = np.broadcast_to(access.flat, access.active.shape)[access.active]
            self.unwritten += int((~access.memory.written[flat]).sum())

    def synchronize(self, node: Any, active: Any, batch: Any) -> None:
        self.syncs += 1

    def finish(self) -> None:
        self.finished = True


def test_an_observer_sees_every_access_and_what_was_written() -> None:
    log, a, out = Log(), np.zeros(96, np.float32), np.zeros(96, np.float32)
    run(simulated.reversed_tiles, a, out, grid=96, threads=48, chunk=1, observer=log)
    once = [("read", "A", 48), ("write", "tile", 48), ("read", "tile", 48), ("write", "Out", 48)]
    assert log.accesses == once * 2
    assert (log.batches, log.syncs, log.finished, log.unwritten) == (2, 2, True, 0)
    log = Log()
    run(simulated.uninitialised, np.zeros(1, np.float32), np.zeros(1, np.uint32), grid=1, threads=1, observer=log)
    assert log.unwritten == 2
