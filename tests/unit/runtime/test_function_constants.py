"""Function constants: values at launch, on every runtime, and what Metal is handed for them."""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.dtypes import DTYPES, FLOATS, INTEGERS, Numeric, b1
from enigma.runtime import constants
from enigma.runtime.constants import packed, specialised
from tests.device.runtimes import DEVICES
from tests.msl.check import assert_legal, clang_available
from tests.msl.run import run_kernel

pytestmark = pytest.mark.usefixtures("metal_device")
SHARED = en.function_constant(en.f32, 3, default=2.5, name="scale")


@en.kernel
def scaled(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    count = en.function_constant(en.u32, 0, default=3)
    twice = en.function_constant(en.b1, 1, default=False)
    x = A[i]
    if twice:
        x = x * 2
    for _ in en.range(count):
        x += 1
    if en.is_function_constant_defined(count):
        x = -x
    Out[i] = x * SHARED.value


def expected(a: Any, count: int | None = None, *, twice: bool = False, scale: float = 2.5) -> Any:
    x = a * 2 if twice else a
    x = x + (3 if count is None else count)
    return (x if count is None else -x) * np.float32(scale)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("n", [1, 31, 32, 33, 255])
def test_values_at_launch(device: str, n: int) -> None:
    a = np.arange(n, dtype=np.float32)
    for given, wanted in (
        (None, expected(a)),
        ({}, expected(a)),
        ({0: 5}, expected(a, 5)),
        ({0: ("uint", 0), 1: ("bool", True)}, expected(a, 0, twice=True)),
        ({"count": np.uint32(2), "scale": ("float", -1.5)}, expected(a, 2, scale=-1.5)),
        ({"twice": True, 3: 0.5}, expected(a, twice=True, scale=0.5)),
    ):
        out = np.zeros_like(a)
        scaled.launch(a, out, grid=n, threads=32, device=device, constants=given)
        np.testing.assert_array_equal(out, wanted)
        runtime = en.runtime(device)
        raw = runtime.execute(en.compile(scaled), [a], 4 * n, grid=n, threads=32, constants=given)
        np.testing.assert_array_equal(np.frombuffer(raw, np.float32), wanted)
        with runtime.prepare(en.compile(scaled), [a], 4 * n, constants=given) as prepared:
            prepared.dispatch(n, 32)
            np.testing.assert_array_equal(np.frombuffer(prepared.read_output(), np.float32), wanted)


@pytest.mark.parametrize("device", DEVICES)
def test_prepare_takes_scalars_constants_and_several_outputs_together_pitfall_80(device: str) -> None:
    @en.kernel
    def split(A: en.f32, k: en.Scalar[en.f32], Low: en.f32, High: en.f32):
        i = en.thread_position_in_grid
        limit = en.function_constant(en.f32, 0)
        x = A[i] * k
        Low[i] = en.fmin(x, limit)
        High[i] = en.fmax(x, limit)

    a = np.arange(33, dtype=np.float32)
    with en.runtime(device).prepare(
        en.compile(split), [a], output_sizes=[4 * 33, 4 * 33], scalars=[0.5], constants={"limit": 4.0}
    ) as prepared:
        for _ in range(2):
            prepared.dispatch(33, 32)
        low, high = prepared.outputs
        np.testing.assert_array_equal(low, np.minimum(a / 2, 4))
        np.testing.assert_array_equal(high, np.maximum(a / 2, 4))


def test_a_specialised_kernel_is_cached_on_disk_for_its_values(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENIGMA_CACHE_DIR", str(tmp_path))

    @en.kernel
    def cached(A: en.f32):
        A[en.thread_position_in_grid] = en.function_constant(en.f32, 0, name="level")

    counts: list[int] = []
    for value in (1.0, 2.0, 1.0):
        a = np.zeros(4, np.float32)
        # compiled anew, so that only the disk remembers
        en.runtime("cpu").execute(en.compile(cached), [], grid=4, threads=4, output_sizes=[16], constants={0: value})
        cached.launch(a, grid=4, threads=4, device="cpu", constants={"level": value})
        assert a.tolist() == [value] * 4
        counts.append(len(list(tmp_path.glob("*.entry"))))
    assert counts == [2, 3, 3]  # native code for each value, and one Metal text


def test_the_subscript_takes_them_too() -> None:
    a, out = np.arange(4, dtype=np.float32), np.zeros(4, np.float32)
    scaled[4, 4](a, out, constants={0: 1})
    np.testing.assert_array_equal(out, expected(a, 1))


def extremes(dtype: Numeric) -> list[Any]:
    if dtype is b1:
        return [True, False]
    if dtype in INTEGERS:
        return [dtype.min, dtype.max, 0, dtype.max - 1]
    assert dtype in FLOATS
    return [float("inf"), -float("inf"), float("nan"), -0.0, 1.0, float(dtype.numpy.type(0.1))]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_every_dtype_is_exact_at_its_extremes_pitfall_85(dtype: Numeric, device: str) -> None:
    def copy(Out):  # type: ignore[no-untyped-def]
        Out[en.thread_position_in_grid] = en.function_constant(dtype, 9)

    copy.__annotations__["Out"] = dtype
    kernel = en.kernel(copy)
    for value in extremes(dtype):
        out = np.zeros(3, dtype.numpy)
        kernel.launch(out, grid=3, device=device, constants={9: (dtype, value)})
        wanted = np.full(3, value, dtype.numpy)
        assert out.tobytes() == wanted.tobytes() or (value != value and np.isnan(out.astype(np.float32)).all())


FORMATS = {"f32": "<f", "i8": "<b", "u8": "<B", "i16": "<h", "u16": "<H", "i32": "<i", "u32": "<I", "i64": "<q", "u64": "<Q",
           "f16": "<e", "b1": "<?"}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_metal_gets_the_bytes_of_the_dtype_pitfall_85(dtype: Numeric) -> None:
    declared = [constants.Constant(5, "c", dtype, None, en.compile(scaled).program.traced.loc)]
    for value in extremes(dtype):
        ((index, name, data),) = packed("k", declared, {5: value})
        assert (index, name, len(data)) == (5, dtype.metal_name, dtype.size)
        if dtype.name in FORMATS:
            assert data == struct.pack(FORMATS[dtype.name], value)
        else:  # bfloat16 is the upper half of a float
            assert struct.unpack("<f", b"\0\0" + data)[0] == pytest.approx(value, nan_ok=True)
    assert ctypes.sizeof(ctypes.c_bool) == len(packed("k", [declared[0]], {5: 1})[0][2]) or dtype is not b1


def test_the_value_is_a_constant_of_the_native_code_and_dead_branches_vanish() -> None:
    @en.kernel
    def branchy(A: en.f32):
        i = en.thread_position_in_grid
        if en.function_constant(en.i32, 0, name="mode") == 7:
            A[i] = en.sin(A[i])
        else:
            A[i] = A[i] + 1

    compiled = en.compile(branchy)
    cpu = en.CpuRuntime()
    with_sine, without = (cpu.llvm(compiled, constants={"mode": mode}) for mode in (7, 6))
    assert "vmath" in with_sine.lower() or "sin" in with_sine
    assert len(without) < len(with_sine) / 2
    assert "icmp eq i32" not in without
    with pytest.raises(en.LaunchError, match="needs a value for function constant 0"):
        compiled.asm["llvm"]


def test_each_set_of_values_is_specialised_once() -> None:
    program = en.compile(scaled).program
    one, two = specialised(program, {0: 5}), specialised(program, {"count": ("uint", 5)})
    assert one is two
    assert one is not specialised(program, {0: 6})
    assert one.key != specialised(program, {0: 6}).key
    assert specialised(program, {3: 0.0}) is not specialised(program, {3: -0.0})
    for value in range(200):
        specialised(program, {0: value})
    assert len(program.specialised) <= 64
    assert not one.traced.function_constants


def test_a_kernel_without_constants_is_not_specialised() -> None:
    @en.kernel
    def plain(A: en.f32):
        A[en.thread_position_in_grid] = 1

    program = en.compile(plain).program
    assert specialised(program, None) is program
    assert specialised(program, {}) is program


def test_metal_declares_them_at_file_scope_under_the_variables_names() -> None:
    text = en.compile(scaled).metal_source
    assert_legal(text)
    assert "constant uint count [[function_constant(0)]];\n" in text
    assert "constant uint count_or_default = is_function_constant_defined(count) ? count : 3u;\n" in text
    assert "constant float scale [[function_constant(3)]];\n" in text
    assert "if (is_function_constant_defined(count)) {" in text


def test_names_that_metal_keeps_for_itself_get_an_underscore() -> None:
    @en.kernel
    def named(A: en.f32):
        i = en.thread_position_in_grid
        exp = en.function_constant(en.f32, 0)
        A[i] = en.exp(A[i]) * exp + en.function_constant(en.f32, 2)

    text = en.compile(named).metal_source
    assert_legal(text)
    assert "constant float exp_ [[function_constant(0)]];" in text
    assert "constant float fc2 [[function_constant(2)]];" in text


def test_the_compiled_kernel_lists_them() -> None:
    found = [(c.index, c.name, c.dtype, c.default) for c in en.compile(scaled).function_constants]
    assert found == [(0, "count", en.u32, 3), (1, "twice", en.b1, False), (3, "scale", en.f32, 2.5)]
    assert repr(en.compile(scaled).function_constants[0]) == "<function constant 0: u32 count, default 3>"


def test_one_asked_for_first_in_a_loop_that_is_traced_again() -> None:
    @en.kernel
    def summed(A: en.f32, n: en.Scalar(en.i32)):  # type: ignore[valid-type]
        total = 0
        for k in range(n):
            step = en.function_constant(en.f32, 0, default=0.5)
            total = total + step * k
        A[0] = total + en.function_constant(en.f32, 0, default=0.5)

    for device in DEVICES:
        a = np.zeros(1, np.float32)
        summed.launch(a, 4, grid=1, device=device, constants={0: 2.0})
        assert a[0] == 14.0


def test_constants_of_parameters_and_of_functions_together() -> None:
    @en.kernel
    def both(A: en.f32, N: en.constexpr):
        A[en.thread_position_in_grid] = N + en.function_constant(en.f32, 0, name="bias")

    a = np.zeros(2, np.float32)
    both.launch(a, grid=2, constants={"N": 3, "bias": 0.5})
    assert a.tolist() == [3.5, 3.5]
    both[2, 2](a, N=4, constants={0: 0.25})
    assert a.tolist() == [4.25, 4.25]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({0: -1}, "function constant 0 (count) is -1, which does not fit into u32 (0 to 4294967295)"),
        ({0: 1 << 32}, "function constant 0 (count) is 4294967296, which does not fit into u32 (0 to 4294967295)"),
        ({0: float("nan")}, "function constant 0 (count) is nan, but the parameter is u32"),
        ({0: 1.5}, "function constant 0 (count) is 1.5, but the parameter is u32"),
        ({0: ("int", 1)}, "function constant 0 (count) is u32, but it is given as i32"),
        ({0: ("quad", 1)}, "function constant 0 (count): unknown dtype 'quad'"),
        ({0: ("uint", 1, 2)}, "function constant 0 (count) must be a number or a pair of type and number"),
        ({0: "x"}, "function constant 0 (count) must be a number, but it is a str"),
        ({0: 1, "count": 1}, "function constant 0 (count) was given twice"),
        ({3: 1e300}, "function constant 3 (scale) is 1e+300, which does not fit into f32"),
        ({8: 1}, "kernel scaled has no function constant 8"),
        ({True: 1}, "kernel scaled has no function constant True"),
        ({"x": 1}, "kernel scaled has no function constant 'x'"),
        ([1], "constants must be a mapping, but it is [1]"),
    ],
)
def test_wrong_values_are_refused_pitfall_85(given: Any, message: str) -> None:
    a = np.zeros(4, np.float32)
    with pytest.raises(en.LaunchError) as caught:
        en.runtime().execute(en.compile(scaled), [a], 16, grid=4, threads=4, constants=given)
    assert message in str(caught.value)
    with pytest.raises(en.LaunchError) as caught:
        scaled.launch(a, np.zeros_like(a), grid=4, constants=given)
    assert message.removeprefix("kernel scaled has ") in str(caught.value)


def test_a_missing_value_is_an_error_at_the_declaration() -> None:
    @en.kernel
    def needs(A: en.f32):
        gain = en.function_constant(en.f32, 4)
        A[en.thread_position_in_grid] = gain

    with pytest.raises(en.LaunchError) as caught:
        needs[1, 1](np.zeros(1, np.float32))
    text = str(caught.value)
    assert "kernel needs needs a value for function constant 4 (gain, f32)" in text
    assert "gain = en.function_constant(en.f32, 4)" in text
    assert 'pass constants={4: ("float", ...)}, or give it a default' in text


def test_every_complaint_of_a_launch_is_reported_together() -> None:
    with pytest.raises(en.LaunchError) as caught:
        scaled.launch(np.zeros(4, np.float32), np.zeros(4, np.int32), grid=0, constants={0: -1, 9: 1})
    text = str(caught.value)
    assert "grid is 0" in text
    assert "Out" in text
    assert "count" in text
    assert "no function constant 9" in text


@pytest.mark.skipif(not clang_available(), reason="clang is not installed")
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_extreme_defaults_are_exact_in_metals_text(dtype: Numeric) -> None:
    values = extremes(dtype)

    def defaults(Out):  # type: ignore[no-untyped-def]
        for k, value in enumerate(values):
            Out[k] = en.function_constant(dtype, k, default=value)

    defaults.__annotations__["Out"] = dtype
    text = en.compile(en.kernel(defaults)).metal_source
    assert_legal(text)
    out = np.zeros(len(values), dtype.numpy)
    run_kernel(text, {0: out}, grid=(1, 1, 1))
    wanted = np.array(values, dtype.numpy)
    for got, want in zip(out, wanted, strict=True):
        assert got.tobytes() == want.tobytes() or (got != got and want != want)
