"""`show`, `draw` and `draw_tv`: what a user calls to see a layout."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enigma.errors import EnigmaError, EnigmaTypeError, EnigmaValueError
from enigma.layout.drawing import svg as pictures
from enigma.layout.drawing.grid import Grid, Limit, banks_grid, offsets_grid, thread_value_grid
from enigma.layout.drawing.terminal import print_grid

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True, repr=False)
class Drawing:
    """A picture of a layout: `.svg` and `.html` are its text, `.save(path)` writes it; a notebook shows it by itself."""

    grid: Grid

    @property
    def svg(self) -> str:
        """The SVG document."""
        return pictures.svg(self.grid)

    @property
    def html(self) -> str:
        """A page of HTML that needs no other file."""
        return pictures.html(self.grid)

    def save(self, path: PathLike) -> None:
        """Write the picture to a file that ends in .svg or .html; raises `EnigmaValueError` where that cannot be."""
        kind = Path(path).suffix.lower()
        if kind not in (".svg", ".html"):
            raise EnigmaValueError(f"{os.fspath(path)} is no name for a drawing", help="let it end in .svg or in .html")
        try:
            Path(path).write_text(self.svg if kind == ".svg" else self.html, encoding="utf-8")
        except OSError as error:
            raise EnigmaValueError(
                f"the drawing cannot be written to {os.fspath(path)}: {error.strerror}",
                help="give the path of a file in a folder that is there and can be written to",
            ) from error

    def _repr_html_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Drawing of {self.grid.title}>"


def show(
    layout: Any,
    *,
    tile: Any = None,
    banks: bool = False,
    width: int = 4,
    limit: Limit = (32, 32),
    file: Any = None,
) -> None:
    """Print a layout as a grid of its offsets: mode 0 down, the others across; of rank 1 as one row.

    With `tile=(rows, columns)` the layout is one of threads and values (`make_layout_tv`), and each element of the tile says
    which thread holds it as which value: `T3V1`. With `banks=True` cells are memory banks (32 of 4 bytes; the first one of an
    element that lies in several), for elements of `width` bytes. Rows and columns over `limit` are left out, which a note
    says; `limit=None` prints all. On a terminal that is too narrow, columns come in bands. `file` is standard output if not given.

    Raises `EnigmaTypeError` for what is no layout or not static, and `EnigmaValueError` for a layout without modes, for more
    than 65,536 cells, and for threads and values that reach an element twice or leave the tile.

    >>> import enigma
    >>> enigma.show(enigma.make_layout((2, 4), (4, 1)))
    (2,4):(4,1)
       0  1  2  3
    0  0  1  2  3
    1  4  5  6  7
    """
    print_grid(_grid(layout, tile, banks, width, limit), file)


def draw(
    layout: Any,
    path: PathLike | None = None,
    *,
    tile: Any = None,
    banks: bool = False,
    width: int = 4,
    limit: Limit = None,
) -> Drawing:
    """Return a picture of a layout, which `.svg` and `.html` give as text; with `path` it is written there as well.

    The other arguments and the errors are those of `show`; nothing is cut if no `limit` is given. A path that does not end
    in .svg or .html, or that cannot be written to, is an `EnigmaValueError`.

    >>> import enigma
    >>> enigma.draw(enigma.make_layout((2, 4), (4, 1))).svg.count("<rect")
    8
    """
    drawing = Drawing(_grid(layout, tile, banks, width, limit))
    if path is not None:
        drawing.save(path)
    return drawing


def draw_tv(tv: Any, tiler: Any, path: PathLike | None = None, *, limit: Limit = None) -> Drawing:
    """Return a picture of a tile whose elements say which thread of `tv` holds them, as which value; see `draw`.

    >>> import enigma
    >>> enigma.draw_tv(enigma.make_layout((4, 2), (2, 1)), (2, 4)).svg.count(">T3<")
    2
    """
    return draw(tv, path, tile=tiler, limit=limit)


def notebook(layout: Any) -> str | None:
    """Return what a notebook shows of a layout; None, where its text has to do: nothing to draw, or not known now."""
    try:
        return draw(layout, limit=(16, 32)).svg
    except EnigmaError:
        return None


def _grid(layout: Any, tile: Any, banks: bool, width: int, limit: Limit) -> Grid:
    if tile is not None and banks:
        raise EnigmaTypeError(
            "tile= and banks=True cannot be together", help="draw threads and values, or draw the banks of a layout"
        )
    if tile is not None:
        return thread_value_grid(layout, tile, limit)
    return banks_grid(layout, width, limit) if banks else offsets_grid(layout, limit)
