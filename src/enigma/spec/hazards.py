"""Operands with which an operation gives a value that Metal leaves undefined, or that nobody means: facts of rows.

Our own meaning of such an operation is harmless (docs/design/semantics.md); the checking simulator asks for these conditions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from enigma.spec.terms import Fault


@dataclass(frozen=True, slots=True)
class Hazard:
    """One such condition of a row.

    `where(np, *operands, **attributes)` returns the lanes in which it holds, or None where the operands' dtypes exclude it.
    `message` may name the operands by their parameters, `{result}`, and `{of}` and `{to}` for the dtypes of the first operand and
    the result. A `minor` one has a meaning in Metal too. An `implied` one counts only where nobody wrote the operation. `shown` is
    the operand that a finding has as its value. `help_of_widest` takes the help's place for integers of 64 bits.
    """

    fault: Fault
    where: Callable[..., Any]
    message: str
    help: str
    minor: bool = False
    implied: bool = False
    shown: int = 0
    help_of_widest: str = ""


def _is_float(x: Any) -> bool:
    return x.dtype.kind in "fV"


def _signed(x: Any) -> bool:
    return x.dtype.kind == "i"


def _lowest(np: Any, x: Any) -> Any:
    return np.iinfo(x.dtype).min


def _sum(np: Any, x: Any, y: Any) -> Any:
    if not _signed(x):
        return None
    total = x + y
    return ((x ^ total) & (y ^ total)) < 0


def _difference(np: Any, x: Any, y: Any) -> Any:
    return ((x ^ y) & (x ^ (x - y))) < 0 if _signed(x) else None


def _product(np: Any, x: Any, y: Any) -> Any:
    if not _signed(x):
        return None
    product = x * y
    divisor = np.where((x == 0) | (x == -1), x.dtype.type(1), x)
    return np.where(x == -1, y == _lowest(np, y), (x != 0) & (product // divisor != y))


def _negated(np: Any, x: Any) -> Any:
    return x == _lowest(np, x) if _signed(x) else None


def _zero(np: Any, x: Any, y: Any) -> Any:
    return None if _is_float(x) else y == 0


def _lowest_quotient(np: Any, x: Any, y: Any) -> Any:
    return (x == _lowest(np, x)) & (y == -1) if _signed(x) else None


def _amount(np: Any, x: Any, n: Any) -> Any:
    return (n < 0) | (n >= x.dtype.itemsize * 8)


def _unfit(np: Any, x: Any, *, dtype: Any) -> Any:
    if not _is_float(x) or not dtype.is_integer:
        return None
    whole = np.trunc(x.astype(np.float64))
    # the upper bound as a power of two, which is exact
    return ~np.isnan(whole) & (
        (whole < float(dtype.min)) | (whole >= 2.0 ** (dtype.element.width - _signed_bit(dtype)))
    )


def _signed_bit(dtype: Any) -> int:
    return 1 if dtype.min < 0 else 0


def _changed(np: Any, x: Any, *, dtype: Any) -> Any:
    if _is_float(x) or x.dtype.kind == "b" or not dtype.is_integer:
        return None
    if dtype.min <= int(np.iinfo(x.dtype).min) and int(np.iinfo(x.dtype).max) <= dtype.max:
        return None
    low, high = max(dtype.min, int(np.iinfo(x.dtype).min)), min(dtype.max, int(np.iinfo(x.dtype).max))
    return (x < x.dtype.type(low)) | (x > x.dtype.type(high))


_WIDER = "compute in a wider dtype (x.to(enigma.i64)), or in an unsigned one, which wraps around in Metal too"
_UNSIGNED = (
    "compute in an unsigned dtype, which wraps around in Metal too (x.to(enigma.u64)), or keep the operands smaller"
)
_OVER = "{to} cannot hold the result, and Metal leaves it undefined"


def _overflow(where: Callable[..., Any], what: str) -> Hazard:
    return Hazard(Fault.INTEGER_OVERFLOW, where, f"{what}: {_OVER}", _WIDER, help_of_widest=_UNSIGNED)


SUM = (_overflow(_sum, "{x} + {y} overflows"),)
DIFFERENCE = (_overflow(_difference, "{x} - {y} overflows"),)
PRODUCT = (_overflow(_product, "{x} * {y} overflows"),)
NEGATION = (_overflow(_negated, "-({x}) overflows"),)
MAGNITUDE = (_overflow(_negated, "the magnitude of {x} overflows"),)
QUOTIENT = (
    Hazard(Fault.DIVISION_BY_ZERO, _zero, "{x} is divided by 0, and Metal leaves the result undefined",
           "guard it (if y != 0:), or divide by max(y, 1)"),
    _overflow(_lowest_quotient, "{x} divided by {y} overflows"),
)  # fmt: skip
SHIFT = (
    Hazard(Fault.SHIFT_OUT_OF_RANGE, _amount, "{of} is shifted by {n} bits, of which only the lowest count: it moves by less",
           "guard it: where(n < width, x << n, 0) for what you mean by a shift of all bits", minor=True, shown=1),
)  # fmt: skip
CONVERSION = (
    Hazard(Fault.VALUE_CHANGING_CONVERSION, _unfit, "{x} does not fit into {to}, and Metal leaves undefined what it becomes",
           "limit it first: enigma.clamp(x, low, high).to(...)"),
    Hazard(Fault.VALUE_CHANGING_CONVERSION, _changed, "{x} of {of} becomes {result} of {to}",
           "convert it yourself where that is what you mean (x.to(...)), or use one dtype throughout", minor=True, implied=True),
)  # fmt: skip
COMPONENT = (
    Hazard(Fault.OUT_OF_BOUNDS, lambda np, v, i: (i < 0) | (i >= len(v)), "component {i} of {of}, which has no such",
           "components are numbered from 0"),
)  # fmt: skip
