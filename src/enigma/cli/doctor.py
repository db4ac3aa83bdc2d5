"""`enigma doctor`: what this machine can do, and what is missing for Metal."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.text import Text

from enigma.cli.options import device_option, json_option
from enigma.debug.doctor import examine
from enigma.lib.selftest import run_checks
from enigma.runtime.base import Runtime
from enigma.runtime.choose import runtime

_SIGNS = {"ok": ("ok", "green"), "absent": ("--", "yellow"), "broken": ("no", "red")}


@click.command()
@json_option
@click.option("--self-test", is_flag=True, help="Run the checks that only a machine with the device can prove.")
@device_option()
@click.pass_context
def command(ctx: click.Context, *, as_json: bool, self_test: bool, device: str | None) -> None:
    """Say what this machine can do, and exactly what is missing for Metal, with the command that mends it.

    The status is 1 if something is broken that should work here.

    \b
    Examples:
      enigma doctor
      enigma doctor --json
      enigma doctor --self-test --device metal
    """
    if self_test:
        _self_test(ctx, runtime(device), as_json=as_json)
        return
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


def _self_test(ctx: click.Context, where: Runtime, *, as_json: bool) -> None:
    """Run the self-test on a runtime; the status is 1 if a check fails."""
    failed, found = 0, list[dict[str, object]]()
    for outcome in run_checks(where):
        failed += not outcome.passed
        if as_json:
            found.append({
                "name": outcome.check.name, "proves": outcome.check.proves, "passed": outcome.passed, "detail": outcome.detail,
                "seconds": outcome.seconds,
            })  # fmt: skip
        else:
            sign, colour = _SIGNS["ok" if outcome.passed else "broken"]
            line = Text.assemble((sign, colour), f"  {outcome.check.name.ljust(20)} {outcome.detail}")
            Console(highlight=False).print(line, soft_wrap=True)
    if as_json:
        click.echo(json.dumps({"device": where.name, "checks": found}, indent=2))
    elif failed:
        click.echo(f"\n{failed} failed on {where.name}: report it, with this output")
    else:
        click.echo(f"\nall checks passed on {where.name}")
    if failed:
        ctx.exit(1)
