"""Where threads are and how they talk, on every runtime: positions, lanes, barriers, partial threadgroups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from tests.unit.test_targets import numbers


@en.kernel
def positions(Out: en.u32):
    x, y, z = (en.thread_position_in_grid_xyz(axis) for axis in "xyz")
    w, h = en.threads_per_grid("x"), en.threads_per_grid("y")
    at = ((z * h + y) * w + x) * 6
    Out[at] = en.thread_index_in_threadgroup()
    Out[at + 1] = en.thread_index_in_simdgroup()
    Out[at + 2] = en.simdgroup_index_in_threadgroup()
    Out[at + 3] = (
        en.threads_per_threadgroup("x")
        + 100 * en.threads_per_threadgroup("y")
        + 10000 * en.threads_per_threadgroup("z")
    )
    Out[at + 4] = (
        en.threadgroup_position_in_grid("x")
        + 100 * en.threadgroup_position_in_grid("y")
        + 10000 * en.threadgroup_position_in_grid("z")
    )
    Out[at + 5] = en.simdgroups_per_threadgroup() + 100 * en.threadgroups_per_grid("y")


@pytest.mark.parametrize(
    ("grid", "threads"),
    [((1, 1, 1), (1, 1, 1)), ((100, 1, 1), (64, 1, 1)), ((7, 5, 1), (4, 4, 1)), ((5, 7, 3), (3, 2, 2)), ((40, 3, 2), (16, 2, 1)),
     ((1, 70, 1), (1, 33, 1)), ((2, 2, 9), (2, 2, 8)), ((33, 33, 1), (32, 32, 1))],
)  # fmt: skip
def test_every_thread_knows_where_it_is(launch: Any, grid: Any, threads: Any) -> None:
    out = np.zeros((*reversed(grid), 6), np.uint32)
    launch(positions, out.reshape(-1), grid=grid, threads=threads)
    z, y, x = np.indices(tuple(reversed(grid)))
    place = [x, y, z]
    group = [p // t for p, t in zip(place, threads, strict=True)]
    local = [p % t for p, t in zip(place, threads, strict=True)]
    size = [np.minimum(t, g - p * t) for t, g, p in zip(threads, grid, group, strict=True)]
    linear = (local[2] * size[1] + local[1]) * size[0] + local[0]
    total = size[0] * size[1] * size[2]
    wanted = [
        linear, linear % 32, linear // 32, size[0] + 100 * size[1] + 10000 * size[2], group[0] + 100 * group[1] + 10000 * group[2],
        -(-total // 32) + 100 * -(-grid[1] // threads[1]),
    ]  # fmt: skip
    np.testing.assert_array_equal(out, np.stack(wanted, axis=-1))


@en.kernel
def neighbours(A: en.f32, Out: en.f32):
    i, lane = en.thread_position_in_grid, en.thread_index_in_simdgroup()
    up, down = en.simd_shuffle_up(A[i], 1), en.simd_shuffle_down(A[i], 1)
    Out[i] = up * 100.0 + down + en.simd_broadcast(A[i], 0) * 10000.0 + en.f32(lane) * 0.0


@pytest.mark.parametrize("n", [1, 31, 33, 70])
def test_shuffles_in_partial_simdgroups(launch_unchecked: Any, n: int) -> None:
    a, out = (np.arange(n) % 50 + 1).astype(np.float32), np.zeros(n, np.float32)
    launch_unchecked(neighbours, a, out, grid=n, threads=48)
    for i in range(n):
        lane = i % 48 % 32
        first, last = i - lane, min(i - lane + 32, i // 48 * 48 + 48, n)
        up = a[i - 1] if lane else a[i]
        down = a[i] if lane == 31 else a[i + 1] if i + 1 < last else 0  # of a lane that is not there: undefined, here 0
        assert out[i] == up * 100 + down + a[first] * 10000, i


@en.kernel
def divided(A: en.i32, Out: en.i32):
    i, lane = en.thread_position_in_grid, en.thread_index_in_simdgroup()
    total = en.i32(0)
    if A[i] > 0:
        total = en.simd_sum(A[i])
        if lane % 3 == 0:
            total += en.simd_max(en.i32(lane))
    else:
        total = -en.simd_prefix_inclusive_sum(en.i32(1))
    for k in range(A[i] & 3):
        total += en.simd_sum(en.i32(1)) * (k + 1)
    Out[i] = total


@pytest.mark.parametrize("n", [1, 31, 33, 200])
def test_lane_functions_in_divergent_code_involve_the_active_lanes(launch: Any, n: int) -> None:
    a, out = numbers(n, np.int32, 11), np.zeros(n, np.int32)
    launch(divided, a, out, grid=n, threads=80)
    for i in range(n):
        first = i // 80 * 80 + i % 80 // 32 * 32
        lanes = [j for j in range(first, first + 32) if j < n and j // 80 == i // 80]
        if a[i] > 0:
            want = sum(int(a[j]) for j in lanes if a[j] > 0)
            if (i - first) % 3 == 0:
                want += max(j - first for j in lanes if a[j] > 0 and (j - first) % 3 == 0)
        else:
            want = -sum(1 for j in lanes if a[j] <= 0 and j <= i)
        want += sum((k + 1) * sum(1 for j in lanes if (a[j] & 3) > k) for k in range(a[i] & 3))
        assert out[i] == want, i


@en.kernel
def rounds(A: en.i32, Out: en.i32, times: en.Scalar(en.i32)):  # type: ignore[valid-type]
    lid, size = en.thread_index_in_threadgroup(), en.threads_per_threadgroup("x")
    i = en.thread_position_in_grid
    tile = en.threadgroup_alloc(en.i32, 128)
    x = A[i]
    for k in range(times):
        tile[lid] = x
        en.barrier()
        x = tile[(lid + 1) % size] + k
        en.barrier()
    Out[i] = x


@pytest.mark.parametrize("times", [0, 1, 3, 40])
@pytest.mark.parametrize("threads", [32, 33, 100, 128])
def test_barriers_in_a_loop_of_uniform_length(launch: Any, times: int, threads: int) -> None:
    n = 250
    a, out = np.arange(n).astype(np.int32) * 3, np.zeros(n, np.int32)
    launch(rounds, a, out, times, grid=n, threads=threads)
    wanted: list[int] = []
    for start in range(0, n, threads):
        part = a[start : start + threads]
        wanted += list(np.roll(part, -times) + times * (times - 1) // 2)
    np.testing.assert_array_equal(out, wanted)
