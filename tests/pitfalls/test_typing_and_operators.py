"""Pitfalls 1 to 21: dtypes, literals and operators."""

from __future__ import annotations

import math
import operator
import subprocess
import sys
import warnings
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from enigma.passes import pipeline
from tests.arch.tree import ROOT
from tests.pitfalls.targets import body, everywhere, metal, numbers, same

N = 64
SIGNED = np.array([-7, -6, -1, 0, 1, 5, 6, 7, -(2**31), 2**31 - 1], np.int32)


def test_pitfall_01_an_int_literal_on_the_left_takes_the_dtype_of_the_other_side() -> None:
    @en.kernel
    def k(A: en.f32, Out: en.f32):
        i = en.thread_position_in_grid
        Out[i] = 2 * A[i]

    a = numbers(N, np.float32)
    same(k, a, np.zeros_like(a), want=2 * a, grid=N)
    assert "2.0f * A[i]" in body(k)


def test_pitfall_02_int_literals_stay_signed() -> None:
    @en.kernel
    def k(A: en.i32, Out: en.i32, n: en.Scalar(en.i32)):
        total = 0
        for j in range(n):
            total -= A[j] - 1
        Out[0] = total
        if total < 0:
            Out[1] = 1

    a = np.arange(9, dtype=np.int32)
    for given in everywhere(k, a, np.zeros(2, np.int32), 9, grid=1):
        assert given[1].tolist() == [9 - 36, 1]
    assert "uint" not in body(k)


def test_pitfall_03_every_operator_is_reflected() -> None:
    @en.kernel
    def k(A: en.i32, F: en.f32, Out: en.i32, Floats: en.f32):
        i = en.thread_position_in_grid
        values = (
            7 // A[i],
            7 % A[i],
            1 << A[i],
            256 >> A[i],
            9 - A[i],
            6 & A[i],
            6 | A[i],
            6 ^ A[i],
            3 * A[i],
            3 + A[i],
        )
        for j, value in enumerate(values):
            Out[i * 10 + j] = value
        Floats[i * 4], Floats[i * 4 + 1] = 1.0 / F[i], 2 / F[i]
        Floats[i * 4 + 2], Floats[i * 4 + 3] = 2 ** F[i], 7.5 % F[i]

    a, f = np.arange(1, 9, dtype=np.int32), np.array([1, 2, 4, 8, -1, -2, 0.5, 3], np.float32)
    ops = (operator.floordiv, operator.mod, operator.lshift, operator.rshift, operator.sub, operator.and_, operator.or_,
           operator.xor, operator.mul, operator.add)  # fmt: skip
    want = [[op(x, int(y)) for op, x in zip(ops, (7, 7, 1, 256, 9, 6, 6, 6, 3, 3), strict=True)] for y in a]
    floats = np.stack([1 / f, 2 / f, 2**f, np.mod(np.float32(7.5), f)], axis=1)
    for given in everywhere(k, a, f, np.zeros((8, 10), np.int32), np.zeros((8, 4), np.float32), grid=8):
        np.testing.assert_array_equal(given[2], want)
        np.testing.assert_array_max_ulp(given[3], floats, maxulp=4)  # a division and a power by the GPU's functions


def test_pitfall_04_comparisons_compare_values() -> None:
    @en.kernel
    def k(A: en.f32, B: en.f32, Out: en.b1):
        i = en.thread_position_in_grid
        x, y = A[i], B[i]
        tests = (x < 1, x <= y, x == y, x != y, y > x, 0 >= x, -1 < x < y)
        for j, test in enumerate(tests):
            Out[i * 7 + j] = test

    a, b = (np.array(x, np.float32) for x in ([0, 1, 2, -2, np.nan], [1, 1, 1, -2, 0]))
    want = np.stack([a < 1, a <= b, a == b, a != b, b > a, 0 >= a, (-1 < a) & (a < b)], axis=1)
    same(k, a, b, np.zeros((5, 7), np.bool_), want=want, grid=5)


def test_pitfall_05_a_traced_condition_keeps_both_branches() -> None:
    @en.kernel
    def k(A: en.f32, Out: en.f32):
        i = en.thread_position_in_grid
        if A[i] > 0:
            Out[i] = 1.0
        else:
            Out[i] = -1.0

    a = numbers(N, np.float32)
    same(k, a, np.zeros_like(a), want=np.where(a > 0, 1, -1), grid=N)


def test_pitfall_06_operands_meet_in_a_common_dtype() -> None:
    @en.kernel
    def k(H: en.f16, F: en.f32, U: en.u32, L: en.i64, Out: en.f32, Ints: en.i64):
        i = en.thread_position_in_grid
        Out[3 * i], Out[3 * i + 1], Out[3 * i + 2] = en.fmax(H[i], F[i]), H[i] + F[i], U[i] * F[i]
        Ints[3 * i], Ints[3 * i + 1], Ints[3 * i + 2] = en.imin(i, 3), en.imax(U[i], L[i]), U[i] - L[i]

    h, f = numbers(N, np.float16, 1), numbers(N, np.float32, 2)
    u, wide = np.arange(N, dtype=np.uint32), numbers(N, np.int64, 3) // 2  # a difference fits
    floats = np.stack([np.maximum(h, f), h + f, u * f], axis=1).astype(np.float32)
    ints = np.stack([np.minimum(np.arange(N), 3), np.maximum(u, wide), u - wide], axis=1)
    for given in everywhere(k, h, f, u, wide, np.zeros((N, 3), np.float32), np.zeros((N, 3), np.int64), grid=N):
        np.testing.assert_array_equal(given[4], floats)
        np.testing.assert_array_equal(given[5], ints)


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i8", "u64", "b1"])
def test_pitfall_07_a_python_number_is_stored_in_the_buffers_dtype(dtype: str) -> None:
    kind = getattr(en, dtype)

    def k(Out: kind):  # type: ignore[valid-type]
        Out[en.thread_position_in_grid] = 1 if dtype[0] in "iu" else (True if dtype == "b1" else 1.5)

    k.__annotations__["Out"] = kind
    want = {"b1": True}.get(dtype, 1 if dtype[0] in "iu" else 1.5)
    same(en.kernel(k), np.zeros(3, kind.numpy), want=np.full(3, want, kind.numpy), grid=3)


def test_pitfall_08_floor_division_and_remainder_are_pythons() -> None:
    @en.kernel
    def k(A: en.i32, B: en.i32, F: en.f32, Ints: en.i32, Out: en.f32):
        i = en.thread_position_in_grid
        Ints[3 * i], Ints[3 * i + 1], Ints[3 * i + 2] = A[i] // B[i], A[i] % B[i], A[i] / B[i]
        Out[3 * i], Out[3 * i + 1], Out[3 * i + 2] = F[i] // 2.0, F[i] % 2.0, F[i] // -0.75

    a, b = (x.reshape(-1) for x in np.meshgrid(SIGNED, np.array([1, 2, 3, -2, -3, 7, -7], np.int32)))
    f = np.linspace(-8, 8, a.size, dtype=np.float32)
    whole = [[int(x) // int(y), int(x) % int(y), math.trunc(int(x) / int(y))] for x, y in zip(a, b, strict=True)]
    floats = np.stack([f // 2, f % 2, f // np.float32(-0.75)], axis=1)
    ints, out = np.zeros((a.size, 3), np.int32), np.zeros((a.size, 3), np.float32)
    for given in everywhere(k, a, b, f, ints, out, grid=a.size):
        np.testing.assert_array_equal(given[3], whole)
        np.testing.assert_array_equal(given[4], floats)


def test_pitfall_09_the_remainder_of_floats_has_the_divisors_sign_and_fmod_the_dividends() -> None:
    @en.kernel
    def k(A: en.f32, B: en.f32, Out: en.f32):
        i = en.thread_position_in_grid
        Out[2 * i], Out[2 * i + 1] = A[i] % B[i], en.fmod(A[i], B[i])

    a, b = numbers(N, np.float32, 4), numbers(N, np.float32, 5)
    b[b == 0] = 0.75
    same(k, a, b, np.zeros((N, 2), np.float32), want=np.stack([np.mod(a, b), np.fmod(a, b)], axis=1), grid=N)


@pytest.mark.parametrize("dtype", ["u8", "u16", "u32", "u64"])
def test_pitfall_10_unsigned_division_and_remainder(dtype: str) -> None:
    kind = getattr(en, dtype)

    def k(A: kind, B: kind, Out: kind):  # type: ignore[valid-type]
        i = en.thread_position_in_grid
        Out[3 * i], Out[3 * i + 1], Out[3 * i + 2] = A[i] / B[i], A[i] // B[i], A[i] % B[i]

    k.__annotations__ |= dict.fromkeys(("A", "B", "Out"), kind)
    a, b = numbers(N, kind.numpy, 6), numbers(N, kind.numpy, 7) | 1
    want = np.stack([a // b, a // b, a % b], axis=1)
    same(en.kernel(k), a, b, np.zeros((N, 3), kind.numpy), want=want, grid=N)


@en.kernel
def signs(A: en.u32, B: en.u8, C: en.u16, D: en.u64, Out: en.u32):
    i = en.thread_position_in_grid
    Out[i] = en.imin(A[i], 7) + en.imax(B[i], C[i]).to(en.u32) + en.metal_cast(D[i] >> 60, "uint")
    en.atomic_fetch_max(Out, N, A[i])


def test_pitfall_11_signedness_reaches_metal() -> None:
    a, b, c, d = (numbers(N, kind, 8) for kind in (np.uint32, np.uint8, np.uint16, np.uint64))
    first = np.minimum(a, 7) + np.maximum(b, c) + (d >> np.uint64(60))
    same(signs, a, b, c, d, np.zeros(N + 1, np.uint32), want=np.append(first.astype(np.uint32), a.max()), grid=N)
    text = metal(signs)
    for declared in (
        "device const uint* A",
        "device const uchar* B",
        "device const ushort* C",
        "device const ulong* D",
    ):
        assert declared in text
    assert "device atomic_uint* Out" in text
    assert "min(A[i], 7u)" in text and "uint(D[i] >> 60" in text


def test_pitfall_12_shifts_of_unsigned_values_are_logical() -> None:
    @en.kernel
    def k(A: en.u32, B: en.i32, Out: en.u32, Signed: en.i32):
        i = en.thread_position_in_grid
        Out[i], Signed[i] = A[i] >> 4, B[i] >> 4
        Out[N + i] = en.extract_bits(A[i], 24, 8)

    a, b = numbers(N, np.uint32, 9), numbers(N, np.int32, 10)
    for given in everywhere(k, a, b, np.zeros(2 * N, np.uint32), np.zeros(N, np.int32), grid=N):
        np.testing.assert_array_equal(given[2], np.append(a >> 4, a >> 24))
        np.testing.assert_array_equal(given[3], b >> 4)


def test_pitfall_13_unsigned_minus_one_is_never_negative_and_warns() -> None:
    @en.kernel
    def guarded(A: en.f32, Out: en.f32):
        i = en.thread_position_in_grid.to(en.i32)
        Out[i] = A[i - 1] if i - 1 >= 0 else -1.0

    a = numbers(N, np.float32)
    same(guarded, a, np.zeros_like(a), want=np.append(-1, a[:-1]), grid=N)

    @en.kernel
    def careless(A: en.f32, Out: en.f32):
        i = en.thread_position_in_grid
        Out[i] = A[i - 1] if i - 1 >= 0 else -1.0

    with pytest.warns(UserWarning, match=r"test_typing_and_operators\.py:\d+:\d+: warning: .*always"):
        compiled = en.compile(careless, emit_only=True)
    with pytest.raises(en.OutOfBoundsError, match="A"):
        en.SimRuntime().run(compiled.program, [a, np.zeros_like(a)], 4, 4)


CONSTANTS = [0.1, 1 / 3, 16777216.0, 1e-45, 1.17549435e-38, 3.4028235e38, -0.0, 1e10, 2.0**-149, math.pi, 123456792.0]


def test_pitfall_14_float_constants_are_exact() -> None:
    @en.kernel
    def k(Out: en.f32):
        for j, value in enumerate([*CONSTANTS, float("inf"), -float("inf"), float("nan")]):
            Out[j] = value

    want = np.array([*CONSTANTS, np.inf, -np.inf, np.nan], np.float32)
    for given in everywhere(k, np.zeros(14, np.float32), grid=1, threads=1):
        assert given[0][:-1].view(np.uint32).tolist() == want[:-1].view(np.uint32).tolist()
        assert np.isnan(given[0][-1])
    text = body(k)
    assert "INFINITY" in text and "NAN" in text and "0.1f" in text and "0x" not in text


def test_pitfall_15_constants_of_every_dtype() -> None:
    @en.kernel
    def k(L: en.i64, U: en.u64, B: en.bf16, S: en.i16):
        L[0], U[0] = -(2**63), 2**64 - 1
        L[1], U[1] = 2**40, 2**63
        B[0], B[1] = 1.5, en.bf16(0.1)
        S[0], S[1] = -(2**15), en.i16(7)

    given = [np.zeros(2, kind) for kind in (np.int64, np.uint64, ml_dtypes.bfloat16, np.int16)]
    for found in everywhere(k, *given, grid=1, threads=1):
        assert found[0].tolist() == [-(2**63), 2**40] and found[1].tolist() == [2**64 - 1, 2**63]
        assert found[2].tolist() == [1.5, ml_dtypes.bfloat16(0.1)] and found[3].tolist() == [-(2**15), 7]


def test_pitfall_16_true_one_and_one_point_zero_are_three_constants() -> None:
    @en.kernel
    def k(B: en.b1, Whole: en.i32, F: en.f32, U: en.u8):
        B[0], Whole[0], F[0], U[0] = True, 1, 1.0, 1

    given = [np.zeros(1, kind) for kind in (np.bool_, np.int32, np.float32, np.uint8)]
    for found in everywhere(k, *given, grid=1, threads=1):
        assert [x.tolist() for x in found] == [[True], [1], [1.0], [1]]
    assert "B[0] = true;" in body(k) and "Whole[0] = 1;" in body(k) and "F[0] = 1.0f;" in body(k)


@pytest.mark.parametrize("dtype", ["float", "f32", en.f32, en.Float32, np.float32, np.dtype("float32")])
def test_pitfall_17_every_spelling_of_a_dtype_casts_to_it(dtype: Any) -> None:
    @en.kernel
    def k(A: en.i32, Out: en.f32):
        i = en.thread_position_in_grid
        Out[i] = en.metal_cast(A[i], dtype) / 2

    same(k, SIGNED[:8], np.zeros(8, np.float32), want=SIGNED[:8] / 2, grid=8)


def test_pitfall_17_an_unknown_dtype_is_an_error_with_the_nearest_name() -> None:
    @en.kernel
    def k(A: en.i32):
        A[0] = en.metal_cast(A[0], "flot")

    with pytest.raises(en.EnigmaTypeError, match=r"unknown dtype 'flot'(.|\n)*did you mean 'float'"):
        en.compile(k)


def test_pitfall_19_integer_functions_take_grid_queries() -> None:
    @en.kernel
    def k(Out: en.u32):
        i = en.thread_position_in_grid
        Out[2 * i], Out[2 * i + 1] = en.popcount(i), en.simd_sum(i)

    want = [[i.bit_count(), sum(range(i // 32 * 32, i // 32 * 32 + 32))] for i in range(N)]
    same(k, np.zeros((N, 2), np.uint32), want=want, grid=N)


def test_pitfall_20_a_failing_pass_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(module: object) -> bool:
        raise ZeroDivisionError("a pass that fails")

    @en.kernel
    def k(A: en.f32):
        A[0] = A[1] + 20

    monkeypatch.setattr(pipeline, "PASSES", (*pipeline.PASSES, pipeline.Pass("broken", broken)))
    monkeypatch.setenv("ENIGMA_NO_CACHE", "1")
    with pytest.raises(ZeroDivisionError, match="a pass that fails"):
        _ = en.compile(k, emit_only=True).metal_source


def test_pitfall_21_builtins_work_on_values_and_are_not_shadowed() -> None:
    @en.kernel
    def k(A: en.f32, Whole: en.i32, Out: en.f32, Ints: en.i32):
        i = en.thread_position_in_grid
        Out[4 * i], Out[4 * i + 1] = abs(A[i]), round(A[i])
        Out[4 * i + 2], Out[4 * i + 3] = min(A[i], 1), max(A[i], 0, 2.5)
        Ints[4 * i], Ints[4 * i + 1], Ints[4 * i + 2] = abs(Whole[i]), pow(Whole[i], 2), sum([Whole[i], Whole[i], 1])
        Ints[4 * i + 3] = int(A[i])

    a, ints = numbers(N, np.float32, 11), numbers(N, np.int16, 12).astype(np.int32)
    floats = np.stack([np.abs(a), np.rint(a), np.minimum(a, 1), np.maximum(a, 2.5)], axis=1)
    whole = np.stack([np.abs(ints), ints * ints, 2 * ints + 1, np.trunc(a).astype(np.int32)], axis=1)
    for given in everywhere(k, a, ints, np.zeros((N, 4), np.float32), np.zeros((N, 4), np.int32), grid=N):
        np.testing.assert_array_equal(given[2], floats)
        np.testing.assert_array_equal(given[3], whole)
    program = "from enigma import *\nassert abs(-1) == 1 and round(2.5) == 2 and pow(2, 3) == 8 and range(2)[1] == 1"
    env = {"PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "-c", program], env=env, check=True)


def test_no_warning_for_ordinary_comparisons() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metal(signs)
