"""Colours of cells: always light ones under dark text, so that labels can be read on light and on dark pages alike."""

from __future__ import annotations

import colorsys

TEXT = "#16181d"
"""Labels in cells; at least 7 to 1 on every colour made here."""
AXIS = "#767676"
"""Everything outside of the cells: the one grey that has a contrast of 4.5 to 1 on white and on black."""
EMPTY = "#d9d9d9"
"""A cell that nothing reaches."""

_RAMP = ((255, 247, 201), (190, 229, 190), (140, 196, 224), (178, 163, 222))
_NEAR = (0, 3, 6, 1, 4, 7, 2, 5)
"""Eight hues in an order in which neighbours differ much."""


def shade(value: int, low: int, high: int) -> str:
    """Return the colour of `value` on the way from `low` (yellow) over green and blue to `high` (violet)."""
    place = (len(_RAMP) - 1) * (value - low) / max(high - low, 1)
    step = min(int(place), len(_RAMP) - 2)
    part = place - step
    return _hex(*(a + (b - a) * part for a, b in zip(_RAMP[step], _RAMP[step + 1], strict=True)))


def category(number: int) -> str:
    """Return the colour of a thread: eight hues in four lightnesses, so that 32 threads in a row look different.

    Threads that are 8, 64 or another power of 2 apart are often neighbours in a tile. The sum of the octal digits chooses the
    hue, so that they differ too.
    """
    digits = sum(int(digit) for digit in f"{number:o}")
    return _hsl(_NEAR[digits % 8] / 8, 0.87 - 0.03 * (number // 8 % 4))


def bank_colour(bank: int) -> str:
    """Return the colour of a bank: the 32 banks go once around the colour wheel, odd ones a little darker."""
    return _hsl(bank / 32, 0.87 if bank % 2 == 0 else 0.79)


def _hsl(hue: float, lightness: float) -> str:
    return _hex(*(255 * part for part in colorsys.hls_to_rgb(hue, lightness, 0.72)))


def _hex(*parts: float) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in parts)
