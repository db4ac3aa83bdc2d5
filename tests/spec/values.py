"""Numbers to try the rows on: every pair of extreme ones, the rest random, a thousand in a launch."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from itertools import product
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from enigma.dtypes import Numeric
from enigma.spec.intrinsic import Intrinsic

Array = NDArray[Any]
COUNT = 1003
"""Odd, so that the last threadgroup and its last simdgroup are partial."""


def smallest_normal(dtype: Numeric) -> float:
    """Return the smallest float that is not denormal; smaller results may be flushed to zero."""
    return float(ml_dtypes.finfo(dtype.numpy).smallest_normal)


def extremes(dtype: Numeric) -> Array:
    """Return the values at which arithmetic goes wrong. No denormals: the CPU flushes them."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.is_integer:
        ends = [dtype.min, dtype.min + 1, dtype.max, dtype.max - 1]
        middle = [0, 1, 2, 3, 5, 7, 31, 32, 33, 63, 64, 100, 127] + (
            [-1, -2, -3, -7, -32, -64] if dtype.is_signed else [128, 255]
        )
        return np.array([x for x in ends + middle if dtype.min <= x <= dtype.max], dtype.numpy)
    info = ml_dtypes.finfo(dtype.numpy)
    big, tiny = float(info.max), float(info.smallest_normal)
    found = [
        0.0,
        0.5,
        1.0,
        1.5,
        2.5,
        3.0,
        7.25,
        100.0,
        1000.5,
        65504.0,
        2.0**31,
        2.0**32,
        2.0**63,
        big,
        tiny,
        4 * tiny,
        np.inf,
    ]
    both = [sign * x for x in found for sign in (1.0, -1.0)]
    with np.errstate(over="ignore"):
        return np.array([*both, np.nan], np.float64).astype(dtype.numpy)


def domain(row: Intrinsic, operand: str) -> tuple[float, float]:
    """Return where random floats for an operand are drawn from."""
    if isinstance(row.domain, Mapping):
        return row.domain[operand]
    return row.domain


def randoms(dtype: Numeric, random: np.random.Generator, span: tuple[float, float], count: int) -> Array:
    """Return random values: floats in `span`, integers half small and half over the whole range."""
    if dtype.kind == "b":
        return random.integers(0, 2, count).astype(bool)
    if dtype.is_float:
        return random.uniform(*span, count).astype(dtype.numpy)
    whole = random.integers(dtype.min, dtype.max, count, dtype=dtype.numpy, endpoint=True)
    small = random.integers(max(dtype.min, -40), 41, count).astype(dtype.numpy)
    return np.where(random.integers(0, 2, count) == 0, whole, small)


def operands(row: Intrinsic, dtypes: Mapping[str, Numeric], *, extreme: bool) -> dict[str, Array]:
    """Return an array per operand: combinations of extreme values, or values of the row's domain."""
    random = np.random.default_rng(zlib.crc32(row.name.encode()))
    if not extreme:
        return {name: randoms(dtype, random, domain(row, name), COUNT) for name, dtype in dtypes.items()}
    special = [extremes(dtype) for dtype in dtypes.values()]
    total = int(np.prod([len(each) for each in special]))
    if total <= COUNT:
        chosen = list(product(*(range(len(each)) for each in special)))
        chosen = [chosen[k % total] for k in range(COUNT)]
        picks = np.array(chosen).T
    else:
        picks = np.stack([random.integers(0, len(each), COUNT) for each in special])
    return {name: each[pick] for name, each, pick in zip(dtypes, special, picks, strict=True)}


def ulps_apart(found: Array, wanted: Array, dtype: Numeric) -> Array:
    """Return how many steps of the dtype lie between two float arrays; 0 where both are NaN or both may be flushed to zero."""
    kind = np.int32 if dtype.width == 32 else np.int16
    lowest = np.int64(np.iinfo(kind).min)

    def place(x: Array) -> Array:
        bits = np.ascontiguousarray(x).view(kind).astype(np.int64)
        return np.where(bits < 0, lowest - bits, bits)

    apart = np.abs(place(found) - place(wanted)).astype(np.float64)
    with np.errstate(invalid="ignore"):
        a, b = found.astype(np.float64), wanted.astype(np.float64)
    tiny = smallest_normal(dtype)
    apart[(np.abs(a) <= tiny) & (np.abs(b) <= tiny)] = 0
    nan = np.isnan(a)
    apart[nan & np.isnan(b)] = 0
    apart[nan != np.isnan(b)] = np.inf
    return apart
