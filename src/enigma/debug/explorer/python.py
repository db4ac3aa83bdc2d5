"""The Python source that a kernel was traced from: its own function, and the functions that it calls."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Sequence

from enigma.source import SourceLoc
from enigma.trace.node import Traced

Listed = tuple[str, tuple[SourceLoc, ...], int | None]
"""A line: text, the places in it, and its number in its file."""


def python_lines(traced: Traced, places: Sequence[SourceLoc]) -> list[Listed]:
    """Return the functions that `places` stand in, the kernel's first, with the places of each line."""
    lines: dict[str, set[int]] = {}
    sites: dict[tuple[str, int], dict[SourceLoc, None]] = {}
    for loc in (traced.loc, *places):
        lines.setdefault(loc.file, set()).add(loc.line)
        sites.setdefault((loc.file, loc.line), {})[loc] = None
    files = sorted(lines, key=lambda file: (file != traced.loc.file, file))
    found: list[Listed] = []
    for file in files:
        texts = linecache.getlines(file)
        for first, last in _ranges(texts, sorted(lines[file])):
            if found:
                found.append(("", (), None))
            if len(files) > 1:
                found.append((f"# {file}", (), None))
            for number in range(first, last + 1):
                text = texts[number - 1].rstrip("\n") if number <= len(texts) else ""
                found.append((text, tuple(sites.get((file, number), ())), number))
    return found


def _ranges(texts: Sequence[str], wanted: Sequence[int]) -> list[tuple[int, int]]:
    """Return the lines of the innermost functions around the wanted lines, joined where they touch."""
    functions = _functions(texts)
    spans = [_around(number, functions) for number in wanted]
    joined: list[tuple[int, int]] = []
    for first, last in sorted(set(spans)):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def _functions(texts: Sequence[str]) -> list[tuple[int, int]]:
    try:
        tree = ast.parse("".join(texts))
    except SyntaxError:  # a notebook's cell with magic, or a line of a console
        return []
    return [
        (min([node.lineno, *(mark.lineno for mark in node.decorator_list)]), node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def _around(number: int, functions: Sequence[tuple[int, int]]) -> tuple[int, int]:
    inside = [span for span in functions if span[0] <= number <= span[1]]
    return min(inside, key=lambda span: span[1] - span[0]) if inside else (number, number)
