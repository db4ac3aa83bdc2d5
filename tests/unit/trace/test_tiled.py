"""Tiled copies and products on sizes that no tile divides: simulator and CPU against NumPy, and their Metal."""

# pyright: reportInvalidTypeForm=false

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from tests.msl.check import assert_legal

DEVICES = ("sim", "cpu")
SIZES = ((1, 1), (7, 33), (16, 32), (33, 50))
ROWS, COLUMNS = 16, 32
PADDED = en.make_layout((ROWS, COLUMNS), (36, 1))
SWIZZLED = en.make_composed_layout(en.Swizzle(3, 2, 3), 0, en.make_layout((ROWS, COLUMNS), (COLUMNS, 1)))
VECTORS = en.make_copy_atom(en.CopyUniversalOp(), en.f32, num_bits_per_copy=128)
ANY = en.make_copy_atom(en.CopyUniversalOp(), en.f32)
SHARED = en.make_copy_atom(en.CopyCooperativeOp(), en.f32)
TILED = en.make_tiled_copy_tv(VECTORS, en.make_ordered_layout((4, 8), (1, 0)), en.make_ordered_layout((1, 4), (1, 0)))


def _tiles(*tensors: Any) -> Any:
    block = en.threadgroup_position_in_grid("y"), en.threadgroup_position_in_grid("x")
    return (en.local_tile(tensor, (ROWS, COLUMNS), block) for tensor in tensors)


def _kernel(layout: Any, shared: bool) -> Any:
    @en.kernel
    def through(A: en.f32, Out: en.f32, m: en.Scalar[en.u32], n: en.Scalar[en.u32]):
        """Through threadgroup memory, padded or swizzled, and zeros where there is nothing."""
        rows = en.make_layout((m, n), (n, 1))
        where = en.make_identity_tensor((m, n))
        a, out, there = _tiles(en.make_tensor(A, rows), en.make_tensor(Out, rows), where)
        tile = en.threadgroup_alloc(en.f32, layout=layout)
        if shared:
            pred = en.elem_less(there, (m, n))
            en.copy(SHARED, a, tile, pred=pred, fill=0)
            en.barrier()
            en.copy(SHARED, tile, out, pred=pred)
        else:
            mine = TILED.get_slice(en.thread_index_in_threadgroup())
            pred = en.elem_less(mine.partition_S(there), (m, n))
            en.copy(TILED, mine.partition_S(a), mine.partition_D(tile), pred=pred, fill=0)
            en.barrier()
            en.copy(TILED, mine.partition_S(tile), mine.partition_D(out), pred=pred)

    return through


COPIES = {
    f"{'shared' if shared else 'tiled'}-{name}": _kernel(layout, shared)
    for shared in (False, True)
    for name, layout in (("padded", PADDED), ("swizzled", SWIZZLED))
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("m", "n"), SIZES)
@pytest.mark.parametrize("which", COPIES)
def test_copies_through_threadgroup_memory(which: str, m: int, n: int, device: str) -> None:
    a = np.random.default_rng(0).random(m * n, np.float32)
    out = np.zeros_like(a)
    COPIES[which].launch(a, out, m, n, grid=(-(-n // COLUMNS) * 32, -(-m // ROWS)), threads=(32, 1), device=device)
    assert (out == a).all()


@pytest.mark.parametrize("which", COPIES)
def test_a_copy_moves_vectors(which: str) -> None:
    """A swizzle that keeps groups of four whole keeps the vectors whole."""
    text = en.compile(COPIES[which], emit_only=True).metal_source
    assert_legal(text)
    assert "*(device const packed_float4*)(A + " in text
    assert "*(threadgroup float4*)(tile + " in text


def test_what_a_tiled_copy_is() -> None:
    """The partition of CuTe's documentation: values, then the tiles along each mode."""
    assert (TILED.size, TILED.tiler) == (32, (4, 32))
    assert str(TILED.layout_tv) == "((8,4),4):((16,1),4)"
    whole = en.make_identity_tensor((16, 64))
    assert str(TILED.get_slice(9).partition_S(whole).layout) == "(4,4,2):(1@1,4@0,32@1)"
    assert TILED.get_slice(9).partition_D(whole)[0, 0, 0] == (1, 4)
    assert en.make_copy_atom(en.CopyCooperativeOp(), en.f16, 64).widest == 4


FMA, MATRICES = en.MmaUniversalOp, en.SimdgroupMmaOp
BY_FOUR = en.make_layout((8, 4), (4, 1))
TILE_M, TILE_N, TILE_K = 32, 32, 16
STORED = {"f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}


def _product(op: Any, dtype: Any, layout: Any, permutation: Any, stages: int, a_steps: Any, b_steps: Any) -> Any:
    """A kernel for `A B`: one atom layout, strides of A (M x K) and of B (N x K) by functions of the sizes."""
    tiled = en.make_tiled_mma(op, layout, permutation)
    shared = en.make_copy_atom(en.CopyCooperativeOp(), dtype)
    tile_a = en.make_layout((TILE_M, TILE_K, stages), (TILE_K + 4, 1, TILE_M * (TILE_K + 4)))
    tile_b = en.make_layout((TILE_N, TILE_K, stages), (1, TILE_N + 4, TILE_K * (TILE_N + 4)))

    @en.kernel
    def matmul(A: dtype, B: dtype, C: en.f32, m: en.Scalar[en.u32], n: en.Scalar[en.u32], k: en.Scalar[en.u32]):
        i, j = en.threadgroup_position_in_grid("y"), en.threadgroup_position_in_grid("x")
        a = en.make_tensor(A, en.make_layout((m, k), a_steps(m, k)))
        b = en.make_tensor(B, en.make_layout((n, k), b_steps(n, k)))
        c = en.local_tile(en.make_tensor(C, en.make_layout((m, n), (n, 1))), (TILE_M, TILE_N), (i, j))
        own_a, own_b = (TILE_M, TILE_K), (TILE_N, TILE_K)
        a, b = en.local_tile(a, own_a, (i, None)), en.local_tile(b, own_b, (j, None))
        in_a = en.local_tile(en.make_identity_tensor((m, k)), own_a, (i, None))
        in_b = en.local_tile(en.make_identity_tensor((n, k)), own_b, (j, None))
        in_c = en.local_tile(en.make_identity_tensor((m, n)), (TILE_M, TILE_N), (i, j))
        staged_a, staged_b = en.threadgroup_alloc(dtype, layout=tile_a), en.threadgroup_alloc(dtype, layout=tile_b)
        mine = tiled.get_slice(en.thread_index_in_threadgroup())
        part_a, part_b, part_c = mine.partition_A(staged_a), mine.partition_B(staged_b), mine.partition_C(c)
        acc = mine.make_fragment_C(part_c)

        def fetch(step: Any) -> None:
            slot = step % stages
            en.copy(shared, a[None, None, step], staged_a[None, None, slot],
                    pred=en.elem_less(in_a[None, None, step], (m, k)), fill=0)  # fmt: skip
            en.copy(shared, b[None, None, step], staged_b[None, None, slot],
                    pred=en.elem_less(in_b[None, None, step], (n, k)), fill=0)  # fmt: skip

        steps = (k + TILE_K - 1) // TILE_K
        for first in range(stages - 1):
            fetch(en.u32(first))
        for step in en.range(steps):
            if stages == 1:
                en.barrier()
            fetch(step + (stages - 1))
            en.barrier()
            slot = step % stages
            en.gemm(tiled, part_a[None, None, None, slot], part_b[None, None, None, slot], acc)
            if stages == 2:
                en.barrier()
        if isinstance(op, MATRICES):
            whole = en.threadgroup_alloc(en.f32, layout=en.make_layout((TILE_M, TILE_N), (TILE_N, 1)))
            acc.to(en.f32).store(mine.partition_C(whole))
            en.barrier()
            en.copy(SHARED, whole, c, pred=en.elem_less(in_c, (m, n)))
        else:
            en.copy(ANY, acc, part_c, pred=en.elem_less(mine.partition_C(in_c), (m, n)))

    return matmul, tiled


def rows(outer: Any, inner: Any) -> Any:
    return (inner, 1)


def columns(outer: Any, inner: Any) -> Any:
    return (1, outer)


PRODUCTS = {
    "fma-nn": (FMA(), "f32", (8, 8, 1), (None, None, None), 1, rows, columns),
    "fma-nt-neighbours": (FMA(), "f32", (8, 8, 1), (BY_FOUR, BY_FOUR, None), 1, rows, rows),
    "fma-tn-half-two-stages": (FMA(en.f32), "f16", (8, 8, 1), (BY_FOUR, BY_FOUR, None), 2, columns, columns),
    "matrices-nn": (MATRICES(en.f32), "f32", (2, 2, 1), (None, None, None), 1, rows, columns),
    "matrices-nt-half": (MATRICES(en.f16), "f16", en.make_layout((2, 1, 1)), (None, None, None), 1, rows, rows),
    "matrices-tn-two-stages": (MATRICES(en.bf16), "bf16", (2, 2, 1), (None, None, None), 2, columns, columns),
    "matrices-half-sums": (MATRICES(en.f16, en.f16), "f16", (1, 2, 1), (None, None, None), 1, rows, columns),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("which", PRODUCTS)
def test_products_of_any_size(which: str, device: str) -> None:
    op, dtype, layout, permutation, stages, a_steps, b_steps = PRODUCTS[which]
    matmul, tiled = _product(op, getattr(en, dtype), layout, permutation, stages, a_steps, b_steps)
    rng = np.random.default_rng(1)
    for m, n, k in (
        ((1, 1, 1), (33, 50, 17)) if device == "sim" else ((1, 1, 1), (7, 33, 5), (64, 64, 64), (65, 31, 40))
    ):
        a, b = (rng.integers(-4, 5, shape).astype(STORED[dtype]) for shape in ((m, k), (k, n)))
        given_a = a if a_steps is rows else np.ascontiguousarray(a.T)
        given_b = b if b_steps is columns else np.ascontiguousarray(b.T)
        c = np.zeros((m, n), np.float32)
        grid = (-(-n // TILE_N) * tiled.size, -(-m // TILE_M))
        matmul.launch(
            given_a.ravel(), given_b.ravel(), c.ravel(), m, n, k, grid=grid, threads=(tiled.size, 1), device=device
        )
        assert (c == a.astype(np.float32) @ b.astype(np.float32)).all(), (m, n, k)


@pytest.mark.parametrize("which", PRODUCTS)
def test_the_metal_of_products_is_legal(which: str) -> None:
    op, dtype, *rest = PRODUCTS[which]
    assert_legal(en.compile(_product(op, getattr(en, dtype), *rest)[0], emit_only=True).metal_source)


def test_what_a_tiled_product_is() -> None:
    tiled = en.make_tiled_mma(MATRICES(en.f16), (2, 2, 1))
    assert (tiled.size, tiled.shape_mnk, tiled.op.acc_dtype) == (128, (16, 16, 8), en.f32)
    where = en.make_identity_tensor((32, 32))
    assert str(tiled.get_slice(96).partition_C(where).layout) == "((8,8),2,2):((1@0,1@1),16@0,16@1)"
    assert tiled.get_slice(96).partition_C(where)[(0, 0), 0, 0] == (8, 8)
    near = en.make_tiled_mma(FMA(), (8, 8, 1), (BY_FOUR, BY_FOUR, None)).get_slice(9)
    assert [near.partition_C(where)[0, i, 0] for i in range(4)] == [(4, 4), (5, 4), (6, 4), (7, 4)]


@en.kernel
def held(A: en.f32[16, 16], B: en.f32[16, 16], C: en.f32[16, 16]):
    """Fragments of A and B that are loaded once, and elements of the sum that are changed one by one."""
    tiled = en.make_tiled_mma(MATRICES(), (1, 1, 1))
    mine = tiled.get_slice(en.thread_index_in_threadgroup())
    a = mine.make_fragment_A(mine.partition_A(A)).load(mine.partition_A(A))
    b = mine.make_fragment_B(mine.partition_B(B)).load(mine.partition_B(B))
    c = mine.make_fragment_C(mine.partition_C(C))
    c.fill(1)
    en.gemm(tiled, a, b, c)
    c.map(lambda x: en.fmax(x, 0) * 2)
    first = c[0, 0]
    c[0, 1] = c[0, 1] - first + first
    c.store(mine.partition_C(C))
    en.simdgroup_matrix_store(first, C, 16)


@en.kernel
def in_registers(A: en.f32[4, 8], B: en.f32[4, 8], C: en.f32[4, 4]):
    """Each thread alone, from register tensors."""
    tiled = en.make_tiled_mma(FMA(), (1, 1, 1))
    mine = tiled.get_slice(0)
    part_a, part_b, part_c = mine.partition_A(A), mine.partition_B(B), mine.partition_C(C)
    a, b, c = mine.make_fragment_A(part_a), mine.make_fragment_B(part_b), mine.make_fragment_C(part_c)
    en.copy(ANY, part_a, a)
    en.copy(ANY, part_b, b)
    en.gemm(tiled, a, b, c)
    # once more the first step alone, from memory and from registers
    en.gemm(tiled, part_a[None, None, 0], part_b[None, None, 0], c)
    en.gemm(tiled, a[None, None, 0], part_b[None, None, 0], c)
    en.copy(ANY, c, part_c)


@pytest.mark.parametrize("device", DEVICES)
def test_fragments_of_both_kinds(device: str) -> None:
    rng = np.random.default_rng(2)
    a, b = (rng.integers(-4, 5, (16, 16)).astype(np.float32) for _ in range(2))
    c = np.zeros((16, 16), np.float32)
    held.launch(a, b, c, grid=32, threads=32, device=device)
    assert (c == np.maximum(a @ b.T + 1, 0) * 2).all()
    small = np.zeros((4, 4), np.float32)
    in_registers.launch(a[:4, :8].copy(), b[:4, :8].copy(), small, grid=1, threads=1, device=device)
    assert (small == a[:4, :8] @ b[:4, :8].T + 2 * np.outer(a[:4, 0], b[:4, 0])).all()


@en.kernel
def rows_of_shapes(A: en.f32[4, 6], Out: en.f32[4, 6], n: en.Scalar[en.u32]):
    """Tensors with an annotated shape, copied where a predicate holds for some of the elements."""
    en.copy(ANY, A, Out, pred=en.elem_less(en.make_identity_tensor((4, 6)), (n, 5)))


@en.kernel
def judged_in_a_branch(A: en.f32[32], Out: en.f32[32], n: en.Scalar[en.u32]):
    """A predicate whose bools are asked for in a branch first, and behind it again."""
    i = en.thread_position_in_grid
    values, pred = en.local_tile(A, 4, i).load(), en.elem_less(en.local_tile(en.make_identity_tensor(32), 4, i), n)
    total = en.f32(0)
    if i > 2:
        total = en.where(pred, values, 0).sum()
    en.local_tile(Out, 4, i).store(en.where(pred, values, -1) + total)


@pytest.mark.parametrize("device", DEVICES)
def test_predicates_of_shapes_and_in_branches(device: str) -> None:
    a, out = np.random.default_rng(3).random((4, 6), np.float32), np.full((4, 6), 7, np.float32)
    rows_of_shapes.launch(a, out, 3, grid=1, threads=1, device=device)
    there = (np.arange(4)[:, None] < 3) & (np.arange(6) < 5)
    assert (out == np.where(there, a, 7)).all()
    a, out, n = np.arange(1, 33, dtype=np.float32), np.zeros(32, np.float32), 27
    judged_in_a_branch.launch(a, out, n, grid=8, threads=8, device=device)
    there = np.arange(32) < n
    total = np.where(there, a, 0).reshape(8, 4).sum(1) * (np.arange(8) > 2)
    assert (out == np.where(there, a, -1) + np.repeat(total, 4)).all()
