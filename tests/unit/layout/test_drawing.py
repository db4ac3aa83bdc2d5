"""Pictures of layouts: every label against a direct computation, terminal text exactly, and what is refused."""

from __future__ import annotations

import doctest
import importlib
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

import enigma
from enigma.layout import Layout, make_layout_tv
from enigma.layout.drawing import colours

NS = "{http://www.w3.org/2000/svg}"


class Swizzled:
    """Rows of 32 elements whose groups of four are exchanged by the row: a layout that is not made of strides."""

    shape = (8, 32)

    def __call__(self, coord: tuple[int, int]) -> int:
        place = coord[0] * 32 + coord[1]
        return place ^ ((place >> 5 & 7) << 2)

    def __str__(self) -> str:
        return "swizzled"


def cells(svg: str) -> dict[tuple[int, int], tuple[tuple[str, ...], str]]:
    """Return row and column -> the lines and the colour of a cell."""
    found: dict[tuple[int, int], tuple[tuple[str, ...], str]] = {}
    for group in ET.fromstring(svg).iter(f"{NS}g"):
        (rect,) = group.findall(f"{NS}rect")
        lines = tuple(text.text or "" for text in group.findall(f"{NS}text"))
        found[int(group.attrib["data-row"]), int(group.attrib["data-column"])] = lines, rect.attrib["fill"]
    return found


def texts(svg: str, kind: str) -> list[str]:
    return [t.text or "" for t in ET.fromstring(svg).iter(f"{NS}text") if t.attrib["class"] == kind]


def shown(layout: Any, **options: Any) -> str:
    file = io.StringIO()
    enigma.show(layout, file=file, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "layout",
    [
        Layout((4, 8), (8, 1)),
        Layout((3, 5)),
        Layout(((2, 2), (2, 4)), ((1, 8), (2, 4))),
        Layout((1, 1)),
        Layout((4, 4), (0, -3)),
    ],
    ids=str,
)
def test_offsets_of_two_modes(layout: Layout) -> None:
    svg = enigma.draw(layout).svg
    rows, columns = layout.size(0), layout.size(1)
    # the whole layout counts down the columns: an independent way to the same offset
    assert {at: lines for at, (lines, _) in cells(svg).items()} == {
        (i, j): (str(layout(i + rows * j)),) for i in range(rows) for j in range(columns)
    }
    assert texts(svg, "row") == [str(i) for i in range(rows)]
    assert texts(svg, "column") == [str(j) for j in range(columns)]
    assert texts(svg, "title") == [str(layout)]
    assert layout.to_svg() == svg


def test_equal_offsets_have_equal_colours_and_others_do_not() -> None:
    by_value: dict[str, set[str]] = {}
    for lines, colour in cells(enigma.draw(Layout((4, 4), (1, 2))).svg).values():
        by_value.setdefault(lines[0], set()).add(colour)
    assert all(len(found) == 1 for found in by_value.values())
    assert len({colour for found in by_value.values() for colour in found}) == len(by_value) == 10


def test_three_modes_go_across() -> None:
    svg = enigma.draw(Layout((2, 3, 2), (100, 10, 1))).svg
    assert texts(svg, "column") == ["0,0", "1,0", "2,0", "0,1", "1,1", "2,1"]
    assert {at: lines[0] for at, (lines, _) in cells(svg).items()} == {
        (i, j + 3 * k): str(100 * i + 10 * j + k) for i in range(2) for j in range(3) for k in range(2)
    }


def test_thread_value_labels() -> None:
    tiler, tv = make_layout_tv(Layout((2, 4), (4, 1)), Layout((2, 3), (3, 1)))
    found = cells(enigma.draw_tv(tv, tiler).svg)
    # thread (a, b) of the 2 by 4, value (c, d) of its 2 by 3
    assert {at: lines for at, (lines, _) in found.items()} == {
        (2 * a + c, 3 * b + d): (f"T{4 * a + b}", f"V{3 * c + d}")
        for a in range(2)
        for b in range(4)
        for c in range(2)
        for d in range(3)
    }
    colour_of = {lines[0]: colour for lines, colour in found.values()}
    assert len(set(colour_of.values())) == 8
    assert all(colour == colour_of[lines[0]] for lines, colour in found.values())


def test_large_thread_value_tile_is_cut_and_checked_whole() -> None:
    tiler, tv = make_layout_tv(Layout((4, 64), (64, 1)), Layout((4, 4), (4, 1)))
    assert len(cells(enigma.draw_tv(tv, tiler).svg)) == 16 * 256
    svg = enigma.draw(tv, tile=(16, 256), limit=(16, 8)).svg
    assert cells(svg)[5, 7][0] == ("T65", "V7")
    assert texts(svg, "note") == ["cut: 16 of 16 rows and 8 of 256 columns are shown"]


@pytest.mark.parametrize("width", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("layout", [Layout((8, 32), (32, 1)), Layout((8, 32), (33, 1)), Swizzled()], ids=str)
def test_banks(layout: Any, width: int) -> None:
    colour_of: dict[str, str] = {}
    for (i, j), (lines, colour) in cells(enigma.draw(layout, banks=True, width=width).svg).items():
        offset = layout((i, j))
        assert lines == (str(offset * width % 128 // 4), f"@{offset}")
        assert colour_of.setdefault(lines[0], colour) == colour
    assert len(set(colour_of.values())) == len(colour_of)


@pytest.mark.parametrize(
    "layout, width, row, column",
    [
        (Layout((8, 32), (32, 1)), 4, 1, 8),
        (Layout((8, 32), (33, 1)), 4, 1, 1),
        (Swizzled(), 4, 1, 1),
        (Layout((8, 32), (32, 1)), 2, 1, 4),
        (Layout((8, 32), (0, 1)), 4, 1, 1),  # one word for all: a broadcast
        (Layout((8, 32), (32, 1)), 16, 4, 8),
    ],
    ids=str,
)
def test_conflicts_are_counted(layout: Any, width: int, row: int, column: int) -> None:
    notes = texts(enigma.draw(layout, banks=True, width=width).svg, "note")
    assert notes == [f"words of one bank in a row: up to {row}; in a column: up to {column}"]


def test_terminal_text() -> None:
    assert shown(Layout((2, 4), (100, 1))) == (
        "(2,4):(100,1)\n"
        "     0    1    2    3\n"
        "0    0    1    2    3\n"
        "1  100  101  102  103\n"
    )  # fmt: skip
    assert shown(Layout(3, 2)) == "3:2\n   0  1  2\n0  0  2  4\n"
    assert shown(Layout((12, 12)), limit=(2, 3)) == (
        "(12,12):(1,12)\n    0   1   2\n0   0  12  24\n1   1  13  25\n"
        "cut: 2 of 12 rows and 3 of 12 columns are shown\n"
    )  # fmt: skip
    assert shown(Layout((2, 2), (2, 1)), tile=(2, 3)) == (
        "(2,2):(2,1) on a tile of (2,3): 2 threads, 2 values each\n"
        "      0     1     2\n"
        "0  T0V0  T1V0     .\n"
        "1  T0V1  T1V1     .\n"
    )  # fmt: skip
    assert shown(Layout((2, 2), (32, 1)), banks=True) == (
        "(2,2):(32,1), banks of 4-byte elements\n   0  1\n0  0  1\n1  0  1\n"
        "words of one bank in a row: up to 1; in a column: up to 2\n"
    )  # fmt: skip


def test_wide_rows_stay_whole() -> None:
    lines = shown(Layout((2, 32), (32, 1))).splitlines()
    assert [len(line.split()) for line in lines] == [1, 32, 33, 33]


def test_columns_come_in_bands_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("FORCE_COLOR", "1"),
        ("COLORTERM", "truecolor"),
        ("TERM", "xterm-256color"),
        ("COLUMNS", "20"),
        ("LINES", "50"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown(Layout((2, 8), (8, 1)))).splitlines()
    assert [line.rstrip() for line in lines] == [
        "(2,8):(8,1)",
        "    0   1   2   3",
        "0   0   1   2   3",
        "1   8   9  10  11",
        "    4   5   6   7",
        "0   4   5   6   7",
        "1  12  13  14  15",
    ]
    assert all(len(line) <= 20 for line in lines)
    # every element is printed once, whatever the width
    for width in range(1, 60):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = re.sub(r"\x1b\[[0-9;]*m", "", shown(Layout((2, 8), (8, 1)))).splitlines()[1:]
        values = [line.split()[1:] for line in lines if not line.startswith(" ")]
        assert sorted(int(value) for row in values for value in row) == list(range(16)), width
        assert width < 6 or all(len(line) <= width for line in lines)


def test_swizzled_layouts() -> None:
    plain = Layout((8, 32), (32, 1))
    composed = enigma.make_composed_layout(enigma.Swizzle(3, 2, 3), 0, plain)
    found = cells(enigma.draw(composed, banks=True).svg)
    assert {at: lines for at, (lines, _) in found.items()} == {
        (i, j): (str((32 * i + j ^ i << 2) % 32), f"@{32 * i + j ^ i << 2}") for i in range(8) for j in range(32)
    }
    assert texts(enigma.draw(composed).svg, "title") == ["S<3,2,3> o 0 o (8,32):(32,1)"]
    assert texts(enigma.draw(composed, banks=True).svg, "note") == [
        "words of one bank in a row: up to 1; in a column: up to 1"
    ]
    assert shown(enigma.swizzle(Layout((2, 4), (4, 1)), 1, 0, 2)) == (
        "S<1,0,2> o 0 o (2,4):(4,1)\n   0  1  2  3\n0  0  1  2  3\n1  5  4  7  6\n"
    )
    part = composed[2, None]
    assert shown(part, limit=(1, 6)) == (
        "S<3,2,3> o 64 o (32):(1)\n    0   1   2   3   4   5\n0  72  73  74  75  76  77\n"
        "cut: 1 of 1 rows and 6 of 32 columns are shown\n"
    )


def test_terminal_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = shown(Layout((1, 2)))
    parts = [int(colours.shade(0, 0, 1)[k : k + 2], 16) for k in (1, 3, 5)]
    assert "48;2;" + ";".join(map(str, parts)) in text


def test_neighbours_have_different_colours() -> None:
    assert len({colours.category(k) for k in range(32)}) == 32
    for stride in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512):
        assert all(colours.category(a) != colours.category(a + stride) for a in range(1024)), stride


def test_labels_can_be_read() -> None:
    fills = [colours.category(k) for k in range(64)] + [colours.bank_colour(k) for k in range(32)]
    fills += [colours.shade(k, 0, 50) for k in range(51)] + [colours.EMPTY]
    assert min(contrast(colours.TEXT, fill) for fill in fills) >= 7
    assert min(contrast(colours.AXIS, page) for page in ("#ffffff", "#000000")) >= 4.5


def contrast(a: str, b: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(colour: str) -> float:
        parts = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_files_and_notebooks(tmp_path: Path) -> None:
    layout = Layout((4, 8), (8, 1))
    drawing = enigma.draw(layout, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == drawing.svg
    enigma.draw(layout, str(tmp_path / "a.html"))
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page == drawing.html and drawing.svg in page and page.startswith("<!doctype html>")
    # notebooks call these by name
    assert drawing._repr_html_() == layout._repr_html_() == drawing.svg  # pyright: ignore[reportPrivateUsage]
    large = Layout((1000, 1000))._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert large is not None and len(cells(large)) == 16 * 32
    assert Layout(())._repr_html_() is None  # pyright: ignore[reportPrivateUsage]


WRONG = {
    "no layout": (
        lambda: enigma.show(3),
        "only a layout can be drawn, but here is 3\n  help: make one: enigma.make_layout(shape, stride); "
        "a swizzle is drawn composed with a layout",
    ),
    "rank 0": (
        lambda: enigma.draw(Layout(())),
        "():() has nothing to draw\n  help: a drawing needs at least one mode and one element",
    ),
    "too large": (
        lambda: enigma.draw(Layout((1024, 1024))),
        "a drawing of 1048576 cells is too large: 65536 are the most\n"
        "  help: give limit=(rows, columns), or draw a smaller layout of the same kind",
    ),
    "limit": (
        lambda: enigma.draw(Layout((4, 4)), limit=8),  # pyright: ignore[reportArgumentType]
        "limit is 8\n  help: give the most rows and columns to draw: limit=(32, 64)",
    ),
    "width": (
        lambda: enigma.draw(Layout((4, 4)), banks=True, width=3),
        "width is 3, which is no size of an element\n  help: give the bytes of one element: 1, 2, 4, 8 or 16",
    ),
    "twice": (
        lambda: enigma.draw_tv(Layout((2, 2), (1, 1)), (2, 2)),
        "element 1 of the tile is reached twice: by thread 1, value 0 and by thread 0, value 1\n"
        "  help: in a thread-value layout each element belongs to one value of one thread; look at its strides",
    ),
    "outside": (
        lambda: enigma.draw_tv(Layout((2, 2), (1, 4)), (2, 2)),
        "thread 0, value 1 is at 4, outside of the 4 elements of tile (2,2)\n"
        "  help: give the tile that the layout was made for: make_layout_tv returns (tile, layout)",
    ),
    "not threads and values": (
        lambda: enigma.show(Layout(4), tile=(2, 2)),
        "a thread-value layout has two modes, threads and values, but 4:1 has 1\n"
        "  help: leave tile= out to draw the offsets of a layout",
    ),
    "no tile": (
        lambda: enigma.show(Layout((2, 2)), tile=(2, 0)),
        "tile is (2, 0), which is no shape\n  help: give the sizes of the tile: tile=(rows, columns)",
    ),
    "both": (
        lambda: enigma.show(Layout((2, 2)), tile=(2, 2), banks=True),
        "tile= and banks=True cannot be together\n"
        "  help: draw threads and values, or draw the banks of a layout",
    ),
    "no kind": (
        lambda: enigma.draw(Layout((2, 2)), "a.png"),
        "a.png is no name for a drawing\n  help: let it end in .svg or in .html",
    ),
    "no folder": (
        lambda: enigma.draw(Layout((2, 2)), "/no/such/a.svg"),
        "the drawing cannot be written to /no/such/a.svg: No such file or directory\n"
        "  help: give the path of a file in a folder that is there and can be written to",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(case: str) -> None:
    call, text = WRONG[case]
    with pytest.raises(enigma.EnigmaError) as caught:
        call()
    assert str(caught.value) == text


class Odd:
    """Something like a layout, of any shape and result."""

    def __init__(self, shape: Any, result: Any) -> None:
        self.shape, self.result = shape, result

    def __call__(self, coord: Any) -> Any:
        return self.result(coord)

    def __str__(self) -> str:
        return "odd"


def test_coordinates_as_offsets() -> None:
    def same(coord: Any) -> Any:
        return coord

    identity = Odd((2, 2), same)
    assert shown(identity) == "odd\n       0      1\n0  (0,0)  (0,1)\n1  (1,0)  (1,1)\n"
    with pytest.raises(enigma.EnigmaTypeError) as caught:
        shown(identity, banks=True)
    assert str(caught.value) == "only offsets lie in banks, but odd gives (0,0)\n  help: draw it without banks=True"


def test_unknown_sizes_are_refused() -> None:
    class Unknown:
        def __str__(self) -> str:
            return "n"

    with pytest.raises(enigma.EnigmaTypeError) as caught:
        shown(Odd((2, Unknown()), str))
    assert str(caught.value) == (
        "size n of shape (2,n) is not known, so that it cannot be drawn\n"
        "  help: draw a layout of the same kind whose sizes are numbers"
    )

    with pytest.raises(enigma.EnigmaTypeError) as caught:
        shown(Odd((2, 2), lambda _: Unknown()))
    assert str(caught.value) == (
        "offset n of odd is not known, so that it cannot be drawn\n"
        "  help: draw a layout of the same kind whose strides are numbers"
    )


def test_examples_run_as_shown() -> None:
    done = doctest.testmod(importlib.import_module("enigma.layout.drawing.api"))
    assert done.attempted > 0 and done.failed == 0
