"""Plain C through clang-22, in two builds: as the processor's tuning likes it, and with 512-bit vectors."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import problem

FLAGS = ["-O3", "-march=native", "-ffp-contract=fast", "-fopenmp", "-shared", "-fPIC", "-lm"]
OpenMP = Path("/usr/lib/llvm-22")


def _library(folder: Path, name: str, *flags: str) -> ctypes.CDLL:
    source, target = Path(__file__).with_suffix(".c"), folder / f"{name}.so"
    include = f"-I{OpenMP / 'lib/clang/22/include'}"
    subprocess.run(["clang-22", *FLAGS, *flags, include, str(source), "-o", str(target)], check=True)
    return ctypes.CDLL(str(target))


def make(threads: int) -> dict[str, Callable[[], None]]:
    folder = Path(tempfile.mkdtemp(prefix="bench_"))
    runs: dict[str, Callable[[], None]] = {}
    for label, flags in (("C", ()), ("C 512-bit", ("-mprefer-vector-width=512",))):
        lib = _library(folder, label.replace(" ", "_"), *flags)
        runs |= _runs(lib, label, threads)
    return runs


def _runs(lib: ctypes.CDLL, label: str, threads: int) -> dict[str, Callable[[], None]]:
    long, real = ctypes.c_int64, ctypes.c_float
    pointers = {name: [ctypes.c_void_p(x.ctypes.data) for x in problem.data(name)] for name in problem.PROBLEMS}
    size, heat, mandel = long(problem.GEMM), long(problem.HEAT), long(problem.MANDEL)
    scale = real(3.0 / problem.MANDEL)
    runs: dict[str, Callable[[], None]] = {
        f"vadd:{label}": lambda: lib.vadd(*pointers["vadd"], long(problem.VADD), threads),
        f"rmsnorm:{label}": lambda: lib.rmsnorm(
            *pointers["rmsnorm"], long(problem.ROWS), long(problem.COLS), real(problem.EPS), threads
        ),
        f"gemm:{label} naive": lambda: lib.gemm_naive(*pointers["gemm"], size, threads),
        f"gemm:{label} hand-tiled": lambda: lib.gemm_tiled(*pointers["gemm"], size, threads),
        f"heat:{label}": lambda: lib.heat(*pointers["heat"], heat, real(problem.K), threads),
    }
    if label == "C":
        runs["mandelbrot:C"] = lambda: lib.mandelbrot(
            *pointers["mandelbrot"], mandel, scale, problem.MAX_ITERATIONS, threads
        )
    return runs


def about() -> str:
    """Return what runs, with versions."""
    first = subprocess.run(["clang-22", "--version"], capture_output=True, text=True, check=True).stdout.split("\n", 1)[
        0
    ]
    number = first.split("version ")[1].split()[0]
    return (
        f'C: clang {number} `-O3 -march=native -ffp-contract=fast -fopenmp`; "512-bit" adds `-mprefer-vector-width=512`'
    )
