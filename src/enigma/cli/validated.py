"""The same command again, in a process whose kernels Metal's shader validation checks."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import click

from enigma.runtime.choose import runtime
from enigma.runtime.metal.reported import BANNER, VARIABLES, Reported, parse, without_reports


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the process ended, what it wrote to standard output, and what shader validation reported."""

    status: int
    output: str
    reports: list[Reported]


def again() -> Outcome:
    """Run this command with shader validation: Metal reads what it is to check when a process starts.

    What the process writes to standard error is shown, but for the reports.
    """
    runtime("metal")  # where there is none, the error comes from here
    done = subprocess.run(
        [sys.executable, "-m", "enigma", *sys.argv[1:]], env={**os.environ, **VARIABLES}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if rest := without_reports(done.stderr):
        click.echo(rest, err=True)
    reports = parse(done.stderr)
    if not reports and BANNER not in done.stderr:
        click.echo(
            "warning: Metal did not say that its shader validation was on, so accesses may not have been checked",
            err=True,
        )
    return Outcome(done.returncode, done.stdout, reports)
