"""What Metal says when something fails, as errors of enigma: with the Python line where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from enigma.errors import DeviceError, Place
from enigma.runtime import diagnostics

Note = tuple[str, Place | None]

LIBRARY_CODES = {
    1: "Unsupported",
    2: "Internal",
    3: "CompileFailure",
    4: "CompileWarning",
    5: "FunctionNotFound",
    6: "FileNotFound",
}
"""MTLLibraryError."""

BUFFER_CODES = {
    0: "None", 1: "Internal", 2: "Timeout", 3: "PageFault", 4: "AccessRevoked", 7: "NotPermitted", 8: "OutOfMemory",
    9: "InvalidResource", 10: "Memoryless", 11: "DeviceRemoved", 12: "StackOverflow",
}  # fmt: skip
"""MTLCommandBufferError."""

LOST = frozenset((4, 11))
"""Codes of a command buffer after which the device is of no use any more."""

_ADVICE = {
    2: "the GPU stops what takes longer than a few seconds: launch smaller grids, and see that every loop of the kernel ends",
    3: "the kernel left its buffers: run it on enigma.SimRuntime(), which names the line, the thread and the index",
    4: "macOS took the GPU away from this process, as it does after many errors: start it again",
    7: "macOS lets a process in the background do no work on the GPU: run it in the foreground",
    8: "use smaller arrays, or let go of some: del array, prepared.release()",
    9: "a buffer of the launch was let go of while the GPU used it: keep the arrays until the launch is over",
    11: "the GPU was removed: make a new enigma.MetalRuntime()",
    12: "the kernel needs more memory for each thread than there is: use smaller register arrays and vectors",
}


def gpu_error(what: str, *, help: str | None = None, notes: Sequence[Note] = (), **context: Any) -> DeviceError:
    """Return an error of the device: `enigma GPU error: ...`, then a line for each item of context."""
    lines = [f"enigma GPU error: {what}"]
    lines += [f"  {key.replace('_', ' ')}: {value}" for key, value in context.items() if value is not None]
    return DeviceError("\n".join(lines), help=help, notes=notes)


def described(error: Any) -> str:
    """Return what an NSError says, in one text."""
    return "Metal gave no reason" if error is None else str(error.localizedDescription()).strip()


def compile_failure(kernel: str, error: Any, places: Sequence[Place | None]) -> DeviceError:
    """Return the error for Metal source that the compiler refused. `places` are the Python lines of the source's lines."""
    said = described(error)
    return gpu_error(
        f"the Metal compiler refused kernel {kernel}",
        help="Metal source that does not compile is a bug in enigma: please report it with the kernel",
        notes=diagnostics.notes(said, diagnostics.PROGRAM, places), code=named(error, LIBRARY_CODES), said=_indented(said),
    )  # fmt: skip


def library_failure(kernel: str, path: str, error: Any) -> DeviceError:
    """Return the error for a .metallib that cannot be loaded."""
    return gpu_error(
        f"the library of kernel {kernel} cannot be loaded",
        help="compile the kernel again; a .metallib does not load on a macOS older than the one it was built for",
        path=path, code=named(error, LIBRARY_CODES), said=_indented(described(error)),
    )  # fmt: skip


def pipeline_failure(kernel: str, error: Any, threads: int) -> DeviceError:
    """Return the error for a function that Metal makes no pipeline of."""
    said = described(error)
    memory = "threadgroup memory" in said.lower()
    return gpu_error(
        f"Metal made no pipeline of kernel {kernel}",
        help="allocate less threadgroup memory" if memory else
        "use fewer threads per threadgroup; if that does not help, please report it with the kernel",
        threads_per_threadgroup=threads, said=_indented(said),
    )  # fmt: skip


def code_of(error: Any) -> int:
    """Return the code of an NSError; 0 for none."""
    return 0 if error is None else int(error.code())


def launch_failure(kernels: Sequence[str], error: Any) -> DeviceError:
    """Return the error for a command buffer that did not complete."""
    code = code_of(error)
    return gpu_error(
        f"the launch of {'kernel' if len(kernels) == 1 else 'kernels'} {', '.join(kernels)} failed",
        help=_ADVICE.get(code, "run it on enigma.SimRuntime(), which checks every access"),
        code=named(error, BUFFER_CODES), said=_indented(described(error)),
    )  # fmt: skip


def named(error: Any, names: dict[int, str]) -> str:
    """Return an error's code with Metal's name of it: `3 (PageFault)`."""
    code = code_of(error)
    return f"{code} ({names[code]})" if code in names else str(code)


def _indented(text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return lines[0] if len(lines) == 1 else "\n" + "\n".join(f"    {line}" for line in lines)
