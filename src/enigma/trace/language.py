"""The parts of the language that are more than one row: `where`, guarded access, threadgroup memory, unsigned comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from enigma.dtypes import Numeric, b1, i32, i64, u32, u64
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.spec.registry import by_algebra
from enigma.spec.terms import Algebra
from enigma.trace import (
    arrays,
    asynchronous,
    copying,
    gemm,
    making,
    matrices,
    pipeline,
    quantized,
    small,
    tables,
    tiles,
)
from enigma.trace.control import captured, either, truth
from enigma.trace.fragment import Fragment, each
from enigma.trace.given import describe, literal, located_dtype
from enigma.trace.node import If
from enigma.trace.public import PUBLIC, public
from enigma.trace.registers import static_shape
from enigma.trace.tensor import Tensor
from enigma.trace.value import TracedValue, active

__all__ = ["MODULES", "PUBLIC", "public"]

MODULES = (arrays, asynchronous, copying, gemm, making, matrices, pipeline, quantized, small, tables, tiles)
"""Where further functions are made public."""


@public
def where(condition: Any, if_true: Any, if_false: Any) -> Any:
    """Return `if_true` where the condition holds, else `if_false`; both are computed.

    Fragments are chosen from element by element.
    The older order `where(if_false, if_true, condition)` is recognised when only the third argument is boolean.

        y = enigma.where(x > 0, x, 0.0)
    """
    loc, tracer = caller(), active()
    if _is_bool(if_false) and not _is_bool(condition) and not _is_bool(if_true):
        condition, if_true, if_false = if_false, if_true, condition
    if any(isinstance(x, Fragment) for x in (condition, if_true, if_false)):
        return each(where, (condition, if_true, if_false), loc)
    if isinstance(condition, bool):
        return if_true if condition else if_false
    if not _is_bool(condition):
        raise EnigmaTypeError(
            f"where: the condition must be a bool, but it is {describe(condition)}", loc=loc, help="compare: x != 0"
        )
    row = by_algebra()[Algebra.SELECT]
    return tracer.apply(row, dict(zip(row.operands, (condition, if_true, if_false), strict=True)), loc)


def _is_bool(x: Any) -> bool:
    return isinstance(x, bool) or (isinstance(x, TracedValue) and isinstance(x.type, Numeric) and x.type.element is b1)


@public
def load_if(buf: Any, index: Any, mask: Any, default: Any = 0) -> Any:
    """Return element `index` of `buf` where `mask` holds, else `default`; nothing is read elsewhere.

    x = enigma.load_if(A, i, i < n, 0.0)
    """
    loc, tracer = caller(), active()
    tensor = _tensor(buf, "load_if", loc)
    if isinstance(mask, bool):
        return tensor[index] if mask else tracer.convert(default, tensor.dtype, loc)
    condition = truth(mask, loc)
    element = captured(tracer, lambda: tensor[index])
    other = captured(tracer, lambda: _as_element(default, tensor.dtype, loc))
    return either(tracer, condition, element, other, loc)


def _as_element(x: Any, dtype: Numeric, loc: SourceLoc) -> Any:
    number = literal(x)
    if number is not None and dtype.is_integer and isinstance(number, float) and number.is_integer():
        x = int(number)
    return active().convert(x, dtype, loc)


@public
def store_if(buf: Any, index: Any, value: Any, mask: Any) -> None:
    """Set element `index` of `buf` to `value` where `mask` holds; nothing is written elsewhere.

    enigma.store_if(Out, i, x, i < n)
    """
    loc, tracer = caller(), active()
    tensor = _tensor(buf, "store_if", loc)
    if isinstance(mask, bool):
        if mask:
            tensor[index] = value
        return
    condition = truth(mask, loc)

    def store() -> None:
        tensor[index] = value

    then, _ = captured(tracer, store)
    orelse, _ = captured(tracer, lambda: None)
    tracer.add(If(condition, then, orelse, [], loc))


def _tensor(buf: Any, function: str, loc: SourceLoc) -> Tensor:
    if not isinstance(buf, Tensor):
        raise EnigmaTypeError(
            f"{function}: buf must be a buffer, but it is {describe(buf)}",
            loc=loc,
            help="pass the buffer itself: A, not A[i]",
        )
    return buf


@public
def threadgroup_alloc(dtype: Any, size: Any = None, layout: Any = None) -> Tensor:
    """Return memory shared by the threads of a threadgroup: `size` elements, or a shape indexed by tuples (row-major).

    With a `layout` the elements are where it puts them, a swizzled one too; `size` then is what it reaches where it is left out.
    It is uninitialised. A threadgroup has 32768 bytes in all; more raises `EnigmaValueError`.

        tile = enigma.threadgroup_alloc(enigma.f32, (16, 17))
        tile[y, x] = A[i]
    """
    loc, tracer = caller(), active()
    element = located_dtype(dtype, loc)
    if layout is None:
        return arrays.shared(tracer, element, static_shape(size, "threadgroup memory", loc), loc)
    if not hasattr(layout, "span"):
        raise EnigmaTypeError(
            f"threadgroup_alloc: layout must be a layout, but it is {describe(layout)}", loc=loc,
            help="make one: enigma.make_layout((8, 32), (33, 1)), or leave it out",
        )  # fmt: skip
    needed = layout.span()
    count = needed if size is None else math.prod(static_shape(size, "threadgroup memory", loc))
    if count < needed:
        raise EnigmaValueError(
            f"threadgroup_alloc: {count} elements are too few for the layout {layout}, which reaches {needed}", loc=loc,
            help="leave the size out: threadgroup_alloc(dtype, layout=layout)",
        )  # fmt: skip
    return arrays.shared(tracer, element, (count,), loc).with_layout(layout)


def _unsigned(symbol: str, name: str) -> Callable[[Any, Any], Any]:
    def compare(x: Any, y: Any) -> Any:
        loc, tracer = caller(), active()
        return tracer.operator(symbol, (_as_unsigned(x, loc), _as_unsigned(y, loc)), loc)

    compare.__name__ = compare.__qualname__ = name
    text = f"Return whether `x {symbol} y`, integers compared as unsigned; floats as they are."
    compare.__doc__ = f"{text}\n\n    c = enigma.{name}(x, y)"
    return public(compare)


def _as_unsigned(x: Any, loc: SourceLoc) -> Any:
    twin: dict[Numeric, Numeric] = {i32: u32, i64: u64}
    if isinstance(x, TracedValue) and isinstance(x.type, Numeric) and x.type.is_signed:
        wide = x if x.type in twin else active().convert(x, i32, loc)
        return active().convert(wide, twin[wide.dtype], loc)
    return x


cmp_ult = _unsigned("<", "cmp_ult")
cmp_ule = _unsigned("<=", "cmp_ule")
cmp_ugt = _unsigned(">", "cmp_ugt")
cmp_uge = _unsigned(">=", "cmp_uge")


@public
def range_constexpr(*args: Any) -> tuple[int, ...]:
    """Return the ints of Python's range: a loop over them is always unrolled, without a warning.

    for k in enigma.range_constexpr(4):
        acc += A[i + k]
    """
    if not 1 <= len(args) <= 3:
        raise EnigmaTypeError(
            f"range_constexpr takes 1 to 3 arguments, but it got {len(args)}",
            loc=caller(),
            help="write range_constexpr(low, high, step)",
        )
    for arg in args:
        number = literal(arg)
        if not isinstance(number, int) or isinstance(number, bool):
            raise EnigmaTypeError(
                f"range_constexpr needs Python ints, but it got {describe(arg)}",
                loc=caller(),
                help="for a traced bound write enigma.range",
            )
    return tuple(range(*(int(arg) for arg in args)))
