"""Geometry, packing and the bits of vectors in kernels: on both targets against NumPy, for sizes that no threadgroup divides."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import enigma
from enigma.compile import compile as compile_kernel
from enigma.dtypes import FLOATS, Numeric, bf16, f16, f32
from enigma.spec.registry import rows
from tests.msl.check import clang_available
from tests.msl.run import run_kernel
from tests.spec.forms import load
from tests.spec.values import Array
from tests.spec.vector_truths import LAYOUTS, pack

TARGETS = (
    "sim",
    "cpu",
    pytest.param("clang", marks=pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")),
)
SIZES = (1, 31, 33, 255, 1023)


def run(kernel: Any, target: str, arrays: list[Array], size: int) -> None:
    """Run a kernel on a runtime, or its Metal text compiled by clang."""
    if target == "clang":
        text = compile_kernel(kernel, emit_only=True).metal_source
        run_kernel(text, dict(enumerate(arrays)), grid=(size, 1, 1), threads=(96, 1, 1))
        return
    runtime = {"sim": enigma.SimRuntime, "cpu": enigma.CpuRuntime}[target]()
    runtime.run(compile_kernel(kernel).program, arrays, (size, 1, 1), (96, 1, 1))


def _geometry_source(dtype: Numeric, lanes: int) -> str:
    kind, one = f"en.{dtype.name}x{lanes}", f"en.{dtype.name}"
    return f"""@en.kernel
def geometry_{dtype.name}x{lanes}(A: {kind}, B: {kind}, E: {one}, Numbers: {one}, Vectors: {kind}):
    i = en.thread_position_in_grid
    a, b, eta = A[i], B[i], E[i]
    Numbers[5 * i] = en.dot(a, b)
    Numbers[5 * i + 1] = en.length(a)
    Numbers[5 * i + 2] = en.length_squared(a)
    Numbers[5 * i + 3] = en.distance(a, b)
    Numbers[5 * i + 4] = en.distance_squared(a, b)
    n = en.normalize(b)
    Vectors[5 * i] = n
    Vectors[5 * i + 1] = en.reflect(a, n)
    Vectors[5 * i + 2] = en.refract(en.normalize(a), n, eta)
    Vectors[5 * i + 3] = en.faceforward(a, b, n)
    Vectors[5 * i + 4] = {"en.cross(a, b)" if lanes == 3 else "a"}
"""


def _packing_source(layout: str) -> str:
    count = len(LAYOUTS[layout])
    word = rows()[f"pack_float_to_{layout}"].result
    assert isinstance(word, Numeric)
    given = f"A: en.f32x{count}, H: en.f16x{count}, P: en.{word.name}"
    return f"""@en.kernel
def packing_{layout}({given}, Words: en.{word.name}, Out: en.f32x{count}, Halves: en.f16x{count}):
    i = en.thread_position_in_grid
    Words[2 * i] = en.pack_float_to_{layout}(A[i])
    Words[2 * i + 1] = en.pack_half_to_{layout}(H[i])
    Out[i] = en.unpack_{layout}_to_float(P[i])
    Halves[i] = en.unpack_{layout}_to_half(P[i])
"""


@cache
def _module() -> ModuleType:
    sources = [_geometry_source(dtype, lanes) for dtype in FLOATS for lanes in (2, 3, 4)]
    return load("\n\n".join([*sources, *map(_packing_source, LAYOUTS)]), "geometry")


def _refracted(i: Array, n: Array, eta: Array) -> Array:
    d = (i * n).sum(axis=1, keepdims=True)
    k = 1 - eta[:, None] ** 2 * (1 - d * d)
    with np.errstate(invalid="ignore"):
        return np.where(k < 0, 0.0, eta[:, None] * i - (eta[:, None] * d + np.sqrt(k)) * n)


def _unit(v: Array) -> Array:
    return v / np.linalg.norm(v, axis=1, keepdims=True)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("lanes", [2, 3, 4])
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.name)
def test_geometry_is_that_of_numpy_in_double_precision(dtype: Numeric, lanes: int, target: str) -> None:
    kernel = getattr(_module(), f"geometry_{dtype.name}x{lanes}")
    # operands are at most 4 long, so absolute errors are a few units in the last place of 16
    bound = {f32: 1e-5, f16: 0.02, bf16: 0.16}[dtype]
    for size in SIZES if target != "clang" else (33,):
        random = np.random.default_rng(size)
        a, b = (random.uniform(-2, 2, (size, lanes)).astype(dtype.numpy) for _ in range(2))
        eta = random.uniform(0.4, 0.95, size).astype(dtype.numpy)  # no total reflection, whose edge is nowhere near
        numbers, vectors = np.zeros((size, 5), dtype.numpy), np.zeros((size, 5, lanes), dtype.numpy)
        run(kernel, target, [a, b, eta, numbers, vectors.reshape(-1, lanes)], size)
        x, y, e = (v.astype(np.float64) for v in (a, b, eta))
        n = vectors[:, 0].astype(np.float64)
        wanted = [
            (x * y).sum(1),
            np.linalg.norm(x, axis=1),
            (x * x).sum(1),
            np.linalg.norm(x - y, axis=1),
            ((x - y) ** 2).sum(1),
        ]
        np.testing.assert_allclose(numbers.astype(np.float64), np.stack(wanted, axis=1), rtol=0, atol=bound)
        np.testing.assert_allclose(n, _unit(y), rtol=0, atol=bound)
        found = vectors.astype(np.float64)
        np.testing.assert_allclose(found[:, 1], x - 2 * (x * n).sum(1, keepdims=True) * n, rtol=0, atol=bound)
        np.testing.assert_allclose(found[:, 2], _refracted(_unit(x), n, e), rtol=0, atol=bound)
        clear = np.abs((y * n).sum(1)) > bound
        np.testing.assert_array_equal(found[clear, 3], -x[clear])  # b goes along itself: never from the front
        if lanes == 3:
            np.testing.assert_allclose(found[:, 4], np.cross(x, y), rtol=0, atol=bound)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_words_are_packed_and_unpacked_as_specified(layout: str, target: str) -> None:
    kernel, count = getattr(_module(), f"packing_{layout}"), len(LAYOUTS[layout])
    unpacks = rows()[f"unpack_{layout}_to_float"]
    word = unpacks.params["p"]
    assert isinstance(word, Numeric)
    for size in (1, 33, 255) if target != "clang" else (255,):
        random = np.random.default_rng(size)
        a = random.uniform(-1.2, 1.2, (size, count)).astype(np.float32)
        a[random.random(a.shape) < 0.2] = np.nan
        a[random.random(a.shape) < 0.1] = np.inf
        h, p = a.astype(np.float16), random.integers(0, 2**32, size).astype(word.numpy)
        words = np.zeros((size, 2), word.numpy)
        out, halves = np.zeros((size, count), np.float32), np.zeros((size, count), np.float16)
        run(kernel, target, [a, h, p, words.reshape(-1), out, halves], size)
        assert [int(w) for w in words[:, 0]] == [pack(layout, [float(x) for x in v]) for v in a]
        assert [int(w) for w in words[:, 1]] == [pack(layout, [float(x) for x in v]) for v in h]
        scales = np.array([2 ** (bits - layout.startswith("snorm")) - 1 for bits in LAYOUTS[layout]])
        fields = np.stack(
            [p.astype(np.int64) >> sum(LAYOUTS[layout][:k]) & 2**bits - 1 for k, bits in enumerate(LAYOUTS[layout])],
            axis=1,
        )
        if layout.startswith("snorm"):
            fields = np.where(fields > scales, fields - 2 * scales - 2, fields)
        wanted = np.maximum(fields / scales, -1.0)
        if layout.startswith("srgb"):
            wanted[:, :3] = np.where(wanted <= 0.04045, wanted / 12.92, ((wanted + 0.055) / 1.055) ** 2.4)[:, :3]
        np.testing.assert_array_equal(out, wanted.astype(np.float32))
        np.testing.assert_array_equal(halves, wanted.astype(np.float32).astype(np.float16))


@enigma.kernel
def _bits(
    A: enigma.f16x2,
    W: enigma.u32,
    L: enigma.u64,
    Words: enigma.u32,
    Bytes: enigma.u8x4,
    Halves: enigma.f16x4,
    Longs: enigma.f32x2,
):
    i = enigma.thread_position_in_grid
    Words[3 * i] = enigma.as_type(A[i], enigma.u32)
    Words[3 * i + 1] = enigma.as_type(enigma.as_type(W[i], enigma.f16x2), enigma.u32)
    Words[3 * i + 2] = enigma.as_type(enigma.as_type(W[i], "uchar4").wzyx, "uint")
    Bytes[i] = enigma.as_type(W[i], enigma.u8x4)
    Halves[i] = enigma.as_type(L[i], "half4")
    Longs[i] = enigma.as_type(L[i], "float2")


@pytest.mark.parametrize("target", TARGETS)
def test_bits_move_between_vectors_and_numbers_of_one_size(target: str) -> None:
    random, size = np.random.default_rng(5), 201
    a = random.normal(size=(size, 2)).astype(np.float16)
    w, long = (random.integers(0, 2 ** (8 * kind().itemsize), size, kind) for kind in (np.uint32, np.uint64))
    words, raw = np.zeros((size, 3), np.uint32), np.zeros((size, 4), np.uint8)
    halves, floats = np.zeros((size, 4), np.float16), np.zeros((size, 2), np.float32)
    run(_bits, target, [a, w, long, words.reshape(-1), raw, halves, floats], size)
    np.testing.assert_array_equal(words[:, 0], a.view(np.uint32)[:, 0])
    np.testing.assert_array_equal(words[:, 1], w)
    np.testing.assert_array_equal(words[:, 2], w.byteswap())
    np.testing.assert_array_equal(raw, w.view(np.uint8).reshape(size, 4))
    np.testing.assert_array_equal(halves.view(np.uint16), long.view(np.uint16).reshape(size, 4))
    np.testing.assert_array_equal(floats.view(np.uint32), long.view(np.uint32).reshape(size, 2))


def test_metal_calls_its_own_functions(golden: Any) -> None:
    golden(compile_kernel(_module().geometry_bf16x3, emit_only=True).metal_source, "geometry_bf16x3")
    golden(compile_kernel(_module().packing_srgb_unorm4x8, emit_only=True).metal_source, "packing_srgb")


def kernels() -> dict[str, Any]:
    """Return the kernels of this file by name, for the tests of texts."""
    made = {name: each for name, each in vars(_module()).items() if isinstance(each, enigma.KernelDef)}
    return made | {_bits.name: _bits}
