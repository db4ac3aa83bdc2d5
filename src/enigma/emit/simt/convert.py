"""Conversions between dtypes by value and by bits, with the meaning of the rows: saturating, NaN to zero, integers wrap."""

from __future__ import annotations

from collections.abc import Sequence

from enigma.dtypes import Numeric, b1, f32, i16, i32, index
from enigma.emit.simt.floats import Floats
from enigma.emit.simt.lanes import Chunk, Flat, Lanes, Ramp, Scalar, Vector, constant, wrap_offset
from enigma.emit.simt.writer import element, float_bits


class Conversions(Floats):
    """Writes conversions."""

    def convert(self, x: Lanes, dtype: Numeric) -> Lanes:
        """Return x as another dtype."""
        if x.dtype is dtype:
            return x
        if dtype is b1:
            return self._to_bool(x)
        if x.constant is not None and not (x.dtype.is_float and dtype.is_integer):
            return Lanes(dtype, (Flat(constant(dtype, x.constant)),))
        if x.dtype is b1:
            return self._from_bool(x, dtype)
        if x.dtype.is_float and dtype.is_float:
            return self.from_f32(self.to_f32(x), dtype)
        if x.dtype.is_float:
            return self._to_integer(self.to_f32(x), dtype)
        if dtype.is_float:
            return self.from_f32(self._to_float(x), dtype)
        return self.each(dtype, lambda chunk: self._resize_chunk(chunk, x.dtype, dtype), x)

    def index(self, x: Lanes) -> Lanes:
        """Return an integer as a loop bound."""
        return self.convert(x, index)

    def _to_bool(self, x: Lanes) -> Lanes:
        if x.dtype.is_float:
            return self.float_compare("ne", x, Lanes(x.dtype, (Flat(constant(x.dtype, 0.0)),)))
        zero = Flat(constant(x.dtype, 0))
        return self.each(b1, lambda chunk: self.compare_chunks("ne", chunk, zero, x.dtype), x)

    def _from_bool(self, x: Lanes, dtype: Numeric) -> Lanes:
        def write(width: int, texts: Sequence[str]) -> str:
            name = "uitofp" if dtype is f32 else "zext"
            return self.w.emit(f"{name} {self.type_of(b1, width)} {texts[0]} to {self.type_of(dtype, width)}")

        if dtype.is_float and dtype is not f32:
            return self.from_f32(self._from_bool(x, f32), dtype)
        made = self.shaped(dtype, write, b1, x)
        if dtype.is_float:
            return made
        return self.each(dtype, lambda chunk: Vector(chunk.text, 0, 1) if isinstance(chunk, Vector) else chunk, made)

    def _to_integer(self, x: Lanes, dtype: Numeric) -> Lanes:
        def write(width: int, texts: Sequence[str]) -> str:
            name = "llvm.fptosi.sat" if dtype.is_signed else "llvm.fptoui.sat"
            suffix = "" if width == 1 else f"v{width}"
            source = self.type_of(f32, width)
            return self.w.call(
                self.type_of(dtype, width), f"{name}.{suffix}{element(dtype)}.{suffix}f32", (source, texts[0])
            )

        return self.shaped(dtype, write, f32, x)

    def _to_float(self, x: Lanes) -> Lanes:
        def make(chunk: Chunk) -> Chunk:
            limits = self.bounds(x.dtype, chunk)
            # the signed conversion is one instruction where the unsigned one is several
            name = "sitofp" if x.dtype.is_signed or (limits and limits[1] <= (1 << x.dtype.width - 1) - 1) else "uitofp"
            width = 1 if isinstance(chunk, Flat) else self.width
            text = self.text(chunk.scalar) if isinstance(chunk, Flat) else self.vector(x.dtype, chunk)
            made = self.w.emit(f"{name} {self.type_of(x.dtype, width)} {text} to {self.type_of(f32, width)}")
            return Flat(self.fresh(f32, made)) if width == 1 else Vector(made)

        return self.each(f32, make, x)

    def _resize_chunk(self, chunk: Chunk, source: Numeric, dtype: Numeric) -> Chunk:
        match chunk:
            case Flat(scalar):
                return Flat(self.cast(scalar, dtype))
            case Ramp(scalar, offs) if dtype.width >= 32:
                moved = self._resize_ramp(scalar, offs, dtype)
                if moved is not None:
                    return moved
            case _:
                pass
        limits = self.bounds(source, chunk)
        if dtype.width == source.width:
            text = self.vector(source, chunk)
        else:
            name = "trunc" if dtype.width < source.width else "sext" if source.is_signed else "zext"
            text = self.w.emit(f"{name} {self.typed(source, chunk)} to {self.w.vector(dtype)}")
        if limits is not None and dtype.min <= limits[0] and limits[1] <= dtype.max:
            return Vector(text, *limits)
        return Vector(text)

    def _resize_ramp(self, scalar: Scalar, offs: tuple[int, ...], dtype: Numeric) -> Chunk | None:
        """Return a ramp in another dtype; one that may wrap can only become narrower or change its sign."""
        limits = scalar.range(min(offs), max(offs))
        fits = limits is not None and dtype.min <= limits[0] and limits[1] <= dtype.max
        if fits and scalar.range() is not None:
            return self.ramp(self.cast(scalar, dtype), offs)
        if dtype.width > scalar.dtype.width:
            return None
        return self.ramp(self.cast(scalar, dtype), tuple(wrap_offset(dtype, off) for off in offs))

    # ---- bits

    def bitcast(self, x: Lanes, dtype: Numeric) -> Lanes:
        """Return the bits of x read as another dtype of the same width."""
        if x.dtype is dtype:
            return x
        if x.dtype.kind in "iu" and dtype.kind in "iu":
            return self.convert(x, dtype)
        if x.constant is not None and x.dtype.is_float and x.dtype.width == 16 and dtype.kind in "iu":
            return Lanes(dtype, (Flat(constant(dtype, float_bits(x.dtype, float(x.constant)))),))

        def write(width: int, texts: Sequence[str]) -> str:
            source, target = self.type_of(x.dtype, width), self.type_of(dtype, width)
            return texts[0] if source == target else self.w.emit(f"bitcast {source} {texts[0]} to {target}")

        return self.shaped(dtype, write, x.dtype, x)

    def sign_bit(self, x: Lanes) -> Lanes:
        """Return whether the sign of a float is set, of zero and NaN too."""
        whole = self.bitcast(x, i32 if x.dtype is f32 else i16)
        zero = Flat(constant(whole.dtype, 0))
        return self.each(b1, lambda chunk: self.compare_chunks("lt", chunk, zero, whole.dtype), whole)
