"""Compare contestants in interleaved rounds on this machine: `compare.py [--threads 1 2] [--venvs FOLDER] [--markdown FILE]`.

Every contestant runs in a process of its own. For each problem, in each round, each contestant gets a turn; a turn during
which other processes were busy is repeated. Printed is the median over rounds of the ratio to enigma in the same round, with
the quartiles: above 1 is slower than enigma.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import quiet
import tables

HERE = Path(__file__).parent
CONTESTANTS = {
    "enigma_cpu": None, "c_clang": None, "numpy_blas": None, "numba_jit": "numba", "taichi_cpu": "taichi", "warp_cpu": "warp-lang",
    "pocl_cl": "pyopencl",
}  # fmt: skip
BASE = {
    "vadd": "enigma", "rmsnorm": "enigma", "softmax": "enigma.lib", "transpose": "enigma.lib", "gemm": "enigma 4x4",
    "attention": "enigma.lib", "heat": "enigma", "mandelbrot": "enigma",
}  # fmt: skip
TITLES = {
    "vadd": "c = a + b", "rmsnorm": "RMSNorm of rows", "softmax": "softmax of rows", "transpose": "transpose of a matrix",
    "gemm": "matrix product", "attention": "attention, 4 heads of 1024 queries and keys", "heat": "heat equation, one step",
    "mandelbrot": "Mandelbrot, up to 256 iterations",
}  # fmt: skip
LIMITS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "ENIGMA_NUM_THREADS", "POCL_MAX_PTHREAD_COUNT")
TRIES = 4

Results = dict[str, dict[int, list[float]]]  # ratios to the base by "problem:name" and threads


@dataclass
class Contestant:
    """A running contestant: its process and what it said of itself."""

    process: subprocess.Popen[str]
    about: str
    names: list[str]

    def ask(self, name: str, seconds: float) -> tuple[float, bool]:
        """Return the median time of a turn, and whether the machine was otherwise idle during it."""
        median = 0.0
        for _ in range(TRIES):
            self.process.stdin.write(f"{name} {seconds}\n")
            self.process.stdin.flush()
            result = _answer(self.process)
            if result is None:
                raise SystemExit(f"{name} stopped")
            median = result["median"]
            if result["load"] <= quiet.MAX_LOAD:
                return median, True
            time.sleep(0.3)
        return median, False

    def stop(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def _answer(process: subprocess.Popen[str]) -> dict | None:
    """Return the next JSON line of a contestant; what else it prints is skipped."""
    while line := process.stdout.readline():
        if line.startswith("{"):
            return json.loads(line)
    return None


def _start(module: str, venv: str | None, venvs: str, threads: int) -> Contestant | None:
    """Start a contestant, or say why it is left out."""
    python = Path(sys.executable) if venv is None else Path(venvs) / f"v_{venv}" / "bin" / "python"
    if not python.exists():
        print(f"left out: {module} (there is no {python})")
        return None
    environment = (
        os.environ | {"KMP_BLOCKTIME": "0", "OMP_WAIT_POLICY": "passive"} | dict.fromkeys(LIMITS, str(threads))
    )
    log = HERE / f".{module}.log"
    with open(log, "w") as errors:
        process = subprocess.Popen(
            [str(python), str(HERE / "worker.py"), module, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=errors, text=True, env=environment,
        )  # fmt: skip
    first = _answer(process)
    if first is None:
        print(f"left out: {module} failed: {log.read_text()[-600:]}")
        return None
    for name, facts in first["checked"].items():
        print(f"{name:32} largest error {facts['error']:.2g}")
    return Contestant(process, first["about"], list(first["checked"]))


def measure(arguments: argparse.Namespace, threads: int, results: Results, about: dict[str, str]) -> None:
    """Run every round with this many threads; ratios go to `results`."""
    started = {
        module: _start(module, venv, arguments.venvs, threads)
        for module, venv in CONTESTANTS.items()
        if not arguments.only or module in arguments.only
    }
    running = {module: contestant for module, contestant in started.items() if contestant is not None}
    about.update({module: contestant.about for module, contestant in running.items() if contestant.names})
    loud = turns = 0
    for kind in arguments.problems:
        owner = {name: c for c in running.values() for name in c.names if name.startswith(f"{kind}:")}
        base = f"{kind}:{BASE[kind]}"
        for _ in range(arguments.rounds):
            round_of = {name: contestant.ask(name, arguments.seconds) for name, contestant in owner.items()}
            turns += len(round_of)
            loud += sum(not calm for _, calm in round_of.values())
            for name, (median, _) in round_of.items():
                if base in round_of:
                    results.setdefault(name, {}).setdefault(threads, []).append(median / round_of[base][0])
    print(f"\n{loud} of {turns} turns were kept although the machine was busy, {TRIES} times in a row")
    for contestant in running.values():
        contestant.stop()


def _cell(ratios: list[float] | None) -> str:
    if not ratios:
        return "–"
    if len(ratios) < 3 or all(ratio == 1 for ratio in ratios):
        return f"{statistics.median(ratios):.2f}"
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def report(results: Results, threads: list[int]) -> dict[str, list[list[str]]]:
    """Return the rows of a table per problem, fastest first."""
    found: dict[str, list[list[str]]] = {}
    for kind in BASE:
        mine = {name.split(":")[1]: by for name, by in results.items() if name.startswith(f"{kind}:")}
        order = sorted(mine, key=lambda name: min((t, statistics.median(r)) for t, r in mine[name].items()))
        rows = [[name, *(_cell(mine[name].get(count)) for count in threads)] for name in order]
        if rows:
            found[kind] = rows
    return found


def markdown(rows: dict[str, list[list[str]]], threads: list[int], about: dict[str, str]) -> str:
    """Return the tables and the versions as Markdown."""
    columns = [f"{count} thread{'s' if count > 1 else ''}" for count in threads]
    parts = [f"Measured on {tables.machine()}, with:\n", *(f"- {text}" for text in about.values())]
    for kind, lines in rows.items():
        marked = [[f"**{line[0]}**" if line[0].startswith("enigma") else line[0], *line[1:]] for line in lines]
        parts += [f"\n**{kind}**: {TITLES[kind]}\n", tables.table(["time relative to " + BASE[kind], *columns], marked)]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--venvs", default=".", help="folder with one virtual environment per peer: v_numba, v_taichi, ..."
    )
    parser.add_argument("--only", nargs="+", help="contestants to run (default: all)")
    parser.add_argument("--problems", nargs="+", default=list(BASE))
    parser.add_argument("--seconds", type=float, default=0.2, help="length of a turn")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the tables into this file's section `compare`"
    )
    parser.add_argument("--section", default="compare", help="the section to write instead")
    arguments = parser.parse_args()
    results: Results = {}
    about: dict[str, str] = {}
    for threads in arguments.threads:
        print(f"\n{threads} thread(s)")
        measure(arguments, threads, results, about)
    rows = report(results, arguments.threads)
    for kind, lines in rows.items():
        print(f"\n{kind}: time relative to {BASE[kind]} with {', '.join(map(str, arguments.threads))} thread(s)")
        for name, *cells in lines:
            print(f"  {name:24} " + " ".join(f"{cell:22}" for cell in cells))
    if arguments.markdown:
        tables.write(arguments.markdown, arguments.section, markdown(rows, arguments.threads, about))


if __name__ == "__main__":
    main()
