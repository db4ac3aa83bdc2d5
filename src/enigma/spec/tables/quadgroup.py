"""Functions across the 4 lanes of a quadgroup: lanes 4k to 4k + 3 of a simdgroup (Metal specification, 6.9.3)."""

from __future__ import annotations

from enigma.spec.collectives import Group, collectives
from enigma.spec.intrinsic import Intrinsic

ROWS: tuple[Intrinsic, ...] = collectives(Group("quad", 4, "quadgroup", None))
