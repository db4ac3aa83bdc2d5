"""Apple's chips as the cost model knows them: the table `chips.json`, with its sources and how sure they are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Chip:
    """One chip, the variant with the most GPU cores; a pair is the least and the most that the sources say.

    - `ghz`: the GPU's clock; `tflops_f32`, `tflops_matrix_f16`: 10^12 float operations per second, the latter None without
      matrix units. `gb_per_s`: 10^9 bytes per second of memory; `slc_mb`: last-level cache, None where nobody says.
    - `family`: 7 for Apple7; `confidence`: "high", "medium" or "low"; `sources`: where the numbers are from.
    """

    name: str
    cores: int
    ghz: tuple[float, float]
    tflops_f32: tuple[float, float]
    gb_per_s: float
    slc_mb: float | None
    family: int
    tflops_matrix_f16: tuple[float, float] | None
    confidence: str
    sources: tuple[str, ...]


@cache
def chips() -> tuple[Chip, ...]:
    """Return every chip of the table, M1 first."""
    table = json.loads(files("enigma.debug.cost").joinpath("chips.json").read_text(encoding="utf-8"))
    return tuple(_chip(row, table["sources"]) for row in table["chips"])


def _chip(row: dict[str, Any], sources: dict[str, str]) -> Chip:
    named = tuple(sources[key] for key in row["sources"])
    return Chip(
        row["name"], row["cores"], _pair(row["ghz"]), _pair(row["tflops_f32"]), row["gb_per_s"], row["slc_mb"], row["family"],
        _pair(row["tflops_matrix_f16"]) if row["tflops_matrix_f16"] else None, row["confidence"], named,
    )  # fmt: skip


def _pair(numbers: list[float]) -> tuple[float, float]:
    low, high = numbers
    return low, high
