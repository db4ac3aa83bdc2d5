"""`enigma.compile`: each parameter, each field of what it returns, each stage."""

from __future__ import annotations

import doctest
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import enigma
from enigma import compile as compile_function
from enigma.emit import msl
from enigma.errors import EnigmaTypeError, EnigmaValueError, ToolchainError
from enigma.runtime import cpu
from tests.unit.runtime.launched import add, both, message, saxpy, scaled
from tests.unit.runtime.stand_in import XcrunStandIn, put_on_path

HERE = Path(__file__).name


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENIGMA_EMIT_ONLY", "ENIGMA_DUMP", "ENIGMA_NO_CANONICALIZE"):
        monkeypatch.delenv(name, raising=False)


@enigma.kernel
def wasteful(A: enigma.i32, Out: enigma.i32):
    i = enigma.thread_position_in_grid
    Out[i + 0] = A[i * 1] + A[i * 1]


def test_the_fields_of_a_compiled_kernel() -> None:
    compiled = enigma.compile(both)
    assert isinstance(compiled, enigma.CompiledKernel)
    assert compiled.kernel_name == "both"
    assert compiled.num_params == 4
    assert compiled.param_names == ["A", "k", "Sum", "Product"]
    assert compiled.scalar_params == [("k", 1, "int")]
    assert compiled.kernel_source == compiled.metal_source
    assert "kernel void both(" in compiled.metal_source
    assert "func.func @both(%A: !enigma.buffer<si32>, %k: si32" in compiled.mlir_source
    assert (compiled.grid, compiled.block) == (None, None)
    assert repr(compiled) == "<compiled kernel both(A, k, Sum, Product)>"


def test_scalars_are_listed_with_slot_and_metal_dtype() -> None:
    assert enigma.compile(saxpy).scalar_params == [("n", 2, "uint"), ("a", 3, "float")]


def test_text_only_has_no_library() -> None:
    compiled = enigma.compile(add, emit_only=True)
    assert not compiled.has_metallib
    assert compiled.metallib_path is None
    assert compiled.metallib_bytes is None


def test_every_stage_is_at_hand() -> None:
    compiled = enigma.compile(saxpy)
    assert list(compiled.asm) == ["ir", "mlir", "msl", "llvm", "asm"]
    assert len(compiled.asm) == 5
    assert compiled.asm["ir"].startswith("=== IR: saxpy (")
    assert compiled.asm["mlir"] == compiled.mlir_source
    assert compiled.asm["msl"] == compiled.metal_source
    assert "define " in compiled.asm["llvm"]
    assert compiled.asm["llvm"] is compiled.asm["llvm"]
    assert "saxpy" in compiled.asm["asm"]
    assert compiled.asm["asm"] != compiled.asm["llvm"]


def test_an_unknown_stage_names_the_known_ones() -> None:
    with pytest.raises(KeyError, match="no stage 'ptx': stages are ir, mlir, msl, llvm, asm"):
        enigma.compile(add).asm["ptx"]


def test_dump_ir_prints_the_ir_and_then_the_metal(capsys: pytest.CaptureFixture[str]) -> None:
    compiled = enigma.compile(saxpy, dump_ir=True)
    shown = capsys.readouterr().out
    assert shown == f"{compiled.asm['ir']}=== Metal ===\n{compiled.metal_source}"
    assert "(void) = store(Y, i, " in shown


def test_dump_mlir_prints_the_module_that_the_metal_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    compiled = enigma.compile(saxpy, dump_mlir=True)
    shown = capsys.readouterr().out
    heading = "=== MLIR (enigma dialect): saxpy ===\n"
    assert shown.startswith(heading)
    assert shown.removeprefix(heading).rstrip("\n") == compiled.mlir_source.rstrip("\n")
    for part in ("!enigma.buffer<f32>", 'enigma.thread_position_in_grid {dim = "x"}', "scf.if"):
        assert part in shown


def test_nothing_is_printed_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    enigma.compile(saxpy)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_the_dump_is_there_even_when_metal_lacks_an_operation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise enigma.EnigmaError("no")

    monkeypatch.setattr(msl, "emit_msl", refuse)
    monkeypatch.setenv("ENIGMA_NO_CACHE", "1")
    with pytest.raises(enigma.EnigmaError):
        enigma.compile(add, dump_ir=True, dump_mlir=True)
    shown = capsys.readouterr().out
    assert "=== IR: add" in shown
    assert "=== MLIR" in shown


def test_export_writes_the_metal_verbatim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = enigma.compile(add)
    monkeypatch.chdir(tmp_path)
    assert compiled.export_metal() == "add.metal"
    assert (tmp_path / "add.metal").read_text() == compiled.metal_source
    there = compiled.export_metal(tmp_path / "made" / "x.metal")
    assert there == str(tmp_path / "made" / "x.metal")
    assert Path(there).read_bytes() == compiled.metal_source.encode()


def test_text_only_leaves_nothing_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    enigma.compile(add, emit_only=True, work_dir="w")
    enigma.compile(add, emit_only=True, keep_metal_source=True)
    assert list(tmp_path.iterdir()) == []


def test_text_only_keeps_the_source_in_a_folder_that_was_named(tmp_path: Path) -> None:
    compiled = enigma.compile(add, emit_only=True, keep_metal_source=True, work_dir=tmp_path / "a" / "b")
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["add.metal"]
    assert (tmp_path / "a" / "b" / "add.metal").read_text() == compiled.metal_source


@pytest.fixture
def xcrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> XcrunStandIn:
    return put_on_path(tmp_path / "bin", monkeypatch)


@pytest.mark.parametrize(
    ("asked", "platform", "variable", "builds"),
    [
        (None, "linux", "", False), (None, "darwin", "", True), (None, "darwin", "1", False), (None, "darwin", "0", False),
        (None, "linux", "1", False), (True, "darwin", "", False), (True, "linux", "", False), (False, "linux", "1", True),
        (False, "darwin", "1", True), (False, "linux", "", True),
    ],
)  # fmt: skip
def test_emit_only_decides_whether_a_library_is_built(
    asked: bool | None, platform: str, variable: str, builds: bool, xcrun: XcrunStandIn, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("ENIGMA_EMIT_ONLY", variable)
    compiled = enigma.compile(add, emit_only=asked, work_dir=tmp_path / "w")
    assert compiled.has_metallib is builds
    assert len(xcrun.builds) == (2 if builds else 0)


def test_asking_for_a_library_without_xcrun_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert message(lambda: enigma.compile(add, emit_only=False), ToolchainError).startswith("xcrun was not found")


def test_line_comments_name_the_python_line() -> None:
    text = enigma.compile(add, line_comments=True).metal_source
    (line,) = [line for line in text.splitlines() if "C[i] =" in line]
    assert "// launched.py:" in line
    assert "//" not in enigma.compile(add).metal_source


def test_a_source_map_is_line_directives() -> None:
    text = enigma.compile(add, source_map=True).metal_source
    assert "#line " in text
    assert 'launched.py"' in text
    assert "#line" not in enigma.compile(add).metal_source


@pytest.mark.parametrize("width", [1, 5, -1, 8, "4", None])
def test_a_width_that_no_vector_has_is_refused(width: Any) -> None:
    assert message(lambda: enigma.compile(add, vec_width=width), EnigmaValueError) == (
        f"vec_width is {width!r}, but a vector has 2, 3 or 4 elements\n  help: 0 means no vectors"
    )


def test_constexpr_values_are_keywords() -> None:
    compiled = enigma.compile(scaled, N=3)
    assert compiled.param_names == ["A", "Out"]
    raw = enigma.SimRuntime().execute(compiled, [np.ones(4, np.float32)], 16, grid=4, threads=4)
    assert np.frombuffer(raw, np.float32).tolist() == [4.0] * 4
    assert "A[i] * 5" in enigma.compile(scaled, N=5, M=0).metal_source


def test_unknown_and_missing_constexpr_values_are_refused() -> None:
    assert message(lambda: enigma.compile(scaled, N=1, K=2), EnigmaTypeError) == (
        "kernel scaled has no constexpr parameter K (it has: N, M)"
    )
    assert message(lambda: enigma.compile(add, A=1), EnigmaTypeError) == (
        "kernel add has no constexpr parameter A (it has: none)"
    )
    text = message(lambda: enigma.compile(scaled), EnigmaTypeError)
    assert "error: constexpr parameter N of scaled has no value\n" in text
    assert text.endswith("help: pass it: enigma.compile(scaled, N=...)")


def test_only_a_kernel_can_be_compiled() -> None:
    def plain() -> None: ...

    for thing in (plain, 3, None, enigma.KernelDef):
        assert message(lambda thing=thing: enigma.compile(thing), TypeError) == (
            f"compile takes a kernel, but it got {thing!r}\n  help: decorate the function with @enigma.kernel or @enigma.jit"
        )


def test_a_kernel_takes_no_positional_arguments_at_compile() -> None:
    assert message(lambda: enigma.compile(scaled, 16), TypeError) == (
        "compile of a kernel takes no positional arguments, but it got 1\n  help: pass constexpr values by name: N=16"
    )


def test_there_is_no_target_parameter() -> None:
    with pytest.raises(TypeError, match="target"):
        enigma.compile(add, target="cuda")


def test_the_environment_dumps_every_stage_and_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENIGMA_DUMP", str(tmp_path / "d"))
    compiled = enigma.compile(wasteful)
    written = {path.name: path.read_text() for path in (tmp_path / "d").iterdir()}
    for suffix, stage in (("ir", "ir"), ("mlir", "mlir"), ("metal", "msl"), ("ll", "llvm"), ("s", "asm")):
        assert written[f"wasteful.{suffix}"] == compiled.asm[stage]
    passes = sorted(name for name in written if name.count(".") == 2)
    assert passes[0] == "wasteful.00-build.mlir"
    assert {name.partition("-")[2] for name in passes} >= {"build.mlir", "simplify.mlir", "cse.mlir"}
    assert written[passes[-1]] == compiled.mlir_source
    assert written[passes[0]] != compiled.mlir_source


def test_a_dump_does_not_stop_a_kernel_that_the_processor_cannot_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise enigma.EnigmaError("the CPU has no such thing")

    monkeypatch.setenv("ENIGMA_DUMP", str(tmp_path))
    monkeypatch.setattr(cpu, "llvm_text", refuse)
    enigma.compile(add)
    assert (tmp_path / "add.ll").read_text() == "; not made: the CPU has no such thing\n"


def test_without_canonicalising_the_module_is_as_built(monkeypatch: pytest.MonkeyPatch) -> None:
    short = enigma.compile(wasteful)
    monkeypatch.setenv("ENIGMA_NO_CANONICALIZE", "1")
    long = enigma.compile(wasteful)
    assert long.mlir_source.count("enigma.load") == 2
    assert short.mlir_source.count("enigma.load") == 1
    a, expected = np.arange(8, dtype=np.int32), np.arange(8) * 2
    for compiled in (short, long):
        for device in ("sim", "cpu"):
            raw = enigma.runtime(device).execute(compiled, [a], 32, grid=8, threads=8)
            assert np.array_equal(np.frombuffer(raw, np.int32), expected)


def test_compiling_again_sees_a_changed_global(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.runtime import launched

    assert "2.0" in enigma.compile(launched.by_global).metal_source
    monkeypatch.setattr(launched, "FACTOR", 7.0)
    assert "7.0" in enigma.compile(launched.by_global).metal_source


def test_the_function_and_the_module_share_a_name() -> None:
    assert compile_function is enigma.compile
    assert callable(enigma.compile)
    assert doctest.testmod(sys.modules["enigma.compile"]).failed == 0


def test_a_kernel_named_like_a_metal_function_gets_an_entry_name_of_its_own() -> None:
    @enigma.kernel
    def transpose(a: enigma.f32):
        a[0] = 1.0

    compiled = enigma.compile(transpose, emit_only=True)
    assert (compiled.kernel_name, compiled.entry_name) == ("transpose", "transpose_")
    assert "kernel void transpose_(" in compiled.metal_source
