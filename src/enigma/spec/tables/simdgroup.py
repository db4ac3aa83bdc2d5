"""Functions across the 32 lanes of a simdgroup (Metal specification, 6.9.2)."""

from __future__ import annotations

from enigma.spec.collectives import Group, collectives
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import Level

ROWS: tuple[Intrinsic, ...] = collectives(Group("simd", 32, "simdgroup", Level.SIMDGROUP))
