"""Which indices are multiples of a power of two, whatever their values: there a vector may be read whole."""

from __future__ import annotations

from xdsl.dialects import scf
from xdsl.ir import Block, SSAValue

from enigma.dialect.attributes import VALUE
from enigma.dialect.operation import IntrinsicOp
from enigma.spec.terms import Algebra

_DEEPEST = 16  # operations that are looked through, so that a long sum costs little

_PASSES_ON = (Algebra.CONVERT, Algebra.TO_INDEX, Algebra.FROM_INDEX)


def is_multiple(value: SSAValue, power: int, depth: int = 0) -> bool:
    """Return whether an integer is surely a multiple of `power`, a power of two, which no wrapping around changes."""
    if depth > _DEEPEST:
        return False
    op = value.owner
    if isinstance(op, Block):
        loop = op.parent_op()
        if not isinstance(loop, scf.ForOp) or value is not op.args[0]:
            return False
        return all(is_multiple(bound, power, depth + 1) for bound in (loop.lb, loop.step))
    if not isinstance(op, IntrinsicOp):
        return False
    match op.ROW.algebra:
        case Algebra.CONST:
            number = op.attr(VALUE)
            return isinstance(number, int) and number % power == 0
        case Algebra.ADD | Algebra.SUB:
            return all(is_multiple(operand, power, depth + 1) for operand in op.operands)
        case Algebra.MUL:
            return any(is_multiple(operand, power, depth + 1) for operand in op.operands)
        case algebra if algebra in _PASSES_ON:
            return is_multiple(op.operands[0], power, depth + 1)
        case _:
            return False
