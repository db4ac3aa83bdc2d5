"""C++'s side of an export: its words, its types for what a kernel takes, its literals."""

from __future__ import annotations

import math
from typing import Any

from enigma.dtypes import Numeric, b1, bf16, f32, i32
from enigma.emit.reserved import keywords
from enigma.export.bundle import Parameter
from enigma.runtime.launch import Size
from enigma.runtime.structs import scalar_bytes

_MACROS = "NULL TRUE FALSE YES NO nil Nil errno stdin stdout stderr std NS MTL"
WORDS = keywords() | frozenset(_MACROS.split())
"""Keywords, and macros that Apple's headers define."""

_TYPES = {
    "f32": "float", "f16": "_Float16", "bf16": "std::uint16_t", "i8": "std::int8_t", "i16": "std::int16_t", "i32": "std::int32_t",
    "i64": "std::int64_t", "u8": "std::uint8_t", "u16": "std::uint16_t", "u32": "std::uint32_t", "u64": "std::uint64_t",
    "b1": "bool",
}  # fmt: skip

DATA_TYPES = {
    "f32": "Float", "f16": "Half", "bf16": "BFloat", "i8": "Char", "i16": "Short", "i32": "Int", "i64": "Long", "u8": "UChar",
    "u16": "UShort", "u32": "UInt", "u64": "ULong", "b1": "Bool",
}  # fmt: skip
"""MTL::DataType of a function constant."""


def number_type(dtype: Numeric) -> str:
    """Return C++'s type of a number that is passed by value: the bits of a bfloat.

    >>> number_type(f32), number_type(bf16)
    ('float', 'std::uint16_t')
    """
    return _TYPES[dtype.element.name]


def element_type(dtype: Numeric) -> str:
    """Return the type of the numbers of an array; a bool is a byte there, for `std::vector<bool>` holds bits."""
    return "std::uint8_t" if dtype is b1 else number_type(dtype)


def remark(parameter: Parameter) -> str:
    """Return what a type does not say of an array or number."""
    dtype = parameter.dtype
    if parameter.struct is not None or parameter.texture is not None:
        return ""
    said = [f"{dtype.parts} numbers for each element"] if dtype.parts > 1 else []
    said += ["bit patterns of bfloat"] if dtype.element is bf16 else []
    said += ["0 or 1"] if dtype is b1 and not parameter.argument.is_scalar else []
    return ", ".join(said)


def value(number: Any, dtype: Numeric) -> str:
    """Return a number as C++ writes it.

    >>> from enigma.dtypes import f16
    >>> value(float("-inf"), f32), value(2, f32), value(0.1, f16), value(1, bf16), value(True, b1), value(-(2**31), i32)
    ('-std::numeric_limits<float>::infinity()', '2.0f', '_Float16(0.1)', '0x3F80', 'true', '(-2147483647 - 1)')
    """
    if dtype is b1:
        return "true" if number else "false"
    if dtype is bf16:
        return f"0x{int.from_bytes(scalar_bytes(number, dtype), 'little'):04X}"
    if not dtype.is_float:
        return _whole(int(number), dtype)
    plain = float(number)
    if math.isnan(plain):
        text = "std::numeric_limits<float>::quiet_NaN()"
    elif math.isinf(plain):
        text = f"{'-' if plain < 0 else ''}std::numeric_limits<float>::infinity()"
    else:
        text = f"{plain!r}f" if dtype is f32 else repr(plain)  # a half of a float of a double would be rounded twice
    return text if dtype is f32 else f"_Float16({text})"


def _whole(number: int, dtype: Numeric) -> str:
    if dtype.is_signed and dtype.width >= i32.width and number == dtype.min:
        return f"({number + 1} - 1)"
    return f"{number}u" if dtype.kind == "u" else str(number)


def size(of: Size) -> str:
    """Return a size in threads.

    >>> size((64, 1, 1))
    'MTL::Size(64, 1, 1)'
    """
    return f"MTL::Size({of[0]}, {of[1]}, {of[2]})"
