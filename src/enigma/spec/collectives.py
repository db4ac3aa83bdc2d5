"""The rows of the functions across lanes, written once for groups of 32 lanes and of 4 (Metal specification, 6.9.2 and 6.9.3).

In divergent code and in a partial group the active lanes take part. What Metal leaves undefined has a harmless meaning
here: a shuffle gives 0 where the lane that it reads is not active, and the lane's own value where there is no such lane.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from enigma.dtypes import Numeric, b1, bf16, f16, f32, i8, i16, i32, i64, u8, u16, u32, u64
from enigma.spec import across, across_msl
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import EXACT, LATER, ulps
from enigma.spec.spelling import Call, Spelling, Template
from enigma.spec.terms import ANY_LANES, BIT, Effect, Level, Static, Var
from enigma.spec.work import Work

NUMBERS: tuple[Numeric, ...] = (f32, f16, bf16, i32, u32, i64, u64, i16, u16, i8, u8)
WHOLE = tuple(d for d in NUMBERS if d.width < 64)
"""What Metal moves and combines as bits in whole vectors: the halves of 64-bit integers fill vectors of their own."""

X = Var("X", NUMBERS, lanes=ANY_LANES)
B = Var(
    "B", (*(d for d in NUMBERS if d.is_integer), b1), lanes=ANY_LANES, whole=tuple(d for d in WHOLE if d.is_integer)
)
ANY = Var("ANY", (*NUMBERS, b1), lanes=ANY_LANES, whole=(*WHOLE, b1))

LANES = 32

FOLDS = {"add": "+", "mul": "*", "min": "min()", "max": "max()", "and": "&", "or": "|", "xor": "^"}
"""The operator that does with two values what a reduction does with those of all lanes."""

REDUCTIONS = (
    ("sum", "add", "The sum", X),
    ("product", "mul", "The product", X),
    ("min", "min", "The smallest value", X),
    ("max", "max", "The largest value", X),
    ("and", "and", "The bits set in all values; of bools, whether all are true,", B),
    ("or", "or", "The bits set in any value; of bools, whether any is true,", B),
    ("xor", "xor", "The bits set in an odd number of values; of bools, whether an odd number is true,", B),
)


@dataclass(frozen=True, slots=True)
class Group:
    """The lanes that talk: the prefix of Metal's names, how many there are, what they are called.

    `level` is what must be all there for the functions that Metal leaves undefined otherwise.
    """

    prefix: str
    width: int
    called: str
    level: Level | None


def collectives(group: Group) -> tuple[Intrinsic, ...]:
    """Return the rows of all functions across the lanes of a group."""
    return (
        *(_reduction(group, *each) for each in REDUCTIONS),
        *(
            _prefix(group, name, kind, what, inclusive=inclusive)
            for name, kind, what in (("sum", "add", "The sum"), ("product", "mul", "The product"))
            for inclusive in (True, False)
        ),
        *_shuffles(group),
        *_rotations(group),
        *_fills(group),
        *_votes(group),
    )


def _reduction(group: Group, function: str, kind: str, what: str, var: Var) -> Intrinsic:
    name, width = f"{group.prefix}_{function}", group.width
    of_bools: Mapping[str, Spelling] = {
        "and": Call(f"{group.prefix}_all"), "or": Call(f"{group.prefix}_any"), "xor": Template(f"bool({name}(ushort({{x}})))"),
    }  # fmt: skip
    bits = kind in of_bools
    return Intrinsic(
        name=name, params={"x": var}, result=var, doc=f"{what} over the active lanes, the same in each.", effect=Effect.SYNC,
        msl=across_msl.bitwise(name, of_bools[kind]) if bits else across_msl.arithmetic(name), cuda=LATER,
        prelude={} if bits else across_msl.helpers(group.prefix, function), llvm=lambda b, x: b.reduce(kind, x, width),
        ref=lambda np, env, x: across.reduce(np, env, x, kind, width), ulp=ulps(64, 64) if kind in ("add", "mul") else EXACT,
        domain=(0.25, 1.5), example=f"{name}(x)", folds=FOLDS[kind],
        work=(Work.REDUCE if width == LANES else Work.QUAD_REDUCE,),
    )  # fmt: skip


def _prefix(group: Group, total: str, kind: str, what: str, *, inclusive: bool) -> Intrinsic:
    upto, function = ("up to and with", "inclusive") if inclusive else ("before", "exclusive")
    function, width = f"prefix_{function}_{total}", group.width
    name, none = f"{group.prefix}_{function}", "" if inclusive else f"; {int(kind == 'mul')} in the first"
    return Intrinsic(
        name=name, params={"x": X}, result=X, doc=f"{what} over the active lanes {upto} this one{none}.", effect=Effect.SYNC,
        msl=across_msl.arithmetic(name), prelude=across_msl.helpers(group.prefix, function), cuda=LATER,
        llvm=lambda b, x: b.scan(kind, x, width, inclusive=inclusive),
        ref=lambda np, env, x: across.scan(np, env, x, kind, width, inclusive=inclusive), ulp=ulps(64, 64), domain=(0.25, 1.5),
        example=f"{name}(x)", work=(Work.SCAN,) if width == LANES else (),
    )  # fmt: skip


def _shuffle(
    group: Group, function: str, param: str, doc: str, source: Callable[[Any, Any], Any], llvm: Callable[[Any, Any], Any],
    *, together: Level | None = None, uniform: bool = True, ends: bool = True,
) -> Intrinsic:  # fmt: skip
    """Return a row that moves values between lanes.

    Metal wants `param` the same in all lanes where it is `uniform`, and where it leaves `ends` undefined, a lane that there is.
    """
    name, width = f"{group.prefix}_{function}", group.width

    def meaning(np: Any, env: Any, x: Any, by: Any) -> Any:
        if uniform:
            env.same_in_groups(param, by, width)
        return across.gather(np, env, x, source(env.lanes % width, by.astype(np.int64)), width, ends=ends)

    return Intrinsic(
        name=name, params={"x": ANY, param: u32}, result=ANY, doc=doc, effect=Effect.SYNC, together=together,
        msl=across_msl.moving(name, ("x",), f", ushort({{{param}}})"), cuda=LATER,
        llvm=lambda b, x, by: b.shuffle(x, llvm(b, by), width),
        ref=meaning, example=f"{name}(x, 1)", work=(Work.SHUFFLE if uniform else Work.ANY_SHUFFLE,),
    )  # fmt: skip


def _shuffles(group: Group) -> tuple[Intrinsic, ...]:
    width, last = group.width, group.width - 1

    def limited(b: Any, by: Any) -> Any:
        return b.least(by, b.const(width, by))

    return (
        _shuffle(group, "shuffle", "lane", "The value of x in another lane.", lambda lanes, by: by, lambda b, by: by,
                 uniform=False, ends=False),
        _shuffle(group, "shuffle_up", "delta", "The value of x `delta` lanes below; the lane's own below lane 0.",
                 lambda lanes, by: lanes - by, lambda b, by: b.sub(b.lane(width), limited(b, by))),
        _shuffle(group, "shuffle_down", "delta", f"The value of x `delta` lanes above; the lane's own above lane {last}.",
                 lambda lanes, by: lanes + by, lambda b, by: b.add(b.lane(width), limited(b, by))),
        _shuffle(group, "shuffle_xor", "mask", "The value of x in the lane whose number differs in the bits of `mask`.",
                 lambda lanes, by: lanes ^ by, lambda b, by: b.xor(b.lane(width), by), ends=False),
        _shuffle(group, "broadcast", "lane", "The value of x in one lane, which is the same for all.",
                 lambda lanes, by: by, lambda b, by: by, ends=False),
        Intrinsic(
            name=f"{group.prefix}_broadcast_first", params={"x": ANY}, result=ANY, effect=Effect.SYNC,
            doc="The value of x in the first active lane.", msl=across_msl.moving(f"{group.prefix}_broadcast_first", ("x",)),
            cuda=LATER, llvm=lambda b, x: b.shuffle(x, b.first(width), width),
            ref=lambda np, env, x: across.gather(np, env, x, across.first(np, env, width), width),
            example=f"{group.prefix}_broadcast_first(x)", work=(Work.VOTE, Work.SHUFFLE)),
    )  # fmt: skip


def _rotations(group: Group) -> tuple[Intrinsic, ...]:
    width, last = group.width, group.width - 1

    def around(b: Any, place: Any) -> Any:
        return b.and_(place, b.const(last, place))

    return (
        _shuffle(group, "shuffle_rotate_up", "delta",
                 f"The value of x `delta` lanes below, lane {last} coming below lane 0; `delta` is the same for all lanes.",
                 lambda lanes, by: (lanes - by) % width, lambda b, by: around(b, b.sub(b.lane(width), by)), together=group.level),
        _shuffle(group, "shuffle_rotate_down", "delta",
                 f"The value of x `delta` lanes above, lane 0 coming above lane {last}; `delta` is the same for all lanes.",
                 lambda lanes, by: (lanes + by) % width, lambda b, by: around(b, b.add(b.lane(width), by)), together=group.level),
    )  # fmt: skip


def _fills(group: Group) -> tuple[Intrinsic, ...]:
    width = group.width
    powers = [1 << k for k in range(1, width.bit_length())]
    listed = " or ".join(filter(None, (", ".join(map(str, powers[:-1])), str(powers[-1]))))

    def check(bound: Mapping[Var, Numeric], attrs: Mapping[str, Any]) -> str | None:
        modulo = attrs.get("modulo", width)
        return None if modulo in powers else f"modulo must be {listed}, but it is {modulo}"

    def lower(b: Any, x: Any, other: Any, by: Any, modulo: int, *, up: bool) -> Any:
        by = b.least(by, b.const(modulo, by))
        lane, size = b.lane(width), b.const(modulo, by)
        place, step = b.and_(lane, b.const(modulo - 1, lane)), b.sub if up else b.add
        inside = b.cmp("ge", place, by) if up else b.cmp("lt", step(place, by), size)
        wrapped = b.add(b.sub(lane, by), size) if up else b.sub(b.add(lane, by), size)
        return b.select(inside, b.shuffle(x, step(lane, by), width), b.shuffle(other, wrapped, width))

    def fill(way: str, doc: str, *, up: bool) -> Intrinsic:
        name = f"{group.prefix}_shuffle_and_fill_{way}"
        return Intrinsic(
            name=name, params={"x": ANY, "fill": ANY, "delta": u32, "modulo": Static(2, width, width)}, result=ANY, doc=doc,
            effect=Effect.SYNC, together=group.level, check=check, cuda=LATER,
            msl=across_msl.moving(name, ("x", "fill"), ", ushort({delta}){modulo:, {}}"),
            llvm=lambda b, x, other, by, *, modulo: lower(b, x, other, by, modulo, up=up),
            ref=lambda np, env, x, other, by, *, modulo: across.fill(
                np, env, x, other, np.minimum(by.astype(np.int64), modulo) * (-1 if up else 1), width, modulo),
            example=f"{name}(x, fill, 1)", work=(Work.SHUFFLE, Work.SHUFFLE, Work.COMPARE),
        )  # fmt: skip

    return (
        fill("up", "The value of x `delta` lanes below; before each `modulo` lanes, the last values of `fill`.", up=True),
        fill("down", "The value of x `delta` lanes above; after each `modulo` lanes, the first values of `fill`.", up=False),
    )  # fmt: skip


def _votes(group: Group) -> tuple[Intrinsic, ...]:
    prefix, width, called = group.prefix, group.width, group.called

    def mask(function: str, arguments: str) -> Template:
        return Template(f"uint(({prefix}_vote::vote_t){prefix}_{function}({arguments}))")

    return (
        Intrinsic(
            name=f"{prefix}_ballot", params={"p": BIT}, result=u32, effect=Effect.SYNC, msl=mask("ballot", "{p}"), cuda=LATER,
            doc=f"In which active lanes p is true: bit k stands for lane k of the {called}.",
            llvm=lambda b, p: b.ballot(p, width), ref=lambda np, env, p: across.ballot(np, env, p, width),
            example=f"{prefix}_ballot(p)", work=(Work.VOTE,)),
        Intrinsic(
            name=f"{prefix}_active_threads_mask", params={}, result=u32, effect=Effect.SYNC, cuda=LATER,
            msl=mask("active_threads_mask", ""), doc=f"Which lanes are active: bit k stands for lane k of the {called}.",
            llvm=lambda b: b.ballot(b.constant(True, b1), width),
            ref=lambda np, env: across.ballot(np, env, np.full_like(env.active, True), width),
            example=f"{prefix}_active_threads_mask()", work=(Work.VOTE,)),
        Intrinsic(
            name=f"{prefix}_all", params={"p": BIT}, result=BIT, effect=Effect.SYNC, msl=Call(f"{prefix}_all"), cuda=LATER,
            doc="Whether p is true in all active lanes.", llvm=lambda b, p: b.reduce("and", p, width),
            ref=lambda np, env, p: across.ballot(np, env, ~p, width) == 0, example=f"{prefix}_all(p)", folds=FOLDS["and"],
            work=(Work.VOTE,)),
        Intrinsic(
            name=f"{prefix}_any", params={"p": BIT}, result=BIT, effect=Effect.SYNC, msl=Call(f"{prefix}_any"), cuda=LATER,
            doc="Whether p is true in any active lane.", llvm=lambda b, p: b.reduce("or", p, width),
            ref=lambda np, env, p: across.ballot(np, env, p, width) != 0, example=f"{prefix}_any(p)", folds=FOLDS["or"],
            work=(Work.VOTE,)),
        Intrinsic(
            name=f"{prefix}_is_first", params={}, result=BIT, effect=Effect.SYNC, msl=Call(f"{prefix}_is_first"), cuda=LATER,
            doc=f"Whether this is the first active lane of the {called}: true in exactly one of them.",
            llvm=lambda b: b.cmp("eq", b.lane(width), b.first(width)),
            ref=lambda np, env: env.active & (env.lanes % width == across.first(np, env, width)),
            example=f"{prefix}_is_first()", work=(Work.VOTE,)),
    )  # fmt: skip
