"""Textures on Metal: their pixel formats, and the copies between them and the memory that their arrays lie in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from enigma.dtypes import TexelFormat, TextureAccess, TextureKind
from enigma.runtime.metal.failures import gpu_error
from enigma.runtime.metal.objc import Bridge
from enigma.runtime.textures import TextureView

_LETTERS = {1: "R", 2: "RG", 4: "RGBA"}
_KINDS = {"f": "Float", "i": "Sint", "u": "Uint"}

FORMATS: dict[str, int] = {
    "R8Unorm": 10, "RG8Unorm": 30, "RGBA8Unorm": 70,
    "R16Uint": 23, "R16Sint": 24, "R16Float": 25, "RG16Uint": 63, "RG16Sint": 64, "RG16Float": 65,
    "RGBA16Uint": 113, "RGBA16Sint": 114, "RGBA16Float": 115,
    "R32Uint": 53, "R32Sint": 54, "R32Float": 55, "RG32Uint": 103, "RG32Sint": 104, "RG32Float": 105,
    "RGBA32Uint": 123, "RGBA32Sint": 124, "RGBA32Float": 125,
}  # fmt: skip
"""MTLPixelFormat of what an array of a texture may hold."""

TYPES = {TextureKind.D1: 0, TextureKind.D2: 2, TextureKind.D2_ARRAY: 3, TextureKind.D3: 7}
"""MTLTextureType."""

PRIVATE = 2
"""MTLStorageModePrivate: texels lie as the GPU likes them best."""

READ, WRITE = 1, 2
"""MTLTextureUsage."""

_ANYWHERE = frozenset(("R32Float", "R32Uint", "R32Sint"))
_TIER_TWO = _ANYWHERE | {
    "RGBA32Float", "RGBA32Uint", "RGBA32Sint", "RGBA16Float", "RGBA16Uint", "RGBA16Sint", "RGBA8Unorm", "R16Float",
    "R16Uint", "R16Sint", "R8Unorm",
}  # fmt: skip
"""Formats that a kernel may both read and write, by MTLReadWriteTextureTier."""


def format_name(texels: TexelFormat) -> str:
    """Return Metal's name of how texels are stored.

    >>> from enigma.dtypes import f16, u8
    >>> format_name(TexelFormat(f16, 4)), format_name(TexelFormat(u8, 1))
    ('RGBA16Float', 'R8Unorm')
    """
    kind = "Unorm" if texels.stored.width == 8 else _KINDS[texels.stored.kind]
    return f"{_LETTERS[texels.channels]}{texels.stored.width}{kind}"


@dataclass(frozen=True, slots=True)
class Image:
    """A texture of a launch: the Metal texture, and where its texels come from and go to."""

    texture: Any
    view: TextureView
    kind: TextureKind
    is_written: bool

    def upload(self, blit: Any, buffer: Any, offset: int) -> None:
        """Encode the copy from memory into the texture."""
        row, image = self._strides()
        for layer, size in enumerate(self._slices()):
            blit.copyFromBuffer_sourceOffset_sourceBytesPerRow_sourceBytesPerImage_sourceSize_toTexture_destinationSlice_destinationLevel_destinationOrigin_(
                buffer, offset + layer * image, row, image, size, self.texture, layer, 0, (0, 0, 0)
            )

    def download(self, blit: Any, buffer: Any, offset: int) -> None:
        """Encode the copy from the texture into memory."""
        row, image = self._strides()
        for layer, size in enumerate(self._slices()):
            blit.copyFromTexture_sourceSlice_sourceLevel_sourceOrigin_sourceSize_toBuffer_destinationOffset_destinationBytesPerRow_destinationBytesPerImage_(
                self.texture, layer, 0, (0, 0, 0), size, buffer, offset + layer * image, row, image
            )

    def _strides(self) -> tuple[int, int]:
        width, height, _ = self.view.sizes
        row = width * self.view.format.channels * self.view.format.stored.size
        if self.kind is TextureKind.D1:
            return row, row
        return row, row * height

    def _slices(self) -> list[tuple[int, int, int]]:
        width, height, depth = self.view.sizes
        return [(width, height, 1)] * depth if self.kind.is_array else [(width, height, depth)]


def make_image(bridge: Bridge, device: Any, view: TextureView, name: str, *, is_written: bool) -> Image:
    """Return a new texture for an array. Raises `DeviceError` when the device cannot have it."""
    spelled, kind = format_name(view.format), view.type.kind
    if view.type.access is TextureAccess.READ_WRITE:
        _check_read_write(device, spelled, name)
    width, height, depth = view.sizes
    descriptor = bridge.metal.MTLTextureDescriptor.alloc().init()
    descriptor.setTextureType_(bridge.constant(f"MTLTextureType{_TYPE_NAMES[kind]}", TYPES[kind]))
    descriptor.setPixelFormat_(bridge.constant(f"MTLPixelFormat{spelled}", FORMATS[spelled]))
    descriptor.setWidth_(width)
    descriptor.setHeight_(height)
    if kind.is_array:
        descriptor.setArrayLength_(depth)
    else:
        descriptor.setDepth_(depth)
    descriptor.setStorageMode_(PRIVATE)
    descriptor.setUsage_(_usage(view.type.access))
    texture = device.newTextureWithDescriptor_(descriptor)
    if texture is None:
        raise gpu_error(
            f"there is no memory for the texture {name}", help="use a smaller one, or let go of some arrays",
            sizes=view.sizes, format=spelled,
        )  # fmt: skip
    return Image(texture, view, kind, is_written)


_TYPE_NAMES = {TextureKind.D1: "1D", TextureKind.D2: "2D", TextureKind.D2_ARRAY: "2DArray", TextureKind.D3: "3D"}


def _usage(access: TextureAccess) -> int:
    if access is TextureAccess.WRITE:
        return WRITE
    return READ | WRITE if access is TextureAccess.READ_WRITE else READ


def _check_read_write(device: Any, spelled: str, name: str) -> None:
    tier = int(device.readWriteTextureSupport())
    allowed = _TIER_TWO if tier >= 2 else _ANYWHERE if tier == 1 else frozenset[str]()
    if spelled not in allowed:
        raise gpu_error(
            f"this GPU cannot both read and write the texture {name} of format {spelled}",
            help="use one of one or four components of 32 bits, or a texture to read and another to write",
            tier=tier, formats=", ".join(sorted(allowed)) or "none",
        )  # fmt: skip


def check_filtering(device: Any, name: str) -> None:
    """Refuse to interpolate between texels of 32 bits where the GPU cannot. Raises `DeviceError`."""
    if not device.supports32BitFloatFiltering():
        raise gpu_error(
            f"this GPU does not interpolate between texels of 32 bits, as {name} has",
            help="use a texture of enigma.f16, or pass uint8, which counts 255 as 1",
        )
