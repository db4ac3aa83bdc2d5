"""Copies, pipelines, products of tiles and asynchronous copies, on every runtime against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from tests.msl.check import assert_legal
from tests.unit.test_targets import numbers


@en.kernel
def copies(A: en.f32, Out: en.f32, n: en.Scalar(en.u32), WIDTH: en.constexpr, STATIC: en.constexpr):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    en.copy(A, Out, STATIC or n, src_offset=i, dst_offset=i * n, coalesced_width=WIDTH)


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("static", [False, True])
def test_each_thread_copies_every_element_and_no_more(launch: Any, width: int, count: int, static: bool) -> None:
    a, out = numbers(50), np.full(33 * count + 5, 99, np.float32)
    launch(copies, a, out, count, grid=33, threads=32, WIDTH=width, STATIC=count if static else 0)
    wanted = np.lib.stride_tricks.sliding_window_view(a, count)[:33].reshape(-1)
    np.testing.assert_array_equal(out[: 33 * count], wanted)
    np.testing.assert_array_equal(out[33 * count :], 99)


@en.kernel
def counted_copies(A: en.f32, Out: en.f32, n: en.Scalar(en.i32), WIDTH: en.constexpr, SHARED: en.constexpr):  # type: ignore[valid-type]
    en.copy(A, Out, n, coalesced_width=WIDTH, cooperative=SHARED, src_offset=8, dst_offset=8)
    tile = en.threadgroup_alloc(en.f32, 16)
    en.async_copy_wait(en.async_copy_1d_d2t(tile, 0, A, 8, n), en.async_copy_2d_d2t(tile, 4, 4, A, 8, 4, n, 2))


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("count", [-8, -5, -1, 0, 3])
def test_a_negative_count_copies_nothing(launch: Any, width: int, shared: bool, count: int) -> None:
    a, out = numbers(16), np.full(16, 99, np.float32)
    launch(counted_copies, a, out, count, grid=7, threads=7, WIDTH=width, SHARED=shared)
    wanted = np.full(16, 99, np.float32)
    wanted[8 : 8 + max(count, 0)] = a[8 : 8 + max(count, 0)]
    np.testing.assert_array_equal(out, wanted)


@en.kernel
def masked_copy(A: en.i32, Out: en.f32, n: en.Scalar(en.u32), WIDTH: en.constexpr):  # type: ignore[valid-type]
    en.copy(A, Out, 100, mask_fn=lambda i: i < n and i % 3 != 1, coalesced_width=WIDTH)


@pytest.mark.parametrize("width", [1, 4])
def test_a_masked_copy_neither_reads_nor_writes_the_rest(launch: Any, width: int) -> None:
    a, out = numbers(10, np.int32), np.full(10, 99, np.float32)  # 90 elements fewer than are asked for
    launch(masked_copy, a, out, 10, grid=1, threads=1, WIDTH=width)
    np.testing.assert_array_equal(out, np.where(np.arange(10) % 3 != 1, a, 99))


@en.kernel
def cooperative(A: en.f32, Out: en.f32, n: en.Scalar(en.u32), WIDTH: en.constexpr, STATIC: en.constexpr):  # type: ignore[valid-type]
    group = en.threadgroup_position_in_grid()
    tile = en.threadgroup_alloc(en.f32, 512)
    en.copy(A, tile, STATIC or n, src_offset=group * 3, coalesced_width=WIDTH, cooperative=True)
    en.barrier()
    en.copy(tile, Out, STATIC or n, dst_offset=group * n, coalesced_width=WIDTH, cooperative=True)


@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("count", [1, 31, 255, 510])
@pytest.mark.parametrize("threads", [(1, 1, 1), (48, 1, 1), (8, 4, 2)])
def test_the_threads_of_a_threadgroup_share_a_copy_out(launch: Any, width: int, count: int, threads: Any) -> None:
    groups = 3
    a, out = numbers(600), np.full(groups * count + 5, 99, np.float32)
    # the last threadgroup is a partial one
    grid = (max(groups * threads[0] - threads[0] // 2, 1), threads[1], threads[2])
    for static in (0, count):
        out[:] = 99
        launch(cooperative, a, out, count, grid=grid, threads=threads, WIDTH=width, STATIC=static)
        np.testing.assert_array_equal(out[:-5], np.concatenate([a[g * 3 : g * 3 + count] for g in range(groups)]))
        np.testing.assert_array_equal(out[-5:], 99)


def test_each_element_of_a_shared_copy_is_written_once(launch: Any) -> None:
    @en.kernel
    def counted(A: en.u32, Out: en.u32):
        touched = en.threadgroup_alloc(en.u32, 100)
        en.copy(A, touched, 100, cooperative=True)
        en.barrier()
        en.copy(touched, Out, 100, cooperative=True)

    a, out = np.arange(100, dtype=np.uint32), np.zeros(100, np.uint32)
    launch(counted, a, out, grid=33, threads=33)
    np.testing.assert_array_equal(out, a)
    text = en.compile(counted, emit_only=True).metal_source
    assert text.count("for (uint i = tid; i < 100; i += ") == 2


def test_copies_between_registers_and_memory(launch: Any) -> None:
    @en.kernel
    def through(A: en.f32, Out: en.f32):
        i = en.thread_position_in_grid
        held = en.register_tensor((2, 3), en.f16)
        en.copy(A, held, 5, src_offset=i, dst_offset=1)
        en.copy(held, Out, 6, dst_offset=i * 6)

    a, out = numbers(45), np.zeros(40 * 6, np.float32)
    launch(through, a, out, grid=40, threads=32)
    wanted = np.zeros((40, 6))
    wanted[:, 1:] = np.lib.stride_tricks.sliding_window_view(a, 5)[:40]
    np.testing.assert_array_equal(out, wanted.reshape(-1))


@en.kernel
def rotated(A: en.f32, Out: en.f32, n: en.Scalar(en.u32), STAGES: en.constexpr, WITH: en.constexpr):  # type: ignore[valid-type]
    tid = en.thread_index_in_threadgroup()
    total = en.f32(0)
    tiles = en.pipeline(en.f32, 64, stages=STAGES)
    for k in en.range_constexpr(STAGES - 1):
        tiles.stage(k)[tid] = A[k * 64 + tid]
    for k in range(n):
        if WITH:
            with en.if_(k + STAGES - 1 < n):
                tiles.back()[tid] = A[(k + STAGES - 1) * 64 + tid]
        elif k + STAGES - 1 < n:
            tiles.back()[tid] = A[(k + STAGES - 1) * 64 + tid]
        en.barrier()
        total += tiles.front()[63 - tid] * (k + 1)
        en.barrier()
        tiles.advance()
    Out[tid] = total


@pytest.mark.parametrize("stages", [2, 3, 4])
@pytest.mark.parametrize("rounds", [4, 7])
@pytest.mark.parametrize("block", [False, True])
def test_a_pipeline_rotates_in_a_loop_of_the_kernel(launch: Any, stages: int, rounds: int, block: bool) -> None:
    a, out = numbers(rounds * 64), np.zeros(64, np.float32)
    launch(rotated, a, out, rounds, grid=64, threads=64, STAGES=stages, WITH=block)
    rows = a.reshape(rounds, 64)[:, ::-1]
    np.testing.assert_array_equal(out, (rows * np.arange(1, rounds + 1)[:, None]).sum(0))


def test_a_pipeline_rotates_in_the_context_manager_and_swaps(launch: Any) -> None:
    @en.kernel
    def swapped(Out: en.i32, n: en.Scalar(en.u32)):
        pair = en.pipeline(en.i32, 1)
        assert isinstance(pair, en.Pipeline)
        pair.front()[0] = 0
        pair.back()[0] = 0
        with en.for_range(0, n) as k:
            pair.front()[0] = pair.front()[0] + en.i32(k)
            pair.swap()
        Out[0] = pair.stage(0)[0]
        Out[1] = pair.stage(1)[0]
        assert (pair.stages, pair.size, pair.dtype) == (2, 1, en.i32)
        assert repr(pair) == "<pair: 2 stages of 1 i32>"

    for n in (4, 5):
        out = np.zeros(2, np.int32)
        launch(swapped, out, n, grid=1, threads=1)
        sums = [sum(range(0, n, 2)), sum(range(1, n, 2))]
        np.testing.assert_array_equal(out, sums if n % 2 == 0 else sums[::-1])


def test_atomics_on_a_stage(launch: Any) -> None:
    @en.kernel
    def counted(Out: en.u32):
        tid = en.thread_index_in_threadgroup()
        bins = en.pipeline(en.u32, 4, stages=3)
        for k in en.range_constexpr(3):
            if tid < 4:
                bins.stage(k)[tid] = 0
        en.barrier()
        for _ in en.range(5):
            en.atomic_fetch_add(bins.front(), tid % 4, 1)
            bins.advance()
        en.barrier()
        if tid < 4:
            for k in en.range_constexpr(3):
                Out[k * 4 + tid] = bins.stage(k)[tid]

    out = np.zeros(12, np.uint32)
    launch(counted, out, grid=40, threads=40)
    np.testing.assert_array_equal(out.reshape(3, 4), np.array([[10], [20], [20]]) + np.zeros((1, 4)))


SHAPES = [(1, 1, 1), (8, 8, 8), (3, 5, 7), (4, 1, 16), (1, 6, 2)]


def tile_of(x: Any, transposed: bool) -> Any:
    return np.ascontiguousarray(x.T if transposed else x).reshape(-1)


@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)])
def test_products_of_tiles(launch: Any, m: int, n: int, k: int, transposed: Any) -> None:
    @en.kernel
    def product(A: en.f32, B: en.f32, C: en.f32, D: en.f32):
        i = en.thread_position_in_grid
        acc = en.register_tensor((m, n), fill=1)
        en.gemm(A, B, acc, M=m, N=n, K=k, transpose_A=transposed[0], transpose_B=transposed[1])
        en.copy(acc, D, m * n, dst_offset=i * (m * n))
        en.gemm(A, B, C, M=m, N=n, K=k, transpose_A=transposed[0], transpose_B=transposed[1], use_simdgroup=False)

    a, b, c = numbers(m * k).reshape(m, k), numbers(k * n, seed=1).reshape(k, n), numbers(m * n, seed=2).reshape(m, n)
    got, own = c.reshape(-1).copy(), np.zeros(33 * m * n, np.float32)
    launch(product, tile_of(a, transposed[0]), tile_of(b, transposed[1]), got, own, grid=33, threads=33)
    np.testing.assert_array_equal(got.reshape(m, n), c + a @ b)
    np.testing.assert_array_equal(own.reshape(33, m, n), np.broadcast_to(1 + a @ b, (33, m, n)))


@pytest.mark.parametrize(
    ("element", "accum", "result"),
    [
        ("f16", "float", "f16"),
        ("f16", "half", "f32"),
        ("i8", "int", "i32"),
        ("u8", "float", "f32"),
        ("bf16", "float", "bf16"),
    ],
)
def test_the_dtype_in_which_products_are_added_up(launch: Any, element: str, accum: str, result: str) -> None:
    kind, out = getattr(en, element), getattr(en, result)

    def product(A: Any, B: Any, C: Any) -> None:
        en.gemm(A, B, C, M=4, N=4, K=6, accum_dtype=accum)
        held = en.register_tensor((4, 4), out)
        en.gemm(A, B, held, M=4, N=4, K=6, accum_dtype=accum, use_simdgroup=False)
        if en.thread_index_in_threadgroup() == 0:
            en.copy(held, C, 16, dst_offset=16)

    product.__annotations__ = {"A": kind, "B": kind, "C": out}
    a, b, c = numbers(24, kind.numpy).reshape(4, 6), numbers(24, kind.numpy, 1).reshape(6, 4), np.zeros(32, out.numpy)
    c[:16] = 2
    launch(en.kernel(product), a.reshape(-1), b.reshape(-1), c, grid=8, threads=8)
    wanted = a.astype(np.float64) @ b.astype(np.float64)  # small whole numbers: exact in all of these
    np.testing.assert_array_equal(c.astype(np.float64).reshape(2, 4, 4), [wanted + 2, wanted])


def test_a_half_tile_added_up_in_float_is_rounded_once(launch: Any) -> None:
    @en.kernel
    def product(A: en.f16, B: en.f16, C: en.f16):
        en.gemm(A, B, C, M=1, N=1, K=64)

    a, b, c = np.full(64, 1, np.float16), np.full(64, 0.1, np.float16), np.full(1, 2048, np.float16)
    launch(product, a, b, c, grid=1, threads=1)
    assert c[0] == np.float16(2048 + 64 * np.float64(np.float16(0.1)))  # in half, 2048 + 0.1 is 2048


def test_a_product_of_tiles_in_registers(launch: Any) -> None:
    @en.kernel
    def product(A: en.f32, B: en.f32, Out: en.f32):
        left, right, acc = en.register_tensor((2, 3)), en.register_tensor((3, 2)), en.register_tensor((2, 2))
        en.copy(A, left, 6)
        en.copy(B, right, 6)
        en.gemm(left, right, acc, M=2, N=2, K=3)
        en.copy(acc, Out, 4)

    a, b, out = numbers(6), numbers(6, seed=1), np.zeros(4, np.float32)
    launch(product, a, b, out, grid=1, threads=1)
    np.testing.assert_array_equal(out.reshape(2, 2), a.reshape(2, 3) @ b.reshape(3, 2))


@en.kernel
def tiled(A: en.f32, B: en.f32, C: en.f32, M: en.Scalar(en.u32), N: en.Scalar(en.u32), K: en.Scalar(en.u32)):  # type: ignore[valid-type]
    """C = A @ B in tiles of 16 x 16, the next ones under way while these are multiplied."""
    x, y = en.threadgroup_position_in_grid("x") * 16, en.threadgroup_position_in_grid("y") * 16
    tid = en.thread_index_in_threadgroup()
    left, right = en.pipeline(en.f32, 256), en.pipeline(en.f32, 256)
    sums = en.threadgroup_alloc(en.f32, 256)
    for e in range(tid, 256, 64):
        sums[e] = 0
    event = [
        en.async_copy_2d_d2t(left.front(), 0, 16, A, y * K, K, 16, 16),
        en.async_copy_2d_d2t(right.front(), 0, 16, "B", x, N, 16, 16),
    ]
    for k in range(0, K, 16):
        en.async_copy_wait(event)
        if k + 16 < K:
            event[0] = en.async_copy_2d_d2t(left.back(), 0, 16, A, y * K + k + 16, K, 16, 16)
            event[1] = en.async_copy_2d_d2t(right.back(), 0, 16, "B", (k + 16) * N + x, N, 16, 16)
        en.gemm(left.front(), right.front(), sums, M=16, N=16, K=16)
        left.advance()
        right.swap()
    en.barrier()
    en.async_copy_wait(en.async_copy_2d_t2d(C, y * N + x, N, sums, 0, 16, 16, 16))


@pytest.mark.parametrize(("m", "n", "k"), [(16, 16, 16), (32, 48, 64)])
def test_a_matrix_product_with_copies_under_way(launch: Any, m: int, n: int, k: int) -> None:
    a, b, c = numbers(m * k), numbers(k * n, seed=1), np.zeros(m * n, np.float32)
    launch(tiled, a, b, c, m, n, k, grid=(n // 16 * 8, m // 16 * 8), threads=(8, 8))
    np.testing.assert_array_equal(c.reshape(m, n), a.reshape(m, k) @ b.reshape(k, n))


@en.kernel
def edges(A: en.f32, Out: en.f32, W: en.Scalar(en.u32), H: en.Scalar(en.u32)):  # type: ignore[valid-type]
    x, y = en.threadgroup_position_in_grid("x") * 8, en.threadgroup_position_in_grid("y") * 4
    tile = en.threadgroup_alloc(en.f32, (4, 9))
    columns, rows = min(W - x, 8), min(H - y, 4)
    en.async_copy_wait(en.async_copy_2d_d2t(tile, 0, 9, A, y * W + x, W, columns, rows))
    en.async_copy_wait()
    event = en.async_copy_2d_t2d(Out, y * W + x, W, tile, 0, 9, columns, rows)
    en.async_copy_commit(event)
    en.async_copy_wait(event)


@pytest.mark.parametrize(("width", "height"), [(8, 4), (9, 5), (23, 10), (1, 1)])
def test_tiles_at_the_edge_are_exactly_what_is_given(launch: Any, width: int, height: int) -> None:
    a, out = numbers(width * height), np.full(width * height + 9, 99, np.float32)
    launch(edges, a, out, width, height, grid=(-(-width // 8) * 8, -(-height // 4) * 4), threads=(8, 4))
    np.testing.assert_array_equal(out[:-9], a)
    np.testing.assert_array_equal(out[-9:], 99)


@en.kernel
def there_and_back(A: en.i16, Out: en.i16):
    group = en.threadgroup_position_in_grid()
    tile, other = en.threadgroup_alloc(en.i16, 50), en.threadgroup_alloc(en.i16, 50)
    first = en.async_copy_1d_d2t(tile, 3, A, group * 40, 40)
    second = en.async_copy_to_threadgroup(A, other, 10, src_offset=group * 40)
    en.async_copy_wait(first, second)
    en.async_copy_wait(
        en.async_copy_1d_t2d(Out, group * 50, tile, 3, 40), en.async_copy_1d_t2d(Out, group * 50 + 40, other, 0, 10)
    )


def test_copies_of_one_axis_both_ways(launch: Any) -> None:
    a, out = numbers(120, np.int16), np.zeros(150, np.int16)
    launch(there_and_back, a, out, grid=80, threads=32)  # the last threadgroup has 16 threads
    np.testing.assert_array_equal(out.reshape(3, 50), [[*row, *row[:10]] for row in a.reshape(3, 40)])
    text = en.compile(there_and_back, emit_only=True).metal_source
    assert "__asm" not in text
    assert text.count("threadgroup_barrier") == 2
    assert "threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup)" in text


def test_work_that_only_some_threads_come_to_share_is_found() -> None:
    @en.kernel
    def some(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
        tid = en.thread_index_in_threadgroup()
        tile = en.threadgroup_alloc(en.f32, 32)
        if tid < n:
            en.copy(A, tile, 32, cooperative=True)
        en.barrier()
        Out[tid] = tile[tid]

    a, out = numbers(32), np.zeros(32, np.float32)
    with pytest.warns(en.EnigmaWarning, match="copy may be reached by only some threads of the threadgroup"):
        some.launch(a, out, 32, grid=32, threads=32, device="sim")  # all of them, this time
    np.testing.assert_array_equal(out, a)
    with pytest.raises(
        en.EnigmaError, match=r"copy not reached by every thread of the threadgroup(?s:.)*thread \(7, 0, 0\)"
    ):
        some.launch(a, out, 7, grid=32, threads=32, device="sim")


@en.kernel
def as_vectors(
    A: en.f16, B: en.u8, Out: en.f32, Sum: en.i32, start: en.Scalar(en.u32), WIDTH: en.constexpr, COUNT: en.constexpr
):  # type: ignore[valid-type]
    group = en.threadgroup_position_in_grid()
    tile, whole = en.threadgroup_alloc(en.f32, 64), en.threadgroup_alloc(en.u8, 64)
    en.copy(A, tile, COUNT, src_offset=group * 64 + start, coalesced_width=WIDTH, cooperative=True)
    event = en.async_copy_1d_d2t(whole, 0, B, group * 64, COUNT)
    en.async_copy_wait(event)
    en.copy(tile, Out, COUNT, dst_offset=group * COUNT, coalesced_width=WIDTH, cooperative=True)
    en.copy(whole, Sum, COUNT, dst_offset=group * COUNT, coalesced_width=WIDTH, cooperative=True)


@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize("count", [2, 4, 31, 60, 64])
@pytest.mark.parametrize("start", [0, 1, 2])
def test_copies_of_vectors_convert_and_end_where_they_should(launch: Any, width: int, count: int, start: int) -> None:
    a, b = numbers(3 * 64 + 2, np.float16), (np.arange(3 * 64) * 7).astype(np.uint8)
    out, total = np.full(3 * count + 4, 99, np.float32), np.full(3 * count + 4, 99, np.int32)
    launch(as_vectors, a, b, out, total, start, grid=3 * 40 - 10, threads=40, WIDTH=width, COUNT=count)
    parts = np.concatenate([a[k * 64 + start : k * 64 + start + count] for k in range(3)])
    np.testing.assert_array_equal(out[: 3 * count], parts.astype(np.float32))
    np.testing.assert_array_equal(total[: 3 * count], np.concatenate([b[k * 64 : k * 64 + count] for k in range(3)]))
    assert (out[3 * count :] == 99).all() and (total[3 * count :] == 99).all()


def test_a_copy_of_four_is_one_access_whole_where_it_is_aligned() -> None:
    @en.kernel
    def tiles(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
        group, tile = en.threadgroup_position_in_grid(), en.threadgroup_alloc(en.f32, 256)
        en.copy(A, tile, 256, src_offset=group * 256, coalesced_width=4, cooperative=True)
        en.barrier()
        en.copy(tile, Out, 256, dst_offset=group * 256 + n, coalesced_width=4, cooperative=True)

    text = en.compile(tiles, emit_only=True).metal_source
    assert "((threadgroup float4*)tile)[i] = *(device const float4*)(A + (" in text
    assert "alignas(16) threadgroup float tile[256];" in text
    assert "*(device packed_float4*)(Out + " in text
    assert_legal(text, msl_version=(3, 1))
