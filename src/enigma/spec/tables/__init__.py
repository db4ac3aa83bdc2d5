"""The tables, one file per family; their order is the order of the reference."""

from __future__ import annotations

from enigma.spec.intrinsic import Intrinsic
from enigma.spec.tables import (
    arithmetic,
    atomics,
    bits,
    compare,
    convert,
    grid,
    integer,
    math,
    memory,
    simdgroup,
    structure,
    sync,
    vectors,
)

TABLES: dict[str, tuple[Intrinsic, ...]] = {
    "arithmetic": arithmetic.ROWS,
    "compare": compare.ROWS,
    "convert": convert.ROWS,
    "vectors": vectors.ROWS,
    "math": math.ROWS,
    "integer": integer.ROWS,
    "bits": bits.ROWS,
    "grid": grid.ROWS,
    "memory": memory.ROWS,
    "sync": sync.ROWS,
    "simdgroup": simdgroup.ROWS,
    "atomics": atomics.ROWS,
    "structure": structure.ROWS,
}
