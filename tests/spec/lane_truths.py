"""What each function across lanes means, in plain Python: a loop over the active lanes of one group.

`truth(name, lane, given, active, dtype)` is what lane `lane` of 32 gets; `given[k]` are lane k's operands, `active` the
numbers of the lanes that take part. What Metal leaves undefined has the value that the rows promise.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from enigma.dtypes import Numeric
from tests.spec import exact

WIDTHS = {"simd": 32, "quad": 4}
COMBINE: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "sum": (lambda x, y: x + y, 0), "product": (lambda x, y: x * y, 1), "min": (min, None), "max": (max, None),
    "and": (lambda x, y: x & y, None), "or": (lambda x, y: x | y, None), "xor": (lambda x, y: x ^ y, None),
}  # fmt: skip


class Lanes:
    """The lanes of one group, counted from 0; `own` is the one that asks."""

    def __init__(
        self, own: int, given: Sequence[tuple[Any, ...]], active: Collection[int], attrs: Mapping[str, Any]
    ) -> None:
        self.own, self.given, self.attrs = own, given, attrs
        self.active = [k for k in range(len(given)) if k in active]

    def read(self, lane: int, operand: int = 0) -> Any:
        """Return an operand of a lane: 0 of one that is not active, the own one where there is no such lane."""
        if not 0 <= lane < len(self.given):
            lane = self.own
        value = self.given[lane][operand]
        return value if lane in self.active else type(value)(0)

    def by(self) -> int:
        """Return the last operand: a lane, a mask, how far to move."""
        return self.given[self.own][-1]

    def joined(self, operand: int) -> list[Any]:
        """Return an operand of each lane of the own vector of `modulo` lanes."""
        size = self.attrs["modulo"]
        start = self.own // size * size
        return [self.read(k, operand) for k in range(start, start + size)]


def _fill_up(lanes: Lanes) -> Any:
    """The vectors stand side by side, `fill` first, and the window moves down."""
    size, by = lanes.attrs["modulo"], min(lanes.by(), lanes.attrs["modulo"])
    return [*lanes.joined(1), *lanes.joined(0)][size - by :][lanes.own % size]


def _fill_down(lanes: Lanes) -> Any:
    size, by = lanes.attrs["modulo"], min(lanes.by(), lanes.attrs["modulo"])
    return [*lanes.joined(0), *lanes.joined(1)][by:][lanes.own % size]


def _turned(lanes: Lanes, by: int) -> Any:
    values = [lanes.read(k) for k in range(len(lanes.given))]
    by %= len(values)
    return [*values[by:], *values[:by]][lanes.own]


FUNCTIONS: dict[str, Callable[[Lanes], Any]] = {
    "shuffle": lambda lanes: lanes.read(lanes.by()),
    "shuffle_up": lambda lanes: lanes.read(lanes.own - lanes.by()),
    "shuffle_down": lambda lanes: lanes.read(lanes.own + lanes.by()),
    "shuffle_xor": lambda lanes: lanes.read(lanes.own ^ lanes.by()),
    "broadcast": lambda lanes: lanes.read(lanes.by()),
    "broadcast_first": lambda lanes: lanes.given[lanes.active[0]][0],
    "shuffle_rotate_up": lambda lanes: _turned(lanes, -lanes.by()),
    "shuffle_rotate_down": lambda lanes: _turned(lanes, lanes.by()),
    "shuffle_and_fill_up": _fill_up,
    "shuffle_and_fill_down": _fill_down,
    "ballot": lambda lanes: sum(2**k for k in lanes.active if lanes.given[k][0]),
    "active_threads_mask": lambda lanes: sum(2**k for k in lanes.active),
    "all": lambda lanes: all(lanes.given[k][0] for k in lanes.active),
    "any": lambda lanes: any(lanes.given[k][0] for k in lanes.active),
    "is_first": lambda lanes: lanes.own == lanes.active[0],
}
"""The functions that are no reductions and no scans."""


def is_known(name: str) -> bool:
    """Return whether there is a truth of a row."""
    prefix, _, function = name.partition("_")
    return prefix in WIDTHS and (function in FUNCTIONS or function.rpartition("_")[2] in COMBINE)


def truth(
    name: str, lane: int, given: Sequence[tuple[Any, ...]], active: Collection[int], dtype: Numeric, **attrs: Any
) -> Any:
    """Return what an active lane gets, as the dtype holds it."""
    prefix, _, function = name.partition("_")
    width = WIDTHS[prefix]
    start = lane // width * width
    lanes = Lanes(lane - start, given[start : start + width], [k - start for k in active], attrs)
    if function in FUNCTIONS:
        return FUNCTIONS[function](lanes)
    last = lanes.own + 1 if "inclusive" in function else lanes.own if "exclusive" in function else width
    combine, first = COMBINE[function.rpartition("_")[2]]
    taken = [lanes.given[k][0] for k in lanes.active if k < last]
    numbers = [x for x in taken if not (isinstance(x, float) and math.isnan(x))] or taken[:1]
    total = functools.reduce(combine, numbers if first is None else [first, *numbers])
    if dtype.is_float:
        return exact.through_f32(total, dtype)
    return exact.wrap(total, dtype) if dtype.is_integer else total


def numbers(dtype: Numeric, count: int, seed: int) -> list[Any]:
    """Return numbers whose sums and products over 32 lanes are exact in f32; integers of all magnitudes."""
    samples = exact.samples(dtype, count, seed)
    if not dtype.is_float:
        return samples
    chosen = (0.5, 1.0, 1.0, -1.0, 2.0)
    return [chosen[exact.bits(x, dtype) % 5] for x in samples]
