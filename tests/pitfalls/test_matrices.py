"""Pitfalls 60, 61 and 65: matrices away from element 0, transposed and of run-time rows; small matrices; shapes Metal lacks."""

from __future__ import annotations

import numpy as np
import pytest

import enigma as en
from tests.pitfalls.targets import everywhere, numbers


@en.kernel
def blocks(A: en.f32, B: en.f32, C: en.f32, columns: en.Scalar(en.u32)):  # type: ignore[valid-type]
    block = en.simdgroup_index_in_threadgroup()
    top = block * 8 * columns
    a = en.simdgroup_matrix_load(A, columns, offset=top)
    b = en.simdgroup_matrix_load(B, columns, offset=8, transpose=True)
    c = en.make_filled_simdgroup_matrix(1.0)
    en.simdgroup_matrix_store(en.simdgroup_multiply_accumulate(a, b, c), C, columns, offset=top + 8)


def test_pitfall_60_a_matrix_is_loaded_from_any_place_of_rows_of_any_length() -> None:
    a, b = (numbers(16 * 20, np.float32).reshape(16, 20) for _ in range(2))
    for given in everywhere(blocks, a, b, np.zeros((16, 20), np.float32), 20, grid=64, threads=64):
        want = np.zeros((16, 20), np.float32)
        for top in (0, 8):
            want[top : top + 8, 8:16] = a[top : top + 8, :8].astype(np.float64) @ b[:8, 8:16].T + 1
        np.testing.assert_allclose(given[2], want, rtol=1e-5, atol=1e-4)


@en.kernel
def small(A: en.f32x3, Out: en.f32):
    i = en.thread_position_in_grid
    m = en.float3x3(A[i * 3], A[i * 3 + 1], A[i * 3 + 2])
    square = en.matmul(m, en.transpose(m))
    Out[i] = en.determinant(square) + square[0][1]


def test_pitfall_61_small_matrices_are_made_multiplied_and_turned() -> None:
    a = np.random.default_rng(61).uniform(-2, 2, (10, 3, 3)).astype(np.float32)
    m = a.astype(np.float64).transpose(0, 2, 1)  # three vectors are the columns
    square = m @ m.transpose(0, 2, 1)
    want = np.linalg.det(square) + square[:, 1, 0]
    for given in everywhere(small, a.reshape(30, 3), np.zeros(10, np.float32), grid=10):
        np.testing.assert_allclose(given[1], want, rtol=1e-4, atol=1e-4)


def test_pitfall_65_other_shapes_than_8_by_8_are_refused_at_the_line() -> None:
    @en.kernel
    def odd(A: en.f32):
        m = en.make_filled_simdgroup_matrix(1.0, "float", 16, 8)
        en.simdgroup_matrix_store(m, A, 8)

    with pytest.raises(en.EnigmaError, match=r"test_matrices.py:\d+:\d+: error: .*8") as caught:
        odd.trace()
    assert "help:" in str(caught.value)
