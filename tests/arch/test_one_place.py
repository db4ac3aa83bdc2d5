"""All that is known of an intrinsic stands in its row: no other code of the package mentions it by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.arch.tree import Module, modules

SYNTAX = frozenset({"load", "store", "const", "convert", "cast", "select"})
"""The handful that the language's own syntax needs: subscripts, literals, conversions and ternaries."""

ELSEWHERE: dict[str, str] = {
    "spec/": "the one place: tables, and the terms that they are made of",
    "lib/": "kernels, written as a user writes them",
    "random.py": "functions of kernels, written in the language",
    "emit/simt/vmath/": "a library of vector functions under their C names; rows reach it through their `llvm` field",
}
"""Where names of intrinsics may stand, and why."""

WORDS: dict[str, tuple[frozenset[str], str]] = {
    "emit/simt/": (
        frozenset(
            {"add", "sub", "mul", "shl", "and", "or", "xor", "icmp", "fcmp", "fma", "sqrt", "floor", "ceil", "trunc"}
        ),
        "opcodes and intrinsics of LLVM",
    ),
    "runtime/native/": (frozenset({"fma"}), "features of a CPU"),
    "debug/support": (frozenset({"all"}), "the name of the set of all dtypes"),
    "layout/": (frozenset({"size"}), "the layout algebra's own words"),
}
"""Words that are names of something else in one part of the tree, and of what."""

NAMESPACES = frozenset({"enigma", "en", "spec", "table", "tables", "rows", "ops", "intrinsics"})
"""Names whose attributes would be rows; `np.floor` or `names.add` are not."""


def mentions(module: Module, names: frozenset[str]) -> Iterator[str]:
    """Yield each place where a module says the name of a row, as a string or as an attribute of a table."""
    documentation = {id(node.value) for node in ast.walk(module.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(module.tree):
        match node:
            case ast.Constant(value=str(text)) if text in names and id(node) not in documentation:
                yield f"{module.rel}:{node.lineno}: the string {text!r} names an intrinsic"
            case ast.Attribute(value=ast.Name(id=base), attr=text) if base in NAMESPACES and text in names:
                yield f"{module.rel}:{node.lineno}: {base}.{text} names an intrinsic"
            case ast.ImportFrom(module=str(source), names=aliases) if source.startswith("enigma.spec.tables"):
                for alias in aliases:
                    if alias.name in names:
                        yield f"{module.rel}:{node.lineno}: imports the row {alias.name}"


def row_names() -> frozenset[str]:
    """Return the names of all rows, less the syntax's own."""
    registry = pytest.importorskip("enigma.spec.registry", reason="enigma.spec.registry is not there yet")
    return frozenset(row.name for row in registry.all_rows()) - SYNTAX


def test_no_code_outside_of_the_tables_names_an_intrinsic() -> None:
    names, found = row_names(), list[str]()
    for module in modules():
        if module.rel.startswith(tuple(ELSEWHERE)):
            continue
        words = [known for prefix, (known, _) in WORDS.items() if module.rel.startswith(prefix)]
        found += mentions(module, names.difference(*words))
    assert not found, "ask the row instead:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("x = 'exp'", 1),
        ("match op:\n    case 'exp': pass", 1),
        ("en.exp(x)", 1),
        ("from enigma.spec.tables.math import exp", 1),
        ("np.exp(x)", 0),
        ("'exp'", 0),  # a docstring
        ("x = 'exp takes a float'", 0),
        ("exp = 1", 0),
    ],
)
def test_the_rule_itself_sees_each_kind_of_mention(text: str, count: int) -> None:
    module = Module("enigma.passes.fold", "passes/fold.py", text, ast.parse(text))
    assert len(list(mentions(module, frozenset({"exp"})))) == count
