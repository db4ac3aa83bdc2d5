"""The parsed source tree: every module of `src/enigma` and every import it makes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "enigma"


@dataclass(frozen=True, eq=False)
class Module:
    """A module of the package: `name` is dotted, `rel` its path below `src/enigma`."""

    name: str
    rel: str
    text: str
    tree: ast.Module

    @property
    def part(self) -> str:
        """The top-level name it belongs to: `spec` for `enigma.spec.terms`, `__init__` for the package itself."""
        return self.rel.split("/")[0].removesuffix(".py")

    @property
    def package(self) -> str:
        """The package that its relative imports start from."""
        return self.name if self.rel.endswith("__init__.py") else self.name.rpartition(".")[0]

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


@dataclass(frozen=True)
class Import:
    """An imported module (dotted), its line, whether it stands in a function, whether only type checkers see it."""

    target: str
    line: int
    inner: bool
    typing_only: bool


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of the package, sorted by path."""
    return tuple(_module(path) for path in sorted(SRC.rglob("*.py")))


def _module(path: Path) -> Module:
    rel = path.relative_to(SRC).as_posix()
    parts = ["enigma", *rel.removesuffix(".py").split("/")]
    if parts[-1] == "__init__":
        parts.pop()
    text = path.read_text(encoding="utf-8")
    return Module(".".join(parts), rel, text, ast.parse(text, rel))


@cache
def names() -> frozenset[str]:
    """Return the dotted names of all modules."""
    return frozenset(module.name for module in modules())


def imports(module: Module, known: frozenset[str] | None = None) -> list[Import]:
    """Return every import of `module`: statements anywhere in it, and `import_module("constant")`."""
    return list(_imports(module, module.tree, known if known is not None else names(), inner=False, typing_only=False))


def _imports(
    module: Module, node: ast.AST, known: frozenset[str], *, inner: bool, typing_only: bool
) -> Iterator[Import]:
    for target in _targets(module, node, known):
        yield Import(target, getattr(node, "lineno", 0), inner, typing_only)
    inner = inner or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    guarded = node.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) else []
    for child in ast.iter_child_nodes(node):
        yield from _imports(module, child, known, inner=inner, typing_only=typing_only or child in guarded)


def _targets(module: Module, node: ast.AST, known: frozenset[str]) -> list[str]:
    match node:
        case ast.Import(names=aliases):
            return [alias.name for alias in aliases]
        case ast.ImportFrom(module=name, names=aliases, level=level):
            base = module.package.split(".")
            parts = base[: len(base) - level + 1] if level else []
            start = ".".join([*parts, *([name] if name else [])])
            # `from package import x`: x may be a module or a name that the package defines
            return [full if (full := f"{start}.{alias.name}") in known else start for alias in aliases]
        case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            return [name] if called in {"import_module", "__import__"} else []
    return []


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function of a tree, nested ones and methods among them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
