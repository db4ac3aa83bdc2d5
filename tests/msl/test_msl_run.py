"""Kernels run by clang on this machine agree with NumPy: the stub means what Metal means."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from tests.msl.check import assert_legal, clang_available
from tests.msl.run import run_kernel

pytestmark = pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"
RNG = np.random.default_rng(7)


def elementwise(source: str, target: str, expression: str) -> str:
    return (
        f"{HEAD}kernel void work(device const {source}* a [[buffer(0)]], device const {source}* b [[buffer(1)]], "
        f"device {target}* out [[buffer(2)]], uint i [[thread_position_in_grid]]) {{ out[i] = {expression}; }}\n"
    )


def apply(text: str, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> np.ndarray:
    assert_legal(text)
    run_kernel(text, {0: a, 1: b, 2: out}, grid=(len(out), 1, 1))
    return out


def test_guarded_add_leaves_the_rest_alone() -> None:
    text = (
        f"{HEAD}kernel void add(device const float* a [[buffer(0)]], device float* out [[buffer(1)]], "
        "constant uint& n [[buffer(2)]], uint i [[thread_position_in_grid]]) { if (i < n) { out[i] = a[i] + 1.0f; } }\n"
    )
    a, out = np.arange(8, dtype=np.float32), np.full(8, -1, np.float32)
    run_kernel(text, {0: a, 1: out, 2: np.array([5], np.uint32)}, grid=(8, 1, 1))
    assert out.tolist() == [1, 2, 3, 4, 5, -1, -1, -1]


def test_positions_of_a_two_dimensional_grid() -> None:
    text = (
        f"{HEAD}kernel void mark(device uint4* out [[buffer(0)]], uint2 gid [[thread_position_in_grid]], "
        "uint2 size [[threads_per_grid]], ushort2 lid [[thread_position_in_threadgroup]], "
        "ushort2 group [[threadgroup_position_in_grid]], uint lane [[thread_index_in_threadgroup]]) "
        "{ out[gid.y * size.x + gid.x] = uint4(lid.x + 10u * lid.y, group.x + 10u * group.y, lane, gid.x); }\n"
    )
    assert_legal(text)
    out = np.zeros((6, 8, 4), np.uint32)
    run_kernel(text, {0: out}, grid=(8, 6, 1), threads=(4, 2, 1))
    y, x = np.mgrid[0:6, 0:8]
    want = np.stack([x % 4 + 10 * (y % 2), x // 4 + 10 * (y // 2), x % 4 + 4 * (y % 2), x], axis=-1)
    np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize(
    ("expression", "meaning"),
    [
        ("popcount(a[i])", lambda a, b: np.bitwise_count(a) if hasattr(np, "bitwise_count") else _popcount(a)),
        ("clz(a[i])", lambda a, b: np.array([32 - int(x).bit_length() for x in a])),
        ("mulhi(a[i], b[i])", lambda a, b: (a.astype(np.uint64) * b) >> np.uint64(32)),
        ("addsat(a[i], b[i])", lambda a, b: np.minimum(a.astype(np.uint64) + b, 2**32 - 1)),
        ("subsat(a[i], b[i])", lambda a, b: np.where(a > b, a - b, 0)),
        ("absdiff(a[i], b[i])", lambda a, b: np.where(a > b, a - b, b - a)),
        ("hadd(a[i], b[i])", lambda a, b: (a.astype(np.uint64) + b) >> np.uint64(1)),
        ("rhadd(a[i], b[i])", lambda a, b: (a.astype(np.uint64) + b + np.uint64(1)) >> np.uint64(1)),
        ("min(a[i], b[i])", lambda a, b: np.minimum(a, b)),
        ("select(a[i], b[i], a[i] < b[i])", lambda a, b: np.maximum(a, b)),
        ("reverse_bits(a[i])", lambda a, b: np.array([int(f"{int(x):032b}"[::-1], 2) for x in a])),
        ("a[i] * b[i] + 3u", lambda a, b: (a * b + np.uint32(3)).astype(np.uint32)),
    ],
)
def test_integer_function(expression: str, meaning: object) -> None:
    a = np.array([0, 1, 2, 0x80000000, 0xFFFFFFFF, 12345, 0x7FFFFFFF, 3], np.uint32)
    b = np.array([0, 3, 0xFFFFFFFF, 0x80000000, 0xFFFFFFFF, 54321, 2, 3], np.uint32)
    out = apply(elementwise("uint", "uint", expression), a, b, np.zeros(8, np.uint32))
    assert callable(meaning)
    np.testing.assert_array_equal(out, np.asarray(meaning(a, b), np.uint64).astype(np.uint32))


def _popcount(values: np.ndarray) -> np.ndarray:
    return np.array([int(x).bit_count() for x in values])


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sin", "cos", "floor", "ceil", "trunc", "rint", "tanh", "exp2"])
def test_float_function_within_two_ulp(name: str) -> None:
    a = RNG.uniform(0.1, 4.0, 64).astype(np.float32)
    out = apply(
        elementwise("float4", "float4", f"{name}(a[i]) + 0.0f * b[i]"),
        a.reshape(16, 4),
        a.reshape(16, 4),
        np.zeros((16, 4), np.float32),
    )
    want = getattr(np, name)(a.astype(np.float64)).astype(np.float32)
    # The C library is correct to one ulp; rounding the double to float adds half of one.
    np.testing.assert_array_max_ulp(out.reshape(-1), want, maxulp=2)


def test_round_is_half_away_and_rint_half_even() -> None:
    a = np.array([0.5, 1.5, 2.5, -0.5, -2.5], np.float32)
    assert apply(elementwise("float", "float", "round(a[i])"), a, a, np.zeros(5, np.float32)).tolist() == [
        1,
        2,
        3,
        -1,
        -3,
    ]
    assert apply(elementwise("float", "float", "rint(a[i])"), a, a, np.zeros(5, np.float32)).tolist() == [
        0,
        2,
        2,
        -0.0,
        -2,
    ]


def test_bfloat_conversion_rounds_to_nearest_even() -> None:
    a = np.concatenate([RNG.normal(size=4000), [np.inf, -np.inf, 0.0, -0.0, 1.00390625, 1.01171875]]).astype(np.float32)
    out = apply(elementwise("float", "bfloat", "bfloat(a[i])"), a, a, np.zeros(len(a), np.uint16))
    np.testing.assert_array_equal(out, a.astype(ml_dtypes.bfloat16).view(np.uint16))


def test_half_vector_arithmetic_rounds_each_operation() -> None:
    a, b = (RNG.normal(size=(100, 3)).astype(np.float16) for _ in range(2))
    # A half3 takes the room of four.
    wide_a, wide_b = (np.pad(x, ((0, 0), (0, 1))) for x in (a, b))
    out = apply(elementwise("half3", "half3", "a[i] * b[i] + a[i]"), wide_a, wide_b, np.zeros((100, 4), np.float16))
    np.testing.assert_array_equal(out[:, :3], a * b + a)


def test_vector_comparison_select_and_swizzle() -> None:
    a, b = (RNG.normal(size=(50, 4)).astype(np.float32) for _ in range(2))
    text = elementwise("float4", "float4", "select(a[i].wzyx, b[i], a[i] < b[i] && !(b[i] < 0.0f))")
    out = apply(text, a, b, np.zeros((50, 4), np.float32))
    np.testing.assert_array_equal(out, np.where((a < b) & ~(b < 0), b, a[:, ::-1]))


def test_as_type_keeps_bits() -> None:
    a = RNG.normal(size=10).astype(np.float32)
    out = apply(
        elementwise("float", "uint", "as_type<uint>(a[i]) ^ as_type<uint>(b[i])"), a, -a, np.zeros(10, np.uint32)
    )
    assert out.tolist() == [0x80000000] * 10


@pytest.mark.parametrize("call", ["simd_sum(a[i])", "quad_max(a[i])"])
def test_lane_functions_are_refused(call: str) -> None:
    with pytest.raises(ValueError, match="cannot be run thread by thread"):
        run_kernel(elementwise("float", "float", call), {}, grid=(1, 1, 1))


def test_a_missing_array_is_named() -> None:
    with pytest.raises(ValueError, match="no array is given for buffer 1"):
        run_kernel(elementwise("float", "float", "a[i]"), {0: np.zeros(1, np.float32)}, grid=(1, 1, 1))
