"""Arrays that begin inside of a vector: Metal reads vectors at multiples of their size only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from enigma.dtypes import Vector
from enigma.runtime.checking.finding import Finding
from enigma.runtime.program import Program
from enigma.runtime.simulator.problem import Array
from enigma.spec.terms import Fault


def misaligned(program: Program, arguments: Sequence[Any]) -> Iterator[Finding]:
    """Yield a finding for each buffer of vectors whose array is a part of another one and begins inside of a vector of it."""
    for param, argument in zip(program.params, arguments, strict=True):
        if param.padded or not isinstance(param.dtype, Vector) or not isinstance(argument, np.ndarray):
            continue
        size = _alignment(param.dtype)
        offset = _offset(cast("Array", argument))
        if offset % size:
            yield Finding(
                Fault.MISALIGNED_ACCESS, "error",
                f"{param.name} begins {offset} bytes into an array, but {param.dtype.metal_name} is read at multiples of "
                f"{size} bytes",
                f"pass a copy ({param.name}.copy()), or a part that begins at a multiple of {size // param.dtype.element.size} "
                "elements",
                program.name, param.loc, buffer=param.name, index=0, value=offset, note=f"in kernel {program.name}",
            )  # fmt: skip


def _alignment(dtype: Vector) -> int:
    """Vectors of three have the size of four in Metal; packed ones, which buffers hold, need that of a number only."""
    return dtype.element.size if dtype.lanes == 3 else dtype.size


def _offset(array: Array) -> int:
    """Return how many bytes into the array that owns its memory an array begins."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
