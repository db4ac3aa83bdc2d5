"""Rearranging modes, of tuples and of layouts alike."""

from __future__ import annotations

from typing import overload

from enigma.layout import int_tuple as tuples
from enigma.layout.int_tuple import IntTuple, Path
from enigma.layout.layout import Layout


@overload
def flatten(x: Layout) -> Layout:
    """Return a layout for a layout."""


@overload
def flatten(x: IntTuple) -> IntTuple:
    """Return a tuple for a tuple."""


def flatten(x: Layout | IntTuple) -> Layout | IntTuple:
    """Return a tuple or layout without nesting; an integer, or a layout of one, stays as it is.

    >>> flatten((2, (3, (4,)))), flatten(Layout((2, (3, 4))))
    ((2, 3, 4), (2,3,4):(1,2,6))
    """
    if isinstance(x, Layout):
        return Layout.unchecked(tuples.flatten(x.shape), tuples.flatten(x.stride))
    return tuples.flatten(x)


@overload
def select(x: Layout, mode: Path) -> Layout:
    """Return a layout for a layout."""


@overload
def select(x: tuple[IntTuple, ...], mode: Path) -> IntTuple:
    """Return a tuple for a tuple."""


def select(x: Layout | tuple[IntTuple, ...], mode: Path) -> Layout | IntTuple:
    """Return the modes of a tuple or layout that `mode` numbers, in that order; for one number a single mode in a tuple.

    Raises `EnigmaIndexError` for a mode that is not there.

    >>> select((10, 20, 30), [2, 0]), select(Layout((10, 20, 30)), [2, 0])
    ((30, 10), (30,10):(200,1))
    """
    if isinstance(x, Layout):
        return Layout.of_modes([x[number] for number in tuples.steps(mode)])
    return tuple(tuples.get(x, number) for number in tuples.steps(mode))
