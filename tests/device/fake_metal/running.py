"""Dispatches: what is bound is held against the kernel's text, then the kernel runs on the CPU."""

from __future__ import annotations

import gc
import os
import re
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

import enigma
from enigma.dtypes import Numeric
from enigma.runtime import constants
from enigma.runtime.launch import Geometry
from enigma.runtime.program import Program
from enigma.runtime.textures import AXES, as_textures, texel_formats
from enigma.spec.terms import Report
from tests.device.fake_metal.libraries import Argument, Pipeline
from tests.device.fake_metal.machine import Machine
from tests.device.fake_metal.memory import Buffer, Texture

_TYPES = {"texture1d": 0, "texture2d": 2, "texture2d_array": 3, "texture3d": 7}
_DATA_TYPES = {
    3: "float",
    16: "half",
    121: "bfloat",
    29: "int",
    33: "uint",
    37: "short",
    41: "ushort",
    45: "char",
    49: "uchar",
    53: "bool",
    81: "long",
    85: "ulong",
}
_FORMATS = {
    10: (np.uint8, 1), 30: (np.uint8, 2), 70: (np.uint8, 4), 23: (np.uint16, 1), 24: (np.int16, 1), 25: (np.float16, 1),
    63: (np.uint16, 2), 64: (np.int16, 2), 65: (np.float16, 2), 113: (np.uint16, 4), 114: (np.int16, 4), 115: (np.float16, 4),
    53: (np.uint32, 1), 54: (np.int32, 1), 55: (np.float32, 1), 103: (np.uint32, 2), 104: (np.int32, 2), 105: (np.float32, 2),
    123: (np.uint32, 4), 124: (np.int32, 4), 125: (np.float32, 4),
}  # fmt: skip

_known: weakref.WeakValueDictionary[str, Program] = weakref.WeakValueDictionary()


def program_of(source: str) -> Program:
    """Return the program whose Metal text this is: a text that nobody printed cannot be run."""
    found = _known.get(source)
    if found is None:
        for one in gc.get_objects():
            if issubclass(type(one), Program) and "metal" in vars(one):
                _known[one.metal.text] = one
        found = _known[source]
    return found


@dataclass
class Dispatch:
    """One dispatch as it was encoded."""

    machine: Machine
    pipeline: Pipeline
    buffers: dict[int, tuple[Buffer, int] | bytes]
    textures: dict[int, Texture]
    grid: tuple[int, int, int]
    threads: tuple[int, int, int]
    log: Any

    def check(self) -> None:
        """Hold what is bound against what the text of the kernel declares."""
        for argument in self.pipeline.function.signature.arguments:
            wrong = self._texture(argument) if argument.space == "texture" else self._buffer(argument)
            if wrong is not None:
                raise self.machine.violate(f"{argument.name} of {self.pipeline.function.entry}: {wrong}")
        if "os_log" in self.pipeline.function.library.source and self.log is None:
            raise self.machine.violate("a kernel that logs is run without a log state")

    def _buffer(self, argument: Argument) -> str | None:
        bound = self.buffers.get(argument.index)
        if bound is None:
            return f"nothing is bound to buffer {argument.index}"
        if isinstance(bound, bytes):
            if argument.space != "constant" or not argument.is_value:
                return f"bytes are bound to buffer {argument.index}, which is {argument.space} memory"
            return (
                None
                if len(bound) == argument.size
                else f"{len(bound)} bytes are bound, but {argument.type} has {argument.size}"
            )
        buffer, offset = bound
        multiple = 256 if argument.space == "constant" else max(4, argument.alignment)
        if offset % multiple and offset % 16:
            return f"offset {offset} is no multiple of {multiple}"
        if argument.space == "constant" and offset % 256:
            return f"offset {offset} into constant memory is no multiple of 256"
        return None if buffer.nbytes - offset >= argument.size else "the buffer is too short"

    def _texture(self, argument: Argument) -> str | None:
        texture = self.textures.get(argument.index)
        if texture is None:
            return f"nothing is bound to texture {argument.index}"
        kind = argument.type.split(" ")[0]
        if texture.facts["texturetype"] != _TYPES[kind]:
            return f"a texture of type {texture.facts['texturetype']} is bound to a {kind}"
        access = argument.type.split(":: ")[-1].split(" ")[0]
        needs = {"read": 1, "sample": 1, "write": 2, "read_write": 3}[access]
        return (
            None
            if texture.facts["usage"] & needs == needs
            else f"its usage {texture.facts['usage']} does not allow {access}"
        )


def run(dispatch: Dispatch) -> None:
    """Run a dispatch on the CPU, on the memory that is bound."""
    from enigma.runtime import cpu  # so that a test sees what the Metal runtime itself imports

    function = dispatch.pipeline.function
    program = program_of(function.library.source)
    given = {
        index: (_DATA_TYPES[kind], _number(data, enigma.dtypes.as_dtype(_DATA_TYPES[kind])))
        for index, (kind, data) in (function.given or {}).items()
    }
    ready = constants.specialised(program, given or None)
    geometry = Geometry(dispatch.grid, dispatch.threads)
    arguments: list[Any] = []
    written: list[tuple[Any, Texture]] = []
    for argument in program.arguments:
        if argument.texture is not None:
            texture = dispatch.textures[argument.index]
            array = _texels(texture, len(AXES[argument.texture.kind]))
            arguments.append(array)
            written.append((array, texture))
            continue
        bound = dispatch.buffers[argument.index]
        if argument.is_scalar:
            data = bound if isinstance(bound, bytes) else bound[0].array(bound[1]).tobytes()
            places = argument.struct.offsets if argument.struct is not None else (0,)
            arguments += [_number(data[at:], one.dtype) for at, one in zip(places, argument.params, strict=True)]
        else:
            dtype = argument.params[0].dtype
            memory = bound[0].array(bound[1])
            arguments.append(
                memory[: len(memory) // dtype.size * dtype.size].view(
                    dtype.element.numpy if dtype.lanes > 1 else dtype.numpy
                )
            )
    if ready.sites:
        _run_with_log(ready, arguments, geometry, dispatch)
    else:
        cpu.CpuRuntime().bind(ready, arguments, geometry)()
    for array, texture in written:
        texture.texels[...] = array.view(np.uint8).reshape(texture.texels.shape)


def _texels(texture: Texture, axes: int) -> Any:
    kind, channels = _FORMATS[texture.facts["pixelformat"]]
    shape = texture.shape[3 - axes :]
    return texture.texels.copy().view(kind).reshape(*shape, channels)


def _number(data: bytes, dtype: Numeric) -> Any:
    return np.frombuffer(data[: dtype.size], dtype.numpy)[0].item()


@contextmanager
def _room_for_all() -> Iterator[None]:
    """Let the CPU's log keep many lines: how many are shown is for the runtime on top to say."""
    known = os.environ.get("ENIGMA_PRINT_LINES")
    os.environ["ENIGMA_PRINT_LINES"] = "100000"
    try:
        yield
    finally:
        del os.environ["ENIGMA_PRINT_LINES"]
        if known is not None:
            os.environ["ENIGMA_PRINT_LINES"] = known


def _run_with_log(program: Program, arguments: list[Any], geometry: Geometry, dispatch: Dispatch) -> None:
    """Run a kernel that reports, and hand its lines to the log: in the text's own format, filled in as C does."""
    from enigma.runtime import cpu  # as above
    from enigma.runtime.native.log import NativeLog
    from enigma.runtime.native.pool import pool

    bound = as_textures(program.params, arguments)
    with _room_for_all():
        log, workers = NativeLog(program.sites), pool()
        for part in cpu.parts_for(program, geometry, texel_formats(bound)):
            cpu._call(workers, program, part, bound, log=log.address, alone=True)()
        found = log.read(program.name, geometry.threads)
    found.said.sort(key=found._order)
    source = dispatch.pipeline.function.library.source
    for each in found.said:
        site = program.sites[each.site]
        head = f"{site.loc.short_file}:{site.loc.line}"
        name = "log_error" if site.kind is Report.FAILURE else "log"
        match = re.search(rf'os_log_default\.{name}\("({re.escape(head)}(?:[^"\\]|\\.)*)"', source)
        if match is None:
            raise KeyError(head)
        form = re.sub(r"%([-+ #0-9.]*)l?([a-z])", lambda m: f"%{m[1]}{'d' if m[2] == 'u' else m[2]}", match[1])
        values = tuple(int(v) if np.asarray(v).dtype.kind == "b" else np.asarray(v).item() for v in each.values)
        for handler in dispatch.log.handlers:
            handler("", "", 3, form.encode().decode("unicode_escape") % values)
