"""`enigma.interop.torch.as_op`: kernels as operations of PyTorch, in eager mode, under autograd, torch.compile and torch.func."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

import enigma
from enigma.errors import CheckError, EnigmaError

torch: Any = pytest.importorskip("torch")
from enigma.interop.digest import digest  # noqa: E402
from enigma.interop.torch import as_op  # noqa: E402  it needs PyTorch


def message(run: Callable[[], Any]) -> str:
    """Return what an error of enigma's says."""
    with pytest.raises(EnigmaError) as caught:
        run()
    return str(caught.value)


@enigma.kernel
def saxpy(X: enigma.f32, Y: enigma.f32, alpha: enigma.Scalar[enigma.f32], Out: enigma.f32):
    i = enigma.thread_position_in_grid
    Out[i] = X[i] * alpha + Y[i]


@enigma.kernel
def square(X: enigma.f32, Out: enigma.f32):
    i = enigma.thread_position_in_grid
    Out[i] = X[i] * X[i]


@enigma.kernel
def grow(X: enigma.f32, by: enigma.Scalar[enigma.i32]):
    i = enigma.thread_position_in_grid
    X[i] = X[i] + by.to(enigma.f32)


@enigma.kernel
def parts(X: enigma.f32, Whole: enigma.i32, Rest: enigma.f32):
    i = enigma.thread_position_in_grid
    whole = enigma.floor(X[i])
    Whole[i] = whole.to(enigma.i32)
    Rest[i] = X[i] - whole


@enigma.kernel
def row_sums(X: enigma.f32, columns: enigma.Scalar[enigma.u32], Out: enigma.f32):
    i = enigma.thread_position_in_grid
    total = 0.0
    for k in range(columns):
        total = total + X[i * columns + k]
    Out[i] = total


SAXPY = as_op(saxpy, vjp=lambda inputs, cotangents, outputs: (cotangents[0] * inputs[2], cotangents[0], None))
SQUARE = as_op(square, vjp=lambda inputs, cotangents, outputs: (2 * inputs[0] * cotangents[0],))
GROW = as_op(grow, inout=["X"])
PARTS = as_op(parts)
ROW_SUMS = as_op(row_sums, shapes=lambda X, columns: X.shape[0])


@pytest.mark.parametrize("n", [1, 31, 32, 33, 255, 1023])
def test_the_output_is_a_new_tensor_of_the_inputs_shape(n: int) -> None:
    x, y = torch.randn(n), torch.randn(n)
    out = SAXPY(x, y, 2.0)
    assert torch.equal(out, torch.addcmul(y, x, torch.tensor(2.0)))
    assert torch.equal(SAXPY(x, y, alpha=2.0), out)


def test_several_outputs_are_a_tuple() -> None:
    whole, rest = PARTS(torch.tensor([[1.5, -0.25]]))
    assert (whole.dtype, whole.tolist(), rest.tolist()) == (torch.int32, [[1, -1]], [[0.5, 0.75]])


def test_shapes_may_be_a_function_a_list_or_a_dict() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    assert ROW_SUMS(x, 3).tolist() == [3, 12]
    assert [list(each.shape) for each in as_op(parts, shapes=[(6,), (3, 2)])(x)] == [[6], [3, 2]]
    named = as_op(parts, shapes=lambda X: {"Rest": (6,), "Whole": X.shape})
    assert [list(each.shape) for each in named(x)] == [[2, 3], [6]]


def test_vectors_have_a_thread_each() -> None:
    @enigma.kernel
    def negated(A: enigma.f32x4, Out: enigma.f32x4):
        i = enigma.thread_position_in_grid
        Out[i] = -A[i]

    x = torch.randn(5, 4)
    assert torch.equal(as_op(negated)(x), -x)


def test_inputs_may_lie_in_memory_in_any_way() -> None:
    x, y = torch.randn(4, 6), torch.randn(6, 4)
    expected = torch.addcmul(y, x.T, torch.tensor(3.0))
    assert torch.equal(SAXPY(x.T, y, 3.0), expected)
    assert torch.equal(SAXPY(x.T.contiguous(), y, 3.0), expected)
    assert torch.equal(SQUARE(torch.full((1,), 3.0).expand(7)), torch.full((7,), 9.0))
    assert torch.equal(SQUARE(x[1:, ::2]), x[1:, ::2] ** 2)
    assert torch.equal(SAXPY(x, x, 0.0), x)


def test_tensors_without_elements_have_results_without_elements() -> None:
    assert SAXPY(torch.zeros(0, 3), torch.zeros(0, 3), 1.0).shape == (0, 3)
    assert GROW(torch.zeros(0), 1) is None


def test_a_result_of_an_empty_input_is_not_made_up() -> None:
    assert message(lambda: as_op(row_sums, shapes=4)(torch.zeros(0), 0)) == (
        "X is empty, but a buffer needs at least one element\n  help: skip the launch for empty arrays"
    )


def test_an_update_in_place_lands_in_the_callers_tensor() -> None:
    held = torch.arange(8.0)
    assert GROW(held[2:5], 10) is None
    assert held.tolist() == [0, 1, 12, 13, 14, 5, 6, 7]
    assert message(lambda: GROW(held[::2], 1)).startswith("X is not contiguous")
    assert message(lambda: GROW(torch.zeros(1).expand(4), 1)).startswith("X is not contiguous")


def test_an_operation_runs_on_the_runtime_it_is_given() -> None:
    @enigma.kernel
    def beyond(X: enigma.f32, Out: enigma.f32):
        i = enigma.thread_position_in_grid
        Out[i] = X[i + 1]

    with pytest.raises(CheckError, match="read outside of buffer X: index 5, but it has 5 elements"):
        as_op(beyond, runtime=enigma.SimRuntime())(torch.zeros(5))


def test_threads_call_at_once() -> None:
    def one(k: int) -> bool:
        x = torch.full((1023,), float(k))
        return all(bool((SAXPY(x, x, 2.0) == 3 * k).all()) for _ in range(10))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(16)))


# ---- what PyTorch checks of an operation


@pytest.mark.parametrize(
    ("op", "args"),
    [
        (SAXPY, lambda: (torch.randn(3, 5, requires_grad=True), torch.randn(3, 5), 2.0)),
        (SQUARE, lambda: (torch.randn(5, 3).T,)),
        (GROW, lambda: (torch.randn(33), 2)),
        (PARTS, lambda: (torch.randn(2, 3),)),
        (ROW_SUMS, lambda: (torch.randn(4, 3), 3)),
    ],
    ids=["saxpy", "square", "grow", "parts", "row_sums"],
)
def test_the_operation_passes_opcheck(op: Any, args: Any) -> None:
    found = torch.library.opcheck(op.overload, args())
    assert set(found.values()) == {"SUCCESS"}


def test_the_vjp_is_the_gradient() -> None:
    x, y = (torch.randn(3, 4, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda x, y: SAXPY(x, y, 3.0), (x, y), eps=1e-2, atol=1e-2, rtol=1e-2)
    assert torch.autograd.gradcheck(SQUARE, (x,), eps=1e-2, atol=5e-2, rtol=1e-2)


def test_a_vjp_may_use_outputs_and_other_operations_and_have_a_gradient_itself() -> None:
    op = as_op(square, vjp=lambda inputs, cotangents, outputs: (2 * cotangents[0] * outputs[0] / inputs[0],))
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (first,) = torch.autograd.grad(op(x).sum(), x, create_graph=True)
    assert first.tolist() == [2, 4]
    (second,) = torch.autograd.grad(SQUARE(SQUARE(x)).sum(), x, create_graph=True)
    assert second.tolist() == [4, 32]
    assert torch.autograd.grad(second.sum(), x)[0].tolist() == [12, 48]


def test_an_output_that_nothing_depends_on_has_a_cotangent_of_zeros() -> None:
    seen: list[Any] = []

    @enigma.kernel
    def two(X: enigma.f32, A: enigma.f32, B: enigma.f32):
        i = enigma.thread_position_in_grid
        A[i] = X[i] * 2
        B[i] = X[i] * 3

    def vjp(inputs: Any, cotangents: Any, outputs: Any) -> Any:
        seen.extend(cotangents)
        return 2 * cotangents[0] + 3 * cotangents[1]

    x = torch.ones(3, requires_grad=True)
    as_op(two, vjp=vjp)(x)[1].sum().backward()
    assert x.grad.tolist() == [3, 3, 3]
    assert seen[0].tolist() == [0, 0, 0]


def test_a_backward_pass_without_a_vjp_is_an_error() -> None:
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="no autograd formula"):
        ROW_SUMS(x, 1).sum().backward()


def test_a_wrong_number_of_gradients_is_an_error() -> None:
    op = as_op(saxpy, vjp=lambda inputs, cotangents, outputs: cotangents[0])
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(EnigmaError, match=r"returned 1 gradients, but the operation has 3 inputs: X, Y, alpha"):
        op(x, x, 2.0).sum().backward()


def test_an_update_in_place_that_autograd_would_miss_is_an_error() -> None:
    for x in (torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True) * 2):
        assert message(lambda x=x: GROW(x, 1)) == (
            f"{GROW.name} updates X in place, which autograd cannot follow, but it is given a tensor that requires grad\n"
            "  help: call it under torch.no_grad(), pass x.detach(), or let the kernel write an output and give vjp="
        )
        with torch.no_grad():
            GROW(x, 1)
    x, w = torch.ones(3), torch.ones(3, requires_grad=True)
    y = (x * w).sum()
    GROW(x, 1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


# ---- torch.compile and torch.func


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_compiled_function_has_the_operation_in_its_graph(backend: str, dynamic: bool) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(lambda x, y: SAXPY(x * 2, y, 3.0).sum(), backend=backend, fullgraph=True, dynamic=dynamic)
    for n in (3, 5, 8):
        x, y = torch.randn(n, 4, requires_grad=True), torch.randn(n, 4)
        compiled(x, y).backward()
        torch.testing.assert_close(compiled(x, y), (x * 6 + y).sum())
        assert torch.equal(x.grad, torch.full((n, 4), 6.0))


def test_shapes_that_are_symbols_flow_through() -> None:
    torch._dynamo.reset()
    counts = torch._dynamo.testing.CompileCounter()
    compiled = torch.compile(lambda x: ROW_SUMS(x, x.shape[1]) + 1, backend=counts, fullgraph=True, dynamic=True)
    for shape in ((3, 4), (5, 6), (7, 2)):
        x = torch.randn(*shape)
        torch.testing.assert_close(compiled(x), x.sum(1) + 1)
    assert counts.frame_count == 1


def test_an_update_in_place_is_seen_in_a_compiled_function() -> None:
    torch._dynamo.reset()

    def stepped(x: Any) -> Any:
        y = x * 2
        GROW(y, 5)
        GROW(x, 1)
        return y + x

    for backend in ("eager", "aot_eager"):
        x = torch.arange(4.0)
        assert torch.compile(stepped, backend=backend, fullgraph=True)(x).tolist() == [6, 9, 12, 15]
        assert x.tolist() == [1, 2, 3, 4]


@pytest.mark.filterwarnings("ignore")
def test_inductor_calls_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()

    def both(x: Any, y: Any) -> Any:  # nothing in it is for a C++ compiler, which would take long
        GROW(x, 1)
        return SAXPY(x.T, y, 3.0)

    compiled = torch.compile(both, backend="inductor", fullgraph=True, dynamic=True)
    for n in (3, 40):
        x, y = torch.randn(n, 4), torch.randn(4, n)
        expected = torch.addcmul(y, (x + 1).T, torch.tensor(3.0))
        assert torch.equal(compiled(x, y), expected)


def test_export_keeps_the_operation() -> None:
    class Model(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return SQUARE(x) + 1

    x = torch.randn(3)
    exported = torch.export.export(Model(), (x,))
    assert any(node.target is SQUARE.overload for node in exported.graph.nodes)
    assert torch.equal(exported.module()(x), x * x + 1)


def test_vmap_calls_it_for_each_element() -> None:
    x, y = torch.randn(4, 3), torch.randn(3)
    assert torch.equal(torch.vmap(lambda x: SAXPY(x, y, 2.0))(x), SAXPY(x, y.expand(4, 3), 2.0))
    assert torch.equal(torch.vmap(SQUARE, in_dims=1, out_dims=1)(x), x * x)
    whole, rest = torch.vmap(PARTS)(x)
    assert torch.equal(whole, x.floor().int())
    assert torch.equal(rest, x - x.floor())
    assert "in place, which torch.vmap has no rule for" in message(lambda: torch.vmap(lambda x: GROW(x, 1))(x))
    assert "over a batch of no elements" in message(lambda: torch.vmap(SQUARE)(torch.zeros(0, 3)))


def test_functional_gradients_are_refused_by_pytorch_which_has_them_for_no_operation_of_a_library() -> None:
    with pytest.raises(RuntimeError, match="functorch transforms"):
        torch.func.grad(lambda x: SQUARE(x).sum())(torch.ones(3))


# ---- names


def test_operations_have_names_of_their_own() -> None:
    first, second = as_op(square), as_op(square)
    assert first.name != second.name
    assert first(torch.tensor([3.0])).tolist() == [9]

    def square_of(factor: float) -> Any:
        @enigma.kernel
        def square(X: enigma.f32, Out: enigma.f32):
            i = enigma.thread_position_in_grid
            Out[i] = X[i] * X[i] * factor

        return square

    third = as_op(square_of(2.0))
    assert [op(torch.tensor([3.0])).tolist() for op in (first, second, third)] == [[9], [9], [18]]
    assert as_op(square, name="a_test::squared").name == "a_test::squared"
    assert message(lambda: as_op(square, name="a_test::squared")) == (
        "there is an operation a_test::squared already\n  help: choose another name, or leave it out"
    )
    assert message(lambda: as_op(square, name="aten::sin")).startswith("there is an operation aten::sin already")
    assert message(lambda: as_op(square, name="no name")) == (
        '\'no name\' is no name of an operation\n  help: write "enigma::saxpy" or "saxpy"'
    )


def test_the_name_tells_one_vjp_from_another_for_compile_keeps_backward_passes_on_disk() -> None:
    def made(factor: float) -> Any:
        return as_op(square, vjp=lambda inputs, cotangents, outputs: (factor * inputs[0] * cotangents[0],))

    names = [made(factor).name for factor in (2.0, 3.0)]
    assert names[0] != names[1]
    assert made(2.0).name == names[0] + "_2"


def test_the_name_tells_apart_what_compile_would_make_something_else_of() -> None:
    def copied(dtype: Any) -> Any:
        @enigma.kernel
        def to_dtype(X: enigma.f32, Out: dtype):
            i = enigma.thread_position_in_grid
            Out[i] = X[i].to(dtype)

        return to_dtype

    shaped = [as_op(square, shapes=shape, grid=1).name for shape in ((4,), (8,))]
    kinds = [as_op(copied(dtype)).name for dtype in (enigma.f32, enigma.f16, enigma.i32)]
    assert kinds[0] == "enigma::to_dtype"
    digests = [re.sub(r"_\d{1,3}$", "", name).rpartition("_")[2] for name in shaped + kinds[1:]]
    assert all(len(each) == 8 for each in digests) and len(set(digests)) == 4


def test_the_digest_of_what_cannot_be_looked_into_is_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    class Factor:
        name, value = "factor", 2.0

    factor = Factor()
    before = digest(lambda x: x * factor.value)
    monkeypatch.setattr("enigma.interop.digest._process", "another")
    assert digest(lambda x: x * factor.value) != before


def test_a_digest_depends_on_the_files_of_modules_and_classes(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "enigma_digest_helper.py"
    found: list[str] = []
    for factor in (2, 3):
        path.write_text(f"def twice(x):\n    return x * {factor}\n\nclass Kind:\n    value = {factor}\n")
        helper = importlib.import_module("enigma_digest_helper")
        found += [digest(lambda x, helper=helper: helper.twice(x)), digest(helper.Kind)]
    sys.modules.pop("enigma_digest_helper")
    path.unlink()
    found += [digest(helper), digest(sys), digest(SQUARE), digest(square), digest(enigma.f32)]
    assert len(set(found)) == len(found)


def test_it_shows_its_signature() -> None:
    op = as_op(saxpy, name="a_test::shown")
    assert repr(op) == "<operation of PyTorch a_test::shown(Tensor X, Tensor Y, float alpha) -> Tensor>"
    assert repr(GROW).endswith("(Tensor(a!) X, SymInt by) -> ()>")


# ---- mistakes


@dataclass
class Pair:
    """Two numbers."""

    a: enigma.f32
    b: enigma.f32


@enigma.kernel
def with_struct(X: enigma.f32, p: Pair, Out: enigma.f32):
    Out[0] = X[0] * p.a


@enigma.kernel
def with_texture(T: enigma.Texture2D[enigma.f32], Out: enigma.f32):
    Out[0] = T.read(0, 0).x


@enigma.kernel
def reads(X: enigma.f32):
    i = enigma.thread_position_in_grid
    unused = X[i]  # noqa: F841


MISTAKES = {
    "no kernel": (
        lambda: as_op(lambda x: x),
        "as_op takes a kernel, but it got <function <lambda>",
    ),
    "struct": (lambda: as_op(with_struct), "kernel with_struct is no operation: its parameter p is the struct Pair"),
    "texture": (lambda: as_op(with_texture), "kernel with_texture is no operation: its parameter T is a texture"),
    "no effect": (lambda: as_op(reads), "kernel reads writes nothing, so it is no operation"),
    "no array": (
        lambda: as_op(grow),
        "kernel grow is given no array, only by: an operation runs where its arrays are\n"
        "  help: name what it updates in place: inout=['X']",
    ),
    "inout unknown": (
        lambda: as_op(square, inout=["Z"]),
        "inout has 'Z', which kernel square does not have\n  help: it writes: Out",
    ),
    "inout read": (lambda: as_op(square, inout=["X"]), "inout has 'X', which kernel square does not write"),
    "inout text": (lambda: as_op(square, inout="Out"), "inout must be a list of names, but it is 'Out'"),
    "vjp in place": (
        lambda: as_op(grow, inout=["X"], vjp=lambda *_: None),
        "kernel grow updates X in place, so there is no vjp",
    ),
    "shape": (lambda: as_op(square, shapes=2.5)(torch.zeros(3)), "the shape of Out is 2.5, which is no shape"),
    "shapes too few": (
        lambda: as_op(parts, shapes=[(3,)])(torch.zeros(3)),
        "shapes has 1 shapes, but parts has 2 outputs: Whole, Rest",
    ),
    "shapes by another name": (
        lambda: as_op(square, shapes={"Y": 3})(torch.zeros(3)),
        "shapes names Y, but the outputs of square are Out",
    ),
    "dtype": (
        lambda: SQUARE(torch.zeros(3).double()),
        "X of the operation square is a tensor of torch.float64, but the kernel's parameter is f32\n",
    ),
    "devices": (
        lambda: SAXPY(torch.zeros(3), torch.zeros(3, device="meta"), 1.0),
        "Y of the operation saxpy is on meta, but the tensors before it are on cpu",
    ),
    "grid": (
        lambda: as_op(square, grid=lambda X: 2.5)(torch.zeros(3)),
        "grid must be an int or up to three ints, but it is 2.5",
    ),
    "number": (lambda: GROW(torch.zeros(3), 1 << 40), "by is 1099511627776, which does not fit into i32"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_explained(case: str) -> None:
    run, expected = MISTAKES[case]
    assert expected in message(run)


def test_a_call_without_an_argument_is_refused_by_pytorch() -> None:
    with pytest.raises(RuntimeError, match="missing value for argument 'alpha'"):
        SAXPY(torch.zeros(3), torch.zeros(3))


def test_a_checked_run_checks_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    def row(A: enigma.f32, Out: enigma.f32):
        Out[enigma.thread_position_in_grid + 4] = A[0]

    op = as_op(enigma.kernel(row))
    monkeypatch.setenv("ENIGMA_DEVICE", "sim")
    with pytest.raises(enigma.OutOfBoundsError, match="write outside of buffer Out: index 4, but it has 4 elements"):
        op(torch.zeros(4))
    monkeypatch.setenv("ENIGMA_DEVICE", "gpu")
    with pytest.raises(enigma.DeviceError, match="there is no device 'gpu', which ENIGMA_DEVICE names"):
        op(torch.zeros(4))


def test_a_copy_is_told_at_the_line_that_calls_the_operation() -> None:
    enigma.explain_copies(forget=True)
    with pytest.warns(enigma.EnigmaWarning, match=r"test_torch_op\.py:\d+:\d+: warning: kernel row_sums: X is copied"):
        ROW_SUMS(torch.ones(2, 3).T, 2)
