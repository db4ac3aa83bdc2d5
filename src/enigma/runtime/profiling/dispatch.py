"""A launch that is recorded: an event of the dispatch, with the device's time, inside of one of the call."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from enigma.runtime.handles import Finished, Launch
from enigma.runtime.launch import Geometry
from enigma.runtime.profiling.events import ProfilerEvent, Stage, metrics_of, path_of, recorder, stage
from enigma.runtime.program import Program

QUEUE_TIMES = ("scheduling_us", "queue_wait_us", "encoder_gpu_us")
"""What a profiler shows of the way of a launch to the device, in microseconds."""


class Profiled(Protocol):
    """The part of a runtime that a recorded launch needs."""

    @property
    def gathers(self) -> bool:
        """Whether a launch is part of a batch."""
        ...

    def start(self, run: Callable[[], None]) -> Launch:
        """Run once while the caller goes on."""
        ...

    def profiled(self, run: Callable[[], None]) -> tuple[float, dict[str, Any]]:
        """Run once; return the device's time and those of the way there."""
        ...

    def dispatch_facts(self, program: Program, geometry: Geometry, arrays: Sequence[Any]) -> dict[str, Any]:
        """Return what is known of a dispatch besides its time."""
        ...


def recorded(
    runtime: Profiled, program: Program, run: Callable[[], None], geometry: Geometry, *, call: str, inputs: Sequence[Any],
    outputs: Sequence[Any],
) -> float | None:  # fmt: skip
    """Run once and record it within an event named by `call`; return the device's time, None of a part of a batch."""
    arrays = [*inputs, *outputs]
    facts: dict[str, Any] = {
        "kernel_name": program.name, "grid": geometry.grid, "threads": geometry.threads, "buffer_count": len(arrays),
        "input_bytes": _bytes(inputs), "output_bytes": _bytes(outputs), "metrics": metrics_of(program.name, geometry),
    }  # fmt: skip
    outer = stage(call, "runtime", kernel_name=program.name)
    with outer, stage("gpu_dispatch", "metal", **facts) as made:
        took, times = _profiled(runtime, run)
        if isinstance(made, Stage):
            made.facts |= {
                "gpu_time_us": took,
                "metadata": {**runtime.dispatch_facts(program, geometry, arrays), **times},
            }
    return took


def started(
    runtime: Profiled, program: Program, run: Callable[[], None], geometry: Geometry, *, inputs: Sequence[Any],
    outputs: Sequence[Any],
) -> Launch:  # fmt: skip
    """Start a run and return it: it is recorded, from its start on, when somebody has waited for it."""
    taker = recorder()
    begun = time.perf_counter_ns()
    path = path_of(taker) if taker is not None else ()
    under_way = runtime.start(run)

    def record() -> None:
        if taker is not None:
            arrays = [*inputs, *outputs]
            taker.add_event(ProfilerEvent(
                "gpu_dispatch", "metal", begun, time.perf_counter_ns(), program.name, geometry.grid, geometry.threads,
                _bytes(inputs), _bytes(outputs), len(arrays), under_way.elapsed, path, metrics_of(program.name, geometry),
                {**runtime.dispatch_facts(program, geometry, arrays), "absent": dict.fromkeys(QUEUE_TIMES, _ASYNC)},
            ))  # fmt: skip

    return Watched(under_way, record)


_ASYNC = "the launch was not waited for: only the device's own time is known"


class Watched(Launch):
    """A launch that is recorded, once, when somebody sees that it is over."""

    def __init__(self, under_way: Launch, record: Callable[[], None]) -> None:
        self._under_way, self._record = under_way, record
        self._is_recorded = False
        if isinstance(under_way, Finished):
            self._over()

    def __repr__(self) -> str:
        return repr(self._under_way)

    def _over(self) -> None:
        if not self._is_recorded:
            self._is_recorded = True
            self._record()

    def wait(self) -> None:
        """Wait until it is over. Raises what the launch raised."""
        self._under_way.wait()
        self._over()

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self._under_way.done

    @property
    def elapsed(self) -> float:
        """Microseconds that it took on the device; waits until it is over."""
        took = self._under_way.elapsed
        self._over()
        return took


def _profiled(runtime: Profiled, run: Callable[[], None]) -> tuple[float | None, dict[str, Any]]:
    """Run once; return the device's time and those of the way there, or why there are none."""
    if not runtime.gathers:
        return runtime.profiled(run)
    run()
    return None, {"absent": dict.fromkeys(QUEUE_TIMES, "the launch is part of a batch, which is timed as a whole")}


def _bytes(arrays: Sequence[Any]) -> int:
    return sum(getattr(array, "nbytes", 0) for array in arrays)
