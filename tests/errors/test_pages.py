"""Every error leads to the page of `docs/errors` that explains it: of the corpus, of launches, each text in the source."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import enigma
from enigma.mistakes import groups, page_of, pages
from tests.errors import test_launch_errors
from tests.errors.corpus import Case, every

SRC = Path(enigma.__file__).parent
PLACE = re.compile(r"\S+:\d+:\d+: (?:error|warning): ")
OWN = {"InternalError", "AttributeError", "KeyError", "FormatError", "UsageError", "ToolchainError"}
"""Errors without a page: enigma's own mistakes, those that another error quotes, and what Apple's tools say."""


@pytest.mark.parametrize("case", every(), ids=str)
def test_a_wrong_kernel_leads_to_a_page(case: Case) -> None:
    assert page_of(PLACE.sub("", case.expected.splitlines()[1], count=1)) is not None, "add its text to mistakes.txt"


@pytest.mark.parametrize("name", test_launch_errors.CASES)
def test_a_wrong_launch_leads_to_a_page(name: str) -> None:
    text = test_launch_errors.CASES[name][2]
    for line in text.splitlines():
        if line.startswith(("  ", "    ")):
            continue
        assert page_of(PLACE.sub("", line.replace("{line}", "1"), count=1)) is not None, "add its text to mistakes.txt"


def messages() -> Iterator[tuple[str, str]]:
    """Yield where an error is made, and its message with `x` for what is named there; messages made elsewhere are left out."""
    for path in sorted(SRC.rglob("*.py")):
        if path.relative_to(SRC).parts[0] == "cli":
            continue  # the command line shows what others raise, and what it says itself needs no page
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                made = node.func.id
                if made.endswith("Error") and made not in OWN and (text := _text(node.args[0])) is not None:
                    yield f"{path.relative_to(SRC)}:{node.lineno}", text


def _text(node: ast.expr) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr():
            parts = [part.value if isinstance(part, ast.Constant) else "x" for part in node.values]
            text = "".join(map(str, parts))
            return text if len(re.findall(r"[a-z]{2,}", text)) > 2 else None  # nearly all of it is made elsewhere
        case _:
            return None


def test_every_text_in_the_source_leads_to_a_page() -> None:
    lost = [f"{place}: {text}" for place, text in messages() if page_of(text) is None]
    assert not lost, "add these to src/enigma/mistakes.txt, under the page that explains them:\n" + "\n".join(lost)


def test_no_two_pages_claim_one_text() -> None:
    texts = [text for found in pages().values() for text in found]
    assert len(texts) == len(set(texts))
    assert sum(map(len, groups().values())) == len(pages()), "a page stands under one heading"


def test_an_error_knows_its_page_and_a_traceback_ends_in_it() -> None:
    @enigma.kernel
    def truncated(x: enigma.f32, out: enigma.i32):
        out[0] = x[0]

    with pytest.raises(enigma.EnigmaTypeError) as caught:
        enigma.compile(truncated)
    assert caught.value.page == "implicit-conversion"
    assert caught.value.__notes__ == ["  more: enigma errors implicit-conversion"]
    assert "enigma errors" not in str(caught.value)


def test_a_group_of_errors_knows_the_pages_of_all() -> None:
    text = test_launch_errors.CASES["everything at once"]
    with pytest.raises(enigma.EnigmaError) as caught, warnings.catch_warnings():
        text[0]()
    assert caught.value.page == "grid-and-threads"
    assert [note.split()[-1] for note in caught.value.__notes__] == [
        "grid-and-threads",
        "dtype-of-an-array",
        "scalar-argument",
    ]


def test_the_text_with_most_words_of_its_own_counts() -> None:
    assert (
        page_of("an element of out must be i32, but the value is f32: its fraction would be lost")
        == "implicit-conversion"
    )
    assert page_of("an element of out must be f32, but it is given a buffer of f32") == "not-a-value"
    assert page_of("nothing like any of them") is None
