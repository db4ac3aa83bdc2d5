"""Kernels as `mx.fast.metal_kernel` of MLX takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from enigma.emit.mlx_text import SMALLEST
from enigma.errors import EnigmaTypeError, LaunchError
from enigma.interop.mlx_arrays import mx
from enigma.runtime.launch import check_extents
from enigma.runtime.program import Program
from enigma.spec.terms import Precision
from enigma.trace.node import Param

if TYPE_CHECKING:
    from enigma.emit.mlx_text import MlxText


def mlx_text(program: Program) -> MlxText:
    """Return a kernel without function constants as `mx.fast.metal_kernel` takes it.

    Raises `EnigmaTypeError` for one that prints or asserts, for MLX reads no log, and for what its signature cannot have.
    """
    from enigma.emit.mlx import emit_mlx  # xDSL is heavy

    for site in program.sites.values():
        raise EnigmaTypeError(
            f"kernel {program.name} prints or asserts, and MLX would drop what it says", loc=site.loc,
            help="take printf and assertions out, or run the kernel on a CPU stream: op(x, stream=mx.cpu)",
        )  # fmt: skip
    return emit_mlx(program.lower(None))


def metal_kernel(program: Program, text: MlxText) -> Any:
    """Return the function that `mx.fast.metal_kernel` makes of a kernel's text."""
    options: dict[str, Any] = {}
    if program.traced.math is Precision.FAST:
        options["compile_options"] = {"math_mode": "fast"}
    return mx.fast.metal_kernel(
        name=text.unique(program.name), input_names=list(text.inputs), output_names=list(text.outputs), source=text.source,
        header=text.header, **options,
    )  # fmt: skip


def prepared(param: Param, x: Any) -> Any:
    """Return an array as the text takes it: with axes, elements enough for device memory, checked against the parameter."""
    parts = param.dtype.parts
    if not x.size or x.size % parts:
        raise LaunchError(
            f"{param.name} has {x.size} numbers, but an element, {param.dtype.name}, is {parts} of them, and one is needed",
            help="skip the call for empty arrays",
        )
    form = param.form
    if form is not None and form.extents is not None:
        check_extents(param.name, form.extents, x.size // parts, param.loc)
    if form is not None and form.extents is None and x.size // parts < form.layout.span():
        raise LaunchError(
            f"{param.name} has {x.size // parts} elements, but its layout {form.layout} reaches {form.layout.span()}",
            loc=param.loc, help="pass the whole array that the layout describes",
        )  # fmt: skip
    if x.size < SMALLEST:
        return mx.concatenate([x.reshape((-1,)), mx.zeros((SMALLEST,), dtype=x.dtype)])
    return x
