"""What sampling a texture gives, texel by texel in plain Python with exact fractions: what all targets are compared with.

It follows chapter 2.10 of the Metal specification and shares nothing with the package.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Texel = tuple[Fraction, ...]


def four(stored: Sequence[Any], *, normalized: bool) -> Texel:
    """Return what is stored of a texel as four components."""
    found = [Fraction(float(x)) / 255 if normalized else Fraction(float(x)) for x in stored]
    return tuple(found + [Fraction(0), Fraction(0), Fraction(1)][len(found) - 1 :] if len(found) < 4 else found)


def texel(image: Array, place: Sequence[int], *, border: bool, normalized: bool = False) -> Texel:
    """Return the texel at (x, y, ...) of an array of shape (..., y, x, components)."""
    sizes = image.shape[:-1][::-1]
    if all(0 <= i < size for i, size in zip(place, sizes, strict=True)):
        return four(image[tuple(reversed(place))], normalized=normalized)
    return four([0] * image.shape[-1], normalized=False) if border else (Fraction(0),) * 4


ADDRESS: dict[str, Callable[[int, int], int]] = {
    "clamp_to_zero": lambda i, n: i,
    "clamp_to_edge": lambda i, n: min(max(i, 0), n - 1),
    "repeat": lambda i, n: i % n,
    "mirrored_repeat": lambda i, n: i % (2 * n) if i % (2 * n) < n else 2 * n - 1 - i % (2 * n),
}


def place_of(u: float, size: int, *, normalized: bool) -> Fraction:
    """Return a coordinate in texels, exactly; an infinite one is so far outside that nothing changes any more, NaN is 0."""
    if math.isnan(u):
        return Fraction(0)
    if math.isinf(u):
        return Fraction(-(10**6) if u < 0 else 10**6)
    return Fraction(u) * (size if normalized else 1)


def sample(
    image: Array, at: Sequence[float], *, filter: str, address: str, normalized: bool = True, layer: int | None = None
) -> Texel:  # fmt: skip
    """Return the sample of an image of shape (..., y, x, components); with a layer, of that one of them."""
    unorm = image.dtype == np.uint8
    if layer is not None:
        image = image[min(layer, len(image) - 1)]
    sizes = image.shape[:-1][::-1]
    endless = address in ("repeat", "mirrored_repeat")
    at = [0.0 if endless and math.isinf(u) else u for u in at]  # where in an endless row of textures is infinity? at 0
    places = [place_of(u, size, normalized=normalized) for u, size in zip(at, sizes, strict=True)]
    if filter == "nearest":
        found = [ADDRESS[address](math.floor(x), size) for x, size in zip(places, sizes, strict=True)]
        return texel(image, found, border=True, normalized=unorm)
    axes: list[list[tuple[int, Fraction]]] = []
    for x, size in zip(places, sizes, strict=True):
        first = math.floor(x - Fraction(1, 2))
        near = x - Fraction(1, 2) - first
        axes.append([(ADDRESS[address](first, size), 1 - near), (ADDRESS[address](first + 1, size), near)])
    total = [Fraction(0)] * 4
    for corner in product(*axes):
        weight = math.prod((factor for _, factor in corner), start=Fraction(1))
        value = texel(image, [i for i, _ in corner], border=True, normalized=unorm)
        total = [a + weight * b for a, b in zip(total, value, strict=True)]
    return tuple(total)
