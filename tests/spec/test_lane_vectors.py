"""The functions across lanes on vectors: each component by itself, against loops over lanes in plain Python (pitfall 27)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import enigma
from enigma.compile import compile as compile_kernel
from enigma.dtypes import WIDTHS, Numeric, b1, u8, widened
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.terms import ANY_LANES, Var
from tests.msl.check import assert_legal, clang_available
from tests.spec import exact
from tests.spec.forms import lane_rows, load
from tests.spec.lane_truths import numbers, truth
from tests.spec.test_lane_targets import UNIFORM

# what Metal leaves undefined has a harmless meaning here, which these tests pin down
TARGETS = {"sim": lambda: enigma.SimRuntime(check=False), "cpu": enigma.CpuRuntime}
THREADS = 64
TOTALS = (1, 64 + 45)


@dataclass(frozen=True)
class Case:
    """A row on vectors of one dtype."""

    row: Intrinsic
    dtype: Numeric
    lanes: int

    @property
    def name(self) -> str:
        return f"{self.row.name}_{self.dtype.name}x{self.lanes}"

    def source(self) -> str:
        """The kernel: the row in all threads, and in those of a branch; bools come and go as bytes."""
        held = widened(u8 if self.dtype is b1 else self.dtype, self.lanes).name
        vectors = [name for name, term in self.row.operands.items() if isinstance(term, Var)]
        rest = ["by"] if len(vectors) < len(self.row.operands) else []
        read = " != 0" if self.dtype is b1 else ""
        call = f"en.{self.row.name}({', '.join([*vectors, *rest])})"
        stored = f"{call}.to(en.u8)" if self.dtype is b1 else call
        params = ", ".join(f"{name}_in: en.{held}" for name in vectors)
        lines = [
            "@en.kernel", f"def {self.name}({params}, flags: en.u32, by_in: en.u32, out: en.{held}, some: en.{held}):",
            "    i = en.thread_position_in_grid", "    by = by_in[i]",
            *(f"    {name} = {name}_in[i]{read}" for name in vectors),
            f"    out[i] = {stored}", "    if flags[i] != 0:", f"        some[i] = {stored}",
        ]  # fmt: skip
        return "\n".join(lines) + "\n"


def rows() -> list[Intrinsic]:
    return [row for row in lane_rows() if row.by_component]


@cache
def cases() -> tuple[Case, ...]:
    """Every row with every dtype; the widths take turns, so that each dtype meets all of them in some row."""
    return tuple(
        Case(row, dtype, WIDTHS[(k + n) % 3])
        for k, row in enumerate(rows())
        for n, dtype in enumerate(row.variables[0].dtypes)
    )


@cache
def module() -> ModuleType:
    return load("\n\n".join(case.source() for case in cases()), "lane_vectors")


def wanted(case: Case, columns: list[Any], by: list[int], active: list[bool]) -> list[list[Any] | None]:
    """Return the components that each active thread gets."""
    found: list[list[Any] | None] = [None] * len(by)
    moves = len(columns) < len(case.row.operands)
    for start in range(0, len(by), 32):
        threads = range(start - start % THREADS % 32, min(start + 32, len(by)))
        here = [i - start for i in threads if active[i]]
        for i in threads:
            if not active[i]:
                continue
            found[i] = []
            for c in range(case.lanes):
                given = [
                    (*(column[t * case.lanes + c] for column in columns), *([by[t]] if moves else [])) for t in threads
                ]
                given += [tuple(type(x)(0) for x in given[0])] * (32 - len(given))
                attrs = {name: case.row.defaults[name] for name in case.row.attributes}
                found[i].append(truth(case.row.name, i - start, given, here, case.dtype, **attrs))
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_pitfall_27_each_component_is_reduced_and_moved_by_itself(row: Intrinsic) -> None:
    wrong: list[str] = []
    for case in (each for each in cases() if each.row is row):
        program = compile_kernel(getattr(module(), case.name), emit_only=True).program
        count = sum(isinstance(term, Var) for term in row.operands.values())
        for total in TOTALS:
            chance = random.Random(f"{case.name} {total}")
            by = [chance.randrange(34) for _ in range(total)]
            if any(word in row.name for word in UNIFORM):
                by = [by[i // 32 * 32] for i in range(total)]
            # what needs all lanes is refused by the simulator in a branch that only some take
            flags = [1 if row.together is not None else chance.randrange(3) for _ in range(total)]
            columns = [numbers(case.dtype, total * case.lanes, seed) for seed in range(count)]
            held = u8 if case.dtype is b1 else case.dtype
            arrays = [np.array(column, case.dtype.numpy).astype(held.numpy) for column in columns]
            want = [wanted(case, columns, by, [True] * total), wanted(case, columns, by, [flag != 0 for flag in flags])]
            for target, runtime in TARGETS.items():
                outputs = [np.zeros(total * case.lanes, held.numpy) for _ in range(2)]
                runtime().run(
                    program, [*arrays, np.array(flags, np.uint32), np.array(by, np.uint32), *outputs], total, THREADS
                )
                for part, (output, expected) in enumerate(zip(outputs, want, strict=True)):
                    got = exact.values(output.astype(case.dtype.numpy), case.dtype)
                    for i, components in enumerate(expected):
                        if components is not None and got[i * case.lanes : (i + 1) * case.lanes] != components:
                            wrong.append(f"{target} {case.name} part {part}, thread {i} of {total}: not {components}")
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:12])


@pytest.mark.parametrize("prefix", ["simd", "quad"])
def test_the_metal_of_vectors_is_legal(prefix: str) -> None:
    if not clang_available():
        pytest.skip("clang-22 is not installed")
    source = [case for case in cases() if case.row.name.startswith(prefix)]
    for case in source[::5]:
        assert_legal(compile_kernel(getattr(module(), case.name), emit_only=True).metal_source, msl_version=(3, 1))


def test_every_row_on_numbers_takes_vectors() -> None:
    assert all(row.by_component for row in lane_rows() if row.variables)
    assert all(var.lanes == ANY_LANES for row in rows() for var in row.variables)


def test_metal_takes_whole_vectors_where_it_has_them() -> None:
    @enigma.kernel
    def nearest(points: enigma.f32x3, low: enigma.f32x3, keys: enigma.u64x2):
        i = enigma.thread_position_in_grid
        low[i] = enigma.simd_min(points[i])
        keys[i] = enigma.simd_broadcast(keys[i], 0)

    text = compile_kernel(nearest, emit_only=True).metal_source
    assert "low[i] = simd_min(float3(points[i]));" in text
    assert "as_type<ulong>(simd_broadcast(as_type<uint2>(" in text
