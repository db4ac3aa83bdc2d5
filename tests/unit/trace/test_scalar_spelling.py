"""`Scalar[dtype]` is `Scalar(dtype)` in the form that type checkers take for an annotation."""

from __future__ import annotations

import numpy as np
import pytest

import enigma as en


def test_both_spellings_are_one_annotation() -> None:
    assert en.Scalar[en.u32] == en.Scalar(en.u32)
    assert repr(en.Scalar[en.bf16]) == "Scalar(bfloat)"


def test_a_kernel_annotated_with_brackets() -> None:
    @en.kernel
    def add(A: en.f32, n: en.Scalar[en.f32]):
        A[en.thread_position_in_grid] += n

    a = np.ones(3, np.float32)
    add[3, 3](a, 1.5)
    assert a.tolist() == [2.5] * 3
    assert en.compile(add).scalar_params == [("n", 1, "float")]


def test_brackets_around_no_dtype_are_refused_at_the_line() -> None:
    with pytest.raises(en.EnigmaTypeError, match=r"Scalar takes a dtype object, but it got 'u32'") as caught:
        en.Scalar["u32"]  # type: ignore[misc]
    assert caught.value.loc is not None
    assert caught.value.loc.file == __file__
