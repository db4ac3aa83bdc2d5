"""Launches of one device: run and wait, start and go on, or gather in a batch; and which of them must not overlap."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from enigma.errors import LaunchError
from enigma.runtime.metal.binding import Binding
from enigma.runtime.metal.logs import DeviceLog
from enigma.runtime.metal.objc import Bridge
from enigma.runtime.metal.submission import Flight, Queue, Recording
from enigma.runtime.metal.times import EncoderTimer, of_buffer


class Launcher:
    """Submits bound kernels. Safe to use from several threads; each has its own batch."""

    def __init__(self, bridge: Bridge, device: Any, queue: Queue) -> None:
        self._bridge, self._device, self._queue = bridge, device, queue
        self._lock = RLock()
        self._flights: list[Flight] = []
        self._own = threading.local()

    def run(self, binding: Binding) -> None:
        """Run a launch and wait; within a batch, add it to the batch."""
        if (batch := self._batch()) is not None:
            self._add(batch, binding)
            return
        with self._bridge.pool():
            self._submitted(binding).finish()

    def timed(self, binding: Binding) -> float:
        """Run a launch and return the microseconds that the GPU worked on it. Raises `LaunchError` within a batch."""
        self._not_in_batch("a timed launch")
        with self._bridge.pool():
            recording = self._submitted(binding)
            recording.finish()
            return recording.microseconds()

    def profiled(self, binding: Binding) -> tuple[float, dict[str, Any]]:
        """Run a launch as `timed` does; return its time and what else a profiler shows of it."""
        with self._bridge.pool():
            timer = EncoderTimer(self._bridge, self._device)
            recording = self._submitted(binding, timer)
            recording.finish()
            return recording.microseconds(), of_buffer(recording.buffer, timer)

    def start(self, binding: Binding) -> Flight:
        """Submit a launch and return at once. Raises `LaunchError` within a batch."""
        self._not_in_batch("an asynchronous launch")
        with self._bridge.pool():
            flight = Flight(self._submitted(binding), self._bridge.pool)
        with self._lock:
            self._flights = [one for one in self._flights if not one.is_over] + [flight]
        return flight

    def synchronize(self) -> None:
        """Wait for everything that is under way, then raise the error of the first launch that failed."""
        with self._lock:
            flights, self._flights = self._flights, []
        for flight in flights:
            flight.land()
        for flight in flights:
            flight.wait()

    def quiet(self) -> None:
        """Run what the batch of this thread has, and wait for everything under way; errors stay with the handles."""
        self.settle()
        with self._lock:
            flights = list(self._flights)
        for flight in flights:
            flight.land()

    def land_all(self) -> None:
        """Wait for everything that is under way; errors stay with the handles."""
        with self._lock:
            flights, self._flights = self._flights, []
        for flight in flights:
            flight.land()

    def _submitted(self, binding: Binding, timer: EncoderTimer | None = None) -> Recording:
        self._land_before(binding)
        recording = self._record(binding, timer)
        try:
            recording.add(binding)
            recording.commit()
        except BaseException:
            recording.discard()
            raise
        return recording

    def _record(self, binding: Binding, timer: EncoderTimer | None = None) -> Recording:
        program = binding.program
        log = DeviceLog(self._bridge, self._device, program.name, program.sites) if program.sites else None
        return Recording(self._queue, log, timer)

    def _land_before(self, binding: Binding) -> None:
        """Wait for those launches under way that must be over before this one begins."""
        if self._flights:
            with self._lock:
                flights = list(self._flights)
            for flight in flights:
                if flight.disturbs(binding):
                    flight.land()

    # ---- batches

    @property
    def gathers(self) -> bool:
        """Whether this thread is within a batch."""
        return self._batch() is not None

    @contextmanager
    def batch(self) -> Generator[None]:
        """Gather the launches of this thread until the block ends. Raises `LaunchError` for a batch within a batch."""
        self._not_in_batch("a batch")
        batch = self._own.batch = _Batch()
        try:
            yield
            self._flush(batch)
        except BaseException:
            if batch.recording is not None:
                batch.recording.discard()
            raise
        finally:
            self._own.batch = None

    def settle(self) -> None:
        """Run what the batch of this thread has so far, so that outputs can be read."""
        if (batch := self._batch()) is not None:
            self._flush(batch)

    def _batch(self) -> _Batch | None:
        return getattr(self._own, "batch", None)

    def _add(self, batch: _Batch, binding: Binding) -> None:
        reports = bool(binding.program.sites)  # each such launch has a log, and a command buffer, of its own
        if reports or batch.is_disturbed_by(binding):
            self._flush(batch)
        self._land_before(binding)
        with self._bridge.pool():
            if batch.recording is None:
                batch.recording = self._record(binding)
            batch.recording.add(binding)
        if reports:
            self._flush(batch)

    def _flush(self, batch: _Batch) -> None:
        recording = batch.recording
        if recording is not None:
            with self._bridge.pool():
                recording.commit()
                batch.recording = None
                recording.finish()

    def _not_in_batch(self, what: str) -> None:
        if self._batch() is not None:
            raise LaunchError(f"{what} cannot be part of a batch", help="leave the `with rt.batch():` first")


class _Batch:
    """What a thread gathered and did not yet send to the GPU."""

    def __init__(self) -> None:
        self.recording: Recording | None = None

    def is_disturbed_by(self, binding: Binding) -> bool:
        """Return whether what is gathered must be over before this launch begins."""
        return self.recording is not None and any(one.disturbs(binding) for one in self.recording.bindings)
