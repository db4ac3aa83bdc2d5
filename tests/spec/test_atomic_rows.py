"""The atomic rows, generated over dtypes, memories and orders: each thread alone on extreme values, and all on one element."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest

import enigma
from enigma.compile import compile as compile_kernel
from enigma.dtypes import DTYPES, Numeric, Space, b1, f32
from enigma.errors import EnigmaError, EnigmaTypeError
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import rows
from enigma.spec.terms import Buffer, Choice, MemoryOrder, Var
from tests.msl.check import assert_legal, clang_available
from tests.spec import exact, truths
from tests.spec.forms import atomic_rows, expression, load
from tests.spec.values import Array, extremes

RUNTIMES = {"sim": enigma.SimRuntime, "cpu": enigma.CpuRuntime}
ORDERS = ("relaxed", "acquire", "release", "acq_rel")
COUNT = 61
"""Threads of the only threadgroup, so that threadgroup memory can be copied out; its last simdgroup is partial."""


def signed(x: Any, dtype: Numeric) -> Any:
    return exact.wrap(x, dtype) if dtype.is_integer else x


def lowered(x: Any, y: Any) -> Any:
    return truths.smaller(x, y) if isinstance(x, float) else min(x, y)


def raised(x: Any, y: Any) -> Any:
    return truths.larger(x, y) if isinstance(x, float) else max(x, y)


CHANGES: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "min": lowered, "max": raised, "and": lambda x, y: x & y,
    "or": lambda x, y: x | y, "xor": lambda x, y: x ^ y, "exchange": lambda x, y: y,
    "store": lambda x, y: y, "load": lambda x, y: x,
}  # fmt: skip
"""What each operation leaves behind, in plain Python, by the end of its name."""


def legal_orders(row: Intrinsic) -> set[tuple[str, ...]]:
    """What C++14 allows (29.6.5): a load cannot release, a store cannot acquire, nor can a failure be stronger than a success."""
    if row.name == "atomic_load":
        return {("relaxed",), ("acquire",)}
    if row.name == "atomic_store":
        return {("relaxed",), ("release",)}
    if "compare" not in row.name:
        return {(order,) for order in ORDERS}
    return {
        (s, f)
        for s, f in product(ORDERS, repeat=2)
        if f == "relaxed" or (f == "acquire" and s in ("acquire", "acq_rel"))
    }


def order_names(row: Intrinsic) -> tuple[str, ...]:
    return tuple(n for n, t in row.attributes.items() if isinstance(t, Choice) and t.enum is MemoryOrder)


def dtypes_of(row: Intrinsic) -> tuple[Numeric, ...]:
    buffer = next(term for term in row.operands.values() if isinstance(term, Buffer))
    assert isinstance(buffer.element, Var)
    return buffer.element.dtypes


def spaces_of(row: Intrinsic) -> tuple[Space, ...]:
    return next(term for term in row.operands.values() if isinstance(term, Buffer)).spaces


@dataclass(frozen=True)
class Case:
    """One kernel: a row on a dtype in a memory, with orders, called as a function or as a method."""

    row: Intrinsic
    dtype: Numeric
    space: Space
    orders: tuple[str, ...]

    @property
    def name(self) -> str:
        return "_".join((self.row.name, self.dtype.name, self.space.value, *self.orders))

    @property
    def source(self) -> str:
        """The kernel: `Won` is what a compare-exchange says, `Old` what it or another operation found."""
        name, shared = self.dtype.name, self.space is Space.THREADGROUP
        target = "tile" if shared else "A"
        values = ["X[i]", "Y[i]"][: len(self.row.operands) - 2]
        call = expression(self.row, [target, "i", *values], dict(zip(order_names(self.row), self.orders, strict=True)))
        if self.orders[0] != "relaxed":  # half of them as the method
            call = call.replace(f"en.{self.row.public_name}({target}, ", f"{target}.{self.row.public_name}(")
        body = f"    Old[i] = {call}"
        if self.row.result is None:
            body = f"    {call}"
        if self.row.result is b1:
            body = f"    Won[i] = {call}"
        if self.row.outcome is not None:
            body = f"    won, found = {call}\n    Won[i] = won\n    Old[i] = found"
        before = (
            f"    tile = en.threadgroup_alloc(en.{name}, {COUNT})\n    tile[i] = A[i]\n    en.barrier()\n"
            if shared
            else ""
        )
        after = "\n    en.barrier()\n    A[i] = tile[i]" if shared else ""
        return (
            f"@en.kernel\ndef k_{self.name}(A: en.{name}, X: en.{name}, Y: en.{name}, Old: en.{name}, Won: en.b1):\n"
            f"    i = en.thread_position_in_grid\n{before}{body}{after}\n"
        )


@cache
def cases() -> tuple[Case, ...]:
    return tuple(
        Case(row, dtype, space, orders)
        for row in atomic_rows()
        for dtype in dtypes_of(row)
        for space in spaces_of(row)
        for orders in sorted(legal_orders(row))
    )


@cache
def compiled(row: str) -> dict[str, Any]:
    chosen = [case for case in cases() if case.row.name == row]
    module = load("\n\n".join(case.source for case in chosen), f"atomics_{row}")
    return {case.name: compile_kernel(getattr(module, f"k_{case.name}"), emit_only=True) for case in chosen}


NAMES = sorted(row.name for row in atomic_rows())


def operands(dtype: Numeric) -> Iterator[tuple[Array, Array, Array]]:
    """Yield the elements, the operands and, for compare-exchange, what is expected of them: pairs of extreme values."""
    values = extremes(dtype)
    pairs = list(product(range(len(values)), repeat=2))
    random = np.random.default_rng(len(pairs))
    random.shuffle(pairs)
    for start in range(0, min(len(pairs), 6 * COUNT), COUNT):
        chosen = np.array((pairs[start:] + pairs * COUNT)[:COUNT])
        a, x = values[chosen[:, 0]], values[chosen[:, 1]]
        yield a, x, np.where(np.arange(COUNT) % 2 == 0, a, x)


def same(found: Array, wanted: list[Any], dtype: Numeric, *, zeros: bool) -> bool:
    """Whether all are equal, NaN equal to NaN; with `zeros`, the sign of a zero counts."""
    for got, want in zip(exact.values(found, dtype), wanted, strict=True):
        if dtype is f32 and (math.isnan(got) or math.isnan(want)):
            if not (math.isnan(got) and math.isnan(want)):
                return False
        elif got != want or (zeros and dtype is f32 and math.copysign(1, got) != math.copysign(1, want)):
            return False
    return True


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", NAMES)
def test_each_thread_changes_its_own_element_as_python_does(name: str, runtime: str) -> None:
    run = RUNTIMES[runtime]()
    for case in (case for case in cases() if case.row.name == name):
        program = compiled(name)[case.name].program
        for before, x, y in operands(case.dtype):
            a, old, won = before.copy(), np.zeros(COUNT, case.dtype.numpy), np.zeros(COUNT, np.bool_)
            exchange = "compare" in name
            args = (a, y, x, old, won) if exchange else (a, x, y, old, won)
            run.run(program, list(args), COUNT, COUNT)
            was, operand = exact.values(before, case.dtype), exact.values(x, case.dtype)
            if exchange:
                hit = [
                    exact.bits(p, case.dtype) == exact.bits(q, case.dtype)
                    for p, q in zip(was, exact.values(y, case.dtype), strict=True)
                ]
                wanted = [new if h else p for h, p, new in zip(hit, was, operand, strict=True)]
                assert won.tolist() == hit, case.name
            else:
                change = CHANGES[name.rpartition("_")[2]]
                wanted = [signed(change(p, q), case.dtype) for p, q in zip(was, operand, strict=True)]
                if case.dtype is f32:
                    wanted = [exact.nearest(w, f32) for w in wanted]
            zeros = not name.endswith(("_min", "_max"))
            assert same(a, wanted, case.dtype, zeros=zeros), case.name
            if case.row.result is not None and case.row.result is not b1:
                assert same(old, was, case.dtype, zeros=True), case.name


@pytest.mark.clang
@pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_every_dtype_memory_and_order_is_legal_metal(name: str) -> None:
    for case in (case for case in cases() if case.row.name == name):
        result = compiled(name)[case.name]
        text = result.metal_source
        ordered = set(case.orders) != {"relaxed"}
        assert text.count("atomic_thread_fence(") == sum(
            bool(set(case.orders) & set(kinds)) for kinds in (("acquire", "acq_rel"), ("release", "acq_rel"))
        ), text
        assert_legal(text, msl_version=(3, 2) if ordered else case.row.msl_version)


@pytest.mark.parametrize("name", NAMES)
def test_every_other_order_is_refused_with_what_is_legal(name: str) -> None:
    row = rows()[name]
    legal = legal_orders(row)
    combinations = set(product(ORDERS, repeat=len(order_names(row))))
    for orders in sorted(combinations - legal):
        module = load(Case(row, dtypes_of(row)[0], Space.DEVICE, orders).source, "illegal")
        kernel = next(each for each in vars(module).values() if isinstance(each, enigma.KernelDef))
        with pytest.raises(
            EnigmaTypeError, match=rf"illegal\.py:\d+:\d+: error: {name}: .*(It is '|must then be ')"
        ) as caught:
            kernel.trace()
        words = re.findall(r"'(\w+)'", re.split("It is|then be", str(caught.value).splitlines()[0])[-1])
        assert words
        place = "success_order" if "then be" in str(caught.value) else order_names(row)[-1]
        position = order_names(row).index(place)
        for word in words:  # what it says to write is legal in that place
            assert any(combination[position] == word for combination in legal)


@pytest.mark.parametrize("name", NAMES)
def test_every_other_dtype_and_memory_is_refused_with_what_to_write(name: str) -> None:
    row = rows()[name]
    for dtype in (dtype for dtype in DTYPES if dtype not in dtypes_of(row)):
        module = load(Case(row, dtype, Space.DEVICE, ("relaxed",) * len(order_names(row))).source, "illegal")
        kernel = next(each for each in vars(module).values() if isinstance(each, enigma.KernelDef))
        with pytest.raises(
            EnigmaTypeError, match=rf"{name} works on buffers of .*, but A holds {dtype.name}"
        ) as caught:
            kernel.trace()
        assert "help: " in str(caught.value)
        named = re.findall(r"enigma\.(\w+)", str(caught.value).partition("help:")[2])
        assert all(hasattr(enigma, each) for each in named)
    for space in {Space.THREADGROUP} - set(spaces_of(row)):
        module = load(Case(row, dtypes_of(row)[0], space, ("relaxed",) * len(order_names(row))).source, "illegal")
        kernel = next(each for each in vars(module).values() if isinstance(each, enigma.KernelDef))
        with pytest.raises(EnigmaError, match=f"{name} works on device memory, but tile is threadgroup memory"):
            kernel.trace()
