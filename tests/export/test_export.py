"""`enigma.export`: what every folder holds, whatever it is for: the reference launch, the reflection, a README; every mistake."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import enigma as en
from enigma.export.reflection import reflection
from enigma.export.table import TARGETS
from enigma.export.vectors import vector_files
from tests.export.kernels import BUFFERS, CASES, Case, View, f32, saxpy, shade, smooth, speaks, sums
from tests.unit.runtime.stand_in import put_on_path

DOCS = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")


def read(folder: Path, entry: dict[str, Any], array: dict[str, Any]) -> Any:
    """Return an array of a folder, its size and hash checked."""
    data = (folder / entry["file"]).read_bytes()
    assert len(data) == entry["bytes"]
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    kind = ml_dtypes.bfloat16 if array["numpy"] == "bfloat16" else array["numpy"]
    return np.frombuffer(data, np.dtype(kind)).reshape(array["shape"])


def test_a_folder_holds_the_launch_before_and_after(tmp_path: Path) -> None:
    x, y = f32(1001), f32(1001) + 1
    kept = y.copy()
    folder = en.export(saxpy, x, y, 2.5, 990, grid=1024, threads=64, to="msl", path=tmp_path / "a" / "saxpy")
    assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*.*")) == [
        "README.md", "saxpy.json", "saxpy.metal", "vectors/0-x.input.bin", "vectors/1-y.expected.bin", "vectors/1-y.input.bin",
    ]  # fmt: skip
    about = json.loads((folder / "saxpy.json").read_text())
    reads, writes, a, n = about["reference"]["parameters"]
    assert np.array_equal(read(folder, reads["input"], reads), x)
    assert np.array_equal(read(folder, writes["input"], writes), kept)
    assert "expected" not in reads
    expected = np.where(np.arange(1001) < 990, np.float32(2.5) * x + kept, kept)
    assert np.allclose(read(folder, writes["expected"], writes), expected, rtol=1e-6)
    assert np.array_equal(y, kept)  # the launch ran on copies
    assert (a["value"], a["bytes"], n["value"], n["bytes"]) == (2.5, struct.pack("<f", 2.5).hex(), 990, "de030000")
    assert about["reference"]["grid"] == [1024, 1, 1]
    assert about["reference"]["threads"] == [64, 1, 1]
    assert (folder / "saxpy.metal").read_text() == en.compile(saxpy, emit_only=True).metal_source


@pytest.mark.parametrize("dtype", BUFFERS, ids=str)
def test_arrays_of_every_dtype_are_their_bytes(dtype: Any) -> None:
    case = CASES[f"copy {dtype.name}"]
    src, dst = case.arguments()
    bundle = case.bundle("cpu")
    files = vector_files(bundle)
    assert files == {
        "vectors/0-src.input.bin": src.tobytes(), "vectors/1-dst.input.bin": dst.tobytes(),
        "vectors/1-dst.expected.bin": src.tobytes(),
    }  # fmt: skip
    about = reflection(bundle)["parameters"][0]
    packed = "packed_" if dtype.lanes == 3 else ""
    assert about["metal"] == f"{packed}{dtype.metal_name}"
    assert about["size"] * 33 == src.nbytes
    assert re.search(rf"\b{about['metal']}\* src", bundle.metal)


def test_a_struct_is_laid_out_as_c_does() -> None:
    view = reflection(CASES["shade"].bundle())["parameters"][0]
    assert (view["kind"], view["type"], view["size"], view["alignment"]) == ("struct", "View", 24, 8)
    assert [(field["name"], field["offset"], field["size"]) for field in view["fields"]] == [
        ("flip", 0, 1), ("zoom", 4, 4), ("offset", 8, 8), ("shift", 16, 2),
    ]  # fmt: skip
    passed = reflection(CASES["shade"].bundle())["reference"]["parameters"][0]
    assert passed["value"] == {"flip": True, "zoom": 0.5, "offset": 1 << 40, "shift": -3}
    assert bytes.fromhex(passed["bytes"]) == struct.pack("@?fQh6x", True, 0.5, 1 << 40, -3)


def test_what_a_kernel_does_with_its_memory() -> None:
    access = {
        name: [each.get("access") for each in reflection(CASES[name].bundle("cpu"))["parameters"]]
        for name in ("saxpy", "table", "sums", "product", "halve", "volume")
    }
    assert access == {
        "saxpy": ["read", "read_write", None, None],
        "table": ["read", "read_write", "read_write"],
        "sums": ["read", "write"],
        "product": ["read", "read", "write"],
        "halve": ["read", "write", "read", "write"],
        "volume": ["read", "read", "read_write"],
    }


def test_what_a_kernel_needs() -> None:
    made = {
        name: reflection(CASES[name].bundle("cpu"))
        for name in ("sums", "product", "fast_sine", "table", "smooth", "halve")
    }
    assert made["sums"]["threadgroup"] == {"memory": 256, "max_threads": 1024, "multiple_of": 1}
    assert made["sums"]["attributes"] == [
        "thread_index_in_threadgroup", "thread_position_in_grid", "threadgroup_position_in_grid",
    ]  # fmt: skip
    assert made["product"]["threadgroup"] == {"memory": 0, "max_threads": 1024, "multiple_of": 32}
    assert made["fast_sine"]["language"] == {"metal": "3.0", "math": "fast", "fast_math": True, "logging": False}
    assert made["fast_sine"]["reference"]["parameters"][1]["tolerance"] == {"relative": 1e-3, "absolute": 2.5e-4}
    assert made["table"]["language"]["metal"] == "3.1"  # bfloat
    assert made["table"]["parameters"][1]["shape"] == [None, 4]
    assert made["table"]["parameters"][0]["address_space"] == "constant"
    assert made["smooth"]["function_constants"] == [
        {"index": 0, "name": "radius", "dtype": "u32", "metal": "uint", "size": 4, "default": 1},
        {"index": 3, "name": "gain", "dtype": "f16", "metal": "half", "size": 2, "default": None},
        {"index": 4, "name": "mirrored", "dtype": "b1", "metal": "bool", "size": 1, "default": False},
    ]
    assert made["smooth"]["reference"]["function_constants"] == [
        {"index": 0, "value": 1, "given": False}, {"index": 3, "value": 1.5, "given": True},
        {"index": 4, "value": True, "given": True},
    ]  # fmt: skip
    image, into, layers, _ = made["halve"]["reference"]["parameters"]
    assert (image["pixel_format"], into["pixel_format"], layers["pixel_format"]) == (
        "RGBA8Unorm",
        "R16Float",
        "R32Uint",
    )
    assert made["halve"]["parameters"][2]["metal"] == "texture2d_array<uint, access::read>"


def test_a_tolerance_may_be_wider(tmp_path: Path) -> None:
    case = CASES["table"]
    launch = {"grid": 32, "threads": 32, "to": "json"}
    folder = en.export(case.kernel, *case.arguments(), **launch, rtol=0.25, path=tmp_path)
    _, x, bins = json.loads((folder / "table.json").read_text())["reference"]["parameters"]
    assert x["tolerance"] == {"relative": 0.25, "absolute": 1e-6}
    assert bins["tolerance"] == {"relative": 0.0, "absolute": 0.0}  # integers are exact
    for wrong in (-1.0, float("nan"), float("inf")):
        assert mistake(case.kernel, *case.arguments(), **launch, atol=wrong) == (
            f"atol is {wrong}, but it must be at least 0, and finite / write atol=1e-4, or leave it out"
        )


def test_a_kernel_that_prints_needs_the_log() -> None:
    about = reflection(Case(speaks, lambda: (f32(1),), 1).bundle())
    assert about["language"] == {"metal": "3.2", "math": "default", "fast_math": False, "logging": True}


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def test_the_page_describes_every_field() -> None:
    known = {word for words in re.findall(r"`([a-z_.0-9, ]+)`", DOCS) for word in re.split(r"[., ]+", words)}
    used = {
        key for name in ("saxpy", "shade", "smooth", "halve") for key in keys(reflection(CASES[name].bundle("cpu")))
    }
    members = {"flip", "zoom", "offset", "shift"}  # the value of a struct is by the names of its members
    assert used - members <= known


def test_the_page_and_the_help_name_every_target() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", DOCS.split("Every folder has")[0], re.MULTILINE)) == set(TARGETS)


def test_numbers_that_json_does_not_have_are_texts(tmp_path: Path) -> None:
    folder = en.export(saxpy, f32(1), f32(1), float("-inf"), 1, grid=1, to="json", path=tmp_path)
    assert sorted(file.name for file in folder.iterdir()) == ["README.md", "saxpy.json", "vectors"]
    passed = json.loads((folder / "saxpy.json").read_text())["reference"]["parameters"][2]
    assert (passed["value"], passed["bytes"]) == ("-inf", struct.pack("<f", float("-inf")).hex())


def test_a_folder_reads_as_written_by_hand(golden: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["smooth"]
    x = np.arange(4, dtype=np.float32)
    folder = en.export(case.kernel, x, x * 0, grid=4, constants={"gain": 2}, to="msl", path=tmp_path)
    text = (folder / "README.md").read_text()
    golden(re.sub(r"kernels\.py:\d+", "kernels.py:30", text), "smooth", "md")


def test_vectors_of_a_width_are_filled_up() -> None:
    wide = en.compile(_doubled, vec_width=4, emit_only=True)
    bundle = Case(wide, lambda: (np.arange(6, dtype=np.float32), np.zeros(6, np.float32)), 2).bundle()
    files = vector_files(bundle)
    assert np.frombuffer(files["vectors/0-A.input.bin"], np.float32).tolist() == [0, 1, 2, 3, 4, 5, 0, 0]
    assert np.frombuffer(files["vectors/1-Out.expected.bin"], np.float32).tolist() == [1, 3, 5, 7, 9, 11, 1, 1]


@en.kernel
def _doubled(A: en.f32, Out: en.f32):
    i = en.thread_position_in_grid
    Out[i] = A[i] * 2 + 1


# ---- compiled kernels and jit functions


@en.kernel
def add(A, B, Out):  # type: ignore[no-untyped-def]
    i = en.thread_position_in_grid
    Out[i] = A[i] + B[i]


@en.kernel
def scale(A: en.f32, factor: en.Scalar[en.f32]):
    i = en.thread_position_in_grid
    A[i] = A[i] * factor


@en.jit
def once(A, B):  # type: ignore[no-untyped-def]
    out = en.empty(A.shape, A.dtype)
    add(A, B, out).launch(grid=A.shape, block=32)
    return out


@en.jit
def twice(A, B):  # type: ignore[no-untyped-def]
    scale(A, 2.0).launch(grid=A.shape, block=32)
    scale(B, 3.0).launch(grid=B.shape, block=32)


@en.jit
def scaled(A):  # type: ignore[no-untyped-def]
    scale(A, en.dynamic(2.0, en.f32)).launch(grid=A.shape, block=32)


def test_a_jit_function_of_one_launch(tmp_path: Path) -> None:
    folder = en.export(once, f32(64), f32(64), to="json", path=tmp_path)
    about = json.loads((folder / "add.json").read_text())
    assert about["reference"]["grid"] == [64, 1, 1]
    assert about["reference"]["threads"] == [32, 1, 1]
    out = about["reference"]["parameters"][2]
    assert np.array_equal(read(folder, out["expected"], out), f32(64) + f32(64))


def test_a_compiled_kernel_exports_itself(tmp_path: Path) -> None:
    x = f32(64)
    compiled = en.compile(scaled, x, emit_only=True)
    folder = compiled.export(x, to="json", path=tmp_path)  # its size and number are those of the launch
    about = json.loads((folder / "scale.json").read_text())["reference"]
    assert (about["grid"], about["parameters"][1]["value"]) == ([64, 1, 1], 2.0)
    out = about["parameters"][0]
    assert np.array_equal(read(folder, out["expected"], out), x * 2)


def test_the_math_of_a_compiled_kernel_is_kept(tmp_path: Path) -> None:
    compiled = en.compile(shade, math="fast", emit_only=True)
    folder = compiled.export(
        {"flip": 0, "zoom": 1, "offset": 2, "shift": 3}, np.zeros(4, np.float32), grid=4, to="json", path=tmp_path
    )
    assert json.loads((folder / "shade.json").read_text())["language"]["fast_math"]


# ---- a library


def test_a_library_is_built_as_the_kernel_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    xcrun = put_on_path(tmp_path / "bin", monkeypatch)
    folder = en.export(
        CASES["fast_sine"].kernel, *CASES["fast_sine"].arguments(), grid=10, to="metallib", path=tmp_path / "out"
    )
    assert sorted(file.name for file in folder.iterdir()) == [
        "README.md", "fast_sine.json", "fast_sine.metal", "fast_sine.metallib", "vectors",
    ]  # fmt: skip
    text = (folder / "fast_sine.metal").read_bytes()
    assert (folder / "fast_sine.metallib").read_bytes() == b"MTLBAIR:" + text
    assert xcrun.builds[0][2:5] == ["metal", "-std=metal3.0", "-ffast-math"]
    assert "-std=metal3.0 -ffast-math" in (folder / "README.md").read_text()


def test_without_the_tools_a_library_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(en.ToolchainError) as caught:
        en.export(saxpy, f32(4), f32(4), 1, 4, grid=4, to="metallib", path=tmp_path / "out")
    assert str(caught.value) == (
        "a .metallib is made by Apple's tools, but xcrun was not found\n"
        "  help: on a Mac install Xcode; elsewhere export to msl, whose text Metal compiles when a program runs"
    )
    assert not (tmp_path / "out").exists()


def test_what_a_tool_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_path(tmp_path / "bin", monkeypatch).behave("no-toolchain")
    with pytest.raises(en.ToolchainError, match="without its Metal toolchain"):
        en.export(saxpy, f32(4), f32(4), 1, 4, grid=4, to="metallib", path=tmp_path / "out")


# ---- mistakes


def mistake(kernel: Any, *args: Any, **launch: Any) -> str:
    with pytest.raises(en.EnigmaError) as caught:
        en.export(kernel, *args, **launch)
    return caught.value.message + (f" / {caught.value.help}" if caught.value.help else "")


def test_an_unknown_target() -> None:
    assert mistake(saxpy, to="mls").startswith(
        "a kernel cannot be exported to 'mls' / did you mean 'msl'? targets are msl, "
    )


def test_what_is_no_kernel() -> None:
    assert mistake(3, to="msl") == "export takes a kernel, but it got 3 / decorate the function with @enigma.kernel"


def test_a_launch_is_needed() -> None:
    assert mistake(saxpy, f32(4), f32(4), 1, 4, to="msl") == (
        "export of saxpy needs a launch to test it by, but grid was not given / "
        "pass arguments and grid as for a launch: enigma.export(kernel, x, y, grid=1000, to=...)"
    )
    assert "takes 4 arguments (x, y, a, n), but it got 1" in mistake(saxpy, f32(4), grid=4, to="msl")


def test_every_mistake_of_a_launch_is_told_at_once() -> None:
    text = mistake(smooth, f32(4), np.zeros(4), grid=0, to="msl")
    assert "grid is 0 along x" in text
    assert "out holds float64" in text
    assert "needs a value for function constant 3" in text


def test_a_device_that_computes_no_reference() -> None:
    assert mistake(saxpy, f32(4), f32(4), 1, 4, grid=4, to="msl", device="metal") == (
        "the reference is computed on 'sim' or 'cpu', but device is 'metal' / "
        "the simulator refuses a launch that goes wrong; the CPU is quick"
    )


def test_a_launch_that_goes_wrong_is_not_shipped(tmp_path: Path) -> None:
    with pytest.raises(en.CheckError) as caught:
        en.export(saxpy, f32(4), f32(4), 1.0, 8, grid=8, to="msl", path=tmp_path / "out")
    assert "read outside of buffer x" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_jit_functions_that_are_refused() -> None:
    assert mistake(twice, f32(4), f32(4), to="msl") == (
        "twice launches 2 kernels (scale, scale), and one is exported at a time / "
        "export each kernel by itself, with the arrays that it gets"
    )
    assert mistake(en.compile(twice, f32(4), f32(4), emit_only=True), to="msl").startswith("twice launches 2 kernels")
    assert mistake(once, f32(4), f32(4), to="msl", grid=4, threads=4) == (
        "the jit function once launches its kernel itself, but export got grid and threads / leave them out"
    )
    assert mistake(once, f32(4), f32(4), to="msl", constants={"N": 1}) == (
        "the jit function once passes its kernel's constants itself, but export got {'N': 1} / leave constants= out"
    )


def test_a_compiled_kernel_takes_its_arguments_in_order() -> None:
    compiled = en.compile(saxpy, emit_only=True)
    assert mistake(compiled, x=f32(4), to="msl") == (
        "a compiled kernel takes its arguments in order, but x came by name / "
        "pass all of them in order, or export the kernel itself"
    )


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    text = mistake(sums, *CASES["sums"].arguments(), grid=128, threads=64, to="msl", path=tmp_path)
    assert text == f"{tmp_path} is not empty / give the path of a new folder, or pass overwrite=True (--overwrite)"
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
    en.export(sums, *CASES["sums"].arguments(), grid=128, threads=64, to="msl", path=tmp_path, overwrite=True)
    assert (tmp_path / "mine").read_text() == "kept"
    assert (tmp_path / "sums.metal").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    text = mistake(sums, *CASES["sums"].arguments(), grid=128, threads=64, to="msl", path=tmp_path / "file" / "out")
    assert text == (
        f"the export cannot be written to {tmp_path / 'file' / 'out'}: not a directory / "
        "give the path of a folder that can be written to"
    )


def test_structs_are_checked_as_at_a_launch() -> None:
    assert "lacks shift" in mistake(shade, {"flip": 0, "zoom": 1, "offset": 2}, f32(4), grid=4, to="msl")
    assert View(True, 1.0, 2, 3).zoom == 1.0  # type: ignore[arg-type]
