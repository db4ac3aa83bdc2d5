"""Tiles and shares by a projection: one tiler of (M, N, K) for all matrices of a product, against NumPy."""

from __future__ import annotations

import numpy as np

import enigma as en

TILER = (4, 8, 2)


@en.kernel
def tiles(A: en.f32[8, 6], B: en.f32[16, 6], Out: en.f32[2, 2, 3, 4, 2, 2]):
    row, column = en.threadgroup_position_in_grid("y"), en.threadgroup_position_in_grid("x")
    a = en.local_tile(A, TILER, (row, column, None), proj=(1, None, 1))
    b = en.local_tile(B, TILER, (row, column, None), proj=(None, 1, 1))
    for k in en.range(3):
        for i in range(4):
            for j in range(2):
                Out[row, column, k, i, j, 0] = a[i, j, k]
                Out[row, column, k, i, j, 1] = b[2 * i, j, k]


@en.kernel
def shares(A: en.f32[8, 6], Out: en.f32[16, 4, 3]):
    tid = en.thread_index_in_threadgroup()
    threads = en.make_layout((2, 4, 2))
    own = en.local_partition(A, threads, tid, proj=(1, None, 1))
    for i in range(4):
        for j in range(3):
            Out[tid, i, j] = own[i, j]


def test_tiles_of_a_projection() -> None:
    a = np.arange(48, dtype=np.float32).reshape(8, 6)
    b = np.arange(96, dtype=np.float32).reshape(16, 6) + 100
    out = np.zeros((2, 2, 3, 4, 2, 2), np.float32)
    tiles[(2, 2), (1, 1)](a, b, out)
    for row, column, k, i, j in np.ndindex(2, 2, 3, 4, 2):
        assert out[row, column, k, i, j, 0] == a[4 * row + i, 2 * k + j]
        assert out[row, column, k, i, j, 1] == b[8 * column + 2 * i, 2 * k + j]


def test_threads_that_a_projection_leaves_out_have_the_same_share() -> None:
    a = np.arange(48, dtype=np.float32).reshape(8, 6)
    out = np.zeros((16, 4, 3), np.float32)
    shares[16, 16](a, out)
    for tid, i, j in np.ndindex(16, 4, 3):
        assert out[tid, i, j] == a[tid % 2 + 2 * i, tid // 8 + 2 * j]
