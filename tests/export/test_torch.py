"""`--to torch`: the file is run, with a strict stand-in of `torch.mps.compile_shader` that runs kernels on the CPU."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.errors import EnigmaTypeError
from tests.export.kernels import CASES, f32, halve, saxpy, smooth, speaks
from tests.interop import fake_mps

torch: Any = pytest.importorskip("torch")

RUN = [name for name in CASES if name not in ("halve", "volume", "mirror")]


@pytest.fixture(autouse=True)
def shader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.mps, "compile_shader", fake_mps.quick_compile_shader)


def loaded(folder: Path) -> Any:
    """Return the exported file as a module for tensors of the CPU, which stand for those of MPS."""
    (path,) = folder.glob("*_torch.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.DEVICE == "mps"
    module.DEVICE = "cpu"
    return module


def exported(name: str, tmp_path: Path) -> Any:
    case = CASES[name]
    arguments = {"grid": case.grid, "threads": case.threads, "constants": case.constants}
    return loaded(en.export(case.kernel, *case.arguments(), **arguments, to="torch", path=tmp_path, device="cpu"))


@pytest.mark.parametrize("name", RUN)
def test_the_file_checks_itself(name: str, tmp_path: Path) -> None:
    before = fake_mps.Kernel.launches
    module = exported(name, tmp_path)
    module.check()
    assert fake_mps.Kernel.launches == before + 1
    for path in (tmp_path / "vectors").glob("*.expected.bin"):
        data = bytearray(path.read_bytes())
        data[-1] ^= 0x41  # the byte with a float's sign
        path.write_bytes(data)
    with pytest.raises(AssertionError):
        module.check()


def test_its_vectors_are_what_numpy_computes(tmp_path: Path) -> None:
    x, y = f32(100), f32(100)[::-1].copy()
    en.export(saxpy, x, y, 2.5, 90, grid=100, threads=32, to="torch", path=tmp_path)
    expected = np.frombuffer((tmp_path / "vectors" / "1-y.expected.bin").read_bytes(), np.float32)
    np.testing.assert_array_max_ulp(expected[:90], (np.float32(2.5) * x + y)[:90], 2)
    assert (expected[90:] == y[90:]).all()


def test_the_function_runs_on_tensors(tmp_path: Path) -> None:
    run = exported("saxpy", tmp_path).saxpy
    x, y = torch.randn(77), torch.randn(77)
    expected = 0.5 * x + y
    version = y._version
    run(x, y, 0.5, 77, grid=(77,))
    torch.testing.assert_close(y, expected)
    assert y._version == version + 1
    for wrong, said in [
        ((x[::2], y, 0.5, 77), r"x must be a contiguous tensor of float32 on cpu, but it has .* the strides \(2,\)"),
        ((x.double(), y, 0.5, 77), "but it has torch.float64"),
        ((x.to("meta"), y, 0.5, 77), "on meta"),
        ((x, y[:0], 0.5, 77), "y has 0 numbers, but the kernel wants a multiple of 1 numbers, 1 or more"),
        ((y, y, 0.5, 77), "the arguments 1 and 0 share memory, and the kernel writes argument 1"),
        ((x, y, 0.5, -1), "n is -1, but it must be from 0 to 4294967295"),
        ((x, y.clone().requires_grad_(), 0.5, 77), "y requires grad"),
    ]:
        with pytest.raises(ValueError, match=said):
            run(*wrong, grid=77)
    for sizes, said in [
        ({"grid": 0}, "grid must be an int"),
        ({"grid": (1, 2, 3, 4)}, "grid must be an int"),
        ({"grid": 77, "threads": (2.5,)}, "threads must be an int"),
        ({"grid": 77, "threads": 2048}, "2048 in all, but on this GPU the kernel can have 1024"),
    ]:
        with pytest.raises(ValueError, match=said):
            run(x, y, 0.5, 77, **sizes)


def test_arrays_are_checked_for_their_shape_and_start(tmp_path: Path) -> None:
    run = exported("table", tmp_path).table
    weights, x, bins = torch.ones(256, dtype=torch.bfloat16), torch.ones(33, 4), torch.zeros(1, dtype=torch.uint32)
    with pytest.raises(
        ValueError, match="weights starts at byte 2 of its memory, no multiple of 256: pass weights.clone"
    ):
        run(weights[1:], x, bins, grid=32)
    with pytest.raises(ValueError, match="x has 131 numbers, but the kernel wants a multiple of 4 numbers"):
        run(weights, x.reshape(-1)[:131], bins, grid=32)
    run(weights, x, bins, grid=32)
    assert bins.item() == 32


def test_matrices_need_whole_simdgroups(tmp_path: Path) -> None:
    run = exported("product", tmp_path).product
    a = torch.randn(64)
    c = torch.zeros(64)
    for grid, threads in ((32, 32), (32, 64), (96, 64)):  # a partial threadgroup may have whole simdgroups
        run(a, a, c.zero_(), grid=grid, threads=threads)
        torch.testing.assert_close(c.reshape(8, 8), a.reshape(8, 8) @ a.reshape(8, 8))
    for grid, threads in ((33, 32), (100, 64), ((32, 3), (16, 2))):
        with pytest.raises(ValueError, match="every threadgroup needs a multiple of 32 threads"):
            run(a, a, c, grid=grid, threads=threads)


def test_names_that_mean_something_in_python_are_left_alone(tmp_path: Path) -> None:
    @en.kernel
    def print(torch: en.f32, float: en.f32, grid: en.f32, threads: en.Scalar[en.f32], _launch: en.Scalar[en.bf16]):
        i = en.thread_position_in_grid
        grid[i] = torch[i] + float[i] * threads + _launch.to(en.f32)

    folder = en.export(print, f32(5), f32(5), f32(5), float("inf"), 1.5, grid=5, to="torch", path=tmp_path)
    text = (folder / "print_torch.py").read_text()
    assert "def print_(" in text
    wanted = ("torch_: torch.Tensor", "float_: torch.Tensor", "grid: torch.Tensor", "threads: float", "launch_: float")
    assert ",\n    ".join([*wanted, "*,"]) in text
    loaded(folder).check()


def test_a_file_reads_as_written_by_hand(golden: Any, tmp_path: Path) -> None:
    x = np.arange(4, dtype=np.float32)
    folder = en.export(smooth, x, x * 0, grid=4, constants={"gain": 2}, to="torch", path=tmp_path)
    golden(re.sub(r"kernels\.py:\d+", "kernels.py:30", (folder / "smooth_torch.py").read_text()), "smooth", "txt")


def test_it_runs_as_a_program_where_there_is_a_gpu(tmp_path: Path) -> None:
    x = f32(4)
    folder = en.export(saxpy, x, x * 0, 2.0, 4, grid=4, to="torch", path=tmp_path)
    done = subprocess.run([sys.executable, folder / "saxpy_torch.py"], capture_output=True, text=True, check=False)
    if torch.backends.mps.is_available():
        assert (done.returncode, done.stdout) == (0, "saxpy: the reference launch agrees\n")
    else:
        assert (done.returncode, done.stderr) == (
            1, "saxpy: PyTorch has no MPS device here; it needs a Mac with an Apple GPU\n",
        )  # fmt: skip


def test_what_pytorch_cannot_run_is_refused(tmp_path: Path) -> None:
    case = CASES["halve"]
    with pytest.raises(EnigmaTypeError, match="cannot be exported to torch: its parameter image is a texture"):
        en.export(halve, *case.arguments(), grid=case.grid, threads=case.threads, to="torch", path=tmp_path)
    with pytest.raises(EnigmaTypeError, match="kernel speaks prints or asserts, and what torch exports reads no log"):
        en.export(speaks, f32(4), grid=4, to="torch", path=tmp_path)
    assert not list(tmp_path.iterdir())
