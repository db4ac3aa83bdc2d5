"""Small native kernels, as IR text, for the tests of the pool."""

from __future__ import annotations

import ctypes
from functools import cache

from enigma.runtime.native import jit

_LOOP = """
define void @{name}(ptr %args, i64 %low, i64 %high) {{
entry:
  br label %each
each:
  %i = phi i64 [ %low, %entry ], [ %more, %next ]
{body}
  br label %next
next:
  %more = add i64 %i, 1
  %go = icmp slt i64 %more, %high
  br i1 %go, label %each, label %done
done:
  ret void
}}
"""

# a[i] += i + 1, so that an index that is skipped, doubled or shifted shows
_COUNT = """
  %at = getelementptr i64, ptr %args, i64 %i
  %old = load i64, ptr %at
  %i1 = add i64 %i, 1
  %new = add i64 %old, %i1
  store i64 %new, ptr %at"""

# a[i] = length of the piece that i is in
_PIECE = """
  %at = getelementptr i64, ptr %args, i64 %i
  %size = sub i64 %high, %low
  store i64 %size, ptr %at"""

# x[i] *= 0.5
_HALVE = """
  %at = getelementptr float, ptr %args, i64 %i
  %old = load float, ptr %at
  %new = fmul float %old, 5.0e-01
  store float %new, ptr %at"""

# one arrival at args[0], then wait until args[1] have arrived: ends only with that many threads at once
_MEET = """
  %wanted.at = getelementptr i64, ptr %args, i64 1
  atomicrmw add ptr %args, i64 1 seq_cst
  br label %wait
wait:
  call i32 @sched_yield()
  %here = load atomic i64, ptr %args seq_cst, align 8
  %wanted = load atomic i64, ptr %wanted.at seq_cst, align 8
  %all = icmp sge i64 %here, %wanted
  br i1 %all, label %met, label %wait
met:"""


@cache
def _loaded() -> jit.Loaded:
    bodies = {"count": _COUNT, "piece": _PIECE, "halve": _HALVE}
    text = "".join(_LOOP.format(name=name, body=body) for name, body in bodies.items())
    text += "declare i32 @sched_yield()\n" + _LOOP.format(name="meet", body=_MEET)
    return jit.load([jit.compile_object(text)], [*bodies, "meet"])


def address(name: str) -> int:
    """Return the address of `count`, `piece`, `halve` or `meet`."""
    return _loaded().address(name)


def meeting(threads: int) -> ctypes.Array[ctypes.c_int64]:
    """Return the arguments of `meet` for that many threads; run it over `threads` indices in chunks of 1."""
    return (ctypes.c_int64 * 2)(0, threads)
