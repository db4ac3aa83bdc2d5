"""`--to swift`: the package as Swift's grammar reads it, compared with the Metal text and the launch."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import make_dataclass
from functools import cache
from typing import Any

import pytest

import enigma as en
from enigma.export.table import TARGETS
from enigma.export.vectors import vector_files
from enigma.trace.args import Kind
from tests.export.kernels import BUFFERS, CASES, Case, f32, speaks

KINDS = {
    "float32": "Float", "float16": "Float16", "bfloat16": "UInt16", "bool": "Bool", **{
        f"{letter}int{width}": f"{letter.upper()}Int{width}" if letter else f"Int{width}"
        for letter in ("", "u") for width in (8, 16, 32, 64)
    },
}  # fmt: skip


@cache
def parser() -> Any:
    """Return a parser of Swift."""
    tree_sitter = pytest.importorskip("tree_sitter", reason="tree-sitter, which reads Swift, is not installed")
    grammar = pytest.importorskip("tree_sitter_swift", reason="tree-sitter-swift is not installed")
    return tree_sitter.Parser(tree_sitter.Language(grammar.language()))


@cache
def package(name: str) -> dict[str, str]:
    """Return the Swift files of a case, by the last part of their names."""
    files = TARGETS["swift"].files(CASES[name].bundle("cpu"))
    return {path.rpartition("/")[2]: str(text) for path, text in files.items() if path.endswith(".swift")}


def wrapper(name: str) -> str:
    """Return the file of the class."""
    return next(text for text in package(name).values() if "public final class" in text)


def test_text(name: str) -> str:
    """Return the file of the test."""
    return next(text for text in package(name).values() if "XCTestCase" in text)


test_text.__test__ = False  # type: ignore[attr-defined]


def mistakes(node: Any) -> Iterator[Any]:
    if node.is_error or node.is_missing:
        yield node
    for child in node.children:
        yield from mistakes(child)


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("copy") or name.endswith(("x3", "x4"))])
def test_swift_reads_every_file(name: str) -> None:
    for file, text in package(name).items():
        tree = parser().parse(text.encode())
        assert not [
            (file, node.start_point, text.splitlines()[node.start_point[0]]) for node in mistakes(tree.root_node)
        ]


def test_the_parser_finds_a_mistake() -> None:
    text = wrapper("saxpy").replace("throws {", "throws", 1)
    assert parser().parse(text.encode()).root_node.has_error


@pytest.mark.parametrize("name", ["saxpy", "shade", "smooth", "table", "halve", "volume", "words", "views", "mirror"])
def test_parameters_have_the_places_of_the_metal_text(name: str) -> None:
    bundle = CASES[name].bundle("cpu")
    places = re.findall(r"[*&>] ?(\w+) \[\[(buffer|texture)\((\d+)\)\]\]", bundle.metal)
    assert len(places) == len(bundle.parameters)
    bound = re.findall(r"encoder\.set(Buffer|Bytes|Texture)\(&?(\w+)[,)].*index: (\d+)\)", wrapper(name))
    kinds = {Kind.BUFFER: "Buffer", Kind.TEXTURE: "Texture", Kind.SCALAR: "Bytes", Kind.STRUCT: "Bytes"}
    assert [(kind, index) for kind, _, index in bound] == [
        (kinds[each.kind], index) for each, (_, _, index) in zip(bundle.parameters, places, strict=True)
    ]
    assert [own.rstrip("_") for _, own, _ in bound] == [own.rstrip("_") for own, _, _ in places]


@pytest.mark.parametrize("dtype", BUFFERS, ids=str)
def test_arrays_of_every_dtype_have_a_type_of_their_size(dtype: Any) -> None:
    plain = KINDS[dtype.element.numpy_name]
    kind = f"SIMD{dtype.lanes}<{plain}>" if dtype.lanes in (2, 4) else plain
    name = f"copy {dtype.name}"
    assert re.search(rf"src: \[{kind}\],\s+dst: inout \[{kind}\]", wrapper(name))
    assert f"let src: [{kind}] = try vector(" in test_text(name)
    assert ("three numbers for each element" in wrapper(name)) == (dtype.lanes == 3)


def test_the_text_is_the_kernel() -> None:
    bundle = CASES["table"].bundle("cpu")
    text = package("table")["TableSource.swift"]
    found = re.search(r'static let source = #"""\n(.*)\n"""#\n', text, re.DOTALL)
    assert found is not None
    assert found[1] == bundle.metal.rstrip("\n")


def test_the_package_names_every_array() -> None:
    for name in ("saxpy", "halve"):
        bundle = CASES[name].bundle("cpu")
        files = TARGETS["swift"].files(bundle)
        stems = set(re.findall(r'"([\w-]+\.(?:input|expected))"', test_text(name)))
        title = name.capitalize()
        assert {f"Tests/{title}Tests/Vectors/{stem}.bin" for stem in stems} == {
            path for path in files if path.endswith(".bin")
        }
        assert {path: files[path] for path in files if path.endswith(".bin")} == vector_files(
            bundle, f"Tests/{title}Tests/Vectors"
        )


def test_systems_follow_the_language() -> None:
    assert "swift-tools-version:5.9" in package("saxpy")["Package.swift"]
    assert ".macOS(.v13), .iOS(.v16)" in package("saxpy")["Package.swift"]
    assert ".macOS(.v14), .iOS(.v17)" in package("table")["Package.swift"]  # bfloat
    assert "options.languageVersion = .version3_1" in wrapper("table")
    fenced = package("fenced")["Package.swift"]  # of Metal 3.2
    assert "swift-tools-version:6.0" in fenced
    assert ".macOS(.v15), .iOS(.v18)" in fenced
    assert "swiftLanguageModes: [.v5]" in fenced
    assert "#available" not in wrapper("fenced")
    assert "guard device.supportsFamily(.apple7)" in wrapper("product")
    assert "throw Failure.partialSimdgroup" in wrapper("product")


def test_math_is_set_on_every_system() -> None:
    assert re.search(
        r"#available\(macOS 15, iOS 18, \*\) \{\s+options.mathMode = .safe\s+options.mathFloatingPointFunctions = .precise\s+"
        r"\} else \{\s+options.fastMathEnabled = false\s+\}", wrapper("saxpy"),
    )  # fmt: skip
    assert "options.mathMode = .fast" in wrapper("fast_sine")
    assert "options.fastMathEnabled = true" in wrapper("fast_sine")


def test_words_of_swift_are_no_names() -> None:
    text = wrapper("words")
    assert "self_: [UInt32],\n        device_: [UInt32],\n        grid_: [UInt32],\n        func_: [UInt32]," in text
    assert "        A: [UInt32],\n        a: inout [UInt32]," in text


@en.kernel
def float(x: en.f32):
    x[en.thread_position_in_grid] = 1.0


def test_structs_of_one_name_are_two_types() -> None:
    text = wrapper("views")
    assert re.findall(r"public struct (\w+) \{", text) == ["View", "View_"]
    assert re.findall(r"(first|second|third): (View_?),", text)[:3] == [
        ("first", "View"), ("second", "View_"), ("third", "View"),
    ]  # fmt: skip
    assert "Views.View_(scale: 2.0, bias: -9223372036854775808)" in test_text("views")


def test_a_class_hides_no_type_of_swift() -> None:
    files = TARGETS["swift"].files(Case(float, lambda: (f32(4),), 4).bundle())
    assert "Sources/FloatKernel/FloatKernel.swift" in files


def test_the_package_reads_as_written_by_hand(golden: Any) -> None:
    for name, text in package("smooth").items():
        golden(re.sub(r"kernels\.py:\d+", "kernels.py:20", text), name.removesuffix(".swift"), "swift")


Long = make_dataclass("Long", [(f"field{k}", en.Scalar[en.u64]) for k in range(513)])


@en.kernel
def lengthy(long: Long, out: en.u64):
    out[en.thread_position_in_grid] = long.field7


def test_what_is_refused() -> None:
    with pytest.raises(en.EnigmaTypeError) as caught:
        TARGETS["swift"].files(Case(speaks, lambda: (f32(1),), 1).bundle())
    assert (
        str(caught.value)
        .splitlines()[0]
        .endswith("error: kernel speaks prints or asserts, and what swift exports reads no log")
    )
    values = {f"field{k}": k for k in range(513)}
    case = Case(lengthy, lambda: (values, en.empty(4, en.u64).array), 4)
    for name in ("swift", "cpp"):
        with pytest.raises(en.EnigmaTypeError) as caught:
            TARGETS[name].files(case.bundle("cpu"))
        assert caught.value.message == "long has 4104 bytes, but Metal passes 4096 by value at most"
        assert caught.value.loc is not None
