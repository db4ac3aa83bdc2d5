"""Warp on the CPU; it has no threads there."""

# ruff: noqa: UP018 - `float(0.0)` declares a variable that changes

from collections.abc import Callable

import problem
import warp as wp

wp.config.quiet = True


@wp.kernel
def vadd(a: wp.array(dtype=float), b: wp.array(dtype=float), c: wp.array(dtype=float)):
    i = wp.tid()
    c[i] = a[i] + b[i]


@wp.kernel
def rmsnorm(x: wp.array2d(dtype=float), g: wp.array(dtype=float), y: wp.array2d(dtype=float), eps: float):
    r = wp.tid()
    total = float(0.0)
    n = x.shape[1]
    for j in range(n):
        total += x[r, j] * x[r, j]
    scale = 1.0 / wp.sqrt(total / float(n) + eps)
    for j in range(n):
        y[r, j] = x[r, j] * scale * g[j]


@wp.kernel
def gemm(a: wp.array2d(dtype=float), b: wp.array2d(dtype=float), c: wp.array2d(dtype=float)):
    i = wp.tid()
    n = b.shape[1]
    for j in range(n):
        c[i, j] = 0.0
    for k in range(a.shape[1]):
        left = a[i, k]
        for j in range(n):
            c[i, j] = c[i, j] + left * b[k, j]


@wp.kernel
def heat(u: wp.array2d(dtype=float), v: wp.array2d(dtype=float), k: float):
    row, column = wp.tid()
    y = row + 1
    x = column + 1
    v[y, x] = u[y, x] + k * (u[y - 1, x] + u[y + 1, x] + u[y, x - 1] + u[y, x + 1] - 4.0 * u[y, x])


@wp.kernel
def mandelbrot(out: wp.array2d(dtype=float), scale: float, limit: int):
    y, x = wp.tid()
    cx = float(x) * scale - 2.0
    cy = float(y) * scale - 1.5
    zr = float(0.0)
    zi = float(0.0)
    count = float(0.0)
    for _ in range(limit):
        rr = zr * zr
        ii = zi * zi
        if not rr + ii <= 4.0:
            break
        zi = (zr + zr) * zi + cy
        zr = rr - ii + cx
        count = count + 1.0
    out[y, x] = count


def make(threads: int) -> dict[str, Callable[[], None]]:
    if threads > 1:
        return {}
    wp.init()
    arrays = {
        name: [wp.array(x, dtype=float, device="cpu", copy=False) for x in problem.data(name)]
        for name in problem.PROBLEMS
    }

    def run(kernel, name: str, dim, *scalars) -> Callable[[], None]:
        return lambda: wp.launch(kernel, dim=dim, inputs=[*arrays[name], *scalars], device="cpu")

    inner = (problem.HEAT - 2, problem.HEAT - 2)
    return {
        "vadd:Warp": run(vadd, "vadd", problem.VADD),
        "rmsnorm:Warp": run(rmsnorm, "rmsnorm", problem.ROWS, problem.EPS),
        "gemm:Warp": run(gemm, "gemm", problem.GEMM),
        "heat:Warp": run(heat, "heat", inner, problem.K),
        "mandelbrot:Warp": run(
            mandelbrot, "mandelbrot", (problem.MANDEL, problem.MANDEL), 3.0 / problem.MANDEL, problem.MAX_ITERATIONS
        ),
    }


def about() -> str:
    """Return what runs, with versions."""
    return f'Warp {wp.config.version}: `device="cpu"`, which has one thread'
