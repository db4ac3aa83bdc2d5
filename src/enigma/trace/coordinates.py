"""Coordinates of tensors with layouts: the element they mean, and the view where a part of them is None."""

from __future__ import annotations

import math
from typing import Any, cast

from enigma.dtypes import Numeric
from enigma.errors import EnigmaIndexError, EnigmaTypeError, EnigmaValueError
from enigma.layout import Layout
from enigma.layout.int_tuple import IntTuple, flatten, int_tuple, product
from enigma.layout.leaf import is_static
from enigma.layout.slicing import slice_and_offset
from enigma.source import SourceLoc, caller
from enigma.trace.given import describe, literal
from enigma.trace.value import TracedValue

Tensor = Any
"""A tensor, which is a module above."""


def extents(shape: Any, what: str) -> tuple[int | None, ...]:
    """Return a row-major shape: positive ints, the first of which may be None, for an extent known at launch.

    Raises `EnigmaTypeError` and `EnigmaValueError` for anything else; `what` names it.
    """
    given: tuple[Any, ...] = tuple(cast("tuple[Any, ...]", shape)) if isinstance(shape, tuple | list) else (shape,)
    unknown = given[:1] == (None,)
    numbers = flatten(int_tuple(given[1:] if unknown else given, what))
    found = numbers if isinstance(numbers, tuple) else (numbers,)
    if len(found) != len(given) - unknown or not given:
        raise EnigmaTypeError(f"{what} is {shape!r}", help="write one int for each axis; nested modes need a layout")
    if min(cast("tuple[int, ...]", found), default=1) < 1:
        raise EnigmaValueError(f"{what} is {shape!r}", help="every axis has at least one element")
    return (None, *cast("tuple[int, ...]", found)) if unknown else cast("tuple[int, ...]", found)


def row_major(extents: tuple[int | None, ...]) -> Layout:
    """Return the layout of a row-major shape; raises `EnigmaTypeError` where an extent is known at launch only."""
    if extents[0] is None:
        raise EnigmaTypeError(
            "the first extent is known at launch only, and a layout needs it",
            loc=caller(),
            help="write it as a number: enigma.f32[M, N]",
        )
    shape = cast("tuple[int, ...]", extents)
    return Layout(shape, _steps(shape))


def _steps(extents: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(math.prod(extents[axis + 1 :]) for axis in range(len(extents)))


def place(name: str | None, index: Any, extent: Any, axis: str, loc: SourceLoc) -> Any:
    """Return a part of a coordinate, or a whole index; raises for what is no integer, or outside of a known extent."""
    if isinstance(index, slice):
        raise EnigmaTypeError(
            f"{name or 'a buffer'} cannot be sliced", loc=loc, help="loop over the elements: for i in range(n): A[i]"
        )
    number = literal(index)
    if isinstance(number, float | bool) or (number is None and not isinstance(index, TracedValue)):
        raise EnigmaTypeError(
            f"a buffer index must be an integer, but it is {describe(index)}", loc=loc,
            help="write a whole number or a traced integer: A[i]",
        )  # fmt: skip
    if number is not None:
        if number < 0 or (isinstance(extent, int) and number >= extent):
            holds = f", which has {extent} elements" if isinstance(extent, int) else ""
            raise EnigmaIndexError(
                f"index {number} is outside of {axis}{name or 'the buffer'}{holds}", loc=loc,
                help="indices start at 0 and do not count from the end",
            )  # fmt: skip
        return number
    if not isinstance(index.type, Numeric) or not index.type.is_integer or index.type.parts > 1:
        raise EnigmaTypeError(
            f"a buffer index must be an integer, but {index.name or 'it'} is {describe(index)}", loc=loc,
            help=f"convert it: {index.name or 'i'}.to(enigma.i32)",
        )  # fmt: skip
    return index


def checked(tensor: Tensor, coordinate: Any, shape: IntTuple, loc: SourceLoc, where: str = "") -> Any:
    """Return a coordinate whose parts are integers within the shape, as far as both are known, or None."""
    if coordinate is None:
        return None
    if isinstance(coordinate, tuple):
        parts = cast("tuple[Any, ...]", coordinate)
        if not isinstance(shape, tuple) or len(parts) != len(shape):
            raise EnigmaTypeError(
                f"coordinate {_shown(parts)} does not fit {where}{tensor.name or 'the tensor'}, whose shape is {shape}", loc=loc,
                help="write one part for each mode, None to keep a mode whole; an integer stands for all modes of a tuple",
            )  # fmt: skip
        return tuple(
            checked(tensor, part, mode, loc, f"mode {number} of ")
            for number, (part, mode) in enumerate(zip(parts, shape, strict=True))
        )
    extent = product(shape) if is_static(shape) else None
    return place(tensor.name, coordinate, extent, where, loc)


def _shown(parts: tuple[Any, ...]) -> str:
    """Return a coordinate as it may stand in a message: traced parts by their names."""
    shown = (
        _shown(cast("tuple[Any, ...]", part)) if isinstance(part, tuple) else getattr(part, "name", None) or str(part)
        if isinstance(part, int | None) or hasattr(part, "name") else "?"
        for part in parts
    )  # fmt: skip
    return f"({', '.join(shown)})"


def traced_part(coordinate: Any) -> Any:
    """Return the first part of a coordinate that is known only when the kernel runs, or None."""
    if isinstance(coordinate, tuple):
        parts = map(traced_part, cast("tuple[Any, ...]", coordinate))
        return next((part for part in parts if part is not None), None)
    return None if coordinate is None or literal(coordinate) is not None else coordinate


def offset(tensor: Tensor, coordinate: Any, loc: SourceLoc) -> Any:
    """Return the number of the element that a whole coordinate means, from the tensor's start on."""
    return tensor.layout(checked(tensor, coordinate, tensor.layout.shape, loc))


def sliced(tensor: Tensor, coordinate: Any, loc: SourceLoc) -> tuple[Any, Any]:
    """Return the layout of the modes for which a coordinate has None, and how far its other parts move the start."""
    if not tensor.is_laid_out and tensor.shape is not None and tensor.shape[0] is None:
        return _rows(tensor, coordinate, loc)
    layout = tensor.layout
    return slice_and_offset(checked(tensor, coordinate, layout.shape, loc), layout)


def _rows(tensor: Tensor, coordinate: Any, loc: SourceLoc) -> tuple[Any, Any]:
    """Return the same of a tensor whose first extent is known at launch only: a coordinate must fix it."""
    parts = cast("tuple[Any, ...]", coordinate) if isinstance(coordinate, tuple) else (None,)
    if parts[0] is None:
        raise EnigmaTypeError(
            f"the first extent of {tensor.name} is known at launch only, so no view can keep it whole", loc=loc,
            help=f"give a number for it, {tensor.name}[i, None], or annotate the extent",
        )  # fmt: skip
    first = place(tensor.name, parts[0], None, "axis 0 of ", loc)
    steps = _steps(tensor.shape)
    rest = Layout(tensor.shape[1:], steps[1:])
    layout, moved = slice_and_offset(checked(tensor, parts[1:], rest.shape, loc), rest)
    return layout, first * steps[0] + moved
