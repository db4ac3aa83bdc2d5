"""What a device is asked to compile and how, what it can do, and what it says besides results."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from enigma.errors import DeviceError, KernelAssertionError
from enigma.runtime.metal import capture as captures
from enigma.runtime.metal import failures, library, logs, submission, textures
from enigma.runtime.metal.capabilities import DeviceCapabilities
from enigma.runtime.metal.runtime import MetalRuntime
from tests.device.fake_metal import CHIPS, Machine
from tests.device.fake_metal.selectors import constants, find, selectors
from tests.unit.runtime.launched import add, message

N = 70
A = np.arange(N, dtype=np.float32)
B = np.full(N, 0.5, np.float32)


# ---- capabilities


@pytest.mark.parametrize(
    ("chip", "family", "generation"),
    [("M1", "apple7", 7), ("M2", "apple8", 8), ("M3", "apple9", 9), ("M4", "apple9", 9), ("M5", "apple10", 10)],
)
def test_each_chip_has_its_family(machine: Machine, chip: str, family: str, generation: int) -> None:
    machine.chip = chip
    found = MetalRuntime().device_capabilities()
    assert isinstance(found, en.DeviceCapabilities)
    assert (found.gpu_family, found.gpu_family_raw, found.generation) == (family, 1000 + generation, generation)
    assert found.is_m3_or_newer == (generation >= 9)
    assert found.supports_simdgroup_matrix and found.simdgroup_size == 32
    assert found.supports_async_copy == (generation < 9)
    assert (found.max_threadgroup_memory, found.max_threads_per_threadgroup) == (32768, 1024)
    assert found.device_name == CHIPS[chip].name


def test_async_copies_are_of_no_use_where_the_compiler_refuses_them(machine: Machine) -> None:
    machine.system = (26, 0)
    assert not MetalRuntime().device_capabilities().supports_async_copy


def test_a_feature_of_a_later_family_is_refused() -> None:
    old = DeviceCapabilities("apple8", 1008, True, True, 32, 32768, 1024, "Apple M2")
    assert message(lambda: old.require_m3("dynamic caching"), DeviceError) == (
        "enigma GPU error: dynamic caching needs a GPU of family apple9 or later\n  device: Apple M2\n  family: apple8\n"
        "  first chip: M3\n  help: enigma.runtime('cpu') runs the same kernel on the CPU"
    )
    DeviceCapabilities("apple9", 1009, False, True, 32, 32768, 1024, "Apple M3").require_m3("dynamic caching")


@en.kernel
def largest(A: en.u64, Out: en.u64):
    en.atomic_max(Out, 0, A[en.thread_position_in_grid])


def test_a_kernel_that_needs_a_later_family_is_refused_at_its_line(machine: Machine) -> None:
    machine.chip = "M1"
    out = np.zeros(1, np.uint64)
    program = en.compile(largest).program
    text = message(lambda: MetalRuntime().run(program, [np.arange(5, dtype=np.uint64), out], 5, 5), DeviceError)
    line = largest.fn.__code__.co_firstlineno + 2
    assert text.startswith(
        f"test_metal_device.py:{line}:5: error: enigma GPU error: atomic_max in kernel largest needs a GPU of family "
        "apple9 or later"
    )
    machine.chip = "M3"
    MetalRuntime().run(program, [np.arange(5, dtype=np.uint64), out], 5, 5)
    assert out[0] == 4


def test_stage_counters(machine: Machine) -> None:
    assert MetalRuntime().supports_stage_counters() is True


# ---- what is compiled, and how


@en.kernel
def brain(A: en.bf16, Out: en.bf16):
    i = en.thread_position_in_grid
    Out[i] = A[i] + A[i]


@pytest.mark.parametrize(
    ("system", "version"),
    [
        ((12, 6), 0x20004),
        ((13, 2), 0x30000),
        ((14, 0), 0x30001),
        ((15, 3), 0x30002),
        ((26, 1), 0x30002),
        ((27, 0), 0x30002),
    ],
)
def test_the_language_version_is_set_by_the_system(machine: Machine, system: tuple[int, int], version: int) -> None:
    machine.system = system
    MetalRuntime().execute(en.compile(add), [A, B], N * 4, grid=N, threads=32)
    (options,) = machine.options
    assert options["languageversion"] == version
    if system >= (15, 0):
        assert (options["mathmode"], options["mathfloatingpointfunctions"]) == (0, 1)
        assert "fastmathenabled" not in options
    else:
        assert options["fastmathenabled"] is False


@pytest.mark.parametrize("system", [(14, 0), (15, 0)])
def test_fast_math_is_asked_for_where_the_kernel_is_fast(machine: Machine, system: tuple[int, int]) -> None:
    machine.system = system
    MetalRuntime().execute(en.compile(add, math="fast"), [A, B], N * 4, grid=N, threads=32)
    (options,) = machine.options
    if system >= (15, 0):
        assert (options["mathmode"], options["mathfloatingpointfunctions"]) == (2, 0)
    else:
        assert options["fastmathenabled"] is True


def test_a_language_that_the_system_lacks_is_an_error(machine: Machine) -> None:
    machine.system = (13, 6)
    x = np.arange(4).astype(ml_dtypes.bfloat16)
    assert message(lambda: MetalRuntime().execute(en.compile(brain), [x], 8, grid=4, threads=4), DeviceError) == (
        "enigma GPU error: kernel brain needs Metal 3.1, but this macOS has 3.0\n  system: macOS 13.6\n"
        "  help: update macOS, or enigma.runtime('cpu') runs the same kernel on the CPU"
    )


def test_texts_that_the_model_compiles_are_checked_by_clang_too(machine: Machine) -> None:
    machine.check_texts = True
    MetalRuntime().execute(en.compile(add), [A, B], N * 4, grid=N, threads=32)


@en.kernel
def constants_of_all_types(Out: en.f64 if hasattr(en, "f64") else en.f32):
    Out[0] = en.function_constant(en.f32, 0)
    Out[1] = en.function_constant(en.f16, 1).to(en.f32)
    Out[2] = en.function_constant(en.bf16, 2).to(en.f32)
    Out[3] = en.function_constant(en.i8, 3).to(en.f32)
    Out[4] = en.function_constant(en.u16, 4).to(en.f32)
    Out[5] = en.function_constant(en.i64, 5).to(en.f32)
    Out[6] = en.where(en.function_constant(en.b1, 6), en.f32(1), en.f32(0))
    Out[7] = en.function_constant(en.u32, 7, default=9).to(en.f32)


def test_function_constants_are_handed_over_in_their_bytes(machine: Machine) -> None:
    rt = MetalRuntime()
    compiled = en.compile(constants_of_all_types)
    given = {0: 0.1, 1: 1.5, 2: 2.5, 3: -4, 4: 65535, 5: -(1 << 40), 6: True}
    out = rt.zeros(8)
    rt.run(compiled.program, [out], 1, 1, given)
    assert out.tolist() == [np.float32(0.1), 1.5, 2.5, -4, 65535, -(2.0**40), 1, 9]
    rt.run(compiled.program, [out], 1, 1, {**given, 7: 5})
    assert out[7] == 5
    with machine.messages() as sent:
        rt.run(compiled.program, [out], 1, 1, given)
    assert (
        "MTLLibrary",
        "newFunctionWithName:constantValues:error:",
    ) not in sent  # each set of values is compiled once


# ---- what it says


@en.kernel
def roots(x: en.f32, out: en.f32):
    i = en.thread_position_in_grid
    if i % 2 == 0:
        en.print("x[{}] = {:.2f}", i, x[i])
    en.assert_(x[i] >= 0, "x[{}] must not be negative, but is {}", i, x[i])
    out[i] = en.sqrt(x[i])


def test_a_kernel_prints_and_asserts_through_the_log(machine: Machine, capsys: Any) -> None:
    rt = MetalRuntime()
    x, out = np.array([1, 4, 9, 16, -25, -36], np.float32), np.zeros(6, np.float32)
    compiled = en.compile(roots)
    with pytest.raises(KernelAssertionError) as caught:
        rt.run(compiled.program, [x, out], 6, 3)
    line = roots.fn.__code__.co_firstlineno + 4
    assert capsys.readouterr().out.splitlines() == [
        f"test_metal_device.py:{line}: x[0] = 1.00", f"test_metal_device.py:{line}: x[2] = 9.00",
        f"test_metal_device.py:{line}: x[4] = -25.00",
    ]  # fmt: skip
    assert str(caught.value) == (
        f"test_metal_device.py:{line + 1}:5: error: assertion failed in kernel roots: x[4] must not be negative, "
        "but is -25.000000\n"
        '    en.assert_(x[i] >= 0, "x[{}] must not be negative, but is {}", i, x[i])\n    ^\n'
        "  note: it failed 2 times; Metal does not say in which threads\n"
        "  help: the kernel ran on to its end, so its outputs are written"
    )
    assert out[:4].tolist() == [1, 2, 3, 4]
    del caught
    (options,) = machine.options
    assert options["enablelogging"] is True


def test_more_lines_than_are_kept(machine: Machine, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENIGMA_PRINT_LINES", "2")
    out = np.zeros(10, np.float32)
    MetalRuntime().run(en.compile(roots).program, [np.ones(10, np.float32), out], 10, 10)
    assert capsys.readouterr().out.splitlines()[2:] == [
        "... 3 more lines of kernel roots not kept (ENIGMA_PRINT_LINES=2)"
    ]


def test_kernels_that_report_in_a_batch_and_under_way(machine: Machine, capsys: Any) -> None:
    rt = MetalRuntime()
    bad = rt.prepare(en.compile(roots), [np.full(3, -1, np.float32)], 12)
    good = rt.prepare(en.compile(add), [A, B], N * 4)
    with pytest.raises(KernelAssertionError, match="it failed 3 times"), rt.batch():
        good.dispatch(N, 32)
        bad.dispatch(3, 3)
    assert np.frombuffer(good.read_output(), np.float32).tolist() == (A + B).tolist()
    handle = bad.dispatch_async(3, 3)
    with pytest.raises(KernelAssertionError):
        handle.wait()


# ---- captures


def test_a_capture_is_written(machine: Machine, tmp_path: Path) -> None:
    rt = MetalRuntime()
    target = tmp_path / "one.gputrace"
    with rt.capture(target):
        rt.execute(en.compile(add), [A, B], N * 4, grid=N, threads=32)
    assert target.exists()
    assert message(lambda: rt.capture(target).__enter__(), DeviceError) == (
        f"enigma GPU error: {target} exists already\n  help: Metal overwrites no capture: remove it, or choose another name"
    )
    with pytest.raises(KeyError), rt.capture(tmp_path / "two.gputrace"):
        raise KeyError
    with rt.capture(tmp_path / "three.gputrace"):
        pass


def test_a_capture_that_cannot_be(machine: Machine, tmp_path: Path) -> None:
    rt = MetalRuntime()
    assert message(lambda: rt.capture("trace.json").__enter__(), DeviceError) == (
        "enigma GPU error: a capture must end in .gputrace, but the path is trace.json\n  help: write capture.gputrace"
    )
    machine.capture_enabled = False
    target = str(tmp_path / "a.gputrace")
    assert message(lambda: rt.capture(target).__enter__(), DeviceError) == (
        f"enigma GPU error: Metal did not start the capture\n  said: Capturing is not supported.\n  path: {target}\n"
        "  help: set MTL_CAPTURE_ENABLED=1 before Python starts"
    )


# ---- the tables are Metal's


def test_the_numbers_of_metal_are_the_sdk_s() -> None:
    known = constants()
    assert {f"MTLPixelFormat{name}": value for name, value in textures.FORMATS.items()}.items() <= known.items()
    names = {textures._TYPE_NAMES[kind]: value for kind, value in textures.TYPES.items()}
    assert {f"MTLTextureType{name}": value for name, value in names.items()}.items() <= known.items()
    assert dict(library._DATA_TYPES.values()).items() <= known.items()
    assert {f"MTLLibraryError{name}": code for code, name in failures.LIBRARY_CODES.items()}.items() <= known.items()
    assert {
        f"MTLCommandBufferError{name}": code for code, name in failures.BUFFER_CODES.items()
    }.items() <= known.items()
    assert known["MTLCommandBufferStatusCompleted"] == submission.COMPLETED
    assert known["MTLStorageModePrivate"] == textures.PRIVATE
    assert (known["MTLTextureUsageShaderRead"], known["MTLTextureUsageShaderWrite"]) == (textures.READ, textures.WRITE)
    assert known["MTLCaptureDestinationGPUTraceDocument"] == captures.GPU_TRACE_DOCUMENT
    assert known["MTLLogLevelDebug"] == logs._DEBUG
    assert (known["MTLMathModeSafe"], known["MTLMathModeFast"]) == (library._SAFE, library._FAST)
    functions = (known["MTLMathFloatingPointFunctionsFast"], known["MTLMathFloatingPointFunctionsPrecise"])
    assert functions == (library._FAST_FUNCTIONS, library._PRECISE_FUNCTIONS)
    assert (known["MTLGPUFamilyApple1"], known["MTLGPUFamilyApple10"]) == (1001, 1010)
    for (major, minor), number in {(2, 4): "2_4", (3, 0): "3_0", (3, 1): "3_1", (3, 2): "3_2", (4, 0): "4_0"}.items():
        assert known[f"MTLLanguageVersion{number}"] == (major << 16) + minor


def test_the_table_of_selectors_is_read() -> None:
    assert sum(map(len, selectors().values())) > 450
    made = find("MTLDevice", "newBufferWithLength_options_")
    assert made is not None and made.arguments == ("Q", "Q") and made.since == (10, 11)
    assert find("MTLComputeCommandEncoder", "endEncoding") is not None
    assert find("MTLDevice", "newBufferWithLength_") is None


@pytest.mark.parametrize("name", ["capabilities", "library", "memory", "textures"])
def test_the_examples_in_the_docstrings_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"enigma.runtime.metal.{name}"))
    assert result.attempted
    assert not result.failed
