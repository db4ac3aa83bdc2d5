"""The page that says what runs where is made from the table of rows, and current."""

from __future__ import annotations

import pytest

from enigma.spec.registry import all_rows
from tools.support_table import PAGE, main, support_table


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == support_table(), "run: python tools/support_table.py"


def test_the_page_has_a_line_per_row() -> None:
    lines = [line for line in support_table().splitlines() if line.startswith("| ") and not line.startswith("| write")]
    assert len(lines) == len(all_rows())
    for row in all_rows():
        assert any(row.doc in line for line in lines)


def test_the_check_says_what_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert "is current" in capsys.readouterr().out
