"""How long the parts of one launch took: scheduling, waiting for the GPU, and the compute encoder by the GPU's own counters."""

from __future__ import annotations

from typing import Any

from enigma.runtime.metal.failures import described
from enigma.runtime.metal.objc import Bridge

AT_STAGE_BOUNDARY = 0
"""MTLCounterSamplingPointAtStageBoundary."""

SHARED_STORAGE = 0
"""MTLStorageModeShared."""

TIMESTAMPS = "timestamp"
"""MTLCommonCounterSetTimestamp: the set of counters that holds nothing but the time."""

NO_SAMPLE = (1 << 64) - 1
"""MTLCounterErrorValue: what stands in place of a sample that the GPU could not take."""

_BEGIN, _END = 0, 1
_SAMPLE_BYTES = 8


class EncoderTimer:
    """Samples of the GPU's clock as a compute encoder begins and ends: `descriptor` is for the encoder.

    `absent` says why there are none, which does not keep a launch from running.
    """

    def __init__(self, bridge: Bridge, device: Any) -> None:
        self._device = device
        self._samples: Any = None
        self.descriptor: Any = None
        self.absent = self._begin(bridge)
        self._before = self._clocks() if self.absent is None else (0, 0)

    def _begin(self, bridge: Bridge) -> str | None:
        device, metal = self._device, bridge.metal
        if not device.supportsCounterSampling_(AT_STAGE_BOUNDARY):
            return "this GPU takes no samples at the boundaries of an encoder"
        timestamps = next((one for one in device.counterSets() or () if str(one.name()) == TIMESTAMPS), None)
        if timestamps is None:
            return "this GPU has no counter of the time"
        wanted = metal.MTLCounterSampleBufferDescriptor.alloc().init()
        wanted.setCounterSet_(timestamps)
        wanted.setStorageMode_(SHARED_STORAGE)
        wanted.setSampleCount_(2)
        self._samples, error = device.newCounterSampleBufferWithDescriptor_error_(wanted, None)
        if self._samples is None:
            return f"Metal made no buffer of samples: {described(error)}"
        self.descriptor = metal.MTLComputePassDescriptor.computePassDescriptor()
        place = self.descriptor.sampleBufferAttachments().objectAtIndexedSubscript_(0)
        place.setSampleBuffer_(self._samples)
        place.setStartOfEncoderSampleIndex_(_BEGIN)
        place.setEndOfEncoderSampleIndex_(_END)
        return None

    def _clocks(self) -> tuple[int, int]:
        """Return the CPU's time in nanoseconds and the GPU's in its own unit, of one instant."""
        processor, gpu = self._device.sampleTimestamps_gpuTimestamp_(None, None)
        return int(processor), int(gpu)

    def microseconds(self) -> float | None:
        """Return how long the encoder took, once the command buffer is over; None, and `absent` says why, if that is unknown."""
        if self.absent is not None:
            return None
        data = self._samples.resolveCounterRange_((_BEGIN, 2))
        raw = b"" if data is None else bytes(data)
        begin, end = (int.from_bytes(raw[at : at + _SAMPLE_BYTES], "little") for at in (_BEGIN, _END * _SAMPLE_BYTES))
        if len(raw) < 2 * _SAMPLE_BYTES or NO_SAMPLE in (begin, end) or end < begin:
            self.absent = "the GPU took no sample"
            return None
        (processor, gpu), (processor_then, gpu_then) = self._clocks(), self._before
        passed = gpu - gpu_then
        return (end - begin) * ((processor - processor_then) / passed if passed > 0 else 1.0) / 1000


def of_buffer(buffer: Any, timer: EncoderTimer) -> dict[str, Any]:
    """Return what a profiler shows of a command buffer that is over, in microseconds.

    `scheduling_us` is how long the CPU scheduled it, `queue_wait_us` from then until the GPU began with it, `encoder_gpu_us` how
    long the compute encoder took. What Metal does not tell is left out, and `absent` says why.
    """
    found: dict[str, Any] = {}
    absent: dict[str, str] = {}
    begin, end, at_work = buffer.kernelStartTime(), buffer.kernelEndTime(), buffer.GPUStartTime()
    if 0 < begin <= end:
        found["scheduling_us"] = (end - begin) * 1e6
    else:
        absent["scheduling_us"] = "Metal told no times of the scheduling"
    if 0 < end <= at_work:
        found["queue_wait_us"] = (at_work - end) * 1e6
    else:
        absent["queue_wait_us"] = "Metal told no time at which the scheduling was over before the GPU began"
    took = timer.microseconds()
    if took is not None:
        found["encoder_gpu_us"] = took
    elif timer.absent is not None:
        absent["encoder_gpu_us"] = timer.absent
    return {**found, "absent": absent} if absent else found
