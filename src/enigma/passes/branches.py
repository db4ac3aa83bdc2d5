"""Branches: `scf.if` whose condition is known, whose arms agree, or which only chooses between two values.

Before: any module. After: no branch has a constant condition, a result that is the same on both ways, an empty second
arm, or an empty first arm beside a second one that does something. The last statement of a kernel keeps an empty first
arm: it is what `if done: return` becomes, and is printed so. Inside of what it guards, a condition is a constant.
"""

from __future__ import annotations

from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue

from enigma.dialect.structure import constant_of, defining, negation_of, row_for
from enigma.dialect.types import dtype_of
from enigma.dtypes import b1
from enigma.passes.rewrite import (
    blocks,
    constant,
    drop_yields,
    erase,
    inline,
    insert,
    move,
    rebuild,
    replace,
    statements,
    terminator,
)
from enigma.spec.terms import Algebra

MOST_CHOICES = 1
"""Results of a branch without operations that become selections; with more, the branch reads better."""


def simplify_branches(module: ModuleOp) -> bool:
    """Simplify all branches of a module; return whether any changed."""
    changed = False
    for op in reversed(statements(module)):
        if isinstance(op, scf.IfOp):
            changed |= _branch(op)
    return changed


def _branch(op: scf.IfOp) -> bool:
    known = constant_of(op.cond)
    if known is not None:
        _resolve(op, bool(known))
        return True
    changed, before = _assume(op), op
    op = _agreeing(op)
    if _choose(op) or (len(op.results) == 0 and _without_results(op)):
        return True
    return changed or op is not before


def _resolve(op: scf.IfOp, known: bool) -> None:
    """Put the arm that is always taken in the place of the branch."""
    region = op.true_region if known else op.false_region
    if region.blocks:
        inline(region.block, op, ())
    else:
        erase(op)


def _assume(op: scf.IfOp) -> bool:
    """Replace the condition inside the arms by what it is there."""
    if op.cond.has_one_use():
        return False
    changed = False
    for region, truth in ((op.true_region, True), (op.false_region, False)):
        inside = [use for use in op.cond.uses if _is_inside(use.operation, region)]
        for use in inside:
            use.operation.operands[use.index] = constant(use.operation, truth, b1)
            changed = True
    return changed


def _is_inside(op: Operation, region: Region) -> bool:
    parent = op.parent_region()
    while parent is not None:
        if parent is region:
            return True
        parent = parent.parent_region()
    return False


def _same(x: SSAValue, y: SSAValue) -> bool:
    if x is y:
        return True
    number = constant_of(x)
    # repr tells 0.0 from -0.0 and False from 0
    return number is not None and number == number and repr(number) == repr(constant_of(y)) and x.type == y.type


def _agreeing(op: scf.IfOp) -> scf.IfOp:
    """Replace results that are the same on both ways, drop those that nobody uses; return what is left of the branch."""
    if len(op.results) == 0:
        return op
    then, orelse = terminator(op.true_region.block), terminator(op.false_region.block)
    keep: list[int] = []
    for k, result in enumerate(op.results):
        x, y = then.operands[k], orelse.operands[k]
        if result.first_use is None:
            continue
        if not _same(x, y):
            keep.append(k)
        elif x is y:
            result.replace_all_uses_with(x)
        else:
            result.replace_all_uses_with(constant(op, constant_of(x), dtype_of(x.type)))
    if len(keep) == len(op.results):
        return op
    for block in blocks(op):
        drop_yields(block, keep)
    return rebuild(op, tuple(op.operands), keep)


def _choose(op: scf.IfOp) -> bool:
    """Make a branch that computes nothing a selection; those that leave a loop stay branches."""
    if any(dtype_of(result.type).parts > 1 for result in op.results):
        return False  # a selection would ask for a vector of conditions
    if not 0 < len(op.results) <= MOST_CHOICES or _is_loop_guard(op.cond) or not all(map(_is_trivial, blocks(op))):
        return False
    arms = [tuple(terminator(block).operands) for block in blocks(op)]
    if any(map(_sets_flag, op.results, *arms)):
        return False
    for block in blocks(op):
        for inner in tuple(block.ops)[:-1]:
            move(inner, op)
    select = row_for(Algebra.SELECT, b1)
    replace(op, [insert(op, select, (op.cond, x, y), dtype_of(x.type)) for x, y in zip(*arms, strict=True)])
    return True


def _is_trivial(block: Block) -> bool:
    """Return whether a block only makes constants."""
    last = terminator(block)
    return all(op is last or (len(op.results) == 1 and constant_of(op.results[0]) is not None) for op in block.ops)


def _is_loop_guard(condition: SSAValue) -> bool:
    op = defining(condition)
    negated = op is not None and op.ROW.algebra is Algebra.NOT
    return negated and op is not None and isinstance(op.operands[0], BlockArgument)


def _sets_flag(result: SSAValue, x: SSAValue, y: SSAValue) -> bool:
    """Return whether a result is a stop flag being set: `if found: ...; break` must stay one statement."""
    use = result.get_unique_use()
    return (
        use is not None
        and isinstance(use.operation, scf.YieldOp)
        and (constant_of(x) is True or constant_of(y) is True)
    )


def _is_empty(region: Region) -> bool:
    return not region.blocks or region.block.first_op is region.block.last_op


def _is_last_statement(op: Operation) -> bool:
    """Return whether only the return follows, and the block is the kernel's own."""
    following = op.next_op
    return following is not None and following.next_op is None and following.name == "func.return"


def _without_results(op: scf.IfOp) -> bool:
    if op.parent is None:
        return False
    if _is_empty(op.false_region):
        if op.false_region.blocks:
            _drop_second(op)
            return True
        return False
    if not _is_empty(op.true_region) or _is_last_statement(op):
        return False
    condition = _opposite(op)
    body, empty = op.detach_region(op.false_region), Region()
    op.detach_region(op.true_region)
    new = scf.IfOp.create(operands=(condition,), regions=[body, empty], location=op.location)
    op.parent.insert_op_before(new, op)
    erase(op)
    return True


def _drop_second(op: scf.IfOp) -> None:
    block: Block = op.false_region.block
    op.false_region.erase_block(block)


def _opposite(op: scf.IfOp) -> SSAValue:
    """Return the opposite of a branch's condition, before the branch."""
    compared = defining(op.cond)
    if compared is not None and compared.ROW.algebra is Algebra.NOT:
        return compared.operands[0]
    row = negation_of(op.cond)
    if row is not None and compared is not None and op.cond.has_one_use():
        return insert(op, row, tuple(compared.operands), b1)
    return insert(op, row_for(Algebra.NOT, b1), (op.cond,), b1)
