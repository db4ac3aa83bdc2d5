"""Taichi on the CPU with its offline cache; `ti.init` counts as import."""

from stopwatch import Stopwatch

clock = Stopwatch()

import numpy as np  # noqa: E402 - importing is timed
import taichi as ti  # noqa: E402

ti.init(
    arch=ti.cpu,
    cpu_max_num_threads=2,
    log_level=ti.ERROR,
    offline_cache=True,
    offline_cache_file_path=str(clock.folder),
)
clock.imported()

A1 = ti.types.ndarray(dtype=ti.f32, ndim=1)
A2 = ti.types.ndarray(dtype=ti.f32, ndim=2)


@ti.kernel
def vadd(a: A1, b: A1, c: A1):
    for i in range(a.shape[0]):
        c[i] = a[i] + b[i]


@ti.kernel
def multiply(a: A1, b: A1, c: A1):
    for i in range(a.shape[0]):
        c[i] = a[i] * b[i]


@ti.kernel
def rmsnorm(x: A2, g: A1, y: A2, eps: ti.f32):
    for r in range(x.shape[0]):
        total = 0.0
        for j in range(x.shape[1]):
            total += x[r, j] * x[r, j]
        scale = 1.0 / ti.sqrt(total / x.shape[1] + eps)
        for j in range(x.shape[1]):
            y[r, j] = x[r, j] * scale * g[j]


@ti.kernel
def gemm(a: A2, b: A2, c: A2):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            c[i, j] = 0.0
        for k in range(a.shape[1]):
            left = a[i, k]
            for j in range(b.shape[1]):
                c[i, j] = c[i, j] + left * b[k, j]


a, b, c = (np.ones(256, np.float32) for _ in range(3))
x, y = (np.ones((64, 256), np.float32) for _ in range(2))
p, q, r = (np.ones((64, 64), np.float32) for _ in range(3))
clock.time("first", lambda: vadd(a, b, c))
clock.time("second", lambda: multiply(a, b, c))
clock.time("rmsnorm", lambda: rmsnorm(x, a, y, 1e-5))
clock.time("gemm", lambda: gemm(p, q, r))
clock.launches("launch", lambda: vadd(a, b, c), 500)
own = [ti.ndarray(ti.f32, 256) for _ in range(3)]
vadd(*own)
clock.launches("prepared", lambda: vadd(*own), 500)
clock.done(f"Taichi {'.'.join(map(str, ti.__version__))}; prepared: its own `ti.ndarray`")
