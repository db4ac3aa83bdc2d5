"""NumPy: BLAS for the matrix product, the tuned spelling for RMSNorm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import problem


def make(threads: int) -> dict[str, Callable[[], None]]:
    a, b, c = problem.data("vadd")
    x, g, y = problem.data("rmsnorm")
    p, q, r = problem.data("gemm")
    u, v = problem.data("heat")
    k = np.float32(problem.K)

    def rmsnorm() -> None:
        y[...] = x * (1.0 / np.sqrt((x * x).mean(1, keepdims=True) + np.float32(problem.EPS))) * g

    def tuned() -> None:
        scale = np.sqrt(np.einsum("ij,ij->i", x, x) / np.float32(x.shape[1]) + np.float32(problem.EPS))
        np.multiply(x, (1 / scale)[:, None], out=y)
        np.multiply(y, g, out=y)

    z, e = problem.data("softmax")
    f, t = problem.data("transpose")

    def softmax() -> None:
        e[...] = np.exp(z - z.max(1, keepdims=True))
        e[...] = e / e.sum(1, keepdims=True)

    def softmax_tuned() -> None:
        np.subtract(z, z.max(1, keepdims=True), out=e)
        np.exp(e, out=e)
        np.divide(e, e.sum(1, keepdims=True), out=e)

    def heat() -> None:
        inner = u[1:-1, 1:-1]
        v[1:-1, 1:-1] = inner + k * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4 * inner)

    query, key, value, result = problem.data("attention")
    scores = np.empty((problem.HEADS, problem.LENGTH, problem.LENGTH), np.float32)

    def attention() -> None:
        np.matmul(query, key.swapaxes(1, 2), out=scores)
        np.multiply(scores, np.float32(problem.HEAD**-0.5), out=scores)
        np.subtract(scores, scores.max(-1, keepdims=True), out=scores)
        np.exp(scores, out=scores)
        np.divide(scores, scores.sum(-1, keepdims=True), out=scores)
        np.matmul(scores, value, out=result)

    return {
        "vadd:NumPy": lambda: np.add(a, b, out=c),
        "rmsnorm:NumPy": rmsnorm,
        "rmsnorm:NumPy tuned": tuned,
        "softmax:NumPy": softmax,
        "softmax:NumPy tuned": softmax_tuned,
        "transpose:NumPy": lambda: np.copyto(t, f.T),
        "attention:NumPy (BLAS)": attention,
        "gemm:NumPy (BLAS)": lambda: np.matmul(p, q, out=r),
        "heat:NumPy": heat,
    }


def about() -> str:
    """Return what runs, with versions."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"NumPy {np.__version__} with {blas['name']} {blas['version']}"
