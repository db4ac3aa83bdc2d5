"""Which indices are multiples of a power of two, whatever their values: there a vector may be read whole."""

from __future__ import annotations

from xdsl.dialects import scf
from xdsl.ir import Block, SSAValue

from enigma.dialect.attributes import VALUE
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import meaning
from enigma.dialect.types import dtype_of
from enigma.spec.multiples import Made, divides
from enigma.spec.terms import Algebra


def is_multiple(value: SSAValue, power: int) -> bool:
    """Return whether an integer is surely a multiple of `power`, a power of two, which no wrapping around changes."""
    return divides(power, value, _look)


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
