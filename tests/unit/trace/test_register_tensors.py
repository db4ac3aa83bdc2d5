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


@en.kernel
def prefetched(A: en.f32[64, 8], Out: en.f32[8]):
    """Sums, and rows that are loaded one round ahead."""
    total = en.make_fragment(8, en.f32)
    ahead = en.make_fragment_like(A[0, None])
    ahead.store(A[0, None].load())
    for k in en.range(64):
        total.store(total.load() + ahead.load() * 2)
        if k < 63:
            ahead.store(A[k + 1, None].load())
    total[0] = total[0] + 1.0
    Out.store(total.load())


@pytest.mark.parametrize("device", DEVICES)
def test_what_is_stored_whole_stays_in_vectors(device: str) -> None:
    a = np.random.default_rng(2).random((64, 8), np.float32)
    out = np.zeros(8, np.float32)
    prefetched.launch(a, out, grid=1, threads=1, device=device)
    assert np.allclose(out, 2 * a.sum(0) + np.eye(8)[0], rtol=1e-5)
    text = en.compile(prefetched).metal_source
    assert "total0 += ahead0 * 2.0f;" in text
    assert "float4 total0" in text and "total2" not in text


@en.kernel
def managed(A: en.f32[16, 8], Out: en.f32[16, 8]):
    """The context managers, which carry registers that hold vectors before, in and after their blocks."""
    i = en.thread_position_in_grid
    r = en.make_fragment(8, en.f32)
    r.store(A[i, None].load())
    with en.for_range(0, i) as k:
        r[1] = r[1] + 1.0
        r.store(r.load() + A[k, None].load())
    with en.if_(i % 2 == 0) as (then, orelse):
        with then:
            r.store(r.load() * 2)
        with orelse:
            r[7] = 0.0
    with en.if_(i > 7):
        r.fill(1.0)
    with en.while_(lambda c: c[0] < i, init=[en.u32(0)]) as c:
        r.store(r.load() + 0.5)
        c[0] = c[0] + 1
    Out[i, None].store(r.load())


@pytest.mark.parametrize("device", DEVICES)
def test_context_managers_carry_registers_in_vectors(device: str) -> None:
    a = np.random.default_rng(3).integers(0, 9, (16, 8)).astype(np.float32)
    out = np.zeros_like(a)
    managed.launch(a, out, grid=16, threads=16, device=device)
    for i in range(16):
        want = a[i] + a[:i].sum(0)
        want[1] += i
        if i % 2 == 0:
            want = want * 2
        else:
            want[7] = 0
        want = np.ones(8) if i > 7 else want
        assert (out[i] == want + 0.5 * i).all()


LAYOUTS = [
    en.make_layout((4, 4)),
    en.make_layout((4, 4), (4, 1)),
    en.make_layout((3, 5), (1, 4)),
    en.make_layout((2, 8), (8, 1)),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seed", range(12))
def test_any_stores_and_loads_are_those_of_an_array(seed: int, device: str) -> None:
    """Programs drawn at random, in a loop and a branch of the kernel, against the same on NumPy's arrays."""
    layout = LAYOUTS[seed % len(LAYOUTS)]
    rows, columns = (layout.size([axis]) for axis in (0, 1))
    drawn = np.random.default_rng(seed).integers(0, 100, (14, 3))
    source = en.make_layout((rows, columns), (columns, 1))

    def run(step: Any, r: Any, whole: Any, get: Any, put: Any) -> None:
        kind, j, i = int(step[0]) % 6, int(step[1]) % columns, int(step[2]) % rows
        if kind == 0:
            put(r, (None, j), get(whole, (None, (j + 1) % columns)))
        elif kind == 1:
            put(r, (i, None), get(r, (i, None)) + get(whole, (i, None)))
        elif kind == 2:
            put(r, (i, j), get(r, (i, j)) + get(whole, (rows - 1 - i, j)))
        elif kind == 3:
            put(r, (None, None), get(r, (None, None)) * 2 - get(whole, (None, None)))
        elif kind == 4:
            put(r, (None, j), j)
        else:
            put(r, (None, None), get(whole, (None, None)) + get(r, (i, j)))

    def get(x: Any, where: Any) -> Any:
        if isinstance(x, np.ndarray):
            return x[tuple(slice(None) if part is None else part for part in where)].copy()
        found = x[where]
        return found.load() if None in where else found

    def put(x: Any, where: Any, value: Any) -> None:
        if isinstance(x, np.ndarray):
            x[tuple(slice(None) if part is None else part for part in where)] = value
        elif None in where:
            x[where].store(value)
        else:
            x[where] = value

    def run_all(steps: Any, r: Any, whole: Any) -> None:
        for step in steps:
            run(step, r, whole, get, put)

    def kernel(A: en.i32, Out: en.i32, n: en.Scalar[en.u32]):
        whole = en.make_tensor(A, source)
        r = en.make_fragment(layout, en.i32)
        run_all(drawn[:5], r, whole)
        for _ in en.range(n):
            run_all(drawn[5:8], r, whole)
            if n > 1:
                run_all(drawn[8:11], r, whole)
        run_all(drawn[11:], r, whole)
        en.make_tensor(Out, source).store(r.load())

    a = np.random.default_rng(seed).integers(0, 5, (rows, columns)).astype(np.int32)
    for n in (0, 1, 2):
        want, out = np.zeros((rows, columns), np.int32), np.zeros(rows * columns, np.int32)
        for step in (*drawn[:5], *n * (*drawn[5:8], *(drawn[8:11] if n > 1 else ())), *drawn[11:]):
            run(step, want, a, get, put)
        en.kernel(kernel).launch(a.ravel(), out, n, grid=1, threads=1, device=device)
        assert (out.reshape(rows, columns) == want).all()


@pytest.mark.parametrize("kernel", [products, views, prefetched, managed], ids=lambda kernel: kernel.name)
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
