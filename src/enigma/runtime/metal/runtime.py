"""`MetalRuntime`: kernels on an Apple GPU."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import numpy as np

from enigma.runtime import launch
from enigma.runtime.arrays import Array
from enigma.runtime.base import Runtime
from enigma.runtime.copies import Packed
from enigma.runtime.handles import Launch
from enigma.runtime.launch import Geometry
from enigma.runtime.metal import objc
from enigma.runtime.metal.binding import Binder, Binding
from enigma.runtime.metal.capabilities import DeviceCapabilities, capabilities, newest_language
from enigma.runtime.metal.capture import capture
from enigma.runtime.metal.failures import gpu_error
from enigma.runtime.metal.launcher import Launcher
from enigma.runtime.metal.library import Libraries, specialised
from enigma.runtime.metal.memory import DeviceBuffer, Memory
from enigma.runtime.metal.submission import Queue
from enigma.runtime.metal.textures import Image, check_filtering, make_image
from enigma.runtime.metal.times import AT_STAGE_BOUNDARY
from enigma.runtime.program import Program
from enigma.runtime.textures import TextureView
from enigma.trace.node import Param


class MetalRuntime(Runtime):
    """Runs kernels on an Apple GPU. Raises `DeviceError`, a `RuntimeError`, where there is none.

    Arrays from `zeros`, `empty` and `array`, and the outputs of `execute` and `prepare`, lie in memory that the GPU uses where
    it is; others are copied there and back, as `explain_copies` says. It may be used from several threads; `batch` is a
    thread's own.

        rt = enigma.MetalRuntime()
        rt.execute(compiled, [a, b], n * 4, grid=(n, 1, 1), threads=(256, 1, 1))

    `dylib_path` is taken for the sake of existing code, and not used.
    """

    name = "metal"

    def __init__(self, dylib_path: Any = None) -> None:
        self._bridge = objc.load()
        with self._bridge.pool():
            self._device = self._bridge.metal.MTLCreateSystemDefaultDevice()
            if self._device is None:
                raise objc.no_device("Metal has no device here")
            self._capabilities = capabilities(self._bridge, self._device)
            self._queue = Queue(self._bridge, self._device)
            self.memory = Memory(self._bridge, self._device)
            self._libraries = Libraries(self._bridge, self._device, self._capabilities)
        self.max_threads = self._capabilities.max_threads_per_threadgroup
        self._binder = Binder(self.memory, self._image)
        self._launcher = Launcher(self._bridge, self._device, self._queue)
        self._closed = False

    # ---- what it is

    @property
    def device(self) -> Any:
        """Metal's own object for the device, an MTLDevice."""
        return self._device

    def device_capabilities(self) -> DeviceCapabilities:
        """Return what the device can do."""
        return self._capabilities

    @property
    def newest_language(self) -> tuple[int, int]:
        """The newest version of Metal's language that this macOS has: major, minor."""
        return newest_language(self._bridge.system)

    def supports_stage_counters(self) -> bool:
        """Return whether the GPU can tell the time at which the stages of a command buffer begin and end."""
        return bool(self._device.supportsCounterSampling_(AT_STAGE_BOUNDARY))

    @property
    def usable(self) -> bool:
        """Whether it can still launch: it was not closed, and the device is there."""
        return not self._closed and self._queue.lost is None

    # ---- memory

    def empty(self, shape: Any, dtype: Any = np.float32) -> Array:
        """Return an array, not initialised, in memory that the GPU uses where it is; `dtype` is NumPy's."""
        self._check_open()
        return self.memory.empty(shape, dtype)

    def buffer(self, shape: Any, dtype: Any = np.float32) -> DeviceBuffer:
        """Return memory of zeros that the GPU uses where it is, to be released by hand; see `DeviceBuffer`."""
        return DeviceBuffer(self.zeros(shape, dtype))

    def explain_copies(self, compiled: Any, arguments: Sequence[Any]) -> list[str]:
        """Return, for each array of a launch that must be copied, which one it is and why; an empty list is the best.

        `arguments` are those of `run`: every parameter in order.
        """
        program: Program = compiled.program
        moved: list[Packed] = []
        binding = self._bound(program, launch.bind(program, arguments, None, moved), Geometry((1, 1, 1), (1, 1, 1)))
        return [f"{one.name}: {one.made.nbytes} bytes are copied, for {one.why.value}" for one in moved] + [
            f"{copy.name}: {copy.array.nbytes} bytes are copied to the GPU"
            f"{' and back' if copy.is_written else ''}, for {copy.reason}"
            for copy in binding.copies
        ]

    # ---- binding

    def specialise(self, program: Program, constants: Mapping[Any, Any] | None) -> Program:
        """Return the program for these function constants, of which Metal makes a function of its own."""
        return specialised(program, constants)

    def bind_whole(self, program: Program, arguments: Sequence[Any], geometry: Geometry) -> Callable[[], None]:
        """Return the launch of a program on checked arguments; called, it runs and waits."""
        launch.whole_simdgroups(program, geometry)
        return self._bound(program, arguments, geometry)

    def _bound(self, program: Program, arguments: Sequence[Any], geometry: Geometry) -> Binding:
        self._check_open()
        with self._bridge.pool():
            pipeline = self._libraries.pipeline(program, geometry.threads)
            return self._binder.bind(Binding(program, geometry, pipeline, self._launcher.run, arguments))

    def _image(self, view: TextureView, param: Param, program: Program) -> Image:
        if param.slot in program.interpolated and view.format.stored.width == 32:
            check_filtering(self._device, param.name)
        return make_image(self._bridge, self._device, view, param.name, is_written=param.slot in program.written)

    def _check_open(self) -> None:
        if self._closed:
            raise gpu_error("this runtime was closed", help="make another one: enigma.MetalRuntime()")

    # ---- launching

    def timed(self, run: Callable[[], None]) -> float:
        """Run a launch and return the microseconds that the GPU worked on it. Raises `LaunchError` within a batch."""
        return self._launcher.timed(cast("Binding", run))

    def profiled(self, run: Callable[[], None]) -> tuple[float, dict[str, Any]]:
        """Run a launch; return the microseconds that the GPU worked on it, and how long it was scheduled and waited before."""
        return self._launcher.profiled(cast("Binding", run))

    @property
    def gathers(self) -> bool:
        """Whether this thread is within a batch, so that a launch is not over when it was made."""
        return self._launcher.gathers

    def make_pipeline(self, program: Program, geometry: Geometry) -> None:
        """Compile a program for a threadgroup size."""
        with self._bridge.pool():
            self._libraries.pipeline(program, geometry.threads)

    def dispatch_facts(self, program: Program, geometry: Geometry, arrays: Sequence[Any]) -> dict[str, Any]:
        """Return what a profiler shows of a launch: the limits of the pipeline, and how much of them a threadgroup uses."""
        with self._bridge.pool():
            pipeline = self._libraries.pipeline(program, geometry.threads)
            return {
                **super().dispatch_facts(program, geometry, arrays),
                "max_threads_per_threadgroup": pipeline.limit,
                "thread_execution_width": int(pipeline.state.threadExecutionWidth()),
                "static_threadgroup_memory_bytes": int(pipeline.state.staticThreadgroupMemoryLength()),
                "threadgroup_occupancy": math.prod(geometry.threads) / pipeline.limit,
            }

    def start(self, run: Callable[[], None]) -> Launch:
        """Submit a launch and return at once. Raises `LaunchError` within a batch."""
        return self._launcher.start(cast("Binding", run))

    def batch(self) -> AbstractContextManager[None]:
        """Launches in a `with rt.batch():` are encoded one after another and run together when it ends.

        One may read what one before it wrote. Arrays hold the results when the block is left; when an exception leaves it, what was
        not yet sent to the GPU is not run. Raises `LaunchError` for a batch within a batch.
        """
        self._check_open()
        return self._launcher.batch()

    def settle(self) -> None:
        """Run what the batch of this thread has so far, so that outputs can be read."""
        self._launcher.settle()

    def quiet(self) -> None:
        """Wait until no launch is under way, or gathered, that an array's content could depend on."""
        self._launcher.quiet()

    def synchronize(self) -> None:
        """Wait for everything that is under way. Raises the error of the first launch that failed."""
        self._launcher.synchronize()

    # ---- capture, end

    def capture(self, path: str | os.PathLike[str]) -> AbstractContextManager[None]:
        """Record what is launched in the `with` for Xcode's debugger, in a new `.gputrace` at `path`.

        Raises `DeviceError` when MTL_CAPTURE_ENABLED=1 was not set when Python started, or when the path exists or ends otherwise.
        """
        return capture(self._bridge, self._device, path)

    def close(self) -> None:
        """Wait for everything under way and let go of the device; further launches raise `DeviceError`.

        Closing twice does nothing.
        """
        if self._closed:
            return
        self._closed = True
        self._launcher.land_all()
        self._queue.close()
        self._libraries.close()
        self.memory.close()
