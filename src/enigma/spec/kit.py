"""Shorthands for writing rows: common spellings, lowerings and NumPy meanings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from enigma.dtypes import FLOATS, Numeric, bf16, f16, f32
from enigma.errors import InternalError
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.spelling import Call, Spellings, Template, Unsupported
from enigma.spec.terms import Choice, Precision, Var

LATER = Unsupported("the CUDA target is not built yet")
"""The CUDA spelling of every row until that target exists."""

EXACT: dict[Numeric, float] = dict.fromkeys(FLOATS, 0.0)


def ulps(single: float, half: float = 1.0) -> dict[Numeric, float]:
    """Return the tolerance table: `single` ulp for f32 and `half` for the two 16-bit floats (rounded once from f32)."""
    return {f32: single, f16: half, bf16: half}


def float_call(function: str, arity: int = 1, *, params: tuple[str, ...] = ("x", "y", "z")) -> Spellings:
    """Return a Metal math call: bfloat has no overloads there, so it is computed in float and cast back."""
    args = ", ".join(f"float({{{name}}})" for name in params[:arity])
    return {f32: Call(function), f16: Call(function), bf16: Template(f"bfloat({function}({args}))")}


def float_test(function: str) -> Spellings:
    """Return a float predicate call; bfloat is widened, which keeps every class of number but the subnormal."""
    return {f32: Call(function), f16: Call(function), bf16: Template(f"{function}(float({{x}}))")}


def in_f32(meaning: Callable[..., Any]) -> Callable[..., Any]:
    """Return the NumPy meaning computed in f32 and rounded to the operands' own dtype, as the hardware does."""

    def ref(np: Any, *operands: Any, **attributes: Any) -> Any:
        dtype = operands[0].dtype
        with np.errstate(all="ignore"):
            wide = [np.asarray(operand, np.float32) for operand in operands]
            return np.asarray(meaning(np, *wide, **attributes)).astype(dtype)

    return ref


def in_f64(meaning: Callable[..., Any]) -> Callable[..., Any]:
    """Return the NumPy meaning computed in double precision and rounded once: the correctly rounded result, nearly always."""

    def ref(np: Any, *operands: Any, **attributes: Any) -> Any:
        dtype = operands[0].dtype
        with np.errstate(all="ignore"):
            wide = [np.asarray(operand, np.float64) for operand in operands]
            return np.asarray(meaning(np, *wide, **attributes)).astype(dtype)

    return ref


def fused(np: Any, x: Any, y: Any, z: Any) -> Any:
    """Return x * y + z of f32 arrays, rounded once, as a fused multiply-add does.

    The product is exact in double precision. What its sum with z loses is kept by rounding to odd, so that rounding to f32
    afterwards is as from the exact sum.
    """
    product, addend = np.asarray(x, np.float64) * y, np.asarray(z, np.float64)
    total = product + addend
    back = total - product
    lost = (product - (total - back)) + (addend - back)
    inexact = np.isfinite(total) & np.isfinite(lost) & (lost != 0) & (total.view(np.int64) & 1 == 0)
    return np.where(inexact, np.nextafter(total, np.copysign(np.inf, lost)), total).astype(np.float32)


def quiet(meaning: Callable[..., Any]) -> Callable[..., Any]:
    """Return the NumPy meaning without NumPy's warnings: overflow wraps and NaN arises silently, as on a GPU."""

    def ref(np: Any, *operands: Any, **attributes: Any) -> Any:
        with np.errstate(all="ignore"):
            return meaning(np, *operands, **attributes)

    return ref


def math(name: str) -> Callable[..., Any]:
    """Return the lowering that calls the CPU JIT's own vector math function `name` (in f32)."""

    def lower(b: Any, *operands: Any) -> Any:
        return b.in_f32(lambda *wide: b.math(name, *wide), *operands)

    return lower


def llvm_float(intrinsic: str) -> Callable[..., Any]:
    """Return the lowering that calls an LLVM float intrinsic in f32 and rounds back."""

    def lower(b: Any, *operands: Any) -> Any:
        return b.in_f32(lambda *wide: b.call(intrinsic, *wide), *operands)

    return lower


def precisions(row: Intrinsic) -> Intrinsic:
    """Return the row of a function that Metal has in a fast and a precise version too, for float only.

    The CPU and the simulator compute all three alike, within Metal's bounds of the precise one.
    """
    lower, meaning = row.llvm, row.ref
    if isinstance(lower, Unsupported):
        raise InternalError(f"row {row.name}: a function without a lowering has no precisions")

    def llvm(b: Any, *operands: Any, precision: Precision) -> Any:
        return lower(b, *operands)

    def ref(np: Any, *operands: Any, precision: Precision = Precision.DEFAULT) -> Any:
        return meaning(np, *operands)

    params = {**row.params, "precision": Choice(Precision, Precision.DEFAULT)}
    return replace(row, params=params, llvm=llvm, ref=ref, check=_for_float)


def _for_float(bound: Mapping[Var, Numeric], attrs: Mapping[str, Any]) -> str | None:
    precision, (dtype, *_) = attrs.get("precision", Precision.DEFAULT), bound.values()
    if precision is Precision.DEFAULT or getattr(dtype, "element", dtype) is f32:
        return None
    return f"Metal has a {precision.value} version for f32 only, but this is {dtype.name} (convert it first: x.to(enigma.f32))"


def is_float(x: Any) -> bool:
    """Return whether a NumPy array holds floats (bfloat16, which NumPy counts as void, among them)."""
    return x.dtype.kind in "fV"
