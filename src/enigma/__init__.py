"""enigma: a Python DSL and compiler for GPU compute kernels, Apple Metal first.

    Python source -> traced IR -> MLIR -> Metal source -> .metallib -> GPU output

Importing it is cheap: every name is found when it is first used.
"""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType
from typing import Any

from enigma import context
from enigma._version import __version__

_HOME = {
    "kernel": "trace.kernel", "KernelDef": "trace.kernel", "KernelHandle": "trace.kernel",
    "Scalar": "trace.args", "Constant": "trace.args", "Texture1D": "trace.args", "Texture2D": "trace.args",
    "Texture3D": "trace.args", "Texture2DArray": "trace.args", "constexpr": "trace.args", "Tensor": "trace.tensor",
    "RegisterTensor": "trace.register_tensor", "Fragment": "trace.fragment",
    "SimdgroupTile": "trace.tiles", "Pipeline": "trace.pipeline",
    "for_range": "trace.scoped", "if_": "trace.scoped", "while_": "trace.scoped", "Carry": "trace.scoped",
    "export": "export.api",
    "compile": "compile", "CompiledKernel": "compile", "CompiledJit": "runtime.sequence",
    "jit": "runtime.jit", "JitDef": "runtime.jit", "dynamic": "runtime.binding", "from_array": "runtime.host",
    "empty": "runtime.host",
    "compare": "debug.compare", "Comparison": "debug.compare", "ComparisonError": "debug.compare",
    "check": "debug.check", "CheckReport": "runtime.checking.report", "Finding": "runtime.checking.finding",
    "advise": "debug.advisor", "AccessReport": "debug.report", "Access": "debug.report",
    "explain": "debug.cost.explain", "CostReport": "debug.cost.report",
    "explain_copies": "interop.copies", "CopyReport": "interop.copies",
    "EnigmaError": "errors", "EnigmaTypeError": "errors", "EnigmaValueError": "errors", "EnigmaSyntaxError": "errors",
    "EnigmaIndexError": "errors", "EnigmaNameError": "errors", "EnigmaAttributeError": "errors",
    "LaunchError": "errors", "ToolchainError": "errors", "CheckError": "errors",
    "DeviceError": "errors", "OutOfBoundsError": "errors", "InternalError": "errors", "ErrorGroup": "errors",
    "KernelAssertionError": "errors", "EnigmaWarning": "trace.tracer",
    "runtime": "runtime.choose", "device_capabilities": "runtime.choose", "DeviceCapabilities": "runtime.metal.capabilities",
    "CpuRuntime": "runtime.cpu", "SimRuntime": "runtime.sim", "MetalRuntime": "runtime.metal.runtime",
    "DeviceBuffer": "runtime.metal.memory", "Launch": "runtime.handles", "PreparedKernel": "runtime.base",
    "Runtime": "runtime.base",
    "Layout": "layout", "make_layout": "layout", "make_ordered_layout": "layout", "make_identity_layout": "layout",
    "make_layout_tv": "layout", "size": "layout", "cosize": "layout", "rank": "layout", "depth": "layout",
    "complement": "layout", "right_inverse": "layout", "left_inverse": "layout",
    "logical_product": "layout", "zipped_product": "layout", "tiled_product": "layout", "flat_product": "layout",
    "blocked_product": "layout", "raked_product": "layout", "recast_layout": "layout", "max_common_layout": "layout",
    "append": "layout", "prepend": "layout", "slice": "layout", "slice_": "layout", "dice": "layout", "tile_to_shape": "layout",
    "crd2idx": "layout", "idx2crd": "layout",
    "max_common_vector": "layout", "Swizzle": "layout", "SwizzledLayout": "layout", "ComposedLayout": "layout",
    "make_composed_layout": "layout", "swizzle": "layout", "product": "layout", "repeat_like": "layout", "select": "layout",
    "coalesce": "trace.tiling", "filter": "trace.tiling", "flatten": "trace.tiling", "group": "trace.tiling",
    "group_modes": "trace.tiling", "composition": "trace.tiling", "logical_divide": "trace.tiling", "zipped_divide": "trace.tiling",
    "tiled_divide": "trace.tiling", "flat_divide": "trace.tiling", "local_partition": "trace.tiling",
    "show": "layout.drawing", "draw": "layout.drawing", "draw_tv": "layout.drawing", "Drawing": "layout.drawing",
    "make_tensor": "trace.tiling", "local_tile": "trace.tiling", "tensor_zipped_divide": "trace.tiling",
    "tensor_composition": "trace.tiling",
    "CopyUniversalOp": "trace.tiled_copy", "CopyCooperativeOp": "trace.tiled_copy", "CopyAtom": "trace.tiled_copy",
    "TiledCopy": "trace.tiled_copy", "ThrCopy": "trace.tiled_copy", "make_copy_atom": "trace.tiled_copy",
    "make_tiled_copy": "trace.tiled_copy", "make_tiled_copy_tv": "trace.tiled_copy",
    "MmaUniversalOp": "trace.tiled_mma", "SimdgroupMmaOp": "trace.tiled_mma", "TiledMma": "trace.tiled_mma",
    "ThrMma": "trace.tiled_mma", "make_tiled_mma": "trace.tiled_mma", "MatrixFragment": "trace.matrix_fragment",
    "profile": "profiler", "profile_kernel": "profiler", "benchmark_kernel": "profiler", "record_function": "profiler",
    "scope": "profiler", "register_kernel_hook": "profiler", "unregister_kernel_hook": "profiler", "Profiler": "profiler",
    "ProfilerEvent": "profiler", "ProfilerResult": "profiler", "KernelBenchmark": "profiler",
    "make_identity_tensor": "trace.identity", "elem_less": "trace.predicate",
}  # fmt: skip
_MODULES = ("benchmark", "core", "interop", "lib", "ops", "profiler", "random", "tensor", "testing", "tuple")
_DTYPES = (
    "f32", "f16", "bf16", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "b1", "Numeric", "Float32", "Float16", "BFloat16",
    "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Bool",
)  # fmt: skip
_VECTOR = re.compile(r"([fiu](8|16|32|64)|bf16|b1)x[234]|(float|half|bfloat|u?(char|short|int|long)|bool)[234]")
"""The names of the vector dtypes, short and Metal's: `f32x4`, `float4`."""
_MATRIX = re.compile(
    r"(f32|f16)x[234]x[234]|(float|half)[234]x[234]|simdgroup_((f32|f16|bf16)x8x8|(float|half|bfloat)8x8)"
)
"""The names of the matrix dtypes: `f32x3x2`, `float3x2`, `simdgroup_float8x8`."""


def __getattr__(name: str) -> Any:
    __tracebackhide__ = True  # a name that there is not is a mistake of who wrote it, see debug.users
    if name.startswith("_"):
        raise AttributeError(f"module 'enigma' has no attribute {name!r}")
    if name in _DTYPES:
        value = _member("dtypes", name)
    elif _VECTOR.fullmatch(name) or _MATRIX.fullmatch(name):
        value = _member("dtypes", "as_dtype")(name)
    elif name in _HOME:
        value = _member(_HOME[name], name)
    elif name == "range":
        value = _member("trace.convert", "runtime_range")
    elif name in _MODULES:
        value = importlib.import_module(f"enigma.{name}")
    elif name == "arch":
        value = _member("trace.functions", "arch")()
    elif name in (attributes := _member("trace.functions", "attributes")()):
        return attributes[name]()  # made anew at each use: never kept
    else:
        known = _functions()
        if name not in known:
            raise AttributeError(f"module 'enigma' has no attribute {name!r}{_near(name)}")
        value = known[name]
    globals()[name] = value
    return value


def _member(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"enigma.{module}"), name)


def _functions() -> dict[str, Any]:
    """The functions of the language: those made from rows, and those that are more than one row."""
    return {**_member("trace.functions", "functions")(), **_member("trace.constants", "PUBLIC")}


def _near(name: str) -> str:
    if name.lower() in ("f64", "float64", "double"):
        return ": Metal has no floats of 64 bits, write f32"
    difflib = importlib.import_module("difflib")  # only when a name is wrong
    near = difflib.get_close_matches(name, __dir__(), n=1)
    builtins = importlib.import_module("builtins")  # only when a name is wrong
    builtin = getattr(builtins, name, None)
    if callable(builtin) and not isinstance(builtin, type):  # a type, such as float, is a dtype by another name
        return f": write {name}, Python's own"
    return f"; did you mean {near[0]}?" if near else ""


def __dir__() -> list[str]:
    attributes = _member("trace.functions", "attributes")()
    return sorted({*_HOME, *_DTYPES, *_MODULES, *attributes, *_functions(), "range", "arch", "__version__"})


class _Package(ModuleType):
    """Keeps `enigma.compile` and `enigma.runtime` the functions they are when the modules of those names are imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
context.load_compiler = lambda: importlib.import_module("enigma.compile")  # the top layer: only when a kernel runs
context.load_exporter = lambda: importlib.import_module("enigma.export.api")  # likewise: only when one is shipped
context.load_host = lambda: importlib.import_module("enigma.runtime.host")  # likewise: only where a tensor is an array
context.load_explorer = lambda: importlib.import_module("enigma.debug.explorer")  # likewise: only when one is looked at

__all__ = ["__version__"]
