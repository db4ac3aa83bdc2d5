"""Vectors of small normalized integers in one word (Metal specification, 6.14 and 8.7): component x is in the lowest bits.

Packing limits a component to [0, 1] (unorm) or [-1, 1] (snorm), scales and rounds it to nearest even in f32; NaN becomes 0.
Unpacking divides by the scale. sRGB is the curve of IEC 61966-2-1 on x, y and z; w stays linear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from enigma.dtypes import Numeric, f16, f32, i32, u16, u32
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import EXACT, LATER, math, ulps
from enigma.spec.spelling import Call
from enigma.spec.terms import Effect, Vec


@dataclass(frozen=True, slots=True)
class _Format:
    """`name` as in pack_float_to_<name>, Metal's part of the unpacking name, the bits of each component, and the word."""

    name: str
    unpacks: str
    bits: tuple[int, ...]
    signed: bool = False
    srgb: bool = False
    word: Numeric = u32

    def fields(self) -> list[tuple[int, int, bool]]:
        """Return offset, bits and whether the curve applies, of each component."""
        return [(sum(self.bits[:k]), bits, self.srgb and k < 3) for k, bits in enumerate(self.bits)]

    def scale(self, bits: int) -> float:
        """Return what 1.0 becomes."""
        return float((1 << (bits - self.signed)) - 1)


FORMATS = (
    _Format("snorm4x8", "snorm4x8", (8, 8, 8, 8), signed=True),
    _Format("unorm4x8", "unorm4x8", (8, 8, 8, 8)),
    _Format("snorm2x16", "snorm2x16", (16, 16), signed=True),
    _Format("unorm2x16", "unorm2x16", (16, 16)),
    _Format("srgb_unorm4x8", "unorm4x8_srgb", (8, 8, 8, 8), srgb=True),
    _Format("unorm10a2", "unorm10a2", (10, 10, 10, 2)),
    _Format("unorm565", "unorm565", (5, 6, 5), word=u16),
)


def _encoded(np: Any, x: Any) -> Any:
    """The code of a linear number in [0, 1]: the curve scaled and rounded, in double precision."""
    wide = x.astype(np.float64)
    curve = np.where(wide <= 0.0031308, 12.92 * wide, 1.055 * np.power(wide, 1 / 2.4) - 0.055)
    return np.rint(255 * curve)


def _decoded(np: Any, code: Any) -> Any:
    curve = code.astype(np.float64) / 255
    return np.where(curve <= 0.04045, curve / 12.92, np.power((curve + 0.055) / 1.055, 2.4)).astype(np.float32)


def _pack(form: _Format, np: Any, x: Any) -> Any:
    word = np.zeros(np.shape(x)[1:], np.uint32)
    for part, (offset, bits, curved) in zip(x, form.fields(), strict=True):
        wide = part.astype(np.float32)
        inside = np.clip(np.where(np.isnan(wide), np.float32(0), wide), np.float32(-form.signed), np.float32(1))
        code = _encoded(np, inside) if curved else np.rint(inside * np.float32(form.scale(bits)))
        word |= (code.astype(np.int64).astype(np.uint32) & np.uint32((1 << bits) - 1)) << np.uint32(offset)
    return word.astype(form.word.numpy)


def _unpack(form: _Format, dtype: Numeric, np: Any, p: Any) -> Any:
    parts: list[Any] = []
    for offset, bits, curved in form.fields():
        code = (p.astype(np.int64) >> offset) & ((1 << bits) - 1)
        if form.signed:
            code = np.where(code >> (bits - 1), code - (1 << bits), code)
        plain = np.maximum(code.astype(np.float32) / np.float32(form.scale(bits)), np.float32(-1))
        parts.append(_decoded(np, code) if curved else plain)
    return np.stack(parts).astype(dtype.numpy)


def _lower_code(b: Any, form: _Format, x: Any, bits: int, *, curved: bool) -> Any:
    """The field of one component, in the low bits of a u32."""
    x = b.to_f32(x)
    zero, one = b.const(0.0, x), b.const(1.0, x)
    number = b.select(b.cmp("eq", x, x), x, zero)
    inside = b.fmin(b.fmax(number, b.const(-1.0, x) if form.signed else zero), one)
    code = math("srgb_code")(b, inside) if curved else b.call("llvm.rint", b.mul(inside, b.const(form.scale(bits), x)))
    whole = b.convert(b.convert(code, i32), u32)
    return b.and_(whole, b.const((1 << bits) - 1, whole)) if form.signed else whole


def _lower_pack(b: Any, form: _Format, x: tuple[Any, ...]) -> Any:
    word: Any = None
    for part, (offset, bits, curved) in zip(x, form.fields(), strict=True):
        code = _lower_code(b, form, part, bits, curved=curved)
        moved = b.shl(code, b.const(offset, code)) if offset else code
        word = moved if word is None else b.or_(word, moved)
    return b.convert(word, form.word)


def _lower_unpack(b: Any, form: _Format, dtype: Numeric, p: Any) -> tuple[Any, ...]:
    word, parts = b.convert(p, u32), list[Any]()
    for offset, bits, curved in form.fields():
        raised = b.shl(word, b.const(32 - offset - bits, word))
        whole = b.convert(raised, i32) if form.signed else raised
        code = b.convert(b.shr(whole, b.const(32 - bits, whole)), f32)
        part = math("srgb_linear")(b, code) if curved else b.div(code, b.const(form.scale(bits), code))
        parts.append(b.from_f32(b.fmax(part, b.const(-1.0, part)) if form.signed else part, dtype))
    return tuple(parts)


def _rows(form: _Format, dtype: Numeric) -> tuple[Intrinsic, Intrinsic]:
    kind = dtype.metal_name
    lanes, curve = len(form.bits), "sRGB " if form.srgb else ""
    sizes = str(form.bits[0]) if len(set(form.bits)) == 1 else ", ".join(map(str, form.bits))
    kept = f"{curve}{'signed' if form.signed else 'unsigned'} normalized integers of {sizes} bits"
    pack = Intrinsic(
        name=f"pack_{kind}_to_{form.name}", params={"x": Vec(dtype, lanes)}, result=form.word, effect=Effect.PURE,
        doc=f"The components of x as {kept} in one {form.word.name}, x in the lowest; NaN becomes 0.",
        msl=Call(f"pack_{kind}_to_{form.name}"), cuda=LATER, ref=lambda np, x: _pack(form, np, x),
        llvm=lambda b, x: _lower_pack(b, form, x), example=f"pack_{kind}_to_{form.name}(x)",
    )  # fmt: skip
    unpack = Intrinsic(
        name=f"unpack_{form.name}_to_{kind}", params={"p": form.word}, result=Vec(dtype, lanes), effect=Effect.PURE,
        doc=f"The vector of the {kept} in p, x from the lowest.", msl=Call(f"unpack_{form.unpacks}_to_{kind}"), cuda=LATER,
        ref=lambda np, p: _unpack(form, dtype, np, p), llvm=lambda b, p: _lower_unpack(b, form, dtype, p),
        ulp=ulps(1) if form.srgb else EXACT, example=f"unpack_{form.name}_to_{kind}(p)",
    )  # fmt: skip
    return pack, unpack


ROWS: tuple[Intrinsic, ...] = tuple(row for dtype in (f32, f16) for form in FORMATS for row in _rows(form, dtype))
