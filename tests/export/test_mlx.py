"""`--to mlx`: the file is run, with a strict stand-in of `mx.fast.metal_kernel` that compiles and runs the text MLX would make."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.errors import EnigmaTypeError
from enigma.export.targets import mlx as target
from tests.export.kernels import CASES, f32, saxpy, smooth, speaks
from tests.msl.clang import clang_available

mx: Any = pytest.importorskip("mlx.core")
from tests.interop import fake_mlx  # noqa: E402 - needs MLX

pytestmark = pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")

RUN = (
    "smooth",
    "sums",
    "product",
    "fast_sine",
    "words",
    "copy f32",
    "copy bf16",
    "copy u64",
    "copy b1",
    "copy i8x3",
    "copy f16x4",
)


@en.kernel
def blend(  # type: ignore[no-untyped-def]
    x: en.f32, w: en.Constant[en.f32], gain: en.Scalar[en.f16], n: en.Scalar[en.i64], flip: en.Scalar[en.b1], out: en.f32,
    hits: en.u32,
):  # fmt: skip
    i = en.thread_position_in_grid
    if i.to(en.i64) < n:
        out[i] = -x[i] * w[i % 4] if flip else x[i] + gain.to(en.f32)
        hits.atomic_fetch_add(0, 1)


@pytest.fixture(autouse=True)
def kernels(monkeypatch: pytest.MonkeyPatch) -> list[fake_mlx.Kernel]:
    made: list[fake_mlx.Kernel] = []
    monkeypatch.setattr(mx.fast, "metal_kernel", lambda **k: made.append(fake_mlx.Kernel(**k)) or made[-1])
    monkeypatch.setattr(mx.metal, "is_available", lambda: True)
    return made


def loaded(folder: Path) -> Any:
    """Return the exported file as a module."""
    (path,) = folder.glob("*_mlx.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exported(name: str, tmp_path: Path) -> Any:
    case = CASES[name]
    bundle = case.bundle("cpu")
    if name in ("sums", "product"):
        fake_mlx.PROGRAMS[target.text(bundle).source] = target.specialised(bundle)
    arguments = {"grid": case.grid, "threads": case.threads, "constants": case.constants}
    return loaded(en.export(case.kernel, *case.arguments(), **arguments, to="mlx", path=tmp_path, device="cpu"))


def zeros(*, output_shapes: Any, output_dtypes: Any, **_: Any) -> Any:
    """Stand for a kernel that does nothing."""
    return [mx.zeros(shape, dtype=dtype) for shape, dtype in zip(output_shapes, output_dtypes, strict=True)]


@pytest.mark.parametrize("name", RUN)
def test_the_file_checks_itself(name: str, tmp_path: Path, kernels: list[fake_mlx.Kernel]) -> None:
    module = exported(name, tmp_path)
    module.check()
    assert [len(kernel.calls) for kernel in kernels] == [1]
    (path,) = (tmp_path / "vectors").glob("*.expected.bin")
    data = bytearray(path.read_bytes())
    data[-1] ^= 0x41  # the byte with a float's sign
    path.write_bytes(data)
    module.__dict__["_kernel"] = lambda: zeros
    with pytest.raises(AssertionError):
        module.check()


def test_the_function_runs_on_arrays(tmp_path: Path) -> None:
    case = (f32(40), f32(4), 0.5, 33, True, np.full(40, 7, np.float32), np.zeros(1, np.uint32))
    folder = en.export(blend, *case, grid=40, threads=8, to="mlx", path=tmp_path, device="cpu")
    expected = np.frombuffer((folder / "vectors" / "5-out.expected.bin").read_bytes(), np.float32)
    assert (expected[33:] == 0).all()  # not 7: an output is zero at first
    module = loaded(folder)
    fake_mlx.PROGRAMS[module.SOURCE] = en.compile(blend, emit_only=True).program
    module.check()
    x, w = mx.array(f32(5)), mx.array(f32(4))
    out, hits = module.blend(x, w, mx.array(0.25, mx.float16), 5, False, out_shape=(5, 1), hits_shape=1, grid=5)
    assert mx.array_equal(out.reshape(-1), x + 0.25).item() and hits.tolist() == [5] and out.shape == (5, 1)
    shapes: Any = {"out_shape": 5, "hits_shape": 1, "grid": 5}
    for wrong, said in [
        ((x.astype(mx.float16), w, 1.0, 5, True), "x must be an array of mlx.core.float32, but it is mlx.core.float16"),
        ((np.zeros(5), w, 1.0, 5, True), "x must be an array of mlx.core.float32, but it is float64"),
        ((x[:0], w, 1.0, 5, True), "x has 0 numbers, but the kernel wants a multiple of 1 numbers, 1 or more"),
        ((x, w, x, 5, True), "gain must be a number of mlx.core.float16, but it is an array of mlx.core.float32"),
        ((x, w, 1.0, 1 << 63, True), "n is 9223372036854775808, but it must be from -9223372036854775808 to"),
        ((x, w, 1.0, 5, 2), "flip is 2, but it must be from 0 to 1"),
    ]:
        with pytest.raises(ValueError, match=re.escape(said)):
            module.blend(*wrong, **shapes)
    for sizes, said in [
        ({"grid": 0}, "grid must be an int"), ({"threads": (1, 2, 3, 4)}, "threads must be an int"),
        ({"threads": 2048}, "threads is 2048, 2048 in all, but a threadgroup has 1024 at most"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=said):
            module.blend(x, w, 1.0, 5, True, **{**shapes, **sizes})


def test_matrices_need_whole_simdgroups(tmp_path: Path) -> None:
    module = exported("product", tmp_path)
    a = mx.array(f32(64))
    for grid, threads in ((32, 64), (96, 64)):  # a partial threadgroup may have whole simdgroups
        assert module.product(a, a, c_shape=64, grid=grid, threads=threads).shape == (64,)
    for grid, threads in ((33, 32), (100, 64), ((32, 3), (16, 2))):
        with pytest.raises(ValueError, match="every threadgroup needs a multiple of 32 threads"):
            module.product(a, a, c_shape=64, grid=grid, threads=threads)


@pytest.mark.parametrize("to", ["mlx", "torch"])
def test_arrays_without_axes_are_buffers_of_one_element(to: str, tmp_path: Path) -> None:
    @en.kernel
    def doubled(A: en.f32, Out: en.f32):
        Out[0] = A[0] * 2

    folder = en.export(doubled, np.full((), 3, np.float32), np.ones((), np.float32), grid=1, to=to, path=tmp_path)
    assert np.fromfile(next((folder / "vectors").glob("*.expected.bin")), np.float32).tolist() == [6]


def test_an_array_without_axes_that_is_updated_is_refused(tmp_path: Path) -> None:
    @en.kernel
    def up(A: en.f32):
        A[0] = A[0] + 1

    with pytest.raises(EnigmaTypeError, match="it updates its parameter A"):
        en.export(up, np.ones((), np.float32), grid=1, to="mlx", path=tmp_path)


def test_a_file_reads_as_written_by_hand(golden: Any, tmp_path: Path) -> None:
    x = np.arange(4, dtype=np.float32)
    folder = en.export(smooth, x, x * 0, grid=4, constants={"gain": 2}, to="mlx", path=tmp_path)
    golden(re.sub(r"kernels\.py:\d+", "kernels.py:30", (folder / "smooth_mlx.py").read_text()), "smooth", "txt")


def test_it_runs_as_a_program_where_there_is_a_gpu(tmp_path: Path) -> None:
    x = f32(4)
    folder = en.export(smooth, x, x * 0, grid=4, constants={"gain": 2}, to="mlx", path=tmp_path)
    done = subprocess.run([sys.executable, folder / "smooth_mlx.py"], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        assert done.stdout == "smooth: the reference launch agrees\n"
    else:
        assert (done.returncode, done.stderr) == (
            1, "smooth: MLX has no GPU with Metal here; it needs a Mac with an Apple GPU\n",
        )  # fmt: skip


@en.kernel
def silent(x: en.f32):
    en.barrier()


def test_what_mlx_cannot_run_is_refused(tmp_path: Path) -> None:
    x = f32(4)
    cases: list[tuple[Any, Any, Any, str]] = [
        (saxpy, (x, x.copy(), 2.0, 4), 4, "it updates its parameter y, and arrays of MLX never change"),
        (speaks, (x,), 4, "kernel speaks prints or asserts, and what mlx exports reads no log"),
        (silent, (x,), 4, "cannot be exported to mlx: it writes nothing"),
    ]
    for name, said in (
        ("halve", "cannot be exported to mlx: its parameter image is a texture"),
        ("shade", "cannot be exported to mlx: its parameter view is a struct"),
        ("fenced", "threadgroups of kernel fenced wait for what others wrote"),
    ):
        cases.append((CASES[name].kernel, CASES[name].arguments(), CASES[name].grid, said))
    for kernel, arguments, grid, said in cases:
        with pytest.raises(EnigmaTypeError, match=re.escape(said)):
            en.export(kernel, *arguments, grid=grid, to="mlx", path=tmp_path, device="cpu")
    assert not list(tmp_path.iterdir())
