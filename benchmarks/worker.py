"""One contestant in a process of its own: `worker.py MODULE THREADS`, then one `NAME SECONDS` a line; answers are JSON lines."""

from __future__ import annotations

import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "src")]

import problem  # noqa: E402 - the path comes first
import quiet  # noqa: E402

WANTED = 3  # runs of a turn, unless they would take four times the length of a turn


def checked(runs: dict[str, Callable[[], None]]) -> dict[str, dict[str, float]]:
    """Run everything once and return the errors and the times. Stops the process when something is wrong."""
    found: dict[str, dict[str, float]] = {}
    for name, run in runs.items():
        kind = name.split(":")[0]
        problem.data(kind)[-1][...] = 0
        run()
        error = problem.error(kind)
        if error > problem.PROBLEMS[kind].tolerance:
            raise SystemExit(f"{name} is wrong by {error}")
        start = time.perf_counter()
        run()
        found[name] = {"seconds": time.perf_counter() - start, "error": error}
    return found


def turn(run: Callable[[], None], budget: float, expected: float) -> dict[str, float]:
    """Return the median time of the runs that fit into `budget` seconds, and the processors that others used meanwhile."""
    if expected < budget:
        run()
    times: list[float] = []
    others, own, start = quiet.busy(), time.process_time(), time.perf_counter()
    while (elapsed := time.perf_counter() - start) < budget or (len(times) < WANTED and elapsed < 4 * budget):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    used = quiet.busy() - others - (time.process_time() - own)
    return {"median": statistics.median(times), "load": used / (time.perf_counter() - start)}


def main() -> None:
    module, threads = importlib.import_module(f"contestants.{sys.argv[1]}"), int(sys.argv[2])
    runs = module.make(threads)
    facts = checked(runs)
    print(json.dumps({"about": module.about(), "checked": facts}), flush=True)
    for line in sys.stdin:
        name, budget = line.rsplit(" ", 1)
        print(json.dumps(turn(runs[name], float(budget), facts[name]["seconds"])), flush=True)


main()
