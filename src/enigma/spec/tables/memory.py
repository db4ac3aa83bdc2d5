"""Memory: reading and writing elements; threadgroup memory, a thread's own arrays, and constant tables."""

from __future__ import annotations

from enigma.dtypes import DTYPES, Space
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Precedence, Structural, Template
from enigma.spec.terms import ANY_LANES, INDEX, Algebra, Buffer, DTypeArg, Effect, Numbers, Static, T, Var

WRITABLE = (Space.DEVICE, Space.THREADGROUP, Space.THREAD)
ELEMENT = Var("T", DTYPES, lanes=ANY_LANES)
NUMBER = Var("T", DTYPES)

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
    Intrinsic(
        name="thread_alloc", params={"dtype": DTypeArg(ELEMENT), "size": Static(1, 1 << 16)},
        result=Buffer(ELEMENT, (Space.THREAD,)), effect=Effect.WRITE, public="", algebra=Algebra.LOCAL,
        doc="An array of each thread's own: `size` elements, uninitialised.",
        msl=Structural(), cuda=LATER, llvm=lambda b, dtype, size: b.allocate_for_threads(dtype, size),
        ref=lambda np, env, dtype, size: env.allocate_for_threads(dtype, size)),
    Intrinsic(
        name="constant_table", params={"dtype": DTypeArg(NUMBER), "values": Numbers(NUMBER)},
        result=Buffer(NUMBER, (Space.CONSTANT,)), effect=Effect.READ, public="", algebra=Algebra.TABLE,
        doc="Constant memory that holds these numbers.",
        msl=Structural(), cuda=LATER, llvm=lambda b, dtype, values: b.table(dtype, values),
        ref=lambda np, env, dtype, values: env.table(dtype, values)),
)  # fmt: skip
