"""Integer arithmetic and comparisons, chunk by chunk: scalars and ramps while that is exact, vectors otherwise."""

from __future__ import annotations

import operator
from collections.abc import Callable

from enigma.dtypes import Numeric, b1, index
from enigma.emit.simt.lanes import (
    Bound,
    Chunk,
    Flat,
    Gate,
    Lazy,
    Ramp,
    Scalar,
    Vector,
    constant,
    power_of_two,
    wrap,
    wrap_offset,
)  # fmt: skip
from enigma.emit.simt.masks import FALSE, TRUE, Masks
from enigma.emit.simt.scalars import known_less
from enigma.emit.simt.writer import element

Interval = tuple[int, int]
Join = Callable[[int, int], int]

BITWISE: dict[str, Join] = {"and": int.__and__, "or": int.__or__, "xor": int.__xor__}
SIGNED_PREDICATES = {"lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge", "eq": "eq", "ne": "ne"}


def split(chunk: Chunk, width: int) -> tuple[Scalar, tuple[int, ...]] | None:
    """Return a chunk as a scalar and its offsets, or None for a vector."""
    match chunk:
        case Flat(scalar):
            return scalar, (0,) * width
        case Ramp(scalar, offs):
            return scalar, offs
        case _:
            return None


class Integers(Masks):
    """Writes integer code."""

    def ramp(self, scalar: Scalar, offs: tuple[int, ...]) -> Chunk:
        """Return the chunk of a scalar plus offsets; equal offsets are part of the scalar."""
        if scalar.is_const:
            offs, scalar = tuple(int(scalar.off) + off for off in offs), constant(scalar.dtype, 0)
        first = offs[0]
        if all(off == first for off in offs):
            return Flat(self.sum(scalar, constant(scalar.dtype, first)))
        return Ramp(scalar, tuple(wrap_offset(scalar.dtype, off) for off in offs))

    def vector_binary(self, name: str, dtype: Numeric, x: Chunk, y: Chunk, interval: Interval | None = None) -> Vector:
        """Write an operation on vectors; `interval` is its exact result's range, if known."""
        text = self.w.emit(f"{name} {self.typed(dtype, x)}, {self.vector(dtype, y)}")
        if interval is not None and dtype.min <= interval[0] and interval[1] <= dtype.max:
            return Vector(text, *interval)
        return Vector(text)

    def _interval(self, dtype: Numeric, x: Chunk, y: Chunk, join: Join) -> Interval | None:
        a, b = self.bounds(dtype, x), self.bounds(dtype, y)
        if a is None or b is None:
            return None
        corners = [join(p, q) for p in a for q in b]
        return min(corners), max(corners)

    def sum_chunks(self, x: Chunk, y: Chunk, dtype: Numeric, sign: int) -> Chunk:
        """Return x + sign * y."""
        a, b = split(x, self.width), split(y, self.width)
        if a is not None and b is not None:
            if isinstance(x, Flat) and isinstance(y, Flat):
                return Flat(self.sum(a[0], b[0], sign))
            if dtype.width >= 32:
                return self.ramp(
                    self.sum(a[0], b[0], sign), tuple(p + sign * q for p, q in zip(a[1], b[1], strict=True))
                )
        if sign == 1 and isinstance(y, Flat) and y.scalar == constant(dtype, 0):
            return x
        join = operator.add if sign == 1 else operator.sub
        return self.vector_binary("add" if sign == 1 else "sub", dtype, x, y, self._interval(dtype, x, y, join))

    def product_chunks(self, x: Chunk, y: Chunk, dtype: Numeric) -> Chunk:
        """Return x * y."""
        if isinstance(x, Flat):
            x, y = y, x
        match x, y:
            case Flat(a), Flat(b):
                return Flat(self.multiply(a, b))
            case Ramp(scalar, offs), Flat(Scalar(root=None, off=factor)) if dtype.width >= 32:
                by = wrap_offset(dtype, int(factor))
                return self.ramp(self.multiply(scalar, constant(dtype, by)), tuple(off * by for off in offs))
            case _:
                return self.vector_binary("mul", dtype, x, y, self._interval(dtype, x, y, operator.mul))

    # ---- division

    def quotient_and_rest(self, x: Chunk, divisor: int, dtype: Numeric) -> tuple[Chunk, Chunk] | None:
        """Return x // divisor and x mod divisor where x is not negative and stays a scalar with offsets, else None."""
        parts, bounds = split(x, self.width), self.bounds(dtype, x)
        if parts is None or bounds is None or bounds[0] < 0 or divisor <= 0:
            return None
        scalar, offs = parts
        if isinstance(x, Flat):
            quotient, rest = self.divide(scalar, divisor), self.modulo(scalar, divisor)
            return (Flat(quotient), Flat(rest)) if quotient is not None and rest is not None else None
        if scalar.is_const:
            values = [int(scalar.off) + off for off in offs]
            zero = constant(dtype, 0)
            quotients, rests = ([value // divisor for value in values], [value % divisor for value in values])
            return self.ramp(zero, tuple(quotients)), self.ramp(zero, tuple(rests))
        rest = self._rest(scalar, offs, divisor)
        if rest is None:
            return None
        block = divisor & -divisor
        if scalar.mult >= block == divisor:
            whole = self.divide(scalar, divisor)
            return None if whole is None else (self.ramp(whole, tuple(off // divisor for off in offs)), rest)
        size = min(scalar.mult, block)
        whole = self.divide(self.sum(scalar, constant(dtype, offs[0] // size * size)), divisor)
        return None if whole is None else (Flat(whole), rest)

    def _rest(self, scalar: Scalar, offs: tuple[int, ...], divisor: int) -> Chunk | None:
        """Return (scalar + offs) mod divisor; the numbers must not be negative unless the divisor is a power of two."""
        block = divisor & -divisor  # the largest power of two that divides the divisor
        zero = constant(scalar.dtype, 0)
        if scalar.mult >= block == divisor:
            return self.ramp(zero, tuple(off % divisor for off in offs))
        size = min(scalar.mult, block)
        if len({off // size for off in offs}) > 1:
            return None
        base = self.modulo(self.sum(scalar, constant(scalar.dtype, offs[0] // size * size)), divisor)
        return None if base is None else self.ramp(base, tuple(off % size for off in offs))

    def low_bits(self, x: Chunk, count: int, dtype: Numeric) -> Chunk:
        """Return x modulo 2**count; also right for negative numbers."""
        parts = split(x, self.width)
        if parts is not None and dtype.width >= 32 and count < dtype.width - 1:
            rest = self._rest(*parts, 1 << count)
            if rest is not None:
                return rest
        mask = (1 << count) - 1
        if isinstance(x, Flat):
            return Flat(self._scalar_bits("and", x.scalar, constant(dtype, mask)))
        return self.vector_binary("and", dtype, x, Flat(constant(dtype, mask)), (0, mask))

    def _scalar_bits(self, name: str, x: Scalar, y: Scalar) -> Scalar:
        if x.root is None and y.root is None:
            join = BITWISE[name]
            return constant(x.dtype, join(int(x.off), int(y.off)))
        key = ("bits " + name, x.root, x.off, y.root, y.off)
        type = element(x.dtype)
        return self.w.once(
            key, lambda: self.fresh(x.dtype, self.w.emit(f"{name} {type} {self.text(x)}, {self.text(y)}"))
        )

    def bit_chunks(self, name: str, x: Chunk, y: Chunk, dtype: Numeric) -> Chunk:
        """Return a bitwise `and`, `or` or `xor` of integers."""
        if isinstance(x, Flat) and x.scalar.is_const:
            x, y = y, x
        if isinstance(y, Flat) and y.scalar.is_const:
            value = int(y.scalar.off)
            if name == "and" and value > 0 and (count := power_of_two(value + 1)) is not None:
                return self.low_bits(x, count, dtype)
            if name != "and" and value == 0:
                return x
            merged = self._or_as_sum(name, x, value, dtype)
            if merged is not None:
                return merged
        match x, y:
            case Flat(a), Flat(b):
                return Flat(self._scalar_bits(name, a, b))
            case Ramp(Scalar(root=None, off=a), p), Ramp(Scalar(root=None, off=b), q):
                join = BITWISE[name]
                values = (wrap(dtype, join(int(a) + i, int(b) + j)) for i, j in zip(p, q, strict=True))
                return self.ramp(constant(dtype, 0), tuple(values))
            case _:
                return self.vector_binary(name, dtype, x, y)

    def _or_as_sum(self, name: str, x: Chunk, value: int, dtype: Numeric) -> Chunk | None:
        """Return x combined with a constant where only the lanes' known low bits change."""
        parts = split(x, self.width)
        if parts is None or dtype.width < 32 or isinstance(x, Flat) or value < 0:
            return None
        scalar, offs = parts
        join = BITWISE[name]
        if scalar.is_const:
            base = int(scalar.off)
            return self.ramp(constant(dtype, 0), tuple(join(base + off, value) for off in offs))
        if name == "and" or value >= scalar.mult or min(offs) < 0 or max(offs) >= scalar.mult:
            return None
        return self.ramp(scalar, tuple(join(off, value) for off in offs))

    # ---- comparisons

    def compare_chunks(self, kind: str, x: Chunk, y: Chunk, dtype: Numeric) -> Chunk:
        """Return a mask of where the comparison `kind` (lt, le, gt, ge, eq, ne) holds between integers."""
        if kind == "ne":
            return self.not_chunk(self.compare_chunks("eq", x, y, dtype))
        folded = self._by_range(kind, x, y, dtype)
        if folded is not None:
            return folded
        a, b = split(x, self.width), split(y, self.width)
        if a is not None and b is not None:
            found = self._equal(x, y, a, b) if kind == "eq" else self._ordered(kind, x, y, a, b, dtype)
            if found is not None:
                return found
        predicate = SIGNED_PREDICATES[kind]
        if not dtype.is_signed and predicate[0] == "s":
            predicate = "u" + predicate[1:]
        if isinstance(x, Flat) and isinstance(y, Flat):
            type = element(dtype)
            return Flat(
                self.fresh(b1, self.w.emit(f"icmp {predicate} {type} {self.text(x.scalar)}, {self.text(y.scalar)}"))
            )
        return Lazy(lambda: self._icmp(predicate, dtype, x, y))

    def _icmp(self, predicate: str, dtype: Numeric, x: Chunk, y: Chunk) -> str:
        return self.w.emit(f"icmp {predicate} {self.typed(dtype, x)}, {self.vector(dtype, y)}")

    def _by_range(self, kind: str, x: Chunk, y: Chunk, dtype: Numeric) -> Chunk | None:
        a, b = self.bounds(dtype, x), self.bounds(dtype, y)
        if a is None or b is None:
            return None
        low, high = (a, b) if kind in ("lt", "le", "eq") else (b, a)
        strict = kind in ("lt", "gt")
        if kind == "eq":
            return FALSE if a[1] < b[0] or b[1] < a[0] else None
        if low[1] < high[0] or (not strict and low[1] == high[0]):
            return TRUE
        return FALSE if low[0] > high[1] or (strict and low[0] == high[1]) else None

    def _equal(
        self, x: Chunk, y: Chunk, a: tuple[Scalar, tuple[int, ...]], b: tuple[Scalar, tuple[int, ...]]
    ) -> Chunk | None:
        if isinstance(x, Flat) and isinstance(y, Flat):
            return Flat(self.equal(a[0], b[0]))
        if a[0].root is None:
            a, b = b, a
        if b[0].root is not None and a[0].root is not b[0].root:
            return None
        rest = self.sum(a[0], b[0], -1)
        steps = [p - q for p, q in zip(a[1], b[1], strict=True)]
        period = 1 << rest.dtype.width if rest.root is None else min(rest.root.mult, 1 << rest.dtype.width)
        bits = [(int(rest.off) + step) % period == 0 for step in steps]
        if rest.root is None:
            return self.bits(bits)
        candidates = {step for step, bit in zip(steps, bits, strict=True) if bit}
        if not candidates:
            return FALSE
        if len(candidates) > 1:
            return None
        moved = self.sum(rest, constant(rest.dtype, candidates.pop()))
        condition = self.equal(moved, constant(rest.dtype, 0))
        if condition.root is None:
            return self.bits(bits) if condition.off else FALSE
        return Gate(condition, tuple(bits))

    def _ordered(
        self, kind: str, x: Chunk, y: Chunk, a: tuple[Scalar, tuple[int, ...]], b: tuple[Scalar, tuple[int, ...]],
        dtype: Numeric,
    ) -> Chunk | None:  # fmt: skip
        x, y = self._settled(x), self._settled(y)
        a, b = split(x, self.width) or a, split(y, self.width) or b
        for bounds in (self.bounds(dtype, x), self.bounds(dtype, y)):
            if bounds is None or bounds[0] < index.min or bounds[1] > index.max:
                return None
        if kind in ("gt", "ge"):
            a, b = b, a
        slack = 1 if kind in ("le", "ge") else 0
        start = int(a[0].off) - int(b[0].off) - slack
        steps = [start + p - q for p, q in zip(a[1], b[1], strict=True)]
        left, right, least, most = a[0].root, b[0].root, min(steps), max(steps)
        if left is not None and (left.low + least < index.min or left.high + most > index.max):
            return None
        if isinstance(x, Flat) and isinstance(y, Flat):
            return Flat(self.less(left, right, least))
        if left is right:
            return self.bits([step < 0 for step in steps])
        if known_less(left, right, most):
            return TRUE
        if known_less(left, right, least) is False:
            return FALSE
        limits = (Bound(left, right, least, most),)
        return Lazy(
            lambda: self._bound_vector(kind, dtype, x, y), limits, lane=lambda n: self.less(left, right, steps[n])
        )

    def _settled(self, x: Chunk) -> Chunk:
        """Return a scalar that may have wrapped as a register, whose value is exact again."""
        return Flat(self.settled(x.scalar)) if isinstance(x, Flat) and x.scalar.range() is None else x

    def _bound_vector(self, kind: str, dtype: Numeric, x: Chunk, y: Chunk) -> str:
        predicate = SIGNED_PREDICATES[kind] if dtype.is_signed else "u" + SIGNED_PREDICATES[kind][1:]
        return self._icmp(predicate, dtype, x, y)

    # ---- choices

    def choose_scalars(self, condition: Scalar, x: Scalar, y: Scalar) -> Scalar:
        """Return x where a scalar condition holds, else y."""
        if condition.root is None:
            return x if condition.off else y
        if x.dtype.is_integer and x == y:
            return x
        dtype = x.dtype
        a, b = (x.range(), y.range()) if dtype.kind in "iu" else (None, None)
        test = self.text(condition)
        if a is not None and b is not None and max(a[1], b[1]) <= index.max and dtype.width >= 32:
            text = self.w.emit(f"select i1 {test}, i64 {self.wide(x)}, i64 {self.wide(y)}")
            return self.widened(dtype, text, min(a[0], b[0]), max(a[1], b[1]), min(x.mult, y.mult))
        type = element(dtype)
        return self.fresh(dtype, self.w.emit(f"select i1 {test}, {type} {self.text(x)}, {type} {self.text(y)}"))

    def choose_chunks(self, condition: Chunk, x: Chunk, y: Chunk, dtype: Numeric) -> Chunk:
        """Return the lanes of x where the mask is set, else those of y."""
        if x is y:
            return x
        if dtype is b1 and (isinstance(x, Flat) or isinstance(y, Flat)):
            return self._choose_mask(condition, x, y)
        if isinstance(condition, Flat):
            scalar = condition.scalar
            if scalar.root is None:
                return x if scalar.off else y
            if isinstance(x, Flat) and isinstance(y, Flat):
                return Flat(self.choose_scalars(scalar, x.scalar, y.scalar))
            if isinstance(x, Ramp) and isinstance(y, Ramp) and x.offs == y.offs:
                return Ramp(self.choose_scalars(scalar, x.scalar, y.scalar), x.offs)
            test = f"i1 {self.text(scalar)}"
        else:
            test = self.typed(b1, condition)
        text = self.w.emit(f"select {test}, {self.typed(dtype, x)}, {self.typed(dtype, y)}")
        a, b = (self.bounds(dtype, x), self.bounds(dtype, y)) if dtype.kind in "iu" else (None, None)
        if a is not None and b is not None:
            return Vector(text, min(a[0], b[0]), max(a[1], b[1]))
        return Vector(text)

    def _choose_mask(self, condition: Chunk, x: Chunk, y: Chunk) -> Chunk:
        if isinstance(condition, Flat) and condition.scalar.is_const:
            return x if condition.scalar.off else y
        if isinstance(condition, Flat) and isinstance(x, Flat) and isinstance(y, Flat):
            return Flat(self.choose_scalars(condition.scalar, x.scalar, y.scalar))
        yes, no = self.and_chunks(condition, x), self.and_chunks(self.not_chunk(condition), y)
        return self.or_chunks(yes, no)
