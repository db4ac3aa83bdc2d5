"""Reductions, scans, shuffles and votes over the lanes of each simdgroup of the unit, or of each quadgroup in it.

`size` is how many lanes talk: 32 or 4. A quadgroup lies within one vector, so that its functions are permutations of vectors.
"""

from __future__ import annotations

from collections.abc import Sequence

from enigma.dtypes import Numeric, b1, f32, u32
from enigma.emit.simt.lanes import SIMDGROUP, Chunk, Flat, Lanes, Memory, Number, Ramp, Scalar, Vector, constant, lanes
from enigma.emit.simt.masks import TRUE
from enigma.emit.simt.packed import PackedOps
from enigma.emit.simt.writer import element
from enigma.errors import InternalError


def neutral(kind: str, dtype: Numeric) -> Number:
    """Return the number that changes nothing in a reduction of this kind."""
    if dtype is b1:
        return kind == "and"
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

    def permuted(self, dtype: Numeric, text: str, order: Sequence[int], second: str = "poison") -> str:
        """Return the lanes of a vector, and of a second one after it, in another order."""
        type, places = self.w.vector(dtype), ", ".join(f"i32 {place}" for place in order)
        return self.w.emit(f"shufflevector {type} {text}, {type} {second}, <{self.width} x i32> <{places}>")

    # ---- reductions

    def reduce(self, kind: str, x: Lanes, size: int) -> Lanes:
        """Return the reduction over the lanes that run, the same in all lanes of a group."""
        if x.dtype.is_float and x.dtype is not f32:
            return self.from_f32(self.reduce(kind, self.to_f32(x), size), x.dtype)
        made: list[Chunk] = []
        for group in self.groups(self.held(kind, x)):
            vectors = [self.vector(x.dtype, chunk) for chunk in group]
            if size < SIMDGROUP:
                made += [Vector(self._reduced_within(kind, x.dtype, text, size)) for text in vectors]
            else:
                made += [Flat(self.reduced(kind, x.dtype, vectors))] * len(group)
        return lanes(x.dtype, made, self.context.first)

    def _reduced_within(self, kind: str, dtype: Numeric, text: str, size: int) -> str:
        """Return the reduction of each `size` lanes of a vector, in all of them."""
        step = 1
        while step < size:
            other = self.permuted(dtype, text, [lane ^ step for lane in range(self.width)])
            text = self.joined(kind, dtype, text, other, self.width)
            step *= 2
        return text

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

    def scan(self, kind: str, x: Lanes, size: int, *, inclusive: bool) -> Lanes:
        """Return the reduction over the running lanes of a group up to each lane, itself included or not."""
        if x.dtype.is_float and x.dtype is not f32:
            return self.from_f32(self.scan(kind, self.to_f32(x), size, inclusive=inclusive), x.dtype)
        dtype, made = x.dtype, list[Chunk]()
        rest = self.vector(dtype, Flat(constant(dtype, neutral(kind, dtype))))
        for group in self.groups(self.held(kind, x)):
            before = rest
            for chunk in group:
                text = self._scan_chunk(kind, dtype, self.vector(dtype, chunk), rest, size)
                text = self.joined(kind, dtype, before, text, self.width) if before is not rest else text
                made.append(Vector(text if inclusive else self._shifted(dtype, text, before, 1, size)))
                if size > self.width:
                    before = self.permuted(dtype, text, [self.width - 1] * self.width)
        return lanes(dtype, made, self.context.first)

    def _scan_chunk(self, kind: str, dtype: Numeric, text: str, rest: str, size: int) -> str:
        step = 1
        while step < min(self.width, size):
            text = self.joined(kind, dtype, self._shifted(dtype, text, rest, step, size), text, self.width)
            step *= 2
        return text

    def _shifted(self, dtype: Numeric, text: str, filler: str, by: int, size: int) -> str:
        """Return the lanes of each group moved up by `by`; the free ones are those of `filler`."""
        places = range(self.width)
        order = [lane - by if lane % min(size, self.width) >= by else self.width + lane for lane in places]
        return self.permuted(dtype, text, order, filler)

    # ---- shuffles

    def shuffle(self, x: Lanes, source: Lanes, size: int) -> Lanes:
        """Return x of each group's lane `source`: 0 where it does not run, the lane's own where there is no such lane."""
        if x.dtype is b1:
            return self.convert(self.shuffle(self.convert(x, u32), source, size), b1)
        held, made = self.held_as(0, x), list[Chunk]()
        wanted = self.groups(source)
        for number, group in enumerate(self.groups(held)):
            constants = self._constant_sources(wanted[number])
            if constants is not None:
                made += [self._shuffled(x.dtype, group, place, order, size) for place, order in enumerate(constants)]
            elif size <= self.width:
                made += [
                    self._picked(x.dtype, chunk, place, source.dtype, size)
                    for chunk, place in zip(group, wanted[number], strict=True)
                ]
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

    def _shuffled(self, dtype: Numeric, group: Sequence[Chunk], place: int, order: Sequence[int], size: int) -> Chunk:
        width, type = self.width, self.w.vector(dtype)
        own = [place * width + lane for lane in range(width)]
        order = [
            own[number] // size * size + lane if 0 <= lane < size else own[number] for number, lane in enumerate(order)
        ]
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

    def _picked(self, dtype: Numeric, chunk: Chunk, source: Chunk, index: Numeric, size: int) -> Chunk:
        """Return lanes chosen at run time among the few of each group: for each, a permutation and a choice."""
        found = chunk
        for number in range(0 if isinstance(chunk, Flat) else size):
            order = [lane // size * size + number for lane in range(self.width)]
            here = self.compare_chunks("eq", source, Flat(constant(index, number)), index)
            found = self.choose_chunks(
                here, Vector(self.permuted(dtype, self.vector(dtype, chunk), order)), found, dtype
            )
        return found

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

    # ---- votes

    def ballot(self, p: Lanes, size: int) -> Lanes:
        """Return in which running lanes of each group p holds, the lowest bit for its first lane."""
        made: list[Chunk] = []
        for group in self.groups(self.held_as(False, p)):
            if size < SIMDGROUP:
                made += [self._nibbles(chunk, size) for chunk in group]
            else:
                made += [Flat(self._joined_bits(group))] * len(group)
        return lanes(u32, made, self.context.first)

    def _bits_of(self, chunk: Chunk, type: str) -> str:
        text = self.w.emit(f"bitcast {self.typed(b1, chunk)} to i{self.width}")
        return text if type == f"i{self.width}" else self.w.emit(f"zext i{self.width} {text} to {type}")

    def _joined_bits(self, group: Sequence[Chunk]) -> Scalar:
        """Return one number of a simdgroup's truth values."""
        if all(chunk == TRUE for chunk in group):
            return constant(u32, u32.max)
        total = ""
        for number, chunk in enumerate(group):
            part = self._bits_of(chunk, "i32")
            part = self.w.emit(f"shl i32 {part}, {number * self.width}") if number else part
            total = self.w.emit(f"or i32 {total}, {part}") if total else part
        return self.fresh(u32, total)

    def _nibbles(self, chunk: Chunk, size: int) -> Chunk:
        """Return a number of the truth values of each few lanes."""
        mask = (1 << size) - 1
        if chunk == TRUE:
            return Flat(constant(u32, mask))
        type, starts = self.w.vector(u32), [lane // size * size for lane in range(self.width)]
        bits = self.w.splat("i32", self._bits_of(chunk, "i32"))
        moved = self.w.emit(f"lshr {type} {bits}, {self.w.tuple('i32', starts)}")
        return Vector(self.w.emit(f"and {type} {moved}, {self.w.tuple('i32', [mask] * self.width)}"), 0, mask)

    def first(self, size: int) -> Lanes:
        """Return the number of the first running lane of each group; any lane's where none runs."""
        if self.context.mask is None:
            return self.constant(0, u32)
        running = self.ballot(self.constant(True, b1), size)
        if size == SIMDGROUP:
            return self.least(self.call("llvm.cttz", running), self.constant(size - 1, u32))
        lowest = self.and_(running, self.neg(running))
        # 1, 2, 4, 8 to 0, 1, 2, 3, which is cheaper than counting zeros
        return self.sub(self.shr(lowest, self.constant(1, u32)), self.shr(lowest, self.constant(3, u32)))
