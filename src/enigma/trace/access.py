"""Accesses of several elements in a row: as one where Metal can, else element by element; and those that stop at a limit."""

from __future__ import annotations

from typing import Any

from enigma.dtypes import BufferType, widened
from enigma.source import SourceLoc
from enigma.spec.registry import by_algebra
from enigma.spec.terms import Algebra, Buffer
from enigma.trace.given import literal
from enigma.trace.node import If
from enigma.trace.value import TracedValue

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


def load_limited(
    tracer: Tracer, buffer: Any, start: Any, lanes: int, limit: Any, default: Any, loc: SourceLoc
) -> TracedValue:
    """Return the vector of elements from `start` on, `default` for those from `limit` on, which are not read."""
    fill = tracer.assigned(default, buffer.dtype, "the default", loc)
    whole, all_of_it = _block(tracer, lambda: load(tracer, buffer, start, lanes, loc))

    def some() -> TracedValue:
        parts = [_element_or(tracer, buffer, start, lane, limit, fill, loc) for lane in range(lanes - 1)]
        return tracer.made([*parts, fill], loc)

    rest, part_of_it = _block(tracer, some)
    return _chosen(tracer, _inside(tracer, start, lanes - 1, limit, loc), (whole, all_of_it), (rest, part_of_it), loc)


def _element_or(
    tracer: Tracer, buffer: Any, start: Any, lane: int, limit: Any, fill: TracedValue, loc: SourceLoc
) -> TracedValue:
    then = _block(tracer, lambda: element(tracer, buffer, start, lane, loc))
    orelse = _block(tracer, lambda: fill)
    return _chosen(tracer, _inside(tracer, start, lane, limit, loc), then, orelse, loc)


def _chosen(tracer: Tracer, condition: TracedValue, then: Any, orelse: Any, loc: SourceLoc) -> TracedValue:
    (first, x), (second, y) = then, orelse
    node = If(condition, first, second, [], loc)
    result = TracedValue(x.type, None, node)
    result.scope = tracer.blocks[-1]
    node.results.append(result)
    first.yields.append(x)
    second.yields.append(y)
    tracer.add(node)
    return result
