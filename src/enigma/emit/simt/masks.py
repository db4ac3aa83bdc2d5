"""Chunks as vectors, and masks: conjunction, negation, and the questions whether all or any lanes are set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from enigma.dtypes import Numeric, b1
from enigma.emit.simt.lanes import (
    Bound,
    Chunk,
    Context,
    Flat,
    Gate,
    Lanes,
    Lazy,
    Pattern,
    Ramp,
    Root,
    Scalar,
    Vector,
    constant,
    lanes,
)  # fmt: skip
from enigma.emit.simt.scalars import Scalars
from enigma.emit.simt.writer import Writer, element
from enigma.errors import InternalError

TRUE, FALSE = Flat(constant(b1, True)), Flat(constant(b1, False))


class Masks(Scalars):
    """Writes code for the lanes of `context`: chunk by chunk, once where a value is the same in all."""

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer)
        self.context = Context()

    @property
    def width(self) -> int:
        """Lanes of a chunk."""
        return self.w.width

    # ---- chunks

    def chunks(self, x: Lanes) -> Sequence[Chunk]:
        """Return the chunks of a value that run here."""
        here = self.context
        if x.uniform is not None:
            return x.chunks * here.count
        start = here.first - x.first
        found = x.chunks[start : start + here.count]
        if start < 0 or len(found) != here.count:
            raise InternalError("a value is used in lanes in which it was not computed")
        return found

    def each(self, dtype: Numeric, make: Callable[[Chunk], Chunk], x: Lanes) -> Lanes:
        """Return `make` of every chunk, once where the value is uniform."""
        if x.uniform is not None:
            return self._once(dtype, make(x.chunks[0]))
        return lanes(dtype, [make(chunk) for chunk in self.chunks(x)], self.context.first)

    def pairs(self, dtype: Numeric, make: Callable[[Chunk, Chunk], Chunk], x: Lanes, y: Lanes) -> Lanes:
        """Return `make` of the chunks of two values, once where both are uniform."""
        if x.uniform is not None and y.uniform is not None:
            return self._once(dtype, make(x.chunks[0], y.chunks[0]))
        parts = zip(self.chunks(x), self.chunks(y), strict=True)
        return lanes(dtype, [make(a, b) for a, b in parts], self.context.first)

    def triples(
        self, dtype: Numeric, make: Callable[[Chunk, Chunk, Chunk], Chunk], x: Lanes, y: Lanes, z: Lanes
    ) -> Lanes:
        """Return `make` of the chunks of three values, once where all are uniform."""
        if x.uniform is not None and y.uniform is not None and z.uniform is not None:
            return self._once(dtype, make(x.chunks[0], y.chunks[0], z.chunks[0]))
        parts = zip(self.chunks(x), self.chunks(y), self.chunks(z), strict=True)
        return lanes(dtype, [make(a, b, c) for a, b, c in parts], self.context.first)

    def _once(self, dtype: Numeric, made: Chunk) -> Lanes:
        if isinstance(made, Flat):
            return Lanes(dtype, (made,))
        return Lanes(dtype, (made,) * self.context.count, self.context.first)

    def vector(self, dtype: Numeric, chunk: Chunk) -> str:
        """Return a chunk as a vector's text."""
        type = element(dtype)
        match chunk:
            case Vector(text):
                return text
            case Flat(scalar):
                return self.w.splat(type, self.text(scalar))
            case Ramp(scalar, offs):
                if scalar.root is None:
                    return self.w.tuple(type, [_clip(dtype, int(scalar.off) + off) for off in offs])
                return self.w.once(("ramp", scalar, offs), lambda: self._ramp(scalar, offs))
            case Pattern(bits):
                return self.w.tuple("i1", bits)
            case Gate(condition, bits):
                splat = self.w.splat("i1", self.text(condition))
                return self.w.once(
                    chunk, lambda: self.w.emit(f"and <{self.width} x i1> {splat}, {self.w.tuple('i1', bits)}")
                )
            case Lazy():
                return self.w.once(chunk, chunk.make)

    def _ramp(self, scalar: Scalar, offs: tuple[int, ...]) -> str:
        type = element(scalar.dtype)
        base = self.w.splat(type, self.text(scalar))
        steps = self.w.tuple(type, [_clip(scalar.dtype, off) for off in offs])
        return self.w.emit(f"add <{self.width} x {type}> {base}, {steps}")

    def typed(self, dtype: Numeric, chunk: Chunk) -> str:
        """Return a chunk as a vector operand with its type."""
        return f"{self.w.vector(dtype)} {self.vector(dtype, chunk)}"

    def bounds(self, dtype: Numeric, chunk: Chunk) -> tuple[int, int] | None:
        """Return the range of an integer chunk's lanes, or None when it is not known or wraps."""
        match chunk:
            case Flat(scalar):
                return scalar.range()
            case Ramp(scalar, offs):
                return scalar.range(min(offs), max(offs))
            case Vector(_, int(low), int(high)):
                return low, high
            case Vector():
                return dtype.min, dtype.max
            case _:
                return None

    # ---- truth

    def truth(self, text: str) -> Vector:
        """Return a mask that is in a register."""
        return Vector(text)

    def bits(self, bits: Sequence[bool]) -> Chunk:
        """Return a mask known at compile time."""
        if all(bits):
            return TRUE
        return Pattern(tuple(bits)) if any(bits) else FALSE

    def and_chunks(self, x: Chunk, y: Chunk) -> Chunk:
        """Return the conjunction of two masks."""
        for one, other in ((x, y), (y, x)):
            match one, other:
                case Flat(Scalar(root=None, off=value)), _:
                    return other if value else FALSE
                case Flat(a), Flat(b):
                    return Flat(self.both(a, b))
                case Pattern(a), Pattern(b):
                    return self.bits([p and q for p, q in zip(a, b, strict=True)])
                case Gate(condition, a), Pattern(b):
                    return self._gate(condition, [p and q for p, q in zip(a, b, strict=True)])
                case Gate(condition, a), Gate(other_condition, b):
                    both = self.both(condition, other_condition)
                    return self._gate(both, [p and q for p, q in zip(a, b, strict=True)])
                case Gate(condition, a), Flat(b):
                    return self._gate(self.both(condition, b), a)
                case Pattern(a), Flat(b):
                    return self._gate(b, a)
                case Lazy(bounds=bounds, scalars=scalars), Flat(b) if bounds:
                    return Lazy(lambda: self._both(x, y), bounds, (*scalars, b), self._lane_of(x, y))
                case (Lazy(lane=found), Pattern(bits)) if found is not None and sum(bits) == 1:
                    return self._gate(found(bits.index(True)), bits)
                case (Lazy(lane=found), Gate(condition, bits)) if found is not None and sum(bits) == 1:
                    return self._gate(self.both(condition, found(bits.index(True))), bits)
                case _:
                    pass
        if x == y:
            return x
        lane = self._lane_of(x, y)
        if isinstance(x, Lazy) and isinstance(y, Lazy) and x.bounds and y.bounds:
            return Lazy(lambda: self._both(x, y), (*x.bounds, *y.bounds), (*x.scalars, *y.scalars), lane)
        return Lazy(lambda: self._both(x, y), lane=lane)

    def _lane_of(self, x: Chunk, y: Chunk) -> Callable[[int], Scalar] | None:
        """Return how to ask for one lane of a conjunction, if both sides can be asked."""
        asks: list[Callable[[int], Scalar]] = []
        for chunk in (x, y):
            match chunk:
                case Flat(scalar):
                    asks.append(lambda _, scalar=scalar: scalar)
                case Lazy(lane=found) if found is not None:
                    asks.append(found)
                case _:
                    return None
        return lambda number: self.both(asks[0](number), asks[1](number))

    def _gate(self, condition: Scalar, bits: Sequence[bool]) -> Chunk:
        if not any(bits):
            return FALSE
        if condition.root is None:
            return self.bits(bits) if condition.off else FALSE
        return Flat(condition) if all(bits) else Gate(condition, tuple(bits))

    def _both(self, x: Chunk, y: Chunk) -> str:
        return self.w.emit(f"and {self.typed(b1, x)}, {self.vector(b1, y)}")

    def or_chunks(self, x: Chunk, y: Chunk) -> Chunk:
        """Return the disjunction of two masks."""
        for one, other in ((x, y), (y, x)):
            match one, other:
                case Flat(Scalar(root=None, off=value)), _:
                    return TRUE if value else other
                case Flat(a), Flat(b):
                    return Flat(self.either(a, b))
                case Pattern(a), Pattern(b):
                    return self.bits([p or q for p, q in zip(a, b, strict=True)])
                case _:
                    pass
        return x if x == y else self.truth(self.w.emit(f"or {self.typed(b1, x)}, {self.vector(b1, y)}"))

    def xor_chunks(self, x: Chunk, y: Chunk) -> Chunk:
        """Return where two masks differ."""
        for one, other in ((x, y), (y, x)):
            match one, other:
                case Flat(Scalar(root=None, off=value)), _:
                    return self.not_chunk(other) if value else other
                case Pattern(a), Pattern(b):
                    return self.bits([p != q for p, q in zip(a, b, strict=True)])
                case Flat(a), Flat(b):
                    return Flat(self.fresh(b1, self.w.emit(f"xor i1 {self.text(a)}, {self.text(b)}")))
                case _:
                    pass
        return self.truth(self.w.emit(f"xor {self.typed(b1, x)}, {self.vector(b1, y)}"))

    def not_chunk(self, x: Chunk) -> Chunk:
        """Return the opposite of a mask."""
        match x:
            case Flat(scalar):
                return Flat(self.invert(scalar))
            case Pattern(bits):
                return self.bits([not bit for bit in bits])
            case Lazy(bounds=(bound,), scalars=()):  # not x + d < y is y - d - 1 < x
                flipped = Bound(bound.y, bound.x, -bound.most - 1, -bound.least - 1)
                return Lazy(lambda: self._flip(x), (flipped,))
            case _:
                return Lazy(lambda: self._flip(x))

    def _flip(self, x: Chunk) -> str:
        return self.w.emit(f"xor {self.typed(b1, x)}, splat (i1 true)")

    def mask_and(self, x: Lanes | None, y: Lanes | None) -> Lanes | None:
        """Return the conjunction of two masks, either of which may be None for all lanes."""
        if x is None or y is None:
            return y if x is None else x
        both = self.pairs(b1, self.and_chunks, x, y)
        return None if both.constant is True else both

    def mask_not(self, x: Lanes) -> Lanes:
        """Return the opposite mask."""
        return self.each(b1, self.not_chunk, x)

    # ---- all and any

    def merged(self, chunks: Sequence[Chunk]) -> list[Bound] | None:
        """Return the comparisons that, with the scalars, say whether every chunk is all true, or None when none are known."""
        found: dict[tuple[Root | None, Root | None], Bound] = {}
        for chunk in chunks:
            match chunk:
                case Flat(Scalar(root=None, off=True)):
                    continue
                case Lazy(bounds=bounds) if bounds:
                    for bound in bounds:
                        old = found.get((bound.x, bound.y), bound)
                        least, most = min(old.least, bound.least), max(old.most, bound.most)
                        found[bound.x, bound.y] = Bound(bound.x, bound.y, least, most)
                case _:
                    return None
        return list(found.values())

    def cheap_all(self, mask: Lanes) -> Scalar | None:
        """Return whether all lanes are set, if a few scalar comparisons can tell."""
        chunks, result = self.chunks(mask), constant(b1, True)
        if all(isinstance(chunk, Flat) for chunk in chunks):
            for chunk in dict.fromkeys(chunks):
                result = self.both(result, chunk.scalar if isinstance(chunk, Flat) else result)
            return result
        if any(isinstance(chunk, Pattern | Gate) or chunk == Flat(constant(b1, False)) for chunk in chunks):
            return constant(b1, False)
        limits = self.merged(chunks)
        if limits is None:
            return None
        for scalar in dict.fromkeys(each for chunk in chunks if isinstance(chunk, Lazy) for each in chunk.scalars):
            result = self.both(result, scalar)
        for bound in limits:
            result = self.both(result, self.less(bound.x, bound.y, bound.most))
        return result

    def every(self, mask: Lanes) -> Scalar:
        """Return whether all lanes are set."""
        cheap = self.cheap_all(mask)
        if cheap is not None:
            return cheap
        return self._reduced("and", self.chunks(mask), self.both, constant(b1, True))

    def some(self, mask: Lanes) -> Scalar:
        """Return whether any lane is set."""
        return self.some_of(self.chunks(mask))

    def some_of(self, chunks: Sequence[Chunk]) -> Scalar:
        """Return whether any lane of these chunks is set."""
        limits = self.merged(chunks)
        plain = all(isinstance(chunk, Lazy) and not chunk.scalars for chunk in chunks)
        if limits is not None and len(limits) == 1 and plain:
            return self.less(limits[0].x, limits[0].y, limits[0].least)
        return self._reduced("or", chunks, self.either, constant(b1, False))

    def _reduced(
        self, name: str, chunks: Sequence[Chunk], combine: Callable[[Scalar, Scalar], Scalar], start: Scalar
    ) -> Scalar:
        vectors: list[str] = []
        result = start
        for chunk in dict.fromkeys(chunks):
            match chunk:
                case Flat(scalar):
                    result = combine(result, scalar)
                case Pattern():
                    result = combine(result, constant(b1, name == "or"))
                case Gate(condition):
                    result = combine(result, condition if name == "or" else constant(b1, False))
                case _:
                    vectors.append(self.vector(b1, chunk))
        if not vectors or (result.root is None and bool(result.off) == (name == "or")):
            return result
        type = self.w.vector(b1)
        total = vectors[0]
        for text in vectors[1:]:
            total = self.w.emit(f"{name} {type} {total}, {text}")
        text = self.w.call("i1", f"llvm.vector.reduce.{name}.v{self.width}i1", (type, total))
        return combine(result, self.fresh(b1, text))


def _clip(dtype: Numeric, value: int) -> int:
    """Return an integer that LLVM takes for a constant of this width."""
    value &= (1 << dtype.width) - 1
    return value - (1 << dtype.width) if value >> (dtype.width - 1) else value
