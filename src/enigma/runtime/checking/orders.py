"""Compares what two runs of a launch have left in its arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from enigma.runtime.checking.contents import NAMES
from enigma.runtime.checking.report import OrderDifference
from enigma.runtime.program import Program
from enigma.runtime.simulator.problem import Array
from enigma.runtime.textures import TextureView
from enigma.trace.node import Param


def differences(program: Program, flat: Sequence[Any], other: Sequence[Any]) -> Iterator[OrderDifference]:
    """Yield how the arrays of two runs differ, bit for bit."""
    for param, x, y in zip(program.params, flat, other, strict=True):
        if not param.is_scalar and (one := _array(x)).tobytes() != (two := _array(y)).tobytes():
            yield _difference(param.name, one.reshape(-1), two.reshape(-1), _parts(param, x))


def _array(x: Any) -> Array:
    return np.asarray(x.texels if isinstance(x, TextureView) else x)


def _parts(param: Param, x: Any) -> int:
    """Return how many numbers of its array are one element; one where the user passes numbers for a kernel's vectors."""
    if isinstance(x, TextureView):
        return x.format.channels
    return 1 if param.padded else param.dtype.parts


def _difference(name: str, one: Array, two: Array, parts: int) -> OrderDifference:
    apart = np.array(one.view((np.uint8, one.itemsize)) != two.view((np.uint8, one.itemsize))).any(axis=-1)
    first = int(np.argmax(apart))
    index, component = divmod(first, parts)
    return OrderDifference(
        name, index, (_number(one[first]), _number(two[first])), int(apart.reshape(-1, parts).any(axis=-1).sum()),
        _how(one, two), NAMES[component] if parts > 1 else "",
    )  # fmt: skip


def _how(one: Array, two: Array) -> str:
    if one.dtype.kind in "fV":
        within = _ROUNDING.get((one.dtype.kind, one.itemsize), 2.0**-40)
        with np.errstate(invalid="ignore"):
            if np.isclose(
                one.astype(np.float64), two.astype(np.float64), rtol=within, atol=within, equal_nan=True
            ).all():
                return "rounding"
    return "places" if np.array_equal(np.sort(_bits(one)), np.sort(_bits(two))) else "values"


_ROUNDING = {("f", 4): 2.0**-14, ("f", 2): 2.0**-5, ("V", 2): 2.0**-3}
"""How far a sum in another order may be off: a few hundred roundings of f32, some dozens of f16 and bf16."""


def _bits(array: Array) -> Array:
    return array.view(f"u{array.itemsize}")


def _number(x: Any) -> Any:
    return float(x) if x.dtype.kind in "fV" else x.item()
