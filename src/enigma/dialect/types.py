"""Types of the dialect: enigma's dtypes as MLIR's, and one buffer type per address space."""

from __future__ import annotations

from typing import cast

from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    IndexType,
    IntegerType,
    Signedness,
    StringAttr,
    VectorType,
)
from xdsl.ir import Attribute, ParametrizedAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition, param_def

from enigma.dtypes import (
    DTYPES,
    MATRICES,
    SIMDGROUP_MATRICES,
    TEXELS,
    VECTORS,
    BufferType,
    Matrix,
    Numeric,
    SimdgroupMatrix,
    Space,
    TextureAccess,
    TextureKind,
    TextureType,
    Type,
    b1,
    bf16,
    f16,
    f32,
    index,
)
from enigma.errors import InternalError


@irdl_attr_definition
class DeviceType(ParametrizedAttribute, TypeAttribute):
    """A buffer in device memory: `!enigma.buffer<f32>`."""

    name = "enigma.buffer"
    element: Attribute = param_def()


@irdl_attr_definition
class ConstantType(ParametrizedAttribute, TypeAttribute):
    """A buffer in constant memory: `!enigma.constant<f32>`."""

    name = "enigma.constant"
    element: Attribute = param_def()


@irdl_attr_definition
class ThreadgroupType(ParametrizedAttribute, TypeAttribute):
    """A buffer in threadgroup memory: `!enigma.threadgroup<f32>`."""

    name = "enigma.threadgroup"
    element: Attribute = param_def()


@irdl_attr_definition
class ThreadType(ParametrizedAttribute, TypeAttribute):
    """A buffer in a thread's own memory: `!enigma.thread<f32>`."""

    name = "enigma.thread"
    element: Attribute = param_def()


@irdl_attr_definition
class Texture1DType(ParametrizedAttribute, TypeAttribute):
    """A texture of one row: `!enigma.texture1d<f32, "read">`."""

    name = "enigma.texture1d"
    element: Attribute = param_def()
    access: Attribute = param_def()


@irdl_attr_definition
class Texture2DType(ParametrizedAttribute, TypeAttribute):
    """A texture of rows: `!enigma.texture2d<f32, "sample">`."""

    name = "enigma.texture2d"
    element: Attribute = param_def()
    access: Attribute = param_def()


@irdl_attr_definition
class Texture3DType(ParametrizedAttribute, TypeAttribute):
    """A texture with depth: `!enigma.texture3d<f32, "read">`."""

    name = "enigma.texture3d"
    element: Attribute = param_def()
    access: Attribute = param_def()


@irdl_attr_definition
class Texture2DArrayType(ParametrizedAttribute, TypeAttribute):
    """Layers of 2-D textures: `!enigma.texture2d_array<f32, "write">`."""

    name = "enigma.texture2d_array"
    element: Attribute = param_def()
    access: Attribute = param_def()


TextureAttr = Texture1DType | Texture2DType | Texture3DType | Texture2DArrayType
"""The type of any texture; `.element` is the type of a component, `.access` what may be done with it."""

BY_KIND: dict[TextureKind, type[TextureAttr]] = {
    TextureKind.D1: Texture1DType,
    TextureKind.D2: Texture2DType,
    TextureKind.D3: Texture3DType,
    TextureKind.D2_ARRAY: Texture2DArrayType,
}

MemoryType = DeviceType | ConstantType | ThreadgroupType | ThreadType
"""The type of any buffer; `.element` is the type of what it holds."""

BY_SPACE: dict[Space, type[MemoryType]] = {
    Space.DEVICE: DeviceType,
    Space.CONSTANT: ConstantType,
    Space.THREADGROUP: ThreadgroupType,
    Space.THREAD: ThreadType,
}
_SPACES: dict[type[MemoryType], Space] = {cls: space for space, cls in BY_SPACE.items()}


def _scalar(dtype: Numeric) -> Attribute:
    if (builtin := _BUILTIN.get(dtype)) is not None:
        return builtin
    if isinstance(dtype, SimdgroupMatrix):
        return VectorType(_scalar(dtype.element), [8, 8])
    if isinstance(dtype, Matrix):
        return VectorType(_scalar(dtype.element), [dtype.columns, dtype.rows])
    if dtype.lanes > 1:
        return VectorType(_scalar(dtype.element), [dtype.lanes])
    return IntegerType(dtype.width, Signedness.SIGNED if dtype.is_signed else Signedness.UNSIGNED)


_BUILTIN: dict[Numeric, Attribute] = {
    f32: Float32Type(),
    f16: Float16Type(),
    bf16: BFloat16Type(),
    b1: IntegerType(1),
    index: IndexType(),
}
_TO_MLIR: dict[Type, Attribute] = {
    **{dtype: _scalar(dtype) for dtype in (*DTYPES, index, *VECTORS, *SIMDGROUP_MATRICES, *MATRICES)},
    **{
        BufferType(dtype, space): cls(_scalar(dtype))
        for dtype in (*DTYPES, *VECTORS)
        for space, cls in BY_SPACE.items()
    },
    **{
        TextureType(dtype, kind, access): cls(_scalar(dtype), StringAttr(access.value))
        for dtype in TEXELS
        for kind, cls in BY_KIND.items()
        for access in TextureAccess
    },
}
_FROM_MLIR: dict[Attribute, Type] = {attr: type for type, attr in _TO_MLIR.items()}


def to_mlir(type: Type) -> Attribute:
    """Return the MLIR type of a dtype, buffer or texture: `ui32` for u32, `!enigma.buffer<f32>` for device memory."""
    return _TO_MLIR[type]


def from_mlir(attr: Attribute) -> Type:
    """Return the dtype or buffer type that an MLIR type stands for; raises `InternalError` for any other type."""
    type = _FROM_MLIR.get(attr)
    if type is None:
        raise InternalError(f"{attr} is no type of the dialect")
    return type


def dtype_of(attr: Attribute) -> Numeric:
    """Return the dtype of a value of this MLIR type; of a buffer that of its elements, of a texture that of a component."""
    type = from_mlir(attr)
    return type if isinstance(type, Numeric) else type.element


def texture_of(attr: Attribute) -> TextureType | None:
    """Return the texture type that an MLIR type stands for; None for the type of anything else."""
    type = from_mlir(attr)
    return type if isinstance(type, TextureType) else None


def is_memory(attr: Attribute) -> bool:
    """Return whether an MLIR type is a buffer in some address space."""
    return attr.__class__ in _SPACES


def space_of(attr: Attribute) -> Space:
    """Return the address space of a buffer type; raises `InternalError` for a type that is no buffer."""
    space = _SPACES.get(cast(type[MemoryType], attr.__class__))
    if space is None:
        raise InternalError(f"{attr} is no buffer")
    return space
