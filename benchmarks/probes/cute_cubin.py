"""CuTe DSL for sm_90a, compilation only, on fake tensors."""

import os

from stopwatch import Stopwatch

clock = Stopwatch()
clock.cache_in("CUTE_DSL_CACHE_DIR")
os.environ["CUTE_DSL_ARCH"] = "sm_90a"

from importlib.metadata import version  # noqa: E402 - importing is timed

import cutlass  # noqa: E402
import cutlass.cute as cute  # noqa: E402
from cutlass.cute.runtime import make_fake_compact_tensor  # noqa: E402

clock.imported()


@cute.kernel
def vadd_kernel(a: cute.Tensor, b: cute.Tensor, c: cute.Tensor):
    i = cute.arch.block_idx()[0] * cute.arch.block_dim()[0] + cute.arch.thread_idx()[0]
    if i < cute.size(a):
        c[i] = a[i] + b[i]


@cute.jit
def vadd(a: cute.Tensor, b: cute.Tensor, c: cute.Tensor):
    vadd_kernel(a, b, c).launch(grid=(cute.ceil_div(cute.size(a), 256), 1, 1), block=(256, 1, 1))


@cute.kernel
def multiply_kernel(a: cute.Tensor, b: cute.Tensor, c: cute.Tensor):
    i = cute.arch.block_idx()[0] * cute.arch.block_dim()[0] + cute.arch.thread_idx()[0]
    if i < cute.size(a):
        c[i] = a[i] * b[i]


@cute.jit
def multiply(a: cute.Tensor, b: cute.Tensor, c: cute.Tensor):
    multiply_kernel(a, b, c).launch(grid=(cute.ceil_div(cute.size(a), 256), 1, 1), block=(256, 1, 1))


@cute.kernel
def rmsnorm_kernel(x: cute.Tensor, g: cute.Tensor, y: cute.Tensor, eps: cutlass.Float32):
    thread, row = cute.arch.thread_idx()[0], cute.arch.block_idx()[0]
    partial = cutlass.memory.SmemAllocator().allocate_tensor(cutlass.Float32, cute.make_layout(32))
    columns = x.shape[1]
    total = cutlass.Float32(0.0)
    for start in range(0, columns, 256):
        value = x[row, start + thread]
        total = total + value * value
    total = cute.arch.warp_reduction_sum(total)
    if thread % 32 == 0:
        partial[thread // 32] = total
    cute.arch.barrier()
    squares = cutlass.Float32(0.0)
    for i in cutlass.range_constexpr(8):
        squares = squares + partial[i]
    scale = cute.math.rsqrt(squares / columns + eps)
    for start in range(0, columns, 256):
        y[row, start + thread] = x[row, start + thread] * scale * g[start + thread]


@cute.jit
def rmsnorm(x: cute.Tensor, g: cute.Tensor, y: cute.Tensor, eps: cutlass.Float32):
    rmsnorm_kernel(x, g, y, eps).launch(grid=(x.shape[0], 1, 1), block=(256, 1, 1))


def fake(*shape):
    """Return a row-major tensor that has a type and no memory."""
    return make_fake_compact_tensor(cutlass.Float32, shape, stride_order=tuple(reversed(range(len(shape)))))


n, m = cute.sym_int64(), cute.sym_int64()
clock.time("first", lambda: cute.compile(vadd, fake(n), fake(n), fake(n)))
clock.time("second", lambda: cute.compile(multiply, fake(n), fake(n), fake(n)))
clock.time("rmsnorm", lambda: cute.compile(rmsnorm, fake(m, 4096), fake(4096), fake(m, 4096), cutlass.Float32(1e-5)))
clock.done(f"CuTe DSL {version('nvidia-cutlass-dsl')}: machine code for sm_90a; no matrix product written for it")
