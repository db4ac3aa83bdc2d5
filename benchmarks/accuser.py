"""What the checking simulator finds: the corpus of wrong kernels by kind, the right ones, and how long a tiled GEMM takes.

python benchmarks/accuser.py
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

import enigma
from tests.accused.corpus import Case, load


def outcome(cases: list[Case]) -> tuple[list[str], list[str]]:
    """Return the names of the cases without the finding that they must give, and of those with others."""
    missed: list[str] = []
    false: list[str] = []
    for case in cases:
        report = case.run()
        allowed = {case.kind, *case.also}
        if case.kind and not any(case.met_by(finding) for finding in report.findings):
            missed.append(case.name)
        if any(finding.kind not in allowed for finding in report.findings):
            false.append(case.name)
    return missed, false


def accused(cases: list[Case]) -> tuple[Table, int]:
    """Return the table of all kinds, and how many kernels were judged wrongly."""
    table = Table("kind", "kernels", "missed", "other findings", title="wrong kernels, and right ones")
    wrong = 0
    for kind in sorted({case.kind for case in cases}, key=lambda kind: (not kind, kind)):
        chosen = [case for case in cases if case.kind == kind]
        missed, false = outcome(chosen)
        wrong += len(missed) + len(false)
        table.add_row(
            kind or "none: right kernels", str(len(chosen)), ", ".join(missed) or "0", ", ".join(false) or "0"
        )
    table.add_row("all", str(len(cases)), "", str(wrong) if wrong else "0")
    return table, wrong


def gemm_seconds(case: Case, n: int = 256) -> float:
    """Return how long the check of a tiled GEMM of n x n in threadgroups of 16 x 16 takes."""
    a = np.ones((n, n), np.float32)
    start = time.perf_counter()
    report = enigma.check(case.kernel, a, a.copy(), np.zeros((n, n), np.float32), n, grid=(n, n), threads=(16, 16))
    report.raise_if_any()
    return time.perf_counter() - start


def main() -> int:
    """Print both, and return 1 if a kernel was judged wrongly."""
    warnings.simplefilter("ignore")
    cases, console = load(), Console()
    table, wrong = accused(cases)
    console.print(table)
    (gemm,) = (case for case in cases if case.name == "tiled_gemm")
    console.print(f"a tiled GEMM of 256 x 256 in threadgroups of 16 x 16 is checked in {gemm_seconds(gemm):.1f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
