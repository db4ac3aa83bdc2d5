"""Atomic operations: lanes that share an element take their turn in the order of their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

FEW = 16
"""With fewer elements left than this, one lane at a time is faster than one turn of all elements at a time."""


def take_turns(data: Array, where: Array, operands: Sequence[Array], combine: Callable[..., Any]) -> Array:
    """Set `data[w] = combine(data[w], *operands)` for each w of `where` in turn; returns what was there before each.

    All of a lane's operands have the length of `where`.
    """
    order = np.argsort(where, kind="stable")
    sorted_where = where[order]
    first = np.flatnonzero(np.r_[True, sorted_where[1:] != sorted_where[:-1]])
    lengths = np.diff(np.r_[first, len(order)])
    turns = np.arange(len(order)) - np.repeat(first, lengths)
    before = np.empty(len(order), data.dtype)
    done = 0
    while (lengths > done).sum() >= FEW:
        now = order[first[lengths > done] + done]
        places = where[now]
        before[now] = data[places]
        data[places] = combine(before[now], *(operand[now] for operand in operands))
        done += 1
    _one_by_one(data, where, operands, combine, order[turns >= done], before)
    return before


def _one_by_one(
    data: Array, where: Array, operands: Sequence[Array], combine: Callable[..., Any], lanes: Array, before: Array
) -> None:
    for lane in lanes:
        place = where[lane]
        before[lane] = data[place]
        data[place] = combine(data[place], *(operand[lane] for operand in operands))
