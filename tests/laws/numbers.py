"""Numbers that compute as C does on the dtypes of the language, one at a time: the oracle's arithmetic.

Written from `docs/design/semantics.md`, not from the rows. A float knows how far a target that rounds less often (fused
multiply-add, denormals flushed) may be from it: `error`, infinite where nothing can be said.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

WIDTH = {"i8": 8, "i16": 16, "i32": 32, "i64": 64, "u8": 8, "u16": 16, "u32": 32, "u64": 64}
EPSILON = {"f32": 2.0**-23, "f16": 2.0**-10, "bf16": 2.0**-7}
LARGEST = {"f32": (2 - 2.0**-23) * 2.0**127, "f16": 65504.0, "bf16": (2 - 2.0**-7) * 2.0**127}
TINIEST = {"f32": 2.0**-126, "f16": 2.0**-14, "bf16": 2.0**-126}


class Doubt:
    """What hung on a float's rounding since it was last cleared.

    `seen` says whether a decision did (a branch, a conversion to an integer), `order` whether a sum of lanes depends on the
    order of its additions, which no target promises.
    """

    seen = False
    order = False


def wrap(value: int, dtype: str) -> int:
    """Return an integer modulo two to the width, in the dtype's range."""
    width = WIDTH[dtype]
    value &= (1 << width) - 1
    return value - (1 << width) if dtype[0] == "i" and value >> (width - 1) else value


def bounds(dtype: str) -> tuple[int, int]:
    """Return the smallest and the largest integer of a dtype."""
    width = WIDTH[dtype]
    return (-(1 << (width - 1)), (1 << (width - 1)) - 1) if dtype[0] == "i" else (0, (1 << width) - 1)


def round_to(value: float, dtype: str) -> float:
    """Return the nearest float of a dtype, ties to even; f16 and bf16 are rounded from f32."""
    if not math.isfinite(value):
        return value
    try:
        value = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    if dtype == "f16":
        try:
            return struct.unpack("<e", struct.pack("<e", value))[0]
        except OverflowError:
            return math.copysign(math.inf, value)
    if dtype == "bf16" and math.isfinite(value):
        (bits,) = struct.unpack("<I", struct.pack("<f", value))
        bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
        return struct.unpack("<f", struct.pack("<I", bits))[0]
    return value


def promoted(a: str, b: str) -> str:
    """Return the dtype in which C computes on two dtypes."""
    for kind in ("f32", "f16", "bf16"):
        if kind in (a, b):
            return "f32" if {a, b} == {"f16", "bf16"} else kind
    a, b = ("i32" if x == "b1" or WIDTH[x] < 32 else x for x in (a, b))
    if WIDTH[a] != WIDTH[b]:
        return a if WIDTH[a] > WIDTH[b] else b
    return b if a[0] == "i" else a


class Num:
    """One number of a dtype. Python's operators compute with it as the language does; a plain number is a weak literal."""

    __slots__ = ("dtype", "error", "value")

    def __init__(self, value: Any, dtype: str, error: float = 0.0) -> None:
        self.value, self.dtype, self.error = value, dtype, error

    def __repr__(self) -> str:
        return f"{self.dtype}({self.value})"

    def __index__(self) -> int:
        return self.value

    def __bool__(self) -> bool:
        return bool(self.value)

    __hash__ = None  # type: ignore[assignment]

    # fmt: off
    def __add__(self, other: Any) -> Num: return arithmetic("+", self, other)
    def __radd__(self, other: Any) -> Num: return arithmetic("+", other, self)
    def __sub__(self, other: Any) -> Num: return arithmetic("-", self, other)
    def __rsub__(self, other: Any) -> Num: return arithmetic("-", other, self)
    def __mul__(self, other: Any) -> Num: return arithmetic("*", self, other)
    def __rmul__(self, other: Any) -> Num: return arithmetic("*", other, self)
    def __truediv__(self, other: Any) -> Num: return arithmetic("/", self, other)
    def __rtruediv__(self, other: Any) -> Num: return arithmetic("/", other, self)
    def __floordiv__(self, other: Any) -> Num: return arithmetic("//", self, other)
    def __mod__(self, other: Any) -> Num: return arithmetic("%", self, other)
    def __and__(self, other: Any) -> Num: return arithmetic("&", self, other)
    def __rand__(self, other: Any) -> Num: return arithmetic("&", other, self)
    def __or__(self, other: Any) -> Num: return arithmetic("|", self, other)
    def __ror__(self, other: Any) -> Num: return arithmetic("|", other, self)
    def __xor__(self, other: Any) -> Num: return arithmetic("^", self, other)
    def __rxor__(self, other: Any) -> Num: return arithmetic("^", other, self)
    def __lshift__(self, other: Any) -> Num: return shift(self, other, left=True)
    def __rshift__(self, other: Any) -> Num: return shift(self, other, left=False)
    def __neg__(self) -> Num: return self.like(-self.value) if self.dtype in EPSILON else arithmetic("-", 0, self)
    def __invert__(self) -> Num: return self.inverted()
    def __eq__(self, other: object) -> Any: return compare(lambda a, b: a == b, self, other)
    def __ne__(self, other: object) -> Any: return compare(lambda a, b: a != b, self, other)
    def __lt__(self, other: Any) -> Num: return compare(lambda a, b: a < b, self, other)
    def __le__(self, other: Any) -> Num: return compare(lambda a, b: a <= b, self, other)
    def __gt__(self, other: Any) -> Num: return compare(lambda a, b: a > b, self, other)
    def __ge__(self, other: Any) -> Num: return compare(lambda a, b: a >= b, self, other)
    # fmt: on

    def __abs__(self) -> Num:
        return (
            self.like(abs(self.value)) if self.dtype in EPSILON else Num(wrap(abs(self.value), self.dtype), self.dtype)
        )

    def inverted(self) -> Num:
        """Return every bit turned over, in the dtype that arithmetic has."""
        dtype = promoted(self.dtype, "i8")
        return Num(wrap(~self.value, dtype), dtype)

    def like(self, value: float) -> Num:
        """Return an exact function of a float, with the same uncertainty."""
        return Num(value, self.dtype, self.error)


def typed(x: Any, like: str | None = None) -> Num:
    """Return a number, or a literal in the dtype of its partner."""
    if isinstance(x, Num):
        return x
    if isinstance(x, bool):
        return Num(x, "b1")
    if like is None or (isinstance(x, float) and like not in EPSILON):
        like = "f32" if isinstance(x, float) else "i32"
    return Num(round_to(float(x), like), like) if like in EPSILON else Num(int(x), "i32" if like == "b1" else like)


def pair(x: Any, y: Any) -> tuple[Num, Num, str]:
    """Return two operands converted to the dtype that they are computed in."""
    a = typed(x, y.dtype if isinstance(y, Num) else None)
    b = typed(y, x.dtype if isinstance(x, Num) else None)
    dtype = promoted(a.dtype, b.dtype)
    return convert(a, dtype), convert(b, dtype), dtype


def inexact(value: float, error: float, dtype: str) -> Num:
    """Return a float result, rounded, that is uncertain by `error` and its own rounding."""
    value = round_to(value, dtype)
    error += abs(value) * EPSILON[dtype] + TINIEST[dtype] * 2
    known = math.isfinite(value) and math.isfinite(error) and abs(value) + error < LARGEST[dtype]
    return Num(value, dtype, error if known else math.inf)


def arithmetic(symbol: str, x: Any, y: Any) -> Num:
    """Return `x symbol y`."""
    a, b, dtype = pair(x, y)
    both = {a.dtype, b.dtype} | {typed(x, a.dtype).dtype, typed(y, b.dtype).dtype}
    if symbol in "&|^" and all(isinstance(v, bool) or (isinstance(v, Num) and v.dtype == "b1") for v in (x, y)):
        return Num({"&": a.value & b.value, "|": a.value | b.value, "^": a.value ^ b.value}[symbol] != 0, "b1")
    assert "b1" not in both - {dtype} or dtype != "b1"
    if dtype in EPSILON:
        return _float(symbol, a, b, dtype)
    return Num(wrap(_whole(symbol, a.value, b.value), dtype), dtype)


def _whole(symbol: str, a: int, b: int) -> int:
    match symbol:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        case "//":
            return a if b == 0 else a // b
        case "%":
            return 0 if b == 0 else a % b
        case "&":
            return a & b
        case "|":
            return a | b
        case _:
            return a ^ b


def _float(symbol: str, x: Num, y: Num, dtype: str) -> Num:
    a, b, ea, eb = x.value, y.value, x.error, y.error
    match symbol:
        case "+":
            return inexact(a + b, ea + eb, dtype)
        case "-":
            return inexact(a - b, ea + eb, dtype)
        case "*":
            error = abs(a) * eb + abs(b) * ea + ea * eb if ea or eb else 0.0
            return inexact(a * b, error, dtype)
        case "/":
            if b == 0 or math.isnan(b):
                sign = math.copysign(1.0, a) * math.copysign(1.0, b)
                return Num(math.nan if a == 0 or a != a or b != b else sign * math.inf, dtype, math.inf)
            room = abs(b) - eb
            return inexact(a / b, (ea + abs(a / b) * eb) / room if room > 0 else math.inf, dtype)
        case _:
            raise AssertionError(symbol)


def shift(x: Any, n: Any, *, left: bool) -> Num:
    """Return x shifted; the amount counts modulo the width."""
    value = convert(typed(x), promoted(typed(x).dtype, "i8"))
    by = int(typed(n).value) % WIDTH[value.dtype]
    return Num(wrap(value.value << by if left else value.value >> by, value.dtype), value.dtype)


def compare(decide: Callable[[Any, Any], bool], x: Any, y: Any) -> Num:
    """Return a truth value, and doubt it where the floats' errors could turn it."""
    a, b, dtype = pair(x, y)
    if dtype in EPSILON and (a.error or b.error) and not abs(a.value - b.value) > a.error + b.error:
        Doubt.seen = True
    return Num(decide(a.value, b.value), "b1")


def convert(x: Num, dtype: str) -> Num:
    """Return x as another dtype: floats truncate and saturate, integers wrap."""
    if x.dtype == dtype:
        return x
    if dtype == "b1":
        return x != 0
    if x.dtype not in EPSILON:
        return (
            Num(round_to(_sticky(int(x.value)), dtype), dtype)
            if dtype in EPSILON
            else Num(wrap(int(x.value), dtype), dtype)
        )
    if dtype in EPSILON:
        if x.value == round_to(x.value, dtype) and not x.error:
            return Num(x.value, dtype)
        return inexact(x.value, x.error, dtype)
    ends = {_whole_of(x.value + e, dtype) for e in (0.0, x.error, -x.error)}
    if len(ends) > 1:
        Doubt.seen = True
    return Num(_whole_of(x.value, dtype), dtype)


def _sticky(value: int) -> float:
    """Return an integer as a double that rounds to f32 as the integer itself does: bits that do not fit leave a trace."""
    extra = max(abs(value).bit_length() - 52, 0)
    kept, lost = divmod(abs(value), 1 << extra)
    return math.copysign(float((kept | (lost != 0)) << extra), value)


def _whole_of(value: float, dtype: str) -> int:
    low, high = bounds(dtype)
    return 0 if math.isnan(value) else low if value <= low else high if value >= high else math.trunc(value)
