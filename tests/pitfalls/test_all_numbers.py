"""Each numbered pitfall of the language, 1 to 79, has a test that names it, or a reason why it has none here."""

from __future__ import annotations

import re

from tests.arch.tree import ROOT

LAST = 79


def named() -> dict[int, list[str]]:
    """Return the tests that name each number, in any folder: `test_pitfall_07_...`, `test_..._pitfall_85`."""
    found: dict[int, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in re.findall(r"^def (test_\w*pitfalls?_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            numbers = re.search(r"pitfalls?((?:_\d+)+)", name)
            for number in re.findall(r"\d+", numbers[1]) if numbers else ():
                found.setdefault(int(number), []).append(f"{path.relative_to(ROOT)}::{name}")
    return found


def test_every_number_has_a_test() -> None:
    missing = [k for k in range(1, LAST + 1) if k not in named()]
    assert not missing
