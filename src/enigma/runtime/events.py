"""What a runtime tells a profiler while it works: spans of time, each with a name and facts. Without one it costs a look."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

ORDER = (
    "load_library", "create_pipeline", "create_input_buffers", "create_output_buffers", "gpu_dispatch", "read_output",
    "release_resources", "execute_total",
)  # fmt: skip
"""The events of an `execute`, in the order in which a profiler has them."""

CATEGORIES = {
    "load_library": "metal", "create_pipeline": "metal", "create_input_buffers": "memory", "create_output_buffers": "memory",
    "gpu_dispatch": "metal", "read_output": "memory", "release_resources": "memory", "execute_total": "runtime",
    "prepared_dispatch": "runtime",
}  # fmt: skip


class Recorder(Protocol):
    """Something that takes events: a profiler."""

    def record(self, name: str, category: str, start_ns: int, end_ns: int, facts: dict[str, Any]) -> None:
        """Take one event; times are those of `time.perf_counter_ns`."""
        ...


recorders: list[Recorder] = []
"""The profilers that listen, the innermost last."""


def active() -> Recorder | None:
    """Return the innermost profiler, or None."""
    return recorders[-1] if recorders else None


@contextmanager
def span(name: str, **facts: Any) -> Generator[dict[str, Any]]:
    """Tell the profiler how long the `with` took, if there is one; what is added to the facts meanwhile counts."""
    recorder = active()
    if recorder is None:
        yield facts
        return
    start = time.perf_counter_ns()
    try:
        yield facts
    finally:
        recorder.record(name, CATEGORIES[name], start, time.perf_counter_ns(), facts)


class Gathered:
    """Takes the events of one `execute`, and hands them on in the order of `ORDER`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._events: list[tuple[str, str, int, int, dict[str, Any]]] = []

    def record(self, name: str, category: str, start_ns: int, end_ns: int, facts: dict[str, Any]) -> None:
        """Keep one event."""
        self._events.append((name, category, start_ns, end_ns, facts))

    def hand_on(self) -> None:
        """Give all events to the profiler."""
        for event in sorted(self._events, key=lambda event: ORDER.index(event[0])):
            self._recorder.record(*event)


@contextmanager
def gathered() -> Generator[None]:
    """Let the profiler have the events of the `with` in the order of `ORDER`."""
    recorder = active()
    if recorder is None:
        yield
        return
    gathering = Gathered(recorder)
    recorders.append(gathering)
    try:
        yield
    finally:
        recorders.remove(gathering)
        gathering.hand_on()
