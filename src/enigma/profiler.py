"""`enigma.profiler`: where the time of a program goes, launch by launch.

with enigma.profile() as p:
    with enigma.scope("layer", metrics={"flops": 2e9}):
        kernel[n, 256](a, b, out)
print(p.key_averages().table())
p.export_chrome_trace("trace.json")  # opens in Perfetto
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enigma.benchmark import check_counts
from enigma.errors import DeviceError, EnigmaValueError
from enigma.runtime import events
from enigma.runtime.base import PreparedKernel

Hook = Callable[..., Mapping[str, float]]

_path: ContextVar[tuple[str, ...]] = ContextVar("enigma_scopes", default=())
_hooks: dict[str, list[Hook]] = {}
_ROWS = ("python", "scope", "compile", "runtime", "metal", "memory")
"""Categories of events, each a row of a Chrome trace."""


@dataclass(frozen=True)
class ProfilerEvent:
    """Something that took time: `ProfilerEvent("gpu_dispatch", "metal", start_ns, end_ns, kernel_name="add")`.

    Times are those of `time.perf_counter_ns`; `gpu_time_us` is in microseconds by the device's clock, None where there is none.
    `metrics` may have `flops` and `bytes`.
    """

    name: str
    category: str
    start_ns: int
    end_ns: int
    kernel_name: str | None = None
    grid: Any = None
    threads: Any = None
    input_bytes: int = 0
    output_bytes: int = 0
    buffer_count: int = 0
    gpu_time_us: float | None = None
    call_path: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def duration_us(self) -> float:
        """Microseconds from start to end."""
        return (self.end_ns - self.start_ns) / 1000

    @property
    def label(self) -> str:
        """Its name, with the kernel's: `gpu_dispatch:add`."""
        return f"{self.name}:{self.kernel_name}" if self.kernel_name else self.name

    @property
    def node_path(self) -> tuple[str, ...]:
        """The scopes around it, and its label."""
        return (*self.call_path, self.label)


@dataclass(frozen=True)
class ProfilerRow:
    """What events of one name and kernel took together."""

    name: str
    kernel_name: str | None
    calls: int
    cpu_total_us: float
    gpu_total_us: float
    input_bytes: int
    output_bytes: int
    metrics: Mapping[str, float]

    @property
    def cpu_avg_us(self) -> float:
        """Microseconds a call."""
        return self.cpu_total_us / self.calls

    @property
    def gpu_avg_us(self) -> float:
        """Microseconds a call on the device."""
        return self.gpu_total_us / self.calls

    @property
    def _seconds(self) -> float:
        return (self.gpu_total_us or self.cpu_total_us) / 1e6

    @property
    def gflops_per_s(self) -> float | None:
        """Billions of operations a second, where events say how many there were."""
        return self.metrics["flops"] / self._seconds / 1e9 if "flops" in self.metrics and self._seconds else None

    @property
    def gbytes_per_s(self) -> float | None:
        """Billions of bytes a second, where events say how many there were."""
        return self.metrics["bytes"] / self._seconds / 1e9 if "bytes" in self.metrics and self._seconds else None


_SORTS = ("cpu_total_us", "cpu_avg_us", "gpu_total_us", "gpu_avg_us", "calls", "input_bytes", "output_bytes")


class ProfilerResult:
    """Events put together by name or by where they were: `print(p.key_averages().table())` shows a `ProfilerResult`."""

    def __init__(self, groups: Mapping[Any, Sequence[ProfilerEvent]], named: Mapping[Any, str] | None = None) -> None:
        self._rows = [_row((named or {}).get(key) or found[0].name, found) for key, found in groups.items()]

    def rows(self, sort_by: str = "cpu_total_us") -> list[ProfilerRow]:
        """Return the rows, the largest first. Raises `EnigmaValueError` for a column that there is not."""
        if sort_by not in _SORTS:
            raise EnigmaValueError(f"rows cannot be sorted by {sort_by!r}", help=f"columns are {', '.join(_SORTS)}")
        return sorted(self._rows, key=lambda row: getattr(row, sort_by), reverse=True)

    def by_name(self, name: str) -> ProfilerRow:
        """Return the row of a name, those of all kernels together. Raises `KeyError` when there is none."""
        found = [row for row in self._rows if row.name == name]
        if not found:
            raise KeyError(name)
        kernels = {row.kernel_name for row in found}
        return ProfilerRow(
            name, kernels.pop() if len(kernels) == 1 else None, sum(row.calls for row in found),
            sum(row.cpu_total_us for row in found), sum(row.gpu_total_us for row in found),
            sum(row.input_bytes for row in found), sum(row.output_bytes for row in found),
            _summed(row.metrics for row in found),
        )  # fmt: skip

    def table(self, sort_by: str = "cpu_total_us") -> str:
        """Return the rows as text, in columns."""
        rows = self.rows(sort_by)
        heads = ["Name", "Calls", "CPU total", "CPU avg", "GPU total", "GPU avg", "Input bytes", "Output bytes"]
        rated = any(row.gflops_per_s is not None or row.gbytes_per_s is not None for row in rows)
        heads += ["GFLOP/s", "GB/s"] if rated else []
        lines = [heads]
        for row in rows:
            name = f"{row.name}:{row.kernel_name}" if row.kernel_name else row.name
            times = [f"{t:.2f}us" for t in (row.cpu_total_us, row.cpu_avg_us, row.gpu_total_us, row.gpu_avg_us)]
            line = [name, str(row.calls), *times, str(row.input_bytes), str(row.output_bytes)]
            rates = (row.gflops_per_s, row.gbytes_per_s)
            line += ["" if rate is None else f"{rate:.2f}" for rate in rates] if rated else []
            lines.append(line)
        widths = [max(len(line[k]) for line in lines) for k in range(len(heads))]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if k else cell.ljust(width)
                for k, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        )


def _row(name: str, found: Sequence[ProfilerEvent]) -> ProfilerRow:
    return ProfilerRow(
        name, found[0].kernel_name, len(found), sum(one.duration_us for one in found),
        sum(one.gpu_time_us or 0.0 for one in found), sum(one.input_bytes for one in found),
        sum(one.output_bytes for one in found), _summed(one.metrics for one in found),
    )  # fmt: skip


def _summed(parts: Any) -> dict[str, float]:
    total: dict[str, float] = {}
    for metrics in parts:
        for key, value in metrics.items():
            total[key] = total.get(key, 0.0) + value
    return total


class Profiler:
    """What `enigma.profile()` gives: the events so far, and what can be made of them, such as `Profiler.key_averages()`."""

    def __init__(self, *, record_shapes: bool = False, profile_memory: bool = False) -> None:
        self._record_shapes, self._profile_memory = record_shapes, profile_memory
        self._events: list[ProfilerEvent] = []
        self._lock = threading.Lock()

    def record(self, name: str, category: str, start_ns: int, end_ns: int, facts: dict[str, Any]) -> None:
        """Add what a runtime tells."""
        known = {key: facts.pop(key) for key in _FACTS if key in facts}
        shapes = facts.pop("shapes", None)
        if self._record_shapes and shapes is not None:
            facts["shapes"] = shapes
        if self._profile_memory and name == "gpu_dispatch":
            facts["memory_bytes"] = known.get("input_bytes", 0) + known.get("output_bytes", 0)
        metrics: dict[str, float] = {}
        if name == "gpu_dispatch":
            for hook in _hooks.get(known.get("kernel_name", ""), ()):
                metrics |= hook(kernel_name=known["kernel_name"], grid=known["grid"], threads=known["threads"])
        self.add_event(
            ProfilerEvent(
                name, category, start_ns, end_ns, **known, call_path=_path.get(), metrics=metrics, metadata=facts
            )
        )

    def add_event(self, event: ProfilerEvent) -> None:
        """Add an event."""
        with self._lock:
            self._events.append(event)

    def events(self) -> list[ProfilerEvent]:
        """Return the events, in the order in which they ended; those of an `execute` in the order of its steps."""
        with self._lock:
            return list(self._events)

    def key_averages(self, group_by: str = "name") -> ProfilerResult:
        """Return events put together by "name" and kernel, or by "call_path", the scopes around them."""
        if group_by not in ("name", "call_path"):
            raise EnigmaValueError(f"group_by is {group_by!r}", help='it is either "name" or "call_path"')
        groups: dict[Any, list[ProfilerEvent]] = {}
        for event in self.events():
            key = (event.name, event.kernel_name) if group_by == "name" else event.node_path
            groups.setdefault(key, []).append(event)
        if group_by == "name":
            return ProfilerResult(groups)
        return ProfilerResult(groups, {key: "/".join((*key[:-1], found[0].name)) for key, found in groups.items()})

    def _nodes(self) -> list[dict[str, Any]]:
        """Return the events as a forest of scopes, in hatchet's form."""
        roots: list[dict[str, Any]] = []
        for event in self.events():
            children = roots
            node: dict[str, Any] = {}
            for name in event.node_path:
                nothing: dict[str, Any] = {}
                node = next((one for one in children if one["frame"]["name"] == name), nothing)
                if not node:
                    node = {
                        "frame": {"name": name, "type": "function"},
                        "metrics": {"time (inc)": 0.0, "calls": 0},
                        "children": [],
                    }
                    children.append(node)
                children = node["children"]
            node["metrics"]["time (inc)"] += event.duration_us
            node["metrics"]["calls"] += 1
        return roots

    def tree(self) -> str:
        """Return the events as a tree of scopes, with calls and microseconds."""
        lines: list[str] = []

        def add(nodes: list[dict[str, Any]], depth: int) -> None:
            for node in nodes:
                metrics = node["metrics"]
                lines.append(
                    f"{'  ' * depth}{node['frame']['name']}  calls={metrics['calls']}  {metrics['time (inc)']:.2f}us"
                )
                add(node["children"], depth + 1)

        add(self._nodes(), 0)
        return "\n".join(lines)

    def export_hatchet(self, path: str | os.PathLike[str]) -> None:
        """Write the tree as hatchet's literal graph, in JSON; `time` is without what is inside, both in microseconds."""
        roots = self._nodes()

        def own(node: dict[str, Any]) -> None:
            for child in node["children"]:
                own(child)
            inner = sum(child["metrics"]["time (inc)"] for child in node["children"])
            node["metrics"]["time (inc)"] = max(node["metrics"]["time (inc)"], inner)
            node["metrics"]["time"] = node["metrics"]["time (inc)"] - inner

        for root in roots:
            own(root)
        Path(path).write_text(json.dumps(roots, indent=1), encoding="utf-8")

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events for chrome://tracing and Perfetto, a row for each category; times are in microseconds."""
        found: list[dict[str, Any]] = [
            {"ph": "M", "name": "thread_name", "pid": 0, "tid": row, "args": {"name": name}}
            for row, name in enumerate(_ROWS)
        ]
        for event in self.events():
            row = _ROWS.index(event.category) if event.category in _ROWS else 0
            args: dict[str, Any] = {
                "kernel_name": event.kernel_name, "grid": event.grid, "threads": event.threads, "gpu_time_us": event.gpu_time_us,
                "call_path": "/".join(event.call_path), **event.metrics, **event.metadata,
            }  # fmt: skip
            found.append({
                "ph": "X", "name": event.label, "cat": event.category, "pid": 0, "tid": row, "ts": event.start_ns / 1000,
                "dur": event.duration_us, "args": {key: value for key, value in args.items() if value not in (None, "")},
            })  # fmt: skip
        text = json.dumps({"traceEvents": found, "displayTimeUnit": "ms"}, default=str)
        Path(path).write_text(text, encoding="utf-8")


_FACTS = ("kernel_name", "grid", "threads", "input_bytes", "output_bytes", "buffer_count", "gpu_time_us")


@contextlib.contextmanager
def profile(
    *, record_shapes: bool = False, profile_memory: bool = False, capture: str | os.PathLike[str] | None = None
) -> Generator[Profiler]:
    """Gather what runtimes do in the `with`: `with enigma.profile() as p:`, then `p.key_averages()`.

    `record_shapes` keeps the arrays' shapes with each launch, `profile_memory` the bytes that it touched. `capture` also records a
    `.gputrace` there, for which Metal must be in use and MTL_CAPTURE_ENABLED=1 have been set when Python started. Raises
    `EnigmaValueError` for a path that ends otherwise, `DeviceError` without Metal.
    """
    if capture is not None and not os.fspath(capture).endswith(".gputrace"):
        raise EnigmaValueError(f"capture is {os.fspath(capture)!r}", help="a capture ends in .gputrace")
    with contextlib.ExitStack() as stack:
        if capture is not None:
            stack.enter_context(_metal().capture(capture))
        profiler = Profiler(record_shapes=record_shapes, profile_memory=profile_memory)
        events.recorders.append(profiler)
        stack.callback(events.recorders.remove, profiler)
        yield profiler


def _metal() -> Any:
    from enigma.runtime.metal.runtime import MetalRuntime  # the profiler works without it

    found = MetalRuntime.latest()
    if found is None:
        raise DeviceError(
            "there is nothing to capture: no Metal runtime was made yet", help="call enigma.runtime('metal') first"
        )
    return found


def get_active_profiler() -> Profiler | None:
    """Return the innermost profiler of a `with enigma.profile()`, or None."""
    return next((one for one in reversed(events.recorders) if isinstance(one, Profiler)), None)


@contextlib.contextmanager
def scope(
    name: str, *, metrics: Mapping[str, float] | None = None, category: str = "scope", **meta: Any
) -> Generator[None]:
    """Give what happens in the `with` a name: `with enigma.scope("layer", metrics={"flops": 2e9}):`. Scopes nest.

    `metrics` of `flops` and `bytes` make rates. Without a profiler it does nothing.
    """
    profiler = get_active_profiler()
    if profiler is None:
        yield
        return
    outer = _path.get()
    token = _path.set((*outer, name))
    start = time.perf_counter_ns()
    try:
        yield
    finally:
        _path.reset(token)
        profiler.add_event(
            ProfilerEvent(
                name,
                category,
                start,
                time.perf_counter_ns(),
                call_path=outer,
                metrics=dict(metrics or {}),
                metadata=meta,
            )
        )


def record_function(name: str, *, category: str = "python", **meta: Any) -> contextlib.AbstractContextManager[None]:
    """Return a `scope` of the category "python": `with enigma.record_function("load"):`."""
    return scope(name, category=category, **meta)


def record_event(event: ProfilerEvent) -> None:
    """Add an event to the active profiler, if there is one: `record_event(ProfilerEvent(...))`."""
    profiler = get_active_profiler()
    if profiler is not None:
        profiler.add_event(event)


def register_kernel_hook(kernel_name: str, hook: Hook) -> None:
    """Let `hook(kernel_name=, grid=, threads=)` give the metrics of each profiled launch of a kernel.

    register_kernel_hook("saxpy", lambda kernel_name, grid, threads: {"flops": 2 * grid[0]})
    """
    _hooks.setdefault(kernel_name, []).append(hook)


def unregister_kernel_hook(kernel_name: str, hook: Hook | None = None) -> None:
    """Forget a hook of a kernel, or all: `unregister_kernel_hook("saxpy")`. What is not there is no error."""
    left = [] if hook is None else [one for one in _hooks.get(kernel_name, []) if one is not hook]
    if left:
        _hooks[kernel_name] = left
    else:
        _hooks.pop(kernel_name, None)


def profile_kernel(
    prepared: PreparedKernel, *, grid: Any, threads: Any, repeat: int = 50, warmup: int = 5, profile_memory: bool = True
) -> ProfilerResult:
    """Profile launches of a prepared kernel: `profile_kernel(prepared, grid=(n, 1, 1), threads=(256, 1, 1)).table()`."""
    check_counts(repeat, warmup)
    for _ in range(warmup):
        prepared.dispatch(grid, threads)
    with profile(profile_memory=profile_memory) as profiler:
        for _ in range(repeat):
            prepared.dispatch(grid, threads)
    return profiler.key_averages()


@dataclass(frozen=True)
class KernelBenchmark:
    """The times of a kernel on its device, as `enigma.benchmark_kernel` measures them: `KernelBenchmark.summary()` is a line.

    >>> KernelBenchmark("add", (1.0, 2.0, 4.0), flops=2000.0).gflops_per_s
    1.0
    """

    kernel_name: str
    gpu_times_us: tuple[float, ...]
    flops: float | None = None
    bytes_moved: float | None = None

    @property
    def calls(self) -> int:
        """How many launches were measured."""
        return len(self.gpu_times_us)

    @property
    def min_us(self) -> float:
        """The shortest."""
        return min(self.gpu_times_us)

    @property
    def max_us(self) -> float:
        """The longest."""
        return max(self.gpu_times_us)

    @property
    def mean_us(self) -> float:
        """Their mean."""
        return statistics.fmean(self.gpu_times_us)

    @property
    def median_us(self) -> float:
        """The one in the middle."""
        return statistics.median(self.gpu_times_us)

    @property
    def p90_us(self) -> float:
        """What nine of ten were no longer than."""
        ordered = sorted(self.gpu_times_us)
        return ordered[min(len(ordered) - 1, -(-9 * len(ordered) // 10) - 1)]

    @property
    def gflops_per_s(self) -> float | None:
        """Billions of operations a second of the median, where their number was given."""
        return None if self.flops is None else self.flops / self.median_us / 1e3

    @property
    def gbytes_per_s(self) -> float | None:
        """Billions of bytes a second of the median, where their number was given."""
        return None if self.bytes_moved is None else self.bytes_moved / self.median_us / 1e3

    def summary(self) -> str:
        """Return it as a line."""
        times = f"median {self.median_us:.2f}us, min {self.min_us:.2f}us, p90 {self.p90_us:.2f}us"
        line = f"{self.kernel_name}: {self.calls} calls, {times}"
        rates = ((self.gflops_per_s, "GFLOP/s"), (self.gbytes_per_s, "GB/s"))
        return line + "".join(f", {rate:.2f} {unit}" for rate, unit in rates if rate is not None)


def benchmark_kernel(
    prepared: PreparedKernel, *, grid: Any, threads: Any, repeat: int = 100, warmup: int = 10, flops: float | None = None,
    bytes_moved: float | None = None,
) -> KernelBenchmark:  # fmt: skip
    """Measure launches of a prepared kernel by the device's clock, where it has one.

    result = enigma.benchmark_kernel(prepared, grid=(n, 1, 1), threads=(256, 1, 1), bytes_moved=12 * n)
    print(result.summary())
    """
    check_counts(repeat, warmup)
    for _ in range(warmup):
        prepared.dispatch(grid, threads)
    times = tuple(prepared.dispatch_timed(grid, threads) for _ in range(repeat))
    return KernelBenchmark(prepared.program.name, times, flops, bytes_moved)
