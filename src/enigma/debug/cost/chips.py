"""Apple's chips as the cost model knows them: the table `chips.json`, with its sources and how sure they are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from enigma.spec.work import Work


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


@dataclass(frozen=True, slots=True)
class Rate:
    """The least and the most of a number that the sources give, how sure they are, and which they are."""

    low: float
    high: float
    confidence: str
    source: str


@dataclass(frozen=True, slots=True)
class Rates:
    """What the cores of an Apple GPU family do.

    - `kinds`: cycles of one of the four schedulers of a core for an instruction of a simdgroup.
    - `threadgroup_bytes`, `cache_bytes`: bytes for each clock of a core, of threadgroup memory and of the cache.
    """

    kinds: dict[Work, Rate]
    threadgroup_bytes: Rate
    cache_bytes: Rate


CONFIDENCE = ("high", "medium", "low")
"""How sure a number is, the surest first."""


@cache
def chips() -> tuple[Chip, ...]:
    """Return every chip of the table, M1 first."""
    table = _table()
    return tuple(_chip(row, table["sources"]) for row in table["chips"])


@cache
def rates(family: int) -> Rates:
    """Return what the cores of a family do."""
    table = _table()
    row = next(row for row in table["rates"] if family in row["families"])

    def rate(entry: dict[str, Any], key: str) -> Rate:
        low, high = entry[key]
        return Rate(low, high, entry["confidence"], table["sources"][entry["source"]])

    kinds = {Work(name): rate(entry, "cycles") for name, entry in row["kinds"].items()}
    return Rates(kinds, rate(row["threadgroup_bytes"], "per_clock"), rate(row["cache_bytes"], "per_clock"))


def find(name: str) -> Chip | None:
    """Return the chip of a name, however it is spelled: "M4 Max", "m4-max", "m4max"."""
    wanted = _plain(name)
    return next((chip for chip in chips() if _plain(chip.name) == wanted), None)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower().strip().removeprefix("apple") if letter.isalnum())


@cache
def _table() -> dict[str, Any]:
    return json.loads(files("enigma.debug.cost").joinpath("chips.json").read_text(encoding="utf-8"))


def _chip(row: dict[str, Any], sources: dict[str, str]) -> Chip:
    named = tuple(sources[key] for key in row["sources"])
    return Chip(
        row["name"], row["cores"], _pair(row["ghz"]), _pair(row["tflops_f32"]), row["gb_per_s"], row["slc_mb"], row["family"],
        _pair(row["tflops_matrix_f16"]) if row["tflops_matrix_f16"] else None, row["confidence"], named,
    )  # fmt: skip


def _pair(numbers: list[float]) -> tuple[float, float]:
    low, high = numbers
    return low, high
