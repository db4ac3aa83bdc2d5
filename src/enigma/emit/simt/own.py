"""Memory whose size is known: tables of constants, and arrays of each thread's own.

Element e of lane l's own array lies at `e * lanes + l`: an index that lanes share reads and writes whole vectors, any other
gathers and scatters. An index is held within the array first, so that no lane, running or not, reaches other memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from enigma.dtypes import Numeric, b1, i32, index, u32
from enigma.emit.simt.lanes import Chunk, Flat, Lanes, Memory, Scalar, Vector, constant, lanes
from enigma.emit.simt.masks import FALSE
from enigma.emit.simt.memory import MemoryOps
from enigma.emit.simt.writer import element, literal

MOST_IN_FRAME = 1 << 15
"""Bytes of an array, all lanes together, up to which it lies on the stack: threads of some systems have half a megabyte."""


class OwnMemory(MemoryOps):
    """Writes accesses of tables and of threads' own arrays.

    `own_lanes` is how many lanes an array has room for; they are those of one unit if `own_unit`, where nothing outlives a
    unit, else those of the threadgroup.
    """

    own_lanes = 0
    own_unit = False

    def first_lane(self) -> Scalar:
        """Return the number of the running unit's first thread."""
        return constant(u32, 0)

    def allocate_for_threads(self, dtype: Numeric, size: int) -> Memory:
        """Return an array of each thread's own; its first contents are those of any thread before, never LLVM's undef."""
        count = size * self.own_lanes
        fits = count * dtype.size <= MOST_IN_FRAME
        element = self.stored(dtype.element)
        pointer = self.w.alloca(count * dtype.parts, element) if fits else self.w.heap(count * dtype.size)
        self.w.entry.append(f'  call void asm sideeffect "", "r,~{{memory}}"(ptr {pointer})')
        return Memory(pointer, dtype, "the thread's array", is_shared=False, align=64, size=size, lanes=self.own_lanes)

    def table(self, dtype: Numeric, values: Sequence[bool | int | float]) -> Memory:
        """Return constant memory that holds these numbers."""
        type = self.stored(dtype)
        texts = [str(int(value)) if dtype is b1 else literal(dtype, value) for value in values]
        content = ", ".join(f"{type} {text}" for text in texts)
        name = f"@table{len(self.w.declarations)}"
        self.w.declare(f"{name} = private unnamed_addr constant [{len(values)} x {type}] [{content}], align 64")
        return Memory(name, dtype, "table", is_shared=False, align=64, size=len(values))

    # ---- accesses

    def load(self, buffer: Memory, index: Lanes) -> Lanes:
        """Return the elements at `index`; anything in lanes that do not run."""
        if buffer.size is None:
            return super().load(buffer, index)
        index = self._held(buffer.size, index)
        if not buffer.lanes:
            return super().load(buffer, index)
        first = self.context.first
        made = [self._load_own(buffer, index.dtype, first + k, chunk) for k, chunk in enumerate(self.chunks(index))]
        return lanes(buffer.dtype, made, first)

    def store(self, buffer: Memory, index: Lanes, value: Lanes) -> None:
        """Set the elements at `index` in the lanes that run."""
        if buffer.size is None:
            super().store(buffer, index, value)
            return
        index = self._held(buffer.size, index)
        parts = zip(self.chunks(index), self.masks(), self.chunks(value), strict=True)
        for k, (chunk, mask, part) in enumerate(parts):
            if mask != FALSE:
                self._store_own(buffer, index.dtype, self.context.first + k, chunk, mask, part)

    def _held(self, size: int, index: Lanes) -> Lanes:
        """Return the index, or the last element's where it is outside of the array."""

        def hold(chunk: Chunk) -> Chunk:
            limits = self.bounds(index.dtype, chunk)
            if limits is not None and limits[0] >= 0 and limits[1] < size:
                return chunk
            last, type = constant(index.dtype, size - 1), element(index.dtype)
            if isinstance(chunk, Flat):
                text = self.w.call(type, f"llvm.umin.{type}", (type, self.text(chunk.scalar)), (type, self.text(last)))
                return Flat(self.fresh(index.dtype, text, 0, size - 1))
            vector, suffix = self.w.vector(index.dtype), f"v{self.width}{type}"
            limit = self.vector(index.dtype, Flat(last))
            held = (vector, self.vector(index.dtype, chunk))
            return Vector(self.w.call(vector, f"llvm.umin.{suffix}", held, (vector, limit)), 0, size - 1)

        return self.each(index.dtype, hold, index)

    # ---- a thread's own array

    def _row(self, buffer: Memory, element: Scalar, chunk: int) -> str:
        """Return the address of an element of the first lane of a chunk."""
        place = self.sum(self.multiply(self.cast(element, index), constant(index, buffer.lanes)), self._lane(chunk))
        return self.pointer(buffer, place)

    def _lane(self, chunk: int) -> Scalar:
        start = constant(index, 0) if self.own_unit else self.cast(self.first_lane(), index)
        return self.add_scalar(start, chunk * self.width)

    def _cells(self, buffer: Memory, dtype: Numeric, number: int, chunk: Chunk) -> str:
        """Return the addresses of each lane's own element."""
        w, shape = self.w, f"<{self.width} x i32>"
        text = self.vector(dtype, chunk)
        if dtype.width > 32:
            text = w.emit(f"trunc {w.vector(dtype)} {text} to {shape}")
        rows = w.emit(f"mul {shape} {text}, splat (i32 {buffer.lanes})")
        cells = w.emit(f"add {shape} {rows}, {w.tuple('i32', range(self.width))}")
        base = self._row(buffer, constant(i32, 0), number)
        return w.emit(f"getelementptr {self.stored(buffer.dtype)}, ptr {base}, {shape} {cells}")

    def _own_align(self, dtype: Numeric) -> int:
        return min(64, self.width * dtype.size)

    def _load_own(self, buffer: Memory, index_dtype: Numeric, number: int, chunk: Chunk) -> Chunk:
        dtype = buffer.dtype
        type = f"<{self.width} x {self.stored(dtype)}>"
        if isinstance(chunk, Flat):
            pointer = self._row(buffer, chunk.scalar, number)
            return self._loaded(dtype, self.w.emit(f"load {type}, ptr {pointer}, align {self._own_align(dtype)}"))
        self.remark(buffer, "gather from")
        text = self.w.call(
            type, f"llvm.masked.gather.v{self.width}{self._suffix(dtype)}.v{self.width}p0",
            (f"<{self.width} x ptr>", self._cells(buffer, index_dtype, number, chunk)), ("i32", str(dtype.size)),
            (self.w.vector(b1), "splat (i1 true)"), (type, "zeroinitializer"),
        )  # fmt: skip
        return self._loaded(dtype, text)

    def _store_own(
        self, buffer: Memory, index_dtype: Numeric, number: int, chunk: Chunk, mask: Chunk, value: Chunk
    ) -> None:
        dtype = buffer.dtype
        type, text = f"<{self.width} x {self.stored(dtype)}>", self.vector(dtype, value)
        if dtype is b1:
            text = self.w.emit(f"zext {self.w.vector(b1)} {text} to {type}")
        if not isinstance(chunk, Flat):
            self.remark(buffer, "scatter to")
            self.w.call(
                "void", f"llvm.masked.scatter.v{self.width}{self._suffix(dtype)}.v{self.width}p0", (type, text),
                (f"<{self.width} x ptr>", self._cells(buffer, index_dtype, number, chunk)), ("i32", str(dtype.size)),
                (self.w.vector(b1), self.vector(b1, mask)),
            )  # fmt: skip
            return
        pointer, align = self._row(buffer, chunk.scalar, number), self._own_align(dtype)
        if self.is_full(mask):
            self.w.do(f"store {type} {text}, ptr {pointer}, align {align}")
            return
        self.w.call(
            "void", f"llvm.masked.store.v{self.width}{self._suffix(dtype)}.p0", (type, text), ("ptr", pointer),
            ("i32", str(align)), (self.w.vector(b1), self.vector(b1, mask)),
        )  # fmt: skip
