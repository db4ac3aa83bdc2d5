"""Memory order where the target's atomic operations have none: fences before and after them.

A release operation is a fence before a relaxed one, an acquire operation a fence after it (C++20, 33.5.11).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from enigma.dialect.operation import IntrinsicOp
from enigma.dtypes import Space
from enigma.emit.spell import Speller
from enigma.errors import InternalError
from enigma.spec.registry import by_algebra
from enigma.spec.spelling import Template
from enigma.spec.terms import Algebra, Choice, FenceOrder, MemFlags, MemoryOrder, ThreadScope

RELEASES = (MemoryOrder.RELEASE, MemoryOrder.ACQ_REL)
ACQUIRES = (MemoryOrder.ACQUIRE, MemoryOrder.ACQ_REL)


class Fences:
    """The fences of one kernel. A fence orders threadgroup memory too where the kernel has any."""

    def __init__(self, ops: Iterable[IntrinsicOp], speller: Speller) -> None:
        self.speller = speller
        self.row = by_algebra()[Algebra.FENCE]
        self.ops = tuple(ops)
        shared = any(op.ROW.algebra is Algebra.ALLOC for op in self.ops)
        self.flags = MemFlags.DEVICE_AND_THREADGROUP if shared else MemFlags.DEVICE
        self.ordered = [op for op in self.ops if self._orders(op) - {MemoryOrder.RELAXED}]

    def around(self, op: IntrinsicOp) -> tuple[str | None, str | None]:
        """Return the texts of the fences before and after an operation, None where it needs none."""
        orders = self._orders(op)
        before = self._text(op, FenceOrder.RELEASE) if orders.intersection(RELEASES) else None
        after = self._text(op, FenceOrder.ACQUIRE) if orders.intersection(ACQUIRES) else None
        return before, after

    @property
    def reach_device(self) -> bool:
        """Whether a fence orders device memory among all threads of the launch."""
        if any(op.space is Space.DEVICE for op in self.ordered):
            return True
        stated = [set(op.attrs().values()) for op in self.ops if op.ROW.algebra is Algebra.FENCE]
        memory = {MemFlags.DEVICE, MemFlags.DEVICE_AND_THREADGROUP}
        return any(ThreadScope.DEVICE in values and values & memory for values in stated)

    def versions(self) -> list[tuple[int, int]]:
        """Return the language version that the fences around operations need, in a list; an empty one without any."""
        return [self.row.msl_version] if self.ordered else []

    def _orders(self, op: IntrinsicOp) -> set[MemoryOrder]:
        choices = {key: term.enum for key, term in op.ROW.attributes.items() if isinstance(term, Choice)}
        return {op.attr(key) for key, enum in choices.items() if enum is MemoryOrder}

    def _text(self, op: IntrinsicOp, order: FenceOrder) -> str:
        scope = ThreadScope.THREADGROUP if op.space is Space.THREADGROUP else ThreadScope.DEVICE
        members: dict[type[Enum], Enum] = {MemFlags: self.flags, FenceOrder: order, ThreadScope: scope}
        spelling = self.row.spelling(self.speller.target, None)
        if not isinstance(spelling, Template):
            raise InternalError(f"{self.row.name} is no statement in {self.speller.title}")
        chosen = {key: members[term.enum] for key, term in self.row.attributes.items() if isinstance(term, Choice)}
        return spelling.text.format(**{key: self.speller.attribute(op, member) for key, member in chosen.items()})
