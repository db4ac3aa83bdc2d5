"""Small integers in words: packing, unpacking and dequantising on both targets, against NumPy; a matrix of int4 times a vector."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma
from enigma.compile import compile as compile_kernel
from tests.msl.check import assert_legal

TARGETS = {"sim": enigma.SimRuntime, "cpu": enigma.CpuRuntime}
SIZES = (1, 31, 33, 255, 1023)


def run(kernel: Any, target: str, *arguments: Any, threads: int, group: int = 64) -> None:
    TARGETS[target]().run(compile_kernel(kernel).program, arguments, (threads, 1, 1), (group, 1, 1))


def words(count: int, seed: int = 0) -> np.ndarray:
    """Return random words, the extreme ones among them."""
    made = np.random.default_rng(seed).integers(0, 2**32, count, np.uint32)
    edges = np.array([0, 0xFFFFFFFF, 0x80808080, 0x7F7F7F7F, 0x88888888, 0x77777777], np.uint32)
    made[: len(edges)] = edges[: len(made)]
    return made


@enigma.kernel
def bytes_both_ways(A: enigma.u32, S: enigma.i32, Parts: enigma.u32, Again: enigma.u32, Signed: enigma.u32):
    i = enigma.thread_position_in_grid
    a, b, c, d = enigma.unpack_uint8x4(A[i])
    Parts[4 * i], Parts[4 * i + 1], Parts[4 * i + 2], Parts[4 * i + 3] = a, b, c, d
    Again[i] = enigma.pack_uint8x4(d, c, b, a)
    first, *_ = enigma.unpack_uint8x4(S[i])
    Signed[i] = enigma.pack_uint8x4(S[i], S[i] >> 8, -1, 300) + (first >> 8)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", SIZES)
def test_pack_uint8x4_and_unpack_uint8x4(size: int, target: str) -> None:
    a, s = words(size), words(size, 1).view(np.int32)
    parts, again, signed = np.zeros((size, 4), np.uint32), np.zeros(size, np.uint32), np.zeros(size, np.uint32)
    run(bytes_both_ways, target, a, s, parts.reshape(-1), again, signed, threads=size)
    np.testing.assert_array_equal(parts, a.view(np.uint8).reshape(size, 4))
    np.testing.assert_array_equal(again, a.byteswap())
    np.testing.assert_array_equal(signed, (s.view(np.uint32) & 0xFFFF) | 0x2CFF0000)


@enigma.kernel
def nibbles_both_ways(P: enigma.u8, Low: enigma.i32, High: enigma.i32, Again: enigma.u32):
    i = enigma.thread_position_in_grid
    lo, hi = enigma.unpack_int4x2(P[i])
    Low[i], High[i] = lo, hi
    Again[i] = enigma.pack_int4x2(lo, hi)


@pytest.mark.parametrize("target", TARGETS)
def test_pack_int4x2_and_unpack_int4x2_of_every_byte(target: str) -> None:
    p = np.arange(256).astype(np.uint8)
    low, high, again = np.zeros(256, np.int32), np.zeros(256, np.int32), np.zeros(256, np.uint32)
    run(nibbles_both_ways, target, p, low, high, again, threads=256)
    signed = np.array([*range(8), *range(-8, 0)])
    np.testing.assert_array_equal(low, signed[p & 15])
    np.testing.assert_array_equal(high, signed[p >> 4])
    np.testing.assert_array_equal(again, p)


@enigma.kernel
def eights(
    A: enigma.i8,
    U: enigma.u8x4,
    S: enigma.f16,
    Z: enigma.i8,
    Plain: enigma.f32,
    Shifted: enigma.f32,
    Vectors: enigma.f32x4,
):
    i = enigma.thread_position_in_grid
    Plain[i] = enigma.dequantize_int8(A[i], S[i])
    Shifted[i] = enigma.dequantize_int8(A[i], 0.5, Z[i])
    Vectors[i] = enigma.dequantize_int8(U[i], S[i], 128)


@pytest.mark.parametrize("target", TARGETS)
def test_dequantize_int8_of_every_value(target: str) -> None:
    a, z = np.arange(-128, 128).astype(np.int8), np.arange(127, -129, -1).astype(np.int8)
    u = np.random.default_rng(2).integers(0, 256, (256, 4)).astype(np.uint8)
    s = np.random.default_rng(3).uniform(0.001, 0.1, 256).astype(np.float16)
    plain, shifted, vectors = np.zeros(256, np.float32), np.zeros(256, np.float32), np.zeros((256, 4), np.float32)
    run(eights, target, a, u, s, z, plain, shifted, vectors, threads=256)
    np.testing.assert_array_equal(plain, a.astype(np.float32) * s.astype(np.float32))
    np.testing.assert_array_equal(shifted, (a.astype(np.int32) - z) * np.float32(0.5))
    np.testing.assert_array_equal(
        vectors, (u.astype(np.int32) - 128).astype(np.float32) * s.astype(np.float32)[:, None]
    )


@enigma.kernel
def fours(
    A: enigma.u32, S: enigma.f32, Z: enigma.u8, Signed: enigma.f32x4, Unsigned: enigma.f32x4, Zeros: enigma.f32x4
):
    i = enigma.thread_position_in_grid
    Signed[2 * i], Signed[2 * i + 1] = enigma.dequantize_int4(A[i], S[i])
    Unsigned[2 * i], Unsigned[2 * i + 1] = enigma.dequantize_int4(A[i], S[i], 8, signed=False)
    Zeros[2 * i], Zeros[2 * i + 1] = enigma.dequantize_int4(A[i], S[i], Z[i], signed=False)


def nibbles(a: np.ndarray, *, signed: bool) -> np.ndarray:
    """Return the eight nibbles of each word, the lowest first."""
    found = (a[:, None] >> np.arange(0, 32, 4, dtype=np.uint32) & 15).astype(np.int32)
    return np.where(found > 7, found - 16, found) if signed else found


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", SIZES)
def test_dequantize_int4(size: int, target: str) -> None:
    a, random = words(size), np.random.default_rng(size)
    s, z = random.uniform(0.01, 0.2, size).astype(np.float32), random.integers(0, 16, size).astype(np.uint8)
    found = [np.zeros((size, 8), np.float32) for _ in range(3)]
    run(fours, target, a, s, z, *(each.reshape(-1, 4) for each in found), threads=size)
    wanted = [
        nibbles(a, signed=True),
        nibbles(a, signed=False) - 8,
        nibbles(a, signed=False) - z[:, None].astype(np.int32),
    ]
    for got, want in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(got, want.astype(np.float32) * s[:, None])


@enigma.kernel
def matvec(
    W: enigma.u32, S: enigma.f16, Z: enigma.u8, X: enigma.f32, Y: enigma.f32,
    K: enigma.constexpr = 256, group: enigma.constexpr = 32, zeros: enigma.constexpr = False,
):  # fmt: skip
    """A row of the matrix for each simdgroup."""
    row = enigma.thread_position_in_grid // 32
    lane = enigma.thread_index_in_simdgroup()
    total = enigma.f32(0)
    for k in enigma.range(lane, K // 8, 32):
        low, high = enigma.load_int4(W, row * (K // 8) + k, S, group, Z if zeros else None, signed=not zeros)
        total += enigma.dot(low, X.load(8 * k, 4)) + enigma.dot(high, X.load(8 * k + 4, 4))
    total = enigma.simd_sum(total)
    if lane == 0:
        Y[row] = total


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("group", [8, 32, 64, 128])
def test_load_int4_in_a_matrix_times_a_vector(group: int, zeros: bool, target: str) -> None:
    rows, K = 5, 384
    random = np.random.default_rng(group)
    w, x = words(rows * K // 8), random.normal(size=K).astype(np.float32)
    s = random.uniform(0.01, 0.1, rows * K // group).astype(np.float16)
    z = random.integers(0, 16, rows * K // group).astype(np.uint8)
    y = np.zeros(rows, np.float32)
    kernel = compile_kernel(matvec, K=K, group=group, zeros=zeros)
    TARGETS[target]().run(kernel.program, [w, s, z, x, y], (32 * rows, 1, 1), (64, 1, 1))
    whole = nibbles(w, signed=not zeros).reshape(rows, -1, group).astype(np.float64)
    if zeros:
        whole -= z.reshape(rows, -1, 1)
    matrix = (whole * s.reshape(rows, -1, 1)).reshape(rows, K)
    # 384 products, each rounded twice: the sum of magnitudes bounds what that can add up to
    bound = 16 * 2.0**-24 * (np.abs(matrix) @ np.abs(x))
    assert (np.abs(y - matrix @ x) <= bound).all()


@pytest.mark.parametrize("kernel", [bytes_both_ways, nibbles_both_ways, eights, fours], ids=lambda each: each.name)
def test_the_metal_is_legal(kernel: Any) -> None:
    assert_legal(compile_kernel(kernel, emit_only=True).metal_source, warnings=True)


def test_the_metal_of_the_matrix_is_legal() -> None:
    for zeros in (False, True):
        assert_legal(compile_kernel(matvec, emit_only=True, zeros=zeros).metal_source)


def test_it_reads_as_written_by_hand(golden: Any) -> None:
    golden(compile_kernel(bytes_both_ways, emit_only=True).metal_source, "bytes")
    golden(compile_kernel(matvec, emit_only=True).metal_source, "matvec_int4")


@enigma.kernel
def made(
    A: enigma.f32, B: enigma.i32, Out: enigma.f32x4, Pairs: enigma.f32x2, Triples: enigma.f32x3, Whole: enigma.i32x3
):
    i = enigma.thread_position_in_grid
    Pairs[i] = enigma.make_float2(A[i], B[i])
    Triples[i] = enigma.make_float3(enigma.make_vec(A[i], 1.0), A[i])
    Out[i] = enigma.make_float4(B[i], A[i], 2, 3.5)
    Whole[i] = enigma.make_vec(B[i], 7, B[i])


@pytest.mark.parametrize("target", TARGETS)
def test_make_vec_and_make_float(target: str) -> None:
    a, i = np.random.default_rng(1).normal(size=33).astype(np.float32), np.arange(33, dtype=np.int32) - 9
    out, whole = np.zeros((33, 4), np.float32), np.zeros((33, 3), np.int32)
    pairs, triples = np.zeros((33, 2), np.float32), np.zeros((33, 3), np.float32)
    run(made, target, a, i, out, pairs, triples, whole, threads=33)
    one = np.ones(33, np.float32)
    np.testing.assert_array_equal(pairs, np.stack([a, i], axis=1).astype(np.float32))
    np.testing.assert_array_equal(triples, np.stack([a, one, a], axis=1))
    np.testing.assert_array_equal(out, np.stack([i, a, 2 * one, 3.5 * one], axis=1).astype(np.float32))
    np.testing.assert_array_equal(whole, np.stack([i, np.full(33, 7), i], axis=1))
