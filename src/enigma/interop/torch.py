"""Kernels as operations of PyTorch: `as_op`."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from enigma.dtypes import Numeric
from enigma.errors import EnigmaTypeError, EnigmaValueError, LaunchError
from enigma.interop import mps
from enigma.interop.digest import Named, digest
from enigma.interop.operation import Operation, operation
from enigma.runtime import choose
from enigma.runtime.base import Runtime
from enigma.runtime.launch import MAX_THREADS
from enigma.runtime.program import Argument

try:
    torch: Any = importlib.import_module("torch")  # untyped: where enigma is checked, it need not be installed
except ModuleNotFoundError as missing:
    if missing.name != "torch":
        raise
    raise ImportError("enigma.interop.torch needs PyTorch: pip install 'enigma[interop]'") from None

_NAMESPACE = "enigma"
_names: set[str] = set()
_lock = threading.Lock()


class TorchOp(Named):
    """A kernel as an operation of PyTorch; see `as_op`. It is called with tensors and numbers.

    `name` is that of the registered operation, `overload` the operation itself, as `torch.library.opcheck` takes it, `operation`
    what it knows of the kernel.
    """

    def __init__(self, made: Operation, name: str, overload: Any) -> None:
        self.name, self.overload, self.operation = name, overload, made

    def __repr__(self) -> str:
        return f"<operation of PyTorch {self.overload._schema}>"

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Run it on tensors and numbers; returns its output, a tuple of several, or None where it only updates in place."""
        if self.operation.updated and torch.is_grad_enabled():
            self._refuse_grad((*args, *named.values()))
        return self.overload(*args, **named)

    def _refuse_grad(self, given: tuple[Any, ...]) -> None:
        for x in given:
            if isinstance(x, torch.Tensor) and x.requires_grad:
                raise LaunchError(
                    f"{self.name} updates {', '.join(sorted(self.operation.updated))} in place, which autograd cannot follow, but "
                    "it is given a tensor that requires grad",
                    help="call it under torch.no_grad(), pass x.detach(), or let the kernel write an output and give vjp=",
                )


def as_op(
    kernel: Any, *, grid: Any = None, threads: Any = None, shapes: Any = None, inout: Sequence[str] = (),
    constants: Mapping[Any, Any] | None = None, vjp: Callable[..., Any] | None = None, name: str | None = None,
    runtime: Runtime | None = None,
) -> TorchOp:  # fmt: skip
    """Return a kernel as an operation of PyTorch, for `torch.compile` and autograd to know.

    It is called with the kernel's parameters in order, without those that the kernel writes: they are the outputs, made
    anew, zero at first. CPU tensors are used where they are, on `runtime` (the CPU's, or the simulator under ENIGMA_DEVICE=sim);
    MPS tensors on the GPU, by `torch.mps.compile_shader`. Inputs that are not contiguous are copied.

    - `shapes` is the shape of the output, a list of them or a dict for several, or a function of the inputs that returns it;
      without it outputs have the shape of the first tensor. It must not look at the numbers in tensors.
    - `grid` is the number of threads per axis, or a function of the inputs; without it there is one for each element of the first
      output (of what is updated, without outputs). With no threads in it nothing is run.
    - `threads` is the size of a threadgroup, chosen without it.
    - `inout` names parameters that the kernel updates in place: they are inputs, not outputs.
    - `constants` are the values of `constexpr` parameters and function constants.
    - `vjp(inputs, cotangents, outputs)` returns the gradient of each input, None where there is none; each of the three is a tuple.
      Without it a backward pass through the operation is an error.
    - `name` is the operation's, `"enigma::saxpy"`. Without it that of the kernel is made unique; by a digest where there is a `vjp`
      or `shapes`, or an output of another dtype, for `torch.compile` keeps what it made of them on disk, by this name.

    Raises `EnigmaTypeError` and `EnigmaValueError` for a kernel with textures or structs, and for options that do not fit it.

        saxpy = enigma.interop.torch.as_op(kernel)
        y = torch.compile(lambda x, y: saxpy(x, y, 2.0).sum())(x, y)
    """
    made = operation(kernel, inout=inout, shapes=shapes, grid=grid, threads=threads, constants=constants)
    if vjp is not None and made.updated:
        raise EnigmaValueError(
            f"kernel {made.name} updates {', '.join(sorted(made.updated))} in place, so there is no vjp: PyTorch has none for such "
            "operations",
            help="let the kernel write an output",
        )  # fmt: skip
    qualified = _unique(_own_name(made, vjp)) if name is None else _claimed(name)
    custom = torch.library.custom_op(
        qualified, on_cpu(made, runtime), mutates_args=sorted(made.updated), device_types="cpu", schema=_schema(made)
    )
    custom.register_kernel("mps")(on_mps(made))
    custom.register_fake(_fake(made))
    custom.register_vmap(_vmap(made, custom))
    if vjp is not None:
        custom.register_autograd(_backward(made, vjp), setup_context=_save)
    return TorchOp(made, qualified, custom._opoverload)


# ---- names and schema


def _own_name(made: Operation, vjp: Any) -> str:
    """Return a name that is another one wherever `torch.compile` would make something else of the operation."""
    first = next(a.params[0].dtype.element for a in made.inputs if not a.is_scalar)
    dtypes = [param.dtype.element for param in made.outputs]
    if vjp is None and made.shapes is None and all(dtype is first for dtype in dtypes):
        return made.name
    return f"{made.name}_{digest(vjp, made.shapes, dtypes)}"


def _unique(name: str) -> str:
    with _lock:
        found, number = f"{_NAMESPACE}::{name}", 2
        while found in _names or _exists(found):
            found, number = f"{_NAMESPACE}::{name}_{number}", number + 1
        _names.add(found)
        return found


def _claimed(name: Any) -> str:
    qualified = name if isinstance(name, str) and "::" in name else f"{_NAMESPACE}::{name}"
    parts = qualified.split("::")
    if not isinstance(name, str) or len(parts) != 2 or not all(part.isidentifier() for part in parts):
        raise EnigmaValueError(f"{name!r} is no name of an operation", help='write "enigma::saxpy" or "saxpy"')
    with _lock:
        if qualified in _names or _exists(qualified):
            raise EnigmaValueError(
                f"there is an operation {qualified} already", help="choose another name, or leave it out"
            )
        _names.add(qualified)
    return qualified


def _exists(qualified: str) -> bool:
    namespace, name = qualified.split("::")
    return hasattr(getattr(torch.ops, namespace), name)


def _schema(made: Operation) -> str:
    """Return the operation's signature in PyTorch's words: `(Tensor A, float alpha) -> Tensor`."""
    aliases = (f"Tensor({letter}!)" for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    parts = [f"{next(aliases) if a.name in made.updated else _kind(a)} {a.name}" for a in made.inputs]
    results = ["Tensor"] * len(made.outputs)
    return f"({', '.join(parts)}) -> {results[0] if len(results) == 1 else '(' + ', '.join(results) + ')'}"


def _kind(argument: Argument) -> str:
    if not argument.is_scalar:
        return "Tensor"
    dtype = argument.params[0].dtype
    return "float" if dtype.is_float else "bool" if dtype.kind == "b" else "SymInt"


# ---- what the operation does


def on_cpu(made: Operation, runtime: Runtime | None) -> Callable[..., Any]:
    """Return the implementation for CPU tensors."""

    def run(*inputs: Any) -> Any:
        rt = choose.beside_others() if runtime is None else runtime
        check_tensors(made, inputs)
        outputs = _outputs(made, inputs, torch.zeros)
        geometry = made.geometry(inputs, outputs, limit=rt.max_threads)
        if geometry is not None:
            rt.run(made.program, made.arguments(inputs, outputs), geometry.grid, geometry.threads, made.constants)
        return _result(outputs)

    return run


def on_mps(made: Operation) -> Callable[..., Any]:
    """Return the implementation for MPS tensors."""
    shader = mps.Shader(made, torch)

    def run(*inputs: Any) -> Any:
        check_tensors(made, inputs)
        outputs = _outputs(made, inputs, torch.zeros)
        geometry = made.geometry(inputs, outputs, limit=MAX_THREADS)
        if geometry is not None:
            shader.run(made.arguments(inputs, outputs), geometry)
        return _result(outputs)

    return run


def _fake(made: Operation) -> Callable[..., Any]:
    """Return what gives outputs without numbers, for a compiler that asks for their shapes."""

    def empty(*inputs: Any) -> Any:
        check_tensors(made, inputs)
        return _result(_outputs(made, inputs, torch.empty))

    return empty


def _outputs(made: Operation, inputs: Sequence[Any], make: Callable[..., Any]) -> list[Any]:
    device = next(x.device for x in inputs if isinstance(x, torch.Tensor))
    shapes = made.output_shapes(inputs)
    return [
        make(shape, dtype=torch_dtype(param.dtype), device=device)
        for shape, param in zip(shapes, made.outputs, strict=True)
    ]


def _result(outputs: list[Any]) -> Any:
    return outputs[0] if len(outputs) == 1 else tuple(outputs) or None


def torch_dtype(dtype: Numeric) -> Any:
    """Return PyTorch's dtype of the numbers that an element consists of."""
    return getattr(torch, dtype.element.numpy_name)


def check_tensors(made: Operation, inputs: Sequence[Any]) -> None:
    """Refuse tensors of another dtype than the kernel's, and of several devices. Raises `EnigmaTypeError`, `LaunchError`."""
    device: Any = None
    for argument, x in zip(made.inputs, inputs, strict=True):
        if argument.is_scalar:
            continue
        wanted = torch_dtype(argument.params[0].dtype)
        if x.dtype is not wanted:
            raise EnigmaTypeError(
                f"{argument.name} of the operation {made.name} is a tensor of {x.dtype}, but the kernel's parameter is "
                f"{argument.params[0].dtype.name}", loc=argument.params[0].loc, help=f"convert it: {argument.name}.to({wanted})",
            )  # fmt: skip
        if device is not None and x.device != device:
            raise LaunchError(
                f"{argument.name} of the operation {made.name} is on {x.device}, but the tensors before it are on {device}",
                help="bring them to one device: x.to(device)",
            )
        device = x.device


def _vmap(made: Operation, custom: Any) -> Callable[..., Any]:
    """Return the rule for `torch.vmap`: one call for each element of the batch."""

    def rule(info: Any, in_dims: Any, *inputs: Any) -> Any:
        if made.updated:
            raise LaunchError(
                f"the operation {made.name} updates {', '.join(sorted(made.updated))} in place, which torch.vmap has no rule for",
                help="call it in a loop, or let the kernel write an output",
            )
        if not info.batch_size:
            raise LaunchError(f"the operation {made.name} is mapped over a batch of no elements", help="skip the call")
        rows = [
            custom(*(x if axis is None else x.select(axis, k) for x, axis in zip(inputs, in_dims, strict=True)))
            for k in range(info.batch_size)
        ]
        if len(made.outputs) == 1:
            return torch.stack(rows), 0
        return tuple(torch.stack(column) for column in zip(*rows, strict=True)), (0,) * len(made.outputs)

    return rule


# ---- autograd


def _save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    """Keep what the vjp is given: tensors where autograd watches them, numbers as they are."""
    outputs: tuple[Any, ...] = cast("tuple[Any, ...]", output) if isinstance(output, tuple) else (output,)
    ctx.save_for_backward(*(x for x in inputs if isinstance(x, torch.Tensor)), *outputs)
    ctx.others = tuple(None if isinstance(x, torch.Tensor) else x for x in inputs)
    ctx.is_tensor = tuple(isinstance(x, torch.Tensor) for x in inputs)


def _backward(made: Operation, vjp: Callable[..., Any]) -> Callable[..., Any]:
    """Return the backward function that asks the user's vjp."""

    def backward(ctx: Any, *cotangents: Any) -> Any:
        saved = iter(ctx.saved_tensors)
        inputs = tuple(next(saved) if is_one else x for is_one, x in zip(ctx.is_tensor, ctx.others, strict=True))
        found = vjp(inputs, cotangents, tuple(saved))
        several = isinstance(found, tuple | list)
        gradients: tuple[Any, ...] = tuple(cast("tuple[Any, ...]", found)) if several else (found,)
        if len(gradients) != len(inputs):
            raise EnigmaValueError(
                f"the vjp of {made.name} returned {len(gradients)} gradients, but the operation has {len(inputs)} inputs: "
                f"{', '.join(a.name for a in made.inputs)}",
                help="return one for each, None where there is none",
            )
        return gradients

    return backward
