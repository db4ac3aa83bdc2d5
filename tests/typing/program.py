"""A program as a user writes it, with every kind of kernel parameter: pyright must find nothing to say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

import enigma as en


def square(x: en.f32) -> en.f32:
    """Return x times itself; called from a kernel."""
    return x * x


@en.kernel
def saxpy(x: en.f32, y: en.f32, k: en.constexpr = 2):
    i = en.thread_position_in_grid
    y[i] = k * square(x[i]) + y[i] - 1


@dataclass
class Range:
    low: en.Scalar[en.f32]
    high: en.f32


@en.kernel(math="fast")
def limited(x: en.f32, limits: Range):
    i = en.thread_position_in_grid
    x[i] = en.clamp(en.exp(x[i], precision="precise"), limits.low, limits.high)


LIMIT = en.function_constant(en.f32, 3, default=8.0, name="limit")


@en.kernel
def scaled(x: en.f32, n: en.Scalar[en.u32], scale: en.Scalar[en.f32]):
    i = en.thread_position_in_grid
    twice = en.function_constant(en.b1, 0, default=False)
    if i < n and en.is_function_constant_defined(twice):
        x[i] = en.fmin(x[n - 1 - i] * scale, en.function_constant(en.f32, 1)) + LIMIT.value


@en.kernel
def clamp_rows(a: en.f16, lengths: en.u8, out: en.f32):
    row, column = en.threadgroup_position_in_grid("x"), en.thread_position_in_threadgroup("x")
    tile = en.threadgroup_alloc(en.f32, (2, 32))
    best = 0.0
    for k in range(lengths[row]):
        best = en.fmax(best, a[row * 32 + k].to(en.f32))
    tile[0, column] = en.where(best > 1, best, -best)
    en.barrier()
    if column < 31 and not (row == 2 or column == 7):
        out[row * 32 + column] = en.simd_sum(tile[0, column + 1]) * 0.5


@en.kernel
def resized(
    image: en.Texture2D[en.f32, Literal["sample"]],
    stack: en.Texture2DArray[en.f16],
    out: en.Texture2D[en.f32, Literal["write"]],
):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    if x < out.width() and y < image.height():
        u = x.to(en.f32) / out.width().to(en.f32)
        out.write(image.sample(u, 0.5, filter="linear") + stack.read(x, y, stack.array_size() - 1), x, y)


@en.kernel
def vectors(a: en.f32x4, b: en.f32, c: en.u8x3, out: en.float4):
    i = en.thread_position_in_grid
    v = a[i]
    v.x = 1.0
    v.zy *= 2
    w = en.sqrt(abs(v)) * 2 + v.wzyx - en.f32x4(v.xyz, 1.0) + b.load(i * 4, 4, limit=15)
    if en.all(v < w) and en.any(v.xy > 0):
        w = en.where(v > 0, w, -v).replace(y=0.0)
    for part in v:
        w += part
    narrow = c[i] + c[i].zyx
    out[i] = en.simd_sum(w) + en.dot(v, w) + narrow.x + v[0]
    out[i].xy = v.yx
    b.store(i * 4, w, limit=15)


@en.kernel
def histogram(values: en.u32, counts: en.u32):
    i = en.thread_position_in_grid
    bucket = values[i] >> 4 & 0xFF
    old: en.u32 = en.atomic_fetch_add(counts, bucket, 1)
    with en.if_(old == 0):
        counts[256] = en.popcount(bucket) + en.u32(1)
    for j in en.range(4):
        counts[j] += en.metal_cast(en.exp(i.to(en.f32)), en.u32)


def main() -> None:
    x, y = np.ones(64, np.float32), np.ones(64, np.float32)
    saxpy[64, 32](x, y)
    saxpy.launch(x, y, grid=64, threads=32, constants={"k": 3}, device="sim")
    compiled: en.CompiledKernel = en.compile(saxpy, emit_only=True, math="precise", k=3)
    print(compiled.metal_source, compiled.asm["llvm"], en.f32.width)
    raw = en.runtime("sim").execute(compiled, [x], 256, grid=(64, 1, 1), threads=(32, 1, 1))
    print(np.frombuffer(raw, np.float32))
    limited[64, 32](x, {"low": 0.5, "high": 1.5})
    scaled.launch(x, 64, 2.0, grid=64, constants={"twice": True, 1: ("float", 3.0)})
    vectors[4, 4](np.ones((4, 4), np.float32), y[:16], np.ones((4, 3), np.uint8), np.zeros((4, 4), np.float32))
    resized[(4, 3), (4, 3)](np.ones((3, 4), np.uint8), np.ones((2, 3, 4), np.float16), np.zeros((3, 4), np.float32))
    print([(constant.name, constant.dtype.name) for constant in en.compile(scaled).function_constants])
    try:
        en.compile(clamp_rows)
    except en.EnigmaError as error:
        print(error.message)


if __name__ == "__main__":
    main()
