"""Comparing runtimes with an oracle, tracing a wrong element back, and reducing a failing launch to a program."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.debug.close import close, largest_gap
from enigma.debug.compare import ComparisonError
from enigma.debug.diff import diff, diff_texts
from enigma.debug.origin import Origin
from enigma.debug.reduce import Case, reduce
from enigma.debug.sources import needed
from enigma.errors import EnigmaTypeError, EnigmaValueError, LaunchError


@en.kernel
def smooth(x: en.f32, out: en.f32, n: en.Scalar[en.u32]):
    i = en.thread_position_in_grid
    if i < n:
        mean = (x[i] + x[i + 1]) * 0.5
        out[i] = mean if i != 40 else mean + 1


@en.kernel
def pairs(x: en.f16x2, out: en.f16x2, flags: en.u8):
    i = en.thread_position_in_grid
    out[i] = x[i] + x[i]
    flags[i] = en.u8(i)


@en.kernel
def far(x: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    out[i] = x[i + 1]


@en.kernel
def total(x: en.i32, out: en.i32):
    out.atomic_fetch_add(0, x[en.thread_position_in_grid])


def line_of(text: str) -> int:
    return next(k for k, line in enumerate(Path(__file__).read_text().splitlines(), 1) if line.strip().startswith(text))


def means(x: Any, out: Any, n: int) -> Any:
    wanted = out.copy()
    wanted[:n] = (x[:n] + x[1 : n + 1]) / 2
    return wanted


def arguments(n: int = 100) -> list[Any]:
    return [np.arange(n + 1, dtype=np.float32), np.zeros(n, np.float32), n]


def test_what_agrees_says_so_and_changes_nothing() -> None:
    given = arguments(33)
    result = en.compare(smooth, given, grid=64, threads=32, oracle=lambda x, out, n: np.float32(means(x, out, n)))
    assert result.ok
    assert str(result) == "smooth: sim and cpu agree with the oracle"
    assert not given[1].any()
    assert np.allclose(result.outputs["cpu"]["out"], means(*given))
    assert repr(result) == "<comparison of smooth: agrees>"
    result.raise_if_any()
    alone = str(en.compare(smooth, given, grid=64, targets=["cpu"]))
    assert alone == "smooth: cpu ran, but without an oracle or a second target there was nothing to compare"


def test_the_first_wrong_element_is_led_back_to_the_lines_that_made_it() -> None:
    result = en.compare(smooth, arguments(), grid=100, threads=64, oracle=means)
    first = result.differences[0]
    assert (first.buffer, first.index, first.got, first.wanted, first.count, first.size) == (
        "out",
        (40,),
        41.5,
        40.5,
        1,
        100,
    )
    assert [difference.target for difference in result.differences] == ["sim", "cpu"]
    assert isinstance(result.origin, Origin)
    assert (result.origin.thread, result.origin.threadgroup, result.origin.writes) == ((40, 0, 0), (0, 0, 0), 1)
    text = str(result)
    for part in (
        "smooth on sim and cpu, compared with the oracle",
        "out[40] is 41.5 on sim, but 40.5 by the oracle: 1 of 100 elements differ, by 1 at most",
        "written by thread (40, 0, 0) of threadgroup (0, 0, 0):",
        f"test_compare.py:{line_of('out[i] = mean if')}: out[i] = mean if i != 40 else mean + 1",
        "out[40] = 41.5",
        f"test_compare.py:{line_of('mean = (x[i]')}: mean = (x[i] + x[i + 1]) * 0.5",
        "mean = mul(81, 0.5) = 40.5",
        "load(x, 41) = 41",
        "help: all targets are wrong, so the kernel is, or the oracle",
    ):
        assert part in text, text
    with pytest.raises(ComparisonError) as caught:
        result.raise_if_any()
    assert isinstance(caught.value, AssertionError)
    assert str(caught.value) == text


def test_json_holds_differences_and_steps() -> None:
    found = json.loads(en.compare(smooth, arguments(), grid=100, oracle=means).to_json())
    assert found["ok"] is False
    assert found["differences"][0]["index"] == [40]
    assert found["origin"]["steps"][0] == {
        "file": __file__, "line": line_of("out[i] = mean if"), "text": "out[40]", "value": 41.5,
    }  # fmt: skip
    assert "<pre " in en.compare(smooth, arguments(), grid=100, oracle=means)._repr_html_()


def test_vectors_integers_and_several_outputs() -> None:
    x = np.arange(32, dtype=np.float16).reshape(16, 2)
    given = [x, np.zeros_like(x), np.zeros(16, np.uint8)]

    def oracle(x: Any, out: Any, flags: Any) -> Any:
        return {"out": 2 * x, "flags": np.where(np.arange(16) == 5, 0, np.arange(16)).astype(np.uint8)}

    result = en.compare(pairs, given, grid=16, oracle=oracle)
    assert [(d.buffer, d.index, int(d.got), int(d.wanted)) for d in result.differences] == [
        ("flags", (5,), 5, 0), ("flags", (5,), 5, 0),
    ]  # fmt: skip
    both = en.compare(pairs, given, grid=16, oracle=lambda x, out, flags: (2 * x + (x == 9), np.arange(16)))
    assert both.differences[0].index == (4, 1)
    assert isinstance(both.origin, Origin)
    assert both.origin.index == 4
    assert both.origin.thread == (4, 0, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, en.bf16.numpy, np.int32])
def test_what_is_close_is_what_numpy_calls_close(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    special = np.array([0, 1, -1, 1e-7, 100, 30000] + ([] if dtype == np.int32 else [np.inf, -np.inf, np.nan]))
    got, wanted = (x.reshape(-1).astype(dtype) for x in np.meshgrid(special, special))
    got = np.concatenate([got, wanted])
    wanted = np.concatenate([wanted, (wanted.astype(np.float64) * rng.uniform(0.99, 1.01, wanted.shape)).astype(dtype)])
    for relative, absolute in ((1e-3, 1e-6), (0.0, 2.0), (0.0, 0.0)):
        truth = np.isclose(got.astype(np.float64), wanted.astype(np.float64), relative, absolute, equal_nan=True)
        assert (close(got, wanted, relative, absolute) == truth).all()


def test_an_infinity_is_close_to_itself_only() -> None:
    x = np.array([np.inf, -np.inf, 3.4e38, np.inf], np.float32)
    wanted = np.array([np.inf, np.inf, np.inf, 1], np.float32)
    assert close(x, wanted, None, None).tolist() == [True, False, False, False]


def test_large_integers_are_compared_to_the_last_digit() -> None:
    big = np.array([2**62 + 1, 2**62, -(2**63), 7], np.int64)
    assert close(big, np.array([2**62, 2**62, -(2**63), 7]), None, None).tolist() == [False, True, True, True]
    floats = np.array([2.0**62, 2.0**62, -(2.0**63), 7.5])
    assert close(big, floats, None, None).tolist() == [False, True, True, False]
    assert close(big[3:], np.array([np.nan]), None, None).tolist() == [False]
    assert close(np.array([3, 5]), np.array([4, 7]), None, 1).tolist() == [True, False]
    assert largest_gap(big[:1], np.array([2**62])) == 1
    assert largest_gap(np.array([0], np.uint64), np.array([-1])) == 1


def test_a_transposed_result_is_no_result() -> None:
    """As many elements in another shape are not the buffer's, but a flat array is, and axes of one element do not count."""
    x, out = np.arange(32, dtype=np.float32).reshape(4, 8), np.zeros((4, 8), np.float32)
    with pytest.raises(EnigmaValueError, match=r"out of shape \(8, 4\), but the buffer's is \(4, 8\)"):
        en.compare(doubled, [x, out], grid=32, oracle=lambda x, out: 2 * x.T)
    for shape in ((4, 8), (32,), (4, 1, 8)):
        assert en.compare(doubled, [x, out], grid=32, oracle=lambda x, out, shape=shape: (2 * x).reshape(shape)).ok


def test_a_target_may_be_named_by_a_text() -> None:
    x = np.ones(4, np.float32)
    assert en.compare(doubled, [x, x], grid=4, targets="cpu", oracle=lambda x, out: 2 * x).targets == ["cpu"]


@en.kernel
def doubled(x: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    out[i] = 2 * x[i]


def test_an_oracle_may_change_its_copies() -> None:
    def oracle(x: Any, out: Any, n: int) -> None:
        out[:] = means(x, out, n)

    assert en.compare(smooth, arguments(30), grid=30, oracle=oracle).ok


def test_atomic_sums_name_the_last_writer() -> None:
    result = en.compare(total, [np.ones(50, np.int32), np.zeros(1, np.int32)], grid=50, oracle=lambda x, out: [7])
    assert result.differences[0].got == 50
    assert isinstance(result.origin, Origin)
    assert result.origin.writes == 50


def test_an_element_that_nobody_writes_is_told() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = en.compare(smooth, arguments(30), grid=20, oracle=means, targets=["cpu"])
    assert result.differences[0].index == (20,)
    assert result.origin == "no thread writes out[20]"


def test_a_kernel_that_fails_is_a_failure_of_its_target() -> None:
    result = en.compare(far, [np.ones(8, np.float32), np.zeros(8, np.float32)], grid=8, targets=("sim",))
    assert not result.ok
    assert list(result.failures) == ["sim"]
    assert "sim failed: test_compare.py:" in str(result)


def test_after_leaving_its_memory_in_the_simulator_a_kernel_is_not_run_natively() -> None:
    result = en.compare(far, [np.ones(8, np.float32), np.zeros(8, np.float32)], grid=8, targets=("cpu", "sim"))
    assert str(result.failures["cpu"]) == "not run: the simulator found that the kernel leaves its memory"


@pytest.mark.parametrize(
    ("error", "arguments", "options", "message"),
    [
        (EnigmaTypeError, (len, []), {}, "compare takes a kernel, but it got <built-in function len>"),
        (EnigmaValueError, (smooth, arguments()), {"targets": ()}, "compare has no targets"),
        (EnigmaValueError, (smooth, arguments()), {"oracle": lambda *a: (1, 2)},
         "the oracle returned 2 arrays, but smooth writes 1: out"),
        (EnigmaValueError, (smooth, arguments()), {"oracle": lambda *a: np.zeros(3)},
         "the oracle returned out of shape (3,), but the buffer's is (100,)"),
        (EnigmaValueError, (smooth, arguments()), {"oracle": lambda *a: {"y": 1}},
         "the oracle returned y, but smooth has no such buffer"),
        (EnigmaValueError, (smooth, arguments()), {"oracle": lambda *a: {"x": np.zeros(100)}},
         "the oracle returned x, but smooth does not write it"),
        (EnigmaValueError, (smooth, arguments()), {"oracle": lambda *a: {}}, "the oracle returned an empty dict"),
        (EnigmaValueError, (smooth, arguments()), {"oracle": lambda *a: np.array(["a"] * 100)},
         "the oracle returned <U1 for out, but it must be real numbers"),
        (EnigmaValueError, (smooth, arguments()), {"oracle": lambda *a: np.ones(100) * 1j},
         "the oracle returned complex128 for out"),
        (EnigmaTypeError, (smooth, arguments()), {"oracle": np.zeros(100)}, "oracle is a ndarray, but it must be a function"),
        (EnigmaValueError, (smooth, arguments()), {"rtol": -1}, "rtol is -1, but it must be at least 0"),
        (EnigmaValueError, (smooth, arguments()), {"atol": float("nan")}, "atol is nan, but it must be at least 0"),
        (LaunchError, (smooth, arguments()[:2]), {}, "kernel smooth takes 3 arguments"),
    ],
)  # fmt: skip
def test_wrong_uses_of_compare(error: type[Exception], arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(error) as caught:
        en.compare(*arguments, grid=100, **options)
    assert message in str(caught.value)


# ---- diff


def test_differences_of_two_kernels_at_every_stage() -> None:
    one, other = en.compile(far, emit_only=True), en.compile(smooth, emit_only=True)
    for stage in ("ir", "mlir", "msl", "llvm"):
        assert diff(one, one, stage).same
        assert str(diff(one, one, stage)) == ""
        found = diff(one, other, stage)
        assert not found.same
        lines = str(found).splitlines()
        assert lines[:2] == ["--- far", "+++ smooth"]
    with pytest.raises(EnigmaValueError, match="there is no stage 'ptx'"):
        diff(one, other, "ptx")


@en.kernel
def first(x: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    out[i] = en.sin(x[i]) * x[i] + x[i + 1]


@en.kernel
def second(x: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    out[i + 2] = 5
    out[i] = en.sin(x[i]) * x[i] + x[i + 1]


@pytest.mark.parametrize("stage", ["ir", "mlir", "msl"])
def test_a_statement_more_is_all_that_differs_whatever_the_numbers_are(stage: str) -> None:
    left, right = (en.compile(kernel, emit_only=True) for kernel in (first, second))
    rows = diff(left, right, stage).rows
    assert [row.sign for row in rows if row.sign != "="].count("-") == 0
    assert sum(row.sign == "~" for row in rows) == 1  # the kernel's name
    lines = len(left.asm[stage].strip().splitlines())
    assert sum(row.sign == "=" for row in rows) >= lines - 2


def test_names_numbered_anew_are_equal_and_another_operand_is_not() -> None:
    text = "%0 = load %x\n%1 = load %y\n%2 = sub %0, %1\nstore %2, %0"
    renumbered = text.replace("%2", "%9").replace("%1", "%7").replace("%0", "%4")
    assert diff_texts(text, renumbered, stage="mlir").same
    assert not diff_texts(text, renumbered).same
    swapped = renumbered.replace("sub %4, %7", "sub %7, %4")
    assert [row.sign for row in diff_texts(text, swapped, stage="mlir").rows] == ["=", "=", "~", "="]
    other = renumbered.replace("store %9, %4", "store %9, %7")
    assert [row.sign for row in diff_texts(text, other, stage="mlir").rows] == ["=", "=", "=", "~"]
    assert diff_texts("float t0 = a;\nb = t0;", "float t3 = a;\nb = t3;", stage="msl").same
    assert not diff_texts("float t0 = a;\nb = t0;", "float t3 = a;\nb = t0;", stage="msl").same
    assert not diff_texts("x = t1 + 1", "x = t1 + 2", stage="msl").same


def test_printed_it_is_a_patch_that_makes_the_one_text_of_the_other() -> None:
    """Where no names are numbered; drawn from texts in which lines are often alike."""
    rng = np.random.default_rng(5)
    for _ in range(60):
        before, after = (["abcdef"[k] * 2 for k in rng.integers(0, 6, rng.integers(0, 30))] for _ in range(2))
        mixed = before[: len(before) // 2] + after + before[len(before) // 2 :]
        for left, right in ((before, after), (before, mixed), (mixed, before), (before, before)):
            found = diff_texts("\n".join(left), "\n".join(right), ("a", "b"), "text")
            patched = applied(left, list(found.lines()))
            assert patched == right
            assert found.same == (left == right)


def applied(lines: list[str], patch: list[str]) -> list[str]:
    """Apply a unified diff as the program patch does: each hunk must stand where its head says, with the counts that it says."""
    made, place = list[str](), 0
    k = 2
    while k < len(patch):
        head = re.fullmatch(r"@@ -(\d+),(\d+) \+(\d+),(\d+) @@", patch[k])
        assert head is not None, patch[k]
        old, old_count, new, new_count = map(int, head.groups())
        start = old - 1 if old_count else old
        made += lines[place:start]
        assert len(made) == (new - 1 if new_count else new)
        k, place, before = k + 1, start, len(made)
        while k < len(patch) and not patch[k].startswith("@@"):
            if patch[k][0] in " -":
                assert lines[place] == patch[k][1:]
                place += 1
            if patch[k][0] in " +":
                made.append(patch[k][1:])
            k += 1
        assert (place - start, len(made) - before) == (old_count, new_count)
    return made + lines[place:]


def test_a_diff_marks_what_changed_within_a_line() -> None:
    found = diff_texts("a\nfloat x = 1;\nz", "a\nfloat y = 1;\nz\nw", ("<old>", "new"))
    assert [row.sign for row in found.rows] == ["=", "~", "=", "+"]
    assert "float <b>x</b> = 1;" in found.html()
    assert "float <b>y</b> = 1;" in found._repr_html_()
    assert "&lt;old&gt;" in found.html()
    assert json.loads(found.to_json())["same"] is False


# ---- reduce


def case(n: int) -> Case:
    x, out, _ = arguments(n)
    return Case({"x": x, "out": out, "n": n}, (128,), (64,))


def fails(tried: Case) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = en.compare(
                smooth, tried.copies(), grid=tried.grid, threads=tried.threads, oracle=means, targets=["cpu"]
            )
    except (LaunchError, ValueError):
        return ""
    return "differs" if result.differences and isinstance(result.origin, Origin) else ""


def test_a_launch_is_reduced_to_what_the_failure_needs() -> None:
    found = reduce(case(100), fails)
    arguments = found.case.arguments
    assert arguments["n"] == 41
    assert arguments["out"].shape == (41,)
    assert arguments["x"].shape == (42,)
    assert not arguments["x"].any()
    assert found.case.grid == (41,)
    assert found.case.threads == (1,)
    assert found.failure == "differs"
    assert fails(found.case) == "differs"
    assert found.runs <= 401


def test_products_of_sizes_shrink_with_their_factors() -> None:
    rows = np.arange(12 * 20, dtype=np.float32)
    start = Case({"a": rows, "m": 12, "k": 20}, (240,), (32,))

    def wrong(tried: Case) -> str:
        m, k, a = (tried.arguments[name] for name in ("m", "k", "a"))
        if a.size != m * k or tried.grid != (m * k,):
            return ""
        return "big" if m >= 3 and k >= 5 and a[2 * k + 4] == 2 * 20 + 4 else ""

    found = reduce(start, wrong)
    assert (found.case.arguments["m"], found.case.arguments["k"], found.case.grid) == (3, 5, (15,))
    assert found.case.arguments["a"].tolist() == [0] * 14 + [44]


def test_a_launch_that_does_not_fail_is_refused() -> None:
    with pytest.raises(EnigmaValueError, match="this launch does not fail, so there is nothing to reduce"):
        reduce(case(30), fails)


def test_a_reproducer_takes_what_it_needs_of_a_file() -> None:
    source = (
        "import os\nimport numpy as np, math\nfrom a import (b,\n  c)\nX = 3\nif X:\n    Y = c\nelse:\n    Y = 1\n"
        "@deco(X)\ndef k(p: Ann):\n    return Y + np.pi\ndef deco(x): return x\nclass Ann: pass\ndef other(): return os\n"
    )
    future, kept = needed("from __future__ import annotations\n" + source, {"k"})
    assert future == ["from __future__ import annotations"]
    assert "__future__" not in kept
    for part in (
        "import numpy as np, math",
        "from a import (b,\n  c)",
        "X = 3",
        "if X:",
        "@deco(X)\ndef k(p: Ann):",
        "class Ann",
    ):
        assert part in kept
    assert "import os" not in kept
    assert "other" not in kept


KERNELS = """
import numpy as np
import enigma as en

HALF = 0.5

def unused():
    return 1

@en.kernel
def smooth(x: en.bf16, out: en.f32, n: en.Scalar[en.u32]):
    i = en.thread_position_in_grid
    if i < n:
        out[i] = x[i].to(en.f32) * HALF if x[i].to(en.f32) < 100 else 0.0

def make():
    x = np.arange(200).astype(en.bf16.numpy)
    return dict(x=x, out=np.zeros(200, np.float32), n=200, grid=256, threads=64)

def expected(x, out, n):
    return x.astype(np.float32) / 2
"""


def test_the_written_program_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "kernels.py").write_text(KERNELS)
    command = [
        sys.executable,
        "-m",
        "enigma",
        "reduce",
        "kernels.py",
        "--inputs",
        "make",
        "--oracle",
        "expected",
        "--json",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["failure"] == "out differs on sim"
    assert found["arguments"]["out"][0] < 200
    (tmp_path / "kernels.py").unlink()
    alone = subprocess.run([sys.executable, found["path"]], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert alone.returncode == 1, alone.stderr
    assert "on sim, but" in alone.stdout
    assert "unused" not in (tmp_path / found["path"]).read_text()


@en.kernel
def chosen(x: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    value = en.sqrt(x[i]) if i % 2 == 0 else 7.0
    out[i] = en.simd_sum(value)


def test_what_the_thread_did_not_run_is_not_shown() -> None:
    given = [np.full(32, 4, np.float32), np.zeros(32, np.float32)]
    result = en.compare(chosen, given, grid=32, threads=32, oracle=lambda x, out: np.where(np.arange(32) == 1, 0, 144))
    assert result.differences[0].index == (1,)
    text = str(result)
    assert "sqrt(4" not in text
    assert "its condition is False" in text
    assert "simd_sum(value=7)" in text


@en.kernel
def mirrored(x: en.f32, out: en.f32, shift: en.Scalar[en.u32]):
    tid = en.thread_position_in_threadgroup()
    tile = en.threadgroup_alloc(en.f32, 64)
    for turn in range(2):
        en.barrier()
        tile[tid] = x[en.thread_position_in_grid] * (turn + 1)
    en.barrier()
    out[en.thread_position_in_grid] = tile[63 - tid] + shift


def test_what_is_read_of_threadgroup_memory_is_led_back_to_who_wrote_it() -> None:
    """Each threadgroup has its own memory, and of two rounds the last one counts: worked out by hand for element 70."""
    x = np.arange(128, dtype=np.float32)
    wanted = np.concatenate([x[63::-1], x[127:63:-1]]) * 2 + 5
    wanted[70] = 0
    result = en.compare(mirrored, [x, np.zeros(128, np.float32), 5], grid=128, threads=64, oracle=lambda *a: wanted)
    assert result.differences[0].index == (70,)
    assert isinstance(result.origin, Origin)
    assert (result.origin.thread, result.origin.threadgroup) == ((6, 0, 0), (1, 0, 0))
    (held,) = result.origin.shared
    assert (held.buffer, held.index, held.thread, held.threadgroup) == ("tile", 57, (57, 0, 0), (1, 0, 0))
    assert held.steps[0].value == (64 + 57) * 2
    text = str(result)
    assert "tile[57] in threadgroup memory was written by thread (57, 0, 0) of the same threadgroup:" in text
    assert "tile[57] = 242" in text
    assert "shift=5" in text
    assert json.loads(result.to_json())["origin"]["shared"][0]["thread"] == [57, 0, 0]


@en.kernel
def picked(image: en.Texture2D[en.f32], out: en.f32):
    i = en.thread_position_in_grid
    out[i] = image.read(i, 0).y


def test_a_value_from_a_texture_is_led_back_to_its_texel() -> None:
    image = np.arange(32, dtype=np.float32).reshape(1, 8, 4)
    result = en.compare(picked, [image, np.zeros(8, np.float32)], grid=8, oracle=lambda image, out: image[0, :, 0])
    assert isinstance(result.origin, Origin)
    assert result.origin.steps[0].value == 1
    assert "image.read(i, 0).y" in str(result)
