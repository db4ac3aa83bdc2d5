"""Objects that offer one protocol of sharing memory and nothing else, and what is wrong with some of them."""

from __future__ import annotations

import array
import ctypes
import mmap
from typing import Any

import numpy as np


class Interface:
    """Only `__array_interface__`."""

    def __init__(self, held: Any) -> None:
        self.held = held

    @property
    def __array_interface__(self) -> Any:
        return self.held.__array_interface__


class Unversioned:
    """DLPack as it was before version 1.0: no keyword but `stream`."""

    device = (1, 0)

    def __init__(self, held: Any) -> None:
        self.held = held
        self.asked: list[dict[str, Any]] = []

    def __dlpack__(self, stream: Any = None) -> Any:
        self.asked.append({})
        return self.held.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device


class Versioned(Unversioned):
    """DLPack of version 1.0 and later."""

    def __dlpack__(self, **options: Any) -> Any:
        self.asked.append(options)
        return self.held.__dlpack__(**options)


class Refusing(Versioned):
    """One that raises what it is given."""

    def __dlpack__(self, **options: Any) -> Any:
        raise self.held


class Consumed(Unversioned):
    """One that returns a capsule which somebody used already."""

    def __dlpack__(self, stream: Any = None) -> Any:
        capsule = self.held.__dlpack__()
        np.from_dlpack(Given(capsule))  # pyright: ignore[reportArgumentType]
        return capsule


class Given(Unversioned):
    """One that returns the capsule it was made of."""

    def __dlpack__(self, stream: Any = None, **options: Any) -> Any:
        return self.held


_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


class Altered(Versioned):
    """One whose capsule says something else in the 32-bit word at this byte."""

    def __init__(self, held: Any, at: int, word: int) -> None:
        super().__init__(held)
        self.at, self.word = at, word

    def __dlpack__(self, **options: Any) -> Any:
        capsule = super().__dlpack__(max_version=(1, 0))
        address: Any = _pointer(capsule, b"dltensor_versioned")
        ctypes.c_uint32.from_address(address + self.at).value = self.word
        return capsule


def as_stdlib(values: Any) -> Any:
    """Return numbers in an array of the standard library."""
    return array.array("f", values)


def as_ctypes(values: Any) -> Any:
    """Return numbers in an array of ctypes."""
    return (ctypes.c_float * len(values))(*values)


def as_pages(values: Any) -> Any:
    """Return numbers as float32 at the beginning of whole pages, a memoryview."""
    raw = np.asarray(values, np.float32).tobytes()
    pages = mmap.mmap(-1, -(-len(raw) // mmap.PAGESIZE) * mmap.PAGESIZE)
    pages[: len(raw)] = raw
    return memoryview(pages)[: len(raw)].cast("f")
