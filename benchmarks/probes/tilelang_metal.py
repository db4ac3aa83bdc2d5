"""TileLang, from Python to the text of a Metal kernel. Its RMSNorm needs a reduction, which its Metal target lacks."""

from stopwatch import Stopwatch

clock = Stopwatch()

import tilelang  # noqa: E402 - importing is timed
import tilelang.language as T  # noqa: E402
from tilelang import tvm  # noqa: E402

clock.imported()
TARGET = tvm.target.Target("metal")


def vadd(n: int = 1 << 20, block: int = 256):
    """Return the sum of two vectors as a program."""

    @T.prim_func
    def main(A: T.Tensor((n,), "float32"), B: T.Tensor((n,), "float32"), C: T.Tensor((n,), "float32")):
        with T.Kernel(T.ceildiv(n, block), threads=block) as bx:
            for i in T.Parallel(block):
                C[bx * block + i] = A[bx * block + i] + B[bx * block + i]

    return main


def multiply(n: int = 1 << 20, block: int = 256):
    """Return the product of two vectors as a program."""

    @T.prim_func
    def main(A: T.Tensor((n,), "float32"), B: T.Tensor((n,), "float32"), C: T.Tensor((n,), "float32")):
        with T.Kernel(T.ceildiv(n, block), threads=block) as bx:
            for i in T.Parallel(block):
                C[bx * block + i] = A[bx * block + i] * B[bx * block + i]

    return main


def gemm(n: int = 1024, tile: int = 64, depth: int = 32):
    """Return the product of two matrices as a program."""

    @T.prim_func
    def main(A: T.Tensor((n, n), "float16"), B: T.Tensor((n, n), "float16"), C: T.Tensor((n, n), "float32")):
        with T.Kernel(T.ceildiv(n, tile), T.ceildiv(n, tile), threads=128) as (bx, by):
            left = T.alloc_shared((tile, depth), "float16")
            right = T.alloc_shared((depth, tile), "float16")
            acc = T.alloc_fragment((tile, tile), "float32")
            T.clear(acc)
            for k in T.Pipelined(T.ceildiv(n, depth), num_stages=0):
                T.copy(A[by * tile, k * depth], left)
                T.copy(B[k * depth, bx * tile], right)
                T.gemm(left, right, acc)
            T.copy(acc, C[by * tile, bx * tile])

    return main


def text(make) -> str:
    """Return the Metal text of a program, which is traced and lowered."""
    with TARGET:
        return tilelang.lower(make(), target=TARGET).kernel_source


clock.time("first", lambda: text(vadd))
clock.time("second", lambda: text(multiply))
clock.time("gemm", lambda: text(gemm))
clock.done(f"TileLang {tilelang.__version__}: Metal text")
