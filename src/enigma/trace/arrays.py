"""Memory with indices that are known only when the kernel runs: shared by a threadgroup, and of each thread's own."""

from __future__ import annotations

import math
from typing import Any

from enigma.dtypes import Numeric, Space
from enigma.errors import EnigmaValueError
from enigma.source import SourceLoc, caller
from enigma.trace.given import located_dtype
from enigma.trace.public import public
from enigma.trace.registers import static_shape
from enigma.trace.scoped import for_range
from enigma.trace.tensor import Tensor
from enigma.trace.tracer import Tracer
from enigma.trace.value import active

MAX_THREADGROUP_BYTES = 32768

MAX_THREAD_BYTES = 16384
"""Bytes of all arrays of one thread: beyond that nothing is gained over a buffer."""

_FEW = 4  # elements up to which filling is no loop


def shared(tracer: Tracer, element: Numeric, shape: tuple[int, ...], loc: SourceLoc) -> Tensor:
    """Return new memory that a threadgroup shares. Raises `EnigmaValueError` for more than it has."""
    total = math.prod(shape) * element.size + tracer.threadgroup_bytes
    if total > MAX_THREADGROUP_BYTES:
        raise EnigmaValueError(
            f"threadgroup memory is {total} bytes, but a threadgroup has {MAX_THREADGROUP_BYTES}", loc=loc,
            help="use smaller tiles, a narrower dtype, or one allocation for several phases",
        )  # fmt: skip
    tracer.threadgroup_bytes = total
    return tracer.allocate(element, shape, Space.THREADGROUP, loc)


@public
def thread_alloc(dtype: Any, size: Any, fill: Any = None) -> Tensor:
    """Return an array of each thread's own: `size` elements, or a shape indexed by tuples (row-major).

    Indices may be traced. The array exists once, however often a loop gets here; it is uninitialised, or every element is set
    to `fill` each time. A thread has 16384 bytes; more raises `EnigmaValueError`. What only Python ints index belongs in a
    `register_tensor`, which is faster.

        counts = enigma.thread_alloc(enigma.u32, 16, fill=0)
        counts[A[i]] += 1
    """
    loc, tracer = caller(), active()
    element = located_dtype(dtype, loc)
    shape = static_shape(size, "a thread's array", loc)
    count = math.prod(shape)
    total = count * element.size + tracer.thread_bytes
    if total > MAX_THREAD_BYTES:
        raise EnigmaValueError(
            f"a thread's arrays are {total} bytes, but there is room for {MAX_THREAD_BYTES}", loc=loc,
            help="use a smaller array, a narrower dtype, or a buffer with a part for each thread",
        )  # fmt: skip
    tracer.thread_bytes = total
    array = tracer.allocate(element, shape, Space.THREAD, loc)
    if fill is None:
        return array
    if count <= _FEW:
        for place in range(count):
            array[place] = fill
    else:
        with for_range(0, count, dtype="uint") as place:
            array[place] = fill
    return array
