"""Sizes of the threadgroup variables that a text declares."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.msl import words
from tests.msl.tokens import Token, Unit, split, without_attributes

_SIZES = {**words.SCALAR_SIZES, **words.VECTOR_SIZES}
_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,
    ast.Mod: operator.mod,
}


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: the words of its type, its name, and its number of elements (None when unknown)."""

    type: tuple[str, ...]
    name: Token
    count: int | None


class StructSizes:
    """Sizes and alignments in bytes of the types of one text, structs included."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._structs = {s.name.text: s for s in unit.structs}

    def of(self, type_words: Sequence[str]) -> tuple[int, int] | None:
        """The size and alignment of a type, None when it is not known."""
        kind = [w for w in type_words if w not in {"const", "volatile", "struct", "metal", "::"}]
        if len(kind) != 1:
            return None
        name = kind[0]
        if name in _SIZES:
            return _SIZES[name], _SIZES[name]
        if name in words.PACKED_SIZES:
            return words.PACKED_SIZES[name], words.SCALAR_SIZES[name.removeprefix("packed_")[:-1]]
        if name in words.MATRIX_SIZES:
            return words.MATRIX_SIZES[name], words.VECTOR_SIZES[f"{name[:-3]}{name[-1]}"]
        return self._struct(name)

    def _struct(self, name: str) -> tuple[int, int] | None:
        if name not in self._structs:
            return None
        end, align = 0, 1
        for member in split(self._structs[name].body, ";"):
            if any(t.text in {"*", "&", "("} for t in member):
                return None
            for variable in _declarators(without_attributes(member), self._unit):
                size = self.of(variable.type)
                if size is None or variable.count is None:
                    return None
                end = -(-end // size[1]) * size[1] + size[0] * variable.count
                align = max(align, size[1])
        return -(-end // align) * align, align


def threadgroup_variables(body: Sequence[Token], unit: Unit) -> Iterator[Variable]:
    """The threadgroup variables declared in a function body (pointers and references to such memory are none)."""
    for i, token in enumerate(body):
        if token.text != "threadgroup" or (i > 0 and body[i - 1].text in {"<", "(", ","}):
            continue
        end = next((j for j in range(i, len(body)) if body[j].text in {";", "="}), len(body))
        statement = list(body[i + 1 : end])
        bracket = next((j for j, t in enumerate(statement) if t.text == "["), len(statement))
        if statement and not any(t.text in {"*", "&", "("} for t in statement[:bracket]):
            yield from _declarators(statement, unit)


def _declarators(tokens: list[Token], unit: Unit) -> Iterator[Variable]:
    parts = split(tokens, ",")
    type_words: tuple[str, ...] = ()
    for at, part in enumerate(parts):
        bracket = next((i for i, t in enumerate(part) if t.text == "["), len(part))
        if bracket == 0:
            return
        if at == 0:
            type_words = tuple(t.text for t in part[: bracket - 1])
        yield Variable(type_words, part[bracket - 1], _count(part[bracket:], unit))


def _count(brackets: list[Token], unit: Unit) -> int | None:
    text = " ".join(_value(t, unit) for t in brackets)
    count = 1
    for extent in re.findall(r"\[([^\]]*)\]", text):
        try:
            value = _evaluate(ast.parse(extent.strip(), mode="eval").body)
        except SyntaxError:
            return None
        if value is None:
            return None
        count *= value
    return count


def _evaluate(node: ast.expr) -> int | None:
    """The value of an array extent made of literals, None for anything that is not."""
    match node:
        case ast.Constant(value=int() as value):
            return value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            a, b = _evaluate(left), _evaluate(right)
            is_division = isinstance(op, ast.Div | ast.Mod)
            return None if a is None or b is None or (is_division and b == 0) else _OPERATORS[type(op)](a, b)
        case _:
            return None


def _value(token: Token, unit: Unit) -> str:
    if token.kind == "number":
        return re.sub(r"[uUlL]+$", "", token.text)
    if token.kind != "name":
        return token.text
    for declaration in unit.declarations:
        if len(declaration) > 3 and declaration[-3].text == token.text and declaration[-2].text == "=":
            return _value(declaration[-1], unit) if declaration[-1].text != token.text else token.text
    return token.text
