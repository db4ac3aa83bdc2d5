"""Which variables a statement assigns, and which objects it changes in place."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

_NEW_SCOPE = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def assigned_names(nodes: Sequence[ast.AST]) -> set[str]:
    """Return the names that these statements bind in their own function; nested scopes are left out."""
    names: set[str] = set()
    pending: list[ast.AST] = list(nodes)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue
        if isinstance(node, _NEW_SCOPE):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        pending.extend(ast.iter_child_nodes(node))
    return names


def own_statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a function, those inside of others too, but none of the functions defined in it."""
    for statement in body:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for field in ("body", "orelse", "finalbody"):
                yield from own_statements(getattr(statement, field, []))


def inner_functions(body: Sequence[ast.stmt]) -> list[ast.AST]:
    """Return the functions and lambdas defined in these statements."""
    found = (part for statement in body for part in ast.walk(statement))
    return [part for part in found if isinstance(part, ast.FunctionDef | ast.Lambda)]


def mutated_names(nodes: Sequence[ast.AST]) -> set[str]:
    """Return the names whose object may be changed in place: `x[k] = ...`, `x.a = ...`, `x.f(...)` and `f(x)`."""
    names: set[str] = set()
    for root in nodes:
        for node in ast.walk(root):
            if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
                names |= _bases([node])
            elif isinstance(node, ast.Call):
                names |= _bases([*node.args, *(keyword.value for keyword in node.keywords)])
                if isinstance(node.func, ast.Attribute):
                    names |= _bases([node.func.value])
    return names - _inner_names(nodes)


def _bases(nodes: Sequence[ast.expr]) -> set[str]:
    """The names that expressions such as `x`, `x.a[k].b` and `*x` start from."""
    names: set[str] = set()
    for node in nodes:
        while isinstance(node, ast.Subscript | ast.Attribute | ast.Starred):
            node = node.value
        if isinstance(node, ast.Name):
            names.add(node.id)
    return names


def _inner_names(nodes: Sequence[ast.AST]) -> set[str]:
    """Names that comprehensions, lambdas and nested functions bind for themselves."""
    names: set[str] = set()
    for root in nodes:
        for node in ast.walk(root):
            if isinstance(node, ast.comprehension):
                names |= {part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)}
            elif isinstance(node, ast.Lambda | ast.FunctionDef):
                names |= {arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
                if isinstance(node, ast.FunctionDef):
                    names |= assigned_names(node.body)
    return names
