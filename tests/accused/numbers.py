"""Conversions that change a value, overflow, division by zero, shifts past the width, NaN."""

from __future__ import annotations

import numpy as np

import enigma as en
from tests.accused.corpus import accused, count, values, zeros

CONVERSION, OVERFLOW, ZERO = "value-changing-conversion", "integer-overflow", "division-by-zero"
SHIFT, NAN = "shift-out-of-range", "nan-born"
INT, UINT, BYTE, LONG = np.int32, np.uint32, np.uint8, np.int64
MOST = 2147483647


@accused(
    CONVERSION,
    "A[i] < n",
    values(-1, 5, dtype=INT),
    3,
    zeros(2, dtype=INT),
    grid=2,
    threads=2,
    value=-1,
    severity="warning",
)
@en.kernel
def signed_compared_with_unsigned(A: en.i32, n: en.Scalar(en.u32), Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = en.where(A[i] < n, 1, 0)


@accused(
    CONVERSION,
    "Out[i] = A[i]",
    values(3, 300, dtype=INT),
    zeros(2, dtype=BYTE),
    grid=2,
    threads=2,
    value=300,
    thread=(1, 0, 0),
)
@en.kernel
def int_stored_into_a_byte(A: en.i32, Out: en.u8):
    i = en.thread_position_in_grid
    Out[i] = A[i]


@accused(CONVERSION, "Out[i] = A[i]", values(1 << 40, 1, dtype=LONG), zeros(2, dtype=INT), grid=2, threads=2)
@en.kernel
def long_stored_into_an_int(A: en.i64, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = A[i]


@accused(
    CONVERSION, "Out[i] = A[i] + 100", values(100, 200, dtype=BYTE), zeros(2, dtype=BYTE), grid=2, threads=2, value=300
)
@en.kernel
def bytes_added_past_255(A: en.u8, Out: en.u8):
    i = en.thread_position_in_grid
    Out[i] = A[i] + 100


@accused(CONVERSION, "A[i] * n", values(-2, 2, dtype=INT), 3, zeros(2), grid=2, threads=2)
@en.kernel
def negative_times_unsigned(A: en.i32, n: en.Scalar(en.u32), Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = en.f32(A[i] * n)


@accused(
    CONVERSION,
    "Out[i] = A[i]",
    values(5, 4000000000, dtype=UINT),
    zeros(2, dtype=INT),
    grid=2,
    threads=2,
    value=4000000000,
)
@en.kernel
def large_unsigned_into_signed(A: en.u32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = A[i]


@accused(
    CONVERSION,
    "A[i].to(en.i32)",
    values(1.5, 3e10),
    zeros(2, dtype=INT),
    grid=2,
    threads=2,
    severity="error",
    value=30000001024.0,
)
@en.kernel
def float_beyond_int(A: en.f32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = A[i].to(en.i32)


@accused(
    CONVERSION,
    "A[i].to(en.u32)",
    values(1.5, -2.0),
    zeros(2, dtype=UINT),
    grid=2,
    threads=2,
    severity="error",
    value=-2.0,
)
@en.kernel
def negative_float_to_unsigned(A: en.f32, Out: en.u32):
    i = en.thread_position_in_grid
    Out[i] = A[i].to(en.u32)


@accused(CONVERSION, "en.u8(A[i] * 255.0)", values(0.5, 1.1), zeros(2, dtype=BYTE), grid=2, threads=2, severity="error")
@en.kernel
def colour_above_one(A: en.f32, Out: en.u8):
    i = en.thread_position_in_grid
    Out[i] = en.u8(A[i] * 255.0)


@accused(
    CONVERSION, "(1.0 / A[i]).to(en.i32)", values(2.0, 0.0), zeros(2, dtype=INT), grid=2, threads=2, severity="error"
)
@en.kernel
def infinity_to_int(A: en.f32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = (1.0 / A[i]).to(en.i32)


@accused(
    OVERFLOW,
    "A[i] + 1",
    values(1, MOST, dtype=INT),
    zeros(2, dtype=INT),
    grid=2,
    threads=2,
    value=MOST,
    thread=(1, 0, 0),
)
@en.kernel
def sum_past_the_largest_int(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = A[i] + 1


@accused(OVERFLOW, "A[i] - 2", values(1, -MOST, dtype=INT), zeros(2, dtype=INT), grid=2, threads=2)
@en.kernel
def difference_below_the_smallest_int(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = A[i] - 2


@accused(OVERFLOW, "row * width", values(3, 70000, dtype=INT), 70000, zeros(2, dtype=LONG), grid=2, threads=2)
@en.kernel
def index_of_a_large_matrix(Rows: en.i32, width: en.Scalar(en.i32), Out: en.i64):
    i = en.thread_position_in_grid
    row = Rows[i]
    Out[i] = row * width


@accused(OVERFLOW, "product *= k", zeros(1, dtype=INT), grid=1, threads=1)
@en.kernel
def factorial_of_thirteen(Out: en.i32):
    product = en.i32(1)
    for k in en.range(1, 14):
        product *= k
    Out[0] = product


@accused(OVERFLOW, "-A[i]", values(1, -MOST - 1, dtype=INT), zeros(2, dtype=INT), grid=2, threads=2)
@en.kernel
def negated_smallest_int(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = -A[i]


@accused(OVERFLOW, "abs(A[i])", values(1, -MOST - 1, dtype=INT), zeros(2, dtype=INT), grid=2, threads=2)
@en.kernel
def magnitude_of_the_smallest_int(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = abs(A[i])


@accused(
    OVERFLOW,
    "A[i] / B[i]",
    values(6, -MOST - 1, dtype=INT),
    values(2, -1, dtype=INT),
    zeros(2, dtype=INT),
    grid=2,
    threads=2,
)
@en.kernel
def smallest_int_divided_by_minus_one(A: en.i32, B: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = A[i] / B[i]


@accused(
    OVERFLOW,
    "(low + high) / 2",
    values(2000000000, 1, dtype=INT),
    values(2100000000, 3, dtype=INT),
    zeros(2, dtype=INT),
    grid=2,
    threads=2,
)
@en.kernel
def middle_of_a_binary_search(Low: en.i32, High: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    low, high = Low[i], High[i]
    Out[i] = (low + high) / 2


@accused(OVERFLOW, "A[i] * A[i]", values(1 << 40, 3, dtype=LONG), zeros(2, dtype=LONG), grid=2, threads=2)
@en.kernel
def square_of_a_long(A: en.i64, Out: en.i64):
    i = en.thread_position_in_grid
    Out[i] = A[i] * A[i]


@accused(
    ZERO,
    "A[i] / B[i]",
    values(6, 7, dtype=INT),
    values(2, 0, dtype=INT),
    zeros(2, dtype=INT),
    grid=2,
    threads=2,
    severity="error",
    value=7,
)
@en.kernel
def quotient_over_zero(A: en.i32, B: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = A[i] / B[i]


@accused(ZERO, "i % n", count(4, UINT), 0, zeros(4, dtype=UINT), grid=4, threads=4, count=4)
@en.kernel
def remainder_by_an_empty_width(A: en.u32, n: en.Scalar(en.u32), Out: en.u32):
    i = en.thread_position_in_grid
    Out[i] = A[i % n]


@accused(ZERO, "A[i] // B[i]", values(6, 7, dtype=INT), values(2, 0, dtype=INT), zeros(2, dtype=INT), grid=2, threads=2)
@en.kernel
def floor_division_by_zero(A: en.i32, B: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = A[i] // B[i]


@accused(
    ZERO,
    "Total[i] / Count[i]",
    values(6, 0, dtype=UINT),
    values(2, 0, dtype=UINT),
    zeros(2, dtype=UINT),
    grid=2,
    threads=2,
)
@en.kernel
def mean_of_nothing(Total: en.u32, Count: en.u32, Out: en.u32):
    i = en.thread_position_in_grid
    Out[i] = Total[i] / Count[i]


@accused(
    SHIFT, "en.u32(1) << A[i]", values(3, 32, dtype=UINT), zeros(2, dtype=UINT), grid=2, threads=2, severity="warning"
)
@en.kernel
def bit_32(A: en.u32, Out: en.u32):
    i = en.thread_position_in_grid
    Out[i] = en.u32(1) << A[i]


@accused(SHIFT, "A[i] >> n", values(3, 5, dtype=UINT), 40, zeros(2, dtype=UINT), grid=2, threads=2, count=2)
@en.kernel
def upper_half_of_32_bits(A: en.u32, n: en.Scalar(en.u32), Out: en.u32):
    i = en.thread_position_in_grid
    Out[i] = A[i] >> n


@accused(SHIFT, "en.i32(1) << (A[i] - 1)", values(3, 0, dtype=INT), zeros(2, dtype=INT), grid=2, threads=2)
@en.kernel
def negative_shift(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    Out[i] = en.i32(1) << (A[i] - 1)


@accused(NAN, "en.sqrt(A[i])", values(4.0, -1.0), zeros(2), grid=2, threads=2, check=[NAN], thread=(1, 0, 0))
@en.kernel
def root_of_a_negative_number(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = en.sqrt(A[i])


@accused(
    NAN,
    "total / weight",
    values(0.0, 1.0),
    values(0.0, 2.0),
    zeros(2),
    grid=2,
    threads=2,
    check=[NAN],
    thread=(0, 0, 0),
)
@en.kernel
def nothing_over_nothing(A: en.f32, W: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    total, weight = A[i], W[i]
    Out[i] = total / weight


@accused(NAN, "A[i] - top", values(float("-inf"), float("-inf")), zeros(2), grid=2, threads=2, check="everything")
@en.kernel
def softmax_of_a_masked_row(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    top = en.simd_max(A[i])
    Out[i] = en.exp(A[i] - top)


@accused(NAN, "en.log(A[i])", values(1.0, -1.0), zeros(2), grid=2, threads=2, check=[NAN])
@en.kernel
def logarithm_of_a_negative_number(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = en.log(A[i])
