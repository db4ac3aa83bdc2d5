"""Register tensors with layouts: elements, views, loads and stores, in loops and branches, on every target."""

# pyright: reportInvalidTypeForm=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from tests.msl.check import assert_legal

DEVICES = ("sim", "cpu")


@en.kernel
def products(A: en.f32[4, 8], B: en.f32[8, 4], Out: en.f32[4, 4]):
    """An outer product for each k, in a loop that the kernel runs; the result is stored as one view."""
    acc = en.make_fragment((4, 4), en.f32)
    for k in en.range(8):
        a = en.make_fragment_like(A[None, k])
        a.store(A[None, k].load())
        b = B[k, None].load()
        for i in en.range_constexpr(4):
            for j in en.range_constexpr(4):
                acc[i, j] = acc[i, j] + a[i] * b[j]
    Out.store(acc.load())


@en.kernel
def views(A: en.f32[8, 6], Out: en.f32[8, 6]):
    """A view of rows and one of a column share the registers; a branch writes through a view only it names."""
    tid = en.thread_position_in_grid
    r = en.make_fragment(en.make_layout((2, 3), (3, 1)), en.f32)
    r.store(en.make_tensor(A, en.make_layout((8, (2, 3)), (6, (3, 1))))[tid, None].load())
    row = r[1, None]
    if tid % 2 == 0:
        row.fill(-1.0)
    for _ in en.range(tid):
        row[0] = row[0] + 1.0
    r[None, 2].store(r[None, 0].load() * 2)
    for k in en.range_constexpr(3):
        Out[tid, k], Out[tid, 3 + k] = r[0, k], r[1, k]


@pytest.mark.parametrize("device", DEVICES)
def test_outer_products_in_a_loop(device: str) -> None:
    rng = np.random.default_rng(0)
    a, b, out = rng.random((4, 8), np.float32), rng.random((8, 4), np.float32), np.zeros((4, 4), np.float32)
    products.launch(a, b, out, grid=1, threads=1, device=device)
    assert np.allclose(out, a @ b, rtol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
def test_views_share_the_registers(device: str) -> None:
    a = np.random.default_rng(1).random((8, 6), np.float32)
    out = np.zeros_like(a)
    views.launch(a, out, grid=8, threads=8, device=device)
    want = a.copy().reshape(8, 2, 3)
    want[::2, 1] = -1
    want[:, 1, 0] += np.arange(8)
    want[:, :, 2] = want[:, :, 0] * 2
    assert np.allclose(out, want.reshape(8, 6), rtol=1e-6)


def test_elements_are_values_not_memory() -> None:
    text = en.compile(products).metal_source
    assert "[4]" not in text and "acc0" in text
    assert "float4" in text


@pytest.mark.parametrize("kernel", [products, views], ids=lambda kernel: kernel.name)
def test_metal_takes_the_text(kernel: en.KernelDef) -> None:
    assert_legal(en.compile(kernel).metal_source)


LIKE = [
    (en.make_layout((2, 3), (3, 1)), "(2,3):(1,2)"),
    (en.make_layout((2, 3, 4), (100, 10, 1)), "(2,3,4):(1,8,2)"),
    (en.make_layout(((2, 2), 3, 2), ((8, 1), 16, 4)), "((2,2),3,2):((1,2),8,4)"),
    (en.make_layout(((2, 2), 3), ((0, 1), 16)), "((2,2),3):((0,1),2)"),
    (en.make_layout((2, 3), (5, 0)), "(2,3):(1,2)"),
    (en.make_layout((8,), (5,)), "(8):(1)"),
    (en.make_layout((4, 1, 2), (1, 7, 4)), "(4,1,2):(1,0,4)"),
]


@pytest.mark.parametrize("layout, want", LIKE, ids=[str(layout) for layout, _ in LIKE])
def test_a_fragment_like_a_layout_has_no_gaps(layout: Any, want: str) -> None:
    found: list[str] = []

    def kernel(Out: en.f32):
        found.append(str(en.make_fragment_like(layout, en.f16).layout))
        Out[0] = 1.0

    en.compile(en.kernel(kernel))
    assert found == [want]
