"""What holds values that change while a kernel runs, outside of Python's variables: register tensors and pipelines.

Native loops and branches carry what variables hold (`state.py` takes these apart like lists). The context managers see no
variables, so they carry the values of every `Registers` object that is alive (`Held`).
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import Any, NoReturn, Self, cast

from enigma.dtypes import Numeric
from enigma.errors import EnigmaIndexError, EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.trace.given import check_assignable, describe, literal, located_dtype
from enigma.trace.node import Block, For, If, Node, Op, While
from enigma.trace.public import public
from enigma.trace.tracer import Tracer
from enigma.trace.value import TracedValue, active


class Registers:
    """Traced values in a fixed number of places. `values` may be changed in place."""

    def __init__(self, tracer: Tracer, values: Sequence[TracedValue]) -> None:
        self.values = list(values)
        self.name: str | None = None
        self._tracer = tracer
        tracer.registers.append(weakref.ref(self))

    def __copy__(self) -> Self:
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.values = list(self.values)
        self._tracer.registers.append(weakref.ref(other))
        return other

    def take_name(self, name: str) -> None:
        """Name them for the variable that holds them."""
        self.name = self.name or name

    def keys(self) -> Sequence[int | str]:
        """Return what tells the values apart in their names."""
        return range(len(self.values))

    def names(self) -> list[str | None]:
        """Return what each value is called: as native loops call those of a list."""
        return [f"{self.name}{key}" if self.name is not None else None for key in self.keys()]


class RegisterTensor(Registers):
    """Values of each thread's own, in registers, indexed by Python ints: `acc[m, n] += x`. Loops and branches carry them.

    acc = enigma.register_tensor((2, 2), enigma.f32, fill=0)
    acc[0, 1] += A[i]
    """

    def __init__(self, tracer: Tracer, shape: tuple[int, ...], dtype: Numeric, fill: TracedValue) -> None:
        super().__init__(tracer, [fill] * math.prod(shape))
        self._shape, self._dtype = shape, dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return self._shape

    @property
    def dtype(self) -> Numeric:
        """The dtype of the elements."""
        return self._dtype

    def size(self, mode: Any = None) -> int:
        """Return how many elements there are, in all or along one axis."""
        return len(self.values) if mode is None else self._shape[int(mode)]

    def __repr__(self) -> str:
        return f"<{self.name or 'register tensor'}: {self._dtype.name}{list(self._shape)}>"

    def __len__(self) -> int:
        return self._shape[0]

    def __bool__(self) -> bool:
        raise EnigmaTypeError(
            f"{self.name or 'a register tensor'} holds several values and has no truth value", loc=caller(),
            help="test an element: acc[0] != 0",
        )  # fmt: skip

    def _refuse(self, *_: Any) -> NoReturn:
        raise EnigmaTypeError(
            f"{self.name or 'a register tensor'} holds several values, and operators take one", loc=caller(),
            help="compute with its elements: for k in range(acc.size()): acc[k] += 1",
        )  # fmt: skip

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _refuse
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __lshift__ = __rshift__ = _refuse
    __neg__ = __invert__ = __abs__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse

    def __getitem__(self, index: Any) -> TracedValue:
        return self.values[self._place(index, caller())]

    def __setitem__(self, index: Any, value: Any) -> None:
        loc = caller()
        place = self._place(index, loc)
        check_assignable(value, self._dtype, f"an element of {self.name or 'the register tensor'}", loc)
        number = literal(value)
        if number is not None and self._dtype.is_integer:
            value = int(number)
        self.values[place] = self._tracer.convert(value, self._dtype, loc)

    def __iter__(self) -> Any:
        return iter(list(self.values))

    def _place(self, index: Any, loc: SourceLoc) -> int:
        """Return the number of an element: of an int itself, of a tuple its row-major place."""
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
                raise EnigmaTypeError(
                    f"{shown} is indexed by Python ints, but the index is {describe(part)}", loc=loc,
                    help="registers have no addresses: unroll the loop with enigma.range_constexpr, or use "
                    "enigma.thread_alloc(dtype, size)",
                )  # fmt: skip
            if not 0 <= number < extent:
                where = f"axis {axis} of {shown}" if len(shape) > 1 else shown
                raise EnigmaIndexError(
                    f"index {number} is outside of {where}, which has {extent} elements", loc=loc,
                    help="indices start at 0 and do not count from the end",
                )  # fmt: skip
            place = place * extent + number
        return place


@public
def register_tensor(shape: Any, dtype: Any = "float", fill: Any = 0) -> RegisterTensor:
    """Return a tensor in the thread's registers, every element `fill`: `acc = enigma.register_tensor((4, 4))`.

    It is indexed by Python ints or tuples of them, row-major; stores convert to `dtype`. Native loops and branches and the
    context managers carry it: what a loop's body writes is seen after the loop.

    Raises located errors for an empty shape, an index that is traced or outside, and what does not convert.
    """
    loc, tracer = caller(), active()
    element = located_dtype(dtype, loc)
    extents = static_shape(shape, "a register tensor", loc)
    check_assignable(fill, element, "the fill", loc)
    number = literal(fill)
    if number is not None and element.is_integer:
        fill = int(number)
    return RegisterTensor(tracer, extents, element, tracer.convert(fill, element, loc))


def static_shape(size: Any, what: str, loc: SourceLoc) -> tuple[int, ...]:
    """Return a size as a tuple of ints. Raises located errors for what is traced, empty, zero or negative."""
    shape: tuple[Any, ...] = tuple(cast(Sequence[Any], size)) if isinstance(size, tuple | list) else (size,)
    if not shape:
        raise EnigmaValueError(f"{what} of no axes", loc=loc, help="give its size, or a tuple of them: (4, 4)")
    for extent in shape:
        number = literal(extent)
        if not isinstance(number, int) or isinstance(number, bool):
            raise EnigmaTypeError(
                f"the size of {what} must be a Python int, but it is {describe(extent)}", loc=loc,
                help="it is fixed when the kernel is compiled: use a number or an enigma.constexpr parameter",
            )  # fmt: skip
        if number <= 0:
            raise EnigmaValueError(f"{what} of {number} elements", loc=loc, help="the size must be at least 1")
    return tuple(int(extent) for extent in shape)


class Held:
    """The values of all live registers before a statement, for the context managers, which see no variables."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        tracer.registers[:] = [ref for ref in tracer.registers if ref() is not None]
        found = [holder for ref in tracer.registers if (holder := ref()) is not None]
        self.holders = [holder for holder in found if all(self._is_here(value) for value in holder.values)]
        self.before = self.now()

    def _is_here(self, value: TracedValue) -> bool:
        return value.scope is None or any(value.scope is block for block in self.tracer.blocks)

    def now(self) -> list[TracedValue]:
        """Return the values as they are."""
        return [value for holder in self.holders for value in holder.values]

    def put(self, values: Sequence[TracedValue]) -> None:
        """Let the registers hold these values."""
        start = 0
        for holder in self.holders:
            holder.values[:] = values[start : start + len(holder.values)]
            start += len(holder.values)

    def enter(self, block: Block) -> list[TracedValue]:
        """Let the registers hold new arguments of a loop's block; returns them."""
        new = [TracedValue(value.dtype, name) for value, name in zip(self.before, self._names(), strict=True)]
        for value in new:
            value.scope = block
        block.args.extend(new)
        self.put(new)
        return new

    def close_loop(self, node: For | While, args: Sequence[Sequence[TracedValue]]) -> None:
        """Carry what a loop's body changed: make it the loop's inits, yields and results; take back the other arguments.

        `args` are the arguments of each block; the last is the body, which just ended.
        """
        ends = self.now()
        changed = [k for k, end in enumerate(ends) if end is not args[-1][k]]
        for block, own in zip(node.blocks, args, strict=True):
            kept = {id(own[k]) for k in changed}
            gone = {id(value): self.before[k] for k, value in enumerate(own) if id(value) not in kept}
            block.args[:] = [value for value in block.args if id(value) not in gone]
            _replace(block, gone)
        after = list(self.before)
        for k in changed:
            node.inits.append(self.before[k])
            node.body.yields.append(ends[k])
            after[k] = self._result(node, ends[k], k)
        self.put(after)

    def close_if(self, node: If, then: Sequence[TracedValue], orelse: Sequence[TracedValue]) -> None:
        """Merge what the branches of an `if` left in the registers."""
        after = list(self.before)
        for k, (x, y) in enumerate(zip(then, orelse, strict=True)):
            if x is not y:
                node.then.yields.append(x)
                node.orelse.yields.append(y)
                after[k] = self._result(node, x, k)
            else:
                after[k] = x
        self.put(after)

    def _names(self) -> list[str | None]:
        return [name for holder in self.holders for name in holder.names()]

    def _result(self, node: Node, like: TracedValue, number: int) -> TracedValue:
        value = TracedValue(like.dtype, self._names()[number], node)
        value.scope = self.tracer.blocks[-1]
        if not isinstance(node, Op):
            node.results.append(value)
        return value


def _replace(block: Block, gone: dict[int, TracedValue]) -> None:
    """Replace values in all that a block holds."""

    def new(values: Sequence[Any]) -> list[Any]:
        return [gone.get(id(value), value) for value in values]

    for node in block.nodes:
        match node:
            case Op():
                node.operands = tuple(new(node.operands))
            case If():
                (node.condition,) = new([node.condition])
            case For():
                node.low, node.high, node.step = new([node.low, node.high, node.step])
                node.inits[:] = new(node.inits)
            case While():
                node.inits[:] = new(node.inits)
        for inner in node.blocks:
            _replace(inner, gone)
    block.yields[:] = new(block.yields)
