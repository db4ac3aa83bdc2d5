"""Common subexpressions: an operation that was computed before, on every way here, is not computed again.

Before: any module. After: of equal pure operations that see each other, one is left. A read is shared only while
nothing in between may have changed memory: any write, and all that talks to other lanes, changes all of it.
"""

from __future__ import annotations

from collections.abc import Hashable

from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue

from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import effects
from enigma.passes.rewrite import blocks, replace
from enigma.spec.terms import Effect

_CHANGES = {Effect.WRITE, Effect.SYNC}


def share(module: ModuleOp) -> bool:
    """Merge equal operations of a module; return whether there were any."""
    sharing = _Sharing()
    for block in blocks(module):
        sharing.block(block)
    return sharing.changed


class _Sharing:
    """One run: what is known at this point, and the number of the memory state that reads see."""

    __slots__ = ("changed", "epoch", "known", "last")

    def __init__(self) -> None:
        self.known: dict[Hashable, SSAValue] = {}
        self.epoch = self.last = 0
        self.changed = False

    def block(self, block: Block) -> None:
        """Go through a block; what it computes is forgotten at its end."""
        mine: list[Hashable] = []
        for op in tuple(block.ops):
            if isinstance(op, IntrinsicOp):
                self._operation(op, mine)
            elif op.regions:
                self._statement(op)
        for key in mine:
            del self.known[key]

    def _operation(self, op: IntrinsicOp, mine: list[Hashable]) -> None:
        effect = op.ROW.effect
        if effect in _CHANGES:
            self._change()
            return
        key = self._key(op)
        earlier = self.known.get(key)
        if earlier is not None:
            replace(op, (earlier,))
            self.changed = True
        else:
            self.known[key] = op.results[0]
            mine.append(key)

    def _key(self, op: IntrinsicOp) -> Hashable:
        ids = [id(operand) for operand in op.operands]
        if op.ROW.commutes:
            ids.sort()
        epoch = self.epoch if op.ROW.effect is Effect.READ else 0
        return op.name, tuple(ids), tuple(op.attributes.items()), op.results[0].type, epoch

    def _change(self) -> None:
        self.last += 1
        self.epoch = self.last

    def _statement(self, op: Operation) -> None:
        changes = bool(effects(op) & _CHANGES)
        if changes and not isinstance(op, scf.IfOp):
            self._change()  # an iteration sees what the one before wrote
        start = self.epoch
        for block in blocks(op):
            self.epoch = start
            self.block(block)
        self.epoch = start
        if changes:
            self._change()
