"""Accesses of vectors: n elements in a row for each lane. Lanes side by side are one run of memory, taken apart by shuffles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from enigma.dtypes import Numeric, b1, i64
from enigma.emit.simt.lanes import Chunk, Flat, Lanes, Memory, Ramp, Vector, lanes
from enigma.emit.simt.masks import FALSE
from enigma.emit.simt.own import OwnMemory


class PackedOps(OwnMemory):
    """Writes loads and stores of several components; a vector is a tuple of values.

    `runs` tells of a register with one component of neighbouring lanes: the register with the run of memory that it was taken
    from, which component it is, and of how many.
    """

    runs: dict[str, tuple[str, int, int]]

    def load_element(self, buffer: Memory, index: Lanes) -> Lanes | tuple[Lanes, ...]:
        """Return the elements at `index`; of a buffer of vectors, their components."""
        if buffer.dtype.parts == 1:
            return self.load(buffer, index)
        return self._load_parts(*self._components(buffer, index), buffer.dtype.parts)

    def store_element(self, buffer: Memory, index: Lanes, value: Lanes | tuple[Lanes, ...]) -> None:
        """Set the elements at `index`; of a buffer of vectors, to the components given."""
        if isinstance(value, Lanes):
            self.store(buffer, index, value)
        else:
            self._store_parts(*self._components(buffer, index), value)

    def load_vector(self, buffer: Memory, index: Lanes, count: int) -> tuple[Lanes, ...]:
        """Return `count` elements from `index` on."""
        return self._load_parts(buffer, index, count)

    def store_vector(self, buffer: Memory, index: Lanes, value: tuple[Lanes, ...]) -> None:
        """Set the elements from `index` on."""
        self._store_parts(buffer, index, value)

    def numbers(self, buffer: Memory, index: Lanes) -> tuple[Memory, Lanes]:
        """Return a buffer as one of numbers, and where in that the elements at `index` begin."""
        return (buffer, index) if buffer.dtype.parts == 1 else self._components(buffer, index)

    def run_of(self, chunks: Sequence[Chunk]) -> str | None:
        """Return the run of memory that these are all the components of, in order; None where they are not."""
        run: str | None = None
        for part, chunk in enumerate(chunks):
            found = self.runs.get(chunk.text) if isinstance(chunk, Vector) else None
            if found is None or found[1:] != (part, len(chunks)) or run not in (None, found[0]):
                return None
            run = found[0]
        return run

    def piece(self, dtype: Numeric, run: str, number: int, count: int) -> Chunk:
        """Return one of the `count` chunks that follow one another in a run."""
        type = f"<{self.width * count} x {self.stored(dtype)}>"
        order = range(number * self.width, (number + 1) * self.width)
        return self.w.once(
            ("piece", run, number), lambda: self._loaded(dtype, self._shuffle(type, run, "poison", order))
        )

    def stretched(self, dtype: Numeric, chunk: Chunk, count: int) -> list[Chunk]:
        """Return chunks with each lane's number so many times in a row."""
        if isinstance(chunk, Flat):
            return [chunk] * count
        text, type = self.vector(dtype, chunk), self.w.vector(dtype)
        return [
            Vector(self._shuffle(type, text, "poison", [(q * self.width + k) // count for k in range(self.width)]))
            for q in range(count)
        ]

    def _components(self, buffer: Memory, index: Lanes) -> tuple[Memory, Lanes]:
        """Return a buffer of vectors as one of numbers, and the first number of each vector: exact, whatever the size."""
        parts = buffer.dtype.parts
        wide = self.convert(index, i64)
        size = None if buffer.size is None else buffer.size * parts
        return replace(buffer, dtype=buffer.dtype.element, size=size), self.mul(wide, self.const(parts, wide))

    def _has_runs(self, buffer: Memory, start: Lanes, count: int) -> bool:
        """Return whether some lanes' elements follow one another; an array whose size is known has an order of its own."""
        if buffer.size is not None or start.uniform is not None:
            return False
        return any(in_a_row(chunk, count) for chunk in self.chunks(start))

    # ---- loads

    def _load_parts(self, buffer: Memory, start: Lanes, count: int) -> tuple[Lanes, ...]:
        places = [self.add(start, self.const(part, start)) for part in range(count)]
        if not self._has_runs(buffer, start, count):
            return tuple(self.load(buffer, place) for place in places)
        columns: list[list[Chunk]] = [[] for _ in range(count)]
        for number, (chunk, mask) in enumerate(zip(self.chunks(start), self.masks(), strict=True)):
            if in_a_row(chunk, count) and mask != FALSE and isinstance(chunk, Ramp):
                made = self._load_run(buffer, chunk, mask, count)
            else:
                made = [self._load_chunk(buffer, start.dtype, self.chunks(place)[number], mask) for place in places]
            for column, part in zip(columns, made, strict=True):
                column.append(part)
        return tuple(lanes(buffer.dtype, column, self.context.first) for column in columns)

    def _load_run(self, buffer: Memory, chunk: Ramp, mask: Chunk, count: int) -> list[Chunk]:
        """Load the components of lanes side by side, and bring each component of all lanes together."""
        dtype, long = buffer.dtype, self.width * count
        pointer = self.pointer(buffer, self.add_scalar(chunk.scalar, chunk.offs[0]))
        type = f"<{long} x {self.stored(dtype)}>"
        if self.is_full(mask):
            run = self.w.emit(f"load {type}, ptr {pointer}, align {dtype.size}")
        else:
            run = self.w.call(
                type, f"llvm.masked.load.v{long}{self._suffix(dtype)}.p0", ("ptr", pointer), ("i32", str(dtype.size)),
                (f"<{long} x i1>", self._repeated(mask, count)), (type, "zeroinitializer"),
            )  # fmt: skip
        made: list[Chunk] = []
        for part in range(count):
            text = self._shuffle(type, run, "poison", range(part, long, count))
            if dtype is not b1:
                self.runs[text] = run, part, count
            made.append(self._loaded(dtype, text))
        return made

    def _repeated(self, mask: Chunk, count: int) -> str:
        """Return a mask with each lane's bit so many times in a row."""
        order = [lane for lane in range(self.width) for _ in range(count)]
        return self._shuffle(self.w.vector(b1), self.vector(b1, mask), "poison", order)

    def _shuffle(self, type: str, first: str, second: str, order: Sequence[int]) -> str:
        places = ", ".join(f"i32 {place}" for place in order)
        return self.w.emit(f"shufflevector {type} {first}, {type} {second}, <{len(order)} x i32> <{places}>")

    # ---- stores

    def _store_parts(self, buffer: Memory, start: Lanes, value: tuple[Lanes, ...]) -> None:
        count = len(value)
        places = [self.add(start, self.const(part, start)) for part in range(count)]
        if not self._has_runs(buffer, start, count):
            for place, part in zip(places, value, strict=True):
                self.store(buffer, place, part)
            return
        for number, (chunk, mask) in enumerate(zip(self.chunks(start), self.masks(), strict=True)):
            parts = [self.chunks(part)[number] for part in value]
            if mask == FALSE:
                continue
            if in_a_row(chunk, count) and isinstance(chunk, Ramp):
                self._store_run(buffer, chunk, mask, parts)
                continue
            for place, part in zip(places, parts, strict=True):
                self._store_chunk(buffer, start.dtype, self.chunks(place)[number], mask, part)

    def _store_run(self, buffer: Memory, chunk: Ramp, mask: Chunk, parts: Sequence[Chunk]) -> None:
        dtype, count, long = buffer.dtype, len(parts), self.width * len(parts)
        pointer = self.pointer(buffer, self.add_scalar(chunk.scalar, chunk.offs[0]))
        type, run = f"<{long} x {self.stored(dtype)}>", self.interleaved(dtype, parts)
        if self.is_full(mask):
            self.w.do(f"store {type} {run}, ptr {pointer}, align {dtype.size}")
            return
        self.w.call(
            "void", f"llvm.masked.store.v{long}{self._suffix(dtype)}.p0", (type, run), ("ptr", pointer),
            ("i32", str(dtype.size)), (f"<{long} x i1>", self._repeated(mask, count)),
        )  # fmt: skip

    def interleaved(self, dtype: Numeric, parts: Sequence[Chunk]) -> str:
        """Return the components of all lanes in the order of memory."""
        width, stored = self.width, self.stored(dtype)
        texts = [self._to_stored(dtype, part) for part in parts]
        one, two = f"<{width} x {stored}>", f"<{2 * width} x {stored}>"
        first = self._shuffle(one, texts[0], texts[1], range(2 * width))
        if len(texts) == 2:
            return self._shuffle(
                two, first, "poison", [lane + part * width for lane in range(width) for part in (0, 1)]
            )
        second = self._shuffle(one, texts[2], texts[3] if len(texts) == 4 else "poison", range(2 * width))
        return self._shuffle(
            two, first, second, [lane + part * width for lane in range(width) for part in range(len(texts))]
        )

    def _to_stored(self, dtype: Numeric, part: Chunk) -> str:
        text = self.vector(dtype, part)
        return self.w.emit(f"zext {self.w.vector(b1)} {text} to <{self.width} x i8>") if dtype is b1 else text


def in_a_row(chunk: Chunk, count: int) -> bool:
    """Return whether the runs of `count` elements of all lanes follow one another."""
    return isinstance(chunk, Ramp) and all(off - chunk.offs[0] == lane * count for lane, off in enumerate(chunk.offs))
