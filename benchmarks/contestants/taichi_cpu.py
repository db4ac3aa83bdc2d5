"""Taichi on the CPU, arrays passed as ndarrays."""

from collections.abc import Callable

import problem
import taichi as ti

A1 = ti.types.ndarray(dtype=ti.f32, ndim=1)
A2 = ti.types.ndarray(dtype=ti.f32, ndim=2)


def make(threads: int) -> dict[str, Callable[[], None]]:
    ti.init(arch=ti.cpu, cpu_max_num_threads=threads, log_level=ti.ERROR, offline_cache=False, fast_math=True)

    @ti.kernel
    def vadd(a: A1, b: A1, c: A1):
        for i in range(a.shape[0]):
            c[i] = a[i] + b[i]

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
                    c[i, j] = c[i, j] + left * b[k, j]  # `+=` would be an atomic here

    @ti.kernel
    def heat(u: A2, v: A2, k: ti.f32):
        for y in range(1, u.shape[0] - 1):
            for x in range(1, u.shape[1] - 1):
                v[y, x] = u[y, x] + k * (u[y - 1, x] + u[y + 1, x] + u[y, x - 1] + u[y, x + 1] - 4.0 * u[y, x])

    @ti.kernel
    def mandelbrot(out: A2, scale: ti.f32, limit: ti.i32):
        for y, x in ti.ndrange(out.shape[0], out.shape[1]):
            cx, cy = x * scale - 2.0, y * scale - 1.5
            zr, zi, count = 0.0, 0.0, 0.0
            for _ in range(limit):
                rr, ii = zr * zr, zi * zi
                if not rr + ii <= 4.0:
                    break
                zi = (zr + zr) * zi + cy
                zr = rr - ii + cx
                count += 1.0
            out[y, x] = count

    return {
        "vadd:Taichi": lambda: vadd(*problem.data("vadd")),
        "rmsnorm:Taichi": lambda: rmsnorm(*problem.data("rmsnorm"), problem.EPS),
        "gemm:Taichi": lambda: gemm(*problem.data("gemm")),
        "heat:Taichi": lambda: heat(*problem.data("heat"), problem.K),
        "mandelbrot:Taichi": lambda: mandelbrot(
            *problem.data("mandelbrot"), 3.0 / problem.MANDEL, problem.MAX_ITERATIONS
        ),
    }


def about() -> str:
    """Return what runs, with versions."""
    return f"Taichi {'.'.join(map(str, ti.__version__))}: `arch=cpu`, `fast_math`, NumPy arrays as ndarrays"
