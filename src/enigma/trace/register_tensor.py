"""Register tensors: values of each thread's own that may be changed, with a layout that says which coordinate is which."""

from __future__ import annotations

import math
from typing import Any, NoReturn, Self, cast

from enigma.dtypes import Numeric, widened
from enigma.errors import EnigmaIndexError, EnigmaTypeError, EnigmaValueError
from enigma.layout import Layout
from enigma.layout.coordinates import has_none
from enigma.layout.int_tuple import leaves, nested_like, product
from enigma.layout.leaf import is_static, text
from enigma.layout.slicing import slice_and_offset
from enigma.source import SourceLoc, caller
from enigma.trace import coordinates
from enigma.trace.fragment import Fragment
from enigma.trace.given import describe, literal, located_dtype
from enigma.trace.public import public
from enigma.trace.registers import Cells, static_shape
from enigma.trace.tracer import Tracer
from enigma.trace.value import TracedValue, active

MOST = 1024
"""Elements of a register tensor at most: a thread has no more registers by far."""


class RegisterTensor:
    """Values of each thread's own, in registers: `acc[m, n] += x`. Loops and branches carry them.

    Coordinates are Python ints. Those of `register_tensor` are row-major; those of `make_fragment` are as its layout says, and
    one int is the linear coordinate, as in CuTe. With None for a part of a coordinate it is a view of the same registers.
    `load()` gives the values as a `Fragment`, and `store` sets them to one.

        acc = enigma.register_tensor((2, 2), enigma.f32, fill=0)
        acc[0, 1] += A[i]
    """

    def __init__(
        self, tracer: Tracer, shape: Any, dtype: Numeric, fill: TracedValue, layout: Layout | None = None
    ) -> None:
        count = math.prod(shape) if layout is None else layout.cosize()
        self.cells = Cells(tracer, [fill] * count)
        self._shape, self._dtype, self._tracer = shape, dtype, tracer
        self._layout, self._start = layout, 0

    def __copy__(self) -> Self:
        """Return one with the same values in registers of its own."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.cells = self.cells.__copy__()
        return other

    @property
    def name(self) -> str | None:
        """The name of the variable that holds it."""
        return self.cells.name

    def take_name(self, name: str) -> None:
        """Name it for the variable that holds it."""
        self.cells.take_name(name)

    @property
    def shape(self) -> Any:
        """The extent of each axis."""
        return self._shape

    @property
    def layout(self) -> Layout:
        """Which register each coordinate means."""
        return self._layout or coordinates.row_major(self._shape)

    @property
    def stride(self) -> Any:
        """The strides of the layout."""
        return self.layout.stride

    @property
    def dtype(self) -> Numeric:
        """The dtype of the elements."""
        return self._dtype

    @property
    def element_type(self) -> Numeric:
        """The dtype of the elements."""
        return self._dtype

    @property
    def is_laid_out(self) -> bool:
        """Whether it has an explicit layout, so that one integer is a linear coordinate."""
        return self._layout is not None

    def size(self, mode: Any = None) -> int:
        """Return how many elements there are, in all or along one axis."""
        if mode is None:
            return product(self._shape)
        return product(self.layout.shape[int(mode)] if isinstance(self.layout.shape, tuple) else self.layout.shape)

    def rank(self) -> int:
        """Return the number of modes."""
        return self.layout.rank()

    def __repr__(self) -> str:
        where = f"{self._layout}" if self._layout is not None else list(self._shape)
        return f"<{self.name or 'register tensor'}: {self._dtype.name}{where}>"

    def __len__(self) -> int:
        return self.size(0)

    def described(self) -> str:
        """Return what messages say that it is."""
        return f"a register tensor of {self._dtype.name}"

    def __bool__(self) -> bool:
        raise EnigmaTypeError(
            f"{self.name or 'a register tensor'} holds several values and has no truth value", loc=caller(),
            help="test an element: acc[0] != 0",
        )  # fmt: skip

    def _refuse(self, *_: Any) -> NoReturn:
        raise EnigmaTypeError(
            f"{self.name or 'a register tensor'} holds several values that may change, and operators take one", loc=caller(),
            help=f"compute with all of them as they are now: {self.name or 'acc'}.load() + 1, and {self.name or 'acc'}.store(...)",
        )  # fmt: skip

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _refuse
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __lshift__ = __rshift__ = _refuse
    __neg__ = __invert__ = __abs__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse

    # ---- elements and views

    def __getitem__(self, index: Any) -> Any:
        loc = caller()
        if has_none(index):
            return self.view(*slice_and_offset(self._coordinate(index, loc), self.layout))
        return self.cells.get(self._place(index, loc), loc)

    def __setitem__(self, index: Any, value: Any) -> None:
        loc = caller()
        if has_none(index):
            raise EnigmaTypeError(
                f"a view of {self.name or 'the register tensor'} cannot be assigned", loc=loc,
                help=f"store all of its elements: {self.name or 'acc'}[None, 0].store(fragment)",
            )  # fmt: skip
        place = self._place(index, loc)
        self.cells.set(place, self._converted(value, loc), loc)

    def __iter__(self) -> Any:
        return iter(self.cells.load(self._places(), (self.size(),), caller()).elements())

    def view(self, layout: Any, moved: int = 0) -> RegisterTensor:
        """Return the same registers under another layout, from `moved` registers behind this one's start on."""
        other = object.__new__(RegisterTensor)
        other.__dict__.update(self.__dict__)
        other._layout, other._shape, other._start = layout, layout.shape, self._start + moved
        return other

    def _places(self) -> list[int]:
        """Return the register of each element, the first mode running fastest; row-major without a layout."""
        if self._layout is None:
            return list(range(self.size()))
        return [self._start + self._layout(k) for k in range(self.size())]

    def flat(self) -> RegisterTensor:
        """Return it with one integer standing for the row-major place of an element."""
        if self._layout is None:
            return self
        return self.view(Layout.of_modes(list(self._layout.modes())[::-1]))

    def load(self) -> Fragment:
        """Return the values as they are now."""
        layout = self.layout
        return self.cells.load([int(self._start + layout(k)) for k in range(self.size())], layout.shape, caller())

    def store(self, value: Any) -> None:
        """Set all elements, to those of a fragment or to one value; they are converted to `dtype`.

        Raises `EnigmaValueError` for a fragment of another number of elements, and for a layout that reaches a register twice.
        """
        loc = caller()
        if not isinstance(value, Fragment):
            self._fill(value, loc)
            return
        if value.size() != self.size():
            raise EnigmaValueError(
                f"a fragment of {value.size()} elements is stored to {self.name or 'a register tensor'} of {self.size()}", loc=loc,
                help="load and store views of one shape",
            )  # fmt: skip
        layout = self.layout
        set_by: dict[int, int] = {}
        for k in range(self.size()):
            other = set_by.setdefault(self._start + layout(k), k)
            if value.places[other] != value.places[k]:
                raise EnigmaValueError(
                    f"the layout {layout} reaches a register twice, and only one value can be stored in it", loc=loc,
                    help="store to a view without strides of 0",
                )  # fmt: skip
        new = value.part([*set_by.values()], (len(set_by),), loc)
        new = new.with_chunks(self._converted(chunk, loc) for chunk in new.chunks)
        self.cells.store([*set_by], new, loc)

    def fill(self, value: Any) -> None:
        """Set all elements to one value."""
        self._fill(value, caller())

    def _fill(self, value: Any, loc: SourceLoc) -> None:
        places = [*dict.fromkeys(self._places())]
        self.cells.store(places, Fragment.of((len(places),), [self._converted(value, loc)] * len(places)), loc)

    def _converted(self, value: Any, loc: SourceLoc) -> TracedValue:
        lanes = value.type.lanes if isinstance(value, TracedValue) and isinstance(value.type, Numeric) else 1
        dtype = self._dtype if self._dtype.parts > 1 or lanes == 1 else widened(self._dtype, lanes)
        return element(self._tracer, value, dtype, f"an element of {self.name or 'the register tensor'}", loc)

    # ---- coordinates

    def _coordinate(self, index: Any, loc: SourceLoc) -> Any:
        """Return a coordinate that fits the layout, of Python ints and None."""
        found = coordinates.checked(self, index, self.layout.shape, loc)
        if (part := coordinates.traced_part(found)) is not None:
            raise self._traced(part, loc)
        return found

    def _place(self, index: Any, loc: SourceLoc) -> int:
        """Return the register of an element: as the layout says; else of an int itself, of a tuple its row-major place."""
        if self._layout is not None:
            return self._start + int(self._layout(self._coordinate(index, loc)))
        shown = self.name or "the register tensor"
        given: tuple[Any, ...] = cast(tuple[Any, ...], index) if isinstance(index, tuple) else (index,)
        shape = self._shape if isinstance(index, tuple) else (self.size(),)
        if len(given) != len(shape):
            raise EnigmaTypeError(
                f"{shown} has {len(shape)} axes, but it got {len(given)} indices",
                loc=loc,
                help="write one index for each axis",
            )
        place = 0
        for axis, (part, extent) in enumerate(zip(given, shape, strict=True)):
            number = literal(part)
            if not isinstance(number, int) or isinstance(number, bool):
                raise self._traced(part, loc)
            if not 0 <= number < extent:
                where = f"axis {axis} of {shown}" if len(shape) > 1 else shown
                raise EnigmaIndexError(
                    f"index {number} is outside of {where}, which has {extent} elements", loc=loc,
                    help="indices start at 0 and do not count from the end",
                )  # fmt: skip
            place = place * extent + number
        return place

    def _traced(self, part: Any, loc: SourceLoc) -> EnigmaTypeError:
        return EnigmaTypeError(
            f"{self.name or 'the register tensor'} is indexed by Python ints, but the index is {describe(part)}", loc=loc,
            help="registers have no addresses: unroll the loop with enigma.range_constexpr, or use "
            "enigma.thread_alloc(dtype, size)",
        )  # fmt: skip


def element(tracer: Tracer, value: Any, dtype: Numeric, what: str, loc: SourceLoc) -> TracedValue:
    """Return a value as an element of `dtype` is set to it; raises where that would lose its kind."""
    number = literal(value)
    if number is not None and dtype.is_integer and float(number).is_integer():
        value = int(number)
    return tracer.assigned(value, dtype, what, loc)


@public
def register_tensor(shape: Any, dtype: Any = "float", fill: Any = 0) -> RegisterTensor:
    """Return a tensor in the thread's registers, every element `fill`: `acc = enigma.register_tensor((4, 4))`.

    It is indexed by Python ints or tuples of them, row-major; stores convert to `dtype`. Native loops and branches and the
    context managers carry it: what a loop's body writes is seen after the loop.

    Raises located errors for an empty shape, an index that is traced or outside, and what does not convert.
    """
    loc, tracer = caller(), active()
    kind = located_dtype(dtype, loc)
    extents = static_shape(shape, "a register tensor", loc)
    return RegisterTensor(tracer, extents, kind, element(tracer, fill, kind, "the fill", loc))


@public
def make_fragment(layout_or_shape: Any, dtype: Any = "float") -> RegisterTensor:
    """Return a tensor in the thread's registers with a layout: `acc = enigma.make_fragment((4, 4), enigma.f32)`.

    A shape is column-major. The elements are 0 until they are set. `acc[i, j]` reads and writes an element, `acc[None, j]` is a
    view of the same registers, `acc.load()` a `Fragment` of all values, `acc.store(fragment)` sets them, `acc.fill(0)` too.

    Raises `EnigmaTypeError` for a layout that is composed or known only when the kernel runs, and `EnigmaValueError` for one
    of more elements than a thread can hold.
    """
    loc = caller()
    given = layout_or_shape
    layout = given if isinstance(given, Layout) else None
    if layout is None:
        if hasattr(given, "stride"):
            raise EnigmaTypeError(
                f"a fragment cannot have the layout {given}", loc=loc,
                help="registers have no banks: take the plain layout, or enigma.make_fragment_like(tensor)",
            )  # fmt: skip
        layout = Layout(tuple(cast("list[Any]", given)) if isinstance(given, list) else given)
    return _made(layout, located_dtype(dtype, loc), loc)


@public
def make_fragment_like(like: Any, dtype: Any = None) -> RegisterTensor:
    """Return a tensor in the thread's registers of the shape of a tensor, a fragment or a layout, with no gaps in it.

    What is next to each other in `like` is so in the registers, the first mode always: as CuTe has it. Modes of stride 0 keep
    it, so what is one element there is one here. The dtype is that of `like` unless another is given.

        mine = A[tid, None]
        r = enigma.make_fragment_like(mine)
        r.store(mine.load())

    Raises `EnigmaTypeError` for what has no layout, or a layout of unknown extents, or no dtype.
    """
    loc = caller()
    if isinstance(like, Fragment):
        layout = Layout(like.shape)
    else:
        layout = getattr(like, "layout", like)
        if not hasattr(layout, "stride"):
            raise EnigmaTypeError(
                f"make_fragment_like of {describe(like)}", loc=loc,
                help="pass a tensor, a fragment or a layout; for a shape write enigma.make_fragment(shape, dtype)",
            )  # fmt: skip
    kind = dtype if dtype is not None else getattr(like, "dtype", None)
    if kind is None:
        raise EnigmaTypeError("a layout has no dtype", loc=loc, help="enigma.make_fragment_like(layout, enigma.f32)")
    return _made(_like(layout, loc), located_dtype(kind, loc), loc)


def _numbers(layout: Any) -> bool:
    """Return whether all strides are integers: neither basis elements nor known only when the kernel runs."""
    return all(type(step) is int for step in leaves(layout.stride))


def _made(layout: Layout, dtype: Numeric, loc: SourceLoc) -> RegisterTensor:
    if not is_static(layout) or not _numbers(layout) or min(leaves(layout.stride), default=0) < 0:
        raise EnigmaTypeError(
            f"a fragment cannot have the layout {layout}: registers are numbered when the kernel is compiled", loc=loc,
            help="write numbers, not below 0, for its extents and strides",
        )  # fmt: skip
    if layout.cosize() > MOST:
        raise EnigmaValueError(
            f"a fragment of {layout.cosize()} registers, but a thread cannot hold more than {MOST}", loc=loc,
            help="use smaller tiles, or a layout without gaps",
        )  # fmt: skip
    tracer = active()
    return RegisterTensor(tracer, layout.shape, dtype, element(tracer, 0, dtype, "the fill", loc), layout)


def _like(layout: Any, loc: SourceLoc) -> Layout:
    """Return a compact layout of the same shape: the first mode column-major, the others in the order of their strides.

    Source: CuTe's make_fragment_like, which gives the first mode to the atoms of copies and products.
    """
    shape = layout.shape
    if not is_static(shape):
        raise EnigmaTypeError(
            f"a fragment like a tensor of shape {text(shape)}, which is known only when the kernel runs", loc=loc,
            help="take the part of one thread first: T[tid, None]; an extent of a tile is a number",
        )  # fmt: skip
    steps = leaves(layout.stride)
    if not isinstance(layout, Layout) or layout.rank() < 2 or not _numbers(layout):
        return Layout(shape)
    inside = len(leaves(cast("tuple[Any, ...]", shape)[0]))
    order = [k for k in range(inside) if steps[k]] + sorted(range(inside, len(steps)), key=lambda k: abs(steps[k]))
    extents, reached = leaves(shape), 1
    found = [0] * len(steps)
    for k in order:
        found[k] = reached if extents[k] > 1 else 0
        reached *= extents[k]
    return Layout(shape, nested_like(shape, iter(found)))
