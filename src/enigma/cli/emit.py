"""`enigma emit`: one kernel at one stage, coloured on a terminal and plain in a pipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.syntax import Syntax

from enigma.cli.load import aside, load_kernel
from enigma.cli.options import defines_option, definitions, kernel_argument
from enigma.compile import STAGES, CompiledKernel, compile
from enigma.trace.kernel import KernelDef

MATHS = ("default", "fast", "precise")
NATIVE = ("llvm", "asm")
LEXERS = {"ir": "text", "mlir": "llvm", "msl": "cpp", "llvm": "llvm", "asm": "gas"}


@click.command()
@kernel_argument
@click.option("--stage", type=click.Choice(STAGES), default="msl", show_default=True, help="How far to compile.")
@defines_option
@click.option(
    "--math", type=click.Choice(MATHS), help="How exact the float arithmetic is; default: as the kernel says."
)
@click.option("--line-comments", is_flag=True, help="Add the Python line to every line of Metal.")
@click.option("--source-map", is_flag=True, help="Add #line directives to the Metal.")
@click.option("--locations", is_flag=True, help="Add the Python line to every operation of the MLIR.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
def command(
    kernel: str, *, stage: str, defines: tuple[str, ...], math: str | None, line_comments: bool, source_map: bool,
    locations: bool, output: Path | None,
) -> None:  # fmt: skip
    """Print a kernel at one stage of its compilation.

    LLVM IR and assembly are for threadgroups of 256 threads along x, and need the values of function constants.

    \b
    Examples:
      enigma emit kernels.py:saxpy
      enigma emit kernels.py:saxpy --stage mlir --locations
      enigma emit kernels.py:scale -D factor=7 --line-comments -o scale.metal
    """
    constants = definitions(defines)
    found = load_kernel(kernel)
    given = _function_constants(found, constants) if stage in NATIVE else {}
    with aside():
        compiled = compile(
            found, emit_only=True, line_comments=line_comments, source_map=source_map, math=math, **constants
        )
    text = compiled.mlir(locations=True) if locations and stage == "mlir" else _text(compiled, stage, given)
    if output is not None:
        output.write_text(text, encoding="utf-8")
        return
    console = Console()
    if console.is_terminal:
        # no background of its own, and no padding: what is copied from the terminal is the text
        # colours of the terminal's own, which can be read on light and dark
        shown = Syntax(text.rstrip("\n"), LEXERS[stage], theme="ansi_light", background_color="default")
        console.print(shown, soft_wrap=True)
    else:
        click.echo(text.rstrip("\n"))


def _function_constants(kernel: KernelDef, constants: dict[str, Any]) -> dict[str, Any]:
    """Take what names no parameter of the kernel out of `constants`."""
    names = {parameter.name for parameter in kernel.parameters}
    return {name: constants.pop(name) for name in list(constants) if name not in names}


def _text(compiled: CompiledKernel, stage: str, given: dict[str, Any]) -> str:
    return _native(compiled, stage, given) if given else compiled.asm[stage]


def _native(compiled: CompiledKernel, stage: str, given: dict[str, Any]) -> str:
    from enigma.runtime import cpu  # llvmlite is heavy

    make = cpu.llvm_text if stage == "llvm" else cpu.assembly_text
    return make(compiled.program, (256, 1, 1), given)
