"""Questions that passes and emitters ask of operations and values; the answers come from rows, never from names."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects import scf
from xdsl.ir import Block, BlockArgument, Operation, OpResult, SSAValue

from enigma.dialect.attributes import VALUE
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.types import dtype_of
from enigma.dtypes import Numeric, b1
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import by_algebra, by_operator, rows
from enigma.spec.terms import Algebra, Effect

Loop = scf.ForOp | scf.WhileOp


def defining(value: SSAValue) -> IntrinsicOp | None:
    """Return the operation of the dialect that computes `value`; None for arguments and results of statements."""
    if isinstance(value, OpResult) and isinstance(value.op, IntrinsicOp):
        return value.op
    return None


def row_of(value: SSAValue) -> Intrinsic | None:
    """Return the row of the operation that computes `value`, or None."""
    op = defining(value)
    return None if op is None else op.ROW


def algebra_of(value: SSAValue) -> Algebra | None:
    """Return the arithmetic meaning of the operation that computes `value`, or None."""
    op = defining(value)
    return None if op is None else op.ROW.algebra


def constant_of(value: SSAValue) -> bool | int | float | None:
    """Return the number of a constant, or None: 0 and False are numbers, so compare with None."""
    op = defining(value)
    return op.attr(VALUE) if op is not None and op.ROW.algebra is Algebra.CONST else None


_BY_OPERATOR = {"and": Algebra.AND, "&": Algebra.AND, "or": Algebra.OR, "|": Algebra.OR, "^": Algebra.XOR}


def meaning(row: Intrinsic) -> Algebra | None:
    """Return the arithmetic meaning of a row; of bits and of truth values alike for AND, OR and XOR."""
    return row.algebra or (None if row.operator is None else _BY_OPERATOR.get(row.operator))


def row_for(algebra: Algebra, dtype: Numeric) -> Intrinsic:
    """Return the row that computes `algebra` on operands of `dtype`; AND and OR have one for bits and one for bools."""
    if algebra in (Algebra.AND, Algebra.OR):
        bits, logic = ("&", "and") if algebra is Algebra.AND else ("|", "or")
        return by_operator()[logic if dtype is b1 else bits]
    return by_algebra()[algebra]


def is_conjunction(op: IntrinsicOp) -> bool:
    """Return whether `op` is true where both its bools are."""
    return meaning(op.ROW) is Algebra.AND and dtype_of(op.results[0].type) is b1


def negation_of(value: SSAValue) -> Intrinsic | None:
    """Return the row of the comparison that is true exactly where the comparison `value` is false, or None.

    A float has one only for == and !=: with NaN, both `<` and `>=` are false.
    """
    op = defining(value)
    if op is None or op.ROW.negation is None:
        return None
    exact = op.ROW.algebra in (Algebra.EQ, Algebra.NE) or not dtype_of(op.operands[0].type).is_float
    return rows()[op.ROW.negation] if exact else None


def effects(op: Operation) -> set[Effect]:
    """Return the effects of `op` and of everything in its regions; empty for what only computes."""
    return {inner.ROW.effect for inner in op.walk() if isinstance(inner, IntrinsicOp)} - {Effect.PURE}


def is_pure(op: Operation) -> bool:
    """Return whether `op` is an operation of the dialect that only computes."""
    return isinstance(op, IntrinsicOp) and op.ROW.effect is Effect.PURE


def counters(loop: scf.ForOp) -> Iterator[SSAValue]:
    """Yield the values in a loop's body that are its counter as an integer of the language."""
    for use in loop.body.block.args[0].uses:
        op = use.operation
        if isinstance(op, IntrinsicOp) and op.ROW.algebra is Algebra.FROM_INDEX:
            yield op.results[0]


def early_exit(loop: Operation) -> int | None:
    """Return which carried value of a loop is its stop flag, or None.

    Once the flag is true, the rest of the loop's iterations change nothing, so the loop may be left at once. This holds
    when the body of a `for` is pure but for one `scf.if` on the flag's opposite whose other branch hands on what it
    got; and when the test of a `while` is false where the flag is true.
    """
    match loop:
        case scf.ForOp():
            return _for_exit(loop)
        case scf.WhileOp():
            return _while_exit(loop)
        case _:
            return None


def guarded(loop: scf.ForOp) -> scf.IfOp | None:
    """Return the statement of a `for` loop's body that does its work while the stop flag is false, or None."""
    found: scf.IfOp | None = None
    for op in loop.body.block.ops:
        if isinstance(op, scf.IfOp) and found is None:
            found = op
        elif not is_pure(op) and not isinstance(op, scf.YieldOp):
            return None
    return found


def _negated_argument(value: SSAValue, block: Block) -> int | None:
    """Return the index of the block's argument whose opposite `value` is, or None."""
    op = defining(value)
    if op is None or op.ROW is not by_algebra()[Algebra.NOT]:
        return None
    inner = op.operands[0]
    return inner.index if isinstance(inner, BlockArgument) and inner.owner is block else None


def _for_exit(loop: scf.ForOp) -> int | None:
    body, work = loop.body.block, guarded(loop)
    if work is None or len(loop.results) == 0:
        return None
    flag = _negated_argument(work.cond, body)
    if flag is None or not work.false_region.blocks:
        return None
    rest = work.false_region.block
    if not all(is_pure(op) for op in rest.ops if not isinstance(op, scf.YieldOp)):
        return None
    final, kept = body.last_op, rest.last_op
    if final is None or kept is None:
        return None
    for i, value in enumerate(final.operands, start=1):
        if isinstance(value, OpResult) and value.op is work:
            value = kept.operands[value.index]
        unchanged = value is body.args[i] or (i == flag and constant_of(value) is True)
        if not unchanged:
            return None
    return flag - 1


def _while_exit(loop: scf.WhileOp) -> int | None:
    test = loop.before_region.block
    last = test.last_op
    if last is None:
        return None
    # an unused flag may no longer be handed to the body: then the values do not line up, and the loop is a plain one
    for i in range(min(len(test.args), len(last.operands) - 1)):
        if last.operands[i + 1] is test.args[i] and _false_under(last.operands[0], test, i):
            return i
    return None


def _false_under(value: SSAValue, test: Block, flag: int) -> bool:
    """Return whether a bool of a test is false wherever the carried value `flag` is true."""
    if _negated_argument(value, test) == flag:
        return True
    op = defining(value)
    if op is not None and is_conjunction(op):
        return any(_false_under(operand, test, flag) for operand in op.operands)
    if isinstance(value, OpResult) and isinstance(value.op, scf.IfOp):
        orelse = value.op.false_region.block.last_op
        stops = orelse is not None and constant_of(orelse.operands[value.index]) is False
        return stops and _false_under(value.op.cond, test, flag)
    return False
