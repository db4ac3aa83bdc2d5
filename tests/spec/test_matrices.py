"""Matrices of simdgroups against NumPy, on the simulator and the CPU, and their texts through clang and mlir-opt.

The numbers are small and whole, so that every product and sum is exact in every dtype, whatever the order.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import enigma
from enigma.compile import compile as compile_kernel
from enigma.dialect.build import build
from enigma.dialect.text import parse_module, print_module
from enigma.dialect.verify import verify
from enigma.dtypes import FLOATS, Numeric, SimdgroupMatrix, f32
from tests.msl.check import assert_legal, clang_available
from tests.spec.forms import load
from tests.unit.dialect.mlir_opt import mlir_opt, needs_mlir_opt

TARGETS = ("sim", "cpu")
PAIRS = [(dtype, total) for dtype in FLOATS for total in dict.fromkeys((dtype, f32))]


def _source(dtype: Numeric, total: Numeric) -> str:
    t, acc = f"en.{dtype.name}", f"en.{total.name}"
    return f"""@en.kernel
def products_{dtype.name}_{total.name}(
    A: {t}, B: {t}, C: {acc}, Out: {acc}, Copy: {t}, Far: {t}, stride: en.Scalar(en.u32), first: en.Scalar(en.i32),
):
    group, s = en.threadgroup_position_in_grid(), en.simdgroup_index_in_threadgroup()
    m = group * 2 + s
    a = en.simdgroup_matrix_load(A, stride, offset=first + en.i32(m * 8))
    turned = en.simdgroup_matrix_load(A, stride, "{dtype.metal_name}", 8, 8, offset=first + en.i32(m * 8), transpose=True)
    b = en.simdgroup_matrix_load(B, 8, offset=m * 64)
    tile = en.threadgroup_alloc({t}, (16, 10))
    en.simdgroup_matrix_store(b, tile, 10, offset=s * 80, transpose=True)
    en.barrier()
    b_turned = en.simdgroup_matrix_load(tile, 10, offset=(s * 8, 0))
    again = en.simdgroup_matrix_load(tile, 10, offset=s * 80, transpose=True)
    c = en.simdgroup_matrix_load(C, 9, offset=m * 72)
    d = en.simdgroup_multiply_accumulate(a, b_turned, c)
    d = en.simdgroup_multiply_accumulate(turned, again, d)
    en.simdgroup_matrix_store(d, Out, 8, offset=m * 64, transpose=True)
    en.simdgroup_matrix_store(a @ turned, Copy, 8, offset=m * 64)
    en.simdgroup_matrix_store(en.simdgroup_multiply(b, a) - a * b, Far, stride, offset=m * 8)


@en.kernel
def elements_{dtype.name}_{total.name}(A: {t}, Out: {t}, Wide: {acc}, Lanes: en.u32, n: en.Scalar(en.u32)):
    m = en.threadgroup_position_in_grid()
    lane = en.thread_index_in_simdgroup()
    a = en.simdgroup_matrix_load(A, 8, offset=m * 64)
    grid = [[a * 2.0, 1.0 - a], [en.make_filled_simdgroup_matrix(3.0, {t}), a / {t}(0.5)]]
    for k in en.range(0, n + m):
        x, y = a.thread_elements()
        grid[0][1].thread_elements[0] = y
        a.thread_elements[1] += x
        a.thread_elements()[0], swapped = a[1], a[0]
        if k % 2 == 1:
            a = grid[0][0] + a
        else:
            grid[1][0] = -a
            grid[0], grid[1] = grid[1], grid[0]
    for i in range(2):
        for j in range(2):
            en.simdgroup_matrix_store(grid[i][j], Out, 8, offset=((m * 2 + i) * 2 + j) * 64)
    en.simdgroup_matrix_store(a.to({acc}), Wide, 8, offset=m * 64)
    held = en.make_filled_simdgroup_matrix(0.0)
    held.thread_elements[0] = en.f32(lane * 2)
    held.thread_elements[1] = en.f32(lane * 2 + 1)
    shared = en.threadgroup_alloc(en.f32, 64)
    en.simdgroup_matrix_store(held, shared, 8)
    en.simd_barrier()
    Lanes[m * 64 + lane] = en.u32(shared[lane])
    Lanes[m * 64 + lane + 32] = en.u32(shared[lane + 32])
"""


@cache
def _module() -> ModuleType:
    return load("\n\n".join(_source(*pair) for pair in PAIRS), "matrices")


def kernels() -> dict[str, Any]:
    """The kernels by name: with those of `test_row_texts` they reach every row."""
    return {name: each for name, each in vars(_module()).items() if isinstance(each, enigma.KernelDef)}


def _whole(random: np.random.Generator, dtype: Numeric, *shape: int) -> Any:
    return random.integers(-2, 3, shape).astype(dtype.numpy)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("dtype", "total"), PAIRS, ids=lambda dtype: dtype.name)
def test_products_of_matrices_from_both_memories(dtype: Numeric, total: Numeric, target: str) -> None:
    random, groups, first = np.random.default_rng(1), 3, 5
    count = groups * 2
    stride = count * 8 + 7
    a = _whole(random, dtype, first + 8 * stride)
    b, c = _whole(random, dtype, count, 8, 8), _whole(random, total, count, 8, 9)
    out, copy = np.zeros((count, 8, 8), total.numpy), np.zeros((count, 8, 8), dtype.numpy)
    far = np.full((8, stride), 7, dtype.numpy)
    kernel = kernels()[f"products_{dtype.name}_{total.name}"]
    kernel.launch(a, b, c, out, copy, far, stride, first, grid=groups * 64, threads=64, device=target)
    rows = a[first:].reshape(8, stride).astype(np.float32)
    for m in range(count):
        x, y, z = rows[:, m * 8 : m * 8 + 8], b[m].astype(np.float32), c[m, :, :8].astype(np.float32)
        np.testing.assert_array_equal(out[m].astype(np.float32), (x @ y.T + z + x.T @ y).T)
        np.testing.assert_array_equal(copy[m].astype(np.float32), x @ x.T)
        np.testing.assert_array_equal(far[:, m * 8 : m * 8 + 8].astype(np.float32), y @ x - x @ y)
    assert (far[:, count * 8 :] == 7).all()


def _elements(a: Any, n: int) -> tuple[list[list[Any]], Any]:
    """The kernel `elements`, in NumPy: the first of two elements of a lane is in the even columns."""
    even, odd = np.s_[:, 0::2], np.s_[:, 1::2]
    grid = [[a * 2, 1 - a], [np.full((8, 8), 3, a.dtype), a / a.dtype.type(0.5)]]
    a = a.copy()
    for k in range(n):
        x, y = a[even].copy(), a[odd].copy()
        grid[0][1] = grid[0][1].copy()
        grid[0][1][even] = y
        a[odd] += x
        a[even] = a[odd]
        if k % 2 == 1:
            a = grid[0][0] + a
        else:
            grid[1][0] = -a
            grid[0], grid[1] = grid[1], grid[0]
    return grid, a


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("dtype", "total"), PAIRS, ids=lambda dtype: dtype.name)
def test_each_lane_reads_and_sets_its_two_elements(dtype: Numeric, total: Numeric, target: str) -> None:
    a = _whole(np.random.default_rng(2), dtype, 3, 8, 8)
    out, wide = np.zeros((3, 2, 2, 8, 8), dtype.numpy), np.zeros((3, 8, 8), total.numpy)
    lanes = np.zeros((3, 8, 8), np.uint32)
    kernel = kernels()[f"elements_{dtype.name}_{total.name}"]
    kernel.launch(a, out, wide, lanes, 1, grid=96, threads=32, device=target)
    for m in range(3):
        grid, last = _elements(a[m], m + 1)
        np.testing.assert_array_equal(out[m].astype(np.float32), np.array(grid, np.float32))
        np.testing.assert_array_equal(wide[m].astype(np.float32), last.astype(np.float32))
        for lane in range(32):
            row, column = SimdgroupMatrix.place(lane)
            assert lanes[m, row, column : column + 2].tolist() == [lane * 2, lane * 2 + 1]


def test_the_lanes_hold_what_metal_says() -> None:
    # the layout that MLX and others rely on: quads of lanes are 2 x 4 blocks, in two columns of four rows
    placed = {SimdgroupMatrix.place(lane): lane for lane in range(32)}
    table = [[placed[row, column] for column in (0, 2, 4, 6)] for row in range(8)]
    assert table == [
        [0, 1, 8, 9], [2, 3, 10, 11], [4, 5, 12, 13], [6, 7, 14, 15],
        [16, 17, 24, 25], [18, 19, 26, 27], [20, 21, 28, 29], [22, 23, 30, 31],
    ]  # fmt: skip


@pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")
@pytest.mark.parametrize("name", [f"{kind}_{a.name}_{b.name}" for kind in ("products", "elements") for a, b in PAIRS])
def test_the_texts_are_legal_metal(name: str) -> None:
    compiled = compile_kernel(kernels()[name], emit_only=True)
    assert_legal(compiled.metal_source, msl_version=(3, 1))


@needs_mlir_opt
def test_mlir_opt_accepts_the_modules() -> None:
    modules = [build(kernel.trace()) for kernel in kernels().values()]
    for module in modules:
        verify(module)
        assert parse_module(print_module(module)).is_structurally_equivalent(module)
    text = "\n".join(print_module(module, generic=True) for module in modules)
    status, _, complaints = mlir_opt(text, "--canonicalize", "--cse", "-o", "/dev/null")
    assert (status, complaints) == (0, "")


# ---- tiles


@enigma.kernel
def tiled(
    A: enigma.f16, B: enigma.f16, C: enigma.f32, M: enigma.Scalar(enigma.u32), N: enigma.Scalar(enigma.u32),
    K: enigma.Scalar(enigma.u32),
) -> None:  # fmt: skip
    x, y, _ = enigma.arch.block_idx()
    simdgroup = enigma.simdgroup_index_in_threadgroup()
    row, column = y * 32 + simdgroup // 2 * 16, x * 32 + simdgroup % 2 * 16
    acc: enigma.SimdgroupTile = enigma.simdgroup_tile(16, 16)
    a = enigma.simdgroup_tile(16, 8, "half")
    b = enigma.simdgroup_tile(8, 16, "half")
    for k in range(0, K, 8):
        a.load(A, M, offset=k * M + row, transpose=True)
        b.load(B, N, offset=k * N + column)
        enigma.mma(a, b, acc)
        if k == 0:
            acc[1, 0] = acc[1, 0] * 2.0
    acc.store(C, N, offset=row * N + column)


@pytest.mark.parametrize("target", TARGETS)
def test_tiles_of_matrices_are_carried_through_loops_and_branches(target: str) -> None:
    random, (m, n, k) = np.random.default_rng(3), (64, 96, 24)
    a, b = (random.integers(-2, 3, shape).astype(np.float16) for shape in ((k, m), (k, n)))
    c = np.zeros((m, n), np.float32)
    tiled.launch(a, b, c, m, n, k, grid=(n // 32 * 128, m // 32), threads=(128, 1), device=target)
    wide = a.astype(np.float32).T @ b.astype(np.float32)
    first = a[:8].astype(np.float32).T @ b[:8].astype(np.float32)
    lower_left = (np.arange(m)[:, None] % 16 >= 8) & (np.arange(n) % 16 < 8)
    np.testing.assert_array_equal(c, wide + np.where(lower_left, first, 0))


def test_a_register_tiled_product_reads_as_written_by_hand(golden: Any) -> None:
    golden(compile_kernel(tiled, emit_only=True).metal_source, "tiled")


def _gemm(dtype: Numeric, out: Numeric, accum: str, shape: tuple[int, int, int], flags: str) -> str:
    m, n, k = shape
    return f"""@en.kernel
def gemm_{dtype.name}_{out.name}_{accum}_{m}_{n}_{k}_{flags}(A: en.{dtype.name}, B: en.{dtype.name}, C: en.{out.name}):
    tile = en.threadgroup_alloc(en.{dtype.name}, {m * k})
    en.copy(A, tile, {m * k})
    en.barrier()
    en.gemm(tile, B, C, M={m}, N={n}, K={k}, accum_dtype="{accum}", transpose_A={"a" in flags}, transpose_B={"b" in flags})
"""


GEMMS = [
    (f32, f32, "float", (8, 8, 8), "n"), (f32, f32, "float", (16, 8, 24), "ab"), (f32, f32, "float", (32, 48, 16), "a"),
    (FLOATS[1], FLOATS[1], "float", (48, 32, 8), "b"), (FLOATS[1], f32, "half", (32, 32, 8), "n"),
    (FLOATS[2], FLOATS[2], "float", (16, 40, 16), "n"), (f32, FLOATS[1], "float", (24, 24, 24), "ab"),
]  # fmt: skip


@cache
def _gemms() -> ModuleType:
    return load("\n\n".join(_gemm(*each) for each in GEMMS), "gemms")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("threads", [32, 96, 128])
@pytest.mark.parametrize("each", GEMMS, ids=lambda each: f"{each[0].name}_{each[1].name}_{each[2]}_{each[4]}")
def test_gemm_takes_tiles_of_multiples_of_eight_through_matrices(each: Any, threads: int, target: str) -> None:
    dtype, out, accum, (m, n, k), flags = each
    kernel = getattr(_gemms(), f"gemm_{dtype.name}_{out.name}_{accum}_{m}_{n}_{k}_{flags}")
    random = np.random.default_rng(4)
    a, b, c = (_whole(random, kind, *shape) for kind, shape in ((dtype, (m, k)), (dtype, (k, n)), (out, (m, n))))
    wanted = c.astype(np.float32) + a.astype(np.float32) @ b.astype(np.float32)
    given = [np.ascontiguousarray(x.T if flag in flags else x) for x, flag in ((a, "a"), (b, "b"))]
    kernel.launch(*given, c, grid=threads, threads=threads, device=target)
    np.testing.assert_array_equal(c.astype(np.float32), wanted)
    assert "simdgroup_multiply_accumulate" in compile_kernel(kernel, emit_only=True).metal_source


@pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")
def test_the_texts_of_gemm_are_legal_metal() -> None:
    for kernel in vars(_gemms()).values():
        if isinstance(kernel, enigma.KernelDef):
            assert_legal(compile_kernel(kernel, emit_only=True).metal_source, msl_version=(3, 1))


# ---- what Metal leaves undefined


@enigma.kernel
def some_lanes(A: enigma.f32) -> None:
    if A[enigma.thread_index_in_simdgroup()] > 0.0:
        m = enigma.simdgroup_matrix_load(A, 8)
        enigma.simdgroup_matrix_store(m, A, 8, offset=64)


@enigma.kernel
def own_places(A: enigma.f32, n: enigma.Scalar(enigma.u32)) -> None:
    m = enigma.simdgroup_matrix_load(A, 8, offset=enigma.thread_position_in_grid * n)
    enigma.simdgroup_matrix_store(m, A, 8, offset=64)


def test_the_simulator_tells_when_only_some_lanes_come() -> None:
    a = np.zeros(128, np.float32)
    a[:20] = 1
    with pytest.raises(enigma.EnigmaError, match="simdgroup_matrix_load not reached by every thread of the simdgroup"):
        some_lanes.launch(a, grid=32, threads=32, device="sim")
    some_lanes.launch(np.ones(128, np.float32), grid=32, threads=32, device="sim")


def test_the_simulator_tells_when_the_lanes_name_different_places() -> None:
    with pytest.raises(enigma.EnigmaError, match="the offset differs between the lanes of a simdgroup"):
        own_places.launch(np.zeros(128, np.float32), 1, grid=32, threads=32, device="sim")
    own_places.launch(np.zeros(128, np.float32), 0, grid=32, threads=32, device="sim")


@pytest.mark.parametrize(("grid", "threads"), [(40, 40), (64, 48), (16, 32), ((64, 3), (8, 8))])
@pytest.mark.parametrize("target", TARGETS)
def test_a_launch_with_simdgroups_that_are_not_whole_is_refused(grid: Any, threads: Any, target: str) -> None:
    with pytest.raises(enigma.LaunchError, match="which need 32 threads each, but a threadgroup has"):
        own_places.launch(np.zeros(128, np.float32), 0, grid=grid, threads=threads, device=target)


def test_a_load_that_leaves_the_buffer_is_found_at_its_line() -> None:
    with pytest.raises(enigma.OutOfBoundsError, match="index 72"):
        own_places.launch(np.zeros(72, np.float32), 0, grid=32, threads=32, device="sim")


def test_one_simdgroup_of_many_may_work_alone() -> None:
    @enigma.kernel
    def alone(A: enigma.f32, Out: enigma.f32) -> None:
        if enigma.simdgroup_index_in_threadgroup() == 2:
            m = enigma.simdgroup_matrix_load(A, 8, transpose=True)
            enigma.simdgroup_matrix_store(m * 2.0, Out, 8)

    a = np.arange(64, dtype=np.float32).reshape(8, 8)
    for target in TARGETS:
        out = np.zeros((8, 8), np.float32)
        alone.launch(a, out, grid=128, threads=128, device=target)
        np.testing.assert_array_equal(out, a.T * 2)
