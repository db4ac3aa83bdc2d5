"""`enigma export`: a kernel as a folder that can be shipped without enigma."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from enigma.cli.arguments import prepare
from enigma.cli.load import aside
from enigma.cli.options import function_constants, json_option, kernel_argument, launch_options
from enigma.export.api import write
from enigma.export.bundle import Tolerance
from enigma.export.subject import DEVICES, Subject, bundle
from enigma.export.table import TARGETS, target


def _targets() -> str:
    return "; ".join(f"{each.name}: {each.help}" for each in TARGETS.values())


@click.command()
@kernel_argument
@click.option("--to", required=True, type=click.Choice(list(TARGETS)), help=f"What the folder is for. {_targets()}.")
@launch_options
@click.option("-o", "--out", type=click.Path(path_type=Path), help="The folder to write; default: KERNEL-TARGET.")
@click.option("--overwrite", is_flag=True, help="Write into a folder that holds something.")
@click.option(
    "--device", type=click.Choice(DEVICES), default="sim", show_default=True,
    help="What computes the reference: sim refuses a launch that goes wrong, cpu is quick.",
)  # fmt: skip
@click.option("--rtol", type=click.FloatRange(0), help="Relative tolerance of floats; default: by dtype and math.")
@click.option("--atol", type=click.FloatRange(0), help="Absolute tolerance.")
@json_option
def command(
    kernel: str, *, to: str, out: Path | None, overwrite: bool, device: str, rtol: float | None, atol: float | None,
    as_json: bool, **launch: Any,
) -> None:  # fmt: skip
    """Write a kernel as a folder that can be shipped: its Metal, host code, and a launch to test it by.

    The launch is described as for `enigma run`; its arrays before and after are part of the folder. Nothing in it needs enigma.

    \b
    Examples:
      enigma export kernels.py:saxpy --to msl --size 1000 --arg a=2.5
      enigma export kernels.py:blur --to json --arg x='random((64, 64))' --grid 64,64 --out blur
      enigma export kernels.py:saxpy --to swift --inputs make_inputs --out Saxpy --overwrite
    """
    wanted = target(to)
    ready = prepare(kernel, **launch)
    constants = function_constants(ready.kernel, dict(ready.constants))
    launched = Subject(ready.program, list(ready.arguments.values()), ready.grid, ready.threads, constants or None)
    with aside():
        made = bundle(launched, device, Tolerance(rtol, atol))
        files = wanted.files(made)
    folder = out if out is not None else Path(f"{made.name}-{to}")
    write(folder, files, overwrite=overwrite)
    if as_json:
        click.echo(json.dumps({"kernel": made.name, "to": to, "path": str(folder), "files": sorted(files)}, indent=2))
        return
    click.echo(f"written to {folder}:")
    for name in sorted(files):
        click.echo(f"  {name}")
