"""Copies between device and threadgroup memory that are begun in one place and waited for in another.

Apple's own instructions for them are undocumented, and current compilers refuse them. So a copy is one that all threads of the
threadgroup share out, and waiting is a barrier: the same result, on every target. `enigma.compile(kernel, async_copy="raw")`
writes Apple's instructions into the Metal text instead, issued by the first simdgroup of each threadgroup.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from enigma.dtypes import Space, i64
from enigma.errors import EnigmaTypeError
from enigma.source import SourceLoc, caller
from enigma.spec.registry import by_role
from enigma.spec.terms import Buffer, MemFlags, Role
from enigma.trace.control import captured, either
from enigma.trace.copying import Step, check_inside, check_whole, share, widest
from enigma.trace.given import describe, literal
from enigma.trace.node import Block
from enigma.trace.public import public
from enigma.trace.scoped import if_
from enigma.trace.tensor import Tensor, View, shifted
from enigma.trace.threads import barrier, is_first_simdgroup, shared_out
from enigma.trace.tracer import Tracer
from enigma.trace.value import TracedValue, active


@public
def async_copy_1d_d2t(dst: Any, dst_off: Any, src: Any, src_off: Any, count: Any) -> TracedValue:
    """Begin to copy `count` elements from device to threadgroup memory, and return the event to wait for (an i64).

    All threads of the threadgroup must get here: they share the elements out. `dst` and `src` are buffers of one dtype, or names
    of parameters; offsets count elements. Before the tile is filled anew, its readers need a barrier of yours.

        event = enigma.async_copy_1d_d2t(tile, 0, A, group * 256, 256)
        enigma.async_copy_wait(event)

    Raises located errors for other memory, and for elements that are known to be outside.
    """
    return _one("async_copy_1d_d2t", dst, dst_off, src, src_off, count, caller(), to_device=False)


@public
def async_copy_1d_t2d(dst: Any, dst_off: Any, src: Any, src_off: Any, count: Any) -> TracedValue:
    """Begin to copy `count` elements from threadgroup to device memory, and return the event to wait for (an i64).

    As `async_copy_1d_d2t`; what other threads wrote to `src` needs a barrier of yours before.

        event = enigma.async_copy_1d_t2d(Out, group * 256, tile, 0, 256)
    """
    return _one("async_copy_1d_t2d", dst, dst_off, src, src_off, count, caller(), to_device=True)


@public
def async_copy_2d_d2t(
    dst: Any, dst_off: Any, dst_epr: Any, src: Any, src_off: Any, src_epr: Any, tile_cols: Any, tile_rows: Any
) -> TracedValue:
    """Begin to copy a tile from device to threadgroup memory, and return the event to wait for (an i64).

    `dst_epr` and `src_epr` are the elements from one row to the next. Exactly `tile_rows` rows of `tile_cols` elements are
    copied: at the edge of an array, pass what is left of it. Otherwise as `async_copy_1d_d2t`.

        event = enigma.async_copy_2d_d2t(tile, 0, 32, A, row * n + column, n, 32, 8)
    """
    return _tile(
        "async_copy_2d_d2t",
        dst,
        dst_off,
        dst_epr,
        src,
        src_off,
        src_epr,
        tile_cols,
        tile_rows,
        caller(),
        to_device=False,
    )


@public
def async_copy_2d_t2d(
    dst: Any, dst_off: Any, dst_epr: Any, src: Any, src_off: Any, src_epr: Any, tile_cols: Any, tile_rows: Any
) -> TracedValue:
    """Begin to copy a tile from threadgroup to device memory, and return the event to wait for (an i64).

    As `async_copy_2d_d2t`; what other threads wrote to `src` needs a barrier of yours before.

        event = enigma.async_copy_2d_t2d(Out, row * n + column, n, tile, 0, 32, 32, 8)
    """
    return _tile(
        "async_copy_2d_t2d",
        dst,
        dst_off,
        dst_epr,
        src,
        src_off,
        src_epr,
        tile_cols,
        tile_rows,
        caller(),
        to_device=True,
    )


@public
def async_copy_wait(*events: Any) -> None:
    """Wait until the copies of these events are done, and what they wrote is seen by every thread: a barrier.

    Events may come in lists; without any it does nothing. All threads of the threadgroup must get here.

        enigma.async_copy_wait(first, second)
    """
    loc, tracer = caller(), active()
    found = list(_flat(events))
    for event in found:
        if not isinstance(event, TracedValue) or event.type is not i64:
            raise EnigmaTypeError(
                f"async_copy_wait takes events, but it got {describe(event)}", loc=loc,
                help="pass what enigma.async_copy_1d_d2t and the like return",
            )  # fmt: skip
        tracer.check_scope(event, loc)
    if found and tracer.raw_copies:
        with if_(is_first_simdgroup(tracer, loc)):
            for event in found:
                tracer.apply(by_role()[Role.RAW_WAIT], {"event": event}, loc)
    if found:
        barrier(tracer, loc, MemFlags.DEVICE_AND_THREADGROUP if tracer.copies_to_device else MemFlags.THREADGROUP)


@public
def async_copy_to_threadgroup(src: Any, dst: Any, count: Any, src_offset: Any = 0, dst_offset: Any = 0) -> TracedValue:
    """Begin to copy from device to threadgroup memory: an older form of `async_copy_1d_d2t`, with the source first.

    event = enigma.async_copy_to_threadgroup(A, tile, 256)
    """
    return _one("async_copy_to_threadgroup", dst, dst_offset, src, src_offset, count, caller(), to_device=False)


@public
def async_copy_commit(tok: Any) -> None:
    """Do nothing: a copy is under way when it is called. For kernels that were written for a queue of copies.

    enigma.async_copy_commit(event)
    """


def _flat(events: Any) -> Iterator[Any]:
    for event in events:
        if isinstance(event, list | tuple):
            yield from _flat(event)
        else:
            yield event


def _memory(function: str, name: str, given: Any, space: Space, tracer: Tracer, loc: SourceLoc) -> Tensor:
    """Return a buffer or the parameter of a name. Raises `EnigmaTypeError` for anything else, and for other memory."""
    tensor = tracer.buffers.get(given) if isinstance(given, str) else given
    if not isinstance(tensor, Tensor):
        known = ", ".join(tracer.buffers)
        raise EnigmaTypeError(
            f"{function}: {name} must be a buffer, but it is {describe(given)}", loc=loc,
            help=f"pass the buffer itself, or the name of a parameter: {known}",
        )  # fmt: skip
    found = tensor.buffer_type.space
    if found is not space and not (space is Space.DEVICE and found is Space.CONSTANT and name == "src"):
        raise EnigmaTypeError(
            f"{function}: {name} must be {space.value} memory, but {tensor.name or 'it'} is {found.value} memory", loc=loc,
            help="d2t copies from device to threadgroup memory, t2d the other way; for others there is enigma.copy",
        )  # fmt: skip
    return tensor


def _ends(function: str, dst: Any, src: Any, loc: SourceLoc, *, to_device: bool) -> tuple[Tracer, Tensor, Tensor]:
    tracer = active()
    spaces = (Space.DEVICE, Space.THREADGROUP) if to_device else (Space.THREADGROUP, Space.DEVICE)
    target = _memory(function, "dst", dst, spaces[0], tracer, loc)
    source = _memory(function, "src", src, spaces[1], tracer, loc)
    if target.dtype is not source.dtype:
        raise EnigmaTypeError(
            f"{function}: dst holds {target.dtype.name} and src {source.dtype.name}, but bytes are copied as they are", loc=loc,
            help="give both one dtype, or convert with enigma.copy(src, dst, count, cooperative=True)",
        )  # fmt: skip
    tracer.copies_to_device |= to_device
    return tracer, target, source


def _one(
    function: str, dst: Any, dst_off: Any, src: Any, src_off: Any, count: Any, loc: SourceLoc, *, to_device: bool
) -> TracedValue:
    tracer, target, source = _ends(function, dst, src, loc, to_device=to_device)
    for name, x in (("dst_off", dst_off), ("src_off", src_off), ("count", count)):
        check_whole(x, f"{function}: {name}", loc)
    check_inside(target, "dst", dst_off, count, function, loc)
    check_inside(source, "src", src_off, count, function, loc)
    if tracer.raw_copies:
        role = Role.RAW_COPY_1D_T2D if to_device else Role.RAW_COPY_1D_D2T
        return _raw(tracer, role, (target, dst_off, source, src_off, count), loc)
    step = Step(source, target, src_off, dst_off, None, loc)
    share(tracer, step, count, widest(step, count), function, loc)
    return tracer.constant(0, i64, loc)


def _raw(tracer: Tracer, role: Role, arguments: Sequence[Any], loc: SourceLoc) -> TracedValue:
    """Let the first simdgroup begin a copy by Apple's own instruction; returns the event, 0 in other simdgroups."""
    row = by_role()[role]
    given = dict(zip(row.operands, arguments, strict=True))
    for name, term in row.operands.items():
        if isinstance(term, Buffer) and isinstance(given[name], View):
            following = list(row.operands)[list(row.operands).index(name) + 1]
            given[name], given[following] = given[name].memory, given[name].offset(given[following], loc)
    first = is_first_simdgroup(tracer, loc)
    begun = captured(tracer, lambda: tracer.apply(row, given, loc))
    return either(tracer, first, begun, (Block(), 0), loc)


def _tile(
    function: str, dst: Any, dst_off: Any, dst_epr: Any, src: Any, src_off: Any, src_epr: Any, columns: Any, rows: Any,
    loc: SourceLoc, *, to_device: bool,
) -> TracedValue:  # fmt: skip
    tracer, target, source = _ends(function, dst, src, loc, to_device=to_device)
    given = {
        "dst_off": dst_off,
        "dst_epr": dst_epr,
        "src_off": src_off,
        "src_epr": src_epr,
        "tile_cols": columns,
        "tile_rows": rows,
    }
    for name, x in given.items():
        check_whole(x, f"{function}: {name}", loc)
    for cells, name, offset, pitch in ((target, "dst", dst_off, dst_epr), (source, "src", src_off, src_epr)):
        if all(literal(x) is not None for x in (offset, pitch, columns, rows)) and rows and columns:
            check_inside(cells, name, offset, (rows - 1) * pitch + columns, function, loc)
    if tracer.raw_copies:
        given = (target, dst_off, dst_epr, source, src_off, src_epr, columns, rows)
        return _raw(tracer, Role.RAW_COPY_2D_T2D if to_device else Role.RAW_COPY_2D_D2T, given, loc)
    if literal(columns) == 0 or literal(rows) == 0:
        return tracer.constant(0, i64, loc)
    with shared_out(tracer, columns * rows, function, loc) as element:
        row, column = element // columns, element % columns
        target[shifted(dst_off, row * dst_epr + column)] = source[shifted(src_off, row * src_epr + column)]
    return tracer.constant(0, i64, loc)
