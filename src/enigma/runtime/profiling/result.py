"""Events summed up by name and kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from enigma.errors import EnigmaValueError
from enigma.markup import table
from enigma.runtime.profiling.events import ProfilerEvent


@dataclass(frozen=True, slots=True)
class ProfilerRow:
    """All events of one name and kernel: how many, and how long they took together, in microseconds."""

    name: str
    kernel_name: str | None = None
    calls: int = 0
    cpu_total_us: float = 0.0
    gpu_total_us: float = 0.0
    input_bytes: int = 0
    output_bytes: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def cpu_avg_us(self) -> float:
        """How long one took."""
        return self.cpu_total_us / self.calls if self.calls else 0.0

    @property
    def gpu_avg_us(self) -> float:
        """How long the device worked on one."""
        return self.gpu_total_us / self.calls if self.calls else 0.0

    @property
    def gflops_per_s(self) -> float | None:
        """Operations in a nanosecond, of the device's time if there is one; None without the metric "flops"."""
        return self._rate("flops")

    @property
    def gbytes_per_s(self) -> float | None:
        """Bytes in a nanosecond; None without the metric "bytes"."""
        return self._rate("bytes")

    def _rate(self, metric: str) -> float | None:
        time = self.gpu_total_us or self.cpu_total_us
        return self.metrics[metric] / time / 1000 if metric in self.metrics and time else None


def row_of(name: str, kernel: str | None, events: Sequence[ProfilerEvent]) -> ProfilerRow:
    """Return the sum of events."""
    metrics: dict[str, float] = {}
    for event in events:
        for metric, value in event.metrics.items():
            metrics[metric] = metrics.get(metric, 0) + value
    return ProfilerRow(
        name, kernel, len(events), sum(event.duration_us for event in events), sum(event.gpu_time_us or 0 for event in events),
        sum(event.input_bytes for event in events), sum(event.output_bytes for event in events), metrics,
    )  # fmt: skip


class ProfilerResult:
    """Events summed up; `profiler.key_averages()` makes it."""

    def __init__(self, events: Sequence[ProfilerEvent], key: Callable[[ProfilerEvent], str]) -> None:
        self._events, self._key = list(events), key

    def rows(self, sort_by: str = "cpu_total_us") -> list[ProfilerRow]:
        """Return a row for each name and kernel, the largest first. Raises `EnigmaValueError` for what no row has."""
        groups: dict[tuple[str, str | None], list[ProfilerEvent]] = {}
        for event in self._events:
            groups.setdefault((self._key(event), event.kernel_name), []).append(event)
        found = [row_of(name, kernel, events) for (name, kernel), events in groups.items()]
        known = [
            *(one.name for one in fields(ProfilerRow)[2:-1]),
            "cpu_avg_us",
            "gpu_avg_us",
            "gflops_per_s",
            "gbytes_per_s",
        ]
        if sort_by not in known:
            raise EnigmaValueError(f"rows cannot be sorted by {sort_by!r}", help=f"sort by one of {', '.join(known)}")
        return sorted(found, key=lambda row: getattr(row, sort_by) or 0, reverse=True)

    def by_name(self, name: str) -> ProfilerRow:
        """Return the sum of all events of a name, of whatever kernel. Raises `KeyError` where there are none."""
        events = [event for event in self._events if self._key(event) == name]
        if not events:
            raise KeyError(name)
        kernels = {event.kernel_name for event in events}
        return row_of(name, kernels.pop() if len(kernels) == 1 else None, events)

    def table(self, sort_by: str = "cpu_total_us") -> str:
        """Return the rows as text, times in microseconds; rates where some row has one."""
        heads, lines = self._cells(sort_by)
        widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
        return "\n".join(_line(line, widths) for line in (heads, *lines))

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return self.html()

    def html(self) -> str:
        """Return the rows as a table for a notebook."""
        return table(*self._cells("cpu_total_us"), caption="times in microseconds")

    def _cells(self, sort_by: str) -> tuple[list[str], list[list[str]]]:
        rows = self.rows(sort_by)
        heads = ["Name", "Calls", "CPU total", "CPU avg", "GPU total", "GPU avg", "Input bytes", "Output bytes"]
        lines = [
            [
                f"{row.name}:{row.kernel_name}" if row.kernel_name and row.kernel_name not in row.name else row.name,
                str(row.calls), f"{row.cpu_total_us:.2f}", f"{row.cpu_avg_us:.2f}", f"{row.gpu_total_us:.2f}",
                f"{row.gpu_avg_us:.2f}", str(row.input_bytes), str(row.output_bytes),
            ]
            for row in rows
        ]  # fmt: skip
        for head, rate in (("GFLOP/s", "gflops_per_s"), ("GB/s", "gbytes_per_s")):
            values: list[Any] = [getattr(row, rate) for row in rows]
            if any(value is not None for value in values):
                heads.append(head)
                for line, value in zip(lines, values, strict=True):
                    line.append("" if value is None else f"{value:.2f}")
        return heads, lines


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    """Return texts in columns: the first to the left, numbers to the right."""
    name, *numbers = (
        text.ljust(width) if k == 0 else text.rjust(width)
        for k, (text, width) in enumerate(zip(texts, widths, strict=True))
    )
    return "  ".join([name, *numbers]).rstrip()
