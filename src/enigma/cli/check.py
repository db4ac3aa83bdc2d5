"""`enigma check`: a checked run in the simulator, and everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from enigma.cli.arguments import prepare
from enigma.cli.load import aside
from enigma.cli.options import function_constants, json_option, kernel_argument, launch_options, rounds_option
from enigma.compile import compile
from enigma.debug.check import MAX_ROUNDS, check


@click.command()
@kernel_argument
@launch_options
@click.option("--nan", is_flag=True, help="Also tell where NaN is born.")
@click.option("--schedules", type=click.IntRange(1), default=2, show_default=True, help="Orders of threads to try.")
@click.option("--strict", is_flag=True, help="Fail too where the order of threads shows in a buffer.")
@rounds_option(MAX_ROUNDS)
@click.option(
    "--explore",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the stage explorer with the findings.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    kernel: str,
    *,
    nan: bool,
    schedules: int,
    strict: bool,
    max_rounds: int,
    page: Path | None,
    as_json: bool,
    **launch: Any,
) -> None:
    """Run a kernel in the simulator and tell everything that is wrong: where, which thread, which element.

    Races, indices outside of buffers, uninitialised reads, outputs never written, barriers that not all threads reach,
    numbers that Metal leaves undefined. The status is 1 if something was found; that a buffer depends on the order of
    threads, as a sum of floats by atomic operations does, is a note that counts with --strict only.

    \b
    Examples:
      enigma check kernels.py:saxpy --size 1000 --arg a=2 --arg n=1000
      enigma check kernels.py:matmul --inputs make_inputs --explore matmul.html
      enigma check kernels.py:matmul --inputs make_inputs --json
    """
    ready = prepare(kernel, **launch)
    with aside():
        report = check(
            ready.kernel, *ready.arguments.values(), grid=ready.grid, threads=ready.threads, constants=ready.constants,
            check="everything" if nan else True, schedules=schedules, seed=launch["seed"],
            max_rounds=max_rounds,
        )  # fmt: skip
    if page is not None:
        constants = dict(ready.constants)
        given = function_constants(ready.kernel, constants)
        with aside():
            compiled = compile(ready.kernel, emit_only=True, **constants)
        path = compiled.explore(
            page, grid=ready.grid, threads=ready.threads or (256, 1, 1), report=report, constants=given
        )
        click.echo(f"written to {path}", err=True)
    if as_json:
        click.echo(report.to_json())
    else:
        console = Console(highlight=False)
        console.print(report if console.is_terminal else str(report), soft_wrap=True, markup=False)
    ctx.exit(0 if report.ok and not (strict and report.order_differences) else 1)
