"""A kernel as a function of values: what is given, what is returned, what is updated in place, and how large a launch is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from enigma.dtypes import Numeric
from enigma.errors import EnigmaTypeError, EnigmaValueError
from enigma.runtime import launch
from enigma.runtime.direct import prepared
from enigma.runtime.launch import Geometry
from enigma.runtime.program import Argument, Program
from enigma.trace.args import Kind
from enigma.trace.kernel import KernelDef
from enigma.trace.node import Param


@dataclass(frozen=True, slots=True)
class Operation:
    """A kernel with its values compiled in. `inputs` are what a call gives, in order; `outputs` are made anew, zero at first.

    `updated` are the inputs that the kernel updates in place; `constants` the values of its function constants.
    """

    program: Program
    constants: Mapping[Any, Any] | None
    inputs: tuple[Argument, ...]
    outputs: tuple[Param, ...]
    updated: frozenset[str]
    shapes: Any
    grid: Any
    threads: Any

    @property
    def name(self) -> str:
        """The kernel's name."""
        return self.program.name

    def output_shapes(self, inputs: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the shape of each output for these inputs; an extent may be a symbol of a compiler that asks.

        Raises `EnigmaValueError` for what `shapes` says that is no shape.
        """
        if not self.outputs:
            return []
        if self.shapes is None:
            first = next(x for x, argument in zip(inputs, self.inputs, strict=True) if not argument.is_scalar)
            return [tuple(first.shape)] * len(self.outputs)
        said = self.shapes(*inputs) if callable(self.shapes) else self.shapes
        names = [param.name for param in self.outputs]
        if isinstance(said, Mapping):
            found = cast("Mapping[str, Any]", said)
            if set(found) != set(names):
                raise EnigmaValueError(
                    f"shapes names {', '.join(found) or 'nothing'}, but the outputs of {self.name} are {', '.join(names)}",
                    help="give the shape of each output by name",
                )
            return [_shape(found[name], name) for name in names]
        if len(names) == 1:
            return [_shape(said, names[0])]
        several: Sequence[Any] = cast("Sequence[Any]", said) if isinstance(said, tuple | list) else (said,)
        if len(several) != len(names):
            raise EnigmaValueError(
                f"shapes has {len(several)} shapes, but {self.name} has {len(names)} outputs: {', '.join(names)}",
                help="give the shape of each, in order or by name",
            )
        return [_shape(shape, name) for shape, name in zip(several, names, strict=True)]

    def geometry(self, inputs: Sequence[Any], outputs: Sequence[Any], *, limit: int) -> Geometry | None:
        """Return the size of the launch for these inputs, or None where there is nothing to do: the grid has no threads.

        Raises `LaunchError` for what `grid` and `threads` say that is no size.
        """
        if self.grid is None:
            whole, dtype = self._followed(inputs, outputs)
            grid: Any = math.prod(whole.shape) // dtype.parts
        else:
            grid = self.grid(*inputs) if callable(self.grid) else self.grid
        parts = cast("Sequence[Any]", grid) if isinstance(grid, tuple | list) else (grid,)
        if any(type(part) is int and part == 0 for part in parts):
            return None
        return launch.geometry(grid, self.threads, limit=limit)

    def _followed(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> tuple[Any, Numeric]:
        """Return the array that has one thread for each element unless `grid` says otherwise."""
        if self.outputs:
            return outputs[0], self.outputs[0].dtype
        given = zip(inputs, self.inputs, strict=True)
        return next((x, argument.params[0].dtype) for x, argument in given if argument.name in self.updated)

    def arguments(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
        """Return inputs and outputs in the order of the kernel's slots."""
        given, made = iter(inputs), iter(outputs)
        names = {param.name for param in self.outputs}
        return [next(made) if argument.name in names else next(given) for argument in self.program.arguments]


def operation(
    kernel: Any, *, inout: Sequence[str], shapes: Any, grid: Any, threads: Any, constants: Mapping[Any, Any] | None
) -> Operation:  # fmt: skip
    """Return a kernel as a function of values; the parameters are those of `enigma.interop.torch.as_op`.

    Raises `EnigmaTypeError` and `EnigmaValueError` for what is no kernel, or none that can be one.
    """
    if not isinstance(kernel, KernelDef):
        raise EnigmaTypeError(
            f"as_op takes a kernel, but it got {kernel!r}", help="decorate the function with @enigma.kernel"
        )
    program, given = _compiled(kernel, constants)
    for argument in program.arguments:
        _check_kind(program, argument)
    names = [param.name for param in program.buffers]
    updated = _named(program, inout, names)
    outputs = tuple(p for p in program.buffers if p.slot in program.written and p.name not in updated)
    inputs = tuple(a for a in program.arguments if all(a.name != p.name for p in outputs))
    has_tensor = any(not argument.is_scalar for argument in inputs)
    if not outputs and not updated:
        raise EnigmaValueError(
            f"kernel {program.name} writes nothing, so it is no operation", help="write the result to a buffer"
        )
    if not has_tensor:
        raise EnigmaValueError(
            f"kernel {program.name} is given no array, only {', '.join(a.name for a in inputs) or 'nothing'}: an operation runs "
            "where its arrays are",
            help=f"name what it updates in place: inout=[{names[0]!r}]",
        )  # fmt: skip
    return Operation(program, given, inputs, outputs, updated, shapes, grid, threads)


def _compiled(kernel: KernelDef, constants: Mapping[Any, Any] | None) -> tuple[Program, Mapping[Any, Any] | None]:
    """Return the program of a kernel for these values, and those among them that are function constants."""
    stand_ins = {p.name: None for p in kernel.parameters if p.kind is not Kind.CONSTEXPR}
    program, _, given = prepared(kernel, (), stand_ins, constants)
    return program, given


def _check_kind(program: Program, argument: Argument) -> None:
    if argument.texture is not None or argument.struct is not None:
        what = "a texture" if argument.texture is not None else f"the struct {argument.type_name}"
        raise EnigmaTypeError(
            f"kernel {program.name} is no operation: its parameter {argument.name} is {what}", loc=argument.params[0].loc,
            help="take a buffer" if argument.texture is not None else "take its fields as Scalars",
        )  # fmt: skip


def _named(program: Program, inout: Any, names: Sequence[str]) -> frozenset[str]:
    """Return the parameters that `inout` names. Raises `EnigmaValueError` for what the kernel does not write."""
    if isinstance(inout, str) or not hasattr(inout, "__iter__"):
        raise EnigmaValueError(f"inout must be a list of names, but it is {inout!r}", help=f"write inout=[{inout!r}]")
    found = list(inout)
    written = [param.name for param in program.buffers if param.slot in program.written]
    for name in found:
        if name not in written:
            what = "does not write" if name in names else "does not have"
            raise EnigmaValueError(
                f"inout has {name!r}, which kernel {program.name} {what}",
                help=f"it writes: {', '.join(written) or 'nothing'}",
            )
    return frozenset(found)


def _shape(value: Any, name: str) -> tuple[Any, ...]:
    """Return a shape; its extents may be symbols that behave like ints."""
    if isinstance(value, tuple | list):
        extents = tuple(cast("Sequence[Any]", value))
    else:
        extents = (value,)
    for extent in extents:
        if isinstance(extent, bool | float | str) or not hasattr(extent, "__index__"):
            raise EnigmaValueError(
                f"the shape of {name} is {value!r}, which is no shape", help="a shape is an int or a tuple of ints"
            )
    return extents
