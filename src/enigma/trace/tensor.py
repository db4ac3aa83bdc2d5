"""Tensors: memory with a layout. In a kernel something to index, on both sides of an assignment; on the host a description."""

from __future__ import annotations

import math
from typing import Any, cast

from enigma import context
from enigma.dtypes import WIDTHS, BufferType, Numeric, Space, Vector, as_dtype
from enigma.errors import EnigmaAttributeError, EnigmaTypeError, EnigmaValueError
from enigma.layout.coordinates import has_none
from enigma.layout.int_tuple import product
from enigma.source import SourceLoc, caller
from enigma.spec.registry import by_algebra
from enigma.spec.terms import Algebra
from enigma.trace import coordinates, vectorise
from enigma.trace.calls import make_method, methods
from enigma.trace.given import describe, literal
from enigma.trace.value import Handle, TracedValue, active

_MISSING: Any = object()  # an argument that was not given


class Tensor(Handle):
    """Memory with a layout: what a kernel's buffer parameters, threadgroup memory and parts of them are.

    `T[i, j]` reads an element and `T[i, j] = x` writes it; the parts of a coordinate are Python ints or traced integers. With
    None for a part it is a view, of the same memory: `T[None, j]` is a column. `T.load()` takes all elements of a view into
    registers. A parameter annotated with a dtype alone has no layout: `A[i]` is element i. With a shape, `A: enigma.f32[M, N]`,
    it is row-major; with an explicit layout one integer is the linear coordinate, as in CuTe.

    Outside of kernels a tensor describes an argument of an `@enigma.jit` function: `Tensor("A", 0, "float", layout=...)`, its
    `shape` (row-major) standing for a layout. Without a name, `Tensor(enigma.f32, layout_or_shape)`, it annotates a parameter.

    Every function whose first argument is a buffer is a method too, without that argument.

        tile = enigma.threadgroup_alloc(enigma.f32, (8, 32))
        tile[row, lane] = A[i]

    Raises `EnigmaTypeError` and `EnigmaValueError` for what is no dtype, layout, shape or address space.
    """

    __slots__ = ("_base", "_extents", "_layout", "array", "buffer_index", "strict")

    def __init__(
        self, name: Any, buffer_index: Any = None, metal_dtype: Any = None, layout: Any = None, base_offset: int = 0,
        address_space: str = "device", shape: Any = None,
    ) -> None:  # fmt: skip
        if not isinstance(name, str):
            given = buffer_index if buffer_index is not None else layout
            if given is not None and not hasattr(given, "stride"):
                given, shape = None, given
            name, buffer_index, metal_dtype, layout = None, None, name, given
        known = {space.value: space for space in Space}
        if address_space not in known:
            raise EnigmaValueError(
                f"a tensor's address space cannot be {address_space!r}",
                loc=caller(),
                help=f"write one of {', '.join(known)}",
            )
        if layout is not None and not hasattr(layout, "stride"):
            raise EnigmaTypeError(
                f"a tensor's layout cannot be {layout!r}",
                loc=caller(),
                help="make one: enigma.make_layout(shape, stride)",
            )
        extents = None if shape is None else coordinates.extents(shape, "a tensor's shape")
        self._set(BufferType(as_dtype(metal_dtype), known[address_space]), name, extents, layout)
        self.buffer_index, self._base = buffer_index, base_offset

    def _set(self, type: BufferType, name: str | None, extents: Any, layout: Any) -> None:
        Handle.__init__(self, type, name)
        self._extents, self._layout = extents, layout
        self._base = 0
        self.array: Any = None  # the array that it stands for on the host
        self.buffer_index: int | None = None
        self.strict = False  # whether one integer for several axes is refused

    @classmethod
    def of(cls, type: BufferType, name: str | None, shape: Any = None, layout: Any = None) -> Tensor:
        """Return new memory of a row-major shape, or of a layout; of neither for a buffer of unknown size."""
        made = object.__new__(Tensor)
        made._set(type, name, shape, layout)
        return made

    @property
    def shape(self) -> Any:
        """The extent of each mode; None for a parameter without a layout."""
        return self._extents if self._layout is None else self._layout.shape

    @property
    def layout(self) -> Any:
        """Where the elements are: the layout, of a row-major shape too. Raises `EnigmaTypeError` where there is none."""
        if self._layout is not None:
            return self._layout
        if self._extents is None:
            raise EnigmaTypeError(
                f"{self.name or 'the buffer'} has no layout", loc=caller(),
                help=f"annotate its shape, {self.name or 'A'}: enigma.{self.dtype.name}[M, N], or lay one over it: "
                f"enigma.make_tensor({self.name or 'A'}, layout)",
            )  # fmt: skip
        return coordinates.row_major(self._extents)

    @property
    def stride(self) -> Any:
        """The strides, nested like the shape, in elements."""
        return self.layout.stride

    @property
    def start(self) -> Any:
        """The number of its first element within the memory."""
        return self._base

    @property
    def element_type(self) -> Numeric:
        """The dtype of the elements."""
        return self.dtype

    def rank(self) -> int:
        """Return the number of modes."""
        return self.layout.rank()

    def depth(self) -> int:
        """Return how deep the shape is nested."""
        return self.layout.depth()

    @property
    def is_laid_out(self) -> bool:
        """Whether it has an explicit layout, so that one integer is a linear coordinate."""
        return self._layout is not None

    def flat(self, function: str, loc: SourceLoc) -> Tensor:
        """Return the elements of a row-major tensor in one mode; `function` names who asks in the error for an explicit layout."""
        if self._layout is not None:
            raise EnigmaTypeError(
                f"{function}: {self.name or 'the tensor'} has the layout {self._layout}, but rows of plain memory are wanted",
                loc=loc, help="pass the memory that it is laid over, and where to begin: T.memory",
            )  # fmt: skip
        return (
            View(self.memory, self.start, None if self.size() is None else (self.size(),), of=self)
            if self.strict
            else self
        )

    def with_layout(self, layout: Any, moved: Any = 0) -> Tensor:
        """Return a view of the same memory with another layout, which starts `moved` elements behind this one's start."""
        return View(self.memory, shifted(self.start, moved), layout=layout, of=self)

    @property
    def dtype(self) -> Numeric:
        """The dtype of the elements."""
        return self.buffer_type.element

    @property
    def buffer_type(self) -> BufferType:
        """The element dtype and address space."""
        if not isinstance(self.type, BufferType):
            raise EnigmaTypeError(f"{self.name} is no buffer", loc=caller())
        return self.type

    @property
    def address_space(self) -> str:
        """Metal's name of the address space: "device", "constant", "threadgroup" or "thread"."""
        return self.buffer_type.space.value

    def size(self, mode: Any = None) -> Any:
        """Return the number of elements, in all or of one mode; None for a parameter without a layout."""
        if self._layout is None and mode is None:
            return None if self._extents is None or self._extents[0] is None else math.prod(self._extents)
        return self.layout.size(mode)

    @property
    def memory(self) -> Tensor:
        """The memory whose elements these are: itself, or of a view what it is a part of."""
        return self

    def __getattr__(self, name: str) -> Any:
        raise EnigmaAttributeError(
            f"{self.name or 'a buffer'} is a buffer, which has no {name}", loc=caller(),
            help=f"it has {', '.join(sorted(methods()))}, and dtype, layout, shape, stride, size() and address_space",
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<{self.name or 'buffer'}: {self.type}>"

    __hash__ = object.__hash__

    def offset(self, index: Any, loc: SourceLoc) -> Any:
        """Return the element number of an index or a coordinate within the whole memory.

        Raises located errors for what is no integer, and for a static one outside of a known shape.
        """
        return shifted(self.start, self._number(index, loc))

    def _number(self, index: Any, loc: SourceLoc) -> Any:
        if self._layout is not None:
            return coordinates.offset(self, index, loc)
        if isinstance(index, tuple):
            return self._coordinate(cast(tuple[Any, ...], index), loc)
        if self.strict and self._extents is not None and len(self._extents) > 1:
            raise EnigmaTypeError(
                f"{self.name} has {len(self._extents)} axes, but it got one index", loc=loc,
                help=f"write one index for each axis; a row is {self.name}[i, None]",
            )  # fmt: skip
        return self.place(index, self.size(), "", loc)

    def place(self, index: Any, extent: int | None, axis: str, loc: SourceLoc) -> Any:
        """Return a part of a coordinate, or a whole index; raises for what is no integer, or outside of a known extent."""
        return coordinates.place(self.name, index, extent, axis, loc)

    def _coordinate(self, index: tuple[Any, ...], loc: SourceLoc) -> Any:
        if self._extents is None:
            raise EnigmaTypeError(
                f"{self.name} has no shape, so it takes one index, but it got {len(index)}", loc=loc,
                help=f"compute the element number: {self.name}[i * columns + j], or annotate the shape: "
                f"{self.name}: enigma.{self.dtype.name}[M, N]",
            )  # fmt: skip
        if len(index) != len(self._extents):
            raise EnigmaTypeError(
                f"{self.name or 'the buffer'} has {len(self._extents)} axes, but it got {len(index)} indices", loc=loc,
                help="write one index for each axis",
            )  # fmt: skip
        total: Any = 0
        for axis, (extent, given) in enumerate(zip(self._extents, index, strict=True)):
            part = self.place(given, extent, f"axis {axis} of ", loc)
            total = part if isinstance(total, int) and total == 0 else total * extent + part
        return total

    def __getitem__(self, index: Any) -> Any:
        loc = caller()
        if has_none(index):
            return self.with_layout(*coordinates.sliced(self, index, loc))
        return active().apply(by_algebra()[Algebra.LOAD], {"buf": self.memory, "i": self.offset(index, loc)}, loc)

    def __setitem__(self, index: Any, value: Any) -> None:
        loc = caller()
        if has_none(index):
            raise EnigmaTypeError(
                f"a view of {self.name or 'the buffer'} cannot be assigned", loc=loc,
                help=f"store all of its elements: {self.name or 'T'}[None, i].store(fragment)",
            )  # fmt: skip
        tracer = active()
        if not isinstance(value, TracedValue) and literal(value) is None:
            raise EnigmaTypeError(
                f"an element of {self.name or 'the buffer'} must be {self.dtype.name}, but it is given {describe(value)}", loc=loc,
                help="store a traced value or a Python number",
            )  # fmt: skip
        self.refuse_constant(loc)
        tracer.apply(by_algebra()[Algebra.STORE], {"buf": self.memory, "i": self.offset(index, loc), "x": value}, loc)

    def load(
        self, index: Any = _MISSING, lanes: int = 1, *, limit: Any = None, default: Any = 0, pred: Any = None
    ) -> Any:
        """Return all elements of a view as a `Fragment`. With `pred` those for which it does not hold are `default`, and not read.

        With an index it is the vector of the `lanes` (2 to 4) elements from `index` on.

        With a `limit`, elements from that number on are not read: their components are `default`. `A.load(i * 4, 4)` is one
        access of 16 bytes.

            v = A.load(i * 4, 4, limit=n)

        Raises `EnigmaTypeError` for a buffer of vectors, and for an index that is no integer.
        """
        loc, tracer = caller(), active()
        if index is _MISSING:
            return vectorise.load(self, loc, pred, default)
        count = self._lanes(lanes, loc)
        start = self._run(index, "load", loc)
        if limit is None:
            return tracer.load_vector(self.memory, start, count, loc)
        return tracer.load_limited(self.memory, start, count, limit, default, loc)

    def store(self, index: Any, value: Any = _MISSING, *, limit: Any = None, pred: Any = None) -> None:
        """Set all elements of a view, with `pred` those for which it holds: `T[tid, None].store(fragment)`.

        With an index it sets the elements from `index` on to the components of a vector; with a `limit`, none from that number on.

            Out.store(i * 4, v, limit=n)

        Raises `EnigmaTypeError` for a value that is no vector, or does not fit the elements.
        """
        loc, tracer = caller(), active()
        if value is _MISSING:
            self.refuse_constant(loc)
            vectorise.store(self, index, loc, pred)
            return
        if not isinstance(value, TracedValue) or not isinstance(value.type, Vector):
            raise EnigmaTypeError(
                f"store of {describe(value)}: it sets several elements to the components of a vector", loc=loc,
                help=f"for one element write {self.name or 'A'}[i] = x; make a vector with enigma.f32x4(x, y, z, w)",
            )  # fmt: skip
        self.refuse_constant(loc)
        start = self._run(index, "store", loc)
        self._lanes(value.type.lanes, loc)
        tracer.store_vector(self.memory, start, value, limit, loc)

    def _run(self, index: Any, function: str, loc: SourceLoc) -> Any:
        """Return where several elements one after another begin."""
        if isinstance(index, tuple):
            self.flat(function, loc)  # refuses a layout
            return self.offset(index, loc)
        return self.flat(function, loc).offset(index, loc)

    def _lanes(self, lanes: Any, loc: SourceLoc) -> int:
        if self.dtype.parts > 1:
            raise EnigmaTypeError(
                f"{self.name or 'the buffer'} holds {self.dtype.name}: an element is a vector already", loc=loc,
                help=f"read or write elements: {self.name or 'A'}[i]",
            )  # fmt: skip
        if literal(lanes) not in WIDTHS or isinstance(lanes, bool):
            raise EnigmaValueError(
                f"a vector has 2, 3 or 4 components, not {describe(lanes)}", loc=loc, help="write A.load(i, 4)"
            )
        return int(lanes)

    def refuse_constant(self, loc: SourceLoc) -> None:
        """Raise `EnigmaTypeError` for constant memory, which is not written."""
        if self.buffer_type.space is Space.CONSTANT:
            raise EnigmaTypeError(
                f"{self.name} is constant memory and cannot be written", loc=loc, help="write to a buffer parameter"
            )

    def __iter__(self) -> Any:
        raise EnigmaTypeError(
            f"{self.name or 'a buffer'} cannot be iterated over",
            loc=caller(),
            help="loop over indices: for i in range(n): A[i]",
        )

    def __len__(self) -> int:
        shape: Any = self.shape
        modes = cast("tuple[Any, ...]", shape) if isinstance(shape, tuple) else (shape,)
        if modes[0] is None:
            raise EnigmaTypeError(
                f"the length of {self.name} is known at launch only",
                loc=caller(),
                help="pass it: n: enigma.Scalar(enigma.u32)",
            )
        return product(modes[0])

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return self is other

    # ---- on the host

    @property
    def __array_interface__(self) -> Any:
        if self.memory.array is None:  # a parameter of a kernel, or described: it is no array
            raise AttributeError(f"{self.name} stands for no array")
        return context.load_host().array_of(self).__array_interface__

    def __dlpack__(self, **options: Any) -> Any:
        return context.load_host().exported(self, options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # the CPU


class View(Tensor):
    """A part of a buffer, from element number `start` on, which may be known only when the kernel runs."""

    __slots__ = ("_memory", "_start")

    def __init__(
        self, memory: Tensor, start: Any, shape: Any = None, layout: Any = None, of: Tensor | None = None
    ) -> None:
        like = memory if of is None else of
        self._set(memory.buffer_type, like.name, shape, layout)
        self.buffer_index, self.array = memory.buffer_index, memory.array
        self._memory, self._start = memory, start
        self.owner, self.scope = memory.owner, memory.scope

    @property
    def start(self) -> Any:
        """The number of its first element within the memory."""
        return self._start

    @property
    def memory(self) -> Tensor:
        """What it is a part of."""
        return self._memory


class Table(View):
    """Numbers in constant memory. With fewer indices than axes it gives a part of itself, as NumPy does: `W[i][j]`."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        given: tuple[Any, ...] = cast(tuple[Any, ...], index) if isinstance(index, tuple) else (index,)
        shape = self.shape or ()
        if len(given) >= len(shape):
            return super().__getitem__(given if len(shape) > 1 else index)
        loc = caller()
        rest = shape[len(given) :]
        leading = Tensor.of(self.buffer_type, self.name, shape[: len(given)])
        number = leading.offset(given, loc)
        return Table(self.memory, shifted(self.start, number * math.prod(rest)), rest)


def shifted(start: Any, index: Any) -> Any:
    """Return `start + index`, without an operation where one of them is the number 0."""
    if literal(start) == 0:
        return index
    return start if literal(index) == 0 else start + index


for _name, _row in methods().items():
    setattr(Tensor, _name, make_method(_row))
