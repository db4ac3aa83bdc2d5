"""LLVM IR text to object code, and object code to addresses that can be called."""

# llvmlite carries no types.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count

import llvmlite.binding as llvm

from enigma.errors import InternalError
from enigma.runtime.native.host import host

DEFAULT_OPT = 2

# LLVM's own lock covers one call, not a sequence of calls, and would stay locked in a child forked during a call.
_lock = threading.RLock()
_library_numbers = count()


@dataclass(frozen=True, slots=True)
class _Level:
    """What one optimisation level does: function passes by llvmlite's method names, then code generation."""

    passes: tuple[str, ...]
    codegen: int


# Vectorizers and unrollers are left out on purpose: the IR arrives vectorized, and they multiply the compile time.
_LEVELS = {
    0: _Level((), 0),
    1: _Level(("add_sroa_pass",), 1),
    2: _Level(("add_sroa_pass", "add_instruction_combine_pass", "add_simplify_cfg_pass"), 2),
    3: _Level(
        (
            "add_sroa_pass",
            "add_instruction_combine_pass",
            "add_simplify_cfg_pass",
            "add_new_gvn_pass",
            "add_loop_rotate_pass",
            "add_instruction_combine_pass",
            "add_simplify_cfg_pass",
        ),
        3,
    ),
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """Machine code in memory and the addresses of its symbols; the code goes away with the last reference to this."""

    name: str
    _addresses: dict[str, int]
    _tracker: llvm.ResourceTracker = field(repr=False)

    def address(self, symbol: str) -> int:
        """Return the address of a symbol that was named when the code was loaded."""
        try:
            return self._addresses[symbol]
        except KeyError:
            known = ", ".join(sorted(self._addresses)) or "nothing"
            raise InternalError(f"{symbol} was not exported by {self.name}, which exports {known}") from None


def compile_object(ir_text: str, *, opt: int = DEFAULT_OPT) -> bytes:
    """Return the object file that a module's text compiles to on this host.

    `opt` 0 is the fastest to compile (code 1.3-3 times slower), 2 the usual choice, 3 the most thorough. The text needs
    no triple and no data layout. Text that LLVM refuses raises InternalError with the line it refuses.
    """
    level = _level(opt)
    with _optimized(ir_text, level) as module:
        return _machine(level.codegen).emit_object(module)


def optimized_text(ir_text: str, *, opt: int = DEFAULT_OPT) -> str:
    """Return a module's text after the passes of `compile_object`."""
    with _optimized(ir_text, _level(opt)) as module:
        return str(module)


def assembly(ir_text: str, *, opt: int = DEFAULT_OPT) -> str:
    """Return the assembly text that a module compiles to on this host."""
    level = _level(opt)
    with _optimized(ir_text, level) as module:
        return _machine(level.codegen).emit_assembly(module)


def load(objects: Sequence[bytes], symbols: Sequence[str]) -> Loaded:
    """Link object files together, and with this process, and return the addresses of `symbols`.

    Each call makes a library of its own: two loaded objects may define the same symbol. A missing symbol, and bytes
    that are no object file of this host, raise InternalError.
    """
    with _lock:
        name = f"enigma.{next(_library_numbers)}"
        builder = llvm.JITLibraryBuilder()
        for image in objects:
            builder.add_object_img(image)
        builder.add_current_process()
        for symbol in symbols:
            builder.export_symbol(symbol)
        try:
            tracker = builder.link(_linker(), name)
        except RuntimeError as error:
            raise InternalError(f"native code could not be linked: {error}") from error
        return Loaded(name, {symbol: int(tracker[symbol]) for symbol in symbols}, tracker)


def _level(opt: int) -> _Level:
    try:
        return _LEVELS[opt]
    except KeyError:
        known = ", ".join(map(str, _LEVELS))
        raise InternalError(f"there is no optimisation level {opt!r} (there are {known})") from None


@contextmanager
def _optimized(ir_text: str, level: _Level) -> Generator[llvm.ModuleRef, None, None]:
    """Parse, verify and optimise in a context of its own, so that types and constants are freed with the module."""
    machine = _machine(level.codegen)
    # One line with the first line of the text: the line numbers of messages stay those of the text.
    prefix = f'target datalayout = "{machine.target_data}" target triple = "{host().triple}" '
    with _lock:
        context = llvm.create_context()
        try:
            module = llvm.parse_assembly(prefix + ir_text, context)
        except RuntimeError as error:
            raise InternalError(_parse_failure(str(error), ir_text)) from error
        with module:
            try:
                module.verify()
            except RuntimeError as error:
                raise InternalError(f"generated LLVM IR does not verify: {str(error).strip()}") from error
            _run_passes(module, machine, level.passes)
            yield module


def _run_passes(module: llvm.ModuleRef, machine: llvm.TargetMachine, passes: Sequence[str]) -> None:
    if not passes:
        return
    manager = llvm.create_new_function_pass_manager()
    for name in passes:
        add: Callable[[], None] = getattr(manager, name)
        add()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, builder)


def _parse_failure(message: str, ir_text: str) -> str:
    """Return LLVM's complaint with the line of the text that it is about."""
    found = re.search(r"<string>:(\d+):\d+: error: ([^\n]*)", message)
    if found is None:
        return f"generated LLVM IR does not parse: {message.strip()}"
    number = int(found[1])
    lines = ir_text.splitlines() or [""]
    line = lines[min(number, len(lines)) - 1]
    return f"generated LLVM IR does not parse: line {number}: {found[2]}\n    {line.strip()}"


@cache
def _native_target() -> llvm.Target:
    with _lock:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        return llvm.Target.from_triple(host().triple)


@cache
def _machine(codegen: int) -> llvm.TargetMachine:
    with _lock:
        here = host()
        return _native_target().create_target_machine(
            cpu=here.cpu, features=here.features, opt=codegen, reloc="pic", codemodel="jitdefault", jit=True
        )


@cache
def _linker() -> llvm.LLJIT:
    # The linker takes over the machine it is given, so it gets one of its own.
    here = host()
    machine = _native_target().create_target_machine(
        cpu=here.cpu, features=here.features, opt=2, reloc="pic", codemodel="jitdefault", jit=True
    )
    return llvm.create_lljit_compiler(machine)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)
