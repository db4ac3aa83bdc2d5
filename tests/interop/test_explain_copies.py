"""`explain_copies`: what was copied, how often, and why."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.runtime import copies


@en.kernel
def add(A: en.f32, B: en.f32, C: en.f32):
    i = en.thread_position_in_grid
    C[i] = A[i] + B[i]


@pytest.fixture(autouse=True)
def nothing_yet() -> None:
    en.explain_copies(forget=True)


def columns(n: int) -> Any:
    return np.arange(2 * n, dtype=np.float32).reshape(n, 2)


def test_a_launch_that_copies_nothing_is_not_noted() -> None:
    add[4, 4](np.zeros(4, np.float32), np.zeros(4, np.float32), np.zeros(4, np.float32))
    report = en.explain_copies()
    assert not report and len(report) == 0 and report.nbytes == 0
    assert str(report) == "nothing was copied: every argument was used where it is"
    assert json.loads(report.to_json()) == {"nbytes": 0, "copies": []}


def test_equal_copies_are_counted() -> None:
    base, out = columns(4), np.zeros(4, np.float32)
    for _ in range(3):
        add.launch(base[:, 0], out.copy(), out, grid=4, threads=4, device="cpu")
    add.launch(out.copy(), base[:, 1], out, grid=4, threads=4, device="sim")
    report = en.explain_copies(forget=True)
    assert str(report) == (
        "2 arguments were copied, 64 bytes in 4 copies\n"
        "  add: A, 16 bytes in, 3 times on cpu: its elements do not follow one another in memory\n"
        "    help: pass a contiguous array: keep np.ascontiguousarray(A) where it is launched more than once\n"
        "  add: B, 16 bytes in, once on sim: its elements do not follow one another in memory\n"
        "    help: pass a contiguous array: keep np.ascontiguousarray(B) where it is launched more than once"
    )
    assert not en.explain_copies()


def test_a_copy_that_could_be_avoided_is_told_the_first_time() -> None:
    base, out = columns(4), np.zeros(4, np.float32)
    with pytest.warns(en.EnigmaWarning) as told:
        for _ in range(3):
            add.launch(base[:, 0], out.copy(), out, grid=4, threads=4, device="cpu")
    (text,) = (str(one.message) for one in told)
    place, said = text.split(": warning: ")
    assert place.split(":")[0].endswith("test_explain_copies.py")
    assert said.splitlines() == [
        "kernel add: A is copied for each run, 16 bytes: its elements do not follow one another in memory",
        '    add.launch(base[:, 0], out.copy(), out, grid=4, threads=4, device="cpu")',
        "    ^",
        "  help: pass a contiguous array: keep np.ascontiguousarray(A) where it is launched more than once",
    ]


def test_a_launch_that_is_refused_copies_nothing() -> None:
    with pytest.raises(en.LaunchError, match="grid"):
        add.launch(columns(4)[:, 0], np.zeros(4, np.float32), np.zeros(4, np.float32), grid=-1)
    assert not en.explain_copies()


def test_a_copy_within_the_library_is_told_at_the_users_line() -> None:
    with pytest.warns(en.EnigmaWarning, match=r"test_explain_copies\.py:\d+:\d+: warning: kernel gemm: a is copied"):
        en.lib.gemm(np.ones((4, 4), np.float32)[::2, ::2], np.eye(2, dtype=np.float32))


def test_an_array_that_ends_within_a_vector_is_copied_both_ways() -> None:
    compiled = en.compile(add, vec_width=4, emit_only=True)
    out = np.zeros(6, np.float32)
    en.runtime("cpu").run(compiled.program, [np.ones(6, np.float32), np.ones(6, np.float32), out], 2, 2)
    assert np.array_equal(out, np.full(6, 2, np.float32))
    found = {one.argument: one for one, _ in en.explain_copies().copies}
    assert [found[name].direction for name in "ABC"] == ["in", "in", "in and out"]
    assert "multiple of the vector's width" in found["C"].remedy
    assert en.explain_copies().nbytes == 4 * 24


def test_the_report_is_data_and_a_table() -> None:
    add.launch(columns(4)[:, 0], np.zeros(4, np.float32), np.zeros(4, np.float32), grid=4, threads=4, device="cpu")
    report = en.explain_copies()
    (one,) = json.loads(report.to_json())["copies"]
    assert one == {
        "kernel": "add", "argument": "A", "device": "cpu", "nbytes": 16, "direction": "in", "times": 1,
        "reason": "its elements do not follow one another in memory",
        "remedy": "pass a contiguous array: keep np.ascontiguousarray(A) where it is launched more than once",
    }  # fmt: skip
    cells: list[str] = []
    parser = HTMLParser()
    parser.handle_data = cells.append  # type: ignore[method-assign]
    parser.feed(report._repr_html_())
    assert cells[0] == report.summary and cells[8:14] == ["add", "A", "cpu", "16", "in", "1"]


def test_only_the_latest_are_remembered() -> None:
    for k in range(copies.KEPT + 5):
        copies.note("k", f"a{k}", "cpu", 4, "in", copies.Why.STRIDED)
    kept = en.explain_copies().copies
    assert len(kept) == copies.KEPT and kept[0][0].argument == "a5" and kept[-1][0].argument == f"a{copies.KEPT + 4}"


@pytest.mark.parametrize("why", copies.Why)
def test_every_reason_says_what_to_do(why: copies.Why) -> None:
    for is_tensor in (False, True):
        said = why.remedy("A", is_tensor=is_tensor)
        assert said and "{" not in said
