"""Comparisons, selection and truth values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enigma.dtypes import DTYPES, INTEGERS, b1, f16, f32
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Infix, Precedence, Prefix, Template
from enigma.spec.terms import ANY_LANES, BIT, Algebra, Effect, T, Var

COMPARED = Var("T", tuple(d for d in DTYPES if d.width >= 32 or d.is_float or d is b1), widens=True, lanes=ANY_LANES)
UNSIGNED_VIEW = Var("U", (f32, f16, *INTEGERS), lanes=ANY_LANES)


def _compare(
    name: str,
    symbol: str,
    algebra: Algebra,
    negation: str,
    doc: str,
    ref: Callable[..., Any],
    *,
    commutes: bool = False,
) -> Intrinsic:
    level = Precedence.EQUALITY if symbol in ("==", "!=") else Precedence.RELATIONAL
    return Intrinsic(
        name=name,
        params={"x": COMPARED, "y": COMPARED},
        result=BIT,
        doc=f"{doc} False when an operand is NaN." if symbol != "!=" else f"{doc} True when an operand is NaN.",
        effect=Effect.PURE,
        operator=symbol,
        algebra=algebra,
        negation=negation,
        commutes=commutes,
        msl=Infix(symbol, level),
        cuda=LATER,
        llvm=lambda b, x, y: b.cmp(algebra.value, x, y),
        ref=ref,
        example=f"{name}(x, y)",
    )


def _logic(
    name: str, operator: str, symbol: str, level: Precedence, algebra: Algebra, doc: str, ref: Callable[..., Any]
) -> Intrinsic:
    return Intrinsic(
        name=name,
        params={"x": BIT, "y": BIT},
        result=BIT,
        doc=doc,
        effect=Effect.PURE,
        operator=operator,
        public="",
        commutes=True,
        msl=Infix(symbol, level),
        cuda=LATER,
        llvm=(lambda b, x, y: b.and_(x, y)) if symbol == "&&" else (lambda b, x, y: b.or_(x, y)),
        ref=ref,
    )


ROWS: tuple[Intrinsic, ...] = (
    _compare("cmp_eq", "==", Algebra.EQ, "cmp_ne", "Whether x equals y.", lambda np, x, y: x == y, commutes=True),
    _compare("cmp_ne", "!=", Algebra.NE, "cmp_eq", "Whether x differs from y.", lambda np, x, y: x != y, commutes=True),
    _compare("cmp_lt", "<", Algebra.LT, "cmp_ge", "Whether x is less than y.", lambda np, x, y: x < y),
    _compare("cmp_le", "<=", Algebra.LE, "cmp_gt", "Whether x is at most y.", lambda np, x, y: x <= y),
    _compare("cmp_gt", ">", Algebra.GT, "cmp_le", "Whether x is greater than y.", lambda np, x, y: x > y),
    _compare("cmp_ge", ">=", Algebra.GE, "cmp_lt", "Whether x is at least y.", lambda np, x, y: x >= y),
    _logic("logical_and", "and", "&&", Precedence.LOGICAL_AND, Algebra.AND, "Both; neither operand has an effect.",
           lambda np, x, y: x & y),
    _logic("logical_or", "or", "||", Precedence.LOGICAL_OR, Algebra.OR, "Either; neither operand has an effect.",
           lambda np, x, y: x | y),
    Intrinsic(
        name="logical_not", params={"x": BIT}, result=BIT, effect=Effect.PURE, operator="not", public="",
        algebra=Algebra.NOT, doc="The opposite truth value.", msl=Prefix("!"), cuda=LATER,
        llvm=lambda b, x: b.xor(x, b.const(True, x)), ref=lambda np, x: ~x),
    Intrinsic(
        name="select", params={"condition": BIT, "if_true": T, "if_false": T}, result=T, effect=Effect.PURE, public="",
        algebra=Algebra.SELECT, doc="The second operand where the condition holds, else the third; both are computed.",
        msl=Template("{condition} ? {if_true} : {if_false}", Precedence.TERNARY, ("condition",)), cuda=LATER,
        llvm=lambda b, c, x, y: b.select(c, x, y), ref=lambda np, c, x, y: np.where(c, x, y)),
)  # fmt: skip
