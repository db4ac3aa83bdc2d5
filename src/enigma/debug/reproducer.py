"""Writes a failing launch as a program that runs alone: the kernel, what it uses of its file, the data, and the check."""

from __future__ import annotations

import ast
import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

_LISTED = 64
"""Elements up to which an array is written as numbers."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the program does: compares `targets`, with the function `oracle` if it is given, or checks the run."""

    kernel: str
    oracle: str | None
    targets: Sequence[str]
    checks: bool


def program(
    source: str, wanted: Wanted, arguments: Mapping[str, Any], grid: tuple[int, ...], threads: tuple[int, ...],
    constants: Mapping[str, Any], failure: str,
) -> str:  # fmt: skip
    """Return the text of the program."""
    roots = {wanted.kernel, *([wanted.oracle] if wanted.oracle else [])}
    kept = needed(source, roots)
    names = ", ".join(arguments)
    given = f", constants={dict(constants)!r}" if constants else ""
    sizes = f"grid={grid!r}, threads={threads!r}{given}"
    if wanted.checks:
        run = f"report = enigma.check({wanted.kernel}, {names}, {sizes})\nprint(report)"
        verdict = "report.raise_if_any()"
    else:
        oracle = f", oracle={wanted.oracle}" if wanted.oracle else ""
        given = f"{sizes}, targets={tuple(wanted.targets)!r}{oracle}"
        run = f"result = enigma.compare({wanted.kernel}, [{names}], {given})\nprint(result)"
        verdict = "raise SystemExit(0 if result.ok else 1)"
    data = "\n".join(f"{name} = {_literal(value)}" for name, value in arguments.items())
    head = f'"""Fails: {failure}. Made by `enigma reduce`; run it with Python."""\n\n'
    helper = _UNPACK if "_unpack(" in data else ""
    imports = (
        "import base64\nimport zlib\n\nimport numpy as np\n\nimport enigma\n"
        if helper
        else "import numpy as np\n\nimport enigma\n"
    )
    return f"{head}{imports}\n{kept}\n\n{helper}{data}\n\n{run}\n{verdict}\n"


_UNPACK = """
def _unpack(dtype, shape, text):
    return np.frombuffer(zlib.decompress(base64.b85decode(text)), np.dtype(dtype)).reshape(shape).copy()


"""


def _literal(value: Any) -> str:
    if isinstance(value, np.generic):
        return repr(cast(Any, value.item()))
    if not isinstance(value, np.ndarray):
        return repr(value)
    array = cast("np.ndarray[Any, Any]", value)
    plain = array.dtype.kind in "biuf"
    if plain and not array.any():
        return f"np.zeros({array.shape!r}, np.{array.dtype.name})"
    if plain and array.size <= _LISTED and bool(np.isfinite(array.astype(np.float64)).all()):
        return f"np.array({array.tolist()!r}, np.{array.dtype.name})"
    packed = base64.b85encode(zlib.compress(array.tobytes(), 9)).decode()
    if plain:
        return f"_unpack({array.dtype.name!r}, {array.shape!r}, {packed!r})"
    bits = f"u{array.dtype.itemsize}"
    return f"_unpack({bits!r}, {array.shape!r}, {packed!r}).view(enigma.{_SHORT[array.dtype.name]}.numpy)"


_SHORT = {"bfloat16": "bf16"}


def needed(source: str, roots: set[str]) -> str:
    """Return the statements of a file that the definitions of some names need, in order, imports among them.

    >>> print(needed("import os\\nx = 1\\ny = 2\\ndef f(): return x", {"f"}))
    x = 1
    <BLANKLINE>
    def f(): return x
    """
    tree = ast.parse(source)
    defined: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        for name in _defines(statement):
            defined.setdefault(name, []).append(statement)
    kept: set[int] = set()
    waiting = list(roots)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for statement in defined.get(name, ()):
            kept.add(id(statement))
            waiting += [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    texts = [_segment(source, statement) for statement in tree.body if id(statement) in kept]
    return "\n\n".join(texts)


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
