"""The reference launch as files: each array as its bytes, little-endian, with what a program must know to compare them."""

from __future__ import annotations

import hashlib
import math
import re
from typing import Any, cast

import numpy as np

from enigma.export.bundle import Bundle, Files, Parameter
from enigma.runtime.arrays import Array
from enigma.runtime.metal.textures import format_name
from enigma.runtime.textures import view

FOLDER = "vectors"


def little_endian(array: Array) -> bytes:
    """Return the bytes of an array, each number with its lowest byte first.

    >>> little_endian(np.array([1, 258], np.uint16)).hex()
    '01000201'
    """
    plain = np.ascontiguousarray(array)
    return plain.view(f"u{plain.itemsize}").astype(f"<u{plain.itemsize}").tobytes()


def input_file(parameter: Parameter) -> str:
    """Return the name of the file with an array before the launch: numbered, for some systems take `A` and `a` for one name."""
    return f"{_stem(parameter)}.input.bin"


def expected_file(parameter: Parameter) -> str:
    """Return the name of the file with an array after the launch."""
    return f"{_stem(parameter)}.expected.bin"


def _stem(parameter: Parameter) -> str:
    return f"{parameter.argument.slot}-{re.sub(r'[^A-Za-z0-9_]', '_', parameter.name)}"


def vector_files(bundle: Bundle, folder: str = FOLDER) -> Files:
    """Return the files of all arrays."""
    made: dict[str, bytes] = {}
    for parameter in bundle.parameters:
        if parameter.array is not None:
            made[f"{folder}/{input_file(parameter)}"] = little_endian(parameter.array)
            if parameter.expected is not None:
                made[f"{folder}/{expected_file(parameter)}"] = little_endian(parameter.expected)
    return made


def reference(bundle: Bundle, parameter: Parameter, folder: str = FOLDER) -> dict[str, Any]:
    """Return what the JSON says of one parameter in the reference launch."""
    array = parameter.array
    if array is None:
        return {"name": parameter.name, "value": _value(parameter), "bytes": parameter.value_bytes.hex()}
    found: dict[str, Any] = {
        "name": parameter.name,
        "numpy": array.dtype.name,
        "shape": list(array.shape),
        "input": _file(f"{folder}/{input_file(parameter)}", array),
    }
    if parameter.texture is not None:
        found["pixel_format"] = format_name(view(array, parameter.texture).format)
    if parameter.expected is not None:
        relative, absolute = parameter.tolerance
        found["expected"] = _file(f"{folder}/{expected_file(parameter)}", parameter.expected)
        found["tolerance"] = {"relative": relative, "absolute": absolute}
    return found


def _file(path: str, array: Array) -> dict[str, Any]:
    data = little_endian(array)
    return {"file": path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _value(parameter: Parameter) -> Any:
    if parameter.struct is None:
        return number(parameter.given)
    members = parameter.struct.members
    return {member.name: number(value) for member, value in zip(members, parameter.given, strict=True)}


def number(value: Any) -> bool | int | float | str:
    """Return a number as JSON has it: the names of infinity and NaN are texts there.

    >>> number(2.5), number(float("-inf"))
    (2.5, '-inf')
    """
    plain: Any = cast(Any, value).item() if isinstance(value, np.generic) else value
    return str(plain) if isinstance(plain, float) and not math.isfinite(plain) else plain
