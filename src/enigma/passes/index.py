"""Index arithmetic: what holds because an integer is known not to be negative, or to lie in a range.

After it, `//` and `%` of values that cannot be negative are plain division and remainder, those by a power of two are a
shift and a mask, constants of sums and products are gathered, and comparisons that always hold are constants.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.ir import SSAValue

from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import constant_of, defining, meaning, row_for
from enigma.dialect.types import dtype_of
from enigma.dtypes import b1
from enigma.passes.ranges import Range, Ranges, disjoint_order
from enigma.passes.rewrite import combine, constant, insert
from enigma.spec.terms import Algebra

Rule = Callable[[IntrinsicOp, Ranges], SSAValue | None]


def reduce(op: IntrinsicOp, ranges: Ranges) -> SSAValue | None:
    """Return a simpler value that equals the integer operation `op`, or None; new operations are placed before `op`."""
    algebra = meaning(op.ROW)
    rule = None if algebra is None else RULES.get(algebra)
    if rule is None or not dtype_of(op.operands[0].type).is_integer:
        return None
    return rule(op, ranges)


def _number(value: SSAValue) -> int | None:
    number = constant_of(value)
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _power(number: int | None) -> int | None:
    """Return k where a number is 2**k, or None."""
    return number.bit_length() - 1 if number is not None and number > 0 and number & (number - 1) == 0 else None


def _split(value: SSAValue, *meanings: Algebra) -> tuple[SSAValue, int, Algebra] | None:
    """Return the operand, the constant and the meaning where `value` is one of these meanings with a constant."""
    op = defining(value)
    if op is None or (algebra := meaning(op.ROW)) is None or algebra not in meanings:
        return None
    number = _number(op.operands[1])
    return None if number is None else (op.operands[0], number, algebra)


def _may_regroup(value: SSAValue) -> bool:
    """Return whether a value is worth seeing through: nobody else uses it, or the user gave it no name."""
    return value.name_hint is None or value.has_one_use()


def _add(op: IntrinsicOp, ranges: Ranges) -> SSAValue | None:
    x, y = op.operands
    whole = _whole(x, y, ranges) or _whole(y, x, ranges)
    if whole is not None:
        return whole
    for a, b in ((x, y), (y, x)):
        offset = _number(b)
        if offset is not None and (inner := _split(a, Algebra.ADD, Algebra.SUB)) is not None and _may_regroup(a):
            value, first, algebra = inner
            return _offset(op, value, (first if algebra is Algebra.ADD else -first) + offset)
        if offset is not None and dtype_of(b.type).min < offset < 0:
            return combine(op, Algebra.SUB, a, constant(op, -offset, dtype_of(b.type)))
    return None


def _sub(op: IntrinsicOp, ranges: Ranges) -> SSAValue | None:
    x, y = op.operands
    offset = _number(y)
    if offset is None:
        return None
    if dtype_of(y.type).min < offset < 0:
        return combine(op, Algebra.ADD, x, constant(op, -offset, dtype_of(y.type)))
    if (inner := _split(x, Algebra.ADD, Algebra.SUB)) is None or not _may_regroup(x):
        return None
    value, first, algebra = inner
    return _offset(op, value, (first if algebra is Algebra.ADD else -first) - offset)


def _offset(op: IntrinsicOp, value: SSAValue, offset: int) -> SSAValue:
    """Return `value + offset`, written as a difference where that is the natural way."""
    dtype = dtype_of(value.type)
    span = 1 << dtype.width
    offset %= span
    if offset == 0:
        return value
    if offset > span // 2:
        return combine(op, Algebra.SUB, value, constant(op, span - offset, dtype))
    return combine(op, Algebra.ADD, value, constant(op, offset, dtype))


def _mul(op: IntrinsicOp, ranges: Ranges) -> SSAValue | None:
    x, y = op.operands
    for a, b in ((x, y), (y, x)):
        factor = _number(b)
        if factor is not None and (inner := _split(a, Algebra.MUL)) is not None and _may_regroup(a):
            value, first, _ = inner
            return combine(op, Algebra.MUL, value, constant(op, first * factor, dtype_of(a.type)))
    return None


def _whole(multiple: SSAValue, rest: SSAValue, ranges: Ranges) -> SSAValue | None:
    """Return x where the operands are `x / c * c` and `x % c`, in any spelling that divides alike."""
    product = _split(multiple, Algebra.MUL, Algebra.SHL)
    if product is None:
        return None
    quotient, factor, kind = product
    factor = _shifted(factor) if kind is Algebra.SHL else factor
    divided, left = _divided(quotient), _rest(rest)
    if divided is None or left is None or divided[0] is not left[0] or not divided[1] == left[1] == factor > 0:
        return None
    x = divided[0]
    return x if divided[2] is left[2] or ranges.of(x).low >= 0 else None


def _shifted(amount: int) -> int:
    """Return what shifting by a constant multiplies with; 0 for an amount that wraps around."""
    return 1 << amount if 0 <= amount < 32 else 0


def _divided(value: SSAValue) -> tuple[SSAValue, int, Algebra] | None:
    found = _split(value, Algebra.DIV, Algebra.FLOOR_DIV, Algebra.SHR)
    if found is None or found[2] is not Algebra.SHR:
        return found
    return found[0], _shifted(found[1]), Algebra.FLOOR_DIV


def _rest(value: SSAValue) -> tuple[SSAValue, int, Algebra] | None:
    found = _split(value, Algebra.REM, Algebra.FLOOR_MOD, Algebra.AND)
    if found is None:
        return None
    x, number, algebra = found
    if algebra is Algebra.AND:
        return (x, number + 1, Algebra.FLOOR_DIV) if _power(number + 1) is not None else None
    return x, number, Algebra.DIV if algebra is Algebra.REM else Algebra.FLOOR_DIV


def _div(op: IntrinsicOp, ranges: Ranges) -> SSAValue | None:
    x, y = op.operands
    divisor = _number(y)
    if divisor is None or divisor <= 0:
        return None
    dtype, held = dtype_of(x.type), ranges.of(x)
    if held.low >= 0 and held.high < divisor:
        return constant(op, 0, dtype)
    inner = _split(x, Algebra.DIV)
    if inner is not None and inner[1] > 0 and inner[1] * divisor <= dtype.max and _may_regroup(x):
        return combine(op, Algebra.DIV, inner[0], constant(op, inner[1] * divisor, dtype))
    return None


def _rem(op: IntrinsicOp, ranges: Ranges) -> SSAValue | None:
    x, y = op.operands
    divisor, held = ranges.of(y), ranges.of(x)
    return x if held.low >= 0 and held.high < divisor.low else None


def _floor_div(op: IntrinsicOp, ranges: Ranges) -> SSAValue | None:
    x, y = op.operands
    if ranges.of(x).low >= 0 and ranges.of(y).low >= 0:
        return combine(op, Algebra.DIV, x, y)
    shift = _power(_number(y))
    return None if shift is None else combine(op, Algebra.SHR, x, constant(op, shift, dtype_of(x.type)))


def _floor_mod(op: IntrinsicOp, ranges: Ranges) -> SSAValue | None:
    x, y = op.operands
    if ranges.of(x).low >= 0 and ranges.of(y).low >= 0:
        return combine(op, Algebra.REM, x, y)
    divisor, dtype = _number(y), dtype_of(x.type)
    if divisor is None or _power(divisor) is None:
        return None
    return insert(op, row_for(Algebra.AND, dtype), (x, constant(op, divisor - 1, dtype)), dtype)


def _and(op: IntrinsicOp, ranges: Ranges) -> SSAValue | None:
    x, y = op.operands
    for a, b in ((x, y), (y, x)):
        mask = _number(b)
        if mask is not None and _power(mask + 1) is not None:
            held = ranges.of(a)
            if held.low >= 0 and held.high <= mask:
                return a
    return None


def _least(op: IntrinsicOp, ranges: Ranges) -> SSAValue | None:
    x, y = op.operands
    known = disjoint_order(ranges.of(x), ranges.of(y), Algebra.LE)
    return None if known is None else (x if known else y)


def _greatest(op: IntrinsicOp, ranges: Ranges) -> SSAValue | None:
    x, y = op.operands
    known = disjoint_order(ranges.of(x), ranges.of(y), Algebra.GE)
    return None if known is None else (x if known else y)


def _compare(op: IntrinsicOp, ranges: Ranges) -> SSAValue | None:
    algebra = op.ROW.algebra
    x, y = (ranges.of(operand) for operand in op.operands)
    known = None if algebra is None else disjoint_order(Range(*x), Range(*y), algebra)
    return None if known is None else constant(op, known, b1)


RULES: dict[Algebra, Rule] = {
    Algebra.ADD: _add,
    Algebra.SUB: _sub,
    Algebra.MUL: _mul,
    Algebra.DIV: _div,
    Algebra.REM: _rem,
    Algebra.FLOOR_DIV: _floor_div,
    Algebra.FLOOR_MOD: _floor_mod,
    Algebra.AND: _and,
    Algebra.MIN: _least,
    Algebra.MAX: _greatest,
    **dict.fromkeys((Algebra.EQ, Algebra.NE, Algebra.LT, Algebra.LE, Algebra.GT, Algebra.GE), _compare),
}
"""The rule of each meaning."""
