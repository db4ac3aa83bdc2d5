"""What the lowering knows of a value: per chunk of W lanes, whether it is uniform, a scalar plus constant offsets, or a vector.

A value (`Lanes`) is a list of chunks. Integers are exact modulo two to their width: a `Ramp` whose scalar is `s` and whose
offsets are 0, 1, 2, ... holds `(s + lane) mod 2**width`, wrapped lanes included, so no assumption is ever made about overflow.
Only an address reads a ramp as consecutive, and memory.py says why it may.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from enigma.dtypes import Numeric, TexelFormat, TextureType

Number = bool | int | float

SIMDGROUP = 32
"""Lanes of a simdgroup."""

NO_BOUND = 1 << 62
"""The largest power of two that is tracked as a divisor; zero is divisible by it."""


@dataclass(slots=True, eq=False)
class Root:
    """A scalar in a register, and facts about it. `narrow` is its text at its dtype's width, `wide` its exact value as i64.

    At least one of the two texts is given; the writer makes the other when it is needed. The value lies in [low, high] and
    is a multiple of `mult`, a power of two. Identity is equality.
    """

    dtype: Numeric
    narrow: str | None
    wide: str | None
    low: int
    high: int
    mult: int = 1


@dataclass(frozen=True, slots=True)
class Scalar:
    """`root + off` modulo two to the width, or the constant `off` where there is no root (floats and bools never add)."""

    dtype: Numeric
    root: Root | None
    off: Number

    @property
    def is_const(self) -> bool:
        """Whether the value is known at compile time."""
        return self.root is None

    @property
    def mult(self) -> int:
        """The largest known power of two that divides the value."""
        power = NO_BOUND if self.off == 0 else int(self.off) & -int(self.off)
        return power if self.root is None else min(power, self.root.mult)

    def range(self, low: int = 0, high: int = 0) -> tuple[int, int] | None:
        """Return the bounds of `self + [low, high]`, or None where that may wrap around."""
        off = int(self.off)
        if self.root is None:
            least, most = off, off
        else:
            least, most = self.root.low + off, self.root.high + off
        least, most = least + low, most + high
        return (least, most) if self.dtype.min <= least and most <= self.dtype.max else None


@dataclass(frozen=True, slots=True)
class Flat:
    """One scalar for all lanes of the chunk."""

    scalar: Scalar


@dataclass(frozen=True, slots=True)
class Ramp:
    """An integer scalar plus a constant offset per lane."""

    scalar: Scalar
    offs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Truth values known at compile time that differ between lanes."""

    bits: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """`bits` where a scalar condition holds at run time, and false in every lane where it does not."""

    condition: Scalar
    bits: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector register; integers lie in [low, high] where that is known."""

    text: str
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """`x + d < y` for the lanes' constant offsets d in [least, most], compared exactly. None stands for zero."""

    x: Root | None
    y: Root | None
    least: int
    most: int


@dataclass(frozen=True, slots=True, eq=False)
class Lazy:
    """A mask that is computed when a vector of it is needed.

    If `bounds` are given, it is the conjunction of these comparisons and of the `scalars`, which are the same in all lanes.
    `lane` gives the truth of one lane as a scalar, where that is cheap.
    """

    make: Callable[[], str]
    bounds: tuple[Bound, ...] = ()
    scalars: tuple[Scalar, ...] = ()
    lane: Callable[[int], Scalar] | None = None


Chunk = Flat | Ramp | Pattern | Gate | Vector | Lazy


@dataclass(frozen=True, slots=True)
class Lanes:
    """A value of `dtype`: a chunk for every W lanes of the unit, or a single `Flat` one where it is the same in all.

    `first` is the number of the first chunk within the unit, for a value that was made while only some chunks run.
    """

    dtype: Numeric
    chunks: tuple[Chunk, ...]
    first: int = 0

    @property
    def uniform(self) -> Scalar | None:
        """The scalar of a value that is the same in all lanes, else None."""
        chunk = self.chunks[0]
        return chunk.scalar if len(self.chunks) == 1 and isinstance(chunk, Flat) else None

    @property
    def constant(self) -> Number | None:
        """The number of a value known at compile time and the same in all lanes, else None."""
        scalar = self.uniform
        return scalar.off if scalar is not None and scalar.root is None else None


@dataclass(frozen=True, slots=True)
class Memory:
    """A buffer: the text of its pointer, and what it holds. `is_shared` where other threadgroups can reach it too.

    `size` is the number of elements where it is known. `lanes` is 0, or for arrays of each thread's own how many lanes have one.
    """

    pointer: str
    dtype: Numeric
    name: str
    is_shared: bool
    align: int = 1
    size: int | None = None
    lanes: int = 0


@dataclass(frozen=True, slots=True)
class Image:
    """A texture: the text of the pointer to its first number, what it is, how a texel is stored, and its sizes as u32.

    The sizes are width, height, and depth or layers; what a kind of texture does not have is 1.
    """

    pointer: str
    type: TextureType
    format: TexelFormat
    sizes: tuple[Lanes, Lanes, Lanes]
    name: str


@dataclass(slots=True)
class Context:
    """Where code is being written: which chunks of the unit run, under which mask, and whether some lane surely does.

    `mask` is None where all lanes run. `versions` counts the guards around whose bodies are written twice.
    """

    first: int = 0
    count: int = 1
    mask: Lanes | None = None
    some: bool = True
    versions: int = 0


def lanes(dtype: Numeric, chunks: list[Chunk] | tuple[Chunk, ...], first: int = 0) -> Lanes:
    """Return the value of these chunks, as a single one where all are the same scalar."""
    head = chunks[0]
    if isinstance(head, Flat) and all(chunk == head for chunk in chunks[1:]):
        return Lanes(dtype, (head,))
    return Lanes(dtype, tuple(chunks), first)


def flat(scalar: Scalar) -> Lanes:
    """Return a value that is the same in all lanes."""
    return Lanes(scalar.dtype, (Flat(scalar),))


def constant(dtype: Numeric, value: Number) -> Scalar:
    """Return a constant of `dtype`; an integer wraps."""
    if dtype.kind == "b":
        return Scalar(dtype, None, bool(value))
    return Scalar(dtype, None, float(value) if dtype.is_float else wrap(dtype, int(value)))


def wrap(dtype: Numeric, value: int) -> int:
    """Return an integer modulo two to the width, within the dtype's range."""
    value &= (1 << dtype.width) - 1
    return value - (1 << dtype.width) if value > dtype.max else value


def wrap_offset(dtype: Numeric, value: int) -> int:
    """Return the offset nearest to zero that is `value` modulo two to the width."""
    value &= (1 << dtype.width) - 1
    return value - (1 << dtype.width) if value >> (dtype.width - 1) else value


def power_of_two(value: int) -> int | None:
    """Return k for 2**k, else None."""
    return value.bit_length() - 1 if value > 0 and value & (value - 1) == 0 else None
