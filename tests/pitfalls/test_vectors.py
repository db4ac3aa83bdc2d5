"""Pitfalls 12, 18, 22 and 26 to 33: vectors, and what is read and written as one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from tests.pitfalls.targets import body, everywhere, numbers, same

N = 64


def vectors(count: int, lanes: int = 4, seed: int = 0) -> np.ndarray:
    return numbers(count * lanes, np.float32, seed).reshape(count, lanes)


def test_pitfall_18_a_cast_converts_every_component() -> None:
    @en.kernel
    def k(A: en.f32x4, Out: en.i32x4, Halves: en.f16x4, Bits: en.u32x4):
        i = en.thread_position_in_grid
        Out[i] = en.metal_cast(A[i], "int4")
        Halves[i] = A[i].to(en.f16)
        Bits[i] = en.as_type(A[i], "uint4")

    a = vectors(N)
    given = [np.zeros((N, 4), kind) for kind in (np.int32, np.float16, np.uint32)]
    for found in everywhere(k, a, *given, grid=N):
        np.testing.assert_array_equal(found[1], a.astype(np.int32))
        np.testing.assert_array_equal(found[2], a.astype(np.float16))
        np.testing.assert_array_equal(found[3], a.view(np.uint32))


@en.kernel
def by_component(A: en.f32x4, B: en.f32x4, Out: en.f32x4):
    i = en.thread_position_in_grid
    a, b = A[i], B[i]
    Out[4 * i] = -a
    Out[4 * i + 1] = en.floor(abs(a)) + en.fmax(a, b)
    Out[4 * i + 2] = en.where(a < b, a, b)
    Out[4 * i + 3] = en.where(i % 2 == 0, a, b)


def test_pitfall_26_functions_signs_and_choices_take_vectors() -> None:
    a, b = vectors(N, seed=1), vectors(N, seed=2)
    even = (np.arange(N) % 2 == 0)[:, None]
    want = np.stack([-a, np.floor(np.abs(a)) + np.maximum(a, b), np.where(a < b, a, b), np.where(even, a, b)], axis=1)
    same(by_component, a, b, np.zeros((4 * N, 4), np.float32), want=want.reshape(-1, 4), grid=N)


@pytest.mark.parametrize("name", ["simd_min", "simd_max", "simd_product"])
def test_pitfall_27_a_reduction_of_vectors_is_one_of_each_component(name: str) -> None:
    @en.kernel
    def k(A: en.f32x2, Out: en.f32x2):
        i = en.thread_position_in_grid
        Out[i] = getattr(en, name)(A[i])

    try:
        en.compile(k, emit_only=True)
    except (
        en.EnigmaTypeError
    ) as error:  # refused at the line, which is not wrong either: component by component it works
        assert f"{name} takes a single number" in str(error)
        return
    a = np.where(vectors(N, 2) > 0, 1, -1).astype(np.float32) if name == "simd_product" else vectors(N, 2)
    combine = {"simd_min": np.min, "simd_max": np.max, "simd_product": np.prod}[name]
    want = np.repeat(combine(a.reshape(2, 32, 2), axis=1), 32, axis=0)
    same(k, a, np.zeros_like(a), want=want, grid=N)


@en.kernel
def scaled(A: en.f32x4, Out: en.f32x4, factor: en.Scalar(en.f32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    a = A[i]
    Out[i] = a * 2.0 + 2.0 * a + factor * a + (1 - a) / 2


def test_pitfall_28_a_number_meets_a_vector_in_every_component() -> None:
    a = vectors(N)
    for given in everywhere(scaled, a, np.zeros_like(a), 4.0, grid=N):
        np.testing.assert_array_equal(given[1], a * 2 + 2 * a + 4 * a + (1 - a) / 2)


@en.kernel
def doubled(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid * 4
    v = A.load(i, 4)
    Out.store(i, v + v.yxwz)


@en.kernel
def shifted(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid * 4
    Out.store(i + 3, A.load(i + 1, 4))


def test_pitfall_29_a_vector_load_reads_neighbours_not_one_element_over_and_over() -> None:
    a = numbers(4 * N, np.float32)
    same(doubled, a, np.zeros_like(a), want=a + a.reshape(-1, 2)[:, ::-1].reshape(-1), grid=N)


def test_pitfall_31_a_vector_may_begin_at_any_element() -> None:
    a = numbers(4 * N + 1, np.float32)
    same(shifted, a, np.zeros(4 * N + 3, np.float32), want=np.append(np.zeros(3), a[1:]), grid=N)
    assert "packed_float4" in body(shifted)  # of an element's alignment, where float4 needs 16 bytes


def test_pitfall_32_a_stored_vector_fills_its_elements_once() -> None:
    text = body(doubled)
    assert text.count("Out") == 1 and text.count("float4*)") == 2


def test_pitfall_33_a_vector_is_one_access() -> None:
    assert body(doubled).count("A") == 1


def test_pitfall_12_bytes_of_128_and_more_are_unpacked_unsigned() -> None:
    @en.kernel
    def k(A: en.i32, Out: en.u32, Shifted: en.u32):
        i = en.thread_position_in_grid
        a, b, c, d = en.unpack_uint8x4(A[i])
        Out[4 * i], Out[4 * i + 1], Out[4 * i + 2], Out[4 * i + 3] = a, b, c, d
        Shifted[i] = en.pack_uint8x4(d, c, b, a)

    a = numbers(N, np.int32, 5)
    for given in everywhere(k, a, np.zeros(4 * N, np.uint32), np.zeros(N, np.uint32), grid=N):
        np.testing.assert_array_equal(given[1], a.view(np.uint8))
        np.testing.assert_array_equal(given[2], a.view(np.uint32).byteswap())


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda x, v: en.make_vec(x), "2 to 4 components, but it got 1"),
        (lambda x, v: en.make_vec(x, v), "2 to 4 components, but it got 5"),
        (lambda x, v: en.make_float3(x, x), "f32x3 has 3 components, but it got 2"),
        (lambda x, v: en.vec_extract(v, 4), "lane must be from 0 to 3, but it is 4"),
        (lambda x, v: en.dot(x, x), "dot takes a vector of 2, 3 or 4 components, but x is f32"),
        (lambda x, v: en.cross(v, v), "cross takes a vector of 3 components, but v is f32x4"),
        (lambda x, v: en.pack_float_to_snorm2x16(v), "must be f32x2, but v is f32x4"),
    ],
)
def test_pitfall_22_misuse_of_vectors_says_what_was_found(call: Any, found: str) -> None:
    @en.kernel
    def k(A: en.f32, V: en.f32x4):
        x, v = A[0], V[0]
        call(x, v)

    with pytest.raises(en.EnigmaError, match=rf"test_vectors\.py:\d+:\d+: error: .*{found}"):
        k.trace()


def test_pitfall_26_functions_of_whole_vectors_are_there() -> None:
    @en.kernel
    def k(A: en.f32x3, B: en.f32x3, Dots: en.f32, Out: en.f32x3):
        i = en.thread_position_in_grid
        a, b = A[i], B[i]
        Dots[i] = en.dot(a, b) + en.length_squared(a)
        Out[i] = en.where(en.any(a > b), en.cross(a, b), en.faceforward(a, b, b))

    a, b = vectors(N, 3, seed=3), vectors(N, 3, seed=4)
    above = (a > b).any(axis=1)[:, None]
    faced = np.where((b * b).sum(axis=1, keepdims=True) < 0, a, -a)
    for given in everywhere(k, a, b, np.zeros(N, np.float32), np.zeros((N, 3), np.float32), grid=N):
        np.testing.assert_array_equal(given[2], (a * b).sum(axis=1) + (a * a).sum(axis=1))
        np.testing.assert_array_equal(given[3], np.where(above, np.cross(a, b), faced))
