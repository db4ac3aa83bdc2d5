"""What is known of a kernel, as JSON: for programs that load it and for those that generate code."""

from __future__ import annotations

import json
from typing import Any

from enigma._version import __version__
from enigma.dtypes import Numeric
from enigma.export.bundle import Bundle, Parameter
from enigma.export.vectors import FOLDER, number, reference
from enigma.runtime.launch import MAX_THREADS
from enigma.trace.args import Kind

SCHEMA = "enigma-kernel"
VERSION = 1
"""The version of the schema, which docs/export.md describes. It grows when a field changes its meaning or goes."""


def reflection(bundle: Bundle, folder: str = FOLDER) -> dict[str, Any]:
    """Return the reflection of a kernel; `folder` is where the files of the reference launch are."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "generator": f"enigma {__version__}",
        "kernel": bundle.name,
        "entry": bundle.entry,
        "source": bundle.source,
        "language": {
            "metal": f"{bundle.language[0]}.{bundle.language[1]}",
            "math": bundle.math.value,
            "fast_math": bundle.is_fast,
            "logging": bundle.logs,
        },
        "gpu_family": bundle.family or None,
        "parameters": [_parameter(each) for each in bundle.parameters],
        "function_constants": [
            {
                "index": each.constant.index,
                "name": each.constant.name,
                **_dtype(each.constant.dtype),
                "default": None if each.constant.default is None else number(each.constant.default),
            }
            for each in bundle.constants
        ],
        "threadgroup": {
            "memory": bundle.program.threadgroup_bytes,
            "max_threads": MAX_THREADS,
            "multiple_of": bundle.thread_multiple,
        },
        "attributes": list(bundle.attributes),
        "reference": _reference(bundle, folder),
    }


def reflection_text(bundle: Bundle, folder: str = FOLDER) -> str:
    """Return the reflection as the text of a file."""
    return json.dumps(reflection(bundle, folder), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _dtype(dtype: Numeric) -> dict[str, Any]:
    return {"dtype": dtype.name, "metal": dtype.metal_name, "size": dtype.size}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    head = {"name": parameter.name, "kind": parameter.kind.value, "index": parameter.index}
    match parameter.kind:
        case Kind.STRUCT:
            return {**head, **_struct(parameter)}
        case Kind.TEXTURE:
            return {**head, **_texture(parameter)}
        case Kind.SCALAR:
            return {**head, **_dtype(parameter.dtype)}
        case _:
            extents = parameter.extents
            return {
                **head,
                **_dtype(parameter.dtype),
                "metal": parameter.metal_name,
                "components": parameter.dtype.parts,
                "access": parameter.access.value,
                "address_space": "constant" if parameter.is_constant_memory else "device",
                "shape": None if extents is None else list(extents),
            }


def _struct(parameter: Parameter) -> dict[str, Any]:
    struct = parameter.struct
    if struct is None:
        return {}
    return {
        "type": struct.name,
        "size": struct.size,
        "alignment": struct.alignment,
        "fields": [
            {"name": member.name, **_dtype(member.dtype), "offset": offset}
            for member, offset in zip(struct.members, struct.offsets, strict=True)
        ],
    }


def _texture(parameter: Parameter) -> dict[str, Any]:
    texture = parameter.texture
    if texture is None:
        return {}
    return {
        "type": texture.kind.value,
        "dtype": texture.element.name,
        "metal": str(texture),
        "access": parameter.access.value,
        "declared_access": texture.access.value,
    }


def _reference(bundle: Bundle, folder: str) -> dict[str, Any]:
    return {
        "computed_by": bundle.device,
        "grid": list(bundle.geometry.grid),
        "threads": list(bundle.geometry.threads),
        "function_constants": [
            {"index": each.constant.index, "value": number(each.value), "given": each.is_given}
            for each in bundle.constants
        ],
        "parameters": [reference(bundle, each, folder) for each in bundle.parameters],
    }
