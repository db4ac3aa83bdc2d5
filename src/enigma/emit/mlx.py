"""A kernel as `mx.fast.metal_kernel` of MLX wants it: the body of a function whose signature MLX writes itself.

MLX declares inputs as `const device T*` (`const constant T&` without axes), outputs as `device T*`, and those attributes whose
names it finds in the body, under these names and as `uint3` where they have axes. So the body begins with the kernel's own
declarations of what MLX gives another name or type, and no other name in it may contain one of those that MLX looks for.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.rewriter import Rewriter

from enigma.dialect.build import kernel_of
from enigma.dialect.names import place
from enigma.dialect.types import dtype_of, is_memory, space_of, to_mlir
from enigma.dtypes import BufferType, Space
from enigma.emit.base import Line, Names
from enigma.emit.mlx_text import MlxText
from enigma.emit.msl import MslKernel
from enigma.errors import EnigmaTypeError, InternalError

_AXES = {
    "dispatch quadgroups per threadgroup": 1, "dispatch simdgroups per threadgroup": 1, "dispatch threads per threadgroup": 3,
    "grid origin": 3, "grid size": 3, "quadgroup index in threadgroup": 1, "quadgroups per threadgroup": 1,
    "simdgroup index in threadgroup": 1, "simdgroups per threadgroup": 1, "thread execution width": 1,
    "thread index in quadgroup": 1, "thread index in simdgroup": 1, "thread index in threadgroup": 1, "thread position in grid": 3,
    "thread position in threadgroup": 3, "threadgroup position in grid": 3, "threadgroups per grid": 3, "threads per grid": 3,
    "threads per simdgroup": 1, "threads per threadgroup": 3,
}  # fmt: skip
"""What MLX looks for in a body, by the words of Metal's attributes, with the number of axes that it declares."""

_ATTRIBUTES = {words.replace(" ", "_"): axes for words, axes in _AXES.items()}
_SUFFIXES = ("_shape", "_strides", "_ndim")
"""What MLX declares for an input where the body has the input's name with this behind it."""


class _Names(Names):
    """Names that make MLX declare nothing more than what is used."""

    def fresh(self, wish: str, *, file_scope: bool = False) -> str:
        """Return a legal name that is free here and has nothing in it that MLX looks for, and take it."""
        for found in (*_ATTRIBUTES, *_SUFFIXES):
            wish = wish.replace(found, found.replace("_", ""))
        return super().fresh(wish, file_scope=file_scope)


def emit_mlx(module: ModuleOp) -> MlxText:
    """Return the text of a module's kernel for MLX. Raises `EnigmaTypeError` for a kernel that MLX's signature cannot have.

    The module must be one of its own: constant memory in it becomes device memory, as MLX has all but the smallest arrays.
    """
    function = kernel_of(module)
    for arg in function.body.block.args:
        if is_memory(arg.type) and space_of(arg.type) is Space.CONSTANT:
            Rewriter.replace_value_with_new_type(arg, to_mlir(BufferType(dtype_of(arg.type), Space.DEVICE)))
    kernel = MslKernel(function, _Names, packed=True)
    if kernel.fences.reach_device:
        raise EnigmaTypeError(
            f"threadgroups of kernel {kernel.entry} wait for what others wrote, and MLX declares no memory for that",
            loc=place(function), help="split it into several kernels",
        )  # fmt: skip
    body = kernel.write()
    inputs: list[str] = []
    outputs: list[str] = []
    declared: list[Line] = []
    for arg, local in kernel.parameters.items():
        given, line = _declared(kernel, arg, local)
        (outputs if arg in kernel.written else inputs).append(given)
        declared += line
    declared += _positions(kernel)
    shared = kernel.shared()
    gaps = [Line("")] if body else []
    lines = [*declared, *(gaps if declared else []), *shared, *(gaps if shared else []), *body]
    return MlxText(
        _text(kernel.file_scope()), _text([Line(line.text, max(line.depth, 1)) for line in lines]), tuple(inputs),
        tuple(outputs), kernel.version(),
    )  # fmt: skip


def _declared(kernel: MslKernel, arg: SSAValue, local: str) -> tuple[str, list[Line]]:
    """Return MLX's name of a parameter, and its declaration where that must be of another type."""
    dtype = dtype_of(arg.type)
    if not is_memory(arg.type) or (dtype.lanes == 1 and arg not in kernel.atomic):
        return local, []
    given = kernel.names.fresh(f"{local}_data")
    kind = f"device {'' if arg in kernel.written else 'const '}{kernel.element(arg)}*"
    return given, [Line(f"{kind} {local} = ({kind}){given};", 1)]


def _positions(kernel: MslKernel) -> list[Line]:
    """Return the declarations of positions and sizes under the kernel's names."""
    lines: list[Line] = []
    for position in kernel.positions.values():
        axes = _ATTRIBUTES.get(position.attribute)
        if axes is None:
            raise InternalError(f"MLX does not know the attribute {position.attribute}", loc=position.loc)
        part = f".{'xyz'[: position.axes]}" if axes > position.axes else ""
        kind = "uint" if position.axes == 1 else f"uint{position.axes}"
        lines.append(Line(f"{kind} {position.name} = {position.attribute}{part};", 1))
    return lines


def _text(lines: list[Line]) -> str:
    return "\n".join(("    " * line.depth + line.text).rstrip() for line in lines).rstrip("\n") + "\n"
