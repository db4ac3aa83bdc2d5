"""Finds the AST of a function: its file is parsed once, functions and lambdas are found in it by line, name and column."""

from __future__ import annotations

import ast
import copy
import linecache
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import TypeVar

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

DefinedT = TypeVar("DefinedT", ast.ClassDef, ast.FunctionDef)

_NAME = "<function>"  # no name of Python's, so that it hides none


@dataclass(frozen=True, slots=True)
class Source:
    """A function's AST, the name of its file, and the class around it, whose name Python puts into private names.

    `is_current` tells whether compiling the AST gives the function's own code: it does not when the file was edited since.
    """

    node: Definition
    file: str
    owner: str | None
    is_current: bool
    lines: Sequence[str]

    def fresh(self) -> Definition:
        """Return a copy of the node that may be changed."""
        if isinstance(self.node, ast.Lambda):
            return copy.deepcopy(self.node)
        first = self.node.lineno
        # parsing is faster than copying; a block to be in keeps the columns of an indented function
        again = ast.parse(
            "if 1:\n" * (self.node.col_offset > 0) + "".join(self.lines[first - 1 : self.node.end_lineno])
        )
        node = next(part for part in ast.walk(again) if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))
        ast.increment_lineno(node, first - node.lineno)
        return node


@dataclass(frozen=True, slots=True)
class _File:
    """A parsed file: its lines as they were, its imports, and its definitions by first line and name."""

    lines: list[str]
    imports: list[ast.stmt]
    definitions: dict[tuple[int, str], list[tuple[Definition, str | None]]]


_files: dict[str, _File] = {}
_found: dict[int, tuple[CodeType, Source | None]] = {}


def remember(fn: FunctionType) -> None:
    """Keep the text of a function's file as it is now: an edit after this is not taken for the function's source."""
    linecache.checkcache(fn.__code__.co_filename)
    linecache.getlines(fn.__code__.co_filename, fn.__globals__)


def source_of(fn: FunctionType) -> Source | None:
    """Return the AST of a function, with the line and column numbers of its file; None where Python has no source."""
    code = fn.__code__
    known = _found.get(id(code))
    if known is None:
        source = _find(fn)
        if source is None or not source.is_current:
            linecache.checkcache(code.co_filename)  # the module may have been loaded anew
            source = _find(fn)
        if source is not None and not source.is_current and source.file.startswith("<"):
            source = None  # text of another piece of code that has no file either
        known = _found[id(code)] = (code, source)  # holding `code` keeps its id its own
    return known[1]


def compiled(
    node: ast.FunctionDef, file: str, free: Sequence[str], owner: str | None, imports: Sequence[ast.stmt] = ()
) -> CodeType:
    """Return the code of a function definition whose free variables are `free`, as compiled inside the class `owner`.

    Python compiles calls through an imported name differently: `imports` are those of the module.
    """
    node.name = _NAME
    parameters = [ast.copy_location(ast.arg(name), node) for name in free]
    arguments = ast.arguments(posonlyargs=[], args=parameters, kwonlyargs=[], kw_defaults=[], defaults=[])
    body: list[ast.stmt] = [node]
    if owner is not None:
        body = [_complete(ast.ClassDef(name=owner, bases=[], keywords=[], body=body, decorator_list=[]), node)]
    factory = _complete(ast.FunctionDef(name="factory", args=arguments, body=body, decorator_list=[]), node)
    module = ast.Module([*imports, factory], [])
    code = compile(module, file, "exec", dont_inherit=True)
    for name in ("factory", owner, _NAME):
        if name is not None:
            code = next(const for const in code.co_consts if isinstance(const, CodeType) and const.co_name == name)
    return code


def as_function(node: Definition) -> ast.FunctionDef | None:
    """Return a definition as that of a plain function, a lambda's expression being returned; None for an async one."""
    match node:
        case ast.Lambda():
            body: list[ast.stmt] = [ast.copy_location(ast.Return(node.body), node.body)]
            return _complete(ast.FunctionDef(name=_NAME, args=node.args, body=body, decorator_list=[]), node)
        case ast.FunctionDef():
            return node
        case _:
            return None


def bare(node: ast.FunctionDef) -> ast.FunctionDef:
    """Return a definition, with the same body, without what was evaluated when it was met: decorators, annotations, defaults."""
    args = node.args
    none = ast.copy_location(ast.Constant(None), node)
    none.end_lineno, none.end_col_offset = none.lineno, none.col_offset + 1
    arguments = ast.arguments(
        posonlyargs=_bare_all(args.posonlyargs), args=_bare_all(args.args), kwonlyargs=_bare_all(args.kwonlyargs),
        vararg=_bare_one(args.vararg), kwarg=_bare_one(args.kwarg), defaults=[none for _ in args.defaults],
        kw_defaults=[none if default is not None else None for default in args.kw_defaults],
    )  # fmt: skip
    return _complete(ast.FunctionDef(name=node.name, args=arguments, body=node.body, decorator_list=[]), node)


def _bare_all(args: Sequence[ast.arg]) -> list[ast.arg]:
    return [ast.copy_location(ast.arg(arg.arg), arg) for arg in args]


def _bare_one(arg: ast.arg | None) -> ast.arg | None:
    return ast.copy_location(ast.arg(arg.arg), arg) if arg is not None else None


def _complete(node: DefinedT, at: ast.AST) -> DefinedT:
    """Place a new definition, and add the field that Python 3.12 wants."""
    if "type_params" in node._fields:
        node.type_params = []  # type: ignore[attr-defined]
    return ast.copy_location(node, at)


def _find(fn: FunctionType) -> Source | None:
    code = fn.__code__
    lines = linecache.getlines(code.co_filename, fn.__globals__)
    file = _files.get(code.co_filename)
    if file is None or file.lines != lines:
        parsed = _parse(lines)
        if parsed is None:
            return None
        file = _files[code.co_filename] = parsed
    candidates = file.definitions.get((code.co_firstlineno, code.co_name), [])
    matching = [found for found in candidates if _matches(found[0], code)]
    if not matching:
        return None
    node, owner = min(matching, key=lambda found: _extent(found[0]))  # the innermost lambda of a line
    return Source(node, code.co_filename, owner, _is_same(node, owner, code, file.imports), file.lines)


def _parse(lines: list[str]) -> _File | None:
    try:
        tree = ast.parse("".join(lines)) if lines else None
    except (SyntaxError, ValueError):
        return None
    if tree is None:
        return None
    file = _File(list(lines), [part for part in tree.body if isinstance(part, ast.Import | ast.ImportFrom)], {})
    for first, name, node, owner in _definitions(tree, None):
        file.definitions.setdefault((first, name), []).append((node, owner))
    return file


def _definitions(node: ast.AST, owner: str | None) -> Iterator[tuple[int, str, Definition, str | None]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (
                min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)]),
                child.name,
                child,
                owner,
            )
        elif isinstance(child, ast.Lambda):
            yield child.lineno, "<lambda>", child, owner
        yield from _definitions(child, child.name if isinstance(child, ast.ClassDef) else owner)


def _matches(node: Definition, code: CodeType) -> bool:
    """Whether the parameters agree and, for a lambda, every instruction stands inside of it."""
    names = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    if len(names) != code.co_argcount + code.co_kwonlyargcount:
        return False
    if not isinstance(node, ast.Lambda):
        return True
    start, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
    places = [
        (line, col) for line, _, col, _ in code.co_positions() if line is not None and col is not None and col > 0
    ]
    return all(start <= place <= end for place in places)


def _extent(node: Definition) -> tuple[int, int]:
    return (node.end_lineno or 0) - node.lineno, (node.end_col_offset or 0) - node.col_offset


def _is_same(node: Definition, owner: str | None, code: CodeType, imports: Sequence[ast.stmt]) -> bool:
    """Whether a definition compiles to `code`; one with an `assert` counts as the same, for pytest rewrites those."""
    if any(isinstance(part, ast.Assert) for part in ast.walk(node)):
        return True
    function = as_function(node)
    if function is None:
        return True
    again = compiled(bare(function), code.co_filename, code.co_freevars, owner, imports)
    return again.co_code == code.co_code and _plain(again) == _plain(code)


def _plain(code: CodeType) -> list[str]:
    """The constants of a function, less its inner functions."""
    return [repr(const) for const in code.co_consts if not isinstance(const, CodeType)]
