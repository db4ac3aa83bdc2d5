"""The program of a kernel that a tool looks at without launching it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enigma.errors import EnigmaTypeError
from enigma.runtime.constants import specialised
from enigma.runtime.program import Program
from enigma.source import caller
from enigma.trace.kernel import KernelDef


def program_of(tool: str, kernel: Any, constants: Mapping[Any, Any] | None) -> Program:
    """Return the program of a kernel with the values of its constexpr parameters and function constants.

    Raises `EnigmaTypeError`, which names the tool, for something that is no kernel.
    """
    if not isinstance(kernel, KernelDef):
        raise EnigmaTypeError(
            f"{tool} takes a kernel, but it got {kernel!r}",
            loc=caller(),
            help="decorate the function with @enigma.kernel",
        )
    given = dict(constants or {})
    constexprs = {parameter.name for parameter in kernel.parameters if parameter.name in given}
    traced = kernel.trace({name: given.pop(name) for name in constexprs})
    return specialised(Program(traced), given or None)
