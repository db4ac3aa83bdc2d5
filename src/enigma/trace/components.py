"""Rewrites assignments to components, `v.x = value`, into assignments of the whole vector: vectors are values.

`w = v` followed by `v.x = 1` leaves `w` as it was, as in Metal. The rewriting happens before all other, so a branch or loop that
assigns `v.x` is seen to assign `v`. An object of the program's own with an attribute `x` keeps its meaning: see `assign`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, cast

from enigma.dtypes import Vector
from enigma.source import caller
from enigma.trace.exits import RUNTIME, place
from enigma.trace.scopes import assigned_names, own_statements
from enigma.trace.swizzle import lanes_named, replaced
from enigma.trace.value import Handle, TracedValue


def assign(target: Any, name: str, value: Any) -> Any:
    """Return what a variable holds after `target.name = value`: a new vector, or the same object with its attribute set."""
    if isinstance(target, TracedValue) and not isinstance(target, Handle):
        return replaced(target, name, value, caller())
    setattr(target, name, value)
    return target


def assign_in(target: Any, index: Any, name: str, value: Any) -> None:
    """Do `target[index].name = value`: an element of a buffer of vectors is read, changed and stored."""
    element = target[index]
    if isinstance(element, TracedValue) and isinstance(element.type, Vector):
        target[index] = replaced(element, name, value, caller())
    else:
        setattr(element, name, value)


class ComponentLowering(ast.NodeTransformer):
    """Rewrites one function's own statements; functions inside of it are rewritten when they are visited themselves."""

    def __init__(self, function: ast.FunctionDef, fresh: Callable[[str], str]) -> None:
        args = function.args
        every = (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
        outside = {
            name
            for part in own_statements(function.body)
            if isinstance(part, ast.Nonlocal | ast.Global)
            for name in part.names
        }
        self._local = ({arg.arg for arg in every if arg is not None} | assigned_names(function.body)) | outside
        self._fresh = fresh

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Return the statements rewritten."""
        out: list[ast.stmt] = []
        for statement in body:
            new = self.visit(statement)
            out.extend(cast(list[ast.stmt], new) if isinstance(new, list) else [new])
        return out

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Leave a function inside alone."""
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Leave a lambda alone: it assigns nothing."""
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        """`v.x = value`, also among several targets."""
        if len(node.targets) == 1 and (made := self._set(node.targets[0], node.value, node)) is not None:
            return made
        after: list[ast.stmt] = []
        node.targets = [self._target(target, after) for target in node.targets]
        return [node, *after] if after else node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """`v.x += value`."""
        target = node.target
        if not isinstance(target, ast.Attribute) or not self._is_component(target):
            return node
        if not isinstance(target.value, ast.Name):
            return node
        now = place(
            ast.Attribute(place(ast.Name(target.value.id, ast.Load()), target), target.attr, ast.Load()), target
        )
        return self._set(target, place(ast.BinOp(now, node.op, node.value), node), node)

    def _is_component(self, target: ast.expr) -> bool:
        if not isinstance(target, ast.Attribute) or lanes_named(target.attr) is None:
            return False
        base = target.value
        return isinstance(base, ast.Subscript) or (isinstance(base, ast.Name) and base.id in self._local)

    def _target(self, target: ast.expr, after: list[ast.stmt]) -> ast.expr:
        """Return a target with temporaries in the place of components; `after` gets what sets these."""
        if isinstance(target, ast.Tuple | ast.List):
            target.elts = [self._target(part, after) for part in target.elts]
            return target
        temporary = self._fresh("component")
        made = self._set(target, place(ast.Name(temporary, ast.Load()), target), target)
        if made is None:
            return target
        after.append(made)
        return place(ast.Name(temporary, ast.Store()), target)

    def _set(self, target: ast.expr, value: ast.expr, at: ast.AST) -> ast.stmt | None:
        """Return the statement that sets a component; None where the target is none."""
        if not isinstance(target, ast.Attribute) or not self._is_component(target):
            return None
        name = place(ast.Constant(target.attr), at)
        if isinstance(target.value, ast.Subscript):
            base, index = target.value.value, target.value.slice
            return place(ast.Expr(_call("assign_component_in", [base, index, name, value], at)), at)
        if not isinstance(target.value, ast.Name):
            return None
        held = place(ast.Name(target.value.id, ast.Load()), at)
        new = _call("assign_component", [held, name, value], at)
        return place(ast.Assign([place(ast.Name(target.value.id, ast.Store()), at)], new), at)


def _call(function: str, args: list[ast.expr], at: ast.AST) -> ast.expr:
    attribute = place(ast.Attribute(place(ast.Name(RUNTIME, ast.Load()), at), function, ast.Load()), at)
    return place(ast.Call(attribute, args, []), at)
