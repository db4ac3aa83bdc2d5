"""What is drawn: a grid of labelled, coloured cells, made from a layout; terminal and SVG only differ in how they print it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product as pairs
from math import prod
from typing import Any, cast

from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout import int_tuple as tuples
from enigma.layout.drawing import colours

MOST_CELLS = 1 << 16
"""Cells that are drawn, or looked at, without a limit: a larger picture cannot be read, and a browser chokes on it."""
BANKS, BANK_BYTES = 32, 4


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its lines of text (none for an element that nothing reaches) and its colour."""

    lines: tuple[str, ...]
    colour: str


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of cells with the labels of the rows and columns, a title, and notes below it."""

    title: str
    cells: tuple[tuple[Cell, ...], ...]
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    notes: tuple[str, ...] = ()


Limit = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class _Extent:
    """The sizes of a layout's modes: mode 0 runs down, the others together across; of rank 1, the one mode across."""

    sizes: tuple[int, ...]

    @property
    def rows(self) -> int:
        return self.sizes[0] if len(self.sizes) > 1 else 1

    @property
    def columns(self) -> int:
        return prod(self.sizes[1:] if len(self.sizes) > 1 else self.sizes)

    def parts(self, column: int) -> tuple[int, ...]:
        """Return the coordinate in all modes but the first that `column` stands for."""
        result: list[int] = []
        for size in self.sizes[1:]:
            result.append(column % size)
            column //= size
        return tuple(result)

    def coordinate(self, row: int, column: int) -> Any:
        return column if len(self.sizes) == 1 else (row, *self.parts(column))

    def label(self, column: int) -> str:
        return str(column) if len(self.sizes) < 3 else ",".join(map(str, self.parts(column)))


def offsets_grid(layout: Any, limit: Limit) -> Grid:
    """Return the grid of a layout's offsets, coloured from the lowest to the highest."""
    extent = _extent(layout)
    rows, columns, notes = _cut(extent.rows, extent.columns, limit)
    table = [[layout(extent.coordinate(i, j)) for j in range(columns)] for i in range(rows)]
    flat = [value for row in table for value in row]
    for leaf in _flat(tuple(flat)):
        if not isinstance(leaf, int):
            raise EnigmaTypeError(
                f"offset {leaf} of {layout} is not known, so that it cannot be drawn",
                help="draw a layout of the same kind whose strides are numbers",
            )
    if all(isinstance(value, int) for value in flat):
        rank_of = {value: value for value in flat}
    else:  # coordinates, of an identity layout: in the order in which they come
        rank_of = {value: k for k, value in enumerate(dict.fromkeys(flat))}
    low, high = min(rank_of.values()), max(rank_of.values())
    cells = [[Cell((_text(v),), colours.shade(rank_of[v], low, high)) for v in row] for row in table]
    return _grid(str(layout), cells, extent, notes)


def banks_grid(layout: Any, width: Any, limit: Limit) -> Grid:
    """Return the grid of the memory banks that a layout's elements of `width` bytes lie in, and of their offsets."""
    if width not in (1, 2, 4, 8, 16):
        raise EnigmaValueError(
            f"width is {width!r}, which is no size of an element",
            help="give the bytes of one element: 1, 2, 4, 8 or 16",
        )
    extent = _extent(layout)
    rows, columns, notes = _cut(extent.rows, extent.columns, limit)
    table = [[layout(extent.coordinate(i, j)) for j in range(columns)] for i in range(rows)]
    for value in (value for row in table for value in row):
        if not isinstance(value, int):
            raise EnigmaTypeError(
                f"only offsets lie in banks, but {layout} gives {_text(value)}", help="draw it without banks=True"
            )
    cells = [[_bank_cell(value, width) for value in row] for row in table]
    ways = (
        f"words of one bank in a row: up to {_ways(table, width)}; "
        f"in a column: up to {_ways([list(column) for column in zip(*table, strict=True)], width)}"
    )
    title = f"{layout}, banks of {width}-byte elements"
    return _grid(title, cells, extent, (ways, *notes))


def thread_value_grid(tv: Any, tile: Any, limit: Limit) -> Grid:
    """Return the grid of a tile whose elements say which thread holds them, as which of its values.

    `tv` takes (thread, value) to the place of an element in the tile, which counts down the columns as CuTe's do.
    """
    sizes = _tile_sizes(tile)
    threads, values = _thread_value_sizes(tv)
    extent = _Extent(sizes)
    count = tuples.size(sizes)
    _check_size(max(threads * values, count), "a thread-value layout")
    owner: dict[int, tuple[int, int]] = {}
    for value, thread in pairs(range(values), range(threads)):
        place = tv((thread, value))
        if not isinstance(place, int) or not 0 <= place < count:
            raise EnigmaValueError(
                f"thread {thread}, value {value} is at {_text(place)}, outside of the {count} elements of tile {_text(sizes)}",
                help="give the tile that the layout was made for: make_layout_tv returns (tile, layout)",
            )
        if place in owner:
            first = owner[place]
            raise EnigmaValueError(
                f"element {place} of the tile is reached twice: by thread {first[0]}, value {first[1]} and by thread "
                f"{thread}, value {value}",
                help="in a thread-value layout each element belongs to one value of one thread; look at its strides",
            )
        owner[place] = (thread, value)
    rows, columns, notes = _cut(extent.rows, extent.columns, limit)

    def cell(i: int, j: int) -> Cell:
        place = j if len(sizes) == 1 else i + sizes[0] * j
        if place not in owner:
            return Cell((), colours.EMPTY)
        thread, value = owner[place]
        return Cell((f"T{thread}", f"V{value}"), colours.category(thread))

    cells = [[cell(i, j) for j in range(columns)] for i in range(rows)]
    title = f"{tv} on a tile of {_text(sizes)}: {threads} threads, {values} values each"
    return _grid(title, cells, extent, notes)


def _grid(title: str, cells: Sequence[Sequence[Cell]], extent: _Extent, notes: tuple[str, ...]) -> Grid:
    columns = tuple(extent.label(j) for j in range(len(cells[0])))
    return Grid(title, tuple(map(tuple, cells)), tuple(map(str, range(len(cells)))), columns, notes)


def _extent(layout: Any) -> _Extent:
    if not callable(layout) or not hasattr(layout, "shape"):
        raise EnigmaTypeError(
            f"only a layout can be drawn, but here is {layout!r}",
            help="make one: enigma.make_layout(shape, stride); a swizzle is drawn composed with a layout",
        )
    shape = cast(Any, layout).shape
    _check_static(shape)
    modes = tuples.modes_of(shape)
    sizes = tuple(tuples.size(mode) for mode in modes)
    if not sizes or 0 in sizes:
        raise EnigmaValueError(
            f"{layout} has nothing to draw", help="a drawing needs at least one mode and one element"
        )
    return _Extent(sizes)


def _check_static(shape: Any) -> None:
    for leaf in _flat(shape):
        if not isinstance(leaf, int):
            raise EnigmaTypeError(
                f"size {leaf} of shape {_text(shape)} is not known, so that it cannot be drawn",
                help="draw a layout of the same kind whose sizes are numbers",
            )


def _tile_sizes(tile: Any) -> tuple[int, ...]:
    modes: tuple[Any, ...] = tile if tuples.is_tuple(tile) else (tile,)
    whole = all(isinstance(leaf, int) and leaf > 0 for leaf in _flat(modes))
    if not modes or not whole:
        raise EnigmaTypeError(
            f"tile is {tile!r}, which is no shape", help="give the sizes of the tile: tile=(rows, columns)"
        )
    return tuple(tuples.size(mode) for mode in modes)


def _flat(x: Any) -> Iterator[Any]:
    if tuples.is_tuple(x):
        for part in x:
            yield from _flat(part)
    else:
        yield x


def _thread_value_sizes(tv: Any) -> tuple[int, int]:
    sizes = _extent(tv).sizes
    if len(sizes) != 2:
        raise EnigmaValueError(
            f"a thread-value layout has two modes, threads and values, but {tv} has {len(sizes)}",
            help="leave tile= out to draw the offsets of a layout",
        )
    return sizes[0], sizes[1]


def _cut(rows: int, columns: int, limit: Any) -> tuple[int, int, tuple[str, ...]]:
    if limit is None:
        _check_size(rows * columns, "a drawing")
        return rows, columns, ()
    if not (tuples.is_tuple(limit) and len(limit) == 2 and all(isinstance(n, int) and n > 0 for n in limit)):
        raise EnigmaTypeError(f"limit is {limit!r}", help="give the most rows and columns to draw: limit=(32, 64)")
    shown = min(rows, limit[0]), min(columns, limit[1])
    _check_size(shown[0] * shown[1], "a drawing")
    if shown == (rows, columns):
        return rows, columns, ()
    return *shown, (f"cut: {shown[0]} of {rows} rows and {shown[1]} of {columns} columns are shown",)


def _check_size(cells: int, what: str) -> None:
    if cells > MOST_CELLS:
        raise EnigmaValueError(
            f"{what} of {cells} cells is too large: {MOST_CELLS} are the most",
            help="give limit=(rows, columns), or draw a smaller layout of the same kind",
        )


def _bank(offset: int, width: int) -> int:
    return offset * width // BANK_BYTES % BANKS


def _bank_cell(offset: int, width: int) -> Cell:
    bank = _bank(offset, width)
    return Cell((str(bank), f"@{offset}"), colours.bank_colour(bank))


def _ways(lines: Sequence[Sequence[int]], width: int) -> int:
    """Return the most different words of one bank that a line of elements touches: the steps that reading it takes."""
    most = 1
    for line in lines:
        spans = ((o * width // BANK_BYTES, (o * width + width - 1) // BANK_BYTES) for o in line)
        words = {word for first, last in spans for word in range(first, last + 1)}
        counts = [0] * BANKS
        for word in words:
            counts[word % BANKS] += 1
        most = max(most, *counts)
    return most


def _text(x: Any) -> str:
    return f"({','.join(map(_text, x))})" if tuples.is_tuple(x) else str(x)
