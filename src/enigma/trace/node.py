"""The traced IR: blocks of nodes, each an intrinsic's row applied to values, and the three structured statements.

It imports no third party and is never rewritten: what the simulator runs, the cache hashes and `dump_ir` prints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from enigma.dtypes import Numeric, TextureType, Type
from enigma.source import SourceLoc
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import Precision


class Value:
    """One value of the traced IR: the result of a node, a block's argument or a kernel's parameter.

    `type` is a dtype, a `BufferType` or a `TextureType`; `name` is the Python variable it was first assigned to, or None.
    Subclassed by the traced values that users handle (`trace/value.py`); identity is equality.
    """

    __slots__ = ("name", "owner", "type")

    def __init__(self, type: Type, name: str | None = None, owner: Node | None = None) -> None:
        self.type: Type = type
        self.name: str | None = name
        self.owner: Node | None = owner


@dataclass(slots=True, eq=False)
class Block:
    """A straight list of nodes; `args` are defined on entry, `yields` are what it hands to its statement at the end."""

    args: list[Value] = field(default_factory=list[Value])
    nodes: list[Node] = field(default_factory=list["Node"])
    yields: list[Value] = field(default_factory=list[Value])


@dataclass(slots=True, eq=False)
class Op:
    """An intrinsic applied to operands. `attrs` holds the row's compile-time arguments (enum members, ints, dtypes).

    A constant has the attribute `value` besides its dtype. A conversion that nobody wrote, for operands of different dtypes
    or a store, is `implied`.
    """

    row: Intrinsic
    operands: tuple[Value, ...]
    attrs: dict[str, Any]
    result: Value | None
    loc: SourceLoc
    implied: bool = False

    @property
    def blocks(self) -> tuple[Block, ...]:
        """No intrinsic has a region."""
        return ()


@dataclass(slots=True, eq=False)
class If:
    """Two branches; `results` are merged from the branches' yields."""

    condition: Value
    then: Block
    orelse: Block
    results: list[Value]
    loc: SourceLoc

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The branches."""
        return (self.then, self.orelse)


@dataclass(slots=True, eq=False)
class For:
    """A counted loop `for i in range(low, high, step)` with `step > 0`; all three have the dtype of `i`.

    `body.args[0]` is `i`, the others are the carried values, which start as `inits`, are yielded by the body and end as
    `results`. `shared` names the function whose work a threadgroup's threads share out by this loop: all must get to it.
    """

    low: Value
    high: Value
    step: Value
    inits: list[Value]
    body: Block
    results: list[Value]
    loc: SourceLoc
    shared: str | None = None

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The body."""
        return (self.body,)


@dataclass(slots=True, eq=False)
class While:
    """A loop: `test` (arguments: the carried values) yields one bool; while it is true `body` (same arguments) yields the next.

    The carried values start as `inits` and end as `results`.
    """

    inits: list[Value]
    test: Block
    body: Block
    results: list[Value]
    loc: SourceLoc

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The condition and the body."""
        return (self.test, self.body)


Node = Op | If | For | While


@dataclass(frozen=True, slots=True)
class Member:
    """A field of a struct."""

    name: str
    dtype: Numeric


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct parameter's type: the dataclass `cls` it stands for and its members in order.

    In memory each member stands at the next multiple of its own size, and the whole has a multiple of the largest one:
    Metal's layout (Metal specification, 2.2), which is C's.
    """

    name: str
    cls: type[Any]
    members: tuple[Member, ...]

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where each member starts, in bytes."""
        found: list[int] = []
        end = 0
        for member in self.members:
            found.append(-(-end // member.dtype.size) * member.dtype.size)
            end = found[-1] + member.dtype.size
        return tuple(found)

    @property
    def alignment(self) -> int:
        """The multiple of bytes at which the struct must stand."""
        return max(member.dtype.size for member in self.members)

    @property
    def size(self) -> int:
        """Bytes of the struct, those that fill it up counted."""
        end = self.offsets[-1] + self.members[-1].dtype.size
        return -(-end // self.alignment) * self.alignment


@dataclass(frozen=True, slots=True)
class Part:
    """What a `Param` is of a struct parameter: which one, and the name of the member."""

    parameter: str
    struct: Struct
    member: str


@dataclass(frozen=True, slots=True)
class Form:
    """Where a buffer parameter's elements are: a row-major shape, whose first extent may be None, or a layout."""

    extents: tuple[int | None, ...] | None
    layout: Any


@dataclass(frozen=True, slots=True)
class Param:
    """A kernel parameter in its slot: a buffer of `dtype`, or a scalar passed by value.

    A struct parameter is one `Param` for each of its members, all in one slot; `part` says of which. A texture has the dtype of
    its components. A `padded` buffer is one of
    numbers to the user: its array may end within a vector of the kernel.
    """

    name: str
    slot: int
    dtype: Numeric
    is_scalar: bool
    value: Value
    loc: SourceLoc
    part: Part | None = None
    padded: bool = False
    form: Form | None = None

    @property
    def texture(self) -> TextureType | None:
        """The type of a texture; None for any other parameter."""
        return self.value.type if isinstance(self.value.type, TextureType) else None


@dataclass(frozen=True, slots=True)
class Constant:
    """A function constant of a kernel: what `constants=` at launch calls it, its dtype, and the value where none is given.

    A `default` of None means that a launch must give one. `loc` is where the kernel, or its module, declares it.
    """

    index: int
    name: str
    dtype: Numeric
    default: bool | int | float | None
    loc: SourceLoc

    def __repr__(self) -> str:
        default = "" if self.default is None else f", default {self.default}"
        return f"<function constant {self.index}: {self.dtype.name} {self.name}{default}>"


@dataclass(slots=True, eq=False)
class Traced:
    """A traced kernel: its name, parameters in slot order, and body."""

    name: str
    params: tuple[Param, ...]
    body: Block
    loc: SourceLoc
    constants: dict[str, Any] = field(default_factory=dict[str, Any])
    function_constants: tuple[Constant, ...] = ()
    math: Precision = Precision.DEFAULT

    def nodes(self) -> Iterator[Node]:
        """Yield every node, an outer one before those in its blocks."""
        return walk(self.body)


def walk(block: Block) -> Iterator[Node]:
    """Yield every node of a block and of the blocks inside, an outer one before those in its blocks."""
    for node in block.nodes:
        yield node
        for inner in node.blocks:
            yield from walk(inner)
