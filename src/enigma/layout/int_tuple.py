"""Integers and nested tuples of them: the shapes, strides and coordinates of layouts, and arithmetic on them.

The meanings are those of CuTe's IntTuple. An integer is its own only mode: it has rank 1 and depth 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import index
from typing import Any, Protocol, TypeAlias, TypeGuard, cast

from enigma.errors import EnigmaIndexError, EnigmaTypeError, EnigmaValueError
from enigma.layout.leaf import Leaf, ceil, is_static, text

IntTuple: TypeAlias = int | tuple["IntTuple", ...]
"""An integer or a tuple of such: `8`, `(4, 8)`, `((2, 2), 8)`."""

Path: TypeAlias = int | Sequence[int]
"""Which mode: its number, or the way down to a nested one: `[0, 1]` is mode 1 of mode 0."""


class Shaped(Protocol):
    """Anything that has a shape: a layout, a tensor, an array."""

    @property
    def shape(self) -> Any:
        """An integer or a nested tuple of integers."""
        ...


def is_int(x: object) -> TypeGuard[int]:
    """Return whether `x` is a Python integer; a bool is none."""
    return isinstance(x, int) and not isinstance(x, bool)


def is_tuple(x: object) -> TypeGuard[tuple[Any, ...]]:
    """Return whether `x` is a tuple."""
    return isinstance(x, tuple)


def int_tuple(x: Any, what: str = "value") -> IntTuple:
    """Return `x` as Python integers in tuples; NumPy's integers are converted, dynamic ones stay. `what` names it in the error.

    Raises `EnigmaTypeError` for anything else: a float, a bool, a list, None.
    """
    if type(x) is int:
        return x
    if is_tuple(x):
        return tuple([int_tuple(item, what) for item in x])
    if isinstance(x, Leaf):
        return cast(int, x.as_leaf())  # only what takes dynamic numbers, or basis elements, looks for them
    if not isinstance(x, bool):
        try:
            return index(x)
        except TypeError:
            pass
    raise EnigmaTypeError(
        f"{what}: expected an integer or a nested tuple of integers, but here is {x!r}",
        help="for example 8, (4, 8) or ((2, 2), 8)",
    )


def shape_of(x: IntTuple | Shaped) -> IntTuple:
    """Return the shape of a layout, tensor or array; integers and tuples are shapes already."""
    return int_tuple(x if is_int(x) or is_tuple(x) or isinstance(x, Leaf) else getattr(x, "shape", x), "shape")


def need_static(what: str, *values: Any) -> None:
    """Raise `EnigmaTypeError` if a shape or layout holds a number that is known only when the kernel runs."""
    for x in values:
        if not is_static(x):
            raise EnigmaTypeError(
                f"{what} of {x if hasattr(x, 'stride') else text(x)} needs numbers, and ? is known only when the kernel runs",
                help="write the extent as a number, or make it an enigma.constexpr parameter",
            )


def modes_of(x: IntTuple) -> tuple[IntTuple, ...]:
    """Return the modes of `x`: the items of a tuple, and an integer as the only one."""
    return x if isinstance(x, tuple) else (x,)


def rank(x: IntTuple | Shaped) -> int:
    """Return the number of modes, of a layout or of a tuple; 1 for an integer."""
    return len(modes_of(shape_of(x)))


def depth(x: IntTuple | Shaped) -> int:
    """Return how deep the tuples are nested, of a layout or of a tuple; 0 for an integer.

    >>> depth(((2, 3), 4))
    2
    """
    shape = shape_of(x)
    return 1 + max((depth(item) for item in shape), default=0) if isinstance(shape, tuple) else 0


def size(x: IntTuple | Shaped, mode: Path | None = None) -> int:
    """Return the number of elements of a layout, tensor or shape, or of one of its modes.

    `mode` is the number of a mode or the path to a nested one. Raises `EnigmaIndexError` for a mode that is not there.

    >>> size(((2, 3), 4)), size(((2, 3), 4), mode=[0]), size(((2, 3), 4), mode=[0, 1])
    (24, 6, 3)
    """
    shape = shape_of(x)
    return product(shape if mode is None else get(shape, mode))


def steps(mode: Path) -> tuple[int, ...]:
    """Return a mode's number, or the numbers of a path, as a tuple; raises `EnigmaTypeError` for anything else."""
    numbers = int_tuple(tuple(mode) if isinstance(mode, Sequence) else mode, "mode")
    return leaves(numbers)


def get(x: IntTuple, mode: Path) -> IntTuple:
    """Return one mode of a tuple, by its number or by the path to it.

    Raises `EnigmaIndexError` for a mode that is not there.
    """
    found = x
    for step in steps(mode):
        modes = modes_of(found)
        if not 0 <= step < len(modes):
            raise EnigmaIndexError(
                f"{x} has no mode {mode}", help=f"modes are counted from 0; {found} has {len(modes)}"
            )
        found = modes[step]
    return found


def flatten(x: IntTuple) -> IntTuple:
    """Return the integers of a nested tuple in one tuple; an integer stays one.

    >>> flatten((2, (3, (4,))))
    (2, 3, 4)
    """
    return leaves(x) if isinstance(x, tuple) else x


def leaves(x: IntTuple) -> tuple[int, ...]:
    """Return the integers of a nested tuple in one tuple; `(x,)` for an integer. Raises `EnigmaTypeError` for anything else."""
    if type(x) is int:
        return (x,)
    if isinstance(x, tuple):
        found: list[int] = []
        for item in x:
            if type(item) is int:
                found.append(item)
            else:
                found += leaves(item)
        return tuple(found)
    return (x,) if isinstance(x, Leaf) else leaves(int_tuple(x))


def product(x: IntTuple) -> int:
    """Return the product of all integers; 1 for an empty tuple.

    >>> product((2, (3, 4)))
    24
    """
    return math.prod(leaves(x))


def product_each(x: IntTuple) -> IntTuple:
    """Return the product of each mode: `(2, (3, 4))` gives `(2, 12)`; an integer stays one."""
    return tuple(product(item) for item in x) if isinstance(x, tuple) else x


def inner_product(a: IntTuple, b: IntTuple) -> int:
    """Return the sum of the products of integers that stand at one place.

    Raises `EnigmaValueError` if the two are not nested alike.
    """
    need_congruent("inner_product", a, b)
    return sum(x * y for x, y in zip(leaves(a), leaves(b), strict=True))


def prefix_product(x: IntTuple, init: IntTuple = 1) -> IntTuple:
    """Return, for each integer, the product of `init` and all integers before it.

    With a tuple as `init`, each mode starts from its own. Raises `EnigmaValueError` if the two do not fit.

    >>> prefix_product((2, (3, 4)))
    (1, (2, 6))
    """
    if isinstance(x, tuple) and isinstance(init, tuple):
        _need_equal_rank("prefix_product", x, init)
        return tuple(prefix_product(item, start) for item, start in zip(x, init, strict=True))
    if isinstance(init, tuple):
        raise EnigmaValueError(
            f"prefix_product of the integer {x} cannot start from {init}", help="start from an integer"
        )
    if not isinstance(x, tuple):
        return init
    found: list[IntTuple] = []
    for item in x:
        found.append(prefix_product(item, init))
        init *= product(item)
    return tuple(found)


def ceil_div(a: IntTuple, b: IntTuple) -> IntTuple:
    """Return how many pieces of `b` cover `a`, mode by mode; modes of `a` that `b` has none for stay.

    With an integer `b`, or an integer mode of it, `a` counts with its size.

    >>> ceil_div((10, 7), (4, 3)), ceil_div((10, 7), 4)
    ((3, 3), 18)
    """
    if isinstance(b, tuple):
        if not isinstance(a, tuple) or len(a) < len(b):
            raise EnigmaValueError(
                f"ceil_div: {a} has fewer modes than the divisor {b}", help="divide by an integer or by fewer modes"
            )
        return tuple(ceil_div(x, y) for x, y in zip(a, b, strict=False)) + a[len(b) :]
    if is_static(b) and b < 1:
        raise EnigmaValueError(f"ceil_div by {b}", help="a divisor is at least 1")
    return ceil(product(a), b)


def shape_div(a: IntTuple, b: IntTuple) -> IntTuple:
    """Return the shape `a` divided by the shape `b`; an integer divides a tuple from its first mode on.

    Raises `EnigmaValueError` where neither of two integers divides the other.

    >>> shape_div((3, 4), 6), shape_div((8, 6), (4, 3)), shape_div(2, 4)
    ((1, 2), (2, 2), 1)
    """
    if isinstance(a, tuple):
        if isinstance(b, tuple):
            _need_equal_rank("shape_div", a, b)
            return tuple(shape_div(x, y) for x, y in zip(a, b, strict=True))
        found: list[IntTuple] = []
        for item in a:
            found.append(shape_div(item, b))
            b = product(shape_div(b, product(item)))
        return tuple(found)
    divisor = product(b)
    need_static("shape_div", a, divisor)
    if a == 0 or divisor == 0 or (a % divisor and divisor % a):
        raise EnigmaValueError(
            f"shape_div: neither of {a} and {divisor} divides the other",
            help="pad the shape or choose a tile that divides it",
        )
    return max(a // divisor, 1)


def gcd(*values: IntTuple) -> int:
    """Return the greatest common divisor of all integers in `values`; 0 for none."""
    return math.gcd(*leaves(values))


def elem_scale(a: IntTuple, b: IntTuple) -> IntTuple:
    """Return `a` with each integer multiplied by the size of what stands there in `b`.

    >>> elem_scale((2, 3), (10, (10, 10)))
    (20, 300)
    """
    if not isinstance(a, tuple):
        return a * product(b)
    _need_equal_rank("elem_scale", a, b)
    return tuple(elem_scale(x, y) for x, y in zip(a, modes_of(b), strict=True))


def repeat_like(value: IntTuple, ref: IntTuple | Shaped) -> IntTuple:
    """Return `value` at every place of an integer in `ref`.

    >>> repeat_like(3, (1, (2, 3)))
    (3, (3, 3))
    """
    shape = shape_of(ref)
    return tuple(repeat_like(value, item) for item in shape) if isinstance(shape, tuple) else value


def nested_like(shape: IntTuple, values: Iterator[Any]) -> Any:
    """Return the values one by one, nested like `shape`.

    >>> nested_like((1, (2, 3)), iter("abc"))
    ('a', ('b', 'c'))
    """
    return tuple(nested_like(mode, values) for mode in shape) if isinstance(shape, tuple) else next(values)


def is_congruent(a: IntTuple | Shaped, b: IntTuple | Shaped) -> bool:
    """Return whether two tuples are nested alike, whatever their integers are.

    >>> is_congruent((4, (2, 8)), (1, (1, 1))), is_congruent((4, 8), 32)
    (True, False)
    """
    return alike(shape_of(a), shape_of(b))


def alike(a: IntTuple, b: IntTuple) -> bool:
    """Return whether two tuples, which are known to be such, are nested alike."""
    if not isinstance(a, tuple) or not isinstance(b, tuple):
        return isinstance(a, tuple) == isinstance(b, tuple)
    return len(a) == len(b) and all(map(alike, a, b))


def is_compatible(a: IntTuple | Shaped, b: IntTuple | Shaped) -> bool:
    """Return whether two shapes have equally many elements.

    >>> is_compatible((4, 8), 32), is_compatible((4, 8), (4, 4))
    (True, False)
    """
    return product(shape_of(a)) == product(shape_of(b))


def is_weakly_congruent(a: IntTuple | Shaped, b: IntTuple | Shaped) -> bool:
    """Return whether `b` is nested like `a`, or deeper where `a` has an integer.

    >>> is_weakly_congruent((4, 8), (8, (1, 4))), is_weakly_congruent((4, (1, 2)), (8, 4))
    (True, False)
    """
    x, y = shape_of(a), shape_of(b)
    if not isinstance(x, tuple):
        return True
    return (
        isinstance(y, tuple) and len(x) == len(y) and all(is_weakly_congruent(p, q) for p, q in zip(x, y, strict=True))
    )


def need_congruent(what: str, a: IntTuple, b: IntTuple) -> None:
    """Raise `EnigmaValueError` if two tuples are not nested alike; `what` names who needs it."""
    if not is_congruent(a, b):
        raise EnigmaValueError(f"{what}: {a} and {b} are not nested alike", help="both need the same parentheses")


def _need_equal_rank(what: str, a: IntTuple, b: IntTuple) -> None:
    if not isinstance(b, tuple) or rank(a) != rank(b):
        raise EnigmaValueError(f"{what}: {a} and {b} differ in rank", help="both need the same number of modes")
