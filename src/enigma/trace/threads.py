"""The threads of a threadgroup as functions of the language use them: a thread's number, how many there are, and waiting."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from enigma.dtypes import u32, u64
from enigma.source import SourceLoc
from enigma.spec.registry import by_role
from enigma.spec.terms import Axis, MemFlags, Role
from enigma.trace.node import For
from enigma.trace.scoped import for_range
from enigma.trace.tracer import Tracer
from enigma.trace.value import TracedValue


def thread_index(tracer: Tracer, loc: SourceLoc) -> Any:
    """Return the thread's number in its threadgroup."""
    return tracer.apply(by_role()[Role.THREAD_INDEX], {}, loc)


def thread_count(tracer: Tracer, loc: SourceLoc) -> Any:
    """Return how many threads this threadgroup has."""
    row = by_role()[Role.THREADGROUP_SIZE]
    (name,) = row.attributes
    x, y, z = (tracer.apply(row, {name: axis}, loc) for axis in Axis)
    return tracer.operator("*", (tracer.operator("*", (x, y), loc), z), loc)


def at_least_none(tracer: Tracer, count: Any, loc: SourceLoc) -> Any:
    """Return a count of things as an unsigned number: none of them where a signed one is negative, as a loop has it."""
    if not isinstance(count, TracedValue) or not count.dtype.is_signed:
        return count
    unsigned = u64 if count.dtype.width > u32.width else u32
    return tracer.convert(tracer.operator("max()", (count, 0), loc), unsigned, loc)


@contextmanager
def shared_out(tracer: Tracer, count: Any, function: str, loc: SourceLoc) -> Generator[Any]:
    """A loop over the numbers below `count` that the threads of the threadgroup share out, neighbours side by side."""
    count = at_least_none(tracer, count, loc)
    with for_range(thread_index(tracer, loc), count, thread_count(tracer, loc)) as number:
        yield number
    node = tracer.blocks[-1].nodes[-1]
    if isinstance(node, For):
        node.shared = function


@contextmanager
def simdgroups_share(tracer: Tracer, count: int, loc: SourceLoc) -> Generator[Any]:
    """A loop over the numbers below `count` that the simdgroups of the threadgroup share out."""
    first, step = (tracer.apply(by_role()[role], {}, loc) for role in (Role.SIMDGROUP_INDEX, Role.SIMDGROUP_COUNT))
    with for_range(first, count, step) as number:
        yield number
    node = tracer.blocks[-1].nodes[-1]
    if isinstance(node, For):
        node.shared = "gemm"


def is_first_simdgroup(tracer: Tracer, loc: SourceLoc) -> Any:
    """Return whether the thread is one of the first 32 of its threadgroup."""
    return tracer.operator("==", (tracer.apply(by_role()[Role.SIMDGROUP_INDEX], {}, loc), 0), loc)


def barrier(tracer: Tracer, loc: SourceLoc, flags: MemFlags) -> None:
    """Wait until every thread of the threadgroup is here and sees the memory that the flags name."""
    row = by_role()[Role.BARRIER]
    (name,) = row.attributes
    tracer.apply(row, {name: flags}, loc)
