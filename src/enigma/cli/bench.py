"""`enigma bench`: how long a kernel takes, as the median of many runs."""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

import click
import numpy as np

from enigma.cli.arguments import prepare
from enigma.cli.load import aside
from enigma.cli.options import device_option, function_constants, json_option, kernel_argument, launch_options
from enigma.runtime import launch as launches
from enigma.runtime.base import PreparedKernel
from enigma.runtime.choose import runtime

_SECONDS = 1.0


@click.command()
@kernel_argument
@launch_options
@device_option()
@click.option("--repeat", type=click.IntRange(1), help="Runs; default: for a second, 1000 at most.")
@click.option(
    "--warmup", type=click.IntRange(0), default=3, show_default=True, help="Runs before that are not counted."
)
@json_option
def command(kernel: str, *, device: str | None, repeat: int | None, warmup: int, as_json: bool, **launch: Any) -> None:
    """Measure how long a kernel takes: median, minimum and spread of many runs, compilation left out.

    GB/s counts each array once: what is read and what is written. Numbers of one machine compare with others of it only.

    \b
    Examples:
      enigma bench kernels.py:saxpy --size 1000000 --arg a=2
      enigma bench kernels.py:matmul --arg x='random((512, 512))' --grid 512,512 --threads 16,16 --json
    """
    ready = prepare(kernel, **launch)
    where = runtime(device)
    program = where.specialise(ready.program, function_constants(ready.kernel, dict(ready.constants)) or None)
    arguments = launches.bind(program, list(ready.arguments.values()))
    threads = ready.threads or launches.default_threads(launches.size3(ready.grid, "grid"))
    moved = sum(value.nbytes for value in ready.arguments.values() if isinstance(value, np.ndarray))
    times: list[float] = []
    with aside(), PreparedKernel(where, program, arguments, []) as prepared:
        for _ in range(warmup):
            prepared.dispatch(ready.grid, threads)
        start = time.perf_counter()
        while len(times) < (repeat or 1000) and (repeat or not times or time.perf_counter() - start < _SECONDS):
            times.append(prepared.dispatch_timed(ready.grid, threads))
    middle = statistics.median(times)
    facts = {
        "kernel": ready.kernel.name, "device": where.name, "grid": list(ready.grid), "threads": list(threads),
        "runs": len(times), "median_us": middle, "min_us": min(times), "max_us": max(times),
        "bytes": moved, "gb_per_s": moved / middle / 1000,
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    click.echo(
        f"{ready.kernel.name} on {where.name}: median {middle:.1f} us, min {min(times):.1f} us, max {max(times):.1f} us, "
        f"{len(times)} {'run' if len(times) == 1 else 'runs'}; {moved / 1e6:.2f} MB of arrays, {moved / middle / 1000:.2f} GB/s"
    )
