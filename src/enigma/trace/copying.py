"""Copies of many elements: by each thread for itself, or shared out among the threads of a threadgroup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from enigma.dtypes import Space
from enigma.errors import EnigmaIndexError, EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.trace import tiled_copy
from enigma.trace.access import is_packed
from enigma.trace.convert import RUNTIME_OBJECT
from enigma.trace.given import describe, literal
from enigma.trace.public import public
from enigma.trace.register_tensor import RegisterTensor
from enigma.trace.scoped import for_range, if_
from enigma.trace.tensor import Table, Tensor, shifted
from enigma.trace.threads import at_least_none, shared_out
from enigma.trace.tiled_copy import CopyAtom, TiledCopy
from enigma.trace.tracer import Tracer
from enigma.trace.value import TracedValue, active

WIDTHS = (1, 2, 4)
"""Elements that a thread copies at a time."""

Cells = Tensor | RegisterTensor
"""What elements are copied from and to."""


@public
def copy(
    src: Any, dst: Any, count: Any = None, src_offset: Any = 0, dst_offset: Any = 0, mask_fn: Callable[[Any], Any] | None = None,
    coalesced_width: int = 1, *, cooperative: bool = False, pred: Any = None, fill: Any = None,
) -> None:  # fmt: skip
    """Copy tensors by a tiled copy, `copy(tiled, src, dst)`, or a number of elements, `copy(src, dst, count)`.

    With a tiled copy or a copy atom first, the elements of the second argument go to the third, which is partitioned alike.
    `pred` (of `elem_less`, or any fragment of bools) says which: others are neither read nor written, or with `fill` they are
    set to it.

        enigma.copy(tiled, mine.partition_S(a), mine.partition_D(tile), pred=there, fill=0)

    Otherwise copy `count` elements, `dst[dst_offset + i] = src[src_offset + i]`, converting them as a store does. Every thread
    copies all of them. With `cooperative=True` the threads of the threadgroup share them out instead, neighbours side by side;
    all threads must get here, and a `barrier()` of yours is needed before another thread's elements are read. `mask_fn(i)` says
    which are copied: others are neither read nor written. With `coalesced_width` 2 or 4 a thread copies as many at a time, as one
    vector where both dtypes have at most 32 bits. A register tensor may stand on either side if `count` and its offset are Python
    ints.

        enigma.copy(A, tile, 256, src_offset=group * 256, cooperative=True)
        enigma.barrier()

    Raises located errors for other widths, what is no buffer, and elements that are known to be outside.
    """
    loc, tracer = caller(), active()
    if isinstance(src, TiledCopy | CopyAtom):
        usual = literal(src_offset) == literal(dst_offset) == 0 and literal(coalesced_width) == 1
        _refuse_elements(not usual or mask_fn is not None or cooperative, loc)
        tiled_copy.copy(src, dst, count, pred, fill, loc)
        return
    if count is None or pred is not None or fill is not None:
        raise EnigmaTypeError(
            "copy: how many elements is not said" if count is None else "copy: pred and fill go with a tiled copy", loc=loc,
            help="write copy(src, dst, count), or copy(tiled, src, dst, pred=there)",
        )  # fmt: skip
    source, target = _cells(src, "src", loc), _cells(dst, "dst", loc)
    width = literal(coalesced_width)
    if width not in WIDTHS or isinstance(width, bool):
        raise EnigmaValueError(
            f"copy: coalesced_width is {describe(coalesced_width)}, but a thread copies 1, 2 or 4 elements at a time", loc=loc,
            help="write coalesced_width=1, 2 or 4",
        )  # fmt: skip
    for name, x in (("count", count), ("src_offset", src_offset), ("dst_offset", dst_offset)):
        check_whole(x, f"copy: {name}", loc)
    check_inside(source, "src", src_offset, count, "copy", loc)
    check_inside(target, "dst", dst_offset, count, "copy", loc)
    if cooperative:
        refuse_own((source, target), "copy", "leave out cooperative=True", loc)
    if width > 1 or cooperative:
        count = at_least_none(tracer, count, loc)
    _check_mask(mask_fn, loc)
    step = Step(source, target, src_offset, dst_offset, mask_fn, loc)
    if isinstance(source, RegisterTensor) or isinstance(target, RegisterTensor):
        _unrolled(step, count, loc)
    elif cooperative:
        share(tracer, step, count, int(width), "copy", loc)
    else:
        repeat(step, count, int(width))


def _check_mask(mask_fn: Any, loc: SourceLoc) -> None:
    if mask_fn is not None and (isinstance(mask_fn, TracedValue) or not callable(mask_fn)):
        raise EnigmaTypeError(
            f"copy: mask_fn must be a function of an element's number, but it is {describe(mask_fn)}", loc=loc,
            help="write mask_fn=lambda i: start + i < n",
        )  # fmt: skip


def _refuse_elements(said: bool, loc: SourceLoc) -> None:
    """Refuse what a tiled copy would ignore."""
    if said:
        raise EnigmaTypeError(
            "copy: offsets, mask_fn, coalesced_width and cooperative go with a number of elements", loc=loc,
            help="a tiled copy takes partitions: copy(tiled, src, dst, pred=there, fill=0)",
        )  # fmt: skip


class Step:
    """The copy of one element, or of several one after another, loaded before the first is stored."""

    def __init__(
        self, source: Cells, target: Cells, src_offset: Any, dst_offset: Any, mask_fn: Callable[[Any], Any] | None,
        loc: SourceLoc,
    ) -> None:  # fmt: skip
        self.source, self.target = source, target
        self.src_offset, self.dst_offset = src_offset, dst_offset
        self.mask_fn = None if mask_fn is None else RUNTIME_OBJECT.call(mask_fn)
        self.loc = loc

    def __call__(self, first: Any, count: int = 1) -> None:
        """Copy elements `first` to `first + count - 1`."""
        if self.mask_fn is not None:
            for k in range(count):
                self._masked(shifted(k, first), self.mask_fn)
            return
        if count > 1 and (memories := self.in_vectors) is not None:
            self._vector(*memories, first, count)
            return
        places = [shifted(k, first) for k in range(count)]
        values = [self.source[shifted(self.src_offset, place)] for place in places]
        for place, value in zip(places, values, strict=True):
            self.target[shifted(self.dst_offset, place)] = value

    @property
    def in_vectors(self) -> tuple[Tensor, Tensor] | None:
        """The two memories if elements one after another are read and written as one vector, else None."""
        source, target = self.source, self.target
        if isinstance(source, Tensor) and isinstance(target, Tensor) and _has_vectors(source) and _has_vectors(target):
            return source, target
        return None

    def _vector(self, source: Tensor, target: Tensor, first: Any, count: int) -> None:
        """Copy the elements as one vector, converted as they would be one by one."""
        loc, tracer = caller(), active()
        value = tracer.load_vector(source.memory, source.offset(shifted(self.src_offset, first), loc), count, loc)
        place = target.offset(shifted(self.dst_offset, first), loc)
        target.refuse_constant(loc)
        tracer.store_vector(target.memory, place, value, None, loc)

    def _masked(self, place: Any, mask_fn: Callable[[Any], Any]) -> None:
        wanted = mask_fn(place)
        if isinstance(wanted, TracedValue) and not isinstance(wanted, Tensor):
            with if_(wanted):
                self.target[shifted(self.dst_offset, place)] = self.source[shifted(self.src_offset, place)]
        elif not isinstance(literal(wanted), bool):
            raise EnigmaTypeError(
                f"copy: mask_fn must return whether an element is copied, but it returned {describe(wanted)}", loc=self.loc,
                help="return a comparison: mask_fn=lambda i: start + i < n",
            )  # fmt: skip
        elif wanted:
            self.target[shifted(self.dst_offset, place)] = self.source[shifted(self.src_offset, place)]


def _has_vectors(memory: Tensor) -> bool:
    return (
        memory.dtype.parts == 1
        and is_packed(memory.memory)
        and not memory.is_laid_out
        and not isinstance(memory, Table)
    )


def widest(step: Step, count: Any) -> int:
    """Return how many elements a thread had best copy at a time: a count that they divide leaves no tail."""
    number = literal(count)
    if number is None or step.in_vectors is None:
        return 1
    return next(width for width in reversed(WIDTHS) if number % width == 0)


def repeat(step: Step, count: Any, width: int) -> None:
    """Let the thread do a step for every number below `count`, `width` at a time."""
    number = literal(count)
    groups = count // width if width > 1 else count
    if literal(groups) != 0:
        with for_range(0, groups) as i:
            step(i * width if width > 1 else i, width)
    if number is None and width > 1:
        with for_range(groups * width, count) as i:
            step(i)
    elif number is not None and number % width:
        step(number // width * width, int(number) % width)


def share(tracer: Tracer, step: Step, count: Any, width: int, function: str, loc: SourceLoc) -> None:
    """Let the threads of the threadgroup share out a step for every number below `count`, `width` at a time."""
    groups = count // width if width > 1 else count
    if literal(groups) != 0:
        with shared_out(tracer, groups, function, loc) as i:
            step(i * width if width > 1 else i, width)
    done = groups * width if width > 1 else count
    if width > 1 and literal(count - done) != 0:
        with shared_out(tracer, count - done, function, loc) as i:
            step(shifted(done, i))


def refuse_own(cells: Sequence[Cells], function: str, help: str, loc: SourceLoc) -> None:
    """Refuse what each thread has of its own where threads would share its elements out."""
    for one in cells:
        own = "registers are" if isinstance(one, RegisterTensor) else None
        if isinstance(one, Tensor) and one.buffer_type.space is Space.THREAD:
            own = f"the array {one.name} is" if one.name else "an array of enigma.thread_alloc is"
        if own is not None:
            raise EnigmaTypeError(
                f"{function}: {own} each thread's own, and threads cannot share out what only one of them sees",
                loc=loc,
                help=help,
            )


def _unrolled(step: Step, count: Any, loc: SourceLoc) -> None:
    number = literal(count)
    if not isinstance(number, int):
        raise EnigmaTypeError(
            f"copy: count of a register tensor must be a Python int, but it is {describe(count)}", loc=loc,
            help="registers have no addresses: copy a fixed number, or use enigma.thread_alloc(dtype, size)",
        )  # fmt: skip
    for k in range(number):
        step(k)


def _cells(x: Any, name: str, loc: SourceLoc) -> Cells:
    if not isinstance(x, Tensor | RegisterTensor):
        raise EnigmaTypeError(
            f"copy: {name} must be a buffer or a register tensor, but it is {describe(x)}", loc=loc,
            help="pass the buffer itself and where to begin: copy(A, B, n, src_offset=i)",
        )  # fmt: skip
    return x.flat("copy", loc) if isinstance(x, Tensor) and not x.is_laid_out else x


def check_whole(x: Any, what: str, loc: SourceLoc) -> None:
    """Refuse what is no integer of Python's or of the kernel, or is known to be negative."""
    number = literal(x)
    traced = isinstance(x, TracedValue) and not isinstance(x, Tensor) and x.dtype.is_integer
    if not traced and (not isinstance(number, int) or isinstance(number, bool)):
        raise EnigmaTypeError(
            f"{what} must be an integer, but it is {describe(x)}",
            loc=loc,
            help="write a whole number or a traced integer",
        )
    if number is not None and number < 0:
        raise EnigmaValueError(f"{what} is {number}, but it cannot be negative", loc=loc, help="count from 0")


def check_inside(
    cells: Cells, name: str, offset: Any, count: Any, function: str, loc: SourceLoc,
    help: str = "copy fewer elements, or begin earlier",
) -> None:  # fmt: skip
    """Refuse a copy of which it is known that it leaves a memory of known size."""
    start, number, size = literal(offset), literal(count), cells.size()
    if start is not None and number is not None and size is not None and start + number > size:
        raise EnigmaIndexError(
            f"{function}: {name} has {size} elements, but elements {start} to {start + number - 1} are wanted",
            loc=loc,
            help=help,
        )
