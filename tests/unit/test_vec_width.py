"""`enigma.compile(kernel, vec_width=N)`: float buffers become buffers of vectors, and arrays may end within one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.dtypes import bf16, f16, f32
from enigma.errors import EnigmaValueError, KernelAssertionError, OutOfBoundsError
from tests.device.runtimes import LANGUAGE, RUNTIMES
from tests.msl.check import assert_legal
from tests.msl.clang import clang_available
from tests.msl.run import run_kernel
from tests.spec.forms import load
from tests.spec.values import Array

SIZES = (1, 2, 3, 4, 5, 31, 32, 33, 255, 1023)
FENCE = 64
"""Numbers before and behind an array, which must stay as they are."""


@en.kernel
def saxpy(X: en.f32, Y: en.f32, a: en.Scalar(en.f32)):
    i = en.thread_position_in_grid
    Y[i] = a * X[i] + Y[i]


@en.kernel
def mixed(A: en.f32, B: en.Constant(en.f32), Choice: en.i32, Low: en.f32, High: en.f32, Last: en.i32):
    i = en.thread_position_in_grid
    v = A[i] * 2.0 + B[0]
    u = en.where(v < 0, -v, en.sqrt(v))
    if Choice[i] > 0:
        u = max(u, v)
    Low[i] = min(u, A[i])
    High[i] = 2.0 - u
    Last[i] = Choice[i] + 1


def fenced(values: Array) -> tuple[Array, Array]:
    """Return an array of these values within a longer one, and the longer one."""
    around = np.full(len(values) + 2 * FENCE, 77, values.dtype)
    inner = around[FENCE : FENCE + len(values)]
    inner[:] = values
    return inner, around


@pytest.mark.parametrize("target", LANGUAGE)
@pytest.mark.parametrize("width", (2, 3, 4))
@pytest.mark.parametrize("dtype", (f32, f16, bf16), ids=lambda dtype: dtype.name)
def test_an_array_may_end_within_a_vector(dtype: Any, width: int, target: str) -> None:
    source = f"""@en.kernel
def update(A: en.{dtype.name}, B: en.{dtype.name}, Sum: en.{dtype.name}):
    i = en.thread_position_in_grid
    Sum[i] = A[i] + B[i]
    A[i] = A[i] * 0.5
"""
    kernel = load(source, f"update_{dtype.name}").update
    compiled = en.compile(kernel, vec_width=width)
    for size in SIZES:
        random = np.random.default_rng(size)
        first, second = (random.integers(-8, 9, size).astype(dtype.numpy) for _ in range(2))
        (a, around), (out, beside) = fenced(first), fenced(np.zeros(size, dtype.numpy))
        RUNTIMES[target]().run(compiled.program, [a, second, out], -(-size // width), 32)
        np.testing.assert_array_equal(out, first + second)
        np.testing.assert_array_equal(a, first * dtype.numpy.type(0.5))
        for whole in (around, beside):
            assert (whole[:FENCE] == 77).all() and (whole[-FENCE:] == 77).all()


@pytest.mark.parametrize("target", LANGUAGE)
@pytest.mark.parametrize("width", (2, 3, 4))
def test_execute_prepare_and_dispatch_take_tails(width: int, target: str) -> None:
    compiled = en.compile(saxpy, vec_width=width)
    runtime = RUNTIMES[target]()
    for size in SIZES:
        x, y = np.arange(size, dtype=np.float32), np.ones(size, np.float32)
        grid = (-(-size // width), 1, 1)
        want = y + 3 * x
        assert runtime.execute(compiled, [x, y.copy()], grid=grid, scalars=[3.0], inout=["Y"]) is None
        raw = runtime.execute(compiled, [x], size * 4, grid=grid, scalars=[3.0])
        np.testing.assert_array_equal(np.frombuffer(raw, np.float32), 3 * x)
        out = runtime.execute(compiled, [x], grid=grid, scalars=[3.0], output_shapes=[(size,)], output_dtypes=[en.f32])
        np.testing.assert_array_equal(out, 3 * x)
        with runtime.prepare(compiled, [x, y], scalars=[3.0], inout=["Y"]) as prepared:
            prepared.dispatch(grid, 32)
            np.testing.assert_array_equal(y, want)
            x[:] = 1  # inputs are read anew
            prepared.dispatch(grid, 32)
            np.testing.assert_array_equal(y, want + 3)
            prepared.set_input(0, np.full(size, 2, np.float32))
            prepared.dispatch(grid, 32)
            np.testing.assert_array_equal(y, want + 9)


@pytest.mark.parametrize("target", LANGUAGE)
@pytest.mark.parametrize("width", (2, 3, 4))
def test_pitfall_35_an_element_is_a_vector_while_tracing(width: int, target: str) -> None:
    compiled = en.compile(mixed, vec_width=width)
    threads = 45
    size = threads * width - 1
    random = np.random.default_rng(width)
    a = random.standard_normal(size).astype(np.float32)
    b = np.arange(width, dtype=np.float32)
    choice = random.integers(-1, 2, threads).astype(np.int32)
    low, high, last = np.zeros_like(a), np.zeros_like(a), np.zeros_like(choice)
    RUNTIMES[target]().run(compiled.program, [a, b, choice, low, high, last], threads, 32)
    v = a * np.float32(2) + np.resize(b, size)
    u = np.where(v < 0, -v, np.sqrt(np.abs(v)))
    u = np.where(np.repeat(choice, width)[:size] > 0, np.maximum(u, v), u)
    np.testing.assert_allclose(low, np.minimum(u, a), rtol=3e-7)
    np.testing.assert_allclose(high, 2 - u, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(last, choice + 1)


@pytest.mark.parametrize("width", (2, 3, 4))
def test_the_metal_text_runs_and_reads_as_written_by_hand(width: int, golden: Any) -> None:
    text = en.compile(saxpy, vec_width=width, emit_only=True).metal_source
    golden(text, f"saxpy_{width}")
    assert_legal(text, msl_version=(3, 1))
    if clang_available():
        x, y = np.arange(12 * width, dtype=np.float32), np.ones(12 * width, np.float32)
        buffers = {0: x, 1: y, 2: np.array([2], np.float32)}
        run_kernel(text, buffers, grid=(12, 1, 1), threads=(4, 1, 1))
        np.testing.assert_array_equal(y, 1 + 2 * x)


def test_pitfall_34_vectors_of_three_are_packed() -> None:
    assert "device packed_float3* Y" in en.compile(saxpy, vec_width=3, emit_only=True).metal_source


def test_widths_are_kept_apart() -> None:
    texts = {width: en.compile(saxpy, vec_width=width, emit_only=True).metal_source for width in (0, 2, 3, 4, 0, 2)}
    assert len(set(texts.values())) == 4
    keys = {en.compile(saxpy, vec_width=width).program.key for width in (0, 2, 3, 4)}
    assert len(keys) == 4


def test_buffers_of_vectors_and_integers_stay() -> None:
    @en.kernel
    def both(A: en.f32x3, B: en.f32, C: en.i32, Out: en.f32):
        i = en.thread_position_in_grid
        Out[i] = en.f32x2(A[i].x, A[i].z) * B[i] + C[i]

    text = en.compile(both, vec_width=2, emit_only=True).metal_source
    assert (
        "device const packed_float3* A" in text and "device const float2* B" in text and "device const int* C" in text
    )
    runtime = en.CpuRuntime()
    compiled = en.compile(both, vec_width=2)
    with pytest.raises(en.LaunchError, match="A has 4 numbers, but an element, f32x3, is 3 of them"):
        runtime.run(
            compiled.program, [*(np.ones(4, np.float32),) * 2, np.ones(2, np.int32), np.ones(4, np.float32)], 2, 2
        )


def test_the_simulator_still_finds_accesses_past_the_last_vector() -> None:
    compiled = en.compile(saxpy, vec_width=4)
    x, y = np.ones(9, np.float32), np.ones(9, np.float32)
    with pytest.raises(OutOfBoundsError, match="3"):
        en.SimRuntime().run(compiled.program, [x, y, 1.0], 4, 4)


@pytest.mark.parametrize("target", LANGUAGE)
def test_what_a_failing_kernel_wrote_is_there(target: str) -> None:
    @en.kernel
    def checked(A: en.f32, Out: en.f32):
        i = en.thread_position_in_grid
        Out[i] = A[i] + 1.0
        en.assert_(A[i].x < 0, "not negative")

    out = np.zeros(5, np.float32)
    with pytest.raises(KernelAssertionError):
        RUNTIMES[target]().run(en.compile(checked, vec_width=4).program, [np.arange(5, dtype=np.float32), out], 2, 2)
    np.testing.assert_array_equal(out, [1, 2, 3, 4, 5])


@pytest.mark.parametrize("target", LANGUAGE)
def test_bytes_count_numbers(target: str) -> None:
    raw = RUNTIMES[target]().execute(
        en.compile(saxpy, vec_width=4), [np.arange(5, dtype=np.float32).tobytes()], 20, grid=2, scalars=[2.0]
    )
    np.testing.assert_array_equal(np.frombuffer(raw, np.float32), [0, 2, 4, 6, 8])


def test_a_kernel_without_floats_has_nothing_to_widen() -> None:
    @en.kernel
    def whole(A: en.i32):
        A[en.thread_position_in_grid] = 1

    with pytest.raises(EnigmaValueError, match="vec_width is 4, but whole has no buffer of f32, f16 or bf16") as caught:
        en.compile(whole, vec_width=4)
    assert caught.value.loc is not None


def test_outputs_of_another_size_are_refused() -> None:
    with pytest.raises(en.LaunchError, match="the output Y cannot have 6 bytes: its elements, f32, have 4"):
        en.CpuRuntime().execute(en.compile(saxpy, vec_width=4), [np.ones(2, np.float32)], 6, scalars=[1.0])
