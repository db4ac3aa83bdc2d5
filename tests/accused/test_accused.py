"""Every wrong kernel of the corpus is accused of what it does, and of nothing else; no right one is accused of anything."""

from __future__ import annotations

import pytest

from tests.accused.corpus import Case, load

CASES = load()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_kernel_gets_the_findings_that_it_must(case: Case) -> None:
    assert not case.wrong(case.run())


def test_the_corpus_is_as_large_as_promised() -> None:
    assert sum(bool(case.kind) for case in CASES) >= 120
    assert len({case.name for case in CASES}) == len(CASES)
