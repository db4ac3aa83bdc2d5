"""The report of a checked run, as text, JSON and exception; and how a run is asked for."""

from __future__ import annotations

import io
import json
import warnings
from typing import Any

import numpy as np
import pytest

import enigma as en


@en.kernel
def shifted(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i + 1]


@en.kernel
def reversal(A: en.f32, Out: en.f32):
    tile = en.threadgroup_alloc(en.f32, 64)
    local = en.thread_position_in_threadgroup("x")
    tile[local] = A[local]
    Out[local] = tile[63 - local]


@en.kernel
def halved(A: en.i32, Out: en.u8):
    i = en.thread_position_in_grid
    Out[i] = A[i]


@en.kernel
def slots(Out: en.u32, Next: en.u32):
    slot = en.atomic_fetch_add(Next, 0, 1)
    Out[slot] = en.thread_position_in_grid


@en.kernel
def asserting(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    en.assert_(A[i] > 0.0, "A must be positive")
    Out[i] = A[i]


def f32(n: int) -> Any:
    return np.arange(n, dtype=np.float32)


def test_a_finding_reads_as_an_error_does() -> None:
    report = en.check(shifted, f32(64), f32(64), grid=64, threads=32)
    (found,) = report.findings
    line = shifted.fn.__code__.co_firstlineno + 3
    assert str(found).splitlines() == [
        f"test_check.py:{line}:14: error: read outside of buffer A: index 64, but it has 64 elements [out-of-bounds]",
        "    Out[i] = A[i + 1]",
        "             ^",
        "  note: thread (63, 0, 0) of threadgroup (1, 0, 0), in kernel shifted",
        "  help: guard the access: `if i < 64:` with i the index, or check the grid and the size of A",
    ]
    assert (found.line, found.thread_in_threadgroup, found.other_line) == (line, (31, 0, 0), None)
    assert str(report).endswith("kernel shifted: 1 error") and repr(report) == "<check of shifted: 1 error>"


def test_a_race_names_both_lines_in_every_form() -> None:
    report = en.check(reversal, f32(64), f32(64), grid=64, threads=64)
    (found,) = report.findings
    assert found.kind == "data-race" and found.other_line == found.line - 1
    (as_json,) = json.loads(report.to_json())["findings"]
    assert (as_json["kind"], as_json["other_line"], as_json["count"]) == ("data-race", found.line - 1, 64)
    assert "nothing orders the two" in str(report) and "data-race" in report._repr_html_()
    with pytest.raises(en.CheckError, match="data race: read of threadgroup memory tile") as caught:
        report.raise_if_any()
    assert caught.value.report is report and not isinstance(caught.value, en.OutOfBoundsError)


def test_a_report_in_colour_has_the_same_text() -> None:
    from rich.console import Console

    report = en.check(shifted, f32(8), f32(8), grid=8, threads=8)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(report)
    assert console.export_text().split() == str(report).split()


def test_a_right_run_is_ok_and_raises_nothing() -> None:
    report = en.check(shifted, f32(65), f32(64), grid=64, threads=32)
    assert report.ok and not report.findings
    report.raise_if_any()


def test_the_simulator_raises_errors_and_warns_of_the_rest() -> None:
    with pytest.raises(en.OutOfBoundsError, match="read outside of buffer A") as caught:
        shifted.launch(f32(64), f32(64), grid=64, threads=32, device="sim")
    assert isinstance(caught.value, en.CheckError)
    with pytest.warns(en.EnigmaWarning, match="300 of i32 becomes 44 of u8"):
        halved.launch(np.array([300], np.int32), np.zeros(1, np.uint8), grid=1, threads=1, device="sim")
    program = en.compile(halved, emit_only=True).program
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        en.SimRuntime(check=False).run(program, [np.array([300], np.int32), np.zeros(1, np.uint8)], 1, 1)


def test_all_findings_of_a_run_are_in_the_error() -> None:
    with pytest.raises(en.OutOfBoundsError) as caught:
        shifted.launch(f32(8), f32(8), grid=9, threads=9, device="sim")
    assert "read outside of buffer A" in str(caught.value) and "write outside of buffer Out" in str(caught.value)


def test_another_order_of_simdgroups_is_run_where_it_can_show() -> None:
    out, following = np.zeros(256, np.uint32), np.zeros(1, np.uint32)
    report = en.check(slots, out, following, grid=256, threads=64)
    assert report.ok and report.schedules == 2 and report.order_dependent == ("Out",)
    np.testing.assert_array_equal(out, np.arange(256))
    assert "the order of threads shows in Out" in str(report)
    assert en.check(shifted, f32(9), f32(8), grid=8).schedules == 1


def test_a_failed_assertion_is_told_by_the_report() -> None:
    report = en.check(asserting, f32(4), np.zeros(4, np.float32), grid=4, threads=4)
    assert not report.ok and "A must be positive" in str(report)
    with pytest.raises(en.KernelAssertionError, match="A must be positive"):
        report.raise_if_any()


def test_a_compiled_kernel_is_checked_too() -> None:
    report = en.check(en.compile(shifted, emit_only=True), f32(8), f32(8), grid=8)
    assert [finding.kind for finding in report.findings] == ["out-of-bounds"]


def test_what_is_not_asked_for_is_not_reported() -> None:
    assert en.check(reversal, f32(64), f32(64), grid=64, threads=64, check=["aliasing"]).ok
    assert not en.check(reversal, f32(64), f32(64), grid=64, threads=64, check="data-race").ok


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(en.EnigmaValueError, match="there is no check 'races'") as caught:
        en.check(shifted, f32(8), f32(8), grid=8, check=["races"])
    assert 'check is True, False, "everything", or some of: out-of-bounds' in str(caught.value)
    with pytest.raises(en.EnigmaTypeError, match="check takes a kernel, but it got 3"):
        en.check(3, grid=1)
    with pytest.raises(en.EnigmaTypeError, match="takes its arguments in order, but A came by name"):
        en.check(en.compile(shifted, emit_only=True), f32(8), A=f32(8), grid=8)
    with pytest.raises(en.LaunchError, match="holds float64"):
        en.check(shifted, np.zeros(8), f32(8), grid=8)


@en.kernel
def sums(A: en.f32, Out: en.f32):
    en.atomic_fetch_add(Out, 0, A[en.thread_position_in_grid])


@en.kernel
def last(A: en.f32, Out: en.f32):
    en.atomic_exchange(Out, 0, A[en.thread_position_in_grid])


@pytest.mark.parametrize(("kernel", "how"), [(sums, "rounding"), (last, "values")])
def test_a_result_that_depends_on_the_order_of_threads_is_a_note(kernel: Any, how: str) -> None:
    a = np.array([1e8, *range(1, 32)], np.float32)  # one simdgroup suffices
    report = en.check(kernel, a, np.zeros(1, np.float32), grid=32, threads=32)
    (difference,) = report.order_differences
    assert report.ok and (difference.buffer, difference.index, difference.count, difference.how) == ("Out", 0, 1, how)
    one, other = difference.values
    assert one != other and f"note: Out[0] is {one:.9g}, or {other:.9g} in another order" in str(report)
    assert "note: Out[0]" in report._repr_html_()  # pyright: ignore[reportPrivateUsage] - what notebooks call
    assert json.loads(report.to_json())["order_differences"][0]["values"] == [one, other]
    report.raise_if_any()
    with pytest.raises(en.CheckError, match="the order of threads shows in Out"):
        report.raise_if_any("note")
    with pytest.raises(en.EnigmaValueError, match="there is no severity 'info'"):
        report.raise_if_any("info")


@en.kernel
def slots_of_pairs(Count: en.u32, Out: en.f32x2):
    Out[en.atomic_fetch_add(Count, 0, 1)] = en.f32x2(1, en.thread_position_in_grid)


def test_the_order_of_threads_is_told_by_element_and_component() -> None:
    report = en.check(slots_of_pairs, np.zeros(1, np.uint32), np.zeros((32, 2), np.float32), grid=32, threads=32)
    (difference,) = report.order_differences
    assert (difference.index, difference.component, difference.count) == (0, "y", 32)
    assert difference.values == (0, 31) and "note: Out[0].y is 0, or 31 in another order" in str(report)
    assert json.loads(report.to_json())["order_differences"][0]["component"] == "y"


def test_an_error_names_the_pages_of_its_kinds() -> None:
    with pytest.raises(en.CheckError) as caught:
        en.check(reversal, f32(64), f32(64), grid=64, threads=64).raise_if_any()
    assert caught.value.page == "data-race" and caught.value.kinds == ("data-race",)


def test_a_jit_function_is_checked_by_running_it_in_the_simulator() -> None:
    @en.jit
    def wrong(A, Out):
        shifted(A, Out).launch(grid=(8, 1, 1), block=(8, 1, 1))

    with pytest.raises(en.EnigmaTypeError, match=r'wrong\.launch\(\.\.\., device="sim"\)'):
        en.check(wrong, f32(8), f32(8), grid=8)
    with pytest.raises(en.OutOfBoundsError, match="read outside of buffer A: index 8"):
        wrong.launch(f32(8), f32(8), device="sim")


def test_a_warning_in_the_simulator_is_at_the_kernels_line() -> None:
    with pytest.warns(en.EnigmaWarning, match="300 of i32 becomes 44 of u8") as caught:
        en.SimRuntime().run(
            en.compile(halved, emit_only=True).program, [np.array([300], np.int32), np.zeros(1, np.uint8)], 1, 1
        )
    assert caught[0].filename == __file__
