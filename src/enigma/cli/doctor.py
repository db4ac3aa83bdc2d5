"""`enigma doctor`: what this machine can do, and what is missing for Metal."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.text import Text

from enigma.cli.options import json_option
from enigma.debug.doctor import examine

_SIGNS = {"ok": ("ok", "green"), "absent": ("--", "yellow"), "broken": ("no", "red")}


@click.command()
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Say what this machine can do, and exactly what is missing for Metal, with the command that mends it.

    The status is 1 if something is broken that should work here.

    \b
    Examples:
      enigma doctor
      enigma doctor --json
    """
    checks = examine()
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        console, part = Console(highlight=False), ""
        for check in checks:
            if check.part != part:
                part = check.part
                console.print(Text(f"\n{part}", style="bold"))
            sign, colour = _SIGNS[check.state]
            console.print(
                Text.assemble("  ", (sign, colour), f"  {check.name.ljust(16)} {check.found}"), soft_wrap=True
            )
            if check.mend:
                console.print(Text(f"        mend: {check.mend}", style="cyan"), soft_wrap=True)
        console.print()
    if any(check.state == "broken" for check in checks):
        ctx.exit(1)
