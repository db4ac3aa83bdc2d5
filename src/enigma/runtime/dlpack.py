"""DLPack both ways, for bfloat16 too: NumPy, which does the work, has no such dtype and takes it for numbers of 16 bits."""

from __future__ import annotations

import ctypes
from typing import Any, cast

import numpy as np

from enigma.dtypes import bf16

Array = np.ndarray[Any, np.dtype[Any]]

CPU = (1, 0)
"""kDLCPU: memory that the processor reads, which on Apple's chips the GPU reads too."""

DEVICES = {
    2: "a CUDA device", 4: "an OpenCL device", 7: "a Vulkan device", 8: "a Metal device", 9: "a Verilog simulator",
    10: "a ROCm device", 12: "an extension device", 14: "a oneAPI device", 15: "a WebGPU device", 16: "a Hexagon device",
    17: "an MAIA device",
}  # fmt: skip
"""DLDeviceType of memory that the processor does not read; pinned and managed memory of other devices it does read."""

_UINT, _BFLOAT = 1, 4
_PLAIN, _VERSIONED = b"dltensor", b"dltensor_versioned"
_DTYPE_AT = {_PLAIN: 20, _VERSIONED: 52}
"""Where a capsule's struct says the dtype: a DLTensor begins it, or follows version, context, deleter and flags."""

_name = ctypes.pythonapi.PyCapsule_GetName
_name.restype, _name.argtypes = ctypes.c_char_p, [ctypes.py_object]
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


class _DataType(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


_UNCHANGING = {"jax", "jaxlib", "tensorflow"}
"""Libraries whose arrays never change, which a capsule older than DLPack 1.0 does not say."""


class _Writable:
    """The same memory as an array that may be written; `array` keeps this alive, and this the array it was made of."""

    def __init__(self, seen: Array) -> None:
        self._interface = {**seen.__array_interface__, "data": (seen.__array_interface__["data"][0], False)}
        self._seen = seen

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self._interface

    @property
    def array(self) -> Array:
        """The array."""
        return np.asarray(self)


class _Once:
    """A capsule that was asked for already, as the object that it came from."""

    def __init__(self, capsule: Any, device: tuple[int, int]) -> None:
        self._capsule, self._device = capsule, device

    def __dlpack__(self, **_: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._device


def far(x: Any) -> str | None:
    """Return which device the memory of a DLPack object lies on, as text, if the processor cannot read it; else None."""
    device: tuple[int, int] = x.__dlpack_device__() if hasattr(x, "__dlpack_device__") else CPU
    return DEVICES.get(int(device[0]))


def imported(x: Any) -> Array:
    """Return an array over the memory of a DLPack object. Raises what NumPy and the object raise where it cannot be shared."""
    try:
        found = np.from_dlpack(x)
        if found.flags.writeable or _name(_asked(x)) != _PLAIN:
            return found
    except (BufferError, RuntimeError, TypeError):
        capsule = _asked(x)
        kind = _data_type(capsule)
        if kind is None or (kind.code, kind.bits, kind.lanes) != (_BFLOAT, 16, 1):
            raise
        plain = _name(capsule) == _PLAIN
        kind.code = _UINT
        bits = np.from_dlpack(cast("Any", _Once(capsule, CPU)))
        return (_Writable(bits).array if plain and _may_write(x) else bits).view(bf16.numpy)
    return _Writable(found).array if _may_write(x) else found


def _may_write(x: Any) -> bool:
    """Return whether memory of a capsule that cannot say so is for writing: as other libraries have it, unlike NumPy."""
    return type(x).__module__.split(".")[0] not in _UNCHANGING


def exported(array: Array, options: dict[str, Any]) -> Any:
    """Return the capsule for what `__dlpack__` was called with. Raises `BufferError` for what cannot be given.

    The array lives as long as what is made of the capsule. A read-only array needs a consumer that knows DLPack 1.0.
    """
    given = {name: value for name, value in options.items() if value is not None}
    is_bf16 = array.dtype == bf16.numpy
    seen: Any = array.view(np.uint16) if is_bf16 else array
    capsule = seen.__dlpack__(**given)
    if is_bf16:
        kind = _data_type(capsule)
        if kind is None:
            raise BufferError("NumPy returned a capsule of an unknown kind for an array of bfloat16")
        kind.code = _BFLOAT
    return capsule


def _asked(x: Any) -> Any:
    """Return an object's capsule, of the newer kind if it has one."""
    try:
        return x.__dlpack__(max_version=(1, 1))
    except TypeError:
        return x.__dlpack__()


def _data_type(capsule: Any) -> _DataType | None:
    """Return the dtype within an unused capsule; None for another thing."""
    if type(capsule).__name__ != "PyCapsule":
        return None
    name = _name(capsule)
    at = _DTYPE_AT.get(name)
    return None if at is None else _DataType.from_address(cast("int", _pointer(capsule, name)) + at)
