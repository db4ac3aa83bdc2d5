"""A stand-in for `torch.mps.compile_shader`: it accepts what the real one does, checks what is bound, and runs on the CPU.

Tensors of the CPU stand for those of MPS. What the real one does, from PyTorch's sources: a text is ASCII; kernels are attributes;
a kernel takes tensors, ints, floats and lists of ints or floats by position, `threads` and `group_size` of one to three extents,
`arg_casts` by position; an int is bound as 64 bits and a float as 32 unless a cast says otherwise; `threads` None is the number
of elements of the first tensor.
"""

from __future__ import annotations

import struct
from typing import Any

import ml_dtypes
import numpy as np

from enigma.runtime import cpu, pytorch
from enigma.runtime.launch import Geometry
from tests.device.fake_metal.libraries import Argument, signature
from tests.device.fake_metal.running import program_of
from tests.msl.clang import clang_available, run_mode, skipped_modes
from tests.msl.lints import run_lints
from tests.msl.tokens import parse

CASTS = {
    "fp16": lambda x: np.float16(x).tobytes(), "bf16": lambda x: np.array(x, ml_dtypes.bfloat16).tobytes(),
    "int32": lambda x: struct.pack("<q", int(x))[:4], "int16": lambda x: struct.pack("<q", int(x))[:2],
    "int8": lambda x: struct.pack("<q", int(x))[:1], "uint8": lambda x: struct.pack("<q", int(x))[:1],
}  # fmt: skip
MOST_BYTES = 4096


class Library:
    """What `compile_shader` returns."""

    def __init__(self, source: str, language: tuple[int, int], *, check: bool) -> None:
        if not isinstance(source, str):
            raise TypeError(f"compile_shader takes a str, not {type(source)}")
        if not source.isascii():
            raise RuntimeError("the text is no ASCII: NSString is nil")
        found = run_lints(source, msl_version=language)
        if check and clang_available():
            for mode in ("A", "B"):
                if mode not in skipped_modes(source):
                    number = language[0] * 100 + language[1] * 10
                    found += run_mode(mode, source, metal_version=number, warnings=False)
        if found:
            raise SyntaxError(f"program_source: {found[0].message}")
        self._source = source

    def __dir__(self) -> list[str]:
        return [one.name.text for one in parse(self._source).functions if one.is_kernel]

    def __getattr__(self, name: str) -> Kernel:
        if name.startswith("__") or signature(self._source, name) is None:
            raise RuntimeError(f"Failed to create function state object for: {name}")
        if "function_constant" in self._source:
            raise RuntimeError("Failed to created pipeline state object: function constants have no values")
        return Kernel(self._source, name)


class Kernel:
    """A kernel of a library."""

    max_threads_per_threadgroup = 1024
    thread_execution_width = 32
    launches = 0

    def __init__(self, source: str, name: str) -> None:
        self._source, self._arguments = source, {a.index: a for a in signature(source, name).arguments}  # type: ignore[union-attr]

    def __call__(
        self, *args: Any, threads: Any = None, group_size: Any = None, arg_casts: Any = None, error_buf_idx: Any = None
    ) -> None:
        sizes, group = _sizes(threads), _sizes(group_size)
        casts = arg_casts if isinstance(arg_casts, dict) else dict.fromkeys(range(len(args)), arg_casts)
        if set(range(len(args))) != set(self._arguments):
            raise RuntimeError(f"{len(args)} arguments are bound, but the text declares {sorted(self._arguments)}")
        bound = []
        for k, arg in enumerate(args):
            declared = self._arguments[k]
            if pytorch.is_tensor(arg):
                sizes = (arg.numel(),) if sizes is None else sizes
                bound.append(_memory(arg, declared))
            else:
                bound.append(_bytes(arg, casts.get(k), declared))
        if sizes is None:
            raise RuntimeError("Number of threads is undefined or has wrong dimension")
        if group is None:
            group = (min(sizes[0], 1024), *(1 for _ in sizes[1:]))
        if len(group) != len(sizes):
            raise RuntimeError("threads and group_size must have the same number of extents")
        if np.prod(group) > self.max_threads_per_threadgroup or 0 in sizes or 0 in group:
            raise RuntimeError(f"the launch of {sizes} threads in threadgroups of {group} is none")
        program = program_of(self._source)
        arguments: list[Any] = []
        for argument, raw in zip(program.arguments, bound, strict=True):
            if argument.is_scalar:
                places = argument.struct.offsets if argument.struct is not None else (0,)
                arguments += [_value(raw[at:], one.dtype) for at, one in zip(places, argument.params, strict=True)]
            else:
                arguments.append(raw.view(argument.params[0].dtype.numpy))
        filled = [(*each, 1, 1)[:3] for each in (sizes, group)]
        cpu.CpuRuntime().bind(program, arguments, Geometry(*filled))()
        Kernel.launches += 1


def _value(raw: bytes, dtype: Any) -> Any:
    return np.frombuffer(raw[: dtype.size], dtype.numpy)[0].item()


def _sizes(value: Any) -> tuple[int, ...] | None:
    if value is None:
        return None
    found = (value,) if type(value) is int else tuple(value)
    if not 0 < len(found) < 4 or any(type(each) is not int or each < 0 for each in found):
        raise RuntimeError(f"{value!r} are no sizes")
    return found


def _memory(tensor: Any, declared: Argument) -> Any:
    """Return the bytes from where a tensor begins to the end of its storage, as a buffer is bound."""
    if declared.is_value:
        raise RuntimeError(f"a tensor is bound to {declared.name}, which is a value")
    offset = tensor.storage_offset() * tensor.element_size()
    multiple = 256 if declared.space == "constant" else max(4, declared.alignment)
    if offset % multiple:
        raise RuntimeError(f"{declared.name} starts at byte {offset}, no multiple of {multiple}")
    if not tensor.is_contiguous():
        raise RuntimeError(
            f"{declared.name} is bound with strides {tensor.stride()}, which the kernel knows nothing of"
        )
    whole = tensor.untyped_storage()
    memory = np.asarray(pytorch.array_of(tensor.new_empty(0).set_(whole).detach(), "storage")).view(np.uint8)
    return memory[offset : offset + tensor.numel() * tensor.element_size()]


def _bytes(value: Any, cast: str | None, declared: Argument) -> bytes:
    """Return what is bound for a number: the bytes that PyTorch makes of it."""
    if not declared.is_value:
        raise RuntimeError(f"a number is bound to {declared.name}, which is {declared.space} memory")
    if isinstance(value, tuple | list):
        data = b"".join(_number(each, cast) for each in value)
    else:
        data = _number(value, cast)
    if len(data) != declared.size:
        raise RuntimeError(f"{len(data)} bytes are bound to {declared.name}, but {declared.type} has {declared.size}")
    if not 0 < len(data) <= MOST_BYTES:
        raise RuntimeError(f"{len(data)} bytes are bound to {declared.name}")
    return data


def _number(value: Any, cast: str | None) -> bytes:
    if not isinstance(value, int | float):
        raise RuntimeError("Unsupported argument type")
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise RuntimeError("Unable to cast Python instance to C++ type int64_t")
    if cast is None:
        return struct.pack("<f" if isinstance(value, float) else "<q", value)
    if cast not in CASTS:
        raise RuntimeError(f"Unsupported cast instruction {cast}")
    kept = np.float32(value) if isinstance(value, float) else value  # a float is one of 32 bits before it is cast
    return CASTS[cast](kept)


def compile_shader(source: str) -> Library:
    """Compile a text as PyTorch on macOS 15 would."""
    return Library(source, (3, 2), check=True)


def quick_compile_shader(source: str) -> Library:
    """Compile a text that clang has seen in other tests."""
    return Library(source, (3, 2), check=False)
