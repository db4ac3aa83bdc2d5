"""Barriers (Metal specification, 6.9.1)."""

from __future__ import annotations

from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Template
from enigma.spec.terms import Choice, Effect, Level, MemFlags, Role

FLAGS = Choice(MemFlags, MemFlags.THREADGROUP)

ROWS: tuple[Intrinsic, ...] = (
    Intrinsic(
        name="threadgroup_barrier", params={"mem_flags": FLAGS}, result=None, effect=Effect.SYNC, public="barrier",
        role=Role.BARRIER, together=Level.THREADGROUP,
        doc="Wait until every thread of the threadgroup is here; memory named by the flags is then the same for all.",
        msl=Template("threadgroup_barrier({mem_flags})"), cuda=LATER, llvm=lambda b, mem_flags: b.threadgroup_barrier(),
        ref=lambda np, env, mem_flags: env.threadgroup_barrier(), example='barrier("mem_threadgroup")'),
    Intrinsic(
        name="simdgroup_barrier", params={"mem_flags": FLAGS}, result=None, effect=Effect.SYNC, public="simd_barrier",
        together=Level.SIMDGROUP,
        doc="Wait until every thread of the simdgroup is here; memory named by the flags is then the same for all.",
        msl=Template("simdgroup_barrier({mem_flags})"), cuda=LATER, llvm=lambda b, mem_flags: b.simdgroup_barrier(),
        ref=lambda np, env, mem_flags: env.simdgroup_barrier(), example='simd_barrier("mem_threadgroup")'),
)  # fmt: skip
