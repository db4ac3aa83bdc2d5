"""`enigma.lib.softmax` and `enigma.lib.rmsnorm` against NumPy in float64, at sizes that nothing divides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.errors import LaunchError
from tests.unit.lib.truth import FLOATS, SIZES, assert_near, numbers, rmsnorm, softmax

# units in the last place of f32. Of a softmax: x - max is rounded, and is up to 40 here, so that its exponential is off by 20;
# of an RMSNorm: sums of squares are added in threads first, so a few roundings each.
STEPS = {"softmax": 40, "rmsnorm": 16}
SHORT = tuple(size for size in SIZES if size <= 257)
LONG = (1025, 4096, 4100, 9001)


def check_softmax(rows: int, columns: int, dtype: str, device: str, width: int | None) -> None:
    x = numbers((rows, columns), FLOATS[dtype], seed=columns, scale=4)
    x[0, : columns // 2] = -np.inf
    out = np.full_like(x, np.nan)
    en.lib.softmax.kernel(rows, columns, dtype, width=width).run(x, out, device=device)
    assert_near(out, softmax(x), dtype, STEPS["softmax"])


def check_rmsnorm(rows: int, columns: int, dtype: str, weights: str, device: str, width: int | None) -> None:
    x = numbers((rows, columns), FLOATS[dtype], seed=columns)
    weight = numbers(columns, FLOATS[weights], seed=1)
    out = np.full_like(x, np.nan)
    en.lib.rmsnorm.kernel(rows, columns, dtype, weights, eps=1e-5, width=width).run(x, weight, out, device=device)
    assert_near(out, rmsnorm(x, weight, 1e-5), dtype, STEPS["rmsnorm"])


@pytest.mark.parametrize("width", [1, None])
@pytest.mark.parametrize("columns", SIZES)
def test_rows_of_any_length(columns: int, width: int | None) -> None:
    rows = 1 + columns % 10
    check_softmax(rows, columns, "f32", "cpu", width)
    check_rmsnorm(rows, columns, "f32", "f32", "cpu", width)


@pytest.mark.parametrize("columns", LONG)
def test_long_rows(columns: int) -> None:
    for width in (1, None):
        check_softmax(2, columns, "f32", "cpu", width)
        check_rmsnorm(2, columns, "f32", "f32", "cpu", width)


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 257])
def test_any_number_of_rows(rows: int) -> None:
    for columns in (1, 12, 33):
        check_softmax(rows, columns, "f32", "cpu", None)
        check_rmsnorm(rows, columns, "f32", "f32", "cpu", None)


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_dtypes_are_computed_in_f32(dtype: str) -> None:
    for rows, columns in ((5, 7), (3, 132), (2, 1026)):
        for width in (1, None):
            check_softmax(rows, columns, dtype, "cpu", width)
            check_rmsnorm(rows, columns, dtype, dtype, "cpu", width)
        check_rmsnorm(rows, columns, dtype, "f32", "cpu", None)


# what the simulator finds out of bounds, it raises; buffers are exactly as large as the arrays
@pytest.mark.parametrize("columns", [1, 3, 33, 64, 126, 127, 516, 1025])
def test_nothing_is_accessed_out_of_bounds(columns: int) -> None:
    for rows in (1, 9 if columns < 100 else 2):
        check_softmax(rows, columns, "f32", "sim", None)
        check_rmsnorm(rows, columns, "f16", "f16", "sim", None)


def test_masked_rows_and_great_numbers() -> None:
    x = np.array([[-np.inf] * 5, [3e38, -3e38, 3e38, -np.inf, 0], [-3e38] * 5, [88, -104, 0, 1000, 1000]], np.float32)
    for device in ("cpu", "sim"):
        out = np.full_like(x, 7)
        en.lib.softmax.kernel(4, 5).run(x, out, device=device)
        assert_near(out, softmax(x), "f32", 40)
        assert out[0].tolist() == [0] * 5
        assert out[1].tolist() == [0.5, 0, 0.5, 0, 0]


@pytest.mark.parametrize("columns", [5, 700, 5000])
def test_nan_and_infinity_spoil_their_row_alone(columns: int) -> None:
    x = np.zeros((3, columns), np.float32)
    x[0, columns // 3], x[2, columns - 1] = np.nan, np.inf
    found = en.lib.softmax(x)
    assert np.isnan(found[0]).all()
    assert np.isnan(found[2]).all()
    assert_near(found[1], softmax(x[1:2])[0], "f32", 40)


def test_functions_on_arrays() -> None:
    x, weight = numbers((2, 3, 10), np.float16), numbers(10, np.float32, seed=1)
    out = np.zeros_like(x)
    assert en.lib.rmsnorm(x, weight, 1e-3, out) is out
    assert_near(out, rmsnorm(x, weight, 1e-3), "f16", 16)
    found = en.lib.softmax(x, out=out)
    assert found is out
    assert_near(found, softmax(x), "f16", 40)
    assert_near(en.lib.softmax(x[0, 0]), softmax(x[0, 0]), "f16", 40)


def test_a_kernel_is_prepared_once_and_run_often() -> None:
    plan = en.lib.softmax.kernel(3, 8)
    runtime = en.runtime("cpu")
    x = numbers((3, 8), np.float32)
    with runtime.prepare(
        plan.compile(), [x], scalars=plan.scalars, output_shapes=[(3, 8)], output_dtypes=[np.float32]
    ) as prepared:
        prepared.dispatch(plan.grid, plan.threads)
        assert_near(prepared.outputs[0], softmax(x), "f32", 40)


MISTAKES: dict[str, tuple[Any, str]] = {
    "weights": (
        lambda: en.lib.rmsnorm(np.zeros((2, 3), np.float32), np.zeros(4, np.float32)),
        "weight has 4 elements, but a row of x has 3\n  help: pass one weight for each column",
    ),
    "dtype": (
        lambda: en.lib.softmax(np.zeros((2, 3), np.int32)),
        "x holds int32, but it must be f32, f16 or bf16\n  help: convert it: x.astype('float32')",
    ),
    "empty": (
        lambda: en.lib.softmax(np.zeros((2, 0), np.float32)),
        "x is empty: its shape is (2, 0)\n  help: skip the call where there is nothing to do",
    ),
    "kernel": (
        lambda: en.lib.rmsnorm.kernel(1, 4, en.i32),
        "dtype is i32, but it must be f32, f16 or bf16\n  help: convert the arrays first",
    ),
    "width": (
        lambda: en.lib.softmax.kernel(1, 6, width=4),
        "width is 4, but it must be 1 or 2: what divides rows of 6 elements\n  help: leave it out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_said_before_anything_runs(name: str) -> None:
    call, text = MISTAKES[name]
    with pytest.raises(LaunchError) as caught:
        call()
    assert str(caught.value) == text
