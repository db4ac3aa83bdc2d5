"""What threads build from atomic operations: totals, locks without locks, messages, and memory used in both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.compile import compile as compile_kernel
from tests.msl.check import assert_legal, clang_available

needs_clang = pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")


@en.kernel
def totals(Device: en.f32, Ints: en.i32, Shared: en.f32, Top: en.f32):
    i = en.thread_position_in_grid
    tile = en.threadgroup_alloc(en.f32, 3)
    lid = en.thread_index_in_threadgroup()
    if lid == 0:
        tile[0], tile[1], tile[2] = 0.0, 0.0, 0.0
    en.barrier()
    Device.atomic_fetch_add(0, 1.0)
    before = Device.atomic_fetch_sub(1, 2.0)  # used, so that each thread does its own
    tile.atomic_fetch_add(0, 1.0)
    old = tile.atomic_fetch_add(1, 0.5)
    tile.atomic_fetch_max(2, en.f32(lid) + old * 0.0 + before * 0.0)
    Ints.atomic_fetch_add(i % 7, 1)
    en.barrier()
    if lid == 0:
        Shared.atomic_fetch_add(0, tile[0])
        Shared.atomic_fetch_add(1, tile[1])
        Top.atomic_fetch_max(0, tile[2])


def check_totals(run: Any, n: int, threads: int) -> None:
    device, ints, shared, top = (
        np.zeros(2, np.float32),
        np.zeros(7, np.int32),
        np.zeros(2, np.float32),
        np.zeros(1, np.float32),
    )
    run(totals, device, ints, shared, top, grid=n, threads=threads)
    assert device.tolist() == [n, -2 * n]
    assert ints.tolist() == [len(range(k, n, 7)) for k in range(7)]
    assert shared.tolist() == [n, n / 2]
    assert top[0] == min(n, threads) - 1


@pytest.mark.parametrize(("n", "threads"), [(1, 1), (31, 32), (33, 32), (1023, 96)])
def test_every_addition_counts(launch: Any, n: int, threads: int) -> None:
    check_totals(launch, n, threads)


@pytest.mark.parametrize("threads", [32, 1024])
def test_every_addition_counts_with_all_threads_of_the_machine_at_once(threads: int) -> None:
    def run(kernel: Any, *arrays: Any, grid: int, threads: int) -> None:
        en.CpuRuntime().run(compile_kernel(kernel, emit_only=True).program, list(arrays), grid, threads)

    check_totals(run, (1 << 19) + 5, threads)


@en.kernel
def float_max(A: en.f32, Out: en.f32, Turns: en.u32):
    i = en.thread_position_in_grid
    best = Out.atomic_load(0)
    while A[i] > best:
        won, best = Out.atomic_compare_exchange(0, best, A[i])
        Turns.atomic_fetch_add(0, 1)
        if won:
            break


@pytest.mark.parametrize("n", [1, 33, 1000])
def test_a_maximum_by_compare_exchange_goes_on_with_what_was_found(launch: Any, n: int) -> None:
    a = np.random.default_rng(n).normal(size=n).astype(np.float32)
    out, turns = np.full(1, -np.inf, np.float32), np.zeros(1, np.uint32)
    launch(float_max, a, out, turns, grid=n, threads=64)
    assert out[0] == a.max()
    assert turns[0] >= 1


@en.kernel
def exchanges(A: en.u32, F: en.f32, Found: en.u32, Won: en.b1):
    one, first = en.atomic_compare_exchange(A, 0, 5, 6)
    two, second = en.atomic_compare_exchange(A, 0, 5, 7)
    nan, _ = F.atomic_compare_exchange(0, F[0], 1.0)
    zero, _ = F.atomic_compare_exchange(1, 0.0, 2.0)
    Found[0], Found[1] = first, second
    Won[0], Won[1], Won[2], Won[3] = one, two, nan, zero


def test_two_exchanges_in_one_scope_and_floats_as_bits(launch: Any) -> None:
    a, f = np.array([5], np.uint32), np.array([np.nan, -0.0], np.float32)
    found, won = np.zeros(2, np.uint32), np.zeros(4, np.bool_)
    launch(exchanges, a, f, found, won, grid=1, threads=1)
    assert found.tolist() == [5, 6]
    assert won.tolist() == [True, False, True, False]  # NaN is itself, and 0 is not -0
    assert f[0] == 1.0
    assert np.signbit(f[1])


@en.kernel
def nan_maximum(F: en.f32, X: en.f32):
    i = en.thread_position_in_grid
    F.atomic_fetch_max(0, X[i])
    F.atomic_fetch_min(1, X[i])
    F.atomic_fetch_max(2, X[i])


def test_a_number_wins_over_nan(launch: Any) -> None:
    f, x = np.array([np.nan, 3.0, np.nan], np.float32), np.array([np.nan, 2.0, np.nan], np.float32)
    launch(nan_maximum, f, x, grid=3, threads=3)
    assert f.tolist() == [2.0, 2.0, 2.0]
    f = np.array([np.nan, 3.0, -np.inf], np.float32)
    launch(nan_maximum, f, np.full(3, np.nan, np.float32), grid=3, threads=3)
    assert np.isnan(f[0])
    assert f[1:].tolist() == [3.0, -np.inf]


# ---- messages


@en.kernel
def message(Data: en.u32, Flag: en.u32, Out: en.u32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    Data[i] = i * 3 + 7
    en.atomic_thread_fence("mem_device", "release")
    en.atomic_store(Flag, i, 1)
    other = (i * 7919 + 13) % n
    Out[i] = 0
    if en.atomic_load(Flag, other) == 1:
        en.atomic_thread_fence("mem_device", "acquire")
        Out[i] = Data[other]


@en.kernel
def ordered_message(Data: en.u32, Flag: en.u32, Out: en.u32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    Data[i] = i * 3 + 7
    Flag.atomic_store(i, 1, order="release")
    other = (i * 7919 + 13) % n
    Out[i] = 0
    if Flag.atomic_load(other, order="acquire") == 1:
        Out[i] = Data[other]


@pytest.mark.parametrize("kernel", [message, ordered_message], ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("n", [33, 1023, 20_011])
def test_who_sees_the_flag_sees_the_message(launch: Any, kernel: Any, n: int) -> None:
    data, flag, out = (np.zeros(n, np.uint32) for _ in range(3))
    launch(kernel, data, flag, out, n, grid=n, threads=96)
    sent = (np.arange(n, dtype=np.uint32) * 7919 + 13) % n * 3 + 7
    assert np.all((out == sent) | (out == 0))
    assert np.any(out == sent)
    assert flag.all()


@en.kernel
def copied(A: en.f32, Out: en.f32, Count: en.u32):
    i = en.thread_position_in_grid
    Out[i] = A[i]
    Count.atomic_fetch_add(0, 1)


@en.kernel
def copied_in_order(A: en.f32, Out: en.f32, Count: en.u32):
    i = en.thread_position_in_grid
    Out[i] = A[i]
    Count.atomic_fetch_add(0, 1, order="release")


def test_no_store_bypasses_the_caches_where_others_rely_on_its_order() -> None:
    assert "!nontemporal" in compile_kernel(copied, emit_only=True).asm["llvm"]
    assert "!nontemporal" not in compile_kernel(copied_in_order, emit_only=True).asm["llvm"]
    assert " release, align 4" in compile_kernel(copied_in_order, emit_only=True).asm["llvm"]


@en.kernel
def last_one_adds(A: en.f32, Parts: en.f32, Count: en.u32, Out: en.f32, groups: en.Scalar(en.u32)):  # type: ignore[valid-type]
    lid, group = en.thread_index_in_threadgroup(), en.threadgroup_position_in_grid()
    part = en.threadgroup_alloc(en.f32, 1)
    last = en.threadgroup_alloc(en.u32, 1)
    if lid == 0:
        part[0] = 0.0
    en.barrier()
    part.atomic_fetch_add(0, A[en.thread_position_in_grid])
    en.barrier()
    if lid == 0:
        Parts[group] = part[0]
        en.atomic_thread_fence("mem_device", "acq_rel")
        last[0] = Count.atomic_fetch_add(0, 1)
        en.atomic_thread_fence("mem_device", "acq_rel")
    en.barrier()
    if last[0] == groups - 1 and lid == 0:
        total = 0.0
        for k in range(groups):
            total += Parts[k]
        Out[0] = total


@pytest.mark.parametrize("n", [1, 64, 1023, 50_000])
def test_the_last_threadgroup_adds_up_what_the_others_left(launch: Any, n: int) -> None:
    a = np.random.default_rng(n).integers(-8, 9, n).astype(np.float32)
    groups = -(-n // 64)
    parts, count, out = np.zeros(groups, np.float32), np.zeros(1, np.uint32), np.full(1, np.nan, np.float32)
    launch(last_one_adds, a, parts, count, out, groups, grid=n, threads=64)  # orders by atomic_thread_fence
    assert out[0] == a.sum()
    assert count[0] == groups


@needs_clang
@pytest.mark.clang
def test_ordered_metal_has_fences_and_coherent_buffers() -> None:
    text = compile_kernel(ordered_message, emit_only=True).metal_source
    assert_legal(text, msl_version=(3, 2))
    fence = "atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);"
    store, load = "atomic_store_explicit(&Flag[i], 1u, memory_order_relaxed);", "atomic_load_explicit(&Flag["
    lines = [line.strip() for line in text.splitlines()]
    assert lines.index(fence) == lines.index(store) - 1
    (at,) = [k for k, line in enumerate(lines) if load in line]
    assert lines[at + 1] == fence
    assert "coherent(device) device uint* Data" in text
    assert "    device atomic_uint* Flag" in text
    for kernel in (message, last_one_adds):
        assert_legal(compile_kernel(kernel, emit_only=True).metal_source, msl_version=(3, 2))
    relaxed = compile_kernel(totals, emit_only=True).metal_source
    assert "coherent" not in relaxed
    assert "fence" not in relaxed


# ---- memory used atomically and plainly


@en.kernel
def both_ways(Words: en.u32, Floats: en.f32, Longs: en.u64, Flags: en.b1, Out: en.u64):
    i = en.thread_position_in_grid
    tile, floats = en.threadgroup_alloc(en.u32, 64), en.threadgroup_alloc(en.f32, 64)
    flags = en.threadgroup_alloc(en.b1, 64)
    tile[i], floats[i], flags[i] = Words[i], Floats[i], Flags[i]
    en.barrier()
    Words.atomic_fetch_add(i, 1)
    Floats.atomic_fetch_add(i, 1.0)
    Longs.atomic_max(i, en.u64(i) << 32)
    Flags.atomic_store(i, not Flags[i])
    tile.atomic_compare_exchange_weak(i, 0, 9)
    floats.atomic_exchange(i, floats[i] * 2.0)
    won, was = flags.atomic_compare_exchange(i, True, False)
    Out[i] = Words[i] + en.u64(tile[i]) + Longs[i]
    Words[i] += 1
    Floats[i] = Floats[i] + floats[i] + floats.atomic_load(i)
    Flags[i] = won and was and not flags[i] and not Flags[i]


def test_memory_is_used_atomically_and_plainly_in_one_kernel(launch: Any) -> None:
    n = 61
    i = np.arange(n)
    words, floats, longs = (i % 3).astype(np.uint32), i.astype(np.float32), np.full(n, 30 << 32, np.uint64)
    flags, out = i % 2 == 0, np.zeros(n, np.uint64)
    launch(both_ways, words, floats, longs, flags, out, grid=n, threads=64)
    np.testing.assert_array_equal(words, i % 3 + 2)
    np.testing.assert_array_equal(floats, i + 1 + 2 * i + 2 * i)
    np.testing.assert_array_equal(longs, np.maximum(i, 30).astype(np.uint64) << 32)
    np.testing.assert_array_equal(flags, i % 2 == 0)
    tile = np.where(i % 3 == 0, 9, i % 3)
    np.testing.assert_array_equal(out, (i % 3 + 1 + tile).astype(np.uint64) + longs)


@needs_clang
@pytest.mark.clang
def test_memory_used_in_both_ways_is_legal_metal() -> None:
    text = compile_kernel(both_ways, emit_only=True).metal_source
    assert_legal(text, msl_version=(3, 0))
    for part in (
        "device atomic_uint* Words", "device atomic_float* Floats", "device ulong* Longs", "device atomic_bool* Flags",
        "threadgroup atomic_uint tile[64];", "threadgroup float floats[64];", "threadgroup atomic_bool flags[64];",
        "atomic_max_explicit((device atomic_ulong*)&Longs[i], ", "static_assert(sizeof(atomic_bool) == sizeof(bool)",
        "atomic_store_explicit(&tile[i], atomic_load_explicit(&Words[i], memory_order_relaxed), memory_order_relaxed);",
    ):  # fmt: skip
        assert part in text, text


@en.kernel
def largest(A: en.u32, Best: en.u64):
    i = en.thread_position_in_grid
    Best.atomic_max(0, en.u64(A[i]) << 32 | (0xFFFFFFFF - i))
    en.atomic_min(Best, 1, en.u64(A[i]) << 32 | i)


@pytest.mark.parametrize("n", [1, 33, 1023])
def test_a_place_goes_along_with_the_largest_in_64_bits(launch: Any, n: int) -> None:
    a = np.random.default_rng(n).integers(0, 1 << 32, n, dtype=np.uint32)
    a[: n // 2] |= np.uint32(1 << 31)
    best = np.array([0, (1 << 64) - 1], np.uint64)
    launch(largest, a, best, grid=n, threads=96)
    assert int(best[0]) >> 32 == a.max()
    assert 0xFFFFFFFF - (int(best[0]) & 0xFFFFFFFF) == a.argmax()
    assert int(best[1]) == int(a.min()) << 32 | int(a.argmin())


@en.kernel
def both_spaces(A: en.u32, Out: en.u32):
    i = en.thread_position_in_grid
    tile = en.threadgroup_alloc(en.u32, 64)
    tile[i] = i
    won, found = A.atomic_compare_exchange(i, i, 100)
    _, here = tile.atomic_compare_exchange(i, 5, found)
    Out[i] = en.where(won, here, 1000) + tile[i]


def test_one_operation_in_both_memories(launch: Any) -> None:
    a, out = np.arange(64, dtype=np.uint32), np.zeros(64, np.uint32)
    launch(both_spaces, a, out, grid=64, threads=64)
    np.testing.assert_array_equal(a, 100)
    np.testing.assert_array_equal(out, 2 * np.arange(64))
    if clang_available():
        assert_legal(compile_kernel(both_spaces, emit_only=True).metal_source)
