"""What every example prints: the kernel's Metal source, a small table, and whether the result is right."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import enigma as en


def parse(about: str, *, size: int) -> argparse.Namespace:
    """Return the command line's options: `--size N`, and `--out FOLDER` for what an example writes."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--size", type=int, default=size, help="size of the problem")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for pictures")
    options = parser.parse_args()
    if options.size < 1:
        parser.error("--size must be at least 1")
    return options


def show(kernel: en.KernelDef) -> None:
    """Print the Metal source of a kernel."""
    print(en.compile(kernel, emit_only=True).metal_source)


def milliseconds(run: Callable[..., object], *arguments: object) -> float:
    """Return the median time of five calls, after one that compiles."""
    run(*arguments)
    times: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        run(*arguments)
        times.append((time.perf_counter() - start) * 1000)
    return sorted(times)[2]


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a header, columns aligned to the right; floats get four digits."""
    cells = [list(header), *([f"{x:.4g}" if isinstance(x, float) else str(x) for x in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def check(name: str, got: np.ndarray, want: np.ndarray, *, allowed: np.ndarray | float = 0.0) -> float:
    """Return the largest error, or end the program with status 1 where one is above the `allowed` absolute error."""
    error = np.abs(got.astype(np.float64) - want.astype(np.float64))
    right = error <= allowed  # false for NaN, too
    if got.shape != want.shape or not right.all():
        at = tuple(int(i) for i in np.argwhere(~right)[0])
        wrong = int(right.size - right.sum())
        print(f"{name}: {wrong} of {right.size} are wrong; at {at} {got[at]} instead of {want[at]}", file=sys.stderr)
        sys.exit(1)
    return float(error.max())
