"""What a simdgroup has to do for an operation, in kinds of instructions whose rates have been measured.

A row names its kinds where neither its `algebra` nor its lowering tells them: functions that the hardware has, and what
talks to other lanes. How long each kind takes on which chip stands in the cost model's table.
"""

from __future__ import annotations

from enum import StrEnum


class Work(StrEnum):
    """A kind of instruction; the values are what reports say."""

    F32 = "f32 arithmetic"
    F16 = "f16 arithmetic"
    BF16 = "bf16 arithmetic"
    INTEGER = "integer addition"
    LOGIC = "logic"
    COMPARE = "comparison"
    MULTIPLY = "integer product"
    WIDE_ADD = "64-bit addition"
    HIGH_PRODUCT = "upper half of a product"
    WIDE_PRODUCT = "64-bit product"
    DIVIDE_INTEGER = "integer quotient"
    SHIFT = "shift"
    CONVERT = "conversion"
    RESIZE = "conversion of floats"
    ROUND = "rounding"
    POWER = "power of two"
    LOGARITHM = "logarithm"
    RECIPROCAL_ROOT = "reciprocal root"
    ROOT = "root"
    QUOTIENT = "float quotient"
    WAVE = "sine or cosine"
    SHUFFLE = "shuffle"
    ANY_SHUFFLE = "shuffle by lane"
    VOTE = "vote"
    REDUCE = "simdgroup reduction"
    QUAD_REDUCE = "quadgroup reduction"
    SCAN = "simdgroup scan"
    MATRIX_F32 = "f32 matrix product"
    MATRIX_F16 = "f16 matrix product"
