"""Work on its way through a command queue: encoding, waiting, what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import RLock
from typing import Any

from enigma import config
from enigma.errors import DeviceError, EnigmaError
from enigma.runtime.handles import Launch
from enigma.runtime.metal.binding import Binding
from enigma.runtime.metal.failures import LOST, code_of, gpu_error, launch_failure
from enigma.runtime.metal.logs import DeviceLog
from enigma.runtime.metal.objc import Bridge
from enigma.runtime.metal.times import EncoderTimer
from enigma.runtime.metal.validation import findings

COMPLETED = 4
"""MTLCommandBufferStatusCompleted."""


class Queue:
    """The command queue of a device. Launches are run in the order in which they are submitted."""

    def __init__(self, bridge: Bridge, device: Any) -> None:
        self.bridge = bridge
        self._queue = device.newCommandQueue()
        if self._queue is None:
            raise gpu_error("Metal made no command queue", help="let go of other runtimes: rt.close()")
        self.lost: str | None = None
        self.validates = config.shader_validation()

    def command_buffer(self, log: DeviceLog | None) -> Any:
        """Return a new command buffer, to be made and used within an autorelease pool."""
        if self._queue is None:
            raise gpu_error("this runtime was closed", help="make another one: enigma.MetalRuntime()")
        if self.lost is not None:
            raise gpu_error("the device was lost", help="make a new enigma.MetalRuntime()", when=self.lost)
        if log is None:
            buffer = self._queue.commandBuffer()
        else:
            descriptor = self.bridge.metal.MTLCommandBufferDescriptor.alloc().init()
            descriptor.setLogState_(log.state)
            buffer = self._queue.commandBufferWithDescriptor_(descriptor)
        if buffer is None:
            raise gpu_error("Metal made no command buffer", help="wait for launches in flight: handle.wait()")
        return buffer

    def failed(self, kernels: Sequence[str], error: Any) -> DeviceError:
        """Return the error of a command buffer that did not complete; the queue remembers when the device is gone."""
        found = launch_failure(kernels, error)
        if code_of(error) in LOST:
            self.lost = found.message.splitlines()[0]
        return found

    def close(self) -> None:
        """Let go of the queue."""
        self._queue = None


class Recording:
    """A command buffer that is being encoded: one compute encoder for as many launches as possible."""

    def __init__(self, queue: Queue, log: DeviceLog | None = None, timer: EncoderTimer | None = None) -> None:
        self._queue, self.log, self._timer = queue, log, timer
        self.buffer = queue.command_buffer(log)
        self._compute: Any = None
        self.bindings: list[Binding] = []
        self._locked: list[Binding] = []

    def add(self, binding: Binding) -> None:
        """Encode one launch, with the copies that it needs."""
        if binding.copies:
            binding.lock.acquire()
            self._locked.append(binding)
            for copy in binding.copies:
                copy.fill()
        if binding.images:
            self._blit(binding, "upload")
        if self._compute is None:
            self._compute = self._encoder()
            if self._compute is None:
                raise gpu_error("Metal made no encoder", help="wait for launches in flight: handle.wait()")
        if self._queue.validates:
            binding.label()
        binding.encode(self._compute)
        if any(image.is_written for image, _, _ in binding.images):
            self._blit(binding, "download")
        self.bindings.append(binding)

    def _encoder(self) -> Any:
        if self._timer is None or self._timer.descriptor is None:
            return self.buffer.computeCommandEncoder()
        return self.buffer.computeCommandEncoderWithDescriptor_(self._timer.descriptor)

    def _blit(self, binding: Binding, way: str) -> None:
        self.end()
        blit = self.buffer.blitCommandEncoder()
        if blit is None:
            raise gpu_error("Metal made no encoder", help="wait for launches in flight: handle.wait()")
        try:
            for image, buffer, offset in binding.images:
                if way == "upload":
                    image.upload(blit, buffer, offset)
                elif image.is_written:
                    image.download(blit, buffer, offset)
        finally:
            blit.endEncoding()

    def end(self) -> None:
        """End the open encoder; one that is let go of without this would end the process."""
        if self._compute is not None:
            self._compute.endEncoding()
            self._compute = None

    def commit(self) -> None:
        """Send everything to the GPU."""
        self.end()
        self.buffer.commit()

    def discard(self) -> None:
        """Let go of everything, not run."""
        self.end()
        self._unlock()

    def finish(self) -> None:
        """Wait for the GPU and fetch what was written to copies. Raises `DeviceError` when the launch failed."""
        try:
            self.buffer.waitUntilCompleted()
            if self.buffer.status() != COMPLETED:
                raise self._queue.failed(
                    [one.program.name for one in self.bindings], self.buffer.error()
                ) from self._found()
            for binding in self._locked:
                for copy in binding.copies:
                    copy.fetch()
        finally:
            self._unlock()
        if (found := self._found()) is not None:
            raise found
        if self.log is not None:
            self.log.deliver()

    def _found(self) -> DeviceError | None:
        """Return what shader validation says of the launches, where it is turned on."""
        if not self._queue.validates:
            return None
        return findings(self.buffer.logs(), [one.program for one in self.bindings])

    def microseconds(self) -> float:
        """Return how long the GPU worked on it, after it finished."""
        return (self.buffer.GPUEndTime() - self.buffer.GPUStartTime()) * 1e6

    def _unlock(self) -> None:
        while self._locked:
            self._locked.pop().lock.release()


class Flight(Launch):
    """A launch that is under way: `wait` for it, then read its outputs and `elapsed`."""

    def __init__(self, recording: Recording, pool: Callable[[], AbstractContextManager[Any]]) -> None:
        self._recording: Recording | None = recording
        self._pool = pool
        self._lock = RLock()
        self._error: EnigmaError | None = None
        self._elapsed = 0.0

    def __repr__(self) -> str:
        return f"<launch, {'over' if self.is_over else 'under way'}>"

    @property
    def is_over(self) -> bool:
        """Whether it was waited for."""
        return self._recording is None

    @property
    def done(self) -> bool:
        """Whether the GPU has finished; `wait` then does not block."""
        recording = self._recording
        return recording is None or recording.buffer.status() >= COMPLETED

    def disturbs(self, binding: Binding) -> bool:
        """Return whether it must be over before a launch begins."""
        recording = self._recording
        return recording is not None and any(one.disturbs(binding) for one in recording.bindings)

    def wait(self) -> None:
        """Wait until it is over and its outputs are in their arrays. Raises `DeviceError` when it failed."""
        self.land()
        if self._error is not None:
            raise self._error

    def land(self) -> None:
        """Wait as `wait` does; an error is kept for whoever asks."""
        with self._lock:
            recording = self._recording
            if recording is None:
                return
            try:
                with self._pool():
                    recording.finish()
                    self._elapsed = recording.microseconds()
            except EnigmaError as error:
                self._error = error
            finally:
                self._recording = None

    @property
    def elapsed(self) -> float:
        """Microseconds that the GPU worked on it; waits until it is over."""
        self.wait()
        return self._elapsed
