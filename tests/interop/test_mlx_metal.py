"""Kernels as `mx.fast.metal_kernel` takes them: the text that MLX writes around them is legal Metal and computes what they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from enigma.errors import EnigmaTypeError, LaunchError
from tests.msl.clang import clang_available
from tests.unit.runtime.launched import message

mx: Any = pytest.importorskip("mlx.core")
from enigma.interop import as_array, mlx  # noqa: E402 - needs MLX
from tests.interop import fake_mlx  # noqa: E402 - likewise

needs_clang = pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")


@en.kernel
def saxpy(X: en.f32, Y: en.f32, a: en.Scalar(en.f32), Out: en.f32):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    Out[i] = X[i] * a + Y[i]


@en.kernel
def mixed(
    H: en.f16, B: en.bf16, L: en.i64, U: en.u8, M: en.b1, n: en.Scalar(en.u32), flip: en.Scalar(en.b1), k: en.Scalar(en.i64),  # type: ignore[valid-type]
    Out: en.f32, Big: en.i64, Half: en.bf16,
):  # fmt: skip
    i = en.thread_position_in_grid
    if i < n:
        Out[i] = en.f32(H[i]) + en.f32(B[i]) if M[i] and flip else en.f32(U[i])
        Big[i] = L[i] * k
        Half[i] = B[i]


@en.kernel
def vectors(A: en.f32x4, B: en.f32x3, C: en.f32x2, Table: en.Constant(en.f32), Out: en.f32x4, Dots: en.f32):  # type: ignore[valid-type]
    i = en.thread_position_in_grid
    t = Table.load(0, 4)
    Out[i] = A[i] * t + en.f32x4(B[i].x, B[i].y, C[i].x, C[i].y)
    Dots[i] = en.dot(B[i], B[i])


@en.kernel
def named(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    A_shape = A[i] * 2
    grid_size = A_shape + 1
    threads_per_grid = en.sin(grid_size)
    thread_index_in_simdgroup = threads_per_grid * A_shape
    Out[i] = thread_index_in_simdgroup + threads_per_grid + grid_size


@en.kernel
def positions(A: en.u32, Out: en.u32):
    x, y = en.thread_position_in_grid_xyz("x"), en.thread_position_in_grid_xyz("y")
    i = y * en.threads_per_grid("x") + x
    within, group = en.thread_position_in_threadgroup("y"), en.threadgroup_position_in_grid("x")
    Out[i] = A[i] + within + 10 * group + 100 * en.grid_size("y") + 1000 * en.threads_per_threadgroup("x")


@en.kernel
def counted(A: en.u32, Counts: en.u32):
    en.atomic_fetch_add(Counts, A[en.thread_position_in_grid] % 4, 1)


@en.kernel
def reversed_blocks(A: en.f32, Out: en.f32):
    t = en.thread_index_in_threadgroup()
    tile = en.threadgroup_alloc(en.f32, 64)
    tile[t] = A[en.thread_position_in_grid]
    en.barrier()
    Out[en.thread_position_in_grid] = en.simd_sum(tile[63 - t])


def arrays(n: int) -> dict[str, np.ndarray[Any, Any]]:
    ramp = np.arange(n)
    return {
        "H": ramp.astype(np.float16) / 2, "B": ramp.astype(ml_dtypes.bfloat16), "L": ramp.astype(np.int64) * (1 << 40),
        "U": ramp.astype(np.uint8), "M": ramp % 3 == 0,
    }  # fmt: skip


def given(*values: Any) -> list[Any]:
    """Return arrays as those of MLX, numbers as they are."""
    return [mlx.to_mlx(x) if isinstance(x, np.ndarray) else x for x in values]


CASES: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "saxpy": (saxpy, {}, lambda n: [np.arange(n, dtype=np.float32), np.ones(n, np.float32), 2.5]),
    "mixed": (mixed, {"shapes": lambda *x: [x[0].shape] * 3}, lambda n: [*arrays(n).values(), n, True, -3]),
    "vectors": (vectors, {"shapes": lambda a, *x: {"Out": a.shape, "Dots": a.shape[:1]}}, lambda n: [
        np.arange(4 * n, dtype=np.float32).reshape(n, 4), np.arange(3 * n, dtype=np.float32).reshape(n, 3),
        np.ones((n, 2), np.float32), np.arange(4, dtype=np.float32)]),
    "named": (named, {}, lambda n: [np.linspace(0, 1, n, dtype=np.float32)]),
    "positions": (positions, {"shapes": lambda a: (3, a.size // 3), "grid": lambda a: (a.size // 3, 3), "threads": (1, 2)},
        lambda n: [np.arange(3 * n, dtype=np.uint32)]),
}  # fmt: skip


def ours(op: Any, values: list[Any]) -> list[Any]:
    """Return what the CPU computes, as NumPy arrays."""
    found = op(*given(*values), stream=mx.cpu)
    return [as_array(x) for x in (found if isinstance(found, tuple) else (found,))]


def real(capfd: Any, monkeypatch: Any, tmp_path: Path, op: Any, values: list[Any]) -> str:
    """Return the whole text that MLX makes of an operation called with these values."""
    whole = given(*values)
    places = [k for k, x in enumerate(whole) if isinstance(x, mx.array)]

    def call(*xs: Any) -> Any:
        mine = list(whole)
        for k, x in zip(places, xs, strict=True):
            mine[k] = x
        return op(*mine, stream=mx.gpu)

    (text,) = fake_mlx.real_text(capfd, monkeypatch, tmp_path, call, *(whole[k] for k in places))
    return text


@needs_clang
@pytest.mark.parametrize("case", CASES)
def test_the_text_that_mlx_makes_computes_what_the_cpu_does(
    case: str, capfd: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kernel, options, make = CASES[case]
    op = mlx.as_op(kernel, **options)
    for n in (3, 33) if case in ("saxpy", "vectors") else (33,):  # fewer than eight elements are passed otherwise
        values = make(n)
        want = ours(op, values)
        made: list[fake_mlx.Kernel] = []
        with monkeypatch.context() as patch:
            text = real(capfd, patch, tmp_path, op, values)
        op.__dict__.pop("_kernel", None)
        with monkeypatch.context() as patch:
            patch.setattr(mx.metal, "is_available", lambda: True)
            patch.setattr(mx.fast, "metal_kernel", lambda made=made, **k: made.append(fake_mlx.Kernel(**k)) or made[-1])
            found = op(*given(*values), stream=mx.gpu)
        op.__dict__.pop("_kernel", None)
        assert made[0].calls == [text]
        for x, wanted in zip(found if isinstance(found, tuple) else (found,), want, strict=True):
            assert np.array_equal(
                as_array(x).view(f"u{wanted.itemsize}"), wanted.view(f"u{wanted.itemsize}")
            ) or np.allclose(as_array(x), wanted, rtol=1e-6)


@needs_clang
@pytest.mark.parametrize("kernel", [counted, reversed_blocks])
def test_kernels_whose_threads_talk_are_legal_metal(
    kernel: Any, capfd: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    values = [np.arange(64, dtype=np.uint32 if kernel is counted else np.float32)]
    op = mlx.as_op(kernel, threads=64, shapes=4 if kernel is counted else None, grid=64)
    text = real(capfd, monkeypatch, tmp_path, op, values)
    fake_mlx.check.assert_legal(fake_mlx.plain(text))
    assert ours(op, values)[0].tolist()[:4] == ([16] * 4 if kernel is counted else [1520.0] * 4)


def test_the_body_reads_as_written_by_hand(golden: Any) -> None:
    text = mlx.as_op(reversed_blocks).text
    golden(f"{text.header}\n{text.source}", "reversed_blocks")


def test_nothing_more_is_declared_than_what_is_used() -> None:
    text = mlx.as_op(named).text
    assert "A_shape" not in text.source and "grid_size" not in text.source
    assert text.source.count("thread_position_in_grid") == 1 and "thread_index_in_simdgroup" not in text.source


def test_another_kernel_has_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(factor: int) -> Any:
        @en.kernel
        def times(A: en.f32, Out: en.f32):
            i = en.thread_position_in_grid
            Out[i] = A[i] * factor

        return times

    names: list[str] = []
    monkeypatch.setattr(mx.fast, "metal_kernel", lambda **k: names.append(k["name"]))
    for factor in (2, 3, 2):
        op = mlx.as_op(make(factor))
        mlx.metal_kernel(op.operation.program, op.text)
    assert names[0] == names[2] != names[1] and all(name.startswith("times_") for name in names)
    assert mlx.as_op(saxpy).text.unique("größe").startswith("gr__e_")


def test_fast_math_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    @en.kernel(math="fast")
    def quick(A: en.f32, Out: en.f32):
        Out[en.thread_position_in_grid] = en.exp(A[en.thread_position_in_grid])

    asked: list[Any] = []
    monkeypatch.setattr(mx.fast, "metal_kernel", lambda **k: asked.append(k.get("compile_options")))
    for kernel in (quick, saxpy):
        op = mlx.as_op(kernel)
        mlx.metal_kernel(op.operation.program, op.text)
    assert asked == [{"math_mode": "fast"}, None]


def test_mlx_compiles_exports_and_derives_an_operation(
    capfd: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On Metal an operation is a node of MLX's graph: MLX traces it here, without running it."""
    op = mlx.as_op(saxpy)
    x = mx.zeros((4, 8))
    for function in (
        mx.compile(lambda x: op(x, x, 2.0, stream=mx.gpu)),
        lambda x: op.vmap()(x, x, 2.0, stream=mx.gpu),
        lambda x: op(x.T, mx.exp(x).T, x.sum(), stream=mx.gpu),
    ):
        with monkeypatch.context() as patch:
            assert fake_mlx.real_text(capfd, patch, tmp_path, function, x)
        op.__dict__.pop("_kernel", None)


@en.kernel
def prints(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    en.print(i)
    Out[i] = A[i]


def test_what_mlx_cannot_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "kernel prints prints or asserts, and MLX would drop what it says" in message(
        lambda: mlx.as_op(prints).text, EnigmaTypeError
    )
    monkeypatch.setattr(mx.metal, "is_available", lambda: True)
    monkeypatch.setattr(mx.fast, "metal_kernel", lambda **k: None)

    @en.kernel
    def shaped(A: en.f32[4, 4], Out: en.f32):  # type: ignore[valid-type]
        Out[en.thread_position_in_grid] = A[0, 0]

    assert "A has 12 elements, but it is annotated with the shape (4, 4)" in message(
        lambda: mlx.as_op(shaped)(mx.zeros((3, 4)), stream=mx.gpu), LaunchError
    )
    assert "X has 0 numbers, but an element, f32, is 1 of them, and one is needed" in message(
        lambda: mlx.as_op(saxpy, shapes=4, grid=4)(mx.zeros((0,)), mx.zeros((4,)), 1.0, stream=mx.gpu), LaunchError
    )
