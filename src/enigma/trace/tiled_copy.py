"""Tiled copies: how the threads of a threadgroup share out a tile, and the widest access that each of them makes.

The names and meanings are CuTe's: an atom is the smallest copy, a tiled copy lays threads and values over a tile, and a
thread's slice of it partitions tensors into what that thread moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from enigma.dtypes import Numeric, as_dtype
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout import Layout, composition, make_layout_tv, zipped_divide
from enigma.layout.int_tuple import int_tuple, leaves, modes_of, product
from enigma.layout.layout import as_layout
from enigma.layout.leaf import is_number, is_static, text
from enigma.source import SourceLoc, caller
from enigma.trace import vectorise
from enigma.trace.access import perform
from enigma.trace.fragment import Fragment
from enigma.trace.given import describe
from enigma.trace.identity import IdentityTensor
from enigma.trace.modes import modes, rearranged
from enigma.trace.predicate import Guard, Predicate
from enigma.trace.register_tensor import RegisterTensor
from enigma.trace.tensor import Tensor
from enigma.trace.threads import shared_out
from enigma.trace.value import active

BITS = (8, 16, 32, 64, 128)
"""Widths of one access; 128 bits are the widest that a GPU makes."""


@dataclass(frozen=True, slots=True)
class CopyUniversalOp:
    """The copy that every thread makes for itself, between any memories and registers."""


@dataclass(frozen=True, slots=True)
class CopyCooperativeOp:
    """The copy of a whole tile that the threads of the threadgroup share out, neighbours side by side.

    All threads must get to it, and a barrier is needed before another thread's elements are read.
    """


@dataclass(frozen=True, slots=True)
class CopyAtom:
    """The smallest copy: who makes it, of which dtype, and how many bits at once (None: as many as lie side by side)."""

    op: CopyUniversalOp | CopyCooperativeOp
    dtype: Numeric
    bits: int | None

    @property
    def widest(self) -> int:
        """How many elements one access moves at most: a vector of Metal has up to four."""
        return 4 if self.bits is None else max(1, min(4, self.bits // self.dtype.width))


def make_copy_atom(op: Any, dtype: Any, num_bits_per_copy: int | None = None) -> CopyAtom:
    """Return a copy atom: `CopyUniversalOp()` for each thread's own copies, `CopyCooperativeOp()` for tiles that all share.

    With `num_bits_per_copy` (the dtype's width, 64 or 128) one access moves so many bits: copies whose values do not lie side by
    side that far are refused. Without it they are as wide as the layouts allow.

        atom = enigma.make_copy_atom(enigma.CopyUniversalOp(), enigma.f32, num_bits_per_copy=128)

    Raises `EnigmaTypeError` and `EnigmaValueError` for other operations, dtypes and widths. Source: CuTe's copy atoms.
    """
    if not isinstance(op, CopyUniversalOp | CopyCooperativeOp):
        raise EnigmaTypeError(
            f"make_copy_atom: the operation is {op!r}", loc=caller(),
            help="write enigma.CopyUniversalOp() or enigma.CopyCooperativeOp()",
        )  # fmt: skip
    element = as_dtype(dtype)
    bits = num_bits_per_copy
    if bits is not None and (bits not in BITS or bits < element.width):
        wide = [str(width) for width in BITS if width >= element.width]
        raise EnigmaValueError(
            f"make_copy_atom: num_bits_per_copy is {bits!r}, and one access moves {', '.join(wide)} bits of {element.name}",
            loc=caller(), help="leave it out for accesses as wide as the layouts allow",
        )  # fmt: skip
    return CopyAtom(op, element, bits)


@dataclass(frozen=True, slots=True)
class TiledCopy:
    """Threads and values laid over a tile: `layout_tv` is (thread, value) -> column-major offset in a tile of shape `tiler`."""

    atom: CopyAtom
    layout_tv: Layout
    tiler: tuple[Any, ...]

    @property
    def size(self) -> int:
        """How many threads take part."""
        return self.layout_tv.size(0)

    def get_slice(self, thread: Any) -> ThrCopy:
        """Return the part of one thread, by its number in the threadgroup."""
        return ThrCopy(self, thread)


@dataclass(frozen=True, slots=True)
class ThrCopy:
    """The part that one thread has in a tiled copy."""

    tiled: TiledCopy
    thread: Any

    def partition_S(self, tensor: Any) -> Any:
        """Return what this thread reads of a source tensor: its values of one tile, then the tiles along each mode.

        mine = tiled.get_slice(tid).partition_S(tile)  # (values, tiles down, tiles across)
        """
        return self._partition(tensor, "partition_S")

    def partition_D(self, tensor: Any) -> Any:
        """Return what this thread writes of a destination tensor, arranged like `partition_S`; identity tensors go with both."""
        return self._partition(tensor, "partition_D")

    def _partition(self, tensor: Any, function: str) -> Any:
        loc = caller()
        if not isinstance(tensor, Tensor | IdentityTensor):
            raise EnigmaTypeError(
                f"{function} takes a tensor, but it got {describe(tensor)}", loc=loc,
                help="pass a tile: enigma.local_tile(A, tiler, (i, j))",
            )  # fmt: skip
        tiler, parts = self.tiled.tiler, modes(tensor)
        if len(parts) < len(tiler):
            raise EnigmaValueError(
                f"{function}: the tile has {len(tiler)} modes, and the tensor's shape is {tensor.layout.shape}", loc=loc,
                help="pass a tensor with at least the modes of the tile",
            )  # fmt: skip
        inside, outside = zipped_divide(Layout.of_modes(parts), tiler).modes()
        threads, values = composition(inside, self.tiled.layout_tv).modes()
        return rearranged(tensor, [values, *outside.modes()], [threads(self.thread)])


def make_tiled_copy(atom: CopyAtom, layout_tv: Layout, tiler: Any) -> TiledCopy:
    """Return a tiled copy for a layout of (thread, value) over a tile of shape `tiler`.

    Raises `EnigmaTypeError` and `EnigmaValueError` for what does not fit. Source: CuTe's `make_tiled_copy`.
    """
    if not isinstance(cast(Any, atom), CopyAtom):
        raise EnigmaTypeError(
            f"make_tiled_copy: the atom is {atom!r}", loc=caller(),
            help="make one: enigma.make_copy_atom(enigma.CopyUniversalOp(), enigma.f32)",
        )  # fmt: skip
    sizes = modes_of(int_tuple(tiler, "tiler"))
    if as_layout(layout_tv, "make_tiled_copy").rank() != 2 or layout_tv.cosize() > product(sizes):
        raise EnigmaValueError(
            f"make_tiled_copy: {layout_tv} is no layout of (thread, value) over a tile of {sizes}", loc=caller(),
            help="enigma.make_layout_tv(threads, values) gives both",
        )  # fmt: skip
    return TiledCopy(atom, layout_tv, sizes)


def make_tiled_copy_tv(atom: CopyAtom, thr_layout: Layout, val_layout: Layout) -> TiledCopy:
    """Return a tiled copy in which `thr_layout` numbers the threads over the tile, and each has `val_layout` of values.

        tiled = enigma.make_tiled_copy_tv(
            atom, enigma.make_ordered_layout((4, 64), (1, 0)), enigma.make_ordered_layout((4, 4), (1, 0)))

    Raises what `make_layout_tv` raises. Source: CuTe's `make_tiled_copy_tv`.
    """
    tiler, layout_tv = make_layout_tv(thr_layout, val_layout)
    return make_tiled_copy(atom, layout_tv, tiler)


MOST = 64
"""Elements that a copy holds in registers at once."""

Side = Any
"""A tensor, or a register tensor."""


def copy(tiled: TiledCopy | CopyAtom, src: Side, dst: Side, pred: Any, fill: Any, loc: SourceLoc) -> None:
    """Copy one partition to another, element by element."""
    atom = tiled.atom if isinstance(tiled, TiledCopy) else tiled
    for name, side in (("src", src), ("dst", dst)):
        if not isinstance(side, Tensor | RegisterTensor):
            raise EnigmaTypeError(
                f"copy: {name} must be a tensor, but it is {describe(side)}", loc=loc,
                help="pass what partition_S and partition_D give, or a register tensor",
            )  # fmt: skip
        if not is_static(side.shape):
            raise EnigmaTypeError(
                f"copy: the extents of {name}, {text(side.shape)}, are known only when the kernel runs", loc=loc,
                help="copy a tile, whose size is a number: enigma.local_tile(A, tiler, (i, j))",
            )  # fmt: skip
    if product(src.shape) != product(dst.shape):
        raise EnigmaValueError(
            f"copy: src has the shape {src.shape} and dst {dst.shape}", loc=loc,
            help="partition both by one tiled copy, and take the same modes of both",
        )  # fmt: skip
    if isinstance(atom.op, CopyCooperativeOp):
        _share_out(atom, src, dst, pred, fill, loc)
        return
    for a, b, p in _pieces(src, dst, pred):
        _move(atom, a, b, p, fill, loc)


def _move(atom: CopyAtom, src: Side, dst: Side, pred: Any, fill: Any, loc: SourceLoc) -> None:
    """Copy what fits into registers: all is loaded before the first is stored."""
    for name, side in (("src", src), ("dst", dst)):
        if atom.bits is not None and isinstance(side, Tensor):
            _check_width(atom, name, side, loc)
    if pred is None:
        _store(dst, _load(src, atom, None, 0, loc), atom, None, loc)
    elif fill is not None:
        _store(dst, _load(src, atom, pred, fill, loc), atom, None, loc)
    elif isinstance(dst, RegisterTensor):
        raise EnigmaTypeError(
            "copy: registers need a value where pred does not hold",
            loc=loc,
            help="give one: copy(..., pred=there, fill=0)",
        )
    else:
        _store_where(src, dst, atom, Guard(pred, product(dst.shape), loc), loc)


def _load(src: Side, atom: CopyAtom, pred: Any, default: Any, loc: SourceLoc) -> Fragment:
    if isinstance(src, RegisterTensor):
        return src.load()
    return vectorise.load(src, loc, pred, default, atom.widest)


def _store(dst: Side, value: Fragment, atom: CopyAtom, pred: Any, loc: SourceLoc) -> None:
    if isinstance(dst, RegisterTensor):
        dst.store(value)
        return
    dst.refuse_constant(loc)
    vectorise.store(dst, value, loc, pred, atom.widest)


def _store_where(src: Side, dst: Tensor, atom: CopyAtom, guard: Guard, loc: SourceLoc) -> None:
    """Copy the elements for which a predicate holds: all at once where it holds for all of them, else one by one."""

    def whole() -> None:
        _store(dst, _load(src, atom, None, 0, loc), atom, None, loc)

    def some() -> None:
        if guard.is_one or len(guard) == 1:
            return
        held = _load(src, atom, None, 0, loc).elements() if isinstance(src, RegisterTensor) else None
        source, target = (side.with_layout(side.layout) if isinstance(side, Tensor) else side for side in (src, dst))
        for k in range(len(guard)):

            def one(k: int = k) -> None:
                target[k] = source[k] if held is None else held[k]

            perform(guard.holds([k]), one, lambda: None, loc)

    perform(guard.holds(range(len(guard))), whole, some, loc)


def _check_width(atom: CopyAtom, name: str, side: Tensor, loc: SourceLoc) -> None:
    found = vectorise.narrowest(side, atom.widest, loc)
    if found < atom.widest:
        raise EnigmaValueError(
            f"copy: an access is to move {atom.bits} bits, but of {name} only {found} of {atom.widest} elements lie side by side: "
            f"its layout is {side.layout}", loc=loc,
            help="lay more values of a thread side by side, or leave num_bits_per_copy out",
        )  # fmt: skip


def _pieces(src: Side, dst: Side, pred: Any) -> list[tuple[Side, Side, Any]]:
    """Return matching parts that fit into registers, along the last modes."""
    sides = [side for side in (src, dst) if isinstance(side, Tensor)]
    rank = min((side.layout.rank() for side in sides), default=0)
    whole = product(src.shape)
    if whole <= MOST or rank < 2 or any(isinstance(side, RegisterTensor) for side in (src, dst)):
        return [(src, dst, pred)]
    extents = [product(modes_of(side.layout.shape)[-1]) for side in sides]
    if extents[0] != extents[-1]:
        return [(src, dst, pred)]
    found: list[tuple[Side, Side, Any]] = []
    for k in range(extents[0]):
        at = (*(None,) * (rank - 1), k)
        part = pred.of(pred.view[at]) if isinstance(pred, Predicate) else pred
        found += _pieces(src[at], dst[at], part)
    return found


def _share_out(atom: CopyAtom, src: Side, dst: Side, pred: Any, fill: Any, loc: SourceLoc) -> None:
    """Let the threads take one vector after another, along the mode whose elements lie side by side in the source."""
    if isinstance(src, RegisterTensor) or isinstance(dst, RegisterTensor):
        raise EnigmaTypeError(
            "copy: threads share out memory, not registers", loc=loc, help="write enigma.CopyUniversalOp() for the atom"
        )
    if pred is not None and not isinstance(pred, Predicate):
        raise EnigmaTypeError(
            f"copy: pred of a copy that threads share out is {describe(pred)}", loc=loc,
            help="make it of the whole tile: enigma.elem_less(identity_tile, shape)",
        )  # fmt: skip
    shape = src.layout.shape
    order = _by_stride(src.layout)
    width = _width(atom, src, order)
    vectors = product(shape) // width
    tv = _vectors(shape, order, width)
    sides = [_seen_as(side, tv) for side in (src, dst, *([pred.view] if pred is not None else []))]
    with shared_out(active(), vectors, "copy", loc) as number:
        a, b, *where = (side[None, number] for side in sides)
        _move(
            CopyAtom(CopyUniversalOp(), atom.dtype, None),
            a,
            b,
            pred.of(where[0]) if pred is not None else None,
            fill,
            loc,
        )


def _by_stride(layout: Any) -> list[int]:
    """Return the modes, flat, from the smallest stride on: neighbours of memory go to neighbouring threads."""
    strides = leaves(layout.stride)
    known = [(abs(step) if is_static(step) else 1 << 62, number) for number, step in enumerate(strides)]
    return [number for _, number in sorted(known)]


def _width(atom: CopyAtom, src: Tensor, order: list[int]) -> int:
    """Return how many elements a thread takes at once."""
    extent, step = leaves(src.layout.shape)[order[0]], leaves(src.layout.stride)[order[0]]
    one = src.dtype.parts > 1 or not is_number(step, 1)
    return next(width for width in (4, 2, 1) if width <= (1 if one else atom.widest) and extent % width == 0)


def _vectors(shape: Any, order: list[int], width: int) -> Layout:
    """Return the layout (element of a vector, vector) -> column-major offset in the tile, modes in order."""
    sizes = leaves(shape)
    steps = [product(sizes[:number]) for number in range(len(sizes))]
    first, *rest = order
    vectors = Layout(
        (sizes[first] // width, *(sizes[number] for number in rest)),
        (width * steps[first], *(steps[number] for number in rest)),
    )
    return Layout.of_modes([Layout(width, steps[first]), vectors])


def _seen_as(side: Any, tv: Layout) -> Any:
    return rearranged(side, composition(Layout.of_modes(modes(side)), tv).modes())
