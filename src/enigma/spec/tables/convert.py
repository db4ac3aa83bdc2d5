"""Conversions between dtypes: by value, and of the bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enigma.dtypes import DTYPES, Numeric
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER, is_float
from enigma.spec.spelling import Template
from enigma.spec.terms import ANY_LANES, NUMBERS, Algebra, DTypeArg, Effect, Var

FROM = Var("S", DTYPES, lanes=ANY_LANES)
TO = Var("R", DTYPES, lanes=ANY_LANES)
BITS_FROM = Var("S", NUMBERS, lanes=ANY_LANES)
BITS_TO = Var("R", NUMBERS, lanes=ANY_LANES)


def _convert(np: Any, x: Any, *, dtype: Numeric) -> Any:
    """Float to integer truncates, saturates and maps NaN to 0; integers wrap; a number to bool asks whether it is not 0."""
    target = dtype.numpy
    if dtype.kind == "b":
        return x != np.zeros((), x.dtype)
    if is_float(x) and dtype.is_integer:
        wide = np.trunc(np.nan_to_num(x.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf))
        inside = np.clip(wide, float(dtype.min), float(dtype.max))
        with np.errstate(all="ignore"):
            whole = inside.astype(target)
        whole = np.where(wide >= float(dtype.max), np.array(dtype.max, target), whole)
        return np.where(wide <= float(dtype.min), np.array(dtype.min, target), whole)
    with np.errstate(all="ignore"):
        return x.astype(target)


def _same_size(bound: Mapping[Var, Numeric], attrs: Mapping[str, Any]) -> str | None:
    source, target = bound[BITS_FROM], bound[BITS_TO]
    if source.width == target.width:
        return None
    return f"both dtypes must have one size, but {source.name} has {source.width} bits and {target.name} has {target.width}"


ROWS: tuple[Intrinsic, ...] = (
    Intrinsic(
        name="convert", params={"x": FROM, "dtype": DTypeArg(TO)}, result=TO, effect=Effect.PURE, public="metal_cast",
        algebra=Algebra.CONVERT, msl=Template("{R}({x})"), cuda=LATER,
        doc="x as another dtype: floats to integers truncate towards zero, integers wrap, NaN becomes 0.",
        llvm=lambda b, x, dtype: b.convert(x, dtype), ref=_convert, example='metal_cast(x, "int")'),
    Intrinsic(
        name="as_type", params={"x": BITS_FROM, "dtype": DTypeArg(BITS_TO)}, result=BITS_TO, effect=Effect.PURE,
        doc="The bits of x read as another dtype of the same size.", check=_same_size,
        msl=Template("as_type<{R}>({x})"), cuda=LATER, llvm=lambda b, x, dtype: b.bitcast(x, dtype),
        ref=lambda np, x, dtype: np.ascontiguousarray(x).view(dtype.numpy), example='as_type(x, "uint")'),
)  # fmt: skip
