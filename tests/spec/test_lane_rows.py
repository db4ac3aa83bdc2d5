"""The rows that talk across lanes, against loops over lanes in plain Python, with all and with some lanes active."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from enigma.dtypes import Numeric, b1
from enigma.spec.registry import all_rows, rows
from enigma.spec.terms import Buffer, Static, Var
from tests.spec import exact
from tests.spec.forms import lane_rows
from tests.spec.lane_truths import is_known, numbers, truth

MASKS = {"all": 2**32 - 1, "first": 1, "last": 1 << 31, "odd": 0xAAAAAAAA, "some": 0x0F0C00F1}


def bound(value: Any, dtype: Numeric) -> Any:
    return exact.wrap(value, dtype) if dtype.is_integer else value


def environment(mask: int) -> SimpleNamespace:
    active = np.array([[mask >> lane & 1 == 1 for lane in range(32)]])
    return SimpleNamespace(
        active=active, lanes=np.arange(32)[None, :], undefined=lambda dtype: np.zeros((), dtype), beyond=lambda x: x,
        same_in_groups=lambda *_: None, reads_lanes=lambda *_: None,
    )  # fmt: skip


def operand(row: Any, name: str, dtype: Numeric, seed: int) -> list[Any]:
    """Return 32 numbers for an operand; a lane or a distance also beyond the group, the same for all where it must be."""
    term = row.operands[name]
    if isinstance(term, Var) or term is b1:
        return numbers(dtype, 32, seed)
    chance = random.Random(f"{row.name} {name} {seed}")
    same = chance.randrange(32)
    return [
        chance.randrange(34) if name in ("lane", "mask") and "broadcast" not in row.name else same for _ in range(32)
    ]


def attributes(row: Any) -> list[dict[str, int]]:
    numbers = {n: range(t.low, t.high + 1) for n, t in row.attributes.items() if isinstance(t, Static)}
    return [{name: k} for name, each in numbers.items() for k in each if row.check({}, {name: k}) is None] or [{}]


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("row", lane_rows(), ids=lambda row: row.name)
def test_a_function_across_lanes_is_that_of_a_loop_over_the_active_ones(row: Any, mask: int) -> None:
    active = [lane for lane in range(32) if mask >> lane & 1]
    for seed, dtype in enumerate(row.variables[0].dtypes if row.variables else (b1,)):
        dtypes = [dtype if isinstance(term, Var) else term for term in row.operands.values()]
        columns = [
            operand(row, name, d, 10 * seed + k) for k, (name, d) in enumerate(zip(row.operands, dtypes, strict=True))
        ]
        given = list(zip(*columns, strict=True)) or [()] * 32
        out = dtype if isinstance(row.result, Var) else row.result
        for attrs in attributes(row):
            arrays = [exact.array(list(column), d) for column, d in zip(columns, dtypes, strict=True)]
            result = row.ref(np, environment(mask), *arrays, **attrs)
            assert result.dtype == out.numpy
            assert result.shape == (1, 32)
            got = exact.values(result, out)
            for lane in active:
                want = truth(row.name, lane, given, active, dtype, **attrs)
                assert got[lane] == want, f"{row.name} of {dtype.name}, lane {lane}, {attrs}"


def test_every_function_across_lanes_has_a_truth() -> None:
    assert [row.name for row in lane_rows() if not is_known(row.name)] == []


@pytest.mark.parametrize("prefix", ["simd", "quad"])
@pytest.mark.parametrize("function", ["min", "max"])
def test_the_smallest_and_largest_pass_over_nan(prefix: str, function: str) -> None:
    row = rows()[f"{prefix}_{function}"]
    for dtype in row.variables[0].dtypes:
        if dtype.is_float:
            x = exact.array([math.nan, math.nan, 2.0, math.nan] * 8, dtype)
            assert exact.values(row.ref(np, environment(2**32 - 1), x), dtype) == [2.0] * 32


def test_both_widths_have_the_same_functions() -> None:
    names = [row.name.split("_", 1) for row in lane_rows()]
    simd, quad = ({function for prefix, function in names if prefix == wanted} for wanted in ("simd", "quad"))
    assert simd == quad


ATOMICS: dict[str, Callable[[int, int], int]] = {
    "exchange": lambda old, x: x, "add": lambda old, x: old + x, "sub": lambda old, x: old - x, "min": min, "max": max,
    "and": lambda old, x: old & x, "or": lambda old, x: old | x, "xor": lambda old, x: old ^ x, "store": lambda old, x: x,
}  # fmt: skip


@pytest.mark.parametrize("kind", ATOMICS)
def test_an_atomic_combines_as_python_does(kind: str) -> None:
    names = {f"atomic_{kind}", f"atomic_fetch_{kind}"}
    chosen = [row for row in all_rows() if row.name in names]
    assert chosen
    for row in chosen:
        caught: list[Callable[[Any, Any], Any]] = []
        env = SimpleNamespace(atomic=lambda buf, i, x, combine, caught=caught: caught.append(combine))
        row.ref(np, env, None, None, None, order=None)
        (term,) = [term.element for term in row.operands.values() if isinstance(term, Buffer)]
        assert isinstance(term, Var)
        for dtype in term.dtypes:
            old, new = numbers(dtype, 32, 1), numbers(dtype, 32, 2)
            with np.errstate(all="ignore"):
                got = exact.values(caught[0](exact.array(old, dtype), exact.array(new, dtype)), dtype)
            assert got == [bound(ATOMICS[kind](x, y), dtype) for x, y in zip(old, new, strict=True)]
