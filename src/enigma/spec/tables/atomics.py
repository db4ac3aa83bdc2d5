"""Atomic operations and fences (Metal specification, 6.15).

Metal before 4.1 knows one order for them, relaxed; a fence (3.2) gives the others, so the emitter writes fences around an
operation with another order. An `atomic_float` exists in device memory only, has no minimum and compares as floats do: what
it lacks loops on the bits instead, as an `atomic_uint`. 64 bits have `atomic_min` and `atomic_max` alone.

`ref(np, env, buf, i, ...)` uses `env.atomic(buf, i, x, combine)`: lanes take their turn one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from enigma.dtypes import DTYPES, Numeric, Space, b1, f32, i32, u32, u64
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Precedence, Spelling, Template
from enigma.spec.terms import (
    INDEX,
    Algebra,
    Buffer,
    Choice,
    Effect,
    FenceOrder,
    MemFlags,
    MemoryOrder,
    Term,
    ThreadScope,
    Var,
)

SPACES = (Space.DEVICE, Space.THREADGROUP)
WORD = Var("A", (i32, u32))
NUMBER = Var("A", (i32, u32, f32))
ELEMENT = Var("A", (i32, u32, f32, b1))
LONG = Var("A", (u64,))
ORDER = Choice(MemoryOrder, MemoryOrder.RELAXED)

BITS = "({space} atomic_uint*)&{{buf}}[{{i}}]"
"""The address of a float in memory that is declared plainly, as one of bits."""

BYTES = 'static_assert(sizeof(atomic_bool) == sizeof(bool), "an array of bool has a byte for each");\n'
"""Metal's specification does not say how large an `atomic_bool` is: the compiler decides whether a buffer can hold them."""

CAS = "atomic_compare_exchange_weak_explicit"
RELAXED = "memory_order_relaxed"


# ---- which orders are legal


def _orders(what: str, **illegal: str) -> Callable[[Mapping[Var, Numeric], Mapping[str, Any]], str | None]:
    """Return the rule of an operation whose order cannot be one of `illegal`: each with the reason."""

    def check(bound: Mapping[Var, Numeric], attrs: Mapping[str, Any]) -> str | None:
        order = attrs.get("order", MemoryOrder.RELAXED).value
        if order not in illegal:
            return None
        legal = " or ".join(repr(member.value) for member in MemoryOrder if member.value not in illegal)
        return f"{what} cannot have the order {order!r}: {illegal[order]}. It is {legal}"

    return check


def _exchange_orders(bound: Mapping[Var, Numeric], attrs: Mapping[str, Any]) -> str | None:
    success = attrs.get("success_order", MemoryOrder.RELAXED)
    failure = attrs.get("failure_order", MemoryOrder.RELAXED)
    if failure in (MemoryOrder.RELEASE, MemoryOrder.ACQ_REL):
        return (
            f"failure_order cannot be {failure.value!r}: a failed exchange writes nothing. It is 'relaxed' or 'acquire'"
        )
    if failure is MemoryOrder.ACQUIRE and success not in (MemoryOrder.ACQUIRE, MemoryOrder.ACQ_REL):
        return (
            f"failure_order 'acquire' is stronger than success_order {success.value!r}: "
            "success_order must then be 'acquire' or 'acq_rel'"
        )
    return None


LOADS = _orders(
    "a load", release="it writes nothing that others could see", acq_rel="it writes nothing that others could see"
)
STORES = _orders("a store", acquire="it reads nothing of others", acq_rel="it reads nothing of others")


# ---- Metal's text


def _spelled(var: Var, function: str, values: str = "", bits: str = "", loop: str = "") -> Mapping[Any, Spelling]:
    """Return the spelling for each dtype and space.

    `bits` is that of a float in threadgroup memory; with `loop`, the function is a helper of ours for floats in both.
    """
    native = Template(f"{function}(&{{buf}}[{{i}}]{values}, {{order}})", Precedence.POSTFIX, ("buf",), ("buf",))
    spelled: dict[tuple[Numeric, Space], Spelling] = {(d, s): native for d in var.dtypes for s in SPACES}
    if f32 in var.dtypes:
        text = bits or f"{loop}(&{{buf}}[{{i}}]{values})"
        spelled[f32, Space.THREADGROUP] = Template(text, tight=("buf",))
    return spelled


def _loop(name: str, space: Space, combined: str) -> str:
    """Return a helper that changes a float by a compare-exchange loop on its bits."""
    place = "device atomic_float*" if space is Space.DEVICE else "threadgroup float*"
    return f"""inline float {name}({place} place, float x) {{{{
    {space.value} atomic_uint* bits = ({space.value} atomic_uint*)place;
    uint old = atomic_load_explicit(bits, {RELAXED});
    while (true) {{{{
        float found = as_type<float>(old);
        uint wanted = as_type<uint>({combined});
        if ({CAS}(bits, &old, wanted, {RELAXED}, {RELAXED})) return found;
    }}}}
}}}}
"""


def _exchange_helper(space: Space, dtype: Numeric, *, weak: bool) -> str:
    """Return the helper for one space and dtype: the expected value is passed by value, and floats are compared as bits."""
    floats, name = dtype is f32, dtype.metal_name
    pointer = f"{space.value} float*" if floats and space is Space.THREADGROUP else f"{space.value} atomic_{name}*"
    place, wanted, desired, result = ("bits", "wanted", "as_type<uint>(desired)", "as_type<float>(found)") if floats else (
        "place", "expected", "desired", "found")  # fmt: skip
    attempt = f"{CAS}({place}, &found, {desired}, {RELAXED}, {RELAXED});"
    lines = [f"inline {'bool' if weak else name} compare_exchange{'_weak' if weak else ''}"
             f"({pointer} place, {name} expected, {name} desired) {{{{"]  # fmt: skip
    if floats:
        lines.append(f"    {space.value} atomic_uint* bits = ({space.value} atomic_uint*)place;")
    if floats and not weak:
        lines.append("    uint wanted = as_type<uint>(expected);")
    start = "as_type<uint>(expected)" if floats and weak else wanted
    lines.append(f"    {'uint' if floats else name} found = {start};")
    if weak:
        lines.append(f"    return {attempt}")
    else:
        lines += [
            "    bool done = false;",
            f"    while (!done && found == {wanted}) {{{{",
            f"        done = {attempt}",
            "    }}",
        ]
        lines.append(f"    return {result};")
    return (BYTES if dtype is b1 else "") + "\n".join([*lines, "}}", ""])


def _helpers(
    make: Callable[[Space, Numeric], str], *dtypes: Numeric, spaces: tuple[Space, ...] = SPACES
) -> dict[str, str]:
    return {f"msl:{space.value}:{dtype.name}": make(space, dtype) for space in spaces for dtype in dtypes}


BOOLS = _helpers(lambda space, dtype: BYTES, b1)


# ---- rows

LONGER = "use 32-bit elements; for u64 Metal has enigma.atomic_min and enigma.atomic_max alone"
INSTEAD: dict[Numeric, str] = {
    **{
        dtype: f"Metal's atomics are 32 bits wide: use {'f32' if dtype.is_float else 'i32 or u32'}"
        for dtype in DTYPES
        if dtype.width < 32
    },
    **{dtype: LONGER for dtype in DTYPES if dtype.width == 64},
}
"""For each dtype that Metal has no atomics of, what to write instead."""

UNORDERED = {
    b1: "use u32 elements, 0 for false and 1 for true",
    f32: "floats have no such operation: use their bits, in a u32 buffer",
}
"""The same for the dtypes that only some of the operations take."""


def _atomic(
    name: str, doc: str, var: Var, spelled: Mapping[Any, Spelling], llvm: Callable[..., Any], ref: Callable[..., Any], *,
    values: tuple[str, ...] = ("x",), result: Term | None, example: str, written: bool = True,
    prelude: Mapping[str, str] | None = None, check: Callable[..., str | None] | None = None,
) -> Intrinsic:  # fmt: skip
    return Intrinsic(
        name=name,
        params={"buf": Buffer(var, SPACES, written=written), "i": INDEX, **dict.fromkeys(values, var), "order": ORDER},
        result=result, doc=doc, effect=Effect.SYNC, cuda=LATER, llvm=llvm, ref=ref, msl_version=(3, 0), example=example,
        msl=spelled, prelude=prelude or {}, check=check, instead=INSTEAD | UNORDERED,
    )  # fmt: skip


def _fetch(
    kind: str,
    what: str,
    var: Var,
    combine: Callable[[Any, Any, Any], Any],
    *,
    loop: str = "",
    both: bool = False,
    note: str = "",
) -> Intrinsic:
    """Return a row that changes an element and gives what it was. `loop` is what a helper for floats computes of found and x.

    With `both`, floats need the helper in device memory too.
    """
    spelled = dict(_spelled(var, f"atomic_fetch_{kind}_explicit", ", {x}", loop=f"fetch_{kind}"))
    if both:
        spelled[f32, Space.DEVICE] = Template(
            f"fetch_{kind}(&{{buf}}[{{i}}], {{x}})", Precedence.POSTFIX, ("buf",), ("buf",)
        )
    spaces = SPACES if both else (Space.THREADGROUP,)
    return _atomic(
        f"atomic_fetch_{kind}", f"{what} in one step; returns what was there before.{note}", var, spelled,
        lambda b, buf, i, x, order: b.atomic(kind, buf, i, x, order=order),
        lambda np, env, buf, i, x, order: env.atomic(buf, i, x, lambda old, new: combine(np, old, new)),
        result=var, example=f"atomic_fetch_{kind}(buf, i, 1)",
        prelude=_helpers(lambda space, _: _loop(f"fetch_{kind}", space, loop), f32, spaces=spaces) if loop else {},
    )  # fmt: skip


def _long(kind: str, what: str, combine: Callable[[Any, Any, Any], Any]) -> Intrinsic:
    return Intrinsic(
        name=f"atomic_{kind}", params={"buf": Buffer(LONG, (Space.DEVICE,), written=True), "i": INDEX, "x": LONG, "order": ORDER},
        result=None, effect=Effect.SYNC, cuda=LATER, msl_version=(2, 4), family=9, example=f"atomic_{kind}(buf, i, x)",
        doc=f"{what} in one step. It does not return what was there: Metal's 64-bit atomics cannot.",
        msl=Template(f"atomic_{kind}_explicit((device atomic_ulong*)&{{buf}}[{{i}}], {{x}}, {{order}})", tight=("buf",)),
        llvm=lambda b, buf, i, x, order: b.atomic(kind, buf, i, x, order=order),
        ref=lambda np, env, buf, i, x, order: env.atomic(buf, i, x, lambda old, new: combine(np, old, new)),
        instead=dict.fromkeys((i32, u32, f32), f"use enigma.atomic_fetch_{kind}, which returns what was there too"),
    )  # fmt: skip


def _same_bits(np: Any, x: Any, y: Any) -> Any:
    return x.view(np.uint32) == y.view(np.uint32) if x.dtype == np.float32 else x == y


def _exchanged(np: Any, env: Any, buf: Any, i: Any, expected: Any, desired: Any) -> Any:
    """Set the elements that are `expected` to `desired`; returns what each lane found."""
    return env.atomic(
        buf, i, expected, lambda old, wanted, new: np.where(_same_bits(np, old, wanted), new, old), desired
    )


def _exchange(name: str, doc: str, *, weak: bool, result: Term, example: str, **more: Any) -> Intrinsic:
    function = "compare_exchange_weak" if weak else "compare_exchange"
    text = f"{function}(&{{buf}}[{{i}}], {{expected}}, {{desired}})"
    native = Template(text, Precedence.POSTFIX, ("buf",), ("buf",))
    spelled: dict[tuple[Numeric, Space], Spelling] = {(d, s): native for d in ELEMENT.dtypes for s in SPACES}
    spelled[f32, Space.THREADGROUP] = Template(text, tight=("buf",))
    return Intrinsic(
        name=name,
        params={"buf": Buffer(ELEMENT, SPACES, written=True), "i": INDEX, "expected": ELEMENT, "desired": ELEMENT,
                "success_order": ORDER, "failure_order": ORDER},
        result=result, doc=doc, effect=Effect.SYNC, cuda=LATER, msl_version=(3, 0), msl=spelled, check=_exchange_orders,
        prelude=_helpers(lambda space, dtype: _exchange_helper(space, dtype, weak=weak), *ELEMENT.dtypes),
        instead=INSTEAD, example=example, **more,
    )  # fmt: skip


def _won(call: Callable[..., Any], found: Any, operands: Mapping[str, Any]) -> Any:
    """Return whether the exchange took place, and what was found."""
    expected = operands["expected"]
    if found.dtype is f32:  # compared as the exchange compares: NaN is NaN, and -0 is not 0
        return call("cmp_eq", x=call("as_type", x=found, dtype=u32), y=call("as_type", x=expected, dtype=u32)), found
    return call("cmp_eq", x=found, y=expected), found


ROWS: tuple[Intrinsic, ...] = (
    _atomic("atomic_load", "Element i, read in one step.", ELEMENT,
            _spelled(ELEMENT, "atomic_load_explicit", bits=f"as_type<float>(atomic_load_explicit({BITS.format(space='threadgroup')}, {{order}}))"),
            lambda b, buf, i, order: b.atomic("load", buf, i, order=order), lambda np, env, buf, i, order: env.load(buf, i),
            values=(), result=ELEMENT, example="atomic_load(buf, i)", written=False, prelude=BOOLS, check=LOADS),
    _atomic("atomic_store", "Set element i in one step.", ELEMENT,
            _spelled(ELEMENT, "atomic_store_explicit", ", {x}",
                     bits=f"atomic_store_explicit({BITS.format(space='threadgroup')}, as_type<uint>({{x}}), {{order}})"),
            lambda b, buf, i, x, order: b.atomic("store", buf, i, x, order=order),
            lambda np, env, buf, i, x, order: env.atomic(buf, i, x, lambda old, new: new),
            result=None, example="atomic_store(buf, i, 1)", prelude=BOOLS, check=STORES),
    _atomic("atomic_exchange", "Set element i in one step; returns what was there before.", ELEMENT,
            _spelled(ELEMENT, "atomic_exchange_explicit", ", {x}",
                     bits=f"as_type<float>(atomic_exchange_explicit({BITS.format(space='threadgroup')}, as_type<uint>({{x}}), {{order}}))"),
            lambda b, buf, i, x, order: b.atomic("xchg", buf, i, x, order=order),
            lambda np, env, buf, i, x, order: env.atomic(buf, i, x, lambda old, new: new),
            result=ELEMENT, example="atomic_exchange(buf, i, 1)", prelude=BOOLS),
    _fetch("add", "Add x to element i", NUMBER, lambda np, old, x: old + x, loop="found + x"),
    _fetch("sub", "Subtract x from element i", NUMBER, lambda np, old, x: old - x, loop="found - x"),
    _fetch("min", "Lower element i to x", NUMBER, lambda np, old, x: np.fmin(old, x), loop="fmin(found, x)", both=True,
           note=" Of a number and NaN, the number counts."),
    _fetch("max", "Raise element i to x", NUMBER, lambda np, old, x: np.fmax(old, x), loop="fmax(found, x)", both=True,
           note=" Of a number and NaN, the number counts."),
    _fetch("and", "Keep the bits of element i that x has", WORD, lambda np, old, x: old & x),
    _fetch("or", "Set the bits of element i that x has", WORD, lambda np, old, x: old | x),
    _fetch("xor", "Turn over the bits of element i that x has", WORD, lambda np, old, x: old ^ x),
    _long("min", "Lower element i to x", lambda np, old, x: np.minimum(old, x)),
    _long("max", "Raise element i to x", lambda np, old, x: np.maximum(old, x)),
    _exchange(
        "atomic_compare_exchange", "Set element i to `desired` if it is `expected`, bit for bit; returns whether it was, and what was found.", weak=False, result=ELEMENT,
        llvm=lambda b, buf, i, expected, desired, success_order, failure_order: b.compare_exchange(
            buf, i, expected, desired, success_order, failure_order),
        ref=lambda np, env, buf, i, expected, desired, success_order, failure_order: _exchanged(np, env, buf, i, expected, desired),
        outcome=_won, outcome_type="tuple[b1, {result}]", example="atomic_compare_exchange(buf, i, 0, 1)"),
    _exchange(
        "atomic_compare_exchange_weak", "Set element i to `desired` if it is `expected`, bit for bit; returns whether it was. May fail without cause: loop.", weak=True, result=b1,
        llvm=lambda b, buf, i, expected, desired, success_order, failure_order: b.same_bits(expected, b.compare_exchange(
            buf, i, expected, desired, success_order, failure_order)),
        ref=lambda np, env, buf, i, expected, desired, success_order, failure_order: _same_bits(
            np, expected, _exchanged(np, env, buf, i, expected, desired)),
        example="atomic_compare_exchange_weak(buf, i, 0, 1)"),
    Intrinsic(
        name="atomic_thread_fence", result=None, effect=Effect.SYNC, cuda=LATER, msl_version=(3, 2), algebra=Algebra.FENCE,
        params={"mem_flags": Choice(MemFlags, MemFlags.DEVICE), "order": Choice(FenceOrder, FenceOrder.SEQ_CST),
                "scope": Choice(ThreadScope, ThreadScope.DEVICE)},
        doc="Order this thread's accesses of memory before the fence and after it, as the threads in `scope` see them.",
        msl=Template("atomic_thread_fence({mem_flags}, {order}, {scope})"),
        llvm=lambda b, mem_flags, order, scope: b.fence(order, scope),
        ref=lambda np, env, mem_flags, order, scope: None, example='atomic_thread_fence("mem_device", "release")'),
)  # fmt: skip
