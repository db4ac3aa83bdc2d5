"""Vectors of two to four components: putting together and taking apart (Metal specification, 2.2 and 6.8).

`ref` gets a vector as an array whose first axis is the component; `llvm` gets it as a tuple of components, and returns one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from enigma.dtypes import DTYPES, Numeric, Space, b1
from enigma.spec import hazards
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Call, Structural, Template
from enigma.spec.terms import (
    BIT,
    INDEX,
    MAKES,
    Algebra,
    Buffer,
    Effect,
    Element,
    S,
    Static,
    Term,
    Var,
    Vec,
)  # fmt: skip

V = Var("V", DTYPES, lanes=(2, 3, 4))
PACKED = Var("S", tuple(dtype for dtype in DTYPES if dtype.width in (8, 16, 32)))
"""Metal has packed vectors of these."""

STORED = Var("W", PACKED.dtypes, lanes=(2, 3, 4))

WRITABLE = (Space.DEVICE, Space.THREADGROUP)
COMPONENTS = ("x", "y", "z", "w")


def _stack(np: Any, *components: Any) -> Any:
    return np.stack(np.broadcast_arrays(*components))


def _make(lanes: int) -> Intrinsic:
    params: dict[str, Term] = dict.fromkeys(COMPONENTS[:lanes], S)
    return Intrinsic(
        name=f"vec_make{lanes}", params=params, result=Vec(S, lanes), effect=Effect.PURE, public="", algebra=MAKES[lanes],
        doc=f"The vector of {lanes} numbers, in order.", msl=Structural(), cuda=LATER,
        llvm=lambda b, *components: components, ref=_stack,
    )  # fmt: skip


def _in_vector(bound: Mapping[Var, Numeric], attrs: Mapping[str, Any]) -> str | None:
    lane, lanes = attrs["lane"], bound[V].lanes
    return None if lane < lanes else f"component {lane} of a vector of {lanes}: they are numbered from 0 to {lanes - 1}"


def _at(np: Any, v: Any, i: Any) -> Any:
    """A number that no component has gives the first one: Metal leaves it undefined."""
    whole = i.astype(np.int64)
    found = v[0]
    for lane in range(1, len(v)):
        found = np.where(whole == lane, v[lane], found)
    return np.broadcast_arrays(found, whole)[0]


def _lower_at(b: Any, v: Any, i: Any) -> Any:
    found = v[0]
    for lane in range(1, len(v)):
        found = b.select(b.cmp("eq", i, b.const(lane, i)), v[lane], found)
    return found


def _store_each(np: Any, env: Any, buf: Any, i: Any, x: Any) -> None:
    for k, component in enumerate(x):
        env.store(buf, i + i.dtype.type(k), component)


def _fits(bound: Mapping[Var, Numeric], attrs: Mapping[str, Any]) -> str | None:
    stored, held = bound[STORED], bound[PACKED]
    return None if stored.element is held else f"a vector {stored.name} in a buffer of {held.name}"


def _any(b: Any, v: Any) -> Any:
    return reduce(b.or_, v)


def _all(b: Any, v: Any) -> Any:
    return reduce(b.and_, v)


TRUTHS = Var("B", (b1,), lanes=(2, 3, 4))

ROWS: tuple[Intrinsic, ...] = (
    Intrinsic(
        name="all", params={"v": TRUTHS}, result=BIT, effect=Effect.PURE, doc="Whether every component is true.",
        msl=Call("all"), cuda=LATER, llvm=_all, ref=lambda np, v: np.all(v, axis=0), example="all(v)"),
    Intrinsic(
        name="any", params={"v": TRUTHS}, result=BIT, effect=Effect.PURE, doc="Whether some component is true.",
        msl=Call("any"), cuda=LATER, llvm=_any, ref=lambda np, v: np.any(v, axis=0), example="any(v)"),
    *(_make(lanes) for lanes in MAKES),
    Intrinsic(
        name="vec_splat", params={"x": S, "lanes": Static(2, 4)}, result=Vec(S, "lanes"), effect=Effect.PURE, public="",
        algebra=Algebra.SPLAT, doc="The vector whose components are all x.", msl=Template("{R}({x})"), cuda=LATER,
        llvm=lambda b, x, lanes: (x,) * lanes, ref=lambda np, x, lanes: np.broadcast_to(x, (lanes, *np.shape(x)))),
    Intrinsic(
        name="vec_extract", params={"v": V, "lane": Static(0, 3)}, result=Element(V), effect=Effect.PURE,
        algebra=Algebra.EXTRACT, check=_in_vector, doc="The component of a vector with this number, counted from 0.",
        msl=Structural(), cuda=LATER, llvm=lambda b, v, lane: v[lane], ref=lambda np, v, lane: v[lane],
        example="vec_extract(v, 2)"),
    Intrinsic(
        name="vec_at", params={"v": V, "i": INDEX}, result=Element(V), effect=Effect.PURE, public="",
        algebra=Algebra.AT, doc="The component of a vector with a number known at run time; the first one where there is no such.",
        msl=Template("{v}[{i}]", tight=("v",)), cuda=LATER, llvm=_lower_at, ref=_at, hazards=hazards.COMPONENT),
    Intrinsic(
        name="load_vector", params={"buf": Buffer(PACKED), "i": INDEX, "lanes": Static(2, 4)}, result=Vec(PACKED, "lanes"),
        effect=Effect.READ, public="", algebra=Algebra.LOAD_VECTOR, msl=Structural(), cuda=LATER,
        doc="The vector of `lanes` elements from element i on.",
        llvm=lambda b, buf, i, lanes: b.load_vector(buf, i, lanes),
        ref=lambda np, env, buf, i, lanes: np.stack([env.load(buf, i + i.dtype.type(k)) for k in range(lanes)])),
    Intrinsic(
        name="store_vector", params={"buf": Buffer(PACKED, WRITABLE, written=True), "i": INDEX, "x": STORED}, check=_fits,
        result=None, effect=Effect.WRITE, public="", algebra=Algebra.STORE_VECTOR, msl=Structural(), cuda=LATER,
        doc="Set the elements from element i on to the components of x.",
        llvm=lambda b, buf, i, x: b.store_vector(buf, i, x),
        ref=_store_each),
)  # fmt: skip
