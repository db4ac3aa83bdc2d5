"""What the functions of `enigma.lib` have in common: checked arrays, an output, and a kernel ready to be launched."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import index
from typing import Any, ParamSpec, Protocol, SupportsIndex, cast

import numpy as np

import enigma
from enigma.dtypes import DTYPES, FLOATS, Numeric, as_dtype, names
from enigma.errors import LaunchError
from enigma.runtime.arrays import Array, as_array, by_numpy
from enigma.runtime.direct import program_of

Size = tuple[int, int, int]
P = ParamSpec("P")
K = ParamSpec("K")
MOST = (1 << 32) - (1 << 16)
"""Elements of an array: their numbers, with some to spare for what a tile has beyond its end, are of 32 bits."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A kernel of `enigma.lib` for certain shapes and dtypes, with all that a launch needs besides the arrays.

    `grid` counts threads per axis, `threads` those of a threadgroup, `constants` are the values of constexpr parameters and
    `scalars` the numbers behind the buffers, in slot order. `fixed` says that the kernel reads nothing that could change, so
    that it is traced once and not looked at again.

        plan = enigma.lib.rmsnorm.kernel(rows=64, columns=4096, dtype=enigma.f16)
        print(plan.compile().metal_source)
        plan.run(x, weight, out)
    """

    kernel: Any  # enigma.KernelDef
    grid: Size
    threads: Size
    constants: Mapping[str, Any] = field(default_factory=dict[str, Any])
    scalars: tuple[int | float, ...] = ()
    fixed: bool = True

    def compile(self, **options: Any) -> Any:
        """Return the `enigma.CompiledKernel`, to be shown, exported, executed or prepared; options as `enigma.compile` has."""
        return enigma.compile(self.kernel, **options, **self.constants)

    def run(self, *arrays: Any, device: str | None = None) -> None:
        """Run the kernel once on arrays for its buffers, in slot order. Raises `LaunchError` for arrays that do not fit."""
        if self.fixed:
            program = _program(self.kernel, tuple(self.constants.items()))
            enigma.runtime(device).run(program, [*arrays, *self.scalars], self.grid, self.threads)
        else:
            self.kernel.launch(
                *arrays, *self.scalars, grid=self.grid, threads=self.threads, constants=self.constants, device=device
            )


@lru_cache(maxsize=256)
def _program(kernel: Any, constants: tuple[tuple[str, Any], ...]) -> Any:
    return program_of(kernel, dict(constants))


class Operation(Protocol[P, K]):
    """A function on arrays that also has the kernel it runs: `enigma.lib.rmsnorm(x, w)`, `enigma.lib.rmsnorm.kernel(...)`."""

    __name__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Run it on arrays, and return the result as one."""
        ...

    def kernel(self, *args: K.args, **kwargs: K.kwargs) -> Plan:
        """Return the kernel for given shapes and dtypes, and how it is launched."""
        ...


def with_kernel(plan: Callable[K, Plan]) -> Callable[[Callable[P, Any]], Operation[P, K]]:
    """Let a function on arrays have its kernel as `.kernel(...)`, which `plan` returns."""

    def decorate(function: Callable[P, Any]) -> Operation[P, K]:
        operation: Any = function
        operation.kernel = plan
        return cast("Operation[P, K]", operation)

    return decorate


def array(x: Any, name: str, *, axes: int | None = None, dtypes: Sequence[Any] = FLOATS) -> Array:
    """Return an argument as a NumPy array, without a copy.

    Raises `LaunchError` for something else, for another number of axes, for another dtype, and where there are no elements.
    """
    known = tuple(as_dtype(dtype) for dtype in dtypes)
    found = as_array(x, name, known[0])
    if by_numpy().get(found.dtype) not in known:
        raise LaunchError(
            f"{name} holds {found.dtype}, but it must be {names(known)}",
            help=f"convert it: {name}.astype({known[0].numpy.name!r})",
        )
    if axes is not None and found.ndim != axes:
        raise LaunchError(
            f"{name} has the shape {found.shape}, but it must have {axes} axes", help=f"reshape it: {name}.reshape(...)"
        )
    if found.size == 0:
        raise LaunchError(
            f"{name} is empty: its shape is {found.shape}", help="skip the call where there is nothing to do"
        )
    if found.size > MOST:
        raise LaunchError(
            f"{name} has {found.size} elements, but {MOST} is the most", help="call it for parts of the array"
        )
    return found


def dtype_of(found: Array) -> Numeric:
    """Return the dtype of a checked array's elements. Raises `LaunchError` where enigma has none for them."""
    dtype = by_numpy().get(found.dtype)
    if dtype is None:
        raise LaunchError(f"enigma has no dtype for arrays of {found.dtype}", help=f"convert it to {names(DTYPES)}")
    return dtype


def output(out: Any, shape: Sequence[int], dtype: Any, name: str = "out") -> Array:
    """Return the array that a result goes to: `out`, checked, or a new one where it is None.

    Raises `LaunchError` for one of another shape or dtype.
    """
    wanted, chosen = tuple(shape), as_dtype(dtype)
    if out is None:
        return np.empty(wanted, chosen.numpy)
    found = as_array(out, name, chosen)
    if found.shape != wanted or found.dtype != chosen.numpy:
        raise LaunchError(
            f"{name} is {found.dtype} of the shape {found.shape}, but the result is {chosen.numpy} of {wanted}",
            help="leave it out, and an array is made",
        )
    return found


def size_of(value: Any, name: str) -> int:
    """Return an extent. Raises `LaunchError` for what is no int of 1 or more."""
    if not isinstance(value, SupportsIndex) or isinstance(value, bool) or index(value) < 1:
        raise LaunchError(
            f"{name} is {value!r}, but it must be an int of at least 1",
            help="skip the call where there is nothing to do",
        )
    return index(value)


def one_of(dtype: Any, dtypes: Sequence[Any], name: str = "dtype") -> Numeric:
    """Return the dtype that is meant. Raises `LaunchError` for one that the operation does not have."""
    found, known = as_dtype(dtype), tuple(as_dtype(one) for one in dtypes)
    if found not in known:
        raise LaunchError(f"{name} is {found.name}, but it must be {names(known)}", help="convert the arrays first")
    return found


def elements(shape: Any) -> int:
    """Return how many elements an array of a shape, or of so many elements, has. Raises `LaunchError` for other things."""
    parts: Sequence[Any] = cast("Sequence[Any]", shape) if isinstance(shape, tuple | list) else [shape]
    count = math.prod(size_of(part, "an extent") for part in parts)
    if count > MOST:
        raise LaunchError(
            f"an array has {count} elements, but {MOST} is the most", help="call it for parts of the array"
        )
    return count
