"""Each command with each bad file, name, value and output: one clear message, a status of its own, and never a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enigma.cli import COMMANDS, main

KERNEL = """
import enigma as en

@en.kernel
def add(x: en.f32, y: en.f32):
    i = en.thread_position_in_grid
    y[i] = x[i] + 1

def plain(x, y):
    return x + 1

def two_more(x, y):
    return x + 2

def ends(*arguments):
    raise SystemExit(0)

def none():
    return {"x": None}
"""

ONE_KERNEL = ("emit", "run", "check", "explore", "compare", "reduce", "bench", "explain", "export")
NAMED = (*ONE_KERNEL, "diff")
SIZED = ("run", "check", "compare", "reduce", "bench", "explain", "export")
AS_JSON = tuple(name for name in NAMED if name != "emit")

FILES: dict[str, str | bytes] = {
    "k.py": KERNEL,
    "k.txt": KERNEL,
    "folder/inside.txt": "",
    "ünï/kérnel.py": KERNEL.replace("def add", "def ädd"),
    "with space/a b.py": KERNEL,
    "co:lon/k:k.py": KERNEL,
    "binary.py": bytes(range(256)),
    "syntax.py": "\ndef f(:\n",
    "raises.py": "\n1 / 0\n",
    "exits.py": "import sys\nsys.exit(0)\n",
    "endless.py": "def f():\n    f()\nf()\n",
    "base.py": "raise GeneratorExit\n",
    "none.py": "x = 1\n",
    "two.py": KERNEL + KERNEL.replace("def add", "def sub"),
    "prints.py": "print('from the import')\n" + KERNEL.replace("x[i] + 1", "x[i] + len([print('from the trace')])"),
    "bad.py": KERNEL.replace("x[i] + 1", "en.exp(i)"),
    "divides.py": KERNEL.replace("x[i] + 1", "x[i] + 1 // 0"),
    "leaves.py": KERNEL.replace("y[i] =", "exit(3)\n    y[i] ="),
}

WRONG = {
    "absent.py": "absent.py: there is no such file",
    "absent.py:add": "absent.py: there is no such file",
    "no/folder/k.py:add": "no/folder/k.py: there is no such file",
    "folder": "folder: it is a folder",
    "folder:add": "folder: it is a folder",
    "k.txt": "k.txt: it is no Python file",
    "k.txt:add": "k.txt: it is no Python file",
    os.devnull: f"{os.devnull}: it is no file",
    "binary.py": "binary.py",
    "syntax.py:add": "syntax.py:2: invalid syntax",
    "raises.py:add": "raises.py:2: ZeroDivisionError: division by zero",
    "exits.py:add": "exits.py: it ends the program when it is imported",
    "endless.py:add": "endless.py:2: RecursionError",
    "base.py": "base.py:1: GeneratorExit",
    "none.py": "none.py has no kernels",
    "none.py:add": "none.py has no kernel add",
    "two.py": "two.py has 2 kernels; name one: add, sub",
    "k.py:aad": "k.py has no kernel aad; did you mean add?",
    "k.py:plain": "plain of k.py is no kernel but a function",
    "k.py:add:add": "k.py:add:add: there is no such file",
    "": "'' names no file",
    ":add": "':add' names no file",
    "bad.py": "bad.py:7:12: error: exp takes",
    "divides.py": "divides.py:7: error: ZeroDivisionError",
    "leaves.py": "leaves.py:7: error: SystemExit: 3",
}


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("matrix")
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "there").mkdir()
    return folder


@pytest.fixture(autouse=True)
def here(kernels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kernels)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("ENIGMA_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("ENIGMA_DEVICE", raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="enigma")


def said(result: Result) -> str:
    """Return the message of a command that failed because of its user; there is one, and nothing on standard output."""
    assert isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.stderr
    assert "bug in enigma" not in result.stderr
    errors = [line for line in result.stderr.splitlines() if "error: " in line.lower()]
    assert len(errors) == 1, result.stderr
    assert result.stdout == ""
    return errors[0]


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("command", NAMED)
def test_a_file_or_name_that_is_no_kernel_is_one_message_and_status_1(command: str, name: str) -> None:
    both = [name] * (2 if command == "diff" else 1)
    if command == "diff" and name == "k.txt":
        pytest.skip("a text is something to compare")
    for options in ([], ["--json"]) if command in AS_JSON else ([],):
        result = run(command, *both, *NEEDED.get(command, ()), *options)
        assert WRONG[name] in said(result)
        assert result.exit_code == 1


NEEDED = {"export": ("--to", "msl")}
"""What a command cannot do without, besides the kernel."""

QUICK = {
    "bench": ("--repeat", "1", "--warmup", "0"),
    "compare": ("--oracle", "plain"),
    "reduce": ("--oracle", "two_more"),
    "export": ("--overwrite",),
}
OUTPUTS = {"explore": "p.html", "reduce": "r.py", "export": "folder"}


def quickly(command: str, name: str, folder: Path) -> tuple[str, ...]:
    """Return arguments with which a command takes little time and writes below a folder."""
    names = [name] * (2 if command == "diff" else 1)
    size = ("--size", "8") if command in SIZED else ()
    output = ("-o", str(folder / OUTPUTS[command])) if command in OUTPUTS else ()
    return (command, *names, *NEEDED.get(command, ()), *QUICK.get(command, ()), *size, *output)


@pytest.mark.parametrize("command", NAMED)
def test_odd_paths_are_paths(command: str, tmp_path: Path) -> None:
    for name in (
        "ünï/kérnel.py:ädd",
        "with space/a b.py",
        "with space/a b.py:add",
        "co:lon/k:k.py:add",
        "co:lon/k:k.py",
    ):
        result = run(*quickly(command, name, tmp_path))
        assert result.exit_code == 0, (name, result.output)


@pytest.mark.parametrize("command", AS_JSON)
def test_json_is_all_that_stands_on_standard_output(command: str, tmp_path: Path) -> None:
    """What a file prints when it is imported, and a kernel when it is traced, goes to standard error."""
    result = run(*quickly(command, "prints.py:add", tmp_path), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)
    assert "from the import" in result.stderr


def test_metal_is_all_that_emit_prints() -> None:
    result = run("emit", "prints.py:add")
    assert result.stdout.startswith("#include")
    assert "from the trace" not in result.stdout
    assert "from the trace" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_usage_is_status_2(command: str) -> None:
    assert run(command, "--nosuch").exit_code == 2
    if command in (*NAMED, "layout"):
        result = run(command)
        assert (result.exit_code, "Missing argument" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--size", "0"), 2, "not in the range"),
        (("--size", "1e3"), 2, "'1e3' is not a valid"),
        (("--size", "99999999999999"), 1, "99999999999999 elements, but a command makes 2147483648 at most"),
        (("--seed", "-1"), 2, "-1 is not in the range"),
        (("--grid", "٣"), 2, "'٣' is no size: write one to three numbers"),
        (("--grid", "1,2,3,4"), 2, "'1,2,3,4' is no size"),
        (("--grid", "0"), 1, "grid is 0 along x, but it must be at least 1"),
        (("--grid", "4294967296"), 1, "grid is 4294967296 along x"),
        (("--threads", "²"), 2, "'²' is no size"),
        (("--threads", "1025"), 1, "1025 per threadgroup, but the limit is 1024"),
        (("--arg", "=3"), 2, "'=3' is not NAME=VALUE"),
        (("--arg", "x=full(10, 'a')"), 1, "'a' is no number"),
        (("--arg", "x=full(3, 1+2j)"), 1, "(1+2j) is no number"),
        (("--arg", "x=full(3)"), 1, "arrays are made by zeros(N), ones(N), arange(N), random(N) or full(N, X)"),
        (("--arg", "x=random(True)"), 1, "True is no size of an array"),
        (("--arg", "x=there"), 1, "--arg x=there: it is a buffer, so give zeros(N)"),
        (("--arg", "z=1"), 1, "add has no parameter z (it has: x, y)"),
        (("--inputs", "ends"), 1, "ends of k.py, which --inputs names, ends the program"),
        (("--inputs", "none"), 1, "none of k.py gives None for x"),
        (("-D", "f"), 2, "'f' is not NAME=VALUE"),
        (("-D", "f=3"), 1, "constants={'f': 3} was given"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["run", "check", "compare", "bench", "export"])
def test_a_wrong_value_of_an_option_is_one_message(
    command: str, arguments: tuple[str, ...], status: int, message: str
) -> None:
    result = run(command, "k.py:add", *NEEDED.get(command, ()), *arguments)
    assert message in said(result)
    assert result.exit_code == status


def test_a_number_that_does_not_fit_a_buffer_is_told(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text(KERNEL.replace("x: en.f32", "x: en.u8"))
    for value in ("300", "-1"):
        message = said(run("run", f"{tmp_path}/b.py", "--arg", f"x=full(3, {value})"))
        assert f"--arg x=full(3, {value}): {value} is no value of u8" in message


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("emit", "k.py:add", "-o"), 2),
        (("explore", "k.py:add", "-o"), 1),
        (("check", "k.py:add", "--explore"), 2),
        (("diff", "k.py:add", "two.py:sub", "--html"), 2),
        (("reduce", "k.py:add", "--oracle", "two_more", "--size", "4", "-o"), 2),
        (("layout", "(4,8)", "-o"), 1),
        (("export", "k.py:add", "--to", "msl", "--size", "4", "-o"), 0),
    ],
)
def test_an_output_that_cannot_be_written_is_one_message(arguments: tuple[str, ...], status: int) -> None:
    result = run(*arguments, "there")
    assert result.exit_code == status
    if status:
        said(result)  # a folder is what export writes
    result = run(*arguments, "k.py/below.html")
    said(result)
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cehck", "k.py:add"), "No such command 'cehck'. (Did you mean 'check'?)"),
        (("xyzzy",), "No such command 'xyzzy'."),
        (("compare", "k.py:add", "--targets", "gpu"), "there is no device 'gpu': name some of cpu, sim, metal"),
        (("reduce", "k.py:add", "--targets", "sim,gpu"), "there is no device 'gpu': name some of cpu, sim, metal"),
        (("explain", "k.py:add", "--chip", "M9"), "no chip is called 'M9': the chips are M1, M1 Pro"),
    ],
)
def test_what_there_is_not_is_wrong_usage(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert message in said(result)
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", "k.py:add", "--oracle", "ends"), "ends of k.py, which --oracle names, ends the program"),
        (("compare", "k.py:add", "--targets", "gpu,cpu"), "there is no device 'gpu'"),
        (("compare", "k.py:add", "--targets", ","), "compare has no targets"),
        (("compare", "k.py:add", "--targets", "cpu"), "there is nothing to compare cpu with: name another"),
        (("compare", "k.py:add", "--rtol", "-1"), "-1.0 is not in the range"),
        (("explain", "k.py:add", "--chip", "M9"), "no chip is called 'M9'"),
        (("run", "k.py:add", "--save", "y="), "'y=' is not NAME=FILE.npy"),
        (("run", "k.py:add", "--save", "y=there"), "'y=there' is not NAME=FILE.npy"),
        (("bench", "k.py:add", "--repeat", "0"), "0 is not in the range"),
        (("reduce", "k.py:add", "--attempts", "0"), "0 is not in the range"),
        (("layout", "S<9,9,9>"), "is no layout"),
        (("ops", "--family", "zzz"), "there is no family 'zzz'"),
        (("demo", "--size", "7"), "7 is not in the range"),
        (("demo", "--image", "k.py"), "k.py: not a picture"),
    ],
)
def test_options_of_one_command(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert message in said(result)
    assert result.exit_code in (1, 2)


def test_ops_that_finds_nothing_is_status_1_as_json_too() -> None:
    assert (run("ops", "zzz").exit_code, run("ops", "zzz", "--json").exit_code) == (1, 1)
    assert json.loads(run("ops", "zzz", "--json").stdout) == []


@pytest.mark.parametrize("columns", ["20", "60", "200"])
def test_tables_fit_the_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for arguments in (("ops", "sqrt"), ("doctor",), ("run", "k.py:add", "--size", "8")):
        assert run(*arguments).exit_code == 0
    shown = run("ops", "sqrt").stdout
    assert max(map(len, shown.splitlines())) <= int(columns)


def python_m(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "enigma", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )


@pytest.mark.skipif(os.name != "posix", reason="pipes and signals of POSIX")
def test_a_reader_that_goes_away_and_ctrl_c_leave_no_traceback(tmp_path: Path) -> None:
    reader = python_m("ops", "--json")
    assert reader.stdout is not None
    reader.stdout.close()  # before it prints: as `| head -0`
    (tmp_path / "slow.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(60)\n")
    slow = python_m("emit", f"{tmp_path}/slow.py:k")
    assert slow.stderr is not None
    assert slow.stderr.readline() == "begun\n"
    slow.send_signal(signal.SIGINT)
    errors = slow.communicate(timeout=60)[1]
    assert (slow.returncode, errors.strip()) == (130, "Error: interrupted")
    assert reader.stderr is not None
    assert "Traceback" not in reader.stderr.read()
    assert reader.wait(60) in (0, 1)


def test_files_are_loaded_where_standard_output_is_closed_or_full() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "enigma", "--version"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
