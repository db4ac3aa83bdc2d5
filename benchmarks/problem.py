"""The problems that the contestants solve: sizes, inputs, and what is right."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

SCALE = float(os.environ.get("BENCH_SCALE", "1"))  # below 1 for a quick look
VADD = int((1 << 24) * SCALE) // 256 * 256
ROWS = COLS = int(4096 * SCALE**0.5) // 256 * 256
GEMM = int(1024 * SCALE ** (1 / 3)) // 64 * 64
HEADS, LENGTH, HEAD = 4, int(1024 * SCALE**0.5) // 64 * 64, 64
HEAT = int(2048 * SCALE**0.5) // 16 * 16 + 2
MANDEL = int(1024 * SCALE**0.5) // 16 * 16
MAX_ITERATIONS = 256
EPS, K = 1e-5, 0.1

Array = np.ndarray[Any, np.dtype[Any]]


def aligned(shape: tuple[int, ...]) -> Array:
    """Return random float32 data that starts at a page, as every contestant gets it."""
    rng = np.random.default_rng(1)
    count = int(np.prod(shape))
    raw = np.empty(count + 1024, np.float32)
    start = (-raw.ctypes.data % 4096) // 4
    view = raw[start : start + count].reshape(shape)
    view[...] = rng.random(shape, dtype=np.float32)
    return view


@dataclass(frozen=True)
class Problem:
    """Inputs, the output to fill, and how far it may be from the truth."""

    make: Callable[[], tuple[Array, ...]]
    truth: Callable[..., Array]
    tolerance: float


def _rms(x: Array, g: Array, out: Array) -> Array:
    return (x / np.sqrt((x.astype(np.float64) ** 2).mean(1, keepdims=True) + EPS) * g).astype(np.float32)


def _softmax(x: Array, out: Array) -> Array:
    parts = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    return (parts / parts.sum(1, keepdims=True)).astype(np.float32)


def _attention(q: Array, k: Array, v: Array, out: Array) -> Array:
    scores = q.astype(np.float64) @ k.swapaxes(1, 2) / np.sqrt(HEAD)
    parts = np.exp(scores - scores.max(-1, keepdims=True))
    return (parts / parts.sum(-1, keepdims=True) @ v).astype(np.float32)


def _heat(u: Array, out: Array) -> Array:
    full = out * 0
    k = np.float32(K)
    full[1:-1, 1:-1] = u[1:-1, 1:-1] + k * (
        u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - np.float32(4) * u[1:-1, 1:-1]
    )
    return full


def _mandel(out: Array) -> Array:
    n = MANDEL
    position = np.arange(n, dtype=np.float32) * np.float32(3.0 / n)
    cx, cy = position[None, :] - np.float32(2), position[:, None] - np.float32(1.5)
    zr = np.zeros((n, n), np.float32)
    zi, count, alive = zr.copy(), zr.copy(), np.ones((n, n), bool)
    for _ in range(MAX_ITERATIONS):
        rr, ii = zr * zr, zi * zi
        alive &= rr + ii <= 4
        zi = np.where(alive, (zr + zr) * zi + cy, zi)
        zr = np.where(alive, rr - ii + cx, zr)
        count += alive
    return count


PROBLEMS: dict[str, Problem] = {
    "vadd": Problem(lambda: (aligned((VADD,)), aligned((VADD,)), aligned((VADD,))), lambda a, b, c: a + b, 0.0),
    "rmsnorm": Problem(lambda: (aligned((ROWS, COLS)), aligned((COLS,)), aligned((ROWS, COLS))), _rms, 1e-5),
    "softmax": Problem(lambda: (aligned((ROWS, COLS)), aligned((ROWS, COLS))), _softmax, 1e-6),
    "transpose": Problem(lambda: (aligned((ROWS, COLS)), aligned((COLS, ROWS))), lambda x, out: x.T, 0.0),
    "gemm": Problem(
        lambda: (aligned((GEMM, GEMM)), aligned((GEMM, GEMM)), aligned((GEMM, GEMM))),
        lambda a, b, c: a @ b,
        5e-3,
    ),
    "attention": Problem(lambda: tuple(aligned((HEADS, LENGTH, HEAD)) for _ in range(4)), _attention, 1e-5),
    "heat": Problem(lambda: (aligned((HEAT, HEAT)), aligned((HEAT, HEAT))), _heat, 1e-6),
    "mandelbrot": Problem(lambda: (aligned((MANDEL, MANDEL)),), _mandel, float("inf")),
}


@cache
def data(name: str) -> tuple[Array, ...]:
    """Return the arrays of a problem; the last is the output."""
    return PROBLEMS[name].make()


def error(name: str) -> float:
    """Return the largest difference between the output and the truth; of Mandelbrot, the share of pixels that differ."""
    arrays = data(name)
    truth = PROBLEMS[name].truth(*arrays)
    out = arrays[-1]
    if name == "heat":
        out, truth = out[1:-1, 1:-1], truth[1:-1, 1:-1]
    if name == "mandelbrot":
        return float((out != truth).mean())
    return float(np.abs(out - truth).max())
