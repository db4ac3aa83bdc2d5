"""Loop-invariant code: what a loop computes anew each time from values outside of it, is computed once before.

Before: any module. After: no pure operation directly in a loop's body (or in the guarded part of a loop that can be
left) has all its operands outside of the loop. Nothing traps, so computing what a loop that never runs would not have
computed does no harm. Reads stay.
"""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue

from enigma.dialect.structure import early_exit, guarded, is_pure
from enigma.passes.rewrite import blocks, move, statements


def hoist(module: ModuleOp) -> bool:
    """Move invariant operations out of all loops of a module; return whether there were any."""
    changed = False
    for op in reversed(statements(module)):  # inner loops first: what leaves them may leave the outer one too
        if isinstance(op, scf.ForOp | scf.WhileOp):
            changed |= _hoist(op)
    return changed


def _hoist(loop: scf.ForOp | scf.WhileOp) -> bool:
    changed, inside = False, set(_bodies(loop))
    for block in _bodies(loop):
        for op in tuple(block.ops):
            if is_pure(op) and not any(_block_of(operand) in inside for operand in op.operands):
                move(op, loop)
                changed = True
    return changed


def _bodies(loop: scf.ForOp | scf.WhileOp) -> Iterator[Block]:
    yield from blocks(loop)
    if isinstance(loop, scf.ForOp) and early_exit(loop) is not None and (work := guarded(loop)) is not None:
        yield work.true_region.block


def _block_of(value: SSAValue) -> Block | None:
    owner = value.owner
    return owner.parent if isinstance(owner, Operation) else owner
