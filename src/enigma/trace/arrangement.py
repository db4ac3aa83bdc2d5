"""How the elements of a fragment lie in values: which are components of one vector, and which of them a part or a broadcast has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from enigma.layout.coordinates import has_none, kept, offset
from enigma.layout.int_tuple import IntTuple, is_tuple, leaves, product
from enigma.layout.layout import Layout
from enigma.layout.slicing import slice_and_offset

Places = tuple[tuple[int, int], ...]
"""For each element, the first mode running fastest: the chunk that holds it, and the component there."""


@dataclass(frozen=True, slots=True, repr=False)
class Chunk:
    """The step to one of a fragment's chunks: unequal for fragments that are arranged otherwise, so that none is mixed up."""

    number: int
    shape: IntTuple
    places: Places

    def __repr__(self) -> str:
        return str(self.number)


def single(count: int) -> Places:
    """Return the places of elements each of which is a value of its own."""
    return tuple((k, 0) for k in range(count))


def shared(places: Places) -> set[int]:
    """Return the chunks that hold several elements; others may be vectors that are one element each."""
    return {chunk for chunk, lane in places if lane}


def widths(places: Places) -> list[int]:
    """Return how many components each chunk has that elements lie in."""
    found: dict[int, int] = {}
    for chunk, lane in places:
        found[chunk] = max(found.get(chunk, 0), lane + 1)
    return [found[chunk] for chunk in sorted(found)]


def is_exact(places: Places) -> bool:
    """Return whether every component of every chunk is one element, and none is two."""
    return len(set(places)) == len(places) == sum(widths(places))


def spread(places: Places) -> Places:
    """Return places in which no two elements are one: repeated vectors are vectors of their own, where all of one is repeated.

    >>> spread(((0, 0), (0, 0), (0, 1), (0, 1)))
    ((0, 0), (1, 0), (0, 1), (1, 1))
    """
    before: dict[tuple[int, int], int] = {}
    chunks: dict[tuple[int, int], int] = {}
    found: list[tuple[int, int]] = []
    for place in places:
        again = before[place] = before.get(place, -1) + 1
        found.append((chunks.setdefault((place[0], again), len(chunks)), place[1]))
    return tuple(found)


def numbers_of(coordinate: Any, shape: IntTuple) -> tuple[list[int], Any]:
    """Return the elements that a coordinate with None in it means, and the shape that they have.

    >>> numbers_of((1, None), (2, 3)), numbers_of((None, 2), (2, 3))
    (([1, 3, 5], (3,)), ([4, 5], (2,)))
    """
    layout, first = slice_and_offset(coordinate, Layout(shape))
    return [first + layout(k) for k in range(layout.size())], layout.shape


def opposite(profile: Any) -> Any:
    """Return a coordinate with 0 for None, and None for integers: what one leaves open the other fixes."""
    return tuple(map(opposite, profile)) if is_tuple(profile) else 0 if profile is None else None


def reduction(profile: Any, shape: IntTuple) -> tuple[list[list[int]], Any]:
    """Return the elements for each coordinate of the modes that a profile reduces, and the shape of the modes it keeps.

    >>> reduction((None, 0), (2, 3))
    ([[0, 1], [2, 3], [4, 5]], (2,))
    """
    if not has_none(profile):
        return [[k] for k in range(product(shape))], ()
    of_kept, _ = numbers_of(_zeros(profile), shape)
    of_reduced, _ = numbers_of(opposite(profile), shape) if not _is_open(profile) else ([0], ())
    return [[k + r for k in of_kept] for r in of_reduced], kept(profile, shape)


def _zeros(profile: Any) -> Any:
    return tuple(map(_zeros, profile)) if is_tuple(profile) else None if profile is None else 0


def _is_open(profile: Any) -> bool:
    return all(map(_is_open, profile)) if is_tuple(profile) else profile is None


def broadcast(one: Any, other: Any) -> Any:
    """Return the shape that two shapes have together: a mode of one element is repeated along the other's. None if they differ.

    Parentheses do not matter where the numbers are the same.

    >>> broadcast((4, 1), (1, 8)), broadcast(((2, 2), 1), ((2, 2), 3)), broadcast((4, 2), (2, 4))
    ((4, 8), ((2, 2), 3), None)
    """
    if leaves(one) == leaves(other):
        return one
    if is_tuple(one) and is_tuple(other) and len(one) == len(other):
        modes = tuple(broadcast(x, y) for x, y in zip(one, other, strict=True))
        return None if None in modes else modes
    if product(one) == 1 or product(other) == 1:
        return other if product(one) == 1 else one
    return None


def repeated(shape: IntTuple, to: IntTuple) -> list[int]:
    """Return, for each element of the shape `to`, which element of `shape` it is: the same one along a mode of one element."""
    layout = Layout(shape)
    strides = _strides(layout.shape, layout.stride, to)
    return [offset(k, Layout(to).shape, strides) for k in range(product(to))]


def _strides(shape: Any, stride: Any, to: Any) -> Any:
    if product(shape) == 1:
        return _nothing(to)
    if is_tuple(shape) and is_tuple(to):
        return tuple(_strides(s, d, t) for s, d, t in zip(shape, stride, to, strict=True))
    return stride


def _nothing(shape: Any) -> Any:
    return tuple(map(_nothing, shape)) if is_tuple(shape) else 0


def part_of(places: Places, numbers: Sequence[int]) -> tuple[list[tuple[int, int | None]], Places]:
    """Return the values that hold some of the elements, each a (chunk, None) that is whole or a (chunk, component), and where."""
    wanted, width = [places[k] for k in numbers], widths(places)
    there = set(wanted)
    found: dict[tuple[int, int | None], int] = {}
    result: list[tuple[int, int]] = []
    for chunk, lane in wanted:
        whole = all((chunk, k) in there for k in range(width[chunk]))
        key = (chunk, None) if whole else (chunk, lane)
        result.append((found.setdefault(key, len(found)), lane if whole else 0))
    return list(found), tuple(result)
