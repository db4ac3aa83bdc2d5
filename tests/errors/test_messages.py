"""Every wrong kernel of the corpus gives exactly the text that stands beside it, which names the place and what would be right."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.errors.corpus import CASES, Case, every, found, read

# Python 3.13 gives an implicit `iter()` the place of what is iterated over, earlier ones that of the whole expression
ITERATED = {
    "memory: iterating over a buffer in a comprehension", "syntax: enigma.range without source",
    "textures: iterating over a texture in a comprehension",
}  # fmt: skip


@pytest.mark.parametrize("case", every(), ids=str)
def test_a_wrong_kernel_gives_its_text(case: Case, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    now = found(case, tmp_path)
    if request.config.getoption("--update-golden"):
        _update(case, now)
        return
    if str(case) in ITERATED and sys.version_info >= (3, 13):
        assert _without_columns(now) == _without_columns(case.expected)
        return
    assert now == case.expected


def _without_columns(text: str) -> list[str]:
    lines = [re.sub(r":\d+: error", ": error", line) for line in text.splitlines()]
    return [line for line in lines if line.strip() != "^"]


def _update(case: Case, now: str) -> None:
    path = CASES / f"{case.family}.txt"
    cases = [Case(c.family, c.name, c.source, now if c.name == case.name else c.expected) for c in read(path)]
    path.write_text("\n".join(c.text for c in cases), encoding="utf-8")


@pytest.mark.parametrize("case", every(), ids=str)
def test_a_text_shows_the_place_and_what_would_be_right(case: Case) -> None:
    kind, place, *rest = case.expected.splitlines()
    assert kind.startswith("Enigma") or kind in ("ErrorGroup", "LaunchError")
    assert "error: " in place or "warning: " in place or kind == "LaunchError" or "no kernel is being traced" in place
    assert any("help: " in line for line in rest), "a message says what to type"


def test_the_corpus_is_large_and_names_each_case_once() -> None:
    cases = every()
    names = [str(case) for case in cases]
    assert len(names) == len(set(names))
    assert len(cases) >= 100
