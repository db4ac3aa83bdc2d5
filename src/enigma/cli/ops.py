"""`enigma ops`: every operation of the language, its dtypes, its Metal, and where it runs."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich import box
from rich.console import Console
from rich.table import Table

from enigma.cli.options import json_option
from enigma.debug.support import Support, support


@click.command()
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("--family", help="Only this family, such as math or atomics.")
@json_option
def command(words: tuple[str, ...], *, family: str | None, as_json: bool) -> None:
    """List the operations, their dtypes, their Metal, and on which targets they run.

    WORDs keep the operations that have them in their name, text or meaning.

    \b
    Examples:
      enigma ops
      enigma ops shuffle
      enigma ops --family math
      enigma ops exp --json
    """
    rows = support()
    families = list(dict.fromkeys(row.family for row in rows))
    if family is not None and family not in families:
        raise click.BadParameter(
            f"there is no family {family!r}: they are {', '.join(families)}", param_hint="--family"
        )
    rows = [row for row in rows if family in (None, row.family) and all(_has(row, word.lower()) for word in words)]
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
    if not rows:
        raise click.ClickException(f"no operation has {' and '.join(map(repr, words))} in its name or meaning")
    if not as_json:
        Console(highlight=False).print(_table(rows))


def _has(row: Support, word: str) -> bool:
    return any(word in text.lower() for text in (row.name, row.write, row.meaning, row.metal))


def _table(rows: list[Support]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, caption=f"{len(rows)} operations; all run on the simulator", caption_justify="left"
    )
    for heading in ("write", "meaning", "dtypes", "Metal", "CPU"):
        table.add_column(heading, overflow="fold")
    last = ""
    for row in rows:
        if row.family != last:
            table.add_section()
            table.add_row(f"[bold]{row.family}[/]")
            last = row.family
        cells = (row.write or f"({row.name})", row.meaning, row.dtypes, row.metal.replace("`", ""), row.cpu)
        table.add_row(*(cell.replace("[", r"\[") for cell in cells))
    return table
