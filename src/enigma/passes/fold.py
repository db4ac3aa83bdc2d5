"""Constant folding: an operation on constants is computed by its row's own meaning, bit for bit as when simulated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.structure import constant_of
from enigma.dialect.types import dtype_of, is_memory
from enigma.dtypes import Numeric, index
from enigma.passes.rewrite import constant
from enigma.spec.terms import Algebra, Effect

_DIVISIONS = (Algebra.DIV, Algebra.REM, Algebra.FLOOR_DIV, Algebra.FLOOR_MOD)


def fold(op: IntrinsicOp) -> SSAValue | None:
    """Return the constant that `op` always is, placed before it, or None.

    What a user will want to see stays as written: an integer divided by zero, and a float that becomes infinite or NaN.
    """
    row = op.ROW
    if row.effect is not Effect.PURE or row.at_launch or not row.operands or len(op.results) != 1:
        return None
    numbers: list[bool | int | float] = []
    for operand in op.operands:
        value = constant_of(operand)
        if value is None:
            return None
        numbers.append(value)
    dtype = dtype_of(op.results[0].type)
    if dtype is index or is_memory(op.results[0].type):
        return None
    dtypes = [dtype_of(operand.type) for operand in op.operands]
    if row.algebra in _DIVISIONS and dtypes[1].is_integer and numbers[1] == 0:
        return None
    result = evaluate(op, numbers, dtypes, dtype)
    if isinstance(result, float) and not math.isfinite(result) and all(math.isfinite(x) for x in numbers):
        return None
    return None if result != result else constant(op, result, dtype)


def evaluate(
    op: IntrinsicOp, numbers: Sequence[bool | int | float], dtypes: Sequence[Numeric], result: Numeric
) -> bool | int | float:
    """Return what the row's meaning gives for numbers of these dtypes."""
    arrays = [np.array([value], dtype.numpy) for value, dtype in zip(numbers, dtypes, strict=True)]
    with np.errstate(all="ignore"):
        found: Any = np.asarray(op.ROW.ref(np, *arrays, **op.attrs())).reshape(-1)[0]
    if result.is_float:
        return float(found)
    return bool(found) if result.kind == "b" else int(found)
