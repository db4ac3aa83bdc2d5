"""The `env` that rows' `ref`s get: memory, atomics and the lanes of a batch that are active now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enigma.dtypes import Numeric, Space
from enigma.errors import InternalError
from enigma.runtime.reports import Log, Said
from enigma.runtime.simulator.atomics import take_turns
from enigma.runtime.simulator.grid import LANES, Batch, Undefined
from enigma.runtime.simulator.memory import (
    Access,
    Image,
    Kind,
    Memory,
    locate,
    out_of_bounds,
    thread_array,
    threadgroup_array,
)
from enigma.runtime.simulator.observer import Observer
from enigma.runtime.simulator.problem import Problem
from enigma.source import SourceLoc
from enigma.spec.terms import Effect, Fault, Level, Report
from enigma.trace.node import Op

Array = NDArray[Any]


class Environment:
    """The lanes and the memory of one batch. The machine sets `node` and `active` before each operation."""

    lanes: Array = np.arange(LANES)[None, :]

    def __init__(self, kernel: str, batch: Batch, observer: Observer, log: Log) -> None:
        self.kernel, self.batch, self.observer, self.log = kernel, batch, observer, log
        self.active: Array = batch.live
        self._node: Op | None = None
        self._allocated: dict[int, Memory] = {}

    @property
    def node(self) -> Op:
        """The operation being run."""
        if self._node is None:
            raise InternalError("the simulator's environment is used outside of an operation")
        return self._node

    def enter(self, node: Op, active: Array) -> None:
        """Make `node` the operation being run, by the lanes in `active`."""
        self._node, self.active = node, active
        if node.row.effect is Effect.SYNC:
            self.observer.synchronize(node, active, self.batch)
        if node.row.together is Level.SIMDGROUP and node.row.operands:
            self._whole_simdgroups(node.row.shown_name, Fault.UNDEFINED_COLLECTIVE)

    def load(self, memory: Memory, index: Array) -> Array:
        """Return the elements; lanes that are not active get any value."""
        access = self._access(Kind.READ, memory, index)
        value = memory.data[access.flat]
        if memory.data.ndim > 1:
            value = np.moveaxis(value, -1, 0)
        self.observer.value(access, value)
        return value

    def store(self, memory: Memory, index: Array, value: Array) -> None:
        """Set the elements; of several lanes that set one element, the last wins."""
        access = self._access(Kind.WRITE, memory, index)
        self.observer.value(access, value)
        taken = _Taken(self.batch, access.active)
        flat = taken(access.flat)
        if memory.data.ndim > 1:
            memory.data[flat] = np.stack([taken(part) for part in value], axis=-1)
        else:
            memory.data[flat] = taken(value)
        if memory.written is not None:
            memory.written[flat] = True

    def texels(self, image: Image, places: Sequence[Array], *, border: bool = False) -> Array:
        """Return texels, their four components in front: 0 outside of the texture.

        A component that is not stored is 0, the last one 1; with a `border` outside too, as where a sampler clamps to zero.
        """
        inside, index = _located(image, places)
        access = self._texel_access(Kind.READ, image, inside, index)
        stored = np.moveaxis(image.memory.data[access.flat], -1, 0)
        self.observer.value(access, stored)
        found = np.zeros((4, *index.shape), image.element.numpy)
        found[: len(stored)] = np.where(inside, image.read(stored), found[0])
        if len(stored) < 4:
            found[3] = np.where(inside | border, 1, 0)
        return found

    def set_texels(self, image: Image, places: Sequence[Array], value: Array) -> None:
        """Set texels inside of the texture to the components that it stores; of several lanes that set one, the last wins."""
        inside, index = _located(image, places)
        access = self._texel_access(Kind.WRITE, image, inside, index)
        stored = image.stored(np.asarray(value)[: image.memory.data.shape[1]])
        self.observer.value(access, stored)
        taken = _Taken(self.batch, access.active)
        image.memory.data[taken(access.flat)] = np.stack([taken(part) for part in stored], axis=-1)

    def _texel_access(self, kind: Kind, image: Image, inside: Array, index: Array) -> Access:
        reached = self.active & inside
        flat = np.where(inside, index, 0)
        access = Access(kind, image.memory, index, flat, reached, self.node, self.batch)
        if reached.any():
            self.observer.access(access)
        return access

    def allocate(self, dtype: Numeric, size: int) -> Memory:
        """Return this operation's threadgroup memory: the same one each time a thread gets here."""
        return self._made(lambda name: threadgroup_array(name, dtype, size, self.batch))

    def allocate_for_threads(self, dtype: Numeric, size: int) -> Memory:
        """Return this operation's array of each thread's own: the same one each time a thread gets here."""
        return self._made(lambda name: thread_array(name, dtype, size, self.batch))

    def table(self, dtype: Numeric, values: Sequence[Any]) -> Memory:
        """Return constant memory that holds these numbers."""
        return self._made(lambda name: Memory(name, Space.CONSTANT, np.array(values, dtype.numpy), len(values)))

    def _made(self, make: Callable[[str], Memory]) -> Memory:
        known = self._allocated.get(id(self.node))
        if known is None:
            result = self.node.result
            name = result.name if result is not None and result.name is not None else ""
            known = self._allocated[id(self.node)] = make(name)
        return known

    def atomic(self, memory: Memory, index: Array, value: Array, combine: Callable[..., Any], *more: Array) -> Array:
        """Set the elements to `combine(old, value, *more)`, one lane after another; returns what each lane found."""
        return self._in_turn(memory, index, (value, *more), combine)

    def report(self, kind: Report, site: int, values: Sequence[Array]) -> None:
        """Note what each active lane says, as long as there is room."""
        rows, lanes = np.nonzero(self.active)
        columns = [np.broadcast_to(value, self.active.shape)[self.active] for value in values]
        said = (
            Said(site, self.batch.thread(int(row), int(lane)), tuple(column[n] for column in columns))
            for n, (row, lane) in enumerate(zip(rows, lanes, strict=True))
        )
        self.log.note(kind, len(rows), said)

    def threadgroup_barrier(self) -> None:
        """Check that all threads of a threadgroup are here, if any is: in lock step there is nothing to wait for."""
        self.whole_threadgroup("barrier", self.node.loc, self.active)

    def whole_threadgroup(self, what: str, loc: SourceLoc, active: Array) -> None:
        """Check that all threads of a threadgroup are active, if any is."""
        self.active = active
        here = np.add.reduceat(self.active.sum(axis=1), self.batch.starts)
        there = np.add.reduceat(self.batch.live.sum(axis=1), self.batch.starts)
        self._all_or_none("threadgroup", here, there, self.batch.member, what, loc, Fault.BARRIER_DIVERGENCE)

    def simdgroup_barrier(self) -> None:
        """Check that all threads of a simdgroup are here, if any is."""
        self._whole_simdgroups("barrier", Fault.BARRIER_DIVERGENCE)

    def _whole_simdgroups(self, what: str, fault: Fault) -> None:
        """Check that all threads of a simdgroup are here, if any is; a last simdgroup may have fewer of them."""
        rows = np.arange(len(self.active))
        live = self.batch.live.sum(axis=1)
        self._all_or_none("simdgroup", self.active.sum(axis=1), live, rows, what, self.node.loc, fault)

    def whole_simdgroups(self) -> None:
        """Check that a simdgroup of which threads are here has all 32 of them; that all came has been checked before."""
        here, there = self.active.sum(axis=1), self.batch.live.sum(axis=1)
        short = (here > 0) & (there < LANES)
        if short.any():
            row = int(np.flatnonzero(short)[0])
            self.observer.problem(Problem(
                Fault.UNDEFINED_COLLECTIVE,
                f"{self.node.row.shown_name} in a simdgroup of {there[row]} threads, but it needs all {LANES}",
                self.node.loc, self.active & short[:, None], self.batch, self.kernel,
                note=f"in threadgroup {self.batch.threadgroup(row)} of kernel {self.kernel}",
                help=f"launch threadgroups of a multiple of {LANES} threads, in a grid of whole threadgroups",
            ))  # fmt: skip

    def same_in_simdgroups(self, what: str, x: Array) -> None:
        """Check that the active lanes of each simdgroup hold the same."""
        given = np.broadcast_to(x, self.active.shape)
        differs = (self.active & (given != given[:, :1])).any(axis=1)
        if differs.any():
            row = int(np.flatnonzero(differs)[0])
            where = f"simdgroup {row - int(self.batch.starts[self.batch.member[row]])} of threadgroup {self.batch.threadgroup(row)}"
            self.observer.problem(Problem(
                Fault.UNDEFINED_COLLECTIVE, f"{self.node.row.shown_name}: {what} differs between the lanes of a simdgroup",
                self.node.loc, self.active & differs[:, None], self.batch, self.kernel,
                note=f"in {where}, in kernel {self.kernel}",
                help="the lanes hold one matrix together: compute it from simdgroup_index_in_threadgroup, not from the lane",
            ))  # fmt: skip

    def same_in_groups(self, what: str, x: Array, width: int) -> None:
        """Doubt that is told if the active lanes of some group of `width` lanes do not hold the same, as Metal wants it."""
        if x.shape[-1] == 1:
            return
        apart = (self.active.shape[0], LANES // width, width)
        given, active = np.broadcast_to(x, self.active.shape).reshape(apart), self.active.reshape(apart)
        first = np.take_along_axis(given, np.argmax(active, axis=-1)[..., None], axis=-1)
        if (differs := active & (given != first)).any():
            self._doubt(
                differs.reshape(self.active.shape), f"{what} differs between the lanes",
                f"make {what} the same for all lanes; only a shuffle by lane number may differ",
            )  # fmt: skip

    def reads_lanes(self, from_lane: Array, undefined: Array) -> None:
        """Doubt that is told if active lanes read another lane whose value is undefined; `from_lane` says which."""
        if (wrong := self.active & undefined).any():
            row, lane = (int(place[0]) for place in np.nonzero(wrong))
            read = int(np.broadcast_to(from_lane, wrong.shape)[row, lane])
            there = f"lane {read}, which is not active" if 0 <= read < LANES else f"lane {read}, which there is not"
            self._doubt(
                wrong, f"reads {there}", "let all lanes get there: move it out of the branch, and launch whole simdgroups; "
                "or guard what the lane reads, and use a value that changes nothing in its place", if_it_counts=True,
            )  # fmt: skip

    def undefined(self, dtype: Any) -> Any:
        """Return the value of a lane that is not active: 0, unless the run is to show where it counts."""
        return self.batch.undefined.of(dtype)

    def beyond(self, x: Array) -> Any:
        """Return what a lane reads from one that there is not: its own value, unless the run is to show where it counts."""
        return x if self.batch.undefined is Undefined.HARMLESS else self.batch.undefined.of(x.dtype)

    def _doubt(self, lanes: Array, message: str, help: str, *, if_it_counts: bool = False) -> None:
        self.observer.doubt(Problem(
            Fault.UNDEFINED_COLLECTIVE, f"{self.node.row.shown_name}: {message}", self.node.loc, lanes, self.batch, self.kernel,
            help, if_it_counts=if_it_counts,
        ))  # fmt: skip

    def _access(self, kind: Kind, memory: Memory, index: Array) -> Access:
        row = self.node.row
        kind = Kind.ATOMIC if row.effect is Effect.SYNC and row.together is None else kind

        def outside(wrong: Array) -> None:
            self.observer.problem(out_of_bounds(kind, memory, index, wrong, self.node, self.batch, self.kernel))

        access = locate(kind, memory, index, self.active, self.node, self.batch, outside)
        self.observer.access(access)
        return access

    def _in_turn(self, memory: Memory, index: Array, operands: Sequence[Array], combine: Callable[..., Any]) -> Array:
        access = self._access(Kind.ATOMIC, memory, index)
        taken = _Taken(self.batch, access.active)
        flat = taken(access.flat)
        before = np.zeros(self.active.shape, memory.data.dtype)
        taken.put(before, take_turns(memory.data, flat, [taken(x) for x in operands], combine))
        if memory.written is not None:
            memory.written[flat] = True
        self.observer.value(access, before)
        return before

    def _all_or_none(
        self, unit: str, here: Array, there: Array, member: Array, what: str, loc: SourceLoc, fault: Fault
    ) -> None:  # fmt: skip
        """Tell of a unit of whose threads only some are active. `member` is the unit that each row is part of."""
        partly = (here > 0) & (here < there)
        if not partly.any():
            return
        which = int(np.flatnonzero(partly)[0])
        missing = self.batch.live & ~self.active & (member == which)[:, None]
        row, lane = (int(place[0]) for place in np.nonzero(missing))
        thread = self.batch.thread(row, lane)
        text = (
            f"{here[which]} of {there[which]} threads reached it; thread {thread} of threadgroup "
            f"{self.batch.threadgroup(row)} did not, in kernel {self.kernel}"
        )
        self.observer.problem(Problem(
            fault, f"{what} not reached by every thread of the {unit}", loc, self.active & partly[member][:, None], self.batch,
            self.kernel, note=text,
            help=f"move the {what} out of the branch or loop that some threads leave, and guard only the accesses",
        ))  # fmt: skip


class _Taken:
    """Takes the values of the active lanes out of arrays, in the order in which they have their turn."""

    def __init__(self, batch: Batch, active: Array) -> None:
        self.active, self.turns = active, batch.turns(active)

    def __call__(self, values: Array) -> Array:
        taken = np.broadcast_to(values, self.active.shape)[self.active]
        return taken if self.turns is None else taken[self.turns]

    def put(self, into: Array, values: Array) -> None:
        """Set the active lanes of an array to such values."""
        if self.turns is not None:
            ordered, values = values, np.empty_like(values)
            values[self.turns] = ordered
        into[self.active] = values


def _located(image: Image, places: Sequence[Array]) -> tuple[Array, Array]:
    """Return which places are inside of a texture, and the number of each texel."""
    inside, index, step = np.bool_(True), np.int64(0), 1
    for place, size in zip(places, image.sizes, strict=False):
        inside = inside & (place >= 0) & (place < size)
        index = index + place * step
        step *= size
    return np.asarray(inside), np.asarray(index)
