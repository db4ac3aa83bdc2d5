"""What fails on a device: every call that can give nothing, every error of Metal's, each with its text, and nothing left behind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.errors import DeviceError
from enigma.runtime.metal import failures
from enigma.runtime.metal.runtime import MetalRuntime
from tests.device.fake_metal import Machine
from tests.device.fake_metal.objects import NSError
from tests.device.fake_metal.selectors import find
from tests.unit.runtime.launched import add, message

N = 70
A = np.arange(N, dtype=np.float32)
B = np.full(N, 0.5, np.float32)


@en.kernel
def everything(
    T: en.Texture2D(en.f32, "read"), W: en.Texture2D(en.f32, "write"), A: en.f32, k: en.Scalar(en.f32), Out: en.f32
):
    i = en.thread_position_in_grid
    scale = en.function_constant(en.f32, 0)
    en.assert_(A[i] >= 0, "A is {}", A[i])
    W.write(T.read(i, 0), i, 0)
    Out[i] = A[i] * k * scale


def launch_everything(rt: MetalRuntime, text: str = "default") -> Any:
    image, written = np.ones((1, N), np.float32), np.zeros((1, N), np.float32)
    out = np.zeros(N, np.float32)
    rt.run(en.compile(everything).program, [image, written, A, 2.0, out], N, 32, {0: 3.0})
    assert (written == 1).all()
    return out


def launch_otherwise(rt: MetalRuntime) -> None:
    """Launch a kernel timed, and under a profiler."""
    prepared = rt.prepare(en.compile(add), [A, B], N * 4)
    prepared.dispatch_timed(N, 32)
    with en.profile():
        prepared.dispatch(N, 32)
    prepared.release()


def sent_by_a_launch() -> list[tuple[str, str]]:
    """Return each message of a first launch that uses all there is, once."""
    from enigma.runtime.metal import objc

    machine = Machine()
    known, objc.load = objc.load, machine.bridge
    try:
        rt = MetalRuntime()
        assert (launch_everything(rt) == A * 6).all()
        launch_otherwise(rt)
    finally:
        objc.load = known
    return list(dict.fromkeys(machine.log))


MESSAGES = sent_by_a_launch()
MAKING = [
    one
    for one in MESSAGES
    if one[1].startswith(("new", "commandBuffer", "computeCommandEncoder", "blitCommandEncoder"))
    and "Counter" not in one[1]
]
"""What makes something that a launch cannot do without."""


def test_a_launch_sends_messages_of_every_kind() -> None:
    assert len(MESSAGES) > 45
    assert len(MAKING) == 13, MAKING


def test_each_message_that_is_sent_was_confirmed() -> None:
    found = {sent: find(sent[0], sent[1].replace(":", "_")) for sent in MESSAGES}
    assert None not in found.values()
    by = {sent: one.source for sent, one in found.items() if one is not None}
    assert set(by.values()) == {"sdk", "wheel"}, by
    weaker = {owner for (owner, _), source in by.items() if source == "wheel"}
    assert weaker == {
        "MTLBuffer",
        "MTLBlitCommandEncoder",
        "MTLComputePipelineState",
        "MTLCounterSet",
        "MTLCounterSampleBuffer",
    }


@pytest.mark.parametrize("sent", MAKING, ids=lambda sent: sent[1])
def test_what_metal_does_not_make_is_an_error_of_the_device(machine: Machine, sent: tuple[str, str]) -> None:
    nothing: Any = (None, NSError(machine, "MTLError", 2, "no reason at all")) if sent[1].endswith("error:") else None
    times = 2 if sent[1] == "newBufferWithLength:options:" else 1  # it is asked for again when the pool was emptied
    machine.fail(*sent, nothing, times=times)

    def run() -> None:
        rt = MetalRuntime()
        launch_everything(rt)
        launch_otherwise(rt)

    with pytest.raises(DeviceError, match="^enigma GPU error: ") as caught:
        run()
    assert caught.value.help
    assert not machine.faults
    del caught


@pytest.mark.parametrize("sent", [one for one in MESSAGES if one[1] != "endEncoding"], ids=lambda sent: sent[1])
def test_an_exception_of_objective_c_leaves_nothing_behind(machine: Machine, sent: tuple[str, str]) -> None:
    class ObjectiveCError(Exception):
        pass

    machine.fail(*sent, ObjectiveCError("NSGenericException"))
    rt: Any = None
    with pytest.raises(ObjectiveCError):
        rt = MetalRuntime()
        launch_everything(rt)
        launch_otherwise(rt)
    if rt is not None:
        assert (launch_everything(rt) == A * 6).all()  # and the next launch works


def test_no_device(machine: Machine) -> None:
    machine.has_device = False
    assert message(MetalRuntime, DeviceError) == (
        f"enigma GPU error: no Metal device\n  reason: Metal has no device here\n  platform: {sys.platform}\n"
        "  help: use enigma.runtime(), which runs the same kernel on the CPU, or enigma.SimRuntime(), which checks it"
    )


def test_an_error_of_the_compiler_names_the_python_line(machine: Machine) -> None:
    rt = MetalRuntime()
    compiled = en.compile(add)
    line = next(k for k, text in enumerate(compiled.metal_source.splitlines(), 1) if "A[i] + B[i]" in text)
    said = f"Compilation failed: \n\nprogram_source:{line}:5: error: use of undeclared identifier 'q'\n    C[i] = q;\n"
    machine.fail(
        "MTLDevice", "newLibraryWithSource:options:error:", (None, NSError(machine, "MTLLibraryErrorDomain", 3, said))
    )
    text = message(lambda: rt.execute(compiled, [A, B], N * 4, grid=N, threads=32), DeviceError)
    first, rest = text.split("launched.py")
    assert first == (
        "enigma GPU error: the Metal compiler refused kernel add\n  code: 3 (CompileFailure)\n  said: \n    Compilation failed:\n"
        f"    program_source:{line}:5: error: use of undeclared identifier 'q'\n        C[i] = q;\n"
    )
    assert rest == (
        f":{add.fn.__code__.co_firstlineno + 3}:5: note: use of undeclared identifier 'q'\n    C[i] = A[i] + B[i]\n    ^\n"
        "  help: Metal source that does not compile is a bug in enigma: please report it with the kernel"
    )


def test_warnings_of_the_compiler_do_not_stop_a_launch(machine: Machine) -> None:
    from tests.device.fake_metal.libraries import Library

    rt = MetalRuntime()
    compiled = en.compile(add)
    library = Library(machine, compiled.metal_source, {})
    warning = NSError(machine, "MTLLibraryErrorDomain", 4, "program_source:3:1: warning: unused variable")
    machine.fail("MTLDevice", "newLibraryWithSource:options:error:", (library, warning))
    raw = rt.execute(compiled, [A, B], N * 4, grid=N, threads=32)
    assert np.frombuffer(raw, np.float32).tolist() == (A + B).tolist()


PIPELINE = "newComputePipelineStateWithDescriptor:options:reflection:error:"


def test_an_error_of_the_pipeline(machine: Machine) -> None:
    rt = MetalRuntime()
    fewer = "use fewer threads per threadgroup; if that does not help, please report it with the kernel"
    memory = "Threadgroup memory size (40000) exceeds the maximum threadgroup memory allowed (32768)"
    cases = {"Compiler encountered an internal error": fewer, memory: "allocate less threadgroup memory"}
    for said, help in cases.items():
        machine.fail("MTLDevice", PIPELINE, (None, NSError(machine, "", 2, said)))
        assert message(lambda: rt.execute(en.compile(add), [A, B], N * 4, grid=N, threads=32), DeviceError) == (
            f"enigma GPU error: Metal made no pipeline of kernel add\n  threads per threadgroup: 32\n  said: {said}\n  help: {help}"
        )


@pytest.mark.parametrize("code", failures.BUFFER_CODES)
def test_an_error_of_the_command_buffer_says_what_to_do(machine: Machine, code: int) -> None:
    rt = MetalRuntime()
    compiled = en.compile(add)
    out = np.full(N, 7, np.float32)
    for run in (
        lambda: rt.run(compiled.program, [A, B, out], N, 32),
        lambda: rt.prepare(compiled, [A, B], N * 4).dispatch_async(N, 32).wait(),
        lambda: rt.prepare(compiled, [A, B], N * 4).dispatch_timed(N, 32),
    ):
        machine.fail_buffer(code, "Caused GPU Hang Error")
        text = message(run, DeviceError)
        name = failures.BUFFER_CODES[code]
        start = f"enigma GPU error: the launch of kernel add failed\n  code: {code} ({name})\n  said: Caused GPU Hang Error ("
        assert text.startswith(start) and "\n  help: " in text
        assert (out == 7).all()
        if code in failures.LOST:
            assert message(run, DeviceError).startswith(
                "enigma GPU error: the device was lost\n  when: enigma GPU error: the launch of kernel add failed\n"
            )
            assert not rt.usable
            machine.buffer_faults.clear()
            return
    assert rt.usable
    rt.run(compiled.program, [A, B, out], N, 32)
    np.testing.assert_array_equal(out, A + B)


def test_a_failing_batch_names_its_kernels(machine: Machine) -> None:
    rt = MetalRuntime()
    prepared = rt.prepare(en.compile(add), [rt.array(A), rt.array(B)], N * 4)
    machine.fail_buffer(2)
    with pytest.raises(DeviceError, match="the launch of kernels add, add failed"):
        rt.dispatch_batch([(prepared, N, 32)] * 2)


def test_the_first_error_of_launches_under_way_is_raised_when_they_are_waited_for(machine: Machine) -> None:
    rt = MetalRuntime()
    prepared = rt.prepare(en.compile(add), [rt.array(A), rt.array(B)], N * 4)
    machine.fail_buffer(2, "first")
    handles = [prepared.dispatch_async(N, 32) for _ in range(3)]
    with pytest.raises(DeviceError, match="first"):
        rt.synchronize()
    with pytest.raises(DeviceError, match="first"):
        handles[0].wait()
    handles[1].wait()


def test_memory_that_is_used_up(machine: Machine) -> None:
    machine.memory = 1 << 20
    rt = MetalRuntime()
    held = rt.zeros(150_000, np.uint8)
    for size in (100_000, 150_000, 200_000):
        rt.zeros(size, np.uint8)  # goes to the pool, and from there when something larger is asked for
    with pytest.raises(DeviceError) as caught:
        rt.zeros(1 << 20, np.uint8)
    assert str(caught.value) == (
        "enigma GPU error: there is no memory for a buffer of 1048576 bytes\n"
        f"  allocated: {machine.allocated} bytes\n  recommended: 786432 bytes at most\n"
        "  help: use smaller arrays, or let go of some: del array, prepared.release()"
    )
    del caught
    rt.zeros(700_000, np.uint8)
    assert held.sum() == 0


def test_a_buffer_beyond_the_largest(machine: Machine) -> None:
    machine.largest = 1 << 20
    rt = MetalRuntime()
    assert message(lambda: rt.zeros((1 << 20) + 1, np.uint8), DeviceError) == (
        "enigma GPU error: a buffer of 1048577 bytes is too large\n  largest: 1048576 bytes\n  help: work on it in several pieces"
    )


def test_a_texture_without_memory(machine: Machine) -> None:
    rt = MetalRuntime()
    machine.fail("MTLDevice", "newTextureWithDescriptor:")
    assert message(lambda: launch_everything(rt), DeviceError) == (
        f"enigma GPU error: there is no memory for the texture T\n  sizes: ({N}, 1, 1)\n  format: R32Float\n"
        "  help: use a smaller one, or let go of some arrays"
    )


@en.kernel
def in_place(T: en.Texture2D(en.f32, "read_write")):
    i = en.thread_position_in_grid
    T.write(T.read(i, 0) * 2, i, 0)


def test_formats_that_a_texture_cannot_both_read_and_write(machine: Machine) -> None:
    program = en.compile(in_place).program
    rt = MetalRuntime()
    assert message(lambda: rt.run(program, [np.ones((1, 4, 2), np.float32)], 4, 4), DeviceError).startswith(
        "enigma GPU error: this GPU cannot both read and write the texture T of format RG32Float\n  tier: 2\n  formats: R16Float, "
    )
    wide = np.ones((1, 4, 4), np.float32)
    rt.run(program, [wide], 4, 4)
    assert (wide == 2).all()
    machine.chip = "A12"
    old = MetalRuntime()
    assert message(lambda: old.run(program, [wide], 4, 4), DeviceError) == (
        "enigma GPU error: this GPU cannot both read and write the texture T of format RGBA32Float\n  tier: 1\n"
        "  formats: R32Float, R32Sint, R32Uint\n"
        "  help: use one of one or four components of 32 bits, or a texture to read and another to write"
    )


@en.kernel
def smooth(T: en.Texture2D(en.f32, "sample"), Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = T.sample(0.5, 0.5, filter="linear").x


def test_interpolation_that_the_gpu_lacks(machine: Machine) -> None:
    machine.chip = "A12"
    rt = MetalRuntime()
    program = en.compile(smooth).program
    out = np.zeros(1, np.float32)
    assert message(lambda: rt.run(program, [np.ones((2, 2), np.float32), out], 1, 1), DeviceError) == (
        "enigma GPU error: this GPU does not interpolate between texels of 32 bits, as T has\n"
        "  help: use a texture of enigma.f16, or pass uint8, which counts 255 as 1"
    )
    rt.run(program, [np.full((2, 2), 255, np.uint8), out], 1, 1)
    assert out[0] == 1


def library(machine: Machine, folder: Path, content: bytes) -> Callable[[], Any]:
    compiled = en.compile(add)
    path = folder / "add.metallib"
    path.write_bytes(content or b"MTLBAIR:" + compiled.metal_source.encode())
    compiled.program.metallib = str(path)
    rt = MetalRuntime()
    return lambda: np.frombuffer(rt.execute(compiled, [A, B], N * 4, grid=N, threads=32), np.float32)


def test_a_kernel_with_a_metallib_is_loaded_and_not_compiled(machine: Machine, tmp_path: Path) -> None:
    assert library(machine, tmp_path, b"")().tolist() == (A + B).tolist()
    assert not machine.sources


def test_a_metallib_that_cannot_be_loaded(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "add.metallib"
    assert message(library(machine, tmp_path, b"nonsense"), DeviceError) == (
        f"enigma GPU error: the library of kernel add cannot be loaded\n  path: {path}\n  code: 1 (Unsupported)\n"
        "  said: Invalid library file\n"
        "  help: compile the kernel again; a .metallib does not load on a macOS older than the one it was built for"
    )
    run = library(machine, tmp_path, b"")
    path.unlink()
    assert message(run, DeviceError) == (
        f"enigma GPU error: the library of kernel add is gone\n  path: {path}\n"
        "  help: compile the kernel again, or keep its work_dir"
    )


def test_a_metallib_without_the_kernel(machine: Machine, tmp_path: Path) -> None:
    other = en.compile(smooth).metal_source.encode()
    assert message(library(machine, tmp_path, b"MTLBAIR:" + other), DeviceError) == (
        "enigma GPU error: the library of kernel add has no function add\n  it has: smooth\n  help: compile the kernel again"
    )


def test_what_shader_validation_finds_is_said_with_the_python_lines(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_SHADER_VALIDATION", "1")
    rt = MetalRuntime()
    compiled = en.compile(add)
    line = next(k for k, text in enumerate(compiled.metal_source.splitlines(), 1) if "A[i] + B[i]" in text)
    rt.execute(compiled, [A, B], N * 4, grid=N, threads=32)  # nothing found
    first = 'Invalid device load executing kernel function "add"\n at offset 280'
    machine.shader_findings = [(first, "add", line)] * 2 + [("Invalid device store", "", 0)]
    assert message(lambda: rt.execute(compiled, [A, B], N * 4, grid=N, threads=32), DeviceError) == (
        "enigma GPU error: shader validation found 3 mistakes in add\n"
        f'launched.py:{add.fn.__code__.co_firstlineno + 3}:5: note: Invalid device load executing kernel function "add" '
        "at offset 280\n    C[i] = A[i] + B[i]\n    ^\n  note: Invalid device store\n"
        "  help: run it on enigma.SimRuntime(), which names the thread and the index too"
    )
    machine.shader_findings = [(first, "add", line)]
    machine.fail_buffer(3)
    with pytest.raises(DeviceError, match="PageFault") as caught:
        rt.execute(compiled, [A, B], N * 4, grid=N, threads=32)
    assert "shader validation found 1 mistake in add" in str(caught.value.__cause__)
    del caught


def test_buffers_have_the_names_of_their_parameters_where_accesses_are_checked(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTL_SHADER_VALIDATION", "1")
    rt = MetalRuntime()
    base, out = rt.zeros(256), rt.zeros(N)
    rt.run(en.compile(add).program, [base[64 : 64 + N], B, out], N, 32)
    labels = sorted(one.values["label"] for one in machine.alive if one.OWNER == "MTLBuffer")
    assert labels == ["A from byte 256", "B", "C"]
    monkeypatch.delenv("MTL_SHADER_VALIDATION")
    quiet = MetalRuntime()
    with machine.messages() as sent:
        quiet.run(en.compile(add).program, [A, B, quiet.zeros(N)], N, 32)
    assert ("MTLBuffer", "setLabel:") not in sent
