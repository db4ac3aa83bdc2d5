"""Buffers: reading and writing elements, and threadgroup memory."""

from __future__ import annotations

from enigma.dtypes import DTYPES, Space
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Precedence, Structural, Template
from enigma.spec.terms import ANY_LANES, INDEX, Algebra, Buffer, DTypeArg, Effect, Static, T, Var

WRITABLE = (Space.DEVICE, Space.THREADGROUP)
ELEMENT = Var("T", DTYPES, lanes=ANY_LANES)

ROWS: tuple[Intrinsic, ...] = (
    Intrinsic(
        name="load", params={"buf": Buffer(T), "i": INDEX}, result=T, effect=Effect.READ, public="", algebra=Algebra.LOAD,
        doc="Element i of a buffer.", msl=Template("{buf}[{i}]", tight=("buf",)), cuda=LATER,
        llvm=lambda b, buf, i: b.load_element(buf, i), ref=lambda np, env, buf, i: env.load(buf, i)),
    Intrinsic(
        name="store", params={"buf": Buffer(T, WRITABLE, written=True), "i": INDEX, "x": T}, result=None, effect=Effect.WRITE,
        public="", algebra=Algebra.STORE, doc="Set element i of a buffer to x.",
        msl=Template("{buf}[{i}] = {x}", Precedence.ANY, ("buf",)), cuda=LATER,
        llvm=lambda b, buf, i, x: b.store_element(buf, i, x), ref=lambda np, env, buf, i, x: env.store(buf, i, x)),
    Intrinsic(
        name="threadgroup_alloc", params={"dtype": DTypeArg(ELEMENT), "size": Static(1, 1 << 30)},
        result=Buffer(ELEMENT, (Space.THREADGROUP,)), effect=Effect.WRITE, public="", algebra=Algebra.ALLOC,
        doc="Memory shared by the threads of a threadgroup: `size` elements, uninitialised.",
        msl=Structural(), cuda=LATER, llvm=lambda b, dtype, size: b.allocate(dtype, size),
        ref=lambda np, env, dtype, size: env.allocate(dtype, size)),
)  # fmt: skip
