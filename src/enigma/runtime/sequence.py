"""The launches of a compiled `@enigma.jit` function, run one after another on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from enigma.errors import LaunchError
from enigma.runtime.arrays import Array
from enigma.runtime.base import OutputForm, check_inputs, numpy_dtype, zeros
from enigma.runtime.binding import memory_of
from enigma.runtime.foreign import is_mlx
from enigma.runtime.jit import Recorded
from enigma.trace.tensor import Tensor


@dataclass(slots=True)
class CompiledJit:
    """A compiled `@enigma.jit` function of several launches. `launches` are they, each with its `grid` and `block`.

    It is run as a compiled kernel is: its slots are the tensors that the function was given, then those that it returns
    besides. What it makes for itself is made anew at every run, and arrays that it knows otherwise, such as global ones, are
    used as they are then; numbers are those that it was compiled for.

        compiled = enigma.compile(function, A, B)
        out = enigma.runtime().execute(compiled, [a, b], n * 4)
    """

    kernel_name: str
    launches: tuple[Any, ...]
    recorded: Recorded

    def __repr__(self) -> str:
        return f"<compiled jit {self.kernel_name}: {', '.join(x.kernel_name for x in self.launches)}>"

    @property
    def metal_source(self) -> str:
        """The Metal of all launches, one text after another, to be read; each launch has its own to be compiled."""
        return "\n".join(
            f"// launch {number}: grid {x.grid}, threadgroups of {x.block}\n{x.metal_source}"
            for number, x in enumerate(self.launches, 1)
        )

    @property
    def kernel_source(self) -> str:
        """The Metal source; another name of `metal_source`."""
        return self.metal_source

    @property
    def mlir_source(self) -> str:
        """The MLIR of all launches, one module after another."""
        return "\n".join(x.mlir_source for x in self.launches)

    @property
    def param_names(self) -> list[str]:
        """The tensors in slot order."""
        return [tensor.name or "tensor" for tensor in self._slots().values()]

    @property
    def num_params(self) -> int:
        """How many slots there are."""
        return len(self._slots())

    def _slots(self) -> dict[Any, Tensor]:
        tensors = [tensor.memory for tensor in (*self.recorded.given, *self.recorded.returned)]
        if all(tensor.buffer_index is not None for tensor in tensors):
            tensors.sort(key=lambda tensor: tensor.buffer_index or 0)
        found: dict[Any, Tensor] = {}
        for tensor in tensors:
            found.setdefault(memory_of(tensor), tensor)
        return found

    def execute_on(
        self, runtime: Any, inputs: Sequence[Any], sizes: Sequence[int] | None, shapes: Sequence[Any] | None,
        dtypes: Sequence[Any] | None, inout: Sequence[Any],
    ) -> list[Array]:  # fmt: skip
        """Run all launches in order and return the outputs: what comes behind the inputs in slot order."""
        check_inputs(inputs)
        slots = self._slots()
        arrays: dict[Any, Any] = dict(zip(slots, inputs, strict=False))
        left = list(slots.items())[len(inputs) :]
        forms = [(None, None, size) for size in sizes or ()]
        if shapes is not None:
            forms = [(shape, dtype, None) for shape, dtype in zip(shapes, dtypes or (), strict=False)]
        if len(inputs) + len(forms) != len(slots):
            raise LaunchError(
                f"{self.kernel_name} has {len(slots)} slots ({', '.join(self.param_names)}), but it got {len(inputs)} inputs and "
                f"{len(forms)} outputs", help="inputs come in slot order, the others are outputs",
            )  # fmt: skip
        self._check_inout(list(slots.items())[: len(inputs)], inout)
        outputs: list[Array] = []
        for (memory, tensor), form in zip(left, forms, strict=True):
            arrays[memory] = zeros(runtime, _form(tensor, *form))
            outputs.append(arrays[memory])
        own = {memory_of(tensor) for tensor in self.recorded.own}
        for launch, compiled in zip(self.recorded.launches, self.launches, strict=True):
            arguments = [self._argument(x, arrays, own) for x in launch.bound.arguments]
            runtime.run(compiled.program, arguments, launch.grid, launch.block)
        return outputs

    def _check_inout(self, given: Sequence[tuple[Any, Tensor]], inout: Sequence[Any]) -> None:
        """Refuse names of no input, and inputs that a launch writes without being named, as for a single kernel."""
        named: set[Any] = set()
        for entry in inout:
            found = [memory for number, (memory, x) in enumerate(given) if entry in (number, x.name)]
            if not found:
                known = ", ".join(x.name or "tensor" for _, x in given) or "none"
                raise LaunchError(f"inout has {entry!r}, but the inputs of {self.kernel_name} are: {known}")
            named.update(found)
        written = {
            memory_of(x)
            for launch, compiled in zip(self.recorded.launches, self.launches, strict=True)
            for slot, x in enumerate(launch.bound.arguments)
            if slot in compiled.program.written and isinstance(x, Tensor)
        }
        for memory, x in given:
            if memory in written and memory not in named:
                raise LaunchError(
                    f"{self.kernel_name} writes its input {x.name}, and the array would not change",
                    help=f"pass inout=[{x.name!r}] to update the array in place, or make it an output",
                )

    def _argument(self, x: Any, arrays: dict[Any, Any], own: set[Any]) -> Any:
        """Return the array of a tensor: of the caller, one that the function makes for itself, or one that it knows."""
        if not isinstance(x, Tensor):
            return x
        memory, held = memory_of(x), x.memory.array
        if memory in arrays:
            return arrays[memory]
        if held is None:
            raise LaunchError(
                f"{x.name} is used by a launch, but the function neither was given it nor made it",
                help="pass it to the function, or make it with enigma.empty(shape, dtype)",
            )
        if memory in own:
            arrays[memory] = np.zeros_like(held)
            return arrays[memory]
        for tensor in (*self.recorded.given, *self.recorded.own):
            array = tensor.memory.array
            if array is not None and np.may_share_memory(array, held):
                raise LaunchError(
                    f"{x.name} is a part of the array {tensor.name}, which is another one whenever this is run",
                    help="take a part of the tensor instead: enigma.from_array(whole.array, layout)[None, i]",
                )
        return held


def _form(tensor: Tensor, shape: Any, dtype: Any, size: Any) -> OutputForm:
    """Return the form of an output, by its shape and dtype or by its bytes."""
    if shape is not None:
        return OutputForm(shape, numpy_dtype(dtype), is_mlx(dtype))
    own = tensor.dtype
    if not isinstance(size, int | np.integer) or size <= 0 or size % own.size:
        raise LaunchError(
            f"the output {tensor.name} cannot have {size!r} bytes: its elements, {own.name}, have {own.size}",
            help="sizes count bytes: elements times the size of one",
        )
    return OutputForm(size // own.element.size, own.numpy)
