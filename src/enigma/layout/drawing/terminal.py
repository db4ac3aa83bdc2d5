"""A grid in a terminal, printed through rich."""

from __future__ import annotations

from typing import Any

from enigma.layout.drawing import colours
from enigma.layout.drawing.grid import Cell, Grid


def print_grid(grid: Grid, file: Any) -> None:
    """Print the grid to `file` (standard output for None): coloured on a terminal, plain text elsewhere.

    On a terminal that is too narrow for its columns they come in bands, one below the other; elsewhere rows stay whole.
    """
    # rich is heavy, and only printing needs it
    from rich.console import Console
    from rich.text import Text

    console = Console(file=file, highlight=False, markup=False, emoji=False)
    # the offsets under the banks have no room here: a cell is one line
    labels = [[_label(cell) for cell in row] for row in grid.cells]
    wide = max(len(text) for row in [grid.column_labels, *labels] for text in row)
    margin = max(map(len, grid.row_labels))
    room = max((console.width - margin - 1) // (wide + 2), 1) if console.is_terminal else len(grid.column_labels)
    text = Text(f"{grid.title}\n")
    for first in range(0, len(grid.column_labels), room):
        band = slice(first, first + room)
        heads = "".join(f" {label.rjust(wide)} " for label in grid.column_labels[band])
        text.append(f"{' ' * margin} {heads.rstrip()}\n")
        for name, cells, row in zip(grid.row_labels, grid.cells, labels, strict=True):
            line = Text(name.rjust(margin) + " ")
            for cell, label in zip(cells[band], row[band], strict=True):
                line.append(f" {label.rjust(wide)} ", style=f"{colours.TEXT} on {cell.colour}")
            if not console.is_terminal:  # where the colour of a cell is not seen, its last blank is not wanted
                line.rstrip()
            text.append(line).append("\n")
    for note in grid.notes:
        text.append(note + "\n")
    console.print(text, end="", soft_wrap=True)


def _label(cell: Cell) -> str:
    """One line for a cell: `T3V1` for threads and values, the bank alone for banks."""
    lines = [line for line in cell.lines if not line.startswith("@")]
    return "".join(lines) or "."
