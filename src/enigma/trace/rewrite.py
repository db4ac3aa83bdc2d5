"""Rewrites a kernel's Python source so that control flow on traced values becomes nodes; line and column numbers stay.

Every `if`, loop, `and`, `or`, `not`, ternary and chained comparison becomes a call that does what Python does when its
condition is a Python value, and records structured control flow when it is traced (`control.py`, `loops.py`).
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from types import CodeType
from typing import Any, cast

from enigma.errors import EnigmaError, EnigmaSyntaxError, raise_all
from enigma.source import SourceLoc
from enigma.trace.components import ComponentLowering
from enigma.trace.exits import RUNTIME, ExitLowering, place
from enigma.trace.scopes import assigned_names, inner_functions, mutated_names, own_statements
from enigma.trace.sources import Source, as_function, bare, compiled

_UNSUPPORTED: dict[type[ast.AST], tuple[str, str]] = {
    ast.Try: ("`try` is not supported in a kernel", "a kernel raises nothing: test the value instead"),
    ast.TryStar: ("`try` is not supported in a kernel", "a kernel raises nothing: test the value instead"),
    ast.Yield: ("a kernel cannot be a generator", "store results in a buffer"),
    ast.YieldFrom: ("a kernel cannot be a generator", "store results in a buffer"),
    ast.Await: ("`await` is not supported in a kernel", "a kernel runs as one piece"),
    ast.AsyncFor: ("`async for` is not supported in a kernel", "write `for`"),
    ast.AsyncWith: ("`async with` is not supported in a kernel", "write `with`"),
    ast.AsyncFunctionDef: ("an async function is not supported in a kernel", "write `def`"),
    ast.ClassDef: ("a class cannot be defined in a kernel", "define it at the top of the module"),
    ast.Match: ("`match` is not supported in a kernel", "write `if`, `elif` and `else`"),
    ast.Global: (
        "`global` is not supported in a kernel",
        "pass the value as a parameter, and results through a buffer",
    ),
    ast.Delete: ("`del` is not supported in a kernel", "leave the variable as it is"),
    ast.Import: ("`import` is not supported in a kernel", "import at the top of the module"),
    ast.ImportFrom: ("`import` is not supported in a kernel", "import at the top of the module"),
}


class Rewriter(ast.NodeTransformer):
    """Rewrites the functions of one source text; independent mistakes are collected in `errors`."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[EnigmaError] = []
        self.stops: dict[ast.stmt, str] = {}
        self.inner_assigned: set[str] = set()
        self.inner_mutated: set[str] = set()
        self.count = 0

    def fail(self, node: ast.AST, message: str, help: str) -> None:
        """Note a mistake at a node."""
        loc = SourceLoc(self.file, getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1)
        self.errors.append(EnigmaSyntaxError(message, loc=loc, help=help))

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Refuse what a kernel cannot contain."""
        if type(node) in _UNSUPPORTED:
            self.fail(node, *_UNSUPPORTED[type(node)])
            return node
        return super().generic_visit(node)

    # ---- functions

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A function: exits become flags, its statements are rewritten, its variables exist from the start."""
        outer = self.stops, self.inner_assigned, self.inner_mutated
        node.body = ComponentLowering(node, self._fresh).statements(node.body)
        lowering = ExitLowering(self.fail)
        self.stops = lowering.stops
        node.body = lowering.function(node.name, node.body)
        self._note_inner_functions(node.body)
        args = node.args
        params = {
            arg.arg
            for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
            if arg is not None
        }
        own = list(own_statements(node.body))
        outside = {name for part in own if isinstance(part, ast.Nonlocal) for name in part.names}
        changed = assigned_names([part for part in own if isinstance(part, ast.If | ast.For | ast.While)])
        fresh = sorted(changed - params - outside)
        node.body = self._statements(node.body)
        at = node.body[0]
        start = [
            self._assign([name], self._call("undefined", [_constant(name, at)], at), at, single=True) for name in fresh
        ]
        doc = 1 if ast.get_docstring(node, clean=False) is not None else 0
        node.body[doc:doc] = start
        self.stops, self.inner_assigned, self.inner_mutated = outer
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        args.defaults = [self.visit(default) for default in args.defaults]
        args.kw_defaults = [default if default is None else self.visit(default) for default in args.kw_defaults]
        return node

    def _note_inner_functions(self, body: Sequence[ast.stmt]) -> None:
        """What functions defined in this one change in its variables: a call of one may change them."""
        inner = inner_functions(body)
        own = {name for part in own_statements(body) if isinstance(part, ast.Nonlocal) for name in part.names}
        declared = [part for function in inner for part in ast.walk(function) if isinstance(part, ast.Nonlocal)]
        self.inner_assigned = {name for part in declared for name in part.names} - own
        self.inner_mutated = mutated_names(inner)

    def _statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for statement in body:
            new = self.visit(statement)
            out.extend(cast(list[ast.stmt], new) if isinstance(new, list) else [new])
        return out

    # ---- statements

    def visit_If(self, node: ast.If) -> Any:
        """`if`: one Python loop that runs the branch, or both of them one after the other."""
        names, extra = self._changed([node])
        branches = self._fresh("branches")
        test = self.visit(node.test)
        values = self._tuple(names, node)
        body = place(ast.If(_load("__branch", node), self._statements(node.body), self._statements(node.orelse)), node)
        leave = self._assign(names, self._method(branches, "leave", [values], node), node)
        loop = self._for_each(branches, "__branch", [body, leave], node)
        call = self._call("if_", [test, _names(names, node), self._tuple(names, node), self._dict(extra, node)], node)
        return [
            self._assign([branches], call, node, single=True),
            loop,
            self._assign(names, self._method(branches, "result", [], node), node),
        ]

    def visit_While(self, node: ast.While) -> Any:
        """`while`: see `loops.WhileLoop`."""
        if any(isinstance(part, ast.NamedExpr) for part in ast.walk(node.test)):
            message = "`:=` is not supported in the condition of a `while`"
            self.fail(node.test, message, "assign before the loop and at the end of its body")
        names, extra = self._changed([node])
        stop = self.stops.get(node)
        loop = self._fresh("loop")
        enter = self._assign(names, self._method(loop, "enter", [], node), node)
        inside = self._assign(names, self._method(loop, "body", [], node), node)
        leave = self._assign(names, self._method(loop, "leave", [self._tuple(names, node)], node), node)
        test = self._method(loop, "test", [self.visit(node.test)], node)
        body = place(ast.If(test, [inside, *self._statements(node.body), leave], []), node)
        args = [_names(names, node), self._tuple(names, node), self._dict(extra, node), _stop(names, stop, node)]
        return [
            self._assign([loop], self._call("while_", args, node), node, single=True),
            self._for_each(loop, "__step", [enter, body], node),
            self._assign(names, self._method(loop, "result", [], node), node),
        ]

    def visit_For(self, node: ast.For) -> Any:
        """`for`: see `loops.ForLoop`."""
        names, extra = self._changed([node])
        stop = self.stops.get(node)
        targets = sorted({part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)})
        loop = self._fresh("loop")
        enter = self._assign(names, self._method(loop, "enter", [], node), node)
        item: ast.expr = self._method(loop, "item", [], node)
        if isinstance(node.target, ast.Name):
            item = self._call("named", [_constant(node.target.id, node), item], node)
        target = place(ast.Assign([node.target], item), node)
        leave = self._assign(names, self._method(loop, "leave", [self._tuple(names, node)], node), node)
        args = [
            self.visit(node.iter), _names(names, node), self._tuple(names, node), self._dict(extra, node), _stop(names, stop, node),
            _names(targets, node),
        ]  # fmt: skip
        return [
            self._assign([loop], self._call("for_", args, node), node, single=True),
            self._for_each(loop, "__step", [enter, target, *self._statements(node.body), leave], node),
            self._assign(names, self._method(loop, "result", [], node), node),
        ]

    def visit_With(self, node: ast.With) -> Any:
        """`with x as y`: a traced value, a loop's counter say, takes the name of its variable."""
        for item in node.items:
            item.context_expr = self.visit(item.context_expr)
        targets = [item.optional_vars for item in node.items if item.optional_vars is not None]
        found = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
        named = [
            place(ast.Expr(self._call("named", [_constant(name, node), _load(name, node)], node)), node)
            for name in found
        ]
        node.body = [*named, *self._statements(node.body)]
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        """`x = value`: a traced value takes the name of its first variable."""
        node.value = self.visit(node.value)
        node.targets = [self.visit(target) for target in node.targets]
        target = node.targets[0]
        if isinstance(target, ast.Name) and not isinstance(node.value, ast.Constant):
            node.value = self._call("named", [_constant(target.id, node), node.value], node.value)
        elif isinstance(target, ast.Tuple) and all(isinstance(part, ast.Name) for part in target.elts):
            names = [part.id for part in target.elts if isinstance(part, ast.Name)]
            node.value = self._call("all_named", [_names(names, node), node.value], node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """`x += value`: the new value has the variable's name too."""
        node.value = self.visit(node.value)
        node.target = self.visit(node.target)
        if not isinstance(node.target, ast.Name):
            return node
        name = node.target.id
        return [
            node,
            self._assign(
                [name], self._call("named", [_constant(name, node), _load(name, node)], node), node, single=True
            ),
        ]

    def visit_Raise(self, node: ast.Raise) -> Any:
        """`raise` under a Python condition is the program's own; under a traced one it is refused when it is reached."""
        return [place(ast.Expr(self._call("raised", [], node)), node), self.generic_visit(node)]

    def visit_Assert(self, node: ast.Assert) -> Any:
        """`assert` of Python values."""
        node.test = self._call("asserted", [self.visit(node.test)], node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """`x: enigma.f32 = value` converts the value."""
        if node.value is None:
            return place(ast.Pass(), node)
        if not isinstance(node.target, ast.Name):
            return self.generic_visit(node)
        value = self._call(
            "annotated", [_constant(node.target.id, node), self.visit(node.value), node.annotation], node
        )
        return self._assign([node.target.id], value, node, single=True)

    # ---- expressions

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """`a and b`: b only where it is wanted."""
        function = "and_" if isinstance(node.op, ast.And) else "or_"
        result: ast.expr = self.visit(node.values[0])
        for value in node.values[1:]:
            result = self._call(function, [result, self._lazy(value)], node)
        return result

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        """`not a`."""
        operand = self.visit(node.operand)
        if isinstance(node.op, ast.Not):
            return self._call("not_", [operand], node)
        node.operand = operand
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """`a if c else b`."""
        return self._call(
            "if_expression", [self.visit(node.test), self._lazy(node.body), self._lazy(node.orelse)], node
        )

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """Chained comparisons, and `in`."""
        left = self.visit(node.left)
        if len(node.ops) == 1:
            op, right = node.ops[0], node.comparators[0]
            if isinstance(op, ast.In | ast.NotIn):
                found = self._call("contains", [left, self.visit(right)], node)
                return self._call("not_", [found], node) if isinstance(op, ast.NotIn) else found
            node.left, node.comparators = left, [self.visit(right)]
            return node
        tests = [
            self._tuple_of([self._comparison(op, node), self._lazy(right)], node)
            for op, right in zip(node.ops, node.comparators, strict=True)
        ]
        return self._call("compare", [left, self._tuple_of(tests, node)], node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """A call: Python functions are rewritten before they run, some builtins work on traced values."""
        if not _is_ours(node.func):
            node.func = place(self._call("call", [self.visit(node.func)], node.func), node.func)
        node.args = [self.visit(arg) for arg in node.args]
        node.keywords = [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]
        for keyword in node.keywords:
            place(keyword, node)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        """`a[i]` where it is read: Python's numbers become a table when `i` is traced."""
        node.value = self.visit(node.value)
        node.slice = self.visit(node.slice)
        if not isinstance(node.ctx, ast.Load) or not _may_be_traced(node.slice):
            return node
        if isinstance(node.slice, ast.Tuple):  # as an argument, a slice has no syntax of its own
            node.slice.elts = [self._slice(x) if isinstance(x, ast.Slice) else x for x in node.slice.elts]
        match node.value:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                pass
            case _:
                name = None
        return self._call("item", [node.value, node.slice, _constant(name, node)], node)

    def _slice(self, x: ast.Slice) -> ast.expr:
        parts = [_constant(None, x) if part is None else part for part in (x.lower, x.upper, x.step)]
        return self._call("slice", parts, x)

    # ---- pieces

    def _changed(self, nodes: list[ast.stmt]) -> tuple[list[str], list[str]]:
        names, mutated = assigned_names(nodes), mutated_names(nodes)
        if (self.inner_assigned or self.inner_mutated) and any(
            isinstance(p, ast.Call) for node in nodes for p in ast.walk(node)
        ):
            names, mutated = names | self.inner_assigned, mutated | self.inner_mutated
        return sorted(names), sorted(mutated - names)

    def _fresh(self, word: str) -> str:
        self.count += 1
        return f"__{word}{self.count}"

    def _lazy(self, expr: ast.expr) -> ast.expr:
        for part in ast.walk(expr):
            if isinstance(part, ast.NamedExpr):
                self.fail(part, "`:=` is not supported here", "assign before the expression")
        args = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
        return place(ast.Lambda(args, self.visit(expr)), expr)

    def _comparison(self, op: ast.cmpop, at: ast.AST) -> ast.expr:
        sides = [ast.arg("a"), ast.arg("b")]
        for side in sides:
            place(side, at)
        args = ast.arguments(posonlyargs=[], args=sides, kwonlyargs=[], kw_defaults=[], defaults=[])
        left, right = _load("a", at), _load("b", at)
        test: ast.expr = place(ast.Compare(left, [op], [right]), at)
        if isinstance(op, ast.In | ast.NotIn):
            test = self._call("contains", [left, right], at)
            test = self._call("not_", [test], at) if isinstance(op, ast.NotIn) else test
        return place(ast.Lambda(args, test), at)

    def _call(self, function: str, args: list[ast.expr], at: ast.AST) -> ast.expr:
        attribute = place(ast.Attribute(_load(RUNTIME, at), function, ast.Load()), at)
        return place(ast.Call(attribute, args, []), at)

    def _method(self, name: str, method: str, args: list[ast.expr], at: ast.AST) -> ast.expr:
        attribute = place(ast.Attribute(_load(name, at), method, ast.Load()), at)
        return place(ast.Call(attribute, args, []), at)

    def _tuple(self, names: list[str], at: ast.AST) -> ast.expr:
        return self._tuple_of([_load(name, at) for name in names], at)

    def _dict(self, names: list[str], at: ast.AST) -> ast.expr:
        return place(ast.Dict([_constant(name, at) for name in names], [_load(name, at) for name in names]), at)

    def _tuple_of(self, items: list[ast.expr], at: ast.AST) -> ast.expr:
        return place(ast.Tuple(items, ast.Load()), at)

    def _assign(self, names: list[str], value: ast.expr, at: ast.AST, *, single: bool = False) -> ast.stmt:
        stores: list[ast.expr] = [place(ast.Name(name, ast.Store()), at) for name in names]
        target = stores[0] if single else place(ast.Tuple(stores, ast.Store()), at)
        return place(ast.Assign([target], value), at)

    def _for_each(self, items: str, target: str, body: list[ast.stmt], at: ast.AST) -> ast.stmt:
        store = place(ast.Name(target, ast.Store()), at)
        return place(ast.For(store, _load(items, at), body, []), at)


def _may_be_traced(index: ast.expr) -> bool:
    """Return whether an index can hold a traced value: no literal and no slice does."""
    if isinstance(index, ast.Tuple):
        plain = not any(isinstance(part, ast.Starred) for part in index.elts)
        return plain and any(_may_be_traced(part) for part in index.elts)
    if isinstance(index, ast.UnaryOp):
        return _may_be_traced(index.operand)
    return not isinstance(index, ast.Constant | ast.Slice)


def _position(loc: Any) -> tuple[int, int]:
    return (loc.line, loc.col) if isinstance(loc, SourceLoc) else (0, 0)


def _is_ours(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == RUNTIME


def _load(name: str, at: ast.AST) -> ast.expr:
    return place(ast.Name(name, ast.Load()), at)


def _constant(value: Any, at: ast.AST) -> ast.expr:
    return place(ast.Constant(value), at)


def _names(names: list[str], at: ast.AST) -> ast.expr:
    return place(ast.Tuple([_constant(name, at) for name in names], ast.Load()), at)


def _stop(names: list[str], stop: str | None, at: ast.AST) -> ast.expr:
    return _constant(names.index(stop) if stop is not None and stop in names else None, at)


def rewrite(source: Source, code: CodeType) -> CodeType | None:
    """Return the code of a function with its control flow rewritten; None for one that is not a plain function.

    It has one more free variable, `RUNTIME`. Raises located `EnigmaSyntaxError`s, all of a function's together, for what a
    kernel cannot contain.
    """
    node = as_function(source.fresh())
    if node is None:
        return None
    rewriter = Rewriter(source.file)
    node.name = code.co_name
    rewritten = rewriter.visit(bare(node))
    raise_all(sorted(rewriter.errors, key=lambda error: _position(error.loc)))
    free = [RUNTIME, *(name for name in code.co_freevars if name != RUNTIME)]
    new = compiled(rewritten, source.file, free, source.owner)
    return new.replace(co_name=code.co_name, co_qualname=code.co_qualname)
