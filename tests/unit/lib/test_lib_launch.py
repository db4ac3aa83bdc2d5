"""What all functions of `enigma.lib` do with their arguments, before any kernel runs."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from enigma.errors import LaunchError
from enigma.lib.launch import Plan, array, dtype_of, one_of, output, size_of, with_kernel


@en.kernel
def scaled(x: en.f32, out: en.f32, factor: en.Scalar[en.f32], power: en.constexpr = 1) -> None:
    i = en.thread_position_in_grid
    out[i] = x[i] ** power * factor


def test_a_plan_runs_and_compiles_its_kernel() -> None:
    plan = Plan(scaled, (3, 1, 1), (3, 1, 1), {"power": 2}, (0.5,))
    out = np.zeros(3, np.float32)
    plan.run(np.array([1, 2, 3], np.float32), out)
    assert out.tolist() == [0.5, 2.0, 4.5]
    runtime = en.runtime("sim")
    done = runtime.execute(
        plan.compile(), [np.array([1, 2, 3], np.float32)], grid=plan.grid, threads=plan.threads, scalars=plan.scalars,
        output_shapes=[(3,)], output_dtypes=[en.f32],
    )  # fmt: skip
    assert done.tolist() == [0.5, 2.0, 4.5]


def test_a_function_has_its_kernel() -> None:
    def plan(n: int) -> Plan:
        return Plan(scaled, (n, 1, 1), (1, 1, 1), {}, (2.0,))

    @with_kernel(plan)
    def doubled(x: np.ndarray) -> np.ndarray:
        """Twice x."""
        out = output(None, x.shape, en.f32)
        plan(x.size).run(x, out)
        return out

    assert doubled(np.array([1, 2], np.float32)).tolist() == [2, 4]
    assert doubled.kernel(5).grid == (5, 1, 1)
    assert (doubled.__name__, doubled.__doc__) == ("doubled", "Twice x.")


def test_arrays_are_taken_without_a_copy() -> None:
    x = np.zeros((2, 3), ml_dtypes.bfloat16)
    assert array(x, "x", axes=2) is x
    assert dtype_of(x) is en.bf16
    assert dtype_of(array(memoryview(b"abc"), "x", dtypes=(en.u8,))) is en.u8
    out = output(x, (2, 3), en.bf16)
    assert out is x
    made = output(None, (4,), en.i32)
    assert (made.shape, made.dtype) == ((4,), np.int32)
    assert (size_of(np.int64(3), "rows"), one_of("half", (en.f32, en.f16))) == (3, en.f16)


MISTAKES = {
    "dtype": (
        lambda: array(np.zeros(3), "x"),
        "x holds float64, but it must be f32, f16 or bf16\n  help: convert it: x.astype('float32')",
    ),
    "axes": (
        lambda: array(np.zeros(3, np.float32), "x", axes=2),
        "x has the shape (3,), but it must have 2 axes\n  help: reshape it: x.reshape(...)",
    ),
    "empty": (
        lambda: array(np.zeros((0, 3), np.float32), "x"),
        "x is empty: its shape is (0, 3)\n  help: skip the call where there is nothing to do",
    ),
    "unknown": (
        lambda: dtype_of(np.zeros(3, np.complex64)),
        "enigma has no dtype for arrays of complex64\n"
        "  help: convert it to f32, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64 or b1",
    ),
    "output": (
        lambda: output(np.zeros(3, np.float32), (4,), en.f16),
        "out is float32 of the shape (3,), but the result is float16 of (4,)\n"
        "  help: leave it out, and an array is made",
    ),
    "size": (
        lambda: size_of(0, "rows"),
        "rows is 0, but it must be an int of at least 1\n  help: skip the call where there is nothing to do",
    ),
    "no dtype of it": (
        lambda: one_of(en.i32, (en.f32, en.f16)),
        "dtype is i32, but it must be f32 or f16\n  help: convert the arrays first",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_said_before_anything_runs(name: str) -> None:
    call, text = MISTAKES[name]
    with pytest.raises(LaunchError) as caught:
        call()
    assert str(caught.value) == text
