"""Numbers, launches and loops that go wrong, in unusual dress."""

from __future__ import annotations

import ml_dtypes
import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, values, zeros


@accused("integer-overflow", "x * x", values(100, 50_000, dtype=np.int32), zeros(2, dtype=np.int32), grid=2, threads=2,
         value=50_000, severity="error", thread=(1, 0, 0))  # fmt: skip
@en.kernel
def square_of_a_int(A: en.i32, Out: en.i32):
    x = A[en.thread_position_in_grid]
    Out[en.thread_position_in_grid] = x * x


@accused(
    "integer-overflow",
    "v + v",
    values([1, 2, 3, 2**31 - 1], [0, 0, 0, 0], dtype=np.int32),
    zeros(2, 4, dtype=np.int32),
    grid=2,
    threads=2,
    value=2**31 - 1,
)
@en.kernel
def fourth_component_overflows(A: en.i32x4, Out: en.i32x4):
    v = A[en.thread_position_in_grid]
    Out[en.thread_position_in_grid] = v + v


@accused("integer-overflow", "total += ", count(4, np.int64), zeros(1, dtype=np.int64), grid=1, threads=1)
@en.kernel
def sum_of_longs(A: en.i64, Out: en.i64):
    total = en.i64(2**63 - 5)
    for k in en.range(4):
        total += A[k]
    Out[0] = total


@accused(
    "value-changing-conversion",
    "Out[i] = v",
    values([1, 300], [0, 0], dtype=np.int32),
    zeros(2, 2, dtype=np.uint8),
    grid=2,
    threads=2,
    value=300,
    severity="warning",
)
@en.kernel
def vector_of_bytes(A: en.i32x2, Out: en.u8x2):
    i = en.thread_position_in_grid
    v = A[i]
    Out[i] = v


@accused(
    "value-changing-conversion",
    "x.to(en.i8)",
    values(1.0, 200.0, dtype=ml_dtypes.bfloat16),
    zeros(2, dtype=np.int8),
    grid=2,
    threads=2,
    severity="error",
    value=200.0,
)
@en.kernel
def bfloat_to_byte(A: en.bf16, Out: en.i8):
    i = en.thread_position_in_grid
    x = A[i]
    Out[i] = x.to(en.i8)


@accused(
    "value-changing-conversion",
    "A[i].to(en.u32)",
    values(1.0, -0.5, -3.0),
    zeros(3, dtype=np.uint32),
    grid=3,
    threads=3,
    value=-3.0,
)
@en.kernel
def negative_index_from_a_float(A: en.f32, Out: en.u32):
    i = en.thread_position_in_grid
    Out[i] = A[i].to(en.u32)


@accused("division-by-zero", "v % w", values([1, 2], [3, 4], dtype=np.int32), values([1, 1], [2, 0], dtype=np.int32),
         zeros(2, 2, dtype=np.int32), grid=2, threads=2, thread=(1, 0, 0), severity="error")  # fmt: skip
@en.kernel
def remainder_of_vectors(A: en.i32x2, B: en.i32x2, Out: en.i32x2):
    i = en.thread_position_in_grid
    v, w = A[i], B[i]
    Out[i] = v % w


@accused(
    "division-by-zero",
    "divmod",
    values(5, 6, dtype=np.uint16),
    values(1, 0, dtype=np.uint16),
    zeros(2, dtype=np.uint16),
    grid=2,
    threads=2,
)
@en.kernel
def both_at_once(A: en.u16, B: en.u16, Out: en.u16):
    i = en.thread_position_in_grid
    q, r = divmod(A[i], B[i])
    Out[i] = q + r


@accused(
    "shift-out-of-range",
    "1 << A[i]",
    values(3, 64, dtype=np.uint64),
    zeros(2, dtype=np.uint64),
    grid=2,
    threads=2,
    severity="warning",
)
@en.kernel
def bit_64(A: en.u64, Out: en.u64):
    i = en.thread_position_in_grid
    Out[i] = 1 << A[i]


@accused("nan-born", "en.normalize(", zeros(2, 3), zeros(2, 3), grid=2, threads=2, check="everything")
@en.kernel
def direction_of_nothing(A: en.f32x3, Out: en.f32x3):
    i = en.thread_position_in_grid
    Out[i] = en.normalize(A[i])


@accused(
    "nan-born", "en.simd_sum(", values(float("inf"), float("-inf")), zeros(2), grid=2, threads=2, check="everything"
)
@en.kernel
def infinities_added_across_lanes(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = en.simd_sum(A[i])


@accused("nan-born", "x * 0.0", values(1.0, 7e4), zeros(2, dtype=np.float16), grid=2, threads=2, check="everything")
@en.kernel
def half_that_became_infinite(A: en.f32, Out: en.f16):
    i = en.thread_position_in_grid
    x = A[i].to(en.f16)
    Out[i] = x * 0.0


@accused(
    "misaligned-access",
    "A: en.f16x4",
    lambda made: np.ones(34, np.float16)[2:].reshape(-1, 4),
    zeros(8),
    grid=8,
    threads=8,
    buffer="A",
    value=4,
)
@en.kernel
def halves_from_the_third_on(A: en.f16x4, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i].x


@accused(
    "aliasing",
    "def columns_of_one_array",
    lambda made: np.zeros((4, 4), np.float32),
    lambda made: made[0][1:3],
    grid=8,
    threads=8,
    also=("unwritten-output",),
)
@en.kernel
def columns_of_one_array(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i]


@accused("step-budget", "for _ in en.range(0, n", zeros(1), 2**31, grid=1, threads=1, options={"max_rounds": 500})
@en.kernel
def bound_that_is_not_a_count(Out: en.f32, n: en.Scalar(en.u32)):
    total = 0.0
    for _ in en.range(0, n, 1):
        total += 1.0
    Out[0] = total


@accused(
    "step-budget",
    "while low < high",
    values(1, 3, 5, 7),
    zeros(4, dtype=np.uint32),
    grid=4,
    threads=4,
    options={"max_rounds": 500},
)
@en.kernel
def binary_search_that_stays_where_it_is(A: en.f32, Out: en.u32):
    i = en.thread_position_in_grid
    low, high = en.u32(0), en.u32(3)
    while low < high:
        middle = (low + high) // 2
        if A[middle] <= A[i]:
            low = middle
        else:
            high = middle
    Out[i] = low


@accused(
    "integer-overflow",
    "A[i] % B[i]",
    values(-(2**31), dtype=np.int32),
    values(-1, dtype=np.int32),
    zeros(1, dtype=np.int32),
    grid=1,
    threads=1,
)
@en.kernel
def remainder_of_the_smallest_int(A: en.i32, B: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = A[i] % B[i]


@accused("value-changing-conversion", "int(", values(3e9), zeros(1, dtype=np.int32), grid=1, threads=1)
@en.kernel
def int_of_a_large_float(A: en.f32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = int(A[i])


@accused("integer-overflow", "for _ in en.range", zeros(1, dtype=np.int32), 2**31 - 1, grid=1, threads=1)
@en.kernel
def counter_that_cannot_pass_the_end(Out: en.i32, n: en.Scalar(en.i32)):
    total = en.i32(0)
    for _ in en.range(0, n, 2**30):
        total += 1
    Out[0] = total


@accused(
    "shift-out-of-range", "x << n", values(1, 40, dtype=np.int32), zeros(2, dtype=np.int32), grid=2, threads=2, value=40
)
@en.kernel
def amount_of_a_shift(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    x, n = en.i32(1), A[i]
    Out[i] = x << n


@accused(
    "step-budget", "for _ in en.range", zeros(1), 2**32 - 1, grid=1, threads=1, severity="error", value=2**32 - 2**20
)
@en.kernel
def unsigned_counter_that_cannot_pass_the_end(Out: en.f32, n: en.Scalar(en.u32)):
    total = 0.0
    for _ in en.range(0, n, 2**20):
        total += 1.0
    Out[0] = total


@accused(
    "division-by-zero",
    "100 / v",
    values([5, 0], dtype=np.int32),
    zeros(1, 2, dtype=np.int32),
    grid=1,
    threads=1,
    value=100,
)
@en.kernel
def vector_chosen_by_component(V: en.i32x2, Out: en.i32x2):
    """Metal's select of vectors computes both."""
    i = en.thread_position_in_grid
    v = V[i]
    Out[i] = en.where(v != 0, 100 / v, 0)


@accused(
    "value-changing-conversion",
    "Out[i] = ",
    values(30000, dtype=np.int16),
    zeros(1, dtype=np.int16),
    grid=1,
    threads=1,
    value=60000,
)
@en.kernel
def shorts_added(A: en.i16, Out: en.i16):
    i = en.thread_position_in_grid
    Out[i] = A[i] + A[i]


@accused(
    "aliasing",
    "def same_matrix_twice",
    lambda made: np.ones((4, 4), np.float32),
    lambda made: made[0][0],
    grid=4,
    threads=4,
    also=("unwritten-output",),
)
@en.kernel
def same_matrix_twice(A: en.f32, Row: en.f32):
    i = en.thread_position_in_grid
    Row[i] = A[i + 4]


@accused("nan-born", "en.sqrt(x)", values(-1.0), zeros(1), grid=1, threads=1, check="everything")
@en.kernel
def root_chosen_the_wrong_way(A: en.f32, Out: en.f32):
    x = A[0]
    Out[0] = en.sqrt(x) if x < 0.0 else x
