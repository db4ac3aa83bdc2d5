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
from enigma.trace.matrices import kind_of, with_element
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


def assign_element(target: Any, index: Any, value: Any) -> Any:
    """Return what a variable holds after `target.thread_elements[index] = value`: a new matrix, or the same object changed."""
    if kind_of(target) is not None:
        return with_element(target, index, value, caller())
    target.thread_elements[index] = value
    return target


def assign_element_in(target: Any, key: Any, index: Any, value: Any) -> None:
    """Do `target[key].thread_elements[index] = value`: the matrix in a list is replaced."""
    held = target[key]
    if kind_of(held) is not None:
        target[key] = with_element(held, index, value, caller())
    else:
        held.thread_elements[index] = value


def assign_of(owner: Any, attribute: str, name: str, value: Any) -> None:
    """Do `owner.attribute.name = value`: an attribute that is a vector gets a new one."""
    held = getattr(owner, attribute)
    if isinstance(held, TracedValue) and isinstance(held.type, Vector):
        setattr(owner, attribute, replaced(held, name, value, caller()))
    else:
        setattr(held, name, value)


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
        """`v.x += value`, `A[i].x += value`: what stands before the component is computed once."""
        target = node.target
        if (found := _element_of(target)) is not None and isinstance(target, ast.Subscript):
            now = place(ast.Subscript(target.value, found[1], ast.Load()), target)
            return self._set(target, place(ast.BinOp(now, node.op, node.value), node), node) or node
        if not isinstance(target, ast.Attribute) or not self._is_component(target):
            return node
        before: list[ast.stmt] = []
        self._hold(target.value, before)
        now = place(ast.Attribute(_loaded(target.value), target.attr, ast.Load()), target)
        made = self._set(target, place(ast.BinOp(now, node.op, node.value), node), node)
        return node if made is None else [*before, made]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """`v.x: en.f32 = value`, whose annotation says nothing."""
        made = None if node.value is None else self._set(node.target, node.value, node)
        return node if made is None else made

    def visit_For(self, node: ast.For) -> ast.AST:
        """`for v.x in ...`: set where the body begins."""
        after: list[ast.stmt] = []
        node.target = self._target(node.target, after)
        self.generic_visit(node)
        node.body = [*after, *node.body]
        return node

    def _hold(self, base: ast.expr, before: list[ast.stmt]) -> None:
        """Put what an access is made of into temporaries, unless it is a name or a number; `before` gets what sets these."""
        if isinstance(base, ast.Subscript):
            base.value = self._held(base.value, before)
            base.slice = self._held(base.slice, before)
        elif isinstance(base, ast.Attribute):
            base.value = self._held(base.value, before)

    def _held(self, part: ast.expr, before: list[ast.stmt]) -> ast.expr:
        if isinstance(part, ast.Name | ast.Constant):
            return part
        temporary = self._fresh("component")
        before.append(place(ast.Assign([place(ast.Name(temporary, ast.Store()), part)], part), part))
        return place(ast.Name(temporary, ast.Load()), part)

    def _is_component(self, target: ast.expr) -> bool:
        if not isinstance(target, ast.Attribute) or lanes_named(target.attr) is None:
            return False
        base = target.value
        if isinstance(base, ast.Subscript):
            return not any(isinstance(part, ast.Slice) for part in ast.walk(base.slice))
        return isinstance(base, ast.Attribute) or (isinstance(base, ast.Name) and base.id in self._local)

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
        if (found := _element_of(target)) is not None:
            return self._set_element(*found, value, at)
        if not isinstance(target, ast.Attribute) or not self._is_component(target):
            return None
        name = place(ast.Constant(target.attr), at)
        if isinstance(target.value, ast.Subscript):
            base, index = target.value.value, target.value.slice
            return place(ast.Expr(_call("assign_component_in", [base, index, name, value], at)), at)
        if isinstance(target.value, ast.Attribute):
            owner, attribute = target.value.value, place(ast.Constant(target.value.attr), at)
            return place(ast.Expr(_call("assign_component_of", [owner, attribute, name, value], at)), at)
        if not isinstance(target.value, ast.Name):
            return None
        held = place(ast.Name(target.value.id, ast.Load()), at)
        new = _call("assign_component", [held, name, value], at)
        return place(ast.Assign([place(ast.Name(target.value.id, ast.Store()), at)], new), at)

    def _set_element(self, base: ast.expr, index: ast.expr, value: ast.expr, at: ast.AST) -> ast.stmt | None:
        """Return the statement that sets an element of a simdgroup's matrix; None where the matrix is in no variable or list."""
        if isinstance(base, ast.Subscript):
            return place(ast.Expr(_call("assign_element_in", [base.value, base.slice, index, value], at)), at)
        if not isinstance(base, ast.Name) or base.id not in self._local:
            return None
        held = place(ast.Name(base.id, ast.Load()), at)
        new = _call("assign_element", [held, index, value], at)
        return place(ast.Assign([place(ast.Name(base.id, ast.Store()), at)], new), at)


def _element_of(target: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """Return the matrix and the number of an element in `m.thread_elements[k]`, None for other targets."""
    if not isinstance(target, ast.Subscript):
        return None
    held = target.value
    if isinstance(held, ast.Call) and not held.args and not held.keywords:
        held = held.func
    if isinstance(held, ast.Attribute) and held.attr == "thread_elements":
        return held.value, target.slice
    return None


def _loaded(base: ast.expr) -> ast.expr:
    """Return an expression that is read and written as it is read."""
    if isinstance(base, ast.Subscript):
        return place(ast.Subscript(base.value, base.slice, ast.Load()), base)
    if isinstance(base, ast.Attribute):
        return place(ast.Attribute(base.value, base.attr, ast.Load()), base)
    return place(ast.Name(base.id, ast.Load()), base) if isinstance(base, ast.Name) else base


def _call(function: str, args: list[ast.expr], at: ast.AST) -> ast.expr:
    attribute = place(ast.Attribute(place(ast.Name(RUNTIME, ast.Load()), at), function, ast.Load()), at)
    return place(ast.Call(attribute, args, []), at)
