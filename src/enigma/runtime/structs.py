"""Struct arguments: an object of the dataclass, or a dict, taken apart into its members; and the bytes that Metal gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from enigma.dtypes import Numeric
from enigma.errors import LaunchError
from enigma.runtime.program import Argument, Program
from enigma.trace.node import Struct


def taken_apart(program: Program, arguments: Sequence[Any]) -> list[Any]:
    """Return the arguments with the members of each struct in its place. Raises `LaunchError` for what is no such struct."""
    values: list[Any] = []
    for argument, given in zip(program.arguments, arguments, strict=True):
        values += [given] if argument.struct is None else members(argument.name, argument.struct, given)
    return values


def members(name: str, struct: Struct, given: Any) -> list[Any]:
    """Return the members of a struct in order, given as its dataclass or a dict. Raises `LaunchError` for anything else."""
    fields = [member.name for member in struct.members]
    if isinstance(given, struct.cls):
        return [getattr(given, field) for field in fields]
    if not isinstance(given, Mapping):
        kind = given.__name__ if isinstance(given, type) else type(given).__name__
        raise LaunchError(
            f"{name} must be a {struct.name}, or a dict of its fields, but it is a {kind}",
            help=f"pass {struct.name}({', '.join(f'{field}=...' for field in fields)})",
        )
    found = cast("Mapping[Any, Any]", given)
    missing = [field for field in fields if field not in found]
    unknown = [str(key) for key in found if key not in fields]
    if missing or unknown:
        wrong = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has {', '.join(unknown)} besides"] * bool(unknown)
        raise LaunchError(f"{name} {' and '.join(wrong)}", help=f"the fields of {struct.name} are {', '.join(fields)}")
    return [found[field] for field in fields]


def packed(argument: Argument, values: Sequence[Any]) -> bytes:
    """Return a number or the members of a struct, checked before, as the bytes that Metal reads by value."""
    if argument.struct is None:
        return scalar_bytes(values[0], argument.params[0].dtype)
    data = bytearray(argument.struct.size)
    for member, offset, value in zip(argument.struct.members, argument.struct.offsets, values, strict=True):
        data[offset : offset + member.dtype.size] = scalar_bytes(value, member.dtype)
    return bytes(data)


def scalar_bytes(value: Any, dtype: Numeric) -> bytes:
    """Return a number in the bytes of its dtype: two for bfloat and half, one for bool, eight for 64-bit integers.

    >>> from enigma.dtypes import bf16
    >>> scalar_bytes(1.0, bf16).hex()
    '803f'
    """
    with np.errstate(all="ignore"):
        return np.array(value, dtype.numpy).tobytes()
