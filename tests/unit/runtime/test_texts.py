"""Metal texts in the disk cache: a warm process needs no compiler, and no text is served for another kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import enigma
from enigma.emit import msl
from enigma.errors import EnigmaError
from enigma.runtime import texts
from enigma.runtime.program import Program
from tests.arch.tree import ROOT
from tests.unit.runtime.launched import add, both, saxpy

KERNEL = """
import dataclasses
import enigma

@dataclasses.dataclass
class Pair:
    low: enigma.f32
    high: enigma.f32

@enigma.kernel
def clipped(A: enigma.f32, p: Pair, Out: enigma.f32):
    i = enigma.thread_position_in_grid
    wide = A[i] * 2
    for k in enigma.range(3):
        wide = wide + k.to(enigma.f32)
    if wide > p.high:
        enigma.print("high {}", wide)
    Out[i] = min(wide, p.high) * enigma.function_constant(enigma.f32, 0, name="scale", default=1.0)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENIGMA_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let Metal's emitter fail from now on."""

    def refuse(*_: Any, **__: Any) -> None:
        raise EnigmaError("emitted")

    return lambda: monkeypatch.setattr(msl, "emit_msl", refuse)


def kernel_of(folder: Path, text: str = KERNEL, name: str = "clipped") -> Any:
    """Return a kernel that stands in a file, always the same one."""
    path = folder / "kernels.py"
    path.write_text(text)
    scope: dict[str, Any] = {"__name__": "kernels", "__file__": str(path)}
    exec(compile(text, str(path), "exec", dont_inherit=True), scope)
    return scope[name]


@pytest.mark.parametrize("options", [{}, {"line_comments": True}, {"source_map": True}])
def test_a_text_from_the_disk_is_the_one_that_was_made(
    options: dict[str, Any], folder: Path, no_compiler: Callable[[], None]
) -> None:
    made = enigma.compile(kernel_of(folder), emit_only=True, **options)
    no_compiler()
    found = enigma.compile(kernel_of(folder), emit_only=True, **options)
    assert found.metal_source == made.metal_source
    assert found.places == made.places and any(made.places)
    assert found.program.metal == made.program.metal
    assert (found.entry_name, found.program.metal.msl_version) == ("clipped", (3, 2))
    assert found.mlir_source == made.mlir_source  # made anew


CHANGES = {
    "a variable": ("wide", "broad"), "a line": ("@enigma.kernel", "\n@enigma.kernel"),
    "a column": ("wide = A[i] * 2", "wide = A[i]  * 2"),
    "a number": ("* 2", "* 3"), "a member": ("high", "upper"), "a struct": ("Pair", "Couple"), "a constant": ("scale", "factor"),
    "a default": ("default=1.0", "default=2.0"), "a printed text": ('"high {}"', '"above {}"'),
    "the math": ("kernel\n", "kernel(math='fast')\n"),
    "a parameter": ("Out", "Result"), "a dtype": ("Out: enigma.f32", "Out: enigma.f16"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_the_text_shows_is_part_of_the_key(what: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = KERNEL.replace(*CHANGES[what])
    assert changed != KERNEL
    enigma.compile(kernel_of(folder), emit_only=True)
    cached = enigma.compile(kernel_of(folder, changed), emit_only=True)
    monkeypatch.setenv("ENIGMA_NO_CACHE", "1")
    fresh = enigma.compile(kernel_of(folder, changed), emit_only=True)
    assert cached.metal_source == fresh.metal_source
    assert cached.places == fresh.places


def test_each_style_has_its_own_text(folder: Path) -> None:
    kernel = kernel_of(folder)
    plain, commented, mapped = (
        enigma.compile(kernel, emit_only=True, **options).metal_source
        for options in ({}, {"line_comments": True}, {"source_map": True})
    )
    assert len({plain, commented, mapped}) == 3
    assert "// kernels.py:" in commented and "#line " in mapped


def test_passes_that_are_left_out_make_another_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enigma.compile(both, emit_only=True)
    monkeypatch.setenv("ENIGMA_NO_CANONICALIZE", "1")
    plain = enigma.compile(both, emit_only=True)
    monkeypatch.delenv("ENIGMA_NO_CANONICALIZE")
    plain_module = plain.mlir_source  # of the same kind as the text, though the variable is gone
    monkeypatch.setenv("ENIGMA_NO_CACHE", "1")
    monkeypatch.setenv("ENIGMA_NO_CANONICALIZE", "1")
    fresh = enigma.compile(both, emit_only=True)
    assert (plain.metal_source, plain_module) == (fresh.metal_source, fresh.mlir_source)


def test_a_spoilt_entry_is_made_anew(folder: Path) -> None:
    made = enigma.compile(saxpy, emit_only=True).metal_source
    (entry,) = (folder / "cache").iterdir()
    for spoilt in (b"", entry.read_bytes()[:-7], entry.read_bytes().replace(b"kernel", b"kernal")):
        entry.write_bytes(spoilt)
        assert enigma.compile(saxpy, emit_only=True).metal_source == made


def test_an_emission_that_fails_leaves_nothing(folder: Path, no_compiler: Callable[[], None]) -> None:
    no_compiler()
    with pytest.raises(EnigmaError, match="emitted"):
        enigma.compile(add, emit_only=True)
    assert not (folder / "cache").exists()


def test_a_program_of_its_own_finds_the_text_too(folder: Path, no_compiler: Callable[[], None]) -> None:
    made = enigma.compile(add, emit_only=True)
    no_compiler()
    assert Program(made.program.traced).metal == texts.metal_text(made.program)


WARM = """
import json, sys
import numpy as np
from tests.device.fake_metal import Machine
from enigma.runtime.metal import objc
machine = Machine()
objc.load = machine.bridge
import enigma
from tests.unit.runtime.launched import add, saxpy
rt = enigma.MetalRuntime()
x, y, out = rt.array(np.arange(40, dtype=np.float32)), rt.zeros(40), rt.zeros(40)
compiled = enigma.compile(saxpy, emit_only=True)
handles = [rt.prepare(compiled, [x, y], scalars=[40, 3.0], inout=["Y"]).dispatch_async(40, 32)]
handles.append(rt.prepare(enigma.compile(add, emit_only=True), [x, x], 160).dispatch_async(40, 32))
loaded = sorted({name.split(".")[0] for name in sys.modules} & {"xdsl", "llvmlite"})
for handle in handles:
    handle.wait()
assert (y == 3 * np.arange(40)).all()
print(json.dumps([loaded, len(machine.sources)]))
"""


def test_a_warm_start_on_metal_imports_no_compiler(folder: Path) -> None:
    """The model of Metal runs kernels on the CPU, but only when somebody waits: what is loaded is looked at before."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    loaded: list[Any] = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", WARM], env=environment, capture_output=True, text=True, check=False, cwd=folder
        )
        assert done.returncode == 0, done.stderr
        loaded.append(json.loads(done.stdout))
    cold, warm = loaded
    assert cold == [["xdsl"], 2]
    assert warm == [[], 2]
