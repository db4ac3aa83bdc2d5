"""Arrays of MLX: as memory, and arguments of an operation as such arrays."""

from __future__ import annotations

import importlib
from typing import Any

import ml_dtypes
import numpy as np

from enigma.dtypes import u8
from enigma.errors import EnigmaTypeError, LaunchError
from enigma.interop.operation import Operation
from enigma.runtime import foreign
from enigma.runtime.arrays import Array
from enigma.runtime.copies import Why, note
from enigma.runtime.launch import check_scalar
from enigma.runtime.program import Argument
from enigma.trace.node import Param

try:
    mx: Any = importlib.import_module("mlx.core")  # untyped: where enigma is checked, it need not be installed
except ModuleNotFoundError as missing:
    if missing.name not in ("mlx", "mlx.core"):
        raise
    raise ImportError("enigma.interop.mlx needs MLX: pip install 'enigma[interop]'") from None


def to_mlx(x: Any) -> Any:
    """Return an array of any library as one of MLX: itself if it is one, else a copy, for MLX keeps memory of its own.

    Raises `LaunchError` for what is no array, and for dtypes that MLX does not have.
    """
    if isinstance(x, mx.array):
        return x
    array = foreign.as_array(x, "x", u8)
    note("to_mlx", "x", "mlx", array.nbytes, "in", Why.FOREIGN)
    return _as_mlx(array)


def _as_mlx(array: Array) -> Any:
    if array.dtype == ml_dtypes.bfloat16:
        bits = mx.array(np.atleast_1d(array).view(np.uint16))
        return bits.view(mx.bfloat16).reshape(array.shape)
    if array.dtype.newbyteorder("=").name not in _DTYPES or not array.dtype.isnative:
        raise LaunchError(f"MLX has no dtype for arrays of {array.dtype}", help="convert it: x.astype(np.float32)")
    return mx.array(array)


_DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "complex64",
)  # fmt: skip


def number_of(argument: Argument, x: Any) -> Any:
    """Return the number in an array without axes. Raises `LaunchError` where MLX has none yet."""
    try:
        return x.item()
    except (RuntimeError, ValueError):
        raise LaunchError(
            f"{argument.name} has no value while MLX traces the function around it",
            help="call the operation outside of mx.compile and mx.vmap; on a GPU with Metal it may be within mx.compile",
        ) from None


def value(made: Operation, argument: Argument, x: Any) -> Any:
    """Return an argument as an array of MLX. Raises `EnigmaTypeError` and `LaunchError` for what does not fit."""
    dtype = argument.params[0].dtype
    if argument.is_scalar and not isinstance(x, mx.array):
        return _as_mlx(np.array(check_scalar(x, dtype, argument.name), dtype.numpy))
    if not isinstance(x, mx.array):
        raise EnigmaTypeError(
            f"{argument.name} of the operation {made.name} is no array of MLX, but a {type(x).__name__}",
            help="convert it: enigma.interop.mlx.to_mlx(x)",
        )
    if argument.is_scalar and x.ndim:
        raise LaunchError(
            f"{argument.name} must be a number, but it is an array of shape {tuple(x.shape)}",
            help=f"it is a Scalar of {dtype.name}",
        )
    if x.dtype != dtype_of(argument.params[0]):
        raise EnigmaTypeError(
            f"{argument.name} of the operation {made.name} is an array of {x.dtype}, but the kernel's parameter is {dtype.name}",
            loc=argument.params[0].loc,
            help=f"convert it: {argument.name}.astype({str(dtype_of(argument.params[0])).replace('mlx.core', 'mx')})",
        )  # fmt: skip
    return x


def dtype_of(param: Param) -> Any:
    """Return MLX's dtype of the numbers that an element of a parameter consists of."""
    return foreign.mlx_dtype(param.dtype)
