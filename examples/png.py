"""Writes PNG pictures with the standard library."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np


def write_png(path: Path, pixels: np.ndarray) -> Path:
    """Write uint8 pixels, (height, width) for grey or (height, width, 3) for RGB, and return the path."""
    height, width = pixels.shape[:2]
    colour = 2 if pixels.ndim == 3 else 0
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    rows = pixels.reshape(height, -1)
    lines = np.column_stack([np.zeros(height, np.uint8), rows])  # each line begins with its filter: none
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(lines.tobytes()))
        + _chunk(b"IEND", b"")
    )
    return path


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def colours(values: np.ndarray, stops: list[tuple[int, int, int]]) -> np.ndarray:
    """Return RGB pixels for values from 0 to 1, blended between the stops."""
    at = np.linspace(0, 1, len(stops))
    channels = [np.interp(values, at, [stop[c] for stop in stops]) for c in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)
