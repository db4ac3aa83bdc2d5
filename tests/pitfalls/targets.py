"""A kernel on every target at once: the simulator, the CPU, and its Metal text compiled by clang."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import enigma as en
from enigma.dtypes import as_dtype
from tests.msl.check import assert_legal, clang_available
from tests.msl.run import run_kernel

Array = NDArray[Any]
NOT_RUN = (
    "simd_",
    "quad_",
    "simdgroup",
    "threadgroup",
    "atomic",
    "texture",
    "float3x3(",
    "extract_bits",
    "insert_bits",
    " all(",
    "(all(",
    "!all(",
    "any(",
)
"""Words of Metal texts in which threads talk, or whose functions the stand-in for Metal's library only declares."""


def everywhere(kernel: Any, *arguments: Any, grid: Any, threads: Any = 32, **constants: Any) -> Iterator[list[Any]]:
    """Yield the arguments as each target leaves them; the Metal text runs where no threads talk, and is legal anyway."""
    compiled = en.compile(kernel, emit_only=True, **constants)
    for runtime in (en.SimRuntime(), en.CpuRuntime()):
        given = [x.copy() if isinstance(x, np.ndarray) else x for x in arguments]
        runtime.run(compiled.program, given, grid, threads)
        yield given
    assert_legal(compiled.metal_source, msl_version=(3, 2))
    if clang_available() and not any(word in compiled.metal_source for word in NOT_RUN):
        kinds = {slot: as_dtype(dtype).numpy for _, slot, dtype in compiled.scalar_params}
        given = [
            x.copy() if isinstance(x, np.ndarray) else np.array([x], kinds[slot]) for slot, x in enumerate(arguments)
        ]
        sizes: list[Any] = [size if isinstance(size, tuple) else (size, 1, 1) for size in (grid, threads)]
        run_kernel(compiled.metal_source, dict(enumerate(given)), grid=sizes[0], threads=sizes[1])
        yield given


def same(kernel: Any, *arguments: Any, want: Any, grid: Any, threads: Any = 32, **constants: Any) -> None:
    """Check the last array against what is wanted, bit for bit, on every target."""
    for given in everywhere(kernel, *arguments, grid=grid, threads=threads, **constants):
        np.testing.assert_array_equal(given[-1], np.asarray(want))


def body(kernel: Any, **constants: Any) -> str:
    """Return the text between the braces of the kernel's Metal, without its first indentation."""
    lines = metal(kernel, **constants).splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("kernel void"))
    first = lines.index("{", start) + 1
    return "\n".join(line.removeprefix("    ") for line in lines[first:-1])


def metal(kernel: Any, **constants: Any) -> str:
    """Return the kernel's Metal, which is legal."""
    text = en.compile(kernel, emit_only=True, **constants).metal_source
    assert_legal(text, msl_version=(3, 2))
    return text


def numbers(count: int, kind: Any, seed: int = 0) -> Array:
    """Return numbers over the whole range of an integer dtype, or halves from -8 to 8."""
    random = np.random.default_rng(seed)
    if np.dtype(kind).kind not in "iu":
        return (random.integers(-16, 17, count) / 2).astype(kind)
    limits = np.iinfo(kind)
    found = random.integers(limits.min, limits.max, count, dtype=kind, endpoint=True)
    found[:3] = limits.min, limits.max, 1
    return found
