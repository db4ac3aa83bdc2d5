"""PoCL through pyopencl, with PoCL's cache but without the one of pyopencl; making the context counts as import."""

import os
import re

from stopwatch import Stopwatch

clock = Stopwatch()
clock.cache_in("POCL_CACHE_DIR")
os.environ["PYOPENCL_NO_CACHE"] = "1"

from pathlib import Path  # noqa: E402 - importing is timed

import numpy as np  # noqa: E402
import pyopencl as cl  # noqa: E402

platform = cl.get_platforms()[0]
context = cl.Context([platform.get_devices()[0]])
queue = cl.CommandQueue(context)
clock.imported()

SOURCE = (Path(__file__).parents[1] / "contestants" / "pocl_cl.cl").read_text()
PARTS = {
    name: "__kernel" + part
    for part in SOURCE.split("__kernel")[1:]
    for name in ("vadd", "rmsnorm")
    if f" {name}(" in part
}
PARTS["multiply"] = PARTS["vadd"].replace("a[i] + b[i]", "a[i] * b[i]").replace("vadd", "multiply")
PARTS["gemm2"] = "#define GEMM" + SOURCE.split("#define GEMM")[1].split("GEMM(gemm4")[0]


def buffer(count: int):
    """Return an OpenCL buffer over an array of ones."""
    return cl.Buffer(context, cl.mem_flags.READ_WRITE | cl.mem_flags.USE_HOST_PTR, hostbuf=np.ones(count, np.float32))


def run(name: str, grid: tuple, group: tuple, *arguments):
    """Build a program of one kernel, launch it and wait; return the kernel."""
    kernel = getattr(cl.Program(context, PARTS[name]).build(["-cl-fast-relaxed-math"]), name)
    kernel(queue, grid, group, *arguments)
    queue.finish()
    return kernel


def launch() -> None:
    """Launch the first kernel again and wait."""
    kernel(queue, (256,), (256,), *vectors, size)
    queue.finish()


size, vectors = np.int32(256), [buffer(256) for _ in range(3)]
x, y, p, q, r = (buffer(64 * 256) for _ in range(5))
kernel = clock.time("first", lambda: run("vadd", (256,), (256,), *vectors, size))
clock.time("second", lambda: run("multiply", (256,), (256,), *vectors, size))
clock.time("rmsnorm", lambda: run("rmsnorm", (64 * 256,), (256,), x, vectors[0], y, size, np.float32(1e-5)))
clock.time("gemm", lambda: run("gemm2", (32, 32), (16, 16), p, q, r, np.int32(64), np.int32(64)))
clock.launches("launch", launch, 500)
number = re.split("pocl ", platform.version, flags=re.IGNORECASE)[-1].split()[0]
clock.done(f"PoCL {number} through pyopencl {cl.VERSION_TEXT}")
