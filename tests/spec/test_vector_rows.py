"""The meaning of every row that takes or gives whole vectors, against plain Python; and geometry at the edges."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from enigma.dtypes import FLOATS, Numeric, bf16, f16, f32, u8, u16, u32, u64, widened
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import rows
from enigma.spec.terms import NUMBERS, Static, Var, concrete
from tests.spec import exact
from tests.spec.forms import composite_rows
from tests.spec.values import Array
from tests.spec.vector_truths import LAYOUTS, VECTOR_TRUTHS, Within, srgb_limits, unpack

COUNT = 60
GEOMETRIC = {"length", "distance", "cross", "normalize", "reflect", "refract", "faceforward"}
UNIT_VECTORS = {"reflect", "refract", "faceforward"}


def test_every_composite_row_has_a_truth() -> None:
    assert {row.name for row in composite_rows()} == set(VECTOR_TRUTHS)


def is_geometric(row: Intrinsic) -> bool:
    return row.name.partition("_")[0] in GEOMETRIC or row.name == "dot"


def bindings(row: Intrinsic) -> Iterator[dict[Var, Numeric]]:
    """Yield what the first variable may be, the others following in turn."""
    first = row.variables[0].members() if row.variables else (None,)
    for number, dtype in enumerate(first):
        rest = {var: var.members()[number % len(var.members())] for var in row.variables[1:]}
        yield rest if dtype is None else {row.variables[0]: dtype, **rest}


def attribute_sets(row: Intrinsic, bound: Mapping[Var, Numeric]) -> Iterator[dict[str, Any]]:
    numbers = {name: term for name, term in row.attributes.items() if isinstance(term, Static)}
    if not numbers:
        yield {}
    for name, term in numbers.items():
        for value in range(term.low, term.high + 1):
            if row.check is None or row.check(bound, {name: value}) is None:
                yield {name: value}


def array(cases: Sequence[Any], dtype: Numeric) -> Array:
    """Return one operand of all threads; a vector's components come first."""
    with np.errstate(all="ignore"):
        held = np.array(cases, dtype.numpy)
    return held[None, :] if dtype.parts == 1 else np.moveaxis(held, 1, 0)[:, None, :]


def numbers(row: Intrinsic, name: str, dtype: Numeric, seed: int) -> list[Any]:
    """Return an operand of each thread, vectors as lists."""
    chance = random.Random(f"{row.name} {name} {dtype.name} {seed}")
    if is_geometric(row):
        made = [[chance.uniform(-4, 4) for _ in range(dtype.parts)] for _ in range(COUNT)]
        if row.name in UNIT_VECTORS and dtype.parts > 1:
            made = [[x / math.hypot(*v) for x in v] for v in made]
        if dtype.parts == 1:  # the ratio of refractive indices
            made = [[chance.uniform(0.3, 1.6)] for _ in made]
        found = [[exact.nearest(x, dtype.element) for x in v] for v in made]
    elif row.name.startswith("pack_"):
        edges = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            1.5,
            -1.5,
            math.inf,
            -math.inf,
            math.nan,
            0.5,
            0.25,
            1e-6,
            0.0031308,
            0.002,
            100.0,
        ]
        found = [
            [chance.choice(edges) if chance.random() < 0.4 else chance.uniform(-1.1, 1.1) for _ in range(dtype.parts)]
            for _ in range(4 * COUNT)
        ]
        found = [[exact.nearest(x, dtype.element) for x in v] for v in found]
    else:
        pool = exact.extremes(dtype.element) + exact.samples(dtype.element, COUNT, seed)
        found = [[chance.choice(pool) for _ in range(dtype.parts)] for _ in range(COUNT)]
    return found if dtype.parts > 1 else [v[0] for v in found]


def same(got: Any, want: Any, dtype: Numeric, row: Intrinsic) -> bool:
    """Return whether a number is the one wanted, or near enough."""
    if isinstance(want, Within):
        last = 2.0 ** -exact.FORMATS[dtype][0] * abs(want.value) + 2.0 ** (exact.FORMATS[dtype][1] - 10)
        return abs(got - want.value) <= want.error + last
    if dtype.is_float:
        rounded = exact.through_f32(want, dtype) if isinstance(want, Fraction) else want
        return exact.ulps_between(got, rounded, dtype) == 0
    return got == want


@pytest.mark.parametrize("row", composite_rows(), ids=lambda row: row.name)
def test_the_meaning_of_a_row_is_that_of_its_truth(row: Intrinsic) -> None:
    wrong, told = list[str](), 0
    for bound in bindings(row):
        for attrs in attribute_sets(row, bound):
            dtypes = [concrete(term, bound, attrs) for term in row.operands.values()]
            given = [
                numbers(row, name, dtype, k) for k, (name, dtype) in enumerate(zip(row.operands, dtypes, strict=True))
            ]
            assert row.result is not None
            out = concrete(row.result, bound, attrs)
            with np.errstate(all="ignore"):
                result = row.ref(np, *map(array, given, dtypes), **attrs)
            assert result.dtype == out.numpy
            parts = np.broadcast_to(result if out.parts > 1 else result[None], (out.parts, 1, len(given[0])))
            for thread, case in enumerate(zip(*given, strict=True)):
                truth = VECTOR_TRUTHS[row.name](dtypes[0], *case, **attrs)
                if truth is None:
                    continue
                told += 1
                wanted = truth if isinstance(truth, list) else [truth]
                got = exact.values(parts[:, 0, thread], out.element)
                if not all(same(*pair, out.element, row) for pair in zip(got, wanted, strict=True)):
                    wrong.append(f"{row.name}{case} {attrs} in {out.name}: {got}, not {wanted}")
    assert told > 40
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:10])


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda dtype: dtype.name)
def test_geometry_at_the_edges(dtype: Numeric) -> None:
    """Zero vectors, infinities, NaN, total reflection: what the reference pages say of them."""
    zero, ones, up = (array([v], widened(dtype, 3)) for v in ([0, 0, 0], [1, 1, 1], [0, 1, 0]))
    inf, nan = array([[math.inf, 0, 0]], widened(dtype, 3)), array([[math.nan, 0, 0]], widened(dtype, 3))
    slant = array([[0.8, -0.6, 0]], widened(dtype, 3))

    def call(name: str, *operands: Array) -> list[float]:
        with np.errstate(all="ignore"):
            return exact.values(rows()[name].ref(np, *operands), dtype)

    assert all(map(math.isnan, call("normalize", zero)))
    assert call("length", zero) == [0.0]
    assert call("length", inf) == [math.inf]
    assert math.isnan(call("length", nan)[0])
    assert math.isnan(call("dot", inf, zero)[0])
    assert call("cross", ones, ones) == [0, 0, 0]
    assert call("distance", ones, ones) == [0]
    assert call("refract", slant, up, array([1.5], dtype)) == [0, 0, 0]
    assert call("faceforward", ones, zero, up) == [-1, -1, -1]  # a dot product of 0 is not below it
    assert call("faceforward", ones, slant, up) == [1, 1, 1]
    assert call("reflect", -up, up) == [0, 1, 0]


def test_the_length_of_what_overflows_is_infinite() -> None:
    big = array([[2.0**100, 0.0]], widened(f32, 2))
    with np.errstate(all="ignore"):
        assert exact.values(rows()["length"].ref(np, big), f32) == [math.inf]
    half = array([[300.0, 400.0]], widened(f16, 2))  # its squares are no halves
    assert exact.values(rows()["length"].ref(np, half), f16) == [500.0]


# ---- packing: every code


@pytest.mark.parametrize("kind", [f32, f16], ids=["float", "half"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_code_of_every_component_is_unpacked_exactly_and_packed_again(layout: str, kind: Numeric) -> None:
    name = {f32: "float", f16: "half"}[kind]
    unpacks, packs = rows()[f"unpack_{layout}_to_{name}"], rows()[f"pack_{name}_to_{layout}"]
    word = packs.result
    assert isinstance(word, Numeric)
    offset = 0
    for k, bits in enumerate(LAYOUTS[layout]):
        codes = np.arange(2**bits, dtype=np.int64)
        words = (codes << offset).astype(word.numpy)[None, :]
        found = unpacks.ref(np, words)
        wanted = np.array([exact.through_f32(unpack(layout, int(w))[k], kind) for w in words[0]]).astype(kind.numpy)
        np.testing.assert_array_equal(found[k, 0], wanted)
        again = packs.ref(np, found)
        kept = codes.copy()
        if layout.startswith("snorm"):
            kept[2 ** (bits - 1)] += 1  # the lowest code stands for -1 too
        if kind is f32 or bits <= 8 or layout == "unorm10a2":
            np.testing.assert_array_equal(again[0], (kept << offset).astype(word.numpy))
        offset += bits


def test_an_srgb_code_is_never_off_by_one() -> None:
    """The floats on both sides of each of the 255 limits between codes."""
    row, limits = rows()["pack_float_to_srgb_unorm4x8"], srgb_limits()
    light = np.stack([limits, np.nextafter(limits, np.float32(1))], axis=1).ravel()
    found = row.ref(np, array([[x, x, x, 0.0] for x in light], widened(f32, 4)))
    np.testing.assert_array_equal(found[0] & 255, [k // 2 + k % 2 for k in range(510)])


# ---- the bits of vectors


@pytest.mark.parametrize("source", NUMBERS, ids=lambda dtype: dtype.name)
def test_the_bits_of_a_vector_are_those_of_its_components_in_order(source: Numeric) -> None:
    row, told = rows()["as_type"], 0
    first, second = row.variables
    for given in (dtype for dtype in first.members() if dtype.element is source):
        for target in second.members():
            if row.check is None or row.check({first: given, second: target}, {}) is not None:
                continue
            told += 1
            cases = numbers(row, "x", given, 1)
            result = row.ref(np, array(cases, given), dtype=target)
            assert result.dtype == target.numpy
            for thread, case in enumerate(cases):
                parts = case if given.parts > 1 else [case]
                whole = sum(exact.bits(x, source) << k * source.width for k, x in enumerate(parts))
                wanted = [
                    exact.from_bits(whole >> k * target.width & 2**target.width - 1, target.element)
                    for k in range(target.parts)
                ]
                got = exact.values(result[:, 0, thread] if target.parts > 1 else result[:, thread], target.element)
                assert all(same(*pair, target.element, row) for pair in zip(got, wanted, strict=True))
    assert told >= 4
    assert {source, u8, u16, u32, u64, bf16} <= {dtype.element for dtype in second.members()}
