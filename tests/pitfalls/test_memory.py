"""Pitfalls 50 to 68: buffers, threadgroup memory, atomics, matrices and positions."""

from __future__ import annotations

import numpy as np
import pytest

import enigma as en
from tests.pitfalls.targets import body, everywhere, metal, numbers, same

N = 64


@en.kernel
def square(A: en.f32, Out: en.f32):
    tid = en.thread_index_in_threadgroup()
    tile = en.threadgroup_alloc(en.f32, (4, 8))
    row, column = tid / 8, tid % 8
    tile[row, column] = A[tid]
    en.barrier()
    Out[tid] = tile[3 - row, 7 - column]


def test_pitfall_53_a_full_coordinate_reads_and_writes_the_element() -> None:
    a = numbers(32, np.float32)
    same(square, a, np.zeros_like(a), want=a[::-1], grid=32)


def test_pitfall_55_threadgroup_memory_is_declared_at_the_top_under_its_own_name() -> None:
    @en.kernel
    def k(A: en.f32, n: en.Scalar(en.u32)):
        i = en.thread_index_in_threadgroup()
        for j in range(n):
            tile = en.threadgroup_alloc(en.f32, 32)
            tile[i] = A[j * 32 + i]
            en.barrier()
            A[j * 32 + i] = tile[31 - i]
            en.barrier()

    text = body(k)
    assert text.startswith("threadgroup float tile[32];\n") and text.count("threadgroup float") == 1
    assert body(k) == text  # no counter goes on from kernel to kernel
    a = numbers(64, np.float32)
    for given in everywhere(k, a, 2, grid=32):
        np.testing.assert_array_equal(given[0].reshape(2, 32), a.reshape(2, 32)[:, ::-1])


def test_pitfall_55_the_limit_of_32_kilobytes_is_checked() -> None:
    @en.kernel
    def k(A: en.f32):
        first, second = en.threadgroup_alloc(en.f32, (64, 64)), en.threadgroup_alloc(en.f16, (128, 65))
        first[0, 0] = A[0]
        second[0, 0] = 1.0

    with pytest.raises(en.EnigmaValueError, match="33024 bytes, but a threadgroup has 32768"):
        en.compile(k)


def test_pitfall_56_several_indices_are_row_major() -> None:
    @en.kernel
    def k(Out: en.i32):
        i = en.thread_index_in_threadgroup()
        cube = en.threadgroup_alloc(en.i32, (2, 3, 4))
        cube[i / 12, i / 4 % 3, i % 4] = i
        en.barrier()
        Out[i] = cube[1 - i / 12, 2 - i / 4 % 3, 3 - i % 4]

    same(k, np.zeros(24, np.int32), want=np.arange(24)[::-1], grid=24, threads=24)
    assert "/*" not in metal(k)


@en.kernel
def masked(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    en.store_if(Out, i, en.load_if(A, i * 1000, i == 0, 7.0), i < n)


def test_pitfall_57_masked_access_touches_nothing() -> None:
    for given in everywhere(masked, np.array([3], np.float32), np.zeros(2, np.float32), 2, grid=32):
        assert given[1].tolist() == [3, 7]  # the simulator would report a read or write behind the end


def test_pitfall_62_the_absolute_value_of_an_integer() -> None:
    @en.kernel
    def k(A: en.i32, Out: en.u32):
        i = en.thread_position_in_grid
        Out[i] = en.as_type(en.abs_diff_unary(A[i]), "uint")

    a = np.maximum(numbers(N, np.int32), -(2**31) + 1)  # the least one has no positive twin, and is undefined
    want = np.abs(a.astype(np.int64)).astype(np.uint32)
    same(k, a, np.zeros(N, np.uint32), want=want, grid=N)


@en.kernel
def exchanges(Locks: en.u32, Out: en.u32):
    i = en.thread_position_in_grid
    first = en.atomic_compare_exchange_weak(Locks, 2 * i, 5, 6)
    second = en.atomic_compare_exchange_weak(Locks, 2 * i + 1, 5, 7)
    Out[2 * i], Out[2 * i + 1] = en.where(first, 1, 0), en.where(second, 1, 0)


def test_pitfall_63_two_compare_exchanges_stand_in_one_scope() -> None:
    start = np.array([5, 5, 4, 5, 5, 4, 0, 0], np.uint32)
    for given in everywhere(exchanges, start, np.zeros(8, np.uint32), grid=4):
        assert given[0].tolist() == [6, 7, 4, 7, 6, 4, 0, 0]
        assert given[1].tolist() == [1, 1, 0, 1, 1, 0, 0, 0]


@en.kernel
def mixed(A: en.u32, Out: en.u32):
    i = en.thread_position_in_grid
    Out[1 + i] = A[i] * 2
    en.atomic_fetch_add(Out, 0, A[i])
    Out[1 + i] = Out[1 + i] + 1


def test_pitfall_64_a_buffer_used_atomically_is_indexed_plainly_too() -> None:
    a = np.arange(N, dtype=np.uint32)
    same(mixed, a, np.zeros(N + 1, np.uint32), want=[a.sum(), *(2 * a + 1)], grid=N)


@pytest.mark.parametrize("dtype", ["f16", "bf16", "i8", "u16", "b1"])
def test_pitfall_64_dtypes_without_atomics_are_refused(dtype: str) -> None:
    kind = getattr(en, dtype)

    def k(A: kind):  # type: ignore[valid-type]
        en.atomic_fetch_add(A, 0, 1)

    k.__annotations__["A"] = kind
    with pytest.raises(en.EnigmaTypeError, match="atomic_fetch_add works on buffers of"):
        en.compile(en.kernel(k))


@pytest.mark.parametrize("order", ["acquire", "release", "acq_rel"])
def test_pitfall_64_an_order_that_metal_takes_no_atomic_with_is_a_fence_beside_it(order: str) -> None:
    @en.kernel
    def k(A: en.u32):
        A[1] = en.atomic_exchange(A, 0, 1, order)

    lines = metal(k).splitlines()  # legal as far as clang can tell
    (at,) = (
        number
        for number, line in enumerate(lines)
        if "atomic_exchange_explicit(&A[0], 1u, memory_order_relaxed)" in line
    )
    before, after = ("atomic_thread_fence(" in "\n".join(part) for part in (lines[:at], lines[at:]))
    assert (before, after) == (order != "acquire", order != "release")


@en.kernel
def arch_positions(Out: en.u32):
    x, y, z = en.arch.thread_idx()
    bx, by, bz = en.arch.block_idx()
    w, h, d = en.arch.block_dim()
    at = (((bz * d + z) * 4 + by * h + y) * 6 + bx * w + x) * 3
    Out[at], Out[at + 1], Out[at + 2] = x + 10 * y + 100 * z, bx + 10 * by + 100 * bz, w + 10 * h + 100 * d


def test_pitfall_67_positions_have_all_three_axes() -> None:
    z, y, x = np.mgrid[:4, :4, :6]
    want = np.stack(
        [x % 3 + 10 * (y % 2) + 100 * (z % 2), x // 3 + 10 * (y // 2) + 100 * (z // 2), 0 * x + 223], axis=-1
    )
    same(arch_positions, np.zeros((4, 4, 6, 3), np.uint32), want=want, grid=(6, 4, 4), threads=(3, 2, 2))


def test_pitfall_68_grid_size_is_the_number_of_threadgroups() -> None:
    @en.kernel
    def k(Out: en.u32):
        Out[0], Out[1], Out[2] = en.grid_size(), en.grid_size("y"), en.threadgroups_per_grid("z")

    same(k, np.zeros(3, np.uint32), want=[3, 2, 4], grid=(10, 4, 4), threads=(4, 2, 1))
    assert "[[threadgroups_per_grid]]" in metal(k) and "grid_size" not in metal(k).replace("[[grid_size]]", "x")
