"""Native control flow means what it means in Python: each body runs traced and as Python, for many inputs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.trace.node import For, If, While
from tests.unit.trace import helpers
from tests.unit.trace.helpers import clamp_to as limited
from tests.unit.trace.running import agree, run

Body = Callable[[Any, Any, Any, Any], None]
BODIES: list[Body] = []


def body(function: Body) -> Body:
    BODIES.append(function)
    return function


@pytest.mark.parametrize("function", BODIES, ids=lambda f: f.__name__)
def test_it_means_what_python_means(function: Body) -> None:
    agree(function)


@body
def elif_chain(i, A, Out, n):
    x = A[i]
    if x < 0:
        y = 1
    elif x == 0:
        y = 2
    elif x < 5:
        y = 3
    else:
        y = 4
    Out[i] = y


@body
def merged_tuple_and_swap(i, A, Out, n):
    a, b = A[i], A[i + 1]
    if a > b:
        a, b = b, a
    Out[i] = b - a


@body
def parallel_assignment_in_a_loop(i, A, Out, n):
    a, b = 0, 1
    for _ in range(n + i):
        a, b = b, a + b
    Out[i] = a


@body
def while_with_break_and_continue(i, A, Out, n):
    x, total = i + A[i], 0
    while x > 0:
        x -= 1
        if x % 3 == 0:
            continue
        total += x
        if total > 20:
            break
    Out[i] = total


@body
def while_true(i, A, Out, n):
    x, steps = i, 0
    while True:
        if x <= 0:
            break
        x = x // 2
        steps += 1
    Out[i] = steps


@body
def while_over_guarded_loads(i, A, Out, n):
    k = 0
    while k < n and (A[i + k] > 0 or k == 2):
        if A[i + k] == 9:
            return
        k += 1
    Out[i] = k


@body
def while_over_python_values(i, A, Out, n):
    k, total = 3, 0
    while k:
        total += A[i + k]
        k -= 1
    Out[i] = total


@body
def break_out_of_the_inner_loop_only(i, A, Out, n):
    count = 0
    for r in range(n):
        for c in range(n):
            if A[r + c] > i:
                break
            count += 1
        count += 100
    Out[i] = count


@body
def return_out_of_nested_loops(i, A, Out, n):
    for r in range(n):
        for c in range(n):
            if r * 10 + c == 10 + i:
                Out[i] = r * 10 + c
                return
            if c > r:
                break
    Out[i] = -1


@body
def continue_in_nested_loops(i, A, Out, n):
    total = 0
    for r in range(n):
        if A[r] < 0:
            continue
        for c in range(r):
            if A[c] == A[i]:
                continue
            total += c
        total += 1
    Out[i] = total


@body
def early_return(i, A, Out, n):
    if i >= 12:
        return
    if A[i] < 0:
        Out[i] = -1
        return
    Out[i] = A[i]
    if A[i] > 2:
        Out[i] = 99


@body
def return_in_both_branches_and_code_after(i, A, Out, n):
    if (A[i] > 0 and A[i + 1] > 0) or A[i + 2] < 0:
        if not (A[i] > 3):
            Out[i] = 1
            return
        elif A[i] == 5:
            Out[i] = 2
        else:
            return
        Out[i] += 5
    else:
        pass
    Out[i] += 10


@body
def unrolled_loop_with_a_traced_break(i, A, Out, n):
    found = -1
    for k in range(4):
        if A[i + k] > 4:
            found = k
            break
    Out[i] = found


@body
def unrolled_loop_with_python_exits(i, A, Out, n):
    total = 0
    for k in range(10):
        if k == 1:
            continue
        if k == 4:
            break
        total += A[i + k]
    Out[i] = total


@body
def loop_over_python_things(i, A, Out, n):
    total = 0
    for k, (a, b) in enumerate(zip([1, 2], (3, 4), strict=True)):
        if A[i] > a:
            total += b * (k + 1)
    for name in {"x": 1, "y": 2}:
        total += len(name)
    Out[i] = total


@body
def unrolled_and_traced_loops_nested(i, A, Out, n):
    total = 0
    for k in range(n):
        for j in [1, 2, 3]:
            if A[k] > j:
                continue
            if A[k] < -3:
                break
            total += j
        if total > 20:
            break
    Out[i] = total + i


@body
def downward_ranges(i, A, Out, n):
    total = 0
    for k in range(n - 1, -1, -1):
        total = total * 3 + A[k]
    for k in range(n, 0, -2):
        total += k
    for k in range(5, 1, -3):
        total += k * i
    Out[i] = total


@body
def ranges_that_do_not_run(i, A, Out, n):
    total = 7
    for k in range(n, 0):
        total += k
    for k in range(0, -n, 1):
        total += k
    for k in range(0, n, -1):
        total += k
    Out[i] = total


@body
def ternaries_with_guarded_loads(i, A, Out, n):
    Out[i] = A[i + 1] if i + 1 < n else -1
    Out[i] += (1 if A[i] > 0 else 2 if A[i] == 0 else 3) * 10


@body
def chained_comparisons(i, A, Out, n):
    x = 0
    if 0 <= A[i] < 3 != A[i + 1]:
        x = 1
    if A[i] == A[i] > -2 <= 1 < n:
        x += 2
    Out[i] = x


@body
def and_or_not(i, A, Out, n):
    x = 0
    if i == 0 or A[i - 1] > 1:
        x += 1
    if not A[i] or (A[i] and not A[i + 1]):
        x += 10
    if (A[i] > 0) and True and (n or 1):  # noqa: SIM222
        x += 100
    if A[i] in (1, 3) or A[i + 1] not in [2, 4]:
        x += 1000
    Out[i] = x


@body
def truth_of_numbers(i, A, Out, n):
    Out[i] = 5
    if A[i]:
        Out[i] = 6
    while A[i] - A[i]:
        Out[i] = 7


@body
def comprehensions_lambdas_and_builtins(i, A, Out, n):
    values = [A[i + k] for k in range(4)]
    largest = lambda a, b: a if a > b else b  # noqa: E731
    m = functools.reduce(largest, values)
    if (t := m * 2) > 5:
        m += t
    Out[i] = m + sum(values) + max(values) - min(*values) + max(x * 2 for x in values) + sum(map(abs, values))


@body
def any_and_all(i, A, Out, n):
    x = 0
    if any(A[i + k] > 6 for k in range(3)):
        x = 1
    if all([A[i + k] > 0 for k in range(3)]):  # noqa: C419
        x += 2
    Out[i] = x


@body
def nested_function_with_defaults(i, A, Out, n):
    def inner(x, k=A[i] if A[i] > 0 else 3, *rest, z=4, **more):
        if x > k:
            return x - k + z
        return sum(rest) + more.get("q", 0)

    Out[i] = inner(i) + inner(A[i + 1], 2, 5, 6, z=1, q=A[i])


@body
def augmented_assignments(i, A, Out, n):
    x = A[i]
    x += 1
    x *= 3
    x -= i
    x //= 2
    x %= 7
    x |= 8
    x ^= 3
    x <<= 2
    x >>= 1
    x &= 31
    Out[i] += x
    Out[i] *= 2


@body
def unpacking(i, A, Out, n):
    a = b = A[i]
    a += 1
    (c, d), *e = (a, b), 1, 2
    if c > d:
        c, d = d, c
    Out[i] = c * 100 + d * 10 + len(e)


@body
def helpers_of_another_module(i, A, Out, n):
    Out[i] = helpers.first_multiple(A[i], 20) + limited(A[i + 1], 3) + helpers.Scale(2).of(A[i + 2])


@body
def helper_with_python_recursion(i, A, Out, n):
    Out[i] = helpers.fibonacci(7) + helpers.power(A[i], 3)


@body
def decorated_cached_and_partial_helpers(i, A, Out, n):
    Out[i] = helpers.logged(A[i]) + helpers.cached(4) + functools.partial(limited, limit=2)(A[i])


@body
def methods_of_all_kinds(i, A, Out, n):
    scale = helpers.Scale(3)
    Out[i] = scale.of(A[i]) + scale(A[i]) + helpers.Scale.positive(A[i]) + scale.triple(A[i]) + scale.hidden(A[i])


@body
def python_conditions_stay_in_python(i, A, Out, n):
    debug, size = False, 3
    if debug:
        undefined_name  # noqa: F821 - never reached
    x = A[i] if size > 2 else undefined_name  # noqa: F821
    assert size == 3, "a Python value"
    if size > 5:
        raise ValueError("a Python condition")
    Out[i] = x


@body
def a_value_returned_out_of_two_loops(i, A, Out, n):
    Out[i] = helpers.find(A, i, n)


@body
def several_values_returned_from_a_loop(i, A, Out, n):
    k, x = helpers.find_pair(A[i], n)
    Out[i] = k * 100 + x


@body
def an_endless_loop_that_returns(i, A, Out, n):
    Out[i] = helpers.reduce_by_three(A[i])


@body
def a_helper_that_returns_nothing(i, A, Out, n):
    helpers.store_small(i, Out, A[i])
    Out[i] += 1000


def statements(kernel: Any, kind: type) -> int:
    return sum(isinstance(node, kind) for node in kernel.trace().nodes())


def test_a_loop_over_python_ints_unrolls_and_enigma_range_does_not() -> None:
    @en.kernel
    def unrolled(A: en.f32):
        for k in range(3):
            A[k] = 0
        for k in en.range_constexpr(400):
            A[k] = 0

    @en.kernel
    def looped(A: en.f32):
        for k in en.range(3):
            A[k] = 0

    assert statements(unrolled, For) == 0
    assert statements(looped, For) == 1


def test_python_conditions_leave_no_branch_and_traced_ones_do() -> None:
    @en.kernel
    def kernel(A: en.f32, N: en.constexpr = 3):
        if N > 2:
            A[0] = 1
        while N > 0:
            N -= 1
        if A[0] > 0:
            A[0] = 2
        while A[1] > 0:
            A[1] -= 1

    assert statements(kernel, If) == 1
    assert statements(kernel, While) == 1


def test_conditions_that_only_compute_become_no_branch() -> None:
    @en.kernel
    def kernel(A: en.f32, n: en.Scalar(en.u32)):
        i = en.thread_position_in_grid
        x = i + 1 if (i < n and i > 3) or not n else i
        A[x] = 1

    assert statements(kernel, If) == 0


@pytest.mark.parametrize("dtype", [en.u32, en.u64, en.u8, en.i64], ids=str)
def test_downward_ranges_of_unsigned_bounds(dtype: Any) -> None:
    @en.kernel
    def kernel(Out: en.i32, low: en.Scalar(dtype), high: en.Scalar(dtype)):
        k = 0
        for i in range(high, low, -1):
            Out[k] = i
            k += 1
        for i in range(high - 1, -1, -2):
            Out[k] = i
            k += 1
        for i in range(low, high, -1):
            Out[k] = 99 + i
            k += 1
        Out[15] = k

    Out = np.zeros(16, np.int32)
    run(kernel, Out, 2, 6)
    assert Out.tolist() == [6, 5, 4, 3, 5, 3, 1, *[0] * 8, 7]
