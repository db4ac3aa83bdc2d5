"""What of a Python file some of its definitions need, and what of the user's modules beside it."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

from enigma.debug.users import is_users


def needed(source: str, roots: set[str]) -> tuple[list[str], str]:
    """Return the `from __future__` lines of a file, and the statements that the definitions of some names need, in order.

    >>> print(needed("import os\\nx = 1\\ny = 2\\ndef f(): return x", {"f"})[1])
    x = 1
    <BLANKLINE>
    def f(): return x
    """
    tree = ast.parse(source)
    defined: dict[str, list[ast.stmt]] = {}
    future: list[str] = []
    kept: set[int] = set()
    waiting = list(roots)
    for statement in tree.body:
        for name in _defines(statement):
            defined.setdefault(name, []).append(statement)
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            future.append(_segment(source, statement))
        elif _is_star(statement):  # nobody can tell what comes with it
            kept.add(id(statement))
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for statement in defined.get(name, ()):
            kept.add(id(statement))
            waiting += [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
            waiting += _in_annotations(statement)
    texts = [
        text for statement in tree.body if id(statement) in kept and (text := _segment(source, statement)) not in future
    ]
    return future, "\n\n".join(texts)


def _is_star(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and any(alias.name == "*" for alias in statement.names)


def _in_annotations(statement: ast.stmt) -> list[str]:
    """Return the names in annotations that are written as text."""
    texts = [
        node.annotation.value
        for node in ast.walk(statement)
        if isinstance(node, ast.arg | ast.AnnAssign)
        and isinstance(node.annotation, ast.Constant)
        and isinstance(node.annotation.value, str)
    ]
    found: list[str] = []
    for text in texts:
        try:
            found += [node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)]
        except SyntaxError:
            continue  # it is no annotation that enigma reads
    return found


def _segment(source: str, statement: ast.stmt) -> str:
    """Return the text of a statement with its decorators."""
    marks = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(mark.lineno for mark in marks)])
    lines = source.splitlines()[first - 1 : statement.end_lineno]
    return "\n".join(lines)


def _defines(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
            return [name]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [(alias.asname or alias.name).partition(".")[0] for alias in names]
        case _:
            targets = [
                node.id
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            ]
            inner = [
                name
                for part in ast.iter_child_nodes(statement)
                if isinstance(part, ast.stmt)
                for name in _defines(part)
            ]
            return [*targets, *inner]


# ---- modules beside a file


@dataclass(frozen=True, slots=True)
class Beside:
    """A module of the user's, its source, and whether it is a package."""

    name: str
    text: str
    is_package: bool


def beside(source: str) -> list[Beside]:
    """Return the modules of the user's that a program imports, with those that they import, and so on: of what is loaded now."""
    found: dict[str, Beside] = {}
    waiting = _imported(source, "")
    while waiting:
        name = waiting.pop()
        file = getattr(sys.modules.get(name), "__file__", None)
        if name in found or file is None or not is_users(file) or not file.endswith(".py"):
            continue
        text = Path(file).read_text(encoding="utf-8")
        is_package = Path(file).name == "__init__.py"
        found[name] = Beside(name, text, is_package)
        waiting += _imported(text, name if is_package else name.rpartition(".")[0])
    return [found[name] for name in sorted(found)]


def _imported(source: str, package: str) -> list[str]:
    """Return the names of modules that a text may import: with their packages, and with what may be a module in one."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [".".join(name.split(".")[:k]) for name in names for k in range(1, name.count(".") + 2)]
