"""`enigma.print` and `enigma.assert_`: what each runtime says, against plain Python that visits the threads one after another."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import enigma as en
from enigma.compile import compile as compile_kernel
from enigma.dtypes import DTYPES
from enigma.runtime import cpu
from enigma.runtime.program import Program
from enigma.spec.terms import Report
from tests.msl.check import assert_legal, clang_available
from tests.msl.run import run_kernel

Array = NDArray[Any]
Size = tuple[int, int, int]
SIZES = (1, 31, 32, 33, 255, 1023)
HERE = Path(__file__).name


@pytest.fixture(params=["sim", "cpu"])
def launch(request: pytest.FixtureRequest) -> Any:
    """Return `launch(kernel, *arguments, grid=, threads=, **constants)` on each runtime that knows which thread spoke.

    What Metal's log makes of it is in tests/device.
    """
    runtime = {"sim": en.SimRuntime, "cpu": cpu.CpuRuntime}[request.param]()

    def run(kernel: Any, *arguments: Any, grid: Any, threads: Any, **constants: Any) -> None:
        runtime.run(compile_kernel(kernel, emit_only=True, **constants).program, list(arguments), grid, threads)

    return run


def visits(grid: Size, threads: Size) -> Iterator[tuple[Size, Size]]:
    """Yield thread and threadgroup in the order of the documentation: threadgroups, then threads, x fastest in both."""
    counts = [-(-g // t) for g, t in zip(grid, threads, strict=True)]
    for bz, by, bx in np.ndindex(counts[2], counts[1], counts[0]):
        sizes = [min(t, g - b * t) for g, t, b in zip(grid, threads, (bx, by, bz), strict=True)]
        for z, y, x in np.ndindex(sizes[2], sizes[1], sizes[0]):
            yield (bx * threads[0] + x, by * threads[1] + y, bz * threads[2] + z), (bx, by, bz)


def line_of(text: str) -> int:
    """Return the number of the line of this file that ends in a text."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    (number,) = [n for n, line in enumerate(lines, 1) if line.rstrip().endswith(f"# {text}")]
    return number


def said(thread: Size, group: Size, text: str, mark: str) -> str:
    return f"{HERE}:{line_of(mark)}: thread {thread} of threadgroup {group}: {text}"


@en.kernel
def positions(A: en.i32):  # type: ignore[valid-type]
    x, y, z = (en.thread_position_in_grid_xyz(axis) for axis in "xyz")
    en.print("{} {} {}", x, y, z)  # positions


@pytest.mark.parametrize(
    ("grid", "threads"),
    [((n, 1, 1), (min(n, 256), 1, 1)) for n in SIZES]
    + [((70, 1, 1), (48, 1, 1)), ((5, 3, 2), (2, 2, 2)), ((33, 5, 1), (32, 2, 1)), ((9, 7, 3), (4, 4, 1))]
    + [((3, 70, 1), (1, 64, 1)), ((33, 9, 3), (32, 4, 2))],
)  # fmt: skip
def test_every_thread_speaks_once_in_the_order_of_the_threads(
    launch: Any, capsys: Any, grid: Size, threads: Size
) -> None:
    launch(positions, np.zeros(1, np.int32), grid=grid, threads=threads)
    wanted = [said(thread, group, " ".join(map(str, thread)), "positions") for thread, group in visits(grid, threads)]
    assert capsys.readouterr().out.splitlines() == wanted


@en.kernel
def diverging(A: en.i32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    if i >= n:
        return
    if i % 3 == 0:
        en.print("third", i)  # third
        for k in range(i % 5):
            if (i + k) % 2 == 0:
                en.print("k = {}, A = {:04d}", k, A[i])  # inner
    else:
        left = en.i32(i % 4)
        while left > 0:
            left -= 1
            if left == 1:
                continue
            en.print(left)  # left
    en.print("end")  # end


def diverged(i: int, a: int) -> Iterator[tuple[str, str]]:
    if i % 3 == 0:
        yield f"third {i}", "third"
        for k in range(i % 5):
            if (i + k) % 2 == 0:
                yield f"k = {k}, A = {a:04d}", "inner"
    else:
        for left in reversed(range(i % 4)):
            if left != 1:
                yield str(left), "left"
    yield "end", "end"


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("threads", [32, 48, 256])
def test_only_the_threads_that_get_there_speak_each_in_its_own_order(
    launch: Any, capsys: Any, n: int, threads: int
) -> None:
    a = np.arange(n, dtype=np.int32) * 7 - 20
    launch(diverging, a, n, grid=n + 5, threads=threads)
    wanted = [
        said((i, 0, 0), (i // threads, 0, 0), text, mark) for i in range(n) for text, mark in diverged(i, int(a[i]))
    ]
    assert capsys.readouterr().out.splitlines() == wanted


@en.kernel
def through_memory(A: en.f32):  # type: ignore[valid-type]
    i, tid = en.thread_position_in_grid, en.thread_index_in_threadgroup()
    tile = en.threadgroup_alloc(en.f32, 64)
    tile[tid] = A[i]
    en.print("wrote", tile[tid])  # wrote
    en.barrier()
    total = en.simd_sum(tile[63 - tid])
    for step in en.range(2):
        en.print("step {}: {} of {}", step, tile[63 - tid], total)  # step
        en.barrier()
        tile[tid] = tile[tid] + 1.0
        en.barrier()


def test_lines_stand_between_barriers_where_they_were_written(launch: Any, capsys: Any) -> None:
    a = np.arange(128, dtype=np.float32)
    launch(through_memory, a, grid=128, threads=64)
    wanted = list[str]()
    for i in range(128):
        group, tid = divmod(i, 64)
        lanes = range(tid // 32 * 32, tid // 32 * 32 + 32)
        total = float(sum(a[group * 64 + 63 - lane] for lane in lanes))
        where = ((i, 0, 0), (group, 0, 0))
        wanted.append(said(*where, f"wrote {float(a[i])}", "wrote"))
        other = float(a[group * 64 + 63 - tid])
        wanted += [said(*where, f"step {step}: {other + step} of {total}", "step") for step in range(2)]
    assert capsys.readouterr().out.splitlines() == wanted


def source_of_all_dtypes() -> str:
    params = ", ".join(f"X{dtype.name}: en.{dtype.name}" for dtype in DTYPES)
    values = ", ".join(f"X{dtype.name}[i]" for dtype in DTYPES)
    return f"@en.kernel\ndef all_dtypes({params}):\n    i = en.thread_position_in_grid\n    en.print({values})\n"


def test_values_of_every_dtype_are_shown_as_numpy_shows_them(launch: Any, capsys: Any) -> None:
    from tests.spec.forms import load

    columns = list[Array]()
    for dtype in DTYPES:
        if dtype.is_float:
            values: list[Any] = [0.0, -0.0, 1.5, -2.25, float("inf"), float("-inf"), float("nan"), 1e4, 0.1]
        elif dtype.is_integer:
            values = [0, 1, dtype.max, dtype.min, dtype.max - 1, dtype.max // 2, 7, 100, dtype.min + 1]
        else:
            values = [True, False] * 4 + [True]
        columns.append(
            np.array(values, np.float32).astype(dtype.numpy) if dtype.is_float else np.array(values, dtype.numpy)
        )
    launch(load(source_of_all_dtypes()).all_dtypes, *columns, grid=9, threads=32)
    lines = [line.split(": ", 2)[2] for line in capsys.readouterr().out.splitlines()]
    assert lines == [" ".join(str(column[i]) for column in columns) for i in range(9)]


@en.kernel
def formats(X: en.f32, U: en.u8, L: en.i64):  # type: ignore[valid-type]
    x, u = X[0], U[0]
    en.print("{:.3f} {:10.2e} {:08.1f} {:g}|{:5d} {:x} {:04X} {:6}|{{}} {} {}", x, x, x, x, L[0], u, u, u, 7, "text")
    en.print("no field", X[0], "{}", -1.5, True)
    en.print()
    en.print(L[0])


def test_formats_are_those_of_python(launch: Any, capsys: Any) -> None:
    x, u, big = np.array([3.14159], np.float32), np.array([200], np.uint8), np.array([-(2**40)], np.int64)
    launch(formats, x, u, big, grid=1, threads=1)
    wide = float(x[0])
    first = f"{wide:.3f} {wide:10.2e} {wide:08.1f} {wide:g}|{-(2**40):5d} {200:x} {200:04X} {200:6}|{{}} 7 text"
    lines = [line.split(": ", 2)[2] for line in capsys.readouterr().out.splitlines()]
    assert lines == [first, f"no field {x[0]!s} {{}} -1.5 True", "", str(-(2**40))]


@en.kernel
def chatter(A: en.i32):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    for k in en.range(3):
        en.print("{} {}", i, k)
    en.assert_(i != 900, "at the end")


def test_lines_beyond_the_limit_are_counted_and_assertions_still_fail(
    launch: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENIGMA_PRINT_LINES", "10")
    with pytest.raises(en.KernelAssertionError, match="at the end"):
        launch(chatter, np.zeros(1, np.int32), grid=1000, threads=256)
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert last == "... 2990 more lines of kernel chatter not kept (ENIGMA_PRINT_LINES=10)"


def test_the_lines_that_are_kept_are_the_same_each_time_on_all_cores(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENIGMA_PRINT_LINES", "100")
    found = set[str]()
    for _ in range(3):
        positions.launch(np.zeros(1, np.int32), grid=100_000, threads=64, device="cpu")
        found.add(capsys.readouterr().out)
    assert len(found) == 1


@en.kernel
def roots(X: en.f32, Out: en.f32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    if i < n:
        x = X[i]
        en.assert_(x >= 0, "x must not be negative, but is {}", x)
        en.assert_(x < 50)
        Out[i] = en.sqrt(max(x, 0.0))


@pytest.mark.parametrize("n", SIZES)
def test_an_assertion_that_holds_says_nothing(launch: Any, capsys: Any, n: int) -> None:
    out = np.zeros(n, np.float32)
    launch(roots, np.full(n, 4, np.float32), out, n, grid=n, threads=64)
    assert capsys.readouterr().out == "" and set(out.tolist()) == {2.0}


def test_a_failed_assertion_names_line_thread_and_values_after_the_launch(launch: Any) -> None:
    x, out = np.arange(200, dtype=np.float32) % 50, np.zeros(200, np.float32)
    x[[70, 71, 199]], x[130] = -4, 64
    with pytest.raises(en.KernelAssertionError) as caught:
        launch(roots, x, out, 200, grid=200, threads=64)
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    calls = ('en.assert_(x >= 0, "x must not be negative, but is {}", x)', "en.assert_(x < 50)")
    first, second = (lines.index(f"        {call}") + 1 for call in calls)
    assert (
        str(caught.value)
        == f"""\
{HERE}:{first}:9: error: assertion failed in kernel roots: x must not be negative, but is -4.0
    en.assert_(x >= 0, "x must not be negative, but is {{}}", x)
    ^
  note: in thread (70, 0, 0) of threadgroup (1, 0, 0), and 2 more times
{HERE}:{second}:9: note: also failed, in thread (130, 0, 0) of threadgroup (2, 0, 0)
    en.assert_(x < 50)
    ^
  help: the kernel ran on to its end, so its outputs are written"""
    )
    assert isinstance(caught.value, AssertionError)
    np.testing.assert_array_equal(out, np.sqrt(np.maximum(x, 0)))


def test_failures_beyond_those_kept_are_counted(launch: Any) -> None:
    x, out = np.full(1000, -1, np.float32), np.zeros(1000, np.float32)
    with pytest.raises(en.KernelAssertionError, match=r"and 255 more times; 744 more failures were not kept"):
        launch(roots, x, out, 1000, grid=1000, threads=64)


@en.kernel
def guarded(X: en.f32, Out: en.f32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    en.print("index", i)
    en.assert_(i < n, "index {} of {}", i, n)
    Out[i] = X[i]


def test_an_error_of_the_simulator_comes_after_what_was_said_and_an_assertion_explains_it(capsys: Any) -> None:
    x, out = np.zeros(4, np.float32), np.zeros(4, np.float32)
    with pytest.raises(en.KernelAssertionError, match="index 4 of 4") as caught:
        en.SimRuntime().run(compile_kernel(guarded).program, [x, out, 4], 6, 6)
    assert isinstance(caught.value.__cause__, en.OutOfBoundsError)
    assert len(capsys.readouterr().out.splitlines()) == 6
    with pytest.raises(en.OutOfBoundsError):
        en.SimRuntime().run(compile_kernel(guarded).program, [x, out, 9], 6, 6)
    assert len(capsys.readouterr().out.splitlines()) == 6


@en.kernel
def known(A: en.i32, N: en.constexpr = 4):  # type: ignore[valid-type]
    en.assert_(N % 4 == 0, "N is {}", N)
    en.assert_(A[0], "zero is false")


def test_a_python_condition_is_tested_when_the_kernel_is_compiled(launch: Any) -> None:
    assert [site.kind for site in compile_kernel(known).reports] == [Report.FAILURE]
    with pytest.raises(en.EnigmaValueError, match="assertion failed when the kernel was compiled: N is 6"):
        compile_kernel(known, N=6)
    launch(known, np.array([3], np.int32), grid=1, threads=1)
    with pytest.raises(en.KernelAssertionError, match="zero is false"):
        launch(known, np.array([0], np.int32), grid=1, threads=1)


def test_direct_and_prepared_launches_report_each_time(capsys: Any) -> None:
    x, out = np.full(3, -1, np.float32), np.zeros(3, np.float32)
    with pytest.raises(en.KernelAssertionError):
        roots[3, 3](x, out, 3)
    with en.CpuRuntime().prepare(compile_kernel(roots), [x], 12, scalars=[3]) as prepared:
        for _ in range(2):
            with pytest.raises(en.KernelAssertionError, match="and 2 more times"):
                prepared.dispatch(3, 3)
        x[:] = 9
        prepared.set_input(0, x)
        prepared.dispatch(3, 3)
        assert np.frombuffer(prepared.read_output(), np.float32).tolist() == [3, 3, 3]


def test_launches_side_by_side_keep_their_reports_apart() -> None:
    compiled, found = compile_kernel(roots), dict[int, str]()

    def run(number: int) -> None:
        x, out = np.full(5000, float(number), np.float32), np.zeros(5000, np.float32)
        x[number * 100 :] = -number
        try:
            en.CpuRuntime().run(compiled.program, [x, out, 5000], 5000, 64)
        except en.KernelAssertionError as error:
            found[number] = str(error)

    workers = [threading.Thread(target=run, args=(number,)) for number in range(1, 9)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for number in range(1, 9):
        assert f"but is -{number}.0" in found[number] and "more failures were not kept" in found[number]


def test_cached_code_speaks_with_the_lines_of_the_source_it_is_run_from(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.spec.forms import load

    monkeypatch.setenv("ENIGMA_CACHE_DIR", str(tmp_path))
    source = "@en.kernel\ndef cached(A: en.i32):\n    en.print('A = {}', A[0])\n"
    made = list[str]()
    real = cpu._lower
    monkeypatch.setattr(cpu, "_lower", lambda *args, **more: made.append("lowered") or real(*args, **more))
    for blanks in (0, 5):
        program = Program(load("\n" * blanks + source).cached.trace())
        en.CpuRuntime().run(program, [np.array([8], np.int32)], 1, 1)
    lines = capsys.readouterr().out.splitlines()
    assert made == ["lowered"]
    first, second = (int(re.match(r"generated.py:(\d+): .*: A = 8$", line)[1]) for line in lines)  # type: ignore[index]
    assert second == first + 5


@en.kernel
def silent(X: en.f32, Out: en.f32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    if i < n:
        Out[i] = X[i]


def test_a_kernel_that_reports_nothing_pays_nothing() -> None:
    compiled = compile_kernel(silent)
    assert compiled.reports == () and "metal_logging" not in compiled.metal_source
    assert "atomicrmw" not in compiled.asm["llvm"]


def test_the_places_that_report_are_listed_for_a_runtime() -> None:
    kinds = [(site.kind, [dtype.name for dtype in site.dtypes]) for site in compile_kernel(guarded).reports]
    assert kinds == [(Report.LINE, ["u32"]), (Report.FAILURE, ["u32", "u32"])]


@en.kernel
def scale(x: en.f16, out: en.f16, factor: en.Scalar(en.f32), n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    if i < n:
        y = x[i] * factor
        en.print("x[{}] = {}, 100% of {:.2f}", i, x[i], y)
        en.assert_(en.isfinite(y), "overflow: {} * {}", x[i], factor)
        out[i] = en.f16(y)


@en.kernel
def all_dtypes_by_hand(F: en.f32, H: en.f16, C: en.i8, S: en.u16, L: en.i64, M: en.u64, B: en.b1):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    en.print("{:.1f} {:.2f} {} {} {} {} {} {:x}", F[i], H[i], C[i], S[i], L[i], M[i], B[i], M[i])


def test_the_metal_reads_as_written_by_hand(golden: Any) -> None:
    text = compile_kernel(scale, emit_only=True).metal_source
    assert_legal(text, msl_version=(3, 2))
    golden(re.sub(r"\.py:\d+", ".py:0", text), "scale")


@pytest.mark.clang
@pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")
def test_the_metal_text_says_what_python_says(capfd: Any) -> None:
    columns = [
        np.array([1.25, -3], np.float32), np.array([0.5, 100], np.float16), np.array([-128, 5], np.int8),
        np.array([65535, 1], np.uint16), np.array([-(2**63), 9], np.int64),
        np.array([2**64 - 1, 16], np.uint64), np.array([True, False]),
    ]  # fmt: skip
    text = compile_kernel(all_dtypes_by_hand, emit_only=True).metal_source
    run_kernel(text, dict(enumerate(columns)), grid=(2, 1, 1))
    found = [line.split(": ", 2)[2] for line in capfd.readouterr().out.splitlines()]
    assert found == [
        f"{f:.1f} {float(h):.2f} {c} {s} {n} {m} {int(b)} {int(m):x}"
        for f, h, c, s, n, m, b in zip(*columns, strict=True)
    ]


@en.kernel
def striding(A: en.f32, n: en.Scalar(en.u32)):  # type: ignore[valid-type]
    tid = en.thread_index_in_threadgroup()
    total = 0.0
    for k in range(tid, n, 256):
        total += A[k]
        if k % 100 == 0:
            en.print("{}: {:.0f}", k, total)  # stride
    en.assert_(total < 4000, "{:.0f}", total)


def test_loops_that_run_many_simdgroups_at_once_speak_for_each_thread(launch: Any, capsys: Any) -> None:
    n, a = 1500, np.arange(1500, dtype=np.float32)
    totals = [float(a[tid::256].sum()) for tid in range(256)]
    first = next(tid for tid, total in enumerate(totals) if total >= 4000)
    with pytest.raises(
        en.KernelAssertionError, match=rf"striding: {totals[first]:.0f}\n(.|\n)*thread \({first}, 0, 0\)"
    ):
        launch(striding, a, n, grid=256, threads=256)
    wanted = [
        said((tid, 0, 0), (0, 0, 0), f"{k}: {a[tid : k + 1 : 256].sum():.0f}", "stride")
        for tid in range(256)
        for k in range(tid, n, 256)
        if k % 100 == 0
    ]
    assert capsys.readouterr().out.splitlines() == wanted


@en.kernel
def quoting(A: en.f32):  # type: ignore[valid-type]
    en.print('100% "quoted" \\ back\ttab ??/ ?? {{}} \u00e9 {:.1f}%', A[0])


@pytest.mark.clang
@pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")
def test_a_text_that_needs_quoting_is_the_same_in_metal(launch: Any, capfd: Any) -> None:
    a = np.array([2.5], np.float32)
    launch(quoting, a, grid=1, threads=1)
    said_here = capfd.readouterr().out.splitlines()[0].split(": ", 2)[2]
    run_kernel(compile_kernel(quoting, emit_only=True).metal_source, {0: a}, grid=(1, 1, 1))
    assert (
        capfd.readouterr().out.splitlines()[0].split(": ", 2)[2]
        == said_here
        == '100% "quoted" \\ back\ttab ??/ ?? {} \u00e9 2.5%'
    )


@en.kernel
def of_vectors(A: en.f32x3, B: en.u8x4, C: en.bf16x2, Out: en.i32):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    v, w = A[i], B[i]
    if i % 2 == 0:
        en.print("v = {}, w = {:3d}, {}", v, w, v > 1.0)  # vectors
        v.y = 9.0
    en.print(C[i], v.zy, list(v)[1])  # swizzles
    en.assert_(en.all(v < 60.0), "v is {:.1f}", v)  # vector too large
    Out[i] = 1


@pytest.mark.parametrize("n", (1, 33, 70))
def test_a_vector_is_shown_as_a_tuple(launch: Any, capsys: Any, n: int) -> None:
    a = np.arange(3 * n, dtype=np.float32).reshape(n, 3) / 2
    b = np.arange(4 * n).astype(np.uint8).reshape(n, 4)
    c = (np.arange(2 * n) % 8).astype(en.bf16.numpy).reshape(n, 2)
    out = np.zeros(n, np.int32)
    fails = n == 70
    if fails:
        with pytest.raises(en.KernelAssertionError, match=r"v is \(60.0, 9.0, 61.0\)"):
            launch(of_vectors, a, b, c, out, grid=n, threads=32)
    else:
        launch(of_vectors, a, b, c, out, grid=n, threads=32)
    wanted: list[str] = []
    for i in range(n):
        v, w = [str(x) for x in a[i].tolist()], b[i].tolist()
        if i % 2 == 0:
            truths = ", ".join(str(x > 1) for x in a[i].tolist())
            shown = ", ".join(f"{x:3d}" for x in w)
            wanted.append(
                said((i, 0, 0), (i // 32, 0, 0), f"v = ({', '.join(v)}), w = ({shown}), ({truths})", "vectors")
            )
            v[1] = "9.0"
        pair = ", ".join(str(x) for x in c[i])
        wanted.append(said((i, 0, 0), (i // 32, 0, 0), f"({pair}) ({v[2]}, {v[1]}) {v[1]}", "swizzles"))
    assert capsys.readouterr().out.splitlines() == wanted
    assert (out == 1).all()


def test_the_log_of_metal_shows_components() -> None:
    text = compile_kernel(of_vectors, emit_only=True).metal_source
    assert 'v = (%f, %f, %f), w = (%3u, %3u, %3u, %3u), (%d, %d, %d)", ' in text
    assert "uint(w.x), uint(w.y), uint(w.z), uint(w.w)" in text
    assert_legal(text, msl_version=(3, 2))
