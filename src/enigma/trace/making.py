"""Vectors put together by functions: of the dtype that the numbers have, or of float."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enigma.dtypes import WIDTHS, Vector, f32, widened
from enigma.errors import EnigmaTypeError
from enigma.source import SourceLoc, caller
from enigma.spec.registry import by_algebra
from enigma.spec.terms import MAKES
from enigma.trace.public import public
from enigma.trace.value import TracedValue, active


@public
def make_vec(*c: Any) -> Any:
    """Return the vector of two to four numbers, in order; vectors among them count with all their components.

    They are converted to their common dtype, as operands are. Raises `EnigmaTypeError` for another number of components.

        v = enigma.make_vec(x, y, 0.0)
    """
    loc, tracer = caller(), active()
    parts: list[Any] = []
    for value in c:
        parts += tracer.components(value, loc) if _is_vector(value) else [value]
    if len(parts) not in WIDTHS:
        raise EnigmaTypeError(
            f"make_vec makes a vector of 2 to 4 components, but it got {len(parts)}", loc=loc,
            help="give so many numbers; to repeat one, write enigma.f32x4(x)",
        )  # fmt: skip
    row = by_algebra()[MAKES[len(parts)]]
    return tracer.apply(row, dict(zip(row.operands, parts, strict=True)), loc)


def _is_vector(x: Any) -> bool:
    return isinstance(x, TracedValue) and isinstance(x.type, Vector)


def _of_floats(lanes: int) -> Callable[..., Any]:
    dtype = widened(f32, lanes)
    names = ", ".join("xyzw"[:lanes])

    def make(*c: Any) -> Any:
        return _made(dtype, c, caller())

    make.__name__ = make.__qualname__ = f"make_float{lanes}"
    make.__doc__ = (
        f"Return the vector of {lanes} f32 of these numbers, each converted; vectors among them count with all their "
        f"components.\n\nRaises `EnigmaTypeError` for another number of components.\n\n    v = enigma.make_float{lanes}({names})"
    )
    return public(make)


def _made(dtype: Any, parts: tuple[Any, ...], loc: SourceLoc) -> Any:
    return active().vector(dtype, parts, loc)


make_float2, make_float3, make_float4 = (_of_floats(lanes) for lanes in WIDTHS)
