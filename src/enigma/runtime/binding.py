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

import numpy as np

from enigma.dtypes import Numeric, Space, as_dtype, b1, f32, i32, i64, u64
from enigma.errors import EnigmaTypeError, EnigmaValueError, LaunchError
from enigma.layout.leaf import is_static
from enigma.runtime.arrays import by_numpy
from enigma.runtime.fitting import check, check_constants
from enigma.runtime.launch import check_scalar
from enigma.source import SourceLoc, caller
from enigma.trace.args import Kind, Parameter, Place, parameters
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

    On the host it is an int or a float like any other; what is computed with it there is a plain number. The dtype is that of a
    NumPy number, i32, or the first of i64 and u64 that holds it, f32 for floats, b1 for bools.

        kernel(A, enigma.dynamic(n)).launch(grid=(n, 1, 1), block=(256, 1, 1))

    Raises `EnigmaTypeError` and `EnigmaValueError` for what is no number, or does not fit.
    """
    number = _number(value)
    kind = as_dtype(dtype) if dtype is not None else _dtype_of(value, number)
    try:
        if kind.parts > 1:
            raise LaunchError(f"{kind.name} is no number")
        number = check_scalar(number, kind, "number")
    except LaunchError:
        raise EnigmaValueError(
            f"dynamic({value!r}) does not fit into {kind.name}", loc=caller(), help="choose another dtype"
        ) from None
    made: Any = DynamicFloat(number) if kind.is_float else DynamicInt(number)
    made.dtype = kind
    return made


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return cast("Any", value).item()
    if isinstance(value, int | float):
        return value
    if not hasattr(value, "__index__"):
        raise EnigmaTypeError(
            f"dynamic takes a number, but it got {value!r}", loc=caller(), help="other values are compiled in"
        )
    return value.__index__()


def _dtype_of(value: Any, number: int | float) -> Numeric:
    given: Any = value
    kind = given.dtype if isinstance(value, np.generic) else None
    if kind is not None and kind != np.int64 and (known := by_numpy().get(kind)) is not None:  # int64 is NumPy's int
        return known
    if isinstance(number, bool):
        return b1
    if isinstance(number, float):
        return f32
    return next((kind for kind in (i32, i64) if kind.min <= number <= kind.max), u64)


@dataclass(frozen=True, slots=True)
class Bound:
    """A launch's kernel, the values it is compiled with, and its run-time arguments in slot order: tensors, numbers, arrays."""

    kernel: KernelDef
    constants: dict[str, Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What launches with alike arguments have in common: the kernel, and the names of what it is given and compiled with."""

    kernel: KernelDef
    arguments: tuple[str, ...]
    constants: tuple[str, ...]


def bind(kernel: KernelDef, args: tuple[Any, ...], named: Mapping[str, Any], loc: SourceLoc) -> Bound:
    """Return what a launch with these arguments means. Raises `EnigmaTypeError` for arguments that do not fit."""
    given = named_arguments(kernel.signature, f"kernel {kernel.name}", args, named, loc).arguments
    places = _places(given, loc)
    annotated = kernel.fn.__annotations__
    key = tuple([(name, _key(value, places.get(name), annotated=name in annotated)) for name, value in given.items()])
    plan = kernel.bound.get(key)
    if plan is None:
        while len(kernel.bound) >= _KEPT:
            kernel.bound.pop(next(iter(kernel.bound)), None)
        made = kernel.with_parameters(_parameters(kernel, given, places, loc))
        check(made, given, loc)
        slots = slots_of(made.parameters)
        plan = kernel.bound[key] = _Plan(
            made, tuple(sorted(slots, key=lambda name: slots[name])),
            tuple(p.name for p in made.parameters if p.kind is Kind.CONSTEXPR),
        )  # fmt: skip
    constants = {name: given[name] for name in plan.constants}
    check_constants(kernel, constants, loc)
    return Bound(plan.kernel, constants, tuple([given[name] for name in plan.arguments]))


def named_arguments(
    signature: inspect.Signature, what: str, args: tuple[Any, ...], named: Mapping[str, Any], loc: SourceLoc | None
) -> inspect.BoundArguments:
    """Return arguments by parameter, defaults too. Raises `EnigmaTypeError` where `what` takes others."""
    try:
        values = signature.bind(*args, **named)
    except TypeError as error:
        raise EnigmaTypeError(
            f"{what}: {error}",
            loc=loc if loc is not None else caller(),
            help=f"it takes {', '.join(signature.parameters)}",
        ) from None
    values.apply_defaults()
    return values


def memory_of(tensor: Tensor) -> Any:
    """Return what tells the memory of a host tensor from others: where its array lies, or the name of a described buffer.

    Arrays with the same bytes are the same memory, such as one and its `reshape`.
    """
    memory = tensor.memory
    if (array := memory.array) is not None:
        return array.__array_interface__["data"][0], array.nbytes, memory.dtype
    return memory.name if memory.buffer_index is not None else id(memory)


def _places(given: Mapping[str, Any], loc: SourceLoc) -> dict[str, Place]:
    """Return where in which memory each tensor begins: memories are numbered as the arguments come, or by buffer index."""
    keys = {name: memory_of(value) for name, value in given.items() if isinstance(value, Tensor)}
    memories: dict[Any, Tensor] = {}
    described: dict[int, Tensor] = {}
    for name, key in keys.items():
        memory = given[name].memory
        first = memories.setdefault(key, memory)
        if memory.array is None and memory.buffer_index is not None:
            _check_described(memory, first, described.setdefault(memory.buffer_index, memory), loc)
    order = list(memories)
    if len(described) == len(memories):
        order.sort(key=lambda key: memories[key].buffer_index or 0)
    numbers = {key: number for number, key in enumerate(order)}
    return {name: Place(numbers[key], int(given[name].start), 1) for name, key in keys.items()}


def _check_described(memory: Tensor, named: Tensor, numbered: Tensor, loc: SourceLoc) -> None:
    """Refuse descriptions of buffers that contradict each other."""
    index = memory.buffer_index
    if index is None or index < 0:
        raise EnigmaTypeError(
            f"the tensor {memory.name} has the buffer_index {index}", loc=loc, help="buffers are counted from 0"
        )
    if named.buffer_index != index:
        raise EnigmaTypeError(
            f"two tensors are named {memory.name}, with the buffer_index {named.buffer_index} and {index}", loc=loc,
            help="tensors of one name are one buffer: give the other one another name",
        )  # fmt: skip
    if numbered.name != memory.name:
        raise EnigmaTypeError(
            f"the tensors {numbered.name} and {memory.name} both have the buffer_index {index}", loc=loc,
            help="give each buffer an index of its own; tensors of one buffer have one name",
        )  # fmt: skip
    if named.type != memory.type:
        raise EnigmaTypeError(
            f"the buffer {memory.name} is described as {named.type} and as {memory.type}", loc=loc,
            help="a buffer has one dtype and address space; only layouts may differ",
        )  # fmt: skip


def _key(value: Any, place: Place | None, *, annotated: bool) -> Any:
    """Return what of an argument the kernel's parameters depend on; the values of others are no part of it."""
    if isinstance(value, Tensor):
        form = _form(value) if value.is_laid_out or not annotated else None
        return "tensor", value.dtype, value.buffer_type.space, form, place
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
    return prod(extent or 1 for extent in form.extents) if form.extents is not None else form.layout.span()


def _parameter(name: str, value: Any, loc: SourceLoc) -> Parameter:
    """Return what a parameter without an annotation is."""
    if isinstance(value, Tensor):
        if not is_static(value.layout):
            raise EnigmaTypeError(
                f"the argument {name} is a tensor whose layout {value.layout} is not known",
                loc=loc,
                help="lay tensors out by ints: the layout is compiled in",
            )
        if value.buffer_type.space not in (Space.DEVICE, Space.CONSTANT):
            raise EnigmaTypeError(
                f"the argument {name} is a tensor in {value.address_space} memory", loc=loc,
                help="pass tensors of device memory; kernels allocate their own: enigma.threadgroup_alloc(dtype, layout=...)",
            )  # fmt: skip
        return Parameter(name, Kind.BUFFER, value.dtype, None, loc, value.buffer_type.space, form=_form(value))
    if isinstance(value, Dynamic):
        return Parameter(name, Kind.SCALAR, value.dtype, None, loc)
    return Parameter(name, Kind.CONSTEXPR, None, inspect.Parameter.empty, loc)
