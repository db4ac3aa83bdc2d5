"""enigma's CPU runtime, prepared launches."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

import kernels
import problem

import enigma as en
from enigma.runtime.native.pool import set_num_threads


def make(threads: int) -> dict[str, Callable[[], None]]:
    set_num_threads(threads)
    runtime = en.CpuRuntime()
    runs: dict[str, Callable[[], None]] = {}

    def add_kernel(name: str, kernel, scalars: list, grid: tuple, group: tuple) -> None:
        arrays = list(problem.data(name.split(":")[0]))
        compiled = en.compile(kernel, emit_only=True)
        prepared = runtime.prepare(compiled, arrays, scalars=scalars, inout=[len(arrays) - 1])
        runs[name] = lambda: prepared.dispatch(grid, group)

    def add_plan(name: str, plan) -> None:
        arrays = list(problem.data(name.split(":")[0]))
        prepared = runtime.prepare(plan.compile(emit_only=True), arrays, scalars=plan.scalars, inout=[len(arrays) - 1])
        runs[name] = lambda: prepared.dispatch(plan.grid, plan.threads)

    n, rows, size, heat, mandel = problem.VADD, problem.ROWS, problem.GEMM, problem.HEAT, problem.MANDEL
    add_kernel("vadd:enigma", kernels.vadd, [n], (n, 1, 1), (256, 1, 1))
    add_kernel("rmsnorm:enigma", kernels.rmsnorm, [problem.COLS, problem.EPS], (rows * 256, 1, 1), (256, 1, 1))
    add_kernel("gemm:enigma 2x2", kernels.gemm2, [size, size], (size // 2, size // 2, 1), (16, 16, 1))
    add_kernel("gemm:enigma 4x4", kernels.gemm4, [size, size], (size // 4, size // 4, 1), (16, 16, 1))
    add_kernel("heat:enigma", kernels.heat, [heat, problem.K], (heat - 2, heat - 2, 1), (256, 1, 1))
    add_kernel("heat:enigma halo tile", kernels.heat_halo, [heat, problem.K], (heat - 2, heat - 2, 1), (16, 16, 1))
    add_kernel("mandelbrot:enigma", kernels.mandelbrot, [mandel, 3.0 / mandel], (mandel * mandel, 1, 1), (256, 1, 1))
    shape = problem.ROWS, problem.COLS
    add = en.lib.elementwise(lambda a, b: a + b)
    add_plan("vadd:enigma.lib", add.kernel(n, en.f32, en.f32, width=1))
    add_plan("vadd:enigma.lib, float4", add.kernel(n, en.f32, en.f32))
    add_plan("rmsnorm:enigma.lib", en.lib.rmsnorm.kernel(*shape, eps=problem.EPS, width=1))
    add_plan("rmsnorm:enigma.lib, float4", en.lib.rmsnorm.kernel(*shape, eps=problem.EPS))
    add_plan("gemm:enigma.lib", en.lib.gemm.kernel(size, size, size, simdgroups=False))
    add_plan("gemm:enigma.lib, simdgroups", en.lib.gemm.kernel(size, size, size))
    attention = problem.LENGTH, problem.LENGTH, problem.HEAD
    add_plan("attention:enigma.lib", en.lib.attention.kernel(*attention, heads=problem.HEADS, simdgroups=False))
    add_plan("softmax:enigma.lib", en.lib.softmax.kernel(*shape, width=1))
    add_plan("softmax:enigma.lib, float4", en.lib.softmax.kernel(*shape))
    add_plan("transpose:enigma.lib", en.lib.transpose.kernel(*shape))
    return runs


def about() -> str:
    """Return what runs, with versions."""
    return f"enigma {en.__version__} on llvmlite {version('llvmlite')}: prepared launches, outputs in place"
