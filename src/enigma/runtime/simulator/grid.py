"""Where the simulated threads are: some whole threadgroups at a time, one row of 32 lanes per simdgroup.

Every quantity is an array of unsigned ints that broadcasts to (simdgroups, 32): a uniform one has shape (1, 1), one of a
threadgroup (simdgroups, 1). So what is the same for all threads is computed once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enigma.spec.terms import Axis

Size = tuple[int, int, int]
Array = NDArray[Any]

LANES = 32
_AXES = {axis: number for number, axis in enumerate(Axis)}


class Undefined(Enum):
    """What a value is that Metal leaves undefined: 0, or very high or low to show where it counts."""

    HARMLESS = 0
    HIGH = 1
    LOW = -1

    def of(self, dtype: Any) -> Any:
        """Return the value of a NumPy dtype."""
        if self is Undefined.HARMLESS or dtype.kind == "b":
            return dtype.type(self is Undefined.HIGH)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            return dtype.type(limits.max if self is Undefined.HIGH else limits.min)
        return dtype.type((3e4 if dtype == np.float16 else 3e37) * self.value)


class Batch:
    """The threadgroups `first` to `last - 1` of a launch, numbered with x fastest. The geometry `g` of the grid rows.

    Those that were `picked` by number may be given instead, which only the cost model does.
    `live` marks the lanes that are threads; `starts` is each threadgroup's first row, `member` each row's threadgroup
    counted within the batch. Where threads compete, simdgroups take their turn in order of `rank` and lanes from the last one on;
    if it is None, all in order of their numbers.
    """

    def __init__(self, grid: Size, threads: Size, first: int, last: int, picked: Array | None = None) -> None:
        self.launched, self.threads, self.first = grid, threads, first
        self.rank: Array | None = None
        self.undefined = Undefined.HARMLESS
        self.counts = group_counts(grid, threads)
        numbers = np.arange(first, last) if picked is None else picked
        position = _unflatten(numbers, self.counts)
        sizes = [np.minimum(t, g - p * t) for g, t, p in zip(grid, threads, position, strict=True)]
        totals = sizes[0] * sizes[1] * sizes[2]
        simdgroups = -(-totals // LANES)
        self.member = np.repeat(np.arange(len(numbers)), simdgroups)
        self.starts = np.cumsum(simdgroups) - simdgroups
        self.threadgroups = len(numbers)
        self.shape = (len(self.member), LANES)
        self._group = [self._per_row(axis) for axis in position]
        self._size = [self._per_row(axis) for axis in sizes]
        self._total = self._per_row(totals)
        self._simdgroups = self._per_row(simdgroups)
        self._simdgroup = _u32(np.arange(len(self.member)) - self.starts[self.member])[:, None]
        self._lane = _u32(np.arange(LANES))[None, :]
        self._linear = self._simdgroup * np.uint32(LANES) + self._lane
        self.live: Array = self._linear < self._total

    def turns(self, active: Array) -> Array | None:
        """Return in which order the active lanes, taken row by row, have their turn; None for this very order."""
        if self.rank is None:
            return None
        rows, lanes = np.nonzero(active)
        return np.lexsort((-lanes, self.rank[rows]))

    def _per_row(self, per_group: Array) -> Array:
        return _u32(per_group)[self.member][:, None]

    @cached_property
    def _local(self) -> list[Array]:
        return _unflatten(self._linear, (self._size[0], self._size[1], self._size[2]))

    def group(self, axis: Axis) -> Array:
        """Return the threadgroup's position along an axis."""
        return self._group[_AXES[axis]]

    def local(self, axis: Axis) -> Array:
        """Return the thread's position in its threadgroup along an axis."""
        return self._local[_AXES[axis]]

    def size(self, axis: Axis) -> Array:
        """Return the threadgroup's own size along an axis; the last one of an axis may be smaller."""
        return self._size[_AXES[axis]]

    def full_size(self, axis: Axis) -> Array:
        """Return the size along an axis that was asked for."""
        return self.constant(self.threads[_AXES[axis]])

    def grid(self, axis: Axis) -> Array:
        """Return the threads of the grid along an axis."""
        return self.constant(self.launched[_AXES[axis]])

    def groups(self, axis: Axis) -> Array:
        """Return the threadgroups of the grid along an axis."""
        return self.constant(self.counts[_AXES[axis]])

    def linear(self) -> Array:
        """Return the thread's number in its threadgroup, x fastest."""
        return self._linear

    def total(self) -> Array:
        """Return how many threads the threadgroup has."""
        return self._total

    def lane(self) -> Array:
        """Return the thread's place in its simdgroup."""
        return self._lane

    def simdgroup(self) -> Array:
        """Return the simdgroup's number in its threadgroup."""
        return self._simdgroup

    def simdgroups(self) -> Array:
        """Return how many simdgroups the threadgroup has, a partial one counted."""
        return self._simdgroups

    def constant(self, value: int) -> Array:
        """Return a number that is the same for all threads."""
        return np.full((1, 1), value, np.uint32)

    def add(self, x: Array, y: Array) -> Array:
        """Return the sum."""
        return x + y

    def mul(self, x: Array, y: Array) -> Array:
        """Return the product."""
        return x * y

    def div(self, x: Array, n: int) -> Array:
        """Return the quotient."""
        return x // np.uint32(n)

    def mod(self, x: Array, n: int) -> Array:
        """Return what division leaves."""
        return x % np.uint32(n)

    def thread(self, row: int, lane: int) -> Size:
        """Return one thread's position in the grid."""
        x, y, z = (
            int(self._group[axis][row, 0]) * self.threads[axis] + int(self._local[axis][row, lane]) for axis in range(3)
        )
        return x, y, z

    def threadgroup(self, row: int) -> Size:
        """Return the position of one row's threadgroup."""
        x, y, z = (int(axis[row, 0]) for axis in self._group)
        return x, y, z

    def within(self, row: int, lane: int) -> Size:
        """Return one thread's position in its threadgroup."""
        x, y, z = (int(axis[row, lane]) for axis in self._local)
        return x, y, z


def group_counts(grid: Size, threads: Size) -> Size:
    """Return the threadgroups per axis, partial ones counted."""
    x, y, z = (-(-g // t) for g, t in zip(grid, threads, strict=True))
    return x, y, z


def batches(
    grid: Size,
    threads: Size,
    chunk_threadgroups: int | None,
    most_lanes: int = 1 << 16,
    seed: int | None = None,
    undefined: Undefined = Undefined.HARMLESS,
) -> Iterator[Batch]:
    """Yield all threadgroups in order, `chunk_threadgroups` at a time, or as many as have `most_lanes` lanes.

    With a `seed` the simdgroups of a batch take their turns in an order of chance, in which neither the first nor the last one
    keeps its place, and the lanes of each from the last one on.
    """
    chance = None if seed is None else np.random.default_rng(seed)
    total = math.prod(group_counts(grid, threads))
    lanes = -(-math.prod(threads) // LANES) * LANES
    chunk = chunk_threadgroups if chunk_threadgroups is not None else max(most_lanes // lanes, 1)
    for first in range(0, total, chunk):
        batch = Batch(grid, threads, first, min(first + chunk, total))
        if chance is not None:
            batch.rank = _shuffled(chance, batch.shape[0])
        batch.undefined = undefined
        yield batch


def _shuffled(chance: np.random.Generator, count: int) -> Array:
    while True:
        ranks = chance.permutation(count)
        if count == 1 or (ranks[0] != 0 and ranks[-1] != count - 1):
            return ranks


def _unflatten(number: Array, sizes: tuple[Any, Any, Any]) -> list[Array]:
    width, height, _ = sizes
    return [number % width, number // width % height, number // (width * height)]


def _u32(values: Any) -> Array:
    return np.asarray(values).astype(np.uint32)
