"""Bits of integers: Python's operators, counts, fields (Metal specification, 6.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from enigma.dtypes import INTEGERS, Numeric, b1
from enigma.spec import hazards
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER, quiet
from enigma.spec.spelling import Call, Infix, Precedence, Prefix, Spelling
from enigma.spec.terms import ANY_LANES, Algebra, Effect, I, Static, Var

WORDS = tuple(d for d in INTEGERS if d.width >= 32)
BITWISE = Var("B", (*WORDS, b1), widens=True, lanes=ANY_LANES)
SHIFTED = Var("I", WORDS, widens=True, lanes=ANY_LANES)
AMOUNT = Var("M", INTEGERS, lanes=ANY_LANES)


def _bitwise(
    name: str,
    symbol: str,
    logical: str,
    level: Precedence,
    algebra: Algebra,
    doc: str,
    ref: Callable[..., Any],
    llvm: Callable[..., Any],
) -> Intrinsic:
    by_dtype: dict[Numeric, Spelling] = {d: Infix(symbol, level) for d in WORDS}
    logical_level = {"&&": Precedence.LOGICAL_AND, "||": Precedence.LOGICAL_OR, "!=": Precedence.EQUALITY}[logical]
    return Intrinsic(
        name=name, params={"x": BITWISE, "y": BITWISE}, result=BITWISE, doc=doc, effect=Effect.PURE, operator=symbol, public="",
        commutes=True, msl=by_dtype | {b1: Infix(logical, logical_level)}, cuda=LATER, llvm=llvm, ref=ref,
        algebra=algebra if algebra is Algebra.XOR else None,
    )  # fmt: skip


def _amount(np: Any, x: Any, n: Any) -> Any:
    """Metal takes a shift amount modulo the width."""
    return (n.astype(np.int64) & (x.dtype.itemsize * 8 - 1)).astype(x.dtype)


def _count(name: str, doc: str, ref: Callable[..., Any], llvm: Callable[..., Any]) -> Intrinsic:
    return Intrinsic(
        name=name, params={"x": I}, result=I, doc=doc, effect=Effect.PURE, msl=Call(name), cuda=LATER, llvm=llvm, ref=ref,
        example=f"{name}(x)",
    )  # fmt: skip


def _unsigned(np: Any, x: Any) -> Any:
    return np.ascontiguousarray(x).view(np.dtype(f"u{x.dtype.itemsize}"))


def _popcount(np: Any, x: Any) -> Any:
    value, total = _unsigned(np, x), np.zeros(x.shape, x.dtype)
    for bit in range(x.dtype.itemsize * 8):
        total += ((value >> value.dtype.type(bit)) & value.dtype.type(1)).astype(x.dtype)
    return total


def _reverse(np: Any, x: Any) -> Any:
    value, bits = _unsigned(np, x), x.dtype.itemsize * 8
    turned = np.zeros_like(value)
    for bit in range(bits):
        turned |= ((value >> value.dtype.type(bit)) & value.dtype.type(1)) << value.dtype.type(bits - 1 - bit)
    return turned.view(x.dtype)


def _clz(np: Any, x: Any) -> Any:
    value, bits = _unsigned(np, x), x.dtype.itemsize * 8
    zeros = np.full(x.shape, bits, x.dtype)
    for bit in range(bits):
        zeros = np.where((value >> value.dtype.type(bit)) & value.dtype.type(1), x.dtype.type(bits - 1 - bit), zeros)
    return zeros


def _extract(np: Any, x: Any, *, offset: int, bits: int) -> Any:
    if bits == 0:
        return np.zeros_like(x)
    width = x.dtype.itemsize * 8
    raised = np.left_shift(x, x.dtype.type(width - bits - offset))
    return np.right_shift(raised, x.dtype.type(width - bits))  # arithmetic for a signed dtype: the field's sign


def _lower_extract(b: Any, x: Any, *, offset: int, bits: int) -> Any:
    if bits == 0:
        return b.const(0, x)
    up, down = b.const(x.dtype.width - bits - offset, x), b.const(x.dtype.width - bits, x)
    return b.shr(b.shl(x, up), down)


def _mask(width: int, offset: int, bits: int) -> int:
    return (((1 << bits) - 1) << offset) & ((1 << width) - 1)


def _insert(np: Any, base: Any, insert: Any, *, offset: int, bits: int) -> Any:
    unsigned, field = _unsigned(np, base), _unsigned(np, insert)
    mask = unsigned.dtype.type(_mask(base.dtype.itemsize * 8, offset, bits))
    shifted = field << unsigned.dtype.type(offset) if bits else field
    return ((unsigned & ~mask) | (shifted & mask)).view(base.dtype)


def _lower_insert(b: Any, base: Any, insert: Any, *, offset: int, bits: int) -> Any:
    width = base.dtype.width
    mask = _mask(width, offset, bits)
    shifted = b.shl(insert, b.const(offset, insert)) if bits else insert
    kept = b.and_(base, b.const(_wrapped(~mask, base.dtype), base))
    return b.or_(kept, b.and_(shifted, b.const(_wrapped(mask, base.dtype), base)))


def _wrapped(value: int, dtype: Numeric) -> int:
    value &= (1 << dtype.width) - 1
    return value - (1 << dtype.width) if value > dtype.max else value


def _inside(bound: Mapping[Var, Numeric], attrs: Mapping[str, Any]) -> str | None:
    width, offset, bits = bound[I].width, attrs["offset"], attrs["bits"]
    if offset + bits <= width:
        return None
    return f"the field of {bits} bits at {offset} ends at bit {offset + bits}, but {bound[I].name} has {width}"


FIELD = {"offset": Static(0, 63), "bits": Static(0, 64)}

ROWS: tuple[Intrinsic, ...] = (
    _bitwise("bitand", "&", "&&", Precedence.BIT_AND, Algebra.AND, "Bits set in both; of bools, both.",
             lambda np, x, y: x & y, lambda b, x, y: b.and_(x, y)),
    _bitwise("bitor", "|", "||", Precedence.BIT_OR, Algebra.OR, "Bits set in either; of bools, either.",
             lambda np, x, y: x | y, lambda b, x, y: b.or_(x, y)),
    _bitwise("bitxor", "^", "!=", Precedence.BIT_XOR, Algebra.XOR, "Bits set in one of the two; of bools, exactly one.",
             lambda np, x, y: x ^ y, lambda b, x, y: b.xor(x, y)),
    Intrinsic(
        name="bitnot", params={"x": BITWISE}, result=BITWISE, effect=Effect.PURE, operator="u~", public="",
        doc="Every bit turned over; of a bool, the opposite.", msl={d: Prefix("~") for d in WORDS} | {b1: Prefix("!")}, cuda=LATER,
        llvm=lambda b, x: b.xor(x, b.const(True if x.dtype is b1 else -1, x)), ref=lambda np, x: ~x),
    Intrinsic(
        name="shl", params={"x": SHIFTED, "n": AMOUNT}, result=SHIFTED, effect=Effect.PURE, operator="<<", public="",
        algebra=Algebra.SHL, doc="x with its bits moved up; the amount counts modulo the width.",
        msl=Infix("<<", Precedence.SHIFT), cuda=LATER, llvm=lambda b, x, n: b.shl(x, b.convert(n, x.dtype)),
        ref=quiet(lambda np, x, n: np.left_shift(x, _amount(np, x, n))), hazards=hazards.SHIFT),
    Intrinsic(
        name="shr", params={"x": SHIFTED, "n": AMOUNT}, result=SHIFTED, effect=Effect.PURE, operator=">>", public="",
        algebra=Algebra.SHR, doc="x with its bits moved down, copies of the sign coming in when x is signed.",
        msl=Infix(">>", Precedence.SHIFT), cuda=LATER, llvm=lambda b, x, n: b.shr(x, b.convert(n, x.dtype)),
        ref=quiet(lambda np, x, n: np.right_shift(x, _amount(np, x, n))), hazards=hazards.SHIFT),
    _count("popcount", "How many bits are set.", _popcount, lambda b, x: b.call("llvm.ctpop", x)),
    _count("clz", "Zero bits before the first set bit; the width where there is none.", _clz, lambda b, x: b.call("llvm.ctlz", x)),
    _count("ctz", "Zero bits after the last set bit; the width where there is none.",
           lambda np, x: _clz(np, _reverse(np, x)), lambda b, x: b.call("llvm.cttz", x)),
    _count("reverse_bits", "The bits in opposite order.", _reverse, lambda b, x: b.call("llvm.bitreverse", x)),
    Intrinsic(
        name="extract_bits", params={"x": I, **FIELD}, result=I, effect=Effect.PURE, msl=Call("extract_bits"), cuda=LATER,
        doc="The field of `bits` bits at `offset`, sign-extended where x is signed.",
        llvm=_lower_extract, ref=_extract, check=_inside, example="extract_bits(x, 4, 8)"),
    Intrinsic(
        name="insert_bits", params={"base": I, "insert": I, **FIELD}, result=I, effect=Effect.PURE, msl=Call("insert_bits"),
        cuda=LATER, doc="`base` with its field of `bits` bits at `offset` replaced by the low bits of `insert`.",
        llvm=_lower_insert, ref=_insert, check=_inside, example="insert_bits(base, insert, 4, 8)"),
)  # fmt: skip
