"""Arrays of other libraries as NumPy arrays over the same memory, and where that cannot be, why."""

from __future__ import annotations

import sys
from typing import Any, cast

import numpy as np

from enigma.dtypes import DTYPES, Numeric, bf16
from enigma.errors import LaunchError
from enigma.runtime import dlpack, pytorch

Array = np.ndarray[Any, np.dtype[Any]]

_NAMELESS = np.dtype("V2")

_LIBRARIES = {
    "jax": "np.asarray({name})",
    "cupy": "{name}.get()",
    "torch": "{name}.cpu()",
    "tensorflow": "{name}.cpu()",
}
"""How an array of a library comes to the CPU."""


def as_array(x: Any, name: str, dtype: Numeric) -> Array:
    """Return a NumPy array over `x`: an array, a tensor of PyTorch, a DLPack object, or anything with the buffer protocol.

    `bytes` and `bytearray` have no dtype of their own: they are taken as elements of `dtype`. An array of MLX is evaluated, and
    read-only, for MLX may share its memory with other arrays. Raises `LaunchError` for anything else.
    """
    if isinstance(x, np.ndarray):
        return cast("Array", x)
    if isinstance(x, bytes | bytearray):
        return _elements(x, name, dtype)
    if is_mlx(x):
        return _from_mlx(x, name)
    if hasattr(x, "__array_interface__"):
        return _from_interface(x, name, dtype)
    if pytorch.is_tensor(x):
        return pytorch.array_of(x, name)
    if hasattr(x, "__dlpack__"):
        return _from_dlpack(x, name)
    return _from_buffer(x, name)


def is_mlx(x: Any) -> bool:
    """Return whether `x` is an array or a dtype of MLX."""
    return type(x).__module__ == "mlx.core"


def _elements(raw: bytes | bytearray, name: str, dtype: Numeric) -> Array:
    if len(raw) % dtype.size:
        raise LaunchError(
            f"{name} has {len(raw)} bytes, but an element, {dtype.name}, has {dtype.size}",
            help="pass as many bytes as whole elements have",
        )
    return np.frombuffer(raw, np.uint8).view(dtype.numpy)


def _from_interface(x: Any, name: str, dtype: Numeric) -> Array:
    """Return an array over the memory of an object with NumPy's own protocol, in which bfloat16 is two bytes without a name."""
    found = np.asarray(x)
    if found.dtype != _NAMELESS:
        return found
    if hasattr(x, "__dlpack__"):
        return _from_dlpack(x, name)
    return found.view(bf16.numpy) if dtype.element is bf16 else found


def _from_mlx(x: Any, name: str) -> Array:
    """Return a read-only array over an array of MLX.

    It keeps an object of its own with the same memory: `x[...] = y` gives the user's object other memory, and the old one back.
    """
    mx: Any = sys.modules["mlx.core"]
    if not isinstance(x, mx.array):
        raise _no_array(x, name)
    is_bf16 = x.dtype == mx.bfloat16
    try:
        # NumPy's buffer protocol has no bfloat16; a view of an array of MLX is over the same memory
        found = np.asarray(memoryview(_as_bits(x, mx.uint16) if is_bf16 else x.view(x.dtype)))
    except (RuntimeError, ValueError) as error:
        if "eval" not in str(error):
            raise LaunchError(
                f"{name} holds {x.dtype}, which NumPy and enigma have no dtype for",
                help=f"convert it: {name}.astype(...)",
            ) from None
        raise LaunchError(
            f"{name} has no value while MLX traces the function around it",
            help="launch outside of mx.compile and mx.vmap; on a GPU with Metal an operation, enigma.interop.mlx.as_op(kernel), "
            "may be within mx.compile, and has a vmap() of its own everywhere",
        ) from None
    found.flags.writeable = False
    return found.view(bf16.numpy).reshape(x.shape) if is_bf16 else found


def _as_bits(x: Any, dtype: Any) -> Any:
    return x.view(dtype) if x.ndim else x.reshape((1,)).view(dtype)


def _from_dlpack(x: Any, name: str) -> Array:
    try:
        where = dlpack.far(x)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:  # a device that DLPack has no number for
        raise LaunchError(f"{name}: this array cannot be shared with NumPy: {error}", help="pass a CPU array") from None
    if where is not None:
        library = type(x).__module__.split(".")[0]
        how = _LIBRARIES.get(library, "copy it there first").format(name=name)
        raise LaunchError(
            f"{name} lies on {where}, whose memory the CPU does not read", help=f"pass a CPU array: {how}"
        )
    try:
        return dlpack.imported(x)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise LaunchError(f"{name}: this array cannot be shared with NumPy: {error}", help="pass a CPU array") from None


def _from_buffer(x: Any, name: str) -> Array:
    try:
        seen = memoryview(x)
    except TypeError:
        raise _no_array(x, name) from None
    except ValueError as error:  # a memoryview that was released, a closed mmap
        raise LaunchError(f"{name}: this buffer cannot be used: {error}", help="pass one that is open") from None
    try:
        return np.asarray(seen)
    except (TypeError, ValueError):
        raise LaunchError(
            f"{name} is a buffer of the format {seen.format!r}, which NumPy has no dtype for",
            help="cast it to one of numbers: memoryview(x).cast('B')",
        ) from None


def _no_array(x: Any, name: str) -> LaunchError:
    if type(x).__name__ == "PyCapsule":
        return LaunchError(
            f"{name} must be an array, but it is a capsule of DLPack",
            help="pass the object that has __dlpack__: a capsule can be used only once",
        )
    return LaunchError(
        f"{name} must be an array, but it is a {type(x).__name__}",
        help="pass a NumPy array, a DLPack object or a buffer",
    )


def mlx_dtype(dtype: Numeric) -> Any:
    """Return MLX's dtype of numbers; MLX must be imported already. Vectors have that of their components."""
    name = dtype.element.numpy_name
    return getattr(sys.modules["mlx.core"], {"bool": "bool_"}.get(name, name))


def from_mlx_dtype(dtype: Any) -> Numeric:
    """Return the dtype that MLX calls so. Raises `LaunchError` for complex numbers and float64."""
    for own in DTYPES:
        if own.parts == 1 and dtype == mlx_dtype(own):
            return own
    raise LaunchError(f"kernels have no dtype for MLX's {dtype}", help="pass for example mx.float32")


def new_mlx(shape: tuple[int, ...], dtype: Numeric) -> tuple[Any, Array]:
    """Return a new array of MLX, its elements 0, and one of NumPy over its memory; MLX must be imported already.

    Nobody else has seen it, so that it may still be written.
    """
    mx: Any = sys.modules["mlx.core"]
    made = mx.zeros(shape, dtype=mlx_dtype(dtype))
    mx.eval(made)
    if dtype.element is not bf16:
        return made, np.asarray(memoryview(made))
    bits = made.reshape((-1,)).view(mx.uint16)  # both without a copy: the array is contiguous
    return made, np.asarray(memoryview(bits)).view(bf16.numpy).reshape(shape)


def mlx_under(array: Array) -> Any:
    """Return the array of MLX whose memory an array of `new_mlx` is, or None."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if not isinstance(owner, memoryview) or not is_mlx(owner.obj):
        return None
    found: Any = owner.obj
    return found.view(mlx_dtype(bf16)).reshape(array.shape) if array.dtype == bf16.numpy else found
