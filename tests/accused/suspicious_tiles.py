"""Right kernels with tiles, pipelines, locks and in-place steps that look wrong."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import clean, count, ones, values, zeros

TILED_MMA = en.make_tiled_mma(en.SimdgroupMmaOp(en.f32), (2, 2, 1))
SHARED_COPY = en.make_copy_atom(en.CopyCooperativeOp(), en.f32)


@clean(ones(17, 9), ones(9, 19), zeros(17, 19), 17, 19, 9, grid=(2 * 128, 2), threads=(128, 1))
@en.kernel
def tiled_product_of_odd_sizes(
    A: en.f32, B: en.f32, C: en.f32, m: en.Scalar(en.u32), n: en.Scalar(en.u32), k: en.Scalar(en.u32)
):
    i, j = en.threadgroup_position_in_grid("y"), en.threadgroup_position_in_grid("x")
    a = en.make_tensor(A, en.make_layout((m, k), (k, 1)))
    b = en.make_tensor(B, en.make_layout((n, k), (1, n)))
    c = en.make_tensor(C, en.make_layout((m, n), (n, 1)))
    a, in_a = (en.local_tile(T, (16, 8), (i, None)) for T in (a, en.make_identity_tensor((m, k))))
    b, in_b = (en.local_tile(T, (16, 8), (j, None)) for T in (b, en.make_identity_tensor((n, k))))
    c, in_c = (en.local_tile(T, (16, 16), (i, j)) for T in (c, en.make_identity_tensor((m, n))))
    tile_a = en.threadgroup_alloc(en.f32, layout=en.make_layout((16, 8), (12, 1)))
    tile_b = en.threadgroup_alloc(en.f32, layout=en.make_layout((16, 8), (1, 20)))
    tile_c = en.threadgroup_alloc(en.f32, layout=en.make_layout((16, 16), (20, 1)))
    mine = TILED_MMA.get_slice(en.thread_index_in_threadgroup())
    acc = mine.make_fragment_C(mine.partition_C(tile_c))
    for step in en.range((k + 7) // 8):
        en.copy(SHARED_COPY, a[None, None, step], tile_a, pred=en.elem_less(in_a[None, None, step], (m, k)), fill=0)
        en.copy(SHARED_COPY, b[None, None, step], tile_b, pred=en.elem_less(in_b[None, None, step], (n, k)), fill=0)
        en.barrier()
        en.gemm(TILED_MMA, mine.partition_A(tile_a), mine.partition_B(tile_b), acc)
        en.barrier()
    acc.store(mine.partition_C(tile_c))
    en.barrier()
    en.copy(SHARED_COPY, tile_c, c, pred=en.elem_less(in_c, (m, n)))


@clean(ones(8, 32), ones(32, 8), zeros(8, 8), 32, grid=32, threads=32)
@en.kernel
def pipeline_of_shared_copies(A: en.f32, B: en.f32, C: en.f32, K: en.Scalar(en.u32)):
    t = en.thread_index_in_threadgroup()
    left, right = en.pipeline(en.f32, 64), en.pipeline(en.f32, 64)
    sums = en.threadgroup_alloc(en.f32, 64)
    for e in range(t, 64, 32):
        sums[e] = 0
    for k in range(0, K, 8):
        first = en.async_copy_2d_d2t(left.front(), 0, 8, A, k, K, 8, 8)
        second = en.async_copy_1d_d2t(right.front(), 0, B, k * 8, 64)
        en.async_copy_wait(first, second)
        en.gemm(left.front(), right.front(), sums, M=8, N=8, K=8)
        left.advance()
        right.advance()
    en.barrier()
    en.copy(sums, C, 64, cooperative=True)


@clean(values(*np.random.default_rng(1).permutation(64)), grid=64, threads=64)
@en.kernel
def bitonic_sort_in_a_tile(A: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    t = en.thread_index_in_threadgroup()
    tile[t] = A[t]
    en.barrier()
    for k in (2, 4, 8, 16, 32, 64):
        j = k // 2
        while j > 0:
            other = t ^ j
            if other > t:
                rises = (t & k) == 0
                x, y = tile[t], tile[other]
                if (x > y) == rises:
                    tile[t] = y
                    tile[other] = x
            en.barrier()
            j = j // 2
    A[t] = tile[t]


@clean(ones(64), zeros(64), grid=64, threads=64)
@en.kernel
def scan_in_place_with_two_barriers(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    t = en.thread_index_in_threadgroup()
    tile[t] = A[t]
    en.barrier()
    for offset in (1, 2, 4, 8, 16, 32):
        before = tile[t - offset] if t >= offset else 0.0
        en.barrier()
        tile[t] += before
        en.barrier()
    Out[t] = tile[t]


@clean(ones(1000), zeros(1), 1000, grid=128, threads=64)
@en.kernel
def grid_stride_sum(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i, total = en.thread_position_in_grid, 0.0
    while i < n:
        total += A[i]
        i += en.threads_per_grid("x")
    total = en.simd_sum(total)
    if en.simd_is_first():
        en.atomic_fetch_add(Out, 0, total)


@clean(zeros(1, dtype=np.uint32), zeros(1), grid=128, threads=32)
@en.kernel
def lock_with_acquire_and_release(Lock: en.u32, Total: en.f32):
    if en.thread_index_in_threadgroup() == 0:
        done = False
        while not done:
            won, _ = en.atomic_compare_exchange(Lock, 0, 0, 1, success_order="acquire")
            if won:
                Total[0] += 1.0
                en.atomic_store(Lock, 0, 0, order="release")
                done = True


@clean(ones(64), zeros(64), grid=64, threads=64)
@en.kernel
def message_between_simdgroups(A: en.f32, Out: en.f32):
    """The second simdgroup takes what the first one has said, or nothing: it does not wait."""
    word, flag = en.threadgroup_alloc(en.f32, 1), en.threadgroup_alloc(en.u32, 1)
    t = en.thread_index_in_threadgroup()
    if t == 0:
        flag[0] = 0
    en.barrier()
    x = 0.0
    if t == 0:
        word[0] = A[0]
        en.atomic_thread_fence("mem_threadgroup", "release", "threadgroup")
        en.atomic_store(flag, 0, 1)
    if t == 32 and en.atomic_load(flag, 0) == 1:
        en.atomic_thread_fence("mem_threadgroup", "acquire", "threadgroup")
        x = word[0]
    Out[t] = x


@clean(ones(16), zeros(16), 16, grid=32, threads=32)
@en.kernel
def index_limited_instead_of_guarded(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    x = A[min(i, n - 1)]
    y = en.simd_shuffle_up(x, 1)
    if i < n:
        Out[i] = x + en.where(i == 0, 0.0, y)


@clean(ones(64), zeros(64), grid=64, threads=64)
@en.kernel
def barrier_every_second_round(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    t, x = en.thread_index_in_threadgroup(), 0.0
    for k in en.range(4):
        if k % 2 == 0:
            en.barrier()
            tile[t] = A[t] + x
            en.barrier()
        x += tile[(t + k) % 64]
    Out[t] = x


@clean(ones(4, 16), zeros(4, 16), grid=(16, 4), threads=(16, 4))
@en.kernel
def rows_within_a_simdgroup(A: en.f32, Out: en.f32):
    """With 16 threads in a row, a simdgroup is two rows."""
    tile = en.threadgroup_alloc(en.f32, (4, 16))
    x, y = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    tile[y, x] = A[y * 16 + x]
    en.simd_barrier("mem_threadgroup")
    Out[y * 16 + x] = tile[y ^ 1, 15 - x]


@clean(ones(8, 8), grid=(8, 8), threads=(8, 8))
@en.kernel
def transpose_in_place_by_pairs(A: en.f32):
    x, y = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    if x < y:
        here, there = A[y * 8 + x], A[x * 8 + y]
        A[y * 8 + x] = there
        A[x * 8 + y] = here


@clean(count(16, np.uint8), zeros(4, 4, dtype=np.uint8), grid=4, threads=4)
@en.kernel
def a_vector_by_components_for_each_thread(A: en.u8, Out: en.u8x4):
    t = en.thread_index_in_threadgroup()
    Out[t].x = A[4 * t]
    Out[t].y = A[4 * t + 1]
    Out[t].zw = en.u8x2(A[4 * t + 2], A[4 * t + 3])


@clean(ones(6), zeros(6), grid=6, threads=6)
@en.kernel
def quad_sum_of_a_partial_quad(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = en.quad_sum(A[i])


@clean(count(40, np.uint32), zeros(40, dtype=np.uint32), zeros(1, dtype=np.uint32), grid=40, threads=40)
@en.kernel
def compaction_with_one_atomic_per_simdgroup(A: en.u32, Out: en.u32, Count: en.u32):
    i = en.thread_position_in_grid
    if A[i] % 3 != 0:
        place = en.simd_prefix_exclusive_sum(en.u32(1))
        start = en.u32(0)
        many = en.popcount(en.simd_active_threads_mask())
        if en.simd_is_first():
            start = en.atomic_fetch_add(Count, 0, many)
        Out[en.simd_broadcast_first(start) + place] = A[i]


@clean(values(3, 40, 100, dtype=np.uint32), zeros(3, dtype=np.uint32), grid=3, threads=3)
@en.kernel
def shift_by_the_lowest_bits(A: en.u32, Out: en.u32):
    i = en.thread_position_in_grid
    n = A[i] & 31
    Out[i] = (en.u32(0x80000001) << n) | (en.u32(0x80000001) >> ((32 - n) & 31))


@clean(values(2**31 - 1, 5, dtype=np.int32), zeros(2, dtype=np.int32), grid=2, threads=2)
@en.kernel
def sum_that_wraps_by_way_of_unsigned(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = (A[i].to(en.u32) + 10).to(en.i32)


@clean(values(2**31 - 1, -(2**31), 5, dtype=np.int32), zeros(3, dtype=np.int32), grid=3, threads=3)
@en.kernel
def middle_without_overflow(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    x = A[i]
    Out[i] = x + 1 if x < 2147483647 else x
    Out[i] += en.where(x > -2147483648, 0 - x, 0) // 2


@clean(ones(8, 3), zeros(8, 3), grid=8, threads=8)
@en.kernel
def vectors_of_three(A: en.f32x3, Out: en.f32x3):
    tile = en.threadgroup_alloc(en.f32x3, 8)
    t = en.thread_index_in_threadgroup()
    tile[t] = A[t]
    en.barrier()
    v = tile[7 - t]
    v.y = 2.0
    Out[t] = v.zyx


@clean(ones(3, 2, 2), zeros(2, 2), grid=(2, 2, 2), threads=(2, 2, 2))
@en.kernel
def sum_over_depth_by_one_slice(A: en.f32, Out: en.f32):
    parts = en.threadgroup_alloc(en.f32, (2, 2, 2))
    x, y, z = (en.thread_position_in_threadgroup(axis) for axis in "xyz")
    parts[z, y, x] = A[z * 4 + y * 2 + x]
    en.barrier()
    if z == 0:
        Out[y * 2 + x] = parts[0, y, x] + parts[1, y, x] + A[8 + y * 2 + x]


@clean(count(33), zeros(2), grid=33, threads=33, check="everything")
@en.kernel
def vote_of_a_partial_simdgroup(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    bits = en.simd_ballot(A[i] > 3.0)
    if en.simd_all(A[i] >= 0.0) and en.thread_index_in_simdgroup() == 0:
        Out[en.simdgroup_index_in_threadgroup()] = en.popcount(bits).to(en.f32)


@clean(values(float("nan"), 1.0), ones(8, 8), zeros(8, 8), grid=32, threads=32, check="everything")
@en.kernel
def matrix_with_nan_multiplied(A: en.f32, B: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    t = en.thread_index_in_threadgroup()
    tile[t] = A[t // 17]
    tile[t + 32] = 1.0
    en.barrier()
    c = en.simdgroup_multiply(en.simdgroup_matrix_load(tile, 8), en.simdgroup_matrix_load(B, 8))
    en.simdgroup_matrix_store(c, Out, 8)


@clean(ones(8), ones(8), zeros(8), grid=8, threads=8)
@en.kernel
def neighbour_of_a_texture_after_a_barrier(A: en.f32, T: en.Texture1D(en.f32, "read_write"), Out: en.f32):
    i = en.thread_position_in_grid
    T.write(en.f32x4(A[i]), i)
    en.barrier("mem_texture")
    Out[i] = T.read(7 - i).x


@clean(ones(40), zeros(2), grid=40, threads=40)
@en.kernel
def second_stage_that_chooses_what_is_there(A: en.f32, Out: en.f32):
    parts = en.threadgroup_alloc(en.f32, 32)
    t, lane, s = en.thread_index_in_threadgroup(), en.thread_index_in_simdgroup(), en.simdgroup_index_in_threadgroup()
    total = en.simd_sum(A[t])
    if lane == 0:
        parts[s] = total
    en.barrier()
    x = parts[lane]
    x = en.where(lane < 2, x, 0.0)
    total = en.simd_sum(x)
    if lane == 0:
        Out[s] = total


@clean(ones(8), zeros(8), grid=8, threads=8)
@en.kernel
def register_tensor_that_begins_at_zero(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    acc = en.register_tensor((2,))
    acc[0] += A[i]
    Out[i] = acc[0] + acc[1]


@clean(ones(32), zeros(32), grid=8, threads=8)
@en.kernel
def fragment_that_begins_at_zero(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    out = en.local_tile(en.make_tensor(Out, en.make_layout(32)), (4,), (i,))
    r = en.make_fragment((4,), en.f32)
    r[0] = A[i]
    out.store(r.load())


@clean(ones(8), zeros(8), grid=8, threads=8)
@en.kernel
def floats_divided_by_zero(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i] / (A[i] - 1.0)


@clean(ones(33), zeros(33), grid=33, threads=33)
@en.kernel
def shuffle_with_itself(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    x = en.simd_shuffle_xor(A[i], 0)
    Out[i] = x


@clean(zeros(1), zeros(2, dtype=np.uint32), zeros(1), grid=96, threads=32)
@en.kernel
def message_handed_on_by_a_second_threadgroup(Data: en.f32, Flags: en.u32, Out: en.f32):
    group = en.threadgroup_position_in_grid("x")
    if en.thread_index_in_threadgroup() == 0:
        if group == 0:
            Data[0] = 7.0
            en.atomic_store(Flags, 0, 1, order="release")
        elif group == 1:
            if en.atomic_load(Flags, 0, order="acquire") == 1:
                en.atomic_store(Flags, 1, 1, order="release")
        elif en.atomic_load(Flags, 1, order="acquire") == 1:
            Out[0] = Data[0]


@clean(ones(64), zeros(64), grid=64, threads=64)
@en.kernel
def writes_of_the_own_element_between_reads(A: en.f32, Out: en.f32):
    t = en.thread_index_in_threadgroup()
    tile = en.thread_alloc(en.f32, 4)
    for k in en.range(4):
        tile[k] = A[t] * k.to(en.f32)
    total = 0.0
    for k in en.range(4):
        total += tile[3 - k]
    Out[t] = total


@clean(count(10), values(3, 12, 2, 0, dtype=np.uint32), zeros(4), grid=4, threads=4)
@en.kernel
def gather_guarded_in_a_helper(B: en.f32, Index: en.u32, Out: en.f32):
    i = en.thread_position_in_grid

    def look(j):
        if j >= 10:
            return en.f32(0)
        return B[j]

    Out[i] = look(Index[i])


@clean(count(16, np.int16), zeros(16, dtype=np.int16), grid=16, threads=16)
@en.kernel
def shorts_averaged(A: en.i16, Out: en.i16):
    i = en.thread_position_in_grid
    Out[i] = (A[i] + A[15 - i]) / 2


@clean(ones(64, dtype=np.float16), zeros(64, dtype=np.float16), grid=64, threads=64, check="everything")
@en.kernel
def softmax_row_of_halves(A: en.f16, Out: en.f16):
    parts = en.threadgroup_alloc(en.f32, 2)
    t, s = en.thread_index_in_threadgroup(), en.simdgroup_index_in_threadgroup()
    x = A[t].to(en.f32)
    top = en.simd_max(x)
    if en.simd_is_first():
        parts[s] = top
    en.barrier()
    top = en.fmax(parts[0], parts[1])
    e = en.exp(x - top)
    en.barrier()
    total = en.simd_sum(e)
    if en.simd_is_first():
        parts[s] = total
    en.barrier()
    Out[t] = (e / (parts[0] + parts[1])).to(en.f16)
