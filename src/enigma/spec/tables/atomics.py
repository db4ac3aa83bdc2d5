"""Atomic operations on int, uint and float elements (Metal specification, 6.15).

Only `memory_order_relaxed` is legal in Metal before 4.1; float has add, load, store and exchange, on device memory only.
`ref(np, env, buf, i, ...)` uses `env.atomic(buf, i, x, combine)`: lanes take their turn one after another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enigma.dtypes import Space, b1, f32, i32, u32
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Precedence, Template
from enigma.spec.terms import INDEX, Buffer, Choice, Effect, MemoryOrder, Term, Var

SPACES = (Space.DEVICE, Space.THREADGROUP)
WORD = Var("A", (i32, u32))
NUMBER = Var("A", (i32, u32, f32))
ORDER = Choice(MemoryOrder, MemoryOrder.RELAXED)


def _atomic(
    name: str, doc: str, function: str, var: Var, llvm: Callable[..., Any], ref: Callable[..., Any], *, values: tuple[str, ...] = ("x",),
    result: Term | None, example: str,
) -> Intrinsic:  # fmt: skip
    extra = "".join(f", {{{value}}}" for value in values)
    return Intrinsic(
        name=name,
        params={"buf": Buffer(var, SPACES, written=True), "i": INDEX, **dict.fromkeys(values, var), "order": ORDER},
        result=result, doc=doc, effect=Effect.SYNC, cuda=LATER, llvm=llvm, ref=ref, msl_version=(3, 0), example=example,
        msl=Template(f"{function}(&{{buf}}[{{i}}]{extra}, {{order}})", Precedence.POSTFIX, ("buf",)),
    )  # fmt: skip


def _fetch(kind: str, what: str, var: Var, combine: Callable[[Any, Any, Any], Any]) -> Intrinsic:
    return _atomic(
        f"atomic_fetch_{kind}", f"{what} in one step; returns what was there before.", f"atomic_fetch_{kind}_explicit", var,
        lambda b, buf, i, x, order: b.atomic(kind, buf, i, x),
        lambda np, env, buf, i, x, order: env.atomic(buf, i, x, lambda old, new: combine(np, old, new)),
        result=var, example=f"atomic_fetch_{kind}(buf, i, 1)",
    )  # fmt: skip


ROWS: tuple[Intrinsic, ...] = (
    _atomic("atomic_load", "Element i, read in one step.", "atomic_load_explicit", NUMBER,
            lambda b, buf, i, order: b.atomic("load", buf, i), lambda np, env, buf, i, order: env.load(buf, i),
            values=(), result=NUMBER, example="atomic_load(buf, i)"),
    _atomic("atomic_store", "Set element i in one step.", "atomic_store_explicit", NUMBER,
            lambda b, buf, i, x, order: b.atomic("store", buf, i, x), lambda np, env, buf, i, x, order: env.atomic(buf, i, x, lambda old, new: new),
            result=None, example="atomic_store(buf, i, 1)"),
    _atomic("atomic_exchange", "Set element i in one step; returns what was there before.", "atomic_exchange_explicit", NUMBER,
            lambda b, buf, i, x, order: b.atomic("xchg", buf, i, x),
            lambda np, env, buf, i, x, order: env.atomic(buf, i, x, lambda old, new: new), result=NUMBER, example="atomic_exchange(buf, i, 1)"),
    _fetch("add", "Add x to element i", NUMBER, lambda np, old, x: old + x),
    _fetch("sub", "Subtract x from element i", NUMBER, lambda np, old, x: old - x),
    _fetch("min", "Lower element i to x", WORD, lambda np, old, x: np.minimum(old, x)),
    _fetch("max", "Raise element i to x", WORD, lambda np, old, x: np.maximum(old, x)),
    _fetch("and", "Keep the bits of element i that x has", WORD, lambda np, old, x: old & x),
    _fetch("or", "Set the bits of element i that x has", WORD, lambda np, old, x: old | x),
    _fetch("xor", "Turn over the bits of element i that x has", WORD, lambda np, old, x: old ^ x),
    Intrinsic(
        name="atomic_compare_exchange_weak",
        params={"buf": Buffer(WORD, SPACES, written=True), "i": INDEX, "expected": WORD, "desired": WORD,
                "success_order": ORDER, "failure_order": ORDER},
        result=b1, effect=Effect.SYNC, cuda=LATER, msl_version=(3, 0),
        doc="Set element i to `desired` if it is `expected`; returns whether it was. May fail without cause: loop.",
        msl=Template("compare_exchange(&{buf}[{i}], {expected}, {desired})", tight=("buf",)),
        prelude={f"msl:{space}:{d.name}": f"""inline bool compare_exchange({space} atomic_{d.metal_name}* place, {d.metal_name} expected, {d.metal_name} desired) {{{{
    return atomic_compare_exchange_weak_explicit(place, &expected, desired, memory_order_relaxed, memory_order_relaxed);
}}}}
""" for space in ("device", "threadgroup") for d in (i32, u32)},
        llvm=lambda b, buf, i, expected, desired, success_order, failure_order: b.compare_exchange(buf, i, expected, desired),
        ref=lambda np, env, buf, i, expected, desired, success_order, failure_order: env.compare_exchange(buf, i, expected, desired),
        example="atomic_compare_exchange_weak(buf, i, 0, 1)"),
)  # fmt: skip
