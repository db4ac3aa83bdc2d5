"""Reads a Metal text as tokens and top-level functions, just deep enough for the lints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_BLANKED = re.compile(r"//[^\n]*|/\*.*?\*/|^[ \t]*#[^\n]*(?:\\\n[^\n]*)*", re.DOTALL | re.MULTILINE)
_TOKEN = re.compile(
    r'(?P<string>"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')'
    r"|(?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<mark>::|->|&&|\|\||[-+*/%&|^=!<>]=|\S)"
)
_OPEN = {"(": ")", "[": "]", "{": "}"}
_CLOSE = frozenset(_OPEN.values())


@dataclass(frozen=True, slots=True)
class Token:
    """A token with its place; `kind` is name, number, string or mark."""

    text: str
    kind: str
    line: int
    col: int


@dataclass(frozen=True, slots=True)
class Attribute:
    """One name of a `[[...]]`, with the tokens of its argument list."""

    name: Token
    args: tuple[Token, ...]

    @property
    def index(self) -> int | None:
        """The argument as an integer, or None where it is none or not a plain literal."""
        text = "".join(t.text for t in self.args)
        return int(text) if text.isdecimal() else None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: its declaration without attributes and name, its name, its attributes."""

    type: tuple[Token, ...]
    name: Token | None
    attributes: tuple[Attribute, ...]

    @property
    def words(self) -> list[str]:
        """The texts of the declaration's tokens, name left out."""
        return [t.text for t in self.type]


@dataclass(frozen=True, slots=True)
class Function:
    """A function defined at namespace scope."""

    name: Token
    is_kernel: bool
    is_template: bool
    params: tuple[Parameter, ...]
    body: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct at namespace scope with the tokens between its braces."""

    name: Token
    body: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """A whole text: all tokens, its functions, its structs, and the other namespace-scope declarations."""

    tokens: tuple[Token, ...]
    functions: tuple[Function, ...]
    structs: tuple[Struct, ...]
    declarations: tuple[tuple[Token, ...], ...]


def tokenize(text: str) -> list[Token]:
    """The tokens of a text; comments and preprocessor lines are left out, places kept.

    >>> [t.text for t in tokenize("a[i] += 1.0f; // add")]
    ['a', '[', 'i', ']', '+=', '1.0f', ';']
    """
    blank = _BLANKED.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    tokens: list[Token] = []
    line, start = 1, 0
    for match in _TOKEN.finditer(blank):
        newlines = blank.count("\n", start, match.start())
        if newlines:
            line += newlines
        start = match.start()
        column = match.start() - (blank.rfind("\n", 0, match.start()) + 1) + 1
        tokens.append(Token(match[0], match.lastgroup or "mark", line, column))
    return tokens


def parse(text: str) -> Unit:
    """The functions, structs and declarations of a text; unbalanced text gives what stands before the fault."""
    tokens = tokenize(text)
    functions: list[Function] = []
    structs: list[Struct] = []
    declarations: list[tuple[Token, ...]] = []
    start = i = 0
    while i < len(tokens):
        match tokens[i].text:
            case "(" | "[":
                i = _match(tokens, i)
            case ";":
                if i > start:
                    declarations.append(tuple(tokens[start:i]))
                start = i + 1
            case "}":
                start = i + 1
            case "{":
                head, end = tokens[start:i], _match(tokens, i)
                words = {t.text for t in head}
                if "namespace" in words or (words & {"extern"} and "(" not in words):
                    start = i + 1
                elif function := _function(head, tokens[i + 1 : end]):
                    functions.append(function)
                    i, start = end, end + 1
                elif words & {"struct", "class", "union"} and "=" not in words:
                    name = next((t for t in reversed(head) if t.kind == "name"), head[0])
                    structs.append(Struct(name, tuple(tokens[i + 1 : end])))
                    i = end
                else:
                    i = end
            case _:
                pass
        i += 1
    return Unit(tuple(tokens), tuple(functions), tuple(structs), tuple(declarations))


def attributes(tokens: Sequence[Token]) -> Iterator[Attribute]:
    """Every attribute of a token sequence, `[[a, b(1)]]` giving two."""
    for i in range(len(tokens) - 1):
        if _opens_attribute(tokens, i):
            inner = tokens[i + 2 : _match(tokens, i + 1)]
            for part in split(inner, ","):
                # A vendor prefix (clang::) belongs to the name that follows.
                at = 2 if len(part) > 2 and part[1].text == "::" else 0
                if part:
                    yield Attribute(
                        part[at]
                        if at == 0
                        else Token(f"{part[0].text}::{part[2].text}", "name", part[0].line, part[0].col),
                        tuple(part[at + 2 : -1]),
                    )


def without_attributes(tokens: Sequence[Token]) -> list[Token]:
    """The tokens less every `[[...]]`."""
    result: list[Token] = []
    i = 0
    while i < len(tokens):
        if _opens_attribute(tokens, i):
            i = _match(tokens, i) + 1
        else:
            result.append(tokens[i])
            i += 1
    return result


def split(tokens: Sequence[Token], mark: str) -> list[list[Token]]:
    """The tokens cut at every `mark` that stands outside brackets and template arguments."""
    parts: list[list[Token]] = [[]]
    depth = angle = 0
    for token in tokens:
        if token.text in _OPEN:
            depth += 1
        elif token.text in _CLOSE:
            depth -= 1
        elif token.text == "<":
            angle += 1
        elif token.text == ">":
            angle = max(0, angle - 1)
        if token.text == mark and depth == 0 and angle == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _opens_attribute(tokens: Sequence[Token], i: int) -> bool:
    if i + 1 >= len(tokens) or tokens[i].text != "[" or tokens[i + 1].text != "[":
        return False
    return (tokens[i].line, tokens[i].col + 1) == (tokens[i + 1].line, tokens[i + 1].col)


def _match(tokens: Sequence[Token], i: int) -> int:
    """The index of the bracket that closes the one at `i`, or the last index."""
    depth = 0
    for j in range(i, len(tokens)):
        if tokens[j].text in _OPEN:
            depth += 1
        elif tokens[j].text in _CLOSE:
            depth -= 1
            if depth == 0:
                return j
    return len(tokens) - 1


def _function(head: list[Token], body: list[Token]) -> Function | None:
    specifiers = {a.name.text for a in attributes(head)}
    plain = without_attributes(head)
    opening = next((i for i, t in enumerate(plain) if t.text == "("), None)
    if (
        opening is None
        or opening == 0
        or plain[opening - 1].kind != "name"
        or any(t.text == "=" for t in plain[:opening])
    ):
        return None
    # Brackets are matched in the original, attributes included.
    first = next(i for i, t in enumerate(head) if t is plain[opening])
    params = tuple(_parameter(part) for part in split(head[first + 1 : _match(head, first)], ","))
    words = {t.text for t in plain[:opening]}
    return Function(plain[opening - 1], "kernel" in words | specifiers, "template" in words, params, tuple(body))


def _parameter(tokens: list[Token]) -> Parameter:
    plain = without_attributes(tokens)
    default = next((i for i, t in enumerate(plain) if t.text == "="), len(plain))
    plain = plain[:default]
    brackets = next((i for i, t in enumerate(plain) if t.text == "["), len(plain))
    at = next((i for i in range(brackets - 1, 0, -1) if plain[i].kind == "name"), None)
    name = plain[at] if at is not None and plain[at - 1].text not in {"::", "<", ","} else None
    return Parameter(tuple(t for t in plain if t is not name), name, tuple(attributes(tokens)))
