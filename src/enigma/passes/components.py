"""Identities of vectors: a component of what was just put together is known, and putting all components together again is free.

Before and after: see `simplify`, which applies these rules with the others.
"""

from __future__ import annotations

from xdsl.ir import SSAValue

from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import constant_of, defining
from enigma.spec.terms import MAKES, Algebra

_MAKES = frozenset((*MAKES.values(), Algebra.MAKE_TILE))
_TAKES = (Algebra.EXTRACT, Algebra.TILE_ELEMENT)


def simplify(op: IntrinsicOp) -> SSAValue | None:
    """Return a value that exists already and equals the result of `op`, or None."""
    if op.ROW.algebra in _TAKES:
        return _component(op)
    if op.ROW.algebra in _MAKES:
        return _whole(op)
    return None


def _component(op: IntrinsicOp) -> SSAValue | None:
    made = defining(op.operands[0])
    if made is None:
        return None
    if made.ROW.algebra in _MAKES:
        lane: int = op.attr("lane")
        part = made.operands[lane]
        return part if constant_of(part) is not None or not _is_used_whole(made) else None
    return made.operands[0] if made.ROW.algebra is Algebra.SPLAT else None


def _is_used_whole(made: IntrinsicOp) -> bool:
    """Return whether a vector is needed as such: then its components are read from it, and what made it need not be kept."""
    return any(
        not isinstance(use.operation, IntrinsicOp) or use.operation.ROW.algebra is not Algebra.EXTRACT
        for use in made.results[0].uses
    )


def _whole(op: IntrinsicOp) -> SSAValue | None:
    """Return the vector whose components, all of them and in order, are put together."""
    source: SSAValue | None = None
    for lane, operand in enumerate(op.operands):
        part = defining(operand)
        if part is None or part.ROW.algebra not in _TAKES or part.attr("lane") != lane:
            return None
        if source is not None and part.operands[0] is not source:
            return None
        source = part.operands[0]
    return source if source is not None and source.type == op.results[0].type else None
