"""`enigma compare`: a kernel on several runtimes, against one another and an oracle."""

from __future__ import annotations

from typing import Any

import click

from enigma.cli.arguments import prepare
from enigma.cli.load import aside
from enigma.cli.options import json_option, kernel_argument, launch_options, targets_option
from enigma.debug.compare import compare


@click.command()
@kernel_argument
@launch_options
@targets_option("Runtimes, separated by commas.")
@click.option(
    "--oracle", metavar="FUNCTION", help="A function of the file: gets the arguments, returns what is to be written."
)
@click.option("--rtol", type=click.FloatRange(0), help="Relative error allowed; default: by dtype.")
@click.option("--atol", type=click.FloatRange(0), help="Absolute error allowed; default: by dtype.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, kernel: str, *, targets: list[str], oracle: str | None, rtol: float | None, atol: float | None,
    as_json: bool, **launch: Any,
) -> None:  # fmt: skip
    """Run a kernel on several runtimes and show the first element that differs, with the Python lines that made it.

    The status is 1 if anything differs.

    \b
    Examples:
      enigma compare kernels.py:saxpy --size 1000 --arg a=2 --arg n=1000
      enigma compare kernels.py:saxpy --inputs make_inputs --oracle expected
      enigma compare kernels.py:saxpy --inputs make_inputs --targets sim,cpu,metal --json
    """
    ready = prepare(kernel, **launch)
    expected = None if oracle is None else ready.loaded.function(oracle, "--oracle")
    if expected is None and len(targets) == 1:
        raise click.BadParameter(
            f"there is nothing to compare {targets[0]} with: name another, or give an --oracle", param_hint="--targets"
        )
    with aside():
        found = compare(
            ready.kernel, list(ready.arguments.values()), grid=ready.grid, threads=ready.threads,
            targets=targets, oracle=expected, constants=ready.constants, rtol=rtol, atol=atol,
        )  # fmt: skip
    click.echo(found.to_json() if as_json else str(found))
    ctx.exit(0 if found.ok else 1)
