"""What type checkers see of enigma. Written by tools/make_stub.py: edit the rows, not this file."""

# a Python int keeps an integer's dtype and a Python float does not, though checkers take an int for a float
# pyright: reportOverlappingOverload=false

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Annotated, Any, Generic, Literal, Self, TypeVar, overload

from typing_extensions import TypeVar as _DefaultedTypeVar

from enigma import benchmark as benchmark
from enigma import core as core
from enigma import interop as interop
from enigma import lib as lib
from enigma import ops as ops
from enigma import profiler as profiler
from enigma import random as random
from enigma import tensor as tensor
from enigma import testing as testing
from enigma.compile import CompiledKernel as CompiledKernel
from enigma.compile import compile as compile
from enigma.debug.advisor import advise as advise
from enigma.debug.check import check as check
from enigma.debug.compare import Comparison as Comparison
from enigma.debug.compare import ComparisonError as ComparisonError
from enigma.debug.compare import compare as compare
from enigma.debug.cost.explain import explain as explain
from enigma.debug.cost.report import CostReport as CostReport
from enigma.debug.report import Access as Access
from enigma.debug.report import AccessReport as AccessReport
from enigma.errors import CheckError as CheckError
from enigma.errors import DeviceError as DeviceError
from enigma.errors import EnigmaAttributeError as EnigmaAttributeError
from enigma.errors import EnigmaError as EnigmaError
from enigma.errors import EnigmaIndexError as EnigmaIndexError
from enigma.errors import EnigmaNameError as EnigmaNameError
from enigma.errors import EnigmaSyntaxError as EnigmaSyntaxError
from enigma.errors import EnigmaTypeError as EnigmaTypeError
from enigma.errors import EnigmaValueError as EnigmaValueError
from enigma.errors import ErrorGroup as ErrorGroup
from enigma.errors import InternalError as InternalError
from enigma.errors import KernelAssertionError as KernelAssertionError
from enigma.errors import LaunchError as LaunchError
from enigma.errors import OutOfBoundsError as OutOfBoundsError
from enigma.errors import ToolchainError as ToolchainError
from enigma.export.api import export as export
from enigma.interop.copies import CopyReport as CopyReport
from enigma.interop.copies import explain_copies as explain_copies
from enigma.layout import ComposedLayout as ComposedLayout
from enigma.layout import Layout as Layout
from enigma.layout import Swizzle as Swizzle
from enigma.layout import SwizzledLayout as SwizzledLayout
from enigma.layout import append as append
from enigma.layout import blocked_product as blocked_product
from enigma.layout import complement as complement
from enigma.layout import cosize as cosize
from enigma.layout import crd2idx as crd2idx
from enigma.layout import depth as depth
from enigma.layout import dice as dice
from enigma.layout import flat_product as flat_product
from enigma.layout import idx2crd as idx2crd
from enigma.layout import left_inverse as left_inverse
from enigma.layout import logical_product as logical_product
from enigma.layout import make_composed_layout as make_composed_layout
from enigma.layout import make_identity_layout as make_identity_layout
from enigma.layout import make_layout as make_layout
from enigma.layout import make_layout_tv as make_layout_tv
from enigma.layout import make_ordered_layout as make_ordered_layout
from enigma.layout import max_common_layout as max_common_layout
from enigma.layout import max_common_vector as max_common_vector
from enigma.layout import prepend as prepend
from enigma.layout import product as product
from enigma.layout import raked_product as raked_product
from enigma.layout import rank as rank
from enigma.layout import recast_layout as recast_layout
from enigma.layout import repeat_like as repeat_like
from enigma.layout import right_inverse as right_inverse
from enigma.layout import select as select
from enigma.layout import size as size
from enigma.layout import slice as slice
from enigma.layout import slice_ as slice_
from enigma.layout import swizzle as swizzle
from enigma.layout import tile_to_shape as tile_to_shape
from enigma.layout import tiled_product as tiled_product
from enigma.layout import zipped_product as zipped_product
from enigma.layout.drawing import Drawing as Drawing
from enigma.layout.drawing import draw as draw
from enigma.layout.drawing import draw_tv as draw_tv
from enigma.layout.drawing import show as show
from enigma.profiler import KernelBenchmark as KernelBenchmark
from enigma.profiler import Profiler as Profiler
from enigma.profiler import ProfilerEvent as ProfilerEvent
from enigma.profiler import ProfilerResult as ProfilerResult
from enigma.profiler import benchmark_kernel as benchmark_kernel
from enigma.profiler import profile as profile
from enigma.profiler import profile_kernel as profile_kernel
from enigma.profiler import record_function as record_function
from enigma.profiler import register_kernel_hook as register_kernel_hook
from enigma.profiler import scope as scope
from enigma.profiler import unregister_kernel_hook as unregister_kernel_hook
from enigma.runtime.base import PreparedKernel as PreparedKernel
from enigma.runtime.base import Runtime as Runtime
from enigma.runtime.binding import dynamic as dynamic
from enigma.runtime.checking.finding import Finding as Finding
from enigma.runtime.checking.report import CheckReport as CheckReport
from enigma.runtime.choose import device_capabilities as device_capabilities
from enigma.runtime.choose import runtime as runtime
from enigma.runtime.cpu import CpuRuntime as CpuRuntime
from enigma.runtime.handles import Launch as Launch
from enigma.runtime.host import empty as empty
from enigma.runtime.host import from_array as from_array
from enigma.runtime.jit import JitDef as JitDef
from enigma.runtime.jit import jit as jit
from enigma.runtime.metal.capabilities import DeviceCapabilities as DeviceCapabilities
from enigma.runtime.metal.memory import DeviceBuffer as DeviceBuffer
from enigma.runtime.metal.runtime import MetalRuntime as MetalRuntime
from enigma.runtime.sequence import CompiledJit as CompiledJit
from enigma.runtime.sim import SimRuntime as SimRuntime
from enigma.trace.fragment import Fragment as Fragment
from enigma.trace.identity import make_identity_tensor as make_identity_tensor
from enigma.trace.kernel import KernelDef as KernelDef
from enigma.trace.kernel import KernelHandle as KernelHandle
from enigma.trace.kernel import kernel as kernel
from enigma.trace.matrix_fragment import MatrixFragment as MatrixFragment
from enigma.trace.pipeline import Pipeline as Pipeline
from enigma.trace.predicate import elem_less as elem_less
from enigma.trace.register_tensor import RegisterTensor as RegisterTensor
from enigma.trace.scoped import Carry as Carry
from enigma.trace.tensor import Tensor as Tensor
from enigma.trace.tiled_copy import CopyAtom as CopyAtom
from enigma.trace.tiled_copy import CopyCooperativeOp as CopyCooperativeOp
from enigma.trace.tiled_copy import CopyUniversalOp as CopyUniversalOp
from enigma.trace.tiled_copy import ThrCopy as ThrCopy
from enigma.trace.tiled_copy import TiledCopy as TiledCopy
from enigma.trace.tiled_copy import make_copy_atom as make_copy_atom
from enigma.trace.tiled_copy import make_tiled_copy as make_tiled_copy
from enigma.trace.tiled_copy import make_tiled_copy_tv as make_tiled_copy_tv
from enigma.trace.tiled_mma import MmaUniversalOp as MmaUniversalOp
from enigma.trace.tiled_mma import SimdgroupMmaOp as SimdgroupMmaOp
from enigma.trace.tiled_mma import ThrMma as ThrMma
from enigma.trace.tiled_mma import TiledMma as TiledMma
from enigma.trace.tiled_mma import make_tiled_mma as make_tiled_mma
from enigma.trace.tiles import SimdgroupTile as SimdgroupTile
from enigma.trace.tiling import coalesce as coalesce
from enigma.trace.tiling import composition as composition
from enigma.trace.tiling import filter as filter
from enigma.trace.tiling import flat_divide as flat_divide
from enigma.trace.tiling import flatten as flatten
from enigma.trace.tiling import group as group
from enigma.trace.tiling import group_modes as group_modes
from enigma.trace.tiling import local_partition as local_partition
from enigma.trace.tiling import local_tile as local_tile
from enigma.trace.tiling import logical_divide as logical_divide
from enigma.trace.tiling import make_tensor as make_tensor
from enigma.trace.tiling import tensor_composition as tensor_composition
from enigma.trace.tiling import tensor_zipped_divide as tensor_zipped_divide
from enigma.trace.tiling import tiled_divide as tiled_divide
from enigma.trace.tiling import zipped_divide as zipped_divide
from enigma.trace.tracer import EnigmaWarning as EnigmaWarning

__version__: str

class Numeric(type):
    """A scalar data type."""

    name: str
    metal_name: str
    mlir_name: str
    numpy_name: str
    kind: str
    width: int
    @property
    def is_float(cls) -> bool: ...
    @property
    def is_integer(cls) -> bool: ...
    @property
    def is_signed(cls) -> bool: ...
    @property
    def size(cls) -> int: ...
    @property
    def min(cls) -> int: ...
    @property
    def max(cls) -> int: ...
    @property
    def numpy(cls) -> Any: ...

class Value(metaclass=Numeric):
    """What a kernel's body sees: a number that exists when the kernel runs, or a buffer of them. Only in this stub."""

    def __init__(self, value: Value | float, /) -> None: ...
    @property
    def dtype(self) -> type[Self]: ...
    # of a function constant that is declared outside of kernels
    @property
    def value(self) -> Self: ...
    @property
    def shape(self) -> tuple[int, ...] | None: ...
    @overload
    def to(self, dtype: type[_T]) -> _T: ...
    @overload
    def to(self, dtype: Any) -> Any: ...
    # several elements of a buffer as a vector
    def load(
        self,
        index: _Index | tuple[_Index, ...],
        lanes: int,
        *,
        limit: _Index | None = None,
        default: Value | float = 0,
    ) -> Any: ...
    def store(self, index: _Index | tuple[_Index, ...], value: Value, *, limit: _Index | None = None) -> None: ...
    def __getitem__(self, index: _Index | tuple[_Index, ...], /) -> Self: ...
    def __setitem__(self, index: _Index | tuple[_Index, ...], value: Value | float, /) -> None: ...
    def __pos__(self) -> Self: ...
    def __round__(self) -> Self: ...
    def __floor__(self) -> Self: ...
    def __ceil__(self) -> Self: ...
    def __trunc__(self) -> Self: ...
    # what Python's `if`, `range`, `int` and `float` ask for: in a kernel they work on such values
    def __bool__(self) -> bool: ...
    def __index__(self) -> int: ...
    def __int__(self) -> int: ...
    def __float__(self) -> float: ...
    def atomic_load(self, i: _Index | tuple[_Index, ...], order: _MemoryOrder = "relaxed") -> Self: ...
    def atomic_store(
        self,
        i: _Index | tuple[_Index, ...],
        x: Value | float,
        order: _MemoryOrder = "relaxed",
    ) -> None: ...
    def atomic_exchange(
        self,
        i: _Index | tuple[_Index, ...],
        x: Value | float,
        order: _MemoryOrder = "relaxed",
    ) -> Self: ...
    def atomic_fetch_add(
        self,
        i: _Index | tuple[_Index, ...],
        x: Value | float,
        order: _MemoryOrder = "relaxed",
    ) -> Self: ...
    def atomic_fetch_sub(
        self,
        i: _Index | tuple[_Index, ...],
        x: Value | float,
        order: _MemoryOrder = "relaxed",
    ) -> Self: ...
    def atomic_fetch_min(
        self,
        i: _Index | tuple[_Index, ...],
        x: Value | float,
        order: _MemoryOrder = "relaxed",
    ) -> Self: ...
    def atomic_fetch_max(
        self,
        i: _Index | tuple[_Index, ...],
        x: Value | float,
        order: _MemoryOrder = "relaxed",
    ) -> Self: ...
    def atomic_fetch_and(
        self,
        i: _Index | tuple[_Index, ...],
        x: Value | float,
        order: _MemoryOrder = "relaxed",
    ) -> Self: ...
    def atomic_fetch_or(
        self,
        i: _Index | tuple[_Index, ...],
        x: Value | float,
        order: _MemoryOrder = "relaxed",
    ) -> Self: ...
    def atomic_fetch_xor(
        self,
        i: _Index | tuple[_Index, ...],
        x: Value | float,
        order: _MemoryOrder = "relaxed",
    ) -> Self: ...
    def atomic_min(self, i: _Index | tuple[_Index, ...], x: Value | float, order: _MemoryOrder = "relaxed") -> None: ...
    def atomic_max(self, i: _Index | tuple[_Index, ...], x: Value | float, order: _MemoryOrder = "relaxed") -> None: ...
    def atomic_compare_exchange(
        self,
        i: _Index | tuple[_Index, ...],
        expected: Value | float,
        desired: Value | float,
        success_order: _MemoryOrder = "relaxed",
        failure_order: _MemoryOrder = "relaxed",
    ) -> tuple[b1, Self]: ...
    def atomic_compare_exchange_weak(
        self,
        i: _Index | tuple[_Index, ...],
        expected: Value | float,
        desired: Value | float,
        success_order: _MemoryOrder = "relaxed",
        failure_order: _MemoryOrder = "relaxed",
    ) -> b1: ...
    def __eq__(self, other: object, /) -> b1: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
    def __ne__(self, other: object, /) -> b1: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
    def __lt__(self, other: Value | float, /) -> b1: ...
    def __le__(self, other: Value | float, /) -> b1: ...
    def __gt__(self, other: Value | float, /) -> b1: ...
    def __ge__(self, other: Value | float, /) -> b1: ...

_Sum = TypeVar("_Sum")
_Bits = TypeVar("_Bits")
_Passed = TypeVar("_Passed")

class _Float(Value):
    """A float, or a buffer of floats."""

    @overload
    def __add__(self, other: Self | float, /) -> Self: ...
    @overload
    def __add__(self, other: Value, /) -> Any: ...
    def __radd__(self, other: float, /) -> Self: ...
    @overload
    def __sub__(self, other: Self | float, /) -> Self: ...
    @overload
    def __sub__(self, other: Value, /) -> Any: ...
    def __rsub__(self, other: float, /) -> Self: ...
    @overload
    def __mul__(self, other: Self | float, /) -> Self: ...
    @overload
    def __mul__(self, other: Value, /) -> Any: ...
    def __rmul__(self, other: float, /) -> Self: ...
    @overload
    def __truediv__(self, other: Self | float, /) -> Self: ...
    @overload
    def __truediv__(self, other: Value, /) -> Any: ...
    def __rtruediv__(self, other: float, /) -> Self: ...
    @overload
    def __floordiv__(self, other: Self | float, /) -> Self: ...
    @overload
    def __floordiv__(self, other: Value, /) -> Any: ...
    def __rfloordiv__(self, other: float, /) -> Self: ...
    @overload
    def __mod__(self, other: Self | float, /) -> Self: ...
    @overload
    def __mod__(self, other: Value, /) -> Any: ...
    def __rmod__(self, other: float, /) -> Self: ...
    @overload
    def __pow__(self, other: Self | float, /) -> Self: ...
    @overload
    def __pow__(self, other: Value, /) -> Any: ...
    def __rpow__(self, other: float, /) -> Self: ...
    def __neg__(self) -> Self: ...
    def __abs__(self) -> Self: ...

class _Whole(Value, Generic[_Sum, _Bits]):
    """An integer or bool, or a buffer of them; what arithmetic and bit operators give, C's promotion decides."""

    @overload
    def __add__(self, other: Self | int, /) -> _Sum: ...
    @overload
    def __add__(self, other: float, /) -> f32: ...
    @overload
    def __add__(self, other: Value, /) -> Any: ...
    @overload
    def __radd__(self, other: int, /) -> _Sum: ...
    @overload
    def __radd__(self, other: float, /) -> f32: ...
    @overload
    def __sub__(self, other: Self | int, /) -> _Sum: ...
    @overload
    def __sub__(self, other: float, /) -> f32: ...
    @overload
    def __sub__(self, other: Value, /) -> Any: ...
    @overload
    def __rsub__(self, other: int, /) -> _Sum: ...
    @overload
    def __rsub__(self, other: float, /) -> f32: ...
    @overload
    def __mul__(self, other: Self | int, /) -> _Sum: ...
    @overload
    def __mul__(self, other: float, /) -> f32: ...
    @overload
    def __mul__(self, other: Value, /) -> Any: ...
    @overload
    def __rmul__(self, other: int, /) -> _Sum: ...
    @overload
    def __rmul__(self, other: float, /) -> f32: ...
    @overload
    def __truediv__(self, other: Self | int, /) -> _Sum: ...
    @overload
    def __truediv__(self, other: float, /) -> f32: ...
    @overload
    def __truediv__(self, other: Value, /) -> Any: ...
    @overload
    def __rtruediv__(self, other: int, /) -> _Sum: ...
    @overload
    def __rtruediv__(self, other: float, /) -> f32: ...
    @overload
    def __floordiv__(self, other: Self | int, /) -> _Sum: ...
    @overload
    def __floordiv__(self, other: float, /) -> f32: ...
    @overload
    def __floordiv__(self, other: Value, /) -> Any: ...
    @overload
    def __rfloordiv__(self, other: int, /) -> _Sum: ...
    @overload
    def __rfloordiv__(self, other: float, /) -> f32: ...
    @overload
    def __mod__(self, other: Self | int, /) -> _Sum: ...
    @overload
    def __mod__(self, other: float, /) -> f32: ...
    @overload
    def __mod__(self, other: Value, /) -> Any: ...
    @overload
    def __rmod__(self, other: int, /) -> _Sum: ...
    @overload
    def __rmod__(self, other: float, /) -> f32: ...
    @overload
    def __and__(self, other: Self | int, /) -> _Bits: ...
    @overload
    def __and__(self, other: Value, /) -> Any: ...
    def __rand__(self, other: int, /) -> _Bits: ...
    @overload
    def __or__(self, other: Self | int, /) -> _Bits: ...
    @overload
    def __or__(self, other: Value, /) -> Any: ...
    def __ror__(self, other: int, /) -> _Bits: ...
    @overload
    def __xor__(self, other: Self | int, /) -> _Bits: ...
    @overload
    def __xor__(self, other: Value, /) -> Any: ...
    def __rxor__(self, other: int, /) -> _Bits: ...
    @overload
    def __lshift__(self, other: Self | int, /) -> _Bits: ...
    @overload
    def __lshift__(self, other: Value, /) -> Any: ...
    def __rlshift__(self, other: int, /) -> _Bits: ...
    @overload
    def __rshift__(self, other: Self | int, /) -> _Bits: ...
    @overload
    def __rshift__(self, other: Value, /) -> Any: ...
    def __rrshift__(self, other: int, /) -> _Bits: ...
    def __invert__(self) -> _Bits: ...
    def __neg__(self) -> _Sum: ...
    def __abs__(self) -> Self: ...

class f32(_Float):
    """IEEE single precision: Metal `float`. `x: enigma.f32` is a buffer of it, `enigma.f32(v)` converts."""

class f16(_Float):
    """IEEE half precision: Metal `half`. `x: enigma.f16` is a buffer of it, `enigma.f16(v)` converts."""

class bf16(_Float):
    """Brain floating point, the upper half of a float: Metal `bfloat` (MSL 3.1 and later)."""

class i8(_Whole[i32, i32]):
    """Signed 8-bit integer: Metal `char`. `x: enigma.i8` is a buffer of it, `enigma.i8(v)` converts."""

class i16(_Whole[i32, i32]):
    """Signed 16-bit integer: Metal `short`. `x: enigma.i16` is a buffer of it, `enigma.i16(v)` converts."""

class i32(_Whole[i32, i32]):
    """Signed 32-bit integer: Metal `int`. `x: enigma.i32` is a buffer of it, `enigma.i32(v)` converts."""

class i64(_Whole[i64, i64]):
    """Signed 64-bit integer: Metal `long`. `x: enigma.i64` is a buffer of it, `enigma.i64(v)` converts."""

class u8(_Whole[i32, i32]):
    """Unsigned 8-bit integer: Metal `uchar`. `x: enigma.u8` is a buffer of it, `enigma.u8(v)` converts."""

class u16(_Whole[i32, i32]):
    """Unsigned 16-bit integer: Metal `ushort`. `x: enigma.u16` is a buffer of it, `enigma.u16(v)` converts."""

class u32(_Whole[u32, u32]):
    """Unsigned 32-bit integer: Metal `uint`. `x: enigma.u32` is a buffer of it, `enigma.u32(v)` converts."""

class u64(_Whole[u64, u64]):
    """Unsigned 64-bit integer: Metal `ulong`. `x: enigma.u64` is a buffer of it, `enigma.u64(v)` converts."""

class b1(_Whole[i32, b1]):
    """A truth value, one byte in a buffer: Metal `bool`. `x: enigma.b1` is a buffer of it, `enigma.b1(v)` converts."""

Float32 = f32
Float16 = f16
BFloat16 = bf16
Int8 = i8
Int16 = i16
Int32 = i32
Int64 = i64
UInt8 = u8
UInt16 = u16
UInt32 = u32
UInt64 = u64
Bool = b1

class _Vector:
    """Two to four numbers, or a buffer of them. `v.x`, `v.zyx` read and set components."""

    x: Any
    y: Any
    z: Any
    w: Any
    def __init__(self, *values: Value | float) -> None: ...
    def __getattr__(self, name: str, /) -> Any: ...
    def __setattr__(self, name: str, value: Any, /) -> None: ...
    def __iter__(self) -> Iterator[Any]: ...
    def replace(self, **components: Value | float) -> Any: ...
    def __eq__(self, other: Any, /) -> Any: ...
    def __ne__(self, other: Any, /) -> Any: ...
    def __lt__(self, other: Any, /) -> Any: ...
    def __le__(self, other: Any, /) -> Any: ...
    def __gt__(self, other: Any, /) -> Any: ...
    def __ge__(self, other: Any, /) -> Any: ...

class _WholeVector(_Vector):
    """A vector of integers or bools."""

    def __add__(self, other: Any, /) -> Any: ...
    def __radd__(self, other: Any, /) -> Any: ...
    def __sub__(self, other: Any, /) -> Any: ...
    def __rsub__(self, other: Any, /) -> Any: ...
    def __mul__(self, other: Any, /) -> Any: ...
    def __rmul__(self, other: Any, /) -> Any: ...
    def __truediv__(self, other: Any, /) -> Any: ...
    def __rtruediv__(self, other: Any, /) -> Any: ...
    def __floordiv__(self, other: Any, /) -> Any: ...
    def __rfloordiv__(self, other: Any, /) -> Any: ...
    def __mod__(self, other: Any, /) -> Any: ...
    def __rmod__(self, other: Any, /) -> Any: ...
    def __and__(self, other: Any, /) -> Any: ...
    def __rand__(self, other: Any, /) -> Any: ...
    def __or__(self, other: Any, /) -> Any: ...
    def __ror__(self, other: Any, /) -> Any: ...
    def __xor__(self, other: Any, /) -> Any: ...
    def __rxor__(self, other: Any, /) -> Any: ...
    def __lshift__(self, other: Any, /) -> Any: ...
    def __rlshift__(self, other: Any, /) -> Any: ...
    def __rshift__(self, other: Any, /) -> Any: ...
    def __rrshift__(self, other: Any, /) -> Any: ...
    def __invert__(self) -> Any: ...
    def __neg__(self) -> Any: ...

class f32x2(_Vector, f32):
    """2 numbers of f32: Metal `float2`."""

class f32x3(_Vector, f32):
    """3 numbers of f32: Metal `float3`."""

class f32x4(_Vector, f32):
    """4 numbers of f32: Metal `float4`."""

class f16x2(_Vector, f16):
    """2 numbers of f16: Metal `half2`."""

class f16x3(_Vector, f16):
    """3 numbers of f16: Metal `half3`."""

class f16x4(_Vector, f16):
    """4 numbers of f16: Metal `half4`."""

class bf16x2(_Vector, bf16):
    """2 numbers of bf16: Metal `bfloat2`."""

class bf16x3(_Vector, bf16):
    """3 numbers of bf16: Metal `bfloat3`."""

class bf16x4(_Vector, bf16):
    """4 numbers of bf16: Metal `bfloat4`."""

class i8x2(_WholeVector, i8):
    """2 numbers of i8: Metal `char2`."""

class i8x3(_WholeVector, i8):
    """3 numbers of i8: Metal `char3`."""

class i8x4(_WholeVector, i8):
    """4 numbers of i8: Metal `char4`."""

class i16x2(_WholeVector, i16):
    """2 numbers of i16: Metal `short2`."""

class i16x3(_WholeVector, i16):
    """3 numbers of i16: Metal `short3`."""

class i16x4(_WholeVector, i16):
    """4 numbers of i16: Metal `short4`."""

class i32x2(_WholeVector, i32):
    """2 numbers of i32: Metal `int2`."""

class i32x3(_WholeVector, i32):
    """3 numbers of i32: Metal `int3`."""

class i32x4(_WholeVector, i32):
    """4 numbers of i32: Metal `int4`."""

class i64x2(_WholeVector, i64):
    """2 numbers of i64: Metal `long2`."""

class i64x3(_WholeVector, i64):
    """3 numbers of i64: Metal `long3`."""

class i64x4(_WholeVector, i64):
    """4 numbers of i64: Metal `long4`."""

class u8x2(_WholeVector, u8):
    """2 numbers of u8: Metal `uchar2`."""

class u8x3(_WholeVector, u8):
    """3 numbers of u8: Metal `uchar3`."""

class u8x4(_WholeVector, u8):
    """4 numbers of u8: Metal `uchar4`."""

class u16x2(_WholeVector, u16):
    """2 numbers of u16: Metal `ushort2`."""

class u16x3(_WholeVector, u16):
    """3 numbers of u16: Metal `ushort3`."""

class u16x4(_WholeVector, u16):
    """4 numbers of u16: Metal `ushort4`."""

class u32x2(_WholeVector, u32):
    """2 numbers of u32: Metal `uint2`."""

class u32x3(_WholeVector, u32):
    """3 numbers of u32: Metal `uint3`."""

class u32x4(_WholeVector, u32):
    """4 numbers of u32: Metal `uint4`."""

class u64x2(_WholeVector, u64):
    """2 numbers of u64: Metal `ulong2`."""

class u64x3(_WholeVector, u64):
    """3 numbers of u64: Metal `ulong3`."""

class u64x4(_WholeVector, u64):
    """4 numbers of u64: Metal `ulong4`."""

class b1x2(_WholeVector, b1):
    """2 numbers of b1: Metal `bool2`."""

class b1x3(_WholeVector, b1):
    """3 numbers of b1: Metal `bool3`."""

class b1x4(_WholeVector, b1):
    """4 numbers of b1: Metal `bool4`."""

float2 = f32x2
float3 = f32x3
float4 = f32x4
half2 = f16x2
half3 = f16x3
half4 = f16x4
bfloat2 = bf16x2
bfloat3 = bf16x3
bfloat4 = bf16x4
char2 = i8x2
char3 = i8x3
char4 = i8x4
short2 = i16x2
short3 = i16x3
short4 = i16x4
int2 = i32x2
int3 = i32x3
int4 = i32x4
long2 = i64x2
long3 = i64x3
long4 = i64x4
uchar2 = u8x2
uchar3 = u8x3
uchar4 = u8x4
ushort2 = u16x2
ushort3 = u16x3
ushort4 = u16x4
uint2 = u32x2
uint3 = u32x3
uint4 = u32x4
ulong2 = u64x2
ulong3 = u64x3
ulong4 = u64x4
bool2 = b1x2
bool3 = b1x3
bool4 = b1x4

# `n: enigma.Scalar[enigma.u32]` annotates a by-value parameter: in the kernel it is a value of that dtype, read-only
Scalar = Annotated[_Passed, "by value"]
# `W: enigma.Constant[enigma.f32]` annotates a read-only buffer in constant memory, of at most 65536 bytes
Constant = Annotated[_Passed, "constant memory"]
constexpr = Any

# `T: enigma.Texture2D[enigma.f32]` annotates a texture that is read, `enigma.Texture2D[enigma.f32, Literal["sample"]]` one that is
# sampled, and so on
_Texel = TypeVar("_Texel", bound=f32 | f16 | i32 | u32 | i16 | u16)
_TextureAccess = Literal["read", "write", "read_write", "sample"]
_Access = _DefaultedTypeVar("_Access", bound=_TextureAccess, default=Literal["read"])

class _Texture(Generic[_Texel, _Access]):
    def __init__(self, dtype: type[_Texel], access: _TextureAccess = "read") -> None: ...
    @property
    def dtype(self) -> type[_Texel]: ...
    def read(self, *coordinates: Any) -> Any: ...
    def write(self, value: Any, *coordinates: Any) -> None: ...
    def sample(
        self,
        *coordinates: Any,
        filter: Literal["nearest", "linear"] = "nearest",
        address: Literal["clamp_to_zero", "clamp_to_edge", "repeat", "mirrored_repeat"] = "clamp_to_edge",
        normalized: bool = True,
    ) -> Any: ...
    def width(self) -> u32: ...

class Texture1D(_Texture[_Texel, _Access]): ...

class Texture2D(_Texture[_Texel, _Access]):
    def height(self) -> u32: ...

class Texture3D(_Texture[_Texel, _Access]):
    def height(self) -> u32: ...
    def depth(self) -> u32: ...

class Texture2DArray(_Texture[_Texel, _Access]):
    def height(self) -> u32: ...
    def array_size(self) -> u32: ...

_Index = i8 | i16 | i32 | i64 | u8 | u16 | u32 | u64 | int
_Precision = Literal["default", "fast", "precise"]
_Axis = Literal["x", "y", "z"]
_SamplerFilter = Literal["nearest", "linear"]
_SamplerAddress = Literal["clamp_to_zero", "clamp_to_edge", "repeat", "mirrored_repeat"]
_SamplerCoord = Literal["normalized", "pixel"]
_MemFlags = Literal["mem_none", "mem_device", "mem_threadgroup", "mem_device_and_threadgroup", "mem_texture"]
_MemoryOrder = Literal["relaxed", "acquire", "release", "acq_rel"]
_FenceOrder = Literal["acquire", "release", "acq_rel", "seq_cst"]
_ThreadScope = Literal["thread", "simdgroup", "threadgroup", "device"]
_T = TypeVar("_T", bound=f32 | f16 | bf16 | i8 | i16 | i32 | i64 | u8 | u16 | u32 | u64 | b1)
_F = TypeVar("_F", bound=f32 | f16 | bf16)
_R = TypeVar("_R", bound=f32 | f16 | bf16 | i8 | i16 | i32 | i64 | u8 | u16 | u32 | u64)
_I = TypeVar("_I", bound=i8 | i16 | i32 | i64 | u8 | u16 | u32 | u64)
_X = TypeVar("_X", bound=f32 | f16 | bf16 | i32 | u32 | i64 | u64 | i16 | u16 | i8 | u8)
_B = TypeVar("_B", bound=i32 | u32 | i64 | u64 | i16 | u16 | i8 | u8 | b1)
_ANY = TypeVar("_ANY", bound=f32 | f16 | bf16 | i32 | u32 | i64 | u64 | i16 | u16 | i8 | u8 | b1)
_A = TypeVar("_A", bound=i32 | u32 | f32 | b1)
_A8 = TypeVar("_A8", bound=i32 | u32 | f32)
_A9 = TypeVar("_A9", bound=i32 | u32)
_A10 = TypeVar("_A10", bound=u64)
_W = TypeVar("_W", bound=u32)

class _Arch:
    """Grid queries of all three axes, as tuples (x, y, z)."""

    def thread_idx(self) -> tuple[u32, u32, u32]: ...
    def block_idx(self) -> tuple[u32, u32, u32]: ...
    def block_dim(self) -> tuple[u32, u32, u32]: ...

arch: _Arch
thread_position_in_grid: u32

def pow(x: _F | float, y: _F | float, *, precision: _Precision = "default") -> _F:
    """x to the power y; NaN for a negative x unless y is a whole number."""

def cmp_eq(x: Value | float, y: Value | float) -> b1:
    """Whether x equals y. False when an operand is NaN."""

def cmp_ne(x: Value | float, y: Value | float) -> b1:
    """Whether x differs from y. True when an operand is NaN."""

def cmp_lt(x: Value | float, y: Value | float) -> b1:
    """Whether x is less than y. False when an operand is NaN."""

def cmp_le(x: Value | float, y: Value | float) -> b1:
    """Whether x is at most y. False when an operand is NaN."""

def cmp_gt(x: Value | float, y: Value | float) -> b1:
    """Whether x is greater than y. False when an operand is NaN."""

def cmp_ge(x: Value | float, y: Value | float) -> b1:
    """Whether x is at least y. False when an operand is NaN."""

@overload
def metal_cast(x: Value, dtype: type[_T]) -> _T:
    """x as another dtype: floats to integers truncate towards zero, integers wrap, NaN becomes 0."""

@overload
def metal_cast(x: Value, dtype: Any) -> Any:
    """x as another dtype: floats to integers truncate towards zero, integers wrap, NaN becomes 0."""

@overload
def as_type(x: Value, dtype: type[_R]) -> _R:
    """The bits of x, the first component lowest, as a dtype of one size; each component's as a number of its size."""

@overload
def as_type(x: Value, dtype: Any) -> Any:
    """The bits of x, the first component lowest, as a dtype of one size; each component's as a number of its size."""

def all(v: b1) -> b1:
    """Whether every component is true."""

def any(v: b1) -> b1:
    """Whether some component is true."""

def vec_extract(v: Value, lane: int) -> Any:
    """The component of a vector with this number, counted from 0."""

def dot(a: _F | float, b: _F | float) -> Any:
    """The sum of the products of the components."""

def length_squared(v: _Float) -> Any:
    """The dot product of v with itself."""

def length(v: _Float) -> Any:
    """How long v is: the square root of the sum of squares, infinite where that overflows."""

def distance_squared(a: _F | float, b: _F | float) -> Any:
    """The square of how far apart two points are."""

def distance(a: _F | float, b: _F | float) -> Any:
    """How far apart two points are."""

def cross(a: _F | float, b: _F | float) -> _F:
    """The cross product of two vectors of three."""

def normalize(v: _F) -> _F:
    """v divided by its length; NaN in every component of the zero vector."""

def reflect(i: _F | float, n: _F | float) -> _F:
    """The direction in which i leaves a surface of normal n: i - 2 dot(n, i) n; n has length 1."""

def refract(i: _F | float, n: _F | float, eta: Value | float) -> _F:
    """i bent by a surface of normal n, by the ratio eta of refractive indices; 0 where all is reflected. Both have length 1."""

def faceforward(n: _F | float, i: _F | float, nref: _F | float) -> _F:
    """n where i comes from the front of nref, dot(nref, i) < 0, else -n."""

def pack_float_to_snorm4x8(x: Value) -> u32:
    """The components of x as signed normalized integers of 8 bits in one u32, x in the lowest; NaN becomes 0."""

def unpack_snorm4x8_to_float(p: _Index) -> Any:
    """The vector of the signed normalized integers of 8 bits in p, x from the lowest."""

def pack_float_to_unorm4x8(x: Value) -> u32:
    """The components of x as unsigned normalized integers of 8 bits in one u32, x in the lowest; NaN becomes 0."""

def unpack_unorm4x8_to_float(p: _Index) -> Any:
    """The vector of the unsigned normalized integers of 8 bits in p, x from the lowest."""

def pack_float_to_snorm2x16(x: Value) -> u32:
    """The components of x as signed normalized integers of 16 bits in one u32, x in the lowest; NaN becomes 0."""

def unpack_snorm2x16_to_float(p: _Index) -> Any:
    """The vector of the signed normalized integers of 16 bits in p, x from the lowest."""

def pack_float_to_unorm2x16(x: Value) -> u32:
    """The components of x as unsigned normalized integers of 16 bits in one u32, x in the lowest; NaN becomes 0."""

def unpack_unorm2x16_to_float(p: _Index) -> Any:
    """The vector of the unsigned normalized integers of 16 bits in p, x from the lowest."""

def pack_float_to_srgb_unorm4x8(x: Value) -> u32:
    """The components of x as sRGB unsigned normalized integers of 8 bits in one u32, x in the lowest; NaN becomes 0."""

def unpack_srgb_unorm4x8_to_float(p: _Index) -> Any:
    """The vector of the sRGB unsigned normalized integers of 8 bits in p, x from the lowest."""

def pack_float_to_unorm10a2(x: Value) -> u32:
    """The components of x as unsigned normalized integers of 10, 10, 10, 2 bits in one u32, x in the lowest; NaN becomes 0."""

def unpack_unorm10a2_to_float(p: _Index) -> Any:
    """The vector of the unsigned normalized integers of 10, 10, 10, 2 bits in p, x from the lowest."""

def pack_float_to_unorm565(x: Value) -> u16:
    """The components of x as unsigned normalized integers of 5, 6, 5 bits in one u16, x in the lowest; NaN becomes 0."""

def unpack_unorm565_to_float(p: _Index) -> Any:
    """The vector of the unsigned normalized integers of 5, 6, 5 bits in p, x from the lowest."""

def pack_half_to_snorm4x8(x: Value) -> u32:
    """The components of x as signed normalized integers of 8 bits in one u32, x in the lowest; NaN becomes 0."""

def unpack_snorm4x8_to_half(p: _Index) -> Any:
    """The vector of the signed normalized integers of 8 bits in p, x from the lowest."""

def pack_half_to_unorm4x8(x: Value) -> u32:
    """The components of x as unsigned normalized integers of 8 bits in one u32, x in the lowest; NaN becomes 0."""

def unpack_unorm4x8_to_half(p: _Index) -> Any:
    """The vector of the unsigned normalized integers of 8 bits in p, x from the lowest."""

def pack_half_to_snorm2x16(x: Value) -> u32:
    """The components of x as signed normalized integers of 16 bits in one u32, x in the lowest; NaN becomes 0."""

def unpack_snorm2x16_to_half(p: _Index) -> Any:
    """The vector of the signed normalized integers of 16 bits in p, x from the lowest."""

def pack_half_to_unorm2x16(x: Value) -> u32:
    """The components of x as unsigned normalized integers of 16 bits in one u32, x in the lowest; NaN becomes 0."""

def unpack_unorm2x16_to_half(p: _Index) -> Any:
    """The vector of the unsigned normalized integers of 16 bits in p, x from the lowest."""

def pack_half_to_srgb_unorm4x8(x: Value) -> u32:
    """The components of x as sRGB unsigned normalized integers of 8 bits in one u32, x in the lowest; NaN becomes 0."""

def unpack_srgb_unorm4x8_to_half(p: _Index) -> Any:
    """The vector of the sRGB unsigned normalized integers of 8 bits in p, x from the lowest."""

def pack_half_to_unorm10a2(x: Value) -> u32:
    """The components of x as unsigned normalized integers of 10, 10, 10, 2 bits in one u32, x in the lowest; NaN becomes 0."""

def unpack_unorm10a2_to_half(p: _Index) -> Any:
    """The vector of the unsigned normalized integers of 10, 10, 10, 2 bits in p, x from the lowest."""

def pack_half_to_unorm565(x: Value) -> u16:
    """The components of x as unsigned normalized integers of 5, 6, 5 bits in one u16, x in the lowest; NaN becomes 0."""

def unpack_unorm565_to_half(p: _Index) -> Any:
    """The vector of the unsigned normalized integers of 5, 6, 5 bits in p, x from the lowest."""

def sqrt(x: _F, *, precision: _Precision = "default") -> _F:
    """Square root; NaN below zero."""

def rsqrt(x: _F, *, precision: _Precision = "default") -> _F:
    """One over the square root."""

def floor(x: _F) -> _F:
    """The largest whole number not above x."""

def ceil(x: _F) -> _F:
    """The smallest whole number not below x."""

def round(x: _F) -> _F:
    """The nearest whole number, ties to even."""

def trunc(x: _F) -> _F:
    """The whole part of x."""

def sign(x: _F) -> _F:
    """-1, 0 or 1 by the sign of x; 0 for NaN."""

def saturate(x: _F) -> _F:
    """x clamped to [0, 1]; 0 for NaN."""

def fract(x: _F) -> _F:
    """x minus its floor, always below 1."""

def exp(x: _F, *, precision: _Precision = "default") -> _F:
    """e to the power x."""

def exp2(x: _F, *, precision: _Precision = "default") -> _F:
    """2 to the power x."""

def log(x: _F, *, precision: _Precision = "default") -> _F:
    """Natural logarithm; NaN below zero."""

def log2(x: _F, *, precision: _Precision = "default") -> _F:
    """Logarithm to base 2; NaN below zero."""

def log10(x: _F, *, precision: _Precision = "default") -> _F:
    """Logarithm to base 10; NaN below zero."""

def sin(x: _F, *, precision: _Precision = "default") -> _F:
    """Sine of x in radians."""

def cos(x: _F, *, precision: _Precision = "default") -> _F:
    """Cosine of x in radians."""

def tan(x: _F, *, precision: _Precision = "default") -> _F:
    """Tangent of x in radians."""

def asin(x: _F, *, precision: _Precision = "default") -> _F:
    """Arc sine in [-pi/2, pi/2]; NaN outside of [-1, 1]."""

def acos(x: _F, *, precision: _Precision = "default") -> _F:
    """Arc cosine in [0, pi]; NaN outside of [-1, 1]."""

def atan(x: _F, *, precision: _Precision = "default") -> _F:
    """Arc tangent in [-pi/2, pi/2]."""

def sinh(x: _F, *, precision: _Precision = "default") -> _F:
    """Hyperbolic sine."""

def cosh(x: _F, *, precision: _Precision = "default") -> _F:
    """Hyperbolic cosine."""

def tanh(x: _F, *, precision: _Precision = "default") -> _F:
    """Hyperbolic tangent."""

def fmin(x: _F | float, y: _F | float) -> _F:
    """The smaller; the other one where one is NaN."""

def fmax(x: _F | float, y: _F | float) -> _F:
    """The larger; the other one where one is NaN."""

def fmod(x: _F | float, y: _F | float, *, precision: _Precision = "default") -> _F:
    """What truncating division leaves: the sign of x."""

def atan2(y: _F | float, x: _F | float, *, precision: _Precision = "default") -> _F:
    """The angle of the point (x, y) in [-pi, pi]."""

def step(edge: _F | float, x: _F | float) -> _F:
    """0 where x is below the edge, else 1."""

def copysign(x: _F | float, y: _F | float) -> _F:
    """The magnitude of x with the sign of y."""

def clamp(x: _F | float, low: _F | float, high: _F | float) -> _F:
    """x limited to [low, high]; undefined where low is above high."""

def fma(a: _F | float, b: _F | float, c: _F | float) -> _F:
    """a * b + c, rounded once."""

def mix(a: _F | float, b: _F | float, t: _F | float) -> _F:
    """a + (b - a) * t."""

def smoothstep(low: _F | float, high: _F | float, x: _F | float) -> _F:
    """Hermite step from 0 at low to 1 at high."""

def isnan(x: _Float) -> b1:
    """Whether x is NaN."""

def isinf(x: _Float) -> b1:
    """Whether x is infinite."""

def isfinite(x: _Float) -> b1:
    """Whether x is neither infinite nor NaN."""

def signbit(x: _Float) -> b1:
    """Whether the sign of x is negative, of -0.0 and NaN too."""

def isnormal(x: _Float) -> b1:
    """Whether x is finite, not zero and not subnormal."""

def abs(x: _R) -> _R:
    """The magnitude of x; the smallest integer stays itself."""

def abs_diff_unary(x: _I) -> _I:
    """The magnitude of an integer, in its own dtype."""

def imin(x: _I | int, y: _I | int) -> _I:
    """The smaller integer."""

def imax(x: _I | int, y: _I | int) -> _I:
    """The larger integer."""

def iclamp(x: _I | int, low: _I | int, high: _I | int) -> _I:
    """x limited to [low, high]."""

def abs_diff(x: _I | int, y: _I | int) -> _I:
    """The distance between two integers, in their own dtype."""

def add_sat(x: _I | int, y: _I | int) -> _I:
    """The sum, held at the ends of the dtype instead of wrapping."""

def sub_sat(x: _I | int, y: _I | int) -> _I:
    """The difference, held at the ends of the dtype instead of wrapping."""

def mul_hi(x: _I | int, y: _I | int) -> _I:
    """The upper half of the full product."""

def mad_sat(a: _I | int, b: _I | int, c: _I | int) -> _I:
    """a * b + c, held at the ends of the dtype instead of wrapping."""

def rotate(x: _I | int, n: _I | int) -> _I:
    """The bits of x moved left by n, those that fall out coming in at the right."""

def popcount(x: _I) -> _I:
    """How many bits are set."""

def clz(x: _I) -> _I:
    """Zero bits before the first set bit; the width where there is none."""

def ctz(x: _I) -> _I:
    """Zero bits after the last set bit; the width where there is none."""

def reverse_bits(x: _I) -> _I:
    """The bits in opposite order."""

def extract_bits(x: _I, offset: int, bits: int) -> _I:
    """The field of `bits` bits at `offset`, sign-extended where x is signed."""

def insert_bits(base: _I | int, insert: _I | int, offset: int, bits: int) -> _I:
    """`base` with its field of `bits` bits at `offset` replaced by the low bits of `insert`."""

def thread_position_in_grid_xyz(dim: _Axis = "x") -> u32:
    """This thread's position in the grid, along one axis."""

def thread_position_in_threadgroup(dim: _Axis = "x") -> u32:
    """This thread's position in its threadgroup, along one axis."""

def threadgroup_position_in_grid(dim: _Axis = "x") -> u32:
    """This threadgroup's position in the grid of threadgroups, along one axis."""

def threads_per_threadgroup(dim: _Axis = "x") -> u32:
    """Threads in this threadgroup; the last of an axis may have fewer, along one axis."""

def threads_per_grid(dim: _Axis = "x") -> u32:
    """Threads in the grid, along one axis."""

def threadgroups_per_grid(dim: _Axis = "x") -> u32:
    """Threadgroups in the grid, along one axis."""

def grid_size(dim: _Axis = "x") -> u32:
    """Threadgroups in the grid, along one axis."""

def thread_index_in_threadgroup() -> u32:
    """This thread's number in its threadgroup, x fastest."""

def thread_index_in_simdgroup() -> u32:
    """This thread's lane, 0 to 31."""

def simdgroup_index_in_threadgroup() -> u32:
    """The number of this thread's simdgroup."""

def threads_per_simdgroup() -> u32:
    """Lanes of a simdgroup: 32 on every Apple GPU."""

def simdgroups_per_threadgroup() -> u32:
    """Simdgroups in this threadgroup, a partial one counted."""

def thread_index_in_quadgroup() -> u32:
    """This thread's lane of its quadgroup, 0 to 3."""

def quadgroup_index_in_threadgroup() -> u32:
    """The number of this thread's quadgroup."""

def quadgroups_per_threadgroup() -> u32:
    """Quadgroups in this threadgroup, a partial one counted."""

def barrier(mem_flags: _MemFlags = "mem_threadgroup") -> None:
    """Wait until every thread of the threadgroup is here; memory named by the flags is then the same for all."""

def simd_barrier(mem_flags: _MemFlags = "mem_threadgroup") -> None:
    """Wait until every thread of the simdgroup is here; memory named by the flags is then the same for all."""

def simd_sum(x: _X) -> _X:
    """The sum over the active lanes, the same in each."""

def simd_product(x: _X) -> _X:
    """The product over the active lanes, the same in each."""

def simd_min(x: _X) -> _X:
    """The smallest value over the active lanes, the same in each."""

def simd_max(x: _X) -> _X:
    """The largest value over the active lanes, the same in each."""

def simd_and(x: _B) -> _B:
    """The bits set in all values; of bools, whether all are true, over the active lanes, the same in each."""

def simd_or(x: _B) -> _B:
    """The bits set in any value; of bools, whether any is true, over the active lanes, the same in each."""

def simd_xor(x: _B) -> _B:
    """The bits set in an odd number of values; of bools, whether an odd number is true, over the active lanes, the same in each."""

def simd_prefix_inclusive_sum(x: _X) -> _X:
    """The sum over the active lanes up to and with this one."""

def simd_prefix_exclusive_sum(x: _X) -> _X:
    """The sum over the active lanes before this one; 0 in the first."""

def simd_prefix_inclusive_product(x: _X) -> _X:
    """The product over the active lanes up to and with this one."""

def simd_prefix_exclusive_product(x: _X) -> _X:
    """The product over the active lanes before this one; 1 in the first."""

def simd_shuffle(x: _ANY | float, lane: _Index) -> _ANY:
    """The value of x in another lane."""

def simd_shuffle_up(x: _ANY | float, delta: _Index) -> _ANY:
    """The value of x `delta` lanes below; the lane's own below lane 0."""

def simd_shuffle_down(x: _ANY | float, delta: _Index) -> _ANY:
    """The value of x `delta` lanes above; the lane's own above lane 31."""

def simd_shuffle_xor(x: _ANY | float, mask: _Index) -> _ANY:
    """The value of x in the lane whose number differs in the bits of `mask`."""

def simd_broadcast(x: _ANY | float, lane: _Index) -> _ANY:
    """The value of x in one lane, which is the same for all."""

def simd_broadcast_first(x: _ANY) -> _ANY:
    """The value of x in the first active lane."""

def simd_shuffle_rotate_up(x: _ANY | float, delta: _Index) -> _ANY:
    """The value of x `delta` lanes below, lane 31 coming below lane 0; `delta` is the same for all lanes."""

def simd_shuffle_rotate_down(x: _ANY | float, delta: _Index) -> _ANY:
    """The value of x `delta` lanes above, lane 0 coming above lane 31; `delta` is the same for all lanes."""

def simd_shuffle_and_fill_up(x: _ANY | float, fill: _ANY | float, delta: _Index, modulo: int = 32) -> _ANY:
    """The value of x `delta` lanes below; before each `modulo` lanes, the last values of `fill`."""

def simd_shuffle_and_fill_down(x: _ANY | float, fill: _ANY | float, delta: _Index, modulo: int = 32) -> _ANY:
    """The value of x `delta` lanes above; after each `modulo` lanes, the first values of `fill`."""

def simd_ballot(p: _Index) -> u32:
    """In which active lanes p is true: bit k stands for lane k of the simdgroup."""

def simd_active_threads_mask() -> u32:
    """Which lanes are active: bit k stands for lane k of the simdgroup."""

def simd_all(p: _Index) -> b1:
    """Whether p is true in all active lanes."""

def simd_any(p: _Index) -> b1:
    """Whether p is true in any active lane."""

def simd_is_first() -> b1:
    """Whether this is the first active lane of the simdgroup: true in exactly one of them."""

def quad_sum(x: _X) -> _X:
    """The sum over the active lanes, the same in each."""

def quad_product(x: _X) -> _X:
    """The product over the active lanes, the same in each."""

def quad_min(x: _X) -> _X:
    """The smallest value over the active lanes, the same in each."""

def quad_max(x: _X) -> _X:
    """The largest value over the active lanes, the same in each."""

def quad_and(x: _B) -> _B:
    """The bits set in all values; of bools, whether all are true, over the active lanes, the same in each."""

def quad_or(x: _B) -> _B:
    """The bits set in any value; of bools, whether any is true, over the active lanes, the same in each."""

def quad_xor(x: _B) -> _B:
    """The bits set in an odd number of values; of bools, whether an odd number is true, over the active lanes, the same in each."""

def quad_prefix_inclusive_sum(x: _X) -> _X:
    """The sum over the active lanes up to and with this one."""

def quad_prefix_exclusive_sum(x: _X) -> _X:
    """The sum over the active lanes before this one; 0 in the first."""

def quad_prefix_inclusive_product(x: _X) -> _X:
    """The product over the active lanes up to and with this one."""

def quad_prefix_exclusive_product(x: _X) -> _X:
    """The product over the active lanes before this one; 1 in the first."""

def quad_shuffle(x: _ANY | float, lane: _Index) -> _ANY:
    """The value of x in another lane."""

def quad_shuffle_up(x: _ANY | float, delta: _Index) -> _ANY:
    """The value of x `delta` lanes below; the lane's own below lane 0."""

def quad_shuffle_down(x: _ANY | float, delta: _Index) -> _ANY:
    """The value of x `delta` lanes above; the lane's own above lane 3."""

def quad_shuffle_xor(x: _ANY | float, mask: _Index) -> _ANY:
    """The value of x in the lane whose number differs in the bits of `mask`."""

def quad_broadcast(x: _ANY | float, lane: _Index) -> _ANY:
    """The value of x in one lane, which is the same for all."""

def quad_broadcast_first(x: _ANY) -> _ANY:
    """The value of x in the first active lane."""

def quad_shuffle_rotate_up(x: _ANY | float, delta: _Index) -> _ANY:
    """The value of x `delta` lanes below, lane 3 coming below lane 0; `delta` is the same for all lanes."""

def quad_shuffle_rotate_down(x: _ANY | float, delta: _Index) -> _ANY:
    """The value of x `delta` lanes above, lane 0 coming above lane 3; `delta` is the same for all lanes."""

def quad_shuffle_and_fill_up(x: _ANY | float, fill: _ANY | float, delta: _Index, modulo: int = 4) -> _ANY:
    """The value of x `delta` lanes below; before each `modulo` lanes, the last values of `fill`."""

def quad_shuffle_and_fill_down(x: _ANY | float, fill: _ANY | float, delta: _Index, modulo: int = 4) -> _ANY:
    """The value of x `delta` lanes above; after each `modulo` lanes, the first values of `fill`."""

def quad_ballot(p: _Index) -> u32:
    """In which active lanes p is true: bit k stands for lane k of the quadgroup."""

def quad_active_threads_mask() -> u32:
    """Which lanes are active: bit k stands for lane k of the quadgroup."""

def quad_all(p: _Index) -> b1:
    """Whether p is true in all active lanes."""

def quad_any(p: _Index) -> b1:
    """Whether p is true in any active lane."""

def quad_is_first() -> b1:
    """Whether this is the first active lane of the quadgroup: true in exactly one of them."""

def simdgroup_multiply(a: _F | float, b: _F | float) -> _F:
    """The matrix product a b, added up in f32."""

def simdgroup_multiply_accumulate(a: _F | float, b: _F | float, c: _F | float) -> _F:
    """The matrix product a b, added to c; c holds what a and b hold, or f32."""

def atomic_load(buf: _A, i: _Index, order: _MemoryOrder = "relaxed") -> _A:
    """Element i, read in one step."""

def atomic_store(buf: _A, i: _Index, x: _A | float, order: _MemoryOrder = "relaxed") -> None:
    """Set element i in one step."""

def atomic_exchange(buf: _A, i: _Index, x: _A | float, order: _MemoryOrder = "relaxed") -> _A:
    """Set element i in one step; returns what was there before."""

def atomic_fetch_add(buf: _A8, i: _Index, x: _A8 | float, order: _MemoryOrder = "relaxed") -> _A8:
    """Add x to element i in one step; returns what was there before."""

def atomic_fetch_sub(buf: _A8, i: _Index, x: _A8 | float, order: _MemoryOrder = "relaxed") -> _A8:
    """Subtract x from element i in one step; returns what was there before."""

def atomic_fetch_min(buf: _A8, i: _Index, x: _A8 | float, order: _MemoryOrder = "relaxed") -> _A8:
    """Lower element i to x in one step; returns what was there before. Of a number and NaN, the number counts."""

def atomic_fetch_max(buf: _A8, i: _Index, x: _A8 | float, order: _MemoryOrder = "relaxed") -> _A8:
    """Raise element i to x in one step; returns what was there before. Of a number and NaN, the number counts."""

def atomic_fetch_and(buf: _A9, i: _Index, x: _A9 | int, order: _MemoryOrder = "relaxed") -> _A9:
    """Keep the bits of element i that x has in one step; returns what was there before."""

def atomic_fetch_or(buf: _A9, i: _Index, x: _A9 | int, order: _MemoryOrder = "relaxed") -> _A9:
    """Set the bits of element i that x has in one step; returns what was there before."""

def atomic_fetch_xor(buf: _A9, i: _Index, x: _A9 | int, order: _MemoryOrder = "relaxed") -> _A9:
    """Turn over the bits of element i that x has in one step; returns what was there before."""

def atomic_min(buf: _A10, i: _Index, x: _A10 | int, order: _MemoryOrder = "relaxed") -> None:
    """Lower element i to x in one step. It does not return what was there: Metal's 64-bit atomics cannot."""

def atomic_max(buf: _A10, i: _Index, x: _A10 | int, order: _MemoryOrder = "relaxed") -> None:
    """Raise element i to x in one step. It does not return what was there: Metal's 64-bit atomics cannot."""

def atomic_compare_exchange(
    buf: _A,
    i: _Index,
    expected: _A | float,
    desired: _A | float,
    success_order: _MemoryOrder = "relaxed",
    failure_order: _MemoryOrder = "relaxed",
) -> tuple[b1, _A]:
    """Set element i to `desired` if it is `expected`, bit for bit; returns whether it was, and what was found."""

def atomic_compare_exchange_weak(
    buf: _A,
    i: _Index,
    expected: _A | float,
    desired: _A | float,
    success_order: _MemoryOrder = "relaxed",
    failure_order: _MemoryOrder = "relaxed",
) -> b1:
    """Set element i to `desired` if it is `expected`, bit for bit; returns whether it was. May fail without cause: loop."""

def atomic_thread_fence(
    mem_flags: _MemFlags = "mem_device",
    order: _FenceOrder = "seq_cst",
    scope: _ThreadScope = "device",
) -> None:
    """Order this thread's accesses of memory before the fence and after it, as the threads in `scope` see them."""

def philox4x32(c0: _W | int, c1: _W | int, c2: _W | int, c3: _W | int, k0: _W | int, k1: _W | int, word: int = 0) -> _W:
    """One of the four words, 0 to 3, that Philox 4x32-10 makes of the counter c and the key k."""

def print(*message: Any) -> None:
    """Print a line for each thread that gets here, with the values in the text."""

def assert_(condition: Any, *message: Any) -> None:
    """Make the launch fail if a condition does not hold, with the values in the text."""

def simdgroup_matrix_load(
    buf: Value,
    elements_per_row: _Index,
    elem: Any = None,
    rows: int = 8,
    cols: int = 8,
    *,
    offset: _Index | tuple[_Index, ...] = 0,
    transpose: bool = False,
) -> Any:
    """Return the 8 x 8 matrix that begins at element `offset` of a buffer, whose rows are `elements_per_row` elements apart."""

def simdgroup_matrix_store(
    matrix: Value,
    buf: Value,
    elements_per_row: _Index,
    *,
    offset: _Index | tuple[_Index, ...] = 0,
    transpose: bool = False,
) -> None:
    """Write an 8 x 8 matrix to a buffer, from element `offset` on, its rows `elements_per_row` elements apart."""

def make_filled_simdgroup_matrix(value: Value | float, elem: Any = "float", rows: int = 8, cols: int = 8) -> Any:
    """Return the 8 x 8 matrix of `elem` (f32, f16 or bf16) whose elements are all `value`."""

def matmul(a: Value, b: Value, result_dtype: Any = None) -> Any:
    """Return the product of two small matrices, of a matrix and a vector, or of a vector and a matrix: `a @ b`."""

def transpose(m: Value, result_dtype: Any = None) -> Any:
    """Return the transpose of a small matrix: its columns become rows. With `result_dtype`, it is converted to that."""

def determinant(m: Value, scalar_dtype: Any = None) -> Any:
    """Return the determinant of a small square matrix, of its dtype, or converted to `scalar_dtype`."""

def register_tensor(shape: int | tuple[int, ...], dtype: Any = "float", fill: Value | float = 0) -> RegisterTensor:
    """Return a tensor in the thread's registers, every element `fill`: `acc = enigma.register_tensor((4, 4))`."""

def make_fragment(layout_or_shape: Any, dtype: Any = "float") -> RegisterTensor:
    """Return a tensor in the thread's registers with a layout: `acc = enigma.make_fragment((4, 4), enigma.f32)`."""

def make_fragment_like(like: Any, dtype: Any = None) -> RegisterTensor:
    """Return a tensor in the thread's registers of the shape of a tensor, a fragment or a layout, with no gaps in it."""

def thread_alloc(dtype: type[_T], size: int | tuple[int, ...], fill: Value | float | None = None) -> _T:
    """Return an array of each thread's own: `size` elements, or a shape indexed by tuples (row-major)."""

def constant(values: Any, dtype: Any = None) -> Any:
    """Return a table in constant memory that holds the numbers of a tuple, list or NumPy array, which may be nested."""

def copy(
    src: Any,
    dst: Any,
    count: _Index | Any = None,
    src_offset: _Index = 0,
    dst_offset: _Index = 0,
    mask_fn: Callable[[Any], Any] | None = None,
    coalesced_width: int = 1,
    *,
    cooperative: bool = False,
    pred: Any = None,
    fill: Any = None,
) -> None:
    """Copy tensors by a tiled copy, `copy(tiled, src, dst)`, or a number of elements, `copy(src, dst, count)`."""

def async_copy_1d_d2t(dst: Value | str, dst_off: _Index, src: Value | str, src_off: _Index, count: _Index) -> i64:
    """Begin to copy `count` elements from device to threadgroup memory, and return the event to wait for (an i64)."""

def async_copy_1d_t2d(dst: Value | str, dst_off: _Index, src: Value | str, src_off: _Index, count: _Index) -> i64:
    """Begin to copy `count` elements from threadgroup to device memory, and return the event to wait for (an i64)."""

def async_copy_2d_d2t(
    dst: Value | str,
    dst_off: _Index,
    dst_epr: _Index,
    src: Value | str,
    src_off: _Index,
    src_epr: _Index,
    tile_cols: _Index,
    tile_rows: _Index,
) -> i64:
    """Begin to copy a tile from device to threadgroup memory, and return the event to wait for (an i64)."""

def async_copy_2d_t2d(
    dst: Value | str,
    dst_off: _Index,
    dst_epr: _Index,
    src: Value | str,
    src_off: _Index,
    src_epr: _Index,
    tile_cols: _Index,
    tile_rows: _Index,
) -> i64:
    """Begin to copy a tile from threadgroup to device memory, and return the event to wait for (an i64)."""

def async_copy_wait(*events: Any) -> None:
    """Wait until the copies of these events are done, and what they wrote is seen by every thread: a barrier."""

def async_copy_to_threadgroup(
    src: Value | str,
    dst: Value | str,
    count: _Index,
    src_offset: _Index = 0,
    dst_offset: _Index = 0,
) -> i64:
    """Begin to copy from device to threadgroup memory: an older form of `async_copy_1d_d2t`, with the source first."""

def async_copy_commit(tok: Any) -> None:
    """Do nothing: a copy is under way when it is called. For kernels that were written for a queue of copies."""

def simdgroup_tile(rows: int, cols: int, dtype: Any = "float", fill: Value | float = 0.0) -> SimdgroupTile:
    """Return a tile of `rows` x `cols` elements (multiples of 8) that a simdgroup holds as 8 x 8 matrices, every element `fill`."""

def mma(a: SimdgroupTile, b: SimdgroupTile, c: SimdgroupTile) -> SimdgroupTile:
    """Add the product of two tiles to a third, in place: `c += a @ b`. Returns c."""

def gemm(
    A: Any,
    B: Any,
    C: Any,
    D: Any = None,
    *,
    M: int | None = None,
    N: int | None = None,
    K: int | None = None,
    transpose_A: bool = False,
    transpose_B: bool = False,
    accum_dtype: Any = "float",
    use_simdgroup: bool | None = None,
) -> None:
    """Add the product of two tiles to a third, by a tiled product, `gemm(tiled, a, b, c)`, or `gemm(A, B, C, M=, N=, K=)`."""

def make_vec(*c: Value | float) -> Any:
    """Return the vector of two to four numbers, in order; vectors among them count with all their components."""

def make_float2(*c: Value | float) -> Any:
    """Return the vector of 2 f32 of these numbers, each converted; vectors among them count with all their components."""

def make_float3(*c: Value | float) -> Any:
    """Return the vector of 3 f32 of these numbers, each converted; vectors among them count with all their components."""

def make_float4(*c: Value | float) -> Any:
    """Return the vector of 4 f32 of these numbers, each converted; vectors among them count with all their components."""

def pipeline(dtype: Any, size: int, stages: int = 2) -> Pipeline:
    """Return `stages` buffers of `size` elements in threadgroup memory that take turns, one in front."""

def pack_uint8x4(b0: _Index, b1: _Index, b2: _Index, b3: _Index) -> u32:
    """Return the u32 with the low eight bits of four integers: b0 in bits 0 to 7, b3 in bits 24 to 31."""

def unpack_uint8x4(p: _Index) -> tuple[u32, u32, u32, u32]:
    """Return the four bytes of a word as u32 from 0 to 255, the lowest first."""

def pack_int4x2(lo: _Index, hi: _Index) -> u32:
    """Return the u32 with the low four bits of two integers: lo in bits 0 to 3, hi in bits 4 to 7; the others are 0."""

def unpack_int4x2(p: _Index) -> tuple[i32, i32]:
    """Return the two lowest nibbles of p as i32 from -8 to 7: bits 0 to 3, and bits 4 to 7."""

def dequantize_int8(x: Value | int, scale: Value | float, zero_point: _Index = 0) -> Any:
    """Return `(x - zero_point) * scale` in f32, the difference in i32: the float that an 8-bit integer stands for."""

def dequantize_int4(
    p: _Index,
    scale: Value | float,
    zero_point: Value | float = 0,
    *,
    signed: bool = True,
) -> tuple[Any, Any]:
    """Return the floats that the eight nibbles of a word stand for: two f32x4, the lowest nibbles first."""

def load_int4(
    weights: u32,
    word: _Index,
    scales: Value,
    group: int,
    zero_points: Value | None = None,
    *,
    signed: bool = True,
) -> tuple[Any, Any]:
    """Return the weights 8 * word to 8 * word + 7 of a buffer quantised in groups: two f32x4."""

def where(condition: Value | bool, if_true: _T | float, if_false: _T | float) -> _T:
    """Return `if_true` where the condition holds, else `if_false`; both are computed."""

def load_if(buf: _T, index: _Index, mask: Value | bool, default: Value | float = 0) -> _T:
    """Return element `index` of `buf` where `mask` holds, else `default`; nothing is read elsewhere."""

def store_if(buf: Value, index: _Index, value: Value | float, mask: Value | bool) -> None:
    """Set element `index` of `buf` to `value` where `mask` holds; nothing is written elsewhere."""

def threadgroup_alloc(dtype: type[_T], size: int | tuple[int, ...] | None = None, layout: Any = None) -> _T:
    """Return memory shared by the threads of a threadgroup: `size` elements, or a shape indexed by tuples (row-major)."""

def cmp_ult(x: Value | float, y: Value | float) -> b1:
    """Return whether `x < y`, integers compared as unsigned; floats as they are."""

def cmp_ule(x: Value | float, y: Value | float) -> b1:
    """Return whether `x <= y`, integers compared as unsigned; floats as they are."""

def cmp_ugt(x: Value | float, y: Value | float) -> b1:
    """Return whether `x > y`, integers compared as unsigned; floats as they are."""

def cmp_uge(x: Value | float, y: Value | float) -> b1:
    """Return whether `x >= y`, integers compared as unsigned; floats as they are."""

def range_constexpr(*args: int) -> Iterator[int]:
    """Return the ints of Python's range: a loop over them is always unrolled, without a warning."""

def function_constant(dtype: type[_T], index: int, default: float | None = None, name: str | None = None) -> _T:
    """Return the function constant `index`: a number given at launch that the kernel is specialised for."""

def is_function_constant_defined(constant: Value) -> b1:
    """Return whether a function constant was given at launch, a bool that the kernel is specialised for."""

def for_range(low: Any, high: Any, step: Any = 1, dtype: Any = None, init: Any = None) -> AbstractContextManager[Any]:
    """A loop of the kernel over [low, high): `with for_range(0, n) as i:`, or `as (i, carry)` with `init=[...]`."""

def if_(condition: Value | bool) -> AbstractContextManager[Any]:
    """A branch: `with if_(c):` or `with if_(c) as (then, orelse):` with a `with` block for each."""

def while_(condition: Any, init: Any = None) -> AbstractContextManager[Any]:
    """A loop while `condition()` holds; with `init=[...]` it is `condition(carry)` and the block gets the carry."""

def range(*bounds: _Index) -> Iterator[Any]:
    """The range whose loop is always one of the kernel."""
