"""A report of the cost model as a page: the counts, what each buffer moves, and for each chip the range of times as a bar."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from enigma.debug.cost.model import DISCLAIMER, Estimate

if TYPE_CHECKING:
    from enigma.debug.cost.report import CostReport

_STYLE = """
.cost { font: 14px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 1rem auto; padding: 0 1rem; color: inherit; }
.cost table { border-collapse: collapse; margin: 1rem 0; }
.cost th, .cost td { padding: .2rem .7rem; border-bottom: 1px solid #8884; text-align: right; white-space: nowrap; }
.cost th:first-child, .cost td:first-child, .cost .word { text-align: left; }
.cost .bar { position: relative; width: 20rem; height: .9rem; background: #8882; }
.cost .bar span { position: absolute; top: 0; bottom: 0; background: #3a7bd5; border-radius: 2px; }
.cost .note { opacity: .7; margin: .2rem 0; }
"""


def page(report: CostReport) -> str:
    """Return a whole document."""
    title = escape(f"{report.kernel}: what it costs")
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="color-scheme" content="light dark">\n</head>\n<body>\n{body(report)}\n</body>\n</html>\n'
    )


def body(report: CostReport) -> str:
    """Return what a notebook shows."""
    kinds = sorted(report.work.items(), key=lambda pair: -pair[1])
    parts = [
        f"<h2>{escape(report.kernel)}: grid {report.grid}, threads {report.threads}</h2>",
        *(f"<p>{escape(text)}</p>" for text in report.sentences()),
        _table(
            ("buffer", "space", "read", "written", "atomic", "footprint", "fetched", "lines"),
            (
                [escape(x.buffer), x.space, *(f"{n:,}" for n in (x.read, x.written, x.atomic, x.footprint, x.fetched, x.lines))]
                for x in report.moved
            ),
        ),
        _table(("instructions of simdgroups", "count"), ([escape(kind), f"{many:,}"] for kind, many in kinds)),
        _table(
            ("chip", "occupancy", "limited by", "bound", "roofline TFLOP/s", "time", "", "confidence"),
            (_chip(report, est) for est in report.estimates),
        ),
        *(f'<p class="note">{escape(note)}</p>' for note in report.notes),
        f"<p>{escape(DISCLAIMER)}</p>",
    ]  # fmt: skip
    return f'<div class="cost">\n<style>{_STYLE}</style>\n' + "\n".join(parts) + "\n</div>"


def _chip(report: CostReport, est: Estimate) -> list[str]:
    left, right = _places(report, est.seconds)
    parts = "; ".join(f"{part}: {report.range(seconds)}" for part, seconds in est.parts.items())
    bar = f'<div class="bar" title="{escape(parts)}"><span style="left:{left:.1f}%;right:{100 - right:.1f}%"></span></div>'
    return [
        escape(est.chip.name), est.occupancy.shown, est.occupancy.limit, est.bound, f"{est.roofline_tflops:.3g}",
        escape(report.range(est.seconds)), bar, est.confidence,
    ]  # fmt: skip


def _places(report: CostReport, seconds: tuple[float, float]) -> tuple[float, float]:
    """Return where a range begins and ends, in parts of a hundred, among all ranges on a logarithmic scale."""
    ends = [math.log(end) for est in report.estimates for end in est.seconds if end > 0]
    if not ends or min(seconds) <= 0:
        return 0.0, 100.0
    low, size = min(ends), max(max(ends) - min(ends), 1e-9)
    return (math.log(seconds[0]) - low) / size * 100, (math.log(seconds[1]) - low) / size * 100


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; the cells of rows are HTML."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    lines = ("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>\n<tr>{head}</tr>\n" + "\n".join(lines) + "\n</table>"
