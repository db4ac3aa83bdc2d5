"""How far results of two runtimes may differ: floats are rounded in other places, integers are equal."""

from __future__ import annotations

from enigma.dtypes import Numeric
from enigma.spec.terms import Precision

TOLERANCES = {"float32": (1e-5, 1e-6), "float16": (5e-3, 1e-3), "bfloat16": (4e-2, 1e-2)}
"""Relative and absolute tolerance by NumPy's name of the dtype."""

_FAST = (1e-3, 2.5e-4)
"""For f32 in a kernel of fast math, whose sine may be 2**-13 off (Metal specification, table 8.2)."""


def tolerance(dtype: Numeric, math: Precision) -> tuple[float, float]:
    """Return the relative and the absolute tolerance of what a kernel writes: zero for integers.

    >>> from enigma.dtypes import f32, u8
    >>> tolerance(f32, Precision.DEFAULT), tolerance(u8, Precision.FAST)
    ((1e-05, 1e-06), (0.0, 0.0))
    """
    if not dtype.is_float:
        return 0.0, 0.0
    relative, absolute = TOLERANCES[dtype.element.numpy_name]
    if math is not Precision.FAST:
        return relative, absolute
    return max(relative, _FAST[0]), max(absolute, _FAST[1])
