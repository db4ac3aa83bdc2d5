"""Data types: twelve scalar dtypes, what is composed of them, buffers, and how two of them combine.

A dtype is an object, `enigma.f32`; wherever the API takes one it also accepts the class (`Float32`), Metal's name
("float"), the short name ("f32") and NumPy's dtypes. Source: Metal Shading Language specification, 2.1 and 2.21.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, NamedTuple, cast

from enigma.context import current
from enigma.errors import EnigmaTypeError
from enigma.source import caller


class Numeric:
    """A scalar data type. The singletons `f32`, `u8`, ... are the instances; `f32(x)` converts inside a kernel.

    `width` is in bits, `metal_name` is Metal's spelling, `name` the short one, `kind` one of "f", "i", "u", "b".
    """

    __slots__ = ()
    name: str
    metal_name: str
    mlir_name: str
    numpy_name: str
    kind: str
    width: int
    aliases: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        return self.metal_name

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)

    def __call__(self, value: Any) -> Any:
        """Return `value` converted to this dtype: a traced value is cast, a Python number becomes a typed constant.

        Raises `EnigmaTypeError` outside a kernel.
        """
        tracer = current.get()
        if tracer is None:
            raise EnigmaTypeError(
                f"{self.name}(...) makes a value of a kernel, and no kernel is being traced",
                help="use a Python number or a NumPy scalar outside of kernels",
            )
        return tracer.convert(value, self)

    def __getitem__(self, shape: Any) -> Shaped:
        """Return what annotates a row-major buffer, `A: enigma.f32[M, N]`; a first extent of None is known at launch."""
        return Shaped(self, cast("tuple[Any, ...]", shape) if isinstance(shape, tuple) else (shape,))

    @property
    def element(self) -> Numeric:
        """The dtype of one component: a scalar's own."""
        return self

    @property
    def parts(self) -> int:
        """How many numbers of `element` a value is made of: 1 for a scalar."""
        return 1

    @property
    def lanes(self) -> int:
        """The components of a vector; 1 for a scalar."""
        return 1

    @property
    def is_float(self) -> bool:
        """Whether this is f32, f16 or bf16."""
        return self.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Whether this is a signed or unsigned integer (b1 is not)."""
        return self.kind in "iu"

    @property
    def is_signed(self) -> bool:
        """Whether this is a signed integer."""
        return self.kind == "i"

    @property
    def size(self) -> int:
        """Bytes of one element in a buffer; a bool takes one."""
        return max(self.width // 8, 1)

    @property
    def min(self) -> int:
        """The smallest integer of this dtype; 0 for b1."""
        return -(1 << (self.width - 1)) if self.is_signed else 0

    @property
    def max(self) -> int:
        """The largest integer of this dtype; 1 for b1."""
        return (1 << (self.width - (1 if self.is_signed else 0))) - 1

    @property
    def numpy(self) -> Any:
        """The NumPy dtype of this type's arrays (ml_dtypes' for bf16)."""
        import numpy as np  # heavy, and not needed to trace

        if self.numpy_name == "bfloat16":
            import ml_dtypes  # heavy likewise

            return np.dtype(ml_dtypes.bfloat16)
        return np.dtype(self.numpy_name)


class Shaped(NamedTuple):
    """A dtype with a shape, `enigma.f32[M, N]`: what annotates a row-major buffer."""

    dtype: Numeric
    shape: tuple[Any, ...]


class Float32(Numeric):
    """IEEE single precision: Metal `float`. `x: enigma.f32` is a buffer of it, `enigma.f32(v)` converts."""

    __slots__ = ()
    name, metal_name, mlir_name, numpy_name, kind, width = "f32", "float", "f32", "float32", "f", 32
    aliases = ("float32",)


class Float16(Numeric):
    """IEEE half precision: Metal `half`. `x: enigma.f16` is a buffer of it, `enigma.f16(v)` converts."""

    __slots__ = ()
    name, metal_name, mlir_name, numpy_name, kind, width = "f16", "half", "f16", "float16", "f", 16
    aliases = ("float16",)


class BFloat16(Numeric):
    """Brain floating point, the upper half of a float: Metal `bfloat` (MSL 3.1 and later).

    `x: enigma.bf16` is a buffer of it, `enigma.bf16(v)` converts.
    """

    __slots__ = ()
    name, metal_name, mlir_name, numpy_name, kind, width = "bf16", "bfloat", "bf16", "bfloat16", "f", 16
    aliases = ("bfloat16",)


class Int8(Numeric):
    """Signed 8-bit integer: Metal `char`. `x: enigma.i8` is a buffer of it, `enigma.i8(v)` converts."""

    __slots__ = ()
    name, metal_name, mlir_name, numpy_name, kind, width = "i8", "char", "si8", "int8", "i", 8
    aliases = ("int8",)


class UInt8(Numeric):
    """Unsigned 8-bit integer: Metal `uchar`. `x: enigma.u8` is a buffer of it, `enigma.u8(v)` converts."""

    __slots__ = ()
    name, metal_name, mlir_name, numpy_name, kind, width = "u8", "uchar", "ui8", "uint8", "u", 8
    aliases = ("uint8",)


class Int16(Numeric):
    """Signed 16-bit integer: Metal `short`. `x: enigma.i16` is a buffer of it, `enigma.i16(v)` converts."""

    __slots__ = ()
    name, metal_name, mlir_name, numpy_name, kind, width = "i16", "short", "si16", "int16", "i", 16
    aliases = ("int16",)


class UInt16(Numeric):
    """Unsigned 16-bit integer: Metal `ushort`. `x: enigma.u16` is a buffer of it, `enigma.u16(v)` converts."""

    __slots__ = ()
    name, metal_name, mlir_name, numpy_name, kind, width = "u16", "ushort", "ui16", "uint16", "u", 16
    aliases = ("uint16",)


class Int32(Numeric):
    """Signed 32-bit integer: Metal `int`. `x: enigma.i32` is a buffer of it, `enigma.i32(v)` converts."""

    __slots__ = ()
    name, metal_name, mlir_name, numpy_name, kind, width = "i32", "int", "si32", "int32", "i", 32
    aliases = ("int32",)


class UInt32(Numeric):
    """Unsigned 32-bit integer: Metal `uint`. `x: enigma.u32` is a buffer of it, `enigma.u32(v)` converts."""

    __slots__ = ()
    name, metal_name, mlir_name, numpy_name, kind, width = "u32", "uint", "ui32", "uint32", "u", 32
    aliases = ("uint32",)


class Int64(Numeric):
    """Signed 64-bit integer: Metal `long`. `x: enigma.i64` is a buffer of it, `enigma.i64(v)` converts."""

    __slots__ = ()
    name, metal_name, mlir_name, numpy_name, kind, width = "i64", "long", "si64", "int64", "i", 64
    aliases = ("int64",)


class UInt64(Numeric):
    """Unsigned 64-bit integer: Metal `ulong`. `x: enigma.u64` is a buffer of it, `enigma.u64(v)` converts."""

    __slots__ = ()
    name, metal_name, mlir_name, numpy_name, kind, width = "u64", "ulong", "ui64", "uint64", "u", 64
    aliases = ("uint64",)


class Bool(Numeric):
    """A truth value, one byte in a buffer: Metal `bool`. `x: enigma.b1` is a buffer of it, `enigma.b1(v)` converts."""

    __slots__ = ()
    name, metal_name, mlir_name, numpy_name, kind, width = "b1", "bool", "i1", "bool", "b", 1
    aliases = ("i1",)


class Composite(Numeric):
    """A dtype made of several numbers of one scalar dtype, its `element`, whose kind and width it has."""

    __slots__ = ("_element", "kind", "metal_name", "mlir_name", "name", "numpy_name", "width")

    def __init__(self, element: Numeric, name: str, metal_name: str, mlir_name: str) -> None:
        self._element = element
        self.name, self.metal_name, self.mlir_name = name, metal_name, mlir_name
        self.numpy_name, self.kind, self.width = element.numpy_name, element.kind, element.width

    @property
    def element(self) -> Numeric:
        """The dtype of one component."""
        return self._element

    @property
    def size(self) -> int:
        """Bytes of one value in a buffer: its components, packed."""
        return self._element.size * self.parts


class Vector(Composite):
    """Two to four numbers of one dtype: `enigma.f32x4`, Metal `float4`. Made once for each: compare with `is`.

    In a buffer the components are packed, so that an array of shape (n, 3) is n vectors of three.
    """

    __slots__ = ("_lanes",)

    def __init__(self, element: Numeric, lanes: int) -> None:
        name, metal = f"{element.name}x{lanes}", f"{element.metal_name}{lanes}"
        super().__init__(element, name, metal, f"vector<{lanes}x{element.mlir_name}>")
        self._lanes = lanes

    @property
    def lanes(self) -> int:
        """The number of components, 2 to 4."""
        return self._lanes

    @property
    def parts(self) -> int:
        """The number of components."""
        return self._lanes

    def __call__(self, *values: Any) -> Any:
        """Return a vector of these numbers, in order; vectors among them count with all their components.

        A single number is repeated, a single vector of this length is converted.

            v = enigma.f32x4(xyz, 1.0)

        Raises `EnigmaTypeError` for another number of components, and outside of a kernel.
        """
        tracer = current.get()
        if tracer is None:
            raise EnigmaTypeError(
                f"{self.name}(...) makes a value of a kernel, and no kernel is being traced",
                help="use a NumPy array outside of kernels",
            )
        return tracer.vector(self, values)


class SimdgroupMatrix(Composite):
    """An 8 x 8 matrix that the 32 lanes of a simdgroup hold together: Metal `simdgroup_float8x8`.

    Each lane has two elements of it, side by side in a row: `place` says which.
    """

    __slots__ = ()

    def __init__(self, element: Numeric) -> None:
        metal = f"simdgroup_{element.metal_name}8x8"
        super().__init__(element, f"simdgroup_{element.name}x8x8", metal, f"vector<8x8x{element.mlir_name}>")

    @property
    def parts(self) -> int:
        """The elements that a lane holds."""
        return 2

    def __call__(self, value: Any) -> Any:
        """Refuse to convert: a simdgroup matrix is loaded or filled."""
        raise EnigmaTypeError(
            f"{self.name}(...) makes no matrix", loc=caller(),
            help="write enigma.simdgroup_matrix_load(...) or enigma.make_filled_simdgroup_matrix(0.0)",
        )  # fmt: skip

    @staticmethod
    def place(lane: int) -> tuple[int, int]:
        """Return the row and column of a lane's first element; the second one is right of it.

        >>> [SimdgroupMatrix.place(lane) for lane in (0, 1, 2, 8, 16)]
        [(0, 0), (0, 2), (1, 0), (0, 4), (4, 0)]
        """
        quad = lane // 4
        return (quad & 4) + lane // 2 % 4, (quad & 2) * 2 + lane % 2 * 2


class Matrix(Composite):
    """A small matrix of each thread's own, two to four columns of two to four rows: `enigma.f32x3x2`, Metal `float3x2`.

    Its components are counted column by column.
    """

    __slots__ = ("columns", "rows")

    def __init__(self, element: Numeric, columns: int, rows: int) -> None:
        shape = f"{columns}x{rows}"
        name, metal = f"{element.name}x{shape}", f"{element.metal_name}{shape}"
        super().__init__(element, name, metal, f"vector<{shape}x{element.mlir_name}>")
        self.columns, self.rows = columns, rows

    @property
    def parts(self) -> int:
        """The number of components."""
        return self.columns * self.rows

    @property
    def column(self) -> Numeric:
        """The dtype of a column: a vector."""
        return widened(self.element, self.rows)

    @property
    def row(self) -> Numeric:
        """The dtype of a row: a vector."""
        return widened(self.element, self.columns)

    def __call__(self, *values: Any) -> Any:
        """Return the matrix of these columns, or of these numbers column by column; one number goes along the diagonal.

            m = enigma.f32x2x2(1.0, 0.0, 0.0, 1.0)

        Raises `EnigmaTypeError` for another number of components, and outside of a kernel.
        """
        tracer = current.get()
        if tracer is None:
            raise EnigmaTypeError(
                f"{self.name}(...) makes a value of a kernel, and no kernel is being traced",
                help="use a NumPy array outside of kernels",
            )
        return tracer.matrix(self, values)


class Index(Numeric):
    """MLIR's index, in which scf loops count. Not a dtype of the language: only the dialect uses it."""

    __slots__ = ()
    name, metal_name, mlir_name, numpy_name, kind, width = "index", "uint", "index", "int64", "i", 64


index = Index()
f32, f16, bf16 = Float32(), Float16(), BFloat16()
i8, i16, i32, i64 = Int8(), Int16(), Int32(), Int64()
u8, u16, u32, u64 = UInt8(), UInt16(), UInt32(), UInt64()
b1 = Bool()

FLOATS: tuple[Numeric, ...] = (f32, f16, bf16)
SIGNED: tuple[Numeric, ...] = (i8, i16, i32, i64)
UNSIGNED: tuple[Numeric, ...] = (u8, u16, u32, u64)
INTEGERS: tuple[Numeric, ...] = SIGNED + UNSIGNED
DTYPES: tuple[Numeric, ...] = (*FLOATS, *INTEGERS, b1)

WIDTHS: tuple[int, ...] = (2, 3, 4)
"""The lengths of a vector."""

_VECTORS: dict[tuple[Numeric, int], Vector] = {
    (dtype, lanes): Vector(dtype, lanes) for dtype in DTYPES for lanes in WIDTHS
}
VECTORS: tuple[Vector, ...] = tuple(_VECTORS.values())

_SIMDGROUP_MATRICES: dict[Numeric, SimdgroupMatrix] = {dtype: SimdgroupMatrix(dtype) for dtype in FLOATS}
SIMDGROUP_MATRICES: tuple[SimdgroupMatrix, ...] = tuple(_SIMDGROUP_MATRICES.values())
_MATRICES: dict[tuple[Numeric, int, int], Matrix] = {
    (dtype, c, r): Matrix(dtype, c, r) for dtype in (f32, f16) for c in WIDTHS for r in WIDTHS
}
MATRICES: tuple[Matrix, ...] = tuple(_MATRICES.values())

_BY_NAME: dict[str, Numeric] = {
    **{
        name: dtype
        for dtype in (*DTYPES, *VECTORS, *SIMDGROUP_MATRICES, *MATRICES)
        for name in (dtype.name, dtype.metal_name, *dtype.aliases)
    },
    **{f"vec<{v.lanes},{name}>": v for v in VECTORS for name in (v.element.name, v.element.metal_name)},
    **{f"simdgroup_matrix<8,8,{n}>": m for m in SIMDGROUP_MATRICES for n in (m.element.name, m.element.metal_name)},
}


def widened(element: Numeric, lanes: int) -> Numeric:
    """Return `element` itself for one lane, else the vector of so many.

    >>> widened(f32, 1), widened(f32, 4)
    (float, float4)
    """
    return element if lanes == 1 else _VECTORS[element, lanes]


def simdgroup_matrix(element: Numeric) -> SimdgroupMatrix:
    """Return the dtype of the 8 x 8 matrices of `element`: f32, f16 or bf16.

    >>> simdgroup_matrix(f16)
    simdgroup_half8x8
    """
    return _SIMDGROUP_MATRICES[element]


def matrix(element: Numeric, columns: int, rows: int) -> Matrix:
    """Return the dtype of the small matrices of so many columns and rows of `element`, f32 or f16.

    >>> matrix(f32, 3, 2)
    float3x2
    """
    return _MATRICES[element, columns, rows]


class Space(Enum):
    """Metal's address spaces."""

    DEVICE = "device"
    CONSTANT = "constant"
    THREADGROUP = "threadgroup"
    THREAD = "thread"


MAX_CONSTANT_BYTES = 65536
"""Bytes of constant memory that a Mac's GPU has."""


@dataclass(frozen=True, slots=True)
class BufferType:
    """The type of a buffer: what it holds and in which address space it lives."""

    element: Numeric
    space: Space = Space.DEVICE

    def __str__(self) -> str:
        return f"{self.space.value} {self.element.metal_name}*"


class TextureKind(Enum):
    """The kinds of textures, by Metal's name; `axes` coordinates say where a texel is, and of an array a layer besides."""

    D1 = "texture1d"
    D2 = "texture2d"
    D3 = "texture3d"
    D2_ARRAY = "texture2d_array"

    @property
    def axes(self) -> int:
        """How many coordinates a texel has."""
        return {TextureKind.D1: 1, TextureKind.D3: 3}.get(self, 2)

    @property
    def is_array(self) -> bool:
        """Whether it is several layers of one size."""
        return self is TextureKind.D2_ARRAY

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"{self.axes}-D texture array" if self.is_array else f"{self.axes}-D texture"


class TextureAccess(Enum):
    """What a kernel may do with a texture: `SAMPLE` allows reads of single texels too (Metal specification, 2.9)."""

    READ = "read"
    WRITE = "write"
    READ_WRITE = "read_write"
    SAMPLE = "sample"


TEXELS: tuple[Numeric, ...] = (f32, f16, i32, u32, i16, u16)
"""What the components of a texture can be (Metal specification, 2.9)."""


@dataclass(frozen=True, slots=True)
class TextureType:
    """The type of a texture: what a component of its texels is, its kind, and what may be done with it."""

    element: Numeric
    kind: TextureKind
    access: TextureAccess

    def __str__(self) -> str:
        return f"{self.kind.value}<{self.element.metal_name}, access::{self.access.value}>"


@dataclass(frozen=True, slots=True)
class TexelFormat:
    """How a texel lies in memory: so many components of the dtype `stored`, one after another.

    Where `stored` is u8 and the texture's own dtype a float, 0 to 255 stand for 0 to 1 (Metal specification, 8.7).
    """

    stored: Numeric
    channels: int

    def is_normalized(self, element: Numeric) -> bool:
        """Return whether a texture of this dtype reads whole numbers as fractions."""
        return element.is_float and not self.stored.is_float

    def __str__(self) -> str:
        return f"{self.stored.name}x{self.channels}"


Type = Numeric | BufferType | TextureType
"""What a value of the traced IR can be."""


def as_dtype(spec: Any) -> Numeric:
    """Return the dtype that `spec` names: an object, a class, a Metal or short name, or a NumPy dtype.

    Raises `EnigmaTypeError` for anything else, with the nearest name.

    >>> as_dtype("uint"), as_dtype(Float16), as_dtype("bf16")
    (uint, half, bfloat)
    """
    if isinstance(spec, Numeric):
        return spec
    if isinstance(spec, type) and issubclass(spec, Numeric) and not issubclass(spec, Composite) and spec is not Numeric:
        return _BY_NAME[spec.name]
    if isinstance(spec, str):
        if (known := _BY_NAME.get(spec if spec in _BY_NAME else spec.replace(" ", ""))) is not None:
            return known
        near = difflib.get_close_matches(spec, _BY_NAME, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise EnigmaTypeError(f"unknown dtype {spec!r}", help=f"{hint}dtypes are {names(DTYPES)}")
    if any(spec is python for python in _PYTHONS):  # not ==: NumPy's int64 equals int
        raise EnigmaTypeError(f"Python's {spec.__name__} is not a dtype", help=f"write enigma.{_PYTHONS[spec]}")
    given = cast(Any, spec)  # what it is not, is of no use to a type checker
    name = getattr(given, "name", None) or getattr(given, "__name__", None)
    if isinstance(name, str) and (dtype := _BY_NUMPY.get(name)) is not None:
        return dtype
    raise EnigmaTypeError(f"{spec!r} is not a dtype", help=f"dtypes are {names(DTYPES)}")


_PYTHONS: dict[Any, str] = {int: "i32", float: "f32", bool: "b1"}
_BY_NUMPY: dict[str, Numeric] = {**{dtype.numpy_name: dtype for dtype in DTYPES}, "bool_": b1}


def names(dtypes: tuple[Numeric, ...]) -> str:
    """Return the short names as a person lists them: `f16, bf16 or f32`."""
    words = [dtype.name for dtype in dtypes]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def promote(a: Numeric, b: Numeric) -> Numeric | None:
    """Return the dtype in which `a op b` is computed, or None when Metal has no common type (half with bfloat).

    C's usual arithmetic conversions: narrow integers become int, the wider wins, equal widths of mixed sign become
    unsigned, a float wins over an integer, float over half and bfloat. A bool counts as int.

    >>> promote(u8, u8), promote(i32, u32), promote(f16, i64), promote(f16, bf16)
    (int, uint, half, None)
    """
    if a.is_float or b.is_float:
        if a is b or not b.is_float:
            return a
        return b if not a.is_float else None if {a, b} == {f16, bf16} else f32
    a, b = (i32 if x.width < 32 else x for x in (a, b))
    if a.width != b.width:
        return a if a.width > b.width else b
    return b if a.is_signed else a


def literal_dtype(value: bool | int | float) -> Numeric:
    """Return the dtype of a bare literal that nothing else decides: b1, i32 or f32; an int too big for i32 gets the next.

    >>> literal_dtype(1), literal_dtype(2.5), literal_dtype(True), literal_dtype(2**31), literal_dtype(2**63)
    (int, float, bool, uint, ulong)
    """
    if isinstance(value, bool):
        return b1
    if isinstance(value, float):
        return f32
    for dtype in (i32, u32, i64, u64):
        if dtype.min <= value <= dtype.max:
            return dtype
    raise EnigmaTypeError(f"{value} fits no integer dtype", help="the widest are i64 and u64")
