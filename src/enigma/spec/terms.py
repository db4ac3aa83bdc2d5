"""The terms that a row's signature is made of.

A `Var` that stands twice in a signature binds to one dtype: that is the type rule, the verifier and the IRDL constraint.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from enigma.dtypes import DTYPES, FLOATS, INTEGERS, Numeric, Space, b1, i32, i64, u32, u64


@dataclass(frozen=True, slots=True)
class Var:
    """A dtype variable: each use in a signature is the same dtype, one of `dtypes`.

    Operands of different dtypes are converted to their promoted dtype. A variable that `widens` computes as C does:
    integers below 32 bits become int even when they agree.
    """

    name: str
    dtypes: tuple[Numeric, ...]
    widens: bool = False

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Buffer:
    """A buffer operand: its element term and the address spaces that are allowed."""

    element: Var | Numeric
    spaces: tuple[Space, ...] = (Space.DEVICE, Space.CONSTANT, Space.THREADGROUP, Space.THREAD)
    written: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A compile-time argument: one member of an enum, given as the member or its value."""

    enum: type[Enum]
    default: Any = None


@dataclass(frozen=True, slots=True)
class Static:
    """A compile-time Python int in [low, high]."""

    low: int
    high: int
    default: int | None = None


@dataclass(frozen=True, slots=True)
class DTypeArg:
    """A compile-time dtype argument; it binds the type variable `var`."""

    var: Var


@dataclass(frozen=True, slots=True)
class Text:
    """A compile-time text, as `spec/formats.py` reads it."""


@dataclass(frozen=True, slots=True)
class Variadic:
    """Values at the end of the operands, from none to `most`, each of its own dtype among `dtypes`."""

    dtypes: tuple[Numeric, ...]
    most: int = 16


@dataclass(frozen=True, slots=True)
class Numbers:
    """A compile-time tuple of numbers of the dtype that the type variable `var` is bound to."""

    var: Var


Term = Var | Buffer | Variadic | Choice | Static | DTypeArg | Numbers | Text | Numeric
"""What may stand in a row's signature; a bare dtype means exactly that dtype."""


class Axis(Enum):
    """An axis of the grid (the dialect's Dimension)."""

    X = "x"
    Y = "y"
    Z = "z"


class MemFlags(Enum):
    """Which memory a barrier orders (MSL specification, 6.9.1)."""

    NONE = "mem_none"
    DEVICE = "mem_device"
    THREADGROUP = "mem_threadgroup"
    DEVICE_AND_THREADGROUP = "mem_device_and_threadgroup"
    TEXTURE = "mem_texture"


class MemoryOrder(Enum):
    """Memory order of an atomic operation."""

    RELAXED = "relaxed"
    ACQUIRE = "acquire"
    RELEASE = "release"
    ACQ_REL = "acq_rel"


class FenceOrder(Enum):
    """What a fence orders: a relaxed one would order nothing, so it is left out."""

    ACQUIRE = "acquire"
    RELEASE = "release"
    ACQ_REL = "acq_rel"
    SEQ_CST = "seq_cst"


class ThreadScope(Enum):
    """Among which threads a fence orders memory (MSL specification, 6.15.2)."""

    THREAD = "thread"
    SIMDGROUP = "simdgroup"
    THREADGROUP = "threadgroup"
    DEVICE = "device"


class Precision(Enum):
    """How exact a float function is: as the kernel's `math` says, Metal's fast version, or its precise one (6.5)."""

    DEFAULT = "default"
    FAST = "fast"
    PRECISE = "precise"


class Effect(Enum):
    """What an operation does besides computing; whatever talks to other lanes is SYNC, never PURE."""

    PURE = "pure"
    READ = "read"
    WRITE = "write"
    SYNC = "sync"


class Report(Enum):
    """What an operation tells the person who launched the kernel: a line of text, or that a condition did not hold."""

    LINE = "line"
    FAILURE = "failure"


class Algebra(Enum):
    """The arithmetic meaning that passes and the index analysis may rely on, so that they need no names."""

    CONST = "const"
    ADD = "add"
    SUB = "sub"
    MUL = "mul"
    DIV = "div"
    REM = "rem"
    FLOOR_DIV = "floor_div"
    FLOOR_MOD = "floor_mod"
    SHL = "shl"
    SHR = "shr"
    AND = "and"
    OR = "or"
    XOR = "xor"
    NEG = "neg"
    NOT = "not"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    EQ = "eq"
    NE = "ne"
    MIN = "min"
    MAX = "max"
    FMA = "fma"
    SELECT = "select"
    CONVERT = "convert"
    LOAD = "load"
    STORE = "store"
    ALLOC = "alloc"
    FENCE = "fence"
    LOCAL = "local"
    TABLE = "table"
    TO_INDEX = "to_index"
    FROM_INDEX = "from_index"
    FUNCTION_CONSTANT = "function_constant"
    FUNCTION_CONSTANT_OR = "function_constant_or"
    IS_GIVEN = "is_given"


MEMORY = (Algebra.ALLOC, Algebra.LOCAL, Algebra.TABLE)
"""What makes memory: shared by a threadgroup, a thread's own, and constant."""


class Role(Enum):
    """What the language itself asks of an operation that it uses without knowing its name."""

    THREAD_INDEX = "a thread's number in its threadgroup"
    THREADGROUP_SIZE = "a threadgroup's own size along an axis"
    BARRIER = "waits for the threadgroup"
    SIMDGROUP_INDEX = "the number of a thread's simdgroup"
    RAW_COPY_1D_D2T = "begins a copy of elements to threadgroup memory by Apple's own instruction"
    RAW_COPY_1D_T2D = "begins a copy of elements to device memory by Apple's own instruction"
    RAW_COPY_2D_D2T = "begins a copy of a tile to threadgroup memory by Apple's own instruction"
    RAW_COPY_2D_T2D = "begins a copy of a tile to device memory by Apple's own instruction"
    RAW_WAIT = "waits for such a copy"


class Level(Enum):
    """How far an operation's result is the same without its operands: over the grid, a threadgroup, a simdgroup, or a thread."""

    GRID = "grid"
    THREADGROUP = "threadgroup"
    SIMDGROUP = "simdgroup"
    THREAD = "thread"


NUMBERS: tuple[Numeric, ...] = FLOATS + INTEGERS
WIDE: tuple[Numeric, ...] = (i32, u32, i64, u64)

F = Var("F", FLOATS)
I = Var("I", INTEGERS)  # noqa: E741 - the field's letter for an integer type variable
N = Var("N", NUMBERS)
T = Var("T", DTYPES)
INDEX = Var("INDEX", WIDE, widens=True)
BIT = b1
