"""The command line: `enigma demo | emit | run | ...`. Each command is a file beside this one, loaded when it is called."""

from __future__ import annotations

import difflib
import importlib
import warnings
from typing import IO, Any

import click

from enigma._version import __version__
from enigma.debug.users import place
from enigma.errors import EnigmaError, InternalError

BUG = 70
"""The status after a mistake of enigma's own (EX_SOFTWARE); 1 is for what is wrong with a kernel or file, 2 for usage."""

COMMANDS = {
    "demo": "Compile three kernels, run them and check them against NumPy.",
    "emit": "Print a kernel at one stage of its compilation.",
    "run": "Run a kernel on arrays and show what it wrote.",
    "check": "Run a kernel in the simulator and tell everything that is wrong.",
    "explore": "Write one HTML file with every stage side by side.",
    "diff": "Show how two kernels, or two versions of one, differ at a stage.",
    "compare": "Run a kernel on several runtimes and show the first difference.",
    "reduce": "Shrink a failing launch and write a program that shows it alone.",
    "bench": "Measure how long a kernel takes.",
    "export": "Write a kernel as a folder that can be shipped without enigma.",
    "explain": "Say what a launch moves and computes, and what it would cost on each Apple chip.",
    "layout": "Draw a layout.",
    "errors": "Explain an error or a finding, with a wrong and a right kernel.",
    "ops": "List the operations, their dtypes, and where they run.",
    "cache": "Show what the disk cache holds, or clear it.",
    "doctor": "Say what this machine can do, and what is missing for Metal.",
}
"""The commands in the order of the help, each `enigma.cli.NAME:command`, with what the help says of them."""


class Mistake(click.ClickException):
    """A mistake that says its own place, `file:line:col: error: ...`: shown as it is."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message to standard error."""
        click.echo(self.message, err=True)


class Bug(Mistake):
    """A mistake of enigma's own: a line that says how to get the report."""

    exit_code = BUG


class Interrupted(click.ClickException):
    """Ctrl-C: the status that shells give for it."""

    exit_code = 130


class Commands(click.Group):
    """A group whose commands are loaded when called, and report a mistake as a message and a status, never as a traceback.

    `is_program` says whether the arguments are those of this process.
    """

    is_program = False

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if cmd_name not in COMMANDS:
            near = difflib.get_close_matches(cmd_name, COMMANDS, n=1)
            if near and not ctx.resilient_parsing:
                ctx.fail(f"No such command {cmd_name!r}. (Did you mean {near[0]!r}?)")
            return None
        return importlib.import_module(f"enigma.cli.{cmd_name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line; a page of help that cannot be written is a message as well."""
        self.is_program = not args and extra.get("args") is None  # not a test, which gives arguments of its own
        try:
            return super().main(*args, **extra)
        except OSError as error:  # a reader of a pipe that has gone is click's own
            click.ClickException(_spoken(error)).show()
            raise SystemExit(1) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what a user did wrong becomes a message of click's, unless `--debug` asks for the traceback."""
        if ctx.params.get("debug"):
            return super().invoke(ctx)
        warnings.showwarning = _warn
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt as error:
            raise Interrupted("interrupted") from error
        except InternalError as error:
            raise Bug(f"{error}\n  `enigma --debug ...` shows where") from error
        except EnigmaError as error:
            kind = click.ClickException if error.loc is None else Mistake
            raise kind("\n".join([str(error), *getattr(error, "__notes__", ())])) from error
        except BrokenPipeError:
            raise  # click's own: the reader of a pipe has gone
        except OSError as error:
            raise click.ClickException(_spoken(error)) from error
        except MemoryError as error:
            raise click.ClickException(f"not enough memory: {error}".rstrip(": ")) from error
        except (Exception, SystemExit) as error:
            what = f"{type(error).__name__}: {error}".rstrip(": ")
            if line := place(error):
                raise Mistake(f"{line}: error: {what}") from error
            raise Bug(
                f"Error: {what}\n  this is a bug in enigma: please report what `enigma --debug ...` shows"
            ) from error


def _warn(message: Warning | str, category: type[Warning], *_: Any) -> None:
    """Show a warning as its text: the line of enigma that gave it says nothing to a user."""
    text = str(message)
    click.echo(text if ": warning: " in text else f"warning: {text}", err=True)


def _spoken(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    return f"{error.filename}: {reason}" if error.filename else reason


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="enigma", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(*, debug: bool) -> None:
    """A Python DSL and compiler for GPU compute kernels, Metal first.

    A kernel is named FILE.py:KERNEL; the file alone is enough when it holds one.

    \b
    Status: 0 done; 1 something is wrong with the kernel, its data or a file;
            2 wrong usage; 70 a bug in enigma; 130 interrupted.
    """
