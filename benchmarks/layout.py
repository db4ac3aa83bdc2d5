"""Speed of the layout algebra against pycute: `python benchmarks/layout.py --venvs FOLDER [--rounds 15] [--markdown FILE]`.

pycute is CUTLASS's own model of CuTe's algebra in Python, in the package `nvidia-cutlass` (here in FOLDER/v_nvidia-cutlass).
Both are pure Python and run in this one process, taking turns call by call; printed are medians over rounds. Both give
equal results here, which is checked first. Above 1 means that pycute takes longer than enigma.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tables

from enigma import layout

LIMIT = 50e-6
"""Seconds that a composition of two layouts of depth 3 may take."""

# shape and stride of each argument; a number stands for itself
FLAT = ((16, 32), (32, 1))
NESTED = (((4, 8), (2, 16)), ((1, 64), (4, 512)))
DEEP = (((2, (4, 2)), ((2, 4), 8)), ((1, (2, 8)), ((16, 32), 128)))
THREADS = (((4, (2, 2)), (2, (4, 2))), ((32, (1, 128)), (2, (4, 16))))

Call = tuple[str, str, list[Any]]
CALLS: list[Call] = [
    ("a layout of given strides", "Layout", list(NESTED)),
    ("its offset at an integer", "__call__", [NESTED, 77]),
    ("its offset at a coordinate", "__call__", [NESTED, ((3, 1), (1, 5))]),
    ("coalesce, flat", "coalesce", [FLAT]),
    ("coalesce, depth 3", "coalesce", [DEEP]),
    ("composition, flat", "composition", [FLAT, ((8, 8), (16, 1))]),
    ("composition, two of depth 3", "composition", [DEEP, THREADS]),
    ("complement", "complement", [((4, 8), (1, 32)), 1024]),
    ("right inverse", "right_inverse", [DEEP]),
    ("logical divide by a layout", "logical_divide", [DEEP, ((4, 2), (1, 16))]),
    ("zipped divide by a tile", "zipped_divide", [FLAT, (4, 8)]),
    ("logical product", "logical_product", [FLAT, ((2, 4), (4, 1))]),
]


def arguments(library: Any, given: list[Any], name: str) -> list[Any]:
    """Return the arguments with layouts of a library for pairs of shape and stride."""
    if name == "Layout":
        return given
    made = [library.Layout(*given[0])]
    for x in given[1:]:
        pair = isinstance(x, tuple) and isinstance(x[0], tuple) and name != "__call__"
        made.append(library.Layout(*x) if pair else x)
    return made


def called(library: Any, name: str, given: list[Any]) -> Callable[[], Any]:
    """Return what makes the call in a library."""
    made = arguments(library, given, name)
    if name == "__call__":
        return lambda: made[0](made[1])
    function = getattr(library, name)
    return lambda: function(*made)


def seconds(call: Callable[[], Any], count: int) -> float:
    """Return the processor time of one call, measured over `count` of them."""
    start = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - start) / count


def measure(calls: list[Callable[[], Any]], rounds: int) -> list[float]:
    """Return each call's median time; the calls take turns."""
    counts = [max(1, int(2e-3 / seconds(call, 20))) for call in calls]
    found: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for times, call, count in zip(found, calls, counts, strict=True):
            times.append(seconds(call, count))
    return [statistics.median(times) for times in found]


def main() -> None:
    """Print the table, and write it where `--markdown` says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venvs", type=Path, required=True, help="the folder with the virtual environment of pycute")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    sys.path += map(str, (given.venvs / "v_nvidia-cutlass").glob("lib/python*/site-packages"))
    try:
        pycute = import_module("pycute")
    except ImportError:
        sys.exit(f"there is no pycute: python -m venv {given.venvs}/v_nvidia-cutlass, and install nvidia-cutlass in it")
    rows: list[list[str]] = []
    slow: list[str] = []
    for title, name, parts in CALLS:
        calls = [called(library, name, parts) for library in (layout, pycute)]
        ours, theirs = (call() for call in calls)
        if str(ours).replace(" ", "") != str(theirs).replace(" ", "").replace(",)", ")"):
            sys.exit(f"{title}: enigma gives {ours}, pycute {theirs}")
        mine, other = measure(calls, given.rounds)
        print(f"{title:32} {mine * 1e6:7.2f} us  {other / mine:6.1f}")
        rows.append([title, f"{mine * 1e6:.1f}", f"{other / mine:.1f}"])
        if name == "composition" and mine > LIMIT:
            slow.append(title)
    text = tables.table(["call", "enigma, microseconds", "pycute / enigma"], rows)
    if given.markdown is not None:
        where = f"Measured on {tables.machine()}, with nvidia-cutlass {version('nvidia-cutlass')}; times are of the processor.\n\n"
        tables.write(given.markdown, "layout", where + text)
    if slow:
        sys.exit(f"over {LIMIT * 1e6:.0f} microseconds: {', '.join(slow)}")


if __name__ == "__main__":
    main()
