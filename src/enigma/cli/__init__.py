"""The command line: `enigma demo`, `enigma emit`, `enigma cache`."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import click

from enigma._version import __version__
from enigma.errors import EnigmaError, InternalError

STAGES = ("ir", "mlir", "msl", "llvm", "asm")
MATHS = ("default", "fast", "precise")


class Mistake(click.ClickException):
    """A mistake that says its own place, `file:line:col: error: ...`: shown as it is."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message to standard error."""
        click.echo(self.message, err=True)


class Commands(click.Group):
    """A group whose commands report a user's mistake as a message and status 1, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors at the user's lines become click's."""
        try:
            return super().invoke(ctx)
        except InternalError:
            raise  # our own mistake: the traceback belongs to the report
        except EnigmaError as error:
            kind = click.ClickException if error.loc is None else Mistake
            raise kind(str(error)) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="enigma", message="%(prog)s %(version)s")
def main() -> None:
    """A Python DSL and compiler for GPU compute kernels, Metal first."""


@main.command()
@click.option("--image", type=click.Path(path_type=Path), help="Find the edges of this picture.")
@click.option(
    "--size", type=click.IntRange(8, 8192), default=1024, show_default=True, help="Side of arrays and picture."
)
def demo(image: Path | None, size: int) -> None:
    """Compile three kernels, show Python beside Metal, run them and check them against NumPy."""
    from enigma.cli.demo import run  # NumPy and rich are heavy

    run(image, size)


@main.command()
@click.argument("kernel", metavar="FILE.py[:KERNEL]")
@click.option("--stage", type=click.Choice(STAGES), default="msl", show_default=True, help="How far to compile.")
@click.option(
    "-D",
    "--define",
    "defines",
    metavar="NAME=VALUE",
    multiple=True,
    help="Value of a constexpr parameter; for llvm and asm also of a function constant.",
)
@click.option(
    "--math", type=click.Choice(MATHS), help="How exact the float arithmetic is; default: as the kernel says."
)
@click.option("--line-comments", is_flag=True, help="Add the Python line to every line of Metal.")
def emit(kernel: str, stage: str, defines: tuple[str, ...], math: str | None, line_comments: bool) -> None:
    """Print a kernel at one stage of its compilation.

    LLVM IR and assembly are for threadgroups of 256 threads along x.
    """
    from enigma.cli.emit import show  # rich is heavy

    show(kernel, stage, defines, math=math, line_comments=line_comments)


@main.command()
@click.option("--clear", is_flag=True, help="Remove every entry.")
def cache(clear: bool) -> None:
    """Show what the disk cache of compiled kernels holds, or clear it."""
    from enigma.runtime.cache import DiskCache, default_folder  # only this command needs it

    store = DiskCache(default_folder())
    if clear:
        removed = store.clear()
        click.echo(f"removed {removed} {'entry' if removed == 1 else 'entries'} from {store.folder}")
        return
    entries = store.entries()
    size = sum(entry.size for entry in entries)
    click.echo(f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}, {size / 1024:.1f} KiB in {store.folder}")
