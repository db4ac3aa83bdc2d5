"""Wrong accesses in unusual dress: through helpers, structs, vectors, layouts, textures and odd grids."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, ones, values, zeros


@dataclass
class Image:
    width: en.Scalar[en.u32]
    height: en.Scalar[en.u32]

    def at(self, x, y):
        return y * self.width + x


def clamped_wrongly(x, low, high):
    return en.where(x > high, high, x)


def put(Out, i, x):
    Out[i] = x


@accused("out-of-bounds", "Out[i] = x", ones(40), zeros(40), grid=64, threads=32, buffer="Out", index=40, thread=(40, 0, 0),
         also=("out-of-bounds",), threadgroup=(1, 0, 0), count=24)  # fmt: skip
@en.kernel
def store_in_a_helper(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    put(Out, i, A[i % 40])


@accused("out-of-bounds", "A[image.at(x, y + 1)]", ones(6, 8), zeros(6, 8), {"width": 8, "height": 6}, grid=(8, 6), threads=(4, 2),
         buffer="A", index=48, thread=(0, 5, 0))  # fmt: skip
@en.kernel
def row_below_the_image(A: en.f32, Out: en.f32, image: Image):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    Out[image.at(x, y)] = A[image.at(x, y + 1)]


@accused(
    "out-of-bounds",
    "A[clamped_wrongly(x - 1, 0, 7)]",
    ones(8),
    zeros(8),
    grid=8,
    threads=8,
    buffer="A",
    index=-1,
    thread=(0, 0, 0),
)
@en.kernel
def clamp_of_one_end(A: en.f32, Out: en.f32):
    x = en.thread_position_in_grid.to(en.i32)
    Out[x] = A[clamped_wrongly(x - 1, 0, 7)]


@accused("out-of-bounds", "A[z * 16 + y * 4 + x + 1]", ones(64), zeros(64), grid=(4, 4, 4), threads=(2, 2, 2), buffer="A", index=64,
         thread=(3, 3, 3), threadgroup=(1, 1, 1), count=1)  # fmt: skip
@en.kernel
def corner_of_a_cube(A: en.f32, Out: en.f32):
    x, y, z = (en.thread_position_in_grid_xyz(axis) for axis in "xyz")
    Out[z * 16 + y * 4 + x] = A[z * 16 + y * 4 + x + 1]


@accused(
    "out-of-bounds", "A.load(4 * i, 4)", ones(30), zeros(32), grid=8, threads=8, buffer="A", index=30, thread=(7, 0, 0)
)
@en.kernel
def vector_tail_read(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out.store(4 * i, A.load(4 * i, 4))


@accused("out-of-bounds", "T[i, j]", ones(6, 5), zeros(30), grid=30, threads=30, buffer="A")
@en.kernel
def tensor_of_too_many_rows(A: en.f32, Out: en.f32):
    k = en.thread_position_in_grid
    i, j = k % 6, k // 6
    T = en.make_tensor(A, en.make_layout((6, 5), (6, 1)))
    Out[k] = T[i, j]


@accused(
    "out-of-bounds", "tile[i, i]", zeros(8), grid=8, threads=8, buffer="tile", index=56, also=("uninitialised-read",)
)
@en.kernel
def eighth_column_of_seven(Out: en.f32):
    """Rows of 7: the eighth element of a row is the first of the next one, and of the last row there is none."""
    i = en.thread_position_in_threadgroup("x")
    tile = en.threadgroup_alloc(en.f32, (8, 7))
    for k in en.range(7):
        tile[i, k] = 1.0
    Out[i] = tile[i, i]


@accused(
    "out-of-bounds",
    "found[x[i] // 16]",
    values(3, 200, 128, 127, dtype=np.uint8),
    zeros(4, dtype=np.uint32),
    grid=4,
    threads=4,
    buffer="found",
    index=12,
    value=None,
)
@en.kernel
def bin_of_a_bright_byte(x: en.u8, Out: en.u32):
    i = en.thread_position_in_grid
    found = en.thread_alloc(en.u32, 8, fill=0)
    found[x[i] // 16] += 1
    Out[i] = found[0]


@accused("out-of-bounds", "Out[at] = 1.0", count(4, np.int64), zeros(16), grid=4, threads=4, buffer="Out", index=2**33 + 8,
         also=("unwritten-output",))  # fmt: skip
@en.kernel
def long_index(A: en.i64, Out: en.f32):
    i = en.thread_position_in_grid
    at = A[i] * 4
    if at > 4:
        at += 1 << 33
    Out[at] = 1.0


@accused("out-of-bounds", "A[k + 1]", ones(10), zeros(1), grid=1, threads=1, buffer="A", index=10)
@en.kernel
def while_with_a_break_too_late(A: en.f32, Out: en.f32):
    k, total = en.u32(0), 0.0
    while True:
        total += A[k + 1]
        k += 1
        if k == 10:
            break
    Out[0] = total


@accused(
    "out-of-bounds",
    "Bins",
    values(7, dtype=np.uint32),
    zeros(4, dtype=np.uint32),
    grid=1,
    threads=1,
    buffer="Bins",
    index=7,
)
@en.kernel
def atomic_past_the_bins(A: en.u32, Bins: en.u32):
    Bins.atomic_fetch_add(A[0], 1)


@accused("out-of-bounds", "WEIGHTS[k + 1]", ones(4), zeros(4), grid=4, threads=4, index=3)
@en.kernel
def table_read_past_its_end(A: en.f32, Out: en.f32):
    WEIGHTS = en.constant((1.0, 2.0, 3.0), en.f16)
    i, total = en.thread_position_in_grid, en.f32(0)
    for k in en.range(3):
        total += A[i] * WEIGHTS[k + 1]
    Out[i] = total


@accused("out-of-bounds", "en.copy(A, tile, 64", ones(60), zeros(64), grid=32, threads=32, buffer="A", index=60)
@en.kernel
def cooperative_copy_of_too_much(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    i = en.thread_index_in_threadgroup()
    en.copy(A, tile, 64, cooperative=True)
    en.barrier()
    Out[i] = tile[i]
    Out[i + 32] = tile[i + 32]


@accused("uninitialised-read", "tile[i].w", ones(8, 4), zeros(8), grid=8, threads=8, buffer="tile")
@en.kernel
def last_component_never_set(A: en.f32x4, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32x4, 8)
    i = en.thread_position_in_grid
    tile[i].x = A[i].x
    tile[i].y = A[i].y
    en.barrier()
    Out[i] = tile[i].w


@accused("uninitialised-read", "own[k]", ones(4), zeros(4), grid=4, threads=4, buffer="own", index=3)
@en.kernel
def loop_left_before_the_array_was_full(A: en.f32, Out: en.f32):
    i, total = en.thread_position_in_grid, 0.0
    own = en.thread_alloc(en.f32, 4)
    for k in en.range(4):
        if k == 3:
            continue
        own[k] = A[i]
    for k in en.range(4):
        total += own[k]
    Out[i] = total


@accused(
    "uninitialised-read",
    "plain[j, i]",
    ones(33),
    zeros(33),
    grid=33,
    threads=33,
    buffer="plain",
    index=40,
    thread=(5, 0, 0),
)
@en.kernel
def transpose_of_what_a_partial_threadgroup_wrote(A: en.f32, Out: en.f32):
    plain = en.threadgroup_alloc(en.f32, layout=en.make_layout((8, 8), (8, 1)))
    t = en.thread_index_in_threadgroup()
    i, j = t // 8, t % 8
    plain[i, j] = A[t]
    en.barrier()
    Out[t] = plain[j, i]


@accused(
    "uninitialised-read",
    "atomic_fetch_max(top, 0, A[i])",
    count(32, np.uint32),
    zeros(1, dtype=np.uint32),
    grid=32,
    threads=32,
    buffer="top",
    index=0,
)
@en.kernel
def maximum_from_nowhere(A: en.u32, Out: en.u32):
    top = en.threadgroup_alloc(en.u32, 1)
    i = en.thread_position_in_grid
    en.atomic_fetch_max(top, 0, A[i])
    en.barrier()
    if i == 0:
        Out[0] = top[0]


@accused(
    "unwritten-output",
    "Out: en.bf16",
    ones(64, dtype=ml_dtypes.bfloat16),
    zeros(64, dtype=ml_dtypes.bfloat16),
    grid=32,
    threads=32,
    buffer="Out",
    index=1,
    count=32,
)
@en.kernel
def every_other_bfloat(A: en.bf16, Out: en.bf16):
    i = en.thread_position_in_grid
    Out[2 * i] = A[i]


@accused(
    "unwritten-output",
    "Out: en.Texture2D",
    ones(8, 8),
    zeros(8, 8),
    grid=(7, 8),
    threads=(7, 1),
    buffer="Out",
    index=7,
    count=8,
)
@en.kernel
def last_column_of_a_texture(Image: en.Texture2D(en.f32, "read"), Out: en.Texture2D(en.f32, "write")):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    Out.write(Image.read(x, y), x, y)


@accused("unwritten-output", "Out: en.f32x2", ones(8), zeros(16, 2), grid=8, threads=8, buffer="Out", index=8, count=8)
@en.kernel
def half_of_the_pairs(A: en.f32, Out: en.f32x2):
    i = en.thread_position_in_grid
    Out[i] = en.f32x2(A[i], 0.0)


@accused("uninitialised-read", "x = parts[lane]", ones(40), zeros(2), grid=40, threads=40, also=("nan-born",))
@en.kernel
def second_stage_that_chooses_one_too_many(A: en.f32, Out: en.f32):
    parts = en.threadgroup_alloc(en.f32, 32)
    t, lane, s = en.thread_index_in_threadgroup(), en.thread_index_in_simdgroup(), en.simdgroup_index_in_threadgroup()
    total = en.simd_sum(A[t])
    if lane == 0:
        parts[s] = total
    en.barrier()
    x = parts[lane]
    x = en.where(lane < 3, x, 0.0)
    total = en.simd_sum(x)
    if lane == 0:
        Out[s] = total


@accused("out-of-bounds", "v[i + 2]", ones(3, 4), zeros(3), grid=3, threads=3)
@en.kernel
def component_past_the_vector(A: en.f32x4, Out: en.f32):
    i = en.thread_position_in_grid
    v = A[i]
    Out[i] = v[i + 2]


@accused("unwritten-output", "Out: en.f32x2", ones(8), zeros(8, 2), grid=8, threads=8)
@en.kernel
def second_component_never_written(A: en.f32, Out: en.f32x2):
    i = en.thread_position_in_grid
    Out[i].x = A[i]


@accused("out-of-bounds", "A[i, j]", ones(4, 4), zeros(16), grid=16, threads=16)
@en.kernel
def last_row_of_a_shaped_buffer(A: en.f32[4, 4], Out: en.f32):
    t = en.thread_position_in_grid
    i, j = t // 4, t % 4 + 1
    Out[t] = A[i, j]


@accused("out-of-bounds", "Lut[", count(8), count(4), zeros(8), grid=8, threads=8)
@en.kernel
def table_shorter_than_the_grid(A: en.f32, Lut: en.Constant[en.f32], Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = Lut[i] + A[i]


@accused(
    "out-of-bounds",
    "B[j]",
    count(10),
    values(3, 12, 2, 0, dtype=np.uint32),
    zeros(4),
    grid=4,
    threads=4,
    index=12,
    buffer="B",
    thread=(1, 0, 0),
)
@en.kernel
def gather_in_a_nested_helper(B: en.f32, Index: en.u32, Out: en.f32):
    i = en.thread_position_in_grid

    def look(j):
        def again():
            return B[j]

        return again() if j != 0 else en.f32(0)

    Out[i] = look(Index[i])
