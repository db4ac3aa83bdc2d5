"""From a program to a pipeline: Metal source or a .metallib, the function with its constants, and what Metal makes of it."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any
from weakref import WeakKeyDictionary

from enigma.errors import LaunchError
from enigma.runtime import constants as function_constants
from enigma.runtime.launch import SIMDGROUP, Size
from enigma.runtime.metal.capabilities import DeviceCapabilities, newest_language, too_old
from enigma.runtime.metal.failures import compile_failure, gpu_error, library_failure, pipeline_failure
from enigma.runtime.metal.objc import Bridge
from enigma.runtime.program import Program
from enigma.spec.terms import Precision

USUAL_LANGUAGE = (3, 2)
"""What a kernel is compiled as where the system has it and the kernel needs no later one: what our texts are checked against."""

_FUSED_SINCE = (15, 0)
"""The macOS that told math modes from math functions."""

_SAFE, _FAST = 0, 2
"""MTLMathModeSafe, MTLMathModeFast."""

_FAST_FUNCTIONS, _PRECISE_FUNCTIONS = 0, 1
"""MTLMathFloatingPointFunctionsFast and -Precise."""

_DATA_TYPES = {
    "float": ("MTLDataTypeFloat", 3), "half": ("MTLDataTypeHalf", 16), "bfloat": ("MTLDataTypeBFloat", 121),
    "int": ("MTLDataTypeInt", 29), "uint": ("MTLDataTypeUInt", 33), "short": ("MTLDataTypeShort", 37),
    "ushort": ("MTLDataTypeUShort", 41), "char": ("MTLDataTypeChar", 45), "uchar": ("MTLDataTypeUChar", 49),
    "bool": ("MTLDataTypeBool", 53), "long": ("MTLDataTypeLong", 81), "ulong": ("MTLDataTypeULong", 85),
}  # fmt: skip
"""MTLDataType of a function constant, by its type in Metal."""

Packed = tuple[tuple[int, str, bytes], ...]
"""Function constants that were given: index, type in Metal, bytes."""


class Specialised(Program):
    """A program with values for its function constants, of which Metal makes a function of its own."""

    def __init__(self, origin: Program, values: Packed) -> None:
        super().__init__(origin.traced)
        self.origin, self.values = origin, values


def specialised(program: Program, given: Mapping[Any, Any] | None) -> Program:
    """Return the program for these function constants: the same one for the same values. Raises `LaunchError`."""
    declared = program.traced.function_constants
    if not declared and not given:
        return program
    values = tuple(function_constants.packed(program.name, declared, given))
    if not declared:
        return program
    key = ("metal", values)
    known = program.specialised.get(key)
    if known is None:
        function_constants.make_room(program)
        known = program.specialised.setdefault(key, Specialised(program, values))
    return known


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A kernel ready to run: Metal's pipeline, and how many threads a threadgroup of it may have."""

    state: Any
    limit: int


class Libraries:
    """The libraries and pipelines of one device, each made once. Safe to use from several threads."""

    def __init__(self, bridge: Bridge, device: Any, capabilities: DeviceCapabilities) -> None:
        self._bridge, self._device, self._capabilities = bridge, device, capabilities
        self._lock = RLock()
        self._libraries: WeakKeyDictionary[Program, Any] = WeakKeyDictionary()
        self._pipelines: WeakKeyDictionary[Program, dict[int, Pipeline]] = WeakKeyDictionary()

    def pipeline(self, program: Program, threads: Size) -> Pipeline:
        """Return the pipeline of a program for threadgroups of this size.

        Raises `LaunchError` when the pipeline allows fewer threads or there is not enough threadgroup memory, `DeviceError` for
        what Metal does not compile.
        """
        count = threads[0] * threads[1] * threads[2]
        whole = -(-count // SIMDGROUP) * SIMDGROUP
        with self._lock:
            made = self._pipelines.setdefault(program, {})
            pipeline = made.get(whole)
            if pipeline is None:
                pipeline = made[whole] = self._make(program, whole)
        if count > pipeline.limit:
            raise LaunchError(
                f"threads is {threads}, {count} per threadgroup, but kernel {program.name} can have {pipeline.limit} on this GPU: "
                "each of its threads needs many registers",
                help=f"use {pipeline.limit} threads per threadgroup or fewer; grid counts all threads",
            )
        return pipeline

    def close(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._libraries.clear()
            self._pipelines.clear()

    def _make(self, program: Program, threads: int) -> Pipeline:
        check_family(program, self._capabilities)
        metal, name = self._bridge.metal, program.name
        function = self._function(program)
        descriptor = metal.MTLComputePipelineDescriptor.alloc().init()
        descriptor.setComputeFunction_(function)
        descriptor.setLabel_(name)
        # so that Metal gives threads no more registers than this many can have
        descriptor.setMaxTotalThreadsPerThreadgroup_(min(threads, self._capabilities.max_threads_per_threadgroup))
        state, error = self._device.newComputePipelineStateWithDescriptor_options_reflection_error_(
            descriptor, 0, None, None
        )
        if state is None:
            raise pipeline_failure(name, error, threads)
        used, most = int(state.staticThreadgroupMemoryLength()), self._capabilities.max_threadgroup_memory
        if used > most:
            raise LaunchError(
                f"kernel {name} has {used} bytes of threadgroup memory, but the limit is {most}",
                help="allocate less, or use smaller tiles",
            )
        return Pipeline(state, int(state.maxTotalThreadsPerThreadgroup()))

    def _function(self, program: Program) -> Any:
        origin = program.origin if isinstance(program, Specialised) else program
        library, entry = self._library(origin), origin.metal.entry
        if not program.traced.function_constants:
            function, error = library.newFunctionWithName_(entry), None
        else:
            values = program.values if isinstance(program, Specialised) else ()
            function, error = library.newFunctionWithName_constantValues_error_(entry, self._values(values), None)
        if function is None:
            known = ", ".join(str(one) for one in library.functionNames()) or "nothing"
            raise gpu_error(
                f"the library of kernel {program.name} has no function {entry}", help="compile the kernel again",
                it_has=known, said=None if error is None else str(error.localizedDescription()),
            )  # fmt: skip
        return function

    def _values(self, values: Packed) -> Any:
        found = self._bridge.metal.MTLFunctionConstantValues.alloc().init()
        for index, kind, data in values:
            name, number = _DATA_TYPES[kind]
            # PyObjC takes the address of a value of which it knows no more than void*; Metal copies it
            held = ctypes.create_string_buffer(data, len(data))
            found.setConstantValue_type_atIndex_(ctypes.addressof(held), self._bridge.constant(name, number), index)
        return found

    def _library(self, program: Program) -> Any:
        library = self._libraries.get(program)
        if library is None:
            path = program.metallib
            library = self._compiled(program) if path is None else self._loaded(program, path)
            self._libraries[program] = library
        return library

    def _loaded(self, program: Program, path: str) -> Any:
        if not Path(path).exists():
            raise gpu_error(
                f"the library of kernel {program.name} is gone", help="compile the kernel again, or keep its work_dir",
                path=path,
            )  # fmt: skip
        library, error = self._device.newLibraryWithURL_error_(self._bridge.url(path), None)
        if library is None:
            raise library_failure(program.name, path, error)
        return library

    def _compiled(self, program: Program) -> Any:
        text = program.metal
        options = self._options(program, text.msl_version)
        library, error = self._device.newLibraryWithSource_options_error_(text.text, options, None)
        if library is None:  # warnings come with a library
            raise compile_failure(program.name, error, text.lines)
        return library

    def _options(self, program: Program, needed: tuple[int, int]) -> Any:
        metal, system = self._bridge.metal, self._bridge.system
        major, minor = language_version(program.name, needed, system)
        options = metal.MTLCompileOptions.alloc().init()
        options.setLanguageVersion_((major << 16) + minor)
        fast = program.traced.math is Precision.FAST
        if system >= _FUSED_SINCE:
            options.setMathMode_(_FAST if fast else _SAFE)
            options.setMathFloatingPointFunctions_(_FAST_FUNCTIONS if fast else _PRECISE_FUNCTIONS)
        else:
            options.setFastMathEnabled_(fast)
        if program.sites:
            options.setEnableLogging_(True)
        return options


def language_version(kernel: str, needed: tuple[int, int], system: tuple[int, int]) -> tuple[int, int]:
    """Return the version of Metal's language to compile a kernel as: never the default, which depends on the program that runs us.

    >>> language_version("k", (2, 4), (14, 5)), language_version("k", (2, 4), (26, 1)), language_version("k", (4, 0), (26, 1))
    ((3, 1), (3, 2), (4, 0))
    """
    newest = newest_language(system)
    if needed > newest:
        raise gpu_error(
            f"kernel {kernel} needs Metal {needed[0]}.{needed[1]}, but this macOS has {newest[0]}.{newest[1]}",
            help="update macOS, or enigma.runtime('cpu') runs the same kernel on the CPU",
            system=f"macOS {system[0]}.{system[1]}",
        )
    return max(needed, min(newest, USUAL_LANGUAGE))


def check_family(program: Program, device: DeviceCapabilities) -> None:
    """Refuse a kernel with an operation that a later GPU family brought, at its line. Raises `DeviceError`."""
    needed = program.family
    if needed is not None and device.generation < needed.family:
        raise too_old(f"{needed.operation} in kernel {program.name}", device, needed.family, needed.loc)
