"""`enigma.explain`: the cost model, asked about one launch of a kernel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from enigma.debug.cost.chips import Chip, chips, find
from enigma.debug.cost.launch import Counts, count
from enigma.debug.cost.memory import Memory
from enigma.debug.cost.model import REGISTER_ERROR, Demand, estimate
from enigma.debug.cost.registers import LARGEST, registers, threadgroup_bytes
from enigma.debug.cost.report import CostReport, Moved
from enigma.debug.program import program_of
from enigma.dtypes import Space
from enigma.errors import EnigmaValueError, LaunchError
from enigma.runtime.launch import check_scalar, geometry
from enigma.runtime.program import Program
from enigma.runtime.structs import members
from enigma.spec.terms import Effect
from enigma.spec.work import Work
from enigma.trace.node import Traced


def explain(
    kernel: Any, *, grid: Any, threads: Any = None, scalars: Mapping[str, Any] | None = None,
    constants: Mapping[Any, Any] | None = None, chip: str | None = None,
) -> CostReport:  # fmt: skip
    """Return what a launch reads, writes and computes, and what a model says it would cost on each Apple chip.

    `grid` and `threads` are as at launch; `scalars` gives every parameter passed by value, by name; `constants` gives constexpr
    parameters by name, and function constants by index or name. `chip` is one name such as "M2 Max" or m2-max; None means all.
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
    wanted = _chips(chip)
    launch = geometry(grid, threads)
    program = program_of("explain", kernel, constants)
    counts = count(program.traced, launch.grid, launch.threads, _scalars(program, scalars or {}))
    moved = _moved(counts)
    demand = _demand(counts, moved, launch.groups, launch.threads, program.traced)
    flops = sum(demand.flops.values())
    return CostReport(
        kernel=program.name, grid=launch.grid, threads=launch.threads, flops=round(flops),
        flops_by_kind=_rounded(demand.flops), matrix_flops=round(sum(demand.flops.get(kind, 0) for kind in MATRICES)),
        functions=round(counts.of("functions")), integer_ops=round(counts.of("integer")),
        collectives=round(counts.of("collectives")), barriers=round(counts.of("barriers")), work=_rounded(demand.most),
        unpriced=_rounded(counts.by("unpriced")), moved=[each for each, _ in moved],
        footprint=sum(each.footprint for each, _ in moved), fetched=sum(each.fetched for each, _ in moved),
        issued=sum(each.read + each.written + each.atomic for each, _ in moved if each.space in _COUNTED),
        lines=round(demand.lines), registers=-(-demand.registers // 2), threadgroup_bytes=demand.threadgroup_bytes,
        count_error=counts.error, estimates=[estimate(each, demand) for each in wanted],
        notes=[*counts.notes, *_notes(demand, counts, wanted)],
    )  # fmt: skip


MATRICES = (Work.MATRIX_F32, Work.MATRIX_F16)

_COUNTED = (Space.DEVICE.value, Space.CONSTANT.value)


def _rounded(sums: Mapping[Any, float]) -> dict[str, int]:
    """Return sums under the names of what was counted, the largest first."""
    found = {str(name): round(value) for name, value in sums.items() if value >= 0.5}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _demand(
    counts: Counts, moved: list[tuple[Moved, bool]], groups: tuple[int, ...], threads: tuple[int, ...], traced: Traced
) -> Demand:
    shared = [sum(value for key, value in counts.sums.items() if key[0] == word) for word in ("words", "turns")]
    return Demand(
        math.prod(groups), math.prod(threads), registers(traced), threadgroup_bytes(traced), counts.by("flops"),
        counts.by("least"), counts.by("most"),
        (sum(each.fetched for each, is_sure in moved if is_sure), sum(each.fetched for each, _ in moved)),
        sum(value for key, value in counts.sums.items() if key[0] == "lines"), (shared[0], shared[1]),
    )  # fmt: skip


def _moved(counts: Counts) -> list[tuple[Moved, bool]]:
    """Return one row for each buffer, what is read and what is written put together, and whether no data decides it."""
    groups: dict[int, list[tuple[Effect, Memory]]] = {}
    for (buffer, effect), each in counts.memory.items():
        groups.setdefault(buffer, []).append((effect, each))
    found: list[tuple[Moved, bool]] = []
    for buffer, group in groups.items():
        sums = {what: [counts.of(what, buffer, effect) for effect, _ in group] for what in (*_MOVED, "lines")}
        issued = [sum(sums[what][k] for what in _MOVED) for k in range(len(group))]
        footprint = sum(round(each.footprint(many)) for (_, each), many in zip(group, issued, strict=True))
        fetched = sum(round(each.fetched(many)) for (_, each), many in zip(group, sums["lines"], strict=True))
        read, written, atomic = (round(sum(sums[what])) for what in _MOVED)
        first = group[0][1]
        row = Moved(first.name, first.space.value, read, written, atomic, footprint, fetched, round(sum(sums["lines"])))
        found.append((row, all(each.is_sure for _, each in group)))
    return found


_MOVED = ("read", "written", "atomic")


def _notes(demand: Demand, counts: Counts, wanted: tuple[Chip, ...]) -> list[str]:
    """Return what the times leave out, and what they rest on without a measurement."""
    found: list[str] = []
    for name, many in _rounded(counts.by("unpriced")).items():
        found.append(f"the times leave out {name} ({many:,}), for which nobody has published a rate")
    if any(not each.known and each.is_sure and each.space is not Space.THREADGROUP for each in counts.memory.values()):
        found.append("where not every access was counted, a footprint is all from the first byte touched to the last")
    if demand.registers * REGISTER_ERROR > LARGEST:
        found.append(
            f"a thread may need more than the {LARGEST // 2} registers that there are: the rest is in memory, unpriced"
        )
    if any(demand.flops.get(kind) for kind in MATRICES) and any(each.tflops_matrix_f16 for each in wanted):
        found.append(
            "the matrix units of the M5 only work for Metal's tensor operations: simdgroup matrices do not use them"
        )
    return found


def _chips(name: str | None) -> tuple[Chip, ...]:
    if name is None:
        return chips()
    found = find(name)
    if found is None:
        raise EnigmaValueError(
            f"no chip is called {name!r}",
            help=f"the chips are {', '.join(each.name for each in chips())}; m4-max and M4 Max are the same",
        )
    return (found,)


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
        value = given[argument.name]
        values = [value] if argument.struct is None else members(argument.name, argument.struct, value)
        for param, value in zip(argument.params, values, strict=True):
            found[param.name] = check_scalar(value, param.dtype, param.name)
    return found
