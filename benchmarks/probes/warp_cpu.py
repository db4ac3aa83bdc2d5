"""Warp on the CPU with its kernel cache; `wp.init` counts as import."""

# ruff: noqa: UP018 - `float(0.0)` declares a variable that changes

from stopwatch import Stopwatch

clock = Stopwatch()

import numpy as np  # noqa: E402 - importing is timed
import warp as wp  # noqa: E402

wp.config.quiet = True
wp.config.kernel_cache_dir = str(clock.folder)
wp.init()
clock.imported()


@wp.kernel(module="unique")
def vadd(a: wp.array(dtype=float), b: wp.array(dtype=float), c: wp.array(dtype=float)):
    i = wp.tid()
    c[i] = a[i] + b[i]


@wp.kernel(module="unique")
def multiply(a: wp.array(dtype=float), b: wp.array(dtype=float), c: wp.array(dtype=float)):
    i = wp.tid()
    c[i] = a[i] * b[i]


@wp.kernel(module="unique")
def rmsnorm(x: wp.array2d(dtype=float), g: wp.array(dtype=float), y: wp.array2d(dtype=float), eps: float):
    r = wp.tid()
    total = float(0.0)
    n = x.shape[1]
    for j in range(n):
        total += x[r, j] * x[r, j]
    scale = 1.0 / wp.sqrt(total / float(n) + eps)
    for j in range(n):
        y[r, j] = x[r, j] * scale * g[j]


@wp.kernel(module="unique")
def gemm(a: wp.array2d(dtype=float), b: wp.array2d(dtype=float), c: wp.array2d(dtype=float)):
    i = wp.tid()
    for j in range(b.shape[1]):
        c[i, j] = 0.0
    for k in range(a.shape[1]):
        left = a[i, k]
        for j in range(b.shape[1]):
            c[i, j] = c[i, j] + left * b[k, j]


def ones(*shape: int):
    """Return a Warp array of ones on the CPU."""
    return wp.array(np.ones(shape, np.float32), dtype=float, device="cpu")


def run(kernel, dim: int, *inputs):
    """Return a function that launches a kernel."""
    return lambda: wp.launch(kernel, dim=dim, inputs=list(inputs), device="cpu")


a, b, c = (ones(256) for _ in range(3))
clock.time("first", run(vadd, 256, a, b, c))
clock.time("second", run(multiply, 256, a, b, c))
clock.time("rmsnorm", run(rmsnorm, 64, ones(64, 256), a, ones(64, 256), 1e-5))
clock.time("gemm", run(gemm, 64, ones(64, 64), ones(64, 64), ones(64, 64)))
clock.launches("launch", run(vadd, 256, a, b, c))
recorded = wp.launch(vadd, dim=256, inputs=[a, b, c], device="cpu", record_cmd=True)
clock.launches("prepared", recorded.launch)
clock.done(f"Warp {wp.config.version}; prepared: a recorded command")
