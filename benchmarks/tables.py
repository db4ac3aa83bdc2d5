"""Markdown tables, written into marked sections of a file: results are generated, never typed."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others are numbers.

    >>> print(table(["who", "time"], [["a", "1.0"]]))
    | who | time |
    |---|---:|
    | a | 1.0 |
    """
    rule = "|---" + "|---:" * (len(header) - 1) + "|"
    return "\n".join(["| " + " | ".join(header) + " |", rule, *("| " + " | ".join(row) + " |" for row in rows)])


def write(path: Path, section: str, text: str) -> None:
    """Replace what stands between `<!-- begin SECTION -->` and `<!-- end SECTION -->` in a file."""
    begin, end = f"<!-- begin {section} -->", f"<!-- end {section} -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{path} has no section {section}: write {begin} and {end} where it belongs")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def machine() -> str:
    """Return this machine in general words."""
    info = Path("/proc/cpuinfo")
    flags = set(re.findall(r"\w+", info.read_text())) if info.exists() else set[str]()
    kind = "virtual cores" if "hypervisor" in flags else "cores"
    widest = next((label for flag, label in _VECTORS.items() if flag in flags), "")
    return f"{os.cpu_count()} {kind}, {platform.machine()}{widest}, {platform.system()}, Python {platform.python_version()}"


_VECTORS = {"avx512f": " with AVX-512", "avx2": " with AVX2", "asimd": " with NEON"}
