"""`execute` on the runtimes that every machine has: what goes in, what comes out, what is refused."""

from __future__ import annotations

import array
import doctest
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma
from enigma.runtime import base
from enigma.runtime.base import Runtime
from tests.device.runtimes import RUNTIMES
from tests.unit.runtime.launched import add, add_one_u8, both, double_bf16, message, numbers, positions, saxpy, swap

N = 70
A = np.arange(N, dtype=np.float32)
B = np.full(N, 0.5, np.float32)


@pytest.fixture(params=RUNTIMES)
def rt(request: pytest.FixtureRequest) -> Runtime:
    """Each runtime; Metal's is on a stand-in where this is no Mac."""
    return RUNTIMES[request.param]()


SIZES = {"grid": (N, 1, 1), "threads": (32, 1, 1)}


def test_one_output_in_bytes_comes_back_as_bytes(rt: Runtime) -> None:
    raw = rt.execute(enigma.compile(add), [A, B], N * 4, **SIZES)
    assert type(raw) is bytes
    assert np.array_equal(np.frombuffer(raw, np.float32), A + B)


def test_grid_and_threads_may_follow_the_size(rt: Runtime) -> None:
    raw = rt.execute(enigma.compile(add), [A, B], N * 4, (N, 1, 1), (32, 1, 1))
    assert np.array_equal(np.frombuffer(raw, np.float32), A + B)


def test_sizes_give_a_list_even_for_one_output(rt: Runtime) -> None:
    (raw,) = rt.execute(enigma.compile(add), [A, B], output_sizes=[N * 4], **SIZES)
    assert np.array_equal(np.frombuffer(raw, np.float32), A + B)


def test_several_outputs_come_in_slot_order(rt: Runtime) -> None:
    a = np.arange(N, dtype=np.int32)
    total, product = rt.execute(enigma.compile(both), [a], output_sizes=[N * 4, N * 8], scalars=[-7], **SIZES)
    assert np.array_equal(np.frombuffer(total, np.int32), a - 7)
    assert np.array_equal(np.frombuffer(product, np.int64), a.astype(np.int64) * -7)


def test_shapes_and_dtypes_give_arrays(rt: Runtime) -> None:
    a = np.arange(N, dtype=np.int32).reshape(7, 10)
    total, product = rt.execute(
        enigma.compile(both), [a], scalars=[3], output_shapes=[(7, 10), N], output_dtypes=[np.int32, enigma.i64], **SIZES
    )  # fmt: skip
    assert np.array_equal(total, a + 3)
    assert np.array_equal(product, a.reshape(-1).astype(np.int64) * 3)


def test_one_shape_gives_one_array(rt: Runtime) -> None:
    out = rt.execute(enigma.compile(add), [A, B], output_shapes=[(N,)], output_dtypes=["float32"], **SIZES)
    assert np.array_equal(out, A + B)


@pytest.mark.parametrize("scalars", [[50, 2.0], (np.uint32(50), np.float32(2)), {"a": 2, "n": 50}])
def test_an_input_named_in_inout_is_updated_in_place(rt: Runtime, scalars: Any) -> None:
    y = np.ones(N, np.float32)
    assert rt.execute(enigma.compile(saxpy), [A, y], scalars=scalars, inout=["Y"], **SIZES) is None
    expected = np.ones(N, np.float32)
    expected[:50] += 2 * A[:50]
    assert np.array_equal(y, expected)


def test_inout_takes_the_index_of_an_input_too(rt: Runtime) -> None:
    a, b = np.arange(N, dtype=np.int32), np.arange(N, dtype=np.int32)[::-1].copy()
    rt.execute(enigma.compile(swap), [a, b], inout=[0, "B"], **SIZES)
    assert np.array_equal(a, np.arange(N)[::-1])
    assert np.array_equal(b, np.arange(N))


def test_bf16_goes_in_and_out(rt: Runtime) -> None:
    a = np.arange(N).astype(ml_dtypes.bfloat16)
    raw = rt.execute(enigma.compile(double_bf16), [a], N * 2, **SIZES)
    assert np.array_equal(np.frombuffer(raw, ml_dtypes.bfloat16), a + a)


@pytest.mark.parametrize("made", [bytes, bytearray, memoryview, lambda raw: array.array("B", raw)])
def test_buffers_of_bytes_are_inputs(rt: Runtime, made: Any) -> None:
    raw = bytes(range(N))
    assert rt.execute(enigma.compile(add_one_u8), [made(raw)], N, **SIZES) == bytes(range(1, N + 1))


def test_the_bytes_of_one_run_are_the_input_of_the_next(rt: Runtime) -> None:
    compiled = enigma.compile(add)
    raw = rt.execute(compiled, [A, B], N * 4, **SIZES)
    again = rt.execute(compiled, [raw, B], N * 4, **SIZES)
    assert np.array_equal(np.frombuffer(again, np.float32), A + B + B)


@pytest.mark.parametrize("flag", [True, False, np.bool_(True), 0])
def test_small_scalars_arrive(rt: Runtime, flag: Any) -> None:
    raw = rt.execute(enigma.compile(numbers), [], 4, scalars=[-128, flag, 0.5], grid=1, threads=1)
    assert np.frombuffer(raw, np.float32).tolist() == [-128.0 if flag else 0.5]


@pytest.mark.parametrize(
    ("grid", "threads"), [((5, 3, 2), (2, 2, 2)), ((33, 2, 1), (32, 1, 1)), ((7, 1, 5), (3, 1, 4))]
)
def test_partial_threadgroups_reach_every_position_once(rt: Runtime, grid: Any, threads: Any) -> None:
    w, h, d = grid
    out = rt.execute(
        enigma.compile(positions), [], output_shapes=[(d, h, w)], output_dtypes=[np.uint32], scalars=[w, h], grid=grid,
        threads=threads,
    )  # fmt: skip
    z, y, x = np.mgrid[:d, :h, :w]
    assert np.array_equal(out, x + 10 * y + 100 * z)


def test_outputs_start_at_zero(rt: Runtime) -> None:
    raw = rt.execute(enigma.compile(add), [A, B], N * 4, grid=10, threads=5)
    assert not np.frombuffer(raw, np.float32)[10:].any()


COUNTS = (
    "kernel both has 3 buffers and 1 scalars (A, k, Sum, Product), but it got {} inputs and {} outputs\n"
    "  help: inputs come in slot order, Scalars are passed as scalars=[...], the remaining buffers are outputs"
)
IN_BYTES = "\n  help: sizes count bytes: elements times the size of one"
IN = np.zeros(4, np.int32)


def given(**arguments: Any) -> dict[str, Any]:
    return arguments


GIVEN: list[tuple[dict[str, Any], str]] = [
    (given(inputs=[IN], output_size=16, scalars=[1]), COUNTS.format(1, 1)),
    (given(inputs=[IN], output_sizes=[16, 32, 8], scalars=[1]), COUNTS.format(1, 3)),
    (given(inputs=[], output_sizes=[16], scalars=[1]), COUNTS.format(0, 1)),
    (
        given(inputs=[IN], output_sizes=[16, 32]),
        "kernel both has 1 scalars (k), but it got 0\n  help: pass them in order: scalars=[...]",
    ),
    (
        given(inputs=[IN], output_sizes=[16, 32], scalars={"j": 1}),
        "kernel both has the scalars k, but it got j\n  help: name each of them once: scalars={...}",
    ),
    (
        given(inputs=[IN], output_sizes=[16, 32], scalars=5),
        "scalars must be a list or a mapping, but it is 5\n  help: write scalars=[5]",
    ),
    (
        given(inputs=[IN]),
        "no output was asked for from kernel both\n  help: give output_size=, output_sizes=, or output_shapes= with "
        "output_dtypes=, or name updated inputs in inout=",
    ),
    (
        given(inputs=[IN], output_sizes=[15, 32], scalars=[1]),
        "the output Sum cannot have 15 bytes: its elements, i32, have 4" + IN_BYTES,
    ),
    (
        given(inputs=[IN], output_sizes=[16, 0], scalars=[1]),
        "the output Product cannot have 0 bytes: its elements, i64, have 8" + IN_BYTES,
    ),
    (
        given(inputs=[IN], output_sizes=[16.0, 32], scalars=[1]),
        "the output Sum cannot have 16.0 bytes: its elements, i32, have 4" + IN_BYTES,
    ),
    (
        given(inputs=[IN], output_size=16, output_sizes=[16, 32], scalars=[1]),
        "output_size and output_sizes were both given\n  help: say the outputs in one way",
    ),
    (
        given(inputs=[IN], output_shapes=[4, 4], scalars=[1]),
        "output_shapes and output_dtypes must be given together, one of each per output\n"
        "  help: for example output_shapes=[(n,)], output_dtypes=[np.float32]",
    ),
    (
        given(inputs=[IN], output_shapes=[4, 4], output_dtypes=[np.int32], scalars=[1]),
        "output_shapes and output_dtypes must be given together, one of each per output\n"
        "  help: for example output_shapes=[(n,)], output_dtypes=[np.float32]",
    ),
    (
        given(inputs=[IN], output_shapes=[4, 4], output_dtypes=["int32", "nothing"], scalars=[1]),
        "'nothing' in output_dtypes is no dtype\n  help: pass a NumPy dtype or enigma.f32",
    ),
    (
        given(inputs=[IN], output_shapes=[4, (-1,)], output_dtypes=[np.int32, np.int64], scalars=[1]),
        "(-1,) in output_shapes is no shape\n  help: a shape is a positive int or a tuple of them",
    ),
    (
        given(inputs=[IN], output_shapes=[4, 4], output_dtypes=[np.int32, np.int32], scalars=[1]),
        "Product holds int32, but the kernel's parameter is i64 (int64)\n  help: convert it: Product.astype(np.int64)",
    ),
    (
        given(inputs=IN, output_sizes=[16, 32], scalars=[1]),
        "inputs must be a list of arrays, but it is a ndarray\n  help: write [a, b]",
    ),
    (
        given(inputs=5, output_sizes=[16, 32], scalars=[1]),
        "inputs must be a list of arrays, but it is a int\n  help: write [a, b]",
    ),
    (
        given(inputs=[IN], output_sizes=[16, 32], scalars=[1], constants={0: ("float", 1.0)}),
        "kernel both has no function constants, but constants={0: ('float', 1.0)} was given\n  help: leave constants= out",
    ),
]


@pytest.mark.parametrize(("arguments", "text"), GIVEN, ids=range(len(GIVEN)))
def test_what_does_not_fit_is_said_exactly(arguments: dict[str, Any], text: str) -> None:
    compiled, rt = enigma.compile(both), enigma.SimRuntime()
    assert message(lambda: rt.execute(compiled, **arguments, grid=4, threads=4)) == text


def test_an_input_that_is_written_must_be_named() -> None:
    compiled, rt = enigma.compile(swap), enigma.SimRuntime()
    a, b = np.zeros(4, np.int32), np.zeros(4, np.int32)
    with pytest.raises(enigma.LaunchError) as caught:
        rt.execute(compiled, [a, b], inout=["A"], grid=4, threads=4)
    assert caught.value.message == "the kernel writes its input B, and the array would not change"
    assert caught.value.help == "pass inout=['B'] to update the array in place, or make it an output"
    assert "launched.py:" in str(caught.value)


def test_inout_names_inputs_only() -> None:
    compiled, rt = enigma.compile(add), enigma.SimRuntime()
    assert message(lambda: rt.execute(compiled, [A, B], N * 4, inout=["C", 2, 1.5], grid=N, threads=N)) == (
        "inout has 'C', but the inputs of kernel add are: A, B\n"
        "inout has 2, but the inputs of kernel add are: A, B\n"
        "inout has 1.5, but the inputs of kernel add are: A, B"
    )


def test_mistakes_of_size_count_and_scalars_are_said_together() -> None:
    compiled, rt = enigma.compile(both), enigma.SimRuntime()
    text = message(lambda: rt.execute(compiled, [IN, IN], output_sizes=[16, 32], grid=0, threads=2000))
    complaints = [line for line in text.splitlines() if not line.startswith("  help")]
    assert complaints == [
        "grid is 0 along x, but it must be at least 1",
        COUNTS.format(2, 2).splitlines()[0],
        "kernel both has 1 scalars (k), but it got 0",
    ]


def test_a_kernel_without_scalars_takes_none() -> None:
    compiled, rt = enigma.compile(add), enigma.SimRuntime()
    assert message(lambda: rt.execute(compiled, [A, B], N * 4, scalars=[1], grid=N, threads=N)) == (
        "kernel add has 0 scalars (none), but it got 1\n  help: leave scalars= out"
    )
    assert message(lambda: rt.execute(compiled, [A, B], N * 4, scalars={"n": 1}, grid=N, threads=N)) == (
        "kernel add has the scalars none, but it got n\n  help: name each of them once: scalars={...}"
    )


def test_the_output_may_not_share_memory_with_an_input_in_place() -> None:
    compiled, rt = enigma.compile(saxpy), enigma.SimRuntime()
    x = np.zeros(8, np.float32)
    assert message(lambda: rt.execute(compiled, [x, x], scalars=[8, 1.0], inout=["Y"], grid=8, threads=8)).startswith(
        "X and Y share memory, and the kernel writes Y\n"
    )


def test_a_runtime_that_cannot_bind_says_so() -> None:
    with pytest.raises(NotImplementedError):
        Runtime().execute(enigma.compile(add), [A, B], N * 4, **SIZES)


def test_the_examples_in_the_docstrings_hold() -> None:
    result = doctest.testmod(base)
    assert result.attempted >= 5
    assert result.failed == 0
