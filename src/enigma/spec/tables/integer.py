"""Integer functions (Metal specification, 6.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from enigma.dtypes import FLOATS, INTEGERS, SIGNED, UNSIGNED, Numeric, bf16
from enigma.spec import hazards
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import EXACT, LATER, is_float, quiet
from enigma.spec.spelling import Call, Spelling, Template
from enigma.spec.terms import Algebra, Effect, I, N


def _integer(
    name: str, params: str, doc: str, ref: Callable[..., Any], llvm: Callable[..., Any], **more: Any
) -> Intrinsic:
    names = tuple(params.split())
    more.setdefault("msl", Call(name))
    return Intrinsic(
        name=name, params=dict.fromkeys(names, I), result=I, doc=doc, effect=Effect.PURE, cuda=LATER, llvm=llvm,
        ref=quiet(ref), example=f"{name}({', '.join(names)})", **more,
    )  # fmt: skip


def _saturated(np: Any, exact: Callable[[int, int], int], x: Any, y: Any) -> Any:
    """Compute in Python's integers: 64-bit operands leave no wider NumPy dtype."""
    info = np.iinfo(x.dtype)
    wide = exact(x.astype(object), y.astype(object))
    return np.clip(wide, int(info.min), int(info.max)).astype(x.dtype)


def _mul_hi(np: Any, x: Any, y: Any) -> Any:
    bits = x.dtype.itemsize * 8
    return ((x.astype(object) * y.astype(object)) >> bits).astype(x.dtype)


def _mad_sat(np: Any, a: Any, b: Any, c: Any) -> Any:
    info = np.iinfo(a.dtype)
    wide = a.astype(object) * b.astype(object) + c.astype(object)
    return np.clip(wide, int(info.min), int(info.max)).astype(a.dtype)


def _abs_diff(np: Any, x: Any, y: Any) -> Any:
    return np.where(x > y, x - y, y - x).astype(x.dtype)


def _rotate(np: Any, x: Any, n: Any) -> Any:
    bits = x.dtype.itemsize * 8
    unsigned = np.dtype(f"u{x.dtype.itemsize}")
    value, by = x.view(unsigned), (n.astype(object) % bits).astype(unsigned)
    left = np.left_shift(value, by)
    right = np.where(
        by == 0, unsigned.type(0), np.right_shift(value, (bits - by.astype(np.int64)).astype(unsigned) % bits)
    )
    return (left | right).astype(unsigned).view(x.dtype)


def _lower_abs(b: Any, x: Any) -> Any:
    if x.dtype.is_float:
        return b.fabs(x)
    return x if x.dtype in UNSIGNED else b.select(b.cmp("lt", x, b.const(0, x)), b.neg(x), x)


_ABS: Mapping[Numeric, Spelling] = {d: Call("abs") for d in (*FLOATS, *INTEGERS)} | {
    bf16: Template("bfloat(abs(float({x})))")
}

ROWS: tuple[Intrinsic, ...] = (
    Intrinsic(
        name="abs", operator="abs()", params={"x": N}, result=N, effect=Effect.PURE, msl=_ABS, cuda=LATER, llvm=_lower_abs, ulp=EXACT,
        doc="The magnitude of x; the smallest integer stays itself.", example="abs(x)",
        hazards=hazards.MAGNITUDE,
        ref=quiet(lambda np, x: np.abs(x) if not is_float(x) else np.copysign(x, x.dtype.type(1)))),
    _integer("abs_diff_unary", "x", "The magnitude of an integer, in its own dtype.", lambda np, x: np.abs(x), _lower_abs,
             hazards=hazards.MAGNITUDE,
             msl={d: Call("abs") for d in INTEGERS}),
    _integer("imin", "x y", "The smaller integer.", lambda np, x, y: np.minimum(x, y),
             lambda b, x, y: b.select(b.cmp("lt", x, y), x, y), msl=Call("min"), operator="min()", algebra=Algebra.MIN, commutes=True),
    _integer("imax", "x y", "The larger integer.", lambda np, x, y: np.maximum(x, y),
             lambda b, x, y: b.select(b.cmp("gt", x, y), x, y), msl=Call("max"), operator="max()", algebra=Algebra.MAX, commutes=True),
    _integer("iclamp", "x low high", "x limited to [low, high].", lambda np, x, low, high: np.minimum(np.maximum(x, low), high),
             lambda b, x, low, high: b.least(b.greatest(x, low), high), msl=Call("clamp")),
    _integer("abs_diff", "x y", "The distance between two integers, in their own dtype.", _abs_diff,
             lambda b, x, y: b.select(b.cmp("gt", x, y), b.sub(x, y), b.sub(y, x)), commutes=True,
             msl={d: Call("absdiff") if d in UNSIGNED else Template("{T}(absdiff({x}, {y}))") for d in INTEGERS}),
    _integer("add_sat", "x y", "The sum, held at the ends of the dtype instead of wrapping.",
             lambda np, x, y: _saturated(np, lambda u, v: u + v, x, y),
             lambda b, x, y: b.call("llvm.sadd.sat" if x.dtype in SIGNED else "llvm.uadd.sat", x, y), msl=Call("addsat"), commutes=True),
    _integer("sub_sat", "x y", "The difference, held at the ends of the dtype instead of wrapping.",
             lambda np, x, y: _saturated(np, lambda u, v: u - v, x, y),
             lambda b, x, y: b.call("llvm.ssub.sat" if x.dtype in SIGNED else "llvm.usub.sat", x, y), msl=Call("subsat")),
    _integer("mul_hi", "x y", "The upper half of the full product.", _mul_hi, lambda b, x, y: b.mul_hi(x, y), msl=Call("mulhi"),
             commutes=True),
    _integer("mad_sat", "a b c", "a * b + c, held at the ends of the dtype instead of wrapping.", _mad_sat,
             lambda b, x, y, z: b.mad_sat(x, y, z), msl=Call("madsat")),
    _integer("rotate", "x n", "The bits of x moved left by n, those that fall out coming in at the right.", _rotate,
             lambda b, x, n: b.call("llvm.fshl", x, x, n)),
)  # fmt: skip
