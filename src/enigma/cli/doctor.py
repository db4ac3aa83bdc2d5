"""`enigma doctor`: what this machine can do, and what is missing for Metal."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.text import Text

from enigma import config
from enigma.cli.options import device_option, json_option
from enigma.cli.validated import again
from enigma.debug.doctor import examine
from enigma.lib.selftest import run_checks, stray
from enigma.lib.selftest_kernels import strays
from enigma.runtime.base import Runtime
from enigma.runtime.choose import runtime

_SIGNS = {"ok": ("ok", "green"), "absent": ("--", "yellow"), "broken": ("no", "red")}


@click.command()
@json_option
@click.option("--self-test", is_flag=True, help="Run the checks that only a machine with the device can prove.")
@click.option(
    "--validate", is_flag=True, help="Run the self-test with Metal's shader validation, which checks every access."
)
@device_option()
@click.pass_context
def command(ctx: click.Context, *, as_json: bool, self_test: bool, validate: bool, device: str | None) -> None:
    """Say what this machine can do, and exactly what is missing for Metal, with the command that mends it.

    The status is 1 if something is broken that should work here.

    \b
    Examples:
      enigma doctor
      enigma doctor --json
      enigma doctor --self-test --device metal
      enigma doctor --self-test --device metal --validate
    """
    if validate and not self_test:
        raise click.UsageError("--validate is about the self-test: write --self-test --validate")
    if validate and not config.shader_validation():
        _validated(ctx)
    elif self_test:
        where = runtime("metal" if validate else device)
        if validate:
            stray(where)
        _self_test(ctx, where, as_json=as_json)
    else:
        _examine(ctx, as_json=as_json)


def _examine(ctx: click.Context, *, as_json: bool) -> None:
    """Show what there is; the status is 1 if something is broken."""
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


def _validated(ctx: click.Context) -> None:
    """Run the self-test with shader validation; the status is 1 if a check fails, or an access is reported."""
    done = again()
    click.echo(done.output, nl=False)
    found = [one for one in done.reports if one.kernel != strays.name]
    for one in found:
        click.echo(
            f"no  {one.kernel}: invalid {one.what} at byte {one.offset}, line {one.line} of its Metal source", err=True
        )
    if len(found) == len(done.reports):
        click.echo(
            "no  shader validation does not report a kernel that leaves its buffer: nothing was checked", err=True
        )
    elif not found:
        click.echo("shader validation reports a kernel that leaves its buffer, and none of the checks")
        ctx.exit(done.status)
    ctx.exit(done.status or 1)


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
