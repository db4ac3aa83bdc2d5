"""Queues, command buffers and encoders: a state machine that refuses what Metal leaves undefined."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tests.device.fake_metal.libraries import Pipeline
from tests.device.fake_metal.machine import Machine
from tests.device.fake_metal.memory import Buffer, Texture
from tests.device.fake_metal.objects import NSError, NSObject
from tests.device.fake_metal.running import Dispatch, run

NOT_ENQUEUED, COMMITTED, SCHEDULED, COMPLETED, ERROR = 0, 2, 3, 4, 5
MOST_BYTES = 4096
BUFFERS, TEXTURES = 31, 128
SCHEDULING, WAITING = 11e-6, 7e-6
NO_SAMPLE = (1 << 64) - 1


class CommandQueue(NSObject):
    """Runs command buffers in the order in which they are committed, when somebody waits or looks."""

    OWNER = "MTLCommandQueue"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.waiting: list[CommandBuffer] = []
        self.lock = threading.RLock()

    def _commandBuffer(self) -> Any:
        return self.machine.autoreleased(CommandBuffer(self.machine, self, None))

    def _commandBufferWithDescriptor_(self, descriptor: NSObject) -> Any:
        return self.machine.autoreleased(CommandBuffer(self.machine, self, descriptor.values.get("logstate")))

    def run_until(self, last: CommandBuffer) -> None:
        """Run what was committed up to a command buffer."""
        with self.lock:
            while last in self.waiting:
                self.waiting.pop(0).run()


class CommandBuffer(NSObject):
    """Commands for the GPU: encoded, committed once, run once. It keeps what it uses until it is run."""

    OWNER = "MTLCommandBuffer"

    def __init__(self, machine: Machine, queue: CommandQueue, log: Any) -> None:
        super().__init__(machine)
        self.queue, self.log = queue, log
        self.state = NOT_ENQUEUED
        self.open: Encoder | None = None
        self.commands: list[Callable[[], None]] = []
        self.kept: list[Any] = []
        self.failure: NSError | None = None
        self.times = (0.0, 0.0)
        self.scheduled = (0.0, 0.0)
        self.samples: list[tuple[Any, int, int]] = []

    def encoder(self, made: Encoder) -> Any:
        if self.state != NOT_ENQUEUED:
            raise self.machine.violate("an encoder is made of a command buffer that was committed")
        if self.open is not None:
            raise self.machine.violate("a second encoder is made while one is open")
        self.open = made
        return self.machine.autoreleased(made)

    def _computeCommandEncoder(self) -> Any:
        return self.encoder(ComputeEncoder(self.machine, self))

    def _computeCommandEncoderWithDescriptor_(self, descriptor: ComputePassDescriptor) -> Any:
        for attachment in descriptor.attachments.made.values():
            held = attachment.values
            if set(held) != {"samplebuffer", "startofencodersampleindex", "endofencodersampleindex"}:
                raise self.machine.violate(f"an attachment needs samples and two places, and has {sorted(held)}")
            places = held["startofencodersampleindex"], held["endofencodersampleindex"]
            if len(set(places)) != 2 or max(places) >= len(held["samplebuffer"].samples):
                raise self.machine.violate(f"{places} are no two places of {len(held['samplebuffer'].samples)} samples")
            self.samples.append((held["samplebuffer"], *places))
        return self.encoder(ComputeEncoder(self.machine, self))

    def _blitCommandEncoder(self) -> Any:
        return self.encoder(BlitEncoder(self.machine, self))

    def _commit(self) -> None:
        if self.state != NOT_ENQUEUED:
            raise self.machine.violate("a command buffer is committed twice")
        if self.open is not None:
            raise self.machine.violate("a command buffer is committed while an encoder is open")
        self.state = COMMITTED
        with self.queue.lock:
            self.queue.waiting.append(self)

    def _waitUntilCompleted(self) -> None:
        if self.state == NOT_ENQUEUED:
            raise self.machine.violate("somebody waits for a command buffer that was not committed: forever")
        self.queue.run_until(self)

    def _status(self) -> int:
        if self.state == COMMITTED:
            self.state = SCHEDULED
        elif self.state == SCHEDULED:
            self.queue.run_until(self)
        return self.state

    def _logs(self) -> list[FunctionLog]:
        if self.state < COMPLETED:
            raise self.machine.violate("logs are asked for before the command buffer has completed")
        found, self.machine.shader_findings = self.machine.shader_findings, []
        return [FunctionLog(self.machine, *one) for one in found]

    def _error(self) -> NSError | None:
        return self.failure

    def _GPUStartTime(self) -> float:
        return self._time(0)

    def _GPUEndTime(self) -> float:
        return self._time(1)

    def _kernelStartTime(self) -> float:
        return self.scheduled[0]

    def _kernelEndTime(self) -> float:
        return self.scheduled[1]

    def _time(self, which: int) -> float:
        if self.state < COMPLETED:
            raise self.machine.violate("GPU times are asked for before the command buffer has completed")
        return self.times[which]

    def run(self) -> None:
        """Carry out the commands, or fail as the machine says."""
        start = time.perf_counter()
        machine = self.machine
        if machine.buffer_faults:
            code, text = machine.buffer_faults.pop(0)
            self.failure = NSError(machine, "MTLCommandBufferErrorDomain", code, f"{text} ({code:08x}:fault)")
            self.state = ERROR
        else:
            for command in self.commands:
                command()
            self.state = COMPLETED
        took = time.perf_counter() - start
        if machine.tells_scheduling:
            self.scheduled = (machine.gpu_clock, machine.gpu_clock + SCHEDULING)
            machine.gpu_clock += SCHEDULING + WAITING
        self.times = (machine.gpu_clock, machine.gpu_clock + took)
        machine.gpu_clock += took
        machine.gpu_worked += took
        for buffer, begin, end in self.samples:
            buffer.samples[begin], buffer.samples[end] = (
                int(at * 1e9 * machine.gpu_ticks) if machine.takes_samples else NO_SAMPLE for at in self.times
            )
        self.commands, self.kept = [], []


class CounterSet(NSObject):
    """Counters that can be sampled together."""

    OWNER = "MTLCounterSet"

    def __init__(self, machine: Machine, name: str) -> None:
        super().__init__(machine)
        self.title = name

    def _name(self) -> str:
        return self.title


class CounterSamples(NSObject):
    """Samples of the GPU's clock; until one is taken it is an error value."""

    OWNER = "MTLCounterSampleBuffer"

    def __init__(self, machine: Machine, count: int) -> None:
        super().__init__(machine)
        self.samples = [NO_SAMPLE] * count

    def _resolveCounterRange_(self, span: tuple[int, int]) -> bytes | None:
        start, count = span
        if start + count > len(self.samples):
            raise self.machine.violate(f"{span} of {len(self.samples)} samples")
        return b"".join(one.to_bytes(8, "little") for one in self.samples[start : start + count])


class SampleAttachment(NSObject):
    """Where an encoder puts its samples."""

    OWNER = "MTLComputePassSampleBufferAttachmentDescriptor"


class SampleAttachments(NSObject):
    """Four attachments, each made when it is asked for."""

    OWNER = "MTLComputePassSampleBufferAttachmentDescriptorArray"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.made: dict[int, SampleAttachment] = {}

    def _objectAtIndexedSubscript_(self, index: int) -> SampleAttachment:
        if index >= 4:
            raise self.machine.violate(f"there is no attachment {index}")
        return self.made.setdefault(index, SampleAttachment(self.machine))


class ComputePassDescriptor(NSObject):
    """How a compute encoder is made."""

    OWNER = "MTLComputePassDescriptor"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.attachments = SampleAttachments(machine)

    def _sampleBufferAttachments(self) -> SampleAttachments:
        return self.attachments


class FunctionLog(NSObject):
    """What shader validation found: text, kernel and line of the source."""

    OWNER = "MTLFunctionLog"

    def __init__(self, machine: Machine, text: str, function: str, line: int) -> None:
        super().__init__(machine)
        self._facts = (text, function, line)

    def _description(self) -> str:
        return self._facts[0]

    def _debugLocation(self) -> DebugLocation | None:
        return DebugLocation(self.machine, *self._facts[1:]) if self._facts[2] else None


class DebugLocation(NSObject):
    """A place in a source."""

    OWNER = "MTLFunctionLogDebugLocation"

    def __init__(self, machine: Machine, function: str, line: int) -> None:
        super().__init__(machine)
        self._facts = (function, line)

    def _functionName(self) -> str:
        return self._facts[0]

    def _line(self) -> int:
        return self._facts[1]


class Encoder(NSObject):
    """What writes commands into a command buffer, until it is ended."""

    ONE_THREAD: ClassVar[bool] = True

    def __init__(self, machine: Machine, buffer: CommandBuffer) -> None:
        super().__init__(machine)
        self.buffer: CommandBuffer = buffer
        self.ended = False

    def _send(self, selector: Any, arguments: tuple[Any, ...]) -> Any:
        if self.ended:
            raise self.machine.violate(f"-[{self.OWNER} {selector.name}]: the encoder was ended")
        return super()._send(selector, arguments)

    def _endEncoding(self) -> None:
        self.ended, self.buffer.open = True, None

    def __del__(self) -> None:
        if not self.ended:
            self.machine.violate(f"{self.OWNER} is let go of without endEncoding: the process ends")


class ComputeEncoder(Encoder):
    """Encodes dispatches."""

    OWNER = "MTLComputeCommandEncoder"

    def __init__(self, machine: Machine, buffer: CommandBuffer) -> None:
        super().__init__(machine, buffer)
        self.pipeline: Pipeline | None = None
        self.buffers: dict[int, tuple[Buffer, int] | bytes] = {}
        self.textures: dict[int, Texture] = {}

    def _setComputePipelineState_(self, state: Pipeline) -> None:
        if not isinstance(state, Pipeline):
            raise self.machine.violate(f"{state!r} is no pipeline")
        self.pipeline = state

    def _setBuffers_offsets_withRange_(self, buffers: list[Any], offsets: list[int], span: tuple[int, int]) -> None:
        start, count = span
        if not len(buffers) == len(offsets) == count or start + count > BUFFERS:
            raise self.machine.violate(f"{len(buffers)} buffers and {len(offsets)} offsets for the range {span}")
        for index, (buffer, offset) in enumerate(zip(buffers, offsets, strict=True), start):
            self._setBuffer_offset_atIndex_(buffer, offset, index)

    def _setBuffer_offset_atIndex_(self, buffer: Buffer, offset: int, index: int) -> None:
        if not isinstance(buffer, Buffer) or offset >= buffer.nbytes or index >= BUFFERS:
            raise self.machine.violate(f"buffer {index}: {buffer!r} at {offset}")
        self.buffers[index] = (buffer, offset)

    def _setBytes_length_atIndex_(self, data: Any, length: int, index: int) -> None:
        seen = bytes(data)
        if not 0 < length <= min(len(seen), MOST_BYTES) or index >= BUFFERS:
            raise self.machine.violate(f"setBytes of {length} bytes at {index}")
        self.buffers[index] = seen[:length]

    def _setTextures_withRange_(self, textures: list[Any], span: tuple[int, int]) -> None:
        start, count = span
        if len(textures) != count or start + count > TEXTURES or not all(isinstance(one, Texture) for one in textures):
            raise self.machine.violate(f"{textures} for the range {span}")
        self.textures.update(enumerate(textures, start))

    def _dispatchThreads_threadsPerThreadgroup_(self, grid: tuple[int, ...], threads: tuple[int, ...]) -> None:
        if self.pipeline is None:
            raise self.machine.violate("a dispatch without a pipeline")
        count = int(np.prod(threads))
        if min(*grid, *threads) < 1 or count > self.pipeline.limit:
            raise self.machine.violate(
                f"a dispatch of {grid} threads, {threads} a group; the pipeline allows {self.pipeline.limit}"
            )
        dispatch = Dispatch(
            self.machine, self.pipeline, dict(self.buffers), dict(self.textures), (grid[0], grid[1], grid[2]),
            (threads[0], threads[1], threads[2]), self.buffer.log,
        )  # fmt: skip
        dispatch.check()
        self.buffer.kept += [self.pipeline, *self.buffers.values(), *self.textures.values()]
        self.buffer.commands.append(lambda: run(dispatch))


class BlitEncoder(Encoder):
    """Encodes copies between buffers and textures."""

    OWNER = "MTLBlitCommandEncoder"

    def _copyFromBuffer_sourceOffset_sourceBytesPerRow_sourceBytesPerImage_sourceSize_toTexture_destinationSlice_destinationLevel_destinationOrigin_(  # noqa: E501
        self, buffer: Buffer, offset: int, row: int, image: int, size: tuple[int, int, int], texture: Texture, layer: int,
        level: int, origin: tuple[int, int, int],
    ) -> None:  # fmt: skip
        count = self._checked(buffer, offset, row, image, size, texture, layer, level, origin)

        def copy() -> None:
            data = buffer.array(offset)[: count * image]
            self._part(texture, layer, size)[...] = self._rows(data, row, image, size, texture)

        self.buffer.kept += [buffer, texture]
        self.buffer.commands.append(copy)

    def _copyFromTexture_sourceSlice_sourceLevel_sourceOrigin_sourceSize_toBuffer_destinationOffset_destinationBytesPerRow_destinationBytesPerImage_(  # noqa: E501
        self, texture: Texture, layer: int, level: int, origin: tuple[int, int, int], size: tuple[int, int, int], buffer: Buffer,
        offset: int, row: int, image: int,
    ) -> None:  # fmt: skip
        count = self._checked(buffer, offset, row, image, size, texture, layer, level, origin)

        def copy() -> None:
            data = buffer.array(offset)[: count * image]
            self._rows(data, row, image, size, texture)[...] = self._part(texture, layer, size)

        self.buffer.kept += [buffer, texture]
        self.buffer.commands.append(copy)

    def _rows(self, data: Any, row: int, image: int, size: tuple[int, int, int], texture: Texture) -> Any:
        width, height, depth = size
        texel = texture.texels.shape[-1]
        rows = data.reshape(depth, image)[:, : row * height].reshape(depth, height, row)
        return rows[:, :, : width * texel].reshape(depth, height, width, texel)

    def _part(self, texture: Texture, layer: int, size: tuple[int, int, int]) -> Any:
        return texture.texels[layer : layer + 1] if texture.facts["texturetype"] == 3 else texture.texels

    def _checked(
        self, buffer: Buffer, offset: int, row: int, image: int, size: tuple[int, int, int], texture: Texture, layer: int,
        level: int, origin: tuple[int, int, int],
    ) -> int:  # fmt: skip
        """Return how many images are copied."""
        texel = texture.texels.shape[-1]
        depth, height, width = texture.shape
        is_array = texture.facts["texturetype"] == 3
        fits = size == (width, height, 1 if is_array else depth) and layer < (depth if is_array else 1)
        if not fits or level or origin != (0, 0, 0):
            raise self.machine.violate(f"a copy of {size} of layer {layer} of a texture of {texture.shape}")
        if row % texel or row < width * texel or image < row * height or offset % texel:
            raise self.machine.violate(f"rows of {row} bytes, images of {image}, at {offset}, for texels of {texel}")
        if offset + image * size[2] > buffer.nbytes:
            raise self.machine.violate("a copy beyond the end of a buffer")
        return size[2]
