"""`enigma.lib.gemm` against NumPy in float64, at sizes that no tile divides."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.errors import LaunchError
from tests.unit.lib.truth import FLOATS, SIZES, STEP, Array, numbers

TRANSPOSES = list(itertools.product((False, True), repeat=2))


def operands(m: int, n: int, k: int, dtype: str, trans: tuple[bool, bool]) -> tuple[Array, Array]:
    """Return the two matrices, as they lie in memory."""
    a, b = numbers((m, k), FLOATS[dtype], seed=m), numbers((k, n), FLOATS[dtype], seed=n + 1)
    return (np.ascontiguousarray(a.T) if trans[0] else a), (np.ascontiguousarray(b.T) if trans[1] else b)


def assert_product(found: Array, a: Array, b: Array, dtype: str) -> None:
    """Assert that each element is the exact sum of products, but for k roundings in f32 and one to `dtype`.

    Roundings go both ways, so that those of a sum of k products grow as the root of k.
    """
    wide = a.astype(np.float64), b.astype(np.float64)
    truth = wide[0] @ wide[1]
    allowed = 2.0**-24 * (np.sqrt(a.shape[1]) + 4) * (np.abs(wide[0]) @ np.abs(wide[1]))
    if dtype != "f32":
        allowed += STEP[dtype] / 2 * np.abs(truth) + {"f16": 2.0**-24, "bf16": 2.0**-126}[dtype]
    error = np.abs(found.astype(np.float64) - truth)
    assert np.all(error <= allowed), f"off by {error.max()}"


def check(
    m: int, n: int, k: int, dtype: str = "f32", trans: tuple[bool, bool] = (False, False), device: str = "cpu",
    simdgroups: bool = False,
) -> None:  # fmt: skip
    a, b = operands(m, n, k, dtype, trans)
    # neighbours of the result, which must not be written
    whole = np.full((m + 2, n), np.nan, FLOATS[dtype])
    out = whole[1:-1]
    plan = en.lib.gemm.kernel(m, n, k, dtype, trans_a=trans[0], trans_b=trans[1], simdgroups=simdgroups)
    plan.run(a, b, out, device=device)
    assert np.isnan(whole[[0, -1]].astype(np.float32)).all()
    assert_product(out, a.T if trans[0] else a, b.T if trans[1] else b, dtype)


# every size stands for m, for n and for k once
TRIPLES = [(m, n, k) for m, n, k in zip(SIZES, SIZES[7:] + SIZES[:7], SIZES[4::-1] + SIZES[:4:-1], strict=True)]


@pytest.mark.parametrize("size", TRIPLES, ids=str)
def test_any_size(size: tuple[int, int, int]) -> None:
    check(*size)


@pytest.mark.parametrize("trans", TRANSPOSES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_dtypes_and_transposes(dtype: str, trans: tuple[bool, bool]) -> None:
    for size in ((65, 127, 33), (64, 128, 64), (129, 63, 1)):
        check(*size, dtype, trans)


@pytest.mark.parametrize(("dtype", "trans"), list(zip(FLOATS, TRANSPOSES, strict=False)))
def test_simdgroup_matrices_on_a_processor(dtype: str, trans: tuple[bool, bool]) -> None:
    for size in ((63, 65, 33), (130, 33, 70)):
        check(*size, dtype, trans, simdgroups=True)


# what the simulator finds out of bounds, it raises; buffers are exactly as large as the arrays
@pytest.mark.parametrize("simdgroups", [False, True])
@pytest.mark.parametrize("trans", TRANSPOSES)
def test_nothing_is_accessed_out_of_bounds(trans: tuple[bool, bool], simdgroups: bool) -> None:
    for number, size in enumerate(((1, 1, 1), (2, 3, 5), (33, 31, 17), (32, 32, 32), (5, 68, 36), (67, 4, 3))):
        check(*size, list(FLOATS)[number % 3], trans, "sim", simdgroups)


def test_nan_and_infinity_stay_in_their_row_and_column() -> None:
    a, b = numbers((40, 70), np.float32), numbers((70, 50), np.float32)
    a[3, 69], b[5, 7] = np.nan, np.inf
    found = en.lib.gemm(a, b)
    spoilt = np.zeros(found.shape, bool)
    spoilt[3], spoilt[:, 7] = True, True
    assert np.array_equal(~np.isfinite(found), spoilt)


def test_functions_on_arrays() -> None:
    a, b = operands(20, 30, 40, "f16", (False, False))
    out = np.zeros((20, 30), np.float16)
    assert en.lib.gemm(a, b, out) is out
    assert_product(out, a, b, "f16")
    assert np.array_equal(en.lib.gemm(np.ascontiguousarray(a.T), b, trans_a=True), out)
    assert np.array_equal(en.lib.gemm(a, np.ascontiguousarray(b.T), trans_b=True), out)


def test_transposed_views_are_taken_as_they_are() -> None:
    a, b = operands(20, 30, 40, "f32", (True, True))
    assert_product(en.lib.gemm(a.T, b.T), a.T, b.T, "f32")
    assert_product(en.lib.gemm(b, a), b, a, "f32")
    assert_product(en.lib.gemm(b.T, a.T, trans_a=True, trans_b=True), b, a, "f32")


def test_a_kernel_serves_many_sizes() -> None:
    plans = [en.lib.gemm.kernel(m, 1000, k) for m, k in ((100, 200), (200, 100), (4000, 44))]
    assert len({id(plan.kernel) for plan in plans}) == 1
    assert plans[0].scalars == (100, 1000, 200)
    assert (plans[0].grid, plans[0].threads) == ((16 * 128, 2, 1), (128, 1, 1))


def test_what_one_row_takes_is_no_more_than_a_small_block() -> None:
    assert en.lib.gemm.kernel(1, 64, 10, simdgroups=False).grid == (256, 1, 1)
    check(1, 1000, 100)
    check(1000, 1, 100)


MISTAKES: dict[str, tuple[Any, str]] = {
    "shapes": (
        lambda: en.lib.gemm(np.zeros((2, 3), np.float32), np.zeros((4, 5), np.float32)),
        "a has 3 columns, but b has 4 rows\n  help: say trans_a=True or trans_b=True where an array holds a transpose",
    ),
    "dtypes": (
        lambda: en.lib.gemm(np.zeros((2, 3), np.float32), np.zeros((3, 5), np.float16)),
        "a holds float32, but b holds float16\n  help: convert one: b.astype(a.dtype)",
    ),
    "axes": (
        lambda: en.lib.gemm(np.zeros((2, 3), np.float32), np.zeros(3, np.float32)),
        "b has the shape (3,), but it must have 2 axes\n  help: reshape it: b.reshape(...)",
    ),
    "out": (
        lambda: en.lib.gemm(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32)),
        "out is float32 of the shape (3, 2), but the result is float32 of (2, 2)\n  help: leave it out, and an array is made",
    ),
    "kernel": (
        lambda: en.lib.gemm.kernel(1, 4, 0),
        "k is 0, but it must be an int of at least 1\n  help: skip the call where there is nothing to do",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_said_before_anything_runs(name: str) -> None:
    call, text = MISTAKES[name]
    with pytest.raises(LaunchError) as caught:
        call()
    assert str(caught.value) == text
