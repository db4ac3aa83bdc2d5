"""`enigma explain`: what a launch moves and computes, and what a model says it would cost on each Apple chip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from enigma.cli.arguments import prepare, scalar
from enigma.cli.load import aside
from enigma.cli.options import json_option, kernel_argument, launch_options
from enigma.debug.cost.chips import chips, find


def _known(ctx: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    if name is not None and find(name) is None:
        raise click.BadParameter(
            f"no chip is called {name!r}: the chips are {', '.join(chip.name for chip in chips())}"
        )
    return name


@click.command()
@kernel_argument
@launch_options
@click.option("--chip", metavar="NAME", callback=_known, help='One chip, such as "M2 Max" or m2-max; default: all.')
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with the report.")
@json_option
def command(kernel: str, *, chip: str | None, page: Path | None, as_json: bool, **launch: Any) -> None:
    """Say what a launch moves and computes, and what it would cost on each Apple chip.

    It is a model: bytes and operations are counted, registers, occupancy and times are estimates. Nothing is run.

    \b
    Examples:
      enigma explain kernels.py:saxpy --grid 1000000 --arg a=2 --arg n=1000000
      enigma explain kernels.py:matmul --grid 512,512 --threads 16,16 --chip m2-max --json
      enigma explain kernels.py:matmul --grid 512,512 --threads 16,16 --html matmul.html
    """
    from enigma.debug.cost.explain import explain  # NumPy's simulator is heavy

    ready = prepare(kernel, **launch)
    scalars = {x.name: scalar(x, ready.arguments[x.name]) for x in ready.program.scalars}
    with aside():
        report = explain(
            ready.kernel, grid=ready.grid, threads=ready.threads, scalars=scalars, constants=ready.constants, chip=chip
        )
    if page is not None:
        page.write_text(report.html(), encoding="utf-8")
        click.echo(f"written to {page}", err=True)
    click.echo(report.to_json() if as_json else report.text())
