"""The stages that are made for one launch's function constants: LLVM IR and assembly."""

from __future__ import annotations

from typing import Any

from enigma.compile import CompiledKernel

NATIVE = ("llvm", "asm")


def native(compiled: CompiledKernel, stage: str, given: dict[str, Any]) -> str:
    """Return a stage of `NATIVE` for threadgroups of 256 threads along x and these function constants."""
    from enigma.runtime import cpu  # llvmlite is heavy

    make = cpu.llvm_text if stage == "llvm" else cpu.assembly_text
    return make(compiled.program, (256, 1, 1), given)
