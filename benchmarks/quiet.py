"""How busy the machine is: measurements wait until nothing else runs, and are thrown away when something did."""

from __future__ import annotations

import time
from pathlib import Path

MAX_LOAD = 0.12  # processors that others may keep busy


def busy() -> float:
    """Return the seconds of processor time used by the whole machine since it started; 0 where that is not known."""
    try:
        fields = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    except OSError:
        return 0.0
    return (sum(fields) - fields[3] - fields[4]) / 100


def wait(seconds: float = 20.0) -> bool:
    """Wait until the machine is idle, `seconds` at most, and return whether it is."""
    end = time.perf_counter() + seconds
    while True:
        before, start = busy(), time.perf_counter()
        time.sleep(0.1)
        if (busy() - before) / (time.perf_counter() - start) <= MAX_LOAD:
            return True
        if time.perf_counter() > end:
            return False
        time.sleep(0.2)
