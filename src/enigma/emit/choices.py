"""Which `scf.if` are printed inside an expression: as `c ? x : y`, `c && x` or `c || x`."""

from __future__ import annotations

from xdsl.dialects import scf
from xdsl.ir import Block, Operation, SSAValue

from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import constant_of
from enigma.emit.liveness import is_within
from enigma.spec.terms import Algebra, Effect

_MANY = 12  # operations in both branches beyond which statements read better


def expressions(body: Block) -> set[Operation]:
    """Return the statements that only choose between two expressions, neither of which has an effect."""
    found: set[Operation] = set()
    # inner statements stand before the outer ones that may contain them
    for op in reversed(list(body.walk())):
        if isinstance(op, scf.IfOp) and _is_choice(op, found):
            found.add(op)
    return found


def _is_choice(op: scf.IfOp, inner: set[Operation]) -> bool:
    if len(op.results) != 1 or any(len(region.blocks) != 1 for region in op.regions):
        return False
    if sum(1 for _ in op.walk()) > _MANY:
        return False
    if not all(_only_computes(region.block, inner) for region in op.regions):
        return False
    yields = [_yielded(region.block) for region in op.regions]
    constants = [constant_of(value) for value in yields]
    if all(isinstance(constant, bool) for constant in constants):
        return False  # a flag: reads better as a statement
    # a branch that keeps a value: `if (c) x = ...;` says so
    return all(
        constant is not None or is_within(_home(value), op) for value, constant in zip(yields, constants, strict=True)
    )


def _home(value: SSAValue) -> Block:
    owner = value.owner
    block = owner.parent if isinstance(owner, Operation) else owner
    return block if block is not None else Block()


def _yielded(block: Block) -> SSAValue:
    terminator = block.last_op
    return terminator.operands[0] if terminator is not None else Block().args[0]


def _only_computes(block: Block, inner: set[Operation]) -> bool:
    for op in block.ops:
        if isinstance(op, scf.YieldOp):
            continue
        if isinstance(op, IntrinsicOp):
            if op.ROW.effect not in (Effect.PURE, Effect.READ) or op.ROW.algebra is Algebra.MAKE_TILE:
                return False  # such a matrix is set element by element
            free = not op.operands
        elif op in inner:
            free = False
        else:
            return False
        if not free and len(list(op.results[0].uses)) != 1:
            return False
    return True
