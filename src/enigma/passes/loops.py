"""Loops that carry what never changes, and `for` loops that run never or once.

Before: any module. After: no loop carries a value that every iteration hands on as it got it, and a `for` loop whose
number of iterations is known to be 0 or 1 is gone. Stop flags stay, for they do change.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from enigma.dialect.structure import constant_of, defining
from enigma.passes.rewrite import drop_yields, erase, inline, rebuild, statements, terminator
from enigma.spec.terms import Algebra


def simplify_loops(module: ModuleOp) -> bool:
    """Simplify all loops of a module; return whether any changed."""
    changed = False
    for op in reversed(statements(module)):
        match op:
            case scf.ForOp():
                changed |= _for(op)
            case scf.WhileOp():
                changed |= _while(op)
            case _:
                continue
    return changed


def _for(loop: scf.ForOp) -> bool:
    trips = _trips(loop)
    if trips == 0:
        for result, init in zip(loop.results, loop.iter_args, strict=True):
            result.replace_all_uses_with(init)
        erase(loop)
        return True
    if trips == 1:
        inline(loop.body.block, loop, (loop.lb, *loop.iter_args))
        return True
    body = loop.body.block
    yielded = terminator(body).operands
    inits = tuple(loop.iter_args)
    fixed = [k for k in range(len(inits)) if yielded[k] is body.args[k + 1] or yielded[k] is inits[k]]
    if not fixed:
        return False
    keep = [k for k in range(len(inits)) if k not in fixed]
    for k in fixed:
        _settle(body.args[k + 1], inits[k])
        _settle(loop.results[k], inits[k])
    drop_yields(body, keep)
    for k in reversed(fixed):
        body.erase_arg(body.args[k + 1])
    rebuild(loop, (loop.lb, loop.ub, loop.step, *(inits[k] for k in keep)), keep)
    return True


def _settle(value: SSAValue, constant: SSAValue) -> None:
    value.replace_all_uses_with(constant)


def _bound(value: SSAValue) -> int | None:
    op = defining(value)
    if op is None or op.ROW.algebra is not Algebra.TO_INDEX:
        return None
    number = constant_of(op.operands[0])
    return None if number is None else int(number)


def _trips(loop: scf.ForOp) -> int | None:
    """Return how often a loop with constant bounds runs, or None."""
    low, high, step = (_bound(value) for value in (loop.lb, loop.ub, loop.step))
    if low is None or high is None or step is None or step <= 0:
        return None
    return max(0, -((low - high) // step))


def _while(loop: scf.WhileOp) -> bool:
    test, body = loop.before_region.block, loop.after_region.block
    forwarded, yielded, inits = terminator(test).operands, terminator(body).operands, tuple(loop.operands)
    plain = len(forwarded) == len(test.args) + 1 and all(forwarded[k + 1] is arg for k, arg in enumerate(test.args))
    if not plain:
        return False
    fixed = [k for k in range(len(inits)) if yielded[k] in (body.args[k], inits[k])]
    if not fixed:
        return False
    keep = [k for k in range(len(inits)) if k not in fixed]
    _forget(loop, fixed, keep, inits)
    return True


def _forget(loop: scf.WhileOp, fixed: Sequence[int], keep: Sequence[int], inits: Sequence[SSAValue]) -> None:
    """Take the carried values `fixed` out of a `while` loop: they are their inits throughout."""
    test, body = loop.before_region.block, loop.after_region.block
    drop_yields(test, keep, fixed=1)
    drop_yields(body, keep)
    for k in reversed(fixed):
        for block in (test, body):
            _settle(block.args[k], inits[k])
            block.erase_arg(block.args[k])
        _settle(loop.results[k], inits[k])
    rebuild(loop, [inits[k] for k in keep], keep)
