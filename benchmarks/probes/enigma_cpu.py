"""enigma's CPU runtime. A first process imports the compiler ahead of the first kernel; a second one never needs most of it."""

from stopwatch import Stopwatch

clock = Stopwatch()
clock.cache_in("ENIGMA_CACHE_DIR")

import importlib  # noqa: E402 - importing is timed
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "src")]

import kernels  # noqa: E402
import numpy as np  # noqa: E402

import enigma as en  # noqa: E402

importlib.import_module("enigma.compile")
importlib.import_module("enigma.runtime.cpu")
if not clock.again:
    for name in ("dialect.build", "passes.pipeline", "emit.simt.lower"):
        importlib.import_module(f"enigma.{name}")
clock.imported()


@en.kernel
def multiply(a: en.f32, b: en.f32, c: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i < n:
        c[i] = a[i] * b[i]


a, b, c = (np.ones(256, np.float32) for _ in range(3))
x, y, p, q, r = (np.ones((64, 64 * 4), np.float32) for _ in range(5))
clock.time("first", lambda: kernels.vadd[256, 256](a, b, c, 256))
clock.time("second", lambda: multiply[256, 256](a, b, c, 256))
clock.time("rmsnorm", lambda: kernels.rmsnorm[64 * 256, 256](x, a, y, 256, 1e-5))
clock.time("gemm", lambda: kernels.gemm2[(32, 32), (16, 16)](p, q, r, 64, 64))
clock.launches("launch", lambda: kernels.vadd[256, 256](a, b, c, 256))
prepared = en.CpuRuntime().prepare(en.compile(kernels.vadd), [a, b, c], scalars=[256], inout=["c"])
clock.launches("prepared", lambda: prepared.dispatch((256, 1, 1), (256, 1, 1)))
clock.done(f"enigma {en.__version__}")
