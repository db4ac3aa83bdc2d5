"""A writer of LLVM IR text: instructions, blocks, phis that are completed later, and memory of what was already computed.

What `once` remembers is forgotten when the blocks it was written in end, so that it always dominates its uses. A stretch of
text can be taken back (`mark`, `rewind`), which is how a loop is written again after a guess about it proved wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

from enigma.dtypes import Numeric, b1, bf16, f16, f32
from enigma.emit.simt.lanes import Number
from enigma.errors import InternalError
from enigma.source import SourceLoc

T = TypeVar("T")

ELEMENT: dict[Numeric, str] = {f32: "float", f16: "i16", bf16: "i16", b1: "i1"}
"""LLVM's type of one lane; the 16-bit floats are kept as their bits, and integers have the type of their width."""


def element(dtype: Numeric) -> str:
    """Return LLVM's type of one lane.

    >>> element(f32), element(b1)
    ('float', 'i1')
    """
    return ELEMENT.get(dtype) or f"i{dtype.width}"


def float_bits(dtype: Numeric, value: float) -> int:
    """Return the bits of a 16-bit float, rounded to nearest even.

    >>> hex(float_bits(f16, 1.0)), hex(float_bits(bf16, 1.0))
    ('0x3c00', '0x3f80')
    """
    if dtype is f16:
        try:
            return int(struct.unpack("<H", struct.pack("<e", value))[0])
        except OverflowError:
            return 0x7C00 if value > 0 else 0xFC00
    if value != value:
        return 0x7FC0
    bits = int(struct.unpack("<I", _pack_single(value))[0])
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16


def _pack_single(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", float("inf") if value > 0 else float("-inf"))


def literal(dtype: Numeric, value: Number) -> str:
    """Return a constant's text, without its type."""
    if dtype is b1:
        return "true" if value else "false"
    if not dtype.is_float:
        return str(int(value))
    if dtype is f32:
        rounded = struct.unpack("<f", _pack_single(float(value)))[0]
        return f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016X}"
    return str(float_bits(dtype, float(value)))


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text to go back to."""

    lines: int
    block: str
    depth: int
    notes: int


@dataclass(slots=True, eq=False)
class Place:
    """The end of a block that was written: more can be put in before its last jump."""

    line: int
    block: str


class Instruction(str):
    """A line of LLVM IR that knows the Python line it was written for."""

    __slots__ = ("loc",)
    loc: SourceLoc | None


class Writer:
    """The text of one function. `width` is W, the lanes of a vector; `notes` are remarks that are taken back with the text.

    `loc` is the Python line that is being written, which each line is given.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines: list[str] = []
        self.entry: list[str] = []
        self.declarations: dict[str, None] = {}
        self.block = "start"
        self.notes: list[object] = []
        self.frame_bytes = 0
        self.taken: list[str] = []
        self.loc: SourceLoc | None = None
        self._count = 0
        self._places: list[Place] = []
        self._frame: dict[Hashable, object] = {}
        self._scopes: list[dict[Hashable, object]] = [{}]

    # ---- instructions

    def name(self) -> str:
        """Return a fresh register name."""
        self._count += 1
        return f"%v{self._count}"

    def emit(self, text: str) -> str:
        """Write an instruction that has a result, and return the result's name."""
        name = self.name()
        self._put(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """Write an instruction without a result."""
        self._put(f"  {text}")

    def _put(self, text: str) -> None:
        line = Instruction(text)
        line.loc = self.loc
        self.lines.append(line)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` returned for this key, which is called again only where that does not dominate this place."""
        for scope in reversed(self._scopes):
            if key in scope:
                return cast(T, scope[key])
        made = make()
        self._scopes[-1][key] = made
        return made

    def once_in_function(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` wrote into the function's entry the first time."""
        if key not in self._frame:
            self._frame[key] = make()
        return cast(T, self._frame[key])

    def call(self, result: str, function: str, *arguments: tuple[str, str]) -> str:
        """Write a call of a function, declaring it, with (type, text) arguments, and return the result's name."""
        self.declare(f"declare {result} @{function}({', '.join(type for type, _ in arguments)})")
        text = f"call {result} @{function}({', '.join(f'{type} {text}' for type, text in arguments)})"
        if result == "void":
            self.do(text)
            return ""
        return self.emit(text)

    def declare(self, text: str) -> None:
        """Add a declaration to the module, once."""
        self.declarations[text] = None

    def alloca(self, count: int, type: str) -> str:
        """Return the pointer of an array in the function's frame."""
        name = self.name()
        self.frame_bytes += count * max(8, int("".join(filter(str.isdigit, type)) or 32)) // 8
        self.entry.append(f"  {name} = alloca [{count} x {type}], align 64")
        return name

    def heap(self, bytes: int) -> str:
        """Return the pointer of memory that is taken when the function begins and given back when it ends."""
        self.declare("declare ptr @malloc(i64)")
        raw, low, name = self.name(), self.name(), self.name()
        self.entry.append(f"  {raw} = call ptr @malloc(i64 {bytes + 64})")
        self.entry.append(f"  {low} = getelementptr i8, ptr {raw}, i64 63")
        self.entry.append(f"  {name} = call ptr @llvm.ptrmask.p0.i64(ptr {low}, i64 -64)")
        self.declare("declare ptr @llvm.ptrmask.p0.i64(ptr, i64)")
        self.taken.append(raw)
        return name

    def give_back(self) -> None:
        """Write the end of what `heap` took."""
        for raw in self.taken:
            self.declare("declare void @free(ptr)")
            self.do(f"call void @free(ptr {raw})")

    # ---- blocks

    def label(self) -> str:
        """Return a fresh block name."""
        self._count += 1
        return f"b{self._count}"

    def start(self, label: str) -> None:
        """Begin the block `label`."""
        self.lines.append(f"{label}:")
        self.block = label

    def jump(self, label: str) -> None:
        """End the block by going to `label`."""
        self.do(f"br label %{label}")

    def branch(self, condition: str, yes: str, no: str) -> None:
        """End the block by going to one of two."""
        self.do(f"br i1 {condition}, label %{yes}, label %{no}")

    def phi(self, type: str, incoming: Sequence[tuple[str, str]]) -> str:
        """Write a phi of (value, block) pairs."""
        pairs = ", ".join(f"[ {value}, %{block} ]" for value, block in incoming)
        return self.emit(f"phi {type} {pairs}")

    def open_phi(self, type: str, value: str, block: str) -> tuple[str, int]:
        """Write a phi of a loop's first value; `close_phi` adds what comes back around."""
        name = self.emit(f"phi {type} [ {value}, %{block} ]")
        return name, len(self.lines) - 1

    def close_phi(self, place: int, value: str, block: str) -> None:
        """Add an incoming value to the phi written at `place`."""
        opened = self.lines[place]
        closed = Instruction(f"{opened}, [ {value}, %{block} ]")
        closed.loc = opened.loc if isinstance(opened, Instruction) else None
        self.lines[place] = closed

    # ---- what is known in this block

    @contextmanager
    def scope(self) -> Generator[None]:
        """Forget at the end what was computed inside: blocks after it are not dominated by those in it."""
        self._scopes.append({})
        try:
            yield
        finally:
            self._scopes.pop()

    def mark(self) -> Mark:
        """Return this place, to rewind to."""
        return Mark(len(self.lines), self.block, len(self._scopes), len(self.notes))

    def here(self) -> Place:
        """Return this place, for `at`."""
        place = Place(len(self.lines), self.block)
        self._places.append(place)
        return place

    @contextmanager
    def at(self, place: Place) -> Generator[None]:
        """Write inside at an earlier place. Only ever used before anything that was written since is looked up by line."""
        rest, block = self.lines[place.line :], self.block
        del self.lines[place.line :]
        self.block = place.block
        with self.scope():
            yield
        added = len(self.lines) - place.line
        place.line += added
        for other in self._places:
            if other is not place and other.line >= place.line - added:
                other.line += added
        self.lines += rest
        self.block = block

    def forget(self, places: Sequence[Place]) -> None:
        """Say that nothing more will be put in at these places."""
        for place in places:
            if place in self._places:
                self._places.remove(place)

    def rewind(self, mark: Mark) -> None:
        """Take back what was written since `mark`, which must be at the same depth of scopes."""
        if len(self._scopes) != mark.depth:
            raise InternalError("the text was rewound across a scope")
        del self.lines[mark.lines :]
        del self.notes[mark.notes :]
        self.block = mark.block

    # ---- vectors

    def vector(self, dtype: Numeric) -> str:
        """Return LLVM's type of a chunk."""
        return f"<{self.width} x {element(dtype)}>"

    def splat(self, type: str, text: str) -> str:
        """Return a vector of one scalar of LLVM's type `type`."""
        if text[0] != "%":
            return f"splat ({type} {text})"

        def make() -> str:
            shape = f"<{self.width} x {type}>"
            one = self.emit(f"insertelement {shape} poison, {type} {text}, i32 0")
            return self.emit(f"shufflevector {shape} {one}, {shape} poison, <{self.width} x i32> zeroinitializer")

        return self.once(("splat", type, text), make)

    def tuple(self, type: str, values: Sequence[Number]) -> str:
        """Return a constant vector of integers or truth values."""
        texts = [str(value).lower() if type == "i1" else str(int(value)) for value in values]
        if len(set(texts)) == 1:
            return f"splat ({type} {texts[0]})"
        return f"<{', '.join(f'{type} {text}' for text in texts)}>"
