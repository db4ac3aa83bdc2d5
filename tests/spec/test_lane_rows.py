"""The rows that talk across the lanes of a simdgroup, against loops over lanes, with all and with some lanes active."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from enigma.dtypes import Numeric, u32
from enigma.spec.registry import all_rows, rows
from enigma.spec.terms import Buffer, Effect, Var
from tests.spec import exact

COMBINE: dict[str, tuple[Callable[[Any, Any], Any], bool]] = {
    "sum": (lambda x, y: x + y, True), "product": (lambda x, y: x * y, True), "min": (min, False), "max": (max, False),
    "and": (lambda x, y: x & y, False), "or": (lambda x, y: x | y, False), "xor": (lambda x, y: x ^ y, False),
}  # fmt: skip
SOURCES: dict[str, Callable[[int, int], int]] = {
    "simd_shuffle": lambda lane, by: by, "simd_shuffle_up": lambda lane, by: lane - by,
    "simd_shuffle_down": lambda lane, by: lane + by, "simd_shuffle_xor": lambda lane, by: lane ^ by,
    "simd_broadcast": lambda lane, by: by,
}  # fmt: skip
MASKS = {"all": 2**32 - 1, "first": 1, "last": 1 << 31, "odd": 0xAAAAAAAA, "some": 0x0F0C00F1}


def lane_rows() -> list[Any]:
    """Return the rows that compute from the lanes of a simdgroup."""
    return [row for row in all_rows() if row.effect is Effect.SYNC and row.operands and not any(
        isinstance(term, Buffer) for term in row.operands.values())]  # fmt: skip


def numbers(dtype: Numeric, seed: int) -> list[Any]:
    """Return 32 numbers; floats are small multiples of a half, so that sums and some products are exact."""
    chance = random.Random(seed)
    if dtype.is_float:
        return [chance.choice((0.5, 1.0, 1.0, -1.0, 2.0)) for _ in range(32)]
    return exact.samples(dtype, 32, seed)


def bound(value: Any, dtype: Numeric) -> Any:
    return exact.wrap(value, dtype) if dtype.is_integer else value


def environment(mask: int) -> SimpleNamespace:
    active = np.array([[mask >> lane & 1 == 1 for lane in range(32)]])
    return SimpleNamespace(active=active, lanes=np.arange(32)[None, :])


def total(name: str, lane: int, values: list[Any], mask: int, dtype: Numeric) -> Any:
    """Return what a reduction or a scan gives a lane."""
    kind = name.rpartition("_")[2]
    upto = lane + 1 if "inclusive" in name else lane if "exclusive" in name else 32
    taken = [value for k, value in enumerate(values[:upto]) if mask >> k & 1]
    combine, has_neutral = COMBINE[kind]
    start = [{"sum": 0, "product": 1}[kind]] if has_neutral else []
    return bound(functools.reduce(combine, start + taken), dtype)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("row", lane_rows(), ids=lambda row: row.name)
def test_a_function_across_lanes_is_that_of_a_loop_over_the_active_ones(row: Any, mask: int) -> None:
    for seed, dtype in enumerate(row.variables[0].dtypes):
        values = numbers(dtype, seed)
        x = exact.array(values, dtype)
        if row.name in SOURCES:
            chance = random.Random(f"{row.name} {seed}")
            same = chance.randrange(32)
            by = [same if row.name == "simd_broadcast" else chance.randrange(34) for _ in range(32)]
            result = row.ref(np, environment(mask), x, exact.array(by, u32))
            held = [value if mask >> k & 1 else 0 for k, value in enumerate(values)]
            sources = [SOURCES[row.name](lane, by[lane]) for lane in range(32)]
            want = [held[s] if 0 <= s < 32 else values[lane] for lane, s in enumerate(sources)]
        else:
            result = row.ref(np, environment(mask), x)
            want = [total(row.name, lane, values, mask, dtype) if mask >> lane & 1 else 0 for lane in range(32)]
        assert result.dtype == dtype.numpy
        assert result.shape == (1, 32)
        got = exact.values(result, dtype)
        for lane in range(32):
            if mask >> lane & 1:
                assert got[lane] == want[lane], f"{row.name} of {dtype.name}, lane {lane}"


def test_every_function_across_lanes_has_a_truth() -> None:
    known = {
        name for name in (row.name for row in lane_rows()) if name in SOURCES or name.rpartition("_")[2] in COMBINE
    }
    assert known == {row.name for row in lane_rows()}


@pytest.mark.parametrize("name", ["simd_min", "simd_max"])
def test_the_smallest_and_largest_pass_over_nan(name: str) -> None:
    row = rows()[name]
    for dtype in row.variables[0].dtypes:
        if dtype.is_float:
            x = exact.array([math.nan] * 31 + [2.0], dtype)
            assert exact.values(row.ref(np, environment(2**32 - 1), x), dtype) == [2.0] * 32


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
            old, new = numbers(dtype, 1), numbers(dtype, 2)
            with np.errstate(all="ignore"):
                got = exact.values(caught[0](exact.array(old, dtype), exact.array(new, dtype)), dtype)
            assert got == [bound(ATOMICS[kind](x, y), dtype) for x, y in zip(old, new, strict=True)]
