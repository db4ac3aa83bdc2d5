"""`CpuRuntime`: kernels as native code through LLVM, a simdgroup as vectors of lanes, threadgroups over a thread pool."""

from __future__ import annotations

import ctypes
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from enigma.dtypes import Numeric, TexelFormat
from enigma.runtime import cache
from enigma.runtime.base import Runtime
from enigma.runtime.constants import specialised
from enigma.runtime.launch import Geometry, Size
from enigma.runtime.native import jit
from enigma.runtime.native.host import host
from enigma.runtime.native.log import NativeLog
from enigma.runtime.native.pool import Pool, pool
from enigma.runtime.program import Program
from enigma.runtime.textures import as_textures, texel_formats
from enigma.spec.terms import Report

if TYPE_CHECKING:
    from enigma.emit.simt.lower import Lowered

_INLINE_WORK = 150_000  # operations below which waking other threads costs more than it gives
_CHUNK_WORK = 3_000_000  # operations of a chunk of threadgroups: neighbours on one thread share cache lines and pages
_MAX_SIZES = 64  # launch sizes kept per program
_STREAM_BYTES = 16 << 20  # written bytes above which stores bypass the caches: below, the reader finds them there


@dataclass(frozen=True, slots=True)
class Box:
    """A box of equally sized threadgroups: where it starts, how many there are per axis, and their size."""

    origin: Size
    extent: Size
    size: Size
    partial: bool

    @property
    def groups(self) -> int:
        """How many threadgroups it has."""
        return self.extent[0] * self.extent[1] * self.extent[2]


def boxes(geometry: Geometry) -> list[Box]:
    """Return the grid as boxes: the whole threadgroups, and for every axis whose size is no multiple the smaller ones."""
    axes: list[list[tuple[int, int, int]]] = []
    for total, size in zip(geometry.grid, geometry.threads, strict=True):
        whole, rest = divmod(total, size)
        axes.append([part for part in ((0, whole, size), (whole, 1, rest)) if part[1] and part[2]])
    found: list[Box] = []
    for x, y, z in product(*axes):
        size = (x[2], y[2], z[2])
        found.append(Box((x[0], y[0], z[0]), (x[1], y[1], z[1]), size, size != geometry.threads))
    return found


@dataclass(frozen=True, slots=True)
class Function:
    """Native code of a kernel for one threadgroup size; `layout` says what stands in each 8-byte slot of its arguments."""

    address: int
    layout: dict[str, int]
    streams: bool
    code: jit.Loaded


class CpuRuntime(Runtime):
    """Runs kernels on the processor's vector units and cores; the default where there is no Metal.

    ENIGMA_NUM_THREADS limits the threads. Native code is cached on disk.

        rt = enigma.CpuRuntime()
        rt.execute(compiled, [a, b], n * 4, grid=(n, 1, 1), threads=(256, 1, 1))
    """

    name = "cpu"

    def bind(self, program: Program, arguments: Sequence[Any], geometry: Geometry) -> Callable[[], None]:
        """Return a function that runs the program once, everything prepared: one call into native code per box."""
        arguments = as_textures(program.params, arguments)
        if program.sites:
            return lambda: _run_reporting(program, geometry, arguments)
        workers, formats = pool(), texel_formats(arguments)
        calls = [_call(workers, program, part, arguments) for part in parts_for(program, geometry, formats)]
        if len(calls) == 1:
            return calls[0]

        def run() -> None:
            for call in calls:
                call()

        return run

    def make_pipeline(self, program: Program, geometry: Geometry) -> None:
        """Make native code for threadgroups of this size; with textures it depends on how they are stored, so `bind` does."""
        if not program.textures:
            parts_for(program, geometry, ())

    def llvm(self, compiled: Any, threads: Size = (256, 1, 1), *, constants: Mapping[Any, Any] | None = None) -> str:
        """Return the LLVM IR for whole threadgroups of this size, and for these function constants."""
        return llvm_text(compiled.program, threads, constants)


def _run_reporting(program: Program, geometry: Geometry, arguments: Sequence[Any]) -> None:
    """Run a kernel that reports once, with a log of its own, and show what it said.

    A kernel that prints runs on one thread, so that the same lines are kept each time.
    """
    log, workers = NativeLog(program.sites), pool()
    prints = any(site.kind is Report.LINE for site in program.sites.values())
    for part in parts_for(program, geometry, texel_formats(arguments)):
        _call(workers, program, part, arguments, log=log.address, alone=prints)()
    log.read(program.name, geometry.threads).deliver()


Formats = tuple[TexelFormat, ...]
"""How the texels of each texture parameter are stored, in order."""


def function_for(program: Program, threads: Size, formats: Formats = (), *, partial: bool) -> Function:
    """Return the native code of a program for a threadgroup size: kept on the program, else from the disk cache, else made."""
    function = program.native.get((threads, partial, formats))
    if function is None:
        made = _object(program, threads, formats, partial=partial)
        function = program.native[threads, partial, formats] = _load(*made)
    return function


def _object(program: Program, threads: Size, formats: Formats, *, partial: bool) -> tuple[bytes, dict[str, Any]]:
    """Return object code and what the launcher must know of it, from the disk cache if it is there."""
    store = cache.default_cache()
    machine = host()
    key = cache.key(
        "cpu",
        program.key,
        repr((threads, partial, [str(one) for one in formats])),
        machine.triple,
        machine.cpu,
        machine.features,
    )
    entry = store.get(key) if store is not None else None
    if entry is not None and "object" in entry and "meta" in entry:
        return entry["object"], json.loads(entry["meta"])
    lowered = _lower(program, threads, formats, partial=partial)
    code = jit.compile_object(lowered.text)
    layout = {name: getattr(lowered.layout, name) for name in _LAYOUT}
    meta = {"symbol": lowered.symbol, "layout": layout, "streams": lowered.streams}
    if store is not None:
        store.put(key, {"object": code, "meta": json.dumps(meta).encode()})
    return code, meta


_LAYOUT = ("grid", "groups", "origin", "extent", "size", "full", "stream", "reports", "count")


def _load(code: bytes, meta: dict[str, Any]) -> Function:
    loaded = jit.load([code], [meta["symbol"]])
    return Function(loaded.address(meta["symbol"]), meta["layout"], meta["streams"], loaded)


def _lower(program: Program, threads: Size, formats: Formats | None, *, partial: bool) -> Lowered:
    from enigma.emit.simt.lower import Geometry as Specialised  # xDSL is heavy: a warm start never imports it
    from enigma.emit.simt.lower import lower  # likewise

    return lower(program.module, Specialised(threads, partial, formats), host())


@dataclass(frozen=True, slots=True)
class Part:
    """One box of a launch with its native code and its argument array, complete but for the arguments themselves."""

    box: Box
    function: Function
    template: Any


def parts_for(program: Program, geometry: Geometry, formats: Formats = ()) -> list[Part]:
    """Return the boxes of a launch size, kept on the program: the next launch of that size starts from them."""
    key = (geometry, formats) if formats else geometry
    parts: list[Part] | None = program.native.get(key)
    if parts is None:
        parts = []
        for box in boxes(geometry):
            function = function_for(program, geometry.threads, formats, partial=box.partial)
            parts.append(Part(box, function, _template(function, geometry, box)))
        if len(program.native) >= _MAX_SIZES:
            program.native.clear()
        program.native[key] = parts
    return parts


def _template(function: Function, geometry: Geometry, box: Box) -> Any:
    """Return an argument array with the sizes of one box filled in."""
    layout = function.layout
    packed = (ctypes.c_int64 * layout["count"])()
    for name, sizes in (
        ("grid", geometry.grid), ("groups", geometry.groups), ("origin", box.origin), ("extent", box.extent), ("size", box.size),
        ("full", geometry.threads),
    ):  # fmt: skip
        first = layout[name]
        packed[first], packed[first + 1], packed[first + 2] = sizes
    return packed


def pack(program: Program, part: Part, arguments: Sequence[Any], log: int = 0) -> Any:
    """Return the argument array of native code for one box; the arrays, and the log at that address, must outlive it."""
    kind: Any = part.template.__class__
    packed: Any = kind.from_buffer_copy(part.template)
    written = 0
    for slot, (param, argument) in enumerate(zip(program.params, arguments, strict=True)):
        if param.is_scalar:
            packed[slot] = scalar_bits(argument, param.dtype)
        else:
            packed[slot] = _address(argument) if param.texture is None else argument.address
            if param.slot in program.written:
                written += argument.nbytes
    packed[part.function.layout["reports"]] = log
    packed[part.function.layout["stream"]] = int(part.function.streams and written >= _STREAM_BYTES)
    return packed


def _address(array: Any) -> int:
    """Return where an array's elements are; the short way needs a writable array whose dtype NumPy itself knows."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError, BufferError):
        return array.__array_interface__["data"][0]


def scalar_bits(value: Any, dtype: Numeric) -> int:
    """Return a number as the low bits of an argument slot."""
    if dtype.is_float:
        if dtype.width == 32:
            return struct.unpack("<I", struct.pack("<f", value))[0]
        return int(np.array(value, dtype.numpy).view(np.uint16))
    number = int(value)
    return number - (1 << 64) if number >= 1 << 63 else number


def _call(
    workers: Pool, program: Program, part: Part, arguments: Sequence[Any], *, log: int = 0, alone: bool = False
) -> Callable[[], None]:
    """Return the call that runs one box: here when there is little to do, else on the pool; `alone` keeps it to one thread."""
    packed = pack(program, part, arguments, log)
    box, held = part.box, (packed, part.function, arguments)  # what native code reads must outlive the call
    per_group = max(program.cost * box.size[0] * box.size[1] * box.size[2], 1)
    address, at, groups = part.function.address, ctypes.addressof(packed), box.groups
    if groups == 1 or per_group * groups <= _INLINE_WORK:
        return _Bound(workers.run_inline, (address, at, groups), held)
    chunk = groups if alone else max(1, min(_CHUNK_WORK // per_group, -(-groups // (4 * workers.num_threads))))
    return _Bound(workers.run, (address, at, groups, chunk), held)


class _Bound:
    """A native call with everything it needs."""

    __slots__ = ("arguments", "held", "run")

    def __init__(self, run: Callable[..., None], arguments: tuple[int, ...], held: tuple[Any, ...]) -> None:
        self.run, self.arguments, self.held = run, arguments, held

    def __call__(self) -> None:
        self.run(*self.arguments)


def native_text(program: Program, threads: Size, constants: Mapping[Any, Any] | None = None) -> Lowered:
    """Return the LLVM IR of a program for whole threadgroups of this size with the Python line of each of its lines."""
    return _lower(specialised(program, constants), threads, None, partial=False)


def llvm_text(program: Program, threads: Size, constants: Mapping[Any, Any] | None = None) -> str:
    """Return the LLVM IR of a program for whole threadgroups of this size, and for these function constants."""
    return native_text(program, threads, constants).text


def assembly_text(program: Program, threads: Size, constants: Mapping[Any, Any] | None = None) -> str:
    """Return the machine code of a program, as assembly, for whole threadgroups of this size."""
    return jit.assembly(llvm_text(program, threads, constants))
