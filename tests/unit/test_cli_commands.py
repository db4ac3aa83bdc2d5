"""The commands of the command line as a user calls them: what they print, as text and JSON, and each mistake in one line."""

from __future__ import annotations

import functools
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

import enigma as en
from enigma.cli import BUG, COMMANDS, main
from enigma.cli.guarded import guarded
from enigma.debug import doctor
from enigma.debug.support import support
from enigma.spec.tables import TABLES
from tests.unit.runtime.stand_in import put_on_path

KERNELS = """
import numpy as np
import enigma as en

@en.kernel
def saxpy(x: en.f32, y: en.f32, a: en.Scalar[en.f32], n: en.Scalar[en.u32]):
    i = en.thread_position_in_grid
    if i < n:
        y[i] = a * x[i] + y[i]

@en.kernel
def counts(x: en.u8, bins: en.u32):
    i = en.thread_position_in_grid
    bins.atomic_fetch_add(en.u32(x[i]), 1)

@en.kernel
def lengths(v: en.f32x3, out: en.f32, factor: en.constexpr = 1):
    i = en.thread_position_in_grid
    out[i] = en.length(v[i]) * factor

def some():
    return {"x": np.arange(100, dtype=np.float32), "y": np.ones(100, np.float32), "a": 2.0, "n": 100, "grid": 128, "threads": 64}

def wrong():
    return [1, 2]

number = 5
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("ENIGMA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("ENIGMA_DEVICE", raising=False)
    (tmp_path / "kernels.py").write_text(KERNELS, encoding="utf-8")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="enigma")


def right(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def answer(*arguments: str) -> Any:
    return json.loads(right(*arguments, "--json"))


# ---- all commands


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples_and_the_list_says_what_a_command_is(name: str) -> None:
    text = right(name, "--help")
    assert f"enigma {name}" in text
    assert "Examples:" in text
    command = importlib.import_module(f"enigma.cli.{name}").command
    first = COMMANDS[name].rstrip(".").split(",")[0].split(":")[0]
    assert first[:12] in " ".join((command.help or "").split())
    assert f"  {name} " in right("--help")


def test_an_unknown_command_is_status_2() -> None:
    assert run("compile").exit_code == 2
    assert "No such command 'compile'" in run("compile").stderr


# ---- errors


@pytest.mark.parametrize(
    "text",
    [
        "wrong-operand",
        "exp takes f32, f16 or bf16, but x is i32",
        "k.py:8:14: error: exp takes f32, f16 or bf16, but x is i32",
        "enigma.errors.EnigmaTypeError: k.py:8:14: error: exp takes f32, f16 or bf16, but x is i32\n    y = en.exp(x)\n",
    ],
)
def test_errors_finds_a_page_by_name_message_and_traceback(text: str) -> None:
    page = right("errors", text)
    assert page.startswith("# wrong-operand\n")
    assert "## Wrong" in page
    assert "## Right" in page


def test_errors_knows_the_findings_too() -> None:
    assert right("errors", "data-race").startswith("# data-race\n")


def test_errors_lists_the_pages_that_have_the_words() -> None:
    pages = [line.split()[0] for line in right("errors", "texture", "coordinates").splitlines()]
    assert "texture-coordinates" in pages
    everything = right("errors").splitlines()
    assert len(everything) > 90
    assert all(len(line.split()) > 3 for line in everything)


def test_a_command_that_fails_names_the_page_about_it(folder: Path) -> None:
    (folder / "bad.py").write_text(
        "import enigma as en\n\n\n@en.kernel\ndef bad(x: en.i32, y: en.f32):\n    y[0] = en.exp(x[0])\n",
        encoding="utf-8",
    )
    result = run("emit", "bad.py")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "  more: enigma errors wrong-operand"


def test_errors_without_a_page_is_a_message_and_status_1() -> None:
    result = run("errors", "no such words")
    assert result.exit_code == 1
    assert "no page is about 'no such words'\n  help: `enigma errors` lists all pages" in result.stderr


# ---- run


def test_run_outlives_a_kernel_that_leaves_its_memory(folder: Path) -> None:
    source = "import enigma as en\n@en.kernel\ndef wild(x: en.f32, out: en.f32):\n    i = en.thread_position_in_grid\n"
    (folder / "wild.py").write_text(source + "    out[i * 100000000] = x[i]\n")
    command = ["run", "wild.py:wild", "--size", "64", "--device", "cpu", "--json"]
    done = subprocess.run([sys.executable, "-m", "enigma", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "Error: wild.py:wild crashed (signal 11, SIGSEGV): it reads or writes outside of its memory"
    )
    assert "`enigma check wild.py:wild --size 64`" in done.stderr


def test_a_run_that_is_ended_from_outside_is_not_called_a_wrong_access(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def ended(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, -9)

    monkeypatch.setattr(subprocess, "run", ended)
    monkeypatch.setattr(sys, "argv", ["enigma", "--debug", "run", "--", "kernels.py:saxpy"])
    with pytest.raises(click.ClickException, match=r"saxpy was ended from outside \(signal 9, SIGKILL\)"):
        guarded("saxpy")
    assert asked[0][3:] == ["--debug", "run", "--here", "--", "kernels.py:saxpy"]


def test_check_fails_for_the_order_of_threads_where_it_is_told_to(folder: Path) -> None:
    source = "import enigma as en\n@en.kernel\ndef last(x: en.f32, out: en.f32):\n"
    (folder / "last.py").write_text(source + "    en.atomic_exchange(out, 0, x[en.thread_position_in_grid])\n")
    command = [
        "check",
        "last.py:last",
        "--arg",
        "x=random(64)",
        "--arg",
        "out=zeros(1)",
        "--grid",
        "64",
        "--threads",
        "32",
    ]
    told = run(*command)
    assert (
        told.exit_code == 0
        and "note: out[0] is " in told.stdout
        and "right only if you mean any of them" in told.stdout
    )
    assert run(*command, "--strict").exit_code == 1
    (difference,) = answer(*command)["order_differences"]
    assert difference["buffer"] == "out" and difference["how"] == "values"


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_run_computes_what_the_kernel_says(folder: Path, device: str) -> None:
    np.save("x.npy", np.arange(50, dtype=np.float32))
    right(
        "run", "kernels.py:saxpy", "--arg", "x=x.npy", "--arg", "y=full(50, 3)", "--arg", "a=2.5", "--arg", "n=50", "--grid", "64",
        "--threads", "32", "--device", device, "--save", "y=y.npy",
    )  # fmt: skip
    assert (np.load("y.npy") == np.arange(50, dtype=np.float32) * 2.5 + 3).all()


def test_run_reports_as_json() -> None:
    found = answer("run", "kernels.py:saxpy", "--inputs", "some", "--device", "cpu")
    (y,) = found["written"]
    assert (found["kernel"], found["device"]) == ("saxpy", "cpu")
    assert (y["name"], y["dtype"], y["shape"], y["min"], y["max"]) == ("y", "float32", [100], 1, 199)
    assert y["first"] == [1, 3, 5, 7, 9, 11, 13, 15]


def test_what_run_reports_is_json_for_everybody_and_exact(folder: Path) -> None:
    (folder / "odd.py").write_text(
        "import enigma as en\n@en.kernel\ndef odd(x: en.f32, y: en.i64):\n    i = en.thread_position_in_grid\n"
        "    x[i] = en.f32(i) / 0.0\n    y[i] = en.i64(i) + 9007199254740993\n"
    )

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    x, y = json.loads(right("run", "odd.py", "--size", "2", "--device", "sim", "--json"), parse_constant=refuse)[
        "written"
    ]
    assert (x["first"], x["min"], x["nan"]) == (["nan", "inf"], "inf", 1)
    assert y["first"] == [y["min"], y["max"]] == [9007199254740993, 9007199254740994]


def test_a_struct_is_given_as_a_dict_of_its_fields(folder: Path) -> None:
    (folder / "shades.py").write_text(
        "import dataclasses\nimport enigma as en\n@dataclasses.dataclass\nclass View:\n    low: en.f32\n    high: en.f32\n"
        "@en.kernel\ndef shade(out: en.f32, view: View):\n    out[en.thread_position_in_grid] = view.high - view.low\n"
    )
    launch = ["shades.py", "--size", "3", "--arg"]
    (out,) = answer("run", *launch, "view={'high': 5, 'low': 2}", "--device", "sim")["written"]
    assert out["first"] == [3, 3, 3]
    assert answer("explain", *launch, "view={'high': 5, 'low': 2}")["flops"] == 3
    for command in ("run", "explain", "check"):
        result = run(command, *launch, "view={'high': 5, 'width': 2}")
        assert result.exit_code == 1
        assert "view lacks low and has width besides" in result.stderr


def test_run_as_text_names_buffer_and_numbers() -> None:
    text = right("run", "kernels.py:saxpy", "--inputs", "some", "--arg", "a=0", "--device", "cpu")
    assert "saxpy on cpu wrote" in text
    assert "float32" in text
    assert "1 1 1 1 1 1 1 1" in text


def test_random_inputs_are_those_of_the_seed() -> None:
    one, same, other = (
        answer("run", "kernels.py:lengths", "--size", "33", "--seed", seed, "-D", "factor=2")
        for seed in ("1", "1", "2")
    )
    assert one == same != other
    vectors = np.random.default_rng(1).standard_normal((33, 3)).astype(np.float32)
    assert np.allclose(one["written"][0]["first"], 2 * np.linalg.norm(vectors, axis=1)[:8], rtol=1e-6)


def test_a_histogram_of_zeros() -> None:
    (bins,) = answer("run", "kernels.py:counts", "--arg", "x=zeros(70)", "--arg", "bins=zeros(4)", "--grid", "70")[
        "written"
    ]
    assert bins["first"] == [70, 0, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kernels.py:saxpy"], "the number a needs a value: --arg a=..."),
        (["kernels.py:saxpy", "--arg", "b=1"], "saxpy has no parameter b (it has: x, y, a, n)"),
        (["kernels.py:saxpy", "--arg", "b"], "'b' is not NAME=VALUE"),
        (["kernels.py:saxpy", "--arg", "x=5"], "--arg x=5: it is a buffer, so give zeros(N)"),
        (["kernels.py:saxpy", "--arg", "x=open('f')"], "--arg x=open('f'): arrays are made by zeros(N), ones(N)"),
        (["kernels.py:saxpy", "--arg", "x=zeros(0)"], "--arg x=zeros(0): 0 is no size of an array"),
        (["kernels.py:saxpy", "--arg", "x=zeros((4, 1e3))"], "is no size of an array"),
        (
            ["kernels.py:saxpy", "--arg", "x=zeros(99999999999)"],
            "99999999999 elements, but a command makes 2147483648 at most",
        ),
        (["kernels.py:saxpy", "--arg", "x=absent.npy"], "absent.npy: no such file"),
        (["kernels.py:saxpy", "--arg", "x=text.npy"], "text.npy: it is no file of one NumPy array (x needs one)"),
        (["kernels.py:saxpy", "--arg", "x=empty.npy"], "empty.npy: it is no file of one NumPy array"),
        (["kernels.py:saxpy", "--arg", "x=pickled.npy"], "pickled.npy: it is no file of one NumPy array"),
        (["kernels.py:saxpy", "--arg", "a=zeros(3)"], "--arg a=zeros(3): it is passed by value, so give a number"),
        (["kernels.py:saxpy", "--grid", "a"], "'a' is no size: write one to three numbers"),
        (["kernels.py:saxpy", "--inputs", "sone"], "has no function sone, which --inputs names; did you mean some?"),
        (
            ["kernels.py:saxpy", "--inputs", "number"],
            "number of kernels.py, which --inputs names, is no plain function",
        ),
        (["kernels.py:saxpy", "--inputs", "wrong"], "wrong of kernels.py returned a list, but --inputs needs a dict"),
        (["kernels.py:saxpy", "--inputs", "some", "--arg", "n=-1"], "n"),
        (["kernels.py:saxpy", "--inputs", "some", "--threads", "2000"], "threads"),
        (["kernels.py:saxpy", "--inputs", "some", "--save", "z=z.npy"], "'z=z.npy' is not NAME=FILE.npy"),
        (
            ["kernels.py:saxpy", "--inputs", "some", "--save", "y=no/such/folder.npy"],
            "no/such/folder.npy: no such file",
        ),
        (["kernels.py:saxpy", "--inputs", "some", "--device", "metal"], "no Metal device"),
        (["kernels.py:number"], "number of kernels.py is no kernel but a int: kernels are under @enigma.kernel"),
        (["stops.py"], "stops.py: it ends the program when it is imported"),
        (["nul.py"], "nul.py"),
        (["latin.py"], "latin.py"),
        (["long.py"], "long.py:1: ValueError: first"),
        (["imports.py"], "imports.py:1: ModuleNotFoundError: No module named 'not_there_at_all'"),
    ],
)
def test_run_says_in_one_line_what_is_wrong(arguments: list[str], message: str) -> None:
    Path("text.npy").write_text("not an array")
    Path("empty.npy").write_bytes(b"")
    np.save("pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    Path("stops.py").write_text("import sys\nsys.exit(3)\n")
    Path("nul.py").write_bytes(b"x = 1\0\n")
    Path("latin.py").write_bytes(b"x = '\xe4'\n")
    Path("long.py").write_text("raise ValueError('first\\nsecond')\n")
    Path("imports.py").write_text("import not_there_at_all\n")
    result = run("run", *arguments)
    assert result.exit_code in (1, 2), result.output
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    said = [line for line in result.stderr.splitlines() if line.startswith(("Error", "kernels.py"))]
    assert len(said) == 1


# ---- explore


def test_explore_writes_one_file(folder: Path) -> None:
    assert right("explore", "kernels.py:saxpy", "--grid", "1000") == "written to saxpy.html\n"
    text = Path("saxpy.html").read_text()
    assert text.startswith("<!doctype html>")
    assert "http" not in text.replace("http-equiv", "")
    found = answer("explore", "kernels.py:lengths", "-D", "factor=3", "-o", "pages/lengths.html")
    assert found == {
        "kernel": "lengths",
        "path": "pages/lengths.html",
        "bytes": Path("pages/lengths.html").stat().st_size,
    }
    result = run("explore", "kernels.py:saxpy", "-o", "saxpy.html/page.html")
    assert result.exit_code == 1
    assert "the page cannot be written to saxpy.html/page.html" in result.stderr
    assert "threads" in run("explore", "kernels.py:saxpy", "--threads", "4000").stderr


CONSTANTS = """
import enigma as en

@en.kernel
def tuned(x: en.f32):
    n = en.function_constant(en.u32, 0, name="step")
    x[en.thread_position_in_grid * n] = 1.0

@en.kernel
def twice(x: en.f32):
    n = en.function_constant(en.u32, 0, name="step")
    x[en.thread_position_in_grid * n] = 2.0
"""


def test_the_page_of_a_kernel_with_function_constants_needs_their_values_for_some_parts(folder: Path) -> None:
    Path("tuned.py").write_text(CONSTANTS)
    right("explore", "tuned.py:tuned", "-o", "without.html")
    text = Path("without.html").read_text()
    assert "not analysed: kernel tuned needs a value for function constant 0 (step, u32)" in text
    assert "not made: " in text
    right("explore", "tuned.py:tuned", "-D", "step=2", "-o", "with.html")
    text = Path("with.html").read_text()
    assert "not analysed" not in text
    assert "stride 2" in text
    assert "define void @kernel_tuned" in text
    wrong = run("explore", "tuned.py:tuned", "-D", "stop=2")
    assert (wrong.exit_code, "kernel tuned has no function constant 'stop'" in wrong.stderr) == (1, True)
    right("check", "tuned.py:tuned", "-D", "step=1", "--size", "8", "--explore", "checked.html")
    assert "stride 1" in Path("checked.html").read_text()
    found = run("diff", "tuned.py:tuned", "tuned.py:twice", "--stage", "llvm", "-D", "step=2")
    assert found.exit_code == 1
    assert "+define void @kernel_twice" in found.stdout


# ---- bench


def test_bench_gives_median_and_rate() -> None:
    found = answer("bench", "kernels.py:saxpy", "--inputs", "some", "--repeat", "7", "--device", "cpu")
    assert found["runs"] == 7
    assert found["min_us"] <= found["median_us"] <= found["max_us"]
    assert found["bytes"] == 800
    assert found["gb_per_s"] == pytest.approx(800 / found["median_us"] / 1000)
    text = right("bench", "kernels.py:saxpy", "--inputs", "some", "--repeat", "3", "--device", "cpu")
    assert "saxpy on cpu: median " in text
    assert "3 runs" in text


# ---- layout


def test_layout_draws_what_show_draws(capsys: pytest.CaptureFixture[str]) -> None:
    en.show(en.make_layout((4, 8), (8, 1)))
    assert right("layout", "(4,8):(8,1)") == capsys.readouterr().out
    assert answer("layout", "(4, 2)")["offsets"] == list(range(8))
    assert answer("layout", "((2,2),3):((1,4),8)")["cosize"] == 22


def test_layout_takes_swizzles_and_writes_pictures(folder: Path) -> None:
    text = "S<1,1,2> o (4,4):(4,1)"
    assert answer("layout", text)["offsets"] == [
        en.make_composed_layout(en.Swizzle(1, 1, 2), 0, en.make_layout((4, 4), (4, 1)))(k) for k in range(16)
    ]
    assert right("layout", text, "-o", "s.svg") == ""
    assert Path("s.svg").read_text().startswith("<svg")
    assert "T3V0" in right("layout", "(4,2):(2,1)", "--tile", "2,4")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["(4,8"], "'(4,8' is no layout: write it as (4,64):(64,1)"),
        (["(4,8):(1)"], "stride 1 is not nested like shape (4, 8)"),
        (["__import__('os')"], "is no layout"),
        (["(0,4)"], "a shape is made of positive integers"),
        (["(4,8):(8,1)", "--tile", "x"], "'x' is no tile: write 8,16"),
        (["(4,8):(8,1)", "-o", "layout.txt"], "layout.txt is no name for a drawing"),
        (["(4,8):(8,1)", "-o", "no/such/layout.svg"], "cannot be written"),
    ],
)
def test_layout_says_what_is_wrong(arguments: list[str], message: str) -> None:
    result = run("layout", *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.stderr


# ---- ops


def test_ops_is_the_support_table() -> None:
    assert [row["name"] for row in answer("ops")] == [row.name for row in support()]
    assert {row.name for row in support()} == {row.name for rows in TABLES.values() for row in rows}
    text = right("ops", "simd_shuffle")
    assert "simd_shuffle_xor" in text
    assert "atomic" not in text
    assert {row["family"] for row in answer("ops", "--family", "math")} == {"math"}


def test_ops_that_finds_nothing_says_so() -> None:
    assert "no operation has 'zzz'" in run("ops", "zzz").stderr
    assert run("ops", "--family", "zzz").exit_code == 2


# ---- cache


def test_cache_lists_entries_as_json(folder: Path) -> None:
    right("run", "kernels.py:saxpy", "--inputs", "some", "--device", "cpu")
    found = answer("cache")
    assert found["folder"] == str(folder / "cache")
    assert len(found["entries"]) >= 1
    assert found["bytes"] == sum(entry["bytes"] for entry in found["entries"])
    assert found["entries"][0]["key"] in right("cache", "--list")
    assert answer("cache", "--clear")["removed"] == len(found["entries"])


# ---- doctor


def test_doctor_runs_kernels_here_and_says_what_metal_needs() -> None:
    checks = {check["name"]: check for check in answer("doctor")}
    assert checks["cpu"]["state"] == checks["sim"]["state"] == checks["numpy"]["state"] == "ok"
    assert checks["source"]["state"] == "ok"
    if sys.platform != "darwin":
        assert checks["device"]["state"] == "absent"
        assert "Apple silicon" in checks["device"]["mend"]
    assert "mend: " in right("doctor")


def test_doctor_on_a_mac_without_tools_names_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("shutil.which", lambda name: None)
    checks = {check.name: check for check in doctor._metal()}
    assert checks["device"].state == "broken"
    assert "pip install 'pyobjc-core" in checks["device"].mend
    assert checks["xcrun"].mend.startswith("xcode-select --install")
    assert "arm64" in checks["processor"].mend


def test_doctor_quotes_what_a_missing_metal_toolchain_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    xcrun = put_on_path(tmp_path / "bin", monkeypatch)
    xcrun.behave("no-toolchain")
    metal, _ = doctor._tools()
    assert metal.state == "absent"
    assert "missing Metal Toolchain" in metal.found
    assert "xcodebuild -downloadComponent MetalToolchain" in metal.mend


def test_doctor_is_status_1_where_the_cache_cannot_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv("ENIGMA_CACHE_DIR", str(folder / "file"))
    result = run("doctor")
    assert result.exit_code == 1
    assert "set ENIGMA_CACHE_DIR to a folder that can be written to" in result.stdout


# ---- mistakes of our own


def test_a_bug_is_one_line_and_status_70_and_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enigma.cli.ops.support", functools.partial(dict[str, int]().pop, "lost"))
    result = run("ops")
    assert result.exit_code == BUG
    assert result.stderr.startswith("Error: KeyError: 'lost'\n  this is a bug in enigma")
    assert isinstance(run("--debug", "ops").exception, KeyError)


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("en.max(x[0], 1.0)", "AttributeError: module 'enigma' has no attribute 'max': write max, Python's own"),
        ("en.exq(x[0])", "AttributeError: module 'enigma' has no attribute 'exq'; did you mean exp?"),
        (
            "en.f64(x[0])",
            "AttributeError: module 'enigma' has no attribute 'f64': Metal has no floats of 64 bits, write f32",
        ),
        ("float('wide')", "ValueError: could not convert string to float: 'wide'"),
        ("min(3)", "TypeError: 'int' object is not iterable"),
        ("any(3)", "TypeError: 'int' object is not iterable"),
        ("all(3)", "TypeError: 'int' object is not iterable"),
        ("range('n')", "TypeError: 'str' object cannot be interpreted as an integer"),
    ],
)
def test_a_mistake_that_python_finds_is_at_the_kernel_s_line(folder: Path, mistake: str, message: str) -> None:
    Path("m.py").write_text(f"import enigma as en\n\n@en.kernel\ndef wrong(x: en.f32):\n    x[0] = {mistake}\n")
    result = run("emit", "m.py:wrong")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"m.py:5: error: {message}"), result.stderr


def test_emit_writes_to_a_file_and_adds_locations(folder: Path) -> None:
    assert right("emit", "kernels.py:saxpy", "-o", "s.metal") == ""
    assert "kernel void saxpy(" in Path("s.metal").read_text()
    assert 'kernels.py":8:' in right("emit", "kernels.py:saxpy", "--stage", "mlir", "--locations")
    assert "#line 8" in right("emit", "kernels.py:saxpy", "--source-map")
    result = run("emit", "kernels.py:saxpy", "-o", "no/folder/s.metal")
    assert (result.exit_code, result.stderr) == (1, "Error: no/folder/s.metal: no such file or directory\n")


def test_help_loads_no_heavy_module() -> None:
    code = "import sys\nfrom enigma.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
    code += "sys.exit(sorted({'numpy', 'rich', 'xdsl', 'llvmlite'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# ---- check, compare, diff, reduce

WRONG = """
import numpy as np
import enigma as en

@en.kernel
def reversed_tile(x: en.f32, out: en.f32):
    tid = en.thread_position_in_threadgroup()
    tile = en.threadgroup_alloc(en.f32, 64)
    tile[tid] = x[en.thread_position_in_grid]
    out[en.thread_position_in_grid] = tile[63 - tid]

@en.kernel
def plus(x: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    out[i] = x[i] + (1 if i < 70 else 2)

@en.kernel
def plus_two(x: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    out[i] = x[i] + 2

def plus_one(x, out):
    return x + 1
"""


def test_check_tells_what_is_wrong_and_writes_the_explorer(folder: Path) -> None:
    Path("wrong.py").write_text(WRONG)
    arguments = ["check", "wrong.py:reversed_tile", "--size", "128", "--threads", "64"]
    result = run(*arguments, "--explore", "page.html")
    assert result.exit_code == 1
    assert "wrong.py:10:39: error: data race" in result.stdout
    assert "data-race" in Path("page.html").read_text()
    found = json.loads(run(*arguments, "--json").stdout)
    assert found["findings"][0]["kind"] == "data-race"
    assert right("check", "wrong.py:plus", "--size", "64").startswith("kernel plus:")


def test_compare_shows_the_first_difference(folder: Path) -> None:
    Path("wrong.py").write_text(WRONG)
    arguments = ["compare", "wrong.py:plus", "--size", "128", "--oracle", "plus_one", "--arg", "x=arange(128)"]
    result = run(*arguments)
    assert result.exit_code == 1
    assert "out[70] is 72 on sim, but 71 by the oracle: 58 of 128 elements differ, by 1 at most" in result.stdout
    assert "wrong.py:15: out[i] = x[i] + (1 if i < 70 else 2)" in result.stdout
    assert json.loads(run(*arguments, "--json").stdout)["differences"][0]["index"] == [70]
    assert right("compare", "wrong.py:plus", "--size", "70") == "plus: sim and cpu agree\n"
    one = run("compare", "wrong.py:plus", "--oracle", "plus")
    assert "plus of wrong.py, which --oracle names, is no plain function" in one.stderr
    Path("wrong.py").write_text(WRONG + "\ndef no_arguments():\n    return 1\n")
    for command in ("compare", "reduce"):
        failed = run(command, "wrong.py:plus", "--oracle", "no_arguments")
        assert failed.exit_code == 1
        assert "no_arguments of wrong.py, which --oracle names, failed: TypeError" in failed.stderr
    assert "there is no device 'gpu'" in run("compare", "wrong.py:plus", "--targets", "gpu,cpu").stderr
    assert run("compare", "wrong.py:plus", "--oracle", "minus_one").exit_code == 1


def test_diff_of_kernels_and_of_texts_kept_before(folder: Path) -> None:
    Path("wrong.py").write_text(WRONG)
    result = run("diff", "wrong.py:plus", "wrong.py:plus_two", "--html", "d.html")
    assert result.exit_code == 1
    assert "-kernel void plus(" in result.stdout
    assert "+kernel void plus_two(" in result.stdout
    assert "<b>plus_two</b>" in Path("d.html").read_text()
    right("emit", "wrong.py:plus", "-o", "plus.metal")
    assert right("diff", "plus.metal", "wrong.py:plus") == ""
    assert answer("diff", "plus.metal", "wrong.py:plus")["same"] is True
    Path("old").mkdir()
    Path("old/wrong.py").write_text(WRONG.replace("70", "71"))
    assert "71" in run("diff", "old/wrong.py:plus", "wrong.py:plus", "--stage", "ir").stdout
    Path("bytes.metal").write_bytes(b"\xff\xfe\x00")
    assert "bytes.metal: it is no text" in run("diff", "bytes.metal", "wrong.py:plus").stderr
    assert "absent.metal: no such file or directory" in run("diff", "absent.metal", "wrong.py:plus").stderr


def test_reduce_writes_the_smallest_failing_launch(folder: Path) -> None:
    Path("wrong.py").write_text(WRONG)
    found = answer("reduce", "wrong.py:plus", "--size", "128", "--oracle", "plus_one")
    assert (found["failure"], found["arguments"], found["grid"]) == (
        "out differs on sim",
        {"x": [71], "out": [71]},
        [71],
    )
    done = subprocess.run([sys.executable, found["path"]], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "out[70] is 2 on sim, but 1 by the oracle" in done.stdout
    text = right("reduce", "wrong.py:reversed_tile", "--size", "128", "--threads", "64", "--check", "-o", "race.py")
    assert text.startswith("fails: data-race in wrong.py:10\n")
    alone = subprocess.run([sys.executable, "race.py"], capture_output=True, text=True, check=False)
    assert (alone.returncode, alone.stderr) == (1, "")
    assert "error: data race" in alone.stdout
    assert "this launch does not fail" in run("reduce", "wrong.py:plus", "--size", "64", "--oracle", "plus_one").stderr


def test_explain_says_what_a_launch_would_cost_and_what_is_no_number() -> None:
    sizes = ("--grid", "1000", "--arg", "a=2")
    found = answer("explain", "kernels.py:saxpy", *sizes, "--arg", "n=1000", "--chip", "M2")
    assert json.dumps(found).count('"M2"')
    result = run("explain", "kernels.py:saxpy", *sizes, "--arg", "n=1+")
    assert (result.exit_code, "--arg n=1+: it is passed by value, so give a number" in result.output) == (1, True)
