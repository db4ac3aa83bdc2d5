"""The profiler itself: a `with` that takes events, and what can be made of them."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import Token
from pathlib import Path
from typing import Any, Self

from enigma.errors import DeviceError, EnigmaValueError
from enigma.runtime.profiling.events import Hook, ProfilerEvent, active, hooks, stage
from enigma.runtime.profiling.result import ProfilerResult

CATEGORIES = ("python", "compile", "runtime", "metal", "memory")
"""The rows of a Chrome trace; scopes go with Python."""


class Profiler:
    """Takes the events of what is done in its `with`; `profile()` makes it. Profilers may be nested: the inner one takes all.

    with enigma.profile() as p:
        rt.execute(compiled, [a, b], n * 4, grid=(n, 1, 1), threads=(256, 1, 1))
    print(p.key_averages().table())
    """

    def __init__(
        self, *, record_shapes: bool = False, profile_memory: bool = False, capture: str | None = None
    ) -> None:
        if capture is not None and not os.fspath(capture).endswith(".gputrace"):
            raise EnigmaValueError(
                f"a capture must end in .gputrace, but the path is {capture}", help="write capture.gputrace"
            )
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.path: tuple[str, ...] = ()
        self._capture, self._events = capture, list[ProfilerEvent]()
        self._token: Token[Any] | None = None
        self._captured: AbstractContextManager[None] = nullcontext()

    def __enter__(self) -> Self:
        if self._capture is not None:
            self._captured = _capturing(self._capture)
        self._captured.__enter__()
        self._token = active.set(self)
        return self

    def __exit__(self, *error: Any) -> None:
        if self._token is not None:
            active.reset(self._token)
        self._captured.__exit__(*error)

    def events(self) -> list[ProfilerEvent]:
        """Return the events in the order in which they ended."""
        return list(self._events)

    def add_event(self, e: ProfilerEvent) -> None:
        """Take an event."""
        self._events.append(e)

    def key_averages(self, group_by: str = "name") -> ProfilerResult:
        """Return the events summed up by name, or by the whole way to them: "call_path". Raises `ValueError` for others."""
        if group_by == "name":
            return ProfilerResult(self._events, lambda event: event.name)
        if group_by == "call_path":
            return ProfilerResult(self._events, lambda event: "/".join(event.node_path))
        raise EnigmaValueError(f"group_by is {group_by!r}", help='write "name" or "call_path"')

    def _repr_html_(self) -> str:
        return self.key_averages().html()

    def tree(self) -> str:
        """Return the events as a tree: names, how often, and how long together."""
        lines: list[str] = []
        for path, (count, total) in sorted(self._nodes().items()):
            lines.append(f"{'  ' * (len(path) - 1)}{path[-1]}  n={count}  {total:.2f}us")
        return "\n".join(lines)

    def _nodes(self) -> dict[tuple[str, ...], tuple[int, float]]:
        found: dict[tuple[str, ...], tuple[int, float]] = {}
        for event in self._events:
            path = (*event.call_path, event.name)
            count, total = found.get(path, (0, 0.0))
            found[path] = count + 1, total + event.duration_us
        return found

    def export_hatchet(self, path: Any) -> None:
        """Write the tree as JSON that Hatchet reads as a literal graph: name, metrics "time" (us) and "calls", children."""
        roots: list[dict[str, Any]] = []
        known: dict[tuple[str, ...], dict[str, Any]] = {}
        for node, (count, total) in sorted(self._nodes().items()):
            made: dict[str, Any] = {
                "frame": {"name": node[-1], "type": "function"}, "metrics": {"time": total, "calls": count}, "children": [],
            }  # fmt: skip
            known[node] = made
            above = known.get(node[:-1])
            (roots if above is None else above["children"]).append(made)
        Path(path).write_text(json.dumps(roots, indent=1), encoding="utf-8")

    def export_chrome_trace(self, path: Any) -> None:
        """Write the events as JSON for chrome://tracing or Perfetto: a row for each category, times in microseconds."""
        rows = {category: number for number, category in enumerate(CATEGORIES)}
        made: list[dict[str, Any]] = [
            {"ph": "M", "name": "thread_name", "pid": 0, "tid": number, "args": {"name": category}}
            for category, number in rows.items()
        ]
        for event in self._events:
            made.append({
                "ph": "X", "name": event.label, "cat": event.category, "pid": 0, "tid": rows.get(event.category, 0),
                "ts": event.start_ns / 1000, "dur": event.duration_us, "args": _facts(event),
            })  # fmt: skip
        text = json.dumps({"traceEvents": made, "displayTimeUnit": "ns"}, default=str)
        Path(path).write_text(text, encoding="utf-8")


def _facts(event: ProfilerEvent) -> dict[str, Any]:
    named = ("kernel_name", "grid", "threads", "input_bytes", "output_bytes", "buffer_count", "gpu_time_us")
    facts = {name: value for name in named if (value := getattr(event, name))}
    return {**facts, **event.metrics, **event.metadata}


def _capturing(path: str) -> AbstractContextManager[None]:
    """Return what records for Xcode, of the Metal runtime that is there. Raises `DeviceError` where there is none."""
    from enigma.runtime.choose import has_metal, runtime  # which imports the runtimes

    if not has_metal() or os.environ.get("MTL_CAPTURE_ENABLED") != "1":
        raise DeviceError(
            "a capture needs a Metal device, and MTL_CAPTURE_ENABLED=1",
            help="set the variable before Python starts, on a Mac",
        )
    metal: Any = runtime("metal")
    return metal.capture(path)


def profile(*, record_shapes: bool = False, profile_memory: bool = False, capture: str | None = None) -> Profiler:
    """Return a `with` that records events: see `Profiler`.

    With `record_shapes` dispatches have the shapes of their arrays, with `profile_memory` those for memory are recorded with
    their bytes. `capture` is where to write a `.gputrace` for Xcode.

        with enigma.profile() as p:
            kernel[n, 256](a, b)
        p.export_chrome_trace("trace.json")

    Raises `ValueError` for a capture of another ending, and `RuntimeError` where Metal cannot record one.
    """
    return Profiler(record_shapes=record_shapes, profile_memory=profile_memory, capture=capture)


def get_active_profiler() -> Profiler | None:
    """Return the profiler whose `with` this is in, None outside of any."""
    found = active.get()
    return found if isinstance(found, Profiler) else None


@contextmanager
def scope(
    name: str, *, metrics: Mapping[str, float] | None = None, category: str = "scope", **meta: Any
) -> Generator[None]:
    """Name what is done in a `with`: an event, around those inside of it. Without a profiler it does nothing.

    `metrics` "flops" and "bytes" give rates; other keywords are kept with the event.

        with enigma.scope("layer 3", metrics={"flops": 2 * m * n * k}):
            gemm(a, b)
    """
    with stage(name, category, metrics=dict(metrics or {}), metadata=meta):
        yield


def record_function(name: str, *, category: str = "python", **meta: Any) -> AbstractContextManager[None]:
    """Name what is done in a `with`, as `scope` does: `with enigma.record_function("load"):`."""
    return scope(name, category=category, **meta)


def record_event(event: ProfilerEvent) -> None:
    """Give an event to the active profiler, if there is one."""
    found = active.get()
    if found is not None:
        found.add_event(event)


def register_kernel_hook(kernel_name: str, hook: Hook) -> None:
    """Call `hook(kernel_name=, grid=, threads=)` for each profiled dispatch of a kernel; it returns metrics.

    enigma.register_kernel_hook("gemm", lambda kernel_name, grid, threads: {"flops": 2 * m * n * k})
    """
    hooks.setdefault(kernel_name, []).append(hook)


def unregister_kernel_hook(kernel_name: str, hook: Hook | None = None) -> None:
    """Take back a hook of a kernel, or all: `enigma.unregister_kernel_hook("gemm")`."""
    kept = [other for other in hooks.pop(kernel_name, []) if hook is not None and other is not hook]
    if kept:
        hooks[kernel_name] = kept
