"""Triton for sm_90, compilation only: to PTX and machine code; no GPU needed."""

from stopwatch import Stopwatch

clock = Stopwatch()
clock.cache_in("TRITON_CACHE_DIR")

import triton  # noqa: E402 - importing is timed
import triton.language as tl  # noqa: E402
from triton.backends.compiler import GPUTarget  # noqa: E402
from triton.compiler import ASTSource  # noqa: E402

clock.imported()


@triton.jit
def vadd(a, b, c, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    tl.store(c + i, tl.load(a + i, mask=inside) + tl.load(b + i, mask=inside), mask=inside)


@triton.jit
def multiply(a, b, c, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < n
    tl.store(c + i, tl.load(a + i, mask=inside) * tl.load(b + i, mask=inside), mask=inside)


@triton.jit
def rmsnorm(x, g, y, n, eps, BLOCK: tl.constexpr):
    row, j = tl.program_id(0), tl.arange(0, BLOCK)
    inside = j < n
    value = tl.load(x + row * n + j, mask=inside, other=0.0)
    scale = 1.0 / tl.sqrt(tl.sum(value * value, 0) / n + eps)
    tl.store(y + row * n + j, value * scale * tl.load(g + j, mask=inside), mask=inside)


@triton.jit
def gemm(A, B, C, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    depth = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, K, BK):
        a = tl.load(A + rows[:, None] * K + (k + depth)[None, :])
        b = tl.load(B + (k + depth)[:, None] * N + columns[None, :])
        acc += tl.dot(a, b)
    tl.store(C + rows[:, None] * N + columns[None, :], acc)


def build(fn, signature: dict[str, str], **constants: int):
    """Return a function that compiles a kernel for an H100."""
    whole = signature | dict.fromkeys(constants, "constexpr")
    source = ASTSource(fn=fn, signature=whole, constexprs=constants)
    return lambda: triton.compile(source, target=GPUTarget("cuda", 90, 32))


arrays = {"a": "*fp32", "b": "*fp32", "c": "*fp32", "n": "i32"}
clock.time("first", build(vadd, arrays, BLOCK=256))
clock.time("second", build(multiply, arrays, BLOCK=256))
clock.time("rmsnorm", build(rmsnorm, {"x": "*fp32", "g": "*fp32", "y": "*fp32", "n": "i32", "eps": "fp32"}, BLOCK=4096))
matrices = {"A": "*fp16", "B": "*fp16", "C": "*fp32", "M": "i32", "N": "i32", "K": "i32"}
clock.time("gemm", build(gemm, matrices, BM=64, BN=64, BK=32))
clock.done(f"Triton {triton.__version__}: PTX and machine code for sm_90")
