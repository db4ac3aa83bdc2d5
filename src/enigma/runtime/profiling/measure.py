"""A prepared kernel measured: many dispatches, the device's own time of each."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, cast

from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.markup import table
from enigma.runtime.profiling.profiler import Profiler
from enigma.runtime.profiling.result import ProfilerResult


def check_counts(repeat: int, warmup: int) -> None:
    """Raise `ValueError` for fewer than one measured run, or less than no run before, `TypeError` for what is no whole number."""
    for name, value in (("repeat", repeat), ("warmup", warmup)):
        if not isinstance(cast("Any", value), Integral) or isinstance(value, bool):
            raise EnigmaTypeError(f"{name} is {value!r}", help="it counts runs: write a whole number")
    if repeat < 1 or warmup < 0:
        raise EnigmaValueError(
            f"repeat is {repeat} and warmup {warmup}", help="repeat is at least 1, and warmup at least 0"
        )


@dataclass(frozen=True, slots=True)
class KernelBenchmark:
    """Times of a kernel's dispatches on the device, in microseconds; rates are those of the median.

    `enigma.benchmark_kernel` makes it: `enigma.KernelBenchmark("add", [3.1, 2.9]).median_us`.
    """

    kernel_name: str
    gpu_times_us: Sequence[float]
    flops: float | None = None
    bytes_moved: float | None = None

    @property
    def calls(self) -> int:
        """How many dispatches were measured."""
        return len(self.gpu_times_us)

    @property
    def min_us(self) -> float:
        """The shortest time."""
        return min(self.gpu_times_us)

    @property
    def max_us(self) -> float:
        """The longest time."""
        return max(self.gpu_times_us)

    @property
    def mean_us(self) -> float:
        """The mean."""
        return statistics.fmean(self.gpu_times_us)

    @property
    def median_us(self) -> float:
        """The median."""
        return statistics.median(self.gpu_times_us)

    @property
    def p90_us(self) -> float:
        """The time that nine of ten dispatches do not exceed."""
        times = sorted(self.gpu_times_us)
        return times[max(0, -(-len(times) * 9 // 10) - 1)]

    @property
    def gflops_per_s(self) -> float | None:
        """Operations in a nanosecond; None where `flops` was not given."""
        return None if self.flops is None else self.flops / self.median_us / 1000

    @property
    def gbytes_per_s(self) -> float | None:
        """Bytes in a nanosecond; None where `bytes_moved` was not given."""
        return None if self.bytes_moved is None else self.bytes_moved / self.median_us / 1000

    def _repr_html_(self) -> str:
        times = (self.median_us, self.min_us, self.max_us, self.mean_us, self.p90_us)
        rates = (self.gflops_per_s, self.gbytes_per_s)
        cells = [*(f"{time:.2f}" for time in times), *("" if rate is None else f"{rate:.2f}" for rate in rates)]
        heads = ("calls", "median us", "min us", "max us", "mean us", "p90 us", "GFLOP/s", "GB/s")
        return table(heads, [[str(self.calls), *cells]], caption=self.kernel_name)

    def summary(self) -> str:
        """Return it in a line."""
        times = (
            f"median={self.median_us:.2f}us  min={self.min_us:.2f}us  max={self.max_us:.2f}us  p90={self.p90_us:.2f}us"
        )
        rates = [(self.gflops_per_s, "GFLOP/s"), (self.gbytes_per_s, "GB/s")]
        shown = "".join(f"  {rate:.2f} {unit}" for rate, unit in rates if rate is not None)
        return f"{self.kernel_name}  n={self.calls}  {times}{shown}"


def check_prepared(prepared: Any, caller: str) -> None:
    """Raise `EnigmaTypeError` for what is no prepared kernel."""
    if not hasattr(prepared, "dispatch_timed"):
        raise EnigmaTypeError(
            f"{caller} takes a prepared kernel, but it got {prepared!r}",
            help="write prepared = enigma.runtime().prepare(enigma.compile(kernel), [a, b], output_size)",
        )


def benchmark_kernel(
    prepared: Any, *, grid: Any, threads: Any, repeat: int = 100, warmup: int = 10, flops: float | None = None,
    bytes_moved: float | None = None,
) -> KernelBenchmark:  # fmt: skip
    """Return the device's times of `repeat` dispatches of a prepared kernel, after `warmup` others.

    `flops` and `bytes_moved` of one dispatch give rates. Raises `ValueError` for a `repeat` below 1, `TypeError` for what is no
    prepared kernel.

        with rt.prepare(compiled, [a, b], n * 4) as prepared:
            print(enigma.benchmark_kernel(prepared, grid=(n, 1, 1), threads=(256, 1, 1), bytes_moved=12 * n).summary())
    """
    check_prepared(prepared, "benchmark_kernel")
    check_counts(repeat, warmup)
    for _ in range(warmup):
        prepared.dispatch_timed(grid, threads)
    times = [prepared.dispatch_timed(grid, threads) for _ in range(repeat)]
    return KernelBenchmark(prepared.program.name, times, flops, bytes_moved)


def profile_kernel(
    prepared: Any, *, grid: Any, threads: Any, repeat: int = 50, warmup: int = 5, profile_memory: bool = True
) -> ProfilerResult:
    """Return the events of `repeat` dispatches of a prepared kernel, summed up, after `warmup` others.

    Raises `ValueError` for a `repeat` below 1, `TypeError` for what is no
    prepared kernel.

        print(enigma.profile_kernel(prepared, grid=(n, 1, 1), threads=(256, 1, 1)).table())
    """
    check_prepared(prepared, "profile_kernel")
    check_counts(repeat, warmup)
    for _ in range(warmup):
        prepared.dispatch(grid, threads)
    with Profiler(profile_memory=profile_memory) as profiler:
        for _ in range(repeat):
            prepared.dispatch_timed(grid, threads)
    return profiler.key_averages()
