"""Time from Python to a running kernel: `latency.py [--rounds 5] [--venvs FOLDER] [--only NAME] [--markdown FILE]`.

Every system gets two fresh processes a round, in turns with the others: one with empty caches, one with the caches that the
first left. Printed are medians in milliseconds (launches in microseconds); the Markdown tables hold ratios to enigma.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import quiet
import tables

HERE = Path(__file__).parent
CPU = {
    "enigma_cpu": None, "numba_jit": "numba", "taichi_cpu": "taichi", "warp_cpu": "warp-lang", "pocl_cl": "pyopencl",
}  # fmt: skip
TEXT = {"enigma_metal": None, "tilelang_metal": "tilelang", "triton_ptx": "triton", "cute_cubin": "nvidia-cutlass-dsl"}
# heading, process (0: empty caches, 1: those of the first), what it is called there
COLUMNS = [
    ("import", 0, "import"), ("first kernel", 0, "first"), ("second", 0, "second"), ("RMSNorm", 0, "rmsnorm"),
    ("matrix product", 0, "gemm"), ("start to first result", 0, "result"),
]  # fmt: skip
CACHED = [
    ("import", 1, "import"), ("first kernel", 1, "first"), ("second", 1, "second"), ("start to first result", 1, "result"),
    ("launch", 0, "launch"), ("launch, prepared", 0, "prepared"),
]  # fmt: skip
LAUNCHES = ("launch", "prepared")
IMPORTS = {"nothing": "pass", "enigma": "import enigma", "NumPy": "import numpy"}

Times = dict[tuple[str, int, str], list[float]]  # seconds by system, process and step


def probe(system: str, venv: str | None, arguments: argparse.Namespace, times: Times, about: dict[str, str]) -> None:
    """Run a system's two processes once and add their times."""
    python = Path(sys.executable) if venv is None else Path(arguments.venvs) / f"v_{venv}" / "bin" / "python"
    if not python.exists():
        about[system] = ""
        print(f"left out: {system} (there is no {python})")
        return
    folder = tempfile.mkdtemp(prefix="latency_")
    for process, extra in enumerate(([], ["again"])):
        quiet.wait(arguments.patience)
        command = [str(python), str(HERE / "probes" / f"{system}.py"), folder, *extra]
        result = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONWARNINGS": "ignore"})
        lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
        if not lines:
            about[system] = ""
            print(f"left out: {system} failed: {result.stderr[-600:]}")
            break
        found = json.loads(lines[-1])
        about[system] = found["about"]
        for step, seconds in found["seconds"].items():
            times.setdefault((system, process, step), []).append(seconds)
    shutil.rmtree(folder, ignore_errors=True)


def imports(times: Times, patience: float) -> None:
    """Time interpreters that only start and import one thing."""
    for label, code in IMPORTS.items():
        quiet.wait(patience)
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(HERE.parent / "src")}
        )
        times.setdefault((f"python, importing {label}", 0, "import"), []).append(time.perf_counter() - begin)


def show(times: Times, systems: list[str], columns: list[tuple[str, int, str]]) -> None:
    """Print medians: milliseconds, for launches microseconds."""
    print("\n" + " " * 26 + "".join(f"{heading:>24}" for heading, _, _ in columns))
    for system in systems:
        cells = [times.get((system, process, step)) for _, process, step in columns]
        scales = [1e6 if step in LAUNCHES else 1e3 for _, _, step in columns]
        text = ["–" if not x else f"{statistics.median(x) * by:.4g}" for x, by in zip(cells, scales, strict=True)]
        print(f"{system:26}" + "".join(f"{cell:>24}" for cell in text))


def ratios(times: Times, systems: list[str], columns: list[tuple[str, int, str]], about: dict[str, str]) -> str:
    """Return a Markdown table of medians over rounds of the ratio to the first system in the same round."""
    rows: list[list[str]] = []
    for system in systems:
        cells: list[str] = []
        for _, process, step in columns:
            mine, base = times.get((system, process, step)), times.get((systems[0], process, step))
            ratio = statistics.median(x / y for x, y in zip(mine, base, strict=False)) if mine and base else None
            cells.append("–" if ratio is None else f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}")
        if about.get(system):
            rows.append([about[system] if system != systems[0] else f"**{about[system]}**", *cells])
    return tables.table(["time relative to enigma", *(heading for heading, _, _ in columns)], rows)


def markdown(times: Times, about: dict[str, str]) -> str:
    """Return everything as Markdown."""
    bare, *others = ([statistics.median(times[f"python, importing {label}", 0, "import"])] for label in IMPORTS)
    enigma, numpy = others[0][0] / bare[0], others[1][0] / bare[0]
    return "\n".join([
        f"Measured on {tables.machine()}.\n",
        f"An interpreter that imports enigma takes {enigma:.1f} times as long as one that imports nothing; with NumPy it is "
        f"{numpy:.1f} times.\n",
        "**Running on the CPU, empty caches**\n", ratios(times, list(CPU), COLUMNS, about),
        "\n**Running on the CPU, a new process with the disk cache; launches of 256 threads**\n",
        ratios(times, list(CPU), CACHED, about),
        "\n**Compiling only: from Python to Metal text, or to the machine code of another vendor's GPU, empty caches**\n",
        ratios(times, list(TEXT), COLUMNS, about),
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--venvs", default=".", help="folder with one virtual environment per peer: v_numba, v_taichi, ..."
    )
    parser.add_argument("--only", nargs="+", help="systems to run (default: all)")
    parser.add_argument(
        "--patience", type=float, default=10, help="seconds to wait for an idle machine before each process"
    )
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the tables into this file's section `latency`"
    )
    arguments = parser.parse_args()
    times: Times = {}
    about: dict[str, str] = {}
    for _ in range(arguments.rounds):
        imports(times, arguments.patience)
        for system, venv in (CPU | TEXT).items():
            if (not arguments.only or system in arguments.only) and about.get(system, system):
                probe(system, venv, arguments, times, about)
    show(times, [f"python, importing {label}" for label in IMPORTS], COLUMNS[:1])
    for systems, columns in ((CPU, COLUMNS), (CPU, CACHED), (TEXT, COLUMNS)):
        show(times, [system for system in systems if about.get(system)], columns)
    if arguments.markdown:
        tables.write(arguments.markdown, "latency", markdown(times, about))


if __name__ == "__main__":
    main()
