"""The explorer's page: one HTML file that holds all it needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from enigma.compile import CompiledKernel
from enigma.debug.explorer.stages import Line, Stage, stages
from enigma.debug.explorer.tabs import tabs
from enigma.source import SourceLoc

_HERE = Path(__file__).parent
_HINT = "Point at a line to see the same operation in every stage; click keeps it, Escape lets go, / searches."
_GROUPS = (("python", "Python"), ("ir", "traced IR"), ("mlir", "MLIR"), ("msl", "Metal"), ("llvm", "LLVM IR"))


def page(
    compiled: CompiledKernel, *, threads: tuple[int, int, int], grid: Any = None, report: Any = None,
    constants: Mapping[Any, Any] | None = None,
) -> str:  # fmt: skip
    """Return the page of a kernel as HTML."""
    found = stages(compiled, threads, constants)
    numbers = _Numbers(found)
    groups: list[dict[str, Any]] = []
    for name, title in _GROUPS:
        held = [stage for stage in found if stage.name.rstrip("0123456789") == name]
        groups.append(
            {"name": name, "title": title, "hidden": name == "llvm", "stages": [numbers.stage(each) for each in held]}
        )
    data = {
        "hint": _HINT, "sites": numbers.sites(), "groups": groups,
        "tabs": [asdict(tab) for tab in tabs(compiled, threads, grid, report, constants)],
    }  # fmt: skip
    title = f"{compiled.kernel_name}({', '.join(compiled.param_names)})"
    parts = {
        "@CSS@": (_HERE / "page.css").read_text(encoding="utf-8"), "@JS@": (_HERE / "page.js").read_text(encoding="utf-8"),
        "@TITLE@": escape(title), "@DATA@": _embedded(data),
    }  # fmt: skip
    text = (_HERE / "page.html").read_text(encoding="utf-8")
    for mark, part in parts.items():  # the data comes last: what it holds is not looked at for marks
        text = text.replace(mark, part)
    return text


def _embedded(data: Any) -> str:
    """Return JSON that can stand within a script element whatever it holds."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


Key = tuple[str, int, int]


class _Numbers:
    """Numbers the places of all stages: one for each file, line and column."""

    def __init__(self, found: list[Stage]) -> None:
        self.numbers: dict[Key, int] = {}
        self.ends: dict[Key, SourceLoc] = {}
        for stage in found:
            for line in stage.lines:
                for site in line.sites:
                    key = (site.file, site.line, site.col)
                    self.numbers.setdefault(key, len(self.numbers))
                    if key not in self.ends or site.end_col > self.ends[key].end_col:
                        self.ends[key] = site

    def stage(self, stage: Stage) -> dict[str, Any]:
        """Return a stage for the page."""
        lines = [self._line(line, stage.kind, k) for k, line in enumerate(stage.lines, 1)]
        return {
            "name": stage.name, "title": stage.title, "kind": stage.kind, "lines": lines, "changes": stage.changes,
        }  # fmt: skip

    def _line(self, line: Line, kind: str, number: int) -> list[Any]:
        sites = dict.fromkeys(self.numbers[site.file, site.line, site.col] for site in line.sites)
        return [line.text, list(sites), line.number if kind == "python" else number]

    def sites(self) -> list[list[Any]]:
        """Return all places: file, line, first column, and the column after the last, 0 where that is not known."""
        return [
            [loc.short_file, loc.line, _letters(loc, loc.col), _letters(loc, loc.end_col) if loc.end_col else 0]
            for loc in (self.ends[key] for key in self.numbers)
        ]


def _letters(loc: SourceLoc, column: int) -> int:
    """Return a column in letters; Python counts bytes."""
    text = loc.text()
    return column if text.isascii() else len(text.encode()[: column - 1].decode(errors="ignore")) + 1
