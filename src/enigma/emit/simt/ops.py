"""`b`, the builder that the rows' `llvm` lowerings call: arithmetic on lanes of any dtype."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from enigma.dtypes import Numeric, b1, f32, u32
from enigma.emit.simt import vmath
from enigma.emit.simt.convert import Conversions
from enigma.emit.simt.lanes import SIMDGROUP, Chunk, Flat, Lanes, Number, Ramp, constant, lanes
from enigma.emit.simt.writer import element

T = TypeVar("T")


class Ops(Conversions):
    """Writes the operations of the tables that compute and touch nothing else."""

    vmath_used: set[tuple[str, int]]

    # ---- constants

    def constant(self, value: Number, dtype: Numeric) -> Lanes:
        """Return a constant of `dtype`."""
        return Lanes(dtype, (Flat(constant(dtype, value)),))

    def const(self, value: Number, like: Lanes) -> Lanes:
        """Return a constant of the dtype of `like`."""
        return self.constant(value, like.dtype)

    def lane(self, size: int = SIMDGROUP) -> Lanes:
        """Return each lane's number in its group of `size` lanes."""
        width, first = self.width, self.context.first
        starts = [(first + chunk) * width for chunk in range(self.context.count)]
        offs = [tuple(lane % size for lane in range(start, start + width)) for start in starts]
        return lanes(u32, [Ramp(constant(u32, 0), off) for off in offs], first)

    def shared(self, key: str, make: Callable[..., T], *operands: Lanes) -> T:
        """Return what `make` wrote for these operands, which is not written again where it was already."""
        context = self.context
        place = ("shared", key, context.first, context.count, operands)
        return self.w.once(place, lambda: make(self, *operands))

    # ---- arithmetic

    def _float(self, name: str, x: Lanes, y: Lanes) -> Lanes:
        def wide(a: Lanes, b: Lanes) -> Lanes:
            return self.float_binary(name, a, b)

        return self.in_f32(wide, x, y)

    def add(self, x: Lanes, y: Lanes) -> Lanes:
        """Return x + y."""
        if x.dtype.is_float:
            return self._float("fadd", x, y)
        return self.pairs(x.dtype, lambda a, b: self.sum_chunks(a, b, x.dtype, 1), x, y)

    def sub(self, x: Lanes, y: Lanes) -> Lanes:
        """Return x - y."""
        if x.dtype.is_float:
            return self._float("fsub", x, y)
        return self.pairs(x.dtype, lambda a, b: self.sum_chunks(a, b, x.dtype, -1), x, y)

    def mul(self, x: Lanes, y: Lanes) -> Lanes:
        """Return x * y."""
        if x.dtype.is_float:
            return self._float("fmul", x, y)
        return self.pairs(x.dtype, lambda a, b: self.product_chunks(a, b, x.dtype), x, y)

    def div(self, x: Lanes, y: Lanes) -> Lanes:
        """Return the quotient; of integers truncated, and the dividend itself where the divisor is zero."""
        if x.dtype.is_float:
            return self._float("fdiv", x, y)
        return self.pairs(x.dtype, lambda a, b: self.divide_chunks(a, b, x.dtype), x, y)

    def rem(self, x: Lanes, y: Lanes) -> Lanes:
        """Return what truncating division of integers leaves; 0 where the divisor is 0."""
        return self.pairs(x.dtype, lambda a, b: self.remainder_chunks(a, b, x.dtype), x, y)

    def neg(self, x: Lanes) -> Lanes:
        """Return -x."""
        if not x.dtype.is_float:
            return self.sub(self.const(0, x), x)

        def write(width: int, texts: Sequence[str]) -> str:
            return self.w.emit(f"fneg {self.type_of(f32, width)} {texts[0]}")

        def wide(a: Lanes) -> Lanes:
            return self.shaped(f32, write, f32, a)

        return self.in_f32(wide, x)

    # ---- bits

    def _bits(self, name: str, masks: Callable[[Chunk, Chunk], Chunk], x: Lanes, y: Lanes) -> Lanes:
        if x.dtype is b1:
            return self.pairs(b1, masks, x, y)
        return self.pairs(x.dtype, lambda a, b: self.bit_chunks(name, a, b, x.dtype), x, y)

    def and_(self, x: Lanes, y: Lanes) -> Lanes:
        """Return the bits set in both."""
        return self._bits("and", self.and_chunks, x, y)

    def or_(self, x: Lanes, y: Lanes) -> Lanes:
        """Return the bits set in either."""
        return self._bits("or", self.or_chunks, x, y)

    def xor(self, x: Lanes, y: Lanes) -> Lanes:
        """Return the bits set in exactly one."""
        return self._bits("xor", self.xor_chunks, x, y)

    def shl(self, x: Lanes, n: Lanes) -> Lanes:
        """Return x shifted up, by an amount modulo the width."""
        if n.constant is not None:
            return self.mul(x, self.const(1 << (int(n.constant) & (x.dtype.width - 1)), x))
        return self._shift("shl", x, n)

    def shr(self, x: Lanes, n: Lanes) -> Lanes:
        """Return x shifted down, by an amount modulo the width; copies of the sign come in when x is signed."""
        if n.constant is not None:
            amount = self.const(int(n.constant) & (x.dtype.width - 1), x)
            return self.each(x.dtype, lambda a: self._down(a, amount.chunks[0], x.dtype), x)
        return self._shift("ashr" if x.dtype.is_signed else "lshr", x, n)

    def _shift(self, name: str, x: Lanes, n: Lanes) -> Lanes:
        def write(width: int, texts: Sequence[str]) -> str:
            return self.w.emit(f"{name} {self.type_of(x.dtype, width)} {texts[0]}, {texts[1]}")

        return self.shaped(x.dtype, write, x.dtype, x, self.and_(n, self.const(x.dtype.width - 1, n)))

    def _down(self, x: Chunk, amount: Chunk, dtype: Numeric) -> Chunk:
        count = int(amount.scalar.off) if isinstance(amount, Flat) else 0
        simple = self.quotient_and_rest(x, 1 << count, dtype) if count < dtype.width - 1 else None
        if simple is not None:
            return simple[0]
        name = "ashr" if dtype.is_signed else "lshr"
        if isinstance(x, Flat):
            text = self.w.emit(f"{name} {element(dtype)} {self.text(x.scalar)}, {count}")
            return Flat(self.fresh(dtype, text))
        limits = self.bounds(dtype, x)
        return self.vector_binary(name, dtype, x, amount, (limits[0] >> count, limits[1] >> count) if limits else None)

    # ---- choices

    def cmp(self, kind: str, x: Lanes, y: Lanes) -> Lanes:
        """Return whether the comparison `kind` (lt, le, gt, ge, eq, ne) holds."""
        if x.dtype.is_float:
            return self.float_compare(kind, x, y)
        if x.dtype is b1:
            return self._compare_bools(kind, x, y)
        return self.pairs(b1, lambda a, b: self.compare_chunks(kind, a, b, x.dtype), x, y)

    def _compare_bools(self, kind: str, x: Lanes, y: Lanes) -> Lanes:
        match kind:
            case "ne":
                return self.xor(x, y)
            case "eq":
                return self.mask_not(self.xor(x, y))
            case "lt" | "ge":
                below = self.and_(self.mask_not(x), y)
            case _:
                below = self.and_(self.mask_not(y), x)
        return below if kind in ("lt", "gt") else self.mask_not(below)

    def select(self, condition: Lanes, x: Lanes, y: Lanes) -> Lanes:
        """Return x where the condition holds, else y."""
        return self.triples(x.dtype, lambda c, a, b: self.choose_chunks(c, a, b, x.dtype), condition, x, y)

    def least(self, x: Lanes, y: Lanes) -> Lanes:
        """Return the smaller integer."""
        return self.select(self.cmp("lt", x, y), x, y)

    def greatest(self, x: Lanes, y: Lanes) -> Lanes:
        """Return the larger integer."""
        return self.select(self.cmp("gt", x, y), x, y)

    # ---- functions

    def call(self, name: str, *operands: Lanes) -> Lanes:
        """Return LLVM's intrinsic `name` of operands of one dtype; half and bfloat go through f32."""
        dtype = operands[0].dtype
        if dtype.is_float:

            def wide(*parts: Lanes) -> Lanes:
                return self.intrinsic(name, f32, *parts)

            return self.in_f32(wide, *operands)
        extra = (("i1", "false"),) if name in ("llvm.ctlz", "llvm.cttz") else ()
        return self.intrinsic(name, dtype, *operands, extra=extra)

    def math(self, name: str, *operands: Lanes) -> Lanes:
        """Return the vector math function `name` of f32 operands."""

        def write(width: int, texts: Sequence[str]) -> str:
            self.vmath_used.add((name, width))
            type = self.type_of(f32, width)
            arguments = ", ".join(f"{type} {text}" for text in texts)
            return self.w.emit(f"call {type} @{vmath.symbol(name, width)}({arguments})")

        return self.shaped(f32, write, f32, *operands)

    def fabs(self, x: Lanes) -> Lanes:
        """Return the magnitude of a float."""
        return self.call("llvm.fabs", x)

    def fmin(self, x: Lanes, y: Lanes) -> Lanes:
        """Return the smaller float, and the other one where one is NaN."""
        return self.call("llvm.minnum", x, y)

    def fmax(self, x: Lanes, y: Lanes) -> Lanes:
        """Return the larger float, and the other one where one is NaN."""
        return self.call("llvm.maxnum", x, y)

    def fma(self, x: Lanes, y: Lanes, z: Lanes) -> Lanes:
        """Return x * y + z, rounded once."""
        return self.in_f32(self.fused, x, y, z)

    def signbit(self, x: Lanes) -> Lanes:
        """Return whether the sign of a float is set."""
        return self.sign_bit(x)

    # ---- integers wider than their dtype

    def mul_hi(self, x: Lanes, y: Lanes) -> Lanes:
        """Return the upper half of the full product."""

        def write(width: int, texts: Sequence[str]) -> str:
            wide = self._wide(x.dtype, 2, width)
            a, b = self._extended(x.dtype, wide, texts, width)
            product = self.w.emit(f"mul {wide} {a}, {b}")
            upper = self.w.emit(f"lshr {wide} {product}, {self.spread(f'i{2 * x.dtype.width}', x.dtype.width, width)}")
            return self.w.emit(f"trunc {wide} {upper} to {self.type_of(x.dtype, width)}")

        return self.shaped(x.dtype, write, x.dtype, x, y)

    def mad_sat(self, x: Lanes, y: Lanes, z: Lanes) -> Lanes:
        """Return x * y + z, held at the ends of the dtype."""

        def write(width: int, texts: Sequence[str]) -> str:
            dtype = x.dtype
            wide, sign = self._wide(dtype, 2, width), "s" if dtype.is_signed else "u"
            a, b, c = self._extended(dtype, wide, texts, width)
            total = self.w.emit(f"add {wide} {self.w.emit(f'mul {wide} {a}, {b}')}, {c}")
            for name, limit in ((f"{sign}min", dtype.max), (f"{sign}max", dtype.min)):
                edge = self.spread(f"i{2 * dtype.width}", limit, width)
                suffix = ("" if width == 1 else f"v{width}") + f"i{2 * dtype.width}"
                total = self.w.call(wide, f"llvm.{name}.{suffix}", (wide, total), (wide, edge))
            return self.w.emit(f"trunc {wide} {total} to {self.type_of(dtype, width)}")

        return self.shaped(x.dtype, write, x.dtype, x, y, z)

    def _wide(self, dtype: Numeric, times: int, width: int) -> str:
        type = f"i{dtype.width * times}"
        return type if width == 1 else f"<{width} x {type}>"

    def _extended(self, dtype: Numeric, wide: str, texts: Sequence[str], width: int) -> list[str]:
        name, type = "sext" if dtype.is_signed else "zext", self.type_of(dtype, width)
        return [self.w.emit(f"{name} {type} {text} to {wide}") for text in texts]
