"""Pictures in a terminal: two pixels to a character cell, or shades of ASCII where there are no colours."""

from __future__ import annotations

import numpy as np
from rich.color import Color
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style
from rich.text import Text

from enigma.cli.image import Grey

_SHADES = " .:-=+*#%@"


def art(console: Console, picture: Grey, columns: int, *, lines: bool = False) -> Segments | Text:
    """Return brightness from 0 to 1 as something to print, `columns` cells wide; `lines` keeps thin bright lines."""
    height, width = picture.shape
    columns = min(columns, width)
    rows = max(1, round(columns * height / width / 2))  # a cell is about twice as high as wide
    if console.is_terminal and console.color_system is not None and console.encoding.startswith("utf"):
        return _blocks(shrink(picture, 2 * rows, columns, lines=lines))
    return _shades(shrink(picture, rows, columns, lines=lines))


def shrink(picture: Grey, rows: int, columns: int, *, lines: bool = False) -> Grey:
    """Return the picture with fewer pixels, each the mean of those it stands for, with `lines` the brightest.

    More pixels are never made.
    """
    rows, columns = min(rows, picture.shape[0]), min(columns, picture.shape[1])
    for axis, count in ((0, rows), (1, columns)):
        starts = np.arange(count) * picture.shape[axis] // count
        if lines:
            picture = np.maximum.reduceat(picture, starts, axis=axis)
            continue
        sizes = np.diff(np.append(starts, picture.shape[axis]))
        sums = np.add.reduceat(picture, starts, axis=axis)
        picture = sums / (sizes[:, None] if axis == 0 else sizes)
    return picture


def _blocks(picture: Grey) -> Segments:
    levels = (picture.clip(0, 1) * 255).round().astype(int).tolist()
    if len(levels) % 2:
        levels.append(levels[-1])
    segments: list[Segment] = []
    for upper, lower in zip(levels[::2], levels[1::2], strict=True):
        for top, bottom in zip(upper, lower, strict=True):
            style = Style(color=Color.from_rgb(top, top, top), bgcolor=Color.from_rgb(bottom, bottom, bottom))
            segments.append(Segment("▀", style))
        segments.append(Segment.line())
    return Segments(segments)


def _shades(picture: Grey) -> Text:
    steps = (picture.clip(0, 1) * (len(_SHADES) - 1)).round().astype(int).tolist()
    return Text("\n".join("".join(_SHADES[step] for step in line) for line in steps), no_wrap=True)
