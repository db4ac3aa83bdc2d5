"""The same command in a process of its own, for a kernel on the CPU that leaves its memory takes the process with it."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys

import click

_WITH_VALUE = ("--device", "--save")
_ALONE = ("--json", "--here", "--validate")
_FROM_OUTSIDE = (signal.SIGINT, signal.SIGTERM, 9)
"""Signals that no access of memory leads to; Windows has no name for the last one."""


def is_program(ctx: click.Context) -> bool:
    """Return whether the command line is that of this process, so that it can be run again."""
    return bool(getattr(ctx.find_root().command, "is_program", False))


def guarded(kernel: str) -> int:
    """Run this command again and return its status. Raises `ClickException` where the process crashed."""
    words = sys.argv[1:]
    place = words.index("run") + 1  # before what may be a `--`
    done = subprocess.run([sys.executable, "-m", "enigma", *words[:place], "--here", *words[place:]], check=False)
    if 0 <= done.returncode < 256:  # Windows has large ones for what is a signal elsewhere
        return done.returncode
    if -done.returncode in _FROM_OUTSIDE:
        raise click.ClickException(
            f"{kernel} was ended from outside ({_called(done.returncode)}): by somebody, or by a system that is short of memory"
        )
    raise click.ClickException(
        f"{kernel} crashed ({_called(done.returncode)}): it reads or writes outside of its memory\n"
        f"  help: `{shlex.join(['enigma', *_checking(sys.argv[1:])])}` says at which line, in which thread"
    )


def _called(status: int) -> str:
    if status > 0:
        return f"status {status:#x}"
    try:
        return f"signal {-status}, {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def _checking(arguments: list[str]) -> list[str]:
    """Return the arguments of `enigma run` as those of `enigma check`."""
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif word == "run" and "check" not in kept:
            kept.append("check")
        elif word not in _ALONE and not word.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
            kept.append(word)
    return kept
