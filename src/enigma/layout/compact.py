"""Strides of layouts without gaps: column-major, and in an order that the caller gives.

A mode of one element gets stride 0, as in CuTe: no coordinate but 0 reaches it.
"""

from __future__ import annotations

from enigma.errors import EnigmaValueError
from enigma.layout.int_tuple import IntTuple, is_weakly_congruent, product
from enigma.layout.leaf import is_number, scaled


def compact_col_major(shape: IntTuple, current: int = 1) -> IntTuple:
    """Return column-major strides that start at `current`: each mode's stride is the product of the modes before it.

    >>> compact_col_major((4, (2, 8))), compact_col_major((1, 4))
    ((1, (4, 8)), (0, 1))
    """
    if not isinstance(shape, tuple):
        return 0 if is_number(shape, 1) else current
    found: list[IntTuple] = []
    for mode in shape:
        found.append(compact_col_major(mode, current))
        current = scaled(current, product(mode))
    return tuple(found)


def compact_order(shape: IntTuple, order: IntTuple) -> IntTuple:
    """Return strides without gaps: `order[i]` is the priority of mode i, and the lowest runs fastest.

    Where `order` has an integer for a tuple, that tuple is column-major inside. Modes of equal priority get the same
    stride, as in CuTe. Raises `EnigmaValueError` if `order` is not nested like `shape`.

    >>> compact_order((4, 64), (1, 0)), compact_order(((2, 3), 4), ((2, 0), 1))
    ((64, 1), ((12, 1), 3))
    """
    if not is_weakly_congruent(order, shape):
        raise EnigmaValueError(
            f"order {order} does not fit the shape {shape}",
            help="give one priority for each mode of the shape, 0 for the fastest",
        )
    return _ordered(shape, order, _priorities(shape, order))


def _priorities(shape: IntTuple, order: IntTuple) -> list[tuple[int, int]]:
    """Return (priority, size) of every part of `shape` that has a priority of its own."""
    if isinstance(order, tuple) and isinstance(shape, tuple):
        return [pair for s, o in zip(shape, order, strict=True) for pair in _priorities(s, o)]
    return [] if isinstance(order, tuple) else [(order, product(shape))]


def _ordered(shape: IntTuple, order: IntTuple, priorities: list[tuple[int, int]]) -> IntTuple:
    if isinstance(order, tuple) and isinstance(shape, tuple):
        return tuple(_ordered(s, o, priorities) for s, o in zip(shape, order, strict=True))
    return compact_col_major(
        shape,
        product(tuple(size for priority, size in priorities if not isinstance(order, tuple) and priority < order)),
    )
