"""What may stand in a layout where an integer does: numbers known only when a kernel runs, and basis elements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, cast


class Leaf:
    """Something that a shape or a stride may hold in place of an integer."""

    __slots__ = ()

    def as_leaf(self) -> Self:
        """Return itself; raises where this one cannot stand in a layout."""
        return self


class Dynamic(Leaf):
    """An integer that is known only when a kernel runs, such as a scalar parameter. It prints as `?`, as in CuTe."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, repr=False)
class Basis(Leaf):
    """A sum of multiples of the unit coordinates: a stride of an identity layout is one of them, an offset is a coordinate.

    Source: CuTe's ScaledBasis and ArithmeticTuple. `terms` are (path to the mode, factor).

    >>> 4 * E(0), E(0) + 2 * E(1), (E(0) + 2 * E(1)).at((8, 8))
    (4@0, 1@0+2@1, (1, 2))
    """

    terms: tuple[tuple[tuple[int, ...], Any], ...]

    def __mul__(self, factor: Any) -> Basis:
        return Basis(tuple((path, scaled(value, factor)) for path, value in self.terms))

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Basis:
        if not isinstance(other, Basis):
            return self if is_number(other, 0) else NotImplemented
        found = dict(self.terms)
        for path, value in other.terms:
            found[path] = added(found[path], value) if path in found else value
        return Basis(tuple(sorted(found.items(), key=lambda term: term[0])))

    __radd__ = __add__

    def __repr__(self) -> str:
        return "+".join(f"{text(value)}{''.join(f'@{step}' for step in reversed(path))}" for path, value in self.terms)

    def at(self, shape: Any, path: tuple[int, ...] = ()) -> Any:
        """Return the coordinate, nested like `shape`, with 0 in the modes that the sum leaves out."""
        if isinstance(shape, tuple):
            modes = cast("tuple[Any, ...]", shape)
            return tuple(self.at(mode, (*path, number)) for number, mode in enumerate(modes))
        return dict(self.terms).get(path, 0)


def E(*path: int) -> Any:
    """Return the unit coordinate of a mode, by the path to it; of no path, of an integer shape, that is 1.

    >>> E(0), E(1, 0), E()
    (1@0, 1@0@1, 1)
    """
    return Basis(((path, 1),)) if path else 1


def is_static(x: Any) -> bool:
    """Return whether all numbers of a tuple, a layout or a basis element are known now."""
    if type(x) is int:
        return True
    if isinstance(x, tuple):
        return all(map(is_static, cast("tuple[Any, ...]", x)))
    if isinstance(x, Basis):
        return all(is_static(value) for _, value in x.terms)
    if hasattr(x, "stride"):
        return is_static(x.shape) and is_static(x.stride)
    return not isinstance(x, Dynamic)


def is_number(x: Any, number: int) -> bool:
    """Return whether `x` is this number, as far as it is known now."""
    return type(x) is int and x == number


def same(a: Any, b: Any) -> bool:
    """Return whether two leaves are known to be equal now."""
    return a is b or (is_static(a) and is_static(b) and a == b)


def scaled(a: Any, b: Any) -> Any:
    """Return a product, without an operation where a factor is the number 0 or 1."""
    if is_number(a, 0) or is_number(b, 0):
        return 0
    if is_number(a, 1) or is_number(b, 1):
        return b if is_number(a, 1) else a
    return b * a if isinstance(b, Basis) else a * b  # traced values do not know basis elements


def added(a: Any, b: Any) -> Any:
    """Return a sum, without an operation where one part is the number 0."""
    return b if is_number(a, 0) else a if is_number(b, 0) else a + b


def ceil(a: Any, b: Any) -> Any:
    """Return a / b, rounded up; `b` is positive, and `a` may be traced and unsigned."""
    if is_number(b, 1):
        return a
    return -(-a // b) if is_static(a) and is_static(b) else (a + (b - 1)) // b


def text(x: Any) -> str:
    """Return how a shape or stride is printed, as CuTe does: without blanks, and `?` for what is known only in the kernel."""
    if isinstance(x, tuple):
        return f"({','.join(map(text, cast('tuple[Any, ...]', x)))})"
    return "?" if isinstance(x, Dynamic) else str(x)
