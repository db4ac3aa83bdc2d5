"""Swift's side of an export: its words, its types for what a kernel takes, its literals, and the systems that have a Metal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from enigma.dtypes import Numeric, b1, bf16
from enigma.errors import InternalError
from enigma.export.bundle import Parameter
from enigma.runtime.launch import Size
from enigma.runtime.structs import scalar_bytes

_WORDS = """
actor any as associatedtype async await borrowing break case catch class consuming continue convenience default defer deinit do
dynamic else enum extension fallthrough false fileprivate final for func guard if import in indirect infix init inout internal is
isolated lazy left let mutating nil none nonisolated nonmutating open operator optional override package postfix precedence
precedencegroup prefix private protocol public repeat required rethrows return right self Self set get some static struct
subscript super switch throw throws true try typealias unowned var weak where while willSet didSet yield Any Type
"""
WORDS = frozenset(_WORDS.split())

_TAKEN_TYPES = """
Any Array Bool Bundle Character Codable Collection Data Date Dictionary Double Equatable Error Float Float16 Foundation Hashable Int
Int8 Int16 Int32 Int64 Metal Never Optional Range Result SIMD2 SIMD4 Self Sequence Set String Swift Task Type UInt UInt8 UInt16
UInt32 UInt64 URL Void XCTest
"""
TAKEN_TYPES = frozenset(_TAKEN_TYPES.split())
"""Names of types and modules that a package or its class must not hide."""

_TYPES = {
    "f32": "Float", "f16": "Float16", "bf16": "UInt16", "i8": "Int8", "i16": "Int16", "i32": "Int32", "i64": "Int64",
    "u8": "UInt8", "u16": "UInt16", "u32": "UInt32", "u64": "UInt64", "b1": "Bool",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Platforms:
    """The first systems that have a version of Metal's language, and the Swift tools whose manifests can name them."""

    macos: int
    ios: int
    tools: str


_PLATFORMS = {
    (3, 0): Platforms(13, 16, "5.9"),
    (3, 1): Platforms(14, 17, "5.9"),
    (3, 2): Platforms(15, 18, "6.0"),
    (4, 0): Platforms(26, 26, "6.2"),
}


def platforms(language: tuple[int, int]) -> Platforms:
    """Return the systems for a version of Metal's language.

    >>> platforms((3, 1)).macos
    14
    """
    found = _PLATFORMS.get(language)
    if found is None:
        raise InternalError(f"no system is known to have Metal {language[0]}.{language[1]}")
    return found


def number_type(dtype: Numeric) -> str:
    """Return Swift's type of a number: the bits of a bfloat, for Swift has none.

    >>> from enigma.dtypes import f16
    >>> number_type(f16), number_type(bf16)
    ('Float16', 'UInt16')
    """
    return _TYPES[dtype.element.name]


def element_type(dtype: Numeric) -> str:
    """Return the type of the elements of an array that is a buffer: numbers, where three of them are one packed vector."""
    plain = number_type(dtype)
    return f"SIMD{dtype.lanes}<{plain}>" if dtype.lanes in (2, 4) else plain


def remark(parameter: Parameter) -> str:
    """Return what a type does not say of an array."""
    dtype = parameter.dtype
    if parameter.struct is not None or parameter.texture is not None:
        return ""
    said = ["three numbers for each element"] if dtype.lanes == 3 else []
    said += ["bit patterns of bfloat"] if dtype.element is bf16 else []
    return ", ".join(said)


def value(number: Any, dtype: Numeric) -> str:
    """Return a number as Swift writes it where its type is known.

    >>> from enigma.dtypes import f32, u64
    >>> value(float("-inf"), f32), value(2, f32), value(1, bf16), value(True, b1), value(2**64 - 1, u64)
    ('-.infinity', '2.0', '0x3F80', 'true', '18446744073709551615')
    """
    if dtype is b1:
        return "true" if number else "false"
    if dtype is bf16:
        return f"0x{int.from_bytes(scalar_bytes(number, dtype), 'little'):04X}"
    if not dtype.is_float:
        return str(int(number))
    plain = float(number)
    if math.isnan(plain):
        return ".nan"
    if math.isinf(plain):
        return ".infinity" if plain > 0 else "-.infinity"
    return repr(plain)


def size(of: Size) -> str:
    """Return a size in threads.

    >>> size((64, 1, 1))
    'MTLSize(width: 64, height: 1, depth: 1)'
    """
    return f"MTLSize(width: {of[0]}, height: {of[1]}, depth: {of[2]})"
