"""Recording launches for Xcode's debugger, as a `.gputrace`."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from enigma.runtime.metal.failures import described, gpu_error
from enigma.runtime.metal.objc import Bridge

GPU_TRACE_DOCUMENT = 2
"""MTLCaptureDestinationGPUTraceDocument."""

SUFFIX = ".gputrace"


@contextmanager
def capture(bridge: Bridge, device: Any, path: str | os.PathLike[str]) -> Generator[None]:
    """Record what is launched in the `with`, into a new file at `path`. Raises `DeviceError` when Metal does not begin."""
    target = os.fspath(path)
    if not target.endswith(SUFFIX):
        raise gpu_error(f"a capture must end in {SUFFIX}, but the path is {target}", help=f"write capture{SUFFIX}")
    if os.path.exists(target):
        raise gpu_error(
            f"{target} exists already", help="Metal overwrites no capture: remove it, or choose another name"
        )
    manager = bridge.metal.MTLCaptureManager.sharedCaptureManager()
    descriptor = bridge.metal.MTLCaptureDescriptor.alloc().init()
    descriptor.setCaptureObject_(device)
    descriptor.setDestination_(GPU_TRACE_DOCUMENT)
    descriptor.setOutputURL_(bridge.url(target))
    started, error = manager.startCaptureWithDescriptor_error_(descriptor, None)
    if not started:
        raise gpu_error(
            "Metal did not start the capture", help="set MTL_CAPTURE_ENABLED=1 before Python starts",
            said=described(error), path=target,
        )  # fmt: skip
    try:
        yield
    finally:
        manager.stopCapture()
