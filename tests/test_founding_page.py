"""Every code block of the page that this project was founded on runs as printed there."""

from __future__ import annotations

import difflib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import enigma

COMPILE = """\
compiled = enigma.compile(
    my_kernel,
    dump_ir=True,           # print traced IR
    dump_mlir=True,         # print MLIR
    keep_metal_source=True, # save .metal source
    work_dir="./build/debug",
)
"""

SHOW = """\
print(compiled.metal_source)
"""

SAVE = """\
compiled_before = enigma.compile(kernel_v1, keep_metal_source=True, work_dir="./build/v1")
compiled_after  = enigma.compile(kernel_v2, keep_metal_source=True, work_dir="./build/v2")
compiled_before.export_metal("./build/v1/kernel.metal")
compiled_after.export_metal("./build/v2/kernel.metal")
"""

DIFF = """\
diff ./build/v1/kernel.metal ./build/v2/kernel.metal
"""

MINIMAL = """\
n = 32
a = np.arange(n, dtype=np.float32)
b = np.ones(n, dtype=np.float32)

raw = rt.execute(compiled, [a, b], n * 4, grid=(n, 1, 1), threads=(32, 1, 1))
out = np.frombuffer(raw, dtype=np.float32)

for i in range(n):
    expected = a[i] + b[i]
    if abs(out[i] - expected) > 1e-5:
        print(f"[{i}] got {out[i]:.4f}, expected {expected:.4f}")
"""

LAYOUTS = """\
thr = enigma.make_ordered_layout((4, 64), order=(1, 0))
val = enigma.make_ordered_layout((4, 4), order=(1, 0))
tiler_mn, tv_layout = enigma.make_layout_tv(thr, val)

print("thr layout:", thr)
print("val layout:", val)
print("tiler_mn:  ", tiler_mn)
print("tv_layout: ", tv_layout)
print("threads:   ", enigma.size(tv_layout, mode=[0]))
print("vals/thr:  ", enigma.size(tv_layout, mode=[1]))
"""


@enigma.kernel
def my_kernel(A: enigma.f32, B: enigma.f32, C: enigma.f32):
    i = enigma.thread_position_in_grid
    C[i] = A[i] + B[i]


@enigma.kernel
def wrong_kernel(A: enigma.f32, B: enigma.f32, C: enigma.f32):
    i = enigma.thread_position_in_grid
    C[i] = A[i] + 2.0 * B[i]


@enigma.kernel
def kernel_v1(A: enigma.f32, B: enigma.f32, C: enigma.f32):
    i = enigma.thread_position_in_grid
    C[i] = (A[i] - 1.0) * B[i]


@enigma.kernel
def kernel_v2(A: enigma.f32, B: enigma.f32, C: enigma.f32):
    i = enigma.thread_position_in_grid
    C[i] = (A[i] - 1.0) + B[i]


@enigma.kernel
def row_sums(A: enigma.f32, B: enigma.f32, rows: enigma.Scalar(enigma.u32), n: enigma.Scalar(enigma.u32)):
    i = enigma.thread_position_in_grid
    if i < rows:
        total = 0.0
        for k in range(n):
            total += A[i * n + k]
        B[i] = total


def run(block: str, **names: Any) -> dict[str, Any]:
    """Run a block as printed, in a namespace with the given names, and return the namespace."""
    namespace: dict[str, Any] = {"enigma": enigma, "np": np, **names}
    exec(compile(block, "<page>", "exec"), namespace)
    return namespace


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder, as on a machine without Apple's tools."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENIGMA_EMIT_ONLY", "1")
    return tmp_path


def test_debug_output_at_compile_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compiled = run(COMPILE, my_kernel=my_kernel)["compiled"]
    printed = capsys.readouterr().out
    saved = folder / "build" / "debug" / "my_kernel.metal"
    assert saved.read_text(encoding="utf-8") == compiled.metal_source
    # the IR: loads and stores in order, the thread index, the arithmetic, and nothing else
    ir = printed[: printed.index("=== MLIR")]
    places = [ir.index(word) for word in ("thread_position_in_grid", "load(A", "load(B", "add(", "store(C")]
    assert places == sorted(places)
    assert ir.count(" = ") == len(places)
    # the MLIR: types of the arguments, which dimension
    assert compiled.mlir_source.strip() in printed
    for part in ("%A: !enigma.buffer<f32>", "%B: !enigma.buffer<f32>", "%C: !enigma.buffer<f32>"):
        assert part in compiled.mlir_source
    assert [line for line in compiled.mlir_source.splitlines() if "thread_position_in_grid" in line and "x" in line]


def test_control_flow_keeps_its_structure_in_mlir() -> None:
    mlir = enigma.compile(row_sums).mlir_source
    assert "scf.if" in mlir
    assert "scf.for" in mlir


def test_inspecting_the_metal_source(capsys: pytest.CaptureFixture[str]) -> None:
    compiled = enigma.compile(my_kernel)
    run(SHOW, compiled=compiled)
    printed = capsys.readouterr().out
    assert printed == compiled.metal_source + "\n"
    for part in (
        "kernel void my_kernel(",
        "[[buffer(0)]]",
        "[[buffer(2)]]",
        "[[thread_position_in_grid]]",
        "C[i] = A[i] + B[i];",
    ):
        assert part in printed


def test_saving_metal_source_for_diffing(folder: Path) -> None:
    run(SAVE, kernel_v1=kernel_v1, kernel_v2=kernel_v2)
    before, after = ((folder / "build" / v / "kernel.metal").read_text(encoding="utf-8") for v in ("v1", "v2"))
    changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    # the name of the kernel and the line that differs, both once before and once after: a diff shows the change and no more
    assert [line[0] for line in changed] == ["-", "+", "-", "+"]
    assert all("kernel_v" in line for line in changed[:2])
    assert ("*" in changed[2], "+" in changed[3][1:]) == (True, True)


@pytest.mark.skipif(shutil.which("diff") is None, reason="there is no diff on this machine")
def test_the_diff_command_shows_the_change() -> None:
    run(SAVE, kernel_v1=kernel_v1, kernel_v2=kernel_v2)
    done = subprocess.run(DIFF.split(), capture_output=True, text=True, check=False)
    assert done.returncode == 1  # 1: the files differ, 2: trouble
    assert "kernel_v1" in done.stdout
    assert "kernel_v2" in done.stdout


@pytest.mark.parametrize("device", [None, "sim"])
def test_minimal_reproducible_inputs(device: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    names = run(MINIMAL, compiled=enigma.compile(my_kernel), rt=enigma.runtime(device))
    assert capsys.readouterr().out == ""  # a line for each wrong element
    assert isinstance(names["raw"], bytes)
    assert names["out"].tolist() == [i + 1.0 for i in range(32)]


def test_minimal_inputs_show_each_wrong_element(capsys: pytest.CaptureFixture[str]) -> None:
    run(MINIMAL, compiled=enigma.compile(wrong_kernel), rt=enigma.runtime("sim"))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 32
    assert lines[3] == "[3] got 5.0000, expected 4.0000"


def test_debugging_layout_algebra(capsys: pytest.CaptureFixture[str]) -> None:
    names = run(LAYOUTS)
    assert capsys.readouterr().out == (
        "thr layout: (4,64):(64,1)\n"
        "val layout: (4,4):(4,1)\n"
        "tiler_mn:   (16, 256)\n"
        "tv_layout:  ((64,4),(4,4)):((64,4),(16,1))\n"
        "threads:    256\n"
        "vals/thr:   16\n"
    )
    # threads x vals/thr = elements of one tile
    tv, (rows, columns) = names["tv_layout"], names["tiler_mn"]
    assert enigma.size(tv, mode=[0]) * enigma.size(tv, mode=[1]) == rows * columns
    assert sorted(tv(i) for i in range(rows * columns)) == list(range(rows * columns))


def test_the_fast_debugging_loop(folder: Path) -> None:
    compiled = run(COMPILE.replace("./build/debug", "./build/loop"), my_kernel=my_kernel)["compiled"]
    assert (folder / "build" / "loop" / "my_kernel.metal").exists()
    run(MINIMAL, compiled=compiled, rt=enigma.runtime("sim"))
