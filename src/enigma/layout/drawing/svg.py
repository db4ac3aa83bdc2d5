"""A grid as SVG text, and as a page of HTML that needs nothing else."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from enigma.layout.drawing import colours
from enigma.layout.drawing.grid import Grid

_HIGH, _CHAR, _GAP = 26, 7.2, 8
"""Pixels: the least height of a cell, the width of a letter (12px monospace), and the space around."""

_PAGE = """
<style>
svg text:not(.label) { fill: #4a4a4a }
@media (prefers-color-scheme: dark) { svg text:not(.label) { fill: #bdbdbd } }
</style>
"""
"""A page knows what is behind the labels of its axes; a picture alone does not, and has a grey for both."""


def svg(grid: Grid) -> str:
    """Return the grid as an SVG document: a `<g>` with a `<rect>`, its texts and a tooltip for each cell."""
    cells = [cell for row in grid.cells for cell in row]
    letters = max([len(line) for cell in cells for line in cell.lines] + [len(x) for x in grid.column_labels] + [2])
    lines = max([len(cell.lines) for cell in cells] + [1])
    high = _HIGH if lines == 1 else 14 * lines + 8
    wide = max(high, round(letters * _CHAR + 10))
    left = round(max(map(len, grid.row_labels)) * _CHAR) + 2 * _GAP
    top = 2 * _GAP + 14 + 20
    texts = [grid.title, *grid.notes]
    width = max(left + wide * len(grid.column_labels), round(max(map(len, texts)) * _CHAR) + _GAP) + _GAP
    foot = top + high * len(grid.row_labels)
    height = foot + _GAP + 18 * len(grid.notes)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label={quoteattr(grid.title)} font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" '
        f'font-size="12">',
        _words("title", _GAP, 20, grid.title, colours.AXIS, "start", "bold"),
    ]
    out += [
        _words("column", left + wide * (j + 0.5), top - 6, label, colours.AXIS)
        for j, label in enumerate(grid.column_labels)
    ]
    for i, row in enumerate(grid.cells):
        y = top + high * i
        out.append(_words("row", left - _GAP, y + high / 2 + 4, grid.row_labels[i], colours.AXIS, "end"))
        for j, cell in enumerate(row):
            x = left + wide * j
            out.append(f'<g class="cell" data-row="{i}" data-column="{j}">')
            tip = f"({grid.row_labels[i]}; {grid.column_labels[j]}) {' '.join(cell.lines)}"
            out.append(f"<title>{escape(tip)}</title>")
            out.append(
                f'<rect x="{x}" y="{y}" width="{wide}" height="{high}" fill="{cell.colour}" stroke="#5b5f66" stroke-width="0.6"/>'
            )
            first = y + high / 2 + 4 - 7 * (len(cell.lines) - 1)
            for k, line in enumerate(cell.lines):
                out.append(_words("label", x + wide / 2, first + 14 * k, line, colours.TEXT))
            out.append("</g>")
    out += [
        _words("note", _GAP, foot + _GAP + 18 * k + 10, note, colours.AXIS, "start")
        for k, note in enumerate(grid.notes)
    ]
    return "\n".join([*out, "</svg>\n"])


def html(grid: Grid) -> str:
    """Return a page that shows the grid in the reader's light or dark colours."""
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(grid.title)}</title>{_PAGE}</head>\n<body>\n{svg(grid)}</body>\n</html>\n"
    )


def _words(kind: str, x: float, y: float, text: str, fill: str, anchor: str = "middle", weight: str = "") -> str:
    bold = f' font-weight="{weight}"' if weight else ""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" fill="{fill}" text-anchor="{anchor}"{bold}>{escape(text)}</text>'
