"""Textures at a launch: which arrays a texture parameter takes, and how their texels lie in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from enigma.dtypes import TexelFormat, TextureKind, TextureType, u8
from enigma.errors import LaunchError
from enigma.runtime.arrays import Array, check_layout, conversion
from enigma.trace.node import Param

CHANNELS = (1, 2, 4)
"""How many components Metal's pixel formats store."""

MOST_NUMBERS = (1 << 31) - 1
"""Numbers that a texture may store: what a 32-bit index reaches."""

AXES: dict[TextureKind, tuple[tuple[str, int], ...]] = {
    TextureKind.D1: (("width", 16384),),
    TextureKind.D2: (("height", 16384), ("width", 16384)),
    TextureKind.D3: (("depth", 2048), ("height", 2048), ("width", 2048)),
    TextureKind.D2_ARRAY: (("layers", 2048), ("height", 16384), ("width", 16384)),
}
"""The axes of an array for each kind of texture, and how long they may be (Metal feature set tables)."""


COUNTED = {"layers": "number of layers"}
"""What an axis is called in a sentence where its name is no size."""


@dataclass(frozen=True, slots=True, eq=False)
class TextureView:
    """An array as a texture: `texels` has a row for each texel, x fastest, and a column for each stored component.

    `sizes` is width, height, and depth or layers; what a kind of texture does not have is 1. `descriptor` is what native code
    gets: the address of the first number, and the sizes.
    """

    type: TextureType
    format: TexelFormat
    texels: Array
    sizes: tuple[int, int, int]
    descriptor: Array

    @property
    def nbytes(self) -> int:
        """Bytes of all texels."""
        return self.texels.nbytes

    @property
    def address(self) -> int:
        """Where the descriptor is."""
        return self.descriptor.__array_interface__["data"][0]


def view(array: Array, texture: TextureType) -> TextureView:
    """Return a checked array as a texture, without a copy."""
    axes = len(AXES[texture.kind])
    channels = array.shape[axes] if array.ndim > axes else 1
    width, height, depth = (*array.shape[:axes][::-1], 1, 1)[:3]
    stored = u8 if array.dtype == np.uint8 else texture.element
    texels = array.reshape(-1, channels)
    descriptor = np.array([array.__array_interface__["data"][0], width, height, depth], np.int64)
    return TextureView(texture, TexelFormat(stored, channels), texels, (width, height, depth), descriptor)


def as_textures(params: Sequence[Param], arguments: Sequence[Any]) -> Sequence[Any]:
    """Return checked arguments with the arrays of texture parameters as textures."""
    if all(param.texture is None for param in params):
        return arguments
    return [
        argument if param.texture is None else view(argument, param.texture)
        for param, argument in zip(params, arguments, strict=True)
    ]


def texel_formats(arguments: Sequence[Any]) -> tuple[TexelFormat, ...]:
    """Return how the texels of each texture among the arguments are stored."""
    return tuple(argument.format for argument in arguments if isinstance(argument, TextureView))


def shape_text(texture: TextureType) -> str:
    """Return the shapes of arrays that a texture parameter takes: `(height, width) or (height, width, components)`."""
    axes = ", ".join(name for name, _ in AXES[texture.kind])
    return f"({axes}{',' if texture.kind is TextureKind.D1 else ''}) or ({axes}, components)"


def check_texture(array: Array, texture: TextureType, name: str, *, written: bool) -> LaunchError | None:
    """Return what is wrong with an array for a texture parameter, or None."""
    element = texture.element
    if array.dtype != element.numpy and not (element.is_float and array.dtype == np.uint8):
        also = " or uint8, which counts 255 as 1" if element.is_float else ""
        return LaunchError(
            f"{name} holds {array.dtype}, but a texture of {element.name} takes {element.numpy}{also}",
            help=conversion(array, element, name),
        )
    return _check_shape(array, texture, name) or check_layout(array, array.dtype.itemsize, name, written=written)


def _check_shape(array: Array, texture: TextureType, name: str) -> LaunchError | None:
    axes, title = AXES[texture.kind], texture.kind.title
    if array.ndim not in (len(axes), len(axes) + 1):
        return LaunchError(
            f"{name} has shape {array.shape}, but a {title} takes {shape_text(texture)}",
            help=f"reshape it: {name}.reshape(...)",
        )
    if array.ndim > len(axes) and array.shape[-1] not in CHANNELS:
        return LaunchError(
            f"{name} has {array.shape[-1]} components to a texel, but a texture stores 1, 2 or 4",
            help="add a fourth one: np.concatenate([rgb, np.ones_like(rgb[..., :1])], axis=-1)"
            if array.shape[-1] == 3
            else f"a {title} takes {shape_text(texture)}",
        )
    for (axis, most), size in zip(axes, array.shape, strict=False):
        if not 0 < size <= most:
            return LaunchError(
                f"the {COUNTED.get(axis, axis)} of {name} is {size}, but a {title} has 1 to {most}",
                help="skip the launch when there is nothing to do" if size == 0 else "work on it in several pieces",
            )
    if array.size > MOST_NUMBERS:
        return LaunchError(
            f"{name} has {array.size} numbers, but a texture has {MOST_NUMBERS} at most",
            help="work on it in several pieces",
        )
    return None
