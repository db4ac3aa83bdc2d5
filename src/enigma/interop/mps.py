"""Kernels on PyTorch's MPS tensors, by `torch.mps.compile_shader`, and how it wants numbers: a text of Metal is all it is given."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np

from enigma.dtypes import BufferType, Numeric, Space
from enigma.errors import DeviceError, LaunchError
from enigma.interop.operation import Operation
from enigma.runtime import constants
from enigma.runtime.copies import Why, note
from enigma.runtime.launch import Geometry, check_extents, check_scalar, whole_simdgroups
from enigma.runtime.program import Program
from enigma.trace.node import Param

_CASTS = {
    "f16": "fp16", "bf16": "bf16", "i8": "int8", "u8": "uint8", "b1": "uint8", "i16": "int16", "u16": "int16", "i32": "int32",
    "u32": "int32",
}  # fmt: skip
"""`arg_casts` by dtype: a float is bound as float and an int in 64 bits without. Bits are all that counts, so that an unsigned
number goes as the signed one of the same bits."""

_CONSTANT_OFFSET = 256
_OFFSET = 4
"""What the offset of memory in a buffer must be a multiple of, in constant memory and in other memory."""


def cast_of(dtype: Numeric) -> str | None:
    """Return the entry of `arg_casts` for a number of this dtype, None where there is none.

    >>> from enigma.dtypes import f32, u16
    >>> cast_of(u16), cast_of(f32)
    ('int16', None)
    """
    return _CASTS.get(dtype.name)


def number(value: Any, dtype: Numeric) -> int | float:
    """Return a checked number as what `compile_shader`'s kernels bind with the bits that the dtype has.

    >>> from enigma.dtypes import u32, f16
    >>> number(0xFFFFFFFF, u32), number(0.1, f16)
    (-1, 0.0999755859375)
    """
    if dtype.is_float:
        with np.errstate(all="ignore"):
            return float(dtype.numpy.type(value))  # rounded once: from double to float to half would be twice
    whole = int(value)
    return (
        whole - (1 << dtype.width)
        if dtype.kind == "u" and whole >= 1 << (dtype.width - 1) and dtype.width > 8
        else whole
    )


def check_shader(program: Program) -> None:
    """Refuse a kernel that `compile_shader` would not run as it is meant. Raises `LaunchError`."""
    if program.sites:
        site = next(iter(program.sites.values()))
        raise LaunchError(
            f"kernel {program.name} prints or asserts, and torch.mps.compile_shader would drop what it says", loc=site.loc,
            help="take printf and assertions out, or run the kernel on CPU tensors",
        )  # fmt: skip
    if not program.metal.text.isascii():
        strange = next(letter for letter in program.metal.text if not letter.isascii())
        raise LaunchError(
            f"the Metal text of kernel {program.name} has the letter {strange!r}, and torch.mps.compile_shader takes ASCII only",
            help="name parameters and variables in ASCII",
        )


class Shader:
    """An operation's kernel, compiled by PyTorch when it is first run. Safe to use from several threads."""

    def __init__(self, made: Operation, torch: Any) -> None:
        self._made, self._torch, self._kernel = made, torch, None
        self._lock = Lock()

    def run(self, arguments: Sequence[Any], geometry: Geometry) -> None:
        """Check tensors and numbers in slot order, and run the kernel on PyTorch's stream.

        Raises `LaunchError` for what does not fit, and `DeviceError` for a text that does not compile.
        """
        with self._lock:
            kernel = self._kernel = self._compiled() if self._kernel is None else self._kernel
        most, count = int(kernel.max_threads_per_threadgroup), int(np.prod(geometry.threads))
        if count > most:
            raise LaunchError(
                f"threads is {geometry.threads}, {count} per threadgroup, but kernel {self._made.name} can have {most} on this GPU",
                help=f"use {most} threads per threadgroup or fewer; grid counts all threads",
            )
        whole_simdgroups(self._made.program, geometry)
        params = self._made.program.params
        bound = [self._bound(param, x) for param, x in zip(params, arguments, strict=True)]
        self._refuse_overlap(bound)
        casts = {k: cast for k, p in enumerate(params) if p.is_scalar and (cast := cast_of(p.dtype)) is not None}
        kernel(*bound, threads=list(geometry.grid), group_size=list(geometry.threads), arg_casts=casts)

    def _compiled(self) -> Any:
        compile_shader = getattr(self._torch.mps, "compile_shader", None)
        if compile_shader is None:
            raise DeviceError(
                f"PyTorch {self._torch.__version__} has no torch.mps.compile_shader", help="install torch 2.7 or later"
            )
        program = constants.specialised(self._made.program, self._made.constants)
        check_shader(program)
        try:
            return getattr(compile_shader(program.metal.text), program.metal.entry)
        except (RuntimeError, SyntaxError) as error:
            raise DeviceError(f"PyTorch did not compile kernel {program.name} for its GPU: {error}") from error

    def _bound(self, param: Param, x: Any) -> Any:
        """Return what the kernel is called with for one parameter."""
        if param.is_scalar:
            return number(check_scalar(x, param.dtype, param.name), param.dtype)
        count, parts = x.numel(), param.dtype.parts
        if not count or count % parts:
            raise LaunchError(
                f"{param.name} has {count} numbers, but an element, {param.dtype.name}, is {parts} of them, and one is needed",
                help="skip the call for empty tensors",
            )
        form = param.form
        if form is not None and form.extents is not None:
            check_extents(param.name, form.extents, count // parts, param.loc)
        if form is not None and form.extents is None and count // parts < form.layout.span():
            raise LaunchError(
                f"{param.name} has {count // parts} elements, but its layout {form.layout} reaches {form.layout.span()}",
                loc=param.loc, help="pass the whole tensor that the layout describes",
            )  # fmt: skip
        written = param.slot in self._made.program.written
        if x.is_contiguous():
            return self._aligned(param, x, written=written)
        if written:
            raise LaunchError(
                f"{param.name} is not contiguous (strides {x.stride()})",
                help="let the kernel update a contiguous tensor",
            )
        self._note(param, x, Why.STRIDED)
        return x.contiguous()  # in memory of its own, which starts where the GPU can read

    def _note(self, param: Param, x: Any, why: Why) -> None:
        note(self._made.name, param.name, "mps", x.numel() * x.element_size(), "in", why, is_tensor=True)

    def _aligned(self, param: Param, x: Any, *, written: bool) -> Any:
        """Return the tensor, or a copy of one that starts where the GPU cannot read."""
        is_constant = isinstance(param.value.type, BufferType) and param.value.type.space is Space.CONSTANT
        multiple = _CONSTANT_OFFSET if is_constant else max(_OFFSET, param.dtype.size)
        offset = x.storage_offset() * x.element_size()
        if not offset % multiple:
            return x
        if written:
            raise LaunchError(
                f"{param.name} starts {offset} bytes into its memory, but the kernel writes it at multiples of {multiple}",
                help=f"update a copy, then copy back: {param.name}.clone()",
            )
        self._note(param, x, Why.OFFSET)
        return x.clone()

    def _refuse_overlap(self, bound: Sequence[Any]) -> None:
        params = self._made.program.params
        spans = [
            (x.data_ptr(), x.data_ptr() + x.numel() * x.element_size(), param)
            for x, param in zip(bound, params, strict=True)
            if not param.is_scalar
        ]
        for k, (start, end, param) in enumerate(spans):
            for other_start, other_end, other in spans[:k]:
                writers = [p.name for p in (other, param) if p.slot in self._made.program.written]
                if writers and start < other_end and other_start < end:
                    raise LaunchError(
                        f"{other.name} and {param.name} share memory, and the kernel writes {writers[0]}",
                        help="pass separate tensors, or let the kernel read and write one parameter",
                    )
