"""Which indices are surely multiples of a power of two: those of whole vectors."""

from __future__ import annotations

from typing import Any

import pytest

import enigma as en
from tests.spec.forms import load

WHOLE = (
    "i * 4",
    "4 * i + 8",
    "i & 252",
    "252 & (i + n)",
    "i << 2",
    "(i << 1) * 2",
    "(n << 34) * 1",
    "(i & 508) | (n << 3)",
    "(i ^ n) << 2",
    "4 << n",
    "(i & 1020) ^ 8",
    "i * 2 * (n << 1)",
    "-(i.to(en.i32) * 4)",
    "i * 12 - 4",
    "(i + n) * 8",
    "i * 4 + n * 16",
    "(i * 4).to(en.i64) + 4",
)
SPLIT = (
    "i",
    "i * 2",
    "i * 4 + 1",
    "i * 4 + n",
    "i * n",
    "(i & 3)",
    "i * 4 // 2",
    "i & 250",
    "i << 1",
    "n << 32",
    "4 >> (i & 1)",
    "(i * 4) | 1",
    "(A[0] * (i * 4).to(en.f32)).to(en.u32)",
)


def _access(index: str) -> str:
    source = f"""@en.kernel
def access(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    Out.store(i * 4, A.load({index}, 4))
"""
    kernel: Any = load(source, "access").access
    return en.compile(kernel, emit_only=True).metal_source


@pytest.mark.parametrize("index", WHOLE)
def test_a_multiple_of_four_is_read_as_a_whole_vector(index: str) -> None:
    text = _access(index)
    assert "device const float4*" in text and "packed" not in text


@pytest.mark.parametrize("index", SPLIT)
def test_other_places_are_read_as_packed_vectors(index: str) -> None:
    assert "device const packed_float4*" in _access(index)


def test_the_counter_of_a_loop_in_steps_of_four_is_a_multiple() -> None:
    @en.kernel
    def looped(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
        for i in range(8, n, 4):
            Out.store(i, A.load(i, 4))
        for i in range(1, n, 4):
            Out.store(i, A.load(i, 2))

    text = en.compile(looped, emit_only=True).metal_source
    assert "*(device float4*)(Out + i) = *(device const float4*)(A + i);" in text
    assert "packed_float2" in text
