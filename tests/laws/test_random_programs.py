"""Random kernels mean on every target what Python and the oracle's arithmetic say.

The simulator agrees bit for bit; the CPU JIT on integers, and on floats within what fused multiply-adds and flushed
denormals can change, unless a decision hung on that. `pytest tests/laws --hypothesis-profile=deep` runs for long.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, note, settings

import enigma
from enigma.compile import compile as compile_kernel
from enigma.dialect.build import build
from enigma.dtypes import as_dtype
from enigma.passes.pipeline import run as run_passes
from enigma.runtime.program import Program as Compiled
from tests.laws import oracle
from tests.laws.expressions import FLOATS, INPUT
from tests.laws.numbers import Doubt, Num
from tests.laws.programs import Program, programs
from tests.msl.check import assert_legal, clang_available
from tests.msl.run import run_kernel
from tests.spec.forms import load

CHECKS = ("data-race", "uninitialised-read", "barrier-divergence")
"""What the programs never do, other than dividing by zero and the like, which has a meaning here."""

pytestmark = pytest.mark.filterwarnings("ignore::enigma.trace.tracer.EnigmaWarning")


def arrays(program: Program) -> dict[str, Any]:
    """Return the launch's arguments by name."""
    random = np.random.default_rng(program.seed)
    total = math.prod(program.grid)
    arguments: dict[str, Any] = {}
    for dtype in program.dtypes:
        kind = as_dtype(dtype).numpy
        if dtype in FLOATS:
            values = random.integers(-64, 65, INPUT) / 8
        elif dtype == "b1":
            values = random.integers(0, 2, INPUT)
        else:
            info = np.iinfo(kind)
            whole = random.integers(info.min, info.max, INPUT, dtype=kind, endpoint=True)
            values = np.where(random.integers(0, 3, INPUT) == 0, whole, random.integers(0, 100, INPUT).astype(kind))
        arguments[f"A_{dtype}"] = values.astype(kind)
        arguments[f"Out_{dtype}"] = np.zeros(total * 4, kind)
    arguments["Count"] = np.zeros(4, np.int32)
    return arguments | {name: value for name, (_, value) in program.scalars.items()}


def plain(values: Any) -> list[Any]:
    """Return an array as Python's numbers."""
    return (values.astype(np.float64) if values.dtype.kind in "fV" else values).tolist()


def expected(program: Program) -> dict[str, list[Num]]:
    """Return what the oracle leaves in each output buffer."""
    given: dict[str, Any] = {}
    for name, value in arrays(program).items():
        if isinstance(value, np.ndarray):
            given[name] = oracle.Buffer(name.partition("_")[2] or "i32", plain(value))
        else:
            given[name] = Num(value, program.scalars[name][0])
    Doubt.seen = Doubt.order = False
    oracle.run(program.oracle, given, program.tiles, program.grid, program.threads)
    return {name: buffer.values for name, buffer in given.items() if name.startswith(("Out_", "Count"))}


def outputs(runtime: Any, compiled: Compiled, program: Program) -> dict[str, Any]:
    """Return what a runtime leaves in each output buffer."""
    given = arrays(program)
    runtime.run(compiled, list(given.values()), program.grid, program.threads)
    return {name: value for name, value in given.items() if name.startswith(("Out_", "Count"))}


def differences(found: dict[str, Any], wanted: dict[str, list[Num]], *, exact: bool) -> list[str]:
    """Return a line for each element that is not what was expected."""
    lines: list[str] = []
    if exact and Doubt.order:
        if Doubt.seen:
            return lines
        exact = False
    for name, values in wanted.items():
        for place, (got, want) in enumerate(zip(plain(found[name]), values, strict=True)):
            same = got == want.value or (got != got and want.value != want.value)
            if not same and not exact and want.error:
                same = math.isinf(want.error) or abs(got - want.value) <= want.error
            if not same:
                lines.append(f"{name}[{place}] is {got!r}, not {want.value!r} (within {0.0 if exact else want.error})")
    return lines


def traced(program: Program) -> Any:
    """Return the program's kernel."""
    return load(program.kernel, "random_program").kernel


@given(programs())
def test_the_simulator_runs_a_program_as_python_does(program: Program) -> None:
    note(repr(program))
    found = outputs(enigma.SimRuntime(check=CHECKS), Compiled(traced(program).trace()), program)
    wrong = differences(found, expected(program), exact=True)
    assert not wrong, "\n".join(wrong[:8])


@given(programs())
def test_the_cpu_runs_a_program_as_python_does(program: Program) -> None:
    note(repr(program))
    wanted = expected(program)
    doubtful = Doubt.seen
    event(f"doubtful: {doubtful}")
    kernel = traced(program).trace()
    found = outputs(enigma.CpuRuntime(), Compiled(kernel), program)
    if doubtful:
        return
    wrong = differences(found, wanted, exact=False)
    assert not wrong, "\n".join(wrong[:8])


@given(programs())
def test_the_cpu_runs_a_program_that_was_not_optimised_alike(program: Program) -> None:
    note(repr(program))
    wanted = expected(program)
    doubtful = Doubt.seen
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENIGMA_NO_CANONICALIZE", "1")
        patch.setenv("ENIGMA_NO_CACHE", "1")
        found = outputs(enigma.CpuRuntime(), Compiled(traced(program).trace()), program)
    wrong = [] if doubtful else differences(found, wanted, exact=False)
    assert not wrong, "\n".join(wrong[:8])


@given(programs())
def test_a_program_verifies_after_every_pass(program: Program) -> None:
    note(repr(program))
    run_passes(build(traced(program).trace()), verify_each=True)


@pytest.mark.clang
@pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")
@settings(max_examples=settings.default.max_examples // 5)
@given(programs(plain=True))
def test_the_metal_of_a_program_compiled_by_clang_runs_as_python_does(program: Program) -> None:
    note(repr(program))
    wanted = expected(program)
    text = compile_kernel(traced(program), emit_only=True).metal_source
    named = arrays(program)
    given = {name: x if isinstance(x, np.ndarray) else scalar(program, name) for name, x in named.items()}
    if not Doubt.seen:
        run_kernel(text, dict(enumerate(given.values())), grid=program.grid, threads=program.threads)
        wrong = differences(given, wanted, exact=False)
        assert not wrong, "\n".join([*wrong[:8], text])


def scalar(program: Program, name: str) -> Any:
    """Return a number as an array of one element."""
    dtype, value = program.scalars[name]
    return np.array([value], as_dtype(dtype).numpy)


@settings(max_examples=settings.default.max_examples // 3)
@given(programs())
def test_the_metal_of_a_program_is_legal(program: Program) -> None:
    note(repr(program))
    assert_legal(compile_kernel(traced(program), emit_only=True).metal_source)
