"""What the documentation shows is so: every Python block runs, every output is the real one, the reference is current.

The Python blocks of a page are one program, in order. A block of another kind right after one is what it prints, and the last
lines of the traceback if it ends in an error of enigma's; `--update-golden` writes what it prints now, for a person to read in
review. A block below `<!-- needs torch -->` is left out where that library is not installed, and the test of the page then says
that it was.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from enigma.errors import EnigmaError
from enigma.mistakes import page_of, pages
from enigma.spec.terms import Fault
from enigma.trace.tracer import EnigmaWarning
from tests.arch.tree import ROOT
from tools import make_errors, make_reference, support_table

PAGES = [
    ROOT / "README.md",
    *(
        page
        for folder in ("", "errors", "findings", "puzzles")
        for page in sorted((ROOT / "docs" / folder).glob("*.md"))
    ),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDS = re.compile(r"^<!-- needs ([\w.]+) -->\s*\Z", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced Python block: its text, where in the page the text of its output stands, if it is shown, and a library it needs."""

    code: str
    output: tuple[int, int] | None
    needs: str | None = None

    @property
    def runs(self) -> bool:
        """Whether what it needs is installed."""
        return self.needs is None or importlib.util.find_spec(self.needs) is not None


def blocks(page: str) -> list[Block]:
    """Return the Python blocks of a page with their outputs."""
    found: list[Block] = []
    fences = list(FENCE.finditer(page))
    for fence, after in zip(fences, [*fences[1:], None][: len(fences)], strict=True):
        if fence[1] != "python":
            continue
        follows = after is not None and after[1] != "python" and not page[fence.end() : after.start()].strip()
        needs = NEEDS.search(page, 0, fence.start())
        output = after.span(2) if after is not None and follows else None
        found.append(Block(fence[2], output, needs[1] if needs is not None else None))
    return found


def outputs(name: str, found: list[Block], folder: Path) -> list[str]:
    """Return what each block prints; they run as one program, from a file, for kernels are read from their source."""
    path = folder / f"{name}.py"
    path.write_text("\n".join(block.code for block in found), encoding="utf-8")
    printed: list[str] = []
    with contextlib.redirect_stdout(io.StringIO()) as stdout:

        def end_of_block(error: Exception | None) -> None:
            if error is not None:
                if found[len(printed)].output is None:
                    raise error
                print(f"{type(error).__name__}: {error}")
            printed.append(stdout.getvalue())
            stdout.seek(0)
            stdout.truncate()

        namespace: dict[str, Any] = {"__name__": name, "__file__": str(path)}
        namespace |= {"_end_of_block": end_of_block, "_errors": (EnigmaError, EnigmaWarning)}
        exec(compile(program(found), str(path), "exec", dont_inherit=True), namespace)
    return printed


def program(found: list[Block]) -> ast.Module:
    """Return the blocks as one module, each in a `try` of its own; the lines are those of the blocks with an empty line between."""
    body: list[ast.stmt] = []
    statements = ast.parse("\n".join(block.code for block in found)).body
    last = 0
    for block in found:
        last += block.code.count("\n") + 1
        around = ast.parse(
            "try: pass\nexcept _errors as _error: _end_of_block(_error)\nelse: _end_of_block(None)"
        ).body[0]
        if not isinstance(around, ast.Try):
            raise TypeError(around)
        while statements and statements[0].lineno <= last:
            around.body.append(statements.pop(0))
        body.append(around)
    return ast.Module(body, [])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT).with_suffix("")))
def test_the_python_of_a_page_runs_and_prints_what_is_shown(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENIGMA_EMIT_ONLY", "1")
    if page.parent.name == "errors":
        monkeypatch.setenv("ENIGMA_DEVICE", "sim")  # quicker for kernels that run once, and their runs are checked
    text = page.read_text(encoding="utf-8")
    every = blocks(text)
    found = [block for block in every if block.runs]
    printed = outputs(page.stem.replace("-", "_").lower(), found, tmp_path)
    if request.config.getoption("--update-golden"):
        for block, now in reversed(list(zip(found, printed, strict=True))):
            if block.output is not None:
                text = text[: block.output[0]] + now.rstrip("\n") + "\n" + text[block.output[1] :]
        page.write_text(text, encoding="utf-8")
        return
    for block, now in zip(found, printed, strict=True):
        if block.output is not None:
            assert now.rstrip("\n") == text[slice(*block.output)].rstrip("\n")
    if missing := sorted({block.needs or "" for block in every if not block.runs}):
        pytest.skip(f"the other blocks ran: those below `needs {', '.join(missing)}` were left out")


def test_a_block_that_needs_a_library_which_is_not_there_is_left_out() -> None:
    fences = [f"```python\n{letter}\n```\n\n" for letter in "abc"]
    page = f"<!-- needs nothing_of_this_name -->\n{fences[0]}{fences[1]}<!-- needs numpy -->\n\n{fences[2]}"
    assert [(block.needs, block.runs) for block in blocks(page)] == [
        ("nothing_of_this_name", False), (None, True), ("numpy", True),
    ]  # fmt: skip


ERRORS = ROOT / "docs" / "errors"
FIRST = re.compile(r"\w+: (?:\S+:\d+:\d+: (?:error|warning): )?(.*)")


def test_every_kind_of_error_has_a_page() -> None:
    assert {path.stem for path in ERRORS.glob("*.md")} == {*pages(), "README"}
    assert (ERRORS / "README.md").read_text("utf-8") == make_errors.index(), "run: python tools/make_errors.py"


@pytest.mark.parametrize("name", pages())
def test_a_page_of_an_error_shows_it_and_then_a_kernel_that_equals_numpy(name: str) -> None:
    page = (ERRORS / f"{name}.md").read_text(encoding="utf-8")
    wrong, right = (page[slice(*block.output)] for block in blocks(page) if block.output is not None)
    first = FIRST.match(wrong)
    assert first is not None and page_of(first[1]) == name
    assert right.splitlines()[-1] == "True"


FINDINGS = ROOT / "docs" / "findings"


def test_every_kind_of_finding_has_a_page_and_a_row() -> None:
    kinds = {str(fault) for fault in Fault}
    assert {path.stem for path in FINDINGS.glob("*.md")} == {*kinds, "README"}
    rows = re.findall(
        r"^\| \[([\w-]+)\]\(([\w-]+)\.md\) \|", (FINDINGS / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert rows == [(str(fault), str(fault)) for fault in Fault]


@pytest.mark.parametrize("fault", Fault, ids=str)
def test_a_page_of_a_finding_shows_it_and_then_a_kernel_without_it(fault: Fault) -> None:
    page = (FINDINGS / f"{fault}.md").read_text(encoding="utf-8")
    wrong, right = (page[slice(*block.output)] for block in blocks(page) if block.output is not None)
    assert set(re.findall(r" \[([\w-]+)\]$", wrong, re.MULTILINE)) == {str(fault)}
    assert re.match(r"kernel \w+: nothing found\n", right)


PUZZLES = sorted((ROOT / "docs" / "puzzles").glob("[0-9]*.md"))


def test_there_are_twelve_puzzles_and_each_is_listed() -> None:
    listed = re.findall(
        r"^\| \[(\d+)\. [^]]+\]\(([\w-]+\.md)\)", (PUZZLES[0].parent / "README.md").read_text("utf-8"), re.MULTILINE
    )
    assert [name for _, name in listed] == [page.name for page in PUZZLES]
    assert [int(number) for number, _ in listed] == [int(page.name[:2]) for page in PUZZLES] == list(range(1, 13))


@pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda page: page.stem)
def test_a_puzzle_shows_what_is_wrong_with_an_attempt_and_a_solution_that_equals_numpy(puzzle: Path) -> None:
    page = puzzle.read_text(encoding="utf-8")
    wrong, right = (page[slice(*block.output)] for block in blocks(page) if block.output is not None)
    assert re.search(r"^kernel \w+: \d+ (error|warning)", wrong, re.MULTILINE)
    assert re.fullmatch(r"kernel \w+: nothing found\nTrue\n", right)
    task, solution = page.split('## A solution\n\n<details markdown="1">\n<summary>Show it</summary>\n')
    assert "expected = " in task, "the task says what must come out"
    assert right in solution, "the solution is folded away"
    assert solution.endswith("\n</details>\n")


@pytest.mark.parametrize("name", sorted(make_reference.pages()))
def test_the_reference_is_current(name: str) -> None:
    written = make_reference.TARGET / name
    assert written.read_text(encoding="utf-8") == make_reference.pages()[name], "run: python tools/make_reference.py"


def test_the_reference_has_no_page_too_many() -> None:
    assert {path.name for path in make_reference.TARGET.glob("*.md")} == {
        *make_reference.pages(),
        support_table.PAGE.name,
    }


def test_every_setting_of_the_environment_is_documented() -> None:
    known = set(re.findall(r"ENIGMA_\w+", (ROOT / "src" / "enigma" / "config.py").read_text(encoding="utf-8")))
    table = re.findall(
        r"^\| `(ENIGMA_\w+)` \|", (ROOT / "docs" / "stages.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(table) == known
