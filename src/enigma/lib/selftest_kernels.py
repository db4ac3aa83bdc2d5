"""The kernels of the self-test, written as a user would write them."""

# pyright: basic, reportInvalidTypeForm=false, reportArgumentType=false, reportOperatorIssue=false
# a kernel's annotations say how it is called, which no type checker knows

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import enigma as en


@en.kernel
def triad(a: en.f32, b: en.f32, out: en.f32, n: en.Scalar[en.u32], k: en.Scalar[en.f32]) -> None:
    """The sum of a and k times b, up to n."""
    i = en.thread_position_in_grid
    if i < n:
        out[i] = a[i] + k * b[i]


@dataclass
class Pair:
    """Members of several sizes."""

    small: en.i16
    large: en.i64
    real: en.f32
    flag: en.b1


@en.kernel
def pair_sum(p: Pair, out: en.f32) -> None:
    """The members of a struct, as floats."""
    out[0] = p.small.to(en.f32)
    out[1] = p.large.to(en.f32)
    out[2] = p.real
    out[3] = en.where(p.flag, en.f32(1), en.f32(0))


@en.kernel
def gives_constants(out: en.f32) -> None:
    """Function constants, as floats."""
    out[0] = en.function_constant(en.f32, 0)
    out[1] = en.function_constant(en.f16, 1).to(en.f32)
    out[2] = en.function_constant(en.f32, 2)
    out[3] = en.function_constant(en.i32, 3).to(en.f32)
    out[4] = en.function_constant(en.u8, 4).to(en.f32)
    out[5] = en.function_constant(en.i16, 5).to(en.f32)
    out[6] = en.function_constant(en.u16, 6).to(en.f32)
    out[7] = en.where(en.function_constant(en.b1, 7), en.f32(1), en.f32(0))
    out[8] = en.function_constant(en.u32, 8, default=9).to(en.f32)


@en.kernel
def block_sum(a: en.f32, out: en.f32, n: en.Scalar[en.u32]) -> None:
    """The sum of each 256 elements."""
    i, lane = en.thread_position_in_grid, en.thread_index_in_simdgroup()
    parts = en.threadgroup_alloc(en.f32, 8)
    x = en.f32(0)
    if i < n:
        x = a[i]
    total = en.simd_sum(x)
    if lane == 0:
        parts[en.simdgroup_index_in_threadgroup()] = total
    en.barrier()
    if en.thread_index_in_threadgroup() == 0:
        found = en.f32(0)
        for k in en.range(8):
            found += parts[k]
        out[en.threadgroup_position_in_grid("x")] = found


@en.kernel
def count_bits(values: en.u32, counts: en.u32) -> None:
    """How many values have how many bits set."""
    i = en.thread_position_in_grid
    en.atomic_fetch_add(counts, en.popcount(values[i]), en.u32(1))


@en.kernel
def scale_vectors(a: en.float4, out: en.float4) -> None:
    """Each vector, its components by 1, 2, 3 and 4."""
    i = en.thread_position_in_grid
    out[i] = a[i] * en.make_float4(1, 2, 3, 4)


@en.kernel
def brain_sum(a: en.bf16, out: en.bf16) -> None:
    """Twice each element."""
    i = en.thread_position_in_grid
    out[i] = a[i] + a[i]


@en.kernel
def matrix_product(a: en.f32, b: en.f32, out: en.f32) -> None:
    """The product of two matrices of 8 x 8."""
    left = en.simdgroup_matrix_load(a, 8)
    right = en.simdgroup_matrix_load(b, 8)
    zero = en.make_filled_simdgroup_matrix(en.f32(0))
    en.simdgroup_matrix_store(en.simdgroup_multiply_accumulate(left, right, zero), out, 8)


@cache
def copy_1d(dtype: Any) -> Any:
    """Return the kernel that copies a texture of one axis."""

    @en.kernel
    def copy_line(source: en.Texture1D(dtype, "read"), target: en.Texture1D(dtype, "write")) -> None:
        x = en.thread_position_in_grid
        target.write(source.read(x), x)

    return copy_line


@cache
def copy_2d(dtype: Any) -> Any:
    """Return the kernel that copies a texture of two axes."""

    @en.kernel
    def copy_image(source: en.Texture2D(dtype, "read"), target: en.Texture2D(dtype, "write")) -> None:
        x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
        target.write(source.read(x, y), x, y)

    return copy_image


@cache
def copy_3d(dtype: Any) -> Any:
    """Return the kernel that copies a texture of three axes."""

    @en.kernel
    def copy_volume(source: en.Texture3D(dtype, "read"), target: en.Texture3D(dtype, "write")) -> None:
        x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
        z = en.thread_position_in_grid_xyz("z")
        target.write(source.read(x, y, z), x, y, z)

    return copy_volume


@cache
def copy_array(dtype: Any) -> Any:
    """Return the kernel that copies an array of textures."""

    @en.kernel
    def copy_layers(source: en.Texture2DArray(dtype, "read"), target: en.Texture2DArray(dtype, "write")) -> None:
        x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
        layer = en.thread_position_in_grid_xyz("z")
        target.write(source.read(x, y, layer), x, y, layer)

    return copy_layers


@en.kernel
def smooth(image: en.Texture2D(en.f32, "sample"), out: en.f32) -> None:
    """Samples of an image along its middle."""
    i = en.thread_position_in_grid
    u = i.to(en.f32) / 4
    out[i] = image.sample(u, 0.5, filter="linear").x


@en.kernel
def tells(a: en.f32) -> None:
    """Prints each element and a half."""
    i = en.thread_position_in_grid
    en.print("value {:.2f}", a[i] + 0.5)


@en.kernel
def refuses_odd(a: en.i32) -> None:
    """Asserts that each element is even."""
    i = en.thread_position_in_grid
    en.assert_(a[i] % 2 == 0, "{} is odd", a[i])


@en.kernel
def strays(out: en.f32) -> None:
    """Store behind the end of a buffer of 64 numbers, but within its page of memory: what shader validation must report."""
    out[en.thread_position_in_grid + 64] = 1.0
