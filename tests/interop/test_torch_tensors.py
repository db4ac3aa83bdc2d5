"""Kernels launched on PyTorch's CPU tensors: results land in the caller's tensor, or there is an error."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import enigma
from enigma.errors import LaunchError
from tests.device.runtimes import DEVICES, RUNTIMES
from tests.unit.runtime.launched import message

torch: Any = pytest.importorskip("torch")

DTYPES = {
    enigma.f32: torch.float32, enigma.f16: torch.float16, enigma.bf16: torch.bfloat16,
    enigma.i8: torch.int8, enigma.i16: torch.int16, enigma.i32: torch.int32, enigma.i64: torch.int64,
    enigma.u8: torch.uint8, enigma.u16: torch.uint16, enigma.u32: torch.uint32, enigma.u64: torch.uint64,
    enigma.b1: torch.bool,
}  # fmt: skip


def copier(dtype: Any) -> Any:
    """Return a kernel that copies n elements of a dtype."""

    @enigma.kernel
    def copied(A: dtype, Out: dtype):
        i = enigma.thread_position_in_grid
        Out[i] = A[i]

    return copied


COPIERS = {dtype: copier(dtype) for dtype in DTYPES}


@enigma.kernel
def twice(A: enigma.f32, Out: enigma.f32):
    i = enigma.thread_position_in_grid
    Out[i] = A[i] * 2


@enigma.kernel
def double(X: enigma.f32):
    i = enigma.thread_position_in_grid
    X[i] = X[i] * 2


def run(device: str, kernel: Any, arguments: list[Any], n: int) -> None:
    """Run a kernel once."""
    RUNTIMES[device]().run(enigma.compile(kernel, emit_only=True).program, arguments, n, 32)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_numbers_of_every_dtype_go_in_and_come_out_in_the_tensor_that_was_passed(dtype: Any, device: str) -> None:
    for n in (1, 31, 33, 255):
        raw = torch.arange(n * dtype.size, dtype=torch.int64) * 37 % (2 if dtype is enigma.b1 else 120)
        given = raw.to(torch.uint8).view(DTYPES[dtype])
        out = torch.zeros(n + 2, dtype=torch.uint8).to(DTYPES[dtype])
        where = out.data_ptr()
        run(device, COPIERS[dtype], [given, out[1 : n + 1].view(-1)], n)
        assert out.data_ptr() == where
        assert torch.equal(out[1 : n + 1].view(torch.uint8), given.view(torch.uint8))
        assert not out[0].item() and not out[n + 1].item()


@pytest.mark.parametrize("device", DEVICES)
def test_bfloat16_is_computed_with(device: str) -> None:
    @enigma.kernel
    def halves(A: enigma.bf16, Out: enigma.bf16):
        i = enigma.thread_position_in_grid
        Out[i] = A[i] / 2

    given, out = torch.arange(33).bfloat16(), torch.zeros(33, dtype=torch.bfloat16)
    run(device, halves, [given, out], 33)
    assert torch.equal(out, given / 2)


def test_views_that_are_contiguous_are_used_where_they_are() -> None:
    held = torch.arange(12.0).reshape(3, 4)
    twice[4, 32](held[1], held[2])
    assert held.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 10, 12, 14]]
    double[12, 32](held)
    assert held[2].tolist() == [16, 20, 24, 28]


def test_every_way_to_launch_takes_tensors() -> None:
    a, out = torch.arange(5.0), torch.zeros(5)
    twice.launch(a, out, grid=5, threads=32, device="sim")
    assert out.tolist() == [0, 2, 4, 6, 8]
    rt, compiled = enigma.CpuRuntime(), enigma.compile(twice, emit_only=True)
    assert rt.execute(compiled, [a], output_shapes=[(5,)], output_dtypes=["float32"], grid=5, threads=5).tolist() == (
        out.tolist()
    )
    rt.execute(enigma.compile(double, emit_only=True), [a], grid=5, threads=5, inout=["X"])
    assert a.tolist() == [0, 2, 4, 6, 8]
    with rt.prepare(enigma.compile(double, emit_only=True), [a], inout=[0]) as prepared:
        prepared.dispatch(5, 5)
        prepared.dispatch(5, 5)
    assert a.tolist() == [0, 8, 16, 24, 32]


def test_a_jit_function_takes_tensors() -> None:
    @enigma.kernel
    def add(A, B, Out):
        i = enigma.thread_position_in_grid
        Out[i] = A[i] + B[i]

    @enigma.jit
    def into(A, B, Out):
        add(A, B, Out).launch(grid=A.size(), block=32)

    a, out = torch.arange(5.0), torch.zeros(5)
    into(a, a, out)
    assert out.tolist() == [0, 2, 4, 6, 8]
    assert message(lambda: into(a, a, torch.zeros(5, requires_grad=True))).endswith("enigma.interop.torch.as_op")


def test_the_library_takes_and_fills_tensors() -> None:
    a, out = torch.randn(7, 5), torch.zeros(5, 7)
    enigma.lib.transpose(a, out=out)
    assert torch.equal(out, a.T)


def test_inputs_that_are_not_contiguous_are_copied_which_is_said() -> None:
    held, out = torch.arange(12.0).reshape(3, 4), torch.zeros(12)
    enigma.explain_copies(forget=True)
    for given in (held.T, held[:, ::2], torch.ones(1).expand(7), held.to(memory_format=torch.contiguous_format)):
        twice[given.numel(), 32](given, out[: given.numel()])
        assert torch.equal(out[: given.numel()], given.reshape(-1) * 2)
    report = enigma.explain_copies(forget=True)
    assert [one.nbytes for one, _ in report.copies] == [48, 24, 28]
    assert report.copies[0][0].remedy == (
        "pass a contiguous tensor: keep A.contiguous() where it is launched more than once"
    )


WRONG = {
    "not contiguous output": (lambda: (torch.zeros(5), torch.zeros(10)[::2]), "Out is not contiguous"),
    "transposed output": (lambda: (torch.zeros(6), torch.zeros(2, 3).T), "Out is not contiguous"),
    "expanded output": (lambda: (torch.zeros(5), torch.zeros(1).expand(5)), "Out is not contiguous"),
    "dtype": (
        lambda: (torch.zeros(5).double(), torch.zeros(5)),
        "A holds float64, but the kernel's parameter is f32 (float32)\n  help: convert it: A.to(torch.float32)",
    ),
    "complex": (
        lambda: (torch.zeros(5).cfloat(), torch.zeros(5)),
        "A holds complex64, but the kernel's parameter is f32 (float32)\n"
        "  help: annotate the parameter for complex64, or convert it",
    ),
    "float8": (
        lambda: (torch.zeros(5).to(torch.float8_e4m3fn), torch.zeros(5)),
        "A: this tensor of torch.float8_e4m3fn cannot be shared with NumPy: Got unsupported ScalarType Float8_e4m3fn\n"
        "  help: convert it: A.float()",
    ),
    "empty": (
        lambda: (torch.zeros(0), torch.zeros(5)),
        "A is empty, but a buffer needs at least one element\n  help: skip the launch for empty arrays",
    ),
    "meta": (
        lambda: (torch.zeros(5, device="meta"), torch.zeros(5)),
        "A is a tensor without memory, on the meta device\n  help: pass a tensor with numbers",
    ),
    "sparse": (
        lambda: (torch.zeros(5).to_sparse(), torch.zeros(5)),
        "A is a tensor with the layout torch.sparse_coo\n  help: pass A.to_dense(), or its indices and values",
    ),
    "negated": (
        lambda: (torch._neg_view(torch.zeros(5)), torch.zeros(5)),
        "A is a tensor whose numbers are yet to be negated\n  help: pass A.resolve_neg()",
    ),
    "conjugated": (
        lambda: (torch.zeros(5).cfloat().conj(), torch.zeros(5)),
        "A is a tensor whose numbers are yet to be conjugated\n  help: pass A.resolve_conj()",
    ),
    "nested": (
        lambda: (torch.nested.nested_tensor([torch.zeros(5)], layout=torch.jagged), torch.zeros(5)),
        "A is a tensor of several tensors (nested)\n  help: pass its parts one by one",
    ),
    "shared": (lambda: (lambda x: (x[1:], x[:-1]))(torch.zeros(5)), "A and Out share memory, and the kernel writes Out"),
    "requires grad": (
        lambda: (torch.zeros(5), torch.zeros(5, requires_grad=True)),
        "Out requires grad, and autograd does not see what the kernel writes\n"
        "  help: pass Out.detach(), launch under torch.no_grad(), or make an operation of the kernel: "
        "enigma.interop.torch.as_op",
    ),
    "result of autograd": (
        lambda: (torch.zeros(5), torch.zeros(5, requires_grad=True) * 2),
        "Out requires grad, and autograd does not see what the kernel writes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_tensor_that_a_kernel_cannot_use_where_it_is_is_refused(case: str) -> None:
    make, expected = WRONG[case]
    given = make()
    assert message(lambda: twice[5, 32](*given)).startswith(expected)


@pytest.mark.filterwarnings("ignore:torch.quantize")
def test_quantised_numbers_are_refused() -> None:
    given = torch.quantize_per_tensor(torch.zeros(5), 0.1, 0, torch.qint8)
    assert message(lambda: twice[5, 32](given, torch.zeros(5))) == (
        "A is a tensor of quantised numbers (torch.qint8)\n  help: pass A.dequantize(), or A.int_repr()"
    )


@pytest.mark.parametrize(
    ("device", "how"),
    [
        (
            "mps",
            "make an operation of the kernel, enigma.interop.torch.as_op(kernel, ...), which runs there; or pass A.cpu()",
        ),
        ("cuda", "pass A.cpu()"),
    ],
)
def test_a_tensor_of_another_device_is_refused(device: str, how: str) -> None:
    class Far(torch.Tensor):
        """A tensor that says it is on a device which this machine lacks."""

        @property
        def device(self) -> Any:
            return torch.device(device)

    given = torch.zeros(5).as_subclass(Far)
    assert message(lambda: twice[5, 32](given, torch.zeros(5))) == (
        f"A is a tensor on the device {device}\n  help: {how}"
    )


TRACED = (
    "A is a tensor of a traced or transformed function, which has no numbers\n"
    "  help: make an operation of the kernel, enigma.interop.torch.as_op(kernel, ...), and call that"
)


def test_a_launch_in_a_transformed_function_is_refused() -> None:
    out = torch.zeros(5)

    def launched(x: Any) -> Any:
        twice[5, 32](x, out)
        return x.sum()

    assert message(lambda: torch.func.vmap(launched)(torch.zeros(2, 5))).startswith(TRACED)
    assert message(lambda: torch.func.grad(launched)(torch.zeros(5))).startswith(TRACED)
    with torch._subclasses.FakeTensorMode():
        assert message(lambda: twice[5, 32](torch.zeros(5), torch.zeros(5))).startswith(TRACED)
    torch._dynamo.reset()
    with pytest.raises(LaunchError, match="traced or transformed function"):
        torch.compile(launched, backend="eager")(torch.zeros(5))


# ---- autograd


def test_an_input_that_requires_grad_is_read_as_it_is() -> None:
    given, out = torch.arange(5.0, requires_grad=True), torch.zeros(5)
    twice[5, 32](given, out)
    assert out.tolist() == [0, 2, 4, 6, 8]
    assert not out.requires_grad


def test_a_parameter_may_be_written_where_autograd_is_off_as_optimizers_do() -> None:
    parameter = torch.nn.Parameter(torch.arange(5.0))
    with torch.no_grad():
        double[5, 32](parameter)
    assert parameter.tolist() == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("how", ["run", "prepared", "check", "view", "bfloat16"])
def test_a_backward_pass_that_needs_what_a_kernel_overwrote_is_an_error(how: str) -> None:
    x = torch.arange(5.0)
    x = x.bfloat16() if how == "bfloat16" else x
    prepared = None
    if how == "prepared":
        prepared = enigma.CpuRuntime().prepare(enigma.compile(double, emit_only=True), [x], inout=["X"])
    w = torch.ones(5, dtype=x.dtype, requires_grad=True)
    y = (w * x).sum()  # the gradient of w is x
    if prepared is not None:
        prepared.dispatch(5, 32)
    elif how == "check":
        assert enigma.check(double, x, grid=5, threads=5).ok
    elif how == "bfloat16":
        COPIERS[enigma.bf16][5, 32](torch.zeros(5).bfloat16(), x)
    else:
        double[4 if how == "view" else 5, 32](x[1:] if how == "view" else x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_a_launch_whose_assertion_fails_has_written_too() -> None:
    @enigma.kernel
    def doubled(X: enigma.f32):
        i = enigma.thread_position_in_grid
        X[i] = X[i] * 2
        enigma.assert_(X[i] > 5)

    x, w = torch.arange(5.0), torch.ones(5, requires_grad=True)
    y = (w * x).sum()
    with pytest.raises(enigma.KernelAssertionError):
        doubled.launch(x, grid=5, device="cpu")
    assert x.tolist() == [0, 2, 4, 6, 8]
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_a_tensor_that_is_only_read_does_not_change_for_autograd() -> None:
    x, out = torch.arange(5.0), torch.zeros(5)
    twice[5, 32](x, out)
    assert (x._version, out._version) == (0, 1)


def test_tensors_of_inference_mode_are_written() -> None:
    with torch.inference_mode():
        x = torch.arange(5.0)
        double[5, 32](x)
    double[5, 32](x)
    assert x.tolist() == [0, 4, 8, 12, 16]


# ---- life and threads


def test_a_tensor_lives_as_long_as_a_prepared_kernel_uses_it() -> None:
    x, out = torch.arange(1000.0), torch.zeros(1000)
    prepared = enigma.CpuRuntime().prepare(enigma.compile(twice, emit_only=True), [x, out], inout=["Out"])
    expected = x * 2
    del x
    torch.zeros(1000).fill_(7)
    prepared.dispatch(1000, 256)
    assert torch.equal(out, expected)


def test_threads_launch_at_once() -> None:
    def one(k: int) -> bool:
        x, out = torch.full((1023,), float(k)), torch.zeros(1023)
        for _ in range(20):
            twice[1023, 256](x, out)
        return bool((out == 2 * k).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(32)))
