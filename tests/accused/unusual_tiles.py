"""Tiles, fragments, pipelines, matrices and locks that go wrong."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, ones, values, zeros

TILED_MMA = en.make_tiled_mma(en.SimdgroupMmaOp(en.f32), (1, 1, 1))
SHARED_COPY = en.make_copy_atom(en.CopyCooperativeOp(), en.f32)


# ---- tiles and fragments


@accused("out-of-bounds", "part.load()", ones(30), zeros(32), grid=8, threads=8, buffer="A", index=30)
@en.kernel
def fragments_over_the_end(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    a, out = en.make_tensor(A, en.make_layout(32)), en.make_tensor(Out, en.make_layout(32))
    part = en.local_tile(a, (4,), (i,))
    en.local_tile(out, (4,), (i,)).store(part.load())


@accused("data-race", "rows[i, k] = ", ones(4), zeros(16), grid=4, threads=4, buffer="Out", also=("unwritten-output",))
@en.kernel
def rows_that_overlap_by_one(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    rows = en.make_tensor(Out, en.make_layout((4, 4), (3, 1)))
    for k in range(4):
        rows[i, k] = A[i] + i.to(en.f32)


@accused(
    "out-of-bounds", "en.copy(SHARED_COPY, a, tile)", ones(60), zeros(64), grid=32, threads=32, buffer="A", index=60
)
@en.kernel
def tile_copied_without_a_predicate(A: en.f32, Out: en.f32):
    t = en.thread_index_in_threadgroup()
    a = en.make_tensor(A, en.make_layout((8, 8), (8, 1)))
    tile = en.threadgroup_alloc(en.f32, layout=en.make_layout((8, 8), (8, 1)))
    en.copy(SHARED_COPY, a, tile)
    en.barrier()
    Out[t] = tile[t // 8, t % 8]
    Out[t + 32] = tile[4 + t // 8, t % 8]


@accused("data-race", "Out[t] = tile[t % 8, t // 8]", ones(64), zeros(64), grid=32, threads=32, buffer="tile",
         other="en.copy(SHARED_COPY, a, tile)", also=("unwritten-output", "uninitialised-read"))  # fmt: skip
@en.kernel
def tile_read_before_the_copy_is_done(A: en.f32, Out: en.f32):
    t = en.thread_index_in_threadgroup()
    a = en.make_tensor(A, en.make_layout((8, 8), (8, 1)))
    tile = en.threadgroup_alloc(en.f32, layout=en.make_layout((8, 8), (8, 1)))
    en.copy(SHARED_COPY, a, tile)
    Out[t] = tile[t % 8, t // 8]


@accused(
    "uninitialised-read", "en.gemm(TILED_MMA", ones(8, 8), ones(8, 8), zeros(8, 8), grid=32, threads=32, buffer="tile_b"
)
@en.kernel
def product_with_a_tile_nobody_filled(A: en.f32, B: en.f32, C: en.f32):
    t = en.thread_index_in_threadgroup()
    a, c = (en.make_tensor(X, en.make_layout((8, 8), (8, 1))) for X in (A, C))
    tile_a = en.threadgroup_alloc(en.f32, layout=en.make_layout((8, 8), (8, 1)))
    tile_b = en.threadgroup_alloc(en.f32, layout=en.make_layout((8, 8), (1, 8)))
    mine = TILED_MMA.get_slice(t)
    en.copy(SHARED_COPY, a, tile_a)
    en.barrier()
    acc = mine.make_fragment_C(mine.partition_C(c))
    en.gemm(TILED_MMA, mine.partition_A(tile_a), mine.partition_B(tile_b), acc)
    acc.store(mine.partition_C(c))


@accused(
    "data-race",
    "en.copy(SHARED_COPY, a[None, None, step], tile_a)",
    ones(8, 32),
    ones(8, 8),
    zeros(8, 8),
    grid=64,
    threads=64,
    buffer="tile_a",
    other="en.gemm(TWO",
)
@en.kernel
def tiled_product_without_the_second_barrier(A: en.f32, B: en.f32, C: en.f32):
    TWO = en.make_tiled_mma(en.SimdgroupMmaOp(en.f32), (2, 1, 1))
    t = en.thread_index_in_threadgroup()
    a = en.local_tile(en.make_tensor(A, en.make_layout((16, 16), (16, 1))), (16, 8), (0, None))
    b = en.make_tensor(B, en.make_layout((8, 8), (8, 1)))
    tile_a = en.threadgroup_alloc(en.f32, layout=en.make_layout((16, 8), (8, 1)))
    tile_c = en.threadgroup_alloc(en.f32, layout=en.make_layout((16, 8), (8, 1)))
    mine = TWO.get_slice(t)
    acc = mine.make_fragment_C(mine.partition_C(tile_c))
    for step in en.range(2):
        en.copy(SHARED_COPY, a[None, None, step], tile_a)
        en.barrier()
        en.gemm(TWO, mine.partition_A(tile_a), mine.partition_B(b), acc)
    acc.store(mine.partition_C(tile_c))
    en.barrier()
    C[t] = tile_c[t // 8, t % 8]


@accused(
    "data-race",
    "front[63 - t]",
    ones(256),
    zeros(64),
    grid=64,
    threads=64,
    buffer="stages",
    also=("uninitialised-read",),
)
@en.kernel
def pipeline_read_without_waiting(A: en.f32, Out: en.f32):
    t, total = en.thread_index_in_threadgroup(), 0.0
    stages = en.pipeline(en.f32, 64)
    for k in en.range(4):
        front = stages.front()
        front[t] = A[k * 64 + t]
        total += front[63 - t]
        stages.advance()
    Out[t] = total


@accused(
    "out-of-bounds",
    "simdgroup_matrix_store(c, Out, 10",
    ones(8, 8),
    zeros(72),
    grid=32,
    threads=32,
    buffer="Out",
    index=72,
    also=("unwritten-output",),
)
@en.kernel
def matrix_stored_with_a_longer_row(A: en.f32, Out: en.f32):
    c = en.simdgroup_matrix_load(A, 8)
    en.simdgroup_matrix_store(c, Out, 10)


@accused("data-race", "simdgroup_matrix_store(c, Out, 8)", ones(8, 8), zeros(8, 8), grid=64, threads=64, buffer="Out")
@en.kernel
def every_simdgroup_stores_its_matrix_there(A: en.f32, Out: en.f32):
    c = en.simdgroup_matrix_load(A, 8) * (en.simdgroup_index_in_threadgroup() + 1).to(en.f32)
    en.simdgroup_matrix_store(c, Out, 8)


@accused(
    "out-of-bounds", "x[at]", ones(8), zeros(8), 8, grid=8, threads=8, buffer="x", options={"constants": {"radius": 2}}
)
@en.kernel
def radius_of_a_function_constant(x: en.f32, out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    radius = en.function_constant(en.u32, 0, default=0)
    total = 0.0
    for k in en.range(radius + 1):
        at = i + k
        total += x[at]
    out[i] = total


# ---- threads that meet


@accused(
    "data-race",
    "tile[(y + 2) % 4, x]",
    ones(4, 16),
    zeros(4, 16),
    grid=(16, 4),
    threads=(16, 4),
    buffer="tile",
    other="tile[y, x] = ",
)
@en.kernel
def simdgroup_barrier_for_rows_of_two_simdgroups(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, (4, 16))
    x, y = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    tile[y, x] = A[y * 16 + x]
    en.simd_barrier("mem_threadgroup")
    Out[y * 16 + x] = tile[(y + 2) % 4, x]


@accused(
    "data-race",
    "Total[0] += 1.0",
    zeros(1, dtype=np.uint32),
    zeros(1),
    grid=128,
    threads=32,
    buffer="Total",
    other="Total[0] += 1.0",
)
@en.kernel
def lock_without_order(Lock: en.u32, Total: en.f32):
    if en.thread_index_in_threadgroup() == 0:
        done = False
        while not done:
            won, _ = en.atomic_compare_exchange(Lock, 0, 0, 1)
            if won:
                Total[0] += 1.0
                en.atomic_store(Lock, 0, 0)
                done = True


@accused("data-race", "Out[0] = Data[0]", zeros(1), zeros(1, dtype=np.uint32), zeros(1), grid=64, threads=32, buffer="Data",
         other="Data[0] = 7.0")  # fmt: skip
@en.kernel
def message_read_whether_it_has_come_or_not(Data: en.f32, Flag: en.u32, Out: en.f32):
    if en.thread_index_in_threadgroup() == 0:
        if en.threadgroup_position_in_grid("x") == 1:
            seen = en.atomic_load(Flag, 0, order="acquire")
            en.atomic_store(Flag, 1 - 1, seen)
        if en.threadgroup_position_in_grid("x") == 0:
            Data[0] = 7.0
            en.atomic_store(Flag, 0, 1, order="release")
        else:
            Out[0] = Data[0]


@accused("data-race", "A[y * 8 + x] = ", ones(8, 8), grid=(8, 8), threads=(8, 8), buffer="A")
@en.kernel
def transpose_in_place(A: en.f32):
    x, y = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    if x != y:
        A[y * 8 + x] = A[x * 8 + y]


@accused("data-race", "words[t // 4].", count(16, np.uint8), zeros(4, 4, dtype=np.uint8), grid=16, threads=16, buffer="words",
         also=("uninitialised-read",))  # fmt: skip
@en.kernel
def four_threads_set_components_of_a_vector(A: en.u8, Out: en.u8x4):
    """A component is set by storing the whole vector."""
    words = en.threadgroup_alloc(en.u8x4, 4)
    t = en.thread_index_in_threadgroup()
    if t % 2 == 0:
        words[t // 4].x = A[t]
    else:
        words[t // 4].y = A[t]
    en.barrier()
    if t < 4:
        Out[t] = words[t]


@accused(
    "barrier-divergence", "async_copy_1d_d2t", ones(64), zeros(32), grid=32, threads=32, also=("uninitialised-read",)
)
@en.kernel
def copy_begun_by_half_of_the_threads(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    t = en.thread_index_in_threadgroup()
    if t < 16:
        event = en.async_copy_1d_d2t(tile, 0, A, 0, 64)
        en.async_copy_wait(event)
    en.barrier()
    Out[t] = tile[t]


@accused(
    "data-race",
    "Out[en.simd_broadcast_first(start)",
    count(40, np.uint32),
    zeros(40, dtype=np.uint32),
    zeros(1, dtype=np.uint32),
    grid=40,
    threads=40,
    buffer="Out",
    also=("unwritten-output",),
)
@en.kernel
def lanes_counted_where_only_one_is_active(A: en.u32, Out: en.u32, Count: en.u32):
    i = en.thread_position_in_grid
    if A[i] % 3 != 0:
        place = en.simd_prefix_exclusive_sum(en.u32(1))
        start = en.u32(0)
        if en.simd_is_first():
            start = en.atomic_fetch_add(Count, 0, en.popcount(en.simd_active_threads_mask()))
        Out[en.simd_broadcast_first(start) + place] = A[i]


@accused("undefined-collective", "quad_shuffle_down(x, 1)", count(16), zeros(16), grid=16, threads=16)
@en.kernel
def quad_sum_that_a_lane_has_left(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    x = A[i]
    if i % 4 != 3:
        x += en.quad_shuffle_down(x, 1)
    Out[i] = x


@accused(
    "unwritten-output", "Out: en.f32", count(70), zeros(70), 70, grid=64, threads=32, buffer="Out", index=64, count=6
)
@en.kernel
def grid_stride_loop_without_the_stride(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    while i < n:
        Out[i] = A[i]
        i += 128


@accused("division-by-zero", "t % width", values(0, dtype=np.uint32), zeros(32), grid=32, threads=32, value=0, count=32)
@en.kernel
def column_of_an_empty_image(Width: en.u32, Out: en.f32):
    t = en.thread_index_in_threadgroup()
    width = Width[0]
    column = t % width
    Out[t] = column.to(en.f32)


@accused("integer-overflow", "x + step", values(2**31 - 2, dtype=np.int32), zeros(1, dtype=np.int32), grid=1, threads=1)
@en.kernel
def overflow_that_a_choice_takes(A: en.i32, Out: en.i32):
    x, step = A[0], en.i32(5)
    Out[0] = x + step if x > 0 else x


@accused(
    "value-changing-conversion",
    "left[i] - right[i]",
    values(3, dtype=np.uint32),
    values(-5, dtype=np.int32),
    zeros(1, dtype=np.int64),
    grid=1,
    threads=1,
    severity="warning",
    value=-5,
)
@en.kernel
def difference_of_mixed_signs(left: en.u32, right: en.i32, Out: en.i64):
    i = en.thread_position_in_grid
    Out[i] = left[i] - right[i]
