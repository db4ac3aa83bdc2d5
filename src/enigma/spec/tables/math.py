"""Float functions, named and meant as in the Metal specification, 6.5."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from enigma.dtypes import Numeric, bf16, f16, f32
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import (
    EXACT,
    LATER,
    float_call,
    float_test,
    in_f32,
    in_f64,
    llvm_float,
    math,
    precisions,
    quiet,
    ulps,
)
from enigma.spec.spelling import Call, Spelling, Template
from enigma.spec.terms import BIT, Effect, F
from enigma.spec.work import Work

# `both` marks the functions whose bounds differ in the specification's tables 8.1 (precise) and 8.2 (fast)

Domain = tuple[float, float] | dict[str, tuple[float, float]]


def _unary(
    name: str, doc: str, ref: Callable[..., Any], llvm: Callable[..., Any], *, ulp: float = 0.0, domain: Domain = (-4.0, 4.0),
    function: str | None = None, operator: str | None = None, both: bool = False, work: tuple[Work, ...] = (),
) -> Intrinsic:  # fmt: skip
    row = Intrinsic(
        name=name, params={"x": F}, result=F, doc=doc, effect=Effect.PURE, msl=float_call(function or name), cuda=LATER,
        llvm=llvm, ref=in_f64(ref), ulp=ulps(ulp) if ulp else EXACT, domain=domain, operator=operator, example=f"{name}(x)", work=work,
    )  # fmt: skip
    return precisions(row) if both else row


def _many(
    name: str, params: str, doc: str, ref: Callable[..., Any], llvm: Callable[..., Any], *, ulp: float = 0.0,
    domain: Domain = (-4.0, 4.0), single: bool = True, operator: str | None = None, both: bool = False,
    work: tuple[Work, ...] = (),
) -> Intrinsic:  # fmt: skip
    names = tuple(params.split())
    row = Intrinsic(
        name=name, params=dict.fromkeys(names, F), result=F, doc=doc, effect=Effect.PURE,
        msl=float_call(name, len(names), params=names), cuda=LATER, llvm=llvm,
        ref=in_f32(ref) if single else in_f64(ref), ulp=ulps(ulp) if ulp else EXACT, domain=domain, operator=operator,
        example=f"{name}({', '.join(names)})", work=work,
    )  # fmt: skip
    return precisions(row) if both else row


def _test(name: str, doc: str, ref: Callable[..., Any], llvm: Callable[..., Any]) -> Intrinsic:
    return Intrinsic(
        name=name, params={"x": F}, result=BIT, doc=doc, effect=Effect.PURE, msl=float_test(name), cuda=LATER,
        llvm=llvm, ref=ref, example=f"{name}(x)",
    )  # fmt: skip


def _finite(b: Any, x: Any) -> Any:
    return b.cmp("lt", b.fabs(x), b.const(float("inf"), x))


def _smallest_normal(np: Any, x: Any) -> Any:
    # bfloat16 has the exponent range of float32
    return 2.0**-14 if x.dtype == np.float16 else 2.0**-126


def _is_normal(np: Any, x: Any) -> Any:
    wide = np.abs(x.astype(np.float64))
    return np.isfinite(wide) & (wide >= _smallest_normal(np, x))


def _lower_is_normal(b: Any, x: Any) -> Any:
    least = 2.0**-14 if x.dtype.name == "f16" else 2.0**-126
    return b.and_(b.cmp("ge", b.fabs(x), b.const(least, x)), _finite(b, x))


def _lower_sign(b: Any, x: Any) -> Any:
    zero = b.const(0.0, x)
    one = b.call("llvm.copysign", b.const(1.0, x), x)
    ordered = b.select(b.cmp("eq", x, zero), x, one)
    return b.select(b.cmp("eq", x, x), ordered, zero)


# the largest number below 1: the rest in f32 may round up to 1 in a narrower dtype
_BELOW_ONE = {f32: 1.0 - 2.0**-24, f16: 1.0 - 2.0**-11, bf16: 1.0 - 2.0**-8}


def _lower_fract(b: Any, x: Any) -> Any:
    def wide(v: Any) -> Any:
        part = b.sub(v, b.call("llvm.floor", v))
        below_one = b.const(_BELOW_ONE[x.dtype], v)
        least = b.select(b.cmp("lt", part, below_one), part, below_one)
        return b.select(b.cmp("eq", v, v), least, v)

    return b.in_f32(wide, x)


def _fract(np: Any, x: Any) -> Any:
    wide = x.astype(np.float32)
    below_one = next(np.float32(most) for dtype, most in _BELOW_ONE.items() if dtype.numpy == x.dtype)
    return np.where(np.isnan(wide), wide, np.fmin(wide - np.floor(wide), below_one)).astype(x.dtype)


def _clamp(np: Any, x: Any, low: Any, high: Any) -> Any:
    return np.fmin(np.fmax(x, low), high)


def _lower_clamp(b: Any, x: Any, low: Any, high: Any) -> Any:
    return b.fmin(b.fmax(x, low), high)


def _smoothstep(np: Any, low: Any, high: Any, x: Any) -> Any:
    t = np.fmin(np.fmax((x - low) / (high - low), np.float32(0)), np.float32(1))
    return t * t * (np.float32(3) - np.float32(2) * t)


def _lower_smoothstep(b: Any, low: Any, high: Any, x: Any) -> Any:
    def wide(lo: Any, hi: Any, v: Any) -> Any:
        t = _lower_clamp(b, b.div(b.sub(v, lo), b.sub(hi, lo)), b.const(0.0, v), b.const(1.0, v))
        return b.mul(b.mul(t, t), b.sub(b.const(3.0, t), b.mul(b.const(2.0, t), t)))

    return b.in_f32(wide, low, high, x)


def _round_even(np: Any, x: Any) -> Any:
    return np.rint(x)


def _sign(np: Any, x: Any) -> Any:
    return np.where(np.isnan(x), 0.0, np.where(x == 0, x, np.sign(x)))


_FRACT: Mapping[Numeric, Spelling] = {
    f32: Call("fract"),
    f16: Call("fract"),
    bf16: Template("bfloat(min(fract(float({x})), 0.99609375f))"),
}

# the hardware has 2^x, log2, 1/x, 1/sqrt and a part of the sine; the rest is made of them and of arithmetic
EXP, LOG = (Work.F32, Work.POWER), (Work.LOGARITHM, Work.F32)
HYPERBOLIC = (*EXP, *EXP, Work.F32, Work.F32)
TANH = (*EXP, Work.F32, Work.F32, Work.QUOTIENT)

POSITIVE, UNIT, SMALL, WIDE = (1e-3, 50.0), (-1.0, 1.0), (-4.0, 4.0), (-100.0, 100.0)

ROWS: tuple[Intrinsic, ...] = (
    _unary("sqrt", "Square root; NaN below zero.", lambda np, x: np.sqrt(x), llvm_float("llvm.sqrt"), domain=(0.0, 50.0), both=True, work=(Work.ROOT,)),
    _unary("rsqrt", "One over the square root.", lambda np, x: 1 / np.sqrt(x),
           lambda b, x: b.in_f32(lambda v: b.div(b.const(1.0, v), b.call("llvm.sqrt", v)), x), ulp=2, domain=POSITIVE, both=True, work=(Work.RECIPROCAL_ROOT,)),
    _unary("floor", "The largest whole number not above x.", lambda np, x: np.floor(x), llvm_float("llvm.floor"), domain=WIDE, operator="floor()", work=(Work.ROUND,)),
    _unary("ceil", "The smallest whole number not below x.", lambda np, x: np.ceil(x), llvm_float("llvm.ceil"), domain=WIDE, operator="ceil()", work=(Work.ROUND,)),
    _unary("round", "The nearest whole number, ties to even.", _round_even, llvm_float("llvm.rint"), function="rint", domain=WIDE, operator="round()", work=(Work.ROUND,)),
    _unary("trunc", "The whole part of x.", lambda np, x: np.trunc(x), llvm_float("llvm.trunc"), domain=WIDE, operator="trunc()", work=(Work.ROUND,)),
    _unary("sign", "-1, 0 or 1 by the sign of x; 0 for NaN.", _sign, lambda b, x: b.in_f32(lambda v: _lower_sign(b, v), x)),
    _unary("saturate", "x clamped to [0, 1]; 0 for NaN.", lambda np, x: np.fmin(np.fmax(x, 0.0), 1.0),
           lambda b, x: b.in_f32(lambda v: b.fmin(b.fmax(v, b.const(0.0, v)), b.const(1.0, v)), x)),
    Intrinsic(
        name="fract", params={"x": F}, result=F, effect=Effect.PURE, msl=_FRACT, cuda=LATER,
        doc="x minus its floor, always below 1.", llvm=_lower_fract, ref=quiet(_fract), ulp=EXACT, example="fract(x)"),
    _unary("exp", "e to the power x.", lambda np, x: np.exp(x), math("exp"), ulp=2, domain=(-10.0, 10.0), both=True, work=EXP),
    _unary("exp2", "2 to the power x.", lambda np, x: np.exp2(x), math("exp2"), ulp=2, domain=(-10.0, 10.0), both=True, work=(Work.POWER,)),
    _unary("log", "Natural logarithm; NaN below zero.", lambda np, x: np.log(x), math("log"), ulp=2, domain=POSITIVE, both=True, work=LOG),
    _unary("log2", "Logarithm to base 2; NaN below zero.", lambda np, x: np.log2(x), math("log2"), ulp=2, domain=POSITIVE, both=True, work=(Work.LOGARITHM,)),
    _unary("log10", "Logarithm to base 10; NaN below zero.", lambda np, x: np.log10(x), math("log10"), ulp=2, domain=POSITIVE, both=True, work=LOG),
    _unary("sin", "Sine of x in radians.", lambda np, x: np.sin(x), math("sin"), ulp=2, domain=WIDE, both=True, work=(Work.WAVE,)),
    _unary("cos", "Cosine of x in radians.", lambda np, x: np.cos(x), math("cos"), ulp=2, domain=WIDE, both=True, work=(Work.WAVE,)),
    _unary("tan", "Tangent of x in radians.", lambda np, x: np.tan(x), math("tan"), ulp=4, domain=SMALL, both=True, work=(Work.WAVE, Work.WAVE, Work.QUOTIENT)),
    _unary("asin", "Arc sine in [-pi/2, pi/2]; NaN outside of [-1, 1].", lambda np, x: np.arcsin(x), math("asin"), ulp=3, domain=UNIT, both=True),
    _unary("acos", "Arc cosine in [0, pi]; NaN outside of [-1, 1].", lambda np, x: np.arccos(x), math("acos"), ulp=3, domain=UNIT, both=True),
    _unary("atan", "Arc tangent in [-pi/2, pi/2].", lambda np, x: np.arctan(x), math("atan"), ulp=3, both=True),
    _unary("sinh", "Hyperbolic sine.", lambda np, x: np.sinh(x), math("sinh"), ulp=3, both=True, work=HYPERBOLIC),
    _unary("cosh", "Hyperbolic cosine.", lambda np, x: np.cosh(x), math("cosh"), ulp=3, both=True, work=HYPERBOLIC),
    _unary("tanh", "Hyperbolic tangent.", lambda np, x: np.tanh(x), math("tanh"), ulp=3, both=True, work=TANH),
    _many("fmin", "x y", "The smaller; the other one where one is NaN.", lambda np, x, y: np.fmin(x, y), lambda b, x, y: b.fmin(x, y), operator="min() of floats"),
    _many("fmax", "x y", "The larger; the other one where one is NaN.", lambda np, x, y: np.fmax(x, y), lambda b, x, y: b.fmax(x, y), operator="max() of floats"),
    _many("fmod", "x y", "What truncating division leaves: the sign of x.", lambda np, x, y: np.fmod(x, y), math("fmod"), both=True, work=(Work.QUOTIENT, Work.ROUND, Work.F32)),
    _many("atan2", "y x", "The angle of the point (x, y) in [-pi, pi].", lambda np, y, x: np.arctan2(y, x), math("atan2"), ulp=4, single=False, both=True),
    _many("step", "edge x", "0 where x is below the edge, else 1.", lambda np, edge, x: np.where(x < edge, 0.0, 1.0),
          lambda b, edge, x: b.select(b.cmp("lt", x, edge), b.const(0.0, x), b.const(1.0, x))),
    _many("copysign", "x y", "The magnitude of x with the sign of y.", lambda np, x, y: np.copysign(x, y),
          lambda b, x, y: b.call("llvm.copysign", x, y)),
    _many("clamp", "x low high", "x limited to [low, high]; undefined where low is above high.", _clamp, _lower_clamp,
          domain={"x": (-4.0, 4.0), "low": (-2.0, -1.0), "high": (1.0, 2.0)}),
    _many("fma", "a b c", "a * b + c, rounded once.", lambda np, a, b, c: a * b + c, lambda b, x, y, z: b.fma(x, y, z),
          ulp=1, single=False),
    _many("mix", "a b t", "a + (b - a) * t.", lambda np, a, b, t: a + (b - a) * t,
          lambda b, x, y, t: b.in_f32(lambda p, q, r: b.add(p, b.mul(b.sub(q, p), r)), x, y, t), ulp=4,
          domain={"a": (0.5, 2.0), "b": (2.0, 4.0), "t": (0.0, 1.0)}),
    _many("smoothstep", "low high x", "Hermite step from 0 at low to 1 at high.", _smoothstep, _lower_smoothstep, ulp=4,
          domain={"low": (-2.0, -1.0), "high": (1.0, 2.0), "x": (-0.9, 0.9)}),
    _test("isnan", "Whether x is NaN.", lambda np, x: x != x, lambda b, x: b.cmp("ne", x, x)),
    _test("isinf", "Whether x is infinite.", lambda np, x: np.isinf(x.astype(np.float64)),
          lambda b, x: b.cmp("eq", b.fabs(x), b.const(float("inf"), x))),
    _test("isfinite", "Whether x is neither infinite nor NaN.", lambda np, x: np.isfinite(x.astype(np.float64)), _finite),
    _test("signbit", "Whether the sign of x is negative, of -0.0 and NaN too.", lambda np, x: np.signbit(x), lambda b, x: b.signbit(x)),
    _test("isnormal", "Whether x is finite, not zero and not subnormal.", _is_normal, _lower_is_normal),
)  # fmt: skip
