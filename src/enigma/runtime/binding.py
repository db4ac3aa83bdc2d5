"""The kernel that a launch in an `@enigma.jit` function means: its parameters take what they are from the arguments.

A tensor becomes a buffer, its layout compiled in; tensors that share memory share a slot. A dynamic number is passed by value.
Anything else is a Python value that the kernel is compiled with.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any, cast

from enigma.dtypes import Numeric, Space, as_dtype, f32, i32, i64, u64
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.layout.leaf import is_static
from enigma.source import SourceLoc, caller
from enigma.trace.args import Kind, Parameter, Place, parameters
from enigma.trace.given import describe
from enigma.trace.kernel import KernelDef, slots_of
from enigma.trace.node import Form
from enigma.trace.tensor import Tensor

_KEPT = 64  # kernels of one function: arguments that change at every launch must not fill the memory


class DynamicInt(int):
    """An integer that a kernel gets by value instead of being compiled with it; on the host it is an int. See `dynamic`."""

    dtype: Numeric


class DynamicFloat(float):
    """A float that a kernel gets by value instead of being compiled with it; on the host it is a float. See `dynamic`."""

    dtype: Numeric


Dynamic = DynamicInt | DynamicFloat


def dynamic(value: Any, dtype: Any = None) -> Any:
    """Return a number that kernels of an `@enigma.jit` function get by value: another number needs no new compilation.

    On the host it is an int or a float like any other; what is computed with it there is a plain number. The dtype is i32, or
    the first of i64 and u64 that holds it, or f32 for floats.

        kernel(A, enigma.dynamic(n)).launch(grid=(n, 1, 1), block=(256, 1, 1))

    Raises `EnigmaTypeError` and `EnigmaValueError` for what is no number, or does not fit.
    """
    if isinstance(value, bool) or (not isinstance(value, int | float) and not hasattr(value, "__index__")):
        raise EnigmaTypeError(
            f"dynamic takes a number, but it got {value!r}", loc=caller(), help="other values are compiled in"
        )
    number: Any = value if isinstance(value, int | float) else value.__index__()
    kind = as_dtype(dtype) if dtype is not None else _dtype_of(number)
    if kind.parts > 1 or kind.kind == "b" or (not kind.is_float and not _fits(number, kind)):
        raise EnigmaValueError(
            f"dynamic({value!r}) does not fit into {kind.name}", loc=caller(), help="choose another dtype"
        )
    made: Any = DynamicFloat(number) if kind.is_float else DynamicInt(number)
    made.dtype = kind
    return made


def _dtype_of(number: int | float) -> Numeric:
    if isinstance(number, float):
        return f32
    return next((kind for kind in (i32, i64) if _fits(number, kind)), u64)


def _fits(number: Any, kind: Numeric) -> bool:
    return number == int(number) and kind.min <= number <= kind.max


@dataclass(frozen=True, slots=True)
class Bound:
    """A launch's kernel, the values it is compiled with, and its run-time arguments in slot order: tensors, numbers, arrays."""

    kernel: KernelDef
    constants: dict[str, Any]
    arguments: tuple[Any, ...]


def bind(kernel: KernelDef, args: tuple[Any, ...], named: Mapping[str, Any], loc: SourceLoc) -> Bound:
    """Return what a launch with these arguments means. Raises `EnigmaTypeError` for arguments that do not fit."""
    try:
        values = kernel.signature.bind(*args, **named)
    except TypeError as error:
        raise EnigmaTypeError(
            f"kernel {kernel.name}: {error}", loc=loc, help=f"it takes {', '.join(kernel.signature.parameters)}"
        ) from None
    values.apply_defaults()
    given = values.arguments
    places = _places(given)
    annotated = kernel.fn.__annotations__
    key = tuple((name, _key(value, places.get(name), annotated=name in annotated)) for name, value in given.items())
    made = kernel.bound.get(key)
    if made is None:
        while len(kernel.bound) >= _KEPT:
            kernel.bound.pop(next(iter(kernel.bound)), None)
        made = kernel.bound[key] = kernel.with_parameters(_parameters(kernel, given, places, loc))
    slots = slots_of(made.parameters)
    arguments = tuple(given[name] for name in sorted(slots, key=lambda name: slots[name]))
    constants = {p.name: given[p.name] for p in made.parameters if p.kind is Kind.CONSTEXPR}
    _check(made, given, loc)
    return Bound(made, constants, arguments)


def memory_of(tensor: Tensor) -> Any:
    """Return what tells the memory of a host tensor from others: its array, the name of a described buffer, or itself."""
    memory = tensor.memory
    if memory.array is not None:
        return id(memory.array)
    return memory.name if memory.buffer_index is not None else id(memory)


def _places(given: Mapping[str, Any]) -> dict[str, Place]:
    """Return where in which memory each tensor begins: memories are numbered as the arguments come, or by buffer index."""
    tensors = {name: value for name, value in given.items() if isinstance(value, Tensor)}
    memories: dict[Any, Tensor] = {}
    for tensor in tensors.values():
        memories.setdefault(memory_of(tensor), tensor.memory)
    order = list(memories)
    if all(memory.buffer_index is not None for memory in memories.values()):
        order.sort(key=lambda memory: memories[memory].buffer_index or 0)
    return {name: Place(order.index(memory_of(tensor)), int(tensor.start), 1) for name, tensor in tensors.items()}


def _key(value: Any, place: Place | None, *, annotated: bool) -> Any:
    """Return what of an argument the kernel's parameters depend on; the values of others are no part of it."""
    if isinstance(value, Tensor):
        return "tensor", value.dtype, value.buffer_type.space, None if annotated else _form(value), place
    return ("number", value.dtype) if isinstance(value, Dynamic) else "value"


def _form(tensor: Tensor) -> Form:
    return Form(None, tensor.layout) if tensor.is_laid_out else Form(tensor.shape, None)


def _parameters(
    kernel: KernelDef, given: Mapping[str, Any], places: Mapping[str, Place], loc: SourceLoc
) -> tuple[Parameter, ...]:
    found = parameters(kernel.fn, kernel.scope, {name: _parameter(name, value, loc) for name, value in given.items()})
    reach: dict[int, int] = {}
    for parameter in found:
        if parameter.kind is Kind.BUFFER and (place := places.get(parameter.name)) is not None:
            reach[place.memory] = max(reach.get(place.memory, 1), place.start + _reach(parameter.form))
    return tuple(
        replace(p, place=replace(places[p.name], extent=reach[places[p.name].memory]))
        if p.kind is Kind.BUFFER and p.name in places
        else p
        for p in found
    )


def _reach(form: Form | None) -> int:
    """Return how many elements a parameter reaches, as far as it is known."""
    if form is None:
        return 1
    return prod(extent or 1 for extent in form.extents) if form.extents is not None else form.layout.cosize()


def _parameter(name: str, value: Any, loc: SourceLoc) -> Parameter:
    """Return what a parameter without an annotation is."""
    if isinstance(value, Tensor):
        if not is_static(value.layout) or value.buffer_type.space not in (Space.DEVICE, Space.CONSTANT):
            raise EnigmaTypeError(
                f"the argument {name} is a tensor in {value.address_space} memory", loc=loc,
                help="pass tensors of device memory; kernels allocate their own: enigma.threadgroup_alloc(dtype, layout=...)",
            )  # fmt: skip
        return Parameter(name, Kind.BUFFER, value.dtype, None, loc, value.buffer_type.space, form=_form(value))
    if isinstance(value, Dynamic):
        return Parameter(name, Kind.SCALAR, value.dtype, None, loc)
    return Parameter(name, Kind.CONSTEXPR, None, inspect.Parameter.empty, loc)


def _check(kernel: KernelDef, given: Mapping[str, Any], loc: SourceLoc) -> None:
    """Refuse arguments that an annotation does not take, and tensors where they would be compiled in."""
    for parameter in kernel.parameters:
        value = given[parameter.name]
        if parameter.kind is Kind.BUFFER:
            if not isinstance(value, Tensor):
                raise EnigmaTypeError(
                    f"kernel {kernel.name}: {parameter.name} is a buffer, but it is given {describe(value)}", loc=loc,
                    help="pass a tensor: an argument of the jit function, or enigma.from_array(array)",
                )  # fmt: skip
            if value.dtype is not parameter.dtype:
                wanted = parameter.dtype.name if parameter.dtype is not None else "?"
                raise EnigmaTypeError(
                    f"kernel {kernel.name}: {parameter.name} is annotated {wanted}, but it is given a tensor of "
                    f"{value.dtype.name}", loc=loc, help="convert the array, or annotate another dtype",
                )  # fmt: skip
        if parameter.kind is Kind.CONSTEXPR and _holds_tensor(value):
            raise EnigmaTypeError(
                f"kernel {kernel.name}: {parameter.name} is a {type(value).__name__} with tensors in it", loc=loc,
                help="pass each tensor as a parameter of its own",
            )  # fmt: skip


def _holds_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or any(map(_holds_tensor, inside(value)))


def inside(value: Any) -> list[Any]:
    """Return what a tuple, list or dict holds; nothing for anything else."""
    if isinstance(value, dict):
        return list(cast("dict[Any, Any]", value).values())
    return list(cast("list[Any]", value)) if isinstance(value, list | tuple) else []
