"""`enigma diff`: two kernels, or two versions of one, at a stage of their compilation."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from enigma.cli.load import alone, aside, load_kernel
from enigma.cli.native import NATIVE, native
from enigma.cli.options import defines_option, definitions, function_constants, json_option
from enigma.cli.revision import checked_out, parse
from enigma.compile import STAGES, compile
from enigma.debug.diff import Diff, diff_texts, stage_text

_TEXTS = {".metal": "msl", ".mlir": "mlir", ".ll": "llvm", ".ir": "ir", ".s": "asm", ".txt": "text"}
"""The stage of a text that was kept, by its name."""

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command()
@click.argument("left", metavar="A")
@click.argument("right", metavar="B")
@click.option("--stage", type=click.Choice(STAGES), default="msl", show_default=True, help="The stage to compare at.")
@click.option(
    "--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with the two side by side."
)
@defines_option
@json_option
@click.pass_context
def command(
    ctx: click.Context, *, left: str, right: str, stage: str, page: Path | None, defines: tuple[str, ...], as_json: bool
) -> None:
    """Show how two kernels, or two versions of one, differ at a stage.

    A and B are FILE.py:KERNEL, that at a git revision, FILE.py:KERNEL@REVISION, or texts kept before, also at a revision.
    The status is 0 if they are the same, and 1 if not, as of diff.

    \b
    Examples:
      enigma diff kernels.py:naive kernels.py:tiled
      enigma diff kernels.py:saxpy@HEAD~1 kernels.py:saxpy
      enigma diff kernels.py:saxpy@v1.0 kernels.py:saxpy@main --stage mlir
      enigma diff old/kernels.py:saxpy kernels.py:saxpy --json
      enigma diff build/v1/saxpy.metal kernels.py:saxpy --html saxpy.html
    """
    texts = [_text(name, stage, defines) for name in (left, right)]
    # two texts kept before are of the stage that their names say
    kinds = {_TEXTS.get(_suffix(name), stage) for name in (left, right)}
    found = diff_texts(texts[0], texts[1], (left, right), kinds.pop() if len(kinds) == 1 else stage)
    if page is not None:
        page.write_text(found.html(), encoding="utf-8")
        click.echo(f"written to {page}", err=True)
    if as_json:
        click.echo(found.to_json())
    else:
        _show(found)
    ctx.exit(0 if found.same else 1)


def _show(found: Diff) -> None:
    console = Console(highlight=False)
    for line in found.lines():
        console.print(Text(line, style=_COLOURS.get(line[:1], "")), soft_wrap=True)


def _suffix(name: str) -> str:
    wanted = parse(name)
    return (Path(name) if wanted is None else wanted.file).suffix


def _text(name: str, stage: str, defines: tuple[str, ...]) -> str:
    wanted = parse(name)
    if wanted is None:
        return _text_here(name, stage, defines)
    with checked_out(wanted) as found:
        return _text_here(found, stage, defines)


def _text_here(name: str, stage: str, defines: tuple[str, ...]) -> str:
    path = Path(name)
    if path.suffix in _TEXTS:
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise click.ClickException(f"{name}: it is no text") from error
    with alone(), aside():
        kernel, constants = load_kernel(name), definitions(defines)
        given = function_constants(kernel, constants) if stage in NATIVE else {}
        compiled = compile(kernel, emit_only=True, **constants)
        return native(compiled, stage, given) if given else stage_text(compiled, stage)
