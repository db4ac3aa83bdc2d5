"""A kernel is traced again when a Python value that it read has changed, and only then."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

import enigma as en
from tests.unit.trace import helpers

FACTOR = 2
NESTED = [[1, 2], {"k": 3}]
ARRAY = np.array([1, 2])
CONFIG = SimpleNamespace(size=4)


class Settings:
    scale = 1


@dataclass(slots=True)
class Slotted:
    offset: int


SLOTTED = Slotted(1)


def through_a_helper(x: Any) -> Any:
    return x * FACTOR + NESTED[1]["k"] + ARRAY[0] + CONFIG.size + Settings.scale + SLOTTED.offset


@en.kernel
def kernel(A: en.i32):
    A[0] = through_a_helper(A[0]) + helpers.Scale(2).of(A[0])


def test_an_unchanged_kernel_is_traced_once() -> None:
    assert kernel.trace() is kernel.trace()


def test_each_kind_of_changed_value_is_seen(monkeypatch: Any) -> None:
    known = [kernel.trace()]

    def is_new() -> bool:
        known.append(kernel.trace())
        return known[-1] is not known[-2] and kernel.trace() is known[-1]

    monkeypatch.setitem(globals(), "FACTOR", 3)
    assert is_new()
    monkeypatch.setitem(NESTED[1], "k", 9)
    assert is_new()
    ARRAY[0] += 1
    assert is_new()
    monkeypatch.setattr(CONFIG, "size", 8)
    assert is_new()
    monkeypatch.setattr(SLOTTED, "offset", 5)
    assert is_new()
    monkeypatch.setattr(Settings, "scale", 2)
    assert is_new()
    monkeypatch.setattr(helpers.Scale, "of", lambda self, x: x)
    assert is_new()


def test_a_changed_variable_of_the_enclosing_function_is_seen() -> None:
    limit = 1

    @en.kernel
    def local(A: en.i32):
        A[0] = limit

    first = local.trace()
    limit = 2
    assert local.trace() is not first


def test_constexpr_values_are_told_apart_by_type_too() -> None:
    @en.kernel
    def local(A: en.f32, N: en.constexpr):
        A[0] = N

    traced = [local.trace({"N": value}) for value in (1, True, 1.0, [1], (1,))[:3]]
    assert len({id(one) for one in traced}) == 3
    assert local.trace({"N": 1}) is traced[0]
