"""The profiler itself: a `with` that takes events, and what can be made of them."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Self, cast

from enigma.errors import DeviceError, EnigmaTypeError, EnigmaValueError
from enigma.runtime.profiling.events import (
    Hook,
    ProfilerEvent,
    Recorder,
    active,
    checked_metrics,
    everywhere,
    hooks,
    recorder,
    stage,
)
from enigma.runtime.profiling.export import chrome_trace, forest, literal
from enigma.runtime.profiling.result import ProfilerResult


class Profiler:
    """Takes the events of what is done in its `with`; `profile()` makes it. Profilers may be nested: the inner one takes all.

    A thread that has no profiler of its own gives its events to the one that was entered last, wherever that was.

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
        self._capture, self._events = capture, list[ProfilerEvent]()
        self._before: list[Recorder | None] = []
        self._captured: AbstractContextManager[None] = nullcontext()

    def __enter__(self) -> Self:
        if self._capture is not None:
            self._captured = _capturing(self._capture)
        self._captured.__enter__()
        self._before.append(active.get())
        active.set(self)
        everywhere.append(self)
        return self

    def __exit__(self, *error: Any) -> None:
        everywhere.remove(self)
        active.set(self._before.pop())
        self._captured.__exit__(*error)

    def events(self) -> list[ProfilerEvent]:
        """Return the events in the order in which they ended."""
        return list(self._events)

    def add_event(self, e: ProfilerEvent) -> None:
        """Take an event. Raises `EnigmaTypeError` for anything else."""
        if not isinstance(cast("Any", e), ProfilerEvent):
            raise EnigmaTypeError(
                f"a profiler takes events, but it got {e!r}",
                help='write enigma.ProfilerEvent("name", start_ns=..., end_ns=...)',
            )
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
        """Return the events as a tree, in the order in which they began: names, how often, and how long together."""
        lines: list[str] = []
        pending = [(node, 0) for node in reversed(forest(self._events))]
        while pending:
            node, depth = pending.pop()
            lines.append(f"{'  ' * depth}{node.name}  n={node.count}  {node.total_us:.2f}us")
            pending += [(child, depth + 1) for child in reversed(node.children)]
        return "\n".join(lines)

    def export_hatchet(self, path: Any) -> None:
        """Write the tree as JSON that Hatchet reads as a literal graph.

        Each node has a frame with its name, the metrics "time (inc)" and "time" in microseconds, the latter without its
        children's, and "calls", and children.
        """
        Path(path).write_text(json.dumps(literal(forest(self._events)), indent=1), encoding="utf-8")

    def export_chrome_trace(self, path: Any) -> None:
        """Write the events as JSON for chrome://tracing or Perfetto: a row for each category, times in microseconds.

        Events of a category that overlap, such as those of two threads, get further rows.
        """
        text = json.dumps(chrome_trace(self._events), default=str, allow_nan=False)
        Path(path).write_text(text, encoding="utf-8")


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
    found = recorder()
    return found if isinstance(found, Profiler) else None


@contextmanager
def scope(
    name: str, *, metrics: Mapping[str, float] | None = None, category: str = "scope", **meta: Any
) -> Generator[None]:
    """Name what is done in a `with`: an event, around those inside of it. Without a profiler it does nothing.

    `metrics` "flops" and "bytes" give rates; other keywords are kept with the event. What raises is recorded too, with the name of
    the error. Raises `EnigmaTypeError` for a name that is no text, and for metrics that are no numbers.

        with enigma.scope("layer 3", metrics={"flops": 2 * m * n * k}):
            gemm(a, b)
    """
    if not isinstance(cast("Any", name), str):
        raise EnigmaTypeError(f"a scope's name is a text, but it is {name!r}", help='write enigma.scope("load")')
    with stage(name, category, metrics=checked_metrics(metrics, f"scope {name!r}"), metadata=meta):
        yield


def record_function(name: str, *, category: str = "python", **meta: Any) -> AbstractContextManager[None]:
    """Name what is done in a `with`, as `scope` does: `with enigma.record_function("load"):`."""
    return scope(name, category=category, **meta)


def record_event(event: ProfilerEvent) -> None:
    """Give an event to the active profiler, if there is one."""
    found = recorder()
    if found is not None:
        found.add_event(event)


def register_kernel_hook(kernel_name: str, hook: Hook) -> None:
    """Call `hook(kernel_name=, grid=, threads=)` for each profiled dispatch of a kernel; it returns metrics.

    Raises `EnigmaTypeError` for a name that is no text and a hook that cannot be called.

    enigma.register_kernel_hook("gemm", lambda kernel_name, grid, threads: {"flops": 2 * m * n * k})
    """
    if not isinstance(cast("Any", kernel_name), str):
        raise EnigmaTypeError(
            f"a hook is registered for a kernel's name, but it is {kernel_name!r}", help="write kernel.name"
        )
    if not callable(cast("Any", hook)):
        raise EnigmaTypeError(
            f"a hook is a function of kernel_name, grid and threads, but it is {hook!r}",
            help='for example lambda kernel_name, grid, threads: {"flops": 2 * grid[0]}',
        )
    hooks.setdefault(kernel_name, []).append(hook)


def unregister_kernel_hook(kernel_name: str, hook: Hook | None = None) -> None:
    """Take back a hook of a kernel, or all: `enigma.unregister_kernel_hook("gemm")`."""
    kept = [other for other in hooks.pop(kernel_name, []) if hook is not None and other is not hook]
    if kept:
        hooks[kernel_name] = kept
