"""The terms that a row's signature is made of.

A `Var` that stands twice in a signature binds to one dtype: that is the type rule, the verifier and the IRDL constraint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

from enigma.dtypes import (
    DTYPES,
    FLOATS,
    INTEGERS,
    Numeric,
    Space,
    TextureAccess,
    TextureKind,
    b1,
    i32,
    i64,
    u32,
    u64,
    widened,
)
from enigma.errors import InternalError


@dataclass(frozen=True, slots=True)
class Var:
    """A dtype variable: each use in a signature is the same dtype, one of `dtypes`.

    Operands of different dtypes are converted to their promoted dtype. A variable that `widens` computes as C does:
    integers below 32 bits become int even when they agree. It stands for vectors of its dtypes too, of so many components
    as `lanes` says (1: a scalar); where `whole` is given, for vectors of these dtypes only. If `exact` is given, it stands for
    one of these composite dtypes and nothing else, and no operand is converted.
    """

    name: str
    dtypes: tuple[Numeric, ...]
    widens: bool = False
    lanes: tuple[int, ...] = (1,)
    whole: tuple[Numeric, ...] | None = None
    exact: tuple[Numeric, ...] = ()

    def allows(self, dtype: Numeric) -> bool:
        """Return whether the variable may be bound to a dtype."""
        if self.exact:
            return dtype in self.exact
        if dtype.parts != dtype.lanes or dtype.lanes not in self.lanes:
            return False
        return dtype.element in self._of_lanes(dtype.lanes)

    def members(self) -> tuple[Numeric, ...]:
        """Return every dtype that the variable may be bound to."""
        if self.exact:
            return self.exact
        return tuple(widened(dtype, lanes) for lanes in self.lanes for dtype in self._of_lanes(lanes))

    def _of_lanes(self, lanes: int) -> tuple[Numeric, ...]:
        return self.dtypes if lanes == 1 or self.whole is None else self.whole

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Buffer:
    """A buffer operand: its element term and the address spaces that are allowed."""

    element: Var | Numeric
    spaces: tuple[Space, ...] = (Space.DEVICE, Space.CONSTANT, Space.THREADGROUP, Space.THREAD)
    written: bool = False


@dataclass(frozen=True, slots=True)
class Texture:
    """A texture operand: what its components may be, which kinds of texture, and declared with which access."""

    element: Var
    kinds: tuple[TextureKind, ...]
    accesses: tuple[TextureAccess, ...]
    written: bool = False


@dataclass(frozen=True, slots=True)
class Vec:
    """A vector of exactly `lanes` components, or of as many as the compile-time argument of that name says."""

    element: Var | Numeric
    lanes: int | str


@dataclass(frozen=True, slots=True)
class Element:
    """The dtype of one component of what the variable `of` is bound to."""

    of: Var


@dataclass(frozen=True, slots=True)
class Derived:
    """The dtype, one `among` these, that `rule(bound, attrs)` makes of what the variables are bound to."""

    rule: Callable[[Mapping[Var, Numeric], Mapping[str, Any]], Numeric]
    among: tuple[Numeric, ...]


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


Term = (
    Var | Vec | Element | Derived | Buffer | Texture | Variadic | Choice | Static | DTypeArg | Numbers | Text | Numeric
)
"""What may stand in a row's signature; a bare dtype means exactly that dtype."""


def concrete(term: Term, bound: Mapping[Var, Numeric], attrs: Mapping[str, Any], lanes: int = 1) -> Numeric:
    """Return the dtype of a value of `term`, given what its variables are bound to and the compile-time arguments.

    `lanes` is the width at which a row that lifts is applied: a dtype that the row fixes is the vector of so many there.
    """
    match term:
        case Var():
            return bound[term]
        case Element(of=of):
            return bound[of].element
        case Derived(rule=rule):
            return rule(bound, attrs)
        case Vec(element=element, lanes=count):
            inner = bound[element] if isinstance(element, Var) else element
            return widened(inner.element, attrs[count] if isinstance(count, str) else count)
        case Numeric():
            return widened(term, lanes) if term.parts == 1 else term
        case _:
            raise InternalError(f"{term!r} is not the type of a value")


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


class SamplerFilter(Enum):
    """What a sample between texels is: the nearest one, or the weighted mean of those around (Metal specification, 2.10)."""

    NEAREST = "nearest"
    LINEAR = "linear"


class SamplerAddress(Enum):
    """What lies outside of a texture when it is sampled (Metal specification, 2.10)."""

    CLAMP_TO_ZERO = "clamp_to_zero"
    CLAMP_TO_EDGE = "clamp_to_edge"
    REPEAT = "repeat"
    MIRRORED_REPEAT = "mirrored_repeat"


class SamplerCoord(Enum):
    """Whether sample coordinates count textures, so that 1 is the far edge, or texels (Metal specification, 2.10)."""

    NORMALIZED = "normalized"
    PIXEL = "pixel"


SAMPLER = (SamplerCoord, SamplerFilter, SamplerAddress)
"""What a sampler is made of, in the order in which Metal lists it."""


class Effect(Enum):
    """What an operation does besides computing; whatever talks to other lanes is SYNC, never PURE."""

    PURE = "pure"
    READ = "read"
    WRITE = "write"
    SYNC = "sync"


class Fault(StrEnum):
    """What can be wrong with a run of a kernel: the kinds of findings of the checking simulator."""

    OUT_OF_BOUNDS = "out-of-bounds"
    UNINITIALISED_READ = "uninitialised-read"
    UNWRITTEN_OUTPUT = "unwritten-output"
    DATA_RACE = "data-race"
    BARRIER_DIVERGENCE = "barrier-divergence"
    UNDEFINED_COLLECTIVE = "undefined-collective"
    ALIASING = "aliasing"
    MISALIGNED_ACCESS = "misaligned-access"
    VALUE_CHANGING_CONVERSION = "value-changing-conversion"
    INTEGER_OVERFLOW = "integer-overflow"
    DIVISION_BY_ZERO = "division-by-zero"
    SHIFT_OUT_OF_RANGE = "shift-out-of-range"
    NAN_BORN = "nan-born"
    STEP_BUDGET = "step-budget"


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
    SPLAT = "splat"
    MAKE_2 = "make_2"
    MAKE_3 = "make_3"
    MAKE_4 = "make_4"
    EXTRACT = "extract"
    AT = "at"
    LOAD_VECTOR = "load_vector"
    STORE_VECTOR = "store_vector"
    FUNCTION_CONSTANT = "function_constant"
    FUNCTION_CONSTANT_OR = "function_constant_or"
    IS_GIVEN = "is_given"
    MAKE_TILE = "make_tile"
    TILE_ELEMENT = "tile_element"


MAKES = {2: Algebra.MAKE_2, 3: Algebra.MAKE_3, 4: Algebra.MAKE_4}
"""What makes a vector of so many components out of them."""

MEMORY = (Algebra.ALLOC, Algebra.LOCAL, Algebra.TABLE)
"""What makes memory: shared by a threadgroup, a thread's own, and constant."""


class Role(Enum):
    """What the language itself asks of an operation that it uses without knowing its name."""

    THREAD_INDEX = "a thread's number in its threadgroup"
    THREADGROUP_SIZE = "a threadgroup's own size along an axis"
    BARRIER = "waits for the threadgroup"
    SIMDGROUP_INDEX = "the number of a thread's simdgroup"
    SIMDGROUP_COUNT = "how many simdgroups a threadgroup has"
    RAW_COPY_1D_D2T = "begins a copy of elements to threadgroup memory by Apple's own instruction"
    RAW_COPY_1D_T2D = "begins a copy of elements to device memory by Apple's own instruction"
    RAW_COPY_2D_D2T = "begins a copy of a tile to threadgroup memory by Apple's own instruction"
    RAW_COPY_2D_T2D = "begins a copy of a tile to device memory by Apple's own instruction"
    RAW_WAIT = "waits for such a copy"
    MATRIX_OF_2 = "makes a small matrix of two columns"
    MATRIX_OF_3 = "makes a small matrix of three columns"
    MATRIX_OF_4 = "makes a small matrix of four columns"
    MATRIX_DIAGONAL = "makes a small matrix with a number along its diagonal"
    MATRIX_COLUMN = "takes a column of a small matrix"
    MATRIX_TIMES_MATRIX = "multiplies small matrices"
    MATRIX_TIMES_VECTOR = "multiplies a small matrix with a vector"
    VECTOR_TIMES_MATRIX = "multiplies a vector with a small matrix"
    MATRIX_TIMES_NUMBER = "multiplies a small matrix with a number"
    MATRIX_PLUS = "adds small matrices"
    MATRIX_MINUS = "subtracts small matrices"
    TRANSPOSE = "turns the rows of a small matrix into columns"
    DETERMINANT = "computes the determinant of a small matrix"
    TILE_LOAD = "reads the matrix of a simdgroup"
    TILE_STORE = "writes the matrix of a simdgroup"
    TILE_FILL = "makes the matrix of a simdgroup whose elements are equal"
    TILE_MULTIPLY = "multiplies matrices of a simdgroup"
    TILE_MULTIPLY_ADD = "multiplies matrices of a simdgroup and adds one"


class Level(Enum):
    """How far an operation's result is the same without its operands: over the grid, a threadgroup, a simdgroup, or a thread."""

    GRID = "grid"
    THREADGROUP = "threadgroup"
    SIMDGROUP = "simdgroup"
    THREAD = "thread"


NUMBERS: tuple[Numeric, ...] = FLOATS + INTEGERS
WIDE: tuple[Numeric, ...] = (i32, u32, i64, u64)

ANY_LANES = (1, 2, 3, 4)
"""The lanes of a variable that stands for scalars and vectors alike."""

F = Var("F", FLOATS, lanes=ANY_LANES)
I = Var("I", INTEGERS, lanes=ANY_LANES)  # noqa: E741 - the field's letter for an integer type variable
N = Var("N", NUMBERS, lanes=ANY_LANES)
T = Var("T", DTYPES, lanes=ANY_LANES)
S = Var("S", DTYPES)
INDEX = Var("INDEX", WIDE, widens=True)
BIT = b1
