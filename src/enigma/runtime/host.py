"""Arrays as tensors on the host: what an `@enigma.jit` function gets, makes and returns."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from enigma.dtypes import DTYPES, BufferType, as_dtype, names
from enigma.errors import EnigmaTypeError, EnigmaValueError, LaunchError
from enigma.layout import ComposedLayout, Layout
from enigma.layout.int_tuple import leaves
from enigma.runtime import dlpack
from enigma.runtime.arrays import Array, as_array, by_numpy, check_array
from enigma.source import caller
from enigma.trace.coordinates import extents
from enigma.trace.recording import recorder
from enigma.trace.tensor import Tensor


def from_array(array: Any, layout: Any = None, *, name: str = "array", dtype: Any = None) -> Tensor:
    """Return a tensor over an array, without a copy: row-major in the array's shape, or with another layout of its elements.

    The array is one of NumPy, a DLPack object of the CPU, or has the buffer protocol; it must be contiguous. Inside an
    `@enigma.jit` function arrays that are arguments are tensors already. With a vector for `dtype`, such as `enigma.f32x4`, the
    array's last axis is that of the components.

        T = enigma.from_array(x)
        columns = enigma.from_array(x, enigma.make_layout((M, N), (1, M)))

    Raises `LaunchError` for what is no contiguous array of a dtype that kernels have, and `EnigmaValueError` for a layout that
    reaches beyond it.
    """
    found = as_array(array, name, DTYPES[0])
    own = by_numpy().get(found.dtype)
    if own is None:
        raise LaunchError(f"enigma has no dtype for arrays of {found.dtype}", help=f"convert it to {names(DTYPES)}")
    element = own if dtype is None else as_dtype(dtype)
    if not found.flags.c_contiguous or not found.flags.aligned or found.size == 0 or element is not own:
        wrong = check_array(found, element, name, written=False)
        if wrong is not None:
            raise wrong
    if layout is None:
        shape = found.shape[:-1] if element.parts > 1 and found.shape[-1:] == (element.parts,) else found.shape
        if found.shape == shape and element.parts > 1:
            shape = (found.size // element.parts,)
        made = Tensor.of(BufferType(element), name, shape or (1,))
        made.strict = True
    else:
        made = Tensor(name, None, element, layout)
        if layout.span() > found.size // element.parts:
            raise EnigmaValueError(
                f"the layout {layout} reaches {layout.span()} elements, but {name} has {found.size // element.parts}",
                loc=caller(), help="lay it over the whole array",
            )  # fmt: skip
    made.array = found
    return made


def empty(shape_or_layout: Any, dtype: Any = "float", *, name: str = "tensor") -> Tensor:
    """Return a tensor over new memory, its elements 0: an output of an `@enigma.jit` function, or what its launches share.

        out = enigma.empty((M, N), enigma.f32)

    Raises `EnigmaTypeError` and `EnigmaValueError` for what is no shape, layout or dtype.
    """
    element = as_dtype(dtype)
    if isinstance(shape_or_layout, Layout | ComposedLayout):
        made = Tensor(name, None, element, shape_or_layout)
        sizes: tuple[int, ...] = (shape_or_layout.span(),)
    else:
        shape = extents(shape_or_layout, "the shape")
        if None in shape:
            raise EnigmaTypeError("the shape of new memory has None in it", loc=caller(), help="give every extent")
        sizes = cast("tuple[int, ...]", shape)
        made = Tensor.of(BufferType(element), name, sizes)
        made.strict = True
    made.array = np.zeros(sizes if element.parts == 1 else (*sizes, element.parts), element.element.numpy)
    by = recorder.get()
    if by is not None:
        by.made(made)
    return made


def as_result(value: Any) -> Any:
    """Return what a jit function's caller gets: arrays for tensors, in tuples, lists and dicts too."""
    if isinstance(value, Tensor):
        return array_of(value)
    if isinstance(value, dict):
        return {key: as_result(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list):
        return [as_result(item) for item in cast("list[Any]", value)]
    if isinstance(value, tuple):
        return tuple(as_result(item) for item in cast("tuple[Any, ...]", value))
    return value


def exported(tensor: Tensor, options: dict[str, Any]) -> Any:
    """Return a capsule of DLPack over a tensor's array. Raises `BufferError` where there is none."""
    if tensor.memory.array is None:
        raise BufferError(f"{tensor.name} stands for no array")
    return dlpack.exported(array_of(tensor), options)


def array_of(tensor: Tensor) -> Array:
    """Return the array of a whole tensor, and of a part of one a view of its array."""
    memory = tensor.memory
    if memory.array is None:
        raise EnigmaTypeError(
            f"{tensor.name} is returned, but there is no array for it",
            loc=caller(),
            help="make it with enigma.empty(shape, dtype)",
        )
    if tensor is memory and not tensor.is_laid_out:
        return memory.array
    layout = tensor.layout
    if not isinstance(layout, Layout) or layout.depth() > 1:
        raise EnigmaTypeError(
            f"a tensor of layout {layout} is returned, which no array has", loc=caller(),
            help="return the tensor that it is a part of, or one whose modes are not nested",
        )  # fmt: skip
    shape, steps, parts = leaves(layout.shape), leaves(layout.stride), tensor.dtype.parts
    flat = memory.array.reshape(-1)[int(tensor.start) * parts :]
    steps = [step * parts * flat.itemsize for step in steps]
    if parts > 1:
        shape, steps = (*shape, parts), [*steps, flat.itemsize]
    return np.lib.stride_tricks.as_strided(flat, shape, steps)
