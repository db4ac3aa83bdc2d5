"""Fragments: the elements of a view, in a thread's registers; operators and functions work on each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, NoReturn, Self, cast

from enigma.dtypes import Numeric, b1
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout.coordinates import crd2idx, has_none
from enigma.layout.int_tuple import IntTuple, int_tuple, is_weakly_congruent, product
from enigma.layout.leaf import is_static, text
from enigma.source import SourceLoc, caller
from enigma.trace import arrangement, coordinates
from enigma.trace.arrangement import Chunk, Places
from enigma.trace.given import describe, plural
from enigma.trace.value import TracedValue, active


class Fragment:
    """The elements of a view, as `T.load()` gives them: values of one thread, which cannot be changed.

    `shape` is the view's. Operators and functions work on each element; the other operand is a fragment of the same shape, of a
    shape with modes of one element, which are repeated, or a number. Elements that lie next to each other in memory are
    components of one vector, on which operators work at once.

    `f[k]` is an element, the first mode running fastest, and so is `f[i, j]`; `f[None, j]` is the fragment of a column.
    `f.sum()`, `prod`, `min`, `max`, `any`, `all` and `reduce` combine elements. Loops and branches carry fragments.

        Out[tid, None].store(A[tid, None].load() * 2 + B[tid, None].load())

    Raises `EnigmaTypeError` where shapes do not fit, and for a condition that is a fragment.
    """

    __slots__ = ("chunks", "places", "shape")

    is_carried = True  # whether branches and loops take it apart
    instead = ""  # if not: what to write where one changes it

    def __init__(self, shape: IntTuple, chunks: Iterable[TracedValue], places: Places) -> None:
        self.shape, self.places = shape, places
        self.chunks = tuple(chunks)  # single values, and vectors of 2 to 4

    @classmethod
    def of(cls, shape: IntTuple, values: Iterable[TracedValue]) -> Self:
        """Return a fragment of single values, the first mode of the shape running fastest."""
        return cls(shape, values, arrangement.single(product(shape)))

    def keys(self) -> list[Chunk]:
        """Return the steps to the chunks."""
        return [Chunk(number, self.shape, self.places) for number in range(len(self.chunks))]

    def with_chunks(self, chunks: Iterable[TracedValue]) -> Fragment:
        """Return a fragment of the same arrangement with other chunks."""
        return Fragment(self.shape, chunks, self.places)

    def apart(self) -> Fragment:
        """Return the same elements, each as a value of its own rather than as a component of a vector."""
        return Fragment.of(self.shape, self._elements(caller()))

    @property
    def dtype(self) -> Numeric:
        """The dtype of an element."""
        first = self.chunks[0].dtype
        return first.element if 0 in arrangement.shared(self.places) else first

    @property
    def element_type(self) -> Numeric:
        """The dtype of an element."""
        return self.dtype

    @property
    def name(self) -> str:
        """How messages call it."""
        return "the fragment"

    def size(self, mode: int | None = None) -> int:
        """Return how many elements there are, in all or in one mode."""
        if mode is None:
            return product(self.shape)
        return product(self.shape[mode] if isinstance(self.shape, tuple) else self.shape)

    def elements(self) -> list[TracedValue]:
        """Return the elements one by one, the first mode running fastest."""
        return self._elements(caller())

    def _elements(self, loc: SourceLoc) -> list[TracedValue]:
        tracer, chunks, shared = active(), self.chunks, arrangement.shared(self.places)
        return [
            tracer.component(chunks[chunk], lane, loc) if chunk in shared else chunks[chunk]
            for chunk, lane in self.places
        ]

    def __getitem__(self, index: Any) -> Any:
        loc = caller()
        coordinate = coordinates.checked(self, index, self.shape, loc)
        if (part := coordinates.traced_part(coordinate)) is not None:
            raise EnigmaTypeError(
                f"a fragment is indexed by a Python int, but it is {describe(part)}", loc=loc,
                help="registers have no addresses: unroll the loop with enigma.range_constexpr(f.size())",
            )  # fmt: skip
        if has_none(coordinate):
            return self.part(*arrangement.numbers_of(coordinate, self.shape), loc)
        return self.part([int(crd2idx(coordinate, self.shape))], 1, loc).chunks[0]

    def part(self, numbers: Sequence[int], shape: Any, loc: SourceLoc) -> Fragment:
        """Return the elements of these numbers, with a shape of their own; vectors whose components are all there stay whole."""
        found, places = arrangement.part_of(self.places, numbers)
        tracer, chunks = active(), self.chunks
        values = [chunks[n] if lane is None else tracer.component(chunks[n], lane, loc) for n, lane in found]
        return Fragment(shape, values, places)

    def reshape(self, shape: Any) -> Fragment:
        """Return the same elements with another shape of as many, the first mode running fastest in both.

        Raises `EnigmaValueError` for a shape of more or fewer elements.
        """
        loc, new = caller(), _shape(shape)
        if not is_static(new) or product(new) != self.size():
            raise EnigmaValueError(
                f"a fragment of shape {self.shape} has {self.size()} elements, and the shape {text(new)} another number", loc=loc,
                help="write a shape of as many elements",
            )  # fmt: skip
        return Fragment(new, self.chunks, self.places)

    def broadcast_to(self, shape: Any) -> Fragment:
        """Return a fragment of this shape, in which the elements are repeated along modes where this one has one element.

        Raises `EnigmaTypeError` where another mode differs.
        """
        loc, shape = caller(), _shape(shape)
        found = arrangement.broadcast(self.shape, shape)
        if found is None or product(found) != product(shape):
            raise EnigmaTypeError(
                f"a fragment of shape {self.shape} cannot be repeated to the shape {shape}", loc=loc,
                help="only modes of one element are repeated",
            )  # fmt: skip
        return self._repeated(shape)

    def _repeated(self, shape: IntTuple) -> Fragment:
        if product(shape) == self.size():
            return self if shape == self.shape else Fragment(shape, self.chunks, self.places)
        return Fragment(shape, self.chunks, tuple(self.places[k] for k in arrangement.repeated(self.shape, shape)))

    def arranged(self, places: Places, loc: SourceLoc, *, splat: bool = True) -> list[TracedValue]:
        """Return values that hold the elements as `places` say; a single value for a vector of equal ones unless `splat`."""
        if places == self.places:
            return list(self.chunks)
        tracer, shared = active(), arrangement.shared(self.places)
        width = arrangement.widths(places)
        wanted = [[(0, 0)] * n for n in width]
        for (chunk, lane), place in zip(places, self.places, strict=True):
            wanted[chunk][lane] = place
        found: list[Any] = []
        for own in wanted:
            chunk = own[0][0]
            if len(own) > 1 and own == [(chunk, lane) for lane in range(arrangement.widths(self.places)[chunk])]:
                found.append(self.chunks[chunk])
                continue
            parts = {
                (n, lane): tracer.component(self.chunks[n], lane, loc) if n in shared else self.chunks[n]
                for n, lane in dict.fromkeys(own)
            }
            found.append(
                parts[own[0]] if len(parts) == 1 and not splat else tracer.made([parts[place] for place in own], loc)
            )
        return found

    def __iter__(self) -> Iterator[TracedValue]:
        return iter(self._elements(caller()))

    def __len__(self) -> int:
        return self.size()

    def __repr__(self) -> str:
        kinds = Counter(chunk.dtype.name for chunk in self.chunks)
        held = " and ".join(f"{count} {name}" for name, count in kinds.items())
        return f"<fragment of shape {self.shape}: {plural(self.size(), 'element')} of {self.dtype.name} in {held}>"

    def described(self) -> str:
        """Return what messages say that it is."""
        return f"a fragment of {plural(self.size(), 'element')} of {self.dtype.name}"

    def __bool__(self) -> bool:
        raise EnigmaTypeError(
            "a fragment holds several values and has no truth value", loc=caller(),
            help="choose element by element with enigma.where(c, x, y), or write c.any(), c.all() or an element: c[0]",
        )  # fmt: skip

    __hash__ = object.__hash__

    def to(self, dtype: Any) -> Fragment:
        """Return the elements converted to `dtype`."""
        loc = caller()
        return self.with_chunks(active().convert(chunk, dtype, loc) for chunk in self.chunks)

    # ---- reductions

    def reduce(self, op: Callable[[Any, Any], Any], init: Any = None, profile: Any = 0) -> Any:
        """Return elements combined by a function of two, from the first on: `f.reduce(enigma.fmax)`.

        `profile` says along which modes, as in CuTe: those for which it has an integer are reduced, those for which it has None
        are kept, and the result is a fragment. `f.reduce(enigma.fmax, profile=(None, 0))` has the largest of each row. With
        `init`, the first element is combined with that before.

        Raises `EnigmaValueError` for a profile that does not fit the shape.
        """
        loc = caller()
        if profile is None:
            return self
        lifts = getattr(op, "lifts", False) or getattr(op, "__module__", "") == "_operator"
        starts = [] if init is None else [init]
        if not has_none(profile):
            self._check_profile(profile, loc)
            return reduce(op, [*starts, *self._elements(loc)])
        parts, shape = self._along(profile, loc)
        if lifts:
            return reduce(op, [*starts, *parts])
        columns = zip(*(part._elements(loc) for part in parts), strict=True)
        return Fragment.of(shape, [reduce(op, [*starts, *column]) for column in columns])

    def _check_profile(self, profile: Any, loc: SourceLoc) -> None:
        if not is_weakly_congruent(opened(profile), self.shape):
            raise EnigmaValueError(
                f"the profile {profile} does not fit a fragment of shape {self.shape}", loc=loc,
                help="give an integer for a mode that is reduced, None for one that is kept: (None, 0)",
            )  # fmt: skip

    def _along(self, profile: Any, loc: SourceLoc) -> tuple[list[Fragment], Any]:
        """Return the fragments to combine, one for each coordinate of the modes that a profile reduces, and their shape."""
        self._check_profile(profile, loc)
        groups, shape = arrangement.reduction(profile, self.shape)
        return [self.part(numbers, shape, loc) for numbers in groups], shape

    def folded(self, symbol: str, loc: SourceLoc, profile: Any = 0) -> Any:
        """Return all elements combined by an operator, whole vectors first, or those along the modes of a profile."""
        tracer = active()

        def combined(x: Any, y: Any) -> Any:
            return tracer.operator(symbol, (x, y), loc)

        if profile is None:
            return self
        if has_none(profile):
            return reduce(combined, self._along(profile, loc)[0])
        self._check_profile(profile, loc)
        if not arrangement.is_exact(self.places):
            return reduce(combined, self._elements(loc))
        by_width: dict[int, list[TracedValue]] = {}
        for chunk, width in zip(self.chunks, arrangement.widths(self.places), strict=True):
            by_width.setdefault(width, []).append(chunk)
        found: list[TracedValue] = []
        for width, chunks in sorted(by_width.items(), reverse=True):
            whole = reduce(combined, chunks)
            found += [tracer.component(whole, lane, loc) for lane in range(width)] if width > 1 else [whole]
        return reduce(combined, found)

    def sum(self, profile: Any = 0) -> Any:
        """Return the sum of the elements, or of those along the modes that `profile` reduces; see `reduce`.

        Vectors are added up first, then their components.
        """
        return self.folded("+", caller(), profile)

    def prod(self, profile: Any = 0) -> Any:
        """Return the product of the elements, in the order of `sum`."""
        return self.folded("*", caller(), profile)

    def min(self, profile: Any = 0) -> Any:
        """Return the smallest element; NaN is passed over."""
        return self.folded("min()", caller(), profile)

    def max(self, profile: Any = 0) -> Any:
        """Return the largest element; NaN is passed over."""
        return self.folded("max()", caller(), profile)

    def any(self, profile: Any = 0) -> Any:
        """Return whether any element is true, or not 0."""
        return self._bits(loc := caller()).folded("|", loc, profile)

    def all(self, profile: Any = 0) -> Any:
        """Return whether all elements are true, or not 0."""
        return self._bits(loc := caller()).folded("&", loc, profile)

    def _bits(self, loc: SourceLoc) -> Fragment:
        return self if self.dtype is b1 else active().operator("!=", (self, 0), loc)

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
    def __divmod__(self, other: Any) -> Any: return _operator("//", self, other), _operator("%", self, other)
    def __neg__(self) -> Any: return _operator("u-", self)
    def __pos__(self) -> Fragment: return self
    def __invert__(self) -> Any: return _operator("u~", self)
    def __abs__(self) -> Any: return _operator("abs()", self)
    def __round__(self) -> Any: return _operator("round()", self)
    def __floor__(self) -> Any: return _operator("floor()", self)
    def __ceil__(self) -> Any: return _operator("ceil()", self)
    def __trunc__(self) -> Any: return _operator("trunc()", self)
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


def opened(profile: Any) -> Any:
    """Return a profile with 0 where it has None, which leaves its nesting."""
    return tuple(map(opened, cast("tuple[Any, ...]", profile))) if isinstance(profile, tuple) else 0


def _shape(given: Any) -> IntTuple:
    return int_tuple(tuple(cast("list[Any]", given)) if isinstance(given, list) else given, "a fragment's shape")


def _together(one: IntTuple, other: IntTuple, loc: SourceLoc) -> IntTuple:
    found = arrangement.broadcast(one, other)
    if found is None:
        raise EnigmaTypeError(
            f"fragments of the shapes {one} and {other} do not go together", loc=loc,
            help="load views of one shape; only modes of one element are repeated",
        )  # fmt: skip
    return found


def each(function: Callable[..., Any], operands: tuple[Any, ...], loc: SourceLoc) -> Fragment:
    """Return what a function of single values or vectors gives for each element of fragments; other operands go to all."""
    fragments = [x for x in operands if isinstance(x, Fragment)]
    shape = reduce(lambda one, other: _together(one, other, loc), [x.shape for x in fragments])
    dtype = fragments[0].dtype
    for x in operands:
        if isinstance(x, TracedValue) and isinstance(x.type, Numeric) and x.type.parts > 1 and dtype.parts == 1:
            raise EnigmaTypeError(
                f"a fragment of {dtype.name} does not go together with {x.type.name}: which elements lie in one vector "
                "depends on the layout", loc=loc, help="compute with a number, or with a fragment of the same shape",
            )  # fmt: skip
    fragments = [x._repeated(shape) for x in fragments]  # pyright: ignore[reportPrivateUsage] - of this module
    places = fragments[0].places
    if any(x.places != places for x in fragments):  # as the one of the fewest vectors is arranged
        exact = [places for x in fragments if arrangement.is_exact(places := arrangement.spread(x.places))]
        places = min(
            exact, key=lambda places: len(arrangement.widths(places)), default=arrangement.single(product(shape))
        )
    parts = [x.arranged(places, loc, splat=False) for x in fragments]
    found: list[Any] = []
    for k in range(len(parts[0])):
        own = iter(parts)
        found.append(function(*(next(own)[k] if isinstance(x, Fragment) else x for x in operands)))
    width = arrangement.widths(places)
    for k, value in enumerate(found):  # all of its elements were one
        if width[k] > 1 and value.dtype.parts == 1:
            found[k] = active().made([value] * width[k], loc)
    return Fragment(shape, found, places)


def refuse(function: str, loc: SourceLoc) -> NoReturn:
    """Raise `EnigmaTypeError` for a function that takes no fragment."""
    raise EnigmaTypeError(
        f"{function} takes no fragment", loc=loc, help="call it with the elements: [... for x in f.elements()]"
    )


def named(arguments: Mapping[str, Any], call: Callable[[dict[str, Any]], Any], loc: SourceLoc) -> Fragment:
    """Return what a call with fragments among its named arguments gives for each of their elements."""
    names = tuple(arguments)
    return each(lambda *parts: call(dict(zip(names, parts, strict=True))), tuple(arguments.values()), loc)
