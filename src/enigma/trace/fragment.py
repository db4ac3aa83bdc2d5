"""Fragments: the elements of a view, in a thread's registers; operators and functions work on each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from enigma.dtypes import Numeric
from enigma.errors import EnigmaIndexError, EnigmaTypeError
from enigma.layout.int_tuple import IntTuple, product
from enigma.source import SourceLoc, caller
from enigma.trace.given import describe, literal
from enigma.trace.value import TracedValue, active

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


class Fragment:
    """The elements of a view, as `T.load()` gives them: values of one thread, which cannot be changed.

    `shape` is the view's. Elements that lie next to each other are components of one vector: operators work on whole vectors
    where both sides are arranged alike. `f[k]` is an element, the first mode running fastest; `f.elements()` are all.

        Out[tid, None].store(A[tid, None].load() * 2 + B[tid, None].load())

    Loops and branches carry it; what they merge must be arranged alike, as the parts of `f.apart()` always are. Raises
    `EnigmaTypeError` where two fragments differ in shape.
    """

    __slots__ = ("chunks", "places", "shape")

    is_carried = True  # whether branches and loops take it apart

    def __init__(self, shape: IntTuple, chunks: Iterable[TracedValue], places: Places) -> None:
        self.shape, self.places = shape, places
        self.chunks = tuple(chunks)  # single values, and vectors of 2 to 4

    @classmethod
    def of(cls, shape: IntTuple, values: Iterable[TracedValue]) -> Self:
        """Return a fragment of single values, the first mode of the shape running fastest."""
        return cls(shape, values, tuple((k, 0) for k in range(product(shape))))

    def keys(self) -> list[Chunk]:
        """Return the steps to the chunks."""
        return [Chunk(number, self.shape, self.places) for number in range(len(self.chunks))]

    def with_chunks(self, chunks: Iterable[TracedValue]) -> Fragment:
        """Return a fragment of the same arrangement with other chunks."""
        return Fragment(self.shape, chunks, self.places)

    def apart(self) -> Fragment:
        """Return the same elements with each as a value of its own: so are those of any other fragment of the shape."""
        return Fragment.of(self.shape, self._elements(caller()))

    @property
    def dtype(self) -> Numeric:
        """The dtype of an element."""
        first = self.chunks[0].dtype
        return first.element if 0 in self._shared else first

    @property
    def _shared(self) -> set[int]:
        """The chunks that hold several elements; others may be vectors that are one element each."""
        return {chunk for chunk, lane in self.places if lane}

    def size(self, mode: int | None = None) -> int:
        """Return how many elements there are, in all or in one mode."""
        if mode is None:
            return product(self.shape)
        return product(self.shape[mode] if isinstance(self.shape, tuple) else self.shape)

    def elements(self) -> list[TracedValue]:
        """Return the elements one by one, the first mode running fastest."""
        return self._elements(caller())

    def _elements(self, loc: SourceLoc) -> list[TracedValue]:
        tracer, chunks, shared = active(), self.chunks, self._shared
        return [
            tracer.component(chunks[chunk], lane, loc) if chunk in shared else chunks[chunk]
            for chunk, lane in self.places
        ]

    def __getitem__(self, index: Any) -> Any:
        loc = caller()
        number = literal(index)
        if not isinstance(number, int) or isinstance(number, bool):
            raise EnigmaTypeError(
                f"a fragment is indexed by a Python int, but it is {describe(index)}", loc=loc,
                help="registers have no addresses: unroll the loop with enigma.range_constexpr(f.size())",
            )  # fmt: skip
        if not 0 <= number < self.size():
            raise EnigmaIndexError(
                f"element {number} of a fragment of {self.size()}", loc=loc, help="elements are counted from 0"
            )
        return self._elements(loc)[number]

    def __iter__(self) -> Iterator[TracedValue]:
        return iter(self._elements(caller()))

    def __len__(self) -> int:
        return self.size()

    def __repr__(self) -> str:
        return f"<fragment: {self.dtype.name}{self.shape}>"

    def __bool__(self) -> bool:
        raise EnigmaTypeError(
            "a fragment holds several values and has no truth value", loc=caller(), help="test an element: f[0] != 0"
        )

    __hash__ = object.__hash__

    def to(self, dtype: Any) -> Fragment:
        """Return the elements converted to `dtype`."""
        loc = caller()
        return self.with_chunks(active().convert(chunk, dtype, loc) for chunk in self.chunks)

    def reduce(self, combine: Callable[[Any, Any], Any]) -> TracedValue:
        """Return all elements combined from the first on: `f.reduce(enigma.fmax)`."""
        first, *others = self.elements()
        for element in others:
            first = combine(first, element)
        return first

    def sum(self) -> TracedValue:
        """Return the sum of the elements, added up from the first on."""
        return self.reduce(lambda x, y: x + y)

    def prod(self) -> TracedValue:
        """Return the product of the elements, multiplied from the first on."""
        return self.reduce(lambda x, y: x * y)

    # fmt: off
    def __add__(self, other: Any) -> Any: return _operator("+", self, other)
    def __radd__(self, other: Any) -> Any: return _operator("+", other, self)
    def __sub__(self, other: Any) -> Any: return _operator("-", self, other)
    def __rsub__(self, other: Any) -> Any: return _operator("-", other, self)
    def __mul__(self, other: Any) -> Any: return _operator("*", self, other)
    def __rmul__(self, other: Any) -> Any: return _operator("*", other, self)
    def __truediv__(self, other: Any) -> Any: return _operator("/", self, other)
    def __rtruediv__(self, other: Any) -> Any: return _operator("/", other, self)
    def __floordiv__(self, other: Any) -> Any: return _operator("//", self, other)
    def __rfloordiv__(self, other: Any) -> Any: return _operator("//", other, self)
    def __mod__(self, other: Any) -> Any: return _operator("%", self, other)
    def __rmod__(self, other: Any) -> Any: return _operator("%", other, self)
    def __pow__(self, other: Any) -> Any: return _operator("**", self, other)
    def __rpow__(self, other: Any) -> Any: return _operator("**", other, self)
    def __and__(self, other: Any) -> Any: return _operator("&", self, other)
    def __rand__(self, other: Any) -> Any: return _operator("&", other, self)
    def __or__(self, other: Any) -> Any: return _operator("|", self, other)
    def __ror__(self, other: Any) -> Any: return _operator("|", other, self)
    def __xor__(self, other: Any) -> Any: return _operator("^", self, other)
    def __rxor__(self, other: Any) -> Any: return _operator("^", other, self)
    def __lshift__(self, other: Any) -> Any: return _operator("<<", self, other)
    def __rlshift__(self, other: Any) -> Any: return _operator("<<", other, self)
    def __rshift__(self, other: Any) -> Any: return _operator(">>", self, other)
    def __rrshift__(self, other: Any) -> Any: return _operator(">>", other, self)
    def __neg__(self) -> Any: return _operator("u-", self)
    def __pos__(self) -> Fragment: return self
    def __invert__(self) -> Any: return _operator("u~", self)
    def __abs__(self) -> Any: return _operator("abs()", self)
    def __eq__(self, other: object) -> Any: return _operator("==", self, other)
    def __ne__(self, other: object) -> Any: return _operator("!=", self, other)
    def __lt__(self, other: Any) -> Any: return _operator("<", self, other)
    def __le__(self, other: Any) -> Any: return _operator("<=", self, other)
    def __gt__(self, other: Any) -> Any: return _operator(">", self, other)
    def __ge__(self, other: Any) -> Any: return _operator(">=", self, other)
    # fmt: on


def _operator(symbol: str, *operands: Any) -> Fragment:
    loc, tracer = caller(), active()
    return each(lambda *parts: tracer.operator(symbol, parts, loc), operands, loc)


def each(function: Callable[..., Any], operands: tuple[Any, ...], loc: SourceLoc) -> Fragment:
    """Return what a function of single values or vectors gives for each element of fragments; other operands go to all."""
    fragments = [x for x in operands if isinstance(x, Fragment)]
    first = fragments[0]
    for other in fragments:
        if other.shape != first.shape:
            raise EnigmaTypeError(
                f"fragments of the shapes {first.shape} and {other.shape} do not go together", loc=loc,
                help="load views of one shape",
            )  # fmt: skip
    for x in operands:
        if isinstance(x, TracedValue) and isinstance(x.type, Numeric) and x.type.parts > 1 and first.dtype.parts == 1:
            raise EnigmaTypeError(
                f"a fragment of {first.dtype.name} does not go together with {x.type.name}: which elements lie in one vector "
                "depends on the layout", loc=loc, help="compute with a number, or with a fragment of the same shape",
            )  # fmt: skip
    alike = all(other.places == first.places for other in fragments)
    parts = [x.chunks if alike else x._elements(loc) for x in fragments]  # pyright: ignore[reportPrivateUsage] - of this module
    found: list[Any] = []
    for k in range(len(parts[0])):
        own = iter(parts)
        found.append(function(*(next(own)[k] if isinstance(x, Fragment) else x for x in operands)))
    return Fragment(first.shape, found, first.places) if alike else Fragment.of(first.shape, found)


def refuse(function: str, loc: SourceLoc) -> NoReturn:
    """Raise `EnigmaTypeError` for a function that takes no fragment."""
    raise EnigmaTypeError(
        f"{function} takes no fragment", loc=loc, help="call it with the elements: [... for x in f.elements()]"
    )


def named(arguments: Mapping[str, Any], call: Callable[[dict[str, Any]], Any], loc: SourceLoc) -> Fragment:
    """Return what a call with fragments among its named arguments gives for each of their elements."""
    names = tuple(arguments)
    return each(lambda *parts: call(dict(zip(names, parts, strict=True))), tuple(arguments.values()), loc)
