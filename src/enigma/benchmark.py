"""`enigma.benchmark`: how long a function or a launch takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from enigma.errors import EnigmaValueError
from enigma.runtime.base import PreparedKernel


@dataclass(frozen=True)
class BenchResult:
    """The times of many runs, in microseconds, without those that warmed up.

    >>> result = BenchResult("add", (2.0, 1.0, 3.0), 5)
    >>> result.n, result.min_us, result.max_us, result.median_us, result.mean_us, result.stdev_us
    (3, 1.0, 3.0, 2.0, 2.0, 1.0)
    """

    label: str
    samples_us: tuple[float, ...]
    warmup: int

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
        """The one in the middle: what to compare."""
        return statistics.median(self.samples_us)

    @property
    def mean_us(self) -> float:
        """Their mean."""
        return statistics.fmean(self.samples_us)

    @property
    def stdev_us(self) -> float:
        """Their standard deviation; 0 of a single run."""
        return statistics.stdev(self.samples_us) if self.n > 1 else 0.0


def bench(
    fn: Callable[..., Any], *args: Any, repeat: int = 50, warmup: int = 5, label: str | None = None, **kwargs: Any
) -> BenchResult:
    """Measure calls of a function by the clock on the wall. Raises `EnigmaValueError` for a repeat below 1 or a warmup below 0.

    >>> bench(sorted, [3, 1, 2], repeat=10).n
    10
    """
    check_counts(repeat, warmup)
    for _ in range(warmup):
        fn(*args, **kwargs)
    samples: list[float] = []
    for _ in range(repeat):
        start = time.perf_counter_ns()
        fn(*args, **kwargs)
        samples.append((time.perf_counter_ns() - start) / 1000)
    name = label if label is not None else getattr(fn, "__name__", type(fn).__name__)
    return BenchResult(name, tuple(samples), warmup)


def bench_gpu(
    prepared: PreparedKernel, grid: Any, threads: Any, *, repeat: int = 50, warmup: int = 5, label: str | None = None
) -> BenchResult:
    """Measure launches of a prepared kernel by the device's clock, where it has one.

        result = bench_gpu(prepared, (n, 1, 1), (256, 1, 1))
        print(format_bench_result(result))

    Raises `EnigmaValueError` for a repeat below 1 or a warmup below 0.
    """
    check_counts(repeat, warmup)
    for _ in range(warmup):
        prepared.dispatch(grid, threads)
    samples = tuple(prepared.dispatch_timed(grid, threads) for _ in range(repeat))
    return BenchResult(label if label is not None else prepared.program.name, samples, warmup)


def check_counts(repeat: int, warmup: int) -> None:
    """Raise `EnigmaValueError` for counts that measure nothing."""
    if repeat < 1:
        raise EnigmaValueError(f"repeat is {repeat}, but it must be at least 1", help="leave it out for 50")
    if warmup < 0:
        raise EnigmaValueError(f"warmup is {warmup}, but it cannot be negative", help="0 means none")


def format_bench_result(result: BenchResult, *, throughput_gbps: float | None = None) -> str:
    """Return a result as a line.

    >>> format_bench_result(BenchResult("add", (1.0, 2.0, 4.0), 5), throughput_gbps=12.5)
    'add  n=3  median=2.00us  min=1.00us  max=4.00us  BW=12.50GB/s'
    """
    line = f"{result.label}  n={result.n}  median={result.median_us:.2f}us  min={result.min_us:.2f}us  max={result.max_us:.2f}us"
    return line if throughput_gbps is None else f"{line}  BW={throughput_gbps:.2f}GB/s"
