"""Which values are still needed at a point of a kernel: exact for structured control flow, without iterating."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import scf
from xdsl.ir import Block, BlockArgument, Operation, OpResult, SSAValue

from enigma.errors import InternalError


@dataclass(frozen=True, slots=True)
class Point:
    """The moment just after `time` in `block`: operands of the operation at that time have been taken."""

    time: int
    block: Block


def block_of(value: SSAValue) -> Block:
    """Return the block in which `value` is defined."""
    owner = value.owner
    block = owner.parent if isinstance(owner, Operation) else owner
    if block is None:
        raise InternalError("a value is defined nowhere")
    return block


def chain(block: Block) -> list[tuple[Block, Operation | None]]:
    """Return the blocks from `block` outwards, each with the operation it belongs to."""
    found: list[tuple[Block, Operation | None]] = []
    inner: Block | None = block
    while inner is not None:
        op = inner.parent_op()
        found.append((inner, op))
        inner = op.parent if op is not None else None
    return found


def is_within(block: Block, outer: Block | Operation) -> bool:
    """Return whether `block` is `outer`, or lies inside it."""
    return any(inner is outer or op is outer for inner, op in chain(block))


def crosses_loop(use: Operation, home: Block) -> bool:
    """Return whether `use` runs in a loop that `home`, a block around it, is not in."""
    block = use.parent
    for inner, op in chain(block) if block is not None else []:
        if inner is home:
            return False
        if isinstance(op, scf.ForOp | scf.WhileOp):
            return True
    return False


class Liveness:
    """Numbers the operations of a kernel in the order of its text, and answers what is live where."""

    def __init__(self, body: Block) -> None:
        self._start: dict[Operation, int] = {}
        self._end: dict[Operation, int] = {}
        self._entry: dict[Block, int] = {}
        self._clock = 0
        self._number(body)

    def _number(self, block: Block) -> None:
        self._clock += 1
        self._entry[block] = self._clock
        for op in block.ops:
            self._clock += 1
            self._start[op] = self._clock
            for region in op.regions:
                for inner in region.blocks:
                    self._number(inner)
            self._clock += 1
            self._end[op] = self._clock

    def at(self, op: Operation) -> Point:
        """Return the point at which `op` has taken its operands, before what is inside of it."""
        if op.parent is None:
            raise InternalError("an operation is in no block")
        return Point(self._start[op], op.parent)

    def defined(self, value: SSAValue) -> int:
        """Return the time from which `value` exists."""
        if isinstance(value, OpResult):
            return self._end[value.op] if value.op.regions else self._start[value.op]
        if isinstance(value, BlockArgument):
            return self._entry[value.owner]
        raise InternalError("a value of unknown kind")

    def live_after(self, value: SSAValue, point: Point) -> bool:
        """Return whether `value`, which exists at `point`, is used on some path from there."""
        if self.defined(value) > point.time:
            return False
        home = block_of(value)
        if not is_within(point.block, home):
            return False  # out of scope
        loops = self._loops_around(point.block, home)
        around = {id(op): block for block, op in chain(point.block) if op is not None}
        for use in value.uses:
            block = use.operation.parent
            if block is None:
                continue
            if any(is_within(block, loop) for loop in loops):
                return True
            if self._start[use.operation] > point.time and not _other_branch(block, around):
                return True
        return False

    def _loops_around(self, block: Block, home: Block) -> list[Operation]:
        """Return the loops between `block` and the block `home` around it."""
        found: list[Operation] = []
        for inner, op in chain(block):
            if inner is home:
                break
            if isinstance(op, scf.ForOp | scf.WhileOp):
                found.append(op)
        return found


def _other_branch(block: Block, around: dict[int, Block]) -> bool:
    """Return whether `block` lies in a branch that is not taken when the blocks of `around` are."""
    for inner, op in chain(block):
        if op is not None and id(op) in around:
            return isinstance(op, scf.IfOp) and around[id(op)] is not inner
    return False
