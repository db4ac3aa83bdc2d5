"""Compares what two runs of a launch have left in its arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from enigma.runtime.checking.report import OrderDifference
from enigma.runtime.program import Program
from enigma.runtime.simulator.problem import Array
from enigma.runtime.textures import TextureView


def differences(program: Program, flat: Sequence[Any], other: Sequence[Any]) -> Iterator[OrderDifference]:
    """Yield how the arrays of two runs differ, bit for bit."""
    for param, x, y in zip(program.params, flat, other, strict=True):
        if not param.is_scalar and (one := _array(x)).tobytes() != (two := _array(y)).tobytes():
            yield _difference(param.name, one.reshape(-1), two.reshape(-1))


def _array(x: Any) -> Array:
    return np.asarray(x.texels if isinstance(x, TextureView) else x)


def _difference(name: str, one: Array, two: Array) -> OrderDifference:
    apart = np.array(one.view((np.uint8, one.itemsize)) != two.view((np.uint8, one.itemsize))).any(axis=-1)
    index = int(np.argmax(apart))
    return OrderDifference(
        name, index, (_number(one[index]), _number(two[index])), int(apart.sum()), _how(one, two)
    )  # fmt: skip


def _how(one: Array, two: Array) -> str:
    if one.dtype.kind in "fV":
        wide, same = one.astype(np.float64), two.astype(np.float64)
        # a sum of n numbers is off by n roundings at most, of which most cancel: far less than one part in a thousand
        close = np.isclose(wide, same, rtol=64 * _rounding(one), atol=64 * _rounding(one), equal_nan=True)
        if close.all():
            return "rounding"
    return "places" if np.array_equal(np.sort(_bits(one)), np.sort(_bits(two))) else "values"


def _rounding(array: Array) -> float:
    return {2: 2.0**-8 if array.dtype.kind == "V" else 2.0**-11, 4: 2.0**-24}.get(array.itemsize, 2.0**-53)


def _bits(array: Array) -> Array:
    return array.view(f"u{array.itemsize}")


def _number(x: Any) -> Any:
    return float(x) if x.dtype.kind in "fV" else x.item()
