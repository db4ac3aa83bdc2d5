"""Arithmetic on scalars: integers keep their ranges and divisors, and are computed in i64 while they provably do not wrap."""

from __future__ import annotations

from enigma.dtypes import Numeric, b1, index
from enigma.emit.simt.lanes import NO_BOUND, Root, Scalar, constant, power_of_two, wrap, wrap_offset
from enigma.emit.simt.writer import Writer, element, literal

SLACK = 1 << 20
"""How far an address may lie below its register before it counts as wrapped around; see `Scalars.address`."""


class Scalars:
    """Writes scalar code to `w`."""

    def __init__(self, writer: Writer) -> None:
        self.w = writer

    # ---- registers

    def fresh(
        self, dtype: Numeric, text: str, low: int | None = None, high: int | None = None, mult: int = 1
    ) -> Scalar:
        """Return the scalar held by a register of the dtype's own width."""
        if dtype.is_float or dtype is b1:
            return Scalar(dtype, Root(dtype, text, None, 0, 0), 0)
        low, high = dtype.min if low is None else low, dtype.max if high is None else high
        if dtype.width == 64:
            return Scalar(dtype, Root(dtype, None, text, low, high, mult), 0)
        return Scalar(dtype, Root(dtype, text, None, low, high, mult), 0)

    def widened(self, dtype: Numeric, text: str, low: int, high: int, mult: int = 1) -> Scalar:
        """Return the scalar whose exact value is in an i64 register; a value that can only be one number is that constant."""
        if low == high:
            return constant(dtype, low)
        return Scalar(dtype, Root(dtype, None, text, low, high, mult), 0)

    def text(self, scalar: Scalar) -> str:
        """Return the operand text of a scalar at its dtype's width."""
        dtype, root = scalar.dtype, scalar.root
        if root is None:
            return literal(dtype, scalar.off)
        if dtype.width == 64:
            return self.wide(scalar)
        text = root.narrow
        if text is None:
            text = self.w.once(("narrow", root), lambda: self.w.emit(f"trunc i64 {root.wide} to {element(dtype)}"))
        if not scalar.off:
            return text
        return self.w.once(("off", root, scalar.off), lambda: self.w.emit(f"add {element(dtype)} {text}, {scalar.off}"))

    def wide(self, scalar: Scalar) -> str:
        """Return the exact value of an integer as the text of an i64."""
        root = scalar.root
        if root is None:
            return str(wrap(index, int(scalar.off)))
        if scalar.off and scalar.dtype.width < 64 and scalar.range() is None:
            return self.w.once(("wide", root, scalar.off), lambda: self._extend(scalar.dtype, self.text(scalar)))
        text = self.wide_root(root)
        if not scalar.off:
            return text
        return self.w.once(("wide", root, scalar.off), lambda: self.w.emit(f"add i64 {text}, {scalar.off}"))

    def wide_root(self, root: Root) -> str:
        """Return the exact value of a register as the text of an i64."""
        if root.wide is not None:
            return root.wide
        return self.w.once(("extend", root), lambda: self._extend(root.dtype, str(root.narrow)))

    def _extend(self, dtype: Numeric, text: str) -> str:
        return self.w.emit(f"{'sext' if dtype.is_signed else 'zext'} {element(dtype)} {text} to i64")

    def address(self, scalar: Scalar) -> tuple[str | None, int]:
        """Return an index as an i64 register plus a constant, right for every element that a buffer can have.

        The register of a u32 may hold a number just below 2**32 that stands for one below zero: lane 1 of `i - 1` where
        lane 0 is masked out. So a u32 of unknown range is read as lying in [-SLACK, 2**32 - SLACK): elements beyond
        2**32 - 2 * SLACK, of buffers of 4 billion elements, cannot be reached through it. An i32 is simply sign extended.
        """
        root, off = scalar.root, int(scalar.off)
        if root is None:
            beyond = scalar.dtype.width == 32 and off >= (1 << 32) - SLACK
            return None, off - (1 << 32) if beyond else off
        if abs(off) >= SLACK // 2 and scalar.dtype.width < 64 and scalar.range() is None:
            return self.address(self.fresh(scalar.dtype, self.text(scalar)))
        if root.wide is not None or root.dtype.is_signed or root.high <= root.dtype.max - SLACK:
            return self.wide_root(root), off

        def make() -> str:
            moved = self.w.emit(f"add {element(root.dtype)} {root.narrow}, {SLACK}")
            return self.w.emit(f"add nsw i64 {self._extend(root.dtype, moved)}, -{SLACK}")

        return self.w.once(("address", root), make), off

    def settled(self, scalar: Scalar) -> Scalar:
        """Return the same value as a register without an offset."""
        if scalar.root is None or not scalar.off:
            return scalar
        bounds, mult = scalar.range(), scalar.mult
        if bounds is not None:
            return self.widened(scalar.dtype, self.wide(scalar), *bounds, mult)
        return self.w.once(("settled", scalar), lambda: self.fresh(scalar.dtype, self.text(scalar), mult=mult))

    # ---- arithmetic

    def sum(self, x: Scalar, y: Scalar, sign: int = 1) -> Scalar:
        """Return x + sign * y."""
        dtype, off = x.dtype, int(x.off) + sign * int(y.off)
        if y.root is None:
            return self._offset(dtype, x.root, off)
        if x.root is None and sign == 1:
            return self._offset(dtype, y.root, off)
        if x.root is y.root and sign == -1:
            return constant(dtype, off)
        left, right = Scalar(dtype, x.root, 0), Scalar(dtype, y.root, 0)
        name = "add" if sign == 1 else "sub"

        def make() -> Root | None:
            low, high = (0, 0) if left.root is None else (left.root.low, left.root.high)
            other = (right.root.low, right.root.high) if right.root is not None else (0, 0)
            bounds = (low + other[0], high + other[1]) if sign == 1 else (low - other[1], high - other[0])
            return self._binary(name, left, right, bounds, min(left.mult, right.mult)).root

        return self._offset(dtype, self.w.once((name, left.root, right.root), make), off)

    def add_scalar(self, x: Scalar, off: int) -> Scalar:
        """Return x plus a constant."""
        return self._offset(x.dtype, x.root, int(x.off) + off) if off else x

    def multiply(self, x: Scalar, y: Scalar) -> Scalar:
        """Return x * y."""
        if x.root is None:
            x, y = y, x
        dtype = x.dtype
        if x.root is None:
            return constant(dtype, int(x.off) * int(y.off))
        if y.root is None:
            factor = wrap_offset(dtype, int(y.off))
            if factor in (0, 1):
                return x if factor else constant(dtype, 0)
            root = x.root
            product = self.w.once(("mul", root, factor), lambda: self._times(root, factor))
            return self.sum(product, constant(dtype, int(x.off) * factor))
        left, right = self.settled(x), self.settled(y)
        if left.root is None or right.root is None:
            return self.multiply(left, right)
        low, high = _products(left.root, right.root)
        mult = min(left.mult * right.mult, NO_BOUND)
        return self.w.once(("mul", left.root, right.root), lambda: self._binary("mul", left, right, (low, high), mult))

    def _times(self, root: Root, factor: int) -> Scalar:
        one = Scalar(root.dtype, root, 0)
        bounds = sorted((root.low * factor, root.high * factor))
        mult = min(root.mult * (factor & -factor), NO_BOUND)
        return self._binary("mul", one, constant(root.dtype, factor), (bounds[0], bounds[1]), mult)

    def _binary(self, name: str, x: Scalar, y: Scalar, bounds: tuple[int, int], mult: int) -> Scalar:
        """Write an operation whose exact result lies within `bounds`: in i64 if that fits the dtype, else wrapping."""
        dtype = x.dtype
        if dtype.min <= bounds[0] and bounds[1] <= dtype.max and index.min <= bounds[0] and bounds[1] <= index.max:
            return self.widened(dtype, self.w.emit(f"{name} nsw i64 {self.wide(x)}, {self.wide(y)}"), *bounds, mult)
        type, mult = element(dtype), min(mult, 1 << dtype.width)
        text = self.w.emit(f"{name} {type} {self.text(x)}, {self.text(y)}")
        if dtype.is_integer:  # what wraps around is a multiple all the same: smaller offsets do not wrap again
            return self.fresh(dtype, text, dtype.min, dtype.max // mult * mult, mult)
        return self.fresh(dtype, text, mult=mult)

    def _offset(self, dtype: Numeric, root: Root | None, off: int) -> Scalar:
        return Scalar(dtype, root, wrap_offset(dtype, off)) if root is not None else constant(dtype, off)

    def divide(self, x: Scalar, divisor: int) -> Scalar | None:
        """Return x // divisor for x that is known not to be negative and a positive divisor, else None."""
        bounds = x.range()
        if bounds is None or bounds[0] < 0 or divisor <= 0:
            return None
        if x.root is None or bounds[0] // divisor == bounds[1] // divisor:
            return constant(x.dtype, bounds[0] // divisor)
        shift = power_of_two(divisor)
        if shift is not None and x.root.mult >= divisor and x.root.low >= 0:
            rest = Scalar(x.dtype, x.root, 0)
            return self.sum(self._quotient(rest, divisor, shift), constant(x.dtype, int(x.off) >> shift))
        return self._quotient(x, divisor, shift)

    def _quotient(self, x: Scalar, divisor: int, shift: int | None) -> Scalar:
        bounds = x.range() or (0, 0)
        text = f"lshr i64 {self.wide(x)}, {shift}" if shift is not None else f"udiv i64 {self.wide(x)}, {divisor}"
        mult = max(1, x.mult >> shift) if shift is not None else 1
        return self.w.once(
            ("quotient", x.root, x.off, divisor),
            lambda: self.widened(x.dtype, self.w.emit(text), bounds[0] // divisor, bounds[1] // divisor, mult),
        )

    def modulo(self, x: Scalar, divisor: int) -> Scalar | None:
        """Return x mod divisor for a power of two, or for x that is known not to be negative, else None."""
        shift, bounds = power_of_two(divisor), x.range()
        if shift is not None and x.mult >= divisor:
            return constant(x.dtype, 0)
        known = bounds is not None and bounds[0] >= 0
        if bounds is not None and known and bounds[0] // divisor == bounds[1] // divisor:
            return self.sum(x, constant(x.dtype, -(bounds[0] // divisor) * divisor))
        if shift is not None:
            return self._low_part(x, divisor)
        if not known or bounds is None:
            return None
        key = ("rest", x.root, x.off, divisor)
        return self.w.once(
            key, lambda: self.widened(x.dtype, self.w.emit(f"urem i64 {self.wide(x)}, {divisor}"), 0, divisor - 1)
        )

    def _low_part(self, x: Scalar, divisor: int) -> Scalar:
        def make() -> Scalar:
            if x.range() is not None and x.root is not None and (x.root.wide is not None or x.dtype.width == 64):
                return self.widened(
                    x.dtype, self.w.emit(f"and i64 {self.wide(x)}, {divisor - 1}"), 0, divisor - 1, x.mult
                )
            text = self.w.emit(f"and {element(x.dtype)} {self.text(x)}, {divisor - 1}")
            return self.fresh(x.dtype, text, 0, divisor - 1, x.mult)

        return self.w.once(("masked", x.root, x.off, divisor), make)

    def cast(self, x: Scalar, dtype: Numeric) -> Scalar:
        """Return an integer as another integer dtype; it wraps where it does not fit."""
        if x.root is None:
            return constant(dtype, x.off)
        bounds = x.range()
        if bounds is not None and dtype.width >= 32 and dtype.min <= bounds[0] and bounds[1] <= dtype.max:
            root = x.root
            if dtype.min <= root.low and root.high <= dtype.max:
                moved = self.w.once(
                    ("cast", root, dtype),
                    lambda: Root(dtype, None, self.wide_root(root), root.low, root.high, root.mult),
                )
                return Scalar(dtype, moved, x.off)
            return self.widened(dtype, self.wide(x), *bounds, x.mult)
        return self.w.once(("cast", x.root, x.off, dtype), lambda: self._resize(x, dtype))

    def _resize(self, x: Scalar, dtype: Numeric) -> Scalar:
        mult = min(x.mult, 1 << dtype.width)
        if dtype.width == x.dtype.width:
            return self.fresh(dtype, self.text(x), mult=mult)
        if dtype.width == 64:
            return self.fresh(dtype, self.wide(x), mult=mult)
        name = "trunc" if dtype.width < x.dtype.width else "sext" if x.dtype.is_signed else "zext"
        text = self.w.emit(f"{name} {element(x.dtype)} {self.text(x)} to {element(dtype)}")
        return self.fresh(dtype, text, mult=mult)

    # ---- comparisons

    def less(self, x: Root | None, y: Root | None, off: int) -> Scalar:
        """Return whether x + off < y exactly, as a scalar bool; None is zero."""
        known = known_less(x, y, off)
        if known is not None:
            return constant(b1, known)

        def make() -> Scalar:
            if x is None:
                left, right = str(off), self.wide_root(y) if y is not None else "0"
            elif y is None:
                left, right = self.wide_root(x), str(-off)
            else:
                left, right = self.wide_root(x), self.wide_root(y)
                left = self.w.emit(f"add i64 {left}, {off}") if off else left
            return self.fresh(b1, self.w.emit(f"icmp slt i64 {left}, {right}"))

        return self.w.once(("less", x, y, off), make)

    def equal(self, x: Scalar, y: Scalar) -> Scalar:
        """Return whether two integers are equal, as a scalar bool."""
        if x.root is None:
            x, y = y, x
        rest = self.sum(x, y, -1) if y.root is None or x.root is y.root else None
        if rest is not None and rest.root is None:
            return constant(b1, rest.off == 0)
        if rest is not None and int(rest.off) % min(rest.root.mult if rest.root else 1, 1 << rest.dtype.width):
            return constant(b1, False)
        a, b = x.range(), y.range()
        if a is not None and b is not None and (a[1] < b[0] or b[1] < a[0]):
            return constant(b1, False)
        key = ("equal", x.root, x.off, y.root, y.off)
        type = element(x.dtype)

        def make() -> Scalar:
            if x.dtype.width == 32 and x.range() is not None and y.range() is not None:
                return self.fresh(b1, self.w.emit(f"icmp eq i64 {self.wide(x)}, {self.wide(y)}"))
            return self.fresh(b1, self.w.emit(f"icmp eq {type} {self.text(x)}, {self.text(y)}"))

        return self.w.once(key, make)

    def invert(self, x: Scalar) -> Scalar:
        """Return the opposite of a scalar bool."""
        if x.root is None:
            return constant(b1, not x.off)
        return self.w.once(("invert", x.root), lambda: self.fresh(b1, self.w.emit(f"xor i1 {self.text(x)}, true")))

    def both(self, x: Scalar, y: Scalar) -> Scalar:
        """Return the conjunction of two scalar bools."""
        for one, other in ((x, y), (y, x)):
            if one.root is None:
                return other if one.off else one
        return x if x == y else self.fresh(b1, self.w.emit(f"and i1 {self.text(x)}, {self.text(y)}"))

    def either(self, x: Scalar, y: Scalar) -> Scalar:
        """Return the disjunction of two scalar bools."""
        for one, other in ((x, y), (y, x)):
            if one.root is None:
                return one if one.off else other
        return x if x == y else self.fresh(b1, self.w.emit(f"or i1 {self.text(x)}, {self.text(y)}"))


def _products(x: Root, y: Root) -> tuple[int, int]:
    corners = [a * b for a in (x.low, x.high) for b in (y.low, y.high)]
    return min(corners), max(corners)


def known_less(x: Root | None, y: Root | None, off: int) -> bool | None:
    """Return whether x + off < y where the ranges tell, else None."""
    low_x, high_x = (0, 0) if x is None else (x.low, x.high)
    low_y, high_y = (0, 0) if y is None else (y.low, y.high)
    if x is y:
        return off < 0
    if high_x + off < low_y:
        return True
    return False if low_x + off >= high_y else None
