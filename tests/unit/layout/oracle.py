"""The recorded results of NVIDIA's CuTe DSL 4.8.1, and how its texts are read."""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from enigma.layout import Layout, Swizzle, make_composed_layout

FILES = [
    Path(__file__).parents[2] / "data" / name for name in ("layout_oracle.jsonl.gz", "layout_oracle_parts.jsonl.gz")
]
"""The second file is written by `tools/layout_oracle.py`, which says how its arguments look."""


class Case(NamedTuple):
    """One call: `result` is CuTe's text, or None where CuTe refuses the arguments."""

    op: str
    args: list[Any]
    result: Any


@cache
def cases(number: int = 0) -> dict[str, list[Case]]:
    """Return all recorded calls of a file by operation."""
    found: dict[str, list[Case]] = {}
    with gzip.open(FILES[number], "rt", encoding="utf-8") as file:
        for line in file:
            case = Case(**json.loads(line))
            found.setdefault(case.op, []).append(case)
    return found


def parse(text: str) -> Any:
    """Return the value of CuTe's text: in it `(5)` is a tuple of one element."""
    return eval(re.sub(r"(?<=[^(,])\)", ",)", text.replace(" ", "")), {"None": None})  # a fixed file of ours


def layout(text: str) -> Layout:
    """Return the layout that CuTe prints as `text`."""
    shape, stride = text.split(":")
    return Layout(parse(shape), parse(stride))


def value(x: Any) -> Any:
    """Return an argument of the second file: a layout, a composed layout, a tuple of such, a number."""
    if isinstance(x, str) and x.startswith("S<"):
        swizzle, offset, inner = x.split(" o ")
        return make_composed_layout(Swizzle(*parse(swizzle[2:-1])), int(offset), layout(inner))
    if isinstance(x, str):
        return layout(x) if ":" in x else parse(x)
    return tuple(map(value, x)) if isinstance(x, list) else x
