"""What a launch asks of one buffer: which bytes, in how many lines of memory, or in how many turns of the banks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enigma.dtypes import Space

Array = NDArray[Any]

LINE = 128
"""Bytes of a line of the cache."""

WORD, BANKS = 4, 32
"""Threadgroup memory: bytes of a word, and how many of them are had at once if each lies in a bank of its own."""

_FAR = np.iinfo(np.int64).max
_KEPT = 1 << 26  # elements of a buffer


@dataclass(slots=True)
class Memory:
    """The places of one buffer that are read, or written: every one while they are `known`, else from `low` to `high`.

    `is_sure` says that no data decides whether or where they are.
    """

    name: str
    space: Space
    element: int
    known: bool = True
    is_sure: bool = True
    low: int = _FAR
    high: int = 0
    places: Array = field(default_factory=lambda: np.zeros(1024, bool))

    def touch(self, starts: Array, width: int) -> None:
        """Note that bytes from each of these on are touched."""
        if not starts.size:
            return
        self.low, self.high = min(self.low, int(starts.min())), max(self.high, int(starts.max()) + width)
        self.known &= self.low >= 0 and self.high <= _KEPT * self.element
        if self.known:
            first = starts // self.element
            last = self.high // self.element + 1
            if last > len(self.places):
                self.places = np.concatenate([self.places, np.zeros(max(last, len(self.places)), bool)])
            for more in range(-(-width // self.element)):
                self.places[first + more] = True

    def footprint(self, issued: float) -> float:
        """Return the bytes that are touched, each once, of `issued` that are asked for; all of them where data decides."""
        if self.space is Space.THREADGROUP or (self.high == 0 and self.is_sure):
            return 0.0
        if not self.is_sure:
            return issued
        if self.known:
            return float(np.count_nonzero(self.places) * self.element)
        return min(issued, float(self.high - self.low))

    def fetched(self, lines: float) -> float:
        """Return the bytes of the lines that are touched, each once, of so many bytes of `lines` that are asked for."""
        if self.space is Space.THREADGROUP or (self.high == 0 and self.is_sure):
            return 0.0
        if not self.is_sure:
            return lines
        if self.known:
            return float(np.unique(np.flatnonzero(self.places) * self.element // LINE).size * LINE)
        return min(lines, float((-(-self.high // LINE) - self.low // LINE) * LINE))


def lines_of(starts: Array, width: int, active: Array) -> Array:
    """Return how many lines each row of lanes touches at once."""
    ends = np.concatenate([starts // LINE, (starts + width - 1) // LINE], axis=1)
    return _distinct(ends, np.concatenate([active, active], axis=1))


def turns_of(starts: Array, width: int, active: Array) -> tuple[Array, Array]:
    """Return how many words of threadgroup memory each row of lanes touches, and in how many turns of the banks."""
    first, last = starts // WORD, (starts + width - 1) // WORD
    words = np.concatenate([np.minimum(first + k, last) for k in range(-(-width // WORD) + 1)], axis=1)
    count = words.shape[1] // active.shape[1]
    ordered = np.sort(np.where(np.concatenate([active] * count, axis=1), words, _FAR), axis=1)
    fresh = np.ones(ordered.shape, bool)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    fresh &= ordered != _FAR
    rows, columns = np.nonzero(fresh)
    banks = np.bincount(rows * BANKS + ordered[rows, columns] % BANKS, minlength=len(words) * BANKS)
    return fresh.sum(axis=1), banks.reshape(len(words), BANKS).max(axis=1)


def alike(starts: Array, active: Array, groups: int) -> tuple[Array, Array, int]:
    """Return the rows of the first threadgroup and how often they are repeated, where all threadgroups access the same."""
    if groups > 1 and len(starts) % groups == 0:
        size = len(starts) // groups
        each, lives = starts.reshape(groups, size, -1), active.reshape(groups, size, -1)
        if (each == each[0]).all() and (lives == lives[0]).all():
            return starts[:size], active[:size], groups
    return starts, active, 1


def _distinct(values: Array, active: Array) -> Array:
    ordered = np.sort(np.where(active, values, _FAR), axis=1)
    fresh = (ordered[:, 1:] != ordered[:, :-1]) & (ordered[:, 1:] != _FAR)
    return fresh.sum(axis=1) + (ordered[:, 0] != _FAR)
