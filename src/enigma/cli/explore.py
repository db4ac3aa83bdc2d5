"""`enigma explore`: writes the page that shows every stage of a kernel side by side."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import click

from enigma.cli.load import aside, load_kernel
from enigma.cli.options import defines_option, definitions, function_constants, json_option, kernel_argument, sizes
from enigma.compile import compile


@click.command()
@kernel_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write; default: KERNEL.html.")
@click.option("--grid", metavar="X[,Y[,Z]]", help="Threads per axis in all, for the tab about the launch.")
@click.option("--threads", metavar="X[,Y[,Z]]", default="256", show_default=True, help="Threads of a threadgroup.")
@click.option("--open", "opened", is_flag=True, help="Open it in the browser.")
@defines_option
@json_option
def command(
    kernel: str,
    *,
    output: Path | None,
    grid: str | None,
    threads: str,
    opened: bool,
    defines: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write one HTML file with every stage of a kernel side by side.

    The file needs no network: Python, traced IR, MLIR after each pass, Metal and LLVM IR, the same operation linked through
    all of them, and tabs for the launch and for memory accesses.

    \b
    Examples:
      enigma explore kernels.py:saxpy --open
      enigma explore kernels.py:matmul --grid 512,512 --threads 16,16 -o matmul.html
    """
    constants = definitions(defines)
    with aside():
        found = load_kernel(kernel)
        given = function_constants(found, constants)
        compiled = compile(found, emit_only=True, **constants)
    path = compiled.explore(
        output, grid=sizes(grid, "--grid"), threads=sizes(threads, "--threads"), constants=given or None
    )
    if as_json:
        click.echo(json.dumps({"kernel": compiled.kernel_name, "path": str(path), "bytes": path.stat().st_size}))
    else:
        click.echo(f"written to {path}")
    if opened:
        webbrowser.open(path.resolve().as_uri())
