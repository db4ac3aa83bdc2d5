"""Launches on Metal as it is modelled: few messages, right arguments, nothing left behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import make_dataclass
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from enigma.errors import DeviceError, LaunchError
from enigma.runtime import choose
from enigma.runtime.metal.memory import DeviceBuffer
from enigma.runtime.metal.runtime import MetalRuntime
from tests.device.fake_metal import Machine
from tests.device.fake_metal.commands import SCHEDULING, WAITING
from tests.unit.runtime.launched import add, both, message, saxpy, swap

N = 70
A = np.arange(N, dtype=np.float32)
B = np.full(N, 0.5, np.float32)


@en.kernel
def many(A: en.f32, p: en.Scalar(en.f32), B: en.f32, q: en.Scalar(en.u32), r: en.Scalar(en.i64), Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i] * p + B[i] * q.to(en.f32) + r.to(en.f32)


@en.kernel
def textured(T: en.Texture2D(en.f32, "read"), k: en.Scalar(en.f32), m: en.Scalar(en.f32), A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = T.read(i, 0).x * k + A[i] * m


@pytest.mark.parametrize("kind", ["no numbers", "one number", "numbers between buffers", "a texture besides"])
def test_a_warm_launch_takes_ten_messages_at_most(machine: Machine, kind: str) -> None:
    rt = MetalRuntime()
    a, b, out = rt.array(A), rt.array(B), rt.zeros(N)
    image = rt.array(np.ones((1, N), np.float32))
    kernel, arguments, wanted = {
        "no numbers": (add, [a, b, out], A + B),
        "one number": (_scaled, [a, out, 3.0], A * 3),
        "numbers between buffers": (many, [a, 2.0, b, 4, -5, out], A * 2 + 0.5 * 4 - 5),
        "a texture besides": (textured, [image, 2.0, 3.0, a, out], 2 + 3 * A),
    }[kind]
    bound = rt.bind_whole(en.compile(kernel).program, arguments, _size(N))
    bound()
    with machine.messages() as sent:
        bound()
    np.testing.assert_array_equal(out, wanted.astype(np.float32))
    copy = 3 if kernel is textured else 0  # into the texture: an encoder, the copy, its end
    assert len(sent) - copy <= 10, sent


def test_each_launch_of_a_warm_batch_takes_four_messages_at_most(machine: Machine) -> None:
    rt = MetalRuntime()
    a, b, out = rt.array(A), rt.array(B), rt.zeros(N)
    prepared = rt.prepare(en.compile(add), [a, b], N * 4)
    scaled = rt.bind_whole(en.compile(_scaled).program, [a, out, 3.0], _size(N))
    several = rt.bind_whole(en.compile(many).program, [a, 2.0, b, 4, -5, out], _size(N))
    prepared.dispatch(N, 32)
    for count in (1, 50):
        with machine.messages() as sent, rt.batch():
            for _ in range(count):
                prepared.dispatch(N, 32)
                scaled()
                several()
        assert len(sent) <= 6 + 4 * 3 * count, sent
    np.testing.assert_array_equal(out, (A * 2 + 0.5 * 4 - 5).astype(np.float32))


@pytest.mark.parametrize("kind", ["run", "dispatch", "an object's launch", "under way"])
def test_every_way_to_launch_again_takes_ten_messages_at_most(machine: Machine, kind: str) -> None:
    rt = MetalRuntime()
    a, b, out = rt.array(A), rt.array(B), rt.zeros(N)
    program = en.compile(add).program
    prepared = rt.prepare(en.compile(add), [a, b], N * 4)
    ways: dict[str, Any] = {
        "run": lambda: rt.run(program, [a, b, out], N, 32),
        "dispatch": lambda: prepared.dispatch(N, 32),
        "an object's launch": lambda: add.launch(a, b, out, grid=N, threads=32, device="metal"),
        "under way": lambda: prepared.dispatch_async(N, 32).wait(),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choose, "_make", lambda name: rt)
        ways[kind]()
        with machine.messages() as sent:
            ways[kind]()
    # a handle asks for the two times besides
    assert len(sent) <= (12 if kind == "under way" else 10), sent


@en.kernel
def _scaled(A: en.f32, Out: en.f32, k: en.Scalar(en.f32)):
    i = en.thread_position_in_grid
    Out[i] = A[i] * k


def _size(n: int) -> Any:
    from enigma.runtime.launch import Geometry

    return Geometry((n, 1, 1), (32, 1, 1))


def test_numbers_are_set_as_bytes_as_long_as_that_is_one_message(machine: Machine) -> None:
    rt = MetalRuntime()
    a, out = rt.array(A), rt.zeros(N)
    with machine.messages() as sent:
        rt.run(en.compile(_scaled).program, [a, out, 3.0], N, 32)
    assert ("MTLComputeCommandEncoder", "setBytes:length:atIndex:") in sent
    b = rt.array(B)
    with machine.messages() as sent:
        rt.run(en.compile(many).program, [a, 2.0, b, 4, -5, out], N, 32)
    assert ("MTLComputeCommandEncoder", "setBytes:length:atIndex:") not in sent


Large: Any = make_dataclass("Large", [(f"m{k}", en.i64) for k in range(520)])
"""A struct of more bytes than setBytes takes."""


@en.kernel
def last_member(p: Large, Out: en.i64):
    Out[en.thread_position_in_grid] = p.m519 - p.m0


def test_a_struct_that_is_too_long_for_bytes_is_passed_in_a_buffer(machine: Machine) -> None:
    rt = MetalRuntime()
    out = rt.zeros(1, np.int64)
    with machine.messages() as sent:
        rt.run(en.compile(last_member).program, [{f"m{k}": k * k for k in range(520)}, out], 1, 1)
    assert out.tolist() == [519 * 519]
    assert ("MTLComputeCommandEncoder", "setBytes:length:atIndex:") not in sent


def test_shared_arrays_are_used_where_they_are_and_others_are_copied(machine: Machine) -> None:
    rt = MetalRuntime()
    compiled = en.compile(add)
    a, out = rt.array(A), rt.zeros(N)
    assert rt.explain_copies(compiled, [a, a, out]) == []
    assert rt.explain_copies(compiled, [A, a, np.zeros(N, np.float32)]) == [
        "A: 280 bytes are copied to the GPU, for its memory is not whole pages that the GPU could share",
        "C: 280 bytes are copied to the GPU and back, for its memory is not whole pages that the GPU could share",
    ]
    frozen = A.copy()
    frozen.flags.writeable = False
    shifted = rt.zeros(N + 1)[1:]
    assert rt.explain_copies(compiled, [frozen, shifted, out]) == [
        "A: 280 bytes are copied to the GPU, for it is read-only memory that the GPU does not share",
        "B: 280 bytes are copied to the GPU, for it starts 4 bytes into its buffer, which is no multiple of 16",
    ]
    run = rt.run
    for c in (rt.zeros(N), np.zeros(N, np.float32), rt.zeros(N + 4)[4:], rt.zeros(N + 1)[1:]):
        run(compiled.program, [frozen, a, c], N, 32)
        np.testing.assert_array_equal(c, A + A)


def test_whole_pages_of_other_memory_are_wrapped(machine: Machine) -> None:
    import mmap

    pages = mmap.mmap(-1, 2 * 16384)
    start = np.frombuffer(pages, np.uint8).__array_interface__["data"][0]
    whole = np.frombuffer(pages, np.float32)[(-start % 16384) // 4 :]
    whole = whole[: len(whole) // 4096 * 4096]
    rt = MetalRuntime()
    if start % 16384 == 0:
        assert rt.explain_copies(en.compile(add), [whole, whole, rt.zeros(len(whole))]) == []
    out = rt.zeros(len(whole))
    whole[:] = 2
    rt.run(en.compile(add).program, [whole, whole, out], len(whole), 256)
    assert (out == 4).all()


def test_arrays_of_one_buffer_at_several_offsets(machine: Machine) -> None:
    rt = MetalRuntime()
    base = rt.array(np.arange(256, dtype=np.float32))
    rt.run(en.compile(add).program, [base[:64], base[64:128], base[128:192]], 64, 32)
    assert rt.explain_copies(en.compile(add), [base[:64], base[64:128], base[128:192]]) == []
    np.testing.assert_array_equal(base[128:192], base[:64] + base[64:128])


def test_memory_goes_back_to_the_pool_and_comes_from_it(machine: Machine) -> None:
    rt = MetalRuntime()
    first = rt.zeros(1000)
    address = first.__array_interface__["data"][0]
    view = first[10:20]
    del first
    assert rt.memory.free_bytes == 0  # the view keeps it
    del view
    assert rt.memory.free_bytes == 4096
    assert rt.zeros(1000).__array_interface__["data"][0] == address
    compiled = en.compile(add)
    rt.execute(compiled, [A, B], N * 4, grid=N, threads=32)
    made = machine.count("MTLBuffer")
    for _ in range(20):
        rt.execute(compiled, [A, B], N * 4, grid=N, threads=32)
    assert machine.count("MTLBuffer") == made


def test_outputs_outlive_the_runtime(machine: Machine) -> None:
    rt = MetalRuntime()
    out = rt.execute(en.compile(add), [A, B], output_shapes=[(N,)], output_dtypes=[np.float32], grid=N, threads=32)
    rt.close()
    del rt
    np.testing.assert_array_equal(out, A + B)


def test_a_batch_is_one_command_buffer_and_one_encoder(machine: Machine) -> None:
    rt = MetalRuntime()
    compiled = en.compile(add)
    a, b = rt.array(A), rt.array(B)
    first = rt.prepare(compiled, [a, b], N * 4)
    second = rt.prepare(compiled, [first.outputs[0], b], N * 4)
    first.dispatch(N, 32)
    second.dispatch(N, 32)
    a += 1
    with machine.messages() as sent:
        rt.dispatch_batch([(first, N, 32), (second, N, 32), (second, N, 32)])
    names = [name for _, name in sent]
    assert [names.count(each) for each in ("commandBuffer", "computeCommandEncoder", "endEncoding", "commit")] == [
        1,
        1,
        1,
        1,
    ]
    np.testing.assert_array_equal(np.frombuffer(second.read_output(), np.float32), A + 1 + 2 * B)


def test_what_a_batch_copies_is_seen_by_what_comes_after(machine: Machine) -> None:
    rt = MetalRuntime()
    program = en.compile(add).program
    a, c, d = A.copy(), np.zeros(N, np.float32), np.zeros(N, np.float32)
    with rt.batch():
        rt.run(program, [a, B, c], N, 32)
        rt.run(program, [c, B, d], N, 32)
        rt.run(program, [d, d, c], N, 32)
    np.testing.assert_array_equal(d, A + 2 * B)
    np.testing.assert_array_equal(c, d + d)


def test_reading_an_output_within_a_batch_runs_it_first(machine: Machine) -> None:
    rt = MetalRuntime()
    prepared = rt.prepare(en.compile(add), [A, B], N * 4)
    with rt.batch():
        prepared.dispatch(N, 32)
        assert np.frombuffer(prepared.read_output(), np.float32).tolist() == (A + B).tolist()


def test_execute_within_a_batch_returns_results(machine: Machine) -> None:
    rt = MetalRuntime()
    with rt.batch():
        raw = rt.execute(en.compile(add), [A, B], N * 4, grid=N, threads=32)
        assert np.frombuffer(raw, np.float32).tolist() == (A + B).tolist()


def test_an_exception_within_a_batch_drops_it(machine: Machine) -> None:
    rt = MetalRuntime()
    prepared = rt.prepare(en.compile(add), [A, B], N * 4)
    with pytest.raises(KeyError), rt.batch():
        prepared.dispatch(N, 32)
        raise KeyError
    assert np.frombuffer(prepared.read_output(), np.float32).tolist() == [0.0] * N
    prepared.dispatch(N, 32)  # whatever it held is free again
    assert np.frombuffer(prepared.read_output(), np.float32).tolist() == (A + B).tolist()


def test_what_cannot_be_part_of_a_batch(machine: Machine) -> None:
    rt = MetalRuntime()
    prepared = rt.prepare(en.compile(add), [A, B], N * 4)
    with rt.batch():
        help = "\n  help: leave the `with rt.batch():` first"
        assert message(lambda: prepared.dispatch_timed(N, 32)) == f"a timed launch cannot be part of a batch{help}"
        assert (
            message(lambda: prepared.dispatch_async(N, 32)) == f"an asynchronous launch cannot be part of a batch{help}"
        )
        with pytest.raises(LaunchError, match="a batch cannot be part of a batch"), rt.batch():
            pass
    other = en.CpuRuntime().prepare(en.compile(add), [A, B], N * 4)
    assert message(lambda: rt.dispatch_batch([(other, N, 32)])) == (
        "kernel add was prepared on another runtime, cpu\n  help: prepare it on the runtime whose dispatch_batch is called"
    )


def test_a_launch_goes_on_until_somebody_waits(machine: Machine) -> None:
    rt = MetalRuntime()
    out = rt.zeros(N)
    prepared = rt.prepare(en.compile(saxpy), [A, out], scalars=[N, 2.0], inout=["Y"])
    handle = prepared.dispatch_async(N, 32)
    assert (out == 0).all() and not handle.done and repr(handle) == "<launch, under way>"
    handle.wait()
    handle.wait()
    assert handle.done and handle.elapsed > 0 and repr(handle) == "<launch, over>"
    np.testing.assert_array_equal(out, A * 2)


def test_a_launch_waits_for_the_copies_of_one_under_way(machine: Machine) -> None:
    rt = MetalRuntime()
    y = np.zeros(N, np.float32)
    prepared = rt.prepare(en.compile(saxpy), [A, y], scalars=[N, 2.0], inout=["Y"])
    first = prepared.dispatch_async(N, 32)
    second = prepared.dispatch_async(N, 32)  # its copy of y is made when the first one's is back
    third = np.zeros(N, np.float32)
    rt.run(en.compile(add).program, [y, y, third], N, 32)
    np.testing.assert_array_equal(third, 2 * (A * 4))
    rt.synchronize()
    np.testing.assert_array_equal(y, A * 4)
    assert first.done and second.done


def test_the_time_of_the_gpu_is_in_microseconds(machine: Machine) -> None:
    rt = MetalRuntime()
    prepared = rt.prepare(en.compile(add), [A, B], N * 4)
    took = prepared.dispatch_timed(N, 32)
    assert took == pytest.approx(machine.gpu_worked * 1e6, abs=1e-3)


def test_threads_share_a_runtime(machine: Machine) -> None:
    rt = MetalRuntime()
    program = en.compile(saxpy).program
    y = np.zeros(N, np.float32)
    prepared = rt.prepare(en.compile(saxpy), [A, y], scalars=[N, 1.0], inout=["Y"])

    def work(k: int) -> bool:
        x, mine = np.full(N, k, np.float32), np.zeros(N, np.float32)
        rt.run(program, [x, mine, N, 3.0], N, 32)
        prepared.dispatch(N, 32)
        with rt.batch():
            rt.run(program, [x, mine, N, 1.0], N, 32)
        return bool((mine == 4 * k).all())

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(work, range(40)))
    np.testing.assert_array_equal(y, 40 * A)


def test_several_outputs_and_arrays_in_place(machine: Machine) -> None:
    rt = MetalRuntime()
    a = np.arange(N, dtype=np.int32)
    total, product = rt.execute(en.compile(both), [a], output_sizes=[N * 4, N * 8], scalars=[-7], grid=N, threads=32)
    assert np.array_equal(np.frombuffer(total, np.int32), a - 7)
    assert np.array_equal(np.frombuffer(product, np.int64), a.astype(np.int64) * -7)
    x, y = np.arange(N, dtype=np.int32), -np.arange(N, dtype=np.int32)
    rt.run(en.compile(swap).program, [x, y], N, 32)
    assert (x == -np.arange(N)).all() and (y == np.arange(N)).all()


def test_a_pipeline_is_made_for_the_threads_of_a_threadgroup_and_kept(machine: Machine) -> None:
    rt = MetalRuntime()
    program = en.compile(add).program
    out = rt.zeros(N)
    with machine.messages() as sent:
        for threads in (32, 20, 1, 33, 64, 256):
            rt.run(program, [A, B, out], N, threads)
    names = [name for _, name in sent]
    assert names.count("newLibraryWithSource:options:error:") == 1
    assert names.count("newComputePipelineStateWithDescriptor:options:reflection:error:") == 3


def test_more_threads_than_the_pipeline_allows_are_refused(machine: Machine) -> None:
    machine.limit = 448
    rt = MetalRuntime()
    assert message(lambda: rt.run(en.compile(add).program, [A, B, np.zeros(N, np.float32)], N, 512)) == (
        "threads is (512, 1, 1), 512 per threadgroup, but kernel add can have 448 on this GPU: each of its threads needs many "
        "registers\n  help: use 448 threads per threadgroup or fewer; grid counts all threads"
    )
    rt.run(en.compile(add).program, [A, B, np.zeros(N, np.float32)], N, 448)


def test_a_buffer_that_was_released_is_refused(machine: Machine) -> None:
    rt = MetalRuntime()
    program = en.compile(add).program
    out = rt.buffer(N)
    assert repr(out) == f"<device buffer of shape ({N},) and dtype float32>"
    rt.run(program, [A, B, out], N, 32)
    kept = out.numpy()
    out.release()
    assert repr(out) == "<device buffer, released>"
    assert message(lambda: rt.run(program, [A, B, out], N, 32), DeviceError) == (
        "enigma GPU error: this buffer was released and cannot be used any more\n  help: make another one: rt.buffer(...)"
    )
    assert message(out.release, DeviceError) == (
        "enigma GPU error: this buffer was released already\n  help: release a buffer once, or use it in a `with`"
    )
    np.testing.assert_array_equal(kept, A + B)  # an array that was made before keeps the memory
    with rt.buffer((2, 3), np.int32) as inner:
        assert inner.numpy().tolist() == [[0, 0, 0], [0, 0, 0]]
    with pytest.raises(DeviceError, match="was released"):
        inner.numpy()


def test_an_array_over_a_buffer_keeps_the_memory_when_that_is_released(machine: Machine) -> None:
    rt = MetalRuntime()
    for look in (np.asarray, DeviceBuffer.numpy, lambda one: np.from_dlpack(one)):
        buffer = rt.buffer((2, 3), np.int32)
        seen = look(buffer)
        seen[1, 2] = 7
        assert buffer.numpy()[1, 2] == 7
        buffer.release()
        others = [rt.zeros((2, 3), np.int32) for _ in range(3)]
        assert seen.tolist() == [[0, 0, 0], [0, 0, 7]]
        others[0][...] = 9
        assert seen[1, 2] == 7 and not np.any(others[1:])
        del seen, buffer, others
    brain = rt.buffer(4, ml_dtypes.bfloat16)
    assert np.asarray(brain).nbytes == 8


def test_a_buffer_that_is_released_while_the_gpu_uses_it_stays_until_the_launch_is_over(machine: Machine) -> None:
    rt = MetalRuntime()
    a, out = rt.buffer(N), rt.zeros(N)
    a.numpy()[:] = A
    prepared = rt.prepare(en.compile(saxpy), [a, out], scalars=[N, 2.0], inout=["Y"])
    handle = prepared.dispatch_async(N, 32)
    a.release()
    prepared.release()
    others = [rt.zeros(N) for _ in range(4)]  # none of them is the memory that is in use
    handle.wait()
    np.testing.assert_array_equal(out, A * 2)
    assert not np.any(others)


def test_a_closed_runtime_is_refused(machine: Machine) -> None:
    rt = MetalRuntime()
    prepared = rt.prepare(en.compile(add), [A, B], N * 4)
    handle = prepared.dispatch_async(N, 32)
    rt.close()
    rt.close()
    assert handle.done and not rt.usable
    text = "enigma GPU error: this runtime was closed\n  help: make another one: enigma.MetalRuntime()"
    for action in (
        lambda: rt.execute(en.compile(add), [A, B], N * 4, grid=N, threads=32),
        lambda: prepared.dispatch(N, 32),
        lambda: rt.zeros(3),
        lambda: rt.batch(),
    ):
        assert message(action, DeviceError) == text
    assert np.frombuffer(prepared.read_output(), np.float32).tolist() == (A + B).tolist()


def test_a_prepared_kernel_that_was_released_is_refused(machine: Machine) -> None:
    rt = MetalRuntime()
    prepared = rt.prepare(en.compile(add), [A, B], N * 4)
    prepared.dispatch(N, 32)
    before = rt.memory.free_bytes
    prepared.release()
    prepared.release()
    assert rt.memory.free_bytes > before
    for action in (lambda: prepared.dispatch(N, 32), prepared.read_output, lambda: prepared.dispatch_async(N, 32)):
        assert message(action, DeviceError) == (
            "kernel add was released and cannot be used any more\n  help: prepare it again"
        )


def test_arrays_that_are_not_contiguous_are_refused(machine: Machine) -> None:
    rt = MetalRuntime()
    wide = rt.zeros((N, 2))
    text = message(lambda: rt.run(en.compile(add).program, [A, B, wide[:, 0]], N, 32))
    assert text == "C is not contiguous (strides (8,))\n  help: let the kernel write a contiguous array, then copy"


def test_a_profiler_sees_the_pipeline_and_the_time_of_the_gpu(machine: Machine) -> None:
    machine.limit = 512
    rt = MetalRuntime()
    prepared = rt.prepare(en.compile(add), [A, B], N * 4)
    with en.profile() as p:
        prepared.dispatch(N, 32)
        took = machine.gpu_worked * 1e6
        with rt.batch():
            prepared.dispatch(N, 32)
    alone, batched = [one for one in p.events() if one.name == "gpu_dispatch"]
    assert alone.gpu_time_us == pytest.approx(took, abs=1e-3) and batched.gpu_time_us is None
    assert alone.metadata["max_threads_per_threadgroup"] == 32  # the pipeline is made for so many
    assert (alone.metadata["thread_execution_width"], alone.metadata["threadgroup_occupancy"]) == (32, 1.0)
    assert np.frombuffer(prepared.read_output(), np.float32).tolist() == (A + B).tolist()


# ---- what a profiler shows of the way to the GPU


def dispatched(rt: MetalRuntime, kernel: Any = add, arguments: Any = (A, B)) -> Any:
    prepared = rt.prepare(en.compile(kernel), list(arguments), N * 4)
    with en.profile() as p:
        prepared.dispatch(N, 32)
    assert np.frombuffer(prepared.read_output(), np.float32).tolist() == (A + B).tolist()
    (event,) = [one for one in p.events() if one.name == "gpu_dispatch"]
    return event


@pytest.mark.parametrize("ticks", [1.0, 0.024])
def test_a_profiled_launch_tells_how_long_it_was_scheduled_waited_and_encoded(machine: Machine, ticks: float) -> None:
    machine.gpu_ticks = ticks
    event = dispatched(MetalRuntime())
    assert event.metadata["scheduling_us"] == pytest.approx(SCHEDULING * 1e6, abs=1e-3)
    assert event.metadata["queue_wait_us"] == pytest.approx(WAITING * 1e6, abs=1e-3)
    # the samples are whole ticks, and so are those that say how long one takes
    assert event.metadata["encoder_gpu_us"] == pytest.approx(event.gpu_time_us, rel=0.02, abs=0.1)
    assert "absent" not in event.metadata


@pytest.mark.parametrize(
    ("what", "value", "reason"),
    [
        ("samples_stages", False, "this GPU takes no samples at the boundaries of an encoder"),
        ("counter_sets", (), "this GPU has no counter of the time"),
        ("takes_samples", False, "the GPU took no sample"),
    ],
)
def test_without_counters_the_profiler_says_why(machine: Machine, what: str, value: Any, reason: str) -> None:
    setattr(machine, what, value)
    event = dispatched(MetalRuntime())
    assert event.metadata["absent"] == {"encoder_gpu_us": reason}
    assert "encoder_gpu_us" not in event.metadata and event.metadata["scheduling_us"] > 0


def test_counters_that_metal_does_not_make_do_not_stop_a_launch(machine: Machine) -> None:
    from tests.device.fake_metal.objects import NSError

    error = (None, NSError(machine, "MTLCounterErrorDomain", 0, "out of counters"))
    machine.fail("MTLDevice", "newCounterSampleBufferWithDescriptor:error:", error)
    event = dispatched(MetalRuntime())
    assert event.metadata["absent"] == {"encoder_gpu_us": "Metal made no buffer of samples: out of counters"}


def test_times_of_scheduling_that_metal_does_not_tell_are_left_out(machine: Machine) -> None:
    machine.tells_scheduling = False
    event = dispatched(MetalRuntime())
    assert event.metadata["absent"] == {
        "scheduling_us": "Metal told no times of the scheduling",
        "queue_wait_us": "Metal told no time at which the scheduling was over before the GPU began",
    }
    assert event.metadata["encoder_gpu_us"] > 0


def test_only_a_profiled_launch_samples_counters(machine: Machine) -> None:
    rt = MetalRuntime()
    prepared = rt.prepare(en.compile(add), [A, B], N * 4)
    with machine.messages() as sent:
        prepared.dispatch(N, 32)
        prepared.dispatch_timed(N, 32)
    assert not [name for _, name in sent if "ounter" in name or "Timestamps" in name]
    with en.profile() as p, rt.batch():
        prepared.dispatch(N, 32)
    (event,) = [one for one in p.events() if one.name == "gpu_dispatch"]
    assert set(event.metadata["absent"]) == {"scheduling_us", "queue_wait_us", "encoder_gpu_us"}
    assert set(event.metadata["absent"].values()) == {"the launch is part of a batch, which is timed as a whole"}
