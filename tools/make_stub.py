"""Writes `src/enigma/__init__.pyi`, the types that editors and checkers see: from the rows, the dtypes and the public names.

    python tools/make_stub.py

In the stub a dtype is a class, so that `x: enigma.f32` is an annotation to a type checker too: its instances are what a
kernel's body sees, a buffer or an element of it. `Numeric` is the class of those classes, as it is that of the dtypes.
"""

from __future__ import annotations

import builtins
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import enigma
from enigma.dtypes import DTYPES, FLOATS, INTEGERS, VECTORS, Numeric, b1, i32, u32
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import all_rows, by_public_name
from enigma.spec.terms import NUMBERS, Buffer, Choice, DTypeArg, Element, Level, Static, Term, Var, Vec
from enigma.trace import scoped
from enigma.trace.calls import methods
from enigma.trace.constants import PUBLIC
from enigma.trace.functions import functions

TARGET = Path(__file__).parents[1] / "src" / "enigma" / "__init__.pyi"
WIDTH = 120

HEAD = '''\
"""What type checkers see of enigma. Written by tools/make_stub.py: edit the rows, not this file."""

# a Python int keeps an integer's dtype and a Python float does not, though checkers take an int for a float
# pyright: reportOverlappingOverload=false

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Annotated, Any, Generic, Literal, Self, TypeVar, overload

from typing_extensions import TypeVar as _DefaultedTypeVar

'''

OWN = ("Scalar", "Constant", "Texture1D", "Texture2D", "Texture3D", "Texture2DArray", "Numeric")
"""Public names that the stub states itself, for a dtype is a class in it."""

LANGUAGE: dict[str, dict[str, str]] = {
    "where": {"condition": "Value | bool", "if_true": "_T | float", "if_false": "_T | float", "return": "_T"},
    "load_if": {"buf": "_T", "index": "_Index", "mask": "Value | bool", "default": "Value | float", "return": "_T"},
    "store_if": {"buf": "Value", "index": "_Index", "value": "Value | float", "mask": "Value | bool", "return": "None"},
    "threadgroup_alloc": {
        "dtype": "type[_T]",
        "size": "int | tuple[int, ...] | None",
        "layout": "Any",
        "return": "_T",
    },
    "thread_alloc": {
        "dtype": "type[_T]",
        "size": "int | tuple[int, ...]",
        "fill": "Value | float | None",
        "return": "_T",
    },
    "register_tensor": {
        "shape": "int | tuple[int, ...]",
        "dtype": "Any",
        "fill": "Value | float",
        "return": "RegisterTensor",
    },
    "make_fragment": {"layout_or_shape": "Any", "dtype": "Any", "return": "RegisterTensor"},
    "make_fragment_like": {"like": "Any", "dtype": "Any", "return": "RegisterTensor"},
    "constant": {"values": "Any", "dtype": "Any", "return": "Any"},
    "function_constant": {
        "dtype": "type[_T]",
        "index": "int",
        "default": "float | None",
        "name": "str | None",
        "return": "_T",
    },
    "is_function_constant_defined": {"constant": "Value", "return": "b1"},
    "copy": {
        "src": "Any",
        "dst": "Any",
        "count": "_Index | Any",
        "src_offset": "_Index",
        "dst_offset": "_Index",
        "mask_fn": "Callable[[Any], Any] | None",
        "coalesced_width": "int",
        "cooperative": "bool",
        "return": "None",
    },
    "pipeline": {"dtype": "Any", "size": "int", "stages": "int", "return": "Pipeline"},
    "simdgroup_matrix_load": {
        "buf": "Value",
        "elements_per_row": "_Index",
        "rows": "int",
        "cols": "int",
        "offset": "_Index | tuple[_Index, ...]",
        "transpose": "bool",
        "return": "Any",
    },
    "simdgroup_matrix_store": {
        "matrix": "Value",
        "buf": "Value",
        "elements_per_row": "_Index",
        "offset": "_Index | tuple[_Index, ...]",
        "transpose": "bool",
        "return": "None",
    },
    "make_filled_simdgroup_matrix": {"value": "Value | float", "rows": "int", "cols": "int", "return": "Any"},
    "matmul": {"a": "Value", "b": "Value", "return": "Any"},
    "transpose": {"m": "Value", "return": "Any"},
    "determinant": {"m": "Value", "return": "Any"},
    "simdgroup_tile": {"rows": "int", "cols": "int", "fill": "Value | float", "return": "SimdgroupTile"},
    "mma": {"a": "SimdgroupTile", "b": "SimdgroupTile", "c": "SimdgroupTile", "return": "SimdgroupTile"},
    "gemm": {
        "A": "Any",
        "B": "Any",
        "C": "Any",
        "M": "int | None",
        "N": "int | None",
        "K": "int | None",
        "transpose_A": "bool",
        "transpose_B": "bool",
        "accum_dtype": "Any",
        "use_simdgroup": "bool | None",
        "return": "None",
    },
    **{
        f"async_copy_1d_{way}": {
            "dst": "Value | str",
            "dst_off": "_Index",
            "src": "Value | str",
            "src_off": "_Index",
            "count": "_Index",
            "return": "i64",
        }
        for way in ("d2t", "t2d")
    },
    **{
        f"async_copy_2d_{way}": {
            "dst": "Value | str",
            "dst_off": "_Index",
            "dst_epr": "_Index",
            "src": "Value | str",
            "src_off": "_Index",
            "src_epr": "_Index",
            "tile_cols": "_Index",
            "tile_rows": "_Index",
            "return": "i64",
        }
        for way in ("d2t", "t2d")
    },
    "async_copy_wait": {"events": "Any", "return": "None"},
    "async_copy_to_threadgroup": {
        "src": "Value | str",
        "dst": "Value | str",
        "count": "_Index",
        "src_offset": "_Index",
        "dst_offset": "_Index",
        "return": "i64",
    },
    "async_copy_commit": {"tok": "Any", "return": "None"},
    "range_constexpr": {"args": "int", "return": "Iterator[int]"},
    **{
        f"cmp_{name}": {"x": "Value | float", "y": "Value | float", "return": "b1"}
        for name in ("ult", "ule", "ugt", "uge")
    },
    "make_vec": {"c": "Value | float", "return": "Any"},
    **{f"make_float{lanes}": {"c": "Value | float", "return": "Any"} for lanes in (2, 3, 4)},
    "pack_uint8x4": {**dict.fromkeys(("b0", "b1", "b2", "b3"), "_Index"), "return": "u32"},
    "unpack_uint8x4": {"p": "_Index", "return": "tuple[u32, u32, u32, u32]"},
    "pack_int4x2": {"lo": "_Index", "hi": "_Index", "return": "u32"},
    "unpack_int4x2": {"p": "_Index", "return": "tuple[i32, i32]"},
    "dequantize_int8": {"x": "Value | int", "scale": "Value | float", "zero_point": "_Index", "return": "Any"},
    "dequantize_int4": {
        "p": "_Index",
        "scale": "Value | float",
        "zero_point": "Value | float",
        "signed": "bool",
        "return": "tuple[Any, Any]",
    },
    "load_int4": {
        "weights": "u32",
        "word": "_Index",
        "scales": "Value",
        "group": "int",
        "zero_points": "Value | None",
        "signed": "bool",
        "return": "tuple[Any, Any]",
    },
    "for_range": {"init": "Any", "return": "AbstractContextManager[Any]"},
    "if_": {"condition": "Value | bool", "return": "AbstractContextManager[Any]"},
    "while_": {"condition": "Any", "init": "Any", "return": "AbstractContextManager[Any]"},
}
"""The types of parameters and results of functions that are no rows."""

COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod")
BITS = ("and", "or", "xor", "lshift", "rshift")


class Variables:
    """The stub's type variables: one for each set of dtypes that a row ranges over."""

    def __init__(self) -> None:
        self.names: dict[tuple[Numeric, ...], str] = {DTYPES: "_T"}

    def name(self, var: Var) -> str:
        """Return the type variable of a row's variable; an index and the like are of any integer dtype."""
        if var.dtypes not in self.names:
            taken = set(self.names.values())
            name = f"_{var.name}"
            self.names[var.dtypes] = name if name not in taken else f"{name}{len(taken)}"
        return self.names[var.dtypes]

    def lines(self) -> Iterator[str]:
        """Yield their definitions."""
        for dtypes, name in self.names.items():
            bound = " | ".join(dtype.name for dtype in dtypes)
            yield f'{name} = TypeVar("{name}", bound={bound})'


def _signature(name: str, parameters: list[str], result: str, doc: str, indent: str = "") -> str:
    """Return a function of the stub: on one line if it fits, else a parameter to a line."""
    head = f"{indent}def {name}({', '.join(parameters)}) -> {result}:"
    if len(head) + (0 if doc else len(" ...")) > WIDTH:
        inner = "".join(f"{indent}    {parameter},\n" for parameter in parameters)
        head = f"{indent}def {name}(\n{inner}{indent}) -> {result}:"
    return f'{head}\n{indent}    """{doc}"""\n\n' if doc else f"{head} ...\n"


def _choices() -> Iterator[str]:
    """Yield a name for the values of each enum that a row lets users choose from."""
    enums = {term.enum: None for row in all_rows() for term in row.params.values() if isinstance(term, Choice)}
    for enum in enums:
        yield f"_{enum.__name__} = Literal[{', '.join(json.dumps(member.value) for member in enum)}]\n"


def _uses(row: Intrinsic, var: Var) -> int:
    """Return how often a variable stands in a signature."""
    found = 0
    for term in (*row.params.values(), row.result):
        match term:
            case Var():
                found += term == var
            case Buffer(element=element):
                found += element == var
            case DTypeArg(var=own):
                found += own == var
            case _:
                pass
    return found


def _any_of(dtypes: tuple[Numeric, ...]) -> str:
    if dtypes == FLOATS:
        return "_Float"
    return " | ".join(dtype.name for dtype in dtypes) if len(dtypes) < len(NUMBERS) else "Value"


def _parameter(row: Intrinsic, name: str, term: Term, variables: Variables) -> str:
    match term:
        case Var(widens=True):
            return f"{name}: _Index" if not any(d.is_float for d in term.dtypes) else f"{name}: Value | float"
        case Var() if _uses(row, term) == 1:
            return f"{name}: {_any_of(term.dtypes)}"
        case Var():
            # a single operand has nothing that a Python number could take its dtype from
            number = "" if len(row.operands) == 1 else " | float" if any(d.is_float for d in term.dtypes) else " | int"
            return f"{name}: {variables.name(term)}{number}"
        case Buffer(element=Var() as element):
            return f"{name}: {variables.name(element)}"
        case Choice(enum=enum, default=default):
            return f"{name}: _{enum.__name__}" + (f' = "{default.value}"' if default is not None else "")
        case Static(default=default):
            return f"{name}: int" + (f" = {default}" if default is not None else "")
        case DTypeArg(var=var):
            return f"{name}: type[{variables.name(var)}]"
        case Vec():
            return f"{name}: Value"
        case Element() | Numeric(is_float=True):
            return f"{name}: Value | float"
        case _:
            return f"{name}: _Index"


def row_stub(public: str, row: Intrinsic, variables: Variables) -> str:
    """Return the function of one row."""
    if row.reports is not None:
        given = inspect.signature(functions()[public]).parameters
        return _signature(public, [f"{str(p).partition(':')[0]}: Any" for p in given.values()], "None", row.doc)
    parameters = [_parameter(row, name, term, variables) for name, term in row.params.items()]
    if row.precision is not None:
        parameters.insert(list(row.params).index(row.precision), "*")
    match row.result:
        case Var(widens=True):
            result = "Any"
        case Var() as var:
            result = variables.name(var)
        case Numeric() as dtype:
            result = dtype.name
        case Vec() | Element():
            result = "Any"
        case _:
            result = "None"
    if row.outcome is not None:
        result = row.outcome_type.format(result=result)
    if not any(isinstance(term, DTypeArg) for term in row.params.values()):
        return _signature(public, parameters, result, row.doc)
    # a dtype may also be given by name
    loose = [p.split(":")[0] + ": Any" if ": type[" in p else p for p in parameters]
    loose = [p.split(":")[0] + ": Value" if ": _" in p else p for p in loose]
    typed = _signature(public, parameters, result, row.doc)
    return f"@overload\n{typed}@overload\n{_signature(public, loose, 'Any', row.doc)}"


def _shown(default: object) -> str:
    return json.dumps(default) if isinstance(default, str) else repr(default)


def _methods() -> Iterator[str]:
    """Yield the methods of a buffer that rows give; their index may be a coordinate."""
    for name, row in methods().items():
        parameters, result = ["self"], row.outcome_type.format(result="Self") if row.outcome is not None else "Self"
        if not isinstance(row.result, Var):
            result = (
                result if row.outcome is not None else row.result.name if isinstance(row.result, Numeric) else "None"
            )
        for key, term in list(row.params.items())[1:]:
            match term:
                case Choice(enum=enum, default=default):
                    parameters.append(
                        f"{key}: _{enum.__name__}" + (f' = "{default.value}"' if default is not None else "")
                    )
                case Var(widens=True):
                    parameters.append(f"{key}: _Index | tuple[_Index, ...]")
                case _:
                    parameters.append(f"{key}: Value | float")
        yield _signature(name, parameters, result, "", "    ")


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def language_stub(name: str, function: Callable[..., Any]) -> str:
    """Return a function of the language that is no row: its own parameters, with the types of `LANGUAGE`."""
    types = LANGUAGE[name]
    parameters: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        star = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else ""
        default = "" if parameter.default is inspect.Parameter.empty else f" = {_shown(parameter.default)}"
        parameters.append(f"{star}{parameter.name}: {types.get(parameter.name, 'Any')}{default}")
    return _signature(name, parameters, types["return"], _first_line(function))


def _overloads(name: str, *cases: tuple[str, str]) -> Iterator[str]:
    """Yield an operator by what the other operand is and what it then gives."""
    for operand, result in cases:
        if len(cases) > 1:
            yield "    @overload"
        yield f"    def __{name}__(self, other: {operand}, /) -> {result}: ..."


def float_stub() -> str:
    """Return the class of floats: a number or the same dtype keeps the dtype, with others promotion decides."""
    lines = ["class _Float(Value):", '    """A float, or a buffer of floats."""', ""]
    for operator in (*ARITHMETIC, "pow"):
        lines += _overloads(operator, ("Self | float", "Self"), ("Value", "Any"))
        lines += _overloads(f"r{operator}", ("float", "Self"))
    lines += ["    def __neg__(self) -> Self: ...", "    def __abs__(self) -> Self: ...", "", ""]
    return "\n".join(lines)


def whole_stub() -> str:
    """Return the class of integers and bools: arithmetic gives `_Sum`, bit operators `_Bits`, a float literal f32."""
    doc = "An integer or bool, or a buffer of them; what arithmetic and bit operators give, C's promotion decides."
    lines = ["class _Whole(Value, Generic[_Sum, _Bits]):", f'    """{doc}"""', ""]
    for operator in ARITHMETIC:
        lines += _overloads(operator, ("Self | int", "_Sum"), ("float", "f32"), ("Value", "Any"))
        lines += _overloads(f"r{operator}", ("int", "_Sum"), ("float", "f32"))
    for operator in BITS:
        lines += _overloads(operator, ("Self | int", "_Bits"), ("Value", "Any"))
        lines += _overloads(f"r{operator}", ("int", "_Bits"))
    lines += [
        "    def __invert__(self) -> _Bits: ...",
        "    def __neg__(self) -> _Sum: ...",
        "    def __abs__(self) -> Self: ...",
        "",
        "",
    ]
    return "\n".join(lines)


def vector_stub() -> str:
    """Return the classes of vectors. One is its element to a type checker: functions of numbers take vectors as well."""
    lines = [VECTOR.rstrip()]
    lines += [f"    def __{name}__(self, other: Any, /) -> Any: ..." for name in COMPARISONS]
    lines += ["", "class _WholeVector(_Vector):", '    """A vector of integers or bools."""', ""]
    for operator in (*ARITHMETIC, *BITS):
        lines += [f"    def __{side}{operator}__(self, other: Any, /) -> Any: ..." for side in ("", "r")]
    lines += [f"    def __{operator}__(self) -> Any: ..." for operator in ("invert", "neg")]
    for vector in VECTORS:
        base = "_Vector" if vector.is_float else "_WholeVector"
        doc = f"{vector.lanes} numbers of {vector.element.name}: Metal `{vector.metal_name}`."
        lines += ["", f"class {vector.name}({base}, {vector.element.name}):", f'    """{doc}"""']
    names = [f"{vector.metal_name} = {vector.name}" for vector in VECTORS]
    return "\n".join([*lines, "", *names, "", ""])


NUMERIC = '''\
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

'''

VALUE = '''\
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
'''

VECTOR = '''\
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
'''

SCALAR = """\
# `n: enigma.Scalar[enigma.u32]` annotates a by-value parameter: in the kernel it is a value of that dtype, read-only
Scalar = Annotated[_Passed, "by value"]
# `W: enigma.Constant[enigma.f32]` annotates a read-only buffer in constant memory, of at most 65536 bytes
Constant = Annotated[_Passed, "constant memory"]
"""

TEXTURE = """\
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

"""


def _base(dtype: Numeric) -> str:
    """Return the class that a dtype derives from."""
    if dtype.is_float:
        return "_Float"
    computed = dtype if dtype.width >= i32.width else i32
    return f"_Whole[{computed.name}, {(dtype if dtype is b1 else computed).name}]"


def _classes() -> Iterator[str]:
    yield NUMERIC
    yield VALUE
    yield from _methods()
    for name in COMPARISONS:
        inherited = name in ("eq", "ne")
        ignore = "  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]" if inherited else ""
        yield f"    def __{name}__(self, other: {'object' if inherited else 'Value | float'}, /) -> b1: ...{ignore}\n"
    yield "\n"
    yield "".join(f'{name} = TypeVar("{name}")\n' for name in ("_Sum", "_Bits", "_Passed")) + "\n"
    yield float_stub() + whole_stub()
    for dtype in DTYPES:
        yield f'class {dtype.name}({_base(dtype)}):\n    """{_first_line(type(dtype))}"""\n\n'
    yield "".join(f"{type(dtype).__name__} = {dtype.name}\n" for dtype in DTYPES) + "\n"
    yield vector_stub()
    yield f"{SCALAR}constexpr = Any\n\n{TEXTURE}_Index = {_any_of(INTEGERS)} | int\n"
    yield from _choices()


def _imports() -> Iterator[str]:
    for name in enigma._MODULES:
        if hasattr(builtins, name):  # type checkers find the module all the same, and the stub needs the builtin
            continue
        yield f"from enigma import {name} as {name}\n"
    for name, module in sorted(enigma._HOME.items(), key=lambda item: (item[1], item[0].islower(), item[0])):
        if name not in OWN and name not in LANGUAGE and name != "constexpr":
            yield f"from enigma.{module} import {name} as {name}\n"


def _grid() -> Iterator[str]:
    members = [row for row in all_rows() if row.arch is not None]
    yield 'class _Arch:\n    """Grid queries of all three axes, as tuples (x, y, z)."""\n\n'
    for row in members:
        yield f"    def {row.arch}(self) -> tuple[u32, u32, u32]: ...\n"
    yield "\narch: _Arch\n"
    for row in all_rows():
        if isinstance(row.level, Level) and row.public_name not in ("", row.name):
            yield f"{row.name}: {u32.name}\n"


def stub() -> str:
    """Return the text of the stub."""
    variables = Variables()
    rows = by_public_name()
    called = [row_stub(name, rows[name], variables) for name in functions() if name not in PUBLIC]
    spoken = [language_stub(name, function) for name, function in PUBLIC.items()]
    spoken += [language_stub(name, getattr(scoped, name)) for name in ("for_range", "if_", "while_")]
    doc = "The range whose loop is always one of the kernel."
    ranged = _signature("range", ["*bounds: _Index"], "Iterator[Any]", doc)
    text = "".join(
        (HEAD, *_imports(), "\n__version__: str\n\n", *_classes(), "\n".join(variables.lines()), "\n\n", *_grid(), "\n",
         *called, *spoken, ranged)
    )  # fmt: skip
    return text.rstrip("\n") + "\n"


if __name__ == "__main__":
    TARGET.write_text(stub(), encoding="utf-8")
