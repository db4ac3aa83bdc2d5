"""`enigma cache`: what the disk cache of compiled kernels holds."""

from __future__ import annotations

import json
from datetime import datetime

import click

from enigma.cli.options import json_option
from enigma.runtime.cache import DiskCache, default_folder


@click.command()
@click.option("--clear", is_flag=True, help="Remove every entry.")
@click.option("--list", "listed", is_flag=True, help="List every entry: key, bytes, when it was written.")
@json_option
def command(*, clear: bool, listed: bool, as_json: bool) -> None:
    """Show what the disk cache of compiled kernels holds, or clear it.

    \b
    Examples:
      enigma cache
      enigma cache --list
      enigma cache --clear
    """
    store = DiskCache(default_folder())
    removed = store.clear() if clear else 0
    entries = store.entries()
    size = sum(entry.size for entry in entries)
    if as_json:
        rows = [{"key": entry.key, "bytes": entry.size, "written": entry.mtime} for entry in entries]
        click.echo(
            json.dumps({"folder": str(store.folder), "removed": removed, "bytes": size, "entries": rows}, indent=2)
        )
        return
    if clear:
        click.echo(f"removed {removed} {_entries(removed)} from {store.folder}")
        return
    if listed:
        for entry in entries:
            written = datetime.fromtimestamp(entry.mtime).strftime("%Y-%m-%d %H:%M:%S")
            click.echo(f"{entry.key}  {entry.size:>9}  {written}")
    click.echo(f"{len(entries)} {_entries(len(entries))}, {size / 1024:.1f} KiB in {store.folder}")


def _entries(count: int) -> str:
    return "entry" if count == 1 else "entries"
