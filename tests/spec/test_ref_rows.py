"""Each row's `ref`, the meaning that every target is held to, against exact arithmetic on extreme and random numbers."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from enigma.dtypes import DTYPES, FLOATS, INTEGERS, Numeric, b1, index
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import all_rows, rows
from enigma.spec.terms import DTypeArg, Effect, Static, Var
from tests.spec import exact
from tests.spec.forms import is_composite, is_matrix
from tests.spec.truths import FUNCTIONS, TRUTHS, rounded

EDGE, MOST, RANDOM = 12, 700, 150
TOLERANCE = {"floordiv": 1, "mod": 1}
"""ulp between `ref` and the exact result: float `//` and `%` are computed in three roundings."""


def computed() -> Iterator[Intrinsic]:
    """Yield the rows that compute a value from operands."""
    for row in all_rows():
        if (
            row.effect is Effect.PURE
            and row.operands
            and not is_composite(row)
            and not row.at_launch
            and not row.method
            and not is_matrix(row)
        ):
            yield row


def bindings(row: Intrinsic) -> Iterator[dict[Var, Numeric]]:
    """Yield the dtypes to bind each variable to: all for the first, and those that make a difference for the others."""
    for chosen in itertools.product(*(var.dtypes for var in row.variables)):
        yield dict(zip(row.variables, chosen, strict=True))


def attributes(row: Intrinsic, bound: Mapping[Var, Numeric]) -> Iterator[dict[str, Any]]:
    """Yield compile-time arguments to try, those that the row's own check refuses left out."""
    dtypes = {name: bound[term.var] for name, term in row.attributes.items() if isinstance(term, DTypeArg)}
    statics = {name: term for name, term in row.attributes.items() if isinstance(term, Static)}
    candidates: list[dict[str, Any]]
    if not statics:
        candidates = [dtypes]
    elif "bits" not in statics:
        ((name, term),) = statics.items()
        candidates = [{name: value} | dtypes for value in range(term.low, min(term.high, term.low + 7) + 1)]
    else:
        width = next(iter(bound.values())).width
        fields = [
            (0, 0),
            (0, 1),
            (0, width),
            (3, 4),
            (width - 1, 1),
            (width // 2, width // 2),
            (width, 0),
            (1, width - 1),
        ]
        candidates = [{"offset": offset, "bits": bits} for offset, bits in fields if offset < 64]
    for attrs in candidates:
        if row.check is None or row.check(bound, attrs) is None:
            yield attrs


def operands(row: Intrinsic, bound: Mapping[Var, Numeric]) -> tuple[list[Numeric], list[tuple[Any, ...]]]:
    """Return the dtype of each operand and tuples of numbers: combinations of extremes, and random ones."""
    dtypes = [bound[term] if isinstance(term, Var) else term for term in row.operands.values()]
    numeric = [dtype for dtype in dtypes if isinstance(dtype, Numeric)]
    edges = list(itertools.product(*(exact.extremes(dtype) for dtype in numeric)))
    if len(edges) > MOST:
        edges = random.Random(row.name).sample(edges, MOST)
    draws = [exact.samples(dtype, RANDOM, seed) for seed, dtype in enumerate(numeric)]
    return numeric, edges + list(zip(*draws, strict=True))


def result_dtype(row: Intrinsic, bound: Mapping[Var, Numeric]) -> Numeric:
    """Return the dtype of the row's result."""
    dtype = bound[row.result] if isinstance(row.result, Var) else row.result
    assert isinstance(dtype, Numeric)
    return dtype


def apply(
    row: Intrinsic, dtypes: list[Numeric], cases: list[tuple[Any, ...]], attrs: dict[str, Any], out: Numeric
) -> list[Any]:
    """Return what `ref` gives for each case, with its dtype and shape checked."""
    columns = [exact.array(list(column), dtype) for column, dtype in zip(zip(*cases, strict=True), dtypes, strict=True)]
    kept = [column.copy() for column in columns]
    with np.errstate(all="ignore"):
        result = row.ref(np, *columns, **attrs)
    assert result.dtype == out.numpy, f"{row.name} gave {result.dtype} for {out.name}"
    assert result.shape == columns[0].shape
    for before, after in zip(kept, columns, strict=True):
        assert before.tobytes() == after.tobytes(), f"{row.name} changed its operand"
    return exact.values(result, out)


def differs(got: Any, want: Any, dtype: Numeric, allowed: float) -> bool:
    if not dtype.is_float:
        return got != want
    return exact.ulps_between(got, want, dtype) > allowed


@pytest.mark.parametrize("row", [row for row in computed() if row.name in TRUTHS], ids=lambda row: row.name)
def test_the_meaning_of_a_row_is_that_of_exact_arithmetic(row: Intrinsic) -> None:
    wrong = list[str]()
    for bound in bindings(row):
        first, out = next(iter(bound.values()), b1), result_dtype(row, bound)
        dtypes, cases = operands(row, bound)
        for attrs in attributes(row, bound):
            source = dtypes[0] if "dtype" in attrs else first
            wanted = [TRUTHS[row.name](source, *case, **attrs) for case in cases]
            got = apply(row, dtypes, cases, attrs, out)
            for case, mine, truth in zip(cases, got, wanted, strict=True):
                if truth is None:
                    continue
                want = rounded(truth, out)
                if differs(mine, want, out, TOLERANCE.get(row.name, 0)):
                    wrong.append(
                        f"{row.name}[{'/'.join(d.name for d in dtypes)}]{case} {attrs}: {mine!r}, not {want!r}"
                    )
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize("row", [row for row in computed() if row.name in FUNCTIONS], ids=lambda row: row.name)
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.name)
def test_a_float_function_is_right_to_a_unit_in_the_last_place_on_its_domain(row: Intrinsic, dtype: Numeric) -> None:
    chance = random.Random(f"{row.name} {dtype.name}")
    domains = [row.domain[name] if isinstance(row.domain, Mapping) else row.domain for name in row.operands]
    cases = [tuple(exact.nearest(chance.uniform(*domain), dtype) for domain in domains) for _ in range(400)]
    got = apply(row, [dtype] * len(domains), cases, {}, dtype)
    allowed = max(1.0, row.ulp[dtype])
    wrong = [
        f"{row.name}{case}: {mine!r}, not {want!r}"
        for case, mine in zip(cases, got, strict=True)
        if differs(mine, want := rounded(FUNCTIONS[row.name](*case), dtype), dtype, allowed)
    ]
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize(
    ("name", "operands", "want"),
    [
        ("sqrt", (-1.0,), math.nan), ("sqrt", (math.inf,), math.inf), ("rsqrt", (0.0,), math.inf), ("log", (0.0,), -math.inf),
        ("log", (-1.0,), math.nan), ("log2", (0.0,), -math.inf), ("log10", (math.inf,), math.inf), ("exp", (-math.inf,), 0.0),
        ("exp", (math.inf,), math.inf), ("exp2", (-math.inf,), 0.0), ("sin", (math.inf,), math.nan), ("cos", (0.0,), 1.0),
        ("tanh", (math.inf,), 1.0), ("tanh", (-math.inf,), -1.0), ("sinh", (-math.inf,), -math.inf),
        ("cosh", (-math.inf,), math.inf),
        ("asin", (2.0,), math.nan), ("acos", (-2.0,), math.nan), ("pow", (0.0, 0.0), 1.0), ("pow", (-8.0, 0.5), math.nan),
        ("pow", (-2.0, 3.0), -8.0), ("pow", (0.0, -1.0), math.inf), ("atan2", (0.0, 0.0), 0.0),
        ("clamp", (math.nan, 0.0, 1.0), 0.0),
        ("fma", (math.inf, 1.0, -math.inf), math.nan), ("exp", (math.nan,), math.nan),
    ],
)  # fmt: skip
def test_a_float_function_outside_of_its_domain(name: str, operands: tuple[float, ...], want: float) -> None:
    for dtype in FLOATS:
        (got,) = apply(rows()[name], [dtype] * len(operands), [operands], {}, dtype)
        assert exact.ulps_between(got, want, dtype) == 0


@pytest.mark.parametrize("name", ["neg", "abs", "copysign", "signbit", "floor", "ceil", "trunc", "round"])
@pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.name)
def test_the_sign_of_zero_is_kept(name: str, dtype: Numeric) -> None:
    row = rows()[name]
    zeros = [(-0.0,), (0.0,)] if len(row.operands) == 1 else [(-0.0, 1.0), (0.0, -1.0)]
    signs = {"neg": [1, -1], "abs": [1, 1], "copysign": [1, -1]}.get(name, [-1, 1])
    got = apply(row, [dtype] * len(row.operands), zeros, {}, b1 if name == "signbit" else dtype)
    assert got == [True, False] if name == "signbit" else [math.copysign(1, x) for x in got] == signs


def test_every_computing_row_has_a_truth() -> None:
    assert {row.name for row in computed()} == set(TRUTHS) | set(FUNCTIONS)


def test_constants_are_of_their_dtype() -> None:
    row = rows()["const"]
    for dtype in DTYPES:
        value = True if dtype is b1 else dtype.max if dtype in INTEGERS else 1.5
        made = row.ref(np, dtype=dtype, value=value)
        assert made.dtype == dtype.numpy
        assert made.item() == value


@pytest.mark.parametrize("dtype", (*DTYPES, index), ids=lambda dtype: dtype.name)
def test_rounding_and_bits_agree_with_numpy(dtype: Numeric) -> None:
    """The exact arithmetic itself, so that one mistake is not made twice."""
    for value in exact.samples(dtype, 100, 5):
        held = np.array(value, dtype.numpy)
        assert held.tobytes() == np.array([exact.bits(value, dtype)], f"<u{dtype.size}").tobytes()
        if dtype.is_float:
            assert exact.nearest(float(value), dtype) == held.astype(np.float64).item()
