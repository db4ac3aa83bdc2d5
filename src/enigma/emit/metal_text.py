"""What the Metal emitter returns; apart from it, for a text that was made before is had without a compiler."""

from __future__ import annotations

from dataclasses import dataclass

from enigma.source import SourceLoc


@dataclass(frozen=True, slots=True)
class MslText:
    """Metal source. `lines[k]` is the Python line that line k (from 0) comes from; `entry` the kernel's name in it."""

    text: str
    lines: tuple[SourceLoc | None, ...]
    msl_version: tuple[int, int]
    entry: str
