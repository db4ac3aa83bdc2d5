"""Makes a failing launch smaller, sizes first, then values, as long as it fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any, cast

import numpy as np

from enigma.errors import EnigmaValueError

Array = np.ndarray[Any, Any]
Fails = Callable[["Case"], str]
"""Says in a few words how a case fails, the same words for the same failure; "" where it does not."""

ATTEMPTS = 400
"""Runs at most."""

_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Case:
    """A launch: arguments by name, grid and threads."""

    arguments: Mapping[str, Any]
    grid: tuple[int, ...]
    threads: tuple[int, ...]

    @property
    def size(self) -> int:
        """The bytes of the arrays and the threads of the grid together: what is made smaller."""
        return sum(array.nbytes for array in self.arrays().values()) + prod(self.grid) + prod(self.threads)

    def arrays(self) -> dict[str, Array]:
        """Return the arguments that are arrays."""
        return {name: cast(Array, value) for name, value in self.arguments.items() if isinstance(value, np.ndarray)}

    def copies(self) -> list[Any]:
        """Return the arguments in order, arrays copied."""
        arrays = self.arrays()
        return [arrays[name].copy() if name in arrays else value for name, value in self.arguments.items()]


@dataclass(frozen=True, slots=True)
class Reduced:
    """The smallest case that was found to fail in the same way, `failure`, after `runs` runs."""

    case: Case
    failure: str
    runs: int
    before: Case


def reduce(case: Case, fails: Fails, attempts: int = ATTEMPTS) -> Reduced:
    """Return the smallest case that still fails as this one does.

    Equal sizes are taken for one size: the number `n`, the arrays of n elements and the grid of n threads shrink together, and
    an array of n * m elements with either. Of an array the first elements stay, or the last ones. Then the arrays become ones,
    counts or zeros where that still fails, and as many of their elements as can be become zero.

    Raises `EnigmaValueError` for a case that does not fail.
    """
    failure = fails(case)
    if not failure:
        raise EnigmaValueError(
            "this launch does not fail, so there is nothing to reduce", help="check its inputs and the oracle"
        )
    search = _Search(fails, failure, attempts)
    found = _smaller_sizes(case, search)
    found = _smaller_threads(found, search)
    found = _simpler_values(found, search)
    return Reduced(found, failure, search.runs, case)


class _Search:
    """Tries cases, within a number of attempts."""

    def __init__(self, fails: Fails, failure: str, attempts: int) -> None:
        self.fails, self.failure, self.left, self.runs = fails, failure, attempts, 1

    def same(self, case: Case) -> bool:
        """Return whether a case fails as the first one did."""
        if self.left <= 0:
            return False
        self.left -= 1
        self.runs += 1
        return self.fails(case) == self.failure


# ---- sizes


def _sizes(case: Case) -> list[int]:
    """Return the sizes of a case: numbers first, then axes of arrays and of the grid that no others make up."""
    found: dict[int, None] = {}
    for value in case.arguments.values():
        if isinstance(value, int) and not isinstance(value, bool) and value > 1:
            found[value] = None
    for array in case.arrays().values():
        for extent in array.shape:
            if extent > 1 and not _factors(extent, list(found)):
                found[extent] = None
    for extent in case.grid:
        if extent > 1 and not _factors(extent, list(found)):
            found[extent] = None
    return list(found)


def _factors(extent: int, sizes: list[int]) -> tuple[int, ...]:
    """Return the size, or the two sizes, whose product an extent is; nothing where it is another."""
    if extent in sizes:
        return (extent,)
    for first in sizes:
        if extent % first == 0 and extent // first in sizes:
            return (first, extent // first)
    return ()


def _resized(case: Case, old: int, new: int, *, last: bool = False) -> Case:
    """Return a case in which one size is another wherever it stands: of arrays its first elements, or its `last`."""
    sizes = _sizes(case)

    def changed(extent: int) -> list[tuple[int, int]]:
        factors = _factors(extent, sizes) or (extent,)
        return [(factor, new if factor == old else factor) for factor in factors]

    arguments: dict[str, Any] = {}
    arrays = case.arrays()
    for name, value in case.arguments.items():
        if name in arrays:
            arguments[name] = _cut(arrays[name], [changed(extent) for extent in arrays[name].shape], last=last)
        else:
            arguments[name] = new if isinstance(value, int) and not isinstance(value, bool) and value == old else value
    grid = tuple(max(1, prod(now for _, now in changed(extent))) for extent in case.grid)
    return replace(case, arguments=arguments, grid=grid)


def _cut(array: Array, axes: list[list[tuple[int, int]]], *, last: bool) -> Array:
    """Return an array with each axis, taken apart into its factors, cut to their new sizes."""
    apart = array.reshape([old for axis in axes for old, _ in axis])
    kept = apart[tuple(slice(old - now, old) if last else slice(0, now) for axis in axes for old, now in axis)]
    return np.ascontiguousarray(kept).reshape([prod(now for _, now in axis) for axis in axes])


def _smaller_sizes(case: Case, search: _Search) -> Case:
    for _ in range(_ROUNDS):
        before = case.size
        for size in _sizes(case):
            if size in _sizes(case):  # an earlier one may have become equal to it
                case = _shrunk(case, size, search)
        if case.size == before:
            break
    return case


def _shrunk(case: Case, size: int, search: _Search) -> Case:
    """Return the case with one size as small as may be: one of a few small ones, or what halving the distance finds."""
    for small in sorted({*_SMALL, *case.threads}):
        if small >= size:
            break
        for last in (False, True):
            tried = _resized(case, size, small, last=last)
            if search.same(tried):
                return tried
    least = _halved(case, size, search, last=False)
    # what is wrong may hang on one element far behind: as the last one of what is left it is soon alone
    left = next((now for now in _sizes(least) if now not in _sizes(case)), None)
    return least if left is None else _halved(least, left, search, last=True)


_SMALL = (1, 2, 4, 8, 16, 32, 33, 64, 128, 256, 512)


def _halved(case: Case, size: int, search: _Search, *, last: bool) -> Case:
    least, low, high = case, 0, size
    while high - low > 1:
        middle = (low + high) // 2
        tried = _resized(case, size, middle, last=last)
        if search.same(tried):
            least, high = tried, middle
        else:
            low = middle
    return least


def _smaller_threads(case: Case, search: _Search) -> Case:
    sizes: tuple[int, ...] = case.threads
    for axis, count in enumerate(sizes):
        for number in (1, 2, 4, 8, 16, 32, 64, 128, 256):
            if number >= count:
                break
            tried = _with_threads(case, axis, number)
            if search.same(tried):
                case = tried
                break
    return case


def _with_threads(case: Case, axis: int, number: int) -> Case:
    return replace(case, threads=tuple(number if k == axis else n for k, n in enumerate(case.threads)))


# ---- values


def _with_array(case: Case, name: str, array: Array) -> Case:
    return replace(case, arguments={**case.arguments, name: array})


def _simpler_values(case: Case, search: _Search) -> Case:
    arrays: dict[str, Array] = case.arrays()
    for name, value in arrays.items():
        if not value.any():
            continue
        counted = cast(Array, cast(Any, np.arange(value.size)).reshape(value.shape).astype(value.dtype))
        for simple in (np.zeros_like(value), np.ones_like(value), counted):
            tried = _with_array(case, name, simple)
            if search.same(tried):
                case = tried
                break
        else:
            case = _fewer(case, name, search)
    return case


def _fewer(case: Case, name: str, search: _Search) -> Case:
    """Return a case with as many elements of an array set to zero as the failure allows, halves first."""
    spans = [(0, case.arguments[name].size)]
    while spans:
        low, high = spans.pop(0)
        flat = case.arguments[name].reshape(-1)
        if high <= low or not flat[low:high].any():
            continue
        changed = flat.copy()
        changed[low:high] = 0
        tried = _with_array(case, name, changed.reshape(case.arguments[name].shape))
        if search.same(tried):
            case = tried
        elif high - low > 1:
            middle = (low + high) // 2
            spans += [(low, middle), (middle, high)]
    return case
