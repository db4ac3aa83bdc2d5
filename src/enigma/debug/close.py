"""When two arrays agree: integers exactly, floats within a tolerance, NaN with NaN, infinities with themselves."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from enigma.runtime.tolerances import TOLERANCES

Array = np.ndarray[Any, Any]


def is_number(array: Array) -> bool:
    """Return whether an array holds real numbers."""
    return array.dtype.kind in "biuf" or array.dtype == np.dtype(ml_dtypes.bfloat16)


def close(got: Array, wanted: Array, rtol: float | None, atol: float | None) -> Array:
    """Return where two arrays of one shape agree; what is wanted is rounded to the dtype of what there is, if that is a float.

    >>> print(close(np.array([1, 2]), np.array([1.0, 2.5]), None, None))
    [ True False]
    """
    if _is_whole(got) and not rtol and not atol:
        return _equal(got, wanted)
    relative, absolute = TOLERANCES.get(got.dtype.name, (0.0, 0.0))
    relative, absolute = relative if rtol is None else rtol, absolute if atol is None else atol
    with np.errstate(all="ignore"):
        left = got.astype(np.float64)
        right = wanted.astype(np.float64 if _is_whole(got) else got.dtype).astype(np.float64)
        near = np.abs(left - right) <= absolute + relative * np.abs(right)
    # an infinity is as far from each number as the tolerance that it makes
    near &= np.isfinite(left) & np.isfinite(right)
    return near | (left == right) | (np.isnan(left) & np.isnan(right))


def _is_whole(array: Array) -> bool:
    return array.dtype.kind in "biu"


def _equal(got: Array, wanted: Array) -> Array:
    """Return where whole numbers are what is wanted, all digits of them: a float64 has 53 bits, and an i64 has more."""
    if _is_whole(wanted):
        return got == wanted
    exact = wanted.astype(np.float64)
    whole = np.isfinite(exact) & (np.floor(exact) == exact)
    numbers = [int(x) for x in exact[whole].tolist()]
    found = np.zeros(got.shape, bool)
    found[whole] = [int(x) == y for x, y in zip(got[whole].tolist(), numbers, strict=True)]
    return found


def largest_gap(got: Array, wanted: Array) -> float | int:
    """Return the largest distance of two arrays, inf where one is no number."""
    if _is_whole(got) and _is_whole(wanted):
        return max(
            abs(int(x) - int(y)) for x, y in zip(got.reshape(-1).tolist(), wanted.reshape(-1).tolist(), strict=True)
        )
    with np.errstate(all="ignore"):
        gaps = np.abs(got.astype(np.float64) - wanted.astype(np.float64))
    return float(np.max(np.where(np.isnan(gaps), np.inf, gaps)))
