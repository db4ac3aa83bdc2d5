"""`enigma errors`: what an error or a finding means, with a wrong and a right kernel."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

import enigma
from enigma.mistakes import page_of, pages
from enigma.spec.terms import Fault

_PLACE = re.compile(r"(?:[\w.]+(?:Error|Warning): )?(?:\S+:\d+:\d+: (?:error|warning): )?")
"""What stands in front of a message in a traceback."""


@click.command()
@click.argument("words", nargs=-1, metavar="[PAGE | TEXT]...")
def command(words: tuple[str, ...]) -> None:
    """Explain an error or a finding, with a wrong and a right kernel.

    PAGE is the name that a traceback ends in, or the kind of a finding; TEXT is a message, or a word of one. Without either, all
    pages are listed.

    \b
    Examples:
      enigma errors
      enigma errors implicit-conversion
      enigma errors data-race
      enigma errors "exp takes f32, f16 or bf16, but x is i32"
      enigma errors texture
    """
    files = {name: _folder("errors") / f"{name}.md" for name in pages()}
    files |= {str(fault): _folder("findings") / f"{fault}.md" for fault in Fault}
    text = " ".join(words).strip()
    if text in files:
        found = [text]
    elif (page := page_of(_PLACE.sub("", text.split("\n")[0], count=1))) is not None:
        found = [page]
    else:
        asked = text.lower().split()
        found = [name for name in files if all(word in _about(name, files[name]) for word in asked)]
    if not found:
        raise click.ClickException(f"no page is about {text!r}\n  help: `enigma errors` lists all pages")
    if len(found) == 1:
        _show(files[found[0]].read_text(encoding="utf-8"))
        return
    width = max(map(len, found))
    for name in found:
        click.echo(f"{name:{width}}  {summary(files[name])}")


def _folder(name: str) -> Path:
    """Return where the pages of this installation lie: in the package, or in the repository that it is."""
    package = Path(enigma.__file__).parent
    for root in (package, package.parents[1]):
        if (found := root / "docs" / name).is_dir():
            return found
    raise click.ClickException(
        f"the pages are missing from {package / 'docs'}\n  help: install enigma again, from a wheel or its repository"
    )


def _about(name: str, path: Path) -> str:
    """Return what words are looked for in: the name of a page, its texts, and its first lines."""
    return "\n".join((name, *pages().get(name, ()), summary(path))).lower()


def summary(path: Path) -> str:
    """Return the first sentence of a page, as far as a colon."""
    paragraph = path.read_text(encoding="utf-8").split("\n\n")[1].replace("\n", " ")
    return paragraph.split(". ")[0].split(": ")[0].rstrip(".")


def _show(text: str) -> None:
    """Print a page: in colour on a terminal, as it is in a pipe."""
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    from rich.console import Console  # heavy, and only for a terminal
    from rich.markdown import Markdown

    Console().print(Markdown(text))
