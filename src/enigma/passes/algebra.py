"""Identities that hold for every value of the operands: `x + 0`, `x * 1`, `not (a < b)`, and their like.

Integers wrap around, so all laws of arithmetic modulo two to the width hold. Floats keep their signed zeros, infinities
and NaN: only identities that are exact for these are used.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.ir import SSAValue

from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import algebra_of, constant_of, defining, meaning, negation_of, row_for
from enigma.dialect.types import dtype_of
from enigma.dtypes import Numeric, b1
from enigma.passes.rewrite import combine, constant, insert
from enigma.spec.terms import Algebra

Rule = Callable[[IntrinsicOp], SSAValue | None]


def simplify(op: IntrinsicOp) -> SSAValue | None:
    """Return a simpler value that equals the result of `op`, or None; new operations are placed before `op`."""
    algebra = meaning(op.ROW)
    rule = None if algebra is None else RULES.get(algebra)
    return None if rule is None else rule(op)


def _ones(dtype: Numeric) -> int:
    """Return the integer of a dtype with all bits set; True for b1."""
    return -1 if dtype.is_signed else dtype.max


def _is_zero(value: SSAValue, *, negative: bool = False) -> bool:
    """Return whether a value is the constant 0; of floats, the zero of that sign."""
    number = constant_of(value)
    return (
        number is not None
        and number == 0
        and (not isinstance(number, float) or str(number).startswith("-") is negative)
    )


def _sides(op: IntrinsicOp) -> tuple[tuple[SSAValue, SSAValue], tuple[SSAValue, SSAValue]]:
    x, y = op.operands
    return (x, y), (y, x)


def _inner(value: SSAValue, algebra: Algebra) -> SSAValue | None:
    """Return the operand of a unary operation of this meaning, or None."""
    op = defining(value)
    return op.operands[0] if op is not None and op.ROW.algebra is algebra else None


def _add(op: IntrinsicOp) -> SSAValue | None:
    is_float = dtype_of(op.results[0].type).is_float
    for x, y in _sides(op):
        if _is_zero(y, negative=is_float):  # -0.0 is the zero that changes nothing
            return x
        if (negated := _inner(y, Algebra.NEG)) is not None:
            return combine(op, Algebra.SUB, x, negated)
    return None


def _sub(op: IntrinsicOp) -> SSAValue | None:
    x, y = op.operands
    dtype = dtype_of(x.type)
    if _is_zero(y):
        return x
    if (negated := _inner(y, Algebra.NEG)) is not None:
        return combine(op, Algebra.ADD, x, negated)
    if dtype.is_float:
        return combine(op, Algebra.NEG, y) if _is_zero(x, negative=True) else None
    if x is y:
        return constant(op, 0, dtype)
    return combine(op, Algebra.NEG, y) if _is_zero(x) else None


def _mul(op: IntrinsicOp) -> SSAValue | None:
    for x, y in _sides(op):
        factor = constant_of(y)
        if factor == 1:
            return x
        if factor == -1:
            return combine(op, Algebra.NEG, x)
        if factor == 0 and dtype_of(y.type).is_integer:
            return y
    return None


def _div(op: IntrinsicOp) -> SSAValue | None:
    x, y = op.operands
    return x if constant_of(y) == 1 or _is_whole_zero(y) else None


def _is_whole_zero(value: SSAValue) -> bool:
    """Return whether a divisor is the integer 0: Metal leaves that undefined, so it must not reach the text."""
    return _is_zero(value) and dtype_of(value.type).is_integer


def _floor_div(op: IntrinsicOp) -> SSAValue | None:
    x, y = op.operands
    return x if (constant_of(y) == 1 and dtype_of(x.type).is_integer) or _is_whole_zero(y) else None


def _remainder(op: IntrinsicOp) -> SSAValue | None:
    x, y = op.operands
    nothing = (constant_of(y) == 1 and dtype_of(x.type).is_integer) or _is_whole_zero(y)
    return constant(op, 0, dtype_of(x.type)) if nothing else None


def _shift(op: IntrinsicOp) -> SSAValue | None:
    x, y = op.operands
    if _is_zero(y) or _is_zero(x):
        return x
    amount, width = constant_of(y), dtype_of(x.type).width
    if amount is None or 0 <= amount < width:
        return None
    # it counts modulo the width, but a compiler may take one that is too large for anything
    return insert(op, op.ROW, (x, constant(op, int(amount) & (width - 1), dtype_of(y.type))), dtype_of(x.type))


def _and(op: IntrinsicOp) -> SSAValue | None:
    for x, y in _sides(op):
        mask = constant_of(y)
        if x is y or mask == _ones(dtype_of(y.type)):
            return x
        if mask == 0:
            return y
    return None


def _or(op: IntrinsicOp) -> SSAValue | None:
    for x, y in _sides(op):
        bits = constant_of(y)
        if x is y or bits == 0:
            return x
        if bits == _ones(dtype_of(y.type)):
            return y
    return None


def _xor(op: IntrinsicOp) -> SSAValue | None:
    dtype = dtype_of(op.results[0].type)
    for x, y in _sides(op):
        if x is y:
            return constant(op, 0, dtype)
        if _is_zero(y):
            return x
        if dtype is b1 and constant_of(y) is True:
            return combine(op, Algebra.NOT, x)
    return None


def _neg(op: IntrinsicOp) -> SSAValue | None:
    return _inner(op.operands[0], Algebra.NEG)


def _not(op: IntrinsicOp) -> SSAValue | None:
    if (inner := _inner(op.operands[0], Algebra.NOT)) is not None:
        return inner
    row, compared = negation_of(op.operands[0]), defining(op.operands[0])
    if row is None or compared is None or not op.operands[0].has_one_use():
        return None
    return insert(op, row, tuple(compared.operands), b1)


def _compare(op: IntrinsicOp) -> SSAValue | None:
    x, y = op.operands
    algebra, dtype = op.ROW.algebra, dtype_of(x.type)
    if x is y and not dtype.is_float:
        return constant(op, algebra in (Algebra.EQ, Algebra.LE, Algebra.GE), b1)
    if dtype is not b1 or algebra not in (Algebra.EQ, Algebra.NE):
        return None
    for a, b in _sides(op):
        truth = constant_of(b)
        if truth is not None:
            return a if truth is (algebra is Algebra.EQ) else combine(op, Algebra.NOT, a)
    return None


def _least(op: IntrinsicOp) -> SSAValue | None:
    x, y = op.operands
    return x if x is y else None


def _select(op: IntrinsicOp) -> SSAValue | None:
    condition, x, y = op.operands
    known = constant_of(condition)
    if known is not None or x is y:
        return y if known is False else x
    if (opposite := _inner(condition, Algebra.NOT)) is not None:
        return insert(op, op.ROW, (opposite, y, x), dtype_of(x.type))
    if dtype_of(x.type) is not b1:
        return None
    match constant_of(x), constant_of(y):
        case True, False:
            return condition
        case False, True:
            return combine(op, Algebra.NOT, condition)
        case True, _:
            return combine(op, Algebra.OR, condition, y)
        case _, False:
            return combine(op, Algebra.AND, condition, x)
        case _:
            return None


def _convert(op: IntrinsicOp) -> SSAValue | None:
    x = op.operands[0]
    target, source = dtype_of(op.results[0].type), dtype_of(x.type)
    if target is source:
        return x
    if algebra_of(x) is not Algebra.CONVERT or (first := _inner(x, Algebra.CONVERT)) is None:
        return None
    origin = dtype_of(first.type)
    wraps = origin.is_integer and source.is_integer and target.is_integer and target.width <= source.width
    # by way of a float, an integer too big for the target saturates; directly it would wrap
    saturates = origin.is_integer and source.is_float and target.is_integer and not holds(target, origin)
    if not wraps and (saturates or not holds(source, origin)):
        return None
    return first if target is origin else insert(op, row_for(Algebra.CONVERT, target), (first,), target)


def _from_index(op: IntrinsicOp) -> SSAValue | None:
    bound = _inner(op.operands[0], Algebra.TO_INDEX)
    target = dtype_of(op.results[0].type)
    if bound is None or dtype_of(bound.type) is target:
        return bound
    return insert(op, row_for(Algebra.CONVERT, target), (bound,), target)


def holds(wide: Numeric, narrow: Numeric) -> bool:
    """Return whether every value of `narrow` is one of `wide`, so that converting to `wide` loses nothing.

    >>> from enigma.dtypes import bf16, f16, f32, i32, u16
    >>> holds(f32, f16), holds(f32, u16), holds(f32, i32), holds(f16, bf16)
    (True, True, False, False)
    """
    if wide is narrow:
        return True
    if wide.is_float:
        digits = {"f32": 24, "f16": 11, "bf16": 8}[wide.name]
        return wide.width > narrow.width if narrow.is_float else narrow.width <= digits
    return not narrow.is_float and wide.kind != "b" and wide.min <= narrow.min and narrow.max <= wide.max


RULES: dict[Algebra, Rule] = {
    Algebra.ADD: _add,
    Algebra.SUB: _sub,
    Algebra.MUL: _mul,
    Algebra.DIV: _div,
    Algebra.FLOOR_DIV: _floor_div,
    Algebra.REM: _remainder,
    Algebra.FLOOR_MOD: _remainder,
    Algebra.SHL: _shift,
    Algebra.SHR: _shift,
    Algebra.AND: _and,
    Algebra.OR: _or,
    Algebra.XOR: _xor,
    Algebra.NEG: _neg,
    Algebra.NOT: _not,
    Algebra.MIN: _least,
    Algebra.MAX: _least,
    Algebra.SELECT: _select,
    Algebra.CONVERT: _convert,
    Algebra.FROM_INDEX: _from_index,
    **dict.fromkeys((Algebra.EQ, Algebra.NE, Algebra.LT, Algebra.LE, Algebra.GT, Algebra.GE), _compare),
}
"""The rule of each meaning."""
