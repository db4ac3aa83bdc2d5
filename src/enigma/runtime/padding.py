"""Arrays whose last vector is not all there: the kernel runs on a private copy, filled up with zeros.

`vec_width` makes vectors of what the user has as numbers, so an array may end within a vector. Nothing may be read or written
behind its end: it belongs to someone else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np

from enigma.runtime.arrays import Array
from enigma.runtime.copies import Why, note
from enigma.runtime.program import Program


@dataclass(frozen=True, slots=True)
class _Copy:
    """An array of the user, and the longer one that the kernel sees instead."""

    given: Array
    whole: Array
    written: bool
    name: str

    @property
    def same(self) -> Array:
        """The numbers of the longer array that the user's has too, in its shape."""
        return self.whole[: self.given.size].reshape(self.given.shape)


def whole_vectors(
    program: Program, arguments: Sequence[Any], bind: Callable[[Sequence[Any]], Callable[[], None]], device: str = "the host"
) -> Callable[[], None]:  # fmt: skip
    """Return what `bind` returns for the arguments, those that end within a vector replaced while it runs."""
    copies: list[_Copy] = []
    seen: list[Any] = []
    for slot, argument in zip(program.slots, arguments, strict=True):
        if slot.param.padded and argument.size % slot.parts:
            copies.append(_Copy(argument, _longer(argument, slot.parts), slot.written, slot.param.name))
            seen.append(copies[-1].whole)
        else:
            seen.append(argument)
    run = bind(seen)
    if not copies:
        return run
    alone = Lock()  # a prepared kernel may be dispatched from several threads, and has one copy of each array

    def run_on_copies() -> None:
        with alone:
            for copy in copies:
                copy.same[...] = copy.given
                direction = "in and out" if copy.written else "in"
                note(program.name, copy.name, device, copy.given.nbytes, direction, Why.PARTIAL)
            try:
                run()
            finally:  # an assertion of the kernel fails when all is written
                for copy in copies:
                    if copy.written:
                        copy.given[...] = copy.same

    return run_on_copies


def _longer(array: Array, parts: int) -> Array:
    return np.zeros(-(-array.size // parts) * parts, array.dtype)
