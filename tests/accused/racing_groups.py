"""Races between threadgroups through device memory."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, ones, zeros

KIND = "data-race"


@accused(
    KIND,
    "Counts[A[i] % 8] += 1",
    count(256, np.uint32),
    zeros(8, dtype=np.uint32),
    grid=256,
    threads=32,
    buffer="Counts",
)
@en.kernel
def histogram_without_atomics(A: en.u32, Counts: en.u32):
    i = en.thread_position_in_grid
    Counts[A[i] % 8] += 1


@accused(KIND, "Out[0] += total", ones(128), zeros(1), grid=128, threads=32, buffer="Out", index=0)
@en.kernel
def partial_sums_added_plainly(A: en.f32, Out: en.f32):
    total = en.simd_sum(A[en.thread_position_in_grid])
    if en.thread_index_in_simdgroup() == 0:
        Out[0] += total


@accused(KIND, "Out[0] = ", zeros(1, dtype=np.uint32), grid=128, threads=32, severity="error", buffer="Out")
@en.kernel
def one_result_from_every_threadgroup(Out: en.u32):
    if en.thread_position_in_threadgroup("x") == 0:
        Out[0] = en.threadgroup_position_in_grid("x")


@accused(KIND, "Done[0] = 1", zeros(1, dtype=np.uint32), grid=128, threads=32, severity="warning", buffer="Done")
@en.kernel
def done_flag_set_by_all(Done: en.u32):
    if en.thread_position_in_threadgroup("x") == 0:
        Done[0] = 1


@accused(KIND, "A[i - 1] + A[i + 1]", count(130), grid=130, threads=26, buffer="A")
@en.kernel
def jacobi_step_in_place(A: en.f32):
    i = en.thread_position_in_grid
    if i > 0 and i < 129:
        A[i] = 0.5 * (A[i - 1] + A[i + 1])


@accused(KIND, "Partial[group]", ones(128), zeros(4), zeros(1), zeros(1, dtype=np.uint32), grid=128, threads=32,
         other="Partial[en.threadgroup_position", buffer="Partial")  # fmt: skip
@en.kernel
def last_threadgroup_sums_up_without_fence(A: en.f32, Partial: en.f32, Out: en.f32, Count: en.u32):
    """The counter says who is last, but a relaxed operation orders nothing else."""
    total = en.simd_sum(A[en.thread_position_in_grid])
    if en.thread_index_in_simdgroup() == 0:
        Partial[en.threadgroup_position_in_grid("x")] = total
        if en.atomic_fetch_add(Count, 0, 1) == 3:
            whole = 0.0
            for group in en.range(4):
                whole += Partial[group]
            Out[0] = whole


@accused(KIND, "Partial[group]", ones(128), zeros(4), zeros(1), zeros(1, dtype=np.uint32), grid=128, threads=32,
         other="Partial[en.threadgroup_position", buffer="Partial")  # fmt: skip
@en.kernel
def last_threadgroup_releases_but_never_acquires(A: en.f32, Partial: en.f32, Out: en.f32, Count: en.u32):
    total = en.simd_sum(A[en.thread_position_in_grid])
    if en.thread_index_in_simdgroup() == 0:
        Partial[en.threadgroup_position_in_grid("x")] = total
        if en.atomic_fetch_add(Count, 0, 1, order="release") == 3:
            whole = 0.0
            for group in en.range(4):
                whole += Partial[group]
            Out[0] = whole


@accused(KIND, "Partial[k]", ones(256), zeros(256), zeros(1), zeros(1, dtype=np.uint32), grid=256, threads=64,
         other="Partial[i] = A", buffer="Partial")  # fmt: skip
@en.kernel
def release_without_a_barrier_before(A: en.f32, Partial: en.f32, Out: en.f32, Count: en.u32):
    """Thread 0 releases what it did itself: the other threads of its threadgroup may not have written yet."""
    i = en.thread_position_in_grid
    Partial[i] = A[i]
    if en.thread_position_in_threadgroup("x") == 0 and en.atomic_fetch_add(Count, 0, 1, order="acq_rel") == 3:
        whole = 0.0
        for k in en.range(256):
            whole += Partial[k]
        Out[0] = whole


@accused(KIND, "Mean[0]", ones(128), zeros(1), zeros(128), grid=128, threads=32, other="Mean[0] = ", buffer="Mean")
@en.kernel
def grid_wide_barrier_imagined(A: en.f32, Mean: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    if i == 0:
        Mean[0] = A[0]
    en.barrier("mem_device")
    Out[i] = A[i] - Mean[0]


@accused(KIND, "A[n - 2 - i] = low", count(128), 128, grid=64, threads=32, buffer="A", other="A[n - 1 - i]")
@en.kernel
def reversal_off_by_half(A: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    low = A[i]
    A[i] = A[n - 1 - i]
    A[n - 2 - i] = low


@accused(KIND, "Out[i + 1] = ", ones(64), zeros(65), grid=64, threads=32, buffer="Out", also=("unwritten-output",))
@en.kernel
def overlapping_stores(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i]
    Out[i + 1] = A[i] * 2.0


@accused(KIND, "Out[group * 30 + local] = ", count(128), zeros(122), grid=128, threads=32, buffer="Out")
@en.kernel
def tiles_that_overlap(A: en.f32, Out: en.f32):
    group, local = en.threadgroup_position_in_grid("x"), en.thread_position_in_threadgroup("x")
    Out[group * 30 + local] = A[group * 32 + local]


@accused(
    KIND,
    "Data[0]",
    zeros(1),
    zeros(1, dtype=np.uint32),
    zeros(1),
    grid=64,
    threads=32,
    buffer="Data",
    other="Data[0] = 7.0",
)
@en.kernel
def message_passing_relaxed(Data: en.f32, Flag: en.u32, Out: en.f32):
    group = en.threadgroup_position_in_grid("x")
    if en.thread_position_in_threadgroup("x") == 0:
        if group == 0:
            Data[0] = 7.0
            en.atomic_store(Flag, 0, 1)
        elif en.atomic_load(Flag, 0) == 1:
            Out[0] = Data[0]


@accused(
    KIND,
    "Data[0]",
    zeros(1),
    zeros(1, dtype=np.uint32),
    zeros(1),
    grid=64,
    threads=32,
    buffer="Data",
    other="Data[0] = 7.0",
)
@en.kernel
def fence_on_one_side_only(Data: en.f32, Flag: en.u32, Out: en.f32):
    group = en.threadgroup_position_in_grid("x")
    if en.thread_position_in_threadgroup("x") == 0:
        if group == 0:
            Data[0] = 7.0
            en.atomic_thread_fence("mem_device", "release", "device")
            en.atomic_store(Flag, 0, 1)
        elif en.atomic_load(Flag, 0) == 1:
            Out[0] = Data[0]


@accused(
    KIND,
    "Data[0]",
    zeros(1),
    zeros(1, dtype=np.uint32),
    zeros(1),
    grid=64,
    threads=32,
    buffer="Data",
    other="Data[0] = 7.0",
)
@en.kernel
def fences_for_the_threadgroup_only(Data: en.f32, Flag: en.u32, Out: en.f32):
    group = en.threadgroup_position_in_grid("x")
    if en.thread_position_in_threadgroup("x") == 0:
        if group == 0:
            Data[0] = 7.0
            en.atomic_thread_fence("mem_device", "release", "threadgroup")
            en.atomic_store(Flag, 0, 1)
        elif en.atomic_load(Flag, 0) == 1:
            en.atomic_thread_fence("mem_device", "acquire", "threadgroup")
            Out[0] = Data[0]
