"""`@enigma.jit`: several launches in order, layouts and numbers as arguments, what is compiled in and what is not, mistakes."""

# pyright: reportInvalidTypeForm=false

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from tests.msl.check import assert_legal

DEVICES = ("sim", "cpu")


@en.kernel
def axpy(A, B, Out, n, factor):
    """No parameter is annotated: the arguments of a launch say what they are."""
    i = en.thread_position_in_grid
    if i < n:
        Out[i] = A[i] * factor + B[i]


@en.jit
def twice(A, B, n: en.Scalar[en.u32], factor=2):
    """Two launches, the second of which reads what the first wrote."""
    first, second = en.empty(A.shape, A.dtype), en.empty(A.shape, A.dtype)
    axpy(A, B, first, n, factor).launch(grid=(n, 1, 1), block=(32, 1, 1))
    axpy(first, B, second, n, factor=factor + 1).launch(grid=n, block=32)
    return second


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16, np.int32, np.uint8])
def test_pitfall_50_launches_run_in_order(dtype: Any, device: str) -> None:
    numbers = np.arange(100) % 20
    a, b = numbers.astype(dtype), np.ones(100, dtype)
    out = twice.launch(a, b, 70, device=device)
    wanted = np.where(np.arange(100) < 70, 3 * (2 * numbers + 1) + 1, 0)
    assert out.dtype == dtype
    assert (out == wanted.astype(dtype)).all()


def test_a_number_by_value_is_not_compiled_in() -> None:
    a = np.ones(64, np.float32)
    twice(a, a, 3)
    before = {id(plan.kernel) for plan in axpy.bound.values()}
    traces = [len(plan.kernel._traced) for plan in axpy.bound.values()]
    for n in range(4, 20):
        assert (twice(a, a, n) > 0).sum() == n
    assert {id(plan.kernel) for plan in axpy.bound.values()} == before
    assert [len(plan.kernel._traced) for plan in axpy.bound.values()] == traces


@en.kernel
def copy_tile(A, Out):
    """Both layouts are compiled in."""
    tid = en.thread_position_in_grid
    if tid < A.size():
        Out[tid] = A[tid]


@en.jit
def by_layout(a: en.f32, out: en.f32, source, target):
    copy_tile(en.from_array(a.array, source), en.from_array(out.array, target)).launch(grid=source.size(), block=32)


@pytest.mark.parametrize("device", DEVICES)
def test_layouts_are_part_of_the_program(device: str) -> None:
    """One kernel with other layouts is another program: the same dtypes and sizes must not share one."""
    a = np.arange(24, dtype=np.float32)
    rows, columns = en.make_layout((4, 6), (6, 1)), en.make_layout((4, 6))
    for source, target in ((rows, columns), (columns, rows), (rows, rows), (columns, columns)):
        out = np.zeros_like(a)
        by_layout.launch(a, out, source, target, device=device)
        wanted = np.zeros_like(a)
        for k in range(24):
            wanted[target(k)] = a[source(k)]
        assert (out == wanted).all()


@en.kernel
def halves(Left, Right, Out):
    """Two tensors of one memory, which share a slot, and one that is both read and written."""
    i = en.thread_position_in_grid
    Out[i] = Left[i] + Right[i]


@pytest.mark.parametrize("device", DEVICES)
def test_parts_of_one_memory_share_a_slot(device: str) -> None:
    @en.jit
    def add_halves(a):
        whole = en.make_layout((16, 2))
        both = en.from_array(a.array, whole)
        halves(both[None, 0], both[None, 1], Out=both[None, 0]).launch(grid=16, block=16)

    a = np.arange(32, dtype=np.int32)
    add_halves.launch(a, device=device)
    assert (a[:16] == np.arange(16) * 2 + 16).all()
    compiled = en.compile(add_halves, np.zeros(32, np.int32))
    assert (compiled.num_params, compiled.grid, compiled.block) == (1, (16, 1, 1), (16, 1, 1))
    assert_legal(compiled.metal_source)


def test_pitfall_51_slots_follow_the_buffer_index() -> None:
    @en.kernel
    def subtract(Out, A, B):
        i = en.thread_position_in_grid
        Out[i] = A[i] - B[i]

    @en.jit
    def run(A, B, Out):
        subtract(B=B, A=A, Out=Out).launch(grid=(8, 1, 1), block=(8, 1, 1))

    tensors = [en.Tensor(name, k, "float", en.make_layout(8)) for k, name in enumerate(("A", "B", "Out"))]
    compiled = en.compile(run, *tensors)
    assert compiled.param_names == ["A", "B", "Out"]
    a, b = np.arange(8, dtype=np.float32), np.ones(8, np.float32)
    raw = en.runtime().execute(compiled, [a, b], 8 * 4)  # the size of the launch is the recorded one
    assert (np.frombuffer(raw, np.float32) == a - b).all()
    with en.runtime().prepare(compiled, [a, b], 8 * 4) as prepared:
        prepared.dispatch(compiled.grid, compiled.block)
        assert (prepared.outputs[0] == a - b).all()


@pytest.mark.parametrize("device", DEVICES)
def test_several_launches_are_compiled_and_executed(device: str) -> None:
    a, b = np.arange(50, dtype=np.float32), np.ones(50, np.float32)
    compiled = en.compile(twice, a, b, 50)
    assert repr(compiled) == "<compiled jit twice: axpy, axpy>"
    assert [(launch.grid, launch.block) for launch in compiled.launches] == [((50, 1, 1), (32, 1, 1))] * 2
    assert compiled.num_params == 3
    assert "launch 2: grid (50, 1, 1)" in compiled.metal_source
    assert compiled.kernel_source == compiled.metal_source
    assert compiled.mlir_source.count("builtin.module") == 2
    wanted = 3 * (2 * a + 1) + 1
    runtime = en.runtime(device)
    assert (np.frombuffer(runtime.execute(compiled, [a, b], 200), np.float32) == wanted).all()
    (listed,) = runtime.execute(compiled, [a, b], output_sizes=[200])
    assert listed == wanted.tobytes()
    assert (runtime.execute(compiled, [a, b], output_shapes=[(50,)], output_dtypes=[en.f32]) == wanted).all()
    for launch in compiled.launches:
        assert_legal(launch.metal_source)


def test_a_jit_function_in_another_is_part_of_it() -> None:
    @en.jit
    def outer(A, B):
        return twice(twice(A, B, 10), B, 10)

    a, b = np.arange(10, dtype=np.float32), np.ones(10, np.float32)
    assert (outer(a, b) == twice(twice(a, b, 10), b, 10)).all()
    assert len(en.compile(outer, a, b).launches) == 4


def test_results_are_arrays() -> None:
    @en.jit
    def parts(A):
        axpy(A, A, A, 0, 1).launch(grid=1, block=1)
        square = en.from_array(A.array, en.make_layout((4, 8), (8, 1)))
        return {"whole": A, "column": square[None, 2], "list": [square, 7], "none": None}

    assert isinstance(parts, en.JitDef)
    a = np.arange(32, dtype=np.float32)
    found = parts(a)
    assert found["whole"] is a
    assert (found["column"] == a.reshape(4, 8)[:, 2]).all()
    assert (found["list"][0] == a.reshape(4, 8)).all()
    assert (found["list"][1], found["none"]) == (7, None)


def test_threads_do_not_see_each_others_launches() -> None:
    def work(n: int) -> bool:
        a = np.arange(n, dtype=np.float32)
        return bool((twice(a, a, n) == 3 * (3 * a) + a).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(1, 40)))


def test_after_an_error_nothing_is_recorded_any_more() -> None:
    @en.jit
    def broken(A):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        broken(np.zeros(4, np.float32))
    with pytest.raises(RuntimeError, match="launched outside of compile"):
        axpy(1, 2).launch(grid=1)


def test_dynamic_numbers() -> None:
    number = en.dynamic(7)
    assert (number + 1, type(number + 1), number.dtype) == (8, int, en.i32)
    assert en.dynamic(1 << 40).dtype is en.i64
    assert en.dynamic((1 << 64) - 1).dtype is en.u64
    assert (en.dynamic(np.float16(0.5)).dtype, en.dynamic(np.uint32(5)).dtype, en.dynamic(True).dtype) == (
        en.f16,
        en.u32,
        en.b1,
    )
    assert (en.dynamic(0.5).dtype, en.dynamic(np.int64(3)).dtype, en.dynamic(2, en.f16).dtype) == (
        en.f32,
        en.i32,
        en.f16,
    )


WEIGHTS = np.arange(8, dtype=np.float32)


@en.kernel
def plus(A, B, Out):
    """Add tensors of one axis."""
    i = en.thread_position_in_grid
    Out[i] = A[i] + B[i]


@pytest.mark.parametrize("device", DEVICES)
def test_arrays_that_a_compiled_function_knows_are_not_empty(device: str) -> None:
    @en.jit
    def weighted(A):
        weights, first, out = en.from_array(WEIGHTS), en.empty(8, en.f32), en.empty(8, en.f32)
        plus(A, weights, first).launch(grid=8, block=8)
        plus(first, weights, out).launch(grid=8, block=8)
        return out

    a = np.ones(8, np.float32)
    compiled = en.compile(weighted, a)
    for _ in range(2):
        raw = en.runtime(device).execute(compiled, [a + 1], 32)
        assert (np.frombuffer(raw, np.float32) == a + 1 + 2 * WEIGHTS).all()
    assert (weighted.launch(a, device=device) == a + 2 * WEIGHTS).all()


@en.kernel
def add_transposed(R, Out):
    """The same memory as another argument, in two axes."""
    i = en.thread_position_in_grid
    Out[i] = Out[i] + R[i % 2, i // 2]


@pytest.mark.parametrize("device", DEVICES)
def test_another_shape_of_an_array_is_the_same_memory(device: str) -> None:
    @en.jit
    def both(A, Out):
        plus(A, en.from_array(A.array.reshape(8, 1).reshape(8)), Out).launch(grid=8, block=8)
        add_transposed(en.from_array(A.array.reshape(2, 4)), Out).launch(grid=8, block=8)

    a, out = np.arange(8, dtype=np.float32), np.zeros(8, np.float32)
    wanted = 2 * a + a.reshape(2, 4).T.reshape(-1)
    both.launch(a, out, device=device)
    assert (out == wanted).all()
    compiled = en.compile(both, a, out)
    assert compiled.launches[0].num_params == 2
    assert (np.frombuffer(en.runtime(device).execute(compiled, [a], 32), np.float32) == wanted).all()


def test_a_part_of_an_array_that_is_another_one_at_each_run_is_refused() -> None:
    @en.jit
    def halves_of(A, Out):
        for _ in range(2):
            plus(en.from_array(A.array[:4]), en.from_array(A.array[4:]), Out).launch(grid=4, block=4)

    a, out = np.arange(8, dtype=np.float32), np.zeros(4, np.float32)
    halves_of(a, out)
    assert out.tolist() == [4, 6, 8, 10]
    with pytest.raises(
        en.LaunchError, match="array is a part of the array A, which is another one whenever this is run"
    ):
        en.runtime().execute(en.compile(halves_of, a, out), [a], 16)


@pytest.mark.parametrize("device", DEVICES)
def test_arrays_in_lists_and_behind_stars_are_tensors(device: str) -> None:
    @en.jit
    def starred(*arrays, **more):
        plus(*arrays, **more).launch(grid=8, block=8)

    @en.jit
    def listed(arrays, more):
        plus(arrays[0], arrays[1], more["Out"]).launch(grid=8, block=8)

    a = np.ones(8, np.float32)
    for run in (lambda out: starred.launch(a, WEIGHTS, Out=out, device=device),
                lambda out: listed.launch([a, WEIGHTS], {"Out": out}, device=device)):  # fmt: skip
        out = np.zeros(8, np.float32)
        run(out)
        assert (out == a + WEIGHTS).all()


@en.kernel
def at_rows(A, Out):
    """Read by row and column."""
    i = en.thread_position_in_grid
    Out[i] = A[i // 6, i % 6]


@pytest.mark.parametrize("device", DEVICES)
def test_annotations_of_a_host_function_lay_arrays_out(device: str) -> None:
    @en.jit
    def by_columns(A: en.Tensor(en.f32, en.make_layout((4, 6))), Out):
        at_rows(A, Out).launch(grid=24)

    @en.jit
    def by_rows(A: en.f32[None, 6], Out):
        assert A.shape == (4, 6)
        at_rows(A, Out).launch(grid=24)

    a = np.arange(24, dtype=np.float32)
    for run, wanted in ((by_columns, a.reshape(6, 4).T.reshape(-1)), (by_rows, a)):
        out = np.zeros(24, np.float32)
        run.launch(a, out, device=device)
        assert (out == wanted).all()
    with pytest.raises(en.LaunchError, match=r"A has 8 elements, but it is annotated with the shape \(..., 6\)"):
        by_rows(WEIGHTS, out)
    with pytest.raises(en.EnigmaValueError, match=r"the layout \(4,6\):\(1,4\) reaches 24 elements, but A has 8"):
        by_columns(WEIGHTS, out)


@en.kernel
def fill_vectors(Out, In: en.f32x4):
    """Vectors: one of four components each."""
    i = en.thread_position_in_grid
    Out[i] = In[i] * 2.0


@pytest.mark.parametrize("device", DEVICES)
def test_vectors_go_in_and_come_back(device: str) -> None:
    @en.jit
    def run(A: en.f32x4):
        out, laid = en.empty(3, en.f32x4), en.empty(en.make_layout(3, 2), en.f32x4)
        fill_vectors(out, A).launch(grid=3, block=32)
        fill_vectors(laid, A).launch(grid=3, block=32)
        return out, laid

    a = np.arange(12, dtype=np.float32).reshape(3, 4)
    for given in (a, a.reshape(-1)):
        out, laid = run.launch(given, device=device)
        assert (out == a * 2).all()
        assert (laid == a * 2).all()


@pytest.mark.parametrize("device", DEVICES)
def test_numbers_of_a_single_launch_are_recorded_too(device: str) -> None:
    @en.jit
    def run(A, B, Out, n: en.Scalar[en.u32], factor: en.Scalar[en.f32]):
        axpy(A, B, Out, n, factor).launch(grid=n, block=8)

    a, b = np.arange(8, dtype=np.float32), np.zeros(8, np.float32)
    compiled = en.compile(run, a, b, np.zeros(8, np.float32), 8, np.float32(0.5))
    assert compiled.scalars == (8, 0.5)
    runtime = en.runtime(device)
    assert (np.frombuffer(runtime.execute(compiled, [a, b], 32), np.float32) == a / 2).all()
    few = np.frombuffer(runtime.execute(compiled, [a, b], 32, scalars=[3, 2.0]), np.float32)
    assert few.tolist() == [0, 2, 4, 0, 0, 0, 0, 0]


def test_what_a_sequence_updates_in_place_is_named() -> None:
    @en.jit
    def doubled(A):
        for _ in range(2):
            plus(A, A, A).launch(grid=8, block=8)

    a = np.ones(8, np.float32)
    compiled, runtime = en.compile(doubled, a), en.runtime()
    with pytest.raises(en.LaunchError, match="doubled writes its input A, and the array would not change"):
        runtime.execute(compiled, [a])
    with pytest.raises(en.LaunchError, match="inout has 'B', but the inputs of doubled are: A"):
        runtime.execute(compiled, [a], inout=["B"])
    assert (a == 1).all()
    assert runtime.execute(compiled, [a], inout=["A"]) is None
    assert (a == 4).all()
    with pytest.raises(en.LaunchError, match="launches with sizes and numbers of their own, but it got grid, scalars"):
        runtime.execute(compiled, [a], inout=["A"], grid=3, scalars=[1])
    with pytest.raises(
        en.LaunchError, match="doubled consists of several launches, and one kernel is prepared at a time"
    ):
        runtime.prepare(compiled, [a], inout=["A"])


@en.kernel
def shaped(A: en.f32[4, 6], Out: en.f32):
    """Annotated with a shape, and with no layout."""
    i = en.thread_position_in_grid
    Out[i] = A[i // 6, i % 6]


def test_a_tensor_that_lies_otherwise_than_annotated_is_refused() -> None:
    """It would be read in another order, without an error."""
    a, layouts = (
        np.arange(24, dtype=np.float32),
        {"rows": ((4, 6), (6, 1)), "columns": ((4, 6), (1, 4)), "flat": (24, 1)},
    )

    def run(which: str, part: Any = None) -> Any:
        out = np.zeros(24, np.float32)

        def body(A, Out):
            tensor = en.from_array(A.array, en.make_layout(*layouts[which]))
            if part is None:
                shaped(tensor, Out).launch(grid=24, block=24)
            else:
                shaped(A, tensor[part]).launch(grid=4, block=4)

        en.jit(body)(a, out)
        return out

    assert (run("rows") == a).all()
    assert (run("flat") == a).all()
    with pytest.raises(
        en.EnigmaTypeError, match=r"A is annotated with the layout \(4,6\):\(6,1\), but it is given a tensor"
    ):
        run("columns")
    with pytest.raises(en.EnigmaTypeError, match="Out is annotated with no layout, but it is given a tensor of layout"):
        run("rows", (None, 1))


def test_descriptions_of_one_buffer_agree() -> None:
    def compiled(first: Any, second: Any) -> str:
        def body(A, B):
            plus(A, A, B).launch(grid=8)

        with pytest.raises(en.EnigmaTypeError) as caught:
            en.compile(en.jit(body), first, second)
        return str(caught.value)

    def made(name: str, index: int, dtype: str = "float") -> Any:
        return en.Tensor(name, index, dtype, en.make_layout(8))

    assert "two tensors are named A, with the buffer_index 0 and 1" in compiled(made("A", 0), made("A", 1))
    assert "the tensors A and B both have the buffer_index 0" in compiled(made("A", 0), made("B", 0))
    assert "the buffer A is described as device float* and as device int*" in compiled(
        made("A", 0), made("A", 0, "int")
    )
    assert "the tensor A has the buffer_index -1" in compiled(made("A", -1), made("B", 0))


_FEW = np.zeros(4, np.float32)
MISTAKES: dict[str, tuple[Any, str]] = {
    "a jit function that is none": (lambda: en.jit(3), "@enigma.jit takes a function, but it got 3"),
    "no launch": (lambda: en.jit(lambda A: None)(np.zeros(4, np.float32)), "launched no kernel"),
    "too many arguments": (lambda: twice(1, 2, 3, 4, 5), "twice: too many positional arguments"),
    "another dtype": (lambda: by_layout(np.zeros(4, np.int32), _FEW, 1, 1), "a holds int32, but it is annotated f32"),
    "no dynamic number": (lambda: en.dynamic("7"), "dynamic takes a number, but it got '7'"),
    "no whole number": (lambda: en.dynamic(float("nan"), en.u32), "dynamic(nan) does not fit into u32"),
    "a number beyond all": (lambda: en.dynamic(float("inf"), en.i32), "dynamic(inf) does not fit into i32"),
    "a vector": (lambda: en.dynamic(1.0, en.f32x4), "dynamic(1.0) does not fit into f32x4"),
    "a dynamic number that does not fit": (lambda: en.dynamic(-1, en.u32), "dynamic(-1) does not fit into u32"),
    "an unknown dtype": (lambda: en.from_array(np.zeros(4, np.complex64)), "enigma has no dtype for arrays of complex64"),
    "an empty array": (lambda: en.from_array(np.zeros(0, np.float32)), "array is empty"),
    "an array with gaps": (lambda: en.from_array(np.zeros((4, 4), np.float32)[:, ::2]), "array is not contiguous"),
    "a layout that reaches too far": (lambda: en.from_array(_FEW, en.make_layout(5)), "reaches 5 elements, but array has 4"),
    "an extent of None": (lambda: en.empty((None, 4)), "the shape of new memory has None in it"),
}  # fmt: skip


@pytest.mark.parametrize("which", MISTAKES)
def test_mistakes_are_said(which: str) -> None:
    act, text = MISTAKES[which]
    with pytest.raises(en.EnigmaError) as caught:
        act()
    assert text in str(caught.value)


def _launched(body: Any, *args: Any) -> str:
    with pytest.raises(en.EnigmaError) as caught:
        en.jit(body)(*args)
    return str(caught.value)


def test_mistakes_of_a_launch_are_said_at_its_line() -> None:
    a = np.zeros(8, np.float32)

    @en.kernel
    def annotated(A: en.f32, n: en.Scalar[en.u32]):
        A[n] = 0

    def tensors_in_a_list(A):
        axpy([A], A, A, 1, 1).launch(grid=1)

    def no_tensor(A):
        annotated(3, 1).launch(grid=1)

    def wrong_dtype(A):
        annotated(en.empty(4, en.i32), 1).launch(grid=1)

    def missing(A):
        annotated(A).launch(grid=1)

    def no_array(A):
        annotated(en.Tensor("T", 0, "float", en.make_layout(4)), 1).launch(grid=1)

    def elsewhere(A):
        axpy(en.Tensor("T", 0, "float", en.make_layout(4), address_space="threadgroup"), A, A, 1, 1).launch(grid=1)

    def returned(A):
        annotated(A, 1).launch(grid=1)
        return en.Tensor("T", 0, "float", en.make_layout(4))

    def captured(A):
        axpy(A, WEIGHTS, A, 1, 1).launch(grid=1)

    def too_large(A):
        annotated(A, 1).launch(grid=1, block=4096)

    def no_size(A):
        annotated(A, 1).launch(grid=0)

    def nested(A):
        annotated(A, 1).launch(grid=1)
        return en.from_array(A.array, en.make_layout(((2, 2), 2)))

    wanted = {
        tensors_in_a_list: "kernel axpy: A is a list with tensors in it",
        no_tensor: "kernel annotated: A is a buffer, but it is given the literal 3",
        wrong_dtype: "kernel annotated: A is annotated f32, but it is given a tensor of i32",
        missing: "kernel annotated: missing a required argument: 'n'",
        no_array: "kernel annotated is to run on T, but there is no array for it",
        elsewhere: "the argument A is a tensor in threadgroup memory",
        returned: "T is returned, but there is no array for it",
        captured: "kernel axpy: B is given an array that is no tensor",
        too_large: "block is (4096, 1, 1), 4096 per threadgroup, but the limit is 1024",
        no_size: "grid is 0 along x, but it must be at least 1",
        nested: "a tensor of layout ((2,2),2):((1,2),4) is returned, which no array has",
    }
    for body, text in wanted.items():
        found = _launched(body, a)
        assert text in found
        assert "test_host_functions.py:" in found


def test_a_jit_function_cannot_be_called_in_a_kernel() -> None:
    @en.kernel
    def kernel(A: en.f32):
        twice(A, A, 3)

    with pytest.raises(en.EnigmaTypeError, match="the jit function twice is called inside of a kernel"):
        en.compile(kernel)


def test_wrong_counts_and_sizes_of_a_sequence() -> None:
    a = np.zeros(50, np.float32)
    compiled = en.compile(twice, a, a.copy(), 50)
    runtime = en.runtime()
    with pytest.raises(en.LaunchError, match=r"twice has 3 slots \(A, B, tensor\), but it got 1 inputs and 1 outputs"):
        runtime.execute(compiled, [a], 200)
    with pytest.raises(en.LaunchError, match="the output tensor cannot have 3 bytes"):
        runtime.execute(compiled, [a, a.copy()], 3)
    for wrong, options in (
        ("the output tensor cannot have 'x' bytes", {"output_size": "x"}),
        ("'x' in output_shapes is no shape", {"output_shapes": ["x"], "output_dtypes": [en.f32]}),
        ("'y' in output_dtypes is no dtype", {"output_shapes": [(50,)], "output_dtypes": ["y"]}),
        ("inputs must be a list of arrays", {"output_size": 200}),
    ):
        with pytest.raises(en.LaunchError, match=wrong):
            runtime.execute(compiled, np.zeros((2, 50), np.float32) if "inputs" in wrong else [a, a.copy()], **options)

    @en.jit
    def described(A):
        other = en.Tensor("T", 1, "float", en.make_layout(4))
        for _ in range(2):
            copy_tile(other, A).launch(grid=4)

    with pytest.raises(
        en.LaunchError, match="T is used by a launch, but the function neither was given it nor made it"
    ):
        runtime.execute(en.compile(described, a), [a], output_sizes=[], inout=["A"])
