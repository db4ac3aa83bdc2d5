"""Numba, parallel and fast-math, with its disk cache."""

from stopwatch import Stopwatch

clock = Stopwatch()
clock.cache_in("NUMBA_CACHE_DIR")

import numba  # noqa: E402 - importing is timed
import numpy as np  # noqa: E402
from numba import njit, prange  # noqa: E402

clock.imported()


@njit(parallel=True, fastmath=True, cache=True)
def vadd(a, b, c):
    for i in prange(a.shape[0]):
        c[i] = a[i] + b[i]


@njit(parallel=True, fastmath=True, cache=True)
def multiply(a, b, c):
    for i in prange(a.shape[0]):
        c[i] = a[i] * b[i]


@njit(parallel=True, fastmath=True, cache=True)
def rmsnorm(x, g, y, eps):
    for r in prange(x.shape[0]):
        total = np.float32(0)
        for j in range(x.shape[1]):
            total += x[r, j] * x[r, j]
        scale = np.float32(1) / np.sqrt(total / np.float32(x.shape[1]) + eps)
        for j in range(x.shape[1]):
            y[r, j] = x[r, j] * scale * g[j]


@njit(parallel=True, fastmath=True, cache=True)
def gemm(a, b, c):
    for i in prange(a.shape[0]):
        c[i, :] = 0
        for k in range(a.shape[1]):
            left = a[i, k]
            for j in range(b.shape[1]):
                c[i, j] += left * b[k, j]


a, b, c = (np.ones(256, np.float32) for _ in range(3))
x, y = (np.ones((64, 256), np.float32) for _ in range(2))
p, q, r = (np.ones((64, 64), np.float32) for _ in range(3))
clock.time("first", lambda: vadd(a, b, c))
clock.time("second", lambda: multiply(a, b, c))
clock.time("rmsnorm", lambda: rmsnorm(x, a, y, np.float32(1e-5)))
clock.time("gemm", lambda: gemm(p, q, r))
clock.launches("launch", lambda: vadd(a, b, c))
clock.done(f"Numba {numba.__version__}, `parallel=True`")
