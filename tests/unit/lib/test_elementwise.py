"""`enigma.lib.elementwise` and `enigma.lib.transpose` against NumPy, at sizes that no tile divides."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from enigma.errors import EnigmaTypeError, LaunchError
from tests.unit.lib.truth import FLOATS, SIZES, assert_near, numbers

DTYPES = {
    **FLOATS,
    "i32": np.dtype(np.int32),
    "u8": np.dtype(np.uint8),
    "i64": np.dtype(np.int64),
    "b1": np.dtype(bool),
}


@en.lib.elementwise
def axpy(a: Any, x: Any, y: Any) -> Any:
    """A scaled array and another one."""
    return a * x + y


@en.lib.elementwise
def silu(x: Any) -> Any:
    return x / (1 + en.exp(-x))


def test_any_number_of_elements() -> None:
    for n in (*SIZES, 2049, 5000):
        x, y = numbers(n, np.float32, n), numbers(n, np.float32, n + 1)
        assert_near(axpy(0.5, x, y), (0.5 * x + y).astype(np.float64), "f32", 1)
        wide = x.astype(np.float64)
        assert_near(silu(x), wide / (1 + np.exp(-wide)), "f32", 8)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (7, 33), (33, 7), (3, 1025), (127, 129), (1023, 2)])
def test_any_shape(rows: int, columns: int) -> None:
    x, y = numbers((rows, columns), np.float32, 1), numbers((rows, columns), np.float32, 2)
    found = axpy(2, x, y)
    assert found.shape == (rows, columns)
    assert np.array_equal(found, 2 * x + y)


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name != "b1"])
def test_any_dtype(dtype: str) -> None:
    x, y = (np.random.default_rng(k).integers(0, 7, 1031).astype(DTYPES[dtype]) for k in (1, 2))
    found = axpy(3, x, y)
    assert found.dtype == x.dtype
    assert np.array_equal(found, (3 * x.astype(np.int64) + y.astype(np.int64)).astype(x.dtype))


@pytest.mark.parametrize("n", [1, 3, 4, 31, 1023, 1025])
def test_nothing_is_accessed_out_of_bounds(n: int) -> None:
    x, y, out = numbers(n, np.float32), numbers(n, np.float32, 1), np.zeros(n, np.float32)
    axpy.kernel(n, en.Scalar[en.f32], en.f32, en.f32).run(x, y, out, 2.0, device="sim")
    assert np.array_equal(out, 2 * x + y)


THREADS, VALUES = en.make_layout((4, 16), (16, 1)), en.make_layout((2, 4), (4, 1))


@pytest.mark.parametrize("device", ["cpu", "sim"])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (8, 64), (7, 63), (9, 65), (3, 129), (17, 2)])
def test_tiles_of_threads_and_values(rows: int, columns: int, device: str) -> None:
    x, y, out = (numbers((rows, columns), np.float32, seed) for seed in range(3))
    plan = axpy.kernel((rows, columns), en.Scalar[en.f32], en.f32, en.f32, threads=THREADS, values=VALUES)
    plan.run(x, y, out, 2.0, device=device)
    assert np.array_equal(out, 2 * x + y)


@pytest.mark.parametrize("n", [1, 3, 1022, 1023, 1024, 1027])
def test_four_elements_of_a_thread_on_the_cpu(n: int) -> None:
    x, y, out = numbers(n, np.float32), numbers(n, np.float32, 1), np.zeros(n, np.float32)
    axpy.kernel(n, en.Scalar[en.f32], en.f32, en.f32).run(x, y, out, 2.0, device="cpu")
    assert np.array_equal(out, 2 * x + y)


def test_results_of_another_dtype() -> None:
    greater = en.lib.elementwise(lambda x, y: x > y, dtype=en.b1)
    x, y = numbers(77, np.float32), numbers(77, np.float32, 1)
    assert np.array_equal(greater(x, y), x > y)
    half = en.lib.elementwise(dtype=en.f16)(lambda x: x * 2)
    assert np.array_equal(half(x), (x * 2).astype(np.float16))
    mixed = en.lib.elementwise(lambda x, y: en.where(x > y, x, y))
    assert mixed(x.astype(np.float16), y).dtype == np.float32
    constant = en.lib.elementwise(lambda x: 3)
    assert constant(x).tolist() == [3.0] * 77


def test_the_result_may_go_to_a_given_array() -> None:
    x, out = numbers((3, 5), np.float32), np.zeros((3, 5), np.float32)
    assert silu(x, out=out) is out
    assert out.any()


def test_what_the_function_reads_may_change() -> None:
    settings = {"by": 1.0}

    @en.lib.elementwise
    def moved(x: Any) -> Any:
        return x + settings["by"]

    x = np.zeros(5, np.float32)
    assert moved(x).tolist() == [1] * 5
    settings["by"] = 2.0
    assert moved(x).tolist() == [2] * 5


def test_it_keeps_its_name_and_description() -> None:
    assert (axpy.__name__, axpy.__doc__, repr(axpy)) == (
        "axpy", "A scaled array and another one.", "<enigma.lib.elementwise axpy(a, x, y)>"
    )  # fmt: skip
    text = axpy.kernel((3, 3), en.Scalar[en.f32], en.f32, en.f32).compile().metal_source
    assert "kernel void axpy(" in text
    assert text.index("* x ") < text.index("* y ") < text.index("* out ") < text.index("& a ") < text.index("& n ")


MISTAKES: dict[str, tuple[Any, str]] = {
    "count": (
        lambda: axpy(1, np.zeros(3, np.float32)),
        "axpy takes 3 inputs (a, x, y), but it got 2\n  help: pass an array or a number for each of them",
    ),
    "shapes": (
        lambda: axpy(1, np.zeros(3, np.float32), np.zeros(4, np.float32)),
        "y has the shape (4,), but x has (3,)\n  help: pass arrays of one shape: np.broadcast_to(...).copy()",
    ),
    "no array": (
        lambda: silu(1.0),
        "silu got no array\n  help: pass at least one; compute with numbers in Python",
    ),
    "dtypes": (
        lambda: axpy(1, np.zeros(3, np.float16), np.zeros(3, ml_dtypes.bfloat16)),
        "axpy got arrays of f16, bf16, which have no common dtype\n  help: convert one of them",
    ),
    "forms": (
        lambda: axpy.kernel(3, en.f32),
        "axpy takes 3 inputs (a, x, y), but it got 1 dtypes\n"
        "  help: write a dtype for each array, and enigma.Scalar[dtype] for each number",
    ),
    "no array of a kernel": (
        lambda: silu.kernel(3, en.Scalar[en.f32]),
        "silu got no array\n  help: pass at least one; compute with numbers in Python",
    ),
    "extent": (
        lambda: silu.kernel((3, -1), en.f32),
        "an extent is -1, but it must be an int of at least 1\n  help: skip the call where there is nothing to do",
    ),
    "no matrix to tile": (
        lambda: silu.kernel(12, en.f32, threads=THREADS, values=VALUES),
        "tiles of threads and values divide matrices, but the shape is 12\n  help: write (rows, columns)",
    ),
    "half a tile": (
        lambda: silu.kernel((3, 4), en.f32, threads=THREADS),
        "tiles are made of the layouts of threads and of values\n  help: give both, or neither",
    ),
    "width": (
        lambda: silu.kernel(12, en.f32, width=2),
        "width is 2, but it must be 1 or 4\n  help: leave it out",
    ),
    "too many": (
        lambda: silu.kernel((1 << 20, 1 << 20), en.f32),
        "an array has 1099511627776 elements, but 4294901760 is the most\n  help: call it for parts of the array",
    ),
    "no matrix": (
        lambda: en.lib.transpose(np.zeros(3, np.float32)),
        "x has the shape (3,), but it must have 2 axes\n  help: reshape it: x.reshape(...)",
    ),
    "transposed": (
        lambda: en.lib.transpose(np.zeros((3, 4), np.float32), np.zeros((3, 4), np.float32)),
        "out is float32 of the shape (3, 4), but the result is float32 of (4, 3)\n"
        "  help: leave it out, and an array is made",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_said_before_anything_runs(name: str) -> None:
    call, text = MISTAKES[name]
    with pytest.raises(LaunchError) as caught:
        call()
    assert str(caught.value) == text


def test_only_functions_of_named_inputs_are_taken() -> None:
    with pytest.raises(EnigmaTypeError) as caught:
        en.lib.elementwise(lambda *xs: xs[0])
    assert str(caught.value) == (
        "the inputs of <lambda> must be named one by one, but it has xs\n  help: write def f(x, y): ..."
    )
    with pytest.raises(EnigmaTypeError) as caught:
        en.lib.elementwise(3)
    assert str(caught.value) == "elementwise takes a Python function, but it got 3\n  help: write it above a `def`"


@pytest.mark.parametrize("size", SIZES)
def test_transposes_of_any_size(size: int) -> None:
    other = SIZES[(SIZES.index(size) * 7 + 3) % len(SIZES)]
    x = numbers((size, other), np.float32)
    assert np.array_equal(en.lib.transpose(x), x.T)


@pytest.mark.parametrize("dtype", DTYPES)
def test_transposes_of_any_dtype(dtype: str) -> None:
    x = np.random.default_rng(0).integers(0, 2, (35, 70)).astype(DTYPES[dtype])
    assert np.array_equal(en.lib.transpose(x), x.T)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (31, 33), (32, 64), (3, 129), (65, 2)])
def test_a_transpose_accesses_nothing_out_of_bounds(rows: int, columns: int) -> None:
    x, out = numbers((rows, columns), np.float32), np.zeros((columns, rows), np.float32)
    en.lib.transpose.kernel(rows, columns).run(x, out, device="sim")
    assert np.array_equal(out, x.T)
