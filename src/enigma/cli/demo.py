"""`enigma demo`: three kernels from Python to Metal, run on real input, checked and timed against NumPy."""

from __future__ import annotations

import importlib
import inspect
import os
import statistics
import tempfile
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

from enigma.cli.art import art
from enigma.cli.image import Grey, read, scene, write_png
from enigma.compile import CompiledKernel, compile
from enigma.lib.demo import rmsnorm, sobel, vector_add
from enigma.runtime.base import Runtime
from enigma.runtime.choose import runtime
from enigma.trace.kernel import KernelDef

Array = NDArray[Any]
_BESIDE = 100  # columns from which two listings stand side by side
_REPEATS = 7


@dataclass(frozen=True, slots=True)
class Case:
    """A kernel on its input: how NumPy computes the same, and what error rounding can explain."""

    kernel: KernelDef
    about: str
    size: str
    inputs: list[Array]
    scalars: list[int]
    output: Array
    grid: tuple[int, ...]
    threads: tuple[int, ...]
    numpy: Callable[[], Array]
    exact: Callable[[], Array]
    allowed: float


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case: times in milliseconds, and the largest error relative to the largest value."""

    case: Case
    compiled: CompiledKernel
    compile_ms: float
    run_ms: float
    numpy_ms: float
    error: float

    @property
    def is_right(self) -> bool:
        """Whether the error is one that rounding explains."""
        return self.error <= self.case.allowed


@click.command()
@click.option("--image", type=click.Path(path_type=Path), help="Find the edges of this picture.")
@click.option(
    "--size", type=click.IntRange(8, 8192), default=1024, show_default=True, help="Side of arrays and picture."
)
def command(image: Path | None, size: int) -> None:
    """Compile three kernels, show Python beside Metal, run them and check them against NumPy.

    \b
    Examples:
      enigma demo
      enigma demo --image photo.png
    """
    run(image, size)


def run(image: Path | None, size: int) -> None:
    """Show the demo on the terminal, and write `edges.png`. Raises `click.ClickException` where a result is wrong."""
    console = Console(highlight=False)
    picture = read(image) if image is not None else scene(size)
    machine = runtime()
    console.print("\n[bold]enigma[/]  a kernel is a Python function, and its Metal is meant to be read\n")
    with console.status("load the compiler ..."):
        importlib.import_module("enigma.emit.msl")  # so that the first kernel's time is its own
    results: list[Result] = []
    for case in (_vector_add(size), _sobel(picture), _rmsnorm(size)):
        with console.status(f"{case.kernel.name}: compile and run on {machine.name} ..."):
            result = _measure(case, machine)
        results.append(result)
        console.print(_listing(console, result))
    edges = results[1].case.output
    console.print(_pictures(console, picture, edges))
    console.print(_table(results, machine))
    console.print(f"edges written to {_write(edges)}", soft_wrap=True)
    wrong = [result.case.kernel.name for result in results if not result.is_right]
    if wrong:
        raise click.ClickException(f"wrong result: {', '.join(wrong)}")


def _vector_add(size: int) -> Case:
    n = size * size
    a, b = np.random.default_rng(0).standard_normal((2, n), dtype=np.float32)
    into = np.empty_like(a)  # NumPy's own output: without it, its time would be that of fresh memory
    return Case(
        vector_add, "one thread per element", str(n), [a, b], [n], np.full_like(a, np.nan), (n,), (256,),
        numpy=lambda: np.add(a, b, out=into), exact=lambda: a + b, allowed=0.0,
    )  # fmt: skip


def _sobel(picture: Grey) -> Case:
    height, width = picture.shape

    def edges(p: Array) -> Array:
        out = np.zeros_like(p)
        if min(p.shape) > 2:
            across = p[:-2] + 2 * p[1:-1] + p[2:]
            along = p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]
            out[1:-1, 1:-1] = np.hypot(across[:, 2:] - across[:, :-2], along[2:] - along[:-2])
        return out

    return Case(
        sobel, "the edges of a picture", f"{width} x {height}", [picture], [width, height],
        np.full_like(picture, np.nan), (width, height), (16, 16), numpy=lambda: edges(picture),
        exact=lambda: edges(picture.astype(np.float64)), allowed=2e-6,
    )  # fmt: skip


def _rmsnorm(size: int) -> Case:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((size, size), dtype=np.float32)
    weight = rng.standard_normal(size, dtype=np.float32)

    def norm(x: Array) -> Array:
        return x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5) * weight

    return Case(
        rmsnorm, "a threadgroup per row", f"{size} x {size}", [x, weight], [size], np.full_like(x, np.nan),
        (size * 256,), (256,), numpy=lambda: norm(x), exact=lambda: norm(x.astype(np.float64)), allowed=2e-6,
    )  # fmt: skip


def _measure(case: Case, machine: Runtime) -> Result:
    start = time.perf_counter()
    compiled = compile(case.kernel, emit_only=True)
    compile_ms = (time.perf_counter() - start) * 1000
    scalars = iter(case.scalars)
    arrays = iter([*case.inputs, case.output])
    arguments = [next(scalars) if param.is_scalar else next(arrays) for param in compiled.program.params]
    run_ms = _median(lambda: machine.run(compiled.program, arguments, case.grid, case.threads))
    numpy_ms = _median(case.numpy)
    want = case.exact()
    error = float(np.abs(case.output - want).max() / max(float(np.abs(want).max()), 1e-30))
    return Result(case, compiled, compile_ms, run_ms, numpy_ms, error)


def _median(call: Callable[[], object]) -> float:
    call()  # the first run compiles for the machine
    times: list[float] = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1000)
        if sum(times) > 1000:
            break
    return statistics.median(times)


def _listing(console: Console, result: Result) -> RenderableType:
    case = result.case
    python = textwrap.dedent(inspect.getsource(case.kernel.fn)).rstrip()
    metal = result.compiled.metal_source.partition("using namespace metal;")[2].strip()
    beside = console.width >= _BESIDE
    width = console.width // 2 if beside else console.width
    panels = [
        Panel(Syntax(text, lexer, background_color="default", word_wrap=True), title=title, title_align="left",
              width=width, box=box.ROUNDED, border_style="dim")
        for text, lexer, title in ((python, "python", f"{case.kernel.name}: {case.about}"), (metal, "cpp", "Metal"))
    ]  # fmt: skip
    return Columns(panels, padding=0) if beside else Group(*panels)


def shown(edges: Grey) -> Grey:
    """Return edges as brightness from 0 to 1, weak ones lifted."""
    edges = np.nan_to_num(edges, posinf=0)  # a wrong result is shown, too
    return np.sqrt(edges.clip(0) / max(float(edges.max()), 1e-30))


def _pictures(console: Console, picture: Grey, edges: Grey) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    columns = min(56, (console.width - 2) // 2)
    grid.add_row("input", "edges")
    grid.add_row(art(console, picture, columns), art(console, shown(edges), columns, lines=True))
    return grid


def _table(results: list[Result], machine: Runtime) -> Table:
    table = Table(
        box=box.SIMPLE,
        title=f"medians on the {machine.name} runtime; ratio: NumPy's time to ours",
        title_justify="left",
    )
    table.add_column("kernel", no_wrap=True)
    for heading in ("size", "to Metal", "run", "NumPy", "ratio", "error"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        case, ratio = result.case, result.numpy_ms / result.run_ms
        times = (_milliseconds(ms) for ms in (result.compile_ms, result.run_ms, result.numpy_ms))
        mark = "[green]ok[/]" if result.is_right else "[red]wrong[/]"
        table.add_row(case.kernel.name, case.size, *times, f"{ratio:.2g} x", f"{result.error:.0e} {mark}")
    return table


def _milliseconds(time: float) -> str:
    return f"{time:.{2 if time < 10 else 1 if time < 100 else 0}f} ms"


def _write(edges: Grey) -> Path:
    """Return where the picture was written: this folder, or a new temporary one where it cannot be written."""
    folder = Path.cwd()
    if not os.access(folder, os.W_OK):
        folder = Path(tempfile.mkdtemp(prefix="enigma-"))
    path = folder / "edges.png"
    write_png(path, shown(edges))
    return path
