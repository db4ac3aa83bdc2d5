"""Vectors as people write them: in helpers, closures and containers, their components set in place, against NumPy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import enigma as en

Array = NDArray[Any]


def whole(count: int, lanes: int, kind: Any, seed: int = 0) -> Array:
    """Return vectors of small whole numbers."""
    low = 0 if np.dtype(kind).kind == "u" else -20
    return np.random.default_rng(seed).integers(low, 21, (count, lanes)).astype(kind)


def _grown(v: Any, n: Any) -> Any:
    if v.x > v.y:
        return v.yx
    for k in range(n):
        if v.y > 15:
            return (v * 3).to(en.u16)
        v = (v + en.u16x2(k, 2 * k)).to(en.u16)
    return v


@en.kernel
def early_returns(A: en.u16x2, Out: en.u16x2):
    i = en.thread_position_in_grid
    Out[i] = _grown(A[i], i % 7)


def _grown_in_python(v: Array, n: int) -> Array:
    if v[0] > v[1]:
        return v[::-1]
    for k in range(n):
        if v[1] > 15:
            return v * 3
        v = v + np.array([k, 2 * k], np.uint16)
    return v


@pytest.mark.parametrize("n", [1, 33, 1000])
def test_a_helper_returns_vectors_from_within_a_loop(launch: Any, n: int) -> None:
    a, out = whole(n, 2, np.uint16), np.zeros((n, 2), np.uint16)
    launch(early_returns, a, out, grid=n, threads=96)
    np.testing.assert_array_equal(out, [_grown_in_python(v, i % 7) for i, v in enumerate(a)])


@en.kernel
def in_place(A: en.f32x3, Out: en.f32x3):
    i = en.thread_position_in_grid
    A[i].x += 1
    A[i + 0].zy *= 2
    A[i] -= 3
    total = en.f32x3(0.0)
    held = SimpleNamespace(v=A[i], all={"v": A[i]})
    held.v.y = 5.0
    held.v.x += held.v.y
    held.all["v"].z -= held.v.x

    def add(k: Any) -> None:
        nonlocal total
        total += A[i] * k
        total.y = k

    for k in range(i % 4):
        add(k.to(en.f32))
    for total.z in range(3):
        total.x += total.z
    Out[i] = total + held.v + held.all["v"]


def test_components_of_elements_attributes_and_outer_variables_are_set(launch: Any) -> None:
    a, out = whole(33, 3, np.float32), np.zeros((33, 3), np.float32)
    changed, wanted = (a + np.array([1, 0, 0])) * np.array([1, 2, 2]) - 3, np.zeros((33, 3))
    for i, v in enumerate(changed):
        for k in range(i % 4):
            wanted[i] += v * k
            wanted[i, 1] = k
        wanted[i] += [3, 0, 0]
        wanted[i, 2] = 2
        wanted[i] += [v[0] + 5, 5, v[2]]
        wanted[i] += [v[0], v[1], v[2] - (v[0] + 5)]
    launch(in_place, a, out, grid=33, threads=32)
    np.testing.assert_array_equal(a, changed)
    np.testing.assert_array_equal(out, wanted)


@en.kernel
def largest(A: en.i32x3, Out: en.i32):
    i = en.thread_position_in_grid
    v = A[i]
    Out[i] = max(v) * 100 + min(v) + sum(v)


def test_max_and_min_of_one_vector_go_through_its_components(launch: Any) -> None:
    a, out = whole(31, 3, np.int32), np.zeros(31, np.int32)
    launch(largest, a, out, grid=31, threads=8)
    np.testing.assert_array_equal(out, a.max(1) * 100 + a.min(1) + a.sum(1))


@en.kernel
def opposites(A: en.i32x4, Out: en.i32x4):
    i = en.thread_position_in_grid
    v = A[i]
    more = v > 0
    count = 0
    for x in v:
        if ~(x > 0):
            count += 1
    more = ~more if i % 2 == 1 else more & ~more.wxyz
    Out[i] = en.where(more, v, count)


def test_bools_turned_over_are_the_opposite_and_a_loop_goes_through_components(launch: Any) -> None:
    a, out = whole(33, 4, np.int32), np.zeros((33, 4), np.int32)
    launch(opposites, a, out, grid=33, threads=16)
    more, odd = a > 0, np.arange(33)[:, None] % 2 == 1
    chosen = np.where(odd, ~more, more & ~np.roll(more, 1, 1))
    np.testing.assert_array_equal(out, np.where(chosen, a, (~more).sum(1, keepdims=True)))


def test_one_number_chooses_between_vectors_as_it_does_between_numbers() -> None:
    text = en.compile(opposites, emit_only=True).metal_source
    assert "bool4 more = v > 0;" in text
    assert "select(int4(count), v, i % 2 == 1 ? !more : more && !more.wxyz);" in text


@en.kernel
def kept_whole(A: en.f32x4, B: en.f32x4, Out: en.f32x4):
    i = en.thread_position_in_grid
    v, w = A[i], B[i]
    v += w
    w.x = v.w
    v = v * 2 - w
    w.y += v.x
    v = en.where(v > w, v, w)
    w.w = 1.0
    Out[i] = v + w


def test_setting_a_component_keeps_the_vector_together(launch: Any) -> None:
    a, b, out = whole(33, 4, np.float32), whole(33, 4, np.float32, 1), np.zeros((33, 4), np.float32)
    launch(kept_whole, a, b, out, grid=33, threads=8)
    v, w = a + b, b.copy()
    w[:, 0] = v[:, 3]
    v = v * 2 - w
    w[:, 1] += v[:, 0]
    v = np.maximum(v, w)
    w[:, 3] = 1
    np.testing.assert_array_equal(out, v + w)
    lines = en.compile(kept_whole, emit_only=True).metal_source.splitlines()
    assert [line.strip() for line in lines[lines.index("{") + 1 : -1]] == [
        "float4 v = A[i];",
        "float4 w = B[i];",
        "v += w;",
        "w.x = v.w;",
        "v = v * 2.0f - w;",
        "w.y += v.x;",
        "Out[i] = select(w, v, v > w) + float4(w.xyz, 1.0f);",
    ]
