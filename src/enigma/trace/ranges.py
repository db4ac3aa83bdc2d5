"""The bounds of a counted loop: of one integer dtype, with a positive step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from enigma.dtypes import Numeric, i32, i64, promote
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.trace.given import describe, literal
from enigma.trace.tracer import Tracer
from enigma.trace.undefined import Undefined
from enigma.trace.value import Handle, TracedValue


@dataclass(frozen=True, slots=True)
class Range:
    """`range` with a traced bound, or `enigma.range`: always a loop of the kernel. Bounds are traced values or ints."""

    low: Any
    high: Any
    step: Any

    def __reversed__(self) -> Iterator[Any]:
        raise EnigmaTypeError(
            "a loop of the kernel cannot be reversed", loc=caller(),
            help="count down: for i in range(n - 1, -1, -1), with a signed n",
        )  # fmt: skip

    def __iter__(self) -> Iterator[Any]:
        raise EnigmaTypeError(
            "enigma.range needs the kernel's source to become a loop", loc=caller(),
            help="here, write `with enigma.for_range(low, high) as i:`",
        )  # fmt: skip


Bounds = tuple[TracedValue, TracedValue, TracedValue, Callable[[TracedValue], TracedValue] | None]
"""Low, high and step of one dtype, and how the counter becomes the loop's variable if it is not the same."""


def counted(tracer: Tracer, bounds: Range, loc: SourceLoc) -> Bounds:
    """Return low, high and a positive step of one integer dtype; for a negative step also how the counter becomes the variable."""
    parts = (bounds.low, bounds.high, bounds.step)
    dtype: Numeric | None = None
    for part in parts:
        if isinstance(part, Undefined):
            part.refuse()
        number = literal(part)
        if isinstance(number, float | bool) or (number is None and not isinstance(part, TracedValue)):
            raise EnigmaTypeError(
                f"a bound of range must be an integer, but it is {describe(part)}", loc=loc,
                help="write a whole number or a traced integer",
            )  # fmt: skip
        if isinstance(part, TracedValue):
            if isinstance(part, Handle) or not part.dtype.is_integer:
                raise EnigmaTypeError(
                    f"a bound of range must be an integer, but {part.name or 'it'} is {describe(part)}", loc=loc,
                    help=f"convert it: {part.name or 'n'}.to(enigma.i32)",
                )  # fmt: skip
            dtype = promote(dtype or part.dtype, part.dtype) or part.dtype
    step = literal(bounds.step)
    if step == 0:
        raise EnigmaValueError("the step of range is 0", loc=loc, help="the loop would not end")
    dtype = _fit(dtype or i32, parts)
    if step is not None and step < 0:
        return _backwards(tracer, bounds, dtype, -int(step), loc)
    values = [tracer.convert(part, dtype, loc) for part in parts]
    return values[0], values[1], values[2], None


def _fit(dtype: Numeric, parts: Sequence[Any]) -> Numeric:
    """A literal bound below zero makes an unsigned range signed: `range(n - 1, -1, -1)` is common."""
    if dtype.kind == "u" and any((literal(part) or 0) < 0 for part in parts[:2]):
        return i64 if dtype.width > 32 else i32
    return dtype


def _backwards(tracer: Tracer, bounds: Range, dtype: Numeric, step: int, loc: SourceLoc) -> Bounds:
    """`range(a, b, -s)` counts k from 0 to a - b in steps of s, and its variable is a - k."""
    low, high = tracer.convert(bounds.low, dtype, loc), tracer.convert(bounds.high, dtype, loc)
    # of unsigned numbers a - b may be below zero, unless b is 0
    wide = i64 if dtype.kind == "u" and literal(bounds.high) != 0 else dtype
    count = tracer.operator("-", (tracer.convert(low, wide, loc), tracer.convert(high, wide, loc)), loc)

    def variable(counter: TracedValue) -> TracedValue:
        return tracer.operator("-", (low, tracer.convert(counter, dtype, loc)), loc)

    return tracer.constant(0, wide, loc), count, tracer.constant(step, wide, loc), variable
