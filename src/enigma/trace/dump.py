"""The traced IR as text: nested, typed, with buffers, constants and source lines."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any, cast

from enigma.dtypes import BufferType, Numeric, Space, TextureType
from enigma.source import SourceLoc
from enigma.spec.terms import Precision
from enigma.trace.node import Block, For, If, Node, Op, Param, Traced, Value, While

_COLUMN = 64
_SHOWN = 8  # numbers of a table
_Line = tuple[str, SourceLoc | None]


def dump(traced: Traced) -> str:
    """Return the text of a traced kernel, headed `=== IR: NAME (N ops) ===`."""
    return "".join(f"{_with_loc(text, loc)}\n" for text, loc in dump_lines(traced))


def dump_lines(traced: Traced) -> list[tuple[str, SourceLoc | None]]:
    """Return the lines of that text, each with the place that stands behind it."""
    printer = _Printer()
    count = sum(1 for _ in traced.nodes())
    lines: list[_Line] = [(f"=== IR: {traced.name} ({count} ops) ===", None)]
    for param in traced.params:
        kind = f"{_kind(param)} {param.dtype.name}"
        lines.append((f"  param {param.slot}: {printer.name(param.value)}: {kind}", param.loc))
    lines.extend(printer.block(traced.body, 1))
    return lines


def _kind(param: Param) -> str:
    if param.is_scalar:
        return "scalar"
    if (texture := param.texture) is not None:
        return f"{texture.kind.value} ({texture.access.value}) of"
    constant = isinstance(param.value.type, BufferType) and param.value.type.space is Space.CONSTANT
    return "constant buffer" if constant else "buffer"


def _with_loc(text: str, loc: SourceLoc | None) -> str:
    return text if loc is None else f"{text.ljust(_COLUMN)} # {loc.short_file}:{loc.line}"


class _Printer:
    """Gives each value a name of its own: the variable's, numbered when it is taken, else `%n`."""

    def __init__(self) -> None:
        self.names: dict[Value, str] = {}
        self.used: set[str] = set()

    def name(self, value: Value) -> str:
        if value not in self.names:
            base = value.name or f"%{len(self.names)}"
            name, count = base, 1
            while name in self.used:
                count += 1
                name = f"{base}_{count}"
            self.used.add(name)
            self.names[value] = name
        return self.names[value]

    def typed(self, value: Value) -> str:
        match value.type:
            case Numeric() as dtype:
                kind = dtype.name
            case BufferType() as buffer:
                kind = f"{buffer.space.value} {buffer.element.name}[]"
            case TextureType() as texture:
                kind = str(texture)
        return f"{self.name(value)}: {kind}"

    def block(self, block: Block, depth: int) -> Iterator[_Line]:
        for node in block.nodes:
            yield from self.node(node, depth)

    def node(self, node: Node, depth: int) -> Iterator[_Line]:
        pad = "  " * depth
        match node:
            case Op():
                yield pad + self._op(node), node.loc
            case If():
                results = self._results(node.results)
                yield f"{pad}{results}if {self.name(node.condition)}:", node.loc
                yield from self._body(node.then, depth)
                if node.orelse.nodes or node.orelse.yields:
                    yield f"{pad}else:", None
                    yield from self._body(node.orelse, depth)
            case For():
                counter = self.typed(node.body.args[0])
                bounds = f"range({self.name(node.low)}, {self.name(node.high)}, {self.name(node.step)})"
                yield f"{pad}{self._results(node.results)}for {counter} in {bounds}{self._carried(node)}:", node.loc
                yield from self._body(node.body, depth)
            case While():
                yield f"{pad}{self._results(node.results)}while{self._carried(node)}:", node.loc
                yield from self._body(node.test, depth)
                yield f"{pad}do:", None
                yield from self._body(node.body, depth)

    def _body(self, block: Block, depth: int) -> Iterator[_Line]:
        yield from self.block(block, depth + 1)
        if block.yields:
            yield f"{'  ' * (depth + 1)}yield {', '.join(self.name(value) for value in block.yields)}", None

    def _results(self, results: list[Value]) -> str:
        return f"{', '.join(self.typed(value) for value in results)} = " if results else ""

    def _carried(self, node: For | While) -> str:
        args = node.body.args[1:] if isinstance(node, For) else node.test.args
        pairs = [f"{self.name(arg)} = {self.name(init)}" for arg, init in zip(args, node.inits, strict=True)]
        if isinstance(node, While):
            for arg, inner in zip(node.test.args, node.body.args, strict=True):
                self.names[inner] = self.name(arg)
        return f" carrying ({', '.join(pairs)})" if pairs else ""

    def _op(self, node: Op) -> str:
        parts = [self.name(value) for value in node.operands]
        parts += [f"{name}={_shown(value)}" for name, value in node.attrs.items() if value is not Precision.DEFAULT]
        call = f"{node.row.name}({', '.join(parts)})"
        return f"{self.typed(node.result)} = {call}" if node.result is not None else f"(void) = {call}"


def _shown(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple) and len(held := cast(tuple[Any, ...], value)) > _SHOWN:
        return f"({', '.join(map(repr, held[:_SHOWN]))}, ... {len(held)} numbers)"
    return value.name if isinstance(value, Numeric) else repr(cast(Any, value))
