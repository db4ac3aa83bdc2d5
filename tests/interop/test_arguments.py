"""Arguments of a launch are whatever has memory: NumPy is the witness, and no other library is needed."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from enigma.errors import EnigmaError, LaunchError
from enigma.interop import as_array, as_dlpack
from tests.interop import producers
from tests.interop.producers import Altered, Consumed, Given, Interface, Refusing, Unversioned, Versioned

DEVICES = ("cpu", "sim")
SIZES = (1, 31, 32, 33, 255, 1023)


@en.kernel
def add(A: en.f32, B: en.f32, C: en.f32):
    i = en.thread_position_in_grid
    C[i] = A[i] + B[i]


@en.kernel
def scaled(A: en.bf16, C: en.bf16, factor: en.Scalar(en.f32)):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    C[i] = (en.f32(A[i]) * factor).to(en.bf16)


def message(action: Any, kind: type[EnigmaError] = LaunchError) -> str:
    with pytest.raises(kind) as caught:
        action()
    return str(caught.value)


def numbers(n: int) -> np.ndarray[Any, Any]:
    return np.arange(n, dtype=np.float32) * np.float32(0.5) - np.float32(3)


FORMS = {
    "interface": lambda n: Interface(numbers(n)),
    "unversioned DLPack": lambda n: Unversioned(numbers(n)),
    "versioned DLPack": lambda n: Versioned(numbers(n)),
    "standard library": lambda n: producers.as_stdlib(numbers(n).tolist()),
    "ctypes": lambda n: producers.as_ctypes(numbers(n).tolist()),
    "memoryview": lambda n: memoryview(numbers(n)),
    "pages": lambda n: producers.as_pages(numbers(n)),
    "shared": lambda n: as_dlpack(numbers(n)),
    "column": lambda n: np.repeat(numbers(n)[:, None], 3, axis=1)[:, 1],
    "backwards": lambda n: numbers(n)[::-1].copy()[::-1],
    "broadcast": lambda n: np.broadcast_to(np.float32(2.5), (n,)),
    "DLPack with steps": lambda n: Versioned(np.repeat(numbers(n), 2)[::2]),
    "DLPack backwards": lambda n: Unversioned(numbers(n)[::-1].copy()[::-1]),
    "unaligned": lambda n: np.frombuffer(b"\0" + numbers(n).tobytes(), np.uint8)[1:].view(np.float32),
    "read-only": lambda n: np.frombuffer(numbers(n).tobytes(), np.float32),
}
COPIED = {"column", "backwards", "DLPack with steps", "DLPack backwards", "broadcast", "unaligned"}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("form", FORMS)
def test_an_input_may_be_of_any_form(form: str, device: str) -> None:
    for n in SIZES:
        given = FORMS[form](n)
        want = numbers(n) * 2 if form != "broadcast" else np.full(n, 5, np.float32)
        en.explain_copies(forget=True)
        out = np.full(n, np.nan, np.float32)
        add.launch(given, given, out, grid=n, threads=32, device=device)
        assert np.array_equal(out, want), form
        seen = {one.argument: one for one, _ in en.explain_copies().copies}
        # one element is contiguous whatever its steps are
        assert set(seen) == ({"A", "B"} if form in COPIED and (n > 1 or form == "unaligned") else set()), (form, n)
        if seen:
            assert (seen["A"].nbytes, seen["A"].direction, seen["A"].device) == (4 * n, "in", device)


OUTPUTS = (
    "interface",
    "unversioned DLPack",
    "versioned DLPack",
    "standard library",
    "ctypes",
    "memoryview",
    "pages",
    "shared",
)


@pytest.mark.parametrize("form", OUTPUTS)
def test_an_output_of_any_form_is_written_in_place(form: str) -> None:
    given = FORMS[form](33)
    add[33, 32](numbers(33), numbers(33), given)
    assert np.array_equal(as_array(given), numbers(33) * 2)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            numbers(8)[::2],
            "C is not contiguous (strides (8,))\n  help: let the kernel write a contiguous array, then copy",
        ),
        (
            numbers(4)[::-1],
            "C is not contiguous (strides (-4,))\n  help: let the kernel write a contiguous array, then copy",
        ),
        (Versioned(numbers(8)[::2]), "C is not contiguous (strides (8,))"),
        (
            np.frombuffer(bytes(16), np.float32),
            "C is read-only, but the kernel writes it\n  help: pass a writable array",
        ),
        (memoryview(bytes(16)).cast("f"), "C is read-only, but the kernel writes it"),
        (Versioned(np.frombuffer(bytes(16), np.float32)), "C is read-only, but the kernel writes it"),
        (np.zeros(17, np.uint8)[1:].view(np.float32), "C starts at an address that is no multiple of 4 bytes"),
    ],
)
def test_an_output_is_never_a_copy(given: Any, text: str) -> None:
    assert text in message(lambda: add[4, 4](numbers(4), numbers(4), given))


def test_an_output_that_cannot_be_written_leaves_nothing_noted() -> None:
    en.explain_copies(forget=True)
    message(lambda: add[4, 4](numbers(8)[::2], numbers(4), numbers(8)[::2]))
    assert not en.explain_copies()


class OnCuda(Versioned):
    device = (2, 0)


class OnMetal(Versioned):
    device = (8, 0)


class Pinned(Versioned):
    device = (3, 0)


REFUSED = {
    "CUDA": (
        OnCuda(numbers(4)),
        "A lies on a CUDA device, whose memory the CPU does not read\n  help: pass a CPU array: copy it there first",
    ),
    "Metal": (OnMetal(numbers(4)), "A lies on a Metal device, whose memory the CPU does not read"),
    "refusing": (
        Refusing(BufferError("cannot export a tensor that requires gradient")),
        "A: this array cannot be shared with NumPy: cannot export a tensor that requires gradient\n  help: pass a CPU array",
    ),
    "consumed": (Consumed(numbers(4)), "A: this array cannot be shared with NumPy: "),
    "no capsule": (Given("text"), "A: this array cannot be shared with NumPy: "),
    "a capsule": (
        numbers(4).__dlpack__(),
        "A must be an array, but it is a capsule of DLPack\n  help: pass the object that has",
    ),
    "version": (Altered(numbers(4), 0, 9), "A: this array cannot be shared with NumPy: "),
    "float8": (
        Altered(np.zeros(4, np.uint8), 52, 10 | 8 << 8 | 1 << 16),
        "A: this array cannot be shared with NumPy: ",
    ),
    "lanes": (Altered(numbers(4), 52, 2 | 32 << 8 | 4 << 16), "A: this array cannot be shared with NumPy: "),
    "float64": (
        Versioned(np.zeros(4)),
        "A holds float64, but the kernel's parameter is f32 (float32)\n  help: convert it: A.",
    ),
    "integers": (producers.array.array("i", [1]), "A holds int32, but the kernel's parameter is f32"),
    "objects": (np.array([None]), "A holds object, but the kernel's parameter is f32"),
    "empty": (Versioned(numbers(0)), "A is empty, but a buffer needs at least one element"),
    "empty with steps": (np.zeros((4, 0), np.float32).T[::2], "A is empty, but a buffer needs at least one element"),
    "text": ("text", "A must be an array, but it is a str\n  help: pass a NumPy array, a DLPack object or a buffer"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_says_why(case: str) -> None:
    given, text = REFUSED[case]
    assert text in message(lambda: add[4, 4](given, numbers(4), numbers(4)))


def test_pinned_memory_is_the_cpus() -> None:
    held = numbers(4)
    out = np.zeros(4, np.float32)
    add[4, 4](Pinned(held), held, out)
    assert np.array_equal(out, held * 2)


def test_a_released_buffer_is_refused() -> None:
    seen = memoryview(bytearray(16)).cast("f")
    seen.release()
    assert message(lambda: add[4, 4](seen, numbers(4), numbers(4))) == (
        "A: this buffer cannot be used: operation forbidden on released memoryview object\n  help: pass one that is open"
    )


def test_a_buffer_of_records_is_refused() -> None:
    seen: Any = memoryview((producers.ctypes.c_wchar * 4)())
    assert "A is a buffer of the format" in message(lambda: add[4, 4](seen, numbers(4), numbers(4)))


def bfloats(n: int) -> np.ndarray[Any, Any]:
    return np.arange(n).astype(ml_dtypes.bfloat16)


@pytest.mark.parametrize("kind", [Unversioned, Versioned])
def test_bfloat16_comes_and_goes_through_dlpack(kind: Any) -> None:
    given, out = bfloats(33), np.zeros(33, ml_dtypes.bfloat16)
    scaled[33, 32](kind(as_dlpack(given)), kind(as_dlpack(out)), 3.0)
    assert np.array_equal(out.astype(np.float32), np.arange(33, dtype=np.float32) * 3)


def test_bfloat16_comes_through_numpys_own_protocol_too() -> None:
    given, out = bfloats(33), np.zeros(33, ml_dtypes.bfloat16)
    scaled[33, 32](Interface(given), as_dlpack(out), 3.0)
    assert np.array_equal(out.astype(np.float32), np.arange(33, dtype=np.float32) * 3)
    assert as_array(as_dlpack(given)).dtype == given.dtype
    rgb = np.zeros(4, np.dtype("V2"))
    assert "A holds |V2" in message(lambda: add[4, 4](Interface(rgb), numbers(4), numbers(4)))


def test_a_capsule_of_bfloat16_says_so() -> None:
    capsule = as_dlpack(bfloats(4)).__dlpack__(max_version=(1, 0))
    address: Any = producers._pointer(capsule, b"dltensor_versioned")
    found = producers.ctypes.c_uint32.from_address(address + 52).value
    assert found == 4 | 16 << 8 | 1 << 16  # kDLBfloat, 16 bits, one lane
    with pytest.raises((BufferError, RuntimeError)):
        np.from_dlpack(Given(capsule))  # type: ignore[arg-type]


def test_arrays_of_a_library_whose_arrays_never_change_are_not_written() -> None:
    for library in ("jaxlib.xla_extension", "tensorflow.python.framework.ops"):
        older = type("Older", (Unversioned,), {"__module__": library})
        for given in (numbers(4), bfloats(4)):
            assert not as_array(older(as_dlpack(given))).flags.writeable
    for given in (numbers(4), bfloats(4)):
        assert as_array(Unversioned(as_dlpack(given))).flags.writeable


def test_a_read_only_array_asks_for_the_newer_dlpack() -> None:
    given = np.frombuffer(bytes(8), np.float32)
    with pytest.raises(BufferError, match="readonly"):
        as_dlpack(given).__dlpack__()
    assert not as_array(as_dlpack(given)).flags.writeable


def test_the_keyword_copy_is_obeyed() -> None:
    given = bfloats(4)
    taken = as_array(Given(as_dlpack(given).__dlpack__(copy=True)))
    given[:] = 0
    assert np.array_equal(taken.astype(np.float32), np.arange(4, dtype=np.float32))
    same = as_array(Given(as_dlpack(given).__dlpack__(copy=False)))
    assert np.shares_memory(same.view(np.uint16), given.view(np.uint16))


def test_another_device_than_the_cpu_is_refused() -> None:
    with pytest.raises(BufferError):
        as_dlpack(numbers(4)).__dlpack__(dl_device=(2, 0))


@pytest.mark.parametrize("make", [numbers, bfloats])
@pytest.mark.parametrize("kind", [Unversioned, Versioned])
def test_memory_lives_as_long_as_it_is_used_and_no_longer(make: Any, kind: Any) -> None:
    class Held(np.ndarray):  # type: ignore[type-arg]
        """An array that can be watched."""

    held = make(8).view(Held)
    watched = weakref.ref(held)
    seen = as_array(kind(as_dlpack(held)))
    del held
    gc.collect()
    assert np.array_equal(np.asarray(seen, np.float32), np.asarray(make(8), np.float32))
    unused = as_dlpack(seen).__dlpack__(max_version=(1, 0))  # a capsule that nobody takes
    del seen
    gc.collect()
    assert watched() is not None
    del unused
    gc.collect()
    assert watched() is None


def test_a_launch_keeps_nothing() -> None:
    class Held(np.ndarray):  # type: ignore[type-arg]
        """An array that can be watched."""

    held = numbers(8)[::2].view(Held)
    watched = weakref.ref(held)
    add[4, 4](held, Versioned(numbers(4)), np.zeros(4, np.float32))
    del held
    gc.collect()
    assert watched() is None


@pytest.mark.parametrize("device", DEVICES)
def test_a_prepared_kernel_reads_what_an_array_with_steps_holds_then(device: str) -> None:
    base = np.zeros((33, 2), np.float32)
    rt = en.runtime(device)
    en.explain_copies(forget=True)
    with rt.prepare(en.compile(add, emit_only=True), [base[:, 0], numbers(33)], 33 * 4) as prepared:
        for value in (1, 2, 3):
            base[:, 0] = value
            prepared.dispatch(33, 32)
            assert np.array_equal(prepared.outputs[0], numbers(33) + value)
        other = np.ones((33, 2), np.float32) * 7
        prepared.set_input(1, other[:, 1])
        prepared.dispatch(33, 32)
        assert np.array_equal(prepared.outputs[0], np.full(33, 10, np.float32))
        prepared.set_input(0, numbers(33))
        base[:, 0] = 100
        prepared.dispatch(33, 32)
        assert np.array_equal(prepared.outputs[0], numbers(33) + 7)
    assert {one.argument: times for one, times in en.explain_copies().copies} == {"A": 4, "B": 2}


def test_an_input_with_steps_may_be_a_part_of_the_output() -> None:
    held = np.arange(8, dtype=np.float32)
    want = held.copy()
    want[:4] = held[::2] * 2
    add[4, 4](held[::2], held[::2], held[:4])
    assert np.array_equal(held, want)


def test_a_function_of_the_library_takes_any_array() -> None:
    a, b = np.arange(24, dtype=np.float32).reshape(4, 6), np.arange(12, dtype=np.float32).reshape(6, 2)
    assert np.array_equal(en.lib.gemm(a[::2, ::2], Versioned(b[1::2])), a[::2, ::2] @ b[1::2])


def test_numbers_of_other_libraries_are_scalars() -> None:
    out = np.zeros(4, ml_dtypes.bfloat16)
    scaled[4, 4](bfloats(4), out, np.array(2.0, np.float32))
    assert np.array_equal(out.astype(np.float32), [0, 2, 4, 6])


def test_a_tensor_of_the_host_is_an_array_for_every_library() -> None:
    tensor = en.from_array(np.arange(6, dtype=np.float32), en.make_layout((2, 3), (1, 2)))
    wanted = np.arange(6, dtype=np.float32).reshape(3, 2).T
    for seen in (np.asarray(tensor), np.from_dlpack(tensor), as_array(tensor)):
        assert np.array_equal(seen, wanted) and np.shares_memory(seen, tensor.array)
    out = en.empty(6, en.f32)
    add[6, 32](tensor, tensor, out)
    assert np.array_equal(np.asarray(out), wanted.reshape(-1) * 2)
    brain = en.empty((2, 2), en.bf16)
    as_array(brain)[0] = 3
    assert brain.array.astype(np.float32).tolist() == [[3, 3], [0, 0]]
    described = en.Tensor("T", 0, "float", en.make_layout(4))
    with pytest.raises(BufferError, match="T stands for no array"):
        described.__dlpack__()
    assert "A: this array cannot be shared with NumPy: T stands for no array" in message(
        lambda: add[4, 4](described, numbers(4), numbers(4))
    )
