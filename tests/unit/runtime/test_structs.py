"""Struct parameters: a dataclass of numbers by value, on every runtime, in Metal's text and in its bytes."""

from __future__ import annotations

import ctypes
import struct
import subprocess
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.dialect.build import build
from enigma.dialect.text import parse_module, print_module
from enigma.dtypes import DTYPES
from enigma.runtime.structs import packed
from tests.device.runtimes import DEVICES
from tests.msl.check import assert_legal, clang_available
from tests.msl.clang import CLANG
from tests.msl.run import run_kernel
from tests.unit.dialect.mlir_opt import mlir_opt, needs_mlir_opt

pytestmark = pytest.mark.usefixtures("metal_device")


@dataclass
class Params:
    """Fields of mixed sizes, with holes between them."""

    n: en.Scalar[en.u32]
    flip: en.b1
    scale: en.bf16
    big: en.i64
    half: en.f16 = 0.25

    def scaled(self, x: Any) -> Any:
        """Return x times the scale; called in kernels."""
        return x * self.scale


@en.kernel
def apply(A: en.f32, p: Params, Out: en.f32, last: en.Scalar(en.i32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    if i < p.n:
        x = p.scaled(A[i])
        if p.flip:
            x = -x
        if p.big > 1 << 40:
            x = x + p.half
        Out[i] = x + last


def expected(a: Any, p: Params, last: int) -> Any:
    x = a * np.float32(p.scale) * (-1 if p.flip else 1)
    x = x + np.float32(p.half if p.big > 1 << 40 else 0) + last
    return np.where(np.arange(len(a)) < p.n, x, 0).astype(np.float32)


VALUES = (
    Params(1000, False, 1.5, 0),
    Params(20, True, 0.5, (1 << 40) + 1),
    Params(33, True, -2.0, 1 << 40, 0.5),
)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("n", [1, 31, 32, 33, 255])
@pytest.mark.parametrize("p", VALUES)
def test_a_struct_on_every_way_to_launch(device: str, n: int, p: Params) -> None:
    a, compiled, runtime = np.arange(n, dtype=np.float32), en.compile(apply), en.runtime(device)
    fields = {"n": p.n, "flip": p.flip, "scale": p.scale, "big": p.big, "half": p.half}
    for given in (p, fields):
        out = np.zeros_like(a)
        apply.launch(a, given, out, 7, grid=n, threads=32, device=device)
        np.testing.assert_array_equal(out, expected(a, p, 7))
    for scalars in ([p, 7], {"p": fields, "last": 7}):
        raw = runtime.execute(compiled, [a], 4 * n, grid=n, threads=32, scalars=scalars)
        np.testing.assert_array_equal(np.frombuffer(raw, np.float32), expected(a, p, 7))
    with runtime.prepare(compiled, [a], 4 * n, scalars=[p, 7]) as prepared:
        prepared.set_input(0, a * 2)
        prepared.dispatch(n, 32)
        np.testing.assert_array_equal(np.frombuffer(prepared.read_output(), np.float32), expected(a * 2, p, 7))


def test_the_compiled_kernel_counts_a_struct_once_pitfall_80() -> None:
    compiled = en.compile(apply)
    assert compiled.scalar_params == [("p", 1, "Params"), ("last", 3, "int")]
    assert compiled.param_names == ["A", "p", "Out", "last"]
    assert compiled.num_params == 4


def test_structs_and_scalars_stand_anywhere_and_outputs_too_pitfall_82() -> None:
    @en.kernel
    def mixed(p: Params, Out: en.f32, k: en.Scalar[en.f32], A: en.f32, q: Params):
        i = en.thread_position_in_grid
        Out[i] = A[i] * k + p.n - q.n

    a, out = np.arange(5, dtype=np.float32), np.zeros(5, np.float32)
    one, two = Params(10, False, 1, 0), Params(3, False, 1, 0)
    mixed[5, 5](one, out, 0.5, a, two)
    np.testing.assert_array_equal(out, a / 2 + 7)
    compiled = en.compile(mixed)
    raw = en.runtime().execute(compiled, [out], 20, grid=5, threads=5, scalars=[one, 0.5, two], inout=["Out"])
    assert len(raw) == 20
    assert compiled.metal_source.count("struct Params {") == 1
    assert "constant Params& q [[buffer(4)]]" in compiled.metal_source


def test_metal_declares_the_struct_as_a_person_would() -> None:
    text = en.compile(apply).metal_source
    assert_legal(text)
    declared = (
        "struct Params {\n    uint n;\n    bool flip;\n    bfloat scale;\n    long big;\n    half half_;\n};\n\n"
        "kernel void apply(\n    device const float* A [[buffer(0)]],\n    constant Params& p [[buffer(1)]],\n"
    )
    assert declared in text
    assert "if (i < p.n) {" in text


def test_two_structs_of_one_name_and_names_metal_keeps() -> None:
    first = make_dataclass("kernel_", [("float", en.f32), ("same", en.u32)])
    second = make_dataclass("kernel_", [("kernel_", en.f32)])
    third = make_dataclass("event", [("x", en.f32)])

    def body(A, p, q, r):  # type: ignore[no-untyped-def]
        A[0] = p.float * q.kernel_ + p.same + r.x

    body.__annotations__ = {"A": en.f32, "p": first, "q": second, "r": third}
    kernel = en.kernel(body)
    assert_legal(en.compile(kernel).metal_source)
    a = np.zeros(1, np.float32)
    kernel[1, 1](a, first(2.0, 3), second(4.0), third(0.5))
    assert a[0] == 11.5


def all_dtypes() -> type[Any]:
    """A struct with every dtype, in an order with as many holes as can be."""
    order = [d for pair in zip(sorted(DTYPES, key=lambda d: d.size), sorted(DTYPES, key=lambda d: -d.size), strict=True)
             for d in pair]  # fmt: skip
    return make_dataclass("Everything", [(f"f{k}", en.Scalar(dtype)) for k, dtype in enumerate(order)])


LAYOUTS = {"Params": Params, "Everything": all_dtypes(), "One": make_dataclass("One", [("x", en.u8)])}


def kernel_of(cls: type[Any]) -> Any:
    def touch(A, p):  # type: ignore[no-untyped-def]
        A[0] = 1.0

    touch.__annotations__ = {"A": en.f32, "p": cls}
    return en.kernel(touch)


@pytest.mark.skipif(not clang_available(), reason="clang is not installed")
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_layout_is_that_of_the_compiler(name: str, tmp_path: Path) -> None:
    argument = en.compile(kernel_of(LAYOUTS[name])).program.arguments[1]
    assert argument.struct is not None
    kinds = {1: "char", 2: "short", 4: "int", 8: "long long"}
    members = "".join(f"{kinds[m.dtype.size]} {m.name}; " for m in argument.struct.members)
    checks = "".join(
        f'_Static_assert(__builtin_offsetof(struct S, {m.name}) == {offset}, "{m.name}");\n'
        for m, offset in zip(argument.struct.members, argument.struct.offsets, strict=True)
    )
    checks += f'_Static_assert(sizeof(struct S) == {argument.struct.size}, "size");\n'
    checks += f'_Static_assert(_Alignof(struct S) == {argument.struct.alignment}, "alignment");\n'
    done = subprocess.run(
        [CLANG, "-x", "c", "-fsyntax-only", "-"], input=f"struct S {{ {members} }};\n{checks}", capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


class Twin(ctypes.Structure):
    """`Params` for ctypes; the two 16-bit floats are their bits."""

    _fields_ = [
        ("n", ctypes.c_uint32), ("flip", ctypes.c_bool), ("scale", ctypes.c_uint16), ("big", ctypes.c_int64),
        ("half", ctypes.c_uint16),
    ]  # fmt: skip


def half_bits(x: float) -> int:
    return struct.unpack("<H", struct.pack("<e", x))[0]


@pytest.mark.parametrize("p", VALUES)
def test_the_bytes_that_metal_gets_pitfall_81(p: Params) -> None:
    argument = en.compile(apply).program.arguments[1]
    data = packed(argument, [p.n, p.flip, p.scale, p.big, p.half])
    upper = struct.unpack("<I", struct.pack("<f", p.scale))[0] >> 16
    assert data == bytes(Twin(p.n, p.flip, upper, p.big, half_bits(p.half)))
    assert len(data) == 24


def test_a_lone_scalar_has_the_bytes_of_its_dtype_pitfall_81() -> None:
    @en.kernel
    def scalars(A: en.f32, b: en.Scalar[en.bf16], h: en.Scalar[en.f16], t: en.Scalar[en.b1], w: en.Scalar[en.u64]):
        A[0] = b + h.to(en.f32) + w.to(en.f32) + t.to(en.f32)

    arguments = en.compile(scalars).program.arguments[1:]
    got = [
        packed(argument, [value]) for argument, value in zip(arguments, (1.5, 1.5, True, (1 << 64) - 1), strict=True)
    ]
    assert got == [b"\xc0\x3f", b"\x00\x3e", b"\x01", b"\xff" * 8]


@pytest.mark.skipif(not clang_available(), reason="clang is not installed")
def test_metals_text_run_on_packed_bytes_agrees() -> None:
    @dataclass
    class Wave:
        on: en.b1
        shift: en.f32
        step: en.i16
        count: en.u64

    @en.kernel
    def wave(Out: en.f32, w: Wave):
        i = en.thread_position_in_grid
        if w.on and i.to(en.u64) < w.count:
            Out[i] = i.to(en.f32) * w.step + w.shift

    values = Wave(True, 0.5, -3, 4)
    compiled = en.compile(wave)
    data = packed(compiled.program.arguments[1], [True, 0.5, -3, 4])
    out, here = np.zeros(6, np.float32), np.zeros(6, np.float32)
    run_kernel(compiled.metal_source, {0: out, 1: np.frombuffer(data, np.uint8).copy()}, grid=(6, 1, 1))
    wave[6, 6](here, values)
    np.testing.assert_array_equal(out, here)
    assert here.tolist() == [0.5, -2.5, -5.5, -8.5, 0, 0]


def test_mlir_says_which_arguments_are_members_and_parses_back() -> None:
    module = build(apply.trace())
    text = print_module(module)
    assert '%p.n: ui32 {enigma.parameter = "p", enigma.struct = "Params", enigma.member = "n"}' in text
    assert print_module(parse_module(text)) == text


@needs_mlir_opt
def test_mlir_opt_accepts_a_struct() -> None:
    code, _, said = mlir_opt(print_module(build(apply.trace()), generic=True))
    assert code == 0, said


def test_a_frozen_slotted_dataclass_and_one_with_defaults() -> None:
    @dataclass(frozen=True, slots=True)
    class Fixed:
        a: en.f32
        b: en.Scalar[en.u8] = field(default=3)

    @en.kernel
    def use(A: en.f32, p: Fixed):
        A[en.thread_position_in_grid] = p.a + p.b

    a = np.zeros(2, np.float32)
    use[2, 2](a, Fixed(1.5))
    assert a.tolist() == [4.5, 4.5]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "p must be a Params, or a dict of its fields, but it is a int"),
        (Params, "p must be a Params, or a dict of its fields, but it is a Params"),
        ({"n": 1}, "p lacks flip, scale, big, half"),
        ({"n": 1, "flip": 0, "scale": 1, "big": 1, "half": 1, "x": 1}, "p has x besides"),
        (Params(-1, False, 1, 1), "p.n is -1, which does not fit into u32"),
        (Params(1, 3, 1, 1), "p.flip is 3, but the parameter is a bool"),  # type: ignore[arg-type]
        (Params(1, True, 1e39, 1), "p.scale is 1e+39, which does not fit into bf16"),
        (Params(1, True, 1, 1 << 63), "p.big is 9223372036854775808, which does not fit into i64"),
        (Params(1, True, 1, 1, "x"), "p.half must be a number, but it is a str"),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_fit_is_said_exactly(given: Any, message: str) -> None:
    a = np.zeros(2, np.float32)
    with pytest.raises(en.LaunchError) as caught:
        apply[2, 2](a, given, np.zeros_like(a), 1)
    assert message in str(caught.value)


def test_all_wrong_fields_are_reported_together() -> None:
    a = np.zeros(2, np.float32)
    with pytest.raises(en.LaunchError) as caught:
        apply[2, 2](a, Params(-1, True, 1, 1 << 70), a.astype(np.int32), 1)
    assert all(name in str(caught.value) for name in ("p.n", "p.big", "Out"))
