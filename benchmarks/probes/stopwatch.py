"""What every probe does: time its steps in a fresh process, and print them as one JSON line."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class Stopwatch:
    """Times the steps of a process; made before anything heavy is imported. `again` is true in a second process.

    The folder that the first argument names holds the process's caches: empty at first, filled in the second process.
    """

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.seconds: dict[str, float] = {}
        self.folder = Path(sys.argv[1])
        self.again = sys.argv[2:] == ["again"]

    def cache_in(self, *variables: str) -> None:
        """Point environment variables to the folder of caches."""
        os.environ.update(dict.fromkeys(variables, str(self.folder)))

    def imported(self) -> None:
        """Note that everything is imported and set up."""
        self.seconds["import"] = time.perf_counter() - self.start

    def time(self, name: str, step: Callable[[], T]) -> T:
        """Run a step once and note its time."""
        begin = time.perf_counter()
        result = step()
        self.seconds[name] = time.perf_counter() - begin
        self.seconds.setdefault("result", time.perf_counter() - self.start)  # the first step gives the first result
        return result

    def launches(self, name: str, launch: Callable[[], Any], count: int = 2000) -> None:
        """Note the time of one launch: the median of nine series."""
        series: list[float] = []
        for _ in range(9):
            begin = time.perf_counter()
            for _ in range(count):
                launch()
            series.append((time.perf_counter() - begin) / count)
        self.seconds[name] = statistics.median(series)

    def done(self, about: str) -> None:
        """Print everything; `about` is what ran, with versions."""
        print(json.dumps({"about": about, "seconds": self.seconds}))
