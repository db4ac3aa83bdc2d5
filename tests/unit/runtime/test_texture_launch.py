"""What a texture parameter takes at a launch: every wrong array is refused with what would be right."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.compile import compile as compile_kernel
from enigma.errors import LaunchError
from tests.device.runtimes import RUNTIMES
from tests.spec.forms import load

SOURCE = """@en.kernel
def page(T: en.Texture2D(en.f32), D: en.Texture2D(en.f32, "write")):
    D.write(T.read(0, 0), 0, 0)


@en.kernel
def line(T: en.Texture1D(en.i32), A: en.i32):
    A[0] = T.read(0).x


@en.kernel
def block(T: en.Texture3D(en.f16, "read_write")):
    T.write(T.read(0, 0, 0), 1, 0, 0)


@en.kernel
def stack(T: en.Texture2DArray(en.u16), A: en.u32):
    A[0] = T.array_size()
"""
MODULE = load(SOURCE, "launched")


def _page(array: Any, out: Any = None) -> tuple[str, list[Any]]:
    return "page", [array, np.zeros((2, 2), np.float32) if out is None else out]


def _readonly(array: Any) -> Any:
    array.flags.writeable = False
    return array


WRONG: dict[str, tuple[tuple[str, list[Any]], str]] = {
    "dtype": (_page(np.zeros((2, 2), np.int32)),
        "T holds int32, but a texture of f32 takes float32 or uint8, which counts 255 as 1"),
    "integers are not normalized": (("line", [np.zeros(4, np.uint8), np.zeros(1, np.int32)]),
        "T holds uint8, but a texture of i32 takes int32"),
    "a row of a page": (_page(np.zeros(4, np.float32)),
        "T has shape (4,), but a 2-D texture takes (height, width) or (height, width, components)"),
    "too many axes": (_page(np.zeros((2, 2, 1, 1), np.float32)), "T has shape (2, 2, 1, 1), but a 2-D texture takes"),
    "two components short": (("stack", [np.zeros((2, 2), np.uint16), np.zeros(1, np.uint32)]),
        "T has shape (2, 2), but a 2-D texture array takes (layers, height, width) or (layers, height, width, components)"),
    "three components": (_page(np.zeros((2, 2, 3), np.float32)), "T has 3 components to a texel, but a texture stores 1, 2 or 4"),
    "five components": (_page(np.zeros((2, 2, 5), np.float32)), "T has 5 components to a texel, but a texture stores 1, 2 or 4"),
    "empty": (_page(np.zeros((0, 2), np.float32)), "the height of T is 0, but a 2-D texture has 1 to 16384"),
    "wide": (_page(np.zeros((1, 16385), np.float32)), "the width of T is 16385, but a 2-D texture has 1 to 16384"),
    "deep": (("block", [np.zeros((2049, 1, 1), np.float16)]), "the depth of T is 2049, but a 3-D texture has 1 to 2048"),
    "many layers": (("stack", [np.zeros((2049, 1, 1), np.uint16), np.zeros(1, np.uint32)]),
        "the number of layers of T is 2049, but a 2-D texture array has 1 to 2048"),
    "transposed": (_page(np.zeros((2, 2), np.float32), np.zeros((3, 2), np.float32).T), "D is not contiguous (strides (4, 8))"),
    "unaligned": (_page(np.zeros((2, 2), np.float32), np.zeros(17, np.uint8)[1:].view(np.float32).reshape(2, 2)),
        "D starts at an address that is no multiple of 4 bytes"),
    "read-only": (_page(np.zeros((2, 2), np.float32), _readonly(np.zeros((2, 2), np.float32))),
        "D is read-only, but the kernel writes it"),
    "no array": (_page(3), "T must be an array, but it is a int"),
}  # fmt: skip


@pytest.mark.parametrize("target", RUNTIMES)
@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_array_is_refused(case: str, target: str) -> None:
    (name, arguments), message = WRONG[case]
    program = compile_kernel(getattr(MODULE, name), emit_only=True).program
    with pytest.raises(LaunchError, match=re.escape(message)) as caught:
        RUNTIMES[target]().run(program, arguments, 1, 1)
    assert caught.value.help


def test_two_textures_may_not_share_memory_that_is_written() -> None:
    page = np.zeros((2, 2), np.float32)
    with pytest.raises(LaunchError, match="T and D share memory, and the kernel writes D"):
        en.CpuRuntime().run(compile_kernel(MODULE.page, emit_only=True).program, [page, page], 1, 1)


def test_an_output_needs_a_shape() -> None:
    compiled = compile_kernel(MODULE.page, emit_only=True)
    with pytest.raises(LaunchError, match="the output D is a texture, whose size is more than a number of bytes"):
        en.CpuRuntime().execute(compiled, [np.zeros((2, 2), np.float32)], 16, grid=1, threads=1)


def test_a_texture_is_updated_in_place_where_it_is_named() -> None:
    compiled = compile_kernel(MODULE.block, emit_only=True)
    volume = np.arange(8, dtype=np.float16).reshape(2, 2, 2)
    with pytest.raises(LaunchError, match="inout has 'V', but the inputs of kernel block are: T"):
        en.CpuRuntime().execute(compiled, [volume], grid=1, threads=1, inout=["V"])
    en.CpuRuntime().execute(compiled, [volume], grid=1, threads=1, inout=["T"])
    assert volume[0, 0].tolist() == [0, 0]


def test_metal_has_128_textures_beside_31_buffers() -> None:
    def source(textures: int, buffers: int) -> Any:
        names = [f"T{k}: en.Texture1D(en.f32)" for k in range(textures)] + [f"A{k}: en.f32" for k in range(buffers)]
        text = f"@en.kernel\ndef many({', '.join(names)}):\n    A0[0] = T0.read(0).x\n"
        return load(text, f"many{textures}_{buffers}").many

    assert len(compile_kernel(source(128, 31), emit_only=True).program.arguments) == 159
    with pytest.raises(LaunchError, match="kernel many has 129 textures, but Metal has 128 texture slots"):
        compile_kernel(source(129, 1), emit_only=True)
    with pytest.raises(LaunchError, match="kernel many has 32 parameters, but Metal has 31 buffer slots"):
        compile_kernel(source(1, 32), emit_only=True)
