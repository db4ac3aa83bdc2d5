"""`enigma emit`: one kernel at one stage, coloured on a terminal and plain in a pipe."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.syntax import Syntax

from enigma.cli.load import aside, load_kernel
from enigma.cli.native import NATIVE, native
from enigma.cli.options import defines_option, definitions, function_constants, kernel_argument
from enigma.compile import STAGES, compile

MATHS = ("default", "fast", "precise")
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
    given = function_constants(found, constants) if stage in NATIVE else {}
    with aside():
        compiled = compile(
            found, emit_only=True, line_comments=line_comments, source_map=source_map, math=math, **constants
        )
    if given:
        text = native(compiled, stage, given)
    else:
        text = compiled.mlir(locations=True) if locations and stage == "mlir" else compiled.asm[stage]
    if output is not None:
        output.write_text(text, encoding="utf-8")
        return
    console = Console()
    if console.is_terminal:
        # no background of its own, and no padding: what is copied from the terminal is the text; and
        # colours of the terminal's own, which can be read on light and dark
        shown = Syntax(text.rstrip("\n"), LEXERS[stage], theme="ansi_light", background_color="default")
        console.print(shown, soft_wrap=True)
    else:
        click.echo(text.rstrip("\n"))
