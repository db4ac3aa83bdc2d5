"""Reductions, scans and shuffles over the 32 lanes of each simdgroup of the unit."""

from __future__ import annotations

from collections.abc import Sequence

from enigma.dtypes import Numeric, b1, f32
from enigma.emit.simt.lanes import SIMDGROUP, Chunk, Flat, Lanes, Memory, Number, Ramp, Scalar, Vector, constant, lanes
from enigma.emit.simt.packed import PackedOps
from enigma.emit.simt.writer import element
from enigma.errors import InternalError


def neutral(kind: str, dtype: Numeric) -> Number:
    """Return the number that changes nothing in a reduction of this kind."""
    if kind in ("min", "max"):
        if dtype.is_float:
            return float("inf") if kind == "min" else float("-inf")
        return dtype.max if kind == "min" else dtype.min
    if kind == "and":
        return -1 if dtype.is_signed else dtype.max
    return 1 if kind == "mul" else 0


class CrossLane(PackedOps):
    """Writes operations across lanes; lanes that do not run count as the operation's neutral element."""

    @property
    def group(self) -> int:
        """Chunks of a simdgroup."""
        return max(SIMDGROUP // self.width, 1)

    def groups(self, x: Lanes) -> list[Sequence[Chunk]]:
        """Return the chunks of each simdgroup."""
        size, chunks = self.group, self.chunks(x)
        if self.context.first % size or len(chunks) % size:
            raise InternalError("an operation across lanes does not have whole simdgroups")
        return [chunks[start : start + size] for start in range(0, len(chunks), size)]

    def held(self, kind: str, x: Lanes) -> Lanes:
        """Return x with the neutral element in lanes that do not run."""
        return self.held_as(neutral(kind, x.dtype), x)

    def held_as(self, value: Number, x: Lanes) -> Lanes:
        """Return x with `value` in lanes that do not run."""
        return x if self.context.mask is None else self.select(self.context.mask, x, self.const(value, x))

    # ---- reductions

    def reduce(self, kind: str, x: Lanes) -> Lanes:
        """Return the reduction over the lanes that run, the same in all lanes of a simdgroup."""
        if x.dtype.is_float and x.dtype is not f32:
            return self.from_f32(self.reduce(kind, self.to_f32(x)), x.dtype)
        made: list[Chunk] = []
        for group in self.groups(self.held(kind, x)):
            total = self.reduced(kind, x.dtype, [self.vector(x.dtype, chunk) for chunk in group])
            made += [Flat(total)] * len(group)
        return lanes(x.dtype, made, self.context.first)

    def reduced(self, kind: str, dtype: Numeric, vectors: Sequence[str]) -> Scalar:
        """Return the reduction of all lanes of these vectors."""
        total, type = vectors[0], self.w.vector(dtype)
        for text in vectors[1:]:
            total = self.joined(kind, dtype, total, text, self.width)
        suffix = f"v{self.width}" + ("f32" if dtype is f32 else element(dtype))
        name = f"llvm.vector.reduce.{self._reduce_name(kind, dtype)}.{suffix}"
        if dtype is f32 and kind in ("add", "mul"):
            start = "-0.0" if kind == "add" else "1.0"
            self.w.declare(f"declare float @{name}(float, {type})")
            return self.fresh(dtype, self.w.emit(f"call reassoc float @{name}(float {start}, {type} {total})"))
        return self.fresh(dtype, self.w.call(element(dtype), name, (type, total)))

    def _reduce_name(self, kind: str, dtype: Numeric) -> str:
        if dtype.is_float:
            return "f" + kind
        if kind in ("min", "max"):
            return ("s" if dtype.is_signed else "u") + kind
        return kind

    def joined(self, kind: str, dtype: Numeric, x: str, y: str, width: int) -> str:
        """Return the combination of two vectors or scalars, lane by lane."""
        type = self.type_of(dtype, width)
        if kind in ("min", "max"):
            suffix = ("" if width == 1 else f"v{width}") + ("f32" if dtype is f32 else element(dtype))
            name = f"llvm.{kind}num" if dtype.is_float else f"llvm.{self._reduce_name(kind, dtype)}"
            return self.w.call(type, f"{name}.{suffix}", (type, x), (type, y))
        if dtype.is_float:
            return self.w.emit(f"f{kind} reassoc {type} {x}, {y}")
        return self.w.emit(f"{kind} {type} {x}, {y}")

    # ---- scans

    def scan(self, kind: str, x: Lanes, *, inclusive: bool) -> Lanes:
        """Return the reduction over the running lanes up to each lane, itself included or not."""
        if x.dtype.is_float and x.dtype is not f32:
            return self.from_f32(self.scan(kind, self.to_f32(x), inclusive=inclusive), x.dtype)
        dtype, made = x.dtype, list[Chunk]()
        rest = self.vector(dtype, Flat(constant(dtype, neutral(kind, dtype))))
        for group in self.groups(self.held(kind, x)):
            before = rest
            for chunk in group:
                text = self._scan_chunk(kind, dtype, self.vector(dtype, chunk), rest)
                text = self.joined(kind, dtype, before, text, self.width) if before is not rest else text
                made.append(Vector(text if inclusive else self._shifted(dtype, text, before, 1)))
                last = self.w.emit(f"extractelement {self.w.vector(dtype)} {text}, i32 {self.width - 1}")
                before = self.w.splat(element(dtype), last)
        return lanes(dtype, made, self.context.first)

    def _scan_chunk(self, kind: str, dtype: Numeric, text: str, rest: str) -> str:
        step = 1
        while step < self.width:
            text = self.joined(kind, dtype, self._shifted(dtype, text, rest, step), text, self.width)
            step *= 2
        return text

    def _shifted(self, dtype: Numeric, text: str, filler: str, by: int) -> str:
        """Return the lanes moved up by `by`; the free ones are those of `filler`."""
        type, width = self.w.vector(dtype), self.width
        order = ", ".join(f"i32 {lane - by if lane >= by else width + lane}" for lane in range(width))
        return self.w.emit(f"shufflevector {type} {text}, {type} {filler}, <{width} x i32> <{order}>")

    # ---- shuffles

    def shuffle(self, x: Lanes, source: Lanes) -> Lanes:
        """Return x of lane `source`: 0 where that lane does not run, the lane's own where there is no such lane."""
        held, made = self.held_as(0, x), list[Chunk]()
        wanted = self.groups(source)
        for number, group in enumerate(self.groups(held)):
            constants = self._constant_sources(wanted[number])
            if constants is not None:
                made += [self._shuffled(x.dtype, group, place, order) for place, order in enumerate(constants)]
            else:
                made += self._looked_up(x.dtype, group, wanted[number], source.dtype)
        return lanes(x.dtype, made, self.context.first)

    def _constant_sources(self, source: Sequence[Chunk]) -> list[list[int]] | None:
        """Return the source lanes if they are known at compile time."""
        found: list[list[int]] = []
        for chunk in source:
            match chunk:
                case Flat(Scalar(root=None, off=off)):
                    found.append([int(off)] * self.width)
                case Ramp(Scalar(root=None, off=off), offs):
                    found.append([int(off) + step for step in offs])
                case _:
                    return None
        return found

    def _shuffled(self, dtype: Numeric, group: Sequence[Chunk], place: int, order: Sequence[int]) -> Chunk:
        width, type = self.width, self.w.vector(dtype)
        own = [place * width + lane for lane in range(width)]
        order = [lane if 0 <= lane < SIMDGROUP else own[number] for number, lane in enumerate(order)]
        if len(set(order)) == 1:
            return Flat(self.lane_scalar(dtype, group[order[0] // width], order[0] % width))
        needed = sorted({lane // width for lane in order})
        text = self.vector(dtype, group[needed[0]])
        for step in range(0, len(needed), 1):
            if step == 0 and len(needed) > 1:
                continue
            second = self.vector(dtype, group[needed[step]]) if len(needed) > 1 else "poison"
            text = self._merge(type, text, second, order, needed, step)
        return Vector(text)

    def _merge(self, type: str, text: str, second: str, order: Sequence[int], needed: Sequence[int], step: int) -> str:
        """Bring into place the lanes that come from chunk number `step` of those needed, and at first from the first."""
        width, places = self.width, list[int]()
        for lane, source in enumerate(order):
            chunk = source // width
            if chunk == needed[step] and step > 0:
                places.append(width + source % width)
            elif step <= 1:
                places.append(source % width if chunk == needed[0] else lane)
            else:
                places.append(lane)
        mask = ", ".join(f"i32 {place}" for place in places)
        return self.w.emit(f"shufflevector {type} {text}, {type} {second}, <{width} x i32> <{mask}>")

    def _looked_up(
        self, dtype: Numeric, group: Sequence[Chunk], source: Sequence[Chunk], index: Numeric
    ) -> list[Chunk]:
        """Return lanes chosen at run time, through an array in the frame."""
        width, type = self.width, self.stored(dtype)
        array = self.w.alloca(SIMDGROUP, type)
        memory = Memory(array, dtype, "lanes", is_shared=False)
        for number, chunk in enumerate(group):
            place = self.w.emit(f"getelementptr {type}, ptr {array}, i64 {number * width}")
            self.w.do(f"store {self.typed(dtype, chunk)}, ptr {place}, align {dtype.size}")
        made: list[Chunk] = []
        limit = constant(index, SIMDGROUP)
        low = constant(index, SIMDGROUP - 1)
        for number, chunk in enumerate(source):
            inside = self.compare_chunks("lt", chunk, Flat(limit), index)
            place = self.bit_chunks("and", chunk, Flat(low), index)
            if isinstance(place, Flat):
                found: Chunk = Flat(self._load_scalar(memory, self.pointer(memory, place.scalar)))
            else:
                found = self._gathered(memory, place, index)
            made.append(self.choose_chunks(inside, found, group[number], dtype))
        return made

    def _gathered(self, memory: Memory, place: Chunk, index: Numeric) -> Chunk:
        type = f"<{self.width} x {self.stored(memory.dtype)}>"
        suffix = f"v{self.width}{self._suffix(memory.dtype)}.v{self.width}p0"
        text = self.w.call(
            type, f"llvm.masked.gather.{suffix}", (f"<{self.width} x ptr>", self.pointers(memory, index, place)),
            ("i32", str(memory.dtype.size)), (self.w.vector(b1), "splat (i1 true)"), (type, "zeroinitializer"),
        )  # fmt: skip
        return self._loaded(memory.dtype, text)
