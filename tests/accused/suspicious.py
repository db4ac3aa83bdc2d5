"""Right kernels that look wrong: tricks that Metal allows, and values that nobody looks at."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

import enigma as en
from tests.accused.corpus import clean, count, ones, values, zeros


@dataclass
class Image:
    width: en.Scalar[en.u32]
    height: en.Scalar[en.u32]

    def inside(self, x, y):
        return (x < self.width) & (y < self.height)


# ---- simdgroups


@clean(ones(32), zeros(1), grid=32, threads=32)
@en.kernel
def tree_of_one_simdgroup_with_simdgroup_barriers(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    t = en.thread_index_in_threadgroup()
    tile[t] = A[t]
    tile[t + 32] = 0.0
    for half in (16, 8, 4, 2, 1):
        en.simd_barrier("mem_threadgroup")
        x = tile[t] + tile[t + half]
        en.simd_barrier("mem_threadgroup")
        tile[t] = x
    if t == 0:
        Out[0] = tile[0]


@clean(ones(128), zeros(128), grid=128, threads=128)
@en.kernel
def each_simdgroup_has_its_own_part_of_the_tile(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 128)
    t, lane, simdgroup = (
        en.thread_index_in_threadgroup(),
        en.thread_index_in_simdgroup(),
        en.simdgroup_index_in_threadgroup(),
    )
    for k in en.range(3):
        tile[t] = A[t] + en.f32(k)
        en.simd_barrier("mem_threadgroup")
        Out[t] = tile[simdgroup * 32 + (31 - lane)]
        en.simd_barrier("mem_threadgroup")


@clean(ones(100), zeros(4), grid=100, threads=100)
@en.kernel
def two_level_reduction_of_a_partial_threadgroup(A: en.f32, Out: en.f32):
    parts = en.threadgroup_alloc(en.f32, 32)
    t, lane, simdgroup = (
        en.thread_index_in_threadgroup(),
        en.thread_index_in_simdgroup(),
        en.simdgroup_index_in_threadgroup(),
    )
    total = en.simd_sum(A[t])
    if lane == 0:
        parts[simdgroup] = total
    en.barrier()
    groups = (en.threads_per_threadgroup("x") + 31) // 32
    if simdgroup == 0:
        x = 0.0
        if lane < groups:
            x = parts[lane]
        total = en.simd_sum(x)
        if lane < 4:
            Out[lane] = total


@clean(count(40), zeros(40), grid=40, threads=40)
@en.kernel
def inclusive_scan_by_shuffles(A: en.f32, Out: en.f32):
    t, lane = en.thread_index_in_threadgroup(), en.thread_index_in_simdgroup()
    x = A[t]
    for delta in (1, 2, 4, 8, 16):
        before = en.simd_shuffle_up(x, delta)
        if lane >= delta:
            x += before
    Out[t] = x


@clean(count(64), zeros(64), grid=64, threads=64)
@en.kernel
def whole_simdgroup_takes_the_branch(A: en.f32, Out: en.f32):
    t = en.thread_index_in_threadgroup()
    x = A[t]
    if en.simdgroup_index_in_threadgroup() == 1:
        x = en.simd_shuffle_xor(x, 1)
    Out[t] = x


@clean(ones(8, 16), ones(16, 8), zeros(8, 8), grid=64, threads=64)
@en.kernel
def two_simdgroups_multiply_halves(A: en.f32, B: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 128)
    t, simdgroup = en.thread_index_in_threadgroup(), en.simdgroup_index_in_threadgroup()
    a = en.simdgroup_matrix_load(A, 16, offset=simdgroup * 8)
    b = en.simdgroup_matrix_load(B, 8, offset=simdgroup * 64)
    en.simdgroup_matrix_store(en.simdgroup_multiply(a, b), tile, 8, offset=simdgroup * 64)
    en.barrier()
    Out[t] = tile[t] + tile[t + 64]


# ---- barriers and buffers


@clean(ones(4, 64), zeros(64), grid=64, threads=64)
@en.kernel
def double_buffer_with_one_barrier_a_round(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, (2, 64))
    t, total = en.thread_index_in_threadgroup(), 0.0
    tile[0, t] = A[t]
    for k in en.range(4):
        en.barrier()
        if k < 3:
            tile[(k + 1) % 2, t] = A[(k + 1) * 64 + t]
        total += tile[k % 2, 63 - t]
    Out[t] = total


@clean(ones(66), zeros(66), grid=64, threads=64, check=True)
@en.kernel
def ping_pong_between_two_device_buffers(A: en.f32, B: en.f32):
    t = en.thread_index_in_threadgroup()
    for _ in en.range(2):
        B[t + 1] = 0.5 * (A[t] + A[t + 2])
        en.barrier("mem_device")
        A[t + 1] = B[t + 1]
        en.barrier("mem_device")


@clean(ones(64), zeros(64), 0, grid=64, threads=32)
@en.kernel
def all_return_before_the_barrier(A: en.f32, Out: en.f32, off: en.Scalar(en.u32)):
    tile = en.threadgroup_alloc(en.f32, 32)
    i, t = en.thread_position_in_grid, en.thread_index_in_threadgroup()
    Out[i] = 1.0
    if off == 0:
        return
    tile[t] = A[i]
    en.barrier()
    Out[i] = tile[31 - t]


@clean(ones(96), zeros(96), 64, grid=96, threads=32)
@en.kernel
def whole_threadgroups_return(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    tile = en.threadgroup_alloc(en.f32, 32)
    i, t, group = en.thread_position_in_grid, en.thread_index_in_threadgroup(), en.threadgroup_position_in_grid()
    if group * 32 >= n:
        Out[i] = 2.0
        return
    tile[t] = A[i]
    en.barrier()
    Out[i] = tile[31 - t]


@clean(ones(64), zeros(64), grid=64, threads=64)
@en.kernel
def barrier_in_a_loop_all_leave_together(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    flag = en.threadgroup_alloc(en.u32, 1)
    t, x = en.thread_index_in_threadgroup(), en.f32(0)
    tile[t] = A[t]
    if t == 0:
        flag[0] = 0
    en.barrier()
    while flag[0] < 3:
        x += tile[63 - t]
        en.barrier()
        if t == 0:
            flag[0] += 1
        en.barrier()
    Out[t] = x


@clean(ones(64), zeros(64), grid=64, threads=64)
@en.kernel
def barrier_of_both_memories(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    t = en.thread_index_in_threadgroup()
    tile[t] = A[t]
    Out[t] = A[t]
    en.barrier("mem_device_and_threadgroup")
    x = Out[63 - t] + tile[63 - t]
    en.barrier("mem_device_and_threadgroup")
    Out[t] = x


@clean(ones(64), zeros(64), grid=64, threads=64)
@en.kernel
def own_elements_again_without_a_barrier(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    t = en.thread_index_in_threadgroup()
    tile[t] = A[t]
    tile[t] += 1.0
    tile[t] *= tile[t]
    Out[t] = tile[t]
    Out[t] += 1.0


@clean(ones(16, 16), zeros(16, 16), grid=(16, 16), threads=(16, 4))
@en.kernel
def transpose_of_a_padded_tile(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, (16, 17))
    x, t = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    first = en.threadgroup_position_in_grid("y") * 4
    for k in en.range(4):
        tile[t + 4 * k, x] = A[(t + 4 * k) * 16 + x]
    en.barrier()
    Out[(first + t) * 16 + x] = tile[x, first + t]


@clean(ones(64), zeros(64), grid=64, threads=64)
@en.kernel
def padding_allocated_and_never_read(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, layout=en.make_layout((8, 8), (9, 1)))
    t = en.thread_index_in_threadgroup()
    tile[t // 8, t % 8] = A[t]
    en.barrier()
    Out[t] = tile[t % 8, t // 8]


@clean(ones(64), zeros(64), grid=64, threads=64)
@en.kernel
def swizzled_tile(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(
        en.f32, layout=en.make_composed_layout(en.Swizzle(3, 0, 3), 0, en.make_layout((8, 8), (8, 1)))
    )
    t = en.thread_index_in_threadgroup()
    tile[t // 8, t % 8] = A[t]
    en.barrier()
    Out[t] = tile[t % 8, t // 8]


# ---- vectors


@clean(ones(8, 4), zeros(8), grid=8, threads=8)
@en.kernel
def vector_set_by_components(A: en.f32x4, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32x4, 8)
    t = en.thread_index_in_threadgroup()
    a = A[t]
    tile[t].x = a.x
    tile[t].y = a.y
    tile[t].z = a.z
    tile[t].w = a.w
    en.barrier()
    Out[t] = en.dot(tile[7 - t], a)


@clean(ones(8, 4), zeros(8), grid=8, threads=8)
@en.kernel
def vector_of_which_two_components_count(A: en.f32x4, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32x4, 8)
    t = en.thread_index_in_threadgroup()
    tile[t].xy = A[t].xy
    en.barrier()
    v = tile[7 - t]
    Out[t] = v.x + v.y


@clean(ones(30), zeros(30), 30, grid=8, threads=8)
@en.kernel
def vector_tail_with_a_limit(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    Out.store(4 * i, A.load(4 * i, 4, limit=n) * 2.0, limit=n)


@clean(count(16, np.uint32), zeros(16, dtype=np.uint32), grid=4, threads=4)
@en.kernel
def bytes_of_words(A: en.u32, Out: en.u32):
    i = en.thread_position_in_grid
    v = A.load(4 * i, 4)
    b = en.as_type(v.x, en.u8x4)
    Out[4 * i] = en.as_type(b.wzyx, en.u32)
    Out[4 * i + 1] = en.as_type(en.as_type(v.y, en.f32), en.u32)
    Out[4 * i + 2] = en.as_type(en.as_type(v.z, en.i32), en.u32)
    Out[4 * i + 3] = en.as_type(en.i32(-1), en.u32)


# ---- numbers


@clean(values(250, 10, dtype=np.uint8), values(100, 20, dtype=np.uint8), zeros(2, dtype=np.uint8), grid=2, threads=2)
@en.kernel
def saturated_bytes(A: en.u8, B: en.u8, Out: en.u8):
    i = en.thread_position_in_grid
    Out[i] = en.add_sat(A[i], B[i])


@clean(values(2**31 - 1, -(2**31), dtype=np.int32), zeros(2, dtype=np.int32), grid=2, threads=2)
@en.kernel
def saturated_ints(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = en.sub_sat(en.add_sat(A[i], 5), A[i])


@clean(values(1, 2**32 - 1, dtype=np.uint32), zeros(2, dtype=np.uint32), grid=2, threads=2)
@en.kernel
def unsigned_wraps_around(A: en.u32, Out: en.u32):
    i = en.thread_position_in_grid
    x = A[i] - 2
    x = x * 2654435761 + 12345
    x ^= x << 13
    x ^= x >> 17
    x ^= x << 5
    Out[i] = -x


@clean(values(1, 2**63, dtype=np.uint64), zeros(2, dtype=np.uint64), grid=2, threads=2)
@en.kernel
def splitmix(A: en.u64, Out: en.u64):
    i = en.thread_position_in_grid
    z = A[i] + 0x9E3779B97F4A7C15
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB
    Out[i] = z ^ (z >> 31)


@clean(values(200, 100, dtype=np.int32), zeros(2, dtype=np.int8), grid=2, threads=2)
@en.kernel
def conversion_that_is_written(A: en.i32, Out: en.i8):
    i = en.thread_position_in_grid
    Out[i] = A[i].to(en.i8)


@clean(values(300.0, -5.0, 1.5), zeros(3, dtype=np.uint8), grid=3, threads=3)
@en.kernel
def clamped_before_the_conversion(A: en.f32, Out: en.u8):
    i = en.thread_position_in_grid
    Out[i] = en.clamp(A[i], 0.0, 255.0).to(en.u8)


@clean(values(4, 0, 2, dtype=np.uint32), zeros(3, dtype=np.uint32), grid=3, threads=3)
@en.kernel
def guarded_division(A: en.u32, Out: en.u32):
    i = en.thread_position_in_grid
    Out[i] = 100 // A[i] if A[i] != 0 else 0


@clean(values(4, 0, 32, dtype=np.uint32), zeros(3, dtype=np.uint32), grid=3, threads=3)
@en.kernel
def guarded_shift(A: en.u32, Out: en.u32):
    i = en.thread_position_in_grid
    Out[i] = 0
    if A[i] < 32:
        Out[i] = en.u32(1) << A[i]


@clean(values(2.0, 0.0, -1.0), zeros(3), grid=3, threads=3, check="everything")
@en.kernel
def root_of_what_is_positive(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    x = A[i]
    Out[i] = en.sqrt(x) if x > 0.0 else 0.0


@clean(values(5, 0, -2, dtype=np.int32), zeros(3, dtype=np.int32), grid=3, threads=3)
@en.kernel
def choices_that_keep_from_dividing(A: en.i32, Out: en.i32):
    """In Metal, as in Python, what is not chosen is not computed."""
    i = en.thread_position_in_grid
    n = A[i]
    x = 100 // n if n != 0 else 0
    if n != 0 and 100 % n > 3:
        x += 1
    if n == 0 or 7 // n < 2:
        x += 2
    Out[i] = x + en.where(n == 0, 0, 50 / n * 2)


@clean(values(-5, 7, dtype=np.int32), zeros(2, dtype=np.int32), grid=2, threads=2)
@en.kernel
def python_remainder_of_negative_ints(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = A[i] % 3 + A[i] // 3


@clean(values(float("-inf"), 1.0, float("-inf")), zeros(3), grid=3, threads=3, check="everything")
@en.kernel
def maximum_of_a_masked_row(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    top = en.simd_max(A[i])
    Out[i] = en.exp(A[i] - top) / en.simd_sum(en.exp(A[i] - top))


# ---- atomics


@clean(ones(256), zeros(4), zeros(1), zeros(1, dtype=np.uint32), grid=256, threads=64)
@en.kernel
def last_block_done_by_all_threads(A: en.f32, Parts: en.f32, Out: en.f32, Count: en.u32):
    i, t, group = en.thread_position_in_grid, en.thread_index_in_threadgroup(), en.threadgroup_position_in_grid()
    last, whole = en.threadgroup_alloc(en.u32, 1), en.threadgroup_alloc(en.f32, 1)
    if t == 0:
        whole[0] = 0.0
    en.barrier()
    whole.atomic_fetch_add(0, A[i])
    en.barrier()
    if t == 0:
        Parts[group] = whole[0]
        last[0] = en.atomic_fetch_add(Count, 0, 1, order="acq_rel")
    en.barrier("mem_device_and_threadgroup")
    if last[0] == 3:
        x = Parts[t] if t < 4 else 0.0
        x = en.simd_sum(x)
        if t == 0:
            Out[0] = x


@clean(ones(256), zeros(256), zeros(1), zeros(1, dtype=np.uint32), grid=256, threads=64)
@en.kernel
def last_block_done_with_fences(A: en.f32, Parts: en.f32, Out: en.f32, Count: en.u32):
    i, t = en.thread_position_in_grid, en.thread_index_in_threadgroup()
    last = en.threadgroup_alloc(en.u32, 1)
    Parts[i] = A[i] * 2.0
    en.atomic_thread_fence("mem_device", "seq_cst", "device")
    en.barrier("mem_device")
    if t == 0:
        en.atomic_thread_fence("mem_device", "seq_cst", "device")
        last[0] = en.atomic_fetch_add(Count, 0, 1)
        en.atomic_thread_fence("mem_device", "seq_cst", "device")
    en.barrier("mem_device_and_threadgroup")
    if last[0] == 3:
        x = 0.0
        for k in en.range(t, 256, 64):
            x += Parts[k]
        x = en.simd_sum(x)
        if en.thread_index_in_simdgroup() == 0:
            en.atomic_fetch_add(Out, 0, x)


@clean(zeros(1), zeros(1, dtype=np.uint32), zeros(1), grid=96, threads=32)
@en.kernel
def release_sequence_of_exchanges(Data: en.f32, Flag: en.u32, Out: en.f32):
    """A relaxed operation that reads and changes the flag hands on what was released before it."""
    group = en.threadgroup_position_in_grid("x")
    if en.thread_position_in_threadgroup("x") == 0:
        if group == 0:
            Data[0] = 7.0
            en.atomic_store(Flag, 0, 1, order="release")
        elif group == 1:
            en.atomic_fetch_add(Flag, 0, 1)
        elif en.atomic_load(Flag, 0, order="acquire") == 2:
            Out[0] = Data[0]


@clean(count(64, np.uint32), zeros(16, dtype=np.uint32), grid=64, threads=32)
@en.kernel
def hash_table_by_compare_exchange(A: en.u32, Table: en.u32):
    key = (A[en.thread_position_in_grid] % 12) + 1
    slot, placed = key * 7 % 16, False
    while not placed:
        won, found = en.atomic_compare_exchange(Table, slot, 0, key)
        placed = won | (found == key)
        slot = (slot + 1) % 16


@clean(values(3, 0, 2, 1, dtype=np.uint32), ones(4), zeros(4), grid=4, threads=4)
@en.kernel
def permutation_scattered(Place: en.u32, A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[Place[i]] = A[i]


@clean(ones(256), zeros(256), grid=64, threads=32)
@en.kernel
def disjoint_strides(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    for k in en.range(4):
        Out[i + 64 * k] = A[i + 64 * k]
        Out[i + 64 * k] += Out[i + 64 * k]


# ---- grids, structs, textures, loops


@clean(ones(5, 7), zeros(5, 7), {"width": 7, "height": 5}, grid=(8, 8), threads=(4, 4))
@en.kernel
def guard_in_a_method(A: en.f32, Out: en.f32, image: Image):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    if image.inside(x, y):
        Out[y * image.width + x] = A[y * image.width + x]


@clean(ones(3, 5, 7), zeros(3, 5, 7), grid=(7, 5, 3), threads=(4, 2, 2))
@en.kernel
def ragged_in_three_axes(A: en.f32, Out: en.f32):
    x, y, z = (en.thread_position_in_grid_xyz(axis) for axis in "xyz")
    i = (z * 5 + y) * 7 + x
    total = A[i]
    if x > 0:
        total += A[i - 1]
    if x < 6:
        total += A[i + 1]
    Out[i] = total


@clean(ones(8, 8), zeros(8, 8), grid=(8, 8), threads=(4, 4))
@en.kernel
def texture_read_over_the_edge(Image: en.Texture2D(en.f32, "read"), Out: en.Texture2D(en.f32, "write")):
    """Outside of a texture Metal reads 0, and drops what is written."""
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    Out.write(Image.read(x + 1, y) + Image.read(x - 1, y), x, y)


@clean(count(10), zeros(10), 10, grid=10, threads=10)
@en.kernel
def search_with_break_and_continue(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i, best = en.thread_position_in_grid, -1.0
    for k in en.range(n):
        if A[k] < A[i]:
            continue
        best = A[k]
        break
    Out[i] = best


@clean(ones(64, dtype=ml_dtypes.bfloat16), zeros(64, dtype=np.int8), grid=64, threads=64)
@en.kernel
def quantised_bfloats(A: en.bf16, Out: en.i8):
    i = en.thread_position_in_grid
    Out[i] = en.clamp(en.round(A[i].to(en.f32) * 100.0), -127.0, 127.0).to(en.i8)


@clean(count(32), zeros(32), grid=32, threads=32)
@en.kernel
def guarded_by_and(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = 1.0 if i + 1 < 32 and A[i + 1] > A[i] else 0.0


@clean(ones(33), zeros(33), grid=33, threads=33)
@en.kernel
def array_of_a_thread_set_in_a_branch(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    own = en.thread_alloc(en.f32, 4)
    n = en.u32(0)
    for k in en.range(4):
        if (i + k) % 2 == 0:
            own[n] = A[i]
            n += 1
    total = 0.0
    for k in en.range(n):
        total += own[k]
    Out[i] = total


@clean(ones(60), zeros(64), grid=32, threads=32)
@en.kernel
def cooperative_copy_with_the_rest_filled(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    t = en.thread_index_in_threadgroup()
    en.copy(A, tile, 60, cooperative=True)
    if t < 4:
        tile[60 + t] = 0.0
    en.barrier()
    Out[t] = tile[63 - t]
    Out[t + 32] = tile[31 - t]


@clean(zeros(64), grid=32, threads=32)
@en.kernel
def output_accumulated_in_two_steps(Out: en.f32):
    t = en.thread_index_in_threadgroup()
    Out[t] = 1.0
    Out[t + 32] = 1.0
    en.barrier("mem_device")
    Out[(t + 1) % 32] = 2.0


@clean(lambda made: np.zeros(128, np.float32), lambda made: np.ones(128, np.float32)[64:], grid=64, threads=64)
@en.kernel
def reads_one_buffer_writes_another(Out: en.f32, A: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i]
    Out[i + 64] = -A[i]
