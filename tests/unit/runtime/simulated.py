"""Kernels that the simulator's tests run, and a way to run one."""

from __future__ import annotations

from typing import Any

import enigma as en
from enigma.runtime.simulator.machine import simulate
from enigma.runtime.simulator.observer import Observer

Size = tuple[int, int, int]


def run(
    kernel: Any, *arguments: Any, grid: int | Size, threads: int | Size, chunk: int | None = None,
    observer: Observer | None = None, max_rounds: int = 1000,
) -> None:  # fmt: skip
    """Simulate a kernel; sizes may be ints."""
    sizes = [size if isinstance(size, tuple) else (size, 1, 1) for size in (grid, threads)]
    simulate(
        kernel.trace(), arguments, *sizes, chunk_threadgroups=chunk, observer=observer, max_rounds=max_rounds
    )  # fmt: skip


@en.kernel
def saxpy(X: en.f32, Y: en.f32, n: en.Scalar(en.u32), a: en.Scalar(en.f32)):
    i = en.thread_position_in_grid
    if i < n:
        Y[i] = a * X[i] + Y[i]


@en.kernel
def positions(Out: en.u32):
    """Write every grid query of every thread."""
    x = en.thread_position_in_grid_xyz("x")
    y = en.thread_position_in_grid_xyz("y")
    z = en.thread_position_in_grid_xyz("z")
    at = ((z * en.threads_per_grid("y") + y) * en.threads_per_grid("x") + x) * 32
    for k, axis in enumerate("xyz"):
        Out[at + k] = en.thread_position_in_grid_xyz(axis)
        Out[at + 3 + k] = en.thread_position_in_threadgroup(axis)
        Out[at + 6 + k] = en.threadgroup_position_in_grid(axis)
        Out[at + 9 + k] = en.threads_per_threadgroup(axis)
        Out[at + 12 + k] = en.threads_per_grid(axis)
        Out[at + 15 + k] = en.threadgroups_per_grid(axis)
    Out[at + 18] = en.thread_index_in_threadgroup()
    Out[at + 19] = en.thread_index_in_simdgroup()
    Out[at + 20] = en.simdgroup_index_in_threadgroup()
    Out[at + 21] = en.threads_per_simdgroup()
    Out[at + 22] = en.simdgroups_per_threadgroup()


@en.kernel
def collatz(Start: en.i32, Steps: en.i32):
    i = en.thread_position_in_grid
    n, steps = Start[i], 0
    while n != 1:
        n = 3 * n + 1 if n % 2 == 1 else n / 2
        steps += 1
    Steps[i] = steps


@en.kernel
def triangle(Out: en.i32):
    """Loop as often as the thread's number says, in steps of 2 from 1."""
    i = en.thread_position_in_grid
    total = 0
    for k in range(1, i.to(en.i32), 2):
        total += k
    Out[i] = total


@en.kernel
def first_above(A: en.i32, limit: en.Scalar(en.i32), Out: en.i32, columns: en.Scalar(en.i32)):
    i = en.thread_position_in_grid.to(en.i32)
    found = -1
    for k in range(columns):
        if A[i * columns + k] < 0:
            continue
        if A[i * columns + k] > limit:
            found = k
            break
    if found < 0:
        return
    Out[i] = found


@en.kernel
def reversed_tiles(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 256)
    local = en.thread_position_in_threadgroup("x")
    last = en.threads_per_threadgroup("x") - 1
    i = en.thread_position_in_grid
    tile[local] = A[i]
    en.barrier("mem_threadgroup")
    Out[i] = tile[last - local]


@en.kernel
def tree_sum(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 256)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[en.thread_position_in_grid]
    en.barrier("mem_threadgroup")
    half = en.threads_per_threadgroup("x") / 2
    while half > 0:
        if local < half:
            tile[local] = tile[local] + tile[local + half]
        en.barrier("mem_threadgroup")
        half = half / 2
    if local == 0:
        Out[en.threadgroup_position_in_grid("x")] = tile[0]


@en.kernel
def histogram(A: en.u32, Counts: en.u32, Before: en.u32):
    i = en.thread_position_in_grid
    Before[i] = en.atomic_fetch_add(Counts, A[i], 1)


@en.kernel
def take_locks(A: en.u32, Locks: en.u32, Won: en.u32):
    i = en.thread_position_in_grid
    Won[i] = en.where(en.atomic_compare_exchange_weak(Locks, A[i], 0, i + 1), en.u32(1), en.u32(0))


@en.kernel
def shifted(A: en.f32, Out: en.f32, by: en.Scalar(en.i32)):
    i = en.thread_position_in_grid.to(en.i32)
    Out[i] = A[i + by]


@en.kernel
def write_outside(Out: en.i32):
    i = en.thread_position_in_grid
    if i % 2 == 1:
        Out[i] = 1


@en.kernel
def tile_outside(Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = 1.0
    Out[en.thread_position_in_grid] = tile[63 - local]


@en.kernel
def count_outside(Counts: en.u32):
    en.atomic_fetch_add(Counts, en.thread_position_in_grid, 1)


@en.kernel
def guarded(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    """Inactive lanes hold indices outside, divisors of zero and roots of negative numbers."""
    i = en.thread_position_in_grid
    if i > 0 and i < n:
        Out[i] = en.sqrt(A[i - 1]) + (i / i).to(en.f32)


@en.kernel
def divergent_barrier(Out: en.f32):
    i = en.thread_position_in_threadgroup("x")
    if i < 40:
        en.barrier("mem_threadgroup")
    Out[i] = 1.0


@en.kernel
def divergent_simd_barrier(Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_threadgroup("x")
    if i < n:
        en.simd_barrier("mem_threadgroup")
    Out[i] = 1.0


@en.kernel
def grouped_barrier(Out: en.f32):
    """The condition is the same for a whole threadgroup: that is allowed."""
    if en.threadgroup_position_in_grid("x") == 1:
        en.barrier("mem_threadgroup")
    Out[en.thread_position_in_grid] = 1.0


@en.kernel
def endless(A: en.i32):
    i = en.thread_position_in_grid
    while A[i] > 0:
        A[i] = 1


@en.kernel
def stepping(Out: en.i32, step: en.Scalar(en.i32)):
    for k in en.range(0, 10, step):
        Out[k] = k


@en.kernel
def last_wins(Out: en.u32):
    Out[0] = en.thread_position_in_grid


@en.kernel
def uninitialised(F: en.f32, U: en.u32):
    floats = en.threadgroup_alloc(en.f32, 4)
    words = en.threadgroup_alloc(en.u32, 4)
    F[0] = floats[1]
    U[0] = words[2]
