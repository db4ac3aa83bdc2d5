"""Sizes and truths for the kernels of `enigma.lib`: NumPy in float64, rounded once."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SIZES = (1, 2, 3, 7, 31, 32, 33, 63, 65, 127, 129, 255, 257, 511, 513, 1000, 1023, 1025)
FLOATS: dict[str, Any] = {
    "f32": np.dtype(np.float32),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
}
STEP = {"f32": 2.0**-23, "f16": 2.0**-10, "bf16": 2.0**-7}
"""The relative distance of neighbouring numbers."""


def numbers(shape: Any, dtype: Any, seed: int = 0, scale: float = 1.0) -> Array:
    """Return normally distributed numbers."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(dtype)


def softmax(x: Array) -> Array:
    """Return the softmax of rows in float64; rows of -inf alone give zeros."""
    wide = x.astype(np.float64)
    most = wide.max(-1, keepdims=True)
    parts = np.exp(wide - np.where(most == -np.inf, 0, most))
    total = parts.sum(-1, keepdims=True)
    return parts / np.where(total == 0, 1, total)


def rmsnorm(x: Array, weight: Array, eps: float) -> Array:
    """Return the rows over their root mean square in float64."""
    wide = x.astype(np.float64)
    return wide / np.sqrt((wide**2).mean(-1, keepdims=True) + eps) * weight.astype(np.float64)


def assert_near(found: Array, truth: Array, dtype: str, steps: float) -> None:
    """Assert that a result is within so many units in the last place of f32, and one rounding to `dtype`."""
    tolerance = steps * STEP["f32"] + (STEP[dtype] / 2 if dtype != "f32" else 0)
    smallest = {"f32": 2.0**-126, "f16": 2.0**-24, "bf16": 2.0**-126}[dtype]
    error = np.abs(found.astype(np.float64) - truth)
    assert np.all(error <= tolerance * np.abs(truth) + smallest), f"off by {np.max(error)}"
