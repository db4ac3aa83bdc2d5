"""Metal texts in the disk cache: a warm process has a kernel's text without a compiler.

The text shows names of variables, and its lines lead to Python lines, so that the key has both besides the kernel itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from enigma.emit.metal_text import MslText
from enigma.runtime import cache
from enigma.source import SourceLoc
from enigma.trace.node import Op, Traced, Value, walk

if TYPE_CHECKING:
    from enigma.runtime.program import Program

_ITEM = "text"


@dataclass(frozen=True, slots=True)
class Style:
    """How the text is written: with the Python line behind each line, with `#line` directives."""

    line_comments: bool = False
    source_map: bool = False


def metal_text(program: Program, style: Style = Style()) -> MslText:
    """Return the Metal source of a program: from the disk cache, or else made and put there."""
    store = cache.default_cache()
    if store is None:
        return emitted(program, style)
    key = cache.key("metal", program.key, *_shown(program.traced), repr(astuple(style)))
    entry = store.get(key)
    if entry is not None and _ITEM in entry:
        return _unpacked(entry[_ITEM])
    made = emitted(program, style)
    store.put(key, {_ITEM: _packed(made)})
    return made


def emitted(program: Program, style: Style) -> MslText:
    """Return the Metal source of a program, made from its module."""
    from enigma.emit.msl import emit_msl  # xDSL is heavy: a warm start never imports it

    return emit_msl(program.module, line_comments=style.line_comments, source_map=style.source_map)


def _shown(traced: Traced) -> Iterator[str]:
    """Yield what the text shows of a kernel and the kernel's key leaves out: names, structs and places."""
    yield _place(traced.loc)
    for param in traced.params:
        part = param.part
        yield f"{_place(param.loc)} {'' if part is None else (part.parameter, part.struct.name, part.member)}"
    for node in walk(traced.body):
        defined = [node.result] if isinstance(node, Op) else node.results
        inner = [arg for block in node.blocks for arg in block.args]
        yield f"{_place(node.loc)} {_names(defined)} {_names(inner)}"


def _names(values: list[Value | None] | list[Value]) -> list[str | None]:
    return [None if value is None else value.name for value in values]


def _place(loc: SourceLoc) -> str:
    return f"{loc.file}:{loc.line}:{loc.col}"


def _packed(text: MslText) -> bytes:
    files = list(dict.fromkeys(loc.file for loc in text.lines if loc is not None))
    number = {file: k for k, file in enumerate(files)}
    lines = [None if loc is None else [number[loc.file], *astuple(loc)[1:]] for loc in text.lines]
    return json.dumps([text.text, text.msl_version, text.entry, files, lines]).encode()


def _unpacked(data: bytes) -> MslText:
    text, version, entry, files, lines = json.loads(data)
    places = tuple(None if line is None else SourceLoc(files[line[0]], *line[1:]) for line in lines)
    return MslText(text, places, (version[0], version[1]), entry)
