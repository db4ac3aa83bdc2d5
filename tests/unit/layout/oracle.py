"""The recorded results of NVIDIA's CuTe DSL 4.8.1, and how its texts are read."""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from enigma.layout import Layout

FILE = Path(__file__).parents[2] / "data" / "layout_oracle.jsonl.gz"


class Case(NamedTuple):
    """One call: `result` is CuTe's text, or None where CuTe refuses the arguments."""

    op: str
    args: list[Any]
    result: Any


@cache
def cases() -> dict[str, list[Case]]:
    """Return all recorded calls by operation."""
    found: dict[str, list[Case]] = {}
    with gzip.open(FILE, "rt", encoding="utf-8") as file:
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
