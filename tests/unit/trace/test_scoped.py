"""Control flow as context managers, and what the traced IR holds: names, places, memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.errors import EnigmaError, EnigmaValueError
from enigma.trace.node import For, Op
from enigma.trace.tensor import Tensor
from tests.unit.trace.running import run


@en.kernel
def scoped(A: en.i32, Out: en.i32, n: en.Scalar(en.i32)):
    with en.for_range(0, n, init=[0]) as (i, total):
        with en.if_(A[i] > 1) as (then, orelse):
            with then:
                Out[i] = 1
            with orelse:
                Out[i] = 2
        total[0] = total[0] + A[i]
    Out[4] = total[0]
    with en.while_(lambda c: c[0] < n, init=[1]) as c:
        c[0] = c[0] * 2
    Out[5] = c[0]
    with en.for_range(3, 0, -1) as k:
        Out[5 + k] = k
    with en.if_(n > 3):
        Out[9] = 7


def test_context_managers_do_what_statements_do() -> None:
    Out = np.zeros(10, np.int32)
    run(scoped, np.array([1, 2, 3, 0], np.int32), Out, 4)
    assert Out.tolist() == [2, 1, 1, 2, 6, 4, 1, 2, 3, 7]


def test_they_work_where_python_has_no_source() -> None:
    scope: dict[str, Any] = {"en": en}
    exec(
        "@en.kernel\ndef kernel(A: en.i32, n: en.Scalar(en.u32)):\n    with en.for_range(1, n) as i:\n"
        "        with en.if_(A[i] > A[0]):\n            A[0] = A[i]\n",
        scope,
    )
    A = np.array([1, 7, 3], np.int32)
    run(scope["kernel"], A, 3)
    assert A[0] == 7


def test_the_dtype_of_for_range_is_that_of_its_counter() -> None:
    seen: list[Any] = []

    @en.kernel
    def kernel(A: en.f32, n: en.Scalar(en.u32)):
        for bound, dtype in ((n, None), (4, None), (4, "uint"), (n, en.i64)):
            with en.for_range(0, bound, dtype=dtype) as i:
                seen.append(i.dtype.name)

    kernel.trace()
    assert seen == ["u32", "i32", "u32", "i64"]


def test_an_error_inside_a_context_manager_leaves_the_tracer_usable() -> None:
    @en.kernel
    def wrong(A: en.f32):
        with en.if_(A[0] > 0):
            A["x"] = 1

    for _ in range(2):
        with pytest.raises(EnigmaError):
            wrong.trace()
    Out = np.zeros(10, np.int32)
    run(scoped, np.array([1, 2, 3, 0], np.int32), Out, 4)
    assert Out[4] == 6


def test_values_have_the_names_of_their_variables() -> None:
    @en.kernel
    def kernel(A: en.f32, n: en.Scalar(en.u32)):
        total = 0.0
        for k in range(n):
            x, y = A[k] + 1, A[k] * 2
            total += x * y
        with en.for_range(0, n) as j:
            tile = en.threadgroup_alloc(en.f32, 8)
            tile[j] = total

    nodes = list(kernel.trace().nodes())
    loops = [node for node in nodes if isinstance(node, For)]
    assert [loop.body.args[0].name for loop in loops] == ["k", "j"]
    assert [value.name for value in loops[0].results] == ["total"]
    assert {"x", "y", "tile"} <= {
        node.result.name for node in nodes if isinstance(node, Op) and node.result is not None
    }


def test_every_node_has_the_place_of_its_line() -> None:
    @en.kernel
    def kernel(A: en.f32, n: en.Scalar(en.u32)):
        for k in range(n):
            if A[k] > 0:
                A[k] = 1

    first = kernel.fn.__code__.co_firstlineno
    places = {
        (type(node).__name__, node.loc.line - first, node.loc.file == __file__) for node in kernel.trace().nodes()
    }
    assert {("For", 2, True), ("If", 3, True), ("Op", 4, True)} <= places


def test_threadgroup_memory_belongs_to_the_kernel_wherever_it_is_asked_for() -> None:
    @en.kernel
    def kernel(A: en.f32, n: en.Scalar(en.u32)):
        acc = 0
        for i in range(n):
            if A[i] > 0:
                tile = en.threadgroup_alloc(en.f32, (60, 100))
                tile[i, 1] = A[i]
            acc = acc + A[i]
        A[0] = acc

    traced = kernel.trace()
    inner = [node for node in traced.body.nodes if isinstance(node, Op) and isinstance(node.result, Tensor)]
    assert len(inner) == 1, "once, though the body was traced twice, and 32 KB hold one only"


def test_two_dimensional_threadgroup_memory_is_row_major() -> None:
    @en.kernel
    def kernel(A: en.i32):
        tile = en.threadgroup_alloc(en.i32, (3, 4))
        for r in range(3):
            for c in range(4):
                tile[r, c] = r * 10 + c
        for k in range(12):
            A[k] = tile[k]
        A[12] = tile.size() + len(tile)

    A = np.zeros(13, np.int32)
    run(kernel, A)
    assert A.tolist() == [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23, 15]


def test_the_limit_of_threadgroup_memory_is_32_kilobytes_exactly() -> None:
    def make(size: int) -> Any:
        @en.kernel
        def kernel(A: en.f32):
            en.threadgroup_alloc(en.u8, size)[0] = 1

        return kernel

    make(32768).trace()
    with pytest.raises(EnigmaValueError, match="32769 bytes"):
        make(32769).trace()


def test_guarded_access_reads_and_writes_only_under_its_mask() -> None:
    @en.kernel
    def kernel(A: en.i32, Out: en.i32, n: en.Scalar(en.u32)):
        i = en.thread_position_in_grid
        x = en.load_if(A, i, i < n, -1)
        en.store_if(Out, i + 1, x, i + 1 < n)
        en.store_if(Out, 0, 5, True)
        en.store_if(Out, 999, 5, False)

    Out = np.zeros(3, np.int32)
    run(kernel, np.array([1, 2, 3], np.int32), Out, 3, threads=8)
    assert Out.tolist() == [5, 1, 2]


def test_where_takes_both_orders() -> None:
    @en.kernel
    def kernel(A: en.i32):
        c = A[0] > 0
        A[1], A[2] = en.where(c, 10, 20), en.where(20, 10, c)
        A[3] = en.where(True, 1, 2)

    for first, wanted in ((1, [10, 10, 1]), (0, [20, 20, 1])):
        A = np.array([first, 0, 0, 0], np.int32)
        run(kernel, A)
        assert A[1:].tolist() == wanted
