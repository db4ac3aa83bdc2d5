"""Every row with a lowering, on every dtype: the CPU JIT's vectors agree with the row's NumPy meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from enigma.dtypes import DTYPES, VECTORS, Numeric, b1, f32, widened
from enigma.runtime.simulator.machine import simulate
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import all_rows
from enigma.spec.spelling import Unsupported
from enigma.spec.terms import Algebra, Buffer, Choice, DTypeArg, Effect, Numbers, Static, Texture, Var, concrete
from enigma.trace.node import Traced
from tests.spec.forms import is_matrix
from tests.unit.dialect.samples import Sketch
from tests.unit.emit import simt_run

ELEMENTS = 96  # of each kind: from the row's domain, and the edges of the dtype


def usable(row: Intrinsic) -> bool:
    if (
        isinstance(row.llvm, Unsupported)
        or row.at_launch
        or is_matrix(row)
        or row.algebra in (Algebra.TO_INDEX, Algebra.FROM_INDEX, Algebra.CONST)
    ):
        return False
    return row.effect in (Effect.PURE, Effect.SYNC) and not any(
        isinstance(t, Buffer | Texture) for t in row.operands.values()
    )


def bindings(row: Intrinsic) -> Iterator[dict[Var, Numeric]]:
    """Yield dtypes for the row's variables: every one of the first, and those of the others in turn."""
    variables = row.variables
    if not variables:
        yield {}
        return
    first, *others = variables
    for number, dtype in enumerate(_widths(row, first)):
        for other in range(max((len(var.dtypes) for var in others), default=1)):
            bound = {first: dtype} | {var: _other(row, var, number + other, dtype.lanes) for var in others}
            if row.check is None or row.check(bound, static_values(row, bound)) is None:
                yield bound


def _widths(row: Intrinsic, var: Var) -> list[Numeric]:
    """Return all scalar dtypes of a variable, and each of them as a vector of one length; all vectors where it takes no others."""
    if not row.by_component:
        return list(var.members())
    vectors = (widened(dtype, 2 + number % 3) for number, dtype in enumerate(var.dtypes))
    return [*var.dtypes, *(dtype for dtype in vectors if var.allows(dtype))]


def _other(row: Intrinsic, var: Var, number: int, lanes: int) -> Numeric:
    if row.lifts:
        return widened(var.dtypes[number % len(var.dtypes)], lanes)
    return var.members()[number % len(var.members())]


def static_values(row: Intrinsic, bound: dict[Var, Numeric]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, term in row.attributes.items():
        match term:
            case Choice():
                found[name] = next(iter(term.enum))
            case Static():
                found[name] = min(term.low + 3, term.high)
            case DTypeArg():
                found[name] = bound[term.var]
            case Numbers():
                found[name] = (1, 0, 1)
    return found


CASES = [(row, bound) for row in all_rows() if usable(row) for bound in bindings(row)]


def sketch(row: Intrinsic, bound: dict[Var, Numeric]) -> Traced | None:
    """Return a kernel that applies the row to elements of buffers, or None for a row without a result."""
    s = Sketch("one_row")
    i = s.gid()
    operands = []
    attrs, lanes = (
        static_values(row, bound),
        max((dtype.lanes for dtype in bound.values()), default=1) if row.lifts else 1,
    )
    for name, term in row.operands.items():
        dtype = concrete(term, bound, attrs, lanes)
        operands.append(s.load(s.buffer(f"p_{name}", dtype), i, name))
    if row.result is None:
        return None
    result = concrete(row.result, bound, attrs, lanes)
    value = s.op(row.name, *operands, result=result, **attrs)
    s.store(s.buffer("Out", result), i, value)
    return s.done()


def sample(
    rng: np.random.Generator, row: Intrinsic, name: str, dtype: Numeric, *, extreme: bool
) -> np.ndarray[Any, Any]:
    """Return operands: from the row's domain, or the edges of the dtype."""
    if dtype is b1:
        return rng.integers(0, 2, ELEMENTS).astype(bool)
    if dtype.is_float:
        low, high = row.domain[name] if not isinstance(row.domain, tuple) else row.domain
        values = rng.uniform(low, high, ELEMENTS)
        if extreme:
            edges = [
                0.0,
                -0.0,
                1.0,
                -1.0,
                0.5,
                2.5,
                -2.5,
                np.inf,
                -np.inf,
                np.nan,
                3e9,
                -3e9,
                1e20,
                -1e20,
                255.5,
                65504.0,
            ]
            # the order of the lanes is free, and decides whether there is an overflow on the way, and what is rounded off
            if row.effect is Effect.SYNC:
                edges = [x for x in edges if not 1e9 < abs(x) < np.inf]
            values = rng.choice(np.array(edges), ELEMENTS)
        with np.errstate(all="ignore"):
            return values.astype(np.float32).astype(dtype.numpy)
    if extreme:
        edges = [0, 1, 2, 3, 7, 31, 32, dtype.max, dtype.max - 1, dtype.min, dtype.min + 1, dtype.max // 2]
        edges += [-1, -2, -7] if dtype.is_signed else [16, 64, 100]
        return rng.choice(np.array(edges, dtype.numpy), ELEMENTS)
    return rng.integers(dtype.min, dtype.max, ELEMENTS, dtype.numpy, endpoint=True)


def identifier(case: tuple[Intrinsic, dict[Var, Numeric]]) -> str:
    row, bound = case
    return "-".join([row.name, *(dtype.name for dtype in bound.values())])


def distance(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], dtype: Numeric) -> np.ndarray[Any, Any]:
    """Return how many representable numbers apart two float arrays are; 0 for two NaNs."""
    bits = np.int32 if dtype is f32 else np.int16

    def ordered(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        whole = np.ascontiguousarray(values).view(bits).astype(np.int64)
        return np.where(whole < 0, -(whole & (2 ** (dtype.width - 1) - 1)), whole)

    both = np.isnan(x.astype(np.float64)) & np.isnan(y.astype(np.float64))
    return np.where(both, 0, np.abs(ordered(x) - ordered(y)))


def check(row: Intrinsic, traced: Traced, *, vector_bits: int | None) -> None:
    rng = np.random.default_rng(len(row.name))
    inputs = []
    for param in traced.params[:-1]:
        name = param.name.removeprefix("p_")
        drawn = [
            sample(rng, row, name, param.dtype.element, extreme=edge)
            for edge in (False, True)
            for _ in range(param.dtype.parts)
        ]
        inputs.append(np.concatenate(drawn))
    kind = traced.params[-1].dtype
    result = kind.element
    wanted, found = np.zeros(2 * ELEMENTS * kind.parts, result.numpy), np.zeros(2 * ELEMENTS * kind.parts, result.numpy)
    grid, threads = (2 * ELEMENTS, 1, 1), (64, 1, 1)
    simulate(traced, [*inputs, wanted], grid, threads)
    simt_run.run(traced, [*inputs, found], grid, threads, vector_bits=vector_bits)
    if not result.is_float:
        np.testing.assert_array_equal(found, wanted)
        return
    with np.errstate(all="ignore"):
        apart = distance(found, wanted, result)
        tiny = np.abs(wanted.astype(np.float64)) < 2.0 ** (-14 if result.name == "f16" else -126)
    apart = np.where(tiny, 0, apart)  # subnormal results may be flushed
    worst = int(np.argmax(apart))
    operands = [column[worst % len(column)] for column in inputs]
    assert apart[worst] <= row.ulp.get(result, 0.0), f"{operands}: {found[worst]} instead of {wanted[worst]}"


@pytest.mark.parametrize("case", CASES, ids=identifier)
def test_row_agrees_with_its_numpy_meaning(case: tuple[Intrinsic, dict[Var, Numeric]]) -> None:
    traced = sketch(*case)
    if traced is not None:
        check(case[0], traced, vector_bits=None)


@pytest.mark.parametrize("case", CASES[::7], ids=identifier)
def test_row_agrees_on_narrow_vectors(case: tuple[Intrinsic, dict[Var, Numeric]]) -> None:
    traced = sketch(*case)
    if traced is not None:
        check(case[0], traced, vector_bits=128)


@pytest.mark.parametrize("case", [case for case in CASES if case[0].level is not None], ids=identifier)
@pytest.mark.parametrize("vector_bits", [128, 256])
def test_places_are_right_where_fewer_lanes_than_a_simdgroup_run_together(
    case: tuple[Intrinsic, dict[Var, Numeric]], vector_bits: int
) -> None:
    traced = sketch(*case)
    assert traced is not None
    check(case[0], traced, vector_bits=vector_bits)


def test_all_dtypes_have_a_case() -> None:
    assert {dtype for _, bound in CASES for dtype in bound.values()} == {*DTYPES, *VECTORS}
