"""Parentheses, literals and names of C-like expressions."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from enigma.dtypes import b1, bf16, f16, f32, i8, i32, i64, u8, u32, u64
from enigma.emit.expr import conversion, infix, literal, merged, name, prefix, ternary
from enigma.emit.literal import typed, untyped
from enigma.emit.reserved import is_reserved, legal
from enigma.spec.spelling import Infix, Precedence
from tests.msl import words

ADD, MUL = Infix("+", Precedence.ADDITIVE), Infix("*", Precedence.MULTIPLICATIVE)
SUB, SHL = Infix("-", Precedence.ADDITIVE), Infix("<<", Precedence.SHIFT)
AND, OR = Infix("&&", Precedence.LOGICAL_AND), Infix("||", Precedence.LOGICAL_OR)
BAND, LT, EQ = Infix("&", Precedence.BIT_AND), Infix("<", Precedence.RELATIONAL), Infix("==", Precedence.EQUALITY)
A, B, C = (name(text, i32) for text in "abc")
P, Q, R = (name(text, b1) for text in "pqr")


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (infix(ADD, A, infix(MUL, B, C, i32), i32), "a + b * c"),
        (infix(MUL, infix(ADD, A, B, i32), C, i32), "(a + b) * c"),
        (infix(SUB, A, infix(SUB, B, C, i32), i32), "a - (b - c)"),
        (infix(SUB, infix(SUB, A, B, i32), C, i32), "a - b - c"),
        (infix(SHL, infix(ADD, A, B, i32), C, i32), "(a + b) << c"),
        (infix(EQ, infix(BAND, A, B, i32), C, b1), "(a & b) == c"),
        (infix(BAND, infix(SHL, A, B, i32), C, i32), "(a << b) & c"),
        (infix(OR, infix(AND, P, Q, b1), R, b1), "(p && q) || r"),
        (infix(AND, P, infix(AND, Q, R, b1), b1), "p && q && r"),
        (prefix("-", prefix("-", A, i32), i32), "-(-a)"),
        (prefix("!", infix(LT, A, B, b1), b1), "!(a < b)"),
        (prefix("!", prefix("!", P, b1), b1), "p"),
        (infix(EQ, prefix("!", P, b1), Q, b1), "(!p) == q"),
        (infix(ADD, A, literal(-1, i32), i32), "a - 1"),
        (infix(SUB, A, literal(-1, i32), i32), "a - -1"),
        (ternary(infix(LT, A, B, b1), A, B, i32), "a < b ? a : b"),
        (ternary(P, Q, literal(False, b1), b1), "p && q"),
        (ternary(P, literal(True, b1), Q, b1), "p || q"),
        (ternary(literal(True, b1), A, B, i32), "a"),
        (infix(AND, literal(True, b1), P, b1), "p"),
        (infix(OR, literal(True, b1), P, b1), "true"),
    ],
)
def test_parentheses_are_the_ones_a_reader_wants(expr, text) -> None:
    assert expr.text == text


def test_a_literal_takes_its_type_from_the_other_operand() -> None:
    n = name("n", u32)
    assert infix(ADD, n, literal(5, u32), u32).text == "n + 5"
    assert infix(SHL, literal(1, u32), n, u32).text == "1u << n"
    assert infix(ADD, literal(1, u32), literal(2, u32), u32).text.count("u") >= 1
    assert infix(ADD, n, literal(2**32 - 1, u32), u32).text == "n + 4294967295u"


def test_a_narrow_integer_is_promoted_without_a_cast() -> None:
    x = name("x", u8)
    wide = conversion(merged("int(x)", i32, Precedence.POSTFIX, (x,)), x)
    assert infix(ADD, wide, A, i32).text == "x + a"
    as_float = conversion(merged("float(x)", f32, Precedence.POSTFIX, (x,)), x)
    assert infix(ADD, as_float, as_float, f32).text == "float(x) + float(x)"
    assert infix(MUL, as_float, literal(0.5, f32), f32).text == "x * 0.5f"


def test_a_signed_operand_keeps_its_cast_where_the_sign_counts() -> None:
    n, cast = name("n", u32), conversion(merged("uint(a)", u32, Precedence.POSTFIX, (A,)), A)
    assert infix(ADD, n, cast, u32).text == "n + a"
    assert infix(LT, cast, n, b1).text == "uint(a) < n"


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        (0.125, f32, "0.125f"),
        (1.0, f32, "1.0f"),
        (1e-5, f32, "1e-5f"),
        (-0.0, f32, "-0.0f"),
        (0.1, f32, "0.1f"),
        (0.5, f16, "0.5h"),
        (0.5, bf16, "bfloat(0.5f)"),
        (float("inf"), f32, "INFINITY"),
        (float("-inf"), f32, "-INFINITY"),
        (float("nan"), f16, "half(NAN)"),
        (5, u32, "5u"),
        (5, i64, "5l"),
        (5, u64, "5ul"),
        (200, u8, "uchar(200)"),
        (-128, i8, "char(-128)"),
        (-(2**31), i32, "(-2147483647 - 1)"),
        (-(2**63), i64, "(-9223372036854775807l - 1l)"),
        (True, b1, "true"),
    ],
)
def test_literals_have_the_type_they_stand_for(value, dtype, text) -> None:
    assert typed(value, dtype) == text


def test_zero_keeps_its_sign_after_the_other_zero() -> None:
    assert [typed(zero, f32) for zero in (0.0, -0.0, 0.0)] == ["0.0f", "-0.0f", "0.0f"]


def test_float_literals_read_back_exactly() -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 2000, dtype=np.uint32)
    for value in bits.view(np.float32):
        if np.isfinite(value):
            text = typed(float(value), f32)
            assert "0x" not in text
            assert np.float32(float(text.removesuffix("f"))) == value
            assert len(text) <= len(repr(float(value))) + 1
    for pattern in range(0, 2**16, 7):
        value = struct.unpack("<e", struct.pack("<H", pattern))[0]
        if np.isfinite(value):
            assert np.float16(float(typed(value, f16).removesuffix("h"))) == np.float16(value)


def test_a_number_that_no_int_holds_keeps_its_suffix() -> None:
    assert untyped(2**31, u32) == "2147483648u"
    assert untyped(2**31 - 1, u32) == "2147483647"
    assert untyped(2**40, i64) == "1099511627776l"


@pytest.mark.parametrize(
    ("wish", "got"),
    [("x", "x"), ("float4", "float4_"), ("and", "and_"), ("__a", "_a"), ("_B", "B"), ("_b", "_b"), ("a__b", "a_b"),
     ("", "v"), ("_", "v"), ("9", "v9"), ("é", "v")],
)  # fmt: skip
def test_names_become_legal(wish: str, got: str) -> None:
    assert legal(wish) == got


def test_library_functions_are_reserved_at_file_scope_only() -> None:
    assert (legal("exp"), legal("exp", file_scope=True)) == ("exp", "exp_")


def test_nothing_at_file_scope_has_the_name_of_a_thing_of_metals_library() -> None:
    assert [name for name in sorted(words.FILE_SCOPE) if not is_reserved(name, file_scope=True)] == []
