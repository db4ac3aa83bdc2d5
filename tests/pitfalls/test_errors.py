"""Pitfalls 22 to 25 and 34: what a user's mistake says, and where."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.spec.registry import by_public_name
from tests.arch.tree import ROOT
from tests.pitfalls.targets import same

OPTIMISED = """
import enigma as en
for call in (lambda: en.exp(1.0), lambda: en.fmax(1.0, 2.0), lambda: en.barrier(), lambda: en.simd_sum(1),
             lambda: en.where(True, 1, 2), lambda: en.load_if(1, 2, 3), lambda: en.thread_position_in_grid):
    try:
        call()
    except en.EnigmaError as error:
        print(type(error).__name__)
"""


def test_pitfall_22_misuse_is_an_enigma_error_without_asserts_too() -> None:
    env = {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-O", "-c", OPTIMISED], env=env, capture_output=True, text=True, check=True)
    assert len(done.stdout.split()) >= 6, done.stdout


@pytest.mark.parametrize("name", sorted(by_public_name()))
def test_pitfall_22_every_function_outside_of_a_kernel_is_an_enigma_error(name: str) -> None:
    row = by_public_name()[name]
    arguments = [0] * len(row.params)
    with pytest.raises(en.EnigmaError):
        getattr(en, name)(*arguments)


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda A: en.barrier("threadgroup"), "mem_threadgroup"),
        (lambda A: en.simd_barrier(3), "mem_"),
        (lambda A: en.atomic_fetch_add(A, 0, 1, "relaxd"), "relaxed"),
        (lambda A: en.atomic_load(A, 0, None), "relaxed"),
    ],
)
def test_pitfall_23_bad_flags_and_orders_are_refused_at_the_line(call: Any, found: str) -> None:
    @en.kernel
    def k(A: en.u32):
        call(A)

    with pytest.raises(en.EnigmaError, match=rf"test_errors\.py:\d+:\d+: error: (.|\n)*{found}"):
        k.trace()


def test_pitfall_24_errors_warnings_and_every_stage_know_the_line() -> None:
    @en.kernel
    def wrong(A: en.f32, Whole: en.i32):
        i = en.thread_position_in_grid
        A[i] = en.exp(Whole[i])

    line = wrong.fn.__code__.co_firstlineno + 3
    with pytest.raises(en.EnigmaTypeError) as caught:
        en.compile(wrong)
    assert re.match(rf"test_errors\.py:{line}:16: error: exp takes ", str(caught.value))
    assert "A[i] = en.exp(Whole[i])\n           ^" in str(caught.value)

    @en.kernel
    def right(A: en.f32):
        i = en.thread_position_in_grid
        A[i] = en.exp(A[i])

    line = right.fn.__code__.co_firstlineno + 3
    compiled = en.compile(right, emit_only=True, line_comments=True)
    assert f"// test_errors.py:{line}" in compiled.metal_source


def test_pitfall_25_a_kernel_compiled_while_another_is_traced_leaves_it_alone() -> None:
    @en.kernel
    def inner(A: en.f32, Out: en.f32):
        i = en.thread_position_in_grid
        Out[i] = A[i] + 1

    @en.kernel
    def outer(A: en.f32, Out: en.f32):
        i = en.thread_position_in_grid
        x = A[i]
        assert "A[i] + 1.0f" in en.compile(inner, emit_only=True).metal_source
        out = np.zeros(4, np.float32)
        inner[4, 4](np.arange(4, dtype=np.float32), out)
        Out[i] = x * float(out[3])

    a = np.arange(5, dtype=np.float32)
    same(outer, a, np.zeros_like(a), want=4 * a, grid=5)


@pytest.mark.parametrize("width", [1, 5, 8, -4])
def test_pitfall_34_widths_that_no_vector_has_are_refused(width: int) -> None:
    @en.kernel
    def k(A: en.f32):
        A[0] = 1.0

    with pytest.raises(en.EnigmaValueError, match=f"vec_width is {width}, but a vector has 2, 3 or 4 elements"):
        en.compile(k, vec_width=width)
