"""HTML for notebooks: tables and texts that look right beside any theme, light or dark, and escape what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_PRE = (
    "margin:0 0 4px;padding:6px 10px;overflow:auto;max-height:32em;font:12px/1.4 ui-monospace,Menlo,Consolas,monospace;"
    "text-align:left;white-space:pre;border:1px solid rgba(128,128,128,.35);border-radius:4px"
)
RED, AMBER, GREEN, BLUE = "#d33", "#b70", "#2a2", "#27b"  # readable on white and on black

_CELL = "padding:3px 10px;white-space:nowrap"


def heading(text: str) -> str:
    """Return a line in bold."""
    return f'<div style="margin:2px 0"><b>{escape(text)}</b></div>'


def line(text: str) -> str:
    """Return a line of text."""
    return f'<div style="margin:2px 0;text-align:left">{escape(text)}</div>'


def pre(text: str, colour: str | None = None) -> str:
    """Return text as it is, in a frame that scrolls; `colour` is that of a bar at its left."""
    bar = "" if colour is None else f";border-left:4px solid {colour}"
    return f'<pre style="{_PRE}{bar}">{escape(text.rstrip())}</pre>'


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = (), caption: str = "") -> str:
    """Return rows under heads: numbers stand at the right, texts at the left. `notes[k]`, if not empty, stands below row k."""
    right = [bool(rows) and all(_is_number(row[k]) for row in rows) for k in range(len(heads))]
    sides = ["right" if each else "left" for each in right]
    parts = [f'<caption style="text-align:left">{escape(caption)}</caption>'] if caption else []
    parts.append(_row("th", heads, sides))
    for number, row in enumerate(rows):
        parts.append(_row("td", row, sides))
        if number < len(notes) and notes[number]:
            style = f'style="{_CELL};text-align:left;white-space:normal"'
            parts.append(
                f'<tr><td></td><td colspan="{len(heads) - 1}" {style}><em>{escape(notes[number])}</em></td></tr>'
            )
    return f'<table style="margin:4px 0;border-collapse:collapse">{"".join(parts)}</table>'


def _row(kind: str, cells: Sequence[str], sides: Sequence[str]) -> str:
    made = (
        f'<{kind} style="{_CELL};text-align:{side}">{escape(cell)}</{kind}>'
        for cell, side in zip(cells, sides, strict=True)
    )
    return f"<tr>{''.join(made)}</tr>"


def _is_number(text: str) -> bool:
    return not text or text.replace(",", "").replace(".", "").replace("%", "").lstrip("-").isdigit()
