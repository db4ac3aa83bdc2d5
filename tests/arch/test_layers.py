"""A module imports only from the layers to its left (docs/design/architecture.md), and nothing imports in a circle."""

from __future__ import annotations

import ast

import pytest

from tests.arch.tree import Module, imports, modules

LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(layer.split())
    for layer in (
        "_version errors mistakes markup source config context",
        "dtypes layout",
        "spec",
        "trace",
        "random",
        "dialect",
        "passes emit",
        "runtime",
        "compile",
        "interop export",
        "debug lib cli __init__ __main__ ops testing benchmark profiler tensor core tuple tune kernels",
    )
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}

SIBLINGS: dict[tuple[str, str], str] = {
    ("errors", "mistakes"): "an error knows the page about it by its text",
    ("source", "errors"): "errors knows a place only as a protocol; source may raise",
    ("config", "errors"): "a setting that makes no sense is an error like any other",
    ("export", "interop"): "an export for PyTorch passes numbers as the operation for PyTorch does",
    ("lib", "__init__"): "ready-made kernels are written with the public API",
    ("cli", "__init__"): "the command line is a user of the public API",
    ("cli", "lib"): "the demo runs ready-made kernels",
    ("cli", "debug"): "commands show what the debug tools find",
    ("debug", "lib"): "the doctor runs a ready-made kernel",
    ("debug", "__init__"): "tools that trace a user's kernel go through the public API",
    ("__main__", "cli"): "python -m enigma is the command line",
    ("tuple", "core"): "public re-exports",
    ("kernels", "lib"): "public re-exports",
    ("ops", "lib"): "public re-exports",
}
"""Imports between two names of one layer that are right, and why. `__init__` may import every sibling."""


def layer_findings(module: Module) -> list[str]:
    """Return what is wrong with the imports of one module."""
    found: list[str] = []
    for item in imports(module):
        if item.target.split(".")[0] != "enigma":
            continue
        part, target = module.part, [*item.target.split("."), "__init__"][1]
        where = f"{module.rel}:{item.line}: {part} imports {target}"
        if part not in RANK or target not in RANK:
            found.append(f"{where}: {part if part not in RANK else target} stands in no layer")
        elif RANK[target] > RANK[part]:
            found.append(f"{where}, a layer above it")
        elif RANK[target] == RANK[part] and target != part and part != "__init__" and (part, target) not in SIBLINGS:
            found.append(f"{where}, a sibling")
    return found


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of `graph` that have more than one node, sorted (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def fake(rel: str, text: str) -> Module:
    """Return a module that is not on disk."""
    return Module("enigma." + rel.removesuffix(".py").replace("/", "."), rel, text, ast.parse(text))


def test_every_module_stands_in_a_layer() -> None:
    homeless = sorted({module.part for module in modules()} - set(RANK))
    assert not homeless, f"add them to LAYERS and to docs/design/architecture.md: {homeless}"


def test_imports_go_down_the_layers_only() -> None:
    assert not [finding for module in modules() for finding in layer_findings(module)]


def test_nothing_imports_in_a_circle() -> None:
    graph = {
        module.name: {item.target for item in imports(module) if not item.typing_only} - {module.name}
        for module in modules()
    }
    assert not cycles({name: targets & graph.keys() for name, targets in graph.items()})


@pytest.mark.parametrize(
    ("rel", "text", "expected"),
    [
        ("spec/terms.py", "from enigma.trace import value", ["spec/terms.py:1: spec imports trace, a layer above it"]),
        (
            "spec/terms.py",
            "def f():\n    import enigma.emit.msl",
            ["spec/terms.py:2: spec imports emit, a layer above it"],
        ),
        ("spec/terms.py", "from ..trace import value", ["spec/terms.py:1: spec imports trace, a layer above it"]),
        ("spec/terms.py", "import_module('enigma.cli')", ["spec/terms.py:1: spec imports cli, a layer above it"]),
        ("trace/tracer.py", "import enigma", ["trace/tracer.py:1: trace imports __init__, a layer above it"]),
        ("passes/fold.py", "from enigma.emit import base", ["passes/fold.py:1: passes imports emit, a sibling"]),
        ("spec/new.py", "import enigma.nowhere", ["spec/new.py:1: spec imports nowhere: nowhere stands in no layer"]),
        ("spec/terms.py", "from enigma import dtypes\nfrom . import spelling\nimport os", []),
        ("lib/gemm.py", "import enigma as en", []),
    ],
)
def test_the_rule_itself_sees_each_kind_of_import(rel: str, text: str, expected: list[str]) -> None:
    found = layer_findings(fake(rel, text))
    assert found == expected


def test_the_search_for_circles_finds_them() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == [["b", "c"]]
    assert cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
