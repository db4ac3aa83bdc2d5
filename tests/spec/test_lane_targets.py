"""The functions across lanes on every target: all lanes, partial simdgroups, and divergent code, against loops over lanes.

A kernel calls one row on several dtypes at once, in whole simdgroups, in both sides of a branch, in a branch within it, and
in a loop that lanes leave one after another. Each call has a stretch of the output of its own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest

import enigma
from enigma.compile import compile as compile_kernel
from enigma.dtypes import Numeric, b1
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import Static, Var
from tests.spec import exact
from tests.spec.forms import lane_rows, load
from tests.spec.lane_truths import numbers, truth
from tests.spec.values import Array, operands, ulps_apart

# what Metal leaves undefined has a harmless meaning here, which these tests pin down
TARGETS = {"sim": lambda: enigma.SimRuntime(check=False), "cpu": enigma.CpuRuntime}
THREADS = 64
TOTALS = (1, 31, 33, 40, 63, 64 + 45)
STAGES = ("everywhere", "in the branch", "in the inner branch", "in the loop")
CONSTANTS = ("0", "1", "2", "3", "5", "16", "31", "33")
UNIFORM = ("broadcast", "rotate", "fill")
"""Functions whose lane or distance must be the same for all lanes."""


@dataclass(frozen=True)
class Call:
    """One call in a kernel: where it stands, what is given for the lane or distance, the compile-time arguments."""

    stage: str
    by: str
    attrs: Mapping[str, int] = field(default_factory=dict[str, int])


def calls(row: Intrinsic) -> list[Call]:
    """Return the calls of a row that a kernel makes."""
    moves = "by" if any(name in row.operands for name in ("lane", "delta", "mask")) else ""
    attrs: list[dict[str, int]] = [{}]
    for name, term in row.attributes.items():
        if isinstance(term, Static) and row.check is not None:
            attrs = [{name: k} for k in range(term.low, term.high + 1) if row.check({}, {name: k}) is None]
    made = [Call(STAGES[0], moves, each) for each in attrs]
    made += [Call(STAGES[0], number, attrs[k % len(attrs)]) for k, number in enumerate(CONSTANTS) if moves]
    for k, stage in enumerate(STAGES[1:]):
        made += [Call(stage, moves, attrs[k % len(attrs)])]
        made += [Call(stage, number, attrs[k % len(attrs)]) for number in ("1", "2") if moves]
    return made


@dataclass(frozen=True, eq=False)
class Case:
    """A kernel of one row on some dtypes."""

    row: Intrinsic
    dtypes: tuple[Numeric, ...]

    @property
    def name(self) -> str:
        """The kernel's name."""
        return "_".join((self.row.name, *(dtype.name for dtype in self.dtypes)))

    def values(self) -> list[str]:
        """Return the names of the operands that are moved or combined."""
        return [name for name, term in self.row.operands.items() if isinstance(term, Var) or term is b1]

    def inputs(self) -> dict[str, Numeric]:
        """Return the input buffers, by name."""
        return {f"{name}_{dtype.name}": dtype for dtype in self.dtypes for name in self.values()}

    def out(self, dtype: Numeric) -> Numeric:
        """Return the dtype of the result."""
        if isinstance(self.row.result, Var):
            return dtype
        assert isinstance(self.row.result, Numeric)
        return self.row.result

    def source(self) -> str:
        """Return the kernel's text."""
        params = [f"{name}_in: en.{dtype.name}" for name, dtype in self.inputs().items()]
        params += [f"out_{dtype.name}: en.{self.out(dtype).name}" for dtype in self.dtypes]
        lines = ["@en.kernel", f"def {self.name}(flags: en.u32, by_in: en.u32, {', '.join(params)}):"]
        lines += ["    i, n = en.thread_position_in_grid, en.threads_per_grid()", "    flag, by = flags[i], by_in[i]"]
        lines += [f"    {name} = {name}_in[i]" for name in self.inputs()]
        lines += self._stores(STAGES[0], "    ")
        lines += ["    if (flag & 1) == 1:", *self._stores(STAGES[1], " " * 8)]
        lines += ["        if (flag & 2) == 2:", *self._stores(STAGES[2], " " * 12)]
        lines += ["    else:", *self._stores(STAGES[1], " " * 8)]
        lines += ["    for k in range(flag >> 2):", *self._stores(STAGES[3], " " * 8)]
        return "\n".join(lines) + "\n"

    def _stores(self, stage: str, indent: str) -> list[str]:
        made: list[str] = []
        for number, call in enumerate(calls(self.row)):
            if call.stage == stage:
                for dtype in self.dtypes:
                    moved = [f"{name}_{dtype.name}" for name in self.values()]
                    words = [*moved, *filter(None, [call.by]), *(f"{key}={value}" for key, value in call.attrs.items())]
                    made.append(f"{indent}out_{dtype.name}[i + {number} * n] = en.{self.row.name}({', '.join(words)})")
        return made


@cache
def cases() -> tuple[Case, ...]:
    """Return the kernels: of each row, few dtypes at once, for a kernel has 31 buffers at most."""
    found: list[Case] = []
    for row in lane_rows():
        dtypes = row.variables[0].dtypes if row.variables else (b1,)
        found += [Case(row, dtypes[start : start + 6]) for start in range(0, len(dtypes), 6)]
    return tuple(found)


@cache
def compiled() -> Mapping[str, Any]:
    """Return the kernels by name."""
    module = load("\n\n".join(case.source() for case in cases()), "lane_targets")
    return {case.name: getattr(module, case.name) for case in cases()}


@cache
def program(case: Case) -> Any:
    """Return a case's kernel compiled."""
    return compile_kernel(compiled()[case.name], emit_only=True).program


def launch(runtime: Any, case: Case, arrays: list[Array], total: int) -> dict[Numeric, Array]:
    """Run a kernel; return the output of each dtype, one row a call."""
    count = len(calls(case.row))
    outputs = {dtype: np.zeros((count, total), case.out(dtype).numpy) for dtype in case.dtypes}
    runtime.run(program(case), [*arrays, *outputs.values()], (total, 1, 1), (THREADS, 1, 1))
    return outputs


def simdgroups(total: int) -> Iterator[range]:
    """Yield the threads of each simdgroup."""
    for start in range(0, total, 32):
        yield range(start, min(start + 32, total))


def given(case: Case, total: int) -> tuple[list[int], list[int], dict[str, list[Any]]]:
    """Return the flags, the lanes or distances, and the numbers of each input."""
    chance = random.Random(f"{case.name} {total}")
    flags = [chance.randrange(16) for _ in range(total)]
    by = [chance.randrange(34) for _ in range(total)]
    if any(word in case.row.name for word in UNIFORM):
        by = [by[i // 32 * 32] for i in range(total)]
    return flags, by, {name: numbers(dtype, total, seed) for seed, (name, dtype) in enumerate(case.inputs().items())}


def rounds(call: Call, flag: int) -> list[Any]:
    """Return what tells which threads are active together in a call: the branches taken, or the rounds of the loop."""
    match call.stage:
        case "everywhere":
            return [True]
        case "in the branch":
            return [flag & 1]
        case "in the inner branch":
            return [True] if flag & 3 == 3 else []
        case _:
            return list(range(flag >> 2))


@cache
def wanted(case: Case, total: int) -> dict[tuple[Numeric, int], dict[int, Any]]:
    """Return, per dtype and call, what each thread that runs the call stores last."""
    flags, by, inputs = given(case, total)
    found: dict[tuple[Numeric, int], dict[int, Any]] = {}
    for dtype in case.dtypes:
        operands = [inputs[f"{name}_{dtype.name}"] for name in case.values()]
        for number, call in enumerate(calls(case.row)):
            moves = [by if call.by == "by" else [int(call.by)] * total] if call.by else []
            found[dtype, number] = of_call(case.row, call, dtype, flags, [*operands, *moves])
    return found


def of_call(row: Intrinsic, call: Call, dtype: Numeric, flags: list[int], columns: list[list[Any]]) -> dict[int, Any]:
    """Return what each thread that runs a call stores last."""
    found: dict[int, Any] = {}
    for threads in simdgroups(len(flags)):
        lanes = [tuple(column[i] for column in columns) for i in threads]
        lanes += [tuple(type(x)(0) for x in lanes[0])] * (32 - len(lanes))  # no thread: never active
        together = [set(rounds(call, flags[i])) for i in threads]
        for i in threads:
            for here in rounds(call, flags[i])[-1:]:
                active = [lane for lane, others in enumerate(together) if here in others]
                found[i] = truth(row.name, i - threads[0], lanes, active, dtype, **call.attrs)
    return found


def arrays_of(case: Case, total: int) -> list[Array]:
    """Return the arrays that `given` says."""
    flags, by, inputs = given(case, total)
    arrays = [np.array(flags, np.uint32), np.array(by, np.uint32)]
    return arrays + [np.array(inputs[name], dtype.numpy) for name, dtype in case.inputs().items()]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_lanes_that_are_there_and_active_take_part(case: Case, target: str) -> None:
    wrong: list[str] = []
    runtime = TARGETS[target]()
    if target == "sim" and case.row.together is not None:
        with pytest.raises(enigma.EnigmaError, match="not reached by every thread of the simdgroup"):
            launch(runtime, case, arrays_of(case, 63), 63)
        return
    for total in TOTALS:
        outputs = launch(runtime, case, arrays_of(case, total), total)
        for (dtype, number), expected in wanted(case, total).items():
            got = exact.values(outputs[dtype][number], case.out(dtype))
            for i, want in expected.items():
                if got[i] != want:
                    call = calls(case.row)[number]
                    wrong.append(f"{dtype.name} {call}, thread {i} of {total}: {got[i]!r}, not {want!r}")
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:12])


@pytest.mark.parametrize("case", [c for c in cases() if c.row.together is None], ids=lambda case: case.name)
def test_floats_that_round_are_within_the_tolerance_of_the_row(case: Case) -> None:
    total, floats = 64 + 45, [dtype for dtype in case.dtypes if dtype.is_float]
    arrays = [np.zeros(total, np.uint32), np.zeros(total, np.uint32)]
    arrays += [
        operands(case.row, {name.split("_")[0]: dtype}, extreme=False)[name.split("_")[0]][:total]
        for name, dtype in case.inputs().items()
    ]
    sim, cpu = (launch(runtime(), case, arrays, total) for runtime in TARGETS.values()) if floats else ({}, {})
    for dtype in floats:
        limit = case.row.ulp.get(dtype, 0.0)
        assert np.all(ulps_apart(cpu[dtype].reshape(-1), sim[dtype].reshape(-1), dtype) <= limit), dtype
