"""Pitfalls 37 to 49: loops, branches and the rewriting of Python's statements."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from array import array
from collections import defaultdict, deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma import range as counted
from tests.arch.tree import ROOT
from tests.pitfalls.targets import body, everywhere, same

N = 40


@en.kernel
def halvings(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    with en.while_(lambda c: c[0] > 1, init=[A[i], 0]) as c:
        c[0], c[1] = c[0] // 2, c[1] + 1
    steps, x = 0, A[i]
    while x > 1:
        x, steps = x // 2, steps + 1
    Out[2 * i], Out[2 * i + 1] = c[1], steps


def test_pitfall_37_while_loops_carry_state_and_are_emitted() -> None:
    a = np.arange(N, dtype=np.int32)
    want = [[max(x.bit_length() - 1, 0)] * 2 for x in range(N)]
    same(halvings, a, np.zeros((N, 2), np.int32), want=want, grid=N)
    assert body(halvings).count("while (") + body(halvings).count("for (") == 2


@en.kernel
def fibonacci(Out: en.i32, n: en.Scalar(en.i32)):  # type: ignore[valid-type]
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    Out[0] = a
    with en.for_range(0, n, init=[0, 1]) as (_, c):
        c[0], c[1] = c[1], c[0] + c[1]
    Out[1] = c[0]


def test_pitfall_38_carried_values_are_assigned_at_once() -> None:
    for given in everywhere(fibonacci, np.zeros(2, np.int32), 12, grid=1):
        assert given[0].tolist() == [144, 144]


@pytest.mark.parametrize("dtype", ["u8", "i16", "u32", "i64", "u64"])
def test_pitfall_39_a_counter_has_the_dtype_asked_for(dtype: str) -> None:
    kind = getattr(en, dtype)

    @en.kernel
    def k(Out: en.i32):
        with en.for_range(0, 3, dtype=kind) as i:
            assert i.dtype is kind
            Out[i.to(en.i32)] = i.to(en.i32) + 1

    same(k, np.zeros(3, np.int32), want=[1, 2, 3], grid=1)
    counter = kind.metal_name if kind.width >= 32 else "int"  # narrow bounds widen, as everywhere
    assert f"for ({counter} " in body(k)


def test_pitfall_39_a_counter_follows_unsigned_bounds() -> None:
    @en.kernel
    def k(Out: en.u32, n: en.Scalar(en.u32)):
        for i in range(n):
            Out[i] = i

    for given in everywhere(k, np.zeros(5, np.uint32), 5, grid=1):
        assert given[0].tolist() == [0, 1, 2, 3, 4]
    assert "for (uint i = 0" in body(k)


@en.kernel
def only_else(A: en.i32, Out: en.i32):
    i = en.thread_position_in_grid
    with en.if_(A[i] > 3) as (_, orelse):
        x = A[i] * 2  # between the head and the blocks
        with orelse:
            Out[i] = x + 1


def test_pitfall_40_a_lone_else_and_what_stands_before_it_are_kept() -> None:
    a = np.arange(8, dtype=np.int32)
    same(only_else, a, np.full(8, -1, np.int32), want=np.where(a > 3, -1, 2 * a + 1), grid=8)


@en.kernel
def merged(A: en.i32, Out: en.f32):
    i = en.thread_position_in_grid
    if A[i] > 3:
        x, y = 1.5, A[i]
    elif A[i] > 1:
        x, y = 2.5, -A[i]
    else:
        x, y = 0.0, 7
    Out[i] = x * y


def test_pitfall_41_branches_yield_values() -> None:
    a = np.arange(8, dtype=np.int32)
    want = [1.5 * v if v > 3 else -2.5 * v if v > 1 else 0 for v in range(8)]
    same(merged, a, np.zeros(8, np.float32), want=want, grid=8)


@en.kernel
def positions_anywhere(Out: en.u32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    for k in range(n):
        if k == 1:
            Out[en.thread_position_in_grid] = en.arch.thread_idx()[0]
    Out[n * 16 + en.thread_position_in_grid] = en.thread_position_in_threadgroup()


def test_pitfall_42_a_position_first_used_in_a_branch_is_there_outside_too() -> None:
    for given in everywhere(positions_anywhere, np.zeros(48, np.uint32), 2, grid=16, threads=8):
        np.testing.assert_array_equal(given[0], [*range(8), *range(8), *[0] * 16, *range(8), *range(8)])


@en.kernel
def nested_names(A: en.f32, Out: en.f32, n: en.Scalar(en.i32)):  # type: ignore[valid-type]
    total = 0.0
    for i in counted(n):
        row = 0.0
        for j in en.range(i + 1):
            square = A[j] * A[j]  # first assigned in the inner loop
            if square > 50:
                break
            if square == 9:
                continue
            row += square
        total += row
    Out[0] = scaled(total)


def scaled(x: Any) -> Any:
    """Return a sum that a helper adds up in a loop of its own."""
    for k in en.range(3):
        x = x + k
    return x


def test_pitfall_45_ranges_work_in_nested_loops_helpers_and_under_other_names() -> None:
    a = np.arange(12, dtype=np.float32)
    want = 3.0 + sum(sum(x * x for x in range(i + 1) if x * x <= 50 and x != 3) for i in range(12))
    for given in everywhere(nested_names, a, np.zeros(1, np.float32), 12, grid=1):
        assert given[1].tolist() == [want]


def test_pitfall_45_closures_are_seen() -> None:
    def made(factor: float) -> Any:
        offset = 3

        @en.kernel
        def k(A: en.f32, Out: en.f32, n: en.Scalar(en.u32)):
            total = 0.0
            for j in en.range(n):
                total += A[j] * factor
            Out[0] = total + offset

        return k

    a = np.arange(4, dtype=np.float32)
    for factor in (2.0, 0.5):
        for given in everywhere(made(factor), a, np.zeros(1, np.float32), 4, grid=1):
            assert given[1].tolist() == [6 * factor + 3]


class Slotted:
    """An object without a dictionary."""

    __slots__ = ("items", "total")

    def __init__(self) -> None:
        self.total, self.items = 0, [0, 0]


@pytest.mark.parametrize("make", [Slotted, lambda: SimpleNamespace(total=0, items=[0, 0])])
def test_pitfall_46_numbers_in_objects_are_carried(make: Any) -> None:
    @en.kernel
    def k(Out: en.i32, n: en.Scalar(en.i32)):
        thing, counts = make(), defaultdict(int, a=0)
        for _ in range(n):
            thing.total += 1
            thing.items[1] += 2
            counts["a"] += 3
        Out[0], Out[1], Out[2] = thing.total, thing.items[1], counts["a"]

    for given in everywhere(k, np.zeros(3, np.int32), 5, grid=1):
        assert given[0].tolist() == [5, 10, 15]


def bump(held: Any) -> None:
    """Change a container in place."""
    if isinstance(held, set):
        held.add(len(held))
    elif isinstance(held, deque):
        held.append(1)
    else:
        held[0] += 1


@pytest.mark.parametrize("make", [set, deque, lambda: np.zeros(2, int), lambda: bytearray(2), lambda: array("i", [0])])
@pytest.mark.parametrize("branch", [False, True])
def test_pitfall_46_containers_that_are_not_carried_are_not_changed_in_silence(make: Any, branch: bool) -> None:
    @en.kernel
    def k(Out: en.i32, n: en.Scalar(en.i32)):
        thing = make()
        bump(thing)  # in Python: fine
        if branch:
            if n > 3:
                bump(thing)
        else:
            for _ in range(n):
                bump(thing)
        Out[0] = len(thing)

    with pytest.raises(en.EnigmaTypeError, match=r"is changed in place in a (loop|branch) of the kernel"):
        en.compile(k)


@en.kernel
def stores_in_a_loop(A: en.i32, Out: en.i32, n: en.Scalar(en.i32)):  # type: ignore[valid-type]
    thing = SimpleNamespace(total=0, items=[0, 0], name="text")
    for k in range(n):
        Out[k] = A[k]
        thing.total = thing.total + A[k]
        thing.items[1] += 2
    Out[n] = thing.total
    Out[n + 1] = thing.items[1]


def test_pitfall_46_stores_and_attributes_assigned_in_a_loop() -> None:
    a = np.arange(5, dtype=np.int32)
    for given in everywhere(stores_in_a_loop, a, np.zeros(7, np.int32), 5, grid=1):
        assert given[1].tolist() == [0, 1, 2, 3, 4, 10, 10]


@en.kernel
def live_before(A: en.i32, Out: en.i32, n: en.Scalar(en.i32)):  # type: ignore[valid-type]
    for _ in range(n):
        last = -1
        with en.if_(n > 1):
            for k in en.range(n):
                last = A[k]
            Out[0] = last
        other = -1
        if n == 1:
            while other < 5:
                other += 2
            Out[0] = other


def test_pitfall_47_a_loop_inside_of_a_with_or_a_loop_carries_what_is_live() -> None:
    for n in (1, 4):
        for given in everywhere(live_before, np.arange(5, dtype=np.int32), np.zeros(1, np.int32), n, grid=1):
            assert given[1].tolist() == [n - 1 if n > 1 else 5]


def test_pitfall_48_a_variable_called_range_does_not_matter() -> None:
    @en.kernel
    def k(Out: en.i32):
        range = 3
        for j in en.range_constexpr(range):
            Out[j] = range + j

    same(k, np.zeros(3, np.int32), want=[3, 4, 5], grid=1)


CONSOLE = """
import enigma as en
import numpy as np
@en.kernel
def k(A: en.i32, n: en.Scalar(en.i32)):
    for j in range(n):
        A[j] = j
    if n > 2:
        A[0] = 7

a = np.zeros(3, np.int32)
k[1, 1](a, 3)
print(a.tolist())
"""


@pytest.mark.parametrize("way", ["-c", "-", "-i"])
def test_pitfall_48_kernels_without_a_file_are_rewritten_or_refused(way: str) -> None:
    env = {"PYTHONPATH": str(ROOT / "src"), "ENIGMA_DEVICE": "sim"}
    command = [sys.executable, way, CONSOLE] if way == "-c" else [sys.executable, "-q", way]
    done = subprocess.run(
        command, input="" if way == "-c" else CONSOLE, env=env, capture_output=True, text=True, check=False
    )
    if (
        "[7, 1, 2]" not in done.stdout
    ):  # Python keeps no text there: then it says so at the line, and nothing is skipped
        assert "for_range(0, n)" in done.stderr and ":14: error: " in done.stderr, done.stderr


def test_pitfall_49_annotations_as_text(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(
        textwrap.dedent("""\
            from __future__ import annotations
            import enigma as en
            import numpy as np

            @en.kernel
            def k(A: en.f32, n: en.Scalar(en.u32), TWICE: en.constexpr = 2):
                i = en.thread_position_in_grid
                if i < n:
                    A[i] = A[i] * TWICE

            a = np.ones(3, np.float32)
            k[3, 3](a, 2)
            print(a.tolist())
            """),
        encoding="utf-8",
    )
    env = {"PYTHONPATH": str(ROOT / "src"), "ENIGMA_DEVICE": "sim"}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "late.py")], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[0] == "[2.0, 2.0, 1.0]"
