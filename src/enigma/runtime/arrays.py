"""Arrays as the runtimes need them: what is wrong with one for a parameter, and which ones share memory."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from enigma.dtypes import DTYPES, Numeric, bf16, u16
from enigma.errors import LaunchError
from enigma.runtime import pytorch
from enigma.runtime.foreign import as_array

Array = np.ndarray[Any, np.dtype[Any]]
__all__ = [
    "Array", "as_array", "by_numpy", "check_array", "check_layout", "conversion", "is_plain", "overlapping",
]  # fmt: skip

_FEW = 4  # with more arrays, sorting their addresses is faster than comparing all pairs


@cache
def by_numpy() -> dict[Any, Numeric]:
    """Return the dtype of each NumPy dtype that kernels have."""
    return {dtype.numpy: dtype for dtype in DTYPES}


def is_plain(x: Any, dtype: Any, *, written: bool, parts: int = 1) -> bool:
    """Return whether `x` fits a parameter of this NumPy dtype at first sight, as nearly all arguments do.

    `parts` numbers are one element of the parameter.
    """
    if type(x) is not np.ndarray or x.dtype != dtype or not x.size or x.size % parts:
        return False
    flags = x.flags
    return flags.c_contiguous and flags.aligned and (flags.writeable or not written)


def check_array(array: Array, dtype: Numeric, name: str, *, written: bool) -> LaunchError | None:
    """Return what is wrong with an array for a parameter of `dtype`, or None."""
    if array.dtype != dtype.numpy:
        return LaunchError(
            f"{name} holds {array.dtype}, but the kernel's parameter is {dtype.name} ({dtype.numpy})",
            help=conversion(array, dtype, name),
        )
    if array.size == 0:
        return LaunchError(
            f"{name} is empty, but a buffer needs at least one element", help="skip the launch for empty arrays"
        )
    if array.size % dtype.parts:
        return LaunchError(
            f"{name} has {array.size} numbers, but an element, {dtype.name}, is {dtype.parts} of them",
            help="pass an array of whole vectors, for example of shape (n, " + f"{dtype.parts})",
        )
    return check_layout(array, dtype.size, name, written=written)


def check_layout(array: Array, size: int, name: str, *, written: bool) -> LaunchError | None:
    """Return what is wrong with where an array's elements, of `size` bytes, lie, or None."""
    is_tensor = pytorch.tensor_under(array) is not None
    if not array.flags.c_contiguous:
        help = (
            "let the kernel write a contiguous array, then copy"
            if written
            else f"pass a contiguous array: {f'{name}.contiguous()' if is_tensor else f'np.ascontiguousarray({name})'}"
        )
        return LaunchError(f"{name} is not contiguous (strides {array.strides})", help=help)
    if not array.flags.aligned:
        return LaunchError(
            f"{name} starts at an address that is no multiple of {size} bytes",
            help=f"pass a copy: {name}.{'clone' if is_tensor else 'copy'}()",
        )
    if written and not array.flags.writeable:
        if is_tensor:
            return LaunchError(
                f"{name} requires grad, and autograd does not see what the kernel writes",
                help=f"pass {name}.detach(), launch under torch.no_grad(), or make an operation of the kernel: "
                "enigma.interop.torch.as_op",
            )
        return LaunchError(f"{name} is read-only, but the kernel writes it", help="pass a writable array")
    return None


def conversion(array: Array, dtype: Numeric, name: str) -> str:
    """Return how an array of another dtype becomes one of `dtype`."""
    found = array.dtype
    if pytorch.tensor_under(array) is not None:
        if np.can_cast(found, dtype.numpy, "same_kind") or dtype is bf16:
            return f"convert it: {name}.to(torch.{dtype.numpy_name})"
    elif dtype is bf16 and found == u16.numpy:
        return f"{name}.view(ml_dtypes.bfloat16)"
    elif dtype is bf16 or np.can_cast(found, dtype.numpy, "same_kind"):
        return f"convert it: {name}.astype({_spelled(dtype)})"
    return f"annotate the parameter for {found}, or convert it"


def _spelled(dtype: Numeric) -> str:
    return "ml_dtypes.bfloat16" if dtype is bf16 else f"np.{dtype.numpy_name}" if dtype.name != "b1" else "bool"


def overlapping(arrays: list[tuple[str, Array, bool]]) -> LaunchError | None:
    """Return the complaint about two arrays that share memory while one of them is written, or None.

    Each array comes with its parameter's name and whether the kernel writes it.
    """
    if len(arrays) > _FEW:
        return _overlapping_spans(arrays)
    for k, (name, array, written) in enumerate(arrays):
        if written:
            for other, (other_name, other_array, other_written) in enumerate(arrays):
                # contiguous arrays share memory exactly when their bounds do
                if other != k and not (other_written and other < k) and np.may_share_memory(array, other_array):
                    return _shared(*((name, other_name) if k < other else (other_name, name)), writer=name)
    return None


def _overlapping_spans(arrays: list[tuple[str, Array, bool]]) -> LaunchError | None:
    if not any(written for *_, written in arrays):
        return None
    spans = [
        (array.__array_interface__["data"][0], k, name, array.nbytes, written)
        for k, (name, array, written) in enumerate(arrays)
    ]
    spans.sort()
    # `reach` is the furthest end so far, of any array and of a written one: an early long array may cover many
    reach, written_reach = spans[0], spans[0] if spans[0][4] else None
    for _, span in pairwise(spans):
        against = reach if span[4] else written_reach
        if against is not None and against[0] + against[3] > span[0]:
            first, second = sorted((against, span), key=lambda entry: entry[1])
            return _shared(first[2], second[2], writer=first[2] if first[4] else second[2])
        if span[0] + span[3] > reach[0] + reach[3]:
            reach = span
        if span[4] and (written_reach is None or span[0] + span[3] > written_reach[0] + written_reach[3]):
            written_reach = span
    return None


def _shared(a: str, b: str, *, writer: str) -> LaunchError:
    return LaunchError(
        f"{a} and {b} share memory, and the kernel writes {writer}",
        help="Metal leaves this undefined: pass separate arrays, or let the kernel read and write one parameter",
    )
