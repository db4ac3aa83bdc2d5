"""Operations on MPS tensors, through a strict stand-in of `torch.mps.compile_shader`; tensors of the CPU stand for those of MPS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import enigma
from enigma.dtypes import DTYPES
from enigma.errors import DeviceError
from enigma.interop import mps
from tests.interop import fake_mps
from tests.unit.runtime.launched import message

torch: Any = pytest.importorskip("torch")
from enigma.interop import torch as interop  # noqa: E402  it needs PyTorch


@pytest.fixture(autouse=True)
def shader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.mps, "compile_shader", fake_mps.compile_shader)


def on_mps(kernel: Any, **options: Any) -> Any:
    """Return an operation's implementation for MPS tensors."""
    return interop.on_mps(interop.as_op(kernel, **options).operation)


@enigma.kernel
def twice(A: enigma.f32, Out: enigma.f32):
    i = enigma.thread_position_in_grid
    Out[i] = A[i] * 2


def scaler(dtype: Any) -> Any:
    """Return a kernel that writes a number of a dtype behind a copied array."""

    @enigma.kernel
    def scaled(A: dtype, value: enigma.Scalar[dtype], Out: dtype):
        i = enigma.thread_position_in_grid
        Out[i] = value if i == 0 else A[i]

    return scaled


PLAIN = [dtype for dtype in DTYPES if dtype.parts == 1]


@pytest.mark.parametrize("dtype", PLAIN, ids=lambda dtype: dtype.name)
def test_arrays_and_numbers_of_every_dtype_reach_the_kernel_bit_by_bit(dtype: Any) -> None:
    run, kind = on_mps(scaler(dtype)), interop.torch_dtype(dtype)
    given = torch.ones(33, dtype=torch.uint8).to(kind)
    if dtype.is_float:
        values: list[Any] = [0.1, -2.5, float("inf"), 1 + 2.0**-11 + 2.0**-30, 0.0]
    elif dtype.kind == "b":
        values = [True, False]
    else:
        values = [dtype.min, dtype.max, dtype.max // 2 + 1, 1]
    for value in values:
        out = run(given, value)
        expected = np.array([value], dtype.numpy).view(np.uint8)
        assert out[:1].view(torch.uint8).tolist() == expected.reshape(-1).tolist(), value
        assert torch.equal(out[1:].view(torch.uint8), given[1:].view(torch.uint8))


@pytest.mark.parametrize("n", [1, 31, 32, 33, 255, 1023])
def test_the_grid_has_exactly_the_threads_it_needs(n: int) -> None:
    given = torch.arange(float(n))
    assert torch.equal(on_mps(twice, threads=64)(given), given * 2)


def test_a_tensor_that_starts_in_the_middle_is_read_there_and_copied_where_the_gpu_cannot() -> None:
    given = torch.arange(12.0)
    assert on_mps(twice)(given[3:]).tolist() == (given[3:] * 2).tolist()
    half = scaler(enigma.f16)
    assert on_mps(half)(given.half()[3:], 7.0).tolist() == [7.0, *given[4:].tolist()]


def test_transposed_and_expanded_inputs_are_copied_which_is_said() -> None:
    run = on_mps(twice)
    enigma.explain_copies(forget=True)
    given = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(run(given.T), given.T * 2)
    assert run(torch.ones(1).expand(5)).tolist() == [2] * 5
    assert on_mps(scaler(enigma.f16))(torch.ones(8).half()[3:], 7.0).tolist() == [7, 1, 1, 1, 1]
    assert str(enigma.explain_copies(forget=True)).splitlines()[1:] == [
        "  twice: A, 24 bytes in, once on mps: its elements do not follow one another in memory",
        "    help: pass a contiguous tensor: keep A.contiguous() where it is launched more than once",
        "  twice: A, 20 bytes in, once on mps: its elements do not follow one another in memory",
        "    help: pass a contiguous tensor: keep A.contiguous() where it is launched more than once",
        "  scaled: A, 10 bytes in, once on mps: it starts within its buffer where the kernel's vectors may not",
        "    help: let the part begin at a multiple of 16 bytes, of 256 for constant memory, or pass a copy once: A.clone()",
    ]


def test_an_update_in_place_lands_in_the_tensor() -> None:
    @enigma.kernel
    def double(X: enigma.f32):
        i = enigma.thread_position_in_grid
        X[i] = X[i] * 2

    run = on_mps(double, inout=["X"])
    held = torch.arange(8.0)
    assert run(held[2:6]) is None
    assert held.tolist() == [0, 1, 4, 6, 8, 10, 6, 7]
    assert message(lambda: run(held[::2])) == (
        "X is not contiguous (strides (2,))\n  help: let the kernel update a contiguous tensor"
    )


def test_a_start_that_the_gpu_cannot_write_at_is_refused() -> None:
    @enigma.kernel
    def negate(X: enigma.f16):
        i = enigma.thread_position_in_grid
        X[i] = -X[i]

    assert message(lambda: on_mps(negate, inout=["X"])(torch.ones(8).half()[1:])) == (
        "X starts 2 bytes into its memory, but the kernel writes it at multiples of 4\n"
        "  help: update a copy, then copy back: X.clone()"
    )


def test_memory_that_an_input_and_an_update_share_is_refused() -> None:
    @enigma.kernel
    def add_to(A: enigma.f32, X: enigma.f32):
        i = enigma.thread_position_in_grid
        X[i] = X[i] + A[i]

    held = torch.ones(8)
    assert message(lambda: on_mps(add_to, inout=["X"])(held[:5], held[4:])) == (
        "A and X share memory, and the kernel writes X\n"
        "  help: pass separate tensors, or let the kernel read and write one parameter"
    )


def test_two_axes_and_constants() -> None:
    @enigma.kernel
    def tiled(A: enigma.f32, N: enigma.constexpr, Out: enigma.f32):
        x, y = enigma.thread_position_in_grid_xyz("x"), enigma.thread_position_in_grid_xyz("y")
        Out[y * N + x] = A[y * N + x] + x.to(enigma.f32) * 100

    run = on_mps(tiled, constants={"N": 7}, grid=lambda A: (7, A.shape[0]), threads=(8, 4))
    given = torch.arange(35.0).reshape(5, 7)
    assert torch.equal(run(given), given + torch.arange(7.0) * 100)


def test_function_constants_are_compiled_in() -> None:
    @enigma.kernel
    def scaled(A: enigma.f32, Out: enigma.f32):
        k = enigma.function_constant(enigma.f32, 0, name="k")
        i = enigma.thread_position_in_grid
        Out[i] = A[i] * k

    assert on_mps(scaled, constants={"k": 3.0})(torch.ones(4)).tolist() == [3] * 4


def test_nothing_runs_where_there_is_nothing_to_do() -> None:
    before = fake_mps.Kernel.launches
    assert on_mps(twice)(torch.zeros(0, 4)).shape == (0, 4)
    assert fake_mps.Kernel.launches == before


def test_a_text_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []

    def count(source: str) -> Any:
        texts.append(source)
        return fake_mps.compile_shader(source)

    monkeypatch.setattr(torch.mps, "compile_shader", count)
    run = on_mps(twice)
    assert not texts
    run(torch.zeros(3))
    run(torch.zeros(4))
    assert len(texts) == 1


def test_what_the_gpu_cannot_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    run = on_mps(twice, threads=512)
    monkeypatch.setattr(fake_mps.Kernel, "max_threads_per_threadgroup", 256)
    assert message(lambda: run(torch.zeros(1000))) == (
        "threads is (512, 1, 1), 512 per threadgroup, but kernel twice can have 256 on this GPU\n"
        "  help: use 256 threads per threadgroup or fewer; grid counts all threads"
    )

    @enigma.kernel
    def speaks(A: enigma.f32, Out: enigma.f32):
        enigma.assert_(A[0] > 0, "positive")
        Out[0] = A[0]

    assert "prints or asserts, and torch.mps.compile_shader would drop what it says" in message(
        lambda: on_mps(speaks)(torch.ones(1))
    )


def test_what_pytorch_says_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(source: str) -> Any:
        raise SyntaxError("program_source:3: unknown type")

    monkeypatch.setattr(torch.mps, "compile_shader", fails)
    with pytest.raises(
        DeviceError, match="PyTorch did not compile kernel twice for its GPU: program_source:3: unknown"
    ):
        on_mps(twice)(torch.zeros(3))
    monkeypatch.delattr(torch.mps, "compile_shader")
    with pytest.raises(DeviceError, match=r"has no torch.mps.compile_shader\n  help: install torch 2.7 or later"):
        on_mps(twice)(torch.zeros(3))


def test_the_stand_in_refuses_what_pytorch_would() -> None:
    source = enigma.compile(scaler(enigma.u16), emit_only=True).metal_source
    kernel, tensors = fake_mps.compile_shader(source).scaled, [torch.zeros(4, dtype=torch.uint16) for _ in range(2)]
    a, out = tensors
    kernel(a, 7, out, threads=4, arg_casts={1: "int16"})
    assert out.tolist() == [7, 0, 0, 0]
    for args, options, said in [
        ((a, 7, out), {}, "8 bytes are bound to value, but ushort has 2"),
        ((a, 7, out), {"arg_casts": {1: "uint16"}}, "Unsupported cast instruction"),
        ((a, out), {}, "2 arguments are bound"),
        ((a, 7, 7), {"arg_casts": {1: "int16"}}, "which is device memory"),
        ((a, 7, out), {"arg_casts": {1: "int16"}, "threads": (4, 1), "group_size": 4}, "same number"),
    ]:
        with pytest.raises(RuntimeError, match=said):
            kernel(*args, **options)
    with pytest.raises(RuntimeError, match="Failed to create function"):
        fake_mps.compile_shader(source).nothing
    with pytest.raises(RuntimeError, match="ASCII"):
        fake_mps.compile_shader(source + "// ö")


def test_a_number_is_bound_with_the_bits_that_it_has() -> None:
    assert mps.cast_of(enigma.i64) is mps.cast_of(enigma.u64) is mps.cast_of(enigma.f32) is None
    assert mps.number((1 << 64) - 1, enigma.u64) == -1
