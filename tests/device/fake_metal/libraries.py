"""Libraries, functions and pipelines: what a Metal text says of its kernels, read from the text itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.device.fake_metal.machine import Machine
from tests.device.fake_metal.objects import NSError, NSObject
from tests.msl.clang import clang_available, run_mode, skipped_modes
from tests.msl.layout import StructSizes, threadgroup_variables
from tests.msl.lints import run_lints
from tests.msl.tokens import Function as Parsed
from tests.msl.tokens import Unit, parse

LANGUAGES = {(12, 0): (2, 4), (13, 0): (3, 0), (14, 0): (3, 1), (15, 0): (3, 2), (26, 0): (4, 0), (27, 0): (4, 1)}


def language_of(machine: Machine, source: str, options: dict[str, Any]) -> str | None:
    """Return what the compiler says against a text, or None."""
    number = options.get("languageversion")
    if number is None:
        raise machine.violate("the language version is not set: its default depends on the program")
    version = (number >> 16, number & 0xFFFF)
    newest = max(language for system, language in LANGUAGES.items() if system <= machine.system)
    if version > newest:
        return f"language version {version[0]}.{version[1]} is not supported on this system"
    modes = {"mathmode", "mathfloatingpointfunctions"} if machine.system >= (15, 0) else {"fastmathenabled"}
    if not modes <= options.keys():
        raise machine.violate(f"the math mode is not set: {sorted(options)}")
    if "os_log" in source and not options.get("enablelogging"):
        raise machine.violate("a text that logs is compiled without logging, so its log stays empty")
    found = run_lints(source, msl_version=version)
    if machine.check_texts and clang_available():
        for mode in ("A", "B"):
            if mode not in skipped_modes(source):
                found += run_mode(mode, source, metal_version=version[0] * 100 + version[1] * 10, warnings=False)
    if not found:
        return None
    lines = source.splitlines()
    shown = [f"program_source:{d.line}:{d.col}: error: {d.message}\n{lines[d.line - 1]}" for d in found]
    return "Compilation failed: \n\n" + "\n".join(shown)


@dataclass(frozen=True)
class Argument:
    """A kernel's parameter as the text declares it: `space` is device, constant or texture."""

    name: str
    index: int
    space: str
    is_const: bool
    is_value: bool
    size: int
    alignment: int
    type: str


@dataclass(frozen=True)
class Signature:
    """What the text of a kernel says."""

    arguments: tuple[Argument, ...]
    threadgroup_memory: int
    constants: dict[int, bool]
    max_threads: int


@cache
def signature(source: str, entry: str) -> Signature | None:
    """Return what a text says of a kernel, None where it has none of that name."""
    unit = parse(source)
    kernel = next((one for one in unit.functions if one.is_kernel and one.name.text == entry), None)
    if kernel is None:
        return None
    sizes = StructSizes(unit)
    memory = 0
    for variable in threadgroup_variables(kernel.body, unit):
        size = sizes.of([word.replace("atomic_", "") for word in variable.type])
        if size is None or variable.count is None:
            raise NotImplementedError(f"the size of {variable} is not known")
        memory += -(-size[0] * variable.count // 16) * 16
    return Signature(tuple(_arguments(kernel, unit)), memory, _constants(source), 1024)


def _arguments(kernel: Parsed, unit: Unit) -> list[Argument]:
    found: list[Argument] = []
    sizes = StructSizes(unit)
    for param in kernel.params:
        place = next((a for a in param.attributes if a.name.text in ("buffer", "texture")), None)
        if place is None or param.name is None or place.index is None:
            continue
        words = param.words
        if place.name.text == "texture":
            found.append(Argument(param.name.text, place.index, "texture", False, False, 0, 1, " ".join(words)))
            continue
        kind = [word.removeprefix("atomic_") for word in words if word not in ("device", "constant", "const", "*", "&")]
        size, alignment = sizes.of(kind) or (1, 1)
        space = "device" if "device" in words else "constant"
        is_const = "const" in words or space == "constant"
        made = (param.name.text, place.index, space, is_const, "&" in words, size, alignment, " ".join(kind))
        found.append(Argument(*made))
    return found


def _constants(source: str) -> dict[int, bool]:
    """Return the function constants of a text, and whether the text does without a value of each."""
    declared = re.findall(r"constant \w+ (\w+) \[\[function_constant\((\d+)\)\]\]", source)
    return {int(index): f"is_function_constant_defined({name})" in source for name, index in declared}


class Library(NSObject):
    """A compiled text."""

    OWNER = "MTLLibrary"

    def __init__(self, machine: Machine, source: str, options: dict[str, Any]) -> None:
        super().__init__(machine)
        self.source, self.options = source, options

    def _functionNames(self) -> list[str]:
        return [one.name.text for one in parse(self.source).functions if one.is_kernel]

    def _newFunctionWithName_(self, name: str) -> Function | None:
        return None if signature(self.source, name) is None else Function(self.machine, self, name, None)

    def _newFunctionWithName_constantValues_error_(
        self, name: str, values: Any, _error: None
    ) -> tuple[Function | None, NSError | None]:
        if signature(self.source, name) is None:
            return None, NSError(self.machine, "MTLLibraryErrorDomain", 5, f"no function {name}")
        return Function(self.machine, self, name, dict(values.given)), None


class Function(NSObject):
    """A kernel of a library, with the values of its function constants."""

    OWNER = "MTLFunction"

    def __init__(
        self, machine: Machine, library: Library, name: str, given: dict[int, tuple[int, bytes]] | None
    ) -> None:
        super().__init__(machine)
        self.library, self.entry, self.given = library, name, given

    @property
    def signature(self) -> Signature:
        found = signature(self.library.source, self.entry)
        if found is None:
            raise KeyError(self.entry)
        return found

    def missing_constants(self) -> list[int]:
        """Return the constants without a value; of a kernel that has any, the plain function is of no use."""
        declared = self.signature.constants
        if declared and self.given is None:
            return sorted(declared)
        return [index for index, optional in declared.items() if not optional and index not in (self.given or {})]

    def threadgroup_memory(self) -> int:
        return self.signature.threadgroup_memory


class Pipeline(NSObject):
    """A function ready to run."""

    OWNER = "MTLComputePipelineState"

    def __init__(self, machine: Machine, function: Function, limit: int, memory: int) -> None:
        super().__init__(machine)
        self.function, self.limit, self.used = function, limit, memory

    def _maxTotalThreadsPerThreadgroup(self) -> int:
        return self.limit

    def _threadExecutionWidth(self) -> int:
        return 32

    def _staticThreadgroupMemoryLength(self) -> int:
        return self.used
