"""What each row that takes or gives whole vectors means, in plain Python on one thread's operands.

`VECTOR_TRUTHS[name](dtype, *operands, **attributes)`: vectors are lists. A `Within` is a number in real arithmetic and how far a
result in f32 may be from it; other results are exact once they are rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from enigma.dtypes import Numeric, f32
from tests.spec.exact import nearest

UNIT = 2.0**-24
"""Half a step of f32 at 1: what one rounding may add, relative to its result."""


@dataclass(frozen=True)
class Within:
    """A real number and the absolute error that is allowed before the last rounding."""

    value: float
    error: float


Vector = Sequence[float]


def _dot(a: Vector, b: Vector) -> Within:
    """N roundings, each relative to a partial sum, which the sum of magnitudes bounds."""
    size = sum(abs(x * y) for x, y in zip(a, b, strict=True))
    return Within(math.fsum(x * y for x, y in zip(a, b, strict=True)), len(a) * UNIT * size)


def _relative(value: float, steps: int) -> Within:
    return Within(value, steps * UNIT * abs(value))


def _difference(a: Vector, b: Vector) -> list[float]:
    return [x - y for x, y in zip(a, b, strict=True)]


def _cross(a: Vector, b: Vector) -> list[Within]:
    found: list[Within] = []
    for i, j in ((1, 2), (2, 0), (0, 1)):
        p, q = a[i] * b[j], a[j] * b[i]
        found.append(Within(p - q, 2 * UNIT * (abs(p) + abs(q))))
    return found


def _normalize(v: Vector) -> list[Within]:
    size = math.hypot(*v)
    return [_relative(x / size, 5) for x in v]


def _reflect(i: Vector, n: Vector) -> list[Within]:
    d = _dot(n, i)
    return [
        Within(x - 2 * d.value * y, 2 * abs(y) * d.error + 2 * UNIT * (abs(x) + 2 * abs(d.value * y)))
        for x, y in zip(i, n, strict=True)
    ]


def _refract(i: Vector, n: Vector, eta: float) -> list[Within] | None:
    d = _dot(n, i)
    k = 1 - eta * eta * (1 - d.value * d.value)
    error = eta * eta * (2 * abs(d.value) * d.error + 3 * UNIT * (1 + d.value * d.value)) + UNIT
    if abs(k) < 4 * error:  # either side is right
        return None
    if k < 0:
        return [Within(0.0, 0.0) for _ in i]
    along = eta * d.value + math.sqrt(k)
    wrong = eta * d.error + error / math.sqrt(k) + 3 * UNIT * (abs(eta * d.value) + math.sqrt(k))
    return [
        Within(eta * x - along * y, wrong * abs(y) + 3 * UNIT * (abs(eta * x) + abs(along * y)))
        for x, y in zip(i, n, strict=True)
    ]


def _faceforward(n: Vector, i: Vector, nref: Vector) -> list[float] | None:
    d = _dot(nref, i)
    if abs(d.value) <= d.error:
        return None
    return [x if d.value < 0 else -x for x in n]


def _geometric(compute: Callable[..., Any]) -> Callable[..., Any]:
    return lambda dtype, *operands: compute(*operands)


# ---- packing: (offset, bits) of each component

LAYOUTS: dict[str, tuple[int, ...]] = {
    "snorm4x8": (8, 8, 8, 8), "unorm4x8": (8, 8, 8, 8), "snorm2x16": (16, 16), "unorm2x16": (16, 16),
    "srgb_unorm4x8": (8, 8, 8, 8), "unorm10a2": (10, 10, 10, 2), "unorm565": (5, 6, 5),
}  # fmt: skip


def srgb_code(light: float) -> int:
    """Return the code nearest to linear light in [0, 1], by IEC 61966-2-1 in fifty digits."""
    with localcontext() as context:
        context.prec = 50
        x = Decimal(light)
        curve = (
            Decimal("12.92") * x
            if x <= Decimal("0.0031308")
            else Decimal("1.055") * x ** (1 / Decimal("2.4")) - Decimal("0.055")
        )
        return int((curve * 255).to_integral_value())


@cache
def srgb_limits() -> Any:
    """Return the largest f32 of each code but the last."""
    found = np.empty(255, np.int32)
    for code in range(255):
        low, high = 0, 0x3F800000  # the bits of 0.0 and 1.0, which are ordered as the numbers are
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if srgb_code(float(np.int32(middle).view(np.float32))) <= code else (low, middle)
        found[code] = low
    return found.view(np.float32)


@cache
def srgb_light(code: int) -> Fraction:
    """Return the linear light of a code."""
    with localcontext() as context:
        context.prec = 50
        curve = Decimal(code) / 255
        light = (
            curve / Decimal("12.92")
            if curve <= Decimal("0.04045")
            else ((curve + Decimal("0.055")) / Decimal("1.055")) ** Decimal("2.4")
        )
        return Fraction(light)


def pack(layout: str, x: Vector) -> int:
    """Return the word: each component limited, scaled in f32, and rounded to nearest even."""
    signed, word, offset = layout.startswith("snorm"), 0, 0
    for k, (part, bits) in enumerate(zip(x, LAYOUTS[layout], strict=True)):
        part = 0.0 if math.isnan(part) else min(max(part, -1.0 if signed else 0.0), 1.0)
        scale = 2 ** (bits - signed) - 1
        if layout.startswith("srgb") and k < 3:
            code = srgb_code(part)
        else:
            code = round(Fraction(nearest(Fraction(part) * scale, f32)))
        word |= (code % 2**bits) << offset
        offset += bits
    return word


def unpack(layout: str, word: int) -> list[Fraction]:
    """Return the numbers that a word stands for."""
    signed, offset, found = layout.startswith("snorm"), 0, list[Fraction]()
    for k, bits in enumerate(LAYOUTS[layout]):
        code = word >> offset & 2**bits - 1
        code -= 2**bits if signed and code >> bits - 1 else 0
        curved = layout.startswith("srgb") and k < 3
        found.append(srgb_light(code) if curved else max(Fraction(code, 2 ** (bits - signed) - 1), Fraction(-1)))
        offset += bits
    return found


def _packs() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for layout in LAYOUTS:
        for kind in ("float", "half"):
            found[f"pack_{kind}_to_{layout}"] = lambda dtype, x, layout=layout: pack(layout, x)
            found[f"unpack_{layout}_to_{kind}"] = lambda dtype, p, layout=layout: unpack(layout, p)
    return found


def _at(dtype: Numeric, v: Sequence[Any], i: int) -> Any:
    return v[i] if 0 <= i < len(v) else v[0]


VECTOR_TRUTHS: dict[str, Callable[..., Any]] = {
    **{f"vec_make{lanes}": lambda dtype, *parts: list(parts) for lanes in (2, 3, 4)},
    "vec_splat": lambda dtype, x, lanes: [x] * lanes, "vec_extract": lambda dtype, v, lane: v[lane], "vec_at": _at,
    "all": lambda dtype, v: False not in v, "any": lambda dtype, v: True in v,
    "dot": _geometric(_dot), "length_squared": _geometric(lambda v: _dot(v, v)),
    "length": _geometric(lambda v: _relative(math.hypot(*v), 3)),
    "distance_squared": _geometric(lambda a, b: _relative(sum(x * x for x in _difference(a, b)), 7)),
    "distance": _geometric(lambda a, b: _relative(math.dist(a, b), 5)),
    "cross": _geometric(_cross), "normalize": _geometric(_normalize), "reflect": _geometric(_reflect),
    "refract": _geometric(_refract), "faceforward": _geometric(_faceforward), **_packs(),
}  # fmt: skip
