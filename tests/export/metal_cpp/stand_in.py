"""Makes the stand-in for metal-cpp ready: its enumerations are generated from the data about Apple's SDK."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
DATA = Path(__file__).parents[2] / "data"

ENUMERATIONS = {
    "LanguageVersion": "UInteger", "MathMode": "Integer", "MathFloatingPointFunctions": "Integer", "DataType": "UInteger",
    "GPUFamily": "Integer", "PixelFormat": "UInteger", "TextureType": "UInteger", "StorageMode": "UInteger",
}  # fmt: skip
"""Each enumeration with the integer it is."""


def write_constants(folder: Path) -> None:
    """Write `constants.hpp` into a folder that is searched for headers."""
    known = [line.split()[:2] for line in (DATA / "metal_constants.txt").read_text().splitlines()]
    lines = ["#pragma once", "#include <Foundation/Foundation.hpp>", "namespace MTL {"]
    for name, kind in ENUMERATIONS.items():
        members = [f"    {word[3:]} = {value}," for word, value in known if word.startswith(f"MTL{name}")]
        lines += [f"enum {name} : NS::{kind} {{", *members, "};"]
    (folder / "constants.hpp").write_text("\n".join([*lines, "}  // namespace MTL", ""]))
