"""What a kernel's body sees of a buffer: something to index, on both sides of an assignment."""

from __future__ import annotations

import math
from typing import Any, cast

from enigma.dtypes import WIDTHS, BufferType, Numeric, Space, Vector
from enigma.errors import EnigmaAttributeError, EnigmaIndexError, EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.spec.registry import by_algebra
from enigma.spec.terms import Algebra
from enigma.trace.calls import make_method, methods
from enigma.trace.given import describe, literal
from enigma.trace.value import Handle, TracedValue, active

_INDEX = "write a whole number or a traced integer: A[i]"


class Tensor(Handle):
    """A buffer in a kernel: `A[i]` reads, `A[i] = x` writes. With a `shape`, `A[i, j]` does (row-major).

    Every function whose first argument is a buffer is a method too, without that argument. `size` is the number of elements
    where it is known (not of a parameter), else None.

        tile = enigma.threadgroup_alloc(enigma.f32, (8, 32))
        tile[row, lane] = A[i]
    """

    __slots__ = ("shape",)

    def __init__(self, type: BufferType, name: str | None, shape: tuple[int, ...] | None = None) -> None:
        super().__init__(type, name)
        self.shape = shape

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

    @property
    def size(self) -> int | None:
        """Elements, or None for a buffer parameter, whose size is known at launch only."""
        return math.prod(self.shape) if self.shape is not None else None

    @property
    def memory(self) -> Tensor:
        """The memory whose elements these are: itself, or of a view what it is a part of."""
        return self

    def __getattr__(self, name: str) -> Any:
        raise EnigmaAttributeError(
            f"{self.name or 'a buffer'} is a buffer, which has no {name}", loc=caller(),
            help=f"it has {', '.join(sorted(methods()))}, and dtype, shape, size and address_space",
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<{self.name or 'buffer'}: {self.type}>"

    __hash__ = object.__hash__

    def offset(self, index: Any, loc: SourceLoc) -> Any:
        """Return the element number of an index or a coordinate; raises for a static one outside of a known shape."""
        if isinstance(index, tuple):
            return self._coordinate(cast(tuple[Any, ...], index), loc)
        return self._place(index, self.size, "", loc)

    def _place(self, index: Any, extent: int | None, axis: str, loc: SourceLoc) -> Any:
        """Return a part of a coordinate, or a whole index; raises for what is no integer, or outside of a known extent."""
        if isinstance(index, slice):
            raise EnigmaTypeError(
                f"{self.name or 'a buffer'} cannot be sliced",
                loc=loc,
                help="loop over the elements: for i in range(n): A[i]",
            )
        number = literal(index)
        if isinstance(number, float | bool) or (number is None and not isinstance(index, TracedValue)):
            raise EnigmaTypeError(
                f"a buffer index must be an integer, but it is {describe(index)}", loc=loc, help=_INDEX
            )
        if number is not None:
            if number < 0 or (extent is not None and number >= extent):
                holds = f", which has {extent} elements" if extent is not None else ""
                raise EnigmaIndexError(
                    f"index {number} is outside of {axis}{self.name or 'the buffer'}{holds}", loc=loc,
                    help="indices start at 0 and do not count from the end",
                )  # fmt: skip
            return number
        if not isinstance(index.type, Numeric) or not index.type.is_integer or index.type.parts > 1:
            raise EnigmaTypeError(
                f"a buffer index must be an integer, but {index.name or 'it'} is {describe(index)}", loc=loc,
                help=f"convert it: {index.name or 'i'}.to(enigma.i32)",
            )  # fmt: skip
        return index

    def _coordinate(self, index: tuple[Any, ...], loc: SourceLoc) -> Any:
        if self.shape is None:
            raise EnigmaTypeError(
                f"{self.name} has no shape, so it takes one index, but it got {len(index)}", loc=loc,
                help=f"compute the element number: {self.name}[i * columns + j]",
            )  # fmt: skip
        if len(index) != len(self.shape):
            raise EnigmaTypeError(
                f"{self.name or 'the buffer'} has {len(self.shape)} axes, but it got {len(index)} indices", loc=loc,
                help="write one index for each axis",
            )  # fmt: skip
        total: Any = 0
        for axis, (extent, given) in enumerate(zip(self.shape, index, strict=True)):
            part = self._place(given, extent, f"axis {axis} of ", loc)
            total = part if isinstance(total, int) and total == 0 else total * extent + part
        return total

    def __getitem__(self, index: Any) -> Any:
        loc = caller()
        return active().apply(by_algebra()[Algebra.LOAD], {"buf": self.memory, "i": self.offset(index, loc)}, loc)

    def __setitem__(self, index: Any, value: Any) -> None:
        loc = caller()
        tracer = active()
        if not isinstance(value, TracedValue) and literal(value) is None:
            raise EnigmaTypeError(
                f"an element of {self.name or 'the buffer'} must be {self.dtype.name}, but it is given {describe(value)}", loc=loc,
                help="store a traced value or a Python number",
            )  # fmt: skip
        self.refuse_constant(loc)
        tracer.apply(by_algebra()[Algebra.STORE], {"buf": self.memory, "i": self.offset(index, loc), "x": value}, loc)

    def load(self, index: Any, lanes: int, *, limit: Any = None, default: Any = 0) -> TracedValue:
        """Return the vector of the `lanes` (2 to 4) elements from `index` on.

        With a `limit`, elements from that number on are not read: their components are `default`. `A.load(i * 4, 4)` is one
        access of 16 bytes.

            v = A.load(i * 4, 4, limit=n)

        Raises `EnigmaTypeError` for a buffer of vectors, and for an index that is no integer.
        """
        loc, tracer = caller(), active()
        count = self._lanes(lanes, loc)
        start = self.offset(index, loc)
        if limit is None:
            return tracer.load_vector(self.memory, start, count, loc)
        return tracer.load_limited(self.memory, start, count, limit, default, loc)

    def store(self, index: Any, value: Any, *, limit: Any = None) -> None:
        """Set the elements from `index` on to the components of a vector; with a `limit`, none from that number on.

            Out.store(i * 4, v, limit=n)

        Raises `EnigmaTypeError` for a value that is no vector, or does not fit the elements.
        """
        loc, tracer = caller(), active()
        if not isinstance(value, TracedValue) or not isinstance(value.type, Vector):
            raise EnigmaTypeError(
                f"store of {describe(value)}: it sets several elements to the components of a vector", loc=loc,
                help=f"for one element write {self.name or 'A'}[i] = x; make a vector with enigma.f32x4(x, y, z, w)",
            )  # fmt: skip
        self.refuse_constant(loc)
        start = self.offset(index, loc)
        self._lanes(value.type.lanes, loc)
        tracer.store_vector(self.memory, start, value, limit, loc)

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
        if self.shape is None:
            raise EnigmaTypeError(
                f"the length of {self.name} is known at launch only",
                loc=caller(),
                help="pass it: n: enigma.Scalar(enigma.u32)",
            )
        return self.shape[0]

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return self is other


class View(Tensor):
    """A part of a buffer: `shape` elements from number `start` on, which may be known only when the kernel runs."""

    __slots__ = ("_memory", "start")

    def __init__(self, memory: Tensor, start: Any, shape: tuple[int, ...]) -> None:
        super().__init__(memory.buffer_type, memory.name, shape)
        self._memory, self.start = memory, start
        self.owner, self.scope = memory.owner, memory.scope

    @property
    def memory(self) -> Tensor:
        """What it is a part of."""
        return self._memory

    def offset(self, index: Any, loc: SourceLoc) -> Any:
        """Return the element number within the whole memory."""
        return shifted(self.start, super().offset(index, loc))


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
        leading = Tensor(self.buffer_type, self.name, shape[: len(given)])
        number = leading.offset(given, loc)
        return Table(self.memory, shifted(self.start, number * math.prod(rest)), rest)


def shifted(start: Any, index: Any) -> Any:
    """Return `start + index`, without an operation where one of them is the number 0."""
    if literal(start) == 0:
        return index
    return start if literal(index) == 0 else start + index


for _name, _row in methods().items():
    setattr(Tensor, _name, make_method(_row))
