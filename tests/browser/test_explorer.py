"""The stage explorer in a browser: it loads without errors or network, and its links lead to the same operation in every stage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import enigma as en
from enigma.debug.explorer.stages import changed, stages


@en.kernel
def row_sums(x: en.f32, out: en.f32, columns: en.Scalar[en.u32]):
    row = en.thread_position_in_grid
    total = 0.0
    for k in range(columns):
        total += x[row * columns + k]
    if total > 3:
        out[row] = en.sqrt(total) * 2


@en.kernel
def long(x: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    for k in en.range_constexpr(2000):
        out[i] = x[k]


@dataclass
class Finding:
    """What `enigma.check` reports, as issue 5 names its parts."""

    kind: str = "out-of-bounds"
    severity: str = "error"
    file: str = __file__
    line: int = 0
    other_line: int | None = None
    buffer: str | None = "x<y>"
    index: int | None = 4096
    thread: Any = (1, 0, 0)
    threadgroup: Any = (2, 0, 0)
    value: Any = None
    count: int = 7
    message: str = "reads outside of <x>"
    help: str | None = "test the index"


@dataclass
class Report:
    findings: list[Finding] = field(default_factory=list[Finding])


def line_of(text: str) -> int:
    lines = Path(__file__).read_text().splitlines()
    return next(k for k, line in enumerate(lines, 1) if line.strip().startswith(text))


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    report = Report([Finding(line=line_of("total += x"))])
    folder = tmp_path_factory.mktemp("explorer")
    return en.compile(row_sums, emit_only=True).explore(folder / "p.html", grid=(1000,), threads=(64,), report=report)


@pytest.fixture
def page(browser: Any, page_path: Path) -> Iterator[Any]:
    yield from opened(browser, page_path, "light")


def opened(browser: Any, path: Path, scheme: str) -> Iterator[Any]:
    """Yield a page that must not say anything on the console nor ask for anything over a network."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1500, "height": 800})
    shown = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda error: said.append(str(error)))
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(path.as_uri())
    shown.wait_for_selector("html[data-ready]")
    yield shown
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def row(page: Any, pane: str, text: str) -> Any:
    return page.locator(f"#pane-{pane} .row", has_text=text).first


def hot(page: Any, pane: str) -> list[str]:
    """Return the lines of a pane that are shown as the same operation."""
    page.wait_for_timeout(60)
    # however busy the machine is, what the page was going to draw is drawn two frames later
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return [text.strip() for text in page.locator(f"#pane-{pane} .row.hot").all_inner_texts()]


def code(lines: list[str]) -> list[str]:
    return [re.sub(r"^\d+\s*", "", line) for line in lines]


def test_all_stages_are_there_and_the_last_mlir_is_what_metal_was_printed_from(page: Any) -> None:
    titles = page.locator("#shown button").all_inner_texts()
    assert titles == ["Python", "traced IR", "MLIR", "Metal", "LLVM IR"]
    compiled = en.compile(row_sums, emit_only=True)
    found = stages(compiled)
    assert found[-3].text.rstrip() == compiled.mlir_source.rstrip()
    assert found[1].lines[0].text == compiled.asm["ir"].splitlines()[0]
    assert found[-2].text == compiled.metal_source.rstrip()
    assert found[-1].text == compiled.asm["llvm"].rstrip()
    assert page.locator("#pane-llvm").is_hidden()
    page.click("#show-llvm")
    assert page.locator("#pane-llvm").is_visible()
    assert "define void @kernel_row_sums" in page.locator("#pane-llvm").inner_text()


@pytest.mark.parametrize(
    ("pane", "text"), [("python", "total += x"), ("ir", "load(x"), ("mlir", "enigma.load"), ("msl", "total += x")]
)
def test_pointing_at_an_operation_shows_it_in_every_stage(page: Any, pane: str, text: str) -> None:
    page.click("#show-llvm")
    row(page, pane, text).hover(position={"x": 250, "y": 9} if pane != "python" else {"x": 54 + 7 * 18, "y": 9})
    assert any("total += x[row * columns + k]" in line for line in code(hot(page, "python")))
    assert any("load(x" in line for line in hot(page, "ir"))
    assert any("enigma.load %x" in line for line in hot(page, "mlir"))
    assert code(hot(page, "msl")) == ["total += x[row * columns + k];"]
    page.mouse.move(700, 2)
    assert hot(page, "msl") == []


def test_in_python_the_innermost_operation_is_meant(page: Any) -> None:
    """The product row * columns and not the whole line: its load is another operation of that line."""
    target = row(page, "python", "total += x")
    box = target.locator(".n").bounding_box()
    letter = page.evaluate(
        "() => { const s = document.createElement('span'); s.textContent = '0'.repeat(100);"
        "const r = document.querySelector('.row').cloneNode(); r.replaceChildren(s); document.querySelector('.spacer').append(r);"
        "const w = s.getBoundingClientRect().width / 100; r.remove(); return w; }"
    )
    column = Path(__file__).read_text().splitlines()[line_of("total += x") - 1].index("row * columns")
    page.mouse.move(box["x"] + box["width"] + (column + 1.5) * letter, box["y"] + 9)
    assert any("mul(row, columns)" in line for line in hot(page, "ir"))
    assert not any("load(" in line for line in hot(page, "ir"))
    assert page.locator("#pane-python .row u").all_inner_texts() != []
    warm = page.locator("#pane-ir .row.warm").all_inner_texts()
    assert any("load(x" in line for line in warm)


def test_a_click_keeps_the_selection_and_brings_it_into_view(page: Any) -> None:
    page.set_viewport_size({"width": 1500, "height": 300})
    row(page, "msl", "total += x").click()
    page.mouse.move(700, 2)
    assert code(hot(page, "msl")) == ["total += x[row * columns + k];"]
    assert page.locator("#pane-ir .row.hot.pinned").first.is_visible()
    page.click("#show-llvm")
    row(page, "msl", "total += x").click()  # lets go
    row(page, "msl", "total += x").click()
    shown = page.locator("#pane-llvm").bounding_box()
    box = page.locator("#pane-llvm .row.hot.pinned").first.bounding_box()
    assert shown["y"] <= box["y"] < shown["y"] + shown["height"]
    assert any(" = mul <" in line for line in hot(page, "llvm"))  # row * columns
    assert f"test_explorer.py:{line_of('total += x')}" in page.inner_text("#status")
    page.keyboard.press("Escape")
    assert hot(page, "msl") == []


def test_arrow_keys_walk_through_the_operations(page: Any) -> None:
    row(page, "ir", "load(x").click()
    page.mouse.move(700, 2)
    page.keyboard.press("ArrowDown")
    assert any("add(total" in line for line in hot(page, "ir"))


def test_search_counts_hits_in_all_stages_and_walks_through_them(page: Any, page_path: Path) -> None:
    page.keyboard.press("/")
    page.keyboard.type("sqrt")
    page.wait_for_timeout(150)
    count = sum(
        "sqrt" in line.text for stage in stages(en.compile(row_sums, emit_only=True), (64, 1, 1))
        if stage.name in ("python", "ir", "msl") for line in stage.lines
    )  # fmt: skip
    hits = page.inner_text("#hits")
    assert hits.startswith("1 of ")
    assert int(hits.split()[-1]) == count + 1  # and one in the MLIR that is shown
    assert page.locator(".row.current mark").inner_text() == "sqrt"
    page.keyboard.press("Enter")
    assert page.inner_text("#hits").startswith("2 of ")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Escape")
    assert page.inner_text("#hits") == ""


def test_passes_are_chosen_and_their_difference_is_shown(page: Any) -> None:
    found = [stage for stage in stages(en.compile(row_sums, emit_only=True)) if stage.name.startswith("mlir")]
    assert page.locator("#stage-mlir option").count() == len(found) > 1
    page.select_option("#stage-mlir", "1")
    page.check("#diff-mlir")
    page.wait_for_timeout(60)
    signs = [sign for sign, _ in found[1].changes]
    assert page.locator("#pane-mlir .row.plus").count() == signs.count("+") > 0
    assert page.locator("#pane-mlir .row.minus").count() == signs.count("-") > 0
    page.select_option("#stage-mlir", "0")
    page.wait_for_timeout(60)
    assert page.locator("#pane-mlir .row.plus").count() == 0


def test_tabs_tell_launch_memory_and_findings(page: Any) -> None:
    page.click("#tab-launch")
    text = page.inner_text("#sheet")
    assert "16 x 1 x 1 = 16 threadgroups; partial along x: the last one has 40 of 64" in text
    assert "64 x 1 x 1 = 64 threads, 2 simdgroups of 32" in text
    assert "columns" in text
    page.click("#tab-memory")
    assert "read x (device)" in page.inner_text("#sheet")
    page.click("#tab-findings")
    assert "reads outside of <x>" in page.inner_text("#sheet")
    page.locator("#sheet tr[data-line]").first.click()
    assert any("total += x" in line for line in code(hot(page, "python")))
    assert code(hot(page, "msl")) == ["total += x[row * columns + k];"]
    page.click("#tab-findings")
    assert page.inner_text("#sheet") == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark(browser: Any, page_path: Path, scheme: str) -> None:
    """Every colour of text has a contrast of 4.5 to 1 with its background (WCAG 2.1, 1.4.3), also in marked rows."""
    for page in opened(browser, page_path, scheme):
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        row(page, "msl", "total += x").click()
        page.wait_for_timeout(60)
        worst = page.evaluate(CONTRAST)
        assert worst[0] >= 4.5, worst
        page.click("#theme")
        assert page.evaluate("document.documentElement.dataset.theme") != scheme
        page.wait_for_timeout(60)
        worst = page.evaluate(CONTRAST)
        assert worst[0] >= 4.5, worst


CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = (rgb) => { const [r, g, b] = rgb.map((v) => { v /= 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const back = (node) => { for (; node; node = node.parentElement) { const c = parse(getComputedStyle(node).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c.slice(0, 3); } return [255, 255, 255]; };
  let worst = [99, ""];
  for (const node of document.querySelectorAll("h1, h2, h2 span, .row, .row span, .row mark, footer, #tabs button, #hits")) {
    if (!node.textContent.trim() || !node.offsetParent) continue;
    const a = light(parse(getComputedStyle(node).color).slice(0, 3)), b = light(back(node));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, node.className + ": " + node.textContent.slice(0, 40)];
  }
  return worst;
}"""


def test_of_thousands_of_lines_only_what_is_seen_is_drawn(browser: Any, tmp_path: Path) -> None:
    """All 2,000 are one Python line: pointing at one marks them all. The bounds in ms are 20 times what a slow machine needs."""
    path = en.compile(long, emit_only=True).explore(tmp_path / "long.html")
    for page in opened(browser, path, "light"):
        for pane in ("ir", "mlir", "msl"):
            assert int(page.locator(f"#pane-{pane} .count").inner_text().split()[0]) > 2000
        assert page.locator(".row").count() < 600  # only what can be seen is there
        drawn = page.evaluate(SCROLLED)
        assert max(drawn) < 200, drawn  # rows made for a frame, however long the text
        row(page, "msl", "out[i] = x[").click()
        assert hot(page, "ir")
        assert hot(page, "msl")
        page.fill("#query", "x[1999]")
        page.wait_for_selector("#hits:has-text('1 of')")
        assert "x[1999]" in page.locator("#pane-msl .row.current").inner_text()
        page.click("#show-llvm")
        pointed = sorted(page.evaluate(POINTED))
        assert pointed[len(pointed) // 2] < 250, pointed
        assert page.evaluate(SEARCHED) < 2000


POINTED = """async () => {
  const body = document.querySelector("#pane-msl .body"), frame = () => new Promise((done) => requestAnimationFrame(done));
  const took = [];
  for (let k = 0; k < 20; k++) {
    const rows = body.querySelectorAll(".row"), begun = performance.now();
    rows[k + 15].dispatchEvent(new MouseEvent("mousemove", { bubbles: true, clientX: 900, clientY: 200 }));
    document.body.offsetHeight;
    took.push(performance.now() - begun);
    await frame();
  }
  return took;
}"""

SEARCHED = """() => {
  const begun = performance.now(), query = document.getElementById("query");
  query.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  document.body.offsetHeight;
  return performance.now() - begun;
}"""

SCROLLED = """async () => {
  const body = document.querySelector("#pane-ir .body"), frame = () => new Promise((done) => requestAnimationFrame(done));
  const drawn = [];
  for (let k = 0; k < 40; k++) {
    body.scrollTop = (body.scrollHeight * k) / 40;
    body.dispatchEvent(new Event("scroll"));
    await frame();
    const row = body.querySelectorAll(".row")[25];
    row.dispatchEvent(new MouseEvent("mousemove", { bubbles: true, clientX: 300, clientY: 200 }));
    await frame();
    drawn.push(body.querySelectorAll(".row").length);
  }
  return drawn;
}"""


def test_nothing_of_a_kernel_is_taken_for_html(browser: Any, tmp_path: Path) -> None:
    space: dict[str, Any] = {"en": en}
    source = tmp_path / "odd.py"
    source.write_text(
        "import enigma as en\n@en.kernel\ndef odd(x: en.f32):\n"
        "    '''</script><img src=x onerror=alert(1)> &amp; \\u2028 @DATA@ ä'''\n    ü = x[0]; x[1] = ü + 1.0\n", encoding="utf-8",
    )  # fmt: skip
    exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), space)
    path = en.compile(space["odd"], emit_only=True).explore(tmp_path / "odd.html")
    for page in opened(browser, path, "light"):
        text = page.inner_text("#pane-python")
        assert "</script><img src=x onerror=alert(1)> &amp;" in text
        assert page.locator("img").count() == 0


def test_differences_line_by_line() -> None:
    assert changed(["a", "b", "c"], ["a", "x", "c", "d"]) == [("=", 0), ("-", 1), ("+", 1), ("=", 2), ("+", 3)]
    assert changed([], ["a"]) == [("+", 0)]


def test_notebooks_show_kernels_and_their_stages() -> None:
    html = row_sums._repr_html_()
    assert "row_sums(" in html
    assert "total += x[row * columns + k]" in html
    shown = en.compile(row_sums, emit_only=True)._repr_html_()
    assert "kernel void row_sums(" in shown
    assert "<summary>MLIR</summary>" in shown
    assert "device const float* x" in shown
    assert "i &lt; " not in shown or "<i" not in shown
