"""Vectors that are loaded, computed with and stored stay in the order of memory: nothing is brought into components and back.

A value of n components is n values, each of W lanes a chunk. Elementwise operations do not mind which number lies where, as long
as all their operands agree: so what a store of vectors is made of is computed on chunks that are W numbers in a row of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from xdsl.dialects import func
from xdsl.ir import Operation, SSAValue

from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.types import dtype_of
from enigma.emit.simt.analysis import Analysis
from enigma.emit.simt.lanes import Chunk, Context, Image, Lanes, Memory, Ramp, lanes
from enigma.emit.simt.merge import Merging
from enigma.emit.simt.packed import in_a_row
from enigma.emit.simt.scalarize import PartsOp
from enigma.errors import InternalError
from enigma.spec.terms import Algebra

Columns = tuple[SSAValue, ...]
"""The components of a vector."""


@dataclass(slots=True, eq=False)
class Chain:
    """What a store of vectors is computed of.

    `nodes` are vectors whose components are made by one operation each, of the vectors in `made_of`; those a node is made of come
    before it. All else that they are made of is computed before.
    """

    value: Columns
    nodes: dict[Columns, list[Columns]] = field(default_factory=dict[Columns, list[Columns]])

    def leaves(self) -> Iterator[Columns]:
        """Yield the vectors that are computed before."""
        for columns in (self.value, *(part for parts in self.nodes.values() for part in parts)):
            if columns not in self.nodes:
                yield columns


def chains(kernel: func.FuncOp, analysis: Analysis, home: Callable[[Operation], object]) -> dict[Operation, Chain]:
    """Return the chains of a kernel by the stores that they end in; `home` tells which operations run together."""
    found: dict[Operation, Chain] = {}
    for op in kernel.walk():
        if not isinstance(op, PartsOp) or op.ROW.algebra not in (Algebra.STORE, Algebra.STORE_VECTOR):
            continue
        groups: list[Any] = op.group(op.operands)
        if not isinstance(groups[-1], tuple):
            continue
        chain = Chain(cast(Columns, groups[-1]))
        _follow(chain, chain.value, op, analysis, home)
        _leave_out_shared(chain, op)
        found[op] = chain
    return found


def _follow(
    chain: Chain, columns: Columns, store: Operation, analysis: Analysis, home: Callable[[Operation], object]
) -> None:
    owners = [column.owner for column in columns]
    first = owners[0]
    if columns in chain.nodes or not isinstance(first, IntrinsicOp) or isinstance(first, PartsOp):
        return
    if not first.ROW.lifts or len(set(owners)) < len(owners) or not all(analysis.is_varying(x) for x in columns):
        return
    for owner in owners:
        alike = isinstance(owner, IntrinsicOp) and owner.ROW is first.ROW and owner.attributes == first.attributes
        if not alike or owner.parent_block() is not store.parent_block():
            return
        if home(cast(Operation, owner)) is not home(store):
            return
    made_of = list(zip(*(cast(Operation, owner).operands for owner in owners), strict=True))
    for part in made_of:
        _follow(chain, part, store, analysis, home)
    chain.nodes[columns] = made_of


def _leave_out_shared(chain: Chain, store: Operation) -> None:
    """Take out of a chain what others use too: it is computed before, and so is what it is made of."""
    while True:
        own = {column.owner for columns in chain.nodes for column in columns} | {store}
        shared = [
            columns
            for columns in chain.nodes
            if any(use.operation not in own for column in columns for use in column.uses)
        ]
        if not shared:
            return
        for columns in shared:
            del chain.nodes[columns]


class InOrder(Merging):
    """Writes stores of vectors. `chains` are those of the kernel, and `later` the operations in them, done at the store."""

    values: dict[SSAValue, Lanes | Memory | Image]
    chains: dict[Operation, Chain]
    later: set[SSAValue]

    def know(self, found: dict[Operation, Chain]) -> None:
        """Note the chains of the kernel."""
        self.chains = found
        self.later = {column for chain in found.values() for columns in chain.nodes for column in columns}

    def store_in_order(self, op: PartsOp, plain: Callable[[IntrinsicOp], None]) -> bool:
        """Write a store of vectors whose value is computed in the order of memory, and return whether that was of use.

        If not, what was put off is written now, by `plain`.
        """
        chain = self.chains[op]
        buffer, index = (self.values[operand] for operand in op.operands[:2])
        count = len(chain.value)
        if isinstance(buffer, Memory) and isinstance(index, Lanes) and self._pays(chain):
            place, start = self.numbers(buffer, index)
            if place.size is None and all(in_a_row(chunk, count) for chunk in self.chunks(start)):
                self._store(place, start, chain)
                return True
        for columns in chain.nodes:
            for column in columns:
                plain(cast(IntrinsicOp, column.owner))
        return False

    def _pays(self, chain: Chain) -> bool:
        """Return whether some vector that was loaded goes into a chain as it lies in memory."""
        return any(self._run(columns) for columns in chain.leaves())

    def _run(self, columns: Columns) -> bool:
        """Return whether the components were loaded as runs of memory."""
        parts = [self.chunks(self._component(column)) for column in columns]
        return all(self.run_of(chunks) is not None for chunks in zip(*parts, strict=True))

    def _component(self, column: SSAValue) -> Lanes:
        found = self.values.get(column)
        if not isinstance(found, Lanes):
            raise InternalError("a component is used before it was computed")
        return found

    def _store(self, place: Memory, start: Lanes, chain: Chain) -> None:
        count, width, here = len(chain.value), self.width, self.context
        known: dict[Columns, Lanes] = {}
        inside = Context(here.first * count, here.count * count, None, True, here.versions)
        for columns in chain.leaves():
            if columns not in known:
                known[columns] = self._leaf(columns)
        index: list[Chunk] = []
        for chunk in self.chunks(start):
            if isinstance(chunk, Ramp):
                low = chunk.offs[0]
                index += [
                    Ramp(chunk.scalar, tuple(range(low + q * width, low + (q + 1) * width))) for q in range(count)
                ]
        mask = None if here.mask is None else self._stretched_value(here.mask, count)
        self.context = inside
        try:
            for columns, made_of in chain.nodes.items():
                op = cast(IntrinsicOp, columns[0].owner)
                lowering = cast("Callable[..., Lanes]", op.ROW.llvm)
                known[columns] = lowering(self, *(known[part] for part in made_of), **op.attrs())
            self.context = replace(inside, mask=mask, some=here.some)
            self.store(place, Lanes(start.dtype, tuple(index), inside.first), known[chain.value])
        finally:
            self.context = here

    def _leaf(self, columns: Columns) -> Lanes:
        """Return a vector that was computed before, in the order of memory."""
        count, first = len(columns), self.context.first * len(columns)
        dtype = dtype_of(columns[0].type)
        values = [self._component(column) for column in columns]
        if all(value == values[0] for value in values[1:]):
            return values[0] if values[0].uniform is not None else self._stretched_value(values[0], count)
        made: list[Chunk] = []
        for chunks in zip(*(self.chunks(value) for value in values), strict=True):
            run = self.run_of(chunks) or self.interleaved(dtype, chunks)
            made += [self.piece(dtype, run, q, count) for q in range(count)]
        return lanes(dtype, made, first)

    def _stretched_value(self, value: Lanes, count: int) -> Lanes:
        """Return each lane's number so many times in a row."""
        if value.uniform is not None:
            return value
        made: list[Chunk] = []
        for chunk in self.chunks(value):
            made += self.stretched(value.dtype, chunk, count)
        return lanes(value.dtype, made, self.context.first * count)
