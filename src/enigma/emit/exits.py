"""Loops that are left early: where the stop flag that the dialect carries can be printed as `break;` or `return;`."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import func, scf
from xdsl.ir import Block, Operation, SSAValue

from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import Loop, constant_of, defining, is_pure
from enigma.emit.variables import Copy, Variable, Variables, last, stop_flag
from enigma.spec.registry import by_algebra
from enigma.spec.terms import Algebra

BREAK, RETURN = "break;", "return;"


@dataclass(frozen=True, slots=True)
class Exit:
    """How a loop is left: the statement, and whether the flag must be set as well because it is read later."""

    loop: Loop
    statement: str
    keep: bool


def find_exits(body: Block, variables: Variables) -> dict[Variable, Exit]:
    """Return the flags that need not be printed as carried bools: where one is set, the loop may be left at once."""
    found: dict[Variable, Exit] = {}
    for op in body.walk():
        if not isinstance(op, scf.ForOp | scf.WhileOp):
            continue
        index = stop_flag(op)
        flag = None if index is None else variables.of(op.results[index])
        if index is None or flag is None or not _starts_false(op, index, flag):
            continue
        copies = _sets(op, flag, variables)
        if not all(_leads_nowhere(copy.op, op, flag, variables) for copy in copies):
            continue
        result = op.results[index]
        if not list(result.uses):
            found[flag] = Exit(op, BREAK, keep=False)
        elif _ends_kernel(op, result):
            found[flag] = Exit(op, RETURN, keep=False)
        else:
            found[flag] = Exit(op, BREAK, keep=True)
        stops = {copy.op for copy in copies if constant_of(copy.source) is True}
        for other, marker in enumerate(op.results):
            variable = variables.of(marker)
            if other != index and variable is not None and _is_return(op, other, variable, stops, variables):
                found[variable] = Exit(op, RETURN, keep=False)
    return found


def _sets(loop: Loop, flag: Variable, variables: Variables) -> list[Copy]:
    return [copy for copy in variables.incoming(flag) if copy.op is not loop and constant_of(copy.source) is not False]


def _starts_false(loop: Loop, index: int, flag: Variable) -> bool:
    return not flag.computed and constant_of(_first(loop, index)) is False


def _is_return(loop: Loop, index: int, flag: Variable, stops: set[Operation], variables: Variables) -> bool:
    """Return whether a carried bool only says that the kernel returned: set where the loop is left, ending the kernel."""
    if constant_of(_first(loop, index)) is not False or flag.computed or not _ends_kernel(loop, loop.results[index]):
        return False
    copies = _sets(loop, flag, variables)
    return bool(copies) and all(copy.op in stops and constant_of(copy.source) is True for copy in copies)


def _first(loop: Loop, index: int) -> SSAValue:
    return loop.iter_args[index] if isinstance(loop, scf.ForOp) else loop.operands[index]


def _leads_nowhere(terminator: Operation, loop: Loop, flag: Variable, variables: Variables) -> bool:
    """Return whether nothing is done between `terminator` and the end of the loop's body once the flag is true."""
    body = loop.body.block if isinstance(loop, scf.ForOp) else loop.after_region.block
    block = terminator.parent
    while block is not None and block is not body:
        op = block.parent_op()
        if not isinstance(op, scf.IfOp):
            return False
        following = op.next_op
        while following is not None:
            if not _is_idle(following, flag, variables):
                return False
            following = following.next_op
        block = op.parent
    return block is body


def _is_idle(op: Operation, flag: Variable, variables: Variables) -> bool:
    """Return whether `op` does nothing where the flag is true."""
    if isinstance(op, scf.YieldOp):
        return not variables.copies(op)
    if is_pure(op):
        return all(variables.of(result) is None for result in op.results)
    if not isinstance(op, scf.IfOp) or not _is_opposite(op.cond, flag, variables):
        return False
    if not op.false_region.blocks:
        return True
    orelse = op.false_region.block
    idle = all(is_pure(inner) or isinstance(inner, scf.YieldOp) for inner in orelse.ops)
    return idle and all(variables.of(copy.slot.values[0]) is flag for copy in variables.copies(last(orelse)))


def _is_opposite(value: SSAValue, flag: Variable, variables: Variables) -> bool:
    op = defining(value)
    return op is not None and op.ROW is by_algebra()[Algebra.NOT] and variables.of(op.operands[0]) is flag


def _ends_kernel(loop: Loop, flag: SSAValue) -> bool:
    """Return whether all that follows a loop runs only where the flag is false."""
    uses = list(flag.uses)
    if len(uses) != 1 or not _is_not(uses[0].operation):
        return False
    opposite = uses[0].operation.results[0]
    op = loop.next_op
    while op is not None and is_pure(op):
        op = op.next_op
    if not isinstance(op, scf.IfOp) or op.results or op.cond is not opposite or len(list(opposite.uses)) != 1:
        return False
    empty = not op.false_region.blocks or all(isinstance(inner, scf.YieldOp) for inner in op.false_region.block.ops)
    return empty and is_tail(op)


def _is_not(op: Operation) -> bool:
    return isinstance(op, IntrinsicOp) and op.ROW is by_algebra()[Algebra.NOT]


def is_tail(op: Operation) -> bool:
    """Return whether the kernel ends after `op`."""
    at: Operation | None = op
    while at is not None and not isinstance(at, func.FuncOp):
        if not isinstance(at, scf.IfOp) or not isinstance(at.next_op, func.ReturnOp | scf.YieldOp):
            return False
        at = at.parent_op()
    return True
