"""What functions across lanes mean, in NumPy: arrays whose last axis is the 32 lanes of a simdgroup, in groups of 32 or 4.

`env.active` says which lanes take part, `env.lanes` is 0..31. Lanes that do not take part count as a reduction's neutral
element and give 0 to a shuffle; a shuffle from beyond the ends of the group gives the lane's own value.
"""

from __future__ import annotations

from typing import Any

from enigma.spec.kit import is_float


def neutral(np: Any, kind: str, dtype: Any) -> Any:
    """Return the value that changes nothing in a reduction of this kind."""
    if kind in ("add", "or", "xor"):
        return dtype.type(0)
    if kind == "mul":
        return dtype.type(1)
    if kind == "and":
        return np.array(-1).astype(dtype)[()]
    if dtype.kind in "fV":
        return dtype.type(np.inf if kind == "min" else -np.inf)
    info = np.iinfo(dtype)
    return dtype.type(info.max if kind == "min" else info.min)


def combine(np: Any, kind: str) -> Any:
    """Return the NumPy ufunc of a reduction; the float minimum and maximum pass over NaN, as Metal's do."""
    return {"add": np.add, "mul": np.multiply, "min": np.fmin, "max": np.fmax, "and": np.bitwise_and,
            "or": np.bitwise_or, "xor": np.bitwise_xor}[kind]  # fmt: skip


def _groups(x: Any, width: int) -> Any:
    return x.reshape(*x.shape[:-1], x.shape[-1] // width, width)


def _held(np: Any, env: Any, x: Any, kind: str, width: int) -> Any:
    """Return the groups of x, neutral where a lane is not active; floats as f32, in which they are combined."""
    held = _groups(np.where(env.active, x, neutral(np, kind, x.dtype)), width)
    return held.astype(np.float32) if is_float(x) else held


def reduce(np: Any, env: Any, x: Any, kind: str, width: int) -> Any:
    """Return the reduction over the active lanes of each group, in all of its lanes."""
    with np.errstate(all="ignore"):
        held = _held(np, env, x, kind, width)
        total = combine(np, kind).reduce(held, axis=-1, keepdims=True, dtype=held.dtype)
        return np.broadcast_to(total, held.shape).reshape(x.shape).astype(x.dtype)


def scan(np: Any, env: Any, x: Any, kind: str, width: int, *, inclusive: bool) -> Any:
    """Return the reduction over the active lanes of a group up to each lane, itself included or not."""
    with np.errstate(all="ignore"):
        held = _held(np, env, x, kind, width)
        if not inclusive:
            first = np.full_like(held[..., :1], neutral(np, kind, held.dtype))
            held = np.concatenate([first, held[..., :-1]], axis=-1)
        return combine(np, kind).accumulate(held, axis=-1, dtype=held.dtype).reshape(x.shape).astype(x.dtype)


def gather(np: Any, env: Any, x: Any, source: Any, width: int, *, used: Any = True, ends: bool = True) -> Any:
    """Return x of each group's lane `source`: 0 where it is not active, the lane's own where there is no such lane.

    Only lanes where it is `used` are said to read; without `ends`, a lane that there is not must not be read.
    """
    source = np.asarray(source, np.int64)
    inside = (source >= 0) & (source < width)
    held = np.where(env.active, x, env.undefined(x.dtype))
    place = env.lanes - env.lanes % width + np.where(inside, source, 0)
    idle = ~np.take_along_axis(env.active, np.broadcast_to(place, env.active.shape), axis=-1)
    env.reads_lanes(np.where(inside, place, source), used & (inside & idle | (not ends) & ~inside))
    own = held if ends else np.where(env.active, env.beyond(x), held)
    return np.where(inside, np.take_along_axis(held, np.broadcast_to(place, held.shape), axis=-1), own)


def fill(np: Any, env: Any, x: Any, other: Any, start: Any, width: int, modulo: int) -> Any:
    """Return x of the lane `start` places above within vectors of `modulo` lanes; beyond their ends `other` goes on."""
    base, place = env.lanes % width // modulo * modulo, env.lanes % modulo + start
    inside = (place >= 0) & (place < modulo)
    wrapped = base + place % modulo
    own = gather(np, env, x, wrapped, width, used=inside)
    return np.where(inside, own, gather(np, env, other, wrapped, width, used=~inside))


def ballot(np: Any, env: Any, p: Any, width: int) -> Any:
    """Return which active lanes of a group have p set, the lowest bit for its first lane."""
    bits = np.where(env.active & p, np.uint32(1) << (env.lanes % width).astype(np.uint32), np.uint32(0))
    total = np.bitwise_or.reduce(_groups(bits, width), axis=-1, keepdims=True)
    return np.broadcast_to(total, _groups(bits, width).shape).reshape(bits.shape)


def first(np: Any, env: Any, width: int) -> Any:
    """Return the number of the first active lane of each group, in all of its lanes; 0 where none is."""
    found = np.argmax(_groups(env.active, width), axis=-1)[..., None]
    return np.broadcast_to(found, _groups(env.active, width).shape).reshape(env.active.shape)
