"""Which indices are multiples of a power of two, whatever their values: there a vector may be read whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.dialects import scf
from xdsl.ir import Block, SSAValue

from enigma.dialect.attributes import VALUE
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import meaning
from enigma.dialect.types import dtype_of
from enigma.spec.terms import Algebra

_DEEPEST = 16  # operations that are looked through, so that a long sum costs little
_ALL = 64  # the bits of zero, which every power of two divides

_PASSES_ON = (Algebra.CONVERT, Algebra.TO_INDEX, Algebra.FROM_INDEX, Algebra.NEG)


@dataclass(frozen=True, slots=True)
class Made:
    """How an integer of `width` bits is made: the arithmetic, what of, and the number where it is a constant.

    A loop's counter is the sum of where the loop starts and its step.
    """

    algebra: Algebra | None
    operands: Sequence[Any]
    width: int
    number: int | None = None


Look = Callable[[Any], Made | None]
"""Returns how an integer is made, or None for what is no integer or of which nothing is known."""


def is_multiple(value: SSAValue, power: int) -> bool:
    """Return whether an integer is surely a multiple of `power`, a power of two, which no wrapping around changes."""
    return divides(power, value, _look)


def divides(power: int, value: Any, look: Look) -> bool:
    """Return whether `power`, a power of two, surely divides an integer; `look` tells how each integer is made."""
    return _zeros(value, look, 0) >= power.bit_length() - 1


def _zeros(value: Any, look: Look, depth: int) -> int:
    """Return how many of an integer's lowest bits are surely zero."""
    made = look(value) if depth <= _DEEPEST else None
    if made is None:
        return 0
    if made.number is not None:
        return _ALL if made.number == 0 else (made.number & -made.number).bit_length() - 1
    operands = made.operands

    def zeros(operand: Any) -> int:
        return _zeros(operand, look, depth + 1)

    match made.algebra:
        case Algebra.ADD | Algebra.SUB | Algebra.OR | Algebra.XOR:
            return min(map(zeros, operands))
        case Algebra.MUL:
            return sum(map(zeros, operands))
        case Algebra.AND:
            return max(map(zeros, operands))
        case Algebra.SELECT:
            return min(map(zeros, operands[1:]))
        case Algebra.SHL:
            amount = look(operands[1])
            if amount is None or amount.number is None:
                return zeros(operands[0])
            return zeros(operands[0]) + (amount.number & (made.width - 1))
        case algebra if algebra in _PASSES_ON:
            return zeros(operands[0])
        case _:
            return 0


def _look(value: SSAValue) -> Made | None:
    op = value.owner
    if isinstance(op, Block):
        loop = op.parent_op()
        if not isinstance(loop, scf.ForOp) or value is not op.args[0]:
            return None
        return Made(Algebra.ADD, (loop.lb, loop.step), 64)
    if not isinstance(op, IntrinsicOp):
        return None
    algebra = meaning(op.ROW)
    if algebra is Algebra.TO_INDEX:
        return Made(algebra, op.operands, 64)
    dtype = dtype_of(value.type)
    if not dtype.is_integer or dtype.parts > 1:
        return None
    number = op.attr(VALUE) if algebra is Algebra.CONST else None
    return Made(algebra, op.operands, dtype.width, number if isinstance(number, int) else None)
