"""Conversions between dtypes: by value, and of the bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enigma.dtypes import DTYPES, UNSIGNED, Numeric
from enigma.spec import hazards
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER, is_float
from enigma.spec.spelling import Template
from enigma.spec.terms import ANY_LANES, NUMBERS, Algebra, DTypeArg, Effect, Var

FROM = Var("S", DTYPES, lanes=ANY_LANES)
TO = Var("R", DTYPES, lanes=ANY_LANES)
BITS_FROM = Var("S", NUMBERS, lanes=ANY_LANES)
BITS_TO = Var("R", NUMBERS, lanes=ANY_LANES)
_WORDS = {dtype.width: dtype for dtype in UNSIGNED}


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
    bits = [dtype.width * dtype.parts for dtype in (source, target)]
    if bits[0] == bits[1]:
        return None
    return f"both dtypes must have one size, but {source.name} has {bits[0]} bits and {target.name} has {bits[1]}"


def _reread(np: Any, x: Any, *, dtype: Numeric) -> Any:
    """The first component is in the lowest bits, as Apple's GPUs and x86 have it in memory."""
    parts = dtype.size // x.dtype.itemsize
    last = np.moveaxis(x if parts > 1 else x[None], 0, -1)
    found = np.moveaxis(np.ascontiguousarray(last).view(dtype.numpy), -1, 0)
    return found if dtype.parts > 1 else found[0]


def _lower_reread(b: Any, x: Any, dtype: Numeric) -> Any:
    parts, element = x if isinstance(x, tuple) else (x,), dtype.element
    source = parts[0].dtype
    if source.width > element.width:
        made = tuple(part for wide in parts for part in _split(b, wide, element))
    elif source.width < element.width:
        count = element.width // source.width
        made = tuple(_joined(b, parts[k : k + count], element) for k in range(0, len(parts), count))
    else:
        made = tuple(b.bitcast(part, element) for part in parts)
    return made if dtype.parts > 1 else made[0]


def _split(b: Any, wide: Any, element: Numeric) -> list[Any]:
    word, narrow = b.bitcast(wide, _WORDS[wide.dtype.width]), _WORDS[element.width]
    offsets = range(0, wide.dtype.width, element.width)
    return [b.bitcast(b.convert(b.shr(word, b.const(k, word)), narrow), element) for k in offsets]


def _joined(b: Any, parts: tuple[Any, ...], element: Numeric) -> Any:
    word = None
    for k, part in enumerate(parts):
        wide = b.convert(b.bitcast(part, _WORDS[part.dtype.width]), _WORDS[element.width])
        moved = b.shl(wide, b.const(k * part.dtype.width, wide))
        word = moved if word is None else b.or_(word, moved)
    return b.bitcast(word, element)


ROWS: tuple[Intrinsic, ...] = (
    Intrinsic(
        name="convert", params={"x": FROM, "dtype": DTypeArg(TO)}, result=TO, effect=Effect.PURE, public="metal_cast",
        algebra=Algebra.CONVERT, msl=Template("{R}({x})"), cuda=LATER,
        doc="x as another dtype: floats to integers truncate towards zero, integers wrap, NaN becomes 0.",
        llvm=lambda b, x, dtype: b.convert(x, dtype), ref=_convert, hazards=hazards.CONVERSION,
        example='metal_cast(x, "int")'),
    Intrinsic(
        name="as_type", params={"x": BITS_FROM, "dtype": DTypeArg(BITS_TO)}, result=BITS_TO, effect=Effect.PURE,
        doc="The bits of x, the first component lowest, as a dtype of one size; each component's as a number of its size.",
        check=_same_size, whole=True, msl=Template("as_type<{R}>({x})"), cuda=LATER, llvm=_lower_reread, ref=_reread,
        example='as_type(x, "uint")'),
)  # fmt: skip
