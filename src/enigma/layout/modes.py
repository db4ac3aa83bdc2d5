"""Rearranging modes, of tuples and of layouts alike."""

from __future__ import annotations

from typing import Any, overload

from enigma.errors import EnigmaTypeError, EnigmaValueError
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


def group_modes(x: Any, begin: int, end: int | None = None) -> Any:
    """Return a layout or tuple with the modes from `begin` to `end - 1` made one nested mode; the default end is the last mode.

    Numbers below 0 count from the end. Raises `EnigmaValueError` for a range that is empty or not there.

    >>> group_modes(Layout((2, 3, 4)), 0, 2), group_modes((2, 3, 4), 1)
    (((2,3),4):((1,2),6), (2, (3, 4)))
    """
    modes = _modes(x, "group_modes")
    count = len(modes)
    first = begin + count if begin < 0 else begin
    last = count if end is None else end + count if end < 0 else end
    if not 0 <= first < last <= count:
        raise EnigmaValueError(
            f"group_modes of the modes {begin} to {count if end is None else end} of {x}",
            help=f"it has {count} modes, counted from 0; the second number is behind the last mode to group",
        )
    return _made(x, [*modes[:first], _made(x, modes[first:last]), *modes[last:]])


def append(x: Any, item: Any = None, up_to_rank: int | None = None) -> Any:
    """Return a layout or tuple with a mode put behind the others, or as many of it as make `up_to_rank` modes.

    The default is a mode of one element. Raises `EnigmaValueError` for a tuple that has more than `up_to_rank` modes.

    >>> append(Layout((2, 3)), Layout(4, 6)), append((2, 3), 1, 4)
    ((2,3,4):(1,2,6), (2, 3, 1, 1))
    """
    modes = _modes(x, "append")
    more = _more(x, item, up_to_rank, len(modes), "append")
    return _made(x, modes + more) if more or not isinstance(x, Layout) else x


def prepend(x: Any, item: Any = None, up_to_rank: int | None = None) -> Any:
    """Return a layout or tuple with a mode put before the others, or as many of it as make `up_to_rank` modes; see `append`.

    >>> prepend(Layout((2, 3)), Layout(4, 6)), prepend((2, 3), 1, 4)
    ((4,2,3):(6,1,2), (1, 1, 2, 3))
    """
    modes = _modes(x, "prepend")
    more = _more(x, item, up_to_rank, len(modes), "prepend")
    return _made(x, more + modes) if more or not isinstance(x, Layout) else x


def _modes(x: Any, what: str) -> list[Any]:
    if isinstance(x, Layout):
        return list(x.modes())
    return list(tuples.modes_of(tuples.int_tuple(x, what)))


def _made(x: Any, modes: list[Any]) -> Any:
    return Layout.of_modes(modes) if isinstance(x, Layout) else tuple(modes)


def _more(x: Any, item: Any, up_to_rank: int | None, rank: int, what: str) -> list[Any]:
    """Return the modes to add to one of `rank` modes."""
    one = Layout(1) if isinstance(x, Layout) else 1
    new = one if item is None else item
    if isinstance(x, Layout) != isinstance(new, Layout):
        raise EnigmaTypeError(
            f"{what}: {new!r} cannot be a mode of {x}", help="give a layout to a layout, and integers to a tuple"
        )
    if up_to_rank is not None and up_to_rank < rank and not isinstance(x, Layout):
        raise EnigmaValueError(
            f"{what}: {x} has more than {up_to_rank} modes", help="up_to_rank counts all modes of the result"
        )
    return [new] * (1 if up_to_rank is None else up_to_rank - rank)
