"""Runs a traced kernel: every operation on all lanes of a batch of threadgroups at once, under a mask of active lanes.

A value is an array that broadcasts to (simdgroups, 32); what it holds for lanes that are not active is never looked
at. A branch runs if any lane takes it; a loop runs until its last lane has left it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enigma.dtypes import BufferType, Numeric
from enigma.errors import EnigmaError, EnigmaValueError, InternalError
from enigma.runtime.reports import Log, sites
from enigma.runtime.simulator.environment import Environment
from enigma.runtime.simulator.grid import Batch, Size, Undefined, batches
from enigma.runtime.simulator.loops import last_counter, stop_flag, trip_counts
from enigma.runtime.simulator.memory import Memory, image, launch_array, per_lane
from enigma.runtime.simulator.observer import Observer
from enigma.runtime.simulator.problem import Problem, Stopped
from enigma.runtime.textures import TextureView
from enigma.spec.terms import Effect, Fault
from enigma.trace.node import Block, For, If, Op, Param, Traced, Value, While

Array = NDArray[Any]
Held = Any
"""What a value is while the kernel runs: the `Memory` of a buffer, the `Image` of a texture, or an `Array` with an axis each for
simdgroups and lanes, of length 1 where all are the same. A vector has one more in front, for its components."""

MAX_ROUNDS = 10_000_000


def simulate(
    traced: Traced, arguments: Sequence[Any], grid: Size, threads: Size, *, chunk_threadgroups: int | None = None,
    observer: Observer | None = None, max_rounds: int = MAX_ROUNDS, seed: int | None = None,
    undefined: Undefined = Undefined.HARMLESS, quiet: bool = False,
) -> None:  # fmt: skip
    """Run a kernel on flat arrays, textures and numbers in slot order; arrays are written in place.

    Threadgroups run in order, `chunk_threadgroups` of them in lock step (as many as make sense if None). A loop that goes
    round more than `max_rounds` times is taken for endless. With a `seed` simdgroups take their turns in an order of chance
    where they compete for an element. A `quiet` run prints nothing, and no assertion of the kernel fails.

    Where the observer does not decide otherwise, it raises `OutOfBoundsError` at the line that leaves a buffer, and `EnigmaError`
    for a barrier that only some threads reach, or an endless loop. What the kernel prints is printed at the end, and an assertion
    that failed raises `KernelAssertionError`.
    """
    watcher = observer if observer is not None else Observer()
    held = [_argument(param, given) for param, given in zip(traced.params, arguments, strict=True)]
    log = Log(traced.name, sites(traced), threads)
    try:
        with np.errstate(all="ignore"):
            for batch in batches(grid, threads, chunk_threadgroups, seed=seed, undefined=undefined):
                watcher.batch(batch)
                machine = Machine(traced.name, batch, watcher, log, max_rounds)
                machine.bind([param.value for param in traced.params], held)
                machine.block(traced.body, batch.live)
    except Stopped:
        pass
    except EnigmaError as error:
        if not quiet:
            log.deliver(error)  # what was said before often tells why
        raise
    watcher.finish()
    if not quiet:
        log.deliver()


def _argument(param: Param, given: Any) -> Held:
    if param.is_scalar:
        with np.errstate(all="ignore"):
            return np.full((1, 1), given, param.dtype.numpy)
    if isinstance(given, TextureView):
        return image(param.name, given)
    array: Array = given
    if array.dtype != param.dtype.numpy or array.ndim != 1:
        raise InternalError(f"the simulator needs a flat array of {param.dtype.name} for {param.name}", loc=param.loc)
    if not isinstance(param.value.type, BufferType):
        raise InternalError(f"the parameter {param.name} is an array, but no buffer", loc=param.loc)
    parts = param.dtype.parts
    return launch_array(param.name, array.reshape(-1, parts) if parts > 1 else array, param.value.type.space)


class Machine:
    """Runs blocks for one batch. Lanes are active where a mask of shape (simdgroups, 32) is true; at least one always is."""

    def __init__(self, kernel: str, batch: Batch, observer: Observer, log: Log, max_rounds: int = MAX_ROUNDS) -> None:
        self.kernel, self.batch, self.max_rounds = kernel, batch, max_rounds
        self.env, self.observer = Environment(kernel, batch, observer, log), observer
        # by identity: a traced value's own == records an operation
        self._values: dict[int, Held] = {}

    def bind(self, values: Sequence[Value], held: Sequence[Held]) -> None:
        """Let the values be what is held for them."""
        for value, now in zip(values, held, strict=True):
            self._values[id(value)] = now

    def get(self, values: Sequence[Value]) -> list[Held]:
        """Return what the values are now."""
        return [self._values[id(value)] for value in values]

    def block(self, block: Block, active: Array) -> list[Held]:
        """Run a block for the active lanes and return what it yields."""
        for node in block.nodes:
            match node:
                case Op():
                    self._op(node, active)
                case If():
                    self._if(node, active)
                case For():
                    self._for(node, active)
                case While():
                    self._while(node, active)
        return self.get(block.yields)

    def _op(self, node: Op, active: Array) -> None:
        row, operands = node.row, self.get(node.operands)
        if row.effect is Effect.PURE:
            geometry = (self.batch,) if row.level is not None and not row.operands else ()
            out = row.ref(np, *geometry, *operands, **node.attrs)
        else:
            self.env.enter(node, active)
            if row.effect is Effect.SYNC:  # what talks to other lanes needs them all
                operands = [x if isinstance(x, Memory) else per_lane(x, active.shape) for x in operands]
            out = row.ref(np, self.env, *operands, **node.attrs)
        if self.observer.computes(row):
            self.observer.computed(node, operands, out, active, self.batch)
        if node.result is not None:
            self._values[id(node.result)] = _checked(node, node.result, out)

    def _if(self, node: If, active: Array) -> None:
        (condition,) = self.get([node.condition])
        taken, other = active & condition, active & ~condition
        if not other.any():
            merged = self.block(node.then, active)
        elif not taken.any():
            merged = self.block(node.orelse, active)
        else:
            merged = _merge(taken, self.block(node.then, taken), self.block(node.orelse, other))
        self.bind(node.results, merged)

    def _for(self, node: For, active: Array) -> None:
        if node.shared is not None:
            self.env.whole_threadgroup(node.shared, node.loc, active)
        bounds: list[Array] = self.get([node.low, node.high, node.step])
        low, high, step = (bound.astype(np.int64) for bound in bounds)
        self._check_step(node, active, step)
        trips, flag = trip_counts(low, high, step), stop_flag(node)
        counter = node.body.args[0]
        carried = self.get(node.inits)
        for number in self._rounds(node, active):
            running = active & (trips > number)
            if flag is not None:
                running &= ~carried[flag]
            if not running.any():
                break
            index = (low + np.int64(number) * step).astype(_dtype(counter).numpy)
            carried = self._round(node.body, [index, *carried], carried, running, active)
        ended = active & (trips > 0) if flag is None else active & (trips > 0) & ~carried[flag]
        self._check_end(node, ended, last_counter(low, step, trips), step)
        self.bind(node.results, carried)

    def _while(self, node: While, active: Array) -> None:
        carried, running = self.get(node.inits), active
        for _ in self._rounds(node, active):
            self.bind(node.test.args, carried)
            (going,) = self.block(node.test, running)
            running = running & going
            if not running.any():
                break
            carried = self._round(node.body, carried, carried, running, active)
        self.bind(node.results, carried)

    def _round(
        self, body: Block, args: Sequence[Held], carried: list[Held], running: Array, active: Array
    ) -> list[Held]:
        """Run a loop's body once for the running lanes of the active ones; return the carried values after it."""
        self.bind(body.args, args)
        new = self.block(body, running)
        return new if np.array_equal(running, active) else _merge(running, new, carried)

    def _rounds(self, node: For | While, active: Array) -> Iterator[int]:
        yield from range(self.max_rounds + 1)
        self._endless(node, active, f"this loop has not ended after {self.max_rounds} rounds")

    def _endless(self, node: For | While, active: Array, message: str) -> None:
        row, lane = (int(place[0]) for place in np.nonzero(active))
        self.observer.problem(Problem(
            Fault.STEP_BUDGET, message, node.loc, active, self.batch, self.kernel,
            note=f"{self._place(row, lane)} is one of the threads that entered it",
            help=(
                "check the bounds of its range: they ask for more rounds than that" if isinstance(node, For) else
                "check that what its condition reads changes in the loop; a thread cannot wait for a later threadgroup"
            ),
        ))  # fmt: skip
        raise Stopped

    def _check_step(self, node: For, active: Array, step: Array) -> None:
        if (wrong := active & (step <= 0)).any():
            value = int(np.broadcast_to(step, wrong.shape)[wrong][0])
            raise EnigmaValueError(
                f"the step of a range must be positive, but it is {value}",
                loc=node.loc,
                notes=[(self._first(wrong), None)],
                help="count upwards and compute the index from the counter",
            )

    def _check_end(self, node: For, ended: Array, last: Array, step: Array) -> None:
        """Doubt that is told where the counter cannot go past the end: Metal's loop counts on and then compares."""
        dtype = _dtype(node.body.args[0])
        if dtype.width == 64 and not dtype.is_signed:  # its end is beyond what is counted here
            return
        over = ended & (last > int(dtype.max) - step)
        if not over.any():
            return
        row, lane = (int(place[0]) for place in np.nonzero(over))
        at = int(np.broadcast_to(last, over.shape)[row, lane])
        by = int(np.broadcast_to(step, over.shape)[row, lane])
        text = f"the counter of this loop, {dtype.name}, is {at} in its last round, and {by} more"
        self.observer.doubt(Problem(
            Fault.INTEGER_OVERFLOW if dtype.is_signed else Fault.STEP_BUDGET,
            f"{text} does not fit: Metal leaves it undefined" if dtype.is_signed
            else f"{text} wraps around below the bound: in Metal the loop does not end",
            node.loc, over, self.batch, self.kernel, "count rounds instead, and compute the index from the counter", value=at,
        ))  # fmt: skip

    def _first(self, lanes: Array) -> str:
        row, lane = (int(place[0]) for place in np.nonzero(lanes))
        return self._place(row, lane)

    def _place(self, row: int, lane: int) -> str:
        return f"thread {self.batch.thread(row, lane)} of threadgroup {self.batch.threadgroup(row)}, in kernel {self.kernel}"


def _dtype(value: Value) -> Numeric:
    if isinstance(value.type, Numeric):
        return value.type
    raise InternalError(f"{value.name or 'a value'} is a buffer where a number must be")


def _checked(node: Op, result: Value, out: Held) -> Held:
    """Return what an operation gave, with two axes. Raises `InternalError` if it is not of the result's dtype."""
    if isinstance(out, Memory):
        return out
    dtype = _dtype(result)
    array = np.asarray(out)
    if array.dtype != dtype.numpy:
        raise InternalError(f"the meaning of {node.row.name} gave {array.dtype} instead of {dtype.name}", loc=node.loc)
    if dtype.parts > 1:
        if array.shape[0] != dtype.parts:
            raise InternalError(f"the meaning of {node.row.name} gave {len(array)} parts of {dtype.name}", loc=node.loc)
        return array.reshape(dtype.parts, 1, 1) if array.ndim == 1 else array
    return array.reshape(1, 1) if array.ndim == 0 else array


def _merge(mask: Array, new: Sequence[Held], old: Sequence[Held]) -> list[Held]:
    return [x if x is y else np.where(mask, x, y) for x, y in zip(new, old, strict=True)]
