"""Textures: reading, writing and sampling texels, and sizes (Metal specification, 2.9, 2.10 and 6.12).

A texel is a vector of four components, whatever the texture stores of them: a missing one reads as 0, the last as 1. Outside of
a texture a read gives 0 in all four and a write does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from enigma.dtypes import TEXELS, Numeric, TextureAccess, TextureKind, f32, i32, u32
from enigma.spec import sampling
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Template
from enigma.spec.terms import (
    Choice,
    Effect,
    SamplerAddress,
    SamplerCoord,
    SamplerFilter,
    Term,
    Texture,
    Var,
    Vec,
)

TEXEL = Var("X", TEXELS)
READABLE = (TextureAccess.READ, TextureAccess.READ_WRITE, TextureAccess.SAMPLE)
WRITABLE = (TextureAccess.WRITE, TextureAccess.READ_WRITE)


def _at(kind: TextureKind, dtype: Numeric) -> dict[str, Term]:
    """Return the parameters that say where in a texture: coordinates of a dtype, and in an array the layer."""
    where: dict[str, Term] = {"at": dtype if kind.axes == 1 else Vec(dtype, kind.axes)}
    return where | {"layer": u32} if kind.is_array else where


def _suffix(kind: TextureKind) -> str:
    return kind.value.removeprefix("texture")


def _places(np: Any, at: Any, layer: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return whole coordinates one by one, the layer last."""
    axes = tuple(at) if at.ndim > 2 else (at,)
    return tuple(x.astype(np.int64) for x in (*axes, *layer))


def _lowered_places(b: Any, at: Any, layer: tuple[Any, ...]) -> tuple[Any, ...]:
    # a coordinate past 2^31 is negative then, and outside all the same
    return tuple(b.convert(x, i32) for x in (*(at if isinstance(at, tuple) else (at,)), *layer))


def _read(kind: TextureKind) -> Intrinsic:
    where = "{at}, {layer}" if kind.is_array else "{at}"
    return Intrinsic(
        name=f"texture_read_{_suffix(kind)}", params={"tex": Texture(TEXEL, (kind,), READABLE), **_at(kind, u32)},
        result=Vec(TEXEL, 4), effect=Effect.READ, public="", method="read",
        doc=f"The texel of a {kind.title} at whole coordinates; 0 in all components outside of it.",
        msl=Template(f"{{tex}}.read({where})", tight=("tex",)), cuda=LATER,
        llvm=lambda b, tex, at, *layer: b.texels(tex, _lowered_places(b, at, layer)),
        ref=lambda np, env, tex, at, *layer: env.texels(tex, _places(np, at, layer)))  # fmt: skip


def _write(kind: TextureKind) -> Intrinsic:
    where = "{at}, {layer}" if kind.is_array else "{at}"
    texture = Texture(TEXEL, (kind,), WRITABLE, written=True)
    return Intrinsic(
        name=f"texture_write_{_suffix(kind)}", params={"tex": texture, "value": Vec(TEXEL, 4), **_at(kind, u32)},
        result=None, effect=Effect.WRITE, public="", method="write",
        doc=f"Set the texel of a {kind.title} at whole coordinates; outside of it nothing happens.",
        msl=Template(f"{{tex}}.write({{value}}, {where})", tight=("tex",)), cuda=LATER,
        llvm=lambda b, tex, value, at, *layer: b.set_texels(tex, _lowered_places(b, at, layer), value),
        ref=lambda np, env, tex, value, at, *layer: env.set_texels(tex, _places(np, at, layer), value))  # fmt: skip


def _sampler_rule(bound: Mapping[Var, Numeric], attrs: Mapping[str, Any]) -> str | None:
    filter, address = attrs.get("filter"), attrs.get("address")
    if filter is SamplerFilter.LINEAR and not bound[TEXEL].is_float:
        return (
            f"the filter 'linear' needs a texture of f32 or f16, but this one is of {bound[TEXEL].name}: use 'nearest'"
        )
    if attrs.get("coord") is SamplerCoord.PIXEL and isinstance(address, SamplerAddress) and address in sampling.PERIODS:
        return f"the address mode {address.value!r} needs normalized coordinates, from 0 to 1 across the texture"
    return None


def _sample(kind: TextureKind) -> Intrinsic:
    where = "{at}, min({layer}, {tex}.get_array_size() - 1)" if kind.is_array else "{at}"
    level = "" if kind is TextureKind.D1 else ", level(0)"  # a 1-D texture has no other
    options: dict[str, Term] = {
        "filter": Choice(SamplerFilter, SamplerFilter.NEAREST),
        "address": Choice(SamplerAddress, SamplerAddress.CLAMP_TO_EDGE),
        "coord": Choice(SamplerCoord, SamplerCoord.NORMALIZED),
    }
    return Intrinsic(
        name=f"texture_sample_{_suffix(kind)}",
        params={"tex": Texture(TEXEL, (kind,), (TextureAccess.SAMPLE,)), **_at(kind, f32), **options},
        result=Vec(TEXEL, 4), effect=Effect.READ, public="", method="sample", check=_sampler_rule,
        doc=f"What a {kind.title} is at a place between texels, found as a filter and an address mode say.",
        msl=Template(f"{{tex}}.sample({{S}}, {where}{level})", tight=("tex",)), cuda=LATER,
        llvm=sampling.lowering, ref=_sampled, example='T.sample(u, v, filter="linear", address="repeat")')  # fmt: skip


def _sampled(np: Any, env: Any, tex: Any, at: Any, *layer: Any, **options: Any) -> Any:
    return sampling.meaning(np, env, tex, at, layer=layer[0] if layer else None, **options)


SIZES: tuple[tuple[str, str, int, tuple[TextureKind, ...]], ...] = (
    ("width", "texels along x", 0, tuple(TextureKind)),
    ("height", "texels along y", 1, (TextureKind.D2, TextureKind.D3, TextureKind.D2_ARRAY)),
    ("depth", "texels along z", 2, (TextureKind.D3,)),
    ("array_size", "layers", 2, (TextureKind.D2_ARRAY,)),
)
"""What a texture tells of its size: the method, what it counts, which of the three sizes it is, and which textures have it."""


def _size(method: str, counted: str, axis: int, kinds: tuple[TextureKind, ...]) -> Intrinsic:
    return Intrinsic(
        name=f"texture_{method}", params={"tex": Texture(TEXEL, kinds, tuple(TextureAccess))}, result=u32, effect=Effect.PURE,
        public="", method=method, doc=f"How many {counted} a texture has.",
        msl=Template(f"{{tex}}.get_{method}()", tight=("tex",)), cuda=LATER,
        llvm=lambda b, tex: b.texture_size(tex, axis), ref=lambda np, tex: np.uint32(tex.sizes[axis]))  # fmt: skip


def _rows() -> Iterator[Intrinsic]:
    for make in (_read, _write, _sample):
        yield from (make(kind) for kind in TextureKind)
    yield from (_size(*size) for size in SIZES)


ROWS: tuple[Intrinsic, ...] = tuple(_rows())
