"""Constant memory made of Python's numbers: what a tuple, list or NumPy array becomes when a traced value indexes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

from enigma.dtypes import MAX_CONSTANT_BYTES, Numeric, as_dtype, b1, f32, i32, promote
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.trace.given import check_literal, describe, literal, located_dtype, number_dtype
from enigma.trace.public import public
from enigma.trace.tensor import Table
from enigma.trace.tracer import Tracer
from enigma.trace.value import TracedValue, active

_PASS = "pass it as a buffer: W: enigma.f32"


@public
def constant(values: Any, dtype: Any = None) -> Table:
    """Return a table in constant memory that holds the numbers of a tuple, list or NumPy array, which may be nested.

    `dtype` is the array's own, f32 for float64; of Python numbers f32, i32 or b1, or what the largest integer needs. All
    tables of a kernel have 65536 bytes. With fewer indices than axes a table gives a part of itself.

        weights = enigma.constant((0.25, 0.5, 0.25), enigma.f16)
        y = weights[k]

    Raises `EnigmaTypeError` for what is no numbers and `EnigmaValueError` for numbers that do not fit.
    """
    loc = caller()
    return table(active(), values, None if dtype is None else located_dtype(dtype, loc), None, loc)


def is_numbers(x: Any) -> bool:
    """Return whether indexing `x` with a traced value means a table: a NumPy array, or a tuple or list of numbers."""
    if is_array(x):
        return True
    if type(x) not in (tuple, list) or not x:
        return False
    items = cast(Sequence[Any], x)
    return all(literal(item) is not None or is_numbers(item) for item in items)


def is_array(x: Any) -> bool:
    """Return whether `x` is a NumPy array, of whatever class; NumPy itself is not needed to trace."""
    return any(cls.__name__ == "ndarray" and cls.__module__ == "numpy" for cls in type(x).__mro__)


def table(tracer: Tracer, values: Any, dtype: Numeric | None, name: str | None, loc: SourceLoc) -> Table:
    """Return the table of Python's numbers, the same memory for the same ones. Raises located errors for anything else."""
    if is_array(values):
        if type(values).__name__ != "ndarray":
            raise EnigmaTypeError(
                f"constant memory holds plain arrays, but it is given {describe(values)}", loc=loc,
                help="convert it outside of the kernel: numpy.asarray(W)",
            )  # fmt: skip
        shape, flat, own = (
            tuple(int(n) for n in values.shape),
            cast(list[Any], values.reshape(-1).tolist()),
            _of_array(values, loc),
        )
    else:
        shape, flat = _nested(values, loc)
        own = None if dtype is not None else _of_numbers(flat, loc)
    if not shape:
        raise EnigmaTypeError(
            f"a table of the single number {flat[0]}", loc=loc, help="use the number itself, or write a tuple: (1, 2)"
        )
    if 0 in shape:
        raise EnigmaValueError("a table of no numbers", loc=loc, help="give it at least one")
    element = dtype or own or f32
    held = tuple(check_literal(number, element, loc) for number in flat)
    memory = tracer.table(element, held, name, loc)
    total = sum(math.prod(one.shape or ()) * one.dtype.size for one in tracer.tables.values())
    if total > MAX_CONSTANT_BYTES:
        raise EnigmaValueError(
            f"the kernel's tables are {total} bytes, but there are {MAX_CONSTANT_BYTES} of constant memory", loc=loc,
            help=f"{_PASS}, or choose a narrower dtype: enigma.constant(W, enigma.f16)",
        )  # fmt: skip
    return Table(memory, 0, shape)


def _of_array(array: Any, loc: SourceLoc) -> Numeric:
    if array.dtype.name == "float64":
        return f32
    try:
        return as_dtype(array.dtype)
    except EnigmaTypeError:
        raise EnigmaTypeError(
            f"an array of {array.dtype.name} cannot be constant memory", loc=loc,
            help="convert it outside of the kernel: W.astype(numpy.float32)",
        ) from None  # fmt: skip


def _nested(values: Any, loc: SourceLoc) -> tuple[tuple[int, ...], list[bool | int | float]]:
    """Return the shape of nested sequences and their numbers in order."""
    number = literal(values)
    if number is not None:
        return (), [number]
    if not isinstance(values, tuple | list):
        help = "constant memory holds Python's numbers; for values of the kernel: enigma.thread_alloc(dtype, size)"
        raise EnigmaTypeError(
            f"constant memory holds numbers, but it is given {describe(values)}", loc=loc,
            help=help if isinstance(values, TracedValue) else "write a tuple, a list or a NumPy array of numbers",
        )  # fmt: skip
    parts = [_nested(item, loc) for item in cast(Sequence[Any], values)]
    shapes = {shape for shape, _ in parts}
    if len(shapes) > 1:
        raise EnigmaValueError(
            "the rows of a table differ in length", loc=loc, help="make all rows equally long, or one flat tuple"
        )
    inner = shapes.pop() if shapes else ()
    return (len(parts), *inner), [number for _, numbers in parts for number in numbers]


def _of_numbers(numbers: Sequence[bool | int | float], loc: SourceLoc) -> Numeric | None:
    """Return the dtype of Python's numbers, None for none: f32 if one is a float, else what all integers fit."""
    if not numbers:
        return None
    if any(isinstance(number, bool) for number in numbers):
        if all(isinstance(number, bool) for number in numbers):
            return b1
        raise EnigmaTypeError(
            "a table of both numbers and bools",
            loc=loc,
            help="write 0 and 1, or say which: enigma.constant(W, enigma.f32)",
        )
    if any(isinstance(number, float) for number in numbers):
        return f32
    low, high = min(numbers), max(numbers)
    wide = promote(number_dtype(low, loc), number_dtype(high, loc)) or i32
    if not wide.min <= low <= high <= wide.max:
        raise EnigmaValueError(
            f"no integer dtype holds both {low} and {high}", loc=loc,
            help="say what they are rounded to: enigma.constant(W, enigma.f32)",
        )  # fmt: skip
    return wide
