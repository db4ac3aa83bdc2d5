"""Vectors of every dtype and length against NumPy, on the simulator and the CPU, for sizes that no threadgroup divides."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import enigma
from enigma.compile import compile as compile_kernel
from enigma.dialect.build import build
from enigma.dialect.text import parse_module, print_module
from enigma.dialect.verify import verify
from enigma.dtypes import DTYPES, WIDTHS, Numeric, b1, bf16, f32
from tests.msl.check import assert_legal, clang_available
from tests.spec.forms import load
from tests.spec.values import Array, randoms
from tests.unit.dialect.mlir_opt import mlir_opt, needs_mlir_opt

TARGETS = {"sim": enigma.SimRuntime, "cpu": enigma.CpuRuntime}
SIZES = (1, 31, 33, 255, 1023)
HELD = tuple(dtype for dtype in DTYPES if dtype is not b1)


def _source(dtype: Numeric, lanes: int) -> str:
    kind, one = f"en.{dtype.name}x{lanes}", f"en.{dtype.name}"
    last = "xyzw"[lanes - 1]
    wide = f"en.{dtype.name}(2)" if dtype.is_integer else f"en.{dtype.name}(2.0)"
    return f"""@en.kernel
def parts_{dtype.name}x{lanes}(A: {kind}, B: {one}, Out: {kind}, Flat: {one}, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    v = A[i]
    w = {kind}(B[i])
    w.x = v.{last}
    v.{last} = B[i]
    if i % 3 == 1:
        v.yx = v.xy
    for k in en.range(i % 4):
        v, w = w, v
        v.x = w[k % {lanes}]
    Out[i] = en.where(v < w, v, {kind}(w.{"wzyx"[4 - lanes :]}))
    u = Flat.load(i * {lanes} + 1, {lanes}, limit=n)
    Flat.store(i * {lanes} + 1, (u + u * {wide}).to({one}), limit=n)
"""


@cache
def _module() -> ModuleType:
    return load("\n\n".join(_source(dtype, lanes) for dtype in HELD for lanes in WIDTHS), "vectors")


def _truth(a: Array, b: Array, flat: Array, n: int, lanes: int) -> tuple[Array, Array]:
    """The kernel of `_source`, thread after thread in Python."""
    out, changed = np.zeros_like(a), flat.copy()
    two = flat.dtype.type(2)
    for i in range(len(a)):
        v, w = a[i].copy(), np.repeat(b[i], lanes)
        w[0] = v[lanes - 1]
        v[lanes - 1] = b[i]
        if i % 3 == 1:
            v[[1, 0]] = v[[0, 1]]
        for k in range(i % 4):
            v, w = w.copy(), v.copy()
            v[0] = w[k % lanes]
        out[i] = np.where(v < w, v, w[::-1])
        for k in range(i * lanes + 1, min((i + 1) * lanes + 1, n)):
            changed[k] = (flat[k] + (flat[k] * two).astype(flat.dtype)).astype(flat.dtype)
    return out, changed


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("dtype", HELD, ids=lambda dtype: dtype.name)
def test_components_are_read_set_swapped_and_chosen(dtype: Numeric, lanes: int, target: str) -> None:
    kernel = getattr(_module(), f"parts_{dtype.name}x{lanes}")
    for size in SIZES:
        random = np.random.default_rng(size)
        a, b = (randoms(dtype, random, (-9, 9), size * count) for count in (lanes, 1))
        a, flat = a.reshape(size, lanes), randoms(dtype, random, (-9, 9), size * lanes + 3)
        if dtype.kind == "i":
            flat //= 4  # the kernel stores three times as much, and overflow is undefined
        n = size * lanes - 1  # the last vector of the last thread ends beyond the limit
        with np.errstate(all="ignore"):
            wanted, changed = _truth(a, b, flat, n, lanes)
        out = np.zeros_like(a)
        TARGETS[target]().run(compile_kernel(kernel).program, [a, b, out, flat, n], (size, 1, 1), (96, 1, 1))
        np.testing.assert_array_equal(out, wanted)
        if dtype is f32 or dtype.is_integer:
            np.testing.assert_array_equal(flat, changed)
        else:  # rounded once or twice
            error = 2.0 ** (-7 if dtype is bf16 else -10)
            np.testing.assert_allclose(flat.astype(np.float64), changed.astype(np.float64), rtol=error)


@pytest.mark.parametrize("lanes", WIDTHS)
def test_the_metal_of_every_dtype_is_legal(lanes: int) -> None:
    if not clang_available():
        pytest.skip("clang-22 is not installed")
    for dtype in HELD:
        compiled = compile_kernel(getattr(_module(), f"parts_{dtype.name}x{lanes}"), emit_only=True)
        assert_legal(compiled.metal_source, msl_version=(3, 1))


@needs_mlir_opt
def test_mlir_opt_accepts_every_module() -> None:
    for dtype in HELD:
        for lanes in WIDTHS:
            module = build(getattr(_module(), f"parts_{dtype.name}x{lanes}").trace())
            text = print_module(module)
            again = parse_module(text)
            verify(again)
            assert print_module(again) == text
            status, _, complaints = mlir_opt(print_module(module, generic=True))
            assert status == 0, complaints


def _run(kernel: Any, target: str, *arguments: Any, size: int) -> None:
    TARGETS[target]().run(compile_kernel(kernel).program, arguments, (size, 1, 1), (64, 1, 1))


@enigma.kernel
def _loads(A: enigma.f32, B: enigma.u8, Out: enigma.f32):
    i = enigma.thread_position_in_grid
    tile = enigma.threadgroup_alloc(enigma.f32x4, 64)
    lane = enigma.thread_index_in_threadgroup()
    tile[lane] = A.load(i * 4, 4) + B.load(i * 3, 3).zyxx.to(enigma.f32)
    enigma.barrier()
    Out.store(i * 4, tile[lane ^ 1])


@pytest.mark.parametrize("target", TARGETS)
def test_vectors_pass_through_threadgroup_memory(target: str) -> None:
    size = 128
    random = np.random.default_rng(7)
    a, b = random.random((size, 4), np.float32), random.integers(0, 256, (size, 3)).astype(np.uint8)
    out = np.zeros_like(a)
    _run(_loads, target, a, b, out, size=size)
    np.testing.assert_array_equal(out, (a + b[:, [2, 1, 0, 0]].astype(np.float32))[np.arange(size) ^ 1])


def test_a_load_of_four_reads_as_a_person_writes_it() -> None:
    text = compile_kernel(_loads, emit_only=True).metal_source
    assert "((device const float4*)A)[i]" in text
    assert "uchar3 t0 = *(device const packed_uchar3*)(B + i * 3);" in text
    assert "float4(t0.zyxx)" in text


@pytest.mark.parametrize("target", TARGETS)
def test_reading_past_the_end_is_found_by_the_simulator(target: str) -> None:
    if target == "sim":
        with pytest.raises(enigma.OutOfBoundsError, match="read outside of buffer A"):
            _run(_loads, target, np.zeros(7, np.float32), np.zeros(8, np.uint8), np.zeros(8, np.float32), size=2)


@enigma.kernel
def _truths(A: enigma.i32x3, Any: enigma.b1, All: enigma.b1, At: enigma.i32):
    i = enigma.thread_position_in_grid
    v = A[i]
    c = (v > 0) & (v % 2 == 1)
    Any[i], All[i] = enigma.any(c), enigma.all(c)
    At[i] = v[i % 3] + enigma.vec_extract(v, 1)


@pytest.mark.parametrize("target", TARGETS)
def test_any_all_and_a_component_by_a_traced_number(target: str) -> None:
    a = np.random.default_rng(3).integers(-3, 4, (100, 3)).astype(np.int32)
    some, every, at = np.zeros(100, bool), np.zeros(100, bool), np.zeros(100, np.int32)
    _run(_truths, target, a, some, every, at, size=100)
    c = (a > 0) & (a % 2 == 1)
    np.testing.assert_array_equal(some, c.any(axis=1))
    np.testing.assert_array_equal(every, c.all(axis=1))
    np.testing.assert_array_equal(at, a[np.arange(100), np.arange(100) % 3] + a[:, 1])


@enigma.kernel
def _values(A: enigma.f32x4, Out: enigma.f32x4):
    i = enigma.thread_position_in_grid
    v = A[i]
    w = v
    v.x = 7.0
    x, y, z, _ = w
    Out[i] = enigma.f32x4(v.x, w.x, y + z, len(w))
    Out[i].w = x


@pytest.mark.parametrize("target", TARGETS)
def test_a_vector_is_a_value_so_a_second_name_keeps_what_it_had(target: str) -> None:
    a = np.arange(8, dtype=np.float32).reshape(2, 4)
    out = np.zeros_like(a)
    _run(_values, target, a, out, size=2)
    np.testing.assert_array_equal(out, [[7, 0, 3, 0], [7, 4, 11, 4]])


def test_a_launch_of_no_whole_vectors_is_refused() -> None:
    with pytest.raises(enigma.LaunchError, match="A has 7 numbers, but an element, f32x4, is 4 of them"):
        _run(_values, "cpu", np.zeros(7, np.float32), np.zeros(8, np.float32), size=1)


def kernels() -> dict[str, Any]:
    """Return the kernels of this file by name, for the tests of texts."""
    made = {name: each for name, each in vars(_module()).items() if isinstance(each, enigma.KernelDef)}
    return made | {each.name: each for each in (_loads, _truths, _values)}
