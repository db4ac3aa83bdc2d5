"""Dead code: what no store, no barrier and no condition of a statement that matters depends on.

Before: any module. After: every operation that only computes or reads has a live use; so has every result of a branch
and every value that a loop carries, where a use by the loop's own next value does not count. A loop or branch without
effects and without live results is gone. Only `while` loops stay, since they may not end.
"""

from __future__ import annotations

from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, BlockArgument, Operation, OpResult, SSAValue

from enigma.dialect.operation import IntrinsicOp
from enigma.passes.rewrite import blocks, drop_yields, erase, rebuild, terminator
from enigma.spec.terms import MEMORY, Effect

_DISPENSABLE = (Effect.PURE, Effect.READ)


def remove_dead(module: ModuleOp) -> bool:
    """Remove dead operations, results and carried values of a module; return whether there were any."""
    liveness = _Liveness()
    for block in blocks(module):
        liveness.roots(block)
    liveness.spread()
    return _sweep_blocks(module, liveness)


def _dispensable(op: IntrinsicOp) -> bool:
    return op.ROW.effect in _DISPENSABLE or op.ROW.algebra in MEMORY


class _Liveness:
    """The values and statements that something with an effect depends on."""

    __slots__ = ("_todo", "statements", "values")

    def __init__(self) -> None:
        self.values: set[SSAValue] = set()
        self.statements: set[Operation] = set()
        self._todo: list[SSAValue] = []

    def roots(self, block: Block) -> bool:
        """Mark what the effects in a block need; return whether there is any."""
        effect = False
        for op in block.ops:
            if isinstance(op, IntrinsicOp):
                if not _dispensable(op):
                    effect = True
                    self._need(*op.operands)
            elif op.regions:
                inner = [self.roots(child) for child in blocks(op)]
                if any(inner) or not isinstance(op, scf.IfOp | scf.ForOp):
                    effect = True
                    self._keep(op)
            elif not isinstance(op, scf.YieldOp | scf.ConditionOp):
                self._need(*op.operands)
        return effect

    def spread(self) -> None:
        """Mark all that the marked values depend on."""
        while self._todo:
            value = self._todo.pop()
            if isinstance(value, BlockArgument):
                self._argument(value)
            elif isinstance(value, OpResult):
                if isinstance(value.op, IntrinsicOp):
                    self._need(*value.op.operands)
                elif value.op.regions:
                    self._result(value.op, value.index)

    def _need(self, *values: SSAValue) -> None:
        for value in values:
            if value not in self.values:
                self.values.add(value)
                self._todo.append(value)

    def _keep(self, op: Operation) -> None:
        """Mark a statement itself, and what decides which of its blocks run."""
        if op in self.statements:
            return
        self.statements.add(op)
        match op:
            case scf.IfOp():
                self._need(op.cond)
            case scf.ForOp():
                self._need(op.lb, op.ub, op.step)
            case scf.WhileOp():
                self._need(terminator(op.before_region.block).operands[0])
            case _:
                return

    def _result(self, op: Operation, k: int) -> None:
        self._keep(op)
        match op:
            case scf.IfOp():
                for block in blocks(op):
                    self._need(terminator(block).operands[k])
            case scf.ForOp():
                self._need(op.iter_args[k], op.body.block.args[k + 1], terminator(op.body.block).operands[k])
            case scf.WhileOp():
                self._need(terminator(op.before_region.block).operands[k + 1])
            case _:
                return

    def _argument(self, value: BlockArgument) -> None:
        op = value.owner.parent_op()
        match op:
            case scf.ForOp():
                self._keep(op)
                if value.index > 0:
                    self._result(op, value.index - 1)
            case scf.WhileOp() if value.owner is op.before_region.block:
                self._keep(op)
                self._need(op.operands[value.index], terminator(op.after_region.block).operands[value.index])
            case scf.WhileOp():
                self._result(op, value.index)
            case _:
                return


def _sweep_blocks(op: Operation, liveness: _Liveness) -> bool:
    changed = False
    for block in blocks(op):
        changed |= _sweep(block, liveness)
    return changed


def _sweep(block: Block, liveness: _Liveness) -> bool:
    changed = False
    for op in reversed(tuple(block.ops)):
        if isinstance(op, IntrinsicOp):
            dead = _dispensable(op) and not any(result in liveness.values for result in op.results)
        elif not op.regions:
            continue
        else:
            dead = isinstance(op, scf.IfOp | scf.ForOp) and op not in liveness.statements
        if dead:
            erase(op, safe=False)  # its users are dead, too
            changed = True
        elif op.regions:
            changed |= _statement(op, liveness)
    return changed


def _statement(op: Operation, liveness: _Liveness) -> bool:
    """Take the dead results and carried values out of a live statement, then sweep its blocks."""
    live = liveness.values
    match op:
        case scf.IfOp():
            keep = [k for k, result in enumerate(op.results) if result in live]
            changed = len(keep) < len(op.results)
            if changed:
                for block in blocks(op):
                    drop_yields(block, keep)
                op = rebuild(op, tuple(op.operands), keep)
        case scf.ForOp():
            keep = [k for k, arg in enumerate(op.body.block.args[1:]) if arg in live or op.results[k] in live]
            changed = len(keep) < len(op.results)
            if changed:
                op = _narrow_for(op, keep)
        case scf.WhileOp():
            changed, op = _narrow_while(op, live)
        case _:
            changed = False
    return _sweep_blocks(op, liveness) or changed


def _narrow_for(op: scf.ForOp, keep: list[int]) -> Operation:
    body, inits = op.body.block, tuple(op.iter_args)
    drop_yields(body, keep)
    for k in reversed(range(len(inits))):
        if k not in keep:
            body.erase_arg(body.args[k + 1], safe_erase=False)
    return rebuild(op, (op.lb, op.ub, op.step, *(inits[k] for k in keep)), keep)


def _narrow_while(op: scf.WhileOp, live: set[SSAValue]) -> tuple[bool, Operation]:
    test, body, inits = op.before_region.block, op.after_region.block, tuple(op.operands)
    keep = [k for k, arg in enumerate(test.args) if arg in live]
    passed = [k for k, arg in enumerate(body.args) if arg in live or op.results[k] in live]
    if len(keep) == len(inits) and len(passed) == len(op.results):
        return False, op
    drop_yields(test, passed, fixed=1)
    drop_yields(body, keep)
    for k in reversed(range(len(body.args))):
        if k not in passed:
            body.erase_arg(body.args[k], safe_erase=False)
    for k in reversed(range(len(test.args))):
        if k not in keep:
            test.erase_arg(test.args[k], safe_erase=False)
    return True, rebuild(op, [inits[k] for k in keep], passed)
