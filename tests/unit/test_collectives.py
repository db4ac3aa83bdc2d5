"""Functions across lanes as people use them: compaction by votes, sums of 64 bits, stencils in quads, and grid queries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.compile import compile as compile_kernel


@en.kernel
def of_queries(out: en.u32):
    i, tid = en.thread_position_in_grid, en.thread_index_in_threadgroup()
    n = en.threads_per_grid()
    out[i] = en.popcount(tid)
    out[i + n] = en.simd_sum(tid)
    out[i + 2 * n] = en.quad_max(en.thread_index_in_quadgroup()) + 10 * en.quadgroup_index_in_threadgroup()
    out[i + 3 * n] = en.quadgroups_per_threadgroup()


@pytest.mark.parametrize("n", [1, 31, 33, 40, 63, 100])
def test_grid_queries_are_numbers_like_others_pitfall_19(launch: Any, n: int) -> None:
    out = np.zeros((4, n), np.uint32)
    launch(of_queries, out, grid=n, threads=48)
    for i in range(n):
        tid, size = i % 48, min(48, n - i // 48 * 48)
        simdgroup, quad = (
            range(tid // 32 * 32, min(tid // 32 * 32 + 32, size)),
            range(tid // 4 * 4, min(tid // 4 * 4 + 4, size)),
        )
        wanted = [tid.bit_count(), sum(simdgroup), quad[-1] % 4 + 10 * (tid // 4), -(-size // 4)]
        assert out[:, i].tolist() == wanted, i


@en.kernel
def boxes(points: en.f32, low: en.f32, high: en.f32):
    i, lane = en.thread_position_in_grid, en.thread_index_in_simdgroup()
    least = [en.simd_min(points[i * 2 + k]) for k in range(2)]
    most = [en.simd_max(points[i * 2 + k]) for k in range(2)]
    if lane == 0:
        for k in range(2):
            low[i // 32 * 2 + k] = least[k]
            high[i // 32 * 2 + k] = most[k]


def test_the_smallest_of_points_is_that_of_each_component_pitfall_27(launch: Any) -> None:
    points = np.random.default_rng(5).uniform(-9, 9, (90, 2)).astype(np.float32)
    low, high = np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32)
    launch(boxes, points.reshape(-1), low.reshape(-1), high.reshape(-1), grid=90, threads=64)
    parts = [points[k : k + 32] for k in (0, 32, 64)]
    np.testing.assert_array_equal(low, [part.min(axis=0) for part in parts])
    np.testing.assert_array_equal(high, [part.max(axis=0) for part in parts])


@en.kernel
def compact(values: en.i64, kept: en.i64, count: en.u32):
    i, lane = en.thread_position_in_grid, en.thread_index_in_simdgroup()
    x = values[i]
    if x > 0:
        votes = en.simd_active_threads_mask()
        place = en.popcount(votes & ((en.u32(1) << lane) - 1))
        start = en.u32(0)
        if en.simd_is_first():
            start = en.atomic_fetch_add(count, 0, en.popcount(votes))
        kept[en.simd_broadcast_first(start) + place] = x


@pytest.mark.parametrize("n", [1, 31, 33, 63, 1000])
def test_a_branch_elects_one_lane_that_speaks_for_all(launch: Any, n: int) -> None:
    values = np.random.default_rng(n).integers(-(2**62), 2**62, n)
    kept, count = np.zeros(n, np.int64), np.zeros(1, np.uint32)
    launch(compact, values, kept, count, grid=n, threads=64)
    positive = values[values > 0]
    assert count[0] == len(positive)
    assert sorted(kept[: len(positive)]) == sorted(positive)


@en.kernel
def nested(x: en.i32, out: en.i32):
    i = en.thread_position_in_grid
    value, total = x[i], en.i32(0)
    while value > 0:
        total += en.simd_sum(value & 1)
        if value & 1 == 1:
            total += 100 * en.quad_sum(1)
            if value & 2 == 2:
                total += 10000 * en.i32(en.popcount(en.simd_ballot(value > 3)))
                value -= 1
        value = value >> 1
    out[i] = total


def model(values: list[int]) -> list[int]:
    """Run `nested` for the lanes of one simdgroup."""
    now, total = list(values), [0] * len(values)
    while running := [k for k, v in enumerate(now) if v > 0]:
        odd = [k for k in running if now[k] & 1]
        three = [k for k in odd if now[k] & 2]
        large = sum(now[k] > 3 for k in three)
        for k in running:
            total[k] += len(odd)
        for k in odd:
            total[k] += 100 * sum(j // 4 == k // 4 for j in odd)
        for k in three:
            total[k] += 10000 * large
            now[k] -= 1
        for k in running:
            now[k] >>= 1
    return total


@pytest.mark.parametrize("n", [1, 31, 33, 40, 63, 200])
def test_loops_and_branches_within_each_other_narrow_down_who_is_active(launch: Any, n: int) -> None:
    x, out = np.random.default_rng(n).integers(-50, 500, n).astype(np.int32), np.zeros(n, np.int32)
    launch(nested, x, out, grid=n, threads=64)
    wanted = [value for start in range(0, n, 32) for value in model(x[start : start + 32].tolist())]
    assert out.tolist() == wanted


@en.kernel
def spelled(a: en.i64, b: en.bf16, p: en.b1, out: en.u32):
    i = en.thread_position_in_grid
    a[i] = en.simd_shuffle_xor(a[i], 1)
    b[i] = en.quad_broadcast(b[i], 0)
    p[i] = en.simd_shuffle_and_fill_up(p[i], False, 1)
    out[i] = en.quad_ballot(en.simd_all(p[i]))
    out[i + 1] = en.u32(en.quad_shuffle_and_fill_down(a[i], 7, i, modulo=2))


def test_metal_gets_dtypes_that_its_functions_take(golden: Any) -> None:
    golden(compile_kernel(spelled, emit_only=True).metal_source, "spelled")
