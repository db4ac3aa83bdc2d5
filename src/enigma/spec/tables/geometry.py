"""Geometric functions of float vectors (Metal specification, 6.8).

Half and bfloat are computed in float and rounded once; Metal has no functions of bfloat, so its text converts too. Products
are summed from x on, each sum rounded once (fused), on the CPU as in the simulator; Metal leaves the order open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from enigma.dtypes import FLOATS, Numeric, bf16, f16, f32
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import EXACT, LATER, fused, in_f32
from enigma.spec.spelling import Call, Spelling, Template
from enigma.spec.terms import Effect, Element, Term, Var

FV = Var("F", FLOATS, lanes=(2, 3, 4))
THREE = Var("F", FLOATS, lanes=(3,))

Parts = tuple[Any, ...]
"""The components of a vector, in order."""


def _spellings(name: str, params: Mapping[str, Term]) -> dict[Numeric, Spelling]:
    wide = ", ".join(
        f"float({{{p}}})" if isinstance(term, Element) else f"float{{W}}({{{p}}})" for p, term in params.items()
    )
    return {f32: Call(name), f16: Call(name), bf16: Template(f"{{R}}({name}({wide}))")}


def _in_f32(lower: Callable[..., Any]) -> Callable[..., Any]:
    """Return the lowering that computes in f32 and rounds to the dtype of the first vector."""

    def wide(b: Any, x: Any) -> Any:
        return tuple(b.to_f32(part) for part in x) if isinstance(x, tuple) else b.to_f32(x)

    def llvm(b: Any, first: Any, *rest: Any) -> Any:
        dtype = first[0].dtype
        made = lower(b, wide(b, first), *(wide(b, x) for x in rest))
        return tuple(b.from_f32(part, dtype) for part in made) if isinstance(made, tuple) else b.from_f32(made, dtype)

    return llvm


def _row(
    name: str, params: Mapping[str, Term], result: Term, doc: str, ref: Callable[..., Any], llvm: Callable[..., Any],
) -> Intrinsic:  # fmt: skip
    return Intrinsic(
        name=name, params=params, result=result, doc=doc, effect=Effect.PURE, msl=_spellings(name, params), cuda=LATER,
        llvm=_in_f32(llvm), ref=in_f32(ref), ulp=EXACT, example=f"{name}({', '.join(params)})",
    )  # fmt: skip


def _dot(np: Any, a: Any, b: Any) -> Any:
    total = a[0] * b[0]
    for x, y in zip(a[1:], b[1:], strict=True):
        total = fused(np, x, y, total)
    return total


def _lower_dot(b: Any, x: Parts, y: Parts) -> Any:
    total = b.mul(x[0], y[0])
    for p, q in zip(x[1:], y[1:], strict=True):
        total = b.fma(p, q, total)
    return total


def _lower_difference(b: Any, x: Parts, y: Parts) -> Parts:
    return tuple(b.sub(p, q) for p, q in zip(x, y, strict=True))


def _lower_length(b: Any, x: Parts) -> Any:
    return b.call("llvm.sqrt", _lower_dot(b, x, x))


def _lower_normalize(b: Any, x: Parts) -> Parts:
    size = _lower_length(b, x)
    return tuple(b.div(p, size) for p in x)


def _cross(np: Any, a: Any, b: Any) -> Any:
    pairs = ((1, 2), (2, 0), (0, 1))
    return np.stack([fused(np, a[i], b[j], -(a[j] * b[i])) for i, j in pairs])


def _lower_cross(b: Any, x: Parts, y: Parts) -> Parts:
    pairs = ((1, 2), (2, 0), (0, 1))
    return tuple(b.fma(x[i], y[j], b.neg(b.mul(x[j], y[i]))) for i, j in pairs)


def _reflect(np: Any, i: Any, n: Any) -> Any:
    return fused(np, np.float32(-2) * _dot(np, n, i), n, i)


def _lower_reflect(b: Any, i: Parts, n: Parts) -> Parts:
    d = _lower_dot(b, n, i)
    twice = b.mul(b.const(-2.0, d), d)
    return tuple(b.fma(twice, q, p) for p, q in zip(i, n, strict=True))


def _refract(np: Any, i: Any, n: Any, eta: Any) -> Any:
    one, d = np.float32(1), _dot(np, n, i)
    k = fused(np, -(eta * eta), fused(np, -d, d, one), one)
    along = fused(np, eta, d, np.sqrt(k))
    return np.where(k < 0, np.float32(0), fused(np, -along, n, eta * i))


def _lower_refract(b: Any, i: Parts, n: Parts, eta: Any) -> Parts:
    d = _lower_dot(b, n, i)
    one, zero = b.const(1.0, d), b.const(0.0, d)
    k = b.fma(b.neg(b.mul(eta, eta)), b.fma(b.neg(d), d, one), one)
    back = b.neg(b.fma(eta, d, b.call("llvm.sqrt", k)))
    inside = b.cmp("lt", k, zero)
    return tuple(b.select(inside, zero, b.fma(back, q, b.mul(eta, p))) for p, q in zip(i, n, strict=True))


def _lower_faceforward(b: Any, n: Parts, i: Parts, nref: Parts) -> Parts:
    d = _lower_dot(b, nref, i)
    towards = b.cmp("lt", d, b.const(0.0, d))
    return tuple(b.select(towards, p, b.neg(p)) for p in n)


ROWS: tuple[Intrinsic, ...] = (
    _row("dot", {"a": FV, "b": FV}, Element(FV), "The sum of the products of the components.", _dot, _lower_dot),
    _row("length_squared", {"v": FV}, Element(FV), "The dot product of v with itself.",
         lambda np, v: _dot(np, v, v), lambda b, v: _lower_dot(b, v, v)),
    _row("length", {"v": FV}, Element(FV), "How long v is: the square root of the sum of squares, infinite where that overflows.",
         lambda np, v: np.sqrt(_dot(np, v, v)), _lower_length),
    _row("distance_squared", {"a": FV, "b": FV}, Element(FV), "The square of how far apart two points are.",
         lambda np, a, b: _dot(np, a - b, a - b),
         lambda b, x, y: _lower_dot(b, _lower_difference(b, x, y), _lower_difference(b, x, y))),
    _row("distance", {"a": FV, "b": FV}, Element(FV), "How far apart two points are.",
         lambda np, a, b: np.sqrt(_dot(np, a - b, a - b)), lambda b, x, y: _lower_length(b, _lower_difference(b, x, y))),
    _row("cross", {"a": THREE, "b": THREE}, THREE, "The cross product of two vectors of three.", _cross, _lower_cross),
    _row("normalize", {"v": FV}, FV, "v divided by its length; NaN in every component of the zero vector.",
         lambda np, v: v / np.sqrt(_dot(np, v, v)), _lower_normalize),
    _row("reflect", {"i": FV, "n": FV}, FV, "The direction in which i leaves a surface of normal n: i - 2 dot(n, i) n; n has length 1.",
         _reflect, _lower_reflect),
    _row("refract", {"i": FV, "n": FV, "eta": Element(FV)}, FV,
         "i bent by a surface of normal n, by the ratio eta of refractive indices; 0 where all is reflected. Both have length 1.", _refract, _lower_refract),
    _row("faceforward", {"n": FV, "i": FV, "nref": FV}, FV, "n where i comes from the front of nref, dot(nref, i) < 0, else -n.",
         lambda np, n, i, nref: np.where(_dot(np, nref, i) < 0, n, -n), _lower_faceforward),
)  # fmt: skip
