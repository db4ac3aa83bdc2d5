"""Events: what was done, when, by which kernel, and on how much memory. Nothing is recorded where no profiler is active."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Protocol, Self, cast

from enigma.errors import EnigmaTypeError, EnigmaValueError

Hook = Callable[..., Mapping[str, float]]
"""What is called before a profiled dispatch, with kernel_name, grid and threads; it returns metrics."""


@dataclass(frozen=True, slots=True)
class ProfilerEvent:
    """Something that took time, from `start_ns` to `end_ns` of `time.perf_counter_ns`.

    `call_path` are the names of the scopes around it, outermost first. `gpu_time_us` is the device's own time of a dispatch, in
    microseconds. `metrics` may have "flops" and "bytes". `category` is "python", "scope", "compile", "runtime", "metal" or
    "memory".

        enigma.ProfilerEvent("load", start_ns=start, end_ns=time.perf_counter_ns())
    """

    name: str
    category: str = "python"
    start_ns: int = 0
    end_ns: int = 0
    kernel_name: str | None = None
    grid: tuple[int, ...] | None = None
    threads: tuple[int, ...] | None = None
    input_bytes: int = 0
    output_bytes: int = 0
    buffer_count: int = 0
    gpu_time_us: float | None = None
    call_path: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if self.end_ns < self.start_ns:
            raise EnigmaValueError(
                f"the event {self.name!r} ends at {self.end_ns} ns, before it starts at {self.start_ns} ns",
                help="take both from time.perf_counter_ns(), start_ns first",
            )

    @property
    def duration_us(self) -> float:
        """How long it took, in microseconds."""
        return (self.end_ns - self.start_ns) / 1000

    @property
    def label(self) -> str:
        """The name, with that of the kernel behind it: `gpu_dispatch:add`."""
        return f"{self.name}:{self.kernel_name}" if self.kernel_name else self.name

    @property
    def node_path(self) -> tuple[str, ...]:
        """The way to it in the tree: the scopes around it, then its label."""
        return (*self.call_path, self.label)


class Recorder(Protocol):
    """What takes events: a profiler."""

    def add_event(self, e: ProfilerEvent) -> None:
        """Take an event."""
        ...


active: ContextVar[Recorder | None] = ContextVar("profiler", default=None)
everywhere: list[Recorder] = []
"""The profilers whose `with` some thread is in, the last one entered last; it gets the events of threads without their own."""

_path: ContextVar[tuple[Recorder | None, tuple[str, ...]]] = ContextVar("path", default=(None, ()))
hooks: dict[str, list[Hook]] = {}


def recorder() -> Recorder | None:
    """Return who takes the events of this thread; None where nobody does."""
    found = active.get()
    if found is None and everywhere:
        return everywhere[-1]
    return found


class Stage:
    """A `with` that records what is done in it, and what raises too. Facts learned on the way are put into `facts`."""

    __slots__ = ("_before", "_outer", "_recorder", "_start", "facts", "name")

    def __init__(self, recorder: Recorder, name: str, facts: dict[str, Any]) -> None:
        self._recorder, self.name, self.facts = recorder, name, facts
        self._start = 0
        self._outer: tuple[str, ...] = ()
        self._before: tuple[Recorder | None, tuple[str, ...]] = (None, ())

    def __enter__(self) -> Self:
        self._before, self._outer = _path.get(), path_of(self._recorder)
        _path.set((self._recorder, (*self._outer, self.name)))
        self._start = time.perf_counter_ns()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        end = time.perf_counter_ns()
        _path.set(self._before)
        if kind is not None:
            self.facts["metadata"] = {**self.facts.get("metadata", {}), "error": kind.__name__}
        self._recorder.add_event(
            ProfilerEvent(self.name, start_ns=self._start, end_ns=end, call_path=self._outer, **self.facts)
        )


def path_of(recorder: Recorder) -> tuple[str, ...]:
    """Return the scopes of a profiler that this thread, or task, is in."""
    owner, path = _path.get()
    return path if owner is recorder else ()


def metrics_of(kernel: str, geometry: Any) -> dict[str, float]:
    """Return what the hooks of a kernel say of a dispatch. Raises `EnigmaTypeError` for what are no metrics."""
    found: dict[str, float] = {}
    for hook in hooks.get(kernel, ()):
        made: Any = hook(kernel_name=kernel, grid=geometry.grid, threads=geometry.threads)
        found |= checked_metrics(made, f"the hook of kernel {kernel}")
    return found


def checked_metrics(metrics: Any, giver: str) -> dict[str, float]:
    """Return metrics as a dict, none for None. Raises `EnigmaTypeError` for anything but numbers by name."""
    if metrics is None:
        return {}
    if not isinstance(metrics, Mapping):
        raise EnigmaTypeError(
            f"metrics are a dict of numbers, but {giver} gave {metrics!r}",
            help='for example {"flops": 2 * n, "bytes": 12 * n}',
        )
    for name, value in cast("Mapping[Any, Any]", metrics).items():
        if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, Real):
            raise EnigmaTypeError(
                f"metrics are a dict of numbers, but {giver} gave {value!r} for {name!r}",
                help='for example {"flops": 2 * n, "bytes": 12 * n}',
            )
    return dict(cast("Mapping[str, float]", metrics))


class _Nothing:
    """The `with` where nobody records."""

    __slots__ = ()
    facts: Mapping[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


_NOTHING = _Nothing()


def stage(name: str, category: str, **facts: Any) -> Stage | _Nothing:
    """Return a `with` that records an event of this name, if a profiler is active."""
    found = recorder()
    return _NOTHING if found is None else Stage(found, name, {"category": category, **facts})
