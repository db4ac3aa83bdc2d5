"""`enigma run`: a kernel on arrays that the command line describes, and what it wrote."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from enigma import config
from enigma.cli.arguments import Launch, prepare
from enigma.cli.guarded import guarded, is_program
from enigma.cli.load import aside
from enigma.cli.options import device_option, json_option, kernel_argument, launch_options
from enigma.cli.validated import again
from enigma.debug.compare import plain
from enigma.runtime.choose import runtime
from enigma.runtime.metal.reported import findings

_SHOWN = 8
_NUMBERS = ("min", "max", "mean", "first")


@click.command()
@kernel_argument
@launch_options
@device_option()
@click.option("--validate", is_flag=True, help="Run on Metal with its shader validation, which checks every access.")
@click.option("--here", is_flag=True, help="Run in this very process, for a debugger; a wrong access may end it.")
@click.option("--save", metavar="NAME=FILE.npy", multiple=True, help="Write a buffer after the run.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    kernel: str,
    *,
    device: str | None,
    save: tuple[str, ...],
    as_json: bool,
    validate: bool,
    here: bool,
    **launch: Any,
) -> None:
    """Run a kernel on arrays and show what it wrote.

    Buffers that are not given are random numbers where they are only read, and zeros where they are written.

    \b
    Examples:
      enigma run kernels.py:saxpy --size 1000 --arg a=2.5
      enigma run kernels.py:blur --arg x='random((64, 64))' --grid 64,64 --threads 16,16
      enigma run kernels.py:saxpy --inputs make_inputs --device sim --save y=y.npy
    """
    if not here and not validate and is_program(ctx) and runtime(device).name == "cpu":
        ctx.exit(guarded(kernel))
    ready = prepare(kernel, **launch)
    if validate:
        device = "metal"
        if not config.shader_validation():
            raise click.exceptions.Exit(_validated(ready, as_json=as_json))
    kept = [_save(text, list(ready.arguments)) for text in save]
    where = runtime(device)
    with aside() if as_json else nullcontext():
        ready.kernel.launch(
            *ready.arguments.values(),
            grid=ready.grid,
            threads=ready.threads,
            constants=ready.constants,
            device=where.name,
        )
    for name, path in kept:
        try:
            np.save(path, ready.arguments[name])
        except OSError as error:
            raise click.ClickException(f"{path}: {(error.strerror or str(error)).lower()}") from error
    facts = [_facts(name, ready.arguments[name]) for name in ready.written]
    if as_json:
        facts = [{**each, **{key: plain(each[key]) for key in _NUMBERS}} for each in facts]
        click.echo(json.dumps({"kernel": ready.kernel.name, "device": where.name, "written": facts}, indent=2))
        return
    table = Table(box=box.SIMPLE, title=f"{ready.kernel.name} on {where.name} wrote", title_justify="left")
    for heading in ("buffer", "dtype", "shape", "min", "max", "mean", "NaN"):
        table.add_column(heading, overflow="fold")
    for each in facts:
        numbers = (f"{each[key]:.6g}" if each[key] is not None else "" for key in ("min", "max", "mean"))
        shape = "x".join(map(str, each["shape"]))
        table.add_row(each["name"], each["dtype"], shape, *numbers, str(each["nan"]))
    console = Console(highlight=False)
    console.print(table)
    for each in facts:
        first = " ".join(f"{value:.6g}" for value in each["first"])
        console.print(f"  {each['name']} begins: {first}", markup=False, soft_wrap=True)


def _validated(ready: Launch, *, as_json: bool) -> int:
    """Run this command with shader validation, show what that found, and return the status."""
    done = again()
    found = findings(done.reports, [ready.program])
    if as_json:
        facts: dict[str, Any] = json.loads(done.output) if done.output.strip() else {}
        click.echo(json.dumps({**facts, "findings": [one.as_dict() for one in found]}, indent=2))
    else:
        click.echo(done.output, nl=False)
        for one in found:
            click.echo(str(one), err=True)
        click.echo(f"shader validation: {len(found) or 'nothing'} found", err=True)
    return done.status or int(bool(done.reports))


def _save(text: str, names: list[str]) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or name not in names or not path.endswith(".npy"):
        raise click.BadParameter(
            f"{text!r} is not NAME=FILE.npy with a parameter ({', '.join(names)})", param_hint="--save"
        )
    return name, Path(path)


def _facts(name: str, array: Any) -> dict[str, Any]:
    flat = np.asarray(array).reshape(-1)
    wide = flat if flat.dtype.kind in "iu" else flat.astype(np.float64)
    right = wide[~np.isnan(wide)]
    some = bool(right.size)
    return {
        "name": name, "dtype": str(flat.dtype), "shape": list(np.asarray(array).shape),
        "min": right.min().item() if some else None, "max": right.max().item() if some else None,
        "mean": right.mean().item() if some else None, "nan": int(wide.size - right.size),
        "first": tuple(wide[:_SHOWN].tolist()),
    }  # fmt: skip
