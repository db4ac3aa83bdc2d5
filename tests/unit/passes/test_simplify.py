"""Single operations: what folds, what identities and ranges replace, and what must stay as written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.text import parse_module, print_module
from enigma.dialect.verify import verify
from enigma.dtypes import f16, i32
from enigma.passes.dce import remove_dead
from enigma.passes.fold import evaluate
from enigma.passes.simplify import simplify


def rewrite(body: str, result: str = "si32") -> list[str]:
    """Simplify `body`, whose last line defines %r, a value of type `result`; return what is left of it.

    %x and %y are int, %u is uint, %f is float, %b and %c are bool parameters, %t is a position in the grid as an int.
    """
    text = f"""
    func.func @k(%x: si32, %y: si32, %u: ui32, %f: f32, %b: i1, %c: i1, %Out: !enigma.buffer<{result}>)
        attributes {{enigma.kernel}} {{
      %g = enigma.thread_position_in_grid {{dim = "x"}} : ui32
      %t = enigma.convert %g : ui32 -> si32
      {body}
      enigma.store %Out, %g, %r : !enigma.buffer<{result}>, ui32
      func.return
    }}"""
    module = parse_module(text)
    verify(module)
    while simplify(module) | remove_dead(module):
        verify(module)
    lines = [line.strip() for line in print_module(module).splitlines()]
    start = next(i for i, line in enumerate(lines) if "thread_position_in_grid" in line)
    end = next(i for i, line in enumerate(lines) if "enigma.store" in line)
    stored = lines[end].split(", ")[2].split(" ")[0]
    return [*(line for line in lines[start + 1 : end] if not line.startswith("%t =")), stored]


def const(name: str, value: str) -> str:
    dtype = value.rpartition(" : ")[2] if ":" in value else "i1"
    return f"%{name} = enigma.const {{value = {value}}} : {dtype}"


@pytest.mark.parametrize(
    ("body", "result", "left"),
    [
        ("%r = enigma.add %x, %k : si32", "0 : si32", "%x"),
        ("%r = enigma.mul %k, %x : si32", "1 : si32", "%x"),
        ("%r = enigma.sub %x, %k : si32", "0 : si32", "%x"),
        ("%r = enigma.div %x, %k : si32", "1 : si32", "%x"),
        ("%r = enigma.floordiv %x, %k : si32", "1 : si32", "%x"),
        ("%r = enigma.shl %x, %k : si32, si32", "0 : si32", "%x"),
        ("%r = enigma.bitand %x, %k : si32", "-1 : si32", "%x"),
        ("%r = enigma.bitor %x, %k : si32", "0 : si32", "%x"),
        ("%r = enigma.bitxor %x, %k : si32", "0 : si32", "%x"),
        ("%z = enigma.neg %x : si32\n%r = enigma.neg %z : si32", "0 : si32", "%x"),
        ("%r = enigma.imin %x, %x : si32", "0 : si32", "%x"),
        ("%r = enigma.select %b, %x, %x : si32", "0 : si32", "%x"),
        ("%z = enigma.convert %x : si32 -> si64\n%r = enigma.convert %z : si64 -> si32", "0 : si32", "%x"),
        ("%z = enigma.to_index %x : si32\n%r = enigma.from_index %z : index -> si32", "0 : si32", "%x"),
    ],
)
def test_neutral_operations_are_gone(body: str, result: str, left: str) -> None:
    assert rewrite(f"{const('k', result)}\n{body}") == [left]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("%r = enigma.sub %x, %x : si32", "0 : si32"),
        ("%r = enigma.mul %x, %zero : si32", "0 : si32"),
        ("%r = enigma.bitxor %x, %x : si32", "0 : si32"),
        ("%r = enigma.mod %x, %one : si32", "0 : si32"),
        ("%r = enigma.add %most, %one : si32", "-2147483648 : si32"),
        ("%r = enigma.floordiv %minus, %two : si32", "-4 : si32"),
        ("%r = enigma.div %minus, %two : si32", "-3 : si32"),
        ("%r = enigma.mod %minus, %two : si32", "1 : si32"),
    ],
)
def test_results_known_before_the_kernel_runs_are_constants(body: str, value: str) -> None:
    numbers = {"zero": 0, "one": 1, "two": 2, "minus": -7, "most": 2147483647}
    constants = "\n".join(const(name, f"{number} : si32") for name, number in numbers.items())
    line, stored = rewrite(f"{constants}\n{body}")
    assert line == f"{stored} = enigma.const {{value = {value}}} : si32"


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("%r = enigma.div %x, %zero : si32", "%x"),  # what Metal leaves undefined is what it is on the other targets
        ("%r = enigma.floordiv %x, %zero : si32", "%x"),
        ("%r = enigma.div %k, %zero : si32", "7 : si32"),
        ("%r = enigma.mod %x, %zero : si32", "0 : si32"),
        ("%r = enigma.rem %x, %zero : si32", "0 : si32"),
        ("%r = enigma.shl %x, %wide : si32, si32", "enigma.shl %x, 1"),
        ("%r = enigma.shr %x, %minus : si32, si32", "enigma.shr %x, 31"),
        ("%r = enigma.shl %x, %k32 : si32, si32", "%x"),
    ],
)
def test_what_metal_leaves_undefined_never_reaches_its_text(body: str, left: str) -> None:
    numbers = {"zero": 0, "k": 7, "wide": 33, "minus": -1, "k32": 32}
    constants = [const(name, f"{number} : si32") for name, number in numbers.items()]
    lines = rewrite("\n".join([*constants, body]))
    if left.startswith("enigma"):
        operation, amount = left.rsplit(", ", 1)
        assert any(operation in line for line in lines), lines
        left = f"value = {amount} : si32"
    assert lines == ["%x"] if left == "%x" else any(left in line for line in lines), lines


def test_an_integer_over_itself_stays_for_it_may_be_zero() -> None:
    assert any("enigma.div" in line for line in rewrite("%r = enigma.div %x, %x : si32"))


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("%r = enigma.add %f, %zero : f32", None),  # -0.0 + 0.0 is 0.0
        ("%r = enigma.add %f, %negative : f32", "%f"),
        ("%r = enigma.sub %f, %zero : f32", "%f"),
        ("%r = enigma.sub %f, %negative : f32", None),
        ("%r = enigma.mul %f, %one : f32", "%f"),
        ("%r = enigma.mul %f, %zero : f32", None),  # of infinity it is NaN, of -1 it is -0.0
        ("%r = enigma.div %f, %one : f32", "%f"),
        ("%r = enigma.sub %f, %f : f32", None),
        ("%r = enigma.floordiv %f, %one : f32", None),
    ],
)
def test_float_identities_hold_for_zeros_infinities_and_nan(body: str, left: str | None) -> None:
    constants = [const("zero", "0.0 : f32"), const("negative", "-0.0 : f32"), const("one", "1.0 : f32")]
    found = rewrite("\n".join([*constants, body]), "f32")
    assert found == [left] if left is not None else found[-1] == "%r"


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("%z = enigma.cmp_lt %x, %y : si32\n%r = enigma.logical_not %z : i1", "%r = enigma.cmp_ge %x, %y : si32"),
        ("%z = enigma.cmp_eq %f, %f : f32\n%r = enigma.logical_not %z : i1", "%r = enigma.cmp_ne %f, %f : f32"),
        ("%z = enigma.cmp_lt %f, %f : f32\n%r = enigma.logical_not %z : i1", "%r = enigma.logical_not %z : i1"),
        ("%z = enigma.logical_not %b : i1\n%r = enigma.logical_not %z : i1", "%b"),
        ("%r = enigma.cmp_eq %b, %true : i1", "%b"),
        ("%r = enigma.cmp_ne %b, %true : i1", "%r = enigma.logical_not %b : i1"),
        ("%r = enigma.logical_and %b, %true : i1", "%b"),
        ("%r = enigma.logical_or %b, %b : i1", "%b"),
        ("%r = enigma.logical_or %b, %true : i1", "%true"),
        ("%r = enigma.bitxor %b, %true : i1", "%r = enigma.logical_not %b : i1"),
        ("%r = enigma.select %b, %true, %c : i1", "%r = enigma.logical_or %b, %c : i1"),
        ("%r = enigma.select %b, %c, %false : i1", "%r = enigma.logical_and %b, %c : i1"),
        ("%r = enigma.select %b, %false, %true : i1", "%r = enigma.logical_not %b : i1"),
        ("%r = enigma.cmp_le %x, %x : si32", "%r = enigma.const {value = true} : i1"),
    ],
)
def test_truth_values(body: str, left: str) -> None:
    found = rewrite(f"{const('true', 'true')}\n{const('false', 'false')}\n{body}", "i1")
    assert left in found


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("%r = enigma.floordiv %t, %k : si32", "%r = enigma.div %t, %k : si32"),
        ("%r = enigma.mod %t, %k : si32", "%r = enigma.rem %t, %k : si32"),
        ("%r = enigma.floordiv %x, %k : si32", "%r = enigma.shr %x, %0 : si32, si32"),
        ("%r = enigma.mod %x, %k : si32", "%r = enigma.bitand %x, %0 : si32"),
        ("%r = enigma.mod %x, %three : si32", "%r = enigma.mod %x, %three : si32"),
        ("%a = enigma.add %x, %three : si32\n%r = enigma.add %a, %k : si32", "%0 = enigma.const {value = 19 : si32} : si32"),
        ("%a = enigma.sub %x, %three : si32\n%r = enigma.add %a, %three : si32", "%x"),
        ("%a = enigma.mul %x, %three : si32\n%r = enigma.mul %a, %k : si32", "%0 = enigma.const {value = 48 : si32} : si32"),
        ("%a = enigma.div %x, %three : si32\n%r = enigma.div %a, %k : si32", "%0 = enigma.const {value = 48 : si32} : si32"),
        ("%r = enigma.add %x, %less : si32", "%r = enigma.sub %x, %0 : si32"),
        (
            "%a = enigma.floordiv %x, %k : si32\n%m = enigma.mul %a, %k : si32\n%n = enigma.mod %x, %k : si32\n"
            "%r = enigma.add %m, %n : si32",
            "%x",
        ),
        ("%a = enigma.bitand %x, %low : si32\n%r = enigma.floordiv %a, %k : si32", "%r = enigma.const {value = 0 : si32} : si32"),
        ("%a = enigma.bitand %x, %low : si32\n%r = enigma.mod %a, %k : si32", "%r = enigma.bitand %x, %low : si32"),
        ("%r = enigma.imax %t, %zero : si32", "%t"),
    ],
)  # fmt: skip
def test_index_arithmetic(body: str, left: str) -> None:
    numbers = {"k": 16, "three": 3, "less": -2, "low": 15, "zero": 0}
    constants = "\n".join(const(name, f"{number} : si32") for name, number in numbers.items())
    found = rewrite(f"{constants}\n{body}")
    assert left in found or left.replace("%r", "%a") in found


def test_a_loop_counter_is_known_not_to_be_negative() -> None:
    body = """
    %zero = enigma.const {value = 0 : si32} : si32
    %k = enigma.const {value = 16 : si32} : si32
    %lo = enigma.to_index %zero : si32
    %hi = enigma.to_index %x : si32
    %st = enigma.to_index %k : si32
    %r = scf.for %iv = %lo to %hi step %st iter_args(%acc = %zero) -> (si32) {
      %i = enigma.from_index %iv : index -> si32
      %q = enigma.floordiv %i, %k : si32
      %ok = enigma.cmp_ge %i, %zero : si32
      %kept = enigma.select %ok, %q, %zero : si32
      %new = enigma.add %acc, %kept : si32
      scf.yield %new : si32
    }"""
    found = rewrite(body)
    assert "%q = enigma.div %i, %k : si32" in found
    assert not any("select" in line for line in found)


def test_a_float_that_overflows_stays_as_written() -> None:
    body = f"{const('k', '1.0e+30 : f32')}\n%r = enigma.mul %k, %k : f32"
    assert "%r = enigma.mul %k, %k : f32" in rewrite(body, "f32")


def test_half_arithmetic_rounds_as_numpy_does() -> None:
    text = """func.func @k(%x: f16) {
      %r = enigma.mul %x, %x : f16
      func.return
    }"""
    op = next(op for op in parse_module(text).walk() if isinstance(op, IntrinsicOp))
    for value in (0.1, 3.3, 250.0, 6e-8):
        half = np.float16(value)
        assert evaluate(op, [float(half)] * 2, [f16] * 2, f16) == float(half * half)


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31), 0, -5])
def test_integer_functions_fold_to_exact_values(value: int) -> None:
    text = """func.func @k(%x: si32, %y: si32) {
      %r = enigma.mul_hi %x, %y : si32
      func.return
    }"""
    op: Any = next(op for op in parse_module(text).walk() if isinstance(op, IntrinsicOp))
    assert evaluate(op, [value, 12345], [i32] * 2, i32) == (value * 12345) >> 32
