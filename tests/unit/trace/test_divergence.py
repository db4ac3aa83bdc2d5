"""The warning for barriers and the like that only some threads reach, and the silence where Metal defines what happens."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from enigma.trace.tracer import EnigmaWarning
from tests.spec.forms import lane_rows, load

HEAD = """@en.kernel
def kernel(a: en.f32, flags: en.u32, n: en.Scalar(en.u32)):
    i, tid, lane = en.thread_position_in_grid, en.thread_index_in_threadgroup(), en.thread_index_in_simdgroup()
    group, simdgroup = en.threadgroup_position_in_grid(), en.simdgroup_index_in_threadgroup()
    x = a[i]
"""


def warned(body: str) -> list[str]:
    """Return the warnings of a kernel whose body ends with these lines, the first one of each."""
    text = HEAD + "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    kernel: Any = load(text, "kernel").kernel
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kernel.trace()
    return [str(each.message) for each in caught if issubclass(each.category, EnigmaWarning)]


def test_the_warning_names_the_call_the_branch_and_the_query() -> None:
    (text,) = warned("if i < n:\n    en.barrier()")
    assert text == (
        "kernel.py:11:9: warning: barrier may be reached by only some threads of the threadgroup: the `if` at kernel.py:10 "
        "depends on thread_position_in_grid\n"
        "    en.barrier()\n"
        "    ^\n"
        "  help: move it out of the `if`, so that all threads of the threadgroup come to it, and guard only the accesses"
    )


DIVERGENT = {
    "a comparison": "if tid == 0:\n    en.barrier()",
    "the other branch": "if tid > 3:\n    a[i] = 1.0\nelse:\n    en.barrier()",
    "after an early return": "if i >= n:\n    return\nen.barrier()",
    "after a return in a nested branch": "if n > 3:\n    a[i] = 1.0\n    if i >= n:\n        return\n    en.barrier()",
    "a remainder": "if tid % 2 == 0:\n    en.barrier()",
    "a masked bit": "if tid & 1 == 0:\n    en.barrier()",
    "arithmetic and a conversion": "if en.i32(tid * 2) - 7 > 0:\n    en.barrier()",
    "bools joined by operators": "if (n > 3) | (tid < 7):\n    en.barrier()",
    "a conjunction": "if n > 3 and tid < 7:\n    en.barrier()",
    "an element that is the same for all": "if i < flags[0]:\n    en.barrier()",
    "another branch in between": "if tid < 7:\n    if n > 3:\n        en.barrier()",
    "the number of rounds": "for k in range(tid):\n    en.barrier()",
    "the simdgroup": "if simdgroup == 0:\n    en.barrier()",
    "lanes of a simdgroup": "if lane < 16:\n    en.simd_barrier()",
    "a rotation": "if lane < 16:\n    a[i] = en.simd_shuffle_rotate_up(x, 1)",
    "values that shift in": "if lane < 16:\n    a[i] = en.simd_shuffle_and_fill_down(x, x, 1)",
    "an unrolled loop warns once": "if lane < 16:\n    for k in en.range_constexpr(3):\n        en.barrier()",
}


@pytest.mark.parametrize("body", DIVERGENT.values(), ids=DIVERGENT)
def test_what_all_threads_must_reach_warns_where_the_thread_decides(body: str) -> None:
    assert len(warned(body)) == 1


UNIFORM = {
    "no branch": "en.barrier()",
    "a parameter": "if n > 3:\n    en.barrier()",
    "the threadgroup": "if group == 0:\n    en.barrier()",
    "the simdgroup, for its own barrier": "if simdgroup == 0:\n    en.simd_barrier()",
    "a division, which may make it the same for all": "if i // 256 == 0:\n    en.barrier()",
    "a mask of the high bits": "if tid & 32 == 0:\n    en.simd_barrier()",
    "a difference of positions": "if i - tid == 0:\n    en.barrier()",
    "loaded data, which may be the same for all": "if a[i] > 0:\n    en.barrier()",
    "a row of a launch in two axes": 'if en.thread_position_in_grid_xyz("y") < n:\n    en.barrier()',
    "a vote": "if en.simd_any(lane < 3):\n    en.simd_barrier()",
    "a loop over chunks": "for k in range(tid, n, 64):\n    en.barrier()",
    "a loop of a common length": "for k in range(n):\n    if k < 3:\n        en.barrier()",
    "a guard around a reduction": "if i < n:\n    a[i] = en.simd_sum(x)",
    "a guard around a shuffle": "if i < n:\n    a[i] = en.simd_shuffle_down(x, 1) + en.simd_broadcast(x, 0)",
    "an early return before a reduction": "if i >= n:\n    return\na[i] = en.simd_max(x) + en.simd_prefix_inclusive_sum(x)",
    "lanes before a reduction": "if lane < 7:\n    a[i] = en.quad_sum(x) + en.f32(en.simd_ballot(x > 0))",
}


@pytest.mark.parametrize("body", UNIFORM.values(), ids=UNIFORM)
def test_what_is_defined_or_may_be_uniform_does_not_warn(body: str) -> None:
    assert warned(body) == []


def test_reductions_scans_and_votes_need_no_company() -> None:
    alone = {row.name.partition("_")[2] for row in lane_rows() if row.together is None}
    needed = {row.name for row in lane_rows() if row.together is not None}
    assert {
        "sum",
        "and",
        "prefix_inclusive_sum",
        "shuffle_xor",
        "broadcast_first",
        "ballot",
        "all",
        "is_first",
    } <= alone
    assert needed == {f"simd_shuffle_{way}_{end}" for way in ("rotate", "and_fill") for end in ("up", "down")}


def test_a_warning_of_a_kernel_is_given_again_only_when_it_is_traced_again() -> None:
    kernel: Any = load(HEAD + "    if tid == 0:\n        en.barrier()\n", "kernel").kernel
    with pytest.warns(EnigmaWarning, match="barrier may be reached by only some threads"):
        kernel.trace()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kernel.trace()


def test_a_deep_nest_of_loops_is_walked_once() -> None:
    lines = [f"{'    ' * k}for k{k} in range(n):" for k in range(12)]
    assert warned("\n".join([*lines, "    " * 12 + "en.barrier()"])) == []
