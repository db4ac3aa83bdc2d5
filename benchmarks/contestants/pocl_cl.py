"""PoCL, the OpenCL implementation on LLVM, with the same kernels and group sizes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import problem


def make(threads: int) -> dict[str, Callable[[], None]]:
    os.environ["POCL_MAX_PTHREAD_COUNT"] = str(threads)
    import pyopencl as cl  # reads the variable when it is imported

    context = cl.Context([cl.get_platforms()[0].get_devices()[0]])
    queue = cl.CommandQueue(context)
    source = Path(__file__).with_suffix(".cl").read_text()
    program = cl.Program(context, source).build(["-cl-fast-relaxed-math", "-cl-mad-enable"])
    flags = cl.mem_flags.READ_WRITE | cl.mem_flags.USE_HOST_PTR
    buffers = {name: [cl.Buffer(context, flags, hostbuf=x) for x in problem.data(name)] for name in problem.PROBLEMS}

    def run(kernel: str, name: str, grid: tuple, group: tuple, *scalars) -> Callable[[], None]:
        function = getattr(program, kernel)
        arguments = (*buffers[name], *scalars)
        function.set_args(*arguments)

        def launch(held: tuple = arguments) -> None:  # OpenCL does not keep a kernel's arguments alive
            cl.enqueue_nd_range_kernel(queue, function, grid, group)
            queue.finish()

        return launch

    size, columns, heat, n = problem.GEMM, problem.COLS, problem.HEAT, problem.MANDEL
    i, f = np.int32, np.float32
    return {
        "vadd:PoCL": run("vadd", "vadd", (problem.VADD,), (256,), i(problem.VADD)),
        "rmsnorm:PoCL": run("rmsnorm", "rmsnorm", (problem.ROWS * 256,), (256,), i(columns), f(problem.EPS)),
        "gemm:PoCL 2x2": run("gemm2", "gemm", (size // 2, size // 2), (16, 16), i(size), i(size)),
        "gemm:PoCL 4x4": run("gemm4", "gemm", (size // 4, size // 4), (16, 16), i(size), i(size)),
        "heat:PoCL": run("heat", "heat", (heat - 2, heat - 2), None, i(heat), f(problem.K)),
        "mandelbrot:PoCL": run(
            "mandelbrot", "mandelbrot", (n * n,), (256,), i(n), f(3.0 / n), i(problem.MAX_ITERATIONS)
        ),
    }


def about() -> str:
    """Return what runs, with versions."""
    import pyopencl as cl  # as above

    number = re.split("pocl ", cl.get_platforms()[0].version, flags=re.IGNORECASE)[-1].split()[0]
    return f"PoCL {number} through pyopencl {cl.VERSION_TEXT}: `-cl-fast-relaxed-math -cl-mad-enable`"
