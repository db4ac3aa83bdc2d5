"""`--to cpp`: the host code is compiled against a stand-in for metal-cpp and run on a device that writes down what it is asked."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.export.api import write
from enigma.export.bundle import Bundle
from enigma.export.table import TARGETS
from enigma.export.vectors import little_endian
from enigma.trace.args import Kind
from tests.export.kernels import BUFFERS, CASES, Case, f32, saxpy, speaks
from tests.export.metal_cpp.stand_in import DATA, ENUMERATIONS, FOLDER, write_constants

CLANG = shutil.which("clang++-22")
needs_clang = pytest.mark.skipif(CLANG is None, reason="clang++-22 is not installed")

BUILT = (
    "saxpy", "views", "smooth", "table", "product", "halve", "volume", "mirror", "words", "copy b1", "copy f16x2", "copy i8x3",
)  # fmt: skip
"""What is compiled and run: every kind of parameter."""


@dataclass
class Program:
    """A program that was built, the kernel it is for, and where it is run."""

    bundle: Bundle
    folder: Path

    def run(self, after: dict[str, bytes] | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it on the stand-in, where the kernel leaves memory as `after` says (default: as expected)."""
        device = self.folder / "device"
        shutil.rmtree(device, ignore_errors=True)
        (device / "after").mkdir(parents=True)
        for name, data in (self.expected() if after is None else after).items():
            (device / "after" / name).write_bytes(data)
        environment = {**os.environ, "FAKE_METAL": str(device), **environment}
        done = subprocess.run(
            ["./run", "vectors"], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert self.log()[-1] == "living 0", "an object was not let go of"
        assert not {"no pool", "encoder left open"} & set(self.log())
        return done

    def log(self) -> list[str]:
        """Return what the device wrote down."""
        return (self.folder / "device" / "log.txt").read_text().splitlines()

    def asked(self, name: str) -> bytes:
        """Return an argument that the device got."""
        return (self.folder / "device" / name).read_bytes()

    def expected(self) -> dict[str, bytes]:
        """Return what the memory of each parameter holds after the launch."""
        return {
            memory_name(each): little_endian(each.expected)
            for each in self.bundle.parameters
            if each.expected is not None
        }


def memory_name(parameter: Any) -> str:
    """Return what the device calls the memory of a parameter."""
    return f"{'texture' if parameter.kind is Kind.TEXTURE else 'buffer'}-{parameter.index}.bin"


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("metal_cpp")
    write_constants(folder)
    return folder


@pytest.fixture(scope="module")
def built(headers: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return `built(name)`: a program for a case, each compiled once."""
    known: dict[str, Program] = {}

    def build(name: str, case: Case | None = None) -> Program:
        if name not in known:
            folder = tmp_path_factory.mktemp("cpp") / "it"
            bundle = (case or CASES[name]).bundle("cpu")
            write(folder, TARGETS["cpp"].files(bundle), overwrite=False)
            flags = [
                "-std=c++17",
                "-Wall",
                "-Wextra",
                "-Wshadow-field-in-constructor",
                "-Werror",
                f"-I{FOLDER}",
                f"-I{headers}",
            ]
            done = subprocess.run(
                [str(CLANG), *flags, "main.cpp", "-o", "run"], cwd=folder, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            known[name] = Program(bundle, folder)
        return known[name]

    return build


@needs_clang
@pytest.mark.parametrize("name", BUILT)
def test_a_launch_binds_what_the_kernel_takes(name: str, built: Any) -> None:
    program: Program = built(name)
    done = program.run()
    assert (done.returncode, done.stderr) == (0, "")
    bundle = program.bundle
    assert program.asked("source.metal").decode().strip() == bundle.metal.strip()
    for each in bundle.parameters:
        if each.array is not None:
            assert program.asked(memory_name(each)) == little_endian(each.array), each.name
        else:
            assert program.asked(f"bytes-{each.index}.bin") == each.value_bytes, each.name
    sizes = (",".join(map(str, size)) for size in (bundle.geometry.grid, bundle.geometry.threads))
    assert program.log()[-5:-1] == [f"dispatch {' '.join(sizes)}", "end", "commit", "wait"]
    outputs = [each for each in bundle.parameters if each.expected is not None]
    assert done.stdout.splitlines() == [
        f"{each.name}: {each.expected.size} numbers are right" for each in outputs if each.expected is not None
    ]


@needs_clang
@pytest.mark.parametrize("name", ["saxpy", "table", "halve", "copy i8x3"])
def test_a_wrong_result_is_found(name: str, built: Any) -> None:
    program: Program = built(name)
    for each in program.bundle.parameters:
        if each.expected is None:
            continue
        wrong = each.expected.copy()
        flat = wrong.reshape(-1)
        flat[-1] = flat[-1] + (1 if wrong.dtype.kind in "iu" else 0.5)
        done = program.run({**program.expected(), memory_name(each): little_endian(wrong)})
        assert done.returncode == 1
        assert re.search(rf"^{each.name}\[{flat.size - 1}\] is .*, but .* is expected$", done.stdout, re.MULTILINE)


@needs_clang
def test_floats_may_be_rounded_otherwise_and_infinity_is_no_number(built: Any) -> None:
    program: Program = built("saxpy")
    y = program.bundle.parameters[1]
    assert y.expected is not None
    near = (y.expected * np.float32(1 + 1e-6)).astype(np.float32)
    assert program.run({"buffer-1.bin": little_endian(near)}).returncode == 0
    for wrong in (np.float32(np.inf), np.float32(np.nan)):
        there = y.expected.copy()
        there[3] = wrong
        assert program.run({"buffer-1.bin": little_endian(there)}).returncode == 1


@needs_clang
def test_an_expected_infinity_is_matched_by_infinity_alone(built: Any) -> None:
    x = np.array([np.inf, np.nan, 1], np.float32)
    program: Program = built("infinite", Case(saxpy, lambda: (x, np.zeros(3, np.float32), 1.0, 3), 3))
    assert program.run().returncode == 0
    done = program.run({"buffer-1.bin": little_endian(np.array([1, np.nan, 1], np.float32))})
    assert done.stdout == "y[0] is 1, but inf is expected\n"


@needs_clang
def test_constants_language_and_math_are_those_of_the_kernel(built: Any) -> None:
    program: Program = built("smooth")
    program.run()
    log = program.log()
    # MTLDataTypeHalf and its 1.5, MTLDataTypeBool and its true; the constant with a default is not given
    assert [line for line in log if line.startswith("constant")] == ["constant 3: 16 0 62", "constant 4: 53 1"]
    assert log[0] in ("compile language 196608 math 0 functions 1", "compile language 196608 fast 0")
    bf16: Program = built("table")
    bf16.run()
    assert bf16.log()[0].startswith("compile language 196609 ")
    matrices: Program = built("product")
    matrices.run()
    assert matrices.log()[0] == "family 1007"


@needs_clang
def test_textures_have_the_formats_of_their_arrays(built: Any) -> None:
    program: Program = built("volume")
    program.run()
    assert [line for line in program.log() if line.startswith("texture")] == [
        "texture 0: type 0 format 54 usage 3", "texture 1: type 7 format 105 usage 3", "texture 2: type 2 format 55 usage 3",
    ]  # fmt: skip


@needs_clang
@pytest.mark.parametrize(
    ("name", "fails", "said"),
    [
        ("saxpy", "device", "there is no Metal device"),
        ("product", "family", "product needs a GPU of Apple's family 7 or later"),
        ("saxpy", "library", "the Metal compiler refused saxpy: use of undeclared identifier 'q'"),
        ("saxpy", "function", "the library has no function saxpy"),
        ("smooth", "function", "the library has no function smooth: a constant is missing"),
        ("saxpy", "pipeline", "there is no pipeline of saxpy: too many registers"),
        ("saxpy", "buffer", "there is no memory for an array, or it is empty"),
        ("saxpy", "launch", "the launch of saxpy failed: the GPU timed out"),
    ],
)
def test_each_failure_is_told_and_nothing_leaks(name: str, fails: str, said: str, built: Any) -> None:
    done = built(name).run(FAKE_METAL_FAIL=fails)
    assert (done.returncode, done.stderr) == (1, f"{said}\n")


@needs_clang
def test_a_threadgroup_that_the_pipeline_does_not_allow(built: Any) -> None:
    done = built("saxpy").run(FAKE_METAL_LIMIT="63")
    assert (done.returncode, done.stderr) == (1, "a threadgroup has 64 threads, but the pipeline allows 63\n")


def test_missing_arrays_are_told(built: Any) -> None:
    if CLANG is None:
        pytest.skip("clang++-22 is not installed")
    program: Program = built("saxpy")
    file = program.folder / "vectors" / "0-x.input.bin"
    file.rename(program.folder / "away")
    try:
        assert program.run().stderr == "cannot read vectors/0-x.input.bin\n"
    finally:
        (program.folder / "away").rename(file)


# ---- the stand-in itself

_CLASS = re.compile(r"class (\w+) : public NS::\w+<\w+(?:, (\w+))?> \{")
_METHOD = re.compile(r"\s+(?:static )?([\w:*]+) (\w+)\((.*)\)(?: const)?;\s*// ([-+][\w:]+)$")
_CODES = {
    "bool": "Z", "void": "v", "void*": "^v", "NS::UInteger": "Q", "NS::Integer": "q", "NS::Error**": "^@",
    "MTL::Size": "{MTLSize=", "MTL::Region": "{MTLRegion=", "MTL::TextureUsage": "Q", "MTL::ResourceOptions": "Q",
    "MTL::PipelineOption": "Q", "MTL::ComputePipelineReflection**": "^@",
}  # fmt: skip


def code(kind: str) -> str:
    """Return the type code of Objective-C for a type of the stand-in."""
    plain = kind.removeprefix("const ")
    if plain in _CODES:
        return _CODES[plain]
    if plain.removeprefix("MTL::") in ENUMERATIONS:
        return {"UInteger": "Q", "Integer": "q"}[ENUMERATIONS[plain.removeprefix("MTL::")]]
    assert plain.endswith("*"), kind
    return "@"


def test_the_stand_in_has_only_methods_that_metal_has() -> None:
    known: dict[str, tuple[list[str], str]] = {}
    for file in ("metal_selectors.txt", "metal_selectors_more.txt"):
        for line in (DATA / file).read_text().splitlines():
            found = re.fullmatch(r"(\w+) ([-+][\w:]+) \((.*)\) -> (.*?)(?: \[.*)?", line)
            if found is None:
                continue  # a type that the data cuts off
            arguments = found[3].split(", ") if found[3] else []
            known[f"{found[1]} {found[2]}"] = (arguments, found[4])
    count, owner = 0, ""
    for line in (FOLDER / "Metal" / "Metal.hpp").read_text().splitlines():
        if (head := _CLASS.match(line)) is not None:
            owner = head[1]
        if (method := _METHOD.match(line)) is None:
            assert "// -" not in line, line
            continue
        arguments, result = known[f"MTL{owner} {method[4]}"]
        given = [each.rsplit(" ", 1)[0] for each in method[3].split(", ")] if method[3] else []
        assert [code(each) for each in given] == [
            each if each[0] != "{" else f"{each.split('=')[0]}=" for each in arguments
        ], line
        assert code(method[1]) == result, line
        count += 1
    assert count > 40


# ---- texts


def test_the_host_code_reads_as_written_by_hand(golden: Any) -> None:
    files = TARGETS["cpp"].files(CASES["saxpy"].bundle("cpu"))
    for name in ("saxpy.hpp", "main.cpp", "CMakeLists.txt"):
        text = re.sub(r"kernels\.py:\d+", "kernels.py:20", str(files[name]))
        golden(text, name.rpartition(".")[0].lower(), name.rpartition(".")[2])


@pytest.mark.parametrize("dtype", BUFFERS, ids=str)
def test_arrays_of_every_dtype_have_a_type(dtype: Any) -> None:
    files = TARGETS["cpp"].files(CASES[f"copy {dtype.name}"].bundle("cpu"))
    kinds = {"float32": "float", "float16": "_Float16", "bfloat16": "std::uint16_t", "bool": "std::uint8_t"}
    numpy = dtype.element.numpy_name
    assert f"const std::vector<{kinds.get(numpy, f'std::{numpy}_t')}>& src" in str(files["copy.hpp"])


def test_what_is_refused() -> None:
    with pytest.raises(en.EnigmaTypeError) as caught:
        TARGETS["cpp"].files(Case(speaks, lambda: (f32(1),), 1).bundle())
    assert caught.value.message == "kernel speaks prints or asserts, and what cpp exports reads no log"
    assert caught.value.loc is not None
