"""Which numbers an integer value can be: an interval, from constants, loop bounds, masks, remainders and the grid.

A grid position or size is taken to be below 2**31: a launch of more threads along an axis is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from xdsl.dialects import scf
from xdsl.ir import BlockArgument, OpResult, SSAValue

from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import constant_of, defining, meaning
from enigma.dialect.types import dtype_of
from enigma.dtypes import Numeric
from enigma.spec.terms import Algebra

DEEPEST = 40
"""Operations that one question looks back over; beyond, a value may be anything."""

LARGEST_GRID = 2**31 - 1
"""The largest position or size that a grid query gives."""


class Range(NamedTuple):
    """The integers from `low` to `high`, both included."""

    low: int
    high: int


def full(dtype: Numeric) -> Range:
    """Return all integers of a dtype."""
    return Range(dtype.min, dtype.max)


def disjoint_order(x: Range, y: Range, algebra: Algebra) -> bool | None:
    """Return what a comparison always gives for values of these ranges, or None when it depends.

    >>> disjoint_order(Range(0, 5), Range(6, 9), Algebra.LT), disjoint_order(Range(0, 5), Range(5, 9), Algebra.LT)
    (True, None)
    """
    match algebra:
        case Algebra.LT:
            return True if x.high < y.low else False if x.low >= y.high else None
        case Algebra.LE:
            return True if x.high <= y.low else False if x.low > y.high else None
        case Algebra.GT:
            return disjoint_order(y, x, Algebra.LT)
        case Algebra.GE:
            return disjoint_order(y, x, Algebra.LE)
        case Algebra.EQ | Algebra.NE:
            if x.high < y.low or y.high < x.low:
                return algebra is Algebra.NE
            return algebra is Algebra.EQ if x.low == x.high == y.low == y.high else None
        case _:
            return None


class Ranges:
    """Finds the ranges of a module's values, each once; they stay true when values are replaced by equal ones."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[SSAValue, Range] = {}

    def of(self, value: SSAValue, depth: int = 0) -> Range:
        """Return the range of an integer or bool value; the dtype's own for want of a better one."""
        known = self._known.get(value)
        if known is not None:
            return known
        dtype = dtype_of(value.type)
        if depth > DEEPEST:
            return full(dtype)
        found = self._compute(value, dtype, depth + 1)
        limits = full(dtype)
        if found.low < limits.low or found.high > limits.high:  # it may wrap around
            found = limits
        self._known[value] = found
        return found

    def _compute(self, value: SSAValue, dtype: Numeric, depth: int) -> Range:
        if (op := defining(value)) is not None:
            return self._operation(op, dtype, depth)
        if isinstance(value, BlockArgument):
            return self._argument(value, dtype, depth)
        if isinstance(value, OpResult) and isinstance(value.op, scf.IfOp):
            ends = [region.block.last_op for region in value.op.regions]
            arms = [self.of(end.operands[value.index], depth) for end in ends if end is not None]
            return Range(min(arm.low for arm in arms), max(arm.high for arm in arms))
        return full(dtype)

    def _argument(self, value: BlockArgument, dtype: Numeric, depth: int) -> Range:
        loop = value.owner.parent_op()
        if not isinstance(loop, scf.ForOp) or value.index != 0:
            return full(dtype)
        low, high = self.of(loop.lb, depth).low, self.of(loop.ub, depth).high
        return Range(low, max(high - 1, low))

    def _operation(self, op: IntrinsicOp, dtype: Numeric, depth: int) -> Range:
        number = constant_of(op.results[0])
        if number is not None:
            return Range(int(number), int(number))
        if op.ROW.level is not None and not op.ROW.operands and not op.ROW.at_launch:
            return Range(0, LARGEST_GRID)
        algebra = meaning(op.ROW)
        if algebra is Algebra.SELECT:
            x, y = self.of(op.operands[1], depth), self.of(op.operands[2], depth)
            return Range(min(x.low, y.low), max(x.high, y.high))
        if any(dtype_of(operand.type).is_float for operand in op.operands):
            return full(dtype)
        if algebra in (Algebra.CONVERT, Algebra.TO_INDEX, Algebra.FROM_INDEX):
            return full(dtype) if dtype.kind == "b" else self.of(op.operands[0], depth)
        rule = None if algebra is None else _BINARY.get(algebra)
        if rule is None:
            return full(dtype)
        return rule(self.of(op.operands[0], depth), self.of(op.operands[1], depth)) or full(dtype)


def _corners(combine: Callable[[int, int], int], x: Range, y: Range) -> Range:
    values = [combine(a, b) for a in x for b in y]
    return Range(min(values), max(values))


def _quotient(x: Range, y: Range) -> Range | None:
    if y.low <= 0:
        return None
    return _corners(lambda a, b: a // b if a >= 0 else -(-a // b), x, y)


def _floor_quotient(x: Range, y: Range) -> Range | None:
    return None if y.low <= 0 else _corners(lambda a, b: a // b, x, y)


def _remainder(x: Range, y: Range) -> Range | None:
    if y.low <= 0:
        return None
    return Range(max(x.low, 1 - y.high) if x.low < 0 else 0, min(x.high, y.high - 1) if x.high > 0 else 0)


def _floor_remainder(x: Range, y: Range) -> Range | None:
    if y.low <= 0:
        return None
    return Range(0, min(x.high, y.high - 1) if x.low >= 0 else y.high - 1)


def _and(x: Range, y: Range) -> Range | None:
    highest = [r.high for r in (x, y) if r.low >= 0]
    return Range(0, min(highest)) if highest else None


def _or(x: Range, y: Range) -> Range | None:
    if x.low < 0 or y.low < 0:
        return None
    return Range(max(x.low, y.low), (1 << max(x.high, y.high).bit_length()) - 1)


def _xor(x: Range, y: Range) -> Range | None:
    both = _or(x, y)
    return None if both is None else Range(0, both.high)


def _shift_up(x: Range, y: Range) -> Range | None:
    return Range(x.low << y.low, x.high << y.low) if y.low == y.high and 0 <= y.low < 32 else None


def _shift_down(x: Range, y: Range) -> Range | None:
    return Range(x.low >> y.low, x.high >> y.low) if y.low == y.high and 0 <= y.low < 32 else None


_BINARY: dict[Algebra, Callable[[Range, Range], Range | None]] = {
    Algebra.ADD: lambda x, y: Range(x.low + y.low, x.high + y.high),
    Algebra.SUB: lambda x, y: Range(x.low - y.high, x.high - y.low),
    Algebra.MUL: lambda x, y: _corners(lambda a, b: a * b, x, y),
    Algebra.DIV: _quotient,
    Algebra.REM: _remainder,
    Algebra.FLOOR_DIV: _floor_quotient,
    Algebra.FLOOR_MOD: _floor_remainder,
    Algebra.AND: _and,
    Algebra.OR: _or,
    Algebra.XOR: _xor,
    Algebra.SHL: _shift_up,
    Algebra.SHR: _shift_down,
    Algebra.MIN: lambda x, y: Range(min(x.low, y.low), min(x.high, y.high)),
    Algebra.MAX: lambda x, y: Range(max(x.low, y.low), max(x.high, y.high)),
}
