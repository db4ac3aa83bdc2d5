"""`enigma reduce`: the smallest launch of a kernel that still fails, as a program that runs alone."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from enigma.cli.arguments import Launch, prepare
from enigma.cli.load import aside
from enigma.cli.options import json_option, kernel_argument, launch_options, rounds_option, targets_option
from enigma.debug.check import check
from enigma.debug.compare import compare
from enigma.debug.reduce import ATTEMPTS, Case, reduce
from enigma.debug.reproducer import Wanted, program
from enigma.errors import EnigmaError, EnigmaValueError, LaunchError
from enigma.runtime.launch import default_threads, size3
from enigma.spec.terms import Fault


@click.command()
@kernel_argument
@launch_options
@click.option(
    "--oracle", metavar="FUNCTION", help="Fail where the outputs differ from what this function of the file returns."
)
@targets_option("Runtimes to compare, separated by commas.")
@click.option("--check", "checks", is_flag=True, help="Fail where a checked run finds something.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The program; default: KERNEL_reduced.py."
)
@rounds_option(100_000)
@click.option("--attempts", type=click.IntRange(1), default=ATTEMPTS, show_default=True, help="Runs at most.")
@json_option
def command(
    kernel: str,
    *,
    oracle: str | None,
    targets: list[str],
    checks: bool,
    output: Path | None,
    attempts: int,
    max_rounds: int,
    as_json: bool,
    **launch: Any,
) -> None:
    """Shrink a failing launch, sizes first, and write a program that shows the failure alone.

    It fails where runtimes differ from one another or from --oracle, or with --check where a checked run finds something.

    \b
    Examples:
      enigma reduce kernels.py:saxpy --inputs make_inputs --oracle expected
      enigma reduce kernels.py:matmul --inputs make_inputs --check -o matmul_bug.py
    """
    ready = prepare(kernel, **launch)
    fails = _checked(ready, max_rounds) if checks else _compared(ready, targets, oracle)
    threads = ready.threads or tuple(default_threads(size3(ready.grid, "grid")))
    with aside():
        found = reduce(Case(ready.arguments, ready.grid, threads), fails, attempts)
    endless = found.failure.startswith(Fault.STEP_BUDGET.value)
    wanted = Wanted(ready.loaded.name, oracle, targets, checks, max_rounds if endless else None)
    source = Path(ready.loaded.file).read_text(encoding="utf-8")
    text = program(
        source, wanted, found.case.arguments, found.case.grid, found.case.threads, ready.constants, found.failure
    )
    path = output or Path(f"{ready.kernel.name}_reduced.py")
    path.write_text(text, encoding="utf-8")
    shapes = {name: list(array.shape) for name, array in found.case.arrays().items()}
    sizes: dict[str, Any] = {name: shapes.get(name, value) for name, value in found.case.arguments.items()}
    if as_json:
        click.echo(json.dumps({
            "kernel": ready.kernel.name, "failure": found.failure, "runs": found.runs, "path": str(path),
            "arguments": sizes, "grid": list(found.case.grid), "threads": list(found.case.threads),
        }, indent=2, default=str))  # fmt: skip
        return
    listed = ", ".join(
        f"{name}: {'x'.join(map(str, shapes[name])) if name in shapes else value}" for name, value in sizes.items()
    )
    click.echo(f"fails: {found.failure}")
    click.echo(f"smallest of {found.runs} runs: {listed}; grid {found.case.grid}, threads {found.case.threads}")
    click.echo(f"written to {path}; run it with: python {path}")


Fails = Callable[[Case], str]


def _compared(ready: Launch, targets: list[str], oracle: str | None) -> Fails:
    expected = None if oracle is None else ready.loaded.function(oracle, "--oracle")
    first = True

    def fails(case: Case) -> str:
        nonlocal first
        before, first = first, False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = compare(
                    ready.kernel, case.copies(), grid=case.grid, threads=case.threads, targets=targets, oracle=expected,
                    constants=ready.constants,
                )  # fmt: skip
        except (LaunchError, EnigmaValueError, click.ClickException):
            if before:
                raise
            return ""  # sizes that do not belong together: the launch, or the oracle, refuses them
        if found.failures:
            name, error = next(iter(found.failures.items()))
            return f"{error.message.partition(':')[0]} on {name}"
        if not found.differences:
            return ""
        # an element that nobody writes, or NaN, is another failure than a wrong number: a smaller launch must not pass for it
        wrong = found.differences[0]
        strange = {"nan": "is NaN", "inf": "is infinite", "-inf": "is infinite"}.get(str(float(wrong.got)))
        how = "is not written" if isinstance(found.origin, str) else strange or "differs"
        return f"{wrong.buffer} {how} on {wrong.target}"

    return fails


def _checked(ready: Launch, rounds: int) -> Fails:
    wanted = ""

    def fails(case: Case) -> str:
        nonlocal wanted
        try:
            report = check(
                ready.kernel,
                *case.copies(),
                grid=case.grid,
                threads=case.threads,
                constants=ready.constants,
                max_rounds=rounds,
            )
        except LaunchError:
            return ""
        except EnigmaError as error:
            return type(error).__name__
        kinds = dict.fromkeys(f"{each.kind.value} in {Path(each.file).name}:{each.line}" for each in report.findings)
        # a smaller launch may find more, and that before
        found = wanted if wanted in kinds else next(iter(kinds), "")
        wanted = wanted or found
        return found

    return fails
