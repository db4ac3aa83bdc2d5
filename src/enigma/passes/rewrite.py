"""The few ways in which passes change a module; each keeps locations and the names of variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from xdsl.ir import Block, Operation, Region, SSAValue

from enigma.dialect.attributes import VALUE, number
from enigma.dialect.derive import op_class
from enigma.dialect.structure import row_for
from enigma.dialect.types import dtype_of, to_mlir
from enigma.dtypes import Numeric
from enigma.errors import InternalError
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import Algebra

Statement = TypeVar("Statement", bound=Operation)


def insert(before: Operation, row: Intrinsic, operands: Sequence[SSAValue], result: Numeric) -> SSAValue:
    """Return the result of a new operation of `row` before `before`, whose location it takes."""
    op = op_class(row).create(operands=operands, result_types=(to_mlir(result),), location=before.location)
    _place(op, before)
    return op.results[0]


def combine(before: Operation, algebra: Algebra, *operands: SSAValue) -> SSAValue:
    """Return a new value of the operands' dtype, computed by the row of an arithmetic meaning."""
    dtype = dtype_of(operands[0].type)
    return insert(before, row_for(algebra, dtype), operands, dtype)


def constant(before: Operation, value: Any, dtype: Numeric) -> SSAValue:
    """Return a new constant before `before`."""
    cls = op_class(row_for(Algebra.CONST, dtype))
    op = cls.create(result_types=(to_mlir(dtype),), attributes={VALUE: number(value, dtype)}, location=before.location)
    _place(op, before)
    return op.results[0]


def _place(op: Operation, before: Operation) -> None:
    block = before.parent
    if block is None:
        raise InternalError(f"{before.name} is in no block")
    block.insert_op_before(op, before)


def move(op: Operation, before: Operation) -> None:
    """Move an operation before another."""
    op.detach()
    _place(op, before)


def erase(op: Operation, *, safe: bool = True) -> None:
    """Take an operation out of its block for good; `safe=False` allows users that are to be erased as well."""
    op.detach()
    op.erase(safe_erase=safe)


def replace(op: Operation, values: Sequence[SSAValue]) -> None:
    """Replace the results of `op` by `values`, which inherit its names if they have none, and erase it."""
    for result, value in zip(op.results, values, strict=True):
        result.replace_all_uses_with(value)
    erase(op)


def terminator(block: Block) -> Operation:
    """Return the last operation of a block: a yield, a condition or a return."""
    last = block.last_op
    if last is None:
        raise InternalError("a block is empty")
    return last


def inline(block: Block, op: Operation, args: Sequence[SSAValue]) -> None:
    """Put a block of `op` in the place of `op`: `args` become its arguments, its yields the results of `op`."""
    for arg, value in zip(block.args, args, strict=True):
        arg.replace_all_uses_with(value)
    last = terminator(block)
    yielded = tuple(last.operands)
    for inner in tuple(block.ops):
        if inner is not last:
            move(inner, op)
    replace(op, yielded)


def rebuild(op: Statement, operands: Sequence[SSAValue], keep: Sequence[int]) -> Statement:
    """Replace a statement by one with other operands that has only the results `keep`; return the new one."""
    regions: list[Region] = [op.detach_region(region) for region in tuple(op.regions)]
    new = type(op).create(
        operands=operands,
        result_types=[op.results[k].type for k in keep],
        attributes=op.attributes,
        regions=regions,
        location=op.location,
    )
    _place(new, op)
    for k, result in zip(keep, new.results, strict=True):
        old = op.results[k]
        result.name_hint = old.name_hint
        old.replace_all_uses_with(result)
    erase(op)
    return new


def drop_yields(block: Block, keep: Sequence[int], fixed: int = 0) -> None:
    """Keep only some of a terminator's operands, after the first `fixed`, which stay."""
    last = terminator(block)
    operands = tuple(last.operands)
    last.operands = [*operands[:fixed], *(operands[fixed + k] for k in keep)]


def statements(op: Operation) -> list[Operation]:
    """Return all operations in the regions of `op` that have regions themselves, outer ones first."""
    return [inner for inner in op.walk() if inner is not op and inner.regions]


def blocks(op: Operation) -> Iterator[Block]:
    """Yield the blocks of an operation's regions."""
    for region in op.regions:
        yield from region.blocks
