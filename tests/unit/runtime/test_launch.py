"""The launch guard by itself: sizes, scalars, and arguments against parameters."""

from __future__ import annotations

import doctest
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma
from enigma.dtypes import b1, bf16, f16, f32, i8, i64, u32, u64
from enigma.errors import LaunchError
from enigma.runtime import launch
from enigma.runtime.launch import Geometry, LaunchErrors, bind, check_scalar, geometry
from enigma.runtime.program import Program
from tests.unit.runtime.launched import add, both, message, saxpy


def program(kernel: enigma.KernelDef) -> Program:
    return Program(kernel.trace())


@pytest.mark.parametrize(
    ("given", "checked"),
    [
        (7, (7, 1, 1)), ((7,), (7, 1, 1)), ((7, 2), (7, 2, 1)), ([7, 2, 3], (7, 2, 3)), ((7, 2, 3), (7, 2, 3)),
        (np.int64(7), (7, 1, 1)), ((np.uint32(7), 1, 1), (7, 1, 1)), (2**31 - 1, (2**31 - 1, 1, 1)),
    ],
)  # fmt: skip
def test_a_size_is_an_int_or_up_to_three(given: Any, checked: tuple[int, int, int]) -> None:
    found = geometry(given, 1)
    assert found.grid == checked
    assert all(type(size) is int for size in found.grid)


@pytest.mark.parametrize("given", [7.0, "7", None, (), (1, 2, 3, 4), (7.0, 1, 1), True, (True, 1, 1), {7}])
def test_a_size_that_is_no_int_is_named(given: Any) -> None:
    assert message(lambda: geometry(given, 1)) == (
        f"grid must be an int or up to three ints, but it is {given!r}\n  help: write grid=(256, 1, 1)"
    )


@pytest.mark.parametrize(("given", "size", "axis"), [(0, 0, "x"), ((4, -1), -1, "y"), ((4, 4, 0), 0, "z")])
def test_a_zero_or_negative_size_names_its_axis(given: Any, size: int, axis: str) -> None:
    assert message(lambda: geometry(given, 1)) == (
        f"grid is {size} along {axis}, but it must be at least 1\n  help: skip the launch when there is no work"
    )


def test_a_grid_beyond_31_bits_is_too_large() -> None:
    assert message(lambda: geometry((1, 2**31, 1), 1)) == (
        "grid is 2147483648 along y, but it can be 2147483647 at most\n  help: launch several smaller grids"
    )


@pytest.mark.parametrize("threads", [1025, (32, 33), (11, 10, 10)])
def test_a_threadgroup_over_the_limit_is_refused(threads: Any) -> None:
    text = message(lambda: geometry(4096, threads))
    count = int(np.prod(threads))
    assert text.startswith("threads is (")
    assert f", {count} per threadgroup, but the limit is 1024\n  help: use fewer threads per threadgroup" in text


def test_a_threadgroup_of_the_limit_is_allowed() -> None:
    assert geometry(4096, (32, 32)).threads == (32, 32, 1)


def test_wrong_grid_and_wrong_threads_are_said_together() -> None:
    with pytest.raises(LaunchErrors) as caught:
        geometry(0, 2.5)
    assert [error.message for error in caught.value.errors] == [
        "grid is 0 along x, but it must be at least 1",
        "threads must be an int or up to three ints, but it is 2.5",
    ]


@pytest.mark.parametrize(
    ("grid", "threads"),
    [(5, (5, 1, 1)), (1000, (256, 1, 1)), ((100, 3), (16, 3, 1)), ((640, 480), (16, 16, 1)), ((8, 1, 9), (8, 1, 1))],
)
def test_without_threads_a_fitting_size_is_chosen(grid: Any, threads: tuple[int, int, int]) -> None:
    assert geometry(grid, None).threads == threads


@pytest.mark.parametrize("grid", [(1, 1, 1), (255, 1, 1), (256, 7, 3), (257, 1, 9)])
def test_groups_cover_the_grid_and_not_one_more(grid: tuple[int, int, int]) -> None:
    threads = (256, 2, 4)
    for size, group, count in zip(grid, threads, Geometry(grid, threads).groups, strict=True):
        assert (count - 1) * group < size <= count * group


@pytest.mark.parametrize(
    ("value", "dtype", "number"),
    [
        (3, u32, 3), (np.int64(3), u32, 3), (3.0, u32, 3), (np.array(3), u32, 3), (True, u32, 1), (2**64 - 1, u64, 2**64 - 1),
        (-128, i8, -128), (1, f32, 1.0), (np.float16(0.5), f32, 0.5), (ml_dtypes.bfloat16(2.5), f32, 2.5), (True, b1, True),
        (0, b1, False), (np.bool_(True), b1, True), (1.0, b1, True), (65504, f16, 65504.0), (3e38, bf16, 3e38),
        (float("inf"), f16, float("inf")), (-(2**63), i64, -(2**63)),
    ],
)  # fmt: skip
def test_a_number_that_fits_its_scalar_is_taken(value: Any, dtype: Any, number: Any) -> None:
    taken = check_scalar(value, dtype, "s")
    assert taken == number
    assert type(taken) is type(number)


def test_nan_is_a_scalar_like_any_other() -> None:
    assert np.isnan(check_scalar(float("nan"), f16, "s"))


_WIDER = "annotate the Scalar with a wider dtype, or wrap the number first"


@pytest.mark.parametrize(
    ("value", "dtype", "complaint", "advice"),
    [
        ("3", u32, "s must be a number, but it is a str", "it is a Scalar of u32"),
        (None, f32, "s must be a number, but it is a NoneType", "it is a Scalar of f32"),
        (np.zeros(3), f32, "s must be a number, but it is a ndarray", "it is a Scalar of f32"),
        (1j, f32, "s must be a number, but it is a complex", "it is a Scalar of f32"),
        (-1, u32, "s is -1, which does not fit into u32 (0 to 4294967295)", _WIDER),
        (128, i8, "s is 128, which does not fit into i8 (-128 to 127)", _WIDER),
        (2**63, i64, f"s is {2**63}, which does not fit into i64 ({-(2**63)} to {2**63 - 1})", _WIDER),
        (1.5, u32, "s is 1.5, but the parameter is u32", "round it first"),
        (float("nan"), u32, "s is nan, but the parameter is u32", "round it first"),
        (float("inf"), u32, "s is inf, but the parameter is u32", "round it first"),
        (2, b1, "s is 2, but the parameter is a bool", "pass True or False"),
        (1e39, f32, "s is 1e+39, which does not fit into f32", "pass float('inf') for infinity"),
        (65520.0, f16, "s is 65520, which does not fit into f16", "pass float('inf') for infinity"),
        (-1e39, bf16, "s is -1e+39, which does not fit into bf16", "pass float('inf') for infinity"),
        (10**400, f32, "s is an int that does not fit into f32", "pass float('inf') for infinity"),
    ],
)  # fmt: skip
def test_a_number_that_does_not_fit_its_scalar_is_refused(value: Any, dtype: Any, complaint: str, advice: str) -> None:
    assert message(lambda: check_scalar(value, dtype, "s")) == f"{complaint}\n  help: {advice}"


def test_bound_arguments_stand_in_slot_order() -> None:
    x, y = np.ones(4, np.float32), np.ones(4, np.float32)
    bound = bind(program(saxpy), [x, y, np.uint8(4), 2])
    assert bound[0] is x
    assert bound[1] is y
    assert bound[2:] == [4, 2.0]


def test_several_wrong_arguments_are_said_together() -> None:
    with pytest.raises(LaunchErrors) as caught:
        bind(program(saxpy), [np.ones(4), [1.0], -1, "2"])
    assert [error.message for error in caught.value.errors] == [
        "X holds float64, but the kernel's parameter is f32 (float32)",
        "Y must be an array, but it is a list",
        "n is -1, which does not fit into u32 (0 to 4294967295)",
        "a must be a number, but it is a str",
    ]
    assert str(caught.value) == "\n".join(str(error) for error in caught.value.errors)


def test_a_launch_error_is_what_older_code_catches() -> None:
    for kind in (TypeError, ValueError, RuntimeError, enigma.EnigmaError):
        with pytest.raises(kind):
            bind(program(add), [])
        with pytest.raises(kind):
            bind(program(saxpy), [1, 2, 3, 4])


def test_raising_no_complaint_does_nothing() -> None:
    launch.raise_all([])
    launch.together(lambda: None)


def test_a_single_complaint_stays_itself() -> None:
    error = LaunchError("one")
    with pytest.raises(LaunchError) as caught:
        launch.raise_all([error])
    assert caught.value is error


def test_scalars_in_a_mapping_come_in_slot_order() -> None:
    assert launch.scalars_in_order(program(saxpy), {"a": 2.0, "n": 3}) == [3, 2.0]


def test_scalars_may_be_an_array() -> None:
    assert launch.scalars_in_order(program(both), np.array([5])) == [5]


def test_the_examples_in_the_docstrings_hold() -> None:
    result = doctest.testmod(launch)
    assert result.attempted >= 3
    assert result.failed == 0
