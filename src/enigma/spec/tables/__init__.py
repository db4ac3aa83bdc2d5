"""The tables, one file per family; their order is the order of the reference."""

from __future__ import annotations

from enigma.spec.intrinsic import Intrinsic
from enigma.spec.tables import (
    arithmetic,
    atomics,
    bits,
    compare,
    constants,
    convert,
    geometry,
    grid,
    integer,
    math,
    matrices,
    memory,
    packing,
    quadgroup,
    random,
    raw_copy,
    report,
    simdgroup,
    structure,
    sync,
    textures,
    vectors,
)

TABLES: dict[str, tuple[Intrinsic, ...]] = {
    "arithmetic": arithmetic.ROWS,
    "compare": compare.ROWS,
    "convert": convert.ROWS,
    "vectors": vectors.ROWS,
    "geometry": geometry.ROWS,
    "packing": packing.ROWS,
    "math": math.ROWS,
    "integer": integer.ROWS,
    "bits": bits.ROWS,
    "grid": grid.ROWS,
    "constants": constants.ROWS,
    "memory": memory.ROWS,
    "textures": textures.ROWS,
    "sync": sync.ROWS,
    "simdgroup": simdgroup.ROWS,
    "quadgroup": quadgroup.ROWS,
    "matrices": matrices.ROWS,
    "atomics": atomics.ROWS,
    "random": random.ROWS,
    "raw_copy": raw_copy.ROWS,
    "report": report.ROWS,
    "structure": structure.ROWS,
}
