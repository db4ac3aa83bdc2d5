"""Statements without barriers, for the lanes of one unit: scalar branches where all lanes agree, masks where they do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from xdsl.dialects import scf
from xdsl.ir import Block, Operation, SSAValue

from enigma.dialect.names import place as place_of
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.types import dtype_of
from enigma.dtypes import b1
from enigma.emit.simt.analysis import Analysis, Sync, sync_kind
from enigma.emit.simt.in_order import InOrder
from enigma.emit.simt.lanes import Chunk, Context, Flat, Gate, Image, Lanes, Memory, Pattern, Scalar, lanes
from enigma.emit.simt.masks import FALSE
from enigma.emit.simt.merge import Demoted, Exit
from enigma.emit.simt.scalarize import PartsOp
from enigma.emit.simt.writer import Writer
from enigma.errors import EnigmaError, InternalError
from enigma.spec.spelling import Unsupported

R = TypeVar("R")

SHORT = 10
"""Operations up to which a body is run under its mask without asking first whether any lane wants it."""

VERSIONS = 3
"""How deep guards may nest whose bodies are written twice, without and with masks."""

COPIES = 300
"""Operations that a body written once for each chunk may have, all copies together."""


class Control(InOrder):
    """Writes operations and statements; `values` holds what has been computed, as seen by the lanes that run."""

    def __init__(self, writer: Writer, analysis: Analysis) -> None:
        super().__init__(writer)
        self.analysis = analysis
        self.values: dict[SSAValue, Lanes | Memory | Image] = {}
        self.vmath_used = set()
        self.runs, self.chains, self.later = {}, {}, set()
        self.current: Operation | None = None
        self.assumed: set[Operation] = set()
        self.demoted: set[tuple[Operation, int, str]] = set()
        self._attributes: dict[Operation, dict[str, Any]] = {}

    # ---- values

    def get(self, value: SSAValue) -> Lanes:
        """Return a value for the lanes that run."""
        found = self.values.get(value)
        if not isinstance(found, Lanes):
            raise InternalError("a value is used before it was computed", loc=self._location())
        return found

    def place_of_operation(self) -> object:
        """Return the Python line of the operation that is being lowered."""
        return self._location()

    def _location(self) -> Any:
        return None if self.current is None else place_of(self.current)

    def result_is_used(self) -> bool:
        """Return whether anyone needs the result of the operation that is being lowered."""
        return self.current is not None and any(result.first_use is not None for result in self.current.results)

    def within(self, context: Context, write: Callable[[], R]) -> R:
        """Return what `write` returns, run in another context."""
        outer, self.context = self.context, context
        try:
            return write()
        finally:
            self.context = outer

    # ---- operations

    def block(self, block: Block) -> list[Lanes]:
        """Write the operations of a block and return the operands of its terminator."""
        for op in block.ops:
            if isinstance(op, scf.YieldOp | scf.ConditionOp):
                return [self.get(value) for value in op.operands]
            self.operation(op)
        return []

    def operation(self, op: Operation) -> None:
        """Write one operation or statement."""
        self.current = op
        around, self.w.loc = self.w.loc, place_of(op)
        match op:
            case IntrinsicOp():
                self._intrinsic(op)
            case scf.IfOp():
                self._define(op, self.conditional(op))
            case scf.ForOp():
                self._define(op, self.counted(op))
            case scf.WhileOp():
                self._define(op, self.repeated(op))
            case _:
                raise InternalError(f"the CPU runtime cannot lower {op.name}", loc=place_of(op))
        self.w.loc = around

    def _define(self, op: Operation, values: Sequence[Lanes]) -> None:
        for result, value in zip(op.results, values, strict=True):
            self.values[result] = value

    def _intrinsic(self, op: IntrinsicOp) -> None:
        if op.results and op.results[0] in self.later:
            return
        if op not in self.chains or not isinstance(op, PartsOp) or not self.store_in_order(op, self._at_once):
            self._at_once(op)

    def _at_once(self, op: IntrinsicOp) -> None:
        row = op.ROW
        if isinstance(row.llvm, Unsupported):
            raise EnigmaError(
                f"the CPU runtime does not have {row.public_name or row.name}: {row.llvm.why}", loc=place_of(op)
            )
        if sync_kind(row) is Sync.BARRIER:
            raise EnigmaError(
                "this barrier is not in uniform control flow: some threads of a threadgroup may not reach it",
                loc=place_of(op), help="move it out of the branch or loop whose condition differs between threads",
            )  # fmt: skip
        attributes = self._attributes.get(op)
        if attributes is None:
            attributes = self._attributes[op] = op.attrs()
        target: Any = self if row.level is None else self.place
        operands = [self.values[operand] for operand in op.operands]
        made = row.llvm(target, *(op.group(operands) if isinstance(op, PartsOp) else operands), **attributes)
        if isinstance(made, tuple):
            self._define(op, cast("tuple[Lanes, ...]", made))
        elif op.results:
            if not isinstance(made, Lanes | Memory):
                raise InternalError(f"the lowering of {row.name} gave no value", loc=place_of(op))
            self.values[op.results[0]] = made

    def simdgroup_barrier(self) -> None:
        """Wait for nothing: the lanes of a simdgroup run in step, and their memory operations are written in order."""

    # ---- if

    def conditional(self, op: scf.IfOp) -> list[Lanes]:
        """Write a branch and return its results."""
        condition = self.get(op.cond)
        if condition.constant is not None:
            return self.branch(op, yes=bool(condition.constant))
        scalar = condition.uniform
        if scalar is not None:
            return self._uniform(scalar, lambda: self.branch(op, yes=True), lambda: self.branch(op, yes=False))
        if op in self.assumed:
            return self.branch(op, yes=True)
        windows = self._windows(op, condition)
        if windows is not None:
            return self._by_window(op, windows)
        fast = self.cheap_all(condition) if self.context.mask is None else None
        if fast is not None and fast.root is not None and self._worth_two_versions(op):
            outer = self.context
            inner = replace(outer, versions=outer.versions + 1)
            last = replace(outer, versions=VERSIONS)
            return self._uniform(
                fast,
                lambda: self.within(inner, lambda: self.branch(op, yes=True)),
                lambda: self.within(last, lambda: self._masked(op, condition)),
            )
        return self._masked(op, condition)

    def branch(self, op: scf.IfOp, *, yes: bool) -> list[Lanes]:
        """Write one side of a branch and return what it yields."""
        region = op.true_region if yes else op.false_region
        return self.block(region.block) if region.blocks else []

    def _worth_two_versions(self, op: scf.IfOp) -> bool:
        facts = self.analysis.blocks[op.true_region.block]
        return self.context.versions < VERSIONS and (facts.reads or facts.writes or facts.loops)

    def _uniform(self, condition: Scalar, yes: Callable[[], list[Lanes]], no: Callable[[], list[Lanes]]) -> list[Lanes]:
        """Write a branch on a scalar."""
        if condition.root is None:
            return yes() if condition.off else no()
        then, orelse, done = (self.w.label() for _ in range(3))
        self.w.branch(self.text(condition), then, orelse)
        exits: list[Exit] = []
        for label, write in ((then, yes), (orelse, no)):
            self.w.start(label)
            with self.w.scope():
                values = write()
                exits.append(self.leave(done, values))
        return self.meet(done, exits)

    # ---- branches that differ from chunk to chunk

    def _windows(self, op: scf.IfOp, condition: Lanes) -> list[tuple[int, int, Chunk]] | None:
        """Return the runs of chunks that share one scalar condition: (first, count, condition), or None."""
        chunks = self.chunks(condition)
        plain = not op.results and not _has_work(op.false_region)
        kinds = (Flat, Gate, Pattern) if plain else (Flat,)
        facts = self.analysis.facts[op]
        if facts.across or not all(isinstance(chunk, kinds) for chunk in chunks):
            return None
        windows: list[tuple[int, int, Chunk]] = []
        for number, chunk in enumerate(chunks, start=self.context.first):
            if windows and windows[-1][2] == chunk and isinstance(chunk, Flat):
                windows[-1] = (windows[-1][0], windows[-1][1] + 1, chunk)
            else:
                windows.append((number, 1, chunk))
        live = sum(chunk != FALSE for _, _, chunk in windows)
        return windows if live * facts.weight <= COPIES else None

    def _by_window(self, op: scf.IfOp, windows: list[tuple[int, int, Chunk]]) -> list[Lanes]:
        parts: list[list[Lanes]] = []
        for first, count, chunk in windows:
            held, mask = self._window_condition(first, count, chunk)
            context = replace(
                self.context, first=first, count=count, mask=mask, some=self.context.some and mask is None
            )
            condition = held.scalar if isinstance(held, Flat) else held.condition if isinstance(held, Gate) else None
            parts.append(self.within(context, lambda condition=condition: self._window(op, condition)))
        results: list[Lanes] = []
        for values in zip(*parts, strict=True):
            chunks: list[Chunk] = []
            for (first, count, _), value in zip(
                windows, values, strict=True
            ):  # it may be one of all chunks, from outside
                here = replace(self.context, first=first, count=count)
                chunks += self.within(here, lambda value=value: self.chunks(value))
            results.append(lanes(values[0].dtype, chunks, self.context.first))
        return results

    def _window(self, op: scf.IfOp, condition: Scalar | None) -> list[Lanes]:
        if condition is None:
            return self.branch(op, yes=True)
        return self._uniform(condition, lambda: self.branch(op, yes=True), lambda: self.branch(op, yes=False))

    def _window_condition(self, first: int, count: int, chunk: Chunk) -> tuple[Chunk, Lanes | None]:
        """Return what to branch on for a window, and the mask where that holds."""
        outer = self.context.mask
        own = None if isinstance(chunk, Flat) else Lanes(b1, (Pattern(_bits(chunk)),), first)
        if outer is None:
            return chunk, own
        return self.within(
            replace(self.context, first=first, count=count), lambda: self._joined_condition(outer, chunk, own, first)
        )

    def _joined_condition(
        self, outer: Lanes, chunk: Chunk, own: Lanes | None, first: int
    ) -> tuple[Chunk, Lanes | None]:
        held = self.chunks(outer)
        both = self.and_chunks(held[0], chunk) if own is not None else chunk
        if own is not None and isinstance(
            both, Flat | Gate | Pattern
        ):  # few lanes: one question answers for both masks
            return both, None if isinstance(both, Flat) else Lanes(b1, (Pattern(_bits(both)),), first)
        return chunk, self.mask_and(lanes(b1, list(held), first), own)

    # ---- branches that differ from lane to lane

    def _masked(self, op: scf.IfOp, condition: Lanes) -> list[Lanes]:
        """Write both sides of a branch, each under its mask, and return the results chosen lane by lane."""
        then = self._side(op, condition, yes=True)
        if not _has_work(op.false_region) and not op.results:
            return []
        orelse = self._side(op, self.mask_not(condition), yes=False)
        return [self.select(condition, x, y) for x, y in zip(then, orelse, strict=True)]

    def _side(self, op: scf.IfOp, condition: Lanes, *, yes: bool) -> list[Lanes]:
        region = op.true_region if yes else op.false_region
        mask = self.mask_and(self.context.mask, condition)
        if mask is None or not region.blocks:
            return self.branch(op, yes=yes)
        if mask.constant is False:
            return [self.constant(0, dtype_of(result.type)) for result in op.results]
        facts = self.analysis.blocks[region.block]
        context = replace(self.context, mask=mask, some=False)
        if facts.weight <= SHORT and not facts.loops:
            return self.within(context, lambda: self.branch(op, yes=yes))
        context.some = True

        def nothing() -> list[Lanes]:
            return [self.constant(0, dtype_of(result.type)) for result in op.results]

        return self._uniform(self.some(mask), lambda: self.within(context, lambda: self.branch(op, yes=yes)), nothing)

    # ---- loops, in loops.py

    def counted(self, op: scf.ForOp) -> list[Lanes]:
        """Write a counted loop and return its results."""
        raise InternalError("loops are written by a subclass")

    def repeated(self, op: scf.WhileOp) -> list[Lanes]:
        """Write a while loop and return its results."""
        raise InternalError("loops are written by a subclass")

    def attempt(self, op: Operation, phase: str, write: Callable[[], R]) -> R:
        """Return what `write` returns; while it finds that a guess about a carried value was wrong, it is run again."""
        mark, context = self.w.mark(), self.context
        while True:
            try:
                with self.w.scope():  # what a failed attempt computed must not be remembered
                    return write()
            except Demoted as wrong:
                key = (op, wrong.which, phase)
                if key in self.demoted or wrong.which < 0:
                    raise InternalError("a loop does not settle", loc=place_of(op)) from wrong
                self.demoted.add(key)
            self.context = context
            self.w.rewind(mark)


def _bits(chunk: Chunk) -> tuple[bool, ...]:
    return chunk.bits if isinstance(chunk, Gate | Pattern) else ()


def _has_work(region: Any) -> bool:
    return bool(region.blocks) and not isinstance(region.block.first_op, scf.YieldOp)
