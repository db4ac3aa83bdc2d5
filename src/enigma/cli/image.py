"""Pictures as arrays: reads PGM, PPM and PNG by itself and other formats with Pillow, writes PNG, makes one to try."""

from __future__ import annotations

import importlib
import importlib.util
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
"""Brightness from 0 to 1, (height, width)."""

_PNG = b"\x89PNG\r\n\x1a\n"
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_MAX_PIXELS = 1 << 26


def read(path: Path) -> Grey:
    """Return the brightness of a picture. Raises `click.ClickException` for a file that is absent or no picture."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{path}: {(error.strerror or str(error)).lower()}") from error
    try:
        if data.startswith(_PNG):
            return _read_png(data)
        if re.match(rb"P[2356]\s", data):
            return _read_netpbm(data)
    except (ValueError, IndexError, struct.error, zlib.error) as error:
        raise click.ClickException(f"{path}: the picture is damaged or of a rare kind: {error}") from error
    return _read_with_pillow(path)


def _read_with_pillow(path: Path) -> Grey:
    if importlib.util.find_spec("PIL") is None:
        raise click.ClickException(f"{path}: not a PNG, PGM or PPM picture (pip install pillow reads other formats)")
    image: Any = importlib.import_module("PIL.Image")  # optional, and not needed for most pictures
    try:
        with image.open(path) as picture:
            _check_size(*picture.size)
            return np.asarray(picture.convert("L"), np.float32) / np.float32(255)
    except (OSError, image.DecompressionBombError) as error:  # UnidentifiedImageError is an OSError
        raise click.ClickException(f"{path}: not a picture") from error


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ValueError(f"it is {width} x {height}")
    if width * height > _MAX_PIXELS:
        raise click.ClickException(
            f"the picture is {width} x {height}, but the demo takes {_MAX_PIXELS} pixels at most"
        )


def _read_netpbm(data: bytes) -> Grey:
    tokens = rb"(P[2356])" + rb"(?:\s|#[^\n]*\n)+(\d+)" * 3 + rb"\s"
    header = re.match(tokens, data)
    if header is None:
        raise ValueError("the header has no size")
    kind, (width, height, top) = header[1], (int(header[k]) for k in (2, 3, 4))
    _check_size(width, height)
    if not 0 < top < 65536:
        raise ValueError(f"the largest value is {top}")
    channels = 3 if kind in (b"P3", b"P6") else 1
    count = width * height * channels
    if kind in (b"P2", b"P3"):
        values = np.array(re.sub(rb"#[^\n]*", b"", data[header.end() :]).split()[:count], np.int64)
    else:
        values = np.frombuffer(data, np.uint8 if top < 256 else ">u2", count, header.end())
    return _brightness(values.reshape(height, width, channels), top)


def _read_png(data: bytes) -> Grey:
    """Return a PNG's brightness: every colour type of 8 bits a sample, not interlaced (PNG specification, chapters 9 and 11)."""
    chunks: dict[bytes, bytes] = {}
    at = len(_PNG)
    while b"IEND" not in chunks:
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        chunks[kind] = chunks.get(kind, b"") + data[at + 8 : at + 8 + length]
        at += length + 12
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    _check_size(width, height)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour)
    if depth != 8 or interlace or channels is None:
        raise ValueError("only 8 bits a sample and no interlacing")
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    pixels = _unfilter(lines, channels).reshape(height, width, channels)
    if colour == 3:
        pixels = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[pixels[..., 0]]
    return _brightness(pixels[..., : 3 if colour in (2, 3, 6) else 1], 255)


def _unfilter(lines: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Return the bytes of each line, with the prediction from the left, from above or from both added again."""
    rows: list[bytearray] = []
    above = bytearray(lines.shape[1] - 1)
    for kind, *rest in lines.tolist():
        line = bytearray(rest)
        for k, value in enumerate(line):
            left = line[k - channels] if k >= channels else 0
            corner = above[k - channels] if k >= channels else 0
            match kind:
                case 0:
                    break
                case 1:
                    guess = left
                case 2:
                    guess = above[k]
                case 3:
                    guess = (left + above[k]) // 2
                case 4:
                    guess = _paeth(left, above[k], corner)
                case _:
                    raise ValueError(f"filter {kind}")
            line[k] = (value + guess) & 255
        rows.append(line)
        above = line
    return np.frombuffer(b"".join(rows), np.uint8)


def _paeth(left: int, above: int, corner: int) -> int:
    estimate = left + above - corner
    return min(left, above, corner, key=lambda one: abs(estimate - one))


def _brightness(pixels: NDArray[Any], top: int) -> Grey:
    values = pixels.astype(np.float32) / np.float32(top)
    return np.ascontiguousarray(values @ _LUMA if values.shape[2] == 3 else values[..., 0], np.float32)


def write_png(path: Path, picture: Grey) -> None:
    """Write brightness from 0 to 1 as a grey PNG."""
    height, width = picture.shape
    pixels = (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)
    lines = np.column_stack([np.zeros(height, np.uint8), pixels])  # filter 0: no prediction
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(lines.tobytes()),
        b"IEND": b"",
    }
    chunks = (
        struct.pack(">I", len(x)) + kind + x + struct.pack(">I", zlib.crc32(kind + x)) for kind, x in parts.items()
    )
    path.write_bytes(_PNG + b"".join(chunks))


def scene(size: int) -> Grey:
    """Return a drawn picture of `size` x `size`: a lit ball over a chequered floor."""
    y, x = np.meshgrid(np.linspace(1, -1, size), np.linspace(-1, 1, size), indexing="ij")
    sky = 0.75 - 0.35 * y
    depth = 1 / np.maximum(-0.1 - y, 1e-3)
    tiles = (np.floor(x * depth * 2) + np.floor(depth * 2)) % 2
    haze = np.exp(-depth / 6)  # far tiles are smaller than a pixel
    floor = 0.55 + np.where(tiles == 0, -0.3, 0.3) * haze
    shadow = np.hypot((x - 0.15) / 0.75, (y + 0.62) / 0.14) < 1
    picture = np.where(y > -0.1, sky, np.where(shadow, floor * 0.4, floor))
    height2 = 0.6**2 - x**2 - (y - 0.05) ** 2
    normal = np.stack([x, y - 0.05, np.sqrt(np.maximum(height2, 0))], axis=-1) / 0.6
    light = np.maximum(normal @ np.array([-0.5, 0.65, 0.57]), 0)
    ball = 0.1 + 0.55 * light + 0.35 * light**24
    return np.where(height2 > 0, ball, picture).astype(np.float32)
