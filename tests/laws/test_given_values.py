"""Random kernels mean the same whether their numbers are scalars, members of a struct, or function constants."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note, settings

import enigma
from enigma.compile import compile as compile_kernel
from enigma.dtypes import as_dtype
from enigma.runtime.program import Program as Compiled
from enigma.runtime.structs import packed
from tests.laws.numbers import Doubt
from tests.laws.programs import Program, programs
from tests.laws.test_random_programs import CHECKS, arrays, differences, expected
from tests.msl.check import clang_available
from tests.msl.run import run_kernel
from tests.spec.forms import load

pytestmark = pytest.mark.filterwarnings("ignore::enigma.trace.tracer.EnigmaWarning")

STRUCT = "import dataclasses\n\n@dataclasses.dataclass\nclass Given:\n{fields}\n\n\n"


def without_scalars(program: Program, *, parameter: str, lines: list[str]) -> str:
    """Return the kernel with its scalars' parameters replaced by one, or none, and lines at the body's beginning."""
    text = re.sub(r", \w+: en\.Scalar\(en\.\w+\)", "", program.kernel)
    body = "".join(f"    {line}\n" for line in lines)
    head = re.compile(r"^(def kernel\(.*)\):\n", re.MULTILINE)
    return head.sub(lambda found: f"{found[1]}{parameter}):\n{body}", text, count=1)


def as_constants(program: Program, *, defaults: bool) -> Any:
    """Return the kernel with a function constant for each scalar."""
    lines: list[str] = []
    for index, (name, (dtype, value)) in enumerate(program.scalars.items()):
        default = f", default={number(value)}" if defaults else ""
        lines.append(f"{name} = en.function_constant(en.{dtype}, {index}{default})")
    return load(without_scalars(program, parameter="", lines=lines), "random_constants").kernel


def as_struct(program: Program) -> Any:
    """Return the module of the kernel with one struct of all scalars, of mixed sizes."""
    fields = "\n".join(f"    {name}: en.{dtype}" for name, (dtype, _) in program.scalars.items())
    lines = [f"{name} = given.{name}" for name in program.scalars]
    source = without_scalars(program, parameter=", given: Given", lines=lines)
    return load(STRUCT.format(fields=fields) + source, "random_struct")


def number(value: Any) -> str:
    return f'float("{value}")' if isinstance(value, float) and not math.isfinite(value) else repr(value)


def found_on(runtime: Any, kernel: Any, program: Program, values: list[Any], constants: Any = None) -> dict[str, Any]:
    """Return what a runtime leaves in each buffer; `values` are what is passed by value."""
    named = {name: x for name, x in arrays(program).items() if isinstance(x, np.ndarray)}
    runtime.run(Compiled(kernel.trace()), [*named.values(), *values], program.grid, program.threads, constants)
    return {name: value for name, value in named.items() if name.startswith(("Out_", "Count"))}


def checked(program: Program, found: dict[str, Any], wanted: Any, *, exact: bool) -> None:
    wrong = differences(found, wanted, exact=exact)
    assert not wrong, "\n".join(wrong[:8])


@settings(max_examples=settings.default.max_examples // 3)
@given(programs())
def test_function_constants_mean_what_scalars_do(program: Program) -> None:
    note(repr(program))
    wanted, doubtful = expected(program), Doubt.seen
    kernel, values = as_constants(program, defaults=False), {n: v for n, (_, v) in program.scalars.items()}
    checked(program, found_on(enigma.SimRuntime(check=CHECKS), kernel, program, [], values), wanted, exact=True)
    found = found_on(enigma.CpuRuntime(), kernel, program, [], values)
    if not doubtful:
        checked(program, found, wanted, exact=False)


@settings(max_examples=settings.default.max_examples // 3)
@given(programs())
def test_members_of_a_struct_mean_what_scalars_do(program: Program) -> None:
    note(repr(program))
    if not program.scalars:
        return
    wanted, doubtful = expected(program), Doubt.seen
    module = as_struct(program)
    values = [module.Given(**{name: value for name, (_, value) in program.scalars.items()})]
    checked(program, found_on(enigma.SimRuntime(check=CHECKS), module.kernel, program, values), wanted, exact=True)
    found = found_on(enigma.CpuRuntime(), module.kernel, program, values)
    if not doubtful:
        checked(program, found, wanted, exact=False)


@pytest.mark.clang
@pytest.mark.skipif(not clang_available(), reason="clang-22 is not installed")
@settings(max_examples=max(settings.default.max_examples // 8, 1))
@given(programs(plain=True))
def test_the_metal_of_both_compiled_by_clang_runs_alike(program: Program) -> None:
    note(repr(program))
    wanted = expected(program)
    if Doubt.seen:
        return
    texts = {"constants": compile_kernel(as_constants(program, defaults=True), emit_only=True).metal_source}
    data: dict[str, bytes] = {"constants": b""}
    if program.scalars:
        compiled = compile_kernel(as_struct(program).kernel, emit_only=True)
        texts["struct"] = compiled.metal_source
        data["struct"] = packed(compiled.program.arguments[-1], [as_number(*x) for x in program.scalars.values()])
    for way, text in texts.items():
        named = {name: x for name, x in arrays(program).items() if isinstance(x, np.ndarray)}
        buffers = dict(enumerate(named.values()))
        if data[way]:
            buffers[len(named)] = np.frombuffer(data[way], np.uint8).copy()
        run_kernel(text, buffers, grid=program.grid, threads=program.threads)
        checked(program, named, wanted, exact=False)


def as_number(dtype: str, value: Any) -> Any:
    return value if as_dtype(dtype).is_float else int(value)
