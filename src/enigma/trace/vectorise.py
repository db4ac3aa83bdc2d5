"""All elements of a view at once: which of them lie next to each other, and so are read and written as one vector."""

from __future__ import annotations

from typing import Any

from enigma.dtypes import b1
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout import Layout
from enigma.layout.int_tuple import product
from enigma.source import SourceLoc
from enigma.spec.registry import by_algebra
from enigma.spec.terms import Algebra
from enigma.trace.fragment import Fragment, Places
from enigma.trace.given import describe, literal
from enigma.trace.value import TracedValue, active

Tensor = Any
"""A tensor, which is a module above."""

MOST = 256
"""Elements of one view at most: a thread has no more registers."""


def chunks_of(offsets: list[int], widest: int) -> tuple[list[tuple[int, int]], Places]:
    """Return (offset, width) of each access that reaches these offsets, and where each offset is found in them.

    Widths are 4, 2 and 1, no more than `widest`.

    >>> chunks_of([0, 10, 1, 11], 4)
    ([(0, 2), (10, 2)], ((0, 0), (1, 0), (0, 1), (1, 1)))
    """
    there = set(offsets)
    found: list[tuple[int, int]] = []
    places: dict[int, tuple[int, int]] = {}
    for start in sorted(there):
        if start in places:
            continue
        width = next(w for w in (4, 2, 1) if w <= widest and all(start + k in there for k in range(w)))
        places.update({start + k: (len(found), k) for k in range(width)})
        found.append((start, width))
    return found, tuple(places[offset] for offset in offsets)


def _plan(tensor: Tensor, loc: SourceLoc) -> tuple[list[tuple[Any, int]], Places]:
    """Return (place in memory, width) of each access of a view, and where its elements are found in them."""
    layout = tensor.layout
    size = product(layout.shape)
    if size > MOST:
        raise EnigmaValueError(
            f"a view of {size} elements does not fit into a thread's registers", loc=loc,
            help=f"take the part of one thread first, of {MOST} elements at most: T[tid, None]",
        )  # fmt: skip
    if not isinstance(layout, Layout):  # swizzled: neighbours may not be side by side
        return [(tensor.offset(k, loc), 1) for k in range(size)], tuple((k, 0) for k in range(size))
    widest = 4 if tensor.dtype.parts == 1 and tensor.dtype is not b1 else 1
    accesses, places = chunks_of([layout(k) for k in range(size)], widest)
    start = tensor.start
    return [
        (offset if literal(start) == 0 else start if offset == 0 else start + offset, n) for offset, n in accesses
    ], places


def load(tensor: Tensor, loc: SourceLoc) -> Fragment:
    """Return all elements of a view."""
    tracer = active()
    accesses, places = _plan(tensor, loc)
    row = by_algebra()[Algebra.LOAD]
    found = [
        tracer.load_vector(tensor.memory, place, width, loc)
        if width > 1
        else tracer.apply(row, {"buf": tensor.memory, "i": place}, loc)
        for place, width in accesses
    ]
    return Fragment(tensor.layout.shape, found, places)


def store(tensor: Tensor, value: Any, loc: SourceLoc) -> None:
    """Set all elements of a view, to those of a fragment or to one value."""
    tracer = active()
    accesses, places = _plan(tensor, loc)
    if len(set(places)) < len(places):
        raise EnigmaValueError(
            f"the layout {tensor.layout} reaches an element twice, and only one value can be stored in it", loc=loc,
            help="store to a view without strides of 0",
        )  # fmt: skip
    for number, part in enumerate(_parts(tensor, value, accesses, places, loc)):
        place, width = accesses[number]
        if width > 1:
            tracer.store_vector(tensor.memory, place, part, None, loc)
        else:
            tracer.apply(by_algebra()[Algebra.STORE], {"buf": tensor.memory, "i": place, "x": part}, loc)


def _parts(tensor: Tensor, value: Any, accesses: list[tuple[Any, int]], places: Places, loc: SourceLoc) -> list[Any]:
    """Return what is stored by each access."""
    tracer = active()
    if not isinstance(value, Fragment):
        if literal(value) is None and (not isinstance(value, TracedValue) or value.type is not tensor.dtype):
            raise EnigmaTypeError(
                f"store of {describe(value)} to a view of {tensor.dtype.name}", loc=loc,
                help=f"store a fragment, a number or a value of enigma.{tensor.dtype.name}",
            )  # fmt: skip
        one = tracer.assigned(value, tensor.dtype, "an element", loc)
        return [tracer.made([one] * width, loc) for _, width in accesses]
    if product(value.shape) != len(places):
        raise EnigmaValueError(
            f"a fragment of {product(value.shape)} elements is stored to a view of {len(places)}", loc=loc,
            help="load and store views of one shape",
        )  # fmt: skip
    if value.places == places:
        return list(value.chunks)
    elements = dict(zip(places, value.elements(), strict=True))
    return [
        tracer.made([elements[number, lane] for lane in range(width)], loc)
        for number, (_, width) in enumerate(accesses)
    ]
