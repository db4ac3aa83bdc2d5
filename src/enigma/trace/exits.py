"""`break`, `continue` and early `return` as flags and nested branches, so that every block has one way out.

Works on the AST before statements are rewritten. After `if c: return`, what follows moves into the `else`; where a branch only
may leave, what follows is guarded by the flag. A loop that can be left has a stop flag named `__stop<n>`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

RUNTIME = "__en__"  # what rewritten code calls; `convert.Runtime`
RETURNED, RESULT = "__returned", "__result"


@dataclass(slots=True)
class Exits:
    """The flags a statement list may set, and whether it always leaves."""

    flags: set[str] = field(default_factory=set[str])
    always: bool = False


@dataclass(slots=True)
class LoopFlags:
    """The flags of one loop: to leave it, and to go on with the next round."""

    stop: str
    skip: str
    left: bool = False
    skipped: bool = False
    broken: bool = False


NodeT = TypeVar("NodeT", bound=ast.AST)


def place(new: NodeT, at: ast.AST) -> NodeT:
    """Return `new` at the start of `at`, on one line: Python gives a call that spans lines the place of its end."""
    placed: Any = ast.copy_location(new, at)
    if hasattr(placed, "end_lineno") and placed.end_lineno != placed.lineno:
        placed.end_lineno, placed.end_col_offset = placed.lineno, placed.col_offset + 1
    return new


class ExitLowering:
    """Lowers the exits of one function body; `fail` raises a located error for a construct that has none."""

    def __init__(self, fail: Callable[[ast.AST, str, str], None]) -> None:
        self.fail = fail
        self.loops: list[LoopFlags] = []
        self.count = 0
        self.stops: dict[ast.stmt, str] = {}

    def function(self, name: str, body: list[ast.stmt]) -> list[ast.stmt]:
        """Return the body of the function `name` with at most one `return`, its last statement."""
        if not _needs_lowering(body):
            return body
        doc = 1 if _is_text(body[0]) else 0
        lowered, exits = self.block(body[doc:])
        if RETURNED not in exits.flags:
            return [*body[:doc], *lowered]
        at = body[-1]
        parts: list[ast.expr] = [
            _name(RETURNED, at),
            _name(RESULT, at),
            _constant(exits.always, at),
            _constant(name, at),
        ]
        returned = place(ast.Attribute(_name(RUNTIME, at), "returned", ast.Load()), at)
        end = place(ast.Return(place(ast.Call(returned, parts, []), at)), at)
        return [*body[:doc], _assign(RETURNED, _false(body[0]), body[0]), *lowered, end]

    def block(self, body: list[ast.stmt]) -> tuple[list[ast.stmt], Exits]:
        """Return a statement list without exits, and what it may do."""
        out: list[ast.stmt] = []
        for index, statement in enumerate(body):
            new, exits = self.statement(statement, body[index + 1 :])
            out.extend(new)
            if exits.always or exits.flags:
                return self._rest(out, exits, body[index + 1 :], statement)
        return out, Exits()

    def _rest(
        self, out: list[ast.stmt], exits: Exits, rest: list[ast.stmt], at: ast.stmt
    ) -> tuple[list[ast.stmt], Exits]:
        if exits.always or not rest or getattr(at, "took_rest", False):
            return out, exits
        lowered, more = self.block(rest)
        guard = _guard(sorted(exits.flags), lowered, at)
        # either it has left already, or the rest runs
        return [*out, guard], Exits(exits.flags | more.flags, more.always)

    def statement(self, node: ast.stmt, rest: list[ast.stmt]) -> tuple[list[ast.stmt], Exits]:
        """Return one statement without exits; an `if` may take what follows it into a branch."""
        match node:
            case ast.Return():
                return self._return(node)
            case ast.Break():
                self.loops[-1].left = self.loops[-1].broken = True
                return [_assign(self.loops[-1].stop, _true(node), node)], Exits({self.loops[-1].stop}, True)
            case ast.Continue():
                self.loops[-1].skipped = True
                return [_assign(self.loops[-1].skip, _true(node), node)], Exits({self.loops[-1].skip}, True)
            case ast.If():
                return self._if(node, rest)
            case ast.For() | ast.While():
                return self._loop(node)
            case ast.With():
                node.body, exits = self.block(node.body)
                if exits.flags:
                    self.fail(
                        node,
                        "`return`, `break` and `continue` cannot leave a `with` block",
                        "write native `if` and `for`",
                    )
                return [node], Exits()
            case _:
                return [node], Exits()

    def _return(self, node: ast.Return) -> tuple[list[ast.stmt], Exits]:
        out = [_assign(RESULT, node.value or _constant(None, node), node)]
        out.append(_assign(RETURNED, _true(node), node))
        flags = {RETURNED}
        for loop in self.loops[-1:]:
            loop.left = True
            out.append(_assign(loop.stop, _true(node), node))
            flags.add(loop.stop)
        return out, Exits(flags, True)

    def _if(self, node: ast.If, rest: list[ast.stmt]) -> tuple[list[ast.stmt], Exits]:
        if not _has_exit([node]):
            return [node], Exits()
        then, a = self.block(node.body)
        if a.always and rest:
            orelse, b = self.block([*node.orelse, *rest])
            took = True
        else:
            orelse, b = self.block(node.orelse)
            took = False
            if b.always and not a.always and rest:
                then, a = self.block([*node.body, *rest])
                took = True
        new = place(ast.If(node.test, then or [place(ast.Pass(), node)], orelse), node)
        node.took_rest = took  # type: ignore[attr-defined]
        return [new], Exits(a.flags | b.flags, a.always and b.always)

    def _loop(self, node: ast.For | ast.While) -> tuple[list[ast.stmt], Exits]:
        if node.orelse:
            self.fail(
                node,
                f"a `{'for' if isinstance(node, ast.For) else 'while'}` with `else` is not supported",
                "set a flag before `break`",
            )
        self.count += 1
        flags = LoopFlags(f"__stop{self.count}", f"__skip{self.count}")
        self.loops.append(flags)
        body, exits = self.block(node.body)
        self.loops.pop()
        out: list[ast.stmt] = []
        if flags.skipped:
            body = [_assign(flags.skip, _false(node), node), *body]
        node.body = body or [place(ast.Pass(), node)]
        if not flags.left:
            return [node], Exits()
        out.append(_assign(flags.stop, _false(node), node))
        if isinstance(node, ast.For):
            node.body = [_guard([flags.stop], node.body, node)]
        self.stops[node] = flags.stop
        out.append(node)
        if RETURNED not in exits.flags:
            return out, Exits()
        endless = isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)
        return self._after_loop(node, out, always=endless and not flags.broken)

    def _after_loop(self, node: ast.stmt, out: list[ast.stmt], *, always: bool) -> tuple[list[ast.stmt], Exits]:
        flags = {RETURNED}
        for loop in self.loops[-1:]:  # a return in an inner loop leaves the outer one too
            loop.left = True
            leave = _assign(loop.stop, _true(node), node)
            out.append(place(ast.If(_name(RETURNED, node), [leave], []), node))
            flags.add(loop.stop)
        return out, Exits(flags, always)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _needs_lowering(body: list[ast.stmt]) -> bool:
    last = body[-1] if body else None
    return any(
        _has_exit([statement]) for statement in body if not (statement is last and isinstance(statement, ast.Return))
    )


def _has_exit(body: list[ast.stmt]) -> bool:
    """Whether a `return`, `break` or `continue` stands in these statements, nested functions left out."""
    for statement in body:
        if isinstance(statement, ast.Return | ast.Break | ast.Continue):
            return True
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for field_name in ("body", "orelse", "finalbody"):
            inner = getattr(statement, field_name, None)
            if isinstance(inner, list) and _has_exit(cast(list[ast.stmt], inner)):
                return True
    return False


def _guard(flags: list[str], body: list[ast.stmt], at: ast.AST) -> ast.If:
    """`if not (a or b): body`."""
    test: ast.expr = _name(flags[0], at)
    for flag in flags[1:]:
        test = place(ast.BoolOp(ast.Or(), [test, _name(flag, at)]), at)
    negated = place(ast.UnaryOp(ast.Not(), test), at)
    return place(ast.If(negated, body or [place(ast.Pass(), at)], []), at)


def _assign(name: str, value: ast.expr, at: ast.AST) -> ast.stmt:
    target = place(ast.Name(name, ast.Store()), at)
    return place(ast.Assign([target], value), at)


def _name(name: str, at: ast.AST) -> ast.Name:
    return place(ast.Name(name, ast.Load()), at)


def _constant(value: bool | str | None, at: ast.AST) -> ast.expr:
    return place(ast.Constant(value), at)


def _true(at: ast.AST) -> ast.expr:
    return _constant(True, at)


def _false(at: ast.AST) -> ast.expr:
    return _constant(False, at)
