"""enigma, from Python to the text of a Metal kernel; needs neither a GPU nor Apple's tools, and has no cache."""

from stopwatch import Stopwatch

clock = Stopwatch()

import importlib  # noqa: E402 - importing is timed
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "src")]

import kernels  # noqa: E402

import enigma as en  # noqa: E402

for name in ("compile", "dialect.build", "dialect.text", "passes.pipeline", "emit.msl"):
    importlib.import_module(f"enigma.{name}")
clock.imported()


@en.kernel
def multiply(a: en.f32, b: en.f32, c: en.f32, n: en.Scalar(en.u32)):
    i = en.thread_position_in_grid
    if i < n:
        c[i] = a[i] * b[i]


clock.time("first", lambda: en.compile(kernels.vadd, emit_only=True))
clock.time("second", lambda: en.compile(multiply, emit_only=True))
clock.time("rmsnorm", lambda: en.compile(kernels.rmsnorm, emit_only=True))
clock.time("gemm", lambda: en.compile(kernels.gemm4, emit_only=True))
clock.done(f"enigma {en.__version__}")
