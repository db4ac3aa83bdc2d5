"""Atomic operations: lanes take their turn one after another; on threadgroup memory, which no other thread sees, plainly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from enigma.dtypes import Numeric, b1, f32, u32
from enigma.emit.simt.lanes import Chunk, Lanes, Memory, Pattern, Scalar, Vector, constant, flat, lanes
from enigma.emit.simt.masks import FALSE
from enigma.emit.simt.tiles import TileOps
from enigma.emit.simt.writer import element
from enigma.spec.terms import FenceOrder, MemoryOrder, ThreadScope

ORDERS = {order: order.value for order in (*MemoryOrder, *FenceOrder)} | {MemoryOrder.RELAXED: "monotonic"}
REDUCIBLE = frozenset({"add", "min", "max", "and", "or", "xor"})

Turn = Callable[[Sequence[Scalar]], "Scalar | None"]
"""What one lane does, with its own values of the operands."""


@dataclass(frozen=True, slots=True)
class Column:
    """An operand of all lanes, in memory, so that a loop over the lanes can read it."""

    pointer: str
    dtype: Numeric
    type: str


def _rmw(kind: str, dtype: Numeric) -> str:
    """Return LLVM's name of an operation that reads and writes."""
    if dtype.is_float and kind != "xchg":
        return f"f{kind}"
    return f"u{kind}" if kind in ("min", "max") and not dtype.is_signed else kind


class Atomics(TileOps):
    """Writes atomic operations."""

    def result_is_used(self) -> bool:
        """Return whether anyone needs the result of the operation that is being lowered."""
        return True

    def atomic(
        self, kind: str, buffer: Memory, index: Lanes, value: Lanes | None = None, *, order: MemoryOrder
    ) -> Lanes | None:
        """Do `kind` (load, store, xchg, add, ...) to element `index`; returns what was there before, or None for a store."""
        if kind == "load" and index.uniform is not None:
            pointer = self.pointer(buffer, index.uniform)
            if self.context.mask is not None:
                pointer = self.safe_if(pointer, self.some(self.context.mask))
            return flat(self._one(kind, buffer, pointer, None, order) or constant(buffer.dtype, 0))
        uniform = index.uniform
        reducible = kind in REDUCIBLE and (
            kind == "add" or not buffer.dtype.is_float
        )  # no number changes nothing to NaN
        if reducible and value is not None and uniform is not None and not self.result_is_used():
            self._combined(kind, buffer, uniform, value, order)
            return self.constant(0, buffer.dtype)
        operands = [index] if value is None else [index, value]

        def turn(parts: Sequence[Scalar]) -> Scalar | None:
            pointer = self.turn_pointer(buffer, parts[0])
            return self._one(kind, buffer, pointer, parts[1] if len(parts) > 1 else None, order)

        return self.in_turn(None if kind == "store" else buffer.dtype, turn, *operands)

    def compare_exchange(
        self, buffer: Memory, index: Lanes, expected: Lanes, desired: Lanes, success: MemoryOrder, failure: MemoryOrder
    ) -> Lanes:
        """Set element `index` to `desired` if it has the bits of `expected`; returns what each lane found."""
        dtype, align = buffer.dtype, buffer.dtype.size
        type = f"i{8 * dtype.size}"

        def turn(parts: Sequence[Scalar]) -> Scalar:
            pointer = self.turn_pointer(buffer, parts[0])
            old, new = (self._word(dtype, self.text(part)) for part in parts[1:])
            if buffer.is_shared:
                orders = f"{ORDERS[success]} {ORDERS[failure]}"
                pair = self.w.emit(f"cmpxchg ptr {pointer}, {type} {old}, {type} {new} {orders}, align {align}")
                return self._from_word(dtype, self.w.emit(f"extractvalue {{ {type}, i1 }} {pair}, 0"))
            found = self.w.emit(f"load {type}, ptr {pointer}, align {align}")
            same = self.w.emit(f"icmp eq {type} {found}, {old}")
            kept = self.w.emit(f"select i1 {same}, {type} {new}, {type} {found}")
            self.w.do(f"store {type} {kept}, ptr {pointer}, align {align}")
            return self._from_word(dtype, found)

        return self.in_turn(dtype, turn, index, expected, desired) or self.constant(0, dtype)

    def same_bits(self, x: Lanes, y: Lanes) -> Lanes:
        """Return whether two values have the same bits: NaN is NaN, and -0 is not 0."""
        if x.dtype is f32:
            x, y = self.bitcast(x, u32), self.bitcast(y, u32)
        return self.cmp("eq", x, y)

    def fence(self, order: FenceOrder, scope: ThreadScope) -> None:
        """Order the accesses before and after; the threads of one threadgroup run on one of the machine's threads."""
        single = "" if scope is ThreadScope.DEVICE else 'syncscope("singlethread") '
        self.w.do(f"fence {single}{ORDERS[order]}")

    def _word(self, dtype: Numeric, text: str) -> str:
        """Return a scalar as the integer that memory holds: a float's bits, a bool's byte."""
        if dtype is b1:
            return {"true": "1", "false": "0"}.get(text) or self.w.emit(f"zext i1 {text} to i8")
        return self.w.emit(f"bitcast {element(dtype)} {text} to i{dtype.width}") if dtype.is_float else text

    def _from_word(self, dtype: Numeric, text: str) -> Scalar:
        if dtype is b1:
            return self.fresh(dtype, self.w.emit(f"icmp ne i8 {text}, 0"))
        if dtype.is_float:
            text = self.w.emit(f"bitcast i{dtype.width} {text} to {element(dtype)}")
        return self.fresh(dtype, text)

    def turn_pointer(self, buffer: Memory, index: Scalar) -> str:
        """Return the address of one lane's element."""
        return self.pointer(buffer, index)

    def _one(self, kind: str, buffer: Memory, pointer: str, value: Scalar | None, order: MemoryOrder) -> Scalar | None:
        """Write the operation for one element."""
        dtype, type, align, shared = buffer.dtype, self.stored(buffer.dtype), buffer.dtype.size, buffer.is_shared
        text = "" if value is None else self.text(value)
        text = self._word(b1, text) if dtype is b1 and text else text
        how, end = ("atomic ", f" {ORDERS[order]}, align {align}") if shared else ("", f", align {align}")
        if kind == "store":
            self.w.do(f"store {how}{type} {text}, ptr {pointer}{end}")
            return None
        if kind == "load" or not shared:
            found = self.w.emit(f"load {how}{type}, ptr {pointer}{end}")
        else:
            found = self.w.emit(f"atomicrmw {_rmw(kind, dtype)} ptr {pointer}, {type} {text}{end}")
        old = self._from_word(dtype, found) if dtype is b1 else self.fresh(dtype, found)
        if kind != "load" and not shared:
            new = text if value is None or kind == "xchg" else self._plain(kind, old, value)
            self.w.do(f"store {type} {new}, ptr {pointer}{end}")
        return old

    def _plain(self, kind: str, old: Scalar, value: Scalar) -> str:
        x, y = flat(old), flat(value)
        simple = {
            "add": self.add, "sub": self.sub, "and": self.and_, "or": self.or_, "xor": self.xor,
            "min": self.fmin if old.dtype.is_float else self.least,
            "max": self.fmax if old.dtype.is_float else self.greatest,
        }  # fmt: skip
        made = simple[kind](x, y).uniform
        return self.text(made if made is not None else old)

    def _combined(self, kind: str, buffer: Memory, index: Scalar, value: Lanes, order: MemoryOrder) -> None:
        """Combine the lanes that run, and do one operation for them all: nobody asks for what each found."""
        parts = [self.vector(buffer.dtype, chunk) for chunk in self.chunks(self.held(kind, value))]
        total = self.reduced(kind, buffer.dtype, parts)
        pointer = self.pointer(buffer, index)
        if self.context.mask is not None and not self.context.some:
            pointer = self.safe_if(pointer, self.some(self.context.mask))
        self._one(kind, buffer, pointer, total, order)

    # ---- one lane after another

    def in_turn(self, result: Numeric | None, turn: Turn, *operands: Lanes) -> Lanes | None:
        """Do `turn` for each lane that runs, in order, and return what it gives; zero in lanes that do not run."""
        masks = self.masks()
        fixed = all(isinstance(mask, Pattern) or mask == FALSE for mask in masks)
        if fixed and sum(sum(mask.bits) for mask in masks if isinstance(mask, Pattern)) <= 2:
            return self._unrolled(result, turn, masks, operands)
        count = self.context.count * self.width
        columns = [self._column(operand) for operand in operands]
        gate = self._column(self.context.mask) if self.context.mask is not None else None
        out = None if result is None else self._blank(result, count)
        self._loop(count, turn, columns, gate, out)
        if out is None or result is None:
            return None
        made: list[Chunk] = []
        for chunk in range(self.context.count):
            type = f"<{self.width} x {self.stored(result)}>"
            place = self.w.emit(f"getelementptr {self.stored(result)}, ptr {out.pointer}, i64 {chunk * self.width}")
            made.append(self._loaded(result, self.w.emit(f"load {type}, ptr {place}, align {result.size}")))
        return lanes(result, made, self.context.first)

    def _loop(self, count: int, turn: Turn, columns: Sequence[Column], gate: Column | None, out: Column | None) -> None:
        w = self.w
        head, act, skip, done = (w.label() for _ in range(4))
        start = w.block
        w.jump(head)
        w.start(head)
        lane, place = w.open_phi("i64", "0", start)
        if gate is not None:
            w.branch(w.emit(f"icmp ne i8 {self._cell(gate, lane, 'i8')}, 0"), act, skip)
        else:
            w.jump(act)
        w.start(act)
        with w.scope():
            values = [self.fresh(column.dtype, self._value(column, lane)) for column in columns]
            made = turn(values)
            if out is not None and made is not None:
                self._store_scalar(Memory(out.pointer, out.dtype, "", is_shared=False), self._at(out, lane), made)
        w.jump(skip)
        w.start(skip)
        following = w.emit(f"add nuw nsw i64 {lane}, 1")
        w.close_phi(place, following, skip)
        w.branch(w.emit(f"icmp eq i64 {following}, {count}"), done, head)
        w.start(done)

    def _at(self, column: Column, lane: str) -> str:
        return self.w.emit(f"getelementptr {column.type}, ptr {column.pointer}, i64 {lane}")

    def _cell(self, column: Column, lane: str, type: str) -> str:
        return self.w.emit(f"load {type}, ptr {self._at(column, lane)}, align {column.dtype.size}")

    def _value(self, column: Column, lane: str) -> str:
        text = self._cell(column, lane, column.type)
        return self.w.emit(f"icmp ne i8 {text}, 0") if column.dtype is b1 else text

    def _blank(self, dtype: Numeric, count: int) -> Column:
        type = self.stored(dtype)
        column = Column(self.w.alloca(count, type), dtype, type)
        self.w.do(f"store [{count} x {type}] zeroinitializer, ptr {column.pointer}, align 64")
        return column

    def _column(self, x: Lanes) -> Column:
        """Return a value of all lanes as an array in the frame."""
        type, width = self.stored(x.dtype), self.width
        pointer = self.w.alloca(self.context.count * width, type)
        for number, chunk in enumerate(self.chunks(x)):
            text = self.vector(x.dtype, chunk)
            if x.dtype is b1:
                text = self.w.emit(f"zext {self.w.vector(b1)} {text} to <{width} x i8>")
            place = self.w.emit(f"getelementptr {type}, ptr {pointer}, i64 {number * width}")
            self.w.do(f"store <{width} x {type}> {text}, ptr {place}, align {x.dtype.size}")
        return Column(pointer, x.dtype, type)

    def _unrolled(
        self, result: Numeric | None, turn: Turn, masks: Sequence[Chunk], operands: Sequence[Lanes]
    ) -> Lanes | None:
        """Do the turns of the few lanes of a mask known at compile time."""
        found: list[Chunk] = []
        for number, mask in enumerate(masks):
            text = "zeroinitializer"
            for lane in (lane for lane, bit in enumerate(mask.bits if isinstance(mask, Pattern) else ()) if bit):
                parts = [self.lane_scalar(operand.dtype, self.chunks(operand)[number], lane) for operand in operands]
                made = turn(parts)
                if made is not None and result is not None:
                    one = f"{element(result)} {self.text(made)}"
                    text = self.w.emit(f"insertelement {self.w.vector(result)} {text}, {one}, i32 {lane}")
            found.append(Vector(text))
        return None if result is None else lanes(result, found, self.context.first)
