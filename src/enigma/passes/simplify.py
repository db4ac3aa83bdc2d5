"""Simplification: every pure operation is replaced by a simpler equal value, as long as a rule of `fold`, `algebra` or
`index` finds one, for vectors one of `components`.

Before: any module. After: no rule applies to any operation in program order, and what became unused is still there.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation

from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.types import dtype_of
from enigma.passes.algebra import simplify as by_identity
from enigma.passes.components import simplify as by_component
from enigma.passes.fold import fold
from enigma.passes.index import reduce as by_range
from enigma.passes.ranges import Ranges
from enigma.passes.rewrite import replace
from enigma.spec.terms import Effect


def simplify(module: ModuleOp) -> bool:
    """Simplify all operations of a module; return whether any changed."""
    ranges = Ranges()
    return _simplify(module, ranges)


def _simplify(op: Operation, ranges: Ranges) -> bool:
    changed = False
    for region in op.regions:
        for block in region.blocks:
            changed |= _block(block, ranges)
    return changed


def _block(block: Block, ranges: Ranges) -> bool:
    changed, op = False, block.first_op
    while op is not None:
        following = op.next_op
        if op.regions:
            changed |= _simplify(op, ranges)
        elif isinstance(op, IntrinsicOp) and op.ROW.effect is Effect.PURE and len(op.operands):
            before = op.prev_op
            value = by_component(op) if _is_composite(op) else fold(op) or by_identity(op) or by_range(op, ranges)
            if value is not None:
                replace(op, (value,))
                changed = True
                # the operations that a rule made may be simplified further
                following = before.next_op if before is not None else block.first_op
        op = following
    return changed


def _is_composite(op: IntrinsicOp) -> bool:
    """Return whether an operation has to do with vectors: the rules about numbers are for scalars."""
    return any(dtype_of(value.type).parts > 1 for value in (*op.operands, *op.results))
