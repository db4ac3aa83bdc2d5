"""Memory that two libraries share: any array as one of NumPy, and one of NumPy as any other."""

from __future__ import annotations

from typing import Any

from enigma.dtypes import u8
from enigma.errors import LaunchError
from enigma.runtime import dlpack, foreign
from enigma.runtime.arrays import Array


def as_array(x: Any, name: str = "x") -> Array:
    """Return a NumPy array over the memory of an array of any library, without a copy.

    `x` may be a DLPack object of the CPU, such as a tensor of PyTorch, an array of MLX, anything with `__array_interface__` or the
    buffer protocol, a buffer of `enigma.MetalRuntime`. What the other library does not let others write is read-only. bfloat16
    becomes `ml_dtypes.bfloat16`. The memory lives as long as the array.

    Raises `LaunchError`, which calls it `name`, for what is no array or lies on another device.

    >>> import enigma.interop
    >>> enigma.interop.as_array(bytearray(b"abc")).tolist()
    [97, 98, 99]
    """
    return foreign.as_array(x, name, u8)


class Shared:
    """An array for libraries that know DLPack; see `as_dlpack`. `array` is the NumPy array over the same memory."""

    __slots__ = ("array",)

    def __init__(self, array: Array) -> None:
        self.array = array

    def __repr__(self) -> str:
        return f"<shared array of shape {self.array.shape} and dtype {self.array.dtype}>"

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self.array.__array_interface__

    def __dlpack__(self, **options: Any) -> Any:
        """Return a capsule of DLPack over the array, which lives as long as what is made of it."""
        return dlpack.exported(self.array, options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return dlpack.CPU


def as_dlpack(x: Any) -> Shared:
    """Return an object over the same memory for `torch.from_dlpack`, `mx.from_dlpack` and their like.

    NumPy's own arrays are such objects already, except those of bfloat16, which NumPy does not know: for them this is the way.

        out = torch.from_dlpack(enigma.interop.as_dlpack(result))

    Raises `LaunchError` for what is no array, or one of a dtype that DLPack has no name for.
    """
    array = as_array(x)
    if array.dtype.hasobject or array.dtype.kind not in "biufcV" or array.dtype.names is not None:
        raise LaunchError(f"DLPack has no dtype for arrays of {array.dtype}", help="convert it to numbers")
    return Shared(array)
