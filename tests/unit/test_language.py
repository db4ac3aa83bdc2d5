"""The parts of the language that are more than a row, on every runtime against NumPy: each public name once, by its numbers."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from enigma.dtypes import Numeric

DTYPES = {
    "Float32": en.f32, "Float16": en.f16, "BFloat16": en.bf16, "Int8": en.i8, "UInt8": en.u8, "Int16": en.i16,
    "UInt16": en.u16, "Int32": en.i32, "UInt32": en.u32, "Int64": en.i64, "UInt64": en.u64, "Bool": en.b1,
}  # fmt: skip
N = 70


def converting(dtype: Numeric) -> Any:
    """Return a kernel that converts an i32 to a dtype and stores it."""

    def kernel(A: en.i32, Out: dtype):  # type: ignore[valid-type]
        i = en.thread_position_in_grid
        Out[i] = dtype(A[i])

    kernel.__annotations__["Out"] = dtype
    return en.kernel(kernel)


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_converts_and_stores(launch: Any, name: str) -> None:
    dtype = DTYPES[name]
    assert type(dtype) is getattr(en, name)
    a = np.arange(N, dtype=np.int32) - (0 if dtype.kind in "ub" else 35)
    kinds = {"bf16": ml_dtypes.bfloat16, "b1": np.bool_}
    short = {"f": "float", "i": "int", "u": "uint"}
    kind = np.dtype(kinds.get(dtype.name) or f"{short[dtype.kind]}{dtype.width}")
    out = np.zeros(N, kind)
    launch(converting(dtype), a, out, grid=N, threads=32)
    np.testing.assert_array_equal(out, a.astype(kind))
    assert kind.itemsize * 8 == max(dtype.width, 8)


@en.kernel
def affine(A: en.f32, Out: en.f32, n: en.Scalar(en.u32), b: en.Scalar(en.f32), POWER: en.constexpr):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    if i < n:
        value = A[i]
        for _ in range(POWER - 1):
            value *= A[i]
        Out[i] = value + b


@pytest.mark.parametrize("power", [1, 3])
def test_a_kernel_with_its_parameters_runs(launch: Any, power: int) -> None:
    assert isinstance(affine, en.KernelDef)
    assert isinstance(en.compile(affine, emit_only=True, POWER=power), en.CompiledKernel)
    a, out = np.arange(N, dtype=np.float32), np.zeros(N + 5, np.float32)
    launch(affine, a, out, N, 0.5, grid=N + 5, threads=32, POWER=power)
    np.testing.assert_array_equal(out, np.append(a**power + 0.5, np.zeros(5)))


@en.kernel
def positions(Out: en.u32):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    at = (y * en.threads_per_grid("x") + x) * 32
    found = [
        en.thread_position_in_grid, y, en.thread_position_in_threadgroup("x"), en.thread_position_in_threadgroup("y"),
        en.threadgroup_position_in_grid("x"), en.threadgroup_position_in_grid("y"), en.threads_per_threadgroup("x"),
        en.threads_per_threadgroup("y"), en.threads_per_grid("x"), en.threads_per_grid("y"), en.threadgroups_per_grid("x"),
        en.threadgroups_per_grid("y"), en.grid_size("x"), en.grid_size("y"), en.thread_index_in_threadgroup(),
        en.thread_index_in_simdgroup(), en.simdgroup_index_in_threadgroup(), en.threads_per_simdgroup(),
        en.simdgroups_per_threadgroup(), *en.arch.thread_idx(), *en.arch.block_idx(), *en.arch.block_dim(),
    ]  # fmt: skip
    for k, value in enumerate(found):
        Out[at + k] = value


@pytest.mark.parametrize(("grid", "threads"), [((10, 7), (4, 3)), ((3, 50), (3, 20)), ((64, 1), (32, 1))])
def test_every_position_of_a_two_dimensional_grid(launch: Any, grid: Any, threads: Any) -> None:
    (width, height), (w, h) = grid, threads
    out = np.zeros((height, width, 32), np.uint32)
    launch(positions, out, grid=(width, height, 1), threads=(w, h, 1))
    groups = -(-width // w), -(-height // h)
    for y in range(height):
        for x in range(width):
            lx, ly, gx, gy = x % w, y % h, x // w, y // h
            sx, sy = min(w, width - gx * w), min(h, height - gy * h)  # the last threadgroup of an axis may be smaller
            index = ly * sx + lx
            assert out[y, x].tolist() == [
                x, y, lx, ly, gx, gy, sx, sy, width, height, *groups, *groups, index, index % 32, index // 32, 32,
                -(-sx * sy // 32), lx, ly, 0, gx, gy, 0, sx, sy, 1, 0, 0, 0, 0,
            ]  # fmt: skip


@en.kernel
def unsigned(A: en.i32, B: en.i32, Out: en.b1):
    i = en.thread_position_in_grid
    tests = (en.cmp_ult, en.cmp_ule, en.cmp_ugt, en.cmp_uge)
    for k, test in enumerate(tests):
        Out[i * 4 + k] = test(A[i], B[i])


def test_unsigned_comparisons(launch: Any) -> None:
    values = np.array([0, 1, -1, 2**31 - 1, -(2**31), 5], np.int32)
    a, b = (x.reshape(-1) for x in np.meshgrid(values, values))
    out = np.zeros((a.size, 4), np.bool_)
    launch(unsigned, a, b, out, grid=a.size, threads=32)
    x, y = a.view(np.uint32), b.view(np.uint32)
    np.testing.assert_array_equal(out, np.stack([x < y, x <= y, x > y, x >= y], axis=1))


@en.kernel
def chosen(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[2 * i] = en.where(A[i] > 0, A[i], -1.0)
    Out[2 * i + 1] = en.where(-1.0, A[i], A[i] > 0)  # the older order: only the last argument is a bool


def test_where_in_both_orders(launch: Any) -> None:
    a, out = np.arange(-3, 4, dtype=np.float32), np.zeros(14, np.float32)
    launch(chosen, a, out, grid=7, threads=32)
    np.testing.assert_array_equal(out, np.repeat(np.where(a > 0, a, -1), 2))


@en.kernel
def scoped(A: en.i32, Out: en.i32, n: en.Scalar(en.i32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    with en.for_range(0, n, init=[0, 1]) as (k, carry):
        assert isinstance(carry, en.Carry) and len(carry) == 2
        carry[0], carry[1] = carry[1], carry[0] + carry[1]
        with en.if_(k == A[i]) as (then, orelse):
            with then:
                Out[i * 4] = k
            with orelse:
                Out[i * 4 + 1] = k
    Out[i * 4 + 2] = carry[0]
    with en.while_(lambda c: c[0] < A[i], init=[1]) as c:
        c[0] = c[0] * 2
    Out[i * 4 + 3] = c[0]


def test_context_managers_of_control_flow(launch: Any) -> None:
    a, out = np.arange(9, dtype=np.int32), np.full((9, 4), -1, np.int32)
    launch(scoped, a, out, 7, grid=9, threads=32)
    powers = [next(2**k for k in range(9) if 2**k >= x) for x in a.tolist()]
    last = [6 if x != 6 else 5 for x in a.tolist()]
    first = [x if x < 7 else -1 for x in a.tolist()]
    assert out.tolist() == [list(row) for row in zip(first, last, [13] * 9, powers, strict=True)]


@en.kernel
def ranges(Out: en.i32, n: en.Scalar(en.i32)):  # type: ignore[valid-type]
    a, b, c = 0, 0, 0
    for k in en.range(n):
        a += k
    for k in en.range(10, 0, -3):
        b = b * 11 + k
    for k in en.range_constexpr(2, 9, 2):
        c = c * 11 + k
    Out[0], Out[1], Out[2] = a, b, c


@pytest.mark.parametrize("n", [-2, 0, 1, 10])
def test_ranges(launch: Any, n: int) -> None:
    out = np.zeros(3, np.int32)
    launch(ranges, out, n, grid=1, threads=1)
    digits = [sum(k * 11**p for p, k in enumerate(reversed(r))) for r in (range(10, 0, -3), range(2, 9, 2))]
    assert out.tolist() == [sum(range(n)), *digits]


@en.kernel
def guarded(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    en.store_if(Out, i, en.load_if(A, i + 2, i + 2 < n, -1.0), i < n)


def test_guarded_access(launch: Any) -> None:
    a, out = np.arange(N, dtype=np.float32), np.zeros(N, np.float32)
    launch(guarded, a, out, N, grid=128, threads=64)  # the simulator would report an access behind the end
    np.testing.assert_array_equal(out, np.append(a[2:], [-1, -1]))


@en.kernel
def reversal(A: en.f32, Out: en.f32):
    tid, lane = en.thread_position_in_threadgroup(), en.thread_index_in_simdgroup()
    tile = en.threadgroup_alloc(en.f32, (2, 64))
    assert isinstance(tile, en.Tensor) and tile.shape == (2, 64)
    tile[0, tid] = A[tid]
    en.barrier()
    tile[1, tid] = tile[0, 63 - tid]
    en.simd_barrier("mem_threadgroup")
    Out[tid] = tile[1, tid - lane + (31 - lane)]


def test_barriers_between_the_halves_of_a_reversal(launch: Any) -> None:
    a, out = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
    launch(reversal, a, out, grid=64, threads=64)
    np.testing.assert_array_equal(out, a[::-1].reshape(2, 32)[:, ::-1].reshape(-1))


@en.kernel
def tallies(A: en.u32, Out: en.u32, Old: en.u32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    if i < n:
        Old[i] = en.atomic_fetch_add(Out, 0, 1)
        en.atomic_fetch_sub(Out, 1, A[i])
        en.atomic_fetch_min(Out, 2, A[i])
        en.atomic_fetch_max(Out, 3, A[i])
        en.atomic_fetch_and(Out, 4, A[i] | 1)
        en.atomic_fetch_or(Out, 5, A[i])
        en.atomic_fetch_xor(Out, 6, A[i])
        en.atomic_store(Out, 7, 9)
        Old[n + i] = en.atomic_load(Out, 7)
        Old[2 * n + i] = en.atomic_exchange(Out, 8 + i, A[i])


@pytest.mark.parametrize("n", [1, 31, 33, 255])
def test_every_atomic_operation(launch: Any, n: int) -> None:
    a = np.random.default_rng(n).integers(0, 2**32, n, dtype=np.uint32)
    out, old = np.full(8 + n, 2**32 - 1, np.uint32), np.zeros((3, n), np.uint32)
    out[[0, 3, 5, 6]] = 0
    launch(tallies, a, out, old, n, grid=256, threads=64)
    whole = [n, 2**32 - 1 - int(a.sum(dtype=np.uint64)) & 2**32 - 1, a.min(), a.max(), np.bitwise_and.reduce(a | 1),
             np.bitwise_or.reduce(a), np.bitwise_xor.reduce(a), 9]  # fmt: skip
    assert out[:8].tolist() == [int(x) for x in whole]
    assert sorted(old[0].tolist()) == list(range(n))
    assert set(old[1].tolist()) == {9} and set(old[2].tolist()) == {2**32 - 1}
    np.testing.assert_array_equal(out[8:], a)


@pytest.mark.parametrize("kind", [en.CpuRuntime, en.SimRuntime])
def test_every_runtime_prepares_and_executes(kind: Any) -> None:
    device = en.runtime(kind.name)
    assert isinstance(device, kind)
    a = np.arange(N, dtype=np.float32)
    compiled = en.compile(chosen, emit_only=True)
    with device.prepare(compiled, [a - 5], N * 8) as prepared:
        assert isinstance(prepared, en.PreparedKernel)
        prepared.dispatch((N, 1, 1), (32, 1, 1))
        got = np.frombuffer(prepared.read_output(), np.float32)
    np.testing.assert_array_equal(got, np.repeat(np.where(a - 5 > 0, a - 5, -1), 2))
    text = device.execute(compiled, [a - 5], N * 8, grid=(N, 1, 1), threads=(32, 1, 1))
    np.testing.assert_array_equal(np.frombuffer(text, np.float32), got)


def test_the_error_of_a_call_outside_of_a_kernel() -> None:
    with pytest.raises(en.EnigmaError) as caught:
        en.simd_sum(1)
    assert caught.value.message


def test_a_handle_launches_in_a_jit_function_only() -> None:
    handle = chosen(1, 2)
    assert isinstance(handle, en.KernelHandle)
    with pytest.raises(RuntimeError, match="chosen is launched outside of compile"):
        handle.launch((1, 1, 1), (1, 1, 1))


def test_layouts_number_their_elements() -> None:
    rows = en.make_layout((4, 8), (8, 1))
    assert isinstance(rows, en.Layout)
    assert [rows((m, n)) for m in range(4) for n in range(8)] == list(range(32))
    assert en.make_ordered_layout((4, 8), (1, 0)) == rows
    columns = en.make_identity_layout((4, 8))
    assert [columns((m, n)) for n in range(8) for m in range(4)] == list(range(32))
    assert en.size(rows) == 32
