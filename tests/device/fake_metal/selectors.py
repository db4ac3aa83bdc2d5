"""The selectors and constants of Metal that exist: read from tables of the public SDK.

`metal_selectors.txt` was made from the dump of SDK 26.5 by the PyObjC project. What that table left out is in
`metal_selectors_more.txt`, where the last word of a line says by what it was confirmed: "sdk" (read in the same dump: owner, types
and first macOS), "wheel" (`_metadata.py` of pyobjc-framework-Metal 12.2.2 has the selector with these types, for whichever class),
"foundation" (of NSError and NSObject, which every program uses).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).parents[2] / "data"
_LINE = re.compile(r"(\w+) ([-+])(\S+) \((.*?)\)? -> (\S+) \[(.*?)\](?: (sdk|wheel|foundation))?$")

PARENTS = {
    "MTLComputeCommandEncoder": "MTLCommandEncoder",
    "MTLBlitCommandEncoder": "MTLCommandEncoder",
    "MTLBuffer": "MTLResource",
    "MTLTexture": "MTLResource",
    "MTLSharedEvent": "MTLEvent",
}
"""Protocols that include another one."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector: its arguments' and its result's type encodings, the macOS that introduced it, what it was confirmed by."""

    name: str
    is_class_method: bool
    arguments: tuple[str, ...]
    result: str
    since: tuple[int, int]
    source: str = "sdk"

    @property
    def python(self) -> str:
        """Its name in Python: each colon is an underscore."""
        return self.name.replace(":", "_")

    @property
    def has_error(self) -> bool:
        """Whether the last argument is where an NSError goes; PyObjC then returns it beside the result."""
        return self.name.endswith("error:")


@cache
def selectors() -> dict[str, dict[str, Selector]]:
    """Return the selectors of each class or protocol, by their names in Python."""
    found: dict[str, dict[str, Selector]] = {}
    for name in ("metal_selectors.txt", "metal_selectors_more.txt"):
        for line in (DATA / name).read_text(encoding="utf-8").splitlines():
            match = _LINE.match(line)
            if match is None:
                continue  # a few long lines of the table are cut off
            owner, sign, selector, arguments, result, since, source = match.groups()
            kinds = tuple(_split(arguments))
            if len(kinds) == selector.count(":"):
                made = Selector(selector, sign == "+", kinds, result, _version(since), source or "sdk")
                found.setdefault(owner, {})[made.python] = made
    return found


def find(owner: str, python: str) -> Selector | None:
    """Return the selector of a class, or of the protocols it includes, by its name in Python."""
    while True:
        selector = selectors().get(owner, {}).get(python)
        if selector is not None or owner not in PARENTS:
            return selector
        owner = PARENTS[owner]


@cache
def constants() -> dict[str, int]:
    """Return the constants by name."""
    lines = (DATA / "metal_constants.txt").read_text(encoding="utf-8").splitlines()
    return {name: int(value) for name, value in (line.split(" ") for line in lines)}


def _split(text: str) -> list[str]:
    """Split type encodings at the commas outside of braces."""
    found: list[str] = []
    depth, start = 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            found.append(text[start:at].strip())
            start = at + 1
    last = text[start:].strip()
    return [*found, last] if last else found


def _version(text: str) -> tuple[int, int]:
    if text == "None":
        return 0, 0
    major, minor, *_ = [*text.split("."), "0"]
    return int(major), int(minor)
