"""Gathers that the CPU's code of the benchmark kernels contains: `python benchmarks/canaries.py [VECTOR_BITS]`.

Loads and stores of neighbouring lanes become vector loads and stores only where the emitter sees that the lanes are
neighbours. When it loses sight of that, they become gathers and scatters, several times slower; so these are counted.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

import enigma as en  # noqa: E402
from benchmarks import kernels  # noqa: E402 - the path comes first
from enigma.emit.simt.lower import Geometry, lower  # noqa: E402

# every kernel, with the threadgroup it is launched with
CANARIES: dict[str, tuple[Any, tuple[int, int, int]]] = {
    "vadd": (kernels.vadd, (256, 1, 1)),
    "rmsnorm": (kernels.rmsnorm, (256, 1, 1)),
    "gemm2": (kernels.gemm2, (16, 16, 1)),
    "gemm4": (kernels.gemm4, (16, 16, 1)),
    "heat": (kernels.heat, (256, 1, 1)),
    "heat_halo": (kernels.heat_halo, (16, 16, 1)),
    "mandelbrot": (kernels.mandelbrot, (256, 1, 1)),
    **{
        f"{name} of enigma.lib": (plan.kernel, plan.threads)
        for name, plan in {
            "elementwise": en.lib.elementwise(lambda x, y: x * y).kernel(1000, en.f32, en.f32, width=1),
            "rmsnorm": en.lib.rmsnorm.kernel(4, 2048, width=1),
            "rmsnorm by four": en.lib.rmsnorm.kernel(4, 2048),
            "softmax": en.lib.softmax.kernel(4, 512, width=1),
            "softmax by four": en.lib.softmax.kernel(4, 8000),
            "gemm": en.lib.gemm.kernel(1024, 1024, 1024, simdgroups=False),
            "gemm, transposed A": en.lib.gemm.kernel(1024, 1024, 1024, trans_a=True, simdgroups=False),
            "gemm of halves": en.lib.gemm.kernel(1024, 1024, 1024, en.f16, simdgroups=False),
        }.items()
    },
}


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor to lower for: what the emitter asks about one."""

    vector_bits: int
    has_fma: bool = True
    arch: str = "x86_64"


def gathers(name: str, vector_bits: int) -> list[str]:
    """Return the gathers and scatters in the code for whole threadgroups of a kernel: what each is of, and its line."""
    kernel, threads = CANARIES[name]
    module = en.compile(kernel, emit_only=True).program.module
    found = lower(module, Geometry(threads), Processor(vector_bits)).gathers
    return [f"{text} in line {place.line}" if place is not None else text for place, text in found]


def main() -> None:
    bits = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    for name in CANARIES:
        print(f"{name}: {', '.join(gathers(name, bits)) or 'none'}")


if __name__ == "__main__":
    main()
