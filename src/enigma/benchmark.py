"""Times of a Python call, or of a prepared kernel on its device, in microseconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from enigma.errors import EnigmaTypeError
from enigma.markup import table
from enigma.runtime.profiling.measure import check_counts, check_prepared


@dataclass(frozen=True, slots=True)
class BenchResult:
    """What was measured: a sample for each run, in microseconds."""

    label: str
    samples_us: list[float]
    warmup: int = 0

    @property
    def n(self) -> int:
        """How many runs were measured."""
        return len(self.samples_us)

    @property
    def min_us(self) -> float:
        """The shortest."""
        return min(self.samples_us)

    @property
    def max_us(self) -> float:
        """The longest."""
        return max(self.samples_us)

    @property
    def median_us(self) -> float:
        """The median."""
        return statistics.median(self.samples_us)

    @property
    def mean_us(self) -> float:
        """The mean."""
        return statistics.fmean(self.samples_us)

    @property
    def stdev_us(self) -> float:
        """The standard deviation; 0 of a single run."""
        return statistics.stdev(self.samples_us) if len(self.samples_us) > 1 else 0.0

    def _repr_html_(self) -> str:
        times = (self.median_us, self.min_us, self.max_us, self.mean_us, self.stdev_us)
        heads = ("runs", "median us", "min us", "max us", "mean us", "stdev us")
        return table(heads, [[str(self.n), *(f"{time:.2f}" for time in times)]], caption=self.label)


def bench(
    fn: Callable[..., Any], *args: Any, repeat: int = 50, warmup: int = 5, label: str | None = None, **kw: Any
) -> BenchResult:
    """Return how long calls of `fn(*args, **kw)` take by the clock, after `warmup` others.

    Raises `ValueError` for a `repeat` below 1 and a `warmup` below 0, `TypeError` for what cannot be measured.

    >>> bench(sum, [1, 2, 3], repeat=4).n
    4
    """
    if not callable(cast("Any", fn)):
        raise EnigmaTypeError(
            f"bench takes a function and its arguments, but it got {fn!r}", help="write bench(f, x, repeat=50)"
        )
    check_counts(repeat, warmup)
    for _ in range(warmup):
        fn(*args, **kw)
    samples: list[float] = []
    for _ in range(repeat):
        start = time.perf_counter_ns()
        fn(*args, **kw)
        samples.append((time.perf_counter_ns() - start) / 1000)
    return BenchResult(label or getattr(fn, "__name__", repr(fn)), samples, warmup)


def bench_gpu(
    prepared: Any, grid: Any, threads: Any, *, repeat: int = 50, warmup: int = 5, label: str | None = None
) -> BenchResult:
    """Return how long the device works on dispatches of a prepared kernel, after `warmup` others.

    Raises `ValueError` for a `repeat` below 1 and a `warmup` below 0, `TypeError` for what cannot be measured.
    """
    check_prepared(prepared, "bench_gpu")
    check_counts(repeat, warmup)
    for _ in range(warmup):
        prepared.dispatch_timed(grid, threads)
    samples = [prepared.dispatch_timed(grid, threads) for _ in range(repeat)]
    return BenchResult(label or prepared.program.name, samples, warmup)


def format_bench_result(r: BenchResult, *, throughput_gbps: float | None = None) -> str:
    """Return a result in a line.

    >>> format_bench_result(BenchResult("add", [1.0, 2.0, 3.0]), throughput_gbps=5)
    'add  n=3  median=2.00us  min=1.00us  max=3.00us  BW=5.00GB/s'
    """
    text = f"{r.label}  n={r.n}  median={r.median_us:.2f}us  min={r.min_us:.2f}us  max={r.max_us:.2f}us"
    return text if throughput_gbps is None else f"{text}  BW={throughput_gbps:.2f}GB/s"
