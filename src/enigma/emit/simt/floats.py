"""Float arithmetic in f32; half and bfloat are kept as their bits, and rounded after each operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from enigma.dtypes import Numeric, b1, bf16, f16, f32, i32
from enigma.emit.simt.division import Division
from enigma.emit.simt.lanes import Chunk, Flat, Lanes, Vector, constant, lanes
from enigma.emit.simt.writer import element

FLAGS = "contract"
"""Multiply-adds may fuse; nothing else about float arithmetic is relaxed."""

ORDERED = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}

Instruction = Callable[[str, Sequence[str]], str]
"""Writes an operation for an LLVM type and operand texts, and returns the result's text."""


class Floats(Division):
    """Writes float code."""

    has_fma: bool = True
    has_half: bool = True

    def shaped(
        self, result: Numeric, write: Callable[[int, Sequence[str]], str], source: Numeric, *operands: Lanes
    ) -> Lanes:
        """Return an operation written once for scalars (width 1) where all operands are uniform, else for each chunk."""

        if all(operand.uniform is not None for operand in operands):
            texts = [self.text(operand.uniform) for operand in operands if operand.uniform is not None]
            return Lanes(result, (Flat(self.fresh(result, write(1, texts))),))
        made: list[Chunk] = []
        for chunks in zip(*(self.chunks(operand) for operand in operands), strict=True):
            flats = [chunk.scalar for chunk in chunks if isinstance(chunk, Flat)]
            if len(flats) == len(chunks):
                made.append(Flat(self.fresh(result, write(1, [self.text(scalar) for scalar in flats]))))
            else:
                made.append(Vector(write(self.width, [self.vector(source, chunk) for chunk in chunks])))
        return lanes(result, made, self.context.first)

    def type_of(self, dtype: Numeric, width: int) -> str:
        """Return LLVM's type of one lane or of a chunk."""
        return element(dtype) if width == 1 else f"<{width} x {element(dtype)}>"

    # ---- between the float dtypes

    def to_f32(self, x: Lanes) -> Lanes:
        """Return a float as f32, which holds every half and bfloat exactly."""
        if x.dtype is f32:
            return x
        if x.constant is not None:
            return Lanes(f32, (Flat(constant(f32, x.constant)),))
        return self.shaped(f32, self._from_half if x.dtype is f16 else self._from_bfloat, x.dtype, x)

    def from_f32(self, x: Lanes, dtype: Numeric) -> Lanes:
        """Return an f32 rounded to nearest even in another float dtype."""
        if dtype is f32:
            return x
        if x.constant is not None:
            return Lanes(dtype, (Flat(constant(dtype, x.constant)),))
        return self.shaped(dtype, self._to_half if dtype is f16 else self._to_bfloat, f32, x)

    def _from_half(self, width: int, texts: Sequence[str]) -> str:
        half = "half" if width == 1 else f"<{width} x half>"
        bits = self.w.emit(f"bitcast {self.type_of(f16, width)} {texts[0]} to {half}")
        return self.w.emit(f"fpext {half} {bits} to {self.type_of(f32, width)}")

    def _to_half(self, width: int, texts: Sequence[str]) -> str:
        half = "half" if width == 1 else f"<{width} x half>"
        rounded = self.w.emit(f"fptrunc {self.type_of(f32, width)} {texts[0]} to {half}")
        return self.w.emit(f"bitcast {half} {rounded} to {self.type_of(f16, width)}")

    def _from_bfloat(self, width: int, texts: Sequence[str]) -> str:
        word = self.type_of(i32, width)
        wide = self.w.emit(f"zext {self.type_of(bf16, width)} {texts[0]} to {word}")
        upper = self.w.emit(f"shl {word} {wide}, {self.spread('i32', 16, width)}")
        return self.w.emit(f"bitcast {word} {upper} to {self.type_of(f32, width)}")

    def _to_bfloat(self, width: int, texts: Sequence[str]) -> str:
        word, short, emit = self.type_of(i32, width), self.type_of(bf16, width), self.w.emit
        bits = emit(f"bitcast {self.type_of(f32, width)} {texts[0]} to {word}")
        upper = emit(f"lshr {word} {bits}, {self.spread('i32', 16, width)}")
        odd = emit(f"and {word} {upper}, {self.spread('i32', 1, width)}")
        moved = emit(f"add {word} {emit(f'add {word} {bits}, {odd}')}, {self.spread('i32', 0x7FFF, width)}")
        rounded = emit(f"lshr {word} {moved}, {self.spread('i32', 16, width)}")
        quiet = emit(f"or {word} {upper}, {self.spread('i32', 64, width)}")
        is_nan = emit(f"fcmp uno {self.type_of(f32, width)} {texts[0]}, {texts[0]}")
        chosen = emit(f"select {self.type_of(b1, width)} {is_nan}, {word} {quiet}, {word} {rounded}")
        return emit(f"trunc {word} {chosen} to {short}")

    def spread(self, type: str, value: int, width: int) -> str:
        """Return an integer constant for one lane or a chunk."""
        return str(value) if width == 1 else f"splat ({type} {value})"

    def in_f32(self, function: Callable[..., Lanes], *operands: Lanes) -> Lanes:
        """Return `function` of the operands as f32, rounded to their dtype."""
        return self.from_f32(function(*(self.to_f32(operand) for operand in operands)), operands[0].dtype)

    # ---- arithmetic on f32

    def float_binary(self, name: str, x: Lanes, y: Lanes) -> Lanes:
        """Return an f32 operation such as `fadd`."""

        def write(width: int, texts: Sequence[str]) -> str:
            return self.w.emit(f"{name} {FLAGS} {self.type_of(f32, width)} {texts[0]}, {texts[1]}")

        return self.shaped(f32, write, f32, x, y)

    def float_compare(self, kind: str, x: Lanes, y: Lanes) -> Lanes:
        """Return where a comparison holds; with NaN only `ne` does."""

        def write(width: int, texts: Sequence[str]) -> str:
            return self.w.emit(f"fcmp {ORDERED[kind]} {self.type_of(f32, width)} {texts[0]}, {texts[1]}")

        return self.shaped(b1, write, f32, self.to_f32(x), self.to_f32(y))

    def intrinsic(self, name: str, dtype: Numeric, *operands: Lanes, extra: tuple[tuple[str, str], ...] = ()) -> Lanes:
        """Return LLVM's intrinsic `name` for `dtype` of operands of that dtype; `extra` are further typed arguments."""

        def write(width: int, texts: Sequence[str]) -> str:
            type = self.type_of(dtype, width)
            suffix = ("" if width == 1 else f"v{width}") + ("f32" if dtype is f32 else element(dtype))
            return self.w.call(type, f"{name}.{suffix}", *((type, text) for text in texts), *extra)

        return self.shaped(dtype, write, dtype, *operands)

    def fused(self, x: Lanes, y: Lanes, z: Lanes) -> Lanes:
        """Return x * y + z in f32, rounded once (in f64 where the processor cannot fuse: once, and once to f32)."""
        if self.has_fma:
            return self.intrinsic("llvm.fma", f32, x, y, z)

        def write(width: int, texts: Sequence[str]) -> str:
            wide = "double" if width == 1 else f"<{width} x double>"
            a, b, c = (self.w.emit(f"fpext {self.type_of(f32, width)} {text} to {wide}") for text in texts)
            total = self.w.emit(f"fadd {wide} {self.w.emit(f'fmul {wide} {a}, {b}')}, {c}")
            return self.w.emit(f"fptrunc {wide} {total} to {self.type_of(f32, width)}")

        return self.shaped(f32, write, f32, x, y, z)
