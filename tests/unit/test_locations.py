"""Every stage knows its Python line: nodes, operations, lines of Metal and of LLVM IR; and a compiler's messages are led back."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import enigma as en
from enigma.compile import CompiledKernel
from enigma.dialect.names import from_location
from enigma.runtime.diagnostics import SourceMap, parse
from enigma.source import SourceLoc
from enigma.trace.kernel import KernelDef
from tests.arch.tree import ROOT
from tests.msl.clang import CLANG, MODE_A
from tests.msl.stub import stub_text

EXAMPLES = [path for path in sorted((ROOT / "examples").glob("*.py")) if "@en.kernel" in path.read_text()]


@cache
def kernels() -> dict[str, KernelDef]:
    """Return the kernels of the examples that need no constexpr values."""
    sys.path.insert(0, str(ROOT / "examples"))
    found: dict[str, KernelDef] = {}
    for path in EXAMPLES:
        spec = importlib.util.spec_from_file_location(f"_located_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        found |= {f"{path.stem}.{name}": value for name, value in vars(module).items() if isinstance(value, KernelDef)}
    sys.path.pop(0)
    return found


@pytest.mark.parametrize("stem", [path.stem for path in EXAMPLES])
def test_every_node_operation_and_statement_has_its_python_line(stem: str) -> None:
    seen = 0
    for name, kernel in kernels().items():
        if not name.startswith(f"{stem}.") or any(p.kind.name == "CONSTEXPR" for p in kernel.parameters):
            continue
        compiled = en.compile(kernel, emit_only=True)
        code = kernel.fn.__code__
        for node in compiled.program.traced.nodes():
            assert Path(node.loc.file).is_file()
            assert not str(node.loc.file).startswith(str(ROOT / "src"))
            if node.loc.function == code.co_name:
                assert node.loc.line >= code.co_firstlineno
            assert node.loc.text().strip()
        for op in compiled.module.walk():
            assert from_location(op.location) is not None, op.name
        body = False
        for number, line in enumerate(compiled.metal_source.splitlines(), 1):
            assert not body or compiled.source_map[number] is not None or line.strip() in ("", "}", "} else {"), line
            body = body or line == "{"
        seen += 1
    assert seen or stem in (
        "mandelbrot",
        "async_copy_gemm",
        "attention",
        "qwen_layer",
        "sdpa",
        "simdgroup_gemm",
        "rmsnorm",
    )


@en.kernel
def row_sums(x: en.f32, out: en.f32, columns: en.Scalar[en.u32]):
    row = en.thread_position_in_grid
    total = 0.0
    for k in range(columns):
        total += x[row * columns + k]
    out[row] = total


def line_of(text: str) -> int:
    """Return the line of this file that holds a statement of the kernel above."""
    start = row_sums.fn.__code__.co_firstlineno
    lines = Path(__file__).read_text().splitlines()
    return next(k for k in range(start, len(lines)) if lines[k - 1].strip().startswith(text))


@cache
def compiled() -> CompiledKernel:
    return en.compile(row_sums, emit_only=True)


def test_mlir_with_locations_names_line_and_column_and_is_read_back() -> None:
    text = compiled().mlir(locations=True)
    assert compiled().mlir() == compiled().mlir_source
    assert re.search(rf'enigma\.load .* loc\("{re.escape(__file__)}":{line_of("total += x")}:18\)', text)
    from enigma.dialect.text import parse_module, print_module

    assert print_module(parse_module(text), locations=True) == text


def test_the_source_map_leads_from_metal_to_python_and_back() -> None:
    places = compiled().source_map
    lines = compiled().metal_source.splitlines()
    assert len(places) >= len(lines)
    for text, python in (
        ("kernel void row_sums(", "@en.kernel"), ("device float* out", "def row_sums"), ("uint row [[", "row ="),
        ("float total", "for k in"), ("total +=", "total +="), ("out[row]", "out[row]"),
    ):  # fmt: skip
        (number,) = [k for k, line in enumerate(lines, 1) if line.strip().startswith(text)]
        place = places[number]
        assert isinstance(place, SourceLoc)
        if python != "@en.kernel":
            assert place.line == line_of(python), text
        assert number in places.metal_lines(place.line)
        assert number in places.metal_lines(place.line, "test_locations.py")
        assert places.metal_lines(place.line, "other.py") == []
    assert places[1] is None
    rows = json.loads(places.to_json())
    assert {"metal", "file", "line", "column"} == set(rows[0])
    assert [row["metal"] for row in rows] == [k for k, place in enumerate(places, 1) if place is not None]
    with pytest.raises(IndexError) as caught:
        places[999]
    assert str(caught.value) == (
        f"the Metal source has {len(places)} lines, so 999 is none of them\n"
        "  help: lines are counted from 1, as compilers count them"
    )


def test_every_line_of_llvm_in_a_loop_has_its_python_line() -> None:
    from enigma.runtime.cpu import native_text

    native = native_text(compiled().program, (64, 1, 1))
    lines = native.text.split("\n")
    assert native.text == compiled().asm["llvm"] or len(lines) > 10
    assert len(lines) == len(native.places)
    gathers = [
        place for line, place in zip(lines, native.places, strict=True) if "masked.gather" in line and "=" in line
    ]
    assert gathers
    assert {place.line for place in gathers if place is not None} == {line_of("total += x")}


# ---- messages of compilers


def message(name: str, line: int, column: int) -> str:
    return f"{name}:{line}:{column}: error: use of undeclared identifier 'q'"


WANTED = """\
test_locations.py:{line}:9: error: use of undeclared identifier 'q'
    total += x[row * columns + k]
    ^
  in line {metal} of the Metal source:
    total += x[row * columns + k];
             ^"""


@pytest.mark.parametrize("name", ["program_source", "/tmp/build/row_sums.metal", "<program source>"])
def test_a_message_is_led_back_to_the_python_line(name: str) -> None:
    metal = next(k for k, line in enumerate(compiled().metal_source.splitlines(), 1) if "total +=" in line)
    said = f"Compilation failed: \n\n{message(name, metal, 18)}\n        total += x[...];\n                 ^\n1 error generated."
    text = compiled().source_map.explain(said, "program_source" if name == "program_source" else name)
    assert text == WANTED.format(line=line_of("total +="), metal=metal)


def test_messages_with_line_directives_name_the_python_file_already() -> None:
    said = message(__file__, line_of("total +="), 18)
    (found,) = compiled().source_map.diagnostics(said)
    assert str(found).splitlines()[:2] == [
        f"test_locations.py:{line_of('total +=')}:9: error: use of undeclared identifier 'q'",
        "    total += x[row * columns + k]",
    ]


def test_what_is_no_message_or_of_another_file_stays_as_it_is() -> None:
    places = compiled().source_map
    assert places.explain("air-lld: something went wrong") == "air-lld: something went wrong"
    assert places.explain("metal_math:12:3: note: candidate") == "metal_math:12:3: note: candidate"
    assert places.explain("program_source:900:3: error: x") == "program_source:900:3: error: x"
    assert [each.severity for each in parse("a:1:2: fatal error: x\na:1:2: warning: y\na:3: error: z")] == [
        "error", "warning", "error",
    ]  # fmt: skip


@pytest.mark.clang
def test_a_mistake_that_clang_finds_is_shown_at_the_python_line(tmp_path: Path) -> None:
    source = compiled().metal_source.replace("total += x[", "total += missing[")
    stub, path = tmp_path / "metal_stdlib", tmp_path / "row_sums.metal"
    stub.write_text(stub_text())
    path.write_text(source)
    command = [CLANG, *MODE_A, "-fsyntax-only", "-I", str(tmp_path), str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    text = SourceMap(source, compiled().places).explain(said, str(path))
    assert f"test_locations.py:{line_of('total +=')}:9: error: use of undeclared identifier 'missing'" in text, said
    assert "    total += missing[row * columns + k];\n             ^" in text
