"""Expressions of a C-like language as text, put together with the parentheses a reader and `clang -Wall` want."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from enigma.dtypes import Matrix, Numeric, b1, bf16, i32
from enigma.emit.literal import typed, untyped
from enigma.spec.spelling import Infix, Precedence

_BINARY = (Precedence.BIT_OR, Precedence.MULTIPLICATIVE)
_COMPARISONS = (Precedence.EQUALITY, Precedence.RELATIONAL)
_BITS = (Precedence.BIT_OR, Precedence.BIT_XOR, Precedence.BIT_AND)
_ASSIGNABLE = frozenset(("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"))
_SIGN_BLIND = frozenset("+-*&|^")
_REPEATS = frozenset(("+", "-", "*", "/", "%", "&", "|", "^", "<", ">", "<=", ">=", "==", "!="))
"""Operators that take a number beside a vector."""


class Loose(Enum):
    """Why an expression may be written shorter where its surroundings convert it to the same value."""

    LITERAL = "an integer literal without its suffix"
    PROMOTION = "C's integer promotion of a narrow integer to int"
    WIDENING = "a conversion that loses nothing"
    SIGN = "a signed integer read as unsigned of the same width"
    SPLAT = "a number beside a vector, which repeats it"
    PACKED = "a packed vector, which becomes a plain one where it is assigned"


@dataclass(frozen=True, slots=True)
class Update:
    """The last operation of an expression, when `x = x op rest` may be written `x op= rest`."""

    symbol: str
    left: str
    right: Expr
    commutes: bool


@dataclass(frozen=True, slots=True)
class Expr:
    """Text of dtype `dtype` and what moving it means: the locals it names, whether it reads memory or other lanes.

    `loose` is the same value written shorter, valid where `why` says; `opposite` the negated condition; `constant` its
    truth value when it is decided; `component` the vector's text, the number of the component that it is, and of how many;
    `changed` a vector's text, the names of the components in which this one differs from it, and what these are.
    """

    text: str
    dtype: Numeric
    level: Precedence = Precedence.POSTFIX
    names: frozenset[str] = frozenset()
    reads: bool = False
    sync: bool = False
    trivial: bool = False
    loose: Expr | None = None
    why: Loose | None = None
    opposite: Expr | None = None
    update: Update | None = None
    constant: bool | None = None
    component: tuple[str, int, int] | None = None
    changed: tuple[str, str, Expr] | None = None

    def inside(self, level: Precedence, *, right: bool = False, associative: bool = False) -> str:
        """Return the text as an operand of an operation of `level`, in parentheses where needed."""
        return f"({self.text})" if _needs_parentheses(self, level, right=right, associative=associative) else self.text


def _needs_parentheses(child: Expr, parent: Precedence, *, right: bool, associative: bool) -> bool:
    level = child.level
    if level < parent or (level == parent and right and not associative):
        return True
    if not _BINARY[0] <= level <= _BINARY[1] and level != Precedence.LOGICAL_AND:
        return parent in _COMPARISONS and child.text.startswith("!")
    if parent in _BITS:
        return level != parent
    if parent == Precedence.LOGICAL_OR:
        return level == Precedence.LOGICAL_AND
    if parent == Precedence.SHIFT:
        return True
    return parent in _COMPARISONS and (level in _COMPARISONS or level == Precedence.SHIFT)


def name(text: str, dtype: Numeric, *, local: bool = True) -> Expr:
    """Return a variable, parameter or builtin: free to be written again."""
    return Expr(text, dtype, names=frozenset([text.split(".")[0]]) if local else frozenset(), trivial=True)


def literal(value: bool | int | float, dtype: Numeric) -> Expr:
    """Return a number."""
    text, short = typed(value, dtype), untyped(value, dtype)
    level = Precedence.UNARY if text.startswith("-") else Precedence.POSTFIX
    if dtype is b1:
        return Expr(text, dtype, trivial=True, constant=bool(value), opposite=None)
    if not dtype.is_integer or text == "(" + text.strip("()") + ")":
        return Expr(text, dtype, level, trivial=True)
    loose = Expr(short, dtype, Precedence.UNARY if short.startswith("-") else Precedence.POSTFIX, trivial=True)
    return Expr(text, dtype, level, trivial=True, loose=loose, why=Loose.LITERAL)


def merged(text: str, dtype: Numeric, level: Precedence, parts: Iterable[Expr]) -> Expr:
    """Return an expression made of `parts`, with all that moving them means."""
    names: frozenset[str] = frozenset()
    reads = sync = False
    for part in parts:
        names |= part.names
        reads |= part.reads
        sync |= part.sync
    return Expr(text, dtype, level, names, reads, sync)


def conversion(explicit: Expr, inner: Expr) -> Expr:
    """Return the cast `explicit` of `inner`, with the shorter text that implicit conversions allow."""
    why = _implicit(inner.dtype, explicit.dtype)
    return explicit if why is None else replace(explicit, loose=inner, why=why)


def _implicit(source: Numeric, target: Numeric) -> Loose | None:
    if target.parts > 1 or source.parts > 1:
        return None
    if target is bf16 or source is b1 or target is b1:
        return None
    if source.is_integer and target.is_integer:
        if source.width == target.width and source.is_signed and not target.is_signed and source.width >= 32:
            return Loose.SIGN
        if source.width >= target.width or (source.is_signed and not target.is_signed):
            return None
        return Loose.PROMOTION if target is i32 else Loose.WIDENING
    if source.is_float and target.is_float:
        return Loose.WIDENING if source.width < target.width else None
    exact = {16: 11, 32: 24}.get(target.width, 0)
    return Loose.WIDENING if source.is_integer and target.is_float and source.width <= min(exact, 16) else None


def assigned(expr: Expr) -> Expr:
    """Return the expression as it is written where it is stored into its own dtype."""
    if expr.loose is not None and expr.why in (Loose.LITERAL, Loose.PROMOTION, Loose.WIDENING, Loose.PACKED):
        return expr.loose
    return expr


def cast_argument(expr: Expr) -> Expr:
    """Return the expression as it is written inside of a cast: a literal needs no type."""
    return expr.loose if expr.loose is not None and expr.why is Loose.LITERAL else expr


def subscript(expr: Expr) -> Expr:
    """Return the expression as it is written as an index, where only its value counts."""
    return expr.loose if expr.loose is not None else expr


def infix(op: Infix, left: Expr, right: Expr, dtype: Numeric, *, commutes: bool = False) -> Expr:
    """Return `left op right`; decided truth values vanish, and `a + -1` becomes `a - 1`."""
    if op.level in (Precedence.LOGICAL_AND, Precedence.LOGICAL_OR):
        decides = op.level == Precedence.LOGICAL_OR
        for one, other in ((left, right), (right, left)):
            if one.constant is not None:
                return one if one.constant is decides else other
    written = left, right
    if op.level == Precedence.RELATIONAL and left.dtype.parts > 1 and left.dtype.element is b1:
        left, right = _as_bytes(left), _as_bytes(right)  # Metal orders no bools in vectors
    left, right = _shift(left, right) if op.level == Precedence.SHIFT else _balance(op, left, right)
    symbol = op.symbol
    # unsigned sums wrap, so they may be regrouped, but only where all of it is of this one type in the text too
    wraps = symbol == "+" and dtype.is_integer and not dtype.is_signed and dtype.width >= 32
    regroups = wraps and left is written[0] and right is written[1]
    if symbol == "+" and right.text.startswith("-") and right.trivial:
        symbol, right = "-", replace(right, text=right.text[1:], level=Precedence.POSTFIX)
    associative = symbol in ("&&", "||") or regroups
    text = f"{left.inside(op.level)} {symbol} {right.inside(op.level, right=True, associative=associative)}"
    whole = any(isinstance(part.dtype, Matrix) for part in (left, right))  # Metal states no `+=` of matrices
    update = Update(symbol, left.text, right, commutes) if symbol in _ASSIGNABLE and not whole else None
    return replace(merged(text, dtype, op.level, (left, right)), update=update)


def _as_bytes(expr: Expr) -> Expr:
    return merged(f"uchar{expr.dtype.lanes}({expr.text})", expr.dtype, Precedence.POSTFIX, (expr,))


def _shift(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Only the left operand decides the type of a shift; a vector is shifted by one of its own type, or by a number."""
    if left.dtype.parts > 1:
        if right.why is not Loose.SPLAT and right.dtype is not left.dtype:
            text = f"{left.dtype.metal_name}({right.text})"
            right = merged(text, left.dtype, Precedence.POSTFIX, (right,))
        return left, right.loose if right.why is Loose.SPLAT and right.loose is not None else right
    if left.loose is not None and left.why is Loose.PROMOTION:
        left = left.loose
    return left, subscript(right)


def _balance(op: Infix, left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Write one operand shorter where the other brings it to the common type."""

    def strong(expr: Expr) -> bool:
        return expr.why is not Loose.LITERAL

    def shorter(expr: Expr, other: Expr) -> Expr | None:
        if expr.loose is None or expr.why is Loose.PACKED or _mixes_badly(expr, op):
            return None
        if expr.why is Loose.SPLAT:
            return None if other.why is Loose.SPLAT or op.symbol not in _REPEATS else assigned(expr.loose)
        if expr.why is Loose.PROMOTION:
            return expr.loose
        if not strong(other) or (expr.why is not Loose.LITERAL and other.loose is not None):
            return None
        return expr.loose

    return shorter(left, right) or left, shorter(right, left) or right


def _mixes_badly(expr: Expr, op: Infix) -> bool:
    if expr.why is Loose.SIGN:
        return op.symbol not in _SIGN_BLIND
    # bfloat has operators of its own and an implicit conversion to float: both fit, which is ambiguous
    return expr.loose is not None and expr.loose.dtype is bf16


def prefix(symbol: str, operand: Expr, dtype: Numeric) -> Expr:
    """Return a unary operation; a negated comparison or decided truth value becomes its opposite."""
    if symbol == "!":
        if operand.constant is not None:
            return literal(not operand.constant, b1)
        if operand.opposite is not None:
            return operand.opposite
    if operand.why is Loose.PROMOTION and operand.loose is not None:
        operand = operand.loose
    inner = operand.inside(Precedence.UNARY)
    text = f"{symbol}({operand.text})" if inner.startswith(symbol) else f"{symbol}{inner}"
    made = merged(text, dtype, Precedence.UNARY, (operand,))
    return replace(made, opposite=operand) if symbol == "!" else made


def negated(condition: Expr) -> Expr:
    """Return the opposite of a condition."""
    return prefix("!", condition, b1)


def ternary(condition: Expr, if_true: Expr, if_false: Expr, dtype: Numeric) -> Expr:
    """Return `condition ? if_true : if_false`, or what it comes to: one side, `&&`, `||`."""
    if condition.constant is not None:
        return if_true if condition.constant else if_false
    if dtype is b1 and if_false.constant is False:
        return infix(Infix("&&", Precedence.LOGICAL_AND), condition, if_true, dtype)
    if dtype is b1 and if_true.constant is True:
        return infix(Infix("||", Precedence.LOGICAL_OR), condition, if_false, dtype)
    first = if_true.inside(Precedence.TERNARY, right=True)
    text = f"{condition.inside(Precedence.LOGICAL_OR)} ? {first} : {if_false.text}"
    return merged(text, dtype, Precedence.TERNARY, (condition, if_true, if_false))


def splat(text: str, inner: Expr, dtype: Numeric) -> Expr:
    """Return a number as a vector of equal components; beside another vector it may stay the number it is."""
    made = merged(text, dtype, Precedence.POSTFIX, (inner,))
    return replace(made, loose=inner, why=Loose.SPLAT, trivial=inner.trivial and not inner.names)


def component(vector: Expr, lane: int, dtype: Numeric) -> Expr:
    """Return one component of a vector."""
    base = vector.inside(Precedence.POSTFIX)
    made = merged(f"{base}.{'xyzw'[lane]}", dtype, Precedence.POSTFIX, (vector,))
    return replace(made, component=(base, lane, vector.dtype.lanes), trivial=vector.trivial)


def assembled(kind: str, parts: Sequence[Expr], dtype: Numeric) -> Expr:
    """Return a vector put together: `float4(x, v.yzw)`; components of one vector alone are `v.zyx`."""
    made = _put_together(kind, parts, dtype)
    places = enumerate(parts)
    kept = [part.component[0] for lane, part in places if part.component and part.component[1:] == (lane, len(parts))]
    if not kept:
        return made
    base = max(kept, key=kept.count)
    lanes = [lane for lane, part in enumerate(parts) if part.component != (base, lane, len(parts))]
    new = [parts[lane] for lane in lanes]
    if not new:
        return made
    value = new[0] if len(new) == 1 else _put_together(f"{kind[:-1]}{len(new)}", new, dtype)
    return replace(made, changed=(base, "".join("xyzw"[lane] for lane in lanes), value))


def _put_together(kind: str, parts: Sequence[Expr], dtype: Numeric) -> Expr:
    texts: list[str] = []
    runs: list[list[Expr]] = []
    for part in parts:
        last = runs[-1][-1] if runs else None
        if last is not None and last.component and part.component and last.component[0] == part.component[0]:
            runs[-1].append(part)
        else:
            runs.append([part])
    for run in runs:
        if run[0].component is None:
            texts.append(assigned(run[0]).text)
        else:
            base, _, count = run[0].component
            order = [part.component[1] for part in run if part.component]
            texts.append(base if order == list(range(count)) else f"{base}.{''.join('xyzw'[lane] for lane in order)}")
    whole = len(runs) == 1 and runs[0][0].component is not None
    return merged(texts[0] if whole else f"{kind}({', '.join(texts)})", dtype, Precedence.POSTFIX, parts)


def chosen(condition: Expr, if_true: Expr, if_false: Expr, dtype: Numeric) -> Expr:
    """Return a choice component by component; one number decides for all of a vector with `?`."""
    if condition.why is Loose.SPLAT and condition.loose is not None:
        return ternary(condition.loose, if_true, if_false, dtype)
    if condition.dtype.parts == 1:
        return ternary(condition, if_true, if_false, dtype)
    parts = (condition, if_true, if_false)
    c, x, y = (part.text for part in parts)
    if dtype.element is b1:
        a, b, d = (part.inside(Precedence.LOGICAL_AND) for part in (condition, if_true, if_false))
        return merged(
            f"({a} && {b}) || (!{condition.inside(Precedence.UNARY)} && {d})", dtype, Precedence.LOGICAL_OR, parts
        )
    if dtype.element is bf16:  # Metal has no select of bfloat: the bits are chosen
        x, y = f"as_type<ushort{dtype.lanes}>({x})", f"as_type<ushort{dtype.lanes}>({y})"
        return merged(f"as_type<{dtype.metal_name}>(select({y}, {x}, {c}))", dtype, Precedence.POSTFIX, parts)
    return merged(f"select({y}, {x}, {c})", dtype, Precedence.POSTFIX, parts)
