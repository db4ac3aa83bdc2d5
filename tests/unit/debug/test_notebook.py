"""What a notebook shows of kernels, layouts and reports: well-formed HTML in which nothing of the user's is markup."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.benchmark import BenchResult
from enigma.debug.diff import diff_texts
from enigma.runtime.profiling.events import ProfilerEvent
from enigma.runtime.profiling.measure import KernelBenchmark

EVIL = "<script>alert(1)</script>&amp;"


@en.kernel
def swapped(x: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    tile = en.threadgroup_alloc(en.f32, 64)
    tile[i] = x[2 * i]  # <script>alert(1)</script>&amp;
    out[i] = tile[63 - i]  # <script>alert(1)</script>&amp;


@en.jit
def swap(x: Any, out: Any):  # <script>alert(1)</script>&amp;
    swapped(x, out).launch(grid=(64, 1, 1), block=(64, 1, 1))


def arrays() -> list[Any]:
    return [np.ones(128, np.float32), np.zeros(64, np.float32)]


def report() -> Any:
    return en.check(swapped, *arrays(), grid=64, threads=64)


def comparison() -> Any:
    return en.compare(swapped, arrays(), grid=64, threads=64, targets=("sim",), oracle=lambda x, out: out + 5)


def profiler() -> en.Profiler:
    made = en.Profiler()
    made.add_event(ProfilerEvent(EVIL, "runtime", 0, 1000))
    return made


SHOWN: dict[str, tuple[Callable[[], Any], str]] = {
    "kernel": (lambda: swapped, "swapped(x: buffer, out: buffer)"),
    "compiled kernel": (lambda: en.compile(swapped, emit_only=True), "kernel void swapped("),
    "jit function": (lambda: swap, "enigma.jit swap"),
    "layout": (lambda: en.make_layout((2, 3)), "5"),
    "swizzled layout": (lambda: en.make_composed_layout(en.Swizzle(1, 0, 1), 0, en.make_layout(8)), "S<1,0,1>"),
    "report": (report, "data race: "),
    "finding": (lambda: report().findings[0], "[data-race]"),
    "clean report": (lambda: en.check(swapped, *arrays(), grid=64, threads=64, check=["nan-born"]), "nothing found"),
    "comparison": (comparison, "sim failed: "),
    "accesses": (lambda: en.advise(swapped, threads=64), "stride 2"),
    "cost": (lambda: en.explain(swapped, grid=64, threads=64), "M1 Ultra"),
    "diff": (lambda: diff_texts(f"a\n{EVIL}", f"a\n{EVIL}b", (EVIL, EVIL)), EVIL),
    "times": (lambda: BenchResult(EVIL, [1.0, 2.0, 6.0]), "3.00"),
    "times of a kernel": (lambda: KernelBenchmark(EVIL, [2.0], flops=4e6), "2000.00"),
    "profiler": (profiler, EVIL),
    "events": (lambda: profiler().key_averages(), EVIL),
    "copies": (lambda: en.explain_copies(), ""),
}


class Reader(HTMLParser):
    """Notes the tags and the text, and that each tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", SHOWN)
def test_it_is_shown_as_html_in_which_nothing_of_the_user_is_markup(name: str) -> None:
    make, expected = SHOWN[name]
    reader = Reader()
    html = make()._repr_html_()
    assert "CanvasText" not in html
    assert "Canvas;" not in html
    assert "body {" not in html, "it takes the colours of the notebook, and changes nothing outside of itself"
    reader.feed(html)
    reader.close()
    assert not reader.open
    assert expected in reader.text
    assert reader.tags <= {
        "div", "b", "code", "pre", "details", "summary", "table", "caption", "tr", "th", "td", "em", "style",
        "h2", "p", "span", "svg", "title", "rect", "text", "tspan", "g", "path", "line",
    }  # fmt: skip


def test_source_and_names_are_shown_letter_by_letter() -> None:
    for name in ("kernel", "jit function", "report", "diff", "times", "times of a kernel", "profiler"):
        reader = Reader()
        reader.feed(SHOWN[name][0]()._repr_html_())
        assert EVIL in reader.text, name


def test_a_profile_prints_as_its_table() -> None:
    assert str(profiler().key_averages()).startswith("Name")
