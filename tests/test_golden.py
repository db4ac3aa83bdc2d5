"""Sixteen kernels as Metal: short enough to be read in review, and accepted by the check of Metal texts."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import enigma as en
from enigma.lib.demo import sobel
from tests.msl.check import assert_legal

EXAMPLES = Path(__file__).parents[1] / "examples"


@en.kernel
def reduction(x: en.f32, sums: en.f32, n: en.Scalar(en.u32)):
    """The sum of each block of 256, by halving."""
    tid = en.thread_position_in_threadgroup()
    i = en.thread_position_in_grid
    partial = en.threadgroup_alloc(en.f32, 256)
    partial[tid] = x[i] if i < n else 0.0
    en.barrier()
    stride = en.u32(128)
    while stride > 0:
        if tid < stride:
            partial[tid] += partial[tid + stride]
        en.barrier()
        stride >>= 1
    if tid == 0:
        sums[en.threadgroup_position_in_grid()] = partial[0]


@en.kernel
def first_large(x: en.i32, where: en.i32, rows: en.Scalar(en.u32), n: en.Scalar(en.u32), limit: en.Scalar(en.i32)):
    """The first column of each row above the limit; negative entries do not count, and a zero ends the search."""
    row = en.thread_position_in_grid
    if row >= rows:
        return
    found = en.i32(-1)
    for j in range(n):
        value = x[row * n + j]
        if value < 0:
            continue
        if value == 0:
            where[row] = -2
            return
        if value > limit:
            found = en.i32(j)
            break
    where[row] = found


LUMA = (0.299, 0.587, 0.114)


@en.kernel
def brightness(pixels: en.u8, out: en.f32, n: en.Scalar(en.u32)):
    """The brightness of pixels of three channels; the weights are constant memory."""
    i = en.thread_position_in_grid
    if i >= n:
        return
    total = en.f32(0)
    for c in en.range(3):
        total += LUMA[c] * pixels[i * 3 + c]
    out[i] = total / 255


@en.kernel
def bit_counts(x: en.u32, counts: en.u32, rows: en.Scalar(en.u32), columns: en.Scalar(en.u32)):
    """How many numbers of each row have their highest bit in each byte, counted in an array of the thread's own."""
    row = en.thread_position_in_grid
    if row < rows:
        found = en.thread_alloc(en.u32, 4, fill=0)
        for j in range(columns):
            found[(31 - en.clz(x[row * columns + j] | 1)) // 8] += 1
        for k in en.range(4):
            counts[row * 4 + k] = found[k]


def example(name: str) -> ModuleType:
    """Return an example as a module; what it imports stands beside it."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
        spec.loader.exec_module(module)
    return module


def kernels() -> dict[str, en.KernelDef]:
    """Return the golden kernels by name."""
    names = {
        "vector_add": "vector_add", "saxpy": "saxpy", "rmsnorm": "rmsnorm", "softmax": "softmax", "tiled_gemm": "tiled_gemm",
        "heat_equation": "heat_step", "mandelbrot": "mandelbrot", "histogram": "histogram", "prefix_sum": "scan_blocks",
        "laplacian": "laplacian", "sdpa": "sdpa",
    }  # fmt: skip
    found = [getattr(example(file), kernel) for file, kernel in names.items()]
    return {kernel.name: kernel for kernel in [*found, sobel, reduction, first_large, brightness, bit_counts]}


KERNELS = kernels()


def test_there_are_sixteen() -> None:
    assert len(KERNELS) == 16


@pytest.mark.parametrize(
    ("file", "name"),
    [("attention", "attention_naive"), ("attention", "attention_tiled"), ("qwen_layer", "qwen_layer")],
)
def test_the_metal_of_a_long_kernel_is_valid(file: str, name: str) -> None:
    assert_legal(en.compile(getattr(example(file), name), emit_only=True).metal_source)


@pytest.mark.parametrize("name", KERNELS)
def test_the_metal_is_the_one_that_was_read(name: str, golden: Callable[..., None]) -> None:
    golden(en.compile(KERNELS[name], emit_only=True).metal_source, name)


@pytest.mark.parametrize("name", KERNELS)
def test_the_metal_is_valid(name: str) -> None:
    assert_legal(en.compile(KERNELS[name], emit_only=True).metal_source)
