"""Numbered names in a text, `%12` or `t3`: what they are called says nothing, what they stand for does."""

from __future__ import annotations

import re
from collections.abc import Callable

Renamed = Callable[[str, str], bool]

_NAMES = {
    "ir": re.compile(r"%\d+\b"),
    "mlir": re.compile(r"%(?:[A-Za-z]\w*_)?\d+\b"),
    "msl": re.compile(r"\bt\d+\b"),
    "llvm": re.compile(r"%[vb]\d+\b|^[b]\d+(?=:)"),
}
_DIGITS = re.compile(r"\d+$")


def plain(line: str, stage: str) -> str:
    """Return a line with the numbers of its numbered names left out.

    >>> plain("%3 = enigma.mul %0, %total_1 : f32", "mlir")
    '%* = enigma.mul %*, %total_* : f32'
    """
    names = _NAMES.get(stage)
    return line if names is None else names.sub(lambda name: _DIGITS.sub("*", name[0]), line)


def renaming(stage: str) -> Renamed:
    """Return a function that says of two lines, pair after pair, whether they are one line in which names are numbered anew.

    A name of the first text stands for one name of the second from the first pair on that has it.
    """
    names = _NAMES.get(stage)
    if names is None:
        return str.__eq__
    there: dict[str, str] = {}
    back: dict[str, str] = {}

    def renamed(left: str, right: str) -> bool:
        if plain(left, stage) != plain(right, stage):
            return False
        good = True
        for old, new in zip(names.findall(left), names.findall(right), strict=True):
            if old not in there and new not in back:
                there[old], back[new] = new, old
            good = good and there.get(old) == new
        return good

    return renamed
