"""Integer division as the rows mean it: truncating, by zero the dividend itself, and never a trap.

Vectors of 32-bit integers go through f64, which is exact: a quotient of two integers below 2**32 is either whole or further
than 2**-32 from the next whole number, and rounding to 53 bits moves it by less than 2**-20 of that.
"""

from __future__ import annotations

from enigma.dtypes import Numeric, b1, index
from enigma.emit.simt.integers import Integers
from enigma.emit.simt.lanes import Chunk, Flat, Scalar, Vector, constant, power_of_two
from enigma.emit.simt.writer import element


class Division(Integers):
    """Writes division and remainder of integers."""

    def divide_chunks(self, x: Chunk, y: Chunk, dtype: Numeric) -> Chunk:
        """Return the truncated quotient."""
        if isinstance(y, Flat) and y.scalar.is_const:
            return self._by_constant(x, int(y.scalar.off), dtype)[0]
        if isinstance(x, Flat) and isinstance(y, Flat):
            return Flat(self._scalar(x.scalar, y.scalar, dtype)[0])
        return self._by_vector(x, y, dtype)

    def remainder_chunks(self, x: Chunk, y: Chunk, dtype: Numeric) -> Chunk:
        """Return what truncating division leaves; 0 where the divisor is 0."""
        if isinstance(y, Flat) and y.scalar.is_const:
            return self._by_constant(x, int(y.scalar.off), dtype)[1]
        if isinstance(x, Flat) and isinstance(y, Flat):
            return Flat(self._scalar(x.scalar, y.scalar, dtype)[1])
        quotient = self._by_vector(x, y, dtype)
        rest = self.sum_chunks(x, self.product_chunks(quotient, y, dtype), dtype, -1)
        zero = self._equals(y, 0, dtype)
        text = self.w.emit(
            f"select {self.typed(b1, zero)}, {self.w.vector(dtype)} zeroinitializer, {self.typed(dtype, rest)}"
        )
        return Vector(text)

    def _equals(self, x: Chunk, value: int, dtype: Numeric) -> Chunk:
        return self.compare_chunks("eq", x, Flat(constant(dtype, value)), dtype)

    def _by_constant(self, x: Chunk, divisor: int, dtype: Numeric) -> tuple[Chunk, Chunk]:
        zero = Flat(constant(dtype, 0))
        if divisor == 0:
            return x, zero
        if dtype.is_signed and divisor == -1:
            return self.sum_chunks(zero, x, dtype, -1), zero
        if divisor == 1:
            return x, zero
        simple = self.quotient_and_rest(x, divisor, dtype)
        if simple is not None:
            return simple
        if isinstance(x, Flat):
            return self._scalar_constant(x.scalar, divisor, dtype)
        bounds = self.bounds(dtype, x)
        positive = bounds is not None and bounds[0] >= 0 and divisor > 0
        shift = power_of_two(divisor)
        by = Flat(constant(dtype, divisor))
        if positive and bounds is not None:
            interval, low_bits = (bounds[0] // divisor, bounds[1] // divisor), (0, min(divisor - 1, bounds[1]))
            if shift is not None:
                quotient = self.vector_binary("lshr", dtype, x, Flat(constant(dtype, shift)), interval)
                return quotient, self.low_bits(x, shift, dtype)
            quotient = self.vector_binary("udiv", dtype, x, by, interval)
            return quotient, self.vector_binary("urem", dtype, x, by, low_bits)
        names = ("sdiv", "srem") if dtype.is_signed else ("udiv", "urem")
        return self.vector_binary(names[0], dtype, x, by), self.vector_binary(names[1], dtype, x, by)

    def _scalar_constant(self, x: Scalar, divisor: int, dtype: Numeric) -> tuple[Chunk, Chunk]:
        if x.root is None:
            whole = abs(int(x.off)) // abs(divisor) * (-1 if (x.off < 0) != (divisor < 0) else 1)
            return Flat(constant(dtype, whole)), Flat(constant(dtype, int(x.off) - whole * divisor))
        type, names = element(dtype), ("sdiv", "srem") if dtype.is_signed else ("udiv", "urem")
        quotient = self.w.emit(f"{names[0]} {type} {self.text(x)}, {divisor}")
        rest = self.w.emit(f"{names[1]} {type} {self.text(x)}, {divisor}")
        return Flat(self.fresh(dtype, quotient)), Flat(self.fresh(dtype, rest))

    def _scalar(self, x: Scalar, y: Scalar, dtype: Numeric) -> tuple[Scalar, Scalar]:
        """Return quotient and rest of two scalars."""
        a, b = x.range(), y.range()
        if a is not None and b is not None and a[0] >= 0 and b[0] > 0 and max(a[1], b[1]) <= index.max:
            return self._natural(x, y, dtype, a, b)
        type, signed = element(dtype), dtype.is_signed
        left, right = self.text(x), self.text(y)
        bad = self.w.emit(f"icmp eq {type} {right}, 0")
        minus = self.w.emit(f"icmp eq {type} {right}, -1") if signed else "false"
        guard = self.w.emit(f"or i1 {bad}, {minus}") if signed else bad
        safe = self.w.emit(f"select i1 {guard}, {type} 1, {type} {right}")
        quotient = self.w.emit(f"{'sdiv' if signed else 'udiv'} {type} {left}, {safe}")
        rest = self.w.emit(f"{'srem' if signed else 'urem'} {type} {left}, {safe}")
        if signed:
            negative = self.w.emit(f"sub {type} 0, {left}")
            quotient = self.w.emit(f"select i1 {minus}, {type} {negative}, {type} {quotient}")
        return self.fresh(dtype, quotient), self.fresh(dtype, rest)

    def _natural(
        self, x: Scalar, y: Scalar, dtype: Numeric, a: tuple[int, int], b: tuple[int, int]
    ) -> tuple[Scalar, Scalar]:
        """Return quotient and rest of numbers that are not negative."""
        left, right = self.wide(x), self.wide(y)
        key = ("natural", x.root, x.off, y.root, y.off)

        def make() -> tuple[Scalar, Scalar]:
            small = max(a[1], b[1]) < 1 << 32
            if small:  # a 32-bit division is several times faster than a 64-bit one on many processors
                p, q = (self.w.emit(f"trunc i64 {text} to i32") for text in (left, right))
                quotient = self.w.emit(f"zext i32 {self.w.emit(f'udiv i32 {p}, {q}')} to i64")
                rest = self.w.emit(f"zext i32 {self.w.emit(f'urem i32 {p}, {q}')} to i64")
            else:
                quotient, rest = self.w.emit(f"udiv i64 {left}, {right}"), self.w.emit(f"urem i64 {left}, {right}")
            limits = a[0] // b[1], a[1] // b[0]
            return self.widened(dtype, quotient, *limits), self.widened(dtype, rest, 0, min(a[1], b[1] - 1))

        return self.w.once(key, make)

    def _by_vector(self, x: Chunk, y: Chunk, dtype: Numeric) -> Vector:
        """Return the quotient of vectors: the divisor is made safe first, the special cases are put in afterwards."""
        type, signed = self.w.vector(dtype), dtype.is_signed
        left, right = self.vector(dtype, x), self.vector(dtype, y)
        truth = self.w.vector(b1)
        bad = self.w.emit(f"icmp eq {type} {right}, zeroinitializer")
        if signed:
            minus = self.w.emit(f"icmp eq {type} {right}, splat ({element(dtype)} -1)")
            guard = self.w.emit(f"or {truth} {bad}, {minus}")
        else:
            minus, guard = "", bad
        one = f"{type} splat ({element(dtype)} 1)"
        safe = self.w.emit(f"select {truth} {guard}, {one}, {type} {right}")
        quotient = self._quotient_text(left, safe, dtype)
        if signed:
            negative = self.w.emit(f"sub {type} zeroinitializer, {left}")
            quotient = self.w.emit(f"select {truth} {minus}, {type} {negative}, {type} {quotient}")
        return Vector(quotient)

    def _quotient_text(self, left: str, right: str, dtype: Numeric) -> str:
        type, sign = self.w.vector(dtype), "s" if dtype.is_signed else "u"
        if dtype.width == 64:
            return self.w.emit(f"{sign}div {type} {left}, {right}")
        real = f"<{self.width} x {'double' if dtype.width == 32 else 'float'}>"
        p = self.w.emit(f"{sign}itofp {type} {left} to {real}")
        q = self.w.emit(f"{sign}itofp {type} {right} to {real}")
        quotient = self.w.emit(f"fdiv {real} {p}, {q}")
        return self.w.emit(f"fpto{sign}i {real} {quotient} to {type}")
