"""Kernels that the tests of `enigma.export` share: every kind of parameter, each with arguments that fit it."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import ml_dtypes
import numpy as np

import enigma as en
from enigma.dtypes import DTYPES, VECTORS, Numeric, b1
from enigma.export.bundle import Bundle
from enigma.export.subject import bundle, subject


@en.kernel
def saxpy(x: en.f32, y: en.f32, a: en.Scalar[en.f32], n: en.Scalar[en.u32]):
    i = en.thread_position_in_grid
    if i < n:
        y[i] = a * x[i] + y[i]


@dataclass
class View:
    """A struct with a hole behind its first member and room at its end."""

    flip: en.Scalar[en.b1]
    zoom: en.Scalar[en.f32]
    offset: en.Scalar[en.u64]
    shift: en.Scalar[en.i16]


@en.kernel
def shade(view: View, out: en.f32):
    i = en.thread_position_in_grid
    value = i.to(en.f32) * view.zoom + view.offset.to(en.f32) + view.shift.to(en.f32)
    out[i] = 0 - value if view.flip else value


@en.kernel
def smooth(x: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    radius = en.function_constant(en.u32, 0, default=1, name="radius")
    gain = en.function_constant(en.f16, 3, name="gain")
    mirrored = en.function_constant(en.b1, 4, default=False, name="mirrored")
    value = x[i] * gain.to(en.f32) + radius.to(en.f32)
    out[i] = 0 - value if mirrored else value


@en.kernel
def table(weights: en.Constant[en.bf16], x: en.f32[None, 4], bins: en.u32):
    i = en.thread_position_in_grid
    x[i, 0] = x[i, 1] * weights[i].to(en.f32)
    bins.atomic_fetch_add(0, 1)


@en.kernel
def sums(x: en.f32, out: en.f32):
    shared = en.threadgroup_alloc(en.f32, 64)
    tid, group = en.thread_index_in_threadgroup(), en.threadgroup_position_in_grid()
    shared[tid] = x[en.thread_position_in_grid]
    en.barrier()
    if tid == 0:
        total = shared[0]
        for k in en.range(1, 64):
            total += shared[k]
        out[group] = total


@en.kernel
def product(a: en.f32, b: en.f32, c: en.f32):
    left = en.simdgroup_matrix_load(a, 8)
    right = en.simdgroup_matrix_load(b, 8)
    en.simdgroup_matrix_store(en.simdgroup_multiply(left, right), c, 8)


@en.kernel
def halve(
    image: en.Texture2D[en.f32],
    into: en.Texture2D[en.f16, Literal["write"]],
    layers: en.Texture2DArray[en.u32],
    out: en.u32,
):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    into.write((image.read(x, y) * 0.5).to(en.f16x4), x, y)
    out[y * 6 + x] = layers.read(x, y, 1).x


@en.kernel
def volume(
    line: en.Texture1D[en.i32],
    solid: en.Texture3D[en.f32, Literal["sample"]],
    pixels: en.Texture2D[en.f32, Literal["read_write"]],
):
    x = en.thread_position_in_grid
    sum = line.read(x).to(en.f32x4) + solid.read(x, 0, 1)
    pixels.write(sum + pixels.read(x, 0), x, 0)


@en.kernel(math="fast")
def fast_sine(x: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    out[i] = en.sin(x[i])


@en.kernel
def speaks(x: en.f32):
    i = en.thread_position_in_grid
    en.print("x is {}", x[i])
    x[i] = 1.0


def other_view() -> Any:
    """Return another struct of the name View."""

    @dataclass
    class View:
        scale: en.Scalar[en.f32]
        bias: en.Scalar[en.i64]

    return View


Other = other_view()


@en.kernel
def views(first: View, second: Other, third: View, out: en.f32):
    i = en.thread_position_in_grid
    out[i] = first.zoom * second.scale + second.bias.to(en.f32) + third.zoom


@en.kernel
def mirror(source: en.Texture2D[en.u16], target: en.Texture2D[en.u16, Literal["write"]]):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    target.write(source.read(source.width() - 1 - x, y), x, y)


@en.kernel
def fenced(x: en.u32, out: en.u32):
    i = en.thread_position_in_grid
    x[i] = i
    en.atomic_thread_fence("mem_device", "release", "device")
    out[i] = i + 1


@en.kernel
def words(
    self: en.u32,
    device: en.u32,
    grid: en.u32,
    func: en.u32,
    int: en.Scalar[en.u32],
    encoder: en.Scalar[en.u32],
    A: en.u32,
    a: en.u32,
):
    i = en.thread_position_in_grid
    a[i] = self[i] + device[i] + grid[i] + func[i] + int + encoder + A[i]


def numbers(dtype: Numeric, count: int) -> Any:
    """Return an array of different numbers of a dtype, extreme ones too."""
    rng = np.random.default_rng(count)
    kind = dtype.element.numpy
    whole = (count, dtype.parts) if dtype.parts > 1 else (count,)
    if dtype.is_float:
        array = rng.standard_normal(whole).astype(kind)
        array.reshape(-1)[:3] = np.array([np.inf, -0.0, 1], kind)
        return array
    if dtype.element is b1:
        return rng.integers(0, 2, whole).astype(bool)
    array = rng.integers(dtype.min, dtype.max, whole, kind, endpoint=True)
    array.reshape(-1)[:2] = (dtype.min, dtype.max)
    return array


def copying(dtype: Numeric) -> Any:
    """Return a kernel that copies a buffer of a dtype."""

    def copy(src, dst):  # type: ignore[no-untyped-def]
        i = en.thread_position_in_grid
        dst[i] = src[i]

    copy.__annotations__ = {"src": dtype, "dst": dtype}
    return en.kernel(copy)


BUFFERS = tuple(dtype for dtype in (*DTYPES, *VECTORS) if dtype.element is not b1 or dtype is b1)
"""Every dtype that a buffer may have."""


@dataclass(frozen=True)
class Case:
    """A kernel and a launch of it."""

    kernel: Any
    arguments: Callable[[], Sequence[Any]]
    grid: Any
    threads: Any = None
    constants: Any = None

    def bundle(self, device: str = "sim") -> Bundle:
        """Return what the targets of an export get."""
        return bundle(
            subject(self.kernel, tuple(self.arguments()), {}, self.grid, self.threads, self.constants), device
        )


def f32(*shape: int) -> Any:
    """Return floats of a shape, different ones."""
    return np.random.default_rng(5).standard_normal(shape).astype(np.float32)


CASES = {
    "saxpy": Case(saxpy, lambda: (f32(1001), f32(1001), 2.5, 990), 1001, 64),
    "shade": Case(shade, lambda: (View(True, 0.5, 1 << 40, -3), np.zeros(33, np.float32)), 33),
    "smooth": Case(smooth, lambda: (f32(31), np.zeros(31, np.float32)), 31, 31, {"gain": 1.5, 4: True}),
    "table": Case(
        table, lambda: (np.arange(32).astype(ml_dtypes.bfloat16), f32(32, 4), np.zeros(1, np.uint32)), 32, 32
    ),
    "sums": Case(sums, lambda: (f32(128), np.zeros(2, np.float32)), 128, 64),
    "product": Case(product, lambda: (f32(64), f32(64), np.zeros(64, np.float32)), 32, 32),
    "halve": Case(
        halve,
        lambda: (
            np.random.default_rng(1).integers(0, 256, (5, 6, 4)).astype(np.uint8), np.zeros((5, 6), np.float16),
            np.arange(60, dtype=np.uint32).reshape(2, 5, 6), np.zeros(30, np.uint32),
        ),
        (6, 5), (4, 4),
    ),
    "volume": Case(
        volume, lambda: (np.arange(7, dtype=np.int32), f32(2, 3, 7, 2), f32(1, 7)), 7,
    ),
    "views": Case(
        views, lambda: (View(False, 0.5, 1, 2), Other(2.0, -(1 << 63)), View(True, 4.0, 1, 2), np.zeros(3, np.float32)), 3
    ),
    "mirror": Case(
        mirror, lambda: (np.arange(24, dtype=np.uint16).reshape(3, 4, 2), np.zeros((3, 4, 2), np.uint16)), (4, 3), (4, 3)
    ),
    "fenced": Case(fenced, lambda: (np.zeros(40, np.uint32), np.zeros(40, np.uint32)), 40),
    "fast_sine": Case(fast_sine, lambda: (f32(10), np.zeros(10, np.float32)), 10),
    "words": Case(
        words,
        lambda: (*(np.full(9, k, np.uint32) for k in range(4)), 4, 5, np.ones(9, np.uint32), np.zeros(9, np.uint32)),
        9,
    ),
    **{
        f"copy {dtype.name}": Case(copying(dtype), lambda dtype=dtype: (numbers(dtype, 33), numbers(dtype, 33)), 33)
        for dtype in BUFFERS
    },
}  # fmt: skip
"""A launch for every kind of parameter."""
