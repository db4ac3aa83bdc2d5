"""Loads and stores: contiguous where the index is a ramp, a scalar where it is uniform, gathers and scatters otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from enigma.dtypes import Numeric, b1, u8
from enigma.emit.simt.lanes import Chunk, Flat, Lanes, Memory, Pattern, Ramp, Scalar, Vector, constant, lanes
from enigma.emit.simt.masks import FALSE, TRUE
from enigma.emit.simt.ops import Ops
from enigma.emit.simt.scalars import SLACK
from enigma.emit.simt.writer import element

PIECE = 16
"""Bytes of a store past the caches."""

FEW = 2
"""Lanes up to which a mask known at compile time becomes scalar accesses."""


class MemoryOps(Ops):
    """Writes accesses of memory under the context's mask.

    `stream` is the text of the flag that asks for stores past the caches; `streamed` tells whether one was written.
    """

    def stored(self, dtype: Numeric) -> str:
        """Return LLVM's type of an element in memory; a bool takes a byte."""
        return "i8" if dtype is b1 else element(dtype)

    def pointer(self, buffer: Memory, scalar: Scalar) -> str:
        """Return the address of an element."""
        type = self.stored(buffer.dtype)
        root, off = self.address(scalar)
        text = buffer.pointer
        if root is not None:
            key = ("gep", buffer.pointer, root)
            text = self.w.once(key, lambda: self.w.emit(f"getelementptr {type}, ptr {buffer.pointer}, i64 {root}"))
        if not off:
            return text
        key = ("gep", text, off)
        return self.w.once(key, lambda: self.w.emit(f"getelementptr {type}, ptr {text}, i64 {off}"))

    def pointers(self, buffer: Memory, dtype: Numeric, chunk: Chunk) -> str:
        """Return the vector of addresses of a chunk's elements."""
        type = self.stored(buffer.dtype)
        if isinstance(chunk, Ramp) and max(map(abs, chunk.offs)) < SLACK // 2:
            base = self.pointer(buffer, chunk.scalar)
            offs = self.w.tuple("i32", chunk.offs)
            return self.w.emit(f"getelementptr {type}, ptr {base}, <{self.width} x i32> {offs}")
        limits = self.bounds(dtype, chunk)
        text, source = self.vector(dtype, chunk), self.w.vector(dtype)
        fits = dtype.is_signed or (limits is not None and limits[1] <= 0x7FFFFFFF)
        if dtype.width < 64 and not fits:
            text, source = self.w.emit(f"zext {source} {text} to <{self.width} x i64>"), f"<{self.width} x i64>"
        return self.w.emit(f"getelementptr {type}, ptr {buffer.pointer}, {source} {text}")

    stream: str | None = None
    streamed = False

    def remark(self, buffer: Memory, what: str) -> None:
        """Note an access that the index analysis could not make contiguous."""
        self.w.notes.append((self.place_of_operation(), f"{what} {buffer.name}"))

    def place_of_operation(self) -> object:
        """Return the Python line of the operation that is being lowered."""
        return None

    def safe(self, pointer: str, mask: Chunk | None) -> str:
        """Return the pointer where a lane of the mask is set, else one to memory that nobody looks at."""
        if mask is None or (isinstance(mask, Flat) and mask.scalar.root is None and mask.scalar.off):
            return pointer
        return self.safe_if(pointer, self.some_of((mask,)))

    def safe_if(self, pointer: str, condition: Scalar) -> str:
        """Return the pointer where a scalar condition holds, else one to memory that nobody looks at."""
        if condition.root is None:
            return pointer if condition.off else self.sink()
        return self.w.emit(f"select i1 {self.text(condition)}, ptr {pointer}, ptr {self.sink()}")

    def sink(self) -> str:
        """Return the address of eight bytes that nobody looks at."""
        return self.w.once_in_function("sink", lambda: self.w.alloca(64, "i8"))

    def masks(self) -> Sequence[Chunk]:
        """Return the mask of each chunk."""
        mask = self.context.mask
        return (TRUE,) * self.context.count if mask is None else self.chunks(mask)

    def is_full(self, mask: Chunk) -> bool:
        """Return whether a chunk's mask is known to be all true."""
        return mask == TRUE

    # ---- loads

    def load(self, buffer: Memory, index: Lanes) -> Lanes:
        """Return the elements at `index`; zero in lanes that do not run."""
        uniform = index.uniform
        if uniform is not None:
            pointer = self.pointer(buffer, uniform)
            if self.context.mask is not None and not self.context.some:
                pointer = self.safe_if(pointer, self.some(self.context.mask))
            return Lanes(buffer.dtype, (Flat(self._load_scalar(buffer, pointer)),))
        parts = zip(self.chunks(index), self.masks(), strict=True)
        made = [self._load_chunk(buffer, index.dtype, chunk, mask) for chunk, mask in parts]
        return lanes(buffer.dtype, made, self.context.first)

    def _load_scalar(self, buffer: Memory, pointer: str) -> Scalar:
        dtype, type = buffer.dtype, self.stored(buffer.dtype)
        text = self.w.emit(f"load {type}, ptr {pointer}, align {dtype.size}")
        return self.fresh(dtype, self._to_truth(text, 1) if dtype is b1 else text)

    def _to_truth(self, text: str, width: int) -> str:
        type = self.type_of(u8, width)
        return self.w.emit(f"icmp ne {type} {text}, {'0' if width == 1 else 'zeroinitializer'}")

    def _load_chunk(self, buffer: Memory, index_dtype: Numeric, chunk: Chunk, mask: Chunk) -> Chunk:
        """Return the elements of one chunk of indices."""
        dtype = buffer.dtype
        if mask == FALSE:
            return Vector("zeroinitializer")
        if isinstance(chunk, Flat):
            pointer = self.pointer(buffer, chunk.scalar)
            return Flat(self._load_scalar(buffer, self.safe(pointer, mask)))
        if isinstance(mask, Pattern) and sum(mask.bits) <= FEW:
            text = self._load_few(buffer, index_dtype, chunk, mask)
        elif isinstance(chunk, Ramp) and consecutive(chunk.offs):
            text = self._load_contiguous(buffer, chunk, mask)
        elif isinstance(chunk, Ramp) and self.is_full(mask) and span(chunk.offs) <= 2 * self.width:
            text = self._load_shuffled(buffer, chunk)
        else:
            self.remark(buffer, "gather from")
            type = f"<{self.width} x {self.stored(dtype)}>"
            suffix = f"v{self.width}{self._suffix(dtype)}.v{self.width}p0"
            text = self.w.call(
                type, f"llvm.masked.gather.{suffix}", (f"<{self.width} x ptr>", self.pointers(buffer, index_dtype, chunk)),
                ("i32", str(dtype.size)), (self.w.vector(b1), self.vector(b1, mask)), (type, "zeroinitializer"),
            )  # fmt: skip
        return self._loaded(dtype, text)

    def _loaded(self, dtype: Numeric, text: str) -> Vector:
        """Return the chunk that a vector of stored elements is."""
        if dtype is b1:
            return Vector(self._to_truth(text, self.width))
        return Vector(text)

    def _suffix(self, dtype: Numeric) -> str:
        """Return how LLVM's intrinsics name the type of a stored element."""
        type = self.stored(dtype)
        return "f32" if type == "float" else type

    def _load_contiguous(self, buffer: Memory, chunk: Ramp, mask: Chunk) -> str:
        dtype = buffer.dtype
        pointer = self.pointer(buffer, self.add_scalar(chunk.scalar, chunk.offs[0]))
        type = f"<{self.width} x {self.stored(dtype)}>"
        if self.is_full(mask):
            return self.w.emit(f"load {type}, ptr {pointer}, align {dtype.size}")
        return self.w.call(
            type, f"llvm.masked.load.v{self.width}{self._suffix(dtype)}.p0", ("ptr", pointer), ("i32", str(dtype.size)),
            (self.w.vector(b1), self.vector(b1, mask)), (type, "zeroinitializer"),
        )  # fmt: skip

    def _load_shuffled(self, buffer: Memory, chunk: Ramp) -> str:
        """Load what the lanes' offsets span, not an element more, and bring the elements into order."""
        dtype, low, count = buffer.dtype, min(chunk.offs), span(chunk.offs)
        size = min(self.width, 1 << (count.bit_length() - 1))
        starts = (0,) if count == size else (0, count - size)
        type, parts = f"<{size} x {self.stored(dtype)}>", list[str]()
        for start in starts:
            pointer = self.pointer(buffer, self.add_scalar(chunk.scalar, low + start))
            parts.append(self.w.emit(f"load {type}, ptr {pointer}, align {dtype.size}"))
        order: list[int] = []
        for off in (off - low for off in chunk.offs):
            order.append(off if off < size else off - starts[-1] + size)
        second = parts[1] if len(parts) > 1 else "poison"
        lanes_text = ", ".join(f"i32 {place}" for place in order)
        return self.w.emit(f"shufflevector {type} {parts[0]}, {type} {second}, <{self.width} x i32> <{lanes_text}>")

    def _load_few(self, buffer: Memory, index_dtype: Numeric, chunk: Chunk, mask: Pattern) -> str:
        type, text = f"<{self.width} x {self.stored(buffer.dtype)}>", "zeroinitializer"
        for lane in (lane for lane, bit in enumerate(mask.bits) if bit):
            pointer = self.pointer(buffer, self.lane_scalar(index_dtype, chunk, lane))
            one = self.w.emit(f"load {self.stored(buffer.dtype)}, ptr {pointer}, align {buffer.dtype.size}")
            text = self.w.emit(f"insertelement {type} {text}, {self.stored(buffer.dtype)} {one}, i32 {lane}")
        return text

    def lane_scalar(self, dtype: Numeric, chunk: Chunk, lane: int) -> Scalar:
        """Return one lane of a chunk."""
        match chunk:
            case Flat(scalar):
                return scalar
            case Ramp(scalar, offs):
                return self.add_scalar(scalar, offs[lane])
            case Pattern(bits):
                return constant(dtype, bits[lane])
            case _:
                text = self.w.emit(f"extractelement {self.typed(dtype, chunk)}, i32 {lane}")
                if isinstance(chunk, Vector) and chunk.low is not None and chunk.high is not None:
                    return self.fresh(dtype, text, chunk.low, chunk.high)
                return self.fresh(dtype, text)

    # ---- stores

    def store(self, buffer: Memory, index: Lanes, value: Lanes) -> None:
        """Set the elements at `index` in the lanes that run; where several lanes meet, the last one wins."""
        uniform, scalar = index.uniform, value.uniform
        if uniform is not None and scalar is not None:
            pointer = self.pointer(buffer, uniform)
            if self.context.mask is not None and not self.context.some:
                pointer = self.safe_if(pointer, self.some(self.context.mask))
            self._store_scalar(buffer, pointer, scalar)
            return
        if uniform is not None and self.context.mask is None:
            last = self.lane_scalar(value.dtype, self.chunks(value)[-1], self.width - 1)
            self._store_scalar(buffer, self.pointer(buffer, uniform), last)
            return
        if self.streams(buffer, index):
            self.store_streaming(buffer, index, value)
            return
        self.store_chunks(buffer, index, value)

    def streams(self, buffer: Memory, index: Lanes) -> bool:
        """Return whether a store may bypass the caches: whole vectors one after another to a buffer of the launch."""
        if self.stream is None or not buffer.is_shared or self.context.mask is not None or buffer.dtype.size < 4:
            return False
        chunks = self.chunks(index)
        head = chunks[0]
        if not isinstance(head, Ramp):
            return False
        start = int(head.scalar.off) + head.offs[0]
        for number, chunk in enumerate(chunks):
            if not isinstance(chunk, Ramp) or chunk.scalar.root is not head.scalar.root or not consecutive(chunk.offs):
                return False
            if int(chunk.scalar.off) + chunk.offs[0] != start + number * self.width:
                return False
        return True

    def store_streaming(self, buffer: Memory, index: Lanes, value: Lanes) -> None:
        """Write a store that bypasses the caches where the launch asks for it and the place allows it.

        It is written in pieces of 16 bytes, for arrays are often aligned to no more; the processor puts lines together.
        """
        w, chunk, self.streamed = self.w, self.chunks(index)[0], True
        if self.stream is None or not isinstance(chunk, Ramp):
            return
        pointer = self.pointer(buffer, self.add_scalar(chunk.scalar, chunk.offs[0]))
        low = w.emit(f"and i64 {w.emit(f'ptrtoint ptr {pointer} to i64')}, {PIECE - 1}")
        aligned = w.emit(f"icmp eq i64 {low}, 0")
        past, plain, done = (w.label() for _ in range(3))
        w.branch(w.emit(f"and i1 {aligned}, {self.stream}"), past, plain)
        w.start(past)
        with w.scope():
            for number, part in enumerate(self.chunks(value)):
                self._store_pieces(buffer, pointer, number, part)
        w.jump(done)
        w.start(plain)
        with w.scope():
            self.store_chunks(buffer, index, value)
        w.jump(done)
        w.start(done)

    def _store_pieces(self, buffer: Memory, pointer: str, number: int, part: Chunk) -> None:
        w, type, count = self.w, self.stored(buffer.dtype), PIECE // buffer.dtype.size
        text = self.vector(buffer.dtype, part)
        for first in range(0, self.width, count):
            places = ", ".join(f"i32 {first + place}" for place in range(count))
            source = f"<{self.width} x {type}>"
            piece = w.emit(f"shufflevector {source} {text}, {source} poison, <{count} x i32> <{places}>")
            cell = w.emit(f"getelementptr {type}, ptr {pointer}, i64 {number * self.width + first}")
            w.do(f"store <{count} x {type}> {piece}, ptr {cell}, align {PIECE}, !nontemporal !0")

    def store_chunks(self, buffer: Memory, index: Lanes, value: Lanes) -> None:
        """Write the store of each chunk."""
        for chunk, mask, part in zip(self.chunks(index), self.masks(), self.chunks(value), strict=True):
            if mask != FALSE:
                self._store_chunk(buffer, index.dtype, chunk, mask, part)

    def _store_scalar(self, buffer: Memory, pointer: str, value: Scalar) -> None:
        type, text = self.stored(buffer.dtype), self.text(value)
        if buffer.dtype is b1:
            text = {"true": "1", "false": "0"}.get(text) or self.w.emit(f"zext i1 {text} to i8")
        self.w.do(f"store {type} {text}, ptr {pointer}, align {buffer.dtype.size}")

    def _store_chunk(self, buffer: Memory, index_dtype: Numeric, chunk: Chunk, mask: Chunk, value: Chunk) -> None:
        """Set the elements of one chunk of indices."""
        dtype = buffer.dtype
        if isinstance(mask, Pattern) and sum(mask.bits) <= FEW:
            for lane in (lane for lane, bit in enumerate(mask.bits) if bit):
                pointer = self.pointer(buffer, self.lane_scalar(index_dtype, chunk, lane))
                self._store_scalar(buffer, pointer, self.lane_scalar(dtype, value, lane))
            return
        if isinstance(chunk, Flat) and (isinstance(value, Flat) or self.is_full(mask)):
            pointer = self.safe(self.pointer(buffer, chunk.scalar), mask)
            self._store_scalar(buffer, pointer, self.lane_scalar(dtype, value, self.width - 1))
            return
        type, text = f"<{self.width} x {self.stored(dtype)}>", self.vector(dtype, value)
        if dtype is b1:
            text = self.w.emit(f"zext {self.w.vector(b1)} {text} to {type}")
        if isinstance(chunk, Ramp) and consecutive(chunk.offs):
            pointer = self.pointer(buffer, self.add_scalar(chunk.scalar, chunk.offs[0]))
            if self.is_full(mask):
                self.w.do(f"store {type} {text}, ptr {pointer}, align {dtype.size}")
                return
            self.w.call(
                "void", f"llvm.masked.store.v{self.width}{self._suffix(dtype)}.p0", (type, text), ("ptr", pointer),
                ("i32", str(dtype.size)), (self.w.vector(b1), self.vector(b1, mask)),
            )  # fmt: skip
            return
        self.remark(buffer, "scatter to")
        if isinstance(chunk, Flat):
            chunk = Vector(self.vector(index_dtype, chunk))
        suffix = f"v{self.width}{self._suffix(dtype)}.v{self.width}p0"
        self.w.call(
            "void", f"llvm.masked.scatter.{suffix}", (type, text),
            (f"<{self.width} x ptr>", self.pointers(buffer, index_dtype, chunk)), ("i32", str(dtype.size)),
            (self.w.vector(b1), self.vector(b1, mask)),
        )  # fmt: skip

    def allocate(self, dtype: Numeric, size: int) -> Memory:
        """Return threadgroup memory: part of the frame, whose first contents LLVM must not reason about."""
        pointer = self.w.alloca(size * dtype.parts, self.stored(dtype.element))
        self.w.entry.append(f'  call void asm sideeffect "", "r,~{{memory}}"(ptr {pointer})')
        return Memory(pointer, dtype, "threadgroup memory", is_shared=False, align=64)


def consecutive(offs: Sequence[int]) -> bool:
    """Return whether each offset is one more than the last."""
    return all(b - a == 1 for a, b in pairwise(offs))


def span(offs: Sequence[int]) -> int:
    """Return how many elements lie from the lowest to the highest offset."""
    return max(offs) - min(offs) + 1
