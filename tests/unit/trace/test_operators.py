"""Every Python operator on every pair of dtypes: the dtype of the result and its value, against C's rules in exact integers."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from enigma.dtypes import DTYPES, FLOATS, INTEGERS, Numeric
from enigma.errors import EnigmaTypeError, EnigmaValueError
from tests.unit.trace.running import run

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv, "%": operator.mod,
}  # fmt: skip
BITS: dict[str, Callable[[Any, Any], Any]] = {"&": operator.and_, "|": operator.or_, "^": operator.xor}
SHIFTS: dict[str, Callable[[Any, Any], Any]] = {"<<": operator.lshift, ">>": operator.rshift}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
PAIRS = [(a, b) for a in DTYPES for b in DTYPES if {a.name, b.name} != {"f16", "bf16"}]


def common(a: Numeric, b: Numeric) -> str:
    """C's usual arithmetic conversions, written from the standard (6.3.1.8); a float wins, whatever its width."""
    floats = [d.name for d in (a, b) if d.is_float]
    if floats:
        return floats[0] if len(set(floats)) == 1 else "f32"
    wide = []
    for d in (a, b):
        wide.append((32, True) if d.width < 32 else (d.width, d.is_signed))
    (wa, sa), (wb, sb) = wide
    if wa == wb:
        return f"{'i' if sa and sb else 'u'}{wa}"
    width, signed = max(wide)
    return f"{'i' if signed else 'u'}{width}"


def traced_dtype(function: Callable[..., Any], *dtypes: Numeric) -> Numeric:
    """Return the dtype of a function of one element of each dtype."""
    seen: list[Numeric] = []
    first, second = (*dtypes, en.f32)[:2]

    @en.kernel
    def kernel(A: first, B: second):
        seen.append(function(A[0], B[0]).dtype if len(dtypes) == 2 else function(A[0]).dtype)

    kernel.trace()
    return seen[0]


def evaluated(function: Callable[..., Any], a: Any, b: Any, a_type: Numeric, b_type: Numeric, out: Numeric) -> Any:
    @en.kernel
    def kernel(A: a_type, B: b_type, Out: out):
        Out[0] = function(A[0], B[0])

    result = np.zeros(1, out.numpy)
    run(kernel, np.array([a], a_type.numpy), np.array([b], b_type.numpy), result)
    return result[0].item()


def wrapped(value: int, dtype: Numeric) -> int:
    value &= (1 << dtype.width) - 1
    return value - (1 << dtype.width) if dtype.is_signed and value >> (dtype.width - 1) else value


def exact(symbol: str, a: int, b: int) -> int:
    """What C gives for whole numbers, before it is cut to the dtype's width."""
    match symbol:
        case "/":
            return int(Fraction(a, b))  # towards zero
        case _:
            return int((ARITHMETIC | BITS | SHIFTS)[symbol](a, b))


def sample(dtype: Numeric, which: int) -> Any:
    if dtype is en.b1:
        return True
    if dtype.is_float:
        return (-2.75, 3.5)[which]
    low = -7 if dtype.is_signed else 250 % (dtype.max + 1)
    return (low, 3)[which]


@pytest.mark.parametrize("symbol", ARITHMETIC)
def test_arithmetic_gives_the_common_dtype_and_its_value(symbol: str) -> None:
    for a, b in PAIRS:
        out = traced_dtype(ARITHMETIC[symbol], a, b)
        assert out.name == common(a, b), f"{a.name} {symbol} {b.name}"
        x, y = sample(a, 0), sample(b, 1)
        found = evaluated(ARITHMETIC[symbol], x, y, a, b, out)
        if not out.is_float:
            left, right = wrapped(int(x), out), wrapped(int(y), out)
            assert found == wrapped(exact(symbol, left, right), out), f"{a.name}({x}) {symbol} {b.name}({y})"
            continue
        wide = np.float32(out.numpy.type(x)), np.float32(out.numpy.type(y))
        assert found == out.numpy.type(ARITHMETIC[symbol](*wide)).item(), f"{a.name}({x}) {symbol} {b.name}({y})"


@pytest.mark.parametrize("symbol", BITS)
def test_bit_operators_take_integers_and_bools(symbol: str) -> None:
    for a, b in PAIRS:
        if a.is_float or b.is_float:
            with pytest.raises(EnigmaTypeError, match="takes i32"):
                traced_dtype(BITS[symbol], a, b)
            continue
        out = traced_dtype(BITS[symbol], a, b)
        assert out.name == ("b1" if a is b is en.b1 else common(a, b))
        x, y = sample(a, 0), sample(b, 1)
        wanted = exact(symbol, int(x), int(y))
        assert evaluated(BITS[symbol], x, y, a, b, out) == (bool(wanted) if out is en.b1 else wrapped(wanted, out))


@pytest.mark.parametrize("symbol", SHIFTS)
def test_shifts_have_the_widened_dtype_of_the_left_side(symbol: str) -> None:
    for a in INTEGERS:
        for b in INTEGERS:
            out = traced_dtype(SHIFTS[symbol], a, b)
            assert out.name == common(a, a)
            x = sample(a, 0)
            assert evaluated(SHIFTS[symbol], x, 3, a, b, out) == wrapped(exact(symbol, x, 3), out)


@pytest.mark.parametrize("symbol", COMPARISONS)
def test_comparisons_compare_in_the_common_dtype(symbol: str) -> None:
    for a, b in PAIRS:
        assert traced_dtype(COMPARISONS[symbol], a, b) is en.b1
        x, y = sample(a, 0), sample(b, 1)
        dtype = next(d for d in DTYPES if d.name == common(a, b))
        left, right = (x, y) if dtype.is_float else (wrapped(int(x), dtype), wrapped(int(y), dtype))
        assert evaluated(COMPARISONS[symbol], x, y, a, b, en.b1) == COMPARISONS[symbol](left, right)


@pytest.mark.parametrize("a", DTYPES, ids=str)
def test_a_literal_takes_the_dtype_of_the_other_side(a: Numeric) -> None:
    whole = common(a, a)
    for function in (
        lambda x: x + 3,
        lambda x: 3 + x,
        lambda x: x - 3,
        lambda x: 3 - x,
        lambda x: x * 3,
        lambda x: 3 * x,
    ):
        assert traced_dtype(function, a).name == whole
    for function in (
        lambda x: x / 3,
        lambda x: 3 / x,
        lambda x: x // 3,
        lambda x: 3 // x,
        lambda x: x % 3,
        lambda x: 3 % x,
    ):
        assert traced_dtype(function, a).name == whole
    for function in (
        lambda x: x * 0.5,
        lambda x: 0.5 * x,
        lambda x: 1.0 / x,
        lambda x: x + np.float32(0.5),
        lambda x: np.float64(1) / x,
    ):
        assert traced_dtype(function, a).name == (a.name if a.is_float else "f32")
    for function in (lambda x: x + True, lambda x: np.int64(3) * x):
        assert traced_dtype(function, a).name == whole
    if not a.is_float:
        for function in (lambda x: x << 1, lambda x: x & 1, lambda x: 1 | x, lambda x: 1 ^ x, lambda x: ~x):
            if a is not en.b1:
                assert traced_dtype(function, a).name == whole
        if a is not en.b1:
            assert traced_dtype(lambda x: 1 << x, a).name == "i32"


def test_two_constants_and_a_bare_literal_become_i32_f32_or_b1() -> None:
    @en.kernel
    def kernel(A: en.f32):
        assert (en.i32(1) + 2).dtype is en.i32
        assert (en.f16(1) + 2.5).dtype is en.f16
        assert en.where(A[0] > 0, 1, 2).dtype is en.i32
        assert en.where(A[0] > 0, 1, 2.0).dtype is en.f32
        assert en.where(A[0] > 0, True, False).dtype is en.b1

    kernel.trace()


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_an_int_literal_that_does_not_fit_is_an_error(dtype: Numeric) -> None:
    wide = next(d for d in INTEGERS if d.name == common(dtype, dtype))
    assert traced_dtype(lambda x: x + wide.max, dtype) is wide
    for wrong in (wide.max + 1, wide.min - 1):
        with pytest.raises((EnigmaValueError, EnigmaTypeError), match="fit"):
            traced_dtype(lambda x, wrong=wrong: x + wrong, dtype)


def test_half_with_bfloat_is_an_error_in_every_operator() -> None:
    for function in (*ARITHMETIC.values(), *COMPARISONS.values(), operator.pow, min, max):
        for a, b in ((en.f16, en.bf16), (en.bf16, en.f16)):
            with pytest.raises(EnigmaTypeError, match="no common type"):
                traced_dtype(function, a, b) if function not in (min, max) else _extreme(function, a, b)


def _extreme(function: Callable[..., Any], a: Numeric, b: Numeric) -> None:
    @en.kernel
    def kernel(A: a, B: b):
        A[0] = max(A[0], B[0]) if function is max else min(A[0], B[0])

    kernel.trace()


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_powers_of_floats(dtype: Numeric) -> None:
    for exponent in (1, 2, 3, 8, 0.5, -1, 2.0):
        found = evaluated(lambda x, y, e=exponent: x**e, 1.5, 0, dtype, en.i32, dtype)
        assert found == pytest.approx(1.5**exponent, rel=2**-7)


def test_powers_of_integers_are_exact_and_wrap() -> None:
    for exponent in range(9):
        found = evaluated(lambda x, y, e=exponent: x**e, -77, 0, en.i32, en.i32, en.i32)
        assert found == wrapped((-77) ** exponent, en.i32)


def test_unary_operators_and_builtins() -> None:
    @en.kernel
    def kernel(A: en.f32, I: en.i32, U: en.u8, F: en.f32, O: en.i32):  # noqa: E741 - O as in output
        F[0], F[1], F[2], F[3] = -A[0], +A[0], abs(A[0]), round(A[0])
        F[4], F[5], F[6] = float(I[0]), min(A[0], 1), max(A[0], A[1], 2.5)
        O[0], O[1], O[2], O[3] = -I[0], ~I[0], abs(I[0]), int(A[0])
        O[4], O[5] = divmod(I[0], 3)
        O[6], O[7] = -U[0], min(I[0], -9)
        O[8] = bool(A[0]) + True

    floats, ints = np.zeros(7, np.float32), np.zeros(9, np.int32)
    run(kernel, np.array([-2.5, 7], np.float32), np.array([-7], np.int32), np.array([200], np.uint8), floats, ints)
    assert floats.tolist() == [2.5, -2.5, 2.5, -2.0, -7.0, -2.5, 7.0]
    assert ints.tolist() == [7, 6, 7, -2, -3, 2, -200, -9, 2]


def test_floor_and_remainder_follow_python_for_all_signs() -> None:
    for x in (-7, -6, 0, 6, 7):
        for y in (-3, 3):
            assert evaluated(operator.floordiv, x, y, en.i32, en.i32, en.i32) == x // y
            assert evaluated(operator.mod, x, y, en.i32, en.i32, en.i32) == x % y
            assert evaluated(operator.truediv, x, y, en.i32, en.i32, en.i32) == int(Fraction(x, y))
            assert evaluated(operator.floordiv, x, y, en.f32, en.f32, en.f32) == x // y
            assert evaluated(operator.mod, x, y, en.f32, en.f32, en.f32) == x % y


def test_numpy_numbers_are_literals_on_both_sides() -> None:
    @en.kernel
    def kernel(A: en.f32, O: en.f32):  # noqa: E741 - O as in output
        O[0] = np.float32(2) * A[0] + np.int64(1)
        O[1] = np.float64(0.5) - A[0]
        O[2] = np.array(3.0) * A[0]

    found = np.zeros(3, np.float32)
    run(kernel, np.array([4], np.float32), found)
    assert found.tolist() == [9, -3.5, 12]


def test_bfloat_is_computed_in_f32_and_rounded_once() -> None:
    x, y = ml_dtypes.bfloat16(1.0078125), ml_dtypes.bfloat16(3.015625)
    found = evaluated(operator.mul, x, y, en.bf16, en.bf16, en.bf16)
    assert found == float(ml_dtypes.bfloat16(np.float32(x) * np.float32(y)))
