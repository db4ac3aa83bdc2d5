"""Kernels as operations of MLX on the CPU: MLX's own functions are the witness."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.errors import DeviceError, EnigmaTypeError, EnigmaValueError, LaunchError
from tests.unit.runtime.launched import message

mx: Any = pytest.importorskip("mlx.core")
from enigma.interop import as_array, as_dlpack, mlx  # noqa: E402 - needs MLX

SIZES = (1, 31, 32, 33, 255, 1023)
DTYPES = {
    en.f32: "float32", en.f16: "float16", en.bf16: "bfloat16", en.i8: "int8", en.i16: "int16", en.i32: "int32", en.i64: "int64",
    en.u8: "uint8", en.u16: "uint16", en.u32: "uint32", en.u64: "uint64", en.b1: "bool_",
}  # fmt: skip


@en.kernel
def saxpy(X: en.f32, Y: en.f32, a: en.Scalar(en.f32), Out: en.f32):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    Out[i] = X[i] * a + Y[i]


@en.kernel
def both(X: en.f32, Sum: en.f32, Twice: en.f32):
    i = en.thread_position_in_grid
    en.atomic_fetch_add(Sum, 0, X[i])
    Twice[i] = X[i] * 2


def copier(dtype: Any) -> Any:
    """Return a kernel that copies elements of a dtype, and one number of it to the end."""

    @en.kernel
    def copied(A: dtype, last: en.Scalar(dtype), Out: dtype):  # type: ignore[valid-type]
        i = en.thread_position_in_grid
        Out[i] = A[i]
        if i == 0:
            Out[en.threads_per_grid()] = last

    return copied


def grads(inputs: Any, cotangents: Any, outputs: Any) -> Any:
    """Return the derivatives of `X * a + Y`."""
    x, _, a = inputs
    return cotangents[0] * a, cotangents[0], (cotangents[0] * x).sum()


def same(found: Any, wanted: Any) -> bool:
    return bool(mx.array_equal(found, wanted).item())


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_every_dtype_goes_in_and_comes_out(dtype: Any) -> None:
    kind = getattr(mx, DTYPES[dtype])
    op = mlx.as_op(copier(dtype), shapes=lambda a, last: (a.size + 1,), grid=lambda a, last: a.size)
    for n in (1, 33):
        x = (mx.arange(n) % (2 if dtype is en.b1 else 100)).astype(kind)
        for last in (1, mx.array(1).astype(kind)):
            found = op(x, last)
            assert found.dtype == kind and same(found, mx.concatenate([x, mx.ones((1,), dtype=kind)]))


def test_the_largest_numbers_are_passed_whole() -> None:
    for dtype, number in ((en.u64, (1 << 64) - 1), (en.i64, -(1 << 63)), (en.u32, (1 << 32) - 1)):
        x = mx.zeros((1,), dtype=getattr(mx, DTYPES[dtype]))
        found = mlx.as_op(copier(dtype), shapes=2, grid=1)(x, number)
        assert int(as_array(found)[1]) == number


def test_it_computes_what_mlx_does_of_lazy_and_strided_arrays() -> None:
    op = mlx.as_op(saxpy)
    for n in SIZES:
        x, y = mx.arange(n).astype(mx.float32), mx.exp(-mx.arange(n) / 8)
        assert same(op(x, y, 2.0), x * 2 + y)
        wide = mx.arange(4 * n).astype(mx.float32).reshape(2, 2 * n)
        assert same(op(wide.T, wide.T, 2.0), wide.T * 3)
        assert same(op(wide[:, ::-2], wide[:, ::2] + 1, a=mx.array(0.5)), wide[:, ::-2] * 0.5 + wide[:, ::2] + 1)


def test_arrays_are_used_where_they_are() -> None:
    en.explain_copies(forget=True)
    x = mx.arange(1024).astype(mx.float32)
    places: list[int] = []

    class Watching(en.CpuRuntime):
        """Notes where the arrays lie."""

        def run(self, program: Any, arguments: Any, *rest: Any) -> None:
            places.extend(a.__array_interface__["data"][0] for a in arguments if isinstance(a, np.ndarray))
            super().run(program, arguments, *rest)

    found = mlx.as_op(saxpy, runtime=Watching())(x, x, 1.0)
    own = as_array(x).__array_interface__["data"][0]
    assert places == [own, own, as_array(found).__array_interface__["data"][0]]
    assert not en.explain_copies()
    mlx.as_op(saxpy)(x[::2], x[:512], 1.0)
    assert [one.argument for one, _ in en.explain_copies(forget=True).copies] == ["X"]


def test_outputs_are_zero_at_first_and_of_the_given_shapes() -> None:
    op = mlx.as_op(both, grid=lambda x: x.size, shapes=lambda x: {"Sum": (1,), "Twice": x.shape})
    x = mx.arange(48).astype(mx.float32).reshape(6, 8)
    for _ in range(2):
        total, twice = op(x)
        assert total.item() == 48 * 47 / 2 and same(twice, x * 2)
    assert repr(op) == "<operation of MLX both(X) -> Sum, Twice>"


def test_outputs_are_values_of_their_own() -> None:
    op = mlx.as_op(saxpy)
    x = mx.ones((64,))
    first = op(x, x, 1.0)
    second = op(first, first, 1.0)
    del first
    gc.collect()
    again = op(x, x, 3.0)
    assert second.tolist() == [4.0] * 64 and again.tolist() == [4.0] * 64 and x.tolist() == [1.0] * 64


def test_nothing_is_run_where_there_is_nothing_to_do() -> None:
    op = mlx.as_op(saxpy)
    assert op(mx.zeros((0,)), mx.zeros((0,)), 1.0).shape == (0,)
    assert same(mlx.as_op(saxpy, grid=0)(mx.ones((3,)), mx.ones((3,)), 1.0), mx.zeros((3,)))


def test_gradients_are_those_of_mlx() -> None:
    op = mlx.as_op(saxpy, vjp=grads)
    x, y = mx.arange(33) / 8, mx.arange(33) / 3
    wanted = mx.grad(lambda x, y, a: (mx.sin(x) * a + y).square().sum(), argnums=(0, 1, 2))
    found = mx.grad(lambda x, y, a: op(mx.sin(x), y, a).square().sum(), argnums=(0, 1, 2))
    for mine, theirs in zip(found(x, y, mx.array(2.0)), wanted(x, y, mx.array(2.0)), strict=True):
        assert mx.allclose(mine, theirs, rtol=1e-5).item()
    value, slope = mx.value_and_grad(lambda x: op(x, y, 3.0).sum())(x)
    assert mx.allclose(value, (x * 3 + y).sum()).item() and same(slope, mx.full((33,), 3.0))


def test_several_outputs_and_inputs_without_a_gradient() -> None:
    op = mlx.as_op(
        both,
        grid=lambda x: x.size,
        shapes=lambda x: [(1,), x.shape],
        vjp=lambda i, c, o: mx.ones_like(i[0]) * c[0] + 2 * c[1],
    )
    x = mx.arange(8).astype(mx.float32)
    assert same(mx.grad(lambda x: op(x)[0].sum() + 3 * op(x)[1].sum())(x), mx.full((8,), 7.0))
    none = mlx.as_op(saxpy, vjp=lambda i, c, o: (c[0], None, None))
    assert same(mx.grad(lambda y: none(x, y, 1.0).sum())(x), mx.zeros((8,)))


def test_mapping_over_a_batch() -> None:
    op = mlx.as_op(saxpy, vjp=grads)
    x, y = mx.arange(12).astype(mx.float32).reshape(3, 4), mx.ones((4,))
    a = mx.array([1.0, 2.0, 3.0])
    assert same(op.vmap((0, None, 0))(x, y, a), x * a[:, None] + y)
    assert same(op.vmap((1, None, None))(x.T, y, 2.0), x * 2 + y)
    assert same(op.vmap(-1)(x, x, 2.0), (x * 3).T)
    assert same(mx.grad(lambda x: op.vmap((0, None, None))(x, y, 2.0).sum())(x), mx.full((3, 4), 2.0))
    total, twice = mlx.as_op(both, grid=lambda x: x.size, shapes=lambda x: [(1,), x.shape]).vmap()(x)
    assert same(total, x.sum(axis=1, keepdims=True)) and same(twice, x * 2)


def traced(function: Any) -> Any:
    return lambda: mx.eval(function(mx.zeros((2, 4))))


X = mx.zeros((4,))
MISTAKES: dict[str, tuple[Any, Any, str]] = {
    "compile": (traced(mx.compile(lambda x: mlx.as_op(saxpy)(x, x, 1.0))), LaunchError,
        "X has no value while MLX traces the function around it"),
    "vmap": (traced(mx.vmap(lambda x: mlx.as_op(saxpy)(x, x, 1.0))), LaunchError, "as_op(kernel), may be within mx.compile"),
    "number": (traced(mx.compile(lambda x: mlx.as_op(saxpy)(X, X, x.sum()))), LaunchError, "a has no value while MLX traces"),
    "launch": (traced(mx.compile(lambda x: saxpy[4, 4](x, x, 1.0, np.zeros(8, np.float32)))), LaunchError,
        "X has no value while MLX traces the function around it"),
    "gradient": (lambda: mx.grad(lambda x: mlx.as_op(saxpy)(x, x, 1.0).sum())(X), EnigmaTypeError,
        "the operation saxpy has no gradient: it was made without a vjp"),
    "jvp": (lambda: mx.jvp(lambda x: mlx.as_op(saxpy)(x, x, 1.0), [X], [X]), EnigmaTypeError, "has no rule for mx.jvp"),
    "gradients": (lambda: mx.grad(lambda x: mlx.as_op(saxpy, vjp=lambda i, c, o: c[0])(x, x, 1.0).sum())(X), EnigmaValueError,
        "the vjp of saxpy returned 1 gradients, but the operation has 3 inputs: X, Y, a"),
    "NumPy": (lambda: mlx.as_op(saxpy)(X, np.zeros(4, np.float32), 1.0), EnigmaTypeError,
        "Y of the operation saxpy is no array of MLX, but a ndarray\n  help: convert it: enigma.interop.mlx.to_mlx(x)"),
    "list": (lambda: mlx.as_op(saxpy)([1.0], X, 1.0), EnigmaTypeError, "X of the operation saxpy is no array of MLX, but a list"),
    "dtype": (lambda: mlx.as_op(saxpy)(X.astype(mx.float16), X, 1.0), EnigmaTypeError,
        "X of the operation saxpy is an array of mlx.core.float16, but the kernel's parameter is f32"),
    "scalar": (lambda: mlx.as_op(saxpy)(X, X, X), LaunchError, "a must be a number, but it is an array of shape (4,)"),
    "text": (lambda: mlx.as_op(saxpy)(X, X, "2"), LaunchError, "a must be a number, but it is a str"),
    "few": (lambda: mlx.as_op(saxpy)(X), EnigmaTypeError, "the operation saxpy takes X, Y, a, but it got 1 arguments"),
    "twice": (lambda: mlx.as_op(saxpy)(X, X, 1.0, X=X), EnigmaTypeError, "but it got 3 arguments and X by name"),
    "in_axes": (lambda: mlx.as_op(saxpy).vmap((0, 2, None))(X, X, 1.0), EnigmaValueError, "saxpy is (0, 2, None)"),
    "no batch": (lambda: mlx.as_op(saxpy).vmap((None, None, None))(X, X, 1.0), EnigmaValueError, "is mapped over no elements"),
    "lengths": (lambda: mlx.as_op(saxpy).vmap(0)(X, mx.zeros((5,)), 1.0), EnigmaValueError, "is mapped over 4, 5 elements"),
    "output": (lambda: saxpy[4, 4](X, X, 1.0, mx.zeros((4,))), LaunchError,
        "Out is an array of MLX, which never changes, but the kernel writes it"),
    "an empty output": (lambda: mlx.as_op(both, grid=4, shapes=[(0,), (4,)])(X), LaunchError,
        "Sum of the operation both has a shape without elements, but other outputs have some"),
    "object": (lambda: mlx.to_mlx(np.array(["a"])), LaunchError, "MLX has no dtype for arrays of <U1"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_says_what_to_do(case: str) -> None:
    call, kind, text = MISTAKES[case]
    assert text in message(call, kind)


@pytest.mark.skipif(mx.metal.is_available(), reason="there is a GPU with Metal")
def test_a_gpu_without_metal_is_refused() -> None:
    assert message(lambda: mlx.as_op(saxpy)(X, X, 1.0, stream=mx.gpu), DeviceError) == (
        "MLX's GPU has no Metal here\n  help: run the operation on the CPU: op(x, stream=mx.cpu)"
    )


# ---- arrays of MLX in launches


@pytest.mark.parametrize("device", ("cpu", "sim"))
def test_arrays_of_mlx_are_inputs_of_a_launch_without_a_copy(device: str) -> None:
    en.explain_copies(forget=True)
    for n in SIZES:
        x = mx.arange(n).astype(mx.float32) / 2
        out = np.zeros(n, np.float32)
        saxpy.launch(x, mx.exp(x * 0), mx.array(3.0), out, grid=n, threads=32, device=device)
        assert np.array_equal(out, np.arange(n, dtype=np.float32) * 1.5 + 1)
    assert not en.explain_copies()


def test_arrays_of_mlx_are_read_only_arrays_of_numpy() -> None:
    x = mx.arange(6).astype(mx.bfloat16).reshape(2, 3)
    seen = as_array(x.T)
    assert seen.dtype.name == "bfloat16" and seen.astype(np.float32).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert not seen.flags.writeable and as_array(mx.array(2.0).astype(mx.bfloat16)).shape == ()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_memory_stays_where_mlx_gives_the_users_object_other_memory(dtype: str) -> None:
    for update in (lambda x, y: x.__setitem__(slice(0, 4096), y), lambda x, y: x.__iadd__(y)):
        x, ones = mx.arange(4096).astype(getattr(mx, dtype)), mx.ones((4096,), dtype=getattr(mx, dtype))
        mx.eval(x, ones)
        seen = as_array(x)
        held = seen.astype(np.float32)
        update(x, ones)
        mx.eval(x)
        gc.collect()
        mx.eval([mx.full((4096,), 1000 + k, dtype=x.dtype) for k in range(20)])  # into memory that was given back
        assert np.array_equal(seen.astype(np.float32), held)


def test_memory_goes_to_mlx_through_dlpack() -> None:
    for values in (np.arange(16, dtype=np.float32)[::2], np.arange(8, dtype=np.float32)):
        assert mx.from_dlpack(as_dlpack(values)).tolist() == values.tolist()
        bfloats = values.astype(en.bf16.numpy)
        found = mx.from_dlpack(as_dlpack(bfloats))
        assert found.dtype == mx.bfloat16 and found.tolist() == values.tolist()


def test_outputs_of_execute_are_arrays_of_mlx_where_their_dtypes_are() -> None:
    rt, compiled = en.runtime("cpu"), en.compile(both, emit_only=True)
    x = mx.arange(8).astype(mx.float32)
    total, twice = rt.execute(
        compiled, [x], grid=8, threads=8, output_shapes=[(1,), (2, 4)], output_dtypes=[mx.float32, mx.float32]
    )
    assert isinstance(total, mx.array) and total.item() == 28 and same(twice, x.reshape(2, 4) * 2)
    shapes: Any = {"output_shapes": [9], "output_dtypes": [mx.bfloat16]}
    copied = en.compile(copier(en.bf16), emit_only=True)
    one = rt.execute(copied, [x.astype(mx.bfloat16)], grid=8, threads=8, scalars=[1.0], **shapes)
    assert one.dtype == mx.bfloat16 and one.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 1]
    text = message(
        lambda: rt.execute(compiled, [x], grid=8, output_shapes=[1, 8], output_dtypes=[mx.complex64, mx.float32])
    )
    assert "kernels have no dtype for MLX's mlx.core.complex64" in text


def test_a_checked_run_checks_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    def row(A: en.f32, Out: en.f32):
        Out[en.thread_position_in_grid + 4] = A[0]

    op = mlx.as_op(en.kernel(row))
    monkeypatch.setenv("ENIGMA_DEVICE", "sim")
    with pytest.raises(en.OutOfBoundsError, match="write outside of buffer Out: index 4, but it has 4 elements"):
        op(X, stream=mx.cpu)
