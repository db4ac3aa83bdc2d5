"""What holds values that change while a kernel runs, outside of Python's variables: those of register tensors and pipelines.

Native loops and branches carry what variables hold (`state.py` takes these apart like lists). The context managers see no
variables, so they carry the values of every `Registers` object that is alive (`Held`).
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, Self, cast

from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.trace.arrangement import Chunk, Places, is_exact, single, spread
from enigma.trace.fragment import Fragment
from enigma.trace.given import describe, literal
from enigma.trace.node import Block, For, If, Node, Op, While
from enigma.trace.tracer import Tracer
from enigma.trace.value import TracedValue


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

    @property
    def count(self) -> int:
        """How many values it holds after `settle`."""
        return len(self.values)

    def take_name(self, name: str) -> None:
        """Name them for the variable that holds them."""
        self.name = self.name or name

    def keys(self) -> Sequence[Any]:
        """Return what tells the values apart in their names."""
        return range(len(self.values))

    def settle(self, loc: SourceLoc) -> None:
        """Hold as many values as at any other time."""

    def refill(self, values: Sequence[TracedValue]) -> None:
        """Hold other values, as many as after `settle`."""
        self.values[:] = values

    def names(self) -> list[str | None]:
        """Return what each value is called: as native loops call those of a list."""
        return [f"{self.name}{key}" if self.name is not None else None for key in self.keys()]


class Cells(Registers):
    """The registers of a register tensor: several next to each other may be one vector, as they were stored.

    `values` are single values and vectors; `places` says which component of which value each register is.
    """

    def __init__(self, tracer: Tracer, values: Sequence[TracedValue]) -> None:
        super().__init__(tracer, values)
        self.places = single(len(values))

    def keys(self) -> Sequence[Any]:
        """Return the steps to the values: unequal for cells that hold their registers otherwise."""
        return [Chunk(number, (len(self.places),), self.places) for number in range(len(self.values))]

    @property
    def count(self) -> int:
        """How many registers there are."""
        return len(self.places)

    def hold(self, values: Sequence[TracedValue], places: Places) -> None:
        """Hold other values, arranged as `places` say."""
        self.values[:], self.places = values, places

    def all(self) -> Fragment:
        """Return what all registers hold."""
        return Fragment((len(self.places),), self.values, self.places)

    def _is_alone(self, number: int) -> bool:
        return sum(chunk == self.places[number][0] for chunk, _ in self.places) == 1

    def get(self, number: int, loc: SourceLoc) -> TracedValue:
        """Return what one register holds."""
        if self._is_alone(number):
            return self.values[self.places[number][0]]
        return self.load([number], 1, loc).chunks[0]

    def set(self, number: int, value: TracedValue, loc: SourceLoc) -> None:
        """Let one register hold a value; others that were in one vector with it are values of their own then."""
        if self._is_alone(number):
            self.values[self.places[number][0]] = value
        else:
            self.store([number], Fragment.of(1, [value]), loc)

    def load(self, numbers: Sequence[int], shape: Any, loc: SourceLoc) -> Fragment:
        """Return what some registers hold, as a fragment of a shape."""
        return self.all().part(numbers, shape, loc)

    def store(self, numbers: Sequence[int], new: Fragment, loc: SourceLoc) -> None:
        """Let registers, none of them named twice, hold the elements of a fragment, as it has them in vectors."""
        places = spread(new.places)
        if not is_exact(places):
            places = single(len(numbers))
        rest = [number for number in range(len(self.places)) if number not in set(numbers)]
        kept = self.load(rest, (len(rest),), loc)
        held: list[tuple[list[int], TracedValue]] = []
        for own, values, where in ((numbers, new.arranged(places, loc), places), (rest, kept.chunks, kept.places)):
            members: list[list[tuple[int, int]]] = [[] for _ in values]
            for number, (chunk, lane) in zip(own, where, strict=True):
                members[chunk].append((lane, number))
            held += [([n for _, n in sorted(group)], value) for group, value in zip(members, values, strict=True)]
        held.sort(key=lambda group: group[0])
        where_is = {n: (chunk, lane) for chunk, (group, _) in enumerate(held) for lane, n in enumerate(group)}
        self.hold([value for _, value in held], tuple(where_is[n] for n in range(len(self.places))))

    def refill(self, values: Sequence[TracedValue]) -> None:
        """Hold a value for each register."""
        self.hold(values, single(len(values)))

    def settle(self, loc: SourceLoc) -> None:
        """Hold each register as a value of its own."""
        self.hold(self.all().arranged(single(len(self.places)), loc), single(len(self.places)))


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
        self.settle()
        self.before = self.now()

    def _is_here(self, value: TracedValue) -> bool:
        return value.scope is None or any(value.scope is block for block in self.tracer.blocks)

    def settle(self) -> None:
        """At the end of a block: let the holders hold as many values as before it."""
        for holder in self.holders:
            holder.settle(caller())

    def now(self) -> list[TracedValue]:
        """Return the values as they are."""
        return [value for holder in self.holders for value in holder.values]

    def put(self, values: Sequence[TracedValue]) -> None:
        """Let the registers hold these values."""
        start = 0
        for holder in self.holders:
            count = holder.count
            holder.refill(values[start : start + count])
            start += count

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
