"""Python's arithmetic operators on numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enigma.dtypes import FLOATS, INTEGERS, SIGNED, UNSIGNED, bf16, f16, f32
from enigma.spec import hazards
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import EXACT, LATER, float_call, is_float, math, precisions, quiet, ulps
from enigma.spec.spelling import Call, Infix, Precedence, Prefix, Spellings, Template
from enigma.spec.terms import ANY_LANES, Algebra, Effect, F, Var
from enigma.spec.work import Work

COMPUTED = Var("N", tuple(d for d in (*FLOATS, *INTEGERS) if d.width >= 32 or d.is_float), widens=True, lanes=ANY_LANES)
WHOLE = Var("I", tuple(d for d in INTEGERS if d.width >= 32), widens=True, lanes=ANY_LANES)
RIGHT = Var("M", INTEGERS, lanes=ANY_LANES)


def _infix(
    name: str, operator: str, symbol: str, doc: str, algebra: Algebra, ref: Callable[..., Any], **more: Any
) -> Intrinsic:
    level = Precedence.ADDITIVE if symbol in "+-" else Precedence.MULTIPLICATIVE
    more.setdefault("ulp", EXACT)
    return Intrinsic(
        name=name,
        params={"x": COMPUTED, "y": COMPUTED},
        result=COMPUTED,
        doc=doc,
        effect=Effect.PURE,
        operator=operator,
        public="",
        algebra=algebra,
        msl=Infix(symbol, level),
        cuda=LATER,
        ref=quiet(ref),
        **more,
    )


def _divide(np: Any, x: Any, y: Any) -> Any:
    """Truncating division; by zero the dividend, and the smallest integer over -1 itself, as the CPU JIT does without a trap."""
    if is_float(x):
        return x / y
    safe = np.where((y == 0) | ((y == -1) if x.dtype.kind == "i" else False), 1, y).astype(x.dtype)
    quotient = np.abs(x // safe) if x.dtype.kind == "u" else _truncated(np, x, safe)
    return np.where((y == -1), np.negative(x), quotient).astype(x.dtype) if x.dtype.kind == "i" else quotient


def _truncated(np: Any, x: Any, y: Any) -> Any:
    quotient = x // y
    return quotient + ((quotient < 0) & (quotient * y != x)).astype(x.dtype)


def _remainder(np: Any, x: Any, y: Any) -> Any:
    """What truncating division leaves; 0 where the divisor is 0."""
    if is_float(x):
        return np.fmod(x.astype(np.float32), y.astype(np.float32)).astype(x.dtype)
    return np.where(y == 0, 0, x - _divide(np, x, y) * y).astype(x.dtype)


def _floor_mod(np: Any, x: Any, y: Any) -> Any:
    rest = _remainder(np, x, y)
    return np.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest).astype(x.dtype)


def _floor_div(np: Any, x: Any, y: Any) -> Any:
    if is_float(x):
        wide_x, wide_y = x.astype(np.float32), y.astype(np.float32)
        # with the truncated rest: over an infinite y the floored one is infinite too
        rest = np.fmod(wide_x, wide_y)
        quotient = np.round((wide_x - rest) / wide_y)
        return (quotient - ((rest != 0) & ((rest < 0) != (wide_y < 0)))).astype(x.dtype)
    quotient = _divide(np, x, y)
    return (quotient - ((_remainder(np, x, y) != 0) & ((x < 0) != (y < 0)) & (y != 0))).astype(x.dtype)


def _lower_rem(b: Any, x: Any, y: Any) -> Any:
    return b.in_f32(lambda u, v: b.math("fmod", u, v), x, y) if x.dtype.is_float else b.rem(x, y)


def _lower_floor_mod(b: Any, x: Any, y: Any) -> Any:
    rest = _lower_rem(b, x, y)
    if x.dtype in UNSIGNED:
        return rest
    zero = b.const(0, x)
    crosses = b.and_(b.cmp("ne", rest, zero), b.xor(b.cmp("lt", rest, zero), b.cmp("lt", y, zero)))
    return b.select(crosses, b.add(rest, y), rest)


def _lower_floor_div(b: Any, x: Any, y: Any) -> Any:
    if x.dtype in UNSIGNED:
        return b.div(x, y)
    if x.dtype.is_float:
        return b.in_f32(lambda u, v: _lower_floor_div_float(b, u, v), x, y)
    zero = b.const(0, x)
    crosses = b.and_(b.cmp("ne", b.rem(x, y), zero), b.xor(b.cmp("lt", x, zero), b.cmp("lt", y, zero)))
    crosses = b.and_(crosses, b.cmp("ne", y, zero))
    return b.sub(b.div(x, y), b.convert(crosses, x.dtype))


def _lower_floor_div_float(b: Any, x: Any, y: Any) -> Any:
    rest, zero = _lower_rem(b, x, y), b.const(0, x)
    crosses = b.and_(b.cmp("ne", rest, zero), b.xor(b.cmp("lt", rest, zero), b.cmp("lt", y, zero)))
    quotient = b.call("llvm.rint", b.div(b.sub(x, rest), y))
    return b.select(crosses, b.sub(quotient, b.const(1, x)), quotient)


_FLOOR_MOD_INT = """inline {T} floor_mod({T} a, {T} b) {{
    {T} r = a % b;
    return (r != 0 && (r ^ b) < 0) ? r + b : r;
}}
"""
_FLOOR_DIV_INT = """inline {T} floor_div({T} a, {T} b) {{
    {T} q = a / b;
    return (a % b != 0 && (a ^ b) < 0) ? q - 1 : q;
}}
"""
_FLOOR_MOD_FLOAT = """inline {T} floor_mod({T} a, {T} b) {{
    {T} r = fmod(a, b);
    return (r != {T}(0) && (r < {T}(0)) != (b < {T}(0))) ? r + b : r;
}}
"""
_FLOOR_DIV_FLOAT = """inline {T} floor_div({T} a, {T} b) {{
    {T} r = fmod(a, b);
    {T} q = rint((a - r) / b);
    return (r != {T}(0) && (r < {T}(0)) != (b < {T}(0))) ? q - {T}(1) : q;
}}
"""


def _floor(function: str, symbol: str) -> Spellings:
    helper = Call(function)
    narrow = Template(f"bfloat({function}(float({{x}}), float({{y}})))")
    plain = Infix(symbol, Precedence.MULTIPLICATIVE)
    return dict.fromkeys((*FLOATS, *SIGNED), helper) | dict.fromkeys(UNSIGNED, plain) | {bf16: narrow}


ROWS: tuple[Intrinsic, ...] = (
    _infix("add", "+", "+", "Sum; integers wrap around.", Algebra.ADD, lambda np, x, y: x + y,
           llvm=lambda b, x, y: b.add(x, y), commutes=True, hazards=hazards.SUM),
    _infix("sub", "-", "-", "Difference; integers wrap around.", Algebra.SUB, lambda np, x, y: x - y,
           llvm=lambda b, x, y: b.sub(x, y), hazards=hazards.DIFFERENCE),
    _infix("mul", "*", "*", "Product; integers wrap around.", Algebra.MUL, lambda np, x, y: x * y,
           llvm=lambda b, x, y: b.mul(x, y), commutes=True, hazards=hazards.PRODUCT),
    _infix("div", "/", "/", "Quotient; of integers truncated towards zero, as in Metal. Integers over 0 are undefined.",
           Algebra.DIV, _divide, llvm=lambda b, x, y: b.div(x, y), ulp=ulps(1), hazards=hazards.QUOTIENT),
    Intrinsic(
        name="rem", params={"x": WHOLE, "y": WHOLE}, result=WHOLE, effect=Effect.PURE, public="", algebra=Algebra.REM,
        doc="Remainder of truncating division: the sign of the dividend.",
        msl=Infix("%", Precedence.MULTIPLICATIVE), cuda=LATER, llvm=_lower_rem, ref=quiet(_remainder),
        hazards=hazards.QUOTIENT),
    Intrinsic(
        name="floordiv", params={"x": COMPUTED, "y": COMPUTED}, result=COMPUTED, effect=Effect.PURE, operator="//", public="",
        algebra=Algebra.FLOOR_DIV, doc="Quotient rounded down, as Python's `//`.",
        msl=_floor("floor_div", "/"), cuda=LATER, llvm=_lower_floor_div, ref=quiet(_floor_div), ulp=ulps(1),
        hazards=hazards.QUOTIENT,
        prelude={f"msl:{d.name}": text for text, group in ((_FLOOR_DIV_INT, SIGNED), (_FLOOR_DIV_FLOAT, (f32, f16))) for d in group}),
    Intrinsic(
        name="mod", params={"x": COMPUTED, "y": COMPUTED}, result=COMPUTED, effect=Effect.PURE, operator="%", public="",
        algebra=Algebra.FLOOR_MOD, doc="Remainder with the sign of the divisor, as Python's `%`.",
        msl=_floor("floor_mod", "%"), cuda=LATER, llvm=_lower_floor_mod, ref=quiet(_floor_mod), ulp=ulps(1),
        hazards=hazards.QUOTIENT,
        prelude={f"msl:{d.name}": text for text, group in ((_FLOOR_MOD_INT, SIGNED), (_FLOOR_MOD_FLOAT, (f32, f16))) for d in group}),
    Intrinsic(
        name="neg", params={"x": COMPUTED}, result=COMPUTED, effect=Effect.PURE, operator="u-", public="",
        algebra=Algebra.NEG, doc="Negation; of an unsigned integer modulo two to its width.",
        msl=Prefix("-"), cuda=LATER, llvm=lambda b, x: b.neg(x), ref=quiet(lambda np, x: -x), ulp=EXACT,
        hazards=hazards.NEGATION),
    precisions(Intrinsic(
        name="pow", params={"x": F, "y": F}, result=F, effect=Effect.PURE, operator="**",
        doc="x to the power y; NaN for a negative x unless y is a whole number.",
        msl=float_call("pow", 2), cuda=LATER, llvm=math("pow"), domain={"x": (0.01, 8.0), "y": (-4.0, 4.0)}, ulp=ulps(4),
        ref=quiet(lambda np, x, y: np.power(x.astype(np.float64), y.astype(np.float64)).astype(x.dtype)),
        example="pow(x, 0.5)", work=(Work.LOGARITHM, Work.F32, Work.POWER))),
)  # fmt: skip
