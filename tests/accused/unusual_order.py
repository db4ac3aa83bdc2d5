"""Threads that meet unordered, in unusual dress: helpers, loops, fences and barriers of the wrong memory, early returns."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, ones, zeros


def shared_sum(tile, i, x):
    tile[i] = x
    return tile[i ^ 32] + x


@accused("data-race", "return tile[i ^ 32] + x", ones(64), zeros(64), grid=64, threads=64, other="tile[i] = x", buffer="tile",
         also=("uninitialised-read",))  # fmt: skip
@en.kernel
def exchange_in_a_helper(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    i = en.thread_position_in_grid
    Out[i] = shared_sum(tile, i, A[i])


@accused(
    "data-race",
    "tile[1 - stage, i] = ",
    ones(4, 64),
    zeros(64),
    grid=64,
    threads=64,
    other="tile[stage, 63 - i]",
    buffer="tile",
)
@en.kernel
def ping_pong_with_the_barrier_before_the_load(A: en.f32, Out: en.f32):
    """The next stage is stored while slower threads still read that stage from two rounds ago."""
    tile = en.threadgroup_alloc(en.f32, (2, 64))
    i, total, stage = en.thread_position_in_threadgroup("x"), 0.0, en.u32(0)
    tile[0, i] = A[i]
    for k in en.range(1, 4):
        en.barrier()
        total += tile[stage, 63 - i]
        if k > 1:
            total += tile[1 - stage, i]
        tile[1 - stage, i] = A[k * 64 + i]
        total += tile[stage, 63 - i]
        stage = 1 - stage
        tile[1 - stage, i] = total
    Out[i] = total


@accused("data-race", "Out[y * 8 + x] += ", ones(8, 8), zeros(64), grid=(8, 8, 2), threads=(8, 8, 1), buffer="Out")
@en.kernel
def slices_added_in_depth(A: en.f32, Out: en.f32):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    Out[y * 8 + x] += A[y * 8 + x]


@accused("data-race", "Out.write(", ones(8), zeros(4, 4), grid=8, threads=8, buffer="Out", also=("unwritten-output",))
@en.kernel
def texels_written_twice(A: en.f32, Out: en.Texture2D(en.f32, "write")):
    i = en.thread_position_in_grid
    Out.write(en.f32x4(i.to(en.f32)), i % 4, 0)
    Out.write(en.f32x4(1.0), i % 4, 1 + i % 3)


@accused(
    "data-race",
    "Out[i // 4] = ",
    count(16, np.uint8),
    zeros(4, dtype=np.uint8),
    grid=16,
    threads=16,
    buffer="Out",
    other="Out[i // 4] =",
)
@en.kernel
def four_threads_for_a_byte(A: en.u8, Out: en.u8):
    i = en.thread_position_in_grid
    Out[i // 4] = A[i]


@accused("data-race", "parts[k]", ones(256), zeros(4), zeros(1), zeros(1, dtype=np.uint32), grid=256, threads=64, buffer="Parts",
         other="Parts[group]")  # fmt: skip
@en.kernel
def last_block_done_with_a_threadgroup_barrier(A: en.f32, Parts: en.f32, Out: en.f32, Count: en.u32):
    """What one thread has acquired of device memory is not handed to the others by a barrier that names threadgroup memory."""
    i, t, group = en.thread_position_in_grid, en.thread_index_in_threadgroup(), en.threadgroup_position_in_grid()
    parts = Parts
    last = en.threadgroup_alloc(en.u32, 1)
    total = en.threadgroup_alloc(en.f32, 1)
    if t == 0:
        total[0] = 0.0
    en.barrier()
    total.atomic_fetch_add(0, A[i])
    en.barrier()
    if t == 0:
        Parts[group] = total[0]
        last[0] = en.atomic_fetch_add(Count, 0, 1, order="acq_rel")
    en.barrier("mem_threadgroup")
    if last[0] == 3 and t == 1:
        whole = 0.0
        for k in en.range(4):
            whole += parts[k]
        Out[0] = whole


@accused("data-race", "Out[0] = Data[0]", zeros(1), zeros(1, dtype=np.uint32), zeros(1), grid=64, threads=32, other="Data[0] = 7.0",
         buffer="Data")  # fmt: skip
@en.kernel
def fence_of_threadgroup_memory(Data: en.f32, Flag: en.u32, Out: en.f32):
    if en.thread_position_in_threadgroup("x") == 0:
        if en.threadgroup_position_in_grid("x") == 0:
            Data[0] = 7.0
            en.atomic_thread_fence("mem_threadgroup", "release", "device")
            en.atomic_store(Flag, 0, 1)
        elif en.atomic_load(Flag, 0) == 1:
            en.atomic_thread_fence("mem_threadgroup", "acquire", "device")
            Out[0] = Data[0]


@accused("data-race", "Out[0] = Data[0]", zeros(1), zeros(1, dtype=np.uint32), zeros(1), grid=96, threads=32, other="Data[0] = 7.0",
         buffer="Data")  # fmt: skip
@en.kernel
def released_flag_overwritten(Data: en.f32, Flag: en.u32, Out: en.f32):
    """The flag that is acquired comes from a third threadgroup, which has released nothing."""
    group = en.threadgroup_position_in_grid("x")
    if en.thread_position_in_threadgroup("x") == 0:
        if group == 0:
            Data[0] = 7.0
            en.atomic_store(Flag, 0, 1, order="release")
        elif group == 1:
            en.atomic_store(Flag, 0, 2)
        elif en.atomic_load(Flag, 0, order="acquire") == 2:
            Out[0] = Data[0]


@accused(
    "data-race", "Out[t] = Data[31 - t]", zeros(32), zeros(32), grid=32, threads=32, other="Data[t] = ", buffer="Data"
)
@en.kernel
def simdgroup_barrier_of_the_other_memory(Data: en.f32, Out: en.f32):
    t = en.thread_index_in_threadgroup()
    Data[t] = t.to(en.f32)
    en.simd_barrier("mem_threadgroup")
    Out[t] = Data[31 - t]


@accused(
    "data-race",
    "total += tile[k]",
    ones(64),
    zeros(64),
    grid=64,
    threads=64,
    other="tile[t] = A[t] * 2.0",
    buffer="tile",
)
@en.kernel
def barrier_in_one_round_only(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    t, total = en.thread_index_in_threadgroup(), 0.0
    tile[t] = A[t]
    for round in en.range(2):
        if round == 0:
            en.barrier()
        for k in en.range(64):
            total += tile[k]
        if round == 0:
            en.barrier()
            tile[t] = A[t] * 2.0
    Out[t] = total


def wait_here():
    en.barrier()


@accused("barrier-divergence", "en.barrier()", ones(64), zeros(64), grid=64, threads=64, threadgroup=(0, 0, 0))
@en.kernel
def barrier_in_a_helper_in_a_branch(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    if A[i] + en.f32(i) > 40:
        wait_here()
    Out[i] = A[i]


@accused(
    "barrier-divergence",
    "en.barrier()",
    ones(8, 8),
    zeros(8, 8),
    grid=(8, 8),
    threads=(8, 8),
    also=("unwritten-output",),
)
@en.kernel
def border_threads_return(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, (8, 8))
    x, y = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    tile[y, x] = A[y * 8 + x]
    if x == 0 or y == 0 or x == 7 or y == 7:
        return
    en.barrier()
    Out[y * 8 + x] = tile[y - 1, x] + tile[y + 1, x]


@accused("barrier-divergence", "en.barrier()", count(8), zeros(8), grid=8, threads=8)
@en.kernel
def continue_before_the_barrier(A: en.f32, Out: en.f32):
    i, total = en.thread_position_in_grid, 0.0
    for k in en.range(4):
        if A[i] > 5.0 and k == 2:
            continue
        total += A[i]
        en.barrier()
    Out[i] = total


@accused("undefined-collective", "simd_shuffle_down(v, 1)", ones(40, 2), zeros(40, 2), grid=40, threads=40)
@en.kernel
def vector_shuffled_over_the_end(A: en.f32x2, Out: en.f32x2):
    i = en.thread_position_in_grid
    v = A[i]
    Out[i] = v + en.simd_shuffle_down(v, 1)


@accused(
    "undefined-collective", "simd_shuffle_xor(x, 1)", count(32, np.int8), zeros(32, dtype=np.int8), grid=32, threads=32
)
@en.kernel
def bytes_exchanged_in_a_loop_that_lanes_leave(A: en.i8, Out: en.i8):
    i = en.thread_position_in_grid
    x = A[i]
    for k in en.range(4):
        if k > i % 3:
            break
        x = en.simd_shuffle_xor(x, 1)
    Out[i] = x


@accused("undefined-collective", "en.simd_broadcast(x, 0)", ones(64), zeros(64), grid=64, threads=64)
@en.kernel
def lane_zero_returned(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    x = A[i]
    if en.thread_index_in_simdgroup() == 0:
        Out[i] = x
        return
    Out[i] = en.simd_broadcast(x, 0)


@accused("data-race", "T.read(", ones(8), ones(8), zeros(8), grid=8, threads=8)
@en.kernel
def neighbour_of_a_texture_that_is_written(A: en.f32, T: en.Texture1D(en.f32, "read_write"), Out: en.f32):
    i = en.thread_position_in_grid
    T.write(en.f32x4(A[i]), i)
    Out[i] = T.read(7 - i).x


@accused("undefined-collective", "simd_shuffle_rotate", ones(40), zeros(40), grid=40, threads=40)
@en.kernel
def rotation_of_a_partial_simdgroup(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = en.simd_shuffle_rotate_down(A[i], 1)


@accused(
    "data-race",
    "Out[0] = Data[0]",
    zeros(1),
    zeros(2, dtype=np.uint32),
    zeros(1),
    grid=96,
    threads=32,
    buffer="Data",
    other="Data[0] = 7.0",
)
@en.kernel
def message_handed_on_without_acquiring(Data: en.f32, Flags: en.u32, Out: en.f32):
    group = en.threadgroup_position_in_grid("x")
    if en.thread_index_in_threadgroup() == 0:
        if group == 0:
            Data[0] = 7.0
            en.atomic_store(Flags, 0, 1, order="release")
        elif group == 1:
            if en.atomic_load(Flags, 0) == 1:
                en.atomic_store(Flags, 1, 1, order="release")
        elif en.atomic_load(Flags, 1, order="acquire") == 1:
            Out[0] = Data[0]


@accused(
    "data-race",
    "whole += Parts[k]",
    ones(256),
    zeros(256),
    zeros(1),
    zeros(1, dtype=np.uint32),
    grid=256,
    threads=64,
    buffer="Parts",
    other="Parts[i] = A[i]",
)
@en.kernel
def released_after_a_barrier_of_threadgroup_memory(A: en.f32, Parts: en.f32, Out: en.f32, Count: en.u32):
    i = en.thread_position_in_grid
    Parts[i] = A[i]
    en.barrier("mem_threadgroup")
    if en.thread_index_in_threadgroup() == 0 and en.atomic_fetch_add(Count, 0, 1, order="acq_rel") == 3:
        whole = 0.0
        for k in en.range(256):
            whole += Parts[k]
        Out[0] = whole


@accused("data-race", "Out[t] = word[0]", zeros(64), grid=64, threads=64, buffer="word", other="word[0] = 7.0")
@en.kernel
def flag_of_device_order_for_threadgroup_memory(Out: en.f32):
    word, flag = en.threadgroup_alloc(en.f32, 1), en.threadgroup_alloc(en.u32, 1)
    t = en.thread_index_in_threadgroup()
    if t == 0:
        flag[0] = 0
    en.barrier()
    Out[t] = 0.0
    if t == 0:
        word[0] = 7.0
        en.atomic_thread_fence("mem_device", "release", "threadgroup")
        en.atomic_store(flag, 0, 1)
    if t == 32 and en.atomic_load(flag, 0) == 1:
        en.atomic_thread_fence("mem_device", "acquire", "threadgroup")
        Out[t] = word[0]


@accused(
    "data-race",
    "Out[0] = Data[0]",
    zeros(1),
    zeros(1, dtype=np.uint32),
    zeros(1),
    grid=64,
    threads=32,
    buffer="Data",
    other="Data[0] = 7.0",
)
@en.kernel
def flag_looked_at_before_it_is_set(Data: en.f32, Flag: en.u32, Out: en.f32):
    """The fence comes after the release, but the flag was read before."""
    if en.thread_index_in_threadgroup() == 0:
        group = en.threadgroup_position_in_grid("x")
        seen = en.u32(0)
        if group == 1:
            seen = en.atomic_load(Flag, 0)
        if group == 0:
            Data[0] = 7.0
            en.atomic_store(Flag, 0, 1, order="release")
        if group == 1:
            en.atomic_thread_fence("mem_device", "acquire", "device")
            Out[0] = Data[0] + en.f32(seen)


@accused("barrier-divergence", "en.barrier()", zeros(8), 3, grid=8, threads=8, also=("unwritten-output",))
@en.kernel
def return_in_a_nested_loop(Out: en.f32, n: en.Scalar(en.u32)):
    t = en.thread_index_in_threadgroup()
    for k in en.range(4):
        for j in en.range(k):
            if j + k == t:
                return
        en.barrier()
    Out[t] = 1.0


@accused(
    "data-race",
    "parts[s] = total",
    ones(64),
    zeros(64),
    grid=64,
    threads=64,
    buffer="parts",
    other="en.fmax(parts[0], parts[1])",
)
@en.kernel
def softmax_row_that_reuses_its_parts_at_once(A: en.f32, Out: en.f32):
    parts = en.threadgroup_alloc(en.f32, 2)
    t, s = en.thread_index_in_threadgroup(), en.simdgroup_index_in_threadgroup()
    x = A[t]
    top = en.simd_max(x)
    if en.simd_is_first():
        parts[s] = top
    en.barrier()
    top = en.fmax(parts[0], parts[1])
    e = en.exp(x - top)
    total = en.simd_sum(e)
    if en.simd_is_first():
        parts[s] = total
    en.barrier()
    Out[t] = e / (parts[0] + parts[1])
