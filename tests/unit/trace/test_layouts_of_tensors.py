"""Tensors with layouts: annotated parameters, views, tiles, threadgroup memory; simulator and CPU against NumPy."""

# pyright: reportInvalidTypeForm=false

from __future__ import annotations

import numpy as np
import pytest

import enigma as en
from tests.msl.check import assert_legal

DEVICES = ("sim", "cpu")
M, N = 37, 50
COLUMNS = en.make_layout((M, N), (1, M))
TILE = en.make_layout((8, 32), (33, 1))
THREADS, VALUES = en.make_ordered_layout((2, 16), (1, 0)), en.make_ordered_layout((2, 2), (1, 0))
TILER, TV = en.make_layout_tv(THREADS, VALUES)


@en.kernel
def transposed(A: en.f32[M, N], Out: en.Tensor(en.f32, COLUMNS), Row: en.f32[None, N]):
    """Annotated shapes and layouts, and views of a row and of a column."""
    i = en.thread_position_in_grid
    if i < M * N:
        r, c = i // N, i % N
        Out[r, c] = A[r, None][c] + A[None, c][r]
        Row[r, None][c] = -A[r, c]


@pytest.mark.parametrize("device", DEVICES)
def test_annotated_parameters_and_views(device: str) -> None:
    a = np.random.default_rng(0).random((M, N), np.float32)
    out, row = np.zeros((N, M), np.float32), np.zeros((M, N), np.float32)
    transposed.launch(a, out, row, grid=M * N + 13, threads=32, device=device)
    assert (out.T == a * 2).all()
    assert (row == -a).all()


@en.kernel
def staged(A: en.f32[8, 32], Out: en.f32[32, 8]):
    """A transposition through threadgroup memory whose rows are 33 elements apart."""
    tile = en.threadgroup_alloc(en.f32, layout=TILE)
    x, y = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    tile[y, x] = A[y, x]
    en.barrier()
    Out[x, y] = tile[None, x][y]


@pytest.mark.parametrize("device", DEVICES)
def test_threadgroup_memory_with_a_layout(device: str) -> None:
    a = np.arange(256, dtype=np.float32).reshape(8, 32)
    out = np.zeros((32, 8), np.float32)
    staged.launch(a, out, grid=(32, 8), threads=(32, 8), device=device)
    assert (out == a.T).all()
    assert "threadgroup float tile[263];" in en.compile(staged).metal_source  # 7 rows of 33 and one of 32


@en.kernel
def tiled(A: en.f32[16, 96], Out: en.f32[16, 96]):
    """The founding page's flow: tiles, then (thread, value), then one thread's values."""
    tid, block = en.thread_index_in_threadgroup(), en.threadgroup_position_in_grid()
    tiles_a, tiles_out = en.tensor_zipped_divide(A, TILER), en.tensor_zipped_divide(Out, TILER)
    mine = en.tensor_composition(tiles_a[(None, None), block], TV, TILER)[tid, None]
    yours = en.tensor_composition(tiles_out[(None, None), block], TV, TILER)[tid, None]
    for k in range(en.size(TV, mode=[1])):
        yours[k] = mine[k] * 3


@pytest.mark.parametrize("device", DEVICES)
def test_tiles_seen_as_threads_and_values(device: str) -> None:
    a = np.random.default_rng(1).random((16, 96), np.float32)
    out = np.zeros_like(a)
    assert (16 * 96) % en.size(TV) == 0
    blocks, threads = 16 * 96 // en.size(TV), en.size(TV, mode=[0])
    tiled.launch(a, out, grid=blocks * threads, threads=threads, device=device)
    assert (out == a * 3).all()


@en.kernel
def one_tile(A: en.f32[12, 20], Out: en.f32[3, 5]):
    """A tile at a place that is known when the kernel runs, at an offset of its own."""
    i = en.thread_position_in_grid
    tile = en.local_tile(A, (3, 5), (i // 4, i % 4))
    for r in range(3):
        for c in range(5):
            en.atomic_fetch_add(Out, (r, c), tile[r, c])


@pytest.mark.parametrize("device", DEVICES)
def test_local_tile(device: str) -> None:
    a = np.arange(240, dtype=np.float32).reshape(12, 20)
    out = np.zeros((3, 5), np.float32)
    one_tile.launch(a, out, grid=16, threads=16, device=device)
    assert (out == a.reshape(4, 3, 4, 5).sum((0, 2))).all()


def test_a_linear_coordinate_follows_the_layout() -> None:
    view = en.Tensor("T", 0, "float", layout=en.make_layout((4, 8), (8, 1)))
    assert [view.offset(k, None) for k in (0, 1, 4, 31)] == [0, 8, 1, 31]  # type: ignore[arg-type]
    row = view[2, None]
    assert (row.start, str(row.layout), row.offset(3, None)) == (16, "(8):(1)", 19)  # type: ignore[arg-type]
    assert (view.shape, view.stride, view.size(), view.size(1), view.element_type) == ((4, 8), (8, 1), 32, 8, en.f32)
    assert (view.rank(), view.depth(), view.address_space, view.buffer_index) == (2, 1, "device", 0)


def test_views_keep_base_stride_and_address_space() -> None:
    shared = en.Tensor("T", -1, "half", layout=en.make_layout((8, 8)), base_offset=100, address_space="threadgroup")
    tile = en.tensor_zipped_divide(shared, (4, 4))[(None, None), (1, 1)]
    assert (tile.address_space, tile.start, str(tile.layout), tile.dtype) == ("threadgroup", 136, "(4,4):(1,8)", en.f16)
    assert en.tensor_composition(tile, en.make_layout((4, 4))).address_space == "threadgroup"


SWIZZLED = en.make_composed_layout(en.Swizzle(3, 0, 5), 0, en.make_layout((32, 32), (32, 1)))


@en.kernel
def swizzled(A: en.f32[32, 32], Out: en.f32[32, 32]):
    """A transposition through a swizzled tile, read by rows of the tile and written through views of columns."""
    tile = en.threadgroup_alloc(en.f32, layout=SWIZZLED)
    x, y = en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y")
    tile[y, x] = A[y, x]
    en.barrier()
    column = tile[None, y]
    Out[y, x] = column[x]


@pytest.mark.parametrize("device", DEVICES)
def test_a_swizzled_tile_is_transposed(device: str) -> None:
    a = np.random.default_rng(2).random((32, 32), np.float32)
    out = np.zeros_like(a)
    swizzled.launch(a, out, grid=(32, 32), threads=(32, 32), device=device)
    assert (out == a.T).all()
    offsets = [SWIZZLED((y, x)) for y in range(32) for x in range(32)]
    assert sorted(offsets) == list(range(1024))
    assert len({SWIZZLED((y, 5)) % 32 for y in range(32)}) == 8  # a column lies in 8 banks, not in one


@en.kernel
def shared_out(A: en.f32[12, 20], Out: en.f32[12, 20]):
    """A tile of 2 x 4 threads laid over and over again, the last axis of the tile running fastest."""
    tid = en.thread_index_in_threadgroup()
    threads = en.make_layout((2, 4), (4, 1))
    mine, yours = en.local_partition(A, threads, tid), en.local_partition(Out, threads, tid)
    for r in range(6):
        for c in range(5):
            yours[r, c] = mine[r, c] + en.f32(tid)


@pytest.mark.parametrize("device", DEVICES)
def test_local_partition(device: str) -> None:
    a = np.random.default_rng(3).random((12, 20), np.float32)
    out = np.zeros_like(a)
    shared_out.launch(a, out, grid=8, threads=8, device=device)
    assert (out == a + np.tile(np.arange(8, dtype=np.float32).reshape(2, 4), (6, 5))).all()


@pytest.mark.parametrize(
    "kernel", [transposed, staged, tiled, one_tile, swizzled, shared_out], ids=lambda kernel: kernel.name
)
def test_metal_takes_the_text(kernel: en.KernelDef) -> None:
    assert_legal(en.compile(kernel).metal_source)
