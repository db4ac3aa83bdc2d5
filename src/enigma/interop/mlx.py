"""Kernels as operations of MLX: `as_op`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from enigma.errors import DeviceError, EnigmaTypeError, EnigmaValueError, LaunchError
from enigma.interop.mlx_arrays import dtype_of, mx, number_of, to_mlx, value
from enigma.interop.mlx_metal import metal_kernel, mlx_text, prepared
from enigma.interop.operation import Operation, operation
from enigma.runtime import choose, constants, foreign
from enigma.runtime.base import Runtime
from enigma.runtime.launch import MAX_THREADS, Geometry, whole_simdgroups

if TYPE_CHECKING:
    from enigma.emit.mlx_text import MlxText

__all__ = ["MlxOp", "as_op", "to_mlx"]


class MlxOp:
    """A kernel as an operation of MLX; see `as_op`. It is called with arrays and numbers, and returns new arrays.

    `operation` is what it knows of the kernel.
    """

    def __init__(self, made: Operation, vjp: Callable[..., Any] | None, runtime: Runtime | None) -> None:
        self.operation, self._vjp, self._runtime = made, vjp, runtime

    def __repr__(self) -> str:
        given = ", ".join(argument.name for argument in self.operation.inputs)
        return (
            f"<operation of MLX {self.operation.name}({given}) -> {', '.join(p.name for p in self.operation.outputs)}>"
        )

    @cached_property
    def text(self) -> MlxText:
        """What `mx.fast.metal_kernel` is given for the kernel. Raises `EnigmaTypeError` for one that MLX cannot have."""
        return mlx_text(constants.specialised(self.operation.program, self.operation.constants))

    @cached_property
    def _kernel(self) -> Any:
        return metal_kernel(self.operation.program, self.text)

    def __call__(self, *args: Any, stream: Any = None, **named: Any) -> Any:
        """Run it on arrays and numbers, on `stream` or MLX's default device; returns its output, or a tuple of several.

        Raises `LaunchError` and `EnigmaTypeError` for what does not fit the kernel.
        """
        made = self.operation
        given = _in_order(made, args, named)
        values = [value(made, argument, x) for argument, x in zip(made.inputs, given, strict=True)]
        shapes = made.output_shapes(given)
        on_gpu = _is_gpu(stream)
        rt = choose.beside_others() if self._runtime is None else self._runtime
        limit = MAX_THREADS if on_gpu else rt.max_threads
        geometry = made.geometry(given, [_Shaped(shape) for shape in shapes], limit=limit)

        def run(*inputs: Any) -> Any:
            if geometry is None or _are_empty(made, shapes):
                found = [mx.zeros(shape, dtype=dtype_of(p)) for shape, p in zip(shapes, made.outputs, strict=True)]
            elif on_gpu:
                found = self._on_gpu(inputs, shapes, geometry, stream)
            else:
                found = _on_cpu(made, rt, inputs, shapes, geometry)
            return found[0] if len(found) == 1 else found

        if (
            on_gpu and self._vjp is None
        ):  # MLX itself refuses a gradient, and can export what has no function of Python in it
            found = run(*values)
        else:
            custom = mx.custom_function(run)
            custom.vjp(self._backward)
            custom.jvp(self._forward)
            found = custom(*values)
        return found if len(made.outputs) == 1 else tuple(found)

    def vmap(self, in_axes: Any = 0) -> Callable[..., Any]:
        """Return the operation mapped over an axis of its inputs: a function that calls it for each element and stacks the results.

        `in_axes` is the axis of every input that has axes to map over, or one entry for each input, None for what is the same for
        all. Results have the batch first. It works on every device and within `mx.compile` where the operation does; `mx.vmap`
        itself has no rule for kernels.

        Raises `EnigmaValueError` for axes that do not fit the inputs.
        """
        made = self.operation

        def mapped(*args: Any, stream: Any = None, **named: Any) -> Any:
            given = _in_order(made, args, named)
            axes = _axes(made, given, in_axes)
            counts = {x.shape[axis] for x, axis in zip(given, axes, strict=True) if axis is not None}
            if len(counts) != 1 or 0 in counts:
                raise EnigmaValueError(
                    f"the operation {made.name} is mapped over {', '.join(map(str, sorted(counts))) or 'no'} elements",
                    help="let in_axes name an axis of the same length, at least 1, of each input that is mapped",
                )
            rows: list[Any] = [
                self(
                    *(x if a is None else mx.take(x, k, axis=a) for x, a in zip(given, axes, strict=True)),
                    stream=stream,
                )
                for k in range(counts.pop())
            ]
            if len(made.outputs) == 1:
                return mx.stack(rows)
            return tuple(mx.stack(list(column)) for column in zip(*rows, strict=True))

        return mapped

    def _on_gpu(self, inputs: Sequence[Any], shapes: Sequence[Any], geometry: Geometry, stream: Any) -> Any:
        whole_simdgroups(self.operation.program, geometry)
        given = [
            x if argument.is_scalar else prepared(argument.params[0], x)
            for argument, x in zip(self.operation.inputs, inputs, strict=True)
        ]
        return self._kernel(
            inputs=given, output_shapes=[list(shape) for shape in shapes],
            output_dtypes=[dtype_of(p) for p in self.operation.outputs],
            grid=geometry.grid, threadgroup=geometry.threads, init_value=0, stream=stream,
        )  # fmt: skip

    # ---- derivatives

    def _backward(self, primals: Any, cotangents: Any, outputs: Any) -> Any:
        made = self.operation
        if self._vjp is None:
            raise EnigmaTypeError(
                f"the operation {made.name} has no gradient: it was made without a vjp",
                help="give one, as_op(kernel, vjp=lambda inputs, cotangents, outputs: ...), or pass mx.stop_gradient(x)",
            )
        inputs = _tuple(primals)
        found = self._vjp(inputs, _tuple(cotangents), _tuple(outputs))
        several = isinstance(found, tuple | list)
        gradients: list[Any] = list(cast("Sequence[Any]", found)) if several else [found]
        if len(gradients) != len(inputs):
            raise EnigmaValueError(
                f"the vjp of {made.name} returned {len(gradients)} gradients, but the operation has {len(inputs)} inputs: "
                f"{', '.join(a.name for a in made.inputs)}",
                help="return one for each, None where there is none",
            )
        whole = [mx.zeros_like(x) if g is None else g for g, x in zip(gradients, inputs, strict=True)]
        return whole[0] if len(whole) == 1 else tuple(whole)

    def _forward(self, primals: Any, tangents: Any) -> Any:
        raise EnigmaTypeError(
            f"the operation {self.operation.name} has no rule for mx.jvp",
            help="use mx.vjp, with as_op(kernel, vjp=...)",
        )


def as_op(
    kernel: Any, *, grid: Any = None, threads: Any = None, shapes: Any = None, constants: Mapping[Any, Any] | None = None,
    vjp: Callable[..., Any] | None = None, runtime: Runtime | None = None,
) -> MlxOp:  # fmt: skip
    """Return a kernel as an operation of MLX, for its graphs and gradients.

    It is called with the kernel's parameters in order, or by name, without those that the kernel writes: they are the outputs, new
    arrays, zero at first. Numbers may be Python's, or arrays without axes.

    On a GPU with Metal it is `mx.fast.metal_kernel` of the kernel's text: nothing runs before MLX evaluates it, and it may be part
    of what `mx.compile` compiles. On a CPU stream it runs at once, on `runtime` (the CPU's, or the simulator under
    ENIGMA_DEVICE=sim): inputs are evaluated and used where they are, outputs are written where they stay. There `mx.compile` has no
    numbers to give it, and an error says so.

    - `shapes` is the shape of the output, a list of them or a dict for several, or a function of the inputs that returns it;
      without it outputs have the shape of the first array.
    - `grid` is the number of threads per axis, or a function of the inputs; without it there is one for each element of the first
      output. With no threads in it nothing is run.
    - `threads` is the size of a threadgroup, chosen without it.
    - `constants` are the values of `constexpr` parameters and function constants.
    - `vjp(inputs, cotangents, outputs)` returns the gradient of each input, None where there is none; each of the three is a tuple.
      Without it a gradient through the operation is an error.

    Raises `EnigmaTypeError` and `EnigmaValueError` for a kernel with textures or structs, and for options that do not fit it.

        saxpy = enigma.interop.mlx.as_op(kernel)
        y = saxpy(x, y, 2.0)
    """
    return MlxOp(
        operation(kernel, inout=(), shapes=shapes, grid=grid, threads=threads, constants=constants), vjp, runtime
    )


# ---- the CPU


def _on_cpu(
    made: Operation, rt: Runtime, inputs: Sequence[Any], shapes: Sequence[Any], geometry: Geometry
) -> list[Any]:
    """Run a kernel at once, on memory of MLX's arrays."""
    given = [
        number_of(argument, x) if argument.is_scalar else foreign.as_array(x, argument.name, argument.params[0].dtype)
        for argument, x in zip(made.inputs, inputs, strict=True)
    ]
    made_here = [foreign.new_mlx(shape, p.dtype) for shape, p in zip(shapes, made.outputs, strict=True)]
    written = [memory for _, memory in made_here]
    rt.run(made.program, made.arguments(given, written), geometry.grid, geometry.threads, made.constants)
    return [x for x, _ in made_here]


# ---- arguments


def _are_empty(made: Operation, shapes: Sequence[Any]) -> bool:
    """Return whether no output has an element. Raises `LaunchError` where only some of them have none: a kernel needs memory."""
    empty = [param.name for param, shape in zip(made.outputs, shapes, strict=True) if not math.prod(shape)]
    if empty and len(empty) < len(shapes):
        raise LaunchError(
            f"{empty[0]} of the operation {made.name} has a shape without elements, but other outputs have some",
            help="give each output at least one element",
        )
    return bool(empty)


class _Shaped:
    """What the size of a launch is taken from: something with a shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape


def _is_gpu(stream: Any) -> bool:
    """Return whether a stream, a device, or MLX's default one is a GPU. Raises `DeviceError` for one without Metal."""
    chosen = mx.default_device() if stream is None else getattr(stream, "device", stream)
    if getattr(chosen, "type", chosen) != mx.gpu:
        return False
    if not mx.metal.is_available():
        raise DeviceError("MLX's GPU has no Metal here", help="run the operation on the CPU: op(x, stream=mx.cpu)")
    return True


def _in_order(made: Operation, args: tuple[Any, ...], named: Mapping[str, Any]) -> list[Any]:
    names = [argument.name for argument in made.inputs]
    given = dict(zip(names, args, strict=False))
    wrong = [name for name in named if name not in names or name in given]
    if len(args) > len(names) or wrong or len(args) + len(named) < len(names):
        raise EnigmaTypeError(
            f"the operation {made.name} takes {', '.join(names)}, but it got {len(args)} arguments"
            + (f" and {', '.join(named)} by name" if named else ""),
            help="outputs are no arguments: they are returned",
        )
    return [{**given, **named}[name] for name in names]


def _axes(made: Operation, given: Sequence[Any], in_axes: Any) -> list[int | None]:
    if isinstance(in_axes, tuple | list):
        axes: list[Any] = list(cast("Sequence[Any]", in_axes))
    else:
        axes = [
            None if argument.is_scalar and not getattr(x, "ndim", 0) else in_axes
            for argument, x in zip(made.inputs, given, strict=True)
        ]
    fits = len(axes) == len(given) and all(
        axis is None or (isinstance(axis, int) and -getattr(x, "ndim", 0) <= axis < getattr(x, "ndim", 0))
        for axis, x in zip(axes, given, strict=False)
    )
    if not fits:
        raise EnigmaValueError(
            f"in_axes of the operation {made.name} is {in_axes!r}", help="give an axis, or one or None for each input"
        )
    return axes


def _tuple(x: Any) -> tuple[Any, ...]:
    return tuple(cast("Sequence[Any]", x)) if isinstance(x, tuple | list) else (x,)
