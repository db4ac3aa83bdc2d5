"""Constant tables, arrays of each thread's own and register tensors, on every runtime against NumPy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import enigma as en
from tests.unit.test_targets import SIZES, numbers

WEIGHTS = (0.25, 0.5, 0.25, 1.5)
GRID = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
CUBE = np.arange(24, dtype=np.int16).reshape(2, 3, 4) * 7 - 50
CONFIG = SimpleNamespace(flags=(True, False, True, True))


@en.kernel
def tables(A: en.u32, Out: en.f32):
    i = en.thread_position_in_grid
    k = A[i]
    total = WEIGHTS[k] + GRID[k % 3][i % 4] + GRID[2][k] + CUBE[k % 2, i % 3, 1] + CUBE[1][k % 3][i % 4]
    if CONFIG.flags[k]:
        total += WEIGHTS[3 - k] * 16.0
    Out[i] = total


@pytest.mark.parametrize("n", SIZES)
def test_python_numbers_indexed_by_traced_values(launch: Any, n: int) -> None:
    a = (np.arange(n) * 7 % 4).astype(np.uint32)
    out = np.zeros(n, np.float32)
    launch(tables, a, out, grid=n, threads=64)
    i = np.arange(n)
    grid, weights, flags = np.array(GRID), np.array(WEIGHTS), np.array(CONFIG.flags)
    wanted = weights[a] + grid[a % 3, i % 4] + grid[2][a] + CUBE[a % 2, i % 3, 1] + CUBE[1][a % 3, i % 4]
    wanted = wanted + np.where(flags[a], weights[3 - a] * 16, 0)
    np.testing.assert_array_equal(out, wanted.astype(np.float32))


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "b1"])
def test_a_table_holds_its_numbers_in_every_dtype(launch: Any, dtype: str) -> None:
    kind = getattr(en, dtype)
    held = {"f": [0.1, -2.5, 1e-3, 65504.0], "b": [True, False, True, True]}.get(
        kind.kind, [kind.min, kind.max, 3, kind.max // 3] if kind.kind in "iu" else []
    )

    def copy(I: Any, Out: Any) -> None:  # noqa: E741 - the index
        i = en.thread_position_in_grid
        table = en.constant(held, kind)
        Out[i] = table[I[i]]

    copy.__annotations__ = {"I": en.i64, "Out": kind}
    places = np.arange(45) * 3 % 4
    out = np.zeros(45, kind.numpy)
    launch(en.kernel(copy), places, out, grid=45, threads=32)
    np.testing.assert_array_equal(out, np.array(held, kind.numpy)[places])


def test_one_table_for_equal_numbers_and_none_that_is_not_used() -> None:
    again = (0.25, 0.5, 0.25, 1.5)

    @en.kernel
    def twice(A: en.u32, Out: en.f32):
        en.constant((9, 9))
        Out[0] = WEIGHTS[A[0]] + again[A[1]] + en.constant(np.array(WEIGHTS, np.float32))[A[2]]

    text = en.compile(twice, emit_only=True).metal_source
    assert text.count("constant float") == 1
    assert "constant float WEIGHTS[4] = {0.25f, 0.5f, 0.25f, 1.5f};" in text
    assert "constant int" not in text


def test_tables_with_equal_numbers_of_other_kinds_are_apart(launch: Any) -> None:
    @en.kernel
    def apart(A: en.u32, Out: en.f32):
        k = A[0]
        Out[0] = en.constant((0.0, 1.0))[k]
        Out[1] = 1.0 / en.constant((-0.0, 1.0))[k]
        Out[2] = 1.0 / en.constant((0.0, 1.0))[k]

    out = np.zeros(3, np.float32)
    launch(apart, np.zeros(1, np.uint32), out, grid=1, threads=1)
    np.testing.assert_array_equal(out, [0, -np.inf, np.inf])


def test_a_table_that_is_changed_in_place_is_seen() -> None:
    table = np.array([1, 2, 3], np.int32)
    nested: Any = {"rows": (np.array([10, 20], np.int32), [100, 200])}

    def helper(k: Any, more: Any = table) -> Any:
        return more[k]

    @en.kernel
    def read(A: en.u32, Out: en.i32):
        Out[0] = table[A[0]] + nested["rows"][0][A[0]] + nested["rows"][1][A[0]] + helper(A[0])

    def now() -> int:
        out = np.zeros(1, np.int32)
        read[1, 1](np.ones(1, np.uint32), out)
        return int(out[0])

    assert now() == 2 + 20 + 200 + 2
    table[1] = 7
    assert now() == 7 + 20 + 200 + 7
    nested["rows"][0][1] = 50
    assert now() == 7 + 50 + 200 + 7
    nested["rows"][1][1] = 900
    assert now() == 7 + 50 + 900 + 7


def test_a_table_may_be_a_constexpr() -> None:
    @en.kernel
    def read(A: en.u32, Out: en.f32, W: en.constexpr):
        Out[0] = W[A[0]]

    def now(given: Any) -> float:
        out = np.zeros(1, np.float32)
        read[1, 1](np.full(1, 1500, np.uint32), out, W=given)
        return float(out[0])

    long = np.arange(2000, dtype=np.float32)  # its repr leaves out the middle
    assert now(long) == 1500
    long[1500] = -1
    assert now(long) == -1


@en.kernel
def from_constant_memory(W: en.Constant(en.f32), A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    total = A[i]
    for k in range(n):
        total += W[k] * k
    Out[i] = total + W[i % n]


def test_a_parameter_in_constant_memory(launch: Any) -> None:
    w, a, out = numbers(9), numbers(70, seed=1), np.zeros(70, np.float32)
    launch(from_constant_memory, w, a, out, 9, grid=70, threads=32)
    np.testing.assert_array_equal(out, a + (w * np.arange(9)).sum() + w[np.arange(70) % 9])
    assert "constant float* W [[buffer(0)]]" in en.compile(from_constant_memory, emit_only=True).metal_source


def test_constant_memory_is_not_device_memory_to_the_caches() -> None:
    def read(W: Any, Out: Any) -> None:
        Out[0] = W[0]

    keys = set[str]()
    for annotation in (en.f32, en.Constant(en.f32)):
        read.__annotations__ = {"W": annotation, "Out": en.f32}
        keys.add(en.compile(en.kernel(read), emit_only=True).program.key)
    assert len(keys) == 2


def test_too_much_constant_memory_is_refused_at_launch() -> None:
    large = np.zeros(16385, np.float32)
    with pytest.raises(en.LaunchError, match=r"W has 65540 bytes, but constant memory has 65536(?s:.)*W: enigma\.f32"):
        from_constant_memory[1, 1](large, large, np.zeros(1, np.float32), 1)


@en.kernel
def outside(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    own = en.thread_alloc(en.i32, 4, fill=0)
    own[A[i]] = 1
    Out[i] = GRID[0][own[0] + A[i]]


def test_the_simulator_finds_indices_outside_of_tables_and_own_arrays() -> None:
    for values, text in (
        ([0, 1, 3, 4], "write outside of the thread's array own: index 4, but it has 4 elements"),
        ([3, 1, 0, -1], "write outside of the thread's array own: index -1, but it has 4 elements"),
    ):
        with pytest.raises(en.OutOfBoundsError, match=text):
            outside.launch(np.array(values, np.int32), np.zeros(4, np.int32), grid=4, threads=4, device="sim")

    @en.kernel
    def beyond(A: en.u32, Out: en.f32):
        Out[0] = WEIGHTS[A[0]]

    with pytest.raises(
        en.OutOfBoundsError, match="read outside of constant memory WEIGHTS: index 4, but it has 4 elements"
    ):
        beyond.launch(np.array([4], np.uint32), np.zeros(1, np.float32), grid=1, threads=1, device="sim")


def test_the_cpu_stays_within_tables_and_own_arrays() -> None:
    out = np.zeros(4, np.int32)
    outside.launch(np.array([0, 1, -(2**31), 2**31 - 1], np.int32), out, grid=4, threads=4, device="cpu")
    assert out[0] == GRID[0][1]


def test_the_simulator_poisons_what_a_thread_has_not_written() -> None:
    @en.kernel
    def unset(Out: en.f32):
        own = en.thread_alloc(en.f32, 4)
        own[0] = 1
        Out[0] = own[1]

    out = np.zeros(1, np.float32)
    program = en.compile(unset, emit_only=True).program
    en.SimRuntime(check=False).run(program, [out], 1, 1)
    assert np.isnan(out[0])


@en.kernel
def own_arrays(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    tid = en.thread_index_in_threadgroup()
    acc = en.thread_alloc(en.f32, (2, 5), fill=0)
    seen = en.thread_alloc(en.b1, 10, fill=False)
    tile = en.threadgroup_alloc(en.f32, 64)
    for r in range(n):
        tile[tid] = A[(i * 7 + r) % 50]
        en.barrier()
        k = (tid + r) % 5
        if tid % 3 == 1:
            acc[tid % 2, k] += tile[tid]
            seen[k * 2] = True
        else:
            acc[1, r % 5] -= tile[tid] * 2
            for z in range(tid % 4):
                acc[z] += 1
        en.barrier()
    total = en.f32(0)
    for e in en.range(10):
        if seen[e]:
            total += 100
        total += acc[e] * (e + 1)
    Out[i] = total


def own_arrays_by_hand(a: Any, n: int, threads: int, rounds: int) -> Any:
    out = np.zeros(n, np.float32)
    for i in range(n):
        tid, acc, seen = i % threads, np.zeros(10), np.zeros(10, bool)
        for r in range(rounds):
            value, k = a[(i * 7 + r) % 50], (tid + r) % 5
            if tid % 3 == 1:
                acc[tid % 2 * 5 + k] += value
                seen[k * 2] = True
            else:
                acc[5 + r % 5] -= value * 2
                acc[: tid % 4] += 1
        out[i] = (acc * np.arange(1, 11)).sum() + 100 * seen.sum()
    return out


@pytest.mark.parametrize("n", [1, 31, 33, 70, 255])
@pytest.mark.parametrize("threads", [1, 32, 48, 64])
def test_own_arrays_live_across_barriers_in_every_thread(launch: Any, n: int, threads: int) -> None:
    a, out = numbers(50), np.zeros(n, np.float32)
    launch(own_arrays, a, out, 7, grid=n, threads=threads)
    np.testing.assert_array_equal(out, own_arrays_by_hand(a, n, threads, 7))


@en.kernel
def smallest(A: en.i32, Out: en.i32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    """Insertion sort in an array of the thread's own."""
    i = en.thread_position_in_grid
    best = en.thread_alloc(en.i32, 16)
    for j in range(n):
        value = A[i * n + j]
        place = en.i32(j)
        while place > 0 and best[place - 1] > value:
            best[place] = best[place - 1]
            place = place - 1
        best[place] = value
    for j in range(n):
        Out[i * n + j] = best[j]


@pytest.mark.parametrize("n", [1, 33, 100])
def test_sorting_in_an_own_array(launch: Any, n: int) -> None:
    a = np.random.default_rng(n).integers(-1000, 1000, (n, 13)).astype(np.int32)
    out = np.zeros_like(a)
    launch(smallest, a.reshape(-1), out.reshape(-1), 13, grid=n, threads=40)
    np.testing.assert_array_equal(out, np.sort(a, axis=1))


@pytest.mark.parametrize("grid", [(7, 5, 1), (40, 3, 2), (33, 33, 1)])
@pytest.mark.parametrize("threads", [(4, 4, 1), (16, 2, 2)])
def test_own_arrays_in_grids_of_several_axes(launch: Any, grid: Any, threads: Any) -> None:
    @en.kernel
    def digits(Out: en.u32):
        x, y, z = (en.thread_position_in_grid_xyz(axis) for axis in "xyz")
        number = (z * en.threads_per_grid("y") + y) * en.threads_per_grid("x") + x
        held, rest = en.thread_alloc(en.u16, 4, fill=0), number
        count = en.u32(0)
        while rest > 0:
            held[count] = rest % 10
            rest = rest // 10
            count += 1
        total = en.u32(0)
        for k in en.range(4):
            total = total * 10 + held[k]
        Out[number] = total

    size = int(np.prod(grid))
    out = np.zeros(size, np.uint32)
    launch(digits, out, grid=grid, threads=threads)
    np.testing.assert_array_equal(out, [int(f"{i:04d}"[::-1]) for i in range(size)])


def test_a_large_own_array_is_not_on_the_stack(launch: Any) -> None:
    @en.kernel
    def large(Out: en.f32):
        i = en.thread_position_in_grid
        own = en.thread_alloc(en.f32, 4096)
        tile = en.threadgroup_alloc(en.f32, 1024)
        for k in en.range(4096):
            own[k] = en.f32(k) + i
        tile[1023 - i] = own[i]
        en.barrier()
        Out[i] = own[4095 - i] + tile[i]

    out = np.zeros(1024, np.float32)
    launch(large, out, grid=1024, threads=1024)
    i = np.arange(1024)
    np.testing.assert_array_equal(out, (4095 - i + i) + 2 * (1023 - i))


@en.kernel
def registers(A: en.f32, Out: en.f32, n: en.Scalar(en.i32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    acc = en.register_tensor((2, 2), "float", 1)
    count = en.register_tensor(2, en.i32)
    with en.for_range(0, n) as k:
        acc[0, 1] = acc[0, 1] + A[k]
        with en.if_(A[k] > 1):
            count[0] = count[0] + 1
        with en.if_(A[k] > 2) as (then, orelse):
            with then:
                count[1] += 1
            with orelse:
                acc[1, 1] *= 2
        with en.for_range(0, 2) as z:
            Out[i + 100] = acc[0, 0] + z
    for k in range(n):
        acc[1, 0] += acc[0, 1] * k
        if A[k] > 1:
            acc[0, 0] += 1
        with en.for_range(0, 2) as _:
            Out[i + 100] = A[k]
    total = acc[0, 0] + acc[0, 1] + acc[1, 0] + acc[1, 1] + count[0] + count[1] * 10
    with en.while_(lambda: acc[0, 0] < 20 + i):
        acc[0, 0] += 1
    Out[i] = total + acc[0, 0]


def test_register_tensors_are_carried_by_every_statement(launch: Any) -> None:
    a, out = numbers(9), np.zeros(200, np.float32)
    launch(registers, a, out, 9, grid=50, threads=32)
    acc, count = np.ones((2, 2)), [0, 0]
    for x in a:
        acc[0, 1] += x
        count[0] += x > 1
        if x > 2:
            count[1] += 1
        else:
            acc[1, 1] *= 2
    for k, x in enumerate(a):
        acc[1, 0] += acc[0, 1] * k
        acc[0, 0] += x > 1
    wanted = acc.sum() + count[0] + count[1] * 10 + np.maximum(acc[0, 0], 20 + np.arange(50))
    np.testing.assert_array_equal(out[:50], wanted.astype(np.float32))


def add_to(acc: Any, x: Any) -> None:
    acc[0] += x


def test_register_tensors_pass_through_helpers_early_exits_and_objects(launch: Any) -> None:
    @en.kernel
    def passed(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
        i = en.thread_position_in_grid
        acc = en.register_tensor(1)
        held = {"acc": en.register_tensor((1, 2), en.f16, 2)}
        for k in range(n):
            if A[k] == 0:
                continue
            add_to(acc, A[k])
            held["acc"][0, 1] += 1
            if A[k] > i:
                break
        Out[i] = acc[0] + held["acc"][0, 1] * 1000

    a, out = np.array([1, 0, 3, 2, 8, 4], np.float32), np.zeros(40, np.float32)
    launch(passed, a, out, 6, grid=40, threads=32)
    for i in range(40):
        total, rounds = 0.0, 2
        for x in a:
            if x == 0:
                continue
            total, rounds = total + x, rounds + 1
            if x > i:
                break
        assert out[i] == total + rounds * 1000


def test_a_register_tensor_tells_its_shape_and_dtype() -> None:
    @en.kernel
    def told(Out: en.i32):
        acc = en.register_tensor((2, 3), "short", fill=7)
        assert isinstance(acc, en.RegisterTensor)
        assert acc.shape == (2, 3)
        assert acc.size() == 6
        assert len(acc) == 2
        assert acc.dtype is en.i16
        assert repr(acc) == "<acc: i16[2, 3]>"
        acc[5] = 300000 - 299999
        Out[0] = sum(acc)

    out = np.zeros(1, np.int32)
    told.launch(out, grid=1, threads=1, device="sim")
    assert out[0] == 36
