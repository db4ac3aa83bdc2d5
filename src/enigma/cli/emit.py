"""`enigma emit`: one kernel at one stage, coloured on a terminal and plain in a pipe."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.syntax import Syntax

from enigma.cli.load import load_kernel
from enigma.compile import CompiledKernel, compile
from enigma.trace.kernel import KernelDef

NATIVE = ("llvm", "asm")
LEXERS = {"ir": "text", "mlir": "llvm", "msl": "cpp", "llvm": "llvm", "asm": "gas"}


def show(name: str, stage: str, defines: Sequence[str], *, math: str | None, line_comments: bool) -> None:
    """Print the text of a stage of the kernel `FILE.py:KERNEL`. Raises `click.ClickException` for what is not there."""
    constants = dict(_define(text) for text in defines)
    kernel = load_kernel(name)
    given = _function_constants(kernel, constants) if stage in NATIVE else {}
    compiled = compile(kernel, emit_only=True, line_comments=line_comments, math=math, **constants)
    text = _native(compiled, stage, given) if given else compiled.asm[stage]
    console = Console()
    if console.is_terminal:
        # no background of its own, and no padding: what is copied from the terminal is the text
        console.print(Syntax(text.rstrip("\n"), LEXERS[stage], background_color="default"), soft_wrap=True)
    else:
        click.echo(text.rstrip("\n"))


def _function_constants(kernel: KernelDef, constants: dict[str, Any]) -> dict[str, Any]:
    """Take what names no parameter of the kernel out of `constants`."""
    names = {parameter.name for parameter in kernel.parameters}
    return {name: constants.pop(name) for name in list(constants) if name not in names}


def _native(compiled: CompiledKernel, stage: str, given: dict[str, Any]) -> str:
    from enigma.runtime import cpu  # llvmlite is heavy

    make = cpu.llvm_text if stage == "llvm" else cpu.assembly_text
    return make(compiled.program, (256, 1, 1), given)


def _define(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--define")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError) as error:
        raise click.BadParameter(f"{value!r} is no Python number or string", param_hint="--define") from error
