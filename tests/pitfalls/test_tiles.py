"""Pitfalls 43, 44, 58, 59 and 66: register tensors, pipelines, copies, products of tiles, asynchronous copies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from tests.pitfalls.targets import body, everywhere, metal, numbers, same

N = 64


@en.kernel
def powers(A: en.f32, Out: en.f32, n: en.Scalar(en.i32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    acc = en.register_tensor((2, 2), "float", fill=1)
    with en.for_range(0, n) as k:
        acc[0, 0] = acc[0, 0] * A[i]
        acc[1, 1] = acc[1, 1] + k
    for k in range(n):
        if k > 1:
            acc[0, 1] += acc[0, 0]
    for m in range(2):
        for j in range(2):
            Out[i * 4 + m * 2 + j] = acc[m, j]


def test_pitfall_43_register_tensors_are_carried_by_loops() -> None:
    a = numbers(N, np.float32) / 4
    for given in everywhere(powers, a, np.zeros((N, 4), np.float32), 4, grid=N):
        want = np.stack([a**4, 1 + 2 * a**4, np.ones(N), np.full(N, 7)], axis=1)
        np.testing.assert_allclose(given[1], want, rtol=2e-6)  # a**4 by three roundings


@en.kernel
def in_turns(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    tid = en.thread_index_in_threadgroup()
    tiles = en.pipeline(en.f32, 32, stages=3)
    tiles.front()[tid] = A[tid]
    for k in range(n):
        tiles.back()[tid] = A[k * 32 + tid] + 100
        en.barrier()
        Out[k * 32 + tid] = tiles.front()[31 - tid] + tiles.back()[tid]
        en.barrier()
        tiles.stage(1)[tid] = A[k * 32 + tid]
        tiles.advance()


def test_pitfall_44_a_pipeline_rotates_in_every_round() -> None:
    a = numbers(5 * 32, np.float32)
    rows = a.reshape(5, 32)
    want = np.stack([rows[max(k - 1, 0)][::-1] + rows[k] + 100 for k in range(5)])
    for given in everywhere(in_turns, a, np.zeros((5, 32), np.float32), 5, grid=32):
        np.testing.assert_array_equal(given[1], want)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_pitfall_58_a_copy_is_shared_out_and_as_wide_as_asked_for(width: int) -> None:
    @en.kernel
    def k(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
        tile = en.threadgroup_alloc(en.f32, 256)
        en.copy(A, tile, n, coalesced_width=width, cooperative=True)
        en.barrier()
        en.copy(tile, Out, n, coalesced_width=width, cooperative=True)

    a = numbers(256, np.float32)
    for n in (1, 31, 32, 255, 256):  # an element behind the last whole group is copied, too
        want = np.append(a[:n], np.zeros(256 - n))
        for given in everywhere(k, a, np.zeros(256, np.float32), n, grid=48, threads=48):
            np.testing.assert_array_equal(given[1], want)


def test_pitfall_58_other_widths_are_refused() -> None:
    @en.kernel
    def k(A: en.f32, Out: en.f32):
        en.copy(A, Out, 12, coalesced_width=3)

    with pytest.raises(en.EnigmaError, match="coalesced_width"):
        en.compile(k)


@pytest.mark.parametrize("size", [(8, 8, 8), (4, 6, 5), (16, 8, 24)])
def test_pitfall_59_a_product_is_added_to_what_is_there(size: Any) -> None:
    m, n, k = size

    @en.kernel
    def product(A: en.f32, B: en.f32, C: en.f32):
        en.gemm(A, B, C, M=m, N=n, K=k)

    a, b, c = numbers(m * k, np.float32, 1), numbers(k * n, np.float32, 2), numbers(m * n, np.float32, 3)
    want = c.reshape(m, n) + a.reshape(m, k) @ b.reshape(k, n)
    same(product, a, b, c.reshape(m, n), want=want, grid=32)


@en.kernel
def staged(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    en.async_copy_wait(en.async_copy_1d_d2t(tile, 0, A, 0, 64))
    en.async_copy_wait(en.async_copy_1d_t2d(Out, 0, tile, 0, 64))


def test_pitfall_66_asynchronous_copies_need_no_device_and_no_secret_names() -> None:
    a = numbers(N, np.float32)
    same(staged, a, np.zeros_like(a), want=a, grid=N, threads=N)
    assert "__asm" not in metal(staged) and "air." not in metal(staged)
    assert "threadgroup_barrier" in body(staged)
