"""Functions across the 32 lanes of a simdgroup (Metal specification, 6.9.2).

`ref(np, env, x, ...)` gets arrays whose last axis is the lane; `env.active` says which lanes take part, `env.lanes` is
0..31. Lanes that do not take part count as the operation's neutral element. A shuffle that reads an inactive or a
missing lane is undefined in Metal: here it gives 0 for an inactive lane and the lane's own value beyond the ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enigma.dtypes import Numeric, f16, f32, i8, i16, i32, u8, u16, u32
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER, is_float, ulps
from enigma.spec.spelling import Call, Template
from enigma.spec.terms import Effect, Var

LANES: tuple[Numeric, ...] = (f32, f16, i32, u32, i16, u16, i8, u8)
X = Var("X", LANES)
B = Var("B", tuple(d for d in LANES if d.is_integer))


def neutral(np: Any, kind: str, dtype: Any) -> Any:
    """Return the value that changes nothing in a reduction of this kind."""
    if kind in ("add", "or", "xor"):
        return dtype.type(0)
    if kind == "mul":
        return dtype.type(1)
    if kind == "and":
        return np.array(-1).astype(dtype)[()]
    if dtype.kind == "f":
        return dtype.type(np.inf if kind == "min" else -np.inf)
    info = np.iinfo(dtype)
    return dtype.type(info.max if kind == "min" else info.min)


def combine(np: Any, kind: str) -> Any:
    """Return the NumPy ufunc of a reduction; the float minimum and maximum pass over NaN, as Metal's do."""
    return {"add": np.add, "mul": np.multiply, "min": np.fmin, "max": np.fmax, "and": np.bitwise_and,
            "or": np.bitwise_or, "xor": np.bitwise_xor}[kind]  # fmt: skip


def _reduce(np: Any, env: Any, x: Any, kind: str) -> Any:
    held = np.where(env.active, x, neutral(np, kind, x.dtype))
    with np.errstate(all="ignore"):
        wide = held.astype(np.float32) if is_float(x) else held
        total = combine(np, kind).reduce(wide, axis=-1, keepdims=True, dtype=wide.dtype)
    return np.broadcast_to(total.astype(x.dtype), x.shape)


def _scan(np: Any, env: Any, x: Any, kind: str, *, inclusive: bool) -> Any:
    zero = neutral(np, kind, x.dtype)
    held = np.where(env.active, x, zero)
    with np.errstate(all="ignore"):
        wide = held.astype(np.float32) if is_float(x) else held
        if not inclusive:
            wide = np.concatenate([np.full_like(wide[..., :1], zero), wide[..., :-1]], axis=-1)
        return combine(np, kind).accumulate(wide, axis=-1, dtype=wide.dtype).astype(x.dtype)


def _gather(np: Any, env: Any, x: Any, source: Any) -> Any:
    source = np.asarray(source, np.int64)
    inside = (source >= 0) & (source < 32)
    held = np.where(env.active, x, x.dtype.type(0))
    taken = np.take_along_axis(held, np.where(inside, source, 0), axis=-1)
    return np.where(inside, taken, held)


def _reduction(name: str, kind: str, what: str, var: Var) -> Intrinsic:
    return Intrinsic(
        name=name, params={"x": var}, result=var, doc=f"{what} over the active lanes, the same in each.", effect=Effect.SYNC,
        msl=Call(name), cuda=LATER, llvm=lambda b, x: b.reduce(kind, x), ref=lambda np, env, x: _reduce(np, env, x, kind),
        ulp=ulps(64, 64), domain=(0.25, 1.5), example=f"{name}(x)",
    )  # fmt: skip


def _prefix(name: str, kind: str, what: str, *, inclusive: bool) -> Intrinsic:
    upto = "up to and with" if inclusive else "before"
    return Intrinsic(
        name=name, params={"x": X}, result=X, doc=f"{what} over the active lanes {upto} this one.", effect=Effect.SYNC,
        msl=Call(name), cuda=LATER, llvm=lambda b, x: b.scan(kind, x, inclusive=inclusive),
        ref=lambda np, env, x: _scan(np, env, x, kind, inclusive=inclusive), ulp=ulps(64, 64), domain=(0.25, 1.5),
        example=f"{name}(x)",
    )  # fmt: skip


def _shuffle(
    name: str, param: str, doc: str, source: Callable[[Any, Any, Any], Any], llvm: Callable[[Any, Any], Any]
) -> Intrinsic:
    return Intrinsic(
        name=name, params={"x": X, param: u32}, result=X, doc=doc, effect=Effect.SYNC,
        msl=Template(f"{name}({{x}}, ushort({{{param}}}))"), cuda=LATER, llvm=lambda b, x, by: b.shuffle(x, llvm(b, by)),
        ref=lambda np, env, x, by: _gather(np, env, x, source(np, env.lanes, by.astype(np.int64))), example=f"{name}(x, 1)",
    )  # fmt: skip


ROWS: tuple[Intrinsic, ...] = (
    _reduction("simd_sum", "add", "The sum", X),
    _reduction("simd_product", "mul", "The product", X),
    _reduction("simd_min", "min", "The smallest value", X),
    _reduction("simd_max", "max", "The largest value", X),
    _reduction("simd_and", "and", "The bits set in all values", B),
    _reduction("simd_or", "or", "The bits set in any value", B),
    _reduction("simd_xor", "xor", "The bits set in an odd number of values", B),
    _prefix("simd_prefix_inclusive_sum", "add", "The sum", inclusive=True),
    _prefix("simd_prefix_exclusive_sum", "add", "The sum", inclusive=False),
    _prefix("simd_prefix_inclusive_product", "mul", "The product", inclusive=True),
    _prefix("simd_prefix_exclusive_product", "mul", "The product", inclusive=False),
    _shuffle("simd_shuffle", "lane", "The value of x in another lane.", lambda np, lanes, by: np.broadcast_to(by, by.shape),
             lambda b, by: by),
    _shuffle("simd_shuffle_up", "delta", "The value of x `delta` lanes below; the lane's own below lane 0.",
             lambda np, lanes, by: lanes - by, lambda b, by: b.sub(b.lane(), b.least(by, b.const(32, by)))),
    _shuffle("simd_shuffle_down", "delta", "The value of x `delta` lanes above; the lane's own above lane 31.",
             lambda np, lanes, by: lanes + by, lambda b, by: b.add(b.lane(), b.least(by, b.const(32, by)))),
    _shuffle("simd_shuffle_xor", "mask", "The value of x in the lane whose number differs in the bits of `mask`.",
             lambda np, lanes, by: lanes ^ by, lambda b, by: b.xor(b.lane(), by)),
    _shuffle("simd_broadcast", "lane", "The value of x in one lane, the same for all.", lambda np, lanes, by: by, lambda b, by: by),
)  # fmt: skip
