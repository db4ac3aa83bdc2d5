"""The command line: what it prints, and that a mistake is one clear message and a status, never a traceback."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path
from types import ModuleType

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

import enigma as en
from enigma.cli import main
from enigma.cli.art import art, shrink
from enigma.cli.image import read, scene, write_png
from enigma.cli.load import load_kernel
from enigma.runtime.cpu import CpuRuntime

KERNELS = """
import enigma as en

@en.kernel
def scale(A: en.f32, B: en.f32, factor: en.constexpr = 2):
    i = en.thread_position_in_grid
    B[i] = A[i] * factor

@en.kernel
def copy(A: en.f32, B: en.f32):
    i = en.thread_position_in_grid
    B[i] = A[i]

@en.kernel
def tuned(A: en.f32):
    i = en.thread_position_in_grid
    A[i] = en.exp(A[i]) if en.function_constant(en.i32, 0, name="mode") == 3 else 0.0
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("ENIGMA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ENIGMA_DEVICE", "cpu")
    (tmp_path / "kernels.py").write_text(KERNELS, encoding="utf-8")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="enigma")


def mistake(*arguments: str) -> str:
    """Return the message of a command that must fail because of its user."""
    result = run(*arguments)
    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr
    return result.stderr


def test_version_is_the_package_s() -> None:
    assert run("--version").output == f"enigma {en.__version__}\n"


def test_help_lists_the_commands() -> None:
    output = run("--help").output
    assert all(command in output for command in ("demo", "emit", "cache"))


def test_emit_prints_exactly_the_metal_source(folder: Path) -> None:
    result = run("emit", "kernels.py:copy")
    assert result.exit_code == 0
    assert result.stdout.rstrip("\n") == en.compile(load_kernel("kernels.py:copy")).metal_source.rstrip("\n")


@pytest.mark.parametrize(
    ("stage", "sign"),
    [("ir", "thread_position_in_grid"), ("mlir", "func.func @copy"), ("msl", "kernel void copy("), ("llvm", "define ")],
)
def test_emit_stops_at_the_stage_asked_for(folder: Path, stage: str, sign: str) -> None:
    result = run("emit", "kernels.py:copy", "--stage", stage)
    assert result.exit_code == 0, result.output
    assert sign in result.stdout


def test_emit_takes_constexpr_values(folder: Path) -> None:
    assert "* 2.0f" in run("emit", "kernels.py:scale").stdout
    assert "* 7.0f" in run("emit", "kernels.py:scale", "-D", "factor=7").stdout


def test_emit_needs_no_name_where_there_is_one_kernel(folder: Path) -> None:
    Path("one.py").write_text(KERNELS.partition("\n\n@en.kernel\ndef copy")[0], encoding="utf-8")
    assert "kernel void scale(" in run("emit", "one.py").stdout


def test_emit_imports_what_stands_beside_the_file(folder: Path) -> None:
    (folder / "parts").mkdir()
    (folder / "parts" / "beside_the_kernel.py").write_text("def twice(x):\n    return x + x\n", encoding="utf-8")
    text = "from beside_the_kernel import twice\n" + KERNELS.replace("A[i] * factor", "twice(A[i])")
    (folder / "parts" / "main.py").write_text(text, encoding="utf-8")
    result = run("emit", "parts/main.py:scale")
    assert result.exit_code == 0, result.output
    assert " + " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.py:k"], "absent.py: there is no such file"),
        (["kernels.py"], "kernels.py has 3 kernels; name one: scale, copy, tuned"),
        (["kernels.py:cpoy"], "kernels.py has no kernel cpoy; did you mean copy?"),
        (["kernels.py:zzz"], "kernels.py has no kernel zzz; name one: scale, copy"),
        (["empty.py"], "empty.py has no kernels (a kernel is a function under @enigma.kernel)"),
        (["syntax.py"], "syntax.py:1: "),
        (["fails.py"], "fails.py:1: ZeroDivisionError: division by zero"),
        (["notes.txt"], "notes.txt: it is no Python file"),
        (["."], ".: it is a folder"),
        (["kernels.py:scale", "-D", "factor"], "'factor' is not NAME=VALUE"),
        (["kernels.py:scale", "-D", "factor=x y"], "'x y' is no Python number or string"),
        (["kernels.py:scale", "-D", "speed=1"], "has no constexpr parameter speed"),
        (["kernels.py:scale", "--stage", "ptx"], "'ptx' is not one of"),
    ],
)
def test_emit_says_what_is_wrong_with_its_arguments(folder: Path, arguments: list[str], message: str) -> None:
    for name, text in {"empty": "", "syntax": "def", "fails": "1 / 0"}.items():
        Path(f"{name}.py").write_text(text, encoding="utf-8")
    Path("notes.txt").write_text("x", encoding="utf-8")
    assert message in mistake("emit", *arguments)


def test_a_mistake_in_a_kernel_names_its_line(folder: Path) -> None:
    Path("bad.py").write_text(
        KERNELS.replace("= A[i]\n", "= A[i] +\n").replace("+\n", "+ en.exp(i)\n"), encoding="utf-8"
    )
    message = mistake("emit", "bad.py:copy")
    assert message.startswith("bad.py:12:")
    assert "error: exp takes" in message


def test_cache_counts_and_clears(folder: Path) -> None:
    assert "0 entries, 0.0 KiB in" in run("cache").output
    store = folder / "cache"
    store.mkdir()
    (store / "abc.entry").write_bytes(b"x" * 2048)
    assert "1 entry, 2.0 KiB in" in run("cache").output
    assert run("cache", "--clear").output.startswith("removed 1 entry from")
    assert "0 entries" in run("cache").output


@pytest.mark.parametrize("device", ["sim", "cpu"])
def test_the_demo_shows_three_kernels_and_writes_the_edges(
    folder: Path, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENIGMA_DEVICE", device)
    monkeypatch.setenv("COLUMNS", "120")
    result = run("demo", "--size", "64")
    assert result.exit_code == 0, result.output
    for name in ("vector_add", "sobel", "rmsnorm"):
        assert f"kernel void {name}(" in result.stdout
        assert f"def {name}(" in result.stdout
    assert result.stdout.count(" ok") == 3
    assert read(folder / "edges.png").shape == (64, 64)


def test_the_demo_fits_into_80_columns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    output = run("demo", "--size", "512").stdout
    shown = [line for line in output.splitlines() if "edges written to" not in line]
    assert max(map(len, shown)) <= 80
    assert "rmsnorm" in shown[-2]  # the table keeps its first column


def test_the_demo_finds_the_edges_of_a_given_picture(folder: Path) -> None:
    step = np.zeros((20, 31), np.float32)
    step[:, 15:] = 1
    write_png(folder / "step.png", step)
    assert run("demo", "--size", "16", "--image", "step.png").exit_code == 0
    edges = read(folder / "edges.png")
    assert edges.shape == step.shape
    assert (edges[1:-1, 14:16] == 1).all()
    assert edges[:, :14].max() == edges[:, 16:].max() == 0


def test_a_wrong_result_ends_the_demo_with_status_1(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CpuRuntime, "run", lambda *arguments: None)
    assert "wrong result: vector_add" in mistake("demo", "--size", "16")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.png", None, "absent.png: no such file or directory"),
        ("notes.txt", b"not a picture", "notes.txt: not a"),
        ("empty.png", b"", "empty.png: not a"),
        ("cut.png", b"\x89PNG\r\n\x1a\n\0\0", "cut.png: the picture is damaged"),
        ("cut.pgm", b"P5 4 4 255\nabc", "cut.pgm: the picture is damaged"),
        ("size.pgm", b"P5 0 4 255\n", "size.pgm: the picture is damaged"),
        ("huge.pgm", b"P5 99999 99999 255\n", "the picture is 99999 x 99999"),
    ],
)
def test_what_is_no_picture_is_said_in_one_line(folder: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    said = mistake("demo", "--image", name, "--size", "16")
    assert message in said
    assert said.count("\n") == 1


def test_a_picture_needs_no_pillow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    Path("x.bmp").write_bytes(b"BM")
    assert "pip install pillow" in mistake("demo", "--image", "x.bmp")
    write_png(folder / "x.png", scene(16))
    assert read(folder / "x.png").shape == (16, 16)


@pytest.fixture
def pillow() -> ModuleType:
    return pytest.importorskip("PIL.Image")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_png_pixels_are_those_that_pillow_wrote(folder: Path, pillow: ModuleType, mode: str) -> None:
    rng = np.random.default_rng(1)
    ramp = np.add.outer(np.arange(23) * 4, np.arange(37) * 3)[..., None]
    rgb = ((ramp + rng.integers(0, 30, (23, 37, 3))) % 256).astype(np.uint8)
    picture = pillow.fromarray(rgb).convert(mode)
    picture.save(folder / "x.png")
    want = np.asarray(picture.convert("RGB"), np.float64) @ [0.299, 0.587, 0.114] / 255
    assert np.abs(read(folder / "x.png") - want).max() < 1e-6


@pytest.mark.parametrize("kind", range(5))
def test_every_png_filter_is_undone(folder: Path, kind: int) -> None:
    """Predictions by the definitions of the PNG specification, chapter 9, written out for one channel."""
    pixels = np.random.default_rng(kind).integers(0, 256, (9, 12))

    def at(y: int, x: int) -> int:
        return int(pixels[y, x]) if y >= 0 and x >= 0 else 0

    def guess(y: int, x: int) -> int:
        a, b, c = at(y, x - 1), at(y - 1, x), at(y - 1, x - 1)
        pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
        paeth = a if pa <= pb and pa <= pc else b if pb <= pc else c
        return (0, a, b, (a + b) // 2, paeth)[kind]

    lines = b"".join(bytes([kind, *((at(y, x) - guess(y, x)) % 256 for x in range(12))]) for y in range(9))
    chunks = {b"IHDR": struct.pack(">IIBBBBB", 12, 9, 8, 0, 0, 0, 0), b"IDAT": zlib.compress(lines), b"IEND": b""}
    body = b"".join(struct.pack(">I", len(x)) + k + x + struct.pack(">I", zlib.crc32(k + x)) for k, x in chunks.items())
    (folder / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    assert (np.rint(read(folder / "x.png") * 255) == pixels).all()


@pytest.mark.parametrize(
    "content",
    [b"P2\n# a note\n3 2\n10\n0 5 10\n10 5 0\n", b"P5 3 2 10\n" + bytes([0, 5, 10, 10, 5, 0]),
     b"P6\n3 2\n10\n" + bytes(np.repeat([0, 5, 10, 10, 5, 0], 3).tolist()),
     b"P5 3 2 1000\n" + struct.pack(">6H", 0, 500, 1000, 1000, 500, 0)],
)  # fmt: skip
def test_netpbm_pictures_of_every_kind_are_read(folder: Path, content: bytes) -> None:
    Path("x.pnm").write_bytes(content)
    assert np.abs(read(Path("x.pnm")) - [[0, 0.5, 1], [1, 0.5, 0]]).max() < 1e-6


def test_shrinking_keeps_the_mean() -> None:
    picture = np.random.default_rng(0).random((40, 60), dtype=np.float32)
    assert shrink(picture, 7, 11).shape == (7, 11)
    assert np.allclose(shrink(picture, 10, 20), picture.reshape(10, 4, 20, 3).mean(axis=(1, 3)), atol=1e-6)
    assert (shrink(picture, 100, 100) == picture).all()


def test_art_is_blocks_in_colour_and_ascii_without() -> None:
    colour, plain = io.StringIO(), io.StringIO()
    picture = np.array([[0, 1], [1, 0]], np.float32).repeat(8, 0).repeat(8, 1)
    console = Console(file=colour, force_terminal=True, color_system="truecolor", width=40, legacy_windows=False)
    if not console.encoding.startswith("utf"):
        pytest.skip("this terminal is not UTF-8")
    console.print(art(console, picture, 4))
    assert "▀" in colour.getvalue()
    assert "38;2;255;255;255" in colour.getvalue()
    bare = Console(file=plain, width=40)
    bare.print(art(bare, picture, 4))
    assert plain.getvalue() == "  @@\n@@  \n"


def test_a_click_error_of_our_own_is_not_caught_twice() -> None:
    with pytest.raises(click.ClickException, match="there is no such file"):
        load_kernel("absent.py:k")


def test_a_function_constant_is_given_for_native_stages(folder: Path) -> None:
    three, four = (run("emit", "kernels.py:tuned", "--stage", "llvm", "-D", f"mode={mode}").stdout for mode in (3, 4))
    assert "exp" in three
    assert "exp" not in four
    assert run("emit", "kernels.py:tuned", "--stage", "asm", "-D", "mode=4").exit_code == 0
    missing = run("emit", "kernels.py:tuned", "--stage", "llvm")
    assert missing.exit_code == 1
    assert "kernel tuned needs a value for function constant 0 (mode, i32)" in missing.stderr
    wrong = run("emit", "kernels.py:tuned", "--stage", "llvm", "-D", "speed=1")
    assert "kernel tuned has no function constant 'speed'" in wrong.stderr
    assert "constant int mode [[function_constant(0)]];" in run("emit", "kernels.py:tuned").stdout


def test_the_math_of_a_kernel_is_an_option(folder: Path) -> None:
    assert "precise::exp(" in run("emit", "kernels.py:tuned", "--math", "precise").stdout
    assert 'enigma.math = "fast"' in run("emit", "kernels.py:tuned", "--math", "fast", "--stage", "mlir").stdout
    assert run("emit", "kernels.py:tuned", "--math", "loose").exit_code == 2


def test_python_m_enigma_is_the_command(folder: Path) -> None:
    import subprocess

    def python_m(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "enigma", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert python_m("--version").stdout == f"enigma {en.__version__}\n"
    emitted = python_m("emit", "kernels.py:copy")
    assert (emitted.returncode, emitted.stdout) == (0, run("emit", "kernels.py:copy").stdout)
    assert python_m("emit", "nothing.py:copy").returncode != 0
    assert "Usage: enigma" in python_m("--help").stdout
