"""Several buffers in threadgroup memory that take turns: one is filled while another is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from enigma.dtypes import Numeric, u32
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.trace.arrays import shared
from enigma.trace.given import describe, literal, located_dtype
from enigma.trace.public import public
from enigma.trace.registers import Registers, static_shape
from enigma.trace.tensor import Tensor, View
from enigma.trace.tracer import Tracer
from enigma.trace.value import active


class Pipeline(Registers):
    """Buffers in threadgroup memory that take turns. Which one is in front is a value of the kernel, so loops rotate them.

    `stages`, `dtype` and `size` say how many there are, of what, and how many elements each has.

        tiles = enigma.pipeline(enigma.f32, 256)
        tiles.back()[i] = A[i]
        tiles.advance()  # what was at the back is in front now
    """

    def __init__(self, tracer: Tracer, memory: Tensor, stages: int, size: int, loc: SourceLoc) -> None:
        super().__init__(tracer, [tracer.constant(0, u32, loc)])
        self._memory, self._stages, self._size = memory, stages, size

    @property
    def stages(self) -> int:
        """How many buffers take turns."""
        return self._stages

    @property
    def dtype(self) -> Numeric:
        """The dtype of the elements."""
        return self._memory.dtype

    @property
    def size(self) -> int:
        """Elements of one buffer."""
        return self._size

    def take_name(self, name: str) -> None:
        """Name the memory for the variable that holds the pipeline."""
        super().take_name(name)
        self._memory.name = self._memory.name or name

    def keys(self) -> Sequence[int | str]:
        """Return what is added to the pipeline's name for the number of the buffer in front."""
        return ["_stage"]

    def __repr__(self) -> str:
        return f"<{self.name or 'pipeline'}: {self._stages} stages of {self._size} {self.dtype.name}>"

    def stage(self, k: int) -> Tensor:
        """Return the buffer that is `k` turns behind the front one, a Python int: `stage(0)` is in front.

        Raises `EnigmaTypeError` for a traced number and `EnigmaValueError` for one outside of the stages.
        """
        return self._stage(k, caller())

    def _stage(self, k: Any, loc: SourceLoc) -> Tensor:
        number = literal(k)
        if not isinstance(number, int) or isinstance(number, bool):
            raise EnigmaTypeError(
                f"stage: the number must be a Python int, but it is {describe(k)}", loc=loc,
                help="call advance() in the loop: stage(0) is then another buffer in every round",
            )  # fmt: skip
        if not 0 <= number < self._stages:
            raise EnigmaValueError(
                f"stage {number} of a pipeline of {self._stages}",
                loc=loc,
                help=f"write a number from 0 to {self._stages - 1}",
            )
        (place,) = self.values
        if number:
            place = self._turned(number, loc)
        start = self._tracer.operator("*", (place, self._size), loc)
        return View(self._memory, start, (self._size,))

    def _turned(self, turns: int, loc: SourceLoc) -> Any:
        moved = self._tracer.operator("+", (self.values[0], turns), loc)
        return self._tracer.operator("%", (moved, self._stages), loc)

    def front(self) -> Tensor:
        """Return the buffer in front: `stage(0)`."""
        return self._stage(0, caller())

    def back(self) -> Tensor:
        """Return the buffer at the end: `stage(stages - 1)`, which is in front after `stages - 1` turns."""
        return self._stage(self._stages - 1, caller())

    def advance(self) -> None:
        """Let the next buffer be in front, and the front one at the end."""
        self.values[0] = self._turned(1, caller())

    def swap(self) -> None:
        """Exchange the two buffers. Raises `EnigmaValueError` for a pipeline of more stages."""
        loc = caller()
        if self._stages != 2:
            raise EnigmaValueError(
                f"swap of a pipeline of {self._stages} stages: only two can be exchanged",
                loc=loc,
                help="write advance()",
            )
        self.values[0] = self._turned(1, loc)


@public
def pipeline(dtype: Any, size: int, stages: int = 2) -> Pipeline:
    """Return `stages` buffers of `size` elements in threadgroup memory that take turns, one in front.

        tiles = enigma.pipeline(enigma.f32, 256)
        for k in range(n):
            tiles.front()[tid] = A[k * 256 + tid]
            enigma.barrier()
            total += tiles.front()[255 - tid]
            tiles.advance()  # the next round fills the other buffer: one barrier a round is enough

    Raises `EnigmaValueError` for fewer than two stages or more than the threadgroup's memory.
    """
    loc, tracer = caller(), active()
    element = located_dtype(dtype, loc)
    (extent,) = static_shape((size,), "a stage", loc)
    (count,) = static_shape((stages,), "a pipeline", loc)
    if count < 2:
        raise EnigmaValueError(
            f"a pipeline of {count} stage", loc=loc, help="write stages=2 or more, or use enigma.threadgroup_alloc"
        )
    memory = shared(tracer, element, (count * extent,), loc)
    return Pipeline(tracer, memory, count, extent, loc)
