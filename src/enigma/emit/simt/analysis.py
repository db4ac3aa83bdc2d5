"""What is known of a kernel before code is written: which values differ between threads, and where barriers stand.

A value is *varying* when two threads of a threadgroup may hold different numbers. Everything else is uniform and can be
computed once for the threadgroup. Loads through a uniform index count as uniform: in a kernel without races all threads read
the same element at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from xdsl.dialects import func, scf
from xdsl.ir import Block, Operation, SSAValue

from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.types import is_memory, space_of
from enigma.dtypes import Space
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import Buffer, Choice, Effect, FenceOrder, Level, MemoryOrder


class Sync(Enum):
    """What an operation with the effect SYNC does."""

    BARRIER = "waits for the threadgroup"
    SIMD_BARRIER = "waits for the simdgroup"
    ACROSS = "exchanges values between lanes"
    ATOMIC = "changes memory in one step"
    FENCE = "orders memory"


class _Probe:
    """Stands in for the builder, to ask a barrier's lowering what it waits for."""

    def threadgroup_barrier(self) -> Sync:
        return Sync.BARRIER

    def simdgroup_barrier(self) -> Sync:
        return Sync.SIMD_BARRIER

    def fence(self, *_: Any) -> Sync:
        return Sync.FENCE


class _PlaceProbe:
    """Stands in for the launch geometry, to ask a row of the grid table whether it tells simdgroups apart."""

    def __init__(self) -> None:
        self.asks = False

    def lane(self) -> _PlaceProbe:
        self.asks = True
        return self

    def simdgroup(self) -> _PlaceProbe:
        self.asks = True
        return self

    def simdgroups(self) -> _PlaceProbe:
        self.asks = True
        return self

    def __getattr__(self, name: str) -> Callable[..., _PlaceProbe]:
        def other(*_: Any) -> _PlaceProbe:
            return self

        return other


def asks_for_simdgroups(kernel: func.FuncOp) -> bool:
    """Return whether it matters to a kernel which threads form a simdgroup."""
    for op in kernel.walk():
        if not isinstance(op, IntrinsicOp):
            continue
        if sync_kind(op.ROW) in (Sync.ACROSS, Sync.SIMD_BARRIER):
            return True
        if op.ROW.level in (Level.THREAD, Level.SIMDGROUP, Level.THREADGROUP) and callable(op.ROW.llvm):
            probe = _PlaceProbe()
            op.ROW.llvm(probe, **op.attrs())
            if probe.asks:
                return True
    return False


def orders_memory(kernel: func.FuncOp) -> bool:
    """Return whether a kernel relies on the order in which other threadgroups see its stores."""
    for op in kernel.walk():
        if isinstance(op, IntrinsicOp):
            chosen = {op.attr(key) for key, term in op.ROW.attributes.items() if isinstance(term, Choice)}
            if any(isinstance(one, FenceOrder | MemoryOrder) and one is not MemoryOrder.RELAXED for one in chosen):
                return True
    return False


_kinds: dict[str, Sync] = {}


def sync_kind(row: Intrinsic) -> Sync | None:
    """Return what a row with the effect SYNC does, None for other rows; asked of its operands and its lowering."""
    if row.effect is not Effect.SYNC:
        return None
    if row.name not in _kinds:
        _kinds[row.name] = _ask(row)
    return _kinds[row.name]


def _ask(row: Intrinsic) -> Sync:
    if row.together is None and any(isinstance(term, Buffer) for term in row.operands.values()):
        return Sync.ATOMIC
    if row.operands or row.result is not None or not callable(row.llvm):
        return Sync.ACROSS
    attributes: dict[str, Any] = dict.fromkeys(row.attributes)
    return row.llvm(_Probe(), **attributes)


@dataclass(slots=True)
class Facts:
    """Sums over an operation and everything in its regions. `weight` counts operations."""

    weight: int = 0
    barrier: bool = False
    across: bool = False
    writes: bool = False
    reads: bool = False
    loops: bool = False

    def include(self, other: Facts) -> None:
        """Add what another operation does."""
        self.weight += other.weight
        self.barrier |= other.barrier
        self.across |= other.across
        self.writes |= other.writes
        self.reads |= other.reads
        self.loops |= other.loops


@dataclass(slots=True)
class Analysis:
    """The varying values of a kernel, and the facts of each of its operations and blocks."""

    varying: set[SSAValue] = field(default_factory=set[SSAValue])
    facts: dict[Operation, Facts] = field(default_factory=dict[Operation, Facts])
    blocks: dict[Block, Facts] = field(default_factory=dict[Block, Facts])
    changed: bool = False

    def is_varying(self, value: SSAValue) -> bool:
        """Return whether threads may hold different numbers."""
        return value in self.varying

    def mark(self, value: SSAValue, *causes: bool) -> None:
        """Make a value varying if one of the causes holds."""
        if value not in self.varying and any(causes):
            self.varying.add(value)
            self.changed = True


def analyse(kernel: func.FuncOp) -> Analysis:
    """Return what is known of a kernel."""
    found = Analysis()
    _measure_block(found, kernel.body.block)
    found.changed = True
    while found.changed:
        found.changed = False
        _flow(found, kernel.body.block)
    return found


def _measure_block(found: Analysis, block: Block) -> Facts:
    total = found.blocks[block] = Facts()
    for op in block.ops:
        total.include(_measure(found, op))
    return total


def _measure(found: Analysis, op: Operation) -> Facts:
    facts = found.facts[op] = Facts(weight=1)
    if isinstance(op, IntrinsicOp):
        kind = sync_kind(op.ROW)
        facts.barrier = kind is Sync.BARRIER
        facts.across = kind in (Sync.ACROSS, Sync.SIMD_BARRIER)
        facts.writes = op.ROW.effect is Effect.WRITE or kind in (Sync.ATOMIC, Sync.BARRIER, Sync.FENCE)
        memory = [term for term in op.ROW.operands.values() if isinstance(term, Buffer)] if facts.across else []
        facts.writes |= any(term.written for term in memory)
        facts.reads = bool(memory) or op.ROW.effect is Effect.READ or kind in (Sync.ATOMIC, Sync.FENCE)
    facts.loops = isinstance(op, scf.ForOp | scf.WhileOp)
    for region in op.regions:
        for block in region.blocks:
            facts.include(_measure_block(found, block))
    return facts


def _flow(found: Analysis, block: Block) -> None:
    for op in block.ops:
        match op:
            case IntrinsicOp():
                _flow_intrinsic(found, op)
            case scf.IfOp():
                _flow_if(found, op)
            case scf.ForOp():
                _flow_for(found, op)
            case scf.WhileOp():
                _flow_while(found, op)
            case _:
                pass


def _flow_intrinsic(found: Analysis, op: IntrinsicOp) -> None:
    row = op.ROW
    for result in op.results:
        own = row.level in (Level.THREAD, Level.SIMDGROUP) or row.effect is Effect.SYNC or _is_own(op)
        found.mark(result, own, *(value in found.varying for value in op.operands))


def _is_own(op: IntrinsicOp) -> bool:
    """Return whether an operation reads memory of which each thread has its own."""
    return any(is_memory(operand.type) and space_of(operand.type) is Space.THREAD for operand in op.operands)


def _flow_if(found: Analysis, op: scf.IfOp) -> None:
    yields: list[Sequence[SSAValue]] = []
    for region in op.regions:
        if region.blocks:
            _flow(found, region.block)
            last = region.block.last_op
            yields.append(last.operands if isinstance(last, scf.YieldOp) else ())
    for i, result in enumerate(op.results):
        found.mark(result, op.cond in found.varying, *(values[i] in found.varying for values in yields))


def _flow_for(found: Analysis, op: scf.ForOp) -> None:
    body = op.body.block
    found.mark(body.args[0], op.lb in found.varying, op.step in found.varying)
    uneven = any(bound in found.varying for bound in (op.lb, op.ub, op.step))
    _carry(found, op.iter_args, body, body.last_op)
    _flow(found, body)
    _carry(found, op.iter_args, body, body.last_op)
    for arg, result in zip(body.args[1:], op.results, strict=True):
        found.mark(result, uneven, arg in found.varying)


def _carry(found: Analysis, inits: Any, body: Block, last: Operation | None) -> None:
    values = last.operands if last is not None else ()
    for arg, init, value in zip(body.args[1:], inits, values, strict=True):
        found.mark(arg, init in found.varying, value in found.varying)


def _flow_while(found: Analysis, op: scf.WhileOp) -> None:
    test, body = op.before_region.block, op.after_region.block
    _flow(found, test)
    if test.last_op is None:
        return
    handed = test.last_op.operands
    for arg, value in zip(body.args, handed[1:], strict=True):
        found.mark(arg, value in found.varying)
    _flow(found, body)
    back = body.last_op.operands if body.last_op is not None else ()
    for arg, init, value in zip(test.args, op.operands, back, strict=True):
        found.mark(arg, init in found.varying, value in found.varying)
    for result, value in zip(op.results, handed[1:], strict=True):
        found.mark(result, value in found.varying, handed[0] in found.varying)
