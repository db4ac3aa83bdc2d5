"""The stand-in for Metal refuses what Metal refuses or leaves undefined."""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.runtime.metal.runtime import MetalRuntime
from tests.device.fake_metal import Machine, Misuse
from tests.unit.runtime.launched import add, numbers, saxpy


@dataclass
class Bench:
    """A device with a pipeline of `add`, in a pool."""

    machine: Machine
    device: Any
    queue: Any
    pipeline: Any

    def buffer(self, size: int = 256) -> Any:
        return self.device.newBufferWithLength_options_(size, 0)

    def encoder(self) -> Any:
        self.command = self.queue.commandBuffer()
        encoder = self.command.computeCommandEncoder()
        encoder.setComputePipelineState_(self.pipeline)
        return encoder


COMPILED: dict[Any, Any] = {}
"""What is launched here: the stand-in runs a text only as long as the program is there that it was printed from."""


def pipeline(machine: Machine, device: Any, kernel: Any) -> Any:
    metal = machine.bridge().metal
    compiled = COMPILED.setdefault(kernel, en.compile(kernel))
    options = metal.MTLCompileOptions.alloc().init()
    options.setLanguageVersion_(metal.MTLLanguageVersion3_2)
    options.setMathMode_(0)
    options.setMathFloatingPointFunctions_(1)
    library, error = device.newLibraryWithSource_options_error_(compiled.metal_source, options, None)
    assert error is None
    descriptor = metal.MTLComputePipelineDescriptor.alloc().init()
    descriptor.setComputeFunction_(library.newFunctionWithName_(compiled.entry_name))
    state, error = device.newComputePipelineStateWithDescriptor_options_reflection_error_(descriptor, 0, None, None)
    assert error is None
    return state


@pytest.fixture
def bench() -> Iterator[Bench]:
    machine = Machine()
    device = machine.bridge().metal.MTLCreateSystemDefaultDevice()
    with machine.pool():
        yield Bench(machine, device, device.newCommandQueue(), pipeline(machine, device, add))


def refused(bench: Bench, action: Callable[[], Any]) -> str:
    """Return why an action is a misuse; it is noted too, for those who catch everything."""
    with pytest.raises(Misuse) as caught:
        action()
    assert str(caught.value) in bench.machine.violations
    return str(caught.value)


def bound(bench: Bench, *offsets: int) -> Any:
    encoder = bench.encoder()
    buffers = [bench.buffer() for _ in offsets]
    encoder.setBuffers_offsets_withRange_(buffers, list(offsets), (0, len(buffers)))
    return encoder


def test_selectors_and_constants_that_do_not_exist(bench: Bench) -> None:
    for action in (
        lambda: bench.device.newBufferWithLength_(4),
        lambda: bench.device.makeBuffer_options_(4, 0),
        lambda: bench.machine.bridge().metal.MTLLanguageVersion9_9,
        lambda: bench.machine.bridge().metal.MTLNoSuchClass,
    ):
        with pytest.raises(AttributeError):
            action()
    bench.machine.system = (13, 0)
    with pytest.raises(AttributeError, match="it came with"):
        bench.machine.bridge().metal.MTLCompileOptions.alloc().init().setMathMode_(0)


def test_arguments_of_other_types(bench: Bench) -> None:
    assert refused(bench, lambda: bench.device.newBufferWithLength_options_(np.int64(4), 0)).endswith("is no Q")
    assert refused(bench, lambda: bench.device.newBufferWithLength_options_(-4, 0)).endswith("-4 is no Q")
    assert refused(bench, lambda: bench.device.newBufferWithLength_options_(True, 0)).endswith("True is no Q")
    assert refused(bench, lambda: bench.device.newLibraryWithSource_options_error_("", None, 1)).endswith("1 is no ^@")
    encoder = bound(bench, 0, 0, 0)
    for size in ((4, 1), [4, 1, 1], (4.0, 1, 1)):
        assert "is no {MTLSize" in refused(
            bench, lambda size=size: encoder.dispatchThreads_threadsPerThreadgroup_(size, (1, 1, 1))
        )
    assert refused(bench, lambda: encoder.setBytes_length_atIndex_("text", 4, 0)).endswith("is no ^v")
    values = bench.machine.bridge().metal.MTLFunctionConstantValues.alloc().init()
    assert refused(bench, lambda: values.setConstantValue_type_atIndex_(b"1234", 29, 0)).endswith("is no ^v")
    with pytest.raises(TypeError, match="Need 2 arguments, got 1"):
        bench.device.newBufferWithLength_options_(4)
    encoder.endEncoding()


def test_the_order_of_encoding(bench: Bench) -> None:
    encoder = bound(bench, 0, 0, 0)
    assert "second encoder" in refused(bench, bench.command.blitCommandEncoder)
    assert "while an encoder is open" in refused(bench, bench.command.commit)
    encoder.dispatchThreads_threadsPerThreadgroup_((4, 1, 1), (4, 1, 1))
    encoder.endEncoding()
    assert "the encoder was ended" in refused(
        bench, lambda: encoder.dispatchThreads_threadsPerThreadgroup_((4, 1, 1), (4, 1, 1))
    )
    assert "forever" in refused(bench, bench.command.waitUntilCompleted)
    bench.command.commit()
    assert "committed twice" in refused(bench, bench.command.commit)
    assert "was committed" in refused(bench, bench.command.computeCommandEncoder)
    assert "before the command buffer has completed" in refused(bench, bench.command.GPUEndTime)
    bench.command.waitUntilCompleted()
    assert bench.command.status() == 4 and bench.command.GPUEndTime() > bench.command.GPUStartTime()


def test_an_encoder_that_is_not_ended_is_the_end_of_the_process(bench: Bench) -> None:
    with bench.machine.pool():
        bench.queue.commandBuffer().computeCommandEncoder()
    gc.collect()
    with pytest.raises(Misuse, match="let go of without endEncoding"):
        bench.machine.check()


def test_an_encoder_of_another_thread(bench: Bench) -> None:
    encoder = bench.encoder()
    found: list[str] = []
    thread = threading.Thread(
        target=lambda: found.append(refused(bench, lambda: encoder.setComputePipelineState_(bench.pipeline)))
    )
    thread.start()
    thread.join()
    assert "another thread" in found[0]
    encoder.endEncoding()


def test_what_a_dispatch_needs(bench: Bench) -> None:
    encoder = bound(bench, 0, 0)
    run = encoder.dispatchThreads_threadsPerThreadgroup_
    assert refused(bench, lambda: run((4, 1, 1), (4, 1, 1))) == "C of add: nothing is bound to buffer 2"
    assert "a dispatch of (0, 1, 1)" in refused(bench, lambda: run((0, 1, 1), (4, 1, 1)))
    assert "the pipeline allows 1024" in refused(bench, lambda: run((4, 1, 1), (1025, 1, 1)))
    encoder.endEncoding()
    empty = bench.queue.commandBuffer().computeCommandEncoder()
    assert "without a pipeline" in refused(
        bench, lambda: empty.dispatchThreads_threadsPerThreadgroup_((4, 1, 1), (4, 1, 1))
    )
    empty.endEncoding()
    shifted = bound(bench, 0, 0, 2)
    assert "offset 2 is no multiple of 4" in refused(
        bench, lambda: shifted.dispatchThreads_threadsPerThreadgroup_((4, 1, 1), (4, 1, 1))
    )
    assert "at 256" in refused(bench, lambda: shifted.setBuffers_offsets_withRange_([bench.buffer()], [256], (0, 1)))
    assert "for the range" in refused(
        bench, lambda: shifted.setBuffers_offsets_withRange_([bench.buffer()], [0], (0, 2))
    )
    shifted.endEncoding()


def test_bytes_are_as_long_as_the_kernel_s_value(bench: Bench) -> None:
    bench.pipeline = pipeline(bench.machine, bench.device, saxpy)
    encoder = bound(bench, 0, 0)
    encoder.setBytes_length_atIndex_(b"\0\0\0\0", 4, 2)
    encoder.setBytes_length_atIndex_(b"\0\0", 2, 3)
    run = encoder.dispatchThreads_threadsPerThreadgroup_
    assert refused(bench, lambda: run((4, 1, 1), (4, 1, 1))) == "a of saxpy: 2 bytes are bound, but float has 4"
    assert "setBytes of 5000 bytes" in refused(bench, lambda: encoder.setBytes_length_atIndex_(bytes(5000), 5000, 2))
    assert "setBytes of 8 bytes" in refused(bench, lambda: encoder.setBytes_length_atIndex_(b"\0\0\0\0", 8, 2))
    encoder.setBytes_length_atIndex_(b"\0\0\0\0", 4, 0)
    assert "X of saxpy: bytes are bound to buffer 0, which is device memory" in refused(
        bench, lambda: run((4, 1, 1), (4, 1, 1))
    )
    encoder.endEncoding()


def test_constant_memory_begins_at_multiples_of_256(bench: Bench) -> None:
    bench.pipeline = pipeline(bench.machine, bench.device, numbers)
    encoder = bench.encoder()
    buffer = bench.buffer(2048)
    encoder.setBuffers_offsets_withRange_([buffer] * 4, [0, 256, 512, 528], (0, 4))
    run = encoder.dispatchThreads_threadsPerThreadgroup_
    assert "constant memory is no multiple of 256" in refused(bench, lambda: run((4, 1, 1), (4, 1, 1)))
    encoder.endEncoding()


def test_memory(bench: Bench) -> None:
    assert "0 bytes" in refused(bench, lambda: bench.buffer(0))
    assert "resource options are 32" in refused(bench, lambda: bench.device.newBufferWithLength_options_(4, 32))
    page = np.zeros(16384 * 2, np.uint8)
    shift = -page.ctypes.data % 16384
    wrap = bench.device.newBufferWithBytesNoCopy_length_options_deallocator_
    assert "whole pages" in refused(bench, lambda: wrap(page[shift : shift + 100], 100, 0, None))
    assert "whole pages" in refused(
        bench, lambda: wrap(page[shift + 1 :], 16384, 0, None) if shift < 16383 else wrap(page[1:], 16384, 0, None)
    )
    frozen = page[shift : shift + 16384].copy()
    frozen.flags.writeable = False
    assert "read-only" in refused(bench, lambda: wrap(frozen, 16384, 0, None))
    buffer, look = bench.buffer(64), bench.buffer(64).contents().as_buffer
    assert "are looked at" in refused(bench, lambda: look(65))
    seen = np.frombuffer(buffer.contents().as_buffer(64), np.uint8)
    assert not seen.any()
    del buffer
    gc.collect()
    assert (seen == 0xDD).all()  # whoever looks at memory that was let go of sees that


def test_objects_that_no_pool_keeps() -> None:
    machine = Machine()
    device = machine.bridge().metal.MTLCreateSystemDefaultDevice()
    queue = device.newCommandQueue()
    with pytest.raises(Misuse, match="no pool in place"):
        queue.commandBuffer()


def test_what_is_compiled(bench: Bench) -> None:
    metal = bench.machine.bridge().metal
    options = metal.MTLCompileOptions.alloc().init()
    source = en.compile(add).metal_source
    compile_source = bench.device.newLibraryWithSource_options_error_
    assert "the language version is not set" in refused(bench, lambda: compile_source(source, options, None))
    options.setLanguageVersion_(metal.MTLLanguageVersion3_2)
    assert "the math mode is not set" in refused(bench, lambda: compile_source(source, options, None))
    options.setMathMode_(0)
    options.setMathFloatingPointFunctions_(1)
    library, error = compile_source(source.replace("float", "double"), options, None)
    assert library is None and error.code() == 3
    assert error.localizedDescription().startswith(
        "Compilation failed: \n\nprogram_source:5:18: error: 'double' is not supported in Metal\n"
    )
    options.setLanguageVersion_(metal.MTLLanguageVersion4_0)
    assert (
        "language version 4.0 is not supported on this system"
        in compile_source(source, options, None)[1].localizedDescription()
    )


def test_a_kernel_s_constants_are_copied_and_must_be_there(bench: Bench) -> None:
    metal = bench.machine.bridge().metal
    values = metal.MTLFunctionConstantValues.alloc().init()
    held = ctypes.c_int32(-5)
    values.setConstantValue_type_atIndex_(ctypes.addressof(held), metal.MTLDataTypeInt, 3)
    held.value = 0
    assert values.given == {3: (29, b"\xfb\xff\xff\xff")}
    assert "no type of a scalar" in refused(
        bench, lambda: values.setConstantValue_type_atIndex_(ctypes.addressof(held), 0, 3)
    )


def test_a_test_that_leaves_something_fails() -> None:
    machine = Machine()
    from tests.device.runtimes import replaced

    with replaced(machine):
        rt = MetalRuntime()
    held = rt.zeros(4)
    del rt
    assert machine.count("MTLBuffer") == 1
    del held
    assert machine.count("MTLBuffer") == 0
    assert machine.allocated == 0
