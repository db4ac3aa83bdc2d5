"""Variables that hold several values (lists, tuples, dicts, objects) merge through branches and are carried by loops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

from tests.unit.trace.running import agree

Body = Callable[[Any, Any, Any, Any], None]
BODIES: list[Body] = []


def body(function: Body) -> Body:
    BODIES.append(function)
    return function


@pytest.mark.parametrize("function", BODIES, ids=lambda f: f.__name__)
def test_it_means_what_python_means(function: Body) -> None:
    agree(function)


class Walker:
    """Changes itself."""

    def __init__(self, x):
        self.x = x if x > 0 else -x
        self.steps = 0

    def step(self, y):
        self.x = self.x + y
        self.steps += 1
        if y > 2:
            self.x = self.x * 2


@dataclass
class Pair:
    a: Any
    b: Any

    def __add__(self, other):
        return Pair(self.a + other.a, self.b + other.b)


class Named(NamedTuple):
    u: Any
    v: Any


def add_to(total, x):
    total[0] += x


def set_first(values):
    values[0] = 1


def entry(table, k):
    return table[k]


TABLE = [3, 1, 2]


@body
def list_elements_are_carried(i, A, Out, n):
    acc = [0] * 4
    for k in range(n):
        for j in range(4):
            acc[j] += A[k + i] * j
    Out[i] = acc[0] + acc[1] * 10 + acc[2] * 100 + acc[3] * 1000


@body
def dict_and_nested_values_are_carried(i, A, Out, n):
    held = {"sum": 0, "pair": (A[i], 2), "list": [1, [2, 3]]}
    for k in range(n):
        held["sum"] += k
        held["pair"] = (held["pair"][1], held["pair"][0] + 1)
        held["list"][1][0] = held["list"][1][1] + k
    Out[i] = held["sum"] + held["pair"][0] * 10 + held["pair"][1] * 100 + held["list"][1][0] * 1000


@body
def a_tuple_that_is_assigned_in_a_branch(i, A, Out, n):
    best = (0, -1)
    for k in range(n):
        if A[k + i] > best[0]:
            best = (A[k + i], k)
    Out[i] = best[0] * 10 + best[1]


@body
def a_list_that_a_helper_changes_in_a_loop(i, A, Out, n):
    total = [0]
    for k in range(n):
        add_to(total, A[k] + i)
    Out[i] = total[0]


@body
def a_list_that_a_helper_changes_in_a_branch(i, A, Out, n):
    flag = [0]
    if A[i] > 2:
        set_first(flag)
    Out[i] = flag[0]


@body
def an_object_that_changes_itself(i, A, Out, n):
    walker = Walker(A[i])
    for k in range(n):
        walker.step(A[k + i])
    Out[i] = walker.x * 10 + walker.steps


@body
def an_object_whose_attribute_a_branch_sets(i, A, Out, n):
    pair = Pair(A[i], 1)
    same = pair
    if A[i] > 2:
        pair.a = pair.a + 5
    for k in range(n):
        pair = Pair(pair.a + k, pair.b * 2)
    Out[i] = same.a * 100 + pair.a * 10 + pair.b


@body
def an_object_with_operators(i, A, Out, n):
    pair = Pair(A[i], A[i + 1])
    for k in range(n):
        pair = pair + Pair(k, 1)
    Out[i] = pair.a * 100 + pair.b


@body
def a_named_tuple(i, A, Out, n):
    named = Named(A[i], 2)
    for k in range(n):
        named = Named(named.v, named.u + k)
    if named.u > 3:
        named = named._replace(v=7)
    Out[i] = named.u * 10 + named.v


@body
def a_new_list_leaves_the_old_one_alone(i, A, Out, n):
    first = [A[i], A[i + 1]]
    acc = first
    for k in range(n):
        acc = [x + k for x in acc]
    Out[i] = first[0] * 1000 + acc[0] * 30 + acc[1]


@body
def nonlocal_variables_of_a_nested_function(i, A, Out, n):
    x, counts = A[i], [0, 0]

    def bump(v):
        nonlocal x
        x = x + v
        counts[1] = counts[1] + 1

    for k in range(n):
        bump(k)
    if A[i] > 0:
        bump(100)
    Out[i] = x * 10 + counts[1]


@body
def tables_of_python_numbers_stay_python_numbers(i, A, Out, n):
    total = 0
    for _ in range(n):
        total += entry(TABLE, 2) + TABLE[0] + len(TABLE) + A[[5, 6, 7][entry(TABLE, 1)]]
    Out[i] = total


@body
def both_branches_append(i, A, Out, n):
    values = [A[i]]
    if A[i] > 0:
        values.append(A[i] + 1)
    else:
        values.append(3)
    held = {}
    if A[i] > 1:
        held["k"] = 1
    else:
        held["k"] = A[i]
    Out[i] = values[1] * 10 + held["k"]


@body
def three_nested_loops_change_one_list(i, A, Out, n):
    acc = [0, i]
    for a in range(n):
        for b in range(a):
            for c in range(b + 1):
                acc[0] += A[c] + acc[1]
            acc[1] += 1
    Out[i] = acc[0]


@body
def elements_exchanged_in_a_branch(i, A, Out, n):
    values = [A[i], A[i + 1]]
    if values[0] > values[1]:
        values[0], values[1] = values[1], values[0]
    Out[i] = values[0] * 100 + values[1]


@body
def a_list_shared_by_two_names(i, A, Out, n):
    first = second = [A[i]]
    if A[i] > 0:
        first[0] = 50
    for k in range(n):
        second[0] += k
    Out[i] = first[0] * 100 + second[0]


@body
def a_literal_start_takes_the_loops_dtype(i, A, Out, n):
    x = 0
    for k in range(n):
        x = x + A[k] * 0.5 if False else x + A[k]
    Out[i] = x
