"""Whether the arguments of a launch in an `@enigma.jit` function fit what the kernel's parameters are annotated with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from enigma.errors import EnigmaTypeError
from enigma.layout import Layout, flatten
from enigma.source import SourceLoc
from enigma.trace.args import Kind, Parameter
from enigma.trace.coordinates import row_major
from enigma.trace.given import describe
from enigma.trace.kernel import KernelDef
from enigma.trace.tensor import Tensor

_HARMLESS = frozenset((int, float, bool, str, type(None), Layout, KernelDef))


def check(kernel: KernelDef, given: Mapping[str, Any], loc: SourceLoc) -> None:
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
            _check_form(kernel, parameter, value, loc)


def check_constants(kernel: KernelDef, constants: Mapping[str, Any], loc: SourceLoc) -> None:
    """Refuse tensors and arrays where they would be compiled in, without being asked for."""
    for name, value in constants.items():
        if type(value) in _HARMLESS:
            continue
        if is_array(value) and name not in kernel.fn.__annotations__:
            raise EnigmaTypeError(
                f"kernel {kernel.name}: {name} is given an array that is no tensor", loc=loc,
                help=f"for a buffer pass enigma.from_array(array); to compile its numbers in, annotate {name}: enigma.constexpr",
            )  # fmt: skip
        if _holds_tensor(value):
            raise EnigmaTypeError(
                f"kernel {kernel.name}: {name} is a {type(value).__name__} with tensors in it", loc=loc,
                help="pass each tensor as a parameter of its own",
            )  # fmt: skip


def _check_form(kernel: KernelDef, parameter: Parameter, tensor: Tensor, loc: SourceLoc) -> None:
    """Refuse a tensor with a layout for a parameter whose annotation says that its elements lie elsewhere."""
    if parameter.name not in kernel.fn.__annotations__ or not tensor.is_laid_out:
        return
    layout, form = tensor.layout, parameter.form
    if _is_plain(layout) and (form is None or isinstance(layout.shape, int)):
        return
    wanted = None if form is None else form.layout if form.extents is None else _rows(form.extents, layout)
    if wanted is None or layout != wanted:
        said = "no layout" if wanted is None else f"the layout {wanted}"
        raise EnigmaTypeError(
            f"kernel {kernel.name}: {parameter.name} is annotated with {said}, but it is given a tensor of layout {layout}",
            loc=loc, help="leave the annotation out: the parameter then has the layout of its argument",
        )  # fmt: skip


def _is_plain(layout: Any) -> bool:
    """Return whether a layout has each element of some memory once."""
    if not isinstance(layout, Layout):
        return False
    size = 1
    for stride, shape in sorted(zip(_listed(layout.stride), _listed(layout.shape), strict=True)):
        if shape != 1 and stride != size:
            return False
        size *= shape
    return True


def _listed(tree: Any) -> tuple[int, ...]:
    flat: Any = flatten(tree)
    return cast("tuple[int, ...]", flat) if isinstance(flat, tuple) else (flat,)


def _rows(extents: tuple[int | None, ...], layout: Any) -> Layout:
    """Return the row-major layout of a shape whose first extent, where it is open, is that of a layout."""
    first = _listed(layout.shape)[0] if extents[0] is None else extents[0]
    return row_major((first, *extents[1:]))


def is_array(value: Any) -> bool:
    """Return whether a value is an array of at least one axis, of whatever library."""
    given: Any = value
    if isinstance(value, type | int | float | str | Tensor):
        return False
    has_numbers = isinstance(value, bytearray | memoryview) or hasattr(given, "__array_interface__")
    return (has_numbers or hasattr(given, "__dlpack__")) and getattr(given, "ndim", 1) > 0


def _holds_tensor(value: Any) -> bool:
    return isinstance(value, Tensor) or any(map(_holds_tensor, inside(value)))


def inside(value: Any) -> list[Any]:
    """Return what a tuple, list or dict holds; nothing for anything else."""
    if isinstance(value, dict):
        return list(cast("dict[Any, Any]", value).values())
    return list(cast("list[Any]", value)) if isinstance(value, list | tuple) else []
