"""`enigma.explain`: the cost model, asked about one launch of a kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from enigma.debug.cost.chips import Chip, chips
from enigma.debug.cost.counting import Counts, Traffic, count
from enigma.debug.cost.model import estimate
from enigma.debug.cost.registers import registers, threadgroup_bytes
from enigma.debug.cost.report import CostReport, Moved
from enigma.dtypes import Space
from enigma.errors import EnigmaTypeError, EnigmaValueError, LaunchError
from enigma.runtime.constants import specialised
from enigma.runtime.launch import check_scalar, geometry
from enigma.runtime.program import Program
from enigma.source import caller
from enigma.trace.kernel import KernelDef


def explain(
    kernel: Any, *, grid: Any, threads: Any = None, scalars: Mapping[str, Any] | None = None,
    constants: Mapping[Any, Any] | None = None, chip: str | None = None,
) -> CostReport:  # fmt: skip
    """Return what a launch reads, writes and computes, and what a model says it would cost on each Apple chip.

    `grid` and `threads` are as at launch; `scalars` gives every parameter passed by value, by name; `constants` gives constexpr
    parameters by name, and function constants by index or name. `chip` is one name such as "M2 Max"; None means all.
    Nothing is run and no array is needed. It is a model: bytes and operations are counted, times are estimates.

    Raises `EnigmaTypeError` for something that is no kernel, `EnigmaValueError` for an unknown chip, `LaunchError` for a launch
    that could not be, or scalars that are missing, and the kernel's own errors.

    >>> import enigma
    >>> @enigma.kernel
    ... def add(A: enigma.f32, B: enigma.f32, Out: enigma.f32):
    ...     i = enigma.thread_position_in_grid
    ...     Out[i] = A[i] + B[i]
    >>> report = enigma.explain(add, grid=1000, threads=256)
    >>> report.flops, report.footprint, report.estimates[0].bound
    (1000, 12000, 'memory')
    """
    if not isinstance(kernel, KernelDef):
        raise EnigmaTypeError(
            f"explain takes a kernel, but it got {kernel!r}",
            loc=caller(),
            help="decorate the function with @enigma.kernel",
        )
    wanted = _chips(chip)
    launch = geometry(grid, threads)
    given = dict(constants or {})
    constexprs = {parameter.name for parameter in kernel.parameters if parameter.name in given}
    traced = kernel.trace({name: given.pop(name) for name in constexprs})
    program = specialised(Program(traced), given or None)
    counts = count(program.traced, launch.grid, launch.threads, _scalars(program, scalars or {}))
    memory = [each for each in counts.traffic.values() if each.space in (Space.DEVICE, Space.CONSTANT)]
    flops = counts.flops + counts.matrix_flops
    footprint, issued = sum(each.footprint for each in memory), sum(each.issued for each in memory)
    words, shared = registers(program.traced), threadgroup_bytes(program.traced)
    estimates = [
        estimate(
            each, flops=flops, footprint=footprint, issued=issued, groups=math.prod(launch.groups),
            threads=math.prod(launch.threads), registers=words, shared=shared,
        )
        for each in wanted
    ]  # fmt: skip
    return CostReport(
        program.name, launch.grid, launch.threads, round(flops), round(counts.matrix_flops), round(counts.functions),
        round(counts.integer), _moved(counts), round(footprint), round(issued), words, shared,
        estimates, list(counts.notes),
    )  # fmt: skip


def _moved(counts: Counts) -> list[Moved]:
    """Return one row for each buffer, what is read and what is written put together."""
    groups: dict[int, list[Traffic]] = {}
    for (buffer, _), each in counts.traffic.items():
        groups.setdefault(buffer, []).append(each)
    return [
        Moved(
            group[0].name, group[0].space.value, round(sum(x.read for x in group)), round(sum(x.written for x in group)),
            round(sum(x.atomic for x in group)), round(sum(x.footprint for x in group)),
        )
        for group in groups.values()
    ]  # fmt: skip


def _chips(name: str | None) -> tuple[Chip, ...]:
    found = tuple(each for each in chips() if name is None or each.name.lower() == name.lower())
    if not found:
        raise EnigmaValueError(
            f"no chip is called {name!r}", help=f"the chips are {', '.join(each.name for each in chips())}"
        )
    return found


def _scalars(program: Program, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every parameter that is passed by value, by the name of its `Param`."""
    names = [argument.name for argument in program.scalars]
    if set(given) != set(names):
        raise LaunchError(
            f"kernel {program.name} has the scalars {', '.join(names) or 'none'}, but it got {', '.join(given) or 'none'}",
            help="give each that the launch would pass: scalars={'n': 1000}",
        )
    found: dict[str, Any] = {}
    for argument in program.scalars:
        for param in argument.params:
            value = given[argument.name] if param.part is None else getattr(given[argument.name], param.part.member)
            found[param.name] = check_scalar(value, param.dtype, param.name)
    return found
