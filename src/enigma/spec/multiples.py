"""Which integers are multiples of a power of two, whatever their values: told from how they are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
