"""Where a thread is: positions and sizes in the grid, the threadgroup and the simdgroup (Metal specification, 5.2.3.6).

Each is an unsigned int. `ref` and `llvm` read the launch geometry `g`: `g.group(axis)` is the threadgroup's position,
`g.local(axis)` the thread's position in its threadgroup, `g.size(axis)` the threadgroup's own size (smaller for the last one
of an axis when the grid is no multiple), `g.full_size(axis)` the size that was asked for, `g.grid(axis)` the grid in threads,
`g.groups(axis)` in threadgroups, `g.linear()` the thread's number in its threadgroup, `g.total()` how many it has,
`g.lane()` and `g.simdgroup()` the thread's place in its simdgroup and the simdgroup's number; `g.add(x, y)`, `g.mul(x, y)`,
`g.div(x, n)` and `g.mod(x, n)` compute, by a Python int n.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enigma.dtypes import u32
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Builtin
from enigma.spec.terms import Axis, Choice, Effect, Level, Role


def _vector(
    name: str, level: Level, doc: str, meaning: Callable[[Any, Axis], Any], *, public: str | None = None, **more: Any
) -> Intrinsic:
    return Intrinsic(
        name=name, params={"dim": Choice(Axis, Axis.X)}, result=u32, doc=f"{doc}, along one axis.", effect=Effect.PURE,
        level=level, msl=Builtin(name, vector=True), cuda=LATER, llvm=lambda g, dim: meaning(g, dim),
        ref=lambda np, g, dim: meaning(g, dim), public=public, example=f'{public or name}("y")', **more,
    )  # fmt: skip


def _flat(name: str, level: Level, doc: str, meaning: Callable[[Any], Any], role: Role | None = None) -> Intrinsic:
    return Intrinsic(
        name=name, params={}, result=u32, doc=doc, effect=Effect.PURE, level=level, msl=Builtin(name, vector=False), cuda=LATER,
        llvm=meaning, ref=lambda np, g: meaning(g), role=role, example=f"{name}()",
    )  # fmt: skip


ROWS: tuple[Intrinsic, ...] = (
    _vector("thread_position_in_grid", Level.THREAD, "This thread's position in the grid",
            lambda g, axis: g.add(g.mul(g.group(axis), g.full_size(axis)), g.local(axis)), public="thread_position_in_grid_xyz"),
    _vector("thread_position_in_threadgroup", Level.THREAD, "This thread's position in its threadgroup", lambda g, axis: g.local(axis), arch="thread_idx"),
    _vector("threadgroup_position_in_grid", Level.THREADGROUP, "This threadgroup's position in the grid of threadgroups",
            lambda g, axis: g.group(axis), arch="block_idx"),
    _vector("threads_per_threadgroup", Level.THREADGROUP, "Threads in this threadgroup; the last of an axis may have fewer",
            lambda g, axis: g.size(axis), arch="block_dim", role=Role.THREADGROUP_SIZE),
    _vector("threads_per_grid", Level.GRID, "Threads in the grid", lambda g, axis: g.grid(axis)),
    _vector("threadgroups_per_grid", Level.GRID, "Threadgroups in the grid", lambda g, axis: g.groups(axis), aliases=("grid_size",)),
    _flat("thread_index_in_threadgroup", Level.THREAD, "This thread's number in its threadgroup, x fastest.", lambda g: g.linear(),
          Role.THREAD_INDEX),
    _flat("thread_index_in_simdgroup", Level.THREAD, "This thread's lane, 0 to 31.", lambda g: g.lane()),
    _flat("simdgroup_index_in_threadgroup", Level.SIMDGROUP, "The number of this thread's simdgroup.", lambda g: g.simdgroup(),
          Role.SIMDGROUP_INDEX),
    _flat("threads_per_simdgroup", Level.GRID, "Lanes of a simdgroup: 32 on every Apple GPU.", lambda g: g.constant(32)),
    _flat("simdgroups_per_threadgroup", Level.THREADGROUP, "Simdgroups in this threadgroup, a partial one counted.",
          lambda g: g.simdgroups(), Role.SIMDGROUP_COUNT),
    _flat("thread_index_in_quadgroup", Level.THREAD, "This thread's lane of its quadgroup, 0 to 3.", lambda g: g.mod(g.lane(), 4)),
    _flat("quadgroup_index_in_threadgroup", Level.THREAD, "The number of this thread's quadgroup.", lambda g: g.div(g.linear(), 4)),
    _flat("quadgroups_per_threadgroup", Level.THREADGROUP, "Quadgroups in this threadgroup, a partial one counted.",
          lambda g: g.div(g.add(g.total(), g.constant(3)), 4)),
)  # fmt: skip
