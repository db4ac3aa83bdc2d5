"""What launches copied because an argument could not be used where it is: counted as it happens, shown by `explain_copies`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from threading import Lock
from typing import Any

import numpy as np

from enigma.runtime import pytorch
from enigma.source import launcher
from enigma.trace.tracer import warn

Array = np.ndarray[Any, np.dtype[Any]]

KEPT = 256
"""Different copies that are remembered; the oldest are forgotten first."""


class Why(Enum):
    """A reason to copy an array, as a sentence about it, and what avoids it."""

    STRIDED = "its elements do not follow one another in memory"
    UNALIGNED = "it starts at an address that is no multiple of its elements' size"
    PARTIAL = "it ends within a vector of the kernel"
    PAGES = "its memory is not whole pages that the GPU could share"
    READ_ONLY = "it is read-only memory that the GPU does not share"
    OFFSET = "it starts within its buffer where the kernel's vectors may not"
    FOREIGN = "the other library keeps its arrays in memory of its own"

    def remedy(self, name: str, *, is_tensor: bool = False) -> str:
        """Return what to do with the array of this name, or tensor of PyTorch, so that nothing is copied."""
        said = _FOR_TENSORS.get(self, _REMEDIES[self]) if is_tensor else _REMEDIES[self]
        return said.format(name=name)


_REMEDIES = {
    Why.STRIDED: "pass a contiguous array: keep np.ascontiguousarray({name}) where it is launched more than once",
    Why.UNALIGNED: "pass a copy once, {name}.copy(), or cut whole elements off the memory it lies in",
    Why.PARTIAL: "pass an array of a multiple of the vector's width, or compile with a smaller vec_width",
    Why.PAGES: "make it with rt.empty, rt.zeros or rt.array, or over an mmap",
    Why.READ_ONLY: "make it with rt.array({name}), which the GPU uses where it is",
    Why.OFFSET: "let the part begin at a multiple of 16 bytes, or make it an array of its own with rt.array({name})",
    Why.FOREIGN: "nothing: this library always copies",
}

_FOR_TENSORS = {
    Why.STRIDED: "pass a contiguous tensor: keep {name}.contiguous() where it is launched more than once",
    Why.UNALIGNED: "pass a copy once, {name}.clone(), or cut whole elements off the memory it lies in",
    Why.OFFSET: "let the part begin at a multiple of 16 bytes, of 256 for constant memory, or pass a copy once: {name}.clone()",
}


@dataclass(frozen=True, slots=True)
class Copied:
    """An argument that launches copied: which, where to, how many bytes each time, how many times so far, and why.

    `direction` is "in" for what was copied before the kernel ran, "out" for what was copied back or to another library after it,
    "in and out" for both.
    """

    kernel: str
    argument: str
    device: str
    nbytes: int
    direction: str
    reason: str
    remedy: str


_lock = Lock()
_seen: dict[Copied, int] = {}


def note(
    kernel: str, argument: str, device: str, nbytes: int, direction: str, why: Why, *, is_tensor: bool = False
) -> Copied | None:  # fmt: skip
    """Remember that an argument was copied, and return what was if this is the first time. Other launches never come here."""
    remedy = why.remedy(argument, is_tensor=is_tensor)
    one = Copied(kernel, argument, device, nbytes, direction, why.value, remedy)
    with _lock:
        count = _seen.pop(one, 0)
        if len(_seen) >= KEPT:
            del _seen[next(iter(_seen))]
        _seen[one] = count + 1
    return None if count else one


def noted() -> list[tuple[Copied, int]]:
    """Return what was copied, with how often, the latest last."""
    with _lock:
        return list(_seen.items())


def forget() -> None:
    """Begin anew."""
    with _lock:
        _seen.clear()


@dataclass(frozen=True, slots=True)
class Packed:
    """An argument that the kernel only reads, and the contiguous array that it is copied to before each run."""

    given: Array
    made: Array
    name: str
    why: Why

    def fill(self, kernel: str, device: str) -> None:
        """Copy what the argument holds now; the first time is an `EnigmaWarning`, for the program could avoid it."""
        self.made[...] = self.given
        is_tensor = pytorch.tensor_under(self.given) is not None
        new = note(kernel, self.name, device, self.made.nbytes, "in", self.why, is_tensor=is_tensor)
        if new is not None:
            warn(
                f"kernel {kernel}: {self.name} is copied for each run, {new.nbytes} bytes: {new.reason}",
                launcher(),
                new.remedy,
            )


def packed(array: Array, name: str) -> Packed | None:
    """Return a place for the elements of an array that kernels cannot read where it is; None for any other."""
    flags = array.flags
    if flags.c_contiguous and flags.aligned:
        return None
    return Packed(array, np.empty(array.shape, array.dtype), name, Why.UNALIGNED if flags.c_contiguous else Why.STRIDED)
