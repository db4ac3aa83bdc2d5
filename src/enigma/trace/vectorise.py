"""All elements of a view at once: which of them lie next to each other, and so are read and written as one vector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

from enigma.dtypes import b1
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout import Layout
from enigma.layout.coordinates import idx2crd
from enigma.layout.int_tuple import leaves, product
from enigma.layout.leaf import added, is_static, scaled, text
from enigma.source import SourceLoc
from enigma.spec.registry import by_algebra
from enigma.spec.terms import Algebra
from enigma.trace.access import choose, perform
from enigma.trace.arrangement import Places
from enigma.trace.fragment import Fragment
from enigma.trace.given import describe, literal
from enigma.trace.predicate import Guard, divisible
from enigma.trace.value import TracedValue, active

Tensor = Any
"""A tensor, which is a module above."""

MOST = 256
"""Elements of one view at most: a thread has no more registers."""


def chunks_of(offsets: list[int], widest: int, *, aligned: bool = False) -> tuple[list[tuple[int, int]], Places]:
    """Return (offset, width) of each access that reaches these offsets, and where each offset is found in them.

    Widths are 4, 2 and 1, no more than `widest`; `aligned` ones begin at a multiple of themselves.

    >>> chunks_of([0, 10, 1, 11], 4)
    ([(0, 2), (10, 2)], ((0, 0), (1, 0), (0, 1), (1, 1)))
    """
    there = set(offsets)
    found: list[tuple[int, int]] = []
    places: dict[int, tuple[int, int]] = {}
    for start in sorted(there):
        if start in places:
            continue
        width = next(
            w
            for w in (4, 2, 1)
            if w <= widest and all(start + k in there for k in range(w)) and not (aligned and start % w)
        )
        places.update({start + k: (len(found), k) for k in range(width)})
        found.append((start, width))
    return found, tuple(places[offset] for offset in offsets)


@dataclass(frozen=True, slots=True)
class Access:
    """One access of a view: the number of its first element in the memory, and how many it reaches."""

    place: Any
    width: int


def _plan(tensor: Tensor, loc: SourceLoc, widest: int = 4) -> tuple[list[Access], Places]:
    """Return the accesses of a view, of `widest` elements at most, and where its elements are found in them."""
    layout = tensor.layout
    if not is_static(layout.shape):
        raise EnigmaTypeError(
            f"a view of shape {text(layout.shape)} has as many elements as is known only when the kernel runs", loc=loc,
            help="take the part of one thread first: T[tid, None]; an extent of a tile is a number",
        )  # fmt: skip
    size = product(layout.shape)
    if size > MOST:
        raise EnigmaValueError(
            f"a view of {size} elements does not fit into a thread's registers", loc=loc,
            help=f"take the part of one thread first, of {MOST} elements at most: T[tid, None]",
        )  # fmt: skip
    if tensor.dtype.parts > 1 or tensor.dtype is b1:
        widest = 1
    if not isinstance(layout, Layout):
        return _swizzled(tensor, widest, loc)
    found: list[Access] = []
    places: list[tuple[int, int]] = [(0, 0)] * size
    for traced, group in _by_traced_part(layout).items():
        accesses, own = chunks_of([offset for _, offset in group], widest)
        for (k, _), (number, lane) in zip(group, own, strict=True):
            places[k] = (len(found) + number, lane)
        start = added(tensor.start, _dynamic(layout, traced))
        found += [Access(added(start, offset), width) for offset, width in accesses]
    return found, tuple(places)


def _swizzled(tensor: Tensor, widest: int, loc: SourceLoc) -> tuple[list[Access], Places]:
    """Return the accesses of a swizzled view: a swizzle keeps groups of elements whole, by the bits below those that it changes."""
    layout, size = tensor.layout, product(tensor.layout.shape)
    group = 1
    while group < min(widest, layout.outer.group) and divisible(layout.offset, 2 * group):
        group *= 2
    if group == 1 or not is_static(layout.inner):
        return [Access(tensor.offset(k, loc), 1) for k in range(size)], tuple((k, 0) for k in range(size))
    offsets = [layout.inner(k) for k in range(size)]
    accesses, places = chunks_of(offsets, group, aligned=True)
    first = {offset: k for k, offset in reversed(list(enumerate(offsets)))}
    return [Access(tensor.offset(first[offset], loc), width) for offset, width in accesses], places


def _by_traced_part(layout: Layout) -> dict[tuple[int, ...], list[tuple[int, int]]]:
    """Return (element, offset as far as it is known now), grouped by the coordinates along strides that are not known now."""
    strides = leaves(layout.stride)
    found: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for k in range(product(layout.shape)):
        parts = leaves(idx2crd(k, layout.shape))
        traced = tuple(part for part, step in zip(parts, strides, strict=True) if not is_static(step))
        known = sum(part * step for part, step in zip(parts, strides, strict=True) if is_static(step))
        found.setdefault(traced, []).append((k, known))
    return found


def _dynamic(layout: Layout, parts: tuple[int, ...]) -> Any:
    """Return the offset of the coordinates along the strides that are not known now."""
    steps = [step for step in leaves(layout.stride) if not is_static(step)]
    return reduce(added, map(scaled, parts, steps), 0)


def narrowest(tensor: Tensor, widest: int, loc: SourceLoc) -> int:
    """Return how many elements the narrowest access of a view reaches, of `widest` at most."""
    accesses, _ = _plan(tensor, loc, widest)
    return min(access.width for access in accesses)


def load(tensor: Tensor, loc: SourceLoc, pred: Any = None, default: Any = 0, widest: int = 4) -> Fragment:
    """Return all elements of a view; where a predicate does not hold they are `default`, and not read."""
    accesses, places = _plan(tensor, loc, widest)
    if pred is None:
        return Fragment(tensor.layout.shape, [_read(tensor, access, loc) for access in accesses], places)
    accesses, places = _single(tensor, accesses, places)
    guard = Guard(pred, len(places), loc)
    fill = active().assigned(default, tensor.dtype, "the default", loc)
    elements = _by_access(accesses, places)

    def whole() -> list[TracedValue]:
        return [_read(tensor, access, loc) for access in accesses]

    def some() -> list[TracedValue]:
        return [_read_some(tensor, *pair, guard, fill, loc) for pair in zip(accesses, elements, strict=True)]

    return Fragment(tensor.layout.shape, choose(guard.holds(range(len(places))), whole, some, loc), places)


def _read(tensor: Tensor, access: Access, loc: SourceLoc) -> TracedValue:
    if access.width > 1:
        return active().load_vector(tensor.memory, access.place, access.width, loc)
    return active().apply(by_algebra()[Algebra.LOAD], {"buf": tensor.memory, "i": access.place}, loc)


def _read_some(
    tensor: Tensor, access: Access, elements: list[int], guard: Guard, fill: TracedValue, loc: SourceLoc
) -> TracedValue:
    """Return what an access reads of the elements for which the guard holds, `fill` for the others."""
    if guard.is_one or len(guard) == 1:  # it does not hold for all elements: for none
        return active().made([fill] * access.width, loc)
    parts: list[Any] = []
    for lane, k in enumerate(elements):

        def read(lane: int = lane) -> list[TracedValue]:
            return [_read(tensor, Access(added(access.place, lane), 1), loc)]

        parts += choose(guard.holds([k]), read, lambda: [fill], loc)
    return active().made(parts, loc)


def _single(tensor: Tensor, accesses: list[Access], places: Places) -> tuple[list[Access], Places]:
    """Return an access of its own for each element where two share one: each has its own predicate."""
    if len(set(places)) == len(places):
        return accesses, places
    single = [Access(added(accesses[number].place, lane), 1) for number, lane in places]
    return single, tuple((k, 0) for k in range(len(places)))


def _by_access(accesses: list[Access], places: Places) -> list[list[int]]:
    """Return the elements that each access reaches, in order."""
    found = [[0] * access.width for access in accesses]
    for k, (number, lane) in enumerate(places):
        found[number][lane] = k
    return found


def store(tensor: Tensor, value: Any, loc: SourceLoc, pred: Any = None, widest: int = 4) -> None:
    """Set all elements of a view, to those of a fragment or to one value; none where a predicate does not hold."""
    accesses, places = _plan(tensor, loc, widest)
    if len(set(places)) < len(places):
        raise EnigmaValueError(
            f"the layout {tensor.layout} reaches an element twice, and only one value can be stored in it", loc=loc,
            help="store to a view without strides of 0",
        )  # fmt: skip
    parts = _parts(tensor, value, accesses, places, loc)

    def whole() -> None:
        for access, part in zip(accesses, parts, strict=True):
            _write(tensor, access, part, loc)

    if pred is None:
        whole()
        return
    guard = Guard(pred, len(places), loc)

    def some() -> None:
        if guard.is_one or len(guard) == 1:
            return
        for access, part, elements in zip(accesses, parts, _by_access(accesses, places), strict=True):
            _write_some(tensor, access, part, elements, guard, loc)

    perform(guard.holds(range(len(places))), whole, some, loc)


def _write(tensor: Tensor, access: Access, part: TracedValue, loc: SourceLoc) -> None:
    if access.width > 1:
        active().store_vector(tensor.memory, access.place, part, None, loc)
    else:
        active().apply(by_algebra()[Algebra.STORE], {"buf": tensor.memory, "i": access.place, "x": part}, loc)


def _write_some(
    tensor: Tensor, access: Access, part: TracedValue, elements: list[int], guard: Guard, loc: SourceLoc
) -> None:
    for lane, k in enumerate(elements):

        def write(lane: int = lane) -> None:
            one = active().component(part, lane, loc) if access.width > 1 else part
            _write(tensor, Access(added(access.place, lane), 1), one, loc)

        perform(guard.holds([k]), write, lambda: None, loc)


def _parts(tensor: Tensor, value: Any, accesses: list[Access], places: Places, loc: SourceLoc) -> list[Any]:
    """Return what is stored by each access."""
    tracer = active()
    if not isinstance(value, Fragment):
        if literal(value) is None and (not isinstance(value, TracedValue) or value.type is not tensor.dtype):
            raise EnigmaTypeError(
                f"store of {describe(value)} to a view of {tensor.dtype.name}", loc=loc,
                help=f"store a fragment, a number or a value of enigma.{tensor.dtype.name}",
            )  # fmt: skip
        one = tracer.assigned(value, tensor.dtype, "an element", loc)
        return [tracer.made([one] * access.width, loc) for access in accesses]
    if product(value.shape) != len(places):
        raise EnigmaValueError(
            f"a fragment of {product(value.shape)} elements is stored to a view of {len(places)}", loc=loc,
            help="load and store views of one shape",
        )  # fmt: skip
    return value.arranged(places, loc)
