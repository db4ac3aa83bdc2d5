"""Accesses of several elements in a row: as one where Metal can, else element by element; and those that stop at a limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enigma.dtypes import BufferType, widened
from enigma.source import SourceLoc
from enigma.spec.registry import by_algebra
from enigma.spec.terms import Algebra, Buffer
from enigma.trace.given import literal
from enigma.trace.node import If
from enigma.trace.value import TracedValue, active

Tracer = Any
"""The tracer, which is a module above."""


def is_packed(buffer: TracedValue) -> bool:
    """Return whether Metal reads and writes vectors of a buffer's elements at any element."""
    term = by_algebra()[Algebra.LOAD_VECTOR].operands["buf"]
    return isinstance(term, Buffer) and isinstance(buffer.type, BufferType) and _allows(term, buffer.type)


def _allows(term: Buffer, type: BufferType) -> bool:
    return type.element in getattr(term.element, "dtypes", ()) and type.space in term.spaces


def load(tracer: Tracer, buffer: Any, start: Any, lanes: int, loc: SourceLoc) -> TracedValue:
    """Return the vector of elements from `start` on."""
    if is_packed(buffer):
        return tracer.apply(by_algebra()[Algebra.LOAD_VECTOR], {"buf": buffer, "i": start, "lanes": lanes}, loc)
    return tracer.made([element(tracer, buffer, start, lane, loc) for lane in range(lanes)], loc)


def element(tracer: Tracer, buffer: Any, start: Any, lane: int, loc: SourceLoc) -> TracedValue:
    """Return one element."""
    return tracer.apply(by_algebra()[Algebra.LOAD], {"buf": buffer, "i": _place(tracer, start, lane, loc)}, loc)


def _place(tracer: Tracer, start: Any, lane: int, loc: SourceLoc) -> Any:
    return (
        start if lane == 0 else start + lane if literal(start) is not None else tracer.operator("+", (start, lane), loc)
    )


def store(tracer: Tracer, buffer: Any, start: Any, value: TracedValue, limit: Any, loc: SourceLoc) -> None:
    """Set the elements from `start` on, none of them from `limit` on; they are converted as a single one would be."""
    value = tracer.assigned(
        value, widened(buffer.dtype, value.dtype.lanes), f"an element of {buffer.name or 'the buffer'}", loc
    )
    if limit is not None:
        lanes = value.dtype.lanes
        whole, _ = _block(tracer, lambda: store(tracer, buffer, start, value, None, loc))
        rest, _ = _block(tracer, lambda: _store_some(tracer, buffer, start, value, limit, loc))
        tracer.add(If(_inside(tracer, start, lanes - 1, limit, loc), whole, rest, [], loc))
    elif is_packed(buffer):
        tracer.apply(by_algebra()[Algebra.STORE_VECTOR], {"buf": buffer, "i": start, "x": value}, loc)
    else:
        for lane in range(value.dtype.lanes):
            _store_one(tracer, buffer, start, value, lane, loc)


def _store_one(tracer: Tracer, buffer: Any, start: Any, value: TracedValue, lane: int, loc: SourceLoc) -> None:
    arguments = {"buf": buffer, "i": _place(tracer, start, lane, loc), "x": tracer.component(value, lane, loc)}
    tracer.apply(by_algebra()[Algebra.STORE], arguments, loc)


def _store_some(tracer: Tracer, buffer: Any, start: Any, value: TracedValue, limit: Any, loc: SourceLoc) -> None:
    for lane in range(value.dtype.lanes - 1):
        then, _ = _block(tracer, lambda lane=lane: _store_one(tracer, buffer, start, value, lane, loc))
        orelse, _ = _block(tracer, lambda: None)
        tracer.add(If(_inside(tracer, start, lane, limit, loc), then, orelse, [], loc))


def _inside(tracer: Tracer, start: Any, lane: int, limit: Any, loc: SourceLoc) -> TracedValue:
    """Return whether the element `lane` after `start` is below the limit; no sum is made that could wrap around."""
    place, end = tracer.value(start, loc), tracer.value(limit, loc)
    below = tracer.operator("<", (place, end), loc)
    if lane == 0:
        return below
    return tracer.operator(
        "and", (below, tracer.operator("<", (lane, tracer.operator("-", (end, place), loc)), loc)), loc
    )


def _block(tracer: Tracer, record: Any) -> tuple[Any, Any]:
    with tracer.block() as block:
        made = record()
    return block, made


def perform(condition: Any, whole: Callable[[], None], rest: Callable[[], None], loc: SourceLoc) -> None:
    """Record one thing or another, by a condition that may be known now."""
    if isinstance(condition, bool):
        (whole if condition else rest)()
        return
    tracer = active()
    then, _ = _block(tracer, whole)
    orelse, _ = _block(tracer, rest)
    tracer.add(If(condition, then, orelse, [], loc))


def choose(
    condition: Any,
    whole: Callable[[], list[TracedValue]],
    rest: Callable[[], list[TracedValue]],
    loc: SourceLoc,
) -> list[TracedValue]:
    """Return the values that one thing or another gives, by a condition that may be known now."""
    if isinstance(condition, bool):
        return (whole if condition else rest)()
    tracer = active()
    then, first = _block(tracer, whole)
    orelse, second = _block(tracer, rest)
    node = If(condition, then, orelse, [], loc)
    results: list[TracedValue] = []
    for value, other in zip(first, second, strict=True):
        result = TracedValue(value.type, None, node)
        result.scope = tracer.blocks[-1]
        results.append(result)
        then.yields.append(value)
        orelse.yields.append(other)
    node.results.extend(results)
    tracer.add(node)
    return results


def load_limited(
    tracer: Tracer, buffer: Any, start: Any, lanes: int, limit: Any, default: Any, loc: SourceLoc
) -> TracedValue:
    """Return the vector of elements from `start` on, `default` for those from `limit` on, which are not read."""
    fill = tracer.assigned(default, buffer.dtype, "the default", loc)

    def some() -> list[TracedValue]:
        parts = [_element_or(tracer, buffer, start, lane, limit, fill, loc) for lane in range(lanes - 1)]
        return [tracer.made([*parts, fill], loc)]

    inside = _inside(tracer, start, lanes - 1, limit, loc)
    return choose(inside, lambda: [load(tracer, buffer, start, lanes, loc)], some, loc)[0]


def _element_or(
    tracer: Tracer, buffer: Any, start: Any, lane: int, limit: Any, fill: TracedValue, loc: SourceLoc
) -> TracedValue:
    inside = _inside(tracer, start, lane, limit, loc)
    return choose(inside, lambda: [element(tracer, buffer, start, lane, loc)], lambda: [fill], loc)[0]
