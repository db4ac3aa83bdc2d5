"""Counts a whole launch: every threadgroup where that is quick, else as many as tell how the others are.

The grid of threadgroups is cut into boxes, the last ones of each axis apart, for they may be partial. A box whose corners,
middle and some members of chance do the same is taken to be all alike; another is halved, as long as there is time for it.
What is left over is taken to be between its samples, and the report says how far apart they are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enigma.debug.cost.counting import ACTIVITY, Counter, Key, Ledger, Seen
from enigma.debug.cost.memory import Memory
from enigma.debug.cost.uses import Plan, plan
from enigma.runtime.simulator.grid import LANES, Batch, Size, group_counts
from enigma.spec.terms import Effect
from enigma.trace.node import Traced

Array = NDArray[Any]
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""Threadgroups from the first to before the last, along each axis."""

AFFORDED = 1 << 26
"""Operations of lanes that are counted one by one."""

SAMPLED = 1 << 24
"""Operations of lanes that samples are counted for, where all would be too many."""

CHUNK = 1 << 16
"""Lanes that are counted at once."""

PROBES = 48
"""Threadgroups of chance that are looked at in any case."""

MANY = 4
"""Threadgroups that are all counted, however much they do."""

MOST_SAMPLES = 2000
"""Threadgroups that are counted at most where not all are."""

_ERROR: Key = ("error",)
_BY_ADDRESS = ("lines", "words", "turns", "error")
"""What differs between threadgroups that do the same elsewhere; it is averaged over a box's samples."""


@dataclass(slots=True)
class Counts:
    """What all threads of a launch do: sums for each key; `error`: how far off they may be, as a part of them."""

    sums: dict[Key, float]
    memory: dict[tuple[int, Effect], Memory]
    notes: list[str]
    error: float

    def of(self, *key: Any) -> float:
        """Return the sum of a key."""
        return self.sums.get(key, 0.0)

    def by(self, word: str) -> dict[Any, float]:
        """Return the sums of all keys of two parts that begin with a word, by the second part."""
        return {key[1]: value for key, value in self.sums.items() if key[0] == word and len(key) == 2}


def count(traced: Traced, grid: Size, threads: Size, scalars: dict[str, Any]) -> Counts:
    """Return what a launch does; `scalars` gives every parameter that is passed by value."""
    counted = _Launch(traced, plan(traced), grid, threads, scalars)
    with np.errstate(all="ignore"):
        return counted.counts()


@dataclass(slots=True)
class _Launch:
    traced: Traced
    plan: Plan
    grid: Size
    threads: Size
    scalars: dict[str, Any]
    seen: Seen = field(default_factory=lambda: Seen(sampled=True))
    known: dict[int, int] = field(default_factory=dict[int, int])
    ledgers: list[Ledger] = field(default_factory=list[Ledger])
    batches: int = 0

    def counts(self) -> Counts:
        """Count the launch."""
        sizes = group_counts(self.grid, self.threads)
        total = math.prod(sizes)
        boxes = _boxes(sizes)
        chance = np.random.default_rng(total)
        probes = np.unique(chance.integers(0, total, PROBES))
        self.measure(sorted({*probes.tolist(), *(_number(place, sizes) for box in boxes for place in _samples(box))}))
        steps, lanes = self.seen.steps / self.batches, -(-math.prod(self.threads) // LANES) * LANES
        if steps * lanes * total <= AFFORDED or total <= MANY:
            self.seen = Seen()
            self.known.clear()
            self.ledgers.clear()
            self.measure(list(range(total)))
            return self._noted(self._sum(dict.fromkeys(range(total), 1.0), 0.0), "")
        weights, error = self.refined(boxes, sizes, round(steps * lanes))
        return self._noted(
            self._sum(weights, error),
            f"{len(self.known)} of {total} threadgroups were counted, and stand for the others",
        )

    def _noted(self, found: Counts, sampled: str) -> Counts:
        """Add what was counted by samples, and how far off that may be."""
        texts = [sampled] if sampled else []
        for limit, most in self.seen.rounds.items():
            texts.append(f"{limit} of up to {most} rounds of a loop were counted; each stands for those after it")
        if texts and found.error:
            texts.append(f"samples differ: the counts may be off by up to {found.error:.2%}")
        elif texts:
            texts.append("each sample was like its neighbours")
        found.notes[:0] = texts
        return found

    def measure(self, numbers: list[int]) -> None:
        """Count some threadgroups."""
        lanes = -(-math.prod(self.threads) // LANES) * LANES
        each = max(CHUNK // lanes, 1)
        for start in range(0, len(numbers), each):
            picked = np.array(numbers[start : start + each])
            counter = Counter(
                self.traced, self.plan, Batch(self.grid, self.threads, 0, 0, picked), self.scalars, self.seen
            )
            counter.run()
            base = len(self.known)
            self.known.update({number: base + place for place, number in enumerate(picked.tolist())})
            self.ledgers.append(counter.ledger)
            self.batches += 1

    def table(self) -> dict[Key, Array]:
        """Return what was counted so far: for each key a number per counted threadgroup."""
        keys = dict.fromkeys(key for ledger in self.ledgers for key in ledger.table)
        return {key: np.concatenate([ledger.of(key) for ledger in self.ledgers]) for key in keys}

    def refined(self, boxes: list[Box], sizes: Size, cost: int) -> tuple[dict[int, float], float]:
        """Return how many threadgroups each counted one stands for, and the activity that may be missing or too much."""
        budget = min(max(SAMPLED // max(cost, 1), 4 * PROBES), MOST_SAMPLES)
        weights: dict[int, float] = {}
        error, pending = 0.0, list(boxes)
        while pending:
            table = self.table()
            counted = np.stack([row for key, row in table.items() if key[0] not in _BY_ADDRESS])
            numbers = np.array(list(self.known))
            places = np.stack(_unflatten(numbers, sizes))
            halves: list[Box] = []
            for box in pending:
                inside = np.flatnonzero(
                    np.all([(low <= x) & (x < high) for x, (low, high) in zip(places, box, strict=True)], axis=0)
                )
                columns, volume = counted[:, inside], math.prod(high - low for low, high in box)
                differs = (columns != columns[:, :1]).any()
                if differs and len(inside) < volume and len(self.known) < budget:
                    halves += _halves(box, self._axis(box, sizes, counted))
                    continue
                weights |= dict.fromkeys(numbers[inside].tolist(), volume / len(inside))
                if differs and len(inside) < volume:
                    activity = table[ACTIVITY][inside]
                    error += float(activity.max() - activity.min()) / 2 * (volume - len(inside))
            wanted = {_number(place, sizes) for box in halves for place in _samples(box)}
            self.measure(sorted(wanted - self.known.keys()))
            pending = halves
        return weights, error

    def _axis(self, box: Box, sizes: Size, counted: Array) -> int:
        """Return along which axis a box's corners differ most; of equals the longest."""

        def change(axis: int) -> float:
            low, high = box[axis]
            if high - low < 2:
                return -1.0
            total = 0.0
            for place in itertools.product(*({first, last - 1} for first, last in _with(box, axis, (low, low + 1)))):
                other = [high - 1 if k == axis else x for k, x in enumerate(place)]
                pair = [counted[:, self.known[_number(each, sizes)]] for each in (place, other)]
                total += float(np.abs(pair[0] - pair[1]).sum())
            return total

        return max(range(3), key=lambda axis: (change(axis), box[axis][1] - box[axis][0]))

    def _sum(self, weights: dict[int, float], error: float) -> Counts:
        each = np.zeros(len(self.known))
        for number, weight in weights.items():
            each[self.known[number]] = weight
        sums = {key: float(column @ each) for key, column in self.table().items()}
        missing = sums.pop(_ERROR, 0.0) + error
        total = sums.get(ACTIVITY, 0.0)
        return Counts(sums, self.seen.memory, list(self.seen.notes), missing / total if total else 0.0)


def _boxes(sizes: Size) -> list[Box]:
    """Return the grid in boxes, the last threadgroups of each axis apart."""
    cuts = [[(0, size)] if size == 1 else [(0, size - 1), (size - 1, size)] for size in sizes]
    return [(x, y, z) for x, y, z in itertools.product(*cuts)]


def _samples(box: Box) -> list[tuple[int, ...]]:
    """Return the corners of a box, and two neighbours in its middle."""
    corners = itertools.product(*({low, high - 1} for low, high in box))
    middle = [(low + high) // 2 for low, high in box]
    beside = [max(place - 1, low) for place, (low, _) in zip(middle, box, strict=True)]
    return [*corners, tuple(middle), tuple(beside)]


def _halves(box: Box, axis: int) -> list[Box]:
    """Return a box in two, cut across an axis."""
    low, high = box[axis]
    middle = (low + high) // 2
    return [_with(box, axis, (low, middle)), _with(box, axis, (middle, high))]


def _with(box: Box, axis: int, part: tuple[int, int]) -> Box:
    x, y, z = (part if k == axis else box[k] for k in range(3))
    return x, y, z


def _number(place: Sequence[int], sizes: Size) -> int:
    x, y, z = place
    return x + sizes[0] * (y + sizes[1] * z)


def _unflatten(number: Array, sizes: Size) -> list[Array]:
    return [number % sizes[0], number // sizes[0] % sizes[1], number // (sizes[0] * sizes[1])]
