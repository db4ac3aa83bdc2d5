"""What a sampler does (Metal specification, 2.10): from coordinates to texels and their weights, in NumPy and for the CPU.

A coordinate counts texels from the texture's edge, so that the middle of texel i is at i + 0.5. The nearest filter takes the texel
that the coordinate lies in; the linear one takes, along each axis, the two texels whose middles lie around it, each weighted by how
near it is. What lies outside is decided for each texel by its number. NaN counts as the coordinate 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from enigma.dtypes import f32, i32
from enigma.spec.terms import SamplerAddress, SamplerCoord, SamplerFilter

PERIODS = {SamplerAddress.REPEAT: 1.0, SamplerAddress.MIRRORED_REPEAT: 2.0}
"""After how many textures an address mode that has no end begins again."""

MARGIN = 2.0
"""Texels outside of the texture that coordinates are held to: everything beyond is the same."""


# ---- the meaning


def meaning(
    np: Any, env: Any, tex: Any, at: Any, filter: SamplerFilter, address: SamplerAddress, coord: SamplerCoord, layer: Any = None
) -> Any:  # fmt: skip
    """Return the texture's dtype at the coordinates, four components in front. `layer` is held to those that there are."""
    axes = at if isinstance(at, tuple) else (at,) if tex.kind.axes == 1 else tuple(at)
    columns = [list(_texels(np, x, size, filter, address, coord)) for x, size in zip(axes, tex.sizes, strict=False)]
    last = () if layer is None else (np.minimum(layer, np.uint32(tex.layers - 1)).astype(np.int64),)
    if filter is SamplerFilter.NEAREST:
        return env.texels(tex, (*(column[0][0] for column in columns), *last), border=True)
    total: Any = np.float32(0)
    for corner in product(*columns):
        texel = env.texels(tex, (*(place for place, _ in corner), *last), border=True).astype(np.float32)
        weight = corner[0][1]
        for _, factor in corner[1:]:
            weight = weight * factor
        total = total + weight * texel
    return total.astype(tex.element.numpy)


def _texels(
    np: Any, x: Any, size: int, filter: SamplerFilter, address: SamplerAddress, coord: SamplerCoord
) -> Iterator[tuple[Any, Any]]:
    """Yield the texels along one axis, by number, and their weights."""
    one, extent = np.float32(1), np.float32(size)
    if (period := PERIODS.get(address)) is not None:
        x = x - np.float32(period) * np.floor(x / np.float32(period))
    if coord is SamplerCoord.NORMALIZED:
        x = x * extent
    x = np.where(np.isnan(x), np.float32(0), x)
    x = np.clip(x, np.float32(-MARGIN), extent * np.float32(period or 1.0) + np.float32(MARGIN))
    if filter is SamplerFilter.NEAREST:
        yield _addressed(np, np.floor(x).astype(np.int64), size, address), one
        return
    x = x - np.float32(0.5)
    first = np.floor(x)
    near, whole = x - first, first.astype(np.int64)
    yield _addressed(np, whole, size, address), one - near
    yield _addressed(np, whole + 1, size, address), near


def _addressed(np: Any, i: Any, size: int, address: SamplerAddress) -> Any:
    """Return the number of the texel that stands at place i, which may be outside."""
    match address:
        case SamplerAddress.CLAMP_TO_ZERO:
            return i
        case SamplerAddress.CLAMP_TO_EDGE:
            return np.clip(i, 0, size - 1)
        case SamplerAddress.REPEAT:
            return i % size
        case SamplerAddress.MIRRORED_REPEAT:
            i = i % (2 * size)
            return np.where(i < size, i, 2 * size - 1 - i)


# ---- the CPU's code


def lowering(
    b: Any, tex: Any, at: Any, *layer: Any, filter: SamplerFilter, address: SamplerAddress, coord: SamplerCoord
) -> tuple[Any, ...]:
    """Write the same for the CPU; `b` is its builder."""
    axes = at if isinstance(at, tuple) else (at,)
    columns = [
        list(_lowered_texels(b, x, b.texture_size(tex, axis), filter, address, coord)) for axis, x in enumerate(axes)
    ]
    last = tuple(b.convert(b.least(one, _last_layer(b, tex, one)), i32) for one in layer)
    inside = address is not SamplerAddress.CLAMP_TO_ZERO  # the others name a texel of the texture wherever one looks
    if filter is SamplerFilter.NEAREST:
        return b.texels(tex, (*(column[0][0] for column in columns), *last), border=True, inside=inside)
    total: tuple[Any, ...] | None = None
    for corner in product(*columns):
        texel = b.texels(tex, (*(place for place, _ in corner), *last), border=True, inside=inside)
        weight = _product(b, [factor for _, factor in corner])
        parts = tuple(b.mul(weight, b.convert(part, f32)) for part in texel)
        total = parts if total is None else tuple(b.add(x, y) for x, y in zip(total, parts, strict=True))
    return tuple(b.convert(part, tex.type.element) for part in total or ())


def _last_layer(b: Any, tex: Any, layer: Any) -> Any:
    return b.sub(b.texture_size(tex, 2), b.const(1, layer))


def _product(b: Any, factors: Sequence[Any]) -> Any:
    result = factors[0]
    for factor in factors[1:]:
        result = b.mul(result, factor)
    return result


def _lowered_texels(
    b: Any, x: Any, size: Any, filter: SamplerFilter, address: SamplerAddress, coord: SamplerCoord
) -> Iterator[tuple[Any, Any]]:
    extent, one, zero = b.convert(size, f32), b.constant(1.0, f32), b.constant(0.0, f32)
    if (period := PERIODS.get(address)) is not None:
        rounds = b.call("llvm.floor", b.mul(x, b.constant(1 / period, f32)))
        x = b.sub(x, b.mul(b.constant(period, f32), rounds))  # exact but for one rounding: the period is a power of two
    if coord is SamplerCoord.NORMALIZED:
        x = b.mul(x, extent)
    x = b.select(b.cmp("eq", x, x), x, zero)
    x = b.fmax(x, b.constant(-MARGIN, f32))
    x = b.fmin(x, b.add(b.mul(extent, b.constant(period or 1.0, f32)), b.constant(MARGIN, f32)))
    if filter is SamplerFilter.NEAREST:
        yield _lowered_address(b, b.convert(b.call("llvm.floor", x), i32), size, address), one
        return
    x = b.sub(x, b.constant(0.5, f32))
    first = b.call("llvm.floor", x)
    near, whole = b.sub(x, first), b.convert(first, i32)
    yield _lowered_address(b, whole, size, address), b.sub(one, near)
    yield _lowered_address(b, b.add(whole, b.constant(1, i32)), size, address), near


def _lowered_address(b: Any, i: Any, size: Any, address: SamplerAddress) -> Any:
    """Write the number of the texel at place i; coordinates were brought so near that no division is needed."""
    if address is SamplerAddress.CLAMP_TO_ZERO:
        return i
    extent, zero, one = b.convert(size, i32), b.constant(0, i32), b.constant(1, i32)
    last = b.sub(extent, one)
    if address is SamplerAddress.CLAMP_TO_EDGE:
        return b.greatest(b.least(i, last), zero)
    around = extent if address is SamplerAddress.REPEAT else b.add(extent, extent)
    i = b.select(b.cmp("lt", i, zero), b.add(i, around), i)
    i = b.select(b.cmp("ge", i, around), b.sub(i, around), i)
    if address is SamplerAddress.REPEAT:
        return i
    return b.select(b.cmp("lt", i, extent), i, b.sub(b.sub(around, one), i))
