"""Numba, parallel and fast-math."""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np
import problem
from numba import njit, prange


@njit(parallel=True, fastmath=True)
def vadd(a, b, c):
    for i in prange(a.shape[0]):
        c[i] = a[i] + b[i]


@njit(parallel=True, fastmath=True)
def rmsnorm(x, g, y, eps):
    for r in prange(x.shape[0]):
        total = np.float32(0)
        for j in range(x.shape[1]):
            total += x[r, j] * x[r, j]
        scale = np.float32(1) / np.sqrt(total / np.float32(x.shape[1]) + eps)
        for j in range(x.shape[1]):
            y[r, j] = x[r, j] * scale * g[j]


@njit(parallel=True, fastmath=True)
def softmax(x, y):
    for r in prange(x.shape[0]):
        most = x[r, 0]
        for j in range(x.shape[1]):
            most = max(most, x[r, j])
        total = np.float32(0)
        for j in range(x.shape[1]):
            y[r, j] = np.exp(x[r, j] - most)
            total += y[r, j]
        for j in range(x.shape[1]):
            y[r, j] /= total


@njit(parallel=True)
def transpose(x, y):
    for r in prange((x.shape[0] + 31) // 32):
        for c in range((x.shape[1] + 31) // 32):
            for j in range(c * 32, min(c * 32 + 32, x.shape[1])):
                for i in range(r * 32, min(r * 32 + 32, x.shape[0])):
                    y[j, i] = x[i, j]


@njit(parallel=True, fastmath=True)
def gemm(a, b, c):
    for i in prange(a.shape[0]):
        c[i, :] = 0
        for k in range(a.shape[1]):
            left = a[i, k]
            for j in range(b.shape[1]):
                c[i, j] += left * b[k, j]


@njit(parallel=True, fastmath=True)
def heat(u, v, k):
    for y in prange(1, u.shape[0] - 1):
        for x in range(1, u.shape[1] - 1):
            ring = u[y - 1, x] + u[y + 1, x] + u[y, x - 1] + u[y, x + 1]
            v[y, x] = u[y, x] + k * (ring - np.float32(4) * u[y, x])


@njit(parallel=True, fastmath={"contract"})
def mandelbrot(out, scale, limit):
    for y in prange(out.shape[0]):
        cy = np.float32(y) * scale - np.float32(1.5)
        for x in range(out.shape[1]):
            cx = np.float32(x) * scale - np.float32(2)
            zr = zi = count = np.float32(0)
            for _ in range(limit):
                rr, ii = zr * zr, zi * zi
                if not rr + ii <= np.float32(4):
                    break
                zi = (zr + zr) * zi + cy
                zr = rr - ii + cx
                count += np.float32(1)
            out[y, x] = count


def make(threads: int) -> dict[str, Callable[[], None]]:
    numba.set_num_threads(threads)
    eps, k, scale = np.float32(problem.EPS), np.float32(problem.K), np.float32(3.0 / problem.MANDEL)
    return {
        "vadd:Numba": lambda: vadd(*problem.data("vadd")),
        "rmsnorm:Numba": lambda: rmsnorm(*problem.data("rmsnorm"), eps),
        "softmax:Numba": lambda: softmax(*problem.data("softmax")),
        "transpose:Numba": lambda: transpose(*problem.data("transpose")),
        "gemm:Numba": lambda: gemm(*problem.data("gemm")),
        "heat:Numba": lambda: heat(*problem.data("heat"), k),
        "mandelbrot:Numba": lambda: mandelbrot(*problem.data("mandelbrot"), scale, problem.MAX_ITERATIONS),
    }


def about() -> str:
    """Return what runs, with versions."""
    return f"Numba {numba.__version__}: `njit(parallel=True, fastmath=True)`"
