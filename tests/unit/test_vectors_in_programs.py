"""Vectors through branches, loops, calls, lists, memory and barriers: every target against Python, thread after thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.dtypes import DTYPES, Numeric, b1
from tests.pitfalls.targets import everywhere
from tests.spec.forms import load
from tests.spec.values import Array, randoms

SIZES = (1, 33, 100)


def halves(shape: tuple[int, ...], seed: int = 1) -> Array:
    """Return halves from -10 to 10, whose sums and small products are exact."""
    return (np.random.default_rng(seed).integers(-20, 21, shape) / 2).astype(np.float32)


@en.kernel
def swapped(A: en.f32x2, Out: en.f32x2, Flat: en.f32):
    i, lane = en.thread_position_in_grid, en.thread_index_in_threadgroup()
    v, x, y = A[i], A[i].x, A[i].y
    if lane < 16:
        v = v.yx
        x, y = y, x
    Out[i] = v
    Flat[i * 2] = x
    Flat[i * 2 + 1] = y


@pytest.mark.parametrize("threads", [16, 32, 48, 64])
def test_a_swap_in_some_simdgroup_lanes_only_is_one_there(threads: int) -> None:
    """The condition is known for every lane when the kernel is compiled, and differs between them."""
    a = halves((96, 2))
    want = np.where((np.arange(96) % threads < 16)[:, None], a[:, ::-1], a)
    for _, out, flat in everywhere(swapped, a, np.zeros_like(a), np.zeros(192, np.float32), grid=96, threads=threads):
        np.testing.assert_array_equal(out, want)
        np.testing.assert_array_equal(flat.reshape(96, 2), want)


@en.kernel
def carried(A: en.f32x4, Out: en.f32x4):
    i = en.thread_position_in_grid
    v, w = A[i], en.f32x4(0.0)
    for j in en.range(i % 7):
        if v.x > w.y and j > 2:
            break
        w += v.wzyx
        if v.y < 0:
            v.y = -v.y
            continue
        v.z += 1.0
        v, w = w, v
    Out[i] = v + w * 2


def carried_truth(i: int, v: Array) -> Array:
    v, w = v.copy(), np.zeros(4, np.float32)
    for j in range(i % 7):
        if v[0] > w[1] and j > 2:
            break
        w = w + v[::-1]
        if v[1] < 0:
            v[1] = -v[1]
            continue
        v[2] += 1
        v, w = w, v
    return v + w * 2


@en.kernel
def flagged(A: en.f32x4, Out: en.f32x4):
    i = en.thread_position_in_grid
    v = A[i]
    done, steps = v < 0, en.f32x4(0.0)
    while not en.all(done):
        steps = en.where(done, steps, steps + 1)
        v = v - 3.0
        if steps.x == 2 and not done.x:
            done.x = True
            continue
        done = done | (v < 0)
        if en.any(steps > 3):
            break
    Out[i] = en.where(done, steps, -1.0)


def flagged_truth(i: int, v: Array) -> Array:
    v = v.copy()
    done, steps = v < 0, np.zeros(4, np.float32)
    while not done.all():
        steps = np.where(done, steps, steps + 1)
        v = v - 3
        if steps[0] == 2 and not done[0]:
            done[0] = True
            continue
        done = done | (v < 0)
        if (steps > 3).any():
            break
    return np.where(done, steps, -1)


def doubled(v: Any, depth: int) -> Any:
    if depth == 0:
        return v
    u = doubled(v * 2, depth - 1)
    u.x += 1.0
    return u


def first_negative(v: Any) -> Any:
    for component in v:
        if component < 0:
            return component
    return v.x


@en.kernel
def called(A: en.f32x4, Out: en.f32x4):
    i = en.thread_position_in_grid
    held = [A[i], A[i].wzyx, A[i]]
    if i == 5:
        return

    def shifted(v: Any) -> Any:
        u = v + held[0]
        u.y = 0.0
        return u

    held[2] = shifted(held[1])
    held[0].w = 9.0
    x = doubled(held[0], 3) if i % 2 == 0 else held[2]
    Out[i] = x
    Out[i].w -= first_negative(held[1])
    Out[i].xy += held[0].zw


def called_truth(i: int, a: Array) -> Array:
    if i == 5:
        return np.zeros(4, np.float32)
    turned, first = a[::-1].copy(), a.copy()
    third = turned + first
    third[1] = 0
    first[3] = 9
    x = first * 8 if i % 2 == 0 else third.copy()
    if i % 2 == 0:
        x[0] += 3
    negative = [c for c in turned if c < 0]
    x[3] -= negative[0] if negative else turned[0]
    x[:2] += first[2:]
    return x


@en.kernel
def kept(A: en.f32x4, Out: en.f32x4):
    i = en.thread_position_in_grid
    own, registers = en.thread_alloc(en.f32x4, 4), en.register_tensor((2,), en.f32x4)
    for j in range(4):
        own[j] = A[i] * j
    own[i % 4].x = 5.0
    own[1].yx = own[i % 3].zw
    registers[0], registers[1] = own[1], own[2]
    for _ in en.range(i % 3):
        registers[0] = registers[1].yzwx
        registers[1].z = registers[0].x
    with en.for_range(0, 3, init=[registers[0], A[i]]) as (_, carry):
        v, w = carry
        carry[0] = w + v
        carry[1].x = v.y
    first, second = carry
    Out[i] = first - second


def kept_truth(i: int, a: Array) -> Array:
    own = [a * np.float32(j) for j in range(4)]
    own[i % 4][0] = 5
    own[1][[1, 0]] = own[i % 3][[2, 3]]
    one, two = own[1].copy(), own[2].copy()
    for _ in range(i % 3):
        one = np.roll(two, -1)
        two[2] = one[0]
    w = a.copy()
    for _ in range(3):
        one, w[0] = w + one, one[1]
    return one - w


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("kernel", "truth"),
    [(carried, carried_truth), (flagged, flagged_truth), (called, called_truth), (kept, kept_truth)],
    ids=["carried", "flagged", "called", "kept"],
)
def test_a_thread_computes_with_vectors_as_python_does(kernel: Any, truth: Callable[..., Array], size: int) -> None:
    a = halves((size, 4), size)
    want = np.stack([truth(i, a[i]) for i in range(size)])
    for _, out in everywhere(kernel, a, np.zeros_like(a), grid=size, threads=32):
        np.testing.assert_array_equal(out, want)


@en.kernel
def met(A: en.u8x4, B: en.bf16x3, Out: en.u8x4, Rest: en.bf16x3):
    i, lane = en.thread_position_in_grid, en.thread_index_in_threadgroup()
    tile, wide = en.threadgroup_alloc(en.u8x4, 64), en.threadgroup_alloc(en.bf16x3, (2, 32))
    large, v = A[i] > 100, B[i]
    tile[lane] = A[i]
    wide[lane // 32, lane % 32] = v
    en.barrier()
    other = tile[63 - lane]
    for _ in range(3):
        en.barrier()
        tile[lane] = en.where(large, other, tile[lane])
        large = large.yzwx
        if lane % 2 == 0:
            v = v.zxy
        en.simd_barrier()
    en.barrier()
    Out[i] = tile[lane ^ 1]
    Rest[i] = en.where(en.any(large), v, wide[1 - lane // 32, lane % 32])


def test_vectors_of_bools_and_bytes_live_through_barriers() -> None:
    random = np.random.default_rng(3)
    a = random.integers(0, 256, (128, 4)).astype(np.uint8)
    b = halves((128, 3)).astype(en.bf16.numpy)
    out, rest = np.zeros_like(a), np.zeros_like(b)
    lanes = np.arange(128) % 64
    start = np.arange(128) - lanes
    other, tile, large, v = a[start + 63 - lanes], a.copy(), a > 100, b.copy()
    for _ in range(3):
        tile = np.where(large, other, tile)
        large = np.roll(large, -1, axis=1)
        v = np.where((lanes % 2 == 0)[:, None], v[:, [2, 0, 1]], v)
    want = tile[start + (lanes ^ 1)], np.where(large.any(axis=1)[:, None], v, b[start + (lanes + 32) % 64])
    for _, _, got, got_rest in everywhere(met, a, b, out, rest, grid=128, threads=64):
        np.testing.assert_array_equal(got, want[0])
        np.testing.assert_array_equal(got_rest, want[1])


HELD = tuple(dtype for dtype in DTYPES if dtype is not b1)


def _conversions(source: Numeric, lanes: int) -> str:
    params = ", ".join(f"V_{d.name}: en.{d.name}x{lanes}, S_{d.name}: en.{d.name}" for d in HELD)
    lines = [f"@en.kernel\ndef convert(A: en.{source.name}x{lanes}, Flat: en.{source.name}, {params}):"]
    lines += ["    i = en.thread_position_in_grid"]
    for dtype in HELD:
        lines += [f"    V_{dtype.name}[i] = A[i].to(en.{dtype.name})", f"    for k in range({lanes}):"]
        lines += [f"        S_{dtype.name}[i * {lanes} + k] = Flat[i * {lanes} + k].to(en.{dtype.name})"]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("source", HELD, ids=lambda dtype: dtype.name)
def test_a_vector_is_converted_as_its_components_are(source: Numeric) -> None:
    lanes, size = 2 + HELD.index(source) % 3, 45
    program = en.compile(load(_conversions(source, lanes), f"convert_{source.name}").convert, emit_only=True).program
    a = randoms(source, np.random.default_rng(1), (-300, 300), size * lanes)
    found: list[list[Array]] = []
    for runtime in (en.SimRuntime(check=False), en.CpuRuntime()):  # what does not fit is a finding
        outputs = [np.zeros(size * lanes, dtype.numpy) for dtype in HELD for _ in range(2)]
        runtime.run(program, [a, a, *outputs], size, 32)
        found.append(outputs)
    for sim, cpu in zip(*found, strict=True):
        assert sim.tobytes() == cpu.tobytes()
    for whole, single in zip(found[0][::2], found[0][1::2], strict=True):
        assert whole.tobytes() == single.tobytes()
